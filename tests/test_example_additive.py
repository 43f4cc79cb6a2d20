"""The simulated enhancers: what is planted stands where the truth says, and the best correlation is the one told."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import yaml

from cisflow.meme import read_meme
from cisflow.model_rules import use_problems

BASES = "ACGT"
COMPLEMENT = str.maketrans(BASES, BASES[::-1])
NUMBER = 3000


@pytest.fixture(scope="module")
def maker(repository):
    path = repository / "config/examples/additive/make_sequences.py"
    spec = importlib.util.spec_from_file_location("make_sequences", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def tables(maker):
    return maker.make_tables(NUMBER, seed=2)


@pytest.fixture(scope="module")
def counts(tables):
    """Numbers of instances, a row a sequence and a column a motif."""
    sequences, truth = tables
    return pd.crosstab(truth["name"], truth["motif"]).reindex(sequences["name"], fill_value=0)


def read_on(strand, text):
    return text if strand == "+" else text.translate(COMPLEMENT)[::-1]


def test_instances_stand_where_the_truth_says(tables):
    sequences, truth = tables
    text_of = sequences.set_index("name")["sequence"]
    assert set(text_of.str.len()) == {249}
    for row in truth.itertuples():
        assert read_on(row.strand, text_of[row.name][row.start : row.end]) == row.instance
    before = truth.groupby("name")["end"].shift(fill_value=0)
    assert (truth["start"] >= before).all()  # none overlaps the one to its left
    assert (truth["end"] <= 249).all()


def test_instances_follow_their_pwm_on_either_strand(tables, maker):
    _, truth = tables
    motifs = read_meme(maker.DATABASE)
    assert truth["strand"].eq("+").mean() == pytest.approx(0.5, abs=0.02)
    for motif, texts in truth.groupby("motif")["instance"]:
        bases = np.array([list(text) for text in texts])
        found = np.stack([(bases == base).mean(axis=0) for base in BASES], axis=1)
        assert found == pytest.approx(motifs[motif].pwm, abs=5 / (2 * np.sqrt(len(texts))))  # five standard errors
        assert texts.nunique() > 5


def test_every_motif_occurs_none_to_three_times(counts, maker):
    assert set(counts.columns) == set(maker.EFFECTS)
    for _, numbers in counts.items():
        found = numbers.value_counts(normalize=True).reindex(range(4)).to_numpy()
        assert found == pytest.approx(maker.COUNTS, abs=0.045)


def test_least_squares_find_the_effects(tables, counts, maker):
    sequences, _ = tables
    effects, *_ = np.linalg.lstsq(counts.to_numpy(float), sequences[["Dev", "Hk"]].to_numpy())
    assert effects == pytest.approx(np.array([maker.EFFECTS[motif] for motif in counts.columns]), abs=0.08)


def test_known_effects_reach_the_ceiling_and_no_more(tables):
    sequences, truth = tables
    sums = truth.groupby("name")[["Dev", "Hk"]].sum().reindex(sequences["name"], fill_value=0)
    for target in ("Dev", "Hk"):
        reached = np.corrcoef(sums[target], sequences[target])[0, 1]
        assert reached == pytest.approx(np.sqrt(1 - 0.05), abs=0.004)


def test_sequences_alone_tell_nearly_as_much(tables, maker):
    """Who knows the PWMs and their frequency can expect so many instances from the bases, place by place (Bayes)."""
    sequences, _ = tables
    codes = np.array([[BASES.index(base) for base in text] for text in sequences["sequence"][:1000]])
    expected = np.zeros((len(codes), 2))
    for motif, effects in maker.EFFECTS.items():
        pwm = read_meme(maker.DATABASE)[motif].pwm
        places = 249 - len(pwm) + 1
        odds = []  # of an instance at a place and strand against random bases
        for read in (pwm, pwm[::-1, ::-1]):
            columns = (4 * read[at][codes[:, at : at + places]] for at in range(len(pwm)))
            odds.append(np.prod(list(columns), axis=0))
        prior = np.dot(maker.COUNTS, range(4)) / (2 * places)
        both = prior * sum(odds)
        expected += np.outer((both / (1 - 2 * prior + both)).sum(axis=1), effects)
    for column, target in enumerate(("Dev", "Hk")):
        assert np.corrcoef(expected[:, column], sequences[target][:1000])[0, 1] == pytest.approx(0.945, abs=0.015)


def test_the_same_numbers_come_out_each_time(tables, maker):
    for one, other in zip(maker.make_tables(50, seed=2), tables, strict=True):
        same = other["name"].isin(tables[0]["name"][:50])
        columns = [name for name in other if name != "split"]  # a share of the number of sequences
        pd.testing.assert_frame_equal(one[columns], other.loc[same, columns])


def test_splits_have_their_shares(tables):
    assert tables[0]["split"].value_counts().to_dict() == {"train": 2400, "val": 300, "test": 300}


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
