"""The mean over seeds of a model on the test rows of several datasets: its own, and others with other negatives."""

import numpy as np
import pandas as pd

from cisflow.device import choose_device
from cisflow.evaluation import metrics_of
from cisflow.messages import InputError, run_script
from cisflow.model import load_model
from cisflow.prediction import predict_file
from cisflow.split_file import LOCI_AND_TARGETS, read_split


def main(model_paths, test_paths, trained_on, tested_on, name, n_resamples, block, seed, device, threads, output):
    """Evaluate the networks of all seeds as one on the test split of each dataset.

    Parameters
    ----------
    model_paths, test_paths : list of str
    trained_on : str
        Dataset of the networks.
    tested_on : list of str
        Dataset of each test split.
    name : str
        Of the model.
    n_resamples, block, seed : int
        As in `scripts/evaluate_model.py`.
    device : str
    threads : int
    output : str
        Metrics as `cisflow.evaluation.evaluate` gives them, behind `trained_on` and `tested_on`.

    Raises
    ------
    InputError
        If a test split holds rows of chromosomes (or other groups) that the networks were trained or validated on.
    """
    chosen = choose_device(device, threads)
    networks, tables = [load_model(path, chosen) for path in model_paths], []
    for dataset, path in zip(tested_on, test_paths, strict=True):
        split = read_split(path, LOCI_AND_TARGETS)
        for _, record in networks:
            refuse_seen(record, split, path)
        predictions = np.mean([predict_file(*network, path, chosen) for network in networks], axis=0)
        metrics = metrics_of(split, predictions, name, n_resamples, block, seed)
        metrics.insert(0, "tested_on", dataset)
        metrics.insert(0, "trained_on", trained_on)
        tables.append(metrics)
    table = pd.concat(tables)
    table.to_csv(output, sep="\t", index=False, float_format="%.8g")
    print(table.to_string(index=False))


def refuse_seen(record, split, path):
    """Refuse rows of chromosomes that a network was trained or validated on: its score there would mean nothing."""
    seen = {group for part in ("train", "val") for group in record["chromosomes"].get(part, [])}
    found = sorted(seen & set(split["chrom"]))
    if found:
        raise InputError(
            f"{path} holds rows that the networks have seen",
            f"rows of {', '.join(found[:5])}, which they were trained or validated on",
            "group datasets whose folds hold out the same chromosomes (evaluate.across)",
        )


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            list(snakemake.input.models),
            list(snakemake.input.tests),
            snakemake.wildcards.dataset,
            snakemake.params.tested,
            snakemake.wildcards.model,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.metrics,
        )
