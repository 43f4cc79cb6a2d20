"""train_model, train_pack and train_on_part from HDF5 splits to networks, as their rules run them; also when killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from made_splits import LENGTH, NETWORK, SITE, made_fold, made_split, training
from sklearn.metrics import roc_auc_score

import extract_features
import fit_on_part
import initialise_model
import train_model
import train_on_features
import train_on_part
import train_pack
import train_permuted
from cisflow.fitting import prepare
from cisflow.learning_curve import COLUMNS
from cisflow.messages import InputError
from cisflow.model import build_network, load_model
from cisflow.prediction import predict_file
from cisflow.training_job import TrainingJob, training_job

TESTS = Path(__file__).parent
TRANSFER = {"freeze": [], "learning_rate_factors": {}, "keep_output": False}
BRANCHES = {
    "branches": {
        "sequence": [{"type": "conv1d", "filters": 4, "width": 12}, {"type": "global_max_pool"}],
        "tracks": [{"type": "conv1d", "filters": 4, "width": 3}, {"type": "global_avg_pool"}],
    },
    "layers": [{"type": "dense", "units": 4}, {"type": "activation", "function": "relu"}],
}
TRACKS = {"input": "tracks", "layers": BRANCHES["branches"]["tracks"]}


@pytest.fixture(scope="module", autouse=True)
def numbers_as_before():
    """Training sets how the processor treats the smallest numbers; tests that come after this file count with them."""
    yield
    torch.set_flush_denormal(False)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def fold(tmp_path_factory):
    return made_fold(tmp_path_factory.mktemp("fold"))


def outputs_in(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return [str(folder / name) for name in ("model.pt", "history.tsv", "warnings.tsv")]


def trained(fold, folder, network=NETWORK, settings=None, seed=1, device="cpu", **options):
    """The network, its record, its history and its warnings, as read again from what was written."""
    outputs, settings = outputs_in(folder), settings or training()
    job = TrainingJob(fold["train"], fold["val"], network, settings, seed, device, threads=1, **options)
    train_model.main(job, fold["groups"], *outputs)
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(path).name for path in outputs)
    assert torch.load(outputs[0], weights_only=True)["kept_epoch"] >= 1
    model, record = load_model(outputs[0], "cpu")
    return model, record, pd.read_csv(outputs[1], sep="\t"), pd.read_csv(outputs[2], sep="\t")


def auroc_of(fold, model, record):
    """By scikit-learn, from what `evaluate_model` would predict."""
    predicted = predict_file(model, record, fold["test"], torch.device("cpu"))
    with h5py.File(fold["test"]) as file:
        return roc_auc_score(file["targets"][:, 0], predicted[:, 0])


# --- every kind of network --------------------------------------------------------------------------------------------


def test_labels(fold, tmp_path):
    settings = training(max_epochs=25, patience=5)
    model, record, history, warnings = trained(fold, tmp_path, settings=settings)
    assert auroc_of(fold, model, record) > 0.9
    assert not model.training
    assert len(warnings) == 0
    kept = history[history["kept"] == 1].iloc[0]
    assert kept["epoch"] == record["kept_epoch"]
    assert kept["val_loss"] == history["val_loss"].min()
    assert len(history) == min(record["kept_epoch"] + 5, 25)


def test_quantities_and_counts(tmp_path):
    for task, loss in (("regression", "auto"), ("counts", "poisson"), ("counts", "negative_binomial")):
        fold = made_fold(tmp_path / f"{task}_{loss}", task=task)
        settings = training(max_epochs=15, patience=15, loss=loss)
        _, record, history, _ = trained(fold, tmp_path / f"{task}_{loss}" / "out", settings=settings)
        assert record["loss"] == {"auto": "mse"}.get(loss, loss)
        assert history["val_pearson"].max() > 0.6


@pytest.mark.parametrize("network", [TRACKS, BRANCHES], ids=["tracks alone", "both"])
def test_signal_tracks(network, tmp_path):
    fold = made_fold(tmp_path / "fold", n_tracks=2)
    model, record, _, _ = trained(fold, tmp_path / "out", network, training(max_epochs=25, patience=25))
    assert auroc_of(fold, model, record) > 0.9
    assert set(record["inputs"]) == {"tracks"} | ({"sequence"} if network is BRANCHES else set())
    assert record["track_names"] == ["track0", "track1"]


def test_frozen_layers_and_output_of_a_parent(fold, tmp_path):
    parent, _, _, _ = trained(fold, tmp_path / "parent")
    groups = tmp_path / "groups.tsv"
    groups.write_text("split\tgroup\ntrain\tchr3\nval\tchr2\ntest\tchr1\n")  # tests on what the parent was trained on
    transfer = {"freeze": ["conv1d_1", "batch_norm_1"], "learning_rate_factors": {"dense_1": 0.0}, "keep_output": True}
    child, record, _, warnings = trained(
        {**fold, "groups": str(groups)}, tmp_path / "child", None,
        parent=str(tmp_path / "parent" / "model.pt"), transfer=transfer,
    )  # fmt: skip
    given, found = parent.state_dict(), child.state_dict()
    same = {name for name in given if torch.equal(given[name], found[name])}
    frozen = {name for name in given if name.startswith(("conv1d_1.", "batch_norm_1.", "dense_1."))}
    assert same == frozen  # the output began as the parent's, and was trained on
    assert record["transfer"] == transfer
    assert record["parent"]["chromosomes"] == {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]}
    assert list(warnings["kind"]) == ["parent_saw_test"]
    assert "was trained on chr1, which this fold tests on" in warnings["warning"].item()


class Named(dict):
    """What Snakemake hands over: names as attributes."""

    __getattr__ = dict.__getitem__


def as_snakemake_gives_it(fold, **files):
    params = {"network": NETWORK, "training": training(), "seed": 7, "motifs": ["conv1d_1"], "code": "abc"}
    resources = {"device": "cpu", "mem_mb": 900, "checkpoint_minutes": 5, "attempt": 2}
    inputs = {"train": fold["train"], "val": fold["val"], "motifs": ["m.meme"], "parent": [], "chosen": [], **files}
    return SimpleNamespace(input=Named(inputs), params=Named(params), resources=Named(resources), threads=3)


def test_a_job_is_what_its_rule_says(fold):
    bar = object()
    job = training_job(as_snakemake_gives_it(fold, parent="parent.pt"), bar)
    assert job == TrainingJob(
        fold["train"], fold["val"], NETWORK, training(), 7, "cpu", 3, motifs={"conv1d_1": "m.meme"}, transfer=None,
        parent="parent.pt", percent=100, memory_mb=900, checkpoint_minutes=5, attempt=2, code="abc", terminal=bar,
    )  # fmt: skip
    assert training_job(as_snakemake_gives_it(fold), None).parent is None


def test_settings_that_a_search_chose(fold, tmp_path):
    chosen = tmp_path / "chosen.json"
    chosen.write_text(
        json.dumps({"training.learning_rate": 0.02, "layers.conv1d_1.filters": 3, "training.max_epochs": 2})
    )
    found = training_job(as_snakemake_gives_it(fold, chosen=str(chosen)), None)
    model, record, history, _ = trained(fold, tmp_path / "out", found.network, found.training)
    assert model.conv1d_1.weight.shape == (3, 4, 12)
    assert record["training"] == training(learning_rate=0.02, max_epochs=2)
    assert record["network"]["layers"][0]["filters"] == 3
    assert set(history["learning_rate"]) == {0.02}
    assert NETWORK["layers"][0]["filters"] == 6


def test_filters_that_begin_as_motifs_and_stay(fold, tmp_path):
    motif, rows = tmp_path / "m.meme", []
    for base in SITE.decode():
        rows.append(" ".join("0.91" if base == letter else "0.03" for letter in "ACGT"))
    motif.write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1\nletter-probability matrix: alength= 4 w= 12 nsites= 20\n"
        + "\n".join(rows)
    )
    first = {"type": "conv1d", "filters": 1, "width": 12, "motifs": str(motif), "frozen": True}
    network = {"layers": [first, *NETWORK["layers"][1:]]}
    options = {"motifs": {"conv1d_1": str(motif)}, "settings": training(max_epochs=10, patience=10)}
    model, record, _, _ = trained(fold, tmp_path / "out", network, **options)
    best = model.conv1d_1.weight[0].argmax(0)
    assert "".join("ACGT"[base] for base in best) == SITE.decode()
    assert auroc_of(fold, model, record) > 0.95
    motif.unlink()
    load_model(tmp_path / "out" / "model.pt", "cpu")  # it needs no file


# --- networks that show what nothing looks like -----------------------------------------------------------------------


def without_history(script, fold, folder, **options):
    folder.mkdir()
    job = TrainingJob(fold["train"], fold["val"], NETWORK, training(max_epochs=25, patience=5), 1, "cpu", 1, **options)
    script.main(job, fold["groups"], str(folder / "model.pt"))
    assert [path.name for path in folder.iterdir()] == ["model.pt"]
    return load_model(folder / "model.pt", "cpu")


def test_an_untrained_network_is_what_training_begins_with(fold, tmp_path):
    model, record = without_history(initialise_model, fold, tmp_path / "untrained")
    assert record["kept_epoch"] == 0
    assert record["chromosomes"] == {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]}
    torch.manual_seed(1)
    expected = build_network(NETWORK, {"sequence": (4, LENGTH)}, 1).state_dict()
    for name, values in model.state_dict().items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=0)
    assert not model.training


def test_permuted_labels_teach_nothing(fold, tmp_path):
    """The same data and settings give an AUROC above 0.9 with the labels in their places."""
    model, record = without_history(train_permuted, fold, tmp_path / "permuted")
    assert record["permuted"] is True
    assert auroc_of(fold, model, record) < 0.75
    before = (fold["train"], fold["val"])
    with h5py.File(before[0]) as file:
        targets = file["targets"][:]
    found = prepare(*before, NETWORK, training(), 1, torch.device("cpu"), permuted=True).splits[0]
    assert sorted(found.targets[:, 0].tolist()) == sorted(targets[:, 0].tolist())
    assert 0.3 < (found.targets.numpy() == targets).mean() < 0.7
    plain = prepare(*before, NETWORK, training(), 1, torch.device("cpu")).splits[0]
    torch.testing.assert_close(found.rows.codes, plain.rows.codes)


def test_the_same_again_is_the_same_file(fold, tmp_path):
    for folder in ("first", "again"):
        trained(fold, tmp_path / folder)
    assert (tmp_path / "first" / "model.pt").read_bytes() == (tmp_path / "again" / "model.pt").read_bytes()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def refused(fold, folder, *arguments, **options):
    with pytest.raises(InputError) as error:
        trained(fold, folder, *arguments, **options)
    assert not (folder / "model.pt").exists()
    return error.value


def test_a_gpu_that_is_absent_is_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    error = refused(dict.fromkeys(("train", "val", "groups"), "missing"), tmp_path, device="cuda")
    assert "no GPU can be used here" in error.what
    assert "auto or cpu" in error.fix


def test_a_split_of_one_class(fold, tmp_path):
    val = made_split(tmp_path / "val.h5", 30, targets=np.zeros(30))
    error = refused({**fold, "val": val}, tmp_path / "out")
    assert error.what == f"{val}: 1 of 1 target(s) cannot be trained on or judged by"
    assert "all 30 known rows are labelled 0" in error.why


def test_counts_below_zero(tmp_path):
    fold = made_fold(tmp_path, task="regression")
    error = refused(fold, tmp_path / "out", settings=training(loss="poisson"))
    assert re.search(r"factor0: the smallest value is -1\.\d+, and poisson is a loss of counts", error.why)
    assert "choose another loss" in error.fix


def test_a_loss_that_is_no_number(fold, tmp_path):
    error = refused(fold, tmp_path, settings=training(learning_rate=1e30, optimizer="sgd"))
    assert error.what == "the loss is no finite number in epoch 1: training diverged"
    assert "lower training.learning_rate" in error.fix


def test_a_parent_that_does_not_fit(fold, tmp_path):
    flat = {"layers": [NETWORK["layers"][0], {"type": "flatten"}]}
    shorter = made_fold(tmp_path / "shorter", window_length=LENGTH - 6, max_jitter=6)
    trained(shorter, tmp_path / "parent", flat, training(max_epochs=1))
    parent = str(tmp_path / "parent" / "model.pt")
    transfer = {**TRANSFER, "keep_output": True}
    error = refused(fold, tmp_path / "out", None, parent=parent, transfer=transfer)
    assert error.what == f"the network of {parent} does not fit this one"
    assert "output.weight (1, 174): the parent's is (1, 138)" in error.why
    assert "sequences of 34 bp" in error.fix


def test_a_torn_checkpoint_is_told_beside_the_results_and_removed(fold, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"torn")
    _, _, _, warnings = trained(fold, tmp_path / "out")
    assert list(warnings["kind"]) == ["checkpoint_refused"]
    assert "is damaged" in warnings["warning"].item()
    trained(fold, tmp_path / "alone")
    assert (tmp_path / "out" / "model.pt").read_bytes() == (tmp_path / "alone" / "model.pt").read_bytes()


# --- many in one job --------------------------------------------------------------------------------------------------


def pack(folds, folder, **changes):
    members = [
        {
            "dataset": name,
            "fold": "holdout",
            "model": "m",
            "seed": seed,
            "network": NETWORK,
            "training": training(**changes),
        }
        for seed, name in enumerate(folds)
    ]
    names = ("model", "history", "warnings")
    outputs = {name: dict(zip(names, outputs_in(folder / name), strict=True)) for name in folds}
    files = [
        {**{name: paths[name] for name in ("train", "val", "groups")}, **outputs[name]} for name, paths in folds.items()
    ]
    train_pack.main(members, files, "cpu", 1, str(folder / "checkpoints"), memory_mb=1000)
    assert not (folder / "checkpoints").exists()


def test_a_pack_writes_what_single_jobs_write(fold, tmp_path):
    folds = {"a": fold, "b": made_fold(tmp_path / "fold", (100, 64, 8))}
    pack(folds, tmp_path / "packed")
    for seed, name in enumerate(folds):
        model, record, history, warnings = trained(folds[name], tmp_path / name, seed=seed)
        packed, found = load_model(tmp_path / "packed" / name / "model.pt", "cpu")
        assert found == record
        for key, tensor in model.state_dict().items():
            torch.testing.assert_close(packed.state_dict()[key], tensor, rtol=1e-3, atol=1e-4)
        table = pd.read_csv(tmp_path / "packed" / name / "history.tsv", sep="\t")
        pd.testing.assert_frame_equal(table.drop(columns="seconds"), history.drop(columns="seconds"), rtol=1e-3)
        assert len(warnings) == len(pd.read_csv(tmp_path / "packed" / name / "warnings.tsv", sep="\t")) == 0


def test_a_pack_names_every_dataset_that_cannot_be_trained(fold, tmp_path):
    one_class = made_split(tmp_path / "train.h5", 30, targets=np.zeros(30))
    folds = {"a": {**fold, "train": one_class}, "b": fold, "c": {**fold, "val": one_class}}
    with pytest.raises(InputError) as error:
        pack(folds, tmp_path / "packed")
    assert error.value.what == "2 of the 3 networks of this job failed"
    assert "a, holdout, m, seed 0" in error.value.why
    assert "c, holdout, m, seed 2" in error.value.why


# --- parts ------------------------------------------------------------------------------------------------------------


def part(fold, folder, percent, capsys, **options):
    folder.mkdir(exist_ok=True)
    output = folder / f"{percent:g}.tsv"
    settings = training(max_epochs=25, patience=25)
    job = TrainingJob(fold["train"], fold["val"], NETWORK, settings, 1, "cpu", threads=1, percent=percent, **options)
    train_on_part.main(job, fold["test"], "m", 50, 1000, 0, str(output))
    assert [path.name for path in folder.iterdir() if path.suffix != ".tsv"] == []
    return pd.read_csv(output, sep="\t"), capsys.readouterr().out


def test_a_part_of_the_rows_gives_a_point_of_the_curve(fold, tmp_path, capsys):
    small, said = part(fold, tmp_path, 12.5, capsys)
    assert list(small.columns) == COLUMNS
    assert set(small["model"]) == {"m"}
    assert set(small["percent"]) == {12.5}
    assert set(small["rows"]) == {24}
    assert "24 training rows" in said
    whole, _ = part(fold, tmp_path, 100, capsys)
    model, record, _, _ = trained(fold, tmp_path / "whole", settings=training(max_epochs=25, patience=25))
    scores = [table["value"][table["metric"] == "auroc"].item() for table in (small, whole)]
    assert scores[1] == pytest.approx(auroc_of(fold, model, record), abs=1e-6)
    assert scores[1] > 0.9


def test_the_test_split_has_no_say_in_what_is_trained(fold, tmp_path, capsys):
    _, said = part(fold, tmp_path / "a", 50, capsys)
    other = made_split(tmp_path / "test.h5", 60, seed=9, targets=np.arange(60) % 2)
    _, said_of_other = part({**fold, "test": other}, tmp_path / "b", 50, capsys)

    def epochs(text):
        return re.findall(r"^(epoch \d+: .+), [0-9.]+ s$|^(kept .+)$", text, flags=re.MULTILINE)

    assert len(epochs(said)) == 26
    assert epochs(said) == epochs(said_of_other)


def test_a_part_of_the_features_gives_a_point_of_the_curve(fold, tmp_path, capsys):
    trained(fold, tmp_path / "parent")
    parent, features = str(tmp_path / "parent" / "model.pt"), str(tmp_path / "features.h5")
    settings = {"dataset": "d", "model": "m", "layer": None, "pooling": "mean", "strands": "both"}
    extract_features.main({name: fold[name] for name in ("train", "val", "test")}, parent, settings, "cpu", 1, features)
    tables = {}
    for percent in (12.5, 100):
        output = tmp_path / f"{percent:g}.tsv"
        fit_on_part.main(features, parent, "linear", "m", 1, percent, 50, 1000, 0, str(output))
        tables[percent] = pd.read_csv(output, sep="\t")
        assert list(tables[percent].columns) == COLUMNS
        assert set(tables[percent]["percent"]) == {percent}
    assert [set(table["rows"]) for table in tables.values()] == [{24}, {192}]
    fitted = [str(tmp_path / name) for name in ("e.npz", "choice.tsv", "warnings.tsv")]
    outputs = {name: str(tmp_path / f"{name}.tsv") for name in ("predictions", "val_predictions", "metrics")}
    rows = str(tmp_path / "rows.tsv")
    pd.DataFrame({"gc": [], "similarity": []}).to_csv(rows, sep="\t", index=False)
    train_on_features.main(features, fold["groups"], rows, parent, "linear", "m", 1, 50, 1000, 0, *fitted, outputs)
    whole = pd.read_csv(outputs["metrics"], sep="\t").set_index("metric")["value"]
    points = tables[100].set_index("metric")["value"]
    for metric in ("auroc", "mcc", "threshold"):
        assert points[metric] == pytest.approx(whole[metric], abs=1e-6)


# --- killed -----------------------------------------------------------------------------------------------------------

JOBS = """
import os, runpy, sys
from types import SimpleNamespace
sys.path.insert(0, {scripts!r})
import train_model  # once for all jobs
import cisflow.training
cisflow.training.SECONDS_BETWEEN_CHECKPOINTS = 0


