"""The report page: tables in, one closed HTML file out.

Tables are turned into rows (`report_rows`, `report_scores`), and sentences (`report_sentences`, `report_doubts`,
`report_data_sentences`), figures and tables (`report_comparison`, `report_details`, `report_learning`, `report_data`)
are all written from those rows; the template holds the words that do not change. Nothing is recomputed from predictions
except the shapes of curves and of clouds of points. Where no network was trained the page is made of the data alone.
"""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from cisflow.figures_data import outcome_bar
from cisflow.logos import glyph_symbols, motif_symbol
from cisflow.meme import read_meme
from cisflow.report_across import across_doubts, across_sections
from cisflow.report_check_tables import read_differences, read_planted
from cisflow.report_checks import network_checks
from cisflow.report_comparison import difference_section, score_bar
from cisflow.report_data import data_details, kind_name, kinds_of, ks_values, parts_of
from cisflow.report_data_sentences import data_doubts, data_findings, nothing_trained
from cisflow.report_details import by_validation, network_details, runs_with_logos
from cisflow.report_doubts import check_doubts, doubts, told, warning_doubts
from cisflow.report_learning import learning_findings, learning_rows, search_doubts, trial_rows
from cisflow.report_nulls import null_range
from cisflow.report_numbers import MISSING, TASKS, count_of, fixed, percent, scientific, signed, signed_span, span
from cisflow.report_over_datasets import over_datasets_doubts, over_datasets_findings, over_datasets_sections
from cisflow.report_planted import planted_findings, planted_sections
from cisflow.report_rows import (
    filter_row,
    identity,
    matched_filters,
    network_rows,
    networks,
    of_folds,
    own_motif_rows,
    training_row,
    validation_score,
    warning_rows,
)
from cisflow.report_scores import by_score, score_rows, with_scores
from cisflow.report_sentences import LIMITS, findings, seeds_name, varying_keys
from cisflow.report_tables import read_balance, read_inputs, read_leaks, read_splits

OF_NETWORKS = [  # settings that shape nothing where no network was trained
    "database_name",
    "match_q",
    "seeds",
    "bootstrap_resamples",
    "bootstrap_block",
    "filters",
    "max_epochs",
]


