"""The report page: tables in, one closed HTML file out.

Each section is made in two steps: a function turns tables into rows (plain dictionaries), and the sentences, figures
and HTML tables beside one another are all written from those rows. Nothing is recomputed from predictions except the
shape of the ROC and precision-recall curves; every printed score is one of `metrics.tsv` or a mean of such over seeds.

Terms: a *run* is one trained network (dataset, fold, model, seed). A *score row* sums up the runs of one dataset, fold,
model and target over their seeds; its interval is the mean of the seeds' bounds, which says nothing of the spread
between seeds, so that is given beside it.
"""

import base64
import csv
import hashlib
import io
import math
import re
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

import jinja2
import pandas as pd
from markupsafe import Markup

from cisflow.figures import (
    interval_bar,
    loss_curves,
    precision_recall_chart,
    precision_recall_points,
    roc_chart,
    roc_points,
    validation_curves,
)
from cisflow.logos import glyph_symbols, logo, motif_symbol, stacked_logos
from cisflow.meme import read_meme
from cisflow.messages import InputError

FEW_POSITIVES = 100  # below, a 95 % interval of AUROC is wider than about +-0.05
SEED_SPREAD = 0.05
EARLY_EPOCHS = 2
DEAD_SHARE = 0.25
DROPPED_SHARE = 0.20
GC_DIFFERENCE = 0.02
FEW_BLOCKS = 20
SENTENCES = 8  # score rows that get a sentence each; more are summed up
ITEMS = 6  # cases that a doubt names; more are counted
RECURRENCES = 8  # database motifs that are listed openly; more lie in a closed table
TARGETS_IN_DETAIL = 12  # targets of a dataset that get curves

MISSING = "–"
BASELINE_NAMES = {"gc_content": "GC content alone"}
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
STATUSES = ["ok", "uninformative", "few_sites", "dead"]  # of a filter, in the order of the table
METRIC_NUMBERS = ["value", "ci_low", "ci_high", "n", "n_positive"]
FILTER_NUMBERS = [
    "n_sites",
    "threshold",
    "max_activation",
    "information_content",
    "best_match_p",
    "best_match_q",
]


# Reading ------------------------------------------------------------------------------------------------------------


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
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
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
            table[column] = pd.to_numeric(table[column].mask(table[column].isin(["", "nan", "NaN", "NA"]))).astype(
                float
            )
        except ValueError as error:
            raise InputError(f"column {column} of {path} is not numeric", str(error), again) from None
    table.attrs["comments"] = comments
    return table


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
    table = read_table(path, METRIC_NUMBERS, ["model", "split", "target", "metric"])
    rows = table[table["split"] == "test"].to_dict("records")
    return {(row["target"], row["metric"]): row for row in rows}


# Numbers as text ----------------------------------------------------------------------------------------------------


def is_known(value):
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def fixed(value, digits=3):
    """A number with fixed digits and thousands separators; a dash where there is none."""
    return f"{value:,.{digits}f}" if is_known(value) else MISSING


def scientific(value):
    """A p-, E- or q-value: `0.012`, `3.1e-07`; a dash where there is none."""
    if not is_known(value):
        return MISSING
    return f"{value:.1e}" if value < 0.001 and value != 0 else f"{value:.3g}"


def percent(value):
    """A fraction in per cent; a dash where there is none."""
    return f"{100 * value:.0f} %" if is_known(value) else MISSING


def span(low, high):
    """Two numbers as `0.731–0.840`; one dash where either is missing."""
    return f"{fixed(low)}–{fixed(high)}" if is_known(low) and is_known(high) else MISSING


