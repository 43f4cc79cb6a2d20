"""Predictions of a trained network on the validation and test splits, and its metrics with intervals."""

import pandas as pd

from cisflow.device import choose_device
from cisflow.evaluation import write_evaluation
from cisflow.messages import InputError, run_script
from cisflow.model import load_model
from cisflow.prediction import predict_file
from cisflow.split_file import LOCI_AND_TARGETS, read_split


def main(model_path, val_path, test_path, rows_path, name, n_resamples, block, seed, device, threads, outputs):
    """Evaluate a network.

    Parameters
    ----------
    model_path, val_path, test_path : str
    rows_path : str
        What is known of the test rows; see `scripts/describe_test_rows.py`.
    name : str
        Of the model, for the table.
    n_resamples, block : int
        Bootstrap resamples, and the length of the resampled blocks of chromosomes in bases.
    seed : int
        Of the resamples.
    device : str
    threads : int
    outputs : dict of str -> str
        See `cisflow.evaluation.write_evaluation`.
    """
    chosen = choose_device(device, threads)
    model, record = load_model(model_path, chosen)
    evaluated = []
    for path in (test_path, val_path):
        split = read_split(path, LOCI_AND_TARGETS)
        targets = split["attributes"]["target_names"]
        if list(record["target_names"]) != targets:
            raise InputError(
                f"{model_path} predicts other targets than {path} holds",
                f"found {', '.join(record['target_names'])}; expected {', '.join(targets)}",
                "evaluate the network on a split of the dataset that it was trained on",
            )
        evaluated.append((split, predict_file(model, record, path, chosen)))
    rows = pd.read_csv(rows_path, sep="\t")
    metrics = write_evaluation(*evaluated, name, n_resamples, block, seed, outputs, rows)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.model,
            snakemake.input.val,
            snakemake.input.test,
            snakemake.input.rows,
            snakemake.wildcards.model,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            dict(snakemake.output.items()),
        )
