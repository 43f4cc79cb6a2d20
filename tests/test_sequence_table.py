"""Tables and FASTA of sequences: what is read is what stands there, every mistake is told, crops keep bases and loci.

Expected values come from brute force over a genome of plain text, from bedtools, and from counts made by hand.
"""

import gzip
import re

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisflow.messages import InputError
from cisflow.sequence_fitting import fit_sequences, linked_rows, sequences_report
from cisflow.sequence_table import read_sequences

PLAIN = {"sequence": "sequence", "name": None, "chrom": None, "start": None, "end": None, "strand": None}
NAMED = {**PLAIN, "name": "name"}
LOCI = {**NAMED, "chrom": "chrom", "start": "start", "end": "end", "strand": "strand", "coordinates": "bed"}
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


@pytest.fixture
def write(tmp_path):
    """Write text or bytes as a file of the test's folder; gives its path."""

    def write_file(content, name="library.tsv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def table_of(sequences, values=None, **columns):
    """What `read_sequences` gives, made by hand."""
    rows = len(sequences)
    frame = pd.DataFrame({"line": np.arange(2, rows + 2), "name": [f"row_{n}" for n in range(1, rows + 1)]})
    frame["sequence"] = pd.Series(list(sequences), dtype=object)
    for name, column in columns.items():
        frame[name] = pd.Series(list(column), dtype=object if name in ("chrom", "strand") else np.int64)
    return frame.assign(activity=np.asarray(values if values is not None else [1.0] * rows, dtype=np.float64))


# --- one file in many spellings ---------------------------------------------------------------------------------------

TABLE = (
    "name\tsequence\tchrom\tstart\tend\tstrand\tDev\tHk\n"
    "a\tACGTN\tchr1\t10\t15\t+\t1.5\t-2e-3\n"
    "b\tacgt\tNA\t0\t4\t-\tNA\t.5\n"
    "c\tRYSWKMBDHVN\t1\t7\t18\t.\t+3.\t\n"
)
FASTA = (
    ">a chrom=chr1 start=10 end=15 strand=+ Dev=1.5 Hk=-2e-3\nACG\nTN\n"
    ">b Hk=.5 a comment strand=- end=4 start=0 chrom=NA\nacgt\n"
    ">c chrom=1 start=7 end=18 Dev=+3. Hk=\nRYSWKMBDHVN\n"
)
SPELLINGS = {
    "as it is": TABLE,
    "no last line end": TABLE.rstrip("\n"),
    "CRLF": TABLE.replace("\n", "\r\n"),
    "CR": TABLE.replace("\n", "\r"),
    "byte order mark": "\ufeff" + TABLE,
    "gzip": gzip.compress(TABLE.encode()),
    "gzip in two members": gzip.compress(TABLE[:70].encode()) + gzip.compress(TABLE[70:].encode()),
    "comments above": "# a library\n#\n## of 3\n" + TABLE,
    "header with #": "#" + TABLE,
    "header with # below a comment": "# name and so on\n# " + TABLE,
    "empty lines": "\n" + TABLE.replace("\n", "\n\n") + "\t\t\t\t\t\t\t\n  \n",
    "blanks around fields": TABLE.replace("\t", " \t  "),
    "unnamed columns": re.sub(r"(?m)^(?!$)", "\t7\t", TABLE).replace("\t7\tname", "\t\tname"),
    "more columns": re.sub(r"(?m)$", '\t5"-end', TABLE.rstrip("\n")).replace('\t5"-end', "\tnote", 1),
    "other order": "\n".join("\t".join(line.split("\t")[::-1]) for line in TABLE.splitlines()),
    "lower case": TABLE.replace("ACGTN", "acgtn").replace("RYSW", "rysw"),
    "FASTA": FASTA,
    "FASTA with CRLF": FASTA.replace("\n", "\r\n"),
    "FASTA with blank lines": "\n" + FASTA.replace("\n", "\n\n"),
    "FASTA with tabs and a blank behind >": FASTA.replace(" ", "\t").replace(">", "> "),
    "FASTA gzip": gzip.compress(FASTA.encode()),
    "FASTA without last line end": FASTA.rstrip("\n"),
}


def check_three_rows(found):
    assert found.columns.tolist() == ["line", "name", "sequence", "chrom", "start", "end", "strand", "Dev", "Hk"]
    assert found["name"].tolist() == ["a", "b", "c"]
    assert found["sequence"].tolist() == ["ACGTN", "ACGT", "RYSWKMBDHVN"]
    assert found["chrom"].tolist() == ["chr1", "NA", "1"]
    assert (found["start"].tolist(), found["end"].tolist()) == ([10, 0, 7], [15, 4, 18])
    assert found["strand"].tolist() == ["+", "-", "."]
    np.testing.assert_array_equal(found["Dev"], [1.5, np.nan, 3.0])
    np.testing.assert_array_equal(found["Hk"], [-0.002, 0.5, np.nan])
    assert [str(found[column].dtype) for column in ("line", "start", "end", "Dev", "Hk")] == [
        *["int64"] * 3,
        *["float64"] * 2,
    ]


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_gives_the_same_rows(spelling, write):
    path = write(SPELLINGS[spelling], "library")  # the content decides, not the name
    check_three_rows(read_sequences(path, LOCI, {"Dev": "Dev", "Hk": "Hk"}, "regression"))


def test_bgzip_is_read_across_its_blocks(write, tmp_path):
    plain = write("sequence\tx\n" + "".join(f"{'ACGT' * 60}\t{number}\n" for number in range(5_000)))
    pysam.tabix_compress(str(plain), str(tmp_path / "library.tsv.gz"))
    found = read_sequences(tmp_path / "library.tsv.gz", PLAIN, {"x": "x"}, "regression")
    assert found["x"].tolist() == list(range(5_000))


def test_one_based_coordinates_become_half_open_ones(write):
    path = write(
        TABLE.replace("\t10\t15\t", "\t11\t15\t").replace("\t0\t4\t", "\t1\t4\t").replace("\t7\t18", "\t8\t18")
    )
    columns = {**LOCI, "coordinates": "one_based"}
    check_three_rows(read_sequences(path, columns, {"Dev": "Dev", "Hk": "Hk"}, "regression"))


def test_lines_are_those_of_the_file_and_rows_without_a_name_are_counted(write):
    found = read_sequences(write("# x\n\nsequence\tx\n\nAC\t1\nGT\t2\n"), PLAIN, {"x": "x"}, "regression")
    assert found["line"].tolist() == [5, 6]
    assert found["name"].tolist() == ["row_1", "row_2"]
    assert found.columns.tolist() == ["line", "name", "sequence", "x"]


def test_targets_take_their_values_from_the_columns_that_they_name(write):
    path = write("seq\tlog2 (Dev)\tx\nAC\t1\t5\n")
    found = read_sequences(
        path, {**PLAIN, "sequence": "seq"}, {"Dev": "log2 (Dev)", "again": "log2 (Dev)"}, "regression"
    )
    assert found[["Dev", "again"]].to_numpy().tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    "word", ["", ".", "NA", "na", "N/A", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL", "None", " NA "]
)
def test_every_word_for_missing_is_unknown(word, write):
    found = read_sequences(write(f"sequence\tx\nAC\t{word}\nGT\t0\n"), PLAIN, {"x": "x"}, "binary")
    np.testing.assert_array_equal(found["x"], [np.nan, 0])


def test_spellings_of_0_and_1_are_labels(write):
    texts = ["0", "1", "1.0", "0.", "+1", "-0", "1e0", "10E-1", "001"]
    content = "sequence\tx\n" + "".join(f"AC\t{text}\n" for text in texts)
    assert read_sequences(write(content), PLAIN, {"x": "x"}, "binary")["x"].tolist() == [0, 1, 1, 0, 1, 0, 1, 1, 1]


def test_splits_have_synonyms(write):
    words = ["train", "Train", "TRAINING", "val", "valid", "Validation", "dev", "test", "Testing"]
    content = "sequence\tx\tset\n" + "".join(f"AC\t1\t{word}\n" for word in words)
    found = read_sequences(write(content), {**PLAIN, "split": "set"}, {"x": "x"}, "regression")
    assert found["split"].tolist() == ["train"] * 3 + ["val"] * 4 + ["test"] * 2


def test_a_designed_control_has_no_locus(write):
    rows = "".join(f"{name}\tACGT\t{locus}\t1\n" for name, locus in {"a": "chr1\t5\t9\t+", "b": "\t\t\t"}.items())
    rows += "c\tACG\tNA\t.\tNaN\t\t0\n"
    found = read_sequences(write("name\tsequence\tchrom\tstart\tend\tstrand\tx\n" + rows), LOCI, {"x": "x"}, "binary")
    locus = ["chrom", "start", "end", "strand"]
    assert found[locus].to_numpy().tolist() == [["chr1", 5, 9, "+"], [".", 0, 4, "."], [".", 0, 3, "."]]
    assert len(linked_rows(found)) == 0


@pytest.mark.parametrize("columns", [PLAIN, {**PLAIN, "chrom": "chrom", "start": "start", "end": "end"}])
def test_a_fasta_without_values_is_a_list_of_positives(columns, write):
    content = ">peak1 chrom=chr2 start=1 end=5 some words\nACGT\n>peak2 chrom=chr2 start=1 end=3\nAC\n"
    if columns is PLAIN:
        content = re.sub(r" \w+=\w+", "", content)
    found = read_sequences(write(content), columns, {"Reb1": "Reb1"}, "binary")
    assert (found["Reb1"].tolist(), found["name"].tolist()) == ([1, 1], ["peak1", "peak2"])


def test_rows_with_the_same_sequence_all_stay(write):
    table = read_sequences(write("sequence\tx\nACGT\t1\nACGT\t2\nacgt\t1\n"), PLAIN, {"x": "x"}, "regression")
    kept, fates = fit_sequences(table, 2, "", "", 0)
    assert kept["sequence"].tolist() == ["CG"] * 3
    assert fates.tolist() == ["kept"] * 3


FIELD = st.floats(width=32, allow_nan=True, allow_infinity=False)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(
    st.lists(st.tuples(st.text("ACGTNRYacgtn", min_size=6), FIELD, FIELD), min_size=1).filter(
        lambda rows: all(any(row[column] == row[column] for row in rows) for column in (1, 2))
    )
)
def test_reading_gives_what_was_written(write, rows):
    bodies = ["\t".join(map(str, (value, sequence, other))) for sequence, value, other in rows]
    found = read_sequences(write("x\tsequence\ty\n" + "\n".join(bodies)), PLAIN, {"y": "y", "x": "x"}, "regression")
    assert found["sequence"].tolist() == [sequence.upper() for sequence, _, _ in rows]
    np.testing.assert_array_equal(found["x"], [value for _, value, _ in rows])
    np.testing.assert_array_equal(found["y"], [other for _, _, other in rows])


# --- mistakes ---------------------------------------------------------------------------------------------------------

HEAD = "name\tsequence\tchrom\tstart\tend\tstrand\tset\tx\n"
GOOD = "a\tACGT\tchr1\t5\t9\t+\ttrain\t1\n"
EVERY = {**LOCI, "split": "set"}
# What stands in line 3 -> what the message says of it, and its cure.
BAD_ROWS = {
    "b\tACGT\tchr1\t5\t9\t+\ttrain": (r"found 7 field\(s\), the header has 8", "a tab too many or too few"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t1\t": (r"found 9 field\(s\), the header has 8", r"row\.names = FALSE"),
    "b": (r"found 1 field\(s\), the header has 8", "mend the rows"),
    "# b\tACGT": (r"'# b\\tACGT' begins with `#`", "keep comments above the header"),
    "b\t\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' is empty", "give every row its sequence"),
    # Two words for missing are made of IUPAC bases.
    "b\tNA\tchr1\t5\t7\t+\ttrain\t1": ("column 'sequence' is 'NA'", "give every row its sequence"),
    "b\tNaN\tchr1\t5\t8\t+\ttrain\t1": ("column 'sequence' is 'NaN'", "give every row its sequence"),
    "b\tAC-T\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' holds '-' in 'AC-T'", "no gaps"),
    "b\tAC T\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' holds ' ' in 'AC T'", "no gaps, blanks"),
    "b\tMELP\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' holds 'E', 'L', 'P'", "amino acids"),
    "b\tACGU\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' holds 'U'", "T in place of U"),
    # upper() would make bases of it.
    "b\tAC\u00dfG\tchr1\t5\t9\t+\ttrain\t1": ("column 'sequence' holds '\u00df'", "bases alone"),
    "a\tACGT\tchr1\t5\t9\t+\ttrain\t1": ("column 'name': 'a' stands in line 2 already", "rename one"),
    "\tACGT\tchr1\t5\t9\t+\ttrain\t1": ("column 'name' is empty", "sequences.name to null"),
    "b\tACGT\tchr1\t9\t9\t+\ttrain\t1": ("column 'end': start 9 is not below end 9", "smaller coordinate first"),
    "b\tACGT\tchr1\t9\t5\t-\ttrain\t1": ("start 9 is not below end 5", "smaller coordinate first"),
    "b\tACGT\tchr1\t5\t8\t+\ttrain\t1": ("chr1:5-8 spans 3 bases, its sequence has 4", "coordinates to one_based"),
    "b\tACGT\tchr1\t5\t15\t+\ttrain\t1": ("chr1:5-15 spans 10 bases, its sequence has 4", "flank_5 and flank_3"),
    "b\tACGT\tchr1\t1,005\t1,009\t+\ttrain\t1": (
        "column 'start'.*start '1,005', end '1,009' are no whole",
        "separators",
    ),
    "b\tACGT\tchr1\t5.0\t9.0\t+\ttrain\t1": ("start '5.0'", "write whole numbers"),
    "b\tACGT\tchr1\t-5\t-1\t+\ttrain\t1": ("start '-5'", "write whole numbers"),
    "b\tACGT\tchr1\t5\t\t+\ttrain\t1": ("start '5', end ''", "leave all three empty"),
    "b\tACGT\t\t5\t9\t+\ttrain\t1": ("column 'chrom'.* no chromosome beside start 5, end 9", "write the chromosome"),
    "b\tACGT\tchr1\t5\t9\t1\ttrain\t1": ("column 'strand': '1' is none of", r"write \+, - and \."),
    "b\tACGT\tchr1\t5\t9\t\u2212\ttrain\t1": ("column 'strand': '\u2212' is none of", r"write \+, - and \."),
    "b\tACGT\tchr1\t5\t9\t+\tholdout\t1": ("column 'set': 'holdout' is none of", "write train, val and test"),
    "b\tACGT\tchr1\t5\t9\t+\t\t1": ("column 'set': '' is none of", "write train, val and test"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t1,5": ("column 'x': '1,5' has a comma", "decimal points"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t-1,5e-3": ("column 'x': '-1,5e-3' has a comma", "decimal points"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\tinf": ("column 'x': 'inf' is infinite", "finite values, or NA"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t-Infinity": ("column 'x': '-Infinity' is infinite", "finite values"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t1e999": ("column 'x': '1e999' is infinite", "finite values"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t-1e39": ("column 'x': '-1e39' is infinite or beyond what 32 bits", "finite"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\thigh": ("column 'x': 'high' is no number", "or NA for unknown"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t1_000": ("column 'x': '1_000' is no number", "numbers such as"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t0x1": ("column 'x': '0x1' is no number", "numbers such as"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t5%": ("column 'x': '5%' is no number", "numbers such as"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t\u0665": ("column 'x': '\u0665' is no number", "numbers such as"),
    "b\tACGT\tchr1\t5\t9\t+\ttrain\t-": ("column 'x': '-' is no number", "NA for unknown"),
    '"b"\tACGT\tchr1\t5\t9\t+\ttrain\t1': ("the field '\"b\"' is quoted", "without quotes"),
    'b\tACGT\tchr1\t5\t9\t+\ttrain\t"1,5"': ("the field '\"1,5\"' is quoted", "without quotes"),
}


@pytest.mark.parametrize("row", list(BAD_ROWS))
def test_a_bad_row_is_told_with_file_line_column_value_and_cure(row, write):
    path = write(HEAD + GOOD + row + "\n" + GOOD.replace("a", "z", 1))
    found, cure = BAD_ROWS[row]
    with pytest.raises(InputError) as caught:
        read_sequences(path, EVERY, {"x": "x"}, "regression")
    assert str(path) in caught.value.what
    assert re.search(f"line 3: .*{found}", caught.value.what)
    assert re.search(cure, caught.value.fix)
    assert caught.value.what.count("line ") - found.count("line ") == 1  # and no other line is blamed
    assert len(str(caught.value)) < 1200


BAD_LABELS = {"2": "'2' is not 0, 1", "0.5": "'0.5' is not 0, 1", "-1": "'-1' is not 0", "TRUE": "'TRUE' is no number"}


@pytest.mark.parametrize("value", list(BAD_LABELS))
def test_a_label_is_0_1_or_missing(value, write):
    path = write(f"sequence\tx\nAC\t1\nAC\t{value}\n")
    with pytest.raises(InputError, match=f"line 3: column 'x': {BAD_LABELS[value]}") as caught:
        read_sequences(path, PLAIN, {"x": "x"}, "binary")
    assert re.search("write 0(, 1 or NA| or 1)", caught.value.fix)


BAD_FILES = {
    "empty": ("", "holds no row", "fetch it again"),
    "nothing but empty lines": ("\n\n \n", "holds no row", "fetch it again"),
    "header alone": ("sequence\tx\n", "holds no row", "fetch it again"),
    "header alone below a comment": ("# comment\nsequence\tx", "holds no row", "fetch it again"),
    "comments alone": ("# sequence x\n# ACGT 1\n", "holds no table", "write the header"),
    "comma-separated": ("name,sequence,x\na,ACGT,1\n", "looks separated by commas", "tab-delimited"),
    "comma-separated and quoted": ('name,"sequence",x\na,"ACGT",1\n', "separated by commas", "tab-delimited"),
    "semicolons": ("name;sequence;x\na;ACGT;1,5\n", "looks separated by semicolons", "tab-delimited"),
    "blanks": ("sequence x\nACGT 1\n", "looks separated by blanks", "tab-delimited"),
    "one column": ("sequence\nACGT\n", "line 1: no column 'x'", "`value`"),
    "quoted": ('"sequence"\t"x"\n"ACGT"\t1\n', "line 1: the columns are quoted", r"quote = FALSE"),
    "other case": ("Sequence\tX\nACGT\t1\n", r"no column 'sequence' \(for sequence\); did you mean 'Sequence'", "name"),
    "near name": ("sequence\tx_log2\nACGT\t1\n", r"found the columns 'sequence', 'x_log2'", "name the columns"),
    "twice": ("sequence\tx\tx\nACGT\t1\t2\n", "line 1: 'x' is the name of several columns", "rename or remove"),
    "no header": ("ACGTACGTACGT\t1\nACGT\t1\n", "no column 'sequence'", "the first line looks like a row"),
    "no value known": ("sequence\tx\nACGT\t\nACGT\tNA\n", r"no known value for x \(column 'x'\)", "another column"),
    "NUL in a row": ("sequence\tx\nACGT\t1\nAC\tnote\0\n", "line 3: a zero byte", "name a text file"),
    "NUL in the header": ("seq\0uence\tx\nACGT\t1\n", "line 1: a zero byte", "name a text file"),
    "FASTA, no base": (">a x=1\nACGT\n>b x=2\n>c x=1\nA\n", "line 3: the sequence is empty", "every row"),
    "FASTA, last record empty": (">a x=1\nACGT\n>b x=2\n", "line 3: the sequence is empty", "every row"),
    "FASTA, protein": (">a x=1\nMELVIS*\n", r"line 1: the sequence holds '\*', 'E', 'I', 'L'", "amino acids"),
    "FASTA, RNA": (">a x=1\nACGU\n", "line 1: the sequence holds 'U'", "T in place of U"),
    "FASTA, no name": (">a x=1\nACGT\n>\nACGT\n", "line 3: header '>' has no name", "write `>name key=value`"),
    "FASTA, name twice": (">a x=1\nACGT\n>a x=2\nACGT\n", "line 3: the name: 'a' stands in line 1", "rename"),
    "FASTA, key twice": (">a x=1 x=2\nACGT\n", "line 1: key 'x' stands twice: '1' and '2'", "each key once"),
    "FASTA, no such key": (">a X=1\nACGT\n", r"no key 'x' \(for x\); did you mean 'X'", "name the keys"),
    "FASTA, values behind bars": (">a|x=1\nACGT\n", "no key 'x'", "name the keys"),
    "FASTA, bad value": (">a x=1\nAC\n>b x=high\nAC\n", "line 3: key 'x': 'high' is no number", "NA for unknown"),
    "FASTA, NUL": (">a x=1\nAC\0\n", "line 2: a zero byte", "name a text file"),
    "FASTA, no value known": (">a x=\nAC\n>b x=NA\nAC\n", r"no known value for x \(key 'x'\)", "remove the target"),
}


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("name", list(BAD_FILES))
def test_a_bad_file_is_told_with_its_cure(name, task, write):
    content, found, cure = BAD_FILES[name]
    path = write(content)
    with pytest.raises(InputError) as caught:
        read_sequences(path, PLAIN, {"x": "x"}, task)
    assert str(path) in caught.value.what
    assert re.search(found, str(caught.value), re.DOTALL)
    assert re.search(cure, caught.value.fix)


@pytest.mark.parametrize(("task", "values"), [("regression", {"x": "x"}), ("binary", {"x": "x", "y": "y"})])
def test_a_fasta_without_values_needs_one_binary_target(task, values, write):
    with pytest.raises(InputError, match="no `key=value` in any header"):
        read_sequences(write(">a\nACGT\n"), PLAIN, values, task)


def test_the_other_way_to_count_coordinates_is_named_in_both_directions(write):
    path = write("sequence\tchrom\tstart\tend\tx\nACGT\tchr1\t5\t9\t1\nACGT\tchr1\t0\t4\t1\n")
    columns = {**PLAIN, "chrom": "chrom", "start": "start", "end": "end", "coordinates": "one_based"}
    with pytest.raises(InputError) as caught:
        read_sequences(path, columns, {"x": "x"}, "regression")
    assert "line 2: column 'chrom', column 'start', column 'end': chr1:5-9 spans 5 bases, its" in caught.value.what
    assert "line 3: column 'chrom', column 'start', column 'end': start 0 on chr1, but one_based" in caught.value.what
    assert caught.value.fix == "set sequences.coordinates to bed"


def test_all_mistakes_of_a_file_are_told_at_once(write):
    rows = [
        f"n{number}\tACGT\tchr1\t5\t{9 + number % 2}\t+\ttrain\t{'1,5' if number % 3 else '1'}" for number in range(40)
    ]
    path = write(HEAD + "\n".join(rows))
    with pytest.raises(InputError) as caught:
        read_sequences(path, EVERY, {"x": "x"}, "regression")
    bad = 20 + sum(number % 3 != 0 for number in range(40))
    assert f"{bad} bad line(s)" in caught.value.what
    assert f"... and {bad - 10} more" in caught.value.what
    told = [int(line) for line in re.findall(r"^line (\d+):", caught.value.what, re.MULTILINE)]
    assert told == sorted(told)
    assert len(told) == 10
    assert "flank_5" in caught.value.fix
    assert "decimal points" in caught.value.fix


def test_all_missing_columns_are_told_at_once(write):
    path = write("seq\tDev_log2\tHk\nACGT\t1\t2\n")
    with pytest.raises(InputError) as caught:
        read_sequences(path, NAMED, {"Dev": "Dev_log3", "Hk": "Hk"}, "regression")
    lines = caught.value.what.splitlines()
    assert [re.search("no column '(.*?)'", line)[1] for line in lines] == ["sequence", "name", "Dev_log3"]
    assert "did you mean 'seq'?" in lines[0]
    assert "did you mean 'Dev_log2'?" in lines[2]
    assert "'seq', 'Dev_log2', 'Hk'" in caught.value.why


@pytest.mark.parametrize("absent", ["chrom", "start", "end"])
def test_a_locus_has_three_columns(absent, write):
    with pytest.raises(InputError, match=f"config.yaml, sequences: {absent} without a column"):
        read_sequences(write(HEAD + GOOD), {**EVERY, absent: None}, {"x": "x"}, "regression")


def test_coordinates_that_no_row_has_are_refused(write):
    path = write("sequence\tchrom\tstart\tend\tx\nACGT\t\t\t\t1\n")
    with pytest.raises(InputError, match="no row has coordinates"):
        read_sequences(path, {**PLAIN, "chrom": "chrom", "start": "start", "end": "end"}, {"x": "x"}, "regression")


@pytest.mark.parametrize("target", ["line", "name", "sequence", "chrom", "split", "strand", "score"])
def test_a_target_is_not_called_like_a_column_of_ours(target, write):
    with pytest.raises(InputError, match=f"a target is called '{target}'"):
        read_sequences(write("sequence\tx\nACGT\t1\n"), PLAIN, {target: "x"}, "regression")


# --- one length -------------------------------------------------------------------------------------------------------


def expected_window(sequence, length, flank_5, flank_3):
    """The window about the sequence's centre in the whole construct; None where the construct ends before it."""
    construct = flank_5.lower() + sequence + flank_3.lower()
    start = len(flank_5) + len(sequence) // 2 - length // 2
    inside = start >= 0 and start + length <= len(construct)
    return construct[start : start + length] if inside else None


FLANK = st.text("ACGTN", max_size=12)


@QUICK
@given(
    st.lists(st.tuples(st.text("ACGTNR", min_size=1, max_size=30), st.sampled_from([1.0, 0.0, np.nan])), max_size=12),
    st.integers(1, 25),
    FLANK,
    FLANK,
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_windows_are_those_of_the_construct_and_fates_add_up(rows, length, flank_5, flank_3, max_n_fraction):
    table = table_of([sequence for sequence, _ in rows], [value for _, value in rows])
    before = table.copy(deep=True)
    kept, fates = fit_sequences(table, length, flank_5, flank_3, max_n_fraction)
    expected, windows = [], []
    for sequence, value in rows:
        window = expected_window(sequence, length, flank_5, flank_3)
        if window is None:
            expected.append("too_short")
        elif sum(base not in "ACGT" for base in window.upper()) / length > max_n_fraction:
            expected.append("n")
        elif np.isnan(value):
            expected.append("no_value")
        else:
            expected.append("kept")
            windows.append(window)
    assert fates.tolist() == expected
    assert kept["sequence"].tolist() == windows
    assert all(len(window) == length for window in kept["sequence"])
    assert fates.value_counts().sum() == len(table)
    assert kept["line"].tolist() == table.loc[fates == "kept", "line"].tolist()
    pd.testing.assert_frame_equal(table, before)  # nothing is altered in place


def test_cropping_follows_the_rule_for_even_and_odd_lengths():
    # n // 2 - L // 2 by hand: 7 -> 4: 3 - 2 = 1; 7 -> 3: 2; 8 -> 5: 4 - 2 = 2; 8 -> 4: 2.
    for sequence, length, expected in [("ACGTACG", 4, "CGTA"), ("ACGTACG", 3, "GTA")]:
        assert fit_sequences(table_of([sequence]), length, "", "", 0)[0]["sequence"].tolist() == [expected]
    for sequence, length, expected in [("ACGTTGCA", 5, "GTTGC"), ("ACGTTGCA", 4, "GTTG")]:
        assert fit_sequences(table_of([sequence]), length, "", "", 0)[0]["sequence"].tolist() == [expected]


def test_extension_takes_the_inner_ends_of_the_flanks():
    def fitted(sequence, length, flank_5="AAC", flank_3="GTT"):
        return fit_sequences(table_of([sequence]), length, flank_5, flank_3, 1)[0]["sequence"].tolist()

    assert fitted("NN", 4) == ["cNNg"]
    assert fitted("NN", 5) == ["cNNgt"]  # centre 1, from 1 - 2 = -1 to 4
    assert fitted("NNN", 6) == ["acNNNg"]  # centre 1, from 1 - 3 = -2 to 4
    assert fitted("NN", 8) == ["aacNNgtt"]
    assert fitted("NN", 9) == []  # the centre would need four bases of flank_3
    assert fitted("NN", 6, flank_5="A") == []  # six bases are there, but not about the centre
    assert fitted("NN", 4, "aac", "gtt") == ["cNNg"]


def test_rows_are_unknown_only_without_any_value():
    table = table_of(["ACGT"] * 3, [np.nan, np.nan, 1]).assign(other=[np.nan, 0, np.nan])
    kept, fates = fit_sequences(table, 4, "", "", 0)
    assert fates.tolist() == ["no_value", "kept", "kept"]
    assert kept.index.tolist() == [0, 1]


@pytest.mark.parametrize("flank", ["AC-T", "AC GT", "ACGU"])
def test_a_flank_is_made_of_bases(flank):
    with pytest.raises(InputError, match=r"sequences\.flank_3"):
        fit_sequences(table_of(["ACGT"]), 4, "", flank, 0)


@QUICK
@given(st.data())
def test_coordinates_follow_the_crop_on_both_strands(data):
    genome = data.draw(st.text("ACGT", min_size=40, max_size=80))
    rows = []
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(genome) - 1))
        end = data.draw(st.integers(start + 1, len(genome)))
        rows.append((start, end, data.draw(st.sampled_from("+-."))))
    length = data.draw(st.integers(1, 30))
    sequences = [
        reverse_complement(genome[start:end]) if strand == "-" else genome[start:end] for start, end, strand in rows
    ]
    start, end, strand = zip(*rows, strict=True)
    table = table_of(sequences, chrom=["chr1"] * len(rows), start=start, end=end, strand=strand)
    kept, fates = fit_sequences(table, length, "ACG" * 10, "GGA" * 10, 0)
    assert (fates == "kept").all()
    for row, fitted in kept.iterrows():
        assert fitted["end"] - fitted["start"] == len(fitted["sequence"]) == length
        on_plus = reverse_complement(fitted["sequence"]) if fitted["strand"] == "-" else fitted["sequence"]
        added = len(on_plus) - len(on_plus.lstrip("acgt"))  # bases of a flank, in lower case, to the left on +
        if added > table.loc[row, "start"]:  # it would begin before its chromosome
            assert (fitted["chrom"], fitted["start"]) == (".", 0)
            continue
        assert fitted["chrom"] == "chr1"
        # Every base of the row itself lies where the genome has it; those of the flanks lie beside it.
        own = [place for place, base in enumerate(on_plus) if base.isupper()]
        assert [on_plus[place] for place in own] == [genome[fitted["start"] + place] for place in own]
        if len(own) < length:
            assert fitted["start"] == table.loc[row, "start"] - added
            assert fitted["start"] + own[-1] + 1 == table.loc[row, "end"]


def test_extension_moves_both_ends_on_both_strands():
    # By hand: 3 -> 6 bases, 1 - 3 = 2 before and 1 after; on + to the left and right, on - the other way round.
    chroms, start, strand = ["chr1", "chr1", "chr1", "chr1", "."], [2, 1, 1, 0, 0], "+-+-+"
    table = table_of(["ACG"] * 5, chrom=chroms, start=start, end=[at + 3 for at in start], strand=strand)
    kept, _ = fit_sequences(table, 6, "TTTT", "TTTT", 0)
    assert kept["sequence"].tolist() == ["ttACGt"] * 5
    expected = [["chr1", 0, 6], ["chr1", 0, 6], [".", 0, 6], [".", 0, 6], [".", 0, 6]]
    assert kept[["chrom", "start", "end"]].to_numpy().tolist() == expected
    # Rows that lose their place belong to no others.
    assert linked_rows(kept).tolist() == [[0, 1]]


def test_without_a_strand_coordinates_follow_the_crop_as_on_plus():
    table = table_of(["ACGTT"], chrom=["chr1"], start=[100], end=[105])
    kept, _ = fit_sequences(table, 2, "", "", 0)
    assert kept[["sequence", "start", "end"]].to_numpy().tolist() == [["CG", 101, 103]]


# --- rows that belong together ----------------------------------------------------------------------------------------


def components(number, pairs):
    """Groups of rows by following pairs, smallest row first."""
    group = list(range(number))
    changed = True
    while changed:
        changed = False
        for one, other in pairs:
            low = min(group[one], group[other])
            if group[one] != low or group[other] != low:
                group[one] = group[other] = low
                changed = True
    return group


INTERVAL = st.tuples(st.sampled_from(["chr1", "chr10", "."]), st.integers(0, 60), st.integers(1, 12))


@QUICK
@given(st.lists(INTERVAL, max_size=25))
def test_linked_rows_join_what_touches(intervals):
    frame = table_of(
        ["A"] * len(intervals),
        chrom=[chrom for chrom, _, _ in intervals],
        start=[start for _, start, _ in intervals],
        end=[start + width for _, start, width in intervals],
    )
    pairs = linked_rows(frame)
    assert (pairs.dtype, pairs.shape[1]) == (np.int64, 2)
    every = [
        (one, other)
        for one in range(len(intervals))
        for other in range(one + 1, len(intervals))
        if intervals[one][0] == intervals[other][0] != "."
        and intervals[one][1] <= sum(intervals[other][1:])
        and intervals[other][1] <= sum(intervals[one][1:])
    ]
    assert {tuple(pair) for pair in pairs.tolist()} <= set(every)
    assert components(len(intervals), pairs.tolist()) == components(len(intervals), every)


def test_linked_rows_are_positions_whatever_the_index():
    frame = table_of(["AC"] * 4, chrom=["chr2", "chr1", "chr1", "chr2"], start=[5, 1, 9, 7], end=[7, 3, 11, 9])
    frame.index = [10, 11, 12, 13]
    assert linked_rows(frame).tolist() == [[0, 3]]


def test_without_coordinates_nothing_is_linked():
    found = linked_rows(table_of(["ACGT", "ACGT"]))
    assert (found.shape, found.dtype) == ((0, 2), np.int64)


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_adds_up_and_says_why():
    sequences = ["ACGTA", "AC", "ACGNN", "ACGTA", "ACG", "ACGT", "A"]
    table = table_of(sequences, [1, 0, 1, np.nan, 0, np.nan, np.nan]).assign(b=[np.nan, 1, 1, np.nan, 1, 1, 1])
    settings_ = {"length": 4, "flank_5": "G", "flank_3": "", "max_n_fraction": 0.25}
    # By hand: ACGTA -> ACGT; AC needs GAC + one base of flank_3 -> too_short; ACGNN -> ACGN (25 % N, kept);
    # the fourth has no value; ACG -> GACG; ACGT as it is; A needs two bases of flank_5 -> too_short.
    _, fates = fit_sequences(table, **settings_)
    assert fates.tolist() == ["kept", "too_short", "kept", "no_value", "kept", "kept", "too_short"]
    report = sequences_report(table, fates, "binary", **settings_)
    assert report.columns.tolist() == ["target", "outcome", "count", "criterion"]
    counts = report.set_index(["target", "outcome"])["count"]
    outcomes = ["sequences_read", "dropped_too_short", "dropped_n", "dropped_no_value", "sequences_kept"]
    outcomes += ["windows", "windows_unknown"]
    assert report["outcome"].tolist() == outcomes * 3
    assert {target: counts[target].tolist() for target in ("activity", "b", "all")} == {
        "activity": [4, 1, 0, 0, 3, 2, 1],
        "b": [5, 2, 0, 0, 3, 3, 1],
        "all": [7, 2, 0, 1, 4, 4, 2],
    }
    criteria = report[report["target"] == "all"].set_index("outcome")["criterion"]
    assert criteria["dropped_too_short"].startswith("shorter than 4 bp, and the declared flanks (1 and 0 bp)")
    assert criteria["dropped_n"] == "more than 25 % N in the 4 bp"
    assert "2 cropped about the centre, 1 extended by the flanks" in criteria["sequences_kept"]
    assert sequences_report(table, fates, "regression", **settings_)["count"].tolist()[5::7] == [3, 3, 4]


@QUICK
@given(
    st.lists(st.tuples(st.text("ACGTN", min_size=1, max_size=9), FIELD, FIELD), max_size=12),
    st.integers(1, 9),
    st.sampled_from(["binary", "regression"]),
)
def test_what_was_read_was_kept_or_dropped(rows, length, task):
    table = table_of([row[0] for row in rows], [row[1] for row in rows]).assign(
        b=np.array([row[2] for row in rows], dtype=np.float64)
    )
    kept, fates = fit_sequences(table, length, "AC", "G", 0.2)
    report = sequences_report(table, fates, task, length, "AC", "G", 0.2)
    for target, counts in report.set_index("outcome").groupby("target")["count"]:
        dropped = counts[counts.index.str.startswith("dropped_")].sum()
        assert counts["sequences_read"] == dropped + counts["sequences_kept"]
        assert counts["windows"] <= len(kept)
        if target != "all":
            assert counts["sequences_kept"] + counts["windows_unknown"] == len(kept)


# --- real data --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def deepstarr(shared_data, tmp_path_factory):
    """The sample of DeepSTARR as published, and with the strand of its names as a column of its own."""
    source = shared_data / "starr" / "deepstarr_sample.tsv"
    lines = source.read_text().splitlines()
    stranded = [f"{lines[0]}\tstrand", *(f"{line}\t{line.split(chr(9))[3].split('_')[3]}" for line in lines[1:])]
    path = tmp_path_factory.mktemp("deepstarr") / "stranded.tsv"
    path.write_text("\n".join(stranded) + "\n")
    columns = {"sequence": "Sequence", "name": "ID", "chrom": "seqnames", "start": "start", "end": "end"}
    values = {"Dev": "Dev_log2_enrichment", "Hk": "Hk_log2_enrichment"}
    columns |= {"coordinates": "one_based", "strand": "strand"}
    return source, columns, values, read_sequences(path, columns, values, "regression")


def test_deepstarr_is_read_as_pandas_reads_it(deepstarr):
    source, columns, values, table = deepstarr
    expected = pd.read_csv(source, sep="\t")
    assert len(table) == 2969
    assert table["name"].tolist() == expected["ID"].tolist()
    assert table["sequence"].tolist() == expected["Sequence"].tolist()
    assert (table["start"] + 1).tolist() == expected["start"].tolist()
    np.testing.assert_allclose(table[["Dev", "Hk"]], expected[list(values.values())], rtol=1e-15)
    assert table["strand"].value_counts().to_dict() == {"+": 1520, "-": 1449}
    # As published it has no column of strands, and 0-based it is not.
    assert len(read_sequences(source, {**columns, "strand": None}, values, "regression")) == 2969
    with pytest.raises(InputError, match="chrX:12655-12903 spans 248 bases, its sequence has 249") as caught:
        read_sequences(source, {**columns, "strand": None, "coordinates": "bed"}, values, "regression")
    assert "2969 bad line(s)" in caught.value.what
    assert caught.value.fix == "set sequences.coordinates to one_based"


def bases_by_place(table):
    """Every base that a row shows of the genome's + strand, by its place; and how many pairs of rows agree on one."""
    places, shared, agreeing = {}, 0, 0
    for chrom, start, end, strand, sequence in table[["chrom", "start", "end", "strand", "sequence"]].itertuples(
        index=False
    ):
        assert end - start == len(sequence)
        for place, base in enumerate(reverse_complement(sequence) if strand == "-" else sequence, start=start):
            first = places.setdefault((chrom, place), base)
            shared += 1
            agreeing += first == base
    return places, shared - len(places), agreeing - len(places)


@pytest.mark.parametrize("length", [249, 248, 200, 101, 30])
def test_deepstarr_rows_on_minus_are_reverse_complements_before_and_after_cropping(length, deepstarr):
    table = deepstarr[-1]
    places, shared, agreeing = bases_by_place(table)
    assert (shared, agreeing) == (32685, 32685)
    # A crop shows the genome that the whole rows show; a wrong strand or an offset of one would not.
    kept, fates = fit_sequences(table, length, "", "", 0)
    assert (fates == "kept").all()
    cropped, _, _ = bases_by_place(kept)
    assert cropped.items() <= places.items()


def test_deepstarr_rows_that_belong_together_are_those_of_bedtools(deepstarr, bedtools, tmp_path):
    table = deepstarr[-1]
    bed = tmp_path / "rows.bed"
    rows = table.assign(row=range(len(table))).sort_values(["chrom", "start", "end"])
    rows[["chrom", "start", "end", "row"]].to_csv(bed, sep="\t", header=False, index=False)
    cluster = {int(fields[3]): int(fields[4]) for fields in bedtools("cluster", "-i", bed)}
    group = components(len(table), linked_rows(table).tolist())
    sizes = pd.Series(group).value_counts()
    assert len(table[["chrom", "start"]].drop_duplicates()) == 2922
    assert (len(sizes), sizes.max(), (sizes == 1).sum()) == (2721, 5, 2496)
    assert len(sizes) == len(set(cluster.values()))
    assert len({(group[row], cluster[row]) for row in range(len(table))}) == len(sizes)


def test_flanks_stand_in_lower_case_and_the_sequence_itself_in_upper_case():
    # Flanks are the same in every row: whatever compared them too would call all rows copies of one another.
    kept, _ = fit_sequences(table_of(["ACGTTT"]), 10, "GGG", "CCC", 0)
    assert kept["sequence"].tolist() == ["ggACGTTTcc"]
