"""Negative windows of one split, of one kind or of several mixed by proportion.

The kinds ask different questions of a network:

gc_matched
    Windows of the genome with the GC content of the positives: is there more than base composition?
dinucleotide_shuffle
    The positives themselves, shuffled so that every dinucleotide occurs as often as before: is there more than
    dinucleotides? Nothing of the genome's other structure (repeats, genes) is in them.
flanking
    Windows beside the positives: what marks the site within its own neighbourhood?
other_peaks
    Peaks of the other datasets that this one lacks: what marks this factor among accessible regions?
bed
    The user's own.

Every window of the genome that is drawn is as wide as a stored window, lies on the split's chromosomes, is clear of
every peak of the dataset (weak ones included), of every positive window and of what was drawn before, and holds no more
unknown bases than a positive may. Coordinates are 0-based and half-open.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cisflow.checksums import check_sha256
from cisflow.chromosome_names import check_names
from cisflow.folds import listed_groups
from cisflow.gc_matching import MAX_TILINGS, gc_matched
from cisflow.genome import Genome, bases_of, counts_of, read_bases, window_base_counts
from cisflow.intervals import INTERVAL, touches
from cisflow.messages import InputError
from cisflow.peak_files import read_peaks
from cisflow.shuffling import dinucleotide_shuffles, tiled
from cisflow.window_table import read_peak_table, widened

KINDS = ("gc_matched", "dinucleotide_shuffle", "flanking", "other_peaks", "bed")
MAX_ROUNDS = 60  # draws beside a positive, or shuffles of it, before a shortage is an error


@dataclass(frozen=True)
class Ground:
    """Where the negatives of a split may lie.

    Attributes
    ----------
    genome : Genome
    chromosomes : list of str
        Chromosomes of the split.
    width : int
        Bases of a stored window.
    edge_margin : int
        Bases beside it that must be on the chromosome too.
    avoid : pandas.DataFrame
        What no negative may touch: `chrom`, `start`, `end`.
    max_n_fraction : float
        Largest fraction of unknown bases.
    """

    genome: Genome
    chromosomes: list
    width: int
    edge_margin: int
    avoid: pd.DataFrame
    max_n_fraction: float

    def without(self, windows):
        """The same ground, with some windows taken out of it."""
        return replace(self, avoid=pd.concat([self.avoid, windows[INTERVAL]], ignore_index=True))


def shares(kinds, total):
    """How many negatives of each kind make a total: whole numbers, rounded by largest remainder.

    Parameters
    ----------
    kinds : dict of str -> float
        Proportions, of any sum above 0.
    total : int

    Returns
    -------
    dict of str -> int
        They add up to `total`.
    """
    exact = {kind: total * proportion / sum(kinds.values()) for kind, proportion in kinds.items()}
    counts = {kind: int(share) for kind, share in exact.items()}
    largest_first = sorted(kinds, key=lambda kind: counts[kind] - exact[kind])
    for kind in largest_first[: total - sum(counts.values())]:
        counts[kind] += 1
    return counts


def what_hinders(ground, windows):
    """Why windows may not serve as negatives.

    Returns
    -------
    hindrance : numpy.ndarray of str, shape (len(windows),)
        Empty for those that may; else `off_split`, `edge`, `touching` (a peak, a positive or what is excluded) or `n`.
    gc : numpy.ndarray of int64, shape (len(windows),)
        Numbers of G or C (0 where something hinders).
    """
    gc, hindrance = np.zeros(len(windows), dtype=np.int64), np.full(len(windows), "", dtype=object)
    sizes = windows["chrom"].map(ground.genome.sizes).fillna(0)
    inside = (windows["start"] >= ground.edge_margin) & (windows["end"] <= sizes - ground.edge_margin)
    hindrance[~inside.to_numpy(dtype=bool)] = "edge"
    hindrance[~windows["chrom"].isin(ground.chromosomes).to_numpy(dtype=bool)] = "off_split"
    hindrance[(hindrance == "") & touches(windows, ground.avoid)] = "touching"
    rows = np.flatnonzero(hindrance == "")
    gc[rows], unknown = window_base_counts(ground.genome, windows.iloc[rows])
    hindrance[rows[unknown / ground.width > ground.max_n_fraction]] = "n"  # 0.29 * 100 is 28.999999999999996
    return hindrance, gc


def apart(windows):
    """Which windows overlap none that stands before them in the table and is itself kept (all of one width)."""
    keep = np.zeros(len(windows), dtype=bool)
    starts = windows["start"].to_numpy()
    for rows in windows.groupby("chrom", sort=False).indices.values():
        width = int(windows["end"].iloc[rows[0]] - starts[rows[0]])
        taken = {}  # start of a kept window by its cell of `width` bases: two neighbours in a cell would overlap
        for row in rows:
            start = int(starts[row])
            cell = start // width
            if all(abs(taken.get(near, start - width) - start) >= width for near in (cell - 1, cell, cell + 1)):
                taken[cell] = start
                keep[row] = True
    return keep


def from_regions(count, regions, ground, is_refused, rng):
    """Draw windows about the centres of given regions.

    Parameters
    ----------
    count : int
    regions : pandas.DataFrame
        `chrom`, `anchor`.
    ground : Ground
    is_refused : callable
        See `draw_negatives`.
    rng : numpy.random.Generator

    Returns
    -------
    drawn : pandas.DataFrame
        `chrom`, `start`, `end`, `gc`; at most `count`.
    fates : dict of str -> int
        What became of the regions: `off_split`, `edge`, `touching`, `n`, `overlapping` (another of them), `leaking`,
        `not_needed`, `drawn`.
    """
    windows = regions.iloc[rng.permutation(len(regions))][["chrom", "anchor"]].reset_index(drop=True)
    windows["start"] = windows["anchor"] - ground.width // 2
    windows["end"] = windows["start"] + ground.width
    hindrance, gc = what_hinders(ground, windows)
    fates = {name: int((hindrance == name).sum()) for name in ("off_split", "edge", "touching", "n")}
    windows = windows.assign(gc=gc)[hindrance == ""].reset_index(drop=True)
    keep = apart(windows)
    fates["overlapping"] = int((~keep).sum())
    windows = windows[keep].reset_index(drop=True)
    parts, begin, missing = [windows.iloc[:0]], 0, count
    while missing and begin < len(windows):
        part = windows.iloc[begin : begin + missing]
        begin += len(part)
        part = part[~is_refused(part)]
        missing -= len(part)
        parts.append(part)
    drawn = pd.concat(parts, ignore_index=True)[[*INTERVAL, "gc"]]
    fates |= {"leaking": begin - len(drawn), "not_needed": len(windows) - begin, "drawn": len(drawn)}
    return drawn, fates


def beside(count, positives, ground, distances, is_refused, rng):
    """Draw windows beside the positives.

    Every positive has its share at first. Where neither side of a positive has room, another positive stands in. The
    fewest bases are kept from every peak and positive, not only from the one beside which a window is drawn.

    Parameters
    ----------
    count : int
    positives : pandas.DataFrame
        Stored windows.
    ground : Ground
    distances : (int, int)
        Fewest and most bases between a positive and its negative; the fewest between it and any peak.
    is_refused : callable
        See `gc_matched`.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `gc`; at most `count`.
    """
    template = tiled(np.arange(len(positives)), count, rng)
    drawn, here = [], replace(ground, avoid=widened(ground.avoid, distances[0]))
    for number in range(MAX_ROUNDS):
        if number >= MAX_ROUNDS // 2:
            template = rng.integers(len(positives), size=len(template))
        gap = rng.integers(distances[0], distances[1] + 1, size=len(template))
        left = rng.random(len(template)) < 0.5
        own = positives.iloc[template]
        start = np.where(left, own["start"].to_numpy() - gap - ground.width, own["end"].to_numpy() + gap)
        windows = pd.DataFrame({"chrom": own["chrom"].to_numpy(), "start": start, "end": start + ground.width})
        hindrance, gc = what_hinders(here, windows)
        good = hindrance == ""
        good[good] &= apart(windows[good])
        chosen = windows.assign(gc=gc)[good]
        good[good] &= ~is_refused(chosen)
        drawn.append(windows.assign(gc=gc)[good])
        template = template[~good]
        if not len(template):
            break
        here = here.without(chosen)
    return pd.concat(drawn, ignore_index=True)


def shortage(kind, found, wanted, chromosomes, why, cure):
    """The error that says how many negatives of a kind are missing, and what to do."""
    return InputError(
        f"too few negatives of kind {kind} on {listed_groups(chromosomes)}: {wanted - found} of {wanted} are missing",
        why,
        f"{cure}; or lower negatives.per_positive (of training: negatives.per_positive_training), give negatives.kinds "
        "another kind beside it, or give the split more chromosomes",
    )


def draw_negatives(positives, bases, kinds, count, ground, options, pools, is_refused, rng):
    """Draw the negatives of one split.

    Parameters
    ----------
    positives : pandas.DataFrame
        Windows as stored, that is with their jitter, all of one length.
    bases : numpy.ndarray of uint8, shape (len(positives), width)
        Their sequences in ASCII, upper case.
    kinds : dict of str -> float
        Proportions of the kinds; keys of `KINDS`.
    count : int
        Number of negatives in all.
    ground : Ground
        Where they may lie.
    options : dict
        `max_gc_difference` (a fraction) and `flank_distance` (fewest and most bases).
    pools : dict of str -> pandas.DataFrame
        For `other_peaks` and `bed`: `chrom`, `anchor` of the regions to draw from.
    is_refused : callable
        Takes drawn windows (`chrom`, `start`, `end`) and perhaps their bases, and says which are refused (bool, one a
        window), because they would leak into another split; others are drawn for them.
    rng : numpy.random.Generator

    Returns
    -------
    drawn : pandas.DataFrame
        `chrom`, `start`, `end`, `kind` and `sequence` (`.` for windows of the genome; of a shuffle the interval is that
        of the positive that was shuffled): `count` rows, kinds in the order of `KINDS`, each sorted by position.
    bases : numpy.ndarray of uint8, shape (count, width)
        Their sequences.
    accounts : list of dict
        `kind`, `outcome`, `count`: how many of each kind were wanted, looked at, passed over and why, and drawn.

    Raises
    ------
    InputError
        If there are not enough candidates of a kind.
    """
    order = {name: number for number, name in enumerate(ground.genome.sizes)}
    positive_gc, _ = counts_of(bases)
    counts = shares({kind: kinds[kind] for kind in KINDS if kinds.get(kind)}, count)
    wanted_of = {kind: wanted for kind, wanted in counts.items() if wanted}
    parts, accounts = {}, []
    for kind in reversed(wanted_of):  # windows with some GC content can be had elsewhere, the user's own cannot
        wanted = wanted_of[kind]
        fates = {}
        what = f"{ground.width} bp, clear of peaks and of what is excluded, with at most {ground.max_n_fraction:.0%} N"
        if kind == "gc_matched":
            limit = options["max_gc_difference"]
            drawn, missing, tried = gc_matched(tiled(positive_gc, wanted, rng), ground, limit, is_refused, rng)
            short, fates = np.flatnonzero(missing), {"looked_at": tried, "drawn": len(drawn)}
            why = (
                f"{tried} tiles of {what} were found in {MAX_TILINGS} tilings; none is left within {limit:g} of the GC "
                f"content of the positives with {100 * short[0] / ground.width:.0f} to "
                f"{100 * short[-1] / ground.width:.0f} % GC"
                if len(short)
                else ""
            )
            cure = "raise negatives.max_gc_difference, shorten windows.length"
        elif kind == "dinucleotide_shuffle":
            template = tiled(np.arange(len(positives)), wanted, rng)
            drawn = dinucleotide_shuffles(positives, bases, template, is_refused, rng)
            fates = {"drawn": len(drawn)}
            why = cure = ""  # a shortage is told by the shuffles themselves
        elif kind == "flanking":
            drawn = beside(wanted, positives, ground, options["flank_distance"], is_refused, rng)
            fates = {"drawn": len(drawn)}
            low, high = options["flank_distance"]
            why = f"there is no room for more windows of {what}, {low} to {high} bp from a positive"
            cure = "raise the second number of negatives.flank_distance"
        else:
            drawn, fates = from_regions(wanted, pools[kind], ground, is_refused, rng)
            lost = [f"{n} {name}" for name, n in fates.items() if n and name not in ("off_split", "drawn")]
            why = (
                f"of {len(pools[kind]) - fates['off_split']} regions on these chromosomes, {len(drawn)} give a window "
                f"of {what}, none overlapping another; passed over: {', '.join(lost) or 'none'}"
            )
            cure = "give more regions"
        accounts += [{"kind": kind, "outcome": name, "count": n} for name, n in {"wanted": wanted, **fates}.items()]
        if len(drawn) < wanted:
            raise shortage(kind, len(drawn), wanted, ground.chromosomes, why, cure)
        if kind != "dinucleotide_shuffle":
            drawn, ground = drawn.assign(sequence="."), ground.without(drawn)
        drawn = drawn.assign(kind=kind, order=drawn["chrom"].map(order))
        parts[kind] = drawn.sort_values(["order", "start"], kind="stable").drop(columns="order")
    columns = [*INTERVAL, "kind", "sequence"]
    if not parts:
        empty = pd.DataFrame({name: [] for name in columns}, dtype=str).astype({"start": np.int64, "end": np.int64})
        return empty, np.empty((0, ground.width), dtype=np.uint8), accounts
    drawn = pd.concat([parts[kind] for kind in wanted_of], ignore_index=True)[columns]
    drawn_bases = np.empty((len(drawn), ground.width), dtype=np.uint8)
    written = (drawn["sequence"] != ".").to_numpy()
    if not written.all():
        drawn_bases[~written] = read_bases(ground.genome, drawn[~written])
    drawn_bases[written] = bases_of(drawn.loc[written, "sequence"], ground.width)
    return drawn, drawn_bases, accounts


def read_pools(kinds, pool, dataset, rows, sizes, aliases):
    """Read the regions from which negatives of kinds `other_peaks` and `bed` are drawn.

    Parameters
    ----------
    kinds : dict of str -> float
    pool : str or None
        Peaks of all datasets.
    dataset : str
        Whose own peaks are left out.
    rows : list of dict
        Rows of the sheet, with the user's own `negatives`.
    sizes, aliases : dict
        The genome's chromosomes and other names of them.

    Returns
    -------
    dict of str -> pandas.DataFrame
        `chrom`, `anchor`.
    """
    pools = {}
    if "other_peaks" in kinds:
        peaks = read_peak_table(pool)
        pools["other_peaks"] = peaks.loc[peaks["target"] != dataset, ["chrom", "anchor"]]
    if "bed" in kinds:
        files = {row["negatives"]: row["negatives_accepted"] for row in rows if row["negatives"]}
        parts = []
        for path, accepted in files.items():
            check_sha256(path, accepted, path)
            parts.append(read_peaks(path, sizes, aliases))
            check_names(path, parts[-1], sizes)
        pools["bed"] = pd.concat(parts, ignore_index=True)[["chrom", "anchor"]]
    return pools
