import pytest
import torch

from cisflow.sequences import central, reverse_complement

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


@pytest.mark.parametrize(("stored", "length"), [(20, 10), (290, 250), (7, 7)])
def test_central_leaves_the_jitter_on_both_sides(stored, length):
    one_hot = torch.arange(stored).repeat(1, 4, 1)
    jitter = (stored - length) // 2
    assert central(one_hot, length)[0, 0].tolist() == list(range(jitter, jitter + length))
