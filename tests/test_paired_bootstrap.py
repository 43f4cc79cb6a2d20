"""Differences of two models: against a plain bootstrap, and how often they find what is not there."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearsonr
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score

from cisflow.evaluation import evaluate
from cisflow.paired_bootstrap import COLUMNS, paired_differences


def made(rng, n_blocks=20, targets=1, better=0.0, per_block=(10, 51)):
    """Labels, blocks, and the scores of two models that share most of what they see."""
    blocks = np.repeat(np.arange(n_blocks), rng.integers(*per_block, size=n_blocks))
    truth = (rng.random((len(blocks), targets)) < 0.3).astype(float)
    common = rng.normal(size=truth.shape) + 0.5 * rng.normal(size=(n_blocks, targets))[blocks]
    one, other = (0.8 * common + 0.6 * rng.normal(size=truth.shape) + truth for _ in range(2))
    return truth, one + better * truth, other, blocks


def row_of(table, target, metric):
    (row,) = table[(table["target"] == target) & (table["metric"] == metric)].to_dict("records")
    return row


def test_the_difference_is_that_of_a_plain_bootstrap_over_the_same_blocks():
    truth, one, other, blocks = made(np.random.default_rng(1), better=0.3, targets=2)
    truth[np.random.default_rng(0).random(truth.shape) < 0.2] = np.nan
    table = paired_differences(truth, one, other, blocks, "binary", 400, 5, ["a", "b"])
    assert list(table.columns) == COLUMNS
    rng, functions = np.random.default_rng(9), {"auroc": roc_auc_score, "auprc": average_precision_score}

    def differences(rows):
        known = [rows[~np.isnan(truth[rows, target])] for target in range(2)]
        return [
            [
                function(truth[own, t], one[own, t]) - function(truth[own, t], other[own, t])
                for t, own in enumerate(known)
            ]
            for function in functions.values()
        ]

    whole = np.array(differences(np.arange(len(truth))))
    resampled = []
    for _ in range(400):
        drawn = [np.flatnonzero(blocks == block) for block in rng.integers(20, size=20)]
        resampled.append(differences(np.concatenate(drawn)))
    resampled = np.array(resampled)
    widening = np.sqrt(20 / 19) * student.ppf(0.975, 19) / norm.ppf(0.975)
    for number, metric in enumerate(functions):
        for target, name in enumerate(("a", "b", "mean")):
            row = row_of(table, name, metric)
            point, values = whole[number].mean(), resampled[:, number].mean(axis=1)
            if name != "mean":
                point, values = whole[number, target], resampled[:, number, target]
            assert row["difference"] == pytest.approx(point)
            assert row["difference"] == pytest.approx(row["value"] - row["other_value"])
            deviations = widening * np.abs(values - point)
            assert (row["ci_high"] - row["ci_low"]) / 2 == pytest.approx(np.quantile(deviations, 0.95), rel=0.15)
            assert row["p"] == pytest.approx(((deviations >= abs(point)).sum() + 1) / 401, abs=0.08)
    row = row_of(table, "b", "auroc")
    assert (row["n"], row["n_positive"]) == ((~np.isnan(truth[:, 1])).sum(), (truth[:, 1] == 1).sum())


def test_values_are_those_of_the_metrics_tables():
    truth, one, other, blocks = made(np.random.default_rng(2), targets=2)
    table = paired_differences(truth, one, other, blocks, "binary", 50, 5, ["a", "b"])
    for scores, column in ((one, "value"), (other, "other_value")):
        metrics = evaluate(truth, scores, blocks, ["a", "b"], "m", "test", 50, 5)
        for target in ("a", "b", "mean"):
            assert row_of(table, target, "auprc")[column] == row_of(metrics, target, "auprc")["value"]


def test_swapping_the_models_turns_the_difference_round():
    truth, one, other, blocks = made(np.random.default_rng(3), better=0.2)
    there, back = (paired_differences(truth, *pair, blocks, "binary", 200, 1) for pair in ((one, other), (other, one)))
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there["ci_low"], -back["ci_high"])
    np.testing.assert_allclose(there["p"], back["p"])


def test_zero_lies_outside_the_interval_where_p_is_below_5_percent():
    rng = np.random.default_rng(4)
    found = [
        paired_differences(*made(rng, better=better), "binary", 200, number)
        for number, better in enumerate(np.linspace(-0.4, 0.4, 60))
    ]
    table = pd.concat(found)
    outside = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    assert 20 < outside.sum() < 100
    assert ((table["p"] <= 0.05) == outside).all()
    assert table["p"].between(1 / 201, 1).all()


def test_models_that_predict_alike_do_not_differ():
    truth, one, _, blocks = made(np.random.default_rng(5))
    table = paired_differences(truth, one, one, blocks, "binary", 100, 1)
    assert table[["difference", "ci_low", "ci_high", "p"]].to_numpy().tolist() == [[0, 0, 0, 1]] * 2


def test_quantities_are_compared_by_their_correlations():
    rng = np.random.default_rng(6)
    truth = rng.normal(size=300)
    one, other = truth + rng.normal(size=300), rng.normal(size=300)
    table = paired_differences(truth, one, other, np.arange(300) // 10, "regression", 200, 1, ["a"])
    assert table["metric"].tolist() == ["pearson", "spearman"]
    expected = pearsonr(truth, one).statistic - pearsonr(truth, other).statistic
    assert table["difference"][0] == pytest.approx(expected)
    assert (table["p"] == 1 / 201).all()
    assert table["n_positive"].isna().all()


@pytest.mark.parametrize("wrong", ["constant", "not a number", "one block", "unknown"])
def test_what_cannot_be_told_is_nan(wrong):
    rng = np.random.default_rng(7)
    truth, scores, blocks = rng.normal(size=100), rng.normal(size=100), np.arange(100) // 5
    other = np.full(100, 0.1) if wrong == "constant" else rng.normal(size=100)
    if wrong == "not a number":
        other[3] = np.nan
    if wrong == "one block":
        blocks = np.zeros(100, dtype=int)
    if wrong == "unknown":
        truth = np.full(100, np.nan)
    table = paired_differences(truth, scores, other, blocks, "regression", 50, 1)
    assert table[["ci_low", "ci_high", "p"]].isna().all(axis=None)
    assert table["difference"].isna().all() == (wrong != "one block")


def test_equal_models_are_rarely_told_apart():
    # 5 % of the p-values of models that are equally good lie below 5 %: of 200, 2 to 21 with probability 0.999.
    rng = np.random.default_rng(8)
    found = [paired_differences(*made(rng), "binary", 200, number) for number in range(200)]
    for _, table in pd.concat(found).groupby("metric"):
        assert 2 <= (table["p"] <= 0.05).sum() <= 21
