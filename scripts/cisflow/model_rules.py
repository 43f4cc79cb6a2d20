"""What the entries of models.yaml must not say against one another, the datasets and the configuration.

`rules/common.smk` loads this file by its path, before any job runs, so it imports nothing but the standard library.
Every check yields (where, found, expected, fix).
"""

from difflib import get_close_matches

COUNT_LOSSES = ("poisson", "negative_binomial")


def nearest(name, known):
    """How to mend a name that is none of the known ones."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else "mend the name"


def strategy_of(entry):
    """`scratch`, `transfer` (starts from another network) or `features` (reads a frozen one)."""
    return next((key for key in ("transfer", "features") if key in entry), "scratch")


def network_parts(entry):
    """What describes the network of an entry that has layers of its own; None where it is another's."""
    keys = ("input", "branches", "strands", "layers")
    return {key: entry[key] for key in keys if key in entry} if strategy_of(entry) == "scratch" else None


def parent_of(entry):
    """Dataset and model that an entry starts from or reads, in this workflow; None without one."""
    part = entry.get("transfer") or entry.get("features") or {}
    return (part["dataset"], part["model"]) if part.get("model") else None


def network_of(name, models):
    """The network that an entry trains: its own, or that of the entry it starts from; None where a file holds it."""
    entry = models[name]
    if strategy_of(entry) == "scratch":
        return network_parts(entry)
    parent = parent_of(entry)
    return network_of(parent[1], models) if parent and strategy_of(entry) == "transfer" else None


def with_parents(names, models):
    """Models of a run and those that they start from or read, each once."""
    found = []
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found and name in models:
            found.append(name)
            parent = parent_of(models[name])
            waiting += [parent[1]] if parent else []
    return found


def layers_with_motifs(network):
    """Layers whose filters begin as the motifs of a MEME file, by name; none but the first that reads the sequence."""
    branch = (network or {}).get("branches", {}).get("sequence")
    first = (branch or (network or {}).get("layers") or [{}])[0]
    name = f"{'sequence.' if branch else ''}{first.get('name', 'conv1d_1')}"
    return {name: first} if first.get("motifs") else {}


def takes(entry, dataset):
    """Whether a model is trained on a dataset: on all, unless the entry names some."""
    return dataset in entry.get("datasets", [dataset])


def part_problems(name, entry, where):
    """Mistakes within one entry: one strategy, and one parent."""
    given = [key for key in ("transfer", "features") if key in entry]
    own = [key for key in ("layers", "branches") if key in entry]
    if len(given) > 1 or (given and own):
        both = " and ".join(f"`{key}`" for key in [*own, *given])
        yield where, f"both {both}", "layers of its own, `transfer` or `features`", "make two models of them"
        return
    if not given and not own:
        yield where, "neither `layers` nor `transfer` nor `features`", "one of them", "add a list of layers"
        return
    if "search" in entry and given:
        yield where, f"`search` beside `{given[0]}`", "layers of its own", "search the parent, or remove `search`"
    for key in given:
        part = entry[key]
        sources = [source for source in ("model", "file", "torchscript", "function") if part.get(source)]
        if len(sources) != 1:
            found = " and ".join(f"`{source}`" for source in sources) or "no source"
            choices = "`dataset` with `model`, or `file`" + (", `torchscript` or `function`" * (key == "features"))
            yield where, f"{key} has {found}", choices, "name one network to start from"
        elif bool(part.get("dataset")) != bool(part.get("model")):
            lacking = "model" if part.get("dataset") else "dataset"
            yield where, f"{key} has no `{lacking}`", "`dataset` and `model` together", f"add `{lacking}`"


def parent_problems(name, models, datasets, where):
    """Parents that are not there, or that start from their own children."""
    entry = models[name]
    parent = parent_of(entry)
    if not parent:
        return
    key, (dataset, model) = strategy_of(entry), parent
    if dataset not in datasets:
        known = ", ".join(list(datasets)[:10])
        yield where, f"{key}: no dataset {dataset!r}", f"one of {known}", nearest(dataset, datasets)
    if model not in models:
        yield where, f"{key}: no model {model!r}", f"one of {', '.join(list(models)[:20])}", nearest(model, models)
        return
    if dataset in datasets and not takes(models[model], dataset):
        yield (
            where,
            f"{key}: model {model} is not trained on dataset {dataset}",
            f"a dataset among {', '.join(models[model]['datasets'])}",
            f"add it to `datasets` of {model}, or mend the name",
        )
    if strategy_of(models[model]) == "features":
        yield where, f"{key}: {model} is no network, it reads one", "a network", f"name the network that {model} reads"
    seen, current = [name], parent
    while current and current[1] in models:
        if current[1] in seen:
            path = " from ".join([*seen, current[1]])
            yield where, f"{path}: a circle", "a model trained from scratch at its end", "mend one of the parents"
            return
        seen.append(current[1])
        current = parent_of(models[current[1]])


def use_problems(name, models, tasks, targets, settings, where):
    """What a model cannot do with the datasets that it is trained on.

    Parameters
    ----------
    name : str
    models : dict
    tasks : dict of str -> str
        Task of each dataset.
    targets : dict of str -> list of str
    settings : dict
        The configuration with its defaults.
    where : str
    """
    entry = models[name]
    unknown = [dataset for dataset in entry.get("datasets", []) if dataset not in tasks]
    if unknown:
        names = ", ".join(list(tasks)[:10])
        fix = nearest(unknown[0], tasks)
        yield where, f"datasets: no dataset {', '.join(map(repr, unknown))}", f"one of {names}", fix
    used = [dataset for dataset in tasks if takes(entry, dataset)]
    if strategy_of(entry) == "features":
        return
    training = entry["training"]
    loss, fits = training["loss"], {"bce": "binary"}.get(training["loss"], "regression")
    wrong = [dataset for dataset in used if loss != "auto" and tasks[dataset] != fits]
    if wrong:
        yield (
            f"{where}, training.loss",
            f"{loss} is a loss of {'labels' if fits == 'binary' else 'quantities'}, and the targets of"
            f" {', '.join(wrong)} are {'quantities' if fits == 'binary' else 'labels'}",
            "`auto`, or a loss that fits every dataset of the model",
            "write `loss: auto`, or name its `datasets`",
        )
    if loss in COUNT_LOSSES and settings["targets"]["transform"]:
        yield (
            f"{where}, training.loss",
            f"{loss} is a loss of counts, and targets.transform is {settings['targets']['transform']}",
            "counts as they are",
            "write `targets: {transform: []}`, or take mse",
        )
    known = {target for dataset in used for target in targets[dataset]}
    strange = sorted(set(training["target_weights"]) - known)
    if strange:
        yield (
            f"{where}, training.target_weights",
            f"no target {', '.join(map(repr, strange))}",
            f"targets of its datasets: {', '.join(sorted(known)[:20])}",
            nearest(strange[0], sorted(known)),
        )
    if training["warmup_epochs"] and training["schedule"] == "one_cycle":
        yield (
            f"{where}, training.warmup_epochs",
            "a warm-up beside one_cycle",
            "0: one_cycle rises by itself",
            "remove it",
        )
    if training["warmup_epochs"] >= training["max_epochs"]:
        yield (
            f"{where}, training.warmup_epochs",
            f"{training['warmup_epochs']} of {training['max_epochs']} epochs",
            "fewer than max_epochs",
            "lower it",
        )
    if training["precision"] == "tf32" and settings["train"]["device"] == "cpu":
        yield f"{where}, training.precision", "tf32, but train.device is cpu", "fp32 or bf16", "write fp32"
