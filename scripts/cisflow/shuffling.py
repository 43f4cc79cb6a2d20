"""Shuffles of sequences that keep how often every dinucleotide occurs."""

import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET
from cisflow.intervals import INTERVAL
from cisflow.messages import InputError

MAX_SHUFFLES = 20  # of one positive, before it is given up
LETTERS = np.frombuffer(f"{ALPHABET}N".encode(), dtype=np.uint8)


def tiled(values, count, rng):
    """`count` of the values: all of them as often as they fit in whole, and a random part for the rest."""
    whole, rest = divmod(count, len(values))
    return np.concatenate([np.tile(values, whole), rng.permutation(values)[:rest]])


def shuffled(bases, seeds):
    """One shuffle of each sequence, with the same first and last base and the same number of every dinucleotide.

    Parameters
    ----------
    bases : numpy.ndarray of uint8, shape (n, length)
        ASCII; every base other than A, C, G and T is shuffled as N, a letter of its own. What stands in lower case at
        the ends, the flanks of a construct, stays in its place.
    seeds : numpy.ndarray of int, shape (n,)

    Returns
    -------
    numpy.ndarray of uint8, shape (n, length)
    """
    if not len(bases):
        return bases.copy()
    # Imported here: torch takes seconds to load, and most runs shuffle nothing.
    import torch
    from tangermeme.ersatz import dinucleotide_shuffle

    free = bases < ord("a")
    first, last = free.argmax(axis=1), bases.shape[1] - free[:, ::-1].argmax(axis=1)
    drawn = bases.copy()
    for begin, end in {*zip(first.tolist(), last.tolist(), strict=True)}:
        rows = np.flatnonzero((first == begin) & (last == end))
        one_hot = (bases[rows, None, begin:end] == LETTERS[:4, None]).astype(np.int8)
        of_rows = [int(seed) for seed in seeds[rows]]
        parts = dinucleotide_shuffle(torch.from_numpy(one_hot), n=1, random_state=of_rows, allow_N=True).numpy()[:, 0]
        drawn[rows, begin:end] = LETTERS[np.where(parts.any(axis=1), parts.argmax(axis=1), len(ALPHABET))]
    return drawn


def dinucleotide_shuffles(positives, bases, template, is_refused, rng):
    """Draw dinucleotide shuffles of positives.

    Some sequences have no other order with the same dinucleotides, as a run of one base: for these, shuffles of other
    positives are drawn, and how often is printed.

    Parameters
    ----------
    positives : pandas.DataFrame
        `chrom`, `start`, `end`.
    bases : numpy.ndarray of uint8, shape (len(positives), width)
    template : numpy.ndarray of int
        Rows of the positives to shuffle, one shuffle each.
    is_refused : callable
        Takes windows and bases; see `cisflow.negatives.draw_negatives`.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end` of the positive that was shuffled, and `sequence`.

    Raises
    ------
    InputError
        If no positive has another order of its bases, or all shuffles are refused.
    """
    parts, had = [], np.empty(0, dtype=np.int64)
    for number in range(2 * MAX_SHUFFLES):
        if number == MAX_SHUFFLES:
            if not len(had):
                break
            print(f"{len(template)} positives cannot be shuffled; shuffles of others are taken for them")
            template = rng.choice(had, size=len(template))
        drawn = shuffled(bases[template], rng.integers(2**31, size=len(template)))
        windows = positives.iloc[template][INTERVAL].reset_index(drop=True)
        good = (drawn != bases[template]).any(axis=1)
        good[good] &= ~is_refused(windows[good], drawn[good])
        texts = np.ascontiguousarray(drawn).view(f"S{drawn.shape[1]}")[:, 0].astype(str)
        parts.append(windows.assign(sequence=texts)[good])
        had = np.union1d(had, template[good])
        template = template[~good]
        if not len(template):
            return pd.concat(parts, ignore_index=True)
    first = positives.iloc[int(template[0])]
    raise InputError(
        f"{len(template)} dinucleotide shuffle(s) cannot be had",
        f"the window {first['chrom']}:{first['start']}-{first['end']} gave itself, or a copy of a window of another "
        f"split, in {MAX_SHUFFLES} shuffles, and no other positive can stand in",
        "leave regions of so simple sequence out (genome.excluded), or take another kind of negatives",
    )
