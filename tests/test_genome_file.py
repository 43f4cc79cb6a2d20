"""Genomes as files: what is written agrees with samtools and pyfaidx, whatever the spelling of the FASTA."""

import hashlib
from pathlib import Path

import pyfaidx
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisflow import genome_file
from cisflow.genome_file import LINE_WIDTH, fasta_pieces, read_sizes, write_genome

SPELLINGS = [
    "plain",
    "one_line",
    "width_7",
    "crlf",
    "ragged",
    "no_last_newline",
    "described",
    "gzip",
    "bgzip",
    "gzip_called_fa",
]


def written(source, folder):
    paths = [str(folder / name) for name in ("genome.fa", "genome.fa.fai", "chrom.sizes")]
    return (*paths, *write_genome(source, *paths))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_genome(spelling, genome_spellings, genome, tmp_path):
    fasta, index, sizes, lengths, sha256 = written(genome_spellings[spelling], tmp_path)
    assert Path(fasta).read_bytes() == Path(genome.fasta).read_bytes()
    assert Path(index).read_text() == Path(genome.index).read_text()  # samtools' own
    assert Path(sizes).read_text() == Path(genome.sizes_file).read_text()
    assert list(lengths.items()) == list(genome.sizes.items())
    assert sha256 == hashlib.sha256(Path(genome.fasta).read_bytes()).hexdigest()


def test_what_was_written_is_written_again_byte_by_byte(genome, tmp_path):
    fasta, *_ = written(genome.fasta, tmp_path)
    assert Path(fasta).read_bytes() == Path(genome.fasta).read_bytes()


@pytest.mark.parametrize("length", [1, 59, 60, 61, 120, 121])
def test_index_of_lengths_around_the_line_width(length, tmp_path):
    source = tmp_path / "source.fa"
    source.write_text(f">a\n{'ACGTA' * 30}\n>b x\n{'C' * length}\n>c\nGG\n")
    fasta, index, *_ = written(source, tmp_path)
    ours = Path(index).read_text()
    pysam.faidx(fasta)  # writes the index anew
    assert Path(index).read_text() == ours
    with pyfaidx.Fasta(fasta, rebuild=False) as opened:
        assert str(opened["b"][:]) == "C" * length


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequences=st.lists(st.text("ACGTNacgtn", min_size=1, max_size=400), min_size=1, max_size=4),
    at_once=st.integers(1, 500),
    width=st.integers(1, 200),
)
def test_a_genome_is_that_of_samtools_however_much_is_written_at_once(sequences, at_once, width, tmp_path, monkeypatch):
    # With fewer bases at once than a line has, nothing at all could be written.
    monkeypatch.setattr(genome_file, "BASES_AT_ONCE", max(at_once, LINE_WIDTH))
    lines = []
    for number, sequence in enumerate(sequences):
        lines += [f">s{number}", *(sequence[at : at + width] for at in range(0, len(sequence), width))]
    source = tmp_path / "source.fa"
    source.write_text("\n".join(lines) + "\n")
    fasta, index, sizes, lengths, sha256 = written(source, tmp_path)
    assert sha256 == hashlib.sha256(Path(fasta).read_bytes()).hexdigest()
    assert list(lengths.values()) == [len(sequence) for sequence in sequences]
    assert list(read_sizes(sizes).items()) == list(lengths.items())
    ours = Path(index).read_text()
    pysam.faidx(fasta)
    assert Path(index).read_text() == ours
    with pysam.FastaFile(fasta) as opened:
        assert [opened.fetch(name) for name in lengths] == sequences
    assert max(map(len, Path(fasta).read_text().splitlines())) <= LINE_WIDTH


def test_a_record_comes_in_pieces_of_whole_lines(monkeypatch):
    monkeypatch.setattr(genome_file, "BASES_AT_ONCE", 150)
    header, *pieces = fasta_pieces("x", b"A" * 400)
    assert header == b">x\n"
    assert [len(piece) for piece in pieces if piece] == [122, 122, 122, 41]
    assert b"".join(pieces) == (b"A" * 60 + b"\n") * 6 + b"A" * 40 + b"\n"


def test_the_index_is_that_of_the_file_written_even_if_a_stale_one_lies_there(tmp_path):
    # pyfaidx and bedtools read wrong bases without a word where the index is that of another layout.
    (tmp_path / "source.fa").write_text(">a\n" + "ACGTACGTAC\n" * 10)
    (tmp_path / "source.fa.fai").write_text("a\t100\t3\t50\t51\n")
    (tmp_path / "genome.fa.fai").write_text("a\t100\t3\t50\t51\n")
    fasta, *_ = written(tmp_path / "source.fa", tmp_path)
    with pyfaidx.Fasta(fasta, rebuild=False) as opened:
        assert str(opened["a"][:]) == "ACGTACGTAC" * 10


def test_sizes_are_read_as_written(genome):
    assert list(read_sizes(genome.sizes_file).items()) == list(genome.sizes.items())
