"""The workflow's tables as the report reads them."""

import csv
import io
import math
from pathlib import Path

import pandas as pd

from cisflow.messages import InputError

OUTCOME_NAMES = {
    "peaks_read": "peaks read",
    "dropped_unknown_contig": "unknown contig",
    "dropped_edge": "over an edge",
    "dropped_excluded": "excluded region",
    "dropped_n": "N bases",
    "peaks_kept": "peaks kept",
    "windows": "windows labelled 1",
    "windows_unknown": "label unknown",
}


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
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    body = "\n".join(line for line in lines if line and not line.startswith("#"))
    again = "delete the file and run the workflow again: the rule that makes it will write it anew"
    if not body:
        raise InputError(f"{path} is empty", "a header line was expected", again)
    table = pd.read_csv(io.StringIO(body), sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    missing = [column for column in [*texts, *numbers] if column not in table]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}", f"it has {', '.join(table.columns)}", again)
    for column in numbers:
        try:
            table[column] = pd.to_numeric(table[column].mask(table[column] == "")).astype(float)
        except ValueError as error:
            raise InputError(f"column {column} of {path} is not numeric", str(error), again) from None
    table.attrs["comments"] = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return table


def read_inputs(path):
    """What became of the peaks: one row a target, one column an outcome.

    Parameters
    ----------
    path : str or Path
        A `windows_report.tsv`.

    Returns
    -------
    dict
        `outcomes` (names, in the order of the file), `rows` (`target`, `counts`, `dropped`: share of peaks read that
        were not kept, NaN where none was read) and `criteria` (outcome name and text).
    """
    table = read_table(path, ["count"], ["target", "outcome", "criterion"])
    rows = []
    for target, part in table.groupby("target", sort=False):
        counts = dict(zip(part["outcome"], part["count"], strict=True))
        read = counts["peaks_read"]
        dropped = 1 - counts["peaks_kept"] / read if read else math.nan
        rows.append({"target": target, "counts": list(counts.values()), "dropped": dropped})
    criteria = dict(zip(table["outcome"], table["criterion"], strict=True))  # the same for every target
    return {
        "outcomes": [OUTCOME_NAMES[outcome] for outcome in criteria],
        "rows": rows,
        "criteria": [(OUTCOME_NAMES[outcome], criterion) for outcome, criterion in criteria.items() if criterion],
    }


def read_splits(path):
    """Rows of a `split_report.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        As in the file, the `chromosomes` with a space after each comma.
    """
    numbers = ["n_windows", "n_positive", "n_negative", "n_unknown", "gc_positive", "gc_negative"]
    rows = read_table(path, numbers, ["split", "target", "chromosomes"]).to_dict("records")
    return [{**row, "chromosomes": row["chromosomes"].replace(",", ", ")} for row in rows]


def read_history(path):
    """A `history.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    pandas.DataFrame
        A row an epoch.
    """
    return read_table(path, ["epoch", "train_loss", "val_loss", "val_auroc", "seconds", "kept"])


def read_scores(path):
    """The test rows of a `metrics.tsv`, keyed by target and metric.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict[(str, str), dict]
        (target, metric) to `model`, `value`, `ci_low`, `ci_high`, `n`, `n_positive`.
    """
    table = read_table(path, ["value", "ci_low", "ci_high", "n", "n_positive"], ["model", "split", "target", "metric"])
    rows = table[table["split"] == "test"].to_dict("records")
    return {(row["target"], row["metric"]): row for row in rows}


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
        Target to truth (0, 1 or NaN) and prediction, both of shape (number of windows,).
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
        One a filter, dead ones too.
    """
    numbers = ["n_sites", "threshold", "max_activation", "information_content", "best_match_p", "best_match_q"]
    texts = ["filter", "status", "consensus", "best_match", "best_match_name"]
    return read_table(path, numbers, texts).to_dict("records")


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
    table = read_table(path, ["Optimal_offset", "E-value"], ["Query_ID", "Target_ID", "Orientation"])
    matches = {(row["Query_ID"], row["Target_ID"]): row for row in table.to_dict("records")}
    return matches, table.attrs["comments"]
