"""What the filters of a network found of the planted motifs and of their sites in the test split."""

import pandas as pd

from cisflow.meme import read_meme
from cisflow.messages import run_script
from cisflow.planted_truth import CRITERION, found_motifs, named_sites, planted_table, stored_sites
from cisflow.window_table import read_windows

BED_COLUMNS = ["chrom", "start", "end", "filter", "score", "strand"]


def read_filter_sites(path):
    """Sites of filters, BED with or without a header."""
    table = pd.read_csv(path, sep="\t", names=BED_COLUMNS, dtype=str, keep_default_na=False)
    table = table[~table["chrom"].isin(["chrom", "#chrom"])]
    return table.astype({"start": "int64", "end": "int64"})


def main(motifs, sites, sequences, test, filters, statuses, filter_sites, database, database_name, threads, output):
    """Write the planted motifs with what was found of them.

    Parameters
    ----------
    motifs, sites, sequences : str
        Of the planted set.
    test : str
        The test split's BED file.
    filters, statuses, filter_sites : str
        PWMs of the filters that have one, the table of all, and their sites (BED).
    database, database_name : str
    threads : int
    output : str
    """
    planted, rows = list(read_meme(motifs).values()), read_windows(test)
    status = pd.read_csv(statuses, sep="\t")["status"]
    queries = list(read_meme(filters).values()) if (status == "ok").any() else []
    known = list(read_meme(database).values())
    found = found_motifs(queries, planted, known, threads)
    table = pd.read_csv(sites, sep="\t", keep_default_na=False)
    truth, n_cut = stored_sites(table, pd.read_csv(sequences, sep="\t", keep_default_na=False), rows)
    own, ambiguous = named_sites(read_filter_sites(filter_sites), rows)
    truth = truth[~truth["sequence"].isin(ambiguous)]
    names = [name for name in rows["name"] if name not in ambiguous]
    table = planted_table(planted, found, own, truth, names)
    with open(output, "w", encoding="utf-8") as out:
        table.to_csv(out, sep="\t", index=False, float_format="%.6g")
        out.write(f"# {CRITERION}\n# database: {database_name} ({len(known)} motifs)\n")
    print(table.to_string(index=False))
    print(f"{int(table['found'].sum())} of {len(planted)} planted motifs found by {len(queries)} PWMs; {CRITERION}")
    print(f"left out: {n_cut} sites beyond the stored sequences, {len(ambiguous)} sequences that share a cluster")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.motifs,
            snakemake.input.sites,
            snakemake.input.sequences,
            snakemake.input.test,
            snakemake.input.filters,
            snakemake.input.statuses,
            snakemake.input.filter_sites,
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.threads,
            snakemake.output.found,
        )
