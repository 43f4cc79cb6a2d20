"""Blocks of test rows that several datasets share: a resample draws the same places of the genome for all of them.

Peaks of two factors stand beside each other, so that tests of datasets of one genome are not independent: a region that
is easy to tell is easy for all. Rows that have no place (clusters of a table of sequences) are drawn for their own
table; tables of the same rows, such as the columns of one file, draw the same.
"""

import zlib

import numpy as np
import pandas as pd

from cisflow.bootstrap import block_numbers, drawn_blocks
from cisflow.intervals import NO_LOCUS
from cisflow.parents import OF_ONE_TABLE

PLACE = ["chrom", "block"]
HELD = np.uint16  # by which draws are held: one block in more than 65,535 times is not drawn


def have_places(loci):
    """Whether rows lie somewhere on the genome: (N,) of bool."""
    chroms, number = np.unique(loci["chrom"].to_numpy(dtype=str), return_inverse=True)
    return np.array([name != NO_LOCUS and not OF_ONE_TABLE.fullmatch(name) for name in chroms], dtype=bool)[number]


def places_of(loci, block):
    """Each block of the genome in which a row begins, once.

    Parameters
    ----------
    loci : pandas.DataFrame
        `chrom` and `start`, 0-based.
    block : int
        Length of a block in bases.

    Returns
    -------
    pandas.DataFrame
        `chrom` and `block`, the number of the block on its chromosome.
    """
    placed = loci[have_places(loci)]
    return pd.DataFrame({"chrom": placed["chrom"], "block": placed["start"] // block}).drop_duplicates()


def drawn_places(places, n_resamples, seed):
    """How often each resample draws each block of the genome.

    Parameters
    ----------
    places : list of pandas.DataFrame
        Of `places_of`, of all datasets.
    n_resamples, seed : int

    Returns
    -------
    pandas.MultiIndex
        All of them, in the order of `cisflow.bootstrap.block_numbers`.
    numpy.ndarray of uint16, shape (n_resamples, B)
        For one dataset these are the resamples of its verdicts.
    """
    index = pd.MultiIndex.from_frame(pd.concat(places).drop_duplicates().sort_values(PLACE))
    draws = np.empty((n_resamples, len(index)), dtype=HELD)
    for part, drawn in drawn_blocks(len(index), n_resamples, seed) if len(index) else ():
        draws[part] = drawn
    return index, draws


def dataset_draws(loci, block, places, draws, seed):
    """The blocks of one dataset and how often each resample draws them.

    Parameters
    ----------
    loci : pandas.DataFrame
        `chrom`, `start`, `end` and `name` of the test rows of all its folds.
    block : int
    places, draws
        As from `drawn_places`.
    seed : int

    Returns
    -------
    numbers : numpy.ndarray of int64, shape (N,)
        Of each row: its column of the draws.
    drawn : numpy.ndarray of uint16, shape (n_resamples, B)
        Of the blocks that hold a row.
    names : numpy.ndarray of int64, shape (B,)
        What a block is called by all datasets: those of the genome by their number, those of a table below 0.
    """
    placed = have_places(loci)
    numbers = np.empty(len(loci), dtype=np.int64)
    here = pd.MultiIndex.from_arrays([loci["chrom"][placed], loci["start"][placed] // block])
    names, numbers[placed] = np.unique(places.get_indexer(here), return_inverse=True)
    drawn = draws[:, names]
    if placed.all():
        return numbers, drawn, names.astype(np.int64)
    own = block_numbers(loci["chrom"][~placed], loci["start"][~placed], block)
    numbers[~placed], n_own = len(names) + own, int(own.max()) + 1
    # Named and drawn by what the table holds: the same rows under another dataset's name are the same blocks.
    table = zlib.crc32(pd.util.hash_pandas_object(loci, index=False).to_numpy().tobytes())
    parts = [part.astype(HELD) for _, part in drawn_blocks(n_own, len(draws), [seed, table])]
    drawn = np.concatenate([drawn, np.concatenate(parts)], axis=1)
    return numbers, drawn, np.concatenate([names, -1 - (table * 2**31 + np.arange(n_own))]).astype(np.int64)
