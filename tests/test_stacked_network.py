"""Networks trained as one become what torch makes of each by itself: step for step, dropout, batch norm and all."""

import copy
import math
from pathlib import Path

import pytest
import torch
import yaml

from cisflow.batches import one_hot_of_codes
from cisflow.losses import TrainingLoss
from cisflow.model import build_network
from cisflow.optimizers import make_optimizer, parameter_groups
from cisflow.stacked_network import StackedNetwork, can_be_stacked, stacked_loss
from cisflow.stacked_optimizers import StackedOptimizer
from cisflow.torch_layers import set_dropout_generator

MODELS = yaml.safe_load((Path(__file__).parent.parent / "config" / "models.yaml").read_text())
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


def published(name, **first_layer):
    layers = copy.deepcopy(MODELS[name]["layers"])
    layers[0].update(first_layer)
    return layers


# Layers and the length of their windows in bases.
PUBLISHED = {
    "zeng_1layer_128motif": (published("zeng_1layer_128motif"), 60),
    "zeng_1layer": (published("zeng_1layer_128motif", filters=16), 60),
    "deepbind": (published("deepbind"), 60),
    "zou_primer": (published("zou_primer"), 50),
    "motif_cnn": (published("motif_cnn"), 101),
}
CONVOLUTION = {"type": "conv1d", "filters": 5, "width": 6, "padding": "same"}
FURTHER = {
    "pools that overlap": [
        {**CONVOLUTION, "bias": False},
        {"type": "max_pool", "width": 5, "stride": 3},
        {"type": "activation", "function": "gelu"},
        {"type": "avg_pool", "width": 4, "stride": 2},
        {"type": "flatten"},
    ],
    "two convolutions": [
        CONVOLUTION,
        {"type": "activation", "function": "relu"},
        {"type": "max_pool", "width": 3},
        {"type": "conv1d", "filters": 4, "width": 4},
        {"type": "batch_norm"},
        {"type": "activation", "function": "silu"},
        {"type": "global_max_pool"},
    ],
    "means": [
        {**CONVOLUTION, "padding": "valid"},
        {"type": "dropout", "rate": 0.3},
        {"type": "avg_pool", "width": 3},
        {"type": "global_avg_pool"},
        {"type": "dense", "units": 3, "bias": False},
        {"type": "batch_norm"},
    ],
    "the largest without an activation or a bias": [{**CONVOLUTION, "bias": False}, {"type": "global_max_pool"}],
    "gelu before the largest": [
        CONVOLUTION,
        {"type": "activation", "function": "gelu"},
        {"type": "global_max_pool"},
    ],
    "no convolution": [{"type": "flatten"}, {"type": "flatten"}, {"type": "dense", "units": 3}],
}
SETTINGS = {"weight_decay": 1e-3, "momentum": 0.9, "smoothing": 0.98}
RATES = {"adam": 0.003, "adamw": 0.003, "sgd": 0.05, "rmsprop": 0.001, "adadelta": 1.0}


def models_of(layers, length, count, n_targets=2, dtype=torch.float64, device="cpu"):
    """Networks with different weights and statistics, on their own."""
    models = []
    for number in range(count):
        torch.manual_seed(number)
        model = build_network({"layers": layers}, {"sequence": (4, length)}, n_targets)
        for name, buffer in model.named_buffers():
            if name.endswith(("mean", "var")):
                buffer.uniform_(0.5, 1.5)
        models.append(model.to(device, dtype))
    return models


