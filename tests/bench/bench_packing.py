"""Time the training of 32 small networks as one against the same 32 in turn."""

import copy
import sys
from pathlib import Path

import torch
import yaml
from bench_data import best_of, told

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.batches import one_hot_of_codes  # noqa: E402
from cisflow.best_window import FirstPoolNetwork, starts_with_first_pool  # noqa: E402
from cisflow.device import choose_device  # noqa: E402
from cisflow.losses import TrainingLoss  # noqa: E402
from cisflow.model import build_network  # noqa: E402
from cisflow.optimizers import make_optimizer, parameter_groups  # noqa: E402
from cisflow.stacked_network import StackedNetwork, stacked_loss  # noqa: E402
from cisflow.stacked_optimizers import StackedOptimizer  # noqa: E402
from cisflow.torch_layers import set_dropout_generator  # noqa: E402

NETWORKS = 32
TURNS, STEPS = 5, 10
# The gradient of a bias before batch norm is rounding alone, and adam makes a whole step of it: from the second step
# on, torch differs from itself, with the rows of a batch in another order, as much as this does. The tests compare such
# networks in double precision.
COMPARED_WITH_NORM = 1
DEFAULTS = {"momentum": 0.9, "smoothing": 0.9, "weight_decay": 0.0}
MOTIF = torch.tensor([0, 2, 0, 3, 3, 0, 1, 0, 2, 2], dtype=torch.uint8)
# Name, entry of models.yaml, filters of the first layer if others, bases, at least so many times quicker. The time of
# wide networks goes into arithmetic, which packing does not save.
CASES = [
    ("zeng_1layer, 16 filters", "zeng_1layer_128motif", 16, 101, 3.0),
    ("deepbind", "deepbind", None, 101, 3.0),
    ("zou_primer", "zou_primer", None, 50, 3.0),
    ("zeng_1layer_128motif", "zeng_1layer_128motif", None, 101, None),
    ("motif_cnn", "motif_cnn", None, 200, None),
]


def planted(batch_size, length):
    """Batches of each network: base codes (STEPS, NETWORKS, N, L) and labels; every other row holds a motif."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(4, (STEPS, NETWORKS, batch_size, length), dtype=torch.uint8, generator=generator)
    codes[:, :, ::2, 15 : 15 + len(MOTIF)] = MOTIF
    labels = (1 - torch.arange(batch_size) % 2).float()[:, None]
    return codes, labels.expand(STEPS, NETWORKS, batch_size, 1).contiguous()


def quickest(network, model):
    """What maps base codes to logits in the least time, of one network."""
    if starts_with_first_pool(network):
        return FirstPoolNetwork(model)
    return lambda codes: model(one_hot_of_codes(codes))


def bench_entry(name, entry, length, wanted):
    """Whole steps (forward, loss, backward, optimiser) of one architecture, both ways from the same weights."""
    settings = {**DEFAULTS, **entry["training"]}
    network = {"layers": entry["layers"]}
    batch_size = settings["batch_size"]
    codes, labels = planted(batch_size, length)
    torch.manual_seed(0)
    models = [build_network(network, {"sequence": (4, length)}, 1) for _ in range(NETWORKS)]
    initial = [copy.deepcopy(model.state_dict()) for model in models]
    loss = TrainingLoss("bce", 1)
    together = StackedNetwork(models, [torch.Generator() for _ in models])

    def in_turn():
        losses = torch.empty(STEPS, NETWORKS)
        for number, model in enumerate(models):
            model.load_state_dict(initial[number])
            set_dropout_generator(model, torch.Generator().manual_seed(number))
            optimizer = make_optimizer(parameter_groups(model, settings), settings)
            logits_of = quickest(network, model)
            for step in range(STEPS):
                value = loss(logits_of(codes[step, number]), labels[step, number])
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
                losses[step, number] = value.detach()
        return losses

    def packed():
        for number, generator in enumerate(together.generators):
            together.load_state(number, initial[number])
            generator.manual_seed(number)
        optimizer = StackedOptimizer(together.flat, together.slices, settings)
        losses = torch.empty(STEPS, NETWORKS)
        for step in range(STEPS):
            together.flat.grad = None
            values = stacked_loss("bce", together(codes[step]), labels[step])
            values.sum().backward()
            optimizer.step(together.flat)
            losses[step] = values.detach()
        return losses

    seconds, given = best_of(TURNS, in_turn=in_turn, packed=packed)
    rows = NETWORKS * STEPS * batch_size
    rate = {side: rows / seconds[side] for side in seconds}
    ratio = rate["packed"] / rate["in_turn"]
    has_norm = any(spec["type"] == "batch_norm" for spec in network["layers"])
    compared = COMPARED_WITH_NORM if has_norm else STEPS
    difference = float((given["packed"] / given["in_turn"] - 1)[:compared].abs().max())
    print(
        f"\n{NETWORKS} x {name}, batches of {batch_size} x {length} bp, one thread: in turn {rate['in_turn']:,.0f}/s"
        f" ({seconds['in_turn'] / NETWORKS / STEPS * 1e6:.0f} us a step), packed {rate['packed']:,.0f}/s"
        f" ({seconds['packed'] / NETWORKS / STEPS * 1e6:.0f} us)"
    )
    if wanted is None:
        print(f"     {name}: {ratio:.2f} times the rate in turn (no bound)")
    results = (
        [] if wanted is None else [told(f"{name}: rate over in turn", f"{ratio:.2f}", f"{wanted:g}", ratio >= wanted)]
    )
    same = difference <= 1e-5
    largest = f"largest relative difference of a loss in {compared} step(s)"
    return [*results, told(f"{name}: {largest}", f"{difference:.1e}", "at most 1e-5", same)]


def bench_packing():
    """Networks of models.yaml on one thread, both ways with what `choose_device` sets."""
    entries = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())
    choose_device("cpu", 1)
    results = []
    for name, key, filters, length, wanted in CASES:
        entry = copy.deepcopy(entries[key])
        if filters:
            entry["layers"][0]["filters"] = filters
        results += bench_entry(name, entry, length, wanted)
    return results


if __name__ == "__main__":
    sys.exit(0 if all(bench_packing()) else 1)
