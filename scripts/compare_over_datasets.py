"""The networks beside baselines and beside each other, on the mean over datasets."""

from cisflow.messages import run_script
from cisflow.over_datasets import BASELINE, MODEL, tables_over_datasets


def main(datasets, folds, seeds, model_paths, baseline_paths, seed_metrics, n_resamples, block, seed, outputs):
    """Compare.

    Parameters
    ----------
    datasets : dict of str -> dict
        `task`, `models` and `baselines` (names) of each dataset.
    folds : list of str
    seeds : list of int
        Of the networks.
    model_paths, baseline_paths : list of str
        Predictions of the test rows by ensembles and by baselines: of each dataset, of each fold, in the order of the
        names.
    seed_metrics : list of str
        Metrics of the networks: of each dataset, fold and model those of its seeds.
    n_resamples, block, seed : int
        As of the metrics.
    outputs : dict of str -> str
        `verdicts`, `comparison` and `differences`.
    """
    of_models, of_baselines, of_seeds = iter(model_paths), iter(baseline_paths), iter(seed_metrics)
    members = {}
    for name, about in datasets.items():
        predictions, metrics = {}, {model: [{} for _ in seeds] for model in about["models"]}
        for fold in folds:
            paths = {(MODEL, model): next(of_models) for model in about["models"]}
            predictions[fold] = paths | {(BASELINE, baseline): next(of_baselines) for baseline in about["baselines"]}
            for runs in metrics.values():
                for run in runs:
                    run[fold] = next(of_seeds)
        members[name] = {"task": about["task"], "predictions": predictions, "seeds": metrics}
    for name, table in tables_over_datasets(members, n_resamples, block, seed).items():
        table.to_csv(outputs[name], sep="\t", index=False, float_format="%.6g")
        print(table.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.params.datasets,
            snakemake.params.folds,
            snakemake.params.seeds,
            list(snakemake.input.models),
            list(snakemake.input.baselines),
            list(snakemake.input.seed_metrics),
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.seed,
            dict(snakemake.output.items()),
        )
