"""HDF5 splits of made sequences with a planted site, and the `training` of an entry, for tests of what trains."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from cisflow.configuration import with_defaults
from cisflow.split_file import write_split

LENGTH, JITTER = 40, 3
SITE = b"ACGTTACGGTAC"
SCHEMA = Path(__file__).parents[1] / "config" / "schemas" / "models.schema.yaml"
# The best window is learned within a few epochs. No bias stands before a batch norm: its gradient is 0 but for rounding
# of which adam makes whole steps, so that results could not be compared.
NETWORK = {
    "layers": [
        {"type": "conv1d", "filters": 6, "width": 12},
        {"type": "activation", "function": "relu"},
        {"type": "global_max_pool"},
        {"type": "dropout", "rate": 0.1},
        {"type": "dense", "units": 4, "bias": False},
        {"type": "batch_norm"},
        {"type": "activation", "function": "relu"},
    ]
}
GROUPS = "split\tgroup\ntrain\tchr1\nval\tchr2\ntest\tchr3\n"


def training(**changes):
    """Settings of a training with the defaults of the schema; few epochs unless said otherwise."""
    schema = yaml.safe_load(SCHEMA.read_text())
    entry = {"training": {"max_epochs": 4, "batch_size": 32, "learning_rate": 0.01, **changes}}
    return with_defaults(entry, schema["additionalProperties"], schema)["training"]


def made_targets(n_rows, task, rng, n_targets=1):
    """Which rows hold the site (every second one), and what is measured of them: labels, quantities or counts."""
    holds = np.arange(n_rows) % 2 == 0
    columns = []
    for number in range(n_targets):
        if task == "binary":
            columns.append(holds if number == 0 else rng.random(n_rows) < 0.4)
        elif task == "counts":
            columns.append(rng.poisson(np.where(holds, 6, 1)))
        else:
            columns.append(2.0 * holds - 1 + 0.2 * rng.normal(size=n_rows))
    return holds, np.column_stack(columns).astype(float)


def made_split(path, n_rows=192, seed=0, task="binary", targets=None, n_targets=1, n_tracks=0, **attributes):
    """Write a split.

    Parameters
    ----------
    path : Path
        Its stem names the split, which has a chromosome of its own.
    n_rows, seed : int
    task : str
        `binary`, `regression` or `counts`.
    targets : array_like, shape (n_rows, T), optional
        Instead of those that the site makes.
    n_targets, n_tracks : int
        The first track is higher where the site is; it has bins without data.
    **attributes
        Of the file, beside or instead of the usual ones.

    Returns
    -------
    str
        The path.
    """
    rng = np.random.default_rng(seed)
    width = LENGTH + 2 * JITTER
    bases = rng.choice(np.frombuffer(b"ACGT", np.uint8), (n_rows, width))
    holds, values = made_targets(n_rows, task, rng, n_targets)
    for row in np.flatnonzero(holds):
        begin = int(rng.integers(2 * JITTER, LENGTH - len(SITE)))
        bases[row, begin : begin + len(SITE)] = np.frombuffer(SITE, np.uint8)
    values = values if targets is None else np.asarray(targets, dtype=float).reshape(n_rows, -1)
    tracks = 5 + rng.normal(size=(n_rows, n_tracks, 8)).astype(np.float32)
    if n_tracks:
        tracks[holds, 0] += 4
        tracks[:, :, 2][rng.random((n_rows, n_tracks)) < 0.1] = np.nan
    chrom = {"train": "chr1", "val": "chr2", "test": "chr3"}.get(Path(path).stem, "chr1")
    loci = pd.DataFrame({"chrom": chrom, "start": 100 * np.arange(n_rows), "name": "row", "strand": "+"})
    about = {
        "target_names": [f"factor{number}" for number in range(values.shape[1])],
        "track_names": [f"track{number}" for number in range(n_tracks)],
        "window_length": LENGTH, "max_jitter": JITTER, "task": "binary" if task == "binary" else "regression",
        "split": Path(path).stem, "genome": "made", "genome_sha256": "0", "config_sha256": "1", "fold": "holdout",
        **attributes,
    }  # fmt: skip
    write_split(
        path, loci.assign(end=loci["start"] + width), values, width, bases.__getitem__, about,
        (n_tracks, 8) if n_tracks else None, tracks.__getitem__,
    )  # fmt: skip
    return str(path)


def made_fold(folder, sizes=(192, 96, 96), **options):
    """Paths of `train`, `val`, `test` and of the table `groups`."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = zip(("train", "val", "test"), sizes, strict=True)
    paths = {
        name: made_split(folder / f"{name}.h5", n_rows, seed=seed, **options)
        for seed, (name, n_rows) in enumerate(splits)
    }
    (folder / "groups.tsv").write_text(GROUPS)
    return {**paths, "groups": str(folder / "groups.tsv")}
