"""A baseline, fitted on the training split and evaluated like a network on the validation and test splits."""

import numpy as np
import pandas as pd

from cisflow.base_codes import central_codes
from cisflow.baselines import fit_composition_or_words, fit_gc_content, fit_pwm_scan, gc_fraction
from cisflow.evaluation import write_evaluation
from cisflow.gkm_svm import fit_gkm_svm
from cisflow.meme import read_meme
from cisflow.messages import run_script
from cisflow.split_file import LOCI_AND_TARGETS, ROWS_AT_ONCE, read_blocks, read_split


def window_of(paths, length, function):
    """What a function makes of the central windows of every split, some rows at a time."""
    return {
        split: np.concatenate(
            [function(rows["one_hot"], length) for rows in read_blocks(path, ["one_hot"], ROWS_AT_ONCE)]
        )
        for split, path in paths.items()
    }


def main(train_path, val_path, test_path, motifs_path, name, settings, n_resamples, block, seed, threads, outputs):
    """Fit and evaluate a baseline.

    Parameters
    ----------
    train_path, val_path, test_path : str
    motifs_path : str or None
        Of the database in MEME format; `pwm_scan` alone reads it.
    name : str
        `gc_content`, `dinucleotides`, `trinucleotides`, `kmers`, `gapped_kmers`, `pwm_scan` or `gkm_svm`.
    settings : dict of str -> int
        `kmer_length` of `kmers`; `gapped_bases` and `gapped_length` of `gapped_kmers`, bases of a word and of the
        stretch that it spans with its gap; `gkm_rows`, training rows of `gkm_svm` at most.
    n_resamples, block, seed : int
        As for networks, so that the same blocks are drawn.
    threads : int
        For `gkm_svm`.
    outputs : dict of str -> str
        See `cisflow.evaluation.write_evaluation`; and `chosen`, a table of `target`, `setting` and `value`: what was
        chosen on training or validation rows. It has no row where nothing was.
    """
    paths = {"train": train_path, "val": val_path, "test": test_path}
    splits = {split: read_split(path, LOCI_AND_TARGETS) for split, path in paths.items()}
    about = splits["test"]["attributes"]
    length, task, names = int(about["window_length"]), str(about["task"]), about["target_names"]
    targets, chosen = {split: found["targets"] for split, found in splits.items()}, []
    if name == "gc_content":
        gc = window_of(paths, length, gc_fraction)
        predictions = {
            split: fit_gc_content(gc["train"], targets["train"], gc[split], task) for split in ("val", "test")
        }
    else:
        codes = window_of(paths, length, central_codes)
        if name == "pwm_scan":
            motifs = list(read_meme(motifs_path).values())
            predictions, chosen = fit_pwm_scan(codes, targets, names, motifs, task)
        elif name == "gkm_svm":
            predictions, chosen = fit_gkm_svm(codes, targets, names, task, seed, threads, settings["gkm_rows"])
        else:
            words = (settings.get(key) for key in ("kmer_length", "gapped_bases", "gapped_length"))
            predictions, chosen = fit_composition_or_words(name, codes, targets, names, *words, task, seed)
    chosen = pd.DataFrame(chosen, columns=["target", "setting", "value"])
    chosen.to_csv(outputs["chosen"], sep="\t", index=False)
    if len(chosen):
        print(chosen.to_string(index=False))
    evaluated = ((splits[split], predictions[split]) for split in ("test", "val"))
    metrics = write_evaluation(*evaluated, name, n_resamples, block, seed, outputs)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.train,
            snakemake.input.val,
            snakemake.input.test,
            snakemake.input.get("motifs") or None,
            snakemake.wildcards.baseline,
            snakemake.params.settings,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
