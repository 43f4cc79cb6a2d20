"""The networks of one dataset and fold in detail: training curves, test curves, and the filters with their logos."""

import math

from markupsafe import Markup

from cisflow.figures import (
    loss_curves,
    precision_recall_chart,
    precision_recall_points,
    roc_chart,
    roc_points,
    validation_curves,
)
from cisflow.logos import logo, stacked_logos
from cisflow.meme import read_meme
from cisflow.report_numbers import count_of, fixed, is_known, listed, percent, span
from cisflow.report_rows import STATUSES, matched_filters, networks, recurrence_rows
from cisflow.report_sentences import BASELINE_NAME, seed_name
from cisflow.report_tables import read_matches, read_predictions

RECURRENCES = 8  # database motifs that are listed openly; more lie in a closed table
TARGETS_IN_DETAIL = 12  # targets of a dataset that get curves


def network_details(entry, runs, scores, anchor, database, drawn, match_q):
    """What the page shows of the networks of one dataset and fold.

    Parameters
    ----------
    entry : dict
        The dataset and fold, as given to `cisflow.report.render_report`.
    runs : list of dict
        Its trained networks, each with its `training_row` and `filter_row`.
    scores : list of dict
        Its rows of `score_rows`.
    anchor : str
        Id of its part of the page.
    database : dict[str, cisflow.meme.Motif]
    drawn : dict[(str, str), str]
        Id and orientation of the database motifs that the page draws, to the id of their drawing; added to here.
    match_q : float

    Returns
    -------
    dict
    """
    seeds = list(networks(runs).values())
    blocks = scores[0]["blocks"]
    return {
        "id": anchor,
        "dataset": entry["dataset"],
        "fold": entry["fold"],
        "scores": scores,
        "blocks": fixed(blocks, 0),
        "baseline": BASELINE_NAME,
        "training": [
            _training_section(members, f"{anchor}-training-{number}") for number, members in enumerate(seeds, start=1)
        ],
        "curves": _curve_sections(entry, runs, scores, f"{anchor}-curves"),
        "n_targets": len(entry["targets"]),
        "filters": [_filter_section(members, database, drawn, match_q) for members in seeds],
    }


# Training -----------------------------------------------------------------------------------------------------------


def _training_section(members, prefix):
    """Training curves of one network over its seeds."""
    model = members[0]["model"]
    rows = [run["training_row"] for run in members]
    histories = {row["seed"]: row["history"] for row in rows}
    kept = listed((f"{seed_name(row)} kept epoch {fixed(row['kept'], 0)} of {row['epochs']}" for row in rows), 12)
    return {
        "model": model,
        "rows": rows,
        "sentence": f"{model}: {kept}.",
        "loss": Markup(loss_curves(histories, f"{prefix}-loss", f"Loss, {model}")),
        "auroc": Markup(validation_curves(histories, f"{prefix}-auroc", f"Validation AUROC, {model}")),
    }


# Test ---------------------------------------------------------------------------------------------------------------


def _curve_sections(entry, runs, scores, prefix):
    """ROC and precision-recall curves of each target of a dataset; none where the test windows are of one class."""
    targets = entry["targets"][:TARGETS_IN_DETAIL]
    predictions = {
        model: [read_predictions(run["predictions"], targets) for run in members]
        for (_, _, model), members in networks(runs).items()
    }
    baseline = read_predictions(entry["baseline_predictions"], targets)
    sections = []
    for number, target in enumerate(targets, start=1):
        rows = [row for row in scores if row["target"] == target]
        name = f"{prefix}-{number}"
        section = {
            "target": target,
            "sentence": " ".join(_curve_sentence(row, len(rows) > 1) for row in rows),
            "roc": "",
            "precision_recall": "",
        }
        if all(is_known(row["auroc"]) for row in rows):
            curves = _curves(rows, predictions, baseline, "auroc", "baseline", roc_points)
            section["roc"] = Markup(roc_chart(curves, f"{name}-auroc", f"ROC, {target}"))
            curves = _curves(rows, predictions, baseline, "auprc", "baseline_auprc", precision_recall_points)
            section["precision_recall"] = Markup(
                precision_recall_chart(
                    curves, rows[0]["prevalence"], f"{name}-auprc", f"Precision and recall, {target}"
                )
            )
        sections.append(section)
    return sections


