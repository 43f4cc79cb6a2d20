"""Networks of every kind in one small project: what is planned, what comes out, and what a killed job leaves."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pandas as pd
import psutil
import pytest
import torch

RESULTS = "results/tiny/holdout"
LOG = "logs/train_model/tiny/holdout/small/seed1.log"
TRAIN = "train: {models: [small], seeds: [1], device: cpu}"
MODELS = """
child:
  transfer: {dataset: tiny, model: small, freeze: [conv1d_1, batch_norm_1], learning_rate_factors: {output: 2}}
  training: {max_epochs: 2, batch_size: 32}
on_features:
  features: {dataset: tiny, model: small}
searched:
  layers:
    - {type: conv1d, filters: 4, width: 11}
    - {type: activation, function: relu}
    - {type: global_max_pool}
  training: {max_epochs: 2, batch_size: 32}
  search:
    sampler: random
    trials: 2
    ranges:
      training.learning_rate: {low: 0.001, high: 0.1, log: true}
      layers.conv1d_1.filters: {choices: [2, 3]}
of_searched:
  transfer: {dataset: tiny, model: searched}
  training: {max_epochs: 1, batch_size: 32}
"""
ALL = ["small", "child", "on_features", "searched", "of_searched"]
# Until the data are made.
DATA = {"prepare_genome": 1, "prepare_excluded": 1, "make_windows": 1, "split_windows": 1, "encode_split": 3}


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))


def with_models(folder, models, seeds=(1,), train="", more=""):
    """Give a project the models above, and say which are trained, with which seeds, and what else is set."""
    (folder / "models.yaml").write_text((folder / "models.yaml").read_text() + MODELS)
    lists = f"models: [{', '.join(models)}], seeds: [{', '.join(map(str, seeds))}]"
    edit(folder / "config.yaml", TRAIN, f"train: {{{lists}, device: cpu{train}}}\n{more}")
    return folder


def results_of(models, seeds=(1,), names=("metrics.tsv",)):
    return [f"{RESULTS}/{model}/seed{seed}/{name}" for model in models for seed in seeds for name in names]


# --- plans ------------------------------------------------------------------------------------------------------------


def files_of_jobs(dry_run):
    """Inputs and outputs of each job of a dry run."""
    pattern = r"^(?:local)?rule \w+:\n    input: (.*)\n    output: (.*)$"
    return [(a.split(", "), b.split(", ")) for a, b in re.findall(pattern, dry_run.stdout, flags=re.MULTILINE)]


def test_every_kind_of_model_is_planned_and_children_wait_for_their_parents(project, repository, snakemake, planned):
    # A part of 1e-05 % was the name of a file that no rule makes.
    curve = "learning_curve: {models: [small, on_features], percents: [0.00001, 12.5, 100]}\n"
    with_models(project, ALL, (1, 2), more=curve)
    targets = [*results_of(ALL, (1, 2)), f"{RESULTS}/learning_curve.tsv", f"{RESULTS}/searched/search/trials.tsv"]
    run = snakemake(repository, project, "-n", *targets)
    assert planned(run) == {
        **DATA, "describe_test_rows": 1, "train_model": 8, "evaluate_model": 8, "propose_trials": 1, "train_trial": 2,
        "choose_trial": 1,
        "extract_features": 2, "train_on_features": 2, "train_on_part": 4, "fit_on_part": 4, "join_learning_curve": 1,
    }  # fmt: skip
    jobs = files_of_jobs(run)
    made = [output for _, outputs in jobs for output in outputs]
    parents = {"child": ("model.pt", "small"), "of_searched": ("model.pt", "searched")}
    parents["on_features"] = ("features.h5", "small")
    for seed in (1, 2):
        for model, (name, parent) in parents.items():
            own, before = f"{RESULTS}/{model}/seed{seed}/{name}", f"{RESULTS}/{parent}/seed{seed}/model.pt"
            [inputs] = [inputs for inputs, outputs in jobs if own in outputs]
            assert before in inputs
            assert before in made
    [inputs] = [inputs for inputs, outputs in jobs if f"{RESULTS}/searched/seed1/model.pt" in outputs]
    assert f"{RESULTS}/searched/search/chosen.json" in inputs


def test_models_without_parents_and_searches_are_packed(project, repository, snakemake, planned):
    """Seven runs of `small`, three to a job."""
    seeds = range(1, 8)
    with_models(project, ["small", "child", "searched"], seeds, train=", pack: 3")
    targets = results_of(["small", "child", "searched"], seeds, ["model.pt"])
    jobs = planned(snakemake(repository, project, "-n", *targets))
    packs = {rule: count for rule, count in jobs.items() if rule.startswith("train_pack")}
    assert packs == {"train_pack_small_1": 1, "train_pack_small_2": 1, "train_pack_small_3": 1}
    assert jobs["train_model"] == 14
    lint = snakemake(repository, project, "--lint")
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_a_parent_that_is_no_model_of_the_run_is_not_packed(project, repository, snakemake, planned):
    """All its datasets and seeds were trained, for the sake of the one that a child starts from."""
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\ntiny\tf\tpeaks.bed\nother\tf\tpeaks.bed\n")
    with_models(project, ["child"], (1, 2), train=", pack: 16")
    jobs = planned(snakemake(repository, project, "-n", "results/other/holdout/child/seed1/model.pt"))
    assert jobs["train_model"] == 2
    assert not any(rule.startswith("train_pack") for rule in jobs)


def test_counts_are_trained_on_and_a_network_need_not_begin_with_a_convolution(project, repository, snakemake, planned):
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\tvalue\ntiny\tfactor\tpeaks.bed\t5\n")
    edit(project / "models.yaml", "    max_epochs: 2\n", "    max_epochs: 2\n    loss: poisson\n")
    edit(project / "models.yaml", "{type: conv1d, filters: 4, width: 11, padding: same}", "{type: flatten}")
    edit(project / "models.yaml", "    - {type: global_max_pool}\n", "")
    jobs = planned(snakemake(repository, project, "-n", *results_of(["small"])))
    assert jobs["train_model"] == jobs["evaluate_model"] == 1


# --- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKEN = """
no_parent:
  transfer: {dataset: tiny, model: smal}
  training: {}
