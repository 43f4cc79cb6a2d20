"""Networks that begin conv1d, batch_norm, activation, max_pool or global_max_pool, several times quicker on a CPU.

Of what the convolution gives, only the best window of each filter in each pool is used further on, so that the values
of the others need not be kept, and the gradient reaches one window. An activation that rises with its argument may come
after the pool, and so may batch norm, if filters of negative scale are turned round before: the values of the other
windows are then needed for its mean and variance alone. Batch norm sends a gradient to every window, but one that is
linear in its value, so that its sum follows from how often each two bases stand at each two places of a window, which
holds for all filters.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from cisflow.channels_last import ChannelsLast
from cisflow.torch_layers import Activation, GlobalPool
from cisflow.vector_lanes import LANES
from cisflow.window_kernels import add_best_windows, count_bases, find_best_windows

RISING = {"relu", "leaky_relu", "elu", "exp", "softplus", "sigmoid", "tanh"}  # activations; gelu and silu fall at first


class Windows:
    """The codes of M networks, and where windows of a convolution lie in them; M is no dimension of a single network.

    Parameters
    ----------
    codes : torch.Tensor of uint8, shape (M, N, L) or (N, L)
    weight : torch.Tensor of float32, shape (M, F, 4, K) or (F, 4, K)
        Whose shape alone is looked at.
    same_padding : bool
        As torch's `padding="same"`.

    Raises
    ------
    ValueError
        If shapes or types do not fit: compiled code would read on beyond the end of an array.
    """

    def __init__(self, codes, weight, same_padding):
        for tensor, kind, what in ((codes, torch.uint8, "codes"), (weight, torch.float32, "weights")):
            if tensor.dtype != kind or tensor.device.type != "cpu":
                raise ValueError(
                    f"found {what} of {tensor.dtype} on {tensor.device}, expected {kind} in the memory of the CPU"
                )
        *self.networks, n_filters, n_bases, self.width = weight.shape
        if list(codes.shape[:-2]) != self.networks or len(self.networks) > 1 or codes.ndim < 2 or n_bases != 4:
            raise ValueError(
                f"codes {tuple(codes.shape)} and weights {tuple(weight.shape)} do not fit, expected (M, N, L) and"
                " (M, F, 4, K), or both without M"
            )
        self.count_of_networks = self.networks[0] if self.networks else 1
        self.n_filters, (self.n_sequences, length) = n_filters, codes.shape[-2:]
        self.left = (self.width - 1) // 2 if same_padding else 0
        self.positions = length if same_padding else length - self.width + 1
        if self.positions < 1:
            raise ValueError(f"a filter of width {self.width} does not fit into {length} bases")
        self.codes = self.array_of(codes)

    def array_of(self, tensor):
        """A tensor as a contiguous array with the dimension M."""
        array = tensor.contiguous().numpy()
        return array if self.networks else array[None]

    def tensor_of(self, array):
        """An array with the dimension M as a tensor without it, if the network is a single one."""
        return torch.from_numpy(array if self.networks else array[0])

    def find(self, weight, bias, pool, with_sums=False):
        """Largest values in each pool (M, N, pools, F), where they stand, and sums and squares of all (M, 2, F)."""
        if bias.dtype != torch.float32 or weight.shape[:-2] != bias.shape:
            raise ValueError(
                f"biases {bias.dtype} {tuple(bias.shape)} and weights {tuple(weight.shape)} do not fit, expected"
                " float32 (M, F) and (M, F, 4, K)"
            )
        m, padded = self.count_of_networks, -(-self.n_filters // LANES) * LANES
        best = np.empty((m, self.n_sequences, self.positions // pool, padded), dtype=np.float32)
        where, sums = np.empty(best.shape, dtype=np.int32), np.empty((m, 2, padded)) if with_sums else None
        arguments = self.array_of(weight), self.array_of(bias), self.left, self.positions, pool
        find_best_windows(self.codes, *arguments, best, where, sums)
        best = self.tensor_of(best)[..., : self.n_filters].contiguous()
        return best, where, self.tensor_of(sums)[..., : self.n_filters] if with_sums else None

    def add(self, gradient, where):
        """Gradient of the weights (M, F, 4, K) from that of the largest values."""
        weight = np.empty((self.count_of_networks, self.n_filters, 4, self.width), dtype=np.float32)
        add_best_windows(self.codes, self.array_of(gradient), where, self.left, weight)
        return self.tensor_of(weight)

    def count(self):
        """Bases (M, 4 x K) and pairs of bases (M, 4 x K, 4 x K) over all windows."""
        singles = np.empty((self.count_of_networks, 4, self.width), dtype=np.float32)
        pairs = np.empty((*singles.shape, 4, self.width), dtype=np.float32)
        count_bases(self.codes, self.left, self.positions, singles, pairs)
        return self.tensor_of(singles).flatten(-2), self.tensor_of(pairs).flatten(-2).flatten(-3, -2)


class BestWindows(torch.autograd.Function):
    """See `best_windows`."""

    @staticmethod
    def forward(ctx, codes, weight, bias, pool, same_padding):
        ctx.windows = Windows(codes, weight, same_padding)
        best, ctx.where, _ = ctx.windows.find(weight.detach(), bias.detach(), pool)
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        of_weight = ctx.windows.add(gradient, ctx.where) if ctx.needs_input_grad[1] else None
        of_bias = gradient.sum((-3, -2)) if ctx.needs_input_grad[2] else None
        return None, of_weight, of_bias, None, None


class NormalisedWindows(torch.autograd.Function):
    """See `normalised_windows`."""

    @staticmethod
    def forward(ctx, codes, weight, scale, shift, pool, same_padding, epsilon):
        windows = Windows(codes, weight, same_padding)
        sign = torch.where(scale < 0, -1.0, 1.0)
        turned = weight * sign[..., None, None]
        centre = turned.sum((-2, -1)) / 4  # what random bases give; what is near 0 can be squared without loss
        best, where, sums = windows.find(turned, -centre, pool, with_sums=True)
        mean, square = (sums / (windows.n_sequences * windows.positions)).unbind(-2)
        variance = (square - mean**2).clamp_(min=0)
        root = (1 / (variance + epsilon).sqrt()).float()
        near, size = mean.float(), scale.abs() * root
        normal = torch.addcmul((shift - near * size)[..., None, None, :], best, size[..., None, None, :])
        ctx.save_for_backward(turned, scale, sign, centre, near, root, best)
        ctx.windows, ctx.where = windows, where
        mean, variance = ((mean + centre) * sign).float(), variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return normal, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, _, __):
        turned, scale, sign, centre, near, root, best = ctx.saved_tensors
        windows = ctx.windows
        of_shift = gradient.sum((-3, -2))
        of_size = ((gradient * best).sum((-3, -2)) - near * of_shift) * root
        if not ctx.needs_input_grad[1]:
            return None, None, of_size * sign, of_shift, None, None, None
        # What goes to all windows: -(of_shift + of_size x value) x scale x root / number of windows.
        singles, pairs = windows.count()
        singles, n_values = singles.unsqueeze(-2), windows.n_sequences * windows.positions
        of_values = (turned.flatten(-2) @ pairs - (centre + near)[..., None] * singles) * root[..., None]
        to_all = (of_shift[..., None] * singles + of_size[..., None] * of_values) / n_values
        of_turned = windows.add(gradient, ctx.where) - to_all.view(turned.shape)
        of_weight = of_turned * (sign * scale.abs() * root)[..., None, None]
        return None, of_weight, of_size * sign, of_shift, None, None, None


def best_windows(codes, weight, bias, pool, same_padding):
    """Largest value of a convolution within every `pool` positions of each sequence, for several networks at once.

    The gradient goes to the first of the windows that have it. There is no second derivative. The dimension M may lack
    in all tensors alike.

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
        Numbers are the same at every call and for any split into batches.

    Raises
    ------
    ValueError
        If shapes, types or devices do not fit.
    """
    return BestWindows.apply(codes, weight, bias, pool, same_padding)


def normalised_windows(codes, weight, scale, shift, pool, same_padding, epsilon):
    """Largest value within every `pool` positions of a convolution after batch norm by the values of these sequences.

    A bias of the convolution would change nothing but the mean. The dimension M may lack in all tensors alike.

    Parameters
    ----------
    codes, weight, pool, same_padding
        See `best_windows`.
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
    """Batch norm of networks: tensors (M, F) or (F,); the running ones are changed in place while training."""

    scale: torch.Tensor
    shift: torch.Tensor
    running_mean: torch.Tensor
    running_variance: torch.Tensor
    momentum: float
    epsilon: float
    training: bool


