import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, conv1d

from cisflow.best_window import BestWindowNetwork, best_windows, starts_with_best_window
from cisflow.model import build_network
from cisflow.window_kernels import add_best_windows, find_best_windows

CONVOLUTION = {"type": "conv1d", "filters": 6, "width": 8}
POOL = {"type": "global_max_pool"}
RELU = {"type": "activation", "function": "relu"}
DENSE = {"type": "dense", "units": 4}
HEAD = [{"type": "dense", "units": 32}, RELU, {"type": "dropout", "rate": 0.5}]
DEEPBIND = [{"type": "conv1d", "filters": 16, "width": 24}, RELU, POOL, *HEAD]
ZENG = [{"type": "conv1d", "filters": 128, "width": 24, "padding": "same"}, RELU, POOL, *HEAD]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_codes(*shape, seed=0, unknown=0.1):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, shape, dtype=np.uint8)
    codes[rng.random(shape) < unknown] = 4
    return torch.from_numpy(codes)


def one_hot(codes):
    """Base codes (N, L) as one-hot float64 (N, 4, L); an unknown base is four zeros."""
    return torch.eye(5, dtype=torch.float64)[codes.long()][..., :4].transpose(1, 2)


def built(layers, length=40, **others):
    torch.manual_seed(0)
    return build_network({"layers": layers, **others}, {"sequence": (4, length)}, 2)


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


# --- best_windows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("same_padding", [True, False])
@pytest.mark.parametrize(
    ("n_filters", "width", "length"), [(1, 24, 101), (3, 19, 30), (16, 24, 101), (128, 13, 50), (20, 24, 26)]
)
@pytest.mark.parametrize("n_networks", [1, 5])
def test_value_and_gradients_are_those_of_a_convolution_and_its_maximum(
    n_networks, n_filters, width, length, same_padding
):
    generator = torch.Generator().manual_seed(0)
    codes = random_codes(n_networks, 7, length)
    weight = torch.randn(n_networks, n_filters, 4, width, generator=generator).requires_grad_()
    bias = torch.randn(n_networks, n_filters, generator=generator).requires_grad_()
    cotangent = torch.randn(n_networks, 7, n_filters, generator=generator)
    found = best_windows(codes, weight, bias, same_padding)
    found.backward(cotangent)
    for network in range(n_networks):
        own = [parameter[network].detach().double().requires_grad_() for parameter in (weight, bias)]
        padding = "same" if same_padding else "valid"
        expected = conv1d(one_hot(codes[network]), *own, padding=padding).amax(dim=2)
        expected.backward(cotangent[network].double())
        torch.testing.assert_close(found[network].double(), expected, rtol=1e-6, atol=2e-6)
        torch.testing.assert_close(weight.grad[network].double(), own[0].grad, rtol=1e-6, atol=2e-6)
        torch.testing.assert_close(bias.grad[network].double(), own[1].grad, rtol=1e-6, atol=2e-6)


def test_one_network_needs_no_dimension_of_networks():
    codes, weight, bias = random_codes(9, 40), torch.randn(20, 4, 8), torch.randn(20)
    alone = best_windows(codes, weight, bias, True)
    torch.testing.assert_close(alone, best_windows(codes[None], weight[None], bias[None], True)[0], rtol=0, atol=0)
    assert alone.shape == (9, 20)


def test_gradient_of_equal_windows_goes_to_the_first():
    weight = torch.zeros(1, 4, 3, requires_grad=True)
    weight.data[0, 0, 0] = 1  # an A, whatever follows: AC G, AT T, AA A
    codes = torch.tensor([[2, 0, 1, 2, 0, 3, 3, 0, 0, 0]], dtype=torch.uint8)
    best_windows(codes, weight, torch.zeros(1), False).sum().backward()
    expected = torch.zeros(4, 3)
    expected[[0, 1, 2], [0, 1, 2]] = 1
    torch.testing.assert_close(weight.grad[0], expected)


def test_tensors_need_not_be_contiguous():
    codes, weight, bias = random_codes(9, 40), torch.randn(20, 4, 8), torch.randn(20)
    expected = best_windows(codes[:, 5:35].clone(), weight, bias, False)
    strided = weight.transpose(0, 2).contiguous().transpose(0, 2)
    assert not strided.is_contiguous()
    torch.testing.assert_close(best_windows(codes[:, 5:35], strided, bias, False), expected, rtol=0, atol=0)
    weight.requires_grad_()
    best_windows(codes, weight, bias, False).sum().backward()  # its gradient is one number, spread out
    assert weight.grad.abs().sum() > 0


def test_only_gradients_that_are_asked_for_are_made():
    codes, weight, bias = random_codes(9, 40), torch.randn(20, 4, 8), torch.randn(20, requires_grad=True)
    best_windows(codes, weight, bias, False).sum().backward()
    assert weight.grad is None
    torch.testing.assert_close(bias.grad, torch.full((20,), 9.0))