here:
  transfer: {dataset: tiny, model: there}
there:
  transfer: {dataset: tiny, model: here}
both:
  transfer: {dataset: tiny, model: small}
  layers: [{type: flatten}]
elsewhere:
  datasets: [tiny, tinny]
  layers: [{type: flatten}]
lossy:
  layers: [{type: flatten}]
  training: {loss: mse, target_weights: {factr: 2}}
reader:
  features: {dataset: tiny, model: small, layer: conv1d_2}
known:
  layers: [{type: conv1d, filters: 2, width: 5, motifs: none.meme}, {type: global_max_pool}]
of_tracks:
  input: tracks
  layers: [{type: flatten}]
child:
  transfer: {dataset: tiny, model: small, freeze: [conv1d_2], learning_rate_factors: {dense_1: 0.1}}
other_output:
  datasets: [second]
  transfer: {dataset: tiny, model: small, keep_output: true}
too_wide:
  layers: [{type: conv1d, filters: 2, width: 61}, {type: global_max_pool}]
searching:
  layers: [{type: conv1d, filters: 2, width: 5}, {type: global_max_pool}]
  search: {ranges: {layers.conv1d_2.width: {low: 3, high: 9}}}
one_by_one:
  layers: [{type: conv1d, filters: 2, width: 5}, {type: global_max_pool}, {type: batch_norm}]
  training: {batch_size: 1}
