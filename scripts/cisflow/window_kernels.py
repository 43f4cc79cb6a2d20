"""Compiled sums of 3-mer weights over base codes: the best window of each filter within each pool, and its gradient.

A convolution over one-hot bases adds one weight for each base under the filter. Three neighbouring bases are one of
125 words of A, C, G, T and unknown, so the weights of all words are added up beforehand, and a filter of width 24 takes
eight additions a position; sixteen filters are added at once. A gradient reaches one window of each pool and filter:
the bases of that window, times the gradient, are added to the filter.

For batch norm the sums of all values are taken along; the gradient that it sends to every position needs no position,
only how often each two bases stand at each two places of a window.

Codes are 0 to 3 for A, C, G, T; any other is an unknown base, which weighs nothing, as does padding.
"""

import numba
import numpy as np

from cisflow.alphabet import UNKNOWN
from cisflow.vector_lanes import LANES, add, add_product, aligned, choose, exceeds, load, ones, spread, store

WORD = 3  # bases of a word
N_WORDS = 5**WORD
GROUPS = 4  # words that are added in one turn; filters are filled up with words of no weight to a multiple
BITS = 64  # bases of one kind that a machine word marks


@numba.njit(cache=True, nogil=True)
def tabulate(weight, first, groups, by_base, table):
    """Weights of every word in each group of three columns, for sixteen filters from `first`: (groups, words, 16)."""
    n_filters, _, width = weight.shape
    by_base[:] = 0
    for lane in range(min(LANES, n_filters - first)):
        for base in range(4):
            for column in range(width):
                by_base[(column * 5 + base) * LANES + lane] = weight[first + lane, base, column]
    for group in range(groups):
        for a in range(5):
            one = load(by_base, (WORD * group * 5 + a) * LANES)
            for b in range(5):
                two = add(one, load(by_base, ((WORD * group + 1) * 5 + b) * LANES))
                for c in range(5):
                    three = add(two, load(by_base, ((WORD * group + 2) * 5 + c) * LANES))
                    store(table, (group * N_WORDS + a * 25 + b * 5 + c) * LANES, three)


@numba.njit(cache=True, nogil=True)
def find_words(codes, left, padded, words):
    """Where the row of the word that begins at each position stands in a table; `padded` is room for the codes."""
    padded[:] = UNKNOWN
    for position in range(min(len(codes), len(padded) - left)):
        padded[left + position] = min(codes[position], np.uint8(UNKNOWN))
    for position in range(len(words)):
        a, b, c = padded[position], padded[position + 1], padded[position + 2]
        words[position] = (np.uint16(a) * np.uint16(25) + np.uint16(b) * np.uint16(5) + np.uint16(c)) * np.uint16(LANES)


@numba.njit(cache=True, nogil=True)
def value_at(words, table, start, groups, position):
    """Values of sixteen filters at one position; `start` is what is added to the sum of the words."""
    step, total = N_WORDS * LANES, start
    for group in range(0, groups, GROUPS):
        word, at = position + WORD * group, group * step
        # Numba counts a signed index from the end if it is negative, and asks that of every one.
        one = add(load(table, at + words[np.uintp(word)]), load(table, at + step + words[np.uintp(word + WORD)]))
        two = add(
            load(table, at + 2 * step + words[np.uintp(word + 2 * WORD)]),
            load(table, at + 3 * step + words[np.uintp(word + 3 * WORD)]),
        )
        total = add(total, add(one, two))
    return total


