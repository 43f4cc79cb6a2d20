"""Tables of windows: reading them, and widening them by the bases that are stored beside each window."""

import pandas as pd

COLUMNS = ("chrom", "start", "end", "name", "score", "strand")  # the others are targets


def widened(windows, margin):
    """The windows with `margin` bases more on each side."""
    return windows.assign(start=windows["start"] - margin, end=windows["end"] + margin)


def read_windows(path):
    """Read windows.tsv or a split's BED file: `chrom`, `start`, `end`, `name`, ..., one float column a target."""
    text = {"chrom": str, "#chrom": str, "name": str, "strand": str}
    table = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False, na_values=[""])
    table = table.rename(columns={"#chrom": "chrom"})
    return table.astype({column: "float64" for column in table.columns if column not in COLUMNS})
