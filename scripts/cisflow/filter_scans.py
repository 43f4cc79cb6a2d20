"""Where the filters of a convolution fire: their activations over base codes, by torch or by tables of words.

A filter's activation is what leaves its layer after batch norm and activation function. `TabulatedFilters` stands for a
first layer on the CPU, several times quicker than a convolution; `PlainFilters` for any layer on any device. Both look
only at positions that see no padding, a first layer with a stride at every position; a site is named by its first base.
"""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv1d

from cisflow.batches import one_hot_of_codes
from cisflow.best_window import RISING
from cisflow.filter_kernels import find_sites, measure_filters, sum_exponentials
from cisflow.messages import InputError
from cisflow.model import first_convolution, first_layer, layer_names, module_of, sequence_layers
from cisflow.receptive_fields import ReceptiveField, receptive_field
from cisflow.torch_layers import Activation
from cisflow.vector_lanes import LANES
from cisflow.window_kernels import find_best_windows

NUMBERS = 2**17  # values that are held at a time, of few sequences and filters: they stay in the processor's cache
FILTERS = 2 * LANES  # of which values are held at a time
LARGEST_EXPONENT = 80  # whose exponential is a float32, and its inverse too
LEAST, MOST = np.array([-np.inf, np.inf], dtype=np.float32).view(np.int32)


class Sites(NamedTuple):
    """Places where filters fire: arrays (S,) of the row, the filter's number, the first base and the activation."""

    row: np.ndarray
    number: np.ndarray
    start: np.ndarray
    activation: np.ndarray


def span_of(convolution):
    """Bases from the first to the last that a filter reads; of a dilated one, those between are counted."""
    return convolution.dilation[0] * (convolution.kernel_size[0] - 1) + 1


class PlainFilters:
    """Filters as torch computes them.

    Parameters
    ----------
    activations_of : callable
        Maps one-hot sequences (N, 4, L) to activations (N, at least F, positions).
    n_filters : int
        The first F channels are read: where strands share filters, the others are their reverse complements.
    field : ReceptiveField
    device : torch.device
    """

    def __init__(self, activations_of, n_filters, field, device):
        self.activations_of, self.n_filters, self.field, self.device = activations_of, n_filters, field, device
        self.span, self.n_positions = field.width, field.last - field.first

    @torch.no_grad()
    def activations(self, codes):
        """Activations (N, F, positions) of base codes uint8 (N, L), on the device."""
        found = self.activations_of(one_hot_of_codes(torch.from_numpy(codes).to(self.device)))
        return found[:, : self.n_filters, self.field.first : self.field.last]

    def measure(self, codes):
        """Largest activation float32 (F,), and sum of all float64 (F,), over base codes uint8 (N, L)."""
        activation = self.activations(codes)
        return activation.amax(dim=(0, 2)).cpu().numpy(), activation.sum(dim=2).double().sum(dim=0).cpu().numpy()

    def limit(self, threshold):
        """What `above` asks for, of the filters' thresholds float32 (F,)."""
        return torch.from_numpy(threshold).to(self.device)[:, None]

    def sites(self, row, number, position, activation):
        """Sites from tensors."""
        start = self.field.start + (self.field.first + position) * self.field.step
        return Sites(*(part.cpu().numpy().astype(np.int32) for part in (row, number, start)), activation.cpu().numpy())

    def above(self, codes, limit):
        """Sites at all positions whose activation is above the filter's threshold."""
        activation = self.activations(codes)
        row, number, position = (activation > limit).nonzero(as_tuple=True)
        return self.sites(row, number, position, activation[row, number, position])

    def best(self, codes):
        """The first of the best positions of each sequence and filter, as sites."""
        value, position = self.activations(codes).max(dim=2)
        row, number = torch.meshgrid(*map(torch.arange, value.shape), indexing="ij")
        return self.sites(row.flatten(), number.flatten(), position.flatten(), value.flatten())


