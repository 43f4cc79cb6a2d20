"""Reading FASTA, record by record, with every mistake told by file and line, and finding indexes that are stale."""

import io
import re
from pathlib import Path

from cisflow.alphabet import ALPHABET, UNKNOWN_BASES
from cisflow.file_kinds import BYTE_ORDER_MARK
from cisflow.messages import InputError
from cisflow.text_files import READ_ERRORS, cannot_read, open_binary

BASES = (ALPHABET + UNKNOWN_BASES + (ALPHABET + UNKNOWN_BASES).lower()).encode()
BLANKS = b"\r\n \t"
BUFFER = 1 << 20  # bytes; lines of gzip come several times faster out of a buffer
AMINO_ACIDS = set("EFILPQ")  # letters of proteins that stand for no base
# How files begin that are given for FASTA, what they are, and what to do about it; `FILE` stands for the path.
OTHER_FORMATS = (
    (rb"@(HD|SQ|RG|PG)\t", "SAM, aligned reads", "name the genome that they are aligned to"),
    (rb"@", "FASTQ, reads", "name the genome, not reads; `seqtk seq -A FILE > FILE.fa` makes FASTA of sequences"),
    (rb"LOCUS\s", "GenBank", "turn it into FASTA: `seqret genbank::FILE fasta::FILE.fa` (EMBOSS)"),
    (rb"ID\s{3}", "EMBL", "turn it into FASTA: `seqret embl::FILE fasta::FILE.fa` (EMBOSS)"),
    (rb"##gff", "GFF, annotations", "name the FASTA file that belongs to it"),
    (rb"##fileformat=VCF", "VCF, variants", "name the FASTA file that belongs to it"),
    (rb"CLUSTAL|MUSCLE|#NEXUS|# STOCKHOLM", "an alignment", "name the genome as FASTA"),
    (
        rb"\S+\t[0-9]+(\t[0-9]+){3}\s*$",
        "an index of a FASTA file (.fai)",
        "name the FASTA file beside it, without .fai",
    ),
    (rb"\S+\t[0-9]+\s*$", "a table of chromosome sizes", "name the FASTA file with the sequences themselves"),
    (rb"\S+\t[0-9]+\t[0-9]+", "BED, intervals", "name a FASTA file"),
    (rb"[ACGTNacgtn]+\s*$", "bases without a header", "put a line `>name` before them"),
)


def records(path):
    """Read a FASTA file record by record.

    Blank lines, blanks within lines, comments (lines that begin with `;`), lower case and the line ends of Windows are
    accepted. What stands behind the name in a header is not looked at.

    Parameters
    ----------
    path : str or Path
        Plain, gzip or bgzip.

    Yields
    ------
    name : str
        First word of the header.
    sequence : bytes
        Bases as they stand in the file (lower case is kept), without line ends.

    Raises
    ------
    InputError
        If the file is not FASTA, is cut short, names a sequence twice, or holds what is no base.
    """
    name, parts, number, seen = None, [], 0, {}
    with open_binary(path) as opened, io.BufferedReader(opened, BUFFER) as handle:
        try:
            for number, line in enumerate(handle, start=1):
                if line.startswith((b">", b";")):
                    if line.startswith(b";"):
                        parts.append(b"\n")  # so that a line counted is a line of the file
                        continue
                    if name is not None:
                        yield name, _sequence(path, name, seen[name], parts)
                    name, parts = _name(path, number, line, seen), []
                    seen[name] = number
                elif name is not None:
                    parts.append(line)
                elif number == 1 and line.startswith(BYTE_ORDER_MARK + b">"):
                    name = _name(path, number, line.removeprefix(BYTE_ORDER_MARK), seen)
                    seen[name] = number
                elif line.strip():
                    raise _no_fasta(path, number, line)
        except READ_ERRORS as error:
            raise cannot_read(path, error, number) from error
    if name is None:
        raise InputError(
            f"{path} holds no sequence",
            f"found {f'{number} line(s) without a header' if number else 'an empty file'}, expected FASTA",
            "fetch it again (a download that failed leaves an empty file); a header is a line `>name`",
        )
    yield name, _sequence(path, name, seen[name], parts)


def _no_fasta(path, number, line):
    """The InputError for a line where the first header should be."""
    kind, cure = next(
        (known for pattern, *known in OTHER_FORMATS if re.match(pattern, line)),
        ("", "name a FASTA file (plain, gzip or bgzip)"),
    )
    return InputError(
        f"{path}, line {number}: not a FASTA file",
        f"found {line[:40]!r}{f', as in {kind}' if kind else ''}; expected a line that starts with `>`",
        cure.replace("FILE", str(path)),
    )


def _name(path, number, line, seen):
    """The name in a header, which must be there, in ASCII, for the first time, and alone in its line."""
    words = line[1:].split()
    if not words:
        raise InputError(
            f"{path}, line {number}: a header without a name", "found `>` alone, expected `>name`", "name the sequence"
        )
    if b"\r" in line.rstrip(b"\r\n"):
        raise InputError(
            f"{path}, line {number}: a carriage return within the header",
            f"found {line[:60]!r}, expected line ends of one kind",
            f"make them line feeds: `tr '\\r' '\\n' < {path} > NEW_FILE`",
        )
    try:
        name = words[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line {number}: a name that is not ASCII",
            f"found {words[0][:40]!r}, expected letters, digits and signs of ASCII, as other tools do",
            "rename the sequence",
        ) from error
    if name in seen:
        raise InputError(
            f"{path}, line {number}: sequence {name} stands twice",
            f"found it first in line {seen[name]}, expected every name once",
            "remove or rename one of the two",
        )
    return name


