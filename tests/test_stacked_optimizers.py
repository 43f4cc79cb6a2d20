"""The optimisers of many networks at once are those of torch.optim on each of them."""

import pytest
import torch

from cisflow.stacked_optimizers import StackedOptimizer, cap_weight_norms, clip_gradients

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
SHAPES = {"conv.weight": (3, 4, 5), "conv.bias": (3,), "dense.weight": (2, 6), "dense.bias": (2,)}
SLICES, END = {}, 0
for NAME, SHAPE in SHAPES.items():
    SHAPE = torch.Size(SHAPE)
    SLICES[NAME] = slice(END, END + SHAPE.numel()), SHAPE
    END += SHAPE.numel()
RATES = [0.1, 0.003, 0.02]
OPTIMIZERS = {
    "adam": ({}, lambda groups, rate: torch.optim.Adam(groups, lr=rate)),
    "adamw": ({}, lambda groups, rate: torch.optim.AdamW(groups, lr=rate)),
    "sgd": ({"momentum": 0.9}, lambda groups, rate: torch.optim.SGD(groups, lr=rate, momentum=0.9)),
    "sgd without momentum": ({"momentum": 0.0}, lambda groups, rate: torch.optim.SGD(groups, lr=rate)),
    "rmsprop": (
        {"momentum": 0.0, "smoothing": 0.98},
        lambda groups, rate: torch.optim.RMSprop(groups, lr=rate, alpha=0.98),
    ),
    "rmsprop with momentum": (
        {"momentum": 0.9, "smoothing": 0.9},
        lambda groups, rate: torch.optim.RMSprop(groups, lr=rate, alpha=0.9, momentum=0.9),
    ),
    "adadelta": ({}, lambda groups, rate: torch.optim.Adadelta(groups, lr=rate)),
}


def random_rows(step, count=3, device="cpu", dtype=torch.float32):
    """Numbers of very different sizes, some of them 0."""
    generator = torch.Generator().manual_seed(step)
    rows = torch.randn(count, END, generator=generator, dtype=torch.float64)
    rows *= 10.0 ** torch.randint(-4, 2, (count, END), generator=generator)
    rows[torch.rand(count, END, generator=generator) < 0.2] = 0
    return rows.to(device, dtype)


def settings_of(name, decay=0.0):
    return {
        "momentum": 0.0,
        **OPTIMIZERS[name][0],
        "optimizer": name.split()[0],
        "learning_rate": 0.1,
        "weight_decay": decay,
    }


def parameters_of(row):
    """Parameters of one network, in their shapes, apart from the row."""
    return {name: row[part].reshape(shape).clone().requires_grad_() for name, (part, shape) in SLICES.items()}


def row_of(parameters):
    return torch.cat([parameter.detach().flatten() for parameter in parameters.values()])


def set_gradients(parameters, row):
    for name, parameter in parameters.items():
        parameter.grad = row[SLICES[name][0]].reshape(parameter.shape).clone()


