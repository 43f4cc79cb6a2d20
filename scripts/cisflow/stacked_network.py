"""Many small networks of one architecture trained as one, each with its own data, weights and random numbers.

A small network leaves a GPU, and mostly a CPU too, waiting for the next call; here one call serves all networks.
Nothing passes from one to another: each becomes what it would become by itself, within rounding.

Activations are (M, channels, positions, N), then (M, features, N), for M networks and N rows each. With the rows
innermost, the columns of a convolution are copied in long stretches, a pool compares stretches, and `flatten` copies
nothing.
"""

import copy

import torch
from torch import nn
from torch.autograd import Function
from torch.nn import functional

from cisflow.alphabet import ALPHABET
from cisflow.best_window import RISING, Norm, first_pool, split_first
from cisflow.losses import mean_over_known, row_losses
from cisflow.torch_layers import FUNCTIONS, Activation, Dropout, GlobalPool, dropout_masks

STACKED = {
    *("conv1d", "batch_norm", "activation", "max_pool", "avg_pool", "global_max_pool", "global_avg_pool"),
    *("flatten", "dense", "dropout"),
}
# Numbers that a convolution copies at once: on a CPU what stays in the cache.
COLUMNS_AT_ONCE = {"cpu": 2**19}


def can_be_stacked(network):
    """Whether networks of this architecture can be trained as one.

    Parameters
    ----------
    network : dict
        As in models.yaml: `layers`, `input`, `branches`, `strands`.

    Returns
    -------
    bool
    """
    if network.get("branches") or network.get("input", "sequence") != "sequence":
        return False
    if network.get("strands", "single") != "single":
        return False

    def is_plain(spec):
        if spec["type"] != "conv1d":
            return spec["type"] in STACKED
        is_own = spec.get("motifs") or spec.get("frozen")
        return spec.get("stride", 1) == 1 and spec.get("dilation", 1) == 1 and not is_own

    return all(is_plain(spec) for spec in network["layers"])


def stacked_loss(name, logits, targets, positive_weight=None, target_weights=None):
    """Mean loss of each network over its known targets; see `cisflow.losses`.

    The gradients of the sum over networks are those of each by itself.

    Parameters
    ----------
    name : str
        `bce`, `mse` or `poisson`.
    logits, targets : torch.Tensor of float32, shape (M, N, T)
        NaN = unknown, left out.
    positive_weight : torch.Tensor, shape (M, T), optional
        Of `bce`: weight of a positive against a negative.
    target_weights : torch.Tensor, shape (T,) or (M, T), optional

    Returns
    -------
    torch.Tensor, shape (M,)
    """
    known = ~torch.isnan(targets)
    weight = None if positive_weight is None else positive_weight[:, None]
    losses = row_losses(name, logits, torch.where(known, targets, 0.0), weight)
    return mean_over_known(losses, known, target_weights)


