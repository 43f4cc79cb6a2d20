"""First-layer filters to PWMs, by Basset's procedure (Kelley et al. 2016).

A filter's activation is what leaves the first convolution after batch norm and activation function. Every position
whose activation exceeds mean + fraction x (max - mean) is a site; the bases under the filter at all sites are counted,
a pseudocount is added to each base, and an unknown base counts a quarter for each. Only positions at which the whole
filter lies within the window are looked at, whatever the padding of the layer, so no column holds padded bases.
"""

import numpy as np
import torch
from torch.nn.functional import conv1d

from cisflow.meme import consensus, information_content
from cisflow.sequences import central

BATCH = 512  # sequences at a time
MIN_POSITIONS = 4  # fewest informative positions of a PWM that is worth matching


def filter_activations(first, batch):
    """Activations of the first layer where the whole filter lies within the sequence.

    Parameters
    ----------
    first : torch.nn.Sequential
        See `cisflow.model.first_layer`; in evaluation mode.
    batch : torch.Tensor of float32, shape (N, 4, L)

    Returns
    -------
    torch.Tensor, shape (N, filters, L - span + 1)
        Position p covers the bases p to p + span; see `span_of`. Of a convolution with a stride too, at every position.
    """
    convolution = first[0]
    return first[1:](conv1d(batch, convolution.weight, convolution.bias, dilation=convolution.dilation))


def span_of(convolution):
    """Bases from the first to the last that a filter reads; of a dilated one, those between are counted."""
    return convolution.dilation[0] * (convolution.kernel_size[0] - 1) + 1


@torch.no_grad()
def count_sites(first, sequences, length, device, fraction=0.5):
    """Find every filter's sites and count the bases at them.

    Parameters
    ----------
    first : torch.nn.Sequential
        See `cisflow.model.first_layer`.
    sequences : torch.Tensor of int8, shape (N, 4, stored length)
        The window in the middle is read.
    length : int
        Length of the window in bases.
    device : torch.device
    fraction : float
        Where the threshold lies between mean (0) and maximum (1).

    Returns
    -------
    dict of str -> numpy.ndarray
        `counts` (filters, span, 4), see `span_of`, with a quarter for each base of an unknown one; `n_sites`,
        `threshold`, `mean` and `maximum` (filters,).
    """
    n_filters, width = len(first[0].weight), span_of(first[0])
    maximum = torch.full((n_filters,), -torch.inf, device=device)
    total = torch.zeros(n_filters, dtype=torch.float64, device=device)
    n_positions = 0
    for part in central(sequences, length).split(BATCH):
        activation = filter_activations(first, part.to(device).float())
        maximum = torch.maximum(maximum, activation.amax(dim=(0, 2)))
        total += activation.double().sum(dim=(0, 2))
        n_positions += activation.shape[0] * activation.shape[2]
    mean = (total / n_positions).float()
    threshold = mean + fraction * (maximum - mean)
    n_sites = torch.zeros(n_filters, dtype=torch.int64, device=device)
    counts = torch.zeros(n_filters * width * 5, dtype=torch.float64, device=device)
    offsets = torch.arange(width, device=device)
    for part in central(sequences, length).split(BATCH):
        part = part.to(device)
        activation = filter_activations(first, part.float())
        row, which, position = (activation > threshold[:, None]).nonzero(as_tuple=True)
        n_sites += torch.bincount(which, minlength=n_filters)
        base = torch.where(part.sum(1) > 0, part.argmax(1), 4)  # 4 = unknown
        under = base[row[:, None], position[:, None] + offsets]
        cell = (which[:, None] * width + offsets) * 5 + under
        counts += torch.bincount(cell.flatten(), minlength=len(counts))
    counts = counts.view(n_filters, width, 5)
    counts = counts[:, :, :4] + counts[:, :, 4:] / 4
    return {
        name: tensor.cpu().numpy()
        for name, tensor in (
            ("counts", counts), ("n_sites", n_sites), ("threshold", threshold), ("mean", mean), ("maximum", maximum),
        )
    }  # fmt: skip


def trimmed(pwm, min_information):
    """Where a PWM begins and ends when uninformative flanks are cut off.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    min_information : float
        Bits; flanking positions with less are cut off.

    Returns
    -------
    start, end : int
        0-based, half-open; (0, 0) if no position is informative.
    """
    informative = np.flatnonzero(information_content(pwm) >= min_information)
    return (int(informative[0]), int(informative[-1]) + 1) if len(informative) else (0, 0)


def describe_filters(sites, pseudocount, min_sites, trim_information, min_information):
    """PWM and status of every filter.

    Parameters
    ----------
    sites : dict
        What `count_sites` returns.
    pseudocount : float
        Added to each base of each position.
    min_sites : int
        A filter with fewer sites has no PWM.
    trim_information : float
        Bits; see `trimmed`.
    min_information : float
        Bits a position, on average over the trimmed PWM. Near-uniform PWMs have unstable p-values: against JASPAR, most
        random ones of 0.1 to 0.2 bits a position "match" at q < 0.05, and few of more than 0.5.

    Returns
    -------
    list of dict
        `filter`, `status`, `n_sites`, `threshold`, `max_activation`, `information_content` (bits, of the trimmed PWM),
        `consensus`, `start` and `end` of the trimmed PWM within the filter, and `pwm`, trimmed, or None. The status is
        `dead` (the activation never leaves its mean), `few_sites`, `uninformative` (fewer than four positions reach
        `trim_information`, or the mean is below `min_information`) or `ok`; the last alone has a PWM.
    """
    rows = []
    for number in range(len(sites["n_sites"])):
        mean, maximum = float(sites["mean"][number]), float(sites["maximum"][number])
        n_sites = int(sites["n_sites"][number])
        row = {
            "filter": f"filter_{number}",
            "status": "ok",
            "n_sites": n_sites,
            "threshold": float(sites["threshold"][number]),
            "max_activation": maximum,
            "information_content": None,
            "consensus": None,
            "start": None,
            "end": None,
            "pwm": None,
        }
        if not maximum - mean > 1e-6 * max(abs(mean), 1e-6):
            row["status"] = "dead"
        elif n_sites < min_sites:
            row["status"] = "few_sites"
        else:
            counts = sites["counts"][number] + pseudocount
            pwm = counts / counts.sum(axis=1, keepdims=True)
            n_informative = int((information_content(pwm) >= trim_information).sum())
            start, end = trimmed(pwm, trim_information)
            pwm = pwm[start:end]
            if n_informative < MIN_POSITIONS or information_content(pwm).mean() < min_information:
                row["status"] = "uninformative"
            else:
                row |= {
                    "information_content": float(information_content(pwm).sum()),
                    "consensus": consensus(pwm),
                    "start": start,
                    "end": end,
                    "pwm": pwm,
                }
        rows.append(row)
    return rows
