"""Sites of filters on the genome: where in the rows of a split a filter's PWM stands, and on which strand.

Coordinates are 0-based and half-open. A site is where the trimmed PWM lies, not the whole filter; its strand is the
one on which the PWM reads. A row that stands nowhere on a genome (a sequence without a place, a shuffled one) has its
name for a chromosome, and its bases are counted from the first stored one.
"""

import numpy as np
import pandas as pd

from cisflow.block_gzip import write_text

COLUMNS = ["chrom", "start", "end", "filter", "score", "strand"]
KEYS = ["chrom", "start", "end", "number", "strand"]
# How the names of rows and of chromosomes begin where neither is a place: see `cisflow.splitting.named_negatives`, and
# `read_sequences`, which gives a sequence without a place its cluster for a chromosome.
SHUFFLED, CLUSTER = "dinucleotide_shuffled_", "cluster_"
ROWS_AT_ONCE = 100_000  # that are written


def places_of_rows(rows, length):
    """Where the windows of some rows lie.

    Parameters
    ----------
    rows : dict
        `chrom`, `start`, `end` (of the stored sequence), `name`, `strand`: arrays (N,); `stored`, bases of a stored
        sequence.
    length : int
        Of the window, in the middle of the stored sequence.

    Returns
    -------
    chrom : numpy.ndarray of str, shape (N,)
    low : numpy.ndarray of int64, shape (N,)
        Coordinate of the window's lowest base.
    is_minus : numpy.ndarray of bool, shape (N,)
        Whether the stored sequence is the reverse complement of its interval.
    """
    margin = (rows["stored"] - length) // 2  # before the window, in the direction in which the sequence is stored
    name, chrom = rows["name"].astype(str), rows["chrom"].astype(str)
    nowhere = np.char.startswith(name, SHUFFLED) | np.char.startswith(chrom, CLUSTER)
    is_minus = (rows["strand"] == "-") & ~nowhere
    low = np.where(is_minus, rows["end"] - margin - length, np.where(nowhere, 0, rows["start"]) + margin)
    return np.where(nowhere, name, chrom), low, is_minus


def placed_sites(sites, is_reverse, rows, length, starts, ends):
    """Sites as intervals.

    Parameters
    ----------
    sites : cisflow.filter_scans.Sites
        In the windows of the rows, or in their reverse complements.
    is_reverse : bool
        Whether these were read.
    rows, length
        See `places_of_rows`.
    starts, ends : numpy.ndarray of int, shape (F,)
        Of the trimmed PWM within each filter; a filter without one has the end 0, and its sites are left out.

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `number` (of the filter), `score` (its activation), `strand`.
    """
    kept = ends[sites.number] > 0
    row, number = sites.row[kept], sites.number[kept]
    chrom, low, is_minus = places_of_rows(rows, length)
    width = (ends - starts)[number]
    offset = sites.start[kept].astype(np.int64) + starts[number]
    # Counted from the window's lowest base: a window that is read backwards begins with its highest.
    is_backward = is_minus[row] != is_reverse
    start = low[row] + np.where(is_backward, length - offset - width, offset)
    return pd.DataFrame(
        {
            "chrom": chrom[row],
            "start": start,
            "end": start + width,
            "number": number,
            "score": sites.activation[kept],
            "strand": np.where(is_backward, "-", "+"),
        }
    )


def strongest(sites, max_sites):
    """Each site once, with its highest score (rows may overlap), and of each filter the strongest alone.

    Parameters
    ----------
    sites : pandas.DataFrame
        See `placed_sites`.
    max_sites : int
        Of a filter. Of equal ones, those that come first by place.

    Returns
    -------
    pandas.DataFrame
        Sorted by place: chromosomes by name, then start, end, filter and strand.
    """
    sites = sites.sort_values([*KEYS, "score"], ascending=[True] * len(KEYS) + [False], kind="stable")
    sites = sites.drop_duplicates(KEYS)
    rank = sites.groupby("number")["score"].rank(method="first", ascending=False)
    return sites[rank <= max_sites].reset_index(drop=True)


def collected(blocks, max_sites):
    """The strongest sites of each filter from many tables, of which few are held at a time.

    Parameters
    ----------
    blocks : iterable of pandas.DataFrame
        See `placed_sites`; there is at least one.
    max_sites : int
        See `strongest`.

    Returns
    -------
    sites : pandas.DataFrame
        See `strongest`.
    n_found : dict of int -> int
        By the number of the filter: sites in all tables together.
    """
    held, n_held, n_found = [], 0, {}
    for block in blocks:
        for number, count in block["number"].value_counts().items():
            n_found[number] = n_found.get(number, 0) + int(count)
        held.append(block)
        n_held += len(block)
        if n_held > 4 * max_sites * max(len(n_found), 1):
            held = [strongest(pd.concat(held, ignore_index=True), max_sites)]
            n_held = len(held[0])
    return strongest(pd.concat(held, ignore_index=True), max_sites), n_found


def write_sites(path, sites):
    """Write sites as BED, with a header that begins with `#`; BGZF if the path ends with `.gz`."""

    def parts():
        yield "#" + "\t".join(COLUMNS) + "\n"
        for begin in range(0, len(sites), ROWS_AT_ONCE):
            part = sites.iloc[begin : begin + ROWS_AT_ONCE]
            part = part.assign(filter="filter_" + part["number"].astype(str))
            yield part[COLUMNS].to_csv(sep="\t", header=False, index=False, float_format="%.6g")

    write_text(path, parts())