def first_pool(codes, weight, bias, norm, pool, same_padding):
    """What the first pool of M networks gives; the activation is still to come. M may lack in all tensors alike.

    Parameters
    ----------
    codes, weight, same_padding
        See `best_windows`.
    bias : torch.Tensor of float32, shape (M, F), or None
    norm : Norm or None
    pool : int or None
        Positions of a pool; None: all of them.

    Returns
    -------
    torch.Tensor of float32, shape (M, N, pools, F)
    """
    positions = codes.shape[-1] if same_padding else codes.shape[-1] - weight.shape[-1] + 1
    pool = pool or positions
    if bias is None:
        bias = weight.new_zeros(weight.shape[:-2])
    if norm is None:
        return best_windows(codes, weight, bias, pool, same_padding)
    if norm.training:
        x, mean, variance = normalised_windows(codes, weight, norm.scale, norm.shift, pool, same_padding, norm.epsilon)
        n_values = codes.shape[-2] * positions
        with torch.no_grad():
            norm.running_mean.lerp_(mean + bias, norm.momentum)
            norm.running_variance.lerp_(variance * (n_values / max(n_values - 1, 1)), norm.momentum)
        return x
    size = norm.scale / (norm.running_variance + norm.epsilon).sqrt()
    weight, bias = weight * size[..., None, None], (bias - norm.running_mean) * size + norm.shift
    return best_windows(codes, weight, bias, pool, same_padding)


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
    first, *others = network["layers"] or [{"type": None}]
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
        others = [module for _, module in others]
        self.others = nn.Sequential(*others) if self.width is None else ChannelsLast(others)

    def forward(self, codes):
        weight, bias, norm = self.convolution.weight, self.convolution.bias, self.norm
        if norm is not None:
            norm.num_batches_tracked += norm.training
            numbers = norm.weight, norm.bias, norm.running_mean, norm.running_var
            norm = Norm(*numbers, norm.momentum, norm.eps, norm.training)
        x = first_pool(codes, weight, bias, norm, self.width, self.convolution.padding == "same")
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))  # before the activation, which then has half to read and write
        if self.width is None:
            return self.others(x.squeeze(1))
        return self.others(x.transpose(1, 2).unsqueeze(2))  # a picture whose channels lie side by side
