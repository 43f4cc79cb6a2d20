"""The networks of one dataset and fold in detail: training curves, test curves, and the filters with their logos.

Of many networks the first few, those with the best validation scores, stand open; the others are folded.
"""

import math

from markupsafe import Markup

from cisflow.figures import (
    ENSEMBLE,
    precision_recall_chart,
    precision_recall_points,
    roc_chart,
    roc_points,
)
from cisflow.figures_scores import MOST_DOTS, common_limits, prediction_panel
from cisflow.logos import logo, stacked_logos
from cisflow.meme import read_meme
from cisflow.report_check_figures import beside_section, reliability_section, strata_section
from cisflow.report_comparison import comparison
from cisflow.report_confusion import confusion_section
from cisflow.report_consensus import consensus_section
from cisflow.report_learning import learning_section, trials_section
from cisflow.report_motifs import enrichment_section, null_table
from cisflow.report_nulls import null_sentence
from cisflow.report_numbers import count_of, fixed, is_known, percent, signed, span, words_of
from cisflow.report_planted import planted_section
from cisflow.report_rows import NOT_COMPARABLE, STATUSES, identity, matched_filters, recurrence_rows
from cisflow.report_sentences import seed_name, seeds_name
from cisflow.report_tables import read_matches, read_predictions
from cisflow.report_training import training_section

INFLUENTIAL = 3  # filters of a network that are named
RECURRENCES = 8  # database motifs that are listed openly; more lie in a closed table
TARGETS_IN_DETAIL = 12  # targets of a dataset that get curves
OPEN_NETWORKS = 3  # that are not folded
NETWORKS_TOGETHER = 6  # in one chart; each has a colour
CHECKED_NETWORKS = 6  # whose checks are told in full
FILTERS_ON_PAGE = 3000  # whose logos are drawn; at some 4 kB each a page of more takes long to load


def by_validation(groups, network_rows):
    """Networks with the best validation score first, those that cannot be compared by one last.

    Parameters
    ----------
    groups : dict[(dataset, fold, model), list of dict]
        The runs of each network.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.

    Returns
    -------
    dict
        `groups` in that order.
    """

    def place(key):
        validation, kinds = network_rows[key]["validation"], network_rows[key]["kinds"]
        return -validation if is_known(validation) and not NOT_COMPARABLE & set(kinds) else math.inf

    return {key: groups[key] for key in sorted(groups, key=place)}


def runs_with_logos(folds):
    """The runs whose filters are drawn, so that a page of many networks can still be loaded.

    Parameters
    ----------
    folds : list of dict
        Of each dataset and fold that is shown in detail the runs of each network, as from `by_validation`. First come
        the first networks of all, then the second ones.

    Returns
    -------
    set of (dataset, fold, model, seed)
    """
    ordered = sorted(
        ((place, run) for fold in folds for place, members in enumerate(fold.values()) for run in members),
        key=lambda pair: pair[0],
    )
    chosen, total = set(), 0
    for _, run in ordered:
        n_filters = run["filter_row"]["filters"] if run["filter_row"] else 0
        if n_filters and total + n_filters <= FILTERS_ON_PAGE:
            total += n_filters
            chosen.add((*identity(run), run["model"], run["seed"]))
    return chosen


