import math
from pathlib import Path

import memelite.io
import numpy as np
import pytest

from cisflow.meme import Motif, consensus, information_content, read_meme, write_meme
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


@pytest.mark.parametrize(
    "matrix",
    [
        "letter-probability matrix: alength= 4 w= 2 nsites= 7 E= 0\n" + ROWS,
        "letter-probability matrix:\n" + ROWS,  # without w=, which is valid
        "letter-probability matrix: alength= 4 w= 2\n" + ROWS.replace(" ", "\t") + "URL https://example.org\n",
        "log-odds matrix: alength= 4 w= 2\n1 2 3 4\n1 2 3 4\nletter-probability matrix: w= 2\n" + ROWS,
    ],
)
def test_valid_flavours_are_read(tmp_path, matrix):
    motifs = read_meme(written(tmp_path, HEAD + "MOTIF a name\n" + matrix))
    assert motifs["a"].pwm == pytest.approx(np.array([[0.5, 0.25, 0.125, 0.125], [0, 0, 1, 0]]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        (">MA1\nA [1 2]\n", "is not a MEME file"),
        (HEAD, "holds no motifs"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 2\n0.5 0.5 0.3 0\n0 0 1 0\n", "line 12"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 2\n-0.5 0.5 0.5 0.5\n0 0 1 0\n", "line 12"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 2\nnan 0.5 0.5 0\n0 0 1 0\n", "line 12"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 2\n12 3 4 5\n0 0 1 0\n", "line 12"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 3\n" + ROWS, "has 2 rows, w= says 3"),
        (
            HEAD + "MOTIF a\nletter-probability matrix: w= 2\n" + ROWS + "MOTIF a\nletter-probability matrix:\n" + ROWS,
            "twice",
        ),
        (HEAD + "MOTIF a\nMOTIF b\nletter-probability matrix:\n" + ROWS, "motif a has no letter-probability matrix"),
        (HEAD.replace("ACGT", "ACGU") + "MOTIF a\nletter-probability matrix:\n" + ROWS, "ALPHABET"),
    ],
)
def test_what_other_readers_let_through_is_refused(tmp_path, text, told):
    with pytest.raises(InputError) as error:
        read_meme(written(tmp_path, text))
    assert told in str(error.value)
    assert "motifs.meme" in str(error.value)


def test_information_content_is_two_bits_less_the_entropy():
    pwm = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0.7, 0.1, 0.1, 0.1]])
    entropy = [0, 2, 1, -(0.7 * math.log2(0.7) + 0.3 * math.log2(0.1))]
    assert information_content(pwm) == pytest.approx([2 - value for value in entropy])
    assert consensus(pwm) == "AAAA"
