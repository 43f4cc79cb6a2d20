import copy
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional

from cisflow.layers import inputs_of, network_table
from cisflow.messages import InputError
from cisflow.model import (
    Network,
    build_network,
    count_parameters,
    first_convolution,
    first_layer,
    fit_tracks,
    layer_names,
    load_model,
    module_of,
    save_model,
)
from cisflow.torch_layers import Dropout, set_dropout_generator

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
ENTRIES = yaml.safe_load((Path(__file__).parent.parent / "config" / "models.yaml").read_text())
TRACKS = (5, 400)


def network_of(entry):
    return {key: entry[key] for key in ("input", "branches", "strands", "layers") if key in entry}


MODELS = {name: network_of(entry) for name, entry in ENTRIES.items() if "layers" in entry}
# One of every type, in an order in which they fit.
EVERYTHING = {
    "branches": {
        "sequence": [
            {"type": "conv1d", "filters": 8, "width": 7, "padding": "same"},
            {"type": "batch_norm", "initial_scale": 0.2},
            {"type": "activation", "function": "exp"},
            {"type": "max_pool", "width": 2},
            {"type": "dropout", "rate": 0.1},
            {"type": "residual", "name": "wide", "layers": [
                {"type": "conv1d", "filters": 12, "width": 3, "padding": "same", "dilation": 2},
                {"type": "batch_norm"},
                {"type": "activation", "function": "gelu"},
            ]},
            {"type": "conv1d", "filters": 12, "width": 5, "stride": 2, "padding": "same", "bias": False},
            {"type": "activation", "function": "silu"},
            {"type": "squeeze_excite", "ratio": 4},
            {"type": "avg_pool", "width": 3, "stride": 2},
            {"type": "position_encoding"},
            {"type": "residual", "layers": [
                {"type": "layer_norm"},
                {"type": "attention", "heads": 4, "dropout": 0.1},
                {"type": "dropout", "rate": 0.2},
            ]},
            {"type": "lstm", "units": 5},
            {"type": "gru", "units": 6, "bidirectional": False},
            {"type": "attention_pool", "width": 2},
            {"type": "global_attention_pool"},
        ],
        "tracks": [
            {"type": "conv2d", "filters": 4, "height": 3, "width": 5, "padding": "same"},
            {"type": "batch_norm"},
            {"type": "activation", "function": "elu"},
            {"type": "squeeze_excite"},
            {"type": "max_pool2d", "height": 2, "width": 2},
            {"type": "residual", "layers": [
                {"type": "conv2d", "filters": 6, "height": 1, "width": 3, "padding": "same"},
            ]},
            {"type": "layer_norm"},
            {"type": "activation", "function": "leaky_relu"},
            {"type": "global_avg_pool"},
        ],
    },
    "layers": [
        {"type": "flatten"},
        {"type": "residual", "layers": [{"type": "dense", "units": 16}, {"type": "activation", "function": "tanh"}]},
        {"type": "layer_norm"},
        {"type": "activation", "function": "softplus"},
        {"type": "dense", "units": 9},
        {"type": "batch_norm"},
        {"type": "activation", "function": "sigmoid"},
        {"type": "dropout", "rate": 0.3},
    ],
}  # fmt: skip
NETWORKS = {**MODELS, "everything": EVERYTHING}
SHARED = {
    "strands": "shared",
    "layers": [
        {"type": "conv1d", "filters": 6, "width": 7, "padding": "same"},
        {"type": "batch_norm"},
        {"type": "activation", "function": "exp"},
        {"type": "max_pool", "width": 3},
        {"type": "residual", "layers": [
            {"type": "conv1d", "filters": 8, "width": 3, "padding": "same", "dilation": 2},
            {"type": "batch_norm"},
            {"type": "activation", "function": "gelu"},
        ]},
        {"type": "residual", "layers": [{"type": "conv1d", "filters": 8, "width": 1, "bias": False}]},
        {"type": "conv1d", "filters": 5, "width": 4, "stride": 3},
        {"type": "activation", "function": "relu"},
        {"type": "avg_pool", "width": 2},
        {"type": "dropout", "rate": 0.3},
        {"type": "lstm", "units": 4},
        {"type": "flatten"},
        {"type": "dense", "units": 16},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
    ],
}  # fmt: skip


