"""The planted examples: sets as published or as told in the README, and the best correlation that is known of them."""

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import chisquare

from cisflow.configuration import load_configuration, planted_files
from cisflow.dataset_rules import dataset_problems, task_of
from cisflow.meme import read_meme
from cisflow.model_rules import use_problems
from cisflow.planted_rules import planted_problems, sheet_problems
from cisflow.planting import plant_set
from plant_motifs import chosen_motifs

BASES = "ACGT"
EXAMPLES = ["koo_eddy", "quantitative", "zou_primer"]


@pytest.fixture(scope="module")
def loaded(repository):
    """Settings, rows and problems of each example."""
    folder = repository / "config"
    schemas = {name: folder / f"schemas/{name}.schema.yaml" for name in ("config", "datasets", "tracks", "models")}
    found = {}
    for name in EXAMPLES:
        path = folder / f"examples/planted/{name}.yaml"
        config = yaml.safe_load(path.read_text())
        settings, rows, _, _, problems = load_configuration(
            config, str(path), schemas, [str(repository)], lambda fasta: {}
        )
        files = planted_files(settings["planted"])
        problems += planted_problems(settings["planted"])
        problems += sheet_problems(rows, settings, files, task_of, "sheet")
        problems += dataset_problems(rows, [], settings, "sheet")
        found[name] = settings, rows, problems
    return found


def planted(loaded, example, name, **given):
    """Sequences and sites of a set, or of a smaller one like it."""
    settings = {**loaded[example][0]["planted"][name], **given}
    motifs = chosen_motifs(settings, settings["database"])
    sequences, sites, _ = plant_set(settings, {motif.identifier: motif.pwm for motif in motifs})
    return pd.DataFrame(sequences), pd.DataFrame(sites)


@pytest.mark.parametrize("example", EXAMPLES)
def test_there_is_nothing_to_complain_of(example, loaded):
    assert loaded[example][2] == []


# --- Zou et al. 2019 --------------------------------------------------------------------------------------------------


def test_zou_primer_is_the_set_of_the_primer(loaded):
    sequences, sites = planted(loaded, "zou_primer", "zou_primer")
    assert len(sequences) == 2000
    assert set(sequences["sequence"].str.len()) == {50}
    # A quarter for the test, a quarter of the rest for validation.
    assert sequences["split"].value_counts().to_dict() == {"train": 1125, "test": 500, "val": 375}
    holds = sequences["sequence"].str.contains("CGACCGAACTCC")
    assert sequences["binding"].astype(bool).tolist() == holds.tolist()
    assert holds.sum() == 1000
    assert set(sites["instance"]) == {"CGACCGAACTCC"}
    assert set(sites["strand"]) == {"+"}
    assert chisquare(np.bincount(sites["start"], minlength=39)).pvalue > 1e-3


# --- Koo & Eddy 2019 --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def koo_eddy(loaded):
    return planted(loaded, "koo_eddy", "koo_eddy", n_sequences=5000)


def test_koo_eddy_has_the_published_size_and_splits(loaded):
    settings = loaded["koo_eddy"][0]["planted"]["koo_eddy"]
    assert (settings["n_sequences"], settings["length"]) == (25_000, 200)
    assert settings["splits"] == {"train": 0.7, "val": 0.1, "test": 0.2}
    names = ["Arid3a", "CEBPB", "FOSL1", "Gabpa", "MAFK", "MAX", "MEF2A", "NFYB", "SP1", "SRF", "STAT1", "YY1"]
    assert [row["target"] for row in loaded["koo_eddy"][1]] == names
    assert list(settings["targets"]) == names
    motifs = read_meme(settings["database"])
    assert [motifs[target["motifs"][0]].name for target in settings["targets"].values()] == names


def test_koo_eddy_plants_one_to_five_motifs_on_both_strands(koo_eddy):
    sequences, sites = koo_eddy
    numbers = sites["sequence"].value_counts().value_counts().reindex(range(1, 6))
    assert numbers.sum() == len(sequences)
    assert chisquare(numbers, len(sequences) * np.array([0.5, 0.25, 0.17, 0.05, 0.03])).pvalue > 1e-3
    assert chisquare(sites.groupby(["motif", "strand"]).size()).pvalue > 1e-3


def test_koo_eddy_labels_are_the_motifs(koo_eddy, loaded):
    sequences, sites = koo_eddy
    for target, part in loaded["koo_eddy"][0]["planted"]["koo_eddy"]["targets"].items():
        holds = sequences["name"].isin(sites[sites["motif"].isin(part["motifs"])]["sequence"])
        assert sequences[target].astype(bool).tolist() == holds.tolist()


# --- quantities -------------------------------------------------------------------------------------------------------

EFFECTS = {
    "MA2248.1": (2.0, 0.0),
    "MA2229.1": (1.5, 0.0),
    "MA2200.1": (1.5, 0.0),
    "MA0197.3": (1.0, 0.0),
    "MA1459.2": (0.0, 2.0),
    "MA2261.1": (0.0, 1.5),
    "MA2266.1": (0.0, 1.0),
    "MA2282.1": (1.0, 1.0),
    "MA0085.2": (0.5, 1.5),
    "MA2270.1": (-1.5, -0.5),
}
COUNTS = (0.60, 0.25, 0.10, 0.05)
TARGETS = ["Dev", "Hk"]


