"""What training makes small, and how a network's outputs become predictions.

A network gives one number a target and row, a logit: of labels the logarithm of the odds, of quantities the value
itself (`mse`) or the logarithm of the expected count (`poisson`, `negative_binomial`).
"""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, poisson_nll_loss

LOSSES = {"bce": "binary", "mse": "regression", "poisson": "regression", "negative_binomial": "regression"}
MAX_POSITIVE_WEIGHT = 10.0  # more would let a handful of positives rule the gradient


def loss_name(asked, task):
    """The loss that `auto` stands for: `bce` for labels, `mse` for quantities; else what was asked for."""
    return {"binary": "bce", "regression": "mse"}[task] if asked == "auto" else asked


def predicted_values(logits, loss):
    """Predictions on the scale of the targets: probabilities, values or expected counts.

    Parameters
    ----------
    logits : torch.Tensor
    loss : str
        A key of `LOSSES`.
    """
    if loss == "bce":
        return torch.sigmoid(logits)
    return logits if loss == "mse" else torch.exp(logits)


def balancing_weights(targets):
    """Weight of positives that gives both classes of each target the same sum, from 1 to `MAX_POSITIVE_WEIGHT`.

    Parameters
    ----------
    targets : torch.Tensor, shape (N, T)

    Returns
    -------
    torch.Tensor of float32, shape (T,)
    """
    positives, negatives = (targets == 1).sum(0), (targets == 0).sum(0)
    return (negatives / positives.clamp(min=1)).clamp(1, MAX_POSITIVE_WEIGHT).float()


def mean_over_known(losses, known, target_weights=None):
    """Mean over targets of each target's mean over its known rows; targets without a known row do not count.

    Parameters
    ----------
    losses : torch.Tensor of float32, shape (..., N, T)
        Any finite number where the target is unknown.
    known : torch.Tensor of bool, shape (..., N, T)
    target_weights : torch.Tensor, shape (T,), optional
        Weights of the mean over targets; equal ones if left out.

    Returns
    -------
    torch.Tensor, shape (...)
        0 where nothing is known.
    """
    n_known = known.sum(-2)
    by_target = (losses * known).sum(-2) / n_known.clamp(min=1)
    weights = (n_known > 0).to(losses.dtype)
    if target_weights is not None:
        weights = weights * target_weights
    total = weights.sum(-1)
    return (by_target * weights).sum(-1) / torch.where(total > 0, total, 1)


def row_losses(name, logits, targets, positive_weight=None, log_size=None):
    """Loss of every row and target.

    Parameters
    ----------
    name : str
        A key of `LOSSES`.
    logits, targets : torch.Tensor of float32, shape (..., N, T)
        No target is NaN.
    positive_weight : torch.Tensor, shape (T,), optional
        Of `bce`: weight of a positive against a negative.
    log_size : torch.Tensor, shape (T,), optional
        Of `negative_binomial`: logarithm of its size r, where variance = mean + mean² / r.

    Returns
    -------
    torch.Tensor, shape (..., N, T)
        Of `poisson` and `negative_binomial` the negative log-likelihood less what does not hang on the network.
    """
    if name == "bce":
        return binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=positive_weight)
    if name == "mse":
        return (logits - targets) ** 2
    if name == "poisson":
        return poisson_nll_loss(logits, targets, log_input=True, full=False, reduction="none")
    size = torch.exp(log_size)
    log_total = torch.logaddexp(logits, log_size)  # of mean + size
    of_size = torch.lgamma(size) - torch.lgamma(targets + size) - size * (log_size - log_total)
    return of_size - targets * (logits - log_total)


class TrainingLoss(nn.Module):
    """The mean loss over known targets; `negative_binomial` learns the size of each target beside the network.

    Parameters
    ----------
    name : str
        A key of `LOSSES`.
    n_targets : int
    positive_weight, target_weights : torch.Tensor, shape (T,), optional
        See `row_losses` and `mean_over_known`.
    all_known : bool
        Whether no target is ever NaN: then nothing is looked for, which counts in small networks.
    """

    def __init__(self, name, n_targets, positive_weight=None, target_weights=None, all_known=False):
        super().__init__()
        self.name, self.all_known = name, all_known
        self.register_buffer("positive_weight", positive_weight)
        self.register_buffer("target_weights", target_weights)
        self.log_size = nn.Parameter(torch.zeros(n_targets)) if name == "negative_binomial" else None

    def forward(self, logits, targets):
        """Logits and targets, (..., N, T), NaN = unknown -> one number, or one a leading index."""
        if self.all_known:
            losses = row_losses(self.name, logits.float(), targets, self.positive_weight, self.log_size)
            if self.target_weights is None:
                return losses.mean((-2, -1))
            return (losses.mean(-2) * self.target_weights).sum(-1) / self.target_weights.sum()
        known = ~torch.isnan(targets)
        losses = row_losses(
            self.name, logits.float(), torch.where(known, targets, 0.0), self.positive_weight, self.log_size
        )
        return mean_over_known(losses, known, self.target_weights)
