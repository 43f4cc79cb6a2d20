"""Peak files and other BED files: what is read agrees with bedtools and plain Python, and every mistake is told."""

import gzip

import numpy as np
import pandas as pd
import pysam
import pytest

from cisflow.intervals import (
    MAX_TOLD,
    check_names,
    merged,
    numbered_lines,
    read_aliases,
    read_bed,
    read_regions,
    touches,
)
from cisflow.messages import InputError

SIZES = {"chr1": 1000, "chr10": 500, "NA": 300, "1": 200}


def narrow(chrom, start, end, summit):
    """The fields of one line of narrowPeak."""
    return (chrom, start, end, "peak", 0, ".", "5.5", "3.1", "-1", summit)


def rows_of(frame):
    return list(frame[["chrom", "start", "end", "anchor"]].itertuples(index=False, name=None))


def random_intervals(rng, number, chroms, length, longest=200):
    start = rng.integers(0, length - longest, size=number)
    return pd.DataFrame(
        {"chrom": rng.choice(chroms, size=number), "start": start, "end": start + rng.integers(1, longest, size=number)}
    )


# --- anchors ----------------------------------------------------------------------------------------------------------


def test_the_anchor_of_plain_bed_is_the_midpoint_rounded_down(write_bed):
    path = write_bed("a.bed", [("chr1", 10, 20), ("chr1", 10, 21), ("chr1", 0, 1), ("chr1", 999, 1000)])
    assert read_bed(path, SIZES, {})["anchor"].tolist() == [15, 15, 0, 999]


def test_the_anchor_of_narrow_peaks_is_the_summit_and_the_midpoint_where_there_is_none(write_bed):
    rows = [narrow("chr1", 100, 201, 0), narrow("chr1", 100, 201, 100), narrow("chr1", 100, 201, -1)]
    assert read_bed(write_bed("a.narrowPeak", rows), SIZES, {})["anchor"].tolist() == [100, 200, 150]


@pytest.mark.parametrize("columns", [3, 4, 5, 6, 9, 11, 12])
def test_a_number_in_another_column_is_no_summit(columns, write_bed):
    # broadPeak has nine columns, BED12 a count of blocks in the tenth.
    row = ("chr1", 100, 200, "x", 1, "+", 5, 6, 7, 8, 9, 10)[:columns]
    assert read_bed(write_bed("a.bed", [row]), SIZES, {})["anchor"].tolist() == [150]


def test_ten_columns_without_whole_numbers_in_the_tenth_are_plain_bed(write_bed):
    rows = [narrow("chr1", 100, 200, "4.5"), narrow("chr1", 100, 200, "."), narrow("chr1", 100, 200, "1e3")]
    assert read_bed(write_bed("a.bed", rows), SIZES, {})["anchor"].tolist() == [150] * 3


@pytest.mark.parametrize("other", ["4.5", ".", "", "--5", "\u00b2", "-2", "100", "1_0", "NA"])
@pytest.mark.parametrize("position", [0, 1])
def test_a_line_without_summit_among_lines_with_one_is_a_mistake_wherever_it_stands(other, position, write_bed):
    # The first line once decided for the file: summits were lost without a word if it had none. `--5` and a superscript
    # ended as an unexpected ValueError.
    rows = [narrow("chr1", 100, 200, 7)]
    rows.insert(position, narrow("chr1", 100, 200, other))
    with pytest.raises(InputError, match=f"line {position + 1}: summit offset {other!r}") as caught:
        read_bed(write_bed("a.narrowPeak", rows), SIZES, {})
    assert "1 bad line(s)" in caught.value.what


def test_a_line_of_three_columns_in_a_narrow_peak_file_is_a_mistake(write_bed):
    rows = [("chr1", 5, 10), narrow("chr1", 100, 200, 7)]
    with pytest.raises(InputError, match="line 1: summit offset ''"):
        read_bed(write_bed("a.narrowPeak", rows), SIZES, {})


# --- spellings of one file --------------------------------------------------------------------------------------------

