"""Motifs beside what could have been expected of them: nulls of matches, enrichment in the data."""

import math

from cisflow.report_check_tables import read_enrichment
from cisflow.report_nulls import NULLS, SIGNIFICANT, TRAINED
from cisflow.report_numbers import MISSING, count_of, ends_of, fixed, is_known, listed, percent, scientific
from cisflow.report_tables import read_matches

TOP = 10  # enriched motifs of a target that are listed
NOT_ENRICHED = 8  # motifs of filters that are named though they are not enriched
SOURCE_NAMES = {
    TRAINED: "the trained network",
    "untrained": "the same network before training",
    "permuted": "one trained on permuted labels",
    "column_shuffled": "the columns of its PWMs shuffled",
}


# Nulls of matches ---------------------------------------------------------------------------------------------------


def null_table(filter_rows):
    """Matches of one network beside its nulls, a row a source, over its seeds.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `cisflow.report_rows.filter_row`.

    Returns
    -------
    list of dict
        `name`, `filters`, `without` (dead or without a PWM), `matched`, `share`, `rate` and `p` (ranges over the seeds
        as text); none without calibration.
    """
    table = []
    for source in (TRAINED, *NULLS):
        rows = [row["calibration"][source] for row in filter_rows if source in row["calibration"]]
        if not rows:
            continue
        counted = rows[:1] if source in ("untrained", "permuted") else rows  # one such network stands for all seeds
        total, matched = (math.fsum(row[name] for row in counted) for name in ("n_filters", "n_matched"))
        table.append(
            {
                "name": SOURCE_NAMES[source],
                "filters": total,
                "without": sum(row["n_dead"] + row["n_without_pwm"] for row in counted),
                "matched": fixed(matched, 0 if matched == int(matched) else 1),
                "share": percent(matched / total),
                "rate": MISSING if source == TRAINED else ends_of(row["false_discovery_rate"] for row in rows),
                "rate_high": MISSING if source == TRAINED else ends_of(row["fdr_high"] for row in rows),
                "p": MISSING if source == TRAINED else ends_of((row["p"] for row in rows), write=scientific),
            }
        )
    return table


# Enrichment in the data ---------------------------------------------------------------------------------------------


def seeds_that_found(members, match_q):
    """In how many seeds of a network a filter matches each database motif.

    Parameters
    ----------
    members : list of dict
        Its runs with filters, with their `filter_row`.
    match_q : float
        Criterion of a match.

    Returns
    -------
    dict[str, (int, int)]
        Motif to the seeds in which it is a filter's best match, and those in which a filter matches it at all (of
        siblings only one is best).
    """
    best, alike = {}, {}
    for run in members:
        matches, _ = read_matches(run["motif_matches"])
        for motif in {target for (_, target), match in matches.items() if match["q-value"] < match_q}:
            alike[motif] = alike.get(motif, 0) + 1
        for motif in run["filter_row"]["motifs"]:
            best[motif] = best.get(motif, 0) + 1
    return {motif: (best.get(motif, 0), alike.get(motif, 0)) for motif in {**alike, **best}}


def enrichment_section(entry, members, match_q):
    """What the training rows hold of known motifs, beside what the filters of one network match.

    Parameters
    ----------
    entry : dict
        With the path `motif_enrichment`.
    members : list of dict
        Runs of one network, those with filters; none where no network has some.
    match_q : float
        Criterion of a match.

    Returns
    -------
    dict or None
        None without the table, or where nothing was tested.
    """
    motifs_of = read_enrichment(entry["motif_enrichment"]) if entry.get("motif_enrichment") else {}
    if not motifs_of:
        return None
    found, n_seeds = seeds_that_found(members, match_q), len(members)
    model = members[0]["model"] if members else ""
    targets = [_enriched(target, motifs, found, n_seeds, model) for target, motifs in motifs_of.items()]
    enriched = {row["motif"] for motifs in motifs_of.values() for row in motifs if _is_enriched(row)}
    names = {row["motif"]: row["name"] or row["motif"] for motifs in motifs_of.values() for row in motifs}
    other = sorted((motif for motif, (best, _) in found.items() if best and motif not in enriched), key=str)
    return {
        "model": model,
        "n_seeds": n_seeds,
        "targets": targets,
        "not_enriched": listed((names.get(motif, motif) for motif in other), NOT_ENRICHED) if other else "",
        "significant": SIGNIFICANT,
        "is_binary": entry["task"] == "binary",
    }


def _is_enriched(row):
    return row["q"] < SIGNIFICANT and row["odds"] > 1


def _enriched(target, motifs, found, n_seeds, model):
    """The motifs of one target with the smallest p-values."""
    enriched = [row for row in motifs if _is_enriched(row)]
    rows = []
    for row in enriched[:TOP]:
        best, alike = found.get(row["motif"], (0, 0))
        rows.append(
            {
                **row,
                "label": row["name"] or row["motif"],
                "positive": row["n_positive_with"] / row["n_positive"],
                "negative": row["n_negative_with"] / row["n_negative"],
                "odds": fixed(row["odds"], 1) if is_known(row["odds"]) else "∞",
                "seeds": alike,
                "found": f"best match in {best} of {n_seeds}"
                if best
                else f"like a filter in {alike} of {n_seeds}"
                if alike
                else "not found",
            }
        )
    text = (
        f"{target}: {len(enriched):,} of {count_of(len(motifs), 'known motif')} "
        f"{'is' if len(enriched) == 1 else 'are'} enriched"
    )
    seen = [row for row in rows if row["seeds"]]
    unseen = [row["label"] for row in rows if not row["seeds"]]
    sentences = []
    if rows and n_seeds:
        text += f"; of the first {len(rows)}, filters of {model} match {len(seen)}"
        if seen:
            cases = listed((f"{row['label']} ({row['seeds']} of {count_of(n_seeds, 'seed')})" for row in seen), TOP)
            sentences.append(("Enriched and found", cases))
        if unseen:
            sentences.append(("Enriched and not found", listed(unseen, TOP)))
    return {"target": target, "sentence": f"{text}.", "sentences": sentences, "rows": rows}
