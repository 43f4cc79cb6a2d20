"""What the section `planted` of the configuration must not say, beyond its schema, and what datasets may ask of it.

`rules/common.smk` loads this file by its path, before any job runs, so it imports nothing but the standard library.
"""

import re
from difflib import get_close_matches
from pathlib import Path


def nearest(name, known):
    """How to mend a name that is none of the known ones."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else "mend the name"


def listed(names):
    """Some names, for a message."""
    names = list(names)
    return ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")


def identifiers(path):
    """Identifiers of the motifs of a MEME file; None where it cannot be read (the job that reads it tells why)."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return re.findall(r"^MOTIF[ \t]+(\S+)", text, flags=re.MULTILINE) or None


def is_label(target):
    """Whether a target is a label; the others are quantities."""
    return "motifs" in target or "classes" in target


def planted_items(settings):
    """All items that classes plant, each with the keys of its place."""
    for name, part in settings["classes"].items():
        for position, item in enumerate(part["plant"]):
            yield ("classes", name, "plant", position), item


def most_elements(item):
    """The largest number of elements that an item may plant in one sequence."""
    number = item["number"] if isinstance(item["number"], int) else len(item["number"]) - 1
    return number * (len(item["motifs"]) if item["each"] else 1)


def item_problems(settings):
    """Items that are neither motifs nor a pair, and elements that cannot stand together."""
    centred = {}
    for keys, item in planted_items(settings):
        if ("pair" in item) == ("motifs" in item):
            found = "both motifs and a pair" if "pair" in item else "neither motifs nor a pair"
            yield keys, found, "one of them", "name `motifs`, or a `pair` with its `gaps`"
            continue
        if ("pair" in item) != ("gaps" in item):
            found = "a pair without gaps" if "pair" in item else "gaps without a pair"
            yield keys, found, "`pair` and `gaps` together", "say how many bases stand between the two motifs"
        if "motifs" in item and "orientations" in item:
            yield keys, "orientations without a pair", "them beside `pair` alone", "remove them; `strands` is meant?"
        if "pair" in item and item["each"]:
            yield keys, "each beside a pair", "it beside `motifs` alone", "remove it"
            continue
        centred[keys[1]] = centred.get(keys[1], 0) + most_elements(item) * (item["position"] == "centre")
    for name, most in centred.items():
        if most > 1:
            fix = "let the others have `position: uniform`"
            yield ("classes", name), f"up to {most} elements in the centre of one sequence", "one at most", fix


def sum_problems(settings):
    """Frequencies that do not sum to 1."""
    background = settings["background"]
    lists = [(("background", "frequencies"), background["frequencies"])]
    lists += [(("background", "transitions", row), part) for row, part in enumerate(background["transitions"] or [])]
    lists.append((("splits",), list(settings["splits"].values())))
    lists += [((*keys, "number"), item["number"]) for keys, item in planted_items(settings)]
    lists.append((("classes",), [part["share"] for part in settings["classes"].values()]))
    for keys, values in lists:
        if isinstance(values, list) and abs(sum(values) - 1) > 1e-6:
            what = "the shares" if keys == ("classes",) else "the numbers"
            yield keys, f"{what} have the sum {sum(values):g}", "1", "mend them"
    if background["frequencies"] and background["transitions"]:
        yield ("background",), "both frequencies and transitions", "one of them", "remove one"


def motif_problems(settings):
    """Motifs that are planted or named, and cannot be had."""
    motifs, database = settings["motifs"], settings["database"]
    known = identifiers(database) if database else None
    items = [item for _, item in planted_items(settings)]
    planted = dict.fromkeys(name for item in items for key in ("motifs", "pair") for name in item.get(key, ()))
    for name, motif in motifs.items():
        keys = ("motifs", name)
        if name not in planted:
            fix = nearest(name, planted) if planted else "plant it, or remove it"
            yield keys, f"motif {name!r} is planted in no class", "a class that plants it", fix
        elif not motif["consensus"] and not database:
            fix = "name a MEME file as `database`, or write the motif's consensus"
            yield keys, f"motif {name!r} has no consensus, and there is no database", "one of them", fix
        elif not motif["consensus"] and known is not None and name not in known:
            found = f"{database} has no motif {name!r}"
            yield keys, found, "an identifier of that file, or a consensus", nearest(name, known)
    places = []
    for target, part in settings["targets"].items():
        places += [(("targets", target, "motifs"), part.get("motifs", []))]
        places += [(("targets", target, "effects"), part["effects"])]
        places += [
            (("targets", target, "interactions", number), one["motifs"])
            for number, one in enumerate(part["interactions"])
        ]
    for keys, names in places:
        for name in dict.fromkeys(name for name in names if name not in planted):
            yield keys, f"no class plants motif {name!r}", f"one of {listed(planted)}", nearest(name, planted)


