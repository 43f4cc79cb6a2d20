"""Reading intervals: peak files and other BED files, with every mistake told by file and line.

Coordinates are 0-based and half-open throughout.
"""

import gzip
import zlib

import bioframe
import numpy as np
import pandas as pd

from cisflow.messages import InputError

MAX_TOLD = 10  # mistakes of one file that are told one by one


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

    `track` and `browser` lines, comments and empty lines are passed over. A file with ten columns of which the last is
    a whole number is narrowPeak: that number is the offset of the summit from the start, -1 where there is none. The
    anchor of a peak is its summit, else its midpoint, (start + end) // 2.

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
        With every bad line: too few columns, coordinates that are no whole numbers, start not below end, an end beyond
        the chromosome, a summit outside the peak.
    """
    rows, mistakes = [], []
    narrow = None
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) < 3:
            mistakes.append((number, f"found {len(fields)} column(s): {line[:60]!r}"))
            continue
        chrom, start_text, end_text = fields[0], fields[1], fields[2]
        if not (start_text.isascii() and start_text.isdigit() and end_text.isascii() and end_text.isdigit()):
            mistakes.append((number, f"start {start_text!r}, end {end_text!r} are no whole numbers from 0"))
            continue
        start, end = int(start_text), int(end_text)
        chrom = chrom if chrom in sizes else aliases.get(chrom, chrom)
        if start >= end:
            mistakes.append((number, f"start {start} is not below end {end}"))
            continue
        if chrom in sizes and end > sizes[chrom]:
            mistakes.append((number, f"end {end} lies beyond {chrom}, which has {sizes[chrom]} bases"))
            continue
        anchor = (start + end) // 2
        if narrow is None:
            narrow = len(fields) == 10 and fields[9].lstrip("-").isdigit()
        if narrow:
            offset_text = fields[9] if len(fields) == 10 else ""
            if not offset_text.lstrip("-").isdigit() or not -1 <= int(offset_text) < end - start:
                mistakes.append((number, f"summit offset {offset_text!r} is not -1 and not within the peak"))
                continue
            if int(offset_text) >= 0:
                anchor = start + int(offset_text)
        rows.append((chrom, start, end, anchor, number))
    raise_all(
        path,
        mistakes,
        "chromosome, start and end in tab-separated columns, 0-based and half-open, within the genome",
        "mend the lines; if ends lie beyond the chromosomes, the peaks belong to another assembly than genome.fasta",
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
