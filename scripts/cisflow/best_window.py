"""Networks that begin conv1d, activation, global_max_pool (DeepBind, Zeng et al. 2016), several times quicker on a CPU.

Of what the convolution gives, only the best window of each filter in each sequence is used, so that the values of the
others need not be kept, and the gradient reaches one window. An activation that rises with its argument may come after
the maximum as well as before it.
"""

import numpy as np
import torch
from torch import nn

from cisflow.torch_layers import Activation
from cisflow.window_kernels import LANES, add_best_windows, find_best_windows

RISING = {"relu", "leaky_relu", "elu", "exp", "softplus", "sigmoid", "tanh"}  # activations; gelu and silu fall at first


class BestWindows(torch.autograd.Function):
    """See `best_windows`. A second derivative is refused by torch: no array is given of what needs a gradient."""

    @staticmethod
    def forward(ctx, codes, weight, bias, same_padding):
        *networks, n_filters, _, width = weight.shape
        n_sequences, length = codes.shape[-2:]
        ctx.left = (width - 1) // 2 if same_padding else 0
        ctx.save_for_backward(codes)
        ctx.networks, ctx.shape = networks or [1], weight.shape
        padded = (*ctx.networks, n_sequences, -(-n_filters // LANES) * LANES)
        best, ctx.where = np.empty(padded, dtype=np.float32), np.empty(padded, dtype=np.int32)
        find_best_windows(
            codes.contiguous().numpy().reshape(*ctx.networks, n_sequences, length),
            weight.detach().contiguous().numpy().reshape(*ctx.networks, n_filters, 4, width),
            bias.detach().contiguous().numpy().reshape(*ctx.networks, n_filters),
            ctx.left,
            length if same_padding else length - width + 1,
            best,
            ctx.where,
        )
        return torch.from_numpy(best[..., :n_filters].reshape(*networks, n_sequences, n_filters))

    @staticmethod
    def backward(ctx, gradient):
        (codes,) = ctx.saved_tensors
        weight_gradient = bias_gradient = None
        if ctx.needs_input_grad[1]:
            weight_gradient = np.empty((*ctx.networks, *ctx.shape[-3:]), dtype=np.float32)
            add_best_windows(
                codes.contiguous().numpy().reshape(*ctx.networks, *codes.shape[-2:]),
                gradient.contiguous().numpy().reshape(*ctx.networks, *gradient.shape[-2:]),
                ctx.where,
                ctx.left,
                weight_gradient,
            )
            weight_gradient = torch.from_numpy(weight_gradient.reshape(ctx.shape))
        if ctx.needs_input_grad[2]:
            bias_gradient = gradient.sum(dim=-2)
        return None, weight_gradient, bias_gradient, None


def best_windows(codes, weight, bias, same_padding):
    """Largest value of a convolution over the positions of each sequence, for one network or several at once.

    The gradient goes to the first of the windows that have it (torch's `amax` shares it out among them).

    Parameters
    ----------
    codes : torch.Tensor of uint8, shape (M, N, L)
        0 to 3 are A C G T, 4 is an unknown base, which weighs nothing. Each of the M networks has its own sequences.
    weight : torch.Tensor of float32, shape (M, F, 4, K)
    bias : torch.Tensor of float32, shape (M, F)
    same_padding : bool
        Whether (K - 1) // 2 unknown bases stand before the first base and the rest of K - 1 after the last, as in
        torch's `padding="same"`.

    Returns
    -------
    torch.Tensor of float32, shape (M, N, F)
        Without the dimension M, if the others come without it. Numbers are the same at every call and for any split
        into batches.

    Raises
    ------
    ValueError
        If shapes or types do not fit.
    TypeError
        If a tensor lies on a GPU.
    """
    fits = weight.ndim in (3, 4) and codes.ndim == weight.ndim - 1 == bias.ndim + 1
    if not fits or weight.shape[-2] != 4 or bias.shape != weight.shape[:-2] or codes.shape[:-2] != bias.shape[:-1]:
        raise ValueError(
            f"codes {tuple(codes.shape)}, weight {tuple(weight.shape)} and bias {tuple(bias.shape)} do not fit,"
            " expected (M, N, L), (M, F, 4, K) and (M, F), or all three without M"
        )
    if (codes.dtype, weight.dtype, bias.dtype) != (torch.uint8, torch.float32, torch.float32):
        raise ValueError(f"found {codes.dtype}, {weight.dtype} and {bias.dtype}, expected uint8, float32 and float32")
    if codes.shape[-1] < (1 if same_padding else weight.shape[-1]):
        raise ValueError(f"a filter of width {weight.shape[-1]} does not fit into {codes.shape[-1]} bases")
    return BestWindows.apply(codes, weight, bias, same_padding)


def starts_with_best_window(network):
    """Whether `BestWindowNetwork` can stand for a network.

    Parameters
    ----------
    network : dict
        `layers` and what else describes it, as in models.yaml.

    Returns
    -------
    bool
        Whether it reads the sequence alone, on one strand, and begins with a convolution (of stride and dilation 1),
        then at most one activation, which rises with its argument, then the global maximum.
    """
    if network.get("branches") or network.get("input", "sequence") != "sequence":
        return False
    if network.get("strands", "single") != "single":
        return False
    layers = network["layers"][:3]
    types = [layer["type"] for layer in layers]
    if types[:1] != ["conv1d"] or layers[0].get("stride", 1) != 1 or layers[0].get("dilation", 1) != 1:
        return False
    if types == ["conv1d", "activation", "global_max_pool"]:
        return layers[1]["function"] in RISING
    return types[1:2] == ["global_max_pool"]


class BestWindowNetwork(nn.Module):
    """Logits (N, T) of base codes uint8 (N, L), by the layers of a network for which `starts_with_best_window` holds.

    Parameters
    ----------
    model : cisflow.model.Network
        Whose layers are its children, one after the other. Parameters and layers are shared with it: either may be
        trained, and `model.train()` and `model.eval()` set the mode of both.
    """

    def __init__(self, model):
        super().__init__()
        convolution, *others = model.children()
        activation = others[:1] if isinstance(others[0], Activation) else []
        self.convolution = convolution
        self.others = nn.Sequential(*activation, *others[len(activation) + 1 :])

    def forward(self, codes):
        weight, bias = self.convolution.weight, self.convolution.bias
        if bias is None:
            bias = weight.new_zeros(len(weight))
        return self.others(best_windows(codes, weight, bias, self.convolution.padding == "same"))
