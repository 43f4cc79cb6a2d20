"""The rows of a split as a training reads them: a byte a base on the device, or block by block from the HDF5.

A sequence is held as base codes, uint8 (N, stored length): 0 to 3 are A C G T, 4 is an unknown base. That is a quarter
of the one-hot form, which is made of a batch at a time, on the device, after the batch was cropped and turned.

A training split is gone through in an order that hangs on the seed and the epoch alone, so that a resumed training can
take up its place.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from cisflow.alphabet import ALPHABET, UNKNOWN
from cisflow.base_codes import codes_of_one_hot
from cisflow.split_file import ROWS_PER_CHUNK

BATCHES_AT_ONCE = 8  # are cropped and turned together: what a call costs counts in small networks


class Batch(NamedTuple):
    """Rows for one step: `codes` uint8 (B, L), `targets` float32 (B, T), `tracks` float32 (B, C, bins) or None."""

    codes: torch.Tensor
    targets: torch.Tensor
    tracks: torch.Tensor | None


def one_hot_of_codes(codes):
    """Base codes uint8 (..., L) -> one-hot float32 (..., 4, L), an unknown base four zeros; torch."""
    letters = torch.arange(len(ALPHABET), dtype=torch.uint8, device=codes.device)[:, None]
    return (codes.unsqueeze(-2) == letters).float()


def reverse_complement_codes(codes):
    """Base codes uint8 (..., L) of the other strand; an unknown base stays unknown."""
    # Of an unknown base, the subtraction wraps round to 255.
    return (UNKNOWN - 1 - codes.flip(-1)).clamp_(max=UNKNOWN)


def other_strand(batch):
    """A batch as read on the other strand: bases complemented, bases and bins of the tracks from the other end."""
    tracks = None if batch.tracks is None else batch.tracks.flip(-1)
    return Batch(reverse_complement_codes(batch.codes), batch.targets, tracks)


def epoch_generator(seed, epoch):
    """Random numbers for the order, crops and strands of one epoch, whatever came before."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 ^ int(state[1]))


def windows(codes, index, offsets, length):
    """The windows of a length that begin at `offsets` (B,) in the rows `index` (B,) of codes (N, L) -> (B, length)."""
    # As rows, which overlap, of one long sequence: torch copies whole rows several times quicker than it looks up each.
    flat = codes.reshape(-1)
    starts = flat.as_strided((max(len(flat) - length + 1, 0), length), (1, 1))
    return starts.index_select(0, index * codes.shape[1] + offsets)


def augmented(rows, length, generator, index=None, both_strands=True):
    """Rows cropped at a random offset within their stored bases, half of them on the other strand.

    Parameters
    ----------
    rows : Batch
        As stored, (N, stored length).
    length : int
        Length of the windows in bases.
    generator : torch.Generator
        On the CPU, so that a GPU draws the same.
    index : torch.Tensor of int64, optional
        These rows alone, in this order.
    both_strands : bool
        False leaves all rows on the strand on which they are stored.

    Returns
    -------
    Batch
        (N, length).
    """
    device = rows.codes.device
    index = torch.arange(len(rows.codes), device=device) if index is None else index
    offsets = torch.randint(rows.codes.shape[1] - length + 1, (len(index),), generator=generator).to(device)
    codes = windows(rows.codes, index, offsets, length)
    if not both_strands:
        return Batch(codes, rows.targets[index], None if rows.tracks is None else rows.tracks[index])
    flips = (torch.rand(len(index), generator=generator) < 0.5).to(device)
    # The difference wraps round, and the sum back. On a CPU, torch.where takes six times as long.
    codes = codes + (reverse_complement_codes(codes) - codes) * flips.to(torch.uint8)[:, None]
    tracks = None if rows.tracks is None else rows.tracks[index]
    if tracks is not None:
        tracks = torch.where(flips[:, None, None], tracks.flip(-1), tracks)
    return Batch(codes, rows.targets[index], tracks)


def taken(rows, index):
    """Some rows of a batch."""
    return Batch(*(None if part is None else part[index] for part in rows))


def in_batches(rows, batch_size):
    """Rows as batches side by side, none of them copied."""
    parts = (repeat(None) if part is None else part.split(batch_size) for part in rows)
    return [Batch(*batch) for batch in zip(*parts, strict=False)]


