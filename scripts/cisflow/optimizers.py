"""Optimisers, learning rates and clipping, as the `training` of an entry in models.yaml names them."""

import math

import torch

ONE_CYCLE_RISE = 0.3  # share of the steps in which the rate of `one_cycle` rises
ONE_CYCLE_START, ONE_CYCLE_END = 25, 25e4  # what the highest rate is divided by at the two ends


def parameter_groups(model, settings, rate_factors=None):
    """Parameters by weight decay and learning rate.

    Weight decay acts on weights, not on biases and norms.

    Parameters
    ----------
    model : torch.nn.Module
    settings : dict
        `weight_decay`.
    rate_factors : dict of str -> float, optional
        By what the learning rate of a layer is multiplied; a name stands for everything beneath it.

    Returns
    -------
    list of dict
        As torch.optim takes them, with the key `rate_factor`.
    """

    def factor(name):
        factors = [(len(layer), by) for layer, by in (rate_factors or {}).items() if f"{name}.".startswith(f"{layer}.")]
        return max(factors)[1] if factors else 1.0  # the longest name is the most particular

    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = settings["weight_decay"] if parameter.ndim > 1 else 0.0
            groups.setdefault((decay, factor(name)), []).append(parameter)
    return [{"params": group, "weight_decay": decay, "rate_factor": by} for (decay, by), group in groups.items()]


def make_optimizer(groups, settings):
    """The optimiser that `settings` names.

    Parameters
    ----------
    groups : list of dict
        See `parameter_groups`.
    settings : dict
        `optimizer`, `learning_rate`, `momentum` (of `sgd` and `rmsprop`), `smoothing` (of `rmsprop`).
    """
    name, rate, momentum = settings["optimizer"], settings["learning_rate"], settings["momentum"]
    # One call for all parameters instead of several each, where torch has such a kernel.
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=True)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, momentum=momentum, alpha=settings["smoothing"], foreach=True)
    return torch.optim.Adadelta(groups, lr=rate, foreach=True)


def cosine(begin, end, share):
    """A value on half a cosine wave from `begin` (share 0) to `end` (share 1)."""
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2


def learning_rate_at(settings, step, steps_per_epoch, val_losses):
    """The learning rate of a step, a function of the past alone, so that a resumed training goes on with the same one.

    Parameters
    ----------
    settings : dict
        `learning_rate`, `max_epochs`, `warmup_epochs`, `schedule`: `constant`; `cosine`, which falls to 0 at the last
        allowed epoch; `one_cycle`, which rises for 30 % of the allowed steps and falls from then on (Smith & Topin
        2018); or `plateau`, multiplied by `plateau_factor` whenever the validation loss has not fallen for
        `plateau_patience` epochs.
    step : int
        Counted from 0 over all epochs.
    steps_per_epoch : int
    val_losses : list of float
        Of the epochs that are over.

    Returns
    -------
    float
    """
    rate, total = settings["learning_rate"], settings["max_epochs"] * steps_per_epoch
    warmup = settings["warmup_epochs"] * steps_per_epoch
    if settings["schedule"] == "one_cycle":
        top = max(round(ONE_CYCLE_RISE * total), 1)
        if step <= top:
            return cosine(rate / ONE_CYCLE_START, rate, step / top)
        return cosine(rate, rate / ONE_CYCLE_END, (step - top) / max(total - 1 - top, 1))
    if step < warmup:
        return rate * (step + 1) / warmup
    if settings["schedule"] == "cosine":
        return cosine(rate, 0.0, (step - warmup) / max(total - warmup, 1))
    if settings["schedule"] == "plateau":
        return rate * settings["plateau_factor"] ** plateaus(val_losses, settings["plateau_patience"])
    return rate


def plateaus(val_losses, patience):
    """How often the validation loss has not fallen for more than `patience` epochs in a row."""
    best, waited, count = math.inf, 0, 0
    for loss in val_losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited > patience:
            waited, count = 0, count + 1
    return count


@torch.no_grad()
def cap_weight_norms(parameters, cap):
    """Shrink every filter and every row of a dense layer of a norm above `cap` to that norm (max-norm constraint)."""
    for parameter in parameters:
        if parameter.ndim > 1:
            parameter.copy_(torch.renorm(parameter.flatten(1), 2, 0, cap).view_as(parameter))