def inputs_for(network):
    """The shortest of some usual windows that the network fits, and tracks where it reads them."""
    for length in (200, 249, 600, 1000, 101):
        inputs = {"sequence": (4, length), "tracks": TRACKS}
        try:
            network_table(network, inputs, 1)
        except ValueError:
            continue
        return {name: inputs[name] for name in sorted(inputs_of(network))}
    raise AssertionError("fits none")


def batch_for(inputs, n_rows, seed=0):
    """Random one-hot sequences and tracks, or None."""
    generator = torch.Generator().manual_seed(seed)
    sequence = tracks = None
    if "sequence" in inputs:
        codes = torch.randint(4, (n_rows, inputs["sequence"][1]), generator=generator)
        sequence = functional.one_hot(codes, 4).transpose(1, 2).float()
    if "tracks" in inputs:
        tracks = torch.randn(n_rows, *inputs["tracks"], generator=generator)
    return sequence, tracks


def other_strand(sequence, tracks):
    return (None if sequence is None else sequence.flip(1, 2)), (None if tracks is None else tracks.flip(2))


def built(network, n_targets=2, seed=0):
    torch.manual_seed(seed)
    return build_network(network, inputs_for(network), n_targets)


def perturbed(model):
    """The model with weights in which nothing is zero, one or symmetric by chance, and batch norm's statistics too."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer += 0.1 * torch.rand(buffer.shape, generator=generator)
    return model


# --- what is built ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "inputs", "n_targets", "parameters"),
    [
        # Printed in the primer's notebook for 50 bp and two softmax units.
        ("zou_primer", {"sequence": (4, 50)}, 2, 6226),
        # The paper's own count of weights.
        ("danq", {"sequence": (4, 1000)}, 919, 46_926_479),
        # By hand from the papers' sizes: weights and biases of each convolution and dense layer, two of batch norm.
        ("deepbind", {"sequence": (4, 101)}, 1, (4 * 24 * 16 + 16) + (16 * 32 + 32) + (32 + 1)),
        ("zeng_1layer_128motif", {"sequence": (4, 101)}, 2, (4 * 24 * 128 + 128) + (128 * 32 + 32) + (32 * 2 + 2)),
        (
            "basset",
            {"sequence": (4, 600)},
            164,
            (4 * 19 * 300 + 3 * 300) + (300 * 11 * 200 + 3 * 200) + (200 * 7 * 200 + 3 * 200)
            + (2000 * 1000 + 3 * 1000) + (1000 * 1000 + 3 * 1000) + (1000 * 164 + 164),
        ),
        (
            "deepstarr",
            {"sequence": (4, 249)},
            2,
            (4 * 7 * 256 + 3 * 256) + (256 * 3 * 60 + 3 * 60) + (60 * 5 * 60 + 3 * 60) + (60 * 3 * 120 + 3 * 120)
            + (1800 * 256 + 3 * 256) + (256 * 256 + 3 * 256) + (256 * 2 + 2),
        ),
    ],
)  # fmt: skip
def test_published_networks_have_their_number_of_parameters(name, inputs, n_targets, parameters):
    assert count_parameters(build_network(MODELS[name], inputs, n_targets)) == parameters


def own_parameters(module, kind):
    """Number of trained parameters of one layer, without those of layers within it."""
    if kind == "residual":
        module = module.shortcut or nn.Identity()
    return count_parameters(module)


@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_modules_have_the_names_shapes_and_parameters_of_the_table(network):
    inputs = inputs_for(network)
    model = built(network).eval()
    rows = network_table(network, inputs, 2)
    assert layer_names(network) == [row["name"] for row in rows if row["type"] != "join_strands"]
    seen = {}

    def keep(name):
        return lambda module, given, result: seen.update({name: (tuple(given[0].shape[1:]), tuple(result.shape[1:]))})

    for row in rows:
        module_of(model, row["name"]).register_forward_hook(keep(row["name"]))
    assert model(*batch_for(inputs, 2)).shape == (2, 2)
    for row in rows:
        assert seen[row["name"]] == (tuple(row["shape_in"]), tuple(row["shape_out"])), row["name"]
        assert own_parameters(module_of(model, row["name"]), row["type"]) == row["parameters"], row["name"]
    assert count_parameters(model) == sum(row["parameters"] for row in rows)


def test_weights_are_named_by_their_layers():
    names = set(built(EVERYTHING).state_dict())
    assert {
        "sequence.conv1d_1.weight",
        "sequence.wide.layers.conv1d_1.weight",
        "sequence.wide.shortcut.weight",
        "sequence.conv1d_2.weight",
        "tracks.residual_1.shortcut.weight",
        "residual_1.layers.dense_1.weight",
        "residual_1.shortcut.weight",
        "dense_1.bias",
        "output.weight",
        "track_mean",
        "track_sd",
    } <= names
    assert {"conv1d_1.weight", "output.bias", "batch_norm_1.running_var"} <= set(built(SHARED).state_dict())


def test_an_unknown_layer_is_told_with_those_that_there_are():
    model = built(MODELS["zou_primer"])
    assert module_of(model, "dense_1") is model.dense_1
    with pytest.raises(InputError, match="no layer dense_2") as error:
        module_of(model, "dense_2")
    assert "conv1d_1, max_pool_1, flatten_1, dense_1, activation_1, output" in error.value.why


@pytest.mark.parametrize(
    ("layers", "number", "text"),
    [
        ([{"type": "conv1d", "filters": 2, "width": 30}], 1, "width 30 does not fit into 20"),
        ([{"type": "conv1d", "filters": 2, "width": 5}, {"type": "max_pool", "width": 17}], 2, "(2, 16) from layer 1"),
        ([{"type": "dense", "units": 3}], 1, "put `flatten`"),
        ([{"type": "flatten"}, {"type": "conv1d", "filters": 2, "width": 3}], 2, "flat (80 features)"),
    ],
)
def test_a_list_that_cannot_be_built_names_the_layer(layers, number, text):
    with pytest.raises(InputError) as error:
        build_network({"layers": layers}, {"sequence": (4, 20)}, 1)
    assert f"layer {number} " in error.value.why
    assert text in error.value.why
    assert "sequences of 20 bp" in error.value.what


def test_names_that_torch_keeps_for_itself_are_refused():
    """Whatever a module of torch has, or the network itself, must not become the name of a layer."""
    taken = {*dir(nn.Sequential()), *vars(nn.Sequential()), *dir(Network), *dir(built(MODELS["decode"]))}
    candidates = [name for name in sorted(taken) if re.fullmatch("[a-z][a-z0-9_]*", name)]
    layers = [{"type": "conv1d", "filters": 2, "width": 3}, {"type": "flatten"}]
    own = {*layer_names(MODELS["decode"])} - {"output"}
    assert len(candidates) > 50
    for name in set(candidates) - own:
        for where in ([{**layers[0], "name": name}, layers[1]], [{"type": "residual", "layers": [
            {"type": "conv1d", "filters": 2, "width": 3, "padding": "same", "name": name}]}, layers[1]]):  # fmt: skip
            with pytest.raises(InputError, match="name"):
                build_network({"layers": where}, {"sequence": (4, 20)}, 1)


# --- how it behaves ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_a_seed_gives_the_same_initial_weights(name):
    one, again, other = (built(NETWORKS[name], seed=seed).state_dict() for seed in (1, 1, 2))
    assert list(one) == list(again)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_layers_are_initialised_as_torch_does_in_the_order_of_the_list():
    model = built(MODELS["deepbind"], seed=4)
    torch.manual_seed(4)
    reference = [nn.Conv1d(4, 16, 24), nn.Linear(16, 32), nn.Linear(32, 2)]
    for name, module in zip(("conv1d_1", "dense_1", "output"), reference, strict=True):
        assert torch.equal(module_of(model, name).weight, module.weight)


def test_a_plain_network_is_its_layers_one_after_the_other():
    model = perturbed(built(MODELS["zou_primer"]))
    x, _ = batch_for(inputs_for(MODELS["zou_primer"]), 6)
    y = functional.max_pool1d(functional.conv1d(x, model.conv1d_1.weight, model.conv1d_1.bias), 4).flatten(1)
    y = torch.relu(y @ model.dense_1.weight.T + model.dense_1.bias)
    assert torch.allclose(model(x), y @ model.output.weight.T + model.output.bias, atol=1e-5)


@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_rows_do_not_see_one_another_in_evaluation(network):
    model = perturbed(built(network)).eval()
    batch = batch_for(inputs_for(network), 5)
    whole = model(*batch)
    alone = torch.cat([model(*(x if x is None else x[row : row + 1] for x in batch)) for row in range(5)])
    assert torch.allclose(whole, alone, atol=1e-4 * float(whole.detach().abs().max()))
    assert whole.std(dim=0).min() > 0


@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_gradients_reach_every_trained_parameter(network):
    model = perturbed(built(network))
    logits = model(*batch_for(inputs_for(network), 8))
    (logits**2).sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.ndim == 1 or parameter.grad.any(), name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_inputs_have_gradients_in_evaluation(network, device):
    """Attributions ask for them; of recurrent layers, a GPU gave them while training alone."""
    model = built(network).to(device).eval()
    batch = [x if x is None else x.to(device).requires_grad_() for x in batch_for(inputs_for(network), 2)]
    model(*batch)[:, 0].sum().backward()
    assert all(x.grad.any() for x in batch if x is not None)


@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_bfloat16_goes_through_all_layers(network):
    model = built(network)
    batch = batch_for(inputs_for(network), 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(*batch)
    assert logits.dtype == torch.bfloat16
    logits.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)
    model.eval()  # batch norm of a few rows would make small differences large
    exact = model(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(*batch).float()
    assert (rounded - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.fixture
def deterministic():
    """As a training sets it; see `cisflow.device`."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
