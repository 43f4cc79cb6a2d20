"""How the networks were trained: losses, validation scores and accuracies epoch by epoch, over the seeds of each."""

from markupsafe import Markup

from cisflow.figures_training import loss_curves, validation_curves
from cisflow.report_numbers import count_of, fixed, is_known, listed, words_of
from cisflow.report_sentences import seed_name


def training_section(members, network, prefix):
    """Training curves of one network over its seeds; none of a model that has no epochs.

    Parameters
    ----------
    members : list of dict
        Its runs, with `training_row` and `warnings_found`.
    network : dict
        Of `cisflow.report_rows.network_rows`.
    prefix : str
        Of ids.

    Returns
    -------
    dict
        `loss`, `score` and `accuracy` are pictures, the last one empty where no accuracy was told.
    """
    model, words = network["model"], words_of(network)
    rows = [run["training_row"] for run in members if run["training_row"]]
    section = {
        "model": model,
        "words": words,
        "parent": network["parent"],
        "warnings": members[0]["warnings_found"],
        "rows": rows,
        "loss": "",
        "score": "",
        "accuracy": "",
        "has_accuracy": any(is_known(row["val_accuracy"]) for row in rows),
    }
    if not rows:
        return {
            **section,
            "sentence": f"{model}: no training curves ({count_of(len(members), 'seed')} without epochs).",
        }
    kept = listed((f"{seed_name(row)} kept epoch {fixed(row['kept'], 0)} of {row['epochs']}" for row in rows), 12)
    histories = {row["seed"]: row["history"] for row in rows}
    title = f"Validation {words['name']}, {model}"
    accuracy = ""
    if section["has_accuracy"]:
        of_accuracy = f"Validation accuracy, {model}"
        accuracy = validation_curves(histories, f"{prefix}-accuracy", "accuracy", of_accuracy, "val_accuracy")
    return {
        **section,
        "sentence": f"{model}: {kept}.",
        "loss": Markup(loss_curves(histories, f"{prefix}-loss", f"Loss, {model}")),
        "score": Markup(validation_curves(histories, f"{prefix}-score", words["name"], title)),
        "accuracy": Markup(accuracy),
    }
