"""Proposals keep to their ranges, can be built, come again with the same seed and results, and learn from results."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, qmc

from cisflow.search import proposals

SAMPLERS = ["random", "qmc", "tpe", "gp"]
RATE = {"low": 1e-4, "high": 1e-1, "log": True, "step": None, "whole": False}
RANGES = {
    "training.learning_rate": RATE,
    "training.optimizer": {"choices": ["adam", "sgd", "rmsprop"]},
    "layers.conv1d_1.filters": {"low": 16, "high": 128, "log": False, "step": 16, "whole": True},
    "layers.dropout_1.rate": {"low": 0.0, "high": 0.5, "log": False, "step": None, "whole": False},
}
UNIT = {"low": 0.0, "high": 1.0, "log": False, "step": None, "whole": False}


def search(sampler, ranges=RANGES, seed=1):
    return {"sampler": sampler, "seed": seed, "ranges": ranges, "waits": sampler in ("tpe", "gp")}


def settings_of(found):
    return [proposal["overrides"] for proposal in found]


def proposed(sampler, numbers, earlier=(), ranges=RANGES, seed=1, refusal=lambda _: ""):
    return settings_of(proposals(search(sampler, ranges, seed), list(numbers), list(earlier), refusal))


def results(ranges=RANGES, n=12, score=lambda settings: float(len(str(settings)))):
    """Trials as a first rounds would leave them, enough for samplers to learn from."""
    return [(overrides, score(overrides)) for overrides in proposed("random", range(1, n + 1), ranges=ranges, seed=9)]


def by_rounds(sampler, score, ranges, trials, at_once, seed):
    """Scores of a whole search of a known function."""
    earlier = []
    for first in range(1, trials + 1, at_once):
        known = earlier if sampler in ("tpe", "gp") else []
        found = proposed(sampler, range(first, first + at_once), known, ranges, seed)
        earlier += [(overrides, score(overrides)) for overrides in found]
    return [value for _, value in earlier]


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_and_results_give_the_same_proposals(sampler):
    earlier = results() if sampler in ("tpe", "gp") else []
    first = len(earlier) + 1
    one, again, other = (proposed(sampler, range(first, first + 4), earlier, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_more_trials_go_on_from_where_the_sequence_was(sampler):
    parts = [proposed(sampler, range(first, first + 5)) for first in (1, 6, 11)]
    assert [one for part in parts for one in part] == proposed(sampler, range(1, 16))


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_proposals_change_with_results(sampler):
    def rate(sign):
        return lambda overrides: sign * math.log(overrides["training.learning_rate"])

    low, high = (proposed(sampler, range(13, 18), results(score=rate(sign))) for sign in (1, -1))
    assert low != high
    mean = [np.mean([math.log(one["training.learning_rate"]) for one in found]) for found in (low, high)]
    assert mean[0] < mean[1]


def test_rounds_before_there_are_results_differ():
    """A round's draws hang on its place too: without results, a second round must not repeat the first."""
    rounds = [proposed("tpe", range(first, first + 5)) for first in (1, 6)]
    assert not [one for one in rounds[0] if one in rounds[1]]


# --- ranges -----------------------------------------------------------------------------------------------------------


@st.composite
def spans(draw):
    """Ranges in full, as `cisflow.overrides.search_of` makes them."""
    kind = draw(st.sampled_from(["choices", "whole", "steps", "any"]))
    log = draw(st.booleans())
    if kind == "choices":
        values = st.one_of(
            st.text(max_size=3), st.integers(), st.booleans(), st.none(), st.lists(st.integers(), max_size=2)
        )
        return {"choices": draw(st.lists(values, min_size=1, max_size=5, unique_by=repr))}
    if kind == "whole":
        low, step = draw(st.integers(1, 1000)), 1 if log else draw(st.integers(1, 50))
        return {"low": low, "high": low + step * draw(st.integers(0, 100)), "log": log, "step": step, "whole": True}
    # Training has the processor flush subnormal numbers to 0, in whatever test it ran before.
    low, more = (draw(st.floats(least, 1e3, allow_subnormal=False)) for least in (1e-6, 0))
    if kind == "steps":
        low, step = round(low, 3), draw(st.sampled_from([0.001, 0.05, 0.1, 2.0]))
        high = round(low + step * draw(st.integers(0, 50)), 3)
        return {"low": low, "high": high, "log": False, "step": step, "whole": False}
    return {"low": low, "high": low + more, "log": log, "step": None, "whole": False}


