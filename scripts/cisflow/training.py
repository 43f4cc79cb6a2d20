"""The training loop: a step for each batch, a look at the validation split each epoch, the best weights kept."""

import copy
import math
import sys
import time
from dataclasses import dataclass, field

import torch
from tqdm import tqdm

from cisflow.batches import Batch, one_hot_of_codes, other_strand
from cisflow.checkpoints import Interrupted, read_checkpoint, stop_signals, write_checkpoint
from cisflow.losses import predicted_values
from cisflow.messages import InputError
from cisflow.metrics import METRIC_OF_TASK, epoch_metrics
from cisflow.optimizers import cap_weight_norms, learning_rate_at, make_optimizer, parameter_groups

VALIDATION_BATCH = 1024
SECONDS_BETWEEN_CHECKPOINTS = 1.0  # epochs that are shorter do not all leave one: writing it would take longer


@dataclass
class Progress:
    """How far a training has come: what a checkpoint holds beside the states of network, loss and optimiser."""

    epoch: int = 1  # that is running
    batch: int = 0  # batches done in it
    loss_sum: float = 0.0  # of these batches
    seconds: float = 0.0  # spent on them
    history: list = field(default_factory=list)
    best_score: tuple = (math.inf,)  # lower is better: the loss; or the metric with its sign turned, then the loss
    best_epoch: int = 0
    best_weights: dict | None = None
    parts: int = 1  # that a batch is cut into where memory does not hold it whole
    warnings: list = field(default_factory=list)  # (kind, text), told again by whoever goes on

    def close_epoch(self, settings, task, steps, learning_rate, found):
        """Add a row to the history once an epoch is over; `found` is what `validate` gives.

        Returns
        -------
        bool
            Whether this epoch is the best so far.

        Raises
        ------
        InputError
            If a loss is no finite number, or no epoch had a metric to stop on and the last is over.
        """
        train_loss, val_loss = self.loss_sum / steps, found["loss"]
        self.history.append(
            {
                "epoch": self.epoch,
                "train_loss": train_loss,
                **{f"val_{name}": value for name, value in found.items()},
                "learning_rate": learning_rate,
                "seconds": self.seconds,
                "kept": 0,
            }
        )
        if not math.isfinite(train_loss) or not math.isfinite(val_loss):
            raise InputError(
                f"the loss is no finite number in epoch {self.epoch}: training diverged",
                f"training loss {train_loss:g}, validation loss {val_loss:g}, learning rate {learning_rate:g}",
                f"lower training.learning_rate of the model (to {settings['learning_rate'] / 10:g}, say), set"
                " gradient_clip (1.0, say) or warmup_epochs, or precision fp32; look for huge values in the targets",
            )
        # An AUROC of 1 is soon reached where classes are easily told apart, and the loss still falls from there.
        score = (val_loss,) if settings["stop_on"] == "loss" else (-found[METRIC_OF_TASK[task]], val_loss)
        is_best = score < self.best_score  # never without a metric: of equal predictions there is no correlation
        if is_best:
            self.best_score, self.best_epoch = score, self.epoch
        if not self.best_epoch and self.is_over(settings):
            raise InputError(
                f"none of {len(self.history)} epochs has a validation {METRIC_OF_TASK[task]} to stop on",
                "training.stop_on is metric, and the predictions or the values of the validation split are all equal",
                "lower training.learning_rate (a network whose predictions are all equal may be dead), set"
                " training.stop_on to loss, or look at the targets of the validation split",
            )
        self.epoch, self.batch, self.loss_sum, self.seconds = self.epoch + 1, 0, 0.0, 0.0
        return is_best

    def is_over(self, settings):
        """Whether the last allowed epoch is done, or `patience` epochs have brought nothing better."""
        done = len(self.history)
        return done >= settings["max_epochs"] or done - self.best_epoch >= settings["patience"]

    def told(self, task):
        """A line on the epoch that is over."""
        row = self.history[-1]
        metric = METRIC_OF_TASK[task]
        return (
            f"epoch {row['epoch']}: train loss {row['train_loss']:.4f}, validation loss {row['val_loss']:.4f}, "
            f"{metric} {row[f'val_{metric}']:.4f}, learning rate {row['learning_rate']:.3g}, {row['seconds']:.1f} s"
        )


