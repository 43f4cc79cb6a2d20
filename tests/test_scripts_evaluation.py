"""The scripts that evaluate networks and baselines, on data that the data stage made of tables of sequences."""

from itertools import pairwise
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from data_stage import GC_MATCHED, reverse_complement, rows_of, sequence_stage, sheet_row, text_of
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

from average_predictions import main as average_predictions
from cisflow.evaluation import OUTPUTS
from cisflow.messages import InputError
from cisflow.model import build_network, load_model, save_model
from cisflow.prediction import predict_file
from cisflow.split_file import read_split
from describe_test_rows import main as describe_test_rows
from evaluate_across import main as evaluate_across
from evaluate_baseline import main as evaluate_baseline
from evaluate_model import main as evaluate_model

LENGTH, JITTER, BLOCK = 40, 5, 1_000
PAIRS_OF_BASES = {
    "layers": [
        {"type": "conv1d", "filters": 3, "width": 2},
        {"type": "activation", "function": "relu"},
        {"type": "global_avg_pool"},
    ]
}
RECORD = {"network": PAIRS_OF_BASES, "inputs": {"sequence": [4, LENGTH]}, "target_names": ["first", "NA"]}


def library(task):
    """A table of random sequences of differing GC content; half have a place; one value in ten is unknown."""
    rng = np.random.default_rng(1)
    gc = rng.uniform(0.2, 0.8, size=240)
    bases = [rng.choice(list("ACGT"), p=[(1 - p) / 2, p / 2, p / 2, (1 - p) / 2], size=50) for p in gc]
    table = pd.DataFrame({"name": [f"s{n}" for n in range(240)], "sequence": ["".join(row) for row in bases]})
    values = np.column_stack([10 * gc, -30 * (gc - 0.5) ** 2]) + rng.normal(size=(240, 2))
    if task == "binary":
        values = (values > np.median(values, axis=0)).astype(float)
    table[["first", "NA"]] = np.where(rng.random((240, 2)) < 0.1, np.nan, values)
    placed = np.arange(240) % 2 == 0
    place = {"chrom": np.where(placed, "chr1", ""), "start": np.arange(240) * 200}
    place["end"] = np.where(placed, place["start"] + 50, -1)
    return table.assign(**{name: np.where(placed, np.asarray(x).astype(str), "") for name, x in place.items()})


@pytest.fixture(scope="module", params=["binary", "regression"])
def made(request, tmp_path_factory):
    """The table, and its splits."""
    folder, table = tmp_path_factory.mktemp("library"), library(request.param)
    path = folder / "library.tsv"
    table.to_csv(path, sep="\t", index=False, na_rep="NA")
    rows = [sheet_row(target, sequences=path) for target in ("first", "NA")]
    columns = {name: name for name in ("name", "chrom", "start", "end")}
    run = sequence_stage(
        folder / "run", rows, columns, {"k": 3, "by": "cluster", "number": 1}, LENGTH, JITTER, request.param,
        {**GC_MATCHED, "per_positive": 0},
    )  # fmt: skip
    return SimpleNamespace(run=run, table=table.set_index("name"), task=request.param)


def read_results(folder):
    """Predictions and metrics as anybody would read them."""
    predictions = pd.read_csv(folder / "predictions.tsv", sep="\t", keep_default_na=False, na_values=[""])
    return predictions, pd.read_csv(folder / "metrics.tsv", sep="\t", keep_default_na=False, na_values=[""])


def at_threshold(truth, called):
    """What scikit-learn says of calls."""
    counts = zip(
        ("true_negatives", "false_positives", "false_negatives", "true_positives"),
        confusion_matrix(truth, called).ravel(),
        strict=True,
    )
    return {
        "accuracy": accuracy_score(truth, called),
        "f1": f1_score(truth, called),
        "mcc": matthews_corrcoef(truth, called),
        **dict(counts),
    }


