"""Tables that say what is in the splits: counts, base composition, and how positives and negatives compare."""

import numpy as np
import pandas as pd

from cisflow.genome import counts_of

FRACTION_BINS = np.linspace(0, 1, 51)  # of GC content and of unknown bases: 2 % each
MOST_GROUPS = 100  # that are named in a table: clusters can be many thousands
WIDTH_BINS = np.concatenate([[0], 2 ** np.arange(0, 24.5, 0.5)])  # of peaks in bp: half an octave each


def ks_statistic(first, second):
    """Two-sample Kolmogorov-Smirnov statistic: the largest distance between two empirical distributions.

    Parameters
    ----------
    first, second : array_like of float

    Returns
    -------
    float
        0 (alike) to 1 (apart); NaN where one is empty.
    """
    first, second = np.sort(first), np.sort(second)
    if not len(first) or not len(second):
        return np.nan
    values = np.concatenate([first, second])
    below = [np.searchsorted(part, values, side="right") / len(part) for part in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def distribution_rows(split, quantity, values_by_class, bins):
    """Histograms of one quantity, one a class of rows.

    Parameters
    ----------
    split, quantity : str
    values_by_class : dict of str -> numpy.ndarray
    bins : numpy.ndarray
        Edges.

    Returns
    -------
    list of dict
        `split`, `quantity`, `class`, `bin_start`, `bin_end`, `count`; empty bins are left out.
    """
    rows = []
    for name, values in values_by_class.items():
        counts, _ = np.histogram(values, bins)
        rows += [
            {
                "split": split,
                "quantity": quantity,
                "class": name,
                "bin_start": bins[number],
                "bin_end": bins[number + 1],
                "count": int(counts[number]),
            }
            for number in np.flatnonzero(counts)
        ]
    return rows


def balance_rows(split, quantity, values_by_class):
    """How far each kind of negatives lies from the positives in one quantity.

    Returns
    -------
    list of dict
        `split`, `quantity`, `class`, `n`, `n_positive`, `mean`, `mean_positive`, `ks`; a row a class of negatives.
    """
    positive = values_by_class["positive"]
    return [
        {
            "split": split,
            "quantity": quantity,
            "class": name,
            "n": len(values),
            "n_positive": len(positive),
            "mean": values.mean() if len(values) else np.nan,
            "mean_positive": positive.mean() if len(positive) else np.nan,
            "ks": ks_statistic(positive, values),
        }
        for name, values in values_by_class.items()
        if name != "positive"
    ]


def by_class(values, classes):
    """Values of each class of rows, positives first, then in the order in which the classes appear."""
    names = dict.fromkeys(["positive", *pd.unique(np.asarray(classes, dtype=object))])
    return {name: values[classes == name] for name in names}


def with_composition(rows, bases):
    """Rows with `gc` and `unknown`: the fractions of G or C, and of unknown bases, of their stored sequences.

    Parameters
    ----------
    rows : pandas.DataFrame
    bases : numpy.ndarray of uint8, shape (len(rows), width)
        ASCII, upper case.
    """
    gc, unknown = counts_of(bases)
    return rows.assign(gc=gc / bases.shape[1], unknown=unknown / bases.shape[1])


def split_report_rows(split, rows, targets, task, groups):
    """The rows of the split report for one split: each target's labels and the GC content of its two classes.

    Parameters
    ----------
    split : str
        train, val or test; `none` for rows on chromosomes of no split, which are not used.
    rows : pandas.DataFrame
        With a column a target, and `gc`, the fraction of G or C of the stored sequence.
    targets : list of str
    task : str
        `binary`: labels 1 are positive, labels 0 negative; `regression`: rows with a value count as positive, or as
        negative where they were drawn.
    groups : list of str
        Chromosomes (or other groups) of the split.

    Returns
    -------
    list of dict
        One row a target, and `all`: rows with any label 1 against the drawn negatives.
    """
    table, gc = [], rows["gc"].to_numpy()
    values = rows[targets].to_numpy(dtype=np.float64)
    own = (rows["kind"] == "positive").to_numpy(dtype=float) if "kind" in rows else np.ones(len(rows))
    labels = values if task == "binary" else np.where(np.isnan(values), np.nan, own[:, None])
    any_label = np.full(len(rows), np.nan)
    known = ~np.isnan(labels).all(axis=1)
    any_label[known] = np.nanmax(labels[known], axis=1)
    for target, label in [*zip(targets, labels.T, strict=True), ("all", any_label)]:
        table.append(
            {
                "split": split,
                "target": target,
                "n_windows": len(rows),
                "n_positive": int((label == 1).sum()),
                "n_negative": int((label == 0).sum()),
                "n_unknown": int(np.isnan(label).sum()),
                "gc_positive": gc[label == 1].mean() if (label == 1).any() else np.nan,
                "gc_negative": gc[label == 0].mean() if (label == 0).any() else np.nan,
                "chromosomes": ",".join(groups) if len(groups) <= MOST_GROUPS else f"{len(groups)} groups",
            }
        )
    return table
