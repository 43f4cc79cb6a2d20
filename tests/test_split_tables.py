"""Tables of the splits: counts that add up, histograms of numpy, and the statistic of scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from cisflow.split_tables import (
    FRACTION_BINS,
    MOST_GROUPS,
    WIDTH_BINS,
    balance_rows,
    by_class,
    distribution_rows,
    ks_statistic,
    split_report_rows,
    with_composition,
)

# Few different values, so that many are equal.
SAMPLES = st.lists(st.one_of(st.integers(0, 5).map(float), st.floats(-3, 3)), min_size=1, max_size=40)


# --- two distributions ------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the p-value, which is not looked at
@settings(max_examples=200, deadline=None, database=None)
@given(first=SAMPLES, second=SAMPLES)
def test_the_distance_of_two_distributions_is_that_of_scipy(first, second):
    expected = ks_2samp(first, second, method="asymp").statistic
    assert ks_statistic(first, second) == pytest.approx(expected, abs=1e-12)
    assert ks_statistic(np.array(second)[::-1], first) == pytest.approx(expected, abs=1e-12)
    assert ks_statistic(first, first) == 0


def test_the_distance_to_nothing_is_unknown():
    assert np.isnan(ks_statistic([], [1.0]))
    assert np.isnan(ks_statistic([1.0], np.array([])))
    assert ks_statistic([1, 2], [3, 4]) == 1


def test_classes_come_with_the_positives_first_even_if_there_are_none():
    values, classes = np.arange(5), np.array(["b", "a", "positive", "b", "a"], dtype=object)
    found = by_class(values, classes)
    assert {name: part.tolist() for name, part in found.items()} == {"positive": [2], "b": [0, 3], "a": [1, 4]}
    assert list(found) == ["positive", "b", "a"]
    found = by_class(values[:1], classes[:1])
    assert {name: part.tolist() for name, part in found.items()} == {"positive": [], "b": [0]}


def test_each_kind_of_negatives_is_held_against_the_positives():
    rng = np.random.default_rng(1)
    values = {"positive": rng.normal(size=30), "flanking": rng.normal(1, size=20), "bed": np.array([])}
    rows = pd.DataFrame(balance_rows("val", "gc", values))
    assert list(rows.columns) == ["split", "quantity", "class", "n", "n_positive", "mean", "mean_positive", "ks"]
    assert rows["class"].tolist() == ["flanking", "bed"]
    assert rows["n"].tolist() == [20, 0]
    assert rows["n_positive"].tolist() == [30, 30]
    np.testing.assert_allclose(rows["mean"], [values["flanking"].mean(), np.nan])
    np.testing.assert_allclose(rows["mean_positive"], values["positive"].mean())
    np.testing.assert_allclose(rows["ks"], [ks_2samp(values["positive"], values["flanking"]).statistic, np.nan])
    assert balance_rows("val", "gc", {"positive": np.array([1.0])}) == []
    alone = balance_rows("val", "gc", {"positive": np.array([]), "bed": np.array([1.0])})[0]
    assert np.isnan([alone["ks"], alone["mean_positive"]]).all()


# --- histograms -------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, database=None)
@given(values=st.lists(st.integers(0, 200).map(lambda n: n / 200), max_size=50))
def test_every_fraction_is_in_one_bin_of_two_percent(values):
    rows = distribution_rows("train", "gc", {"positive": np.array(values)}, FRACTION_BINS)
    assert sum(row["count"] for row in rows) == len(values)
    for row in rows:
        assert row["count"] > 0
        assert row["bin_end"] - row["bin_start"] == pytest.approx(0.02)
        last = row["bin_end"] == 1
        inside = [row["bin_start"] <= value < row["bin_end"] or (last and value == 1) for value in values]
        assert sum(inside) == row["count"]


@settings(max_examples=100, deadline=None, database=None)
@given(widths=st.lists(st.integers(1, 16_000_000), max_size=30))
def test_every_width_of_a_peak_is_in_one_bin_of_half_an_octave(widths):
    rows = distribution_rows("test", "peak_width", {"positive": np.array(widths)}, WIDTH_BINS)
    assert sum(row["count"] for row in rows) == len(widths)
    for row in rows:
        assert row["bin_end"] / row["bin_start"] == pytest.approx(np.sqrt(2))
        assert sum(row["bin_start"] <= width < row["bin_end"] for width in widths) == row["count"]


def test_histograms_keep_the_classes_apart():
    rows = distribution_rows("val", "n", {"b": np.array([0.0, 0.01, 1.0]), "a": np.array([])}, FRACTION_BINS)
    assert [(row["split"], row["quantity"], row["class"], row["count"]) for row in rows] == [
        ("val", "n", "b", 2),
        ("val", "n", "b", 1),
    ]
    assert [(row["bin_start"], row["bin_end"]) for row in rows] == [(0, 0.02), (0.98, 1)]


# --- composition and report -------------------------------------------------------------------------------------------


def test_composition_is_that_of_plain_strings():
    texts = ["ACGTN", "NNNNN", "GGCCC", "AATTR"]
    rows = pd.DataFrame({"name": list("abcd")}, index=[7, 3, 5, 1])
    found = with_composition(rows, np.array([list(text.encode()) for text in texts], dtype=np.uint8))
    assert found["gc"].tolist() == [0.4, 0, 1, 0]
    assert found["unknown"].tolist() == [0.2, 1, 0, 0.2]
    assert found["name"].tolist() == list("abcd")
    assert "gc" not in rows
    assert len(with_composition(rows.iloc[:0], np.empty((0, 0), dtype=np.uint8))) == 0


VALUES = st.sampled_from([0.0, 1.0, np.nan])


@settings(max_examples=100, deadline=None, database=None)
@given(
    rows=st.lists(st.tuples(VALUES, VALUES, st.floats(0, 1)), max_size=12),
    task=st.sampled_from(["binary", "regression"]),
)
def test_the_report_counts_each_target_and_all(rows, task):
    table = pd.DataFrame(rows, columns=["b", "a", "gc"]).astype(float)
    report = split_report_rows("val", table, ["b", "a"], task, ["chr1", "NA"])
    assert [row["target"] for row in report] == ["b", "a", "all"]
    for number, row in enumerate(report):
        gc = {"positive": [], "negative": [], "unknown": []}
        for *values, fraction in rows:
            own = values if row["target"] == "all" else [values[number]]
            known = [value for value in own if not np.isnan(value)]
            positive = known and (task == "regression" or 1 in known)
            gc["positive" if positive else "negative" if known else "unknown"].append(fraction)
        assert (row["split"], row["n_windows"], row["chromosomes"]) == ("val", len(rows), "chr1,NA")
        for label in gc:
            assert row[f"n_{label}"] == len(gc[label])
        for label in ("positive", "negative"):
            expected = np.mean(gc[label]) if gc[label] else np.nan
            np.testing.assert_allclose(row[f"gc_{label}"], expected, rtol=1e-12)
        assert row["n_positive"] + row["n_negative"] + row["n_unknown"] == row["n_windows"]


def test_groups_are_named_unless_they_are_very_many():
    table = pd.DataFrame({"x": [1.0], "gc": [0.5]})
    for number in (0, 1, MOST_GROUPS, MOST_GROUPS + 1, 9_000):
        names = [f"cluster_{n}" for n in range(number)]
        shown = {row["chromosomes"] for row in split_report_rows("val", table, ["x"], "binary", names)}
        assert shown == {",".join(names) if number <= MOST_GROUPS else f"{number} groups"}
