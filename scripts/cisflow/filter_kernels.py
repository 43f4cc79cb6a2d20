"""Compiled passes of filters over base codes: maxima and sums of values, sites above a cutoff, and the bases there.

Values are sums of weights of 3-mer words, see `cisflow.window_kernels`. Bases at sites are counted by the same words:
seven additions for a site of 19 bases.
"""

import numba
import numpy as np

from cisflow.alphabet import UNKNOWN
from cisflow.vector_lanes import LANES, add, aligned, bits, choose, exceeds, load, multiply, ones, spread, store
from cisflow.window_kernels import GROUPS, N_WORDS, WORD, find_words, tabulate, value_at


@numba.njit(cache=True, nogil=True)
def prepare(codes, width, n_positions):
    """Words at all positions of all sequences, and room for the weights of sixteen filters."""
    groups = -(-width // (WORD * GROUPS)) * GROUPS
    words = np.empty((len(codes), n_positions + WORD * (groups - 1)), dtype=np.uint16)
    padded = np.empty(words.shape[1] + WORD - 1, dtype=np.uint8)
    for sequence in range(len(codes)):
        find_words(codes[sequence], 0, padded, words[sequence])
    return groups, words, aligned(WORD * groups * 5 * LANES), aligned(groups * N_WORDS * LANES)


@numba.njit(cache=True, nogil=True)
def lanes_of(numbers, first, fill, room):
    """Sixteen numbers from `first` on in lanes; what lies beyond the last is `fill`."""
    room[:] = fill
    for lane in range(min(LANES, len(numbers) - first)):
        room[lane] = numbers[first + lane]
    return load(room, 0)


@numba.njit(cache=True, nogil=True)
def measure_filters(codes, weight, bias, floor, n_positions, values, maxima, sums):
    """The largest value of every filter, and either all values or the sum of those raised to a floor.

    Parameters
    ----------
    codes : array of uint8, shape (N, L)
        0 to 3 for A, C, G, T; any other is unknown, which weighs nothing. Contiguous, as are the others.
    weight : array of float32, shape (F, 4, K)
        Finite, as are the biases.
    bias : array of float32, shape (F,)
    floor : float
        Smaller values count as this in the sums; 0 for a rectified linear unit, -infinity for the values themselves.
    n_positions : int
        L - K + 1; position p covers the bases p to p + K.
    values : array of float32, shape (N, n_positions, F rounded up to a multiple of 16), or None
        Written; with it, there are no sums.
    maxima : array of float32, shape (F rounded up,)
        Written.
    sums : array of float64, shape (F rounded up,)
        Written. Those of a sequence are added in single precision.
    """
    n_filters, _, width = weight.shape
    groups, words, by_base, table = prepare(codes, width, n_positions)
    room, of_sequence = aligned(LANES), aligned(LANES)
    lowest = spread(np.float32(floor))
    sums[:] = 0
    for first in range(0, n_filters, LANES):
        tabulate(weight, first, groups, by_base, table)
        start = lanes_of(bias, first, np.float32(0), room)
        largest = spread(np.float32(-np.inf))
        for sequence in range(len(codes)):
            total = spread(np.float32(0))
            for position in range(n_positions):
                value = value_at(words[sequence], table, start, groups, position)
                largest = choose(exceeds(value, largest), value, largest)
                if values is not None:
                    store(values[sequence, position], first, value)
                else:
                    total = add(total, choose(exceeds(value, lowest), value, lowest))
            if values is None:
                store(of_sequence, 0, total)
                for lane in range(LANES):
                    sums[first + lane] += of_sequence[lane]
        store(maxima, first, largest)


@numba.njit(cache=True, nogil=True)
def sum_exponentials(codes, weight, bias, n_positions, sums):
    """The sum of the exponentials of all values of every filter.

    The exponential of a sum of words is the product of their exponentials, which are made beforehand.

    Parameters
    ----------
    codes, weight, bias, n_positions
        As of `measure_filters`. The sizes of the largest weight of each column add up to less than 80, with that of the
        bias, so that no product leaves the range of float32.
    sums : array of float64, shape (F rounded up to a multiple of 16,)
        Written.
    """
    n_filters, _, width = weight.shape
    groups, words, by_base, table = prepare(codes, width, n_positions)
    room, of_sequence, step = aligned(LANES), aligned(LANES), N_WORDS * LANES
    sums[:] = 0
    for first in range(0, n_filters, LANES):
        tabulate(weight, first, groups, by_base, table)  # for the weights by base
        by_base[:] = np.exp(by_base)
        for row in range(groups * N_WORDS):
            group, word = row // N_WORDS, row % N_WORDS
            product = load(by_base, (WORD * group * 5 + word // 25) * LANES)
            product = multiply(product, load(by_base, ((WORD * group + 1) * 5 + word // 5 % 5) * LANES))
            store(table, row * LANES, multiply(product, load(by_base, ((WORD * group + 2) * 5 + word % 5) * LANES)))
        start = lanes_of(np.exp(bias), first, np.float32(0), room)
        for sequence in range(len(codes)):
            total, of_row = spread(np.float32(0)), words[sequence]
            for position in range(n_positions):
                value = start
                for group in range(0, groups, GROUPS):
                    at, word = group * step, position + WORD * group
                    one = multiply(
                        load(table, at + of_row[np.uintp(word)]), load(table, at + step + of_row[np.uintp(word + WORD)])
                    )
                    two = multiply(
                        load(table, at + 2 * step + of_row[np.uintp(word + 2 * WORD)]),
                        load(table, at + 3 * step + of_row[np.uintp(word + 3 * WORD)]),
                    )
                    value = multiply(value, multiply(one, two))
                total = add(total, value)
            store(of_sequence, 0, total)
            for lane in range(LANES):
                sums[first + lane] += of_sequence[lane]


@numba.njit(cache=True, nogil=True)
def find_sites(codes, weight, bias, cutoff, n_positions):
    """Every position at which a filter's value is above its cutoff.

    Parameters
    ----------
    codes, weight, bias, n_positions
        As of `measure_filters`, whose values are the same to the last bit.
    cutoff : array of float32, shape (F,)

    Returns
    -------
    row, number, position : arrays of int32, shape (S,)
        Sequence, filter and position of each site; by sixteen filters, then by row and position.
    value : array of float32, shape (S,)
    """
    n_filters, _, width = weight.shape
    groups, words, by_base, table = prepare(codes, width, n_positions)
    room, values, marks = aligned(LANES), aligned(n_positions * LANES), np.empty(n_positions, np.uint64)
    size, count = 1024, 0
    row, number, position_of = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    value_of = np.empty(size, np.float32)
    for first in range(0, n_filters, LANES):
        tabulate(weight, first, groups, by_base, table)
        start = lanes_of(bias, first, np.float32(0), room)
        limit = lanes_of(cutoff, first, np.float32(np.inf), room)
        for sequence in range(len(codes)):
            n_found = np.uint64(0)
            for position in range(n_positions):
                value = value_at(words[sequence], table, start, groups, position)
                store(values, position * LANES, value)
                marks[position] = bits(exceeds(value, limit))
                n_found += ones(marks[position])
            while count + np.int64(n_found) > size:
                size *= 2
                row, number = grown(row, size), grown(number, size)
                position_of, value_of = grown(position_of, size), grown(value_of, size)
            row[count : count + np.int64(n_found)] = sequence
            count = list_marks(marks, values, first, count, number, position_of, value_of)
    return row[:count], number[:count], position_of[:count], value_of[:count]


@numba.njit(cache=True, nogil=True)
def list_marks(marks, values, first, count, number, position_of, value_of):
    """Write down the filter, position and value of every bit that is set, from number `count` on."""
    one = np.uint64(1)
    for position in range(len(marks)):
        left = marks[position]
        while left != 0:
            lane = np.int64(ones((left & (~left + one)) - one))
            left &= left - one
            number[count], position_of[count] = first + lane, position
            value_of[count] = values[position * LANES + lane]
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def grown(numbers, size):
    """An array with room for more numbers behind those that it has."""
    larger = np.empty(size, numbers.dtype)
    larger[: len(numbers)] = numbers
    return larger


@numba.njit(cache=True, nogil=True)
def add_words(codes, row, number, start, weight, counts):
    """Count the words that lie side by side from the start of each site on.

    Parameters
    ----------
    codes : array of uint8, shape (N, L)
    row, number, start : arrays of int32, shape (S,)
        Sequence, filter and first base of each site.
    weight : array of float32, shape (S,)
        What each site counts.
    counts : array of float64, shape (F, words, 125)
        Added to. A last word may reach over the end of a site; those bases are left out by `bases_of_words`.
    """
    n_sequences, length = codes.shape
    n_words = counts.shape[1]
    words = np.empty((n_sequences, length + WORD * n_words), dtype=np.uint16)
    padded = np.empty(words.shape[1] + WORD - 1, dtype=np.uint8)
    for sequence in range(n_sequences):
        find_words(codes[sequence], 0, padded, words[sequence])
    for site in range(len(row)):
        of_row, of_filter = words[row[site]], counts[number[site]]
        for group in range(n_words):
            of_filter[group, of_row[start[site] + WORD * group] // LANES] += weight[site]


def bases_of_words(counts, span, background=(0.25, 0.25, 0.25, 0.25)):
    """Counts of bases from those of words.

    Parameters
    ----------
    counts : numpy.ndarray of float64, shape (F, words, 125)
        See `add_words`.
    span : int
        Bases of a site.
    background : sequence of float
        How much an unknown base counts as A, C, G and T.

    Returns
    -------
    numpy.ndarray of float64, shape (F, span, 4)
    """
    cube = counts.reshape(*counts.shape[:2], *[UNKNOWN + 1] * WORD)
    columns = [cube.sum(axis=tuple(2 + other for other in range(WORD) if other != place)) for place in range(WORD)]
    bases = np.stack(columns, axis=2).reshape(len(counts), -1, UNKNOWN + 1)[:, :span]
    return bases[..., :UNKNOWN] + bases[..., UNKNOWN:] * np.asarray(background)
