"""Reading genomes that the workflow has prepared: the bases of windows, and how many of them are G or C, or unknown.

Coordinates are 0-based and half-open throughout.
"""

import mmap
import os
from dataclasses import dataclass

import numba
import numpy as np

from cisflow.genome_file import LINE_WIDTH
from cisflow.messages import InputError

LARGE = 1 << 26  # bytes of a FASTA file, above which its pages are let go of as soon as they are read
KIND = np.full(256, 2, dtype=np.uint8)  # of each ASCII code: 0 A or T, 1 G or C, 2 unknown
KIND[np.frombuffer(b"ATat", dtype=np.uint8)] = 0
KIND[np.frombuffer(b"GCgc", dtype=np.uint8)] = 1
UPPER_CASE = np.frombuffer(bytes(range(256)).upper(), dtype=np.uint8)


@dataclass(frozen=True)
class Genome:
    """A genome as `write_genome` left it, mapped into memory: nothing is read before it is asked for.

    Attributes
    ----------
    content : numpy.ndarray of uint8
        The bytes of the FASTA file.
    sizes : dict of str -> int
        Lengths of the chromosomes in bases, in the order of the file.
    offsets : dict of str -> int
        Byte at which each chromosome's first base stands.
    mapped : mmap.mmap or None
        What `content` is a view of, where it is a file.
    """

    content: np.ndarray
    sizes: dict
    offsets: dict
    mapped: mmap.mmap | None = None