@pytest.mark.usefixtures("deterministic")
def test_a_step_repeats_itself_to_the_last_bit(network, device):
    batch = [x if x is None else x.to(device) for x in batch_for(inputs_for(network), 8)]
    found = []
    for _ in range(2):
        model = built(network).to(device)
        set_dropout_generator(model, torch.Generator(device).manual_seed(3))
        model(*batch).sum().backward()
        found.append([p.grad for p in model.parameters() if p.requires_grad])
    assert all(map(torch.equal, *found))


def test_frozen_statistics_and_weights_stay_as_they_are():
    """What a layer found by its name must allow: it is held while the others train."""
    model = perturbed(built(EVERYTHING))
    held = module_of(model, "sequence.wide").requires_grad_(False)
    before = copy.deepcopy(held.state_dict())
    model.train()
    held.eval()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    for seed in range(2):
        model(*batch_for(inputs_for(EVERYTHING), 8, seed)).sum().backward()
        optimizer.step()
    assert all(torch.equal(tensor, held.state_dict()[name]) for name, tensor in before.items())


# --- both strands -----------------------------------------------------------------------------------------------------


def tolerance(logits):
    return 1e-5 * max(1.0, float(logits.detach().abs().max()))


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, Dropout):
            module.rate = 0.0
    return model


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("network", [SHARED, *({**NETWORKS[name], "strands": "averaged"} for name in NETWORKS)],
                         ids=["shared", *NETWORKS])  # fmt: skip
