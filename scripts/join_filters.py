"""The filters of several networks (seeds, folds) joined to consensus motifs, and in how many of them each was found."""

import pandas as pd

from cisflow.filter_clusters import joined_motifs
from cisflow.meme import Motif, consensus, information_content, read_meme, write_meme
from cisflow.messages import run_script
from cisflow.motif_matching import match_motifs

MATCH_COLUMNS = {"best_match": "Target_ID", "best_match_p": "p-value", "best_match_q": "q-value"}


def main(runs, meme_paths, sites_paths, database_path, database_name, settings, threads, meme_output, table_output):
    """Write the consensus motifs and their table.

    Parameters
    ----------
    runs : list of str
        Names of the networks, such as `holdout/seed1`.
    meme_paths, sites_paths : list of str
        Of each network the PWMs of the filters that have one, and the status of all.
    database_path, database_name : str
    settings : dict
        `similarity` (see `cisflow.filter_clusters.cluster_pwms`), `trim_information` (bits) and `match_q_value`.
    threads : int
    meme_output, table_output : str
    """
    found = {}
    for run, meme_path, sites_path in zip(runs, meme_paths, sites_paths, strict=True):
        has_pwms = (pd.read_csv(sites_path, sep="\t")["status"] == "ok").any()
        found[run] = list(read_meme(meme_path).values()) if has_pwms else []
    rows = joined_motifs(found, settings["trim_information"], settings["similarity"])
    motifs = [Motif(f"motif_{number}", "", row["pwm"], row["n_sites"]) for number, row in enumerate(rows, start=1)]
    write_meme(meme_output, motifs)
    columns = ["n_runs_with", "n_runs", "n_filters", "n_sites", "similarity", "representative", "filters"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(0, "cluster", [motif.identifier for motif in motifs])
    table.insert(5, "information_content", [float(information_content(motif.pwm).sum()) for motif in motifs])
    table.insert(6, "consensus", [consensus(motif.pwm) for motif in motifs])
    database = read_meme(database_path)
    best = match_motifs(motifs, list(database.values()), threads).drop_duplicates("Query_ID").set_index("Query_ID")
    for column, of_tomtom in MATCH_COLUMNS.items():
        table[column] = table["cluster"].map(best[of_tomtom])
    names = table["best_match"].map({key: motif.name for key, motif in database.items()})
    table.insert(table.columns.get_loc("best_match") + 1, "best_match_name", names)
    q_value, in_all = settings["match_q_value"], int((table["n_runs_with"] == len(runs)).sum())
    with open(table_output, "w", encoding="utf-8") as out:
        table.to_csv(out, sep="\t", index=False, float_format="%.6g")
        out.write(f"\n# database: {database_name} ({len(database)} motifs); a motif matches at q < {q_value:g}\n")
        out.write(f"# clusters: average linkage, mean similarity at least {settings['similarity']:g}\n")
    print(f"{sum(map(len, found.values()))} PWMs of {len(runs)} networks: {len(rows)} motifs, {in_all} found in all")
    print(f"{int((table['best_match_q'] < q_value).sum())} match a motif of {database_name} at q < {q_value:g}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.params.runs,
            snakemake.input.meme,
            snakemake.input.sites,
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.params.settings,
            snakemake.threads,
            snakemake.output.meme,
            snakemake.output.table,
        )
