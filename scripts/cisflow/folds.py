"""Splits by named chromosomes."""

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
