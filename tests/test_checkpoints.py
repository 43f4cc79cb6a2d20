"""Checkpoints whole or not at all, of this training or refused, and failures that are not gone through twice."""

import os
import signal
import threading

import h5py
import numpy as np
import pytest
import torch

from cisflow.checkpoints import (
    identity_of,
    raise_known_failure,
    read_checkpoint,
    remember_failure,
    remove_checkpoint,
    split_identity,
    stop_signals,
    write_checkpoint,
)
from cisflow.messages import InputError


def write_rows(path, **changes):
    values = {"targets": np.zeros((3, 1), np.float32), "chrom": np.array([b"a"] * 3), "start": np.arange(3)}
    values |= {name: value for name, value in changes.items() if name != "genome"}
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[name] = value
        file.attrs["genome"] = changes.get("genome", "made")
        file.attrs["target_names"] = np.array(["x"], dtype=h5py.string_dtype())
    return split_identity(path)


def test_the_identity_of_a_split_hangs_on_rows_targets_and_attributes(tmp_path):
    path = tmp_path / "train.h5"
    first = write_rows(path)
    assert first == write_rows(path)
    others = [
        write_rows(path, targets=np.ones((3, 1), np.float32)),
        write_rows(path, start=np.array([0, 1, 3])),
        write_rows(path, chrom=np.array([b"a", b"b", b"a"])),
        write_rows(path, genome="other"),
    ]
    assert len({first, *others}) == 5


def test_the_identity_of_a_split_hangs_on_bases_and_tracks_in_every_chunk(tmp_path):
    """A table or a bigWig may change in its place: names, coordinates and targets stay, the sequences do not."""
    rng = np.random.default_rng(1)
    values = {"one_hot": rng.integers(0, 2, (700, 4, 9), dtype=np.int8), "tracks": rng.normal(size=(700, 2, 5))}

    def identity():
        with h5py.File(tmp_path / "train.h5", "w") as file:
            for name, value in values.items():
                file.create_dataset(name, data=value, chunks=(256, *value.shape[1:]), compression="gzip")
        return split_identity(tmp_path / "train.h5")

    found = [identity()]
    for name in values:
        for row in (0, 300, 699):
            values[name][row, 1, 1] += 1
            found.append(identity())
    assert len(set(found)) == 7
    assert identity() == found[-1]


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    path = tmp_path / "checkpoint.pt"
    state = {"weights": {"a": torch.arange(3.0)}, "epoch": 3, "history": [{"loss": 0.5}], "best": None}
    write_checkpoint(path, "this", state)
    found, refusal = read_checkpoint(path, "this")
    assert not refusal
    assert torch.equal(found["weights"]["a"], state["weights"]["a"])
    assert {key: found[key] for key in ("epoch", "history", "best")} == {
        key: state[key] for key in ("epoch", "history", "best")
    }


def test_without_a_checkpoint_there_is_nothing_to_refuse(tmp_path):
    assert read_checkpoint(tmp_path / "none.pt", "this") == (None, "")


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, "this", {"epoch": 1})
    with pytest.raises(AttributeError):
        write_checkpoint(path, "this", {"epoch": lambda: 2})  # cannot be written
    assert read_checkpoint(path, "this")[0] == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_is_removed_with_the_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, "this", {})
    (tmp_path / "checkpoint.4711.tmp").write_bytes(b"torn")
    (tmp_path / "model.pt").write_bytes(b"not mine")
    remove_checkpoint(path)
    remove_checkpoint(path)
    assert [left.name for left in tmp_path.iterdir()] == ["model.pt"]


def test_identities_differ_with_any_part():
    first = identity_of(training={"rate": 0.1, "epochs": 3}, seed=1)
    assert first == identity_of(seed=1, training={"epochs": 3, "rate": 0.1})
    assert first != identity_of(training={"rate": 0.1, "epochs": 3}, seed=2)


def test_a_failure_of_its_own_doing_is_told_again_at_once_but_not_in_another_run(tmp_path):
    path, error = tmp_path / "failed.json", InputError("what", "why", "fix")
    raise_known_failure(path, "this", 2)  # none is known
    remember_failure(path, "this", error)
    for attempt in (2, 3):
        with pytest.raises(InputError, match="WHAT what"):
            raise_known_failure(path, "this", attempt)
    raise_known_failure(path, "this", 1)  # a new run tries it
    assert not path.exists()
    remember_failure(path, "other", error)
    raise_known_failure(path, "this", 2)  # of another training


def test_signals_are_caught_while_it_runs_and_no_longer():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals() as name:
        assert not name()
        os.kill(os.getpid(), signal.SIGTERM)
        assert name() == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_goes_without_signals():
    found = []

    def run():
        with stop_signals() as name:
            found.append(name())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [""]
