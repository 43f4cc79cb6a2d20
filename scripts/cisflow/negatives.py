"""Negative windows with the GC content of the positives.

The genome's chromosomes of one split are cut into tiles as wide as a stored window. Tiles that touch a peak, a positive
window or an excluded region, or that hold too many unknown bases, are no candidates. Of the rest, as many are drawn as
asked for, so that their numbers of G or C are those of the positives; where a number has run out, the nearest one is
taken, up to a limit. If some are still missing, the tiling begins anew at another base and the rest is drawn from it,
clear of what was drawn before. Coordinates are 0-based and half-open.
"""

import numpy as np
import pandas as pd

from cisflow.genome import base_counts, chromosome_bases
from cisflow.intervals import touches
from cisflow.messages import InputError

MAX_TILINGS = 8  # tilings that are tried before a shortage is an error


def match_counts(wanted, available, max_difference):
    """Decide how many candidates to take of each GC count.

    Parameters
    ----------
    wanted, available : numpy.ndarray of int, shape (width + 1,)
        Numbers of windows to match and of candidates, by number of G or C.
    max_difference : int
        How far, in bases, a replacement's count may lie from the wanted one.

    Returns
    -------
    taken : numpy.ndarray of int, shape (width + 1,)
        Candidates to take by number of G or C; never more than there are.
    missing : numpy.ndarray of int, shape (width + 1,)
        What could not be had, by the wanted number.
    """
    taken = np.minimum(wanted, available)
    missing, left = wanted - taken, available - taken
    for distance in range(1, max_difference + 1):
        for shift in (-distance, distance):
            if not missing.any():
                break
            sources = np.arange(len(wanted)) + shift
            inside = (sources >= 0) & (sources < len(wanted))
            moved = np.minimum(missing[inside], left[sources[inside]])
            missing[inside] -= moved
            left[sources[inside]] -= moved
            taken[sources[inside]] += moved
    return taken, missing


def candidate_tiles(chromosomes, sizes, width, avoid, fasta, max_n_fraction, rng):
    """Tiles of some chromosomes that may serve as negatives.

    Parameters
    ----------
    chromosomes : list of str
    sizes : dict of str -> int
    width : int
        Bases of a tile.
    avoid : pandas.DataFrame
        What no tile may touch.
    fasta : str or Path
    max_n_fraction : float
    rng : numpy.random.Generator
        Draws where the tiling of each chromosome begins.

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `gc` (number of G or C).
    """
    parts = []
    for chrom in chromosomes:
        starts = np.arange(int(rng.integers(width)), sizes[chrom] - width + 1, width, dtype=np.int64)
        tiles = pd.DataFrame({"chrom": chrom, "start": starts, "end": starts + width})
        tiles = tiles[~touches(tiles, avoid[avoid["chrom"] == chrom])]
        if len(tiles):
            gc, unknown = base_counts(chromosome_bases(fasta, chrom), tiles["start"], width)
            parts.append(tiles.assign(gc=gc)[unknown / width <= max_n_fraction])
    if not parts:
        empty = pd.DataFrame({"chrom": [], "start": [], "end": [], "gc": []})
        return empty.astype({"chrom": str, "start": np.int64, "end": np.int64, "gc": np.int64})
    return pd.concat(parts, ignore_index=True)


def gc_counts(windows, fasta):
    """Number of G or C in each window (windows of one length, within their chromosomes).

    Returns
    -------
    numpy.ndarray of int64, shape (len(windows),)
    """
    counts = np.zeros(len(windows), dtype=np.int64)
    starts = windows["start"].to_numpy()
    for chrom, positions in windows.groupby("chrom", sort=False).indices.items():
        width = int(windows["end"].iloc[positions[0]] - starts[positions[0]])
        counts[positions], _ = base_counts(chromosome_bases(fasta, chrom), starts[positions], width)
    return counts


def gc_matched_negatives(
    positives, chromosomes, sizes, avoid, fasta, per_positive, max_gc_difference, max_n_fraction, rng
):
    """Draw negatives for the positives of one split.

    Parameters
    ----------
    positives : pandas.DataFrame
        Windows as stored, that is with their jitter, all of one length.
    chromosomes : list of str
        Chromosomes of the split; negatives come from these alone.
    sizes : dict of str -> int
    avoid : pandas.DataFrame
        Peaks, positive windows and excluded regions.
    fasta : str or Path
    per_positive : float
        Negatives for each positive; the total is rounded.
    max_gc_difference : float
        Largest difference of GC content (a fraction) between a positive and what stands for it.
    max_n_fraction : float
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `gc`: the exact number asked for, sorted, as wide as the positives.

    Raises
    ------
    InputError
        If there are not enough candidates.
    """
    width = int(positives["end"].iloc[0] - positives["start"].iloc[0])
    positive_gc = gc_counts(positives, fasta)
    total = round(per_positive * len(positives))
    # Whole multiples of the positives, and a random part of them for the rest.
    whole, rest = divmod(total, len(positives))
    template = np.concatenate([np.tile(positive_gc, whole), rng.permutation(positive_gc)[:rest]])
    missing = np.bincount(template, minlength=width + 1)
    columns = ["chrom", "start", "end"]
    max_difference = int(max_gc_difference * width + 1e-9)  # 0.29 * 100 is 28.999999999999996
    chosen, n_candidates = [], 0
    for _ in range(MAX_TILINGS):
        taken_so_far = [part[columns] for part in chosen]
        candidates = candidate_tiles(
            chromosomes, sizes, width, pd.concat([avoid[columns], *taken_so_far]), fasta, max_n_fraction, rng
        )
        n_candidates += len(candidates)
        available = np.bincount(candidates["gc"].to_numpy(dtype=np.int64), minlength=width + 1)
        taken, missing = match_counts(missing, available, max_difference)
        shuffled = candidates.iloc[rng.permutation(len(candidates))]
        rank = shuffled.groupby("gc").cumcount().to_numpy()
        chosen.append(shuffled[rank < taken[shuffled["gc"].to_numpy(dtype=np.int64)]])
        if not missing.any():
            break
    if missing.any():
        short = np.flatnonzero(missing)
        raise InputError(
            f"too few negatives on {', '.join(chromosomes)}: {int(missing.sum())} of {total} are missing",
            f"{n_candidates} tiles of {width} bp in {MAX_TILINGS} tilings are clear of peaks, excluded regions and N; "
            f"none is left within {max_gc_difference:g} of the GC content of the positives with "
            f"{100 * short[0] / width:.0f} to {100 * short[-1] / width:.0f} % GC",
            "lower negatives.per_positive, raise negatives.max_gc_difference, shorten windows.length, "
            "or give the split more chromosomes",
        )
    drawn = pd.concat(chosen, ignore_index=True)
    order = drawn["chrom"].map({name: number for number, name in enumerate(sizes)})
    return drawn.assign(order=order).sort_values(["order", "start"], ignore_index=True).drop(columns="order")
