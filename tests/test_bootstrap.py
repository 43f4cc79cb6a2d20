"""Metrics of resamples against scikit-learn and scipy on rows that are repeated, and intervals against known truths."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, pearsonr, spearmanr
from scipy.stats import t as student
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

from cisflow import bootstrap
from cisflow.bootstrap import (
    METRICS,
    binary_metrics,
    block_numbers,
    drawn_blocks,
    interval,
    regression_metrics,
    resampled_metrics,
)

# --- blocks -----------------------------------------------------------------------------------------------------------


def test_rows_of_one_block_lie_in_one_stretch_of_one_chromosome():
    rng = np.random.default_rng(0)
    chrom, start = rng.choice(["chr2", "chr10"], 200), rng.integers(0, 1_000_000, 200)
    blocks = block_numbers(chrom, start, 100_000)
    expected = {}
    for name, position, block in zip(chrom, start, blocks, strict=True):
        assert expected.setdefault((name, position // 100_000), block) == block
    assert sorted(expected.values()) == list(range(len(expected)))


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, dtype=object), pd.Series])
def test_rows_without_a_place_fall_into_no_common_block(kind):
    # All rows of chromosome `.` were one block: every resample held all of them, and the intervals had no width.
    chrom = kind([".", "cluster_1", ".", "chr1", "cluster_1", "NA", ".", "chr1"])
    start = kind([0, 0, 0, 5, 0, 7, 0, 99])
    assert len(set(block_numbers(chrom, start, 1_000_000).tolist())) == 6
    blocks = block_numbers(chrom, start, 1_000_000)
    assert blocks[1] == blocks[4]  # rows of one cluster stay together
    assert blocks[3] == blocks[7]
    assert block_numbers(chrom, start, 10)[3] != block_numbers(chrom, start, 10)[7]
    assert sorted(set(blocks.tolist())) == list(range(6))


def all_draws(n_blocks, n_resamples, seed):
    return np.concatenate([draws for _, draws in drawn_blocks(n_blocks, n_resamples, seed)])


def test_resamples_draw_as_many_blocks_as_there_are_each_as_often_as_any():
    draws = all_draws(7, 4000, 0)
    assert (draws.sum(axis=1) == 7).all()
    # A block is drawn binomial(7, 1/7) times: mean 1, variance 6/7.
    assert draws.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert draws.var(axis=0) == pytest.approx(np.full(7, 6 / 7), abs=0.08)


@pytest.mark.parametrize("at_once", [1, 7 * 9])
def test_it_does_not_matter_how_many_resamples_are_held_at_once(at_once, monkeypatch):
    whole = all_draws(7, 50, 3)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", at_once)
    parts = list(drawn_blocks(7, 50, 3))
    assert max(len(draws) for _, draws in parts) == max(at_once // 7, 1)
    assert [row for part, _ in parts for row in range(part.start, part.stop)] == list(range(50))
    assert np.array_equal(np.concatenate([draws for _, draws in parts]), whole)


# --- labels -----------------------------------------------------------------------------------------------------------


def scikit_learns(truth, score, threshold):
    """By scikit-learn, what it has an answer for; NaN elsewhere."""
    called, both = score >= threshold, 0 < truth.sum() < len(truth)
    return [
        roc_auc_score(truth, score) if both else np.nan,
        average_precision_score(truth, score) if truth.any() else np.nan,
        truth.mean(),
        accuracy_score(truth, called),
        f1_score(truth, called) if truth.any() else np.nan,
        matthews_corrcoef(truth, called) if both else np.nan,
        brier_score_loss(truth, score, pos_label=1),
    ]


SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, allow_subnormal=False)


@given(st.data(), st.lists(st.tuples(st.booleans(), SCORES, st.integers(0, 4)), min_size=1, max_size=30))
def test_metrics_of_labels_are_scikit_learns_of_the_repeated_rows(data, rows):
    truth, score, block = map(np.array, zip(*rows, strict=True))
    draws = np.array(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4)))
    threshold = data.draw(SCORES)
    found = binary_metrics(truth, score, block, 5, threshold)(draws)
    assert found.shape == (len(METRICS["binary"]), len(draws))
    for resample, draw in enumerate(draws):
        repeated = np.repeat(np.arange(len(rows)), draw[block])
        if not len(repeated):
            assert np.isnan(found[:, resample]).all()
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = scikit_learns(truth[repeated], score[repeated], threshold)
        assert found[:, resample].tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_constant_prediction_of_labels():
    truth = np.arange(30) % 3 == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = binary_metrics(truth, np.full(30, 0.2), np.arange(30) % 6, 6, 0.5)(np.ones((1, 6), dtype=int))[:, 0]
    expected = [0.5, 1 / 3, 1 / 3, 2 / 3, 0, 0, brier_score_loss(truth, np.full(30, 0.2))]
    assert values.tolist() == pytest.approx(expected)


def test_scores_that_are_no_probabilities_have_no_brier_score():
    truth, score = np.arange(20) % 2 == 0, np.linspace(-3, 3, 20)
    values = binary_metrics(truth, score, np.arange(20), 20, 0.0)(np.ones((1, 20), dtype=int))[:, 0]
    assert np.isnan(values).tolist() == [name == "brier" for name in METRICS["binary"]]


# --- quantities -------------------------------------------------------------------------------------------------------


def scipys(truth, score):
    """Pearson, Spearman, R2, error and variance; NaN where there is no answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        varies = np.ptp(truth) > 0
        correlations = [pearsonr(truth, score).statistic, spearmanr(truth, score).statistic] if len(truth) > 1 else []
        return [
            *(correlations if varies and np.ptp(score) > 0 else [np.nan, np.nan]),
            r2_score(truth, score) if varies else np.nan,
            mean_squared_error(truth, score),
            truth.var(),
        ]