ROWS = [("chr1", 10, 20, "a"), ("chr10", 0, 500, "b"), ("NA", 1, 300, "c"), ("1", 5, 6, "d"), ("chrUn", 5, 9999, "e")]
TEXT = "".join("\t".join(map(str, row)) + "\n" for row in ROWS)
HEADED = f'browser position chr1:1-10\ntrack name="x" description="y"\n#chrom\tstart\n\n   \n{TEXT}\n# end\n\n'


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.rstrip("\n").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\t", " ").encode(),
        TEXT.replace("\t", "   ").encode(),
        HEADED.encode(),
        HEADED.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        gzip.compress(TEXT.encode()),
        gzip.compress(HEADED.replace("\n", "\r\n").encode()),
        gzip.compress(TEXT[:30].encode()) + gzip.compress(TEXT[30:].encode()),
    ],
)
def test_every_spelling_gives_the_same_peaks(content, tmp_path):
    path = tmp_path / "peaks.bed"
    path.write_bytes(content)
    expected = [(chrom, start, end, (start + end) // 2) for chrom, start, end, _ in ROWS]
    assert rows_of(read_bed(path, SIZES, {})) == expected


def test_bgzip_is_read_across_its_blocks(tmp_path):
    rows = [("chr1", 5, 9, f"peak_{number}") for number in range(20_000)]
    plain = tmp_path / "peaks.bed"
    plain.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    pysam.tabix_compress(str(plain), str(tmp_path / "peaks.bed.gz"))
    assert len(read_bed(tmp_path / "peaks.bed.gz", SIZES, {})) == len(rows)


def test_line_numbers_are_those_of_the_file(tmp_path):
    path = tmp_path / "peaks.bed"
    path.write_bytes(b"track x\r\n\r\nchr1\t1\t2\r\n#\r\nchr1\t3\t4")
    assert read_bed(path, SIZES, {})["line"].tolist() == [3, 5]
    assert list(numbered_lines(path)) == [(1, "track x"), (2, ""), (3, "chr1\t1\t2"), (4, "#"), (5, "chr1\t3\t4")]


def test_a_contig_whose_name_begins_like_a_header_is_read(write_bed):
    # Every line that began with `track` was once passed over without a word.
    path = write_bed("a.bed", [("track_1", 5, 10), ("browserA", 1, 3), ("chr1", 2, 4)])
    found = read_bed(path, {"track_1": 50, "browserA": 50, **SIZES}, {})
    assert found["chrom"].tolist() == ["track_1", "browserA", "chr1"]


def test_names_that_look_like_missing_values_or_numbers_stay_text(write_bed):
    names = ["NA", "1", "NaN", "null", "None", "1.0", "01", "True", ""]
    sizes = dict.fromkeys(names, 100)
    path = write_bed("a.bed", [(name, 1, 5) for name in names[:-1]])
    assert read_bed(path, sizes, {})["chrom"].tolist() == names[:-1]


def test_a_file_without_peaks_is_an_empty_table_of_the_right_types(tmp_path):
    path = tmp_path / "peaks.bed"
    for content in (b"", b"\n\n", b"track name=x\n# nothing\n", gzip.compress(b"")):
        path.write_bytes(content)
        found = read_bed(path, SIZES, {})
        assert len(found) == 0
        assert [str(found[column].dtype) for column in ("start", "end", "anchor")] == ["int64"] * 3


def test_aliases_apply_where_the_genome_lacks_the_name(write_bed):
    path = write_bed("a.bed", [("I", 1, 5), ("1", 1, 5), ("chr1", 1, 5), ("MT", 1, 5)])
    found = read_bed(path, SIZES, {"I": "chr1", "1": "chr10", "chr1": "chr10"})
    # `1` and `chr1` are names of the genome itself.
    assert found["chrom"].tolist() == ["chr1", "1", "chr1", "MT"]


def test_an_end_is_checked_under_the_name_in_the_genome(write_bed):
    with pytest.raises(InputError, match="line 1: end 600 lies beyond chr10, which has 500 bases"):
        read_bed(write_bed("a.bed", [("X", 1, 600)]), SIZES, {"X": "chr10"})


# --- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES = {
    "chr1\t5": r"found 2 column\(s\)",
    "chr1": r"found 1 column\(s\)",
    "chrom\tstart\tend": "start 'start', end 'end' are no whole numbers",
    "chr1\t1,000\t2,000": "start '1,000'",
    "chr1\t2_1\t2_2": "start '2_1'",
    "chr1\t0x8\t0x9": "start '0x8'",
    "chr1\t5.0\t6.0": "start '5.0'",
    "chr1\t1e2\t2e2": "start '1e2'",
    "chr1\t-5\t6": "start '-5'",
    "chr1\t+5\t6": r"start '\+5'",
    "chr1\t\u0665\t6": "no whole numbers",
    "chr1\t\t6": "start ''",
    "chr1\t 5\t6": "start ' 5'",
    "chr1\t5\t6\x00": "no whole numbers",
    "chr1\t6\t6": "start 6 is not below end 6",
    "chr1\t9\t6": "start 9 is not below end 6",
    "chr1\t9\t1001": "end 1001 lies beyond chr1, which has 1000 bases",
    "\t5\t9": "no chromosome",
    # Numbers that no int64 holds were once an unexpected OverflowError on sequences that the genome lacks.
    "chrUn\t1\t99999999999999999999": "no whole numbers",
    "chrUn\t1\t" + "9" * 5000: "no whole numbers",
}


@pytest.mark.parametrize("line", list(MISTAKES))
def test_a_bad_line_is_named_with_file_and_number(line, tmp_path):
    path = tmp_path / "peaks.bed"
    path.write_text(f"chr1\t1\t5\n{line}\nchr1\t1\t5\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2: .*{MISTAKES[line]}") as caught:
        read_bed(path, SIZES, {})
    assert caught.value.what.startswith(f"{path}: 1 bad line(s)")
    assert len(str(caught.value)) < 1000
    assert caught.value.why
    assert caught.value.fix


def test_all_bad_lines_are_told_at_once_and_in_order(tmp_path):
    path = tmp_path / "peaks.narrowPeak"
    good = "\t".join(map(str, narrow("chr1", 100, 200, 5)))
    far = "\t".join(map(str, narrow("chr1", 100, 200, 100)))
    path.write_text(f"chr1\t5\n{good}\n{far}\nchr1\tx\t9\n{good}\nchr1\t9\t2000\n")
    with pytest.raises(InputError) as caught:
        read_bed(path, SIZES, {})
    told = caught.value.what.splitlines()
    assert told[0] == f"{path}: 4 bad line(s)"
    assert [line.split(":")[0] for line in told[1:]] == ["line 1", "line 3", "line 4", "line 6"]


def test_a_hundred_bad_lines_are_counted_and_the_first_told(write_bed):
    path = write_bed("a.bed", [("chr1", 9, 5)] * 100)
    with pytest.raises(InputError) as caught:
        read_bed(path, SIZES, {})
    told = caught.value.what.splitlines()
    assert told[0] == f"{path}: 100 bad line(s)"
    assert len(told) == MAX_TOLD + 2
    assert told[-1] == f"... and {100 - MAX_TOLD} more"


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT.encode() * 500)[:-30],
        b"\x1f\x8bnot gzip at all",
        "chr1\t1\t5\tSu\u00e9\n".encode("latin-1"),
        "chr1\t1\t5\n".encode("utf-16"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_named(content, tmp_path):
    path = tmp_path / "peaks.bed.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read to its end") as caught:
        read_bed(path, SIZES, {})
    assert str(path) in caught.value.what


