"""The report page: tables in, one closed HTML file out.

Tables are turned into rows (`report_rows`), and sentences (`report_sentences`), figures and tables (`report_details`)
are all written from those rows; the template holds the words that do not change. Nothing is recomputed from predictions
except the shape of the ROC and precision-recall curves.
"""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from cisflow.figures import interval_bar
from cisflow.logos import glyph_symbols, motif_symbol
from cisflow.meme import read_meme
from cisflow.report_details import dataset_details
from cisflow.report_numbers import MISSING, count_of, fixed, percent, scientific, span
from cisflow.report_rows import (
    filter_row,
    identity,
    matched_filters,
    networks,
    of_dataset,
    own_motif_rows,
    score_rows,
    training_row,
)
from cisflow.report_sentences import LIMITS, doubts, findings, varying_keys
from cisflow.report_tables import read_inputs, read_splits


def render_report(runs, datasets, database, template, settings):
    """The report as one HTML page that loads nothing from elsewhere.

    Parameters
    ----------
    runs : list of dict
        One a trained network: `dataset`, `fold`, `model`, `seed`, and the paths `history`, `predictions`, `metrics`,
        `filters`, `filters_meme`, `motif_matches`.
    datasets : list of dict
        One a dataset and fold: `dataset`, `fold`, `targets` (list of str), and the paths `windows_report`,
        `split_report`, `baseline_metrics`, `baseline_predictions`.
    database : str or Path
        MEME file of known motifs.
    template : str or Path
        `report.html.j2`; `report.css` and `report.js` lie beside it.
    settings : dict
        `genome`, `config_file`, `version`, `database_name`, `match_q`, `max_datasets_in_detail`, `max_epochs` (model to
        number) and `negatives` (text); these and any others are printed.

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
    environment.filters.update(fixed=fixed, scientific=scientific, percent=percent)
    environment.globals.update(span=span, count_of=count_of)
    return environment.get_template(template.name).render(
        **_page_content(runs, datasets, read_meme(database), settings),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _page_content(runs, datasets, database, settings):
    """Everything that the template prints."""
    runs = [
        {
            **run,
            "training_row": training_row(run, settings["max_epochs"][run["model"]]),
            "filter_row": filter_row(run, settings["match_q"]),
        }
        for run in runs
    ]
    datasets = [
        {**entry, "inputs": read_inputs(entry["windows_report"]), "splits": read_splits(entry["split_report"])}
        for entry in datasets
    ]
    trainings, filter_rows = [run["training_row"] for run in runs], [run["filter_row"] for run in runs]
    own_motifs = _own_motifs(filter_rows, datasets, database)
    input_rows = [{"dataset": entry["dataset"], **row} for entry in datasets for row in entry["inputs"]["rows"]]
    split_rows = [
        {"dataset": entry["dataset"], "fold": entry["fold"], **row} for entry in datasets for row in entry["splits"]
    ]
    varying = varying_keys(runs)
    names = list(dict.fromkeys(entry["dataset"] for entry in datasets))

    shown = datasets[: settings["max_datasets_in_detail"]]
    anchors = {identity(entry): f"dataset-{number}" for number, entry in enumerate(shown, start=1)}
    scores = _overview(score_rows(runs, datasets), filter_rows, anchors)
    drawn = {}
    details = [
        {
            **dataset_details(
                entry,
                of_dataset(runs, entry),
                of_dataset(scores, entry),
                anchors[identity(entry)],
                database,
                drawn,
                settings["match_q"],
            ),
            "inputs": entry["inputs"],
            "splits": entry["splits"],
        }
        for entry in shown
    ]
    drawings = [
        motif_symbol(symbol, database[motif].pwm, orientation) for (motif, orientation), symbol in drawn.items()
    ]
    return {
        "title": names[0] if len(names) == 1 else count_of(len(names), "dataset"),
        "facts": _facts(runs, datasets, settings),
        "findings": findings(scores, filter_rows, own_motifs, varying, settings),
        "doubts": doubts(scores, trainings, filter_rows, own_motifs, input_rows, split_rows, varying),
        "scores": scores,
        "several_datasets": "dataset" in varying,
        "several_folds": "fold" in varying,
        "details": details,
        "n_datasets": len(datasets),
        "settings": settings,
        "settings_rows": _flat_settings(settings),
        "limits": LIMITS,
        "glyphs": Markup(glyph_symbols("".join(drawings))),
    }


def _own_motifs(filter_rows, datasets, database):
    """Rows of `own_motif_rows` of all networks."""
    targets = {identity(entry): entry["targets"] for entry in datasets}
    return [
        row
        for members in networks(filter_rows).values()
        for row in own_motif_rows(members, targets[identity(members[0])], database)
    ]


def _overview(scores, filter_rows, anchors):
    """Score rows with their bar, the filters that matched, and where the page shows details of their dataset."""
    matched = {key: "{:,}/{:,}".format(*matched_filters(members)) for key, members in networks(filter_rows).items()}
    return [
        {
            **row,
            "bar": Markup(interval_bar(row["auroc"], row["low"], row["high"], row["baseline"])),
            "matched": matched[*identity(row), row["model"]],
            "anchor": anchors.get(identity(row), ""),
        }
        for row in scores
    ]


def _facts(runs, datasets, settings):
    """The line under the title."""
    targets = {(entry["dataset"], target) for entry in datasets for target in entry["targets"]}
    facts = [
        f"genome {settings['genome']}",
        count_of(len({entry["dataset"] for entry in datasets}), "dataset"),
        count_of(len(targets), "target"),
        count_of(len({run["model"] for run in runs}), "model"),
        count_of(len(runs), "trained network"),
        settings["config_file"],
        f"cisflow {settings['version']}",
    ]
    return " · ".join(facts)


def _flat_settings(settings, prefix=""):
    """Settings as (name, text) pairs; nested names are joined, lists are listed."""
    pairs = []
    for key, value in settings.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            pairs += _flat_settings(value, f"{name}: ")
        elif isinstance(value, list):
            pairs.append((name, ", ".join(map(str, value))))
        else:
            pairs.append((name, MISSING if value is None else str(value)))
    return pairs
