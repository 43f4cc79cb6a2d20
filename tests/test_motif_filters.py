import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import nn

from cisflow.meme import PSEUDOCOUNT, Motif, read_meme, reverse_complement, write_meme
from cisflow.messages import InputError
from cisflow.model import build_network, first_layer, load_model, save_model
from cisflow.motif_filters import filter_of_motif, initialise_from_motifs

JASPAR = sorted((Path(__file__).parent.parent / "resources" / "jaspar").glob("*.meme"))
UNIFORM = (0.25, 0.25, 0.25, 0.25)
FLY = (0.29, 0.21, 0.21, 0.29)
INPUTS = {"sequence": (4, 60)}


def network(filters=6, width=15, frozen=False, strands="single", padding="valid"):
    first = {"type": "conv1d", "filters": filters, "width": width, "motifs": "m.meme", "padding": padding}
    rest = [{"type": "activation", "function": "relu"}, {"type": "global_max_pool"}]
    return {"strands": strands, "layers": [{**first, "frozen": frozen}, *rest]}


def random_pwm(width, seed=0):
    return np.random.default_rng(seed).dirichlet([0.4] * 4, size=width)


def motif_file(tmp_path, widths, background=UNIFORM):
    """A MEME file of random motifs of these widths, and the motifs as it holds them."""
    path = tmp_path / "m.meme"
    write_meme(path, [Motif(f"m{n}", "", random_pwm(width, n), 20) for n, width in enumerate(widths)], background)
    return path, read_meme(path)


def one_hot(bases):
    """Base codes (L,), 4 = unknown -> (1, 4, L)."""
    return torch.from_numpy((np.asarray(bases) == np.arange(4)[:, None]).astype(np.float32))[None]


def likeliest_ratio(pwm, background):
    """The bases of the best match: those with the largest odds against the background."""
    return (pwm / np.array(background)).argmax(axis=1)


@pytest.mark.parametrize("background", [UNIFORM, FLY])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_planted_best_match_scores_one_at_its_place(background, padding, tmp_path):
    path, motifs = motif_file(tmp_path, [8, 15, 11, 22], background)
    model = build_network(network(padding=padding), INPUTS, 1, {"conv1d_1": path})
    for number, motif in enumerate(motifs.values()):
        best = likeliest_ratio(motif.pwm, background)
        sequence = np.full(60, 4)
        sequence[20 : 20 + len(best)] = best
        score = model.conv1d_1(one_hot(sequence))[0, number].detach()
        if len(best) <= 15:
            # The motif lies in the middle of the filter, and `same` padding puts the filter's middle on its position.
            begin = 20 - (15 - len(best)) // 2 + (7 if padding == "same" else 0)
            assert int(score.argmax()) == begin
        assert float(score.max()) == pytest.approx(1, abs=1e-6)
        assert not model.conv1d_1.bias[number]
        others = torch.cat([one_hot(np.random.default_rng(row).integers(4, size=60)) for row in range(200)])
        assert model.conv1d_1(others)[:, number].max() < 1 + 1e-6


def test_no_sequence_scores_more_than_the_best_match():
    weights = filter_of_motif(random_pwm(5), 5, FLY)
    scores = [
        sum(weights[base, position] for position, base in enumerate(word))
        for word in itertools.product(range(4), repeat=5)
    ]
    assert max(scores) == pytest.approx(1)


def test_weights_are_log_odds_against_the_background():
    pwm = random_pwm(6)
    weights = filter_of_motif(pwm, 6, FLY)
    odds = [[math.log(0.99 * pwm[p, b] / FLY[b] + 0.01) for b in range(4)] for p in range(6)]
    expected = np.array(odds) / sum(map(max, odds))
    assert np.allclose(weights.T, expected)


