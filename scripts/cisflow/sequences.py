"""Operations on one-hot sequences, (N, 4, L) with rows A C G T, as torch tensors."""


def reverse_complement(one_hot):
    """Reverse complement: A and T, C and G change places (the order of the rows) and so do the ends.

    Parameters
    ----------
    one_hot : torch.Tensor, shape (N, 4, L)

    Returns
    -------
    torch.Tensor, shape (N, 4, L)
    """
    return one_hot.flip(1, 2)


def central(one_hot, length):
    """The window in the middle of each stored sequence, a view: (N, 4, stored length) -> (N, 4, length)."""
    start = (one_hot.shape[2] - length) // 2
    return one_hot[:, :, start : start + length]
