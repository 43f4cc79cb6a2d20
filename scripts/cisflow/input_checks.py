"""A look at every input before the first job: all problems at once, in seconds, whatever the size of the data.

Small files are read whole by the readers that the jobs use. Of large ones the beginning is read here, and the rest by
the job that needs it; the table of what was looked at says so.
"""

import os

import pandas as pd

from cisflow.bigwig_files import check_bigwig
from cisflow.checksums import check_sha256
from cisflow.chromosome_names import check_names, read_aliases
from cisflow.fasta import records, stale_index_problem
from cisflow.fasta_sizes import chromosome_sizes
from cisflow.folds import SPLITS, check_fold_names
from cisflow.meme import read_meme
from cisflow.messages import InputError
from cisflow.peak_files import read_peaks
from cisflow.sequence_table import read_sequences
from cisflow.text_files import open_binary

LINES_IN_ALL = 1_000_000  # of all peak files together
FEWEST_LINES = 1_000  # of each of them
WHOLE_FASTA = 64 << 20  # bytes of a FASTA file whose sequences are read here
WHOLE_TABLE = 64 << 20  # likewise of a table of sequences
HASHED_IN_ALL = 1 << 30  # bytes of files that are held against their checksums here


class InputChecks:
    """What was looked at, and the problems that were found.

    Attributes
    ----------
    problems : list of InputError
    looked_at : list of (str, str, str)
        File, what it is, and how much of it was read.
    """

    def __init__(self):
        self.problems, self.looked_at, self.left_to_hash = [], [], HASHED_IN_ALL

    def look(self, path, kind, read, accepted=()):
        """Read a file with `read`, which says how much it read; keep its mistake instead of raising it.

        Returns
        -------
        bool
            Whether the file is sound as far as it was read.
        """
        try:
            if accepted and os.path.getsize(path) <= self.left_to_hash:
                self.left_to_hash -= os.path.getsize(path)
                check_sha256(path, accepted, path)
            self.looked_at.append((path, kind, read()))
        except InputError as error:
            self.problems.append(error)
            return False
        except OSError as error:
            what = f"{path} cannot be read: {error.strerror or error}"
            self.problems.append(InputError(what, f"it is named as {kind}", "check that it exists and may be read"))
            return False
        return True


def check_genome(checks, fasta, accepted, fold_chromosomes):
    """Look at the genome; its chromosome sizes, or nothing where they cannot be had."""
    sizes = {}

    def read():
        open_binary(fasta).close()  # which refuses folders, pipes and devices: a pipe would be waited for without end
        try:
            sizes.update(chromosome_sizes(fasta))
        except ValueError as error:
            if os.path.getsize(fasta) > WHOLE_FASTA:
                found = f"found that {error}, expected FASTA, plain, gzip or bgzip"
                raise InputError(f"{fasta} is no whole FASTA file", found, "fetch it again") from error
        whole = os.path.getsize(fasta) <= WHOLE_FASTA
        if whole:
            sizes.clear()
            sizes.update({name: len(sequence) for name, sequence in records(fasta)})
        stale = stale_index_problem(fasta, sizes)
        if stale:
            raise stale
        check_fold_names(fold_chromosomes, sizes)
        return f"{len(sizes)} sequences, {sum(sizes.values()):,} bases" + (
            "" if whole else " (names and lengths alone)"
        )

    checks.look(fasta, "genome", read, accepted)
    return sizes


def check_peak_file(checks, path, kind, sizes, names, max_lines, accepted=(), rank_by=None, value=None):
    """Look at a peak file or another BED file; its peaks, or None where they cannot be had."""
    found = {}

    def read():
        found["peaks"] = peaks = read_peaks(path, sizes, names, rank_by or None, value or None, max_lines)
        if sizes:
            check_names(path, peaks, sizes)
        if peaks.empty and kind in ("peaks", "negatives"):
            why = "found no line of intervals, expected at least one"
            raise InputError(f"{path} holds no {kind}", why, "name the right file in the sheet, or remove the row")
        partly = len(peaks) and int(peaks["line"].iloc[-1]) >= max_lines
        return f"the first {len(peaks)} intervals" if partly else f"all {len(peaks)} intervals"

    whole = checks.look(path, kind, read, accepted)
    return found["peaks"] if whole else None