def test_both_strands_get_the_same_logits(network, training):
    model = without_dropout(perturbed(built(network))).train(training)
    batch = batch_for(inputs_for(network), 6)
    logits = model(*batch)
    assert torch.allclose(model(*other_strand(*batch)), logits, atol=tolerance(logits))
    assert logits.std(dim=0).min() > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_averaged_is_the_mean_of_the_logits_of_both_strands(name):
    single, averaged = (perturbed(built({**NETWORKS[name], "strands": s})).eval() for s in ("single", "averaged"))
    averaged.load_state_dict(single.state_dict())  # the same weights by the same names
    batch = batch_for(inputs_for(NETWORKS[name]), 4)
    expected = (single(*batch) + single(*other_strand(*batch))) / 2
    assert torch.allclose(averaged(*batch), expected, atol=tolerance(expected))
    assert not torch.allclose(single(*batch), expected, atol=1e-4)


def test_averaged_batch_norm_sees_both_strands_alike():
    network = {**MODELS["motif_cnn"], "strands": "averaged"}
    found = []
    for turn in (False, True):
        model = built(network)
        batch = batch_for(inputs_for(network), 6)
        model(*(other_strand(*batch) if turn else batch))
        found.append(model.batch_norm_1.running_mean)
    assert torch.allclose(*found, atol=1e-6)


