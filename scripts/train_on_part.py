"""One point of a learning curve: a network trained on a part of the training rows, and its test metrics."""

from pathlib import Path

from cisflow.device import choose_device
from cisflow.evaluation import metrics_of
from cisflow.fitting import fit_network, forget_checkpoint, prepare
from cisflow.learning_curve import part_of_curve
from cisflow.messages import run_script
from cisflow.overrides import read_overrides, with_overrides
from cisflow.prediction import predict_file
from cisflow.split_file import LOCI_AND_TARGETS, read_split


def main(
    train_path,
    val_path,
    test_path,
    name,
    network,
    training,
    seed,
    percent,
    n_resamples,
    block,
    resamples_seed,
    device,
    threads,
    output,
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
    """Train on a part and evaluate; the network itself is not kept.

    Parameters
    ----------
    train_path, val_path, test_path : str
        The test split is read once the training is over.
    name : str
        Of the model.
    percent : float
        Of the training rows.
    n_resamples, block, resamples_seed : int
        As in `scripts/evaluate_model.py`.
    output : str
        See `cisflow.learning_curve.part_of_curve`.
    network, training, seed, device, threads, chosen, motifs, transfer, parent_path, memory_mb, checkpoint_minutes
        As in `scripts/train_model.py`.
    attempt, code, terminal
        Likewise.
    """
    if chosen:
        found = with_overrides({"training": training, **network}, read_overrides(chosen))
        training, network = found.pop("training"), found
    where = choose_device(device, threads, training["precision"])
    prepared = prepare(
        train_path, val_path, network, training, seed, where, motifs=motifs, transfer=transfer,
        parent_path=parent_path, percent=percent, memory_mb=memory_mb, code=code,
    )  # fmt: skip
    checkpoint = Path(output).with_suffix(".checkpoint.pt")
    fitted = fit_network(
        prepared, checkpoint=checkpoint, checkpoint_minutes=checkpoint_minutes, attempt=attempt, terminal=terminal
    )
    test = read_split(test_path, LOCI_AND_TARGETS)
    predictions = predict_file(fitted.model, fitted.record, test_path, where)
    metrics = metrics_of(test, predictions, name, n_resamples, block, resamples_seed)
    part = part_of_curve(metrics, seed, percent, len(prepared.splits[0]))
    part.to_csv(output, sep="\t", index=False, float_format="%.8g")
    print(part.to_string(index=False))
    forget_checkpoint(checkpoint)


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            snakemake.input.train,
            snakemake.input.val,
            snakemake.input.test,
            snakemake.wildcards.model,
            snakemake.params.network,
            snakemake.params.training,
            snakemake.params.seed,
            snakemake.params.percent,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.resamples_seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.part,
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
