"""Genomes: what is written agrees with samtools and pyfaidx, whatever the spelling of the FASTA."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import pyfaidx
import pysam
import pytest

from cisflow.genome import base_counts, chromosome_bases, read_sizes, records, write_genome
from cisflow.messages import InputError

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


def test_records_keep_case_and_order(genome_spellings, genome):
    found = {name: sequence.decode() for name, sequence in records(genome_spellings["ragged"])}
    assert list(found.items()) == list(genome.sequences.items())


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


def test_the_index_is_that_of_the_file_written_even_if_a_stale_one_lies_there(tmp_path):
    # pyfaidx and bedtools read wrong bases without a word where the index is that of another layout.
    (tmp_path / "source.fa").write_text(">a\n" + "ACGTACGTAC\n" * 10)
    (tmp_path / "source.fa.fai").write_text("a\t100\t3\t50\t51\n")
    (tmp_path / "genome.fa.fai").write_text("a\t100\t3\t50\t51\n")
    fasta, *_ = written(tmp_path / "source.fa", tmp_path)
    assert chromosome_bases(fasta, "a").tobytes().decode() == "ACGTACGTAC" * 10


def test_sizes_are_read_as_written(genome):
    assert list(read_sizes(genome.sizes_file).items()) == list(genome.sizes.items())


def test_bases_are_those_of_samtools_in_upper_case(genome):
    with pysam.FastaFile(genome.fasta) as opened:
        for name in genome.sizes:
            assert chromosome_bases(genome.fasta, name).tobytes().decode() == opened.fetch(name).upper()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no sequence"),
        (b"ACGT\n", "line 1: not a FASTA file"),
        (b"\n\n@read\nACGT\n+\nIIII\n", "line 3: not a FASTA file"),
        (b">a\nACGT\n>\nACGT\n", "line 3: a header without a name"),
        (b">a\nACGT\n>b\n>c\nACGT\n", "line 3: sequence b is empty"),
        (b">a\nACGT\n>b\n\n", "line 4: sequence b is empty"),
        (b">a\nACGT\n>b\nAC\n>a x\nACGT\n", "line 5: sequence a stands twice"),
        (b">p\nMKVLE*\n", "sequence p holds characters that are no bases"),
        (b">a\nAC-GT\n", "sequence a holds characters that are no bases"),
        (b">a\rACGT\rACGT\r", "sequence a is empty"),
        (gzip.compress(b">a\n" + bytes(range(65, 69)) * 9000)[:-20], "cannot be read to its end"),
        (b"\x1f\x8b" + b"nonsense" * 40, "cannot be read to its end"),
        ("\ufeff>a\nACGT\n".encode("utf-16"), "line 1: not a FASTA file"),
        (b">a\nAC\x00GT\n", "no bases"),
    ],
)
def test_what_is_no_genome_is_refused_with_file_and_line(content, message, tmp_path):
    source = tmp_path / "source.fa"
    source.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        written(source, tmp_path)
    assert str(source) in caught.value.what


def test_a_gzip_file_with_a_broken_block_is_refused(tmp_path):
    good = bytearray(gzip.compress(b">a\n" + np.random.default_rng(1).choice(list(b"ACGT"), 10_000).tobytes()))
    good[len(good) // 2] ^= 0xFF
    source = tmp_path / "source.fa.gz"
    source.write_bytes(bytes(good))
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(bytes(good))
    with pytest.raises(InputError):
        written(source, tmp_path)


@pytest.mark.parametrize("width", [1, 31, 200])
def test_base_counts_against_bedtools_nuc(width, genome, bedtools, write_bed):
    rng = np.random.default_rng(width)
    chrom = "chr10"
    length = genome.sizes[chrom]
    starts = np.concatenate([[0, length - width], rng.integers(0, length - width + 1, size=300)])
    bed = write_bed("windows.bed", [(chrom, start, start + width) for start in starts])
    rows = [row for row in bedtools("nuc", "-fi", genome.fasta, "-bed", bed) if not row[0].startswith("#")]
    gc, unknown = base_counts(chromosome_bases(genome.fasta, chrom), starts, width)
    # After the three columns of the BED file: %AT, %GC, and the numbers of A, C, G, T, N and others.
    assert gc.tolist() == [int(row[6]) + int(row[7]) for row in rows]
    assert unknown.tolist() == [int(row[9]) + int(row[10]) for row in rows]


def test_base_counts_of_no_windows(genome):
    gc, unknown = base_counts(chromosome_bases(genome.fasta, "tiny"), [], 10)
    assert len(gc) == len(unknown) == 0


def test_an_unknown_base_is_any_but_four():
    bases = np.frombuffer(b"ACGTUNRYSWKMBDHV", dtype=np.uint8)
    gc, unknown = base_counts(bases, range(16), 1)
    assert gc.tolist() == [0, 1, 1, 0, *[0] * 12]
    assert unknown.tolist() == [0, 0, 0, 0, *[1] * 12]
