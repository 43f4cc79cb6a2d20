"""Networks that were made elsewhere: a TorchScript file, or a function of a Python module that gives one.

Such a network takes one-hot sequences, float32 (N, 4, L) with rows A C G T, an unknown base four zeros, and gives
features (N, D), or (N, channels, positions). It is asked for them once, frozen; it is never trained.
"""

import hashlib
import os
import pkgutil
import sys
import traceback
import warnings

import torch
from torch import nn

from cisflow.messages import InputError

TOLERANCE = 1e-3  # of the largest number that a network gives: arithmetic in another order stays far below it


def frozen(network, device):
    """A network ready to be read: on the device, in evaluation mode, its weights without gradients.

    A callable that is no torch module is given sequences on the CPU, and is left as it is.
    """
    if isinstance(network, nn.Module):
        network = network.to(device).eval()
        for parameter in network.parameters():
            parameter.requires_grad_(False)
    return network


def load_torchscript(path, device):
    """Read a TorchScript file.

    Parameters
    ----------
    path : str or Path
    device : torch.device or str

    Returns
    -------
    torch.jit.ScriptModule
        Frozen.

    Raises
    ------
    InputError
        If it is not TorchScript.
    """
    try:
        with warnings.catch_warnings():
            # torch prefers another format for what is new; networks in this one are there, and are read.
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(str(path), map_location=device)
    except (RuntimeError, ValueError) as error:  # a ValueError: there is no such file
        cause = str(error).split("This is an internal")[0].strip().splitlines()
        raise InputError(
            f"{path} is no TorchScript file that can be read here",
            f"torch {torch.__version__} says: {cause[0] if cause else type(error).__name__}",
            "write one with `torch.jit.trace(network.eval(), torch.zeros(2, 4, LENGTH)).save(path)`; weights alone, as"
            " of `torch.save(network.state_dict())`, do not tell what the network is; a model.pt of cisflow goes under"
            " `file`, and a network that Python code makes under `function`",
        ) from error
    return frozen(network, device)


def load_function(name, device, folder=None):
    """Call the function that makes a network.

    Parameters
    ----------
    name : str
        `module:function`, for example `my_package.my_module:make_network`.
    device : torch.device or str
    folder : str, optional
        Where the module is looked for before the installed packages; the working folder if left out.

    Returns
    -------
    network : torch.nn.Module or callable
        Frozen, if it is a module.
    path : str or None
        File of the Python module.

    Raises
    ------
    InputError
        If it cannot be imported, has no such function, or the function gives no network.
    """
    module_name, _, function_name = name.partition(":")
    folder = os.path.abspath(folder or os.getcwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # it stays there: such a module may import its neighbours only when it is used
    try:
        # The user's own code, which no digest of ours follows: the rule takes its file as an input instead.
        module = pkgutil.resolve_name(f"{module_name}:")
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no Python module {module_name}",
                f"found neither {module_name.replace('.', '/')}.py under {folder} nor an installed package",
                "mend `features.function` (module:function), start the workflow from the folder that holds the module,"
                " or install the package into the environment of this rule (envs/train.yaml)",
            ) from error
        raise InputError(
            f"the Python module {module_name} imports {error.name}, which is not installed",
            f"it was found, and Python {sys.version.split()[0]} at {sys.executable} has no {error.name}",
            "install it into the environment of this rule (envs/train.yaml)",
        ) from error
    except Exception as error:
        traceback.print_exc()
        raise InputError(
            f"the Python module {module_name} cannot be imported",
            f"{type(error).__name__}: {error}",
            "mend the module; the traceback stands in the log",
        ) from error
    path = getattr(module, "__file__", None)
    made = getattr(module, function_name, None)
    if made is None:
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InputError(
            f"the Python module {module_name} has no function {function_name!r}",
            f"{path or module} has {', '.join(there) or 'no function at all'}",
            "mend `features.function` (module:function)",
        )
    if not isinstance(made, nn.Module):
        try:
            made = made()
        except Exception as error:
            traceback.print_exc()
            raise InputError(
                f"{name}() fails",
                f"it was called without arguments: {type(error).__name__}: {error}",
                "mend the function; the traceback stands in the log",
            ) from error
    if not callable(made):
        raise InputError(
            f"{name}() gives no network",
            f"found {type(made).__name__}, expected a torch.nn.Module, or a function of one-hot sequences (N, 4, L)",
            "let it return the network",
        )
    return frozen(made, device), path


