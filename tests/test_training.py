import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from torch import nn

import cisflow.training
from cisflow.batches import Batch, ResidentSplit, one_hot_of_codes, other_strand
from cisflow.checkpoints import Interrupted, read_checkpoint
from cisflow.losses import TrainingLoss
from cisflow.messages import InputError
from cisflow.training import Progress, forward_function, train

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
LENGTH, JITTER = 40, 5
SETTINGS = {
    "optimizer": "adam", "learning_rate": 0.02, "momentum": 0.9, "smoothing": 0.99, "weight_decay": 0.0,
    "schedule": "constant", "warmup_epochs": 0, "plateau_factor": 0.1, "plateau_patience": 5, "gradient_clip": None,
    "weight_norm_cap": None, "batch_size": 64, "max_epochs": 12, "patience": 4, "stop_on": "loss",
    "precision": "fp32", "compile": False,
}  # fmt: skip


class Dropout(nn.Module):
    """Dropout that draws from the training's own generator, as networks of the builder do."""

    generator = None

    def forward(self, x):
        return x * torch.empty_like(x).bernoulli_(0.8, generator=self.generator) / 0.8 if self.training else x


class Small(nn.Module):
    """A network as the builder gives them: sequences (N, 4, L), and perhaps tracks, to logits."""

    def __init__(self, n_targets=1):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 8, 10), nn.BatchNorm1d(8)
        self.dropout, self.output = Dropout(), nn.Linear(8, n_targets)

    def forward(self, sequence, tracks=None):
        return self.output(self.dropout(torch.exp(self.norm(self.conv(sequence)) / 5).amax(2)))


