"""FASTA: every spelling of a file gives the same records, what is none is told by line, and stale indexes are found."""

import bz2
import gzip
import io
import shutil
import subprocess
import zipfile
import zlib

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.fasta import records, stale_index_problem
from cisflow.messages import InputError

BASES = b"ACGTNRYSWKMBDHVUacgtnryswkmbdhvu"


def read(path):
    return {name: sequence.decode() for name, sequence in records(path)}


def archive(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("genome.fa", content)
    return out.getvalue()


# --- what is FASTA ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["plain", "one_line", "width_7", "crlf", "ragged", "described", "gzip", "bgzip"])
def test_records_keep_case_and_order_in_every_spelling(spelling, genome_spellings, genome):
    assert list(read(genome_spellings[spelling]).items()) == list(genome.sequences.items())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b">a\nACGT\n>b\nGG", {"a": "ACGT", "b": "GG"}),
        (b">a\nAC\nGT\n>b\nGG\n", {"a": "ACGT", "b": "GG"}),
        (b">a\r\nAC\r\nGT\r\n>b\r\nGG\r\n", {"a": "ACGT", "b": "GG"}),
        (b"\n\n>a\n\nAC\n\nGT\n\n\n>b\nGG\n\n", {"a": "ACGT", "b": "GG"}),
        (b">a of x\ty\nACGT\n>b gi|5 >c\nGG\n", {"a": "ACGT", "b": "GG"}),
        (b"> a x\nACGT\n>\tb\nGG\n", {"a": "ACGT", "b": "GG"}),
        (">a Dm\u00e9\nACGT\n>b \ufffd\nGG\n".encode(), {"a": "ACGT", "b": "GG"}),
        (b">a Su\xe9\xff\nACGT\n>b \x80\nGG\n", {"a": "ACGT", "b": "GG"}),  # latin-1, which stops pyfaidx
        (b"\xef\xbb\xbf>a\nACGT\n>b\nGG\n", {"a": "ACGT", "b": "GG"}),
        (b";made by x\n; y\n>a\n;more\nAC\n;amid\nGT\n>b\nGG\n;end\n", {"a": "ACGT", "b": "GG"}),
        (b">a\nACGT ACGT\n  AC\tGT  \n", {"a": "ACGTACGTACGT"}),  # blocks of ten, as some databases print them
        (b">a\n" + BASES + b"\n", {"a": BASES.decode()}),
        (b">a\nacgtnACGT\n", {"a": "acgtnACGT"}),
        (b">a\nACGUT\n", {"a": "ACGUT"}),  # an odd U among DNA is an unknown base
        (b">HLA-A*01:01|x/y=z\nA\n", {"HLA-A*01:01|x/y=z": "A"}),
        (gzip.compress(b">a\nAC") + gzip.compress(b"GT\n>b\nGG\n"), {"a": "ACGT", "b": "GG"}),
        (gzip.compress(b"\xef\xbb\xbf>a\r\nACGT\r\n"), {"a": "ACGT"}),
    ],
)
@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz", "genome.txt"])
def test_unusual_fasta_is_read(content, expected, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path) == expected


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    names = data.draw(st.lists(st.text("abcXYZ019_.|", min_size=1, max_size=5), unique=True, min_size=1, max_size=4))
    letters = st.text("ACGTNacgtnRYK", min_size=1, max_size=40)
    expected = {name: data.draw(letters) for name in names}
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    lines = []
    for name, sequence in expected.items():
        width = data.draw(st.integers(1, 45))
        lines += [f">{name}", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
    text = end.join(lines) + data.draw(st.sampled_from(["", end, end * 2]))
    path = tmp_path_factory.mktemp("fasta") / "x.fa"
    path.write_bytes(gzip.compress(text.encode()) if data.draw(st.booleans()) else text.encode())
    assert read(path) == expected


# --- what is none -----------------------------------------------------------------------------------------------------

GENBANK = b"LOCUS       SCU49845     5028 bp    DNA\nORIGIN\n        1 gatcctccat\n//\n"
NO_FASTA = {
    "empty": (b"", ["holds no sequence", "empty file", "fetch it again"]),
    "empty gzip": (gzip.compress(b""), ["holds no sequence", "empty file"]),
    "blank lines": (b"\n\n", ["holds no sequence", "2 line(s) without a header"]),
    "comments": (b";a\n;b\n", ["holds no sequence"]),
    "no header": (b"ACGT\n", ["line 1: not a FASTA file", "b'ACGT", "bases without a header", ">name"]),
    "no header below a comment": (b";x\nACGT\n", ["line 2: not a FASTA file", ">name"]),
    "FASTQ": (b"\n\n@read\nACGT\n+\nIIII\n", ["line 3: not a FASTA file", "FASTQ", "seqtk"]),
    "SAM": (b"@HD\tVN:1.6\n", ["line 1: not a FASTA file", "SAM"]),
    "GenBank": (GENBANK, ["line 1: not a FASTA file", "GenBank", "seqret"]),
    "EMBL": (b"ID   X56734; SV 1; linear; mRNA\nXX\n", ["line 1", "EMBL", "seqret"]),
    "index": (b"chr1\t1000\t6\t60\t61\n", ["line 1", ".fai", "without .fai"]),
    "sizes": (b"chr1\t1000\nchr2\t500\n", ["line 1", "table of chromosome sizes"]),
    "BED": (b"chr1\t5\t9\n", ["line 1", "BED"]),
    "GFF": (b"##gff-version 3\n", ["line 1", "GFF"]),
    "alignment": (b"CLUSTAL W (1.8)\n\na  ACGT\n", ["line 1", "an alignment"]),
    "HTML": (b"<!DOCTYPE html>\n<html>", ["HTML page", "download the file itself"]),
    "zip": (archive(">a\nACGT\n"), ["zip archive", "unzip"]),
    "bzip2": (bz2.compress(b">a\nACGT\n"), ["bzip2", "bunzip2"]),
    "2bit": (bytes.fromhex("4327411a00000000") + bytes(40), ["2bit", "twoBitToFa"]),
    "2bit of the other byte order": (bytes.fromhex("1a41274300000000") + bytes(40), ["2bit", "twoBitToFa"]),
    "UTF-16": ("\ufeff>a\nACGT\n".encode("utf-16"), ["UTF-16", "iconv"]),
    "header without a name": (b">a\nACGT\n>\nACGT\n", ["line 3: a header without a name"]),
    "header of blanks": (b">a\nACGT\n>  \nACGT\n", ["line 3: a header without a name"]),
    "name that is not ASCII": (b">a\nACGT\n>chr\xe9 x\nACGT\n", ["line 3: a name that is not ASCII", "rename"]),
    "empty record": (b">a\nACGT\n>b\n>c\nACGT\n", ["line 3: sequence b is empty", "remove the header"]),
    "empty last record": (b">a\nACGT\n>b\n\n", ["line 4: sequence b is empty", "cut short"]),
    "a name twice": (b">a\nACGT\n>b\nAC\n>a x\nACGT\n", ["line 5: sequence a stands twice", "first in line 1"]),
    "protein": (b">a\nACGT\n>p\nGATC\nMKVLEF*\n", ["line 5: sequence p", "'*', 'E', 'F', 'L'", "amino acids"]),
    "gaps": (b">a\nACGT\nAC-GT\n", ["line 3: sequence a", "['-']", "alignment", "sed"]),
    "stop": (b">a\n;x\nACGT*\n", ["line 3: sequence a", "['*']"]),
    "masked by X": (b">a\nACGT\nACXXGT\n", ["line 3", "['X']", "write unknown bases as N"]),
    "numbers": (b">a\n1 acgtacgt\n9 acgt\n", ["line 2", "'1', '9'", "GenBank"]),
    "qualities": (b">a\n40 40 38\n", ["line 2", "'0', '3', '4', '8'"]),
    "no line end before a header": (b">a\nACGT>b\nACGT\n", ["line 2", "['>']", "line end is missing"]),
    "a zero byte": (b">a\nAC\x00GT\n", ["line 2", "\\x00", "fetch it again"]),
    "RNA": (b">a\nACGT\n>r\nACGUU\n", ["line 3: sequence r is RNA", "U and no T", "sed"]),
    "line ends of the old Mac": (b">a\rACGT\rACGT\r", ["line 1", "carriage return", "tr "]),
    "a header of the old Mac": (b">a\nACGT\n>b x\rACGT\nACGT\n", ["line 3", "carriage return"]),
    "cut short": (gzip.compress(b">a\n" + bytes(range(65, 69)) * 9000)[:-20], ["cannot be read to its end", "short"]),
    "no gzip": (b"\x1f\x8b" + b"nonsense" * 40, ["cannot be read to its end"]),
    "garbage behind gzip": (gzip.compress(b">a\nACGT\n") + b"x", ["cannot be read to its end", "behind"]),
}  # fmt: skip


@pytest.mark.parametrize("case", list(NO_FASTA))
def test_what_is_no_fasta_is_refused_with_file_and_line(case, tmp_path):
    content, words = NO_FASTA[case]
    path = tmp_path / "source.fa"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert caught.value.fix
    assert "FILE " not in caught.value.fix.replace("NEW_FILE", "")
    assert len(str(caught.value).replace(str(path), "")) < 600


@pytest.mark.parametrize("command", ["sed '/^>/!y/Uu/Tt/'", "sed '/^>/!s/[-.~]//g'"])
def test_cures_are_commands_that_work(command, tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">Uu-x\nACGUu\n" if "Uu" in command else ">Uu-x\nAC-GT.~\n")
    with pytest.raises(InputError) as caught:
        read(path)
    assert f"`{command} {path} > NEW_FILE`" in caught.value.fix
    new = tmp_path / "new.fa"
    subprocess.run(caught.value.fix.split("`")[1].replace("NEW_FILE", str(new)), shell=True, check=True)
    assert read(new) == {"Uu-x": "ACGTt" if "Uu" in command else "ACGT"}


def test_a_gzip_file_with_a_broken_block_is_refused(tmp_path):
    good = bytearray(gzip.compress(b">a\n" + np.random.default_rng(1).choice(list(b"ACGT"), 10_000).tobytes()))
    good[len(good) // 2] ^= 0xFF
    source = tmp_path / "source.fa.gz"
    source.write_bytes(bytes(good))
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(bytes(good))
    with pytest.raises(InputError):
        read(source)


def test_records_before_a_mistake_are_given(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">a\nACGT\n>b\nGG\n>c\nAC-\n")
    found = []
    with pytest.raises(InputError, match="line 6"):
        found.extend(name for name, _ in records(path))
    reading = records(path)
    assert next(reading) == ("a", b"ACGT")
    reading.close()


# --- stale indexes ----------------------------------------------------------------------------------------------------


def indexed(folder, text, index_of=None):
    """Write FASTA and the index that samtools makes of it, or of another text."""
    path, other = folder / "genome.fa", folder / "other.fa"
    path.write_bytes(text.encode())
    other.write_bytes((index_of or text).encode())
    pysam.faidx(str(other))
    shutil.move(f"{other}.fai", f"{path}.fai")
    return path, {name: len(sequence) for name, sequence in records(path)}


def wrapped(sequences, width, end="\n"):
    lines = []
    for name, sequence in sequences.items():
        lines += [f">{name}", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
    return end.join(lines) + end


RNG = np.random.default_rng(3)
SEQUENCES = {name: "".join(RNG.choice(list("ACGT"), size=n)) for name, n in (("a", 150), ("b", 60), ("c", 7))}
GENOME = wrapped(SEQUENCES, 60)


@pytest.mark.parametrize("width", [1, 7, 59, 60, 61, 150, 500])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last_end", [True, False])
def test_the_index_of_the_file_itself_is_no_problem(width, end, last_end, tmp_path):
    text = wrapped(SEQUENCES, width, end)
    path, lengths = indexed(tmp_path, text if last_end else text.rstrip())
    assert stale_index_problem(path, lengths) is None
    assert stale_index_problem(str(path), lengths) is None


def test_no_index_is_no_problem_and_neither_is_that_of_bgzip(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(GENOME)
    lengths = {name: len(sequence) for name, sequence in SEQUENCES.items()}
    assert stale_index_problem(path, lengths) is None
    pysam.tabix_compress(str(path), f"{path}.gz")
    pysam.faidx(f"{path}.gz")
    (tmp_path / "genome.fa.gz.gzi").unlink()
    assert (tmp_path / "genome.fa.gz.fai").exists()
    assert stale_index_problem(f"{path}.gz", lengths) is None
    lengths["a"] += 1
    assert "150 bases" in str(stale_index_problem(f"{path}.gz", lengths))


STALE = {
    "another layout": (wrapped(SEQUENCES, 50), "begins at byte 3 with 50 bases in 51 bytes a line"),
    "a longer layout": (wrapped(SEQUENCES, 70), "with 70 bases in 71 bytes a line"),
    "Windows": (wrapped(SEQUENCES, 60, "\r\n"), "begins at byte 4"),
    "a longer header": (GENOME.replace(">b", ">b x"), "b begins at byte"),
    "another length": (GENOME.replace(SEQUENCES["c"], "ACGTACGT"), "found c of 8 bases, expected c of 7 bases"),
    "another name": (GENOME.replace(">b", ">d"), "found no b"),
    "a record more": (GENOME + ">d\nACGT\n", "4 sequences: a, b, c, d"),
    "a record less": (wrapped({"a": SEQUENCES["a"], "b": SEQUENCES["b"]}, 60), "found no c"),
    "another order": (wrapped(dict(reversed(SEQUENCES.items())), 60), "3 sequences: c, b, a"),
}


@pytest.mark.parametrize("case", list(STALE))
def test_an_index_of_another_file_is_a_problem(case, tmp_path):
    index_of, word = STALE[case]
    path, lengths = indexed(tmp_path, GENOME, index_of)
    problem = stale_index_problem(path, lengths)
    assert isinstance(problem, InputError)
    assert problem.what == f"{path}.fai is not the index of {path}"
    assert word in problem.why
    assert f"samtools faidx {path}" in problem.fix


def test_wrong_bases_are_what_a_stale_index_gives(tmp_path):
    path, lengths = indexed(tmp_path, GENOME, wrapped(SEQUENCES, 50))
    with pysam.FastaFile(str(path)) as opened:
        assert opened.fetch("a", 0, 50) == SEQUENCES["a"][:50]
        assert opened.fetch("a", 100, 140) != SEQUENCES["a"][100:140]  # and not a word
    assert stale_index_problem(path, lengths) is not None


FAR = "a\t150\t99999\t60\t61\nb\t60\t9\t60\t61\nc\t7\t9\t7\t8\n"


@pytest.mark.parametrize("text", ["", "a\t150\n", "a\tx\t3\t60\t61\n", "nonsense\n", FAR])
def test_what_is_no_index_is_a_problem(text, tmp_path):
    path, lengths = indexed(tmp_path, GENOME)
    (tmp_path / "genome.fa.fai").write_text(text)
    assert "is not the index" in stale_index_problem(path, lengths).what
