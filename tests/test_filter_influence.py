import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss, mean_squared_error
from torch import nn

from cisflow.filter_influence import KINDS, chosen_rows, filter_influence, influence_table, split_network
from cisflow.model import build_network
from cisflow.prediction import predict

CPU, LENGTH = torch.device("cpu"), 40


def conv(filters=5, width=7, **settings):
    return {"type": "conv1d", "filters": filters, "width": width, **settings}


RELU, NORM, FLAT = {"type": "activation", "function": "relu"}, {"type": "batch_norm"}, {"type": "flatten"}
ELU, MAX, DROPOUT = (
    {"type": "activation", "function": "elu"},
    {"type": "global_max_pool"},
    {"type": "dropout", "rate": 0.2},
)
POOL, AVG = {"type": "max_pool", "width": 4}, {"type": "avg_pool", "width": 3}
DENSE = {"type": "dense", "units": 6}
RESIDUAL = {"type": "residual", "layers": [conv(4, 3, padding="same"), RELU, conv(5, 3, padding="same")]}
# name: the network, and the layer whose filters are silenced
NETWORKS = {
    "global pool": ({"layers": [conv(), NORM, ELU, MAX, DROPOUT, DENSE, RELU]}, None),
    "output at once": ({"layers": [conv(), ELU, MAX]}, None),
    "flat": ({"layers": [conv(), RELU, AVG, DROPOUT, FLAT, DENSE]}, None),
    "second convolution": ({"layers": [conv(padding="same"), NORM, ELU, POOL, conv(4, 4, padding="same"), MAX]}, None),
    "strided": ({"layers": [conv(), ELU, conv(4, 6, stride=3, padding="same"), RELU, MAX, DENSE]}, None),
    "no activation": ({"layers": [conv(), conv(4, 3, dilation=2), RELU, FLAT]}, None),
    "norm behind a pool": ({"layers": [conv(), ELU, POOL, NORM, conv(4, 3), MAX]}, None),
    "recurrent": ({"layers": [conv(), RELU, POOL, {"type": "lstm", "units": 3}, FLAT]}, None),
    "shared": ({"layers": [conv(), NORM, ELU, conv(4, 3), RELU, MAX], "strands": "shared"}, None),
    "averaged": ({"layers": [conv(), ELU, POOL, conv(4, 3), RELU, MAX], "strands": "averaged"}, None),
    "deeper": ({"layers": [conv(), ELU, POOL, conv(4, 3), NORM, RELU, MAX, DENSE]}, "conv1d_2"),
    "before a residual": ({"layers": [conv(), ELU, RESIDUAL, MAX]}, None),
    "within a residual": ({"layers": [conv(), ELU, RESIDUAL, RELU, MAX]}, "residual_1.layers.conv1d_1"),
    "branches": (
        {"branches": {"sequence": [conv(), POOL, conv(4, 3), FLAT], "tracks": [conv(3, 2), FLAT]}, "layers": [DENSE]},
        None,
    ),
    "a branch of one layer": (
        {"branches": {"sequence": [conv(), RELU, MAX], "tracks": [FLAT]}, "layers": [DENSE, RELU]}, None,
    ),
}  # fmt: skip