def count_of(number, noun):
    """`1 seed`, `1,200 seeds`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(items, limit=ITEMS):
    """Items separated by semicolons, the first `limit` of them, and how many were left out."""
    items = list(items)
    text = "; ".join(items[:limit])
    return f"{text}; and {len(items) - limit:,} more" if len(items) > limit else text


def mean_known(values):
    """Mean of the numbers that are known; NaN if none is."""
    values = [value for value in values if is_known(value)]
    return math.fsum(values) / len(values) if values else math.nan


# Rows ---------------------------------------------------------------------------------------------------------------


def identity(entry):
    """Dataset and fold of an entry of `datasets` or of a run."""
    return entry["dataset"], entry["fold"]


def networks(runs):
    """Runs by (dataset, fold, model), in the order in which they were given."""
    groups = {}
    for run in runs:
        groups.setdefault((*identity(run), run["model"]), []).append(run)
    return groups


def score_rows(runs, datasets):
    """One row per dataset, fold, model and target: the scores over all seeds, beside the baseline.

    Parameters
    ----------
    runs, datasets : list of dict
        As given to `render_report`.

    Returns
    -------
    list of dict
        `seeds` holds the scores of each seed. With several targets a row `mean` follows the targets.
    """
    rows = []
    groups = networks(runs)
    for entry in datasets:
        baseline = read_scores(entry["baseline_metrics"]) if entry.get("baseline_metrics") else {}
        for (dataset, fold, model), members in groups.items():
            if (dataset, fold) != identity(entry):
                continue
            scores = {run["seed"]: read_scores(run["metrics"]) for run in members}
            targets = list(entry["targets"])
            if any(("mean", "auroc") in of_seed for of_seed in scores.values()) and "mean" not in targets:
                targets.append("mean")
            for target in targets:
                rows.append(_score_row(dataset, fold, model, target, scores, baseline, target not in entry["targets"]))
    return rows


def _score_row(dataset, fold, model, target, scores, baseline, is_mean):
    def of(metric, column="value"):
        return {seed: table.get((target, metric), {}).get(column, math.nan) for seed, table in scores.items()}

    auroc = of("auroc")
    known = [value for value in auroc.values() if is_known(value)]
    against = baseline.get((target, "auroc"), {})
    row = {
        "dataset": dataset,
        "fold": fold,
        "model": model,
        "target": target,
        "is_mean": is_mean,
        "n_seeds": len(scores),
        "auroc": mean_known(known),
        "low": mean_known(of("auroc", "ci_low").values()),
        "high": mean_known(of("auroc", "ci_high").values()),
        "seed_low": min(known, default=math.nan),
        "seed_high": max(known, default=math.nan),
        "auprc": mean_known(of("auprc").values()),
        "auprc_low": mean_known(of("auprc", "ci_low").values()),
        "auprc_high": mean_known(of("auprc", "ci_high").values()),
        "prevalence": mean_known(of("prevalence").values()),
        "n": mean_known(of("auroc", "n").values()),
        "n_positive": math.nan if is_mean else mean_known(of("auroc", "n_positive").values()),
        "blocks": mean_known(
            table.get(("all", "bootstrap_blocks"), {}).get("value", math.nan) for table in scores.values()
        ),
        "baseline_model": against.get("model", ""),
        "baseline": against.get("value", math.nan),
        "baseline_low": against.get("ci_low", math.nan),
        "baseline_high": against.get("ci_high", math.nan),
        "baseline_auprc": baseline.get((target, "auprc"), {}).get("value", math.nan),
        "seeds": [
            {
                "seed": seed,
                **{
                    f"{metric}{suffix}": of(metric, column)[seed]
                    for metric in ("auroc", "auprc")
                    for suffix, column in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))
                },
            }
            for seed in scores
        ],
    }
    row["verdict"] = verdict(row)
    row["bar"] = Markup(interval_bar(row["auroc"], row["low"], row["high"], row["baseline"]))
    return row


def verdict(row):
    """How a score stands beside its baseline.

    Parameters
    ----------
    row : dict
        `auroc`, `low`, `high`, `baseline`, `baseline_low`, `baseline_high`.

    Returns
    -------
    {"apart", "overlap", "not better", ""}
        `apart`: better and the intervals do not overlap; `overlap`: better, but they do (or one is missing); empty if
        either score is missing.
    """
    if not (is_known(row["auroc"]) and is_known(row["baseline"])):
        return ""
    if row["auroc"] <= row["baseline"]:
        return "not better"
    bounds_known = is_known(row["low"]) and is_known(row["baseline_high"])
    return "apart" if bounds_known and row["low"] > row["baseline_high"] else "overlap"


def training_row(run, history, max_epochs=None):
    """What one training did.

    Parameters
    ----------
    run : dict
    history : pandas.DataFrame
        As `_read_history` gives it.
    max_epochs : int or None
        The last epoch that the settings allow.

    Returns
    -------
    dict
        `epochs`, `kept`, the losses and AUROC of the kept epoch, `seconds`, and the flags `unfinished` (ran to the last
        allowed epoch or, where that is not known, kept the last epoch it ran) and `early` (kept one of the first two).
    """
    epochs = int(history["epoch"].max()) if len(history) else 0
    kept = history[history["kept"] == 1].tail(1).to_dict("records")
    kept = kept[0] if kept else {}
    kept_epoch = kept.get("epoch", math.nan)
    return {
        **{key: run[key] for key in ("dataset", "fold", "model", "seed")},
        "epochs": epochs,
        "kept": kept_epoch,
        "train_loss": kept.get("train_loss", math.nan),
        "val_loss": kept.get("val_loss", math.nan),
        "val_auroc": kept.get("val_auroc", math.nan),
        "seconds": float(history["seconds"].sum()),
        "max_epochs": max_epochs,
        "unfinished": epochs >= max_epochs if max_epochs else epochs > 0 and kept_epoch == epochs,
        "early": is_known(kept_epoch) and kept_epoch <= EARLY_EPOCHS and epochs > EARLY_EPOCHS,
    }


def _read_history(path):
    """A `history.tsv`."""
    return read_table(path, ["epoch", "train_loss", "val_loss", "val_auroc", "seconds", "kept"])


def filter_row(run, match_q):
    """How many filters of one network are alive, and what they match.

    Parameters
    ----------
    run : dict
    match_q : float
        Criterion: a filter matches if the q-value of its best match is below.

    Returns
    -------
    dict
        Counts `filters` (all, dead ones too), `matched`, `dead` and `statuses` (status to count), and `motifs`: motif
        to `name`, `filters` (count) and `q` (the smallest).
    """
    table = _read_filters(run["filters"])
    status = Counter(table["status"])
    matched = table[(table["status"] == "ok") & (table["best_match"] != "") & (table["best_match_q"] < match_q)]
    motifs = {}
    for match in matched.to_dict("records"):
        motif = motifs.setdefault(
            match["best_match"], {"name": match["best_match_name"], "filters": 0, "q": match["best_match_q"]}
        )
        motif["filters"] += 1
        motif["q"] = min(motif["q"], match["best_match_q"])
    return {
        **{key: run[key] for key in ("dataset", "fold", "model", "seed")},
        "filters": len(table),
        "dead": status["dead"],
        "statuses": {key: status[key] for key in [*STATUSES, *sorted(set(status) - set(STATUSES))] if status[key]},
        "matched": len(matched),
        "motifs": motifs,
    }


def _read_filters(path):
    """A `filters.tsv`."""
    return read_table(path, FILTER_NUMBERS, ["filter", "status", "consensus", "best_match", "best_match_name"])


def recurrence_rows(filter_rows):
    """In how many seeds of one network each database motif came back.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `filter_row`: the seeds of one dataset, fold and model.

    Returns
    -------
    list of dict
        `motif`, `name`, `seeds`, `of_seeds`, `filters`, `q`; most seeds first, then the smallest q.
    """
    motifs = {}
    for row in filter_rows:
        for identifier, found in row["motifs"].items():
            motif = motifs.setdefault(
                identifier, {"motif": identifier, "name": found["name"], "seeds": 0, "filters": 0, "q": math.inf}
            )
            motif["seeds"] += 1
            motif["filters"] += found["filters"]
            motif["q"] = min(motif["q"], found["q"])
    ordered = sorted(motifs.values(), key=lambda motif: (-motif["seeds"], motif["q"], motif["motif"]))
    return [{**motif, "of_seeds": len(filter_rows)} for motif in ordered]


def own_motif_rows(targets, recurrences, database, n_seeds):
    """For targets that have a motif of their own name in the database: in how many seeds a filter matched it.

    Parameters
    ----------
    targets : list of str
    recurrences : list of dict
        Rows of `recurrence_rows`.
    database : dict[str, cisflow.meme.Motif]
    n_seeds : int

    Returns
    -------
    list of dict
        `target`, `motifs` (ids with that name; letters and digits are compared, case aside), `seeds` (of the motif that
        came back most often), `of_seeds`.
    """

    def plain(name):
        return re.sub(r"[\W_]", "", name).casefold()

    seeds = {row["motif"]: row["seeds"] for row in recurrences}
    rows = []
    for target in targets:
        motifs = [
            identifier for identifier, motif in database.items() if plain(target) and plain(motif.name) == plain(target)
        ]
        if motifs:
            most = max(seeds.get(identifier, 0) for identifier in motifs)
            rows.append({"target": target, "motifs": motifs, "seeds": most, "of_seeds": n_seeds})
    return rows


def input_table(path):
    """What became of the peaks: one row a target, one column an outcome.

    Parameters
    ----------
    path : str or Path
        A `windows_report.tsv`.

    Returns
    -------
    dict
        `outcomes` (keys and names, in the order of the file), `rows` (`target`, `counts`, `dropped`: share of peaks
        read that were not kept, NaN where unknown) and `criteria` (outcome name and text).
    """
    table = read_table(path, ["count"], ["target", "outcome", "criterion"])
    outcomes = list(dict.fromkeys(table["outcome"]))
    rows = []
    for target, part in table.groupby("target", sort=False):
        counts = dict(zip(part["outcome"], part["count"], strict=True))
        read, kept = counts.get("peaks_read", math.nan), counts.get("peaks_kept", math.nan)
        dropped = 1 - kept / read if is_known(read) and is_known(kept) and read > 0 else math.nan
        rows.append(
            {"target": target, "counts": [counts.get(outcome, math.nan) for outcome in outcomes], "dropped": dropped}
        )
    criteria = {}
    for outcome, criterion in zip(table["outcome"], table["criterion"], strict=True):
        if criterion and criterion not in criteria.setdefault(outcome, []):
            criteria[outcome].append(criterion)
    return {
        "outcomes": [_outcome_name(outcome) for outcome in outcomes],
        "rows": rows,
        "criteria": [(_outcome_name(outcome), "; ".join(texts)) for outcome, texts in criteria.items() if texts],
    }


def _outcome_name(outcome):
    """An outcome of `windows_report.tsv` in words."""
    return OUTCOME_NAMES.get(outcome, outcome.replace("_", " "))


def _split_rows(path):
    """Rows of a `split_report.tsv`."""
    numbers = ["n_windows", "n_positive", "n_negative", "n_unknown", "gc_positive", "gc_negative"]
    rows = read_table(path, numbers, ["split", "target", "chromosomes"]).to_dict("records")
    for row in rows:
        row["chromosomes"] = re.sub(r"\s*[,;]\s*", ", ", row["chromosomes"])
    return rows


# In short -----------------------------------------------------------------------------------------------------------


def _make_subject(runs, datasets):
    """A function that names a row by what is not the same all over the page."""
    several_datasets = len({entry["dataset"] for entry in datasets}) > 1
    several_folds = len({entry["fold"] for entry in datasets}) > 1
    several_models = len({run["model"] for run in runs}) > 1

    def subject(row, *more):
        parts = [row["dataset"]] * several_datasets + [row["fold"]] * several_folds
        parts += [part for part in more if part not in parts]
        text = ", ".join(part for part in parts if part)
        if several_models and "model" in row:
            text = f"{text} ({row['model']})" if text else row["model"]
        return text

    return subject


def _seed_name(row):
    """The seed of a row in words."""
    return f"seed {row['seed']}"


def _score_findings(rows, subject):
    """Sentences on the test scores."""
    rows = [row for row in rows if is_known(row["auroc"])]
    single = [row for row in rows if not row["is_mean"]]
    if len(single) <= SENTENCES:
        return [_score_sentence(row, subject) for row in rows]
    findings = []
    models = list(dict.fromkeys(row["model"] for row in single))
    for model in models:
        scores = sorted(row["auroc"] for row in single if row["model"] == model)
        quartiles = quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else scores * 3
        findings.append(
            (
                model,
                f"median test AUROC {fixed(median(scores))} over {count_of(len(scores), 'target')} (half of them "
                f"{span(quartiles[0], quartiles[2])}, all {span(scores[0], scores[-1])}; each the mean of its seeds).",
            )
        )
    compared = Counter(row["verdict"] for row in single if row["verdict"])
    if compared:
        name = _baseline_name(next(row["baseline_model"] for row in single if row["verdict"]))
        findings.append(
            (
                f"Beside {name}",
                f"{compared['apart']:,} of {sum(compared.values()):,} scores are better with intervals apart, "
                f"{compared['overlap']:,} are better with intervals that overlap, {compared['not better']:,} are not.",
            )
        )
    ordered = sorted(single, key=lambda row: -row["auroc"])
    for name, part in (("Highest", ordered[:3]), ("Lowest", ordered[-3:])):
        findings.append((name, listed(f"{subject(row, row['target'])} {fixed(row['auroc'])}" for row in part) + "."))
    return findings


def _score_sentence(row, subject):
    """One score row in words: what it is about, and the sentence."""
    name = subject(row, "Mean of the targets" if row["is_mean"] else row["target"])
    several = row["n_seeds"] > 1
    spread = f"{row['n_seeds']} seeds {span(row['seed_low'], row['seed_high'])}" if several else "one seed"
    text = f"test AUROC {fixed(row['auroc'])} (95 % interval {span(row['low'], row['high'])}; {spread})"
    if not row["verdict"]:
        return name, f"{text}; there is no baseline to compare with."
    ending = {
        "apart": "better, and the intervals do not overlap",
        "overlap": "better, but the intervals overlap",
        "not better": "not better",
    }[row["verdict"]]
    beside = f"{fixed(row['baseline'])} ({span(row['baseline_low'], row['baseline_high'])})"
    return name, f"{text} against {beside} for {_baseline_name(row['baseline_model'])}: {ending}."


def _baseline_name(model):
    """A baseline in words."""
    return BASELINE_NAMES.get(model, model.replace("_", " "))


def _filter_findings(rows, settings):
    """Sentences on how many filters match the database and which motifs came back."""
    total = sum(row["filters"] for row in rows)
    if not total:
        return []
    matched, dead = sum(row["matched"] for row in rows), sum(row["dead"] for row in rows)
    findings = [
        (
            "Filters",
            f"{matched:,} of {count_of(total, 'first-layer filter')} in {count_of(len(rows), 'network')} "
            f"({percent(matched / total)}, {dead:,} dead ones counted in) match a motif of "
            f"{settings['database_name']} at q\u00a0<\u00a0{settings['match_q']:g}.",
        )
    ]
    groups = networks(rows)
    for (_, _, model), members in groups.items():
        best = recurrence_rows(members)[:5]
        if best and len(groups) <= 3:
            name = f"Best-matching motifs ({model})" if len(groups) > 1 else "Best-matching motifs"
            findings.append((name, listed(_recurrence_text(motif) for motif in best) + "."))
    return findings


def _recurrence_text(motif):
    """One row of `recurrence_rows` in words."""
    name = f"{motif['name']} ({motif['motif']})" if motif["name"] else motif["motif"]
    filters = count_of(motif["filters"], "filter")
    seeds = f"{motif['seeds']} of {count_of(motif['of_seeds'], 'seed')}"
    return f"{name} in {seeds} ({filters}, best q\u00a0{scientific(motif['q'])})"


def _own_motif_findings(rows):
    """A sentence on targets whose own motif is in the database."""
    if not rows:
        return []
    if len(rows) > SENTENCES:
        found = sum(row["seeds"] > 0 for row in rows)
        text = (
            f"in {found:,} of {len(rows):,} networks and targets with such a motif in the database a filter matched it."
        )
    else:
        cases = listed(f"{row['target']} in {row['seeds']} of {count_of(row['of_seeds'], 'seed')}" for row in rows)
        text = f"the database holds motifs named like targets, and a filter matched them best for {cases}."
    return [("The targets' own motifs", text)]


def _doubt(title, items, advice):
    """One thing to doubt: nothing if there is no case of it."""
    items = list(items)
    return [{"title": title, "items": listed(items), "advice": advice}] if items else []


def _score_doubts(rows, subject):
    """What to doubt in the test scores."""
    single = [row for row in rows if not row["is_mean"]]

    def cases(condition, text):
        return [f"{subject(row, row['target'])} {text(row)}".strip() for row in single if condition(row)]

    def beside(row):
        return f"{fixed(row['auroc'])} against {fixed(row['baseline'])}"

    blocks = {
        subject({key: row[key] for key in ("dataset", "fold")}) or row["dataset"]: row["blocks"]
        for row in rows
        if row["blocks"] < FEW_BLOCKS
    }
    return (
        _doubt(
            "No test score",
            cases(lambda row: not is_known(row["auroc"]), lambda row: ""),
            "The test split holds one class only for these: put other chromosomes into it.",
        )
        + _doubt(
            "Not better than the baseline",
            cases(lambda row: row["verdict"] == "not better", beside),
            "Nothing beyond the baseline was shown to be learned; check the peaks and the training curves.",
        )
        + _doubt(
            "The interval overlaps that of the baseline",
            cases(lambda row: row["verdict"] == "overlap", beside),
            "The difference may be chance: more test windows, or more chromosomes in the test split, would tell.",
        )
        + _doubt(
            f"Fewer than {FEW_POSITIVES} test positives",
            cases(lambda row: row["n_positive"] < FEW_POSITIVES, lambda row: fixed(row["n_positive"], 0)),
            "Their scores are coarse and AUPRC more so.",
        )
        + _doubt(
            f"Seeds differ by more than {SEED_SPREAD:g} in AUROC",
            cases(
                lambda row: row["seed_high"] - row["seed_low"] > SEED_SPREAD,
                lambda row: span(row["seed_low"], row["seed_high"]),
            ),
            "Quote mean and spread, never the best seed; more seeds, a longer patience or class weights may help.",
        )
        + _doubt(
            "One seed only",
            [] if any(row["n_seeds"] > 1 for row in single) or not single else ["every network"],
            "How much of a score is luck of the start is not known: train with three seeds or more.",
        )
        + _doubt(
            f"Fewer than {FEW_BLOCKS} bootstrap blocks",
            [f"{name} {fixed(value, 0)}" for name, value in blocks.items()],
            "Intervals from so few blocks are rough.",
        )
    )


def _training_doubts(rows, subject):
    """What to doubt in the trainings."""

    def cases(flag):
        return [
            f"{subject(row, _seed_name(row))}, epoch {fixed(row['kept'], 0)} of {row['epochs']}"
            for row in rows
            if row[flag]
        ]

    return _doubt(
        "Training ended at its last allowed epoch",
        cases("unfinished"),
        "The loss may still have been falling: allow more epochs.",
    ) + _doubt(
        f"The kept epoch is among the first {EARLY_EPOCHS}",
        cases("early"),
        "The network learned little or memorised at once: try a lower learning rate; look for leaks and wrong labels.",
    )


def _filter_doubts(rows, own_motifs, subject):
    """What to doubt in the filters."""
    return _doubt(
        f"More than {percent(DEAD_SHARE)} of the filters are dead",
        [
            f"{subject(row, _seed_name(row))}, {row['dead']} of {row['filters']}"
            for row in rows
            if row["filters"] and row["dead"] / row["filters"] > DEAD_SHARE
        ],
        "Capacity is idle: a lower learning rate or fewer filters; dead filters stay in every denominator here.",
    ) + _doubt(
        "No filter matched the target's own motif",
        [f"{subject(row, row['target'])} ({', '.join(row['motifs'])})" for row in own_motifs if row["seeds"] == 0],
        "The network may predict from partners or base composition; look at the filters before believing the score.",
    )


def _input_doubts(inputs, splits, subject):
    """What to doubt in the windows."""
    dropped = {
        (entry["dataset"], row["target"]): f"{subject({**entry, 'fold': ''}, row['target'])} {percent(row['dropped'])}"
        for entry, table in inputs
        for row in table["rows"]
        if row["target"] != "all" and row["dropped"] > DROPPED_SHARE
    }
    unbalanced = [
        f"{subject(entry, row['split'])} {fixed(row['gc_positive'])} against {fixed(row['gc_negative'])}"
        for entry, rows in splits
        for row in rows
        if row["target"] == "all" and abs(row["gc_positive"] - row["gc_negative"]) > GC_DIFFERENCE
    ]
    return _doubt(
        f"More than {percent(DROPPED_SHARE)} of the peaks were dropped",
        dropped.values(),
        "What is left may not stand for the experiment; the table of dropped peaks says why they went.",
    ) + _doubt(
        f"Mean GC of positives and negatives differs by more than {GC_DIFFERENCE:g}",
        unbalanced,
        "A network can score by base composition alone: compare with the baseline before all else.",
    )


# Details of one dataset ---------------------------------------------------------------------------------------------


def _training_section(members, rows, prefix):
    """Training curves of one network over its seeds."""
    histories = {run["seed"]: _read_history(run["history"]) for run in members}
    model = members[0]["model"]
    kept = listed((f"seed {row['seed']} kept epoch {fixed(row['kept'], 0)} of {row['epochs']}" for row in rows), 12)
    return {
        "model": model,
        "rows": rows,
        "sentence": f"{model}: {kept}.",
        "loss": Markup(loss_curves(histories, f"{prefix}-loss", f"Loss, {model}")),
        "auroc": Markup(validation_curves(histories, f"{prefix}-auroc", f"Validation AUROC, {model}")),
    }


def _read_predictions(path, targets):
    """Truth and prediction of each target."""
    columns = [column for target in targets for column in (target, f"{target}_predicted")]
    table = read_table(path, columns)
    return {target: (table[target].to_numpy(), table[f"{target}_predicted"].to_numpy()) for target in targets}


def _curve_sections(entry, members, rows, prefix):
    """ROC and precision-recall curves of each target of a dataset."""
    targets = list(entry["targets"])[:TARGETS_IN_DETAIL]
    predictions = {}
    for run in members:
        predictions.setdefault(run["model"], []).append(_read_predictions(run["predictions"], targets))
    baseline = _read_predictions(entry["baseline_predictions"], targets) if entry.get("baseline_predictions") else {}
    sections = []
    for number, target in enumerate(targets, start=1):
        of_target = [row for row in rows if row["target"] == target]
        section = {
            "target": target,
            "sentence": " ".join(_curve_sentence(row, len(predictions) > 1) for row in of_target),
            "roc": "",
            "precision_recall": "",
        }
        for key, points, metric in (
            ("roc", roc_points, "auroc"),
            ("precision_recall", precision_recall_points, "auprc"),
        ):
            curves = _curves(of_target, predictions, baseline, target, points, metric)
            if not curves:
                continue
            name = f"{prefix}-{number}-{metric}"
            title = f"{'ROC' if key == 'roc' else 'Precision and recall'}, {target}"
            if key == "roc":
                section[key] = Markup(roc_chart(curves, name, title))
            else:
                section[key] = Markup(precision_recall_chart(curves, of_target[0]["prevalence"], name, title))
        sections.append(section)
    return sections


def _curves(rows, predictions, baseline, target, points, metric):
    """Curves for `roc_chart` and `precision_recall_chart`; none if the test split has one class only."""
    curves = []
    try:
        for series, row in enumerate(rows):
            lines = [points(*table[target]) for table in predictions[row["model"]]]
            if len(rows) == 1:  # a colour a seed, the same as in the training curves
                curves += [
                    {"label": f"{_seed_name(seed)}: {fixed(seed[metric])}", "lines": [line], "series": number}
                    for number, (seed, line) in enumerate(zip(row["seeds"], lines, strict=True))
                ]
            else:
                mean = f" (mean of {row['n_seeds']} seeds)" if row["n_seeds"] > 1 else ""
                label = f"{row['model']}: {fixed(row[metric])}{mean}"
                curves.append({"label": label, "lines": lines, "series": series})
        if baseline and rows:
            score = rows[0]["baseline" if metric == "auroc" else "baseline_auprc"]
            label = f"{_baseline_name(rows[0]['baseline_model'])}: {fixed(score)}"
            curves.append({"label": label, "lines": [points(*baseline[target])], "series": None})
    except ValueError:
        return []
    return curves


def _curve_sentence(row, name_model):
    """What the two curves of a target show, from its score row."""
    name = f"{row['target']} ({row['model']})" if name_model else row["target"]
    return (
        f"{name}: AUROC {fixed(row['auroc'])} ({span(row['low'], row['high'])}); AUPRC {fixed(row['auprc'])} "
        f"({span(row['auprc_low'], row['auprc_high'])}) where a guess would reach {fixed(row['prevalence'])}; "
        f"{fixed(row['n_positive'], 0)} positives among {fixed(row['n'], 0)} test windows."
    )


def filter_table(run, database, match_q, drawn):
    """The filters of one network with logos, best matches first.

    Parameters
    ----------
    run : dict
    database : dict[str, cisflow.meme.Motif]
    match_q : float
    drawn : dict[(str, str), str]
        Id and orientation of the database motifs that the page draws, to the id of their drawing; added to here.

    Returns
    -------
    dict
        `rows` (the columns of `filters.tsv`, `E`, `significant` and `logo`) and `comments` (of the match table).
    """
    table = _read_filters(run["filters"])
    learned = read_meme(run["filters_meme"]) if (table["status"] == "ok").any() else {}
    matches, comments = _read_matches(run["motif_matches"])
    rows = []
    for row in table.to_dict("records"):
        match = matches.get((row["filter"], row["best_match"]), {})
        row["E"] = match.get("E-value", math.nan)
        row["significant"] = bool(row["best_match"]) and row["best_match_q"] < match_q
        row["logo"] = Markup(
            _filter_logo(row, learned.get(row["filter"]), match, database.get(row["best_match"]), drawn)
        )
        rows.append(row)

    def place(row):
        q = row["best_match_q"] if is_known(row["best_match_q"]) else math.inf
        content = row["information_content"] if is_known(row["information_content"]) else 0
        return STATUSES.index(row["status"]) if row["status"] in STATUSES else len(STATUSES), q, -content

    return {"rows": sorted(rows, key=place), "comments": comments}


def _read_matches(path):
    """Tomtom's table by (query, target), and its comment lines."""
    numbers = ["Optimal_offset", "p-value", "E-value", "q-value"]
    table = read_table(path, numbers, ["Query_ID", "Target_ID", "Orientation"])
    matches = {(row["Query_ID"], row["Target_ID"]): row for row in table.to_dict("records")}
    return matches, table.attrs["comments"]