def test_a_shared_network_is_an_ordinary_one_with_doubled_weights():
    layers = [
        {"type": "conv1d", "filters": 6, "width": 7},
        {"type": "batch_norm"},
        {"type": "activation", "function": "exp"},
        {"type": "max_pool", "width": 4},
        {"type": "conv1d", "filters": 5, "width": 5, "padding": "same"},
        {"type": "activation", "function": "relu"},
        {"type": "flatten"},
        {"type": "dense", "units": 8},
    ]
    inputs = {"sequence": (4, 50)}
    model = perturbed(build_network({"layers": layers, "strands": "shared"}, inputs, 2)).eval()
    doubled = copy.deepcopy(layers[:6])
    doubled[0]["filters"], doubled[4]["filters"] = 12, 10
    ordinary = build_network({"layers": [*doubled, *layers[6:]]}, inputs, 2).eval()
    with torch.no_grad():
        for name in ("conv1d_1", "conv1d_2"):
            own, both = module_of(model, name), module_of(ordinary, name)
            for f, c, k in itertools.product(*map(range, own.weight.shape)):
                both.weight[f, c, k] = own.weight[f, c, k]
                both.weight[-1 - f, -1 - c, -1 - k] = own.weight[f, c, k]
            both.bias.copy_(torch.cat([own.bias, own.bias.flip(0)]))
        own, both = model.batch_norm_1, ordinary.batch_norm_1
        for part in ("weight", "bias", "running_mean", "running_var"):
            getattr(both, part).copy_(torch.cat([getattr(own, part), getattr(own, part).flip(0)]))
        x, _ = batch_for(inputs, 4)
        y = ordinary.activation_2(ordinary.conv1d_2(ordinary.max_pool_1(
            ordinary.activation_1(ordinary.batch_norm_1(ordinary.conv1d_1(x))))))  # fmt: skip
        joined = torch.stack([(y[:, c] + y[:, 9 - c].flip(1)) / 2 for c in range(5)], dim=1)
        expected = model.output(model.dense_1(joined.flatten(1)))
        assert torch.allclose(model(x), expected, atol=1e-5)


# --- the first layer --------------------------------------------------------------------------------------------------


def test_first_layer_takes_batch_norm_and_activation_along():
    model = built(MODELS["motif_cnn"])
    first = first_layer(model)
    assert list(first) == [model.conv1d_1, model.batch_norm_1, model.activation_1]
    assert first_convolution(model) is model.conv1d_1
    both = built(MODELS["sequence_and_tracks"])
    assert list(first_layer(both)) == list(both.sequence)[:3]
    assert len(first_layer(built(MODELS["zou_primer"]))) == 1


def test_the_first_layer_of_shared_strands_has_each_filter_once():
    model = perturbed(built(SHARED)).eval()
    first = first_layer(model)
    x, _ = batch_for(inputs_for(SHARED), 3)
    both = model.activation_1(model.batch_norm_1(model.conv1d_1(x)))
    assert both.shape[1] == 12
    assert torch.allclose(first(x), both[:, :6], atol=1e-5)
    assert torch.allclose(first(x.flip(1, 2)), both[:, 6:].flip(1, 2), atol=1e-5)
    assert first[0].weight is model.conv1d_1.weight
    assert model.conv1d_1.shared


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"layers": [{"type": "flatten"}]}, "its first layer is Flatten"),
        (MODELS["decode"], "it reads no sequence"),
    ],
)
def test_a_network_without_first_layer_filters_says_so(network, text):
    for function in (first_layer, first_convolution):
        with pytest.raises(InputError, match="no first-layer filters") as error:
            function(built(network))
        assert text in error.value.why


# --- tracks -----------------------------------------------------------------------------------------------------------


class Blocks:
    """What `cisflow.batches` offers of a split."""

    def __init__(self, tracks):
        self.tracks = tracks

    def blocks(self, n_rows):
        for begin in range(0, len(self.tracks), 7):
            yield type("Batch", (), {"tracks": torch.from_numpy(self.tracks[begin : begin + 7])})


