"""The learning curve of a dataset and fold: the points of every model and seed in one table."""

import h5py
import pandas as pd

from cisflow.learning_curve import joined_curve, part_of_curve
from cisflow.messages import run_script


def read(path):
    """A table of metrics; a target may be called NA."""
    text = {"target": str, "model": str}
    return pd.read_csv(
        path,
        sep="\t",
        dtype=text,
        keep_default_na=False,
        na_values={"value": "", "ci_low": "", "ci_high": "", "n_positive": ""},
    )


def main(parts, whole, seeds, train_path, output):
    """Join the parts of the curve.

    Parameters
    ----------
    parts : list of str
        Tables of the models trained on parts of the rows.
    whole : list of str
        `metrics.tsv` of the models trained on all of them.
    seeds : list of int
        Of each of these.
    train_path : str
        HDF5 of the training split, for the number of its rows.
    output : str
    """
    with h5py.File(train_path, "r") as file:
        n_rows = len(file["targets"])
    tables = [part_of_curve(read(path), seed, 100, n_rows) for path, seed in zip(whole, seeds, strict=True)]
    curve = joined_curve([*tables, *map(read, parts)])
    curve.to_csv(output, sep="\t", index=False, float_format="%.8g")
    print(curve.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.parts,
            snakemake.input.whole,
            snakemake.params.seeds,
            snakemake.input.train,
            snakemake.output.curve,
        )
