"""From two splits and the description of a network to a trained one: what every rule that trains has in common."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from cisflow.batches import StreamedSplit, open_split
from cisflow.best_window import FirstPoolNetwork, starts_with_first_pool
from cisflow.channels_last import ChannelsLastNetwork, starts_with_pictures
from cisflow.checkpoints import (
    Interrupted,
    identity_of,
    raise_known_failure,
    remember_failure,
    remove_checkpoint,
    split_identity,
)
from cisflow.checksums import sha256_of
from cisflow.device import free_memory
from cisflow.layers import network_table, norms_of_single_values
from cisflow.learning_curve import training_rows
from cisflow.losses import TrainingLoss, balancing_weights, loss_name
from cisflow.messages import InputError
from cisflow.metrics import METRIC_OF_TASK
from cisflow.model import build_network, count_parameters, fit_tracks, save_model
from cisflow.parents import parent_warnings, record_of_parent, tell_warning, write_warnings
from cisflow.torch_layers import set_dropout_generator
from cisflow.training import forward_function, train
from cisflow.transfer import load_parent, start_from_parent

SHARE_OF_MEMORY = 0.5  # of what is free, that the training split may take; a quarter more at most is for validation


@dataclass
class Prepared:
    """A network with all that its training needs."""

    name: str
    model: torch.nn.Module
    loss: TrainingLoss
    splits: list  # of training and of validation
    seed: int
    task: str
    forward: object  # Batch -> logits
    generator: torch.Generator
    identity: str
    record: dict  # for `cisflow.model.save_model`, as far as it is known beforehand
    frozen: list = field(default_factory=list)
    rate_factors: dict | None = None
    warnings: list = field(default_factory=list)  # (kind, text)

    def warn(self, kind, text):
        """Note a warning, to be written beside the network, and print it."""
        self.warnings.append((kind, text))
        tell_warning(kind, text, self.name)


@dataclass
class Fitted:
    """A trained network with what is written beside it."""

    model: torch.nn.Module
    record: dict
    history: list
    warnings: list


def check_targets(targets, names, split, task, loss):
    """Refuse targets from which nothing can be learned.

    Parameters
    ----------
    targets : numpy.ndarray of float32, shape (N, T)
    names : list of str
    split : str
        Path, for the message.
    task, loss : str

    Raises
    ------
    InputError
        With every such target.
    """
    if not len(targets):
        raise InputError(
            f"{split} is empty: it has no rows",
            "found 0 rows, expected some; split_report.tsv beside it says what was dropped and why",
            "hold out other chromosomes (folds), or loosen what drops the rows",
        )
    problems = []
    for column, name in enumerate(names):
        known = targets[:, column][~np.isnan(targets[:, column])]
        if task == "binary" and len(np.unique(known)) < 2:
            what = f"all {len(known)} known rows are labelled {known[0]:g}" if len(known) else "no row has a label"
            problems.append(f"{name}: {what}, expected rows labelled 0 and rows labelled 1")
        elif task == "regression" and not len(known):
            problems.append(f"{name}: no row has a value")
        if loss in ("poisson", "negative_binomial") and len(known) and known.min() < 0:
            problems.append(
                f"{name}: the smallest value is {known.min():g}, and {loss} is a loss of counts (0 or more)"
            )
    if problems:
        raise InputError(
            f"{split}: {len(problems)} of {len(names)} target(s) cannot be trained on or judged by",
            "; ".join(problems),
            "hold out other chromosomes (folds), give the dataset negatives or more peaks, or choose another loss",
        )


def check_batch_norms(network, inputs, batch_size, frozen):
    """Refuse batches in which a batch norm has a single value of each channel.

    Parameters
    ----------
    network, inputs, batch_size, frozen
        See `cisflow.layers.norms_of_single_values`.

    Raises
    ------
    InputError
    """
    names = norms_of_single_values(network, inputs, batch_size, frozen)
    if names:
        raise InputError(
            f"batches of {batch_size} row cannot train {', '.join(names)}: of one value there is no variance",
            "the batch size is training.batch_size, or the number of training rows where there are fewer",
            "raise training.batch_size, give it more rows, or take layer_norm",
        )


def quick_form(model, network, training, device):
    """What computes a network in less time on a CPU; None where there is nothing, or torch's own way is asked for.

    Parameters
    ----------
    model : cisflow.model.Network
    network : dict
        What it was built from.
    training : dict
        `quick_cpu`, `compile`.
    device : torch.device

    Returns
    -------
    torch.nn.Module or None
        Base codes uint8 (N, L) -> logits (N, T), with the parameters of the network.
    """
    if device.type != "cpu" or not training["quick_cpu"] or training["compile"]:
        return None
    if starts_with_first_pool(network):
        return FirstPoolNetwork(model)
    return ChannelsLastNetwork(model) if starts_with_pictures(model) else None


def memory_estimate(network, inputs, n_targets, batch_size, n_parameters):
    """Bytes that network, gradients, optimiser and the activations of one batch take, about."""
    values = sum(math.prod(row["shape_out"]) for row in network_table(network, inputs, n_targets))
    values += sum(math.prod(shape) for shape in inputs.values())
    return 4 * (2 * values * batch_size + 4 * n_parameters)  # values and their gradients; weights, gradients, moments


def target_weights_of(wanted, names):
    """Weights of the targets in the loss, those that are not named 1; None where all are alike."""
    weights = torch.tensor([float(wanted.get(name, 1.0)) for name in names])
    return weights if wanted else None


def prepare(
    train_path,
    val_path,
    network,
    training,
    seed,
    device,
    *,
    name="",
    motifs=None,
    transfer=None,
    parent_path=None,
    percent=100,
    permuted=False,
    memory_mb=None,
    code="",
):
    """Build a network and open the splits that it is trained on; the test split is not read.

    Parameters
    ----------
    train_path, val_path : str
        HDF5 files of the two splits.
    network : dict or None
        `layers` and what else describes the network, as in models.yaml; None where it is that of the parent.
    training : dict
        `training` of the model's entry, defaults filled in.
    seed : int
        Of the initial weights, dropout, the order of the rows, crops and strands.
    device : torch.device
    name : str
        What the log calls it.
    motifs : dict of str -> str, optional
        MEME file of layers whose filters begin as motifs.
    transfer : dict, optional
        `freeze`, `learning_rate_factors`, `keep_output`: how training starts from the parent.
    parent_path : str, optional
        The model that it starts from.
    percent : float
        Of the training rows; see `cisflow.learning_curve.training_rows`.
    permuted : bool
        Whether the rows of each split get each other's targets: what training finds where there is nothing to learn.
    memory_mb : int, optional
        What the job may take on the CPU.
    code : str
        Digest of the code, so that another version does not go on from a checkpoint of this one.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        If nothing can be learned from the targets, or the network does not fit the data or its parent.
    """
    with h5py.File(train_path, "r") as file, h5py.File(val_path, "r") as val_file:
        about = dict(file.attrs)
        targets, val_targets = file["targets"][:], val_file["targets"][:]
        n_tracks, n_bins = file["tracks"].shape[1:] if "tracks" in file else (0, 0)
    if permuted:
        rng = np.random.default_rng(seed)
        targets, val_targets = rng.permutation(targets), rng.permutation(val_targets)  # of rows, all targets together
    all_targets = torch.from_numpy(targets)
    names, length, task = [str(name) for name in about["target_names"]], int(about["window_length"]), about["task"]
    loss = loss_name(training["loss"], task)
    rows = None
    if percent < 100:
        rows = training_rows(targets, percent, seed)
        targets = targets[rows]
    check_targets(targets, names, train_path, task, loss)
    check_targets(val_targets, names, val_path, task, loss)

    parent = load_parent(parent_path) if parent_path else None
    network = network or parent.record["network"]
    available = {"sequence": (4, length), **({"tracks": (int(n_tracks), int(n_bins))} if n_tracks else {})}
    torch.manual_seed(seed)  # initial weights
    model = build_network(network, available, len(names), motifs=motifs)
    inputs = {name: shape for name, shape in available.items() if name in model.reads}
    frozen = start_from_parent(model, parent, names, transfer) if parent else []
    model.to(device)
    generator = torch.Generator(device).manual_seed(seed)
    set_dropout_generator(model, generator)

    memory = free_memory(device, memory_mb)
    share, with_tracks = int(SHARE_OF_MEMORY * memory), "tracks" in inputs
    both = training["reverse_complement"]
    train_split = open_split(train_path, length, device, share, with_tracks, rows, all_targets, both)
    held = share if isinstance(train_split, StreamedSplit) else sum(x.nbytes for x in train_split.rows if x is not None)
    val_memory, of_val = max(share - held, share // 4), torch.from_numpy(val_targets)
    splits = [train_split, open_split(val_path, length, device, val_memory, with_tracks, None, of_val, both)]
    batch_size = min(training["batch_size"], len(train_split))
    check_batch_norms(network, inputs, batch_size, transfer["freeze"] if parent else [])
    if "tracks" in inputs and not parent:
        fit_tracks(model, splits[0])
    weights = None
    if training["class_weights"] == "balanced" and loss == "bce":
        weights = balancing_weights(torch.from_numpy(targets))
    prepared = Prepared(
        name=name,
        model=model,
        loss=TrainingLoss(
            loss, len(names), weights, target_weights_of(training["target_weights"], names),
            all_known=not np.isnan(targets).any() and not np.isnan(val_targets).any(),
        ).to(device),
        splits=splits,
        seed=seed,
        task=task,
        forward=forward_function(model, inputs, training, device, quick_form(model, network, training, device)),
        generator=generator,
        identity=identity_of(
            network=network, training=training, seed=seed, transfer=transfer, percent=percent,
            permuted=permuted, code=code,
            splits=[split_identity(path) for path in (train_path, val_path)],
            files=[sha256_of(path) for path in [*(motifs or {}).values(), *([parent_path] if parent_path else [])]],
        ),
        record={
            "network": network,
            "inputs": {name: list(shape) for name, shape in inputs.items()},
            "length": length,
            "target_names": names,
            "track_names": [str(name) for name in about["track_names"]] if n_tracks else [],
            "task": task,
            "loss": loss,
            "training": training,
            "seed": seed,
            "percent": percent,
            "permuted": permuted,
            **({"transfer": transfer, "parent": record_of_parent(parent.record)} if parent else {}),
            **{key: str(about[key]) for key in ("genome", "genome_sha256", "config_sha256", "fold")},
        },
        frozen=frozen,
        rate_factors=transfer["learning_rate_factors"] if parent else None,
    )  # fmt: skip
    tell_sizes(prepared, memory)
    if parent and "tracks" in inputs and parent.record["track_names"] != prepared.record["track_names"]:
        theirs, ours = (", ".join(record["track_names"]) for record in (parent.record, prepared.record))
        prepared.warn(
            "parent_other_tracks",
            f"the parent network read the tracks {theirs}; here it reads {ours} in their places",
        )
    return prepared


def settings_that_act(training, loss):
    """`training` without `loss`, which is told as what it means here, and what other choices leave without effect."""
    optimizer, schedule = training["optimizer"], training["schedule"]
    acts = {
        "loss": False,
        "class_weights": loss == "bce",
        "momentum": optimizer in ("sgd", "rmsprop"),
        "smoothing": optimizer == "rmsprop",
        "plateau_factor": schedule == "plateau",
        "plateau_patience": schedule == "plateau",
    }
    return {key: value for key, value in training.items() if acts.get(key, True)}


def tell_sizes(prepared, memory):
    """Print what is trained on what, and whether memory holds it."""
    record, model = prepared.record, prepared.model
    batch_size = min(record["training"]["batch_size"], len(prepared.splits[0]))
    needed = memory_estimate(
        record["network"], record["inputs"], len(record["target_names"]), batch_size, count_parameters(model)
    )
    print(
        (f"{prepared.name}: " if prepared.name else "")
        + f"{count_parameters(model):,} trainable parameters, loss {record['loss']}, seed {prepared.seed}; "
        + ", ".join(
            f"{key} {value}"
            for key, value in settings_that_act(record["training"], record["loss"]).items()
            if value not in (None, {}, False)
        )
    )
    for split, what in zip(prepared.splits, ("training", "validation"), strict=True):
        how = f"streamed from {split.path}" if isinstance(split, StreamedSplit) else "held in memory"
        print(f"{len(split):,} {what} rows of {record['length']} bp, {how}")
    print(
        f"network and a batch of {batch_size} need about {needed / 2**20:,.0f} of {memory / 2**20:,.0f} MB", flush=True
    )
    if needed > memory:
        print("that is more than there is: if memory runs out, lower training.batch_size", flush=True)


def finished(prepared, history):
    """A trained network with its record."""
    kept = next(row for row in history if row["kept"])
    start = f"{prepared.name}: " if prepared.name else ""
    metric = METRIC_OF_TASK[prepared.task]
    print(
        f"{start}kept epoch {kept['epoch']} of {len(history)}, validation loss {kept['val_loss']:.4f}, "
        f"{metric} {kept[f'val_{metric}']:.4f}",
        flush=True,
    )
    record = {**prepared.record, "kept_epoch": kept["epoch"]}
    return Fitted(prepared.model, record, history, prepared.warnings)


def fit_network(prepared, *, checkpoint=None, checkpoint_minutes=10.0, attempt=1, terminal=None):
    """Train a prepared network.

    Parameters
    ----------
    prepared : Prepared
    checkpoint : str or Path, optional
        Where checkpoints go while this runs; see `forget_checkpoint`.
    checkpoint_minutes : float
    attempt : int
        Of the job, counted from 1; a failure of the training's own doing is not gone through twice.
    terminal : file object, optional

    Returns
    -------
    Fitted
    """
    failure = Path(checkpoint).with_suffix(".failed.json") if checkpoint else None
    if failure:
        raise_known_failure(failure, prepared.identity, attempt)
    try:
        history = train(
            prepared.model, prepared.loss, *prepared.splits, prepared.record["training"], prepared.seed, prepared.task,
            prepared.forward, prepared.generator, rate_factors=prepared.rate_factors, frozen=prepared.frozen,
            checkpoint=checkpoint, identity=prepared.identity, checkpoint_minutes=checkpoint_minutes,
            warn=prepared.warn, terminal=terminal,
        )  # fmt: skip
    except InputError as error:
        if failure and not isinstance(error, Interrupted):
            remember_failure(failure, prepared.identity, error)
        raise
    return finished(prepared, history)


def forget_checkpoint(checkpoint):
    """Remove what a training left while it ran, once its outputs are written."""
    remove_checkpoint(checkpoint)
    Path(checkpoint).with_suffix(".failed.json").unlink(missing_ok=True)


def chromosomes_of(groups):
    """The chromosomes (or other groups) of each split, from a `groups.tsv`."""
    of_split = pd.read_csv(groups, sep="\t", dtype=str, keep_default_na=False)
    return {split: sorted(names) for split, names in of_split.groupby("split")["group"]}


def write_model(fitted, groups, model_output):
    """Write a network.

    Parameters
    ----------
    fitted : Fitted
    groups : str
        Table of the chromosomes (or other groups) of each split, written into the model so that later use can tell what
        it has not seen.
    model_output : str
    """
    save_model(model_output, fitted.model, {**fitted.record, "chromosomes": chromosomes_of(groups)})


def write_fitted(fitted, groups, model_output, history_output, warnings_output):
    """Write a trained network, its history, and what must be said of it.

    Parameters
    ----------
    fitted, groups, model_output
        See `write_model`.
    history_output, warnings_output : str
    """
    record = fitted.record
    of_parent = parent_warnings(record["parent"], chromosomes_of(groups), record) if "parent" in record else []
    for kind, text in of_parent:
        tell_warning(kind, text)
    pd.DataFrame(fitted.history).to_csv(history_output, sep="\t", index=False, float_format="%.8g")
    write_warnings(warnings_output, [*fitted.warnings, *of_parent])
    write_model(fitted, groups, model_output)