@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy, Blocks])
def test_tracks_are_standardised_by_the_training_split(form, monkeypatch):
    rng = np.random.default_rng(0)
    network = {"input": "tracks", "layers": [{"type": "flatten"}]}
    tracks = (rng.normal(size=(50, 4, 30)) * [[1], [30], [0], [1e-3]] + [[0], [5], [0.1], [1e4]]).astype(np.float32)
    tracks[rng.random(tracks.shape) < 0.2] = np.nan
    tracks[:9, 1] = np.nan  # a whole block without data
    monkeypatch.setattr("cisflow.model.ROWS_AT_ONCE", 13)
    model = build_network(network, {"tracks": (4, 30)}, 1)
    fit_tracks(model, form(tracks))
    mean, sd = np.nanmean(tracks.astype(float), axis=(0, 2)), np.nanstd(tracks.astype(float), axis=(0, 2))
    assert model.track_mean.numpy() == pytest.approx(mean, rel=1e-6)
    # The third does not vary, the fourth by less than float32 tells.
    assert model.track_sd.numpy() == pytest.approx([sd[0], sd[1], 1, 1], rel=1e-6)
    seen = []
    model.flatten_1.register_forward_hook(lambda module, given, result: seen.append(given[0]))
    model(None, torch.from_numpy(tracks))
    expected = np.nan_to_num((tracks - mean[:, None]) / [[sd[0]], [sd[1]], [1], [1]], nan=0.0)
    assert np.allclose(seen[0].numpy(), expected, atol=1e-3)


def test_tracks_without_data_stay_at_zero():
    model = build_network({"input": "tracks", "layers": [{"type": "flatten"}]}, {"tracks": (2, 5)}, 1)
    tracks = np.full((6, 2, 5), np.nan, dtype=np.float32)
    tracks[:, 0] = np.arange(5)
    fit_tracks(model, tracks)
    assert model.track_mean.tolist() == [2, 0]
    assert model.track_sd.tolist() == pytest.approx([2**0.5, 1])
    assert torch.isfinite(model(None, torch.from_numpy(tracks))).all()


def test_the_sequence_comes_first_where_branches_meet():
    layers = {"sequence": [{"type": "global_max_pool"}], "tracks": [{"type": "global_avg_pool"}]}
    model = build_network({"branches": layers, "layers": []}, {"sequence": (4, 9), "tracks": (3, 5)}, 2)
    sequence, tracks = torch.rand(6, 4, 9), torch.rand(6, 3, 5)
    features = torch.cat([sequence.amax(2), tracks.mean(2)], dim=1)
    assert torch.allclose(model(sequence, tracks), features @ model.output.weight.T + model.output.bias, atol=1e-6)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [*NETWORKS.values(), SHARED], ids=[*NETWORKS, "shared"])
def test_a_saved_model_predicts_the_same(network, tmp_path):
    model, inputs = perturbed(built(network)), inputs_for(network)
    if "tracks" in inputs:
        fit_tracks(model, 3 + 2 * torch.rand(9, *inputs["tracks"]))
    model(*batch_for(inputs, 8))  # moves the running statistics of batch norm off their start
    model.eval()
    sizes = {name: list(size) for name, size in inputs.items()}
    record = {"network": network, "inputs": sizes, "target_names": ["a", "b"], "seed": 1}
    save_model(tmp_path / "model.pt", model, record)
    loaded, read = load_model(tmp_path / "model.pt", "cpu")
    batch = batch_for(inputs, 3, seed=1)
    assert torch.equal(loaded(*batch), model(*batch))
    assert not loaded.training
    assert read == record
    assert "weights" in torch.load(tmp_path / "model.pt", weights_only=True)


def test_what_is_no_model_says_so(tmp_path):
    path = tmp_path / "model.pt"
    for content in (b"", b"something else", b"PK\x03\x04 cut short"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no network"):
            load_model(path, "cpu")
    for thing in ({"weights": {}, "layers": []}, [1, 2], torch.zeros(3)):
        torch.save(thing, path)
        with pytest.raises(InputError, match="it holds no "):
            load_model(path, "cpu")
    torch.save({"weights": {}, "network": np.zeros(3)}, path)  # would run code of the file's choice
    with pytest.raises(InputError, match="is no network"):
        load_model(path, "cpu")
