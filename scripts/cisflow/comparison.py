"""Models beside each other: over seeds, as ensembles, and by paired differences over all folds."""

from itertools import combinations

import numpy as np
import pandas as pd

from cisflow.bootstrap import METRICS, block_numbers, resampled_metrics
from cisflow.metrics import METRIC_OF_TASK
from cisflow.paired_bootstrap import MEAN, interval_and_p
from cisflow.verdicts import adjusted, same_rows

# Of the predictions, not of the labels alone, and no counts.
COMPARED = ("auroc", "auprc", "accuracy", "f1", "mcc", "brier", "calibration_error", "pearson", "spearman", "r2", "mse")
KEY = ["fold", "model", "target", "metric"]
OVER_SEEDS = {"seeds": "count", "mean": "mean", "sd": "std", "lowest": "min", "highest": "max"}
DIFFERENCES = ["model", "other", "target", "metric", "difference", "ci_low", "ci_high", "p", "q"]


def read_metrics(path, **columns):
    """The compared metrics of a table of metrics, with columns that say whose they are."""
    table = pd.read_csv(path, sep="\t", dtype={"target": str}, keep_default_na=False, na_values=[""])
    return table[table["metric"].isin(COMPARED)].assign(**columns)


def comparison_table(seed_metrics, ensemble_metrics):
    """Every metric of every model: over its seeds, and of their ensemble.

    Parameters
    ----------
    seed_metrics : list of (str, str, str)
        Fold, model, and path of the metrics of one seed.
    ensemble_metrics : list of (str, str, str)
        Fold, model, and path of the metrics of its ensemble.

    Returns
    -------
    pandas.DataFrame
        `fold`, `model`, `target`, `metric`, `seeds` (that have a value), `mean`, `sd` (over seeds, of samples; NaN of
        one), `lowest`, `highest`, `ensemble`, `ci_low`, `ci_high` (of the ensemble), in the order of the lists.
    """
    of_seeds = pd.concat([read_metrics(path, fold=fold, model=model) for fold, model, path in seed_metrics])
    over_seeds = of_seeds.groupby(KEY, sort=False)["value"].agg(**OVER_SEEDS).reset_index()
    of_ensembles = pd.concat([read_metrics(path, fold=fold, model=model) for fold, model, path in ensemble_metrics])
    of_ensembles = of_ensembles.rename(columns={"value": "ensemble"})[[*KEY, "ensemble", "ci_low", "ci_high"]]
    return over_seeds.merge(of_ensembles, on=KEY, how="left", validate="one_to_one")


def mean_over_folds(folds, model, task, n_blocks, n_resamples, seed):
    """The metric of one model, as the mean over folds, of all rows and of resamples of the blocks of all folds.

    Scores of networks of different folds have no common scale, so a fold's metric is that of its rows alone. Resamples
    draw from the blocks of all folds at once, so that folds that share a region do not count as independent.

    Parameters
    ----------
    folds : list of dict
        `truth` (N, T), `scores` (a dictionary of (N, T) by model) and `blocks` (N,), numbered over all folds.
    model : str
    task : str
    n_blocks, n_resamples, seed : int

    Returns
    -------
    points : numpy.ndarray of float, shape (T,)
        Over the folds that have a value; NaN where none has, or a score is no finite number.
    resampled : numpy.ndarray of float, shape (T, n_resamples)
    """
    metric, n_targets = METRICS[task].index(METRIC_OF_TASK[task]), folds[0]["truth"].shape[1]
    points, resampled = np.full(n_targets, np.nan), np.full((n_targets, n_resamples), np.nan)
    for column in range(n_targets):
        of_folds = []
        for fold in folds:
            truth, scores = fold["truth"][:, column], fold["scores"][model][:, column]
            known = ~np.isnan(truth)
            if len(np.unique(truth[known])) < 2:
                continue  # no network could have a value here
            if not np.isfinite(scores[known]).all():
                of_folds.append((np.nan, np.full(n_resamples, np.nan)))
                continue
            found = resampled_metrics(
                truth[known], scores[known], fold["blocks"][known], n_blocks, task, n_resamples, seed
            )
            of_folds.append((found[0][metric], found[1][metric]))
        if of_folds:
            points[column] = np.mean([point for point, _ in of_folds])
            resampled[column] = np.mean([values for _, values in of_folds], axis=0)
    return points, resampled


def difference_table(paths, task, n_resamples, block, seed):
    """Every model against every other, over all folds that both were tested on.

    Parameters
    ----------
    paths : dict of str -> dict of str -> str
        Predictions of the test rows by ensembles, by fold and model.
    task : str
        `binary`: by AUROC; `regression`: by Pearson's correlation.
    n_resamples, block, seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        `DIFFERENCES`, of every target, and of `mean` over them where there are several. A difference above 0 says that
        `model` is better than `other`. Interval and p are those of `cisflow.paired_bootstrap.interval_and_p`, q is
        Benjamini-Hochberg over the whole table.
    """
    folds = {}
    for fold, of_models in paths.items():
        loci, targets, truth, scores = same_rows(of_models)
        folds[fold] = {"loci": loci, "truth": truth, "scores": scores}
    loci = pd.concat([fold["loci"] for fold in folds.values()])
    blocks = block_numbers(loci["chrom"], loci["start"], block)
    ends = np.cumsum([len(fold["loci"]) for fold in folds.values()])
    for fold, numbers in zip(folds.values(), np.split(blocks, ends[:-1]), strict=True):
        fold["blocks"] = numbers
    models = list(dict.fromkeys(model for fold in paths.values() for model in fold))
    known_metrics, table = {}, []

    def metrics_of(model, names):
        if (model, names) not in known_metrics:
            of_folds = [folds[name] for name in names]
            known_metrics[model, names] = mean_over_folds(
                of_folds, model, task, int(blocks.max()) + 1, n_resamples, seed
            )
        return known_metrics[model, names]

    for model, other in combinations(models, 2):
        common = tuple(fold for fold, of_models in paths.items() if model in of_models and other in of_models)
        if not common:
            continue
        (point, resampled), (other_point, other_resampled) = (metrics_of(name, common) for name in (model, other))
        for column, target in enumerate([*targets, MEAN] if len(targets) > 1 else targets):
            columns = slice(column, column + 1) if column < len(targets) else slice(None)
            difference = (point - other_point)[columns].mean()
            of_resamples = (resampled - other_resampled)[columns].mean(axis=0)
            known = [~np.isnan(folds[fold]["truth"][:, columns]).all(axis=1) for fold in common]
            in_blocks = np.concatenate([folds[fold]["blocks"][rows] for fold, rows in zip(common, known, strict=True)])
            bounds = interval_and_p(difference, of_resamples, len(np.unique(in_blocks)))
            table.append((model, other, target, METRIC_OF_TASK[task], difference, *bounds))
    table = pd.DataFrame(table, columns=DIFFERENCES[:-1])
    return table.assign(q=adjusted(table["p"]))
