"""Metrics against scikit-learn and scipy, weighted ones against rows that are repeated."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import average_precision_score, mean_squared_error, roc_auc_score

from cisflow.metrics import auroc_and_auprc, correlations_and_error, mean_metric, weighted_midranks


def scored(n, seed, ties):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    score = rng.normal(size=n) + truth
    return truth, np.round(score, 1) if ties else score


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_areas_are_scikit_learns(seed, ties):
    truth, score = scored(300, seed, ties)
    auroc, auprc = auroc_and_auprc(truth, score)
    assert auroc[0] == pytest.approx(roc_auc_score(truth, score))
    assert auprc[0] == pytest.approx(average_precision_score(truth, score))


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_areas_are_scikit_learns(ties):
    truth, score = scored(200, 9, ties)
    weights = np.random.default_rng(1).integers(0, 4, size=(6, 200)).astype(float)
    auroc, auprc = auroc_and_auprc(truth, score, weights)
    for row, weight in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
        assert auprc[row] == pytest.approx(average_precision_score(truth, score, sample_weight=weight))


def test_one_class_alone_has_no_area():
    auroc, auprc = auroc_and_auprc(np.ones(5, dtype=bool), np.arange(5.0))
    assert np.isnan(auroc[0])
    assert auprc[0] == 1
    auroc, auprc = auroc_and_auprc(np.zeros(5, dtype=bool), np.arange(5.0))
    assert np.isnan(auroc[0])
    assert np.isnan(auprc[0])


def test_infinite_scores_tie_with_each_other():
    # The difference of two infinities is NaN, so they were taken for different scores.
    truth, score = np.array([True, False, False, True]), np.array([np.inf, np.inf, -np.inf, -np.inf])
    assert auroc_and_auprc(truth, score)[0][0] == 0.5


# --- quantities -------------------------------------------------------------------------------------------------------

FEW = st.integers(-3, 3)  # many ties
MANY = st.integers(-(10**6), 10**6)


@st.composite
def pairs(draw, values=FEW | MANY, least=2):
    """Truth, score and whole-number weights of some rows, of which at least two have a weight."""
    n = draw(st.integers(least, 30))
    numbers = st.lists(values, min_size=n, max_size=n).map(lambda x: np.array(x, dtype=float) / 8)
    weights = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n).map(np.array))
    return draw(numbers), draw(numbers), np.where(np.arange(n) < 2, np.maximum(weights, 1), weights)


def scipys(truth, score):
    """Pearson and Spearman by scipy; NaN where it has no answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pearsonr(truth, score).statistic, spearmanr(truth, score).statistic


def measured(truth, score, weights=None):
    weights = None if weights is None else np.asarray(weights, dtype=float)[None]
    return [float(value[0]) for value in correlations_and_error(truth, score, weights)]


@given(pairs())
def test_midranks_are_those_of_the_repeated_rows(rows):
    values, _, weights = rows
    ranks = np.repeat(weighted_midranks(values, weights[None].astype(float))[0], weights)
    assert ranks.tolist() == rankdata(np.repeat(values, weights)).tolist()


@given(pairs())
def test_weighted_correlations_and_error_are_scipys_of_the_repeated_rows(rows):
    truth, score, weights = rows
    repeated = np.repeat(truth, weights), np.repeat(score, weights)
    pearson, spearman, mse = measured(truth, score, weights)
    assert [pearson, spearman] == pytest.approx(scipys(*repeated), abs=1e-9, nan_ok=True)
    assert mse == pytest.approx(mean_squared_error(*repeated))
    assert measured(*repeated) == pytest.approx([pearson, spearman, mse], abs=1e-9, nan_ok=True)


def test_many_weightings_at_once_are_those_one_by_one():
    rng = np.random.default_rng(3)
    truth, score = rng.normal(size=(2, 500))
    score = np.round(score + truth, 1)
    weights = rng.integers(0, 4, size=(9, 500)).astype(float)
    together = correlations_and_error(truth, score, weights)
    for row, weight in enumerate(weights):
        assert [float(value[row]) for value in together] == pytest.approx(measured(truth, score, weight), abs=1e-12)
        weight = weight.astype(int)
        expected = scipys(np.repeat(truth, weight), np.repeat(score, weight))
        assert [float(value[row]) for value in together[:2]] == pytest.approx(expected)


@given(pairs(), st.sampled_from([0.25, 3.0, 1e4]), st.integers(-50, 50), st.sampled_from([1, -1]))
def test_pearson_does_not_see_scale_and_shift(rows, scale, shift, sign):
    truth, score, weights = rows
    pearson, spearman, _ = measured(truth, score, weights)
    changed = measured(truth, sign * scale * score + shift, weights)
    assert changed[0] == pytest.approx(sign * pearson, abs=1e-9, nan_ok=True)
    assert changed[1] == pytest.approx(sign * spearman, abs=1e-12, nan_ok=True)


@given(pairs(values=st.integers(-40, 40)))
def test_spearman_sees_nothing_but_the_order(rows):
    truth, score, weights = rows
    for changed in (np.exp(score), score**3, np.arctan(score)):
        assert measured(truth, changed, weights)[1] == pytest.approx(measured(truth, score, weights)[1], nan_ok=True)
        assert measured(changed, score, weights)[1] == pytest.approx(measured(score, score, weights)[1], nan_ok=True)


@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    order = list(range(len(rows[0])))
    random.shuffle(order)
    expected = pytest.approx(measured(*rows), abs=1e-9, nan_ok=True)
    assert measured(*(part[order] for part in rows)) == expected


@given(pairs())
def test_a_perfect_prediction_has_correlation_1_and_no_error(rows):
    truth, _, weights = rows
    pearson, spearman, mse = measured(truth, truth, weights)
    assert mse == 0
    if len(set(truth[weights > 0])) > 1:
        assert (pearson, spearman) == (pytest.approx(1), pytest.approx(1))
        assert measured(truth, -truth, weights)[:2] == [pytest.approx(-1), pytest.approx(-1)]


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e6 + 0.1, 1e-30])
def test_a_constant_prediction_has_no_correlation(constant):
    # The mean of 0.1, 0.1, ... is not 0.1: rounding errors must not be taken for a correlation.
    rng = np.random.default_rng(0)
    truth, score = rng.normal(size=1003), np.full(1003, constant)
    pearson, spearman, mse = measured(truth, score)
    assert np.isnan([pearson, spearman]).all()
    assert mse == pytest.approx(mean_squared_error(truth, score))
    assert np.isnan(measured(score, truth)[:2]).all()
    score[:3] = 7  # constant in a resample that draws none of these
    weights = rng.integers(0, 3, size=1003)
    weights[:3] = 0
    assert np.isnan(measured(truth, score, weights)[:2]).all()
    weights[0] = 1
    assert np.isfinite(measured(truth, score, weights)[:2]).all()


def test_far_outliers_do_not_spoil_the_resamples_without_them():
    rng = np.random.default_rng(1)
    truth, score = rng.normal(size=(2, 400))
    score[0] = 1e13  # what a network of counts predicts whose logit is 30
    weights = rng.integers(0, 3, size=400)
    weights[0] = 0
    assert measured(truth, score, weights)[:2] == pytest.approx(
        scipys(np.repeat(truth, weights), np.repeat(score, weights))
    )


def test_a_resample_that_draws_nothing_has_no_metric():
    assert np.isnan(measured(np.arange(3.0), np.arange(3.0), np.zeros(3))).all()


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
