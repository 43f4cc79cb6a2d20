"""The rotations say again what the default network is, less one part each, and keep clear of the test chromosomes."""

import pytest
import yaml


def read(path):
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def models(repository):
    return read(repository / "config/examples/yeast/rotations_models.yaml")


def test_one_part_alone_differs_from_the_default_network(models, repository):
    default = read(repository / "config/models.yaml")["motif_cnn"]
    assert (models["motif_cnn"]["layers"], models["motif_cnn"]["training"]) == (default["layers"], default["training"])
    changed = {"one_strand": {"reverse_complement": False}, "stop_on_loss": {"stop_on": "loss"}}
    for name, settings in changed.items():
        assert models[name]["layers"] == default["layers"]
        assert models[name]["training"] == default["training"] | settings
    of_default = default["layers"]
    assert models["one_convolution"]["layers"] == of_default[:5] + of_default[9:]
    plain = [{"type": "batch_norm"}, {"type": "activation", "function": "relu"}]
    assert models["relu"]["layers"] == [of_default[0], *plain, *of_default[3:]]


def test_rotations_leave_the_test_chromosomes_of_the_other_examples_out(repository):
    examples = repository / "config/examples/yeast"
    rotations, factors = read(examples / "rotations.yaml"), read(examples / "factors.yaml")
    for key in ("datasets", "genome", "motifs", "windows"):
        assert rotations[key] == factors[key]
    tested = []
    for fold in rotations["folds"].values():
        used = fold["train"] + fold["val"] + fold["test"]
        assert len(used) == len(set(used)) == 14
        assert not set(used) & set(factors["folds"]["holdout"]["test"])
        tested += fold["test"]
    assert sorted(tested) == sorted(used)  # each once
