"""Features are what a forward pass by hand gives up to a layer, whatever the batch and however they are kept."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from cisflow import frozen_features
from cisflow.checksums import sha256_of
from cisflow.feature_file import read_features, write_features
from cisflow.frozen_features import feature_blocks, frozen_network, pooled
from cisflow.messages import InputError
from cisflow.model import build_network, save_model
from cisflow.split_file import read_split, write_split

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
LENGTH, JITTER, TRACKS = 24, 3, (2, 6)
CONVOLUTIONS = [
    {"type": "conv1d", "filters": 5, "width": 7, "padding": "same"},
    {"type": "activation", "function": "relu"},
    {"type": "max_pool", "width": 4},
]
NETWORK = {
    "layers": [
        *CONVOLUTIONS,
        {"type": "dropout", "rate": 0.5},
        {"type": "flatten"},
        {"type": "dense", "units": 6},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
        {"type": "dropout", "rate": 0.5},
    ]
}
BRANCHED = {
    "branches": {
        "sequence": [{"type": "conv1d", "filters": 3, "width": 5}, {"type": "global_max_pool"}],
        "tracks": [{"type": "conv1d", "filters": 2, "width": 2}, {"type": "flatten"}],
    },
    "layers": [],
}


def a_split(path, rows=70, split="train", tracks=None, seed=0):
    """A split of random sequences, some bases unknown, with two targets."""
    rng = np.random.default_rng(seed)
    width = LENGTH + 2 * JITTER
    bases = np.frombuffer(b"ACGTN", dtype=np.uint8)[rng.choice(5, size=(rows, width), p=[0.24, 0.24, 0.24, 0.24, 0.04])]
    start = rng.integers(0, 10_000, size=rows)
    loci = pd.DataFrame(
        {
            "chrom": rng.choice(["chr1", "chr2"], size=rows),
            "start": start,
            "end": start + width,
            "name": [f"{split}_{row}" for row in range(rows)],
            "strand": ".",
        }
    )
    targets = rng.choice([0, 1, np.nan], size=(rows, 2), p=[0.45, 0.45, 0.1])
    signals = rng.normal(size=(rows, *TRACKS)).astype(np.float32)
    attributes = {
        "target_names": ["a", "b"],
        "track_names": ["t", "u"] if tracks else [],
        "task": "binary",
        "split": split,
        "window_length": LENGTH,
        "max_jitter": JITTER,
        "genome": "dm6",
        "genome_sha256": "0" * 64,
        "config_sha256": "1" * 64,
    }
    shape, tracks_of_rows = (TRACKS, lambda rows: signals[rows]) if tracks else (None, None)
    write_split(path, loci, targets, width, lambda rows: bases[rows], attributes, shape, tracks_of_rows)
    return str(path)


def a_model(path, network=NETWORK, seed=0, inputs=None):
    """A model with running statistics off their start, written to a file."""
    torch.manual_seed(seed)
    inputs = inputs or {"sequence": (4, LENGTH)}
    model = build_network(network, inputs, 2)
    given = [torch.rand(16, *inputs[name]) if name in inputs else None for name in ("sequence", "tracks")]
    model(*given)
    record = {
        "network": network,
        "inputs": inputs,
        "target_names": ["a", "b"],
        "loss": "bce",
        "chromosomes": {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]},
        "genome": "dm6",
        "genome_sha256": "0" * 64,
    }
    save_model(path, model.eval(), record)
    return model


def features_of(path, split, layer=None, device="cpu", **settings):
    network = frozen_network({"layer": layer}, str(path), LENGTH, torch.device(device))
    return np.concatenate(list(feature_blocks(network, split, torch.device(device), **settings)))


def windows(split):
    """The central windows of a split, float32."""
    return torch.from_numpy(read_split(split)["one_hot"][:, :, JITTER : JITTER + LENGTH]).float()


def other_strand(x):
    return x[:, [3, 2, 1, 0]].flip(2)


def convolved_by_hand(weights, x):
    """The first three layers from torch's own functions: (N, 5, 6)."""
    padded = functional.pad(x, (3, 3))
    return functional.max_pool1d(
        functional.conv1d(padded, weights["conv1d_1.weight"], weights["conv1d_1.bias"]).clamp(min=0), 4
    )


