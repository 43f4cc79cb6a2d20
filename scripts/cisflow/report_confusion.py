"""What is called positive and what is not: confusion matrices at the thresholds that were chosen on validation."""

import math

from markupsafe import Markup

from cisflow.figures_checks import confusion_panel
from cisflow.report_numbers import count_of, fixed, is_known, percent
from cisflow.report_tables import NO_SCORE

COUNTS = ["true_positives", "false_negatives", "false_positives", "true_negatives"]
SCORES = {"accuracy": "accuracy", "f1": "F1", "mcc": "MCC"}
PICTURES = 6


def confusion_row(model, target, scores):
    """The confusion matrix of one network and target.

    Parameters
    ----------
    model, target : str
    scores : dict
        Of the network, as from `cisflow.report_tables.read_scores`.

    Returns
    -------
    dict or None
        `threshold`, the numbers of `COUNTS`, `found` (share of the positives that are called positive), `spared` (share
        of the negatives that are not), and the rows of `SCORES` with their intervals. None without a threshold, or
        without a row.
    """
    values = {name: scores.get((target, name), NO_SCORE)["value"] for name in ("threshold", *COUNTS)}
    if not all(is_known(value) for value in values.values()) or not sum(values[name] for name in COUNTS):
        return None

    def share(right, wrong):
        return values[right] / (values[right] + values[wrong]) if values[right] + values[wrong] else math.nan

    return {
        "model": model,
        "target": target,
        **values,
        "found": share("true_positives", "false_negatives"),
        "spared": share("true_negatives", "false_positives"),
        **{name: scores.get((target, name), NO_SCORE) for name in SCORES},
    }


def confusion_sentence(row):
    """A confusion matrix in words."""
    called = row["true_positives"] + row["false_positives"]
    positives, negatives = (int(sum(row[name] for name in pair)) for pair in (COUNTS[:2], COUNTS[2:]))
    text = (
        f"from {fixed(row['threshold'])} on called positive: {percent(row['found'])} of "
        f"{count_of(positives, 'positive')} found, {percent(1 - row['spared'])} of {count_of(negatives, 'negative')} "
        "called positive too"
    )
    right = f"{percent(row['true_positives'] / called)} of what is called positive is so" if called else ""
    return f"{text}; {right or 'nothing is called positive'}"


def confusion_section(entry, models):
    """What the page shows of the confusion matrices of one dataset and fold; None without labels.

    Parameters
    ----------
    entry : dict
        The dataset and fold, as from `cisflow.report_scores.with_scores`.
    models : list of str
        The best validation score first.

    Returns
    -------
    dict or None
        `panels`: pictures of the first network on the first targets, or of the first networks on an only target;
        `rows`: all networks and targets, as from `confusion_row`.
    """
    if entry["task"] != "binary":
        return None
    found = [
        confusion_row(model, target, entry["ensembles"][model]["scores"])
        for model in models
        for target in entry["targets"]
    ]
    rows = [row for row in found if row]
    if not rows:
        return None
    several_targets = len(entry["targets"]) > 1
    shown = [row for row in rows if row["model"] == rows[0]["model"]] if several_targets else rows
    return {
        "model": rows[0]["model"] if several_targets or len(models) == 1 else "",
        "several_targets": several_targets,
        "panels": [
            {
                "title": row["target"] if several_targets else row["model"],
                "sentence": f"{confusion_sentence(row)}; MCC {fixed(row['mcc']['value'])}.",
                "svg": Markup(confusion_panel(row, f"{row['model']}, {row['target']}: {confusion_sentence(row)}")),
            }
            for row in shown[:PICTURES]
        ],
        "left_out": len(rows) - min(len(shown), PICTURES),
        "scores": SCORES,
        "rows": rows,
    }
