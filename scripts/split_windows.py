"""The windows of a dataset shared out to train, val and test by chromosome, each split with its negatives."""

import numpy as np
import pandas as pd

from cisflow.chromosome_names import read_aliases
from cisflow.folds import SPLITS, check_positives, groups_of_splits
from cisflow.genome import open_genome, read_bases
from cisflow.intervals import INTERVAL, NO_LOCUS, read_regions, touches
from cisflow.leak_audit import LeakAudit
from cisflow.messages import run_script
from cisflow.negatives import Ground, draw_negatives, read_pools
from cisflow.sheet_rows import with_files
from cisflow.split_outputs import write_splits
from cisflow.split_tables import with_composition
from cisflow.splitting import ORDER, generators, named_negatives, number_of_negatives, settled_rows
from cisflow.target_signals import measured_targets
from cisflow.window_table import read_peak_table, read_windows, widened


def main(windows, peaks, excluded, fasta, aliases, pool, fold, dataset, rows, settings, seed, threads, outputs):
    """Write one BED file a split, with a column a target, and the tables that say what is in them.

    Parameters
    ----------
    windows, peaks, excluded, fasta : str
        windows.tsv, every peak of the dataset, excluded regions and the indexed genome.
    aliases : str or None
        Table of chromosome names, for the user's own files.
    pool : str or None
        Peaks of all datasets, for negatives of kind `other_peaks`.
    fold : dict
        See `cisflow.folds.groups_of_splits`.
    dataset : str
    rows : list of dict
        Rows of the sheet: `target`, `signal`, `negatives`.
    settings : dict
        `task`, `length`, `max_jitter`, `edge_margin`, `max_n_fraction`, `min_positives`, `transform`; `negatives`
        (`per_positive`, `per_positive_training`, `kinds` and what these need of `max_gc_difference`, `flank_distance`,
        `avoid_excluded`), `leakage` (`policy`, `kmer_length`, `min_containment`) and `signals` (`statistic`, `width`,
        `missing`).
    seed, threads : int
    outputs : dict of str -> str
        Paths of train, val, test, groups, report, leakage, negatives, distributions, balance and scaling.
    """
    genome = open_genome(fasta)
    names = read_aliases(aliases, genome.sizes)
    targets = [row["target"] for row in rows]
    signals = {row["target"]: row["signal"] for row in rows if row["signal"]}
    task, jitter, options = settings["task"], settings["max_jitter"], settings["negatives"]
    table, every_peak = read_windows(windows), read_peak_table(peaks)
    groups = groups_of_splits(fold, table["chrom"].value_counts().to_dict(), genome.sizes)
    assigned = {split: table[table["chrom"].isin(groups[split])].reset_index(drop=True) for split in SPLITS}
    check_positives(assigned, targets, task, settings["min_positives"], groups)

    def stored(part):
        return widened(part, jitter)

    def stored_bases(part):
        return read_bases(genome, stored(part))

    audit = LeakAudit(**settings["leakage"], threads=threads)
    kept = settled_rows(audit, assigned, stored, stored_bases)
    checked = {split: part for split, (part, _) in kept.items()}
    check_positives(
        checked, targets, task, settings["min_positives"], groups, " once copies of other splits are dropped"
    )

    clear_of = [every_peak[INTERVAL], stored(table)[INTERVAL]]
    if options.get("avoid_excluded"):
        clear_of.append(read_regions(excluded))
    avoid = pd.concat(clear_of, ignore_index=True)
    pools = read_pools(options["kinds"], pool, dataset, rows, genome.sizes, names)
    rngs, splits, accounts = generators(seed), {}, []
    for split in ORDER:
        positives, bases = kept.pop(split)

        def is_refused(drawn, drawn_bases=None, split=split):
            if drawn_bases is None:
                return audit.leaks_elsewhere(split, drawn, read_bases(genome, drawn))
            return audit.leaks_elsewhere(split, drawn.assign(chrom=NO_LOCUS), drawn_bases)  # a shuffle has no place

        width = settings["length"] + 2 * jitter
        ground = Ground(genome, groups[split], width, settings["edge_margin"], avoid, settings["max_n_fraction"])
        count = number_of_negatives(split, len(positives), options)
        drawn, drawn_bases, found = draw_negatives(
            stored(positives), bases, options["kinds"], count, ground, options, pools, is_refused, rngs[split]
        )
        accounts += [{"split": split, **row} for row in found]
        of_genome = drawn["sequence"] == "."
        if touches(drawn[of_genome], avoid).any():
            raise RuntimeError(f"{split}: a negative touches a peak, a positive window or an excluded region")
        audit.add(split, drawn.assign(chrom=drawn["chrom"].where(of_genome, NO_LOCUS)), drawn_bases)
        negatives = named_negatives(widened(drawn, -jitter), split, targets, 0.0 if task == "binary" else np.nan)
        for target, values in measured_targets(negatives, signals, genome.sizes, names, **settings["signals"]).items():
            negatives[target] = values
        positives = positives.assign(kind="positive", sequence=".", strand=".")
        both = pd.concat([positives, negatives], ignore_index=True)
        splits[split] = with_composition(both, np.concatenate([bases, drawn_bases]))
    audit.finish(outputs["leakage"])

    unused = table[~table["chrom"].isin([name for group in groups.values() for name in group])]
    unused = with_composition(unused, stored_bases(unused))
    kept_peaks = every_peak[every_peak["fate"] == "kept"]
    widths = (kept_peaks["end"] - kept_peaks["start"]).to_numpy()
    peak_widths = {split: widths[kept_peaks["chrom"].isin(groups[split]).to_numpy()] for split in SPLITS}
    write_splits(outputs, splits, unused, groups, targets, task, settings["transform"], accounts, peak_widths)


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.windows,
            snakemake.input.peaks,
            snakemake.input.excluded,
            snakemake.input.fasta,
            snakemake.input.get("aliases") or None,
            snakemake.input.get("pool") or None,
            snakemake.params.fold,
            snakemake.wildcards.dataset,
            with_files(snakemake.params.rows, snakemake.input),
            snakemake.params.settings,
            snakemake.params.seed,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
