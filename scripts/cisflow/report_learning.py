"""What more rows or other settings would bring: learning curves, and the trials of a search."""

import math

import numpy as np
from markupsafe import Markup

from cisflow.figures_scores import learning_curve_chart, trials_panel
from cisflow.report_numbers import TASKS, count_of, fixed, is_known, mean_known, sentence, span, words_of
from cisflow.report_sentences import LIMITS, SENTENCES, subject
from cisflow.report_tables import read_table

FAILED = "failed"
CHOSEN = "chosen"


# Learning curves ----------------------------------------------------------------------------------------------------


def read_learning_curves(path, task="binary"):
    """Scores of networks that were trained on a part of the training rows.

    Parameters
    ----------
    path : str or Path
        A table `model seed percent rows target metric value ci_low ci_high`.
    task : str
        `binary` or `regression`; other metrics than its score are left out.

    Returns
    -------
    pandas.DataFrame
    """
    numbers = ["percent", "rows", "value", "ci_low", "ci_high"]
    table = read_table(path, numbers, ["model", "seed", "target", "metric"])
    return table[table["metric"] == TASKS[task]["score"]].reset_index(drop=True)


def learning_rows(entry):
    """Scores with fewer training rows, each row the seeds of one model, target and share of the rows.

    Parameters
    ----------
    entry : dict
        A dataset and fold, with its `task` and perhaps the path `learning_curves`.

    Returns
    -------
    list of dict
        `model`, `target`, `is_mean`, `percent`, `rows`, `score`, `low` and `high` (means over the seeds), `seed_low`,
        `seed_high`, `n_seeds` and `points` (rows and score of each seed); from few rows to many.
    """
    if not entry.get("learning_curves"):
        return []
    table = read_learning_curves(entry["learning_curves"], entry["task"])
    rows = []
    for (target, model, percent), part in table.groupby(["target", "model", "percent"], sort=False):
        scores = [value for value in part["value"] if is_known(value)]
        rows.append(
            {
                "model": model,
                "target": target,
                "is_mean": target == "mean",
                "percent": percent,
                "rows": part["rows"].mean(),
                "score": mean_known(part["value"]),
                "low": mean_known(part["ci_low"]),
                "high": mean_known(part["ci_high"]),
                "seed_low": min(scores, default=math.nan),
                "seed_high": max(scores, default=math.nan),
                "n_seeds": len(part),
                "points": [pair for pair in zip(part["rows"], part["value"], strict=True) if is_known(pair[1])],
            }
        )
    return sorted(rows, key=lambda row: row["rows"])


def learning_lines(rows):
    """The rows that are drawn, those of the mean of the targets or of the only target, by model.

    Parameters
    ----------
    rows : list of dict
        Rows of `learning_rows`.

    Returns
    -------
    dict[str, list of dict]
        In the order in which the models came; without rows that have no score.
    """
    drawn = [row for row in rows if row["is_mean"]] or [row for row in rows if row["target"] == rows[0]["target"]]
    lines = {}
    for row in drawn:
        if is_known(row["score"]):
            lines.setdefault(row["model"], []).append(row)
    return lines


def learning_sentence(line, words):
    """What a learning curve says, in words.

    Parameters
    ----------
    line : list of dict
        Rows of one model, from few training rows to many.
    words : dict
        Entry of `TASKS`.

    Returns
    -------
    str
        The gain of the last step is compared with the spread of the seeds, where there are several.
    """
    first, last = line[0], line[-1]
    if len(line) == 1:
        return f"{words['name']} {fixed(last['score'])} with {last['rows']:,.0f} training rows."
    before = line[-2]
    gain = last["score"] - before["score"]
    text = (
        f"{words['name']} {fixed(first['score'])} with {first['rows']:,.0f} training rows, {fixed(last['score'])} with "
        f"{last['rows']:,.0f}; the last step, from {before['percent']:.3g} % to {last['percent']:.3g} % of the rows, "
        f"brought {gain:+.3f}".replace("-", "−")
    )
    spread = max(row["seed_high"] - row["seed_low"] for row in (before, last))
    if min(before["n_seeds"], last["n_seeds"]) < 2:
        return f"{text}."
    if gain > spread:
        return f"{text}, more than the seeds differ ({fixed(spread)}): more rows would probably help."
    text += f", no more than the seeds differ ({fixed(spread)}): "
    if spread > LIMITS["seed_spread"]:
        return f"{text}these seeds cannot tell whether more rows would help."
    return f"{text}more rows alone would probably bring little."


def learning_section(entry, prefix):
    """What the page shows of the learning curves of a dataset and fold; None without any.

    Parameters
    ----------
    entry : dict
        With `learning`, its rows of `learning_rows`.
    prefix : str
        Of ids.

    Returns
    -------
    dict or None
    """
    rows, words = entry["learning"], words_of(entry)
    lines = learning_lines(rows) if rows else {}
    if not lines:
        return None
    title = "Learning curve" + (", mean of the targets" if rows_are_means(lines) else "")
    drawn = [
        {
            "label": f"{model}: {fixed(line[-1]['score'])} with {line[-1]['rows']:,.0f} rows",
            "rows": [row["rows"] for row in line],
            "score": [row["score"] for row in line],
            "points": [point for row in line for point in row["points"]],
        }
        for model, line in lines.items()
    ]
    return {
        "words": words,
        "sentences": [f"{model}: {learning_sentence(line, words)}" for model, line in lines.items()],
        "chart": Markup(learning_curve_chart(drawn, prefix, title, words["name"])),
        "rows": rows,
        "several_targets": len({row["target"] for row in rows}) > 1,
    }


