"""The HDF5 file of one split: written once, read by everything after it.

`one_hot` int8 (N, 4, stored length), rows of the alphabet A C G T, an unknown base four zeros; `targets` float32
(N, T), NaN = unknown; `chrom`, `start`, `end` (0-based, half-open, of the sequence as stored), `name` and `strand` of
each row (a sequence on `-` is the reverse complement of its interval; `.` counts as `+`); with signal tracks `tracks`
float32 (N, C, B), NaN = no data. A stored sequence is its window with `max_jitter` bases more on each side; the tracks
of a row lie about the centre of its window.
"""

import h5py
import hdf5plugin
import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET

ROWS_PER_CHUNK = 256  # small enough for random batches, large enough to compress and read well
ROWS_AT_ONCE = 32 * ROWS_PER_CHUNK  # that are encoded and written together: memory does not grow with the split
LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
DATASETS = ("one_hot", "targets", "tracks", "chrom", "start", "end", "name", "strand")
LOCI_AND_TARGETS = tuple(name for name in DATASETS if name not in ("one_hot", "tracks"))  # all but what networks read


def one_hot_of(bases):
    """One-hot sequences: uint8 ASCII (N, L), upper case -> int8 (N, 4, L), an unknown base four zeros."""
    one_hot = np.empty((len(bases), len(LETTERS), bases.shape[1]), dtype=np.int8)
    np.equal(bases[:, None, :], LETTERS[None, :, None], out=one_hot.view(bool))
    return one_hot


def encoded(texts):
    """Texts as an array of bytes in UTF-8; each different one is encoded once."""
    codes, different = pd.factorize(texts)
    return np.array([str(text).encode("utf-8") for text in different], dtype=bytes)[codes]


def write_split(path, loci, targets, width, bases_of_rows, attributes, track_shape=None, tracks_of_rows=None):
    """Write a split, some thousand rows at a time.

    Parameters
    ----------
    path : str or Path
    loci : pandas.DataFrame
        `chrom`, `start`, `end`, `name`, `strand` of the rows; coordinates of the stored sequence.
    targets : numpy.ndarray of float, shape (N, T)
    width : int
        Bases of a stored sequence.
    bases_of_rows : callable
        Takes a slice of rows and gives their bases as uint8 ASCII, upper case, (rows, width).
    attributes : dict of str -> str, int or list of str
        What the file says of itself.
    track_shape : (int, int) or None
        Numbers of tracks and of bins.
    tracks_of_rows : callable or None
        Takes a slice of rows and gives their tracks as float32, (rows, tracks, bins).
    """
    with h5py.File(path, "w", libver="v110") as file:
        compression = hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE)

        def dataset(name, shape, dtype, compressed=True, data=None):
            chunks = (min(ROWS_PER_CHUNK, max(shape[0], 1)), *shape[1:])
            # Fletcher32: a file altered behind the workflow's back is an error at reading, not another result.
            options = {"chunks": chunks, "fletcher32": True, "track_times": False}
            options |= compression if compressed else {}
            return file.create_dataset(name, shape, dtype, data=data, **options)

        n_rows = len(loci)
        one_hot = dataset("one_hot", (n_rows, len(LETTERS), width), np.int8)
        tracks = dataset("tracks", (n_rows, *track_shape), np.float32) if track_shape else None
        for begin in range(0, n_rows, ROWS_AT_ONCE):
            rows = slice(begin, min(begin + ROWS_AT_ONCE, n_rows))
            one_hot[rows] = one_hot_of(bases_of_rows(rows))
            if tracks is not None:
                tracks[rows] = tracks_of_rows(rows)
        dataset("targets", targets.shape, np.float32, data=targets.astype(np.float32))
        for name in ("start", "end"):
            dataset(name, (n_rows,), np.int64, data=loci[name].to_numpy(dtype=np.int64))
        for name in ("chrom", "name", "strand"):
            texts = encoded(loci[name])
            dataset(name, (n_rows,), texts.dtype, data=texts)
        for key, value in attributes.items():
            is_list = isinstance(value, list)
            file.attrs[key] = np.array(value, dtype=h5py.string_dtype()) if is_list else value


def read_datasets(file, names, rows):
    """Some rows of those datasets that an open file has, as `read_split` describes them."""
    found = {name: file[name][rows] for name in names if name in file}
    return {name: np.char.decode(part, "utf-8") if part.dtype.kind == "S" else part for name, part in found.items()}


def read_blocks(path, names, rows):
    """Read a split some rows at a time: memory does not grow with it.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Of the datasets; those that the file lacks are left out.
    rows : int
        Of a block; the last may have fewer.

    Yields
    ------
    dict
        As of `read_split`, without the attributes.
    """
    with h5py.File(path, "r") as file:
        for begin in range(0, len(file["targets"]), rows):
            yield read_datasets(file, names, slice(begin, begin + rows))


def read_split(path, names=DATASETS):
    """Read a split whole.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Datasets to read, all as a rule; `LOCI_AND_TARGETS` are small in any split.

    Returns
    -------
    dict
        `one_hot` int8 (N, 4, stored length), `targets` float32 (N, T), `chrom`, `name` and `strand` (N,) of str,
        `start` and `end` int64 (N,), `tracks` float32 (N, C, B) where the file has them, and the dictionary
        `attributes`.
    """
    with h5py.File(path, "r") as file:
        split = read_datasets(file, names, slice(None))
        attributes = dict(file.attrs)
    for key in ("target_names", "track_names"):
        attributes[key] = [str(name) for name in attributes[key]]
    split["attributes"] = attributes
    return split
