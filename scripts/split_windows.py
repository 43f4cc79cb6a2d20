"""The windows of a dataset shared out to train, val and test by chromosome, each split with its negatives."""

import numpy as np
import pandas as pd

from cisflow.chromosome_names import read_aliases
from cisflow.folds import SPLITS, check_positives, groups_of_splits
from cisflow.genome import open_genome, read_bases
from cisflow.intervals import read_regions, touches
from cisflow.leak_audit import LeakAudit
from cisflow.messages import run_script
from cisflow.negatives import Ground, draw_negatives, read_pools
from cisflow.split_outputs import write_splits
from cisflow.split_tables import with_composition
from cisflow.target_signals import measured_targets
from cisflow.window_table import read_peak_table, read_windows, widened

INTERVAL = ["chrom", "start", "end"]
# Test is settled first, then val, then train: what would leak leaves the split that is trained on, or chosen by.
ORDER = ("test", "val", "train")


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
        Rows of the sheet.
    settings : dict
        `task`, `length`, `max_jitter`, `edge_margin`, `max_n_fraction`, `min_positives`, `transform`; `negatives`
        (`per_positive`, `kinds`, `max_gc_difference`, `flank_distance`, `avoid_excluded`), `leakage` (`policy`,
        `kmer_length`, `min_containment`) and `signals` (`statistic`, `width`, `missing`).
    seed, threads : int
    outputs : dict of str -> str
        Paths of train, val, test, groups, report, leakage, distributions, balance and scaling.
    """
    genome = open_genome(fasta)
    names = read_aliases(aliases, genome.sizes)
    targets = [row["target"] for row in rows]
    signals = {row["target"]: row["signal"] for row in rows if row["signal"]}
    table, every_peak = read_windows(windows), read_peak_table(peaks)
    groups = groups_of_splits(fold, table["chrom"].value_counts().to_dict(), genome.sizes)
    assigned = {split: table[table["chrom"].isin(groups[split])].reset_index(drop=True) for split in SPLITS}
    check_positives(assigned, targets, settings["task"], settings["min_positives"], groups)

    jitter, options = settings["max_jitter"], settings["negatives"]
    width = settings["length"] + 2 * jitter
    clear_of = [every_peak[INTERVAL], widened(table, jitter)[INTERVAL]]
    if options["avoid_excluded"]:
        clear_of.append(read_regions(excluded))
    avoid = pd.concat(clear_of, ignore_index=True)
    pools = read_pools(options["kinds"], pool, dataset, rows, genome.sizes, names)
    audit, splits = LeakAudit(**settings["leakage"], threads=threads), {}
    # Values that only a peak has are unknown elsewhere: such targets take no negatives.
    has_negatives = settings["task"] == "binary" or bool(signals)

    for number, split in enumerate(ORDER):
        # A generator of its own for each split: the draw of one does not hang on the size of another.
        rng = np.random.default_rng([seed, number])
        stored = widened(assigned[split], jitter)
        bases = read_bases(genome, stored)
        keep = ~audit.refused(split, stored, bases)
        positives, stored, bases = assigned[split][keep], stored[keep].reset_index(drop=True), bases[keep]
        audit.add(split, stored, bases)

        def is_refused(drawn, drawn_bases=None, split=split):
            return audit.refused(split, drawn, read_bases(genome, drawn) if drawn_bases is None else drawn_bases)

        ground = Ground(genome, groups[split], width, settings["edge_margin"], avoid, settings["max_n_fraction"])
        count = round(options["per_positive"] * len(positives)) if has_negatives else 0
        drawn, drawn_bases = draw_negatives(
            stored, bases, options["kinds"], count, ground, options, pools, is_refused, rng
        )
        audit.add(split, drawn, drawn_bases)
        if touches(drawn[drawn["sequence"] == "."], avoid).any():
            raise RuntimeError(f"{split}: a negative touches a peak, a positive window or an excluded region")
        negatives = widened(drawn, -jitter)
        negatives["name"] = negatives["kind"] + f"_{split}_" + (negatives.groupby("kind").cumcount() + 1).astype(str)
        unmeasured = pd.DataFrame(0.0 if settings["task"] == "binary" else np.nan, negatives.index, targets)
        negatives = pd.concat([negatives, unmeasured], axis=1)
        for target, values in measured_targets(negatives, signals, genome.sizes, names, **settings["signals"]).items():
            negatives[target] = values
        both = pd.concat([positives.assign(kind="positive", sequence="."), negatives], ignore_index=True)
        splits[split] = with_composition(both.assign(strand="."), np.concatenate([bases, drawn_bases]))
    check_positives(splits, targets, settings["task"], settings["min_positives"], groups)
    audit.finish(outputs["leakage"])

    unused = table[~table["chrom"].isin([name for group in groups.values() for name in group])]
    unused = with_composition(unused, read_bases(genome, widened(unused, jitter)))
    kept = every_peak[every_peak["fate"] == "kept"]
    widths = (kept["end"] - kept["start"]).to_numpy()
    peak_widths = {split: widths[kept["chrom"].isin(groups[split]).to_numpy()] for split in SPLITS}
    write_splits(outputs, splits, unused, groups, targets, settings["task"], settings["transform"], peak_widths)


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
            snakemake.params.rows,
            snakemake.params.settings,
            snakemake.params.seed,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
