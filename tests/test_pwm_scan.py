"""Scores are those of memelite's FIMO; what is chosen is what scikit-learn and scipy rank highest."""

import numpy as np
import pytest
from memelite import fimo
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from cisflow.meme import log_odds, read_meme
from cisflow.pwm_scan import aurocs, background_of, best_matches, choose_motifs, correlations

BACKGROUND = np.array([0.3, 0.2, 0.2, 0.3])


@pytest.fixture(scope="module")
def database(repository):
    return list(read_meme(repository / "resources" / "jaspar" / "JASPAR2026_CORE_fungi_nonredundant.meme").values())


def random_codes(n, length, seed=0, unknown=0.02):
    p = [0.31 - unknown / 4, 0.19 - unknown / 4, 0.19 - unknown / 4, 0.31 - unknown / 4, unknown]
    return np.random.default_rng(seed).choice(5, (n, length), p=p).astype(np.uint8)


def brute_force(codes, pwm, background):
    """Base by base, on both strands."""
    weights, best = log_odds(pwm, background), []
    for row in codes:
        values = []
        for begin in range(len(row) - len(pwm) + 1):
            window = row[begin : begin + len(pwm)]
            values.append(sum(weights[i, code] for i, code in enumerate(window) if code < 4))
            values.append(sum(weights[i, 3 - code] for i, code in enumerate(window[::-1]) if code < 4))
        best.append(max(values))
    return best


def test_background_is_that_of_both_strands():
    codes = np.array([[0, 0, 0, 1, 4]], dtype=np.uint8)
    np.testing.assert_allclose(background_of(codes), [3 / 8, 1 / 8, 1 / 8, 3 / 8])
    np.testing.assert_allclose(background_of(np.full((2, 3), 4, dtype=np.uint8)), 0.25)


def test_scores_are_those_of_a_loop_over_bases_at_any_width_of_the_motif():
    rng = np.random.default_rng(3)
    codes = random_codes(7, 30, unknown=0.1)
    codes[0] = 4
    pwms = [rng.dirichlet(np.full(4, 0.3), size=width) for width in (1, 5, 12, 13, 24, 30, 5)]
    found = best_matches(codes, pwms, BACKGROUND)
    for column, pwm in enumerate(pwms):
        np.testing.assert_allclose(found[:, column], brute_force(codes, pwm, BACKGROUND), rtol=1e-4, atol=1e-4)
    assert (found[0] == 0).all()


def test_scores_are_those_of_fimo(database):
    """FIMO takes probabilities against a uniform background, so it is given those that have our log-odds."""
    codes, motifs = random_codes(60, 100), database[:40]
    one_hot = (codes[:, None, :] == np.arange(4)[None, :, None]).astype(np.int8)
    odds = {motif.identifier: np.exp(log_odds(motif.pwm, BACKGROUND)).T / 4 for motif in motifs}
    # Beyond 1, so that every place is a hit.
    tables = fimo(odds, one_hot, threshold=1e9, eps=0.0)
    found = best_matches(codes, [motif.pwm for motif in motifs], BACKGROUND)
    assert len(tables) == len(motifs)
    for column, table in enumerate(tables):
        best = table.groupby("sequence_name")["score"].max() * np.log(2)
        assert len(best) == len(codes)
        np.testing.assert_allclose(found[best.index.astype(int), column], best, rtol=1e-4, atol=1e-3)


def test_both_strands_have_one_score_and_rows_do_not_hang_on_each_other(database):
    pwms = [motif.pwm for motif in database]
    codes = random_codes(5000, 40)
    reverse = np.where(codes < 4, 3 - codes.astype(int), 4)[:, ::-1].astype(np.uint8)
    found = best_matches(codes, pwms, BACKGROUND)
    np.testing.assert_allclose(found, best_matches(reverse, pwms, BACKGROUND), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[4321], best_matches(codes[4321:4322], pwms, BACKGROUND)[0])


def test_areas_and_correlations_of_many_scores():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(200, 6)).round(1)  # with ties
    labels, values = rng.random(200) < 0.3, rng.normal(size=200)
    np.testing.assert_allclose(aurocs(scores, labels), [roc_auc_score(labels, column) for column in scores.T])
    np.testing.assert_allclose(correlations(scores, values), [pearsonr(column, values)[0] for column in scores.T])
    constant = np.full((200, 1), 0.1)
    np.testing.assert_array_equal(correlations(constant, values), [0])


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_motif_that_was_planted_is_chosen_for_each_target(database, task):
    rng = np.random.default_rng(7)
    codes, motifs = random_codes(600, 80, unknown=0), database
    numbers = {motif.name: number for number, motif in enumerate(motifs)}
    planted = {0: numbers["ABF1"], 1: numbers["RAP1"]}  # column of the targets -> motif; both like no other
    holds = rng.random((600, 2)) < 0.5
    for column, number in planted.items():
        consensus = motifs[number].pwm.argmax(axis=1)
        for row in np.flatnonzero(holds[:, column]):
            codes[row, 40 * column : 40 * column + len(consensus)] = consensus
    targets = holds.astype(float)
    if task == "regression":
        targets = np.column_stack([targets[:, 0] + 5, -2 * targets[:, 1]]) + 0.3 * rng.normal(size=(600, 2))
    unknown = rng.random((600, 2)) < 0.2
    targets[unknown] = np.nan
    targets = np.column_stack([targets, np.full(600, 3.0), np.full(600, np.nan)])
    pwms = [motif.pwm for motif in motifs]
    chosen, quality = choose_motifs(codes, targets, pwms, BACKGROUND, task)
    assert chosen == [planted[0], planted[1], None, None]
    scores = best_matches(codes, pwms, BACKGROUND)
    for column in range(2):
        known = ~np.isnan(targets[:, column])
        for number in (0, *planted.values(), len(motifs) - 1):
            score, truth = scores[known, number], targets[known, column]
            expected = roc_auc_score(truth, score) if task == "binary" else pearsonr(score, truth)[0]
            assert quality[number, column] == pytest.approx(expected, abs=1e-5)
    if task == "regression":
        assert quality[planted[1], 1] < 0  # it lowers what is measured
