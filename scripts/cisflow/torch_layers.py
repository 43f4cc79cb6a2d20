"""The layers of networks as torch modules.

Tensors are (N, channels, positions), (N, features) once flat, and (N, channels, height, width) between two-dimensional
layers. Which layers there are and what shapes they give: `cisflow.layers`.

Where the strands of a sequence share their filters (Shrikumar et al. 2017, https://doi.org/10.1101/103663), a layer has
2F channels: those of its own F filters and, in reversed order, those of their reverse complements. The reverse
complement of a sequence then gives the same numbers with both channels and positions reversed, as one-hot A C G T does.
"""

import copy
import math
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from cisflow.layers import effective_width, remainder

FUNCTIONS = {
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "exp": torch.exp,
    "softplus": functional.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
ATTENTION_POOL_SCALE = 2.0  # of the identity; leans towards the largest value (Enformer, Avsec et al. 2021)
LONGEST_WAVE = 10000.0  # of the position encoding, over 2 pi (Vaswani et al. 2017)


class Activation(nn.Module):
    """An elementwise function by its name, a key of `FUNCTIONS`."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return FUNCTIONS[self.function](x)

    def extra_repr(self):
        return self.function


def dropout_masks(generators, shape, rate, like):
    """What dropout multiplies by, of several networks: 0 with probability `rate`, else 1 / (1 - rate).

    An element takes 16 random bits, for the random numbers are what dropout costs on a CPU. The probability is the
    nearest multiple of 1 / 65536 between 0 and 1, and it is this one that scales: the mean is 1.

    Parameters
    ----------
    generators : list of torch.Generator or None
        One a network, of the device of `like`; None for torch's own.
    shape : tuple of int
        Of a mask, whose elements are drawn in this order.
    rate : float
        Above 0, below 1.
    like : torch.Tensor
        Of the type and on the device that the masks are to have.

    Returns
    -------
    torch.Tensor, shape (M, *shape)
    """
    n_elements = math.prod(shape)
    words = torch.empty(len(generators), -(-n_elements // 4), dtype=torch.int64, device=like.device)
    for row, generator in zip(words, generators, strict=True):
        row.random_(-(2**63), None, generator=generator)  # all 64 bits
    numbers = words.view(torch.int16)[:, :n_elements].unflatten(1, shape)
    n_kept = min(max(round((1 - rate) * 2**16), 1), 2**16 - 1)  # of the 65536 numbers
    masks = torch.empty(numbers.shape, dtype=like.dtype, device=like.device)
    return torch.lt(numbers, n_kept - 2**15, out=masks).mul_(2**16 / n_kept)


class Dropout(nn.Module):
    """Zeroes elements with probability `rate` while training, and scales the others; see `dropout_masks`.

    Attributes
    ----------
    generator : torch.Generator or None
        Where the random numbers come from, of the device of the tensors; None for torch's own.
    """

    def __init__(self, rate):
        super().__init__()
        self.rate, self.generator = rate, None

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        [mask] = dropout_masks([self.generator], x.shape, self.rate, x)
        return x * mask

    def extra_repr(self):
        return f"{self.rate:g}"


class Conv1d(nn.Conv1d):
    """A convolution along positions.

    Parameters
    ----------
    channels : int
        That come in; of both strands where these are shared.
    filters : int
        Own ones.
    width : int
    stride, dilation, padding, bias
        As of `torch.nn.Conv1d`.
    ends : (int, int)
        Zeros added at the left and the right end before; a negative number cuts positions off.
    shared : bool
        Whether every filter is also applied as its reverse complement; then 2 x `filters` channels go out.
    """

    def __init__(
        self, channels, filters, width, stride=1, dilation=1, padding="valid", bias=True, ends=(0, 0), shared=False
    ):
        super().__init__(channels, filters, width, stride=stride, dilation=dilation, padding=padding, bias=bias)
        self.ends, self.shared = ends, shared

    def forward(self, x):
        weight, bias = self.weight, self.bias
        if self.ends != (0, 0):
            x = functional.pad(x, self.ends)
        if self.shared:
            weight = torch.cat([weight, weight.flip(0, 1, 2)])
            bias = bias if bias is None else torch.cat([bias, bias.flip(0)])
        return functional.conv1d(x, weight, bias, self.stride, self.padding, self.dilation)


class Conv2d(nn.Conv2d):
    """A convolution over a picture; channels and positions, (N, C, P), are read as a picture of one channel."""

    def forward(self, x):
        return super().forward(x.unsqueeze(1) if x.ndim == 3 else x)


class BatchNorm1d(nn.BatchNorm1d):
    """Batch norm of (N, C, P) or (N, C).

    Parameters
    ----------
    channels : int
        Own ones.
    shared : bool
        Whether (N, 2C, P) comes in, and each filter has its parameters and statistics together with its reverse
        complement.
    """

    def __init__(self, channels, shared=False):
        super().__init__(channels)
        self.shared = shared

    def forward(self, x):
        if not self.shared:
            return super().forward(x)
        own, other = x.chunk(2, dim=1)
        own, other = super().forward(torch.cat([own, other.flip(1)])).chunk(2)
        return torch.cat([own, other.flip(1)], dim=1)


class JoinStrands(nn.Module):
    """The mean of both strands: (N, 2F, P) -> (N, F, P), the same for a sequence and its reverse complement."""

    def forward(self, x):
        own, other = x.chunk(2, dim=1)
        return (own + other.flip(1, 2)) / 2


class Centred(nn.Module):
    """A pool after `margin` positions were cut off at each end, so that what no window covers lies at both ends."""

    def __init__(self, pool, margin):
        super().__init__()
        self.pool, self.margin = pool, margin

    def forward(self, x):
        return self.pool(functional.pad(x, (-self.margin, -self.margin)))


class LayerNorm(nn.LayerNorm):
    """Layer norm over the channels at each position, or over the features."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class GlobalPool(nn.Module):
    """The largest (`max`) or mean (`avg`) value of each channel: (N, C, ...) -> (N, C)."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        x = x.flatten(2)
        if self.kind == "avg":
            return x.mean(dim=2)
        if x.requires_grad and x.device.type == "cpu":
            # Its gradient, to the first of equal places, is made sooner than the shares of `amax`.
            return x.max(dim=2).values
        return x.amax(dim=2)

    def extra_repr(self):
        return self.kind


class AttentionPool(nn.Module):
    """Means weighted by a softmax of what a learned projection of the channels gives, each channel by itself.

    As in Enformer (Avsec et al. 2021). The projection starts as twice the identity and has no bias, which would change
    no weight.

    Parameters
    ----------
    channels : int
    width : int, optional
        Of the windows, side by side: (N, C, P) -> (N, C, P // width); without it, all places make one window:
        (N, C, ...) -> (N, C).
    """

    def __init__(self, channels, width=None):
        super().__init__()
        self.width = width
        self.projection = nn.Conv1d(channels, channels, 1, bias=False)
        with torch.no_grad():
            self.projection.weight.copy_(ATTENTION_POOL_SCALE * torch.eye(channels)[:, :, None])

    def forward(self, x):
        x = x.flatten(2)
        if self.width is None:
            return (x * self.projection(x).softmax(dim=2)).sum(dim=2)
        windows = (x.shape[2] // self.width, self.width)
        x = x[:, :, : windows[0] * windows[1]]
        return (x.unflatten(2, windows) * self.projection(x).unflatten(2, windows).softmax(dim=3)).sum(dim=3)


class Residual(nn.Module):
    """The sum of what goes into some layers and what comes out of them.

    Parameters
    ----------
    layers : torch.nn.Sequential
    shortcut : torch.nn.Module, optional
        On the way round, where channels differ.
    """

    def __init__(self, layers, shortcut=None):
        super().__init__()
        self.shortcut, self.layers = shortcut, layers

    def forward(self, x):
        return (x if self.shortcut is None else self.shortcut(x)) + self.layers(x)


class SqueezeExcite(nn.Module):
    """Channels scaled by what a small network makes of their means (Hu et al. 2018): (N, C, ...) -> (N, C, ...)."""

    def __init__(self, channels, ratio):
        super().__init__()
        hidden = max(1, channels // ratio)
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x):
        scale = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.flatten(2).mean(dim=2)))))
        return x * scale.reshape(*scale.shape, *[1] * (x.ndim - 2))


class Recurrent:
    """What our recurrent layers have in common: (N, C, P) -> (N, units, P), or twice the units of both directions."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2))[0].transpose(1, 2)

    def train(self, mode=True):
        # Evaluation is no different, but in it cuDNN gives no gradients, which attributions and layers before this one
        # ask for where this one is frozen.
        return super().train(True)


class LSTM(Recurrent, nn.LSTM):
    """A long short-term memory along positions.

    Each gate has one bias, as in the papers and in Keras; torch's second one, which is added to it, stays zero.
    """

    def __init__(self, channels, units, bidirectional):
        super().__init__(channels, units, batch_first=True, bidirectional=bidirectional)
        for name, parameter in self.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.zeros_(parameter.requires_grad_(False))


class GRU(Recurrent, nn.GRU):
    """Gated recurrent units along positions."""

    def __init__(self, channels, units, bidirectional):
        super().__init__(channels, units, batch_first=True, bidirectional=bidirectional)


class Attention(nn.Module):
    """Multi-head self-attention over positions (Vaswani et al. 2017): (N, C, P) -> (N, C, P).

    Products and softmax are written out: of torch's fused kernels, the backward pass on a GPU does not repeat itself.
    Memory grows with heads x P².

    Parameters
    ----------
    channels : int
        Split evenly among the heads.
    heads : int
    rate : float
        Of the dropout of attention weights.
    """

    def __init__(self, channels, heads, rate):
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(channels, 3 * channels)  # queries, keys, values
        self.out = nn.Linear(channels, channels)
        self.dropout = Dropout(rate)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        parts = self.projection(x.transpose(1, 2)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (N, heads, P, channels of a head)
        weights = (query @ key.transpose(2, 3) / math.sqrt(query.shape[3])).softmax(dim=3)
        mixed = self.dropout(weights) @ value
        return self.out(mixed.transpose(1, 2).flatten(2)).transpose(1, 2)


class PositionEncoding(nn.Module):
    """Adds sines and cosines of the position to the channels (Vaswani et al. 2017): (N, C, P) -> (N, C, P)."""

    def __init__(self, channels, positions):
        super().__init__()
        position = torch.arange(positions, dtype=torch.float64)
        pair = torch.arange(channels) // 2  # a sine and a cosine of the same wave
        angle = position / LONGEST_WAVE ** (2 * pair[:, None] / channels)
        encoding = torch.where(torch.arange(channels)[:, None] % 2 == 0, angle.sin(), angle.cos())
        # Not saved with the weights: it follows from the shape.
        self.register_buffer("encoding", encoding.float(), persistent=False)

    def forward(self, x):
        return x + self.encoding


def make_conv1d(spec, shape, shared):
    """A convolution from its settings; `shape` is (channels, positions) of what comes in."""
    stride, dilation, padding = spec.get("stride", 1), spec.get("dilation", 1), spec.get("padding", "valid")
    ends = (0, 0)
    if stride > 1:  # torch knows `same` padding without a stride only
        span = effective_width(spec)
        ends = ((span - 1) // 2, span // 2) if padding == "same" else ends
        margin = remainder(spec, shape[1]) // 2 if shared else 0
        ends, padding = (ends[0] - margin, ends[1] - margin), "valid"
    convolution = Conv1d(
        shape[0], spec["filters"], spec["width"], stride, dilation, padding, spec.get("bias", True), ends, shared
    )
    return convolution.requires_grad_(not spec.get("frozen", False))


def make_pool(pool, spec, shape, shared):
    """A pool along positions; where strands share filters, what no window covers is cut off evenly at both ends."""
    margin = remainder(spec, shape[1]) // 2 if shared else 0
    module = pool(spec["width"], spec.get("stride") or spec["width"])
    return Centred(module, margin) if margin else module


def make_shortcut(shape_in, shape_out, shared):
    """What brings the input of a residual to the channels of its output; None where they are the same."""
    before, after = shape_in[0], shape_out[0]
    if before == after:
        return None
    if len(shape_in) == 1:
        return nn.Linear(before, after)
    if len(shape_in) == 3:
        return nn.Conv2d(before, after, 1)
    return Conv1d(before, after // 2 if shared else after, 1, shared=shared)


def make_layer(spec, shape, shared=False):
    """Build one layer that is not made of others.

    Parameters
    ----------
    spec : dict
        `type` and its settings, as in models.yaml.
    shape : tuple of int
        Of what comes in, without the rows.
    shared : bool
        Whether that is the channels of both strands, and so is what goes out.

    Returns
    -------
    torch.nn.Module
    """
    kind, channels = spec["type"], shape[0]
    if kind == "conv1d":
        return make_conv1d(spec, shape, shared)
    if kind == "conv2d":
        return Conv2d(
            1 if len(shape) == 2 else channels,
            spec["filters"],
            (spec["height"], spec["width"]),
            padding=spec.get("padding", "valid"),
            bias=spec.get("bias", True),
        )
    if kind == "batch_norm":
        if len(shape) == 3:
            norm = nn.BatchNorm2d(channels)
        else:
            norm = BatchNorm1d(channels // 2 if shared else channels, shared)
        # Before an exponential, a scale below 1 keeps single outliers from setting the maximum of a filter.
        nn.init.constant_(norm.weight, spec.get("initial_scale", 1.0))
        return norm
    if kind in ("max_pool", "avg_pool"):
        return make_pool(nn.MaxPool1d if kind == "max_pool" else nn.AvgPool1d, spec, shape, shared)
    if kind in ("lstm", "gru"):
        return (LSTM if kind == "lstm" else GRU)(channels, spec["units"], spec.get("bidirectional", True))
    return {
        "layer_norm": lambda: LayerNorm(channels),
        "activation": lambda: Activation(spec["function"]),
        "max_pool2d": lambda: nn.MaxPool2d((spec["height"], spec["width"])),
        "attention_pool": lambda: AttentionPool(channels, spec["width"]),
        "global_max_pool": lambda: GlobalPool("max"),
        "global_avg_pool": lambda: GlobalPool("avg"),
        "global_attention_pool": lambda: AttentionPool(channels),
        "squeeze_excite": lambda: SqueezeExcite(channels, spec.get("ratio", 16)),
        "attention": lambda: Attention(channels, spec["heads"], spec.get("dropout", 0.0)),
        "position_encoding": lambda: PositionEncoding(*shape),
        "flatten": nn.Flatten,
        "dense": lambda: nn.Linear(channels, spec["units"], bias=spec.get("bias", True)),
        "dropout": lambda: Dropout(spec["rate"]),
    }[kind]()


def make_layers(layers, shapes, path="", shared=False):
    """Build a list of layers, those within residuals too.

    Parameters
    ----------
    layers : list of dict
        As in models.yaml.
    shapes : dict of str -> (tuple of int, tuple of int)
        Of what comes in and goes out, by the layer's name after its `path`, in order; `join_strands` among them where
        strands share filters.
    path : str
        Name of what holds the list, with a dot at its end; empty for the network itself.
    shared : bool
        Whether the list begins with the channels of both strands.

    Returns
    -------
    collections.OrderedDict of str -> torch.nn.Module
        By name. Modules are made in the order of the list, so that a seed gives the same initial weights.
    """
    modules, specs = OrderedDict(), iter(layers)
    within = [name.removeprefix(path) for name in shapes if name.startswith(path)]
    for name in (name for name in within if "." not in name):
        before, after = shapes[path + name]
        if name == "join_strands":
            modules[name], shared = JoinStrands(), False
            continue
        spec = next(specs)
        if spec["type"] == "residual":
            shortcut = make_shortcut(before, after, shared)
            inner = make_layers(spec["layers"], shapes, f"{path}{name}.layers.", shared)
            modules[name] = Residual(nn.Sequential(inner), shortcut)
        else:
            modules[name] = make_layer(spec, before, shared)
    return modules


def own_filters(module):
    """A layer of the channels of both strands as one of its own filters alone; with the same parameters, not copies."""
    if not getattr(module, "shared", False):
        return module
    single = copy.copy(module)
    single.shared = False
    return single


def set_dropout_generator(model, generator):
    """Have all dropout of a network draw from one generator, of the network's device; None stands for torch's own."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
