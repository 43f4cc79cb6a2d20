import gzip
import math
from pathlib import Path

import memelite.io
import numpy as np
import pytest

from cisflow.meme import Motif, consensus, information_content, read_background, read_meme, write_meme
from cisflow.messages import InputError

JASPAR = Path(__file__).parent.parent / "resources" / "jaspar"
HEAD = (
    "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
)
ROWS = "0.5 0.25 0.125 0.125\n0 0 1 0\n"


def written(tmp_path, text):
    path = tmp_path / "motifs.meme"
    path.write_text(text)
    return path


def random_motifs(n=5, seed=0):
    rng = np.random.default_rng(seed)
    return [Motif(f"m{i}", "alt name" * (i % 2), rng.dirichlet(np.ones(4), size=5 + i), 10.0 + i) for i in range(n)]


def test_writing_and_reading_is_the_identity(tmp_path):
    motifs = random_motifs()
    write_meme(tmp_path / "m.meme", motifs)
    read = read_meme(tmp_path / "m.meme")
    assert [(m.identifier, m.name, m.nsites) for m in read.values()] == [
        (m.identifier, m.name, m.nsites) for m in motifs
    ]
    for motif in motifs:
        assert read[motif.identifier].pwm == pytest.approx(motif.pwm, abs=2e-6)


def test_an_independent_reader_reads_what_is_written(tmp_path):
    motifs = random_motifs()
    write_meme(tmp_path / "m.meme", motifs)
    read = memelite.io.read_meme(str(tmp_path / "m.meme"))
    assert list(read) == [f"{m.identifier} {m.name}".strip() for m in motifs]
    for motif, pwm in zip(motifs, read.values(), strict=True):
        assert pytest.approx(motif.pwm, abs=2e-6) == pwm.T


def test_the_shipped_databases_agree_with_an_independent_reader():
    for name, number in (("insects", 296), ("fungi", 193)):
        path = JASPAR / f"JASPAR2026_CORE_{name}_nonredundant.meme"
        ours, theirs = read_meme(path), memelite.io.read_meme(str(path))
        assert len(ours) == len(theirs) == number
        for motif, pwm in zip(ours.values(), theirs.values(), strict=True):
            assert motif.pwm == pytest.approx(pwm.T / pwm.T.sum(axis=1, keepdims=True))