def _sequence(path, name, header, parts):
    """The bases of a record.

    Parameters
    ----------
    path : str or Path
    name : str
    header : int
        Line of its header.
    parts : list of bytes
        The lines below it; emptied, since the lines of a chromosome take several times its bases in memory.
    """
    lines, n_lines = b"".join(parts), len(parts)
    parts.clear()
    sequence = lines.translate(None, BLANKS)
    strange = sequence.translate(None, BASES)
    if strange:
        letters = sorted({chr(code) for code in strange})
        place = re.search(b"[" + re.escape(strange[:1]) + b"]", lines).start()
        number = header + 1 + lines.count(b"\n", 0, place)
        raise InputError(
            f"{path}, line {number}: sequence {name} holds characters that are no bases",
            f"found {letters[:8]}, expected A, C, G, T, N or another IUPAC code",
            _cure(set("".join(letters).upper()), path),
        )
    if not sequence:
        raise InputError(
            f"{path}, line {header + n_lines}: sequence {name} is empty",
            "found a header without bases below it, expected at least one line of sequence",
            "remove the header, or fetch the file again (it may be cut short)",
        )
    if (b"U" in sequence or b"u" in sequence) and not (b"T" in sequence or b"t" in sequence):
        raise InputError(
            f"{path}, line {header}: sequence {name} is RNA",
            "found U and no T, expected DNA (U would be read as an unknown base)",
            f"write T for U: `sed '/^>/!y/Uu/Tt/' {path} > NEW_FILE`",
        )
    return sequence


def _cure(letters, path):
    """What to do about a record with characters that are no bases."""
    if "\x00" in letters:
        return "fetch it again: zero bytes are what a full disk or a crash leaves"
    if len(letters & AMINO_ACIDS) > 1:
        return "these are amino acids: give the nucleotides (`.fna` or `.fa` at NCBI and Ensembl, not `.faa` or `pep`)"
    if letters & set("-.~"):
        return f"gaps are of an alignment: give sequences without them (`sed '/^>/!s/[-.~]//g' {path} > NEW_FILE`)"
    if ">" in letters:
        return "a line end is missing before `>`: files were joined of which one does not end in a line end"
    if letters & set("0123456789"):
        return "numbers stand in GenBank and EMBL files, and in FASTA of base qualities: give the bases as FASTA"
    if letters == {"X"}:
        return f"write unknown bases as N: `sed '/^>/!y/Xx/Nn/' {path} > NEW_FILE`"
    return "give nucleotide FASTA, as the database offers it"


def stale_index_problem(fasta, lengths):
    """Hold the index beside a FASTA file (`.fai`) against what was read from that file.

    This workflow reads no index that it did not write, but bedtools, samtools and pyfaidx give wrong bases without a
    word where the index is that of an older file or of another layout.

    Parameters
    ----------
    fasta : str or Path
        FASTA; plain, gzip or bgzip.
    lengths : dict of str -> int
        Names and lengths of all its records, in their order.

    Returns
    -------
    InputError or None
        None where there is no index, or a right one. Of a file that is not compressed, the first line of every record
        is held against the layout, too.
    """
    index = Path(f"{fasta}.fai")
    if not index.is_file():
        return None

    def problem(found, expected):
        return InputError(
            f"{index} is not the index of {fasta}",
            f"found {found}, expected {expected}",
            f"make it anew (`rm {index}`, then `samtools faidx {fasta}`), or remove it",
        )

    def shown(names):
        return ", ".join(list(names)[:8]) + (", ..." if len(names) > 8 else "")

    rows = [line.split("\t") for line in index.read_text(encoding="latin-1").splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 5 or not all(re.fullmatch("[0-9]+", field) for field in row[1:]):
            return problem(
                f"{' '.join(row)[:60]!r} in line {number}", "name, length, offset, bases a line, bytes a line"
            )
    indexed = {row[0]: int(row[1]) for row in rows}
    for name, length in lengths.items():
        if indexed.get(name) != length:
            found = f"{name} of {indexed[name]} bases" if name in indexed else f"no {name}"
            return problem(found, f"{name} of {length} bases, as in the file")
    if list(indexed) != list(lengths) or len(rows) != len(lengths):
        return problem(f"{len(rows)} sequences: {shown(indexed)}", f"the {len(lengths)} of the file: {shown(lengths)}")
    with open(fasta, "rb") as handle:
        if handle.read(2) == b"\x1f\x8b":
            return None
        for row in rows:
            length, offset, bases, width = map(int, row[1:5])
            handle.seek(max(0, offset - 1))
            before, line = handle.read(1), handle.readline(width + 1)
            one_line = length <= bases
            if (
                before != b"\n"
                or len(line.rstrip(BLANKS)) != min(bases, length)
                or not (one_line or len(line) == width)
            ):
                return problem(
                    f"that {row[0]} begins at byte {offset} with {bases} bases in {width} bytes a line",
                    f"the layout of the file, where {line[:30]!r} stands there",
                )
    return None
