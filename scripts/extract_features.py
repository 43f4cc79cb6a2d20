"""Features of all rows of a fold, read from a frozen network once and kept for whatever is fitted to them."""

import h5py

from cisflow.device import choose_device
from cisflow.feature_file import write_features
from cisflow.frozen_features import feature_blocks, frozen_network
from cisflow.messages import run_script


def main(split_paths, parent_path, features, device, threads, features_output):
    """Write the features of the three splits.

    Parameters
    ----------
    split_paths : dict of str -> str
        HDF5 files of train, val and test.
    parent_path : str or None
        The model, TorchScript file or Python module that is read; None if the module is an installed one.
    features : dict
        `features` of the model's entry, defaults filled in: what names the network, `layer`, `pooling`, `strands`.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    features_output : str
    """
    chosen = choose_device(device, threads)
    pooling, strands = features["pooling"], features["strands"]
    files = {split: h5py.File(path, "r") for split, path in split_paths.items()}
    length = int(files["train"].attrs["window_length"])
    network = frozen_network(features, parent_path, length, chosen)
    read = network.inputs.get("sequence", (4, length))[1]
    if read != length:
        print(f"the network reads {read} bp: those in the middle of each window of {length} bp")
    provenance = {
        "parent": str(features.get("function") or parent_path),
        **network.provenance,
        "pooling": pooling,
        "strands": strands,
        "inputs": {name: list(size) for name, size in network.inputs.items()},
    }
    blocks = {split: feature_blocks(network, path, chosen, pooling, strands) for split, path in split_paths.items()}
    digest = write_features(features_output, blocks, files, provenance)
    for file in files.values():
        file.close()
    with h5py.File(features_output, "r") as file:
        for split in split_paths:
            n_rows, n_features = file[split]["features"].shape
            print(f"{split}: {n_features} features of {n_rows} rows")
    print(f"layer {network.provenance['layer'] or 'at the end'}, pooling {pooling}, strands {strands}; digest {digest}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            {split: snakemake.input[split] for split in ("train", "val", "test")},
            snakemake.input.get("parent") or None,
            dict(snakemake.params.features),
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.features,
        )
