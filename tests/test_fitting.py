"""From two splits and a network's description to a trained network: what is built, on what, and what is refused."""

import copy
import json
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from made_splits import LENGTH, NETWORK, made_fold, made_split, training

import cisflow.fitting
from cisflow.batches import ResidentSplit, StreamedSplit, open_split
from cisflow.best_window import FirstPoolNetwork
from cisflow.channels_last import ChannelsLastNetwork
from cisflow.fitting import (
    check_targets,
    fit_network,
    forget_checkpoint,
    memory_estimate,
    prepare,
    quick_form,
    settings_that_act,
    target_weights_of,
    write_fitted,
)
from cisflow.messages import InputError
from cisflow.model import build_network, count_parameters, load_model, save_model

CPU = torch.device("cpu")
TRANSFER = {"freeze": [], "learning_rate_factors": {}, "keep_output": False}
# Both branches, so that all that a network may read is read.
BRANCHES = {
    "branches": {
        "sequence": [{"type": "conv1d", "filters": 4, "width": 12}, {"type": "global_max_pool"}],
        "tracks": [{"type": "conv1d", "filters": 2, "width": 3}, {"type": "global_avg_pool"}],
    },
    "layers": [],
}
MOTIFS = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1\nletter-probability matrix: alength= 4 w= 4 nsites= 20\n"
MOTIFS += "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"


@pytest.fixture(scope="module")
def fold(tmp_path_factory):
    return made_fold(tmp_path_factory.mktemp("fold"))


@pytest.fixture(scope="module")
def fold_with_tracks(tmp_path_factory):
    return made_fold(tmp_path_factory.mktemp("tracks"), n_tracks=2)


def prepared_on(fold, network=NETWORK, settings=None, seed=1, **options):
    return prepare(fold["train"], fold["val"], network, settings or training(), seed, CPU, **options)


def parent_file(path, fold, network=NETWORK, **settings):
    """A network trained on a fold and written as the rules write it."""
    fitted = fit_network(prepared_on(fold, network, training(max_epochs=1, **settings)))
    outputs = [path, path.with_suffix(".history.tsv"), path.with_suffix(".warnings.tsv")]
    write_fitted(fitted, fold["groups"], *map(str, outputs))
    return str(path)


CONVOLUTION, POOL = {"type": "conv1d", "filters": 4, "width": 12}, {"type": "max_pool", "width": 4}
GELU, FLAT = {"type": "activation", "function": "gelu"}, {"type": "flatten"}


@pytest.mark.parametrize(
    ("layers", "form"),
    [
        ([CONVOLUTION, POOL, FLAT], FirstPoolNetwork),
        ([CONVOLUTION, GELU, POOL, FLAT], ChannelsLastNetwork),
        ([CONVOLUTION, GELU, FLAT], type(None)),
    ],
)
def test_a_network_has_its_quick_form_on_a_cpu_unless_told_otherwise(layers, form):
    network = {"layers": layers}
    model = build_network(network, {"sequence": (4, LENGTH)}, 1)
    assert type(quick_form(model, network, training(), CPU)) is form
    for settings, device in (
        (training(quick_cpu=False), CPU),
        (training(compile=True), CPU),
        (training(), torch.device("cuda")),
    ):
        assert quick_form(model, network, settings, device) is None


@pytest.mark.parametrize("layers", [[CONVOLUTION, POOL, FLAT], [CONVOLUTION, GELU, POOL, FLAT]])
def test_the_quick_form_is_trained_and_validated_as_the_layers_of_torch(fold, layers):
    histories = []
    for quick_cpu in (True, False):
        settings = training(max_epochs=3, quick_cpu=quick_cpu)
        histories.append(fit_network(prepared_on(fold, {"layers": layers}, settings)).history)
    for ours, torchs in zip(*histories, strict=True):
        for key in ("train_loss", "val_loss", "val_auroc"):
            assert ours[key] == pytest.approx(torchs[key], rel=1e-3)


# --- targets from which nothing can be learned ------------------------------------------------------------------------