def torch_optimizer(name, parameters, rate, decay):
    weights = [parameter for parameter in parameters.values() if parameter.ndim > 1]
    others = [parameter for parameter in parameters.values() if parameter.ndim <= 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return OPTIMIZERS[name][1](groups, rate)


def stacked_optimizer(name, flat, decay=0.0):
    optimizer = StackedOptimizer(flat, SLICES, settings_of(name, decay))
    optimizer.rates[:, 0] = torch.tensor(RATES[: len(flat)], dtype=torch.float64)
    return optimizer


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("device", DEVICES)
def test_twenty_steps_are_those_of_torch(name, decay, device):
    flat = random_rows(0, device=device).requires_grad_()
    alone = [parameters_of(row) for row in flat.detach()]
    theirs = [torch_optimizer(name, parameters, rate, decay) for parameters, rate in zip(alone, RATES, strict=True)]
    ours = stacked_optimizer(name, flat, decay)
    for step in range(1, 21):
        gradients = random_rows(step, device=device)
        flat.grad = gradients.clone()
        ours.step(flat)
        for parameters, optimizer, row in zip(alone, theirs, gradients, strict=True):
            set_gradients(parameters, row)
            optimizer.step()
        torch.testing.assert_close(flat.detach(), torch.stack([row_of(x) for x in alone]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_in_double_precision_they_are_the_same_to_the_last_digits(name):
    flat = random_rows(0, dtype=torch.float64).requires_grad_()
    alone = [parameters_of(row) for row in flat.detach()]
    theirs = [torch_optimizer(name, parameters, rate, 0.05) for parameters, rate in zip(alone, RATES, strict=True)]
    ours = stacked_optimizer(name, flat, 0.05)
    for step in range(1, 21):
        gradients = random_rows(step, dtype=torch.float64)
        flat.grad = gradients.clone()
        ours.step(flat)
        for parameters, optimizer, row in zip(alone, theirs, gradients, strict=True):
            set_gradients(parameters, row)
            optimizer.step()
    torch.testing.assert_close(flat.detach(), torch.stack([row_of(x) for x in alone]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rates_may_change_and_decay_may_differ_between_networks(name):
    decays = [0.0, 0.1, 0.02]
    flat = random_rows(0, dtype=torch.float64).requires_grad_()
    alone = [parameters_of(row) for row in flat.detach()]
    theirs = [torch_optimizer(name, parameters, 0.1, decay) for parameters, decay in zip(alone, decays, strict=True)]
    ours = stacked_optimizer(name, flat, torch.tensor(decays, dtype=torch.float64)[:, None])
    for step in range(1, 6):
        gradients = random_rows(step, dtype=torch.float64)
        flat.grad = gradients.clone()
        for number in range(3):
            rate = 0.01 * step / (number + 1)
            ours.rates[number] = rate
            set_gradients(alone[number], gradients[number])
            for group in theirs[number].param_groups:
                group["lr"] = rate
            theirs[number].step()
        ours.step(flat)
    torch.testing.assert_close(flat.detach(), torch.stack([row_of(x) for x in alone]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_and_what_is_kept_go_on_as_before(name):
    def run(flat, optimizer, steps, rows):
        for step in steps:
            flat.grad = random_rows(step)[rows]
            optimizer.step(flat)

    whole = random_rows(0).requires_grad_()
    optimizer = stacked_optimizer(name, whole, 0.05)
    run(whole, optimizer, range(1, 4), [0, 1, 2])
    optimizer.steps[:, 0] += torch.tensor([0.0, 4.0, 9.0])  # as if they had come from different checkpoints
    halfway = whole.detach().clone().requires_grad_()
    resumed = StackedOptimizer(halfway, SLICES, settings_of(name, 0.05))
    resumed.load_state_dict(optimizer.state_dict())
    kept = whole.detach()[[2, 0]].clone().requires_grad_()
    smaller = StackedOptimizer(whole, SLICES, settings_of(name, torch.full((3, 1), 0.05)))
    smaller.load_state_dict(optimizer.state_dict())
    smaller.keep([2, 0])
    for flat, which, rows in ((whole, optimizer, [0, 1, 2]), (halfway, resumed, [0, 1, 2]), (kept, smaller, [2, 0])):
        run(flat, which, range(4, 8), rows)
    assert torch.equal(whole, halfway)
    assert torch.equal(whole[[2, 0]], kept)


def test_a_saved_state_does_not_change_with_what_was_loaded_from_it():
    flat = random_rows(0).requires_grad_()
    optimizer = stacked_optimizer("adam", flat)
    state = {name: tensor.clone() for name, tensor in optimizer.state_dict().items()}
    saved = {name: tensor.clone() for name, tensor in state.items()}
    other = stacked_optimizer("adam", flat)
    other.load_state_dict(state)
    flat.grad = random_rows(1)
    other.step(flat)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in state.items())


@pytest.mark.parametrize("largest", [1e-3, 1.0, 1e6])
def test_gradients_are_clipped_as_torch_does_each_network_by_itself(largest):
    flat = random_rows(0).requires_grad_()
    flat.grad = random_rows(1)
    flat.grad[1] = 0
    alone = [parameters_of(row) for row in flat.detach()]
    expected, norms = [], []
    for parameters, row in zip(alone, flat.grad, strict=True):
        set_gradients(parameters, row)
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), largest))
        expected.append(torch.cat([parameter.grad.flatten() for parameter in parameters.values()]))
    given = clip_gradients(flat, largest)
    torch.testing.assert_close(given[:, 0], torch.stack(norms))
    torch.testing.assert_close(flat.grad, torch.stack(expected))


@pytest.mark.parametrize("cap", [1e-3, 1.0, 1e6])
def test_norms_are_capped_as_torch_does_filter_by_filter(cap):
    flat = random_rows(0).requires_grad_()
    with torch.no_grad():
        flat[0, :20] = 0  # a filter without any weight
    expected = []
    for row in flat.detach():
        parameters = parameters_of(row)
        with torch.no_grad():
            for parameter in parameters.values():
                if parameter.ndim > 1:
                    parameter.copy_(torch.renorm(parameter, 2, 0, cap))
        expected.append(row_of(parameters))
    cap_weight_norms(flat, SLICES, cap)
    torch.testing.assert_close(flat.detach(), torch.stack(expected), rtol=1e-6, atol=1e-7)
