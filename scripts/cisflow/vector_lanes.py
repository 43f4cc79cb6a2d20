"""Sixteen numbers at once, and bits of machine words: what compiled code asks of LLVM itself.

LLVM makes vector code of a loop by itself only if no array overlaps another, asks that anew at every position, and
keeps a running maximum in memory: 1.7 times slower with 128 filters, 6 times with 16.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16  # numbers that are worked on at once; LLVM takes as many registers as the processor needs for them
ALIGNMENT = 64  # bytes of a cache line: a row of a table that crosses two takes twice as long to read


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
def multiply(typing, one, other):
    def code(context, builder, signature, arguments):
        return builder.fmul(*arguments)

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


@intrinsic
def bits(typing, where):
    """A machine word whose bit is set for each lane where it is true, that of the first lane the lowest."""

    def code(context, builder, signature, arguments):
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(TRUTHS), code


@intrinsic
def ones(typing, word):
    """How many bits of a machine word are set."""

    def code(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), code


@numba.njit(cache=True, nogil=True)
def aligned(count):
    """Uninitialised float32 numbers that begin with a cache line."""
    numbers = np.empty(count + ALIGNMENT // 4, dtype=np.float32)
    start = -numbers.ctypes.data % ALIGNMENT // 4
    return numbers[start : start + count]
