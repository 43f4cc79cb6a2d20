"""Time training against a bare torch loop, and each of its ways against the other, in turn in one run: `make bench`.

Every figure is a ratio of two things that ran in turn, and what both give is compared in the same run. All run on one
thread, the rule's default, with what `choose_device` sets for a real training. The splits are made anew from a seed:
HDF5 files as the workflow writes them, random bases in which motifs stand as often as the targets say.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from bench_best_window import bench_best_window
from bench_data import told
from bench_packing import bench_packing
from torch import nn

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import cisflow.training  # noqa: E402
from cisflow.batches import StreamedSplit, one_hot_of_codes, reverse_complement_codes  # noqa: E402
from cisflow.channels_last import ChannelsLastNetwork  # noqa: E402
from cisflow.device import choose_device  # noqa: E402
from cisflow.fitting import fit_network, forget_checkpoint, prepare  # noqa: E402
from cisflow.metrics import mean_metric  # noqa: E402
from cisflow.optimizers import make_optimizer, parameter_groups  # noqa: E402
from cisflow.packed_fitting import fit_pack, forget_checkpoints  # noqa: E402
from cisflow.prediction import predict_file  # noqa: E402
from cisflow.split_file import read_split, write_split  # noqa: E402
from cisflow.torch_layers import Dropout  # noqa: E402
from cisflow.training import forward_function  # noqa: E402

TURNS = 3  # of each side, one after the other; the best of each counts
JITTER = 10  # bases that are stored beside a window, as in the embedded example
MOTIFS = (b"TGACTCATTC", b"CACGTGACCT")
VAL_ROWS = 64  # its seconds are taken off
MODELS = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "config" / "schemas" / "models.schema.yaml").read_text())


def training_of(name, **changes):
    """`training` of an entry of models.yaml, defaults filled in."""
    defaults = {key: of["default"] for key, of in SCHEMA["$defs"]["training"]["properties"].items()}
    return {**defaults, **MODELS[name]["training"], **changes}


def make_split(path, n_rows, length, n_targets, task, seed, jitter=JITTER):
    """Write a split whose targets are weighted numbers of planted motifs, or whether these are above their median."""
    rng, stored, width = np.random.default_rng(seed), length + 2 * jitter, len(MOTIFS[0])
    bases = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, (n_rows, stored))]
    counts = rng.integers(0, 3, (n_rows, len(MOTIFS)))
    slots = (length - 2 * jitter) // width  # within every crop, so that no motif covers another
    for row in range(n_rows):
        found = np.repeat(np.arange(len(MOTIFS)), counts[row])
        for motif, slot in zip(found, rng.choice(slots, len(found), replace=False), strict=True):
            start = 2 * jitter + width * slot
            bases[row, start : start + width] = np.frombuffer(MOTIFS[motif], np.uint8)
    values = counts @ np.random.default_rng(0).normal(1, 1, (len(MOTIFS), n_targets))
    targets = values > np.median(values, axis=0) if task == "binary" else (values - values.mean(0)) / values.std(0)
    loci = pd.DataFrame({"chrom": "chr1", "start": np.arange(n_rows) * stored, "strand": "+"})
    loci = loci.assign(end=loci["start"] + stored, name=[f"row_{row}" for row in range(n_rows)])
    attributes = {
        "target_names": [f"target_{number}" for number in range(n_targets)], "track_names": [], "task": task,
        "window_length": length, "genome": "made", "genome_sha256": "", "config_sha256": "", "fold": "holdout",
    }  # fmt: skip
    write_split(path, loci, targets.astype(np.float32), stored, lambda rows: bases[rows], attributes)
    return str(path)


@contextlib.contextmanager
def quiet():
    """Without the lines of a training."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def seconds_now(device, clock):
    """The time once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock()


@contextlib.contextmanager
def seconds_in(name, device, clock):
    """Collect how long each call of a function takes that `cisflow.training.train` calls."""
    function, seconds = getattr(cisflow.training, name), []

    def timed(*arguments, **options):
        begin = seconds_now(device, clock)
        try:
            return function(*arguments, **options)
        finally:
            seconds.append(seconds_now(device, clock) - begin)

    setattr(cisflow.training, name, timed)
    try:
        yield seconds
    finally:
        setattr(cisflow.training, name, function)


def shortest(turns, **sides):
    """The shortest time of each side over some turns, one after the other, and what each gave last.

    A side is a function that gives its seconds and anything else.
    """
    seconds, given = dict.fromkeys(sides, np.inf), {}
    for _ in range(turns):
        for name, function in sides.items():
            taken, given[name] = function()
            seconds[name] = min(seconds[name], taken)
    return seconds, given


def prepared_from(paths, name, device, seed=1, **changes):
    """A network of models.yaml ready to be trained, without a word."""
    with quiet():
        network = {"layers": MODELS[name]["layers"]}
        return prepare(*paths, network, training_of(name, **changes), seed, device, name=name)


def steps_of_training(prepared, device, clock):
    """Seconds of a whole training without its validation, and what it gave."""
    with seconds_in("validate", device, clock) as validation, quiet():
        begin = seconds_now(device, clock)
        fitted = fit_network(prepared)
        seconds = seconds_now(device, clock) - begin
    return seconds - sum(validation), fitted


# ----------------------------------------------------------------------------------------------------------------------


def plain_network(layers, n_targets, dropout):
    """The same layers of torch's own modules alone, but for dropout as it is given."""
    modules = []
    for spec in layers:
        if spec["type"] == "conv1d":
            modules.append(nn.LazyConv1d(spec["filters"], spec["width"], padding=spec.get("padding", "valid")))
        elif spec["type"] == "dense":
            modules.append(nn.LazyLinear(spec["units"]))
        elif spec["type"] == "batch_norm":
            modules.append(nn.LazyBatchNorm1d())
        elif spec["type"] == "max_pool":
            modules.append(nn.MaxPool1d(spec["width"]))
        elif spec["type"] == "global_max_pool":
            modules += [nn.AdaptiveMaxPool1d(1), nn.Flatten()]
        elif spec["type"] == "dropout":
            modules.append(dropout(spec["rate"]))
        else:
            modules.append({"activation": nn.ReLU, "flatten": nn.Flatten}[spec["type"]]())
    return nn.Sequential(*modules, nn.LazyLinear(n_targets))


