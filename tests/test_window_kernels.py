import numpy as np
import pytest

from cisflow.vector_lanes import LANES
from cisflow.window_kernels import add_best_windows, count_bases, find_best_windows

# networks, sequences, filters, width, length, bases of padding at the left and the right, positions of a pool
SHAPES = [
    (1, 9, 128, 24, 101, 11, 12, 101),  # one pool of all positions
    (5, 4, 16, 24, 101, 0, 0, 78),
    (1, 9, 40, 19, 101, 9, 9, 25),
    (3, 4, 16, 12, 50, 0, 0, 4),
    (2, 7, 3, 19, 60, 9, 9, 60),
    (1, 6, 1, 13, 40, 0, 0, 1),
    (2, 5, 17, 1, 12, 0, 0, 5),  # positions that no pool takes
    (1, 8, 20, 7, 7, 0, 0, 1),  # one position
    (2, 6, 33, 30, 40, 14, 15, 7),  # wider than half a sequence
    (1, 5, 2, 25, 9, 12, 12, 3),  # wider than a sequence
    (2, 3, 5, 70, 200, 34, 35, 9),  # two bases farther apart than a machine word has bits
    (1, 2, 4, 3, 130, 1, 1, 64),
    (1, 2, 4, 3, 128, 1, 1, 2),  # positions that fill machine words
    (1, 0, 4, 8, 20, 0, 0, 3),
]