class Named(dict):
    __getattr__ = dict.__getitem__


def run(folder):
    snakemake = SimpleNamespace(
        input=Named({inputs!r}),
        output=Named({{name: f"{{folder}}/{{file}}" for name, file in {outputs!r}.items()}}),
        params=Named({params!r}),
        resources=Named(device="cpu", checkpoint_minutes=0.0005, attempt=1),
        threads=1,
        log=[f"{{folder}}.log"],
    )
    runpy.run_path(train_model.__file__, init_globals={{"snakemake": snakemake}}, run_name="__main__")


for line in sys.stdin:
    pid = os.fork()
    if not pid:
        try:
            run(line.strip())
        except BaseException:
            os._exit(1)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.fixture
def job(fold):
    """Runs scripts/train_model.py as Snakemake does, in a process of its own; gives its log and how it ended."""
    settings = training(max_epochs=40, patience=40)
    text = JOBS.format(
        scripts=str(TESTS.parent / "scripts"),
        inputs={name: fold[name] for name in ("train", "val", "groups")},
        outputs={"model": "model.pt", "history": "history.tsv", "warnings": "warnings.tsv"},
        params={"network": NETWORK, "training": settings, "seed": 1, "motifs": [], "transfer": None, "code": "1"},
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", text], **pipes) as process:

        def run(folder, kill_after=None):
            folder.mkdir(exist_ok=True)
            log = folder.parent / f"{folder.name}.log"
            log.write_text("")
            print(folder, file=process.stdin, flush=True)
            pid = int(process.stdout.readline())
            if kill_after is not None:
                while "\nepoch " not in log.read_text():
                    time.sleep(0.002)
                time.sleep(kill_after)
                os.kill(pid, signal.SIGKILL)
            return log.read_text(), int(process.stdout.readline())

        yield run
        process.stdin.close()


def test_a_job_killed_five_times_writes_the_file_of_one_left_alone(job, tmp_path):
    """SIGKILL at random moments: within an epoch, between two, or while a checkpoint is written."""
    rng = random.Random(1)
    runs = [job(tmp_path / "killed", kill_after=rng.uniform(0, 0.03)) for _ in range(5)]
    assert [status for _, status in runs] == 5 * [signal.SIGKILL]
    log, status = job(tmp_path / "killed")
    assert status == 0, log
    logs = [text for text, _ in runs] + [log]
    assert sum("going on from" in text for text in logs[1:]) >= 3  # one may be killed before its first checkpoint
    assert sum(text.count("\nepoch ") for text in logs) < 2 * 40  # it went on each time
    assert job(tmp_path / "alone")[1] == 0
    for name in ("model.pt", "warnings.tsv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    tables = [pd.read_csv(tmp_path / folder / "history.tsv", sep="\t") for folder in ("killed", "alone")]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in tables), check_exact=True)
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["history.tsv", "model.pt", "warnings.tsv"]