def _filter_logo(row, learned, match, motif, drawn):
    """The logo of a filter, above that of its best match where there is one."""
    if learned is None:
        return ""
    if motif is None or not match:
        return logo(learned.pwm, f"{row['filter']}: {row['consensus']}")
    name = f"{row['best_match_name']} {row['best_match']}".strip()
    turned = ", reverse complement" if match["Orientation"] == "-" else ""
    label = f"{row['filter']}: {row['consensus']}; below: {name}{turned}, offset {match['Optimal_offset']:.0f}"
    symbol = drawn.setdefault((motif.identifier, match["Orientation"]), f"motif-{len(drawn) + 1}")
    return stacked_logos(learned.pwm, len(motif.pwm), symbol, int(match["Optimal_offset"]), label)


def _database_symbols(drawn, database):
    """The logos of the database motifs that the page's filters match, each drawn once."""
    return "".join(
        motif_symbol(symbol, database[identifier].pwm, orientation)
        for (identifier, orientation), symbol in drawn.items()
    )


def _filter_section(members, rows, database, settings, drawn):
    """Filters of one network over its seeds."""
    seeds, comments, recurrences = [], [], recurrence_rows(rows)
    for run, row in zip(members, rows, strict=True):
        table = filter_table(run, database, settings["match_q"], drawn)
        comments += [comment for comment in table["comments"] if comment not in comments]
        sentence = (
            f"{row['matched']} of {row['filters']} filters match at q\u00a0<\u00a0{settings['match_q']:g}; "
            + ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in row["statuses"].items())
        )
        seeds.append({"seed": run["seed"], "sentence": sentence, "rows": table["rows"]})
    total, matched = sum(row["filters"] for row in rows), sum(row["matched"] for row in rows)
    share = f" ({percent(matched / total)})" if total else ""
    model = members[0]["model"]
    return {
        "model": model,
        "sentence": f"{model}: {matched:,} of {total:,} filters{share} match, {count_of(len(rows), 'seed')}.",
        "recurrences": recurrences[:RECURRENCES],
        "more_recurrences": recurrences[RECURRENCES:],
        "seeds": seeds,
        "comments": comments,
    }


