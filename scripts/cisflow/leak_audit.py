"""The leakage audit of one fold: splits are settled one after the other, and each is compared with those before it."""

import numpy as np
import pandas as pd

from cisflow.leakage import KINDS, find_leaks, leakage_rows
from cisflow.messages import InputError

PAIRS = (("train", "val"), ("train", "test"), ("val", "test"))
MOST_NAMED = 5  # pairs of copies that a message shows


class LeakAudit:
    """Rows of settled splits, and the count of what was found to copy or overlap them.

    Parameters
    ----------
    policy : str
        `drop`: what leaks is taken out of the split that is settled later, so that it never stands in the one whose
        numbers are reported; `warn`: it stays and is counted; `error`: it stays, and `finish` refuses the splits.
    kmer_length, min_containment : int, float
        What near-duplicates are: see `cisflow.similarity`.
    """

    def __init__(self, policy, kmer_length, min_containment, threads=1):
        self.threads = threads
        self.policy, self.kmer_length, self.min_containment = policy, kmer_length, min_containment
        self.settled = {}  # split -> (loci, bases) of its rows, in parts
        self.leaks = {pair: [] for pair in PAIRS}  # what find_leaks said of the rows of the first split, in parts
        self.examples = []

    def refused(self, split, loci, bases, with_coordinates=True):
        """Which rows of a split that is being settled must not stand in it.

        Parameters
        ----------
        split : str
        loci : pandas.DataFrame
            `chrom`, `start`, `end` of the stored windows.
        bases : numpy.ndarray of uint8, shape (len(loci), width)
            Their sequences in ASCII, upper case.
        with_coordinates : bool
            Whether the loci are places on a genome, which can overlap.

        Returns
        -------
        numpy.ndarray of bool, shape (len(loci),)
            All False unless the policy is `drop`.
        """
        leaky = np.zeros(len(loci), dtype=bool)
        for other, parts in self.settled.items():
            if other == split or not len(loci):
                continue
            other_loci = pd.concat([part[0] for part in parts], ignore_index=True)
            other_bases = np.concatenate([part[1] for part in parts])
            places = (loci, other_loci) if with_coordinates else (None, None)
            leaks = find_leaks(
                bases, places[0], other_bases, places[1], self.kmer_length, self.min_containment, self.threads
            )
            self.leaks[split, other].append(leaks)
            any_kind = leaks[list(KINDS)].any(axis=1).to_numpy()
            leaky |= any_kind
            self._note_examples(split, other, loci, other_loci, leaks, any_kind)
        return leaky if self.policy == "drop" else np.zeros(len(loci), dtype=bool)

    def _note_examples(self, split, other, loci, other_loci, leaks, any_kind):
        for row in np.flatnonzero(any_kind)[: MOST_NAMED - len(self.examples)]:
            kind = next(name for name in KINDS if leaks[name].iloc[row])
            places = [loci.iloc[row]]
            if leaks["partner"].iloc[row] >= 0:
                places.append(other_loci.iloc[leaks["partner"].iloc[row]])
            shown = [f"{place['chrom']}:{place['start']}-{place['end']}" for place in places]
            self.examples.append(f"{kind}: {split} {shown[0]} and {other} {' '.join(shown[1:])}".rstrip())

    def add(self, split, loci, bases):
        """Settle rows: those of other splits are compared with them from now on."""
        if len(loci):
            part = (loci[["chrom", "start", "end"]].reset_index(drop=True), bases)
            self.settled.setdefault(split, []).append(part)

    def table(self):
        """The rows of leakage.tsv.

        Returns
        -------
        pandas.DataFrame
            `split`, `other_split`, `kind`, `found`, `dropped`, `left`, `criterion`; found counts positives and drawn
            negatives, dropped includes negatives for which others were drawn.
        """
        rows = []
        for (split, other), parts in self.leaks.items():
            nothing = pd.DataFrame(columns=KINDS, dtype=bool)
            leaks = pd.concat(parts, ignore_index=True) if parts else nothing
            dropped = np.full(len(leaks), self.policy == "drop")  # of those that leak; `leakage_rows` counts no others
            rows += leakage_rows(split, other, leaks, dropped, self.kmer_length, self.min_containment)
        return pd.DataFrame(rows)

    def finish(self, path):
        """Write leakage.tsv and print it.

        Raises
        ------
        InputError
            If the policy is `error` and something was found.
        """
        table = self.table()
        table.to_csv(path, sep="\t", index=False)
        print(table.drop(columns="criterion").to_string(index=False))
        left = table[table["left"] > 0]
        if self.policy == "error" and len(left):
            counts = [f"{row.left} {row.kind} of {row.split} in {row.other_split}" for row in left.itertuples()]
            raise InputError(
                "the splits leak: rows of one stand in another",
                "; ".join(counts) + "\n" + "\n".join(self.examples),
                "have them dropped from the split that is trained on (splits.leakage: drop), or share rows out anew",
            )
        if len(left):
            kinds = ", ".join(f"{row.left} {row.kind} of {row.split} in {row.other_split}" for row in left.itertuples())
            print(f"WARNING: rows of one split stand in another and stay (splits.leakage: {self.policy}): {kinds}")
