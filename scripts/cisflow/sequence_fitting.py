"""Sequences of a table brought to one length, rows that belong together by their place, and what became of every row.

Coordinates are 0-based and half-open. A window of length L centred on c is [c - L // 2, c - L // 2 + L); the centre of
a sequence of n bases is n // 2.
"""

import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET
from cisflow.intervals import NO_LOCUS
from cisflow.messages import InputError
from cisflow.sequence_table import BASES, RESERVED, listed, shown

OUTCOMES = ("too_short", "n", "no_value")  # what drops a sequence, the first counting


def fit_sequences(table, length, flank_5, flank_3, max_n_fraction):
    """Cut or extend every sequence to one length, and say what became of each.

    A longer sequence is cropped about its centre. A shorter one keeps its centre and is extended by the bases that
    stand beside it in the construct: the last of `flank_5` and the first of `flank_3`. Where one of the two has fewer
    bases than the centred window needs, the sequence is dropped; nothing is padded, and the window is not shifted to
    the side that has more. The bases of a flank are in lower case in the sequences that come back: they are the same
    everywhere, so what compares sequences takes them for unknown, and a shuffle leaves them in place.

    Coordinates follow: the interval is always of `length` bases. The sequence of a row on `-` is the reverse complement
    of the genome's + strand, so its left end lies at `end`; strand `.` counts as `+`. Where flanks are added, the
    interval grows by as many bases, which on the genome are others; a row that would begin before its chromosome loses
    its place (chromosome `.`).

    Parameters
    ----------
    table : pandas.DataFrame
        As `read_sequences` gives it.
    length : int
        Bases of every sequence afterwards (the window with its jitter on both sides).
    flank_5, flank_3 : str
        What stands beside every sequence in the construct, 5' to 3', in the orientation of the sequence as given.
    max_n_fraction : float
        A sequence that then has a larger fraction of unknown bases (anything but A, C, G and T) is dropped.

    Returns
    -------
    kept : pandas.DataFrame
        The rows that stay, in their order, numbered anew. Rows with the same sequence all stay.
    fates : pandas.Series of str, shape (len(table),)
        kept, too_short, n or no_value (of no target), the first reason counting; index of `table`.
    """
    flank_5, flank_3 = (checked_flank(name, flank) for name, flank in (("flank_5", flank_5), ("flank_3", flank_3)))
    sizes = table["sequence"].str.len().to_numpy(dtype=np.int64)
    left = sizes // 2 - length // 2  # where the window begins in the sequence; negative: before it
    before, after = np.maximum(-left, 0), np.maximum(left + length - sizes, 0)
    too_short = (before > len(flank_5)) | (after > len(flank_3))
    flank_5, flank_3 = flank_5.lower(), flank_3.lower()
    # From a positive place: flank_5[-0:] would be all of it.
    fitted = [
        flank_5[len(flank_5) - lead :] + sequence[max(begin, 0) : begin + length] + flank_3[:trail]
        for sequence, begin, lead, trail in zip(
            table["sequence"], left.tolist(), np.where(too_short, 0, before).tolist(), after.tolist(), strict=True
        )
    ]
    known_bases = ALPHABET + ALPHABET.lower()
    known = np.array([sum(map(sequence.count, known_bases)) for sequence in fitted], dtype=np.int64)
    without_value = table[targets_of(table)].isna().all(axis=1).to_numpy(dtype=bool)
    fates = np.select(
        [too_short, (length - known) / length > max_n_fraction, without_value], OUTCOMES, default="kept"
    ).astype(object)

    kept = table.assign(sequence=pd.Series(fitted, index=table.index, dtype=object))
    if "chrom" in table:
        start, end = table["start"].to_numpy(dtype=np.int64), table["end"].to_numpy(dtype=np.int64)
        on_minus = (table["strand"] == "-").to_numpy(dtype=bool) if "strand" in table else np.zeros(len(table), bool)
        first = np.where(on_minus, end - left - length, start + left)
        placed = (table["chrom"] != NO_LOCUS).to_numpy(dtype=bool) & (first >= 0)
        first = np.where(placed, first, 0)
        chrom = table["chrom"].where(placed, NO_LOCUS)
        kept = kept.assign(chrom=chrom, start=first, end=first + length)
    return kept[fates == "kept"].reset_index(drop=True), pd.Series(fates, index=table.index, name="fate")


