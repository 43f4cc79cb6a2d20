"""Settings are found by their paths and replaced there alone; ranges that cannot be searched are told at once."""

import copy
import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cisflow.configuration import entry_checker, schema_problems, with_defaults
from cisflow.layers import layer_names as names_of_layers
from cisflow.layers import network_table
from cisflow.overrides import (
    layer_names,
    n_values,
    place_of,
    range_problems,
    read_overrides,
    round_of,
    search_of,
    settled_range,
    trials_before,
    trials_of,
    with_overrides,
)

SCHEMA = Path(__file__).parents[1] / "config" / "schemas" / "models.schema.yaml"
VIOLATIONS = entry_checker(SCHEMA)
ENTRY = {
    "layers": [
        {"type": "conv1d", "filters": 8, "width": 11, "padding": "same"},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
        {"type": "max_pool", "width": 4},
        {"type": "conv1d", "filters": 4, "width": 5, "name": "syntax"},
        {"type": "dropout", "rate": 0.1},
        {"type": "global_max_pool"},
    ],
    "training": {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 16, "class_weights": "none"},
}
BRANCHED = {
    "branches": {
        "sequence": [{"type": "conv1d", "filters": 8, "width": 11}, {"type": "global_max_pool"}],
        "tracks": [
            {"type": "conv1d", "filters": 2, "width": 3},
            {"type": "residual", "layers": [{"type": "conv1d", "filters": 2, "width": 3, "padding": "same"}]},
            {"type": "flatten"},
        ],
    },
    "layers": [{"type": "dense", "units": 8}],
    "training": {},
}


def searching(ranges, entry=ENTRY, **settings):
    """An entry with a search, its defaults filled in as they are for the schema."""
    search = {"sampler": "tpe", "trials": 20, "seed": 1, "by": "loss", **settings, "ranges": ranges}
    return {**copy.deepcopy(entry), "search": search}


def problems(ranges, entry=ENTRY, **settings):
    return range_problems(searching(ranges, entry, **settings), VIOLATIONS)


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [ENTRY["layers"], *BRANCHED["branches"].values()])
def test_layers_are_called_as_the_network_calls_them(layers):
    assert layer_names(layers) == names_of_layers(layers)


def test_names_are_those_of_the_rows_of_a_network():
    rows = network_table(ENTRY, {"sequence": (4, 60)}, 1)
    assert layer_names(ENTRY["layers"]) == [row["name"] for row in rows[:-1]]


@pytest.mark.parametrize(
    ("entry", "path", "place"),
    [
        (ENTRY, "training.learning_rate", ["training", "learning_rate"]),
        (ENTRY, "training.patience", ["training", "patience"]),  # not there: a default stands for it
        (ENTRY, "layers.conv1d_1.filters", ["layers", 0, "filters"]),
        (ENTRY, "layers.1.filters", ["layers", 0, "filters"]),
        (ENTRY, "layers.syntax.filters", ["layers", 4, "filters"]),
        (ENTRY, "layers.max_pool_1.type", ["layers", 3, "type"]),
        (ENTRY, "strands", ["strands"]),
        (BRANCHED, "branches.tracks.conv1d_1.width", ["branches", "tracks", 0, "width"]),
        (BRANCHED, "branches.tracks.residual_1.layers.1.width", ["branches", "tracks", 1, "layers", 0, "width"]),
    ],
)
def test_a_path_leads_to_one_place(entry, path, place):
    assert place_of(entry, path) == place
    changed = with_overrides(entry, {path: "new"})
    node = changed
    for key in place:
        node = node[key]
    assert node == "new"


def test_nothing_else_is_changed_and_the_entry_itself_not_at_all():
    before = copy.deepcopy(ENTRY)
    changed = with_overrides(ENTRY, {"layers.conv1d_1.filters": 64, "training.learning_rate": 0.5})
    assert before == ENTRY
    changed["layers"][0]["filters"], changed["training"]["learning_rate"] = 8, 0.01
    assert changed == ENTRY
    assert with_overrides(ENTRY, {}) == ENTRY


