"""What entries of models.yaml must not say against one another, the datasets and the configuration."""

import copy

import pytest

from cisflow.model_rules import (
    layers_with_motifs,
    network_of,
    network_parts,
    parent_of,
    parent_problems,
    part_problems,
    strategy_of,
    takes,
    use_problems,
    with_parents,
)

LAYERS = [{"type": "conv1d", "filters": 4, "width": 7}, {"type": "global_max_pool"}]
TRAINING = {
    "loss": "auto", "target_weights": {}, "class_weights": "none", "warmup_epochs": 0, "schedule": "constant",
    "max_epochs": 10, "precision": "fp32",
}  # fmt: skip
SETTINGS = {"targets": {"transform": []}, "train": {"device": "auto"}}
TASKS = {"bound": "binary", "also_bound": "binary", "measured": "regression"}
TARGETS = {"bound": ["CTCF"], "also_bound": ["CTCF", "REST"], "measured": ["activity"]}


def entry(*strategies, **parts):
    """An entry; a strategy is its name and the parent's."""
    made = {key: {"dataset": "bound", "model": parent} for key, parent in strategies}
    return {**({} if made else {"layers": copy.deepcopy(LAYERS)}), **made, "training": dict(TRAINING), **parts}


def child(parent, **parts):
    return entry(("transfer", parent), **parts)


def with_training(**changes):
    return entry(training={**TRAINING, **changes})


MODELS = {
    "base": entry(strands="averaged", description="words"),
    "child": child("base"),
    "grandchild": child("child"),
    "reader": entry(("features", "child")),
    "of_a_file": {"transfer": {"file": "model.pt"}, "training": TRAINING},
    "child_of_a_file": child("of_a_file"),
    "other": entry(),
}


# --- what an entry is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "strategy", "parent"),
    [
        ("base", "scratch", None),
        ("child", "transfer", ("bound", "base")),
        ("reader", "features", ("bound", "child")),
        ("of_a_file", "transfer", None),
    ],
)
def test_strategy_and_parent(name, strategy, parent):
    assert strategy_of(MODELS[name]) == strategy
    assert parent_of(MODELS[name]) == parent


def test_a_child_trains_the_network_of_its_first_ancestor():
    network = {"layers": LAYERS, "strands": "averaged"}
    assert network_parts(MODELS["base"]) == network
    for name in ("base", "child", "grandchild"):
        assert network_of(name, MODELS) == network
    for name in ("reader", "of_a_file", "child_of_a_file"):
        assert network_of(name, MODELS) is None


def test_parents_are_trained_too_each_once():
    assert with_parents(["grandchild", "child"], MODELS) == ["grandchild", "child", "base"]
    assert with_parents(["other"], MODELS) == ["other"]
    assert with_parents(["reader", "unknown"], MODELS) == ["reader", "child", "base"]
    circle = {"a": child("b"), "b": child("a")}
    assert with_parents(["a"], circle) == ["a", "b"]


def test_a_model_is_trained_on_all_datasets_unless_it_names_some():
    assert takes(entry(), "bound")
    assert takes(entry(datasets=["bound"]), "bound")
    assert not takes(entry(datasets=["bound"]), "measured")


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"layers": LAYERS}, []),
        ({"layers": [{**LAYERS[0], "motifs": "a.meme"}, LAYERS[1]]}, ["conv1d_1"]),
        ({"layers": [{**LAYERS[0], "motifs": "a.meme", "name": "known"}]}, ["known"]),
        ({"branches": {"sequence": [{**LAYERS[0], "motifs": "a.meme"}], "tracks": LAYERS}}, ["sequence.conv1d_1"]),
        (None, []),
    ],
)
def test_layers_that_begin_as_motifs(network, expected):
    found = layers_with_motifs(network)
    assert list(found) == expected
    assert all(layer["motifs"] == "a.meme" for layer in found.values())


# --- mistakes ---------------------------------------------------------------------------------------------------------


def of_parts(mistaken):
    return list(part_problems("m", mistaken, "models.yaml, model m"))


def of_parents(name, models, datasets=TASKS):
    return list(parent_problems(name, models, datasets, "here"))


def of_use(mistaken, settings=SETTINGS):
    return list(use_problems("m", {"m": mistaken}, TASKS, TARGETS, settings, "here"))


def test_sound_entries_have_no_problems():
    for name, sound in MODELS.items():
        assert of_parts(sound) == []
        assert of_parents(name, MODELS) == []
        assert of_use(sound) == []


