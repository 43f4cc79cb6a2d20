"""Bases read from a mapped genome: those of samtools, of bedtools nuc, and of slices of plain strings."""

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import frame_of, genome_of, rows_of

from cisflow.genome import (
    base_counts,
    bases_of,
    counts_of,
    open_genome,
    read_bases,
    width_of,
    window_base_counts,
)
from cisflow.messages import InputError

IUPAC = "ACGTNRYSWKMBDHV"
QUICK = settings(max_examples=60, deadline=None, database=None)


def text_of(bases):
    return [row.tobytes().decode() for row in bases]


@st.composite
def genomes_and_windows(draw):
    """Chromosomes of any length around the line width, and windows of one width anywhere on them."""
    bases = st.text(IUPAC + IUPAC.lower(), min_size=1, max_size=300)
    names = draw(st.lists(st.sampled_from(["chr1", "NA", "1", "chr10"]), min_size=1, max_size=3, unique=True))
    sequences = {name: draw(bases) for name in names}
    width = draw(st.integers(1, max(map(len, sequences.values()))))
    long_enough = [name for name in names if len(sequences[name]) >= width]
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(long_enough))
        start = draw(st.integers(0, len(sequences[name]) - width))
        rows.append((name, start, start + width))
    return sequences, rows


# --- opening ----------------------------------------------------------------------------------------------------------


def test_an_opened_genome_says_what_samtools_says(genome):
    opened = open_genome(genome.fasta)
    with pysam.FastaFile(genome.fasta) as fasta:
        assert list(opened.sizes) == list(fasta.references)
        assert list(opened.sizes.values()) == list(fasta.lengths)
        for name, length in opened.sizes.items():
            bases = read_bases(opened, frame_of([(name, 0, length)]))
            assert bases.dtype == np.uint8
            assert text_of(bases) == [fasta.fetch(name).upper()]


@pytest.mark.parametrize("lengths", [[1], [59, 60], [60, 61, 120], [121, 1]])
def test_the_last_line_is_whole_or_not(lengths, make_genome):
    genome = make_genome({f"s{number}": "ACGTT" * 40 + "C" * length for number, length in enumerate(lengths)})
    opened = open_genome(genome.fasta)
    for name, sequence in genome.sequences.items():
        last = (name, len(sequence) - 1, len(sequence))
        assert text_of(read_bases(opened, frame_of([last]))) == ["C"]


@pytest.mark.parametrize("change", ["one byte more", "one byte less", "empty index", "empty file"])
def test_a_file_that_is_not_the_one_of_its_index_is_refused(change, make_genome, tmp_path):
    genome = make_genome({"a": "ACGT" * 50, "b": "GG"})
    path = tmp_path / "genome.fa"
    if change == "empty index":
        (tmp_path / "genome.fa.fai").write_text("")
    else:
        content = path.read_bytes()
        path.write_bytes({"one byte more": content + b"\n", "one byte less": content[:-1]}.get(change, b""))
    with pytest.raises(InputError, match="is not the file that its index describes") as caught:
        open_genome(genome.fasta)
    assert str(path) in caught.value.what
    assert "remove both" in caught.value.fix


# --- bases and counts -------------------------------------------------------------------------------------------------


@QUICK
@given(case=genomes_and_windows())
def test_bases_and_counts_are_those_of_slices_of_plain_strings(case):
    sequences, rows = case
    genome, windows = genome_of(sequences), frame_of(rows)
    expected = [sequences[chrom][start:end].upper() for chrom, start, end in rows]
    gc = [sum(base in "GC" for base in text) for text in expected]
    unknown = [sum(base not in "ACGT" for base in text) for text in expected]

    bases = read_bases(genome, windows)
    assert text_of(bases) == expected
    assert [part.tolist() for part in counts_of(bases)] == [gc, unknown]
    assert [part.tolist() for part in window_base_counts(genome, windows)] == [gc, unknown]
    shuffled = windows.iloc[::-1]  # an index that is no range
    assert text_of(read_bases(genome, shuffled)) == expected[::-1]
    assert [part.tolist() for part in window_base_counts(genome, shuffled)] == [gc[::-1], unknown[::-1]]
    for chrom in sequences:
        own = [number for number, row in enumerate(rows) if row[0] == chrom]
        found = base_counts(genome, chrom, [rows[number][1] for number in own], width_of(windows))
        assert [part.tolist() for part in found] == [[gc[n] for n in own], [unknown[n] for n in own]]


