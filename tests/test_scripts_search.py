"""The three scripts of a search on small splits: proposals, trials that train, diverge or cannot be, the choice."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import choose_trial
import propose_trials
import train_trial
from cisflow.configuration import entry_checker, with_defaults
from cisflow.fitting import fit_network, prepare
from cisflow.layers import network_table
from cisflow.messages import InputError
from cisflow.overrides import read_overrides, search_of, trials_before, trials_of, with_overrides
from cisflow.split_file import write_split
from cisflow.training_job import TrainingJob

REPOSITORY = Path(__file__).parents[1]
SCHEMA = REPOSITORY / "config" / "schemas" / "models.schema.yaml"
LENGTH, JITTER = 40, 3
MODEL = """
layers:
  - {type: conv1d, filters: 4, width: 8}
  - {type: activation, function: relu}
  - {type: max_pool, width: 4}
  - {type: conv1d, filters: 4, width: 3}
  - {type: flatten}
training: {max_epochs: 3, batch_size: 32}
search:
  trials: 4
  at_once: 2
  seed: 3
  ranges:
    training.learning_rate: {low: 0.001, high: 0.1, log: true}
    layers.conv1d_1.width: {low: 5, high: 35, step: 5}
    layers.max_pool_1.width: {low: 2, high: 20}
"""
WIDTHS = ("layers.conv1d_1.width", "layers.max_pool_1.width")


@pytest.fixture(scope="module", autouse=True)
def numbers_as_before():
    """Training sets how the processor treats the smallest numbers; tests that come after this file count with them."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def entry():
    schema = yaml.safe_load(SCHEMA.read_text())
    return with_defaults(yaml.safe_load(MODEL), schema["additionalProperties"], schema)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """Every second sequence holds a motif."""
    folder, paths = tmp_path_factory.mktemp("splits"), {}
    for seed, (name, n) in enumerate((("train", 192), ("val", 64))):
        rng = np.random.default_rng(seed)
        bases = rng.choice(np.frombuffer(b"ACGT", np.uint8), (n, LENGTH + 2 * JITTER))
        bases[::2, 15:25] = np.frombuffer(b"ACGTTACGGT", np.uint8)
        loci = pd.DataFrame({"chrom": "chr1", "start": range(n), "name": "row", "strand": "+"})
        attributes = {
            "target_names": ["factor"], "track_names": [], "window_length": LENGTH, "max_jitter": JITTER,
            "task": "binary", "genome": "made", "genome_sha256": "0", "config_sha256": "0", "fold": "holdout",
        }  # fmt: skip
        paths[name] = str(folder / f"{name}.h5")
        targets = (np.arange(n) % 2 == 0).astype(float)[:, None]
        write_split(
            paths[name], loci.assign(end=loci["start"] + bases.shape[1]), targets, bases.shape[1],
            bases.__getitem__, attributes,
        )  # fmt: skip
    return paths


def parts_of(entry):
    return {"layers": entry["layers"]}, entry["training"]


def propose(entry, folder, round_number, **changes):
    """Proposals of one round, with those results that the round asks for."""
    search = {**search_of(entry, entry_checker(SCHEMA)), **changes}
    earlier = [str(folder / f"trial{trial}.tsv") for trial in trials_before(search, round_number)]
    network, training = parts_of(entry)
    output = folder / f"round{round_number}.json"
    propose_trials.main(
        earlier, search, trials_of(search, round_number), {"training": training, **network},
        {"sequence": [4, LENGTH]}, 1, str(output),
    )  # fmt: skip
    return json.loads(output.read_text())


def train(entry, splits, folder, round_number, trial):
    network, training = parts_of(entry)
    output = folder / f"trial{trial}.tsv"
    job = TrainingJob(splits["train"], splits["val"], network, training, entry["search"]["seed"], "cpu", threads=1)
    train_trial.main(job, str(folder / f"round{round_number}.json"), trial, str(output))
    return pd.read_csv(output, sep="\t", quoting=3).iloc[0]


@pytest.fixture(scope="module")
def searched(entry, splits, tmp_path_factory):
    """A whole search, as the rules run it."""
    folder = tmp_path_factory.mktemp("search")
    for round_number in (1, 2):
        for proposal in propose(entry, folder, round_number):
            train(entry, splits, folder, round_number, proposal["trial"])
    trials = [str(folder / f"trial{trial}.tsv") for trial in (3, 1, 4, 2)]
    choose_trial.main(trials, "loss", str(folder / "chosen.json"), str(folder / "trials.tsv"))
    return folder


def test_a_search_chooses_the_trial_with_the_lowest_validation_loss(searched):
    table = pd.read_csv(searched / "trials.tsv", sep="\t")
    assert list(table.columns) == ["trial", "status", "val_loss", "val_auroc", "training.learning_rate", *WIDTHS]
    assert list(table["trial"]) == [1, 2, 3, 4]
    (chosen,) = table.index[table["status"] == "chosen"]
    assert set(table["status"].drop(chosen)) == {"done"}
    assert table["val_loss"].idxmin() == chosen
    overrides = read_overrides(searched / "chosen.json")
    assert {path: table[path][chosen] for path in overrides} == pytest.approx(overrides)


