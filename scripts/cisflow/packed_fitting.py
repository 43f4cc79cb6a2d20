"""Many networks trained by one job: those of one architecture together, the others in turn."""

import hashlib
import json
from pathlib import Path

from cisflow.checkpoints import Interrupted, identity_of
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


def fit_pack(members, *, checkpoints, checkpoint_minutes=10.0):
    """Train all members.

    One that fails does not keep the others from their end.

    Parameters
    ----------
    members : list of cisflow.fitting.Prepared
    checkpoints : str or Path
        Folder for the checkpoints of this job alone; made here, see `forget_checkpoints`.
    checkpoint_minutes : float

    Returns
    -------
    list of cisflow.fitting.Fitted

    Raises
    ------
    InputError
        With every member that failed, after the others are done; their checkpoints stay.
    """
    checkpoints = Path(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    results, failed = {}, {}
    for numbers in groups_of(members):
        group = [members[number] for number in numbers]
        identity = identity_of(members=[member.identity for member in group])
        options = {
            "checkpoint": checkpoints / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pt",
            "checkpoint_minutes": checkpoint_minutes,
        }
        print(f"{len(group)} network(s) {'together' if len(group) > 1 else 'alone'}: {group[0].name} ...", flush=True)
        if len(group) == 1:
            try:
                results[numbers[0]] = fit_network(group[0], **options)
            except Interrupted:
                raise
            except InputError as error:
                failed[numbers[0]] = error
            continue
        settings = group[0].record["training"]
        given = train_packed(group, settings, identity=identity, warn=group[0].warn, **options)
        for number, member, history in zip(numbers, group, given, strict=True):
            if isinstance(history, InputError):
                failed[number] = history
            else:
                results[number] = finished(member, history)
    if failed:
        first = next(iter(failed.values()))
        raise InputError(
            f"{len(failed)} of the {len(members)} networks of this job failed",
            "; ".join(f"{members[number].name}: {error.what} ({error.why})" for number, error in failed.items()),
            f"{first.fix}. What the others learned is kept: run again after that, or without these models",
        )
    return [results[number] for number in range(len(members))]


def forget_checkpoints(folder):
    """Remove the checkpoints of a job whose outputs are written."""
    for path in Path(folder).glob("*"):
        path.unlink()
    Path(folder).rmdir()