def render_report(
    runs, datasets, database, template, settings, searches=(), ensembles=(), baselines=(), over_datasets=None
):
    """The report as one HTML page that loads nothing from elsewhere.

    Parameters
    ----------
    runs : list of dict
        One a trained network: `dataset`, `fold`, `model`, `seed`, and the paths `predictions` and `metrics`. It may
        have the paths `history` (without it there are no training curves; `choice` then holds validation scores),
        `filters`, `filters_meme` and `motif_matches` (without all three there are no motifs), `calibration` (without it
        no null stands beside them), `planted_found` and `warnings`;
        `parameters` (a number); and `parent` (text, what it rests on). No run at all: the page shows the data alone.
    datasets : list of dict
        One a dataset and fold: `dataset`, `fold`, `task` (`binary` or `regression`), `targets` (list of str), and the
        paths `windows_report`, `label_overlaps`, `split_report`, `leakage`, `distributions`, `balance`,
        `target_scaling` and, where there are runs, `verdicts`. It may have the paths `comparison` and
        `model_differences` (of all folds), `motif_enrichment` and `learning_curves`.
    database : str, Path or None
        MEME file of known motifs; not needed where no run has filters.
    template : str or Path
        `report.html.j2`; the templates that it includes, `report.css` and `report.js` lie beside it.
    settings : dict
        `genome` (`none` without one), `config_file`, `version`, `database_name`, `match_q`, `max_datasets_in_detail`,
        `max_epochs` (model to number; a model without epochs is left out), `negatives` (text) and `splits` (its
        `leakage` is the policy); these and any others are printed.
    searches : list of dict
        One a search of settings: `dataset`, `fold`, `model` and the path `trials`.
    ensembles : list of dict
        One a network, the mean over its seeds: `dataset`, `fold`, `model`, and the paths `predictions` and `metrics`.
        It may have the paths `reliability`, `strata`, and `permuted_metrics` (of one trained on permuted labels);
        `across` (scores on the test rows of other datasets); and `consensus_motifs` and `consensus_meme` (motifs over
        its seeds and folds).
    baselines : list of dict
        One a baseline: `dataset`, `fold`, `baseline`, and the paths `predictions` and `metrics`; perhaps `chosen`, what
        motif it takes.
    over_datasets : dict of str -> str, or None
        The paths `verdicts`, `comparison` and `model_differences` of the mean over datasets.

    Returns
    -------
    str
        HTML; the same input gives the same bytes.
    """
    template = Path(template)
    script = template.with_name("report.js").read_text(encoding="utf-8")
    style = template.with_name("report.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known_motifs = read_meme(database) if database else {}
    environment.filters.update(fixed=fixed, signed=signed, scientific=scientific, percent=percent)
    environment.globals.update(span=span, signed_span=signed_span, count_of=count_of, seeds_name=seeds_name)
    return environment.get_template(template.name).render(
        **_page_content(runs, datasets, known_motifs, settings, searches, ensembles, baselines, over_datasets),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _page_content(runs, datasets, database, settings, searches, ensembles, baselines, over_datasets):
    """Everything that the template prints."""
    datasets = with_scores(_with_tables(datasets, searches), ensembles, baselines)
    warnings = warning_rows(runs)
    runs = _with_rows(runs, datasets, warnings, settings)
    trainings, filter_rows = ([run[name] for run in runs if run[name]] for name in ("training_row", "filter_row"))
    of_networks, runs_of = network_rows(runs, warnings), of_folds(runs)
    own_motifs = _own_motifs(filter_rows, datasets, database)
    varying = varying_keys(runs, datasets)
    names = list(dict.fromkeys(entry["dataset"] for entry in datasets))
    limit = settings["max_datasets_in_detail"]

    members = {name: [entry for entry in datasets if entry["dataset"] == name] for name in names[:limit]}
    in_detail = _networks_in_detail(runs_of, members, limit)
    anchors = _anchors(members, in_detail)
    all_scores = score_rows(runs, datasets)
    scores = _overview(all_scores, of_networks, filter_rows, anchors)
    scores_of = of_folds(scores)
    checks = _checks(runs, datasets, all_scores)
    checks_of = of_folds(checks)
    ordered = {key: by_validation(networks(runs_of[key]), of_networks) for key in in_detail}
    drawn = {"motifs": {}, "runs": runs_with_logos(ordered.values()), "consensus": set()}
    details = [
        {
            "id": f"dataset-{number}",
            "dataset": name,
            "data": data_details(entries, f"dataset-{number}", settings["splits"]["leakage"]),
            "folds": [
                network_details(
                    entry,
                    ordered[identity(entry)],
                    scores_of[identity(entry)],
                    checks_of[identity(entry)],
                    of_networks,
                    anchors[identity(entry)],
                    database,
                    drawn,
                    settings,
                )
                for entry in entries
                if identity(entry) in in_detail
            ],
            "differences": _differences(entries, of_networks),
            "folds_left_out": [
                entry["fold"] for entry in entries if identity(entry) in runs_of and identity(entry) not in in_detail
            ],
        }
        for number, (name, entries) in enumerate(members.items(), start=1)
    ]
    drawings = [
        motif_symbol(symbol, database[motif].pwm, orientation)
        for (motif, orientation), symbol in drawn["motifs"].items()
    ]
    together = over_datasets_sections(over_datasets)
    if runs:
        found = over_datasets_findings(together)
        found += findings(all_scores, of_networks, filter_rows, own_motifs, varying, settings)
        found += planted_findings(runs, varying)
        found += learning_findings(datasets, of_networks, varying)
    else:
        found = [nothing_trained(settings)]
    across = across_sections(ensembles, {entry["dataset"]: entry["task"] for entry in datasets})
    trials = [search for entry in datasets for search in entry["searches"]]
    tasks = [task for task in TASKS if any(entry["task"] == task for entry in datasets)]
    return {
        "title": names[0] if len(names) == 1 else count_of(len(names), "dataset"),
        "facts": _facts(runs, datasets, settings),
        "findings": [*found, *data_findings(datasets, varying)],
        "doubts": told(
            [
                *warning_doubts(warnings, varying),
                *data_doubts(datasets, varying, bool(runs)),
                *doubts(all_scores, trainings, filter_rows, own_motifs, varying),
                *check_doubts(checks, varying),
                *over_datasets_doubts(together),
                *across_doubts(across, varying),
                *search_doubts(trials, varying),
            ]
        ),
        "has_networks": bool(runs),
        "has_filters": bool(filter_rows),
        "tasks": tasks,
        "words": TASKS,
        "overviews": [
            (TASKS[task], rows) for task in tasks if (rows := [row for row in scores if row["task"] == task])
        ],
        "planted": planted_sections(runs),
        "over_datasets": together,
        "across": across,
        "data_rows": _data_overview(datasets, anchors) if len(datasets) > 1 or not runs else [],
        "several_datasets": "dataset" in varying,
        "several_folds": "fold" in varying,
        "several_models": any(row["is_chosen"] for row in of_networks.values()) or "model" in varying,
        # Of a single dataset and fold the networks are compared where the overview would stand.
        "compared_above": len(datasets) == 1 and any(fold["comparison"] for part in details for fold in part["folds"]),
        "details": details,
        "n_datasets": len(names),
        "settings": settings,
        "settings_rows": _flat_settings(
            {key: value for key, value in settings.items() if runs or key not in OF_NETWORKS}
        ),
        "limits": LIMITS,
        "glyphs": Markup(glyph_symbols("".join(drawings))),
    }


def _with_rows(runs, datasets, warnings, settings):
    """Runs with what the page needs of each in several places."""
    tasks, warnings_of = {identity(entry): entry["task"] for entry in datasets}, networks(warnings)
    complete = []
    for run in runs:
        row = {**run, "task": tasks[identity(run)]}
        row["training_row"] = training_row(row, settings["max_epochs"].get(run["model"]))
        row["validation"] = validation_score(row, row["training_row"])
        row["filter_row"] = filter_row(row, settings["match_q"])
        row["warnings_found"] = warnings_of.get((*identity(run), run["model"]), [])
        found = read_planted(run["planted_found"]) if run.get("planted_found") else ([], [])
        row["planted"], row["planted_comments"] = found
        complete.append(row)
    return complete


def _checks(runs, datasets, scores):
    """The checks of every network, shown in detail or not: what is doubtful is told of all."""
    entries, scores_of, checks = {identity(entry): entry for entry in datasets}, networks(scores), []
    for key, members in networks(runs).items():
        dataset, fold, model = key
        of_network = {"dataset": dataset, "fold": fold, "model": model}
        found = network_checks(entries[dataset, fold], model, scores_of[key], members)
        checks += [{**of_network, **check} for check in found]
    return checks


def _differences(entries, of_networks):
    """Networks of one dataset against one another; the sentence is of the one that was chosen in its first fold."""
    if not entries[0].get("model_differences"):
        return None
    of_first = [row for row in of_networks.values() if identity(row) == identity(entries[0]) and row["is_chosen"]]
    chosen = of_first[0]["model"] if of_first else None
    return difference_section(read_differences(entries[0]["model_differences"]), chosen)


def _with_tables(datasets, searches):
    """Entries of datasets with the tables that say something of each, in detail or not; folds share their inputs."""
    inputs, searches_of = {}, of_folds(searches)
    for entry in datasets:
        if entry["dataset"] not in inputs:
            inputs[entry["dataset"]] = read_inputs(entry["windows_report"], entry["task"])
    return [
        {
            **entry,
            "inputs": inputs[entry["dataset"]],
            "splits": read_splits(entry["split_report"]),
            "leaks": read_leaks(entry["leakage"]),
            "balance": read_balance(entry["balance"]),
            "learning": learning_rows(entry),
            "searches": [trial_rows(search, entry["task"]) for search in searches_of.get(identity(entry), [])],
        }
        for entry in datasets
    ]


def _anchors(members, in_detail):
    """Where the page shows each dataset and fold: its block of networks, else the section of its dataset."""
    anchors = {}
    for number, entries in enumerate(members.values(), start=1):
        for fold, entry in enumerate(entries, start=1):
            block = f"-fold-{fold}" if len(entries) > 1 and identity(entry) in in_detail else ""
            anchors[identity(entry)] = f"dataset-{number}{block}"
    return anchors


def _networks_in_detail(runs_of, members, limit):
    """Datasets and folds whose networks are shown in detail: the first folds of all datasets, then the second, ..."""
    places = [
        (fold, number, identity(entry))
        for number, entries in enumerate(members.values())
        for fold, entry in enumerate(entries)
        if identity(entry) in runs_of
    ]
    return [found for *_, found in sorted(places)[:limit]]


def _data_overview(datasets, anchors):
    """One row a dataset and fold: what went in, how large its splits are, and how they compare."""
    rows = []
    for entry in datasets:
        inputs = entry["inputs"]["rows"][-1]  # of all targets
        sizes = {row["split"]: row["n_windows"] for row in entry["splits"]}
        ks = [(value, kind, split) for kind in kinds_of([entry]) for _, split, value in ks_values([entry], "gc", kind)]
        value, kind, split = max(ks, default=(None, "", ""))
        rows.append(
            {
                "dataset": entry["dataset"],
                "fold": entry["fold"],
                "anchor": anchors.get(identity(entry), "").partition("-fold")[0],
                "task": entry["task"],
                "unit": entry["inputs"]["unit"],
                "n_targets": len(entry["targets"]),
                "read": inputs["read"],
                "kept": inputs["kept"],
                "bar": Markup(outcome_bar(parts_of(inputs))),
                "sizes": [sizes.get(name, 0) for name in ("train", "val", "test")],
                "ks": MISSING if value is None else fixed(value),
                "ks_of": f"{kind_name(kind)}, {split}" if kind else "",
                "left": sum(row["left"] for row in entry["leaks"]),
            }
        )
    return rows


def _own_motifs(filter_rows, datasets, database):
    """Rows of `own_motif_rows` of all networks."""
    targets = {identity(entry): entry["targets"] for entry in datasets}
    return [
        row
        for members in networks(filter_rows).values()
        for row in own_motif_rows(members, targets[identity(members[0])], database)
    ]


def _overview(scores, of_networks, filter_rows, anchors):
    """Score rows with their network, their bar, the filters that matched, and where the page shows their details.

    The networks of one dataset, fold and target stand together, the highest test score first.
    """
    matched = {
        key: ("{:,}/{:,}".format(*matched_filters(members)), null_range(members))
        for key, members in networks(filter_rows).items()
    }
    groups = {}
    for row in scores:
        key = (*identity(row), row["model"])
        groups.setdefault((*identity(row), row["target"]), []).append(
            {
                **row,
                "is_baseline": False,
                "network": of_networks[key],
                "bar": score_bar(row, row["baseline"]),
                "matched": matched.get(key, (MISSING, "")),
                "anchor": anchors.get(identity(row), ""),
            }
        )
    return [row for rows in groups.values() for row in by_score(rows)]


def _facts(runs, datasets, settings):
    """The line under the title."""
    targets = {(entry["dataset"], target) for entry in datasets for target in entry["targets"]}
    facts = [
        f"genome {settings['genome']}" if settings["genome"] != "none" else "",
        count_of(len({entry["dataset"] for entry in datasets}), "dataset"),
        count_of(len(targets), "target"),
        count_of(len({run["model"] for run in runs}), "model") if runs else "",
        count_of(len(runs), "training") if runs else "nothing trained",
        settings["config_file"],
        f"cisflow {settings['version']}",
    ]
    return " · ".join(filter(None, facts))


def _flat_settings(settings, prefix=""):
    """Settings as (name, text) pairs; nested names are joined, lists are listed."""
    pairs = []
    for key, value in settings.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            pairs += _flat_settings(value, f"{name}: ")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            pairs += _flat_settings(dict(enumerate(value, start=1)), f"{name} ")
        elif isinstance(value, list):
            pairs.append((name, ", ".join(map(str, value)) or "none"))
        else:
            pairs.append((name, MISSING if value is None else str(value)))
    return pairs