def network_details(entry, ordered, scores, checks, network_rows, anchor, database, drawn, settings):
    """What the page shows of the networks of one dataset and fold.

    Parameters
    ----------
    entry : dict
        The dataset and fold, as from `cisflow.report_scores.with_scores`, with its `learning` and `searches`.
    ordered : dict
        Its runs by network, as from `by_validation`, each with its `training_row`, `filter_row` and `warnings_found`.
    scores : list of dict
        Its rows of `score_rows`.
    checks : list of dict
        Those of `cisflow.report_checks.network_checks`, with their `model`.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.
    anchor : str
        Id of its part of the page.
    database : dict[str, cisflow.meme.Motif]
    drawn : dict
        `motifs`: id and orientation of the database motifs that the page draws, to the id of their drawing, which are
        added to here; `runs`: those of `runs_with_logos`; `consensus`: tables of motifs over seeds and folds that the
        page shows already, as all folds share one.
    settings : dict
        `match_q`.

    Returns
    -------
    dict
    """
    blocks = scores[0]["blocks"]
    with_filters = [members for members in ordered.values() if any(run["filter_row"] for run in members)]
    models = [model for *_, model in ordered]
    of_first = [row for row in scores if row["model"] == models[0]]
    first_filters = [run for run in with_filters[0] if run["filter_row"]] if with_filters else []
    return {
        "id": anchor,
        "dataset": entry["dataset"],
        "fold": entry["fold"],
        "words": words_of(entry),
        "scores": scores,
        "comparison": comparison(scores, network_rows),
        "blocks": fixed(blocks, 0),
        "checks": [
            {"model": model, "rows": rows, "is_open": not number}
            for number, model in enumerate(models[:CHECKED_NETWORKS])
            if (rows := [row for row in checks if row["model"] == model])
        ],
        "unchecked": max(len(models) - CHECKED_NETWORKS, 0),
        "beside": beside_section(scores, models),
        "reliability": reliability_section(entry, models[0]),
        "strata": strata_section(entry, models[0], of_first),
        "enrichment": enrichment_section(entry, first_filters, settings["match_q"]),
        "planted": [
            part for members in list(ordered.values())[:CHECKED_NETWORKS] if (part := planted_section(members))
        ],
        "is_ordered": len(ordered) > OPEN_NETWORKS,
        "training": [
            {
                **training_section(members, network_rows[key], f"{anchor}-training-{number}"),
                "is_open": number <= OPEN_NETWORKS,
            }
            for number, (key, members) in enumerate(ordered.items(), start=1)
        ],
        "searches": [trials_section(search) for search in entry["searches"]],
        "curves": _curve_sections(entry, ordered, scores, f"{anchor}-curves"),
        "confusion": confusion_section(entry, models),
        "n_targets": len(entry["targets"]),
        "learning": learning_section(entry, f"{anchor}-learning"),
        "filters": [
            {
                **_filter_section(
                    members, entry["ensembles"][members[0]["model"]], database, drawn, settings["match_q"]
                ),
                "is_open": number <= OPEN_NETWORKS,
            }
            for number, members in enumerate(with_filters, start=1)
        ],
        "without_filters": [
            model for (*_, model), members in ordered.items() if not any(run["filter_row"] for run in members)
        ],
    }


# Test ---------------------------------------------------------------------------------------------------------------


def _curve_sections(entry, ordered, scores, prefix):
    """Charts of each target: ROC and precision-recall curves of labels, predicted against measured values otherwise.

    Those of more networks than go together are folded. A target whose score is unknown has no charts.
    """
    targets = entry["targets"][:TARGETS_IN_DETAIL]
    predictions = {model: read_predictions(entry["ensembles"][model]["predictions"], targets) for *_, model in ordered}
    seeds = {}
    if len(ordered) == 1:
        [members] = ordered.values()
        seeds = {run["seed"]: read_predictions(run["predictions"], targets) for run in members}
    baselines = {}
    charts = _label_charts if entry["task"] == "binary" else _value_charts
    sections = []
    for number, target in enumerate(targets, start=1):
        by_model = {row["model"]: row for row in scores if row["target"] == target}
        rows = [by_model[model] for model in predictions]
        with_score = [row for row in rows if is_known(row["score"])]
        groups = []
        if with_score:
            baseline = _beside(entry, target, rows[0], baselines)
            groups = charts(with_score, predictions, seeds, baseline, f"{prefix}-{number}")
        sentences = [_curve_sentence(row, len(rows) > 1) for row in rows[:OPEN_NETWORKS]]
        sections.append({"target": target, "sentences": sentences, "groups": groups})
    return sections


