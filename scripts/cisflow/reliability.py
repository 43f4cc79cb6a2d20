"""Whether predicted probabilities are as often right as they say."""

import numpy as np
import pandas as pd

BINS = 10
Z = 1.959963984540054  # 97.5 % of the normal distribution
COLUMNS = ["target", "bin", "n", "mean_predicted", "observed", "ci_low", "ci_high"]


def is_probability(score):
    """Whether all of some finite scores lie within 0 and 1."""
    return bool(len(score)) and score.min() >= 0 and score.max() <= 1


def calibration_bins(score):
    """Bins of equal numbers of rows by their score, cut at its quantiles.

    Parameters
    ----------
    score : numpy.ndarray of float, shape (N,)

    Returns
    -------
    numpy.ndarray of int64, shape (N,)
        0 to `BINS` - 1. Equal scores share a bin, so with many of them some bins have more rows and others none.
    """
    edges = np.quantile(score, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, score)


def calibration_error(truth, score):
    """Expected calibration error: how far observed shares lie from mean predictions, over bins weighted by their rows.

    Naeini et al. 2015, Obtaining well calibrated probabilities using Bayesian binning, with the bins of
    `calibration_bins`. Even of perfect probabilities it is above 0 in any sample.

    Parameters
    ----------
    truth : numpy.ndarray of float, shape (N,)
        Labels 0 or 1.
    score : numpy.ndarray of float, shape (N,)
        Finite.

    Returns
    -------
    float
        NaN for scores that are no probabilities.
    """
    if not is_probability(score):
        return np.nan
    return float(np.abs(np.bincount(calibration_bins(score), weights=score - (truth == 1))).sum() / len(score))


def wilson_interval(n_positive, n):
    """95 % interval of a proportion (Wilson 1927, Probable inference, the law of succession).

    Parameters
    ----------
    n_positive, n : array_like of int

    Returns
    -------
    low, high : numpy.ndarray of float
    """
    n_positive, n = np.asarray(n_positive, dtype=float), np.asarray(n, dtype=float)
    centre = (n_positive + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * np.sqrt(n_positive * (n - n_positive) / n + Z**2 / 4)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def reliability_table(truth, predictions, targets):
    """Observed frequencies beside predicted ones.

    Parameters
    ----------
    truth, predictions : numpy.ndarray of float, shape (N, T)
        Labels 0 or 1, NaN = unknown and left out.
    targets : list of str

    Returns
    -------
    pandas.DataFrame
        `target`, `bin` (from 1, the lowest predictions), `n`, `mean_predicted`, `observed` (the share of positives)
        and its Wilson interval `ci_low`, `ci_high`, which takes rows for independent. Bins without a row are left out,
        as are targets whose predictions are no probabilities.
    """
    rows = []
    for column, target in enumerate(targets):
        known = ~np.isnan(truth[:, column])
        labels, score = truth[known, column] == 1, predictions[known, column].astype(float)
        if not is_probability(score):
            continue
        of_bin = pd.DataFrame({"bin": calibration_bins(score) + 1, "score": score, "label": labels}).groupby("bin")
        n, n_positive = of_bin.size(), of_bin["label"].sum()
        low, high = wilson_interval(n_positive, n)
        table = {"n": n, "mean_predicted": of_bin["score"].mean(), "observed": n_positive / n}
        rows.append(
            pd.DataFrame({**table, "ci_low": low, "ci_high": high}).reset_index().assign(target=target)[COLUMNS]
        )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
