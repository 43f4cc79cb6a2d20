"""Predictions of a trained network."""

import numpy as np
import torch

from cisflow.losses import predicted_values
from cisflow.messages import InputError
from cisflow.sequences import central, reverse_complement
from cisflow.split_file import ROWS_AT_ONCE, read_blocks

INPUTS = {"sequence": "one_hot", "tracks": "tracks"}  # what a network reads -> dataset of a split


def inputs_of_split(record, split):
    """What a network reads of some rows, as tensors on the CPU.

    Parameters
    ----------
    record : dict
        Of the network: `inputs`, sizes of what it reads, `sequence` (4, length) and `tracks` (tracks, bins).
    split : dict
        See `predict`.

    Returns
    -------
    dict of str -> torch.Tensor
        The window in the middle of each sequence, and the tracks; only what the network reads.

    Raises
    ------
    InputError
        If the split does not hold it in this size.
    """
    wanted = {name: tuple(size) for name, size in record["inputs"].items()}
    found = {name: torch.as_tensor(split[INPUTS[name]]) for name in wanted if INPUTS[name] in split}
    if "sequence" in found and found["sequence"].shape[2] >= wanted["sequence"][1]:
        found["sequence"] = central(found["sequence"], wanted["sequence"][1])
    for name, size in wanted.items():
        held = tuple(found[name].shape[1:]) if name in found else None
        if held != size:
            raise InputError(
                "the network cannot read this split",
                f"it was built for {name} of size {size}; the split holds {held or 'none'}",
                "predict on data made with the window length and tracks that the network was trained on",
            )
    return found


@torch.no_grad()
def predict(model, record, split, device, batch_size=1024):
    """Predict every target of every row.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode, on the device; maps `sequence` (N, 4, length) and `tracks` (N, C, B) to logits (N, T). What
        it does not read is None.
    record : dict
        What was written beside its weights: `inputs`, `loss`, and whether `training` had a `reverse_complement`: then
        predictions are means over both strands (the reverse complement, bins of the tracks from the other end).
    split : dict
        Rows of a split as `cisflow.split_file` reads them: `one_hot` (N, 4, stored length), of which the window in the
        middle is read, and `tracks` (N, C, B).
    device : torch.device
    batch_size : int

    Returns
    -------
    numpy.ndarray of float32, shape (N, T)
        On the scale of the targets in the split: probabilities, values or expected counts.
    """
    inputs, parts = inputs_of_split(record, split), []
    both_strands = record.get("training", {}).get("reverse_complement", True)  # of older networks nothing is said

    def predicted(sequence, tracks):
        return predicted_values(model(sequence, tracks), record["loss"])

    for begin in range(0, len(next(iter(inputs.values()))), batch_size):
        batch = {name: whole[begin : begin + batch_size].to(device).float() for name, whole in inputs.items()}
        sequence, tracks = batch.get("sequence"), batch.get("tracks")
        values = predicted(sequence, tracks)
        if both_strands:
            sequence = None if sequence is None else reverse_complement(sequence)
            tracks = None if tracks is None else tracks.flip(2)
            values = (values + predicted(sequence, tracks)) / 2
        parts.append(values.cpu().numpy())
    return np.concatenate(parts)


def predict_file(model, record, path, device, batch_size=1024):
    """As `predict`, of a split's HDF5 file, some thousand rows at a time: memory does not grow with the split."""
    names = [INPUTS[name] for name in record["inputs"]]
    blocks = read_blocks(path, names, ROWS_AT_ONCE)
    return np.concatenate([predict(model, record, block, device, batch_size) for block in blocks])
