"""The data of one dataset in detail: what became of its peaks, what its splits hold, and what stands in two of them.

A *member* is one fold of the dataset, as `cisflow.report` has read it. What belongs to the dataset is shown once; what
belongs to a fold stands beside the same of the other folds.
"""

import re

import numpy as np
from markupsafe import Markup

from cisflow.figures_data import NUMBERED, distribution_chart, heat_map, leak_matrix, outcome_bar
from cisflow.report_numbers import count_of, fixed, is_known, listed, percent, sentence
from cisflow.report_tables import read_distributions, read_overlaps, read_scaling

ROWS_OPEN = 24  # of a table; of a longer one a few rows are shown and the others lie in a closed table
WORST = 5  # targets that are shown openly where there are too many
KINDS_TOGETHER = 2  # of negatives in one chart of GC content; more get a chart each
PAIRS = 10  # of targets that are listed beside a large heat map
SPLITS = ["train", "val", "test"]
MATCHED = "gc_matched"  # the one kind of negatives whose GC content is made to fit
KIND_NAMES = {
    "gc_matched": "GC-matched",
    "dinucleotide_shuffle": "dinucleotide shuffle",
    "other_peaks": "other peaks",
    "bed": "own file",
    "given": "labelled 0",
}
KIND_NOTES = {
    "gc_matched": "the lines of GC-matched negatives lie on those of the positives in every split, with a KS of GC "
    "of at most 0.1",
    "dinucleotide_shuffle": "dinucleotide shuffles have the GC content of their sources by construction",
    "flanking": "flanking windows are not matched on purpose: they lie beside the peaks, in much the same surroundings",
    "other_peaks": "peaks of other datasets are not matched on purpose: they are to differ in what is bound there",
    "bed": "negatives of your own file are taken as they are",
    "given": "rows labelled 0 in the file are taken as they are",
}
LEAK_NAMES = {
    "exact": "exact copies",
    "reverse_complement": "reverse complements",
    "overlap": "overlaps",
    "near_duplicate": "near-duplicates",
}
POLICIES = {
    "drop": "what is found is taken out of the split named first, so that none of it is left",
    "warn": "what is found stays and is counted",
    "error": "what is found stays, and the run ends there",
}
QUANTITIES = {
    "peak_width": ("Peak width", "peak width in bp (logarithmic axis)"),
    "gc": ("GC content", "fraction of G or C in the stored window"),
    "n": ("Unknown bases", "fraction of N in the stored window"),
}


def kind_name(kind):
    """A kind of negatives in words."""
    return KIND_NAMES.get(kind, kind.replace("_", " "))


def class_names(kinds, task, unit):
    """The classes of rows whose distributions are drawn, in words.

    Parameters
    ----------
    kinds : list of str
        Kinds of negatives.
    task, unit : str
        `binary` or `regression`; `peak` or `sequence`.

    Returns
    -------
    dict of str -> str
        `positive` first.
    """
    first = "positives" if task == "binary" else ("all rows" if unit == "sequence" else "windows of peaks")
    return {"positive": first, **{kind: kind_name(kind) for kind in kinds}}


def data_details(members, anchor, policy):
    """What the page shows of the data of one dataset.

    Parameters
    ----------
    members : list of dict
        Its folds, with `task`, `targets`, `inputs`, `splits`, `leaks`, `balance`, and the paths `label_overlaps`,
        `distributions` and `target_scaling`.
    anchor : str
        Id of its section of the page.
    policy : str
        `splits.leakage` of the configuration.

    Returns
    -------
    dict
    """
    first = members[0]
    kinds = kinds_of(members)
    return {
        "task": first["task"],
        "unit": first["inputs"]["unit"],
        "n_targets": len(first["targets"]),
        "several_folds": len(members) > 1,
        "inputs": _inputs_section(first),
        "overlaps": _overlaps_section(first),
        "splits": _splits_section(members),
        "scaling": _scaling_section(members),
        "leaks": _leaks_section(members, policy),
        "distributions": [
            _distributions_of(member, kinds, f"{anchor}-data-{number}")
            for number, member in enumerate(members, start=1)
        ],
        "balance": [
            {**row, "fold": member["fold"], "kind": kind_name(row["class"])}
            for member in members
            for row in member["balance"]
        ],
        "balance_sentence": balance_sentence(members),
        "good_balance": "; ".join(KIND_NOTES[kind] for kind in kinds if kind in KIND_NOTES),
        "has_matched": MATCHED in kinds,
    }


