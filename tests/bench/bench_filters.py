"""Time filters to PWMs against one pass of the convolution alone, in turn in one run: `make bench`.

300 filters of 19 bases over 20,000 sequences of 249 bp, read from a split's file as the workflow does, on one thread,
with what `choose_device` sets. The control is torch's convolution over one-hot sequences that lie in memory, without
batch norm, activation or anything else. Sites and counts are compared with those that torch's activations give.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bench_data import best_of, told

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.batches import one_hot_of_codes  # noqa: E402
from cisflow.device import choose_device  # noqa: E402
from cisflow.filter_procedures import PROCEDURES, procedure_of  # noqa: E402
from cisflow.filter_scans import PlainFilters, activations_without_padding, filters_of_layer  # noqa: E402
from cisflow.filter_sites import code_blocks, count_sites  # noqa: E402
from cisflow.model import build_network, first_layer  # noqa: E402
from cisflow.receptive_fields import ReceptiveField  # noqa: E402
from cisflow.split_file import write_split  # noqa: E402

TURNS, LENGTH, WIDTH, FILTERS, ROWS = 3, 249, 19, 300, 20_000
MOST_OTHER = 1e-5  # share of sites that rounding may decide otherwise
FEW, MANY = 8_192, 65_536  # rows of the splits whose memory is compared
CPU = torch.device("cpu")


def make_split(path, n_rows):
    """A split of random bases."""
    rng, letters = np.random.default_rng(0), np.frombuffer(b"ACGT", np.uint8)
    loci = pd.DataFrame({"chrom": "chr1", "start": np.arange(n_rows) * LENGTH, "name": "row", "strand": "+"})
    attributes = {"target_names": ["target"], "track_names": [], "task": "binary"}
    targets = np.zeros((n_rows, 1))
    loci = loci.assign(end=loci["start"] + LENGTH)

    def bases(rows):
        return letters[rng.integers(0, 4, (rows.stop - rows.start, LENGTH))]

    write_split(path, loci, targets, LENGTH, bases, attributes)
    return str(path)


def made_network(function, n_filters):
    """A network as it is before the first step, whose batch norm has seen random bases."""
    layers = [
        {"type": "conv1d", "filters": n_filters, "width": WIDTH},
        {"type": "batch_norm"},
        {"type": "activation", "function": function},
        {"type": "global_max_pool"},
    ]
    torch.manual_seed(0)
    record = {"network": {"layers": layers}, "inputs": {"sequence": (4, LENGTH)}}
    model = build_network(record["network"], record["inputs"], 1)
    model.batch_norm_1.momentum = None  # its statistics are those of what it sees now, as after a training
    with torch.no_grad():
        model(one_hot_of_codes(torch.randint(4, (512, LENGTH), dtype=torch.uint8)))
    return model.eval(), record


def bench_function(function, path):
    """Every procedure, with one activation, against the convolution."""
    model, record = made_network(function, FILTERS)
    first = first_layer(model)
    codes = torch.from_numpy(np.concatenate([codes for codes, _ in code_blocks(path, LENGTH)]))
    batches = one_hot_of_codes(codes).split(512)

    @torch.no_grad()
    def convolution():
        for batch in batches:
            torch.conv1d(batch, first[0].weight, first[0].bias)

    def read():
        return (codes for codes, _ in code_blocks(path, LENGTH))

    def ours(name):
        return count_sites(filters_of_layer(model, record, CPU), read, procedure_of({"procedure": name}))

    ours("basset")  # compiles
    procedures = {name: lambda name=name: ours(name) for name in PROCEDURES}
    seconds, given = best_of(TURNS, convolution=convolution, **procedures)
    rows = ", ".join(f"{name} {seconds[name]:.2f} s" for name in seconds)
    print(f"\nfilters to PWMs, {FILTERS} x {ROWS:,} x {LENGTH} bp, {function}, one thread: {rows}")
    field = ReceptiveField(0, 1, WIDTH, 0, LENGTH - WIDTH + 1)
    plain = PlainFilters(activations_without_padding(first), FILTERS, field, CPU)
    expected = count_sites(plain, read, procedure_of({}))
    n_sites = expected["n_sites"].sum()
    other = np.abs(given["basset"]["counts"] - expected["counts"]).sum() / WIDTH / n_sites
    share = {name: seconds[name] / seconds["convolution"] for name in PROCEDURES}
    found = [
        told(f"{function}, {name}: time over one convolution", f"{share[name]:.2f}", "at most 1", share[name] <= 1)
        for name in PROCEDURES
    ]
    what, detail = f"{function}: share of sites that differ from torch's", f"{n_sites:,} sites by basset"
    return [*found, told(what, f"{other:.1e}", f"at most {MOST_OTHER:g}", other <= MOST_OTHER, detail)]


def peak_memory(path):
    """Peak memory in MB of a process that reads the PWMs of 32 filters off a split."""
    model, record = made_network("relu", 32)
    filters = filters_of_layer(model, record, CPU)
    count_sites(filters, lambda: (codes for codes, _ in code_blocks(path, LENGTH)), procedure_of({}))
    # Not from `resource`: a process begins with the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s*(\d+) kB", status, flags=re.MULTILINE)[1]) / 1024


def bench_memory(folder):
    """Memory does not grow with the number of sequences."""
    peak = {}
    for n_rows in (FEW, MANY):
        path = make_split(Path(folder) / f"{n_rows}.h5", n_rows)
        done = subprocess.run([sys.executable, __file__, "--memory", path], capture_output=True, text=True, check=True)
        peak[n_rows] = float(done.stdout.split()[-1])
    growth = peak[MANY] - peak[FEW]
    detail = f"{peak[FEW]:.0f} MB at {FEW:,} sequences, {peak[MANY]:.0f} MB at {MANY:,}"
    return [told("memory that more sequences take", f"{growth:.0f} MB", "at most 20 MB", growth <= 20, detail)]


def bench_filters():
    """Both the activation of most published networks and the one of ours."""
    choose_device("cpu", 1)
    with tempfile.TemporaryDirectory() as folder:
        path = make_split(Path(folder) / "test.h5", ROWS)
        found = [holds for function in ("relu", "exp") for holds in bench_function(function, path)]
        return found + bench_memory(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(peak_memory(sys.argv[2]))
    else:
        sys.exit(0 if all(bench_filters()) else 1)
