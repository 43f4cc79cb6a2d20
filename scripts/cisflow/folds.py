"""Splits: which rows are for training, validation and test."""

from cisflow.messages import InputError

SPLITS = ("train", "val", "test")


def balanced_groups(counts, sizes, k):
    """Share out groups (chromosomes, clusters) to k parts of about as many windows each.

    The largest group goes first, each to the part that holds the fewest windows (Graham 1969: no part ends above 4/3 of
    the best possible). Groups without windows follow by size: negatives may come from them.

    Parameters
    ----------
    counts : dict of str -> int
        Windows of each group.
    sizes : dict of str -> int
        A second measure for groups of as many windows (the length of a chromosome), in the order of the genome.
    k : int

    Returns
    -------
    list of list of str
        k lists; within each, the order of `sizes`.

    Raises
    ------
    InputError
        If fewer than k groups have windows.
    """
    with_windows = [name for name in sizes if counts.get(name, 0)]
    if len(with_windows) < k:
        raise InputError(
            f"folds.k is {k}, but only {len(with_windows)} group(s) hold windows",
            f"found windows on {', '.join(with_windows[:30]) or 'none'}; windows of one group belong to one split",
            f"lower folds.k to {len(with_windows)} or less"
            if len(with_windows) >= 3
            else "give peaks of more chromosomes, or write `by: cluster` beside k for tables of sequences",
        )
    parts, load = [[] for _ in range(k)], [(0, 0)] * k
    for name in sorted(sizes, key=lambda name: (-counts.get(name, 0), -sizes[name])):
        # By windows; groups without any by size alone, or all of them would go to the part with the fewest windows.
        measures = load if counts.get(name, 0) else [size for _, size in load]
        part = min(range(k), key=measures.__getitem__)
        parts[part].append(name)
        load[part] = (load[part][0] + counts.get(name, 0), load[part][1] + sizes[name])
    order = {name: number for number, name in enumerate(sizes)}
    return [sorted(part, key=order.__getitem__) for part in parts]


def groups_of_splits(fold, counts, sizes):
    """The groups (chromosomes, or clusters of similar sequences) of each split.

    Parameters
    ----------
    fold : dict
        Either `val`, `test` and perhaps `train`, lists of names (without `train`, all others are for training); or `k`
        and `number`: of k balanced parts, part `number` (from 1) is for testing, the next one for validation.
    counts : dict of str -> int
        Windows of each group.
    sizes : dict of str -> int
        Every group with its size, in order: the genome's chromosomes with their lengths.

    Returns
    -------
    dict of str -> list of str
        Keys train, val and test.

    Raises
    ------
    InputError
        If a name is unknown, or there are too few groups.
    """
    if "k" in fold:
        parts = balanced_groups(counts, sizes, fold["k"])
        test, val = fold["number"] - 1, fold["number"] % fold["k"]
        train = [name for number, part in enumerate(parts) if number not in (test, val) for name in part]
        order = {name: number for number, name in enumerate(sizes)}
        return {"train": sorted(train, key=order.__getitem__), "val": parts[val], "test": parts[test]}
    named = [name for split in SPLITS for name in fold.get(split) or ()]
    check_fold_names(named, sizes)
    wanted = {split: fold.get(split) for split in SPLITS}
    if wanted["train"] is None:
        wanted["train"] = [name for name in sizes if name not in named]
    return {split: [name for name in sizes if name in wanted[split]] for split in SPLITS}


def check_fold_names(named, sizes):
    """Refuse a fold that names a chromosome which is none of `sizes`."""
    missing = [name for name in named if name not in sizes]
    if missing:
        raise InputError(
            f"the fold names chromosomes that are not there: {', '.join(missing)}",
            f"found {', '.join(list(sizes)[:30])}{', ...' if len(sizes) > 30 else ''}",
            "mend the names under `folds` in the configuration",
        )


def listed_groups(names, most=12):
    """Names of chromosomes or clusters in a message, the first dozen."""
    return (", ".join(names[:most]) or "nothing") + (f", ... ({len(names)} in all)" if len(names) > most else "")


def check_positives(splits, targets, task, min_positives, groups, after=""):
    """Refuse splits that hold too few positives of a target; all of them are told at once.

    Parameters
    ----------
    splits : dict of str -> pandas.DataFrame
        Rows with a column a target.
    targets : list of str
    task : str
        `binary`: labels 1 are counted; `regression`: known values.
    min_positives : int
    groups : dict of str -> list of str
        What each split is made of, for the message.
    after : str
        What was done to the rows before, if something was.

    Raises
    ------
    InputError
    """
    what = "windows labelled 1" if task == "binary" else "rows with a value"
    lacking = []
    for split, part in splits.items():
        for target in targets:
            count = int((part[target] == 1).sum() if task == "binary" else part[target].notna().sum())
            if count < min_positives:
                lacking.append(f"{split} ({listed_groups(groups.get(split, []))}) has {count} of {target}")
    if lacking:
        raise InputError(
            f"{len(lacking)} split(s) lack {what}{after}",
            "; ".join(lacking) + f"; expected at least {min_positives} of each target in each split",
            "share the rows out otherwise (`folds`), leave the target out, or lower splits.min_positives (metrics of "
            "so few rows say little); "
            + (
                "the log says what was dropped" if after else "windows_report.tsv says what was dropped before, and why"
            ),
        )
