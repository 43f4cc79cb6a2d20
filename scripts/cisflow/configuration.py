"""Load and check the configuration before the first job: config.yaml, the sheet of datasets, models.yaml.

`rules/common.smk` loads this file by its path (never by `import cisflow`), so it imports nothing that Snakemake itself
does not bring. Every check returns a list of problems; all of them are told at once.
"""

import csv
import difflib
import gzip
import json
import os
import re
import zlib
from pathlib import Path

import jsonschema
import yaml


def problem(where, found, expected, fix):
    """One mistake of the user's, as the lines that the terminal shows."""
    return f"{where}: {found}\n     expected: {expected}\n     fix: {fix}"


def is_url(source):
    """Whether a path of the configuration is to be downloaded."""
    return source.startswith(("http://", "https://", "ftp://"))


# ---------------------------------------------------------------------------------------------------------------------
# YAML with line numbers


def read_yaml(path):
    """Read a YAML file together with the line of every key.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    data : object
        What the file holds; None where it could not be read.
    lines : dict of tuple -> int
        Line, counted from 1, of the value at each path of keys and list positions.
    problems : list of str
        Syntax errors and keys that stand twice (plain readers keep the last of them without a word).
    """
    lines, problems = {}, []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        return None, {}, [problem(path, "there is no such file", "a YAML file", "write it, or mend the path")]
    except (OSError, UnicodeDecodeError) as error:
        return (
            None,
            {},
            [problem(path, f"it cannot be read: {error}", "UTF-8 text", "mend the file or the path")],
        )
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        found = " ".join(str(getattr(error, "problem", None) or error).split())
        return (
            None,
            {},
            [problem(where, found, "YAML", "mind the indentation, and quote values that hold `: ` or `#`")],
        )

    def walk(node, keys):
        lines.setdefault(keys, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen = {}
            for key_node, value_node in node.value:
                key = key_node.value
                line = key_node.start_mark.line + 1
                if key in seen:
                    problems.append(
                        problem(
                            f"{path}, line {line}",
                            f"the key `{key}` stands twice (first in line {seen[key]})",
                            "each key once",
                            "remove one of the two",
                        )
                    )
                seen[key] = line
                lines[(*keys, key)] = line
                walk(value_node, (*keys, key))
        elif isinstance(node, yaml.SequenceNode):
            for position, value_node in enumerate(node.value):
                walk(value_node, (*keys, position))

    if root is None:
        return None, {}, [problem(path, "the file is empty", "a YAML mapping", "fill it, or name another file")]
    walk(root, ())
    return yaml.safe_load(text), lines, problems


def line_of(lines, keys):
    """Line of the deepest known ancestor of a path of keys, as text for a message (`, line 7`, or nothing)."""
    keys = tuple(keys)
    while keys and keys not in lines:
        keys = keys[:-1]
    return f", line {lines[keys]}" if keys in lines else ""


def with_defaults(value, schema, root=None):
    """Fill the defaults of a JSON Schema into a copy of `value`; `$ref` is followed within the schema."""
    root = root or schema
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for key, part in schema.get("properties", {}).items():
        target = part
        while isinstance(target, dict) and "$ref" in target:
            target = root["$defs"][target["$ref"].rsplit("/", 1)[1]]
        if key not in filled and isinstance(target, dict) and "default" in target:
            filled[key] = target["default"]
        if key in filled:
            filled[key] = with_defaults(filled[key], target, root)
    return filled


def schema_problems(value, schema, path, lines):
    """Check a value against a JSON Schema; every violation becomes a problem with its file and line."""
    found = []
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(value), key=lambda e: [str(k) for k in e.absolute_path]):
        keys = list(error.absolute_path)
        dotted = ".".join(str(key) for key in keys)
        if error.validator == "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            for key in sorted(set(error.instance) - set(known)):
                near = difflib.get_close_matches(str(key), known, n=1)
                found.append(
                    problem(
                        f"{path}{line_of(lines, [*keys, key])}",
                        f"unknown key `{'.'.join([*map(str, keys), str(key)])}`",
                        f"one of {', '.join(known)}",
                        f"did you mean `{near[0]}`?" if near else "remove it",
                    )
                )
        elif error.validator == "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            where = f"{path}{line_of(lines, keys)}"
            found.append(
                problem(
                    where,
                    f"{'`' + dotted + '`' if dotted else 'the file'} lacks {', '.join(f'`{key}`' for key in missing)}",
                    f"the keys {', '.join(error.validator_value)}",
                    "add it; config/README.md says what it means",
                )
            )
        else:
            expected = {
                "pattern": f"text that matches {error.validator_value}",
                "type": f"a value of type {error.validator_value}",
                "enum": f"one of {error.validator_value}",
                "not": f"anything but {error.validator_value.get('enum')}"
                if isinstance(error.validator_value, dict)
                else "",
            }.get(error.validator, error.message)
            shown = json.dumps(error.instance, default=str)
            shown = shown if len(shown) < 200 else shown[:200] + " ..."
            key_error = "propertyNames" in error.absolute_schema_path
            where = [*keys, error.instance] if key_error else keys
            found.append(
                problem(
                    f"{path}{line_of(lines, where)}",
                    f"{'the key' if key_error else f'`{dotted}` is'} {shown}",
                    expected,
                    "mend the value; config/README.md says how to choose it",
                )
            )
    return found


