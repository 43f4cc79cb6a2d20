"""The HDF5 file of one split: written once, read by everything after it.

`one_hot` int8 (N, 4, stored length), rows of the alphabet A C G T, an unknown base four zeros; `targets` float32
(N, T), NaN = unknown; `chrom`, `start`, `end` (0-based, half-open, of the sequence as stored) and `name` of each row.
A stored sequence is its window with `max_jitter` bases more on each side.
"""

import h5py
import hdf5plugin
import numpy as np

ROWS_PER_CHUNK = 256  # small enough for random batches, large enough to compress and read well


def write_split(path, one_hot, targets, loci, attributes):
    """Write a split.

    Parameters
    ----------
    path : str or Path
    one_hot : numpy.ndarray of int8, shape (N, 4, stored length)
    targets : numpy.ndarray of float32, shape (N, T)
    loci : pandas.DataFrame
        `chrom`, `start`, `end`, `name` of the rows; coordinates of the stored sequence.
    attributes : dict of str -> str, int or list of str
        What the file says of itself.
    """
    with h5py.File(path, "w", libver="v110") as file:
        compression = hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE)

        def dataset(name, values, compressed=True):
            chunks = (min(ROWS_PER_CHUNK, max(len(values), 1)), *values.shape[1:])
            # Fletcher32: a file altered behind the workflow's back is an error at reading, not another result.
            options = {"chunks": chunks, "fletcher32": True, "track_times": False}
            file.create_dataset(name, data=values, **options, **(compression if compressed else {}))

        dataset("one_hot", one_hot)
        dataset("targets", targets.astype(np.float32))
        dataset("start", loci["start"].to_numpy(dtype=np.int64))
        dataset("end", loci["end"].to_numpy(dtype=np.int64))
        for name in ("chrom", "name"):
            dataset(name, np.char.encode(loci[name].to_numpy(dtype=str), "utf-8"))
        for key, value in attributes.items():
            is_list = isinstance(value, list)
            file.attrs[key] = np.array(value, dtype=h5py.string_dtype()) if is_list else value


def read_split(path):
    """Read a split whole.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        `one_hot` int8 (N, 4, stored length), `targets` float32 (N, T), `chrom` and `name` (N,) of str, `start` and
        `end` int64 (N,), and `attributes`, a dictionary.
    """
    with h5py.File(path, "r") as file:
        split = {name: file[name][:] for name in ("one_hot", "targets", "start", "end")}
        split |= {name: np.char.decode(file[name][:], "utf-8") for name in ("chrom", "name")}
        attributes = dict(file.attrs)
    attributes["target_names"] = [str(name) for name in attributes["target_names"]]
    split["attributes"] = attributes
    return split
