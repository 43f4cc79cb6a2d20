"""What a network has to beat: models that know next to nothing of the sequence."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression


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


def fit_gc_content(train_gc, train_targets, test_gc, task="binary"):
    """Predict every target from GC content alone: regression on it and its square, fitted on training rows.

    Labels by logistic regression, quantities by least squares. The square lets the fit find targets that avoid both
    extremes.

    Parameters
    ----------
    train_gc : numpy.ndarray of float, shape (N,)
    train_targets : numpy.ndarray of float, shape (N, T)
        0 or 1, or any numbers (`regression`); rows with NaN are left out of that target's fit.
    test_gc : numpy.ndarray of float, shape (M,)
    task : str
        `binary` or `regression`.

    Returns
    -------
    numpy.ndarray of float, shape (M, T)
        Probabilities, or values; NaN for a target without a known training row.
    """
    centre = train_gc.mean()
    scale = train_gc.std() if train_gc.min() < train_gc.max() else 1.0  # the sd of 0.1, 0.1, 0.1 is 1e-17

    def features(gc):
        z = (gc - centre) / scale
        return np.column_stack([z, z**2])

    columns = []
    for column in range(train_targets.shape[1]):
        known = ~np.isnan(train_targets[:, column])
        values = train_targets[known, column].astype(float)
        if not len(values) or values.min() == values.max():  # one class or value alone: nothing to fit
            columns.append(np.full(len(test_gc), values[0] if len(values) else np.nan))
        elif task == "binary":
            fitted = LogisticRegression(max_iter=1000).fit(features(train_gc[known]), values == 1)
            columns.append(fitted.predict_proba(features(test_gc))[:, 1])
        else:
            columns.append(LinearRegression().fit(features(train_gc[known]), values).predict(features(test_gc)))
    return np.column_stack(columns)
