"""Matches of the filters by memelite beside those of the MEME suite's own Tomtom, where that is installed."""

import tempfile
from pathlib import Path

from cisflow.genuine_tomtom import compare_tables, run_tomtom
from cisflow.meme import read_meme, write_meme
from cisflow.messages import run_script
from cisflow.motif_matching import informative_targets, match_motifs


def main(meme_path, database_path, q_value, bounds, threads, differences_output, summary_output):
    """Write the differences of both, pair by pair, and what they amount to.

    Parameters
    ----------
    meme_path, database_path : str
    q_value : float
        Criterion of a match.
    bounds : (float, float)
        `trim_information`, `min_information`; see `cisflow.motif_matching.informative_targets`.
    threads : int
    differences_output, summary_output : str
    """
    queries = list(read_meme(meme_path).values())
    targets, _ = informative_targets(read_meme(database_path).values(), *bounds)
    ours = match_motifs(queries, targets, threads)
    with tempfile.TemporaryDirectory() as folder:
        # Both read the same numbers: those of the motifs that are matched against.
        paths = Path(folder) / "filters.meme", Path(folder) / "database.meme"
        write_meme(paths[0], queries)
        write_meme(paths[1], targets)
        genuine, command = run_tomtom(*paths)
    differences, summary = compare_tables(ours, genuine, q_value)
    differences.to_csv(differences_output, sep="\t", index=False, float_format="%.6g")
    summary.to_csv(summary_output, sep="\t", index=False, float_format="%.6g")
    print(" ".join(command))
    print(summary.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.meme,
            snakemake.input.database,
            snakemake.params.q_value,
            snakemake.params.bounds,
            snakemake.threads,
            snakemake.output.differences,
            snakemake.output.summary,
        )
