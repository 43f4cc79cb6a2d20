"""One network trained on one dataset, fold and seed."""

import pandas as pd
import torch

from cisflow.device import choose_device
from cisflow.messages import run_script
from cisflow.model import build_model, count_parameters, save_model
from cisflow.split_file import read_split
from cisflow.training import train


def main(
    train_path,
    val_path,
    groups,
    layers,
    training,
    seed,
    device,
    threads,
    model_output,
    history_output,
    terminal=None,
):
    """Train a network and write it with its history.

    Parameters
    ----------
    train_path, val_path : str
        HDF5 files of the two splits; the test split is not read.
    groups : str
        Table of the chromosomes (or other groups) of each split, written into the model so that later use can tell what
        it has not seen.
    layers : list of dict
        As in models.yaml.
    training : dict
        `training` of the model's entry, defaults filled in.
    seed : int
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    model_output, history_output : str
    terminal : file object, optional
        For a progress bar.
    """
    chosen = choose_device(device, threads)
    of_split = pd.read_csv(groups, sep="\t", dtype=str, keep_default_na=False)
    splits = {"train": read_split(train_path), "val": read_split(val_path)}
    about = splits["train"]["attributes"]
    targets, length = about["target_names"], int(about["window_length"])
    torch.manual_seed(seed)  # initial weights and dropout
    model = build_model(layers, length, len(targets))
    print(f"{count_parameters(model):,} parameters; {', '.join(f'{k} {v}' for k, v in training.items())}; seed {seed}")
    tensors = {
        name: (torch.from_numpy(split["one_hot"]), torch.from_numpy(split["targets"])) for name, split in splits.items()
    }
    print(f"{len(tensors['train'][0])} training and {len(tensors['val'][0])} validation windows of {length} bp")
    history = train(model, tensors["train"], tensors["val"], length, training, seed, chosen, terminal)
    kept = next(row for row in history if row["kept"])
    print(f"kept: epoch {kept['epoch']} of {len(history)}, validation loss {kept['val_loss']:.4f}")
    pd.DataFrame(history).to_csv(history_output, sep="\t", index=False, float_format="%.8g")
    save_model(
        model_output,
        model,
        {
            "layers": layers,
            "length": length,
            "target_names": targets,
            "task": about["task"],
            "training": training,
            "seed": seed,
            "kept_epoch": kept["epoch"],
            "genome": about["genome"],
            "genome_sha256": about["genome_sha256"],
            "config_sha256": about["config_sha256"],
            "fold": about["fold"],
            "chromosomes": {split: sorted(names) for split, names in of_split.groupby("split")["group"]},
        },
    )


if __name__ == "__main__":
    with run_script(snakemake) as bar:
        main(
            snakemake.input.train,
            snakemake.input.val,
            snakemake.input.groups,
            snakemake.params.layers,
            snakemake.params.training,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.model,
            snakemake.output.history,
            bar,
        )
