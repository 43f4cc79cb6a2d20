"""Tables of predictions and of metrics, with intervals from a bootstrap over blocks of chromosomes.

What needs a threshold is measured at one that was chosen on the validation split, never on the rows that are reported.
"""

import numpy as np
import pandas as pd

from cisflow.bootstrap import METRICS, block_numbers, interval, resampled_metrics
from cisflow.reliability import calibration_error, reliability_table
from cisflow.strata import strata_table
from cisflow.thresholds import confusion_counts, mcc_threshold

NOT_AVERAGED = {"prevalence", "mse", "variance"}  # errors of targets on different scales have no mean
AT_THRESHOLD = ("accuracy", "f1", "mcc")
COLUMNS = ["model", "split", "target", "metric", "value", "ci_low", "ci_high", "n", "n_positive"]
OUTPUTS = ("predictions", "val_predictions", "metrics", "reliability", "strata")  # files of an evaluation
NO_BOUNDS = (np.nan, np.nan)


def evaluate(truth, scores, blocks, targets, model, split, n_resamples, seed, task="binary", thresholds=None):
    """Metrics of one model on one split.

    Parameters
    ----------
    truth : numpy.ndarray of float, shape (N, T)
        Labels 0 or 1, or any numbers (`regression`); NaN = unknown, left out.
    scores : numpy.ndarray of float, shape (N, T)
        A target without a finite number for each of its known rows has no metrics (NaN).
    blocks : numpy.ndarray of int, shape (N,)
        See `cisflow.bootstrap.block_numbers`; the unit that is resampled.
    targets : list of str
    model, split : str
        What stands in the columns of these names.
    n_resamples : int
    seed : int
        Of the resamples; the same seed draws the same blocks for every model, so that models can be compared.
    task : str
        `binary` or `regression`.
    thresholds : sequence of float, optional
        Of each target (`binary`), chosen elsewhere. Without them what needs one is left out.

    Returns
    -------
    pandas.DataFrame
        `model`, `split`, `target`, `metric`, `value`, `ci_low` and `ci_high` (see `cisflow.bootstrap.interval`), `n`
        (known rows), `n_positive` (NaN unless `binary`). Metrics are those of `cisflow.bootstrap.METRICS`; the variance
        of the truth is the error of who always says its mean. Then, without an interval, the threshold, the numbers of
        rows on each side of it, and the calibration error: its resamples are all larger than itself, so none of the
        usual intervals holds the true one. With several targets also the mean over them of what has a mean (target
        `mean`; NaN if one has no value), and the number of blocks drawn from (target `all`, metric `bootstrap_blocks`).
    """
    names, is_binary = METRICS[task], task == "binary"
    known = ~np.isnan(truth)
    n_blocks = int(blocks.max()) + 1
    points = np.full((len(names), len(targets)), np.nan)
    resampled = np.full((len(names), len(targets), n_resamples), np.nan)
    rows = []

    def add(target, metric, value, bounds, of_rows):
        """A row of the table, of the known among these rows of the truth."""
        n_positive = int((of_rows == 1).any(axis=1).sum()) if is_binary else np.nan
        rows.append((model, split, target, metric, value, *bounds, len(of_rows), n_positive))

    calibration = []
    for column, target in enumerate(targets):
        own = known[:, column]
        true, score, values = truth[own, column], scores[own, column].astype(float), truth[own][:, [column]]
        threshold = np.nan if thresholds is None else float(thresholds[column])
        is_scored = len(score) > 0 and np.isfinite(score).all()
        if is_scored:
            points[:, column], resampled[:, column] = resampled_metrics(
                true, score, blocks[own], n_blocks, task, n_resamples, seed, threshold
            )
        elif len(score):  # these do not hang on the predictions
            about = names.index("prevalence" if is_binary else "variance")
            points[about, column] = np.mean(true) if is_binary else np.var(true.astype(float))
        in_blocks = len(np.unique(blocks[own]))
        for number, name in enumerate(names):
            if thresholds is not None or name not in AT_THRESHOLD:
                bounds = interval(name, points[number, column], resampled[number, column], in_blocks)
                add(target, name, points[number, column], bounds, values)
        if is_binary:
            calibration.append(calibration_error(true, score) if is_scored else np.nan)
            add(target, "calibration_error", calibration[-1], NO_BOUNDS, values)
        if is_binary and thresholds is not None:
            add(target, "threshold", threshold, NO_BOUNDS, values)
            for name, count in confusion_counts(true, score, threshold).items():
                add(target, name, count if is_scored else np.nan, NO_BOUNDS, values)
    if len(targets) > 1:
        in_blocks = len(np.unique(blocks[known.any(axis=1)]))
        for number, name in enumerate(names):
            if name not in NOT_AVERAGED and (thresholds is not None or name not in AT_THRESHOLD):
                value = points[number].mean()
                bounds = interval(name, value, resampled[number].mean(axis=0), in_blocks)
                add("mean", name, value, bounds, truth[known.any(axis=1)])
        if is_binary:
            add("mean", "calibration_error", np.mean(calibration), NO_BOUNDS, truth[known.any(axis=1)])
    add("all", "bootstrap_blocks", n_blocks, NO_BOUNDS, truth)
    return pd.DataFrame(rows, columns=COLUMNS)


