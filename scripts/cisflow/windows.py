"""Peaks to fixed-length windows with one label a target.

The rule for windows of different targets that fall on each other:

1. The anchors of all targets (summits, else midpoints) are read along each chromosome from left to right. An anchor
   that lies at most `merge_distance` bases right of the first anchor of the running group joins the group; any other
   opens the next one. A group becomes one window, centred midway between its first and its last anchor, rounded down;
   with a `merge_distance` of at most half the length, every anchor of the group lies well within it.
2. The window's label is 1 for every target that has an anchor in the group; where the sheet names a column for a
   target's value, it is the largest value among these peaks, and unknown for a window without any.
3. It is unknown (NaN, left out of loss and metrics) for a target without an anchor in the group one of whose peaks
   nevertheless touches the window as stored, that is with its jitter: neither a site nor clear background.
4. It is 0 otherwise.

Coordinates are 0-based and half-open. A window of length L centred on c is [c - L // 2, c - L // 2 + L).
"""

import numpy as np
import pandas as pd

from cisflow.genome import window_base_counts
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


def make_windows(peaks_by_target, genome, excluded, length, max_jitter, merge_distance, max_n_fraction, edge_margin=0):
    """Turn the peaks of a dataset into labelled windows and say what became of every peak.

    Parameters
    ----------
    peaks_by_target : dict of str -> pandas.DataFrame
        `chrom`, `start`, `end`, `anchor`, `fate` (empty for peaks that are to become windows; the others only mask
        labels) and perhaps `value` of each target's peaks.
    genome : Genome
    excluded : pandas.DataFrame
        Regions to leave out (`chrom`, `start`, `end`).
    length : int
        Length of the windows in bases.
    max_jitter : int
        Bases that are stored beyond the window on each side; what is asked of a window (edge, exclusion, N) is asked of
        the window with these.
    merge_distance : int
        See rule 1 of this module.
    max_n_fraction : float
        Windows with a larger fraction of unknown bases are dropped.
    edge_margin : int
        Bases beside the stored window that must be on the chromosome too (signal tracks reach there).

    Returns
    -------
    windows : pandas.DataFrame
        `chrom`, `start`, `end`, `name`, then one float column a target (1, 0 or NaN; or values), in the order of the
        genome.
    peaks : pandas.DataFrame
        All peaks with `target` and `fate`: kept, unknown_contig, edge, excluded or n, or the fate they came with.
    """
    sizes, targets = genome.sizes, list(peaks_by_target)
    peaks = pd.concat([frame.assign(target=target) for target, frame in peaks_by_target.items()], ignore_index=True)
    on_genome = peaks["chrom"].isin(list(sizes))
    peaks.loc[~on_genome & (peaks["fate"] == ""), "fate"] = "unknown_contig"
    rank = {name: number for number, name in enumerate(sizes)}
    known = peaks[peaks["fate"] == ""].copy()
    known["rank"] = known["chrom"].map(rank)
    known = known.sort_values(["rank", "anchor", "target"], kind="stable")

    # Rule 1: groups of anchors, numbered over the whole genome.
    group, count = np.zeros(len(known), dtype=np.int64), 0
    anchors = known["anchor"].to_numpy()
    for _, positions in known.groupby("rank", sort=True).indices.items():
        group[positions] = group_anchors(anchors[positions], merge_distance) + count
        count = int(group[positions[-1]]) + 1
    known["group"] = group
    grouped = known.groupby("group", sort=True)
    centre = ((grouped["anchor"].min() + grouped["anchor"].max()) // 2).to_numpy(dtype=np.int64)
    windows = pd.DataFrame({"chrom": grouped["chrom"].first().to_numpy(), "start": centre - length // 2})
    windows["end"] = windows["start"] + length
    stored = widened(windows, max_jitter)

    # What drops a window, the first reason counting.
    reason = np.full(len(windows), "", dtype=object)
    lengths = windows["chrom"].map(sizes).to_numpy(dtype=np.int64)
    reason[((stored["start"] < edge_margin) | (stored["end"] > lengths - edge_margin)).to_numpy(dtype=bool)] = "edge"
    reason[(reason == "") & touches(stored, excluded)] = "excluded"
    inside = np.flatnonzero(reason == "")
    _, unknown = window_base_counts(genome, stored.iloc[inside])
    reason[inside[unknown / (length + 2 * max_jitter) > max_n_fraction]] = "n"

    # Rules 2 to 4: labels.
    values = np.zeros((len(windows), len(targets)))
    for column, target in enumerate(targets):
        own = known[known["target"] == target]
        if "value" in peaks_by_target[target]:
            largest = own.groupby("group")["value"].max()
            values[:, column] = np.nan
            values[largest.index.to_numpy(), column] = largest.to_numpy()
        else:
            values[touches(stored, peaks[on_genome & (peaks["target"] == target)]), column] = np.nan
            values[own["group"].to_numpy(), column] = 1
    windows = pd.concat([windows, pd.DataFrame(values, columns=targets)], axis=1)

    of_window = reason[known["group"].to_numpy()]
    peaks.loc[known.index, "fate"] = np.where(of_window == "", "kept", of_window)
    kept = windows[reason == ""].reset_index(drop=True)
    kept.insert(3, "name", [f"peak_{number}" for number in range(1, len(kept) + 1)])
    return kept, peaks


def label_overlaps(windows, targets, task):
    """How many windows carry each pair of targets.

    Parameters
    ----------
    windows : pandas.DataFrame
        With one column a target.
    targets : list of str
    task : str
        `binary`: labels 1 count; `regression`: known values.

    Returns
    -------
    pandas.DataFrame
        `target_a`, `target_b` (the same one, or one that comes later), `n_windows`.
    """
    values = windows[targets].to_numpy()
    # float32 holds whole numbers up to 16 million exactly, and its product is far quicker than that of whole numbers.
    carries = ((values == 1) if task == "binary" else ~np.isnan(values)).astype(np.float32)
    both = np.rint(carries.T @ carries).astype(np.int64)
    first, second = np.triu_indices(len(targets))
    names = np.array(targets, dtype=object)
    return pd.DataFrame({"target_a": names[first], "target_b": names[second], "n_windows": both[first, second]})


def windows_report(
    windows, peaks, targets, task, length, max_jitter, merge_distance, max_n_fraction, edge_margin=0, selections=None
):
    """Count what was kept and what was dropped, with the criterion beside each number.

    `selections` says of a target how its peaks were chosen: a dictionary with `rank_by`, `top` and `min_score`.

    Returns
    -------
    pandas.DataFrame
        `target`, `outcome`, `count`, `criterion`; peaks are counted for each target and for `all`, windows likewise.
    """
    stored = f"{length} + 2 x {max_jitter} bp" if max_jitter else f"{length} bp"
    reach = f"{stored}, and {edge_margin} bp more on each side for bigWigs" if edge_margin else stored
    drawn = f"anchors at most {merge_distance} bp from the first of a group share one"
    criteria = {
        "peaks_read": "lines of the peak file",
        "dropped_below_threshold": "below min_score in the column rank_by of the sheet",
        "dropped_not_in_top": "not among the strongest (rank_by and top of the sheet)",
        "dropped_unknown_contig": "on a sequence that the genome lacks",
        "dropped_edge": f"the window ({reach}) passes an end of its chromosome",
        "dropped_excluded": f"the window ({stored}) touches an excluded region",
        "dropped_n": f"more than {100 * max_n_fraction:g} % N in the window ({stored})",
        "peaks_kept": "in a window that is used",
        "windows": f"windows labelled 1 ({drawn})" if task == "binary" else f"windows with a value ({drawn})",
        "windows_unknown": f"label masked: another peak of the target touches the window ({stored})"
        if task == "binary"
        else "windows without a value",
    }
    peaks = peaks[peaks["fate"] != "weak"]  # of another file, which makes no windows
    rows = []
    general = criteria
    for target in [*targets, "all"]:
        criteria = dict(general)
        fate = peaks["fate"] if target == "all" else peaks.loc[peaks["target"] == target, "fate"]
        values = windows[targets].to_numpy() if target == "all" else windows[[target]].to_numpy()
        carries = (values == 1) if task == "binary" else ~np.isnan(values)
        counts = {
            "peaks_read": len(fate),
            **{name: int((fate == name.removeprefix("dropped_")).sum()) for name in criteria if "dropped_" in name},
            "peaks_kept": int((fate == "kept").sum()),
            "windows": int(carries.any(axis=1).sum()),
            "windows_unknown": int(np.isnan(values).any(axis=1).sum()),
        }
        chosen = (selections or {}).get(target)
        if chosen:
            by = chosen["rank_by"] or "rank"
            criteria |= {
                "dropped_below_threshold": f"{by} below {chosen['min_score'] or 'any'}",
                "dropped_not_in_top": f"not among the strongest {chosen['top'] or '(all)'} by {by}",
            }
        rows += [(target, outcome, count, criteria[outcome]) for outcome, count in counts.items()]
    return pd.DataFrame(rows, columns=["target", "outcome", "count", "criterion"])
