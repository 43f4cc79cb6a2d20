"""The scores of all models and baselines on one dataset, and how resamples of its blocks deviate from them.

A score is the mean over targets (of the mean over folds) of the metric by which models are compared.
"""

import csv

import numpy as np
import pandas as pd

from cisflow.bootstrap import DRAWS_AT_ONCE, METRICS, metrics_of_draws
from cisflow.common_blocks import dataset_draws
from cisflow.metrics import METRIC_OF_TASK
from cisflow.verdicts import same_rows


def metric_and_deviations(truth, score, numbers, draws, task):
    """The metric by which models are compared, and by how much that of each resample deviates from it.

    Parameters
    ----------
    truth, score : numpy.ndarray of float, shape (N,)
        Known rows.
    numbers : numpy.ndarray of int64, shape (N,)
    draws : numpy.ndarray of int, shape (R, B)
        See `cisflow.common_blocks.dataset_draws`.
    task : str

    Returns
    -------
    numpy.ndarray of float, shape (1 + R,)
        NaN if a score is no finite number, and where a resample has no value.
    """
    (n_resamples, n_blocks), metric = draws.shape, METRICS[task].index(METRIC_OF_TASK[task])
    if not np.isfinite(score).all():
        return np.full(1 + n_resamples, np.nan)
    of_draws = metrics_of_draws(truth, score, numbers, n_blocks, task)
    at_once = max(DRAWS_AT_ONCE // n_blocks, 1)
    parts = [np.ones((1, n_blocks), dtype=np.int64)]
    parts += [draws[first : first + at_once].astype(np.int64) for first in range(0, n_resamples, at_once)]
    found = np.concatenate([of_draws(part)[metric] for part in parts])
    found[1:] -= found[0]
    return found


def mean_of(parts):
    """The mean of metrics, and of what is known of their deviations: arrays of shape (methods, 1 + R)."""
    parts = np.stack(parts)
    known = np.isfinite(parts)
    n = known.sum(axis=0)
    mean = np.where(n > 0, np.where(known, parts, 0).sum(axis=0) / np.maximum(n, 1), np.nan)
    mean[:, 0] = parts[:, :, 0].mean(axis=0)
    return mean


def dataset_means(folds, methods, draws, task):
    """The mean over the targets of a dataset, of every model and baseline.

    Parameters
    ----------
    folds : dict of str -> dict
        `targets`, `truth` (N, T), `scores` (a dictionary of (N, T) by method) and `numbers` (N,) of each fold.
    methods : list
        Keys of `scores`.
    draws : numpy.ndarray of int, shape (R, B)
    task : str

    Returns
    -------
    means : numpy.ndarray of float, shape (methods, 1 + R)
        As from `metric_and_deviations`. A resample in which a target (of a fold) has no value of some method is without
        that target for all of them. A method without a value of a target of which others have one has no mean.
    tested : dict of str -> list of str
        The folds in which a target has both labels, or values that vary: of others nothing is to be known.
    """
    targets, of_targets, tested = next(iter(folds.values()))["targets"], [], {}
    for column, target in enumerate(targets):
        of_folds = []
        for name, fold in folds.items():
            truth = fold["truth"][:, column]
            known = ~np.isnan(truth)
            if len(np.unique(truth[known])) < 2:
                continue
            rows = fold["numbers"][known], draws, task
            scores = (fold["scores"][method][known, column] for method in methods)
            found = np.stack([metric_and_deviations(truth[known], score, *rows) for score in scores])
            found[:, ~np.isfinite(found[np.isfinite(found[:, 0])]).all(axis=0)] = np.nan
            of_folds.append(found)
            tested.setdefault(target, []).append(name)
        of_targets += [mean_of(of_folds)] if of_folds else []
    return mean_of(of_targets) if of_targets else np.full((len(methods), 1 + len(draws)), np.nan), tested


def untested(dataset, folds, tested):
    """What of a dataset is in no mean: its name, or those of its targets (and folds)."""
    if not tested:
        return [dataset]
    targets = next(iter(folds.values()))["targets"]
    lacking = {target: [name for name in folds if name not in tested.get(target, [])] for target in targets}
    return [
        f"{dataset}: {target}" + (f" in {', '.join(names)}" if target in tested else "")
        for target, names in lacking.items()
        if names
    ]


def read_folds(paths):
    """The test rows of a dataset, fold by fold, and what every method predicts of them.

    Parameters
    ----------
    paths : dict of str -> dict
        Fold to the paths of predictions by method.

    Returns
    -------
    folds : dict of str -> dict
        See `dataset_means`, without `numbers`.
    loci : pandas.DataFrame
        Of all folds.
    """
    folds, loci = {}, []
    for name, of_methods in paths.items():
        of_fold, targets, truth, scores = same_rows(of_methods)
        folds[name] = {"targets": targets, "truth": truth, "scores": scores}
        loci.append(of_fold)
    return folds, pd.concat(loci, ignore_index=True)


def seed_score(paths, tested, metric):
    """The mean over targets of the mean over folds of one seed.

    Parameters
    ----------
    paths : dict of str -> str
        Fold to the seed's metrics.
    tested : dict of str -> list of str
        See `dataset_means`.
    metric : str

    Returns
    -------
    float
        NaN if one of them has no value.
    """
    values = {}
    for fold in {name for names in tested.values() for name in names}:
        with open(paths[fold], encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["metric"] == metric]
        values[fold] = {row["target"]: float(row["value"] or "nan") for row in rows if row["split"] == "test"}
    means = [np.mean([values[fold].get(target, np.nan) for fold in folds]) for target, folds in tested.items()]
    return float(np.mean(means))


def read_dataset(name, paths, task, block, places, draws, seed):
    """What a mean over datasets needs of one of them.

    Parameters
    ----------
    name : str
    paths : dict of str -> dict
        Fold to the paths of predictions by method.
    task : str
    block : int
    places, draws
        See `cisflow.common_blocks.drawn_places`.
    seed : int

    Returns
    -------
    dict
        `means` (method to (1 + R,), see `dataset_means`), `tested`, `untested` and `blocks` (what those that hold a
        known row are called).
    """
    folds, loci = read_folds(paths)
    numbers, drawn, blocks = dataset_draws(loci, block, places, draws, seed)
    ends = np.cumsum([len(fold["truth"]) for fold in folds.values()])
    for fold, own in zip(folds.values(), np.split(numbers, ends[:-1]), strict=True):
        fold["numbers"] = own
    known = np.concatenate([~np.isnan(fold["truth"]).all(axis=1) for fold in folds.values()])
    methods = list(next(iter(folds.values()))["scores"])
    means, tested = dataset_means(folds, methods, drawn, task)
    return {
        "means": dict(zip(methods, means, strict=True)),
        "tested": tested,
        "untested": untested(name, folds, tested),
        "blocks": blocks[np.unique(numbers[known])],
    }