# The page -----------------------------------------------------------------------------------------------------------


def _flat_settings(settings, prefix=""):
    """Settings as (name, text) pairs; nested names are joined, lists are listed."""
    pairs = []
    for key, value in settings.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            pairs += _flat_settings(value, f"{name}: ")
        elif isinstance(value, (list, tuple)):
            pairs.append((name, ", ".join(map(str, value))))
        else:
            pairs.append((name, MISSING if value is None else str(value)))
    return pairs


def _report_context(runs, datasets, database, settings):
    """Everything that the template prints."""
    subject = _make_subject(runs, datasets)
    scores = score_rows(runs, datasets)
    trainings = [training_row(run, _read_history(run["history"]), _allowed_epochs(settings, run)) for run in runs]
    filters = [filter_row(run, settings["match_q"]) for run in runs if run.get("filters")]
    inputs = [(entry, input_table(entry["windows_report"])) for entry in datasets]
    splits = [(entry, _split_rows(entry["split_report"])) for entry in datasets]
    targets = {identity(entry): entry["targets"] for entry in datasets}
    own_motifs = [
        {"dataset": dataset, "fold": fold, "model": model, **row}
        for (dataset, fold, model), members in networks(filters).items()
        for row in own_motif_rows(targets[dataset, fold], recurrence_rows(members), database, len(members))
    ]
    matched = {
        key: f"{sum(row['matched'] for row in members):,}/{sum(row['filters'] for row in members):,}"
        for key, members in networks(filters).items()
    }
    anchors = {identity(entry): f"dataset-{number}" for number, entry in enumerate(datasets, start=1)}
    shown = datasets[: settings["max_datasets_in_detail"]]
    for row in scores:
        row["matched"] = matched.get((row["dataset"], row["fold"], row["model"]), MISSING)
        row["anchor"] = anchors[identity(row)] if any(identity(entry) == identity(row) for entry in shown) else ""
    drawn = {}
    details = [
        _dataset_section(
            entry, runs, scores, trainings, filters, table, rows, database, settings, drawn, anchors[identity(entry)]
        )
        for entry, (_, table), (_, rows) in zip(shown, inputs, splits, strict=False)
    ]
    names = list(dict.fromkeys(entry["dataset"] for entry in datasets))
    return {
        "title": names[0] if len(names) == 1 else count_of(len(names), "dataset"),
        "facts": _page_facts(runs, datasets, settings),
        "findings": _score_findings(scores, subject)
        + _filter_findings(filters, settings)
        + _own_motif_findings(own_motifs),
        "doubts": _score_doubts(scores, subject)
        + _training_doubts(trainings, subject)
        + _filter_doubts(filters, own_motifs, subject)
        + _input_doubts(inputs, splits, subject),
        "scores": scores,
        "several_datasets": len(names) > 1,
        "several_folds": len({entry["fold"] for entry in datasets}) > 1,
        "details": details,
        "n_datasets": len(datasets),
        "settings": settings,
        "settings_rows": _flat_settings(settings),
        "limits": {
            "few_positives": FEW_POSITIVES,
            "seed_spread": SEED_SPREAD,
            "early_epochs": EARLY_EPOCHS,
            "dead_share": DEAD_SHARE,
            "dropped_share": DROPPED_SHARE,
            "gc_difference": GC_DIFFERENCE,
            "few_blocks": FEW_BLOCKS,
        },
        "glyphs": Markup(glyph_symbols(_database_symbols(drawn, database))),
    }


