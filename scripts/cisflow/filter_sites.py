"""Sites of filters over the rows of a split, and the bases counted there, in memory that does not grow with the split.

The rows are gone through twice: once for the maximum and mean of every filter's activation, once for its sites.
"""

import numpy as np

from cisflow.base_codes import codes_of_one_hot
from cisflow.filter_kernels import add_words, bases_of_words
from cisflow.filter_scans import Sites
from cisflow.sequences import central
from cisflow.split_file import ROWS_AT_ONCE, read_blocks
from cisflow.window_kernels import N_WORDS, WORD

ROWS = 256  # sequences that are scanned at a time


def code_blocks(path, length, names=()):
    """The base codes of a split's windows, some rows at a time.

    Parameters
    ----------
    path : str or Path
        HDF5 file of the split.
    length : int
        Of the window in bases, in the middle of each stored sequence.
    names : sequence of str
        Of other datasets that are wanted.

    Yields
    ------
    codes : numpy.ndarray of uint8, shape (N, length)
    block : dict
        The other datasets of these rows; `stored`, bases of a stored sequence.
    """
    for block in read_blocks(path, ("one_hot", *names), ROWS_AT_ONCE):
        one_hot = block.pop("one_hot")
        codes = codes_of_one_hot(np.ascontiguousarray(central(one_hot, length)))
        for begin in range(0, len(codes), ROWS):
            rows = slice(begin, begin + ROWS)
            yield codes[rows], {key: part[rows] for key, part in block.items()} | {"stored": one_hot.shape[2]}


def finder(filters, rule, threshold):
    """A function that gives the sites in base codes: by a rule (see `thresholds`), and the thresholds float32 (F,)."""
    limit = filters.limit(threshold)

    def find(codes):
        if rule != "best_position":
            return filters.above(codes, limit)
        best = filters.best(codes)
        return Sites(*(part[best.activation > threshold[best.number]] for part in best))

    return find


def thresholds(rule, fraction, mean, maximum):
    """Activation above which a position is a site, float32 (F,).

    Parameters
    ----------
    rule : str
        See `cisflow.filter_procedures.RULES`.
    fraction : float or None
    mean, maximum : numpy.ndarray of float32, shape (F,)
        Of each filter's activation.

    Returns
    -------
    numpy.ndarray of float32, shape (F,)
        Infinite where a share of the maximum is asked for and that is not above 0: a share of it would be above it.
    """
    if rule == "best_position":
        return np.zeros_like(maximum)
    if rule == "mean_to_maximum":
        return (mean + np.float32(fraction) * (maximum - mean)).astype(np.float32)
    return np.where(maximum > 0, np.float32(fraction) * maximum, np.float32(np.inf)).astype(np.float32)


def count_sites(filters, read, procedure):
    """Find every filter's sites and count the bases at them.

    Parameters
    ----------
    filters : cisflow.filter_scans.PlainFilters or TabulatedFilters
    read : callable
        Gives, each time it is called, base codes uint8 (N, length), some rows at a time.
    procedure : dict
        See `cisflow.filter_procedures.procedure_of`.

    Returns
    -------
    dict
        Arrays `counts` (filters, span, 4), weighted as the procedure says, an unknown base as much as the background
        has of each; `n_sites`, `threshold`, `mean` and `maximum` (filters,); and the tuple `background`.
    """
    rule, n_filters = procedure["threshold"], filters.n_filters
    maximum, total = np.full(n_filters, -np.inf, dtype=np.float32), np.zeros(n_filters)
    bases, n_rows = np.zeros(5, dtype=np.int64), 0
    for codes in read():
        highest, part = filters.measure(codes)
        maximum, total, n_rows = np.maximum(maximum, highest), total + part, n_rows + len(codes)
        bases += np.bincount(codes.ravel(), minlength=5)
    mean = (total / max(n_rows * filters.n_positions, 1)).astype(np.float32)
    threshold = thresholds(rule, procedure["activation_fraction"], mean, maximum)
    background = background_of(procedure["background"], bases)
    words = np.zeros((n_filters, -(-filters.span // WORD), N_WORDS))
    n_sites = np.zeros(n_filters, dtype=np.int64)
    find, is_weighted = finder(filters, rule, threshold), procedure["weighting"] == "activation"
    for codes in read():
        sites = find(codes)
        weight = np.maximum(sites.activation, 0) if is_weighted else np.ones_like(sites.activation)
        add_words(codes, sites.row, sites.number, sites.start, weight, words)
        n_sites += np.bincount(sites.number, minlength=n_filters)
    return {
        "counts": bases_of_words(words, filters.span, background),
        "n_sites": n_sites,
        "threshold": threshold,
        "mean": mean,
        "maximum": maximum,
        "background": background,
    }


def background_of(asked, counts):
    """Frequencies of A, C, G and T.

    Parameters
    ----------
    asked : str or sequence of float
        `uniform`, `split`, or the frequencies (they are scaled to a sum of 1).
    counts : numpy.ndarray of int64, shape (5,)
        Of A, C, G, T and unknown bases in the split.

    Returns
    -------
    tuple of float
    """
    if asked == "uniform":
        return (0.25,) * 4
    # One more of each: a base that a split lacks altogether has a frequency all the same.
    numbers = counts[:4] + 1.0 if asked == "split" else np.asarray(asked, dtype=float)
    return tuple(float(number) for number in numbers / numbers.sum())
