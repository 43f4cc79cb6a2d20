"""Pictures whose channels lie side by side give what torch's layers along positions give, and train the same."""

import copy
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from cisflow.batches import one_hot_of_codes
from cisflow.channels_last import (
    ChannelsLast,
    ChannelsLastNetwork,
    on_picture,
    one_hot_pictures,
    starts_with_pictures,
    takes_pictures,
)
from cisflow.model import build_network
from cisflow.torch_layers import Activation, BatchNorm1d, Conv1d, Dropout, Residual, set_dropout_generator

ENTRIES = yaml.safe_load((Path(__file__).parent.parent / "config" / "models.yaml").read_text())
ALONG = {
    name: entry["layers"]
    for name, entry in ENTRIES.items()
    if entry.get("input", "sequence") == "sequence" and "branches" not in entry and "strands" not in entry
}
LENGTHS = {"zou_primer": 50, "danq": 150}  # bases that make a network large enough; others 200
LAYERS = [
    Conv1d(6, 8, 5, padding="same"),
    Conv1d(6, 8, 4, padding="same", bias=False),
    Conv1d(6, 8, 7),
    Conv1d(6, 8, 6, stride=3, ends=(2, 3)),
    Conv1d(6, 8, 6, stride=2, ends=(-1, -1)),
    Conv1d(6, 8, 1),
    BatchNorm1d(6),
    nn.MaxPool1d(4),
    nn.MaxPool1d(5, 2),
    nn.AvgPool1d(4),
    nn.AvgPool1d(5, 2),
    *(Activation(function) for function in ("relu", "gelu", "softplus")),
    Dropout(0.3),
    Residual(nn.Sequential(BatchNorm1d(6), Activation("relu"), Conv1d(6, 6, 3, padding="same"))),
    Residual(nn.Sequential(Conv1d(6, 4, 3, padding="same"), Dropout(0.5)), Conv1d(6, 4, 1)),
]
POOL, FLAT = {"type": "max_pool", "width": 4}, {"type": "flatten"}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def lies_so(x):
    return x.is_contiguous(memory_format=torch.channels_last)