def test_paths_are_those_of_the_entry_before_any_change():
    """Another type gives a layer another name; the paths beside it must lead where they led."""
    changed = with_overrides(ENTRY, {"layers.max_pool_1.type": "avg_pool", "layers.max_pool_1.width": 2})
    assert changed["layers"][3] == {"type": "avg_pool", "width": 2}


def test_a_path_that_leads_nowhere_is_an_error():
    with pytest.raises(ValueError, match="layers has no layer `conv1d_7`"):
        with_overrides(ENTRY, {"layers.conv1d_7.filters": 3})


def test_what_a_search_chose_is_read_as_it_was_written(tmp_path):
    chosen = {"layers.conv1d_1.filters": 16, "training.learning_rate": 0.1 + 0.2, "layers.activation_1.function": "exp"}
    (tmp_path / "chosen.json").write_text(json.dumps(chosen))
    assert read_overrides(tmp_path / "chosen.json") == chosen


# --- problems ---------------------------------------------------------------------------------------------------------

GOOD = {
    "training.learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
    "training.batch_size": {"choices": [64, 128, 256]},
    "training.optimizer": {"choices": ["adam", "sgd"]},
    "layers.conv1d_1.filters": {"low": 16, "high": 128, "step": 16},
    "layers.syntax.width": {"low": 3, "high": 9, "step": 2},
    "layers.dropout_1.rate": {"choices": [0.0, 0.25, 0.5]},
    "layers.activation_1.function": {"choices": ["relu", "exp"]},
}


def test_good_ranges_have_no_problems_by_the_schema_either():
    assert problems(GOOD) == []
    assert range_problems(ENTRY, VIOLATIONS) == []  # no search
    entry = searching(GOOD)
    assert VIOLATIONS(entry) == []


@pytest.mark.parametrize(
    ("ranges", "found", "expected", "fix"),
    [
        (
            {"layers.conv1d_3.filters": {"low": 1, "high": 2}},
            "no layer `conv1d_3`",
            "conv1d_1, batch_norm_1",
            "conv1d_1`",
        ),
        ({"layers.8.filters": {"low": 1, "high": 2}}, "no layer `8`", "from 1 to 7", "mend"),
        ({"layers.0.filters": {"low": 1, "high": 2}}, "no layer `0`", "from 1 to 7", "mend"),
        ({"layers.conv1d_1.filtrs": {"low": 1, "high": 2}}, "no setting `filtrs`", "filters", "did you mean `filters`"),
        ({"training.learning_rte": {"low": 0.1, "high": 0.2}}, "no setting", "learning_rate", "`learning_rate`"),
        ({"branches.sequence.1.width": {"low": 3, "high": 5}}, "no `branches`", "layers, training", "mend"),
        ({"search.trials": {"low": 1, "high": 2}}, "`search` is not searched", "training, layers", "remove"),
        (
            {"layers.conv1d_1.motifs": {"choices": ["a", "b"]}},
            "`motifs` is not searched",
            "another",
            "a model for each",
        ),
        ({"training": {"choices": [{}]}}, "several settings", "training.optimizer", "name one"),
        ({"layers.1": {"choices": [{}]}}, "several settings", "layers.1.type", "name one"),
        ({"training.batch_size": {"low": 64, "high": 8}}, "low (64) is above high (8)", "low", "exchange"),
        ({"training.learning_rate": {"low": 0, "high": 0.1, "log": True}}, "log with low 0", "above 0", "raise low"),
        ({"training.learning_rate": {"low": -1.0, "high": 0.1, "log": True}}, "log with low -1.0", "above 0", "raise"),
        ({"training.batch_size": {"low": 8, "high": 64, "log": True, "step": 8}}, "log with a step", "one", "choices"),
        ({"training.batch_size": {"choices": [64, 64]}}, "64 stands twice", "once", "remove"),
        ({"training.batch_size": {"choices": [64, "128"]}}, '"128" is none', "a whole number", "mend"),
        ({"training.batch_size": {"choices": [64, 0]}}, "the choice 0 is none", "1 or more", "mend"),
        ({"training.batch_size": {"low": 64.0, "high": 256.0}}, "low 64.0 is none", "a whole number", "mend"),
        ({"training.batch_size": {"low": 1, "high": 9, "step": 0.5}}, "low + step 1.5", "a whole number", "mend"),
        ({"layers.dropout_1.rate": {"low": 0.0, "high": 1.5}}, "high 1.5 is none", "less than 1", "mend"),
        ({"training.optimizer": {"choices": ["adam", "adamx"]}}, '"adamx"', "adam, adamw", "did you mean `adam"),
        ({"layers.activation_1.function": {"low": 0, "high": 1}}, "low 0 is none", "relu", "choose"),
        ({"layers.max_pool_1.type": {"choices": ["max_pool", "dense"]}}, '"dense" is none', "", ""),
    ],
)
def test_a_range_that_cannot_be_searched_is_told(ranges, found, expected, fix):
    ((where, *told),) = problems(ranges, trials=1)[:1]
    assert where == f"search.ranges, {next(iter(ranges))}"
    for part, wanted in zip(told, (found, expected, fix), strict=True):
        assert wanted in part, told


