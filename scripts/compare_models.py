"""The networks of a dataset beside each other."""

from cisflow.comparison import comparison_table, difference_table
from cisflow.messages import run_script


def main(
    seed_metrics, seed_runs, ensemble_metrics, ensemble_predictions, ensembles, task, n_resamples, block, seed, outputs
):
    """Compare.

    Parameters
    ----------
    seed_metrics : list of str
        Metrics of networks.
    seed_runs : list of (str, str)
        Fold and model of each.
    ensemble_metrics, ensemble_predictions : list of str
        Metrics and predictions of ensembles.
    ensembles : list of (str, str)
        Fold and model of each.
    task : str
        `binary` or `regression`.
    n_resamples, block, seed : int
        As of the metrics.
    outputs : dict of str -> str
        `comparison` and `differences`.
    """
    table = comparison_table(
        [(*run, path) for run, path in zip(seed_runs, seed_metrics, strict=True)],
        [(*run, path) for run, path in zip(ensembles, ensemble_metrics, strict=True)],
    )
    table.to_csv(outputs["comparison"], sep="\t", index=False, float_format="%.6g")
    print(table.to_string(index=False))
    paths = {}
    for (fold, model), path in zip(ensembles, ensemble_predictions, strict=True):
        paths.setdefault(fold, {})[model] = path
    differences = difference_table(paths, task, n_resamples, block, seed)
    differences.to_csv(outputs["differences"], sep="\t", index=False, float_format="%.6g")
    print(differences.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            list(snakemake.input.seed_metrics),
            snakemake.params.seed_runs,
            list(snakemake.input.ensemble_metrics),
            list(snakemake.input.ensemble_predictions),
            snakemake.params.ensembles,
            snakemake.params.task,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            dict(snakemake.output.items()),
        )