def compare(module, other, run, run_other, is_training):
    """Values, gradients, buffers and random numbers drawn of two copies, one run each way, in double precision."""
    given, generators = [], []
    for network, function in ((module, run), (other, run_other)):
        network.train(is_training)
        network.zero_grad()
        generators.append(torch.Generator().manual_seed(3))
        set_dropout_generator(network, generators[-1])
        x = function()
        (x * torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=x.dtype)).sum().backward()
        given.append(x)
    torch.testing.assert_close(given[0], given[1], rtol=1e-12, atol=1e-12)
    for (name, one), two in zip(module.named_parameters(), other.parameters(), strict=True):
        scale = max(1.0, float(two.grad.abs().max())) if two.grad is not None else 1.0
        if two.grad is None:
            assert one.grad is None, name
        else:
            torch.testing.assert_close(one.grad / scale, two.grad / scale, rtol=1e-10, atol=1e-12, msg=name)
    for one, two in zip(module.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


def disturbed(module):
    """In double precision, with parameters that are not where they began."""
    module = copy.deepcopy(module).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_gives_what_it_gives_along_positions(layer, is_training):
    assert takes_pictures(layer)
    module = disturbed(layer)
    other = copy.deepcopy(module)
    x = torch.randn(5, 6, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    picture = x.unsqueeze(2).contiguous(memory_format=torch.channels_last).requires_grad_()
    x = x.clone().requires_grad_()
    given = []

    def on_pictures():
        given.append(on_picture(module, picture))
        return given[0].squeeze(2)

    compare(module, other, on_pictures, lambda: other(x), is_training)
    assert lies_so(given[0])
    torch.testing.assert_close(picture.grad.squeeze(2), x.grad, rtol=1e-12, atol=1e-12)


def test_of_equal_values_in_a_pool_the_same_gets_the_gradient():
    for pool in (nn.MaxPool1d(3), nn.MaxPool1d(4, 2)):
        x = torch.ones(2, 3, 12, requires_grad=True)
        picture = torch.ones(2, 3, 1, 12).contiguous(memory_format=torch.channels_last).requires_grad_()
        pool(x).sum().backward()
        on_picture(pool, picture).sum().backward()
        assert torch.equal(picture.grad.squeeze(2), x.grad)


@pytest.mark.parametrize(
    "layer",
    [
        Conv1d(6, 8, 5, dilation=2),
        Conv1d(6, 8, 5, shared=True),
        BatchNorm1d(3, shared=True),
        nn.LayerNorm(6),
        nn.Flatten(),
        Residual(nn.Sequential(Conv1d(6, 6, 3, dilation=2, padding="same"))),
        Residual(nn.Sequential(Conv1d(6, 4, 3, padding="same")), nn.Linear(6, 4)),
    ],
    ids=str,
)
def test_layers_that_take_none(layer):
    assert not takes_pictures(layer)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("name", ALONG)
def test_networks_give_what_they_give_along_positions(name, is_training):
    length = LENGTHS.get(name, 200)
    torch.manual_seed(0)
    module = disturbed(build_network({"layers": ALONG[name]}, {"sequence": (4, length)}, 2))
    other = copy.deepcopy(module)
    layers = ChannelsLast(list(module.children()))
    codes = torch.randint(5, (6, length), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert lies_so(one_hot_pictures(codes))
    compare(
        module,
        other,
        lambda: layers(one_hot_pictures(codes).double()),
        lambda: other(one_hot_of_codes(codes).double()),
        is_training,
    )


def test_bases_as_pictures_are_one_hot():
    codes = torch.randint(5, (7, 30), dtype=torch.uint8)
    assert torch.equal(one_hot_pictures(codes).squeeze(2), one_hot_of_codes(codes))


def test_parameters_and_mode_are_those_of_the_network():
    model = build_network({"layers": [*ALONG["koo_eddy_cnn_1"]]}, {"sequence": (4, 200)}, 2)
    quick = ChannelsLastNetwork(model)
    assert {id(parameter) for parameter in quick.parameters()} == {id(parameter) for parameter in model.parameters()}
    codes = torch.randint(5, (20, 200), dtype=torch.uint8)
    assert (quick(codes) != quick(codes)).any()
    model.eval()
    torch.testing.assert_close(quick(codes), model(one_hot_of_codes(codes)), rtol=1e-4, atol=1e-5)
    assert torch.equal(quick(codes), quick(codes))


@pytest.mark.parametrize("is_half", [False, True])
def test_layers_stay_side_by_side_in_the_precision_that_is_asked_for(is_half):
    """What falls back to the other order of memory, or to single precision, costs the time that was to be saved."""
    model = build_network({"layers": ALONG["deepstarr"]}, {"sequence": (4, 200)}, 2)
    x = one_hot_pictures(torch.randint(5, (8, 200), dtype=torch.uint8))
    layers = ChannelsLast(list(model.children()))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half):
        for module in layers.leading:
            x = on_picture(module, x)
            assert lies_so(x)
            assert x.dtype == (torch.bfloat16 if is_half else torch.float32)
    assert len(layers.leading) == 16


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"layers": [{"type": "conv1d", "filters": 3, "width": 5}, POOL, FLAT]}, True),
        ({"layers": [POOL, FLAT]}, True),
        ({"layers": ALONG["koo_eddy_cnn_1"]}, True),
        ({"layers": ALONG["zeng_2layer"]}, False),  # no pool but the global one
        ({"layers": ALONG["dilated_resnet"]}, False),
        ({"layers": [FLAT]}, False),
        ({"layers": [{"type": "conv1d", "filters": 3, "width": 5, "dilation": 2}, POOL, FLAT]}, False),
        ({"layers": [{"type": "conv1d", "filters": 3, "width": 5}, POOL, FLAT], "strands": "averaged"}, False),
        ({"layers": [{"type": "conv1d", "filters": 3, "width": 5}, POOL, FLAT], "strands": "shared"}, False),
        ({"layers": [POOL, FLAT], "input": "tracks"}, False),
        ({"layers": [], "branches": {"sequence": [POOL, FLAT], "tracks": [FLAT]}}, False),
    ],
)
def test_networks_for_which_it_stands(network, expected):
    model = build_network(network, {"sequence": (4, 200), "tracks": (3, 20)}, 2)
    assert starts_with_pictures(model) is expected
