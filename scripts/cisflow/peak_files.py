"""Reading peak files and other BED files, with every mistake told by file and line, and choosing the strongest peaks.

Coordinates are 0-based and half-open throughout.
"""

import re
from collections import Counter

import numpy as np
import pandas as pd

from cisflow.messages import InputError
from cisflow.peak_formats import NARROW_PEAK, SUMMIT, column_index, foreign_format, format_of, is_number
from cisflow.text_files import WHOLE_NUMBER, raise_all, text_lines

RANK = "rank"  # the order in the file, strongest first
FEW_PEAKS = 10  # that may be sorted by position by chance
# A line as it should be: a name without blanks or quotes, start, end, and the other columns with the tab before them.
INTERVAL = re.compile(r"(?!(?:track|browser)\t)([^\s#\"'][^\s\"']*)\t([0-9]{1,18})\t([0-9]{1,18})((?:\t.*)?)")
SEPARATED = re.compile(r"[ \t]+")


def read_peaks(path, sizes, aliases, rank_by=None, value=None, max_lines=None):
    """Read a peak file: BED of three columns or more, narrowPeak, broadPeak or gappedPeak.

    Columns are separated by tabs, or by blanks in a line without tabs. `track` and `browser` lines, comments and empty
    lines are passed over wherever they stand. `cisflow.peak_formats.format_of` says how the format is found. The
    anchor of a peak is its summit in narrowPeak (column 10, an offset from the start; -1 where there is none), else its
    midpoint, (start + end) // 2.

    Parameters
    ----------
    path : str or Path
        Plain, gzip or bgzip.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the file -> names in the genome; they apply where the genome lacks the name.
    rank_by : str or int, optional
        Column by which peaks are ranked: `score`, `signalValue`, `pValue`, `qValue` or a number from 1. None or `rank`
        is the order in the file, which needs no column.
    value : str or int, optional
        Column with the target's value, named in the same way.
    max_lines : int, optional
        Read only so many lines from the start of the file, for a quick look at it.

    Returns
    -------
    pandas.DataFrame
        `chrom` (the genome's name where it is known), `start`, `end`, `anchor`, `line`; `score` with `rank_by` a
        column, `value` with `value`. Also rows of chromosomes that the genome lacks; none for a file without peaks.

    Raises
    ------
    InputError
        With every bad line: too few columns or another number than the other lines, no chromosome, coordinates that
        are no whole numbers, start not below end, an end beyond the chromosome, a summit that is missing or outside the
        peak, no finite number where one is used. Or if the file is none of these formats, or lacks the column.
    """
    headers, rows, bad = _split(text_lines(path, max_lines=max_lines))
    first = [fields for _, fields in sorted(bad[:2] + [(row[0], _columns(row)) for row in rows[:2]])[:2]]
    foreign = foreign_format(headers, first, sizes)
    if foreign:
        kind, cure = foreign
        found = " | ".join(first[0]) if first else headers[0]
        raise InputError(
            f"{path} is no peak file",
            f"it looks like {kind}: found {found[:80]!r}; expected BED, narrowPeak, broadPeak or gappedPeak",
            cure.replace("FILE", str(path)),
        )
    mistakes = [(number, _what_is_wrong(fields, not rows or number < rows[0][0])) for number, fields in bad]
    rows, n_columns, uneven = _of_equal_length(rows)
    mistakes += uneven
    numbers, names, starts, ends, others = zip(*rows, strict=True) if rows else ((),) * 5
    known = {name: name if name in sizes else aliases.get(name, name) for name in set(names)}
    peaks = pd.DataFrame(
        {
            "chrom": pd.Series([known[name] for name in names], dtype=object),
            "start": np.array(list(map(int, starts)), dtype=np.int64),
            "end": np.array(list(map(int, ends)), dtype=np.int64),
            "anchor": 0,
            "line": np.array(numbers, dtype=np.int64),
        }
    )
    peaks["anchor"] = (peaks["start"] + peaks["end"]) // 2
    mistakes += _bad_intervals(peaks, sizes)
    kind = format_of(path, headers, map(_columns, rows), n_columns if rows else None)
    if kind == NARROW_PEAK:
        mistakes += _set_summits(peaks, _column(others, SUMMIT))
    for name, column in (("score", None if rank_by == RANK else rank_by), ("value", value)):
        if column is not None:
            index = column_index(path, column, kind, n_columns) if rows else SUMMIT
            texts = _column(others, index)
            wrong = [position for position, text in enumerate(texts) if not is_number(text)]
            told = f"(column {index + 1}) is no finite number"
            mistakes += [(numbers[position], f"{column} {texts[position][:30]!r} {told}") for position in wrong]
            peaks[name] = np.nan if wrong else np.array(list(map(float, texts)), dtype=np.float64)
    _raise_mistakes(path, mistakes)
    return peaks


