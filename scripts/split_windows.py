"""The windows of a dataset shared out to train, val and test by chromosome, each split with its negatives."""

import numpy as np
import pandas as pd

from cisflow.folds import SPLITS, chromosomes_of, split_report_rows, split_windows
from cisflow.genome import read_sizes
from cisflow.intervals import read_regions, touches
from cisflow.messages import run_script
from cisflow.negatives import gc_counts, gc_matched_negatives
from cisflow.window_table import read_windows, widened


def main(windows, peaks, excluded, sizes, fasta, fold, targets, settings, seed, outputs, report_output):
    """Write one BED file a split, with a column a target, and a table that counts what is in them.

    Parameters
    ----------
    windows, peaks, excluded, sizes, fasta : str
        windows.tsv, every peak of the dataset, excluded regions, chromosome sizes and the indexed genome.
    fold : dict
        `val`, `test` and perhaps `train`: lists of chromosomes.
    targets : list of str
    settings : dict
        `length`, `max_jitter`, `max_n_fraction`, `per_positive`, `max_gc_difference`.
    seed : int
    outputs : dict of str -> str
        One path for each of train, val and test.
    report_output : str
    """
    lengths = read_sizes(sizes)
    chromosomes = chromosomes_of(fold, lengths)
    table = read_windows(windows)
    jitter = settings["max_jitter"]
    avoid = pd.concat([read_regions(peaks), read_regions(excluded), widened(table, jitter)[["chrom", "start", "end"]]])
    rows = []
    for number, (split, positives) in enumerate(split_windows(table, chromosomes, targets).items()):
        # A generator of its own for each split: the draw of one does not hang on the size of another.
        rng = np.random.default_rng([seed, number])
        stored = widened(positives, jitter)
        positive_gc = gc_counts(stored, fasta)
        width = settings["length"] + 2 * jitter
        negatives = gc_matched_negatives(
            stored,
            chromosomes[split],
            lengths,
            avoid,
            fasta,
            settings["per_positive"],
            settings["max_gc_difference"],
            settings["max_n_fraction"],
            rng,
        )
        if touches(negatives, avoid).any():
            raise RuntimeError(f"{split}: a negative touches a peak, a positive window or an excluded region")
        negative_gc = negatives["gc"].to_numpy()
        clear = widened(negatives, -jitter)[["chrom", "start", "end"]]
        clear["name"] = [f"negative_{split}_{position}" for position in range(1, len(clear) + 1)]
        clear[targets] = 0.0
        both = pd.concat([positives, clear], ignore_index=True)
        both.insert(4, "score", 0)
        both.insert(5, "strand", ".")
        both = both.rename(columns={"chrom": "#chrom"})
        # An empty last field would be a line with a column too few to bedtools.
        both.to_csv(outputs[split], sep="\t", index=False, float_format="%.0f", na_rep="NaN")
        gc = np.concatenate([positive_gc, negative_gc]) / width
        rows += split_report_rows(split, both, gc, targets, chromosomes[split])
    used = {chrom for names in chromosomes.values() for chrom in names}
    unused = table[~table["chrom"].isin(list(used))]
    if len(unused):
        names = list(unused["chrom"].drop_duplicates())
        gc = gc_counts(widened(unused, jitter), fasta) / (settings["length"] + 2 * jitter)
        rows += split_report_rows("none", unused, gc, targets, names)
    report = pd.DataFrame(rows)
    report.to_csv(report_output, sep="\t", index=False, float_format="%.6g")
    print(report.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.windows,
            snakemake.input.peaks,
            snakemake.input.excluded,
            snakemake.input.sizes,
            snakemake.input.fasta,
            snakemake.params.fold,
            snakemake.params.targets,
            snakemake.params.settings,
            snakemake.params.seed,
            {split: snakemake.output[split] for split in SPLITS},
            snakemake.output.report,
        )