NUMBERS = (st.integers(-3, 3) | st.integers(-(10**6), 10**6)).map(lambda number: number / 8)


@given(st.data(), st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 4)), min_size=1, max_size=30))
def test_metrics_of_quantities_are_scipys_of_the_repeated_rows(data, rows):
    truth, score, block = map(np.array, zip(*rows, strict=True))
    draws = np.array(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4)))
    found = regression_metrics(truth, score, block, 5)(draws)
    for resample, draw in enumerate(draws):
        repeated = np.repeat(np.arange(len(rows)), draw[block])
        if not len(repeated):
            assert np.isnan(found[:, resample]).all()
            continue
        expected = scipys(truth[repeated], score[repeated])
        assert found[:, resample].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e6 + 0.1, 1e-30])
def test_what_is_constant_in_a_resample_has_no_correlation_there(constant):
    # The mean of 0.1, 0.1, ... is not 0.1: rounding errors must not be taken for a correlation.
    truth, score = np.random.default_rng(0).normal(size=1003), np.full(1003, constant)
    score[:3] = 7
    block = np.arange(1003) // 3
    draws = np.random.default_rng(1).integers(0, 3, size=(2, 335))
    draws[:, 0] = 0, 1
    pearson, spearman, *_ = regression_metrics(truth, score, block, 335)(draws)
    assert np.isnan([pearson[0], spearman[0]]).all()
    assert np.isfinite([pearson[1], spearman[1]]).all()
    assert np.isnan(regression_metrics(score, truth, block, 335)(draws)[:3, 0]).all()


def test_far_outliers_do_not_spoil_the_resamples_without_them():
    rng = np.random.default_rng(1)
    truth, score = rng.normal(size=(2, 400))
    score[0] = 1e13  # what a network of counts predicts whose logit is 30
    block, draw = np.arange(400) // 4, rng.integers(0, 3, size=100)
    draw[0] = 0
    repeated = np.repeat(np.arange(400), draw[block])
    found = regression_metrics(truth, score, block, 100)(draw[None])[:, 0]
    assert found.tolist() == pytest.approx(scipys(truth[repeated], score[repeated]))


# --- resamples --------------------------------------------------------------------------------------------------------


def test_every_resample_is_that_of_rows_repeated_by_its_blocks():
    rng = np.random.default_rng(8)
    blocks = rng.integers(25, size=400)
    truth = (rng.random(400) < 0.4).astype(float)
    score = np.round(norm.cdf(rng.normal(size=400) + truth + rng.normal(size=25)[blocks]), 2)
    points, resampled = resampled_metrics(truth, score, blocks, 25, "binary", 30, 3, 0.6)
    assert points.tolist() == pytest.approx(scikit_learns(truth == 1, score, 0.6))
    for resample, draw in enumerate(all_draws(25, 30, 3)):
        rows = np.concatenate([np.tile(np.flatnonzero(blocks == block), times) for block, times in enumerate(draw)])
        assert resampled[:, resample].tolist() == pytest.approx(scikit_learns(truth[rows] == 1, score[rows], 0.6))


# --- intervals --------------------------------------------------------------------------------------------------------


