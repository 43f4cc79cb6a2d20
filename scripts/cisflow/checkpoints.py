"""What a running training leaves behind, so that one that was killed goes on where it stood.

A checkpoint lies beside the outputs of its job and is none of them: Snakemake deletes outputs of a failed job. It is
written to a temporary name and renamed, so that a kill at any moment leaves the old one or the new one whole, and it
says which training it belongs to.
"""

import hashlib
import json
import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from cisflow.messages import InputError


def stored_bytes(dataset):
    """The bytes of a dataset as they lie in the file, compressed if they are, some rows at a time."""
    if dataset.chunks is None:
        yield np.ascontiguousarray(dataset[:]).tobytes()
        return
    for row in range(0, len(dataset), dataset.chunks[0]):
        yield dataset.id.read_direct_chunk((row, *(0 for _ in dataset.shape[1:])))[1]


def split_identity(path):
    """Digest of the rows of a split, of all that is known of them, and of what the file says of itself."""
    digest = hashlib.sha256()
    with h5py.File(path, "r") as file:
        for name in sorted(file):
            for part in stored_bytes(file[name]):
                digest.update(part)
        for key in sorted(file.attrs):
            digest.update(f"{key}={np.asarray(file.attrs[key]).tolist()}\n".encode())
    return digest.hexdigest()


def identity_of(**parts):
    """Digest of what a training depends on; a checkpoint of another digest is not used."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def write_checkpoint(path, identity, state):
    """Write a checkpoint whole or not at all.

    Parameters
    ----------
    path : str or Path
    identity : str
        See `identity_of`.
    state : dict
        Tensors and plain values.
    """
    path = Path(path)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save({"identity": identity, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path, identity):
    """The state that an earlier, interrupted run of this very training left.

    Parameters
    ----------
    path : str or Path
    identity : str

    Returns
    -------
    state : dict or None
        None: training starts anew.
    refusal : str
        Why a checkpoint that is there is not used; empty if all is well.
    """
    path = Path(path)
    if not path.exists():
        return None, ""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        state, belongs_to = found["state"], found["identity"]
    except Exception as error:
        return None, f"the checkpoint {path} is damaged ({type(error).__name__}); training starts anew"
    if belongs_to != identity:
        return None, (
            f"the checkpoint {path} is of another training (other layers, settings, data, seed or code);"
            " training starts anew"
        )
    return state, ""


def remove_checkpoint(path):
    """Remove a checkpoint and what a kill in the middle of writing one may have left."""
    path = Path(path)
    path.unlink(missing_ok=True)
    for left in path.parent.glob(f"{path.stem}.*.tmp"):
        left.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------------------------
# A job that is tried again


def remember_failure(path, identity, error):
    """Note that a training failed by its own doing: to try it again would give the same, later."""
    Path(path).write_text(json.dumps({"identity": identity, "message": [error.what, error.why, error.fix]}))


def raise_known_failure(path, identity, attempt):
    """Fail at once where an earlier attempt of the same run failed by its own doing; forget failures of earlier runs.

    Raises
    ------
    InputError
        The one of the earlier attempt.
    """
    path = Path(path)
    if not path.exists():
        return
    try:
        known = json.loads(path.read_text())
    except ValueError:  # torn by a kill
        known = {"identity": None}
    if attempt > 1 and known["identity"] == identity:
        raise InputError(*known["message"])
    path.unlink()


class Interrupted(InputError):
    """A training that was asked to stop, and left a checkpoint."""


@contextmanager
def stop_signals():
    """Catch SIGTERM and SIGINT, so that a training can end after its current step.

    Yields
    ------
    callable
        Gives the name of the signal that has come, or an empty text.
    """
    came = []
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield lambda: ""
        return
    wanted = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in wanted}
    try:
        for number in wanted:
            signal.signal(number, lambda caught, _frame: came.append(signal.Signals(caught).name))
        yield lambda: came[0] if came else ""
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