def _beside(entry, target, row, known):
    """The strongest baseline of a target with its name and predictions; None without one. `known` are those read."""
    if not row["beside"]:
        return None
    strongest = row["beside"][0]
    name = strongest["baseline"]
    if name not in known:
        known[name] = read_predictions(entry["baselines"][name]["predictions"], entry["targets"][:TARGETS_IN_DETAIL])
    return {**strongest, "pair": known[name][target]}


def _label_charts(rows, predictions, seeds, baseline, prefix):
    """ROC and precision-recall curves of one target, a few networks in a chart."""
    groups, n_charts = [], math.ceil(len(rows) / NETWORKS_TOGETHER)
    for number in range(1, n_charts + 1):
        together = rows[len(rows) * (number - 1) // n_charts : len(rows) * number // n_charts]
        target, name = together[0]["target"], f"{prefix}-{number}" if number > 1 else prefix
        curves = _curves(together, predictions, seeds, baseline, "score", roc_points)
        roc = roc_chart(curves, f"{name}-auroc", f"ROC, {target}")
        curves = _curves(together, predictions, seeds, baseline, "second", precision_recall_points)
        title = f"Precision and recall, {target}"
        precision_recall = precision_recall_chart(curves, together[0]["prevalence"], f"{name}-auprc", title)
        groups.append(
            {
                "title": ", ".join(row["model"] for row in together),
                "charts": [Markup(roc), Markup(precision_recall)],
                "panels": [],
            }
        )
    return groups


def _curves(rows, predictions, seeds, baseline, metric, points):
    """The lines of a chart of one target: a colour a seed, as in the training curves, or a colour a model."""
    target, curves = rows[0]["target"], []
    if len(seeds) > 1:
        curves = [
            {
                "label": f"{seed_name(seed)}: {fixed(seed[metric])}",
                "lines": [points(*seeds[seed["seed"]][target])],
                "series": number,
            }
            for number, seed in enumerate(rows[0]["seeds"])
            if is_known(seed["score"])
        ]
    for number, row in enumerate(rows):
        of_seeds = f"mean over {row['n_seeds']} seeds" if row["n_seeds"] > 1 else f"seed {row['seeds'][0]['seed']}"
        name = of_seeds if len(predictions) == 1 else row["model"] + (f", {of_seeds}" if row["n_seeds"] > 1 else "")
        curves.append(
            {
                "label": f"{name}: {fixed(row[metric])}",
                "lines": [points(*predictions[row["model"]][target])],
                "series": ENSEMBLE if curves and len(seeds) > 1 else number,
            }
        )
    if baseline:
        label = f"{baseline['name']}: {fixed(baseline[metric])}"
        curves.append({"label": label, "lines": [points(*baseline["pair"])], "series": None})
    return curves


def _value_charts(rows, predictions, seeds, baseline, prefix):
    """Predicted against measured values of one target, a panel a network, the baseline beside the first ones."""
    target, words = rows[0]["target"], words_of(rows[0])
    pairs = {row["model"]: predictions[row["model"]][target] for row in rows}
    beside = [baseline["pair"]] if baseline else []
    limits = common_limits([values for pair in [*pairs.values(), *beside] for values in pair])

    as_cells = max(len(truth) for truth, _ in pairs.values()) > MOST_DOTS

    def panel(model, pair, text, is_baseline):
        numbers = f"{words['name']} {text}"
        label = f"{target}: predicted against measured values, {model}, {numbers}"
        svg, fullest = prediction_panel(*pair, limits, label, as_cells, is_baseline)
        return {
            "title": model,
            "numbers": numbers,
            "fullest": f"darkest cell: {fullest:,} rows" if fullest > 1 else "",
            "svg": Markup(svg),
        }

    panels = [
        panel(
            row["model"],
            pairs[row["model"]],
            f"{fixed(row['score'])}, {words['second_name']} {fixed(row['second'])}"
            + (f" (mean over {row['n_seeds']} seeds)" if row["n_seeds"] > 1 else ""),
            False,
        )
        for row in rows
    ]
    if baseline:
        text = f"{fixed(baseline['score'])}, {words['second_name']} {fixed(baseline['second'])}"
        beside = [panel(baseline["name"], baseline["pair"], text, True)]
    parts = [[*panels[:OPEN_NETWORKS], *beside], panels[OPEN_NETWORKS:]]
    return [{"title": ", ".join(one["title"] for one in part), "charts": [], "panels": part} for part in parts if part]


def _curve_sentence(row, name_model):
    """What the charts of a target show, from its score row."""
    name = f"{row['target']} ({row['model']})" if name_model else row["target"]
    words = words_of(row)
    text = (
        f"{name}: {words['name']} {fixed(row['score'])} ({span(row['low'], row['high'])}); {words['second_name']} "
        f"{fixed(row['second'])} ({span(row['second_low'], row['second_high'])})"
    )
    if row["task"] == "binary":
        return (
            f"{text} where a guess would reach {fixed(row['prevalence'])}; "
            f"{fixed(row['n_positive'], 0)} positives among {fixed(row['n'], 0)} test windows."
        )
    return (
        f"{text}; mean squared error {fixed(row['mse'])} where the mean of the measured values would have "
        f"{fixed(row['variance'])} (their variance); {fixed(row['n'], 0)} test rows with a value."
    )


# Filters ------------------------------------------------------------------------------------------------------------


def _filter_section(members, record, database, drawn, match_q):
    """Filters of one network over its seeds; `record` is that of its ensemble."""
    model, path = members[0]["model"], record.get("consensus_motifs")
    shared = consensus_section(record, match_q) if path not in drawn["consensus"] else None
    drawn["consensus"].add(path)
    members = [run for run in members if run["filter_row"]]
    filter_rows = [run["filter_row"] for run in members]
    recurrences = recurrence_rows(filter_rows)
    matched, total = matched_filters(filter_rows)
    seeds, comments, left_out = [], [], []
    for run, row in zip(members, filter_rows, strict=True):
        if (*identity(run), run["model"], run["seed"]) not in drawn["runs"]:
            left_out.append(run["seed"])
            continue
        matches, of_seed = read_matches(run["motif_matches"])
        comments += [comment for comment in of_seed if comment not in comments]
        statuses = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in row["statuses"].items())
        seeds.append(
            {
                "seed": run["seed"],
                "sentence": f"{row['matched']} of {row['filters']} filters match at q\u00a0<\u00a0{match_q:g}; "
                f"{statuses}{_most_influential(row['table'])}",
                "rows": _filter_table(run, matches, database, drawn["motifs"]),
            }
        )
    return {
        "model": model,
        "sentence": f"{model}: {matched:,} of {total:,} filters ({percent(matched / total)}) match at "
        f"q\u00a0<\u00a0{match_q:g}, {count_of(len(members), 'seed')}; {null_sentence(filter_rows)}.",
        "nulls": null_table(filter_rows),
        "recurrences": recurrences[:RECURRENCES],
        "more_recurrences": recurrences[RECURRENCES:],
        "consensus": shared,
        "seeds": seeds,
        "left_out": seeds_name(left_out) if left_out else "",
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


def _most_influential(table):
    """The filters without which the loss rises most, in words."""
    known = sorted((row for row in table if is_known(row["influence"])), key=lambda row: -row["influence"])
    cases = [
        f"{row['filter']}{' (' + (row['best_match_name'] or row['best_match']) + ')' if row['significant'] else ''} "
        f"{signed(row['influence'], 4)}"
        for row in known[:INFLUENTIAL]
        if row["influence"] > 0
    ]
    return f"; most influential: {', '.join(cases)}" if cases else ""


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
