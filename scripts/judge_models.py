"""Whether the networks of a dataset beat what they have to beat."""

from cisflow.messages import run_script
from cisflow.verdicts import verdict_table


def main(model_paths, baseline_paths, models, baselines, task, n_resamples, block, seed, output):
    """Compare every model with every baseline.

    Parameters
    ----------
    model_paths, baseline_paths : list of str
        Predictions of the test split.
    models, baselines : list of str
        Their names, in the same order.
    task : str
        `binary` or `regression`.
    n_resamples, block, seed : int
        As of the metrics.
    output : str
    """
    model_paths = dict(zip(models, model_paths, strict=True))
    baseline_paths = dict(zip(baselines, baseline_paths, strict=True))
    table = verdict_table(model_paths, baseline_paths, task, n_resamples, block, seed)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            list(snakemake.input.models),
            list(snakemake.input.baselines),
            snakemake.params.models,
            snakemake.params.baselines,
            snakemake.params.task,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            snakemake.output.verdicts,
        )
