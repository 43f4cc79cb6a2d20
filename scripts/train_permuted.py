"""A network trained on labels permuted among the rows: what training finds where there is nothing to learn."""

from dataclasses import replace
from pathlib import Path

from cisflow.fitting import forget_checkpoint, write_model
from cisflow.messages import run_script
from cisflow.training_job import fit_job, training_job


def main(job, groups, model_output):
    """Train the network and write it.

    Parameters
    ----------
    job : cisflow.training_job.TrainingJob
        Of the training; the rows of the training split, and those of the validation split, get each other's targets.
    groups, model_output : str
        See `cisflow.fitting.write_model`.
    """
    checkpoint = Path(model_output).with_name("checkpoint.pt")
    _, fitted = fit_job(replace(job, permuted=True), checkpoint)
    write_model(fitted, groups, model_output)
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(training_job(snakemake, bar), snakemake.input.groups, snakemake.output.model)