def rows_are_means(lines):
    """Whether lines are of the mean of the targets."""
    return any(row["is_mean"] for line in lines.values() for row in line)


def learning_findings(datasets, network_rows, varying):
    """A sentence a dataset and fold on what more rows would bring: of the chosen model, or of the first.

    Parameters
    ----------
    datasets : list of dict
        With `learning`.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.

    Returns
    -------
    list of (str, str)
    """
    findings = []
    for entry in datasets:
        lines = learning_lines(entry["learning"]) if entry["learning"] else {}
        if not lines:
            continue
        key = entry["dataset"], entry["fold"]
        chosen = [model for model in lines if network_rows.get((*key, model), {}).get("is_chosen")]
        model = [*chosen, *lines][0]
        row = {"dataset": entry["dataset"], "fold": entry["fold"], "model": model}
        findings.append((subject(row, varying, "learning curve"), learning_sentence(lines[model], words_of(entry))))
    if len(findings) > SENTENCES:
        text = f"those of {count_of(len(findings), 'dataset and fold', 'datasets and folds')} stand in their details."
        return [("Learning curves", text)]
    return [(sentence(name) if name.startswith("learning") else name, text) for name, text in findings]


# Trials of a search -------------------------------------------------------------------------------------------------


def read_trials(path, task="binary"):
    """The trials of a search.

    Parameters
    ----------
    path : str or Path
        A table `trial status val_loss val_auroc|val_pearson`, then a column a setting.
    task : str
        `binary` or `regression`, which decides what the validation score is.

    Returns
    -------
    trials : pandas.DataFrame
        `trial`, `status` (`done`, `failed` or `chosen`), `val_loss`, `val_score`, and the settings as text.
    settings : list of str
        Names of the settings.
    """
    score = f"val_{TASKS[task]['score']}"
    table = read_table(path, ["val_loss", score], ["trial", "status"]).rename(columns={score: "val_score"})
    settings = [name for name in table.columns if name not in ("trial", "status") and not name.startswith("val_")]
    return table, settings


def trial_rows(search, task):
    """The trials of one search.

    Parameters
    ----------
    search : dict
        `dataset`, `fold`, `model` and the path `trials`.
    task : str

    Returns
    -------
    dict
        What `search` holds, and `task`, `table` (as from `read_trials`, the best score first), `settings` (names),
        `n` trials, `failed` of them, and `chosen` (a row as a dictionary, or None).
    """
    table, settings = read_trials(search["trials"], task)
    table = table.sort_values("val_score", ascending=False, kind="stable", na_position="last").reset_index(drop=True)
    chosen = table[table["status"] == CHOSEN].to_dict("records")
    return {
        **{key: search[key] for key in ("dataset", "fold", "model")},
        "task": task,
        "table": table,
        "settings": settings,
        "n": len(table),
        "failed": int((table["status"] == FAILED).sum()),
        "chosen": chosen[0] if chosen else None,
    }


def trials_sentence(search):
    """What a search found, in words."""
    words, chosen = words_of(search), search["chosen"]
    text = f"{count_of(search['n'], 'trial')}"
    if search["failed"]:
        text += f", {search['failed']} of them failed"
    if chosen is None:
        return f"{text}; none was chosen."
    text += f"; trial {chosen['trial']} was chosen, with a validation {words['name']} of {fixed(chosen['val_score'])}"
    settings = ", ".join(f"{name} {chosen[name]}" for name in search["settings"])
    text += f" ({settings})." if settings else "."
    others = search["table"][search["table"]["status"] != CHOSEN]["val_score"].dropna()
    if len(others) > 1:
        text += f" The others reach {span(others.min(), others.max())}."
    return text


def trials_section(search):
    """What the page shows of the search of one model.

    Parameters
    ----------
    search : dict
        As from `trial_rows`.

    Returns
    -------
    dict
        `panels`: a picture for each setting that was varied.
    """
    table, words = search["table"], words_of(search)
    scores = table["val_score"].to_numpy()
    known = scores[np.isfinite(scores)]
    panels = []
    if len(known):
        margin = 0.08 * (known.max() - known.min()) or 0.05
        limits = (known.min() - margin, known.max() + margin)
        numbers = table.index[table["status"] == CHOSEN]
        chosen = int(numbers[0]) if len(numbers) else None
        panels = [
            Markup(trials_panel(list(table[name]), scores, chosen, name, f"validation {words['name']}", limits))
            for name in search["settings"]
            if table[name].nunique() > 1
        ]
    return {
        "model": search["model"],
        "words": words,
        "sentence": trials_sentence(search),
        "panels": panels,
        "settings": search["settings"],
        "rows": [
            {**row, "settings": [row[name] for name in search["settings"]], "is_chosen": row["status"] == CHOSEN}
            for row in table.to_dict("records")
        ],
    }


def search_doubts(searches, varying):
    """What to doubt in searches, as checks of `cisflow.report_doubts.told`.

    Parameters
    ----------
    searches : list of dict
        As from `trial_rows`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.

    Returns
    -------
    list of (str, list of str, str)
    """

    def named(search):
        return subject(search, varying, search["model"] if "model" not in varying else "search")

    return [
        (
            f"More than {100 * LIMITS['failed_trials']:.0f} % of the trials of a search failed",
            [
                f"{named(search)}, {search['failed']} of {search['n']}"
                for search in searches
                if search["failed"] > LIMITS["failed_trials"] * search["n"]
            ],
            "What is left may not hold the best settings: the log of a failed trial says why; narrow the ranges.",
        ),
        (
            "A search chose none of its trials",
            [named(search) for search in searches if search["chosen"] is None],
            "Look at the table of its trials and at their logs.",
        ),
    ]
