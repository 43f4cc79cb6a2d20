"""Many small networks of one architecture trained together, each as it would be by itself.

One step is taken for all of them, each on a batch of its own rows. Their epochs end at different steps; whoever is done
leaves, and the others go on. What a network becomes does not hang on its company, but for rounding.
"""

import time

import torch

from cisflow.checkpoints import Interrupted, read_checkpoint, stop_signals, write_checkpoint
from cisflow.messages import InputError
from cisflow.optimizers import learning_rate_at
from cisflow.stacked_network import StackedNetwork, stacked_loss
from cisflow.stacked_optimizers import StackedOptimizer, cap_weight_norms, clip_gradients
from cisflow.training import SECONDS_BETWEEN_CHECKPOINTS, Progress, validate


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
        [member.model for member in members], [member.generator for member in members], settings["best_window"]
    )
    optimizer = StackedOptimizer(stack.flat, stack.slices, settings)
    progress, failed, alive = [Progress() for _ in members], {}, list(range(len(members)))
    totals = torch.zeros(len(members), dtype=torch.float64, device=device)
    weights = {
        name: None if getattr(members[0].loss, name) is None else torch.stack([getattr(m.loss, name) for m in members])
        for name in ("positive_weight", "target_weights")
    }

    def keep(rows):
        nonlocal totals
        stack.keep(rows)
        optimizer.keep(rows)
        totals = totals[rows]
        for name, values in weights.items():
            weights[name] = values if values is None else values[rows]

    def save():
        if checkpoint is None:
            return
        for row, number in enumerate(alive):
            progress[number].loss_sum = float(totals[row])
        state = {
            "alive": list(alive),
            "failed": {number: [error.what, error.why, error.fix] for number, error in failed.items()},
            "progress": [vars(one) for one in progress],
            "flat": stack.flat.detach(),
            "buffers": stack.buffers,
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
        if alive:
            keep(alive)
            with torch.no_grad():
                stack.flat.copy_(state["flat"])
            stack.buffers = {name: buffer.to(device) for name, buffer in state["buffers"].items()}
            optimizer.load_state_dict(state["optimizer"])
            totals = torch.tensor([progress[number].loss_sum for number in alive], dtype=torch.float64, device=device)
            for generator, random in zip(stack.generators, state["generators"], strict=True):
                generator.set_state(random)
        print(
            f"going on from {checkpoint}: {len(members) - len(alive)} of {len(members)} networks are done", flush=True
        )

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
            leaving = set()
            for row, number in enumerate(alive):
                one, member = progress[number], members[number]
                one.batch += 1
                one.seconds += share
                if one.batch < steps[number]:
                    continue
                begun = time.perf_counter()
                one.loss_sum, totals[row] = float(totals[row]), 0.0
                weights_now = stack.state_of(row)
                member.model.load_state_dict(weights_now)
                val_loss, val_metric = validate(member.forward, member.model, member.loss, member.splits[1], task)
                one.seconds += time.perf_counter() - begun
                try:
                    if one.close_epoch(settings, task, steps[number], rates[row], val_loss, val_metric):
                        one.best_weights = weights_now
                    print(f"{member.name}: {one.told(task)}", flush=True)
                except InputError as error:
                    failed[number] = error
                if number in failed or one.is_over(settings):
                    leaving.add(number)
                else:
                    batches[number] = batches_of(number)
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
            member.model.load_state_dict(one.best_weights)
            member.model.eval()
            one.history[one.best_epoch - 1]["kept"] = 1
        results.append(failed.get(number, one.history))
    return results
