"""Metrics of many resamples of blocks of rows, exactly and quickly, and the intervals that follow from them.

Rows of one region of a chromosome are not independent, so blocks of chromosomes are drawn, not rows: each resample
draws as many blocks as there are, with replacement, and counts every row as often as its block was drawn. What a metric
needs of a block is summed once, and a resample is a product of its draws with these sums; of metrics that hang on the
order of the rows (AUROC, AUPRC, Spearman) each resample is one pass over rows that were sorted once.
"""

import numba
import numpy as np
import pandas as pd
from scipy.stats import t as student

from cisflow.intervals import NO_LOCUS
from cisflow.metrics import tie_groups
from cisflow.reliability import is_probability
from cisflow.thresholds import mcc_of_counts

DRAWS_AT_ONCE = 1_000_000  # blocks of all resamples that are held together: 8 MB, and a few times that on the way
METRICS = {
    "binary": ("auroc", "auprc", "prevalence", "accuracy", "f1", "mcc", "brier"),
    "regression": ("pearson", "spearman", "r2", "mse", "variance"),
}
RANKING = {"binary": ("auroc", "auprc"), "regression": ("pearson", "spearman")}  # by which models are compared
RANGES = {  # of metrics that do not go from 0 to 1
    **dict.fromkeys(("pearson", "spearman", "mcc"), (-1, 1)),
    "r2": (-np.inf, 1),
    **dict.fromkeys(("mse", "variance"), (0, np.inf)),
}


def block_numbers(chrom, start, block):
    """Number the blocks of chromosomes in which rows begin.

    Parameters
    ----------
    chrom : array_like of str, shape (N,)
        Rows of a table of sequences that have no place carry the name of their cluster of similar sequences, which is
        then their block; rows of chromosome `.` are known to belong to nothing, and each is a block of its own.
    start : array_like of int, shape (N,)
        0-based.
    block : int
        Length of a block in bases.

    Returns
    -------
    numpy.ndarray of int64, shape (N,)
        Counted from 0 without gaps.
    """
    chrom, number = np.asarray(chrom), np.asarray(start) // block
    alone = chrom == NO_LOCUS
    number[alone] = np.arange(alone.sum())
    return pd.DataFrame({"chrom": chrom, "block": number}).groupby(["chrom", "block"]).ngroup().to_numpy()


