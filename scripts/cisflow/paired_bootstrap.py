"""How much better one model predicts than another, on the same resampled blocks of the same rows."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from cisflow.bootstrap import METRICS, RANKING, resampled_metrics

COLUMNS = ["target", "metric", "value", "other_value", "difference", "ci_low", "ci_high", "p", "n", "n_positive"]
MEAN = "mean"


def widening(n_blocks):
    """By what the deviations of resamples of few blocks fall short of those of Student's distribution."""
    return np.sqrt(n_blocks / (n_blocks - 1)) * student.ppf(0.975, n_blocks - 1) / norm.ppf(0.975)


def interval_and_p(difference, resampled, n_blocks):
    """95 % interval of a difference, and the p-value of there being none: p is below 0.05 where 0 lies outside.

    Parameters
    ----------
    difference : float
    resampled : numpy.ndarray of float, shape (R,)
        Those that are not finite are left out.
    n_blocks : int
        That hold a row.

    Returns
    -------
    ci_low, ci_high, p : float
        The interval reaches as far to either side as 95 % of the resamples deviate; p is (k + 1) / (n + 1), where k of
        the n resamples deviate from the difference by as much as the difference from 0 (Davison & Hinkley 1997,
        Bootstrap methods and their application, 4.4). Deviations of few blocks are widened (`widening`). NaN with fewer
        than two blocks, or no resample. Two models that predict alike have the interval (0, 0) and p = 1.
    """
    values = resampled[np.isfinite(resampled)]
    if n_blocks < 2 or not len(values) or not np.isfinite(difference):
        return np.nan, np.nan, np.nan
    deviations = widening(n_blocks) * np.abs(values - difference)
    reach = np.quantile(deviations, 0.95, method="higher")
    # Rounding errors must not decide between a deviation and an equal difference.
    k = int((deviations >= abs(difference) * (1 - 1e-12)).sum())
    return difference - reach, difference + reach, (k + 1) / (len(values) + 1)


def paired_differences(truth, scores_a, scores_b, blocks, task, n_resamples, seed, targets=None):
    """Compare two models on the same rows, a resample of the blocks being the same for both.

    Parameters
    ----------
    truth : array_like of float, shape (N,) or (N, T)
        Labels 0 or 1, or values (`regression`); NaN = unknown, left out.
    scores_a, scores_b : array_like of float, shape as `truth`
    blocks : array_like of int, shape (N,)
        See `cisflow.bootstrap.block_numbers`.
    task : str
        `binary` or `regression`.
    n_resamples, seed : int
        The same seed and number of blocks draw the same resamples as `cisflow.evaluation.evaluate`.
    targets : list of str, optional
        Names; their numbers from 0 if left out.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: `value` of the first model, `other_value`, `difference` (the first less the other: above 0 the first
        is better), interval and p-value of `interval_and_p`, for AUROC and AUPRC, or Pearson's and Spearman's
        correlation, of every target, and of `mean` over them where there are several. NaN where one of the models has
        no value (a constant prediction has no correlation), or some score of a known row is no finite number.
    """
    truth, scores_a, scores_b = (
        np.asarray(values, dtype=float).reshape(len(truth), -1) for values in (truth, scores_a, scores_b)
    )
    blocks = np.asarray(blocks)
    n_blocks, names = int(blocks.max()) + 1, RANKING[task]
    chosen = [METRICS[task].index(name) for name in names]
    targets = list(range(truth.shape[1])) if targets is None else list(targets)
    points = np.full((2, len(names), len(targets)), np.nan)
    resampled = np.full((2, len(names), len(targets), n_resamples), np.nan)
    known = ~np.isnan(truth)
    for column in range(len(targets)):
        rows = known[:, column]
        for model, scores in enumerate((scores_a[rows, column], scores_b[rows, column])):
            if len(scores) and np.isfinite(scores).all():
                found = resampled_metrics(truth[rows, column], scores, blocks[rows], n_blocks, task, n_resamples, seed)
                points[model, :, column], resampled[model, :, column] = (part[chosen] for part in found)

    table = []

    def compare(target, of_rows, of_points, of_resamples):
        """The rows of the table for some columns of the truth and their mean metrics."""
        rows = ~np.isnan(of_rows).all(axis=1)
        n_positive = int((of_rows == 1).any(axis=1).sum()) if task == "binary" else np.nan
        in_blocks = len(np.unique(blocks[rows]))
        for number, name in enumerate(names):
            value, other = of_points[:, number]
            bounds = interval_and_p(value - other, of_resamples[0, number] - of_resamples[1, number], in_blocks)
            table.append((target, name, value, other, value - other, *bounds, int(rows.sum()), n_positive))

    for column, target in enumerate(targets):
        compare(target, truth[:, [column]], points[:, :, column], resampled[:, :, column])
    if len(targets) > 1:
        compare(MEAN, truth, points.mean(axis=2), resampled.mean(axis=2))
    return pd.DataFrame(table, columns=COLUMNS)
