"""What the filters of a network found of the motifs that were planted, and of the places where they stand.

A planted motif is found if the best match of some filter, in the database together with the planted motifs, is the
planted motif or an equivalent of it, at q < 0.01. Its equivalents are the motifs of the database that it matches itself
at q < 0.01, each counted for that planted motif which matches it best: databases hold a motif in several versions, and
one for each member of a family. q is Benjamini-Hochberg within one query.

A site of a filter and a planted site are the same if they share at least half of the shorter one.
"""

import numpy as np
import pandas as pd

from cisflow.messages import InputError
from cisflow.motif_matching import match_motifs

FOUND_Q = 0.01
FEWEST_SHARED = 0.5  # of the shorter of two sites
CRITERION = (
    f"found: the best match of a filter, in the database together with the planted motifs, is the planted motif or an "
    f"equivalent (a motif of the database that it matches best of all planted ones, at q < {FOUND_Q:g}), at q < "
    f"{FOUND_Q:g}; sites are the same if they share {FEWEST_SHARED:.0%} of the shorter one"
)
SITE_COLUMNS = ("n_sites", "n_recovered", "n_right_strand", "n_filter_sites", "n_filter_sites_right")


def equivalents(planted, database, threads):
    """The planted motif for which each motif of a database counts.

    Parameters
    ----------
    planted, database : list of cisflow.meme.Motif
    threads : int

    Returns
    -------
    dict of str -> (str, str)
        Identifier in the database, or of a planted motif -> planted motif, and `+` or `-`: how the two lie.
    """
    own = {motif.identifier: (motif.identifier, "+") for motif in planted}
    matches = match_motifs(planted, database, threads)
    near = matches[matches["q-value"] < FOUND_Q].sort_values("p-value", kind="stable")
    for row in near.drop_duplicates("Target_ID").to_dict("records"):
        own.setdefault(row["Target_ID"], (row["Query_ID"], row["Orientation"]))
    return own


def found_motifs(filters, planted, database, threads):
    """The best match of every filter, and the planted motif for which it counts.

    Parameters
    ----------
    filters, planted, database : list of cisflow.meme.Motif
    threads : int

    Returns
    -------
    pandas.DataFrame
        By filter: `filter`, `match`, `q`, `motif` (the planted one; missing for other matches) and `orientation` (`-`:
        the filter reads the motif's reverse complement).
    """
    held = {motif.identifier for motif in database}
    targets = [*database, *(motif for motif in planted if motif.identifier not in held)]
    stands_for = equivalents(planted, targets, threads)
    matches = match_motifs(filters, targets, threads)
    rows = []
    for row in matches.drop_duplicates("Query_ID").to_dict("records"):  # by query, the best first
        motif, turn = stands_for.get(row["Target_ID"], (None, "+"))
        lies = "+" if turn == row["Orientation"] else "-"
        rows.append((row["Query_ID"], row["Target_ID"], row["q-value"], motif, lies))
    return pd.DataFrame(rows, columns=["filter", "match", "q", "motif", "orientation"])


def stored_sites(sites, sequences, rows):
    """Planted sites of the rows of a split, in the coordinates of its stored sequences.

    Parameters
    ----------
    sites : pandas.DataFrame
        `sequence` (a name), `motif`, `start`, `end`, `strand`.
    sequences : pandas.DataFrame
        `name`, `sequence`: as they were planted.
    rows : pandas.DataFrame
        Of the split: `name`, `start`, `end`, `sequence` (as stored, perhaps cut or with flanks in lower case).

    Returns
    -------
    kept : pandas.DataFrame
        The sites that lie within the stored sequences.
    n_cut : int
        Sites of the split that do not.

    Raises
    ------
    InputError
        If no row is one of the planted set, or one is not what was planted.
    """
    texts = sequences.set_index("name")["sequence"]
    rows = rows[rows["name"].isin(texts.index)]
    if rows.empty:
        raise InputError(
            "no row of the test split is one of the planted set",
            "found none of its names, expected those of the column `name`",
            "write `sequences: {name: name}` in the configuration",
        )
    shifts = {}
    for name, start, end, stored in zip(rows["name"], rows["start"], rows["end"], rows["sequence"], strict=True):
        planted, bare = texts[name], "".join(base for base in stored if base.isupper())
        if bare not in planted:
            raise InputError(
                f"{name} is not the sequence that was planted",
                f"the split holds {bare[:40]}, the set {planted[:40]}",
                "run the workflow again from the planted set on",
            )
        flank = len(stored) - len(stored.lstrip("acgtn"))
        begin = start - (len(stored) - (end - start)) // 2  # where the stored sequence begins
        shifts[name] = (begin + flank - planted.index(bare), begin, begin + len(stored))
    kept = sites[sites["sequence"].isin(shifts)]
    shift = np.array([shifts[name] for name in kept["sequence"]]).reshape(-1, 3)
    kept = kept.assign(start=kept["start"] + shift[:, 0], end=kept["end"] + shift[:, 0])
    inside = (kept["start"] >= shift[:, 1]) & (kept["end"] <= shift[:, 2])
    return kept[inside].reset_index(drop=True), int((~inside).sum())


def named_sites(filter_sites, rows):
    """Sites of filters by the name of their sequence.

    Parameters
    ----------
    filter_sites : pandas.DataFrame
        `chrom`, `start`, `end`, `filter`, `strand`; `chrom` is the name of the sequence, or what the split holds for it
        (without a place on a genome, its cluster).
    rows : pandas.DataFrame
        Of the split: `name`, `chrom`.

    Returns
    -------
    sites : pandas.DataFrame
        `sequence` in place of `chrom`.
    ambiguous : set of str
        Names of rows that share a chromosome, so that a site on it could be on any of them; such sites are left out.
    """
    shared = rows["chrom"].duplicated(keep=False) & ~rows["name"].isin(filter_sites["chrom"])
    name_of = dict(zip(rows["chrom"][~shared], rows["name"][~shared], strict=True))
    name_of |= {name: name for name in rows["name"]}
    named = filter_sites.assign(sequence=filter_sites["chrom"].map(name_of)).drop(columns="chrom")
    return named[named["sequence"].notna()].reset_index(drop=True), set(rows["name"][shared])


