"""The HDF5 file of the features that a frozen network makes of the rows of a fold.

A group each for `train`, `val` and `test`: `features` float32 (N, D), and what the split's own file says of its rows:
`targets` float32 (N, T), NaN = unknown, `chrom`, `start`, `end`, `name`, `strand`, and its attributes. Attributes of
the file are the provenance, as JSON: which network, layer, pooling and strands; `digest` is a checksum of all of them,
by which features can be told apart without reading them.
"""

import hashlib
import json

import h5py
import hdf5plugin
import numpy as np

from cisflow.messages import InputError
from cisflow.split_file import LOCI_AND_TARGETS, ROWS_PER_CHUNK, read_datasets

FEATURE_SPLITS = ("train", "val", "test")


def features_digest(provenance):
    """SHA-256 of what describes features: plain values by name."""
    return hashlib.sha256(json.dumps(provenance, sort_keys=True).encode()).hexdigest()


def write_features(path, blocks_of_splits, split_files, provenance):
    """Write the features of the three splits block by block.

    Parameters
    ----------
    path : str or Path
    blocks_of_splits : dict of str -> iterable of numpy.ndarray
        Of train, val and test: blocks of float32 (rows, D), in the order of the rows; together all of them.
    split_files : dict of str -> h5py.File
        The open HDF5 files of the splits, from which the rest is copied.
    provenance : dict
        Plain values, lists and dictionaries of them. What the splits were made with is added.

    Returns
    -------
    str
        The digest.
    """
    made_with = {split: str(file.attrs.get("config_sha256", "")) for split, file in split_files.items()}
    provenance = {**provenance, "config_sha256": made_with}
    with h5py.File(path, "w", libver="v110") as file:
        for split, blocks in blocks_of_splits.items():
            source, group, written = split_files[split], file.create_group(split), 0
            for name in LOCI_AND_TARGETS:
                if name in source:
                    source.copy(name, group)
            group.attrs.update(source.attrs)
            n_rows, features = len(source["targets"]), None
            for block in blocks:
                if features is None:
                    # Fletcher32: a file altered behind the workflow's back is an error at reading.
                    features = group.create_dataset(
                        "features",
                        (n_rows, block.shape[1]),
                        np.float32,
                        chunks=(min(ROWS_PER_CHUNK, n_rows), block.shape[1]),
                        fletcher32=True,
                        track_times=False,
                        **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE),
                    )
                features[written : written + len(block)] = block
                written += len(block)
            if written != n_rows:
                raise RuntimeError(f"{split}: {written} rows of features for {n_rows} rows")
        for key, value in provenance.items():
            file.attrs[key] = json.dumps(value, sort_keys=True)
        file.attrs["digest"] = features_digest(provenance)
        return file.attrs["digest"]


def read_features(path, parent_sha256=None):
    """Read the features of the three splits.

    Parameters
    ----------
    path : str or Path
    parent_sha256 : str, optional
        Checksum of the file of the network that is configured now; features of another one are refused.

    Returns
    -------
    splits : dict of str -> dict
        Of train, val and test: as `cisflow.split_file.read_split` gives a split, with `features` float32 (N, D) in
        place of `one_hot`.
    provenance : dict
        What was given to `write_features`, and `digest`.

    Raises
    ------
    InputError
        If they are features of another network, or the file was changed after it was written.
    """
    with h5py.File(path, "r") as file:
        provenance = {key: json.loads(value) for key, value in file.attrs.items() if key != "digest"}
        digest = file.attrs["digest"]
        if features_digest(provenance) != digest:
            raise InputError(
                f"{path} does not hold what it says it holds",
                f"its attributes were changed after it was written: their digest is not {digest}",
                "delete it and run again",
            )
        if parent_sha256 is not None and provenance["parent_sha256"] != parent_sha256:
            raise InputError(
                f"{path} holds features of another network",
                f"they were made with a network of sha256 {provenance['parent_sha256']}; {provenance['parent']} now"
                f" has {parent_sha256}: a file with an older date may have taken its place",
                "delete the file of features and run again",
            )
        splits = {}
        for name in FEATURE_SPLITS:
            group = file[name]
            split = read_datasets(group, ("features", *LOCI_AND_TARGETS), slice(None))
            attributes = dict(group.attrs)
            for key in ("target_names", "track_names"):
                attributes[key] = [str(value) for value in attributes.get(key, [])]
            splits[name] = {**split, "attributes": attributes}
    return splits, {**provenance, "digest": digest}
