"""Many networks trained by one job: a network of a few thousand weights is not worth the start of a program."""

from cisflow.device import choose_device
from cisflow.fitting import prepare, write_fitted
from cisflow.messages import run_script
from cisflow.packed_fitting import fit_pack, forget_checkpoints


def main(members, files, device, threads, checkpoints, *, memory_mb=None, checkpoint_minutes=10.0, code=""):
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
    memory_mb, checkpoint_minutes, code
        As in `scripts/train_model.py`; all members share the memory.
    """
    precisions = {member["training"]["precision"] for member in members}
    chosen = choose_device(device, threads, "tf32" if precisions == {"tf32"} else "fp32")
    prepared = [
        prepare(
            paths["train"], paths["val"], member["network"], member["training"], member["seed"], chosen,
            name=f"{member['dataset']}, {member['fold']}, {member['model']}, seed {member['seed']}",
            memory_mb=memory_mb and memory_mb // len(members), code=code,
        )
        for member, paths in zip(members, files, strict=True)
    ]  # fmt: skip
    for fitted, paths in zip(
        fit_pack(prepared, checkpoints=checkpoints, checkpoint_minutes=checkpoint_minutes), files, strict=True
    ):
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
            code=snakemake.params.code,
        )
