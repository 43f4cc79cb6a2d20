"""The workflow's tables as the report reads them."""

import csv
import io
import math
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.messages import InputError
from cisflow.report_numbers import TASKS

OUTCOME_NAMES = {  # an outcome that is not named here is printed as it is called
    "dropped_below_threshold": "below min_score",
    "dropped_edge": "over an edge",
    "dropped_excluded": "excluded region",
    "dropped_n": "N bases",
    "windows_unknown": "label unknown",
}
WINDOWS_NAMES = {"binary": "windows labelled 1", "regression": "windows with a value"}
SELECTIONS = ["dropped_below_threshold", "dropped_not_in_top"]  # what the sheet asks for is no loss
MOST_GROUPS = 8  # chromosomes or clusters of a split that are all named
FEW_GROUPS = 3  # that are named where there are more
AGAIN = "delete the file and run the workflow again: the rule that makes it will write it anew"
NO_SCORE = dict.fromkeys(("value", "ci_low", "ci_high", "n", "n_positive"), math.nan)  # of what a table does not hold


def read_table(path, numbers, texts=()):
    """A tab-separated table with a header; lines that begin with '#' are comments.

    Parameters
    ----------
    path : str or Path
    numbers : list of str
        Columns that must be there and hold numbers or nothing.
    texts : list of str
        Columns that must be there; they are kept as they are (a target may be called `NA`).

    Returns
    -------
    pandas.DataFrame
        Further columns stay as text. `attrs["comments"]` holds the comment lines without '#'.

    Raises
    ------
    InputError
        If a column is missing or holds something else than numbers.
    """
    body, comments = _lines(path)
    table = pd.read_csv(
        io.StringIO("\n".join(body)), sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
    )
    _check_columns(path, list(table.columns), [*texts, *numbers])
    for column in numbers:
        try:
            table[column] = pd.to_numeric(table[column].mask(table[column] == "")).astype(float)
        except ValueError as error:
            raise InputError(f"column {column} of {path} is not numeric", str(error), AGAIN) from None
    table.attrs["comments"] = comments
    return table


def read_rows(path, numbers, texts=()):
    """The rows of a small table, many times faster than `read_table`: a page may rest on a hundred thousand of them.

    Parameters
    ----------
    path, numbers, texts
        As for `read_table`, which raises the same errors.

    Returns
    -------
    list of dict
    """
    body, _ = _lines(path)
    header, *lines = [line.split("\t") for line in body]
    _check_columns(path, header, [*texts, *numbers])
    places = [(header.index(column), column) for column in numbers]
    rows = []
    for values in lines:
        row = dict(zip(header, values, strict=False))
        for place, column in places:
            try:
                row[column] = float(values[place]) if values[place] else math.nan
            except (ValueError, IndexError) as error:
                raise InputError(f"column {column} of {path} is not numeric", str(error), AGAIN) from None
        rows.append(row)
    return rows


