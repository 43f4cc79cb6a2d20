"""Counts of words in sequences, both strands counted as one: k-mers, and words with a gap.

A word is the bases at some places of a window, its pattern: (0, 1, 2, 3, 4, 5) is a 6-mer, (0, 1, 2, 8, 9, 10) two
trinucleotides with five bases between them. A word and its reverse complement are one feature.

Counts of all words with any gaps (Ghandi et al. 2014) are for kernels that never write them down: 35 patterns of 5
places in 8 make 5,000 different words a window. Here a word has one gap in its middle, which is how proteins bind that
touch DNA at two places, as in dyad analysis (van Helden, Rios & Collado-Vides 2000): 11 patterns of 3 + 3 bases with 0
to 10 between them make 2,000 words a window, and reach over 16 bases.
"""

import numba
import numpy as np
from scipy import sparse

from cisflow.alphabet import UNKNOWN

ROWS_AT_ONCE = 1024  # that are counted together


def contiguous_pattern(k):
    """The pattern of k-mers, as a list of one."""
    return [tuple(range(k))]


def gapped_patterns(k, length):
    """Patterns of two halves with every gap between them that fits.

    Parameters
    ----------
    k : int
        Bases of a word; even, so that the reverse complement of a word has its pattern.
    length : int
        Of the longest pattern, with the gap.

    Returns
    -------
    list of tuple of int
    """
    if k % 2 or not 0 < k <= length:
        raise ValueError(f"found {k} bases within {length}, expected an even number that fits into them")
    half = k // 2
    return [tuple(range(half)) + tuple(half + gap + place for place in range(half)) for gap in range(length - k + 1)]


def merged_words(k):
    """Numbers of the k-mers when each and its reverse complement are one.

    Parameters
    ----------
    k : int

    Returns
    -------
    numpy.ndarray of int32, shape (4**k,)
        By the k-mer read as a number in base 4, A = 0 to T = 3.
    """
    words = np.arange(4**k)
    reverse = np.zeros_like(words)
    for place in range(k):
        reverse = reverse * 4 + (3 - words // 4**place % 4)
    return np.unique(np.minimum(words, reverse), return_inverse=True)[1].astype(np.int32)


def n_words(patterns):
    """How many different features words of these patterns are."""
    return len(patterns) * int(merged_words(len(patterns[0])).max() + 1)


@numba.njit(cache=True, nogil=True)
def count_rows(codes, patterns, merged, per_pattern, counts, indices, data, ends):
    """Count the words of some rows.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
    patterns : numpy.ndarray of int64, shape (P, k)
    merged : numpy.ndarray of int32, shape (4**k,)
    per_pattern : int
        Features of a pattern.
    counts : numpy.ndarray of int32, shape (P x per_pattern,)
        Zeros, and zeros again afterwards.
    indices : numpy.ndarray of int32, shape (N x P x L,)
        Written: the words of each row, one row after another. A word stands where it is met first.
    data : numpy.ndarray of float32, shape of `indices`
        Written: how often.
    ends : numpy.ndarray of int64, shape (N,)
        Written: where the words of each row end.
    """
    filled = 0
    for row in range(codes.shape[0]):
        for pattern in range(patterns.shape[0]):
            begin = filled
            for position in range(codes.shape[1] - patterns[pattern, -1]):
                word, known = 0, True
                for place in patterns[pattern]:
                    code = codes[row, position + place]
                    known &= code < UNKNOWN
                    word = 4 * word + (code & 3)
                if known:
                    feature = pattern * per_pattern + merged[word]
                    if counts[feature] == 0:
                        indices[filled] = feature
                        filled += 1
                    counts[feature] += 1
            for at in range(begin, filled):
                data[at] = counts[indices[at]]
                counts[indices[at]] = 0
        ends[row] = filled


def count_words(codes, patterns):
    """Count the words of sequences.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
        See `cisflow.base_codes`. A word with an unknown base is not counted.
    patterns : list of tuple of int
        Of one number of places, each its own mirror image.

    Returns
    -------
    scipy.sparse.csr_matrix of float32, shape (N, n_words(patterns))
        By pattern, then by the number of `merged_words`.
    """
    merged, places = merged_words(len(patterns[0])), np.array(patterns, dtype=np.int64)
    per_pattern = int(merged.max()) + 1
    counts = np.zeros(len(patterns) * per_pattern, dtype=np.int32)
    room = min(ROWS_AT_ONCE, max(len(codes), 1)) * len(patterns) * codes.shape[1]
    indices, data = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.float32)
    parts, lengths = [], [np.zeros(1, dtype=np.int64)]
    for begin in range(0, len(codes), ROWS_AT_ONCE):
        block = np.ascontiguousarray(codes[begin : begin + ROWS_AT_ONCE])
        ends = np.zeros(len(block), dtype=np.int64)
        count_rows(block, places, merged, per_pattern, counts, indices, data, ends)
        parts.append((indices[: ends[-1]].copy(), data[: ends[-1]].copy()))
        lengths.append(np.diff(ends, prepend=0))
    all_indices, all_data = (
        np.concatenate([part[which] for part in parts]) if parts else empty[:0]
        for which, empty in enumerate((indices, data))
    )
    shape = len(codes), len(counts)
    return sparse.csr_matrix((all_data, all_indices, np.cumsum(np.concatenate(lengths))), shape=shape)


def word_frequencies(codes, k):
    """Shares of the k-mers among those of each sequence, both strands together.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
    k : int

    Returns
    -------
    numpy.ndarray of float32, shape (N, different k-mers)
        Rows sum to 1, or are zeros where no k-mer is known.
    """
    counts = count_words(codes, contiguous_pattern(k)).toarray()
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), np.float32(1))
