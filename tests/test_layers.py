"""What is worked out without torch is what torch gives: shapes, parameters, multiply-adds, receptive fields."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cisflow.layers import (
    LAYER_TYPES,
    OWN_NAMES,
    TORCH_BEGINNINGS,
    TORCH_NAMES,
    effective_width,
    inputs_of,
    is_equivariant,
    layer_names,
    layer_of,
    network_table,
    norms_of_single_values,
    remainder,
)
from cisflow.model import build_network

CONFIG = Path(__file__).parents[1] / "config"
MODELS = yaml.safe_load((CONFIG / "models.yaml").read_text())
SCHEMA = yaml.safe_load((CONFIG / "schemas" / "models.schema.yaml").read_text())


def conv(filters, width, **more):
    return {"type": "conv1d", "filters": filters, "width": width, **more}


def layer(kind, **settings):
    return {"type": kind, **settings}


def table_of(layers, shape=(4, 40), n_targets=1, **more):
    return network_table({"layers": layers, **more}, {"sequence": shape}, n_targets)


def total(rows, column):
    return sum(line[column] for line in rows)


# --- published networks -----------------------------------------------------------------------------------------------

# By hand from the papers' sizes: weights and biases of convolutions and dense layers, scales and shifts of batch norm.
ZENG_HEAD = (32 * 2 + 2,)
KOO_EDDY = (
    *(4 * 19 * 30, 2 * 30, 30 * 5 * 128, 2 * 128),  # no biases before batch norm
    *(256 * 512, 2 * 512, 512 * 12 + 12),  # 200 / 100 positions of 128 channels
)
SQUEEZE_128, SQUEEZE_64 = 128 * 8 + 8 + 8 * 128 + 128, 64 * 4 + 4 + 4 * 64 + 64
# name: (length, targets, features before the output layer, parameters)
PUBLISHED = {
    "motif_cnn": (
        *(200, 1, 64),
        [4 * 19 * 32 + 32, 2 * 32, 32 * 5 * 64 + 64, 2 * 64, 8 * 64 * 64 + 64, 2 * 64, 64 + 1],
    ),
    "zou_primer": (50, 2, 16, [4 * 12 * 32 + 32, 9 * 32 * 16 + 16, 16 * 2 + 2]),
    "deepbind": (101, 1, 32, [4 * 24 * 16 + 16, 16 * 32 + 32, 32 + 1]),
    "zeng_1layer": (101, 2, 32, [4 * 24 * 16 + 16, 16 * 32 + 32, *ZENG_HEAD]),
    "zeng_1layer_1motif": (101, 2, 32, [4 * 24 + 1, 32 + 32, *ZENG_HEAD]),
    "zeng_1layer_64motif": (101, 2, 32, [4 * 24 * 64 + 64, 64 * 32 + 32, *ZENG_HEAD]),
    "zeng_1layer_128motif": (101, 2, 32, [4 * 24 * 128 + 128, 128 * 32 + 32, *ZENG_HEAD]),
    "zeng_1layer_local_win3": (101, 2, 32, [4 * 24 * 16 + 16, 33 * 16 * 32 + 32, *ZENG_HEAD]),
    "zeng_1layer_local_win9": (101, 2, 32, [4 * 24 * 16 + 16, 11 * 16 * 32 + 32, *ZENG_HEAD]),
    "zeng_2layer": (101, 2, 32, [4 * 24 * 16 + 16, 16 * 12 * 32 + 32, 32 * 32 + 32, *ZENG_HEAD]),
    "zeng_2layer_local_win3": (101, 2, 32, [4 * 24 * 16 + 16, 16 * 12 * 32 + 32, 32 * 32 + 32, *ZENG_HEAD]),
    "zeng_3layer": (
        *(101, 2, 32),
        [4 * 24 * 16 + 16, 16 * 12 * 32 + 32, 32 * 6 * 64 + 64, 64 * 32 + 32, *ZENG_HEAD],
    ),
    "basset": (
        *(600, 164, 1000),  # 600 - 18 = 582, / 3 = 194, - 10 = 184, / 4 = 46, - 6 = 40, / 4 = 10 positions
        [
            *(4 * 19 * 300 + 300, 2 * 300, 300 * 11 * 200 + 200, 2 * 200, 200 * 7 * 200 + 200, 2 * 200),
            *(10 * 200 * 1000 + 1000, 2 * 1000, 1000 * 1000 + 1000, 2 * 1000, 1000 * 164 + 164),
        ],
    ),
    "deepstarr": (
        *(249, 2, 256),  # 249 / 2 = 124, 62, 31, 15 positions
        [
            *(4 * 7 * 256 + 256, 2 * 256, 256 * 3 * 60 + 60, 2 * 60, 60 * 5 * 60 + 60, 2 * 60),
            *(60 * 3 * 120 + 120, 2 * 120, 15 * 120 * 256 + 256, 2 * 256, 256 * 256 + 256, 2 * 256, 256 * 2 + 2),
        ],
    ),
    "danq": (
        *(1000, 919, 925),  # 1000 - 25 = 975, / 13 = 75 positions; one bias a gate
        [4 * 26 * 320 + 320, 2 * 4 * 320 * (320 + 320 + 1), 75 * 640 * 925 + 925, 925 * 919 + 919],
    ),
    **{f"koo_eddy_cnn_{first}": (200, 12, 512, KOO_EDDY) for first in (1, 2, 4, 10, 25, 50, 100)},
    **{f"koo_eddy_cnn_{first}_exp": (200, 12, 512, KOO_EDDY) for first in (2, 25, 50)},
    "dilated_resnet": (500, 1, 32, [4 * 21 * 32 + 32, 2 * 32, 6 * (32 * 3 * 32 + 32 + 2 * 32), 32 + 1]),
    "cnn_lstm": (200, 1, 32, [4 * 19 * 32 + 32, 2 * 32, 2 * 4 * 32 * (32 + 32 + 1), 20 * 64 * 32 + 32, 32 + 1]),
    "cnn_attention": (
        *(200, 1, 32),
        [
            *(4 * 19 * 32 + 32, 2 * 32, 2 * 32, 3 * (32 * 32 + 32), 32 * 32 + 32),
            *(2 * 32, 32 * 64 + 64, 64 * 32 + 32, 2 * 32, 32 * 32, 32 + 1),
        ],
    ),
    "decode": (
        *(0, 1, 32),
        [
            *(3 * 10 * 128 + 128, SQUEEZE_128, 128 * 3 * 64 + 64, SQUEEZE_64, 64 * 9 * 64 + 64, SQUEEZE_64),
            *(64 * 3 * 128 + 128, SQUEEZE_128, 128 * 9 * 64 + 64, SQUEEZE_64, 64 * 9 * 64 + 64, SQUEEZE_64),
            *(64 * 3 * 128 + 128, SQUEEZE_128, 128 * 1 * 100 * 256 + 256, 256 * 128 + 128, 128 * 32 + 32, 32 + 1),
        ],
    ),
    "sequence_and_tracks": (
        *(200, 1, 64),
        [
            *(4 * 19 * 32 + 32, 2 * 32, 32 * 5 * 64 + 64, 2 * 64),
            *(5 * 9 * 16 + 16, 2 * 16, 16 * 9 * 32 + 32, 2 * 32, (64 + 32) * 64 + 64, 64 + 1),
        ],
    ),
}
TRACKS = (5, 400)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_networks_have_their_published_numbers_of_parameters(name):
    length, n_targets, features, parameters = PUBLISHED[name]
    rows = network_table(MODELS[name], {"sequence": (4, length), "tracks": TRACKS}, n_targets)
    assert total(rows, "parameters") == sum(parameters)
    assert rows[-1]["shape_in"] == (features,)
    assert rows[-1]["shape_out"] == (n_targets,)


def test_the_manual_tells_the_same_numbers():
    manual = (CONFIG / "README.md").read_text()
    assert [name for name in MODELS if f" {sum(PUBLISHED[name][3]):,}" not in manual] == []


def test_parameters_that_the_literature_prints():
    assert sum(PUBLISHED["zou_primer"][3]) == 6_226  # the primer's notebook
    assert sum(PUBLISHED["danq"][3]) == 46_926_479  # the table of DeepATT (Li et al. 2021)


# --- single layers against torch's own --------------------------------------------------------------------------------


class Recurrent(nn.Module):
    """A recurrent layer position by position, from torch's cells."""

    def __init__(self, cell, channels, units, directions):
        super().__init__()
        self.cells = nn.ModuleList([cell(channels, units) for _ in range(directions)])

    def forward(self, x):
        given = []
        for cell, order in zip(self.cells, (1, -1), strict=False):
            state, outputs = None, []
            for position in list(range(x.shape[2]))[::order]:
                state = cell(x[:, :, position], state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            given.append(torch.stack(outputs[::order], dim=2))
        return torch.cat(given, dim=1)


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, x):
        x = x.transpose(1, 2)
        return self.attention(x, x, x)[0].transpose(1, 2)


