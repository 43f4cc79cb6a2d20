"""Intervals: which touch which, their union, and the BED files that this workflow wrote.

Coordinates are 0-based and half-open throughout.
"""

import numpy as np
import pandas as pd

INTERVAL = ["chrom", "start", "end"]
NO_LOCUS = "."  # the chromosome of rows that have no place on a genome


def union_by_chromosome(intervals):
    """The union of intervals, a pair of sorted arrays (starts, ends) a chromosome; none touches another.

    Parameters
    ----------
    intervals : pandas.DataFrame
        `chrom`, `start`, `end`, in any order.

    Returns
    -------
    dict of str -> (numpy.ndarray of int64, numpy.ndarray of int64)
    """
    union = {}
    all_starts, all_ends = (intervals[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
    for chrom, rows in intervals.groupby("chrom", sort=False).indices.items():
        order = rows[np.argsort(all_starts[rows], kind="stable")]
        starts, reach = all_starts[order], np.maximum.accumulate(all_ends[order])
        opens = np.concatenate([[True], starts[1:] > reach[:-1]])  # those that begin at an end join it
        union[chrom] = starts[opens], reach[np.concatenate([opens[1:], [True]])]
    return union


def touched(starts, ends, union):
    """Which of some intervals of one chromosome share a base with a union of intervals of it.

    Parameters
    ----------
    starts, ends : numpy.ndarray of int64, shape (n,)
    union : (numpy.ndarray, numpy.ndarray) or None
        A value of `union_by_chromosome`; None where it has none for the chromosome.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    if union is None:
        return np.zeros(len(starts), dtype=bool)
    # Of disjoint sorted intervals, those that begin before the end less those that end at or before the start.
    return np.searchsorted(union[0], ends, side="left") > np.searchsorted(union[1], starts, side="right")


def touches(windows, intervals):
    """Which windows share at least one base with any of the intervals.

    Parameters
    ----------
    windows, intervals : pandas.DataFrame
        With `chrom`, `start` and `end`.

    Returns
    -------
    numpy.ndarray of bool, shape (len(windows),)
    """
    found = np.zeros(len(windows), dtype=bool)
    if len(windows) and len(intervals):
        union = union_by_chromosome(intervals)
        starts, ends = (windows[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
        for chrom, rows in windows.groupby("chrom", sort=False).indices.items():
            found[rows] = touched(starts[rows], ends[rows], union.get(chrom))
    return found


def merged(intervals):
    """The union of intervals: sorted, none touching another (`chrom`, `start`, `end`)."""
    union = union_by_chromosome(intervals)
    parts = [pd.DataFrame({"chrom": name, "start": union[name][0], "end": union[name][1]}) for name in sorted(union)]
    return pd.concat(parts, ignore_index=True) if parts else intervals[INTERVAL].iloc[:0].copy()


def read_regions(path):
    """Read `chrom`, `start` and `end` of a BED file that this workflow wrote; it may be empty."""
    with open(path, encoding="utf-8") as handle:
        rows = [line.rstrip("\n").split("\t")[:3] for line in handle]
    frame = pd.DataFrame(rows, columns=INTERVAL, dtype=object)
    return frame.astype({"start": np.int64, "end": np.int64})
