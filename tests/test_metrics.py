import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cisflow.metrics import auroc_and_auprc, block_numbers, block_weights, evaluate


def scored(n, seed, ties):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    score = rng.normal(size=n) + truth
    return truth, np.round(score, 1) if ties else score


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_areas_are_scikit_learns(seed, ties):
    truth, score = scored(300, seed, ties)
    auroc, auprc = auroc_and_auprc(truth, score)
    assert auroc[0] == pytest.approx(roc_auc_score(truth, score))
    assert auprc[0] == pytest.approx(average_precision_score(truth, score))


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_areas_are_scikit_learns(ties):
    truth, score = scored(200, 9, ties)
    weights = np.random.default_rng(1).integers(0, 4, size=(6, 200)).astype(float)
    auroc, auprc = auroc_and_auprc(truth, score, weights)
    for row, weight in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
        assert auprc[row] == pytest.approx(average_precision_score(truth, score, sample_weight=weight))


def test_one_class_alone_has_no_area():
    auroc, auprc = auroc_and_auprc(np.ones(5, dtype=bool), np.arange(5.0))
    assert np.isnan(auroc[0])
    assert auprc[0] == 1
    auroc, auprc = auroc_and_auprc(np.zeros(5, dtype=bool), np.arange(5.0))
    assert np.isnan(auroc[0])
    assert np.isnan(auprc[0])


def test_rows_of_one_block_lie_in_one_stretch_of_one_chromosome():
    rng = np.random.default_rng(0)
    chrom, start = rng.choice(["chr2", "chr10"], 200), rng.integers(0, 1_000_000, 200)
    blocks = block_numbers(chrom, start, 100_000)
    expected = {}
    for name, position, block in zip(chrom, start, blocks, strict=True):
        assert expected.setdefault((name, position // 100_000), block) == block
    assert sorted(expected.values()) == list(range(len(expected)))


def test_resamples_draw_as_many_blocks_as_there_are():
    weights = block_weights(7, 50, np.random.default_rng(0))
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == 0).any()


def evaluated(n_blocks=40, n_resamples=300, seed=1, targets=("a", "b"), n=1200, unknown=0.2):
    rng = np.random.default_rng(5)
    blocks = np.arange(n) % n_blocks
    truth = (rng.random((n, len(targets))) < 0.3).astype(float)
    scores = rng.normal(size=truth.shape) + truth
    truth[rng.random(truth.shape) < unknown] = np.nan
    return truth, scores, evaluate(truth, scores, blocks, list(targets), "m", "test", n_resamples, seed)


def test_the_table_is_tidy_and_leaves_unknown_labels_out():
    truth, scores, table = evaluated()
    columns = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]
    assert list(table.columns) == columns
    row = table[(table["target"] == "a") & (table["metric"] == "auroc")].iloc[0]
    known = ~np.isnan(truth[:, 0])
    assert row["value"] == pytest.approx(roc_auc_score(truth[known, 0], scores[known, 0]))
    assert (row["n"], row["n_positive"]) == (known.sum(), (truth[known, 0] == 1).sum())
    assert row["ci_low"] < row["value"] < row["ci_high"]
    prevalence = table[(table["target"] == "b") & (table["metric"] == "prevalence")]["value"].item()
    assert prevalence == pytest.approx(np.nanmean(truth[:, 1]))
    mean = table[(table["target"] == "mean") & (table["metric"] == "auroc")]["value"].item()
    assert mean == pytest.approx(table[table["target"].isin(["a", "b"]) & (table["metric"] == "auroc")]["value"].mean())


def test_the_interval_is_that_of_a_plain_bootstrap_over_blocks():
    # Independent of the weighting: resamples are made by repeating rows, and scored by scikit-learn.
    rng = np.random.default_rng(8)
    n, n_blocks = 400, 25
    blocks = rng.integers(n_blocks, size=n)
    blocks[:n_blocks] = np.arange(n_blocks)
    truth = (rng.random(n) < 0.4).astype(float)
    score = rng.normal(size=n) + truth + np.repeat(rng.normal(size=n_blocks), n // n_blocks)[:n]
    values = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(blocks == block) for block in rng.integers(n_blocks, size=n_blocks)])
        values.append(roc_auc_score(truth[rows], score[rows]))
    table = evaluate(truth[:, None], score[:, None], blocks, ["a"], "m", "test", 1500, 3)
    row = table[table["metric"] == "auroc"].iloc[0]
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.01)


def test_the_same_seed_gives_the_same_interval():
    first, again, other = (evaluated(seed=seed)[2] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["ci_low"].equals(other["ci_low"])


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # 95 % intervals of 100 draws from a known distribution: P(positive above negative) = Phi(1 / sqrt(2)) = 0.7602.
    rng = np.random.default_rng(0)
    covered = 0
    for draw in range(100):
        truth = (np.arange(300) % 3 == 0).astype(float)
        score = rng.normal(size=300) + truth
        table = evaluate(truth[:, None], score[:, None], np.arange(300) // 5, ["a"], "m", "test", 200, draw)
        row = table[table["metric"] == "auroc"].iloc[0]
        covered += row["ci_low"] <= 0.7602 <= row["ci_high"]
    assert 88 <= covered <= 100  # binomial(100, 0.95) lies within with probability 0.999
