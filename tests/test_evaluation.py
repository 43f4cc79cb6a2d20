"""Tables of metrics: what stands in them, and the intervals, against a bootstrap that repeats rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_squared_error, roc_auc_score

from cisflow import evaluation
from cisflow.evaluation import block_numbers, block_weights, evaluate, write_evaluation

COLUMNS = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


def made(task, n_blocks=40, targets=2, n=1200, unknown=0.2):
    """Truth, scores and blocks of some rows."""
    rng = np.random.default_rng(5)
    blocks = np.arange(n) % n_blocks
    truth = rng.normal(size=(n, targets)) if task == "regression" else (rng.random((n, targets)) < 0.3).astype(float)
    scores = rng.normal(size=truth.shape) + truth
    truth[rng.random(truth.shape) < unknown] = np.nan
    return truth, scores, blocks


def evaluated(task, n_resamples=300, seed=1, **kind):
    truth, scores, blocks = made(task, **kind)
    targets = [f"target_{number}" for number in range(truth.shape[1])]
    return truth, scores, evaluate(truth, scores, blocks, targets, "m", "test", n_resamples, seed, task)


def row_of(table, target, metric):
    (row,) = table[(table["target"] == target) & (table["metric"] == metric)].to_dict("records")
    return row


# --- blocks -----------------------------------------------------------------------------------------------------------


def test_rows_of_one_block_lie_in_one_stretch_of_one_chromosome():
    rng = np.random.default_rng(0)
    chrom, start = rng.choice(["chr2", "chr10"], 200), rng.integers(0, 1_000_000, 200)
    blocks = block_numbers(chrom, start, 100_000)
    expected = {}
    for name, position, block in zip(chrom, start, blocks, strict=True):
        assert expected.setdefault((name, position // 100_000), block) == block
    assert sorted(expected.values()) == list(range(len(expected)))


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, dtype=object), pd.Series])
def test_rows_without_a_place_fall_into_no_common_block(kind):
    # All rows of chromosome `.` were one block: every resample held all of them, and the intervals had no width.
    chrom = kind([".", "cluster_1", ".", "chr1", "cluster_1", "NA", ".", "chr1"])
    start = kind([0, 0, 0, 5, 0, 7, 0, 99])
    assert len(set(block_numbers(chrom, start, 1_000_000).tolist())) == 6
    blocks = block_numbers(chrom, start, 1_000_000)
    assert blocks[1] == blocks[4]  # rows of one cluster stay together
    assert blocks[3] == blocks[7]
    assert block_numbers(chrom, start, 10)[3] != block_numbers(chrom, start, 10)[7]
    assert sorted(set(blocks.tolist())) == list(range(6))


def test_resamples_draw_as_many_blocks_as_there_are():
    weights = block_weights(7, 50, np.random.default_rng(0))
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == 0).any()


# --- tables -----------------------------------------------------------------------------------------------------------


def test_the_table_is_tidy_and_leaves_unknown_labels_out():
    truth, scores, table = evaluated("binary")
    assert list(table.columns) == COLUMNS
    row = row_of(table, "target_0", "auroc")
    known = ~np.isnan(truth[:, 0])
    assert row["value"] == pytest.approx(roc_auc_score(truth[known, 0], scores[known, 0]))
    assert (row["n"], row["n_positive"]) == (known.sum(), (truth[known, 0] == 1).sum())
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert row_of(table, "target_1", "prevalence")["value"] == pytest.approx(np.nanmean(truth[:, 1]))
    two = [row_of(table, f"target_{number}", "auroc")["value"] for number in range(2)]
    assert row_of(table, "mean", "auroc")["value"] == pytest.approx(np.mean(two))
    assert row_of(table, "all", "bootstrap_blocks")["value"] == 40


def test_the_table_of_quantities_is_tidy_and_leaves_unknown_values_out():
    truth, scores, table = evaluated("regression")
    assert list(table.columns) == COLUMNS
    metrics = ["pearson", "spearman", "mse", "variance"]
    assert table["metric"].tolist() == [*metrics, *metrics, "pearson", "spearman", "bootstrap_blocks"]
    assert table["n_positive"].isna().all()
    for number in range(2):
        known = ~np.isnan(truth[:, number])
        true, score = truth[known, number], scores[known, number]
        expected = {
            "pearson": pearsonr(true, score).statistic,
            "spearman": spearmanr(true, score).statistic,
            "mse": mean_squared_error(true, score),
            "variance": mean_squared_error(true, np.full(len(true), true.mean())),
        }
        for metric, value in expected.items():
            row = row_of(table, f"target_{number}", metric)
            assert row["value"] == pytest.approx(value)
            assert row["n"] == known.sum()
            assert metric == "variance" or row["ci_low"] < value < row["ci_high"]
    for metric in ("pearson", "spearman"):
        row, two = row_of(table, "mean", metric), [row_of(table, f"target_{n}", metric) for n in range(2)]
        assert row["value"] == pytest.approx(np.mean([one["value"] for one in two]))
        assert row["ci_high"] - row["ci_low"] < max(one["ci_high"] - one["ci_low"] for one in two)
        assert row["n"] == (~np.isnan(truth)).any(axis=1).sum()
    assert row_of(table, "all", "bootstrap_blocks")["n"] == len(truth)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_target_has_no_mean(task):
    assert "mean" not in set(evaluated(task, targets=1)[2]["target"])


def test_a_perfect_prediction():
    truth, _, blocks = made("regression", targets=1)
    table = evaluate(truth, truth, blocks, ["a"], "m", "test", 100, 1, "regression")
    for metric, value in (("pearson", 1), ("spearman", 1), ("mse", 0)):
        row = row_of(table, "a", metric)
        assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx([value] * 3)


@pytest.mark.parametrize(("task", "metrics"), [("binary", ["auroc", "auprc"]), ("regression", ["pearson", "spearman"])])
def test_what_cannot_be_told_is_nan_and_never_a_number(task, metrics):
    truth, scores, blocks = made(task, targets=4)
    truth[:, 1] = np.nan  # nothing known
    scores[np.flatnonzero(~np.isnan(truth[:, 2]))[5], 2] = np.nan  # a diverged network
    scores[np.isnan(truth[:, 3]), 3] = np.inf  # where it does not count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = evaluate(truth, scores, blocks, list("abcd"), "m", "test", 100, 1, task)
    for metric in metrics:
        assert np.isfinite([row_of(table, target, metric)["value"] for target in "ad"]).all()
        for target in ("b", "c", "mean"):
            row = row_of(table, target, metric)
            assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    assert row_of(table, "b", metrics[0])["n"] == 0
    assert row_of(table, "c", metrics[0])["n"] == (~np.isnan(truth[:, 2])).sum()


def test_constant_predictions_have_an_error_and_no_correlation():
    truth, _, blocks = made("regression", targets=1)
    known = ~np.isnan(truth[:, 0])
    scores = np.full_like(truth, np.float32(truth[known].mean()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = evaluate(truth, scores, blocks, ["a"], "m", "test", 100, 1, "regression")
    for metric in ("pearson", "spearman"):
        row = row_of(table, "a", metric)
        assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    assert row_of(table, "a", "mse")["value"] == pytest.approx(row_of(table, "a", "variance")["value"])


# --- intervals --------------------------------------------------------------------------------------------------------


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
    row = row_of(table, "a", "auroc")
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.01)


def test_intervals_of_correlations_are_those_of_repeated_rows():
    # The same draws of blocks; rows are repeated one by one and scored by scipy.
    rng = np.random.default_rng(4)
    n, n_blocks, n_resamples, seed = 300, 20, 150, 7
    blocks = rng.integers(n_blocks, size=n)
    blocks[:n_blocks] = np.arange(n_blocks)
    truth = rng.normal(size=(n, 2)).round(1)
    scores = (truth + rng.normal(size=(n, 2)) + blocks[:, None] / 10).round(1).astype(np.float32)
    truth[rng.random((n, 2)) < 0.3] = np.nan
    table = evaluate(truth, scores, blocks, ["a", "b"], "m", "test", n_resamples, seed, "regression")
    draws = np.random.default_rng(seed).multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_resamples)
    values = np.empty((2, 3, n_resamples))
    for number, draw in enumerate(draws):
        rows = np.concatenate([np.tile(np.flatnonzero(blocks == block), draw[block]) for block in range(n_blocks)])
        for target in range(2):
            known = rows[~np.isnan(truth[rows, target])]
            pair = truth[known, target], scores[known, target].astype(float)
            values[target, :, number] = pearsonr(*pair).statistic, spearmanr(*pair).statistic, mean_squared_error(*pair)
    for column, metric in enumerate(("pearson", "spearman", "mse")):
        for target, name in enumerate("ab"):
            row = row_of(table, name, metric)
            expected = np.percentile(values[target, column], [2.5, 97.5])
            assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected)
        if metric != "mse":
            row = row_of(table, "mean", metric)
            expected = np.percentile(values[:, column].mean(axis=0), [2.5, 97.5])
            assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_same_seed_gives_the_same_interval(task):
    first, again, other = (evaluated(task, seed=seed)[2] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["ci_low"].equals(other["ci_low"])


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("weights_at_once", [1, 1200 * 7])
def test_it_does_not_matter_how_many_resamples_are_held_at_once(task, weights_at_once, monkeypatch):
    whole = evaluated(task, n_resamples=50)[2]
    held, weights_of = [], evaluation.block_weights

    def watched(n_blocks, n_resamples, rng):
        held.append(n_resamples)
        return weights_of(n_blocks, n_resamples, rng)

    monkeypatch.setattr(evaluation, "WEIGHTS_AT_ONCE", weights_at_once)
    monkeypatch.setattr(evaluation, "block_weights", watched)
    pd.testing.assert_frame_equal(evaluated(task, n_resamples=50)[2], whole)
    assert sum(held) == 50
    assert max(held) == max(weights_at_once // 1200, 1)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # 95 % intervals of 100 draws from a known distribution: P(positive above negative) = Phi(1 / sqrt(2)) = 0.7602.
    rng = np.random.default_rng(0)
    covered = 0
    for draw in range(100):
        truth = (np.arange(300) % 3 == 0).astype(float)
        score = rng.normal(size=300) + truth
        table = evaluate(truth[:, None], score[:, None], np.arange(300) // 5, ["a"], "m", "test", 200, draw)
        row = row_of(table, "a", "auroc")
        covered += row["ci_low"] <= 0.7602 <= row["ci_high"]
    assert 88 <= covered <= 100  # binomial(100, 0.95) lies within with probability 0.999


def test_intervals_of_correlations_cover_the_truth_about_as_often_as_they_say():
    # Two normal variables of correlation 0.6, whose Spearman's is 6 / pi asin(0.3) = 0.5819.
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for draw in range(100):
        truth = rng.normal(size=300)
        score = 0.6 * truth + 0.8 * rng.normal(size=300)
        table = evaluate(truth[:, None], score[:, None], np.arange(300) // 5, ["a"], "m", "t", 200, draw, "regression")
        for column, (metric, value) in enumerate((("pearson", 0.6), ("spearman", 0.5819))):
            row = row_of(table, "a", metric)
            covered[column] += row["ci_low"] <= value <= row["ci_high"]
    assert (covered >= 87).all()  # percentile intervals of 60 blocks are a little narrow: 93 % or so


# --- files ------------------------------------------------------------------------------------------------------------


def a_split(task):
    truth, scores, blocks = made(task, n=60, n_blocks=20)
    split = {
        "chrom": np.where(blocks < 10, "chr1", np.char.add("cluster_", blocks.astype(str))),
        "start": np.where(blocks < 10, 1_000 * blocks, 0) - 20,
        "end": np.where(blocks < 10, 1_000 * blocks, 0) + 120,
        "name": np.array([f"row_{number}" for number in range(60)]),
        "targets": truth.astype(np.float32),
        "attributes": {"task": task, "split": "test", "target_names": ["Su(Hw)", "NA"], "max_jitter": 20},
    }
    return split, scores.astype(np.float32)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_task_of_the_split_decides_and_coordinates_lose_their_jitter(task, tmp_path):
    split, scores = a_split(task)
    table = write_evaluation(split, scores, "net", 50, 1_000, 1, tmp_path / "p.tsv", tmp_path / "m.tsv")
    written = pd.read_csv(tmp_path / "m.tsv", sep="\t", keep_default_na=False)
    assert list(written.columns) == COLUMNS
    assert set(written["metric"]) == set(table["metric"])
    assert ("pearson" in set(written["metric"])) == (task == "regression")
    assert row_of(table, "all", "bootstrap_blocks")["value"] == 20
    assert (set(written["n_positive"]) == {""}) == (task == "regression")
    predicted = pd.read_csv(tmp_path / "p.tsv", sep="\t", keep_default_na=False, na_values={"NA": [""], "Su(Hw)": [""]})
    assert list(predicted.columns) == [
        "chrom",
        "start",
        "end",
        "name",
        "Su(Hw)",
        "Su(Hw)_predicted",
        "NA",
        "NA_predicted",
    ]
    assert predicted["start"].tolist() == (split["start"] + 20).tolist()
    assert set(predicted["end"] - predicted["start"]) == {100}
    np.testing.assert_allclose(predicted["NA_predicted"], scores[:, 1], rtol=1e-5)
    np.testing.assert_allclose(predicted["Su(Hw)"], split["targets"][:, 0], rtol=1e-5)


def test_predictions_that_are_no_numbers_are_told(tmp_path, capsys):
    split, scores = a_split("regression")
    scores[:7, 0] = np.nan
    split["targets"][:5, 0] = 0.5
    split["targets"][5:7, 0] = np.nan
    write_evaluation(split, scores, "net", 50, 1_000, 1, tmp_path / "p.tsv", tmp_path / "m.tsv")
    assert "Su(Hw): 5 of 60 predictions are no finite numbers" in capsys.readouterr().out
    written = pd.read_csv(tmp_path / "m.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert set(written[(written["target"] == "Su(Hw)") & (written["metric"] != "variance")]["value"]) == {""}
