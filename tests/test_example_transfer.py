"""The transfer example says again what others say, since a configuration stands alone: the two must not come apart."""

import pandas as pd
import pytest
import yaml


@pytest.fixture(scope="module")
def examples(repository):
    return repository / "config/examples"


def read(path):
    return yaml.safe_load(path.read_text())


def test_data_are_those_of_the_yeast_example(examples):
    own, yeast = (read(examples / name / "config.yaml") for name in ("transfer", "yeast"))
    for key in ("genome", "motifs", "windows", "folds"):
        assert own[key] == yeast[key]
    own, yeast = (
        pd.read_csv(examples / name / "datasets.tsv", sep="\t", comment="#").set_index("target")
        for name in ("transfer", "yeast")
    )
    assert own["dataset"].to_dict() == {"Reb1": "reb1_abf1", "Abf1": "reb1_abf1", "Rap1": "rap1"}
    pd.testing.assert_frame_equal(own.drop(columns="dataset"), yeast.drop(columns="dataset"))


def test_the_network_is_the_default_one(examples, repository):
    default, models = read(repository / "config/models.yaml")["motif_cnn"], read(examples / "transfer/models.yaml")
    for name in ("parent", "scratch"):
        assert models[name]["layers"] == default["layers"]
    for name in ("parent", "scratch", "transferred", "frozen_filters"):
        assert models[name]["training"] == default["training"]