def bench_trainer(folder, device, clock, name, length, n_targets, task, steps, compared):
    """One epoch of `fit_network`, from HDF5, against a bare loop over arrays in memory, from the same weights.

    The bare loop is given the bases as ours cropped and turned them, so that both see the same batches; it crops and
    turns nothing itself, caps no norms, and asks torch for no promise of the same numbers each time. Its losses are
    taken from one more run, with dropout that draws as ours does.

    Parameters
    ----------
    folder, device, clock
        Where the splits go, what trains, what counts the seconds.
    name : str
        Of the entry in models.yaml.
    length, n_targets, task, steps
        Of the data: `steps` batches.
    compared : int
        Of the steps, the first ones, whose losses are to be the same.
    """
    settings = training_of(name, max_epochs=1)
    batch_size = settings["batch_size"]
    paths = [
        make_split(folder / f"{split}.h5", n_rows, length, n_targets, task, seed)
        for split, n_rows, seed in (("train", steps * batch_size, 1), ("val", VAL_ROWS, 2))
    ]
    first = prepared_from(paths, name, device)
    batches = list(first.splits[0].batches(batch_size, first.seed, 1))
    order = torch.randperm(steps * batch_size, device=device)
    sequences = torch.empty(steps * batch_size, 4, length, device=device)
    sequences[order] = one_hot_of_codes(torch.cat([batch.codes for batch in batches]))
    targets = torch.empty(steps * batch_size, n_targets, device=device)
    targets[order] = torch.cat([batch.targets for batch in batches])
    initial = [parameter.detach().clone() for parameter in first.model.parameters()]
    loss = nn.BCEWithLogitsLoss() if task == "binary" else nn.MSELoss()

    def ours(quick_cpu):
        prepared = prepared_from(paths, name, device, max_epochs=1, quick_cpu=quick_cpu)
        losses = []
        prepared.loss.register_forward_hook(lambda module, given, value: losses.append(value.detach()))
        seconds, _ = steps_of_training(prepared, device, clock)
        return seconds, torch.stack(losses[:steps]).double()  # those that follow are of the validation

    def bare(dropout=nn.Dropout):
        model = plain_network(MODELS[name]["layers"], n_targets, dropout).to(device)
        model(sequences[:batch_size])
        for parameter, values in zip(model.parameters(), initial, strict=True):
            parameter.data.copy_(values)
        torch.manual_seed(first.seed)  # of dropout
        optimizer = make_optimizer(parameter_groups(model, settings), settings)
        torch.use_deterministic_algorithms(device.type == "cuda", warn_only=True)
        losses = []
        begin = seconds_now(device, clock)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad(set_to_none=True)
            value = loss(model(sequences[rows]), targets[rows])
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        seconds = seconds_now(device, clock) - begin
        torch.use_deterministic_algorithms(True, warn_only=True)
        return seconds, torch.stack(losses).double()

    sides = {"bare": bare, "plain": lambda: ours(False)}
    if device.type == "cpu":
        sides["quick"] = lambda: ours(True)
    seconds, given = shortest(TURNS, **sides)
    _, given["bare"] = bare(Dropout)
    rate = {side: steps * batch_size / seconds[side] for side in seconds}
    print(
        f"\ntraining {name}, {steps} batches of {batch_size} x {length} bp, {n_targets} target(s), validation on"
        f" neither side: bare loop {rate['bare']:,.0f}/s"
    )
    results = []
    for side, what in (("plain", "layers of torch"), ("quick", "quicker first layers")):
        if side not in sides:
            continue
        what = f"{name}, {what}"
        ratio, its_rate = rate[side] / rate["bare"], f"{rate[side]:,.0f}/s"
        results.append(
            told(f"{what}: rate over the bare loop", f"{ratio:.3f}", "at least 0.95", ratio >= 0.95, its_rate)
        )
        difference = float((given[side] / given["bare"] - 1)[:compared].abs().max())
        means = f"mean loss of {steps} {float(given[side].mean()):.5f}, bare loop {float(given['bare'].mean()):.5f}"
        if device.type == "cuda":
            print(f"     {means} (no bound)")
        else:
            what = f"{what}: largest relative difference of a loss in {compared} step(s)"
            results.append(told(what, f"{difference:.1e}", "at most 1e-5", difference <= 1e-5, means))
    return results


