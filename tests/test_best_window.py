"""The quick way to the first pool gives what torch's layers give, values, gradients and statistics alike."""

import copy

import pytest
import torch
from torch.nn import functional

from cisflow.batches import one_hot_of_codes
from cisflow.best_window import (
    RISING,
    FirstPoolNetwork,
    Norm,
    best_windows,
    first_pool,
    normalised_windows,
    starts_with_first_pool,
)
from cisflow.model import build_network
from cisflow.torch_layers import set_dropout_generator
from cisflow.window_kernels import add_best_windows, count_bases, find_best_windows

# networks, sequences, length, filters, width, same padding, positions of a pool (None: all)
SHAPES = [
    (2, 30, 101, 32, 19, True, 25),
    (3, 16, 50, 20, 12, False, 4),
    (2, 7, 53, 5, 7, True, 3),
    (1, 9, 40, 17, 24, True, None),
    (5, 7, 101, 16, 24, False, None),
    (1, 7, 50, 128, 13, True, None),
    (1, 7, 26, 20, 24, False, None),
    (2, 5, 30, 3, 6, False, 1),
]
CONVOLUTION = {"type": "conv1d", "filters": 6, "width": 7, "padding": "same"}
NORM, DROPOUT, FLAT = {"type": "batch_norm"}, {"type": "dropout", "rate": 0.3}, {"type": "flatten"}
POOL, LARGEST, DENSE = {"type": "max_pool", "width": 4}, {"type": "global_max_pool"}, {"type": "dense", "units": 4}
RELU = {"type": "activation", "function": "relu"}
LISTS = [
    [CONVOLUTION, POOL, FLAT, DENSE],
    [CONVOLUTION, NORM, {"type": "activation", "function": "exp"}, {"type": "max_pool", "width": 7}, DROPOUT, FLAT],
    [{**CONVOLUTION, "bias": False}, NORM, {"type": "max_pool", "width": 5, "stride": 5}, FLAT, NORM, DROPOUT],
    [{**CONVOLUTION, "bias": False}, RELU, LARGEST, DROPOUT],
    [CONVOLUTION, LARGEST],
    [CONVOLUTION, LARGEST, DENSE, RELU, DROPOUT],
    [CONVOLUTION, NORM, {"type": "activation", "function": "tanh"}, LARGEST],
    [CONVOLUTION, NORM, POOL, {"type": "conv1d", "filters": 3, "width": 3}, FLAT],
]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


@pytest.mark.parametrize("training", [None, True, False])
def test_a_single_network_needs_no_dimension_of_networks(training):
    codes, numbers, running = drawn((1, 9, 40, 20, 8, True, 5))
    given = []
    for is_single in (True, False):
        tensors = [codes, *numbers, *running]
        codes_, *four, mean, variance = [x[0].clone() if is_single else x.clone() for x in tensors]
        weight, bias, scale, shift = four = [x.requires_grad_() for x in four]
        norm = None if training is None else Norm(scale, shift, mean, variance, 0.1, 1e-5, training)
        x = first_pool(codes_, weight, bias, norm, 5, True)
        x.square().sum().backward()
        given.append([x, mean, variance, *(tensor.grad for tensor in four if tensor.grad is not None)])
    for single, (several,) in zip(*given, strict=True):
        torch.testing.assert_close(single, several, rtol=1e-6, atol=1e-6)


def test_gradient_of_equal_windows_goes_to_the_first():
    weight = torch.zeros(1, 1, 4, 3, requires_grad=True)
    weight.data[0, 0, 0, 0] = 1  # an A, whatever follows: AC G, AT T, AA A
    codes = torch.tensor([[[2, 0, 1, 2, 0, 3, 3, 0, 0, 0]]], dtype=torch.uint8)
    best_windows(codes, weight, torch.zeros(1, 1), 8, False).sum().backward()
    expected = torch.zeros(4, 3)
    expected[[0, 1, 2], [0, 1, 2]] = 1
    torch.testing.assert_close(weight.grad[0, 0], expected)


