"""Motifs in MEME format, read with every mistake told, and written so that MEME-suite tools read them."""

import itertools
import re
from dataclasses import dataclass

import numpy as np

from cisflow.alphabet import ALPHABET
from cisflow.messages import InputError
from cisflow.text_files import NUMBER, raise_all, text_lines

ROW_SUM_TOLERANCE = 0.01  # probabilities printed with few digits do not sum to 1 exactly
MATRIX_ROW = re.compile(r"\s*[-+]?(?:[.0-9]|nan\b|inf)", flags=re.IGNORECASE)
PSEUDOCOUNT = 0.01  # share of the background in every column: no log-odds lies below log(0.01) = -4.6
SMALLEST_BACKGROUND = 0.001
MIN_POSITIONS = 4  # fewest informative positions of a PWM that is worth matching
EXPECTED = "motifs in MEME format (`MEME version 4`, `MOTIF id name`, `letter-probability matrix: ...`)"
MEME_TEXT = "name the text file that MEME, STREME or DREME wrote beside it (meme.txt, streme.txt, dreme.txt)"
CURES = {"an HTML page": f"{MEME_TEXT}, or download the file itself", "XML": MEME_TEXT}
R_CURE = 'turn it into MEME in R: `universalmotif::write_meme(universalmotif::{reader}, "motifs.meme")`'
JASPAR_CURE = "turn it into MEME: `jaspar2meme -bundle FILE > motifs.meme`, or download it from JASPAR in MEME format"
# What stands in files that are given for MEME, what they are, and what to do; `FILE` stands for the path.
OTHER_FORMATS = (
    (r"^>\S+\t[^\t\n]+\t[-0-9.]+", "HOMER's format", R_CURE.format(reader='read_homer("FILE")')),
    (r"^>.*\n\s*A\s*[\[|]", "JASPAR's format", JASPAR_CURE),
    (r"^>.*\n[ \t]*[0-9.]+(?:[ \t]+[0-9.]+){4}", "JASPAR's raw format", JASPAR_CURE),
    (
        r"^>.*\n[ \t]*[0-9.]+(?:[ \t]+[0-9.]+){3}[ \t]*$",
        "a format with a row a position",
        R_CURE.format(reader='read_matrix("FILE", headers=">", positions="rows")'),
    ),
    (r"^P[0O]\s+A\s+C\s+G\s+T", "TRANSFAC's format", "turn it into MEME: `transfac2meme FILE > motifs.meme`"),
    (r"^Pos\s+A\s+C\s+G\s+T", "the format of CIS-BP", R_CURE.format(reader='read_cisbp("FILE")')),
    (r"^A\s*[:|]\s*[0-9.]+", "UniPROBE's format", "turn it into MEME: `uniprobe2meme FILE > motifs.meme`"),
    (r"^>.*\n[ACGTNacgtn]+$", "FASTA, sequences", "name motifs here; MEME or STREME find them in sequences"),
    (r"^MOTIF\b|^letter-probability", "MEME's without its head", "put `MEME version 4` and an empty line before it"),
)


@dataclass(frozen=True)
class Motif:
    """A motif.

    Attributes
    ----------
    identifier : str
    name : str
        Alternate name; empty where there is none.
    pwm : numpy.ndarray of float, shape (width, 4)
        Probabilities of A, C, G, T at each position; rows sum to 1.
    nsites : float or None
        Number of sites it was made from, None where the file does not say.
    """

    identifier: str
    name: str
    pwm: np.ndarray
    nsites: float | None


