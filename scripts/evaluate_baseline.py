"""The GC-content baseline, fitted on the training split and evaluated like a network on the test split."""

from cisflow.baselines import fit_gc_content, gc_fraction
from cisflow.messages import run_script
from cisflow.metrics import write_evaluation
from cisflow.split_file import read_split


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
    train, test = read_split(train_path), read_split(test_path)
    length = int(test["attributes"]["window_length"])
    probabilities = fit_gc_content(
        gc_fraction(train["one_hot"], length), train["targets"], gc_fraction(test["one_hot"], length)
    )
    metrics = write_evaluation(test, probabilities, name, n_resamples, block, seed, predictions_output, metrics_output)
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