MATRIX = "letter-probability matrix: alength= 4 w= 2 nsites= 7 E= 0\n" + ROWS
FULL = (
    "*" * 80 + "\nMEME - Motif discovery tool\n" + "*" * 80 + "\nMEME version 5.5.5 (Release date: x)\n\n"
    "TRAINING SET\nDATAFILE= x.fa\nALPHABET= ACGT\n\nCOMMAND LINE SUMMARY\nstrands: +\n"
    "Letter frequencies in dataset:\nA 0.31 C 0.19 G 0.19 T 0.31\n"
    "Background letter frequencies (from file x):\nA 0.307 C 0.193 G 0.193 T 0.307\n"
    "Motif AG MEME-1 Description\n" + "*" * 80 + "\nMOTIF AG MEME-1\twidth =   2  sites =   7  llr = 9\n"
    "Simplified        A  a:\npos.-specific     C  ::\n\n"
    "log-odds matrix: alength= 4 w= 2 n= 99 bayes= 6 E= 1e-3\n  1  2  3  4\n  -9  2  3  4\n\n"
    + MATRIX + "-" * 80 + "\nMotif AG MEME-1 regular expression\n[AC]G\n"
)  # fmt: skip
BASES = (
    'A "Adenine" CC0000 ~ T "Thymine" 008000\nC "Cytosine" 0000CC ~ G "Guanine" FFB300\n'
    'N "Any base" = ACGT\nX = ACGT\n. = ACGT\nV "Not T" = ACG\nU = T\n'
)
# As JASPAR's, DREME's, STREME's and other files stand: text, and nsites and name of the motif `a` (`AG` of MEME).
VALID = {
    "all is said": (HEAD + "MOTIF a name\n" + MATRIX, 7, "name"),
    "no width": (HEAD + "MOTIF a name\nletter-probability matrix:\n" + ROWS, None, "name"),
    "no number of sites": (HEAD + "MOTIF a\nletter-probability matrix: alength= 4 w= 2\n" + ROWS, None, ""),
    "tabs and an address": (HEAD + "MOTIF a\n" + MATRIX.replace("0.5 0", "0.5\t0") + "URL https://x.org\n", 7, ""),
    "log-odds, too": (HEAD + "MOTIF a\nlog-odds matrix: w= 2\n1 2 3 4\n1 2 3 4\n" + MATRIX, 7, ""),
    "a blank line before the matrix": (HEAD + "MOTIF a\n\n\n" + MATRIX, 7, ""),
    "a name of several words": (HEAD + "MOTIF  a   Su(H)  v2 \n" + MATRIX, 7, "Su(H) v2"),
    "no alphabet, strands or background": ("MEME version 4\nMOTIF a\n" + MATRIX, 7, ""),
    "one strand": (HEAD.replace("+ -", "+") + "MOTIF a\n" + MATRIX, 7, ""),
    "a background from a file": (HEAD.replace("frequencies", "frequencies (from x)") + "MOTIF a\n" + MATRIX, 7, ""),
    "an alphabet by name": (
        HEAD.replace("= ACGT", f' "DNA" DNA-LIKE\n{BASES}END ALPHABET') + "MOTIF a\n" + MATRIX, 7, ""),
    "an alphabet without names and colours": (
        HEAD.replace("= ACGT", " Bases\nA ~ T\nC ~ G\n# any\nN = ACGT\nEND ALPHABET") + "MOTIF a\n" + MATRIX, 7, ""),
    "an alphabet by name alone": (HEAD.replace("= ACGT", ' "DNA"') + "MOTIF a\n" + MATRIX, 7, ""),
    "no blank around equal signs": (HEAD.replace("= ", "=") + "MOTIF a\n" + MATRIX.replace("= ", "="), 7, ""),
    "version 5": (HEAD.replace("version 4", "version 5.5.5 (Release date: x)") + "MOTIF a\n" + MATRIX, 7, ""),
    "exponents": (HEAD + "MOTIF a\n" + MATRIX.replace("0.125", "1.25e-01").replace("nsites= 7", "nsites= 7e0"), 7, ""),
    "rounded rows": (HEAD + "MOTIF a\n" + MATRIX.replace("0.25", "0.2525").replace("0.5", "0.505"), 7, ""),
    "MEME's own text": (FULL, 7, "MEME-1"),
}  # fmt: skip


@pytest.mark.parametrize("spelled", ["plain", "gzip", "Windows", "old Mac", "byte order mark", "no last line end"])
@pytest.mark.parametrize("case", list(VALID))
def test_valid_flavours_are_read(case, spelled, tmp_path):
    text, nsites, name = VALID[case]
    content = {
        "plain": text.encode(),
        "gzip": gzip.compress(text.encode()),
        "Windows": text.replace("\n", "\r\n").encode(),
        "old Mac": text.replace("\n", "\r").encode(),
        "byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "no last line end": text.rstrip("\n").encode(),
    }[spelled]
    path = tmp_path / "motifs.meme"
    path.write_bytes(content)
    [motif] = read_meme(path).values()
    assert motif.identifier == ("AG" if text == FULL else "a")
    assert (motif.nsites, motif.name) == (nsites, name)
    expected = np.array([[0.5, 0.25, 0.125, 0.125], [0, 0, 1, 0]])
    assert motif.pwm == pytest.approx(expected, abs=0.003 if case == "rounded rows" else 1e-12)
    assert motif.pwm.sum(axis=1) == pytest.approx([1, 1], abs=1e-12)


