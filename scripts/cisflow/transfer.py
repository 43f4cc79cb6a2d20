"""Training that starts from another network's weights."""

from typing import NamedTuple

import torch

from cisflow.messages import InputError
from cisflow.model import load_model, size_of

OUTPUT = "output"  # name of the output layer
EVERYTHING = "all"  # in `freeze`: every layer but the output


class Parent(NamedTuple):
    """The network that a training starts from, what was written beside its weights, and where it came from."""

    model: torch.nn.Module
    record: dict
    path: str


def load_parent(path):
    """Read the network that a training starts from, on the CPU."""
    return Parent(*load_model(path, "cpu"), str(path))


def layers_of(model):
    """Names of everything in a network that can be frozen."""
    return [name for name, module in model.named_modules() if name and any(True for _ in module.parameters())]


def check_layer_names(names, model, key):
    """Refuse names that the network has not.

    Raises
    ------
    InputError
        With all of them, and the names that there are.
    """
    known = layers_of(model)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"transfer.{key} names layers that the network has not",
            f"found {', '.join(unknown)}; expected any of {', '.join(known)}",
            "mend the names; `make describe` prints them",
        )


def start_from_parent(model, parent, target_names, transfer):
    """Give a network the weights of another, and freeze some of its layers.

    Parameters
    ----------
    model : torch.nn.Module
        As built; its output layer keeps its initial weights unless `keep_output`.
    parent : Parent
    target_names : list of str
        Of the dataset that is trained on.
    transfer : dict
        `freeze` (names of layers, or `all`), `learning_rate_factors` (layer to number), `keep_output`.

    Returns
    -------
    list of torch.nn.Module
        The frozen parts: their weights are not trained, and the statistics of their batch norms stay as they are.

    Raises
    ------
    InputError
        If the two networks differ in their layers, or a layer is named that there is not.
    """
    keep_output = transfer["keep_output"]
    if keep_output and parent.record["target_names"] != target_names:
        raise InputError(
            "transfer.keep_output is true, but parent and child have other targets",
            f"the parent's are {', '.join(parent.record['target_names'])}, the child's {', '.join(target_names)}",
            "set transfer.keep_output to false: the child gets an output layer of its own",
        )
    own, given = model.state_dict(), parent.model.state_dict()
    wanted = {name: tensor for name, tensor in own.items() if keep_output or not name.startswith(f"{OUTPUT}.")}
    problems = [
        f"{name} {tuple(tensor.shape)}: the parent has none" for name, tensor in wanted.items() if name not in given
    ]
    problems += [
        f"{name} {tuple(tensor.shape)}: the parent's is {tuple(given[name].shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if problems:
        raise InputError(
            f"the network of {parent.path} does not fit this one",
            f"{'; '.join(problems[:6])}{f'; ... ({len(problems)} in all)' if len(problems) > 6 else ''}",
            f"the parent reads {size_of(parent.record['inputs'])}: give the child the same (windows.length, tracks)",
        )
    model.load_state_dict({**own, **{name: given[name] for name in wanted}})
    frozen_names = transfer["freeze"]
    if frozen_names == [EVERYTHING]:
        frozen = [module for name, module in model.named_children() if name != OUTPUT]
    else:
        check_layer_names(frozen_names, model, "freeze")
        frozen = [model.get_submodule(name) for name in frozen_names]
    check_layer_names(transfer["learning_rate_factors"], model, "learning_rate_factors")
    for part in frozen:
        part.requires_grad_(False)
    return frozen
