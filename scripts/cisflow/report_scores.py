"""Test scores beside their baseline, in the words of each kind of target.

A *score row* sums up the runs of one dataset, fold, model and target over their seeds; its interval is the mean of the
seeds' bounds, which says nothing of the spread between seeds, so that is given beside it. Every score is one of
`metrics.tsv` or a mean of such.
"""

import math

from cisflow.report_numbers import is_known, mean_known, words_of
from cisflow.report_rows import identity, networks, of_folds
from cisflow.report_tables import NO_SCORE, read_scores

VERDICTS = ["apart", "overlap", "not better", "alone"]


def score_rows(runs, datasets):
    """One row per dataset, fold, model and target: the scores over all seeds, beside the baseline.

    Parameters
    ----------
    runs, datasets : list of dict
        As given to `cisflow.report.render_report`.

    Returns
    -------
    list of dict
        `score` and `second` are what `TASKS` names for the `task`; `seeds` holds those of each seed. With several
        targets a row `mean` follows the targets.
    """
    rows, runs_of = [], of_folds(runs)
    for entry in datasets:
        if identity(entry) not in runs_of:
            continue
        baseline = read_scores(entry["baseline_metrics"])
        targets = [*entry["targets"], "mean"] if len(entry["targets"]) > 1 else entry["targets"]
        for (dataset, fold, model), members in networks(runs_of[identity(entry)]).items():
            scores = {run["seed"]: read_scores(run["metrics"]) for run in members}
            rows += [
                {"dataset": dataset, "fold": fold, "model": model, **_score_row(target, scores, baseline, entry)}
                for target in targets
            ]
    return rows


def _score_row(target, scores, baseline, entry):
    """The scores of one target over the seeds of one network."""
    words = words_of(entry)
    seeds = [{"seed": seed, **_seed_scores(target, of_seed, words)} for seed, of_seed in scores.items()]
    known = [seed["score"] for seed in seeds if is_known(seed["score"])]
    means = {column: mean_known(seed[column] for seed in seeds) for column in seeds[0] if column != "seed"}
    beside, second = (baseline.get((target, words[name]), NO_SCORE) for name in ("score", "second"))
    row = {
        "task": entry["task"],
        "target": target,
        "is_mean": target == "mean",
        "n_seeds": len(seeds),
        **means,
        "seed_low": min(known, default=math.nan),
        "seed_high": max(known, default=math.nan),
        "baseline": beside["value"],
        "baseline_low": beside["ci_low"],
        "baseline_high": beside["ci_high"],
        "baseline_second": second["value"],
        "seeds": seeds,
    }
    return {**row, "verdict": verdict(row)}


def _seed_scores(target, scores, words):
    """The scores of one target and seed; what belongs to single targets is unknown for their mean."""
    score, second = (scores.get((target, words[name]), NO_SCORE) for name in ("score", "second"))
    of_target = {
        name: scores.get((target, name), NO_SCORE)["value"] if target != "mean" else math.nan
        for name in ("prevalence", "mse", "variance")
    }
    return {
        "score": score["value"],
        "low": score["ci_low"],
        "high": score["ci_high"],
        "second": second["value"],
        "second_low": second["ci_low"],
        "second_high": second["ci_high"],
        "n": score["n"],
        "n_positive": math.nan if target == "mean" else score["n_positive"],
        "blocks": scores.get(("all", "bootstrap_blocks"), NO_SCORE)["value"],
        **of_target,
    }


def verdict(row):
    """How a score stands beside its baseline.

    Parameters
    ----------
    row : dict
        `score`, `low`, `baseline`, `baseline_high`.

    Returns
    -------
    {"apart", "overlap", "not better", "alone", ""}
        `apart`: better and the intervals do not overlap; `overlap`: better, but they do (or one is missing); `alone`:
        the baseline has no score, as the correlation of a constant prediction has no value; empty if there is no score.
    """
    if not is_known(row["score"]):
        return ""
    if not is_known(row["baseline"]):
        return "alone"
    if row["score"] <= row["baseline"]:
        return "not better"
    return "apart" if row["low"] > row["baseline_high"] else "overlap"


def headline_rows(rows):
    """Of score rows of any datasets those that stand for a whole network: the mean of its targets, or its only one.

    Parameters
    ----------
    rows : list of dict
        Rows of `score_rows`.

    Returns
    -------
    list of dict
    """
    several = {(*identity(row), row["model"]) for row in rows if row["is_mean"]}
    return [row for row in rows if row["is_mean"] or (*identity(row), row["model"]) not in several]


def by_score(rows):
    """Rows with the highest score first, those without one last."""
    return sorted(rows, key=lambda row: -row["score"] if is_known(row["score"]) else math.inf)