def _allowed_epochs(settings, run):
    """The last epoch that the settings allow a run: `max_epochs` is a number, or one for each model, or absent."""
    allowed = settings.get("max_epochs")
    return allowed.get(run["model"]) if isinstance(allowed, dict) else allowed


def _page_facts(runs, datasets, settings):
    """The line under the title."""
    targets = {(entry["dataset"], target) for entry in datasets for target in entry["targets"]}
    facts = [
        f"genome {settings['genome']}",
        count_of(len({entry["dataset"] for entry in datasets}), "dataset"),
        count_of(len(targets), "target"),
        count_of(len({run["model"] for run in runs}), "model"),
        count_of(len(runs), "trained network"),
        str(settings["config_file"]),
        f"cisflow {settings['version']}",
    ]
    return " · ".join(facts)


def _dataset_section(entry, runs, scores, trainings, filters, inputs, splits, database, settings, drawn, anchor):
    """All details of one dataset and fold."""

    def mine(rows):
        return [row for row in rows if identity(row) == identity(entry)]

    groups = networks(mine(runs))
    trained, motifs = networks(mine(trainings)), networks(mine(filters))
    own_scores = mine(scores)
    blocks = mean_known(row["blocks"] for row in own_scores)
    return {
        "id": anchor,
        "dataset": entry["dataset"],
        "fold": entry["fold"],
        "inputs": inputs,
        "splits": splits,
        "scores": own_scores,
        "blocks": fixed(blocks, 0) if is_known(blocks) else "",
        "baseline": next((_baseline_name(row["baseline_model"]) for row in own_scores if row["baseline_model"]), ""),
        "training": [
            _training_section(members, trained[key], f"{anchor}-training-{number}")
            for number, (key, members) in enumerate(groups.items(), start=1)
        ],
        "curves": _curve_sections(entry, mine(runs), own_scores, f"{anchor}-curves"),
        "n_targets": len(entry["targets"]),
        "filters": [
            _filter_section([run for run in groups[key] if run.get("filters")], motifs[key], database, settings, drawn)
            for key in groups
            if key in motifs
        ],
    }


def render_report(runs, datasets, database, template, settings):
    """The report as one HTML page that loads nothing from elsewhere.

    Parameters
    ----------
    runs : list of dict
        One a trained network: `dataset`, `fold`, `model`, `seed`, and the paths `history`, `predictions`, `metrics`,
        `filters`, `filters_meme`, `motif_matches` (the last three may be None).
    datasets : list of dict
        One a dataset and fold: `dataset`, `fold`, `targets` (list of str), and the paths `windows_report`,
        `split_report`, `baseline_metrics`, `baseline_predictions` (the last two may be None).
    database : str or Path or None
        MEME file of known motifs.
    template : str or Path
        `report.html.j2`; `report.css` and `report.js` lie beside it.
    settings : dict
        `genome`, `config_file`, `version`, `database_name`, `match_q`, `max_datasets_in_detail`, optionally
        `max_epochs` (a number, or model to number) and `negatives` (text); these and any others are printed.

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
    context = _report_context(runs, datasets, read_meme(database) if database else {}, settings)
    return environment.get_template(template.name).render(
        **context,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
