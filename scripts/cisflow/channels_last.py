"""Layers along positions with the channels of a position side by side in memory: up to twice as quick on a CPU.

On a CPU, torch's convolutions, pools and norms are quickest where the channels lie side by side, and only pictures may
lie so: the tensors here are pictures of height 1, (N, channels, 1, positions), in the memory format `channels_last`.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional

from cisflow.alphabet import ALPHABET
from cisflow.torch_layers import Activation, BatchNorm1d, Conv1d, Dropout, Residual, dropout_masks


def one_hot_pictures(codes):
    """One-hot bases with the channels side by side.

    Parameters
    ----------
    codes : torch.Tensor of uint8, shape (N, L)
        0 to 3 are A C G T, 4 is an unknown base: four zeros.

    Returns
    -------
    torch.Tensor of float32, shape (N, 4, 1, L)
    """
    letters = torch.arange(len(ALPHABET), dtype=torch.uint8)
    return (codes[:, None, :, None] == letters).float().permute(0, 3, 1, 2)


def takes_pictures(module):
    """Whether `on_picture` knows a layer."""
    if getattr(module, "shared", False):
        return False
    if isinstance(module, Conv1d):
        return module.dilation == (1,)  # oneDNN has nothing quick for others where channels lie side by side
    if isinstance(module, Residual):
        return all(takes_pictures(layer) for layer in [*module.layers, module.shortcut] if layer is not None)
    return isinstance(module, BatchNorm1d | Activation | nn.MaxPool1d | nn.AvgPool1d | Dropout)


def on_picture(module, x):
    """What a layer gives for a picture.

    Parameters
    ----------
    module : torch.nn.Module
        One for which `takes_pictures` holds.
    x : torch.Tensor, shape (N, C, 1, P)
        Channels side by side.

    Returns
    -------
    torch.Tensor, shape (N, channels, 1, positions)
        Within rounding what the layer gives for (N, C, P); dropout draws the same numbers.
    """
    if isinstance(module, Conv1d):
        span = module.kernel_size[0] - 1
        left, right = (span // 2, span - span // 2) if module.padding == "same" else module.ends
        if left != right or left < 0:
            x, left = functional.pad(x, (left, right)), 0
        return functional.conv2d(x, module.weight.unsqueeze(2), module.bias, (1, *module.stride), (0, left))
    if isinstance(module, BatchNorm1d):
        module.num_batches_tracked += module.training
        return functional.batch_norm(
            x, module.running_mean, module.running_var, module.weight, module.bias, module.training, module.momentum,
            module.eps,
        )  # fmt: skip
    if isinstance(module, nn.MaxPool1d):
        return functional.max_pool2d(x, (1, module.kernel_size), (1, module.stride))
    if isinstance(module, nn.AvgPool1d):
        return functional.avg_pool2d(x, (1, *module.kernel_size), (1, *module.stride))
    if isinstance(module, Dropout):
        if not module.training or module.rate == 0:
            return x
        # Drawn in the order of (N, C, P).
        [mask] = dropout_masks([module.generator], x.shape, module.rate, x)
        return x * mask.contiguous(memory_format=torch.channels_last)
    if isinstance(module, Residual):
        before = x if module.shortcut is None else on_picture(module.shortcut, x)
        for layer in module.layers:
            x = on_picture(layer, x)
        return before + x
    return module(x)


class ChannelsLast(nn.Module):
    """Layers one after the other, the leading ones on pictures.

    Parameters
    ----------
    modules : list of torch.nn.Module
        Parameters are shared with them; the first ones that `takes_pictures` knows are given pictures, the others what
        they are made for.

    Notes
    -----
    `forward` maps (N, C, 1, P), channels side by side, to what the last layer gives.
    """

    def __init__(self, modules):
        super().__init__()
        self.leading = nn.ModuleList(itertools.takewhile(takes_pictures, modules))
        self.others = nn.Sequential(*modules[len(self.leading) :])

    def forward(self, x):
        for module in self.leading:
            x = on_picture(module, x)
        return self.others(x.squeeze(2).contiguous())  # for convolutions that are slow the other way


def starts_with_pictures(model):
    """Whether `ChannelsLastNetwork` can stand for a network, and is quicker.

    Parameters
    ----------
    model : cisflow.model.Network

    Returns
    -------
    bool
        Whether it reads the sequence alone, on one strand, and there is a pool among the leading layers that take
        pictures: without one, there was nothing to gain.
    """
    if model.branches or model.averaged or model.reads != ("sequence",):
        return False
    leading = itertools.takewhile(takes_pictures, model.children())
    return any(isinstance(module, nn.MaxPool1d | nn.AvgPool1d) for module in leading)


class ChannelsLastNetwork(nn.Module):
    """Logits (N, T) of base codes uint8 (N, L), by the layers of a network for which `starts_with_pictures` holds.

    Parameters
    ----------
    model : cisflow.model.Network
        Whose layers are its children, one after the other. Parameters and layers are shared with it: either may be
        trained, and `model.train()` and `model.eval()` set the mode of both.
    """

    def __init__(self, model):
        super().__init__()
        self.layers = ChannelsLast(list(model.children()))

    def forward(self, codes):
        return self.layers(one_hot_pictures(codes))
