"""Every layer against torch's own modules, or against loops that spell out what it does."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional

from cisflow.layers import layer_of, shared_layer_of
from cisflow.torch_layers import Dropout, GlobalPool, JoinStrands, dropout_masks, make_layer, set_dropout_generator

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def layer(kind, shape, shared=False, **settings):
    """A layer, and what it makes of random numbers of that shape."""
    spec = {"type": kind, **settings}
    module = make_layer(spec, shape, shared)
    x = torch.randn(3, *shape)
    y = module(x)
    assert tuple(y.shape[1:]) == (shared_layer_of if shared else layer_of)(spec, shape).shape
    return module, x, y


def close(a, b, tolerance=1e-5):
    return np.allclose(np.asarray(a.detach()), np.asarray(b.detach() if torch.is_tensor(b) else b), atol=tolerance)


def reverse_complement(x):
    return x.flip(1, 2)


# --- convolutions -----------------------------------------------------------------------------------------------------


def convolved(x, weight, bias, left, positions, stride, dilation):
    """A convolution in plain loops; zeros beyond the ends, the first window `left` positions before the first."""
    x, weight, bias = (tensor.detach().double().numpy() for tensor in (x, weight, bias))
    y = np.zeros((len(x), len(weight), positions))
    for p in range(positions):
        y[:, :, p] = bias
        for k in range(weight.shape[2]):
            at = p * stride - left + k * dilation
            if 0 <= at < x.shape[2]:
                y[:, :, p] += x[:, :, at] @ weight[:, :, k].T
    return y


@pytest.mark.parametrize("length", [22, 23])
@pytest.mark.parametrize("width", [1, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_conv1d_is_a_sum_over_each_window(length, width, dilation, stride, padding):
    module, x, y = layer(
        "conv1d", (4, length), filters=6, width=width, padding=padding, stride=stride, dilation=dilation
    )
    span = (width - 1) * dilation + 1
    left, windows = ((span - 1) // 2, length) if padding == "same" else (0, length - span + 1)
    expected = convolved(x, module.weight, module.bias, left, math.ceil(windows / stride), stride, dilation)
    assert y.shape == expected.shape
    assert close(y, expected)


def test_bias_can_be_left_out():
    module, _, _ = layer("conv1d", (4, 20), filters=6, width=3, bias=False)
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    module, _, _ = layer("dense", (20,), units=6, bias=False)
    assert [name for name, _ in module.named_parameters()] == ["weight"]


def test_conv2d_reads_channels_and_positions_as_a_picture_of_one_channel():
    module, x, y = layer("conv2d", (5, 30), filters=7, height=3, width=10, padding="same")
    assert close(y, functional.conv2d(x[:, None], module.weight, module.bias, padding="same"))
    module, x, y = layer("conv2d", (2, 5, 30), filters=7, height=3, width=4)
    assert close(y, functional.conv2d(x, module.weight, module.bias))


# --- filters shared between the strands -------------------------------------------------------------------------------


def doubled(weight, bias):
    """The filters and, in reversed order, their reverse complements, entry by entry."""
    filters, channels, width = weight.shape
    both, biases = torch.zeros(2 * filters, channels, width), torch.zeros(2 * filters)
    for f in range(filters):
        for c in range(channels):
            for k in range(width):
                both[f, c, k] = weight[f, c, k]
                both[2 * filters - 1 - f, channels - 1 - c, width - 1 - k] = weight[f, c, k]
        if bias is not None:
            biases[f] = biases[2 * filters - 1 - f] = bias[f]
    return both, biases


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("width", "padding", "dilation"), [(7, "same", 1), (8, "valid", 1), (6, "same", 2)])
def test_a_shared_convolution_is_one_with_doubled_weights(width, padding, dilation, bias):
    settings = {"filters": 6, "width": width, "padding": padding, "dilation": dilation, "bias": bias}
    module, x, y = layer("conv1d", (4, 40), shared=True, **settings)
    assert module.weight.shape == (6, 4, width)
    weight, biases = doubled(module.weight, module.bias)
    assert close(y, functional.conv1d(x, weight, biases, padding=padding, dilation=dilation))
    assert close(module(reverse_complement(x)), reverse_complement(y))


@pytest.mark.parametrize(
    ("kind", "settings", "positions"),
    [
        ("conv1d", {"filters": 3, "width": 7, "stride": 3}, 36),  # a remainder of 2
        ("conv1d", {"filters": 3, "width": 7, "stride": 3, "padding": "same"}, 36),
        ("conv1d", {"filters": 3, "width": 7, "stride": 3, "padding": "same"}, 37),
        ("max_pool", {"width": 5}, 39),  # a remainder of 4
        ("avg_pool", {"width": 5}, 40),
        ("max_pool", {"width": 5, "stride": 3}, 37),
        ("avg_pool", {"width": 5, "stride": 3}, 38),
        ("activation", {"function": "gelu"}, 37),
        ("batch_norm", {"initial_scale": 0.5}, 37),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_a_shared_layer_gives_the_other_strand_the_same_in_reversed_order(kind, settings, positions, training):
    module, x, _ = layer(kind, (6, positions), shared=True, **settings)
    module.train(training)
    y = module(x)
    assert close(module(reverse_complement(x)), reverse_complement(y))
    assert y.std() > 0.01


def test_what_no_shared_pool_covers_lies_at_both_ends():
    # 14 positions, windows of 6: two are left over, one at each end.
    _, x, y = layer("max_pool", (2, 14), shared=True, width=6)
    assert close(y, torch.stack([x[:, :, 1:7].amax(2), x[:, :, 7:13].amax(2)], dim=2))


def test_shared_batch_norm_has_the_statistics_of_both_strands_of_each_filter():
    module, x, y = layer("batch_norm", (6, 11), shared=True)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        module.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    y = module(x).detach().double().numpy()
    x = x.double().numpy()
    for f in range(3):
        pair = np.concatenate([x[:, f], x[:, 5 - f]])
        for channel in (f, 5 - f):
            expected = (x[:, channel] - pair.mean()) / np.sqrt(pair.var() + 1e-5) * (f + 1) + (f + 1) / 10
            assert np.allclose(y[:, channel], expected, atol=1e-4)
        assert float(module.running_mean[f]) == pytest.approx((0.1 + 0.9 * 0.1) * pair.mean(), rel=1e-4)  # seen twice
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias"]


def test_the_join_is_the_mean_over_strands():
    y = torch.randn(2, 6, 5)
    z = JoinStrands()(y)
    assert z.shape == (2, 3, 5)
    for c in range(3):
        for p in range(5):
            assert close(z[:, c, p], (y[:, c, p] + y[:, 5 - c, 4 - p]) / 2)
    assert close(JoinStrands()(reverse_complement(y)), z)


# --- norms, activations, dropout --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (7, 11), (7, 5, 3)])
def test_batch_norm_is_of_each_channel(shape):
    _, x, y = layer("batch_norm", shape, initial_scale=0.2)
    over = [0, *range(2, x.ndim)]
    mean, variance = x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)
    assert close(y, 0.2 * (x - mean) / (variance + 1e-5).sqrt())


@pytest.mark.parametrize("shape", [(7,), (7, 11), (7, 5, 3)])
def test_layer_norm_is_over_the_channels_of_each_position(shape):
    module, x, _ = layer("layer_norm", shape)
    with torch.no_grad():
        module.weight.normal_()
        module.bias.normal_()
    y = module(x)
    for row in range(3):
        for place in np.ndindex(*shape[1:]):
            at = (row, slice(None), *place)
            assert close(y[at], functional.layer_norm(x[at], (7,), module.weight, module.bias))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", nn.ReLU()),
        ("leaky_relu", nn.LeakyReLU()),
        ("elu", nn.ELU()),
        ("gelu", nn.GELU()),
        ("silu", nn.SiLU()),
        ("exp", torch.exp),
        ("softplus", nn.Softplus()),
        ("sigmoid", nn.Sigmoid()),
        ("tanh", nn.Tanh()),
    ],
)
def test_activations_are_torchs(function, expected):
    _, x, y = layer("activation", (4, 9), function=function)
    assert close(y, expected(x))


def test_dropout_acts_in_training_alone():
    module, x = Dropout(0.3), torch.randn(50, 4, 9)
    y = module(x)
    assert torch.equal(y != 0, (y - x / 0.7).abs() < 1e-3)
    assert torch.equal(module.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


@pytest.mark.parametrize("device", DEVICES)
def test_dropout_draws_from_its_generator_alone(device):
    x = torch.randn(50, 4, 9, device=device)
    model = nn.Sequential(Dropout(0.3), nn.ReLU(), nn.Sequential(Dropout(0.5)))
    found = []
    for other in (0, 1):
        torch.manual_seed(other)
        set_dropout_generator(model, torch.Generator(device).manual_seed(7))
        found.append(model(x))
    assert torch.equal(*found)
    assert not torch.equal(model(x), found[0])  # the generator has moved on
    set_dropout_generator(model, None)
    assert all(module.generator is None for module in model.modules() if isinstance(module, Dropout))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.37, 0.5, 0.9])
def test_dropout_drops_so_many_and_keeps_the_mean(rate, device):
    n_elements = 400_003  # of which the last words of random bits are not used up
    [mask] = dropout_masks([torch.Generator(device).manual_seed(1)], (n_elements,), rate, torch.ones(1, device=device))
    kept = mask[mask > 0]
    assert binomtest(n_elements - len(kept), n_elements, rate).pvalue > 1e-3
    assert kept.tolist() == pytest.approx([1 / (1 - rate)] * len(kept), rel=1e-4)
    assert float(mask.double().mean()) == pytest.approx(1, abs=5 * math.sqrt(rate / (1 - rate) / n_elements))


@pytest.mark.parametrize("rate", [1e-9, 1 - 1e-9])
def test_dropout_of_almost_nothing_or_all_stays_finite(rate):
    [mask] = dropout_masks([torch.Generator().manual_seed(1)], (1000, 100), rate, torch.ones(1))
    assert torch.isfinite(mask).all()
    assert float((mask > 0).double().mean()) == pytest.approx(1 - rate, abs=2e-4)


@pytest.mark.parametrize("device", DEVICES)
def test_masks_of_several_networks_are_those_that_each_draws(device):
    like, shape = torch.ones(1, device=device), (7, 5, 3)  # no multiple of four elements
    together = dropout_masks([torch.Generator(device).manual_seed(seed) for seed in (1, 2, 3)], shape, 0.5, like)
    for seed, mask in zip((1, 2, 3), together, strict=True):
        module = Dropout(0.5)
        module.generator = torch.Generator(device).manual_seed(seed)
        assert torch.equal(module(torch.ones(shape, device=device)), mask)
        module.generator.manual_seed(seed)
        in_other_order = torch.ones(3, 5, 7, device=device).permute(2, 1, 0)
        assert torch.equal(module(in_other_order), mask)  # however they lie in memory
        for dtype in (torch.float64, torch.bfloat16):
            module.generator.manual_seed(seed)
            assert torch.equal(module(torch.ones(shape, device=device, dtype=dtype)) > 0, mask > 0)


def test_elements_and_networks_are_dropped_independently():
    generators = [torch.Generator().manual_seed(seed) for seed in range(4)]
    dropped = dropout_masks(generators, (100_000,), 0.5, torch.ones(1)) == 0
    pairs = [(dropped[0], other) for other in dropped[1:]]  # of networks
    pairs += [(dropped[0, : -lag or None], dropped[0, lag:]) for lag in (1, 2, 3, 4, 5, 8)]  # of elements
    pairs.append((dropped[0], dropout_masks(generators, (100_000,), 0.5, torch.ones(1))[0] == 0))  # of steps
    for one, other in pairs:
        assert binomtest(int((one == other).sum()), len(one), 0.5).pvalue > 1e-3


# --- pools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "stride"), [(4, None), (4, 4), (4, 2), (3, 5)])
def test_pools_are_of_each_window(width, stride):
    settings = {"width": width, **({"stride": stride} if stride else {})}
    _, x, y = layer("max_pool", (5, 22), **settings)
    windows = x.unfold(2, width, stride or width)
    assert close(y, windows.amax(3))
    _, x, y = layer("avg_pool", (5, 22), **settings)
    assert close(y, x.unfold(2, width, stride or width).mean(3))


def test_max_pool2d_is_of_each_window():
    _, x, y = layer("max_pool2d", (4, 5, 9), height=2, width=3)
    assert close(y, nn.MaxPool2d((2, 3))(x))


@pytest.mark.parametrize("shape", [(5, 22), (5, 3, 7)])
def test_global_pools_leave_a_number_a_channel(shape):
    places = tuple(range(2, len(shape) + 1))
    _, x, y = layer("global_max_pool", shape)
    assert close(y, x.amax(places))
    _, x, y = layer("global_avg_pool", shape)
    assert close(y, x.mean(places))


def test_gradient_of_a_global_maximum_goes_to_the_first_place():
    """As in the quick way to the first pool, so that both learn the same of equal windows."""
    x = torch.tensor([[[0.0, 2.0, 1.0, 2.0], [3.0, 3.0, 3.0, 3.0]]], requires_grad=True)
    pool = GlobalPool("max")
    pool(x).sum().backward()
    assert x.grad.tolist() == [[[0, 1, 0, 0], [1, 0, 0, 0]]]
    assert torch.equal(pool(x), pool(x.detach()))


def test_attention_pool_is_a_mean_weighted_by_a_softmax():
    module, x, _ = layer("attention_pool", (5, 23), width=4)
    nn.init.normal_(module.projection.weight)
    y = module(x)
    x, weight = x.double().numpy(), module.projection.weight.detach().double().numpy()[:, :, 0]
    for row in range(3):
        for window in range(5):
            inside = x[row, :, 4 * window : 4 * window + 4]
            score = np.exp(weight @ inside)
            expected = (inside * score / score.sum(1, keepdims=True)).sum(1)
            assert np.allclose(y[row, :, window].detach(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 22), (5, 3, 7)])
def test_global_attention_pool_is_one_window(shape):
    module, x, y = layer("global_attention_pool", shape)
    one, _, _ = layer("attention_pool", (5, math.prod(shape[1:])), width=math.prod(shape[1:]))
    assert close(y, one(x.flatten(2))[:, :, 0])
    assert torch.equal(module.projection.weight[:, :, 0], 2 * torch.eye(5))  # where it starts, as in Enformer


# --- what looks at several positions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 9), (32, 3, 4)])
def test_squeeze_excite_by_hand(shape):
    module, x, y = layer("squeeze_excite", shape, ratio=16)
    assert [tuple(p.shape) for p in module.parameters()] == [(2, 32), (2,), (32, 2), (32,)]
    numbers = {name: p.detach().double().numpy() for name, p in module.named_parameters()}
    values = x.double().numpy().reshape(3, 32, -1)
    hidden = np.maximum(values.mean(2) @ numbers["squeeze.weight"].T + numbers["squeeze.bias"], 0)
    scale = 1 / (1 + np.exp(-(hidden @ numbers["excite.weight"].T + numbers["excite.bias"])))
    assert np.allclose(y.detach().reshape(3, 32, -1), values * scale[:, :, None], atol=1e-5)


def test_squeeze_excite_of_few_channels_has_one_hidden_unit():
    module, _, _ = layer("squeeze_excite", (3, 9))
    assert module.squeeze.out_features == 1


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("kind", "reference"), [("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_recurrent_layers_are_torchs(kind, reference, bidirectional):
    module, x, y = layer(kind, (5, 13), units=6, bidirectional=bidirectional)
    expected = reference(5, 6, bidirectional=bidirectional)  # positions first
    expected.load_state_dict(module.state_dict())
    assert close(y, expected(x.permute(2, 0, 1))[0].permute(1, 2, 0))


def test_an_lstm_has_one_trained_bias_a_gate():
    module, _, y = layer("lstm", (5, 13), units=6)
    y.sum().backward()
    biases = {name: p for name, p in module.named_parameters() if "bias" in name}
    assert [name for name, p in biases.items() if p.requires_grad] == ["bias_ih_l0", "bias_ih_l0_reverse"]
    assert all(not p.any() and p.grad is None for name, p in biases.items() if "_hh_" in name)


def test_attention_is_torchs():
    module, x, _ = layer("attention", (12, 9), heads=3)
    expected = nn.MultiheadAttention(12, 3, batch_first=True)
    assert sum(p.numel() for p in expected.parameters()) == sum(p.numel() for p in module.parameters())
    with torch.no_grad():
        module.projection.bias.normal_()
        module.out.bias.normal_()
    expected.load_state_dict(
        {
            "in_proj_weight": module.projection.weight,
            "in_proj_bias": module.projection.bias,
            "out_proj.weight": module.out.weight,
            "out_proj.bias": module.out.bias,
        }
    )
    turned = x.transpose(1, 2)
    assert close(module(x), expected(turned, turned, turned)[0].transpose(1, 2))


def test_attention_drops_weights_by_its_generator():
    module, x, _ = layer("attention", (12, 9), heads=3, dropout=0.5)
    set_dropout_generator(module, torch.Generator().manual_seed(1))
    first = module(x)
    set_dropout_generator(module, torch.Generator().manual_seed(1))
    assert torch.equal(module(x), first)
    assert not close(module.eval()(x), first)


@pytest.mark.parametrize("channels", [6, 7])
def test_position_encoding_adds_sines_and_cosines(channels):
    module, x, y = layer("position_encoding", (channels, 11))
    for channel in range(channels):
        for position in range(11):
            angle = position / 10000 ** (2 * (channel // 2) / channels)
            wave = math.sin(angle) if channel % 2 == 0 else math.cos(angle)
            assert close(y[:, channel, position] - x[:, channel, position], torch.full((3,), wave))
    assert module.state_dict() == {}  # nothing that would have to be saved


def test_flatten_and_dense():
    _, x, y = layer("flatten", (4, 3, 2))
    assert torch.equal(y, x.reshape(3, 24))
    module, x, y = layer("dense", (20,), units=6)
    assert close(y, x @ module.weight.T + module.bias)
