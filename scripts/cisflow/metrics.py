"""How well predictions agree with the truth.

AUROC is the probability that a positive scores above a negative (ties count half); AUPRC is the average precision,
sum over thresholds of (recall gained x precision), as in scikit-learn. Pearson's correlation, Spearman's (that of
mid-ranks) and the mean squared error are those of scipy. Metrics of many resamples are in `cisflow.bootstrap`.
"""

import numpy as np

METRIC_OF_TASK = {"binary": "auroc", "regression": "pearson"}  # by which epochs and models are compared
EVEN = 0.5  # probability from which on either class is called while a network is trained


def tie_groups(values):
    """Sort values and find those that are equal.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (N,)

    Returns
    -------
    order : numpy.ndarray of int64, shape (N,)
        Rows from the smallest value to the largest.
    last : numpy.ndarray of int64, shape (number of distinct values,)
        Place, in that order, of the last row of each group of equal values.
    """
    order = np.argsort(values)
    ordered = values[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def ranking_curves(truth, score):
    """Numbers of true and false positives at every distinct threshold, from the highest down.

    Parameters
    ----------
    truth : numpy.ndarray of bool, shape (N,)
    score : numpy.ndarray of float, shape (N,)

    Returns
    -------
    true_positives, false_positives : numpy.ndarray of int64, shape (number of distinct scores,)
    """
    order, last = tie_groups(-score)
    positive = truth[order]
    return np.cumsum(positive)[last], np.cumsum(~positive)[last]


def auroc_and_auprc(truth, score):
    """AUROC and AUPRC.

    Parameters
    ----------
    truth : array_like of bool, shape (N,)
        At least one row.
    score : array_like of float, shape (N,)

    Returns
    -------
    auroc, auprc : float
        NaN without a positive or (AUROC) without a negative.
    """
    tp, fp = ranking_curves(np.asarray(truth, dtype=bool), np.asarray(score, dtype=float))
    gained = np.diff(tp, prepend=0)
    wins = float(np.sum(np.diff(fp, prepend=0) * (tp - gained / 2)))
    auroc = wins / (float(tp[-1]) * fp[-1]) if tp[-1] and fp[-1] else np.nan
    auprc = float(np.sum(gained * (tp / (tp + fp)))) / tp[-1] if tp[-1] else np.nan
    return float(auroc), float(auprc)


def midranks(values):
    """Ranks of values (N,), from 1; equal values share the mean of their ranks."""
    order, last = tie_groups(values)
    size = np.diff(last, prepend=-1)
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(last + 1 - (size - 1) / 2, size)
    return ranks


def pearson(x, y):
    """Pearson's correlation of two (N,) of float; NaN where one of them does not vary."""
    # Less the first: the mean of equal numbers can miss them by a rounding error, whose correlation looks like one.
    x, y = x - x[0], y - y[0]
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt(x @ x) * np.sqrt(y @ y)
    return float(np.clip((x @ y) / scale, -1, 1)) if scale > 0 else np.nan


def correlations_and_error(truth, score):
    """Pearson's and Spearman's correlation and the mean squared error.

    Parameters
    ----------
    truth, score : array_like of float, shape (N,)
        Finite; at least one row.

    Returns
    -------
    pearson, spearman, mse : float
        Correlations are NaN where the truth or the score does not vary.
    """
    truth, score = np.asarray(truth, dtype=float), np.asarray(score, dtype=float)
    return pearson(truth, score), pearson(midranks(truth), midranks(score)), float(np.mean((truth - score) ** 2))


def mean_metric(truth, scores, task):
    """One number by which epochs can be compared: the mean over targets of AUROC or of Pearson's correlation.

    Parameters
    ----------
    truth : array_like of float, shape (N, T)
        NaN = unknown, left out.
    scores : array_like of float, shape (N, T)
    task : str
        `binary` (AUROC) or `regression` (Pearson).

    Returns
    -------
    float
        Over the targets whose truth has both classes, or different values: which these are does not hang on the
        predictions. A target whose predictions are all equal counts 0.5 (AUROC) or 0 (Pearson) beside others, for a
        mean over the others would be higher the more targets a network fails on. NaN where no target counts, all
        predictions of each are equal (Pearson), or one of them is no finite number.
    """
    truth, scores = np.asarray(truth), np.asarray(scores)
    values = []
    for column in range(truth.shape[1]):
        known = ~np.isnan(truth[:, column])
        true, score = truth[known, column], scores[known, column]
        if not len(true) or true.min() == true.max():
            continue
        if not np.isfinite(score).all():
            return float("nan")
        if task == "binary":
            values.append(auroc_and_auprc(true == 1, score)[0])
        else:
            values.append(pearson(true.astype(float), score.astype(float)))
    return float(np.mean(np.nan_to_num(values))) if np.isfinite(values).any() else float("nan")


def mean_accuracy(truth, scores):
    """Share of the rows that lie on the right side of an even probability, the mean over targets.

    Parameters
    ----------
    truth : array_like of float, shape (N, T)
        Labels 0 or 1; NaN = unknown, left out.
    scores : array_like of float, shape (N, T)
        Probabilities; from 0.5 on a row is called positive.

    Returns
    -------
    float
        Over the targets with a known row. NaN where there is none, or a probability is no finite number.
    """
    truth, scores = np.asarray(truth), np.asarray(scores)
    known = ~np.isnan(truth)
    if not known.any() or not np.isfinite(scores[known]).all():
        return float("nan")
    n_known, n_right = known.sum(axis=0), (known & ((scores >= EVEN) == (truth == 1))).sum(axis=0)
    return float(np.mean(n_right[n_known > 0] / n_known[n_known > 0]))


def epoch_metrics(truth, scores, task):
    """What is told of a validation split after each epoch.

    Parameters
    ----------
    truth, scores, task
        As for `mean_metric`.

    Returns
    -------
    dict of str -> float
        `auroc` and `accuracy` of labels (see `mean_accuracy`), `pearson` of quantities.
    """
    metrics = {METRIC_OF_TASK[task]: mean_metric(truth, scores, task)}
    return {**metrics, "accuracy": mean_accuracy(truth, scores)} if task == "binary" else metrics