def check_positives_possible(checks, dataset, peaks_by_target, folds, min_positives, sizes):
    """Tell which splits of named folds cannot have enough positives, however many windows are kept."""
    for name, fold in folds.items():
        if "k" in fold or "column" in fold:
            continue
        named = {chrom for split in SPLITS for chrom in fold.get(split) or ()}
        for split in SPLITS:
            chosen = fold.get(split) or ([chrom for chrom in sizes if chrom not in named] if split == "train" else [])
            lacking = [
                f"{count} of {target}"
                for target, peaks in peaks_by_target.items()
                if peaks is not None and (count := int(peaks["chrom"].isin(chosen).sum())) < min_positives
            ]
            if lacking:
                where = f"dataset {dataset}, fold {name}, split {split} ({', '.join(chosen[:8])})"
                found = f"found {', '.join(lacking[:10])}; expected at least {min_positives} of each target"
                cure = "choose other chromosomes under `folds`, or lower splits.min_positives"
                checks.problems.append(InputError(f"{where} has too few peaks", found, cure))


def check_inputs(genome, motifs, datasets, tracks, folds, fold_chromosomes, min_positives, sequence_columns):
    """Look at every input.

    Parameters
    ----------
    genome : dict
        `fasta`, `excluded` and `aliases`: paths or None; `fasta_accepted` and `excluded_accepted`: checksums. Empty
        where no genome is needed.
    motifs : list of (str, list of str)
        The motif database and its accepted checksums.
    datasets : dict of str -> list of dict
        Rows of the sheet, with `task`.
    tracks : list of dict
        Rows of the sheet of tracks.
    folds : dict
        See `cisflow.folds.groups_of_splits`.
    fold_chromosomes : list of str
        All chromosomes that the folds name.
    min_positives : int
    sequence_columns : dict
        Columns of tables of sequences.

    Returns
    -------
    InputChecks
    """
    checks, sizes, names = InputChecks(), {}, {}
    for path, accepted in motifs:
        checks.look(path, "motif database", lambda path=path: f"{len(read_meme(path))} motifs", accepted)
    rows = [row for own in datasets.values() for row in own]
    if genome:
        sizes = check_genome(checks, genome["fasta"], genome["fasta_accepted"], fold_chromosomes)
        if genome["aliases"] and sizes:

            def read():
                names.update(read_aliases(genome["aliases"], sizes))
                return f"{len(names)} names"

            checks.look(genome["aliases"], "chromosome names", read)
    n_files = sum(bool(row[column]) for row in rows for column in ("peaks", "weak_peaks", "negatives"))
    max_lines = max(FEWEST_LINES, LINES_IN_ALL // max(n_files, 1))
    if genome and genome["excluded"]:
        check_peak_file(
            checks, genome["excluded"], "excluded regions", sizes, names, max_lines, genome["excluded_accepted"]
        )
    seen, signals = {}, {}
    for dataset, own in datasets.items():
        by_target = {}
        for row in own:
            for column in ("peaks", "weak_peaks", "negatives"):
                columns = (row["rank_by"], row["value"]) if column == "peaks" else ()
                path, key = row[column], (row[column], column, *columns)
                if path and key not in seen:
                    accepted = row[f"{column}_accepted"]
                    seen[key] = check_peak_file(checks, path, column, sizes, names, max_lines, accepted, *columns)
            if row["peaks"]:
                peaks = seen[row["peaks"], "peaks", row["rank_by"], row["value"]]
                partly = peaks is not None and int(peaks["line"].iloc[-1]) >= max_lines
                by_target[row["target"]] = None if partly else peaks
            if row["signal"]:
                signals[row["signal"]] = row["signal_accepted"]
        if any(row["signal"] for row in own) and all(peaks is not None for peaks in by_target.values()):
            # A signal is measured in every window, whichever target's peak it comes of.
            everywhere = pd.concat(list(by_target.values()), ignore_index=True) if by_target else None
            by_target |= {row["target"]: everywhere for row in own if row["signal"]}
        if sizes and by_target:
            check_positives_possible(checks, dataset, by_target, folds, min_positives, sizes)
        if own[0]["sequences"]:
            check_table(checks, own, folds, sequence_columns)
    signals |= {row["signal"]: row["signal_accepted"] for row in tracks}
    for path, accepted in signals.items() if sizes else ():
        check_signal(checks, path, accepted, sizes, names)
    return checks


def check_signal(checks, path, accepted, sizes, names):
    """Look at a bigWig."""
    checks.look(path, "signal", lambda: f"{len(check_bigwig(path, sizes, names))} chromosomes of the genome", accepted)


def check_table(checks, rows, folds, columns):
    """Look at a table of sequences."""
    path = rows[0]["sequences"]
    split = next((fold["column"] for fold in folds.values() if "column" in fold), None)
    values = {row["target"]: row["value"] or row["target"] for row in rows}

    def read():
        if os.path.getsize(path) > WHOLE_TABLE:
            return "nothing but its existence: it is large, and read when it is needed"
        table = read_sequences(path, {**columns, "split": split}, values, rows[0]["task"])
        return f"all {len(table)} sequences"

    checks.look(path, "sequences", read, rows[0]["sequences_accepted"])
