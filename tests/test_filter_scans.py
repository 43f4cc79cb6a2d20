import numpy as np
import pytest
import torch
from torch import nn

from cisflow.filter_scans import (
    PlainFilters,
    TabulatedFilters,
    activations_without_padding,
    can_be_tabulated,
    end_of_layer,
    filters_of_layer,
    span_of,
)
from cisflow.messages import InputError
from cisflow.model import build_network, first_layer
from cisflow.receptive_fields import ReceptiveField
from cisflow.torch_layers import FUNCTIONS, Activation

CPU, LENGTH = torch.device("cpu"), 60


def codes_of(n_rows, length=LENGTH, seed=2):
    """Base codes uint8 (N, L), some unknown."""
    return np.random.default_rng(seed).choice(5, p=[0.24] * 4 + [0.04], size=(n_rows, length)).astype(np.uint8)


def conv(width, n_filters=3, **settings):
    return {"type": "conv1d", "filters": n_filters, "width": width, **settings}


def built(layers, strands="single", seed=0, length=LENGTH):
    """A network whose batch norms have seen something, and its record."""
    torch.manual_seed(seed)
    network = {"layers": [*layers, {"type": "global_max_pool"}], "strands": strands}
    model = build_network(network, {"sequence": (4, length)}, 1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.weight)  # also below 0
    model(torch.rand(16, 4, length))
    return model.eval(), {"network": network, "inputs": {"sequence": (4, length)}}


def first_of(width, function="relu", n_filters=3, strands="single", **settings):
    layers = [conv(width, n_filters, **settings), {"type": "batch_norm"}, {"type": "activation", "function": function}]
    return built(layers, strands)


def by_hand(first, codes):
    """Activations (N, F, positions) of a first layer in double precision, from windows and batch norm's formula."""
    convolution, norm, function = first
    weight = convolution.weight.detach().double()
    dilation, width = convolution.dilation[0], weight.shape[2]
    one_hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(float))
    windows = one_hot.unfold(2, (width - 1) * dilation + 1, 1)[..., ::dilation]
    value = torch.einsum("nbpk,fbk->nfp", windows, weight)
    value += 0 if convolution.bias is None else convolution.bias.detach().double()[:, None]
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    value = (value - norm.running_mean.double()[:, None]) * scale[:, None] + norm.bias.double()[:, None]
    return FUNCTIONS[function.function](value).detach().numpy()


def plain(first):
    """A first layer as torch computes it."""
    field = ReceptiveField(0, 1, span_of(first[0]), 0, LENGTH - span_of(first[0]) + 1)
    return PlainFilters(activations_without_padding(first), len(first[0].weight), field, CPU)


def check(filters, expected, codes):
    """A scan gives the maxima, sums, sites and best positions of these activations."""
    maximum, total = filters.measure(codes)
    assert maximum == pytest.approx(expected.max(axis=(0, 2)), rel=1e-4, abs=1e-5)
    assert total == pytest.approx(expected.sum(axis=(0, 2)), rel=1e-4, abs=1e-3)
    threshold = (expected.mean(axis=(0, 2)) + 0.4 * (maximum - expected.mean(axis=(0, 2)))).astype(np.float32)
    sites = filters.above(codes, filters.limit(threshold))
    found = sorted(zip(*(part.tolist() for part in sites[:3]), strict=True))
    assert found == [tuple(site) for site in np.argwhere(expected > threshold[:, None]).tolist()]
    assert sites.activation == pytest.approx(expected[sites.row, sites.number, sites.start], rel=1e-4, abs=1e-5)
    best = filters.best(codes)
    assert len(best.row) == expected.shape[0] * expected.shape[1]
    assert best.activation == pytest.approx(expected.max(axis=2)[best.row, best.number], rel=1e-4, abs=1e-5)
    assert expected[best.row, best.number, best.start] == pytest.approx(best.activation, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", [7, 8])
@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_first_layer_is_scanned_as_by_hand(function, width, padding):
    codes = codes_of(25)
    model, record = first_of(width, function, padding=padding, n_filters=19)
    filters = filters_of_layer(model, record, CPU)
    # An activation that falls at first cannot be read off the value of the convolution.
    assert isinstance(filters, PlainFilters if function in ("gelu", "silu") else TabulatedFilters)
    expected = by_hand(first_layer(model), codes)
    check(filters, expected, codes)
    check(plain(first_layer(model)), expected, codes)


@pytest.mark.parametrize(
    "settings",
    [{"dilation": 3}, {"stride": 4}, {"stride": 3, "padding": "same"}, {"bias": False}, {"strands": "shared"}],
    ids=str,
)
def test_other_first_layers_are_scanned_as_by_hand(settings):
    # Of a stride, every position counts; of strands that share filters, each filter once.
    codes = codes_of(25)
    model, record = first_of(8, **settings)
    first = first_layer(model)
    expected = by_hand(first, codes)
    check(filters_of_layer(model, record, CPU), expected, codes)
    check(plain(first), expected, codes)


def test_what_can_be_tabulated():
    relu, exp, norm = Activation("relu"), Activation("exp"), nn.BatchNorm1d(3)
    convolution = nn.Conv1d(4, 3, 5)
    for following in ([], [norm], [norm, norm, relu], [relu, exp], [norm, exp]):
        assert can_be_tabulated(nn.Sequential(convolution, *following))
    for following in ([relu, norm], [Activation("gelu")], [norm, relu, Activation("silu")]):
        assert not can_be_tabulated(nn.Sequential(convolution, *following))


@pytest.mark.parametrize("following", [[], ["norm"], ["tanh", "exp"], ["relu", "norm"]], ids=str)
def test_any_sequence_behind_the_convolution_is_followed(following):
    kinds = {"norm": {"type": "batch_norm"}}
    layers = [conv(9, 5), *(kinds.get(name, {"type": "activation", "function": name}) for name in following)]
    model, record = built(layers)
    codes = codes_of(20)
    one_hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(np.float32))
    with torch.no_grad():
        expected = first_layer(model)(one_hot).double().numpy()
    check(filters_of_layer(model, record, CPU), expected, codes)