def _split(lines):
    """Take apart the lines of a file.

    Returns
    -------
    headers : list of str
        Comments, `track` and `browser` lines.
    rows : list of tuple
        Number, name, start, end (texts) and the rest of every line that begins as an interval does.
    bad : list of tuple
        Number and columns of every other line that is not empty.
    """
    headers, rows, bad = [], [], []
    usual = INTERVAL.fullmatch
    for number, line in enumerate(lines, start=1):
        match = usual(line)
        if match is None:
            words = SEPARATED.split(line.strip(" \t"))
            if words == [""]:
                continue
            if words[0].startswith("#") or words[0] in ("track", "browser"):
                headers.append(line)
                continue
            match = usual("\t".join(words)) if "\t" not in line else None
            if match is None:
                bad.append((number, line.split("\t") if "\t" in line else words))
                continue
        rows.append((number, *match.groups()))
    return headers, rows, bad


def _columns(row):
    """All columns of a row as `_split` gives it."""
    return [*row[1:4], *row[4].split("\t")[1:]]


def _column(others, index):
    """The texts of one column behind the third, of index 3 or more, in the last part of the rows of `_split`."""
    return [other.split("\t", index - 1)[index - 2] for other in others]


def _of_equal_length(rows):
    """Keep the rows that have as many columns as most.

    Returns
    -------
    rows : list of tuple
    n_columns : int
        Of two numbers equally frequent, the larger.
    mistakes : list of (int, str)
        The other rows.
    """
    lengths = [3 + row[4].count("\t") for row in rows]
    counted = Counter(lengths)
    n_columns = max(counted, key=lambda length: (counted[length], length), default=3)
    mistakes = []
    for row, length in zip(rows, lengths, strict=True) if len(counted) > 1 else ():
        if length != n_columns:
            empty = ", the last of them empty (a tab at its end)" if row[4].endswith("\t") else ""
            mistakes.append((row[0], f"{length} columns{empty}, where most lines have {n_columns}"))
    if mistakes:
        rows = [row for row, length in zip(rows, lengths, strict=True) if length == n_columns]
    return rows, n_columns, mistakes


def _what_is_wrong(fields, before_all_others):
    """What is wrong with a line that does not begin as an interval does, by its columns."""
    shown = " | ".join(fields)[:60]
    if any(field.strip(" ").startswith(("'", '"')) for field in fields[:3]):
        return f"quoted columns: {shown!r}; write them without quotes"
    if len(fields) < 3:
        return f"found {len(fields)} column(s): {shown!r}"
    chrom, start, end = fields[:3]
    if before_all_others and not re.search(r"[0-9]", start + end) and start.strip() and end.strip():
        return f"start {start[:30]!r}, end {end[:30]!r} are no whole numbers from 0 (a header line? put # before it)"
    if not chrom.strip():
        return f"no chromosome: {shown!r}"
    if not (WHOLE_NUMBER.fullmatch(start) and WHOLE_NUMBER.fullmatch(end)):
        told = " and ".join(sorted({reason for reason in map(_why_no_whole_number, (start, end)) if reason}))
        return f"start {start[:30]!r}, end {end[:30]!r} are no whole numbers from 0{f' ({told})' if told else ''}"
    return f"chromosome {chrom[:30]!r} has blanks or quotes in or around it"


def _why_no_whole_number(text):
    """What a coordinate holds that a whole number does not."""
    if text != text.strip():
        return "blanks around a number"
    for pattern, reason in (
        (r"[0-9]{1,3}([,.'\u2019][0-9]{3})+", "thousands are separated: write 1000"),
        (r"[0-9]+(_[0-9]+)+", "an underscore: write 1000"),
        (r"0[xX][0-9a-fA-F]+", "hexadecimal: write decimal numbers"),
        (r"[0-9.]+[eE][+]?[0-9]+", "an exponent, as R and awk write large numbers: write all digits"),
        (r"[0-9]+[.,][0-9]+", "a fraction"),
        (r"-[0-9]+", "below 0"),
        (r"[+][0-9]+", "a sign"),
        (r"[0-9]{19,}", "too large"),
        (r"", "empty"),
    ):
        if re.fullmatch(pattern, text):
            return reason
    return ""


def _bad_intervals(peaks, sizes):
    """Mistakes of intervals: start not below end, an end beyond the chromosome."""
    found = []
    for row in peaks[peaks["start"] >= peaks["end"]].itertuples():
        found.append((row.line, f"start {row.start} is not below end {row.end}"))
    limits = {chrom: sizes.get(chrom, np.iinfo(np.int64).max) for chrom in set(peaks["chrom"])}
    beyond = peaks["end"].to_numpy() > np.array([limits[chrom] for chrom in peaks["chrom"]], dtype=np.int64)
    for row in peaks[beyond].itertuples():
        found.append((row.line, f"end {row.end} lies beyond {row.chrom}, which has {sizes[row.chrom]} bases"))
    return found


