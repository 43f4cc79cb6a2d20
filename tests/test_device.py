"""Which device a job takes, what it may take of its memory, and what is said where that cannot be."""

import fcntl
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import cisflow.device
from cisflow.device import available_memory, choose_device, claimed_gpu, free_memory, keep_freed_memory
from cisflow.messages import InputError

MEMINFO = "MemTotal:       24684092 kB\nMemFree:          429796 kB\nMemAvailable:   19172196 kB\nBuffers: 1 kB\n"


@pytest.fixture(autouse=True)
def as_before():
    """What `choose_device` sets counts for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """A machine with GPUs of which so much memory is free."""

    def make(*free):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (free[number], 100))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"GPU-{'abc'[number]}")
        )
        monkeypatch.setattr(cisflow.device, "CLAIMS", [])
        return tmp_path

    return make


# --- the device -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["auto", "cpu"])
def test_without_a_gpu_it_is_the_cpu_and_that_is_said(asked, no_gpu, capsys):
    assert choose_device(asked, 1) == torch.device("cpu")
    assert capsys.readouterr().out == f"device: cpu (1 thread(s)), asked for: {asked}\n"


def test_a_gpu_that_was_asked_for_and_is_absent_is_an_error(no_gpu, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError) as error:
        choose_device("cuda", 1)
    assert error.value.what == "train.device is cuda, but no GPU can be used here"
    assert f"torch {torch.__version__} sees 0 GPU(s)" in error.value.why
    assert "CUDA_VISIBLE_DEVICES" in error.value.why
    assert "nvidia-smi" in error.value.fix
    assert "auto or cpu" in error.value.fix


def test_threads_are_those_of_the_rule(no_gpu):
    choose_device("cpu", 3)
    assert torch.get_num_threads() == 3


def test_tiny_numbers_are_zero_and_sums_are_in_a_fixed_order(no_gpu):
    choose_device("cpu", 1)
    assert float(torch.tensor([1e-39]) * 1.0) == 0
    assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(("precision", "is_short"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_only_tf32_shortens_numbers(precision, is_short, no_gpu):
    choose_device("cpu", 1, precision)
    assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == is_short


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_gpu_is_taken_and_named(asked, capsys):
    device = choose_device(asked, 1)
    assert device.type == "cuda"
    assert torch.cuda.get_device_name(device) in capsys.readouterr().out
    assert 0 < free_memory(device, 1) <= torch.cuda.get_device_properties(device).total_memory


# --- several jobs on one machine --------------------------------------------------------------------------------------


def test_the_emptiest_gpu_is_claimed_then_the_next(gpus):
    folder = gpus(20, 60, 40)
    assert [claimed_gpu(folder) for _ in range(3)] == [1, 2, 0]
    assert claimed_gpu(folder) == 1  # all are taken: they share


def test_a_gpu_of_another_process_is_left_to_it_until_that_ends(gpus):
    folder = gpus(20, 60)
    text = (
        "import fcntl, sys; lock = open(sys.argv[1], 'a'); fcntl.flock(lock, fcntl.LOCK_EX);"
        " print('taken', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", text, str(folder / "cisflow_gpu_GPU-b.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "taken\n"
        assert claimed_gpu(folder) == 0
        other.kill()
    assert claimed_gpu(folder) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any file")
def test_a_lock_of_another_user_counts_as_taken(gpus):
    folder = gpus(20, 60)
    (folder / "cisflow_gpu_GPU-b.lock").touch(mode=0)
    assert claimed_gpu(folder) == 0


def test_a_claim_is_not_passed_on_to_children(gpus):
    """A process that a job leaves behind would hold its GPU."""
    claimed_gpu(gpus(20))
    [lock] = cisflow.device.CLAIMS
    assert fcntl.fcntl(lock, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


# --- memory -----------------------------------------------------------------------------------------------------------


def test_a_job_may_take_what_it_asked_for():
    assert free_memory(torch.device("cpu"), 8000) == 8000 * 10**6


def test_without_that_it_is_what_the_machine_has_available():
    available = free_memory(torch.device("cpu"))
    assert 0 < available <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_memory_that_holds_files_for_quicker_reading_counts_as_free(tmp_path):
    """What is not in use at all was taken: little on a machine that runs for long, and splits were streamed from the
    disk, in another order, so that the same seed gave other weights."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert available_memory(tmp_path / "meminfo", tmp_path / "none") == 19172196 * 1024


@pytest.mark.parametrize(("limit", "expected"), [("2000000000\n", 2_000_000_000), ("max\n", 19172196 * 1024)])
def test_a_container_may_have_less(tmp_path, limit, expected):
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "memory.max").write_text(limit)
    assert available_memory(tmp_path / "meminfo", tmp_path / "memory.max") == expected


def test_a_system_without_meminfo(tmp_path):
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert available_memory(tmp_path / "none", tmp_path / "none") == total // 2


def test_a_system_without_the_c_library_trains_all_the_same(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(cisflow.device.ctypes, "CDLL", absent)
    keep_freed_memory()