def same_sites(filter_sites, sites):
    """Pairs of a filter's site and a planted site that are the same place of the same sequence.

    Parameters
    ----------
    filter_sites, sites : pandas.DataFrame
        `sequence`, `start`, `end`, `strand`.

    Returns
    -------
    pandas.DataFrame
        `found` and `planted`, positions of the two rows, counted from 0; `offset` of the filter's first base from the
        motif's first base, in the direction in which the motif reads; `same_strand`.
    """
    one = filter_sites[["sequence", "start", "end", "strand"]].reset_index(names="found")
    other = sites[["sequence", "start", "end", "strand"]].reset_index(names="planted")
    pairs = one.merge(other, on="sequence", suffixes=("", "_planted"))
    shared = np.minimum(pairs["end"], pairs["end_planted"]) - np.maximum(pairs["start"], pairs["start_planted"])
    shorter = np.minimum(pairs["end"] - pairs["start"], pairs["end_planted"] - pairs["start_planted"])
    pairs = pairs[shared >= FEWEST_SHARED * shorter]
    forward = pairs["strand_planted"] == "+"
    offset = np.where(forward, pairs["start"] - pairs["start_planted"], pairs["end_planted"] - pairs["end"])
    return pairs.assign(offset=offset, same_strand=pairs["strand"] == pairs["strand_planted"])[
        ["found", "planted", "offset", "same_strand"]
    ]


def recovery(filter_sites, sites, best_filter, next_of):
    """How many planted sites of a motif its filters found, and how many of their sites are such.

    Parameters
    ----------
    filter_sites : pandas.DataFrame
        `sequence`, `start`, `end`, `filter`, `strand`: of the filters that found the motif, strands as the motif reads.
    sites : pandas.DataFrame
        Planted ones of the motif.
    best_filter : str
        Whose offset from the motif is told.
    next_of : dict of str -> str
        Of every sequence of the split another one: planted sites of the one laid over the other are found by chance.

    Returns
    -------
    dict
        Counts `SITE_COLUMNS`, `recall` and `recall_by_chance`, `precision`; `offset`, the commonest one of the best
        filter, and `offset_share`, how common it is among its sites on planted ones.
    """
    filter_sites, sites = filter_sites.reset_index(drop=True), sites.reset_index(drop=True)
    pairs = same_sites(filter_sites, sites)
    chance = same_sites(filter_sites, sites.assign(sequence=sites["sequence"].map(next_of)))
    right = pairs[pairs["same_strand"]]
    numbers = (len(sites), pairs["planted"].nunique(), right["planted"].nunique())
    counts = dict(zip(SITE_COLUMNS, (*numbers, len(filter_sites), pairs["found"].nunique()), strict=True))
    offsets = pairs.loc[pairs["found"].map(filter_sites["filter"]) == best_filter, "offset"].value_counts(
        normalize=True
    )

    def share(part, whole):
        return part / whole if whole else np.nan

    return {
        **counts,
        "recall": share(counts["n_recovered"], len(sites)),
        "recall_by_chance": share(chance["planted"].nunique(), len(sites)),
        "precision": share(counts["n_filter_sites_right"], len(filter_sites)),
        "offset": offsets.index[0] if len(offsets) else np.nan,
        "offset_share": offsets.iloc[0] if len(offsets) else np.nan,
    }


def planted_table(planted, found, filter_sites, sites, names):
    """A row for each planted motif: whether it was found, by which filters, and its sites.

    Parameters
    ----------
    planted : list of cisflow.meme.Motif
    found : pandas.DataFrame
        See `found_motifs`.
    filter_sites : pandas.DataFrame
        See `named_sites`.
    sites : pandas.DataFrame
        See `stored_sites`.
    names : sequence of str
        Rows of the split that both tables speak of.

    Returns
    -------
    pandas.DataFrame
        `motif`, `name`, `found`, `n_filters`, `filters`, `best_filter`, `match`, `q`, and what `recovery` gives. Of a
        motif that was not found, `best_filter`, `match` and `q` are those of the nearest filter, if any filter's best
        match counts for it.
    """
    names = list(names)
    next_of = dict(zip(names, [*names[1:], *names[:1]], strict=True))
    rows = []
    for motif in planted:
        near = found[found["motif"] == motif.identifier].sort_values("q", kind="stable")
        by = near[near["q"] < FOUND_Q]
        lies = dict(zip(by["filter"], by["orientation"], strict=True))
        own = filter_sites[filter_sites["filter"].isin(lies)]
        flipped = own["filter"].map(lies) == "-"
        read = own["strand"].replace(".", "+")
        own = own.assign(strand=np.where(flipped, read.map({"+": "-", "-": "+"}), read))
        best = near.iloc[0].to_dict() if len(near) else {}
        rows.append(
            {
                "motif": motif.identifier,
                "name": motif.name,
                "found": len(by) > 0,
                "n_filters": len(by),
                "filters": ",".join(by["filter"]),
                "best_filter": best.get("filter"),
                "match": best.get("match"),
                "q": best.get("q"),
                **recovery(own, sites[sites["motif"] == motif.identifier], best.get("filter"), next_of),
            }
        )
    return pd.DataFrame(rows)