def drawn_blocks(n_blocks, n_resamples, seed):
    """How often each resample draws each block, some resamples at a time: memory does not grow with their number.

    Yields
    ------
    slice
        Of the resamples.
    numpy.ndarray of int64, shape (resamples of the slice, n_blocks)
        Every row sums to n_blocks. How many are given at once changes nothing.
    """
    rng, at_once = np.random.default_rng(seed), max(DRAWS_AT_ONCE // n_blocks, 1)
    for begin in range(0, n_resamples, at_once):
        numbers = range(begin, min(begin + at_once, n_resamples))
        draws = [np.bincount(rng.integers(n_blocks, size=n_blocks), minlength=n_blocks) for _ in numbers]
        yield slice(numbers.start, numbers.stop), np.stack(draws)


# --- metrics of draws -------------------------------------------------------------------------------------------------


@numba.njit(cache=True, nogil=True)
def drawn_areas(draws, block, positive, last):
    """AUROC and AUPRC of resamples, in one pass each over rows from the highest score down.

    Parameters
    ----------
    draws : numpy.ndarray of int64, shape (R, B)
    block : numpy.ndarray of int64, shape (N,)
    positive, last : numpy.ndarray of bool, shape (N,)
        Label, and whether the next row has another score: rows of one score are above none of each other.

    Returns
    -------
    numpy.ndarray of float64, shape (2, R)
        NaN without a positive or (AUROC) without a negative.
    """
    areas = np.full((2, len(draws)), np.nan)
    for resample in range(len(draws)):
        weights = draws[resample]
        true_positives, false_positives, tied_positives, tied_negatives = 0, 0, 0, 0
        wins, precision = 0.0, 0.0
        for row in range(len(block)):
            if positive[row]:
                tied_positives += weights[block[row]]
            else:
                tied_negatives += weights[block[row]]
            if last[row]:
                wins += tied_negatives * (true_positives + 0.5 * tied_positives)
                true_positives += tied_positives
                false_positives += tied_negatives
                if tied_positives:
                    precision += tied_positives * (true_positives / (true_positives + false_positives))
                tied_positives, tied_negatives = 0, 0
        if true_positives:
            areas[1, resample] = precision / true_positives
            if false_positives:
                areas[0, resample] = wins / (float(true_positives) * false_positives)
    return areas


@numba.njit(cache=True, nogil=True)
def rank_below(drawn):
    """In place: from how often each distinct value was drawn to the mid-rank of its rows less the mean of all ranks."""
    total, below = drawn.sum(), 0.0
    for value in range(len(drawn)):
        here = drawn[value]
        drawn[value] = below + here / 2 - total / 2
        below += here


@numba.njit(cache=True, nogil=True)
def drawn_spearman(draws, block, truth_value, score_value):
    """Spearman's correlation of resamples: Pearson's of mid-ranks, in whole numbers and halves, which are exact.

    Parameters
    ----------
    draws : numpy.ndarray of int64, shape (R, B)
    block, truth_value, score_value : numpy.ndarray of int64, shape (N,)
        Block of each row, and which of the distinct values, from the smallest, its truth and its score are.

    Returns
    -------
    numpy.ndarray of float64, shape (R,)
        NaN where the truth or the score does not vary.
    """
    correlations = np.full(len(draws), np.nan)
    truth_ranks, score_ranks = np.empty(truth_value.max() + 1), np.empty(score_value.max() + 1)
    for resample in range(len(draws)):
        weights = draws[resample]
        truth_ranks[:] = 0
        score_ranks[:] = 0
        for row in range(len(block)):
            truth_ranks[truth_value[row]] += weights[block[row]]
            score_ranks[score_value[row]] += weights[block[row]]
        rank_below(truth_ranks)
        rank_below(score_ranks)
        both, of_truth, of_score = 0.0, 0.0, 0.0
        for row in range(len(block)):
            weight, x, y = weights[block[row]], truth_ranks[truth_value[row]], score_ranks[score_value[row]]
            both += weight * x * y
            of_truth += weight * x * x
            of_score += weight * y * y
        if of_truth > 0 and of_score > 0:
            correlations[resample] = min(max(both / (np.sqrt(of_truth) * np.sqrt(of_score)), -1.0), 1.0)
    return correlations


def sums_of_blocks(block, n_blocks, columns):
    """Sums over the rows of each block: columns of (N,) -> (n_blocks, columns)."""
    return np.stack([np.bincount(block, weights=column, minlength=n_blocks) for column in columns], axis=1)


def binary_metrics(truth, score, block, n_blocks, threshold):
    """A function from draws of blocks to the metrics of labels.

    Parameters
    ----------
    truth : numpy.ndarray of bool, shape (N,)
    score : numpy.ndarray of float, shape (N,)
        Finite.
    block : numpy.ndarray of int64, shape (N,)
    n_blocks : int
    threshold : float
        Scores from it on are taken for positive.

    Returns
    -------
    callable
        (R, n_blocks) of int64 -> (metrics, R), in the order of `METRICS`. Accuracy, F1 and MCC as scikit-learn has them
        (F1 and MCC are 0 where no row is called positive), but F1 is NaN without a positive, and MCC without one of the
        classes. The Brier score is NaN for scores that are no probabilities.
    """
    order, last_rows = tie_groups(-score)
    last = np.zeros(len(score), dtype=bool)
    last[last_rows] = True
    ordered = block[order], truth[order], last
    called = score >= threshold
    square = (score - truth) ** 2 if is_probability(score) else np.full(len(score), np.nan)
    sums = sums_of_blocks(block, n_blocks, [np.ones(len(truth)), truth, called & truth, called & ~truth])
    squares = sums_of_blocks(block, n_blocks, [square])[:, 0]

    def of_draws(draws):
        areas = drawn_areas(draws, *ordered)
        drawn = draws.astype(np.float64)
        total, positives, tp, fp = (drawn @ sums).T
        negatives, fn = total - positives, positives - tp
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = np.where(positives > 0, 2 * tp / (2 * tp + fp + fn), np.nan)
            mcc = np.where((positives > 0) & (negatives > 0), mcc_of_counts(tp, fp, negatives - fp, fn), np.nan)
            accuracy, prevalence = (tp + negatives - fp) / total, positives / total
            return np.stack([*areas, prevalence, accuracy, f1, mcc, drawn @ squares / total])

    return of_draws


def centred(values, weights):
    """Values less their weighted mean: (B,) with weights (R, B) -> (R, B).

    Where all that count are equal, exactly 0 comes out, for one of them is taken from them first: the mean of equal
    numbers can miss them by a rounding error, and the correlation of rounding errors looks like one.
    """
    values = values - values[(weights > 0).argmax(axis=1)][:, None]
    values -= (np.einsum("rb,rb->r", weights, values) / weights.sum(axis=1))[:, None]
    return values


def regression_metrics(truth, score, block, n_blocks):
    """A function from draws of blocks to the metrics of quantities.

    Sums of squares are kept about the mean of each block, and put together by the distances of these means (Chan,
    Golub & LeVeque 1983, Algorithms for computing the sample variance): far outliers spoil no resample without them.

    Parameters
    ----------
    truth, score : numpy.ndarray of float, shape (N,)
        Finite.
    block : numpy.ndarray of int64, shape (N,)
    n_blocks : int

    Returns
    -------
    callable
        (R, n_blocks) of int64 -> (metrics, R), in the order of `METRICS`. Correlations are NaN where the truth or the
        score does not vary, R2 (1 - squared error / that of the mean) where the truth does not.
    """
    present, place = np.unique(block, return_inverse=True)
    first = np.unique(place, return_index=True)[1]
    n_rows = np.bincount(place).astype(float)
    means, centred_rows = [], []
    for values in (truth, score):
        # Less the first of the block: the mean of equal numbers can miss them by a rounding error.
        less_first = values - values[first][place]
        mean = np.bincount(place, weights=less_first) / n_rows
        means.append(mean + values[first])
        centred_rows.append(less_first - mean[place])
    x, y = centred_rows
    within = sums_of_blocks(place, len(present), [x * x, x * y, y * y, (truth - score) ** 2])
    truth_values, score_values = (np.unique(values, return_inverse=True)[1] for values in (truth, score))

    def of_draws(draws):
        spearman = drawn_spearman(draws, block, truth_values, score_values)
        drawn = draws[:, present].astype(np.float64)
        weights = drawn * n_rows
        total = weights.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            of_truth, both, of_score, errors = (drawn @ within).T.copy()
            x, y = (centred(mean, weights) for mean in means)
            of_truth += np.einsum("rb,rb,rb->r", weights, x, x)
            both += np.einsum("rb,rb,rb->r", weights, x, y)
            of_score += np.einsum("rb,rb,rb->r", weights, y, y)
            pearson = np.clip(both / (np.sqrt(of_truth) * np.sqrt(of_score)), -1, 1)
            r2 = np.where(of_truth > 0, 1 - errors / of_truth, np.nan)
            return np.stack([pearson, spearman, r2, errors / total, of_truth / total])

    return of_draws


# --- resamples and intervals ------------------------------------------------------------------------------------------


def metrics_of_draws(truth, score, blocks, n_blocks, task, threshold=np.nan):
    """A function from draws of blocks to the metrics of one target.

    Parameters
    ----------
    truth, score, blocks, n_blocks, task, threshold
        See `resampled_metrics`.

    Returns
    -------
    callable
        (R, n_blocks) of int64 -> (metrics, R), in the order of `METRICS`.
    """
    truth, score = np.asarray(truth, dtype=float), np.asarray(score, dtype=float)
    if task == "binary":
        return binary_metrics(truth == 1, score, blocks, n_blocks, threshold)
    return regression_metrics(truth, score, blocks, n_blocks)


def resampled_metrics(truth, score, blocks, n_blocks, task, n_resamples, seed, threshold=np.nan):
    """Metrics of one target, of all of its rows and of resamples of the blocks.

    Parameters
    ----------
    truth, score : numpy.ndarray of float, shape (N,)
        Known rows; finite. Labels are 0 or 1.
    blocks : numpy.ndarray of int64, shape (N,)
        See `block_numbers`; other rows may hold blocks that these do not.
    n_blocks : int
        From which the resamples are drawn: with the same number and seed the same ones, for any rows and scores.
    task : str
        `binary` or `regression`.
    n_resamples, seed : int
    threshold : float, optional
        See `binary_metrics`.

    Returns
    -------
    points : numpy.ndarray, shape (metrics,)
        In the order of `METRICS`.
    resampled : numpy.ndarray, shape (metrics, n_resamples)
        NaN where a resample has no value.
    """
    of_draws = metrics_of_draws(truth, score, blocks, n_blocks, task, threshold)
    resampled = np.empty((len(METRICS[task]), n_resamples))
    for part, draws in drawn_blocks(n_blocks, n_resamples, seed):
        resampled[:, part] = of_draws(draws)
    return of_draws(np.ones((1, n_blocks), dtype=np.int64))[:, 0], resampled


def spread(values, low, high):
    """From a range to a scale without ends: logit, logarithm, or the negative logarithm of the distance to the top."""
    with np.errstate(divide="ignore"):
        from_low = np.log(values - low) if np.isfinite(low) else 0
        return from_low - (np.log(high - values) if np.isfinite(high) else 0)


def gathered(values, low, high):
    """The inverse of `spread`."""
    with np.errstate(over="ignore"):
        if not np.isfinite(high):
            return low + np.exp(values)
        if not np.isfinite(low):
            return high - np.exp(-values)
        return low + (high - low) / (1 + np.exp(-values))


def interval(metric, point, resampled, n_blocks):
    """95 % interval of a metric: Student's, from the standard error of the resamples on a scale without ends.

    Percentiles of the resamples of few blocks lie too close together and, near the end of a range, on the wrong side:
    of 10 or 20 blocks they held the true AUROC of simulated scores 77 to 92 times in 100, this interval 92 to 96 times
    (`tests/bench/bench_evaluation.py --coverage 1000`). Resamples of B blocks vary by (B - 1) / B of what samples do,
    which is made good, and the standard error has B - 1 degrees of freedom.

    Parameters
    ----------
    metric : str
    point : float
    resampled : numpy.ndarray of float, shape (R,)
        Those that are not finite are left out. Those at an end of the range, where the scale has none, count as the
        outermost of the others.
    n_blocks : int
        That hold a row.

    Returns
    -------
    low, high : float
        NaN where there is nothing to tell them by: fewer than two blocks, or resamples that are all alike.
    """
    ends = RANGES.get(metric, (0, 1))
    values = resampled[np.isfinite(resampled)]
    inside = values[(values > ends[0]) & (values < ends[1])]
    if n_blocks < 2 or len(inside) < 2 or not ends[0] < point < ends[1]:
        return np.nan, np.nan
    error = np.std(spread(np.clip(values, inside.min(), inside.max()), *ends)) * np.sqrt(n_blocks / (n_blocks - 1))
    if error < 1e-12:
        return np.nan, np.nan
    reach = student.ppf(0.975, n_blocks - 1) * error
    return tuple(float(gathered(spread(point, *ends) + side, *ends)) for side in (-reach, reach))
