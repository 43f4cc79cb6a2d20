"""What the report says first of the networks: what was learned.

A finding is a pair of what it is about and a sentence. A row is named by `subject`, which leaves out what is the same
all over the page. What is to be doubted is said by `cisflow.report_doubts`.
"""

from collections import Counter

import numpy as np

from cisflow.report_nulls import null_sentence
from cisflow.report_numbers import TASKS, count_of, fixed, is_known, listed, percent, scientific, span, words_of
from cisflow.report_rows import EARLY_EPOCHS, identity, matched_filters, networks, of_folds, recurrence_rows
from cisflow.report_scores import ALONE, BETTER, UNDECIDED, WORSE, by_score, headline_rows, verdict_sentence

SENTENCES = 8  # score rows that get a sentence each; more are summed up
MODELS_APART = 4  # of many scores that get a sentence each; more share one
LIMITS = {
    "few_positives": 100,  # below, a 95 % interval of AUROC is wider than about +-0.05
    "few_values": 200,  # below, a 95 % interval of a Pearson r of 0.5 is wider than about +-0.1
    "rank_gap": 0.1,
    "failed_trials": 0.25,
    "seed_spread": 0.05,
    "early_epochs": EARLY_EPOCHS,
    "dead_share": 0.25,
    "no_motif_share": 0.5,
    "dropped_share": 0.20,
    "gc_difference": 0.02,
    "gc_ks": 0.1,
    "few_blocks": 20,
    "calibration_error": 0.05,
    "mean_probability": 0.02,
}


def varying_keys(runs, datasets):
    """Which of dataset, fold and model are not the same all over the page.

    Parameters
    ----------
    runs, datasets : list of dict
        As given to `cisflow.report.render_report`.

    Returns
    -------
    list of str
    """
    rows = {"dataset": datasets, "fold": datasets, "model": runs}
    return [key for key, of_key in rows.items() if len({row[key] for row in of_key}) > 1]


def subject(row, varying, part=""):
    """What a sentence is about.

    Parameters
    ----------
    row : dict
        May hold `dataset`, `fold` and `model`.
    varying : list of str
        As from `varying_keys`.
    part : str
        What the sentence is about within the dataset and fold, such as a target.

    Returns
    -------
    str
        `fly, CTCF (motif_cnn)`, without those of dataset, fold and model that do not vary or that the row lacks.
    """
    names = [row[key] for key in ("dataset", "fold") if key in varying and key in row]
    if part and part not in names:
        names.append(part)
    if "model" not in varying or "model" not in row:
        return ", ".join(names)
    return f"{', '.join(names)} ({row['model']})" if names else row["model"]


def seed_name(row):
    """The seed of a row in words."""
    return f"seed {row['seed']}"