def check_within(span, value):
    if "choices" in span:
        assert any(value == choice and type(value) is type(choice) for choice in span["choices"])
        return
    assert span["low"] <= value <= span["high"]
    assert isinstance(value, int if span["whole"] else float)
    if span["step"]:
        steps = (value - span["low"]) / span["step"]
        assert steps == pytest.approx(round(steps), abs=1e-6)


@pytest.mark.parametrize(("sampler", "examples"), [("random", 60), ("qmc", 25), ("tpe", 25), ("gp", 5)])
def test_values_lie_within_their_ranges(sampler, examples):
    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(st.dictionaries(st.sampled_from("abcdefgh"), spans(), min_size=1, max_size=5))
    def check(ranges):
        earlier = []
        if sampler in ("tpe", "gp"):
            found = [one for one in proposed("random", range(1, 12), ranges=ranges) if one]
            earlier = [(one, float(number)) for number, one in enumerate(found)]
        first = len(earlier) + 1
        for overrides in proposed(sampler, range(first, first + 3), earlier, ranges):
            if overrides is not None:  # few settings may all have been tried
                assert list(overrides) == list(ranges)
                for path, value in overrides.items():
                    check_within(ranges[path], value)

    check()


def test_rounding_keeps_within_the_range():
    span = {"low": 0.12345678, "high": 0.12345679, "log": False, "step": None, "whole": False}
    for overrides in proposed("random", [1, 2, 3], ranges={"x": span, "y": UNIT}):
        check_within(span, overrides["x"])


