"""Settings of a network that a search varies: where each stands in its entry of models.yaml, and what it may be.

A setting is named by its path: `training.learning_rate`, `layers.conv1d_1.filters`, `branches.sequence.2.width`; layers
by their names or by their numbers, counted from 1. `rules/common.smk` loads this file by its path, so it imports
nothing that Python itself does not bring.
"""

import copy
import difflib
import json
import math
from decimal import Decimal
from pathlib import Path

SEARCHED = ("training", "layers", "branches", "strands")  # what a trial may change of an entry
NOT_SEARCHED = ("motifs", "name")  # a file that rules have to know of; what layers are called
# They change what the loss measures: the losses of two trials could not be compared.
OF_THE_LOSS = ("training.loss", "training.class_weights", "training.target_weights")
TRIALS_A_FILE = 10  # of samplers that wait for no result


def layer_names(layers):
    """Names of the layers of a list: `name`, or the type with its number among those of its type."""
    counts, names = {}, []
    for layer in layers:
        counts[layer["type"]] = counts.get(layer["type"], 0) + 1
        names.append(str(layer.get("name", f"{layer['type']}_{counts[layer['type']]}")))
    return names


def nearest(name, known, otherwise):
    """How to mend a name that is none of the known ones."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else otherwise


def place_of(entry, path):
    """Where a setting stands in an entry.

    Parameters
    ----------
    entry : dict
        An entry of models.yaml.
    path : str

    Returns
    -------
    list of str and int
        Keys and positions that lead to it; the last key may be missing where a default stands for it.

    Raises
    ------
    LookupError
        With what was found, what was expected and a cure, if the path leads nowhere.
    """
    parts = path.split(".")
    if parts[0] not in SEARCHED:
        raise LookupError(
            f"`{parts[0]}` is not searched", f"a path that begins with {', '.join(SEARCHED)}", "remove it"
        )
    if parts[-1] in NOT_SEARCHED:
        raise LookupError(f"`{parts[-1]}` is not searched", "another setting", f"make a model for each {parts[-1]}")
    node, place = entry, []
    for depth, part in enumerate(parts):
        shown = ".".join(parts[:depth]) or "the entry"
        if isinstance(node, list):
            names = layer_names(node)
            if part in names:
                key = names.index(part)
            elif part.isdecimal() and 1 <= int(part) <= len(node):
                key = int(part) - 1
            else:
                raise LookupError(
                    f"{shown} has no layer `{part}`",
                    f"one of {', '.join(names)}, or a number from 1 to {len(node)}",
                    nearest(part, names, "mend the name"),
                )
            node = node[key]
        elif isinstance(node, dict) and (part in node or depth == len(parts) - 1):
            key, node = part, node.get(part)
        else:
            known = sorted(key for key in node if depth or key in SEARCHED) if isinstance(node, dict) else []
            raise LookupError(
                f"{shown} has no `{part}`",
                f"one of {', '.join(known)}" if known else f"nothing behind {shown}",
                nearest(part, known, "mend the path"),
            )
        place.append(key)
    if isinstance(node, dict):
        one = f"the path of one, as {path}.{next(iter(node), 'name')}"
        raise LookupError(f"{path} holds several settings", one, "name one of them")
    return place


def holds(entry, place):
    """Whether an entry has a value at a place."""
    node = entry
    for key in place[:-1]:
        node = node[key]
    return isinstance(place[-1], int) or place[-1] in node


def with_overrides(entry, overrides):
    """An entry with some of its settings replaced.

    Parameters
    ----------
    entry : dict
        An entry of models.yaml, or as much of it as the paths name.
    overrides : dict of str -> object
        Value by path.

    Returns
    -------
    dict
        A copy.

    Raises
    ------
    ValueError
        If a path leads nowhere.
    """
    changed = copy.deepcopy(entry)
    for path, value in overrides.items():
        try:
            place = place_of(entry, path)  # in the entry as it was: another type would change a layer's name
        except LookupError as error:
            raise ValueError(f"{path}: {error.args[0]}; expected {error.args[1]}") from None
        node = changed
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = copy.deepcopy(value)
    return changed


def read_overrides(path):
    """The settings that a search chose, by path: what `choose_trial` wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------------------------
# Ranges