"""
TOLD = [
    ("no_parent", "transfer: no model 'smal'"),
    ("here", "here from there from here: a circle"),
    ("there", "there from here from there: a circle"),
    ("both", "both `layers` and `transfer`"),
    ("elsewhere", "datasets: no dataset 'tinny'"),
    ("lossy, training.loss", "mse is a loss of quantities, and the targets of tiny, second are labels"),
    ("lossy, training.target_weights", "no target 'factr'"),
    ("reader, features.layer", "model small has no layer 'conv1d_2'"),
    ("known, motifs", "there is no file none.meme\n     expected: an existing file\n"),
    ("of_tracks", "the network reads tracks, which the data lack"),
    ("child, transfer.freeze", "model small has no layer 'conv1d_2'"),
    ("child, transfer.learning_rate_factors", "model small has no layer 'dense_1'"),
    (
        "other_output, transfer.keep_output",
        "true, but the targets of dataset second are another, those of the",
    ),
    ("too_wide", "a filter of width 61 does not fit into 60 positions"),
    ("searching, search.ranges, layers.conv1d_2.width", "layers has no layer `conv1d_2`"),
    ("one_by_one, training.batch_size", "1: batch_norm_1 would see one value of each channel"),
]


def test_all_mistakes_in_models_are_told_at_once(project, repository, snakemake):
    (project / "models.yaml").write_text((project / "models.yaml").read_text() + MISTAKEN)
    sheet = "dataset\ttarget\tpeaks\ntiny\tfactor\tpeaks.bed\nsecond\tanother\tpeaks.bed\n"
    (project / "datasets.tsv").write_text(sheet)
    names = re.findall(r"^(\w+):", MISTAKEN, flags=re.MULTILINE)
    edit(project / "config.yaml", "models: [small]", f"models: [{', '.join(names)}]")
    run = snakemake(repository, project, "--cores", "1")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    told = re.findall(r"^ *\d+\. (.+)\n((?:     .+\n)*)", run.stderr, flags=re.MULTILINE)
    found = [f"{first}\n{rest}" for first, rest in told]
    for name, what in TOLD:
        [text] = [text for text in found if f"models.yaml, model {name}:" in text and what in text]
        assert "expected: " in text
        assert "fix: " in text
    assert f"the configuration has {len(TOLD)} problem(s); nothing was run" in run.stderr, run.stderr
    assert not (project / "results").exists()


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(workflow_copy, new_project, snakemake, tmp_path_factory):
    """The folder of a run of all kinds of models, never to be changed; and what was asked for."""
    folder = new_project(tmp_path_factory.mktemp("trained") / "project")
    with_models(folder, ALL, more="learning_curve: {models: [small], percents: [50, 100]}\n")
    targets = [f"{RESULTS}/learning_curve.tsv", *results_of(["child", "of_searched"], names=["model.pt"])]
    targets += results_of(["on_features"])
    run = snakemake(workflow_copy, folder, "--cores", "2", *targets)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder, targets


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder, with the times of its files and Snakemake's records."""
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


def network(folder, model, seed=1):
    return torch.load(folder / RESULTS / model / f"seed{seed}" / "model.pt", weights_only=True)


def test_a_second_run_has_nothing_to_do(finished, workflow_copy, snakemake, planned):
    folder, targets = finished
    assert planned(snakemake(workflow_copy, folder, "-n", *targets)) == {}


def test_what_every_kind_of_model_leaves(finished):
    folder, _ = finished
    small, child, searched, of_searched = (network(folder, name) for name in ALL if name != "on_features")
    of_parent = {name for name, x in child["weights"].items() if torch.equal(x, small["weights"][name])}
    assert of_parent == {name for name in small["weights"] if not name.startswith("output.")}
    assert child["parent"]["chromosomes"] == small["chromosomes"]
    chosen = json.loads((folder / RESULTS / "searched" / "search" / "chosen.json").read_text())
    assert searched["training"]["learning_rate"] == pytest.approx(chosen["training.learning_rate"])
    for record in (searched, of_searched):
        assert record["network"]["layers"][0]["filters"] == chosen["layers.conv1d_1.filters"]
        assert len(record["weights"]["conv1d_1.weight"]) == chosen["layers.conv1d_1.filters"]
    for model in ALL:
        assert (folder / RESULTS / model / "seed1" / "warnings.tsv").read_text() == "kind\twarning\n"
    left = [path for path in (folder / "results").rglob("*") if "checkpoint" in path.name or path.suffix == ".tmp"]
    assert left == []


