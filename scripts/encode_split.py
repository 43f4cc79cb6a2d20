"""One split as HDF5: its windows one-hot encoded from the genome, with labels and coordinates."""

import hashlib
import json
from pathlib import Path

import numpy as np
from tangermeme.io import extract_loci

from cisflow.alphabet import ALPHABET, UNKNOWN_BASES
from cisflow.messages import run_script
from cisflow.split_file import write_split
from cisflow.window_table import read_windows, widened


def main(bed, fasta, genome_sha256, targets, attributes, threads, output):
    """Encode the windows of a split.

    Parameters
    ----------
    bed : str
        Windows with a column a target.
    fasta : str
        Indexed genome.
    genome_sha256 : str
        File that holds its checksum.
    targets : list of str
    attributes : dict
        `genome`, `fold`, `split`, `seed`, `task`, `window_length`, `max_jitter`, `settings` (what the data were made
        with, hashed into the file).
    threads : int
    output : str
    """
    windows = read_windows(bed)
    length, jitter = attributes["window_length"], attributes["max_jitter"]
    stored = widened(windows, jitter)
    one_hot, kept = extract_loci(
        stored[["chrom", "start", "end"]],
        fasta,
        in_window=length + 2 * jitter,
        alphabet=list(ALPHABET),
        ignore=list(UNKNOWN_BASES),
        n_jobs=threads,
        return_mask=True,
    )
    if not bool(kept.all()):
        raise RuntimeError(f"{int((~kept).sum())} windows of {bed} could not be read from {fasta}")
    settings = attributes["settings"]
    attributes = {
        "alphabet": ALPHABET,
        "target_names": list(targets),
        "track_names": [],
        **{key: value for key, value in attributes.items() if key != "settings"},
        "genome_sha256": Path(genome_sha256).read_text().strip(),
        "config_sha256": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
    }
    labels = windows[targets].to_numpy(dtype=np.float32)
    write_split(output, one_hot.numpy(), labels, stored, attributes)
    print(f"{len(windows)} windows of {length} bp + 2 x {jitter} bp, {len(targets)} target(s) -> {output}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.bed,
            snakemake.input.fasta,
            snakemake.input.sha256,
            snakemake.params.targets,
            dict(snakemake.params.attributes),
            snakemake.threads,
            snakemake.output.split,
        )
