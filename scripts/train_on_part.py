"""One point of a learning curve: a network trained on a part of the training rows, and its test metrics."""

from pathlib import Path

from cisflow.evaluation import metrics_of, thresholds_of
from cisflow.fitting import forget_checkpoint
from cisflow.learning_curve import part_of_curve
from cisflow.messages import run_script
from cisflow.prediction import predict_file
from cisflow.split_file import LOCI_AND_TARGETS, read_split
from cisflow.training_job import fit_job, training_job


def main(job, test_path, name, n_resamples, block, resamples_seed, output):
    """Train on a part and evaluate; the network itself is not kept.

    Parameters
    ----------
    job : cisflow.training_job.TrainingJob
    test_path : str
        The test split, read once the training is over.
    name : str
        Of the model.
    n_resamples, block, resamples_seed : int
        As in `scripts/evaluate_model.py`.
    output : str
        See `cisflow.learning_curve.part_of_curve`.
    """
    checkpoint = Path(output).with_suffix(".checkpoint.pt")
    prepared, fitted = fit_job(job, checkpoint)
    val, test = (read_split(path, LOCI_AND_TARGETS) for path in (job.val, test_path))
    device = next(fitted.model.parameters()).device
    of_val, predictions = (predict_file(fitted.model, fitted.record, path, device) for path in (job.val, test_path))
    thresholds = thresholds_of(val, of_val)
    metrics = metrics_of(test, predictions, name, n_resamples, block, resamples_seed, thresholds)
    part = part_of_curve(metrics, job.seed, job.percent, len(prepared.splits[0]))
    part.to_csv(output, sep="\t", index=False, float_format="%.8g")
    print(part.to_string(index=False))
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            training_job(snakemake, bar),
            snakemake.input.test,
            snakemake.wildcards.model,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.resamples_seed,
            snakemake.output.part,
        )
