"""extract_features and train_on_features from HDF5 splits to metrics, as their rules run them."""

import json
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

import extract_features
import train_on_features
from cisflow.checksums import sha256_of
from cisflow.evaluation import OUTPUTS
from cisflow.feature_estimators import predict_targets, read_estimator
from cisflow.feature_file import read_features
from cisflow.messages import InputError
from cisflow.model import build_network, save_model
from cisflow.split_file import write_split

LENGTH = 40
MOTIF = b"GATTACAGGT"
FEATURES = {"dataset": "d", "model": "m", "layer": None, "pooling": "mean", "strands": "both", "estimator": "linear"}
SPLITS = ("train", "val", "test")
# Its filters are given below: the motif, and its mirror image, which means nothing.
NETWORK = {
    "layers": [
        {"type": "conv1d", "filters": 2, "width": len(MOTIF)},
        {"type": "global_max_pool"},
        {"type": "dense", "units": 3},
    ]
}


def reverse_complement(bases):
    return bases[::-1].translate(bytes.maketrans(b"ACGT", b"TGCA"))


def a_split(path, split, rows=240, task="binary", seed=0, flip_labels=False):
    """Random sequences; half of them hold the motif on either strand. Targets are `bound` and `noise`."""
    rng = np.random.default_rng(seed)
    bases = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), size=(rows, LENGTH + 4))
    holds = np.arange(rows) % 2 == 0
    for row in np.flatnonzero(holds):
        begin = 4 + int(rng.integers(LENGTH - len(MOTIF) - 4))
        motif = MOTIF if row % 4 else reverse_complement(MOTIF)
        bases[row, begin : begin + len(MOTIF)] = np.frombuffer(motif, dtype=np.uint8)
    start = rng.integers(0, 100_000, size=rows)
    loci = pd.DataFrame(
        {
            "chrom": f"chr{1 + SPLITS.index(split)}",
            "start": start,
            "end": start + LENGTH + 4,
            "name": [f"{split}_{row}" for row in range(rows)],
            "strand": ".",
        }
    )
    noise = rng.random(rows) < 0.5 if task == "binary" else rng.normal(size=rows)
    bound = holds != flip_labels if task == "binary" else 2 * holds + 0.3 * rng.normal(size=rows)
    targets = np.column_stack([bound, noise]).astype(float)
    targets[rng.random(rows) < 0.1, 0] = np.nan
    attributes = {
        "target_names": ["bound", "noise"],
        "track_names": [],
        "task": task,
        "split": split,
        "window_length": LENGTH,
        "max_jitter": 2,
        "genome": "dm6",
        "genome_sha256": "0" * 64,
        "config_sha256": "1" * 64,
    }
    write_split(path, loci, targets, LENGTH + 4, lambda part: bases[part], attributes)
    return str(path)


@pytest.fixture
def fold(tmp_path):
    """Splits, groups and a parent network; `settings` changes them."""

    def make(task="binary", chromosomes=None, **options):
        paths = {
            split: a_split(tmp_path / f"{split}.h5", split, task=task, seed=number, **options.get(split, {}))
            for number, split in enumerate(SPLITS)
        }
        (tmp_path / "groups.tsv").write_text("split\tgroup\ntrain\tchr1\nval\tchr2\ntest\tchr3\n")
        torch.manual_seed(0)
        model = build_network(NETWORK, {"sequence": (4, LENGTH)}, 1)
        letters = torch.tensor([b"ACGT".index(letter) for letter in MOTIF])
        with torch.no_grad():
            motif = functional.one_hot(letters, 4).T.float()
            model.conv1d_1.weight.copy_(torch.stack([motif, motif.flip(1)]))
        record = {
            "network": NETWORK,
            "inputs": {"sequence": (4, LENGTH)},
            "target_names": ["other"],
            "loss": "bce",
            "chromosomes": chromosomes or {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]},
            "genome": "dm6",
            "genome_sha256": "0" * 64,
        }
        save_model(tmp_path / "model.pt", model.eval(), record)
        return paths

    return make


def extract(folder, paths, parent="model.pt", **changes):
    settings = {key: value for key, value in {**FEATURES, **changes}.items() if key != "estimator"}
    parent = str(folder / parent) if parent else None
    extract_features.main(paths, parent, settings, "cpu", 1, str(folder / "features.h5"))


def train(folder, estimator="linear", parent="model.pt"):
    """Run the second script; its outputs are named after the estimator."""
    fitted, rows = folder / f"{estimator}.npz", folder / "rows.tsv"
    n_rows = len(read_features(folder / "features.h5")[0]["test"]["targets"])
    pd.DataFrame({"gc": np.linspace(0, 1, n_rows), "similarity": 0.0}).to_csv(rows, sep="\t", index=False)
    tables = {name: folder / f"{estimator}.{name}.tsv" for name in ("choice", "warnings", *OUTPUTS)}
    train_on_features.main(
        str(folder / "features.h5"), str(folder / "groups.tsv"), str(rows), str(folder / parent) if parent else None,
        estimator, "on_features", 1, 50, 10_000, 0, str(fitted), str(tables["choice"]), str(tables["warnings"]),
        {name: tables[name] for name in OUTPUTS},
    )  # fmt: skip
    return read_estimator(fitted), {name: pd.read_csv(path, sep="\t") for name, path in tables.items()}


