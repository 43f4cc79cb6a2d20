"""The rows from which the report's sentences, figures and tables are all written.

A *run* is one trained network: dataset, fold, model and seed, and the paths of its tables. A *score row* sums up the
runs of one dataset, fold, model and target over their seeds; its interval is the mean of the seeds' bounds, which says
nothing of the spread between seeds, so that is given beside it. Every score is one of `metrics.tsv` or a mean of such.
"""

import math
import re
from collections import Counter

from cisflow.report_numbers import is_known, mean_known
from cisflow.report_tables import read_filters, read_history, read_scores

EARLY_EPOCHS = 2
STATUSES = ["ok", "uninformative", "few_sites", "dead"]  # of a filter, in the order of the table


def identity(row):
    """Dataset and fold of a row, a run or an entry of `datasets`."""
    return row["dataset"], row["fold"]


def of_dataset(rows, entry):
    """The rows of one dataset and fold."""
    return [row for row in rows if identity(row) == identity(entry)]


def networks(rows):
    """The seeds of each network: rows or runs by (dataset, fold, model), in the order in which they were given."""
    groups = {}
    for row in rows:
        groups.setdefault((*identity(row), row["model"]), []).append(row)
    return groups


def score_rows(runs, datasets):
    """One row per dataset, fold, model and target: the scores over all seeds, beside the baseline.

    Parameters
    ----------
    runs, datasets : list of dict
        As given to `cisflow.report.render_report`.

    Returns
    -------
    list of dict
        `seeds` holds the scores of each seed. With several targets a row `mean` follows the targets.
    """
    rows = []
    for entry in datasets:
        if not of_dataset(runs, entry):
            continue
        baseline = read_scores(entry["baseline_metrics"])
        targets = [*entry["targets"], "mean"] if len(entry["targets"]) > 1 else entry["targets"]
        for (dataset, fold, model), members in networks(of_dataset(runs, entry)).items():
            scores = {run["seed"]: read_scores(run["metrics"]) for run in members}
            rows += [
                {"dataset": dataset, "fold": fold, "model": model, **_score_row(target, scores, baseline)}
                for target in targets
            ]
    return rows


def _score_row(target, scores, baseline):
    """The scores of one target over the seeds of one network."""
    seeds = [{"seed": seed, **_seed_scores(target, of_seed)} for seed, of_seed in scores.items()]
    known = [seed["auroc"] for seed in seeds if is_known(seed["auroc"])]

    def mean(column):
        return mean_known(seed[column] for seed in seeds)

    row = {
        "target": target,
        "is_mean": target == "mean",
        "n_seeds": len(seeds),
        "auroc": mean("auroc"),
        "low": mean("auroc_low"),
        "high": mean("auroc_high"),
        "seed_low": min(known, default=math.nan),
        "seed_high": max(known, default=math.nan),
        "auprc": mean("auprc"),
        "auprc_low": mean("auprc_low"),
        "auprc_high": mean("auprc_high"),
        "prevalence": mean("prevalence"),
        "n": mean("n"),
        "n_positive": mean("n_positive"),
        "blocks": mean("blocks"),
        "baseline": baseline[target, "auroc"]["value"],
        "baseline_low": baseline[target, "auroc"]["ci_low"],
        "baseline_high": baseline[target, "auroc"]["ci_high"],
        "baseline_auprc": baseline[target, "auprc"]["value"],
        "seeds": seeds,
    }
    return {**row, "verdict": verdict(row)}


def _seed_scores(target, scores):
    """The scores of one target and seed; the mean of the targets has no prevalence and no positives of its own."""
    auroc, auprc = scores[target, "auroc"], scores[target, "auprc"]
    return {
        "auroc": auroc["value"],
        "auroc_low": auroc["ci_low"],
        "auroc_high": auroc["ci_high"],
        "auprc": auprc["value"],
        "auprc_low": auprc["ci_low"],
        "auprc_high": auprc["ci_high"],
        "prevalence": math.nan if target == "mean" else scores[target, "prevalence"]["value"],
        "n": auroc["n"],
        "n_positive": math.nan if target == "mean" else auroc["n_positive"],
        "blocks": scores["all", "bootstrap_blocks"]["value"],
    }


def verdict(row):
    """How a score stands beside its baseline.

    Parameters
    ----------
    row : dict
        `auroc`, `low`, `baseline`, `baseline_high`. The baseline is scored on the same windows, so it is known
        whenever AUROC is.

    Returns
    -------
    {"apart", "overlap", "not better", ""}
        `apart`: better and the intervals do not overlap; `overlap`: better, but they do (or one is missing); empty if
        there is no score.
    """
    if not is_known(row["auroc"]):
        return ""
    if row["auroc"] <= row["baseline"]:
        return "not better"
    return "apart" if row["low"] > row["baseline_high"] else "overlap"