class Convolution(Function):
    """Convolutions of M networks: x (M, C, L, N) and weight (M, F, C x width [+ 1]) -> (M, F, L - width + 1, N).

    The last column of the weights, if there is one more, is the bias. The columns of x are copied for a few networks at
    a time, and once more for the gradient: that costs less than to fetch them from memory.
    """

    @staticmethod
    def columns(x, width, has_bias):
        """Parts of the networks, and the columns of x for them; the next ones take the same memory."""
        m, c, length, n = x.shape
        positions = length - width + 1
        numbers = (c * width + has_bias) * positions * n
        at_once = min(max(COLUMNS_AT_ONCE.get(x.device.type, 2**28) // numbers, 1), m)
        buffer = x.new_empty(at_once, c * width + has_bias, positions * n)
        if has_bias:
            buffer[:, -1] = 1
        windows = x.as_strided((m, c, width, positions, n), (c * length * n, length * n, n, n, 1), x.storage_offset())
        for start in range(0, m, at_once):
            part = slice(start, min(start + at_once, m))
            columns = buffer[: part.stop - start]
            columns[:, : c * width].unflatten(1, (c, width)).unflatten(3, (positions, n)).copy_(windows[part])
            yield part, columns

    @staticmethod
    def forward(ctx, x, weight, width, has_bias):
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.width, ctx.has_bias = width, has_bias
        m, _, length, n = x.shape
        out = x.new_empty(m, weight.shape[1], (length - width + 1) * n)
        for part, columns in Convolution.columns(x, width, has_bias):
            torch.bmm(weight[part], columns, out=out[part])
        return out.unflatten(2, (length - width + 1, n))

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        width, (m, c, length, n) = ctx.width, x.shape
        gradient = gradient.reshape(m, weight.shape[1], -1)
        of_weight, of_x = torch.empty_like(weight), None
        if ctx.needs_input_grad[0]:
            of_x, positions = x.new_zeros(x.shape), length - width + 1
        for part, columns in Convolution.columns(x, width, ctx.has_bias):
            torch.bmm(gradient[part], columns.transpose(1, 2), out=of_weight[part])
            if of_x is not None:
                of_columns = torch.bmm(weight[part, :, : c * width].transpose(1, 2), gradient[part])
                of_columns = of_columns.unflatten(1, (c, width)).unflatten(3, (positions, n))
                for offset in range(width):
                    of_x[part, :, offset : offset + positions] += of_columns[:, :, offset]
        return of_x, of_weight, None, None


class MaxPool(Function):
    """The largest of every `width` positions: x (M, C, L, N) -> (M, C, L // width, N).

    Where several are equal, each gets its share of the gradient. That is the gradient of the first of them wherever
    equal numbers come from equal bases, or from a function that is flat there.
    """

    @staticmethod
    def windows(x, width):
        n_windows = x.shape[2] // width
        return x[:, :, : n_windows * width].unflatten(2, (n_windows, width))

    @staticmethod
    def forward(ctx, x, width):
        largest = MaxPool.windows(x, width).amax(3)
        ctx.save_for_backward(x, largest)
        ctx.width = width
        return largest

    @staticmethod
    def backward(ctx, gradient):
        x, largest = ctx.saved_tensors
        of_x = torch.empty_like(x)
        of_x[:, :, largest.shape[2] * ctx.width :] = 0
        share = MaxPool.windows(of_x, ctx.width)
        torch.eq(MaxPool.windows(x, ctx.width), largest.unsqueeze(3), out=share)
        share *= (gradient / share.sum(3)).unsqueeze(3)
        return of_x, None


class StackedNetwork:
    """Networks of one architecture that are trained as one.

    Parameters
    ----------
    models : list of cisflow.model.Network
        M of one architecture, for which `can_be_stacked` holds, on one device. They are copied from, not changed.
    generators : list of torch.Generator, optional
        Of that device: where each network draws its dropout, as the single network would. Without them, all draw from
        torch's own.
    quick : bool
        Whether the first layers may go by `cisflow.best_window`, on a CPU and in single precision.

    Raises
    ------
    ValueError
        If the networks differ in more than their weights.

    Attributes
    ----------
    flat : torch.Tensor, shape (M, P)
        The trained parameters, a network a row, in the order of `Module.parameters`; its gradient is that of them all.
    slices : dict of str -> (slice, torch.Size)
        Where in a row a parameter of the network lies, and its shape.
    training : bool
        Whether dropout acts and batch norm takes the statistics of the batch.
    """

    def __init__(self, models, generators=None, quick=True):
        first = models[0]
        if any(str(model) != str(first) for model in models):
            raise ValueError("the networks are not of one architecture")
        self.layers = list(first.named_children())
        self.slices, at = {}, 0
        for name, parameter in first.named_parameters():
            self.slices[name] = slice(at, at + parameter.numel()), parameter.shape
            at += parameter.numel()
        with torch.no_grad():
            rows = [torch.cat([parameter.flatten() for parameter in model.parameters()]) for model in models]
        self.flat = torch.stack(rows).requires_grad_()
        self.buffers = {
            name: torch.stack([model.get_buffer(name) for model in models]) for name, _ in first.named_buffers()
        }
        self.state_names = list(first.state_dict())
        self.generators = list(generators) if generators else [None] * len(models)
        self.quick = quick and self.flat.device.type == "cpu" and self.flat.dtype == torch.float32
        self.training = True
        for before in range(len(self.layers) - 1):
            (_, function), (_, pool) = self.layers[before : before + 2]
            is_max = isinstance(pool, nn.MaxPool1d) or (isinstance(pool, GlobalPool) and pool.kind == "max")
            if is_max and isinstance(function, Activation) and function.function in RISING:
                # The same numbers with fewer calls of the function.
                self.layers[before : before + 2] = reversed(self.layers[before : before + 2])

    def __len__(self):
        return len(self.flat)

    def train(self, mode=True):
        """Switch dropout and the batch's own statistics on or off; returns the networks."""
        self.training = mode
        return self

    def eval(self):
        """As `train(False)`."""
        return self.train(False)

    def __call__(self, codes):
        """Logits of all networks.

        Parameters
        ----------
        codes : torch.Tensor of uint8, shape (M, N, L)
            Bases of each network's rows: 0 to 3 are A C G T, 4 is unknown.

        Returns
        -------
        torch.Tensor, shape (M, N, T)
        """
        parts = self.flat.split([part.stop - part.start for part, _ in self.slices.values()], dim=1)
        shaped = zip(self.slices.items(), parts, strict=True)
        parameters = {name: part.unflatten(1, shape) for (name, (_, shape)), part in shaped}
        first, others = split_first(self.layers) if self.quick else (None, self.layers)
        name, module = others[0]
        if first is not None:
            x = self.first_pool(codes, *first, parameters)
        elif isinstance(module, nn.Conv1d):
            x = self.one_hot(codes, *self.ends(module))
            x = self.convolved(x, parameters[f"{name}.weight"], parameters.get(f"{name}.bias"))
            others = others[1:]
        else:
            x = self.one_hot(codes, 0, 0)
        for name, module in others:
            x = self.applied(name, module, x, parameters)
        return x.transpose(1, 2)

    def first_pool(self, codes, convolution, norm, pool, parameters):
        """What the first layers up to the first pool give, by `cisflow.best_window`."""
        name, module = convolution
        of_norm = None
        if norm is not None:
            numbers = [parameters[f"{norm[0]}.{kind}"] for kind in ("weight", "bias")]
            running = [self.buffers[f"{norm[0]}.running_{kind}"] for kind in ("mean", "var")]
            of_norm = Norm(*numbers, *running, norm[1].momentum, norm[1].eps, self.training)
            self.buffers[f"{norm[0]}.num_batches_tracked"] += self.training
        width = getattr(pool[1], "kernel_size", None)
        weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
        x = first_pool(codes, weight, bias, of_norm, width, module.padding == "same").permute(0, 3, 2, 1).contiguous()
        return x.squeeze(2) if width is None else x

    def one_hot(self, codes, left, right):
        """Codes (M, N, L) -> one-hot (M, 4, left + L + right, N), zeros at both ends."""
        m, n, length = codes.shape
        x = self.flat.new_empty(m, len(ALPHABET), left + length + right, n)
        x[:, :, :left] = 0
        x[:, :, left + length :] = 0
        letters = torch.arange(len(ALPHABET), dtype=x.dtype, device=x.device)[:, None, None]
        turned = codes.transpose(1, 2).to(x.dtype, memory_format=torch.contiguous_format)
        torch.eq(turned.unsqueeze(1), letters, out=x[:, :, left : left + length])
        return x

    @staticmethod
    def ends(module):
        """Zeros that a convolution adds at the left and at the right, as torch does: the odd one at the right."""
        more = module.kernel_size[0] - 1 if module.padding == "same" else 0
        return more // 2, more - more // 2

    @staticmethod
    def convolved(x, weight, bias):
        width, weight = weight.shape[3], weight.flatten(2)
        if bias is not None:
            weight = torch.cat([weight, bias.unsqueeze(2)], dim=2)
        return Convolution.apply(x, weight, width, bias is not None)

    def applied(self, name, module, x, parameters):
        """What a layer of all networks gives."""
        weight, bias = parameters.get(f"{name}.weight"), parameters.get(f"{name}.bias")
        if isinstance(module, nn.Conv1d):
            ends = self.ends(module)
            return self.convolved(functional.pad(x, (0, 0, *ends)) if any(ends) else x, weight, bias)
        if isinstance(module, nn.BatchNorm1d):
            return self.normalised(name, module, x, weight, bias)
        if isinstance(module, Activation):
            return FUNCTIONS[module.function](x)
        if isinstance(module, Dropout):
            return self.dropped(x, module.rate)
        if isinstance(module, nn.MaxPool1d):
            if module.stride == module.kernel_size:
                return MaxPool.apply(x, module.kernel_size)
            return functional.max_pool2d(x, (module.kernel_size, 1), (module.stride, 1))
        if isinstance(module, nn.AvgPool1d):
            return functional.avg_pool2d(x, (*module.kernel_size, 1), (*module.stride, 1))
        if isinstance(module, GlobalPool):
            return MaxPool.apply(x, x.shape[2]).squeeze(2) if module.kind == "max" else x.mean(2)
        if isinstance(module, nn.Flatten):
            return x.flatten(1, -2)
        if not isinstance(module, nn.Linear):
            raise ValueError(f"layer {name} ({type(module).__name__}) cannot be stacked")
        if bias is None:
            return torch.bmm(weight, x)
        return torch.baddbmm(bias.unsqueeze(2), weight, x)

    def normalised(self, name, module, x, weight, bias):
        """Batch norm, each channel of each network by itself."""
        if self.training:
            self.buffers[f"{name}.num_batches_tracked"] += 1
        mean, variance = (self.buffers[f"{name}.running_{kind}"].view(-1) for kind in ("mean", "var"))
        channels = x.reshape(1, x.shape[0] * x.shape[1], -1)
        weight, bias = weight.reshape(-1), bias.reshape(-1)
        y = functional.batch_norm(channels, mean, variance, weight, bias, self.training, module.momentum, module.eps)
        return y.view(x.shape)

    def dropped(self, x, rate):
        """Dropout with the masks that the single networks would draw."""
        if not self.training or rate == 0:
            return x
        masks = dropout_masks(self.generators, (x.shape[-1], *x.shape[1:-1]), rate, x)
        return x * masks.movedim(1, -1).contiguous()

    def keep(self, indices):
        """Go on with some of the networks alone.

        Parameters
        ----------
        indices : list of int
        """
        index = torch.tensor(indices, device=self.flat.device)
        self.flat = self.flat.detach()[index].requires_grad_()
        self.buffers = {name: buffer[index] for name, buffer in self.buffers.items()}
        self.generators = [self.generators[number] for number in indices]

    def part(self, indices):
        """Some of the networks, copied, for evaluation.

        Parameters
        ----------
        indices : list of int

        Returns
        -------
        StackedNetwork
        """
        other = copy.copy(self)
        other.keep(indices)
        return other.eval()

    def state(self):
        """Parameters and buffers of all networks, not copied: `flat` (M, P), and each buffer by its name (M, ...)."""
        return {"flat": self.flat.detach(), **self.buffers}

    def load(self, state):
        """Take up what `state` gave for as many networks."""
        for name, values in self.state().items():
            values.copy_(state[name])

    def state_of(self, number, state=None):
        """State of one network, as its `state_dict`, copied.

        Parameters
        ----------
        number : int
        state : dict of str -> torch.Tensor, optional
            As `state` gave it, of these or of other networks of the same architecture; left out, that of now.

        Returns
        -------
        dict of str -> torch.Tensor
        """
        state, one = state or self.state(), {}
        for name in self.state_names:
            if name in self.slices:
                part, shape = self.slices[name]
                one[name] = state["flat"][number, part].view(shape).clone()
            else:
                one[name] = state[name][number].clone()
        return one

    @torch.no_grad()
    def load_state(self, number, state):
        """Put the state of a single network in the place of one of these.

        Parameters
        ----------
        number : int
        state : dict of str -> torch.Tensor
            As its `state_dict`.
        """
        for name in self.state_names:
            if name in self.slices:
                self.flat[number, self.slices[name][0]] = state[name].to(self.flat).flatten()
            else:
                self.buffers[name][number] = state[name].to(self.flat.device)
