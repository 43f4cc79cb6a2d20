"""The layers of a network with their shapes, parameters, receptive fields and costs: `make describe MODEL=basset`."""

import argparse
import sys
import textwrap
from pathlib import Path

import yaml

from cisflow.configuration import did_you_mean, read_models
from cisflow.layers import inputs_of, network_table
from cisflow.messages import InputError

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "config" / "schemas" / "models.schema.yaml"
COLUMNS = ("", "name", "layer", "shape", "parameters", "sees (bp)", "multiply-adds")
WIDTH = 120


def read_entry(path, name):
    """One entry of models.yaml.

    Raises
    ------
    InputError
        If the file has mistakes, or lacks the entry, or the entry has no layers of its own.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    models, problems = read_models(path, schema, [".", str(ROOT)])
    if problems:
        raise InputError(f"{len(problems)} problem(s) in {path}", "\n".join(problems), "mend them")
    if name not in models:
        known = ", ".join(models)
        raise InputError(
            f"{path} has no model {name!r}" if name else "no model is named",
            f"it has {known}",
            did_you_mean(name, models, "name one of them, as in `make describe MODEL=basset LENGTH=600`"),
        )
    if not {"layers", "branches"} & set(models[name]):
        raise InputError(
            f"the model {name} has no layers of its own", "it builds on another network", "describe that one"
        )
    return models[name]


def aligned(rows):
    """Lines of a table: text to the left, and of the last three columns numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = range(len(COLUMNS) - 3, len(COLUMNS))
    return [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def cells(line):
    """One row of `network_table` as text."""
    field = line["receptive_field"]
    return [
        line["number"],
        line["name"],
        f"{line['type']}  {line['settings']}".rstrip() if line["name"] != "output" else line["settings"],
        " x ".join(map(str, line["shape_out"])),
        f"{line['parameters']:,}",
        "" if field is None else f"{field:,}",
        f"{line['multiply_adds']:,}",
    ]


def main(path, name, length, n_targets, tracks):
    """Describe a network.

    Parameters
    ----------
    path : str
        Of models.yaml.
    name : str
        Of the entry.
    length : int
        Of the sequence in bases.
    n_targets : int
    tracks : tuple of int or None
        Number of signal tracks, and of their bins.

    Returns
    -------
    str
        A table of its layers, totals, and its description.

    Raises
    ------
    InputError
        If there is no such network, or it cannot be built for these data.
    """
    entry = read_entry(path, name)
    available = {"sequence": (4, length)} | ({"tracks": tracks} if tracks else {})
    inputs = {read: shape for read, shape in available.items() if read in inputs_of(entry)}
    texts = {"sequence": "{1} bp", "tracks": "{0} tracks of {1} bins"}
    given = [texts[read].format(*shape) for read, shape in inputs.items()]
    given = ", ".join([*given, f"{n_targets} target{'s' * (n_targets > 1)}"])
    try:
        table = network_table(entry, inputs, n_targets)
    except ValueError as error:
        fix = "mend its layers, or give another LENGTH"
        if "tracks" in inputs_of(entry):
            fix += ", or TRACKS and BINS, as in `TRACKS=5 BINS=400`"
        raise InputError(f"{name} cannot be built for {given}", str(error), fix) from error
    reads = [["", read, "", " x ".join(map(str, shape)), "", "", ""] for read, shape in inputs.items()]
    total = {key: sum(line[key] for line in table) for key in ("parameters", "multiply_adds")}
    lines = aligned(
        [
            COLUMNS,
            *reads,
            *map(cells, table),
            ["", "total", "", "", f"{total['parameters']:,}", "", f"{total['multiply_adds']:,}"],
        ]
    )
    rule = "-" * max(map(len, lines))
    strands = {"single": "", "shared": "; filters shared between the strands", "averaged": "; mean of both strands"}
    title = f"{name}: {given}{strands[entry.get('strands', 'single')]}"
    text = [title, "", lines[0], rule, *lines[1:-1], rule, lines[-1]]
    if entry.get("description"):
        text += ["", *textwrap.wrap(entry["description"], WIDTH)]
    return "\n".join(text)


def whole_number(name, text):
    """A number of the command line."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InputError(f"{name} is {text!r}", "expected a whole number of at least 1", f"write it as in {name}=2")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option, default in (
        ("models", str(ROOT / "config" / "models.yaml")),
        *(("model", ""), ("length", "200"), ("targets", "1"), ("tracks", ""), ("bins", "")),
    ):
        parser.add_argument(f"--{option}", default=default)
    options = parser.parse_args()
    try:
        both = options.tracks or options.bins
        print(
            main(
                options.models,
                options.model,
                whole_number("LENGTH", options.length),
                whole_number("TARGETS", options.targets),
                (whole_number("TRACKS", options.tracks), whole_number("BINS", options.bins)) if both else None,
            )
        )
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
