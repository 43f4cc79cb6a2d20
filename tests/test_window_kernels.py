import numpy as np
import pytest

from cisflow.window_kernels import LANES, add_best_windows, find_best_windows

# networks, sequences, filters, width, length, bases of padding at the left and the right
SHAPES = [
    (1, 9, 128, 24, 101, 11, 12),
    (5, 4, 16, 24, 101, 0, 0),
    (5, 7, 3, 19, 60, 9, 9),
    (1, 6, 1, 13, 40, 0, 0),
    (2, 5, 17, 1, 12, 0, 0),
    (1, 8, 20, 7, 7, 0, 0),  # one position
    (2, 6, 33, 30, 40, 14, 15),  # wider than half a sequence
    (1, 5, 2, 25, 9, 12, 12),  # wider than a sequence
    (1, 0, 4, 8, 20, 0, 0),
]


def drawn(shape, seed=0):
    """Base codes, some unknown, weights and biases."""
    n_networks, n_sequences, n_filters, width, length, *_ = shape
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n_networks, n_sequences, length), dtype=np.uint8)
    codes[rng.random(codes.shape) < 0.1] = 4
    weight = rng.normal(size=(n_networks, n_filters, 4, width)).astype(np.float32)
    return codes, weight, rng.normal(size=(n_networks, n_filters)).astype(np.float32)


def found_by_us(codes, weight, bias, left, right):
    n_networks, n_sequences, length = codes.shape
    n_filters, width = weight.shape[1], weight.shape[3]
    best = np.empty((n_networks, n_sequences, -(-n_filters // LANES) * LANES), dtype=np.float32)
    where = np.empty(best.shape, dtype=np.int32)
    find_best_windows(codes, weight, bias, left, left + length + right - width + 1, best, where)
    return best[:, :, :n_filters], where


def windows_of(codes, width, left, right):
    """One-hot windows at all positions, float64: (M, N, positions, 4, width)."""
    one_hot = (codes[:, :, None] == np.arange(4)[:, None]).astype(np.float64)
    padded = np.pad(one_hot, ((0, 0), (0, 0), (0, 0), (left, right)))
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=3).transpose(0, 1, 3, 2, 4)


@pytest.mark.parametrize("shape", SHAPES)
def test_best_windows_are_those_of_all_windows_in_double_precision(shape):
    codes, weight, bias = drawn(shape)
    windows = windows_of(codes, shape[3], *shape[5:])
    values = np.einsum("mnpbk,mfbk->mnfp", windows, weight) + bias[:, None, :, None]
    best, where = found_by_us(codes, weight, bias, *shape[5:])
    np.testing.assert_allclose(best, values.max(axis=3), rtol=1e-6, atol=1e-5)
    at_where = np.take_along_axis(values, where[:, :, : shape[2], None], axis=3)[..., 0]
    np.testing.assert_allclose(at_where, values.max(axis=3), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_bases_of_the_best_windows(shape):
    codes, weight, bias = drawn(shape)
    _, where = found_by_us(codes, weight, bias, *shape[5:])
    gradient = np.random.default_rng(1).normal(size=(*codes.shape[:2], shape[2])).astype(np.float32)
    gradient[gradient < -1] = 0
    windows = windows_of(codes, shape[3], *shape[5:])
    chosen = np.take_along_axis(windows, where[:, :, : shape[2], None, None].astype(np.int64), axis=2)
    found = np.full_like(weight, np.nan)
    add_best_windows(codes, gradient, where, shape[5], found)
    np.testing.assert_allclose(found, np.einsum("mnfbk,mnf->mfbk", chosen, gradient), rtol=1e-5, atol=1e-5)


def test_of_equal_windows_the_first_is_taken():
    weight = np.zeros((1, 2, 4, 3), dtype=np.float32)
    weight[0, 0, 0, 0] = 1  # an A, whatever follows; the other filter likes all windows alike
    codes = np.array([[[2, 0, 1, 2, 0, 3, 3, 0, 0, 0]]], dtype=np.uint8)
    best, where = found_by_us(codes, weight, np.zeros((1, 2), dtype=np.float32), 0, 0)
    assert best.tolist() == [[[1, 0]]]
    assert where[0, 0, :2].tolist() == [1, 0]


def test_sequences_do_not_hang_on_those_beside_them_nor_networks_on_each_other():
    codes, weight, bias = drawn((3, 8, 20, 24, 101))
    best, where = found_by_us(codes, weight, bias, 11, 12)
    for network in range(3):
        for sequence in range(8):
            one = slice(network, network + 1)
            alone = found_by_us(codes[one, sequence : sequence + 1], weight[one], bias[one], 11, 12)
            np.testing.assert_array_equal(alone[0][0, 0], best[network, sequence])
            np.testing.assert_array_equal(alone[1][0, 0, :20], where[network, sequence, :20])


def test_every_code_above_three_is_an_unknown_base():
    codes, weight, bias = drawn((1, 6, 8, 12, 50))
    others = np.where(codes == 4, np.uint8(200), codes)
    for one, other in zip(found_by_us(codes, weight, bias, 0, 0), found_by_us(others, weight, bias, 0, 0), strict=True):
        np.testing.assert_array_equal(one[:, :, :8], other[:, :, :8])


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_filter_with_a_weight_that_is_not_finite_has_no_value(number):
    """As in a convolution, so that a training that diverges is seen; a maximum of numbers would pass over it."""
    codes, weight, bias = drawn((1, 4, 20, 10, 30))
    weight[0, 3, 2, 7] = number
    bias[0, 18] = np.nan
    best, _ = found_by_us(codes, weight, bias, 0, 0)
    assert np.flatnonzero(np.isnan(best).all(axis=(0, 1))).tolist() == [3, 18]
    assert np.isfinite(np.delete(best, [3, 18], axis=2)).all()


def test_kernels_are_compiled_once():
    """Another type or layout of an array would cost seconds more at the first call of every job."""
    for shape in SHAPES[:2]:
        codes, weight, bias = drawn(shape)
        _, where = found_by_us(codes, weight, bias, *shape[5:])
        add_best_windows(codes, np.zeros((*codes.shape[:2], shape[2]), dtype=np.float32), where, shape[5], weight)
    assert len(find_best_windows.signatures) == len(add_best_windows.signatures) == 1