def forward_function(model, inputs, settings, device, of_codes=None):
    """What maps a batch to logits, in the precision that the settings name.

    Parameters
    ----------
    model : torch.nn.Module
        See `cisflow.model.build_network`.
    inputs : dict
        `sequence`, `tracks` or both: what the network reads.
    settings : dict
        `precision`, `compile`.
    device : torch.device
    of_codes : torch.nn.Module, optional
        A quicker form of the network, with the same parameters, that reads base codes.

    Returns
    -------
    callable
        Batch -> torch.Tensor of float32, shape (N, T).
    """
    if settings["compile"] and of_codes is None:
        model = torch.compile(model)
    is_half = settings["precision"] == "bf16"

    def forward(batch):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_half):
            if of_codes is not None:
                return of_codes(batch.codes).float()
            sequence = one_hot_of_codes(batch.codes) if "sequence" in inputs else None
            return model(sequence, batch.tracks).float()

    return forward


@torch.no_grad()
def judged(forward, blocks, loss, loss_name, both_strands=True, rows_at_once=VALIDATION_BATCH):
    """Losses and predictions, both of them means over both strands.

    Parameters
    ----------
    forward : callable
        Batch -> logits (..., N, T), of a network that is in evaluation.
    blocks : callable
        Number of rows -> all rows in blocks of so many; fewer are asked for where memory does not hold them.
    loss : callable
        Logits and targets -> losses (...).
    loss_name : str
        A key of `cisflow.losses.LOSSES`.
    both_strands : bool
        False: of the strand that is stored alone.
    rows_at_once : int

    Returns
    -------
    losses : torch.Tensor, shape (...)
    predictions : numpy.ndarray of float32, shape (..., N, T)
    """
    strands, targets = [[] for _ in range(1 + both_strands)], []
    try:
        for block in blocks(rows_at_once):
            strands[0].append(forward(block))
            if both_strands:
                strands[1].append(forward(other_strand(block)))
            targets.append(block.targets)
    except torch.OutOfMemoryError:
        if rows_at_once == 1:
            raise
        return judged(forward, blocks, loss, loss_name, both_strands, rows_at_once // 2)
    strands, targets = [torch.cat(parts, dim=-2) for parts in strands], torch.cat(targets, dim=-2)
    predictions = sum(predicted_values(logits, loss_name) for logits in strands) / len(strands)
    return sum(loss(logits, targets) for logits in strands) / len(strands), predictions.cpu().numpy()


def validate(forward, model, loss, split, task):
    """Loss, mean over both strands, and metrics, means over targets, on the central windows of a split.

    Returns
    -------
    dict of str -> float
        `loss`, the one that is trained on, and what `cisflow.metrics.epoch_metrics` gives of the mean of both strands'
        predictions: NaN where no target has one.
    """
    model.eval()
    value, predictions = judged(forward, split.blocks, loss, loss.name, split.both_strands)
    return {"loss": float(value), **epoch_metrics(split.targets.cpu().numpy(), predictions, task)}


def random_states(generator, device):
    """States of all random numbers of a training that are not drawn anew each epoch."""
    states = {"dropout": generator.get_state(), "torch": torch.get_rng_state()}
    return {**states, "cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else states


def set_random_states(states, generator, device):
    """Put back what `random_states` gave, as far as it is of this kind of device."""
    torch.set_rng_state(states["torch"])
    if ("cuda" in states) == (device.type == "cuda"):
        generator.set_state(states["dropout"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], device)


def train(
    model,
    loss,
    train_split,
    val_split,
    settings,
    seed,
    task,
    forward,
    generator,
    *,
    rate_factors=None,
    frozen=(),
    checkpoint=None,
    identity="",
    checkpoint_minutes=10.0,
    warn=print,
    terminal=None,
):
    """Train a network until the validation split has not improved for `patience` epochs.

    Each batch is cropped at a random offset within the stored bases and, half of it, reverse-complemented (unless
    `reverse_complement` of the settings is false).

    Parameters
    ----------
    model : torch.nn.Module
        Trained in place, and left with the weights of the best epoch.
    loss : cisflow.losses.TrainingLoss
    train_split, val_split : cisflow.batches.ResidentSplit or StreamedSplit
    settings : dict
        `training` of an entry of models.yaml; config/schemas/models.schema.yaml holds the defaults.
    seed : int
        Of the order of the rows, the crops and the strands.
    task : str
        `binary` or `regression`.
    forward : callable
        See `forward_function`.
    generator : torch.Generator
        From which the network draws its dropout; it goes into checkpoints.
    rate_factors : dict of str -> float, optional
        See `cisflow.optimizers.parameter_groups`.
    frozen : sequence of torch.nn.Module
        Parts of the network that stay as they are, statistics of batch norm and all.
    checkpoint : str or Path, optional
        Where a checkpoint is kept while this runs, and looked for at first.
    identity : str
        Of this training; see `cisflow.checkpoints.identity_of`.
    checkpoint_minutes : float
        A checkpoint is written at the end of an epoch, and within one whenever so many minutes have passed.
    warn : callable
        Takes the kind and the text of a warning.
    terminal : file object, optional
        Where a progress bar is drawn; without one, only lines are printed.

    Returns
    -------
    list of dict
        One row an epoch: `epoch`, `train_loss` (mean over the batches as they were trained on), `val_loss`, `val_auroc`
        and `val_accuracy` or `val_pearson` (means over targets), `learning_rate` (of the last step), `seconds`, `kept`
        (1 in the epoch whose weights were kept).

    Raises
    ------
    InputError
        If the loss is no longer finite, or memory does not hold half a batch.
    Interrupted
        After SIGTERM or SIGINT; the checkpoint is written before.
    """
    device = next(model.parameters()).device
    parameters = [*model.parameters(), *loss.parameters()]
    groups = parameter_groups(model, settings, rate_factors)
    if list(loss.parameters()):
        groups.append({"params": list(loss.parameters()), "weight_decay": 0.0, "rate_factor": 1.0})
    optimizer = make_optimizer(groups, settings)
    batch_size = min(settings["batch_size"], len(train_split))
    steps = len(train_split) // batch_size
    parts_of = {"model": model, "loss": loss, "optimizer": optimizer}
    progress = Progress()

    def save():
        if checkpoint is not None:
            states = {name: part.state_dict() for name, part in parts_of.items()}
            write_checkpoint(
                checkpoint, identity, {**states, **vars(progress), "random": random_states(generator, device)}
            )

    def tell(kind, text):
        progress.warnings.append([kind, text])
        warn(kind, text)

    if checkpoint is not None:
        state, refusal = read_checkpoint(checkpoint, identity)
        if refusal:
            tell("checkpoint_refused", refusal)
        if state is not None:
            for name, part in parts_of.items():
                part.load_state_dict(state.pop(name))
            set_random_states(state.pop("random"), generator, device)
            progress = Progress(**state)
            print(f"going on from {checkpoint}: epoch {progress.epoch}, batch {progress.batch} of {steps}", flush=True)
            for warning in progress.warnings:
                warn(*warning)

    def rate_of(batch_number):
        val_losses = [row["val_loss"] for row in progress.history]
        return learning_rate_at(settings, (progress.epoch - 1) * steps + batch_number, steps, val_losses)

    def gradient(batch):
        """Backpropagate one batch, in as many parts as memory asks for; returns its loss."""
        for parameter in parameters:
            parameter.grad = None
        if progress.parts == 1:
            value = loss(forward(batch), batch.targets)
            value.backward()
            return value.detach()
        total = torch.zeros((), device=device)
        for begin in range(0, batch_size, -(-batch_size // progress.parts)):
            rows = slice(begin, begin + -(-batch_size // progress.parts))
            part = Batch(*(None if x is None else x[rows] for x in batch))
            value = loss(forward(part), part.targets) * (len(part.codes) / batch_size)
            value.backward()
            total += value.detach()
        return total

    def gradient_that_fits(batch):
        try:
            return gradient(batch)
        except torch.OutOfMemoryError as error:
            if progress.parts > 1 or batch_size == 1:
                raise InputError(
                    f"the device's memory does not hold {-(-batch_size // progress.parts)} rows of this network",
                    str(error).splitlines()[0],
                    "lower training.batch_size in models.yaml, or run on a device with more memory",
                ) from None
        progress.parts = 2
        if device.type == "cuda":
            torch.cuda.empty_cache()
        tell(
            "memory",
            f"a batch of {batch_size} rows does not fit into the device's memory: each is computed in two halves whose"
            " gradients are added (batch norm then sees the halves)",
        )
        return gradient_that_fits(batch)

    bar = tqdm(total=settings["max_epochs"], file=terminal or sys.stderr, disable=terminal is None, leave=False)
    bar.update(progress.epoch - 1)
    written = time.perf_counter()
    with stop_signals() as signal_name:
        while not progress.is_over(settings):
            begun = time.perf_counter() - progress.seconds
            model.train()
            for part in frozen:
                part.eval()
            rate = rate_of(max(progress.batch - 1, 0))
            total = torch.tensor(progress.loss_sum, device=device, dtype=torch.float64)
            for batch in train_split.batches(batch_size, seed, progress.epoch, progress.batch):
                rate = rate_of(progress.batch)
                for group in optimizer.param_groups:
                    group["lr"] = rate * group["rate_factor"]
                total += gradient_that_fits(batch)
                if settings["gradient_clip"]:
                    torch.nn.utils.clip_grad_norm_(parameters, settings["gradient_clip"])
                optimizer.step()
                if settings["weight_norm_cap"]:
                    cap_weight_norms((p for p in model.parameters() if p.requires_grad), settings["weight_norm_cap"])
                progress.batch += 1
                is_due = time.perf_counter() - written > 60 * checkpoint_minutes
                if signal_name() or is_due:
                    progress.loss_sum, progress.seconds = float(total), time.perf_counter() - begun
                    save()
                    written = time.perf_counter()
                if signal_name():
                    raise Interrupted(
                        f"training was asked to stop ({signal_name()})",
                        f"it stopped after batch {progress.batch} of {steps} in epoch {progress.epoch}"
                        + (f"; {checkpoint} holds its state" if checkpoint is not None else ""),
                        "run the same command again: the training goes on from there",
                    )
            found = validate(forward, model, loss, val_split, task)
            progress.loss_sum, progress.seconds = float(total), time.perf_counter() - begun
            if progress.close_epoch(settings, task, steps, rate, found):
                progress.best_weights = copy.deepcopy(model.state_dict())
            print(progress.told(task), flush=True)
            bar.set_postfix_str(f"validation loss {found['loss']:.4f}, best epoch {progress.best_epoch}")
            bar.update()
            if time.perf_counter() - written > SECONDS_BETWEEN_CHECKPOINTS:
                save()
                written = time.perf_counter()
    bar.close()
    if len(progress.history) < settings["max_epochs"]:
        print(f"nothing better on the validation split for {settings['patience']} epochs: training stops", flush=True)
    model.load_state_dict(progress.best_weights)
    model.eval()
    progress.history[progress.best_epoch - 1]["kept"] = 1
    return progress.history
