"""The PWMs of the filters matched against the motif database."""

import pandas as pd

from cisflow.meme import read_meme
from cisflow.messages import run_script
from cisflow.motif_matching import match_motifs


def main(meme_path, sites_path, database_path, database_name, q_value, threads, matches_output, filters_output):
    """Write Tomtom's table and the filters with their best matches.

    Parameters
    ----------
    meme_path, sites_path : str
        PWMs of the filters that have one; status of all.
    database_path, database_name : str
    q_value : float
        Criterion of a match, printed with it.
    threads : int
    matches_output, filters_output : str
    """
    filters = pd.read_csv(sites_path, sep="\t")
    queries = list(read_meme(meme_path).values()) if (filters["status"] == "ok").any() else []
    database = read_meme(database_path)
    matches = match_motifs(queries, list(database.values()), threads)
    with open(matches_output, "w", encoding="utf-8") as out:
        matches.to_csv(out, sep="\t", index=False, float_format="%.6g")
        out.write(f"\n# database: {database_name} ({len(database)} motifs)\n")
        out.write("# Tomtom by memelite: Euclidean distance, complete scores, no motif pseudocount, both strands\n")
        out.write(
            f"# a filter matches if the best q-value is below {q_value:g}; q is Benjamini-Hochberg within a query\n"
        )
    best = matches.groupby("Query_ID", sort=False).first() if len(matches) else matches.set_index("Query_ID")
    filters["best_match"] = filters["filter"].map(best["Target_ID"])
    filters["best_match_name"] = filters["best_match"].map({key: motif.name for key, motif in database.items()})
    filters["best_match_p"] = filters["filter"].map(best["p-value"])
    filters["best_match_q"] = filters["filter"].map(best["q-value"])
    filters.to_csv(filters_output, sep="\t", index=False, float_format="%.6g")
    matched = int((filters["best_match_q"] < q_value).sum())
    print(f"{matched} of {len(filters)} filters match a motif of {database_name} at q < {q_value:g}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.meme,
            snakemake.input.sites,
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.params.q_value,
            snakemake.threads,
            snakemake.output.matches,
            snakemake.output.filters,
        )