def read_meme(path):
    """Read a file of motifs in MEME format (minimal or full text output).

    The format: https://meme-suite.org/meme/doc/meme-format.html. `w=`, `nsites=`, the alphabet, the strands and the
    background may be missing; where they are written, they must be right.

    Parameters
    ----------
    path : str or Path
        Plain or gzip.

    Returns
    -------
    dict of str -> Motif
        By identifier, in the order of the file.

    Raises
    ------
    InputError
        With every bad line: another alphabet than ACGT, strands or a background that are none, rows that are no four
        probabilities, another number of rows than `w=` says, a matrix without a motif or a motif without a matrix, an
        identifier that stands twice. Or if the file has no `MEME version` line, is in another format, or has no motif.
    """
    lines = text_lines(path, wanted=EXPECTED, cures=CURES)
    if not any(line.startswith("MEME version") for line in lines[:50]):
        raise _not_meme(path, lines)
    motifs, mistakes = {}, []
    position = 0
    motif = None  # identifier, name and line of the motif whose matrix is still to come
    stands_in = {}  # identifier -> line
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if line.startswith("ALPHABET") and (letters := _letters(line, lines[position:])) != ALPHABET:
            of_letters = "" if "=" in line else f" (of {letters or 'no letters'})"
            mistakes.append((position, f"found {line[:60]!r}{of_letters}, expected `ALPHABET= ACGT`: motifs of DNA"))
        elif line.startswith("strands:") and not re.fullmatch(r"strands:\s*\+(\s*-)?", line):
            mistakes.append((position, f"found {line[:60]!r}, expected `strands: + -` or `strands: +`"))
        elif line.startswith("Background letter frequencies"):
            if not _is_background(lines[position : position + 1]):
                mistakes.append(
                    (position + 1, "no background of A, C, G and T with sum 1, as in `A 0.3 C 0.2 G 0.2 T 0.3`")
                )
        elif re.match(r"MOTIF\b", line):
            if motif is not None:
                mistakes.append((motif[2], f"motif {motif[0]} has no letter-probability matrix"))
            words = re.sub(r"\s+width\s*=.*", "", line).split()[1:]  # behind the names, MEME's text has numbers
            if not words:
                mistakes.append((position, "a motif without an identifier"))
                words = [f"(of line {position})"]
            motif = words[0], " ".join(words[1:]), position
            if motif[0] in stands_in:
                mistakes.append((position, f"motif {motif[0]} stands twice, first in line {stands_in[motif[0]]}"))
            stands_in.setdefault(motif[0], position)
        elif line.startswith("letter-probability matrix"):
            rows = list(itertools.takewhile(MATRIX_ROW.match, lines[position:]))
            if motif is None:
                mistakes.append((position, "a letter-probability matrix without a line `MOTIF` of its own before it"))
            else:
                pwm, nsites, wrong = _read_matrix(motif[0], line, rows, position)
                mistakes += wrong
                motifs[motif[0]] = Motif(motif[0], motif[1], pwm, nsites)
            motif = None
            position += len(rows)
    if motif is not None:
        mistakes.append((motif[2], f"motif {motif[0]} has no letter-probability matrix (a file cut short?)"))
    raise_all(path, sorted(mistakes), EXPECTED, _cure(mistakes))
    if not motifs:
        raise InputError(f"{path} holds no motifs", f"expected {EXPECTED}", "name another file, or fetch it again")
    return motifs


def read_background(path):
    """Frequencies of A, C, G and T that a file in MEME format gives for sequences without motifs.

    Parameters
    ----------
    path : str or Path
        A file that `read_meme` takes.

    Returns
    -------
    tuple of float
        Sum 1; a quarter each where the file does not say.
    """
    lines = text_lines(path, wanted=EXPECTED, cures=CURES)
    for number, line in enumerate(lines, start=1):
        if line.strip().startswith("Background letter frequencies") and _is_background(lines[number : number + 1]):
            values = [float(word) for word in lines[number].split()[1::2]]
            return tuple(value / sum(values) for value in values)
    return (0.25,) * 4