def test_all_problems_are_told_at_once():
    wrong = {"training.batch_size": {"choices": [0, -1]}, "layers.9.rate": {"choices": [1]}}
    assert len(problems(wrong)) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("layers.conv1d_1.filters", "layers.1.filters"),
        ("layers", "layers.conv1d_1.filters"),
    ],
)
def test_a_setting_is_searched_once(one, other):
    ranges = {"layers": {"choices": [ENTRY["layers"][-1:]]}, "layers.conv1d_1.filters": {"choices": [4, 8]}}
    ranges = {path: ranges.get(path, {"choices": [4, 8]}) for path in (one, other)}
    for order in (ranges, dict(reversed(ranges.items()))):
        assert [text for _, text, *_ in problems(order, trials=1)] == [
            f"{min(one, other) if one != 'layers' else one} holds the same setting"
        ]


@pytest.mark.parametrize(
    ("path", "span"),
    [
        ("training.class_weights", {"choices": ["none", "balanced"]}),
        ("training.loss", {"choices": ["mse", "poisson"]}),
        ("training.target_weights.factor", {"low": 0.5, "high": 2.0}),
    ],
)
def test_losses_that_measure_different_things_are_not_compared(path, span):
    entry = {**ENTRY, "training": {**ENTRY["training"], "target_weights": {}}}
    ((where, found, *_),) = problems({path: span}, entry, trials=2)
    assert (where, path in found) == ("search.by", True)
    assert problems({path: span}, entry, trials=2, by="metric") == []


def test_more_trials_than_settings_are_told():
    grid = {"training.batch_size": {"choices": [8, 16]}, "layers.conv1d_1.filters": {"low": 4, "high": 12, "step": 4}}
    assert problems(grid, trials=6) == []
    ((where, found, expected, fix),) = problems(grid, trials=7)
    assert (where, expected) == ("search.trials", "at most 6")
    assert "7 trials, and the ranges hold 6" in found
    assert "trials: 6" in fix
    assert problems({**grid, "training.learning_rate": {"low": 0.1, "high": 0.2}}, trials=700) == []