def target_problems(settings):
    """Targets that are both a label and a quantity, or nothing at all."""
    for name, target in settings["targets"].items():
        keys, quantity = ("targets", name), [key for key in ("effects", "interactions", "noise") if target[key]]
        if "motifs" in target and "classes" in target:
            yield keys, "both motifs and classes", "one of them", "remove one"
        elif is_label(target) and quantity:
            found = f"a label with {' and '.join(quantity)}"
            yield keys, found, "`motifs` or `classes` for a label, the others for a quantity", "make two targets of it"
        elif not is_label(target) and not (target["effects"] or target["interactions"]):
            fix = "add one of these"
            yield keys, "nothing that it is made of", "motifs, classes, effects or interactions", fix
        for one in target.get("classes", []):
            if one not in settings["classes"]:
                known = settings["classes"]
                yield (*keys, "classes"), f"no class {one!r}", f"one of {listed(known)}", nearest(one, known)
        for number, interaction in enumerate(target["interactions"]):
            gaps = interaction["gaps"]
            if gaps and gaps[0] > gaps[1]:
                yield (*keys, "interactions", number, "gaps"), f"{gaps}", "the smaller gap first", "swap them"


def planted_problems(planted):
    """Mistakes within the sets.

    Parameters
    ----------
    planted : dict
        The section with its defaults, paths resolved.

    Yields
    ------
    tuple
        Keys of the place, what was found, what was expected, how to mend it.
    """
    for name, settings in planted.items():
        for check in (item_problems, sum_problems, motif_problems, target_problems):
            for keys, *parts in check(settings):
                yield ("planted", name, *keys), *parts


def sheet_problems(rows, settings, files, task_of, sheet):
    """Datasets that ask of a planted set what it has not.

    Parameters
    ----------
    rows : list of dict
        Of the sheet of datasets.
    settings : dict
        The configuration with its defaults.
    files : dict of str -> (str, str)
        See `cisflow.configuration.planted_files`.
    task_of : callable
        Takes a row, gives its task.
    sheet : str

    Yields
    ------
    tuple of str
        Where, what was found, what was expected, how to mend it.
    """
    of_sheet = {}
    for row in rows:
        name, file = files.get(row["sequences"], (None, None))
        where = f"{sheet}, line {row['line']}"
        if file == "motifs.meme":
            yield where, f"{row['sequences']} holds motifs", "sequences.tsv beside it", "name that"
        if file != "sequences.tsv":
            continue
        targets, value = settings["planted"][name]["targets"], row["value"] or row["target"]
        of_sheet.setdefault(name, where)
        if value not in targets:
            found = f"planted set {name} has no target {value!r}"
            yield where, found, f"one of {listed(targets)}", nearest(value, targets)
        elif is_label(targets[value]) != (task_of(row) == "binary"):
            kind, task = ("labels", "binary") if is_label(targets[value]) else ("quantities", "regression")
            found = f"task {task_of(row)}, but {value} of planted set {name} is one of {kind}"
            yield where, found, f"task {task}", f"write {task} in the column `task`"
    for name, where in of_sheet.items():
        for section, key, column in (
            ("sequences", "sequence", "sequence"),
            ("sequences", "name", "name"),
            ("folds", "column", "split"),
        ):
            given = settings[section].get(key, column)
            if given != column:
                found = f"{section}.{key} is {given!r}, and planted set {name} has no such column"
                fix = f"write `{section}: {{{key}: {column}}}`"
                yield where, found if given else f"planted set {name} without {section}.{key}", f"`{column}`", fix
        length = settings["windows"]["length"] + 2 * settings["windows"]["max_jitter"]
        if settings["planted"][name]["length"] < length:
            found = (
                f"planted set {name} has {settings['planted'][name]['length']} bases a sequence, {length} are stored"
            )
            fix = "lengthen the set's sequences, or shorten the windows"
            yield where, found, "windows.length + 2 x windows.max_jitter at least", fix
