"""Tables as the report reads them, and numbers as it prints them."""

import math

import pytest
from report_inputs import write_table

from cisflow.messages import InputError
from cisflow.report_numbers import fixed, listed, scientific, span
from cisflow.report_tables import read_inputs, read_table


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


def test_numbers_as_text():
    assert [fixed(x, 2) for x in (0.125, 1234.5, math.nan, math.inf)] == ["0.12", "1,234.50", "–", "–"]
    assert [scientific(x) for x in (3.14e-7, 0.0123, 1.0, math.nan)] == ["3.1e-07", "0.0123", "1", "–"]
    assert (span(0.1, 0.25), span(0.1, math.nan)) == ("0.100–0.250", "–")
    assert listed("abcdef", 4) == "a; b; c; d; and 2 more"
    assert listed("abc", 4) == "a; b; c"
