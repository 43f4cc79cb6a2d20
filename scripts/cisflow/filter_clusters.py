"""Filters that say the same: PWMs compared with each other, clustered, and joined to consensus motifs.

Two PWMs are laid over each other at every offset and in both orientations. Their similarity is the largest cosine of
the two, each position taken as its distance from the background, and what hangs over as none: 1 for the same PWM, about
0.3 for unrelated ones; informative positions without a counterpart lower it. It needs no database, as Tomtom's p-values
do. Clusters are those of average linkage, cut where the mean similarity of two falls below `SIMILARITY`.
"""

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from cisflow.filter_pwms import trimmed
from cisflow.meme import reverse_complement

# Of 150 insect motifs of JASPAR, 95 % of copies made anew from 100 drawn sites, with up to two positions cut off at
# each end, come this near to the motif, and 90 % of those from 20 sites; and 0.2 % of pairs of one motif and another
# that was shuffled. Pairs that Tomtom calls the same at q < 0.0001 lie above 0.88.
SIMILARITY = 0.75
UNIFORM = (0.25, 0.25, 0.25, 0.25)


class Alignments(NamedTuple):
    """How each PWM lies best on each other one: arrays (n, n), a row for the one that is laid on the other.

    Its position i lies on position i + `offset`, after its reverse complement was taken where `is_reverse`.
    """

    similarity: np.ndarray
    offset: np.ndarray
    is_reverse: np.ndarray


def align_pwms(pwms, background=UNIFORM):
    """Lay every PWM on every other one.

    Parameters
    ----------
    pwms : list of numpy.ndarray of float, shape (width, 4)
    background : sequence of float
        Frequencies of A, C, G, T.

    Returns
    -------
    Alignments
        Of equally good ones that which is not reversed, then the lowest offset. A PWM that is the background is similar
        to nothing.
    """
    n, longest = len(pwms), max(map(len, pwms), default=0)
    forward, backward = np.zeros((n, longest, 4)), np.zeros((n, longest, 4))
    for number, pwm in enumerate(pwms):
        own = pwm - np.asarray(background)
        own /= np.linalg.norm(own) or 1
        forward[number, : len(own)], backward[number, : len(own)] = own, own[::-1, ::-1]
    best = Alignments(np.full((n, n), -np.inf), np.zeros((n, n), dtype=int), np.zeros((n, n), dtype=bool))
    for is_reverse, queries in enumerate((forward, backward)):
        for offset in range(1 - longest, longest):
            lies = slice(max(-offset, 0), longest - max(offset, 0))
            under = slice(max(offset, 0), longest - max(-offset, 0))
            cosine = queries[:, lies].reshape(n, -1) @ forward[:, under].reshape(n, -1).T
            better = cosine > best.similarity + 1e-9
            for held, new in zip(best, (cosine, offset, bool(is_reverse)), strict=True):
                np.copyto(held, new, where=better)
    return best


def cluster_pwms(alignments, similarity=SIMILARITY):
    """Clusters of PWMs.

    Parameters
    ----------
    alignments : Alignments
    similarity : float
        Mean of the pairs, below which two clusters are not joined.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        Number of each PWM's cluster, from 1, in the order in which they first appear.
    """
    n = len(alignments.similarity)
    if n < 2:
        return np.ones(n, dtype=int)
    distance = np.clip(1 - (alignments.similarity + alignments.similarity.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    found = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - similarity, "distance")
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number] + 1


def representatives(alignments, clusters):
    """The member of each cluster that is most similar to the others, the first of equal ones: dict of int -> int."""
    found = {}
    for cluster in np.unique(clusters):
        members = np.flatnonzero(clusters == cluster)
        total = alignments.similarity[np.ix_(members, members)].sum(axis=0)
        found[int(cluster)] = int(members[np.argmax(np.round(total, 9))])
    return found


def consensus_pwm(pwms, offsets, are_reverse, weights, trim_information, background=UNIFORM):
    """The mean of aligned PWMs, as the background where one does not reach.

    Parameters
    ----------
    pwms : list of numpy.ndarray of float, shape (width, 4)
    offsets, are_reverse : sequence of int, sequence of bool
        How each lies on a common one, see `Alignments`.
    weights : sequence of float
        Of the mean.
    trim_information : float
        Bits; flanking positions with less are cut off.
    background : sequence of float

    Returns
    -------
    numpy.ndarray of float, shape (width, 4)
        The whole mean where no position has so much information.
    """
    low, weights = min(offsets), np.asarray(weights, dtype=float) / np.sum(weights)
    width = max(offset + len(pwm) for offset, pwm in zip(offsets, pwms, strict=True)) - low
    mean = np.tile(np.asarray(background, dtype=float), (width, 1))
    for pwm, offset, is_reverse, weight in zip(pwms, offsets, are_reverse, weights, strict=True):
        turned = reverse_complement(pwm) if is_reverse else pwm
        mean[offset - low : offset - low + len(pwm)] += weight * (turned - np.asarray(background))
    start, end = trimmed(mean, trim_information, background)
    return mean[start:end] if end else mean


def joined_motifs(runs, trim_information, similarity=SIMILARITY, background=UNIFORM):
    """Consensus motifs of the filters of several runs (seeds, folds), and in how many runs each was found.

    Parameters
    ----------
    runs : dict of str -> list of cisflow.meme.Motif
        PWMs of the filters of each run, which may have none.
    trim_information, similarity, background
        See `consensus_pwm` and `cluster_pwms`.

    Returns
    -------
    list of dict
        `pwm` (in the mean, each run with a filter in the cluster counts alike, as do its filters among themselves),
        `n_runs_with`, `n_runs`, `n_filters`, `n_sites`, `similarity` (mean of the filters to the representative),
        `representative` and `filters`, as `run:filter`. Those found in most runs come first, then those of most.
    """
    members = [(run, motif) for run, motifs in runs.items() for motif in motifs]
    if not members:
        return []
    pwms, names = [motif.pwm for _, motif in members], [f"{run}:{motif.identifier}" for run, motif in members]
    alignments = align_pwms(pwms, background)
    clusters = cluster_pwms(alignments, similarity)
    rows = []
    for cluster, centre in representatives(alignments, clusters).items():
        own = np.flatnonzero(clusters == cluster)
        of_run = [members[number][0] for number in own]
        weights = [1 / of_run.count(run) for run in of_run]
        lies = [part[own, centre].tolist() for part in alignments]
        rows.append(
            {
                "pwm": consensus_pwm([pwms[n] for n in own], lies[1], lies[2], weights, trim_information, background),
                "n_runs_with": len(set(of_run)),
                "n_runs": len(runs),
                "n_filters": len(own),
                "n_sites": int(sum(members[number][1].nsites or 0 for number in own)),
                "similarity": float(np.mean(lies[0])),
                "representative": names[centre],
                "filters": ",".join(names[number] for number in own),
            }
        )
    return sorted(rows, key=lambda row: (-row["n_runs_with"], -row["n_filters"]))