class TabulatedFilters:
    """First-layer filters whose activation rises with the value of the convolution, by tables of 3-mer words.

    Parameters
    ----------
    first : torch.nn.Sequential
        See `cisflow.model.first_layer`; one for which `can_be_tabulated` holds.
    length : int
        Of the window in bases.
    """

    def __init__(self, first, length):
        convolution, *following = first
        n_norms = sum(isinstance(module, nn.BatchNorm1d) for module in following)
        self.functions = nn.Sequential(*following[n_norms:])
        self.n_filters, self.span = len(convolution.weight), span_of(convolution)
        self.n_positions = length - self.span + 1
        self.weight, self.bias = folded(convolution, following[:n_norms])
        # A filter with a number that is none has no sites.
        self.is_finite = np.isfinite(self.weight).all(axis=(1, 2)) & np.isfinite(self.bias)
        self.weight[~self.is_finite], self.bias[~self.is_finite] = 0, 0
        largest = np.abs(self.weight).max(axis=1).sum(axis=1) + np.abs(self.bias)
        self.is_moderate = bool((largest < LARGEST_EXPONENT).all())

    def activated(self, values):
        """Activations of an array of values."""
        with torch.no_grad():
            return self.functions(torch.from_numpy(values)).numpy()

    def measure(self, codes):
        """See `PlainFilters.measure`."""
        padded = -(-self.n_filters // LANES) * LANES
        maximum, total = np.empty(padded, dtype=np.float32), np.empty(padded)
        names = [module.function for module in self.functions]
        # Sums of what is linear on either side of 0 are made while the values are found, without keeping them.
        floor = np.float32(0 if names else -np.inf)
        measure_filters(codes, self.weight, self.bias, floor, self.n_positions, None, maximum, total)
        if names == ["exp"] and self.is_moderate:
            sum_exponentials(codes, self.weight, self.bias, self.n_positions, total)
        elif names not in ([], ["relu"]):
            total = self.sum_activations(codes)
        maximum, total = self.activated(maximum[: self.n_filters]), total[: self.n_filters]
        maximum[~self.is_finite] = total[~self.is_finite] = np.nan
        return maximum, total

    def sum_activations(self, codes):
        """Sum of all activations, float64 (F,), of values that are held a few at a time."""
        total, rows = np.zeros(self.n_filters), max(1, NUMBERS // (self.n_positions * FILTERS))
        for first in range(0, self.n_filters, FILTERS):
            own = slice(first, first + FILTERS)
            weight, bias = self.weight[own], self.bias[own]
            padded = -(-len(weight) // LANES) * LANES
            room = np.empty((rows, self.n_positions, padded), dtype=np.float32)
            not_used = np.empty(padded, dtype=np.float32), np.empty(padded)
            for begin in range(0, len(codes), rows):
                part = codes[begin : begin + rows]
                values = room[: len(part)]
                measure_filters(part, weight, bias, np.float32(0), self.n_positions, values, *not_used)
                sums = self.activated(values[..., : len(weight)]).sum(axis=1)
                total[own] += sums.astype(np.float64).sum(axis=0)
        return total

    def limit(self, threshold):
        """The largest value float32 (F,) of the convolution whose activation is not above a threshold (F,).

        By bisection over the numbers that float32 has, in their order.
        """
        low = np.full(self.n_filters, ordered(LEAST), dtype=np.int64)
        high = np.full(self.n_filters, ordered(MOST) + 1, dtype=np.int64)
        while (high - low > 1).any():
            middle = (low + high) // 2
            is_above = self.activated(ordered(middle.astype(np.int32)).view(np.float32)) > threshold
            low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
        cutoff = ordered(low.astype(np.int32)).view(np.float32)
        return np.where(self.is_finite & ~np.isnan(threshold), cutoff, np.float32(np.inf))

    def above(self, codes, limit):
        """See `PlainFilters.above`."""
        row, number, start, value = find_sites(codes, self.weight, self.bias, limit, self.n_positions)
        return Sites(row, number, start, self.activated(value))

    def best(self, codes):
        """See `PlainFilters.best`."""
        value = np.empty((1, len(codes), 1, -(-self.n_filters // LANES) * LANES), dtype=np.float32)
        start = np.empty(value.shape, dtype=np.int32)
        arguments = (self.weight[None], self.bias[None], 0, self.n_positions, self.n_positions)
        find_best_windows(codes[None], *arguments, value, start, None)
        value, start = value[0, :, 0, : self.n_filters], start[0, :, 0, : self.n_filters]
        activation = np.where(self.is_finite, self.activated(np.ascontiguousarray(value)), np.float32(np.nan))
        row, number = np.indices(value.shape, dtype=np.int32)
        return Sites(row.ravel(), number.ravel(), start.ravel(), activation.ravel())


def ordered(bits):
    """Bits of float32 numbers, int32, as integers in the order of the numbers; and back."""
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int32)


def folded(convolution, norms):
    """Weights (F, 4, span) and biases (F,), float32, of a convolution with the batch norms behind it, as in evaluation.

    Between the columns of a dilated filter stand columns of zeros.
    """
    weight = convolution.weight.detach().double()
    bias = torch.zeros(len(weight)).double() if convolution.bias is None else convolution.bias.detach().double()
    for norm in norms:
        scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = weight * scale[:, None, None]
        bias = (bias - norm.running_mean.double()) * scale + norm.bias.detach().double()
    dense = np.zeros((*weight.shape[:2], span_of(convolution)), dtype=np.float32)
    dense[:, :, :: convolution.dilation[0]] = weight.numpy()
    return dense, bias.numpy().astype(np.float32)


def can_be_tabulated(first):
    """Whether after the convolution come batch norms, then activations that rise with their argument, or neither."""
    following = itertools.dropwhile(lambda module: isinstance(module, nn.BatchNorm1d), first[1:])
    return all(isinstance(module, Activation) and module.function in RISING for module in following)


def activations_without_padding(first):
    """A function that gives the activations of a first layer wherever its filters lie within the sequence."""
    convolution, following = first[0], first[1:]

    def activations_of(one_hot):
        return following(conv1d(one_hot, convolution.weight, convolution.bias, dilation=convolution.dilation))

    return activations_of


def end_of_layer(model, name):
    """Name of the last module of a layer: the convolution, or the batch norm or activation that follows it."""
    path, _, own = name.rpartition(".")
    container = model.get_submodule(path) if path else model
    names = list(model.layers) if container is model else [key for key, _ in container.named_children()]
    after = names[names.index(own) + 1 :]
    along = itertools.takewhile(
        lambda key: isinstance(container.get_submodule(key), nn.BatchNorm1d | Activation), after
    )
    last = [own, *along][-1]
    return f"{path}.{last}" if path else last


def activations_within(model, name):
    """A function that gives the activations of a layer wherever it stands, by running what lies before it."""
    end = model.get_submodule(end_of_layer(model, name))
    chain, caught = [], []
    for module in sequence_layers(model):
        chain.append(module)
        if any(part is end for part in module.modules()):
            break
    end.register_forward_hook(lambda module, given, output: caught.append(output))

    def activations_of(one_hot):
        caught.clear()
        for module in chain:
            one_hot = module(one_hot)
        return caught[0]

    return activations_of


def convolution_named(model, record, name):
    """The convolution of this name, or the first one, and its name.

    Parameters
    ----------
    model : cisflow.model.Network
    record : dict
        What was written beside its weights.
    name : str or None

    Returns
    -------
    str, torch.nn.Conv1d

    Raises
    ------
    InputError
        If it is no convolution along the sequence.
    """
    if name is None:
        first = first_convolution(model)
        return next(key for key in layer_names(record["network"]) if module_of(model, key) is first), first
    module = module_of(model, name)
    if not isinstance(module, nn.Conv1d):
        raise InputError(
            f"layer {name} has no filters",
            f"it is {type(module).__name__}, expected conv1d",
            "name a conv1d as filters.layer, or leave it out: then the first one is read",
        )
    return name, module


def filters_of_layer(model, record, device, layer=None):
    """The filters of a layer of a network, ready to be scanned with.

    Parameters
    ----------
    model : cisflow.model.Network
        In evaluation mode, on the device.
    record : dict
        What was written beside its weights: `network` and `inputs`.
    device : torch.device
    layer : str or None
        Name of a convolution along the sequence; None for the first one.

    Returns
    -------
    PlainFilters or TabulatedFilters

    Raises
    ------
    InputError
        If there is no such layer, or its units have no window of their own.
    """
    name, convolution = convolution_named(model, record, layer)
    length, n_filters = record["inputs"]["sequence"][1] if "sequence" in model.reads else 0, len(convolution.weight)
    layers = sequence_layers(model)
    if layers and convolution is layers[0]:
        first, span = first_layer(model), span_of(convolution)
        if device.type == "cpu" and can_be_tabulated(first):
            return TabulatedFilters(first, length)
        field = ReceptiveField(0, 1, span, 0, length - span + 1)
        return PlainFilters(activations_without_padding(first), n_filters, field, device)
    try:
        field = receptive_field(record["network"], length, name)
    except ValueError as error:
        raise InputError(
            f"the filters of layer {name} have no sites in the sequence",
            str(error),
            "name a convolution nearer to the sequence as filters.layer, or leave it out",
        ) from error
    return PlainFilters(activations_within(model, name), n_filters, field, device)
