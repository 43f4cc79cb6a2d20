"""Networks trained together become what each becomes by itself, whatever happens to the others or to the job."""

import os
import signal

import numpy as np
import pytest
import torch
from made_splits import made_fold, made_split, training

import cisflow.packed_fitting
import cisflow.packed_training
from cisflow.checkpoints import Interrupted
from cisflow.fitting import finished, fit_network, prepare
from cisflow.messages import InputError
from cisflow.packed_fitting import fit_pack, forget_checkpoints, groups_of, prepare_all
from cisflow.packed_training import train_packed, validate_together
from cisflow.stacked_network import StackedNetwork
from cisflow.training import validate

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
# So much dropout that no filter is left as it is in all rows of a batch: batch norm would take its bias out again. The
# gradient of that bias would be rounding alone, of which adam makes whole steps.
NETWORK = {
    "layers": [
        {"type": "conv1d", "filters": 6, "width": 12},
        {"type": "activation", "function": "relu"},
        {"type": "global_max_pool"},
        {"type": "dropout", "rate": 0.4},
        {"type": "dense", "units": 4, "bias": False},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
    ]
}
POOLED = {
    "layers": [
        {"type": "conv1d", "filters": 4, "width": 8, "padding": "same", "bias": False},
        {"type": "batch_norm", "initial_scale": 0.2},
        {"type": "activation", "function": "exp"},
        {"type": "max_pool", "width": 10},
        {"type": "dropout", "rate": 0.2},
        {"type": "flatten"},
        {"type": "dense", "units": 4},
        {"type": "activation", "function": "elu"},
    ]
}
SIZES = (192, 130, 71)  # 6, 4 and 2 steps of 32 rows an epoch


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Datasets of different sizes, for each task; made when asked for."""
    made = {}

    def of(task="binary", sizes=SIZES, **options):
        key = (task, sizes, *options.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("folds")
            made[key] = [
                made_fold(folder / f"{number}", (n_rows, 64 + 8 * number, 8), task=task, **options)
                for number, n_rows in enumerate(sizes)
            ]
        return made[key]

    return of


def members_of(folds, settings, network=NETWORK, device="cpu", seeds=(1, 2, 3)):
    """The same members each time."""
    return [
        prepare(fold["train"], fold["val"], network, settings, seed, torch.device(device), name=f"member {number}")
        for number, (fold, seed) in enumerate(zip(folds, seeds, strict=False))
    ]


def alone(folds, settings, **options):
    return [fit_network(member) for member in members_of(folds, settings, **options)]


def together(folds, settings, keep=None, **options):
    members = members_of(folds, settings, **options)
    histories = train_packed(members, settings, **(keep or {}))
    return [
        history if isinstance(history, InputError) else finished(member, history)
        for member, history in zip(members, histories, strict=True)
    ]


def assert_alike(found, expected, rtol=1e-5):
    """Weights and histories, all but the time that it took."""
    assert len(found.history) == len(expected.history)
    for row, other in zip(found.history, expected.history, strict=True):
        assert list(row) == list(other)
        assert (row["epoch"], row["kept"]) == (other["epoch"], other["kept"])
        for key in set(row) - {"epoch", "kept", "seconds"}:
            assert row[key] == pytest.approx(other[key], rel=rtol, abs=rtol), key
    for name, tensor in expected.model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], tensor, rtol=rtol, atol=rtol, msg=name)


def same(found, expected):
    """To the last bit."""
    states = [(a.model.state_dict(), b.model.state_dict()) for a, b in zip(found, expected, strict=True)]
    return all(torch.equal(a[name], b[name]) for a, b in states for name in b)


# --- as by itself -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("network", [NETWORK, POOLED], ids=["best window", "pooled"])
def test_unequal_numbers_of_rows(network, device, folds):
    settings = training(max_epochs=3)
    options = {"network": network, "device": device}
    expected = alone(folds(), settings, **options)
    found = together(folds(), settings, **options)
    assert [len(fold.history) for fold in found] == [3, 3, 3]
    for pair in zip(found, expected, strict=True):
        assert_alike(*pair, rtol=1e-5 if device == "cpu" else 3e-4)
        assert not pair[0].model.training


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "schedule": "cosine", "warmup_epochs": 1, "weight_decay": 0.01},
        {"optimizer": "sgd", "schedule": "one_cycle", "learning_rate": 0.1, "gradient_clip": 0.5},
        {"optimizer": "rmsprop", "learning_rate": 0.001, "momentum": 0.5, "weight_norm_cap": 0.4},
        {"optimizer": "adadelta", "learning_rate": 1.0, "schedule": "plateau", "plateau_patience": 0},
        {"stop_on": "metric"},
        {"batch_size": 1000},  # every member has its own, its number of rows
    ],
    ids=str,
)
def test_every_setting(changes, folds):
    settings = training(max_epochs=3, **changes)
    sizes = (96, 96, 96) if "batch_size" in changes else SIZES
    for pair in zip(together(folds(sizes=sizes), settings), alone(folds(sizes=sizes), settings), strict=True):
        assert_alike(*pair)


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("binary", {"class_weights": "balanced", "target_weights": {"factor1": 0.2}}),
        ("regression", {}),
        ("regression", {"target_weights": {"factor0": 3}}),
        ("counts", {"loss": "poisson", "learning_rate": 0.003}),
    ],
)
def test_every_loss_with_weights_of_classes_and_targets(task, changes, folds):
    settings = training(max_epochs=3, **changes)
    options = {"task": task, "n_targets": 2}
    for pair in zip(together(folds(**options), settings), alone(folds(**options), settings), strict=True):
        assert_alike(*pair)


def test_targets_that_are_not_known(tmp_path):
    folds = [made_fold(tmp_path / name, (96, 64, 8)) for name in "ab"]
    rng = np.random.default_rng(1)
    for number, fold in enumerate(folds):
        targets = np.where(rng.random((96, 2)) < 0.3, np.nan, rng.integers(0, 2, (96, 2)))
        made_split(tmp_path / "ab"[number] / "train.h5", 96, targets=targets)
        made_split(tmp_path / "ab"[number] / "val.h5", 64, targets=targets[:64])
        assert fold["train"].endswith("train.h5")
    settings = training(max_epochs=3, class_weights="balanced")
    for pair in zip(together(folds, settings), alone(folds, settings), strict=True):
        assert_alike(*pair)


def test_each_stops_when_its_own_validation_split_says_so(folds):
    settings = training(max_epochs=25, patience=2, learning_rate=0.03)
    expected, found = alone(folds(), settings), together(folds(), settings)
    lengths = [len(fitted.history) for fitted in expected]
    assert len(set(lengths)) == 3  # else this shows nothing
    assert lengths == [len(fitted.history) for fitted in found]
    for a, b in zip(found, expected, strict=True):
        assert a.record["kept_epoch"] == b.record["kept_epoch"]
        assert_alike(a, b, rtol=0.02)  # what is rounded otherwise grows from step to step


def test_one_network_is_a_pack_too(folds):
    settings = training(max_epochs=2)
    [found] = together(folds(sizes=(96,)), settings)
    [expected] = alone(folds(sizes=(96,)), settings)
    assert_alike(found, expected)


# --- validated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch_size", [5, 1000])
@pytest.mark.parametrize("network", [NETWORK, POOLED], ids=["best window", "pooled"])
def test_validation_together_is_that_of_each(network, batch_size, device, tmp_path, monkeypatch):
    """With splits of unequal sizes, one of them by far the largest, in blocks and at once; some targets unknown."""
    rng, folds = np.random.default_rng(1), []
    for number, n_rows in enumerate([64, 90, 65, 300]):
        targets = np.where(rng.random((n_rows, 2)) < 0.2, np.nan, rng.integers(0, 2, (n_rows, 2)))
        folds.append(made_fold(tmp_path / f"{number}", (64, 8, 8), n_targets=2))
        made_split(tmp_path / f"{number}" / "val.h5", n_rows, seed=number, targets=targets)
    settings = training(target_weights={"factor1": 0.3}, class_weights="balanced")
    members = members_of(folds, settings, network, device, seeds=(1, 2, 3, 4))
    for member in members:  # so that the loss of padding would be seen
        member.model.output.weight.data.mul_(20)
    stack = StackedNetwork([member.model for member in members])
    names = ("positive_weight", "target_weights")
    weights = {name: torch.stack([getattr(member.loss, name) for member in members]) for name in names}
    monkeypatch.setattr(cisflow.packed_training, "VALIDATION_BATCH", 1)
    rows = [3, 0, 2, 1]
    splits = {row: members[row].splits[1] for row in rows}
    found = validate_together(stack, splits, "bce", weights, "binary", batch_size)
    assert stack.training
    for row in rows:
        member = members[row]
        expected = validate(member.forward, member.model, member.loss, member.splits[1], "binary")
        assert found[row] == pytest.approx(expected, rel=1e-6 if device == "cpu" else 1e-4)


def test_networks_whose_epochs_end_together_are_validated_in_one_call(folds, monkeypatch):
    calls, forward = [], StackedNetwork.__call__

    def counted(stack, codes):
        if not stack.training:
            calls.append(codes.shape[:2])
        return forward(stack, codes)

    monkeypatch.setattr(StackedNetwork, "__call__", counted)
    together(folds(sizes=(96, 96, 96)), training(max_epochs=2))  # 64, 72 and 80 rows of validation
    assert calls == [(3, 80)] * 4  # two strands, two epochs


# --- one of them fails ------------------------------------------------------------------------------------------------


@pytest.fixture
def with_huge_targets(tmp_path):
    """Three datasets of quantities; those of the second overflow."""
    folds = [made_fold(tmp_path / name, (96, 64, 8), task="regression") for name in "abc"]
    made_split(tmp_path / "b" / "train.h5", 96, task="regression", targets=np.linspace(-1e30, 1e30, 96))
    return folds


@pytest.mark.parametrize("network", [NETWORK, POOLED], ids=["best window", "pooled"])
def test_one_that_diverges_does_not_take_the_others_along(network, with_huge_targets):
    settings = training(max_epochs=3)
    found = together(with_huge_targets, settings, network=network)
    assert isinstance(found[1], InputError)
    assert "in epoch 1: training diverged" in found[1].what
    expected = [fit_network(members_of(with_huge_targets, settings, network=network)[number]) for number in (0, 2)]
    for pair in zip([found[0], found[2]], expected, strict=True):
        assert_alike(*pair)


def test_a_failure_is_told_by_name_and_what_the_others_learned_is_kept(with_huge_targets, tmp_path, monkeypatch):
    settings, folder = training(max_epochs=3), tmp_path / "checkpoints"

    def fit(attempt=1, folds=with_huge_targets):
        return fit_pack(members_of(folds, settings), checkpoints=folder, attempt=attempt)

    with pytest.raises(InputError) as error:
        fit()
    assert error.value.what == "1 of the 3 networks of this job failed"
    assert error.value.why.startswith("member 1: the loss is no finite number in epoch 1")
    assert "learning_rate" in error.value.fix
    assert "what the others learned is kept" in error.value.fix

    counts, trained = [], cisflow.packed_fitting.fit_network

    def counted(member, **options):
        counts.append(member.name)
        return trained(member, **options)

    monkeypatch.setattr(cisflow.packed_fitting, "train_packed", None)
    monkeypatch.setattr(cisflow.packed_fitting, "fit_network", counted)
    for attempt in (2, 3):  # told again, and nothing is trained
        with pytest.raises(InputError) as again:
            fit(attempt)
        assert str(again.value) == str(error.value)
    assert counts == []
    with pytest.raises(InputError):  # a new run tries the one that failed
        fit()
    assert counts == ["member 1"]
    made_split(tmp_path / "b" / "train.h5", 96, task="regression")
    fitted = fit()
    assert counts == ["member 1", "member 1"]
    for pair in zip(fitted, alone(with_huge_targets, settings), strict=True):
        assert_alike(*pair)
    forget_checkpoints(folder)
    assert not folder.exists()


def test_what_is_wrong_with_the_data_of_several_is_told_before_any_is_trained(tmp_path):
    folds = {name: made_fold(tmp_path / name, (64, 64, 8)) for name in "abc"}
    for name in "ac":
        made_split(tmp_path / name / "val.h5", 10, targets=np.ones(10))

    def prepare_one(name, fold):
        return prepare(fold["train"], fold["val"], NETWORK, training(), 1, torch.device("cpu"), name=name)

    with pytest.raises(InputError) as error:
        prepare_all(folds, prepare_one)
    assert error.value.what == "2 of the 3 networks of this job failed"
    assert f"a: {folds['a']['val']}: 1 of 1 target(s)" in error.value.why
    assert f"c: {folds['c']['val']}" in error.value.why
    assert error.value.fix.count("hold out other chromosomes") == 1
    assert "kept" not in error.value.fix
    assert [member.name for member in prepare_all({"b": folds["b"]}, prepare_one)] == ["b"]
    with pytest.raises(InputError) as alone_in_its_job:
        prepare_all({"a": folds["a"]}, prepare_one)
    assert alone_in_its_job.value.what.startswith(f"a: {folds['a']['val']}: 1 of 1 target(s)")


def test_a_pack_that_memory_does_not_hold_is_trained_in_halves(folds, tmp_path, monkeypatch, capsys):
    settings, tried = training(max_epochs=2), []
    expected = alone(folds(), settings)
    pack = cisflow.packed_fitting.train_packed

    def small_device(members, *arguments, **options):
        tried.append(len(members))
        if len(members) > 2:
            pack(members, {**settings, "max_epochs": 1}, **{**options, "checkpoint": None})  # it gets so far
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return pack(members, *arguments, **options)

    monkeypatch.setattr(cisflow.packed_fitting, "train_packed", small_device)
    fitted = fit_pack(members_of(folds(), settings), checkpoints=tmp_path / "checkpoints")
    assert tried == [3, 2]  # the third is alone
    assert "memory does not hold 3 networks at once" in capsys.readouterr().out
    for pair in zip(fitted, expected, strict=True):
        assert_alike(*pair)


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.fixture
def signal_at(monkeypatch):
    """Have this process get a signal in the middle of some steps, counted over all trainings of the test."""

    def at(name, steps):
        done, loss = [], cisflow.packed_training.stacked_loss

        def with_signal(*arguments, **options):
            done.append(torch.is_grad_enabled())  # else it is validation
            if done[-1] and sum(done) in steps:
                os.kill(os.getpid(), getattr(signal, name))
            return loss(*arguments, **options)

        monkeypatch.setattr(cisflow.packed_training, "stacked_loss", with_signal)

    return at


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_interruption_changes_nothing(name, folds, tmp_path, signal_at):
    """In the first step, in the middle of epochs, and when only some are still in training."""
    settings = training(max_epochs=30, patience=6, learning_rate=0.03)
    expected = fit_pack(members_of(folds(), settings), checkpoints=tmp_path / "left_alone")
    lengths = sorted(len(fitted.history) for fitted in expected)
    steps = [n_rows // 32 * len(fitted.history) for n_rows, fitted in zip(SIZES, expected, strict=True)]
    assert len(set(lengths)) > 1
    moments = [1, 10, 33, sorted(steps)[1] + 1, max(steps) - 1]
    signal_at(name, moments)
    folder = tmp_path / "interrupted"
    for _ in moments:
        with pytest.raises(Interrupted, match=rf"asked to stop \({name}\)") as error:
            fit_pack(members_of(folds(), settings), checkpoints=folder)
        assert "run the same command again" in error.value.fix
    found = fit_pack(members_of(folds(), settings), checkpoints=folder)
    assert same(found, expected)
    for a, b in zip(found, expected, strict=True):
        assert [{**row, "seconds": 0} for row in a.history] == [{**row, "seconds": 0} for row in b.history]


def test_it_goes_on_and_does_not_begin_anew(folds, tmp_path, signal_at, capsys):
    settings = training(max_epochs=4)
    keep = {"checkpoint": tmp_path / "c.pt", "identity": "this"}
    signal_at("SIGTERM", [15])
    with pytest.raises(Interrupted, match=r"1 of 3 networks are done"):  # the smallest, after 8 steps
        together(folds(), settings, keep)
    capsys.readouterr()
    found = together(folds(), settings, keep)
    said = capsys.readouterr().out
    assert f"going on from {tmp_path / 'c.pt'}: 1 of 3 networks are done" in said
    assert "member 0: epoch 2" not in said  # after 12 steps
    assert "member 0: epoch 3" in said
    assert same(found, together(folds(), settings))


def test_a_torn_checkpoint_is_refused_and_training_starts_anew(folds, tmp_path):
    settings, told = training(max_epochs=2), []
    (tmp_path / "c.pt").write_bytes(b"torn")
    keep = {"checkpoint": tmp_path / "c.pt", "identity": "this", "warn": lambda *parts: told.append(parts)}
    found = together(folds(), settings, keep)
    [(kind, text)] = told
    assert kind == "checkpoint_refused"
    assert "is damaged" in text
    assert same(found, together(folds(), settings))


# --- who is trained together ------------------------------------------------------------------------------------------


def test_groups_are_of_one_architecture_settings_and_batch_size(folds, tmp_path):
    plain, other = training(), training(learning_rate=0.02)
    a, b, small = folds(sizes=(96, 64, 20))
    two_targets = made_fold(tmp_path / "two", (96, 64, 8), n_targets=2)
    quantities = made_fold(tmp_path / "quantities", (96, 64, 8), task="regression")
    bf16, compiled = training(precision="bf16"), training(compile=True)
    strided = {"layers": [{"type": "conv1d", "filters": 4, "width": 8, "stride": 2}, {"type": "global_max_pool"}]}

    def member(fold, settings=plain, network=NETWORK, seed=1):
        return prepare(fold["train"], fold["val"], network, settings, seed, torch.device("cpu"))

    members = [
        member(a), member(b), member(a, seed=2),
        member(a, other),
        member(a, network=POOLED), member(b, network=POOLED),
        member(small),  # 20 rows are its batch
        member(two_targets),
        member(quantities), member(quantities, seed=2),
        member(a, bf16), member(b, bf16), member(a, compiled), member(b, compiled),
        member(a, network=strided), member(b, network=strided),
    ]  # fmt: skip
    alone_each = [[number] for number in range(10, 16)]
    assert groups_of(members) == [[0, 1, 2], [3], [4, 5], [6], [7], [8, 9], *alone_each]


def test_who_is_streamed_or_learns_more_than_its_network_is_trained_alone(folds, tmp_path, monkeypatch):
    counts = made_fold(tmp_path / "counts", (96, 64, 8), task="counts")
    settings = training(loss="negative_binomial", max_epochs=1)
    members = members_of([counts, counts], settings)
    assert groups_of(members) == [[0], [1]]
    monkeypatch.setattr("cisflow.fitting.SHARE_OF_MEMORY", 1e-9)
    streamed = [
        prepare(fold["train"], fold["val"], NETWORK, training(), 1, torch.device("cpu"), memory_mb=1)
        for fold in folds()[:2]
    ]
    assert groups_of(streamed) == [[0], [1]]


def test_a_pack_of_groups_gives_its_members_in_their_order(folds, tmp_path):
    """Of three sizes; the smallest has fewer rows than a batch."""
    settings = training(max_epochs=2)
    sizes = (96, 20, 64)
    members = members_of(folds(sizes=sizes), settings)
    assert groups_of(members) == [[0, 2], [1]]
    fitted = fit_pack(members, checkpoints=tmp_path / "checkpoints")
    for pair in zip(fitted, alone(folds(sizes=sizes), settings), strict=True):
        assert_alike(*pair)
    assert [pair.model for pair in fitted] == [member.model for member in members]
