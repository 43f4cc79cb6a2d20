"""Test scores beside their baselines, in the words of each kind of target.

A *score row* is the score of one dataset, fold, model and target: that of the mean over its seeds of their predictions
(the ensemble; of one seed it is the network itself), with its interval; the seeds' own scores stand beside it, as they
show what luck does. Every score and every verdict is one of a table.
"""

import math

from cisflow.report_check_tables import read_chosen_motifs, read_comparison, read_verdicts
from cisflow.report_numbers import all_of, count_of, fixed, is_known, mean_known, signed, signed_span, words_of
from cisflow.report_rows import identity, networks, of_folds
from cisflow.report_tables import NO_SCORE, read_scores

BETTER, UNDECIDED, WORSE, ALONE = "better", "not told apart", "worse", "alone"
BASELINE_NAMES = {  # one that is not named here is printed as it is called
    "gc_content": "GC content alone",
    "dinucleotides": "dinucleotides",
    "trinucleotides": "trinucleotides",
    "kmers": "k-mers",
    "gapped_kmers": "gapped k-mers",
    "pwm_scan": "best motif",
    "gkm_svm": "gapped k-mer SVM",
}
NO_DIFFERENCE = {**dict.fromkeys(("difference", "ci_low", "ci_high", "q"), math.nan), "verdict": UNDECIDED}


def with_scores(datasets, ensembles, baselines):
    """Entries of datasets with the scores of the ensembles and baselines, and how these compare.

    Parameters
    ----------
    datasets, ensembles, baselines : list of dict
        As given to `cisflow.report.render_report`.

    Returns
    -------
    list of dict
        With `ensembles` (model to its record and its `scores`), `baselines` (name to its record, `scores`, and `chosen`
        motifs by target), `verdict_of` (as from `read_verdicts`) and `over_seeds` (as from `read_comparison`).
    """
    ensembles_of, baselines_of = of_folds(ensembles), of_folds(baselines)
    return [
        {
            **entry,
            "ensembles": {
                row["model"]: {**row, "scores": read_scores(row["metrics"])}
                for row in ensembles_of.get(identity(entry), [])
            },
            "baselines": {
                row["baseline"]: {
                    **row,
                    "scores": read_scores(row["metrics"]),
                    "chosen": read_chosen_motifs(row["chosen"]) if row.get("chosen") else {},
                }
                for row in baselines_of.get(identity(entry), [])
            },
            "verdict_of": read_verdicts(entry["verdicts"]) if entry.get("verdicts") else {},
            "over_seeds": (
                read_comparison(entry["comparison"], words_of(entry)["score"]) if entry.get("comparison") else {}
            ),
        }
        for entry in datasets
    ]


def score_rows(runs, entries):
    """One row per dataset, fold, model and target: the score of the ensemble, its seeds, and its baselines.

    Parameters
    ----------
    runs : list of dict
        As given to `cisflow.report.render_report`.
    entries : list of dict
        As from `with_scores`.

    Returns
    -------
    list of dict
        `score` and `second` are what `TASKS` names for the `task`; `seeds` holds those of each seed, `beside` those of
        each baseline, the highest score first, of which `baseline` and its companions are the first. With several
        targets a row `mean` follows the targets.
    """
    rows, runs_of = [], of_folds(runs)
    for entry in entries:
        if identity(entry) not in runs_of:
            continue
        targets = [*entry["targets"], "mean"] if len(entry["targets"]) > 1 else entry["targets"]
        for (dataset, fold, model), members in networks(runs_of[identity(entry)]).items():
            scores = {run["seed"]: read_scores(run["metrics"]) for run in members}
            rows += [
                {"dataset": dataset, "fold": fold, "model": model, **_score_row(target, model, scores, entry)}
                for target in targets
            ]
    return rows


def _score_row(target, model, scores, entry):
    """The scores of one target of one network."""
    words = words_of(entry)
    seeds = [{"seed": seed, **_scores_of(target, of_seed, words)} for seed, of_seed in scores.items()]
    known = [seed["score"] for seed in seeds if is_known(seed["score"])]
    over_seeds = entry["over_seeds"].get((entry["fold"], model, target), {})
    beside = by_score(baseline_row(name, target, model, entry) for name in entry["baselines"])
    first = beside[0] if beside else baseline_row("", target, model, entry)
    row = {
        "task": entry["task"],
        "target": target,
        "is_mean": target == "mean",
        "n_seeds": len(seeds),
        **_scores_of(target, entry["ensembles"][model]["scores"], words),
        "seed_mean": over_seeds.get("mean", mean_known(known)),
        "seed_sd": over_seeds.get("sd", math.nan),
        "seed_low": min(known, default=math.nan),
        "seed_high": max(known, default=math.nan),
        "baseline": first["score"],
        "baseline_name": first["name"],
        "seeds": seeds,
        "beside": beside,
    }
    return {**row, "verdict": verdict(row)}


def baseline_name(baseline):
    """What the page calls a baseline."""
    return BASELINE_NAMES.get(baseline, baseline.replace("_", " "))


