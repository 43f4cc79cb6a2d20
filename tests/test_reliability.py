"""Calibration against scikit-learn's curve and scipy's intervals."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from cisflow.reliability import COLUMNS, calibration_error, reliability_table, wilson_interval


def made(n, seed, decimals=None):
    """Labels that are drawn with the square of their prediction."""
    rng = np.random.default_rng(seed)
    score = rng.random(n) if decimals is None else rng.random(n).round(decimals)
    return (rng.random(n) < score**2).astype(float), score


@pytest.mark.parametrize(("n", "decimals"), [(1000, None), (1003, None), (37, None), (500, 1), (8, None)])
def test_bins_are_those_of_scikit_learn(n, decimals):
    truth, score = made(n, 3, decimals)
    observed, predicted = calibration_curve(truth, score, n_bins=10, strategy="quantile")
    table = reliability_table(truth[:, None], score[:, None], ["a"])
    assert list(table.columns) == COLUMNS
    assert table["observed"].tolist() == pytest.approx(observed)
    assert table["mean_predicted"].tolist() == pytest.approx(predicted)
    assert table["n"].sum() == n
    expected = np.average(np.abs(observed - predicted), weights=table["n"])
    assert calibration_error(truth, score) == pytest.approx(expected, abs=1e-12)
    if decimals is None:
        assert table["n"].max() - table["n"].min() <= 2


@pytest.mark.parametrize(("n_positive", "n"), [(0, 7), (7, 7), (3, 10), (250, 1000)])
def test_intervals_are_those_of_wilson(n_positive, n):
    low, high = wilson_interval(n_positive, n)
    expected = binomtest(n_positive, n).proportion_ci(0.95, method="wilson")
    assert [low, high] == pytest.approx([expected.low, expected.high], abs=1e-12)


def test_unknown_rows_are_left_out_and_each_target_has_its_own_bins():
    truth, score = made(400, 1)
    both = np.column_stack([truth, np.where(np.arange(400) < 100, np.nan, 1 - truth)])
    table = reliability_table(both, np.column_stack([score, 1 - score]), ["a", "b"])
    assert table.groupby("target")["n"].sum().to_dict() == {"a": 400, "b": 300}
    assert table.groupby("target")["bin"].apply(list).tolist() == [list(range(1, 11))] * 2
    alone = reliability_table(1 - truth[100:, None], 1 - score[100:, None], ["b"])
    assert table[table["target"] == "b"].reset_index(drop=True).equals(alone)


def test_scores_that_are_no_probabilities_have_no_reliability():
    truth, score = made(50, 2)
    assert np.isnan(calibration_error(truth, score + 0.5))
    table = reliability_table(
        np.column_stack([truth, np.full(50, np.nan)]), np.column_stack([score - 1] * 2), ["a", "b"]
    )
    assert list(table.columns) == COLUMNS
    assert table.empty


def test_a_constant_prediction_has_one_bin():
    table = reliability_table(np.array([[0.0], [1], [1], [1]]), np.full((4, 1), 0.5), ["a"])
    assert table[["bin", "n", "mean_predicted", "observed"]].to_numpy().tolist() == [[1, 4, 0.5, 0.75]]