def on_device(rows, device):
    """A batch moved to the device, from pinned memory where that lets the copy run beside the arithmetic."""
    if device.type == "cuda":
        rows = Batch(*(None if part is None else part.pin_memory() for part in rows))
    return Batch(*(None if part is None else part.to(device, non_blocking=True) for part in rows))


def read_rows(file, rows, targets, with_tracks):
    """Some rows of an open split.

    Parameters
    ----------
    file : h5py.File
    rows : slice or numpy.ndarray of int64
        Increasing.
    targets : torch.Tensor of float32, shape (N, T)
        Of all rows.
    with_tracks : bool

    Returns
    -------
    Batch
        On the CPU, as stored.
    """
    tracks = torch.from_numpy(file["tracks"][rows]) if with_tracks else None
    codes = torch.from_numpy(codes_of_one_hot(file["one_hot"][rows]))
    return Batch(codes, targets[rows], tracks)


def row_bytes(file, with_tracks):
    """Bytes that a row takes in memory."""
    tracks = file["tracks"].shape[1] * file["tracks"].shape[2] * 4 if with_tracks else 0
    return file["one_hot"].shape[2] + file["targets"].shape[1] * 4 + tracks


class ResidentSplit:
    """A split held on the device.

    Parameters
    ----------
    rows : Batch
        All rows as stored.
    length : int
        Length of the windows in bases.
    device : torch.device
    both_strands : bool
        Whether half of the rows are trained on as their reverse complement, and both strands are validated on.
    """

    def __init__(self, rows, length, device, both_strands=True):
        self.rows, self.length, self.device = (
            Batch(*(None if x is None else x.to(device) for x in rows)),
            length,
            device,
        )
        self.targets, self.both_strands = rows.targets, both_strands

    def __len__(self):
        return len(self.rows.codes)

    def batches(self, batch_size, seed, epoch, first=0):
        """Batches of one epoch from number `first` on; rows that do not fill a last batch are left out."""
        generator = epoch_generator(seed, epoch)
        order = torch.randperm(len(self), generator=generator).to(self.device)
        number = 0
        for index in order[: len(self) // batch_size * batch_size].split(BATCHES_AT_ONCE * batch_size):
            rows = augmented(self.rows, self.length, generator, index, self.both_strands)
            for batch in in_batches(rows, batch_size):
                if number >= first:
                    yield batch
                number += 1

    def block(self, begin, end):
        """Some rows in order, as far as there are such; the window in the middle of each."""
        start = (self.rows.codes.shape[1] - self.length) // 2
        block = taken(self.rows, slice(begin, end))
        return block._replace(codes=block.codes[:, start : start + self.length])

    def blocks(self, n_rows):
        """All rows in order, the window in the middle of each."""
        for begin in range(0, len(self), n_rows):
            yield self.block(begin, begin + n_rows)


def blocks_together(splits, n_rows):
    """All rows of several splits in order, `n_rows` of each at once.

    Parameters
    ----------
    splits : list of ResidentSplit
        M, without tracks.
    n_rows : int

    Yields
    ------
    Batch
        Codes (M, N, L) and targets (M, N, T). A split that has fewer rows than the longest one is filled up with rows
        of unknown bases and targets NaN.
    """
    for begin in range(0, max(len(split) for split in splits), n_rows):
        blocks = [split.block(begin, begin + n_rows) for split in splits]
        codes = pad_sequence([block.codes for block in blocks], batch_first=True, padding_value=UNKNOWN)
        targets = pad_sequence([block.targets for block in blocks], batch_first=True, padding_value=float("nan"))
        yield Batch(codes, targets, None)


class StreamedSplit:
    """A split read block by block while it is trained on, for those that do not fit into memory.

    Blocks of neighbouring rows come in a random order; those of some blocks are held together and mixed.

    Parameters
    ----------
    path : str or Path
        HDF5 file of the split.
    length : int
    device : torch.device
    memory : int
        Bytes that may be held, on the CPU.
    with_tracks : bool
    targets : torch.Tensor of float32, shape (N, T), optional
        Instead of those in the file.
    both_strands : bool
        As of `ResidentSplit`.
    """

    def __init__(self, path, length, device, memory, with_tracks=False, targets=None, both_strands=True):
        self.path, self.length, self.device, self.with_tracks = path, length, device, with_tracks
        self.both_strands = both_strands
        with h5py.File(path, "r") as file:
            self.targets = torch.from_numpy(file["targets"][:]) if targets is None else targets
            a_row = row_bytes(file, with_tracks)
        # The rows that are trained on, those that are read meanwhile, and the one-hot form from which they are made.
        in_pool = max(memory // (4 * a_row), 4 * ROWS_PER_CHUNK)
        self.rows_per_block = max(
            ROWS_PER_CHUNK, min(16 * ROWS_PER_CHUNK, in_pool // (4 * ROWS_PER_CHUNK) * ROWS_PER_CHUNK)
        )
        self.blocks_per_pool = max(in_pool // self.rows_per_block, 1)

    def __len__(self):
        return len(self.targets)

    def pools(self, blocks):
        """The rows of some blocks after others of them, each read while the one before is worked on."""

        def read(numbers):
            with h5py.File(self.path, "r") as file:
                parts = [
                    read_rows(
                        file,
                        slice(number * self.rows_per_block, (number + 1) * self.rows_per_block),
                        self.targets,
                        self.with_tracks,
                    )
                    for number in numbers
                ]
            return Batch(*(None if part[0] is None else torch.cat(part) for part in zip(*parts, strict=True)))

        groups = [blocks[at : at + self.blocks_per_pool] for at in range(0, len(blocks), self.blocks_per_pool)]
        with ThreadPoolExecutor(1) as reader:
            waiting = reader.submit(read, groups[0])
            for following in [*groups[1:], None]:
                rows = waiting.result()
                if following is not None:
                    waiting = reader.submit(read, following)
                yield rows

    def batches(self, batch_size, seed, epoch, first=0):
        """As of `ResidentSplit`, in another order."""
        generator = epoch_generator(seed, epoch)
        n_blocks = -(-len(self) // self.rows_per_block)
        number, rest = 0, None
        for pool in self.pools(torch.randperm(n_blocks, generator=generator).tolist()):
            if rest is not None:
                pool = Batch(
                    *(None if new is None else torch.cat([old, new]) for old, new in zip(rest, pool, strict=True))
                )
            order = torch.randperm(len(pool.codes), generator=generator)
            n_full = len(order) // batch_size
            for begin in range(0, n_full, BATCHES_AT_ONCE):
                end = min(begin + BATCHES_AT_ONCE, n_full)
                rows = on_device(taken(pool, order[begin * batch_size : end * batch_size]), self.device)
                rows = augmented(rows, self.length, generator, both_strands=self.both_strands)
                for batch in in_batches(rows, batch_size):
                    if number >= first:
                        yield batch
                    number += 1
            rest = taken(pool, order[n_full * batch_size :])

    def blocks(self, n_rows):
        """All rows in order, the window in the middle of each."""
        with h5py.File(self.path, "r") as file:
            start = (file["one_hot"].shape[2] - self.length) // 2
            for begin in range(0, len(self), n_rows):
                block = read_rows(file, slice(begin, begin + n_rows), self.targets, self.with_tracks)
                yield on_device(block._replace(codes=block.codes[:, start : start + self.length]), self.device)


def open_split(path, length, device, memory, with_tracks=False, rows=None, targets=None, both_strands=True):
    """A split ready for training: resident where it fits, streamed where it does not.

    Parameters
    ----------
    path : str or Path
        HDF5 file.
    length : int
        Length of the windows in bases.
    device : torch.device
    memory : int
        Bytes that the split may take on the device.
    with_tracks : bool
        Whether the network reads signal tracks.
    rows : numpy.ndarray of int64, optional
        Increasing; these rows alone (they are held in memory).
    targets : torch.Tensor of float32, shape (N, T), optional
        Of all rows of the file, instead of those in it.
    both_strands : bool
        As of `ResidentSplit`.

    Returns
    -------
    ResidentSplit or StreamedSplit
    """
    with h5py.File(path, "r") as file:
        n_rows = len(file["targets"]) if rows is None else len(rows)
        if rows is None and n_rows * row_bytes(file, with_tracks) > memory:
            return StreamedSplit(path, length, device, memory, with_tracks, targets, both_strands)
        targets = torch.from_numpy(file["targets"][:]) if targets is None else targets
        # Block by block, so that the one-hot form of all rows is never held.
        at_once = 64 * ROWS_PER_CHUNK
        parts = [
            read_rows(file, slice(at, at + at_once) if rows is None else rows[at : at + at_once], targets, with_tracks)
            for at in range(0, max(n_rows, 1), at_once)
        ]
    joined = Batch(*(None if part[0] is None else torch.cat(part) for part in zip(*parts, strict=True)))
    return ResidentSplit(joined, length, device, both_strands)
