"""The training loop: one split in memory on the device, batches cut by permuted index, best weights kept."""

import copy
import math
import sys
import time

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from cisflow.messages import InputError
from cisflow.metrics import auroc_and_auprc
from cisflow.sequences import central, crop, reverse_complement

MAX_POSITIVE_WEIGHT = 10.0  # more would let a handful of positives rule the gradient


def masked_loss(logits, targets, positive_weight=None):
    """Binary cross-entropy over the known labels, the mean over targets of each target's mean.

    Parameters
    ----------
    logits, targets : torch.Tensor of float32, shape (N, T)
        Labels 0 or 1; NaN = unknown, left out.
    positive_weight : torch.Tensor, shape (T,), optional
        Weight of a positive against a negative, by target.

    Returns
    -------
    torch.Tensor
        Targets without a known label do not count; 0 where none has one.
    """
    known = ~torch.isnan(targets)
    losses = binary_cross_entropy_with_logits(
        logits, torch.where(known, targets, 0.0), reduction="none", pos_weight=positive_weight
    )
    n_known = known.sum(0)
    by_target = (losses * known).sum(0) / n_known.clamp(min=1)
    return by_target.sum() / (n_known > 0).sum().clamp(min=1)


def balancing_weights(targets):
    """Weight of positives that gives both classes of each target the same sum, from 1 to `MAX_POSITIVE_WEIGHT`.

    Parameters
    ----------
    targets : torch.Tensor, shape (N, T)

    Returns
    -------
    torch.Tensor of float32, shape (T,)
    """
    positives, negatives = (targets == 1).sum(0), (targets == 0).sum(0)
    return (negatives / positives.clamp(min=1)).clamp(1, MAX_POSITIVE_WEIGHT).float()


def make_optimizer(model, settings):
    """The optimizer that `settings` names; weight decay acts on weights, not on biases or batch norm."""
    name, rate, momentum = settings["optimizer"], settings["learning_rate"], settings["momentum"]
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings["weight_decay"]},
        {"params": others, "weight_decay": 0.0},
    ]
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=momentum)
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, momentum=momentum)
    return torch.optim.Adadelta(groups, lr=rate)


@torch.no_grad()
def validate(model, one_hot, targets, length, positive_weight=None, batch_size=1024):
    """Loss, mean over both strands, and mean AUROC on the central windows.

    Returns
    -------
    loss, auroc : float
        The loss is the one that is trained on; the AUROC is the mean over the targets that have both classes, NaN if
        none has.
    """
    model.eval()
    parts = [part.float() for part in central(one_hot, length).split(batch_size)]
    strands = [
        torch.cat([model(part) for part in parts]),
        torch.cat([model(reverse_complement(part)) for part in parts]),
    ]
    loss = sum(float(masked_loss(logits, targets, positive_weight)) for logits in strands) / 2
    truth, score = targets.cpu().numpy(), sum(torch.sigmoid(logits) for logits in strands).cpu().numpy()
    known = ~np.isnan(truth)
    areas = [
        auroc_and_auprc(truth[known[:, column], column] == 1, score[known[:, column], column])[0][0]
        for column in range(truth.shape[1])
    ]
    areas = [area for area in areas if np.isfinite(area)]
    return loss, float(np.mean(areas)) if areas else math.nan


def train(model, train_split, val_split, length, settings, seed, device, terminal=None):
    """Train a network until the validation loss has not improved for `patience` epochs.

    Each batch is cropped at a random offset within the stored bases and, half of it, reverse-complemented.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (N, 4, length) to logits (N, T); trained in place, and left with the weights of the best epoch.
    train_split, val_split : tuple of torch.Tensor
        `one_hot` int8 (N, 4, stored length) and `targets` float32 (N, T).
    length : int
        Length of the windows in bases.
    settings : dict
        `optimizer`, `learning_rate`, `momentum`, `weight_decay`, `batch_size`, `max_epochs`, `patience`,
        `class_weights`, as in models.yaml; config/schemas/models.schema.yaml holds their defaults.
    seed : int
        Of the order of the rows, the crops and the strands.
    device : torch.device
    terminal : file object, optional
        Where a progress bar is drawn; without one, only lines are printed.

    Returns
    -------
    list of dict
        One row an epoch: `epoch`, `train_loss` (mean over the batches as they were trained on), `val_loss`,
        `val_auroc` (mean over targets), `learning_rate`, `seconds`, `kept` (1 in the epoch whose weights were kept).
    """
    generator = torch.Generator().manual_seed(seed)
    model.to(device)
    x, y = (tensor.to(device) for tensor in train_split)
    val_x, val_y = (tensor.to(device) for tensor in val_split)
    weights = balancing_weights(y) if settings["class_weights"] == "balanced" else None
    optimizer = make_optimizer(model, settings)
    spare = x.shape[2] - length
    batch_size = min(settings["batch_size"], len(x))
    n_batches = max(len(x) // batch_size, 1)  # the last, shorter batch is left out: batch norm on a few rows is noise
    history, best_loss, best_weights, best_epoch = [], math.inf, None, 0
    bar = tqdm(total=settings["max_epochs"], file=terminal or sys.stderr, disable=terminal is None, leave=False)
    for epoch in range(1, settings["max_epochs"] + 1):
        begun = time.perf_counter()
        model.train()
        order = torch.randperm(len(x), generator=generator).to(device)
        offsets = torch.randint(spare + 1, (len(x),), generator=generator).to(device)
        flips = (torch.rand(len(x), generator=generator) < 0.5).to(device)
        total = torch.zeros((), device=device)
        for number in range(n_batches):
            rows = order[number * batch_size : (number + 1) * batch_size]
            batch = crop(x[rows], offsets[rows], length)
            batch = torch.where(flips[rows, None, None], reverse_complement(batch), batch).float()
            loss = masked_loss(model(batch), y[rows], weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        train_loss = float(total) / n_batches
        val_loss, val_auroc = validate(model, val_x, val_y, length, weights)
        seconds = time.perf_counter() - begun
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "val_loss": val_loss,
                "val_auroc": val_auroc,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": seconds,
                "kept": 0,
            }
        )
        print(
            f"epoch {epoch}: train loss {train_loss:.4f}, validation loss {val_loss:.4f}, AUROC {val_auroc:.4f}, "
            f"{seconds:.1f} s",
            flush=True,
        )
        if not math.isfinite(train_loss) or not math.isfinite(val_loss):
            print("the loss is no longer a finite number: training stops", flush=True)
            break
        if val_loss < best_loss:
            best_loss, best_epoch = val_loss, epoch
            best_weights = copy.deepcopy(model.state_dict())
        bar.set_postfix_str(f"validation loss {val_loss:.4f}, best {best_loss:.4f}")
        bar.update()
        if epoch - best_epoch >= settings["patience"]:
            print(f"no better validation loss for {settings['patience']} epochs: training stops", flush=True)
            break
    bar.close()
    if best_weights is None:
        raise InputError(
            "training diverged in its first epoch",
            f"training loss {history[-1]['train_loss']}, validation loss {history[-1]['val_loss']}",
            "lower training.learning_rate of the model in models.yaml",
        )
    model.load_state_dict(best_weights)
    model.eval()
    history[best_epoch - 1]["kept"] = 1
    return history