def test_second_derivatives_are_refused():
    weight = torch.randn(3, 4, 8, requires_grad=True)
    value = (best_windows(random_codes(9, 40), weight, torch.zeros(3), False) ** 2).sum()
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.autograd.grad(value, weight, create_graph=True)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"codes": torch.zeros(2, 9, 40, dtype=torch.uint8)}, "do not fit"),
        ({"weight": torch.zeros(20, 5, 8)}, "do not fit"),
        ({"bias": torch.zeros(19)}, "do not fit"),
        ({"codes": torch.zeros(9, 40, dtype=torch.int64)}, "torch.int64"),
        ({"weight": torch.zeros(20, 4, 8, dtype=torch.float64)}, "torch.float64"),
        ({"codes": torch.zeros(9, 7, dtype=torch.uint8)}, "width 8 does not fit into 7 bases"),
    ],
)
def test_what_does_not_fit_is_refused(changes, what):
    """Compiled code would read on beyond the end of an array."""
    tensors = {"codes": random_codes(9, 40), "weight": torch.zeros(20, 4, 8), "bias": torch.zeros(20), **changes}
    with pytest.raises(ValueError, match=what):
        best_windows(**tensors, same_padding=False)


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [[CONVOLUTION, POOL], [CONVOLUTION, RELU, POOL, DENSE], DEEPBIND, ZENG])
def test_networks_that_start_with_the_best_window(layers):
    assert starts_with_best_window({"layers": layers})
    assert starts_with_best_window({"layers": layers, "strands": "single", "input": "sequence"})
    assert not starts_with_best_window({"layers": layers, "strands": "averaged"})
    assert not starts_with_best_window({"layers": layers, "strands": "shared"})
    assert not starts_with_best_window({"layers": layers, "input": "tracks"})
    assert not starts_with_best_window({"layers": [], "branches": {"sequence": layers, "tracks": layers}})


@pytest.mark.parametrize(
    "layers",
    [
        [CONVOLUTION],
        [CONVOLUTION, RELU],
        [CONVOLUTION, RELU, RELU, POOL],
        [CONVOLUTION, {"type": "activation", "function": "gelu"}, POOL],  # falls before it rises
        [CONVOLUTION, {"type": "activation", "function": "silu"}, POOL],
        [CONVOLUTION, {"type": "batch_norm"}, RELU, POOL],
        [CONVOLUTION, {"type": "dropout", "rate": 0.1}, POOL],
        [CONVOLUTION, RELU, {"type": "max_pool", "width": 4}, POOL],
        [CONVOLUTION, RELU, {"type": "global_avg_pool"}],
        [{**CONVOLUTION, "stride": 2}, RELU, POOL],
        [{**CONVOLUTION, "dilation": 2}, RELU, POOL],
        [{"type": "flatten"}, DENSE],
        [],
    ],
)
def test_networks_that_do_not(layers):
    assert not starts_with_best_window({"layers": layers})


@pytest.mark.parametrize("function", [None, "relu", "leaky_relu", "elu", "exp", "softplus", "sigmoid", "tanh"])
@pytest.mark.parametrize("convolution", [CONVOLUTION, {**CONVOLUTION, "padding": "same", "bias": False}])
def test_logits_and_gradients_are_those_of_the_network(convolution, function):
    activation = [{"type": "activation", "function": function}] if function else []
    layers = [{**convolution, "name": "motifs"}, *activation, {**POOL, "name": "best"}, DENSE, RELU]
    assert starts_with_best_window({"layers": layers})
    model, codes = built(layers), random_codes(30, 40)
    reference = copy.deepcopy(model).double()
    expected, found = reference(one_hot(codes)), BestWindowNetwork(model)(codes)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    expected.square().sum().backward()
    found.square().sum().backward()
    for name, gradient in gradients(reference).items():
        torch.testing.assert_close(gradients(model)[name].double(), gradient, rtol=1e-4, atol=1e-5)


def test_a_frozen_convolution_has_no_gradient():
    model = built([CONVOLUTION, RELU, POOL])
    next(iter(model.children())).requires_grad_(False)
    BestWindowNetwork(model)(random_codes(30, 40)).sum().backward()
    assert [name for name, gradient in gradients(model).items() if gradient is not None] == [
        "output.weight", "output.bias",
    ]  # fmt: skip


def test_mode_is_that_of_the_network():
    model, codes = built([CONVOLUTION, POOL, {"type": "dropout", "rate": 0.5}]), random_codes(30, 40)
    quick = BestWindowNetwork(model)
    model.eval()
    torch.testing.assert_close(quick(codes), quick(codes), rtol=0, atol=0)
    torch.testing.assert_close(quick(codes), model(one_hot(codes).float()), rtol=1e-5, atol=1e-6)
    model.train()
    assert (quick(codes) != quick(codes)).any()


@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        (DEEPBIND, lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.98)),
        (ZENG, lambda parameters: torch.optim.Adadelta(parameters, lr=1.0)),
    ],
)
def test_three_epochs_have_the_losses_of_plain_torch(layers, optimizer):
    codes = random_codes(600, 101, unknown=0.001)
    labels = (torch.arange(600) % 2).float()[:, None].expand(-1, 2)
    codes[::2, 40:50] = torch.tensor([0, 2, 0, 3, 3, 0, 1, 0, 2, 2], dtype=torch.uint8)
    losses = []
    for is_quick in (False, True):
        model = built(layers, 101)
        quick, steps = BestWindowNetwork(model), optimizer(model.parameters())
        torch.manual_seed(1)  # of the order and of dropout
        losses.append([])
        for _ in range(3):
            for rows in torch.randperm(600).split(100):
                logits = quick(codes[rows]) if is_quick else model(one_hot(codes[rows]).float())
                loss = binary_cross_entropy_with_logits(logits, labels[rows])
                steps.zero_grad()
                loss.backward()
                steps.step()
                losses[-1].append(float(loss))
    assert losses[0][-1] != losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_kernels_are_compiled_once():
    """Another type or layout of an array would cost seconds more at the first call of every job."""
    for n_networks in (1, 2):
        weight, bias = torch.randn(n_networks, 6, 4, 8, requires_grad=True), torch.zeros(n_networks, 6)
        best_windows(random_codes(n_networks, 5, 30)[:, :, 3:], weight, bias, False).sum().backward()
    BestWindowNetwork(built([CONVOLUTION, POOL]))(random_codes(5, 40)).sum().backward()
    assert len(find_best_windows.signatures) == len(add_best_windows.signatures) == 1
