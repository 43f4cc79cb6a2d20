"""Leakage between splits: rows that are copies of one another, on either strand, that overlap, or that nearly match.

The kinds are found independently of one another, but for two rules that keep the counts clear: a window that is its own
reverse complement is a copy on the same strand only, and a near-duplicate is a row of none of the other kinds.
"""

import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET
from cisflow.intervals import NO_LOCUS, touches
from cisflow.similarity import CHANCE_MATCH, NEARLY_ALL, near_duplicates

KINDS = ("exact", "reverse_complement", "overlap", "near_duplicate")
KNOWN = np.full(256, ord("N"), dtype=np.uint8)  # what is not A, C, G or T is N
KNOWN[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
COMPLEMENT = np.full(256, ord("N"), dtype=np.uint8)
COMPLEMENT[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.frombuffer(ALPHABET[::-1].encode(), dtype=np.uint8)


def equal_rows(bases, reference):
    """For each row, the first row of the reference with the same bases; -1 where there is none.

    Parameters
    ----------
    bases, reference : numpy.ndarray of uint8, shapes (N, L) and (M, L')
        ASCII, upper case; all unknown bases are equal.

    Returns
    -------
    numpy.ndarray of int64, shape (N,)
    """
    length = bases.shape[1]
    if len(bases) == 0 or len(reference) == 0 or length == 0 or reference.shape[1] != length:
        return np.full(len(bases), -1, dtype=np.int64)
    rows, reference_rows = (KNOWN[array].view(f"S{length}")[:, 0] for array in (bases, reference))
    order = np.argsort(reference_rows, kind="stable")
    position = np.searchsorted(reference_rows, rows, sorter=order)
    candidate = order[np.minimum(position, len(order) - 1)]
    return np.where(reference_rows[candidate] == rows, candidate, -1)


def other_strand(bases):
    """The reverse complement of each row of ASCII bases, upper case; unknown bases become N."""
    return COMPLEMENT[bases[:, ::-1]]


def equal_rows_of_other_strand(bases, reference):
    """As `equal_rows`, for the reverse complement of each row; -1 for a row that is its own reverse complement."""
    turned = other_strand(bases)
    return np.where((turned == KNOWN[bases]).all(axis=1), -1, equal_rows(turned, reference))


def overlapping_rows(loci, reference_loci):
    """For each interval, one of the reference that shares a base with it; -1 where there is none.

    Of those that begin before the interval ends, it is the one that reaches farthest: if any overlaps, it does.

    Parameters
    ----------
    loci, reference_loci : pandas.DataFrame
        `chrom`, `start`, `end`, no interval empty.

    Returns
    -------
    numpy.ndarray of int64, shape (len(loci),)
    """
    partner = np.full(len(loci), -1, dtype=np.int64)
    starts, ends = loci["start"].to_numpy(), loci["end"].to_numpy()
    reference_starts, reference_ends = reference_loci["start"].to_numpy(), reference_loci["end"].to_numpy()
    on_chromosome = reference_loci.groupby("chrom", sort=False, observed=True).indices
    for chrom, rows in loci.groupby("chrom", sort=False, observed=True).indices.items():
        if chrom not in on_chromosome:
            continue
        order = on_chromosome[chrom][np.argsort(reference_starts[on_chromosome[chrom]], kind="stable")]
        reach = np.maximum.accumulate(reference_ends[order])
        is_farthest = np.concatenate([[True], reach[1:] > reach[:-1]])
        farthest = order[np.maximum.accumulate(np.where(is_farthest, np.arange(len(order)), 0))]
        before = np.searchsorted(reference_starts[order], ends[rows])  # how many begin before the interval ends
        overlaps = (before > 0) & (reach[before - 1] > starts[rows])
        partner[rows[overlaps]] = farthest[before[overlaps] - 1]
    return partner


def find_leaks(bases, loci, reference_bases, reference_loci, kmer_length, min_containment, threads=1):
    """Which rows of one split have a partner in another, and of what kind.

    Parameters
    ----------
    bases, reference_bases : numpy.ndarray of uint8, shapes (N, L) and (M, L')
        ASCII, upper case; all but A, C, G and T is unknown.
    loci, reference_loci : pandas.DataFrame or None
        `chrom`, `start` and `end` of the rows, as stored, that is with their jitter; chromosome `.` for rows without
        coordinates, or None where no row has them.
    kmer_length : int
    min_containment : float
        What a near-duplicate is: see `cisflow.similarity`.
    threads : int

    Returns
    -------
    pandas.DataFrame
        N rows, numbered from 0, with bool columns

        - `exact`: the same bases stand in the reference, on the same strand,
        - `reverse_complement`: they stand there on the other strand (not if that is the same),
        - `overlap`: the windows share a base of the genome; False without coordinates,
        - `near_duplicate`: none of these, but a near-duplicate stands in the reference,

        and `partner` (int64), a row of the reference of the first of these kinds that is True, or -1. The first three
        kinds may hold of one row together, so the number of rows that leak is not their sum.
    """
    exact_partner = equal_rows(bases, reference_bases)
    other_strand_partner = equal_rows_of_other_strand(bases, reference_bases)
    overlap_partner = np.full(len(bases), -1, dtype=np.int64)
    if loci is not None and reference_loci is not None:
        overlap = np.flatnonzero(touches(loci, reference_loci) & (loci["chrom"] != NO_LOCUS).to_numpy(dtype=bool))
        overlap_partner[overlap] = overlapping_rows(loci.iloc[overlap], reference_loci)
    partners = [exact_partner, other_strand_partner, overlap_partner]
    rest = np.flatnonzero(np.max(partners, axis=0) < 0)
    near_partner = np.full(len(bases), -1, dtype=np.int64)
    near_partner[rest], _ = near_duplicates(bases[rest], reference_bases, kmer_length, min_containment, threads)
    partners.append(near_partner)
    leaks = pd.DataFrame({kind: partner >= 0 for kind, partner in zip(KINDS, partners, strict=True)})
    leaks["partner"] = np.select([partner >= 0 for partner in partners], partners, default=-1)
    return leaks


def leakage_rows(split, other, leaks_found, dropped, kmer_length, min_containment):
    """Rows of leakage.tsv for one pair of splits.

    Parameters
    ----------
    split, other : str
        The split that was looked at, and the one in which its rows have partners.
    leaks_found : pandas.DataFrame
        See `find_leaks`.
    dropped : numpy.ndarray of bool, shape (len(leaks_found),)
        Rows that were taken out of `split`.
    kmer_length : int
    min_containment : float

    Returns
    -------
    list of dict
        One a kind: `split`, `other_split`, `kind`, `found` (rows of `split` with a partner in `other`), `dropped` and
        `left` (how many of these were taken out and are still there), `criterion`.
    """
    shared = CHANCE_MATCH - kmer_length + 1
    criteria = {
        "exact": "every base is that of a window of the other split, on the same strand; unknown bases are equal",
        "reverse_complement": "the reverse complement, which differs from the window itself, is a window of the other "
        "split",
        "overlap": "the window as stored, with its jitter, shares at least 1 base of the genome with a window of the "
        "other split; rows without coordinates share none",
        "near_duplicate": f"none of the other kinds, but at least {100 * min_containment:g} % of the distinct "
        f"{kmer_length}-mers (either strand) of the window, or of one of the other split if that holds fewer, stand in "
        f"both: {shared} or more or, where there are fewer, {100 * NEARLY_ALL:g} % of those of the richer of the two",
    }
    dropped = np.asarray(dropped, dtype=bool)
    rows = []
    for kind in KINDS:
        found = leaks_found[kind].to_numpy()
        n_found, n_dropped = int(found.sum()), int((found & dropped).sum())
        rows.append(
            {
                "split": split,
                "other_split": other,
                "kind": kind,
                "found": n_found,
                "dropped": n_dropped,
                "left": n_found - n_dropped,
                "criterion": criteria[kind],
            }
        )
    return rows