def _set_summits(peaks, texts):
    """Put the summits of narrowPeak in place as anchors; mistakes are summits that are missing or outside the peak."""
    whole = WHOLE_NUMBER.fullmatch
    offsets = np.array([int(text) if text == "-1" or whole(text) else -2 for text in texts], dtype=np.int64)
    outside = (offsets < -1) | (offsets >= peaks["end"] - peaks["start"])
    peaks["anchor"] = np.where(offsets >= 0, peaks["start"] + offsets, peaks["anchor"])
    return [
        (line, f"summit offset {texts[position]!r} (column 10) is not -1 and not within the peak")
        for position, line in zip(np.flatnonzero(outside), peaks["line"][outside], strict=True)
    ]


def _raise_mistakes(path, mistakes):
    """Raise one InputError for all mistakes, those of one line together."""
    by_line = {}
    for number, text in mistakes:
        by_line.setdefault(int(number), []).append(text)
    raise_all(
        path,
        [(number, "; ".join(texts)) for number, texts in sorted(by_line.items())],
        "chromosome, start and end in tab-separated columns, 0-based and half-open, within the genome; as many columns "
        "in every line",
        "the peaks belong to another assembly than genome.fasta: fetch those of this one, or name their genome"
        if any("lies beyond" in text for _, text in mistakes)
        else "mend or remove the lines",
    )


def in_order_of_position(peaks):
    """Whether peaks stand chromosome by chromosome, each sorted by start, as they do where their order is no rank."""
    if len(peaks) <= FEW_PEAKS:
        return False
    chroms, starts = peaks["chrom"].to_numpy(dtype=object), peaks["start"].to_numpy()
    changes = np.flatnonzero(chroms[1:] != chroms[:-1])
    sorted_within = np.diff(starts) >= 0
    sorted_within[changes] = True
    return len(changes) + 1 == len(set(chroms)) and bool(sorted_within.all())


def select_peaks(peaks, rank_by=RANK, top=None, min_score=None, path="the peak file"):
    """Choose the strongest peaks of a file.

    Parameters
    ----------
    peaks : pandas.DataFrame
        As `read_peaks` gives it, read with the same `rank_by`.
    rank_by : str, int or None
        `rank` or None: the order in the file, first is strongest. Else a column, as `score`: larger is stronger, and of
        equals the one that stands first in the file.
    top : int, optional
        Keep so many, or all where there are fewer.
    min_score : float, optional
        Keep peaks with at least this score; applied before `top`.
    path : str or Path, optional
        For messages.

    Returns
    -------
    pandas.Series of str, index as `peaks`
        Empty for a peak that is kept, else `below_threshold` or `not_in_top`.

    Raises
    ------
    InputError
        If a threshold is given and no column that it is for, or if all peaks from which the strongest should be chosen
        have the same score.
    """
    fates = pd.Series("", index=peaks.index, dtype=object)
    by_order = rank_by is None or rank_by == RANK
    if min_score is not None:
        if by_order:
            raise InputError(
                f"min_score {min_score} for {path} has no column to be compared with",
                f"found rank_by {rank_by or RANK}, the order in the file; expected a column such as signalValue",
                "name the column in `rank_by`, or remove `min_score`",
            )
        fates[peaks["score"] < min_score] = "below_threshold"
    left = np.flatnonzero(fates == "")
    if top is not None and len(left) > top:
        if by_order and in_order_of_position(peaks):
            raise InputError(
                f"{path}: its order does not say which {top} peaks are the strongest",
                f"found {len(peaks)} lines sorted by position, expected the strongest first (rank_by is "
                f"{rank_by or RANK})",
                "name the column of the strength in `rank_by` (score, signalValue, pValue, qValue, or its number), or "
                "sort the file by it",
            )
        if not by_order:
            scores = peaks["score"].to_numpy()[left]
            if scores.min() == scores.max():
                raise InputError(
                    f"{path}: no {top} strongest peaks can be chosen by {rank_by}",
                    f"found {scores[0]:g} in all {len(left)} lines, expected numbers that differ",
                    "name another column in `rank_by`, or `rank` where the file is sorted, strongest first",
                )
            order = np.argsort(-scores, kind="stable")
            last = scores[order[top - 1]]
            if scores[order[top]] == last:
                print(
                    f"{path}: the {top} strongest peaks end among {(scores == last).sum()} with {rank_by} {last:g}; "
                    "of these the first in the file are kept"
                )
            left = left[order]
        fates.iloc[left[top:]] = "not_in_top"
    return fates