def _letters(line, below):
    """The letters that have columns in the matrices, in alphabetical order, as those columns are.

    Parameters
    ----------
    line : str
        `ALPHABET= ACGT`, or `ALPHABET "DNA" DNA-LIKE`, which `END ALPHABET` follows.
    below : list of str
        The lines after it: `A "Adenine" CC0000 ~ T "Thymine" 008000` for two letters that pair, or one letter a line;
        letters that stand for others (`N = ACGT`) have no columns.

    Returns
    -------
    str
    """
    if "=" in line:
        return "".join(line.partition("=")[2].split())
    of_block = list(itertools.takewhile(lambda row: not row.strip().startswith("END ALPHABET"), below))
    if len(of_block) == len(below):  # a name alone
        return ALPHABET if re.match(r'ALPHABET\s+"?DNA\b', line) else ""
    rows = (re.sub(r'"[^"]*"', " ", row).strip() for row in of_block)
    core = (row for row in rows if row and "=" not in row and not row.startswith("#"))
    return "".join(sorted(half.split()[0] for row in core for half in row.split("~") if half.strip()))


def _is_background(lines):
    """Whether a line holds the frequencies of A, C, G and T, which sum to 1."""
    words = lines[0].split() if lines else []
    if words[0::2] != list(ALPHABET) or len(words) != 8 or not all(map(NUMBER.fullmatch, words[1::2])):
        return False
    values = [float(word) for word in words[1::2]]
    return min(values) >= 0 and abs(sum(values) - 1) <= ROW_SUM_TOLERANCE


def _read_matrix(identifier, header, rows, number):
    """A letter-probability matrix.

    Parameters
    ----------
    identifier : str
        Of its motif, for messages.
    header : str
        Its first line, `letter-probability matrix: alength= 4 w= 8 nsites= 20 E= 0`.
    rows : list of str
        The lines below it that hold numbers.
    number : int
        Line of the header in the file.

    Returns
    -------
    pwm : numpy.ndarray of float, shape (width, 4)
    nsites : float or None
    mistakes : list of (int, str)
    """
    said = dict(re.findall(r"\b(alength|w|nsites)=\s*(\S+)", header))
    matrix, mistakes = [], []
    for key, text in said.items():
        if not NUMBER.fullmatch(text) or float(text) < 0:
            mistakes.append((number, f"motif {identifier}: {key}= {text} is no number of at least 0"))
    if said.get("alength", "4") != "4":
        mistakes.append(
            (number, f"motif {identifier} has an alphabet of {said['alength']} letters, not the four of DNA")
        )
    for row_number, row in enumerate(rows, start=number + 1):
        fields = row.split()
        values = [float(field) for field in fields if NUMBER.fullmatch(field)]
        total = sum(values)
        if len(fields) != 4 or len(values) != 4 or min(values) < 0 or abs(total - 1) > ROW_SUM_TOLERANCE:
            if len(fields) == len(values) == 4:
                why = "a negative number" if min(values) < 0 else f"their sum is {total:g}"
            else:
                why = f"{len(values)} number(s) in {len(fields)} column(s)"
                why += "; a decimal comma?" if "," in row else ""
            mistakes.append((row_number, f"{' '.join(fields)[:60]!r} is not four probabilities with sum 1 ({why})"))
        else:
            matrix.append([value / total for value in values])
    if not rows or said.get("w", str(len(rows))) != str(len(rows)):
        found = f"motif {identifier} has {len(rows)} rows" + (f", w= says {said['w']}" if "w" in said else "")
        mistakes.append((number + len(rows), found))
    nsites = said.get("nsites", "")
    return np.array(matrix).reshape(-1, 4), float(nsites) if NUMBER.fullmatch(nsites) else None, mistakes


