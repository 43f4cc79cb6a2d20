"""Splits by named chromosomes."""

import numpy as np

from cisflow.messages import InputError

SPLITS = ("train", "val", "test")


def chromosomes_of(fold, sizes):
    """The chromosomes of each split.

    Parameters
    ----------
    fold : dict of str -> list of str
        `val`, `test` and perhaps `train`; without it, every other chromosome is for training.
    sizes : dict of str -> int
        The genome's chromosomes.

    Returns
    -------
    dict of str -> list of str
        Keys train, val and test; chromosomes in the order of the genome.

    Raises
    ------
    InputError
        If the genome lacks a chromosome.
    """
    named = [chrom for chroms in fold.values() for chrom in chroms]
    missing = [chrom for chrom in named if chrom not in sizes]
    if missing:
        raise InputError(
            f"the fold names chromosomes that the genome lacks: {', '.join(missing)}",
            f"the genome has {', '.join(list(sizes)[:30])}{', ...' if len(sizes) > 30 else ''}",
            "mend the names under `folds` in the configuration",
        )
    wanted = {split: fold.get(split) for split in SPLITS}
    if wanted["train"] is None:
        wanted["train"] = [chrom for chrom in sizes if chrom not in named]
    return {split: [chrom for chrom in sizes if chrom in wanted[split]] for split in SPLITS}


def split_windows(windows, chromosomes, targets):
    """The windows of each split.

    Parameters
    ----------
    windows : pandas.DataFrame
        `chrom` and one column a target.
    chromosomes : dict of str -> list of str
        See `chromosomes_of`.
    targets : list of str

    Returns
    -------
    dict of str -> pandas.DataFrame

    Raises
    ------
    InputError
        If a split has no window of some target.
    """
    splits = {
        split: windows[windows["chrom"].isin(chroms)].reset_index(drop=True) for split, chroms in chromosomes.items()
    }
    lacking = [
        f"{split} ({', '.join(chromosomes[split]) or 'no chromosome'}) has no window of {target}"
        for split, part in splits.items()
        for target in targets
        if not (part[target] == 1).any()
    ]
    if lacking:
        raise InputError(
            "a split lacks positives",
            "; ".join(lacking),
            "choose chromosomes under `folds` that hold peaks of every target",
        )
    return splits


def split_report_rows(split, windows, gc, targets, chromosomes):
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
