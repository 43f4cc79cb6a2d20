"""Time training steps of networks that begin conv1d, activation, global_max_pool against plain torch, in turn."""

import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from bench_data import best_of, told

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.batches import one_hot_of_codes  # noqa: E402
from cisflow.best_window import FirstPoolNetwork, best_windows  # noqa: E402
from cisflow.losses import TrainingLoss  # noqa: E402
from cisflow.model import build_network, first_convolution  # noqa: E402
from cisflow.optimizers import make_optimizer, parameter_groups  # noqa: E402

TURNS = 10
STEPS = 100
# Of them, whose losses are compared: later, rounding may have grown so far that torch differs from itself as much, with
# oneDNN's convolution and without.
COMPARED = 30
LENGTH = 101
MOTIF = torch.tensor([0, 2, 0, 3, 3, 0, 1, 0, 2, 2], dtype=torch.uint8)
DEFAULTS = {"momentum": 0.9, "smoothing": 0.9, "weight_decay": 0.0}


def planted(n_sequences):
    """Base codes and labels; every other sequence holds a motif."""
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 4, (n_sequences, LENGTH), dtype=np.uint8))
    for row, start in zip(range(0, n_sequences, 2), rng.integers(0, LENGTH - len(MOTIF), n_sequences), strict=False):
        codes[row, start : start + len(MOTIF)] = MOTIF
    return codes, 1 - torch.arange(n_sequences).remainder(2).float()[:, None]


def bench_entry(name, entry, wanted):
    """One entry of models.yaml: the same steps from the same seed, by the layers of torch and by the best windows."""
    settings = {**DEFAULTS, **entry["training"]}
    batch_size = settings["batch_size"]
    codes, labels = planted(STEPS * batch_size)
    batches = list(zip(codes.split(batch_size), labels.split(batch_size), strict=True))
    torch.manual_seed(0)
    model = build_network({"layers": entry["layers"]}, {"sequence": (4, LENGTH)}, 1)
    initial = {key: value.clone() for key, value in model.state_dict().items()}
    quick, convolution = FirstPoolNetwork(model), first_convolution(model)
    loss = TrainingLoss("bce", 1, all_known=True)  # as training takes it where every row has a label

    def steps(logits_of):
        model.load_state_dict(initial)
        optimizer = make_optimizer(parameter_groups(model, settings), settings)
        torch.manual_seed(1)  # of dropout
        losses = []
        for batch, of_batch in batches:
            value = loss(logits_of(batch), of_batch)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        return torch.stack(losses).double()

    def windows_alone():
        is_same = convolution.padding == "same"
        positions = LENGTH if is_same else LENGTH - convolution.kernel_size[0] + 1
        for batch, _ in batches:
            weight, bias = convolution.weight[None], convolution.bias[None]
            best_windows(batch[None], weight, bias, positions, is_same).sum().backward()

    seconds, given = best_of(
        TURNS,
        torch=lambda: steps(lambda batch: model(one_hot_of_codes(batch))),
        ours=lambda: steps(quick),
        windows=windows_alone,
    )
    rate = {side: STEPS * batch_size / seconds[side] for side in ("torch", "ours")}
    difference = float((given["ours"] / given["torch"] - 1)[:COMPARED].abs().max())
    ratio = rate["ours"] / rate["torch"]
    print(
        f"\ntraining {name}, batches of {batch_size} x {LENGTH} bp, one thread: torch {rate['torch']:,.0f}/s, ours"
        f" {rate['ours']:,.0f}/s; of our {seconds['ours'] / STEPS * 1e6:.0f} us a step, the best windows and their"
        f" gradient take {seconds['windows'] / STEPS * 1e6:.0f}"
    )
    return [
        told(f"{name}: rate over plain torch", f"{ratio:.1f} times", f"at least {wanted:g}", ratio >= wanted),
        told(
            f"{name}: largest relative difference of a loss in {COMPARED} steps",
            f"{difference:.1e}",
            "at most 1e-6",
            difference <= 1e-6,
            f"loss {float(given['ours'][0]):.4f} to {float(given['ours'][-1]):.4f} in {STEPS}",
        ),
    ]


def bench_best_window():
    """Whole steps (forward, loss, backward, optimiser) of two entries of models.yaml, denormals flushed for both."""
    entries = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        return [
            holds for name in ("zeng_1layer_128motif", "deepbind") for holds in bench_entry(name, entries[name], 3.0)
        ]
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


if __name__ == "__main__":
    sys.exit(0 if all(bench_best_window()) else 1)
