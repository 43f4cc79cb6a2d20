"""Networks of one dataset on the test rows of others: did they learn what all share, or what is their own?"""

import math

from cisflow.report_numbers import TASKS, all_of, fixed, is_known
from cisflow.report_sentences import subject
from cisflow.report_tables import NO_SCORE, read_rows

SHADES = 10  # of a cell, from the score of a guess to 1
AS_WELL, HARDER, LOWER = "as well", "harder", "lower"


def read_across(path, metric):
    """Rows of an `across.tsv` for one metric.

    Parameters
    ----------
    path : str or Path
    metric : str

    Returns
    -------
    list of dict
        `trained_on`, `tested_on`, `target`, `value`, `ci_low`, `ci_high`, `n` and `n_positive`, among others.
    """
    texts = ["trained_on", "tested_on", "model", "split", "target", "metric"]
    rows = read_rows(path, ["value", "ci_low", "ci_high", "n", "n_positive"], texts)
    return [row for row in rows if row["metric"] == metric]


def connected(pairs):
    """Names that hang together by pairs, each group in the order in which its names came.

    Parameters
    ----------
    pairs : iterable of (str, str)

    Returns
    -------
    list of list of str
    """
    groups = []
    for pair in pairs:
        touched = [group for group in groups if set(group) & set(pair)]
        joined = list(dict.fromkeys([name for group in touched for name in group] + list(pair)))
        groups = [group for group in groups if group not in touched] + [joined]
    return groups


def shade_of(value, guess):
    """How dark the cell of a score is: 0 at that of a guess or below, `SHADES` at 1."""
    return round(SHADES * min(max((value - guess) / (1 - guess), 0), 1)) if is_known(value) else 0


def judged(cell, own, native):
    """How a network does on the test rows of another dataset.

    Parameters
    ----------
    cell, own : dict
        `value`, `ci_low` and `ci_high` there, and on its own test rows.
    native : dict
        The same of the network that was trained on the dataset whose rows these are; NaN where there is none.

    Returns
    -------
    str
        `LOWER`: its whole interval lies below that on its own rows, and below that of the network trained there;
        `HARDER`: below the first alone, so that these rows are harder for all; else `AS_WELL`. Empty without a score.
    """
    if not all(is_known(one[name]) for one in (cell, own) for name in ("value", "ci_low", "ci_high")):
        return ""
    if cell["ci_high"] >= own["ci_low"]:
        return AS_WELL
    return HARDER if cell["ci_high"] >= native["ci_low"] else LOWER


def row_sentence(row):
    """What one network reaches on its own test rows and on those of others, in words.

    Parameters
    ----------
    row : dict
        `trained_on`, and `cells`: `tested_on`, `value`, `is_own`, `verdict` and `native`, by dataset.

    Returns
    -------
    str
    """
    own = next((cell["value"] for cell in row["cells"] if cell["is_own"]), math.nan)
    text = f"Trained on {row['trained_on']}: {fixed(own)} on its own test rows"
    cases = {LOWER: [], HARDER: [], AS_WELL: []}
    for cell in row["cells"]:
        if not cell["is_own"] and cell["verdict"]:
            is_told = cell["verdict"] == LOWER and is_known(cell["native"])
            beside = f", where one trained there reaches {fixed(cell['native'])}" if is_told else ""
            cases[cell["verdict"]].append(f"{cell['tested_on']} ({fixed(cell['value'])}{beside})")
    parts = [
        f"lower on {all_of(cases[LOWER])}" if cases[LOWER] else "",
        f"lower, but no lower than one trained there, on {all_of(cases[HARDER])}" if cases[HARDER] else "",
        f"not clearly lower on {all_of(cases[AS_WELL])}" if cases[AS_WELL] else "",
    ]
    return f"{'; '.join([text, *filter(None, parts)])}."


def across_sections(ensembles, tasks):
    """Every model and fold with tables across datasets, one matrix for the datasets that were tested together.

    Parameters
    ----------
    ensembles : list of dict
        `dataset`, `fold`, `model` and perhaps the path `across`.
    tasks : dict[str, str]
        Dataset to `binary` or `regression`.

    Returns
    -------
    list of dict
        `model`, `fold`, `words`, `target` (`mean` of several), `tested_on`, `rows` (of the matrix), `sentences`, and
        `by_target`, all scores of single targets where there are several.
    """
    tables = {}
    for record in ensembles:
        if record.get("across"):
            task = tasks[record["dataset"]]
            rows = read_across(record["across"], TASKS[task]["score"])
            tables.setdefault((record["model"], record["fold"], task), []).extend(rows)
    sections = []
    for (model, fold, task), rows in tables.items():
        for group in connected((row["trained_on"], row["tested_on"]) for row in rows):
            own = [row for row in rows if row["trained_on"] in group]
            sections.append({"model": model, "fold": fold, **_matrix(own, TASKS[task])})
    return sections


def _matrix(rows, words):
    """The matrix of one model and group of datasets."""
    targets = list(dict.fromkeys(row["target"] for row in rows))
    shown = "mean" if "mean" in targets else targets[0]
    found = {(row["trained_on"], row["tested_on"]): row for row in rows if row["target"] == shown}
    trained, tested = (list(dict.fromkeys(pair[place] for pair in found)) for place in (0, 1))
    tested = [name for name in trained if name in tested] + [name for name in tested if name not in trained]
    matrix = [
        {"trained_on": name, "cells": [_cell(name, other, found, words["guess"]) for other in tested]}
        for name in trained
    ]
    return {
        "words": words,
        "target": shown,
        "tested_on": tested,
        "rows": matrix,
        "sentences": [row_sentence(row) for row in matrix],
        "by_target": [row for row in rows if row["target"] != "mean"] if shown == "mean" else [],
    }


def _cell(trained_on, tested_on, found, guess):
    """One network on one test split."""
    pairs = (trained_on, tested_on), (tested_on, tested_on), (trained_on, trained_on)
    cell, native, own = (found.get(pair, NO_SCORE) for pair in pairs)
    is_own = trained_on == tested_on
    return {
        "tested_on": tested_on,
        "is_own": is_own,
        "value": cell["value"],
        "low": cell["ci_low"],
        "high": cell["ci_high"],
        "shade": shade_of(cell["value"], guess),
        "native": native["value"],
        "verdict": "" if is_own else judged(cell, own, native),
    }


def across_doubts(sections, varying):
    """What to doubt in networks that were tested on other datasets, as checks of `cisflow.report_doubts.told`.

    Parameters
    ----------
    sections : list of dict
        Of `across_sections`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.

    Returns
    -------
    list of (str, list of str, str)
    """
    cases = []
    for section in sections:
        for row in section["rows"]:
            low = [f"{cell['tested_on']} {fixed(cell['value'])}" for cell in row["cells"] if cell["verdict"] == LOWER]
            if low:
                own = next(fixed(cell["value"]) for cell in row["cells"] if cell["is_own"])
                place = {"fold": section["fold"], "model": section["model"], "dataset": row["trained_on"]}
                cases.append(f"{subject(place, varying, row['trained_on'])} {own}, but on {all_of(low)}")
    return [
        (
            "A network scores lower on the test rows of another dataset than one that was trained on it",
            cases,
            "A part of what it learned holds for its own rows alone: where the positives are the same, it learned its "
            "negatives. Quote the score on the rows that are nearest to what you will predict for.",
        )
    ]