def test_the_learning_curve_ends_with_the_metrics_of_the_whole(finished):
    folder, _ = finished
    points = pd.read_csv(folder / RESULTS / "learning_curve.tsv", sep="\t")
    points = points[points["metric"] == "auroc"].set_index("percent")
    with h5py.File(folder / RESULTS / "train.h5") as file:
        n_rows = len(file["targets"])
    assert list(points["rows"]) == [pytest.approx(n_rows / 2, abs=1), n_rows]
    whole = pd.read_csv(folder / RESULTS / "small" / "seed1" / "metrics.tsv", sep="\t").set_index("metric")["value"]
    assert points["value"][100] == pytest.approx(whole["auroc"])


def epochs_told(log):
    """Lines on epochs, without the time that they took."""
    return re.findall(r"^(epoch \d+: .+), [0-9.]+ s$", log, flags=re.MULTILINE)


def long_training(folder):
    """Long enough to leave a checkpoint, which is written after a second."""
    edit(folder / "models.yaml", "    max_epochs: 2\n", "    max_epochs: 1000\n    patience: 1000\n")
    return folder


def test_a_killed_job_is_tried_again_and_goes_on(copied, tmp_path, workflow_copy, snakemake):
    """SIGKILL of the process that trains, as a machine that runs out of memory sends it; the workflow runs on."""
    left_alone = long_training(Path(shutil.copytree(copied, tmp_path / "left_alone")))
    killed = long_training(copied)
    model, history = results_of(["small"], names=["model.pt", "history.tsv"])
    checkpoint = (killed / model).with_name("checkpoint.pt")
    command = [
        sys.executable, "-m", "snakemake", "-s", str(workflow_copy / "Snakefile"), "-d", str(killed), "--cores", "1",
        "--configfile", str(killed / "config.yaml"), "--rerun-triggers", "mtime", "params", "--", model,
    ]  # fmt: skip
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "cwd": killed}
    with subprocess.Popen(command, **options, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}) as run:
        while not checkpoint.exists():
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.01)
        children = psutil.Process(run.pid).children(recursive=True)
        [job] = [child for child in children if child.cmdline()[-1].endswith("train_model.py")]
        job.send_signal(signal.SIGKILL)
        stderr = run.communicate()[1]
    assert run.returncode == 0, stderr
    assert "Trying to restart job" in stderr
    log = (killed / LOG).read_text()
    assert "going on from" in log
    done = snakemake(workflow_copy, left_alone, "--cores", "1", model)
    assert done.returncode == 0, done.stderr
    assert (killed / model).read_bytes() == (left_alone / model).read_bytes()
    tables = [pd.read_csv(folder / history, sep="\t").drop(columns="seconds") for folder in (killed, left_alone)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    told = epochs_told(log)
    assert 0 < len(told) < 1000
    assert told == epochs_told((left_alone / LOG).read_text())[-len(told) :]
    assert not checkpoint.exists()


def test_packs_of_two_and_of_one_train_what_single_jobs_train(copied, finished, workflow_copy, snakemake):
    edit(copied / "config.yaml", "seeds: [1], device: cpu", "seeds: [1, 2, 3], device: cpu, pack: 2")
    run = snakemake(workflow_copy, copied, "--cores", "2", *results_of(["small"], (1, 2, 3), ["model.pt"]))
    assert run.returncode == 0, run.stdout + run.stderr
    assert {path.name for path in (copied / "logs" / "train_pack").iterdir()} == {"small_1.log", "small_2.log"}
    packed, single = network(copied, "small"), network(finished[0], "small")
    weights = packed.pop("weights"), single.pop("weights")
    assert packed == single
    for name in weights[1]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-3, atol=1e-4)
    assert [network(copied, "small", seed)["seed"] for seed in (1, 2, 3)] == [1, 2, 3]
    assert list((copied / ".snakemake" / "cisflow" / "packs").iterdir()) == []