class Scaled(nn.Module):
    """Channels scaled by what some layers make of their means."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        scale = self.layers(x.flatten(2).mean(2))
        return x * scale.reshape(*scale.shape, *[1] * (x.ndim - 2))


def gated(channels, hidden):
    return Scaled(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())


def projected(channels, pool):
    """Stands for an attention pool: what its projection costs, and a pool that gives the same shape."""
    return nn.Sequential(nn.Conv1d(channels, channels, 1, bias=False), pool)


AS_PICTURE = nn.Unflatten(1, (1, 5))
WHOLE_1D, WHOLE_2D = nn.AdaptiveMaxPool1d(1), nn.AdaptiveAvgPool2d(1)
CASES = {
    "valid": (conv(7, 5), (3, 20), nn.Conv1d(3, 7, 5)),
    "same, even": (conv(7, 4, padding="same"), (3, 20), nn.Conv1d(3, 7, 4, padding="same")),
    "wider than the input": (conv(7, 25, padding="same"), (3, 20), nn.Conv1d(3, 7, 25, padding="same")),
    "strided and dilated": (conv(7, 4, stride=2, dilation=3), (3, 20), nn.Conv1d(3, 7, 4, stride=2, dilation=3)),
    "same, dilated": (
        conv(7, 4, padding="same", dilation=3),
        (3, 20),
        nn.Conv1d(3, 7, 4, padding="same", dilation=3),
    ),
    "same, strided": (
        conv(7, 5, padding="same", stride=3),
        (3, 21),
        nn.Sequential(nn.ZeroPad1d((2, 2)), nn.Conv1d(3, 7, 5, stride=3)),
    ),
    "no bias": (conv(7, 5, bias=False), (3, 20), nn.Conv1d(3, 7, 5, bias=False)),
    "picture": (layer("conv2d", filters=6, height=2, width=5), (3, 4, 20), nn.Conv2d(3, 6, (2, 5))),
    "tracks as a picture": (
        layer("conv2d", filters=6, height=3, width=10, padding="same"),
        (5, 40),
        nn.Sequential(AS_PICTURE, nn.Conv2d(1, 6, (3, 10), padding="same")),
    ),
    "conv2d, no bias": (
        layer("conv2d", filters=6, height=1, width=1, bias=False),
        (3, 4, 20),
        nn.Conv2d(3, 6, 1, bias=False),
    ),
    "batch norm": (layer("batch_norm", initial_scale=0.2), (6, 20), nn.BatchNorm1d(6)),
    "batch norm, flat": (layer("batch_norm"), (6,), nn.BatchNorm1d(6)),
    "batch norm, picture": (layer("batch_norm"), (6, 4, 5), nn.BatchNorm2d(6)),
    "layer norm": (layer("layer_norm"), (6, 20), nn.GroupNorm(1, 6)),
    "layer norm, flat": (layer("layer_norm"), (6,), nn.LayerNorm(6)),
    "activation": (layer("activation", function="gelu"), (6, 20), nn.GELU()),
    "max pool": (layer("max_pool", width=6), (3, 20), nn.MaxPool1d(6)),
    "max pool, strided": (layer("max_pool", width=6, stride=2), (3, 20), nn.MaxPool1d(6, 2)),
    "avg pool": (layer("avg_pool", width=3), (3, 20), nn.AvgPool1d(3)),
    "avg pool, strided": (layer("avg_pool", width=3, stride=4), (3, 20), nn.AvgPool1d(3, 4)),
    "max pool 2d": (layer("max_pool2d", height=2, width=3), (3, 5, 20), nn.MaxPool2d((2, 3))),
    "attention pool": (layer("attention_pool", width=6), (3, 20), projected(3, nn.AvgPool1d(6))),
    "global max": (layer("global_max_pool"), (3, 20), nn.Sequential(WHOLE_1D, nn.Flatten())),
    "global mean, picture": (layer("global_avg_pool"), (3, 5, 20), nn.Sequential(WHOLE_2D, nn.Flatten())),
    "global attention": (
        layer("global_attention_pool"),
        (3, 20),
        nn.Sequential(projected(3, WHOLE_1D), nn.Flatten()),
    ),
    "global attention, picture": (
        layer("global_attention_pool"),
        (3, 5, 4),
        nn.Sequential(nn.Flatten(2), projected(3, WHOLE_1D), nn.Flatten()),
    ),
    "squeeze and excitation": (layer("squeeze_excite"), (40, 20), gated(40, 2)),
    "squeeze, few channels": (layer("squeeze_excite", ratio=8), (6, 20), gated(6, 1)),
    "squeeze, picture": (layer("squeeze_excite", ratio=3), (9, 4, 5), gated(9, 3)),
    "lstm": (layer("lstm", units=7), (3, 10), Recurrent(nn.LSTMCell, 3, 7, 2)),
    "lstm, one way": (layer("lstm", units=7, bidirectional=False), (3, 10), Recurrent(nn.LSTMCell, 3, 7, 1)),
    "gru": (layer("gru", units=7), (3, 10), Recurrent(nn.GRUCell, 3, 7, 2)),
    "attention": (layer("attention", heads=3, dropout=0.1), (6, 10), Attention(6, 3)),
    "position encoding": (layer("position_encoding"), (6, 10), nn.Identity()),
    "flatten": (layer("flatten"), (6, 4, 5), nn.Flatten()),
    "flatten, flat": (layer("flatten"), (6,), nn.Flatten()),
    "dense": (layer("dense", units=9), (6,), nn.Linear(6, 9)),
    "dense, no bias": (layer("dense", units=9, bias=False), (6,), nn.Linear(6, 9, bias=False)),
    "dropout": (layer("dropout", rate=0.5), (6, 5), nn.Dropout()),
}


@pytest.mark.parametrize("case", CASES)
def test_shape_parameters_and_multiply_adds_are_torchs(case):
    spec, shape, module = CASES[case]
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        given = module.eval()(torch.zeros(1, *shape))
    found = layer_of(spec, shape)
    # torch keeps two biases for each gate of an LSTM; one of them is held at zero.
    trained = [p for name, p in module.named_parameters() if not ("lstm" in case and name.endswith("bias_hh"))]
    assert found.shape == tuple(given.shape[1:])
    assert found.parameters == sum(parameter.numel() for parameter in trained)
    assert 2 * found.multiply_adds == counter.get_total_flops()


def test_every_layer_type_stands_among_the_cases():
    assert {spec["type"] for spec, _, _ in CASES.values()} == set(LAYER_TYPES)


# --- receptive fields by what reaches the input -----------------------------------------------------------------------


def torch_of(spec, channels):
    """A layer of positive weights, so that nothing that it sees cancels out; pools are means."""
    if spec["type"] == "conv1d":
        span = (spec["width"] - 1) * spec.get("dilation", 1)
        ends = (span // 2, span - span // 2) if spec.get("padding") == "same" else (0, 0)
        module = nn.Conv1d(channels, spec["filters"], spec["width"], spec.get("stride", 1), 0, spec.get("dilation", 1))
        module = nn.Sequential(nn.ZeroPad1d(ends), module)
    elif spec["type"] == "residual":
        module = Sum(spec["layers"], channels)
    elif spec["type"] == "attention_pool":
        module = nn.AvgPool1d(spec["width"])
    elif spec["type"] == "max_pool":
        module = nn.AvgPool1d(spec["width"], spec.get("stride"))
    elif spec["type"] == "squeeze_excite":
        module = Scaled(nn.Linear(channels, channels))
    elif spec["type"] == "flatten":
        module = nn.Flatten()
    elif spec["type"] == "global_max_pool":
        module = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten())
    else:
        module = nn.Identity()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.5, 1)
    return module.double()


def chain(layers, channels):
    modules = []
    for spec in layers:
        modules.append(torch_of(spec, channels))
        channels = next((s["filters"] for s in reversed(spec.get("layers", [spec])) if "filters" in s), channels)
    return nn.Sequential(*modules)


class Sum(nn.Module):
    def __init__(self, layers, channels):
        super().__init__()
        self.layers = chain(layers, channels)

    def forward(self, x):
        return x.sum(1, keepdim=True) + self.layers(x)


def bases_seen(module, length):
    """The largest number of bases, from the first to the last, on which one position of the output depends."""
    x = torch.rand(1, 4, length, dtype=torch.float64, requires_grad=True)
    y = module(x).sum(1)
    y = y[:, None] if y.ndim == 1 else y
    sizes = []
    for position in range(y.shape[1]):
        (gradient,) = torch.autograd.grad(y[0, position], x, retain_graph=True)
        where = gradient[0].abs().sum(0).nonzero()
        sizes.append(int(where.max() - where.min()) + 1)
    return max(sizes)


def random_layers(rng):
    """Convolutions, pools and residuals, one after the other."""
    layers = []
    for _ in range(rng.integers(2, 6)):
        settings = {"width": int(rng.integers(1, 8)), "padding": str(rng.choice(["valid", "same"]))}
        same = conv(3, settings["width"], padding="same", dilation=int(rng.integers(1, 4)))
        layers.append(
            [
                conv(3, **settings, stride=int(rng.integers(1, 4))),
                conv(3, **settings, dilation=int(rng.integers(1, 4))),
                layer("max_pool", width=int(rng.integers(1, 5))),
                layer("max_pool", width=int(rng.integers(1, 5)), stride=int(rng.integers(1, 4))),
                layer("residual", layers=[same, layer("activation", function="relu"), conv(3, 2, padding="same")]),
            ][rng.integers(5)]
        )
    return layers


END = [layer("flatten")]
LISTS = [
    [conv(2, 5), layer("attention_pool", width=4), conv(2, 3)],
    [conv(2, 60, padding="same"), layer("max_pool", width=40)],
    [conv(2, 9, padding="same", stride=4), layer("max_pool", width=3, stride=5), layer("global_max_pool")],
    [conv(2, 3), layer("squeeze_excite"), conv(2, 3)],
    [layer("residual", layers=[conv(2, 3, padding="same"), layer("squeeze_excite")]), conv(2, 3)],
    [layer("max_pool", width=30), layer("residual", layers=[conv(2, 3, padding="same", dilation=9)])],
    *(random_layers(np.random.default_rng(seed)) for seed in range(40)),
]


@pytest.mark.parametrize("layers", LISTS, ids=range(len(LISTS)))
@pytest.mark.parametrize("length", [71, 84])
def test_receptive_field_is_what_reaches_the_input(layers, length):
    end = [] if layers[-1]["type"] == "global_max_pool" else END
    try:
        chain(layers, 4)(torch.zeros(1, 4, length, dtype=torch.float64))
    except RuntimeError:  # torch cannot build it either
        with pytest.raises(ValueError, match="cannot be built"):
            table_of(layers + end, (4, length))
        return
    rows = {line["number"]: line for line in table_of(layers + end, (4, length))}
    for n in range(1, len(layers + end) + 1):
        module = chain((layers + end)[:n], 4)
        assert rows[str(n)]["receptive_field"] == bases_seen(module, length), n
        shape = tuple(module(torch.zeros(1, 4, length, dtype=torch.float64)).shape[1:])
        assert rows[str(n)]["shape_out"][1:] == shape[1:]


def test_dilated_layers_of_the_shipped_network_see_273_bases():
    rows = network_table(MODELS["dilated_resnet"], {"sequence": (4, 1000)}, 1)
    fields = [line["receptive_field"] for line in rows if line["type"] == "conv1d"]
    assert fields == [21, 25, 33, 49, 81, 145, 273]  # 21 + 2 x (2 + 4 + ... + 64)


# --- networks ---------------------------------------------------------------------------------------------------------


def test_rows_of_a_network_with_everything():
    network = {
        "branches": {
            "tracks": [layer("global_avg_pool")],
            "sequence": [
                conv(6, 3, name="motifs"),
                layer("residual", layers=[layer("batch_norm"), conv(8, 1), layer("batch_norm")]),
                layer("flatten"),
            ],
        },
        "layers": [layer("dense", units=3), layer("dense", units=2, name="last")],
    }
    rows = network_table(network, {"tracks": (5, 7), "sequence": (4, 12)}, 2)
    assert [(line["number"], line["name"]) for line in rows] == [
        ("sequence 1", "sequence.motifs"),
        ("sequence 2", "sequence.residual_1"),
        ("sequence 2.1", "sequence.residual_1.layers.batch_norm_1"),
        ("sequence 2.2", "sequence.residual_1.layers.conv1d_1"),
        ("sequence 2.3", "sequence.residual_1.layers.batch_norm_2"),
        ("sequence 3", "sequence.flatten_1"),
        ("tracks 1", "tracks.global_avg_pool_1"),
        ("1", "dense_1"),
        ("2", "last"),
        ("", "output"),
    ]
    assert [line["shape_out"] for line in rows][-4:] == [(5,), (3,), (2,), (2,)]
    assert rows[7]["shape_in"] == (8 * 10 + 5,)
    assert rows[1]["parameters"] == 6 * 8 + 8  # the way round
    assert rows[1]["multiply_adds"] == 6 * 8 * 10
    assert [line["receptive_field"] for line in rows] == [3, 3, 3, 3, 3, 12, None, 12, 12, 12]
    assert rows[0]["settings"] == "filters 6, width 3"
    assert inputs_of(network) == {"sequence", "tracks"}


def test_a_network_of_branches_may_have_no_other_layers():
    network = {"branches": {"sequence": [layer("global_max_pool")], "tracks": [layer("flatten")]}}
    rows = network_table(network, {"sequence": (4, 12), "tracks": (5, 7)}, 3)
    assert rows[-1]["shape_in"] == (4 + 35,)


def test_inputs_are_the_sequence_unless_said_otherwise():
    assert inputs_of({"layers": []}) == {"sequence"}
    assert inputs_of({"layers": [], "input": "tracks"}) == {"tracks"}


def test_names_count_within_their_type():
    layers = [conv(1, 1), layer("batch_norm"), conv(1, 1, name="second"), conv(1, 1)]
    assert layer_names(layers) == ["conv1d_1", "batch_norm_1", "second", "conv1d_3"]


def test_names_that_torchs_modules_have_are_taken():
    taken = {name for name in dir(nn.Sequential()) if not name.startswith("_") and name == name.lower()}
    assert {name for name in taken if not name.startswith(TORCH_BEGINNINGS)} <= TORCH_NAMES
    assert {"output", "sequence", "tracks"} <= OWN_NAMES
    # Not more than needed: every beginning is one of torch's.
    assert all(any(name.startswith(beginning) for name in taken) for beginning in TORCH_BEGINNINGS)


def test_frozen_filters_are_not_counted():
    first = conv(6, 5, motifs="motifs.meme", frozen=True)
    rows = table_of([first, layer("global_max_pool")])
    assert rows[0]["parameters"] == 0
    assert rows[0]["multiply_adds"] == 4 * 5 * 6 * 36
    assert rows[0]["settings"] == "filters 6, width 5, motifs motifs.meme, frozen true"


# --- strands ----------------------------------------------------------------------------------------------------------

SHARED = [
    conv(6, 5, padding="same"),
    layer("batch_norm"),
    layer("activation", function="relu"),
    layer("residual", layers=[conv(7, 3, padding="same", dilation=2), layer("dropout", rate=0.1)]),
    layer("max_pool", width=4),
    layer("lstm", units=3),
    layer("global_max_pool"),
]


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("strands", ["single", "averaged", "shared"])
@pytest.mark.parametrize(
    "layers",
    {
        "flat": [conv(3, 5), layer("global_max_pool"), layer("batch_norm")],
        "one position": [conv(3, 5), layer("max_pool", width=16), layer("batch_norm"), layer("flatten")],
        "positions": [conv(3, 5), layer("batch_norm"), layer("max_pool", width=16), layer("flatten")],
        "in a residual": [conv(3, 20), layer("residual", layers=[layer("batch_norm")]), layer("flatten")],
    }.values(),
)
def test_norms_of_single_values_are_those_that_torch_refuses(layers, strands, batch_size):
    network = {"layers": layers, "strands": strands}
    inputs = {"sequence": (4, 20)}
    model = build_network(network, inputs, 1).train()
    if norms_of_single_values(network, inputs, batch_size):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            model(torch.zeros(batch_size, 4, 20), None)
    else:
        model(torch.zeros(batch_size, 4, 20), None)


def test_averaged_strands_cost_twice_the_multiply_adds():
    single, averaged = (table_of(SHARED, strands=strands) for strands in ("single", "averaged"))
    assert total(averaged, "multiply_adds") == 2 * total(single, "multiply_adds")
    assert total(averaged, "parameters") == total(single, "parameters")


def test_shared_strands_have_the_channels_of_both_up_to_the_join():
    rows = table_of(SHARED, strands="shared")
    assert [(line["number"], line["type"], line["shape_out"]) for line in rows] == [
        ("1", "conv1d", (12, 40)),
        ("2", "batch_norm", (12, 40)),
        ("3", "activation", (12, 40)),
        ("4", "residual", (14, 40)),
        ("4.1", "conv1d", (14, 40)),
        ("4.2", "dropout", (14, 40)),
        ("5", "max_pool", (14, 10)),
        ("", "join_strands", (7, 10)),
        ("6", "lstm", (6, 10)),
        ("7", "global_max_pool", (6,)),
        ("", "output", (1,)),
    ]
    parameters = {line["number"]: line["parameters"] for line in rows}
    # Each filter reads the channels of both strands before it, and is counted once.
    assert [parameters[number] for number in ("1", "2", "4", "4.1", "6")] == [
        *(4 * 5 * 6 + 6, 2 * 6, 12 * 7 + 7, 12 * 3 * 7 + 7),
        2 * 4 * 3 * (7 + 3 + 1),
    ]
    assert rows[0]["multiply_adds"] == 2 * 4 * 5 * 6 * 40
    assert rows[3]["multiply_adds"] == 2 * 12 * 7 * 40


def test_an_even_remainder_is_cut_off_evenly():
    rows = table_of([conv(2, 5, stride=3), layer("max_pool", width=5), layer("flatten")], (4, 40), strands="shared")
    assert [line["shape_out"] for line in rows[:2]] == [(4, 12), (4, 2)]
    # Of 40 bases, 2 lie outside all windows of the convolution, one at each end; of its 12 positions, likewise.
    assert rows[1]["receptive_field"] == 5 + 3 * 4
    assert rows[-1]["receptive_field"] == 5 + 3 * 9


def test_what_can_be_shared():
    assert is_equivariant(SHARED[3])
    assert not is_equivariant(layer("residual", layers=[conv(1, 1), layer("layer_norm")]))
    assert not is_equivariant(layer("attention_pool", width=2))
    rows = table_of([conv(2, 3), layer("residual", layers=[layer("layer_norm")]), *END], strands="shared")
    assert [line["type"] for line in rows] == ["conv1d", "join_strands", "residual", "layer_norm", "flatten", "output"]


@pytest.mark.parametrize(
    ("spec", "positions", "left"),
    [
        (conv(1, 5, stride=3), 40, 2),
        (conv(1, 5, stride=3, dilation=2), 40, 1),
        (conv(1, 5, stride=3, padding="same"), 40, 0),
        (conv(1, 5), 40, 0),
        (layer("max_pool", width=6), 40, 4),
        (layer("max_pool", width=6, stride=5), 40, 4),
    ],
)
def test_remainder_is_what_no_window_covers(spec, positions, left):
    assert remainder(spec, positions) == left
    if spec["type"] == "conv1d":
        assert effective_width(spec) == 4 * spec.get("dilation", 1) + 1


# --- mistakes ---------------------------------------------------------------------------------------------------------

FLAT = layer("flatten")
MISTAKES = {
    "filter too wide": (
        {"layers": [conv(2, 41), FLAT]},
        "layer 1 (conv1d)",
        "width 41 does not fit into 40",
        "(4, 40)",
    ),
    "dilated filter": ({"layers": [conv(2, 11, dilation=4), FLAT]}, "layer 1 (conv1d)", "width 41 does not fit"),
    "pool too wide": (
        {"layers": [conv(16, 36), layer("max_pool", width=7), FLAT]},
        *("layer 2 (max_pool) cannot be built", "width 7 is wider than the 5", "it receives (16, 5) from layer 1"),
    ),
    "vanishing shape": (
        {"layers": [layer("avg_pool", width=20), layer("avg_pool", width=2), conv(1, 2), FLAT]},
        *("layer 3 (conv1d)", "width 2 does not fit into 1", "it receives (4, 1) from layer 2"),
    ),
    "filter too wide for a picture": (
        {"layers": [layer("conv2d", filters=2, height=5, width=3), FLAT]},
        *("layer 1 (conv2d)", "5 x 3 does not fit into 4 x 40"),
    ),
    "pool too wide for a picture": (
        {"layers": [layer("conv2d", filters=2, height=4, width=3), layer("max_pool2d", height=2, width=2), FLAT]},
        *("layer 2 (max_pool2d)", "2 x 2 is wider than the 1 x 38", "it receives (2, 1, 38) from layer 1"),
    ),
    "heads": (
        {"layers": [conv(30, 3), layer("attention", heads=8), FLAT]},
        *("layer 2 (attention)", "8 heads do not divide 30 channels", "(30, 38)"),
    ),
    "residual that loses positions": (
        {"layers": [conv(3, 1), layer("residual", layers=[conv(3, 5)]), FLAT]},
        *(
            "layer 2 (residual)",
            "its layers give (3, 36)",
            "only the number of channels may change",
            "receives (3, 40)",
        ),
    ),
    "residual that flattens": (
        {"layers": [layer("residual", layers=[FLAT])]},
        *("layer 1 (residual)", "its layers give (160,)"),
    ),
    "within a residual": (
        {"layers": [conv(3, 1), layer("residual", layers=[layer("dropout", rate=0.1), layer("attention", heads=2)])]},
        *("layer 2.2 (attention)", "2 heads do not divide 3", "it receives (3, 40) from layer 2.1"),
    ),
    "first within a residual": (
        {"layers": [conv(3, 1), layer("residual", layers=[layer("dense", units=2)])]},
        *("layer 2.1 (dense)", "it receives (3, 40) from layer 1"),
    ),
    "conv2d on flat": (
        {"layers": [FLAT, layer("conv2d", filters=2, height=1, width=1)]},
        *("layer 2 (conv2d)", "channels and positions or a picture", "flat (160 features)"),
    ),
    "conv1d on flat": ({"layers": [FLAT, conv(2, 3)]}, "layer 2 (conv1d)", "flat (160 features)"),
    "conv1d on a picture": (
        {"layers": [layer("conv2d", filters=2, height=1, width=1), conv(2, 3), FLAT]},
        *("layer 2 (conv1d)", "a picture of channels, height and width", "receives (2, 4, 40)"),
    ),
    "pool of a picture on positions": (
        {"layers": [layer("max_pool2d", height=2, width=2), FLAT]},
        *("layer 1 (max_pool2d)", "needs a picture", "channels and positions", "from the sequence"),
    ),
    "dense on positions": (
        {"layers": [layer("dense", units=3)]},
        *("layer 1 (dense)", "needs flat features", "put `flatten`", "it receives (4, 40) from the sequence"),
    ),
    "dense on a picture": (
        {"layers": [layer("conv2d", filters=2, height=1, width=1), layer("dense", units=3)]},
        *("layer 2 (dense)", "put `flatten`"),
    ),
    "does not end flat": (
        {"layers": [conv(2, 3)]},
        "the last layer of the network (conv1d) gives (2, 38)",
        "must end flat",
        "`flatten`",
    ),
    "no layers": ({"layers": []}, "the network without a layer gives (4, 40)", "must end flat"),
    "branch that does not end flat": (
        {"branches": {"sequence": [FLAT], "tracks": [conv(2, 3)]}},
        *("the last layer of the branch tracks (conv1d) gives (2, 5)", "must end flat"),
    ),
    "layer of a branch": (
        {"branches": {"sequence": [FLAT], "tracks": [layer("flatten"), conv(2, 3)]}},
        *("layer tracks 2 (conv1d)", "it receives (35,) from layer tracks 1"),
    ),
    "layer behind the branches": (
        {"branches": {"sequence": [FLAT], "tracks": [FLAT]}, "layers": [conv(2, 3)]},
        *("layer 1 (conv1d)", "it receives (195,) from the branches"),
    ),
    "name twice": (
        {"layers": [FLAT, layer("dense", units=3, name="a"), layer("dense", units=3, name="a")]},
        *("layer 3 (dense)", "the name 'a' is that of layer 2"),
    ),
    "name of a numbered one": (
        {"layers": [FLAT, layer("dense", units=3, name="dense_2"), layer("dense", units=3)]},
        *("layer 3 (dense)", "the name 'dense_2' is that of layer 2"),
    ),
    "name output": ({"layers": [layer("flatten", name="output")]}, "layer 1 (flatten)", "the name 'output' is taken"),
    "name of torch's": ({"layers": [layer("flatten", name="to_list")]}, "the name 'to_list' is taken"),
    "motifs in the second layer": (
        {"layers": [conv(2, 3), conv(2, 3, motifs="m.meme"), FLAT]},
        *("layer 2 (conv1d)", "only the first layer", "`motifs`"),
    ),
    "motifs for tracks": (
        {"layers": [conv(2, 3, motifs="m.meme"), FLAT], "input": "tracks"},
        *("layer 1 (conv1d)", "which reads the sequence", "(5, 7) from the tracks"),
    ),
    "motifs in a residual": (
        {"layers": [layer("residual", layers=[conv(2, 3, padding="same", motifs="m.meme")]), FLAT]},
        *("layer 1.1 (conv1d)", "only the first layer"),
    ),
    "frozen at random": ({"layers": [conv(2, 3, frozen=True), FLAT]}, "`frozen` without `motifs`"),
    "unknown type": ({"layers": [layer("pool"), FLAT]}, "layer 1 (pool)", "there is no layer type 'pool'"),
    "missing setting": ({"layers": [layer("conv1d", filters=2), FLAT]}, "layer 1 (conv1d)", "'width'"),
    "unknown setting": ({"layers": [layer("flatten", width=2)]}, "layer 1 (flatten)", "'width'"),
    "empty residual": ({"layers": [layer("residual", layers=[]), FLAT]}, "layer 1 (residual)", "it holds no layers"),
    "no tracks": (
        {"layers": [FLAT], "input": "tracks", "without": "tracks"},
        "the network reads tracks, which the data lack",
    ),
    "input beside branches": (
        {"branches": {"sequence": [FLAT], "tracks": [FLAT]}, "input": "tracks"},
        "both `input` and `branches`",
    ),
    "shared tracks": ({"layers": [FLAT], "input": "tracks", "strands": "shared"}, "sequence alone", "`averaged`"),
    "shared branches": (
        {"branches": {"sequence": [FLAT], "tracks": [FLAT]}, "strands": "shared"},
        *("sequence alone", "`averaged`"),
    ),
    "shared without filters": (
        {"layers": [FLAT], "strands": "shared"},
        "layer 1 (flatten)",
        "the first layer is a conv1d",
    ),
    "shared, even width": (
        {"layers": [conv(2, 24, padding="same"), FLAT], "strands": "shared"},
        *("layer 1 (conv1d)", "even width (24)", "take an odd width, or `valid`"),
    ),
    "shared, odd remainder of a pool": (
        {"layers": [conv(2, 3), layer("max_pool", width=5, stride=4), FLAT], "strands": "shared"},
        *("layer 2 (max_pool)", "leave 1 of 38 positions uncovered", "it receives (4, 38) from layer 1"),
    ),
    "shared, odd remainder of a stride": (
        {"layers": [conv(2, 3, stride=2), FLAT], "strands": "shared"},
        *("layer 1 (conv1d)", "leave 1 of 40 positions uncovered", "it receives (4, 40) from the sequence"),
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_network_that_cannot_be_built_names_the_layer_and_the_shapes(case):
    network, *expected = MISTAKES[case]
    inputs = {"sequence": (4, 40), "tracks": (5, 7)}
    inputs.pop(network.get("without"), None)
    with pytest.raises(ValueError, match=r".") as error:
        network_table({key: value for key, value in network.items() if key != "without"}, inputs, 1)
    for text in expected:
        assert text in str(error.value)


# --- the schema -------------------------------------------------------------------------------------------------------


def settings_in_schema():
    """Definition of the settings of every layer type in models.schema.yaml."""
    by_type = SCHEMA["$defs"]["layer"]["dependentSchemas"]["type"]
    return {
        choice["if"]["properties"]["type"]["const"]: SCHEMA["$defs"][choice["then"]["$ref"].rsplit("/", 1)[1]]
        for group in ("then", "else")
        for choice in by_type[group]["allOf"]
    }


def test_schema_has_the_layer_types_and_their_settings():
    schema = settings_in_schema()
    assert set(schema) == {*LAYER_TYPES, "residual"} == set(SCHEMA["$defs"]["layer"]["properties"]["type"]["enum"])
    for kind, (function, _) in LAYER_TYPES.items():
        settings = list(inspect.signature(function).parameters.values())[1:]
        assert set(schema[kind]["properties"]) - {"type", "name"} == {setting.name for setting in settings} - (
            {"stride"} if kind == "attention_pool" else set()
        )
        assert set(schema[kind].get("required", [])) == {s.name for s in settings if s.default is s.empty}


def test_frequent_types_of_the_schema_are_those_tried_first():
    by_type = SCHEMA["$defs"]["layer"]["dependentSchemas"]["type"]
    first = [choice["if"]["properties"]["type"]["const"] for choice in by_type["then"]["allOf"]]
    assert by_type["if"]["properties"]["type"]["enum"] == first