def _lines(path):
    """The lines of a table from its header on, and its comments without '#'."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    body = [line for line in lines if line and not line.startswith("#")]
    if not body:
        raise InputError(f"{path} is empty", "a header line was expected", AGAIN)
    return body, [line.lstrip("#").strip() for line in lines if line.startswith("#")]


def _check_columns(path, header, wanted):
    missing = [column for column in wanted if column not in header]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}", f"it has {', '.join(header)}", AGAIN)


def read_inputs(path, task="binary"):
    """What became of the peaks or sequences: one row a target, one column an outcome.

    Parameters
    ----------
    path : str or Path
        A `windows_report.tsv`.
    task : str
        `binary` or `regression`, which decides what windows are counted.

    Returns
    -------
    dict
        `unit` (`peak` or `sequence`), `outcomes` (names, in the order of the file; selections that drop nothing are
        left out), `rows` and `criteria` (outcome name and text). A row has `target`; `counts`, one an outcome;
        `read` and `kept`; `aside` (not selected by the sheet); `reasons` (name to count of what else was dropped);
        `dropped` (share of what was selected that was not kept, NaN where nothing was); and `unaccounted`: read less
        kept and dropped, which is 0 if the table is right.
    """
    table = read_table(path, ["count"], ["target", "outcome", "criterion"])
    outcomes = list(dict.fromkeys(table["outcome"]))
    unit = "sequence" if "sequences_read" in outcomes else "peak"
    by_target = {
        target: dict(zip(part["outcome"], part["count"], strict=True))
        for target, part in table.groupby("target", sort=False)
    }
    unused = [name for name in SELECTIONS if not any(counts.get(name, 0) for counts in by_target.values())]
    names = {outcome: _outcome_name(outcome, task) for outcome in outcomes if outcome not in unused}
    criteria = dict(zip(table["outcome"], table["criterion"], strict=True))  # those of `all`, which come last
    return {
        "unit": unit,
        "outcomes": list(names.values()),
        "rows": [_input_row(target, counts, unit, names) for target, counts in by_target.items()],
        "criteria": [(name, criteria[outcome]) for outcome, name in names.items() if criteria[outcome]],
    }


def _outcome_name(outcome, task):
    if outcome == "windows":
        return WINDOWS_NAMES[task]
    if outcome == "windows_unknown" and task == "regression":
        return "value unknown"
    return OUTCOME_NAMES.get(outcome, outcome.removeprefix("dropped_").replace("_", " "))


def _input_row(target, counts, unit, names):
    """One target's row of `read_inputs`."""
    read, kept = counts[f"{unit}s_read"], counts[f"{unit}s_kept"]
    aside = sum(counts.get(name, 0) for name in SELECTIONS)
    reasons = {
        names[outcome]: count
        for outcome, count in counts.items()
        if outcome.startswith("dropped_") and outcome not in SELECTIONS
    }
    selected = read - aside
    return {
        "target": target,
        "counts": [counts.get(outcome, math.nan) for outcome in names],
        "read": read,
        "kept": kept,
        "aside": aside,
        "reasons": reasons,
        "dropped": 1 - kept / selected if selected else math.nan,
        "unaccounted": selected - kept - sum(reasons.values()),
    }


def read_splits(path):
    """Rows of a `split_report.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        As in the file, the `chromosomes` with a space after each comma and only the first of many.
    """
    numbers = ["n_windows", "n_positive", "n_negative", "n_unknown", "gc_positive", "gc_negative"]
    rows = read_rows(path, numbers, ["split", "target", "chromosomes"])
    return [{**row, "chromosomes": _shortened_groups(row["chromosomes"])} for row in rows]


def _shortened_groups(text):
    groups = text.split(",")
    if len(groups) <= MOST_GROUPS:
        return ", ".join(groups)
    named = ", ".join(groups[:FEW_GROUPS])
    if groups[-1] == "...":  # the file names some only
        return f"{named} and more"
    return f"{named} and {len(groups) - FEW_GROUPS} more"


def read_overlaps(path, targets):
    """How many windows carry each pair of targets.

    Parameters
    ----------
    path : str or Path
        A `label_overlaps.tsv`.
    targets : list of str

    Returns
    -------
    numpy.ndarray of float, shape (T, T)
        Symmetric; the diagonal counts the windows of each target.
    """
    table = read_table(path, ["n_windows"], ["target_a", "target_b"])
    place = {target: number for number, target in enumerate(targets)}
    first, second = (table[name].map(place) for name in ("target_a", "target_b"))
    known = (first.notna() & second.notna()).to_numpy()
    first, second = first[known].astype(int), second[known].astype(int)
    counts = np.full((len(targets), len(targets)), np.nan)
    counts[first, second] = counts[second, first] = table["n_windows"].to_numpy()[known]
    return counts


def read_leaks(path):
    """Rows of a `leakage.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        One a pair of splits and kind of leak.
    """
    return read_rows(path, ["found", "dropped", "left"], ["split", "other_split", "kind", "criterion"])


def read_distributions(path):
    """A `distributions.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    pandas.DataFrame
        A row a split, quantity, class and bin that is not empty, bins from left to right.
    """
    return read_table(path, ["bin_start", "bin_end", "count"], ["split", "quantity", "class"])


def read_balance(path):
    """Rows of a `balance.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        One a split, quantity and kind of negatives; none for a dataset without negatives.
    """
    numbers = ["n", "n_positive", "mean", "mean_positive", "ks"]
    return read_rows(path, numbers, ["split", "quantity", "class"])


