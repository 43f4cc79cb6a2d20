"""One split as HDF5: its rows one-hot encoded, with labels, coordinates and, if there are any, signal tracks."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET
from cisflow.checksums import check_sha256
from cisflow.chromosome_names import read_aliases
from cisflow.genome import UPPER_CASE, bases_of, open_genome, read_bases
from cisflow.intervals import INTERVAL
from cisflow.messages import run_script
from cisflow.sheet_rows import with_files
from cisflow.signal_tracks import about_centre, binned_signal
from cisflow.split_file import write_split
from cisflow.target_scaling import scaled
from cisflow.window_table import read_windows, widened


def main(bed, scaling, fasta, genome_sha256, aliases, targets, tracks, track_settings, attributes, output):
    """Encode the rows of a split.

    Parameters
    ----------
    bed : str
        Windows with a column a target.
    scaling : str
        How the targets are transformed.
    fasta : str or None
        Indexed genome; None where every row has its sequence in the table.
    genome_sha256 : str or None
        File that holds its checksum.
    aliases : str or None
        Table of chromosome names, for the bigWigs.
    targets : list of str
    tracks : list of dict
        `track`, `signal` (a bigWig) and `signal_accepted` (its checksums) of each signal track.
    track_settings : dict
        `width`, `bin` and `missing`; empty without tracks.
    attributes : dict
        `genome`, `fold`, `split`, `seed`, `task`, `window_length`, `max_jitter`, `settings` (what the data were made
        with, hashed into the file).
    output : str
    """
    windows = read_windows(bed)
    length, jitter = attributes["window_length"], attributes["max_jitter"]
    stored, width = widened(windows, jitter), length + 2 * jitter
    genome = open_genome(fasta) if fasta else None
    written = (windows["sequence"] != ".").to_numpy() if "sequence" in windows else np.zeros(len(windows), dtype=bool)

    def bases_of_rows(rows):
        bases, own = np.empty((rows.stop - rows.start, width), dtype=np.uint8), written[rows]
        if own.any():
            # Flanks of a construct are in lower case.
            bases[own] = UPPER_CASE[bases_of(windows["sequence"].iloc[rows][own], width)]
        if not own.all():
            bases[~own] = read_bases(genome, stored.iloc[rows][~own])
        return bases

    track_shape = tracks_of_rows = None
    if tracks:
        names = read_aliases(aliases, genome.sizes)
        for row in tracks:
            check_sha256(row["signal"], row["signal_accepted"], row["signal"])
        track_shape = (len(tracks), track_settings["width"] // track_settings["bin"])
        wide = about_centre(windows[INTERVAL], track_settings["width"])

        def tracks_of_rows(rows):
            part = wide.iloc[rows].reset_index(drop=True)
            binned = [
                binned_signal(row["signal"], part, track_shape[1], genome.sizes, names, track_settings["missing"])
                for row in tracks
            ]
            return np.stack(binned, axis=1)

    transform = pd.read_csv(scaling, sep="\t", dtype={"target": str}, keep_default_na=False)
    attributes = {
        "alphabet": ALPHABET,
        "target_names": list(targets),
        "target_scaling": transform.to_json(orient="records"),
        "track_names": [row["track"] for row in tracks],
        **{key: value for key, value in attributes.items() if key != "settings"},
        "genome_sha256": Path(genome_sha256).read_text().strip() if genome_sha256 else "",
        "config_sha256": hashlib.sha256(json.dumps(attributes["settings"], sort_keys=True).encode()).hexdigest(),
    }
    if tracks:
        attributes |= {f"track_{key}": value for key, value in track_settings.items()}
    values = scaled(windows, transform)
    write_split(output, stored, values, width, bases_of_rows, attributes, track_shape, tracks_of_rows)
    print(
        f"{len(windows)} rows of {length} + 2 x {jitter} bp, {len(targets)} target(s), {len(tracks)} track(s): {output}"
    )


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.bed,
            snakemake.input.scaling,
            snakemake.input.get("fasta") or None,
            snakemake.input.get("sha256") or None,
            snakemake.input.get("aliases") or None,
            snakemake.params.targets,
            with_files(snakemake.params.tracks, snakemake.input),
            dict(snakemake.params.track_settings),
            dict(snakemake.params.attributes),
            snakemake.output.split,
        )