@pytest.mark.parametrize("width", [9, 10, 15])
def test_reading_a_filter_back_gives_the_motif(width):
    pwm = random_pwm(9)
    weights = filter_of_motif(pwm, width, FLY)
    start = (width - 9) // 2
    assert not weights[:, :start].any()
    assert not weights[:, start + 9 :].any()

    def probabilities(scale, column):
        return (np.exp(scale * weights[:, column]) - PSEUDOCOUNT) / (1 - PSEUDOCOUNT) * FLY

    # The scale is where the probabilities sum to 1 (beside 0, where the filter tells nothing).
    scale = brentq(lambda s: probabilities(s, start + 4).sum() - 1, 0.5, 100)
    back = np.array([probabilities(scale, start + position) for position in range(9)])
    assert back == pytest.approx(pwm, abs=1e-6)


@pytest.mark.parametrize("width", [6, 12, 16])
def test_the_reverse_complement_of_a_motif_is_that_of_its_filter(width):
    pwm = random_pwm(12)
    turned = filter_of_motif(reverse_complement(pwm), width, FLY)
    assert turned == pytest.approx(filter_of_motif(pwm, width, FLY)[::-1, ::-1])


@pytest.mark.parametrize("width", [4, 7, 11])
def test_of_a_wide_motif_the_most_informative_stretch_is_taken(width):
    pwm = random_pwm(20, seed=3)
    pwm[8:12] = [0.97, 0.01, 0.01, 0.01]
    information = [
        sum(p * math.log(0.99 * p / b + 0.01) for p, b in zip(row, FLY, strict=True)) for row in pwm.tolist()
    ]
    start = max(range(20 - width + 1), key=lambda begin: sum(information[begin : begin + width]))
    assert filter_of_motif(pwm, width, FLY) == pytest.approx(filter_of_motif(pwm[start : start + width], width, FLY))


@pytest.mark.parametrize("path", JASPAR, ids=lambda path: path.stem)
def test_every_motif_of_the_shipped_databases_makes_a_filter(path):
    for motif in read_meme(path).values():
        weights = filter_of_motif(motif.pwm, 15, UNIFORM)
        assert weights.max(axis=0).sum() == pytest.approx(1)
        assert np.isfinite(weights).all()


def test_zeros_in_the_background_do_no_harm():
    assert np.isfinite(filter_of_motif(random_pwm(6), 8, (0.5, 0, 0.5, 0))).all()


def test_other_filters_begin_as_torch_does(tmp_path):
    path, _ = motif_file(tmp_path, [8, 9])
    models = []
    for motifs in (None, {"conv1d_1": path}):
        torch.manual_seed(3)
        models.append(build_network(network(), INPUTS, 2, motifs))
    plain, with_motifs = (model.state_dict() for model in models)
    assert torch.equal(plain["conv1d_1.weight"][2:], with_motifs["conv1d_1.weight"][2:])
    assert torch.equal(plain["conv1d_1.bias"][2:], with_motifs["conv1d_1.bias"][2:])
    assert torch.equal(plain["output.weight"], with_motifs["output.weight"])
    assert not torch.equal(plain["conv1d_1.weight"][1], with_motifs["conv1d_1.weight"][1])


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [(torch.optim.AdamW, {"weight_decay": 0.5}), (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.5})],
)
def test_frozen_motifs_stay_under_momentum_and_weight_decay(optimizer, settings, tmp_path):
    path, _ = motif_file(tmp_path, [8, 9, 10, 11, 12, 13])
    model = build_network(network(frozen=True), INPUTS, 1, {"conv1d_1": path})
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    steps = optimizer(model.parameters(), lr=0.1, **settings)
    for seed in range(3):
        steps.zero_grad()
        codes = np.random.default_rng(seed).integers(4, size=60)
        model(one_hot(codes)).sum().backward()
        steps.step()
    after = model.state_dict()
    for name in after:
        assert torch.equal(before[name], after[name]) == name.startswith("conv1d_1."), name


