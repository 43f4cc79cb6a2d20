"""A network as it is before the first step of its training: what its filters show when nothing was learned."""

from cisflow.fitting import Fitted, write_model
from cisflow.messages import run_script
from cisflow.training_job import prepare_job, training_job


def main(job, groups, model_output):
    """Write the network.

    Parameters
    ----------
    job : cisflow.training_job.TrainingJob
        Of the training; of a network that starts from another, the weights that it starts from.
    groups, model_output : str
        See `cisflow.fitting.write_model`.
    """
    prepared = prepare_job(job)
    write_model(Fitted(prepared.model.eval(), {**prepared.record, "kept_epoch": 0}, [], []), groups, model_output)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(training_job(snakemake, bar), snakemake.input.groups, snakemake.output.model)
