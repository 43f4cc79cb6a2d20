"""The GC-content baseline, fitted on the training split and evaluated like a network on the test split."""

import numpy as np

from cisflow.baselines import fit_gc_content, gc_fraction
from cisflow.evaluation import write_evaluation
from cisflow.messages import run_script
from cisflow.split_file import LOCI_AND_TARGETS, ROWS_AT_ONCE, read_blocks, read_split


def main(train_path, test_path, name, n_resamples, block, seed, predictions_output, metrics_output):
    """Evaluate the baseline.

    Parameters
    ----------
    train_path, test_path : str
    name : str
        `gc_content`.
    n_resamples, block, seed : int
        As for networks, so that the same blocks are drawn.
    predictions_output, metrics_output : str
    """
    train, test = (read_split(path, LOCI_AND_TARGETS) for path in (train_path, test_path))
    length, task = int(test["attributes"]["window_length"]), test["attributes"]["task"]
    train_gc, test_gc = (
        np.concatenate([gc_fraction(rows["one_hot"], length) for rows in read_blocks(path, ["one_hot"], ROWS_AT_ONCE)])
        for path in (train_path, test_path)
    )
    predictions = fit_gc_content(train_gc, train["targets"], test_gc, task)
    metrics = write_evaluation(test, predictions, name, n_resamples, block, seed, predictions_output, metrics_output)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.train,
            snakemake.input.test,
            snakemake.wildcards.baseline,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.output.predictions,
            snakemake.output.metrics,
        )
