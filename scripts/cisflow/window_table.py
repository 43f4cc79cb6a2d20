"""Tables of windows and of peaks: reading and writing them, and widening windows by the bases stored beside them."""

import pandas as pd

# The others are targets.
COLUMNS = ("chrom", "start", "end", "name", "score", "strand", "sequence", "split", "cluster")
PEAK_COLUMNS = ["chrom", "start", "end", "target", "anchor", "fate", "strength"]


def widened(windows, margin):
    """The windows with `margin` bases more on each side."""
    return windows.assign(start=windows["start"] - margin, end=windows["end"] + margin)


def write_table(windows, path):
    """Write windows.tsv or a split's BED file; unknown values as NaN, since an empty last field is none to bedtools."""
    windows.to_csv(path, sep="\t", index=False, float_format="%.9g", na_rep="NaN")


def read_windows(path):
    """Read windows.tsv or a split's BED file: `chrom`, `start`, `end`, `name`, ..., one float column a target."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).rename(columns={"#chrom": "chrom"})
    targets = [column for column in table.columns if column not in COLUMNS]
    # Read as text first: pandas would take a chromosome called NA for a missing value and one called 1 for a number.
    table = table.astype({"start": "int64", "end": "int64", **dict.fromkeys(targets, "float64")})
    return table.copy()  # in one piece: pandas warns of a table in pieces, one a target, whenever a column is added


def write_peak_table(peaks, path):
    """Write peaks as BED without a header: interval, target (or dataset), anchor, what became of the peak, strength.

    The strength is NaN where the sheet names no column for it (`rank_by`), or the table has none.
    """
    peaks = peaks.reindex(columns=PEAK_COLUMNS)
    peaks.to_csv(path, sep="\t", header=False, index=False, na_rep="NaN")


def read_peak_table(path):
    """Read what `write_peak_table` wrote."""
    table = pd.read_csv(path, sep="\t", names=PEAK_COLUMNS, dtype=str, keep_default_na=False)
    return table.astype({"start": "int64", "end": "int64", "anchor": "int64", "strength": "float64"})
