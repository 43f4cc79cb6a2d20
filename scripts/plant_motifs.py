"""A set of simulated sequences: motifs planted into background, the targets that follow from them, and the truth."""

import pandas as pd

from cisflow.meme import Motif, read_meme, write_meme
from cisflow.messages import InputError, run_script
from cisflow.planting import consensus_pwm, is_quantity, plant_set, planted_pwm, truth_rows

SITE_COLUMNS = ["sequence", "motif", "start", "end", "strand", "instance"]


def chosen_motifs(settings, database):
    """The motifs of a set, as its instances come of them.

    Parameters
    ----------
    settings : dict
        An entry of `planted`, with its defaults.
    database : str or None
        MEME file of the motifs without a consensus of their own.

    Returns
    -------
    list of cisflow.meme.Motif
    """
    known, found = read_meme(database) if database else {}, []
    for name, motif in settings["motifs"].items():
        if motif["consensus"]:
            pwm, alternate, nsites = consensus_pwm(motif["consensus"]), "", None
        elif name in known:
            pwm, alternate, nsites = known[name].pwm, known[name].name, known[name].nsites
        else:
            raise InputError(
                f"{database} has no motif {name}",
                f"found {len(known)} motifs, expected this one among them",
                "mend the identifier in the section `planted`, or write a consensus",
            )
        pwm = planted_pwm(pwm, motif["instances"], motif["mutation_rate"])
        found.append(Motif(name, alternate, pwm, nsites))
    return found


def main(settings, database, outputs):
    """Plant a set.

    Parameters
    ----------
    settings : dict
        An entry of `planted`, with its defaults.
    database : str or None
    outputs : dict of str -> str
        Paths of `sequences` (name, sequence, split, class, targets; of quantities `{target}_expected` too, without
        noise), `sites` (sequence, motif, start, end, strand, instance; of quantities `{target}_effect`), `motifs` and
        `truth` (what is known of each target, by split).
    """
    motifs = chosen_motifs(settings, database)
    sequences, sites, n_redrawn = plant_set(settings, {motif.identifier: motif.pwm for motif in motifs})
    effects = [f"{name}_effect" for name, target in settings["targets"].items() if is_quantity(target)]
    tables = {
        "sequences": pd.DataFrame(sequences),
        "sites": pd.DataFrame(sites, columns=[*SITE_COLUMNS, *effects]),
        "truth": pd.DataFrame(truth_rows(sequences, settings["targets"])),
    }
    for name, table in tables.items():
        table.to_csv(outputs[name], sep="\t", index=False, float_format="%.6g")
    write_meme(outputs["motifs"], motifs)
    print(
        f"{len(sequences):,} sequences of {settings['length']} bases, {len(sites):,} instances of {len(motifs)} motifs"
    )
    print(tables["sites"].groupby(["motif", "strand"]).size().to_string())
    print(f"elements of {n_redrawn} sequences did not fit at first and were drawn anew")
    print(tables["truth"].to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(snakemake.params.settings, snakemake.input.get("database") or None, dict(snakemake.output.items()))
