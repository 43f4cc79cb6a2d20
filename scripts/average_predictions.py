"""The ensemble of a model's seeds: the mean of their predictions, evaluated like a network."""

import pandas as pd

from cisflow.ensemble import mean_and_deviation, read_predicted
from cisflow.evaluation import predictions_table, write_evaluation
from cisflow.messages import run_script
from cisflow.split_file import LOCI_AND_TARGETS, read_split


def main(predictions, val_predictions, val_path, test_path, rows_path, name, n_resamples, block, seed, outputs):
    """Average and evaluate.

    Parameters
    ----------
    predictions, val_predictions : list of str
        Tables of the seeds.
    val_path, test_path : str
        The splits that were predicted.
    rows_path : str
        See `scripts/describe_test_rows.py`.
    name : str
        Of the model.
    n_resamples, block, seed : int
        As in `scripts/evaluate_model.py`.
    outputs : dict of str -> str
        See `cisflow.evaluation.write_evaluation`.
    """
    averaged = []
    for split_path, paths in ((test_path, predictions), (val_path, val_predictions)):
        split = read_split(split_path, LOCI_AND_TARGETS)
        targets = split["attributes"]["target_names"]
        places = predictions_table(split, split["targets"])
        found = [read_predicted(path, places, targets) for path in paths]
        averaged.append((split, *mean_and_deviation(found)))
    print(f"the mean of {len(predictions)} network(s)")
    rows = pd.read_csv(rows_path, sep="\t")
    metrics = write_evaluation(*averaged, name, n_resamples, block, seed, outputs, rows)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            list(snakemake.input.predictions),
            list(snakemake.input.val_predictions),
            snakemake.input.val,
            snakemake.input.test,
            snakemake.input.rows,
            snakemake.wildcards.model,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            dict(snakemake.output.items()),
        )
