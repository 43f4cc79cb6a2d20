"""Signals in bigWigs: one value a window, as a target, or a row of bins, as a track beside the sequence.

A base has data where an interval of the bigWig covers it with a number; NaN in a bigWig is no data, an infinite value a
mistake. Values are read base by base, so that means and maxima are exact whatever zoom levels the file has.
Coordinates are 0-based and half-open.
"""

import figwig
import numpy as np

from cisflow.bigwig_files import check_bigwig, damaged, listed
from cisflow.messages import InputError

VALUES_AT_ONCE = 1 << 20  # some megabytes: bases that are worked on at a time, however many windows there are


def about_centre(loci, width):
    """Intervals of `width` bases about the centres of windows, by the rule of the module `windows`.

    Parameters
    ----------
    loci : pandas.DataFrame
        `start`, `end`.
    width : int

    Returns
    -------
    pandas.DataFrame
        The same rows with another `start` and `end`; some may pass an end of their chromosome.
    """
    start = loci["start"] + (loci["end"] - loci["start"]) // 2 - width // 2
    return loci.assign(start=start, end=start + width)


def common_width(loci, sizes):
    """The width of windows that all have the same and lie within their chromosomes; None without any window.

    Raises
    ------
    InputError
    """
    widths = (loci["end"] - loci["start"]).unique()
    if len(widths) > 1 or (widths <= 0).any():
        raise InputError(
            "windows of different widths",
            f"found widths of {listed(sorted(map(str, widths)))} bases, expected one, of at least 1",
            "measure signals over windows of one width",
        )
    lengths = loci["chrom"].map(sizes).fillna(-1).to_numpy()
    outside = loci[(loci["start"].to_numpy() < 0) | (loci["end"].to_numpy() > lengths)]
    if len(outside):
        raise InputError(
            f"{len(outside)} windows do not lie within a chromosome of the genome",
            f"found {listed(places(outside))}, of {len(loci)}; a signal is measured over whole windows",
            "drop windows near the ends of chromosomes, or measure a narrower width",
        )
    return int(widths[0]) if len(widths) else None


def places(loci):
    """Windows as text, `chrom:start-end`, coordinates as in BED."""
    return [
        f"{chrom}:{start}-{end}" for chrom, start, end in zip(loci["chrom"], loci["start"], loci["end"], strict=True)
    ]


