"""Planted motifs: the known answer. Which were found by which model and seed, over a dataset, and of one network."""

import math

from markupsafe import Markup

from cisflow.figures_planted import planted_chart
from cisflow.report_numbers import count_of, ends_of, listed, sentence
from cisflow.report_sentences import subject

MOST_NAMED = 20  # motifs that are named in a cell
MOST_DATASETS = 4  # that have a sentence each; more of them are told in one


def found_table(runs):
    """What all networks of one dataset found, by model.

    Parameters
    ----------
    runs : list of dict
        Of the dataset, with `planted` (rows of `cisflow.report_check_tables.read_planted`, or none) and `fold`.

    Returns
    -------
    motifs : list of str
        Names of the planted motifs, in the order of the tables.
    models : list of dict
        In the order of the runs: `name`; `counts`, how many motifs each network found; `runs`, their names; `mean`;
        `n` networks, and what they are called (`unit`: a seed, where there is one fold); `found`, in how many of them
        each motif was found; `in_none` and `in_some`, motifs that no network, or not every one, found.
    """
    with_truth = [run for run in runs if run["planted"]]
    if not with_truth:
        return [], []
    motifs = {row["motif"]: row["name"] or row["motif"] for row in with_truth[0]["planted"]}
    several_folds, models = len({run["fold"] for run in with_truth}) > 1, {}
    for run in with_truth:
        models.setdefault(run["model"], []).append(run)
    rows = []
    for model, members in models.items():
        of_runs = [{row["motif"] for row in run["planted"] if row["found"]} for run in members]
        counts = [len(found) for found in of_runs]
        times = {motif: sum(motif in found for found in of_runs) for motif in motifs}
        rows.append(
            {
                "name": model,
                "runs": [
                    f"{run['fold']}, seed {run['seed']}" if several_folds else f"seed {run['seed']}" for run in members
                ],
                "counts": counts,
                "mean": math.fsum(counts) / len(counts),
                "n": len(members),
                "unit": "network" if several_folds else "seed",
                "found": list(times.values()),
                "in_none": [motifs[motif] for motif, number in times.items() if not number],
                "in_some": [
                    f"{motifs[motif]} ({number})" for motif, number in times.items() if 0 < number < len(members)
                ],
            }
        )
    return list(motifs.values()), rows


def criterion_sentences(comments):
    """When a planted motif counts as found, in words.

    Parameters
    ----------
    comments : list of str
        Of a `planted_found.tsv`: `found: ...; ...` and `database: ...`.

    Returns
    -------
    list of str
    """
    told = dict(comment.partition(": ")[::2] for comment in comments if ": " in comment)
    sentences = []
    if "found" in told:
        sentences.append(f"A planted motif counts as found by a network if {told['found'].split('; ')[0]}.")
    if "database" in told:
        sentences.append(f"The database: {told['database']}.")
    return sentences


def found_text(model, n_motifs):
    """What one model found, in words: `small found 2.5 of 3 planted motifs (2–3 by each of 2 seeds)`."""
    low, high = min(model["counts"]), max(model["counts"])
    ends = f"{low}" if low == high else f"{low}–{high}"
    text = f"{model['name']} found {round(model['mean'], 1):g} of {count_of(n_motifs, 'planted motif')}"
    if model["n"] == 1:
        return f"{text} (one {model['unit']})"
    return f"{text} on average ({ends} by each of {count_of(model['n'], model['unit'])})"