def rows_of(count, length, step, n_rows=12, n_targets=2, device="cpu"):
    """Codes, with unknown bases and stretches of one base, so that windows are equal; targets, some of them unknown."""
    generator = torch.Generator().manual_seed(1000 + step)
    codes = torch.randint(5, (count, n_rows, length), generator=generator, dtype=torch.uint8)
    codes[:, ::3, : length // 2] = codes[:, ::3, :1]
    targets = torch.randint(2, (count, n_rows, n_targets), generator=generator).double()
    targets[torch.rand(targets.shape, generator=generator) < 0.2] = math.nan
    targets[0, :, 1] = math.nan  # a target of one network that is not known at all
    return codes.to(device), targets.to(device)


def one_hot(codes, dtype):
    return one_hot_of_codes(codes).to(dtype)


class Alone:
    """Networks trained one after the other by torch alone."""

    def __init__(self, models, settings, rates, weights):
        self.models, self.generators = models, []
        self.losses = [TrainingLoss("bce", len(weight), weight) for weight in weights]
        self.optimizers = []
        for number, (model, rate) in enumerate(zip(models, rates, strict=True)):
            device, dtype = next(model.parameters()).device, next(model.parameters()).dtype
            self.generators.append(torch.Generator(device).manual_seed(number))
            set_dropout_generator(model, self.generators[-1])
            self.optimizers.append(
                make_optimizer(parameter_groups(model, settings), {**settings, "learning_rate": rate})
            )
            self.dtype = dtype

    def step(self, number, codes, targets):
        # Written out: `TrainingLoss` rounds to single precision.
        logits = self.models[number].train()(one_hot(codes, self.dtype))
        loss = self.losses[number]
        known = ~torch.isnan(targets)
        rows = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.nan_to_num(targets).to(logits), reduction="none", pos_weight=loss.positive_weight
        )
        by_target = [rows[known[:, t], t].mean() for t in range(targets.shape[1]) if known[:, t].any()]
        value = sum(by_target) / len(by_target)
        self.optimizers[number].zero_grad()
        value.backward()
        self.optimizers[number].step()
        return value.item()


def stacked(models, settings, rates):
    """The same networks as one, and their optimiser."""
    device = next(models[0].parameters()).device
    networks = StackedNetwork(models, [torch.Generator(device).manual_seed(n) for n in range(len(models))])
    optimizer = StackedOptimizer(networks.flat, networks.slices, {**settings, "learning_rate": 0.0})
    optimizer.rates[:, 0] = torch.tensor(rates, dtype=torch.float64)
    return networks, optimizer


def stacked_step(networks, optimizer, codes, targets, weights):
    networks.flat.grad = None
    losses = stacked_loss("bce", networks(codes), targets.to(networks.flat.dtype), weights)
    losses.sum().backward()
    optimizer.step(networks.flat)
    return losses.detach()


def assert_same(networks, models, **tolerance):
    for number, model in enumerate(models):
        state = networks.state_of(number)
        assert list(state) == list(model.state_dict())
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(state[name], tensor, **tolerance, msg=lambda text, name=name: f"{name}: {text}")


def compare(layers, length, optimizer, dtype=torch.float64, device="cpu", steps=10, count=3, **tolerance):
    """Train networks alone and as one, and compare every loss, the weights and the state of the random numbers."""
    settings = {**SETTINGS, "optimizer": optimizer}
    rates = [RATES[optimizer] * factor for factor in (1.0, 0.5, 0.2)[:count]]
    weights = torch.tensor([[1.0, 2.0], [3.0, 1.0], [1.5, 1.0]][:count], dtype=dtype, device=device)
    models = models_of(layers, length, count, dtype=dtype, device=device)
    networks, together = stacked(models, settings, rates)
    alone = Alone(models, settings, rates, weights)
    for step in range(steps):
        codes, targets = rows_of(count, length, step, device=device)
        losses = stacked_step(networks, together, codes, targets, weights)
        expected = [alone.step(number, codes[number], targets[number]) for number in range(count)]
        assert losses.tolist() == pytest.approx(expected, rel=1e-5 if dtype == torch.float32 else 1e-10)
    assert_same(networks, models, **tolerance)
    for one, other in zip(alone.generators, networks.generators, strict=True):
        assert torch.equal(one.get_state(), other.get_state())


# --- trained as one, trained alone ------------------------------------------------------------------------------------


# In double precision. Before batch norm, the gradient of a bias is rounding alone, which adam and rmsprop scale up.
@pytest.mark.parametrize("optimizer", RATES)
@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_trained_as_one_are_those_trained_alone(name, optimizer):
    compare(*PUBLISHED[name], optimizer, rtol=1e-6, atol=1e-6)