@pytest.fixture(scope="module")
def additive(loaded):
    return planted(loaded, "quantitative", "additive", n_sequences=3000)


@pytest.fixture(scope="module")
def pairwise(loaded):
    return planted(loaded, "quantitative", "pairwise", n_sequences=3000)


def counts_of(sequences, sites):
    """Numbers of instances, a row a sequence and a column a motif."""
    return pd.crosstab(sites["sequence"], sites["motif"]).reindex(sequences["name"], fill_value=0)


def test_every_motif_occurs_none_to_three_times(additive):
    counts = counts_of(*additive)
    assert set(counts.columns) == set(EFFECTS)
    for _, numbers in counts.items():
        assert chisquare(numbers.value_counts().reindex(range(4)), 3000 * np.array(COUNTS)).pvalue > 1e-3


def test_least_squares_find_the_effects(additive):
    sequences, _ = additive
    counts = counts_of(*additive)
    effects, *_ = np.linalg.lstsq(counts.to_numpy(float), sequences[TARGETS].to_numpy())
    assert effects == pytest.approx(np.array([EFFECTS[motif] for motif in counts.columns]), abs=0.08)


def test_least_squares_find_the_interactions(pairwise):
    sequences, sites = pairwise
    counts = counts_of(*pairwise)
    near = {}
    for name, own in sites[sites["motif"].isin(["MA1459.2", "MA2261.1"])].groupby("sequence"):
        one, other = (own[own["motif"] == motif] for motif in ("MA1459.2", "MA2261.1"))
        first = np.maximum.outer(one["start"].to_numpy(), other["start"].to_numpy())
        gaps = first - np.minimum.outer(one["end"].to_numpy(), other["end"].to_numpy())
        near[name] = float((gaps <= 50).any())
    both = ((counts["MA2248.1"] > 0) & (counts["MA2229.1"] > 0)).to_numpy(float)
    columns = np.column_stack([counts.to_numpy(float), both, sequences["name"].map(near).fillna(0)])
    effects, *_ = np.linalg.lstsq(columns, sequences[TARGETS].to_numpy())
    single = np.array([EFFECTS[motif] for motif in counts.columns])
    assert effects == pytest.approx(np.vstack([single, [[3, 0], [0, 3]]]), abs=0.15)
    assert 0.1 < both.mean() < 0.25


def test_both_sets_have_the_same_sequences(additive, pairwise):
    pd.testing.assert_series_equal(additive[0]["sequence"], pairwise[0]["sequence"])
    assert (additive[0]["Dev_expected"] != pairwise[0]["Dev_expected"]).mean() > 0.1


def test_known_effects_reach_the_ceiling_and_no_more(additive, pairwise):
    for sequences, _ in (additive, pairwise):
        for target in TARGETS:
            reached = np.corrcoef(sequences[f"{target}_expected"], sequences[target])[0, 1]
            assert reached == pytest.approx(np.sqrt(1 - 0.05), abs=0.004)


def test_sequences_alone_tell_nearly_as_much(additive, loaded):
    """Who knows the PWMs and their frequency can expect so many instances from the bases, place by place (Bayes)."""
    sequences, _ = additive
    motifs = read_meme(loaded["quantitative"][0]["planted"]["additive"]["database"])
    codes = np.array([[BASES.index(base) for base in text] for text in sequences["sequence"][:1000]])
    expected = np.zeros((len(codes), 2))
    for motif, effects in EFFECTS.items():
        pwm = motifs[motif].pwm
        places = 249 - len(pwm) + 1
        odds = []  # of an instance at a place and strand against random bases
        for read in (pwm, pwm[::-1, ::-1]):
            columns = (4 * read[at][codes[:, at : at + places]] for at in range(len(pwm)))
            odds.append(np.prod(list(columns), axis=0))
        prior = np.dot(COUNTS, range(4)) / (2 * places)
        both = prior * sum(odds)
        expected += np.outer((both / (1 - 2 * prior + both)).sum(axis=1), effects)
    for column, target in enumerate(TARGETS):
        assert np.corrcoef(expected[:, column], sequences[target][:1000])[0, 1] == pytest.approx(0.945, abs=0.015)


def test_splits_have_their_shares(loaded):
    settings = loaded["quantitative"][0]["planted"]["additive"]
    assert {split: settings["n_sequences"] * share for split, share in settings["splits"].items()} == {
        "train": 16_000,
        "val": 2_000,
        "test": 2_000,
    }


def test_the_default_network_may_be_trained_on_quantities(repository):
    """Its class weights, which only labels have, were refused where no dataset had labels."""
    models = yaml.safe_load((repository / "config/models.yaml").read_text())
    training = {"loss": "auto", "class_weights": "none", "target_weights": {}, "warmup_epochs": 0, "precision": "fp32"}
    training |= {"schedule": "constant", **models["motif_cnn"]["training"]}
    assert training["class_weights"] == "balanced"
    entry = {"motif_cnn": {**models["motif_cnn"], "training": training}}
    settings = {"targets": {"transform": []}, "train": {"device": "auto"}}
    tasks, targets = {"enhancers": "regression"}, {"enhancers": ["Dev", "Hk"]}
    assert list(use_problems("motif_cnn", entry, tasks, targets, settings, "models.yaml")) == []
