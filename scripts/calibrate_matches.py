"""How many filters match the motif database, beside how many would if nothing had been learned."""

import pandas as pd

from cisflow.match_calibration import calibrate, sentences
from cisflow.meme import read_meme
from cisflow.messages import InputError, run_script
from cisflow.motif_matching import informative_targets


def main(networks, database_path, database_name, q_value, bounds, n_shuffles, seed, threads, output):
    """Write the table of calibration.

    Parameters
    ----------
    networks : dict of str -> (str, str)
        `trained`, and `untrained` and `permuted` where they are there: PWMs of the filters that have one
        (`filters.meme`), and statuses of all (`filter_sites.tsv`).
    database_path, database_name : str
    q_value : float
        The criterion in use.
    bounds : (float, float)
        `trim_information`, `min_information`; see `cisflow.motif_matching.informative_targets`.
    n_shuffles, seed : int
    threads : int
    output : str
    """
    read = {}
    for source, (meme_path, sites_path) in networks.items():
        statuses = pd.read_csv(sites_path, sep="\t")["status"]
        motifs = read_meme(meme_path).values() if (statuses == "ok").any() else []
        read[source] = statuses, [motif.pwm for motif in motifs]
    targets, _ = informative_targets(read_meme(database_path).values(), *bounds)
    if not targets:
        raise InputError(
            f"{database_path} has no motif to match against",
            f"all of them have fewer than {bounds[1]:g} bits a position or next to no informative ones",
            "name a database of binding motifs in `motifs`, or lower `filters.min_information`",
        )
    table = calibrate(read, [motif.pwm for motif in targets], q_value, n_shuffles, seed, threads)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(f"{len(targets)} motifs of {database_name}; {n_shuffles} shuffles of the columns of each PWM, seed {seed}")
    print("\n".join(sentences(table)))
    print(table.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            {
                source: (snakemake.input[f"{source}_meme"], snakemake.input[f"{source}_sites"])
                for source in ("trained", "untrained", "permuted")
                if snakemake.input.get(f"{source}_meme")
            },
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.params.q_value,
            snakemake.params.bounds,
            snakemake.params.n_shuffles,
            snakemake.params.seed,
            snakemake.threads,
            snakemake.output.calibration,
        )
