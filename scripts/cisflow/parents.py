"""What a network that another one starts from, or whose features it is read for, has seen of this fold's test data.

A parent is described by the record of its model.pt: `chromosomes` (of each split, the names of its chromosomes or other
groups of rows), `genome`, `genome_sha256`, `config_sha256` and, if it had a parent itself, `parent`, a like record.
"""

import re

INHERITED = ("chromosomes", "genome", "genome_sha256", "config_sha256", "fold", "seed", "parent")
MOST_NAMES = 12  # that a warning lists
# Names that mean something within one table of sequences alone: its clusters, and its splits where a column says them.
OF_ONE_TABLE = re.compile(r"cluster_\d+|train|val|test")
HONEST = "; test metrics stay honest"  # unless something else is to be said of them
TEXTS = {
    # Its weights, or the epoch that was kept, rest on what is tested here.
    "parent_saw_test": (
        "the parent network {how}, which this fold tests on: the test metrics are too good and cannot be compared"
        " with others; take a parent that was trained on a fold with the same test chromosomes"
    ),
    # Its weights rest on what is chosen by here.
    "parent_saw_val": (
        "the parent network was trained on {val}, which this fold validates on: validation losses are too good, and"
        " what is chosen by them may be chosen wrongly" + HONEST
    ),
    "parent_other_genome": (
        "the parent network was trained on genome {theirs}, these data are of {ours}: names of chromosomes do not tell"
        " what it has seen of the test split or of its homologues{how}"
    ),
    "parent_unknown": (
        "the parent network was trained on {data}: if sequences of the test split ({test}), or copies of them, were"
        " among them, the test metrics are too good"
    ),
}


def record_of_parent(record):
    """What is kept of a parent's record within that of its child, and is enough for `parent_warnings`.

    Parameters
    ----------
    record : dict or None
        Of the parent's model.pt; None if nothing is known.

    Returns
    -------
    dict
        Plain values; empty if nothing is known.
    """
    return {key: record[key] for key in INHERITED if key in (record or {})}


def listed(names):
    """Names of chromosomes in a sentence, the first dozen."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def are_same_rows(record, about):
    """Whether two networks were given the same rows in the same splits."""
    return bool(record.get("config_sha256")) and record["config_sha256"] == about.get("config_sha256")


def are_of_one_genome(record, about):
    """Whether chromosomes of one name are one chromosome, by the checksum of the genome or by its name."""
    return any(record.get(key) and record[key] == about.get(key) for key in ("genome_sha256", "genome"))


def comparable_names(record, groups_of_splits, about):
    """The parent's chromosomes of train and val, as far as names say what they are; and whether all do.

    Returns
    -------
    seen : dict of str -> set of str
    all_are : bool
    """
    seen = {split: set(record["chromosomes"].get(split, ())) for split in ("train", "val")}
    if are_same_rows(record, about):
        return seen, True
    here = {name for names in groups_of_splits.values() for name in names}
    theirs = {name for names in record["chromosomes"].values() for name in names}
    all_are = bool(here & theirs) and not any(OF_ONE_TABLE.fullmatch(name) for name in here | theirs)
    return {
        split: {name for name in names if not OF_ONE_TABLE.fullmatch(name)} for split, names in seen.items()
    }, all_are


def parent_warnings(parent_record, groups_of_splits, about=None):
    """What must be said beside results that rest on a parent network.

    Parameters
    ----------
    parent_record : dict or None
        See above; None or empty for a network that was not trained here.
    groups_of_splits : dict of str -> list of str
        Chromosomes (or clusters, or names of splits) of `train`, `val` and `test` in this fold, as in groups.tsv.
    about : dict, optional
        `genome`, `genome_sha256` and `config_sha256` of the data of this fold, as an HDF5 split has them. Without it,
        chromosomes of one name are taken to be one chromosome.

    Returns
    -------
    list of (str, str)
        Kind (a key of `TEXTS`) and text of each warning; empty if nothing speaks against the results.
    """
    record, about = parent_record or {}, about or {}
    tested, validated = groups_of_splits["test"], groups_of_splits["val"]
    if not record.get("chromosomes", {}).get("train"):
        return [("parent_unknown", TEXTS["parent_unknown"].format(data="data that are not known", test=listed(tested)))]
    theirs = listed(sorted(record["chromosomes"]["train"]))
    seen, all_are_comparable = comparable_names(record, groups_of_splits, about)
    in_test = {split: [name for name in tested if name in seen[split]] for split in seen}
    of_val = [name for name in validated if name in seen["train"]]
    parts = [f"was trained on {listed(in_test['train'])}"] * bool(in_test["train"])
    parts += [f"had its epoch chosen on {listed(in_test['val'])}"] * bool(in_test["val"])
    how = " and ".join(parts)
    found = []

    def warn(kind, **words):
        found.append((kind, TEXTS[kind].format(**words)))

    if about and not are_same_rows(record, about) and not are_of_one_genome(record, about):
        genomes = {"theirs": record.get("genome") or "?", "ours": about.get("genome") or "?"}
        warn("parent_other_genome", **genomes, how=f"; if both are versions of one genome, it {how}" if how else "")
    else:
        if not all_are_comparable:
            warn("parent_unknown", data=f"groups of another kind ({theirs})", test=listed(tested))
        if how:
            warn("parent_saw_test", how=how)
        if of_val:
            warn("parent_saw_val", val=listed(of_val))
    if record.get("parent") is not None:
        older = parent_warnings(record["parent"], groups_of_splits, about)
        found += [(kind, f"of the network that the parent itself started from: {text}") for kind, text in older]
    if any(kind != "parent_saw_val" for kind, _ in found):
        return [(kind, text.removesuffix(HONEST)) for kind, text in found]
    return found


def on_one_line(text):
    """A warning without the tabs and line breaks that would make another column or row of it."""
    return " ".join(text.split())


def tell_warning(kind, text, name=""):
    """Print a warning.

    Parameters
    ----------
    kind, text : str
    name : str
        What it is of, where a job has several.
    """
    print(f"WARNING ({kind}) {f'{name}: ' if name else ''}{on_one_line(text)}", flush=True)


def write_warnings(path, rows):
    """Write warnings as a table, also if there are none.

    Parameters
    ----------
    path : str or Path
        TSV with the columns `kind` and `warning`.
    rows : sequence of (str, str)
    """
    with open(path, "w", encoding="utf-8") as file:
        file.write("kind\twarning\n")
        for kind, text in rows:
            file.write(f"{kind}\t{on_one_line(text)}\n")