STARS = "*" * 80 + "\n"
# Whole files as programs and databases write them, cut to two positions: the text, and what is in it (identifier, name,
# number of sites, background).
OUTPUTS = {
    "JASPAR": (
        HEAD + "MOTIF MA0004.1 Arnt\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n"
        " 0.500000  0.250000  0.125000  0.125000\n 0.000000  0.000000  1.000000  0.000000\n"
        "URL http://jaspar.genereg.net/matrix/MA0004.1\n\n",
        ("MA0004.1", "Arnt", 20, [0.25] * 4),
    ),
    "HOCOMOCO 11": (
        HEAD + "MOTIF AHR_HUMAN.H11MO.0.B\nletter-probability matrix: alength= 4 w= 2 nsites= 154\n"
        "\t0.5\t0.25\t0.125\t0.125\n\t0.0\t0.0\t1.0\t0.0\nURL http://hocomoco.autosome.ru/motif/AHR_HUMAN.H11MO.0.B\n\n",
        ("AHR_HUMAN.H11MO.0.B", "", 154, [0.25] * 4),
    ),
    "HOCOMOCO 12": (
        HEAD.replace("A 0.25 C 0.25 G 0.25 T 0.25", "A 0.25 C 0.25 G 0.25 T 0.25 \n")
        + "MOTIF AHR.H12CORE.0.P.B\nletter-probability matrix: alength= 4 w= 2 nsites= 999.96\n"
        "0.5\t0.25\t0.125\t0.125\n0.0\t0.0\t1.0\t0.0\n",
        ("AHR.H12CORE.0.P.B", "", 999.96, [0.25] * 4),
    ),
    "STREME": (
        STARS + "STREME - Sensitive, Thorough, Rapid, Enriched Motif Elicitation\n" + STARS
        + "MEME version 5.5.5 (Release date: Thu Sep 14 08:48:04 2023 +1000)\n\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
        "Background letter frequencies\nA 0.27 C 0.23 G 0.23 T 0.27\n\nMOTIF 1-MG STREME-1\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 132 S= 3.1e-010\n"
        " 0.500000 0.250000 0.125000 0.125000 \n 0.000000 0.000000 1.000000 0.000000 \n\n" + STARS
        + "COMMAND:\tstreme --p x.fa --n MOTIF.fa\n" + STARS + "CPU:\t\thost\n" + STARS + "FINALTIME:\t1.2 seconds\n",
        ("1-MG", "STREME-1", 132, [0.27, 0.23, 0.23, 0.27]),
    ),
    "DREME": (
        "# DREME 5.0.5\n# command:     dreme -p x.fa\n# positives:   100 | from: x.fa\n# host:        host\n\n\n"
        "MEME version 5.0.5\n\nALPHABET \"DNA\" DNA-LIKE\n" + BASES + "END ALPHABET\n\nstrands: + -\n\n"
        "Background letter frequencies (from dataset):\nA 0.3 C 0.2 G 0.2 T 0.3\n\nMOTIF MG DREME-1\n\n"
        "#             Word    RC Word        Pos        Neg    P-value    E-value\n"
        "# BEST          MG         CK         51          2   1.1e-018   3.9e-015\n"
        "#               AG         CT         33          1   5.8e-012   2.0e-008\n\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 57 E= 3.9e-015\n"
        "0.500000 0.250000 0.125000 0.125000\n0.000000 0.000000 1.000000 0.000000\n\n\n"
        "Time 0.46 secs.\n",
        ("MG", "DREME-1", 57, [0.3, 0.2, 0.2, 0.3]),
    ),
    "MEME": (FULL, ("AG", "MEME-1", 7, [0.307, 0.193, 0.193, 0.307])),
    "MEME 4, its motifs by number": (
        FULL.replace("MOTIF AG MEME-1\twidth", "MOTIF  1\twidth").replace("version 5.5.5", "version 4.9.0"),
        ("1", "", 7, [0.307, 0.193, 0.193, 0.307]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", list(OUTPUTS))
def test_what_programs_and_databases_write_is_read(program, tmp_path):
    text, (identifier, name, nsites, background) = OUTPUTS[program]
    path = written(tmp_path, text)
    [motif] = read_meme(path).values()
    assert (motif.identifier, motif.name, motif.nsites) == (identifier, name, nsites)
    assert motif.pwm == pytest.approx(np.array([[0.5, 0.25, 0.125, 0.125], [0, 0, 1, 0]]))
    assert read_background(path) == pytest.approx(background)


def one(matrix, head=HEAD):
    """A file of one motif `a`, whose `MOTIF` line is line 10."""
    return head + "MOTIF a\n" + matrix


def rows(text):
    return one(f"letter-probability matrix: w= 2\n{text}\n0 0 1 0\n")


CYS = "ALPHABET= ACDEFGHIKLMNPQRSTVWY"
NO_MOTIFS = {
    "empty": ("", ["is empty", "fetch it again"]),
    "blank": ("\n\n", ["is empty"]),
    "a head alone": (HEAD, ["holds no motifs"]),
    "JASPAR": (">MA1 x\nA [1 2]\nC [1 0]\nG [0 0]\nT [0 1]\n", ["line 1", "JASPAR's format", "jaspar2meme -bundle"]),
    "JASPAR, raw": (">MA1 x\n1 2 3 4 5\n1 0 0 0 0\n0 0 0 0 0\n0 1 0 0 0\n", ["JASPAR's raw format", "jaspar2meme"]),
    "TRANSFAC": ("AC M1\nXX\nID x\nP0      A      C      G      T\n01 1 2 3 4 N\nXX\n", ["TRANSFAC", "transfac2meme"]),
    "TRANSFAC with PO": ("ID x\nBF y\nPO\tA\tC\tG\tT\n1\t1\t2\t3\t4\tN\nXX\n", ["TRANSFAC", "transfac2meme"]),
    "HOMER": (">ACGT\tCTCF(Zf)/x\t6.5\t-99\t0\n0.1\t0.2\t0.3\t0.4\n", ["HOMER", "read_homer", "write_meme"]),
    "HOCOMOCO": (">CTCF_HUMAN\n0.1 0.2 0.3 0.4\n0.1 0.2 0.3 0.4\n", ["a row a position", "read_matrix"]),
    "CIS-BP": ("Pos\tA\tC\tG\tT\n1\t0.1\t0.2\t0.3\t0.4\n", ["CIS-BP", "read_cisbp"]),
    "CIS-BP with a head": ("TF\tT1\nTF Name\tx\nMotif\tM1\nPos\tA\tC\tG\tT\n1\t0\t0\t0\t1\n", ["CIS-BP"]),
    "UniPROBE": ("Gene: x\nA:\t0.1\t0.2\nC:\t0.9\t0.8\n", ["UniPROBE", "uniprobe2meme"]),
    "FASTA": (">a\nACGT\n", ["FASTA", "sequences"]),
    "HTML": ("<!DOCTYPE HTML>\n<html><title>MEME</title>\n", ["HTML page", "meme.txt", "beside it"]),
    "XML": ('<?xml version="1.0"?>\n<MEME version="5.5.5">\n', ["XML", "meme.txt", "beside it"]),
    "no version": ("ALPHABET= ACGT\nMOTIF a\n" + MATRIX, ["line 1", "without its head", "MEME version 4"]),
    "another text": ("# motifs of 2024\n\nx\n", ["found '# motifs of 2024' in line 1", "MEME format"]),
    "sum of 1.3": (rows("0.5 0.5 0.3 0"), ["line 12", "sum is 1.3"]),
    "sum of 0.98": (rows("0.5 0.25 0.12 0.11"), ["line 12", "sum is 0.98"]),
    "negative": (rows("-0.5 0.5 0.5 0.5"), ["line 12", "a negative number"]),
    "nan": (rows("nan 0.5 0.5 0"), ["line 12", "3 number(s) in 4 column(s)"]),
    "NaN last": (one("letter-probability matrix: w= 2\n0 0 1 0\n0.5 0.5 NaN 0\n"), ["line 13"]),
    "inf": (rows("inf 0 0 0"), ["line 12"]),
    "-inf": (rows("0.5 0.5 -inf 0"), ["line 12"]),
    "underscores": (rows("0_1 0 0 0"), ["line 12"]),
    "decimal commas": (rows("0,5 0,25 0,125 0,125"), ["line 12", "decimal comma"]),
    "counts": (one("letter-probability matrix:\n12 3 4 5\n0 0 24 0\n"), ["line 12", "line 13", "sum is 24", "counts"]),
    "percent": (one("letter-probability matrix: w= 2\n50 25 25 0\n0 0 100 0\n"), ["sum is 100", "percent", "divide"]),
    "three columns": (rows("0.5 0.5 0"), ["line 12", "3 number(s) in 3 column(s)"]),
    "five columns": (rows("0.5 0.5 0 0 0"), ["line 12", "5 number(s) in 5 column(s)"]),
    "a row cut short": (one("letter-probability matrix:\n0.5 0.5 0 0\n0.5 0."), ["line 13", "2 number(s)"]),
    "too few rows": (one("letter-probability matrix: w= 3\n" + ROWS), ["line 13", "has 2 rows, w= says 3"]),
    "too many rows": (one("letter-probability matrix: w= 1\n" + ROWS), ["has 2 rows, w= says 1"]),
    "a blank line among rows": (one("letter-probability matrix: w= 2\n0 0 1 0\n\n0 0 1 0\n"), ["1 rows, w= says 2"]),
    "no rows": (one("letter-probability matrix: w= 2\n\n"), ["line 11", "has 0 rows, w= says 2"]),
    "no rows, no width": (one("letter-probability matrix:\n"), ["line 11", "has 0 rows"]),
    "width 0": (one("letter-probability matrix: w= 0\n"), ["line 11", "has 0 rows"]),
    "width in words": (one("letter-probability matrix: w= two\n" + ROWS), ["line 11", "w= two is no number"]),
    "sites in words": (one("letter-probability matrix: nsites= 1e\n" + ROWS), ["line 11", "nsites= 1e is no number"]),
    "negative sites": (one("letter-probability matrix: nsites= -5\n" + ROWS), ["line 11", "nsites= -5 is no number"]),
    "sites that are nan": (one("letter-probability matrix: nsites= nan\n" + ROWS), ["line 11", "nsites= nan"]),
    "an identifier twice": (one(MATRIX + "\nMOTIF a\n" + MATRIX), ["line 15: motif a stands twice, first in line 10"]),
    "no identifier": (HEAD + "MOTIF\n" + MATRIX, ["line 10: a motif without an identifier"]),
    "no matrix": (HEAD + "MOTIF x\nMOTIF a\n" + MATRIX, ["line 10: motif x has no letter-probability matrix"]),
    "no matrix at the end": (one(MATRIX + "MOTIF b\n"), ["line 14: motif b has no", "cut short"]),
    "log-odds alone": (one("log-odds matrix: w= 2\n1 2 3 4\n1 2 3 4\n"), ["motif a has no letter-probability matrix"]),
    "two matrices": (one(MATRIX + MATRIX), ["line 14: a letter-probability matrix without"]),
    "a matrix before": (HEAD + MATRIX + "MOTIF a\n" + MATRIX, ["line 10: a letter-probability matrix without"]),
    "RNA": (one(MATRIX, HEAD.replace("ACGT", "ACGU")), ["line 3", "ALPHABET= ACGU", "`ALPHABET= ACGT`"]),
    "RNA by name": (one(MATRIX, HEAD.replace("= ACGT", ' "RNA" RNA-LIKE')), ["line 3", 'ALPHABET "RNA"', "of DNA"]),
    "RNA by its letters": (
        one(MATRIX, HEAD.replace("= ACGT", ' "mine"\nA "Adenine" ~ U "Uracil"\nC ~ G\nEND ALPHABET')),
        ["line 3", "of ACGU", "the DNA that codes for it"],
    ),
    "methylated DNA": (
        one(MATRIX, HEAD.replace("= ACGT", f' "DNA and 5mC" DNA-LIKE\n{BASES}m "5mC" ~ 1 "G by it"\nEND ALPHABET')),
        ["line 3", "of 1ACGTm", "`ALPHABET= ACGT`"],
    ),
    "no letters": (one(MATRIX, HEAD.replace("= ACGT", ' "DNA"\nEND ALPHABET')), ["line 3", "of no letters"]),
    "protein": (one(MATRIX, HEAD.replace("ALPHABET= ACGT", CYS)), ["line 3", CYS[:20], "of DNA"]),
    "protein by its length": (one(MATRIX.replace("alength= 4", "alength= 20")), ["line 11", "20 letters", "of DNA"]),
    "odd strands": (one(MATRIX, HEAD.replace("+ -", "both")), ["line 5", "strands: both", "`strands: + -`"]),
    "odd background": (one(MATRIX, HEAD.replace("A 0.25", "A 0.75")), ["line 8", "background"]),
    "background of numbers": (one(MATRIX, HEAD.replace("A 0.25 C 0.25 G 0.25 T 0.25", "1 2 3 4")), ["line 8"]),
    "no background": (one(MATRIX, HEAD.replace("A 0.25 C 0.25 G 0.25 T 0.25", "")), ["line 8"]),
    "latin-1": (one(MATRIX).replace("MOTIF a", "MOTIF a\u00e9"), ["line 10", "UTF-8", "iconv"]),
    "a zero byte": (one(MATRIX).replace("0 0 1 0", "0 0 1 0\x00"), ["line 13", "zero byte"]),
    "UTF-16": (one(MATRIX).encode("utf-16"), ["UTF-16", "iconv"]),
    "zip": (b"PK\x03\x04" + bytes(40), ["zip archive", "unzip"]),
    "cut short": (gzip.compress(one(MATRIX).encode() * 40)[:-12], ["cannot be read to its end", "cut short"]),
}  # fmt: skip


@pytest.mark.parametrize("case", list(NO_MOTIFS))
def test_what_other_readers_let_through_is_refused(case, tmp_path):
    content, words = NO_MOTIFS[case]
    path = tmp_path / "motifs.meme"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_meme(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert caught.value.fix
    assert "FILE" not in caught.value.fix.replace("NEW_FILE", "")
    assert len(str(caught.value).replace(str(path), "")) < 700


def test_all_mistakes_are_told_in_the_order_of_the_file(tmp_path):
    head = HEAD.replace("+ -", "?")
    text = head + "MOTIF x\nMOTIF a\nletter-probability matrix: w= 3\n0.5 0.5 0.5 0\n1 2 3\n" + "MOTIF a\n" + MATRIX
    with pytest.raises(InputError) as caught:
        read_meme(written(tmp_path, text))
    told = caught.value.what.splitlines()
    assert told[0].endswith(": 6 bad line(s)")
    assert [line.split(":")[0] for line in told[1:]] == [f"line {number}" for number in (5, 10, 13, 14, 14, 15)]


def test_a_hundred_mistakes_are_counted(tmp_path):
    text = HEAD + "MOTIF a\nletter-probability matrix:\n" + "1 1 1 1\n" * 100
    with pytest.raises(InputError, match=r"100 bad line\(s\)") as caught:
        read_meme(written(tmp_path, text))
    assert caught.value.what.splitlines()[-1] == "... and 90 more"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Background letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n", [0.3, 0.2, 0.2, 0.3]),
        ("Background letter frequencies (from uniform background):\nA 0.1 C 0.2 G 0.3 T 0.4 \n", [0.1, 0.2, 0.3, 0.4]),
        ("Background letter frequencies\nA 0.303 C 0.183 G 0.209 T 0.306\n", [0.3027, 0.1828, 0.2088, 0.3057]),
        ("", [0.25] * 4),
    ],
)
def test_the_background_is_the_files_own_or_uniform(text, expected, tmp_path):
    path = written(tmp_path, f"MEME version 4\n\nALPHABET= ACGT\n\n{text}\nMOTIF a\nletter-probability matrix:\n{ROWS}")
    assert list(read_meme(path)) == ["a"]
    assert read_background(path) == pytest.approx(expected, abs=1e-4)
    assert sum(read_background(path)) == pytest.approx(1)


def test_information_content_is_two_bits_less_the_entropy():
    pwm = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0.7, 0.1, 0.1, 0.1]])
    entropy = [0, 2, 1, -(0.7 * math.log2(0.7) + 0.3 * math.log2(0.1))]
    assert information_content(pwm) == pytest.approx([2 - value for value in entropy])
    assert consensus(pwm) == "AAAA"
