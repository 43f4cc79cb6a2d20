"""Whether a network beats its baselines, and which of two: by differences on the same resampled blocks of test rows."""

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from cisflow.bootstrap import block_numbers
from cisflow.messages import InputError
from cisflow.metrics import METRIC_OF_TASK
from cisflow.paired_bootstrap import paired_differences

SIGNIFICANT = 0.05  # largest q of a difference that counts
BETTER, WORSE, UNDECIDED = "better", "worse", "not told apart"
PREDICTED = "_predicted"
COLUMNS = (
    *("model", "target", "baseline", "metric", "value", "baseline_value", "difference", "ci_low", "ci_high"),
    *("p", "q", "verdict"),
)


def read_predictions(path):
    """Read a table of predictions.

    Parameters
    ----------
    path : str or Path
        As `cisflow.evaluation.write_evaluation` writes it.

    Returns
    -------
    loci : pandas.DataFrame
        `chrom`, `start`, `end` and `name`.
    targets : list of str
    truth, scores : numpy.ndarray of float, shape (N, T)
    """
    # A chromosome or a sequence may be called NA.
    as_text = {"chrom": str, "name": str}
    table = pd.read_csv(path, sep="\t", dtype=as_text, keep_default_na=False, na_values=[""])
    targets = [name.removesuffix(PREDICTED) for name in table.columns if name.endswith(PREDICTED)]
    loci = table[["chrom", "start", "end", "name"]]
    return (
        loci,
        targets,
        table[targets].to_numpy(float),
        table[[f"{name}{PREDICTED}" for name in targets]].to_numpy(float),
    )


def same_rows(paths):
    """Read tables of predictions of the same rows.

    Parameters
    ----------
    paths : dict of str -> str
        By name of the model.

    Returns
    -------
    loci, targets, truth
        See `read_predictions`.
    scores : dict of str -> numpy.ndarray of float, shape (N, T)

    Raises
    ------
    InputError
        If two of them are of other rows, targets or labels.
    """
    first_path, scores = next(iter(paths.values())), {}
    loci, targets, truth = read_predictions(first_path)[:3]
    for name, path in paths.items():
        other_loci, other_targets, other_truth, scores[name] = read_predictions(path)
        same = loci.equals(other_loci) and targets == other_targets
        if not same or not np.allclose(truth, other_truth, equal_nan=True):
            raise InputError(
                f"{path} and {first_path} are not of the same rows",
                f"{len(other_loci)} rows of {', '.join(other_targets)} and {len(loci)} of {', '.join(targets)}; they"
                " must be the same, with the same labels",
                "one of them is older than the split: delete both, and run the workflow again",
            )
    return loci, targets, truth, scores


def adjusted(p_values):
    """Benjamini-Hochberg's q-values; NaN stays NaN and counts for no test."""
    p_values = np.asarray(p_values, dtype=float)
    known = ~np.isnan(p_values)
    q_values = np.full(len(p_values), np.nan)
    if known.any():
        q_values[known] = false_discovery_control(p_values[known])
    return q_values


def verdict_words(differences, q_values):
    """The verdict of each difference: an array of str, shape (N,); without a value two are not told apart."""
    return np.where(q_values < SIGNIFICANT, np.where(differences > 0, BETTER, WORSE), UNDECIDED)


def verdict_table(model_paths, baseline_paths, task, n_resamples, block, seed):
    """Every model against every baseline.

    Parameters
    ----------
    model_paths, baseline_paths : dict of str -> str
        Tables of predictions of the same rows, by name.
    task : str
        `binary`: by AUROC; `regression`: by Pearson's correlation.
    n_resamples, block, seed : int
        Of the bootstrap; see `cisflow.paired_bootstrap.paired_differences`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, of every target, and of `mean` over them where there are several. q is Benjamini-Hochberg over the
        whole table. The verdict is `better` or `worse` if q is below 0.05, else `not told apart`, as it is where there
        is no value.
    """
    both = {("model", name): path for name, path in model_paths.items()}
    both |= {("baseline", name): path for name, path in baseline_paths.items()}
    loci, targets, truth, scores = same_rows(both)
    blocks, parts = block_numbers(loci["chrom"], loci["start"], block), []
    for model in model_paths:
        for baseline in baseline_paths:
            found = paired_differences(
                truth, scores["model", model], scores["baseline", baseline], blocks, task, n_resamples, seed, targets
            )
            found = found[found["metric"] == METRIC_OF_TASK[task]].rename(columns={"other_value": "baseline_value"})
            parts.append(found.assign(model=model, baseline=baseline))
    table = pd.concat(parts, ignore_index=True)
    table["q"] = adjusted(table["p"])
    table["verdict"] = verdict_words(table["difference"], table["q"])
    return table[list(COLUMNS)]
