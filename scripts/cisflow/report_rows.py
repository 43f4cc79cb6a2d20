"""The rows from which the report's sentences, figures and tables are all written.

A *run* is one trained network: dataset, fold, model and seed, and the paths of its tables. A run may lack a history (a
linear model has no epochs) and filters (a network of tracks has none of the sequence); its rows of these are None then.
A *network* is all runs of one dataset, fold and model.
"""

import math
import re
from collections import Counter

from cisflow.report_check_tables import read_calibration
from cisflow.report_numbers import is_known, mean_known, words_of
from cisflow.report_tables import read_choice, read_filters, read_history, read_scores, read_warnings

EARLY_EPOCHS = 2
# Warnings of a network whose validation or test scores are not of unseen data, so that it is not chosen by them.
NOT_COMPARABLE = {"parent_saw_test", "parent_saw_val"}
FILTER_FILES = ["filters", "filters_meme", "motif_matches"]
STATUSES = ["ok", "uninformative", "few_sites", "dead"]  # of a filter, in the order of the table


def identity(row):
    """Dataset and fold of a row, a run or an entry of `datasets`."""
    return row["dataset"], row["fold"]


def of_folds(rows):
    """Rows by (dataset, fold), in the order in which they were given."""
    groups = {}
    for row in rows:
        groups.setdefault(identity(row), []).append(row)
    return groups


def networks(rows):
    """The seeds of each network: rows or runs by (dataset, fold, model), in the order in which they were given."""
    groups = {}
    for row in rows:
        groups.setdefault((*identity(row), row["model"]), []).append(row)
    return groups


def training_row(run, max_epochs=None):
    """What one training did.

    Parameters
    ----------
    run : dict
        With its `task`.
    max_epochs : int or None
        The last epoch that the settings allow, if they set any.

    Returns
    -------
    dict or None
        `history` (the table), `epochs` (how many were run), `kept` (the epoch whose weights were kept), the losses,
        `val_score` and `val_accuracy` of that epoch, `seconds`, and the flags `unfinished` (ran to the last allowed
        epoch) and `early` (kept one of the first two of more). None without a history.
    """
    if not run.get("history"):
        return None
    history = read_history(run["history"], run["task"])
    [place] = (history["kept"] == 1).nonzero()[0]
    kept = {name: float(values[place]) for name, values in history.items()}
    epochs = len(history["epoch"])
    return {
        **{key: run[key] for key in ("dataset", "fold", "model", "seed", "task")},
        "history": history,
        "epochs": epochs,
        "kept": kept["epoch"],
        "train_loss": kept["train_loss"],
        "val_loss": kept["val_loss"],
        "val_score": kept["val_score"],
        "val_accuracy": kept["val_accuracy"],
        "seconds": float(history["seconds"].sum()),
        "unfinished": max_epochs is not None and epochs >= max_epochs,
        "early": kept["epoch"] <= EARLY_EPOCHS < epochs,
    }


def validation_score(run, training):
    """By what a network is compared with others before the test split is looked at.

    Parameters
    ----------
    run : dict
        With its `task`.
    training : dict or None
        Its `training_row`.

    Returns
    -------
    float
        That of the kept epoch. Without a history the mean over the targets of what was kept in its path `choice` (a
        table of the settings that a linear model or gradient boosting tried), or else that of the rows `val` of its
        `metrics.tsv`; NaN if there are none.
    """
    if training is not None:
        return training["val_score"]
    if run.get("choice"):
        return mean_known(read_choice(run["choice"], run["task"]))
    scores = read_scores(run["metrics"], "val")
    values = {target: row["value"] for (target, metric), row in scores.items() if metric == words_of(run)["score"]}
    return values["mean"] if "mean" in values else mean_known(values.values())


def warning_rows(runs):
    """What the trainings warned of, each warning once a network.

    Parameters
    ----------
    runs : list of dict
        Each may have the path `warnings`.

    Returns
    -------
    list of dict
        `dataset`, `fold`, `model`, `kind`, `warning` and `seeds`, those that had it.
    """
    rows = {}
    for run in runs:
        for found in read_warnings(run["warnings"]) if run.get("warnings") else []:
            row = {**{key: run[key] for key in ("dataset", "fold", "model")}, **found}
            rows.setdefault(tuple(row.values()), {**row, "seeds": []})["seeds"].append(run["seed"])
    return list(rows.values())


def network_rows(runs, warnings):
    """What is the same for all targets of a network, and which network was chosen.

    Parameters
    ----------
    runs : list of dict
        With `task`, `training_row` and `validation`, and perhaps `parameters` (a number) and `parent` (text).
    warnings : list of dict
        Rows of `warning_rows`.

    Returns
    -------
    dict[(dataset, fold, model), dict]
        `validation` (mean over the seeds) with `validation_low` and `validation_high`; `epoch` (mean of the kept
        epochs) with `epoch_low` and `epoch_high`; `seconds` (mean); `parameters`; `parent`; `kinds` of warnings; and
        `is_chosen`: whether of several networks of its dataset and fold it has the best validation score, and among how
        many that may be chosen (`n_candidates`). One whose parent saw the validation or the test split may not, as its
        scores are not of unseen data.
    """
    rows, warnings_of = {}, networks(warnings)
    for key, members in networks(runs).items():
        trainings = [run["training_row"] for run in members if run["training_row"]]
        validation = [run["validation"] for run in members if is_known(run["validation"])]
        epochs = [row["kept"] for row in trainings]
        kinds = [row["kind"] for row in warnings_of.get(key, [])]
        rows[key] = {
            "dataset": members[0]["dataset"],
            "fold": members[0]["fold"],
            "model": members[0]["model"],
            "task": members[0]["task"],
            "n_seeds": len(members),
            "validation": mean_known(validation),
            "validation_low": min(validation, default=math.nan),
            "validation_high": max(validation, default=math.nan),
            "epoch": mean_known(epochs),
            "epoch_low": min(epochs, default=math.nan),
            "epoch_high": max(epochs, default=math.nan),
            "seconds": mean_known(row["seconds"] for row in trainings),
            "parameters": members[0].get("parameters") or math.nan,
            "parent": members[0].get("parent") or "",
            "kinds": list(dict.fromkeys(kinds)),
            "is_chosen": False,
            "n_candidates": 0,
        }
    for members in of_folds(rows.values()).values():
        candidates = [row for row in members if is_known(row["validation"]) and not NOT_COMPARABLE & set(row["kinds"])]
        if len(members) > 1 and candidates:
            chosen = max(candidates, key=lambda row: row["validation"])  # of equals the first
            chosen.update(is_chosen=True, n_candidates=len(candidates))
    return rows


def filter_row(run, match_q):
    """How many filters of one run are alive, and what they match.

    Parameters
    ----------
    run : dict
    match_q : float
        Criterion: a filter matches if the q-value of its best match is below.

    Returns
    -------
    dict or None
        `table` (a row a filter: the columns of `filters.tsv` and `significant`), the counts `filters` (all, dead ones
        too), `matched`, `dead` and `statuses` (status to count), `motifs`: motif to `name`, `filters` (count) and `q`
        (the smallest), and `calibration`: what its `calibration.tsv` says of the criterion in use, if the run has one.
        None for a run without filters.
    """
    if not all(run.get(name) for name in FILTER_FILES):
        return None
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
        "calibration": read_calibration(run["calibration"]) if run.get("calibration") else {},
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
