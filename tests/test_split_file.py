"""The HDF5 file of a split: what comes back is what went in, byte by byte the same, and altered bytes are errors."""

import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from cisflow.split_file import read_split, write_split

DATASETS = ("one_hot", "targets", "start", "end", "chrom", "name")


def a_split(rows, length=37, targets=("Su(Hw)", "1", "NA"), seed=1):
    rng = np.random.default_rng(seed)
    one_hot = np.zeros((rows, 4, length), dtype=np.int8)
    base = rng.integers(0, 5, size=(rows, length))  # 4 is an unknown base
    for row, position in np.argwhere(base < 4):
        one_hot[row, base[row, position], position] = 1
    labels = rng.choice([0, 1, np.nan], size=(rows, len(targets)))
    start = rng.integers(0, 10**9, size=rows)
    loci = pd.DataFrame(
        {
            "chrom": rng.choice(["NA", "1", "chr1", "chrUn_\u00e9"], size=rows),
            "start": start,
            "end": start + length,
            "name": [f"peak_{number}" for number in range(rows)],
        }
    )
    attributes = {
        "alphabet": "ACGT",
        "target_names": list(targets),
        "track_names": [],
        "seed": 7,
        "task": "binary",
        "genome": "NA",
    }
    return one_hot, labels, loci, attributes


@pytest.mark.parametrize("rows", [1, 2, 255, 256, 257, 700])
def test_reading_gives_what_was_written(rows, tmp_path):
    one_hot, labels, loci, attributes = a_split(rows)
    write_split(tmp_path / "x.h5", one_hot, labels, loci, attributes)
    split = read_split(tmp_path / "x.h5")
    assert split["one_hot"].dtype == np.int8
    assert split["targets"].dtype == np.float32
    np.testing.assert_array_equal(split["one_hot"], one_hot)
    np.testing.assert_array_equal(split["targets"], labels.astype(np.float32))
    for name in ("chrom", "start", "end", "name"):
        assert split[name].tolist() == loci[name].tolist()
    found = split["attributes"]
    assert found["target_names"] == ["Su(Hw)", "1", "NA"]
    assert list(found["track_names"]) == []
    assert {key: found[key] for key in ("alphabet", "seed", "task", "genome")} == {
        "alphabet": "ACGT",
        "seed": 7,
        "task": "binary",
        "genome": "NA",
    }


def test_the_layout_is_the_one_that_is_promised(tmp_path):
    one_hot, labels, loci, attributes = a_split(300)
    write_split(tmp_path / "x.h5", one_hot, labels, loci, attributes)
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file) == set(DATASETS)
        assert (file["one_hot"].shape, file["one_hot"].dtype) == ((300, 4, 37), np.int8)
        assert (file["targets"].shape, file["targets"].dtype) == ((300, 3), np.float32)
        assert all(file[name].fletcher32 for name in DATASETS)
        assert file["one_hot"].id.get_storage_size() < one_hot.nbytes / 3


def test_many_targets_fit_into_the_attributes(tmp_path):
    targets = [f"factor number {number} (with a long name)" for number in range(3_000)]
    one_hot, labels, loci, attributes = a_split(3, targets=targets)
    write_split(tmp_path / "x.h5", one_hot, labels, loci, attributes)
    assert read_split(tmp_path / "x.h5")["attributes"]["target_names"] == targets


def test_two_writes_give_the_same_bytes(tmp_path):
    write_split(tmp_path / "a.h5", *a_split(600))
    time.sleep(1.1)  # HDF5 notes times in whole seconds, where it does
    write_split(tmp_path / "b.h5", *a_split(600))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    write_split(tmp_path / "c.h5", *a_split(600, seed=2))
    assert (tmp_path / "a.h5").read_bytes() != (tmp_path / "c.h5").read_bytes()


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("where", [0, 0.3, 0.7, -1])
def test_a_flipped_byte_in_a_chunk_is_an_error_at_reading(name, where, tmp_path):
    path = tmp_path / "x.h5"
    write_split(path, *a_split(600))
    with h5py.File(path) as file:
        stored = file[name].id
        chunk = stored.get_chunk_info(stored.get_num_chunks() - 1)
    content = bytearray(Path(path).read_bytes())
    content[chunk.byte_offset + (int(where * chunk.size) if where >= 0 else chunk.size - 1)] ^= 0x10
    path.write_bytes(bytes(content))
    with pytest.raises(OSError, match=r"[Cc]an't .*read data|checksum|filter"):
        read_split(path)


def test_a_file_cut_short_is_an_error_at_reading(tmp_path):
    path = tmp_path / "x.h5"
    write_split(path, *a_split(600))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OSError, match="truncated"):
        read_split(path)
