"""Rows as a training reads them: codes, crops, strands, and the same rows each epoch whether held or streamed."""

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cisflow.base_codes import codes_of_one_hot
from cisflow.batches import (
    Batch,
    ResidentSplit,
    StreamedSplit,
    augmented,
    blocks_together,
    epoch_generator,
    one_hot_of_codes,
    open_split,
    other_strand,
)
from cisflow.sequences import reverse_complement

CPU = torch.device("cpu")
LENGTH, JITTER = 20, 3


def random_rows(n_rows, seed=0, tracks=False):
    """Rows whose target says which row it is."""
    rng = np.random.default_rng(seed)
    codes = rng.choice([0, 1, 2, 3, 4], p=[0.24] * 4 + [0.04], size=(n_rows, LENGTH + 2 * JITTER)).astype(np.uint8)
    values = torch.from_numpy(rng.normal(size=(n_rows, 2, 5)).astype(np.float32)) if tracks else None
    return Batch(torch.from_numpy(codes), torch.arange(n_rows, dtype=torch.float32)[:, None], values)


@pytest.fixture
def split_file(tmp_path):
    """A split of 1,300 rows in chunks of 256, with tracks."""
    rows = random_rows(1300, tracks=True)
    path = tmp_path / "train.h5"
    with h5py.File(path, "w") as file:
        one_hot = one_hot_of_codes(rows.codes).numpy().astype(np.int8)
        file.create_dataset("one_hot", data=one_hot, chunks=(256, 4, one_hot.shape[2]))
        file["targets"], file["tracks"] = rows.targets.numpy(), rows.tracks.numpy()
    return path, rows


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=5))
def test_codes_and_one_hot_are_one_another(rows):
    codes = np.array(rows, dtype=np.uint8)
    one_hot = np.stack([codes == base for base in range(4)], axis=1).astype(np.int8)
    assert np.array_equal(codes_of_one_hot(one_hot), codes)
    assert np.array_equal(one_hot_of_codes(torch.from_numpy(codes)).numpy(), one_hot)


def test_the_other_strand_is_the_reverse_complement():
    rows = random_rows(50, tracks=True)
    turned = other_strand(rows)
    assert torch.equal(one_hot_of_codes(turned.codes), reverse_complement(one_hot_of_codes(rows.codes)))
    assert torch.equal(turned.tracks, rows.tracks.flip(2))
    assert all(torch.equal(a, b) for a, b in zip(other_strand(turned), rows, strict=True))


def test_crops_are_windows_of_the_stored_bases_and_half_are_turned():
    rows = random_rows(600, tracks=True)
    found = augmented(rows, LENGTH, epoch_generator(1, 1))
    offsets, n_turned = set(), 0
    for row in range(600):
        stored, got = rows.codes[row], found.codes[row]
        forward = [o for o in range(2 * JITTER + 1) if torch.equal(stored[o : o + LENGTH], got)]
        turned = other_strand(Batch(got[None], rows.targets[:1], found.tracks[row : row + 1]))
        backward = [o for o in range(2 * JITTER + 1) if torch.equal(stored[o : o + LENGTH], turned.codes[0])]
        assert len(forward) + len(backward) == 1
        assert torch.equal(found.tracks[row] if forward else turned.tracks[0], rows.tracks[row])
        offsets |= {*forward, *backward}
        n_turned += len(backward)
    assert offsets == set(range(2 * JITTER + 1))
    assert 240 < n_turned < 360  # five standard deviations about 300


def opened(split_file, how, tracks=True):
    path, rows = split_file
    if how == "resident":
        return ResidentSplit(rows if tracks else rows._replace(tracks=None), LENGTH, CPU)
    return StreamedSplit(path, LENGTH, CPU, 0, tracks)


@pytest.mark.parametrize("how", ["resident", "streamed"])
@pytest.mark.parametrize("both_strands", [True, False])
def test_rows_stay_on_their_strand_where_it_means_something(split_file, how, both_strands):
    path, rows = split_file
    split = open_split(path, LENGTH, CPU, 10**9 if how == "resident" else 0, True, both_strands=both_strands)
    assert isinstance(split, ResidentSplit if how == "resident" else StreamedSplit)
    shares = [
        torch.equal(tracks, rows.tracks[int(number)])
        for batch in split.batches(100, 1, 1)
        for number, tracks in zip(batch.targets[:, 0], batch.tracks, strict=True)
    ]
    assert np.mean(shares) < 0.6 if both_strands else all(shares)


@pytest.mark.parametrize("how", ["resident", "streamed"])
def test_targets_that_are_given_stand_for_those_of_the_file(split_file, how):
    path, rows = split_file
    targets = torch.arange(1300.0, 0, -1)[:, None]
    split = open_split(path, LENGTH, CPU, 10**9 if how == "resident" else 0, True, None, targets, both_strands=False)
    assert torch.equal(split.targets, targets)
    for batch in [*split.batches(100, 1, 1), *split.blocks(300)]:
        index = (1300 - batch.targets[:, 0]).long()
        assert torch.equal(batch.tracks, rows.tracks[index])


