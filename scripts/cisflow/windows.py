"""Peaks to fixed-length windows with one label a target.

The rule for windows of different targets that fall on each other:

1. The anchors of all targets (summits, else midpoints) are read along each chromosome from left to right. An anchor
   that lies at most `merge_distance` bases right of the first anchor of the running group joins the group; any other
   opens the next one. A group becomes one window, centred midway between its first and its last anchor, rounded down;
   with a `merge_distance` of at most half the length, every anchor of the group lies well within it.
2. The window's label is 1 for every target that has an anchor in the group.
3. It is unknown (NaN, left out of loss and metrics) for a target without an anchor in the group one of whose peaks
   nevertheless touches the window as stored, that is with its jitter: neither a site nor clear background.
4. It is 0 otherwise.

Coordinates are 0-based and half-open. A window of length L centred on c is [c - L // 2, c - L // 2 + L).
"""

import numpy as np
import pandas as pd

from cisflow.genome import base_counts, chromosome_bases
from cisflow.intervals import touches
from cisflow.window_table import widened


def group_anchors(anchors, merge_distance):
    """Number the groups of anchors of one chromosome that become one window each.

    Parameters
    ----------
    anchors : array_like of int, shape (n,)
        Sorted positions.
    merge_distance : int
        Largest distance in bases from the first anchor of a group.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Group of each anchor, counted from 0.
    """
    groups = np.empty(len(anchors), dtype=np.int64)
    group, first = -1, None
    for position, anchor in enumerate(anchors):
        if first is None or anchor - first > merge_distance:
            group, first = group + 1, anchor
        groups[position] = group
    return groups


def make_windows(peaks_by_target, sizes, excluded, fasta, length, max_jitter, merge_distance, max_n_fraction):
    """Turn the peaks of a dataset into labelled windows and say what became of every peak.

    Parameters
    ----------
    peaks_by_target : dict of str -> pandas.DataFrame
        `chrom`, `start`, `end`, `anchor` of each target's peaks.
    sizes : dict of str -> int
        Lengths of the chromosomes, in the order of the genome.
    excluded : pandas.DataFrame
        Regions to leave out (`chrom`, `start`, `end`).
    fasta : str or Path
        Indexed genome.
    length : int
        Length of the windows in bases.
    max_jitter : int
        Bases that are stored beyond the window on each side; what is asked of a window (edge, exclusion, N) is asked of
        the window with these.
    merge_distance : int
        See rule 1 of this module.
    max_n_fraction : float
        Windows with a larger fraction of unknown bases are dropped.

    Returns
    -------
    windows : pandas.DataFrame
        `chrom`, `start`, `end`, `name`, then one float column a target (1, 0 or NaN), in the order of the genome.
    fates : pandas.DataFrame
        `target` and `fate` of every peak: kept, unknown_contig, edge, excluded or n.
    """
    targets = list(peaks_by_target)
    peaks = pd.concat([frame.assign(target=target) for target, frame in peaks_by_target.items()], ignore_index=True)
    rank = {name: number for number, name in enumerate(sizes)}
    peaks["fate"] = np.where(peaks["chrom"].isin(list(sizes)), "", "unknown_contig")
    known = peaks[peaks["fate"] == ""].copy()
    known["rank"] = known["chrom"].map(rank)
    known = known.sort_values(["rank", "anchor", "target"], kind="stable")

    # Rule 1: groups of anchors, numbered over the whole genome.
    known["group"] = 0
    count = 0
    for _, positions in known.groupby("rank", sort=True).indices.items():
        groups = group_anchors(known["anchor"].to_numpy()[positions], merge_distance)
        known.iloc[positions, known.columns.get_loc("group")] = groups + count
        count += int(groups[-1]) + 1 if len(groups) else 0
    grouped = known.groupby("group", sort=True)
    centre = ((grouped["anchor"].min() + grouped["anchor"].max()) // 2).to_numpy()
    windows = pd.DataFrame({"chrom": grouped["chrom"].first().to_numpy(), "start": centre - length // 2})
    windows["end"] = windows["start"] + length
    stored = widened(windows, max_jitter)

    # What drops a window, the first reason counting.
    reason = np.full(len(windows), "", dtype=object)
    lengths = windows["chrom"].map(sizes).to_numpy(dtype=np.int64)
    reason[((stored["start"] < 0) | (stored["end"] > lengths)).to_numpy(dtype=bool)] = "edge"
    reason[(reason == "") & touches(stored, excluded)] = "excluded"
    width = length + 2 * max_jitter
    for chrom, positions in windows.groupby("chrom", sort=False).indices.items():
        positions = positions[reason[positions] == ""]
        if len(positions):
            _, unknown = base_counts(chromosome_bases(fasta, chrom), stored["start"].to_numpy()[positions], width)
            reason[positions[unknown / width > max_n_fraction]] = "n"

    # Rules 2 to 4: labels.
    labels = np.zeros((len(windows), len(targets)), dtype=np.float32)
    for column, target in enumerate(targets):
        own = known[known["target"] == target]
        labels[touches(stored, own), column] = np.nan
        labels[own["group"].to_numpy(), column] = 1
    windows[targets] = labels

    known["fate"] = np.where(reason[known["group"].to_numpy()] == "", "kept", reason[known["group"].to_numpy()])
    peaks.loc[known.index, "fate"] = known["fate"]
    kept = windows[reason == ""].reset_index(drop=True)
    kept.insert(3, "name", [f"peak_{number}" for number in range(1, len(kept) + 1)])
    return kept, peaks[["target", "fate"]]


def windows_report(windows, fates, targets, length, max_jitter, merge_distance, max_n_fraction):
    """Count what was kept and what was dropped, with the criterion beside each number.

    Returns
    -------
    pandas.DataFrame
        `target`, `outcome`, `count`, `criterion`; peaks are counted for each target and for `all`, windows likewise.
    """
    stored = f"{length} + 2 x {max_jitter} bp" if max_jitter else f"{length} bp"
    criteria = {
        "peaks_read": "lines of the peak file",
        "dropped_unknown_contig": "on a sequence that the genome lacks",
        "dropped_edge": f"the window ({stored}) passes an end of its chromosome",
        "dropped_excluded": f"the window ({stored}) touches an excluded region",
        "dropped_n": f"more than {100 * max_n_fraction:g} % N in the window ({stored})",
        "peaks_kept": "in a window that is used",
        "windows": f"windows labelled 1 (anchors at most {merge_distance} bp from the first of a group share one)",
        "windows_unknown": f"label masked: another peak of the target touches the window ({stored})",
    }
    rows = []
    for target in [*targets, "all"]:
        fate = fates["fate"] if target == "all" else fates.loc[fates["target"] == target, "fate"]
        label = windows[targets].max(axis=1) if target == "all" else windows[target]
        counts = {
            "peaks_read": len(fate),
            **{f"dropped_{name}": int((fate == name).sum()) for name in ("unknown_contig", "edge", "excluded", "n")},
            "peaks_kept": int((fate == "kept").sum()),
            "windows": int((label == 1).sum()),
            "windows_unknown": int((windows[targets].isna().any(axis=1) if target == "all" else label.isna()).sum()),
        }
        rows += [(target, outcome, count, criteria[outcome]) for outcome, count in counts.items()]
    return pd.DataFrame(rows, columns=["target", "outcome", "count", "criterion"])
