import numpy as np
import pytest
import torch
from torch import nn

from cisflow.filters import count_sites, describe_filters, trimmed
from cisflow.meme import consensus
from cisflow.model import build_network, first_layer

CPU = torch.device("cpu")


def one_hot_of(bases):
    """(N, L) of 0..3, and 4 = unknown, as one-hot."""
    return torch.from_numpy((bases[:, None] == np.arange(4)[:, None]).astype(np.int8))


def first_of(width, n_filters=3, function="relu", padding="valid", seed=0, strands="single", **settings):
    torch.manual_seed(seed)
    layers = [
        {"type": "conv1d", "filters": n_filters, "width": width, "padding": padding, **settings},
        {"type": "batch_norm"},
        {"type": "activation", "function": function},
        {"type": "global_max_pool"},
    ]
    model = build_network({"layers": layers, "strands": strands}, {"sequence": (4, 60)}, 1)
    model(torch.rand(16, 4, 60))  # moves batch norm's statistics
    return first_layer(model.eval())


def brute_force(first, bases, fraction, dilation=1):
    """Basset's procedure in plain loops, from the convolution's weights and batch norm's formula."""
    weight, bias = (p.detach().double().numpy() for p in (first[0].weight, first[0].bias))
    norm, function = first[1], first[2].function
    scale = norm.weight.detach().double().numpy() / np.sqrt(norm.running_var.double().numpy() + norm.eps)
    shift = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * scale
    n_filters, _, width = weight.shape
    span = (width - 1) * dilation + 1
    found = []
    for number in range(n_filters):
        activation = {}
        for row, sequence in enumerate(bases):
            for start in range(len(sequence) - span + 1):
                under = sequence[start : start + span : dilation]
                value = sum(weight[number, base, offset] for offset, base in enumerate(under) if base < 4)
                value = (value + bias[number]) * scale[number] + shift[number]
                activation[row, start] = np.exp(value) if function == "exp" else max(value, 0)
        values = np.array(list(activation.values()))
        threshold = values.mean() + fraction * (values.max() - values.mean())
        counts, n_sites = np.zeros((span, 4)), 0
        for (row, start), value in activation.items():
            if value > threshold:
                n_sites += 1
                for offset, base in enumerate(bases[row, start : start + span]):
                    counts[offset] += np.eye(4)[base] if base < 4 else 0.25
        found.append((threshold, n_sites, counts))
    return found