def test_no_common_chromosome_is_refused_and_aliases_are_proposed(write_bed):
    found = read_bed(write_bed("a.bed", [("2L", 1, 5), ("2R", 1, 5)]), SIZES, {})
    with pytest.raises(InputError, match="none of its chromosomes is in the genome") as caught:
        check_names("a.bed", found, SIZES)
    assert "2L, 2R" in caught.value.why
    assert "aliases" in caught.value.fix
    check_names("a.bed", found.iloc[:0], SIZES)
    check_names("a.bed", read_bed(write_bed("b.bed", [("2L", 1, 5), ("1", 1, 5)]), SIZES, {}), SIZES)


# --- aliases ----------------------------------------------------------------------------------------------------------


def test_aliases_are_read(tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_bytes(b"# file\tgenome\r\n\r\nI\tchrI\r\n1\tchr1\r\nNA\tchrNA\r\nI\tchrI\r\n")
    assert read_aliases(path) == {"I": "chrI", "1": "chr1", "NA": "chrNA"}
    assert read_aliases(None) == {}


def test_bad_aliases_are_told_all_at_once(tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_text("I chrI\nII\tchrII\tx\nV\tchrV\nV\tchrIV\n\tchrX\n")
    with pytest.raises(InputError) as caught:
        read_aliases(path)
    told = caught.value.what.splitlines()
    assert told[0] == f"{path}: 4 bad line(s)"
    assert [line.split(":")[0] for line in told[1:]] == ["line 1", "line 2", "line 4", "line 5"]


# --- overlaps and unions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_touches_is_bedtools_intersect(seed, write_bed, bedtools):
    rng = np.random.default_rng(seed)
    chroms = ["chr1", "chr10", "NA", "1"]
    windows, others = random_intervals(rng, 400, chroms, 20_000), random_intervals(rng, 100, chroms[:3], 20_000)
    # One base apart, book-ended and one base in common; the same window twice.
    windows = pd.concat(
        [
            windows,
            windows.iloc[:5],
            pd.DataFrame({"chrom": "chr1", "start": [0, 90, 91, 110, 111], "end": [90, 100, 101, 111, 120]}),
        ],
        ignore_index=True,
    )
    others = pd.concat([others, pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [111]})], ignore_index=True)
    a, b = (write_bed(name, frame.to_numpy()) for name, frame in (("a.bed", windows), ("b.bed", others)))
    expected = [int(row[3]) > 0 for row in bedtools("intersect", "-c", "-a", a, "-b", b)]
    assert touches(windows, others).tolist() == expected
    order = rng.permutation(len(windows))
    shuffled = windows.iloc[order]  # an index that is no range
    assert touches(shuffled, others.iloc[rng.permutation(len(others))]).tolist() == np.array(expected)[order].tolist()


