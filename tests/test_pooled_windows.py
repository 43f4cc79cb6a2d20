"""The quick way to the first pool gives what torch's layers give, values, gradients and statistics alike."""

import copy

import pytest
import torch
from torch.nn import functional

from cisflow.batches import one_hot_of_codes
from cisflow.model import build_network
from cisflow.pooled_windows import (
    FirstPoolNetwork,
    Norm,
    first_pool,
    normalised_windows,
    pooled_windows,
    starts_with_first_pool,
)
from cisflow.torch_layers import set_dropout_generator

# networks, sequences, length, filters, width, same padding, positions of a pool (None: all)
SHAPES = [
    (2, 30, 101, 32, 19, True, 25),
    (3, 16, 50, 20, 12, False, 4),
    (2, 7, 53, 5, 7, True, 3),
    (1, 9, 40, 17, 24, True, None),
    (2, 5, 30, 3, 6, False, 1),
]
CONVOLUTION = {"type": "conv1d", "filters": 6, "width": 7, "padding": "same"}
NORM, DROPOUT, FLAT = {"type": "batch_norm"}, {"type": "dropout", "rate": 0.3}, {"type": "flatten"}
LISTS = [
    [CONVOLUTION, {"type": "max_pool", "width": 4}, FLAT, {"type": "dense", "units": 4}],
    [CONVOLUTION, NORM, {"type": "activation", "function": "exp"}, {"type": "max_pool", "width": 7}, DROPOUT, FLAT],
    [{**CONVOLUTION, "bias": False}, NORM, {"type": "max_pool", "width": 5, "stride": 5}, FLAT, NORM, DROPOUT],
    [{**CONVOLUTION, "bias": False}, {"type": "activation", "function": "relu"}, {"type": "global_max_pool"}, DROPOUT],
    [CONVOLUTION, NORM, {"type": "activation", "function": "tanh"}, {"type": "global_max_pool"}],
    [CONVOLUTION, NORM, {"type": "max_pool", "width": 4}, {"type": "conv1d", "filters": 3, "width": 3}, FLAT],
]