def test_values_do_not_depend_on_the_batch():
    codes, (weight, bias, _, _), _ = drawn(SHAPES[0])
    whole = best_windows(codes, weight, bias, 25, True)
    parts = [best_windows(part, weight, bias, 25, True) for part in codes.split([1, 20, 9], dim=1)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_tensors_need_not_be_contiguous():
    codes, (weight, bias, _, _), _ = drawn(SHAPES[1])
    expected = best_windows(codes[:, :, 5:35].clone(), weight, bias, 4, False)
    strided = weight.transpose(1, 3).contiguous().transpose(1, 3)
    assert not strided.is_contiguous()
    torch.testing.assert_close(best_windows(codes[:, :, 5:35], strided, bias, 4, False), expected, rtol=0, atol=0)
    weight.requires_grad_()
    best_windows(codes, weight, bias, 4, False).sum().backward()  # its gradient is one number, spread out
    assert weight.grad.abs().sum() > 0


def test_only_gradients_that_are_asked_for_are_made():
    codes, (weight, bias, _, _), _ = drawn(SHAPES[2])
    best_windows(codes, weight, bias.requires_grad_(), 53, True).sum().backward()
    assert weight.grad is None
    torch.testing.assert_close(bias.grad, torch.full_like(bias, 7.0))


def test_second_derivatives_are_refused():
    codes, (weight, bias, _, _), _ = drawn(SHAPES[2])
    value = (best_windows(codes, weight.requires_grad_(), bias, 3, True) ** 2).sum()
    (gradient,) = torch.autograd.grad(value, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_kernels_are_compiled_once():
    """Another type or layout of an array would cost seconds more at the first call of every job."""
    for shape in SHAPES[:2]:
        codes, (weight, bias, scale, shift), running = drawn(shape)
        weight.requires_grad_()
        for norm in (None, Norm(scale, shift, *running, 0.1, 1e-5, True)):
            first_pool(codes[:, :, 3:], weight, bias, norm, 4, False).sum().backward()
    assert len(find_best_windows.signatures) == 2  # with sums and without
    assert len(add_best_windows.signatures) == len(count_bases.signatures) == 1


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"codes": torch.zeros(1, 9, 40, dtype=torch.uint8)}, "do not fit"),
        ({"codes": torch.zeros(9, 40, dtype=torch.uint8)}, "do not fit"),
        ({"codes": torch.zeros(40, dtype=torch.uint8), "weight": torch.zeros(20, 4, 8)}, "do not fit"),
        ({"codes": torch.zeros(1, 2, 9, 40, dtype=torch.uint8), "weight": torch.zeros(1, 2, 20, 4, 8)}, "do not fit"),
        ({"weight": torch.zeros(2, 20, 5, 8)}, "do not fit"),
        ({"weight": torch.zeros(20, 4, 8)}, "do not fit"),
        ({"bias": torch.zeros(2, 19)}, "do not fit"),
        ({"bias": torch.zeros(2, 20, dtype=torch.float64)}, "torch.float64"),
        ({"codes": torch.zeros(2, 9, 40, dtype=torch.int64)}, "torch.int64"),
        ({"codes": torch.zeros(2, 9, 40, dtype=torch.uint8, device="meta")}, "on meta"),
        ({"weight": torch.zeros(2, 20, 4, 8, dtype=torch.float64)}, "torch.float64"),
        ({"codes": torch.zeros(2, 9, 7, dtype=torch.uint8)}, "width 8 does not fit into 7 bases"),
    ],
)
def test_what_does_not_fit_is_refused(changes, what):
    """Compiled code would read on beyond the end of an array."""
    codes, weight, bias = torch.zeros(2, 9, 40, dtype=torch.uint8), torch.zeros(2, 20, 4, 8), torch.zeros(2, 20)
    tensors = {"codes": codes, "weight": weight, "bias": bias, **changes}
    with pytest.raises(ValueError, match=what):
        best_windows(**tensors, pool=4, same_padding=False)
    if "bias" not in changes:
        of_norm = {name: tensor for name, tensor in tensors.items() if name != "bias"}
        with pytest.raises(ValueError, match=what):
            normalised_windows(**of_norm, scale=bias, shift=bias, pool=4, same_padding=False, epsilon=1e-5)


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", LISTS)
def test_a_network_is_trained_as_by_torch(layers):
    assert starts_with_first_pool({"layers": layers})
    assert starts_with_first_pool({"layers": layers, "strands": "single", "input": "sequence"})
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


