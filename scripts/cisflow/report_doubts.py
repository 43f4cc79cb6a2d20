"""What the report says to doubt in the networks.

A doubt has a title, the cases of it, and an advice; a check without cases is not told. Rows are named by
`cisflow.report_sentences.subject`.
"""

from cisflow.report_numbers import TASKS, fixed, is_known, listed, percent, span, words_of
from cisflow.report_rows import EARLY_EPOCHS
from cisflow.report_scores import UNDECIDED, WORSE, behind_text
from cisflow.report_sentences import LIMITS, seed_name, seeds_name, subject

LONGEST_WARNING = 260  # letters of a warning among the doubts; beside its network it stands in full
# Title and advice for each kind of warning; a kind that is not named here has its own name for a title.
WARNINGS = {
    "parent_saw_test": (
        "A network's parent has seen what is tested here",
        "Its test scores are not of unseen data: quote none of them.",
    ),
    "parent_saw_val": (
        "A network's parent has seen the validation split",
        "It is left out when a network is chosen by its validation score; test scores are not changed by this alone.",
    ),
    "parent_other_genome": (
        "A network's parent was trained on another genome",
        "Whether it has seen the test sequences or their homologues cannot be told: compare it with a network trained "
        "from scratch.",
    ),
    "parent_unknown": (
        "What a network's parent has seen is not known",
        "Compare it with a network trained from scratch, and prefer a parent that this workflow has trained.",
    ),
    "parent_other_tracks": (
        "A network's parent read other tracks",
        "Its weights were learned from other signals: compare it with a network trained from scratch.",
    ),
    "constant_features": (
        "Features that are the same in all rows",
        "They tell nothing: read another layer of the parent, or a parent with fewer dead units.",
    ),
    "edge_of_grid": (
        "The penalty that was chosen is the weakest or the strongest that was tried",
        "A better one may lie beyond; compare the score with that of the network whose features are read.",
    ),
    "not_converged": (
        "The solver of a linear model did not converge",
        "Its weights are not the best for its penalty: features that nearly repeat one another are the usual cause.",
    ),
    "number_of_trees": (
        "The best number of trees is none, or the most that are allowed",
        "None: the features tell nothing of the target. The most: more might still help.",
    ),
    "memory": (
        "A batch did not fit into memory",
        "Another device may give other weights: lower batch_size, for all networks that are compared.",
    ),
    "checkpoint_refused": (
        "The checkpoint of an interrupted training was refused",
        "The training began again from its start; nothing is lost but time.",
    ),
}


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


def warning_doubts(rows, varying):
    """What the trainings themselves warned of, the known kinds first.

    Parameters
    ----------
    rows : list of dict
        Rows of `warning_rows`.
    varying : list of str
        As from `varying_keys`.

    Returns
    -------
    list of (str, list of str, str)
        As from `doubts`.
    """
    kinds = [*WARNINGS, *dict.fromkeys(row["kind"] for row in rows if row["kind"] not in WARNINGS)]
    checks = []
    for kind in kinds:
        title = f"Warning of a training: {kind.replace('_', ' ')}"
        title, advice = WARNINGS.get(kind, (title, "It stands beside its network below too."))
        cases = [f"{_warned(row, varying)}: {_shortened(row['warning'])}" for row in rows if row["kind"] == kind]
        checks.append((title, cases, advice))
    return checks


# Checks that are doubts too, under these titles; the others are told by rows of their own.
CHECKS = {
    "permuted": "A network trained on permuted labels does not guess",
    "calibration": "Probabilities are not as often right as they say",
    "gc": "The score is lower within levels of GC content",
    "similarity": "The score depends on likeness to training sequences",
    "strength": "The score depends on the strength of the peaks",
    "matches": "Not every seed has filters that match known motifs more often than by chance",
    "planted": "Motifs that were planted were not found",
}


def check_doubts(checks, varying):
    """What to doubt of the checks of all networks.

    Parameters
    ----------
    checks : list of dict
        As from `cisflow.report_checks.network_checks`, with `dataset`, `fold` and `model`.
    varying : list of str
        As from `varying_keys`.

    Returns
    -------
    list of (str, list of str, str)
        As from `doubts`.
    """
    found = []
    for key, title in CHECKS.items():
        cases = [row for row in checks if row["key"] == key and row["state"] == "doubt"]
        texts = [f"{name}, {row['figure']}" if (name := subject(row, varying)) else row["figure"] for row in cases]
        found.append((title, texts, cases[0]["advice"] if cases else ""))
    return found


def _warned(row, varying):
    """The network and seeds of a warning."""
    return subject(row, varying, seeds_name(row["seeds"]))