def read_scaling(path):
    """Rows of a `target_scaling.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        `target`, `log1p` (0 or 1), `mean`, `sd` and `n`, the training rows with a value.
    """
    return read_rows(path, ["log1p", "mean", "sd", "n"], ["target"])


def read_history(path, task="binary"):
    """A `history.tsv`.

    Parameters
    ----------
    path : str or Path
    task : str
        `binary` or `regression`, which decides what the validation score is.

    Returns
    -------
    dict of str -> numpy.ndarray of float
        A value an epoch; `val_score` is the column `val_auroc` or `val_pearson`; `val_accuracy` is NaN where there is
        none: of quantities, and in tables of networks that were trained before it was told.
    """
    score = f"val_{TASKS[task]['score']}"
    names = ["epoch", "train_loss", "val_loss", score, "seconds", "kept"]
    rows = read_rows(path, names)
    history = {"val_score" if name == score else name: np.array([row[name] for row in rows]) for name in names}
    return {**history, "val_accuracy": np.array([float(row.get("val_accuracy") or "nan") for row in rows])}


def read_choice(path, task="binary"):
    """Validation scores of the settings that were kept, one a target.

    Parameters
    ----------
    path : str or Path
        A `choice.tsv`: a row a target and setting that was tried, `kept` 1 for one of each target.
    task : str
        `binary` or `regression`, which decides what the validation score is.

    Returns
    -------
    list of float
    """
    score = f"val_{TASKS[task]['score']}"
    return [row[score] for row in read_rows(path, [score, "kept"], ["target"]) if row["kept"] == 1]


def read_scores(path, split="test"):
    """The rows of one split of a `metrics.tsv`, keyed by target and metric.

    Parameters
    ----------
    path : str or Path
    split : str

    Returns
    -------
    dict[(str, str), dict]
        (target, metric) to `model`, `value`, `ci_low`, `ci_high`, `n`, `n_positive`.
    """
    rows = read_rows(path, ["value", "ci_low", "ci_high", "n", "n_positive"], ["model", "split", "target", "metric"])
    return {(row["target"], row["metric"]): row for row in rows if row["split"] == split}


def read_predictions(path, targets):
    """Truth and prediction of each target.

    Parameters
    ----------
    path : str or Path
        A `predictions.tsv`.
    targets : list of str

    Returns
    -------
    dict[str, (numpy.ndarray, numpy.ndarray)]
        Target to truth (0 or 1, or a value; NaN where unknown) and prediction, both of shape (number of windows,).
    """
    table = read_table(path, [column for target in targets for column in (target, f"{target}_predicted")])
    return {target: (table[target].to_numpy(), table[f"{target}_predicted"].to_numpy()) for target in targets}


def read_filters(path):
    """Rows of a `filters.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        One a filter, dead ones too; `cluster` is NaN of one without a PWM.
    """
    numbers = ["n_sites", "threshold", "max_activation", "information_content", "best_match_p", "best_match_q"]
    numbers += ["influence", "cluster"]
    texts = ["filter", "status", "consensus", "best_match", "best_match_name"]
    return read_rows(path, numbers, texts)


def read_matches(path):
    """Tomtom's table.

    Parameters
    ----------
    path : str or Path
        A `motif_matches.tsv`.

    Returns
    -------
    matches : dict[(str, str), dict]
        (query, target) to Tomtom's columns.
    comments : list of str
        What the file says of its database and criterion.
    """
    table = read_table(path, ["Optimal_offset", "E-value", "q-value"], ["Query_ID", "Target_ID", "Orientation"])
    matches = {(row["Query_ID"], row["Target_ID"]): row for row in table.to_dict("records")}
    return matches, table.attrs["comments"]


def read_warnings(path):
    """What a training had to warn of.

    Parameters
    ----------
    path : str or Path
        A `warnings.tsv`; it may have no rows, and one without a header has none.

    Returns
    -------
    list of dict
        `kind` and `warning`, the text without a full stop.
    """
    if not Path(path).read_text(encoding="utf-8").strip():
        return []
    rows = read_rows(path, [], ["kind", "warning"])
    return [{"kind": row["kind"], "warning": row["warning"].strip().rstrip(".")} for row in rows]