def kinds_of(members):
    """Kinds of negatives of a dataset, in the order in which its tables name them."""
    return list(dict.fromkeys(row["class"] for member in members for row in member["balance"]))


# What went in --------------------------------------------------------------------------------------------------------


def parts_of(row):
    """The parts of a bar that shows what became of the peaks of one row of `read_inputs`."""
    reasons = [(f"part-{1 + number % 5}", count) for number, count in enumerate(row["reasons"].values())]
    return [("part-kept", row["kept"]), *reasons, ("part-aside", row["aside"])]


def _inputs_section(member):
    inputs, n_targets = member["inputs"], len(member["targets"])
    rows = [{**row, "bar": Markup(outcome_bar(parts_of(row)))} for row in inputs["rows"]]
    shown = [row for row in rows if row["target"] != "all" or n_targets > 1]
    closed = []
    if len(shown) > ROWS_OPEN:
        closed, worst = shown, sorted(shown[:-1], key=lambda row: -row["dropped"] if is_known(row["dropped"]) else 1)
        shown = [*worst[:WORST], *shown[-1:]]
    reasons = list(rows[0]["reasons"])
    keys = {name: f"part-{1 + number % 5}" for number, name in enumerate(reasons)}
    keys[f"{inputs['unit']}s kept"] = "part-kept"
    keys |= dict.fromkeys(("below min_score", "not in top"), "part-aside")
    return {
        "unit": inputs["unit"],
        "outcomes": [(name, keys.get(name, "")) for name in inputs["outcomes"]],
        "rows": shown,
        "closed_rows": closed,
        "criteria": inputs["criteria"],
        "sentence": inputs_sentence(rows[-1], inputs["unit"]),
    }


def inputs_sentence(row, unit):
    """What became of the peaks of one row of `read_inputs`."""
    text = f"{count_of(int(row['read']), unit)} read"
    selected = row["read"] - row["aside"]
    if row["aside"]:
        text += f", {selected:,.0f} of them selected by the sheet"
    dropped = {name: count for name, count in row["reasons"].items() if count}
    text += f"; {row['kept']:,.0f} ({percent(row['kept'] / selected if selected else np.nan)}) kept"
    if not dropped:
        return f"{text}, none dropped."
    cases = listed(f"{name} {count:,.0f}" for name, count in sorted(dropped.items(), key=lambda item: -item[1]))
    return f"{text}. Dropped: {cases}."


def _overlaps_section(member):
    """The heat map of targets against targets; None for a single target."""
    targets = member["targets"]
    if len(targets) < 2:
        return None
    counts = read_overlaps(member["label_overlaps"], targets)
    totals = np.diag(counts)
    shares = np.divide(counts, totals[:, None], out=np.full_like(counts, np.nan), where=totals[:, None] > 0)
    has = "are labelled 1 for" if member["task"] == "binary" else "have a value of"
    apart = shares[~np.eye(len(targets), dtype=bool)]
    known = apart[np.isfinite(apart)]
    if not len(known):
        return {
            "sentence": f"No window {'carries a label' if member['task'] == 'binary' else 'has a value'}.",
            "map": "",
        }
    if (known == 1).all():
        return {"sentence": f"All windows that {has} one target {has} every other too.", "map": "", "pairs": []}
    order = np.argsort(np.where(np.isfinite(apart), -apart, np.inf), kind="stable")
    first, second = np.nonzero(~np.eye(len(targets), dtype=bool))
    pairs = [
        {
            "target": targets[first[i]],
            "other": targets[second[i]],
            "n": totals[first[i]],
            "n_both": counts[first[i], second[i]],
            "share": apart[i],
        }
        for i in order[:PAIRS]
    ]
    top = pairs[0]
    label = (
        f"most is shared by {top['target']} with {top['other']}: {top['n_both']:,.0f} of the {top['n']:,.0f} windows "
        f"that {has} {top['target']} {has} {top['other']} too ({percent(top['share'])})"
    )
    median = (
        f"; the median of all {len(known):,} shares is {percent(float(np.median(known)))}" if len(known) > 2 else ""
    )
    return {
        "sentence": f"Of pairs of targets, {label}{median}.",
        "map": Markup(heat_map(shares, totals, targets, f"Label overlaps of {len(targets)} targets: {label}")),
        "is_numbered": len(targets) <= NUMBERED,
        "pairs": [] if len(targets) <= NUMBERED else pairs,
    }