def columns(*values):
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in values])


def test_sound_targets_pass():
    check_targets(columns([0, 1, 1, np.nan]), ["a"], "train.h5", "binary", "bce")
    check_targets(columns([-2, 1, 1, np.nan]), ["a"], "train.h5", "regression", "mse")
    check_targets(columns([0, 3, 1, np.nan]), ["a"], "train.h5", "regression", "poisson")


def test_an_empty_split_is_told():
    with pytest.raises(InputError) as error:
        check_targets(np.empty((0, 1), np.float32), ["a"], "results/d/holdout/val.h5", "binary", "bce")
    assert error.value.what == "results/d/holdout/val.h5 is empty: it has no rows"
    assert "split_report.tsv" in error.value.why
    assert "(folds)" in error.value.fix


@pytest.mark.parametrize(
    ("values", "task", "loss", "why"),
    [
        ([1, 1, np.nan, 1], "binary", "bce", "a: all 3 known rows are labelled 1, expected rows labelled 0"),
        ([0, 0, 0, 0], "binary", "bce", "a: all 4 known rows are labelled 0"),
        ([np.nan] * 4, "binary", "bce", "a: no row has a label"),
        ([np.nan] * 4, "regression", "mse", "a: no row has a value"),
        ([0, 3, -1, 2], "regression", "poisson", "a: the smallest value is -1, and poisson is a loss of counts"),
        ([0, 3, -0.5, 2], "regression", "negative_binomial", "a: the smallest value is -0.5, and negative_binomial"),
    ],
)
def test_a_target_that_teaches_nothing_is_told_with_what_it_holds(values, task, loss, why):
    with pytest.raises(InputError) as error:
        check_targets(columns(values, [0, 1, 1, 0]), ["a", "b"], "train.h5", task, loss)
    assert error.value.what == "train.h5: 1 of 2 target(s) cannot be trained on or judged by"
    assert error.value.why.startswith(why)
    assert error.value.fix


def test_all_such_targets_are_told_at_once():
    with pytest.raises(InputError) as error:
        check_targets(columns([1, 1], [0, 1], [0, 0]), ["a", "b", "c"], "train.h5", "binary", "bce")
    assert re.findall(r"(\w): all", error.value.why) == ["a", "c"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_both_splits_are_looked_at_before_anything_is_built(split, tmp_path, monkeypatch):
    monkeypatch.setattr(cisflow.fitting, "build_network", None)
    fold = made_fold(tmp_path, (64, 64, 8))
    made_split(tmp_path / f"{split}.h5", 10, targets=np.ones(10))
    with pytest.raises(InputError, match=rf"{split}\.h5: 1 of 1 target") as error:
        prepared_on(fold)
    assert "all 10 known rows are labelled 1" in error.value.why
    with h5py.File(fold[split], "a") as file:
        rows = {name: file[name][:0] for name in file}
        for name, empty in rows.items():
            del file[name]
            file[name] = empty
    with pytest.raises(InputError, match=rf"{split}\.h5 is empty"):
        prepared_on(fold)


# --- what is built ----------------------------------------------------------------------------------------------------


def test_the_record_says_what_was_trained_on_what(fold, tmp_path):
    settings = training(max_epochs=2)
    fitted = fit_network(prepared_on(fold, settings=settings, seed=7))
    outputs = [str(tmp_path / name) for name in ("model.pt", "history.tsv", "warnings.tsv")]
    write_fitted(fitted, fold["groups"], *outputs)
    torch.load(outputs[0], weights_only=True)
    model, record = load_model(outputs[0], "cpu")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fitted.model.parameters(), strict=True))
    history = pd.read_csv(outputs[1], sep="\t")
    assert record == {
        "network": NETWORK, "inputs": {"sequence": [4, LENGTH]}, "length": LENGTH, "target_names": ["factor0"],
        "track_names": [], "task": "binary", "loss": "bce", "training": settings, "seed": 7, "percent": 100,
            "permuted": False,
        "genome": "made", "genome_sha256": "0", "config_sha256": "1", "fold": "holdout",
        "kept_epoch": history["epoch"][history["kept"] == 1].item(),
        "chromosomes": {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]},
    }  # fmt: skip
    assert list(history.columns) == [
        "epoch", "train_loss", "val_loss", "val_auroc", "val_accuracy", "learning_rate", "seconds", "kept",
    ]  # fmt: skip
    assert (tmp_path / "warnings.tsv").read_text() == "kind\twarning\n"


