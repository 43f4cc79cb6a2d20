"""Matching PWMs to a database by Tomtom (Gupta et al. 2007), as memelite computes it.

memelite's Tomtom is the one of the MEME suite with Euclidean distance, complete scores and no motif pseudocount. The
null of a p-value are columns drawn from the database, so it depends on the database; motifs of several databases are
one list of targets, as they are for Tomtom. E is p times the number of targets, and q is Benjamini-Hochberg over the
targets of one query, not over all pairs.
"""

import numpy as np
import pandas as pd
from memelite import tomtom

from cisflow.meme import consensus, is_informative, reverse_complement

COLUMNS = [
    "Query_ID",
    "Target_ID",
    "Optimal_offset",
    "p-value",
    "E-value",
    "q-value",
    "Overlap",
    "Query_consensus",
    "Target_consensus",
    "Orientation",
]
LISTED_Q = 0.5  # as Tomtom does, matches beyond this q are not listed; the best one of a query always is
FEWEST_TARGETS = 50  # Tomtom warns that its p-values are inaccurate with fewer


def compare_motifs(queries, targets, threads):
    """Tomtom's comparison of every query with every target, on both strands.

    Parameters
    ----------
    queries, targets : list of numpy.ndarray of float, shape (width, 4)
        At least one of each.
    threads : int

    Returns
    -------
    p_values : numpy.ndarray of float, shape (queries, targets)
    offsets, overlaps : numpy.ndarray of int, shape (queries, targets)
        Query position i stands over position i + offset of the target, or of its reverse complement.
    reverse : numpy.ndarray of bool, shape (queries, targets)
        Whether it is that of the reverse complement.
    """
    columns = [[np.ascontiguousarray(pwm.T) for pwm in pwms] for pwms in (queries, targets)]
    p_values, _, offsets, overlaps, strands = tomtom(*columns, n_jobs=threads)
    # Near-uniform columns can push the estimate out of its range; a p-value is neither 0 nor above 1.
    p_values = np.clip(p_values, np.finfo(float).tiny, 1)
    return p_values, offsets.astype(int), overlaps.astype(int), strands.astype(bool)


def adjusted(ordered):
    """q-values of Benjamini and Hochberg (1995) of p-values that ascend along the last axis.

    By hand: to import scipy.stats takes as long as to compare a hundred filters with a thousand motifs.
    """
    n = ordered.shape[-1]
    scaled = ordered * (n / np.arange(1, n + 1))
    return np.minimum(np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1], 1)


def best_q_values(queries, targets, threads):
    """The q-value of the best match of each query.

    Parameters
    ----------
    queries, targets : list of numpy.ndarray of float, shape (width, 4)
    threads : int

    Returns
    -------
    numpy.ndarray of float, shape (queries,)
    """
    if not queries:
        return np.empty(0)
    p_values = compare_motifs(queries, targets, threads)[0]
    return adjusted(np.sort(p_values, axis=1))[:, 0]


def match_motifs(queries, database, threads):
    """Compare every query with every motif of a database.

    Parameters
    ----------
    queries, database : list of cisflow.meme.Motif
    threads : int

    Returns
    -------
    pandas.DataFrame
        Tomtom's columns, by query in their order and then by p-value. Query position i stands over position
        i + `Optimal_offset` of the target, after the target's reverse complement was taken where `Orientation` is `-`.
    """
    if not queries or not database:
        return pd.DataFrame(columns=COLUMNS)
    p_values, offsets, overlaps, reverse = compare_motifs(
        [motif.pwm for motif in queries], [motif.pwm for motif in database], threads
    )
    order = np.argsort(p_values, axis=1, kind="stable")
    q_values = adjusted(np.take_along_axis(p_values, order, axis=1))
    listed = q_values <= LISTED_Q
    listed[:, 0] = True
    query, rank = np.nonzero(listed)
    target = order[query, rank]
    turned = reverse[query, target]
    forward = np.array([consensus(motif.pwm) for motif in database])
    backward = np.array([consensus(reverse_complement(motif.pwm)) for motif in database])
    return pd.DataFrame(
        {
            "Query_ID": np.array([motif.identifier for motif in queries])[query],
            "Target_ID": np.array([motif.identifier for motif in database])[target],
            "Optimal_offset": offsets[query, target],
            "p-value": p_values[query, target],
            "E-value": p_values[query, target] * len(database),
            "q-value": q_values[query, rank],
            "Overlap": overlaps[query, target],
            "Query_consensus": np.array([consensus(motif.pwm) for motif in queries])[query],
            "Target_consensus": np.where(turned, backward[target], forward[target]),
            "Orientation": np.where(turned, "-", "+"),
        },
        columns=COLUMNS,
    )


def informative_targets(motifs, trim_information, min_information):
    """Split motifs of a database into those that are matched against and near-uniform ones that are set aside.

    Parameters
    ----------
    motifs : iterable of cisflow.meme.Motif
    trim_information, min_information : float
        Bits; see `cisflow.meme.is_informative`. The bounds are those of filters.

    Returns
    -------
    kept, set_aside : list of cisflow.meme.Motif
    """
    kept, set_aside = [], []
    for motif in motifs:
        (kept if is_informative(motif.pwm, trim_information, min_information) else set_aside).append(motif)
    return kept, set_aside
