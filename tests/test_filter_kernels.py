import numpy as np
import pytest

from cisflow.filter_kernels import add_words, bases_of_words, find_sites, measure_filters, sum_exponentials
from cisflow.vector_lanes import LANES

# sequences, filters, width, length
SHAPES = [
    (7, 40, 19, 101),
    (3, 16, 24, 60),
    (5, 3, 8, 30),
    (4, 17, 1, 12),
    (6, 1, 13, 13),
    (2, 5, 37, 50),
    (0, 4, 8, 20),
]


def drawn(n_sequences, n_filters, width, length, seed=0):
    """Base codes, some of them unknown; weights and biases."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n_sequences, length), dtype=np.uint8)
    codes[rng.random(codes.shape) < 0.1] = 4
    weight = rng.normal(scale=0.5, size=(n_filters, 4, width)).astype(np.float32)
    return codes, weight, rng.normal(size=n_filters).astype(np.float32)


def values_of(codes, weight, bias):
    """Values of all filters at all positions in double precision, from one-hot windows: (N, F, positions)."""
    one_hot = (codes[:, None] == np.arange(4)[:, None]).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(one_hot, weight.shape[2], axis=2)
    return np.einsum("nbpk,fbk->nfp", windows, weight.astype(float)) + bias[:, None]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_maxima_and_sums_are_those_of_the_values(shape):
    codes, weight, bias = drawn(*shape)
    expected = values_of(codes, weight, bias)
    n_filters, positions, padded = len(bias), expected.shape[2], -(-len(bias) // LANES) * LANES
    for floor in (0, -np.inf, 0.7):
        maxima, sums = np.empty(padded, dtype=np.float32), np.empty(padded)
        measure_filters(codes, weight, bias, np.float32(floor), positions, None, maxima, sums)
        if len(codes):
            assert maxima[:n_filters] == pytest.approx(expected.max(axis=(0, 2)), abs=1e-5)
        raised = np.maximum(expected, floor)
        assert sums[:n_filters] == pytest.approx(raised.sum(axis=(0, 2)), rel=1e-5, abs=1e-4 * positions)
    values = np.empty((len(codes), positions, padded), dtype=np.float32)
    measure_filters(codes, weight, bias, np.float32(0), positions, values, maxima, sums)
    assert values[..., :n_filters].transpose(0, 2, 1) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_of_exponentials(shape):
    codes, weight, bias = drawn(*shape)
    expected = np.exp(values_of(codes, weight, bias))
    sums = np.empty(-(-len(bias) // LANES) * LANES)
    sum_exponentials(codes, weight, bias, expected.shape[2], sums)
    assert sums[: len(bias)] == pytest.approx(expected.sum(axis=(0, 2)), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sites_are_all_positions_above_the_cutoff(shape):
    codes, weight, bias = drawn(*shape)
    expected = values_of(codes, weight, bias)
    n_filters, positions = len(bias), expected.shape[2]
    # Between two values, so that rounding decides nothing; from no site at all to all positions.
    ranks = np.linspace(0, 1, n_filters) if len(codes) else np.zeros(n_filters)
    ordered = np.sort(expected.transpose(1, 0, 2).reshape(n_filters, -1), axis=1)
    ordered = np.hstack([np.full((n_filters, 1), -1e6), ordered, np.full((n_filters, 1), 1e6)])
    place = (ranks * (ordered.shape[1] - 2)).astype(int)
    cutoff = ((ordered[range(n_filters), place] + ordered[range(n_filters), place + 1]) / 2).astype(np.float32)
    row, number, position, value = find_sites(codes, weight, bias, cutoff, positions)
    found = set(zip(row.tolist(), number.tolist(), position.tolist(), strict=True))
    assert len(found) == len(row)
    gap = np.abs(expected - cutoff[:, None]) < 1e-5
    wanted = {tuple(site) for site in np.argwhere((expected > cutoff[:, None]) & ~gap).tolist()}
    assert found - {tuple(site) for site in np.argwhere(gap).tolist()} == wanted
    assert value == pytest.approx(expected[row, number, position], abs=1e-5)


@pytest.mark.parametrize("span", [1, 2, 3, 8, 19, 24])
def test_bases_at_sites_are_counted(span):
    rng = np.random.default_rng(span)
    codes = rng.choice(5, p=[0.22] * 4 + [0.12], size=(9, 40)).astype(np.uint8)
    n_sites, background = 200, (0.4, 0.3, 0.2, 0.1)
    row, number = rng.integers(9, size=n_sites, dtype=np.int32), rng.integers(3, size=n_sites, dtype=np.int32)
    start = rng.integers(40 - span + 1, size=n_sites, dtype=np.int32)
    start[:9], row[:9] = 40 - span, np.arange(9)  # at the very end of each sequence
    weight = rng.random(n_sites).astype(np.float32)
    expected = np.zeros((3, span, 4))
    for site in range(n_sites):
        for place in range(span):
            base = codes[row[site], start[site] + place]
            expected[number[site], place] += weight[site] * (np.eye(4)[base] if base < 4 else np.array(background))
    words = np.zeros((3, -(-span // 3), 125))
    half = n_sites // 2
    add_words(codes, row[:half], number[:half], start[:half], weight[:half], words)
    add_words(codes, row[half:], number[half:], start[half:], weight[half:], words)
    assert bases_of_words(words, span, background) == pytest.approx(expected)