def test_exponentials_too_large_for_products_are_summed_all_the_same():
    model, record = built([conv(20, 3), {"type": "activation", "function": "exp"}])
    with torch.no_grad():
        model.conv1d_1.weight[0] *= 60  # words of the first filter multiply to more than float32 holds, and back
        model.conv1d_1.bias[0] = -120
    codes = codes_of(20)
    filters = filters_of_layer(model, record, CPU)
    one_hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(np.float32))
    with torch.no_grad():
        expected = first_layer(model)(one_hot).double().numpy()
    assert np.isfinite(expected).all()
    assert filters.measure(codes)[1] == pytest.approx(expected.sum(axis=(0, 2)), rel=1e-4)


def test_a_filter_that_is_no_number_has_no_sites():
    model, record = first_of(8, "exp")
    with torch.no_grad():
        model.conv1d_1.weight[1, 2, 3] = float("nan")
    codes, filters = codes_of(20), filters_of_layer(model, record, CPU)
    maximum, total = filters.measure(codes)
    assert np.isnan(maximum).tolist() == np.isnan(total).tolist() == [False, True, False]
    sites = filters.above(codes, filters.limit(np.array([0, np.nan, 0], dtype=np.float32)))
    assert set(sites.number.tolist()) == {0, 2}
    assert len(sites.row) == 2 * 20 * 53


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"gelu", "silu"}))
def test_the_limit_is_where_the_activation_passes_the_threshold(function):
    model, record = first_of(8, function, n_filters=40)
    filters = filters_of_layer(model, record, CPU)
    threshold = np.linspace(-0.9, 3, 40).astype(np.float32)
    limit = filters.limit(threshold)
    at, after = filters.activated(limit), filters.activated(np.nextafter(limit, np.float32(np.inf)))
    finite = np.isfinite(limit)
    assert finite.any()
    assert (at[finite] <= threshold[finite]).all()
    assert (after[finite] > threshold[finite]).all()
    # Beyond the range of the activation, all positions are sites, or none.
    assert set(limit[~finite]) <= {-np.inf, np.inf}
    low, high = FUNCTIONS[function](torch.tensor([-1e30, 1e30])).tolist()
    assert (limit == -np.inf).tolist() == (threshold < low).tolist()
    assert (limit[threshold >= high] == np.inf).all()


DEEP = [
    conv(7, 4, padding="same"),
    {"type": "batch_norm"},
    {"type": "activation", "function": "relu"},
    {"type": "max_pool", "width": 3},
    conv(4, 5, padding="same"),
    {"type": "activation", "function": "elu"},
]


def test_sites_of_a_deeper_layer_are_the_bases_that_its_units_see():
    # A unit is computed again from its own window of bases alone.
    model, record = built(DEEP, length=61)
    codes = codes_of(12, 61)
    filters = filters_of_layer(model, record, CPU, "conv1d_2")
    width = 7 + 2 + 3 * 3
    assert filters.span == width
    limit = filters.limit(np.full(5, -2, dtype=np.float32))  # elu is above -1: all positions
    sites = filters.above(codes, limit)
    assert len(np.unique(sites.start)) == filters.n_positions
    assert np.diff(np.unique(sites.start)).tolist() == [3] * (filters.n_positions - 1)
    first, second = model.conv1d_1, model.conv1d_2
    for row, number, start, activation in list(zip(*sites, strict=True))[::7]:
        window = torch.from_numpy((codes[row, start : start + width] == np.arange(4)[:, None]).astype(np.float32))
        with torch.no_grad():
            x = torch.relu(model.batch_norm_1(nn.functional.conv1d(window[None], first.weight, first.bias)))
            x = nn.functional.conv1d(nn.functional.max_pool1d(x, 3), second.weight, second.bias)
        assert x.shape == (1, 5, 1)
        assert nn.functional.elu(x)[0, number, 0].item() == pytest.approx(activation, abs=1e-5)


def test_the_end_of_a_layer():
    model, _ = built(DEEP)
    assert end_of_layer(model, "conv1d_1") == "activation_1"
    assert end_of_layer(model, "conv1d_2") == "activation_2"
    inner = {"type": "residual", "layers": [conv(3, padding="same"), {"type": "batch_norm"}, conv(1)]}
    model, _ = built([conv(5), inner])
    assert end_of_layer(model, "residual_1.layers.conv1d_1") == "residual_1.layers.batch_norm_1"
    assert end_of_layer(model, "residual_1.layers.conv1d_2") == "residual_1.layers.conv1d_2"


@pytest.mark.parametrize(("layer", "text"), [("batch_norm_1", "has no filters"), ("conv1d_9", "has no layer conv1d_9")])
def test_a_layer_without_filters_says_so(layer, text):
    model, record = built(DEEP)
    with pytest.raises(InputError, match=text):
        filters_of_layer(model, record, CPU, layer)


def test_a_layer_behind_one_that_sees_everything_says_so():
    model, record = built([conv(5), {"type": "gru", "units": 4}, conv(3)])
    with pytest.raises(InputError, match="sees all positions at once"):
        filters_of_layer(model, record, CPU, "conv1d_2")
