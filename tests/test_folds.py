"""Splits by named chromosomes and balanced folds: every group in one split, and none much larger than another."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.folds import SPLITS, balanced_groups, check_fold_names, check_positives, groups_of_splits
from cisflow.messages import InputError

SIZES = {"chr2": 5, "chr10": 5, "chr1": 5, "NA": 5, "1": 5}


def windows_on(chroms, **targets):
    frame = pd.DataFrame({"chrom": chroms, "start": np.arange(len(chroms)), "end": np.arange(len(chroms)) + 5})
    return frame.assign(**targets) if targets else frame.assign(x=1.0)


# --- named folds ------------------------------------------------------------------------------------------------------


def test_what_is_not_named_is_for_training_in_the_order_of_the_genome():
    found = groups_of_splits({"val": ["1"], "test": ["NA", "chr2"]}, {}, SIZES)
    assert found == {"train": ["chr10", "chr1"], "val": ["1"], "test": ["chr2", "NA"]}
    assert tuple(found) == SPLITS


def test_chr1_does_not_take_chr10_along():
    found = groups_of_splits({"val": ["chr1"], "test": ["1"]}, {}, SIZES)
    assert found["val"] == ["chr1"]
    assert "chr10" in found["train"]


def test_named_training_chromosomes_leave_the_others_out():
    found = groups_of_splits({"train": ["chr1"], "val": ["1"], "test": ["NA"]}, {}, SIZES)
    assert found == {"train": ["chr1"], "val": ["1"], "test": ["NA"]}


def test_every_chromosome_that_the_genome_lacks_is_named():
    with pytest.raises(InputError, match="not there: chr3, X") as caught:
        groups_of_splits({"val": ["chr3"], "test": ["X", "chr1"]}, {}, SIZES)
    assert "chr2, chr10, chr1, NA, 1" in caught.value.why
    with pytest.raises(InputError, match=r"not there: chr3\n"):
        groups_of_splits({"train": ["chr3"], "val": ["1"], "test": ["NA"]}, {}, SIZES)


def test_of_many_names_the_first_thirty_are_shown():
    sizes = {f"scaffold_{number}": 1 for number in range(5_000)}
    with pytest.raises(InputError, match="chr3") as caught:
        check_fold_names(["chr3"], sizes)
    assert len(caught.value.why) < 600
    assert caught.value.why.endswith("scaffold_29, ...")
    check_fold_names(["scaffold_4999"], sizes)


@settings(max_examples=100, deadline=None, database=None)
@given(names=st.permutations(list(SIZES)), cuts=st.tuples(st.integers(1, 2), st.integers(3, 4)), train=st.booleans())
def test_named_splits_are_disjoint_and_hold_what_was_named(names, cuts, train):
    fold = {"val": names[: cuts[0]], "test": names[cuts[0] : cuts[1]]}
    if train:
        fold["train"] = names[cuts[1] :]
    found = groups_of_splits(fold, {}, SIZES)
    assert sorted(itertools.chain(*found.values())) == sorted(SIZES)  # every group in exactly one split
    for split in ("val", "test"):
        assert set(found[split]) == set(fold[split])
        assert found[split] == [name for name in SIZES if name in found[split]]


# --- balanced folds ---------------------------------------------------------------------------------------------------


@st.composite
def groups(draw, most=30):
    """Groups with their numbers of windows (some have none, and are not counted) and their sizes; and k."""
    counts = draw(st.lists(st.one_of(st.just(0), st.integers(1, 500)), min_size=3, max_size=most))
    sizes = {f"g{number}": draw(st.integers(1, 1000)) for number in range(len(counts))}
    with_windows = sum(count > 0 for count in counts)
    named = {f"g{number}": count for number, count in enumerate(counts) if count}
    return named, sizes, draw(st.integers(3, max(with_windows, 3)))


def load_of(part, counts):
    return sum(counts.get(name, 0) for name in part)


@settings(max_examples=200, deadline=None, database=None)
@given(case=groups())
def test_k_parts_hold_every_group_once_and_windows_each(case):
    counts, sizes, k = case
    if len(counts) < k:
        with pytest.raises(InputError, match=rf"folds.k is {k}, but only {len(counts)} group"):
            balanced_groups(counts, sizes, k)
        return
    parts = balanced_groups(counts, sizes, k)
    assert len(parts) == k
    assert sorted(itertools.chain(*parts)) == sorted(sizes)
    order = list(sizes)
    for part in parts:
        assert part == sorted(part, key=order.index)
        assert load_of(part, counts) > 0
    # A part took its last group when it was the emptiest: without it, no part is above another.
    loads = [load_of(part, counts) for part in parts]
    for part, load in zip(parts, loads, strict=True):
        smallest = min(counts[name] for name in part if name in counts)
        assert load - smallest <= min(loads)


@settings(max_examples=60, deadline=None, database=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=3, max_size=7),
    k=st.integers(3, 4),
)
def test_the_fullest_part_is_within_four_thirds_of_the_best_possible(counts, k):
    counts = {f"g{number}": count for number, count in enumerate(counts)}
    if len(counts) < k:
        return
    best = min(
        max(sum(count for count, at in zip(counts.values(), places, strict=True) if at == part) for part in range(k))
        for places in itertools.product(range(k), repeat=len(counts))
    )
    found = max(load_of(part, counts) for part in balanced_groups(counts, dict.fromkeys(counts, 1), k))
    assert found <= (4 / 3 - 1 / (3 * k)) * best + 1e-9  # Graham 1969


@settings(max_examples=100, deadline=None, database=None)
@given(case=groups(12))
def test_every_group_is_tested_on_once_and_validated_on_once_over_all_folds(case):
    counts, sizes, k = case
    if len(counts) < k:
        return
    folds = [groups_of_splits({"k": k, "number": n, "by": "chromosome"}, counts, sizes) for n in range(1, k + 1)]
    for fold in folds:
        assert tuple(fold) == SPLITS
        assert sorted(itertools.chain(*fold.values())) == sorted(sizes)  # every group in exactly one split
        order = list(sizes)
        assert all(fold[split] == sorted(fold[split], key=order.index) for split in SPLITS)
    for split in ("val", "test"):
        assert sorted(itertools.chain(*(fold[split] for fold in folds))) == sorted(sizes)
    for before, after in zip(folds, folds[1:] + folds[:1], strict=True):
        assert before["val"] == after["test"]


def test_of_groups_without_windows_the_longest_go_to_the_shortest_parts():
    # Negatives may come from them, so the parts should be about as long, too.
    counts = {"a": 9, "b": 9, "c": 9}
    sizes = {"a": 100, "b": 50, "c": 10, "d": 60, "e": 30}
    parts = balanced_groups(counts, sizes, 3)
    assert sorted(parts) == [["a"], ["b", "e"], ["c", "d"]]


@settings(max_examples=100, deadline=None, database=None)
@given(case=groups())
def test_groups_without_windows_make_the_parts_about_as_long(case):
    counts, sizes, k = case
    if len(counts) < k:
        return
    parts = balanced_groups(counts, sizes, k)
    lengths = [sum(sizes[name] for name in part) for part in parts]
    # A part took its last group without windows when it was the shortest.
    for part, length in zip(parts, lengths, strict=True):
        empty = [sizes[name] for name in part if name not in counts]
        if empty:
            assert length - min(empty) <= min(lengths)


@pytest.mark.parametrize("counts", [{"a": 50, "b": 50, "c": 50}, {"a": 90, "b": 50, "c": 10}])
def test_scaffolds_without_windows_do_not_all_go_to_one_part(counts):
    # Once they did: a group without windows left the part with the fewest of them what it was.
    sizes = {"a": 1_000, "b": 1_000, "c": 1_000} | {f"scaffold_{number}": 20 for number in range(30)}
    parts = balanced_groups(counts, sizes, 3)
    assert [len(part) for part in parts] == [11, 11, 11]
    assert balanced_groups(counts | {f"scaffold_{number}": 0 for number in range(30)}, sizes, 3) == parts


def test_too_few_groups_say_what_to_do():
    with pytest.raises(InputError) as caught:
        balanced_groups({"a": 5, "b": 1, "c": 2, "d": 0}, dict.fromkeys("abcdef", 1), 5)
    assert "lower folds.k to 3 or less" in caught.value.fix
    assert "windows on a, b, c" in caught.value.why
    for counts in {"a": 5, "b": 1}, {}:
        with pytest.raises(InputError) as caught:
            balanced_groups(counts, dict.fromkeys("abcdef", 1), 3)
        assert "peaks of more chromosomes" in caught.value.fix  # k is 3 or more


def test_the_order_of_the_counts_does_not_matter():
    rng = np.random.default_rng(3)
    counts = {f"g{number}": int(rng.integers(1, 50)) for number in range(20)}
    sizes = dict.fromkeys(counts, 100)
    shuffled = {name: counts[name] for name in rng.permutation(list(counts))}
    assert balanced_groups(shuffled, sizes, 5) == balanced_groups(counts, sizes, 5)


# --- positives --------------------------------------------------------------------------------------------------------


def splits_of(**tables):
    return {split: tables.get(split, windows_on(["chr2"] * 9)) for split in SPLITS}


def test_every_split_that_lacks_positives_of_a_target_is_told_at_once():
    # A label that is unknown is no positive.
    labels = {"Su(Hw)": [1.0, 0.0, np.nan, 1.0], "b": [1.0, 1.0, 1.0, 0.0]}
    splits = {
        "train": windows_on(["chr2"] * 4, **labels),
        "val": windows_on(["1"] * 4, **labels),
        "test": windows_on(["NA"] * 4, **{"Su(Hw)": 1.0, "b": 0.0}),
    }
    groups = {"train": ["chr2", "chr1"], "val": ["1"], "test": []}
    check_positives({"train": splits["train"]}, ["Su(Hw)", "b"], "binary", 2, groups)
    with pytest.raises(InputError, match=r"^WHAT 3 split\(s\) lack windows labelled 1\n") as caught:
        check_positives(splits, ["Su(Hw)", "b"], "binary", 3, groups)
    assert caught.value.why == (
        "train (chr2, chr1) has 2 of Su(Hw); val (1) has 2 of Su(Hw); test (nothing) has 0 of b; "
        "expected at least 3 of each target in each split"
    )
    assert "splits.min_positives" in caught.value.fix


@settings(max_examples=100, deadline=None, database=None)
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 2.5, np.nan]), min_size=1, max_size=12),
    minimum=st.integers(1, 12),
    task=st.sampled_from(["binary", "regression"]),
)
def test_a_split_needs_as_many_as_is_said(values, minimum, task):
    splits = splits_of(val=windows_on(["chr1"] * len(values), x=values))
    splits = {split: pd.concat([table] * (1 if split == "val" else 2)) for split, table in splits.items()}
    count = sum(value == 1 if task == "binary" else value == value for value in values)
    groups = {split: ["chr1"] for split in SPLITS}
    if count >= minimum:
        check_positives(splits, ["x"], task, minimum, groups)
    else:
        with pytest.raises(InputError, match=f"val \\(chr1\\) has {count} of x; expected at least {minimum}") as caught:
            check_positives(splits, ["x"], task, minimum, groups)
        assert ("rows with a value" in caught.value.what) == (task == "regression")


def test_a_split_of_many_clusters_is_told_by_their_number():
    groups = {split: [f"cluster_{number}" for number in range(4_000)] for split in SPLITS}
    with pytest.raises(InputError) as caught:
        check_positives(splits_of(test=windows_on(["a"])), ["x"], "binary", 5, groups)
    assert "test (cluster_0, cluster_1" in caught.value.why
    assert "... (4000 in all)) has 1 of x" in caught.value.why
    assert len(caught.value.why) < 400
