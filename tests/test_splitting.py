"""Steps on the way into the splits: the order of settling, draws that do not hang on one another, and names."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import frame_of, rows_of

from cisflow.leak_audit import LeakAudit
from cisflow.messages import InputError
from cisflow.splitting import ORDER, generators, named_negatives, number_of_negatives, settled_rows

WIDTH = 10
TEXTS = ["ACGGTCATTG", "GGGGGGCCAC", "CACACCGGTA", "TTGTTGCCGC"]


class WatchedAudit(LeakAudit):
    """An audit that notes what is asked of it."""

    def __init__(self, policy):
        super().__init__(policy, 8, 0.5)
        self.calls = []

    def settle(self, split, loci, bases):
        self.calls.append(("settle", split, rows_of(loci)))
        return super().settle(split, loci, bases)

    def leaks_elsewhere(self, split, loci, bases):
        self.calls.append(("leaks_elsewhere", split, rows_of(loci)))
        return super().leaks_elsewhere(split, loci, bases)


def bases_of(texts):
    return np.array([list(text.encode()) for text in texts], dtype=np.uint8).reshape(-1, WIDTH)


def split_of(chrom, texts):
    rows = frame_of([(chrom, 100 * number + 2, 100 * number + 8) for number in range(len(texts))])
    return rows.assign(text=np.array(texts, dtype=object), name=[f"{chrom}_{number}" for number in range(len(texts))])


def stored(rows):
    return rows.assign(start=rows["start"] - 2, end=rows["end"] + 2)


def settled(policy, assigned):
    audit = WatchedAudit(policy)
    return audit, settled_rows(audit, assigned, stored, lambda rows: bases_of(rows["text"]))


# --- settling ---------------------------------------------------------------------------------------------------------


def test_rows_are_settled_from_test_to_train_and_nothing_is_drawn_before():
    assigned = {
        "train": split_of("a", TEXTS),
        "val": split_of("b", [TEXTS[1], TEXTS[2]]),
        "test": split_of("c", [TEXTS[0], TEXTS[1]]),
    }
    audit, kept = settled("drop", assigned)
    # All rows of all splits, as stored, and nothing else is asked of the audit.
    assert audit.calls == [("settle", split, rows_of(stored(assigned[split]))) for split in ("test", "val", "train")]
    # A copy stays where the numbers are reported, and leaves what is trained on.
    names = {split: rows["name"].tolist() for split, (rows, _) in kept.items()}
    assert names == {"test": ["c_0", "c_1"], "val": ["b_1"], "train": ["a_3"]}
    for rows, bases in kept.values():
        assert rows.index.tolist() == list(range(len(rows)))
        np.testing.assert_array_equal(bases, bases_of(rows["text"]))
    # Windows stay as they were, without the bases stored beside them.
    assert rows_of(kept["train"][0]) == [("a", 302, 308)]


def test_copies_that_are_an_error_end_it_before_anything_is_drawn():
    with pytest.raises(InputError, match="rows of one stand in another"):
        settled("error", {split: split_of(split, TEXTS) for split in ORDER})


def test_rows_stay_unless_copies_are_dropped():
    assigned = {split: split_of(split, TEXTS) for split in ORDER}
    _, kept = settled("warn", assigned)
    for split, (rows, bases) in kept.items():
        pd.testing.assert_frame_equal(rows, assigned[split])
        np.testing.assert_array_equal(bases, bases_of(TEXTS))


def test_a_split_may_lose_all_its_rows_or_have_none():
    _, kept = settled("drop", {"train": split_of("a", TEXTS), "val": split_of("b", []), "test": split_of("c", TEXTS)})
    assert {split: len(rows) for split, (rows, _) in kept.items()} == {"test": 4, "val": 0, "train": 0}
    assert {split: bases.shape for split, (_, bases) in kept.items()} == {
        "test": (4, WIDTH),
        "val": (0, WIDTH),
        "train": (0, WIDTH),
    }


def test_what_is_drawn_later_leaves_the_rows_of_a_split_alone():
    # Bases that are given back are those of the rows alone, also once drawn windows stand in the split.
    audit, kept = settled("drop", {split: split_of(split, TEXTS[:1]) for split in ORDER})
    audit.add("test", frame_of([("d", 0, WIDTH)]), bases_of(TEXTS[3:]))
    np.testing.assert_array_equal(kept["test"][1], bases_of(TEXTS[:1]))


# --- draws ------------------------------------------------------------------------------------------------------------


def test_the_draw_of_a_split_does_not_hang_on_that_of_another():
    for drawn in ORDER:
        found, expected = generators(7), generators(7)
        found[drawn].random(12_345)
        for split in set(ORDER) - {drawn}:
            np.testing.assert_array_equal(found[split].random(5), expected[split].random(5))
        assert found[drawn].random() != expected[drawn].random()


def test_every_split_and_every_seed_has_a_draw_of_its_own():
    draws = {(seed, split): tuple(rng.random(3)) for seed in (0, 1, 7) for split, rng in generators(seed).items()}
    assert {split for _, split in draws} == {"train", "val", "test"}
    assert len(set(draws.values())) == len(draws)


# --- numbers ----------------------------------------------------------------------------------------------------------

PER_POSITIVE = st.one_of(st.integers(0, 100), st.floats(0, 100))


@settings(max_examples=200, deadline=None, database=None)
@given(n_positives=st.integers(0, 100_000), elsewhere=PER_POSITIVE, in_training=PER_POSITIVE)
def test_the_number_for_training_is_that_of_training_alone(n_positives, elsewhere, in_training):
    options = {"per_positive": elsewhere, "per_positive_training": in_training}
    found = {split: number_of_negatives(split, n_positives, options) for split in ORDER}
    for split, per_positive in {"train": in_training, "val": elsewhere, "test": elsewhere}.items():
        assert isinstance(found[split], int)
        assert abs(found[split] - per_positive * n_positives) <= 0.5


# --- names ------------------------------------------------------------------------------------------------------------


def test_negatives_are_named_by_kind_split_and_number():
    kinds = ["gc_matched", "flanking", "gc_matched", "bed", "flanking", "gc_matched"]
    drawn = frame_of([("a", 10 * number, 10 * number + 5) for number in range(6)]).assign(kind=kinds, sequence=".")
    drawn = drawn.assign(strand="-")  # of the row that was shuffled, say
    before = drawn.copy(deep=True)
    named = named_negatives(drawn, "val", ["Su(Hw)", "1"], 0.0)
    assert named["name"].tolist() == [
        *("gc_matched_val_1", "flanking_val_1", "gc_matched_val_2"),
        *("bed_val_1", "flanking_val_2", "gc_matched_val_3"),
    ]
    assert (named["strand"] == ".").all()
    assert named[["Su(Hw)", "1"]].to_numpy().tolist() == [[0.0, 0.0]] * 6
    pd.testing.assert_frame_equal(named[["chrom", "start", "end", "kind", "sequence"]], before.drop(columns="strand"))
    pd.testing.assert_frame_equal(drawn, before)


def test_values_that_are_unknown_are_numbers_still():
    drawn = frame_of([("a", 0, 5)]).assign(kind="bed")
    named = named_negatives(drawn, "train", ["x", "y"], np.nan)
    assert named[["x", "y"]].isna().all(axis=None)
    assert {str(kind) for kind in named[["x", "y"]].dtypes} == {"float64"}


def test_no_negatives_are_a_table_with_all_columns():
    named = named_negatives(frame_of([]).assign(kind=np.array([], dtype=object)), "test", ["x"], 0.0)
    assert len(named) == 0
    assert {"chrom", "start", "end", "kind", "name", "strand", "x"} <= set(named.columns)