# ---------------------------------------------------------------------------------------------------------------------
# The sheet


def read_sheet(path, schema):
    """Read and check the sheet of datasets.

    Parameters
    ----------
    path : str or Path
        Tab-separated, with a header; lines that start with `#` and empty lines are passed over.
    schema : dict
        JSON Schema of one row.

    Returns
    -------
    rows : list of dict
        `dataset`, `target`, `peaks`, `sha256` (empty where there is none) and `line`, counted from 1.
    problems : list of str
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return [], [problem(path, "there is no such file", "the sheet of datasets", "write it, or mend `datasets`")]
    except (OSError, UnicodeDecodeError) as error:
        return [], [problem(path, f"it cannot be read: {error}", "a UTF-8 text file", "save it as tab-separated text")]
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not numbered:
        return [], [problem(path, "the sheet is empty", "a header and a row a dataset and target", "add rows")]
    header_line, header_text = numbered[0]
    header = [name.strip() for name in header_text.split("\t")]
    known = list(schema["properties"])
    problems = []
    unknown = [name for name in header if name not in known]
    missing = [name for name in schema["required"] if name not in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    if unknown or missing or twice:
        parts = [f"unknown column {name!r}" for name in unknown] + [f"no column {name!r}" for name in missing]
        parts += [f"column {name!r} stands twice" for name in twice]
        hint = (
            "separate the columns by tabs, not by commas or spaces"
            if len(header) == 1
            else "rename, add or remove columns"
        )
        return [], [
            problem(
                f"{path}, line {header_line}",
                "; ".join(parts),
                f"the columns {', '.join(known)} (sha256 only for URLs)",
                hint,
            )
        ]
    rows, first_seen = [], {}
    validator = jsonschema.Draft202012Validator(schema)
    for number, fields in zip(
        (number for number, _ in numbered[1:]),
        csv.reader((line for _, line in numbered[1:]), delimiter="\t", quoting=csv.QUOTE_NONE),
        strict=True,
    ):
        where = f"{path}, line {number}"
        if len(fields) != len(header):
            problems.append(
                problem(
                    where,
                    f"{len(fields)} fields",
                    f"{len(header)} fields, as in the header",
                    "separate the fields by single tabs",
                )
            )
            continue
        row = {name: field.strip() for name, field in zip(header, fields, strict=True)}
        for error in validator.iter_errors(row):
            column = error.absolute_path[0] if error.absolute_path else ""
            if error.validator == "not":
                expected = f"another name: {', '.join(error.validator_value['enum'])} are taken"
            elif error.validator == "pattern":
                expected = f"text that matches {error.validator_value}"
            else:
                expected = "text" if error.validator == "minLength" else error.message
            problems.append(problem(where, f"{column} is {row.get(column)!r}", expected, f"change the {column}"))
        key = (row["dataset"], row["target"])
        if key in first_seen:
            problems.append(
                problem(
                    where,
                    f"dataset {key[0]!r}, target {key[1]!r} again (first in line {first_seen[key]})",
                    "each pair of dataset and target once",
                    "remove one of the two rows, or rename the target",
                )
            )
        first_seen.setdefault(key, number)
        rows.append({"sha256": "", **row, "line": number})
    if not rows and not problems:
        problems.append(problem(path, "a header without rows", "a row a dataset and target", "add rows"))
    # Names that differ by case alone fall on one folder on some file systems.
    folded = {}
    for row in rows:
        other = folded.setdefault(row["dataset"].lower(), row)
        if other["dataset"] != row["dataset"]:
            problems.append(
                problem(
                    f"{path}, line {row['line']}",
                    f"{row['dataset']!r} differs from {other['dataset']!r} (line {other['line']}) by case alone",
                    "names that differ by more",
                    "rename one of them",
                )
            )
    return rows, problems


# ---------------------------------------------------------------------------------------------------------------------
# Files and chromosomes


def find_file(source, *folders):
    """The first of `folders` in which a relative path exists, joined to it; None if there is none."""
    for folder in folders:
        path = os.path.join(folder, source)
        if os.path.exists(path):
            return os.path.normpath(path)
    return None


def file_problem(where, source, checksum):
    """Problem of a file that does not exist or a URL without a checksum (None if all is well)."""
    if is_url(source):
        if not checksum:
            return problem(
                where,
                f"{source} has no sha256",
                "the checksum of what is downloaded",
                "download it once, run `sha256sum FILE`, and write the result beside the URL",
            )
        return None
    if not os.path.exists(source):
        return problem(
            where,
            f"there is no file {source}",
            "an existing file, or a URL with its sha256",
            "mend the path; relative paths start where Snakemake was started",
        )
    if os.path.isdir(source):
        return problem(where, f"{source} is a folder", "a file", "name the file in it")
    if not os.access(source, os.R_OK):
        return problem(where, f"{source} may not be read", "a readable file", f"run `chmod u+r {source}`")
    if os.path.getsize(source) == 0:
        return problem(where, f"{source} is empty (0 bytes)", "a file with content", "fetch or make it again")
    return None


def chromosome_names(fasta, cache_folder):
    """Names of the sequences of a local FASTA file (plain, gzip or bgzip), read once and then remembered.

    Parameters
    ----------
    fasta : str
    cache_folder : str or Path
        Where the names are kept, by path, size and time of change of the FASTA.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the file cannot be read as FASTA.
    """
    status = os.stat(fasta)
    stamp = [os.path.abspath(fasta), status.st_size, status.st_mtime_ns]
    cache = Path(cache_folder) / "chromosome_names.json"
    try:
        remembered = json.loads(cache.read_text())
    except (OSError, ValueError):
        remembered = {}
    if isinstance(remembered, dict) and remembered.get("stamp") == stamp:
        return remembered["names"]
    with open(fasta, "rb") as handle:
        opener = gzip.open if handle.read(2) == b"\x1f\x8b" else open
    headers, carry = [], b""
    try:
        with opener(fasta, "rb") as handle:
            while block := handle.read(1 << 24):
                block = carry + block
                cut = block.rfind(b"\n") + 1
                block, carry = block[:cut], block[cut:]
                if b">" in block:  # most blocks hold no header, and this look is much quicker than the expression
                    headers += re.findall(rb"^>[ \t]*(\S+)", block, flags=re.MULTILINE)
        headers += re.findall(rb"^>[ \t]*(\S+)", carry, flags=re.MULTILINE)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    texts = [header.decode("latin-1") for header in headers]
    if not texts:
        raise ValueError("no line that starts with `>`")
    cache.parent.mkdir(parents=True, exist_ok=True)
    temporary = cache.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"stamp": stamp, "names": texts}))
    temporary.replace(cache)
    return texts


def fold_problems(folds, names, path, lines):
    """Check the folds: no chromosome in two splits, and, where `names` is known, none that the genome lacks."""
    problems = []
    for fold, splits in folds.items():
        where_of = {}
        for split, chromosomes in splits.items():
            for position, chromosome in enumerate(chromosomes):
                where = f"{path}{line_of(lines, ['folds', fold, split, position])}"
                if chromosome in where_of:
                    problems.append(
                        problem(
                            where,
                            f"fold `{fold}` has {chromosome} in `{where_of[chromosome]}` and in `{split}`",
                            "each chromosome in one split",
                            "remove it from one of them",
                        )
                    )
                where_of.setdefault(chromosome, split)
                if names is not None and chromosome not in names:
                    near = difflib.get_close_matches(chromosome, names, n=1, cutoff=0.5)
                    shown = ", ".join(names[:25]) + (f", ... ({len(names)} in all)" if len(names) > 25 else "")
                    problems.append(
                        problem(
                            where,
                            f"fold `{fold}`, split `{split}`: the genome has no chromosome {chromosome!r}",
                            f"one of {shown}",
                            f"did you mean {near[0]}?" if near else "mend the name",
                        )
                    )
    return problems


# ---------------------------------------------------------------------------------------------------------------------
# All of it


def load_configuration(config, config_path, schemas, folders, cache_folder):
    """Check everything that can be checked before a job runs.

    Parameters
    ----------
    config : dict
        The configuration as Snakemake merged it (file and command line).
    config_path : str or None
        The file it came from, for line numbers; None when another workflow passed the configuration on.
    schemas : dict of str -> str
        Paths of the JSON Schemas `config`, `datasets` and `models`.
    folders : sequence of str
        Where relative paths are looked for: the working folder first, then the workflow's own.
    cache_folder : str
        Where the names of a genome's chromosomes are remembered.

    Returns
    -------
    settings : dict
        The configuration with every default filled in and local paths resolved.
    rows : list of dict
        The rows of the sheet, `peaks` resolved.
    models : dict
        Entries of models.yaml.
    problems : list of str
        Empty if the run may start.
    """
    schema = {name: yaml.safe_load(Path(path).read_text()) for name, path in schemas.items()}
    lines, problems = {}, []
    if config_path is not None:
        _, lines, problems = read_yaml(config_path)
    where_from = config_path or "the configuration"
    if problems:
        return {}, [], {}, problems
    problems += schema_problems(config, schema["config"], where_from, lines)
    if problems:
        return {}, [], {}, problems
    settings = with_defaults(config, schema["config"])

    def at(*keys):
        return f"{where_from}{line_of(lines, keys)}, {'.'.join(keys)}"

    def resolve(source):
        return source if is_url(source) else find_file(source, *folders) or source

    for section, key in (("genome", "fasta"), ("genome", "excluded"), ("genome", "aliases"), ("motifs", "database")):
        source = settings[section][key]
        if source is None:
            continue
        settings[section][key] = resolve(source)
        if key == "aliases" and is_url(source):
            problems.append(problem(at(section, key), f"{source} is a URL", "a local file", "download it first"))
            continue
        found = file_problem(at(section, key), settings[section][key], settings[section].get(f"{key}_sha256"))
        problems += [found] if found else []
    if settings["genome"]["name"] == "downloads":
        problems.append(
            problem(
                at("genome", "name"), "`downloads` is a folder of cisflow's own", "another name", "rename the genome"
            )
        )

    sheet_path = resolve(settings["datasets"])
    rows, found = read_sheet(sheet_path, schema["datasets"])
    problems += found
    for row in rows:
        row["peaks"] = resolve(row["peaks"]) if row["peaks"] else ""
        found = file_problem(f"{sheet_path}, line {row['line']}", row["peaks"], row["sha256"]) if row["peaks"] else None
        problems += [found] if found else []

    models_path = resolve(settings["models"])
    models, model_lines, found = read_yaml(models_path)
    problems += found
    if models is not None and not found:
        problems += schema_problems(models, schema["models"], models_path, model_lines)
    for position, name in enumerate(settings["train"]["models"]):
        if isinstance(models, dict) and name not in models:
            near = difflib.get_close_matches(name, list(models), n=1)
            problems.append(
                problem(
                    f"{where_from}{line_of(lines, ['train', 'models', position])}, train.models",
                    f"{models_path} has no model {name!r}",
                    f"one of {', '.join(models)}",
                    f"did you mean {near[0]}?" if near else "mend the name, or add the model to the file",
                )
            )

    names = None
    fasta = settings["genome"]["fasta"]
    if not is_url(fasta) and file_problem("", fasta, None) is None:
        try:
            names = chromosome_names(fasta, cache_folder)
        except ValueError as error:
            problems.append(
                problem(at("genome", "fasta"), f"{fasta}: {error}", "FASTA, plain or gzip", "fetch or make it again")
            )
    problems += fold_problems(settings["folds"], names, where_from, lines)
    return settings, rows, models or {}, problems
