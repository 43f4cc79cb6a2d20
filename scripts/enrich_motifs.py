"""Known motifs enriched in the positive windows of the training split, for every target."""

import numpy as np

from cisflow.base_codes import central_codes
from cisflow.meme import read_meme
from cisflow.messages import run_script
from cisflow.motif_enrichment import HIT_P, enriched_motifs
from cisflow.pwm_scan import background_of
from cisflow.split_file import LOCI_AND_TARGETS, ROWS_AT_ONCE, read_blocks, read_split


def main(train_path, database_path, database_name, output):
    """Write the table of enrichment.

    Parameters
    ----------
    train_path : str
        Training rows alone are looked at: validation and test stay unseen.
    database_path, database_name : str
    output : str
    """
    train = read_split(train_path, LOCI_AND_TARGETS)
    about = train["attributes"]
    length, task = int(about["window_length"]), str(about["task"])
    codes = np.concatenate(
        [central_codes(rows["one_hot"], length) for rows in read_blocks(train_path, ["one_hot"], ROWS_AT_ONCE)]
    )
    database = list(read_meme(database_path).values())
    motifs = [motif for motif in database if len(motif.pwm) <= length]
    for motif in database:
        if len(motif.pwm) > length:
            print(f"left out, for it is wider than the windows: {motif.identifier} {motif.name}")
    background = background_of(codes)
    table = enriched_motifs(codes, train["targets"].astype(float), about["target_names"], motifs, background, task)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(
        f"{len(codes)} training windows of {length} bases, {len(motifs)} of {len(database)} motifs of {database_name};"
        f" A C G T = {np.array2string(background, precision=3)}"
    )
    print(f"a window has a motif if its best match, on either strand, has p < {HIT_P:g} a position")
    if task == "regression":
        print("rows above the median of a target count as positive")
    for target in about["target_names"]:
        rows = table[table["target"] == target]
        if rows.empty:
            print(f"{target}: nothing to compare, its training rows are all of one kind")
            continue
        print(f"{target}: {(rows['q'] < 0.05).sum()} of {len(rows)} motifs are enriched at q < 0.05; the first ten:")
        print(rows.head(10).drop(columns=["target", "hit_p", "hit_score"]).to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.train,
            snakemake.input.database,
            snakemake.params.database_name,
            snakemake.output.enrichment,
        )
