"""What a network's predictions owe to each filter: its output is silenced, and loss and predictions are taken again.

Silenced in two ways: set to its mean over all positions of these rows (as in Basset, Kelley et al. 2016), which takes
away what varies, or to zero, which takes all. A filter that matters little by both tells the network little; one that
matters by zero alone shifts every prediction alike.

Rows are predicted as always, as the mean of both strands. What comes before the filters is computed once; and so is the
next layer that mixes channels, if it is linear: what one filter adds to its sums is exchanged.
"""

import copy
import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cisflow.filter_scans import convolution_named, end_of_layer
from cisflow.losses import predicted_values, row_losses
from cisflow.prediction import inputs_of_split, predict
from cisflow.sequences import reverse_complement
from cisflow.torch_layers import Activation, Dropout, GlobalPool

BATCH = 128  # rows at a time
KINDS = ("mean", "zero")
BY_CHANNEL = (nn.MaxPool1d, nn.AvgPool1d, GlobalPool, Activation, Dropout, nn.Flatten)  # no channel sees another
CLEAR = 1e-7  # how near a probability may come to 0 and 1, as float32 can tell it from them


def chosen_rows(n_rows, max_rows, seed):
    """Numbers of the rows that are looked at: all, or so many at random, in order."""
    if n_rows <= max_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, max_rows, replace=False))


def split_network(model, end):
    """A network in parts: what is run once, and a copy of the network that begins where that ends.

    Parameters
    ----------
    model : cisflow.model.Network
    end : str
        Name of the last module of a layer, see `cisflow.filter_scans.end_of_layer`.

    Returns
    -------
    before : torch.nn.Sequential
        Over one-hot sequences, up to `end`, or up to the residual within which that lies.
    by_channel : torch.nn.Sequential or None
        What stands between `end` and the next linear layer, each channel by itself. None if something else does, or
        the layer shares its filters between the strands.
    mixing : torch.nn.Module or None
        That linear layer.
    rest : torch.nn.Module
        Takes what `mixing` gives, or else what `before` does, in place of the sequence, and gives the logits of one
        strand. Its module `end` is still there.
    """
    rest = copy.deepcopy(model)
    rest.averaged = False
    container, prefix = (rest.sequence, "sequence.") if rest.branches else (rest, "")
    names = [key for key, _ in container.named_children()] if rest.branches else list(rest.layers)
    is_inside = [end.startswith(f"{prefix}{name}.") for name in names]
    n_before = is_inside.index(True) if any(is_inside) else names.index(end.removeprefix(prefix)) + 1
    modules = [container.get_submodule(name) for name in names]
    behind = list(itertools.takewhile(lambda module: isinstance(module, BY_CHANNEL), modules[n_before:]))
    mixing, n_once = None, n_before
    if not any(is_inside) and n_before + len(behind) < len(names):
        candidate = modules[n_before + len(behind)]
        if isinstance(candidate, nn.Linear | nn.Conv1d) and not getattr(candidate, "shared", False):
            mixing, n_once = candidate, n_before + len(behind) + 1
    for name in names[:n_once]:
        setattr(container, name, nn.Identity())
    return nn.Sequential(*modules[:n_before]), nn.Sequential(*behind) if mixing else None, mixing, rest


def silencer_within(rest, end, is_shared):
    """A function that runs a network with one filter silenced, wherever in it the filter stands.

    Parameters
    ----------
    rest, end
        See `split_network`.
    is_shared : bool
        Whether the layer shares its filters between the strands: a filter's reverse complement is the same filter.

    Returns
    -------
    callable
        Of what `rest` takes, the tracks, the filter's number and the value that it is set to.
    """
    silenced = {}

    def hook(module, given, output):
        output = output.clone()
        output[:, silenced["number"]] = silenced["value"]
        if is_shared:
            output[:, output.shape[1] - 1 - silenced["number"]] = silenced["value"]
        return output

    rest.get_submodule(end).register_forward_hook(hook)

    def run(given, tracks, number, value):
        silenced.update(number=number, value=value)
        return rest(given, tracks)

    return run


def silencer_before(by_channel, mixing, rest, n_filters):
    """A function that runs a network with one filter silenced, the next linear layer of which is at hand.

    Parameters
    ----------
    by_channel, mixing, rest
        See `split_network`.
    n_filters : int

    Returns
    -------
    callable
        Of what `by_channel` gives and what `mixing` makes of that, the tracks, the filter's number, and what
        `by_channel` makes of the value that it is set to.
    """

    def run(given, tracks, number, instead):
        pooled, sums = given
        width = pooled.shape[1] // n_filters  # 1, unless the channels lie flat, one behind the other
        change = instead - pooled[:, number * width : (number + 1) * width]
        weight = mixing.weight[:, number * width : (number + 1) * width]
        if isinstance(mixing, nn.Linear):
            return rest(sums + functional.linear(change, weight), tracks)
        change = functional.pad(change, mixing.ends)
        added = functional.conv1d(change, weight, None, mixing.stride, mixing.padding, mixing.dilation)
        return rest(sums + added, tracks)

    return run


