"""The gapped k-mer support vector machine of LS-GKM (Ghandi et al. 2014, Lee 2016), where it is installed.

Its programs read positives and negatives as FASTA and have their own defaults: the centre-weighted kernel on words of
11 bases, 7 of them informative and up to 3 mismatches. An unknown base is written as N, which they take for an A.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from cisflow.baselines import calibrated, some_rows
from cisflow.messages import InputError

PROGRAMS = ("gkmtrain", "gkmpredict")
THREADS = (16, 4, 1)  # that the programs can use
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)  # by code of the base


def find_programs():
    """Paths of gkmtrain and gkmpredict.

    Raises
    ------
    InputError
        If one is not on PATH.
    """
    paths = {program: shutil.which(program) for program in PROGRAMS}
    missing = [program for program, path in paths.items() if path is None]
    if missing:
        raise InputError(
            f"the baseline gkm_svm needs LS-GKM, and {' and '.join(missing)} cannot be found",
            "no folder of PATH has a program of this name",
            "build LS-GKM (https://github.com/Dongwon-Lee/lsgkm: `make` in src) and put its programs on PATH, or take"
            " gkm_svm out of evaluate.baselines",
        )
    return paths


def write_fasta(path, codes, rows):
    """Write some sequences; each is named by its row."""
    with open(path, "wb") as out:
        for row in rows:
            out.write(b">%d\n%b\n" % (row, LETTERS[codes[row]].tobytes()))


def run_program(command):
    """Run a program; its output goes to the log.

    Raises
    ------
    InputError
        If it fails.
    """
    print("$", " ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    print(done.stdout)
    if done.returncode:
        raise InputError(
            f"{Path(command[0]).name} failed with exit status {done.returncode}",
            "\n".join(done.stdout.splitlines()[-3:]) or "it said nothing",
            "its whole output stands in the log above; run the command by hand, or leave gkm_svm out of"
            " evaluate.baselines",
        )


def read_scores(path, n_rows):
    """Scores that gkmpredict wrote: lines of name and score.

    Parameters
    ----------
    path : Path
    n_rows : int

    Returns
    -------
    numpy.ndarray of float, shape (n_rows,)

    Raises
    ------
    InputError
        If it has not one line for every row, by name.
    """
    scores, n_lines = np.full(n_rows, np.nan), 0
    for line in path.read_text().splitlines():
        name, score = line.split("\t")[:2]
        scores[int(name)] = float(score)
        n_lines += 1
    if n_lines != n_rows or np.isnan(scores).any():
        raise InputError(
            "gkmpredict did not score every sequence",
            f"found {n_lines} scores for {n_rows} sequences",
            "its output stands in the log above; run the command by hand",
        )
    return scores


def fit_gkm_svm(codes, targets, target_names, task, seed, threads, most_rows, cache_mb=1000):
    """A gapped k-mer SVM for every target.

    Its scores of the rows that it was trained on are too good, so they become probabilities by logistic regression on
    the validation rows (on the training rows where the validation split has one class alone).

    Parameters
    ----------
    codes, targets, target_names
        See `cisflow.baselines.fit_words`.
    task : str
        `binary`; there is no other.
    seed : int
        Of the rows that are taken where there are too many.
    threads : int
        The programs use 16, 4 or 1.
    most_rows : int
        Of training; of more, a random part is taken, and told. Time grows with their square.
    cache_mb : int
        Memory of the kernel's cache.

    Returns
    -------
    predictions, chosen
        See `cisflow.baselines.fit_words`; chosen are the numbers of positives and negatives of the training.

    Raises
    ------
    InputError
        If the programs are not there, one fails, or the task is another.
    """
    if task != "binary":
        raise InputError(
            "the baseline gkm_svm is for labels",
            "the task of this dataset is regression, and gkmtrain separates two classes",
            "take gkm_svm out of evaluate.baselines",
        )
    programs = find_programs()
    options = ["-T", str(next(number for number in THREADS if number <= max(threads, 1)))]
    predictions = {split: np.full((len(codes[split]), len(target_names)), np.nan) for split in ("val", "test")}
    chosen, rng = [], np.random.default_rng(seed)
    for column, target in enumerate(target_names):
        truth = targets["train"][:, column]
        known = np.flatnonzero(~np.isnan(truth))
        rows = known[some_rows(len(known), most_rows, rng)]
        if len(rows) < len(known):
            print(f"{target}: of {len(known)} known training rows, {most_rows} are taken, at random")
        values = np.unique(truth[rows])
        if len(values) < 2:
            for prediction in predictions.values():
                prediction[:, column] = values[0] if len(values) else np.nan
            continue
        of_class = {"positives": rows[truth[rows] == 1], "negatives": rows[truth[rows] != 1]}
        chosen += [(target, name, str(len(numbers))) for name, numbers in of_class.items()]
        with tempfile.TemporaryDirectory(prefix="gkm_svm_") as name:
            folder = Path(name)
            for part, numbers in of_class.items():
                write_fasta(folder / f"{part}.fa", codes["train"], numbers)
            fastas = [str(folder / f"{part}.fa") for part in of_class]
            run_program([programs["gkmtrain"], *options, "-m", str(cache_mb), *fastas, str(folder / "svm")])

            def scores_of(split, folder=folder):
                fasta, scores = folder / f"{split}.fa", folder / f"{split}.txt"
                write_fasta(fasta, codes[split], range(len(codes[split])))
                model = str(folder / "svm.model.txt")
                run_program([programs["gkmpredict"], *options, str(fasta), model, str(scores)])
                return read_scores(scores, len(codes[split]))

            scores = {split: scores_of(split) for split in ("val", "test")}
            by = "val" if len(np.unique(targets["val"][~np.isnan(targets["val"][:, column]), column])) > 1 else "train"
            if by == "train":
                scores["train"] = scores_of("train")
        chosen.append((target, "calibrated_on", by))
        predictions["val"][:, column], predictions["test"][:, column] = calibrated(
            scores[by], targets[by][:, column], [scores["val"], scores["test"]], task
        )
    return predictions, chosen
