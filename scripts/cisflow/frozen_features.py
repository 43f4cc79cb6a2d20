"""Features of sequences: what a layer of a frozen network gives for them.

The network is one of ours, read at any layer, or one from outside, read at its end. Nothing of it is trained.
"""

from typing import NamedTuple

import torch

from cisflow.checksums import sha256_of
from cisflow.messages import InputError
from cisflow.model import layer_names, load_model
from cisflow.outside_networks import check_network, load_function, load_torchscript, output_of, weights_digest
from cisflow.parents import record_of_parent
from cisflow.prediction import INPUTS, inputs_of_split
from cisflow.sequences import reverse_complement
from cisflow.split_file import ROWS_AT_ONCE, read_blocks

BATCH_SIZE = 256  # networks from outside can be large
BEFORE_OUTPUT = "before output"  # the default layer: what the output layer is given


class FrozenNetwork(NamedTuple):
    """A network as features are read from it."""

    read: object  # callable: sequences (N, 4, L) or None, tracks (N, C, B) or None -> (N or 2N, D) or (N or 2N, C, ...)
    inputs: dict  # sizes of what it reads, `sequence` and `tracks`
    provenance: dict  # which network, layer, and what is known of it


def layer_reader(model, layer):
    """A function that runs a network of ours and gives what one of its layers gives.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    layer : str
        Name of a module, or `BEFORE_OUTPUT`.

    Returns
    -------
    callable
        `read(sequence, tracks)`; a network that averages both strands gives twice as many rows, those of the other
        strand after those as given.
    """
    caught = []
    if layer == BEFORE_OUTPUT:
        model.output.register_forward_pre_hook(lambda module, given: caught.append(given[0]))
    else:
        model.get_submodule(layer).register_forward_hook(lambda module, given, output: caught.append(output))

    def read(sequence, tracks):
        caught.clear()
        model(sequence, tracks)
        return caught[0]

    return read


def load_frozen_model(path, layer, device):
    """A model of ours, to be read at one of its layers.

    Parameters
    ----------
    path : str or Path
        A model.pt.
    layer : str or None
        As in the table of its layers; None for the last before the output.
    device : torch.device

    Returns
    -------
    FrozenNetwork

    Raises
    ------
    InputError
        If the file is no such model, or it has no such layer.
    """
    model, record = load_model(path, device)
    names = layer_names(record["network"])
    if layer is not None and layer not in names:
        raise InputError(
            f"{path} has no layer {layer!r}",
            f"expected one of {', '.join(names)}",
            "mend `features.layer`, or leave it out: then the last layer before the output is read",
        )
    model.requires_grad_(False)
    provenance = {
        "parent_sha256": sha256_of(path),
        "parent_record": record_of_parent(record),
        "layer": layer or BEFORE_OUTPUT,
    }
    return FrozenNetwork(layer_reader(model, layer or BEFORE_OUTPUT), dict(record["inputs"]), provenance)


def load_outside_network(features, path, length, device):
    """A network from outside, checked and ready to be read.

    Parameters
    ----------
    features : dict
        With the key `function`, or else `torchscript`; without `layer`.
    path : str or None
        The TorchScript file.
    length : int
        Of the windows in bases.
    device : torch.device

    Returns
    -------
    FrozenNetwork
    """
    name = features.get("function") or str(path)
    if features.get("layer") is not None:
        raise InputError(
            f"{name} has no layers that can be chosen",
            f"features.layer is {features['layer']!r}, and a network from outside is read at its end",
            "remove `features.layer`, and let the network give what is wanted",
        )
    if features.get("function"):
        network, path = load_function(name, device)
        print(f"{name} is of {path}, weights {weights_digest(network)[:16]}")
    else:
        network = load_torchscript(path, device)
    shape = check_network(network, length, device, name)
    print(f"{name} gives {' x '.join(map(str, shape))} numbers a sequence")
    provenance = {
        "parent_sha256": sha256_of(path) if path else "",
        "weights_sha256": weights_digest(network),
        "parent_record": {},
        "layer": "",
    }

    def read(sequence, tracks):
        return output_of(network, sequence, name).to(device)

    return FrozenNetwork(read, {"sequence": (4, length)}, provenance)


