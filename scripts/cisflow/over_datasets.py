"""Models beside baselines and beside each other on the mean over datasets.

Who trains a network for each of three factors asks whether it is ahead over all of them. Scores are those of
`cisflow.dataset_means`, and a resample is drawn for all datasets at once (`cisflow.common_blocks`). Datasets are read
one after the other: what is kept of them are sums.
"""

from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cisflow.bootstrap import interval
from cisflow.common_blocks import drawn_places, places_of
from cisflow.comparison import OVER_SEEDS
from cisflow.dataset_means import read_dataset, seed_score
from cisflow.metrics import METRIC_OF_TASK
from cisflow.paired_bootstrap import MEAN, interval_and_p
from cisflow.verdicts import adjusted, read_predictions, verdict_words

INTERVAL = ("ci_low", "ci_high")
OF_ROW = ("fold", "metric", "n_datasets", "n_targets")
LACKING = ("left_out", "no_value")
OF_DIFFERENCE = ("difference", *INTERVAL, "p", "q")
COLUMNS = {
    "verdicts": ("model", "baseline", *OF_ROW, "value", "baseline_value", *OF_DIFFERENCE, "verdict", *LACKING),
    "differences": ("model", "other", *OF_ROW, "value", "other_value", *OF_DIFFERENCE, *LACKING),
    "comparison": ("model", *OF_ROW, *OVER_SEEDS, "ensemble", *INTERVAL, "mean_rank", *LACKING),
}
MODEL, BASELINE = "model", "baseline"
MOST_NAMES = 10  # that a field lists


def effective_blocks(spreads, n_blocks, n_together):
    """How many blocks a mean over datasets rests on.

    The degrees of freedom of a mean over datasets of separate blocks are those of Satterthwaite (1946, An approximate
    distribution of estimates of variance components): where a dataset of few blocks brings most of the variance, they
    are few. Datasets that share their blocks have no more than these.

    Parameters
    ----------
    spreads : list of float
        Variance of each dataset over resamples.
    n_blocks : list of int
        That hold a row of it. One block alone does not vary and counts for nothing.
    n_together : int
        That hold a row of any.

    Returns
    -------
    float
    """
    pairs = [(spread, n - 1) for spread, n in zip(spreads, n_blocks, strict=True) if spread > 0 and n > 1]
    if not pairs:
        return n_together
    freedom = sum(spread for spread, _ in pairs) ** 2 / sum(spread**2 / n for spread, n in pairs)
    return 1 + min(freedom, n_together - 1)


def empty_sum(n_resamples):
    """What is kept of all datasets for one method, or for one less another."""
    lists = {name: [] for name in ("values", "spreads", "blocks", "left_out", "no_value")}
    return {**lists, "n_made": 0, "n_targets": 0, "deviations": np.zeros(n_resamples), "known": np.zeros(n_resamples)}


def add_dataset(total, pair, dataset, part):
    """Add one dataset to the sum of a method, or of one less another.

    Parameters
    ----------
    total : dict
        See `empty_sum`; it is changed.
    pair : tuple
        One method or two.
    dataset : str
    part : dict
        As from `cisflow.dataset_means.read_dataset`.
    """
    if any(method not in part["means"] for method in pair):
        total["left_out"].append(dataset)
        return
    total["n_made"] += 1
    total["left_out"] += part["untested"]
    if not part["tested"]:
        return
    first, *others = (part["means"][method] for method in pair)
    deviations = first[1:] - sum(other[1:] for other in others)
    known = np.isfinite(deviations)
    total["values"].append([found[0] for found in (first, *others)])
    total["no_value"] += [dataset] if np.isnan(total["values"][-1]).any() else []
    total["n_targets"] += len(part["tested"])
    total["spreads"].append(deviations[known].var() if known.any() else 0.0)
    total["blocks"].append(part["blocks"])
    total["deviations"][known] += deviations[known]
    total["known"] += known


def mean_over(total):
    """The mean over datasets, and how resamples deviate from it.

    Returns
    -------
    values : list of float
        Of each method of the pair; NaN if it has none on one of the datasets, or if these are fewer than two.
    deviations : numpy.ndarray of float, shape (R,)
        Of the first less the others. A resample without a value of some dataset deviates as it does on the others.
    n_blocks : float
        See `effective_blocks`.
    about : dict
        What the tables tell of it.
    """
    n_datasets = len(total["values"])
    values = np.mean(total["values"], axis=0) if n_datasets > 1 else np.full(2, np.nan)
    known = total["known"]
    deviations = np.where(known > 0, total["deviations"] / np.maximum(known, 1), np.nan)
    sizes = [len(blocks) for blocks in total["blocks"]]
    together = len(np.unique(np.concatenate(total["blocks"]))) if sizes else 0
    about = {"n_datasets": n_datasets, "n_targets": total["n_targets"]}
    about |= {name: some_names(total[name]) for name in LACKING}
    return list(values), deviations, effective_blocks(total["spreads"], sizes, together), about


def some_names(names):
    """Names in one field, the first of them where there are many."""
    more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return ", ".join([*names[:MOST_NAMES], *more])


def mean_ranks(values, models):
    """The mean over datasets of the rank of each model, 1 the best; of equals the mean of theirs.

    Parameters
    ----------
    values : list of dict
        Model to its value, of each dataset.
    models : list of str

    Returns
    -------
    dict of str -> float
        Of the models that have a value on every dataset: ranks among other models are no common scale.
    """
    ranked = [model for model in models if all(np.isfinite(row.get(model, np.nan)) for row in values)]
    if len(values) < 2 or not ranked:
        return {}
    ranks = rankdata([[-row[model] for model in ranked] for row in values], axis=1).mean(axis=0)
    return dict(zip(ranked, ranks.tolist(), strict=True))


