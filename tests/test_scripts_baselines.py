"""The script that fits and evaluates a baseline, on made splits with a planted site."""

import h5py
import numpy as np
import pandas as pd
import pytest
from made_splits import LENGTH, SITE, made_fold
from sklearn.metrics import roc_auc_score

from cisflow.meme import Motif, write_meme
from evaluate_baseline import main as evaluate_baseline

SETTINGS = {"kmer_length": 5, "gapped_bases": 4, "gapped_length": 8, "gkm_rows": 1000}
TABLES = ("predictions", "val_predictions", "metrics", "chosen")


@pytest.fixture(scope="module", params=["binary", "regression"])
def made(request, tmp_path_factory):
    """Paths of the splits, of two targets (labels of the second hang on nothing), and of a database."""
    folder = tmp_path_factory.mktemp("fold")
    paths = made_fold(folder, sizes=(600, 200, 300), task=request.param, n_targets=2)
    rng = np.random.default_rng(0)
    motifs = [Motif(f"M{number}", f"motif{number}", rng.dirichlet(np.ones(4), 9), 20) for number in range(6)]
    site = 0.96 * np.array([[letter == base for base in b"ACGT"] for letter in SITE]) + 0.01
    motifs.insert(2, Motif("MA0001.1", "site", site, 20))
    write_meme(folder / "motifs.meme", motifs)
    return request.param, paths, str(folder / "motifs.meme")


def run(made, name, folder, seed=1):
    """The tables that the script writes."""
    _, paths, motifs = made
    folder.mkdir(exist_ok=True)
    outputs = {table: folder / f"{table}.tsv" for table in TABLES}
    splits = [paths[split] for split in ("train", "val", "test")]
    evaluate_baseline(*splits, motifs, name, SETTINGS, 50, 1_000, seed, 1, outputs)
    return {table: pd.read_csv(path, sep="\t", dtype={"value": object}) for table, path in outputs.items()}


@pytest.mark.parametrize(
    ("name", "least"),
    [("gc_content", 0), ("dinucleotides", 0.55), ("trinucleotides", 0.6), ("kmers", 0.9), ("gapped_kmers", 0.9),
     ("pwm_scan", 0.95)],
)  # fmt: skip
def test_baselines_are_fitted_and_evaluated(made, name, least, tmp_path):
    task, tables = made[0], run(made, name, tmp_path / "first")
    assert (len(tables["predictions"]), len(tables["val_predictions"])) == (300, 200)
    metrics = tables["metrics"].set_index(["target", "metric"])["value"].astype(float)
    assert set(tables["metrics"]["model"]) == {name}
    found = tables["predictions"]
    if task == "binary":
        value = roc_auc_score(found["factor0"], found["factor0_predicted"])
        assert metrics["factor0", "auroc"] == pytest.approx(value, abs=1e-4)
        assert value > least
        assert found["factor0_predicted"].between(0, 1).all()
        assert 0.38 < metrics["factor1", "auroc"] < 0.62
    else:
        assert metrics["factor0", "pearson"] > least - 0.3
    chosen = tables["chosen"].set_index(["target", "setting"])["value"]
    assert list(tables["chosen"]) == ["target", "setting", "value"]
    if name == "pwm_scan":
        assert chosen["factor0", "motif"] == "MA0001.1"
        assert chosen["factor0", "motif_name"] == "site"
    elif name == "gc_content":
        assert chosen.empty
    else:
        assert set(chosen.index) == {
            (f"factor{number}", what)
            for number in (0, 1)
            for what in ("C" if task == "binary" else "alpha", "val_loss")
        }


@pytest.mark.parametrize("name", ["gapped_kmers", "pwm_scan"])
def test_a_rerun_gives_the_same_numbers(made, name, tmp_path):
    for table, first in run(made, name, tmp_path / "first").items():
        pd.testing.assert_frame_equal(first, run(made, name, tmp_path / "second")[table])


def test_bases_about_the_window_are_not_looked_at(made, tmp_path):
    """Splits hold more bases on each side for the jitter of training; a window is what is between."""
    tables = run(made, "kmers", tmp_path / "first")
    with h5py.File(made[1]["test"], "r+") as file:
        kept = file["one_hot"][:]
        begin = (kept.shape[2] - LENGTH) // 2
        changed = kept.copy()
        changed[:, :, :begin] = changed[:, ::-1, :begin]
        changed[:, :, begin + LENGTH :] = 0
        file["one_hot"][:] = changed
    try:
        pd.testing.assert_frame_equal(run(made, "kmers", tmp_path / "second")["predictions"], tables["predictions"])
    finally:
        with h5py.File(made[1]["test"], "r+") as file:
            file["one_hot"][:] = kept