def open_genome(fasta):
    """Map an indexed FASTA file as `write_genome` leaves it (its index is `fasta` + .fai).

    Raises
    ------
    InputError
        If the file is not the one that the index describes.
    """
    sizes, offsets, last = {}, {}, 0
    with open(f"{fasta}.fai", encoding="latin-1") as handle:
        for line in handle:
            name, length, offset, *_ = line.rstrip("\n").split("\t")
            sizes[name], offsets[name] = int(length), int(offset)
            last = int(offset) + int(length) + -(-int(length) // LINE_WIDTH)
    found = os.path.getsize(fasta)
    if found != last:  # asked before it is mapped: an empty file cannot be
        raise InputError(
            f"{fasta} is not the file that its index describes",
            f"found {found:,} bytes, expected {last:,}",
            "remove both and run again; the workflow makes them anew",
        )
    with open(fasta, "rb") as handle:
        mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    return Genome(np.frombuffer(mapped, dtype=np.uint8), sizes, offsets, mapped)


@numba.njit(cache=True, nogil=True)
def count_into(content, offset, starts, length, kind, gc, unknown):
    """Count G or C and unknown bases of windows, line by line of the FASTA file."""
    for window in range(len(starts)):
        column = starts[window] % LINE_WIDTH
        byte = offset + starts[window] // LINE_WIDTH * (LINE_WIDTH + 1) + column
        left, n_gc, n_unknown = length, 0, 0
        while left > 0:
            on_line = min(LINE_WIDTH - column, left)
            for position in range(byte, byte + on_line):
                found = kind[content[position]]
                n_gc += found & 1
                n_unknown += found >> 1
            byte += on_line + 1
            left -= on_line
            column = 0
        gc[window] = n_gc
        unknown[window] = n_unknown


@numba.njit(cache=True, nogil=True)
def read_into(content, offset, starts, upper_case, bases):
    """Copy the bases of windows in upper case, line by line of the FASTA file."""
    length = bases.shape[1]
    for window in range(len(starts)):
        column = starts[window] % LINE_WIDTH
        byte = offset + starts[window] // LINE_WIDTH * (LINE_WIDTH + 1) + column
        done = 0
        while done < length:
            on_line = min(LINE_WIDTH - column, length - done)
            for position in range(on_line):
                bases[window, done + position] = upper_case[content[byte + position]]
            byte += on_line + 1
            done += on_line
            column = 0


def checked_starts(genome, chromosome, starts, length):
    """Starts as int64; an error if a window is not wholly on the chromosome (compiled code would read on)."""
    starts = np.ascontiguousarray(starts, dtype=np.int64)
    if len(starts) and (starts.min() < 0 or starts.max() + length > genome.sizes[chromosome]):
        raise ValueError(f"a window of {length} bp passes an end of {chromosome} ({genome.sizes[chromosome]} bases)")
    return starts


def base_counts(genome, chromosome, starts, length):
    """Count G or C, and unknown bases, in windows of one chromosome.

    Parameters
    ----------
    genome : Genome
    chromosome : str
    starts : array_like of int, shape (n,)
        0-based starts; every window must lie within the chromosome.
    length : int
        Length of every window in bases.

    Returns
    -------
    gc, unknown : numpy.ndarray of int64, shape (n,)
        Numbers of G or C, and of bases other than A, C, G and T.
    """
    starts = checked_starts(genome, chromosome, starts, length)
    gc, unknown = np.empty(len(starts), dtype=np.int64), np.empty(len(starts), dtype=np.int64)
    count_into(genome.content, genome.offsets[chromosome], starts, length, KIND, gc, unknown)
    let_go(genome)
    return gc, unknown


def let_go(genome):
    """Let go of the pages of a large genome: a cluster counts them as the job's, although they are the file's."""
    if genome.mapped is not None and len(genome.content) > LARGE:
        genome.mapped.madvise(mmap.MADV_DONTNEED)


def window_base_counts(genome, windows):
    """`base_counts` of windows of one length on any chromosomes (`chrom`, `start`, `end`), in their order."""
    gc, unknown = np.zeros(len(windows), dtype=np.int64), np.zeros(len(windows), dtype=np.int64)
    starts = windows["start"].to_numpy(dtype=np.int64)
    length = width_of(windows)
    for chrom, rows in windows.groupby("chrom", sort=False).indices.items():
        gc[rows], unknown[rows] = base_counts(genome, chrom, starts[rows], length)
    return gc, unknown


def width_of(windows):
    """The one length of windows, in bases.

    Raises
    ------
    ValueError
        If they differ.
    """
    widths = (windows["end"] - windows["start"]).unique()
    if len(widths) > 1:
        raise ValueError(f"windows of several lengths: {sorted(widths)[:5]}")
    return int(widths[0]) if len(widths) else 0


def read_bases(genome, windows):
    """The bases of windows of one length.

    Parameters
    ----------
    genome : Genome
    windows : pandas.DataFrame
        `chrom`, `start`, `end`, within their chromosomes.

    Returns
    -------
    numpy.ndarray of uint8, shape (len(windows), length)
        ASCII codes, upper case.
    """
    length = width_of(windows)
    bases = np.empty((len(windows), length), dtype=np.uint8)
    starts = windows["start"].to_numpy(dtype=np.int64)
    for chrom, rows in windows.groupby("chrom", sort=False).indices.items():
        part = np.empty((len(rows), length), dtype=np.uint8)
        own = checked_starts(genome, chrom, starts[rows], length)
        read_into(genome.content, genome.offsets[chrom], own, UPPER_CASE, part)
        bases[rows] = part
        let_go(genome)
    return bases


def bases_of(sequences, length):
    """Sequences of one length as an array.

    Parameters
    ----------
    sequences : sequence of str, each of `length` characters
    length : int

    Returns
    -------
    numpy.ndarray of uint8, shape (len(sequences), length)
        ASCII codes.
    """
    text = "".join(sequences).encode("ascii")
    return np.frombuffer(text, dtype=np.uint8).reshape(len(sequences), length)


@numba.njit(cache=True, nogil=True)
def count_rows_into(bases, kind, gc, unknown):
    """Count G or C and unknown bases of every row."""
    for row in range(len(bases)):
        n_gc, n_unknown = 0, 0
        for base in bases[row]:
            found = kind[base]
            n_gc += found & 1
            n_unknown += found >> 1
        gc[row] = n_gc
        unknown[row] = n_unknown


def counts_of(bases):
    """Count G or C, and unknown bases, in sequences.

    Parameters
    ----------
    bases : numpy.ndarray of uint8, shape (n, length)
        ASCII codes.

    Returns
    -------
    gc, unknown : numpy.ndarray of int64, shape (n,)
    """
    gc, unknown = np.empty(len(bases), dtype=np.int64), np.empty(len(bases), dtype=np.int64)
    count_rows_into(bases, KIND, gc, unknown)
    return gc, unknown
