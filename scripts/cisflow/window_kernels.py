"""Compiled sums of 3-mer weights over base codes: the best window of each filter in each sequence, and its gradient.

A convolution over one-hot bases adds one weight for each base under the filter. Three neighbouring bases are one of
125 words of A, C, G, T and unknown, so the weights of all words are added up beforehand, and a filter of width 24 takes
eight additions a position; sixteen filters are added at once. A gradient reaches one window of each sequence and
filter: the bases of that window, times the gradient, are added to the filter.

Codes are 0 to 3 for A, C, G, T; any other is an unknown base, which weighs nothing, as does padding.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16  # numbers that are worked on at once; LLVM takes as many registers as the processor needs for them
UNKNOWN = 4
WORD = 3  # bases of a word
N_WORDS = 5**WORD
GROUPS = 4  # words that are added in one turn; filters are filled up with words of no weight to a multiple
ALIGNMENT = 64  # bytes of a cache line: a row of a table that crosses two takes twice as long to read


# ----------------------------------------------------------------------------------------------------------------------
# Sixteen numbers at once. LLVM makes vector code of a loop by itself only if no array overlaps another, asks that anew
# at every position, and keeps the maximum in memory: 1.7 times slower with 128 filters, 6 times with 16.


class Lanes(types.Type):
    """Numba's type of `LANES` numbers in registers."""

    def __init__(self, element):
        self.vector = ir.VectorType(element, LANES)
        super().__init__(name=f"Lanes({element})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, lanes.vector)


FLOATS, INTEGERS, TRUTHS = Lanes(ir.FloatType()), Lanes(ir.IntType(32)), Lanes(ir.IntType(1))
KINDS = {types.float32: FLOATS, types.int32: INTEGERS}


def pointer(context, builder, array_type, array, start, vector):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), vector.as_pointer())


@intrinsic
def load(typing, array, start):
    """Numbers `start` to `start` + 16 of a contiguous array, whatever its shape."""
    kind = KINDS[array.dtype]

    def code(context, builder, signature, arguments):
        return builder.load(pointer(context, builder, signature.args[0], *arguments, kind.vector), align=4)

    return kind(array, types.intp), code


@intrinsic
def store(typing, array, start, lanes):
    """Write numbers `start` to `start` + 16 of a contiguous array, whatever its shape."""

    def code(context, builder, signature, arguments):
        to = pointer(context, builder, signature.args[0], *arguments[:2], lanes.vector)
        builder.store(arguments[2], to, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


@intrinsic
def spread(typing, number):
    """One number in every lane."""
    kind = KINDS[number]

    def code(context, builder, signature, arguments):
        first = ir.Constant(ir.IntType(32), 0)
        lanes = builder.insert_element(ir.Constant(kind.vector, ir.Undefined), arguments[0], first)
        return builder.shuffle_vector(lanes, lanes, ir.Constant(INTEGERS.vector, [0] * LANES))

    return kind(number), code


@intrinsic
def add(typing, one, other):
    def code(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return FLOATS(FLOATS, FLOATS), code


@intrinsic
def add_product(typing, total, one, other):
    """`total` + `one` x `other`."""

    def code(context, builder, signature, arguments):
        total, one, other = arguments
        return builder.fadd(total, builder.fmul(one, other, flags=("contract",)), flags=("contract",))

    return FLOATS(FLOATS, FLOATS, FLOATS), code


@intrinsic
def exceeds(typing, one, other):
    """Where `one` > `other`, or either is not a number."""

    def code(context, builder, signature, arguments):
        return builder.fcmp_unordered(">", *arguments)

    return TRUTHS(FLOATS, FLOATS), code


@intrinsic
def choose(typing, where, one, other):
    """`one` where it is true, else `other`."""

    def code(context, builder, signature, arguments):
        return builder.select(*arguments)

    return one(TRUTHS, one, one), code


# ----------------------------------------------------------------------------------------------------------------------


@numba.njit(cache=True, nogil=True)
def aligned(count):
    """Uninitialised float32 numbers that begin with a cache line."""
    numbers = np.empty(count + ALIGNMENT // 4, dtype=np.float32)
    start = -numbers.ctypes.data % ALIGNMENT // 4
    return numbers[start : start + count]


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
def best_window_of(words, table, bias, groups, n_positions):
    """Largest sums over the positions of one sequence, for sixteen filters, and the first position that has each."""
    step = N_WORDS * LANES
    largest, found = spread(np.float32(-np.inf)), spread(np.int32(0))
    for position in range(n_positions):
        total = bias
        for group in range(0, groups, GROUPS):
            word, at = position + WORD * group, group * step
            # Numba counts a signed index from the end if it is negative, and asks that of every one.
            one = add(
                load(table, at + words[np.uintp(word)]),
                load(table, at + step + words[np.uintp(word + WORD)]),
            )
            two = add(
                load(table, at + 2 * step + words[np.uintp(word + 2 * WORD)]),
                load(table, at + 3 * step + words[np.uintp(word + 3 * WORD)]),
            )
            total = add(total, add(one, two))
        larger = exceeds(total, largest)
        largest = choose(larger, total, largest)
        found = choose(larger, spread(np.int32(position)), found)
    return largest, found


@numba.njit(cache=True, nogil=True)
def find_best_windows(codes, weight, bias, left, n_positions, best, where):
    """Largest value of every filter over the positions of every sequence, and the first position that has it.

    Parameters
    ----------
    codes : array of uint8, shape (M, N, L)
        Contiguous, as are the others.
    weight : array of float32, shape (M, F, 4, K)
    bias : array of float32, shape (M, F)
    left : int
        Unknown bases before the first base, seen by the first position.
    n_positions : int
    best : array of float32, shape (M, N, F rounded up to a multiple of 16)
        Written, as is the next. Not a number where a weight of the filter is not finite, as in a convolution.
    where : array of int32, shape of `best`
    """
    n_networks, n_sequences, _ = codes.shape
    _, n_filters, _, width = weight.shape
    groups = -(-width // (WORD * GROUPS)) * GROUPS
    by_base = aligned(WORD * groups * 5 * LANES)
    table = aligned(groups * N_WORDS * LANES)
    padded_bias = aligned(LANES)
    words = np.empty((n_sequences, n_positions + WORD * (groups - 1)), dtype=np.uint16)
    padded = np.empty(words.shape[1] + WORD - 1, dtype=np.uint8)
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
                # 0, unless a weight is not finite: no number, as the zeros of one-hot bases times that weight are none.
                start = add_product(start, load(by_base, row), spread(np.float32(0)))
            for sequence in range(n_sequences):
                largest, found = best_window_of(words[sequence], table, start, groups, n_positions)
                store(best[network, sequence], first, largest)
                store(where[network, sequence], first, found)


@numba.njit(cache=True, nogil=True)
def add_best_windows(codes, gradient, where, left, weight_gradient):
    """Sum over the sequences of the bases under each filter's best window, times the gradient of its value.

    Parameters
    ----------
    codes : array of uint8, shape (M, N, L)
        Contiguous, as are the others.
    gradient : array of float32, shape (M, N, F)
    where : array of int32, shape (M, N, at least F)
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
            for number in range(n_filters):
                factor = gradient[network, sequence, number]
                if factor != 0:  # true of what is not a number
                    lanes, window = spread(factor), 4 * where[network, sequence, number]
                    for column in range(0, row, LANES):
                        to = number * row + column
                        store(sums, to, add_product(load(sums, to), lanes, load(one_hot, window + column)))
        for number in range(n_filters):
            for base in range(4):
                for column in range(width):
                    weight_gradient[network, number, base, column] = sums[number * row + 4 * column + base]
