import numpy as np
import pytest
import torch
from made_splits import JITTER, LENGTH, made_split

from cisflow.filter_procedures import PROCEDURES, described, procedure_of
from cisflow.filter_pwms import describe_filters
from cisflow.filter_scans import filters_of_layer
from cisflow.filter_sites import background_of, code_blocks, count_sites, thresholds
from cisflow.model import build_network, first_layer

CPU = torch.device("cpu")


def network(width, function="relu", padding="valid", n_filters=4, length=60, seed=0):
    torch.manual_seed(seed)
    layers = [
        {"type": "conv1d", "filters": n_filters, "width": width, "padding": padding},
        {"type": "batch_norm"},
        {"type": "activation", "function": function},
        {"type": "global_max_pool"},
    ]
    model = build_network({"layers": layers}, {"sequence": (4, length)}, 1)
    model(torch.rand(16, 4, length))  # moves batch norm's statistics
    return model.eval(), {"network": {"layers": layers}, "inputs": {"sequence": (4, length)}}


def brute_force(first, bases, procedure):
    """Sites and counts in plain loops, from the convolution's weights and batch norm's formula."""
    weight, bias = (p.detach().double().numpy() for p in (first[0].weight, first[0].bias))
    norm, function = first[1], first[2].function
    scale = norm.weight.detach().double().numpy() / np.sqrt(norm.running_var.double().numpy() + norm.eps)
    shift = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * scale
    n_filters, _, width = weight.shape
    fraction = procedure["activation_fraction"]
    for number in range(n_filters):
        activation = {}
        for row, sequence in enumerate(bases):
            for start in range(len(sequence) - width + 1):
                value = sum(weight[number, b, i] for i, b in enumerate(sequence[start : start + width]) if b < 4)
                value = (value + bias[number]) * scale[number] + shift[number]
                activation[row, start] = np.exp(value) if function == "exp" else max(value, 0)
        values = np.array(list(activation.values()))
        if procedure["threshold"] == "best_position":
            best = {row: max((activation[r, s], -s) for r, s in activation if r == row) for row in range(len(bases))}
            sites = {(row, -s): value for row, (value, s) in best.items() if value > 0}
        else:
            low = values.mean() if procedure["threshold"] == "mean_to_maximum" else 0
            threshold = low + fraction * (values.max() - low)
            sites = {place: value for place, value in activation.items() if value > threshold}
        counts = np.zeros((width, 4))
        for (row, start), value in sites.items():
            count = value if procedure["weighting"] == "activation" else 1
            for offset, base in enumerate(bases[row, start : start + width]):
                counts[offset] += count * (np.eye(4)[base] if base < 4 else 0.25)
        yield len(sites), counts


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("function", ["relu", "exp"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", [7, 8])
def test_counts_are_those_of_a_brute_force_count(width, padding, function, name):
    codes = np.random.default_rng(2).choice(5, p=[0.24] * 4 + [0.04], size=(25, 60)).astype(np.uint8)
    (model, record), procedure = network(width, function, padding), procedure_of({"procedure": name})
    sites = count_sites(filters_of_layer(model, record, CPU), lambda: [codes[:10], codes[10:]], procedure)
    for number, (n_sites, counts) in enumerate(brute_force(first_layer(model), codes, procedure)):
        assert sites["n_sites"][number] == n_sites
        assert sites["counts"][number] == pytest.approx(counts, rel=1e-4)


def test_blocks_do_not_change_the_counts():
    codes = np.random.default_rng(1).integers(4, size=(50, 60), dtype=np.uint8)
    model, record = network(9)
    filters, procedure = filters_of_layer(model, record, CPU), procedure_of({})
    whole = count_sites(filters, lambda: [codes], procedure)
    parts = count_sites(filters, lambda: (codes[at : at + 7] for at in range(0, 50, 7)), procedure)
    assert np.array_equal(whole["counts"], parts["counts"])
    assert np.array_equal(whole["n_sites"], parts["n_sites"])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", range(8, 26))
def test_a_planted_motif_is_recovered_column_by_column(width, padding):
    # A filter that is the motif itself: every column of its PWM must show the motif's own base, unshifted by padding.
    rng = np.random.default_rng(width)
    motif = rng.integers(4, size=width)
    codes = rng.integers(4, size=(60, 80), dtype=np.uint8)
    for row in range(60):
        start = rng.integers(80 - width + 1)
        codes[row, start : start + width] = motif
    codes[0, :width], codes[1, 80 - width :] = motif, motif  # at both ends
    model, record = network(width, padding=padding, n_filters=1, length=80)
    with torch.no_grad():
        model.conv1d_1.weight[:] = torch.from_numpy((motif == np.arange(4)[:, None]) - 0.25)
        model.conv1d_1.bias[:] = 0
    procedure = procedure_of({"activation_fraction": 0.9})
    sites = count_sites(filters_of_layer(model, record, CPU), lambda: [codes], procedure)
    assert sites["n_sites"][0] >= 60
    (row,) = describe_filters(sites, procedure)
    assert row["status"] == "ok"
    assert row["consensus"] == "".join("ACGT"[base] for base in motif)
    assert (row["start"], row["end"]) == (0, width)


def test_the_jitter_is_not_read(tmp_path):
    path = made_split(tmp_path / "test.h5", n_rows=600)
    blocks = list(code_blocks(path, LENGTH, ("name", "start")))
    codes = np.concatenate([codes for codes, _ in blocks])
    wide = np.concatenate([codes for codes, _ in code_blocks(path, LENGTH + 2 * JITTER)])
    assert np.array_equal(codes, wide[:, JITTER:-JITTER])
    assert len(blocks) > 2
    assert all(block["stored"] == LENGTH + 2 * JITTER for _, block in blocks)
    assert np.concatenate([block["start"] for _, block in blocks]).tolist() == list(range(0, 60_000, 100))


def test_thresholds():
    mean, maximum = np.array([1, 0, -3], dtype=np.float32), np.array([5, 0, -1], dtype=np.float32)
    assert thresholds("mean_to_maximum", 0.25, mean, maximum).tolist() == [2, 0, -2.5]
    # Half of a maximum below 0 lies above it, half of 0 is what a dead unit always gives: neither has sites.
    assert thresholds("share_of_maximum", 0.5, mean, maximum).tolist() == [2.5, np.inf, np.inf]
    assert thresholds("best_position", None, mean, maximum).tolist() == [0, 0, 0]


def test_backgrounds():
    counts = np.array([39, 9, 19, 29, 1000])
    assert background_of("uniform", counts) == (0.25,) * 4
    assert background_of("split", counts) == pytest.approx((0.4, 0.1, 0.2, 0.3))
    assert background_of([3, 2, 2, 3], counts) == pytest.approx((0.3, 0.2, 0.2, 0.3))


def test_a_procedure_can_differ_in_every_number():
    assert procedure_of({}) == procedure_of({"procedure": "basset", "pseudocount": None})
    changed = {
        "procedure": "koo_eddy", "threshold": "mean_to_maximum", "activation_fraction": 0.7, "pseudocount": 0.5,
        "weighting": "none", "min_sites": 3, "trim_information": 0.1, "min_information": 0.2, "background": "split",
        "layer": "conv1d_2", "max_sites": 7,
    }  # fmt: skip
    assert procedure_of(changed) == changed
    # Zero is a number, not a lack of one.
    assert procedure_of({"procedure": "basset", "pseudocount": 0})["pseudocount"] == 0


def test_a_threshold_brings_the_fraction_that_it_needs():
    assert procedure_of({"procedure": "deepbind"})["activation_fraction"] is None
    found = procedure_of({"procedure": "deepbind", "threshold": "share_of_maximum"})
    assert found["activation_fraction"] == 0.5
    assert "above 0.5 x maximum" in described(found)
    assert procedure_of({"threshold": "best_position", "activation_fraction": 0.3})["activation_fraction"] is None


@pytest.mark.parametrize(
    ("key", "known"), [("procedure", "basset"), ("threshold", "best_position"), ("weighting", "none")]
)
def test_an_unknown_name_is_told_with_those_that_there_are(key, known):
    with pytest.raises(ValueError, match=f"there is no {key} 'odd': take .*{known}"):
        procedure_of({key: "odd"})