def test_a_search_is_read_by_the_schema():
    """Defaults are filled in, and each mistake in its form is told."""
    text = """
net:
  layers: [{type: conv1d, filters: 4, width: 5}, {type: global_max_pool}]
  search:
    trials: 4
    ranges:
      training.learning_rate: {low: 0.001, high: 0.1, log: true}
      training.batch_size: {choices: [16, 32]}
"""
    schema = yaml.safe_load(SCHEMA.read_text())
    assert schema_problems(yaml.safe_load(text), schema, "models.yaml", {}) == []
    entry = with_defaults(yaml.safe_load(text)["net"], schema["additionalProperties"], schema)
    assert {key: entry["search"][key] for key in ("sampler", "seed", "by")} == {
        "sampler": "tpe",
        "seed": 1,
        "by": "loss",
    }
    assert range_problems(entry, VIOLATIONS) == []
    for old, new, wanted in (
        ("high: 0.1, ", "", "lacks `high`"),
        ("low: 0.001", "low: 1e-3", "write 0.001"),
        ("choices: [16, 32]", "choices: []", "at least one"),
        ("choices: [16, 32]", "choices: [16], step: 2", "unknown key"),
        ("trials: 4", "trials: 0", "1 or more"),
        ("trials: 4", "sampler: cmaes", "random, qmc, tpe, gp"),
    ):
        assert old in text
        told = schema_problems(yaml.safe_load(text.replace(old, new)), schema, "models.yaml", {})
        assert len(told) == 1
        assert wanted in told[0]


# --- ranges in full ---------------------------------------------------------------------------------------------------


def settled(path, span):
    return settled_range(searching({path: span}), path, VIOLATIONS)


def test_whole_numbers_are_drawn_where_a_setting_takes_nothing_else():
    assert settled("training.batch_size", {"low": 8, "high": 64})["whole"]
    assert settled("training.batch_size", {"low": 8, "high": 64, "log": True})["step"] == 1
    assert not settled("training.learning_rate", {"low": 1, "high": 2})["whole"]
    assert not settled("layers.batch_norm_1.initial_scale", {"low": 1, "high": 4})["whole"]
    assert settled("layers.batch_norm_1.initial_scale", {"low": 1, "high": 4, "step": 1})["whole"]


@given(
    low=st.integers(-50, 50), span=st.integers(0, 100), step=st.integers(1, 30), scale=st.sampled_from([1, 0.1, 0.01])
)
def test_a_range_ends_at_its_last_step(low, span, step, scale):
    """By brute force over whole numbers, which have no rounding."""
    values = [value for value in range(low, low + span + 1) if (value - low) % step == 0]
    low, high, step = (number * scale if scale == 1 else round(number * scale, 2) for number in (low, low + span, step))
    found = settled("training.learning_rate", {"low": low, "high": high, "step": step})
    assert n_values(found) == len(values)
    assert found["high"] == pytest.approx(values[-1] * scale)


def test_values_are_counted():
    assert n_values({"choices": ["a", None]}) == 2
    assert n_values({"low": 0.1, "high": 0.2, "log": False, "step": None, "whole": False}) == math.inf
    assert n_values({"low": 0.1, "high": 0.1, "log": False, "step": None, "whole": False}) == 1


# --- rounds -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from(["random", "qmc", "tpe", "gp"]))
def test_every_trial_stands_in_one_round_and_waits_for_those_before_it(trials, at_once, sampler):
    search = search_of(searching(GOOD, trials=trials, at_once=at_once, sampler=sampler), VIOLATIONS)
    rounds = range(1, round_of(search, trials) + 1)
    proposed = [trial for number in rounds for trial in trials_of(search, number)]
    assert proposed == list(range(1, len(proposed) + 1))
    assert trials <= len(proposed) < trials + at_once
    for number in rounds:
        assert {round_of(search, trial) for trial in trials_of(search, number)} == {number}
        before = trials_before(search, number)
        assert before == ([] if sampler in ("random", "qmc") else list(range(1, trials_of(search, number)[0])))


def test_more_trials_leave_the_rounds_that_are_there():
    few, many = (search_of(searching(GOOD, trials=trials, at_once=4, sampler="tpe"), VIOLATIONS) for trials in (6, 20))
    assert [trials_of(few, number) for number in (1, 2)] == [trials_of(many, number) for number in (1, 2)]


def test_as_many_trials_at_once_as_make_sense():
    assert search_of(searching(GOOD, trials=20), VIOLATIONS)["at_once"] == 5
    assert search_of(searching(GOOD, trials=3), VIOLATIONS)["at_once"] == 1
    assert search_of(searching(GOOD, trials=20, at_once=2), VIOLATIONS)["at_once"] == 2
    assert search_of(ENTRY, VIOLATIONS) is None
