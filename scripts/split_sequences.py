"""The rows of a table of sequences shared out to train, val and test: by chromosome, cluster, or as a column says."""

import numpy as np
import pandas as pd

from cisflow.folds import SPLITS, check_positives, groups_of_splits
from cisflow.genome import bases_of
from cisflow.leak_audit import LeakAudit
from cisflow.messages import InputError, run_script
from cisflow.shuffling import dinucleotide_shuffles, tiled
from cisflow.split_outputs import write_splits
from cisflow.split_tables import with_composition
from cisflow.window_table import read_windows, widened

# Test is settled first, then val, then train: what would leak leaves the split that is trained on, or chosen by.
ORDER = ("test", "val", "train")


def group_names(table, fold):
    """The group of each row that belongs to one split, and every group with its number of rows."""
    has_coordinates = (table["chrom"] != table["cluster"]).any()
    if "column" in fold:
        return table["split"]
    if fold.get("by") == "cluster":
        return table["cluster"]
    if not has_coordinates:
        raise InputError(
            "the table of sequences has no chromosomes, but the folds go by chromosome",
            "found no column for sequences.chrom, expected one, or folds by similarity",
            "name the column under sequences.chrom, or write `folds: {k: 5, by: cluster}`",
        )
    return table["chrom"]


def assigned_rows(table, fold):
    """The rows of each split, and what each split is made of.

    Returns
    -------
    rows : dict of str -> pandas.DataFrame
    groups : dict of str -> list of str
        Chromosomes or clusters; names of the splits themselves where a column says the split.
    """
    names = group_names(table, fold)
    if "column" in fold:
        groups = {split: [split] for split in SPLITS}
    else:
        counts = names.value_counts(sort=False).to_dict()
        groups = groups_of_splits(fold, counts, {name: counts[name] for name in dict.fromkeys(names)})
    return {split: table[names.isin(groups[split])].reset_index(drop=True) for split in SPLITS}, groups


def shuffles_wanted(table, targets, task, options):
    """Whether negatives must be made: all labels are 1, and the configuration asks for shuffles."""
    if task != "binary" or (table[targets] == 0).any(axis=None) or not options["per_positive"]:
        return False
    if set(options["kinds"]) != {"dinucleotide_shuffle"}:
        raise InputError(
            "every sequence is labelled 1, and negatives cannot be drawn from a genome",
            f"negatives.kinds has {', '.join(options['kinds'])}; expected dinucleotide_shuffle alone, or labels 0",
            "write `negatives: {kinds: {dinucleotide_shuffle: 1}}`, or give a table with negatives",
        )
    return True


def main(windows, fold, rows, settings, seed, threads, outputs):
    """Write one BED file a split, with a column a target and the sequences, and the tables that say what is in them.

    Parameters
    ----------
    windows : str
        windows.tsv, with sequences as stored.
    fold : dict
        `column`; or `k`, `number` and `by`; or lists of chromosomes.
    rows : list of dict
        Rows of the sheet.
    settings : dict
        `task`, `max_jitter`, `min_positives`, `transform`, `negatives` (`per_positive`, `kinds`) and `leakage`
        (`policy`, `kmer_length`, `min_containment`).
    seed, threads : int
    outputs : dict of str -> str
        Paths of train, val, test, groups, report, leakage, distributions, balance and scaling.
    """
    table, targets = read_windows(windows), [row["target"] for row in rows]
    task, options, jitter = settings["task"], settings["negatives"], settings["max_jitter"]
    with_coordinates = bool((table["chrom"] != table["cluster"]).any())
    assigned, groups = assigned_rows(table, fold)
    check_positives(assigned, targets, task, settings["min_positives"], groups)
    with_shuffles = shuffles_wanted(table, targets, task, options)
    audit, splits = LeakAudit(**settings["leakage"], threads=threads), {}
    for number, split in enumerate(ORDER):
        rng = np.random.default_rng([seed, number])
        rows_of_split = assigned[split].assign(kind="positive")
        if task == "binary":
            # Where labels are given, rows without any label 1 are the negatives of the distributions.
            rows_of_split.loc[~(rows_of_split[targets] == 1).any(axis=1), "kind"] = "given"
        bases = bases_of(rows_of_split["sequence"], len(table["sequence"].iloc[0]))
        keep = ~audit.refused(split, widened(rows_of_split, jitter), bases, with_coordinates)
        rows_of_split, bases = rows_of_split[keep].reset_index(drop=True), bases[keep]
        audit.add(split, widened(rows_of_split, jitter), bases)
        if with_shuffles:
            count = round(options["per_positive"] * len(rows_of_split))
            stored = widened(rows_of_split, jitter)

            def is_refused(drawn, drawn_bases, split=split):
                return audit.refused(split, drawn, drawn_bases, with_coordinates)

            drawn = dinucleotide_shuffles(stored, bases, tiled(np.arange(len(stored)), count, rng), is_refused, rng)
            drawn_bases = bases_of(drawn["sequence"], bases.shape[1])
            audit.add(split, drawn, drawn_bases)
            drawn = widened(drawn, -jitter).assign(
                kind="dinucleotide_shuffle", strand=".", **dict.fromkeys(targets, 0.0)
            )
            drawn["name"] = [f"dinucleotide_shuffle_{split}_{position}" for position in range(1, count + 1)]
            rows_of_split = pd.concat([rows_of_split, drawn], ignore_index=True)
            bases = np.concatenate([bases, drawn_bases])
        splits[split] = with_composition(rows_of_split, bases)
    check_positives(splits, targets, task, settings["min_positives"], groups)
    audit.finish(outputs["leakage"])
    used = np.concatenate([assigned[split]["name"].to_numpy(dtype=object) for split in SPLITS])
    unused = table[~table["name"].isin(used)]
    unused = with_composition(unused, bases_of(unused["sequence"], len(table["sequence"].iloc[0])))
    write_splits(outputs, splits, unused, groups, targets, task, settings["transform"])


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.windows,
            snakemake.params.fold,
            snakemake.params.rows,
            snakemake.params.settings,
            snakemake.params.seed,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