def test_the_seed_decides_the_initial_weights_whatever_was_drawn_before(fold):
    first, other = (prepared_on(fold, seed=seed).model.state_dict() for seed in (1, 2))
    torch.rand(3)
    again = prepared_on(fold).model.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1d_1.weight"], other["conv1d_1.weight"])


def test_dropout_draws_from_the_generator_that_checkpoints_hold(fold):
    prepared = prepared_on(fold)
    assert prepared.model.dropout_1.generator is prepared.generator


@pytest.mark.parametrize(
    ("task", "asked", "expected"),
    [("binary", "auto", "bce"), ("regression", "auto", "mse"), ("counts", "negative_binomial", "negative_binomial")],
)
def test_the_loss_follows_the_task(task, asked, expected, tmp_path):
    fold = made_fold(tmp_path, (64, 64, 8), task=task)
    prepared = prepared_on(fold, settings=training(loss=asked, max_epochs=1))
    assert prepared.record["loss"] == prepared.loss.name == expected
    assert len(fit_network(prepared).history) == 1


def test_classes_and_targets_are_weighed(tmp_path):
    fold = made_fold(tmp_path, (200, 64, 8), n_targets=2)
    with h5py.File(fold["train"]) as file:
        targets = file["targets"][:]
    settings = training(class_weights="balanced", target_weights={"factor1": 3})
    loss = prepared_on(fold, settings=settings).loss
    expected = [(targets[:, t] == 0).sum() / (targets[:, t] == 1).sum() for t in (0, 1)]
    assert expected[1] > 1.2
    np.testing.assert_allclose(loss.positive_weight, expected, rtol=1e-6)
    assert loss.target_weights.tolist() == [1, 3]
    plain = prepared_on(fold).loss
    assert plain.positive_weight is plain.target_weights is None


def test_weights_of_targets_stand_in_their_order():
    assert target_weights_of({}, ["a", "b"]) is None
    assert target_weights_of({"b": 2, "not of this dataset": 5}, ["a", "b"]).tolist() == [1, 2]


def test_class_weights_are_left_out_where_there_are_no_labels(tmp_path):
    fold = made_fold(tmp_path, (64, 64, 8), task="regression")
    assert prepared_on(fold, settings=training(class_weights="balanced")).loss.positive_weight is None