def check_results(made, folder, model):
    """Rows are those of the split, truth is that of the table, and metrics are scipy's and scikit-learn's."""
    predictions, metrics = read_results(folder)
    in_bed = [
        (row["#chrom"], int(row["start"]), int(row["end"]), row["name"]) for row in rows_of(made.run.beds["test"])
    ]
    assert list(predictions[["chrom", "start", "end", "name"]].itertuples(index=False, name=None)) == in_bed
    assert {row[0].split("_")[0] for row in in_bed} == {"chr1", "cluster"}
    assert set(metrics["model"]) == {model}
    assert set(metrics["split"]) == {"test"}
    found = metrics.set_index(["target", "metric"])
    for target in ("first", "NA"):
        truth, score = predictions[target].to_numpy(), predictions[f"{target}_predicted"].to_numpy()
        np.testing.assert_allclose(truth, made.table.loc[predictions["name"], target], rtol=1e-5)
        known = ~np.isnan(truth)
        truth, score = truth[known], score[known]
        if made.task == "binary":
            expected = {
                "auroc": roc_auc_score(truth, score),
                "auprc": average_precision_score(truth, score),
                "prevalence": truth.mean(),
                "brier": brier_score_loss(truth, score) if ((score >= 0) & (score <= 1)).all() else np.nan,
                "threshold": found.loc[(target, "threshold"), "value"],
                **at_threshold(truth, score >= found.loc[(target, "threshold"), "value"]),
            }
        else:
            expected = {
                "pearson": pearsonr(truth, score).statistic,
                "spearman": spearmanr(truth, score).statistic,
                "r2": r2_score(truth, score),
                "mse": mean_squared_error(truth, score),
                "variance": truth.var(),
            }
        assert set(found.loc[target].index) - {"calibration_error"} == set(expected)
        for metric, value in expected.items():
            assert found.loc[(target, metric), "value"] == pytest.approx(value, rel=1e-3, nan_ok=True)
            assert found.loc[(target, metric), "n"] == known.sum()
    # A row with a place is in the block of its chromosome where it begins (as stored), any other in its cluster.
    blocks = {(chrom, (start - JITTER) // BLOCK) for chrom, start, _, _ in in_bed}
    assert found.loc[("all", "bootstrap_blocks"), "value"] == len(blocks) > 20
    return predictions, found


def described(made, folder):
    """The table of the test rows."""
    rows = folder / "test_rows.tsv"
    describe_test_rows(made.run.encoded["train"], made.run.encoded["test"], None, 11, rows)
    return rows


@pytest.mark.parametrize(("loss", "scale"), [("mse", lambda x: x), ("bce", lambda x: 1 / (1 + np.exp(-x)))])
def test_a_network_whose_predictions_are_worked_out_by_hand(loss, scale, made, tmp_path):
    rng = np.random.default_rng(3)
    filters, output = rng.normal(size=(3, 4, 2)), rng.normal(size=(2, 3))
    filters[0, [1, 2]] += 2  # so that the first sees GC content
    model = build_network(PAIRS_OF_BASES, {"sequence": (4, LENGTH)}, 2)
    with torch.no_grad():
        (convolution,) = (module for module in model.modules() if isinstance(module, torch.nn.Conv1d))
        convolution.weight.copy_(torch.from_numpy(filters))
        model.output.weight.copy_(torch.from_numpy(output))
        for bias in (convolution.bias, model.output.bias):
            torch.nn.init.zeros_(bias)
    save_model(tmp_path / "model.pt", model, {**RECORD, "loss": loss})
    outputs = {name: tmp_path / f"{name}.tsv" for name in OUTPUTS}
    val, test = (made.run.encoded[split] for split in ("val", "test"))
    rows = described(made, tmp_path)
    evaluate_model(tmp_path / "model.pt", val, test, rows, "net", 100, BLOCK, 1, "cpu", 1, outputs)
    predictions, _ = check_results(made, tmp_path, "net")

    def logits(text):
        bases = ["ACGT".index(letter) for letter in text]
        pairs = [np.maximum(filters[:, a, 0] + filters[:, b, 1], 0) for a, b in pairwise(bases)]
        return output @ np.mean(pairs, axis=0)

    with h5py.File(test) as file:
        texts = [text[JITTER:-JITTER] for text in text_of(file["one_hot"][:])]
    expected = [(scale(logits(text)) + scale(logits(reverse_complement(text)))) / 2 for text in texts]
    found = predictions[["first_predicted", "NA_predicted"]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_network_of_other_targets_is_refused(made, tmp_path):
    model = build_network(PAIRS_OF_BASES, {"sequence": (4, LENGTH)}, 2)
    save_model(tmp_path / "model.pt", model, {**RECORD, "target_names": ["NA", "first"], "loss": "mse"})
    with pytest.raises(InputError, match="found NA, first; expected first, NA"):
        evaluate_model(
            tmp_path / "model.pt",
            made.run.encoded["val"],
            made.run.encoded["test"],
            tmp_path / "rows.tsv",
            "m",
            100,
            BLOCK,
            1,
            "cpu",
            1,
            {},
        )


def test_the_gc_baseline(made, tmp_path):
    files = ("predictions", "val_predictions", "metrics", "reliability", "chosen")
    outputs = {name: tmp_path / f"{name}.tsv" for name in files}
    splits = [made.run.encoded[split] for split in ("train", "val", "test")]
    evaluate_baseline(*splits, None, "gc_content", {}, 100, BLOCK, 1, 1, outputs)
    predictions, found = check_results(made, tmp_path, "gc_content")
    assert found.loc[("mean", "auroc" if made.task == "binary" else "pearson"), "value"] > 0.6
    if made.task == "regression":
        gc = made.table["sequence"].str[JITTER:-JITTER].str.count("[GC]") / LENGTH
        train = [row["name"] for row in rows_of(made.run.beds["train"])]
        for target in ("first", "NA"):
            known = made.table.loc[train, target].dropna()
            fitted = LinearRegression().fit(np.column_stack([gc[known.index], gc[known.index] ** 2]), known)
            expected = fitted.predict(np.column_stack([gc[predictions["name"]], gc[predictions["name"]] ** 2]))
            np.testing.assert_allclose(predictions[f"{target}_predicted"], expected, rtol=1e-4, atol=1e-4)
            assert found.loc[(target, "mse"), "value"] < found.loc[(target, "variance"), "value"]


def test_what_is_known_of_the_test_rows(made, tmp_path):
    rows = pd.read_csv(described(made, tmp_path), sep="\t", keep_default_na=False)
    in_bed = rows_of(made.run.beds["test"])
    assert rows["name"].tolist() == [row["name"] for row in in_bed]
    assert rows["start"].tolist() == [int(row["start"]) for row in in_bed]
    sequence = made.table["sequence"]
    train = [sequence[row["name"]] for row in rows_of(made.run.beds["train"])]

    def words(text):
        return {min(word, reverse_complement(word)) for word in (text[at : at + 11] for at in range(len(text) - 10))}

    of_train = [words(text) for text in train]
    for row in rows.itertuples():
        window = sequence[row.name][JITTER:-JITTER]
        assert row.gc == pytest.approx((window.count("G") + window.count("C")) / LENGTH, abs=1e-6)
        own = words(window)
        shared = max(len(own & other) for other in of_train)
        assert row.similarity == pytest.approx(shared / len(own), abs=1e-6)


def test_the_ensemble_is_the_mean_over_seeds(made, tmp_path):
    rng, seeds = np.random.default_rng(0), (1, 2, 3)
    tables = {}
    for split in ("test", "val"):
        with h5py.File(made.run.encoded[split]) as file:
            places = {name: np.char.decode(file[name][:], "utf-8") for name in ("chrom", "name")}
            start, end, truth = file["start"][:] + JITTER, file["end"][:] - JITTER, file["targets"][:]
        table = pd.DataFrame({"chrom": places["chrom"], "start": start, "end": end, "name": places["name"]})
        for seed in seeds:
            for column, target in enumerate(("first", "NA")):
                table[target], table[f"{target}_predicted"] = truth[:, column], rng.random(len(table))
            table.to_csv(tmp_path / f"{split}_{seed}.tsv", sep="\t", index=False, float_format="%.6g")
        tables[split] = [str(tmp_path / f"{split}_{seed}.tsv") for seed in seeds]
    outputs = {name: tmp_path / f"{name}.tsv" for name in OUTPUTS}
    splits = [made.run.encoded[split] for split in ("val", "test")]
    run = [tables["test"], tables["val"], *splits, described(made, tmp_path), "net", 100, BLOCK, 1, outputs]
    average_predictions(*run)
    predictions, _ = check_results(made, tmp_path, "net")
    of_seeds = np.stack([pd.read_csv(path, sep="\t")["NA_predicted"] for path in tables["test"]])
    np.testing.assert_allclose(predictions["NA_predicted"], of_seeds.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(predictions["NA_sd"], of_seeds.std(axis=0, ddof=1), rtol=1e-4)
    val = pd.read_csv(outputs["val_predictions"], sep="\t")
    of_seeds = np.stack([pd.read_csv(path, sep="\t")["NA_predicted"] for path in tables["val"]])
    np.testing.assert_allclose(val["NA_predicted"], of_seeds.mean(axis=0), rtol=1e-5)
    run[0] = tables["val"]
    with pytest.raises(InputError, match="other rows or targets"):
        average_predictions(*run)


def test_networks_of_several_seeds_on_the_rows_of_two_datasets(made, tmp_path):
    """The first is that of the ensemble; a split whose chromosomes were trained on is refused."""
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(tmp_path / f"{seed}.pt")
        network = build_network(PAIRS_OF_BASES, {"sequence": (4, LENGTH)}, 2).eval()
        save_model(models[-1], network, {**RECORD, "loss": "mse", "chromosomes": {"train": ["none"], "val": []}})
    val, test = (made.run.encoded[split] for split in ("val", "test"))
    output = tmp_path / "across.tsv"
    evaluate_across(models, [test, val], "one", ["one", "two"], "net", 100, BLOCK, 1, "cpu", 1, output)
    table = pd.read_csv(output, sep="\t", keep_default_na=False, na_values=[""])
    metric, judge = {"binary": ("auroc", roc_auc_score), "regression": ("mse", mean_squared_error)}[made.task]
    assert list(table.columns[:3]) == ["trained_on", "tested_on", "model"]
    assert set(table["trained_on"]) == {"one"}
    for dataset, path in (("one", test), ("two", val)):
        split = read_split(path)
        networks = [load_model(model, "cpu") for model in models]
        predictions = np.mean([predict_file(*network, path, torch.device("cpu")) for network in networks], axis=0)
        found = table[(table["tested_on"] == dataset) & (table["metric"] == metric)].set_index("target")["value"]
        for column, target in enumerate(split["attributes"]["target_names"]):
            known = ~np.isnan(split["targets"][:, column])
            expected = judge(split["targets"][known, column], predictions[known, column])
            assert found[target] == pytest.approx(expected, rel=1e-4)
    seen = str(read_split(test)["chrom"][0])
    network, record = load_model(models[0], "cpu")
    save_model(models[0], network, {**record, "chromosomes": {"train": [seen], "val": []}})
    with pytest.raises(InputError, match="rows that the networks have seen"):
        evaluate_across(models, [test], "one", ["one"], "net", 100, BLOCK, 1, "cpu", 1, tmp_path / "refused.tsv")
    assert not (tmp_path / "refused.tsv").exists()
