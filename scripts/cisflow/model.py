"""From a network's description to a torch module, and to a file and back.

A network reads one-hot sequences (N, 4, L), alphabet A C G T, or signal tracks (N, C, bins), or both, and returns
logits (N, targets). The output layer, one unit a target, is added by the builder.
"""

import itertools

import torch
from torch import nn

from cisflow.layers import layer_names as names_of_list
from cisflow.layers import network_table
from cisflow.messages import InputError
from cisflow.motif_filters import initialise_from_file
from cisflow.torch_layers import Activation, make_layers, own_filters

STRAND_AXES = {"sequence": (1, 2), "tracks": (2,)}  # that are reversed on the other strand
ROWS_AT_ONCE = 4096  # of tracks, for their mean
SMALLEST_SPREAD = 1e-6  # of a track, as a share of its mean; less is rounding, and the track tells nothing


class Network(nn.Module):
    """Layers one after the other; where there are branches, these first, each over its own input.

    The layers are submodules by their names, those of a branch within `sequence` or `tracks`; `output` is the last.

    Parameters
    ----------
    branches : dict of str -> collections.OrderedDict of str -> torch.nn.Module
        Layers of `sequence` and `tracks`, whose features are concatenated; empty without branches.
    layers : collections.OrderedDict of str -> torch.nn.Module
        The output layer among them.
    reads : sequence of str
        `sequence`, `tracks` or both.
    averaged : bool
        Whether the logits are the mean over both strands.
    n_tracks : int
        0 if it reads none.

    Attributes
    ----------
    branches, layers : tuple of str
        Names of the submodules, in the order in which they are computed.
    reads : tuple of str
    averaged : bool
    """

    def __init__(self, branches, layers, reads, averaged=False, n_tracks=0):
        super().__init__()
        self.branches, self.layers, self.reads, self.averaged = tuple(branches), tuple(layers), tuple(reads), averaged
        if n_tracks:
            self.register_buffer("track_mean", torch.zeros(n_tracks))
            self.register_buffer("track_sd", torch.ones(n_tracks))
        for name, modules in branches.items():
            self.add_module(name, nn.Sequential(modules))
        for name, module in layers.items():
            self.add_module(name, module)

    def forward(self, sequence, tracks=None):
        """Logits of sequences and tracks (NaN = no data); what is not read may be None."""
        given = {"sequence": sequence, "tracks": tracks}
        inputs = {name: given[name] for name in self.reads}
        if "tracks" in inputs:
            # Standardised by the training split; what is missing lies at the mean.
            tracks = (tracks - self.track_mean[:, None]) / self.track_sd[:, None]
            inputs["tracks"] = torch.where(torch.isnan(tracks), 0.0, tracks)
        if self.averaged:  # in one pass, so that batch norm sees both strands alike
            inputs = {name: torch.cat([x, x.flip(STRAND_AXES[name])]) for name, x in inputs.items()}
        if self.branches:
            x = torch.cat([self._modules[name](inputs[name]) for name in self.branches], dim=1)
        else:
            (x,) = inputs.values()
        for name in self.layers:
            x = self._modules[name](x)
        return sum(x.chunk(2)) / 2 if self.averaged else x


def size_of(inputs):
    """What a network reads, in words."""
    parts = {"sequence": "sequences of {1} bp", "tracks": "{0} track(s) of {1} bins"}
    return " and ".join(text.format(*inputs[name]) for name, text in parts.items() if name in inputs)


def build_network(network, inputs, n_targets, motifs=None):
    """Build a network.

    Parameters
    ----------
    network : dict
        `layers`, and `input`, `branches` and `strands` where they are not the default, as in models.yaml.
    inputs : dict of str -> (int, int)
        `sequence` (4, bases) and `tracks` (tracks, bins), as far as they exist.
    n_targets : int
        Units of the output layer.
    motifs : dict of str -> str or Path, optional
        MEME file by the name of the layer that begins as motifs; see `cisflow.motif_filters`. Without it, that layer
        begins at random too: for a network whose weights come from elsewhere.

    Returns
    -------
    Network
        Maps sequences (N, 4, L) and tracks (N, C, bins) to logits (N, n_targets). Torch's seed decides the weights.

    Raises
    ------
    InputError
        With the number of the layer and the shapes around it, or what is wrong with the motifs.
    """
    try:
        table = network_table(network, inputs, n_targets)
    except ValueError as error:
        raise InputError(
            f"the network does not fit {size_of(inputs)}",
            str(error),
            "mend its entry in models.yaml, or change windows.length",
        ) from error
    shapes = {row["name"]: (row["shape_in"], row["shape_out"]) for row in table}
    (features,), (units,) = shapes.pop("output")
    lists, strands = network.get("branches", {}), network.get("strands", "single")
    branches = {name: make_layers(lists[name], shapes, f"{name}.") for name in STRAND_AXES if name in lists}
    layers = make_layers(network["layers"], shapes, shared=strands == "shared")
    layers["output"] = nn.Linear(features, units)
    reads = tuple(branches) or (network.get("input", "sequence"),)
    n_tracks = inputs["tracks"][0] if "tracks" in reads else 0
    model = Network(branches, layers, reads, strands == "averaged", n_tracks)
    for name, path in (motifs or {}).items():
        initialise_from_file(module_of(model, name), path, f"layer {name}")
    return model