def _not_meme(path, lines):
    """The InputError for a file without a line `MEME version`."""
    number, first = next((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    text = "\n".join(lines[:100])
    kind, cure = next(
        (known for pattern, *known in OTHER_FORMATS if re.search(pattern, text, flags=re.MULTILINE)),
        ("", "JASPAR and others offer the same motifs in MEME format"),
    )
    return InputError(
        f"{path} is not a MEME file",
        f"found {first[:60]!r} in line {number}{f', as in {kind}' if kind else ''}; expected {EXPECTED}",
        cure.replace("FILE", str(path)),
    )


def _cure(mistakes):
    """What to do about a file with these mistakes."""
    sums = [float(found[1]) for _, text in mistakes if (found := re.search(r"their sum is ([0-9.e+-]+)", text))]
    if sums and min(sums) > 2:
        return (
            "these seem to be counts or percent: divide each row by its sum (`matrix2meme` does it for a bare matrix)"
        )
    if any("ALPHABET= ACGU" in text or "(of ACGU)" in text for _, text in mistakes):
        return (
            "give motifs of DNA, or write `ALPHABET= ACGT` where those of RNA are meant for the DNA that codes for it"
        )
    if any("`ALPHABET= ACGT`" in text or "an alphabet of" in text for _, text in mistakes):
        return "give motifs of DNA"
    return "mend the lines, or fetch the file again"


def write_meme(path, motifs, background=(0.25, 0.25, 0.25, 0.25)):
    """Write motifs in MEME format, version 4.

    Parameters
    ----------
    path : str or Path
    motifs : iterable of Motif
    background : sequence of float
        Frequencies of A, C, G, T.
    """
    frequencies = " ".join(f"{letter} {value:.6f}" for letter, value in zip(ALPHABET, background, strict=True))
    with open(path, "w", encoding="utf-8") as out:
        out.write("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n")
        out.write(f"Background letter frequencies\n{frequencies}\n\n")
        for motif in motifs:
            sites = f" nsites= {motif.nsites:.15g}" if motif.nsites is not None else ""
            out.write(f"MOTIF {motif.identifier}{' ' + motif.name if motif.name else ''}\n")
            out.write(f"letter-probability matrix: alength= 4 w= {len(motif.pwm)}{sites} E= 0\n")
            out.writelines(" ".join(f"{value:.6f}" for value in row) + "\n" for row in motif.pwm)
            out.write("\n")


def information_content(pwm, background=(0.25, 0.25, 0.25, 0.25)):
    """Information content of each position in bits against a background: sum of p log2 (p / background).

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    background : sequence of float
        Frequencies of A, C, G, T, above 0.

    Returns
    -------
    numpy.ndarray of float, shape (width,)
        0 where a position is as the background; at most 2 (one base) against a uniform one.
    """
    return np.sum(pwm * np.log2(np.where(pwm > 0, pwm / np.asarray(background), 1)), axis=1)


def is_informative(pwm, trim_information, min_information, background=(0.25, 0.25, 0.25, 0.25)):
    """Whether a PWM can be told from the background, so that p-values of its matches can be trusted.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    trim_information : float
        Bits that at least `MIN_POSITIONS` positions must have.
    min_information : float
        Bits that positions must have on average.
    background : sequence of float
        See `information_content`.

    Returns
    -------
    bool
    """
    information = information_content(pwm, background)
    return bool((information >= trim_information).sum() >= MIN_POSITIONS and information.mean() >= min_information)


def log_odds(pwm, background):
    """Log-odds of each base at each position, in nats.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    background : sequence of float
        Frequencies of A, C, G, T.

    Returns
    -------
    numpy.ndarray of float, shape (width, 4)
    """
    background = np.maximum(background, SMALLEST_BACKGROUND)
    background = background / background.sum()
    return np.log((1 - PSEUDOCOUNT) * pwm / background + PSEUDOCOUNT)


def consensus(pwm):
    """The likeliest base of each position, as text."""
    return "".join(ALPHABET[base] for base in pwm.argmax(axis=1))


def reverse_complement(pwm):
    """The motif as read on the other strand.

    Parameters
    ----------
    pwm : array_like, shape (width, 4)
        Probabilities of A, C, G, T, so that reversing the base axis complements.

    Returns
    -------
    numpy.ndarray, shape (width, 4)
    """
    return np.asarray(pwm, dtype=float)[::-1, ::-1]
