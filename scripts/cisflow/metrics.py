"""How well predictions agree with the truth, for one weighting of the rows or many at once.

AUROC is the probability that a positive scores above a negative (ties count half); AUPRC is the average precision,
sum over thresholds of (recall gained x precision), as in scikit-learn. Pearson's correlation, Spearman's (that of
mid-ranks) and the mean squared error are those of scipy. A whole-number weight counts a row as often as if it stood
there so many times, which is what a bootstrap needs.
"""

import numpy as np

METRIC_OF_TASK = {"binary": "auroc", "regression": "pearson"}  # by which epochs and models are compared


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


def weighted_curves(truth, score, weights):
    """Weighted numbers of true and false positives at every distinct threshold, from the highest down.

    Parameters
    ----------
    truth : numpy.ndarray of bool, shape (N,)
    score : numpy.ndarray of float, shape (N,)
    weights : numpy.ndarray of float, shape (R, N)
        A row a resample.

    Returns
    -------
    true_positives, false_positives : numpy.ndarray, shape (R, number of distinct scores)
    """
    order, last = tie_groups(-score)
    weights = weights[:, order]
    positive = truth[order]
    return (
        np.cumsum(weights * positive, axis=1)[:, last],
        np.cumsum(weights * ~positive, axis=1)[:, last],
    )


def auroc_and_auprc(truth, score, weights=None):
    """AUROC and AUPRC, for one weighting of the rows or many.

    Parameters
    ----------
    truth : array_like of bool, shape (N,)
        At least one row.
    score : array_like of float, shape (N,)
    weights : numpy.ndarray of float, shape (R, N), optional
        All ones if left out (then R = 1).

    Returns
    -------
    auroc, auprc : numpy.ndarray, shape (R,)
        NaN where a resample holds no positive or (AUROC) no negative.
    """
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float)
    weights = np.ones((1, len(truth))) if weights is None else weights
    tp, fp = weighted_curves(truth, score, weights)
    zero = np.zeros((len(tp), 1))
    positives, negatives = tp[:, -1], fp[:, -1]
    tp0, fp0 = np.hstack([zero, tp]), np.hstack([zero, fp])
    with np.errstate(divide="ignore", invalid="ignore"):
        area = np.sum(np.diff(fp0, axis=1) * (tp0[:, 1:] + tp0[:, :-1]) / 2, axis=1)
        auroc = np.where((positives > 0) & (negatives > 0), area / (positives * negatives), np.nan)
        precision = np.where(tp + fp > 0, tp / (tp + fp), 0)
        auprc = np.where(positives > 0, np.sum(np.diff(tp0, axis=1) * precision, axis=1) / positives, np.nan)
    return auroc, auprc


def weighted_midranks(values, weights):
    """Ranks of values among the rows repeated by their weights; equal values share the mean of their ranks.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (N,)
    weights : numpy.ndarray of float, shape (R, N)
        Whole numbers.

    Returns
    -------
    numpy.ndarray of float, shape (R, N)
        Multiples of a half, from 1; of a row of weight 0, any number.
    """
    order, last = tie_groups(values)
    up_to = np.cumsum(weights[:, order], axis=1)[:, last]
    ranks = up_to - (np.diff(up_to, axis=1, prepend=0) - 1) / 2
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    return ranks[:, group]


def centred(values, weights):
    """Values less their weighted mean: (N,) or (R, N) with weights (R, N) -> (R, N).

    Where all rows that count have one value, exactly 0 comes out, for it is taken from them first: the mean of equal
    numbers can miss them by a rounding error, and the correlation of rounding errors looks like one.
    """
    values = np.broadcast_to(values, weights.shape)
    values = values - np.take_along_axis(values, (weights > 0).argmax(axis=1)[:, None], axis=1)
    values -= (np.einsum("rn,rn->r", weights, values) / weights.sum(axis=1))[:, None]
    return values


def weighted_pearson(x, y, weights):
    """Pearson's correlation, a row of weights each.

    Parameters
    ----------
    x, y : numpy.ndarray of float, shape (N,) or (R, N)
    weights : numpy.ndarray of float, shape (R, N)

    Returns
    -------
    numpy.ndarray, shape (R,)
        NaN where one of the two does not vary, or no row counts.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = centred(x, weights), centred(y, weights)
        weighted = weights * x
        together, of_x = np.einsum("rn,rn->r", weighted, y), np.einsum("rn,rn->r", weighted, x)
        of_y = np.einsum("rn,rn->r", np.multiply(weights, y, out=weighted), y)
        return np.clip(together / (np.sqrt(of_x) * np.sqrt(of_y)), -1, 1)


def correlations_and_error(truth, score, weights=None):
    """Pearson's and Spearman's correlation and the mean squared error, for one weighting of the rows or many.

    Parameters
    ----------
    truth, score : array_like of float, shape (N,)
        Finite; at least one row.
    weights : numpy.ndarray of float, shape (R, N), optional
        Whole numbers; all ones if left out (then R = 1).

    Returns
    -------
    pearson, spearman, mse : numpy.ndarray, shape (R,)
        Correlations are NaN where the truth or the score does not vary within a resample.
    """
    truth, score = np.asarray(truth, dtype=float), np.asarray(score, dtype=float)
    weights = np.ones((1, len(truth))) if weights is None else weights
    pearson = weighted_pearson(truth, score, weights)
    spearman = weighted_pearson(weighted_midranks(truth, weights), weighted_midranks(score, weights), weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        mse = weights @ (truth - score) ** 2 / weights.sum(axis=1)
    return pearson, spearman, mse


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
            values.append(auroc_and_auprc(true == 1, score)[0][0])
        else:
            values.append(weighted_pearson(true.astype(float), score.astype(float), np.ones((1, len(true))))[0])
    return float(np.mean(np.nan_to_num(values))) if np.isfinite(values).any() else float("nan")