def layer_names(network):
    """Names of all layers of a network, as its weights have them: `conv1d_1`, `residual_1.layers.conv1d_1`, ...

    Parameters
    ----------
    network : dict
        See `build_network`.

    Returns
    -------
    list of str
        In the order of the lists, those of branches first; a residual stands before its layers; `output` is the last.
    """

    def below(layers, path):
        for name, spec in zip(names_of_list(layers), layers, strict=True):
            yield path + name
            yield from below(spec.get("layers", []), f"{path}{name}.layers.")

    branches = network.get("branches", {})
    found = [name for branch in STRAND_AXES if branch in branches for name in below(branches[branch], f"{branch}.")]
    return [*found, *below(network["layers"], ""), "output"]


def module_of(model, name):
    """The module of a layer by its name, see `layer_names`.

    Raises
    ------
    InputError
        If there is none of this name; with those that there are.
    """
    try:
        return model.get_submodule(name)
    except AttributeError:
        known = [path for path, module in model.named_modules() if path and not path.endswith(".layers")]
        raise InputError(
            f"the network has no layer {name}",
            f"it has {', '.join(known)}",
            "give one of these; unless a layer has a `name`, it is its type and its number among those of its type",
        ) from None


def count_parameters(model):
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def sequence_layers(model):
    """The modules that follow one another from the sequence on; none if the network does not read it."""
    if "sequence" not in model.reads:
        return []
    return list(model.sequence) if model.branches else [model.get_submodule(name) for name in model.layers]


def first_convolution(model):
    """The convolution whose filters read the sequence itself.

    Raises
    ------
    InputError
        If the first layer is no convolution.
    """
    layers = sequence_layers(model)
    if not layers or not isinstance(layers[0], nn.Conv1d):
        found = f"its first layer is {type(layers[0]).__name__}" if layers else "it reads no sequence"
        raise InputError(
            "the model has no first-layer filters",
            f"{found}, expected conv1d",
            "put a conv1d first, or leave this model out of train.models",
        )
    return layers[0]


def first_layer(model):
    """The part of a network whose output are the activations of its first-layer filters.

    Parameters
    ----------
    model : Network

    Returns
    -------
    torch.nn.Sequential
        The convolution with the batch norm and activation that follow it, with the network's own parameters. Where
        strands share filters, each filter is there once, not its reverse complement.

    Raises
    ------
    InputError
        If the first layer that reads the sequence is no convolution.
    """
    first_convolution(model)
    convolution, *following = sequence_layers(model)
    along = itertools.takewhile(lambda module: isinstance(module, nn.BatchNorm1d | Activation), following)
    return nn.Sequential(*map(own_filters, [convolution, *along]))


@torch.no_grad()
def fit_tracks(model, tracks):
    """Give a network the mean and spread of each track, by which it standardises what it reads.

    Parameters
    ----------
    model : Network
        One that reads tracks.
    tracks : array_like of float32, shape (N, C, bins), or cisflow.batches.ResidentSplit or StreamedSplit
        Of the training split; NaN = no data. A track without data gets the mean 0, one that does not vary the spread 1.
    """
    if hasattr(tracks, "blocks"):
        parts = (block.tracks for block in tracks.blocks(ROWS_AT_ONCE))
    else:
        parts = (tracks[begin : begin + ROWS_AT_ONCE] for begin in range(0, len(tracks), ROWS_AT_ONCE))
    number, mean, squares = (torch.zeros_like(model.track_mean, dtype=torch.float64) for _ in range(3))
    for part in parts:  # merged as by Chan et al. 1983: one reading, and no small difference of large sums
        part = torch.as_tensor(part, device=mean.device).double()
        n_part = (~torch.isnan(part)).sum(dim=(0, 2))
        mean_part = torch.nansum(part, dim=(0, 2)) / n_part.clamp(min=1)
        total, shift = (number + n_part).clamp(min=1), mean_part - mean
        squares += torch.nansum((part - mean_part[:, None]) ** 2, dim=(0, 2)) + shift**2 * number * n_part / total
        mean += shift * n_part / total
        number += n_part
    spread = (squares / number.clamp(min=1)).sqrt()
    model.track_mean.copy_(mean)
    model.track_sd.copy_(torch.where(spread > SMALLEST_SPREAD * mean.abs(), spread, 1.0))


def save_model(path, model, record):
    """Write a network with what is needed to use it again; it loads with `weights_only=True`.

    Parameters
    ----------
    path : str or Path
    model : Network
    record : dict
        Plain values: `network` and `inputs` (see `build_network`), `target_names`, `loss`, `chromosomes` of each split,
        `genome`, ...
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
    model : Network
        In evaluation mode, on the device.
    record : dict
        What was written beside the weights.

    Raises
    ------
    InputError
        If the file is none that `save_model` wrote.
    """
    try:
        record = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever torch stumbles over in a file that it did not write
        # What torch says goes on with advice on other ways to read the file, none of which helps here.
        raise not_a_model(path, f"torch cannot read it ({type(error).__name__})") from error
    lacks = sorted({"weights", "network", "inputs", "target_names"} - set(record if isinstance(record, dict) else ()))
    if lacks:
        raise not_a_model(path, f"it holds no {', '.join(lacks)}")
    model = build_network(record["network"], record["inputs"], len(record["target_names"]))
    model.load_state_dict(record.pop("weights"))
    return model.to(device).eval(), record


def not_a_model(path, why):
    """The InputError for a file that is no network."""
    return InputError(f"{path} is no network that this version wrote", why, "train it again, or name another model.pt")
