"""Tables as the report reads them, and numbers as it prints them."""

import math

import numpy as np
import pandas as pd
import pytest
from report_inputs import SELECTED_OUTCOMES, SEQUENCE_OUTCOMES, write_table

from cisflow.messages import InputError
from cisflow.report_numbers import fixed, listed, scientific, span
from cisflow.report_tables import (
    read_balance,
    read_distributions,
    read_inputs,
    read_overlaps,
    read_scaling,
    read_splits,
    read_table,
)
from cisflow.split_outputs import write_splits


def test_read_table_keeps_names_and_comments(tmp_path):
    path = write_table(tmp_path / "t.tsv", "target value", [("NA", 1), ('a"#b', ""), ("nan", 3)], ["first", "second"])
    table = read_table(path, ["value"], ["target"])
    assert list(table["target"]) == ["NA", 'a"#b', "nan"]
    assert table["value"].isna().tolist() == [False, True, False]
    assert table.attrs["comments"] == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("target\tother\nx\t1\n", "lacks the columns value"), ("value\ntwo\n", "not numeric")],
)
def test_read_table_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_table(path, ["value"])
    assert str(path) in str(error.value)


def test_read_inputs_follows_the_order_of_the_file(tmp_path):
    rows = [
        ("a", "peaks_read", 10, ""),
        ("a", "dropped_n", 4, "why"),
        ("a", "peaks_kept", 6, ""),
        ("b", "peaks_read", 0, ""),
        ("b", "dropped_n", 0, "why"),
        ("b", "peaks_kept", 0, ""),
    ]
    table = read_inputs(write_table(tmp_path / "w.tsv", "target outcome count criterion", rows))
    assert table["outcomes"] == ["peaks read", "N bases", "peaks kept"]
    assert table["rows"][0]["counts"] == [10, 4, 6]
    assert table["rows"][0]["dropped"] == pytest.approx(0.4)
    assert math.isnan(table["rows"][1]["dropped"])
    assert table["criteria"] == [("N bases", "why")]


def windows_report(path, outcomes):
    rows = [(target, *outcome) for target in ("a", "all") for outcome in outcomes]
    return write_table(path, "target outcome count criterion", rows)


def test_what_the_sheet_left_out_is_no_loss(tmp_path):
    table = read_inputs(windows_report(tmp_path / "w.tsv", SELECTED_OUTCOMES))
    row = table["rows"][0]
    # 1,000 read, 150 + 250 not selected, 540 of 600 kept
    assert (row["read"], row["aside"], row["kept"], row["unaccounted"]) == (1000, 400, 540, 0)
    assert row["dropped"] == pytest.approx(0.1)
    assert row["reasons"] == {"unknown contig": 12, "over an edge": 3, "excluded region": 40, "N bases": 5}
    assert table["outcomes"][1:3] == ["below min_score", "not in top"]
    assert table["unit"] == "peak"


def test_selections_that_drop_nothing_are_no_columns(tmp_path):
    outcomes = [
        (name, 0 if name in ("dropped_below_threshold", "dropped_not_in_top") else count, why)
        for name, count, why in SELECTED_OUTCOMES
    ]
    table = read_inputs(windows_report(tmp_path / "w.tsv", outcomes))
    assert "not in top" not in table["outcomes"]
    assert len(table["rows"][0]["counts"]) == len(table["outcomes"])
    assert table["rows"][0]["unaccounted"] == 400


def test_sequences_are_read_like_peaks(tmp_path):
    table = read_inputs(windows_report(tmp_path / "w.tsv", SEQUENCE_OUTCOMES), "regression")
    assert table["unit"] == "sequence"
    assert table["rows"][0]["dropped"] == pytest.approx(0.01)
    assert table["outcomes"][-2:] == ["windows with a value", "value unknown"]


def test_an_outcome_without_a_name_is_printed_as_it_is_called(tmp_path):
    outcomes = [("peaks_read", 5, ""), ("dropped_struck_by_lightning", 2, "why"), ("peaks_kept", 3, "")]
    table = read_inputs(windows_report(tmp_path / "w.tsv", outcomes))
    assert table["rows"][0]["reasons"] == {"struck by lightning": 2}


def test_overlaps_are_symmetric_and_in_the_order_of_the_targets(tmp_path):
    rows = [("b", "b", 30), ("b", "a", 7), ("a", "a", 10)]
    path = write_table(tmp_path / "o.tsv", "target_a target_b n_windows", rows)
    assert read_overlaps(path, ["a", "b"]).tolist() == [[10, 7], [7, 30]]
    assert np.isnan(read_overlaps(path, ["a", "c"])[1]).all()


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("chr1,chr2", "chr1, chr2"),
        (",".join(f"c{i}" for i in range(20)), "c0, c1, c2 and 17 more"),
        (",".join(f"c{i}" for i in range(20)) + ",...", "c0, c1, c2 and more"),
    ],
)
def test_many_groups_of_a_split_are_shortened(tmp_path, groups, expected):
    header = "split target n_windows n_positive n_negative n_unknown gc_positive gc_negative chromosomes"
    path = write_table(tmp_path / "s.tsv", header, [("train", "a", 4, 2, 2, 0, 0.5, "", groups)])
    [row] = read_splits(path)
    assert row["chromosomes"] == expected
    assert math.isnan(row["gc_negative"])


@pytest.mark.parametrize("with_negatives", [True, False])
def test_tables_are_read_as_the_data_stage_writes_them(tmp_path, with_negatives):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"chrom": "chr1", "start": np.arange(40), "end": np.arange(40) + 10, "strand": "."})
    rows = rows.assign(name="w", sequence=".", gc=rng.random(40), unknown=0.0, activity=rng.random(40), kind="positive")
    if with_negatives:
        rows.loc[20:, "kind"] = "flanking"
    splits = dict.fromkeys(("train", "val", "test"), rows)
    names = ("train", "val", "test", "groups", "report", "negatives", "distributions", "balance", "scaling")
    outputs = {name: str(tmp_path / name) for name in names}
    widths = {split: np.array([0, 1, 250, 300]) for split in splits}
    groups = {split: ["chr1"] for split in splits}
    write_splits(outputs, splits, rows[:0], groups, ["activity"], "regression", ["z_score"], [], widths)

    table = read_distributions(outputs["distributions"])
    assert set(table["quantity"]) == {"gc", "n", "peak_width"}
    assert set(table["class"]) == ({"positive", "flanking"} if with_negatives else {"positive"})
    of_gc = table[(table["split"] == "val") & (table["quantity"] == "gc")]
    assert of_gc["count"].sum() == 40
    balance = read_balance(outputs["balance"])
    assert len(balance) == (6 if with_negatives else 0)  # GC and N of three splits
    [scaling] = read_scaling(outputs["scaling"])
    assert scaling["mean"] == pytest.approx(rows["activity"].mean())
    assert {row["split"] for row in read_splits(outputs["report"])} == set(splits)


def test_numbers_as_text():
    assert [fixed(x, 2) for x in (0.125, 1234.5, math.nan, math.inf)] == ["0.12", "1,234.50", "–", "–"]
    assert [scientific(x) for x in (3.14e-7, 0.0123, 1.0, math.nan)] == ["3.1e-07", "0.0123", "1", "–"]
    assert (span(0.1, 0.25), span(0.1, math.nan)) == ("0.100–0.250", "–")
    assert listed("abcdef", 4) == "a; b; c; d; and 2 more"
    assert listed("abc", 4) == "a; b; c"