def window_values(path, loci, sizes, aliases):
    """Read windows base by base, some of them at a time, and print how many have no data, if any.

    Parameters
    ----------
    path : str or Path
        bigWig.
    loci : pandas.DataFrame
        `chrom`, `start`, `end`; all of one width, in any order; they may overlap or repeat.
    sizes, aliases : dict
        See `check_bigwig`.

    Yields
    ------
    rows : numpy.ndarray of int64, shape (n,)
        Which windows: positions in `loci`. Every window comes once.
    values : numpy.ndarray of float32, shape (n, width)
        0 where a base has no data.
    known : numpy.ndarray of bool, shape (n, width)
        Which bases have data; none on a chromosome that the bigWig lacks.

    Raises
    ------
    InputError
        As `check_bigwig` and `common_width`; or if what is read is damaged or infinite.
    """
    names = check_bigwig(path, sizes, aliases)
    width = common_width(loci, sizes)
    if width is None:
        return
    chroms, starts = loci["chrom"].to_numpy(), loci["start"].to_numpy()
    absent = ~loci["chrom"].isin(list(names)).to_numpy()
    rank = loci["chrom"].map({name: number for number, name in enumerate(names)}).fillna(len(names))
    order = np.lexsort((starts, rank))  # windows side by side lie in the same compressed blocks
    reader = figwig.BigWigReader(path)
    step = max(1, VALUES_AT_ONCE // width)
    empty = 0
    for begin in range(0, len(order), step):
        rows = order[begin : begin + step]
        values = np.full((len(rows), width), np.nan, dtype=np.float32)
        inside = rows[~absent[rows]]  # the first: windows on chromosomes that the bigWig lacks stand last
        try:
            # zlib by name: `auto` would take another decoder where one happens to be installed.
            reader.read(
                [names[chrom] for chrom in chroms[inside]],
                starts[inside],
                width,
                out=values[: len(inside)],
                missing=np.nan,
                n_jobs=1,
                engine="zlib",
            )
        except ValueError as error:
            raise damaged(path, error) from error
        known = np.isfinite(values)
        if not known.all():
            infinite = np.isinf(values)
            if infinite.any():
                window, base = np.argwhere(infinite)[0]
                chrom, position = chroms[rows[window]], starts[rows[window]] + base
                raise InputError(
                    f"{path} holds infinite values",
                    f"found {values[window, base]} at base {position} of {chrom} (counted from 0), expected numbers",
                    "make it anew without dividing by zero (a pseudocount), or leave such bases out of it",
                )
            values[~known] = 0
            empty += int((~known.any(axis=1)).sum())
        yield rows, values, known
    lacking = loci["chrom"][absent].unique()
    if empty:
        of_these = f", {int(absent.sum())} of them on what it lacks, {listed(lacking)}" if len(lacking) else ""
        print(f"{path}: no data in {empty} of {len(loci)} windows of {width} bp{of_these}")


def sums(values):
    """Sums along the last axis in double precision: einsum takes a third of the time of `sum` for short rows."""
    return np.einsum("...i->...", values, dtype=np.float64)


def means(values, known, missing):
    """Means along the last axis, over the bases with data (NaN where none has) or, for `zero`, over all."""
    if missing == "zero" or known.all():
        return sums(values) / values.shape[-1]
    counts = sums(known)
    return np.divide(sums(values), counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def binned_signal(path, loci, bins, sizes, aliases, missing):
    """Mean signal in the bins of windows.

    Parameters
    ----------
    path : str or Path
        bigWig.
    loci : pandas.DataFrame
        `chrom`, `start`, `end` of windows of one width, within their chromosomes.
    bins : int
        Number of bins, which divides the width.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the file -> names in the genome.
    missing : str
        `nan`: the mean is over the bases of a bin that have data, NaN where none has. `zero`: it is over all bases,
        those without data being 0.

    Returns
    -------
    numpy.ndarray of float32, shape (len(loci), bins)
        In the order of `loci`; bins from left to right.

    Raises
    ------
    InputError
        See `window_values`; or if `bins` does not divide the width.
    """
    width = common_width(loci, sizes)
    if bins < 1 or (width or 0) % bins:
        raise InputError(
            f"{bins} bins do not divide a window of {width} bases",
            "expected a number of bins, at least 1, that leaves no remainder",
            "set tracks.width to a multiple of tracks.bin",
        )
    binned = np.empty((len(loci), bins), dtype=np.float32)
    for rows, values, known in window_values(path, loci, sizes, aliases):
        shape = (len(rows), bins, -1)
        binned[rows] = means(values.reshape(shape), known.reshape(shape), missing)
    return binned


def window_signal(path, loci, statistic, missing, width, sizes, aliases):
    """One value a window: what a signal amounts to over it, or over the bases about its centre.

    Parameters
    ----------
    path : str or Path
        bigWig.
    loci : pandas.DataFrame
        `chrom`, `start`, `end` of windows of one width.
    statistic : str
        `mean`, `max`, or `log_sum`, the natural logarithm of 1 + the sum.
    missing : str
        `nan`: over the bases that have data, NaN where none has. `zero`: over all bases, those without data being 0.
    width : int or None
        Bases about the centre of a window that are measured; None measures the window.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the file -> names in the genome.

    Returns
    -------
    numpy.ndarray of float64, shape (len(loci),)
        In the order of `loci`.

    Raises
    ------
    InputError
        See `window_values`; or for `log_sum` of sums of -1 and less.
    """
    measured = loci if width is None else about_centre(loci, width)
    signal = np.empty(len(loci))
    for rows, values, known in window_values(path, measured, sizes, aliases):
        if statistic == "mean":
            signal[rows] = means(values, known, missing)
            continue
        if statistic == "max":
            counted = True if missing == "zero" else known
            signal[rows] = values.max(axis=1, where=counted, initial=-np.inf)
        elif statistic == "log_sum":
            signal[rows] = sums(values)
        else:
            raise ValueError(f"statistic {statistic!r} is none of mean, max and log_sum")
        if missing != "zero":
            signal[rows[~known.any(axis=1)]] = np.nan
    if statistic == "log_sum":
        below = signal <= -1
        if below.any():
            raise InputError(
                f"{path}: {int(below.sum())} windows have no log_sum",
                f"found sums down to {signal[below].min():g}, the first in {listed(places(measured[below]))}; "
                "expected sums above -1",
                "set signals.statistic to mean, which suits log ratios and differences, or name a bigWig of counts",
            )
        signal = np.log1p(signal)
    return signal