def frozen_network(features, path, length, device):
    """The network that an entry of models.yaml names.

    Parameters
    ----------
    features : dict
        `function`, `torchscript`, or for a model of ours anything else; `layer`.
    path : str or None
        Its file.
    length : int
        Of the windows in bases.
    device : torch.device

    Returns
    -------
    FrozenNetwork
    """
    if features.get("function") or features.get("torchscript"):
        return load_outside_network(features, path, length, device)
    return load_frozen_model(path, features.get("layer"), device)


def pooled(activations, pooling):
    """Activations as features.

    Parameters
    ----------
    activations : torch.Tensor, shape (N, D) or (N, C, positions) or (N, C, height, width)
    pooling : str
        `mean` or `max` of each channel, or `flatten`; nothing is done where there are no positions.

    Returns
    -------
    torch.Tensor of float32, shape (N, features)
    """
    if activations.ndim == 2 or pooling == "flatten":
        return activations.flatten(1).float()
    places = activations.flatten(2).float()
    return places.amax(dim=2) if pooling == "max" else places.mean(dim=2)


def features_of_batch(network, sequence, tracks, pooling, strands):
    """Features of some rows: float32 (N, D).

    Parameters
    ----------
    network : FrozenNetwork
    sequence : torch.Tensor of float32, shape (N, 4, L), or None
    tracks : torch.Tensor of float32, shape (N, C, B), or None
    pooling : str
        See `pooled`.
    strands : str
        `both` for the mean of what is read of the row and of its other strand, or `forward`.
    """
    n_rows = len(tracks if sequence is None else sequence)
    found = pooled(network.read(sequence, tracks), pooling)
    if strands == "forward":
        return found[:n_rows]
    if len(found) == 2 * n_rows:  # a network that averages strands was run on both
        return found.unflatten(0, (2, n_rows)).mean(dim=0)
    sequence = None if sequence is None else reverse_complement(sequence)
    tracks = None if tracks is None else tracks.flip(2)
    return (found + pooled(network.read(sequence, tracks), pooling)) / 2


@torch.no_grad()
def feature_blocks(network, path, device, pooling="mean", strands="both", batch_size=BATCH_SIZE):
    """Features of all rows of a split, some thousand at a time: memory does not grow with the split.

    Parameters
    ----------
    network : FrozenNetwork
    path : str or Path
        HDF5 file of the split; the window in the middle of each stored sequence is read.
    device : torch.device
    pooling, strands : str
        See `features_of_batch`.
    batch_size : int

    Yields
    ------
    numpy.ndarray of float32, shape (rows, D)

    Raises
    ------
    InputError
        If the split lacks what the network reads, or features are not finite.
    """
    names, done = [INPUTS[name] for name in network.inputs], 0
    for block in read_blocks(path, names, ROWS_AT_ONCE):
        inputs, parts = inputs_of_split({"inputs": network.inputs}, block), []
        n_rows = len(next(iter(inputs.values())))
        for begin in range(0, n_rows, batch_size):
            batch = {name: whole[begin : begin + batch_size].to(device).float() for name, whole in inputs.items()}
            parts.append(features_of_batch(network, batch.get("sequence"), batch.get("tracks"), pooling, strands).cpu())
        features = torch.cat(parts)
        finite = torch.isfinite(features).all(dim=1)
        if not finite.all():
            row = done + int((~finite).nonzero()[0])
            raise InputError(
                f"{path}, row {row}: the features are not finite",
                f"{int((~finite).sum())} of the {n_rows} rows from row {done} on have NaN or infinite numbers",
                "look at what is peculiar to these rows (unknown bases are four zeros), or read another layer",
            )
        done += n_rows
        yield features.numpy()
