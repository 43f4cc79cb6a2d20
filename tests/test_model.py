from pathlib import Path

import pytest
import torch
import yaml

from cisflow.layers import layer_shapes
from cisflow.messages import InputError
from cisflow.model import build_model, count_parameters, first_layer, load_model, save_model

MODELS = yaml.safe_load((Path(__file__).parent.parent / "config" / "models.yaml").read_text())


def built(name, length, n_targets):
    return build_model(MODELS[name]["layers"], length, n_targets)


@pytest.mark.parametrize(
    ("name", "length", "n_targets", "parameters"),
    [
        # Printed in the primer's notebook for 50 bp and two softmax units.
        ("zou_primer", 50, 2, 6226),
        # By hand from the papers' sizes: convolution + hidden layer + output layer, weights and biases.
        ("deepbind", 101, 1, (4 * 24 * 16 + 16) + (16 * 32 + 32) + (32 + 1)),
        ("zeng_1layer_128motif", 101, 2, (4 * 24 * 128 + 128) + (128 * 32 + 32) + (32 * 2 + 2)),
    ],
)
def test_published_networks_have_their_number_of_parameters(name, length, n_targets, parameters):
    assert count_parameters(built(name, length, n_targets)) == parameters


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("length", [101, 200, 251])
def test_every_network_maps_sequences_to_one_logit_a_target(name, length):
    model = built(name, length, 3).eval()
    assert model(torch.zeros(5, 4, length)).shape == (5, 3)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("length", [101, 200])
def test_shapes_worked_out_beforehand_are_torchs(name, length):
    x = torch.zeros(2, 4, length)
    shapes = layer_shapes(MODELS[name]["layers"], length)
    assert shapes[0] == (4, length)
    for module, shape in zip(built(name, length, 1).eval(), shapes[1:], strict=False):
        x = module(x)
        assert tuple(x.shape[1:]) == shape


@pytest.mark.parametrize(
    ("layers", "number", "text"),
    [
        ([{"type": "conv1d", "filters": 2, "width": 30}], 1, "width 30 does not fit into 20"),
        ([{"type": "conv1d", "filters": 2, "width": 5}, {"type": "max_pool", "width": 17}], 2, "wider than the 16"),
        ([{"type": "dense", "units": 3}], 1, "put `flatten`"),
        ([{"type": "flatten"}, {"type": "conv1d", "filters": 2, "width": 3}], 2, "flat (80 features)"),
        ([{"type": "global_max_pool"}, {"type": "max_pool", "width": 2}], 2, "flat (4 features)"),
    ],
)
def test_a_list_that_cannot_be_built_names_the_layer(layers, number, text):
    with pytest.raises(InputError) as error:
        build_model(layers, 20, 1)
    assert f"layer {number} " in str(error.value)
    assert text in str(error.value)


def test_a_list_that_ends_with_positions_is_refused():
    with pytest.raises(InputError, match="must end flat"):
        build_model([{"type": "conv1d", "filters": 2, "width": 3}], 20, 1)


def test_first_layer_takes_batch_norm_and_activation_along():
    first = first_layer(built("motif_cnn", 200, 1))
    assert [type(module).__name__ for module in first] == ["Conv1d", "BatchNorm1d", "Activation"]
    with pytest.raises(InputError, match="no first-layer filters"):
        first_layer(build_model([{"type": "flatten"}], 20, 1))


def test_a_saved_model_predicts_the_same(tmp_path):
    torch.manual_seed(0)
    model = built("motif_cnn", 120, 2)
    model(torch.rand(8, 4, 120))  # moves the running statistics of batch norm off their start
    model.eval()
    record = {"layers": MODELS["motif_cnn"]["layers"], "length": 120, "target_names": ["a", "b"], "seed": 1}
    save_model(tmp_path / "model.pt", model, record)
    loaded, read = load_model(tmp_path / "model.pt", "cpu")
    x = torch.rand(3, 4, 120)
    assert torch.equal(loaded(x), model(x))
    assert read == record
    assert "weights" in torch.load(tmp_path / "model.pt", weights_only=True)