# Splits --------------------------------------------------------------------------------------------------------------


def _splits_section(members):
    """The table of splits of all folds; of a long one the sums, and a closed table with a row a target."""
    rows = [{**row, "fold": member["fold"]} for member in members for row in member["splits"]]
    shown = [row for row in rows if row["target"] != "all" or len(members[0]["targets"]) > 1]
    if len(shown) <= ROWS_OPEN:
        return {"rows": shown, "closed_rows": []}
    by_target = {}
    for row in shown:
        if row["target"] != "all" and row["split"] in SPLITS:
            by_target.setdefault((row["fold"], row["target"]), {})[row["split"]] = row
    closed = [
        {"fold": fold, "target": target, "splits": [parts[split] for split in SPLITS]}
        for (fold, target), parts in by_target.items()
    ]
    total = "all" if len(members[0]["targets"]) > 1 else members[0]["targets"][0]
    return {
        "rows": [row for row in shown if row["target"] == total],
        "closed_rows": closed if len(members[0]["targets"]) > 1 else [],
    }


def _scaling_section(members):
    """How values are transformed, for quantitative targets; empty rows where they are used as they are."""
    if members[0]["task"] != "regression":
        return None
    rows = [{**row, "fold": member["fold"]} for member in members for row in read_scaling(member["target_scaling"])]
    is_changed = any(row["log1p"] or row["mean"] or row["sd"] != 1 for row in rows)
    return {"rows": rows if is_changed else [], "has_log": any(row["log1p"] for row in rows)}


# Leakage -------------------------------------------------------------------------------------------------------------


def leak_sentence(leaks, n_folds=1):
    """What was found to stand in two splits, in words.

    Parameters
    ----------
    leaks : list of dict
        Rows of `leakage.tsv`, of one fold or of several.
    n_folds : int
        How many folds they are of.

    Returns
    -------
    str
    """
    found, left = (int(sum(row[name] for row in leaks)) for name in ("found", "left"))
    within = f" in {n_folds} folds" if n_folds > 1 else ""
    if not found:
        return f"no row of one split was found in another{f', in any of {n_folds} folds' if n_folds > 1 else ''}."
    text = f"{count_of(found, 'case')} of a row of one split in another {'were' if found > 1 else 'was'} found{within} "
    text += f"({leak_counts(leaks, 'found')})"
    if not left:
        return f"{text}; all were dropped, none is left."
    return f"{text}; {found - left:,} dropped, {left:,} left."


def leak_counts(leaks, column):
    """The sum of a column of each kind of leak, without those that are 0."""
    sums = {}
    for row in leaks:
        sums[row["kind"]] = sums.get(row["kind"], 0) + row[column]
    names = {kind: LEAK_NAMES.get(kind, kind.replace("_", " ")) for kind in sums}
    return ", ".join(f"{names[kind]} {count:,.0f}" for kind, count in sums.items() if count)


def _leaks_section(members, policy):
    """A matrix of leaks; of several folds those in which something was found."""
    found = [member for member in members if any(row["found"] for row in member["leaks"])]
    clean = [member["fold"] for member in members if member not in found]
    figures = [
        {
            "fold": member["fold"],
            "figure": Markup(leak_matrix(member["leaks"], f"Leakage: {leak_sentence(member['leaks'])}")),
        }
        for member in (found or members[:1])
        if member["leaks"]
    ]
    if found and clean:
        note = f"Nothing was found in {', '.join(clean)}."
    elif len(members) > 1 and not found:
        note = f"The matrices of all {len(members)} folds are alike; one is shown."
    else:
        note = ""
    leaks = [row for member in members for row in member["leaks"]]
    # The table names the second split of each pair in its criteria; here they stand for all pairs.
    criteria = {
        row["kind"].replace("_", " "): re.sub(rf"\b{row['other_split']}\b", "the other split", row["criterion"])
        for row in leaks
    }
    return {
        "sentence": sentence(leak_sentence(leaks, len(members))),
        "figures": figures,
        "note": note,
        "has_folds": len(members) > 1 and bool(found),
        "policy": f"splits.leakage: {policy} ({POLICIES[policy]})",
        "criteria": list(criteria.items()),
    }