def test_nothing_touches_nothing():
    windows = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [10]})
    assert touches(windows, windows.iloc[:0]).tolist() == [False]
    assert touches(windows.iloc[:0], windows).tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_the_union_is_that_of_bedtools_merge(seed, write_bed, bedtools):
    rng = np.random.default_rng(seed)
    intervals = random_intervals(rng, 200, ["chr1", "chr10", "NA", "1"], 20_000)
    intervals.loc[0:1] = [["chr1", 100, 200], ["chr1", 200, 300]]  # book-ended
    path = write_bed("sorted.bed", intervals.sort_values(["chrom", "start"]).to_numpy())
    expected = sorted((row[0], int(row[1]), int(row[2])) for row in bedtools("merge", "-i", path))
    found = merged(intervals)
    assert list(found.itertuples(index=False, name=None)) == expected
    assert merged(intervals.iloc[rng.permutation(len(intervals))]).equals(found)
    assert merged(found).equals(found)


def test_the_union_of_nothing_is_nothing():
    assert merged(pd.DataFrame({"chrom": [], "start": [], "end": [], "x": []})).shape == (0, 3)


def test_regions_are_read_with_names_as_text_and_may_be_none(write_bed):
    found = read_regions(write_bed("a.bed", [("NA", 1, 5, "x"), ("1", 2, 6, "x")]))
    assert found.to_numpy().tolist() == [["NA", 1, 5], ["1", 2, 6]]
    empty = read_regions(write_bed("b.bed", []))
    assert len(empty) == 0
    assert list(empty.columns) == ["chrom", "start", "end"]


def test_real_fly_peaks_are_read_as_bedtools_reads_them(fly_folder, bedtools):
    sizes = {"chr2L": 23011544, "chr2R": 21146708, "chr3L": 24543557, "chr3R": 27905053, "chr4": 1351857}
    sizes["chrX"] = 22422827
    for path in sorted(fly_folder.glob("*.bed")):
        found = read_bed(path, sizes, {})
        expected = [
            (chrom, int(start), int(end)) for chrom, start, end in bedtools("intersect", "-a", path, "-b", path, "-u")
        ]
        assert list(zip(found["chrom"], found["start"], found["end"], strict=True)) == expected