def last_by_hand(weights, x):
    """The features that the output layer is given: (N, 6)."""
    x = functional.linear(convolved_by_hand(weights, x).flatten(1), weights["dense_1.weight"], weights["dense_1.bias"])
    mean, variance = weights["batch_norm_1.running_mean"], weights["batch_norm_1.running_var"]
    x = (x - mean) / torch.sqrt(variance + 1e-5) * weights["batch_norm_1.weight"] + weights["batch_norm_1.bias"]
    return x.clamp(min=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    model = a_model(folder / "model.pt")
    return folder / "model.pt", model.state_dict(), a_split(folder / "train.h5")


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("strands", ["forward", "both"])
@pytest.mark.parametrize("pooling", ["mean", "max", "flatten"])
def test_a_layer_with_positions_is_the_forward_pass_by_hand(saved, pooling, strands, device):
    path, weights, split = saved
    found = features_of(path, split, "max_pool_1", device, pooling=pooling, strands=strands)
    x = windows(split)
    reduced = {"mean": lambda y: y.mean(2), "max": lambda y: y.amax(2), "flatten": lambda y: y.flatten(1)}[pooling]
    expected = reduced(convolved_by_hand(weights, x))
    if strands == "both":
        expected = (expected + reduced(convolved_by_hand(weights, other_strand(x)))) / 2
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("layer", [None, "dropout_2", "activation_2"])
def test_the_last_layer_is_what_the_output_layer_is_given(saved, layer):
    path, weights, split = saved
    x = windows(split)
    expected = (last_by_hand(weights, x) + last_by_hand(weights, other_strand(x))) / 2
    np.testing.assert_allclose(features_of(path, split, layer), expected.numpy(), atol=1e-5)


def test_both_strands_of_a_sequence_have_the_same_features(saved):
    path, _, split = saved
    network = frozen_network({}, str(path), LENGTH, torch.device("cpu"))
    x = windows(split)
    one, other = (
        frozen_features.features_of_batch(network, strand, None, "mean", "both") for strand in (x, other_strand(x))
    )
    torch.testing.assert_close(one, other)


def test_features_do_not_depend_on_the_batch_or_on_blocks(saved, monkeypatch):
    path, _, split = saved
    whole = features_of(path, split, batch_size=1000)
    np.testing.assert_allclose(features_of(path, split, batch_size=7), whole, atol=1e-6)
    monkeypatch.setattr(frozen_features, "ROWS_AT_ONCE", 9)
    network = frozen_network({}, str(path), LENGTH, torch.device("cpu"))
    blocks = list(feature_blocks(network, split, torch.device("cpu")))
    assert [len(block) for block in blocks] == [9] * 7 + [7]
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


def test_nothing_is_drawn_at_random(saved):
    """Dropout and batch norm are as in prediction."""
    path, _, split = saved
    np.testing.assert_array_equal(features_of(path, split), features_of(path, split))


def test_an_averaged_network_gives_the_features_of_its_single_twin(tmp_path):
    """It runs both strands in one pass; features of one strand must not take those of the other for rows."""
    a_model(tmp_path / "single.pt", NETWORK, seed=3)
    split = a_split(tmp_path / "x.h5")
    twin, record = frozen_features.load_model(tmp_path / "single.pt", "cpu")
    averaged = build_network({**NETWORK, "strands": "averaged"}, {"sequence": (4, LENGTH)}, 2).eval()
    averaged.load_state_dict(twin.state_dict())
    save_model(tmp_path / "averaged.pt", averaged, {**record, "network": {**NETWORK, "strands": "averaged"}})
    for layer in (None, "max_pool_1"):
        for strands in ("forward", "both"):
            single, both = (
                features_of(tmp_path / f"{name}.pt", split, layer, strands=strands) for name in ("single", "averaged")
            )
            np.testing.assert_allclose(both, single, atol=1e-6)


def test_branches_are_read_at_their_layers_and_where_they_meet(tmp_path):
    inputs = {"sequence": (4, LENGTH), "tracks": TRACKS}
    model = a_model(tmp_path / "model.pt", BRANCHED, inputs=inputs)
    split = a_split(tmp_path / "x.h5", tracks=True)
    weights, x = model.state_dict(), windows(split)
    tracks = torch.from_numpy(read_split(split)["tracks"])
    assert model.track_sd.tolist() == [1, 1]

    def by_hand(x, tracks):
        found = functional.conv1d(x, weights["sequence.conv1d_1.weight"], weights["sequence.conv1d_1.bias"]).amax(2)
        other = functional.conv1d(tracks, weights["tracks.conv1d_1.weight"], weights["tracks.conv1d_1.bias"])
        return found, torch.cat([found, other.flatten(1)], dim=1)

    both = [(a + b) / 2 for a, b in zip(by_hand(x, tracks), by_hand(other_strand(x), tracks.flip(2)), strict=True)]
    path = tmp_path / "model.pt"
    np.testing.assert_allclose(features_of(path, split, "sequence.global_max_pool_1"), both[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(features_of(path, split), both[1].numpy(), atol=1e-5)
    a_split(tmp_path / "without.h5")
    with pytest.raises(InputError, match="tracks"):
        features_of(path, tmp_path / "without.h5")


def test_a_longer_window_is_read_in_its_middle(tmp_path):
    """A parent of other data may have been made for shorter windows."""
    layers = [{"type": "flatten"}]
    a_model(tmp_path / "model.pt", {"layers": layers}, inputs={"sequence": (4, 10)})
    split = a_split(tmp_path / "x.h5")
    found = features_of(tmp_path / "model.pt", split, "flatten_1", strands="forward")
    np.testing.assert_array_equal(found, windows(split)[:, :, 7:17].flatten(1).numpy())
    a_model(tmp_path / "longer.pt", {"layers": layers}, inputs={"sequence": (4, LENGTH + 2 * JITTER + 1)})
    with pytest.raises(InputError, match="cannot read this split"):
        features_of(tmp_path / "longer.pt", split)


def test_pooling_of_pictures_and_of_flat_features():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert pooled(x, "mean").tolist() == [[5.5, 17.5]]
    assert pooled(x, "max").tolist() == [[11, 23]]
    assert pooled(x, "flatten").tolist() == [list(range(24))]
    for pooling in ("mean", "max", "flatten"):
        assert pooled(torch.tensor([[3.0, 4.0]]).half(), pooling).dtype == torch.float32


def test_a_layer_that_is_not_there_is_told_with_those_that_are(saved):
    with pytest.raises(InputError, match="no layer 'dense_2'") as error:
        features_of(saved[0], saved[2], "dense_2")
    assert "conv1d_1, activation_1, max_pool_1, dropout_1, flatten_1, dense_1" in error.value.why


def test_weights_that_are_not_numbers_are_told_with_the_row(tmp_path):
    torch.manual_seed(0)
    a_model(tmp_path / "model.pt")
    stored = torch.load(tmp_path / "model.pt", weights_only=True)
    stored["weights"]["conv1d_1.bias"][:] = torch.nan
    torch.save(stored, tmp_path / "model.pt")
    with pytest.raises(InputError, match="row 0: the features are not finite"):
        features_of(tmp_path / "model.pt", a_split(tmp_path / "x.h5"))


def test_a_file_that_is_no_model_is_told(tmp_path):
    torch.save({"weights": {}}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt"):
        frozen_network({}, str(tmp_path / "model.pt"), LENGTH, "cpu")


# --- what is kept -----------------------------------------------------------------------------------------------------

PROVENANCE = {"parent": "model.pt", "parent_sha256": "2" * 64, "layer": "dense_1", "parent_record": {"seed": 1}}


@pytest.fixture
def written(tmp_path):
    """A file of features, made of random numbers, and what was written."""
    rng = np.random.default_rng(1)
    paths = {
        split: a_split(tmp_path / f"{split}.h5", 40, split, seed=row)
        for row, split in enumerate(("train", "val", "test"))
    }
    features = {split: rng.normal(size=(40, 9)).astype(np.float32) for split in paths}
    files = {split: h5py.File(path) for split, path in paths.items()}
    blocks = {split: iter([values[:33], values[33:]]) for split, values in features.items()}
    digest = write_features(tmp_path / "features.h5", blocks, files, PROVENANCE)
    return tmp_path / "features.h5", paths, features, digest


def test_reading_gives_what_was_written(written):
    path, paths, features, digest = written
    splits, provenance = read_features(path, "2" * 64)
    assert list(splits) == ["train", "val", "test"]
    for split, found in splits.items():
        source = read_split(paths[split])
        np.testing.assert_array_equal(found["features"], features[split])
        assert found["features"].dtype == np.float32
        for name in ("targets", "chrom", "start", "end", "name", "strand"):
            np.testing.assert_array_equal(found[name], source[name])
        assert found["attributes"] == source["attributes"]
    made_with = dict.fromkeys(paths, "1" * 64)
    assert provenance == {**PROVENANCE, "config_sha256": made_with, "digest": digest}


def test_features_of_another_network_are_refused(written):
    with pytest.raises(InputError, match="features of another network"):
        read_features(written[0], "3" * 64)


def test_the_digest_tells_networks_layers_and_data_apart(written, tmp_path):
    _, paths, features, digest = written

    def digest_of(files=paths, **changes):
        blocks = {split: [values] for split, values in features.items()}
        opened = {split: h5py.File(path) for split, path in files.items()}
        return write_features(tmp_path / "other.h5", blocks, opened, {**PROVENANCE, **changes})

    assert digest_of() == digest
    with h5py.File(paths["val"], "a") as file:
        file.attrs["config_sha256"] = "9" * 64
    others = {digest_of(), digest_of(layer="conv1d_1"), digest_of(parent_sha256="4" * 64)}
    assert len(others) == 3
    assert digest not in others


def test_a_changed_file_is_refused(written):
    path = written[0]
    with h5py.File(path, "a") as file:
        file.attrs["layer"] = '"conv1d_1"'
    with pytest.raises(InputError, match="does not hold what it says"):
        read_features(path)


def test_flipped_bytes_are_an_error(written):
    path, content = written[0], bytearray(written[0].read_bytes())
    with h5py.File(path) as file:
        offset = file["train/features"].id.get_chunk_info(0).byte_offset
    content[offset + 40] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(OSError, match="read"):
        read_features(path)


def test_a_lack_of_rows_is_noticed(written, tmp_path):
    _, paths, features, _ = written
    files = {split: h5py.File(path) for split, path in paths.items()}
    with pytest.raises(RuntimeError, match="39 rows of features for 40 rows"):
        write_features(
            tmp_path / "x.h5", {split: [values[:39]] for split, values in features.items()}, files, PROVENANCE
        )


def test_the_provenance_of_a_model_names_its_file_and_what_it_has_seen(saved):
    path = saved[0]
    found = frozen_network({"layer": "dense_1"}, str(path), LENGTH, torch.device("cpu")).provenance
    assert found["parent_sha256"] == sha256_of(path)
    assert found["layer"] == "dense_1"
    assert found["parent_record"]["chromosomes"] == {"train": ["chr1"], "val": ["chr2"], "test": ["chr3"]}