def drawn(shape):
    """Codes with unknown bases and equal windows; weights, biases, scales of both signs and shifts; statistics."""
    m, n, length, n_filters, width, *_ = shape
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(5, (m, n, length), generator=generator, dtype=torch.uint8)
    codes[:, ::3, : length // 2] = codes[:, ::3, :1]
    weight = torch.randn(m, n_filters, 4, width, generator=generator) * 0.3 + 0.2
    bias, scale, shift = torch.randn(3, m, n_filters, generator=generator)
    mean, variance = torch.rand(2, m, n_filters, generator=generator) + 0.5
    return codes, [weight, bias, scale, shift], [mean, variance]


def by_torch(codes, parameters, running, same_padding, pool, training):
    """The same in double precision by the layers of torch; `training` None: without batch norm."""
    parameters = [numbers.double().requires_grad_() for numbers in parameters]
    weight, bias, scale, shift = parameters
    running = [numbers.double() for numbers in running]
    rows = []
    for m in range(len(codes)):
        one_hot = one_hot_of_codes(codes[m]).double()
        x = functional.conv1d(one_hot, weight[m], bias[m], padding="same" if same_padding else 0)
        if training is not None:
            x = functional.batch_norm(x, running[0][m], running[1][m], scale[m], shift[m], training, 0.1, 1e-5)
        rows.append(functional.max_pool1d(x, pool or x.shape[2]).transpose(1, 2))
    return torch.stack(rows), parameters, running


@pytest.mark.parametrize("training", [None, True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_gradients_and_statistics_are_torchs(shape, training):
    codes, parameters, running = drawn(shape)
    *_, same_padding, pool = shape
    expected, theirs, their_running = by_torch(codes, parameters, running, same_padding, pool, training)
    weight, bias, scale, shift = ours = [numbers.clone().requires_grad_() for numbers in parameters]
    norm = None if training is None else Norm(scale, shift, *running, 0.1, 1e-5, training)
    given = first_pool(codes, weight, bias, norm, pool, same_padding)
    torch.testing.assert_close(given.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(given.shape, generator=torch.Generator().manual_seed(1))
    given.backward(gradient)
    expected.backward(gradient.double())
    for our, their in zip(ours, theirs, strict=True):
        if our.grad is not None:
            largest = float(their.grad.abs().max())
            torch.testing.assert_close(our.grad.double(), their.grad, rtol=1e-4, atol=1e-5 * max(largest, 1))
        elif their.grad is not None:  # a bias before batch norm: nothing but rounding comes to it
            assert training
            assert float(their.grad.abs().max()) < 1e-9
    for our, their in zip(running, their_running, strict=True):
        torch.testing.assert_close(our.double(), their, rtol=1e-5, atol=1e-6)


def test_mean_and_variance_are_those_of_all_windows():
    codes, (weight, _, scale, shift), _ = drawn(SHAPES[0])
    _, mean, variance = normalised_windows(codes, weight, scale, shift, 25, True, 1e-5)
    for m in range(len(codes)):
        values = functional.conv1d(one_hot_of_codes(codes[m]).double(), weight[m].double(), padding="same")
        torch.testing.assert_close(mean[m].double(), values.mean((0, 2)), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(variance[m].double(), values.var((0, 2), correction=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layers", LISTS)
def test_a_network_is_trained_as_by_torch(layers):
    assert starts_with_first_pool({"layers": layers})
    torch.manual_seed(0)
    model = build_network({"layers": layers}, {"sequence": (4, 40)}, 2)
    other = copy.deepcopy(model)
    quick = FirstPoolNetwork(model)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    for network, generator in zip((model, other), generators, strict=True):
        set_dropout_generator(network, generator)
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9) for network in (model, other)]
    for step in range(5):
        codes = torch.randint(5, (20, 40), generator=torch.Generator().manual_seed(step), dtype=torch.uint8)
        for logits, optimizer in zip((quick(codes), other(one_hot_of_codes(codes))), optimizers, strict=True):
            optimizer.zero_grad()
            functional.softplus(logits).mean().backward()
            optimizer.step()
    theirs = other.state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(
            tensor, theirs[name], rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name} {text}"
        )
    assert torch.equal(generators[0].get_state(), generators[1].get_state())
    model.eval()
    other.eval()
    with torch.no_grad():
        torch.testing.assert_close(quick(codes), other(one_hot_of_codes(codes)), rtol=1e-5, atol=1e-5)
    assert {id(parameter) for parameter in quick.parameters()} == {id(parameter) for parameter in model.parameters()}


def test_frozen_filters_stay():
    torch.manual_seed(0)
    model = build_network({"layers": LISTS[1]}, {"sequence": (4, 40)}, 1)
    model.conv1d_1.requires_grad_(False)
    FirstPoolNetwork(model)(torch.zeros(8, 40, dtype=torch.uint8)).sum().backward()
    assert model.conv1d_1.weight.grad is None
    assert model.batch_norm_1.weight.grad is not None


@pytest.mark.parametrize(
    "network",
    [
        {"layers": [NORM, *LISTS[0]]},
        {"layers": [FLAT]},
        {"layers": [CONVOLUTION, FLAT]},
        {"layers": [CONVOLUTION, {"type": "activation", "function": "gelu"}, {"type": "max_pool", "width": 4}, FLAT]},
        {"layers": [CONVOLUTION, {"type": "activation", "function": "exp"}, NORM, {"type": "max_pool", "width": 4}]},
        {"layers": [CONVOLUTION, {"type": "max_pool", "width": 4, "stride": 2}, FLAT]},
        {"layers": [CONVOLUTION, {"type": "avg_pool", "width": 4}, FLAT]},
        {"layers": [CONVOLUTION, DROPOUT, {"type": "max_pool", "width": 4}, FLAT]},
        {"layers": [CONVOLUTION]},
        {"layers": [{**CONVOLUTION, "stride": 2}, *LISTS[0][1:]]},
        {"layers": [{**CONVOLUTION, "dilation": 2}, *LISTS[0][1:]]},
        {"layers": LISTS[0], "strands": "shared"},
        {"layers": LISTS[0], "strands": "averaged"},
        {"layers": LISTS[0], "input": "tracks"},
        {"layers": [{"type": "dense", "units": 2}], "branches": {"sequence": LISTS[0]}},
    ],
)
def test_networks_that_begin_otherwise(network):
    assert not starts_with_first_pool(network)


def test_what_does_not_fit_is_refused():
    codes, (weight, bias, _, _), _ = drawn(SHAPES[1])
    with pytest.raises(ValueError, match="expected uint8"):
        pooled_windows(codes.int(), weight, bias, 4, False)
    with pytest.raises(ValueError, match="expected float32"):
        pooled_windows(codes, weight.double(), bias.double(), 4, False)
    with pytest.raises(ValueError, match="expected float32"):
        pooled_windows(codes, weight, bias[:, :2], 4, False)
    with pytest.raises(ValueError, match="width 12 does not fit into 11"):
        pooled_windows(codes[:, :, :11], weight, bias, 4, False)