@pytest.mark.parametrize(
    ("mistaken", "found"),
    [
        ({"training": TRAINING}, "neither `layers` nor `transfer` nor `features`"),
        (child("base", layers=LAYERS), "both `layers` and `transfer`"),
        (entry(("features", "base"), branches={}), "both `branches` and `features`"),
        (entry(("transfer", "base"), ("features", "base")), "both `transfer` and `features`"),
        (child("base", search={}), "`search` beside `transfer`"),
        ({"transfer": {"dataset": "bound"}}, "transfer has no source"),
        ({"transfer": {"model": "base"}}, "transfer has no `dataset`"),
        ({"transfer": {"file": "a.pt", "dataset": "bound", "model": "b"}}, "transfer has `model` and `file`"),
        ({"features": {"function": "a:b", "torchscript": "c"}}, "features has `torchscript` and `function`"),
        ({"features": {"file": "a.pt", "dataset": "bound"}}, "features has no `model`"),
    ],
)
def test_an_entry_has_one_strategy_and_one_source(mistaken, found):
    [(where, what, expected, fix)] = of_parts(mistaken)
    assert where == "models.yaml, model m"
    assert what == found
    assert expected
    assert fix


@pytest.mark.parametrize(
    ("models", "found"),
    [
        ({"m": child("base")}, "transfer: no model 'base'"),
        (
            {"m": {"transfer": {"dataset": "bond", "model": "base"}}, "base": entry()},
            "transfer: no dataset 'bond'",
        ),
        (
            {"m": child("base"), "base": entry(datasets=["measured"])},
            "transfer: model base is not trained on dataset bound",
        ),
        (
            {"m": child("reader"), "reader": entry(("features", "base")), "base": entry()},
            "transfer: reader is no network",
        ),
        ({"m": child("m")}, "m from m: a circle"),
        ({"m": child("a"), "a": child("b"), "b": child("m")}, "m from a from b from m: a circle"),
        ({"m": child("a"), "a": child("b"), "b": child("a")}, "m from a from b from a: a circle"),
    ],
)
def test_parents_that_cannot_be(models, found):
    [(where, what, _, fix)] = of_parents("m", models)
    assert where == "here"
    assert what.startswith(found)
    assert fix


@pytest.mark.parametrize(
    ("mistaken", "place", "found"),
    [
        (entry(datasets=["bound", "bond"]), "here", "datasets: no dataset 'bond'"),
        (with_training(loss="bce"), "here, training.loss", "bce is a loss of labels, and the targets of measured"),
        (
            entry(training={**TRAINING, "loss": "poisson"}, datasets=["bound", "measured"]),
            "here, training.loss",
            "poisson is a loss of quantities, and the targets of bound are labels",
        ),
        (
            with_training(target_weights={"CTCF": 2, "REST": 0, "ctcf": 1, "activty": 1}),
            "here, training.target_weights",
            "no target 'activty', 'ctcf'",
        ),
        (
            with_training(warmup_epochs=2, schedule="one_cycle"),
            "here, training.warmup_epochs",
            "a warm-up beside one_cycle",
        ),
        (with_training(warmup_epochs=10), "here, training.warmup_epochs", "10 of 10 epochs"),
    ],
)
def test_what_does_not_fit_the_datasets_or_itself(mistaken, place, found):
    [(where, what, expected, fix)] = of_use(mistaken)
    assert where == place
    assert what.startswith(found)
    assert expected
    assert fix


def test_targets_of_its_own_datasets_alone_may_be_weighed():
    weighed = entry(training={**TRAINING, "target_weights": {"REST": 2}}, datasets=["bound"])
    [(_, what, expected, _)] = of_use(weighed)
    assert what == "no target 'REST'"
    assert expected.endswith(": CTCF")


def test_counts_are_not_transformed():
    for loss in ("poisson", "negative_binomial"):
        counted = entry(training={**TRAINING, "loss": loss}, datasets=["measured"])
        assert of_use(counted) == []
        [(where, what, *_)] = of_use(counted, {**SETTINGS, "targets": {"transform": ["log1p"]}})
        assert where == "here, training.loss"
        assert "a loss of counts, and targets.transform is ['log1p']" in what


def test_class_weights_are_no_mistake_where_a_dataset_has_no_labels():
    """The default network has them, and serves quantities too."""
    assert of_use(with_training(class_weights="balanced")) == []
    assert of_use(entry(training={**TRAINING, "class_weights": "balanced"}, datasets=["measured"])) == []


def test_tf32_needs_a_gpu():
    [(where, *_)] = of_use(with_training(precision="tf32"), {**SETTINGS, "train": {"device": "cpu"}})
    assert where == "here, training.precision"
    assert of_use(with_training(precision="tf32")) == []


def test_a_name_that_is_nearly_right_is_offered():
    assert of_parents("m", {"m": child("bas"), "base": entry()})[0][3] == "did you mean `base`?"
    assert of_use(entry(datasets=["bond"]))[0][3] == "did you mean `bound`?"
    assert of_use(with_training(target_weights={"activty": 1}))[0][3] == "did you mean `activity`?"
    assert of_use(with_training(target_weights={"zzz": 1}))[0][3] == "mend the name"


def test_several_mistakes_are_told_together():
    mistaken = with_training(loss="mse", target_weights={"x": 1}, warmup_epochs=20)
    assert len(of_use({**mistaken, "datasets": ["bound", "none"]})) == 4
