"""What a network's loss and predictions owe to each filter, on rows of the test split."""

import h5py
import pandas as pd

from cisflow.device import choose_device
from cisflow.filter_influence import chosen_rows, filter_influence, influence_table
from cisflow.messages import run_script
from cisflow.model import load_model
from cisflow.split_file import read_datasets


def main(model_path, split_path, layer, max_rows, seed, device, threads, influence_output):
    """Silence each filter in turn.

    Parameters
    ----------
    model_path, split_path : str
    layer : str or None
        See `cisflow.filter_influence.filter_influence`.
    max_rows : int
        Of the split that are looked at; of a larger one, so many at random.
    seed : int
        Of their draw.
    device : str
    threads : int
    influence_output : str
    """
    chosen = choose_device(device, threads)
    model, record = load_model(model_path, chosen)
    with h5py.File(split_path, "r") as file:
        n_rows = len(file["targets"])
        rows = chosen_rows(n_rows, max_rows, seed)
        split = read_datasets(file, ("one_hot", "targets", "tracks"), rows)
    influence = filter_influence(model, record, split, chosen, layer)
    table = pd.DataFrame(influence_table(influence, record["target_names"]))
    table.to_csv(influence_output, sep="\t", index=False, float_format="%.6g")
    print(f"{len(rows)} of {n_rows} rows (seed {seed}), both strands; {len(influence['value'])} filters")
    for kind, part in table.groupby("kind", sort=False):
        most = part.nlargest(5, "loss_change")
        told = ", ".join(f"{row.filter} {row.loss_change:+.4f}" for row in most.itertuples())
        print(f"set to {kind}: the loss rises most for {told}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.model,
            snakemake.input.test,
            snakemake.params.layer,
            snakemake.params.max_rows,
            snakemake.params.seed,
            snakemake.resources.device,
            snakemake.threads,
            snakemake.output.influence,
        )
