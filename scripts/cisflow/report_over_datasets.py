"""Can this be believed over all datasets? Networks beside baselines and each other on the mean over datasets.

A *row* is a network on the mean over datasets, shaped as those of `cisflow.report_scores`, so that it is judged and
told in the same words.
"""

import math

from cisflow.report_check_tables import read_over_datasets
from cisflow.report_comparison import score_bar
from cisflow.report_nulls import SIGNIFICANT
from cisflow.report_numbers import TASKS, all_of, count_of, fixed, is_known, listed, signed, with_interval
from cisflow.report_scores import (
    BETTER,
    UNDECIDED,
    WORSE,
    baseline_name,
    behind_text,
    by_score,
    verdict,
    verdict_sentence,
)

MEAN = "mean"  # over folds
SENTENCES = 4  # networks that get a sentence each; more are summed up


def over_datasets_sections(paths):
    """What the page shows of the mean over datasets, one section a kind of target.

    Parameters
    ----------
    paths : dict of str -> str, or None
        See `cisflow.report_check_tables.read_over_datasets`.

    Returns
    -------
    list of dict
        `words`, `fold` (of which the rows are; `mean` over several), `rows`, `sentences`, `against` (each network
        against each baseline) and `differences` (each against each other), of all folds. None where no model has two
        datasets.
    """
    tables, sections = read_over_datasets(paths), []
    for words in TASKS.values():
        of_task = {name: [row for row in rows if row["metric"] == words["score"]] for name, rows in tables.items()}
        folds = list(dict.fromkeys(row["fold"] for row in of_task["comparison"]))
        if not folds:
            continue
        shown = MEAN if MEAN in folds else folds[0]
        rows = by_score(
            _network_row(row, [other for other in of_task["verdicts"] if _is_same(row, other)], words)
            for row in of_task["comparison"]
            if row["fold"] == shown
        )
        sections.append(
            {
                "words": words,
                "fold": shown,
                "several_folds": len(folds) > 1,
                "rows": rows,
                "sentences": [*_sentences(rows, words), *_beside(rows, of_task["model_differences"]), *_lacking(rows)],
                "against": [{**row, "baseline": baseline_name(row["baseline"])} for row in of_task["verdicts"]],
                "differences": of_task["model_differences"],
            }
        )
    return sections


def _is_same(row, other):
    return (row["model"], row["fold"]) == (other["model"], other["fold"])


def _network_row(row, against, words):
    """A network on the mean over datasets, beside its baselines."""
    beside = by_score(
        {
            "name": baseline_name(other["baseline"]),
            "score": other["baseline_value"],
            "difference": other["difference"],
            "difference_low": other["ci_low"],
            "difference_high": other["ci_high"],
            "verdict": other["verdict"],
        }
        for other in against
    )
    kept = ("model", "fold", "n_datasets", "n_targets", "mean_rank", "left_out", "no_value")
    found = {
        **{name: row[name] for name in kept},
        "task": words["task"],
        "score": row["ensemble"],
        "low": row["ci_low"],
        "high": row["ci_high"],
        "n_seeds": int(row["seeds"]),
        "seed_mean": row["mean"],
        "seed_sd": row["sd"],
        "seed_low": row["lowest"],
        "seed_high": row["highest"],
        "seeds": [],
        "beside": beside,
        "baseline": beside[0]["score"] if beside else math.nan,
        "baseline_name": beside[0]["name"] if beside else "",
    }
    return {**found, "verdict": verdict(found), "bar": score_bar(found, found["baseline"])}


def data_text(row):
    """Of what a mean is: `3 datasets`, `2 datasets with 5 targets`."""
    text, targets = count_of(int(row["n_datasets"]), "dataset"), int(row["n_targets"])
    return text if targets == row["n_datasets"] else f"{text} with {count_of(targets, 'target')}"


def _sentences(rows, words):
    """The networks in words, the highest score first; of many how they do together."""
    known = [row for row in rows if is_known(row["score"])]
    if len(known) <= SENTENCES:
        return [network_sentence(row, words) for row in known]
    better = [row["model"] for row in known if row["verdict"] == BETTER]
    ends = [f"{row['model']} {with_interval(row['score'], row['low'], row['high'])}" for row in (known[0], known[-1])]
    return [
        f"Of {count_of(len(known), 'network')} {len(better)} are better than each baseline on the mean over datasets"
        + (f": {listed(better)}." if better else "."),
        f"Mean test {words['name']} from {ends[0]} down to {ends[1]}; the highest of several is partly luck.",
    ]


def network_sentence(row, words):
    """One network on the mean over datasets, in words.

    Parameters
    ----------
    row : dict
        Of a section, with a score.
    words : dict
        Of `cisflow.report_numbers.TASKS`.

    Returns
    -------
    str
    """
    score = with_interval(row["score"], row["low"], row["high"])
    return f"{row['model']} reaches {words['name']} {score} on the mean over {data_text(row)}: {verdict_sentence(row)}."


def _beside(rows, differences):
    """How the network with the highest score stands beside each other one."""
    first, cases = rows[0], {BETTER: [], UNDECIDED: [], WORSE: []}
    for row in differences:
        if row["fold"] == first["fold"] and first["model"] in (row["model"], row["other"]):
            is_first = row["model"] == first["model"]
            difference = row["difference"] if is_first else -row["difference"]
            name = row["other"] if is_first else row["model"]
            word = (BETTER if difference > 0 else WORSE) if row["q"] < SIGNIFICANT else UNDECIDED
            cases[word].append(f"{name} ({signed(difference)})")
    texts = [
        f"{word} {'from' if word == UNDECIDED else 'than'} {all_of(names)}" for word, names in cases.items() if names
    ]
    is_told = texts and is_known(first["score"])
    return [f"Of the networks {first['model']} has the highest mean: {'; '.join(texts)}."] if is_told else []


def _lacking(rows):
    """Which datasets are in no mean, and for which there is no value."""
    texts = {}
    for row in rows:
        for name, text in (("left_out", "Without {}"), ("no_value", "No score on {}, and so no mean")):
            if row[name]:
                texts.setdefault(text.format(row[name]), []).append(row["model"])
    return [f"{text}: {listed(models)}." for text, models in texts.items()]


def over_datasets_findings(sections):
    """What was learned over all datasets, as the findings of `cisflow.report_sentences`.

    Parameters
    ----------
    sections : list of dict
        Of `over_datasets_sections`.

    Returns
    -------
    list of (str, str)
    """
    return [("Over all datasets", text) for part in sections for text in _sentences(part["rows"], part["words"])]


def over_datasets_doubts(sections):
    """What to doubt on the mean over datasets, as checks of `cisflow.report_doubts.told`.

    Parameters
    ----------
    sections : list of dict
        Of `over_datasets_sections`.

    Returns
    -------
    list of (str, list of str, str)
    """
    rows = [row for part in sections for row in part["rows"] if row["verdict"] in (WORSE, UNDECIDED)]
    return [
        (
            "Not ahead of a baseline on the mean over datasets",
            [f"{row['model']} {fixed(row['score'])}, {behind_text(row)}" for row in rows],
            "All datasets together do not show that the network is worth more than the simpler method.",
        )
    ]
