"""Many networks trained by one job: those of one architecture together, the others in turn."""

import json
from pathlib import Path

import torch

from cisflow.checkpoints import (
    Interrupted,
    identity_of,
    raise_known_failure,
    read_checkpoint,
    remember_failure,
    write_checkpoint,
)
from cisflow.fitting import finished, fit_network
from cisflow.messages import InputError
from cisflow.packed_training import train_packed
from cisflow.stacked_network import can_be_stacked


def groups_of(members):
    """Which members can be trained together.

    Parameters
    ----------
    members : list of cisflow.fitting.Prepared

    Returns
    -------
    list of list of int
        Numbers of the members; a group of one is trained by itself.
    """
    groups = {}
    for number, member in enumerate(members):
        record = member.record
        key = number
        resident = all(hasattr(split, "rows") for split in member.splits)
        is_plain = record["training"]["precision"] == "fp32" and not record["training"]["compile"]
        if can_be_stacked(record["network"]) and resident and is_plain and record["loss"] != "negative_binomial":
            batch_size = min(record["training"]["batch_size"], len(member.splits[0]))
            parts = [record[name] for name in ("network", "inputs", "training", "task", "loss")]
            key = json.dumps([*parts, len(record["target_names"]), batch_size], sort_keys=True)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def failed_together(failed, n_members):
    """One error for all networks of a job that failed.

    Parameters
    ----------
    failed : dict of str -> InputError
        By the name of the network.
    n_members : int
        Of the job.
    """
    if n_members == 1:
        [(name, error)] = failed.items()
        return InputError(f"{name}: {error.what}", error.why, error.fix)
    return InputError(
        f"{len(failed)} of the {n_members} networks of this job failed",
        "; ".join(f"{name}: {error.what} ({error.why})" for name, error in failed.items()),
        "; ".join(dict.fromkeys(error.fix for error in failed.values())),
    )


def prepare_all(members, prepare_one):
    """Prepare all members, and tell what is wrong with any of them before one is trained.

    Parameters
    ----------
    members : dict of str -> object
        By name.
    prepare_one : callable
        Takes a name and a member, gives a `cisflow.fitting.Prepared`.

    Returns
    -------
    list of cisflow.fitting.Prepared

    Raises
    ------
    InputError
        With every member that cannot be trained.
    """
    prepared, failed = [], {}
    for name, member in members.items():
        try:
            prepared.append(prepare_one(name, member))
        except InputError as error:
            failed[name] = error
    if failed:
        raise failed_together(failed, len(members))
    return prepared


def keep_fitted(path, fitted, identity):
    """Keep a trained network of a job that is to be run again for the sake of others."""
    state = {"weights": fitted.model.state_dict(), "history": fitted.history, "warnings": fitted.warnings}
    write_checkpoint(path, identity, state)


def kept_fitted(path, member):
    """What `keep_fitted` kept of the very training of a member; None if there is nothing."""
    state, _ = read_checkpoint(path, member.identity)
    if state is None:
        return None
    member.model.load_state_dict(state["weights"])
    member.model.eval()
    member.warnings[:] = state["warnings"]
    return finished(member, state["history"])


def fit_pack(members, *, checkpoints, checkpoint_minutes=10.0, attempt=1):
    """Train all members.

    One that fails does not keep the others from their end. Where memory does not hold all networks of a group at once,
    one half is trained after the other.

    Parameters
    ----------
    members : list of cisflow.fitting.Prepared
    checkpoints : str or Path
        Folder for the checkpoints of this job alone; made here, see `forget_checkpoints`.
    checkpoint_minutes : float
    attempt : int
        Of the job, counted from 1; a failure of a training's own doing is not gone through twice.

    Returns
    -------
    list of cisflow.fitting.Fitted

    Raises
    ------
    InputError
        With every member that failed, after the others are done; what these learned is kept for the next run.
    """
    checkpoints = Path(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    results, failed = {}, {}

    def path_of(identity, ending):
        return checkpoints / f"{identity[:16]}.{ending}"

    for number, member in enumerate(members):
        try:
            raise_known_failure(path_of(member.identity, "failed.json"), member.identity, attempt)
        except InputError as error:
            failed[number] = error
            continue
        kept = kept_fitted(path_of(member.identity, "fitted.pt"), member)
        if kept is not None:
            results[number] = kept
    left = [number for number in range(len(members)) if number not in results and number not in failed]
    waiting = [[left[position] for position in group] for group in groups_of([members[number] for number in left])]
    while waiting:
        numbers = waiting.pop(0)
        group = [members[number] for number in numbers]
        if len(group) == 1:
            print(f"{group[0].name}: trained alone", flush=True)
            path = path_of(group[0].identity, "pt")
            try:
                results[numbers[0]] = fit_network(
                    group[0], checkpoint=path, checkpoint_minutes=checkpoint_minutes, attempt=attempt
                )
            except Interrupted:
                raise
            except InputError as error:
                failed[numbers[0]] = error
            continue
        print(f"{len(group)} networks together, from {group[0].name} to {group[-1].name}", flush=True)
        start = [{name: x.clone() for name, x in member.model.state_dict().items()} for member in group]
        identity = identity_of(members=[member.identity for member in group])
        try:
            histories = train_packed(
                group, group[0].record["training"], checkpoint=path_of(identity, "pt"), identity=identity,
                checkpoint_minutes=checkpoint_minutes, warn=group[0].warn,
            )  # fmt: skip
        except torch.OutOfMemoryError:
            print(f"memory does not hold {len(group)} networks at once: one half after the other", flush=True)
            for member, state in zip(group, start, strict=True):
                member.model.load_state_dict(state)
                member.generator.manual_seed(member.seed)
            half = len(numbers) // 2
            waiting[:0] = [numbers[:half], numbers[half:]]
            continue
        for number, member, history in zip(numbers, group, histories, strict=True):
            if isinstance(history, InputError):
                failed[number] = history
                remember_failure(path_of(member.identity, "failed.json"), member.identity, history)
            else:
                results[number] = finished(member, history)
    if failed:
        for number, fitted in results.items():
            identity = members[number].identity
            keep_fitted(path_of(identity, "fitted.pt"), fitted, identity)
        together = failed_together({members[number].name: failed[number] for number in sorted(failed)}, len(members))
        kept = "; what the others learned is kept for as long as their own data and settings stay as they are"
        raise InputError(together.what, together.why, together.fix + kept * bool(results))
    return [results[number] for number in range(len(members))]


def forget_checkpoints(folder):
    """Remove the checkpoints of a job whose outputs are written."""
    for path in Path(folder).glob("*"):
        path.unlink()
    Path(folder).rmdir()
