"""One trial of a search: a network trained with proposed settings, and how it did on validation data."""

import json
from pathlib import Path

from cisflow.checkpoints import Interrupted
from cisflow.device import choose_device
from cisflow.fitting import fit_network, forget_checkpoint, prepare
from cisflow.messages import InputError, run_script
from cisflow.overrides import with_overrides
from cisflow.trials import write_trial


def main(
    train_path,
    val_path,
    proposals,
    trial,
    network,
    training,
    seed,
    device,
    threads,
    output,
    *,
    motifs=None,
    memory_mb=None,
    checkpoint_minutes=10.0,
    attempt=1,
    code="",
    terminal=None,
):
    """Train a network with proposed settings and write how it did.

    A training that diverges, or cannot be done with these settings, is a result too: a failed trial.

    Parameters
    ----------
    train_path, val_path : str
        HDF5 files of the two splits; the test split is not read.
    proposals : str
        What `propose_trials` wrote for the round of the trial.
    trial : int
        Its number.
    network, training, seed, motifs, memory_mb, code
        See `cisflow.fitting.prepare`; the settings of the trial replace those of `network` and `training`.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    output : str
        See `cisflow.trials.write_trial`.
    checkpoint_minutes, attempt, terminal
        See `cisflow.fitting.fit_network`.
    """
    listed = json.loads(Path(proposals).read_text(encoding="utf-8"))
    proposal = next(proposal for proposal in listed if proposal["trial"] == trial)
    row = {"trial": trial, "status": "failed", "reason": proposal["reason"], "overrides": proposal["overrides"]}
    if proposal["overrides"] is None:
        print(f"nothing could be proposed: {proposal['reason']}")
        write_trial(output, row)
        return
    print(f"trial {trial}: {', '.join(f'{path} {value}' for path, value in proposal['overrides'].items())}")
    network = with_overrides({"training": training, **network}, proposal["overrides"])
    training = network.pop("training")
    checkpoint = Path(output).with_suffix(".checkpoint.pt")
    chosen_device = choose_device(device, threads, training["precision"])
    try:
        prepared = prepare(
            train_path, val_path, network, training, seed, chosen_device, motifs=motifs, memory_mb=memory_mb, code=code
        )
        fitted = fit_network(
            prepared, checkpoint=checkpoint, checkpoint_minutes=checkpoint_minutes, attempt=attempt, terminal=terminal
        )
    except Interrupted:
        raise
    except InputError as error:
        print(f"the trial failed\n{error}")
        row["reason"] = f"{error.what}: {error.why}"
    else:
        kept = next(epoch for epoch in fitted.history if epoch["kept"])
        row |= {name: value for name, value in kept.items() if name.startswith("val_")}
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
            snakemake.input.train,
            snakemake.input.val,
            snakemake.input.proposals,
            int(snakemake.wildcards.trial),
            snakemake.params.network,
            snakemake.params.training,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.trial,
            motifs=dict(zip(snakemake.params.motifs, snakemake.input.get("motifs", []), strict=True)),
            memory_mb=snakemake.resources.get("mem_mb"),
            checkpoint_minutes=snakemake.resources.checkpoint_minutes,
            attempt=snakemake.resources.attempt,
            code=snakemake.params.code,
            terminal=bar,
        )
