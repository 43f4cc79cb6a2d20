"""What the report says first of the data: what went in, what was found in two splits, and what to doubt.

Findings and doubts have the shape of those of `cisflow.report_sentences`.
"""

import math

from cisflow.report_data import MATCHED, inputs_sentence, kind_name, ks_values, leak_counts, leak_sentence
from cisflow.report_numbers import count_of, fixed, percent, sentence, span
from cisflow.report_sentences import LIMITS, SENTENCES, subject


def nothing_trained(settings):
    """The sentence that stands where there are no networks."""
    return (
        "Nothing was trained",
        f"train.models is empty in {settings['config_file']}, so this page shows the data alone.",
    )


def data_findings(datasets, varying):
    """Sentences on what went in, on negatives and on leakage.

    Parameters
    ----------
    datasets : list of dict
        One a dataset and fold, with `inputs`, `leaks` and `balance`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.

    Returns
    -------
    list of (str, str)
    """
    firsts = list({entry["dataset"]: entry for entry in reversed(datasets)}.values())[::-1]
    folds = {entry["fold"] for entry in datasets}
    findings = []
    if len(firsts) <= SENTENCES:
        for entry in firsts:
            unit = entry["inputs"]["unit"]
            name = subject({"dataset": entry["dataset"]}, varying, f"{unit}s")
            findings.append(
                (sentence(name) if name == f"{unit}s" else name, inputs_sentence(entry["inputs"]["rows"][-1], unit))
            )
    else:
        for unit in ("peak", "sequence"):
            rows = [entry["inputs"]["rows"][-1] for entry in firsts if entry["inputs"]["unit"] == unit]
            if rows:
                findings.append((f"{unit.capitalize()}s", _sums(rows, unit)))
    values = [value for *_, value in ks_values(datasets, "gc", MATCHED)]
    if values:
        text = f"KS statistic of GC content against the positives {span(min(values), max(values))} over "
        text += f"{count_of(len(values), 'split')} (0: alike, 1: apart)."
        findings.append((f"{kind_name(MATCHED)} negatives", text))
    leaks = [row for entry in datasets for row in entry["leaks"]]
    if leaks:
        findings.append(("Leakage", leak_sentence(leaks, len(folds))))
    return findings


def _sums(rows, unit):
    """What became of the peaks of many datasets together."""
    read, kept, aside = (sum(row[name] for row in rows) for name in ("read", "kept", "aside"))
    selected = f", {read - aside:,.0f} of them selected by the sheet" if aside else ""
    share = percent(kept / (read - aside)) if read > aside else "none"
    return f"{read:,.0f} {unit}s of {count_of(len(rows), 'dataset')} read{selected}; {kept:,.0f} ({share}) kept."


def data_doubts(datasets, varying, has_networks):
    """What to doubt in the data, as checks of `cisflow.report_sentences.told`.

    Parameters
    ----------
    datasets : list of dict
        One a dataset and fold, with `task`, `inputs`, `splits`, `leaks` and `balance`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.
    has_networks : bool
        Whether test scores say how many positives there are.

    Returns
    -------
    list of (str, list of str, str)
    """
    return [
        *_leak_doubts(datasets, varying),
        *_input_doubts(datasets, varying),
        *_split_doubts(datasets, varying, has_networks),
    ]


def _leak_doubts(datasets, varying):
    cases = []
    for entry in datasets:
        for split, other in dict.fromkeys((row["split"], row["other_split"]) for row in entry["leaks"]):
            of_pair = [row for row in entry["leaks"] if (row["split"], row["other_split"]) == (split, other)]
            if any(row["left"] > 0 for row in of_pair):
                cases.append(f"{subject(entry, varying, f'{split} in {other}')} ({leak_counts(of_pair, 'left')})")
    return [
        (
            "Rows of one split stand in another",
            cases,
            "Scores may be memory. Let them be dropped (splits.leakage: drop), or share the rows out otherwise: other "
            "chromosomes, or clusters of similar sequences (folds: by: cluster).",
        )
    ]


def _input_doubts(datasets, varying):
    rows = [
        (subject({"dataset": entry["dataset"]}, varying, row["target"]), entry["inputs"]["unit"], row)
        for entry in datasets
        for row in entry["inputs"]["rows"]
        if row["target"] != "all"
    ]
    dropped = [
        (unit, f"{name} {percent(row['dropped'])}")
        for name, unit, row in rows
        if row["dropped"] > LIMITS["dropped_share"]
    ]
    units = " or ".join(dict.fromkeys(f"{unit}s" for unit, _ in dropped))
    uncounted = [f"{name} {row['unaccounted']:,.0f} {unit}s" for name, unit, row in rows if row["unaccounted"]]
    return [
        (
            f"More than {percent(LIMITS['dropped_share'])} of the {units} were dropped",
            list(dict.fromkeys(text for _, text in dropped)),  # the folds of a dataset share its peaks
            "What is left may not stand for the experiment; the table of what went in says why they went.",
        ),
        (
            "What was read is not what was kept and dropped",
            list(dict.fromkeys(uncounted)),
            "Something left without being counted: this is a mistake in the workflow, please report it.",
        ),
    ]


def chance_ks(n, m):
    """The KS statistic that two samples of one distribution exceed in 1 of 20 cases, for large samples.

    Parameters
    ----------
    n, m : float
        Sizes of the samples.

    Returns
    -------
    float
        NaN where one is empty.
    """
    return 1.358 * math.sqrt((n + m) / (n * m)) if n * m else math.nan


def _split_doubts(datasets, varying, has_networks):
    splits = [(entry, row) for entry in datasets for row in entry["splits"]]
    distant = [
        f"{subject(entry, varying, row['split'])} {fixed(row['ks'])}"
        for entry in datasets
        for row in entry["balance"]
        if row["quantity"] == "gc" and row["class"] == MATCHED
        if row["ks"] > max(LIMITS["gc_ks"], chance_ks(row["n"], row["n_positive"]))
    ]
    apart = [
        (subject(entry, varying, row["split"]), row["gc_positive"], row["gc_negative"])
        for entry, row in splits
        if row["target"] == "all" and abs(row["gc_positive"] - row["gc_negative"]) > LIMITS["gc_difference"]
    ]
    few = [
        f"{subject(entry, varying, row['target'])} {fixed(row['n_positive'], 0)}"
        for entry, row in splits
        if entry["task"] == "binary" and row["split"] == "test" and row["target"] != "all"
        if row["n_positive"] < LIMITS["few_positives"]
    ]
    return [
        (
            f"Mean GC of positives and negatives differs by more than {LIMITS['gc_difference']:g}",
            [f"{name} {fixed(positive)} against {fixed(negative)}" for name, positive, negative in apart],
            "A network can score by base composition alone: compare with the baseline before all else.",
        ),
        (
            f"KS statistic of GC above {LIMITS['gc_ks']:g} for {kind_name(MATCHED)} negatives",
            distant,
            "Too few windows of the wanted GC content were clear of peaks and excluded regions: draw fewer negatives "
            "(negatives.per_positive; of training, negatives.per_positive_training), put more chromosomes into the "
            "split, or exclude less. A lower negatives.max_gc_difference makes such a shortage an error.",
        ),
        (
            f"Fewer than {LIMITS['few_positives']} test positives",
            [] if has_networks else few,
            "Scores on them will be coarse: put more chromosomes into the test split.",
        ),
    ]