@pytest.mark.parametrize("estimator", ["linear", "gradient_boosting"])
def test_from_splits_to_metrics(fold, tmp_path, estimator):
    paths = fold()
    extract(tmp_path, paths)
    (found, provenance), tables = train(tmp_path, estimator)
    splits, _ = read_features(tmp_path / "features.h5")
    predicted = tables["predictions"]
    expected = predict_targets(found, splits["test"]["features"])
    np.testing.assert_allclose(predicted[["bound_predicted", "noise_predicted"]], expected, rtol=1e-5)
    with h5py.File(paths["test"]) as file:
        np.testing.assert_allclose(predicted[["bound", "noise"]], file["targets"][:])
        assert predicted["start"].tolist() == (file["start"][:] + 2).tolist()
    expected = predict_targets(found, splits["val"]["features"])
    np.testing.assert_allclose(tables["val_predictions"][["bound_predicted", "noise_predicted"]], expected, rtol=1e-5)
    metrics = tables["metrics"].set_index(["target", "metric"])["value"]
    known = predicted["bound"].notna()
    area = roc_auc_score(predicted.loc[known, "bound"], predicted.loc[known, "bound_predicted"])
    assert metrics["bound", "auroc"] == pytest.approx(area, abs=1e-4)
    assert metrics["bound", "auroc"] > 0.95  # the motif's filter tells
    assert 0.3 < metrics["noise", "auroc"] < 0.7  # and knows nothing of noise
    assert set(tables["metrics"]["model"]) == {"on_features"}
    assert set(tables["metrics"]["split"]) == {"test"}
    kept = tables["choice"].groupby("target")["kept"].sum()
    assert kept.to_dict() == {"bound": 1, "noise": 1}
    assert provenance["parent_sha256"] == sha256_of(tmp_path / "model.pt")
    assert not any(tables["warnings"]["kind"].str.startswith("parent"))


@pytest.mark.parametrize("estimator", ["linear", "gradient_boosting"])
def test_quantities_are_predicted_on_their_scale(fold, tmp_path, estimator):
    extract(tmp_path, fold(task="regression"))
    _, tables = train(tmp_path, estimator)
    metrics = tables["metrics"].set_index(["target", "metric"])["value"]
    assert metrics["bound", "pearson"] > 0.8
    assert metrics["bound", "mse"] < metrics["bound", "variance"] / 2
    assert "val_pearson" in tables["choice"]


def test_the_test_split_is_only_predicted(fold, tmp_path):
    """Other labels of the test split give the same estimator and choice."""
    results = []
    for flipped in (False, True):
        extract(tmp_path, fold(test={"flip_labels": flipped}))
        _, tables = train(tmp_path)
        results.append((np.load(tmp_path / "linear.npz"), tables))
    (one, first), (other, second) = results
    assert all(np.array_equal(one[name], other[name]) for name in one.files)
    pd.testing.assert_frame_equal(first["choice"], second["choice"])
    value = {name: tables["metrics"]["value"][0] for name, tables in (("first", first), ("second", second))}
    assert value["first"] + value["second"] == pytest.approx(1, abs=0.02)


def test_a_parent_that_saw_the_test_split_is_told(fold, tmp_path, capsys):
    extract(tmp_path, fold(chromosomes={"train": ["chr1", "chr3"], "val": ["chr2"], "test": []}))
    _, tables = train(tmp_path)
    row = tables["warnings"].set_index("kind")["warning"]["parent_saw_test"]
    assert "chr3" in row
    assert "WARNING (parent_saw_test)" in capsys.readouterr().out


def test_features_of_a_replaced_parent_are_refused(fold, tmp_path):
    """A file with an older date is no reason for Snakemake to run again."""
    extract(tmp_path, fold())
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["weights"]["conv1d_1.bias"] += 1
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(InputError, match="features of another network"):
        train(tmp_path)


def test_a_function_from_outside(fold, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "counts_of_bases.py").write_text("def make():\n    return lambda x: x.sum(dim=2)\n")
    paths = fold()
    extract(tmp_path, paths, parent="counts_of_bases.py", function="counts_of_bases:make", strands="forward")
    splits, provenance = read_features(tmp_path / "features.h5")
    with h5py.File(paths["val"]) as file:
        np.testing.assert_array_equal(splits["val"]["features"], file["one_hot"][:, :, 2:-2].sum(axis=2))
    assert provenance["parent"] == "counts_of_bases:make"
    _, tables = train(tmp_path, parent="counts_of_bases.py")
    assert tables["warnings"]["kind"].iloc[0] == "parent_unknown"
    assert "4 numbers a sequence" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_a_torchscript_file_from_outside(fold, tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv1d(4, 5, 3), torch.nn.ReLU()).eval()
    torch.jit.trace(network, torch.zeros(2, 4, LENGTH)).save(tmp_path / "net.ts")
    extract(tmp_path, fold(), parent="net.ts", torchscript="net.ts", pooling="max")
    splits, provenance = read_features(tmp_path / "features.h5", sha256_of(tmp_path / "net.ts"))
    assert splits["train"]["features"].shape == (240, 5)
    assert provenance["pooling"] == "max"
    json.dumps(provenance)


def test_dead_features_are_told(fold, tmp_path):
    extract(tmp_path, fold(), layer="conv1d_1")
    with h5py.File(tmp_path / "features.h5", "a") as file:
        file["train/features"][:, 0] = 0.5
    _, tables = train(tmp_path)
    assert "1 of 2 features" in tables["warnings"].set_index("kind")["warning"]["constant_features"]
