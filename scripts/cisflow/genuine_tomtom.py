"""The MEME suite's own Tomtom (Gupta et al. 2007), where it is installed, beside memelite's.

It is run as memelite computes: Euclidean distance, complete scores, no pseudocount, any overlap, both strands, and
without a threshold, so that q-values are over all targets.
"""

import io
import shutil
import subprocess

import numpy as np
import pandas as pd

from cisflow.messages import InputError
from cisflow.motif_matching import COLUMNS

OPTIONS = ["-no-ssc", "-dist", "ed", "-motif-pseudo", "0", "-min-overlap", "1", "-thresh", "1", "-text"]
KEYS = ["Query_ID", "Target_ID"]


def run_tomtom(queries_path, targets_path):
    """Tomtom's table of all matches.

    Parameters
    ----------
    queries_path, targets_path : str or Path
        In MEME format.

    Returns
    -------
    table : pandas.DataFrame
        Tomtom's columns.
    command : list of str

    Raises
    ------
    InputError
        If no `tomtom` is on the path, or it fails.
    """
    program = shutil.which("tomtom")
    if program is None:
        raise InputError(
            "there is no `tomtom` to compare with",
            "none of the folders in PATH has it",
            "install the MEME suite (`conda install -c bioconda meme`), or leave this comparison out",
        )
    command = [program, *OPTIONS, str(queries_path), str(targets_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"`{' '.join(command)}` failed with exit status {done.returncode}",
            done.stderr.strip()[-500:] or "it said nothing",
            "run it by hand; `tomtom --version` should be 5.0 or later",
        )
    table = pd.read_csv(io.StringIO(done.stdout), sep="\t", comment="#", dtype=dict.fromkeys(KEYS, str))
    if list(table.columns) != COLUMNS:
        raise InputError(
            f"{program} wrote another table than Tomtom's",
            f"found the columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}",
            "`tomtom --version` should be 5.0 or later",
        )
    return table, command


def compare_tables(ours, genuine, q_value):
    """Differences of two tables of Tomtom, over the pairs that both list.

    Parameters
    ----------
    ours, genuine : pandas.DataFrame
    q_value : float
        Criterion of a match.

    Returns
    -------
    pairs : pandas.DataFrame
        `Query_ID`, `Target_ID`, `p` and `p_tomtom`, `log10_ratio` of the two, `q`, `q_tomtom`, `same_place` (offset,
        overlap and orientation); the largest differences first.
    summary : pandas.DataFrame
        `quantity` and `value`.
    """
    pairs = ours.merge(genuine, on=KEYS, suffixes=("", "_tomtom"))
    place = ["Optimal_offset", "Overlap", "Orientation"]
    same = np.logical_and.reduce([pairs[name] == pairs[f"{name}_tomtom"] for name in place])
    ratio = np.log10(pairs["p-value"] / pairs["p-value_tomtom"].clip(lower=np.finfo(float).tiny))
    differences = pd.DataFrame(
        {
            **{name: pairs[name] for name in KEYS},
            "p": pairs["p-value"],
            "p_tomtom": pairs["p-value_tomtom"],
            "log10_ratio": ratio,
            "q": pairs["q-value"],
            "q_tomtom": pairs["q-value_tomtom"],
            "same_place": np.where(same, "yes", "no"),
        }
    )
    best, best_genuine = (
        table.sort_values("p-value", kind="stable").drop_duplicates("Query_ID").set_index("Query_ID")
        for table in (ours, genuine)
    )
    shared = best.index.intersection(best_genuine.index)
    of_both = best.loc[shared, "Target_ID"] == best_genuine.loc[shared, "Target_ID"]
    summary = pd.DataFrame(
        [
            ("pairs that both list", len(pairs)),
            ("largest difference of log10 p", float(ratio.abs().max())),
            ("correlation of log10 p", float(np.log10(pairs["p-value"]).corr(np.log10(pairs["p-value_tomtom"])))),
            ("pairs at the same place", int(same.sum())),
            ("queries of both", len(shared)),
            ("queries with the same best target", int(of_both.sum())),
            (f"queries that match at q < {q_value:g}", int((best["q-value"] < q_value).sum())),
            (f"queries that match at q < {q_value:g} by tomtom", int((best_genuine["q-value"] < q_value).sum())),
        ],
        columns=["quantity", "value"],
    )
    return differences.sort_values("log10_ratio", key=np.abs, ascending=False, kind="stable"), summary
