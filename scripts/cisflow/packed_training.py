"""Many small networks of one architecture trained together, each as it would be by itself.

One step is taken for all of them, each on a batch of its own rows. Their epochs end at different steps; whoever is done
leaves, and the others go on. What a network becomes does not hang on its company, but for rounding.
"""

import time
from functools import partial

import torch

from cisflow.batches import blocks_together
from cisflow.checkpoints import Interrupted, read_checkpoint, stop_signals, write_checkpoint
from cisflow.messages import InputError
from cisflow.metrics import epoch_metrics
from cisflow.optimizers import learning_rate_at
from cisflow.stacked_network import StackedNetwork, stacked_loss
from cisflow.stacked_optimizers import StackedOptimizer, cap_weight_norms, clip_gradients
from cisflow.training import SECONDS_BETWEEN_CHECKPOINTS, VALIDATION_BATCH, Progress, judged


def of_rows(weights, rows):
    """Weights of the losses of some networks."""
    return {name: None if values is None else values[rows] for name, values in weights.items()}


def validate_together(stack, splits, loss_name, weights, task, batch_size):
    """Loss and metrics of some networks as `cisflow.training.validate` gives them, each on its own split.

    Parameters
    ----------
    stack : cisflow.stacked_network.StackedNetwork
        M networks.
    splits : dict of int -> cisflow.batches.ResidentSplit
        By the row of the network in the stack.
    loss_name : str
    weights : dict of str -> torch.Tensor or None
        `positive_weight` and `target_weights` of `cisflow.stacked_network.stacked_loss`.
    task : str
    batch_size : int
        Rows of each that memory is known to hold.

    Returns
    -------
    dict of int -> dict of str -> float
        By the row.
    """

    def judged_rows(rows):
        networks, loss = stack.part(rows), partial(stacked_loss, loss_name, **of_rows(weights, rows))
        blocks = partial(blocks_together, [splits[row] for row in rows])
        rows_at_once = max(batch_size, VALIDATION_BATCH // len(rows))
        both_strands = splits[rows[0]].both_strands
        losses, predictions = judged(
            lambda batch: networks(batch.codes), blocks, loss, loss_name, both_strands, rows_at_once
        )
        return zip(rows, losses.tolist(), predictions, strict=True)

    # Those together whose splits have about as many rows: at most half of what is computed is there to fill up.
    groups, found = {}, {}
    for row, split in splits.items():
        groups.setdefault(len(split).bit_length(), []).append(row)
    for rows in groups.values():
        for row, value, predictions in judged_rows(rows):
            targets = splits[row].targets.cpu().numpy()
            found[row] = {"loss": value, **epoch_metrics(targets, predictions[: len(targets)], task)}
    return found


def train_packed(members, settings, *, checkpoint=None, identity="", checkpoint_minutes=10.0, warn=print):
    """Train networks together, each until its own validation split has not improved for `patience` epochs.

    Parameters
    ----------
    members : list of cisflow.fitting.Prepared
        Of one architecture, loss, task, number of targets and batch size; each is left with its best weights.
    settings : dict
        `training` of their entry, the same for all.
    checkpoint, identity, checkpoint_minutes, warn
        As of `cisflow.training.train`, for all together.

    Returns
    -------
    list
        The history of each network as `cisflow.training.train` gives it, `seconds` being its share of the time; or the
        InputError that ended it.

    Raises
    ------
    Interrupted
        After SIGTERM or SIGINT; the checkpoint is written before.
    """
    device, loss_name, task = next(members[0].model.parameters()).device, members[0].loss.name, members[0].task
    batch_size = min(settings["batch_size"], len(members[0].splits[0]))
    steps = [len(member.splits[0]) // batch_size for member in members]
    stack = StackedNetwork(
        [member.model for member in members], [member.generator for member in members], settings["quick_cpu"]
    )
    optimizer = StackedOptimizer(stack.flat, stack.slices, settings)
    best = {name: values.clone() for name, values in stack.state().items()}  # of every member, by its number
    progress, failed, alive = [Progress() for _ in members], {}, list(range(len(members)))
    totals = torch.zeros(len(members), dtype=torch.float64, device=device)
    weights = {
        name: None if getattr(members[0].loss, name) is None else torch.stack([getattr(m.loss, name) for m in members])
        for name in ("positive_weight", "target_weights")
    }

    def keep(rows):
        nonlocal totals, weights
        stack.keep(rows)
        optimizer.keep(rows)
        totals, weights = totals[rows], of_rows(weights, rows)

    def save():
        if checkpoint is None:
            return
        for row, number in enumerate(alive):
            progress[number].loss_sum = float(totals[row])
        state = {
            "alive": list(alive),
            "failed": {number: [error.what, error.why, error.fix] for number, error in failed.items()},
            "progress": [vars(one) for one in progress],
            "networks": stack.state(),
            "best": best,
            "optimizer": optimizer.state_dict(),
            "generators": [generator.get_state() for generator in stack.generators],
        }
        write_checkpoint(checkpoint, identity, state)

    state, refusal = read_checkpoint(checkpoint, identity) if checkpoint is not None else (None, "")
    if refusal:
        warn("checkpoint_refused", refusal)
    if state is not None:
        alive = state["alive"]
        failed = {int(number): InputError(*parts) for number, parts in state["failed"].items()}
        progress = [Progress(**one) for one in state["progress"]]
        best = {name: values.to(device) for name, values in state["best"].items()}
        if alive:
            keep(alive)
            stack.load(state["networks"])
            optimizer.load_state_dict(state["optimizer"])
            totals = torch.tensor([progress[number].loss_sum for number in alive], dtype=torch.float64, device=device)
            for generator, random in zip(stack.generators, state["generators"], strict=True):
                generator.set_state(random)
        print(
            f"going on from {checkpoint}: {len(members) - len(alive)} of {len(members)} networks are done", flush=True
        )

    def close_epochs(rows, rates):
        """Validate networks whose epoch is over; gives the numbers of those that are done."""
        begun, numbers, better = time.perf_counter(), [alive[row] for row in rows], []
        splits = {row: members[alive[row]].splits[1] for row in rows}
        found = validate_together(stack, splits, loss_name, weights, task, batch_size)
        loss_sums, share = totals[rows].tolist(), (time.perf_counter() - begun) / len(rows)
        totals[rows] = 0.0
        for row, number, loss_sum in zip(rows, numbers, loss_sums, strict=True):
            one = progress[number]
            one.loss_sum, one.seconds = loss_sum, one.seconds + share
            try:
                if one.close_epoch(settings, task, steps[number], rates[row], found[row]):
                    better.append((row, number))
                print(f"{members[number].name}: {one.told(task)}", flush=True)
            except InputError as error:
                failed[number] = error
                continue
            if not one.is_over(settings):
                batches[number] = batches_of(number)
        if better:
            best_rows, best_numbers = (list(part) for part in zip(*better, strict=True))
            for name, values in stack.state().items():
                best[name][best_numbers] = values[best_rows]
        return {number for number in numbers if number in failed or progress[number].is_over(settings)}

    def batches_of(number):
        one = progress[number]
        return members[number].splits[0].batches(batch_size, members[number].seed, one.epoch, one.batch)

    batches = {number: batches_of(number) for number in alive}
    written = time.perf_counter()
    with stop_signals() as signal_name:
        while alive:
            begun = time.perf_counter()
            rates = [
                learning_rate_at(
                    settings, (one.epoch - 1) * steps[number] + one.batch, steps[number],
                    [row["val_loss"] for row in one.history] if settings["schedule"] == "plateau" else [],
                )
                for number, one in ((number, progress[number]) for number in alive)
            ]  # fmt: skip
            optimizer.rates.copy_(torch.tensor(rates, dtype=torch.float64)[:, None])
            batch = [next(batches[number]) for number in alive]
            logits = stack(torch.stack([part.codes for part in batch]))
            targets = torch.stack([part.targets for part in batch])
            losses = stacked_loss(loss_name, logits, targets, **weights)
            stack.flat.grad = None
            losses.sum().backward()
            if settings["gradient_clip"]:
                clip_gradients(stack.flat, settings["gradient_clip"])
            optimizer.step(stack.flat)
            if settings["weight_norm_cap"]:
                cap_weight_norms(stack.flat, stack.slices, settings["weight_norm_cap"])
            totals += losses.detach()
            share = (time.perf_counter() - begun) / len(alive)
            for number in alive:
                progress[number].batch += 1
                progress[number].seconds += share
            ended = [row for row, number in enumerate(alive) if progress[number].batch == steps[number]]
            leaving = close_epochs(ended, rates) if ended else set()
            if leaving:
                staying = [row for row, number in enumerate(alive) if number not in leaving]
                alive = [alive[row] for row in staying]
                if alive:
                    keep(staying)
            since = time.perf_counter() - written
            if signal_name() or since > 60 * checkpoint_minutes or (leaving and since > SECONDS_BETWEEN_CHECKPOINTS):
                save()
                written = time.perf_counter()
            if signal_name():
                raise Interrupted(
                    f"training was asked to stop ({signal_name()})",
                    f"{len(members) - len(alive)} of {len(members)} networks are done, the others in some epoch"
                    + (f"; {checkpoint} holds their state" if checkpoint is not None else ""),
                    "run the same command again: the training goes on from there",
                )
    save()
    results = []
    for number, (member, one) in enumerate(zip(members, progress, strict=True)):
        if number not in failed:
            member.model.load_state_dict(stack.state_of(number, best))
            member.model.eval()
            one.history[one.best_epoch - 1]["kept"] = 1
        results.append(failed.get(number, one.history))
    return results