def seeds_name(seeds):
    """Seeds in words."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


# What was learned ---------------------------------------------------------------------------------------------------


def findings(scores, network_rows, filter_rows, own_motifs, varying, settings):
    """Sentences on what was learned.

    Parameters
    ----------
    scores, filter_rows, own_motifs : list of dict
        Rows of `score_rows`, `filter_row` and `own_motif_rows`.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.
    varying : list of str
        As from `varying_keys`.
    settings : dict
        `database_name` and `match_q`.

    Returns
    -------
    list of (str, str)
    """
    sentences = []
    for task in TASKS:
        of_task = [row for row in scores if row["task"] == task]
        known = [row for row in of_task if is_known(row["score"])]
        sentences += _choice_findings(of_task, network_rows, varying)
        # Of several networks those speak that were chosen on the validation split: the best on test is partly luck.
        chosen = chosen_rows(known, network_rows)
        targets = [row for row in chosen if not row["is_mean"]]
        if len(targets) > SENTENCES:
            sentences += _score_summary([row for row in known if not row["is_mean"]], targets, varying)
        else:
            sentences += [_score_sentence(row, varying) for row in chosen]
    return sentences + _filter_findings(filter_rows, varying, settings) + _own_motif_findings(own_motifs, varying)


def chosen_rows(scores, network_rows):
    """Score rows of the networks that were chosen on validation; all rows of a dataset and fold where none was.

    Parameters
    ----------
    scores : list of dict
        Rows of `score_rows`.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.

    Returns
    -------
    list of dict
    """
    chosen = {identity(row): row["model"] for row in network_rows.values() if row["is_chosen"]}
    return [row for row in scores if chosen.get(identity(row), row["model"]) == row["model"]]


def _choice_findings(scores, network_rows, varying):
    """Sentences on which network was chosen in each dataset and fold that has several."""
    folds = {
        key: rows for key, rows in of_folds(headline_rows(scores)).items() if len({row["model"] for row in rows}) > 1
    }
    chosen = [row for row in network_rows.values() if row["is_chosen"] and identity(row) in folds]
    if len(folds) > SENTENCES:
        counts = Counter(row["model"] for row in chosen)
        cases = listed((f"{model} {number:,} times" for model, number in counts.most_common()), 12)
        return [
            ("Chosen on validation", f"in {count_of(len(chosen), 'dataset and fold', 'datasets and folds')}: {cases}.")
        ]
    findings = []
    for row in chosen:
        name = subject({"dataset": row["dataset"], "fold": row["fold"]}, varying)
        title = f"{name}, chosen on validation" if name else "Chosen on validation"
        findings.append((title, choice_sentence(row, folds[identity(row)])))
    return findings


def choice_sentence(network, rows):
    """Which of several networks was chosen on the validation split, and where it stands on test.

    Parameters
    ----------
    network : dict
        The chosen one of `cisflow.report_rows.network_rows`.
    rows : list of dict
        Score rows of all networks of its dataset and fold, one a network.

    Returns
    -------
    str
    """
    words = words_of(network)
    ordered = [row for row in by_score(rows) if is_known(row["score"])]
    of_seeds = f", mean of {network['n_seeds']} seeds" if network["n_seeds"] > 1 else ""
    text = (
        f"{network['model']} has the best validation {words['name']} ({fixed(network['validation'])}{of_seeds}) of "
        f"{count_of(network['n_candidates'], 'network')}"
        + (" that may be chosen" if network["n_candidates"] < len(rows) else "")
    )
    places = [number for number, row in enumerate(ordered, start=1) if row["model"] == network["model"]]
    if not places:
        return f"{text}; it has no test score."
    own = ordered[places[0] - 1]
    place = f"place {places[0]} of {len(ordered)}"
    return f"{text}; on test it reaches {fixed(own['score'])} ({span(own['low'], own['high'])}), {place}."


def _score_summary(rows, chosen, varying):
    """Sentences on many score rows together; the highest and lowest are of those that were chosen on validation."""
    words, summary = words_of(rows[0]), []
    models = list(dict.fromkeys(row["model"] for row in rows))
    for model in models if len(models) <= MODELS_APART else []:
        scores = [row["score"] for row in rows if row["model"] == model]
        lowest, quarter, median, three_quarters, highest = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1])
        text = (
            f"median test {words['name']} {fixed(median)} over {count_of(len(scores), 'score')} (half of them "
            f"{span(quarter, three_quarters)}, all {span(lowest, highest)}; each of the mean over its seeds)."
        )
        summary.append((model, text))
    if len(models) > MODELS_APART:
        medians = {model: np.median([row["score"] for row in rows if row["model"] == model]) for model in models}
        cases = listed((f"{model} {fixed(median)}" for model, median in medians.items()), 20)
        summary.append((f"Median test {words['name']} of {len(models)} networks", f"{cases}."))
    verdicts = Counter(row["verdict"] for row in rows)
    text = (
        f"{verdicts[BETTER]:,} of {len(rows):,} {words['name']} scores are better than every baseline, "
        f"{verdicts[UNDECIDED]:,} are not told apart from one, {verdicts[WORSE]:,} are worse than one."
    )
    if verdicts[ALONE]:
        text += f" For {verdicts[ALONE]:,} no baseline has a score."
    summary.append(("Beside the baselines", text))
    ordered = by_score(chosen)
    of_chosen = " of the chosen" if len(chosen) < len(rows) else ""
    for name, part in (("Highest", ordered[:3]), ("Lowest", ordered[-3:])):
        cases = listed(f"{subject(row, varying, row['target'])} {fixed(row['score'])}" for row in part)
        summary.append((f"{name}{of_chosen}", f"{cases}."))
    return summary


def _score_sentence(row, varying):
    """One score row in words."""
    name = subject(row, varying, "Mean of the targets" if row["is_mean"] else row["target"])
    text = f"test {words_of(row)['name']} {fixed(row['score'])} (95 % interval {span(row['low'], row['high'])}; "
    if row["n_seeds"] > 1:
        text += f"mean over {row['n_seeds']} seeds, each alone {span(row['seed_low'], row['seed_high'])}): "
    else:
        text += "one seed): "
    return name, f"{text}{verdict_sentence(row)}."


def _filter_findings(rows, varying, settings):
    """Sentences on how many filters match the database and which motifs came back."""
    if not rows:
        return []
    matched, total = matched_filters(rows)
    dead = sum(row["dead"] for row in rows)
    text = (
        f"{matched:,} of {count_of(total, 'first-layer filter')} in {count_of(len(rows), 'network')} "
        f"({percent(matched / total)}, {dead:,} dead, counted in) match a motif of "
        f"{settings['database_name']} at q\u00a0<\u00a0{settings['match_q']:g}; {null_sentence(rows)}."
    )
    sentences = [("Filters", text)]
    groups = networks(rows)
    if len(groups) > 3:
        return sentences
    for members in groups.values():
        name = subject(members[0], varying, "best-matching motifs" if varying else "Best-matching motifs")
        best = recurrence_rows(members)[:5]
        if best:
            sentences.append((name, listed(_recurrence_text(motif) for motif in best) + "."))
    return sentences


def _recurrence_text(motif):
    """One row of `recurrence_rows` in words."""
    name = f"{motif['name']} ({motif['motif']})" if motif["name"] else motif["motif"]
    filters = count_of(motif["filters"], "filter")
    seeds = f"{motif['seeds']} of {count_of(motif['of_seeds'], 'seed')}"
    return f"{name} in {seeds} ({filters}, best q\u00a0{scientific(motif['q'])})"


def _own_motif_findings(rows, varying):
    """A sentence on targets whose own motif is in the database."""
    if not rows:
        return []
    if len(rows) > SENTENCES:
        found = sum(row["seeds"] > 0 for row in rows)
        text = (
            f"in {found:,} of {len(rows):,} networks and targets with such a motif in the database it is the best "
            "match of some filter."
        )
    else:
        cases = listed(
            f"{subject(row, varying, row['target'])} in {row['seeds']} of {count_of(row['of_seeds'], 'seed')}"
            for row in rows
        )
        text = f"the database holds motifs named like targets; they are the best match of some filter for {cases}."
    return [("The targets' own motifs", text)]