def _shortened(text):
    return text if len(text) <= LONGEST_WARNING else f"{text[: LONGEST_WARNING - 1].rstrip()}…"


def _tested(row, varying):
    """The dataset, fold and target of a score row, whatever the network."""
    return subject({"dataset": row["dataset"], "fold": row["fold"]}, varying, row["target"])


def _score_doubts(rows, varying):
    """What to doubt in the test scores: title, cases and advice of each check."""
    targets = [(subject(row, varying, row["target"]), row) for row in rows if not row["is_mean"]]
    labels, values = (
        [(name, row) for name, row in targets if row["task"] == task] for task in ("binary", "regression")
    )
    # All networks are tested on the same rows.
    positives = {_tested(row, varying): row["n_positive"] for _, row in labels}
    known_values = {_tested(row, varying): row["n"] for _, row in values}
    behind = [(row["verdict"], f"{name} {fixed(row['score'])}, {behind_text(row)}") for name, row in targets]
    blocks = {
        subject({"dataset": row["dataset"], "fold": row["fold"]}, varying) or row["dataset"]: row["blocks"]
        for row in rows
        if row["blocks"] < LIMITS["few_blocks"]
    }
    scores = " or ".join(dict.fromkeys(words_of(row)["name"] for row in rows))
    return [
        (
            "No test score",
            [name for name, row in labels if not is_known(row["score"])],
            "The test split holds one class only for these: put other chromosomes into it.",
        ),
        (
            "No correlation",
            [name for name, row in values if not is_known(row["score"])],
            "The measured or the predicted values of the test split do not vary: look at the values, then at the "
            "training curves.",
        ),
        (
            "Worse than a baseline",
            [text for verdict, text in behind if verdict == WORSE],
            "A simpler method predicts better: check the data and the training curves before reading the filters.",
        ),
        (
            "Not told apart from a baseline",
            [text for verdict, text in behind if verdict == UNDECIDED],
            "The difference may be chance: more test windows, or more chromosomes in the test split, would tell.",
        ),
        (
            f"Fewer than {LIMITS['few_positives']} test positives",
            [f"{name} {fixed(number, 0)}" for name, number in positives.items() if number < LIMITS["few_positives"]],
            "Their scores are coarse and AUPRC more so.",
        ),
        (
            f"Fewer than {LIMITS['few_values']} test values",
            [f"{name} {fixed(number, 0)}" for name, number in known_values.items() if number < LIMITS["few_values"]],
            "Their correlations are coarse: put more rows into the test split.",
        ),
        (
            "Squared errors are no smaller than those of a constant",
            [
                f"{name} MSE {fixed(row['mse'])} of a variance of {fixed(row['variance'])}"
                for name, row in values
                if row["mse"] >= row["variance"]
            ],
            "The mean of the measured values would lie nearer: the order may be learned, the scale is not. Look at the "
            "predictions against the measured values, and at targets.transform.",
        ),
        (
            f"Pearson's r exceeds Spearman's ρ by more than {LIMITS['rank_gap']:g}",
            [
                f"{name} {fixed(row['score'])} against {fixed(row['second'])}"
                for name, row in values
                if row["score"] - row["second"] > LIMITS["rank_gap"]
            ],
            "A few large values may carry the correlation: look at the predictions, and consider a logarithm "
            "(targets.transform).",
        ),
        (
            f"Seeds differ by more than {LIMITS['seed_spread']:g} in {scores}",
            [
                f"{name} {span(row['seed_low'], row['seed_high'])}"
                for name, row in targets
                if row["seed_high"] - row["seed_low"] > LIMITS["seed_spread"]
            ],
            "Quote mean and spread, never the best seed; more seeds, a longer patience"
            + (" or class weights" if labels else "")
            + " may help.",
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
    untrained = [
        (
            f"The validation {words['name']} of the kept epoch is below {words['untrained']:g}",
            [
                f"{text}, {words['name']} {fixed(row['val_score'])}"
                for row, text in named
                if row["task"] == words["task"] and row["val_score"] < words["untrained"]
            ],
            "The network hardly learned. A loss that stays at that of a guess may fall later: raise patience, or "
            "change the optimizer or its learning rate; then look at the data.",
        )
        for words in TASKS.values()
    ]
    return [
        *untrained,
        (
            "Training ended at its last allowed epoch",
            [text for row, text in named if row["unfinished"]],
            "Where the kept epoch is among the last, a better one may lie beyond: allow more epochs.",
        ),
        (
            f"The kept epoch is among the first {EARLY_EPOCHS}",
            [text for row, text in named if row["early"]],
            "The network learned little or memorised at once: try a lower learning rate; look for leaks and wrong "
            "labels or values.",
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
