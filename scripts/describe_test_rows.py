"""What is known of each row of the test split: GC content, likeness to training rows, strength of its peaks."""

import numpy as np
import pandas as pd

from cisflow.messages import run_script
from cisflow.row_properties import gc_of, largest_containment, letters_of, strongest_peaks
from cisflow.sequences import central
from cisflow.split_file import LOCI_AND_TARGETS, ROWS_AT_ONCE, read_blocks, read_split
from cisflow.strata import STRENGTH
from cisflow.window_table import read_peak_table


def read_letters(path, length=None):
    """The sequences of a split, as uint8 ASCII (N, L): their central windows, or all that is stored of them."""
    blocks = (rows["one_hot"] for rows in read_blocks(path, ["one_hot"], ROWS_AT_ONCE))
    return np.concatenate([letters_of(central(block, length) if length else block) for block in blocks])


def main(train_path, test_path, peaks_path, kmer_length, output):
    """Describe the rows.

    Parameters
    ----------
    train_path, test_path : str
    peaks_path : str or None
        Peaks of the dataset, with their strength.
    kmer_length : int
        Of the k-mers by which sequences are compared.
    output : str
        `chrom`, `start`, `end`, `name` of the rows in their order, `gc` and `similarity` of their windows (to the
        training sequences as stored), and `{target}_strength` of targets whose peaks have one.
    """
    split = read_split(test_path, LOCI_AND_TARGETS)
    about = split["attributes"]
    jitter, bases = int(about["max_jitter"]), read_letters(test_path, int(about["window_length"]))
    rows = pd.DataFrame(
        {
            "chrom": split["chrom"],
            "start": split["start"] + jitter,
            "end": split["end"] - jitter,
            "name": split["name"],
            "gc": gc_of(bases),
            "similarity": largest_containment(bases, read_letters(train_path), kmer_length),
        }
    )
    if peaks_path:
        peaks = read_peak_table(peaks_path)
        peaks = peaks[(peaks["fate"] == "kept") & peaks["strength"].notna()]
        for target in about["target_names"]:
            own = peaks[peaks["target"] == target]
            if len(own):
                rows[f"{target}{STRENGTH}"] = strongest_peaks(rows["chrom"], rows["start"], rows["end"], own)
    rows.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(rows.drop(columns=["start", "end"]).describe().to_string())


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.train,
            snakemake.input.test,
            snakemake.input.get("peaks") or None,
            snakemake.params.kmer_length,
            snakemake.output.rows,
        )
