"""Filters that learned nothing are told to be no better than their nulls; those that did are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportion_confint

from cisflow.match_calibration import (
    COLUMNS,
    SWEEP,
    against_network,
    against_shuffles,
    calibrate,
    sentences,
    shuffled_columns,
)
from cisflow.meme import Motif, information_content, read_meme
from cisflow.motif_matching import match_motifs

N_FILTERS, WIDTH = 300, 8


@pytest.fixture(scope="module")
def database(repository):
    return list(read_meme(repository / "resources" / "jaspar" / "JASPAR2026_CORE_insects_nonredundant.meme").values())


def noise_filters(n, seed):
    """PWMs of random filters over random sequences: the bases at their sites above half the maximum, trimmed."""
    rng = np.random.default_rng(seed)
    one_hot = np.eye(4)[rng.choice(4, size=(40_000, WIDTH), p=[0.3, 0.2, 0.2, 0.3])]
    pwms = []
    for weights in rng.normal(size=(n, WIDTH, 4)):
        scores = np.maximum(np.tensordot(one_hot, weights, axes=2), 0)
        sites = one_hot[scores > scores.mean() + 0.5 * (scores.max() - scores.mean())]
        pwm = (sites.sum(axis=0) + 1) / (len(sites) + 4)
        inside = np.flatnonzero(information_content(pwm) >= 0.25)
        if len(inside) >= 4 and information_content(pwm[inside[0] : inside[-1] + 1]).mean() >= 0.5:
            pwms.append(pwm[inside[0] : inside[-1] + 1])
    return pwms


def network(pwms, n_filters, n_dead=0):
    return pd.Series(["ok"] * len(pwms) + ["dead"] * n_dead + ["few_sites"] * (n_filters - n_dead - len(pwms))), pwms


@pytest.fixture(scope="module")
def noise():
    """Three networks that learned nothing."""
    return {
        source: network(noise_filters(N_FILTERS, seed), N_FILTERS)
        for source, seed in (("trained", 1), ("untrained", 2), ("permuted", 3))
    }


def test_the_matches_of_noise_are_false_by_every_null(noise, database):
    """At the loosest criterion, where noise does match: elsewhere nothing matches, and the rate is 1 by definition."""
    table = calibrate(noise, [motif.pwm for motif in database], 0.1, 10, seed=0, threads=1)
    at = table[table["q_value"] == 0.1].set_index("source")
    assert at.loc["trained", "n_matched"] >= 10
    assert (at["false_discovery_rate"] > 0.6).all()
    assert (at["fdr_high"] > 0.9).all()
    assert (at["p"] > 0.05).all()
    assert at.loc["trained", "false_discovery_rate"] == at["false_discovery_rate"].max()
    assert any(line.startswith("as many matches may come about without learning") for line in sentences(table))


def test_the_matches_of_blurred_motifs_are_not(noise, database):
    learned = [0.85 * motif.pwm + 0.0375 for motif in database[::5]]
    networks = noise | {"trained": network(learned + noise["trained"][1][:20], N_FILTERS, n_dead=7)}
    table = calibrate(networks, [motif.pwm for motif in database], 0.01, 10, seed=0, threads=1)
    at = table[table["in_use"] == "yes"].set_index("source")
    assert at.loc["trained", "n_matched"] >= 0.9 * len(learned)
    assert (at["false_discovery_rate"] < 0.3).all()
    assert (at["p"] < 0.1).all()
    assert (at.loc[["untrained", "permuted"], "p"] < 1e-6).all()
    assert not any(line.startswith("as many") for line in sentences(table))


def test_rows_count_what_the_matches_say_and_name_the_null(noise, database):
    networks = noise | {"trained": network(noise["trained"][1][:30], N_FILTERS, n_dead=9)}
    table = calibrate(networks, [motif.pwm for motif in database], 0.03, 4, seed=0, threads=1)
    assert list(table.columns) == COLUMNS
    assert sorted(table["q_value"].unique()) == sorted({*SWEEP, 0.03})
    assert (table.groupby("q_value")["source"].agg(list).map(len) == 4).all()
    assert set(table.loc[table["in_use"] == "yes", "q_value"]) == {0.03}
    for source, (_, pwms) in networks.items():
        queries = [Motif(f"filter_{number}", "", pwm, None) for number, pwm in enumerate(pwms)]
        best = match_motifs(queries, database, 1).drop_duplicates("Query_ID")["q-value"]
        rows = table[table["source"] == source].set_index("q_value")
        assert list(rows["n_matched"]) == [(best < q_value).sum() for q_value in rows.index]
        assert (rows["n_filters"] == N_FILTERS).all()
        assert (rows["n_dead"] == (9 if source == "trained" else 0)).all()
        np.testing.assert_allclose(rows["share"], rows["n_matched"] / N_FILTERS)
    trained = table[table["source"] == "trained"].set_index("q_value")
    assert (trained["n_without_pwm"] == N_FILTERS - 30 - 9).all()
    for q_value, row in trained.iterrows():
        nulls = table[(table["q_value"] == q_value) & (table["source"] != "trained")].set_index("source")
        assert (nulls["null"] == nulls.index).all()
        assert row["false_discovery_rate"] == nulls["false_discovery_rate"].max()
        assert row["p"] == nulls.loc[row["null"], "p"]


def test_the_seed_alone_decides_the_shuffles(noise, database):
    targets = [motif.pwm for motif in database]
    one, same, other = (calibrate(noise, targets, 0.1, 3, seed, 1) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_shuffled_pwms_have_the_same_columns_in_another_order():
    rng = np.random.default_rng(0)
    pwms = [rng.dirichlet(np.ones(4), size=width) for width in (12, 1, 19)]
    for before, after in zip(pwms, shuffled_columns(pwms, rng), strict=True):
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    assert not np.array_equal(pwms[0], shuffled_columns(pwms, rng)[0])


@pytest.mark.parametrize(
    ("observed", "n_filters", "in_null", "n_null"), [(12, 32, 2, 32), (3, 32, 3, 32), (5, 16, 0, 64), (0, 8, 1, 8)]
)
def test_rates_against_a_network_are_those_of_scipy_and_statsmodels(observed, n_filters, in_null, n_null):
    rates = against_network(observed, n_filters, in_null, n_null)
    counts = [[observed, n_filters - observed], [in_null, n_null - in_null]]
    assert rates["p"] == pytest.approx(fisher_exact(counts, alternative="greater").pvalue)
    assert rates["expected"] == pytest.approx(n_filters * in_null / n_null)
    high = n_filters * proportion_confint(in_null, n_null, alpha=0.1, method="beta")[1]
    if observed:
        assert rates["false_discovery_rate"] == pytest.approx(min(1, rates["expected"] / observed))
        assert rates["fdr_high"] == pytest.approx(min(1, high / observed))
    else:
        assert rates["false_discovery_rate"] == rates["fdr_high"] == 1


def test_a_null_that_matches_always_gives_a_rate_of_one():
    assert against_network(8, 8, 8, 8)["fdr_high"] == 1


def test_rates_against_shuffles():
    rates = against_shuffles(6, np.array([0, 3, 1, 0]))
    assert rates == {"expected": 1.0, "false_discovery_rate": pytest.approx(1 / 6), "fdr_high": 0.5, "p": 0.2}
    assert against_shuffles(1, np.array([0, 3, 1, 0]))["p"] == pytest.approx(3 / 5)


def test_a_network_without_a_pwm_matches_nothing(database):
    table = calibrate({"trained": network([], 8, n_dead=8)}, [motif.pwm for motif in database], 0.05, 2, 0, 1)
    assert (table["n_matched"] == 0).all()
    assert (table["false_discovery_rate"] == 1).all()
    assert (table["n_dead"] == 8).all()