def losses_of_rows(name, predictions, targets):
    """Loss of every row and target, NaN where the target is unknown.

    Parameters
    ----------
    name : str
        A key of `cisflow.losses.LOSSES`. Of a negative binomial, whose size is not kept with the network, the Poisson
        loss is taken.
    predictions, targets : torch.Tensor, shape (N, T)
        On the scale of the targets, which are NaN where unknown.

    Returns
    -------
    torch.Tensor of float64, shape (N, T)
    """
    predictions, targets = predictions.double(), targets.double()
    if name == "bce":
        logits = torch.logit(predictions.clamp(CLEAR, 1 - CLEAR))
    elif name == "mse":
        logits = predictions
    else:
        name, logits = "poisson", predictions.log()
    return torch.where(torch.isnan(targets), torch.nan, row_losses(name, logits, torch.nan_to_num(targets)))


def predicted_and_mean(model, record, split, device, end, n_filters):
    """Predictions (N, T) of a network, and the mean of each filter's output (F,) over both strands of all rows."""
    total, counted = torch.zeros(n_filters, dtype=torch.float64), []

    def add_up(module, given, output):
        own = output[:, :n_filters]
        total.add_(own.sum(dim=2).double().sum(dim=0).cpu())
        counted.append(own.shape[0] * own.shape[2])

    handle = model.get_submodule(end).register_forward_hook(add_up)
    try:
        predictions = predict(model, record, split, device, BATCH)
    finally:
        handle.remove()
    return predictions, (total / sum(counted)).numpy()


def over_strands(logits, loss, is_averaged):
    """Predictions (N, T) from the logits (2N, T) of both strands: their mean; of logits, where a network does so."""
    if is_averaged:
        return predicted_values(sum(logits.chunk(2)) / 2, loss)
    return sum(predicted_values(logits, loss).chunk(2)) / 2


@torch.no_grad()
def filter_influence(model, record, split, device, layer=None):
    """Change of loss and predictions when each filter of a layer is silenced.

    Parameters
    ----------
    model : cisflow.model.Network
        In evaluation mode, on the device.
    record : dict
        What was written beside its weights: `network`, `inputs`, `loss`.
    split : dict
        Rows: what `cisflow.prediction.predict` takes, and `targets` (N, T).
    device : torch.device
    layer : str or None
        Name of a convolution along the sequence; None for the first one.

    Returns
    -------
    dict of str -> numpy.ndarray of float64
        `value` (F,), the mean that each filter was set to; `loss` (T,) of the network as it is, NaN for a target known
        in no row; `silenced_loss` and `prediction_change` (F, 2, T): the loss, and the mean change of the predictions,
        by filter and kind of `KINDS`.
    """
    name, convolution = convolution_named(model, record, layer)
    end = end_of_layer(model, name)
    n_filters, is_shared = len(convolution.weight), getattr(convolution, "shared", False)
    predictions, means = predicted_and_mean(model, record, split, device, end, n_filters)
    before, by_channel, mixing, rest = split_network(model, end)
    if mixing is None:
        run = silencer_within(rest, end, is_shared)
    else:
        run = silencer_before(by_channel, mixing, rest, n_filters)
    inputs, base = inputs_of_split(record, split), torch.from_numpy(predictions).to(device)
    targets = torch.as_tensor(np.asarray(split["targets"], dtype=np.float32), device=device)
    shape = (n_filters, len(KINDS), targets.shape[1])
    loss, change = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    for begin in range(0, len(targets), BATCH):
        rows = slice(begin, begin + BATCH)
        batch = {key: whole[rows].to(device).float() for key, whole in inputs.items()}
        sequence, tracks = batch["sequence"], batch.get("tracks")
        tracks = None if tracks is None else torch.cat([tracks, tracks.flip(2)])
        activation = before(torch.cat([sequence, reverse_complement(sequence)]))
        given = activation
        if mixing is not None:
            pooled = by_channel(activation)
            given = pooled, mixing(pooled)
        for number in range(n_filters):
            for kind, value in enumerate((float(means[number]), 0.0)):
                instead = value if mixing is None else by_channel(torch.full_like(activation[:1, :1], value))
                found = over_strands(run(given, tracks, number, instead), record["loss"], model.averaged)
                loss[number, kind] += losses_of_rows(record["loss"], found, targets[rows]).nansum(dim=0).cpu()
                change[number, kind] += (found - base[rows]).double().sum(dim=0).cpu()
    n_known = (~torch.isnan(targets)).sum(dim=0).cpu()
    return {
        "value": means,
        "loss": losses_of_rows(record["loss"], base, targets).nanmean(dim=0).cpu().numpy(),
        "silenced_loss": (loss / n_known).numpy(),  # 0 / 0 where nothing is known
        "prediction_change": (change / len(targets)).numpy(),
    }


def influence_table(influence, targets):
    """Rows of filter_influence.tsv.

    Parameters
    ----------
    influence : dict
        What `filter_influence` returns.
    targets : list of str

    Returns
    -------
    list of dict
        `filter`, `kind`, `value` (that it was set to), `loss` (mean over targets that are known somewhere),
        `loss_change`, and of each target `{target}_loss_change` and `{target}_prediction_change`.
    """
    rows = []
    for number, by_kind in enumerate(influence["silenced_loss"]):
        for kind, loss in enumerate(by_kind):
            change = loss - influence["loss"]
            row = {
                "filter": f"filter_{number}",
                "kind": KINDS[kind],
                "value": influence["value"][number] if KINDS[kind] == "mean" else 0.0,
                "loss": np.nanmean(loss),
                "loss_change": np.nanmean(change),
            }
            for position, target in enumerate(targets):
                row[f"{target}_loss_change"] = change[position]
                row[f"{target}_prediction_change"] = influence["prediction_change"][number, kind, position]
            rows.append(row)
    return rows
