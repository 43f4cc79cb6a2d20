"""Counts are those of a loop, statistics those of scipy, statsmodels and scikit-learn, thresholds of all words."""

import itertools

import numpy as np
import pytest
from scipy.stats import fisher_exact
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from cisflow.meme import Motif, log_odds, read_meme
from cisflow.motif_enrichment import COLUMNS, enriched_motifs, hit_score
from cisflow.pwm_scan import best_matches

BACKGROUND = np.array([0.3, 0.2, 0.2, 0.3])


@pytest.fixture(scope="module")
def database(repository):
    return list(read_meme(repository / "resources" / "jaspar" / "JASPAR2026_CORE_fungi_nonredundant.meme").values())[
        :70
    ]


def planted(motif, n_rows=400, length=80, seed=0):
    """Random codes; every other row holds the likeliest word of a motif, half of them on the other strand."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(4, (n_rows, length), p=BACKGROUND).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.01] = 4
    word = motif.pwm.argmax(axis=1).astype(np.uint8)
    for row in range(0, n_rows, 2):
        start = rng.integers(length - len(word) + 1)
        codes[row, start : start + len(word)] = word if row % 4 else 3 - word[::-1]
    labels = (np.arange(n_rows) % 2 == 0).astype(float)
    return codes, labels


@pytest.mark.parametrize("hit_p", [1e-2, 1e-3])
@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_that_of_all_words(hit_p, seed):
    pwm = np.random.default_rng(seed).dirichlet(np.full(4, 0.4), size=7)
    weights = log_odds(pwm, BACKGROUND)
    words = np.array(list(itertools.product(range(4), repeat=len(pwm))))
    scores = weights[np.arange(len(pwm)), words].sum(axis=1)
    probability = BACKGROUND[words].prod(axis=1)
    threshold = hit_score(pwm, BACKGROUND, hit_p)
    slack = 0.001 * len(pwm)  # of rounding, half a step a position up and down
    assert probability[scores >= threshold + slack].sum() <= hit_p
    below = scores[scores < threshold]
    assert probability[scores >= below.max() - slack].sum() > hit_p


def test_a_motif_too_short_to_be_so_rare_counts_at_its_best_word():
    pwm = np.array([[0.97, 0.01, 0.01, 0.01], [0.02, 0.02, 0.94, 0.02], [0.1, 0.7, 0.1, 0.1]])
    weights = log_odds(pwm, BACKGROUND)
    best, second = weights.max(axis=1).sum(), weights[:2].max(axis=1).sum() + np.sort(weights[2])[-2]
    assert second < hit_score(pwm, BACKGROUND, 1e-4) <= best


def test_random_windows_have_a_motif_as_often_as_the_threshold_says(database):
    codes = np.random.default_rng(1).choice(4, (30_000, 60), p=BACKGROUND).astype(np.uint8)
    motifs = [motif for motif in database if 9 <= len(motif.pwm) <= 14][:12]
    scores = best_matches(codes, [motif.pwm for motif in motifs], BACKGROUND)
    expected = observed = 0
    for motif, of_motif in zip(motifs, scores.T, strict=True):
        places = 2 * (60 - len(motif.pwm) + 1)
        expected += 1 - (1 - 1e-4) ** places
        observed += (of_motif >= hit_score(motif.pwm, BACKGROUND, 1e-4)).mean()
    assert 0.75 * expected < observed < 1.05 * expected  # a palindrome's two strands are one place


@pytest.fixture(scope="module")
def enriched(database):
    codes, labels = planted(database[11])
    rng = np.random.default_rng(3)
    unknown = labels.copy()
    unknown[rng.random(len(labels)) < 0.2] = np.nan
    targets = np.stack([labels, rng.permutation(labels), unknown, np.ones(len(labels))], axis=1)
    names = ["bound", "permuted", "unknown", "all positive"]
    return codes, targets, names, enriched_motifs(codes, targets, names, database, BACKGROUND, "binary")


def test_a_planted_motif_comes_first_and_permuted_labels_have_none(enriched, database):
    *_, table = enriched
    assert list(table.columns) == COLUMNS
    first = table.drop_duplicates("target").set_index("target")
    assert first.loc["bound", "motif"] == first.loc["unknown", "motif"] == database[11].identifier
    assert first.loc["bound", "q"] < 1e-20
    assert first.loc["permuted", "q"] > 0.05
    assert list(first.index) == ["bound", "permuted", "unknown"]  # the last target has nothing to compare
    assert (table.groupby("target").size() == len(database)).all()
    assert table.groupby("target")["p"].apply(lambda p: p.is_monotonic_increasing).all()


def test_numbers_are_those_of_scipy_statsmodels_and_scikit_learn(enriched, database):
    codes, targets, names, table = enriched
    scores = best_matches(codes, [motif.pwm for motif in database], BACKGROUND)
    number = {motif.identifier: at for at, motif in enumerate(database)}
    for target in ("bound", "permuted", "unknown"):
        labels = targets[:, names.index(target)]
        known = ~np.isnan(labels)
        part = table[table["target"] == target]
        np.testing.assert_allclose(part["q"], multipletests(part["p"], method="fdr_bh")[1], rtol=1e-10)
        for row in part.to_dict("records"):
            of_motif = scores[:, number[row["motif"]]]
            has = of_motif >= np.float32(row["hit_score"])
            inside, outside = known & (labels == 1), known & (labels == 0)
            counts = [has[inside].sum(), inside.sum(), has[outside].sum(), outside.sum()]
            assert [row[name] for name in COLUMNS[3:7]] == counts
            cells = [[counts[0], counts[1] - counts[0]], [counts[2], counts[3] - counts[2]]]
            tested = fisher_exact(cells, alternative="greater")
            assert row["p"] == pytest.approx(tested.pvalue, rel=1e-6)
            np.testing.assert_allclose(row["odds"], tested.statistic, rtol=1e-12)
            assert row["auroc"] == pytest.approx(roc_auc_score(labels[known], of_motif[known]))


def test_values_are_split_at_their_median(database):
    codes, labels = planted(database[11], seed=4)
    values = 3 * labels + np.random.default_rng(0).normal(size=len(labels)) * 0.1
    table = enriched_motifs(codes, values[:, None], ["activity"], database, BACKGROUND, "regression")
    binary = enriched_motifs(codes, labels[:, None], ["activity"], database, BACKGROUND, "binary")
    assert table.equals(binary)


def test_without_a_target_to_compare_the_table_has_no_rows(database):
    codes, _ = planted(database[0], n_rows=20)
    table = enriched_motifs(codes, np.full((20, 1), np.nan), ["x"], database[:3], BACKGROUND, "regression")
    assert list(table.columns) == COLUMNS
    assert table.empty


def test_a_motif_without_hits_is_no_error():
    motif = Motif("long", "", np.repeat(np.eye(4), 4, axis=0), None)
    codes = np.zeros((8, 30), dtype=np.uint8)
    labels = np.array([0, 1] * 4, dtype=float)[:, None]
    row = enriched_motifs(codes, labels, ["x"], [motif], BACKGROUND, "binary").iloc[0]
    assert (row["n_positive_with"], row["n_negative_with"], row["p"], row["q"], row["auroc"]) == (0, 0, 1, 1, 0.5)
    assert np.isnan(row["odds"])
