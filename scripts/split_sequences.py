"""The rows of a table of sequences shared out to train, val and test: by chromosome, cluster, or as a column says."""

import numpy as np
import pandas as pd

from cisflow.folds import SPLITS, check_positives, groups_of_splits
from cisflow.genome import bases_of
from cisflow.intervals import NO_LOCUS
from cisflow.leak_audit import LeakAudit
from cisflow.messages import InputError, run_script
from cisflow.shuffling import dinucleotide_shuffles, tiled
from cisflow.split_outputs import write_splits
from cisflow.split_tables import with_composition
from cisflow.splitting import ORDER, generators, named_negatives, number_of_negatives, settled_rows
from cisflow.window_table import read_windows, widened


def assigned_rows(table, fold):
    """The rows of each split, and what each split is made of.

    A row without a place has its cluster for a chromosome; with named chromosomes it is for training.

    Returns
    -------
    rows : dict of str -> pandas.DataFrame
    groups : dict of str -> list of str
        Chromosomes or clusters; names of the splits themselves where a column says the split.
    """
    if "column" in fold:
        return {split: table[table["split"] == split].reset_index(drop=True) for split in SPLITS}, {
            split: [split] for split in SPLITS
        }
    names = table["cluster" if fold.get("by") == "cluster" else "chrom"]
    if fold.get("by") != "cluster" and (table["chrom"] == table["cluster"]).all():
        raise InputError(
            "the table of sequences has no chromosomes, but the folds go by chromosome",
            "found no column for sequences.chrom, expected one, or folds by similarity",
            "name the column under sequences.chrom, or write `folds: {k: 5, by: cluster}`",
        )
    counts = names.value_counts().to_dict()
    sizes = {name: counts[name] for name in dict.fromkeys(names)}
    if "k" not in fold:
        # Folds are shared with peaks and with other tables: not every chromosome need be in this one.
        absent = [name for split in SPLITS for name in fold.get(split) or () if name not in sizes]
        if absent:
            print(f"no row is on {', '.join(absent)}, which the fold names")
        fold = {split: [name for name in fold[split] if name in sizes] for split in SPLITS if fold.get(split)}
    groups = groups_of_splits(fold, counts, sizes)
    return {split: table[names.isin(groups[split])].reset_index(drop=True) for split in SPLITS}, groups


def shuffles_wanted(table, targets, task, options):
    """Whether negatives must be made: all labels are 1, and the configuration asks for shuffles."""
    numbers = {key: options[key] for key in ("per_positive", "per_positive_training")}
    if task != "binary" or (table[targets] == 0).any(axis=None) or not any(numbers.values()):
        return False
    if not all(numbers.values()):
        raise InputError(
            "every sequence is labelled 1, and a split is to have no negatives",
            f"{', '.join(f'negatives.{key} is {n:g}' for key, n in numbers.items())}; expected both above 0",
            "raise the one that is 0, or give a table with negatives",
        )
    if set(options["kinds"]) != {"dinucleotide_shuffle"}:
        raise InputError(
            "every sequence is labelled 1, and negatives cannot be drawn from a genome",
            f"negatives.kinds has {', '.join(options['kinds'])}; expected dinucleotide_shuffle alone, or labels 0",
            "write `negatives: {kinds: {dinucleotide_shuffle: 1}}`, or give a table with negatives",
        )
    return True


def main(windows, fold, targets, settings, seed, threads, outputs):
    """Write one BED file a split, with a column a target and the sequences, and the tables that say what is in them.

    Parameters
    ----------
    windows : str
        windows.tsv, with sequences as stored.
    fold : dict
        `column`; or `k`, `number` and `by`; or lists of chromosomes.
    targets : list of str
    settings : dict
        `task`, `max_jitter`, `min_positives`, `transform`, `negatives` (`per_positive`, `per_positive_training`,
        `kinds`) and `leakage` (`policy`, `kmer_length`, `min_containment`).
    seed, threads : int
    outputs : dict of str -> str
        Paths of train, val, test, groups, report, leakage, negatives, distributions, balance and scaling.
    """
    table = read_windows(windows)
    task, options, jitter = settings["task"], settings["negatives"], settings["max_jitter"]
    width = len(table["sequence"].iloc[0])
    assigned, groups = assigned_rows(table, fold)
    check_positives(assigned, targets, task, settings["min_positives"], groups)
    with_shuffles = shuffles_wanted(table, targets, task, options)

    def stored(rows):
        """Stored intervals for the audit, which compares places only of rows that have one."""
        return widened(rows, jitter).assign(chrom=rows["chrom"].mask(rows["chrom"] == rows["cluster"], NO_LOCUS))

    def stored_bases(rows):
        return bases_of(rows["sequence"], width)

    audit = LeakAudit(**settings["leakage"], threads=threads)
    kept = settled_rows(audit, assigned, stored, stored_bases)
    checked = {split: rows for split, (rows, _) in kept.items()}
    check_positives(
        checked, targets, task, settings["min_positives"], groups, " once copies of other splits are dropped"
    )

    rngs, splits, accounts = generators(seed), {}, []
    for split in ORDER:
        rows, bases = kept[split]
        # Where labels are given, rows without any label 1 are the negatives of the distributions.
        is_positive = (rows[targets] == 1).any(axis=1) if task == "binary" else np.ones(len(rows), dtype=bool)
        rows = rows.assign(kind=np.where(is_positive, "positive", "given"))
        if with_shuffles:
            count = number_of_negatives(split, len(rows), options)

            def is_refused(drawn, drawn_bases, split=split):
                return audit.leaks_elsewhere(split, drawn.assign(chrom=NO_LOCUS), drawn_bases)

            template = tiled(np.arange(len(rows)), count, rngs[split])
            drawn = dinucleotide_shuffles(widened(rows, jitter), bases, template, is_refused, rngs[split])
            drawn_bases = bases_of(drawn["sequence"], width)
            audit.add(split, drawn.assign(chrom=NO_LOCUS), drawn_bases)
            drawn = widened(drawn, -jitter).assign(kind="dinucleotide_shuffle")
            rows = pd.concat([rows, named_negatives(drawn, split, targets, 0.0)], ignore_index=True)
            bases = np.concatenate([bases, drawn_bases])
            number = {"wanted": count, "drawn": len(drawn)}
            accounts += [
                {"split": split, "kind": "dinucleotide_shuffle", "outcome": name, "count": n}
                for name, n in number.items()
            ]
        splits[split] = with_composition(rows, bases)
    audit.finish(outputs["leakage"])
    used = np.concatenate([assigned[split]["name"].to_numpy(dtype=object) for split in SPLITS])
    unused = table[~table["name"].isin(used)]
    unused = with_composition(unused, stored_bases(unused))
    write_splits(outputs, splits, unused, groups, targets, task, settings["transform"], accounts)


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.windows,
            snakemake.params.fold,
            snakemake.params.targets,
            snakemake.params.settings,
            snakemake.params.seed,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
