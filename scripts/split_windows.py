"""The windows of a dataset shared out to train, val and test by chromosome, each split with its negatives."""

import numpy as np
import pandas as pd

from cisflow.folds import SPLITS, chromosomes_of, split_windows
from cisflow.genome import read_sizes
from cisflow.intervals import read_regions, touches
from cisflow.messages import run_script
from cisflow.negatives import gc_counts, gc_matched_negatives
from cisflow.window_table import read_windows, widened


def count_rows(split, windows, gc, targets, chromosomes):
    """The rows of the split report for one split: each target's labels and the GC content of its two classes.

    Parameters
    ----------
    split : str
        train, val or test; `none` for windows on chromosomes of no split, which are not used.
    windows : pandas.DataFrame
        With a column a target.
    gc : numpy.ndarray of float, shape (len(windows),)
        Fraction of G or C of the stored windows.
    targets, chromosomes : list of str

    Returns
    -------
    list of dict
        One row a target, and `all`: windows with any label 1 against the drawn negatives.
    """
    rows = []
    for target in [*targets, "all"]:
        label = (windows[targets].max(axis=1) if target == "all" else windows[target]).to_numpy()
        rows.append(
            {
                "split": split,
                "target": target,
                "n_windows": len(windows),
                "n_positive": int((label == 1).sum()),
                "n_negative": int((label == 0).sum()),
                "n_unknown": int(np.isnan(label).sum()),
                "gc_positive": gc[label == 1].mean() if (label == 1).any() else np.nan,
                "gc_negative": gc[label == 0].mean() if (label == 0).any() else np.nan,
                "chromosomes": ",".join(chromosomes),
            }
        )
    return rows


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
        rows += count_rows(split, both, gc, targets, chromosomes[split])
    used = {chrom for names in chromosomes.values() for chrom in names}
    unused = table[~table["chrom"].isin(list(used))]
    if len(unused):
        names = list(unused["chrom"].drop_duplicates())
        gc = gc_counts(widened(unused, jitter), fasta) / (settings["length"] + 2 * jitter)
        rows += count_rows("none", unused, gc, targets, names)
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
