"""One trial of a search: a network trained with proposed settings, and how it did on validation data."""

import json
from pathlib import Path

from cisflow.checkpoints import Interrupted
from cisflow.fitting import forget_checkpoint
from cisflow.messages import InputError, run_script
from cisflow.metrics import METRIC_OF_TASK
from cisflow.training_job import fit_job, training_job
from cisflow.trials import write_trial


def main(job, proposals, trial, output):
    """Train a network with proposed settings and write how it did.

    A training that diverges, or cannot be done with these settings, is a result too: a failed trial.

    Parameters
    ----------
    job : cisflow.training_job.TrainingJob
        The settings of the trial replace those of its network and training.
    proposals : str
        What `propose_trials` wrote for the round of the trial.
    trial : int
        Its number.
    output : str
        See `cisflow.trials.write_trial`.
    """
    listed = json.loads(Path(proposals).read_text(encoding="utf-8"))
    proposal = next(proposal for proposal in listed if proposal["trial"] == trial)
    row = {"trial": trial, "status": "failed", "reason": proposal["reason"], "overrides": proposal["overrides"]}
    if proposal["overrides"] is None:
        print(f"nothing could be proposed: {proposal['reason']}")
        write_trial(output, row)
        return
    print(f"trial {trial}: {', '.join(f'{path} {value}' for path, value in proposal['overrides'].items())}")
    checkpoint = Path(output).with_suffix(".checkpoint.pt")
    try:
        _, fitted = fit_job(job.with_settings(proposal["overrides"]), checkpoint)
    except Interrupted:
        raise
    except InputError as error:
        print(f"the trial failed\n{error}")
        row["reason"] = f"{error.what}: {error.why}"
    else:
        kept = next(epoch for epoch in fitted.history if epoch["kept"])
        row |= {name: kept[name] for name in ("val_loss", f"val_{METRIC_OF_TASK[fitted.record['task']]}")}
        row |= {
            "status": "done",
            "kept_epoch": kept["epoch"],
            "seconds": round(sum(epoch["seconds"] for epoch in fitted.history), 1),
        }
    write_trial(output, row)
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            training_job(snakemake, bar),
            snakemake.input.proposals,
            int(snakemake.wildcards.trial),
            snakemake.output.trial,
        )
