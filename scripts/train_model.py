"""One network trained on one dataset, fold and seed."""

from pathlib import Path

from cisflow.device import choose_device
from cisflow.fitting import fit_network, forget_checkpoint, prepare, write_fitted
from cisflow.messages import run_script
from cisflow.overrides import read_overrides, with_overrides


def main(
    train_path,
    val_path,
    groups,
    network,
    training,
    seed,
    device,
    threads,
    model_output,
    history_output,
    warnings_output,
    *,
    chosen=None,
    motifs=None,
    transfer=None,
    parent_path=None,
    memory_mb=None,
    checkpoint_minutes=10.0,
    attempt=1,
    code="",
    terminal=None,
):
    """Train a network and write it with its history.

    Parameters
    ----------
    train_path, val_path : str
        HDF5 files of the two splits; the test split is not read.
    groups : str
        See `cisflow.fitting.write_fitted`.
    network, training, seed, motifs, transfer, parent_path, memory_mb, code
        See `cisflow.fitting.prepare`.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    model_output, history_output, warnings_output : str
    chosen : str, optional
        JSON file of settings that a search chose.
    checkpoint_minutes, attempt, terminal
        See `cisflow.fitting.fit_network`.
    """
    if chosen:
        found = with_overrides({"training": training, **network}, read_overrides(chosen))
        training, network = found.pop("training"), found
    prepared = prepare(
        train_path, val_path, network, training, seed, choose_device(device, threads, training["precision"]),
        motifs=motifs, transfer=transfer, parent_path=parent_path, memory_mb=memory_mb, code=code,
    )  # fmt: skip
    checkpoint = Path(model_output).with_name("checkpoint.pt")
    fitted = fit_network(
        prepared, checkpoint=checkpoint, checkpoint_minutes=checkpoint_minutes, attempt=attempt, terminal=terminal
    )
    write_fitted(fitted, groups, model_output, history_output, warnings_output)
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            snakemake.input.train,
            snakemake.input.val,
            snakemake.input.groups,
            snakemake.params.network,
            snakemake.params.training,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.model,
            snakemake.output.history,
            snakemake.output.warnings,
            chosen=snakemake.input.get("chosen") or None,
            motifs=dict(zip(snakemake.params.motifs, snakemake.input.get("motifs", []), strict=True)),
            transfer=snakemake.params.transfer,
            parent_path=snakemake.input.get("parent") or None,
            memory_mb=snakemake.resources.get("mem_mb"),
            checkpoint_minutes=snakemake.resources.checkpoint_minutes,
            attempt=snakemake.resources.attempt,
            code=snakemake.params.code,
            terminal=bar,
        )
