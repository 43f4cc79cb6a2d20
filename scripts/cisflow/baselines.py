"""What a network has to beat: models that know next to nothing of the sequence."""

import numpy as np
from sklearn.linear_model import LogisticRegression


def gc_fraction(one_hot, length):
    """Fraction of G or C among the known bases of the central window.

    Parameters
    ----------
    one_hot : numpy.ndarray of int8, shape (N, 4, stored length)
        Rows A C G T.
    length : int
        Length of the window in bases.

    Returns
    -------
    numpy.ndarray of float, shape (N,)
        0.5 where no base is known.
    """
    begin = (one_hot.shape[2] - length) // 2
    counts = one_hot[:, :, begin : begin + length].sum(axis=2, dtype=np.int64)
    known = counts.sum(axis=1)
    return np.where(known > 0, (counts[:, 1] + counts[:, 2]) / np.maximum(known, 1), 0.5)


def fit_gc_content(train_gc, train_targets, test_gc):
    """Predict every target from GC content alone: logistic regression on it and its square, fitted on training rows.

    The square lets the classifier find targets that avoid both extremes.

    Parameters
    ----------
    train_gc : numpy.ndarray of float, shape (N,)
    train_targets : numpy.ndarray of float, shape (N, T)
        0, 1 or NaN; rows with NaN are left out of that target's fit.
    test_gc : numpy.ndarray of float, shape (M,)

    Returns
    -------
    numpy.ndarray of float, shape (M, T)
        Probabilities.
    """
    centre, scale = train_gc.mean(), train_gc.std() or 1.0

    def features(gc):
        z = (gc - centre) / scale
        return np.column_stack([z, z**2])

    columns = []
    for column in range(train_targets.shape[1]):
        known = ~np.isnan(train_targets[:, column])
        label = train_targets[known, column] == 1
        if label.all() or not label.any():  # one class alone: nothing to fit
            columns.append(np.full(len(test_gc), float(label.mean())))
            continue
        fitted = LogisticRegression(max_iter=1000).fit(features(train_gc[known]), label)
        columns.append(fitted.predict_proba(features(test_gc))[:, 1])
    return np.column_stack(columns)