def drawn(shape):
    """Base codes, some unknown and some stretches of one base; weights and biases."""
    n_networks, n_sequences, n_filters, width, length, *_ = shape
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (n_networks, n_sequences, length), dtype=np.uint8)
    codes[rng.random(codes.shape) < 0.1] = 4
    codes[:, ::2, : length // 2] = codes[:, ::2, :1]
    weight = rng.normal(size=(n_networks, n_filters, 4, width)).astype(np.float32)
    return codes, weight, rng.normal(size=(n_networks, n_filters)).astype(np.float32)


def found_by_us(codes, weight, bias, left, right, pool, with_sums=True):
    n_networks, n_sequences, length = codes.shape
    n_filters, width = weight.shape[1], weight.shape[3]
    positions = left + length + right - width + 1
    best = np.empty((n_networks, n_sequences, positions // pool, -(-n_filters // LANES) * LANES), dtype=np.float32)
    where, sums = np.empty(best.shape, dtype=np.int32), np.empty((n_networks, 2, best.shape[3])) if with_sums else None
    find_best_windows(codes, weight, bias, left, positions, pool, best, where, sums)
    return best[..., :n_filters], where, sums[..., :n_filters] if with_sums else None


def windows_of(codes, width, left, right):
    """One-hot windows at all positions, float64: (M, N, positions, 4, width)."""
    one_hot = (codes[:, :, None] == np.arange(4)[:, None]).astype(np.float64)
    padded = np.pad(one_hot, ((0, 0), (0, 0), (0, 0), (left, right)))
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=3).transpose(0, 1, 3, 2, 4)


def values_of(windows, weight, bias):
    """Values of all filters at all positions in double precision: (M, N, positions, F)."""
    return np.einsum("mnpbk,mfbk->mnpf", windows, weight) + bias[:, None, None, :]


def pooled(values, pool):
    """The values by pools: (M, N, pools, pool, F)."""
    n_pools = values.shape[2] // pool
    return values[:, :, : n_pools * pool].reshape(*values.shape[:2], n_pools, pool, values.shape[3])


@pytest.mark.parametrize("shape", SHAPES)
def test_best_windows_of_each_pool_are_those_of_all_windows(shape):
    codes, weight, bias = drawn(shape)
    values = values_of(windows_of(codes, shape[3], *shape[5:7]), weight, bias)
    best, where, _ = found_by_us(codes, weight, bias, *shape[5:])
    by_pool = pooled(values, shape[7])
    np.testing.assert_allclose(best, by_pool.max(axis=3), rtol=1e-6, atol=1e-5)
    within = where[..., : shape[2]] - shape[7] * np.arange(best.shape[2])[:, None]
    assert ((within >= 0) & (within < shape[7])).all()
    at_where = np.take_along_axis(by_pool, within[:, :, :, None], axis=3)[:, :, :, 0]
    np.testing.assert_allclose(at_where, by_pool.max(axis=3), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_of_all_positions(shape):
    codes, weight, bias = drawn(shape)
    values = values_of(windows_of(codes, shape[3], *shape[5:7]), weight, bias)
    _, _, sums = found_by_us(codes, weight, bias, *shape[5:])
    scale = np.abs(values).sum(axis=(1, 2))
    np.testing.assert_allclose((sums[:, 0] - values.sum(axis=(1, 2))) / np.maximum(scale, 1), 0, atol=1e-6)
    np.testing.assert_allclose(sums[:, 1], (values**2).sum(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_sums_the_rest_is_the_same(shape):
    numbers = drawn(shape)
    best, where, sums = found_by_us(*numbers, *shape[5:], with_sums=False)
    with_sums = found_by_us(*numbers, *shape[5:])
    np.testing.assert_array_equal(best, with_sums[0])
    np.testing.assert_array_equal(where[..., : shape[2]], with_sums[1][..., : shape[2]])
    assert sums is None


def test_the_first_of_equal_windows_is_taken():
    codes = np.zeros((1, 2, 30), dtype=np.uint8)
    weight, bias = np.ones((1, 3, 4, 5), dtype=np.float32), np.zeros((1, 3), dtype=np.float32)
    _, where, _ = found_by_us(codes, weight, bias, 0, 0, 6)
    assert where[0, :, :, :3].tolist() == [[[6 * number] * 3 for number in range(4)]] * 2


def test_sequences_do_not_hang_on_those_beside_them_nor_networks_on_each_other():
    shape = (3, 8, 20, 24, 101, 11, 12, 20)
    codes, weight, bias = drawn(shape)
    best, where, _ = found_by_us(codes, weight, bias, *shape[5:])
    for network in range(3):
        for sequence in range(8):
            one = slice(network, network + 1)
            alone = found_by_us(codes[one, sequence : sequence + 1], weight[one], bias[one], *shape[5:])
            np.testing.assert_array_equal(alone[0][0, 0], best[network, sequence])
            np.testing.assert_array_equal(alone[1][0, 0, :, :20], where[network, sequence, :, :20])


def test_every_code_above_three_is_an_unknown_base():
    codes, weight, bias = drawn((1, 6, 8, 12, 50))
    others = np.where(codes == 4, np.uint8(200), codes)
    given = (found_by_us(known, weight, bias, 0, 0, 13) for known in (codes, others))
    for one, other in zip(*given, strict=True):
        np.testing.assert_array_equal(one[..., :8], other[..., :8])


@pytest.mark.parametrize("with_sums", [True, False])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_filter_with_a_weight_that_is_not_finite_has_no_value(number, with_sums):
    """As in a convolution, so that a training that diverges is seen; a maximum of numbers would pass over it."""
    codes, weight, bias = drawn((1, 4, 20, 10, 30))
    weight[0, 3, 2, 7] = number
    bias[0, 18] = np.nan
    best, _, sums = found_by_us(codes, weight, bias, 0, 0, 7, with_sums)
    assert np.flatnonzero(np.isnan(best).all(axis=(0, 1, 2))).tolist() == [3, 18]
    assert np.isfinite(np.delete(best, [3, 18], axis=3)).all()
    if with_sums:
        assert np.isnan(sums[0][:, [3, 18]]).all()
        assert np.isfinite(np.delete(sums, [3, 18], axis=2)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_bases_of_the_best_windows(shape):
    codes, weight, bias = drawn(shape)
    best, where, _ = found_by_us(codes, weight, bias, *shape[5:])
    gradient = np.random.default_rng(1).normal(size=best.shape).astype(np.float32)
    gradient[np.random.default_rng(2).random(best.shape) < 0.3] = 0
    windows = windows_of(codes, shape[3], *shape[5:7])
    expected = np.zeros(weight.shape)
    for m, n, p, f in np.ndindex(best.shape):
        expected[m, f] += gradient[m, n, p, f] * windows[m, n, where[m, n, p, f]]
    given = np.full_like(weight, np.nan)
    add_best_windows(codes, gradient, where, shape[5], given)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_bases_and_pairs_are_counted_over_all_windows(shape):
    codes, _, _ = drawn(shape)
    width = shape[3]
    windows = windows_of(codes, width, *shape[5:7])
    singles = np.full((len(codes), 4, width), -1, dtype=np.float32)
    pairs = np.full((len(codes), 4, width, 4, width), -1, dtype=np.float32)
    count_bases(codes, shape[5], windows.shape[2], singles, pairs)
    assert np.array_equal(singles, windows.sum(axis=(1, 2)))
    flat = windows.reshape(len(codes), -1, 4 * width)
    assert np.array_equal(pairs.reshape(len(codes), 4 * width, 4 * width), flat.transpose(0, 2, 1) @ flat)
