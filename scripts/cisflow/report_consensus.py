"""Filters of all seeds and folds joined by the likeness of their PWMs: which motifs come back in every network."""

from markupsafe import Markup

from cisflow.logos import logo
from cisflow.meme import read_meme
from cisflow.report_numbers import count_of
from cisflow.report_tables import read_rows

MOST_MOTIFS = 12  # that are shown, of those that come back
ALONE = 3  # that are shown where none does


def read_consensus(path):
    """Rows of a `consensus_motifs.tsv`, those found in most networks first.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
    """
    numbers = ["n_runs_with", "n_runs", "n_filters", "n_sites", "information_content", "similarity", "best_match_q"]
    return read_rows(path, numbers, ["cluster", "consensus", "best_match", "best_match_name"])


def consensus_sentence(rows, match_q):
    """How many motifs come back, in words.

    Parameters
    ----------
    rows : list of dict
        Of `read_consensus`.
    match_q : float
        Criterion of a match.

    Returns
    -------
    str
    """
    n_networks = int(rows[0]["n_runs"])
    times = [int(row["n_runs_with"]) for row in rows]
    in_all, in_one = times.count(n_networks), times.count(1)
    n_filters = int(sum(row["n_filters"] for row in rows))
    matched = sum(row["best_match_q"] < match_q for row in rows if row["n_runs_with"] == n_networks)
    text = (
        f"{count_of(n_filters, 'filter')} of {n_networks} networks joined by likeness: {count_of(len(rows), 'motif')}, "
        f"{in_all} of them found in all {n_networks} networks ({matched} matching a known motif at "
        f"q\u00a0<\u00a0{match_q:g})"
    )
    if n_networks > 2:
        text += f", {len(rows) - in_all - in_one} in some"
    return f"{text}, {in_one} in one alone."


def consensus_section(record, match_q):
    """What the page shows of the motifs of one model over its seeds and folds.

    Parameters
    ----------
    record : dict
        Of the model, with the paths `consensus_motifs` and `consensus_meme`, if it has filters.
    match_q : float
        Criterion of a match.

    Returns
    -------
    dict or None
        None without filters, without a PWM, or for one network alone, of which nothing can come back.
    """
    rows = read_consensus(record["consensus_motifs"]) if record.get("consensus_motifs") else []
    if not rows or rows[0]["n_runs"] < 2:
        return None
    motifs, again = read_meme(record["consensus_meme"]), [row for row in rows if row["n_runs_with"] > 1]
    shown = again[:MOST_MOTIFS] or rows[:ALONE]
    return {
        "sentence": consensus_sentence(rows, match_q),
        "rows": [
            {
                **row,
                "logo": Markup(logo(motifs[row["cluster"]].pwm, f"{row['cluster']}: {row['consensus']}")),
                "significant": row["best_match_q"] < match_q,
            }
            for row in shown
        ],
        "left_out": len(rows) - len(shown),
    }