def planted_sections(runs):
    """One section for each dataset with planted motifs: the figure, its table, and both in words.

    Parameters
    ----------
    runs : list of dict
        With `planted` and `planted_comments`.

    Returns
    -------
    list of dict
    """
    sections = []
    for dataset in dict.fromkeys(run["dataset"] for run in runs):
        own = [run for run in runs if run["dataset"] == dataset]
        motifs, models = found_table(own)
        if not models:
            continue
        comments = next(run["planted_comments"] for run in own if run["planted"])
        texts = [found_text(model, len(motifs)) for model in models]
        without = [
            model
            for model in dict.fromkeys(run["model"] for run in own)
            if model not in {row["name"] for row in models}
        ]
        label = f"{dataset}: {'; '.join(texts)}"
        sections.append(
            {
                "dataset": dataset,
                "n_motifs": len(motifs),
                "sentence": f"{listed(texts)}.",
                "criterion": criterion_sentences(comments),
                "chart": Markup(planted_chart(motifs, models, models[0]["unit"], label)),
                "unit": f"{models[0]['unit']}s",
                "rows": [
                    {
                        **model,
                        "each": listed(
                            (f"{count} in {run}" for count, run in zip(model["counts"], model["runs"], strict=True)), 12
                        ),
                        "missed": listed(model["in_none"], MOST_NAMED) or "none",
                        "unsure": listed(model["in_some"], MOST_NAMED) or "none",
                    }
                    for model in models
                ],
                "without": without,
            }
        )
    return sections


def planted_findings(runs, varying):
    """A sentence a dataset on how many of its planted motifs each model found; of many datasets one on all of them.

    Parameters
    ----------
    runs : list of dict
        With `planted`.
    varying : list of str
        As from `cisflow.report_sentences.varying_keys`.

    Returns
    -------
    list of (str, str)
    """
    tables = {
        dataset: found_table([run for run in runs if run["dataset"] == dataset])
        for dataset in dict.fromkeys(run["dataset"] for run in runs)
    }
    tables = {dataset: table for dataset, table in tables.items() if table[1]}
    if len(tables) > MOST_DATASETS:
        return [("Planted motifs", f"{listed(_found_over_datasets(tables.values()))}.")]
    findings = []
    for dataset, (motifs, models) in tables.items():
        name = subject({"dataset": dataset}, varying, "planted motifs")
        text = listed(found_text(model, len(motifs)) for model in models)
        findings.append((sentence(name) if name.startswith("planted") else name, f"{text}."))
    return findings


def _found_over_datasets(tables):
    """How many planted motifs each model found, each motif counted once a network, over tables of `found_table`."""
    totals = {}
    for motifs, models in tables:
        for model in models:
            total = totals.setdefault(model["name"], [0, 0, 0])
            for place, number in enumerate((sum(model["counts"]), model["n"] * len(motifs), 1)):
                total[place] += number
    for name, (found, planted, n_datasets) in totals.items():
        motifs = count_of(planted, "planted motif")
        over = count_of(n_datasets, "dataset")
        yield f"{name} found {found:,} of {motifs} over {over}, each counted once a network"


# One network --------------------------------------------------------------------------------------------------------


def planted_section(members):
    """What one network found of motifs that were planted, over its seeds.

    Parameters
    ----------
    members : list of dict
        Its runs, with `planted` (rows and comments of `read_planted`, or none).

    Returns
    -------
    dict or None
    """
    runs = [run for run in members if run["planted"]]
    if not runs:
        return None
    tables = [run["planted"] for run in runs]
    rows = []
    for motif in tables[0]:
        of_seeds = [row for table in tables for row in table if row["motif"] == motif["motif"]]
        found = [row for row in of_seeds if row["found"]]
        rows.append(
            {
                "motif": motif["motif"],
                "name": motif["name"],
                "found": len(found),
                "of_seeds": len(of_seeds),
                "q": min((row["q"] for row in found), default=math.nan),
                "n_sites": motif["n_sites"],
                "recall": ends_of(row["recall"] for row in found),
                "by_chance": ends_of(row["recall_by_chance"] for row in found),
                "precision": ends_of(row["precision"] for row in found),
            }
        )
    counts = [f"{sum(row['found'] for row in run['planted'])} in seed {run['seed']}" for run in runs]
    text = f"{runs[0]['model']} found, of {count_of(len(rows), 'planted motif')}: {listed(counts, 12)}."
    return {"model": runs[0]["model"], "sentence": text, "rows": rows, "comments": runs[0]["planted_comments"]}