def test_tracks_are_standardised_by_the_training_split(fold_with_tracks):
    prepared = prepared_on(fold_with_tracks, BRANCHES)
    with h5py.File(fold_with_tracks["train"]) as file:
        tracks = file["tracks"][:]
    np.testing.assert_allclose(prepared.model.track_mean, np.nanmean(tracks, axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(prepared.model.track_sd, np.nanstd(tracks, axis=(0, 2)), rtol=1e-5)
    assert prepared.record["inputs"] == {"sequence": [4, LENGTH], "tracks": [2, 8]}
    assert prepared.record["track_names"] == ["track0", "track1"]


def test_tracks_are_not_read_for_a_network_of_sequences(fold_with_tracks):
    prepared = prepared_on(fold_with_tracks)
    assert prepared.record["inputs"] == {"sequence": [4, LENGTH]}
    assert prepared.splits[0].rows.tracks is None


def test_a_network_that_reads_tracks_needs_them(fold):
    with pytest.raises(InputError, match=f"does not fit sequences of {LENGTH} bp"):
        prepared_on(fold, BRANCHES)


def test_filters_begin_as_motifs(fold, tmp_path):
    (tmp_path / "m.meme").write_text(MOTIFS)
    network = copy.deepcopy(NETWORK)
    network["layers"][0] |= {"motifs": str(tmp_path / "m.meme")}
    with_motifs = prepared_on(fold, network, motifs={"conv1d_1": str(tmp_path / "m.meme")}).model.conv1d_1.weight
    start = (with_motifs[0].abs().sum(0) > 0.5).nonzero().min()
    assert with_motifs[0, :, start : start + 4].argmax(0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("n_rows", [16, 24])
def test_memory_is_estimated_as_what_a_forward_pass_makes(n_rows, fold):
    """Independent count: what every layer gives, by hooks."""
    made = []
    model = build_network(NETWORK, {"sequence": (4, LENGTH)}, 1)
    for module in model.children():
        module.register_forward_hook(lambda module, given, result: made.append(result.numel()))
    model(torch.zeros(n_rows, 4, LENGTH))
    n_parameters = count_parameters(model)
    expected = 4 * (2 * (sum(made) + n_rows * 4 * LENGTH) + 4 * n_parameters)
    assert memory_estimate(NETWORK, {"sequence": (4, LENGTH)}, 1, n_rows, n_parameters) == expected


# --- how much of the training split, and from where -------------------------------------------------------------------


def test_a_part_of_the_rows_is_trained_on_and_all_are_validated_on(fold):
    parts = [prepared_on(fold, percent=percent) for percent in (10, 50)]
    assert [len(part.splits[0]) for part in parts] == [20, 96]
    assert [len(part.splits[1]) for part in parts] == [96, 96]
    assert [part.record["percent"] for part in parts] == [10, 50]
    small, large = ({bytes(row) for row in part.splits[0].rows.codes.numpy()} for part in parts)
    assert small < large
    assert parts[0].splits[0].targets.sum() == 10


def test_the_classes_of_a_part_are_weighed_as_they_are_in_it(tmp_path):
    targets = np.arange(300) % 3 == 0
    fold = made_fold(tmp_path, (64, 64, 8))
    made_split(tmp_path / "train.h5", 300, targets=targets)
    prepared = prepared_on(fold, settings=training(class_weights="balanced"), percent=1)
    assert prepared.loss.positive_weight.tolist() == [2]  # one row labelled 1, two labelled 0


def test_what_memory_does_not_hold_is_streamed_with_as_many_rows_an_epoch(fold, monkeypatch, capsys):
    settings = training(max_epochs=6, patience=6)
    held = prepared_on(fold, settings=settings)
    assert "192 training rows of 40 bp, held in memory" in capsys.readouterr().out
    monkeypatch.setattr(cisflow.fitting, "SHARE_OF_MEMORY", 1e-9)
    streamed = prepared_on(fold, settings=settings, memory_mb=1)
    said = capsys.readouterr().out
    assert f"192 training rows of 40 bp, streamed from {fold['train']}" in said
    assert f"96 validation rows of 40 bp, streamed from {fold['val']}" in said
    assert [type(x.splits[0]) for x in (held, streamed)] == [ResidentSplit, StreamedSplit]
    counts = [[len(batch.codes) for batch in x.splits[0].batches(50, 1, 1)] for x in (held, streamed)]
    assert counts[0] == counts[1] == [50, 50, 50]
    histories = [fit_network(x).history for x in (held, streamed)]
    assert [len(history) for history in histories] == [6, 6]
    assert all(history[-1]["val_auroc"] > 0.8 for history in histories)


def test_both_splits_leave_room_for_the_network(fold, tmp_path, monkeypatch):
    """Each was given half of the memory, and of two splits of one size together nothing was left."""
    taken = []

    def counted(path, length, device, memory, *rest):
        taken.append(memory)
        return open_split(path, length, device, memory, *rest)

    monkeypatch.setattr(cisflow.fitting, "open_split", counted)
    monkeypatch.setattr(cisflow.fitting, "free_memory", lambda *_: 24_000)
    fold = made_fold(tmp_path, (200, 200, 8))  # 46 bytes of bases and 4 of the target: 10,000 bytes each
    kinds = [type(split) for split in prepared_on(fold).splits]
    assert taken == [12_000, 3000]
    assert kinds == [ResidentSplit, StreamedSplit]


def test_streamed_tracks_give_the_same_means(fold_with_tracks, monkeypatch):
    held = prepared_on(fold_with_tracks, BRANCHES).model
    monkeypatch.setattr(cisflow.fitting, "SHARE_OF_MEMORY", 1e-9)
    streamed = prepared_on(fold_with_tracks, BRANCHES, memory_mb=1)
    assert isinstance(streamed.splits[0], StreamedSplit)
    torch.testing.assert_close(streamed.model.track_mean, held.track_mean)
    torch.testing.assert_close(streamed.model.track_sd, held.track_sd)


def test_a_network_that_is_too_large_for_the_memory_is_told_beforehand(fold, capsys):
    network = {"layers": [{"type": "conv1d", "filters": 2000, "width": 12}, {"type": "global_max_pool"}]}
    prepared = prepared_on(fold, network, memory_mb=2)
    said = capsys.readouterr().out
    assert re.search(r"need about \d+ of 2 MB", said)
    assert "lower training.batch_size" in said
    assert prepared.warnings == []  # it may do all the same: nothing to doubt in the results


# --- a checkpoint belongs to one training -----------------------------------------------------------------------------


def test_the_identity_of_a_training_hangs_on_all_that_decides_its_weights(fold, tmp_path):
    other = made_fold(tmp_path / "other", (192, 96, 8), config_sha256="2")
    (tmp_path / "m.meme").write_text(MOTIFS)
    network = copy.deepcopy(NETWORK)
    network["layers"][0] |= {"motifs": str(tmp_path / "m.meme")}
    motifs = {"motifs": {"conv1d_1": str(tmp_path / "m.meme")}}
    wider = copy.deepcopy(NETWORK)
    wider["layers"][0]["filters"] = 8
    parent = parent_file(tmp_path / "model.pt", fold)
    transfer = {"parent_path": parent, "transfer": TRANSFER}

    def identity(*arguments, **options):
        return prepared_on(*arguments, **options).identity

    found = {
        "plain": identity(fold),
        "data": identity(other),
        "layers": identity(fold, wider),
        "settings": identity(fold, settings=training(learning_rate=0.02)),
        "seed": identity(fold, seed=2),
        "part": identity(fold, percent=50),
        "code": identity(fold, code="another version"),
        "motifs": identity(fold, network, **motifs),
        "parent": identity(fold, **transfer),
        "frozen": identity(fold, parent_path=parent, transfer={**TRANSFER, "freeze": ["all"]}),
    }
    (tmp_path / "m.meme").write_text(MOTIFS.replace("1 0 0 0", "0 0 0 1"))
    found["another motif in the file"] = identity(fold, network, **motifs)
    parent_file(tmp_path / "model.pt", fold, learning_rate=0.02)
    found["another parent in the file"] = identity(fold, **transfer)
    assert len(set(found.values())) == len(found), found
    assert found["plain"] == identity(fold, name="another name", memory_mb=500)


def test_a_checkpoint_of_another_architecture_is_refused_and_that_is_written(fold, tmp_path):
    wider = copy.deepcopy(NETWORK)
    wider["layers"][0]["filters"] = 8
    checkpoint = tmp_path / "checkpoint.pt"
    first = prepared_on(fold, wider)
    torch.save({"identity": first.identity, "state": {"model": first.model.state_dict()}}, checkpoint)
    fitted = fit_network(prepared_on(fold), checkpoint=checkpoint)
    outputs = [str(tmp_path / name) for name in ("model.pt", "history.tsv", "warnings.tsv")]
    write_fitted(fitted, fold["groups"], *outputs)
    [warning] = pd.read_csv(outputs[2], sep="\t").to_dict("records")
    assert warning["kind"] == "checkpoint_refused"
    assert "is of another training (other layers, settings, data, seed or code)" in warning["warning"]
    alone = fit_network(prepared_on(fold))
    assert all(torch.equal(a, b) for a, b in zip(fitted.model.parameters(), alone.model.parameters(), strict=True))


def test_a_failure_of_its_own_doing_is_not_gone_through_in_every_attempt(fold, tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint.pt"
    settings = training(learning_rate=1e30, optimizer="sgd")
    with pytest.raises(InputError, match="in epoch 1: training diverged") as first:
        fit_network(prepared_on(fold, settings=settings), checkpoint=checkpoint)
    assert json.loads((tmp_path / "checkpoint.failed.json").read_text())["message"][0] == first.value.what
    prepared = prepared_on(fold, settings=settings)
    with monkeypatch.context() as patch:
        patch.setattr(cisflow.fitting, "train", None)
        for attempt in (2, 3):
            with pytest.raises(InputError) as again:
                fit_network(prepared, checkpoint=checkpoint, attempt=attempt)
            assert str(again.value) == str(first.value)
        with pytest.raises(TypeError):  # a new run tries it again
            fit_network(prepared, checkpoint=checkpoint, attempt=1)
    fit_network(prepared_on(fold), checkpoint=checkpoint, attempt=2)  # as does one with other settings
    forget_checkpoint(checkpoint)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_that_was_torn_while_it_was_written_is_none(fold, tmp_path):
    (tmp_path / "checkpoint.failed.json").write_text('{"identity": "ab')
    fit_network(prepared_on(fold, settings=training(max_epochs=1)), checkpoint=tmp_path / "checkpoint.pt", attempt=2)


# --- from a parent ----------------------------------------------------------------------------------------------------


def test_a_child_takes_the_layers_and_the_means_of_tracks_of_its_parent(fold_with_tracks, tmp_path):
    parent = parent_file(tmp_path / "model.pt", fold_with_tracks, BRANCHES)
    other = made_fold(tmp_path / "other", (64, 64, 8), n_tracks=2)
    child = prepared_on(other, None, transfer={**TRANSFER, "freeze": ["sequence"]}, parent_path=parent)
    given, found = load_model(parent, "cpu")[0].state_dict(), child.model.state_dict()
    assert child.record["network"] == BRANCHES
    assert all(torch.equal(given[name], found[name]) for name in given if not name.startswith("output"))
    assert not any(p.requires_grad for p in child.model.sequence.parameters())
    assert child.record["parent"]["chromosomes"]["train"] == ["chr1"]
    assert child.record["transfer"]["freeze"] == ["sequence"]
    assert child.warnings == []


def test_tracks_of_other_names_in_the_places_of_the_parents_are_told(fold_with_tracks, tmp_path):
    """The numbers of another mark would be read as those of the first without a word."""
    parent = parent_file(tmp_path / "model.pt", fold_with_tracks, BRANCHES)
    other = made_fold(tmp_path / "other", (64, 64, 8), n_tracks=2, track_names=["track1", "track0"])
    child = prepared_on(other, None, transfer=TRANSFER, parent_path=parent)
    [(kind, text)] = child.warnings
    assert kind == "parent_other_tracks"
    assert "read the tracks track0, track1; here it reads track1, track0" in text


def test_a_parent_of_another_window_length_is_told_with_its_own(fold, tmp_path):
    """Its dense layer counts the positions."""
    network = {
        "layers": [{"type": "conv1d", "filters": 3, "width": 12}, {"type": "flatten"}, {"type": "dense", "units": 2}]
    }
    shorter = made_fold(tmp_path / "shorter", (64, 64, 8), window_length=LENGTH - 4, max_jitter=5)
    parent = parent_file(tmp_path / "model.pt", shorter, network)
    with pytest.raises(InputError) as error:
        prepared_on(fold, None, transfer=TRANSFER, parent_path=parent)
    assert error.value.what == f"the network of {parent} does not fit this one"
    assert "dense_1.weight (2, 87): the parent's is (2, 75)" in error.value.why
    assert "the parent reads sequences of 36 bp" in error.value.fix


def test_a_parent_that_is_no_network_is_told(fold, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"torn")
    with pytest.raises(InputError, match="is no network that this version wrote"):
        prepared_on(fold, None, transfer=TRANSFER, parent_path=str(tmp_path / "model.pt"))


@pytest.mark.parametrize("frozen", [[], ["batch_norm_1"], ["all"]])
def test_a_batch_norm_that_sees_one_value_is_told_unless_it_is_frozen(frozen, fold, tmp_path):
    network = {
        "layers": [
            {"type": "conv1d", "filters": 3, "width": 12},
            {"type": "global_max_pool"},
            {"type": "batch_norm"},
        ]
    }
    alone = training(batch_size=1, max_epochs=1)
    parent = parent_file(tmp_path / "model.pt", fold, network)
    start = {"transfer": {**TRANSFER, "freeze": frozen}, "parent_path": parent}
    if frozen:
        fit_network(prepared_on(fold, None, alone, **start))
        return
    with pytest.raises(InputError, match="batches of 1 row cannot train batch_norm_1"):
        prepared_on(fold, None, alone, **start)


@pytest.mark.parametrize(
    ("settings", "loss", "told", "untold"),
    [
        ({"class_weights": "balanced"}, "bce", "class_weights balanced", "momentum"),
        ({"class_weights": "balanced", "optimizer": "sgd"}, "mse", "momentum", "class_weights"),
        ({"optimizer": "rmsprop", "schedule": "plateau"}, "bce", "plateau_patience 5", "loss auto"),
        ({"optimizer": "rmsprop", "schedule": "cosine"}, "bce", "smoothing 0.99", "plateau"),
        ({}, "bce", "optimizer adam", "plateau"),
    ],
)
def test_only_settings_that_act_are_told(settings, loss, told, untold):
    acting = ", ".join(f"{key} {value}" for key, value in settings_that_act(training(**settings), loss).items())
    assert told in acting
    assert untold not in acting


@pytest.mark.parametrize("name", ["", "fly, seed 1"])
def test_a_warning_stands_once_in_the_log(name, fold, tmp_path, capsys):
    """It stood there twice, when it came up and when its table was written."""
    prepared = prepared_on(fold, settings=training(max_epochs=1), name=name)
    prepared.warn("memory", "in two\nhalves")
    outputs = [str(tmp_path / name) for name in ("model.pt", "history.tsv", "warnings.tsv")]
    write_fitted(fit_network(prepared), fold["groups"], *outputs)
    said = [line for line in capsys.readouterr().out.splitlines() if "halves" in line]
    assert said == [f"WARNING (memory) {name}{': ' if name else ''}in two halves"]
    assert (tmp_path / "warnings.tsv").read_text() == "kind\twarning\nmemory\tin two halves\n"


def test_a_parent_that_saw_the_test_split_is_written_beside_the_child(fold, tmp_path, capsys):
    (tmp_path / "groups.tsv").write_text("split\tgroup\ntrain\tchr3\nval\tchr2\ntest\tchr1\n")
    parent = parent_file(tmp_path / "model.pt", {**fold, "groups": str(tmp_path / "groups.tsv")})
    child = prepared_on(fold, None, training(max_epochs=1), transfer=TRANSFER, parent_path=parent)
    outputs = [str(tmp_path / name) for name in ("child.pt", "history.tsv", "warnings.tsv")]
    write_fitted(fit_network(child), fold["groups"], *outputs)
    [warning] = pd.read_csv(outputs[2], sep="\t").to_dict("records")
    assert warning["kind"] == "parent_saw_test"
    assert "trained on chr3" in warning["warning"]
    assert capsys.readouterr().out.count("WARNING (parent_saw_test)") == 1


def test_an_older_file_without_its_length_is_a_parent_all_the_same(fold, tmp_path):
    record = {"network": NETWORK, "inputs": {"sequence": [4, LENGTH]}, "target_names": ["x"], "loss": "bce"}
    save_model(tmp_path / "model.pt", build_network(NETWORK, record["inputs"], 1), record)
    child = prepared_on(fold, None, transfer=TRANSFER, parent_path=str(tmp_path / "model.pt"))
    assert child.record["parent"] == {}
