"""Names and lengths of sequences: those that reading them gives, wherever the blocks of the file are cut."""

import gzip
import json
import os

import pysam
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cisflow import fasta_sizes
from cisflow.fasta import records
from cisflow.fasta_sizes import chromosome_sizes

BLANKS = st.sampled_from(["", "", "", " ", "\t", "\r", " \r"])


@st.composite
def fasta_files(draw):
    """FASTA as it is met: headers with descriptions, comments, blanks, blank lines, line ends of Windows, a mark."""
    text = draw(st.sampled_from(["", "\ufeff"]))
    lines = []
    if not text:
        lines += draw(st.lists(st.sampled_from(["", " ", ";comment > here", "\r"]), max_size=2))
    for number in range(draw(st.integers(1, 4))):
        blank = draw(st.sampled_from(["", " ", "\t"]))
        described = draw(st.sampled_from(["", " a > b", "\tlen=5", "\r", " >x\r", "  "]))
        lines.append(f">{blank}s{number}{described}")
        lines.append(draw(st.text("ACGTN", min_size=1, max_size=20)) + draw(BLANKS))
        for _ in range(draw(st.integers(0, 4))):
            kind = draw(st.sampled_from(["bases", "blanks", "comment"]))
            if kind == "comment":
                lines.append(draw(st.sampled_from([";", ";ACGT", "; > x\r", ";;>s0"])))
            else:
                lines.append(draw(st.text("ACGTN" if kind == "bases" else " \t", max_size=20)) + draw(BLANKS))
    return (text + "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))).encode()


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=fasta_files(), block=st.one_of(st.integers(1, 12), st.just(1 << 24)), packed=st.booleans())
# Comments were once counted as bases, and the first sequence of a file with a byte order mark was not seen.
@example(content=b">s0\nAC\n;comment > x\nGT\n", block=5, packed=False)
@example(content=b"\xef\xbb\xbf>s0\nAC\n>s1\nG", block=1 << 24, packed=False)
def test_sizes_are_the_lengths_of_what_is_read_at_any_size_of_a_block(content, block, packed, tmp_path, monkeypatch):
    fasta = tmp_path / "genome"
    fasta.write_bytes(gzip.compress(content) if packed else content)
    monkeypatch.setattr(fasta_sizes, "BLOCK", block)
    expected = [(name, len(sequence)) for name, sequence in records(fasta)]
    assert list(chromosome_sizes(str(fasta)).items()) == expected


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_names_and_lengths(packed, end, tmp_path):
    text = b";comment\n>chr1 a > b\nAC\nG\n> chr2\nA C\n\n>chr3\n>chr4\nAC".replace(b"\n", end)
    fasta = tmp_path / "genome"
    fasta.write_bytes(gzip.compress(text) if packed else text)
    assert chromosome_sizes(str(fasta)) == {"chr1": 3, "chr2": 2, "chr3": 0, "chr4": 2}


def test_every_spelling_has_the_sizes_that_samtools_finds(genome_spellings, genome):
    with pysam.FastaFile(genome.fasta) as opened:
        expected = list(zip(opened.references, opened.lengths, strict=True))
    for path in genome_spellings.values():
        assert list(chromosome_sizes(str(path)).items()) == expected


def test_of_a_name_that_stands_twice_the_last_counts(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">a\nACGT\n>b\nA\n>a\nAC\n")
    assert chromosome_sizes(str(fasta)) == {"a": 2, "b": 1}


@pytest.mark.parametrize("content", [b"", b"hello\n", b"ACGT\n" * 100, gzip.compress(b"hello\n")])
def test_no_header_is_no_fasta(content, tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(content)
    with pytest.raises(ValueError, match="no line that starts with `>`"):
        chromosome_sizes(str(fasta))


@pytest.mark.parametrize("content", [gzip.compress(b">a\n" + bytes(range(256)) * 99)[:-20], b"\x1f\x8bnonsense" * 9])
def test_what_cannot_be_unpacked_is_said(content, tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(content)
    with pytest.raises(ValueError, match="it cannot be unpacked"):
        chromosome_sizes(str(fasta))


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_sizes_are_remembered_until_the_file_changes(tmp_path):
    fasta, cache = tmp_path / "genome.fa", tmp_path / "cache"
    fasta.write_text(">a\nA\n")
    assert chromosome_sizes(str(fasta), cache) == {"a": 1}
    (remembered,) = cache.iterdir()
    noted = json.loads(remembered.read_text())
    remembered.write_text(json.dumps({**noted, "sizes": {"from the cache": 7}}))
    assert chromosome_sizes(str(fasta), cache) == {"from the cache": 7}
    assert chromosome_sizes(str(fasta)) == {"a": 1}  # without a cache the file is read
    fasta.write_text(">b\nA\n>c\nAC\n")
    assert chromosome_sizes(str(fasta), cache) == {"b": 1, "c": 2}
    assert [path.name for path in cache.iterdir()] == [remembered.name]


def test_a_file_of_the_same_size_and_another_time_is_read_again(tmp_path):
    fasta, cache = tmp_path / "genome.fa", tmp_path / "cache"
    fasta.write_text(">a\nA\n")
    chromosome_sizes(str(fasta), cache)
    before = os.stat(fasta)
    fasta.write_text(">b\nA\n")
    os.utime(fasta, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000))
    assert chromosome_sizes(str(fasta), cache) == {"b": 1}


def test_another_file_of_the_same_size_and_time_is_read(tmp_path):
    cache = tmp_path / "cache"
    for name in ("a", "b"):
        path = tmp_path / f"{name}.fa"
        path.write_text(f">{name}\nA\n")
        os.utime(path, ns=(10**18, 10**18))
        assert chromosome_sizes(str(path), cache) == {name: 1}


@pytest.mark.parametrize("content", ["{broken", "", "[]", "null", "3", '{"stamp": [], "sizes": {"x": 1}}', "\xff"])
def test_a_broken_cache_is_passed_over_and_written_anew(content, tmp_path):
    fasta, cache = tmp_path / "genome.fa", tmp_path / "cache"
    fasta.write_text(">a\nA\n")
    chromosome_sizes(str(fasta), cache)
    (remembered,) = cache.iterdir()
    good = remembered.read_bytes()
    remembered.write_bytes(content.encode("latin-1"))
    assert chromosome_sizes(str(fasta), cache) == {"a": 1}
    assert remembered.read_bytes() == good
