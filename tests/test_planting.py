"""Planted sequences: what the truth says stands in them, and all that is drawn follows its distribution.

Frequencies are held against the configured ones by chi-square and binomial tests; the seeds are fixed, so a test that
passes once passes always.
"""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chisquare

from cisflow.messages import InputError
from cisflow.planting import (
    consensus_pwm,
    draw_background,
    place,
    plant_sequence,
    plant_set,
    planted_pwm,
    stationary,
    truth_rows,
)

BASES = "ACGT"
COMPLEMENT = str.maketrans(BASES, BASES[::-1])
PWMS = {
    "A": np.array([[0.7, 0.1, 0.1, 0.1], [0.05, 0.05, 0.85, 0.05], [0, 0.5, 0.5, 0], [0.25, 0.25, 0.25, 0.25]]),
    "B": consensus_pwm("TTGACA"),
    "C": consensus_pwm("GGRTT"),
}
UNLIKELY = 1e-3


def item(**given):
    return {"number": 1, "each": False, "position": "uniform", "strands": "both", **given}


def settings(plant=(), **given):
    return {
        "n_sequences": 400,
        "length": 60,
        "seed": 3,
        "splits": {"train": 0.7, "val": 0.1, "test": 0.2},
        "background": {"frequencies": None, "transitions": None},
        "classes": {"all": {"share": 1, "plant": list(plant)}},
        "targets": {"label": {"motifs": ["A"], "effects": {}, "interactions": [], "noise": 0}},
        **given,
    }


def tables(plant=(), **given):
    sequences, sites, _ = plant_set(settings(plant, **given), PWMS)
    columns = ["sequence", "motif", "start", "end", "strand", "instance"]
    return pd.DataFrame(sequences), pd.DataFrame(sites, columns=None if sites else columns)


def read_on(strand, text):
    return text if strand == "+" else text.translate(COMPLEMENT)[::-1]


ALL_KINDS = [
    item(motifs=["A", "B"], number=[0.2, 0.5, 0.3]),
    item(motifs=["B", "C"], number=[0.5, 0.5], each=True, strands="plus"),
    item(pair=["A", "C"], gaps=[0, 3, 7], orientations=["++", "+-", "-+"]),
    item(motifs=["C"], position="centre"),
]


@pytest.fixture(scope="module")
def mixed():
    return tables(ALL_KINDS)


def test_sites_are_what_stands_in_the_sequences(mixed):
    sequences, sites = mixed
    text_of = sequences.set_index("name")["sequence"]
    assert set(text_of.str.len()) == {60}
    assert len(sites) > 1000
    for row in sites.itertuples():
        assert row.end - row.start == len(PWMS[row.motif])
        assert read_on(row.strand, text_of[row.sequence][row.start : row.end]) == row.instance
        for base, probabilities in zip(row.instance, PWMS[row.motif], strict=True):
            assert probabilities[BASES.index(base)] > 0


def test_no_site_overlaps_another_or_leaves_its_sequence(mixed):
    _, sites = mixed
    before = sites.groupby("sequence")["end"].shift(fill_value=0)  # they come from left to right
    assert (sites["start"] >= before).all()
    assert (sites["end"] <= 60).all()


def test_names_splits_and_classes_have_their_numbers():
    classes = {name: {"share": share, "plant": []} for name, share in (("x", 0.25), ("y", 0.5), ("z", 0.25))}
    sequences, _ = tables(classes=classes)
    assert sequences["name"].is_unique
    assert sequences["split"].value_counts().to_dict() == {"train": 280, "val": 40, "test": 80}
    assert sequences["class"].value_counts().to_dict() == {"x": 100, "y": 200, "z": 100}
    # shuffled: no split lacks a class
    assert (pd.crosstab(sequences["split"], sequences["class"]) > 0).all(axis=None)


# --- numbers, strands, places -----------------------------------------------------------------------------------------


def counts_of(sites, motifs, n_sequences):
    """In how many sequences each number of instances of these motifs stands."""
    numbers = sites[sites["motif"].isin(list(motifs))]["sequence"].value_counts()
    found = Counter(numbers)
    found[0] = n_sequences - len(numbers)
    return found


def test_fixed_numbers_are_kept():
    _, sites = tables([item(motifs=["A"], number=2), item(motifs=["B", "C"], number=3, each=True)])
    for motif, number in {"A": 2, "B": 3, "C": 3}.items():
        assert counts_of(sites, [motif], 400) == {number: 400, 0: 0}