def test_training_with_what_was_chosen_does_as_the_trial_did(searched, entry, splits):
    """What a trial measured is what the model will be: the same training, with the same seed the same numbers."""
    table = pd.read_csv(searched / "trials.tsv", sep="\t").set_index("status")
    changed = with_overrides(entry, read_overrides(searched / "chosen.json"))
    seed = entry["search"]["seed"]
    prepared = prepare(splits["train"], splits["val"], *parts_of(changed), seed, torch.device("cpu"))
    fitted = fit_network(prepared)
    kept = next(row for row in fitted.history if row["kept"])
    assert kept["val_loss"] == pytest.approx(table["val_loss"]["chosen"], rel=1e-6)
    assert kept["val_auroc"] == pytest.approx(table["val_auroc"]["chosen"], rel=1e-6)


def test_every_proposal_is_a_network_that_can_be_built(entry, tmp_path):
    """Most pairs of these widths leave no position: a network of brute force says which."""
    found = propose(entry, tmp_path, 1, at_once=30)
    assert len(found) == 30
    pairs = set()
    for proposal in found:
        width, pool = (proposal["overrides"][path] for path in WIDTHS)
        network_table(parts_of(with_overrides(entry, proposal["overrides"]))[0], {"sequence": (4, LENGTH)}, 1)
        assert (LENGTH - width + 1) // pool >= 3  # the second convolution is of width 3
        pairs.add((width, pool))
    assert len(pairs) > 5


def test_proposals_of_a_round_are_the_same_again(entry, searched, tmp_path):
    for path in searched.glob("trial*.tsv"):
        (tmp_path / path.name).write_text(path.read_text())
    for round_number in (1, 2):
        assert propose(entry, tmp_path, round_number) == json.loads(
            (searched / f"round{round_number}.json").read_text()
        )


def test_a_training_that_diverges_is_a_failed_trial(entry, splits, tmp_path):
    proposal = {"trial": 7, "overrides": {"training.learning_rate": 1e30, "training.optimizer": "sgd"}, "reason": ""}
    (tmp_path / "round1.json").write_text(json.dumps([proposal]))
    row = train(entry, splits, tmp_path, 1, 7)
    assert row["status"] == "failed"
    assert "diverged" in row["reason"]
    assert json.loads(row["overrides"]) == proposal["overrides"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["round1.json", "trial7.tsv"]  # no checkpoint is left


def test_a_trial_without_a_proposal_is_a_failed_trial(entry, splits, tmp_path):
    proposal = {"trial": 2, "overrides": None, "reason": "layer 3 cannot be built"}
    (tmp_path / "round1.json").write_text(json.dumps([proposal]))
    row = train(entry, splits, tmp_path, 1, 2)
    assert (row["status"], row["reason"]) == ("failed", "layer 3 cannot be built")


def test_the_sampler_hears_of_failures(entry, splits, tmp_path):
    """A table of a failed trial is read like any other."""
    found = propose(entry, tmp_path, 1)
    listed = [{**found[0], "overrides": None, "reason": "nothing"}, found[1]]
    (tmp_path / "round1.json").write_text(json.dumps(listed))
    for trial in (1, 2):
        train(entry, splits, tmp_path, 1, trial)
    assert [proposal["trial"] for proposal in propose(entry, tmp_path, 2)] == [3, 4]


def test_a_search_of_failures_alone_is_an_error(entry, splits, tmp_path):
    proposals = [{"trial": number, "overrides": None, "reason": f"reason {number % 2}"} for number in (1, 2, 3)]
    (tmp_path / "round1.json").write_text(json.dumps(proposals))
    for trial in (1, 2, 3):
        train(entry, splits, tmp_path, 1, trial)
    with pytest.raises(InputError) as error:
        choose_trial.main(
            [str(tmp_path / f"trial{trial}.tsv") for trial in (1, 2, 3)], "loss",
            str(tmp_path / "chosen.json"), str(tmp_path / "trials.tsv"),
        )  # fmt: skip
    assert error.value.why == "reason 1 (trials 1, 3); reason 0 (trial 2)"
    assert "search.ranges" in error.value.fix


@pytest.mark.parametrize("script", [propose_trials, train_trial, choose_trial], ids=lambda script: script.__name__)
def test_no_rule_of_a_search_sees_the_test_split(script):
    given = [*inspect.signature(script.main).parameters, *inspect.signature(TrainingJob).parameters]
    assert not [name for name in given if "test" in name]
    texts = "".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
    rule = re.search(rf"^rule {script.__name__}:\n(.+?)(?=^\S|\Z)", texts, flags=re.MULTILINE | re.DOTALL)[1]
    inputs = re.search(r"^    input:\n(.+?)(?=^    \w)", rule, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"test\.|\{split\}", inputs[1] if inputs else "")
    assert "test.h5" not in rule