def thresholds_of(val, val_predictions):
    """The thresholds of all targets by the validation split; None for quantities.

    Parameters
    ----------
    val : dict
        Validation split, as `cisflow.split_file.read_split` gives it.
    val_predictions : array_like of float, shape (N, T)

    Returns
    -------
    list of float or None
        See `cisflow.thresholds.mcc_threshold`.
    """
    if val["attributes"]["task"] != "binary":
        return None
    return [mcc_threshold(*pair) for pair in zip(val["targets"].T, np.asarray(val_predictions).T, strict=True)]


def predictions_table(split, predictions, deviations=None):
    """Predictions beside the truth: `chrom`, `start`, `end`, `name`, then `{target}` and `{target}_predicted`.

    Parameters
    ----------
    split : dict
        As `cisflow.split_file.read_split` gives it; coordinates are turned back to those of the window without jitter
        (of a row without a place: its window within the sequence as stored).
    predictions : array_like of float, shape (N, T)
    deviations : array_like of float, shape (N, T), optional
        Of the predictions that these are the mean of; a column `{target}_sd` each.
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
        if deviations is not None:
            table[f"{target}_sd"] = np.asarray(deviations)[:, column]
    return pd.DataFrame(table)


def metrics_of(split, predictions, model, n_resamples, block, seed, thresholds=None):
    """Metrics of a model on a split.

    Parameters
    ----------
    split : dict
        As `cisflow.split_file.read_split` gives it: `targets`, `chrom`, `start` and `attributes`, of which `task` says
        what the targets are.
    predictions : array_like of float, shape (N, T)
    model : str
    n_resamples : int
    block : int
        Length of a block in bases.
    seed : int
    thresholds : sequence of float, optional
        See `thresholds_of`.

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
        truth, predictions, blocks, about["target_names"], model, about["split"], n_resamples, seed, about["task"],
        thresholds,
    )  # fmt: skip


def write_evaluation(test, val, model, n_resamples, block, seed, outputs, test_rows=None):
    """Write predictions and metrics of a model; the last step of every evaluation.

    Parameters
    ----------
    test, val : tuple
        What `predictions_table` takes: a split, its predictions (N, T), and perhaps their deviations. Thresholds are
        chosen on validation; what is measured is the test split.
    model, n_resamples, block, seed
        See `metrics_of`.
    outputs : dict of str -> str or Path
        Of `OUTPUTS`; `reliability` (see `cisflow.reliability.reliability_table`) and `strata` only if they are wanted.
    test_rows : pandas.DataFrame, optional
        What is known of the rows of the test split, by which strata are made; see `cisflow.strata`.

    Returns
    -------
    pandas.DataFrame
        The metrics.
    """
    for name, of_split in (("predictions", test), ("val_predictions", val)):
        predictions_table(*of_split).to_csv(outputs[name], sep="\t", index=False, float_format="%.6g")
    split, predictions = test[0], np.asarray(test[1])
    metrics = metrics_of(split, predictions, model, n_resamples, block, seed, thresholds_of(*val[:2]))
    metrics.to_csv(outputs["metrics"], sep="\t", index=False, float_format="%.8g")
    targets, task = split["attributes"]["target_names"], split["attributes"]["task"]
    if "reliability" in outputs:
        truth = split["targets"] if task == "binary" else np.full(predictions.shape, np.nan)
        table = reliability_table(truth, predictions, targets)
        table.to_csv(outputs["reliability"], sep="\t", index=False, float_format="%.6g")
    if "strata" in outputs:
        blocks = block_numbers(split["chrom"], split["start"], block)
        strata = strata_table(split["targets"], predictions, blocks, targets, task, test_rows, n_resamples, seed)
        strata.to_csv(outputs["strata"], sep="\t", index=False, float_format="%.6g")
    return metrics