def weights_digest(network):
    """SHA-256 of the names and numbers of a module's weights; of a callable that is no module, of nothing."""
    digest = hashlib.sha256()
    if isinstance(network, nn.Module):
        for name, tensor in network.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            # As bytes, for numpy has no bfloat16.
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def output_of(network, sequences, name):
    """What a network gives for sequences, its failures as messages: float32 (N, D) or (N, channels, positions).

    Parameters
    ----------
    network : torch.nn.Module or callable
    sequences : torch.Tensor of float32, shape (N, 4, L)
        A callable that is no module is given them on the CPU.
    name : str
        Of the network, for messages.
    """
    length = sequences.shape[2]
    # A copy, for it may write into what it is given.
    given = sequences.clone() if isinstance(network, nn.Module) else sequences.clone().cpu()
    try:
        output = network(given)
    except Exception as error:
        traceback.print_exc()
        cause = str(error).strip().splitlines()  # TorchScript puts the cause last, after its own traceback
        raise InputError(
            f"{name} cannot read windows of {length} bp",
            f"given one-hot sequences, float32 {tuple(given.shape)} on {given.device}, it fails with"
            f" {type(error).__name__}: {cause[-1] if cause else ''}",
            "set windows.length to the length that it was made for, or wrap it so that it takes (N, 4, L), rows ACGT",
        ) from error
    found = f"{type(output).__name__}"
    if isinstance(output, torch.Tensor):
        found = f"a {str(output.dtype).removeprefix('torch.')} tensor of shape {tuple(output.shape)}"
        if output.is_floating_point() and output.ndim in (2, 3) and len(output) == len(given) and output[0].numel():
            return output.detach().float()
    raise InputError(
        f"{name} gives no features",
        f"for a batch of {len(given)} sequences it gives {found}; expected floating-point numbers (N, D) or"
        f" (N, channels, positions), here ({len(given)}, D) or ({len(given)}, channels, positions)",
        "wrap it so that it gives one tensor with a row a sequence",
    )


@torch.no_grad()
def check_network(network, length, device, name):
    """Refuse a network whose features of a sequence are not its own.

    Parameters
    ----------
    network : torch.nn.Module or callable
        Frozen.
    length : int
        Of the windows in bases.
    device : torch.device or str
    name : str
        For messages.

    Returns
    -------
    tuple of int
        Shape of the output for one sequence.

    Raises
    ------
    InputError
        If the output has another shape than (N, D) or (N, channels, positions), is not finite, differs from call to
        call, or hangs on the other sequences of the batch.
    """
    bases = torch.randint(4, (3, length), generator=torch.Generator().manual_seed(0))
    first, second, third = (bases[:, None] == torch.arange(4)[:, None]).float().to(device)
    pair = torch.stack([first, second])
    output = output_of(network, pair, name)
    if not torch.isfinite(output).all():
        raise InputError(
            f"{name} gives numbers that are not finite",
            f"{int((~torch.isfinite(output)).sum())} of {output.numel()} numbers for two random sequences are NaN or"
            " infinite",
            "mend the network: its weights may be NaN, or its arithmetic may overflow",
        )
    near = {"rtol": 0.0, "atol": TOLERANCE * float(output.abs().max())}
    again = output_of(network, pair, name)
    if not torch.allclose(again, output, **near):
        raise InputError(
            f"{name} gives other numbers at every call",
            f"for the same two sequences they differ by up to {float((again - output).abs().max()):.3g}",
            "it draws random numbers although it was set to eval(): mend its dropout (`training=self.training`), or let"
            " it draw from a fixed seed",
        )
    beside_third = output_of(network, torch.stack([first, third]), name)[0]
    behind_second = output_of(network, torch.stack([second, first]), name)[1]
    difference = max(float((other - output[0]).abs().max()) for other in (beside_third, behind_second))
    if difference > near["atol"]:
        raise InputError(
            f"{name} gives features that hang on the other sequences of a batch",
            f"beside another sequence the features of one change by up to {difference:.3g}; the largest are"
            f" {float(output.abs().max()):.3g}",
            "use running statistics (eval()) in place of those of the batch, and keep the first dimension apart",
        )
    return tuple(output.shape[1:])
