"""The rows of a split as a training reads them: a byte a base on the device, or block by block from the HDF5.

A sequence is held as base codes, uint8 (N, stored length): 0 to 3 are A C G T, 4 is an unknown base. That is a quarter
of the one-hot form, which is made of a batch at a time, on the device, after the batch was cropped and turned.

A training split is gone through in an order that hangs on the seed and the epoch alone, so that a resumed training can
take up its place.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import h5py
import numpy as np
import torch

from cisflow.alphabet import ALPHABET
from cisflow.split_file import ROWS_PER_CHUNK

UNKNOWN = len(ALPHABET)
BATCHES_AT_ONCE = 8  # are cropped and turned together: what a call costs counts in small networks


class Batch(NamedTuple):
    """Rows for one step: `codes` uint8 (B, L), `targets` float32 (B, T), `tracks` float32 (B, C, bins) or None."""

    codes: torch.Tensor
    targets: torch.Tensor
    tracks: torch.Tensor | None


def codes_of_one_hot(one_hot):
    """int8 one-hot (N, 4, L), an unknown base four zeros -> base codes uint8 (N, L); numpy."""
    codes = UNKNOWN - UNKNOWN * one_hot[:, 0]
    for code in range(1, len(ALPHABET)):
        codes -= (UNKNOWN - code) * one_hot[:, code]
    return codes.view(np.uint8)


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


def augmented(rows, length, generator, index=None):
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

    Returns
    -------
    Batch
        (N, length).
    """
    device = rows.codes.device
    index = torch.arange(len(rows.codes), device=device) if index is None else index
    offsets = torch.randint(rows.codes.shape[1] - length + 1, (len(index),), generator=generator).to(device)
    flips = (torch.rand(len(index), generator=generator) < 0.5).to(device)
    codes = rows.codes.unfold(1, length, 1)[index, offsets]
    # The difference wraps round, and the sum back. On a CPU, torch.where takes six times as long.
    codes = codes + (reverse_complement_codes(codes) - codes) * flips.to(torch.uint8)[:, None]
    tracks = None if rows.tracks is None else rows.tracks[index]
    if tracks is not None:
        tracks = torch.where(flips[:, None, None], tracks.flip(-1), tracks)
    return Batch(codes, rows.targets[index], tracks)


def taken(rows, index):
    """Some rows of a batch."""
    return Batch(*(None if part is None else part[index] for part in rows))


def on_device(rows, device):
    """A batch moved to the device, from pinned memory where that lets the copy run beside the arithmetic."""
    if device.type == "cuda":
        rows = Batch(*(None if part is None else part.pin_memory() for part in rows))
    return Batch(*(None if part is None else part.to(device, non_blocking=True) for part in rows))


def read_rows(file, rows, with_tracks):
    """Some rows of an open split.

    Parameters
    ----------
    file : h5py.File
    rows : slice or numpy.ndarray of int64
        Increasing.
    with_tracks : bool

    Returns
    -------
    Batch
        On the CPU, as stored.
    """
    tracks = torch.from_numpy(file["tracks"][rows]) if with_tracks else None
    codes = torch.from_numpy(codes_of_one_hot(file["one_hot"][rows]))
    return Batch(codes, torch.from_numpy(file["targets"][rows]), tracks)


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
    """

    def __init__(self, rows, length, device):
        self.rows, self.length, self.device = (
            Batch(*(None if x is None else x.to(device) for x in rows)),
            length,
            device,
        )
        self.targets = rows.targets

    def __len__(self):
        return len(self.rows.codes)

    def batches(self, batch_size, seed, epoch, first=0):
        """Batches of one epoch from number `first` on; rows that do not fill a last batch are left out."""
        generator = epoch_generator(seed, epoch)
        order = torch.randperm(len(self), generator=generator).to(self.device)
        n_batches = len(self) // batch_size
        for begin in range(0, n_batches, BATCHES_AT_ONCE):
            end = min(begin + BATCHES_AT_ONCE, n_batches)
            rows = augmented(self.rows, self.length, generator, order[begin * batch_size : end * batch_size])
            for number in range(begin, end):
                if number >= first:
                    at = (number - begin) * batch_size
                    yield taken(rows, slice(at, at + batch_size))

    def blocks(self, n_rows):
        """All rows in order, the window in the middle of each."""
        start = (self.rows.codes.shape[1] - self.length) // 2
        for begin in range(0, len(self), n_rows):
            block = taken(self.rows, slice(begin, begin + n_rows))
            yield block._replace(codes=block.codes[:, start : start + self.length])


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
    """

    def __init__(self, path, length, device, memory, with_tracks=False):
        self.path, self.length, self.device, self.with_tracks = path, length, device, with_tracks
        with h5py.File(path, "r") as file:
            self.targets = torch.from_numpy(file["targets"][:])
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
                        file, slice(number * self.rows_per_block, (number + 1) * self.rows_per_block), self.with_tracks
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
                rows = augmented(rows, self.length, generator)
                for within in range(end - begin):
                    if number >= first:
                        yield taken(rows, slice(within * batch_size, (within + 1) * batch_size))
                    number += 1
            rest = taken(pool, order[n_full * batch_size :])

    def blocks(self, n_rows):
        """All rows in order, the window in the middle of each."""
        with h5py.File(self.path, "r") as file:
            start = (file["one_hot"].shape[2] - self.length) // 2
            for begin in range(0, len(self), n_rows):
                block = read_rows(file, slice(begin, begin + n_rows), self.with_tracks)
                yield on_device(block._replace(codes=block.codes[:, start : start + self.length]), self.device)


def open_split(path, length, device, memory, with_tracks=False, rows=None):
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

    Returns
    -------
    ResidentSplit or StreamedSplit
    """
    with h5py.File(path, "r") as file:
        n_rows = len(file["targets"]) if rows is None else len(rows)
        if rows is None and n_rows * row_bytes(file, with_tracks) > memory:
            return StreamedSplit(path, length, device, memory, with_tracks)
        # Block by block, so that the one-hot form of all rows is never held.
        at_once = 64 * ROWS_PER_CHUNK
        parts = [
            read_rows(file, slice(at, at + at_once) if rows is None else rows[at : at + at_once], with_tracks)
            for at in range(0, max(n_rows, 1), at_once)
        ]
    joined = Batch(*(None if part[0] is None else torch.cat(part) for part in zip(*parts, strict=True)))
    return ResidentSplit(joined, length, device)
