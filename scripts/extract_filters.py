"""The filters of a network as PWMs, and where they fire in the windows of the test split."""

import numpy as np
import pandas as pd
import torch

from cisflow.batches import reverse_complement_codes
from cisflow.device import choose_device
from cisflow.filter_procedures import described, procedure_of
from cisflow.filter_pwms import describe_filters
from cisflow.filter_scans import convolution_named, filters_of_layer
from cisflow.filter_sites import code_blocks, count_sites, finder
from cisflow.meme import Motif, write_meme
from cisflow.messages import run_script
from cisflow.model import load_model
from cisflow.site_table import collected, placed_sites, write_sites

PLACES = ("chrom", "start", "end", "name", "strand")


def main(model_path, split_path, settings, device, threads, meme_output, sites_output, places_output):
    """Write the PWMs of the filters that have one, the status of all, and the places of sites.

    Parameters
    ----------
    model_path, split_path : str
    settings : dict
        See `cisflow.filter_procedures.procedure_of`.
    device : str
    threads : int
    meme_output, sites_output, places_output : str
        The last is a BED file of both strands of the windows, by the filters that have a PWM.
    """
    chosen, procedure = choose_device(device, threads), procedure_of(settings)
    model, record = load_model(model_path, chosen)
    layer, _ = convolution_named(model, record, procedure["layer"])
    filters, length = filters_of_layer(model, record, chosen, layer), record["inputs"]["sequence"][1]
    sites = count_sites(filters, lambda: (codes for codes, _ in code_blocks(split_path, length)), procedure)
    rows = describe_filters(sites, procedure)
    motifs = [Motif(row["filter"], "", row["pwm"], row["n_sites"]) for row in rows if row["status"] == "ok"]
    write_meme(meme_output, motifs, sites["background"])
    table = pd.DataFrame(rows).drop(columns="pwm").astype({"start": "Int64", "end": "Int64"})

    starts, ends = (table[name].fillna(0).to_numpy(dtype=np.int64) for name in ("start", "end"))
    # The others need not be looked for.
    threshold = np.where(ends > 0, sites["threshold"], np.inf).astype(np.float32)
    find = finder(filters, procedure["threshold"], threshold)

    def placed():
        for codes, block in code_blocks(split_path, length, PLACES):
            turned = reverse_complement_codes(torch.from_numpy(codes)).numpy()
            for is_reverse, read in enumerate((codes, turned)):
                yield placed_sites(find(read), bool(is_reverse), block, length, starts, ends)

    listed, n_found = collected(placed(), procedure["max_sites"])
    write_sites(places_output, listed)
    n_listed = listed["number"].value_counts()
    table["n_sites_both_strands"] = [n_found.get(number, 0) for number in range(len(table))]
    table["n_listed"] = [int(n_listed.get(number, 0)) for number in range(len(table))]
    table["layer"], table["procedure"] = layer, described(procedure)
    table.to_csv(sites_output, sep="\t", index=False, float_format="%.6g")
    print(table.drop(columns=["layer", "procedure"]).to_string(index=False))
    print(f"{layer}, {described(procedure)}\n{table['status'].value_counts().to_string()}")
    print(f"{len(listed)} sites listed, at most {procedure['max_sites']} of a filter: the strongest of both strands")


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
            snakemake.output.places,
        )