@pytest.mark.parametrize("how", ["resident", "streamed"])
def test_an_epoch_shows_every_row_once_in_another_order_each_time(split_file, how):
    split = opened(split_file, how)
    seen = [[int(x) for batch in split.batches(100, 1, epoch) for x in batch.targets[:, 0]] for epoch in (1, 2)]
    assert all(len(order) == len(set(order)) == 1300 for order in seen)
    assert seen[0] != seen[1]
    assert sorted(seen[0]) != seen[0]
    assert seen[0] == [int(x) for batch in split.batches(100, 1, 1) for x in batch.targets[:, 0]]
    assert seen[0] != [int(x) for batch in split.batches(100, 2, 1) for x in batch.targets[:, 0]]


@pytest.mark.parametrize("how", ["resident", "streamed"])
@pytest.mark.parametrize("batch_size", [7, 100, 256, 999])
def test_rows_that_fill_no_batch_are_left_out_and_codes_stay_with_their_targets(split_file, how, batch_size):
    rows = split_file[1]
    batches = list(opened(split_file, how).batches(batch_size, 1, 1))
    assert len(batches) == 1300 // batch_size
    for batch in batches:
        assert batch.codes.shape == (batch_size, LENGTH)
        number = int(batch.targets[0, 0])
        same, turned = batch.tracks[0], batch.tracks[0].flip(1)
        assert torch.equal(same, rows.tracks[number]) or torch.equal(turned, rows.tracks[number])


@pytest.mark.parametrize("how", ["resident", "streamed"])
@pytest.mark.parametrize("first", [1, 8, 9, 12])
def test_an_epoch_taken_up_in_its_middle_goes_on_as_it_would_have(split_file, how, first):
    whole = list(opened(split_file, how).batches(100, 1, 3))
    rest = list(opened(split_file, how).batches(100, 1, 3, first))
    assert len(rest) == 13 - first
    for a, b in zip(whole[first:], rest, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_streamed_rows_are_mixed_beyond_their_blocks(split_file):
    """Neighbours in the file must not make up a batch: they are alike."""
    split = opened(split_file, "streamed")
    first = next(iter(split.batches(100, 1, 1))).targets[:, 0].numpy() // 256
    assert len(set(first)) >= 3


@pytest.mark.parametrize("how", ["resident", "streamed"])
def test_blocks_are_all_rows_in_order_and_their_middle(split_file, how):
    rows = split_file[1]
    blocks = list(opened(split_file, how).blocks(500))
    assert torch.equal(torch.cat([block.codes for block in blocks]), rows.codes[:, JITTER:-JITTER])
    assert torch.equal(torch.cat([block.targets for block in blocks]), rows.targets)
    assert torch.equal(torch.cat([block.tracks for block in blocks]), rows.tracks)


@pytest.mark.parametrize("n_rows", [1, 4, 10, 100])
def test_blocks_of_several_splits_are_those_of_each_and_filled_up(n_rows):
    splits = [ResidentSplit(random_rows(size, seed=size), LENGTH, CPU) for size in (10, 3, 23)]
    blocks = list(blocks_together(splits, n_rows))
    assert [block.codes.shape[1] for block in blocks] == [min(n_rows, 23 - at) for at in range(0, 23, n_rows)]
    for number, split in enumerate(splits):
        codes = torch.cat([block.codes[number] for block in blocks])
        targets = torch.cat([block.targets[number] for block in blocks])
        assert torch.equal(codes[: len(split)], split.rows.codes[:, JITTER:-JITTER])
        assert torch.equal(targets[: len(split)], split.rows.targets)
        assert (codes[len(split) :] == 4).all()
        assert torch.isnan(targets[len(split) :]).all()


def test_memory_decides_between_held_and_streamed(split_file):
    path, rows = split_file
    a_row = LENGTH + 2 * JITTER + 4 + 2 * 5 * 4
    held = open_split(path, LENGTH, CPU, 1300 * a_row, with_tracks=True)
    assert isinstance(held, ResidentSplit)
    assert torch.equal(held.rows.codes, rows.codes)
    assert torch.equal(held.rows.tracks, rows.tracks)
    assert isinstance(open_split(path, LENGTH, CPU, 1300 * a_row - 1, with_tracks=True), StreamedSplit)
    assert isinstance(open_split(path, LENGTH, CPU, 1300 * a_row - 1), ResidentSplit)  # without tracks they fit


def test_some_rows_of_a_split(split_file):
    path, rows = split_file
    chosen = np.array([3, 4, 700, 1299])
    part = open_split(path, LENGTH, CPU, 10**9, rows=chosen)
    assert torch.equal(part.rows.codes, rows.codes[chosen])
    assert part.targets[:, 0].tolist() == chosen.tolist()
