"""Verdicts on made predictions; metrics are scikit-learn's and scipy's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from cisflow.messages import InputError
from cisflow.verdicts import adjusted, read_predictions, same_rows, verdict_table
from judge_models import main as judge_models

N, BLOCK = 600, 1_000
TARGETS = ["NA", "b"]


def truth_of(task, rng):
    truth = rng.integers(0, 2, (N, 2)).astype(float) if task == "binary" else rng.normal(size=(N, 2))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    return truth


def write_predictions(path, truth, scores, first_chrom="NA"):
    """A table of predictions; a block of ten rows each, some on a chromosome called NA."""
    starts = np.arange(N) * 100
    table = pd.DataFrame({"chrom": np.where(starts < 20_000, first_chrom, "chr2"), "start": starts, "end": starts + 50})
    table["name"] = "NA"
    for column, target in enumerate(TARGETS):
        table[target], table[f"{target}_predicted"] = truth[:, column], scores[:, column]
    table.to_csv(path, sep="\t", index=False, float_format="%.6g")
    return str(path)


def beside(truth, noise, rng):
    return np.where(np.isnan(truth), 0.5, truth) + noise * rng.normal(size=truth.shape)


@pytest.fixture(params=["binary", "regression"])
def made(request, tmp_path):
    """Models and baselines of three qualities."""
    rng = np.random.default_rng(0)
    truth = truth_of(request.param, rng)
    scores = {name: beside(truth, noise, rng) for name, noise in (("good", 0.6), ("fair", 1.5), ("blind", 1e6))}
    paths = {name: write_predictions(tmp_path / f"{name}.tsv", truth, score) for name, score in scores.items()}
    return request.param, truth, scores, paths


def metric_of(truth, score, task):
    known = ~np.isnan(truth)
    if task == "binary":
        return roc_auc_score(truth[known], score[known])
    return pearsonr(truth[known], score[known])[0]


def test_clear_differences_are_told_and_equal_models_are_not(made):
    task, truth, scores, paths = made
    table = verdict_table(
        {"good": paths["good"], "blind": paths["blind"]},
        {"fair": paths["fair"], "same": paths["good"]},
        task, 500, BLOCK, 1,
    )  # fmt: skip
    verdicts = table.pivot_table(index="target", columns=["model", "baseline"], values="verdict", aggfunc="first")
    assert set(verdicts.index) == {"NA", "b", "mean"}
    assert (verdicts["good", "fair"] == "better").all()
    assert (verdicts["good", "same"] == "not told apart").all()
    assert (verdicts["blind", "fair"] == "worse").all()
    assert (verdicts["blind", "same"] == "worse").all()
    assert set(table["metric"]) == {"auroc" if task == "binary" else "pearson"}
    found = table.set_index(["model", "baseline", "target"])
    for column, target in enumerate(TARGETS):
        for model, baseline in (("good", "fair"), ("blind", "fair")):
            value, other = (metric_of(truth[:, column], scores[name][:, column], task) for name in (model, baseline))
            row = found.loc[(model, baseline, target)]
            assert row["value"] == pytest.approx(value, abs=1e-4)
            assert row["baseline_value"] == pytest.approx(other, abs=1e-4)
            assert row["difference"] == pytest.approx(value - other, abs=1e-4)
            assert row["ci_low"] < row["difference"] < row["ci_high"]
    same = table[table["baseline"].eq("same") & table["model"].eq("good")]
    assert (same[["difference", "ci_low", "ci_high"]] == 0).all(axis=None)
    assert (same["p"] == 1).all()


def test_verdicts_follow_q_and_not_p(tmp_path):
    """Of ninety comparisons of equals some have p < 0.05; by q they are no longer told apart."""
    rng = np.random.default_rng(4)
    truth = truth_of("binary", rng)
    models = {
        f"m{number}": write_predictions(tmp_path / f"{number}.tsv", truth, beside(truth, 1.5, rng))
        for number in range(30)
    }
    baseline = {"other": write_predictions(tmp_path / "other.tsv", truth, beside(truth, 1.5, rng))}
    table = verdict_table(models, baseline, "binary", 1000, BLOCK, 1)
    assert len(table) == 90
    assert (table["p"] < 0.05).any()
    assert (table["q"] >= table["p"]).all()
    assert ((table["verdict"] == "not told apart") == (table["q"] >= 0.05)).all()


def test_a_baseline_without_a_value_gets_no_verdict_and_counts_for_no_test(tmp_path):
    rng = np.random.default_rng(1)
    truth = truth_of("regression", rng)
    good = write_predictions(tmp_path / "good.tsv", truth, beside(truth, 0.5, rng))
    fair = write_predictions(tmp_path / "fair.tsv", truth, beside(truth, 2.0, rng))
    constant = write_predictions(tmp_path / "constant.tsv", truth, np.full((N, 2), 0.1))
    both = verdict_table({"m": good}, {"constant": constant, "fair": fair}, "regression", 200, BLOCK, 1)
    alone = verdict_table({"m": good}, {"fair": fair}, "regression", 200, BLOCK, 1)
    assert (both.loc[both["baseline"] == "constant", "verdict"] == "not told apart").all()
    assert both.loc[both["baseline"] == "constant", ["p", "q", "baseline_value"]].isna().all(axis=None)
    rest = both[both["baseline"] == "fair"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, alone)


def test_tables_of_other_rows_are_refused(made, tmp_path):
    _, truth, scores, paths = made
    other = truth.copy()
    other[np.flatnonzero(~np.isnan(other[:, 0]))[0], 0] += 1
    for name, wrong in (
        ("labels", write_predictions(tmp_path / "labels.tsv", other, scores["good"])),
        ("places", write_predictions(tmp_path / "places.tsv", truth, scores["good"], "chr3")),
    ):
        with pytest.raises(InputError, match=f"{name}.tsv and .*good.tsv are not of the same rows"):
            same_rows({"good": paths["good"], "wrong": wrong})


def test_names_that_look_like_missing_ones_are_read(made):
    _, truth, scores, paths = made
    loci, targets, found_truth, found = read_predictions(paths["fair"])
    assert targets == TARGETS
    assert (loci["chrom"] == "NA").sum() == 200
    np.testing.assert_allclose(found, scores["fair"], rtol=1e-5)
    np.testing.assert_allclose(found_truth, truth, rtol=1e-5)


def test_q_values_are_those_of_the_published_procedure():
    """Benjamini & Hochberg 1995: the least, over thresholds from p on, of p times tests over tests up to it."""
    p = np.random.default_rng(2).random(40) ** 2
    expected = [min(len(p) * other / (p <= other).sum() for other in p if other >= value) for value in p]
    np.testing.assert_allclose(adjusted(p), expected)
    with_gaps = np.insert(p, [0, 7], np.nan)
    np.testing.assert_allclose(adjusted(with_gaps)[~np.isnan(with_gaps)], expected)
    assert np.isnan(adjusted([np.nan, np.nan])).all()


def test_the_script_writes_the_table(made, tmp_path):
    task, _, _, paths = made
    output = tmp_path / "verdicts.tsv"
    judge_models([paths["good"]], [paths["fair"], paths["blind"]], ["net"], ["f", "b"], task, 200, BLOCK, 1, output)
    table = pd.read_csv(output, sep="\t", keep_default_na=False, na_values=[""])
    expected = verdict_table({"net": paths["good"]}, {"f": paths["fair"], "b": paths["blind"]}, task, 200, BLOCK, 1)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5)
    assert " ".join(table) == "model target baseline metric value baseline_value difference ci_low ci_high p q verdict"
