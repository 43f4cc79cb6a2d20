"""A look at every input before anything else runs; all problems are told at once."""

import json
from pathlib import Path

import pandas as pd

from cisflow.input_checks import check_inputs
from cisflow.messages import InputError, run_script
from cisflow.sheet_rows import with_files


def with_paths(description, files):
    """Put paths in place of positions."""
    columns = dict.fromkeys(("peaks", "sequences", "signal", "weak_peaks", "negatives"), files)
    genome = {
        key: files[value] if key in ("fasta", "excluded", "aliases") and value is not None else value
        for key, value in description["genome"].items()
    }
    return {
        **description,
        "genome": genome,
        "motifs": [[files[number], accepted] for number, accepted in description["motifs"]],
        "datasets": {name: with_files(rows, columns) for name, rows in description["datasets"].items()},
        "tracks": with_files(description["tracks"], columns),
    }


def main(inputs, files, output):
    """Look at every input and write what was looked at.

    Parameters
    ----------
    inputs : str
        JSON file of the arguments of `cisflow.input_checks.check_inputs`, with positions in `files` in place of paths.
    files : list of str
    output : str
        Table of files, what they are, and how much of each was read.

    Raises
    ------
    InputError
        With every problem.
    """
    checks = check_inputs(**with_paths(json.loads(Path(inputs).read_text()), files))
    table = pd.DataFrame(checks.looked_at, columns=["file", "kind", "looked_at"])
    print(table.to_string(index=False))
    if checks.problems:
        told = []
        for number, problem in enumerate(checks.problems, start=1):
            text = f"{problem.what}\n{problem.why}\nfix: {problem.fix}".replace("\n", "\n     ")
            told.append(f"{number:3}. {text}")
        raise InputError(
            f"{len(checks.problems)} problem(s) in the inputs",
            "\n".join(told),
            "mend them and run again: finished work is kept",
        )
    table.to_csv(output, sep="\t", index=False)


if __name__ == "__main__":
    with run_script(snakemake):
        main(snakemake.params.inputs, list(snakemake.input.files), snakemake.output.table)