def test_drawn_numbers_follow_their_probabilities():
    probabilities = [0.1, 0.4, 0.3, 0.2]
    _, sites = tables([item(motifs=["A", "B", "C"], number=probabilities)], n_sequences=2000)
    found = counts_of(sites, "ABC", 2000)
    assert chisquare([found[n] for n in range(4)], 2000 * np.array(probabilities)).pvalue > UNLIKELY
    assert chisquare(sites["motif"].value_counts().to_numpy()).pvalue > UNLIKELY  # each motif as often as the others
    _, sites = tables([item(motifs=["A", "B"], number=probabilities, each=True)], n_sequences=2000)
    for motif in "AB":
        found = counts_of(sites, motif, 2000)
        assert chisquare([found[n] for n in range(4)], 2000 * np.array(probabilities)).pvalue > UNLIKELY


def test_strands():
    _, sites = tables([item(motifs=["A"]), item(motifs=["B"], strands="plus")], n_sequences=2000)
    on_plus = sites.groupby("motif")["strand"].apply(lambda strands: (strands == "+").sum())
    assert on_plus["B"] == 2000
    assert binomtest(int(on_plus["A"]), 2000).pvalue > UNLIKELY


def test_pairs_have_their_gaps_and_orientations():
    gaps, orientations = [2, 5], ["++", "+-"]
    _, sites = tables([item(pair=["A", "B"], gaps=gaps, orientations=orientations)], n_sequences=2000)
    found = Counter()
    for _, pair in sites.groupby("sequence"):
        assert len(pair) == 2
        left, right = pair.to_dict("records")
        turned = left["motif"] == "B"  # the whole pair stands on the other strand: what was first comes last
        strands = right["strand"] + left["strand"] if turned else left["strand"] + right["strand"]
        strands = strands.translate(str.maketrans("+-", "-+")) if turned else strands
        gap = right["start"] - left["end"]
        found[gap, strands, turned] += 1
    assert set(found) == set(itertools.product(gaps, orientations, (False, True)))
    assert chisquare(list(found.values())).pvalue > UNLIKELY