# In single precision, in which networks that begin convolution and global maximum take another way.
@pytest.mark.parametrize("optimizer", RATES)
@pytest.mark.parametrize("name", ["zeng_1layer_128motif", "zeng_1layer", "deepbind", "zou_primer"])
@pytest.mark.parametrize("device", DEVICES)
def test_so_they_are_in_single_precision(name, optimizer, device):
    compare(*PUBLISHED[name], optimizer, torch.float32, device, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_so_they_are_in_single_precision_after_batch_norm(device):
    # By sgd, which does not scale up the rounding in the gradients of biases before batch norm.
    compare(*PUBLISHED["motif_cnn"], "sgd", torch.float32, device, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layers", FURTHER.values(), ids=list(FURTHER))
def test_so_they_are_with_every_layer(layers):
    compare(layers, 40, "adam", steps=4, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layers", FURTHER.values(), ids=list(FURTHER))
def test_so_they_are_with_every_layer_in_single_precision(layers):
    compare(layers, 40, "sgd", torch.float32, steps=4, rtol=1e-5, atol=1e-5)


def test_one_network_is_a_stack_too():
    compare(*PUBLISHED["motif_cnn"], "sgd", count=1, steps=2, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("optimizer", RATES)
def test_the_networks_that_are_kept_go_on_as_before(optimizer):
    layers, length = PUBLISHED["motif_cnn"]
    settings, rates = {**SETTINGS, "optimizer": optimizer}, [RATES[optimizer] * factor for factor in (1, 0.5, 0.2, 0.1)]
    weights = torch.ones(4, 2, dtype=torch.float64)
    models = models_of(layers, length, 4)
    networks, together = stacked(models, settings, rates)
    alone = Alone(models, settings, rates, weights)
    left = [0, 1, 2, 3]
    for step in range(6):
        if step in (2, 4):
            kept = [2, 0, 3] if step == 2 else [1, 0]  # of those that are left; in another order
            networks.keep(kept)
            together.keep(kept)
            left = [left[number] for number in kept]
        codes, targets = rows_of(4, length, step)
        stacked_step(networks, together, codes[left], targets[left], weights[left])
        for number in left:
            alone.step(number, codes[number], targets[number])
    assert left == [0, 2]
    assert len(networks) == 2
    assert_same(networks, [models[number] for number in left], rtol=1e-6, atol=1e-6)


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_state_of_a_network_is_that_of_the_single_one(name, dtype):
    layers, length = PUBLISHED[name]
    models = models_of(layers, length, 3, dtype=dtype)
    networks = StackedNetwork(models)
    assert_same(networks, models, rtol=0, atol=0)
    other = models_of(layers, length, 4, dtype=dtype)[3]
    networks.load_state(1, other.state_dict())
    assert_same(networks, [models[0], other, models[2]], rtol=0, atol=0)
    networks.load_state(1, networks.state_of(2))
    codes, _ = rows_of(3, length, 0)
    logits = networks.eval()(codes).detach()
    expected = [model.eval()(one_hot(codes[n], dtype)).detach() for n, model in enumerate([models[0], *models[2:] * 2])]
    torch.testing.assert_close(logits, torch.stack(expected), rtol=1e-5, atol=1e-6)


def test_a_state_is_a_copy_and_the_models_stay_as_they_are():
    layers, length = PUBLISHED["motif_cnn"]
    models = models_of(layers, length, 2)
    before = [copy.deepcopy(model.state_dict()) for model in models]
    networks, optimizer = stacked(models, {**SETTINGS, "optimizer": "sgd"}, [0.1, 0.1])
    state = networks.state_of(0)
    stacked_step(networks, optimizer, *rows_of(2, length, 0), None)
    for model, was in zip([*models, models[0]], [*before, state], strict=True):
        assert all(torch.equal(tensor, was[name]) for name, tensor in model.state_dict().items())
    assert not torch.equal(networks.state_of(0)["output.weight"], state["output.weight"])


def test_a_part_is_a_copy_in_evaluation():
    layers, length = PUBLISHED["motif_cnn"]
    models = models_of(layers, length, 3)
    networks, _ = stacked(models, {**SETTINGS, "optimizer": "sgd"}, [0.1] * 3)
    before = {name: values.clone() for name, values in networks.state().items()}
    codes, _ = rows_of(3, length, 0)
    part = networks.part([2, 0])
    expected = torch.stack([models[n].eval()(one_hot(codes[n], torch.float64)) for n in (2, 0)])
    torch.testing.assert_close(part(codes[[2, 0]]), expected, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        part.flat.zero_()
    assert networks.training
    assert len(networks) == len(networks.generators) == 3
    assert all(torch.equal(values, before[name]) for name, values in networks.state().items())


def test_a_state_of_all_can_be_taken_up():
    layers, length = PUBLISHED["motif_cnn"]
    one, other = (StackedNetwork(models_of(layers, length, 4)[half]) for half in (slice(2), slice(2, 4)))
    kept = {name: values.clone() for name, values in one.state().items()}
    one.load(other.state())
    for number in range(2):
        for name, values in other.state_of(number).items():
            assert torch.equal(one.state_of(number)[name], values)
        torch.testing.assert_close(one.state_of(number, kept), models_of(layers, length, 4)[number].state_dict())


def test_no_network_hangs_on_the_others():
    layers, length = PUBLISHED["motif_cnn"]
    models = models_of(layers, length, 3)
    codes, targets = rows_of(3, length, 0)
    changed = codes.clone()
    changed[1] = (codes[1] + 1) % 4
    gradients = []
    for given in (codes, changed):
        networks, _ = stacked(models, {**SETTINGS, "optimizer": "sgd"}, [0.1] * 3)
        stacked_loss("bce", networks(given), targets).sum().backward()
        gradients.append(networks.flat.grad)
    assert torch.equal(gradients[0][[0, 2]], gradients[1][[0, 2]])
    assert not torch.equal(gradients[0][1], gradients[1][1])


@pytest.mark.parametrize("name", PUBLISHED)
def test_both_ways_through_the_first_layers_give_the_same(name):
    layers, length = PUBLISHED[name]
    models = models_of(layers, length, 2, dtype=torch.float32)
    codes, targets = rows_of(2, length, 0)
    given = []
    for quick in (True, False):
        networks = StackedNetwork(models, [torch.Generator().manual_seed(n) for n in range(2)], quick=quick)
        losses = stacked_loss("mse", networks(codes), targets.float())
        losses.sum().backward()
        given.append((losses.detach(), networks.flat.grad, *networks.buffers.values()))
    for one, other in zip(*given, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_networks_that_differ_are_refused():
    one, other = (models_of([{"type": "flatten"}, {"type": "dropout", "rate": rate}], 10, 1)[0] for rate in (0.1, 0.2))
    with pytest.raises(ValueError, match="not of one architecture"):
        StackedNetwork([one, other])
    norm = models_of([CONVOLUTION, {"type": "layer_norm"}, {"type": "flatten"}], 10, 1)
    with pytest.raises(ValueError, match=r"layer_norm_1 .LayerNorm. cannot be stacked"):
        StackedNetwork(norm)(torch.zeros(1, 3, 10, dtype=torch.uint8))


# --- losses, and what can be stacked ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bce", "mse", "poisson"])
def test_losses_are_those_of_each_network(name):
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(2, 3, 10, 4, generator=generator)
    targets = (targets > 0).float() if name == "bce" else targets.abs()
    targets[torch.rand(targets.shape, generator=generator) < 0.3] = math.nan
    targets[1, :, 2], targets[2] = math.nan, math.nan  # one target, and all targets of a network
    positive, of_targets = torch.rand(2, 3, 4, generator=generator) + 1
    for weights in ({}, {"target_weights": of_targets}, {"positive_weight": positive} if name == "bce" else {}):
        losses = stacked_loss(name, logits, targets, **weights)
        for number in range(3):
            one = TrainingLoss(name, 4, **{key: values[number] for key, values in weights.items()})
            torch.testing.assert_close(losses[number], one(logits[number], targets[number]))


@pytest.mark.parametrize("layers", [*(layers for layers, _ in PUBLISHED.values()), *FURTHER.values()])
def test_lists_that_can_be_stacked(layers):
    assert can_be_stacked({"layers": layers})
    assert can_be_stacked({"layers": layers, "input": "sequence", "strands": "single", "branches": {}})


@pytest.mark.parametrize(
    "network",
    [
        {"layers": [CONVOLUTION], "strands": "shared"},
        {"layers": [CONVOLUTION], "strands": "averaged"},
        {"layers": [{"type": "flatten"}], "input": "tracks"},
        {"layers": [{"type": "dense", "units": 2}], "branches": {"sequence": [{"type": "flatten"}]}},
        *(
            {"layers": [{**CONVOLUTION, **setting}]}
            for setting in ({"stride": 2}, {"dilation": 2}, {"frozen": True}, {"motifs": "a.meme"})
        ),
        *(
            {"layers": [CONVOLUTION, spec]}
            for spec in (
                {"type": "lstm", "units": 2},
                {"type": "layer_norm"},
                {"type": "residual", "layers": [CONVOLUTION]},
                {"type": "attention_pool", "width": 2},
            )
        ),
    ],
)
def test_networks_that_cannot_be_stacked(network):
    assert not can_be_stacked(network)
