"""Parts of training rows that lie within one another and keep every target, and the table of the curve."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import made_split

import join_learning_curve
from cisflow.learning_curve import COLUMNS, joined_curve, part_of_curve, training_rows

METRICS = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]
targets_drawn = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=width, max_size=width), min_size=2, max_size=60
    )
).map(np.array)  # fmt: skip


def labels(n_rows, share, seed=0):
    return (np.random.default_rng(seed).random((n_rows, len(share))) < share).astype(float)


@given(targets_drawn, st.lists(st.floats(0.01, 100), min_size=2, max_size=4), st.integers(0, 5))
def test_smaller_parts_lie_within_larger_ones(targets, percents, seed):
    parts = [set(training_rows(targets, percent, seed)) for percent in sorted(percents)]
    assert all(small <= large for small, large in itertools.pairwise(parts))
    assert set(training_rows(targets, 100, seed)) == set(range(len(targets)))


@given(targets_drawn, st.floats(0.01, 100), st.integers(0, 5))
def test_no_target_loses_its_positives_or_its_negatives(targets, percent, seed):
    rows = training_rows(targets, percent, seed)
    for target in range(targets.shape[1]):
        for label in (0, 1):
            assert (targets[rows, target] == label).any() == (targets[:, target] == label).any()


@given(st.integers(2, 400), st.floats(0.05, 0.95), st.floats(0.1, 100), st.integers(0, 5))
def test_labels_of_one_target_keep_their_proportion(n_rows, share, percent, seed):
    targets = labels(n_rows, [share], seed)
    chosen = targets[training_rows(targets, percent, seed)]
    for label in (0, 1):
        count = (targets == label).sum()
        assert (chosen == label).sum() == np.ceil(count * percent / 100)


def test_a_rare_target_among_many_stays_in_the_smallest_part():
    """A part of 1 % had lost all its positives, and the whole curve failed."""
    targets = labels(3000, [0.5, 0.4, 0.002])
    rows = training_rows(targets, 1, 1)
    assert targets[rows, 2].sum() >= 1
    assert 30 <= len(rows) <= 30 + 2 + 2 * 3  # rounded up twice, and at most two rows a target


def test_parts_of_many_targets_hold_the_percentage_of_rows():
    targets = labels(20_000, np.linspace(0.01, 0.1, 20))
    for percent in (1, 3, 10, 30):
        assert len(training_rows(targets, percent, 1)) == pytest.approx(200 * percent, rel=0.05)


def test_quantities_are_stratified_by_the_median():
    rng = np.random.default_rng(1)
    targets = rng.lognormal(size=(1000, 1))
    targets[::7] = np.nan
    rows = training_rows(targets, 10, 1)
    above = np.nanmedian(targets) < targets[:, 0]
    assert above[rows].sum() == np.ceil(above.sum() / 10)
    assert len(rows) == pytest.approx(100, abs=2)
    unknown = np.column_stack([targets, np.full(1000, np.nan)])  # a target that nothing is known of
    np.testing.assert_array_equal(training_rows(unknown, 10, 1), rows)


def test_rows_are_increasing_and_another_seed_gives_others():
    targets = labels(500, [0.5])
    rows = training_rows(targets, 20, 1)
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, training_rows(targets, 20, 1))
    assert set(rows) != set(training_rows(targets, 20, 2))
    # neighbours in a split are alike: a part is not its beginning
    assert rows.max() > 400


# --- the table --------------------------------------------------------------------------------------------------------


def metrics(model="m", value=0.8):
    rows = [
        (model, "test", "factor", "auroc", value, value - 0.1, value + 0.1, 90, 45),
        (model, "test", "all", "bootstrap_blocks", 12, np.nan, np.nan, 90, 45),
    ]
    return pd.DataFrame(rows, columns=METRICS)


def test_a_part_says_which_it_is():
    part = part_of_curve(metrics(), 3, 12.5, 40)
    assert list(part.columns) == COLUMNS
    assert part.to_numpy().tolist() == [["m", 3, 12.5, 40, "factor", "auroc", 0.8, 0.7000000000000001, 0.9, 90, 45]]


def test_parts_are_joined_by_model_percentage_and_seed():
    wanted = [("b", 2, 10), ("a", 1, 100), ("b", 1, 10), ("b", 1, 3), ("a", 1, 10)]
    parts = [part_of_curve(metrics(model), seed, percent, 5) for model, seed, percent in wanted]
    found = joined_curve(parts)[["model", "seed", "percent"]]
    assert list(found.itertuples(index=False, name=None)) == [
        ("b", 1, 3), ("b", 1, 10), ("b", 2, 10), ("a", 1, 10), ("a", 1, 100),
    ]  # fmt: skip


def test_the_script_joins_what_the_rules_wrote(tmp_path):
    train = made_split(tmp_path / "train.h5", 60)
    part_of_curve(metrics("NA", 0.6).assign(target="NA"), 1, 50, 30).to_csv(tmp_path / "50.tsv", sep="\t", index=False)
    metrics("NA", 0.9).assign(target="NA").to_csv(tmp_path / "metrics.tsv", sep="\t", index=False)
    join_learning_curve.main(
        [str(tmp_path / "50.tsv")], [str(tmp_path / "metrics.tsv")], [1], train, str(tmp_path / "curve.tsv")
    )
    table = pd.read_csv(tmp_path / "curve.tsv", sep="\t", keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert set(table["model"]) == set(table["target"]) == {"NA"}  # a target may be called so
    assert list(zip(table["percent"], table["rows"], table["value"], strict=True)) == [(50, 30, 0.6), (100, 60, 0.9)]
