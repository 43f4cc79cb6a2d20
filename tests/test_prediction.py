"""Predictions of networks that are simple enough to be worked out by hand."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from cisflow import prediction
from cisflow.messages import InputError
from cisflow.prediction import predict, predict_file
from cisflow.split_file import read_split, write_split

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
CPU = torch.device("cpu")
ROWS, STORED, LENGTH, TRACKS, BINS = 700, 26, 20, 3, 8
RECORDS = {
    "sequence": {"inputs": {"sequence": [4, LENGTH]}, "loss": "mse"},
    "tracks": {"inputs": {"tracks": [TRACKS, BINS]}, "loss": "mse"},
    "both": {"inputs": {"sequence": [4, LENGTH], "tracks": [TRACKS, BINS]}, "loss": "mse"},
}


class Linear(nn.Module):
    """Two weighted sums of everything that comes in: not the same on both strands."""

    def __init__(self, inputs):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weights = nn.ParameterDict(
            {name: torch.randn(2, *size, generator=generator) / 20 for name, size in inputs.items()}
        )

    def forward(self, sequence, tracks=None):
        given = {"sequence": sequence, "tracks": tracks}
        assert {name for name, tensor in given.items() if tensor is not None} == set(self.weights)
        return sum(torch.einsum("ncp,tcp->nt", given[name], weight) for name, weight in self.weights.items())


@pytest.fixture(scope="module")
def split_path(tmp_path_factory):
    """A split of random bases (some unknown) and tracks."""
    rng = np.random.default_rng(0)
    bases = rng.choice(np.frombuffer(b"ACGTN", dtype=np.uint8), size=(ROWS, STORED))
    signals = rng.normal(size=(ROWS, TRACKS, BINS)).astype(np.float32)
    loci = pd.DataFrame({"chrom": "chr1", "start": np.arange(ROWS), "name": "x", "strand": "."})
    attributes = {"target_names": ["a", "b"], "track_names": ["x", "y", "z"], "task": "regression"}
    path = tmp_path_factory.mktemp("split") / "test.h5"
    write_split(
        path, loci.assign(end=loci["start"] + STORED), np.zeros((ROWS, 2)), STORED, lambda rows: bases[rows],
        attributes, signals.shape[1:], lambda rows: signals[rows],
    )  # fmt: skip
    return path


def by_hand(split, model, reads, both_strands):
    """Weighted sums in numpy, in double precision."""
    sequence = split["one_hot"][:, :, 3 : 3 + LENGTH].astype(float)
    complement = np.stack([sequence[:, base, ::-1] for base in (3, 2, 1, 0)], axis=1)  # T G C A, from the other end
    strands = [{"sequence": sequence, "tracks": split["tracks"].astype(float)}]
    strands.append({"sequence": complement, "tracks": split["tracks"][:, :, ::-1].astype(float)})
    sums = [
        sum(np.einsum("ncp,tcp->nt", strand[name], model.weights[name].detach().cpu().numpy()) for name in reads)
        for strand in strands
    ]
    return sums if both_strands else sums[:1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("both_strands", [True, False])
@pytest.mark.parametrize(
    ("loss", "scale"),
    [
        ("mse", lambda x: x),
        ("bce", lambda x: 1 / (1 + np.exp(-x))),
        ("poisson", np.exp),
        ("negative_binomial", np.exp),
    ],
)
@pytest.mark.parametrize("reads", RECORDS)
def test_predictions_are_on_the_scale_of_the_targets_and_the_mean_of_both_strands(
    reads, loss, scale, both_strands, device, split_path
):
    record = {**RECORDS[reads], "loss": loss, "training": {"reverse_complement": both_strands}}
    split = read_split(split_path)
    model = Linear(record["inputs"]).to(device)
    found = predict(model, record, split, torch.device(device))
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape) == (np.float32, (ROWS, 2))
    # The mean of what is predicted, not the prediction from the mean of the logits.
    expected = np.mean([scale(logits) for logits in by_hand(split, model, record["inputs"], both_strands)], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reads", RECORDS)
def test_predictions_do_not_depend_on_strand_batches_or_blocks(reads, split_path, monkeypatch):
    record, split = RECORDS[reads], read_split(split_path)
    model = Linear(record["inputs"])
    expected = predict(model, record, split, CPU)
    other = {"one_hot": split["one_hot"][:, ::-1, ::-1].copy(), "tracks": split["tracks"][:, :, ::-1].copy()}
    np.testing.assert_allclose(predict(model, record, other, CPU), expected, atol=1e-5)
    for batch_size in (1, 7, ROWS):
        np.testing.assert_allclose(predict(model, record, split, CPU, batch_size), expected, atol=1e-5)
    for rows_at_once in (64, 256, 10**6):
        monkeypatch.setattr(prediction, "ROWS_AT_ONCE", rows_at_once)
        np.testing.assert_allclose(predict_file(model, record, split_path, CPU), expected, atol=1e-5)


def test_a_file_is_read_block_by_block_and_only_what_the_network_reads(split_path, monkeypatch):
    read, sizes = h5py.Dataset.__getitem__, []

    def watched(dataset, rows):
        values = read(dataset, rows)
        sizes.append((dataset.name, len(values)))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    monkeypatch.setattr(prediction, "ROWS_AT_ONCE", 256)
    predict_file(Linear(RECORDS["sequence"]["inputs"]), RECORDS["sequence"], split_path, CPU)
    assert sizes == [("/one_hot", 256), ("/one_hot", 256), ("/one_hot", 188)]


def test_no_gradients_are_kept(split_path):
    seen = []

    class Watched(Linear):
        def forward(self, *given):
            seen.append(torch.is_grad_enabled())
            return super().forward(*given)

    predict(Watched(RECORDS["sequence"]["inputs"]), RECORDS["sequence"], read_split(split_path), CPU)
    assert seen
    assert not any(seen)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"sequence": [4, 30]}, r"sequence of size \(4, 30\); the split holds \(4, 26\)"),
        ({"tracks": [2, 8]}, r"tracks of size \(2, 8\); the split holds \(3, 8\)"),
        ({"sequence": [4, 20], "tracks": [3, 9]}, r"tracks of size \(3, 9\); the split holds \(3, 8\)"),
    ],
)
def test_a_split_of_another_size_is_refused(inputs, found, split_path):
    # A window longer than what is stored was cut to something else, without a word.
    with pytest.raises(InputError, match=found):
        predict(Linear(inputs), {"inputs": inputs, "loss": "bce"}, read_split(split_path), CPU)


def test_a_split_without_tracks_is_refused(split_path):
    split = read_split(split_path, ["one_hot"])
    with pytest.raises(InputError, match=r"tracks of size .*; the split holds none"):
        predict(Linear(RECORDS["both"]["inputs"]), RECORDS["both"], split, CPU)
