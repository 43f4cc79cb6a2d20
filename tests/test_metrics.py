"""Metrics against scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import accuracy_score, average_precision_score, mean_squared_error, roc_auc_score

from cisflow.metrics import (
    auroc_and_auprc,
    correlations_and_error,
    epoch_metrics,
    mean_accuracy,
    mean_metric,
    midranks,
)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_areas_are_scikit_learns(seed, ties):
    rng = np.random.default_rng(seed)
    truth = rng.random(300) < 0.3
    score = rng.normal(size=300) + truth
    score = np.round(score, 1) if ties else score
    auroc, auprc = auroc_and_auprc(truth, score)
    assert auroc == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert auprc == pytest.approx(average_precision_score(truth, score), abs=1e-12)


def test_one_class_alone_has_no_area():
    auroc, auprc = auroc_and_auprc(np.ones(5, dtype=bool), np.arange(5.0))
    assert np.isnan(auroc)
    assert auprc == 1
    assert np.isnan(auroc_and_auprc(np.zeros(5, dtype=bool), np.arange(5.0))).all()


def test_infinite_scores_tie_with_each_other():
    # The difference of two infinities is NaN, so they were taken for different scores.
    truth, score = np.array([True, False, False, True]), np.array([np.inf, np.inf, -np.inf, -np.inf])
    assert auroc_and_auprc(truth, score)[0] == 0.5


NUMBERS = st.lists(st.integers(-3, 3) | st.integers(-(10**6), 10**6), min_size=2, max_size=30)


@given(NUMBERS)
def test_midranks_are_scipys(values):
    values = np.array(values, dtype=float) / 8
    assert midranks(values).tolist() == rankdata(values).tolist()


@given(st.data(), NUMBERS)
def test_correlations_and_error_are_scipys(data, truth):
    score = data.draw(st.lists(st.integers(-3, 3), min_size=len(truth), max_size=len(truth)))
    truth, score = np.array(truth, dtype=float) / 8, np.array(score, dtype=float) / 8
    pearson, spearman, mse = correlations_and_error(truth, score)
    assert mse == pytest.approx(mean_squared_error(truth, score))
    if np.ptp(truth) and np.ptp(score):
        assert pearson == pytest.approx(pearsonr(truth, score).statistic, abs=1e-9)
        assert spearman == pytest.approx(spearmanr(truth, score).statistic, abs=1e-9)
    else:
        assert np.isnan([pearson, spearman]).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e6 + 0.1, 1e-30])
def test_a_constant_prediction_has_no_correlation(constant):
    # The mean of 0.1, 0.1, ... is not 0.1: rounding errors must not be taken for a correlation.
    truth, score = np.random.default_rng(0).normal(size=1003), np.full(1003, constant)
    for pair in ((truth, score), (score, truth)):
        assert np.isnan(correlations_and_error(*pair)[:2]).all()


# --- one number an epoch ----------------------------------------------------------------------------------------------


def test_the_mean_metric_is_the_mean_over_the_targets_that_have_one():
    rng = np.random.default_rng(2)
    truth = (rng.random((200, 4)) < 0.3).astype(np.float32)
    scores = (rng.normal(size=(200, 4)) + truth).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = np.nan
    truth[:, 1] = np.where(np.isnan(truth[:, 1]), np.nan, 0)  # one class
    truth[:, 2] = np.nan
    known = ~np.isnan(truth)
    expected = np.mean([roc_auc_score(truth[known[:, t], t], scores[known[:, t], t]) for t in (0, 3)])
    assert mean_metric(truth, scores, "binary") == pytest.approx(expected)
    truth[:, [0, 3]] += rng.normal(size=(200, 2))
    expected = np.mean([pearsonr(truth[known[:, t], t], scores[known[:, t], t]).statistic for t in (0, 3)])
    assert mean_metric(truth, scores, "regression") == pytest.approx(expected)
    assert mean_metric(truth, 3 * scores - 1, "regression") == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_without_a_target_to_score_there_is_no_mean_metric(task):
    scores = np.random.default_rng(0).normal(size=(20, 2))
    for value in (0.0, 1.0, np.nan):
        assert np.isnan(mean_metric(np.full((20, 2), value), scores, task))
    truth = np.column_stack([np.arange(20) % 2, np.full(20, np.nan)])
    assert np.isfinite(mean_metric(truth, scores, task))
    scores[3] = np.nan
    assert np.isnan(mean_metric(truth, scores, task))


def test_a_target_on_which_a_network_fails_does_not_raise_the_mean():
    truth = np.random.default_rng(0).normal(size=(50, 2))
    assert mean_metric(truth, np.column_stack([truth[:, 0], np.full(50, 0.1)]), "regression") == pytest.approx(0.5)
    assert np.isnan(mean_metric(truth, np.full((50, 2), 0.1), "regression"))
    labels = (truth > 0).astype(float)
    assert mean_metric(labels, np.column_stack([truth[:, 0], np.full(50, 0.1)]), "binary") == pytest.approx(0.75)


@pytest.mark.parametrize("known_share", [1.0, 0.7])
def test_the_accuracy_of_an_epoch_is_the_mean_of_scikit_learns(known_share):
    rng = np.random.default_rng(4)
    truth = (rng.random((300, 4)) < 0.3).astype(np.float32)
    scores = rng.random((300, 4)).astype(np.float32)
    scores[:20] = 0.5  # called positive
    truth[rng.random(truth.shape) > known_share] = np.nan
    truth[:, 1] = np.where(np.isnan(truth[:, 1]), np.nan, 0)  # one class has an accuracy all the same
    truth[:, 2] = np.nan
    known = ~np.isnan(truth)
    expected = np.mean([accuracy_score(truth[known[:, t], t], scores[known[:, t], t] >= 0.5) for t in (0, 1, 3)])
    assert mean_accuracy(truth, scores) == pytest.approx(expected)
    assert epoch_metrics(truth, scores, "binary") == {
        "auroc": mean_metric(truth, scores, "binary"),
        "accuracy": mean_accuracy(truth, scores),
    }
    assert list(epoch_metrics(truth, scores, "regression")) == ["pearson"]


def test_without_a_label_or_a_number_there_is_no_accuracy():
    truth, scores = np.array([[0.0, np.nan], [1.0, np.nan]]), np.full((2, 2), 0.4)
    assert np.isnan(mean_accuracy(np.full((2, 2), np.nan), scores))
    scores[0, 1] = np.nan  # of a label that is not known
    assert mean_accuracy(truth, scores) == 0.5
    scores[0, 0] = np.inf
    assert np.isnan(mean_accuracy(truth, scores))