def over_seeds(scores):
    """How the mean over datasets varies over seeds.

    Parameters
    ----------
    scores : list of list of float
        Of each dataset those of its seeds.

    Returns
    -------
    dict
        `seeds` (that have a value), `mean`, `sd` (of samples; NaN of one), `lowest` and `highest`.
    """
    means = pd.Series(np.mean(scores, axis=0) if len(scores) > 1 else [], dtype=float)
    return means.agg(OVER_SEEDS.values()).set_axis(OVER_SEEDS).to_dict()


def comparison_row(pair, total, scores, ranks, metric):
    """A model in the table of the comparison: over its seeds, and the mean of their predictions."""
    (value, *_), deviations, n_blocks, about = mean_over(total)
    bounds = interval(metric, value, value + deviations, n_blocks)
    row = {
        "model": pair[0][1],
        **about,
        **over_seeds(scores),
        "ensemble": value,
        "mean_rank": ranks.get(pair[0], np.nan),
    }
    return {**row, **dict(zip(INTERVAL, bounds, strict=True))}


def difference_row(pair, total):
    """A model less a baseline or another model, as in the tables of verdicts and of differences."""
    (value, other), deviations, n_blocks, about = mean_over(total)
    difference, name = value - other, "baseline" if pair[1][0] == BASELINE else "other"
    bounds = interval_and_p(difference, difference + deviations, n_blocks)
    row = {"model": pair[0][1], name: pair[1][1], **about, "value": value, f"{name}_value": other}
    return {**row, "difference": difference, **dict(zip((*INTERVAL, "p"), bounds, strict=True))}


def rows_over_datasets(datasets, task, n_resamples, block, seed):
    """Models beside baselines and beside each other on the mean over datasets of one task.

    Parameters
    ----------
    datasets : dict of str -> dict
        `predictions`: fold to the paths by method, `(MODEL, name)` or `(BASELINE, name)`; `seeds`: model to a list of
        seeds, each fold to the path of its metrics. Of several folds it is the mean over them.
    task : str
        `binary`: by AUROC; `regression`: by Pearson's correlation.
    n_resamples, block, seed : int
        Of the bootstrap, as of the metrics.

    Returns
    -------
    dict of str -> list of dict
        Rows of the tables in `COLUMNS`, without fold, metric and q. What fewer than two datasets have is in none.
    """
    metric, all_paths = METRIC_OF_TASK[task], [part["predictions"] for part in datasets.values()]
    methods = list(dict.fromkeys(method for folds in all_paths for paths in folds.values() for method in paths))
    models, baselines = ([method for method in methods if method[0] == kind] for kind in (MODEL, BASELINE))
    pairs = [(model,) for model in models] + list(product(models, baselines)) + list(combinations(models, 2))
    totals = {pair: empty_sum(n_resamples) for pair in pairs}
    # All methods were tested on the same rows.
    one_of_each = [next(iter(paths.values())) for folds in all_paths for paths in folds.values()]
    drawn = drawn_places([places_of(read_predictions(path)[0], block) for path in one_of_each], n_resamples, seed)
    values, scores = [], {model: [] for model in models}
    for name, paths in datasets.items():
        part = read_dataset(name, paths["predictions"], task, block, *drawn, seed)
        for pair, total in totals.items():
            add_dataset(total, pair, name, part)
        own = [model for model in models if model in part["means"] and part["tested"]]
        values += [{model: part["means"][model][0] for model in own}] if own else []
        for model in own:
            scores[model].append([seed_score(run, part["tested"], metric) for run in paths["seeds"][model[1]]])
    ranks, rows = mean_ranks(values, models), {name: [] for name in COLUMNS}
    for pair, total in totals.items():
        if total["n_made"] < 2:
            continue
        if len(pair) == 1:
            rows["comparison"].append(comparison_row(pair, total, scores[pair[0]], ranks, metric))
        else:
            rows["verdicts" if pair[1][0] == BASELINE else "differences"].append(difference_row(pair, total))
    return rows


def tables_over_datasets(datasets, n_resamples, block, seed):
    """Models beside baselines and beside each other on the mean over datasets, by task and fold.

    Parameters
    ----------
    datasets : dict of str -> dict
        See `rows_over_datasets`, and the `task` of each. All have the same folds.
    n_resamples, block, seed : int

    Returns
    -------
    dict of str -> pandas.DataFrame
        The tables of `COLUMNS`: of each fold, and where there are several of the mean over them (`mean`). q is
        Benjamini-Hochberg over a whole table.
    """
    rows = {name: [] for name in COLUMNS}
    for task, metric in METRIC_OF_TASK.items():
        of_task = {name: part for name, part in datasets.items() if part["task"] == task}
        if len(of_task) < 2:
            continue
        folds = list(next(iter(of_task.values()))["predictions"])
        for fold, members in [*((fold, [fold]) for fold in folds), *([(MEAN, folds)] if len(folds) > 1 else [])]:
            of_folds = {
                name: {**part, "predictions": {member: part["predictions"][member] for member in members}}
                for name, part in of_task.items()
            }
            for table, found in rows_over_datasets(of_folds, task, n_resamples, block, seed).items():
                rows[table] += [{**row, "fold": fold, "metric": metric} for row in found]
    tables = {name: pd.DataFrame(rows[name], columns=columns) for name, columns in COLUMNS.items()}
    for name in ("verdicts", "differences"):
        tables[name]["q"] = adjusted(tables[name]["p"])
    tables["verdicts"]["verdict"] = verdict_words(tables["verdicts"]["difference"], tables["verdicts"]["q"])
    return tables
