"""The peaks of all datasets in one file, from which datasets draw negatives that are peaks of others."""

import pandas as pd

from cisflow.messages import run_script
from cisflow.window_table import read_peak_table, write_peak_table


def main(peaks, datasets, output):
    """Write the peaks that became windows, with their dataset's name for a target.

    Parameters
    ----------
    peaks : list of str
        Peak tables of the datasets.
    datasets : list of str
        In the same order.
    output : str
    """
    parts = []
    for path, dataset in zip(peaks, datasets, strict=True):
        table = read_peak_table(path)
        parts.append(table[table["fate"] == "kept"].assign(target=dataset))
        print(f"{dataset}: {len(parts[-1])} of {len(table)} peaks")
    write_peak_table(pd.concat(parts, ignore_index=True), output)


if __name__ == "__main__":
    with run_script(snakemake):
        main(snakemake.input.peaks, snakemake.params.datasets, snakemake.output.peaks)
