"""How a model does with a part of its training rows."""

import math

import numpy as np
import pandas as pd

COLUMNS = ["model", "seed", "percent", "rows", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


def training_rows(targets, percent, seed):
    """The rows of a part of a training split: a smaller part lies within every larger one of the same seed.

    Rows with a positive label (or, of quantities, with some value above its target's median) and all others are each
    cut to the same part, but never to none. A target of which this leaves no positive or no negative (no value above
    the median, or none up to it) gets one more row: among many targets, one with few positives would lose them all.

    Parameters
    ----------
    targets : numpy.ndarray of float, shape (N, T)
        NaN = unknown.
    percent : float
        Above 0, up to 100.
    seed : int

    Returns
    -------
    numpy.ndarray of int64
        Increasing.
    """
    known = ~np.isnan(targets)
    is_label = np.isin(targets[known], (0, 1)).all()
    medians = [np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0 for column in targets.T]
    above = np.where(known, targets, -np.inf) > (0.5 if is_label else medians)
    high = above.any(axis=1)
    order = np.random.default_rng(seed).permutation(len(targets))
    of_high, of_low = order[high[order]], order[~high[order]]
    parts = [part[: math.ceil(len(part) * percent / 100)] for part in (of_high, of_low)]
    # The same rows whatever the percentage, so that parts still lie within one another.
    for rows, side in ((of_high, above), (np.concatenate([of_low, of_high]), known & ~above)):
        parts += [rows[side[rows, target]][:1] for target in range(targets.shape[1])]
    return np.unique(np.concatenate(parts))


def part_of_curve(metrics, seed, percent, n_rows):
    """Test metrics of one model, seed and part as rows of a learning curve.

    Parameters
    ----------
    metrics : pandas.DataFrame
        See `cisflow.evaluation.evaluate`.
    seed : int
    percent : float
        Of the training rows.
    n_rows : int
        How many these are.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`.
    """
    table = metrics.assign(seed=seed, percent=percent, rows=n_rows)
    return table.loc[table["metric"] != "bootstrap_blocks", COLUMNS]


def joined_curve(parts):
    """Parts of a learning curve as one table, by model, percentage and seed."""
    table = pd.concat(parts, ignore_index=True)
    order = {name: number for number, name in enumerate(dict.fromkeys(table["model"]))}
    return table.sort_values(
        ["model", "percent", "seed"], key=lambda x: x.map(order) if x.name == "model" else x, kind="stable"
    )