def training_row(run, max_epochs):
    """What one training did.

    Parameters
    ----------
    run : dict
    max_epochs : int
        The last epoch that the settings allow.

    Returns
    -------
    dict
        `history` (the table), `epochs` (how many were run), `kept` (the epoch whose weights were kept), the losses and
        AUROC of that epoch, `seconds`, and the flags `unfinished` (ran to the last allowed epoch), `early` (kept one
        of the first two of more) and `diverged` (ended with a loss that is no finite number).
    """
    history = read_history(run["history"])
    [kept] = history[history["kept"] == 1].to_dict("records")
    epochs = len(history)
    return {
        **{key: run[key] for key in ("dataset", "fold", "model", "seed")},
        "history": history,
        "epochs": epochs,
        "kept": kept["epoch"],
        "train_loss": kept["train_loss"],
        "val_loss": kept["val_loss"],
        "val_auroc": kept["val_auroc"],
        "seconds": float(history["seconds"].sum()),
        "unfinished": epochs >= max_epochs,
        "early": kept["epoch"] <= EARLY_EPOCHS < epochs,
        "diverged": not all(math.isfinite(history[name].iloc[-1]) for name in ("train_loss", "val_loss")),
    }


def filter_row(run, match_q):
    """How many filters of one network are alive, and what they match.

    Parameters
    ----------
    run : dict
    match_q : float
        Criterion: a filter matches if the q-value of its best match is below.

    Returns
    -------
    dict
        `table` (a row a filter: the columns of `filters.tsv` and `significant`), the counts `filters` (all, dead ones
        too), `matched`, `dead` and `statuses` (status to count), and `motifs`: motif to `name`, `filters` (count) and
        `q` (the smallest).
    """
    table = [{**row, "significant": row["best_match_q"] < match_q} for row in read_filters(run["filters"])]
    status = Counter(row["status"] for row in table)
    matched = [row for row in table if row["significant"]]
    motifs = {}
    for row in matched:
        motif = motifs.setdefault(row["best_match"], {"name": row["best_match_name"], "filters": 0, "q": math.inf})
        motif["filters"] += 1
        motif["q"] = min(motif["q"], row["best_match_q"])
    return {
        **{key: run[key] for key in ("dataset", "fold", "model", "seed")},
        "table": table,
        "filters": len(table),
        "dead": status["dead"],
        "statuses": {key: status[key] for key in STATUSES if status[key]},
        "matched": len(matched),
        "motifs": motifs,
    }


def matched_filters(filter_rows):
    """How many filters match the database, and how many there are.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `filter_row`.

    Returns
    -------
    matched, filters : int
    """
    return sum(row["matched"] for row in filter_rows), sum(row["filters"] for row in filter_rows)


def recurrence_rows(filter_rows):
    """In how many seeds of one network each database motif came back.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `filter_row`: the seeds of one dataset, fold and model.

    Returns
    -------
    list of dict
        `motif`, `name`, `seeds`, `of_seeds`, `filters`, `q`; most seeds first, then the smallest q.
    """
    motifs = {}
    for row in filter_rows:
        for identifier, found in row["motifs"].items():
            motif = motifs.setdefault(
                identifier,
                {
                    "motif": identifier,
                    "name": found["name"],
                    "seeds": 0,
                    "of_seeds": len(filter_rows),
                    "filters": 0,
                    "q": math.inf,
                },
            )
            motif["seeds"] += 1
            motif["filters"] += found["filters"]
            motif["q"] = min(motif["q"], found["q"])
    return sorted(motifs.values(), key=lambda motif: (-motif["seeds"], motif["q"], motif["motif"]))


def own_motif_rows(filter_rows, targets, database):
    """For targets that have a motif of their own name in the database: in how many seeds a filter matched it.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `filter_row`: the seeds of one dataset, fold and model.
    targets : list of str
    database : dict[str, cisflow.meme.Motif]

    Returns
    -------
    list of dict
        `dataset`, `fold`, `model`, `target`, `motifs` (ids with that name; letters and digits are compared, case
        aside), `seeds` (of the motif that came back most often), `of_seeds`.
    """

    def plain(name):
        return re.sub(r"[\W_]", "", name).casefold()

    named = {}
    for identifier, motif in database.items():
        named.setdefault(plain(motif.name), []).append(identifier)
    return [
        {
            **{key: filter_rows[0][key] for key in ("dataset", "fold", "model")},
            "target": target,
            "motifs": named[plain(target)],
            "seeds": max(sum(motif in row["motifs"] for row in filter_rows) for motif in named[plain(target)]),
            "of_seeds": len(filter_rows),
        }
        for target in targets
        if plain(target) and plain(target) in named
    ]