def test_motifs_that_are_not_frozen_train(tmp_path):
    path, _ = motif_file(tmp_path, [8, 9])
    model = build_network(network(), INPUTS, 1, {"conv1d_1": path})
    model(one_hot(np.arange(60) % 4)).sum().backward()
    assert model.conv1d_1.weight.grad[:2].any()


@pytest.mark.parametrize(
    ("widths", "settings", "texts"),
    [
        ([8] * 7, {}, ["layer conv1d_1", "7 motifs for 6 filters", "raise filters"]),
        ([8] * 5, {"frozen": True}, ["layer conv1d_1 is frozen", "5 motif(s) for 6 filters", "set filters: 5"]),
    ],
)
def test_a_wrong_number_of_motifs_is_told(widths, settings, texts, tmp_path):
    path, _ = motif_file(tmp_path, widths)
    with pytest.raises(InputError) as error:
        build_network(network(**settings), INPUTS, 1, {"conv1d_1": path})
    assert all(text in str(error.value) for text in [*texts, str(path)])


def test_a_motif_that_is_the_background_is_told(tmp_path):
    path = tmp_path / "m.meme"
    write_meme(path, [Motif("flat", "", np.tile(FLY, (8, 1)), 20)], FLY)
    with pytest.raises(InputError, match=r"motif flat no filter can be made: it does not differ from the background"):
        build_network(network(), INPUTS, 1, {"conv1d_1": path})


def test_a_wrong_file_or_name_is_told(tmp_path):
    path = tmp_path / "m.meme"
    path.write_text("nothing\n")
    with pytest.raises(InputError, match="is not a MEME file"):
        build_network(network(), INPUTS, 1, {"conv1d_1": path})
    with pytest.raises(InputError, match="no layer conv1d_2"):
        build_network(network(), INPUTS, 1, {"conv1d_2": path})


def test_both_strands_of_shared_filters_find_the_motif(tmp_path):
    path, motifs = motif_file(tmp_path, [8, 9])
    model = build_network(network(strands="shared"), INPUTS, 1, {"conv1d_1": path})
    best = likeliest_ratio(motifs["m0"].pwm, UNIFORM)
    for strand in (best, 3 - best[::-1]):
        sequence = np.full(60, 4)
        sequence[30:38] = strand
        both = model.conv1d_1(one_hot(sequence))
        assert float(both[:, [0, 11]].max()) == pytest.approx(1, abs=1e-6)
    assert first_layer(model)[0].weight.shape == (6, 4, 15)


def test_motifs_of_a_branch(tmp_path):
    path, motifs = motif_file(tmp_path, [15])
    branches = {"sequence": network()["layers"], "tracks": [{"type": "global_avg_pool"}]}
    inputs = {**INPUTS, "tracks": (2, 5)}
    model = build_network({"branches": branches, "layers": []}, inputs, 1, {"sequence.conv1d_1": path})
    expected = filter_of_motif(motifs["m0"].pwm, 15, UNIFORM)
    assert model.sequence.conv1d_1.weight[0].detach().numpy() == pytest.approx(expected)


def test_a_saved_model_loads_without_the_motifs(tmp_path):
    path, _ = motif_file(tmp_path, [8] * 6)
    model = build_network(network(frozen=True), INPUTS, 1, {"conv1d_1": path}).eval()
    record = {"network": network(frozen=True), "inputs": INPUTS, "target_names": ["a"]}
    save_model(tmp_path / "model.pt", model, record)
    path.unlink()
    loaded, _ = load_model(tmp_path / "model.pt", "cpu")
    x = one_hot(np.arange(60) % 4)
    assert torch.equal(loaded(x), model(x))
    assert not loaded.conv1d_1.weight.requires_grad


def test_a_convolution_without_bias():
    convolution = nn.Conv1d(4, 3, 9, bias=False)
    initialise_from_motifs(convolution, {"m": Motif("m", "", random_pwm(9), 20)})
    assert convolution.weight[0].detach().numpy() == pytest.approx(filter_of_motif(random_pwm(9), 9, UNIFORM))
