"""What the report says first: what was learned, and what to doubt.

A finding is a pair of what it is about and a sentence. A doubt has a title, the cases of it, and an advice. Both name a
row by `subject`, which leaves out what is the same all over the page.
"""

from collections import Counter

import numpy as np

from cisflow.report_numbers import count_of, fixed, is_known, listed, percent, scientific, span
from cisflow.report_rows import EARLY_EPOCHS, matched_filters, networks, recurrence_rows

BASELINE_NAME = "GC content alone"
SENTENCES = 8  # score rows that get a sentence each; more are summed up
LIMITS = {
    "few_positives": 100,  # below, a 95 % interval of AUROC is wider than about +-0.05
    "seed_spread": 0.05,
    "early_epochs": EARLY_EPOCHS,
    "untrained_auroc": 0.6,
    "dead_share": 0.25,
    "no_motif_share": 0.5,
    "dropped_share": 0.20,
    "gc_difference": 0.02,
    "gc_ks": 0.1,
    "few_blocks": 20,
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
    model = f" ({row['model']})" if "model" in varying and "model" in row else ""
    return ", ".join(names) + model


def seed_name(row):
    """The seed of a row in words."""
    return f"seed {row['seed']}"


# What was learned ---------------------------------------------------------------------------------------------------


def findings(scores, filter_rows, own_motifs, varying, settings):
    """Sentences on what was learned.

    Parameters
    ----------
    scores, filter_rows, own_motifs : list of dict
        Rows of `score_rows`, `filter_row` and `own_motif_rows`.
    varying : list of str
        As from `varying_keys`.
    settings : dict
        `database_name` and `match_q`.

    Returns
    -------
    list of (str, str)
    """
    known = [row for row in scores if is_known(row["auroc"])]
    targets = [row for row in known if not row["is_mean"]]
    if len(targets) > SENTENCES:
        sentences = _score_summary(targets, varying)
    else:
        sentences = [_score_sentence(row, varying) for row in known]
    return sentences + _filter_findings(filter_rows, varying, settings) + _own_motif_findings(own_motifs, varying)


def _score_summary(rows, varying):
    """Sentences on many score rows together."""
    summary = []
    for model in dict.fromkeys(row["model"] for row in rows):
        scores = [row["auroc"] for row in rows if row["model"] == model]
        lowest, quarter, median, three_quarters, highest = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1])
        text = (
            f"median test AUROC {fixed(median)} over {count_of(len(scores), 'score')} (half of them "
            f"{span(quarter, three_quarters)}, all {span(lowest, highest)}; each the mean of its seeds)."
        )
        summary.append((model, text))
    verdicts = Counter(row["verdict"] for row in rows)
    text = (
        f"{verdicts['apart']:,} of {len(rows):,} scores are better with intervals apart, "
        f"{verdicts['overlap']:,} are better with intervals that overlap, {verdicts['not better']:,} are not."
    )
    summary.append((f"Beside {BASELINE_NAME}", text))
    ordered = sorted(rows, key=lambda row: -row["auroc"])
    for name, part in (("Highest", ordered[:3]), ("Lowest", ordered[-3:])):
        cases = listed(f"{subject(row, varying, row['target'])} {fixed(row['auroc'])}" for row in part)
        summary.append((name, f"{cases}."))
    return summary


def _score_sentence(row, varying):
    """One score row in words."""
    name = subject(row, varying, "Mean of the targets" if row["is_mean"] else row["target"])
    several = row["n_seeds"] > 1
    spread = f"{row['n_seeds']} seeds {span(row['seed_low'], row['seed_high'])}" if several else "one seed"
    ending = {
        "apart": "better, and the intervals do not overlap",
        "overlap": "better, but the intervals overlap",
        "not better": "not better",
    }[row["verdict"]]
    return name, (
        f"test AUROC {fixed(row['auroc'])} (95 % interval {span(row['low'], row['high'])}; {spread}) "
        f"against {fixed(row['baseline'])} ({span(row['baseline_low'], row['baseline_high'])}) "
        f"for {BASELINE_NAME}: {ending}."
    )