def made(network, loss="bce", n_rows=300, seed=0):
    """A network with batch norms that have seen something, its record, and rows of a split with unknown targets."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    inputs = {"sequence": (4, LENGTH), **({"tracks": (2, 8)} if "branches" in network else {})}
    model = build_network(network, inputs, 2)
    codes = rng.choice(5, p=[0.24] * 4 + [0.04], size=(n_rows, LENGTH + 6))
    tracks = rng.normal(size=(n_rows, 2, 8)).astype(np.float32)
    split = {"one_hot": (codes[:, None] == np.arange(4)[:, None]).astype(np.int8), "tracks": tracks}
    model(torch.rand(64, 4, LENGTH), torch.from_numpy(tracks[:64]))
    targets = rng.integers(2, size=(n_rows, 2)) if loss == "bce" else rng.poisson(3, size=(n_rows, 2))
    split["targets"] = np.where(rng.random((n_rows, 2)) < 0.2, np.nan, targets).astype(np.float32)
    return model.eval(), {"network": network, "inputs": inputs, "loss": loss, "target_names": ["a", "b"]}, split


def by_hooks(model, record, split, layer, channels, value):
    """Predictions with channels of a layer set to a value, the whole network run anew each time."""

    def hook(module, given, output):
        output = output.clone()
        for channel in channels:
            output[:, channel] = value
        return output

    handle = model.get_submodule(layer).register_forward_hook(hook)
    found = predict(model, record, split, CPU)
    handle.remove()
    return found


def last_of(layer, model):
    """Name of the module that gives the activations: the convolution, or the last norm or activation behind it."""
    path, _, own = layer.rpartition(".")
    names = [name for name, _ in model.get_submodule(path).named_children()]
    at = names.index(own)
    while at + 1 < len(names) and names[at + 1].startswith(("batch_norm", "activation")):
        at += 1
    return f"{path}.{names[at]}" if path else names[at]


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_change_as_in_the_whole_network(name):
    network, layer = NETWORKS[name]
    model, record, split = made(network)
    found = filter_influence(model, record, split, CPU, layer)
    layer = layer or ("sequence.conv1d_1" if "branches" in network else "conv1d_1")
    end, seen = last_of(layer, model), []
    handle = model.get_submodule(end).register_forward_hook(lambda module, given, output: seen.append(output.detach()))
    plain = predict(model, record, split, CPU)
    handle.remove()
    n_filters, known = model.get_submodule(layer).weight.shape[0], ~np.isnan(split["targets"])
    # Both strands of a row are read, so that these are all that the network looked at.
    means = torch.cat([output[:, :n_filters].double() for output in seen]).mean(dim=(0, 2)).numpy()
    assert found["value"] == pytest.approx(means, rel=1e-4, abs=1e-6)
    is_changed = False
    for number in range(n_filters):
        channels = {number, 2 * n_filters - 1 - number} if name == "shared" else {number}
        for kind, value in enumerate((means[number], 0.0)):
            other = by_hooks(model, record, split, end, channels, float(value))
            is_changed |= np.abs(other - plain).max() > 1e-4
            assert found["prediction_change"][number, kind] == pytest.approx((other - plain).mean(axis=0), abs=1e-6)
            for target in range(2):
                own = known[:, target]
                expected = log_loss(split["targets"][own, target], other[own, target].astype(float))
                assert found["silenced_loss"][number, kind, target] == pytest.approx(expected, abs=1e-6)
    assert is_changed
    for target in range(2):
        own = known[:, target]
        expected = log_loss(split["targets"][own, target], plain[own, target].astype(float))
        assert found["loss"][target] == pytest.approx(expected, abs=1e-6)


def test_the_network_itself_is_left_as_it_was():
    model, record, split = made(NETWORKS["within a residual"][0])
    before, weights = predict(model, record, split, CPU), {k: v.clone() for k, v in model.state_dict().items()}
    filter_influence(model, record, split, CPU, "residual_1.layers.conv1d_1")
    assert np.array_equal(before, predict(model, record, split, CPU))
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())


def test_a_linear_layer_is_exchanged_where_there_is_one():
    quick = {"global pool", "output at once", "flat", "second convolution", "strided", "no activation", "averaged"}
    for name, (network, layer) in NETWORKS.items():
        model, _, _ = made(network)
        chosen = layer or ("sequence.conv1d_1" if "branches" in network else "conv1d_1")
        _, _, mixing, rest = split_network(model, last_of(chosen, model))
        assert (mixing is not None) == (name in quick | {"deeper", "branches"}), name
        assert isinstance(rest.get_submodule(chosen), nn.Identity if "within" not in name else nn.Conv1d)


@pytest.mark.parametrize("loss", ["mse", "poisson"])
def test_losses_of_quantities(loss):
    model, record, split = made(NETWORKS["global pool"][0], loss)
    found = filter_influence(model, record, split, CPU)
    predictions, targets = predict(model, record, split, CPU).astype(float), split["targets"].astype(float)
    for target in range(2):
        own = ~np.isnan(targets[:, target])
        y, p = targets[own, target], predictions[own, target]
        expected = mean_squared_error(y, p) if loss == "mse" else np.mean(p - y * np.log(p))
        assert found["loss"][target] == pytest.approx(expected, rel=1e-5)


def test_a_certain_prediction_has_a_finite_loss():
    model, record, split = made(NETWORKS["output at once"][0])
    with torch.no_grad():
        model.output.bias += 1000
    found = filter_influence(model, record, split, CPU)
    assert np.isfinite(found["silenced_loss"]).all()
    assert expit(20) > 1 - 1e-7  # what is nearer to 1 than this counts alike


def test_a_target_that_is_known_nowhere_counts_for_nothing():
    model, record, split = made(NETWORKS["global pool"][0])
    split["targets"][:, 1] = np.nan
    rows = influence_table(filter_influence(model, record, split, CPU), ["a", "b"])
    assert [(row["filter"], row["kind"]) for row in rows] == [(f"filter_{n}", kind) for n in range(5) for kind in KINDS]
    for row in rows:
        assert row["loss_change"] == row["a_loss_change"]
        assert np.isnan(row["b_loss_change"])
        assert np.isfinite(row["b_prediction_change"])
        assert (row["value"] == 0) == (row["kind"] == "zero")


def test_rows_are_drawn_from_the_seed():
    assert chosen_rows(5, 10, 1).tolist() == [0, 1, 2, 3, 4]
    drawn = chosen_rows(1000, 100, 1)
    assert len(set(drawn.tolist())) == 100
    assert drawn.tolist() == sorted(drawn.tolist()) == chosen_rows(1000, 100, 1).tolist()
    assert drawn.tolist() != chosen_rows(1000, 100, 2).tolist()
