"""The HDF5 file of a split: what comes back is what went in, byte by byte the same, and altered bytes are errors."""

import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisflow import split_file
from cisflow.split_file import LOCI_AND_TARGETS, one_hot_of, read_blocks, read_split, write_split

DATASETS = ("one_hot", "targets", "start", "end", "chrom", "name", "strand")
LETTERS = np.frombuffer(b"ACGTNRYSWKMBDHV-", dtype=np.uint8)


def a_split(rows, length=37, targets=("Su(Hw)", "1", "NA"), tracks=(), bins=5, seed=1):
    """Bases, tracks and what else `write_split` takes."""
    rng = np.random.default_rng(seed)
    bases = rng.choice(LETTERS[:5], size=(rows, length))
    signals = rng.normal(size=(rows, len(tracks), bins)).astype(np.float32)
    signals[rng.random(signals.shape) < 0.1] = np.nan
    labels = rng.choice([0, 1, np.nan, 0.1, -1e6], size=(rows, len(targets)))
    start = rng.integers(0, 10**11, size=rows)
    loci = pd.DataFrame(
        {
            "chrom": rng.choice(["NA", "1", "chr1", "chrUn_\u00e9"], size=rows),
            "start": start,
            "end": start + length,
            "name": [f"peak_{number}" for number in range(rows)],
            "strand": rng.choice(["+", "-", "."], size=rows),
        }
    )
    attributes = {
        "alphabet": "ACGT",
        "target_names": list(targets),
        "track_names": list(tracks),
        "seed": 7,
        "task": "binary",
        "genome": "NA",
    }
    return bases, signals, loci, labels, attributes


def write(path, split):
    """Write a split; what was asked of the two functions is given back."""
    bases, signals, loci, labels, attributes = split
    asked = []

    def bases_of_rows(rows):
        asked.append((rows.start, rows.stop))
        return bases[rows]

    shape, tracks_of_rows = (signals.shape[1:], lambda rows: signals[rows]) if signals.shape[1] else (None, None)
    write_split(path, loci, labels, bases.shape[1], bases_of_rows, attributes, shape, tracks_of_rows)
    return asked


def one_hot_by_brute_force(bases):
    one_hot = np.zeros((len(bases), 4, bases.shape[1]), dtype=np.int8)
    for row, position in np.ndindex(bases.shape):
        letter = chr(bases[row, position])
        if letter in "ACGT":
            one_hot[row, "ACGT".index(letter), position] = 1
    return one_hot


def assert_same(found, split):
    bases, signals, loci, labels, attributes = split
    assert found["one_hot"].dtype == np.int8
    assert found["targets"].dtype == np.float32
    np.testing.assert_array_equal(found["one_hot"], one_hot_by_brute_force(bases))
    np.testing.assert_array_equal(found["targets"], labels.astype(np.float32))
    assert ("tracks" in found) == bool(signals.shape[1])
    if "tracks" in found:
        assert found["tracks"].dtype == np.float32
        np.testing.assert_array_equal(found["tracks"], signals)
    for name in ("chrom", "start", "end", "name", "strand"):
        assert found[name].tolist() == loci[name].tolist()
    assert found["attributes"] == attributes


# --- encoding ---------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, database=None)
@given(rows=st.integers(0, 5), length=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_bases_are_encoded_one_by_one(rows, length, seed):
    bases = np.random.default_rng(seed).choice(LETTERS, size=(rows, length))
    found = one_hot_of(bases)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, one_hot_by_brute_force(bases))
    reverse = one_hot_of(bases[::-1, ::-1])  # an array that is not in one piece
    np.testing.assert_array_equal(reverse, found[::-1, :, ::-1])


def test_the_rows_are_those_of_the_alphabet():
    assert one_hot_of(np.frombuffer(b"ACGTN", dtype=np.uint8)[None])[0].tolist() == [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
    ]


# --- writing and reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 255, 256, 257, 700])
@pytest.mark.parametrize("tracks", [(), ("H3K27ac", "ATAC \u00e9")])
def test_reading_gives_what_was_written(rows, tracks, tmp_path):
    split = a_split(rows, tracks=tracks)
    write(tmp_path / "x.h5", split)
    found = read_split(tmp_path / "x.h5")
    assert_same(found, split)
    assert type(found["attributes"]["target_names"]) is list


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 60),
    at_once=st.integers(1, 70),
    length=st.integers(1, 30),
    tracks=st.sampled_from([(), ("a",), ("a", "b", "c")]),
    bins=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_it_does_not_matter_how_many_rows_are_written_at_once(
    rows, at_once, length, tracks, bins, seed, tmp_path, monkeypatch
):
    monkeypatch.setattr(split_file, "ROWS_AT_ONCE", at_once)
    monkeypatch.setattr(split_file, "ROWS_PER_CHUNK", 16)
    split = a_split(rows, length, tracks=tracks, bins=bins, seed=seed)
    asked = write(tmp_path / "x.h5", split)
    assert_same(read_split(tmp_path / "x.h5"), split)
    # Every row once, and never more than so many: memory does not grow with the split.
    assert [row for begin, end in asked for row in range(begin, end)] == list(range(rows))
    assert max(end - begin for begin, end in asked) <= at_once


