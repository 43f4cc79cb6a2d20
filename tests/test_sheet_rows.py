"""Rows of the sheet with the paths of their files, as Snakemake hands them to a script."""

import copy

import pytest
from snakemake.iocontainers import InputFiles

from cisflow.sheet_rows import with_files

FILES = {"signal": ["cache/a.bw", "cache/b c.bw"], "negatives": ["cache/own.bed"]}
ROWS = [
    {"target": "x", "signal": 1, "negatives": None, "signal_accepted": ["12"]},
    {"target": "y", "signal": None, "negatives": 0, "signal_accepted": []},
    {"target": "z", "signal": 1, "negatives": 0, "signal_accepted": []},
    {"target": "0", "signal": 0, "negatives": None, "signal_accepted": []},
]


def inputs_of(files):
    """Inputs as the object `snakemake` of a script has them; they are no dictionary."""
    return InputFiles(
        fromdict={name: value if isinstance(value, str) else list(value) for name, value in files.items()}
    )


@pytest.mark.parametrize("inputs", [FILES, inputs_of(FILES)], ids=["dictionary", "Snakemake"])
def test_positions_become_paths_and_none_an_empty_text(inputs):
    before = copy.deepcopy(ROWS)
    filled = with_files(ROWS, inputs)
    assert [(row["target"], row["signal"], row["negatives"]) for row in filled] == [
        ("x", "cache/b c.bw", ""),
        ("y", "", "cache/own.bed"),
        ("z", "cache/b c.bw", "cache/own.bed"),
        ("0", "cache/a.bw", ""),  # the first file has position 0, which is not none
    ]
    assert [row["signal_accepted"] for row in filled] == [["12"], [], [], []]
    assert before == ROWS  # copies


def test_inputs_that_rows_do_not_name_and_columns_without_inputs_are_left_alone():
    inputs = inputs_of({**FILES, "fasta": "genome.fa", "windows": "windows.tsv"})
    (filled,) = with_files([{"target": "x", "signal": 0, "value": "score"}], inputs)
    assert filled == {"target": "x", "signal": "cache/a.bw", "value": "score"}


def test_no_rows_and_no_files():
    assert with_files([], inputs_of(FILES)) == []
    (filled,) = with_files([{"target": "x", "signal": None}], inputs_of({"signal": []}))
    assert filled == {"target": "x", "signal": ""}