@pytest.mark.parametrize("function", ["relu", "exp"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", [7, 8])
def test_sites_are_those_of_a_brute_force_count(function, padding, width):
    bases = np.random.default_rng(2).choice(5, p=[0.24, 0.24, 0.24, 0.24, 0.04], size=(25, 60))
    first = first_of(width, function=function, padding=padding)
    sites = count_sites(first, one_hot_of(bases), 60, CPU)
    for number, (threshold, n_sites, counts) in enumerate(brute_force(first, bases, 0.5)):
        assert sites["threshold"][number] == pytest.approx(threshold, rel=1e-4)
        assert sites["n_sites"][number] == n_sites
        assert sites["counts"][number] == pytest.approx(counts)


@pytest.mark.parametrize("settings", [{"dilation": 3}, {"stride": 4}, {"bias": False}, {"strands": "shared"}], ids=str)
def test_sites_of_other_convolutions_are_those_of_a_brute_force_count(settings):
    # Of a stride, every position counts; of strands that share filters, each filter once.
    bases = np.random.default_rng(2).integers(4, size=(25, 60))
    first = first_of(8, **settings)
    sites = count_sites(first, one_hot_of(bases), 60, CPU)
    assert len(sites["n_sites"]) == 3
    if first[0].bias is None:
        first[0].bias = nn.Parameter(torch.zeros(3))
    for number, (threshold, n_sites, counts) in enumerate(brute_force(first, bases, 0.5, settings.get("dilation", 1))):
        assert sites["threshold"][number] == pytest.approx(threshold, rel=1e-4)
        assert sites["n_sites"][number] == n_sites
        assert sites["counts"][number] == pytest.approx(counts)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", range(8, 26))
def test_a_planted_motif_is_recovered_column_by_column(width, padding):
    # A filter that is the motif itself: every column of its PWM must show the motif's own base, unshifted by padding.
    rng = np.random.default_rng(width)
    motif = rng.integers(4, size=width)
    bases = rng.integers(4, size=(60, 80))
    for row in range(60):
        start = rng.integers(80 - width + 1)
        bases[row, start : start + width] = motif
    bases[0, :width], bases[1, 80 - width :] = motif, motif  # at both ends
    convolution = nn.Conv1d(4, 1, width, padding="same" if padding == "same" else 0)
    with torch.no_grad():
        convolution.weight[:] = torch.from_numpy((motif == np.arange(4)[:, None]).astype(np.float32))[None] - 0.25
        convolution.bias[:] = 0
    sites = count_sites(nn.Sequential(convolution, nn.ReLU()), one_hot_of(bases), 80, CPU, fraction=0.9)
    assert sites["n_sites"][0] >= 60
    (row,) = describe_filters(sites, 1, 10, 0.25, 0.5)
    assert row["status"] == "ok"
    assert row["consensus"] == "".join("ACGT"[base] for base in motif)
    assert (row["start"], row["end"]) == (0, width)


def test_the_jitter_is_not_read():
    bases = np.random.default_rng(0).integers(4, size=(20, 60))
    first = first_of(8)
    padded = np.full((20, 80), 4)
    padded[:, 10:70] = bases
    inner, whole = (count_sites(first, one_hot_of(array), 60, CPU) for array in (padded, bases))
    assert all(np.array_equal(inner[name], whole[name]) for name in inner)


def test_batches_do_not_change_the_counts(monkeypatch):
    bases = np.random.default_rng(1).integers(4, size=(50, 60))
    first = first_of(9)
    whole = count_sites(first, one_hot_of(bases), 60, CPU)
    monkeypatch.setattr("cisflow.filters.BATCH", 7)
    parts = count_sites(first, one_hot_of(bases), 60, CPU)
    assert np.array_equal(whole["counts"], parts["counts"])


def test_every_filter_is_listed_with_its_status():
    sites = {
        "counts": np.stack(
            [np.eye(4)[[0, 1, 2, 3, 0]] * 50, np.zeros((5, 4)), np.eye(4)[[0] * 5] * 3, np.full((5, 4), 30.0)]
        ),
        "n_sites": np.array([50, 0, 3, 120]),
        "threshold": np.array([1.0, 0.0, 1.0, 1.0]),
        "mean": np.array([0.1, 0.0, 0.1, 0.1]),
        "maximum": np.array([2.0, 0.0, 2.0, 2.0]),
    }
    rows = describe_filters(sites, 1, 10, 0.25, 0.5)
    assert [row["filter"] for row in rows] == ["filter_0", "filter_1", "filter_2", "filter_3"]
    assert [row["status"] for row in rows] == ["ok", "dead", "few_sites", "uninformative"]
    assert rows[0]["pwm"][0] == pytest.approx(np.array([51, 1, 1, 1]) / 54)
    assert all(row["pwm"] is None for row in rows[1:])


def test_near_uniform_filters_have_no_pwm():
    # Two weak positions at the ends of 17 uniform ones made a "motif" that matched whatever the database held.
    weak = np.full((19, 4), 100.0)
    weak[[0, -1]] = [340, 20, 20, 20]
    spread = np.full((19, 4), 100.0)
    spread[::3, 0] = 300  # seven positions of 0.3 bits
    sharp = np.full((19, 4), 5.0)
    sharp[:, 2] = 385
    sites = {
        "counts": np.stack([weak, spread, sharp]),
        "n_sites": np.full(3, 400),
        "threshold": np.ones(3),
        "mean": np.zeros(3),
        "maximum": np.full(3, 2.0),
    }
    assert [row["status"] for row in describe_filters(sites, 1, 10, 0.25, 0.5)] == [
        "uninformative",
        "uninformative",
        "ok",
    ]


def test_uninformative_flanks_are_cut_off():
    pwm = np.full((9, 4), 0.25)
    pwm[2:4] = [0.97, 0.01, 0.01, 0.01]
    pwm[6] = [0.01, 0.97, 0.01, 0.01]
    assert trimmed(pwm, 0.25) == (2, 7)
    assert consensus(pwm[2:7])[0] == "A"
    assert trimmed(np.full((5, 4), 0.25), 0.25) == (0, 0)
