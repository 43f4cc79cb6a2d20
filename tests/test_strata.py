"""Metrics of parts of the test rows, against scikit-learn on rows that are picked one by one."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from cisflow.strata import COLUMNS, strata_table

N = 900


def made(task):
    rng = np.random.default_rng(0)
    truth = (rng.random((N, 2)) < 0.3).astype(float) if task == "binary" else rng.normal(size=(N, 2))
    scores = truth + rng.normal(size=(N, 2))
    truth[rng.random((N, 2)) < 0.1] = np.nan
    rows = pd.DataFrame({"gc": rng.random(N), "similarity": rng.choice([0.0, 0.049, 0.05, 0.19, 0.2, 1.0], size=N)})
    rows["a_strength"] = np.where(rng.random(N) < 0.8, rng.exponential(size=N), np.nan)
    return truth, scores, np.arange(N) // 30, rows


def picked(rows, stratum, truth, task):
    """The rows of each level, low to high, found by sorting."""
    if stratum == "similarity":
        of_level = [rows["similarity"].isin(values) for values in ([0, 0.049], [0.05, 0.19], [0.2, 1])]
        return [set(np.flatnonzero(level)) for level in of_level]
    values = rows["gc"] if stratum == "gc" else rows["a_strength"]
    if stratum == "strength" and task == "binary":
        values = values[truth == 1]
    order = values.dropna().sort_values().index
    thirds = [set(part) for part in np.array_split(order, 3)]
    return (
        [third | set(np.flatnonzero(truth == 0)) for third in thirds]
        if stratum == "strength" and task == "binary"
        else thirds
    )


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("stratum", ["gc", "similarity", "strength"])
def test_metrics_are_those_of_the_rows_of_the_level(task, stratum):
    truth, scores, blocks, rows = made(task)
    table = strata_table(truth, scores, blocks, ["a", "b"], task, rows, 100, 1)
    assert list(table.columns) == COLUMNS
    found = table[(table["stratum"] == stratum) & (table["target"] == "a")]
    assert found["level"].drop_duplicates().tolist() == ["low", "middle", "high"]
    known = set(np.flatnonzero(~np.isnan(truth[:, 0])))
    for level, own in zip(("low", "middle", "high"), picked(rows, stratum, truth[:, 0], task), strict=True):
        own = sorted(own & known)
        metrics = found[found["level"] == level].set_index("metric")
        true, score = truth[own, 0], scores[own, 0]
        assert set(metrics["n"]) <= {len(own) - 1, len(own), len(own) + 1}  # thirds that do not come out even
        functions = {"auroc": roc_auc_score, "auprc": average_precision_score}
        if task == "regression":
            functions = {"spearman": lambda one, other: spearmanr(one, other).statistic}
        for metric, function in functions.items():
            assert metrics.loc[metric, "value"] == pytest.approx(function(true, score), abs=0.02)
            assert metrics.loc[metric, "ci_low"] < metrics.loc[metric, "value"] < metrics.loc[metric, "ci_high"]
            if stratum == "similarity":
                assert metrics.loc[metric, "value"] == pytest.approx(function(true, score), abs=1e-9)
                assert metrics.loc[metric, "n"] == len(own)
        if task == "binary" and stratum == "strength":
            assert (metrics["n"] - metrics["n_positive"] == (truth[:, 0] == 0).sum()).all()


def test_ends_of_levels_meet():
    truth, scores, blocks, rows = made("binary")
    table = strata_table(truth, scores, blocks, ["a", "b"], "binary", rows, 20, 1)
    for stratum, part in table[table["metric"] == "auroc"].groupby("stratum"):
        for _, of_target in part.groupby("target"):
            assert of_target["high"].tolist()[:2] == of_target["low"].tolist()[1:], stratum
    similarity = table[table["stratum"] == "similarity"]
    assert sorted(set(similarity["low"]) | set(similarity["high"])) == [0, 0.05, 0.2, 1]
    gc = table[table["stratum"] == "gc"]
    assert (gc["low"].min(), gc["high"].max()) == (rows["gc"].min(), rows["gc"].max())
    assert set(table.loc[table["stratum"] == "strength", "target"]) == {"a"}  # the other has no strengths


def test_too_few_rows_of_a_class_tell_nothing():
    truth, scores, blocks, rows = made("binary")
    rows["similarity"] = 0.0
    few = np.flatnonzero(truth[:, 0] == 1)[:9]
    enough = np.flatnonzero(truth[:, 0] == 1)[10:20]
    negatives = np.flatnonzero(truth[:, 0] == 0)
    rows.loc[[*few, *negatives[:50]], "similarity"] = 0.1
    rows.loc[[*enough, *negatives[50:60]], "similarity"] = 0.5
    table = strata_table(truth, scores, blocks, ["a", "b"], "binary", rows, 50, 1)
    found = table[(table["stratum"] == "similarity") & (table["target"] == "a")].set_index(["level", "metric"])
    assert found.loc[("middle", "auroc"), "n_positive"] == 9
    assert found.loc["middle"][["value", "ci_low", "ci_high"]].isna().all(axis=None)
    assert found.loc[("high", "auroc"), "n"] == 20
    assert np.isfinite(found.loc[("high", "auroc"), "value"])


def test_a_level_without_rows_stays_in_the_table():
    truth, scores, blocks, rows = made("regression")
    rows["similarity"] = 0.0
    rows["gc"] = np.nan
    rows["a_strength"] = np.nan
    table = strata_table(truth, scores, blocks, ["a", "b"], "regression", rows, 20, 1)
    counts = table[table["metric"] == "pearson"].groupby(["stratum", "level"])["n"].max()
    assert counts["similarity"].to_dict()["high"] == 0
    assert (counts["gc"] == 0).all()
    assert (counts["strength"] == 0).all()
