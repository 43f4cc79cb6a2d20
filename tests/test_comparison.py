"""Tables over models, seeds and folds; metrics are scikit-learn's and scipy's, resamples are made row by row."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearsonr, t
from sklearn.metrics import roc_auc_score

from cisflow.bootstrap import drawn_blocks
from cisflow.comparison import comparison_table, difference_table
from cisflow.paired_bootstrap import paired_differences
from compare_models import main as compare_models

N, BLOCK, TARGETS = 240, 1_000, ["NA", "b"]


def write_metrics(path, values, ensemble=False):
    """A table of metrics, with rows that are not to be compared."""
    rows = [(target, metric, value, value - 0.1, value + 0.1) for (target, metric), value in values.items()]
    rows += [("NA", "prevalence", 0.3, np.nan, np.nan), ("NA", "true_positives", 7, np.nan, np.nan)]
    rows += [("all", "bootstrap_blocks", 22, np.nan, np.nan)]
    table = pd.DataFrame(rows, columns=["target", "metric", "value", "ci_low", "ci_high"])
    table.assign(model="m", split="test", n=10, n_positive=3).to_csv(path, sep="\t", index=False)
    return str(path)


def test_seeds_are_summed_up_beside_their_ensemble(tmp_path):
    seeds, ensembles, expected = [], [], {}
    rng = np.random.default_rng(0)
    for fold in ("fold1", "fold2"):
        for model, n_seeds in (("second", 3), ("first", 1)):
            values = rng.random((n_seeds, 2))
            for seed, (auroc, brier) in enumerate(values):
                path = tmp_path / f"{fold}{model}{seed}.tsv"
                metrics = {("NA", "auroc"): auroc, ("mean", "brier"): brier}
                seeds.append((fold, model, write_metrics(path, metrics)))
            ensemble = {("NA", "auroc"): rng.random(), ("mean", "brier"): rng.random()}
            ensembles.append((fold, model, write_metrics(tmp_path / f"{fold}{model}.tsv", ensemble)))
            for column, key in enumerate(ensemble):
                expected[fold, model, *key] = values[:, column], ensemble[key]
    table = comparison_table(seeds, ensembles)
    assert " ".join(table) == "fold model target metric seeds mean sd lowest highest ensemble ci_low ci_high"
    assert list(zip(*(table[name] for name in ("fold", "model", "target", "metric")), strict=True)) == list(expected)
    for (_, row), (values, ensemble) in zip(table.iterrows(), expected.values(), strict=True):
        assert row["seeds"] == len(values)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1) if len(values) > 1 else np.nan, nan_ok=True)
        assert (row["lowest"], row["highest"]) == pytest.approx((values.min(), values.max()))
        assert (row["ensemble"], row["ci_low"], row["ci_high"]) == pytest.approx(
            (ensemble, ensemble - 0.1, ensemble + 0.1)
        )


def write_predictions(path, chroms, truth, scores):
    starts = np.arange(len(truth)) * 100
    table = pd.DataFrame({"chrom": chroms, "start": starts, "end": starts + 50, "name": "row"})
    for column, target in enumerate(TARGETS[: truth.shape[1]]):
        table[target], table[f"{target}_predicted"] = truth[:, column], scores[:, column]
    table.to_csv(path, sep="\t", index=False, float_format="%.9g")
    return str(path)


@pytest.fixture(params=["binary", "regression"])
def made(request, tmp_path):
    """Two folds of other chromosomes; scores of the second fold have another scale, so rows cannot be pooled."""
    rng = np.random.default_rng(0)
    folds, paths = {}, {}
    for number, fold in enumerate(("fold1", "fold2")):
        chroms = np.where(np.arange(N) < 100, f"chr{2 * number}", f"chr{2 * number + 1}")
        truth = rng.integers(0, 2, (N, 2)).astype(float) if request.param == "binary" else rng.normal(size=(N, 2))
        truth[rng.random(truth.shape) < 0.1] = np.nan
        filled = np.nan_to_num(truth)
        scores = {
            name: filled + noise * rng.normal(size=truth.shape) for name, noise in (("a", 1), ("b", 1.4), ("c", 9))
        }
        scores = {name: 50 * number + 10**number * score for name, score in scores.items()}
        folds[fold] = {"chrom": chroms, "truth": truth, "scores": scores}
        paths[fold] = {
            name: write_predictions(tmp_path / f"{fold}{name}.tsv", chroms, truth, score)
            for name, score in scores.items()
        }
    return request.param, folds, paths


def repeated_metric(truth, score, times, task):
    """A metric of rows that stand there so many times."""
    truth, score = np.repeat(truth, times), np.repeat(score, times)
    known = ~np.isnan(truth)
    return roc_auc_score(truth[known], score[known]) if task == "binary" else pearsonr(truth[known], score[known])[0]


def test_differences_are_means_over_folds_on_blocks_drawn_from_all_of_them(made):
    task, folds, paths = made
    table = difference_table(paths, task, 60, BLOCK, 3).set_index(["model", "other", "target"])
    assert list(table.index) == [
        (model, other, target)
        for model, other in (("a", "b"), ("a", "c"), ("b", "c"))
        for target in ("NA", "b", "mean")
    ]
    # Blocks of ten rows; they are numbered by chromosome and place.
    keys = [(chrom, row // 10) for fold in folds.values() for row, chrom in enumerate(fold["chrom"])]
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    blocks = np.split(np.array([numbers[key] for key in keys]), len(folds))
    draws = np.concatenate([part for _, part in drawn_blocks(len(numbers), 60, 3)])
    widening = np.sqrt(len(numbers) / (len(numbers) - 1)) * t.ppf(0.975, len(numbers) - 1) / norm.ppf(0.975)

    def mean_metric(model, columns, weights):
        return np.mean(
            [
                repeated_metric(fold["truth"][:, column], fold["scores"][model][:, column], weights[of_fold], task)
                for fold, of_fold in zip(folds.values(), blocks, strict=True)
                for column in columns
            ]
        )

    for (model, other), target, columns in (
        (("a", "b"), "NA", [0]),
        (("b", "c"), "b", [1]),
        (("a", "b"), "mean", [0, 1]),
    ):
        row = table.loc[(model, other, target)]
        ones = np.ones(len(numbers), dtype=int)
        difference = mean_metric(model, columns, ones) - mean_metric(other, columns, ones)
        resampled = np.array([mean_metric(model, columns, d) - mean_metric(other, columns, d) for d in draws])
        deviations = np.sort(widening * abs(resampled - difference))
        reach = deviations[int(np.ceil(0.95 * (len(deviations) - 1)))]
        assert row["difference"] == pytest.approx(difference, abs=1e-6)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((difference - reach, difference + reach), abs=1e-6)
        assert row["p"] == pytest.approx(((deviations >= abs(difference)).sum() + 1) / 61)
    assert table.loc[("a", "c", "mean"), "q"] < 0.1
    assert (table["q"] >= table["p"]).all()


def test_of_one_fold_they_are_the_paired_differences(made):
    task, folds, paths = made
    table = difference_table({"fold2": paths["fold2"]}, task, 200, BLOCK, 1).set_index(["model", "other", "target"])
    fold = folds["fold2"]
    keys = pd.Series([f"{chrom}:{row // 10:03d}" for row, chrom in enumerate(fold["chrom"])])
    blocks = keys.rank(method="dense").astype(int).to_numpy() - 1
    for model, other in (("a", "b"), ("a", "c"), ("b", "c")):
        expected = paired_differences(
            fold["truth"], fold["scores"][model], fold["scores"][other], blocks, task, 200, 1, TARGETS
        )
        expected = expected[expected["metric"] == ("auroc" if task == "binary" else "pearson")].set_index("target")
        for target in ("NA", "b", "mean"):
            for name in ("difference", "ci_low", "ci_high", "p"):
                assert table.loc[(model, other, target), name] == pytest.approx(expected.loc[target, name], abs=1e-6)


def test_models_are_compared_on_the_folds_that_both_have(made):
    task, _, paths = made
    part = {"fold1": paths["fold1"], "fold2": {name: paths["fold2"][name] for name in ("a", "b")}}
    table = difference_table(part, task, 50, BLOCK, 1).set_index(["model", "other", "target"])["difference"]
    whole = difference_table(paths, task, 50, BLOCK, 1).set_index(["model", "other", "target"])["difference"]
    first = difference_table({"fold1": paths["fold1"]}, task, 50, BLOCK, 1).set_index(["model", "other", "target"])
    assert table["a", "b", "NA"] == whole["a", "b", "NA"]
    assert table["a", "c", "NA"] == first["difference"]["a", "c", "NA"] != whole["a", "c", "NA"]


def test_a_fold_without_both_labels_is_left_out_and_a_broken_model_is_not(tmp_path):
    rng = np.random.default_rng(0)
    paths = {}
    for fold in ("fold1", "fold2"):
        truth = rng.integers(0, 2, (N, 1)).astype(float) if fold == "fold1" else np.ones((N, 1))
        scores = {"a": rng.random((N, 1)), "b": rng.random((N, 1))}
        scores["broken"] = np.where(np.arange(N)[:, None] == 5, np.nan, rng.random((N, 1)))
        paths[fold] = {
            name: write_predictions(tmp_path / f"{fold}{name}.tsv", fold, truth, score)
            for name, score in scores.items()
        }
    table = difference_table(paths, "binary", 50, BLOCK, 1).set_index(["model", "other"])
    alone = difference_table({"fold1": paths["fold1"]}, "binary", 50, BLOCK, 1).set_index(["model", "other"])
    assert table.loc[("a", "b"), "difference"] == alone.loc[("a", "b"), "difference"]
    assert table.loc[[("a", "broken"), ("b", "broken")], ["difference", "p", "q"]].isna().all(axis=None)
    assert list(table["target"]) == ["NA"] * 3  # no mean over one


def test_the_script_writes_both_tables(made, tmp_path):
    task, _, paths = made
    metric = "auroc" if task == "binary" else "pearson"
    metrics = {model: write_metrics(tmp_path / f"{model}.tsv", {("NA", metric): 0.7}) for model in ("a", "b")}
    outputs = {"comparison": tmp_path / "comparison.tsv", "differences": tmp_path / "model_differences.tsv"}
    compare_models(
        [metrics["a"], metrics["a"], metrics["b"]],
        [("fold1", "a"), ("fold1", "a"), ("fold1", "b")],
        [metrics["a"], metrics["b"]],
        [paths["fold1"]["a"], paths["fold1"]["b"]],
        [["fold1", "a"], ["fold1", "b"]],
        task, 50, BLOCK, 1, outputs,
    )  # fmt: skip
    comparison = pd.read_csv(outputs["comparison"], sep="\t", keep_default_na=False, na_values=[""])
    assert list(comparison["seeds"]) == [2, 1]
    assert list(comparison["target"]) == ["NA", "NA"]
    differences = pd.read_csv(outputs["differences"], sep="\t", keep_default_na=False, na_values=[""])
    assert " ".join(differences) == "model other target metric difference ci_low ci_high p q"
    assert list(differences["target"]) == ["NA", "b", "mean"]
