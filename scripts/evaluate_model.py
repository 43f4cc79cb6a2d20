"""Predictions of a trained network on the test split, and its metrics with intervals."""

from cisflow.device import choose_device
from cisflow.evaluation import write_evaluation
from cisflow.messages import InputError, run_script
from cisflow.model import load_model
from cisflow.prediction import predict_file
from cisflow.split_file import LOCI_AND_TARGETS, read_split


def main(model_path, split_path, name, n_resamples, block, seed, device, threads, predictions_output, metrics_output):
    """Evaluate a network.

    Parameters
    ----------
    model_path, split_path : str
    name : str
        Of the model, for the table.
    n_resamples, block : int
        Bootstrap resamples, and the length of the resampled blocks of chromosomes in bases.
    seed : int
        Of the resamples.
    device : str
    threads : int
    predictions_output, metrics_output : str
    """
    chosen = choose_device(device, threads)
    model, record = load_model(model_path, chosen)
    split = read_split(split_path, LOCI_AND_TARGETS)
    targets = split["attributes"]["target_names"]
    if list(record["target_names"]) != targets:
        raise InputError(
            f"{model_path} predicts other targets than {split_path} holds",
            f"found {', '.join(record['target_names'])}; expected {', '.join(targets)}",
            "evaluate the network on a split of the dataset that it was trained on",
        )
    predictions = predict_file(model, record, split_path, chosen)
    metrics = write_evaluation(split, predictions, name, n_resamples, block, seed, predictions_output, metrics_output)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.model,
            snakemake.input.test,
            snakemake.wildcards.model,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.predictions,
            snakemake.output.metrics,
        )
