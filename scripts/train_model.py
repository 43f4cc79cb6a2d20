"""One network trained on one dataset, fold and seed."""

from pathlib import Path

from cisflow.fitting import forget_checkpoint, write_fitted
from cisflow.messages import run_script
from cisflow.training_job import fit_job, training_job


def main(job, groups, model_output, history_output, warnings_output):
    """Train a network and write it with its history.

    Parameters
    ----------
    job : cisflow.training_job.TrainingJob
    groups, model_output, history_output, warnings_output : str
        See `cisflow.fitting.write_fitted`.
    """
    checkpoint = Path(model_output).with_name("checkpoint.pt")
    _, fitted = fit_job(job, checkpoint)
    write_fitted(fitted, groups, model_output, history_output, warnings_output)
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            training_job(snakemake, bar),
            snakemake.input.groups,
            snakemake.output.model,
            snakemake.output.history,
            snakemake.output.warnings,
        )