def n_steps(span):
    """How many steps lead from the low to the last value of a range that has steps."""
    return int((Decimal(str(span["high"])) - Decimal(str(span["low"]))) // Decimal(str(span["step"])))


def tried_values(span):
    """Values of a range that stand for all of it when it is checked, each with what it is."""
    if "choices" in span:
        return [("the choice", value) for value in span["choices"]]
    ends = [("low", span["low"]), ("high", span["high"])]
    return ends + ([("low + step", span["low"] + span["step"])] if "step" in span and n_steps(span) > 0 else [])


def settled_range(entry, path, violations):
    """A range in full.

    Parameters
    ----------
    entry : dict
    path : str
    violations : callable
        See `range_problems`.

    Returns
    -------
    dict
        `choices`; or `low`, `high` (the last step that is reached), `log`, `step` (None without) and `whole`, whether
        only whole numbers are drawn: where the ends are whole and the setting takes nothing else.
    """
    span = entry["search"]["ranges"][path]
    if "choices" in span:
        return {"choices": list(span["choices"])}
    low, high, step = span["low"], span["high"], span.get("step")
    whole = all(isinstance(number, int) for number in (low, high, step or 1))
    if whole and step is None and high > low:
        whole = bool(violations(with_overrides(entry, {path: low + 0.5})))
    if whole:
        step = step or 1
    if step is not None:
        reached = Decimal(str(low)) + n_steps({**span, "step": step}) * Decimal(str(step))
        high = int(reached) if whole else float(reached)
    log = span.get("log", False)
    return {"low": low, "high": high, "log": log, "step": None if log and not whole else step, "whole": whole}


def n_values(span):
    """How many values a range in full has; infinity where any number between its ends is one."""
    if "choices" in span:
        return len(span["choices"])
    if span["low"] == span["high"]:
        return 1
    return math.inf if span["step"] is None else n_steps(span) + 1


def span_problems(span):
    """What is wrong with a range by itself: (what was found, what was expected, a cure) each."""
    if "choices" in span:
        texts = [json.dumps(value, sort_keys=True) for value in span["choices"]]
        twice = sorted({text for text in texts if texts.count(text) > 1})
        return [(f"the choice {text} stands twice", "each choice once", "remove one of the two") for text in twice]
    problems = []
    if span["low"] > span["high"]:
        problems.append((f"low ({span['low']}) is above high ({span['high']})", "low at most high", "exchange the two"))
    if span.get("log") and span["low"] <= 0:
        problems.append((f"log with low {span['low']}", "a low above 0", "raise low, or set log to false"))
    if span.get("log") and "step" in span:
        problems.append(("log with a step", "one of the two", "remove the step, or list the values as choices"))
    return problems


def range_problems(entry, violations):
    """Check the search of an entry before any job runs.

    Parameters
    ----------
    entry : dict
        An entry of models.yaml that obeys its schema, defaults filled in.
    violations : callable
        Takes an entry and gives what in it breaks the schema: (name of the schema's rule, what is expected, a cure)
        each; see `cisflow.configuration.entry_checker`.

    Returns
    -------
    list of (str, str, str, str)
        Where within the entry, what was found, what was expected, a cure; none without a search.
    """
    search = entry.get("search")
    if not search:
        return []
    problems, places = [], {}
    for path, span in search["ranges"].items():
        where = f"search.ranges, {path}"
        try:
            place = place_of(entry, path)
        except LookupError as error:
            problems.append((where, *error.args))
            continue
        places[path] = tuple(place)
        found = span_problems(span)
        if not found:
            for what, value in tried_values(span):
                broken = violations(with_overrides(entry, {path: value}))
                if broken and broken[0][0] == "additionalProperties" and not holds(entry, place):
                    found = [(f"there is no setting `{path.rpartition('.')[2]}`", *broken[0][1:])]
                    break
                found += [(f"{what} {json.dumps(value)} is none that it takes", *parts) for _, *parts in broken[:1]]
        problems += [(where, *parts) for parts in found]
    for path, place in places.items():
        for other, longer in places.items():
            if path != other and longer[: len(place)] == place and (path < other or longer != place):
                problems.append(
                    (f"search.ranges, {other}", f"{path} holds the same setting", "each setting once", "remove one")
                )
    of_loss = [path for path in places if ".".join(path.split(".")[:2]) in OF_THE_LOSS]
    if search["by"] == "loss" and of_loss:
        problems.append(
            (
                "search.by",
                f"trials are compared by their loss, and {of_loss[0]} changes what the loss measures",
                "metric",
                f"write `by: metric`, or take {of_loss[0]} out of the ranges",
            )
        )
    if not problems:
        count = math.prod(n_values(settled_range(entry, path, violations)) for path in search["ranges"])
        if search["trials"] > count:
            problems.append(
                (
                    "search.trials",
                    f"{search['trials']} trials, and the ranges hold {count} different settings",
                    f"at most {count}",
                    f"write `trials: {count}` to try each of them, or widen the ranges",
                )
            )
    return problems


# ---------------------------------------------------------------------------------------------------------------------
# Trials and rounds, both counted from 1


def search_of(entry, violations):
    """The search of an entry in full; None without one.

    Parameters
    ----------
    entry : dict
        Without problems.
    violations : callable
        See `range_problems`.

    Returns
    -------
    dict or None
        `sampler`, `trials`, `at_once`, `seed`, `by`, `waits` (whether a round needs the results of those before it),
        and `ranges`, each in full.
    """
    search = entry.get("search")
    if not search:
        return None
    waits = search["sampler"] not in ("random", "qmc")
    return {
        **search,
        "waits": waits,
        "at_once": search.get("at_once", max(1, search["trials"] // 4) if waits else TRIALS_A_FILE),
        "ranges": {path: settled_range(entry, path, violations) for path in search["ranges"]},
    }


def round_of(search, trial):
    """The round in which a trial is proposed."""
    return (trial - 1) // search["at_once"] + 1


def trials_before(search, round_number):
    """The trials whose results a round needs."""
    return list(range(1, (round_number - 1) * search["at_once"] + 1)) if search["waits"] else []


def trials_of(search, round_number):
    """The trials that a round proposes.

    They do not hang on how many trials there are, so that more trials later leave the earlier ones as they are; the
    last round may propose some that are not asked for.
    """
    first = (round_number - 1) * search["at_once"] + 1
    return list(range(first, first + search["at_once"]))
