"""Tables of metrics: what stands in them, and the intervals, against a bootstrap that repeats rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import pearsonr, spearmanr
from scipy.stats import t as student
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

from cisflow.evaluation import OUTPUTS, evaluate, thresholds_of, write_evaluation

COLUMNS = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


def made(task, n_blocks=40, targets=2, n=1200, unknown=0.2):
    """Truth, scores and blocks of some rows."""
    rng = np.random.default_rng(5)
    blocks = np.arange(n) % n_blocks
    truth = rng.normal(size=(n, targets)) if task == "regression" else (rng.random((n, targets)) < 0.3).astype(float)
    scores = rng.normal(size=truth.shape) + truth
    scores = scores if task == "regression" else expit(scores)
    truth[rng.random(truth.shape) < unknown] = np.nan
    return truth, scores, blocks


def evaluated(task, n_resamples=300, seed=1, **kind):
    truth, scores, blocks = made(task, **kind)
    targets = [f"target_{number}" for number in range(truth.shape[1])]
    return truth, scores, evaluate(truth, scores, blocks, targets, "m", "test", n_resamples, seed, task)


def row_of(table, target, metric):
    (row,) = table[(table["target"] == target) & (table["metric"] == metric)].to_dict("records")
    return row


# --- tables -----------------------------------------------------------------------------------------------------------


def test_the_table_is_tidy_and_leaves_unknown_labels_out():
    truth, scores, table = evaluated("binary")
    assert list(table.columns) == COLUMNS
    row = row_of(table, "target_0", "auroc")
    known = ~np.isnan(truth[:, 0])
    assert row["value"] == pytest.approx(roc_auc_score(truth[known, 0], scores[known, 0]))
    assert (row["n"], row["n_positive"]) == (known.sum(), (truth[known, 0] == 1).sum())
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert row_of(table, "target_1", "prevalence")["value"] == pytest.approx(np.nanmean(truth[:, 1]))
    two = [row_of(table, f"target_{number}", "auroc")["value"] for number in range(2)]
    assert row_of(table, "mean", "auroc")["value"] == pytest.approx(np.mean(two))
    assert row_of(table, "all", "bootstrap_blocks")["value"] == 40


def test_the_table_of_quantities_is_tidy_and_leaves_unknown_values_out():
    truth, scores, table = evaluated("regression")
    assert list(table.columns) == COLUMNS
    metrics = ["pearson", "spearman", "r2", "mse", "variance"]
    assert table["metric"].tolist() == [*metrics, *metrics, "pearson", "spearman", "r2", "bootstrap_blocks"]
    assert table["n_positive"].isna().all()
    for number in range(2):
        known = ~np.isnan(truth[:, number])
        true, score = truth[known, number], scores[known, number]
        expected = {
            "pearson": pearsonr(true, score).statistic,
            "spearman": spearmanr(true, score).statistic,
            "r2": r2_score(true, score),
            "mse": mean_squared_error(true, score),
            "variance": mean_squared_error(true, np.full(len(true), true.mean())),
        }
        for metric, value in expected.items():
            row = row_of(table, f"target_{number}", metric)
            assert row["value"] == pytest.approx(value)
            assert row["n"] == known.sum()
            assert row["ci_low"] < value < row["ci_high"]
    for metric in ("pearson", "spearman", "r2"):
        row, two = row_of(table, "mean", metric), [row_of(table, f"target_{n}", metric) for n in range(2)]
        assert row["value"] == pytest.approx(np.mean([one["value"] for one in two]))
        assert row["ci_high"] - row["ci_low"] < max(one["ci_high"] - one["ci_low"] for one in two)
        assert row["n"] == (~np.isnan(truth)).any(axis=1).sum()
    assert row_of(table, "all", "bootstrap_blocks")["n"] == len(truth)


def test_what_needs_a_threshold_is_measured_at_the_one_that_is_given():
    truth, scores, blocks = made("binary")
    thresholds = [0.55, 0.7]
    table = evaluate(truth, scores, blocks, ["a", "b"], "m", "test", 100, 1, thresholds=thresholds)
    for column, (target, threshold) in enumerate(zip("ab", thresholds, strict=True)):
        known = ~np.isnan(truth[:, column])
        true, called = truth[known, column], scores[known, column] >= threshold
        expected = {
            "accuracy": accuracy_score(true, called),
            "f1": f1_score(true, called),
            "mcc": matthews_corrcoef(true, called),
            "threshold": threshold,
        }
        counts = ("true_negatives", "false_positives", "false_negatives", "true_positives")
        expected |= dict(zip(counts, confusion_matrix(true, called).ravel(), strict=True))
        for metric, value in expected.items():
            row = row_of(table, target, metric)
            assert row["value"] == pytest.approx(value, abs=1e-9)
            if metric in ("accuracy", "f1", "mcc"):
                assert row["ci_low"] < value < row["ci_high"]
            else:
                assert np.isnan([row["ci_low"], row["ci_high"]]).all()
    two = [row_of(table, target, "mcc")["value"] for target in "ab"]
    assert row_of(table, "mean", "mcc")["value"] == pytest.approx(np.mean(two))
    without = evaluate(truth, scores, blocks, ["a", "b"], "m", "test", 100, 1)
    assert set(table["metric"]) - set(without["metric"]) == {*expected}


def test_the_threshold_is_that_of_the_validation_split():
    truth, scores, _ = made("binary", n=200)
    val = {"targets": truth, "attributes": {"task": "binary"}}
    for column, threshold in enumerate(thresholds_of(val, scores)):
        known = ~np.isnan(truth[:, column])
        true, score = truth[known, column], scores[known, column]
        best = max(matthews_corrcoef(true, score >= cut) for cut in score)
        assert matthews_corrcoef(true, score >= threshold) == pytest.approx(best, abs=1e-12)
    assert thresholds_of({"targets": truth, "attributes": {"task": "regression"}}, scores) is None


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_target_has_no_mean(task):
    assert "mean" not in set(evaluated(task, targets=1)[2]["target"])


def test_a_perfect_prediction():
    truth, _, blocks = made("regression", targets=1)
    table = evaluate(truth, truth, blocks, ["a"], "m", "test", 100, 1, "regression")
    for metric, value in (("pearson", 1), ("spearman", 1), ("mse", 0)):
        row = row_of(table, "a", metric)
        assert row["value"] == pytest.approx(value)
        assert np.isnan([row["ci_low"], row["ci_high"]]).all()  # no error was seen, which is no certainty


@pytest.mark.parametrize(("task", "metrics"), [("binary", ["auroc", "auprc"]), ("regression", ["pearson", "spearman"])])
def test_what_cannot_be_told_is_nan_and_never_a_number(task, metrics):
    truth, scores, blocks = made(task, targets=4)
    truth[:, 1] = np.nan  # nothing known
    scores[np.flatnonzero(~np.isnan(truth[:, 2]))[5], 2] = np.nan  # a diverged network
    scores[np.isnan(truth[:, 3]), 3] = np.inf  # where it does not count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = evaluate(truth, scores, blocks, list("abcd"), "m", "test", 100, 1, task)
    for metric in metrics:
        assert np.isfinite([row_of(table, target, metric)["value"] for target in "ad"]).all()
        for target in ("b", "c", "mean"):
            row = row_of(table, target, metric)
            assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    assert row_of(table, "b", metrics[0])["n"] == 0
    assert row_of(table, "c", metrics[0])["n"] == (~np.isnan(truth[:, 2])).sum()


def test_constant_predictions_have_an_error_and_no_correlation():
    truth, _, blocks = made("regression", targets=1)
    known = ~np.isnan(truth[:, 0])
    scores = np.full_like(truth, np.float32(truth[known].mean()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = evaluate(truth, scores, blocks, ["a"], "m", "test", 100, 1, "regression")
    for metric in ("pearson", "spearman"):
        row = row_of(table, "a", metric)
        assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    assert row_of(table, "a", "mse")["value"] == pytest.approx(row_of(table, "a", "variance")["value"])


# --- intervals --------------------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_a_plain_bootstrap_over_blocks():
    # Independent of the weighting: resamples are made by repeating rows, and scored by scikit-learn.
    rng = np.random.default_rng(8)
    n, n_blocks = 400, 25
    blocks = rng.integers(n_blocks, size=n)
    blocks[:n_blocks] = np.arange(n_blocks)
    truth = (rng.random((n, 2)) < 0.4).astype(float)
    scores = rng.normal(size=(n, 2)) + truth + rng.normal(size=n_blocks)[blocks][:, None]
    truth[rng.random((n, 2)) < 0.2] = np.nan
    values = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(blocks == block) for block in rng.integers(n_blocks, size=n_blocks)])
        known = [rows[~np.isnan(truth[rows, target])] for target in range(2)]
        values.append([roc_auc_score(truth[own, target], scores[own, target]) for target, own in enumerate(known)])
    table = evaluate(truth, scores, blocks, ["a", "b"], "m", "test", 1500, 3)
    values = np.column_stack([values, np.mean(values, axis=1)])
    for target, resampled in zip(("a", "b", "mean"), values.T, strict=True):
        row = row_of(table, target, "auroc")
        reach = student.ppf(0.975, 24) * np.std(logit(resampled)) * np.sqrt(25 / 24)
        expected = expit(logit(row["value"]) + np.array([-reach, reach]))
        assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected, abs=0.01)


def test_blocks_without_a_known_row_do_not_count():
    truth, scores, blocks = made("binary", targets=1)
    truth[blocks > 0] = np.nan
    row = row_of(evaluate(truth, scores, blocks, ["a"], "m", "test", 100, 1), "a", "auroc")
    assert np.isfinite(row["value"])
    assert np.isnan([row["ci_low"], row["ci_high"]]).all()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_same_seed_gives_the_same_interval(task):
    first, again, other = (evaluated(task, seed=seed)[2] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["ci_low"].equals(other["ci_low"])


# --- files ------------------------------------------------------------------------------------------------------------


def a_split(task):
    truth, scores, blocks = made(task, n=60, n_blocks=20)
    split = {
        "chrom": np.where(blocks < 10, "chr1", np.char.add("cluster_", blocks.astype(str))),
        "start": np.where(blocks < 10, 1_000 * blocks, 0) - 20,
        "end": np.where(blocks < 10, 1_000 * blocks, 0) + 120,
        "name": np.array([f"row_{number}" for number in range(60)]),
        "targets": truth.astype(np.float32),
        "attributes": {"task": task, "split": "test", "target_names": ["Su(Hw)", "NA"], "max_jitter": 20},
    }
    return split, scores.astype(np.float32)


ROWS = pd.DataFrame({"gc": np.linspace(0.3, 0.6, 60), "similarity": np.linspace(0, 0.3, 60)})


def written(folder, split, scores, val=None, deviations=()):
    """Write all outputs; gives the metrics that were returned and the paths."""
    outputs = {name: folder / f"{name}.tsv" for name in OUTPUTS}
    val = (split, scores) if val is None else val
    return write_evaluation((split, scores, *deviations), val, "net", 50, 1_000, 1, outputs, ROWS), outputs


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_task_of_the_split_decides_and_coordinates_lose_their_jitter(task, tmp_path):
    split, scores = a_split(task)
    val, val_scores = a_split(task)
    val_scores = val_scores[::-1]
    table, outputs = written(tmp_path, split, scores, (val, val_scores))
    metrics = pd.read_csv(outputs["metrics"], sep="\t", keep_default_na=False)
    assert list(metrics.columns) == COLUMNS
    assert set(metrics["metric"]) == set(table["metric"])
    assert ("pearson" in set(metrics["metric"])) == (task == "regression")
    assert row_of(table, "all", "bootstrap_blocks")["value"] == 20
    assert (set(metrics["n_positive"]) == {""}) == (task == "regression")
    for name, expected in (("predictions", scores), ("val_predictions", val_scores)):
        missing = {"NA": [""], "Su(Hw)": [""]}
        predicted = pd.read_csv(outputs[name], sep="\t", keep_default_na=False, na_values=missing)
        of_targets = [column for target in ("Su(Hw)", "NA") for column in (target, f"{target}_predicted")]
        assert list(predicted.columns) == ["chrom", "start", "end", "name", *of_targets]
        assert predicted["start"].tolist() == (split["start"] + 20).tolist()
        assert set(predicted["end"] - predicted["start"]) == {100}
        np.testing.assert_allclose(predicted["NA_predicted"], expected[:, 1], rtol=1e-5)
        np.testing.assert_allclose(predicted["Su(Hw)"], split["targets"][:, 0], rtol=1e-5)
    if task == "binary":
        assert row_of(table, "NA", "threshold")["value"] == thresholds_of(val, val_scores)[1]
    reliability, strata = (pd.read_csv(outputs[name], sep="\t", keep_default_na=False) for name in OUTPUTS[3:])
    assert set(reliability["target"]) == ({"Su(Hw)", "NA"} if task == "binary" else set())
    assert set(strata["stratum"]) == {"gc", "similarity"}
    assert set(strata["target"]) == {"Su(Hw)", "NA"}


def test_deviations_stand_beside_the_mean_that_they_are_of(tmp_path):
    split, scores = a_split("binary")
    _, outputs = written(tmp_path, split, scores, deviations=(scores / 7,))
    predicted = pd.read_csv(outputs["predictions"], sep="\t", keep_default_na=False)
    np.testing.assert_allclose(predicted["NA_sd"], scores[:, 1] / 7, rtol=1e-5)


def test_only_wanted_files_are_written(tmp_path):
    split, scores = a_split("binary")
    outputs = {name: tmp_path / f"{name}.tsv" for name in OUTPUTS[:3]}
    write_evaluation((split, scores), (split, scores), "net", 50, 1_000, 1, outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.tsv" for name in outputs)


def test_predictions_that_are_no_numbers_are_told(tmp_path, capsys):
    split, scores = a_split("regression")
    scores[:7, 0] = np.nan
    split["targets"][:5, 0] = 0.5
    split["targets"][5:7, 0] = np.nan
    _, outputs = written(tmp_path, split, scores)
    assert "Su(Hw): 5 of 60 predictions are no finite numbers" in capsys.readouterr().out
    metrics = pd.read_csv(outputs["metrics"], sep="\t", dtype=str, keep_default_na=False)
    assert set(metrics[(metrics["target"] == "Su(Hw)") & (metrics["metric"] != "variance")]["value"]) == {""}
