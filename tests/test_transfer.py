"""Weights of a parent in a child: which come along, which are frozen, and what does not fit."""

import pytest
import torch

from cisflow.messages import InputError
from cisflow.model import build_network, save_model
from cisflow.optimizers import parameter_groups
from cisflow.transfer import load_parent, start_from_parent

NETWORK = {
    "layers": [
        {"type": "conv1d", "filters": 5, "width": 7},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
        {"type": "global_max_pool"},
        {"type": "dense", "units": 6, "name": "hidden"},
    ]
}
TRANSFER = {"freeze": [], "learning_rate_factors": {}, "keep_output": False}


@pytest.fixture
def parent(tmp_path):
    torch.manual_seed(1)
    model = build_network(NETWORK, {"sequence": (4, 30)}, 2)
    record = {
        "network": NETWORK,
        "inputs": {"sequence": [4, 30]},
        "length": 30,
        "target_names": ["a", "b"],
        "loss": "bce",
    }
    save_model(tmp_path / "model.pt", model, record)
    return load_parent(tmp_path / "model.pt")


def child(n_targets=1, length=30, network=NETWORK):
    torch.manual_seed(2)
    return build_network(network, {"sequence": (4, length)}, n_targets)


def test_all_but_the_output_comes_from_the_parent(parent):
    model, fresh = child(), child()
    start_from_parent(model, parent, ["c"], TRANSFER)
    given, own = parent.model.state_dict(), fresh.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, own[name] if name.startswith("output.") else given[name]), name


def test_the_output_is_kept_for_the_same_targets_alone(parent):
    model = child(2)
    start_from_parent(model, parent, ["a", "b"], {**TRANSFER, "keep_output": True})
    assert torch.equal(model.output.weight, parent.model.output.weight)
    with pytest.raises(InputError, match="other targets"):
        start_from_parent(child(2), parent, ["b", "a"], {**TRANSFER, "keep_output": True})


@pytest.mark.parametrize(
    ("freeze", "trained"),
    [
        ([], {"conv1d_1", "batch_norm_1", "hidden", "output"}),
        (["conv1d_1", "batch_norm_1"], {"hidden", "output"}),
        (["all"], {"output"}),
    ],
)
def test_frozen_layers_are_not_trained(parent, freeze, trained):
    model = child()
    frozen = start_from_parent(model, parent, ["c"], {**TRANSFER, "freeze": freeze})
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == trained
    n_trained = sum(len(group["params"]) for group in parameter_groups(model, {"weight_decay": 0.0}))
    assert n_trained == 2 * len(trained)
    assert all(not p.requires_grad for part in frozen for p in part.parameters())


def test_layers_that_there_are_not_are_told_with_those_that_there_are(parent):
    for key, value in (("freeze", ["conv_1"]), ("learning_rate_factors", {"conv_1": 0.1})):
        with pytest.raises(InputError, match=rf"transfer.{key} names[\s\S]*conv_1; expected any of conv1d_1") as error:
            start_from_parent(child(), parent, ["c"], {**TRANSFER, key: value})
        assert "make describe" in error.value.fix


def test_another_architecture_is_told_with_the_shapes(parent):
    wider = {"layers": [{**NETWORK["layers"][0], "filters": 9}, *NETWORK["layers"][1:]]}
    with pytest.raises(InputError, match=r"conv1d_1.weight \(9, 4, 7\): the parent's is \(5, 4, 7\)"):
        start_from_parent(child(network=wider), parent, ["c"], TRANSFER)
    deeper = {"layers": [*NETWORK["layers"], {"type": "dense", "units": 6}]}
    with pytest.raises(InputError, match=r"dense_\d.weight \(6, 6\): the parent has none"):
        start_from_parent(child(network=deeper), parent, ["c"], TRANSFER)


def test_a_network_that_pools_over_all_positions_takes_windows_of_another_length(parent):
    start_from_parent(child(length=50), parent, ["c"], TRANSFER)