@pytest.mark.parametrize("length", [60, 61])
def test_centre(length):
    _, sites = tables([item(motifs=["B"], position="centre"), item(motifs=["A"], number=5)], length=length)
    assert set(sites[sites["motif"] == "B"]["start"]) == {(length - 6) // 2}
    assert counts_of(sites, "A", 400) == {5: 400, 0: 0}
    beside = sites[sites["motif"] == "A"]["start"]
    assert beside.min() == 0  # the others go wherever there is room, on either side
    assert beside.max() == length - 4


def arrangements(widths, length):
    """Every way to put elements of these widths into a sequence, by brute force: their starts."""
    for starts in itertools.product(*(range(length - width + 1) for width in widths)):
        taken = [at for start, width in zip(starts, widths, strict=True) for at in range(start, start + width)]
        if len(taken) == len(set(taken)):
            yield starts


@pytest.mark.parametrize(("widths", "length"), [((2, 3), 8), ((1, 2, 1), 6), ((4,), 9), ((2, 2), 4)])
def test_all_arrangements_are_equally_likely(widths, length):
    rng = np.random.default_rng(5)
    possible = list(arrangements(widths, length))
    found = Counter(tuple(place(list(widths), [False] * len(widths), length, rng)) for _ in range(100 * len(possible)))
    assert set(found) == set(possible)
    assert chisquare([found[starts] for starts in possible]).pvalue > UNLIKELY


def test_all_arrangements_of_one_order_are_equally_likely_beside_the_centre():
    rng = np.random.default_rng(6)
    widths, length = (2, 1, 2), 10
    possible = [starts for starts in arrangements(widths, length) if starts[0] == 4]
    found = Counter(tuple(place(list(widths), [True, False, False], length, rng)) for _ in range(6000))
    assert set(found) == set(possible)
    for ordered in (True, False):
        numbers = [found[starts] for starts in possible if (starts[1] < starts[2]) == ordered]
        assert chisquare(numbers).pvalue > UNLIKELY


def test_what_cannot_fit_is_no_arrangement_and_what_never_fits_an_error():
    rng = np.random.default_rng(7)
    assert place([5, 4], [False, False], 8, rng) is None
    assert place([4, 4], [True, False], 10, rng) is None  # three bases on either side of it
    assert place([9], [True], 8, rng) is None
    with pytest.raises(InputError, match="does not fit into 11 bases"):
        plant_sequence([item(motifs=["B"], number=2)], PWMS, 11, {}, rng)


def test_what_does_not_fit_is_drawn_anew_and_counted():
    plant = [item(motifs=["B"], number=[0, 0.5, 0.5])]
    _, sites, n_redrawn = plant_set(settings(plant, length=10), PWMS)
    assert counts_of(pd.DataFrame(sites), "B", 400) == {1: 400, 0: 0}
    assert binomtest(n_redrawn, 400).pvalue > UNLIKELY


# --- bases ------------------------------------------------------------------------------------------------------------


def columns_of(instances):
    """Numbers of each base at each position; shape (width, 4)."""
    letters = np.array([list(text) for text in instances])
    return np.stack([(letters == base).sum(axis=0) for base in BASES], axis=1)


def test_instances_follow_their_pwm_on_either_strand():
    _, sites = tables([item(motifs=["A"])], n_sequences=3000)
    for _, of_strand in sites.groupby("strand"):
        for found, expected in zip(columns_of(of_strand["instance"]), PWMS["A"], strict=True):
            possible = expected > 0
            assert found[~possible].sum() == 0
            assert chisquare(found[possible], len(of_strand) * expected[possible]).pvalue > UNLIKELY


def test_mutation_rate():
    rate, consensus = 0.15, "TTGACA"
    pwm = planted_pwm(PWMS["B"], "consensus", rate)
    sequences, sites, _ = plant_set(settings([item(motifs=["B"])], n_sequences=2000), {"B": pwm})
    assert len(sequences) == 2000
    counts = columns_of([site["instance"] for site in sites])
    changed = sum(2000 - counts[at, BASES.index(base)] for at, base in enumerate(consensus))
    assert binomtest(int(changed), 2000 * len(consensus), rate).pvalue > UNLIKELY
    for at, base in enumerate(consensus):  # to each of the other three as often
        assert chisquare(np.delete(counts[at], BASES.index(base))).pvalue > UNLIKELY


def test_what_instances_come_of():
    assert planted_pwm(PWMS["A"], "drawn", 0) == pytest.approx(PWMS["A"])
    consensus = planted_pwm(PWMS["A"], "consensus", 0)
    assert ["".join(BASES[base] for base in row.nonzero()[0]) for row in consensus] == ["A", "G", "C", "A"]
    for how, rate in itertools.product(("drawn", "consensus"), (0, 0.3, 0.75, 1)):
        assert planted_pwm(PWMS["A"], how, rate).sum(axis=1) == pytest.approx(np.ones(4))
    assert planted_pwm(PWMS["B"], "drawn", 0.75) == pytest.approx(np.full((6, 4), 0.25))


def test_consensus_in_iupac_codes():
    expected = [[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 1 / 3, 1 / 3, 1 / 3], [0.25, 0.25, 0.25, 0.25]]
    assert consensus_pwm("ARBN") == pytest.approx(np.array(expected))


@pytest.mark.parametrize("frequencies", [None, [0.3, 0.2, 0.2, 0.3], [0.1, 0.4, 0.5, 0]])
def test_independent_background(frequencies):
    bases = draw_background(20_000, {"frequencies": frequencies}, np.random.default_rng(8))
    expected = np.array(frequencies or [0.25] * 4)
    found = np.bincount(bases, minlength=4)
    assert found[expected == 0].sum() == 0
    assert chisquare(found[expected > 0], 20_000 * expected[expected > 0]).pvalue > UNLIKELY
    pairs = np.bincount(bases[:-1] * 4 + bases[1:], minlength=16)
    joint = np.outer(expected, expected).ravel()
    assert pairs[joint > 0] / 19_999 == pytest.approx(joint[joint > 0], abs=0.015)


def test_markov_background():
    transitions = np.array([[0.4, 0.2, 0.3, 0.1], [0.3, 0.3, 0.05, 0.35], [0.2, 0.3, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]])
    bases = draw_background(40_000, {"transitions": transitions.tolist()}, np.random.default_rng(9))
    counts = np.bincount(bases[:-1] * 4 + bases[1:], minlength=16).reshape(4, 4)
    for found, expected in zip(counts, transitions, strict=True):
        assert chisquare(found, found.sum() * expected).pvalue > UNLIKELY
    limit = np.linalg.matrix_power(transitions, 200)[0]
    assert stationary(transitions) == pytest.approx(limit)
    first = [draw_background(1, {"transitions": transitions}, np.random.default_rng(seed))[0] for seed in range(3000)]
    assert chisquare(np.bincount(first, minlength=4), 3000 * limit).pvalue > UNLIKELY


# --- targets ----------------------------------------------------------------------------------------------------------

LABELS = {"effects": {}, "interactions": [], "noise": 0}
QUANTITIES = {
    "plain": {"effects": {"A": 2.0, "B": -1.0}, "interactions": [], "noise": 0.1},
    "paired": {
        "effects": {"A": 1.0},
        "interactions": [
            {"motifs": ["A", "B"], "effect": 3.0, "gaps": None},
            {"motifs": ["C", "B"], "effect": -2.0, "gaps": [2, 10]},
            {"motifs": ["A", "A"], "effect": 5.0, "gaps": [0, 4]},
        ],
        "noise": 0.0,
    },
}
PLANT = [item(motifs=["A", "B", "C"], number=[0.5, 0.3, 0.2], each=True)]


@pytest.fixture(scope="module")
def quantities():
    return tables(PLANT, targets=QUANTITIES, n_sequences=1500)


def test_labels_follow_from_the_instances_and_classes():
    targets = {"either": {"motifs": ["A", "B"], **LABELS}, "second": {"classes": ["y"], **LABELS}}
    classes = {"x": {"share": 0.4, "plant": [item(motifs=["A"])]}, "y": {"share": 0.6, "plant": PLANT}}
    sequences, sites = tables(targets=targets, classes=classes)
    holds = sequences["name"].isin(sites[sites["motif"].isin(["A", "B"])]["sequence"])
    assert sequences["either"].tolist() == holds.astype(int).tolist()
    assert sequences["second"].sum() == 240
    assert (sequences["second"] == (sequences["class"] == "y")).all()


def test_effects_add_up(quantities):
    sequences, sites = quantities
    counts = pd.crosstab(sites["sequence"], sites["motif"]).reindex(sequences["name"], fill_value=0)
    expected = 2 * counts["A"] - counts["B"]
    assert sequences["plain_expected"].to_numpy() == pytest.approx(expected.to_numpy())
    assert sites.groupby("motif")["plain_effect"].unique().map(list).to_dict() == {"A": [2], "B": [-1], "C": [0]}


def test_interactions_count_once_where_their_gap_is_kept(quantities):
    sequences, sites = quantities
    of_sequence = {name: own.to_dict("records") for name, own in sites.groupby("sequence")}
    seen = Counter()
    for row in sequences.itertuples():
        own, total = of_sequence.get(row.name, []), 0.0
        for number, part in enumerate(QUANTITIES["paired"]["interactions"]):
            low, high = part["gaps"] or (0, 10**9)
            gaps = [
                max(one["start"], other["start"]) - min(one["end"], other["end"])
                for one, other in itertools.permutations(own, 2)
                if [one["motif"], other["motif"]] == part["motifs"]
            ]
            holds = any(low <= gap <= high for gap in gaps)
            total += part["effect"] * holds
            seen[number, holds] += 1
        assert row.paired_expected == pytest.approx(sum(one["motif"] == "A" for one in own) + total)
    assert min(seen.values()) > 30
    assert sequences["paired"].to_numpy() == pytest.approx(sequences["paired_expected"].to_numpy())  # without noise


def test_noise_is_its_share_of_the_variance(quantities):
    sequences, _ = quantities
    noise = sequences["plain"] - sequences["plain_expected"]
    assert noise.var() / sequences["plain"].var() == pytest.approx(0.1, rel=0.1)
    assert abs(np.corrcoef(noise, sequences["plain_expected"])[0, 1]) < 0.08
    assert np.corrcoef(sequences["plain"], sequences["plain_expected"])[0, 1] == pytest.approx(0.9**0.5, abs=0.01)


def test_truth_of_the_targets(quantities):
    sequences, _ = quantities
    truth = pd.DataFrame(truth_rows(sequences.to_dict("records"), QUANTITIES)).set_index(["target", "split"])
    assert truth["n"]["plain"].to_dict() == {"train": 1050, "val": 150, "test": 300}
    test = sequences[sequences["split"] == "test"]
    row = truth.loc["plain", "test"]
    assert row["expected_pearson"] == pytest.approx(0.9**0.5)
    assert row["reached_pearson"] == pytest.approx(np.corrcoef(test["plain"], test["plain_expected"])[0, 1])
    assert truth.loc["paired", "val"]["reached_pearson"] == pytest.approx(1)
    labels, _ = tables([item(motifs=["A"], number=[0.5, 0.5])])
    truth = truth_rows(labels.to_dict("records"), settings()["targets"])
    assert {row["split"]: row["n_positive"] for row in truth} == labels.groupby("split")["label"].sum().to_dict()


# --- the same numbers -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_set_and_another_another():
    assert plant_set(settings(ALL_KINDS), PWMS) == plant_set(settings(ALL_KINDS), PWMS)
    one, other = tables(ALL_KINDS)[0], tables(ALL_KINDS, seed=4)[0]
    assert not set(one["sequence"]) & set(other["sequence"])


def test_a_larger_set_begins_with_the_same_sequences(mixed):
    sequences, sites = tables(ALL_KINDS, n_sequences=50)
    pd.testing.assert_series_equal(sequences["sequence"], mixed[0]["sequence"][:50])
    pd.testing.assert_frame_equal(sites, mixed[1][: len(sites)])


def test_sequences_differ(mixed):
    assert mixed[0]["sequence"].is_unique
