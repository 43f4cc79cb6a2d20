"""How a model does with a part of its training rows."""

import math

import numpy as np
import pandas as pd

COLUMNS = ["model", "seed", "percent", "rows", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


def training_rows(targets, percent, seed):
    """The rows of a part of a training split: a smaller part lies within every larger one of the same seed.

    Rows with a positive label (or, of quantities, with some value above its target's median) and all others are each
    cut to the same part, but never to none.

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
    is_label = np.isin(targets[~np.isnan(targets)], (0, 1)).all()
    cut = 0.5 if is_label else np.nanmedian(targets, axis=0)
    high = (np.nan_to_num(targets, nan=-np.inf) > cut).any(axis=1)
    order = np.random.default_rng(seed).permutation(len(targets))
    parts = [order[high[order]], order[~high[order]]]
    return np.sort(np.concatenate([part[: math.ceil(len(part) * percent / 100)] for part in parts]))


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
