"""The trials of a search: a table of one row each, all of them side by side, and the best by a rule.

The rule: of the trials that are done, the lowest validation loss (or the highest validation metric); of equals, the one
with the lower number. Nothing here has seen the test split.
"""

import csv
import json
import math

import pandas as pd

from cisflow.messages import InputError

COLUMNS = ("trial", "status", "reason", "val_loss", "kept_epoch", "seconds", "overrides")


def write_trial(path, row):
    """Write the result of one trial.

    Parameters
    ----------
    path : str or Path
        TSV of a header and one line; `overrides` stands there as JSON.
    row : dict
        `trial`, `status` (`done` or `failed`), `reason` (of a failure), `overrides` (dict, or None where nothing could
        be proposed); of a trial that is done also `val_loss`, `val_auroc` or `val_pearson`, `kept_epoch`, `seconds`.
    """
    metrics = [name for name in row if name.startswith("val_") and name != "val_loss"]
    # Numbers in full: the best of two close trials must not hang on how they were printed.
    texts = {name: "" if value is None else str(value) for name, value in row.items()}
    texts["reason"] = " ".join(texts.get("reason", "").split())  # a tab or line break would make another cell of it
    texts["overrides"] = json.dumps(row["overrides"])
    columns = [*COLUMNS[:4], *metrics, *COLUMNS[4:]]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n" + "\t".join(texts.get(name, "") for name in columns) + "\n")


def read_trials(paths):
    """Read the results of trials.

    Parameters
    ----------
    paths : sequence of str or Path

    Returns
    -------
    list of dict
        By number; as `write_trial` takes them, missing numbers NaN.
    """
    rows = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            (text,) = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        numbers = {name: float(text[name] or "nan") for name in text if name.startswith("val_") or name == "seconds"}
        rows.append({**text, **numbers, "trial": int(text["trial"]), "overrides": json.loads(text["overrides"])})
    return sorted(rows, key=lambda row: row["trial"])


def score_of(row, by):
    """What is compared of a trial, lower being better; infinite where there is nothing to compare.

    Parameters
    ----------
    row : dict
    by : str
        `loss` or `metric`.
    """
    names = ["val_loss"] if by == "loss" else [name for name in row if name.startswith("val_") and name != "val_loss"]
    value = row[names[0]] if row["status"] == "done" and names else math.nan
    if not math.isfinite(value):
        return math.inf
    return value if by == "loss" else -value


def best_trial(rows, by):
    """The trial that is chosen.

    Parameters
    ----------
    rows : list of dict
        By number.
    by : str
        `loss` or `metric`.

    Returns
    -------
    dict
        One of the rows.

    Raises
    ------
    InputError
        With the reasons, if no trial has a score.
    """
    best = min(rows, key=lambda row: (score_of(row, by), row["trial"]))
    if math.isfinite(score_of(best, by)):
        return best
    reasons = {}
    for row in rows:
        reason = row["reason"] if row["status"] == "failed" else f"the validation {by} is no finite number"
        reasons.setdefault(reason, []).append(row["trial"])
    told = [
        f"{reason} (trial{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:10]))}{', ...' * (len(numbers) > 10)})"
        for reason, numbers in reasons.items()
    ]
    raise InputError(
        f"none of the {len(rows)} trial(s) of the search can be chosen",
        "; ".join(told[:5]) + (f"; and {len(told) - 5} more reasons" if len(told) > 5 else ""),
        "narrow search.ranges in models.yaml to settings that train; train the model without a search first",
    )


def shown(value):
    """A setting as text: text and numbers as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def trials_table(rows, chosen):
    """All trials side by side.

    Parameters
    ----------
    rows : list of dict
    chosen : int
        Number of the trial that was chosen.

    Returns
    -------
    pandas.DataFrame
        `trial`, `status` (`done`, `failed` or `chosen`), `val_loss`, `val_auroc` or `val_pearson`, and a column for
        each setting that was searched, by its path.
    """
    metrics = [name for row in rows for name in row if name.startswith("val_") and name != "val_loss"]
    settings = [path for row in rows for path in row["overrides"] or {}]
    table = [
        {
            "trial": row["trial"],
            "status": "chosen" if row["trial"] == chosen else row["status"],
            **{name: row.get(name, math.nan) for name in ["val_loss", *metrics]},
            **{path: shown(row["overrides"][path]) if row["overrides"] else "" for path in settings},
        }
        for row in rows
    ]
    return pd.DataFrame(table)