def test_the_interval_is_students_on_the_logit_scale():
    rng = np.random.default_rng(0)
    values = 1 / (1 + np.exp(-rng.normal(1.2, 0.3, size=5000)))
    reach = student.ppf(0.975, 11) * np.std(np.log(values / (1 - values))) * np.sqrt(12 / 11)
    middle = np.log(0.77 / 0.23)
    expected = [1 / (1 + np.exp(-(middle + side))) for side in (-reach, reach)]
    assert interval("auroc", 0.77, values, 12) == pytest.approx(expected)
    # A correlation r is an AUROC of (1 + r) / 2 on this scale (Fisher's but for a factor); errors have no upper end.
    assert interval("pearson", 0.54, 2 * values - 1, 12) == pytest.approx([2 * end - 1 for end in expected])
    reach = student.ppf(0.975, 11) * np.std(np.log(values)) * np.sqrt(12 / 11)
    assert interval("mse", 0.77, values, 12) == pytest.approx([0.77 * np.exp(-reach), 0.77 * np.exp(reach)])
    assert interval("r2", 1 - 0.77, 1 - values, 12) == pytest.approx(
        [1 - 0.77 * np.exp(reach), 1 - 0.77 * np.exp(-reach)]
    )


@given(st.integers(2, 300), st.floats(0.001, 0.999), st.integers(0, 10**6))
def test_an_interval_holds_its_metric_and_lies_within_its_range(n_blocks, point, seed):
    values = np.random.default_rng(seed).beta(8 * point, 8 * (1 - point), size=100)
    values[:3] = np.nan, 0, 1
    for metric, scale, shift in (("auroc", 1, 0), ("mcc", 2, -1)):
        low, high = interval(metric, scale * point + shift, scale * values + shift, n_blocks)
        assert shift <= low < scale * point + shift < high <= scale + shift


@pytest.mark.parametrize(
    ("point", "values", "n_blocks"),
    [
        (0.8, np.linspace(0.7, 0.9, 50), 1),  # one block has no neighbour to differ from
        (0.5, np.full(50, 0.5), 20),  # a constant prediction
        (1.0, np.ones(50), 20),  # nothing was seen that could be wrong, which is no certainty
        (np.nan, np.full(50, np.nan), 20),
        (0.8, np.full(50, np.nan), 20),
    ],
)
def test_without_spread_there_is_no_interval(point, values, n_blocks):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(interval("auroc", point, values, n_blocks)).all()


@pytest.mark.parametrize("shared", [0.0, 0.7])  # standard deviation of what the rows of a block share
def test_intervals_hold_the_true_value_about_as_often_as_they_say(shared):
    # Two normal distributions at a distance of 1.5: P(positive above negative) = Phi(1.5 / sqrt(2 (1 + shared^2))), and
    # accuracy and MCC at a threshold of 0.75 by their tails; 20 % positives, 20 blocks of 10 to 50 rows.
    rng = np.random.default_rng(4)
    scale = np.sqrt(1 + shared**2)
    sensitivity, alarms = norm.sf(-0.75 / scale), norm.sf(0.75 / scale)
    tp, fp, fn, tn = 0.2 * sensitivity, 0.8 * alarms, 0.2 * (1 - sensitivity), 0.8 * (1 - alarms)
    true = {
        "auroc": norm.cdf(1.5 / (np.sqrt(2) * scale)),
        "prevalence": 0.2,
        "accuracy": tp + tn,
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    }
    held, n_sets = dict.fromkeys(true, 0), 200
    for number in range(n_sets):
        blocks = np.repeat(np.arange(20), rng.integers(10, 51, size=20))
        truth = (rng.random(len(blocks)) < 0.2).astype(float)
        score = rng.normal(size=len(blocks)) + 1.5 * truth + shared * rng.normal(size=20)[blocks]
        points, resampled = resampled_metrics(truth, score, blocks, 20, "binary", 400, number, 0.75)
        for metric in true:
            place = METRICS["binary"].index(metric)
            low, high = interval(metric, points[place], resampled[place], 20)
            held[metric] += low <= true[metric] <= high
    for metric, count in held.items():
        assert 0.90 * n_sets <= count <= 0.99 * n_sets, metric


def test_intervals_of_correlations_hold_the_true_value_about_as_often_as_they_say():
    # Two normal variables of correlation 0.6, whose Spearman's is 6 / pi asin(0.3) = 0.5819, and R2 of 0.6 x is 0.36.
    rng = np.random.default_rng(0)
    true, n_sets = {"pearson": 0.6, "spearman": 0.5819, "r2": 0.36, "mse": 0.64}, 200
    held = dict.fromkeys(true, 0)
    for number in range(n_sets):
        score = rng.normal(size=300)
        truth = 0.6 * score + 0.8 * rng.normal(size=300)
        points, resampled = resampled_metrics(truth, 0.6 * score, np.arange(300) // 15, 20, "regression", 400, number)
        for metric in true:
            place = METRICS["regression"].index(metric)
            low, high = interval(metric, points[place], resampled[place], 20)
            held[metric] += low <= true[metric] <= high
    for metric, count in held.items():
        assert 0.90 * n_sets <= count <= 0.99 * n_sets, metric
