"""Schedules against torch's own, groups of parameters, and caps on norms."""

import math

import pytest
import torch
from torch import nn

from cisflow.optimizers import cap_weight_norms, learning_rate_at, make_optimizer, parameter_groups, plateaus

SETTINGS = {
    "optimizer": "adam", "learning_rate": 0.1, "momentum": 0.9, "smoothing": 0.99, "weight_decay": 0.01,
    "schedule": "constant", "warmup_epochs": 0, "plateau_factor": 0.5, "plateau_patience": 2, "max_epochs": 10,
}  # fmt: skip
STEPS = 7  # an epoch


def rates(**changes):
    settings = {**SETTINGS, **changes}
    return [learning_rate_at(settings, step, STEPS, []) for step in range(settings["max_epochs"] * STEPS)]


def torchs(make_scheduler):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=SETTINGS["learning_rate"])
    scheduler, found = make_scheduler(optimizer), []
    for _ in range(SETTINGS["max_epochs"] * STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_is_torchs():
    assert rates(schedule="cosine") == pytest.approx(
        torchs(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10 * STEPS)), rel=1e-6
    )


def test_one_cycle_rises_and_falls_as_torchs():
    expected = torchs(lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10 * STEPS))
    found = rates(schedule="one_cycle")
    assert found[0] == pytest.approx(expected[0])
    assert found[-1] == pytest.approx(expected[-1])
    assert max(found) == pytest.approx(0.1)
    assert abs(found.index(max(found)) - expected.index(max(expected))) <= 1
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 0.1 * 0.06  # its top lies within one step


def test_plateau_is_torchs():
    losses = [5, 4, 4, 4, 4, 4, 3, 3.5, 3.2, 3.1, 3.0, 2.9, 2.95, 2.95, 2.95, 2.95, 2.95, 2.95]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0)
    for number, loss in enumerate(losses, start=1):
        scheduler.step(loss)
        ours = learning_rate_at({**SETTINGS, "schedule": "plateau"}, number * STEPS, STEPS, losses[:number])
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"]), number
    assert plateaus(losses, 2) >= 2  # the test would hold nothing if the rate never fell


def test_warm_up_rises_to_the_rate():
    found = rates(warmup_epochs=2)
    assert found[: 2 * STEPS] == pytest.approx([0.1 * (step + 1) / (2 * STEPS) for step in range(2 * STEPS)])
    assert set(found[2 * STEPS :]) == {0.1}
    assert rates(schedule="cosine", warmup_epochs=2)[-1] < 0.001


def test_weight_decay_spares_biases_and_norms_and_factors_follow_the_longest_name():
    model = nn.Sequential()
    model.add_module("conv", nn.Sequential(nn.Conv1d(4, 3, 5), nn.BatchNorm1d(3)))
    model.add_module("output", nn.Linear(3, 1))
    model.conv[1].weight.requires_grad_(False)
    groups = parameter_groups(model, SETTINGS, {"conv": 0.1, "conv.1": 0.5})
    found = {
        name: (group["weight_decay"], group["rate_factor"])
        for name, parameter in model.named_parameters()
        for group in groups
        if any(parameter is other for other in group["params"])
    }
    assert found == {
        "conv.0.weight": (0.01, 0.1), "conv.0.bias": (0.0, 0.1), "conv.1.bias": (0.0, 0.5),
        "output.weight": (0.01, 1.0), "output.bias": (0.0, 1.0),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "adadelta"])
def test_every_optimizer_steps_downhill(name):
    parameter = nn.Parameter(torch.tensor([[3.0, -2.0]]))
    optimizer = make_optimizer([{"params": [parameter], "weight_decay": 0.0}], {**SETTINGS, "optimizer": name})
    for _ in range(5):
        optimizer.zero_grad()
        (parameter**2).sum().backward()
        optimizer.step()
    assert float((parameter**2).sum().detach()) < 13


def test_a_cap_shrinks_long_filters_alone():
    torch.manual_seed(0)
    weight, bias = nn.Parameter(torch.randn(5, 4, 3)), nn.Parameter(torch.full((5,), 9.0))
    before = weight.detach().clone()
    norms = before.flatten(1).norm(dim=1)
    cap = float(norms.median())
    cap_weight_norms([weight, bias], cap)
    assert torch.allclose(weight.detach().flatten(1).norm(dim=1), norms.clamp(max=cap), rtol=1e-4)
    assert torch.equal(weight.detach()[norms < cap], before[norms < cap])
    assert bias.tolist() == [9] * 5
    assert math.isclose(float(torch.cosine_similarity(weight[0].flatten(), before[0].flatten(), 0)), 1, rel_tol=1e-5)
