"""What is known of the rows of a split beside their truth: GC content, likeness to training rows, strength of peaks."""

import numba
import numpy as np

from cisflow.alphabet import ALPHABET
from cisflow.similarity import CODES, INDEXED_AT_ONCE, KMER_LENGTH, distinct_kmers, hash_slots, kmer_index


@numba.njit(cache=True, nogil=True)
def raise_containment(bases, index, codes, kmer_length, n_slots, containment):
    """Raise the containment of those rows that share more of their k-mers with a row of the index."""
    starts, rows, sizes = index
    slots, kmers = np.empty(n_slots, dtype=np.int32), np.empty(n_slots, dtype=np.int32)
    counts, touched = np.zeros(len(sizes), dtype=np.int32), np.empty(len(sizes), dtype=np.int32)
    for query in range(len(bases)):
        number = distinct_kmers(bases[query], codes, kmer_length, slots, kmers)
        n_touched, most = 0, 0
        for kmer in kmers[:number]:
            for row in rows[starts[kmer] : starts[kmer + 1]]:
                if counts[row] == 0:
                    touched[n_touched] = row
                    n_touched += 1
                counts[row] += 1
                most = max(most, counts[row])
        for row in touched[:n_touched]:
            counts[row] = 0
        if number:
            containment[query] = max(containment[query], most / number)


def largest_containment(bases, reference, kmer_length=KMER_LENGTH):
    """Of each sequence, the largest share of its distinct canonical k-mers that one sequence of the reference holds.

    Every pair is compared, through an index of the reference, in chunks of bounded size. Unlike the containment by
    which near-duplicates are found it is divided by the k-mers of the sequence itself, not by the smaller number of the
    two: a reference that is nothing but poly-A contains no sequence for having one k-mer of it.

    Parameters
    ----------
    bases, reference : numpy.ndarray of uint8, shapes (N, L) and (M, L')
        ASCII, upper case; all but A, C, G and T is unknown.
    kmer_length : int

    Returns
    -------
    numpy.ndarray of float64, shape (N,)
        0 to 1; NaN for a sequence without a known k-mer.
    """
    length = max(bases.shape[1], reference.shape[1])
    n_slots, size = hash_slots(length), max(INDEXED_AT_ONCE // max(length, 1), 1)
    containment = np.zeros(len(bases))
    for begin in range(0, len(reference), size):
        index = kmer_index(reference[begin : begin + size], CODES, kmer_length, n_slots)
        raise_containment(bases, index, CODES, kmer_length, n_slots, containment)
    slots, kmers = np.empty(n_slots, dtype=np.int32), np.empty(n_slots, dtype=np.int32)
    known = np.array([distinct_kmers(row, CODES, kmer_length, slots, kmers) > 0 for row in bases], dtype=bool)
    return np.where(known, containment, np.nan)


def letters_of(one_hot):
    """Sequences as uint8 ASCII (N, L), N where a base is unknown, of one-hot int8 (N, 4, L)."""
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[one_hot.argmax(axis=1)]
    letters[~one_hot.any(axis=1)] = ord("N")
    return letters


def gc_of(bases):
    """Share of G and C among the known bases of each sequence: uint8 ASCII (N, L) -> (N,), NaN where none is known."""
    gc, at = (np.isin(bases, np.frombuffer(letters, dtype=np.uint8)).sum(axis=1) for letters in (b"GC", b"AT"))
    return np.divide(gc, gc + at, out=np.full(len(bases), np.nan), where=gc + at > 0)


def strongest_peaks(chrom, start, end, peaks):
    """The strength of the strongest peak that has its anchor in a window.

    Parameters
    ----------
    chrom, start, end : array_like, shape (N,)
        Of the windows; 0-based, half-open.
    peaks : pandas.DataFrame
        `chrom`, `anchor`, `strength` of the peaks of one target that became windows.

    Returns
    -------
    numpy.ndarray of float, shape (N,)
        NaN where there is none.
    """
    chrom, start, end = np.asarray(chrom), np.asarray(start), np.asarray(end)
    strongest = np.full(len(chrom), np.nan)
    peaks = peaks[peaks["strength"].notna()].sort_values("anchor", kind="stable")
    for name, own in peaks.groupby("chrom"):
        anchors, strengths = own["anchor"].to_numpy(), own["strength"].to_numpy(dtype=float)
        rows = np.flatnonzero(chrom == name)
        first, last = np.searchsorted(anchors, start[rows]), np.searchsorted(anchors, end[rows])
        for row, begin, stop in zip(rows, first, last, strict=True):
            if stop > begin:
                strongest[row] = strengths[begin:stop].max()
    return strongest
