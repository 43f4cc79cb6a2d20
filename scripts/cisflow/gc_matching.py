"""Negative windows with the GC content of the positives.

The chromosomes of one split are cut into tiles as wide as a stored window. Tiles that touch what must be avoided, or
that hold too many unknown bases, are no candidates. Of the rest, as many are drawn as asked for, so that their numbers
of G or C are those of the positives; where a number has run out, the nearest one is taken, up to a limit. If some are
still missing, the tiling begins anew at another base and the rest is drawn from it, clear of what was drawn before.
"""

import numpy as np
import pandas as pd

from cisflow.genome import base_counts
from cisflow.intervals import INTERVAL, touched, union_by_chromosome

MAX_TILINGS = 64  # tilings that are tried before a shortage is an error


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
                return taken, missing
            sources = np.arange(len(wanted)) + shift
            inside = (sources >= 0) & (sources < len(wanted))
            moved = np.minimum(missing[inside], left[sources[inside]])
            missing[inside] -= moved
            left[sources[inside]] -= moved
            taken[sources[inside]] += moved
    if missing.any():
        other = match_rarest_first(wanted, available, max_difference)
        return other if other[1].sum() <= missing.sum() else (taken, missing)
    return taken, missing


def match_rarest_first(wanted, available, max_difference):
    """As `match_counts`, but what lies farthest from most candidates chooses first.

    Where the nearest replacements are shared out first, the few windows rich in GC may all go to positives that common
    windows would have served as well, and the richest positive is left without any.
    """
    taken, missing, left = np.zeros_like(wanted), wanted.copy(), available.copy()
    centre = np.average(np.arange(len(wanted)), weights=available) if available.any() else 0
    for count in sorted(np.flatnonzero(wanted), key=lambda count: -abs(count - centre)):
        for source in sorted(range(count - max_difference, count + max_difference + 1), key=lambda at: abs(at - count)):
            if 0 <= source < len(wanted):
                moved = min(missing[count], left[source])
                missing[count] -= moved
                left[source] -= moved
                taken[source] += moved
    return taken, missing


def candidate_tiles(ground, avoid, rng):
    """Tiles of the split's chromosomes that may serve as negatives.

    Parameters
    ----------
    ground : cisflow.negatives.Ground
    avoid : pandas.DataFrame
        What no tile may touch (`chrom`, `start`, `end`).
    rng : numpy.random.Generator
        Draws where the tiling of each chromosome begins.

    Returns
    -------
    chroms : numpy.ndarray of int32, shape (n,)
        Position of each tile's chromosome in `ground.chromosomes`.
    starts : numpy.ndarray of int64, shape (n,)
    gc : numpy.ndarray of int32, shape (n,)
        Numbers of G or C.
    """
    union = union_by_chromosome(avoid)
    chroms, starts, gc = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for number, chrom in enumerate(ground.chromosomes):
        first, end = ground.edge_margin + rng.integers(ground.width), ground.genome.sizes[chrom] - ground.edge_margin
        tiles = np.arange(first, end - ground.width + 1, ground.width)
        tiles = tiles[~touched(tiles, tiles + ground.width, union.get(chrom))]
        n_gc, n_unknown = base_counts(ground.genome, chrom, tiles, ground.width)
        usable = n_unknown / ground.width <= ground.max_n_fraction  # 0.29 * 100 is 28.999999999999996
        chroms.append(np.full(int(usable.sum()), number, dtype=np.int32))
        starts.append(tiles[usable])
        gc.append(n_gc[usable].astype(np.int32))
    return np.concatenate(chroms), np.concatenate(starts), np.concatenate(gc)


def gc_matched(template, ground, max_gc_difference, is_refused, rng):
    """Draw windows whose numbers of G or C are those of a template.

    Parameters
    ----------
    template : numpy.ndarray of int, shape (n,)
        The wanted number of G or C of each window.
    ground : cisflow.negatives.Ground
        Where the windows may lie.
    max_gc_difference : float
        Largest difference of GC content (a fraction) between what is wanted and what stands for it.
    is_refused : callable
        Takes drawn windows and says which are refused (bool, one a window): another is drawn for each of them.
    rng : numpy.random.Generator

    Returns
    -------
    drawn : pandas.DataFrame
        `chrom`, `start`, `end`, `gc`; none overlaps another.
    missing : numpy.ndarray of int, shape (width + 1,)
        What could not be had, by number of G or C.
    n_candidates : int
        Tiles that were clear, over all tilings.
    """
    missing = np.bincount(template, minlength=ground.width + 1)
    max_difference = int(max_gc_difference * ground.width + 1e-9)  # 0.29 * 100 is 28.999999999999996
    names = np.array(ground.chromosomes, dtype=object)
    avoid, drawn, n_candidates = ground.avoid, [], 0
    for _ in range(MAX_TILINGS):
        chroms, starts, gc = candidate_tiles(ground, avoid, rng)
        n_candidates += len(starts)
        available = np.bincount(gc, minlength=ground.width + 1)
        wanted = missing
        taken, missing = match_counts(wanted, available, max_difference)
        # A random choice among the tiles of each number of G or C, without shuffling all tiles of a genome.
        by_gc = np.argsort(gc, kind="stable")
        first = np.cumsum(available) - available
        parts = [
            first[count] + rng.choice(available[count], taken[count], replace=False, shuffle=False)
            for count in np.flatnonzero(taken)
        ]
        rows = by_gc[np.sort(np.concatenate(parts))] if parts else np.empty(0, dtype=np.int64)
        chosen = pd.DataFrame({"chrom": names[chroms[rows]], "start": starts[rows], "gc": gc[rows]})
        chosen.insert(2, "end", chosen["start"] + ground.width)
        refused = is_refused(chosen)
        # Both sorted, what was taken stands for what was wanted pair by pair. Where it is refused, another is drawn for
        # the wanted number, not for that of the refused window: the differences would add up.
        stands_for = np.repeat(np.arange(len(wanted)), wanted - missing)
        missing = missing + np.bincount(stands_for[refused], minlength=len(missing))
        drawn.append(chosen[~refused])
        if not missing.any():
            break
        avoid = pd.concat([avoid, chosen[INTERVAL]], ignore_index=True)
    return pd.concat(drawn, ignore_index=True), missing, n_candidates