def baseline_row(baseline, target, model, entry):
    """One baseline on one target, and how a network compares with it.

    Parameters
    ----------
    baseline, target, model : str
    entry : dict
        As from `with_scores`.

    Returns
    -------
    dict
        `baseline`, `name` (in words), `score`, `low`, `high`, `second`, and `difference`, `difference_low`,
        `difference_high`, `q` and `verdict` of the network less the baseline.
    """
    words, record = words_of(entry), entry["baselines"].get(baseline, {"scores": {}, "chosen": {}})
    score, second = (record["scores"].get((target, words[name]), NO_SCORE) for name in ("score", "second"))
    against = entry["verdict_of"].get((model, target, baseline), NO_DIFFERENCE)
    motif = record["chosen"].get(target)
    return {
        "baseline": baseline,
        "name": baseline_name(baseline) + (f" ({motif})" if motif else ""),
        "score": score["value"],
        "low": score["ci_low"],
        "high": score["ci_high"],
        "second": second["value"],
        "difference": against["difference"],
        "difference_low": against["ci_low"],
        "difference_high": against["ci_high"],
        "q": against["q"],
        "verdict": against["verdict"],
    }


def _scores_of(target, scores, words):
    """The scores of one target in one table; what belongs to single targets is unknown for their mean."""
    score, second = (scores.get((target, words[name]), NO_SCORE) for name in ("score", "second"))
    of_target = {
        name: scores.get((target, name), NO_SCORE)["value"] if target != "mean" else math.nan
        for name in ("prevalence", "mse", "variance")
    }
    return {
        "score": score["value"],
        "low": score["ci_low"],
        "high": score["ci_high"],
        "second": second["value"],
        "second_low": second["ci_low"],
        "second_high": second["ci_high"],
        "n": score["n"],
        "n_positive": math.nan if target == "mean" else score["n_positive"],
        "blocks": scores.get(("all", "bootstrap_blocks"), NO_SCORE)["value"],
        **of_target,
    }


def verdict(row):
    """How a score stands beside all its baselines.

    Parameters
    ----------
    row : dict
        `score`, and `beside`: `score` and `verdict` of each baseline.

    Returns
    -------
    {"better", "not told apart", "worse", "alone", ""}
        `better`: than each baseline that has a score; `worse`: than one or more; `alone`: no baseline has a score, as
        the correlation of a constant prediction has no value; empty if the network itself has none.
    """
    if not is_known(row["score"]):
        return ""
    told = [other["verdict"] for other in row["beside"] if is_known(other["score"])]
    return next((word for word in (WORSE, UNDECIDED) if word in told), BETTER) if told else ALONE


def verdict_sentence(row):
    """How a score stands beside all its baselines, in words.

    Parameters
    ----------
    row : dict
        A row of `score_rows` with a score.

    Returns
    -------
    str
        Without a full stop.
    """
    if row["verdict"] == ALONE:
        names = all_of(other["name"] for other in row["beside"]) or "no baseline"
        return f"nothing to stand beside it: {names} has no score (a constant prediction)"
    known = [other for other in row["beside"] if is_known(other["score"])]
    strongest = known[0]
    reaches = (
        f"{fixed(strongest['score'])} (difference {signed(strongest['difference'])}, "
        f"{signed_span(strongest['difference_low'], strongest['difference_high'])})"
    )
    if len(known) == 1:
        than = "from" if row["verdict"] == UNDECIDED else "than"
        return f"{row['verdict']} {than} {strongest['name']}, which reaches {reaches}"
    if row["verdict"] == BETTER:
        return f"better than each of {len(known)} baselines; the strongest, {strongest['name']}, reaches {reaches}"
    of_word = {word: [other["name"] for other in known if other["verdict"] == word] for word in (WORSE, UNDECIDED)}
    texts = [
        f"{word} {'from' if word == UNDECIDED else 'than'} {all_of(names)}" for word, names in of_word.items() if names
    ]
    others = len(known) - sum(len(names) for names in of_word.values())
    texts.append(f"better than {count_of(others, 'other')}" if others else "")
    text = ", ".join(filter(None, texts))
    return f"{text}; the strongest, {strongest['name']}, reaches {reaches}"


def behind_text(row):
    """The baselines that a network does not beat, with their scores, in words: `not told apart from k-mers (0.804)`.

    Parameters
    ----------
    row : dict
        A row of `score_rows`.

    Returns
    -------
    str
        Without a full stop; empty where there is no such baseline.
    """
    texts = []
    for word in (WORSE, UNDECIDED):
        names = [
            f"{other['name']} ({fixed(other['score'])})"
            for other in row["beside"]
            if other["verdict"] == word and is_known(other["score"])
        ]
        texts += [f"{word} {'from' if word == UNDECIDED else 'than'} {all_of(names)}"] if names else []
    return ", ".join(texts)


def headline_rows(rows):
    """Of score rows of any datasets those that stand for a whole network: the mean of its targets, or its only one.

    Parameters
    ----------
    rows : list of dict
        Rows of `score_rows`.

    Returns
    -------
    list of dict
    """
    several = {(*identity(row), row["model"]) for row in rows if row["is_mean"]}
    return [row for row in rows if row["is_mean"] or (*identity(row), row["model"]) not in several]


def by_score(rows):
    """Rows with the highest score first, those without one last."""
    return sorted(rows, key=lambda row: -row["score"] if is_known(row["score"]) else math.inf)
