"""From a list of layers to a torch module.

Tensors are (N, 4, L) one-hot sequences, alphabet A C G T. The output layer, one unit a target, is added by the builder;
the network returns logits (N, T).
"""

import torch
from torch import nn

from cisflow.messages import InputError

FUNCTIONS = {"relu": torch.relu, "exp": torch.exp}


class Activation(nn.Module):
    """An elementwise function by name: `relu` or `exp`."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return FUNCTIONS[self.function](x)

    def extra_repr(self):
        return self.function


class GlobalMaxPool(nn.Module):
    """The largest value of each channel: (N, C, L) -> (N, C)."""

    def forward(self, x):
        return x.amax(dim=2)


def one_layer(spec, shape):
    """Build one layer.

    Parameters
    ----------
    spec : dict
        `type` and its settings, as in models.yaml.
    shape : tuple of int
        (channels, length) or (features,) of what comes in.

    Returns
    -------
    module : torch.nn.Module
    shape : tuple of int
        Of what goes out.

    Raises
    ------
    ValueError
        If the layer cannot follow what stands before it.
    """
    kind = spec["type"]
    if kind in ("conv1d", "max_pool", "global_max_pool") and len(shape) != 2:
        raise ValueError(f"{kind} needs channels and positions, but what comes in is flat ({shape[0]} features)")
    if kind == "dense" and len(shape) == 2:
        raise ValueError("dense needs flat features: put `flatten` or `global_max_pool` before it")
    if kind == "conv1d":
        width, same = spec["width"], spec.get("padding", "valid") == "same"
        length = shape[1] if same else shape[1] - width + 1
        if length < 1:
            raise ValueError(f"a filter of width {width} does not fit into {shape[1]} positions")
        return nn.Conv1d(shape[0], spec["filters"], width, padding="same" if same else 0), (spec["filters"], length)
    if kind == "batch_norm":
        norm = nn.BatchNorm1d(shape[0])
        # Before an exponential, a scale below 1 keeps single outliers from setting the maximum of a filter.
        nn.init.constant_(norm.weight, spec.get("initial_scale", 1.0))
        return norm, shape
    if kind == "activation":
        return Activation(spec["function"]), shape
    if kind == "max_pool":
        length = shape[1] // spec["width"]
        if length < 1:
            raise ValueError(f"a pool of width {spec['width']} is wider than the {shape[1]} positions that come in")
        return nn.MaxPool1d(spec["width"]), (shape[0], length)
    if kind == "global_max_pool":
        return GlobalMaxPool(), (shape[0],)
    if kind == "flatten":
        return nn.Flatten(), ((shape[0] * shape[1],) if len(shape) == 2 else shape)
    if kind == "dense":
        return nn.Linear(shape[0], spec["units"]), (spec["units"],)
    if kind == "dropout":
        return nn.Dropout(spec["rate"]), shape
    raise ValueError(f"there is no layer type {kind!r}")


def build_model(layers, length, n_targets):
    """Build a network from its list of layers.

    Parameters
    ----------
    layers : list of dict
        As in models.yaml.
    length : int
        Length of the input in bases.
    n_targets : int
        Units of the output layer.

    Returns
    -------
    torch.nn.Sequential
        Maps (N, 4, length) to logits (N, n_targets).

    Raises
    ------
    InputError
        With the number of the layer and the shapes around it.
    """
    shape, modules = (4, length), []
    for number, spec in enumerate(layers, start=1):
        try:
            module, following = one_layer(spec, shape)
        except ValueError as error:
            raise InputError(
                f"layer {number} ({spec['type']}) of the model cannot be built",
                f"{error}; it receives {shape} from layer {number - 1}",
                "mend the list of layers in models.yaml, or change windows.length",
            ) from error
        modules.append(module)
        shape = following
    if len(shape) != 1:
        raise InputError(
            "the model does not end flat",
            f"its last layer ({layers[-1]['type']}) gives {shape}, channels and positions",
            "add `flatten` or `global_max_pool` to the list of layers",
        )
    modules.append(nn.Linear(shape[0], n_targets))
    return nn.Sequential(*modules)


def count_parameters(model):
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def first_layer(model):
    """The part of a network whose output are the activations of its first-layer filters.

    Parameters
    ----------
    model : torch.nn.Sequential
        A network whose first layer is a convolution.

    Returns
    -------
    torch.nn.Sequential
        The convolution with the batch norm and activation that follow it.

    Raises
    ------
    InputError
        If the first layer is no convolution.
    """
    modules = list(model)
    if not isinstance(modules[0], nn.Conv1d):
        raise InputError(
            "the model has no first-layer filters",
            f"its first layer is {type(modules[0]).__name__}, expected conv1d",
            "put a conv1d first, or leave this model out of train.models",
        )
    end = 1
    while end < len(modules) and isinstance(modules[end], nn.BatchNorm1d | Activation):
        end += 1
    return nn.Sequential(*modules[:end])


def save_model(path, model, record):
    """Write a network with what is needed to use it again; it loads with `weights_only=True`.

    Parameters
    ----------
    path : str or Path
    model : torch.nn.Sequential
    record : dict
        Plain values: `layers`, `length`, `target_names`, `chromosomes` of each split, `genome`, ...
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    torch.save({"weights": weights, **record}, path)


def load_model(path, device):
    """Read a network written by `save_model`, ready to predict.

    Parameters
    ----------
    path : str or Path
    device : torch.device or str

    Returns
    -------
    model : torch.nn.Sequential
        In evaluation mode, on the device.
    record : dict
        What was written beside the weights.
    """
    record = torch.load(path, map_location="cpu", weights_only=True)
    model = build_model(record["layers"], record["length"], len(record["target_names"]))
    model.load_state_dict(record.pop("weights"))
    return model.to(device).eval(), record
