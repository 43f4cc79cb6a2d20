"""Tables of predictions and of metrics with intervals from a bootstrap over blocks of chromosomes.

Rows of one region of a chromosome are not independent, so blocks of chromosomes are drawn, not rows: each resample
draws as many blocks as there are, with replacement, and counts every row as often as its block was drawn.
"""

import numpy as np
import pandas as pd

from cisflow.intervals import NO_LOCUS
from cisflow.metrics import auroc_and_auprc, correlations_and_error

RESAMPLES_AT_ONCE = 64
WEIGHTS_AT_ONCE = 4_000_000  # fewer resamples of many rows: an array of weights takes 32 MB, and there are about ten
METRICS = {
    "binary": (("auroc", "auprc"), auroc_and_auprc),
    "regression": (("pearson", "spearman", "mse"), correlations_and_error),
}
NOT_AVERAGED = {"mse"}  # errors of targets on different scales have no mean
COLUMNS = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]


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


def block_weights(n_blocks, n_resamples, rng):
    """How often each resample draws each block.

    Returns
    -------
    numpy.ndarray of int64, shape (n_resamples, n_blocks)
        Every row sums to n_blocks. Resamples drawn in several calls are those of one.
    """
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_resamples)


def interval(values):
    """2.5 and 97.5 % of the resamples that have a value; NaN where none has."""
    finite = values[np.isfinite(values)]
    return np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)


def evaluate(truth, scores, blocks, targets, model, split, n_resamples, seed, task="binary"):
    """Metrics of one model on one split.

    Parameters
    ----------
    truth : numpy.ndarray of float, shape (N, T)
        Labels 0 or 1, or any numbers (`regression`); NaN = unknown, left out.
    scores : numpy.ndarray of float, shape (N, T)
        A target without a finite number for each of its known rows has no metrics (NaN).
    blocks : numpy.ndarray of int, shape (N,)
        See `block_numbers`; the unit that is resampled.
    targets : list of str
    model, split : str
        What stands in the columns of these names.
    n_resamples : int
    seed : int
        Of the resamples; the same seed draws the same blocks for every model, so that models can be compared.
    task : str
        `binary` or `regression`.

    Returns
    -------
    pandas.DataFrame
        `model`, `split`, `target`, `metric`, `value`, `ci_low`, `ci_high` (2.5 and 97.5 % of the resamples), `n` (known
        rows), `n_positive` (NaN unless `binary`). Metrics are auroc, auprc and prevalence, or pearson, spearman, mse
        and the variance of the truth, which is the error of who always says its mean. With several targets also the
        mean over them, of all but errors (target `mean`; NaN if one has no value), and the number of blocks drawn from
        (target `all`, metric `bootstrap_blocks`).
    """
    names, metrics_of = METRICS[task]
    known = ~np.isnan(truth)
    scored = np.flatnonzero(known.any(axis=0) & (np.isfinite(scores) | ~known).all(axis=0))
    points = np.full((len(names), len(targets)), np.nan)
    resampled = np.full((len(names), len(targets), n_resamples), np.nan)
    n_blocks, rng = int(blocks.max()) + 1, np.random.default_rng(seed)
    at_once = int(np.clip(WEIGHTS_AT_ONCE // len(blocks), 1, RESAMPLES_AT_ONCE))
    for begin in range(0, n_resamples, at_once):
        part = slice(begin, min(begin + at_once, n_resamples))
        draws = block_weights(n_blocks, part.stop - begin, rng).astype(float)
        for column in scored:
            rows = known[:, column]
            true, score = truth[rows, column].astype(float), scores[rows, column].astype(float)
            true = true == 1 if task == "binary" else true
            if begin == 0:
                points[:, column] = np.concatenate(metrics_of(true, score))
            resampled[:, column, part] = metrics_of(true, score, draws[:, blocks[rows]])

    rows = []

    def row(target, metric, value, bounds, of_rows):
        """A row of the table, of these rows of the truth."""
        n_positive = int((of_rows == 1).any(axis=1).sum()) if task == "binary" else np.nan
        rows.append((model, split, target, metric, value, *bounds, len(of_rows), n_positive))

    no_bounds = (np.nan, np.nan)
    for column, target in enumerate(targets):
        values = truth[known[:, column], column].astype(float)[:, None]
        for metric, name in enumerate(names):
            row(target, name, points[metric, column], interval(resampled[metric, column]), values)
        about = ("prevalence", (values == 1).mean) if task == "binary" else ("variance", values.var)
        row(target, about[0], about[1]() if len(values) else np.nan, no_bounds, values)
    if len(targets) > 1:
        for metric, name in enumerate(names):
            if name not in NOT_AVERAGED:
                means = resampled[metric].mean(axis=0)
                row("mean", name, points[metric].mean(), interval(means), truth[known.any(axis=1)])
    row("all", "bootstrap_blocks", n_blocks, no_bounds, truth)
    return pd.DataFrame(rows, columns=COLUMNS)


def predictions_table(split, predictions):
    """Predictions beside the truth: `chrom`, `start`, `end`, `name`, then `{target}` and `{target}_predicted`.

    Parameters
    ----------
    split : dict
        As `cisflow.split_file.read_split` gives it; coordinates are turned back to those of the window without jitter
        (of a row without a place: its window within the sequence as stored).
    predictions : array_like of float, shape (N, T)
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
        table[f"{target}_predicted"] = np.asarray(predictions)[:, column]
    return pd.DataFrame(table)


def metrics_of(split, predictions, model, n_resamples, block, seed):
    """Metrics of a model on a split.

    Parameters
    ----------
    split : dict
        As `cisflow.split_file.read_split` gives it; inputs of networks are not needed. Its attribute `task` decides
        which metrics are taken.
    predictions : array_like of float, shape (N, T)
        On the scale of the targets in the split.
    model : str
        Its name.
    n_resamples, block, seed : int
        See `evaluate` and `block_numbers`.

    Returns
    -------
    pandas.DataFrame
        See `evaluate`.
    """
    about, truth, predictions = split["attributes"], split["targets"], np.asarray(predictions)
    for column, target in enumerate(about["target_names"]):
        wrong = int((~np.isfinite(predictions[:, column]) & ~np.isnan(truth[:, column])).sum())
        if wrong:
            print(f"{target}: {wrong} of {len(truth)} predictions are no finite numbers, so it has no metrics")
    blocks = block_numbers(split["chrom"], split["start"], block)
    return evaluate(
        truth, predictions, blocks, about["target_names"], model, about["split"], n_resamples, seed, about["task"]
    )


def write_evaluation(split, predictions, model, n_resamples, block, seed, predictions_output, metrics_output):
    """Write predictions and metrics of a model on a split; the last step of every evaluation.

    Parameters
    ----------
    split, predictions, model, n_resamples, block, seed
        See `metrics_of`.
    predictions_output, metrics_output : str or Path

    Returns
    -------
    pandas.DataFrame
        The metrics.
    """
    predictions_table(split, predictions).to_csv(predictions_output, sep="\t", index=False, float_format="%.6g")
    metrics = metrics_of(split, predictions, model, n_resamples, block, seed)
    metrics.to_csv(metrics_output, sep="\t", index=False, float_format="%.8g")
    return metrics
