"""Many networks trained by one job: a network of a few thousand weights is not worth the start of a program."""

from cisflow.device import choose_device
from cisflow.fitting import prepare, write_fitted
from cisflow.messages import run_script
from cisflow.packed_fitting import fit_pack, forget_checkpoints, prepare_all


def main(members, files, device, threads, checkpoints, *, memory_mb=None, checkpoint_minutes=10.0, attempt=1, code=""):
    """Train networks and write each with its history.

    Parameters
    ----------
    members : list of dict
        `dataset`, `fold`, `model`, `seed`, `network` and `training` of each.
    files : list of dict of str -> str
        `train`, `val`, `groups` (inputs), `model`, `history` and `warnings` (outputs) of each.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    checkpoints : str
        Folder for what is kept while this runs.
    memory_mb, checkpoint_minutes, attempt, code
        As in `scripts/train_model.py`; all members share the memory.
    """
    precisions = {member["training"]["precision"] for member in members}
    chosen = choose_device(device, threads, "tf32" if precisions == {"tf32"} else "fp32")

    def prepare_one(name, parts):
        member, paths = parts
        return prepare(
            paths["train"], paths["val"], member["network"], member["training"], member["seed"], chosen,
            name=name, memory_mb=memory_mb and memory_mb // len(members), code=code,
        )  # fmt: skip

    names = [f"{member['dataset']}, {member['fold']}, {member['model']}, seed {member['seed']}" for member in members]
    prepared = prepare_all(dict(zip(names, zip(members, files, strict=True), strict=True)), prepare_one)
    trained = fit_pack(prepared, checkpoints=checkpoints, checkpoint_minutes=checkpoint_minutes, attempt=attempt)
    for fitted, paths in zip(trained, files, strict=True):
        write_fitted(fitted, paths["groups"], paths["model"], paths["history"], paths["warnings"])
    forget_checkpoints(checkpoints)


if __name__ == "__main__":
    with run_script(snakemake):
        kinds = {**{name: snakemake.input[name] for name in ("train", "val", "groups")}}
        kinds |= {name: snakemake.output[name] for name in ("model", "history", "warnings")}
        main(
            snakemake.params.members,
            [dict(zip(kinds, paths, strict=True)) for paths in zip(*kinds.values(), strict=True)],
            snakemake.resources.device,
            snakemake.threads,
            snakemake.params.checkpoints,
            memory_mb=snakemake.resources.get("mem_mb"),
            checkpoint_minutes=snakemake.resources.checkpoint_minutes,
            attempt=snakemake.resources.attempt,
            code=snakemake.params.code,
        )
