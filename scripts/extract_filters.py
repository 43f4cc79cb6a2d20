"""The first-layer filters of a network as PWMs, from the windows of the test split."""

import pandas as pd
import torch

from cisflow.device import choose_device
from cisflow.filters import count_sites, describe_filters
from cisflow.meme import Motif, write_meme
from cisflow.messages import run_script
from cisflow.model import first_layer, load_model
from cisflow.split_file import read_split


def main(model_path, split_path, settings, device, threads, meme_output, sites_output):
    """Write the PWMs of the filters that have one, and the status of all.

    Parameters
    ----------
    model_path, split_path : str
    settings : dict
        `activation_fraction`, `pseudocount`, `min_sites`, `trim_information`, `min_information`.
    device : str
    threads : int
    meme_output, sites_output : str
    """
    chosen = choose_device(device, threads)
    model, record = load_model(model_path, chosen)
    sequences = torch.from_numpy(read_split(split_path)["one_hot"])
    length = record["inputs"]["sequence"][1]
    sites = count_sites(first_layer(model), sequences, length, chosen, settings["activation_fraction"])
    filters = describe_filters(
        sites,
        settings["pseudocount"],
        settings["min_sites"],
        settings["trim_information"],
        settings["min_information"],
    )
    motifs = [Motif(row["filter"], "", row["pwm"], row["n_sites"]) for row in filters if row["status"] == "ok"]
    write_meme(meme_output, motifs)
    table = pd.DataFrame(filters).drop(columns="pwm").astype({"start": "Int64", "end": "Int64"})
    table.to_csv(sites_output, sep="\t", index=False, float_format="%.6g")
    print(table.to_string(index=False))
    print(table["status"].value_counts().to_string())


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.model,
            snakemake.input.test,
            snakemake.params.settings,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.meme,
            snakemake.output.sites,
        )
