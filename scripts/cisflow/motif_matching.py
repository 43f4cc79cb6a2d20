"""Matching PWMs to a database by Tomtom (Gupta et al. 2007), as memelite computes it.

memelite's Tomtom is the one of the MEME suite with Euclidean distance, complete scores and no motif pseudocount. The
null of a p-value are columns drawn from the database, so it depends on the database. E is p times the number of
targets, and q is Benjamini-Hochberg over the targets of one query, not over all pairs.
"""

import numpy as np
import pandas as pd
from memelite import tomtom
from scipy.stats import false_discovery_control

from cisflow.meme import consensus, reverse_complement

COLUMNS = [
    "Query_ID",
    "Target_ID",
    "Optimal_offset",
    "p-value",
    "E-value",
    "q-value",
    "Overlap",
    "Query_consensus",
    "Target_consensus",
    "Orientation",
]
LISTED_Q = 0.5  # as Tomtom does, matches beyond this q are not listed; the best one of a query always is


def match_motifs(queries, database, threads):
    """Compare every query with every motif of a database.

    Parameters
    ----------
    queries, database : list of cisflow.meme.Motif
    threads : int

    Returns
    -------
    pandas.DataFrame
        Tomtom's columns, by query in their order and then by p-value. Query position i stands over position
        i + `Optimal_offset` of the target, after the target's reverse complement was taken where `Orientation` is `-`.
    """
    if not queries:
        return pd.DataFrame(columns=COLUMNS)
    as_columns = [np.ascontiguousarray(motif.pwm.T) for motif in queries]
    targets = [np.ascontiguousarray(motif.pwm.T) for motif in database]
    p_values, _, offsets, overlaps, strands = tomtom(as_columns, targets, n_jobs=threads)
    # Near-uniform columns can push the estimate out of its range; a p-value is neither 0 nor above 1.
    p_values = np.clip(p_values, np.finfo(float).tiny, 1)
    rows = []
    for number, query in enumerate(queries):
        q_values = false_discovery_control(p_values[number])
        for rank, target in enumerate(np.argsort(p_values[number], kind="stable")):
            if rank and q_values[target] > LISTED_Q:
                break
            reverse = bool(strands[number, target])
            pwm = reverse_complement(database[target].pwm) if reverse else database[target].pwm
            p_value = float(p_values[number, target])
            rows.append(
                (
                    query.identifier,
                    database[target].identifier,
                    int(offsets[number, target]),
                    p_value,
                    p_value * len(database),
                    float(q_values[target]),
                    int(overlaps[number, target]),
                    consensus(query.pwm),
                    consensus(pwm),
                    "-" if reverse else "+",
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)
