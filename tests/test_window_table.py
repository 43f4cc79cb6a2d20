"""Tables of windows and of peaks: what is read is what was written, whatever the names look like."""

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisflow.window_table import (
    COLUMNS,
    PEAK_COLUMNS,
    read_peak_table,
    read_windows,
    widened,
    write_peak_table,
    write_table,
)

# Names that pandas would take for missing values, numbers or truth, if it were left to guess.
NAMES = st.sampled_from(["NA", "1", "NaN", "null", "None", "1.0", "01", "True", "nan", "chr1", "Su(Hw)", "é", "x y"])
IN_ONE_FOLDER = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_widened_by_a_margin_and_back():
    frame = pd.DataFrame({"chrom": ["a"], "start": [10], "end": [20], "name": ["x"]})
    assert widened(frame, 5)[["start", "end"]].to_numpy().tolist() == [[5, 25]]
    assert widened(widened(frame, 5), -5).equals(frame)
    assert frame["start"].tolist() == [10]


@pytest.mark.parametrize("first", ["chrom", "#chrom"])
def test_tables_of_windows_keep_names_as_text_and_labels_as_numbers(first, tmp_path):
    # pandas would turn NA and null into missing values, 1 into a number, and give 0/1 columns the type int.
    path = tmp_path / "windows.tsv"
    path.write_text(
        f"{first}\tstart\tend\tname\tscore\tstrand\tSu(Hw)\t1\tNA\tNaN\n"
        "NA\t1\t5\tnull\t0\t.\t1\tNaN\t0\tNaN\n"
        "1\t2\t6\tNone\t0\t.\t0\t1\t1\tNaN\n"
        "01\t3\t7\t7\t0\t.\t0\t1\t1\tNaN\n"
    )
    table = read_windows(path)
    assert list(table.columns) == ["chrom", "start", "end", "name", "score", "strand", "Su(Hw)", "1", "NA", "NaN"]
    assert table["chrom"].tolist() == ["NA", "1", "01"]
    assert table["name"].tolist() == ["null", "None", "7"]
    assert table["start"].dtype == np.int64
    targets = ["Su(Hw)", "1", "NA", "NaN"]
    assert all(table[target].dtype == np.float64 for target in targets)
    np.testing.assert_array_equal(table[targets], [[1, np.nan, 0, np.nan], [0, 1, 1, np.nan], [0, 1, 1, np.nan]])


@IN_ONE_FOLDER
@given(data=st.data(), rows=st.integers(0, 6), with_sequences=st.booleans())
def test_windows_that_are_written_are_read(data, rows, with_sequences, tmp_path):
    targets = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    columns = {
        "chrom": st.one_of(NAMES, st.sampled_from(["chrUn_1", "#1"])),
        "start": st.integers(0, 2**40),
        "end": st.integers(0, 2**40),
        "name": NAMES,
        **dict.fromkeys(targets, st.one_of(st.just(np.nan), st.integers(-(10**8), 10**8).map(lambda n: n / 1000))),
    }
    if with_sequences:
        columns |= {"split": st.sampled_from(["train", "val", "NA"]), "cluster": NAMES, "sequence": NAMES}
    drawn = {name: data.draw(st.lists(values, min_size=rows, max_size=rows)) for name, values in columns.items()}
    numbers = {"start": "int64", "end": "int64", **dict.fromkeys(targets, "float64")}
    table = pd.DataFrame({name: pd.Series(values, dtype=numbers.get(name, object)) for name, values in drawn.items()})
    write_table(table, tmp_path / "windows.tsv")
    found = read_windows(tmp_path / "windows.tsv")
    assert list(found.columns) == list(table.columns)
    for name in table.columns:
        if name in targets:
            np.testing.assert_array_equal(found[name], table[name])
        else:
            assert found[name].tolist() == table[name].tolist()
    assert [str(found[name].dtype) for name in numbers] == list(numbers.values())
    lines = (tmp_path / "windows.tsv").read_text().splitlines()
    assert {line.count("\t") for line in lines} == {len(columns) - 1}
    assert not any(line.endswith("\t") or "\t\t" in line for line in lines)


@IN_ONE_FOLDER
@given(
    rows=st.lists(
        st.tuples(
            NAMES,
            st.integers(0, 2**40),
            st.integers(0, 2**40),
            NAMES,
            st.integers(0, 2**40),
            st.sampled_from(["kept", "edge", "n", "weak", "not_in_top"]),
            st.integers(-(10**9), 10**9).map(lambda number: number / 8),
        ),
        max_size=8,
    )
)
def test_peaks_that_are_written_are_read(rows, tmp_path):
    path = tmp_path / "peaks.bed"
    table = pd.DataFrame(rows, columns=PEAK_COLUMNS).assign(value=0.5, line=3)
    write_peak_table(table, path)
    found = read_peak_table(path)
    assert list(found.columns) == PEAK_COLUMNS
    assert list(found.itertuples(index=False, name=None)) == rows
    assert [str(found[name].dtype) for name in ("start", "end", "anchor")] == ["int64"] * 3
    write_peak_table(table.drop(columns="strength"), path)  # the sheet names no column for it
    assert read_peak_table(path)["strength"].isna().all()


def test_what_is_no_target_is_known_by_name(repository):
    # A target of such a name would be taken for the column itself.
    schema = yaml.safe_load((repository / "config" / "schemas" / "datasets.schema.yaml").read_text())
    assert set(COLUMNS) <= set(schema["properties"]["target"]["not"]["enum"])
