"""First-layer filters that begin as known motifs.

A filter becomes the motif's position weight matrix: the logarithm (natural) of the odds of each base against the
background, scaled so that the best possible match scores 1; all filters then start alike, whatever the width and the
sharpness of their motifs, and with a bias of 0.
"""

import numpy as np
import torch

from cisflow.meme import log_odds, read_background, read_meme
from cisflow.messages import InputError

SMALLEST_SCORE = 0.01  # nats, of the best match; less, and the motif is the background


def most_informative(pwm, scores, width):
    """First position of the stretch of `width` positions with most information against the background."""
    information = np.concatenate([[0], np.cumsum((pwm * scores).sum(axis=1))])
    return int(np.argmax(np.round(information[width:] - information[:-width], 9)))  # the leftmost of equal ones


def filter_of_motif(pwm, width, background):
    """Weights of a filter that looks for a motif.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (motif width, 4)
    width : int
        Of the filter. A narrower motif lies in its middle, with zeros about it (of an odd number of spare positions,
        the right end has one more); of a wider one the most informative stretch is taken.
    background : sequence of float
        Frequencies of A, C, G, T.

    Returns
    -------
    numpy.ndarray of float, shape (4, width)
        The best possible match scores 1.

    Raises
    ------
    ValueError
        If the motif does not differ from the background.
    """
    scores = log_odds(pwm, background)
    if len(scores) > width:
        start = most_informative(pwm, scores, width)
        scores = scores[start : start + width]
    best = scores.max(axis=1).sum()
    if best < SMALLEST_SCORE:
        raise ValueError("it does not differ from the background")
    spare = width - len(scores)
    return np.pad(scores / best, ((spare // 2, spare - spare // 2), (0, 0))).T


@torch.no_grad()
def initialise_from_motifs(convolution, motifs, background=(0.25, 0.25, 0.25, 0.25)):
    """Let the first filters of a convolution begin as motifs; the others keep the weights that they have.

    Parameters
    ----------
    convolution : torch.nn.Conv1d
        Over sequences. Where strands share filters, each motif stands for its reverse complement too.
    motifs : dict of str -> cisflow.meme.Motif
    background : sequence of float
        Frequencies of A, C, G, T.

    Raises
    ------
    ValueError
        If there are more motifs than filters, or one does not differ from the background.
    """
    n_filters, _, width = convolution.weight.shape
    if len(motifs) > n_filters:
        raise ValueError(f"there are {len(motifs)} motifs for {n_filters} filters")
    for number, motif in enumerate(motifs.values()):
        try:
            weights = filter_of_motif(motif.pwm, width, background)
        except ValueError as error:
            raise ValueError(f"of motif {motif.identifier} no filter can be made: {error}") from error
        convolution.weight[number] = torch.from_numpy(weights)
    if convolution.bias is not None:
        convolution.bias[: len(motifs)] = 0


def initialise_from_file(convolution, path, layer):
    """As `initialise_from_motifs`, from a MEME file and against its background.

    Parameters
    ----------
    convolution : torch.nn.Conv1d
        If it is frozen (its weights ask for no gradient), there must be a motif for every filter: it is then held as a
        whole, weights and biases, and no optimizer touches it, whatever its momentum or weight decay.
    path : str or Path
    layer : str
        What the layer is called in messages.

    Raises
    ------
    InputError
    """
    motifs, background, n_filters = read_meme(path), read_background(path), len(convolution.weight)
    if not convolution.weight.requires_grad and len(motifs) < n_filters:
        raise InputError(
            f"{layer} is frozen, but {path} has motifs for only a part of its filters",
            f"found {len(motifs)} motif(s) for {n_filters} filters, expected one for each",
            f"set filters: {len(motifs)}, or leave frozen out: the other filters then train beside the motifs",
        )
    try:
        initialise_from_motifs(convolution, motifs, background)
    except ValueError as error:
        raise InputError(
            f"{layer} cannot begin as the motifs of {path}",
            str(error),
            f"give a file with at most {n_filters} motifs of some information, or raise filters",
        ) from error
