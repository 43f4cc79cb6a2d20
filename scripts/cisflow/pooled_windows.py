"""Networks that begin conv1d, batch_norm, activation, max_pool, several times quicker on a CPU; batch norm may lack.

Of what the convolution gives, only the best window of each filter in each pool is used further on. An activation that
rises with its argument may come after the pool, and so may batch norm, if filters of negative scale are turned round
before: then the values of the other windows are needed for its mean and variance alone, and are never kept. Batch norm
sends a gradient to every window, but one that is linear in its value, so that its sum follows from how often each two
bases stand at each two places of a window, which holds for all filters.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from cisflow.best_window import RISING
from cisflow.pool_kernels import add_pooled_windows, count_bases, find_pooled_windows
from cisflow.torch_layers import Activation, GlobalPool
from cisflow.window_kernels import LANES


class Windows:
    """The codes of M networks, and where windows of a convolution lie in them.

    Parameters
    ----------
    codes : torch.Tensor of uint8, shape (M, N, L)
    width : int
        Of the filters.
    same_padding : bool
        As torch's `padding="same"`.
    """

    def __init__(self, codes, width, same_padding):
        if (codes.dtype, codes.device.type) != (torch.uint8, "cpu"):
            raise ValueError(f"found codes of {codes.dtype} on {codes.device}, expected uint8 in the memory of the CPU")
        self.codes, self.width = codes.contiguous().numpy(), width
        self.left = (width - 1) // 2 if same_padding else 0
        self.positions = codes.shape[2] if same_padding else codes.shape[2] - width + 1
        if self.positions < 1:
            raise ValueError(f"a filter of width {width} does not fit into {codes.shape[2]} bases")

    def find(self, weight, bias, pool):
        """Largest values in each pool (M, N, pools, F), where they stand, and sums and squares of all (M, 2, F)."""
        if (weight.dtype, bias.dtype) != (torch.float32, torch.float32) or weight.shape[:2] != bias.shape:
            raise ValueError(
                f"found weights {weight.dtype} {tuple(weight.shape)} and biases {bias.dtype} {tuple(bias.shape)},"
                " expected float32 (M, F, 4, K) and (M, F)"
            )
        m, n_filters = bias.shape
        padded = -(-n_filters // LANES) * LANES
        best = np.empty((m, self.codes.shape[1], self.positions // pool, padded), dtype=np.float32)
        where, sums = np.empty(best.shape, dtype=np.int32), np.empty((m, 2, padded))
        arguments = weight.contiguous().numpy(), bias.contiguous().numpy(), self.left, self.positions, pool
        find_pooled_windows(self.codes, *arguments, best, where, sums)
        best = torch.from_numpy(best)[..., :n_filters].contiguous()
        return best, where, torch.from_numpy(sums)[..., :n_filters]

    def add(self, gradient, where):
        """Gradient of the weights (M, F, 4, K) from that of the largest values."""
        weight = np.empty((len(gradient), gradient.shape[3], 4, self.width), dtype=np.float32)
        add_pooled_windows(self.codes, gradient.contiguous().numpy(), where, self.left, weight)
        return torch.from_numpy(weight)

    def count(self):
        """Bases (M, 4 x K) and pairs of bases (M, 4 x K, 4 x K) over all windows."""
        singles = np.empty((len(self.codes), 4, self.width), dtype=np.float32)
        pairs = np.empty((*singles.shape, 4, self.width), dtype=np.float32)
        count_bases(self.codes, self.left, self.positions, singles, pairs)
        return torch.from_numpy(singles).flatten(1), torch.from_numpy(pairs).flatten(3).flatten(1, 2)


class PooledWindows(torch.autograd.Function):
    """See `pooled_windows`."""

    @staticmethod
    def forward(ctx, codes, weight, bias, pool, same_padding):
        ctx.windows = Windows(codes, weight.shape[3], same_padding)
        best, ctx.where, _ = ctx.windows.find(weight.detach(), bias.detach(), pool)
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        of_weight = ctx.windows.add(gradient, ctx.where) if ctx.needs_input_grad[1] else None
        return None, of_weight, gradient.sum((1, 2)), None, None


class NormalisedWindows(torch.autograd.Function):
    """See `normalised_windows`."""

    @staticmethod
    def forward(ctx, codes, weight, scale, shift, pool, same_padding, epsilon):
        windows = Windows(codes, weight.shape[3], same_padding)
        sign = torch.where(scale < 0, -1.0, 1.0)
        turned = weight * sign[:, :, None, None]
        centre = turned.sum((2, 3)) / 4  # what random bases give; what is near 0 can be squared without loss
        best, where, sums = windows.find(turned, -centre, pool)
        mean, square = (sums / (codes.shape[1] * windows.positions)).unbind(1)
        variance = (square - mean**2).clamp_(min=0)
        root = (1 / (variance + epsilon).sqrt()).float()
        normal = (best - mean.float()[:, None, None]) * root[:, None, None]
        ctx.save_for_backward(turned, scale, sign, centre + mean.float(), root, normal)
        ctx.windows, ctx.where = windows, where
        mean, variance = ((mean + centre) * sign).float(), variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return normal * scale.abs()[:, None, None] + shift[:, None, None], mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, _, __):
        turned, scale, sign, mean, root, normal = ctx.saved_tensors
        windows = ctx.windows
        of_shift, of_size = gradient.sum((1, 2)), (gradient * normal).sum((1, 2))
        if not ctx.needs_input_grad[1]:
            return None, None, of_size * sign, of_shift, None, None, None
        of_best = gradient * (scale.abs() * root)[:, None, None]
        # What goes to all windows: -(of_shift + of_size x value) x scale x root / number of windows.
        singles, pairs = windows.count()
        of_values = (torch.bmm(turned.flatten(2), pairs) - mean[:, :, None] * singles[:, None]) * root[:, :, None]
        to_all = of_shift[:, :, None] * singles[:, None] + of_size[:, :, None] * of_values
        to_all *= (scale.abs() * root / (gradient.shape[1] * windows.positions))[:, :, None]
        of_turned = windows.add(of_best, ctx.where) - to_all.view(turned.shape)
        return None, of_turned * sign[:, :, None, None], of_size * sign, of_shift, None, None, None


def pooled_windows(codes, weight, bias, pool, same_padding):
    """Largest value of a convolution within every `pool` positions of each sequence, for several networks at once.

    Parameters
    ----------
    codes : torch.Tensor of uint8, shape (M, N, L)
        0 to 3 are A C G T, 4 is an unknown base, which weighs nothing.
    weight : torch.Tensor of float32, shape (M, F, 4, K)
    bias : torch.Tensor of float32, shape (M, F)
    pool : int
    same_padding : bool
        As torch's `padding="same"`.

    Returns
    -------
    torch.Tensor of float32, shape (M, N, positions // pool, F)
    """
    return PooledWindows.apply(codes, weight, bias, pool, same_padding)


def normalised_windows(codes, weight, scale, shift, pool, same_padding, epsilon):
    """Largest value within every `pool` positions of a convolution after batch norm by the values of these sequences.

    A bias of the convolution would change nothing but the mean.

    Parameters
    ----------
    codes, weight, pool, same_padding
        See `pooled_windows`.
    scale, shift : torch.Tensor of float32, shape (M, F)
        Weight and bias of batch norm.
    epsilon : float
        Added to the variance.

    Returns
    -------
    largest : torch.Tensor of float32, shape (M, N, positions // pool, F)
    mean, variance : torch.Tensor of float32, shape (M, F)
        Of all values of the convolution, the variance as divided by their number; without a gradient.
    """
    return NormalisedWindows.apply(codes, weight, scale, shift, pool, same_padding, epsilon)


class Norm(NamedTuple):
    """Batch norm of M networks: tensors (M, F); the running ones are changed in place while training."""

    scale: torch.Tensor
    shift: torch.Tensor
    running_mean: torch.Tensor
    running_variance: torch.Tensor
    momentum: float
    epsilon: float
    training: bool


def first_pool(codes, weight, bias, norm, pool, same_padding):
    """What the first pool of M networks gives; the activation is still to come.

    Parameters
    ----------
    codes, weight, same_padding
        See `pooled_windows`.
    bias : torch.Tensor of float32, shape (M, F), or None
    norm : Norm or None
    pool : int or None
        Positions of a pool; None: all of them.

    Returns
    -------
    torch.Tensor of float32, shape (M, N, pools, F)
    """
    positions = codes.shape[2] if same_padding else codes.shape[2] - weight.shape[3] + 1
    pool = pool or positions
    if bias is None:
        bias = weight.new_zeros(weight.shape[:2])
    if norm is None:
        return pooled_windows(codes, weight, bias, pool, same_padding)
    if norm.training:
        x, mean, variance = normalised_windows(codes, weight, norm.scale, norm.shift, pool, same_padding, norm.epsilon)
        n_values = codes.shape[1] * positions
        with torch.no_grad():
            norm.running_mean.lerp_(mean + bias, norm.momentum)
            norm.running_variance.lerp_(variance * (n_values / max(n_values - 1, 1)), norm.momentum)
        return x
    sign = torch.where(norm.scale < 0, -1.0, 1.0)
    x = pooled_windows(codes, weight * sign[:, :, None, None], (bias - norm.running_mean) * sign, pool, same_padding)
    size = norm.scale.abs() / (norm.running_variance + norm.epsilon).sqrt()
    return x * size[:, None, None] + norm.shift[:, None, None]


def split_first(layers):
    """The layers that `first_pool` can stand for, and those after them.

    Parameters
    ----------
    layers : list of (str, torch.nn.Module)
        Of a network that reads the sequence on one strand.

    Returns
    -------
    (convolution, norm or None, pool), others : tuple, list of (str, torch.nn.Module)
        An activation before the pool is the first of the others; (None, layers) where they begin in another way.
    """
    (_, convolution), *others = layers
    is_plain = isinstance(convolution, nn.Conv1d) and convolution.stride == convolution.dilation == (1,)
    norm = others.pop(0) if is_plain and isinstance(others[0][1], nn.BatchNorm1d) else None
    is_rising = isinstance(others[0][1], Activation) and others[0][1].function in RISING
    activation = [others.pop(0)] if is_plain and is_rising else []
    pool = others[0][1]
    is_largest = isinstance(pool, GlobalPool) and pool.kind == "max"
    if is_plain and (is_largest or (isinstance(pool, nn.MaxPool1d) and pool.stride == pool.kernel_size)):
        return (layers[0], norm, others[0]), [*activation, *others[1:]]
    return None, layers


def starts_with_first_pool(network):
    """Whether `FirstPoolNetwork` can stand for a network.

    Parameters
    ----------
    network : dict
        `layers` and what else describes it, as in models.yaml.

    Returns
    -------
    bool
        Whether it reads the sequence alone, on one strand, and begins with a convolution (of stride and dilation 1),
        then batch norm, an activation that rises with its argument, neither or both, then a maximum over pools side by
        side or over all positions.
    """
    if network.get("branches") or network.get("input", "sequence") != "sequence":
        return False
    if network.get("strands", "single") != "single":
        return False
    first, *others = network["layers"]
    if first["type"] != "conv1d" or first.get("stride", 1) != 1 or first.get("dilation", 1) != 1:
        return False
    if others and others[0]["type"] == "batch_norm":
        del others[0]
    if others and others[0]["type"] == "activation" and others[0]["function"] in RISING:
        del others[0]
    if not others or others[0]["type"] not in ("max_pool", "global_max_pool"):
        return False
    return others[0].get("stride") in (None, others[0].get("width"))


class FirstPoolNetwork(nn.Module):
    """Logits (N, T) of base codes uint8 (N, L), by the layers of a network for which `starts_with_first_pool` holds.

    Parameters
    ----------
    model : cisflow.model.Network
        Whose layers are its children, one after the other. Parameters and layers are shared with it: either may be
        trained, and `model.train()` and `model.eval()` set the mode of both.
    """

    def __init__(self, model):
        super().__init__()
        ((_, self.convolution), norm, (_, pool)), others = split_first(list(model.named_children()))
        self.norm = None if norm is None else norm[1]
        self.width = getattr(pool, "kernel_size", None)
        self.others = nn.Sequential(*(module for _, module in others))

    def forward(self, codes):
        weight, bias, norm = self.convolution.weight, self.convolution.bias, self.norm
        if norm is not None:
            numbers = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
            norm = Norm(*(number[None] for number in numbers), norm.momentum, norm.eps, norm.training)
            self.norm.num_batches_tracked += norm.training
        bias = None if bias is None else bias[None]
        x = first_pool(codes[None], weight[None], bias, norm, self.width, self.convolution.padding == "same")
        if self.width is None:
            return self.others(x.flatten(0, 2))
        return self.others(x.squeeze(0).transpose(1, 2).contiguous())  # as torch has it: dropout draws the same
