"""Where the arithmetic is done: the device that was asked for, how many threads, how exact, and how much memory."""

import ctypes
import fcntl
import os
import re
import tempfile
from pathlib import Path

import torch

from cisflow.messages import InputError

CLAIMS = []  # open lock files: a claim on a GPU lasts as long as the process


def keep_freed_memory():
    """Have the C library keep memory that was freed, instead of asking the system for the same pages each step.

    On the CPU, wide layers train up to three times faster. Nothing is done where the C library is another.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # malloc.h
    for option, value in ((mmap_max, 0), (top_pad, 2**28), (trim_threshold, 2**31 - 1)):
        mallopt(option, value)


def claimed_gpu(folder=None):
    """Number of a GPU that no other job of this machine trains on; the one with most free memory where all are taken.

    Jobs that run side by side see all GPUs of the machine (a cluster shows each job its own); each holds a lock on the
    one it took.

    Parameters
    ----------
    folder : str or Path, optional
        Where the lock files lie; the machine's temporary folder if left out.
    """
    count = torch.cuda.device_count()
    free = sorted(range(count), key=lambda number: -torch.cuda.mem_get_info(number)[0])
    for number in free:
        # By the card's own identity: its number differs between jobs that see different cards.
        name = str(getattr(torch.cuda.get_device_properties(number), "uuid", number))
        path = Path(folder or tempfile.gettempdir()) / f"cisflow_gpu_{name}.lock"
        try:
            lock = open(path, "a")  # noqa: SIM115  it stays open until the process ends
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken, or another user's file
            continue
        CLAIMS.append(lock)
        return number
    return free[0]


def driver_version(path="/proc/driver/nvidia/version"):
    """Version of the GPU's driver as the kernel tells it; `unknown` where it does not."""
    text = Path(path).read_text() if Path(path).exists() else ""
    found = re.search(r"\b\d+\.\d+(?:\.\d+)*\b", text)
    return found[0] if found else "unknown"


def choose_device(asked, threads, precision="fp32"):
    """Choose the device, and set torch's threads and exactness.

    Parameters
    ----------
    asked : str
        `auto`, `cpu` or `cuda`.
    threads : int
        Threads of the rule.
    precision : str
        `tf32` lets a GPU multiply float32 numbers with 10 bits behind the point; all else is exact to float32.

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
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads what it has not written
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.set_flush_denormal(True)  # numbers near 1e-40 cost the CPU more than half its speed, and tell nothing
    keep_freed_memory()
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise InputError(
            "train.device is cuda, but no GPU can be used here",
            f"torch {torch.__version__} sees {torch.cuda.device_count()} GPU(s)"
            + (f" (CUDA {torch.version.cuda})" if torch.version.cuda else " and was built without CUDA")
            + f"; driver {driver_version()}; CUDA_VISIBLE_DEVICES {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}",
            "run on a machine with a GPU and its driver (`nvidia-smi` shows both), or set train.device to auto or cpu",
        )
    if asked == "cpu" or not available:
        print(f"device: cpu ({threads} thread(s)), asked for: {asked}", flush=True)
        return torch.device("cpu")
    device = torch.device("cuda", claimed_gpu())
    torch.cuda.set_device(device)
    free, total = torch.cuda.mem_get_info(device)
    print(
        f"device: {device} ({torch.cuda.get_device_name(device)}), asked for: {asked}; CUDA {torch.version.cuda}, "
        f"driver {driver_version()}, "
        f"{free / 2**20:,.0f} of {total / 2**20:,.0f} MB free",
        flush=True,
    )
    return device


def available_memory(meminfo="/proc/meminfo", limit="/sys/fs/cgroup/memory.max"):
    """Bytes of the machine's memory that can be had.

    What files take of it, for quicker reading, counts as free; a container's limit bounds it.

    Parameters
    ----------
    meminfo, limit : str or Path
        Linux's account of its memory, and of what a control group may take. Without the first (macOS), half of the
        memory is said to be free.
    """
    try:
        text = Path(meminfo).read_text()
        available = int(re.search(r"^MemAvailable: *(\d+) kB", text, flags=re.MULTILINE)[1]) * 1024
    except (OSError, TypeError):
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    try:
        return min(available, int(Path(limit).read_text()))
    except (OSError, ValueError):  # there is none, or it is `max`
        return available


def free_memory(device, memory_mb=None):
    """Bytes that a job may take on its device.

    Parameters
    ----------
    device : torch.device
    memory_mb : int, optional
        What the job asked its scheduler for; without it, what the machine has free. Of a GPU, what is free there.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory_mb * 10**6 if memory_mb else available_memory()
