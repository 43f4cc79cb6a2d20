"""From a list of layers to a torch module.

Tensors are (N, 4, L) one-hot sequences, alphabet A C G T. The output layer, one unit a target, is added by the builder;
the network returns logits (N, T).
"""

import torch
from torch import nn

from cisflow.layers import layer_shapes
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


def make_layer(spec, shape):
    """Build one layer.

    Parameters
    ----------
    spec : dict
        `type` and its settings, as in models.yaml.
    shape : tuple of int
        (channels, positions) or (features,) of what comes in.

    Returns
    -------
    torch.nn.Module
    """
    kind = spec["type"]
    if kind == "conv1d":
        padding = spec.get("padding", "valid")
        return nn.Conv1d(shape[0], spec["filters"], spec["width"], padding=padding)
    if kind == "batch_norm":
        norm = nn.BatchNorm1d(shape[0])
        # Before an exponential, a scale below 1 keeps single outliers from setting the maximum of a filter.
        nn.init.constant_(norm.weight, spec.get("initial_scale", 1.0))
        return norm
    if kind == "activation":
        return Activation(spec["function"])
    if kind == "max_pool":
        return nn.MaxPool1d(spec["width"])
    if kind == "global_max_pool":
        return GlobalMaxPool()
    if kind == "flatten":
        return nn.Flatten()
    if kind == "dense":
        return nn.Linear(shape[0], spec["units"])
    return nn.Dropout(spec["rate"])


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
    try:
        shapes = layer_shapes(layers, length)
    except ValueError as error:
        raise InputError(
            f"the model does not fit windows of {length} bp",
            str(error),
            "mend the list of layers in models.yaml, or change windows.length",
        ) from error
    modules = [make_layer(spec, shape) for spec, shape in zip(layers, shapes[:-1], strict=True)]
    return nn.Sequential(*modules, nn.Linear(shapes[-1][0], n_targets))


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