def test_random_draws_are_uniform_and_of_logarithmic_ranges_in_the_logarithm():
    found = proposed("random", range(1, 301))
    rates = [(math.log10(one["training.learning_rate"]) + 4) / 3 for one in found]
    assert kstest(rates, "uniform").pvalue > 0.01
    assert kstest([2 * one["layers.dropout_1.rate"] for one in found], "uniform").pvalue > 0.01
    counts = np.bincount([one["layers.conv1d_1.filters"] // 16 for one in found], minlength=9)[1:]
    assert counts.min() > 300 / 8 / 2


def test_the_sequence_leaves_no_gaps():
    """Of 16 points of a scrambled Sobol sequence one lies in each sixteenth of every axis (Owen 1995)."""
    ranges = {"rate": RATE, "x": UNIT, "choice": {"choices": list("abcd")}}
    found = proposed("qmc", range(1, 17), ranges=ranges)
    rates = [(math.log10(one["rate"]) + 4) / 3 for one in found]
    for axis in (rates, [one["x"] for one in found]):
        assert sorted(int(16 * value) for value in axis) == list(range(16))
    assert sorted(one["choice"] for one in found) == sorted(4 * "abcd")
    pairs = {"x": UNIT, "y": UNIT}
    by_chance, evenly = (
        np.array([list(one.values()) for one in proposed(sampler, range(1, 17), ranges=pairs)])
        for sampler in ("random", "qmc")
    )
    assert qmc.discrepancy(evenly) < qmc.discrepancy(by_chance)


# --- what cannot be tried ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_cannot_be_built_is_not_proposed(sampler):
    """Nine of ten settings are refused, among them those that did best."""
    earlier = []
    if sampler in ("tpe", "gp"):
        earlier = [(one, -one["x"] if one["x"] < 0.1 else -2.0) for one, _ in results({"x": UNIT, "y": UNIT})]
    asked = []

    def refusal(overrides):
        asked.append(overrides)
        return "too far" if overrides["x"] > 0.1 else ""

    first = len(earlier) + 1
    found = proposed(sampler, range(first, first + 4), earlier, {"x": UNIT, "y": UNIT}, refusal=refusal)
    assert all(one["x"] <= 0.1 for one in found)
    assert any(one["x"] > 0.1 for one in asked)


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_sampler_is_told_what_cannot_be_built(sampler):
    """The best lies where nothing can be built: told of it, samplers keep off; untold, they ask a hundred times."""
    rng, asked = np.random.default_rng(1), []
    pairs = [pair for pair in rng.random((40, 2)).tolist() if sum(pair) < 1][:12]
    earlier = [({"x": x, "y": y}, -(x + y)) for x, y in pairs]

    def refusal(overrides):
        asked.append(overrides)
        return "too large" if sum(overrides.values()) >= 1 else ""

    found = proposed(sampler, range(13, 18), earlier, {"x": UNIT, "y": UNIT}, refusal=refusal)
    assert all(sum(one.values()) < 1 for one in found)
    assert len(asked) < 40


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_one_setting_that_can_be_built_is_found(sampler):
    """One of 2,500: chance would seldom come upon it."""
    ranges = {key: {"low": 1, "high": 50, "log": False, "step": 1, "whole": True} for key in "ab"}
    (found,) = proposed(sampler, [1], ranges=ranges, refusal=lambda one: "" if one == {"a": 7, "b": 41} else "no")
    assert found == {"a": 7, "b": 41}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_where_nothing_can_be_built_the_reason_is_kept(sampler):
    earlier = results() if sampler in ("tpe", "gp") else []
    first = len(earlier) + 1
    found = proposals(search(sampler), [first, first + 1], earlier, lambda _: "layer 3 cannot be built")
    assert found == [
        {"trial": number, "overrides": None, "reason": "layer 3 cannot be built"} for number in (first, first + 1)
    ]


GRID = {
    "a": {"choices": ["x", "y", None]},
    "b": {"low": 1, "high": 7, "log": False, "step": 3, "whole": True},
    "c": {"low": 0.5, "high": 0.75, "log": False, "step": 0.25, "whole": False},
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_setting_is_tried_twice_and_every_one_of_a_grid_once(sampler):
    earlier = []
    for first in (1, 7, 13):
        known = earlier if sampler in ("tpe", "gp") else []
        found = proposed(sampler, range(first, first + 6), known, GRID)
        earlier += [(one, float(one["b"])) for one in found]
    wanted = {(a, b, c) for a in ("x", "y", None) for b in (1, 4, 7) for c in (0.5, 0.75)}
    assert sorted(map(str, wanted)) == sorted(str(tuple(one.values())) for one, _ in earlier)
    (last,) = proposals(search(sampler, GRID), [19], earlier if sampler in ("tpe", "gp") else [], lambda _: "")
    assert last["overrides"] is None
    assert "tried before" in last["reason"]


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_failures_are_kept_off(sampler):
    """Above 0.5 every training diverged; below, all did alike."""
    far = []
    for seed in range(6):
        begun = proposed("random", range(1, 15), ranges={"x": UNIT, "y": UNIT}, seed=seed)
        earlier = [(one, math.inf if one["x"] > 0.5 else 0.5 + 0.01 * one["y"]) for one in begun]
        far += [one["x"] > 0.5 for one in proposed(sampler, range(15, 20), earlier, {"x": UNIT, "y": UNIT}, seed)]
    assert np.mean(far) < 0.25


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_search_goes_on_where_all_have_failed(sampler):
    earlier = [(overrides, math.inf) for overrides, _ in results()] + [(None, math.inf)]
    assert all(one is not None for one in proposed(sampler, range(14, 17), earlier))


# --- what it is for ---------------------------------------------------------------------------------------------------


def bowl(overrides):
    """Lowest, 0, at a learning rate of 0.003, 96 filters, no dropout and `adam`."""
    return (
        (math.log10(overrides["training.learning_rate"]) - math.log10(0.003)) ** 2
        + ((overrides["layers.conv1d_1.filters"] - 96) / 64) ** 2
        + overrides["layers.dropout_1.rate"]
        + 0.5 * (overrides["training.optimizer"] != "adam")
    )


@pytest.mark.parametrize(("sampler", "trials", "seeds"), [("tpe", 40, 16), ("gp", 25, 3)])
def test_learning_from_results_finds_a_known_optimum_better_than_chance(sampler, trials, seeds):
    best = {
        name: np.mean([min(by_rounds(name, bowl, RANGES, trials, 5, seed)) for seed in range(seeds)])
        for name in ("random", sampler)
    }
    assert best[sampler] < 0.7 * best["random"]
