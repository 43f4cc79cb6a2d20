"""Motifs in MEME format, read with every mistake told, and written so that MEME-suite tools read them."""

import re
from dataclasses import dataclass

import numpy as np

from cisflow.alphabet import ALPHABET
from cisflow.messages import InputError

ROW_SUM_TOLERANCE = 0.01  # probabilities printed with few digits do not sum to 1 exactly


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

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str -> Motif
        By identifier, in the order of the file.

    Raises
    ------
    InputError
        With every bad line: no `MEME version` line, another alphabet than ACGT, rows that are no four probabilities,
        fewer rows than `w=` says, an identifier that stands twice, or no motif at all.
    """
    try:
        with open(path, encoding="utf-8-sig") as handle:
            lines = handle.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", str(error), "name a text file in MEME format") from error
    expected = "motifs in MEME format (`MEME version 4`, `MOTIF id name`, `letter-probability matrix: ...`)"
    if not any(line.startswith("MEME version") for line in lines[:50]):
        raise InputError(
            f"{path} is not a MEME file",
            f"found {lines[0][:60]!r} in line 1, expected {expected}" if lines else f"it is empty, expected {expected}",
            "JASPAR and others offer the same motifs in MEME format; `jaspar2meme` and its kin convert other formats",
        )
    motifs, mistakes = {}, []
    position = 0
    identifier = name = None
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if line.startswith("ALPHABET") and not re.match(r'ALPHABET\s*=\s*ACGT\s*$|ALPHABET\s+"?DNA', line):
            mistakes.append((position, f"found {line!r}, expected `ALPHABET= ACGT`"))
        elif line.startswith("MOTIF"):
            if identifier is not None:
                mistakes.append((position, f"motif {identifier} has no letter-probability matrix"))
            words = line.split()[1:]
            if not words:
                mistakes.append((position, "a motif without an identifier"))
                continue
            identifier, name = words[0], " ".join(words[1:])
            if identifier in motifs:
                mistakes.append((position, f"motif {identifier} stands twice"))
        elif line.startswith("letter-probability matrix") and identifier is not None:
            width = re.search(r"\bw=\s*(\d+)", line)
            nsites = re.search(r"\bnsites=\s*([\d.eE+]+)", line)
            rows = []
            while position < len(lines) and re.match(r"\s*[-+.\d]|\s*nan", lines[position], flags=re.IGNORECASE):
                rows.append((position + 1, lines[position].split()))
                position += 1
            matrix = []
            for number, fields in rows:
                try:
                    values = [float(field) for field in fields]
                except ValueError:
                    values = []
                total = sum(values)
                if len(values) != 4 or not all(0 <= v <= 1 for v in values) or abs(total - 1) > ROW_SUM_TOLERANCE:
                    mistakes.append((number, f"{' '.join(fields)[:60]!r} is not four probabilities with sum 1"))
                else:
                    matrix.append([value / total for value in values])
            if not rows or (width and int(width[1]) != len(rows)):
                found = f"motif {identifier} has {len(rows)} rows" + (f", w= says {width[1]}" if width else "")
                mistakes.append((position, found))
            motifs[identifier] = Motif(
                identifier, name, np.array(matrix).reshape(-1, 4), float(nsites[1]) if nsites else None
            )
            identifier = None
    if identifier is not None:
        mistakes.append((len(lines), f"motif {identifier} has no letter-probability matrix"))
    if mistakes:
        told = "\n".join(f"line {number}: {text}" for number, text in mistakes[:10])
        more = f"\n... and {len(mistakes) - 10} more" if len(mistakes) > 10 else ""
        raise InputError(
            f"{path}: {len(mistakes)} mistake(s)\n{told}{more}", f"expected {expected}", "mend or fetch it again"
        )
    if not motifs:
        raise InputError(f"{path} holds no motifs", f"expected {expected}", "name another file as motifs.database")
    return motifs


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


def information_content(pwm):
    """Information content of each position in bits against a uniform background: 2 + sum of p log2 p.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)

    Returns
    -------
    numpy.ndarray of float, shape (width,)
        0 (any base) to 2 (one base).
    """
    return 2 + np.sum(pwm * np.log2(np.where(pwm > 0, pwm, 1)), axis=1)


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