def _filter_findings(rows, varying, settings):
    """Sentences on how many filters match the database and which motifs came back."""
    if not rows:
        return []
    matched, total = matched_filters(rows)
    dead = sum(row["dead"] for row in rows)
    text = (
        f"{matched:,} of {count_of(total, 'first-layer filter')} in {count_of(len(rows), 'network')} "
        f"({percent(matched / total)}, {dead:,} dead, counted in) match a motif of "
        f"{settings['database_name']} at q\u00a0<\u00a0{settings['match_q']:g}."
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


# What to doubt ------------------------------------------------------------------------------------------------------


def doubts(scores, trainings, filter_rows, own_motifs, varying):
    """What to doubt in the networks, whether or not there are cases of it.

    Parameters
    ----------
    scores, trainings, filter_rows, own_motifs : list of dict
        Rows of `score_rows`, `training_row`, `filter_row` and `own_motif_rows`.
    varying : list of str
        As from `varying_keys`.

    Returns
    -------
    list of (str, list of str, str)
        Title, cases and advice of each check, for `told`.
    """
    if not scores:
        return []
    return [
        *_score_doubts(scores, varying),
        *_training_doubts(trainings, varying),
        *_filter_doubts(filter_rows, own_motifs, varying),
    ]


def told(checks):
    """The doubts of which there are cases, as the page prints them.

    Parameters
    ----------
    checks : list of (str, list of str, str)
        Title, cases and advice.

    Returns
    -------
    list of dict
        `title`, `items` (the cases, as text) and `advice`.
    """
    return [{"title": title, "items": listed(cases), "advice": advice} for title, cases, advice in checks if cases]


def _score_doubts(rows, varying):
    """What to doubt in the test scores: title, cases and advice of each check."""
    targets = [(subject(row, varying, row["target"]), row) for row in rows if not row["is_mean"]]
    beside = [
        (row["verdict"], f"{name} {fixed(row['auroc'])} against {fixed(row['baseline'])}") for name, row in targets
    ]
    blocks = {
        subject({"dataset": row["dataset"], "fold": row["fold"]}, varying) or row["dataset"]: row["blocks"]
        for row in rows
        if row["blocks"] < LIMITS["few_blocks"]
    }
    return [
        (
            "No test score",
            [name for name, row in targets if not is_known(row["auroc"])],
            "The test split holds one class only for these: put other chromosomes into it.",
        ),
        (
            "Not better than the baseline",
            [text for verdict, text in beside if verdict == "not better"],
            "Nothing beyond the baseline was shown to be learned; check the peaks and the training curves.",
        ),
        (
            "The interval overlaps that of the baseline",
            [text for verdict, text in beside if verdict == "overlap"],
            "The difference may be chance: more test windows, or more chromosomes in the test split, would tell.",
        ),
        (
            f"Fewer than {LIMITS['few_positives']} test positives",
            [
                f"{name} {fixed(row['n_positive'], 0)}"
                for name, row in targets
                if row["n_positive"] < LIMITS["few_positives"]
            ],
            "Their scores are coarse and AUPRC more so.",
        ),
        (
            f"Seeds differ by more than {LIMITS['seed_spread']:g} in AUROC",
            [
                f"{name} {span(row['seed_low'], row['seed_high'])}"
                for name, row in targets
                if row["seed_high"] - row["seed_low"] > LIMITS["seed_spread"]
            ],
            "Quote mean and spread, never the best seed; more seeds, a longer patience or class weights may help.",
        ),
        (
            "One seed only",
            ["every network"] if all(row["n_seeds"] == 1 for row in rows) else [],
            "How much of a score is luck of the start is not known: train with three seeds or more.",
        ),
        (
            f"Fewer than {LIMITS['few_blocks']} bootstrap blocks",
            [f"{name} {fixed(number, 0)}" for name, number in blocks.items()],
            "Intervals from so few blocks are rough.",
        ),
    ]


def _training_doubts(rows, varying):
    """What to doubt in the trainings: title, cases and advice of each check."""
    named = [
        (row, f"{subject(row, varying, seed_name(row))}, epoch {fixed(row['kept'], 0)} of {row['epochs']}")
        for row in rows
    ]
    return [
        (
            f"The validation AUROC of the kept epoch is below {LIMITS['untrained_auroc']:g}",
            [
                f"{text}, AUROC {fixed(row['val_auroc'])}"
                for row, text in named
                if row["val_auroc"] < LIMITS["untrained_auroc"]
            ],
            "The network hardly learned. A loss that stays at that of a guess may fall later: raise `patience`, or "
            "change the optimizer or its learning rate; then look at the peaks.",
        ),
        (
            "Training ended because its loss was no finite number any more",
            [text for row, text in named if row["diverged"]],
            "The weights of the best epoch before were kept; lower the learning rate.",
        ),
        (
            "Training ended at its last allowed epoch",
            [text for row, text in named if row["unfinished"]],
            "The loss may still have been falling: allow more epochs.",
        ),
        (
            f"The kept epoch is among the first {EARLY_EPOCHS}",
            [text for row, text in named if row["early"]],
            "The network learned little or memorised at once: try a lower learning rate; look for leaks and wrong "
            "labels.",
        ),
    ]


def _filter_doubts(rows, own_motifs, varying):
    """What to doubt in the filters: title, cases and advice of each check."""
    return [
        (
            f"More than {percent(LIMITS['dead_share'])} of the filters are dead",
            [
                f"{subject(row, varying, seed_name(row))}, {row['dead']} of {row['filters']}"
                for row in rows
                if row["dead"] / row["filters"] > LIMITS["dead_share"]
            ],
            "Capacity is idle: a lower learning rate or fewer filters; dead filters stay in every denominator here.",
        ),
        (
            f"More than {percent(LIMITS['no_motif_share'])} of the filters have no motif",
            [
                f"{subject(row, varying, seed_name(row))}, {row['filters'] - row['statuses'].get('ok', 0)} of "
                f"{row['filters']}"
                for row in rows
                if 1 - row["statuses"].get("ok", 0) / row["filters"] > LIMITS["no_motif_share"]
            ],
            "They are dead, have too few sites, or are near-uniform: what the network learned shows only in part.",
        ),
        (
            "The target's own motif is no filter's best match",
            [
                f"{subject(row, varying, row['target'])} ({', '.join(row['motifs'])})"
                for row in own_motifs
                if row["seeds"] == 0
            ],
            "The network may predict from partners or base composition, or a filter may lie nearer to a sibling motif; "
            "look at the filters before believing the score.",
        ),
    ]