@pytest.mark.parametrize("width", [1, 31, 200])
def test_base_counts_against_bedtools_nuc(width, genome, bedtools, write_bed):
    rng = np.random.default_rng(width)
    chrom = "chr10"
    length = genome.sizes[chrom]
    starts = np.concatenate([[0, length - width], rng.integers(0, length - width + 1, size=300)])
    bed = write_bed("windows.bed", [(chrom, start, start + width) for start in starts])
    rows = [row for row in bedtools("nuc", "-fi", genome.fasta, "-bed", bed) if not row[0].startswith("#")]
    gc, unknown = base_counts(open_genome(genome.fasta), chrom, starts, width)
    # After the three columns of the BED file: %AT, %GC, and the numbers of A, C, G, T, N and others.
    assert gc.tolist() == [int(row[6]) + int(row[7]) for row in rows]
    assert unknown.tolist() == [int(row[9]) + int(row[10]) for row in rows]


def test_bases_are_those_of_bedtools_getfasta(genome, bedtools, write_bed):
    rng = np.random.default_rng(4)
    rows = []
    for chrom in rng.choice(list(genome.sizes)[:5], size=200):
        start = int(rng.integers(0, genome.sizes[chrom] - 101))
        rows.append((str(chrom), start, start + 101))
    lines = bedtools("getfasta", "-tab", "-fi", genome.fasta, "-bed", write_bed("w.bed", rows))
    assert text_of(read_bases(open_genome(genome.fasta), frame_of(rows))) == [line[1].upper() for line in lines]


def test_pages_that_were_let_go_are_read_again(genome, monkeypatch):
    rows = frame_of([(chrom, start, start + 500) for chrom in ("chr2", "NA", "chr2") for start in (0, 4_000, 9_000)])
    whole = open_genome(genome.fasta)
    expected = text_of(read_bases(whole, rows)), [part.tolist() for part in window_base_counts(whole, rows)]
    assert expected[0] == [genome.upper[chrom][start:end] for chrom, start, end in rows_of(rows)]
    monkeypatch.setattr("cisflow.genome.LARGE", 0)
    for _ in range(2):
        assert text_of(read_bases(whole, rows)) == expected[0]
        assert [part.tolist() for part in window_base_counts(whole, rows)] == expected[1]


def test_no_windows_have_no_bases(genome):
    opened = open_genome(genome.fasta)
    gc, unknown = base_counts(opened, "tiny", [], 10)
    assert len(gc) == len(unknown) == 0
    assert len(read_bases(opened, frame_of([]))) == 0
    assert [len(part) for part in window_base_counts(opened, frame_of([]))] == [0, 0]
    assert [len(part) for part in counts_of(np.empty((0, 5), dtype=np.uint8))] == [0, 0]


def test_an_unknown_base_is_any_but_four():
    letters = "ACGTUNRYSWKMBDHV-"
    genome = genome_of({"a": letters, "b": letters.lower()})
    for chrom in ("a", "b"):
        gc, unknown = base_counts(genome, chrom, range(17), 1)
        assert gc.tolist() == [0, 1, 1, 0, *[0] * 13]
        assert unknown.tolist() == [0, 0, 0, 0, *[1] * 13]


@pytest.mark.parametrize(("start", "length"), [(-1, 10), (91, 10), (0, 101), (100, 1)])
def test_a_window_that_passes_an_end_is_refused(start, length):
    # Compiled code would read on, into the header and the bases of the next chromosome.
    genome = genome_of({"a": "ACGT" * 25, "b": "G" * 100})
    window = frame_of([("a", 0, length), ("a", start, start + length)])
    for count in (lambda: base_counts(genome, "a", [0, start], length), lambda: read_bases(genome, window)):
        with pytest.raises(ValueError, match=r"passes an end of a \(100 bases\)"):
            count()


def test_windows_of_several_lengths_are_refused():
    windows = frame_of([("a", 0, 10), ("a", 5, 16)])
    assert width_of(windows.iloc[1:]) == 11
    assert width_of(windows.iloc[:0]) == 0
    for count in (read_bases, window_base_counts):
        with pytest.raises(ValueError, match="windows of several lengths"):
            count(genome_of({"a": "ACGT" * 25}), windows)


# --- sequences that are given -----------------------------------------------------------------------------------------


@QUICK
@given(st.integers(1, 30).flatmap(lambda n: st.lists(st.text(IUPAC, min_size=n, max_size=n), max_size=8)))
def test_sequences_become_rows_of_bases(sequences):
    length = len(sequences[0]) if sequences else 7
    bases = bases_of(sequences, length)
    assert bases.shape == (len(sequences), length)
    assert text_of(bases) == sequences
    gc, unknown = counts_of(bases)
    assert gc.tolist() == [text.count("G") + text.count("C") for text in sequences]
    assert unknown.tolist() == [sum(base not in "ACGT" for base in text) for text in sequences]
