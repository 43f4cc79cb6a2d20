"""Predictions of a trained network."""

import torch

from cisflow.sequences import central, reverse_complement


@torch.no_grad()
def predict(model, one_hot, length, device, batch_size=1024, both_strands=True):
    """Probability of every target for every sequence.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (N, 4, length) to logits (N, T); in evaluation mode.
    one_hot : torch.Tensor of int8, shape (N, 4, stored length)
        The window in the middle is read.
    length : int
        Length of the window in bases.
    device : torch.device
    batch_size : int
    both_strands : bool
        Mean of the probabilities of a sequence and of its reverse complement.

    Returns
    -------
    torch.Tensor of float32, shape (N, T)
        On the CPU.
    """
    parts = []
    for batch in central(one_hot, length).split(batch_size):
        batch = batch.to(device=device, dtype=torch.float32)
        probability = torch.sigmoid(model(batch))
        if both_strands:
            probability = (probability + torch.sigmoid(model(reverse_complement(batch)))) / 2
        parts.append(probability.cpu())
    return torch.cat(parts)
