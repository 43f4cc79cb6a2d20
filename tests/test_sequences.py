import numpy as np
import pytest
import torch

from cisflow.sequences import central, crop, reverse_complement

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def encode(sequence):
    return torch.tensor([[letter == base for letter in sequence] for base in "ACGT"], dtype=torch.int8)[None]


def decode(one_hot):
    return "".join("ACGT"[column.argmax()] if column.any() else "N" for column in one_hot[0].T.numpy())


@pytest.mark.parametrize("sequence", ["A", "ACGT", "AAACCN", "GATTACA"])
def test_reverse_complement_is_that_of_the_text(sequence):
    assert decode(reverse_complement(encode(sequence))) == sequence.translate(COMPLEMENT)[::-1]


def test_reverse_complement_twice_is_the_identity():
    one_hot = torch.randint(2, (5, 4, 31), generator=torch.Generator().manual_seed(0), dtype=torch.int8)
    assert torch.equal(reverse_complement(reverse_complement(one_hot)), one_hot)


def test_crop_cuts_each_sequence_at_its_own_offset():
    rng = np.random.default_rng(0)
    one_hot = torch.from_numpy(rng.integers(2, size=(6, 4, 20)).astype(np.int8))
    offsets = torch.tensor([0, 1, 2, 5, 9, 10])
    cut = crop(one_hot, offsets, 10)
    for row, offset in enumerate(offsets.tolist()):
        assert torch.equal(cut[row], one_hot[row, :, offset : offset + 10])


@pytest.mark.parametrize(("stored", "length"), [(20, 10), (290, 250), (7, 7)])
def test_central_leaves_the_jitter_on_both_sides(stored, length):
    one_hot = torch.arange(stored).repeat(1, 4, 1)
    jitter = (stored - length) // 2
    assert central(one_hot, length)[0, 0].tolist() == list(range(jitter, jitter + length))