@pytest.mark.parametrize("function", sorted(RISING))
@pytest.mark.parametrize("pool", [POOL, LARGEST], ids=["pool", "largest"])
def test_an_activation_may_stand_before_the_pool(pool, function):
    torch.manual_seed(0)
    activation = {"type": "activation", "function": function}
    layers = [{**CONVOLUTION, "name": "motifs"}, activation, {**pool, "name": "best"}, FLAT, DENSE, RELU]
    assert starts_with_first_pool({"layers": layers})
    model = build_network({"layers": layers}, {"sequence": (4, 40)}, 2)
    other = copy.deepcopy(model).double()
    codes = torch.randint(5, (30, 40), dtype=torch.uint8)
    given, expected = FirstPoolNetwork(model)(codes), other(one_hot_of_codes(codes).double())
    torch.testing.assert_close(given.double(), expected, rtol=1e-5, atol=1e-6)
    given.square().sum().backward()
    expected.square().sum().backward()
    theirs = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad.double(), theirs[name].grad, rtol=1e-4, atol=1e-5)


def test_half_precision_begins_behind_the_first_pool():
    torch.manual_seed(0)
    model = build_network({"layers": LISTS[7]}, {"sequence": (4, 40)}, 2).eval()
    codes = torch.randint(5, (30, 40), dtype=torch.uint8)
    quick, given = FirstPoolNetwork(model), []
    quick.others.register_forward_pre_hook(lambda module, x: given.append(x[0]))
    expected = quick(codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = quick(codes)
    assert [x.dtype for x in given] == [torch.float32, torch.bfloat16]
    assert torch.equal(given[1], given[0].bfloat16())
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("layers", "others"), [(LISTS[1], ["batch_norm_1"]), (LISTS[4], [])], ids=["norm", "plain"])
def test_frozen_filters_stay(layers, others):
    torch.manual_seed(0)
    model = build_network({"layers": layers}, {"sequence": (4, 40)}, 1)
    model.conv1d_1.requires_grad_(False)
    FirstPoolNetwork(model)(torch.zeros(8, 40, dtype=torch.uint8)).sum().backward()
    with_gradient = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    assert with_gradient == [f"{name}.{kind}" for name in [*others, "output"] for kind in ("weight", "bias")]


@pytest.mark.parametrize(
    ("filters", "padding", "optimizer"),
    [
        (16, "valid", lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.98)),  # DeepBind
        (128, "same", lambda parameters: torch.optim.Adadelta(parameters, lr=1.0)),  # Zeng et al. 2016
    ],
)
def test_three_epochs_have_the_losses_of_plain_torch(filters, padding, optimizer):
    layers = [
        *({"type": "conv1d", "filters": filters, "width": 24, "padding": padding}, RELU, LARGEST),
        *({"type": "dense", "units": 32}, RELU, {"type": "dropout", "rate": 0.5}),
    ]
    codes = torch.randint(4, (600, 101), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    codes[::7, 50] = 4
    labels = (torch.arange(600) % 2).float()[:, None].expand(-1, 2)
    codes[::2, 40:50] = torch.tensor([0, 2, 0, 3, 3, 0, 1, 0, 2, 2], dtype=torch.uint8)
    losses = []
    for is_quick in (False, True):
        torch.manual_seed(0)
        model = build_network({"layers": layers}, {"sequence": (4, 101)}, 2)
        quick, steps = FirstPoolNetwork(model), optimizer(model.parameters())
        torch.manual_seed(1)  # of the order and of dropout
        losses.append([])
        for _ in range(3):
            for rows in torch.randperm(600).split(100):
                logits = quick(codes[rows]) if is_quick else model(one_hot_of_codes(codes[rows]))
                loss = functional.binary_cross_entropy_with_logits(logits, labels[rows])
                steps.zero_grad()
                loss.backward()
                steps.step()
                losses[-1].append(loss.item())
    assert losses[0][-1] != losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize(
    "network",
    [
        {"layers": [NORM, *LISTS[0]]},
        {"layers": []},
        {"layers": [FLAT]},
        {"layers": [CONVOLUTION, RELU]},
        {"layers": [CONVOLUTION, RELU, RELU, LARGEST]},
        {"layers": [CONVOLUTION, {"type": "activation", "function": "silu"}, LARGEST]},
        {"layers": [CONVOLUTION, RELU, {"type": "global_avg_pool"}]},
        {"layers": [CONVOLUTION, FLAT]},
        {"layers": [CONVOLUTION, {"type": "activation", "function": "gelu"}, POOL, FLAT]},  # falls before it rises
        {"layers": [CONVOLUTION, {"type": "activation", "function": "exp"}, NORM, POOL]},
        {"layers": [CONVOLUTION, {"type": "max_pool", "width": 4, "stride": 2}, FLAT]},
        {"layers": [CONVOLUTION, {"type": "avg_pool", "width": 4}, FLAT]},
        {"layers": [CONVOLUTION, DROPOUT, POOL, FLAT]},
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
