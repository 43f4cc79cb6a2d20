"""The PWMs of the filters matched against the motif database, or several of them together."""

from importlib.metadata import version

import pandas as pd

from cisflow.meme import MIN_POSITIONS, read_meme
from cisflow.messages import InputError, run_script
from cisflow.motif_matching import FEWEST_TARGETS, informative_targets, match_motifs


def criterion_lines(n_of_database, n_set_aside, q_value, bounds):
    """What was matched against what, and what a match is: lines for the end of the table and for the log.

    Parameters
    ----------
    n_of_database : dict of str -> int
        Motifs of each database that were matched against.
    n_set_aside : int
        Those that were not.
    q_value : float
    bounds : (float, float)

    Returns
    -------
    list of str
    """
    n_targets = sum(n_of_database.values())
    lines = [f"database: {name} ({number} motifs)" for name, number in n_of_database.items()]
    if len(lines) > 1:
        lines.append(
            f"all {n_targets} motifs are one list of targets: p-values, E-values and q-values are over them all"
        )
    lines.append(
        f"{n_set_aside} near-uniform motifs set aside (fewer than {MIN_POSITIONS} positions of {bounds[0]:g} bits,"
        f" or fewer than {bounds[1]:g} bits a position)"
    )
    if n_targets < FEWEST_TARGETS:
        lines.append(
            f"p-values are inaccurate: their null is drawn from {n_targets} motifs, fewer than {FEWEST_TARGETS}"
        )
    lines.append(
        f"Tomtom by memelite {version('memelite')}: Euclidean distance, complete scores, no motif pseudocount, both"
        " strands"
    )
    lines.append(f"a filter matches if the best q-value is below {q_value:g}; q is Benjamini-Hochberg within a query")
    return lines


def main(
    meme_path,
    sites_path,
    database_path,
    database_name,
    origins_path,
    influence_path,
    clusters_path,
    q_value,
    bounds,
    threads,
    matches_output,
    filters_output,
):
    """Write Tomtom's table and the filters with their best matches.

    Parameters
    ----------
    meme_path, sites_path : str
        PWMs of the filters that have one; status of all.
    database_path, database_name : str
    origins_path : str or None
        Table `motif database` where the database was joined from several; otherwise all motifs are of `database_name`.
    influence_path, clusters_path : str or None
        What `measure_influence` and `cluster_filters` write. The influence of a filter is the change of the loss where
        its output is set to its mean.
    q_value : float
        Criterion of a match, printed with it.
    bounds : (float, float)
        `trim_information`, `min_information`; see `cisflow.motif_matching.informative_targets`.
    threads : int
    matches_output, filters_output : str
    """
    filters = pd.read_csv(sites_path, sep="\t")
    queries = list(read_meme(meme_path).values()) if (filters["status"] == "ok").any() else []
    database = read_meme(database_path)
    origin = dict.fromkeys(database, database_name)
    if origins_path:
        origins = pd.read_csv(origins_path, sep="\t", dtype=str, keep_default_na=False)
        origin = dict(zip(origins["motif"], origins["database"], strict=True))
    targets, set_aside = informative_targets(database.values(), *bounds)
    if not targets:
        raise InputError(
            f"{database_path} has no motif to match against",
            f"all of them have fewer than {bounds[1]:g} bits a position or next to no informative ones",
            "name a database of binding motifs in `motifs`, or lower `filters.min_information`",
        )
    matches = match_motifs(queries, targets, threads)
    # Behind Tomtom's columns, so that what reads them, by name or by place, finds them.
    matches["Target_database"] = matches["Target_ID"].map(origin)
    n_of_database = pd.Series([origin[motif.identifier] for motif in targets]).value_counts(sort=False).to_dict()
    lines = criterion_lines(n_of_database, len(set_aside), q_value, bounds)
    with open(matches_output, "w", encoding="utf-8") as out:
        matches.to_csv(out, sep="\t", index=False, float_format="%.6g")
        out.write("\n" + "".join(f"# {line}\n" for line in lines))
    best = matches.groupby("Query_ID", sort=False).first() if len(matches) else matches.set_index("Query_ID")
    filters["best_match"] = filters["filter"].map(best["Target_ID"])
    filters["best_match_name"] = filters["best_match"].map({key: motif.name for key, motif in database.items()})
    filters["best_match_p"] = filters["filter"].map(best["p-value"])
    filters["best_match_q"] = filters["filter"].map(best["q-value"])
    if influence_path:
        influence = pd.read_csv(influence_path, sep="\t").query("kind == 'mean'").set_index("filter")["loss_change"]
        filters["influence"] = filters["filter"].map(influence)
    if clusters_path:
        clusters = pd.read_csv(clusters_path, sep="\t").set_index("filter")["cluster"]
        filters["cluster"] = filters["filter"].map(clusters).astype("Int64")
    filters.to_csv(filters_output, sep="\t", index=False, float_format="%.6g")
    matched = int((filters["best_match_q"] < q_value).sum())
    print("\n".join(lines))
    for motif in set_aside:
        print(f"set aside: {motif.identifier} {motif.name}")
    print(
        f"{matched} of {len(filters)} filters ({matched / len(filters):.0%}) match at q < {q_value:g};"
        f" {int((filters['status'] != 'ok').sum())} of them are dead or without a PWM"
    )


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.meme,
            snakemake.input.sites,
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.input.get("origins") or None,
            snakemake.input.get("influence") or None,
            snakemake.input.get("clusters") or None,
            snakemake.params.q_value,
            snakemake.params.bounds,
            snakemake.threads,
            snakemake.output.matches,
            snakemake.output.filters,
        )
