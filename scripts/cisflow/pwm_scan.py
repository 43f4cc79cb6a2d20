"""The best match of every motif of a database in every sequence, and the motif that tells the targets apart best.

A match is scored by the logarithm of the odds of its bases under the motif against the background, as in FIMO (Grant,
Bailey & Noble 2011); an unknown base adds nothing. The score of a sequence is that of its best match on either strand.
"""

import numpy as np
from scipy.stats import rankdata

from cisflow.alphabet import UNKNOWN
from cisflow.meme import log_odds
from cisflow.vector_lanes import LANES
from cisflow.window_kernels import find_best_windows

ROWS_AT_ONCE = 4096  # sequences and motifs that are scored together: their scores take some megabytes
MOTIFS_AT_ONCE = 64


def background_of(codes):
    """Frequencies of A, C, G, T in sequences, of both strands together; uniform if no base is known.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
        See `cisflow.base_codes`.

    Returns
    -------
    numpy.ndarray of float, shape (4,)
    """
    counts = np.bincount(codes.ravel(), minlength=UNKNOWN + 1)[:UNKNOWN].astype(float)
    counts += counts[::-1]
    return counts / counts.sum() if counts.sum() else np.full(UNKNOWN, 1 / UNKNOWN)


def best_matches(codes, pwms, background):
    """Score of the best match of each motif in each sequence, over all places where the whole motif lies within it.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
    pwms : list of numpy.ndarray of float, shape (width, 4)
        None wider than the sequences.
    background : numpy.ndarray of float, shape (4,)

    Returns
    -------
    numpy.ndarray of float32, shape (N, motifs)
        In nats.
    """
    scores = np.empty((len(codes), len(pwms)), dtype=np.float32)
    widths = np.array([len(pwm) for pwm in pwms], dtype=int)
    for width in np.unique(widths):
        of_width = np.flatnonzero(widths == width)
        forward = np.array([log_odds(pwms[number], background).T for number in of_width], dtype=np.float32)
        n_motifs, positions = len(forward), codes.shape[1] - width + 1
        weight = np.ascontiguousarray(np.concatenate([forward, forward[:, ::-1, ::-1]]))[None]
        bias = np.zeros(weight.shape[:2], dtype=np.float32)
        padded = -(-2 * n_motifs // LANES) * LANES
        for begin in range(0, len(codes), ROWS_AT_ONCE):
            block = np.ascontiguousarray(codes[begin : begin + ROWS_AT_ONCE])[None]
            best = np.empty((1, block.shape[1], 1, padded), dtype=np.float32)
            where = np.empty(best.shape, dtype=np.int32)
            find_best_windows(block, weight, bias, 0, positions, positions, best, where, None)
            strands = best[0, :, 0, : 2 * n_motifs].reshape(-1, 2, n_motifs)
            scores[begin : begin + ROWS_AT_ONCE, of_width] = strands.max(axis=1)
    return scores


def aurocs(scores, labels):
    """AUROC of many scores for one set of labels.

    Parameters
    ----------
    scores : numpy.ndarray of float, shape (N, F)
    labels : numpy.ndarray of bool, shape (N,)
        Both are there.

    Returns
    -------
    numpy.ndarray of float, shape (F,)
    """
    ranks = rankdata(scores, axis=0)
    n_positive = int(labels.sum())
    wins = ranks[labels].sum(axis=0) - n_positive * (n_positive + 1) / 2
    return wins / (n_positive * (len(labels) - n_positive))


def correlations(scores, values):
    """Pearson's correlation of many scores (N, F) with one set of values (N,); 0 where a score does not vary."""
    varies = scores.min(axis=0) < scores.max(axis=0)
    scores, values = scores - scores.mean(axis=0, dtype=float), values - values.mean()
    lengths = np.sqrt((scores**2).sum(axis=0) * (values**2).sum())
    return np.divide(values @ scores, lengths, out=np.zeros(len(varies)), where=varies)


def choose_motifs(codes, targets, pwms, background, task):
    """How well the best match of each motif tells each target on training rows, and which motif does it best.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
    targets : numpy.ndarray of float, shape (N, T)
        NaN = unknown, left out of that target.
    pwms : list of numpy.ndarray
    background : numpy.ndarray of float, shape (4,)
    task : str
        `binary`: the motif with the highest AUROC, for what binds has the motif; `regression`: with the largest
        absolute Pearson correlation, for a motif may lower what is measured.

    Returns
    -------
    chosen : list of int or None
        Of each target; None if all its known rows have one value. Of equal motifs the first.
    quality : numpy.ndarray of float, shape (motifs, T)
        AUROC, or Pearson's correlation.
    """
    quality = np.full((len(pwms), targets.shape[1]), np.nan)
    known_rows = [~np.isnan(column) for column in targets.T]
    varies = [len(np.unique(column[known])) > 1 for column, known in zip(targets.T, known_rows, strict=True)]
    for first in range(0, len(pwms), MOTIFS_AT_ONCE):
        motifs = slice(first, first + MOTIFS_AT_ONCE)
        scores = best_matches(codes, pwms[motifs], background)
        for column in np.flatnonzero(varies):
            known = known_rows[column]
            of_known, truth = scores if known.all() else scores[known], targets[known, column].astype(float)
            of_target = aurocs(of_known, truth == 1) if task == "binary" else correlations(of_known, truth)
            quality[motifs, column] = of_target
    compared = quality if task == "binary" else np.abs(quality)
    return [int(np.argmax(compared[:, column])) if varies[column] else None for column in range(len(varies))], quality