def bench_trainers(folder, device, clock):
    """The networks of three papers.

    Of a gradient that is rounding alone, as that of a bias before batch norm, Adam and RMSprop make whole steps: from
    the second one on, two ways to round drift apart, as torch does from itself.
    """
    more = 20 if device.type == "cuda" else 1
    return [
        *bench_trainer(folder, device, clock, "zeng_1layer_128motif", 101, 1, "binary", 60 * more, 60),
        *bench_trainer(folder, device, clock, "deepstarr", 249, 2, "regression", 10 * more, 1),
        *bench_trainer(folder, device, clock, "basset", 600, 164, "binary", 4 * more, 1),
    ]


def has_bf16(device):
    """Whether the device multiplies bf16 numbers by itself."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def bench_precision(folder, device, clock, n_rows=2048, epochs=10):
    """DeepSTARR in bf16 against fp32: rate of an epoch, and what each learns in some epochs.

    On a CPU, the quick way to the first pool is in single precision on both sides. Without it, by layers of torch from
    the first on, all that can be is in bf16.
    """
    if not has_bf16(device):
        print(f"\nbf16: not measured, this {device.type} has no instructions for it")
        return []
    paths = [
        make_split(folder / f"{split}.h5", rows, 249, 2, "regression", seed)
        for split, rows, seed in (("train", n_rows, 1), ("val", 256, 2), ("test", 1000, 3))
    ]
    truth = read_split(paths[2], ["targets"])["targets"]
    # All epochs are gone through; a rate that falls to 0 leaves little of the last batches' chance.
    changes = {"max_epochs": epochs, "patience": epochs, "schedule": "one_cycle"}

    def epoch(precision, all_by_torch):
        prepared = prepared_from(paths[:2], "deepstarr", device, max_epochs=1, precision=precision)
        if all_by_torch:
            record, by_torch = prepared.record, ChannelsLastNetwork(prepared.model)
            prepared.forward = forward_function(prepared.model, record["inputs"], record["training"], device, by_torch)
        return steps_of_training(prepared, device, clock)

    def learned(precision):
        prepared = prepared_from(paths[:2], "deepstarr", device, precision=precision, **changes)
        _, fitted = steps_of_training(prepared, device, clock)
        scores = predict_file(fitted.model, fitted.record, paths[2], device)
        return mean_metric(truth, scores, "regression")

    print(f"\ndeepstarr in bf16, epochs of {n_rows:,} rows")
    results = []
    cases = (
        [("as it comes", False, 1.2), ("layers of torch", True, 1.5)] if device.type == "cpu" else [("", False, 1.5)]
    )
    for what, all_by_torch, wanted in cases:
        seconds, _ = shortest(
            TURNS,
            fp32=lambda by_torch=all_by_torch: epoch("fp32", by_torch),
            bf16=lambda by_torch=all_by_torch: epoch("bf16", by_torch),
        )
        rates = ", ".join(f"{side} {n_rows / taken:,.0f}/s" for side, taken in seconds.items())
        ratio = seconds["fp32"] / seconds["bf16"]
        of = f"{what}: rate of bf16 over fp32" if what else "rate of bf16 over fp32"
        results.append(told(of, f"{ratio:.2f} times", f"at least {wanted}", ratio >= wanted, rates))
    metric = {precision: learned(precision) for precision in ("fp32", "bf16")}
    difference = abs(metric["bf16"] - metric["fp32"])
    both = f"fp32 {metric['fp32']:.4f}, bf16 {metric['bf16']:.4f} after {epochs} epochs"
    what = "difference of the test Pearson"
    return [*results, told(what, f"{difference:.4f}", "at most 0.005", difference <= 0.005, both)]


def bench_pack(folder, device, clock, name, count=32, length=101, epochs=6, compared=3):
    """Many small networks, with splits of their own, by `fit_pack` against `fit_network` for each in turn.

    Validation counts on both sides. After some epochs, two ways to round have each their own best windows, and losses
    drift apart, as those of torch's layers and of the quicker ones do: those of the first epochs are compared.
    """
    paths = [
        [
            make_split(folder / f"{split}{number}.h5", rows, length, 1, "binary", 2 * number + seed)
            for split, rows, seed in (("train", 1500 + 37 * number, 1), ("val", 200, 2))
        ]
        for number in range(count)
    ]

    def timed(fit):
        changes = {"max_epochs": epochs, "patience": epochs}
        members = [prepared_from(path, name, device, seed, **changes) for seed, path in enumerate(paths)]
        with quiet():
            begin = seconds_now(device, clock)
            fitted = fit(members)
            return seconds_now(device, clock) - begin, fitted

    def in_turn(members):
        return [fit_network(member) for member in members]

    def packed(members):
        fitted = fit_pack(members, checkpoints=folder / "checkpoints")
        forget_checkpoints(folder / "checkpoints")
        return fitted

    seconds, given = shortest(2, in_turn=lambda: timed(in_turn), packed=lambda: timed(packed))
    ratio = seconds["in_turn"] / seconds["packed"]
    losses = {
        side: np.array([[row["val_loss"] for row in one.history[:compared]] for one in fitted])
        for side, fitted in given.items()
    }
    difference = float(np.abs(losses["packed"] / losses["in_turn"] - 1).max())
    print(
        f"\n{count} x {name}, {epochs} epochs of 1,500 to {1500 + 37 * (count - 1):,} rows with validation on 200:"
        f" in turn {seconds['in_turn']:.2f} s, packed {seconds['packed']:.2f} s"
    )
    what = f"{name}: largest relative difference of a validation loss in {compared} epochs"
    return [
        told(f"{name}: fit_pack over fit_network in turn", f"{ratio:.2f} times", "at least 3", ratio >= 3),
        told(what, f"{difference:.1e}", "at most 1e-5", difference <= 1e-5),
    ]


def bench_packs(folder, device, clock):
    """The steps alone (on the CPU), and whole trainings."""
    results = bench_packing() if device.type == "cpu" else []
    for name in ("zeng_1layer", "deepbind"):
        results += bench_pack(folder, device, clock, name)
    return results


def rows_of_epoch(split, batch_size):
    """The rows of one epoch in an order of their own: bases of the strand that comes first, and targets."""
    batches = list(split.batches(batch_size, 1, 1))
    codes, targets = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("codes", "targets"))
    strands = zip(codes.cpu().numpy(), reverse_complement_codes(codes).cpu().numpy(), strict=True)
    return sorted(
        (min(row.tobytes(), other.tobytes()), of_row.tobytes())
        for (row, other), of_row in zip(strands, targets.cpu().numpy(), strict=True)
    )


def bench_streaming(folder, device, clock):
    """An epoch read from the HDF5 while it is trained on, against one over rows in memory.

    The pool of rows that are mixed is the smallest there is, 1,024.
    """
    results, more = [], 20 if device.type == "cuda" else 1
    cases = [
        ("basset", 600, 164, "binary", 10, 0.9),
        ("deepstarr", 249, 2, "regression", 20, 0.9),
        ("zeng_1layer_128motif", 101, 1, "binary", 300, None),
    ]
    for name, length, n_targets, task, steps, wanted in cases:
        batch_size = training_of(name)["batch_size"]
        n_rows = steps * more * batch_size
        paths = [
            # Without jitter, so that a row can be known again.
            make_split(folder / f"{split}.h5", rows, length, n_targets, task, seed, jitter=0)
            for split, rows, seed in (("train", n_rows, 1), ("val", VAL_ROWS, 2))
        ]

        def trained(is_held, paths=paths, name=name, batch_size=batch_size, length=length):
            prepared = prepared_from(paths, name, device, max_epochs=1)
            if not is_held:
                prepared.splits[0] = StreamedSplit(paths[0], length, device, memory=0)
            seconds, _ = steps_of_training(prepared, device, clock)
            return seconds, rows_of_epoch(prepared.splits[0], batch_size)

        seconds, given = shortest(2, resident=lambda: trained(True), streamed=lambda: trained(False))
        ratio, same = seconds["resident"] / seconds["streamed"], given["resident"] == given["streamed"]
        rate = {side: n_rows / seconds[side] for side in seconds}
        print(
            f"\n{name}, {n_rows:,} rows: resident {rate['resident']:,.0f}/s, streamed {rate['streamed']:,.0f}/s"
            + (f" ({ratio:.2f} of the rate; no bound)" if wanted is None else "")
        )
        if wanted is not None:
            what = f"{name}: streamed, of the resident rate"
            results.append(told(what, f"{ratio:.3f}", f"at least {wanted}", ratio >= wanted))
        results.append(told(f"{name}: same rows", same, "True", same))
    return results


def bench_checkpoints(folder, device):
    """Share of a training's seconds, by the clock, that goes into checkpoints.

    One is left at the end of an epoch, but not sooner than a second after the last. Where epochs of a real length would
    take too long here, a part of one is trained, and the seconds of a checkpoint are set against the whole.
    """
    results, more = [], 20 if device.type == "cuda" else 1
    for name, length, n_targets, task, epochs, n_rows, real_rows in (
        ("motif_cnn", 250, 4, "binary", 12, 8_000, 8_000),  # as many as in the embedded example
        ("deepstarr", 249, 2, "regression", 2, 2_000, 20_000),  # a twentieth of the published set
        ("basset", 600, 164, "binary", 2, 384, 20_000),  # a hundredth
    ):
        paths = [
            make_split(folder / f"{split}.h5", rows, length, n_targets, task, seed)
            for split, rows, seed in (("train", n_rows * more, 1), ("val", VAL_ROWS, 2))
        ]
        prepared = prepared_from(paths, name, device, max_epochs=epochs, patience=epochs)
        checkpoint = folder / "checkpoint.pt"
        with seconds_in("write_checkpoint", device, time.perf_counter) as writing, quiet():
            begin = time.perf_counter()
            fit_network(prepared, checkpoint=checkpoint)
            training = time.perf_counter() - begin - sum(writing)
        if not writing:
            print(f"\n{name}: over before a checkpoint was due")
            continue
        each, epoch = sum(writing) / len(writing), training / epochs
        share = sum(writing) / training if real_rows == n_rows else each / (epoch * real_rows / n_rows / more)
        print(
            f"\ncheckpoints of {name}: {checkpoint.stat().st_size / 1e6:.1f} MB, {len(writing)} in {epochs} epochs of"
            f" {n_rows * more:,} rows; {each:.3f} s each, {epoch:.1f} s an epoch"
        )
        forget_checkpoint(checkpoint)
        what = f"{name}: share of the seconds, with epochs of {real_rows:,} rows"
        results.append(told(what, f"{share:.2%}", "at most 2 %", share <= 0.02))
    return results


def bench_startup(turns=TURNS):
    """Seconds of CPU until the modules of a training are there."""

    def cpu_seconds(module):
        script = f"import sys, time; sys.path.insert(0, sys.argv[1]); import {module}; print(time.process_time())"
        command = [sys.executable, "-c", script, str(ROOT / "scripts")]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout), None

    seconds, _ = shortest(turns, torch=lambda: cpu_seconds("torch"), ours=lambda: cpu_seconds("cisflow.fitting"))
    print(
        f"\nstart-up, seconds of CPU: import torch {seconds['torch']:.2f}, import cisflow.fitting {seconds['ours']:.2f}"
        f" ({seconds['ours'] / seconds['torch']:.2f} times; no bound)"
    )
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = "trainer precision best_window packing streaming checkpoints startup"
    parser.add_argument("--only", nargs="*", choices=names.split(), help=f"of: {names}")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--cpu-seconds", action="store_true", help="count the processor's seconds, not the clock's: for a busy machine"
    )
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(f"GPU: not measured, torch {torch.__version__} sees none here")
        return 0
    device, clock = choose_device(given.device, 1), time.process_time if given.cpu_seconds else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        arguments = (folder, device, clock)
        benches = {
            "trainer": lambda: bench_trainers(*arguments),
            "precision": lambda: bench_precision(*arguments),
            "best_window": lambda: bench_best_window() if device.type == "cpu" else [],
            "packing": lambda: bench_packs(*arguments),
            "streaming": lambda: bench_streaming(*arguments),
            "checkpoints": lambda: bench_checkpoints(folder, device),
            "startup": bench_startup,
        }
        results = []
        for name, bench in benches.items():
            if not given.only or name in given.only:
                if given.device == "cpu":
                    with quiet():
                        choose_device("cpu", 1)  # anew, should the one before have set something else
                begin = time.perf_counter()
                results += bench()
                print(f"     [{name}: {time.perf_counter() - begin:.0f} s]", flush=True)
    if device.type == "cpu":
        print("\nGPU: not measured" + (" (--device cuda)" if torch.cuda.is_available() else ", torch sees none here"))
    print(f"\n{sum(results)} of {len(results)} hold")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