def test_bytes_do_not_depend_on_how_many_rows_are_written_at_once(tmp_path, monkeypatch):
    split = a_split(2_000, tracks=("a",))
    write(tmp_path / "whole.h5", split)
    monkeypatch.setattr(split_file, "ROWS_AT_ONCE", 2 * split_file.ROWS_PER_CHUNK)
    assert len(write(tmp_path / "parts.h5", split)) == 4
    assert (tmp_path / "whole.h5").read_bytes() == (tmp_path / "parts.h5").read_bytes()


@pytest.mark.parametrize("tracks", [(), ("a", "b")])
def test_the_layout_is_the_one_that_is_promised(tracks, tmp_path):
    write(tmp_path / "x.h5", a_split(300, tracks=tracks))
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file) == {*DATASETS, *(["tracks"] if tracks else [])}
        assert (file["one_hot"].shape, file["one_hot"].dtype) == ((300, 4, 37), np.int8)
        assert (file["targets"].shape, file["targets"].dtype) == ((300, 3), np.float32)
        if tracks:
            assert (file["tracks"].shape, file["tracks"].dtype) == ((300, 2, 5), np.float32)
        assert all(file[name].fletcher32 for name in file)
        assert file["one_hot"].id.get_storage_size() < 300 * 4 * 37 / 3


def test_many_targets_fit_into_the_attributes(tmp_path):
    targets = [f"factor number {number} (with a long name)" for number in range(3_000)]
    split = a_split(3, targets=targets)
    write(tmp_path / "x.h5", split)
    assert read_split(tmp_path / "x.h5")["attributes"]["target_names"] == targets


def test_two_writes_give_the_same_bytes(tmp_path):
    write(tmp_path / "a.h5", a_split(600, tracks=("a",)))
    time.sleep(1.1)  # HDF5 notes times in whole seconds, where it does
    write(tmp_path / "b.h5", a_split(600, tracks=("a",)))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    write(tmp_path / "c.h5", a_split(600, tracks=("a",), seed=2))
    assert (tmp_path / "a.h5").read_bytes() != (tmp_path / "c.h5").read_bytes()


@pytest.mark.parametrize("n_rows", [1, 37, 256, 599, 600, 5_000])
@pytest.mark.parametrize("tracks", [(), ("a", "b")])
def test_blocks_are_the_split_cut_into_pieces(n_rows, tracks, tmp_path):
    write(tmp_path / "x.h5", a_split(600, tracks=tracks))
    whole = read_split(tmp_path / "x.h5")
    names = (*DATASETS, "tracks")
    blocks = list(read_blocks(tmp_path / "x.h5", names, n_rows))
    assert [len(block["name"]) for block in blocks] == [min(n_rows, 600 - begin) for begin in range(0, 600, n_rows)]
    for name in names:
        assert all((name in block) == (name in whole) for block in blocks)
        if name in whole:
            joined = np.concatenate([block[name] for block in blocks])
            assert joined.dtype == whole[name].dtype
            np.testing.assert_array_equal(joined, whole[name])


def test_no_more_is_read_than_was_asked_for(tmp_path, monkeypatch):
    write(tmp_path / "x.h5", a_split(600, tracks=("a",)))
    sizes = []
    read = h5py.Dataset.__getitem__

    def watched(dataset, rows):
        values = read(dataset, rows)
        sizes.append((dataset.name, len(values)))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    blocks = read_blocks(tmp_path / "x.h5", ["one_hot"], 100)
    assert set(next(blocks)) == {"one_hot"}
    assert sizes == [("/one_hot", 100)]
    small = read_split(tmp_path / "x.h5", LOCI_AND_TARGETS)
    assert set(small) == {"attributes", "chrom", "start", "end", "name", "strand", "targets"}
    assert not {"/one_hot", "/tracks"} & {name for name, _ in sizes[1:]}


# --- altered files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished_file(tmp_path_factory):
    """A split that was written, and where the last chunk of each dataset lies in it."""
    path = tmp_path_factory.mktemp("split") / "x.h5"
    write(path, a_split(600, tracks=("a", "b")))
    chunks = {}
    with h5py.File(path) as file:
        for name in file:
            chunk = file[name].id.get_chunk_info(file[name].id.get_num_chunks() - 1)
            chunks[name] = chunk.byte_offset, chunk.size
    return path.read_bytes(), chunks


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*DATASETS, "tracks"]),
    where=st.floats(0, 1, exclude_max=True),
    bits=st.integers(1, 255),
)
def test_an_altered_byte_is_an_error_at_reading(name, where, bits, finished_file, tmp_path):
    content, chunks = finished_file
    offset, size = chunks[name]
    altered = bytearray(content)
    altered[offset + int(where * size)] ^= bits
    path = Path(tmp_path / "x.h5")
    path.write_bytes(bytes(altered))
    with pytest.raises(OSError, match=r"[Cc]an't .*read data|checksum|filter"):
        read_split(path)


@pytest.mark.parametrize("missing", [1, 100, 5_000])
def test_a_file_cut_short_is_an_error_at_reading(missing, finished_file, tmp_path):
    (tmp_path / "x.h5").write_bytes(finished_file[0][:-missing])
    with pytest.raises(OSError, match="truncated"):
        read_split(tmp_path / "x.h5")
