"""Where the arithmetic is done: the device that was asked for, and how many threads."""

import os

import torch

from cisflow.messages import InputError


def choose_device(asked, threads):
    """Choose the device and set torch's threads.

    Parameters
    ----------
    asked : str
        `auto`, `cpu` or `cuda`.
    threads : int
        Threads of the rule.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        If a GPU was asked for and there is none.
    """
    torch.set_num_threads(threads)
    # On a GPU the same seed gives the same numbers only without the kernels that trade that for speed.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_flush_denormal(True)  # numbers near 1e-40 cost the CPU more than half its speed, and tell nothing
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise InputError(
            "train.device is cuda, but no GPU can be used here",
            f"torch {torch.__version__} sees {torch.cuda.device_count()} GPU(s)"
            + ("" if torch.version.cuda else " and was built without CUDA"),
            "run on a machine with a GPU and its driver, or set train.device to auto or cpu",
        )
    device = torch.device("cuda" if asked != "cpu" and available else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{threads} thread(s)"
    print(f"device: {device} ({name}), asked for: {asked}", flush=True)
    return device
