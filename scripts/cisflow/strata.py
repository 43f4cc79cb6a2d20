"""Metrics of parts of the test rows: by their GC content, likeness to training sequences, and strength of their peaks.

`gc`: thirds of the rows by the share of G and C among their known bases. `similarity`: by the largest share of a row's
k-mers that one training sequence holds (`cisflow.row_properties.largest_containment`): below 5 %, which unrelated
windows of 200 bp share by chance with the most similar of 20,000; from 20 %, as near-duplicates do; and between.
`strength`: thirds of a target's positives by their strongest peak, all negatives being kept in each; of quantities,
thirds of the rows that have a peak.
"""

import numpy as np
import pandas as pd

from cisflow.bootstrap import METRICS, RANKING, interval, resampled_metrics

THIRDS = ("low", "middle", "high")
SIMILARITY_ENDS = (0, 0.05, 0.2, 1)
FEWEST = 10  # rows of either class (of quantities: rows) of which a metric tells something
STRENGTH = "_strength"  # a column of a target: `{target}_strength`
COLUMNS = ["stratum", "level", "low", "high", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


def levels_of(values, ends):
    """Which rows fall below, between and from the cuts on.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (N,)
        NaN = in none.
    ends : sequence of float, shape (4,)
        Lowest value, the two cuts, highest value.

    Returns
    -------
    list of (str, float, float, numpy.ndarray of bool)
        Level, the range of values from its low end to below its high end (the highest level has its high end too), and
        its rows.
    """
    place = np.searchsorted(ends[1:-1], values, side="right")
    return [
        (level, ends[number], ends[number + 1], (place == number) & ~np.isnan(values))
        for number, level in enumerate(THIRDS)
    ]


def thirds(values):
    """Lowest value, the cuts between thirds, and highest value of what is known of some values; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return np.quantile(known, [0, 1 / 3, 2 / 3, 1]) if len(known) else np.full(4, np.nan)


def strata_of(rows, truth, target, task):
    """The levels of all strata of one target.

    Parameters
    ----------
    rows : pandas.DataFrame
        `gc`, `similarity` and perhaps `{target}_strength` of N rows.
    truth : numpy.ndarray of float, shape (N,)
        Of the target.
    target, task : str

    Yields
    ------
    str
        Stratum.
    tuple
        See `levels_of`.
    """
    gc, similarity = (rows[name].to_numpy(dtype=float) for name in ("gc", "similarity"))
    for stratum, values, ends in (("gc", gc, thirds(gc)), ("similarity", similarity, SIMILARITY_ENDS)):
        for level in levels_of(values, ends):
            yield stratum, level
    if f"{target}{STRENGTH}" in rows:
        strength = rows[f"{target}{STRENGTH}"].to_numpy(dtype=float)
        if task == "binary":
            strength = np.where(truth == 1, strength, np.nan)
        for level, low, high, chosen in levels_of(strength, thirds(strength)):
            yield "strength", (level, low, high, chosen | (truth == 0) if task == "binary" else chosen)


def strata_table(truth, scores, blocks, targets, task, rows, n_resamples, seed):
    """Metrics of each level of each stratum.

    Parameters
    ----------
    truth, scores, blocks, targets, task, n_resamples, seed
        See `cisflow.evaluation.evaluate`.
    rows : pandas.DataFrame
        Of N rows, in their order; see `strata_of`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: AUROC and AUPRC, or Pearson's and Spearman's correlation, with their intervals. `low` and `high` are
        the ends of the level. NaN where it holds fewer than `FEWEST` rows of either class (of quantities: rows).
    """
    names, n_blocks, table = RANKING[task], int(blocks.max()) + 1, []
    chosen = [METRICS[task].index(name) for name in names]
    for column, target in enumerate(targets):
        known = ~np.isnan(truth[:, column])
        for stratum, (level, low, high, of_level) in strata_of(rows, truth[:, column], target, task):
            own = of_level & known
            true, score, n = truth[own, column], scores[own, column].astype(float), int(own.sum())
            n_positive = int((true == 1).sum()) if task == "binary" else np.nan
            fewest = min(n_positive, n - n_positive) if task == "binary" else n
            found = np.full(len(names), np.nan), np.full((len(names), 1), np.nan)
            if fewest >= FEWEST and np.isfinite(score).all():
                found = resampled_metrics(true, score, blocks[own], n_blocks, task, n_resamples, seed)
                found = found[0][chosen], found[1][chosen]
            for name, value, resampled in zip(names, *found, strict=True):
                bounds = interval(name, value, resampled, len(np.unique(blocks[own])))
                table.append((stratum, level, low, high, target, name, value, *bounds, n, n_positive))
    return pd.DataFrame(table, columns=COLUMNS)