def _curves(rows, predictions, baseline, metric, baseline_metric, points):
    """The lines of a chart of one target: a colour a seed, as in the training curves, or a colour a model."""
    target = rows[0]["target"]
    lines = {model: [points(*table[target]) for table in tables] for model, tables in predictions.items()}
    if len(rows) == 1:
        curves = [
            {"label": f"{seed_name(seed)}: {fixed(seed[metric])}", "lines": [line], "series": number}
            for number, (seed, line) in enumerate(zip(rows[0]["seeds"], lines[rows[0]["model"]], strict=True))
        ]
    else:
        curves = [
            {
                "label": f"{row['model']}: {fixed(row[metric])}"
                + (f" (mean of {row['n_seeds']} seeds)" if row["n_seeds"] > 1 else ""),
                "lines": lines[row["model"]],
                "series": number,
            }
            for number, row in enumerate(rows)
        ]
    label = f"{BASELINE_NAME}: {fixed(rows[0][baseline_metric])}"
    return [*curves, {"label": label, "lines": [points(*baseline[target])], "series": None}]


def _curve_sentence(row, name_model):
    """What the two curves of a target show, from its score row."""
    name = f"{row['target']} ({row['model']})" if name_model else row["target"]
    return (
        f"{name}: AUROC {fixed(row['auroc'])} ({span(row['low'], row['high'])}); AUPRC {fixed(row['auprc'])} "
        f"({span(row['auprc_low'], row['auprc_high'])}) where a guess would reach {fixed(row['prevalence'])}; "
        f"{fixed(row['n_positive'], 0)} positives among {fixed(row['n'], 0)} test windows."
    )


# Filters ------------------------------------------------------------------------------------------------------------


def _filter_section(members, database, drawn, match_q):
    """Filters of one network over its seeds."""
    model = members[0]["model"]
    filter_rows = [run["filter_row"] for run in members]
    recurrences = recurrence_rows(filter_rows)
    matched, total = matched_filters(filter_rows)
    seeds, comments = [], []
    for run, row in zip(members, filter_rows, strict=True):
        matches, of_seed = read_matches(run["motif_matches"])
        comments += [comment for comment in of_seed if comment not in comments]
        statuses = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in row["statuses"].items())
        seeds.append(
            {
                "seed": run["seed"],
                "sentence": f"{row['matched']} of {row['filters']} filters match at q\u00a0<\u00a0{match_q:g}; "
                + statuses,
                "rows": _filter_table(run, matches, database, drawn),
            }
        )
    return {
        "model": model,
        "sentence": f"{model}: {matched:,} of {total:,} filters ({percent(matched / total)}) match, "
        f"{count_of(len(members), 'seed')}.",
        "recurrences": recurrences[:RECURRENCES],
        "more_recurrences": recurrences[RECURRENCES:],
        "seeds": seeds,
        "comments": comments,
    }


def _filter_table(run, matches, database, drawn):
    """The filters of one network with E-value and logo, best matches first."""
    row = run["filter_row"]
    learned = read_meme(run["filters_meme"]) if "ok" in row["statuses"] else {}
    rows = []
    for filter_ in row["table"]:
        match = matches.get((filter_["filter"], filter_["best_match"]))
        drawing = _filter_logo(filter_, learned.get(filter_["filter"]), match, database, drawn)
        rows.append({**filter_, "E": match["E-value"] if match else math.nan, "logo": Markup(drawing)})
    return sorted(rows, key=_place)


def _place(row):
    """Where a filter stands in the table: by status, then by q-value, then by information content."""
    q = row["best_match_q"] if is_known(row["best_match_q"]) else math.inf
    content = row["information_content"] if is_known(row["information_content"]) else 0
    return STATUSES.index(row["status"]), q, -content


def _filter_logo(row, learned, match, database, drawn):
    """The logo of a filter, above that of its best match where there is one."""
    if learned is None:
        return ""
    label = f"{row['filter']}: {row['consensus']}"
    if match is None:
        return logo(learned.pwm, label)
    motif, orientation, offset = row["best_match"], match["Orientation"], int(match["Optimal_offset"])
    name = f"{row['best_match_name']} {motif}".strip()
    turned = ", reverse complement" if orientation == "-" else ""
    label = f"{label}; below: {name}{turned}, offset {offset}"
    symbol = drawn.setdefault((motif, orientation), f"motif-{len(drawn) + 1}")
    return stacked_logos(learned.pwm, len(database[motif].pwm), symbol, offset, label)
