"""Pictures beside the checks: networks and baselines side by side, reliability curves, and parts of the test rows."""

import math

from markupsafe import Markup

from cisflow.figures_checks import reliability_panel, score_limits, whisker_chart
from cisflow.report_check_tables import read_reliability, read_strata
from cisflow.report_checks import STRATA, bins_off, calibration_word, level_text, reliability_sentence
from cisflow.report_numbers import count_of, fixed, is_known, with_interval, words_of
from cisflow.report_scores import by_score, verdict_sentence

NETWORKS = 8  # in one chart of scores; those with the best validation scores
TARGETS = 12  # of a dataset that get charts


def _numbers(row):
    """A score and its interval as they stand beside a whisker."""
    return with_interval(row["score"], row["low"], row["high"])


def beside_section(scores, order):
    """Networks and baselines with their intervals, a chart a target.

    Parameters
    ----------
    scores : list of dict
        Rows of `cisflow.report_scores.score_rows` of one dataset and fold.
    order : list of str
        Models, those that come first first.

    Returns
    -------
    dict
        `charts` (title, sentence and picture of each target, the mean of the targets first), `words`, and the numbers
        of networks and targets that are left out.
    """
    words, drawn = words_of(scores[0]), order[:NETWORKS]
    targets = list(dict.fromkeys(row["target"] for row in scores))
    targets = [*[name for name in targets if name == "mean"], *[name for name in targets if name != "mean"]]
    rows_of = {
        target: [row for model in drawn for row in scores if (row["target"], row["model"]) == (target, model)]
        for target in targets[: TARGETS + 1]
    }
    marks_of = {target: _score_marks(rows) for target, rows in rows_of.items()}
    limits = score_limits([mark for marks in marks_of.values() for mark in marks], words["guess"])
    charts = []
    for target, rows in rows_of.items():
        title = "Mean of the targets" if target == "mean" else target
        label = f"{words['name']} of networks and baselines with 95 % intervals, {title}"
        svg = whisker_chart(marks_of[target], limits, words["guess"], f"test {words['name']}", label)
        texts = [f"{row['model']}: {verdict_sentence(row)}." for row in rows[:1] if row["verdict"]]
        charts.append({"title": title, "sentence": "".join(texts), "svg": Markup(svg)})
    n_models = len({row["model"] for row in scores})
    return {
        "words": words,
        "charts": charts,
        "networks_left_out": max(n_models - NETWORKS, 0),
        "n_networks": len(drawn),
        "targets_left_out": len(targets) - len(rows_of),
        "has_seeds": any(row["n_seeds"] > 1 for row in scores),
    }


def _score_marks(rows):
    """What a chart of one target draws: networks, then baselines, the highest score first in each."""
    networks = [
        {
            "name": row["model"],
            "points": [seed["score"] for seed in row["seeds"]] if row["n_seeds"] > 1 else [],
            "kind": "network",
            **_mark(row),
        }
        for row in by_score(rows)
    ]
    baselines = [
        {"name": row["name"], "kind": "baseline", "begins": not number, **_mark(row)}
        for number, row in enumerate(rows[0]["beside"])
    ]
    return networks + baselines


def _mark(row):
    text = _numbers(row) if is_known(row["score"]) else "no score"
    return {"value": row["score"], "low": row["low"], "high": row["high"], "text": text}


def reliability_section(entry, model):
    """Reliability curves of one network, a panel a target.

    Parameters
    ----------
    entry : dict
        As from `cisflow.report_scores.with_scores`.
    model : str

    Returns
    -------
    dict or None
        None for quantities, and where no prediction is a probability.
    """
    ensemble = entry["ensembles"][model]
    bins_of = read_reliability(ensemble["reliability"]) if ensemble.get("reliability") else {}
    panels = []
    for target in [target for target in entry["targets"] if target in bins_of][:TARGETS]:
        bins = bins_of[target]
        error = ensemble["scores"].get((target, "calibration_error"), {"value": math.nan})["value"]
        label = f"Reliability of {model}, {target}: {reliability_sentence(bins, error)}"
        panels.append(
            {
                "title": target,
                "verdict": calibration_word(bins, error),
                "numbers": (
                    f"error {fixed(error)}; {len(bins) - bins_off(bins)[0]} of {count_of(len(bins), 'bin')} on the line"
                ),
                "svg": Markup(reliability_panel(bins, label)),
            }
        )
    return {"model": model, "panels": panels} if panels else None


def strata_section(entry, model, scores):
    """Scores of parts of the test rows of one network, a chart a target.

    Parameters
    ----------
    entry : dict
        As from `cisflow.report_scores.with_scores`.
    model : str
    scores : list of dict
        Rows of `score_rows` of the network.

    Returns
    -------
    dict or None
        None where no part has a score.
    """
    ensemble, words = entry["ensembles"][model], words_of(entry)
    rows = read_strata(ensemble["strata"], words["score"]) if ensemble.get("strata") else []
    wholes = {row["target"]: row for row in scores if not row["is_mean"]}
    of_target = {
        target: [row for stratum in STRATA for row in rows if (row["stratum"], row["target"]) == (stratum, target)]
        for target in entry["targets"][:TARGETS]
    }
    of_target = {target: part for target, part in of_target.items() if any(is_known(row["value"]) for row in part)}
    if not of_target:
        return None
    marks_of = {target: _strata_marks(part, entry["task"]) for target, part in of_target.items()}
    limits = score_limits([mark for marks in marks_of.values() for mark in marks], words["guess"])
    charts = [
        {
            "title": target,
            "sentence": f"All {count_of(int(wholes[target]['n']), 'test row')}: {_numbers(wholes[target])}.",
            "svg": Markup(
                whisker_chart(
                    marks,
                    limits,
                    words["guess"],
                    f"test {words['name']}",
                    f"{words['name']} of parts of the test rows, {model}, {target}",
                    wholes[target]["score"],
                )
            ),
        }
        for target, marks in marks_of.items()
    ]
    has_strength = any(row["stratum"] == "strength" for part in of_target.values() for row in part)
    return {"model": model, "words": words, "charts": charts, "has_strength": has_strength}


def _strata_marks(rows, task):
    """What a chart of parts draws: the levels of each stratum, with the rows that they hold."""
    marks = []
    for number, row in enumerate(rows):
        n = row["n_positive"] if task == "binary" else row["n"]
        known = is_known(row["value"])
        marks.append(
            {
                "name": level_text(row),
                "value": row["value"],
                "low": row["ci_low"],
                "high": row["ci_high"],
                "text": f"{fixed(row['value']) if known else 'too few'}, {fixed(n, 0)} of {fixed(row['n'], 0)}"
                if task == "binary"
                else f"{fixed(row['value']) if known else 'too few'}, {fixed(n, 0)} rows",
                "kind": "part",
                "begins": number and rows[number - 1]["stratum"] != row["stratum"],
            }
        )
    return marks