def checked_flank(name, flank):
    """A declared flank in upper case; an InputError if it holds what is no base."""
    strange = sorted({character for character in flank if character not in BASES + BASES.lower()})
    if strange:
        raise InputError(
            f"config.yaml, sequences.{name}: {listed(strange[:8])} in {shown(flank)}",
            "expected bases: A, C, G, T, N or another IUPAC code of DNA",
            "write the bases of the construct beside the sequence, 5' to 3'",
        )
    return flank.upper()


def targets_of(table):
    """The columns of a table of sequences that are targets."""
    return [column for column in table.columns if column not in RESERVED]


def linked_rows(table):
    """Pairs of rows that belong together by their coordinates.

    Rows of one chromosome belong together if their intervals overlap or touch (`end == start`), on either strand.
    Along each chromosome, every row is paired with the row before it that reaches furthest: few pairs, the same
    connected components as all of them.

    Parameters
    ----------
    table : pandas.DataFrame
        `chrom`, `start`, `end`; rows of chromosome `.` have no locus. Without these columns nothing belongs together.

    Returns
    -------
    numpy.ndarray of int64, shape (P, 2)
        Positions of rows, counted from 0, the smaller first.
    """
    if "chrom" not in table:
        return np.empty((0, 2), dtype=np.int64)
    starts, ends = table["start"].to_numpy(dtype=np.int64), table["end"].to_numpy(dtype=np.int64)
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for chrom, rows in table.groupby("chrom", sort=False).indices.items():
        if chrom == NO_LOCUS or len(rows) == 1:
            continue
        rows = rows[np.lexsort((rows, starts[rows]))]
        reached = np.maximum.accumulate(ends[rows])
        is_new = np.r_[True, ends[rows][1:] > reached[:-1]]
        furthest = np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))[:-1]
        touching = starts[rows][1:] <= reached[:-1]
        pairs.append(np.column_stack([rows[furthest[touching]], rows[1:][touching]]))
    return np.sort(np.concatenate(pairs).astype(np.int64), axis=1)


def sequences_report(table, fates, task, length, flank_5, flank_3, max_n_fraction):
    """Count what was kept and what was dropped, with the criterion beside each number.

    Parameters
    ----------
    table : pandas.DataFrame
        As `read_sequences` gives it.
    fates : pandas.Series
        As `fit_sequences` gives them.
    task : str
        `binary` or `regression`.
    length, flank_5, flank_3, max_n_fraction
        What `fit_sequences` was given.

    Returns
    -------
    pandas.DataFrame
        `target`, `outcome`, `count`, `criterion`. For a target the rows with a value of it are counted, for `all` every
        row; what was read is what was kept and what was dropped. Windows are rows that were kept.
    """
    sizes, targets, is_kept = table["sequence"].str.len(), targets_of(table), fates == "kept"
    dropped = (
        f"shorter than {length} bp, and the declared flanks ({len(flank_5)} and {len(flank_3)} bp) do not fill it",
        f"more than {100 * max_n_fraction:g} % N in the {length} bp",
        "no known value of any target",
    )
    rows = []
    for target in [*targets, "all"]:
        values = table[targets] if target == "all" else table[[target]]
        counted = values.notna().any(axis=1) | (target == "all")
        cropped = int((counted & is_kept & (sizes > length)).sum())
        extended = int((counted & is_kept & (sizes < length)).sum())
        unknown = values.isna().any(axis=1)
        is_window = (values == 1).any(axis=1) if task == "binary" else values.notna().any(axis=1)
        rows += [
            (target, "sequences_read", int(counted.sum()), "rows" if target == "all" else "rows with a value"),
            *(
                (target, f"dropped_{outcome}", int((counted & (fates == outcome)).sum()), criterion)
                for outcome, criterion in zip(OUTCOMES, dropped, strict=True)
            ),
            (
                target,
                "sequences_kept",
                int((counted & is_kept).sum()),
                f"{length} bp: {cropped} cropped about the centre, {extended} extended by the flanks",
            ),
            (
                target,
                "windows",
                int((is_kept & is_window).sum()),
                "windows labelled 1" if task == "binary" else "windows with a value",
            ),
            (target, "windows_unknown", int((is_kept & unknown).sum()), "value missing in the file: masked"),
        ]
    return pd.DataFrame(rows, columns=["target", "outcome", "count", "criterion"])
