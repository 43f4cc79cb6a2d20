"""Reading intervals: peak files and other BED files, with every mistake told by file and line.

Coordinates are 0-based and half-open throughout.
"""

import gzip
import re
import zlib

import bioframe
import numpy as np
import pandas as pd

from cisflow.messages import InputError

MAX_TOLD = 10  # mistakes of one file that are told one by one
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")  # what int64 holds; int() alone would take 1_000 and superscripts


def numbered_lines(path):
    """Lines of a text file, plain or gzip, with their numbers from 1, without line ends.

    Raises
    ------
    InputError
        If the file cannot be read to its end as text.
    """
    with open(path, "rb") as handle:
        opener = gzip.open if handle.read(2) == b"\x1f\x8b" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
            for number, line in enumerate(handle, start=1):
                yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read to its end",
            f"found {error} after line {number}, expected text, plain or gzip",
            "fetch it again; `gzip -t FILE` tells whether a gzip file is whole",
        ) from error


def raise_all(path, mistakes, expected, fix):
    """Raise one InputError for all mistakes of a file, each a pair of line number and text; nothing without any."""
    if not mistakes:
        return
    told = "\n".join(f"line {number}: {text}" for number, text in mistakes[:MAX_TOLD])
    more = f"\n... and {len(mistakes) - MAX_TOLD} more" if len(mistakes) > MAX_TOLD else ""
    raise InputError(f"{path}: {len(mistakes)} bad line(s)\n{told}{more}", f"expected {expected}", fix)


def read_aliases(path):
    """Read a table of chromosome names: a dictionary from the name used in a file to the name in the genome.

    Parameters
    ----------
    path : str, Path or None
        Two tab-separated columns; lines that start with `#` are passed over. None gives an empty dictionary.
    """
    aliases, mistakes = {}, []
    for number, line in numbered_lines(path) if path else ():
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 2 or not all(field.strip() for field in fields):
            mistakes.append((number, f"found {line[:60]!r}"))
            continue
        name, genome_name = (field.strip() for field in fields)
        if aliases.setdefault(name, genome_name) != genome_name:
            mistakes.append((number, f"{name!r} stands for {aliases[name]!r} and for {genome_name!r}"))
    raise_all(path, mistakes, "two columns: a name in the files, a tab, the name in the genome", "mend the lines")
    return aliases


def read_bed(path, sizes, aliases):
    """Read a BED file (three columns or more) or a narrowPeak file.

    `track` and `browser` lines, comments and empty lines are passed over. A file with a line of ten columns of which
    the last is a whole number is narrowPeak: that number is the offset of the summit from the start, -1 where there is
    none, and every other line must have one too. The anchor of a peak is its summit, else its midpoint,
    (start + end) // 2.

    Parameters
    ----------
    path : str or Path
        Plain or gzip.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the file -> names in the genome.

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `anchor`, `line`; also rows of chromosomes that the genome lacks.

    Raises
    ------
    InputError
        With every bad line: too few columns, no chromosome, coordinates that are no whole numbers, start not below end,
        an end beyond the chromosome, a summit that is missing or outside the peak.
    """
    rows, offsets, mistakes = [], [], []
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith("#") or line.split(maxsplit=1)[0] in ("track", "browser"):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) < 3:
            mistakes.append((number, f"found {len(fields)} column(s): {line[:60]!r}"))
            continue
        chrom, start_text, end_text = fields[0], fields[1], fields[2]
        if not chrom.strip():
            mistakes.append((number, f"no chromosome: {line[:60]!r}"))
            continue
        if not (WHOLE_NUMBER.fullmatch(start_text) and WHOLE_NUMBER.fullmatch(end_text)):
            mistakes.append((number, f"start {start_text[:30]!r}, end {end_text[:30]!r} are no whole numbers from 0"))
            continue
        start, end = int(start_text), int(end_text)
        chrom = chrom if chrom in sizes else aliases.get(chrom, chrom)
        if start >= end:
            mistakes.append((number, f"start {start} is not below end {end}"))
            continue
        if chrom in sizes and end > sizes[chrom]:
            mistakes.append((number, f"end {end} lies beyond {chrom}, which has {sizes[chrom]} bases"))
            continue
        rows.append((chrom, start, end, (start + end) // 2, number))
        offsets.append(fields[9] if len(fields) == 10 else "")
    # The whole file is asked, so that the first line does not decide for the others.
    if any(WHOLE_NUMBER.fullmatch(offset.removeprefix("-")) for offset in offsets):
        for position, ((chrom, start, end, _, number), offset) in enumerate(zip(rows, offsets, strict=True)):
            if offset == "-1":
                continue
            if WHOLE_NUMBER.fullmatch(offset) and int(offset) < end - start:
                rows[position] = (chrom, start, end, start + int(offset), number)
            else:
                mistakes.append((number, f"summit offset {offset!r} (column 10) is not -1 and not within the peak"))
    raise_all(
        path,
        sorted(mistakes),
        "chromosome, start and end in tab-separated columns, 0-based and half-open, within the genome",
        "the peaks belong to another assembly than genome.fasta: fetch those of this one, or name their genome"
        if any("lies beyond" in text for _, text in mistakes)
        else "mend or remove the lines",
    )
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "anchor", "line"]).astype(
        {"chrom": object, "start": np.int64, "end": np.int64, "anchor": np.int64, "line": np.int64}
    )


def check_names(path, intervals, sizes):
    """Refuse a file none of whose chromosomes the genome has (an empty file passes)."""
    if len(intervals) and not intervals["chrom"].isin(list(sizes)).any():
        found = ", ".join(map(str, intervals["chrom"].drop_duplicates().head(8)))
        raise InputError(
            f"{path}: none of its chromosomes is in the genome",
            f"found {found}; the genome has {', '.join(list(sizes)[:8])}{', ...' if len(sizes) > 8 else ''}",
            "give genome.aliases, a table of two columns (name in the file, name in the genome), or another genome",
        )


def touches(windows, intervals):
    """Which windows share at least one base with any of the intervals.

    Parameters
    ----------
    windows, intervals : pandas.DataFrame
        With `chrom`, `start` and `end`.

    Returns
    -------
    numpy.ndarray of bool, shape (len(windows),)
    """
    if len(windows) == 0 or len(intervals) == 0:
        return np.zeros(len(windows), dtype=bool)
    columns = ["chrom", "start", "end"]
    counts = bioframe.count_overlaps(windows[columns].reset_index(drop=True), intervals[columns].reset_index(drop=True))
    return counts["count"].to_numpy() > 0


def merged(intervals):
    """The union of intervals: sorted, none touching another (`chrom`, `start`, `end`)."""
    columns = ["chrom", "start", "end"]
    if len(intervals) == 0:
        return intervals[columns].copy()
    return bioframe.merge(intervals[columns])[columns].sort_values(columns, ignore_index=True)


def read_regions(path):
    """Read `chrom`, `start` and `end` of a BED file that this workflow wrote; it may be empty."""
    with open(path, encoding="utf-8") as handle:
        rows = [line.rstrip("\n").split("\t")[:3] for line in handle]
    frame = pd.DataFrame(rows, columns=["chrom", "start", "end"], dtype=object)
    return frame.astype({"start": np.int64, "end": np.int64})