def planted(n, seed):
    """Random sequences; every second one holds ACGTACGTAC somewhere in its window, on either strand."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, LENGTH + 2 * JITTER)).astype(np.uint8)
    labels = np.arange(n) % 2
    for row in np.flatnonzero(labels):
        at = rng.integers(2 * JITTER, LENGTH - 10)
        codes[row, at : at + 10] = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    return Batch(torch.from_numpy(codes), torch.from_numpy(labels[:, None].astype(np.float32)), None)


def fitted(seed=1, device="cpu", task="binary", split=None, val_split=None, loss="bce", frozen=(), **changes):
    keys = ("checkpoint", "identity", "checkpoint_minutes", "warn", "rate_factors")
    options = {key: changes.pop(key) for key in keys if key in changes}
    settings, device = {**SETTINGS, **changes}, torch.device(device)
    torch.manual_seed(seed)
    model = Small().to(device)
    model.dropout.generator = torch.Generator(device).manual_seed(seed)
    split = split or ResidentSplit(planted(512, 1), LENGTH, device)
    val_split = val_split or ResidentSplit(planted(256, 2), LENGTH, device)
    forward = forward_function(model, {"sequence": (4, LENGTH)}, settings, device)
    history = train(
        model, TrainingLoss(loss, 1).to(device), split, val_split, settings, seed, task, forward,
        model.dropout.generator,
        frozen=[getattr(model, name) for name in frozen], **options,
    )  # fmt: skip
    return model, history


def weights(model):
    return model.state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


# --- what it learns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
def test_a_planted_motif_is_learned_and_the_history_says_so(device):
    model, history = fitted(device=device)
    assert list(history[0]) == [
        "epoch", "train_loss", "val_loss", "val_auroc", "val_accuracy", "learning_rate", "seconds", "kept",
    ]  # fmt: skip
    assert max(row["val_auroc"] for row in history) > 0.95
    assert not model.training


def test_the_kept_epoch_is_the_best_and_its_numbers_are_those_of_its_weights():
    """Loss, AUROC and accuracy by scikit-learn, from the kept weights, on the central windows."""
    model, history = fitted()
    [kept] = [row for row in history if row["kept"]]
    assert kept["val_loss"] == min(row["val_loss"] for row in history)
    rows = planted(256, 2)
    window = Batch(rows.codes[:, JITTER:-JITTER], rows.targets, None)
    with torch.no_grad():
        strands = [model(one_hot_of_codes(part.codes)).sigmoid().numpy() for part in (window, other_strand(window))]
    truth = rows.targets.numpy()
    assert kept["val_loss"] == pytest.approx(np.mean([log_loss(truth, p) for p in strands]), rel=1e-4)
    assert kept["val_auroc"] == pytest.approx(roc_auc_score(truth, sum(strands)), rel=1e-6)
    assert kept["val_accuracy"] == pytest.approx(accuracy_score(truth, sum(strands) / 2 >= 0.5), rel=1e-6)


def test_patience_ends_the_training():
    _, history = fitted(patience=2, learning_rate=0.3, max_epochs=60)
    kept = next(row["epoch"] for row in history if row["kept"])
    assert len(history) == min(kept + 2, 60)


def test_stopping_on_the_metric_keeps_its_best_epoch():
    _, history = fitted(stop_on="metric", patience=3)
    [kept] = [row for row in history if row["kept"]]
    assert kept["val_auroc"] == max(row["val_auroc"] for row in history)


def test_of_epochs_with_the_same_metric_that_of_the_lowest_loss_is_kept():
    """An AUROC of 1 may come in an early epoch, whose probabilities are still poor."""
    progress = Progress()
    rules = {"stop_on": "metric", "patience": 3, "max_epochs": 9}
    epochs = [(1.0, 0.6), (1.0, 0.2), (0.9, 0.1), (1.0, 0.2), (1.0, 0.3)]
    best = [progress.close_epoch(rules, "binary", 1, 0.1, {"loss": loss, "auroc": auroc}) for auroc, loss in epochs]
    assert best == [True, True, False, False, False]
    assert progress.best_epoch == 2
    assert progress.is_over(rules)


def test_quantities_are_learned_with_their_correlation():
    train_rows, val_rows = planted(512, 1), planted(256, 2)
    splits = [
        ResidentSplit(rows._replace(targets=rows.targets * 3 - 1), LENGTH, torch.device("cpu"))
        for rows in (train_rows, val_rows)
    ]
    _, history = fitted(task="regression", loss="mse", split=splits[0], val_split=splits[1])
    assert max(row["val_pearson"] for row in history) > 0.8
    assert not {"val_auroc", "val_accuracy"} & set(history[0])


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not():
    first, again, other = (weights(fitted(seed=seed, max_epochs=2)[0]) for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first["conv.weight"], other["conv.weight"])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop", "adadelta"])
def test_every_optimizer_lowers_the_loss(optimizer):
    rate = 1.0 if optimizer == "adadelta" else 0.01
    _, history = fitted(optimizer=optimizer, learning_rate=rate, max_epochs=8)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_bf16_learns_as_well():
    _, history = fitted(precision="bf16")
    assert max(row["val_auroc"] for row in history) > 0.95


def test_the_schedule_reaches_the_optimizer_and_the_history():
    _, history = fitted(schedule="cosine", max_epochs=4, patience=4)
    rates = [row["learning_rate"] for row in history]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.02 * 0.01


def test_a_rate_of_zero_for_a_layer_leaves_it_as_it_was():
    before = Small()
    torch.manual_seed(1)
    before = weights(Small())
    after = weights(fitted(max_epochs=2, rate_factors={"conv": 0.0})[0])
    assert torch.equal(before["conv.weight"], after["conv.weight"])
    assert not torch.equal(before["output.weight"], after["output.weight"])


def test_frozen_batch_norm_keeps_its_statistics():
    after = weights(fitted(max_epochs=2, frozen=["norm"])[0])
    assert torch.equal(after["norm.running_mean"], torch.zeros(8))
    assert not torch.equal(weights(fitted(max_epochs=2)[0])["norm.running_mean"], torch.zeros(8))


def test_gradients_and_norms_are_held():
    model, _ = fitted(weight_norm_cap=0.5, max_epochs=2, patience=2)
    assert float(model.conv.weight.detach().flatten(1).norm(dim=1).max()) <= 0.5001
    free, clipped = (
        fitted(optimizer="sgd", momentum=0.0, learning_rate=1.0, max_epochs=1, gradient_clip=clip)[0]
        for clip in (None, 1e-6)
    )
    torch.manual_seed(1)
    start = weights(Small())["conv.weight"]
    assert float((weights(clipped)["conv.weight"] - start).abs().max()) <= 8 * 1e-6  # a step for each of eight batches
    assert float((weights(free)["conv.weight"] - start).abs().max()) > 1e-3


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_with_the_epoch_and_a_hint():
    with pytest.raises(InputError, match="in epoch 1: training diverged") as error:
        fitted(learning_rate=1e30, optimizer="sgd")
    assert "learning_rate of the model (to 1e+29" in error.value.fix
    assert "gradient_clip" in error.value.fix


def test_a_metric_that_does_not_exist_is_told():
    rows = planted(64, 2)
    one_class = ResidentSplit(rows._replace(targets=torch.ones(64, 1)), LENGTH, torch.device("cpu"))
    with pytest.raises(InputError, match="none of 4 epochs has a validation auroc"):
        fitted(stop_on="metric", val_split=one_class)


def test_an_epoch_without_a_metric_is_not_the_best_one():
    """A network that gives every row the same quantity at first has no correlation yet: that was an error."""
    progress = Progress()
    rules = {"stop_on": "metric", "patience": 3, "max_epochs": 9}
    metrics = [math.nan, 0.2, math.nan, 0.3, 0.1]
    best = [progress.close_epoch(rules, "regression", 1, 0.1, {"loss": 1.0, "pearson": metric}) for metric in metrics]
    assert best == [False, True, False, True, False]
    assert progress.best_epoch == 4
    assert [row["val_pearson"] for row in progress.history] == pytest.approx(metrics, nan_ok=True)


class OutOfMemory(nn.Module):
    """A network on a device that holds fewer rows than a batch has."""

    def __init__(self, model, most):
        super().__init__()
        self.model, self.most = model, most

    def forward(self, sequence, tracks=None):
        if self.training and len(sequence) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return self.model(sequence)


def trained_within(most, warn, batch_size=64, **changes):
    torch.manual_seed(1)
    # Without batch norm and dropout the halves of a batch give what the whole gives.
    model = OutOfMemory(
        nn.Sequential(nn.Conv1d(4, 8, 10), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1)), most
    )
    settings, cpu = {**SETTINGS, "max_epochs": 3, "batch_size": batch_size, **changes}, torch.device("cpu")
    splits = [ResidentSplit(planted(512, 1), LENGTH, cpu), ResidentSplit(planted(256, 2), LENGTH, cpu)]
    forward = forward_function(model, {"sequence": (4, LENGTH)}, settings, cpu)
    train(model, TrainingLoss("bce", 1), *splits, settings, 1, "binary", forward, torch.Generator(), warn=warn)
    return weights(model)


def test_a_batch_that_does_not_fit_is_halved_once_with_the_same_result():
    told = []
    whole = trained_within(64, lambda *parts: told.append(parts))
    assert not told
    halved = trained_within(32, lambda *parts: told.append(parts))
    assert [kind for kind, _ in told] == ["memory"]
    assert all(torch.allclose(whole[name], halved[name], atol=1e-4) for name in whole)
    with pytest.raises(InputError, match="does not hold 32 rows"):
        trained_within(31, lambda *parts: None)


class SmallForValidation(OutOfMemory):
    def forward(self, sequence, tracks=None):
        if len(sequence) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return self.model(sequence)


def test_validation_takes_as_many_rows_at_once_as_memory_holds():
    torch.manual_seed(1)
    model, cpu = Small(), torch.device("cpu")
    split, loss = ResidentSplit(planted(256, 2), LENGTH, cpu), TrainingLoss("bce", 1)

    def validated(network):
        forward = forward_function(network, {"sequence": (4, LENGTH)}, SETTINGS, cpu)
        return cisflow.training.validate(forward, network, loss, split, "binary")

    assert validated(SmallForValidation(model, 50)) == pytest.approx(validated(model), rel=1e-5)
    with pytest.raises(torch.OutOfMemoryError):
        validated(SmallForValidation(model, 0))


def test_a_warning_outlasts_an_interruption(tmp_path, every_epoch):
    """What a job that was killed had warned of was not written beside the results of the one that went on."""
    told, keep = [], {"checkpoint": tmp_path / "c.pt", "identity": "this"}
    keep["checkpoint"].write_bytes(b"torn")
    for _ in range(2):
        fitted(max_epochs=2, warn=lambda *parts: told.append(parts), **keep)
    assert [kind for kind, _ in told] == ["checkpoint_refused"] * 2
    assert told[0] == told[1]


def test_an_odd_batch_is_halved_too():
    told = []
    trained_within(32, lambda *parts: told.append(parts), batch_size=63)
    assert len(told) == 1


# --- what is interrupted ----------------------------------------------------------------------------------------------


@pytest.fixture
def every_epoch(monkeypatch):
    monkeypatch.setattr(cisflow.training, "SECONDS_BETWEEN_CHECKPOINTS", 0)


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


class Signalling(ResidentSplit):
    """A split that sends a signal to its own process before the batch of a given number, counted over all epochs."""

    def __init__(self, number, name):
        super().__init__(planted(512, 1), LENGTH, torch.device("cpu"))
        self.left, self.name = number, name

    def batches(self, *arguments):
        for batch in super().batches(*arguments):
            if self.left == 0:
                os.kill(os.getpid(), getattr(signal, self.name))
            self.left -= 1
            yield batch


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_after_the_step_and_it_goes_on_as_if_nothing_had_been(tmp_path, name):
    alone, history = fitted()
    kept = {"checkpoint": tmp_path / "checkpoint.pt", "identity": "this"}
    for number in (0, 7, 3, 12, 5):  # eight batches make an epoch
        with pytest.raises(Interrupted, match=rf"asked to stop \({name}\)"):
            fitted(split=Signalling(number, name), **kept)
    resumed, again = fitted(**kept)
    assert same(weights(alone), weights(resumed))
    assert without_seconds(history) == without_seconds(again)


KILLED = """
import sys
sys.path[:0] = [{scripts!r}, {tests!r}]
import torch
torch.set_num_threads(1)
import cisflow.training
cisflow.training.SECONDS_BETWEEN_CHECKPOINTS = 0
from test_training import fitted
print("ready", flush=True)
kept = dict(checkpoint={checkpoint!r}, identity="this", checkpoint_minutes=0.001)
model, history = fitted(max_epochs=60, patience=60, **kept)
torch.save(model.state_dict(), {output!r})
"""


def test_a_training_killed_five_times_ends_with_the_weights_of_one_left_alone(tmp_path):
    """SIGKILL at random moments, in the middle of epochs and of writing a checkpoint alike."""
    output, here = tmp_path / "weights.pt", Path(__file__).parent
    text = KILLED.format(
        scripts=str(here.parent / "scripts"), tests=str(here), checkpoint=str(tmp_path / "c.pt"), output=str(output)
    )
    kills, epochs = 0, []
    while not output.exists():
        with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            if kills < 5:
                time.sleep(random.uniform(0.05, 0.4))
                process.kill()
            told = process.communicate()[0]
            epochs += [
                int(line.split(":")[0].removeprefix("epoch "))
                for line in told.splitlines()
                if line.startswith("epoch ")
            ]
            kills += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), told
    assert kills == 5
    torch.set_num_threads(1)
    alone, _ = fitted(max_epochs=60, patience=60)
    assert same(weights(alone), torch.load(output, weights_only=True))
    assert len(epochs) < 3 * 60  # it went on, and did not begin anew each time


@pytest.mark.parametrize("damage", ["torn", "empty", "other format", "other training"])
def test_a_checkpoint_that_is_not_of_this_training_is_refused_and_training_starts_anew(tmp_path, damage, every_epoch):
    path, told = tmp_path / "checkpoint.pt", []
    fitted(max_epochs=2, checkpoint=path, identity="other" if damage == "other training" else "this")
    content = path.read_bytes()
    if damage == "torn":
        path.write_bytes(content[: len(content) // 2])
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "other format":
        torch.save([1, 2], path)
    model, history = fitted(max_epochs=3, checkpoint=path, identity="this", warn=lambda *parts: told.append(parts))
    [(kind, text)] = told
    assert kind == "checkpoint_refused"
    assert "training starts anew" in text
    assert ("of another training" if damage == "other training" else "damaged") in text
    assert len(history) == 3
    assert same(weights(model), weights(fitted(max_epochs=3)[0]))
    assert read_checkpoint(path, "this")[0] is not None


def test_writing_a_checkpoint_leaves_no_other_file(tmp_path, every_epoch):
    fitted(max_epochs=2, checkpoint=tmp_path / "checkpoint.pt", identity="this")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
