"""Tables of windows: reading them, and widening them by the bases that are stored beside each window."""

import pandas as pd

COLUMNS = ("chrom", "start", "end", "name", "score", "strand")  # the others are targets


def widened(windows, margin):
    """The windows with `margin` bases more on each side."""
    return windows.assign(start=windows["start"] - margin, end=windows["end"] + margin)


def read_windows(path):
    """Read windows.tsv or a split's BED file: `chrom`, `start`, `end`, `name`, ..., one float column a target."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).rename(columns={"#chrom": "chrom"})
    targets = [column for column in table.columns if column not in COLUMNS]
    # Read as text first: pandas would take a chromosome called NA for a missing value and one called 1 for a number.
    return table.astype({"start": "int64", "end": "int64", **dict.fromkeys(targets, "float64")})
