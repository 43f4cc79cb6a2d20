"""The score from which on a row is called positive, chosen on the validation split."""

import numpy as np

from cisflow.metrics import ranking_curves

UNDECIDED = 0.5  # where the validation split cannot tell: of probabilities, where either class is as likely


def mcc_of_counts(true_positives, false_positives, true_negatives, false_negatives):
    """Matthews' correlation of labels and calls; 0 where all labels or all calls are the same, as in scikit-learn.

    Parameters
    ----------
    true_positives, false_positives, true_negatives, false_negatives : array_like of float

    Returns
    -------
    numpy.ndarray of float
    """
    tp, fp, tn, fn = (
        np.asarray(count, dtype=float) for count in (true_positives, false_positives, true_negatives, false_negatives)
    )
    scale = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return np.divide(tp * tn - fp * fn, scale, out=np.zeros_like(scale), where=scale > 0)


def confusion_counts(truth, score, threshold):
    """Numbers of rows of either label that are called positive (from the threshold on), and that are not.

    Parameters
    ----------
    truth : numpy.ndarray of float, shape (N,)
        Labels 0 or 1.
    score : numpy.ndarray of float, shape (N,)
    threshold : float

    Returns
    -------
    dict of str -> int
    """
    positive, called = truth == 1, score >= threshold
    return {
        "true_positives": int((positive & called).sum()),
        "false_positives": int((~positive & called).sum()),
        "true_negatives": int((~positive & ~called).sum()),
        "false_negatives": int((positive & ~called).sum()),
    }


def mcc_threshold(truth, score):
    """The threshold with the highest Matthews correlation (Matthews 1975), to be chosen on validation rows.

    Every threshold between two neighbouring scores calls the same rows positive: the thresholds that share the highest
    correlation are runs of such gaps. Of these the widest is taken, and its middle.

    Parameters
    ----------
    truth : array_like of float, shape (N,)
        Labels 0 or 1; NaN = unknown, left out.
    score : array_like of float, shape (N,)

    Returns
    -------
    float
        Rows with this score or a higher one are called positive. `UNDECIDED` where no threshold between two scores has
        a correlation above 0: one class alone, equal scores, scores that are no finite numbers, or upside down.
    """
    truth, score = np.asarray(truth, dtype=float), np.asarray(score, dtype=float)
    known = ~np.isnan(truth)
    truth, score = truth[known] == 1, score[known]
    if not len(score) or not np.isfinite(score).all():
        return UNDECIDED
    tp, fp = ranking_curves(truth, score)
    values = np.unique(score)[::-1]
    mcc = mcc_of_counts(tp, fp, fp[-1] - fp, tp[-1] - tp)[:-1]  # the last calls every row positive
    if not len(mcc) or mcc.max() <= 0:
        return UNDECIDED
    best = np.flatnonzero(np.isclose(mcc, mcc.max(), rtol=0, atol=1e-12))
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    ends = [(values[run[0]], values[run[-1] + 1]) for run in runs]
    upper, lower = max(ends, key=lambda end: end[0] - end[1])
    middle = (upper + lower) / 2
    return float(middle if lower < middle else upper)  # of neighbouring numbers the middle is one of them