@numba.njit(cache=True, nogil=True)
def find_best_windows(codes, weight, bias, left, n_positions, pool, best, where, sums):
    """Largest value of every filter within each pool, the first position that has it, and sums of all values.

    Parameters
    ----------
    codes : array of uint8, shape (M, N, L)
        Contiguous, as are the others.
    weight : array of float32, shape (M, F, 4, K)
    bias : array of float32, shape (M, F)
    left : int
        Unknown bases before the first base, seen by the first position.
    n_positions : int
    pool : int
        Positions of a pool; those beyond the last full pool count in the sums only.
    best : array of float32, shape (M, N, n_positions // pool, F rounded up to a multiple of 16)
        Written, as are the next. Not a number where a weight of the filter is not finite, as in a convolution.
    where : array of int32, shape of `best`
    sums : array of float64, shape (M, 2, as many filters), or None
        Of the values and of their squares. Those of a sequence are added in single precision: choose biases that bring
        the values near 0. None spares the additions: numba compiles a kernel without them.
    """
    n_networks, n_sequences, _ = codes.shape
    _, n_filters, _, width = weight.shape
    n_pools = n_positions // pool
    groups = -(-width // (WORD * GROUPS)) * GROUPS
    by_base = aligned(WORD * groups * 5 * LANES)
    table = aligned(groups * N_WORDS * LANES)
    padded_bias, of_sequence = aligned(LANES), aligned(2 * LANES)
    words = np.empty((n_sequences, n_positions + WORD * (groups - 1)), dtype=np.uint16)
    padded = np.empty(words.shape[1] + WORD - 1, dtype=np.uint8)
    if sums is not None:
        sums[:] = 0
    for network in range(n_networks):
        for sequence in range(n_sequences):
            find_words(codes[network, sequence], left, padded, words[sequence])
        for first in range(0, n_filters, LANES):
            tabulate(weight[network], first, groups, by_base, table)
            padded_bias[:] = 0
            for lane in range(min(LANES, n_filters - first)):
                padded_bias[lane] = bias[network, first + lane]
            start = load(padded_bias, 0)
            for row in range(0, len(by_base), LANES):
                # 0, unless a weight is not finite: no number, as the zeros of one-hot bases times it are none.
                start = add_product(start, load(by_base, row), spread(np.float32(0)))
            for sequence in range(n_sequences):
                total, squares = spread(np.float32(0)), spread(np.float32(0))
                for window in range(n_pools):
                    largest, found = spread(np.float32(-np.inf)), spread(np.int32(0))
                    for position in range(window * pool, (window + 1) * pool):
                        value = value_at(words[sequence], table, start, groups, position)
                        if sums is not None:
                            total = add(total, value)
                            squares = add_product(squares, value, value)
                        larger = exceeds(value, largest)
                        largest = choose(larger, value, largest)
                        found = choose(larger, spread(np.int32(position)), found)
                    store(best[network, sequence, window], first, largest)
                    store(where[network, sequence, window], first, found)
                if sums is not None:
                    for position in range(n_pools * pool, n_positions):
                        value = value_at(words[sequence], table, start, groups, position)
                        total = add(total, value)
                        squares = add_product(squares, value, value)
                    store(of_sequence, 0, total)
                    store(of_sequence, LANES, squares)
                    for lane in range(LANES):
                        sums[network, 0, first + lane] += of_sequence[lane]
                        sums[network, 1, first + lane] += of_sequence[LANES + lane]


@numba.njit(cache=True, nogil=True)
def add_best_windows(codes, gradient, where, left, weight_gradient):
    """Sum over sequences and pools of the bases under each filter's best window, times the gradient of its value.

    Parameters
    ----------
    codes : array of uint8, shape (M, N, L)
        Contiguous, as are the others.
    gradient : array of float32, shape (M, N, pools, F)
    where : array of int32, shape (M, N, pools, at least F)
        From `find_best_windows`.
    left : int
        As there.
    weight_gradient : array of float32, shape (M, F, 4, K)
        Written.
    """
    n_networks, n_sequences, length = codes.shape
    _, n_filters, _, width = weight_gradient.shape
    row = -(-4 * width // LANES) * LANES
    one_hot = np.empty((left + length + width + LANES // 4, 4), dtype=np.float32)
    sums = aligned(n_filters * row)
    for network in range(n_networks):
        sums[:] = 0
        for sequence in range(n_sequences):
            one_hot[:] = 0
            for position in range(length):
                code = codes[network, sequence, position]
                if code < UNKNOWN:
                    one_hot[left + position, code] = 1
            for window in range(gradient.shape[2]):
                for number in range(n_filters):
                    # Of 0 too: to ask, behind a relu, costs more by wrong guesses of the processor than to add.
                    lanes = spread(gradient[network, sequence, window, number])
                    at = 4 * where[network, sequence, window, number]
                    for column in range(0, row, LANES):
                        to = number * row + column
                        store(sums, to, add_product(load(sums, to), lanes, load(one_hot, at + column)))
        for number in range(n_filters):
            for base in range(4):
                for column in range(width):
                    weight_gradient[network, number, base, column] = sums[number * row + 4 * column + base]


@numba.njit(cache=True, nogil=True)
def count_bases(codes, left, n_positions, singles, pairs):
    """How often each base, and each two bases, stand at each place and each two places of a window, over all windows.

    Two bases a distance apart are counted once for the first window's first place: bits mark where a base stands. From
    one place to the next, the pairs at the two ends of the sequence alone differ.

    Parameters
    ----------
    codes : array of uint8, shape (M, N, L)
    left : int
        Unknown bases before the first base, seen by the first position.
    n_positions : int
    singles : array of float32, shape (M, 4, K)
        Written, as is the next.
    pairs : array of float32, shape (M, 4, K, 4, K)
    """
    n_networks, n_sequences, length = codes.shape
    width = singles.shape[2]
    padded = np.empty(n_positions + width - 1, dtype=np.uint8)
    n_words = (n_positions + BITS - 1) // BITS  # that hold the first places of all windows
    marks = np.empty((4, len(padded) // BITS + 3), dtype=np.uint64)
    firsts = np.empty((4, n_words), dtype=np.uint64)
    last = np.uint64(2**64 - 1) >> np.uint64(n_words * BITS - n_positions)
    counts = np.empty((width, 4, 4), dtype=np.int64)  # by distance: pairs whose first base is at a first place
    change = np.empty((width, width, 5, 5), dtype=np.int64)  # of them by distance and place, from a place to the next
    for network in range(n_networks):
        counts[:] = 0
        change[:] = 0
        for sequence in range(n_sequences):
            marks[:] = 0
            padded[:] = UNKNOWN
            for position in range(min(length, len(padded) - left)):
                code, at = codes[network, sequence, position], left + position
                if code < UNKNOWN:
                    padded[at] = code
                    marks[code, at // BITS] |= np.uint64(1) << np.uint64(at % BITS)
            for base in range(4):
                for word in range(n_words):
                    firsts[base, word] = marks[base, word]
                firsts[base, n_words - 1] &= last
            for distance in range(width):
                whole, part = distance // BITS, np.uint64(distance % BITS)
                for b in range(4):
                    for word in range(n_words):
                        shifted = marks[b, word + whole] >> part
                        if part:
                            shifted |= marks[b, word + whole + 1] << (np.uint64(BITS) - part)
                        for a in range(4):
                            counts[distance, a, b] += np.int64(ones(firsts[a, word] & shifted))
            for place in range(width - 1):
                leaves, comes = padded[place], padded[n_positions + place]
                for distance in range(width - 1 - place):
                    change[distance, place, leaves, padded[place + distance]] -= 1
                    change[distance, place, comes, padded[n_positions + place + distance]] += 1
        for distance in range(width):
            for place in range(width - distance):
                for a in range(4):
                    for b in range(4):
                        if place:
                            counts[distance, a, b] += change[distance, place - 1, a, b]
                        count = np.float32(counts[distance, a, b])
                        pairs[network, a, place, b, place + distance] = count
                        pairs[network, b, place + distance, a, place] = count
                    if distance == 0:
                        singles[network, a, place] = counts[0, a, a]
