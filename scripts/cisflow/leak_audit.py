"""The leakage audit of one fold: rows of its splits are compared with one another, and so is what is drawn for them."""

import numpy as np
import pandas as pd

from cisflow.intervals import INTERVAL
from cisflow.leakage import KINDS, find_leaks, leakage_rows
from cisflow.messages import InputError

PAIRS = (("train", "val"), ("train", "test"), ("val", "test"))
MOST_NAMED = 5  # pairs of copies that a message shows


class LeakAudit:
    """The rows of settled splits, and the count of what was found to copy or overlap them.

    Rows of the user's data are settled first, split after split, and what is found among them is the user's to decide
    about. What is drawn afterwards (negatives) is compared with all of them: what leaks is drawn anew, whatever the
    policy.

    Parameters
    ----------
    policy : str
        `drop`: rows that leak are taken out of the split that is settled later, so that they never leave the one whose
        numbers are reported; `warn`: they stay and are counted; `error`: they stay, and `finish` refuses the splits.
    kmer_length, min_containment : int, float
        What near-duplicates are: see `cisflow.similarity`.
    threads : int
    """

    def __init__(self, policy, kmer_length, min_containment, threads=1):
        self.policy = policy
        self.criteria = (kmer_length, min_containment)
        self.threads = threads
        self.settled = {}  # split -> loci and bases of what stands in it
        self.leaks = {pair: [] for pair in PAIRS}  # what find_leaks said of the rows of the first split, in parts
        self.redrawn = {(pair, kind): 0 for pair in PAIRS for kind in KINDS}
        self.examples = []

    def _leaks(self, split, loci, bases):
        """What is found in every other settled split: pairs of its name and a table of leaks."""
        others = {other: rows for other, rows in self.settled.items() if other != split}
        if not others or not len(loci):
            return
        # All splits at once, since most rows are found in none; then split by split for those that are found.
        every_locus = pd.concat([other_loci for other_loci, _ in others.values()], ignore_index=True)
        every_base = np.concatenate([other_bases for _, other_bases in others.values()])
        anywhere = find_leaks(bases, loci, every_base, every_locus, *self.criteria, self.threads)
        rows = np.flatnonzero(anywhere[list(KINDS)].any(axis=1))
        for other, (other_loci, other_bases) in others.items():
            leaks = pd.DataFrame({**dict.fromkeys(KINDS, False), "partner": -1}, index=np.arange(len(loci)))
            if len(rows):
                part = (bases[rows], loci.iloc[rows], other_bases, other_loci)
                found = find_leaks(*part, *self.criteria, self.threads)
                leaks.iloc[rows] = found.to_numpy()
            yield other, leaks

    def settle(self, split, loci, bases):
        """Settle the rows of a split: compare them with the splits that were settled before, and keep them.

        Parameters
        ----------
        split : str
        loci : pandas.DataFrame
            `chrom`, `start`, `end` of the stored windows; chromosome `.` for rows that have no place.
        bases : numpy.ndarray of uint8, shape (len(loci), width)
            Their sequences in ASCII, upper case.

        Returns
        -------
        numpy.ndarray of bool, shape (len(loci),)
            Which rows are kept: those that do not leak, or all of them unless the policy is `drop`.
        """
        leaky = np.zeros(len(loci), dtype=bool)
        for other, leaks in self._leaks(split, loci, bases):
            self.leaks[split, other].append(leaks)
            found = leaks[list(KINDS)].any(axis=1).to_numpy()
            self._note_examples(split, other, loci, leaks, found)
            leaky |= found
        keep = ~leaky if self.policy == "drop" else np.ones(len(loci), dtype=bool)
        self.add(split, loci[keep], bases[keep])
        return keep

    def leaks_elsewhere(self, split, loci, bases):
        """Which windows drawn for a split leak into another one, so that others must be drawn: bool, one a window."""
        leaky = np.zeros(len(loci), dtype=bool)
        for other, leaks in self._leaks(split, loci, bases):
            pair = (split, other) if (split, other) in PAIRS else (other, split)
            for kind in KINDS:
                self.redrawn[pair, kind] += int(leaks[kind].sum())
            leaky |= leaks[list(KINDS)].any(axis=1).to_numpy()
        return leaky

    def add(self, split, loci, bases):
        """Let rows stand in a split: those of other splits are compared with them from now on."""
        loci = loci[INTERVAL].reset_index(drop=True)
        if split in self.settled:
            loci = pd.concat([self.settled[split][0], loci], ignore_index=True)
            bases = np.concatenate([self.settled[split][1], bases])
        self.settled[split] = (loci, bases)

    def _note_examples(self, split, other, loci, leaks, found):
        for row in np.flatnonzero(found)[: MOST_NAMED - len(self.examples)]:
            kind = next(name for name in KINDS if leaks[name].iloc[row])
            places = [loci.iloc[row], self.settled[other][0].iloc[leaks["partner"].iloc[row]]]
            shown = [f"{place['chrom']}:{place['start']}-{place['end']}" for place in places]
            self.examples.append(f"{kind}: {split} {shown[0]} and {other} {shown[1]}")

    def table(self):
        """The rows of leakage.tsv.

        Returns
        -------
        pandas.DataFrame
            `split`, `other_split`, `kind`, `found`, `dropped`, `left`, `redrawn`, `criterion`: rows of the user's data
            that were found, dropped and left, and drawn windows for which others were drawn.
        """
        rows = []
        for (split, other), parts in self.leaks.items():
            nothing = pd.DataFrame(columns=KINDS, dtype=bool)
            leaks = pd.concat(parts, ignore_index=True) if parts else nothing
            dropped = np.full(len(leaks), self.policy == "drop")  # of those that leak; `leakage_rows` counts no others
            rows += leakage_rows(split, other, leaks, dropped, *self.criteria)
        table = pd.DataFrame(rows)
        redrawn = [self.redrawn[(row.split, row.other_split), row.kind] for row in table.itertuples()]
        table.insert(table.columns.get_loc("criterion"), "redrawn", redrawn)
        return table

    def check(self):
        """Print what was found so far, and say in words what is left of it.

        Returns
        -------
        list of str
            What is left.

        Raises
        ------
        InputError
            If the policy is `error` and something was found.
        """
        table = self.table()
        print(table.drop(columns="criterion").to_string(index=False))
        left = table[table["left"] > 0]
        counts = [f"{row.left} {row.kind} of {row.split} in {row.other_split}" for row in left.itertuples()]
        if self.policy == "error" and counts:
            raise InputError(
                "the splits leak: rows of one stand in another",
                "; ".join(counts) + "\n" + "\n".join(self.examples),
                "have them dropped from the split that is trained on (splits.leakage: drop), or share rows out anew",
            )
        return counts

    def finish(self, path):
        """Write leakage.tsv; see `check`."""
        self.table().to_csv(path, sep="\t", index=False)
        left = self.check()
        if left:
            print(f"WARNING: rows of one split stand in another and stay (splits.leakage: warn): {', '.join(left)}")
