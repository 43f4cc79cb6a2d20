"""The steps that windows of a genome and sequences of a table share on their way into train, val and test."""

import numpy as np
import pandas as pd

# Test is settled first, then val, then train: what leaks is taken from the split that is trained on, or chosen by.
ORDER = ("test", "val", "train")


def settled_rows(audit, assigned, loci_of, bases_of_rows):
    """Take the rows of each split that the audit keeps, before anything is drawn for any of them.

    Parameters
    ----------
    audit : cisflow.leak_audit.LeakAudit
    assigned : dict of str -> pandas.DataFrame
        Rows of each split.
    loci_of, bases_of_rows : callable
        Give the stored intervals, and the bases, of some rows.

    Returns
    -------
    dict of str -> (pandas.DataFrame, numpy.ndarray)
        Rows that stay and their bases.

    Raises
    ------
    InputError
        If rows leak and the audit is to stop at that.
    """
    kept = {}
    for split in ORDER:
        rows = assigned[split]
        keep = audit.settle(split, loci_of(rows), bases_of_rows(rows))
        kept[split] = rows[keep].reset_index(drop=True), audit.settled[split][1]
    audit.check()  # before anything is drawn, and before a split is refused for what the audit took from it
    return kept


def generators(seed):
    """A generator for each split: the draw of one does not hang on the size of another."""
    return {split: np.random.default_rng([seed, number]) for number, split in enumerate(ORDER)}


def number_of_negatives(split, n_positives, options):
    """How many negatives a split gets.

    Parameters
    ----------
    split : str
    n_positives : int
    options : dict
        `per_positive_training` for train, `per_positive` for the splits that are judged by.

    Returns
    -------
    int
    """
    return round(options["per_positive_training" if split == "train" else "per_positive"] * n_positives)


def named_negatives(drawn, split, targets, value):
    """Drawn windows as rows of a split: a name of kind, split and number, and a value of every target."""
    names = drawn["kind"] + f"_{split}_" + (drawn.groupby("kind").cumcount() + 1).astype(str)
    values = pd.DataFrame(value, drawn.index, targets)
    return pd.concat([drawn.assign(name=names, strand="."), values], axis=1)
