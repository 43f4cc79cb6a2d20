"""Test metrics with intervals from a bootstrap over blocks of chromosomes.

AUROC is the probability that a positive scores above a negative (ties count half); AUPRC is the average precision,
sum over thresholds of (recall gained x precision), as in scikit-learn. Rows of one region of a chromosome are not
independent, so blocks of chromosomes are drawn, not rows: each resample draws as many blocks as there are, with
replacement, and counts every row as often as its block was drawn.
"""

import numpy as np
import pandas as pd

RESAMPLES_AT_ONCE = 64  # keeps the weights of 200,000 rows at 100 MB


def weighted_curves(truth, score, weights):
    """Weighted numbers of true and false positives at every distinct threshold, from the highest down.

    Parameters
    ----------
    truth : numpy.ndarray of bool, shape (N,)
    score : numpy.ndarray of float, shape (N,)
    weights : numpy.ndarray of float, shape (R, N)
        A row a resample.

    Returns
    -------
    true_positives, false_positives : numpy.ndarray, shape (R, number of distinct scores)
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # last row of each group of equal scores
    weights = weights[:, order]
    positive = truth[order]
    return (
        np.cumsum(weights * positive, axis=1)[:, last],
        np.cumsum(weights * ~positive, axis=1)[:, last],
    )


def auroc_and_auprc(truth, score, weights=None):
    """AUROC and AUPRC, for one weighting of the rows or many.

    Parameters
    ----------
    truth : array_like of bool, shape (N,)
    score : array_like of float, shape (N,)
    weights : numpy.ndarray of float, shape (R, N), optional
        All ones if left out (then R = 1).

    Returns
    -------
    auroc, auprc : numpy.ndarray, shape (R,)
        NaN where a resample holds no positive or (AUROC) no negative.
    """
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float)
    weights = np.ones((1, len(truth))) if weights is None else weights
    tp, fp = weighted_curves(truth, score, weights)
    zero = np.zeros((len(tp), 1))
    positives, negatives = tp[:, -1], fp[:, -1]
    tp0, fp0 = np.hstack([zero, tp]), np.hstack([zero, fp])
    with np.errstate(divide="ignore", invalid="ignore"):
        area = np.sum(np.diff(fp0, axis=1) * (tp0[:, 1:] + tp0[:, :-1]) / 2, axis=1)
        auroc = np.where((positives > 0) & (negatives > 0), area / (positives * negatives), np.nan)
        precision = np.where(tp + fp > 0, tp / (tp + fp), 0)
        auprc = np.where(positives > 0, np.sum(np.diff(tp0, axis=1) * precision, axis=1) / positives, np.nan)
    return auroc, auprc


def block_numbers(chrom, start, block):
    """Number the blocks of chromosomes in which rows begin.

    Parameters
    ----------
    chrom : array_like of str, shape (N,)
    start : array_like of int, shape (N,)
        0-based.
    block : int
        Length of a block in bases.

    Returns
    -------
    numpy.ndarray of int64, shape (N,)
        Counted from 0 without gaps.
    """
    return (
        pd.DataFrame({"chrom": chrom, "block": np.asarray(start) // block})
        .groupby(["chrom", "block"])
        .ngroup()
        .to_numpy()
    )


def block_weights(n_blocks, n_resamples, rng):
    """How often each resample draws each block.

    Returns
    -------
    numpy.ndarray of int64, shape (n_resamples, n_blocks)
        Every row sums to n_blocks.
    """
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_resamples)


def evaluate(truth, scores, blocks, targets, model, split, n_resamples, seed):
    """Metrics of one model on one split.

    Parameters
    ----------
    truth : numpy.ndarray of float, shape (N, T)
        Labels 0 or 1; NaN = unknown, left out.
    scores : numpy.ndarray of float, shape (N, T)
    blocks : numpy.ndarray of int, shape (N,)
        See `block_numbers`; the unit that is resampled.
    targets : list of str
    model, split : str
        What stands in the columns of these names.
    n_resamples : int
    seed : int
        Of the resamples; the same seed draws the same blocks for every model, so that models can be compared.

    Returns
    -------
    pandas.DataFrame
        `model`, `split`, `target`, `metric` (auroc, auprc, prevalence), `value`, `ci_low`, `ci_high` (2.5 and 97.5 %
        of the resamples), `n`, `n_positive`; with several targets also their mean (target `mean`), and the number of
        blocks drawn from (target `all`, metric `bootstrap_blocks`).
    """
    n_blocks = int(blocks.max()) + 1
    draws = block_weights(n_blocks, n_resamples, np.random.default_rng(seed))
    points = np.full((2, len(targets)), np.nan)
    resampled = np.full((2, len(targets), n_resamples), np.nan)
    rows = []

    def row(target, metric, value, low, high, n, n_positive):
        rows.append((model, split, target, metric, value, low, high, n, n_positive))

    def interval(values):
        finite = values[np.isfinite(values)]
        return np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)

    for column, target in enumerate(targets):
        known = ~np.isnan(truth[:, column])
        label, score, block = truth[known, column] == 1, scores[known, column], blocks[known]
        for metric, value in enumerate(auroc_and_auprc(label, score)):
            points[metric, column] = value[0]
        for begin in range(0, n_resamples, RESAMPLES_AT_ONCE):
            part = slice(begin, begin + RESAMPLES_AT_ONCE)
            resampled[:, column, part] = auroc_and_auprc(label, score, draws[part][:, block].astype(float))
        n, n_positive = len(label), int(label.sum())
        for metric, name in enumerate(("auroc", "auprc")):
            row(target, name, points[metric, column], *interval(resampled[metric, column]), n, n_positive)
        row(target, "prevalence", n_positive / n if n else np.nan, np.nan, np.nan, n, n_positive)
    if len(targets) > 1:
        for metric, name in enumerate(("auroc", "auprc")):
            means = resampled[metric].mean(axis=0)
            row("mean", name, points[metric].mean(), *interval(means), len(truth), int((truth == 1).any(axis=1).sum()))
    row("all", "bootstrap_blocks", n_blocks, np.nan, np.nan, len(truth), int((truth == 1).any(axis=1).sum()))
    columns = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]
    return pd.DataFrame(rows, columns=columns)


def predictions_table(split, probabilities):
    """Predictions beside the truth: `chrom`, `start`, `end`, `name`, then `{target}` and `{target}_predicted`.

    Parameters
    ----------
    split : dict
        As `cisflow.split_file.read_split` gives it; coordinates are turned back to those of the window without jitter.
    probabilities : array_like of float, shape (N, T)
    """
    jitter = int(split["attributes"]["max_jitter"])
    table = {
        "chrom": split["chrom"],
        "start": split["start"] + jitter,
        "end": split["end"] - jitter,
        "name": split["name"],
    }
    for column, target in enumerate(split["attributes"]["target_names"]):
        table[target] = split["targets"][:, column]
        table[f"{target}_predicted"] = np.asarray(probabilities)[:, column]
    return pd.DataFrame(table)


def write_evaluation(split, probabilities, model, n_resamples, block, seed, predictions_output, metrics_output):
    """Write predictions and metrics of a model on a split; the last step of every evaluation.

    Returns
    -------
    pandas.DataFrame
        The metrics.
    """
    about = split["attributes"]
    predictions = predictions_table(split, probabilities)
    predictions.to_csv(predictions_output, sep="\t", index=False, float_format="%.6g")
    blocks = block_numbers(split["chrom"], split["start"], block)
    metrics = evaluate(
        split["targets"], np.asarray(probabilities, dtype=float), blocks, about["target_names"], model, about["split"],
        n_resamples, seed,
    )  # fmt: skip
    metrics.to_csv(metrics_output, sep="\t", index=False, float_format="%.8g")
    return metrics
