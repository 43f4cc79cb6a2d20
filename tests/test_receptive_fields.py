import contextlib

import numpy as np
import pytest
import torch
import yaml

from cisflow.filter_scans import activations_within
from cisflow.messages import InputError
from cisflow.model import build_network
from cisflow.receptive_fields import receptive_field


def conv(filters=3, width=5, **settings):
    return {"type": "conv1d", "filters": filters, "width": width, **settings}


RELU, POOL3, FLAT = {"type": "activation", "function": "elu"}, {"type": "max_pool", "width": 3}, {"type": "flatten"}
RESIDUAL = {"type": "residual", "layers": [conv(width=3, padding="same", dilation=2), RELU, conv(width=1)]}
# layers up to a second or third convolution, by name
NETWORKS = {
    "valid": ([conv(width=7), RELU, POOL3, conv(width=4)], "conv1d_2"),
    "same": ([conv(width=7, padding="same"), RELU, POOL3, conv(width=4, padding="same")], "conv1d_2"),
    "even": ([conv(width=8, padding="same"), POOL3, conv(width=6, padding="same"), conv(width=2)], "conv1d_3"),
    "strided": ([conv(width=6, stride=4, padding="same"), conv(width=3, stride=2, padding="same")], "conv1d_2"),
    "dilated": ([conv(dilation=3, padding="same"), conv(dilation=2, padding="same")], "conv1d_2"),
    "overlapping pools": ([conv(), {"type": "max_pool", "width": 4, "stride": 2}, conv(width=3)], "conv1d_2"),
    "average pools": ([conv(), {"type": "avg_pool", "width": 5}, conv(width=3, padding="same")], "conv1d_2"),
    "behind a residual": ([conv(padding="same"), RESIDUAL, POOL3, conv(width=3)], "conv1d_2"),
    "within a residual": ([conv(padding="same"), POOL3, RESIDUAL], "residual_1.layers.conv1d_2"),
}


def seen(activations_of, length, n_filters):
    """By position of a layer: the bases that change it, found by changing each base in turn."""
    rng = np.random.default_rng(0)
    changed = None
    for _ in range(6):  # a base may be hidden behind a larger value of a pool
        x = torch.from_numpy(rng.normal(size=(1, 4, length)))
        with torch.no_grad():
            plain = activations_of(x)[0, :n_filters]
            turned = x.repeat(length, 1, 1)
            turned[range(length), :, range(length)] += torch.from_numpy(rng.normal(size=(length, 4)) * 20)
            differs = ((activations_of(turned)[:, :n_filters] - plain).abs() > 1e-9).any(dim=1).numpy()
        changed = differs if changed is None else changed | differs
    return changed.T


@pytest.mark.parametrize("strands", ["single", "shared"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_field_is_what_changes_a_unit(name, strands):
    layers, layer = NETWORKS[name]
    if strands == "shared":
        if name in ("even", "strided"):
            pytest.skip("strands cannot share filters of even width with same padding")
        # Odd widths, and lengths that leave an even remainder.
        layers = [
            {**spec, "width": 3} if spec.get("width") == 4 and spec["type"] == "conv1d" else spec for spec in layers
        ]
    network = {"layers": [*layers, {"type": "global_avg_pool"}], "strands": strands}
    for length in range(60, 90):
        with contextlib.suppress(InputError):  # where windows leave positions over that strands cannot share
            torch.manual_seed(0)
            model = build_network(network, {"sequence": (4, length)}, 1).double().eval()
            break
    field = receptive_field(network, length, layer)
    changes = seen(activations_within(model, layer), length, model.get_submodule(layer).weight.shape[0])
    assert field.first < field.last <= len(changes)
    for position, bases in enumerate(changes):
        start = field.start + position * field.step
        inside = np.flatnonzero(bases)
        assert start <= inside[0]
        assert inside[-1] < start + field.width
        if field.first <= position < field.last:
            assert (inside[0], inside[-1] + 1) == (start, start + field.width)
    # A unit that sees no padding does not change when bases take its place, in any of forty sequences.
    margin = field.step * (length // field.step + 1)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 4, length + 2 * margin)))
    with torch.no_grad():
        whole = activations_within(model, layer)(x)[:, :3, margin // field.step :]
        own = activations_within(model, layer)(x[:, :, margin : margin + length])[:, :3]
    same = ((whole[:, :, : own.shape[2]] - own).abs() < 1e-9).all(dim=(0, 1)).numpy()
    assert same.tolist() == [field.first <= position < field.last for position in range(own.shape[2])]


def test_fields_agree_with_the_published_networks(repository):
    # Basset's second and third convolution, by hand: 19 + 2 + 10 x 3, + 3 x 3 ... see the widths in models.yaml.
    entry = yaml.safe_load((repository / "config" / "models.yaml").read_text())["basset"]
    field = receptive_field(entry, 600, "conv1d_2")
    assert (field.start, field.step, field.width) == (0, 3, 19 + 2 + 10 * 3)
    field = receptive_field(entry, 600, "conv1d_3")
    assert (field.start, field.step, field.width) == (0, 12, 51 + 3 * 3 + 6 * 12)


def test_branches_are_followed_along_the_sequence():
    inner = [conv(width=7), POOL3, conv(width=3), FLAT]
    network = {"branches": {"sequence": inner, "tracks": [FLAT]}, "layers": []}
    field = receptive_field(network, 50, "sequence.conv1d_2")
    assert (field.start, field.step, field.width) == (0, 3, 7 + 2 + 2 * 3)
    with pytest.raises(ValueError, match="does not read the sequence"):
        receptive_field(network, 50, "tracks.conv1d_1")


def test_a_layer_that_sees_everything_has_no_field():
    layers = [conv(), {"type": "lstm", "units": 4}, conv(), {"type": "global_avg_pool"}]
    with pytest.raises(ValueError, match="all positions at once"):
        receptive_field({"layers": layers}, 50, "conv1d_2")
    layers = [conv(width=41, padding="same"), conv(width=21, padding="same"), {"type": "global_avg_pool"}]
    with pytest.raises(ValueError, match="none lies within 50"):
        receptive_field({"layers": layers}, 50, "conv1d_2")