# Distributions -------------------------------------------------------------------------------------------------------


def ks_values(members, quantity, kind):
    """KS statistics of one kind of negatives against the positives: (fold, split, value) of each that is known."""
    return [
        (member["fold"], row["split"], row["ks"])
        for member in members
        for row in member["balance"]
        if row["quantity"] == quantity and row["class"] == kind and is_known(row["ks"])
    ]


def balance_sentence(members):
    """How far each kind of negatives lies from the positives in GC content."""
    parts = []
    for kind in kinds_of(members):
        values = ks_values(members, "gc", kind)
        if not values:
            continue
        if len(members) > 1:
            numbers = [value for *_, value in values]
            parts.append(f"{kind_name(kind)} {fixed(min(numbers))} to {fixed(max(numbers))} over {len(members)} folds")
        else:
            parts.append(f"{kind_name(kind)} " + ", ".join(f"{fixed(value)} ({split})" for _, split, value in values))
    if not parts:
        return "No negatives stand beside these rows, so there is nothing to compare them with."
    return "GC content of negatives against positives, as KS statistic (0: alike, 1: apart): " + "; ".join(parts) + "."


def _distributions_of(member, kinds, prefix):
    """Charts of one fold, and sentences that stand for charts with nothing to show."""
    table = read_distributions(member["distributions"])
    names = class_names(kinds, member["task"], member["inputs"]["unit"])
    charts, notes = [], []
    for quantity in QUANTITIES:
        part = table[table["quantity"] == quantity]
        if part.empty:
            continue
        if quantity == "n" and part["bin_start"].max() == 0:
            notes.append(
                f"No window has more than {percent(part['bin_end'].max())} unknown bases, in any split or class."
            )
            continue
        if quantity == "peak_width":
            notes.append(_median_width(part))
        name = f"{prefix}-{quantity.replace('_', '-')}"
        present = [kind for kind in kinds if (part["class"] == kind).any()]
        groups = [[kind] for kind in present] if quantity == "gc" and len(present) > KINDS_TOGETHER else [present]
        for number, group in enumerate(groups, start=1):
            charts.append(_distribution(member, part, quantity, names, group, f"{name}-{number}"))
    return {"fold": member["fold"], "charts": charts, "notes": notes}


def _distribution(member, part, quantity, names, kinds, prefix):
    """The chart of one quantity: positives and some kinds of negatives, each kind with its KS statistics."""
    title, axis = QUANTITIES[quantity]
    legend = dict(names)
    for kind in kinds:
        values = [f"{split} {fixed(value)}" for _, split, value in ks_values([member], quantity, kind)]
        if values:
            legend[kind] = f"{names[kind]}\nKS {', '.join(values)}"
    if len(kinds) == 1:
        title = f"{title}, {names[kinds[0]]}"
    panels = {split: split for split in SPLITS if (part["split"] == split).any()}
    chart = distribution_chart(
        part, legend, ["positive", *kinds], panels, prefix, title, axis, is_log=quantity == "peak_width"
    )
    return Markup(chart)


def _median_width(part):
    """Between which edges the middle peak of each split lies, from the bins."""
    texts = []
    for split in SPLITS:
        of_split = part[part["split"] == split]
        if len(of_split):
            counts = of_split["count"].to_numpy()
            middle = of_split.iloc[int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))]
            edges = dict.fromkeys(f"{middle[edge]:,.0f}" for edge in ("bin_start", "bin_end"))
            texts.append(f"{'–'.join(edges)} bp ({split})")
    return f"The median width of the peaks lies in {', '.join(texts)}."
