"""Load and check the configuration before the first job: config.yaml, the sheet of datasets, models.yaml.

`rules/common.smk` loads this file by its path (never by `import cisflow`), so it imports nothing that Snakemake itself
does not bring. Every check returns a list of problems; all of them are told at once.
"""

import difflib
import json
import os
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
# Text and YAML with line numbers

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # every job reads the files; the compiled one is far quicker
MOST_NODES = 200_000  # a few anchors that hold one another unfold to billions


def text_of(path):
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises
    ------
    ValueError
        If it is not UTF-8; the message names the line.
    """
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ValueError("the text is UTF-16, as some spreadsheet programs write it") from error
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} holds the byte 0x{content[error.start]:02x}, which is no UTF-8") from error


def unreadable(path, error, expected):
    """Problem of a file whose text cannot be had."""
    if isinstance(error, FileNotFoundError):
        return problem(path, "there is no such file", expected, "write it, or mend the path")
    if isinstance(error, OSError):
        return problem(path, f"it cannot be read: {error.strerror}", expected, "mend the path, or its permissions")
    encoding = "utf-16" if "UTF-16" in str(error) else "latin1"
    return problem(path, error, "UTF-8 text", f"save it as UTF-8, or run `iconv -f {encoding} -t utf-8 FILE > NEW`")


def read_yaml(path):
    """Read a YAML file together with the line of every key.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    data : object
        What the file holds; None where it could not be read.
    lines : dict of tuple of str -> int
        Line, counted from 1, of the value at each path of keys and list positions.
    problems : list of str
        Syntax errors and keys that stand twice (plain readers keep the last of them without a word).
    """
    lines, problems, visited = {}, [], 0

    def walk(node, keys):
        nonlocal visited
        visited += 1
        if visited > MOST_NODES or len(keys) > 100:
            raise yaml.YAMLError("anchors (`&`, `*`) that hold one another, or far too many values")
        lines.setdefault(keys, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen = {}
            for key_node, value_node in node.value:
                key = key_node.value
                line = key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    raise yaml.MarkedYAMLError(problem="a list or mapping as a key", problem_mark=key_node.start_mark)
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
                walk(value_node, (*keys, str(position)))

    try:
        text = text_of(path)
        try:
            root = yaml.compose(text, Loader=LOADER)
        except yaml.YAMLError:
            root = yaml.compose(text, Loader=yaml.SafeLoader)  # tells more of what is wrong
        if root is None:
            return None, {}, [problem(path, "the file is empty", "a YAML mapping", "fill it, or name another file")]
        walk(root, ())
        return yaml.load(text, LOADER), lines, problems
    except (OSError, ValueError) as error:
        return None, {}, [unreadable(path, error, "a YAML file")]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        parts = [getattr(error, "context", None), getattr(error, "problem", None)]
        found = " ".join(", ".join(part for part in parts if part).split()) or " ".join(str(error).split())
        fix = "mind the indentation, close every bracket and quote, and quote values that hold `: ` or ` #`"
        if "'\\t'" in found:
            fix = "indent by spaces: YAML takes no tabs"
        return None, {}, [problem(where, f"this is no YAML: {found}", "YAML", fix)]


def line_of(lines, keys):
    """Line of the deepest known ancestor of a path of keys, as text for a message (`, line 7`).

    Nothing if the file does not even hold the first key: the value came from the command line or another workflow.
    """
    keys = tuple(map(str, keys))
    if keys and keys[:1] not in lines:
        return ""
    while keys and keys not in lines:
        keys = keys[:-1]
    return f", line {lines[keys]}" if keys in lines else ""


def with_defaults(value, schema, root=None):
    """Fill the defaults of a JSON Schema into a copy of `value`; `$ref` is followed within the schema."""
    root = root or schema
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [with_defaults(one, schema["items"], root) for one in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    of_others = schema.get("additionalProperties")
    if isinstance(of_others, dict):
        named = schema.get("properties", {})
        filled |= {key: with_defaults(one, of_others, root) for key, one in value.items() if key not in named}
    for key, part in schema.get("properties", {}).items():
        target = part
        while isinstance(target, dict) and "$ref" in target:
            target = root["$defs"][target["$ref"].rsplit("/", 1)[1]]
        # A default beside a `$ref` holds at this place alone.
        defaults = [one["default"] for one in (part, target) if isinstance(one, dict) and "default" in one]
        if key not in filled and defaults:
            filled[key] = defaults[0]
        if key in filled:
            filled[key] = with_defaults(filled[key], target, root)
    return filled


KINDS = {
    "object": "keys with values",
    "array": "a list, as in [a, b]",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


# JSON Schema takes 200.0 for a whole number; Python would count with it as a fraction.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def did_you_mean(name, known, otherwise):
    """How to mend a name that is none of the known ones."""
    small = {str(other).lower(): str(other) for other in known}
    near = [small[other] for other in difflib.get_close_matches(str(name).lower(), small, n=1, cutoff=0.7)]
    return f"did you mean `{near[0]}`?" if near else otherwise


def what_is_expected(error):
    """What a value that breaks a JSON Schema should have been, in words."""
    rule, limit = error.validator, error.validator_value
    if rule == "type":
        return " or ".join(KINDS[kind] for kind in ([limit] if isinstance(limit, str) else limit))
    if rule == "enum":
        return f"one of {', '.join(str(choice) for choice in limit if choice != '')}"
    if rule == "not":
        return f"another name; cisflow itself uses {', '.join(limit['enum'])}"
    if rule in ("pattern", "oneOf"):
        return error.schema.get("description", error.message)
    if rule in ("minItems", "minProperties", "minLength"):
        return "at least one" if limit == 1 else f"at least {limit}"
    words = {
        "minimum": f"{limit} or more",
        "maximum": f"{limit} or less",
        "exclusiveMinimum": f"more than {limit}",
        "exclusiveMaximum": f"less than {limit}",
        "uniqueItems": "each value once",
        "maxItems": f"at most {limit}",
    }
    return words.get(rule, error.message)


def how_to_mend(error):
    """What to do about a value that breaks a JSON Schema."""
    value, rule, place = error.instance, error.validator, list(error.absolute_path)
    if rule == "type" and value is None:
        return "give it a value, or remove the key to have the default"
    if rule == "type" and "string" in error.validator_value and isinstance(value, (int, float)):
        return "put it in quotes, so that YAML reads it as text"
    if rule == "type" and error.validator_value == "array":
        return "put it in square brackets"
    if rule == "type" and error.validator_value == "object":
        if isinstance(value, list) and "ranges" in place:
            return f"write `{{choices: {json.dumps(value)}}}`"
        if isinstance(value, str) and place and isinstance(place[-1], int):  # a layer
            return f"write `{{type: {value}}}`, its settings behind the type"
        return "write lines of `key: value`, indented alike"
    if rule == "type" and error.validator_value == "number" and isinstance(value, str):
        try:
            return f"YAML reads `{value}` as text; write {float(value)}"
        except ValueError:
            pass
    if rule == "enum":
        return did_you_mean(value, error.validator_value, "choose one of them")
    return "mend the value; config/README.md says how to choose it"


def dotted(keys):
    """Keys joined by dots; what stands in a list is counted from 1, as in the ranges of a search."""
    return ".".join(str(key + 1 if isinstance(key, int) else key) for key in keys)


def schema_problems(value, schema, path, lines):
    """Check a value against a JSON Schema; every violation becomes a problem with its file and line."""
    found = []
    for error in Validator(schema).iter_errors(value):
        keys = list(error.absolute_path)
        place = dotted(keys)
        if error.validator == "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            for key in sorted(set(error.instance) - set(known), key=str):
                found.append(
                    (
                        f"{path}{line_of(lines, [*keys, key])}",
                        f"unknown key `{dotted([*keys, str(key)])}`",
                        f"one of {', '.join(known)}" if set(known) - {"name", "type"} else "no settings but a name",
                        did_you_mean(key, known, "remove it"),
                    )
                )
        elif error.validator == "required":
            missing = [f"`{key}`" for key in error.validator_value if key not in error.instance]
            found.append(
                (
                    f"{path}{line_of(lines, keys)}",
                    f"{f'`{place}`' if place else 'the file'} lacks {', '.join(missing)}",
                    f"the keys {', '.join(error.validator_value)}",
                    "add what is missing; config/README.md says what it means",
                )
            )
        else:
            shown = json.dumps(error.instance, default=str, ensure_ascii=False)
            shown = shown if len(shown) < 100 else shown[:100] + " ..."
            name = f"`{place}`" if place else "the file"
            what = f"{name} is {'empty' if error.instance is None else shown}"
            if "propertyNames" in error.absolute_schema_path:
                what, keys = f"{name} holds the name {shown}", [*keys, error.instance]
            found.append((f"{path}{line_of(lines, keys)}", what, what_is_expected(error), how_to_mend(error)))

    def line(parts):
        return int(parts[0].rpartition(", line ")[2]) if ", line " in parts[0] else 0

    # jsonschema tells of each missing key apart
    return [problem(*parts) for parts in sorted(dict.fromkeys(found), key=line)]


# ---------------------------------------------------------------------------------------------------------------------
# The sheet


def read_sheet(path, schema):
    """Read and check a sheet: that of the datasets, or that of signal tracks.

    Parameters
    ----------
    path : str or Path
        Tab-separated, with a header; lines that start with `#` and empty lines are passed over.
    schema : dict
        JSON Schema of one row; its first two columns together name a row.

    Returns
    -------
    rows : list of dict
        Every column of the schema (empty where the sheet has none) and `line`, counted from 1.
    problems : list of str
    """
    try:
        text = text_of(path)
    except (OSError, ValueError) as error:
        return [], [unreadable(path, error, "a sheet, tab-separated text")]
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    known = list(schema["properties"])
    keys = known[:2]
    if not numbered:
        return [], [problem(path, "the sheet is empty", f"a header and a row a {' and '.join(keys)}", "add rows")]
    header_line, header_text = numbered[0]
    header = [name.strip() for name in header_text.split("\t")]
    problems = []
    unknown = [name for name in header if name not in known]
    missing = [name for name in schema["required"] if name not in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    if unknown or missing or twice:
        parts = [f"unknown column {name!r}" for name in unknown] + [f"no column {name!r}" for name in missing]
        parts += [f"column {name!r} stands twice" for name in twice]
        if header_text.startswith("PK"):
            hint = "this is an Excel workbook: save it as text, tab-delimited"
        elif len(header) == 1:
            hint = "separate the columns by tabs, not by commas or spaces"
        elif not set(header) & set(known):
            hint = "write a header as the first line"
        else:
            hint = "rename, add or remove columns"
        return [], [
            problem(
                f"{path}, line {header_line}",
                "; ".join(parts),
                f"the columns {', '.join(schema['required'])}, and as needed "
                f"{', '.join(name for name in known if name not in schema['required'])}",
                hint,
            )
        ]
    rows, first_seen = [], {}
    validator = jsonschema.Draft202012Validator(schema)
    for number, line in numbered[1:]:
        where = f"{path}, line {number}"
        fields = line.split("\t")
        if len(fields) != len(header):
            problems.append(
                problem(
                    where,
                    f"{len(fields)} field(s), of which the first is {fields[0][:60]!r}",
                    f"{len(header)} fields, as in the header",
                    "separate the fields by single tabs",
                )
            )
            continue
        row = {name: field.strip() for name, field in zip(header, fields, strict=True)}
        for error in validator.iter_errors(row):
            column = error.absolute_path[0]
            shown = (
                repr(row[column]) if len(row[column]) < 100 else f"{row[column][:30]!r}... ({len(row[column])} long)"
            )
            if not row[column]:
                problems.append(problem(where, f"{column} is empty", error.schema["description"], "fill it in"))
                break
            problems.append(problem(where, f"{column} is {shown}", what_is_expected(error), f"change the {column}"))
        key = tuple(row[name] for name in keys)
        if key in first_seen:
            problems.append(
                problem(
                    where,
                    f"{keys[0]} {key[0]!r}, {keys[1]} {key[1]!r} again (first in line {first_seen[key]})",
                    f"each pair of {keys[0]} and {keys[1]} once",
                    f"remove one of the two rows, or rename the {keys[1]}",
                )
            )
        first_seen.setdefault(key, number)
        rows.append({**dict.fromkeys(known, ""), **row, "line": number})
    if not rows and not problems:
        problems.append(problem(path, "a header without rows", f"a row a {' and '.join(keys)}", "add rows"))
    # Names that differ by case alone fall on one folder on some file systems.
    folded = {name: (name, "cisflow's own folder") for name in ("reference", "planted", "over_datasets")}
    for row in rows:
        other, where = folded.setdefault(row["dataset"].lower(), (row["dataset"], f"line {row['line']}"))
        if other != row["dataset"]:
            problems.append(
                problem(
                    f"{path}, line {row['line']}",
                    f"dataset {row['dataset']!r} differs from {other!r} ({where}) by case alone",
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


def file_problem(where, source, checksum, folders=(".",), is_local=False):
    """Problem of a file that is in none of the folders or of a URL without a checksum (None if all is well).

    Parameters
    ----------
    where : str
        Of the problem, for the message.
    source : str
        Path or URL.
    checksum : str, list of str or None
        Of what a URL gives.
    folders : sequence of str
        Where it was looked for.
    is_local : bool
        Whether it may be no URL.

    Returns
    -------
    str or None
    """
    if is_url(source) and is_local:
        return problem(where, f"{source} is a URL", "a local file", "download it first")
    if is_url(source):
        if not checksum:
            return problem(
                where,
                f"{source} has no sha256",
                "the checksum of what is downloaded",
                "download it once, run `sha256sum FILE`, and write the result beside the URL",
            )
        return None
    if "{" in source or "}" in source:
        return problem(where, f"{source} holds a brace", "a path without `{` and `}`", "rename the file or its folder")
    if not os.path.exists(source):
        searched = " and in ".join(dict.fromkeys(os.path.abspath(folder) for folder in folders))
        return problem(
            where,
            f"there is no file {source}",
            "an existing file" if is_local else "an existing file, or a URL with its sha256",
            "mend the path" if os.path.isabs(source) else f"mend the path; it was looked for in {searched}",
        )
    if os.path.isdir(source):
        return problem(where, f"{source} is a folder", "a file", "name the file in it")
    if not os.path.isfile(source):  # a pipe would be waited for without end
        return problem(where, f"{source} is a pipe or a device", "a file", "write what it gives to a file")
    if not os.access(source, os.R_OK):
        return problem(where, f"{source} may not be read", "a readable file", f"run `chmod u+r {source}`")
    if os.path.getsize(source) == 0:
        return problem(where, f"{source} is empty (0 bytes)", "a file with content", "fetch or make it again")
    return None


def nearest_chromosome(name, names):
    """The name that was probably meant (`chr2` for `2`, and the reverse, or alike in spelling), or None."""
    bare = {other.lower().removeprefix("chr"): other for other in names}
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return bare.get(name.lower().removeprefix("chr")) or (near[0] if near else None)


def are_named(folds):
    """Whether the folds name their chromosomes (else they are balanced ones, or a column of a table says the split)."""
    return all(isinstance(fold, dict) for fold in folds.values())


def fold_problems(folds, names, path, lines):
    """Check the folds: no chromosome in two splits, and, where `names` is known, none that the genome lacks."""
    problems = []
    if not are_named(folds):
        for position, name in enumerate(folds.get("only", [])):
            if int(name.removeprefix("fold")) > folds["k"]:
                problems.append(
                    problem(
                        f"{path}{line_of(lines, ['folds', 'only', position])}, folds.only",
                        f"`{name}` is beyond the {folds['k']} folds of folds.k",
                        f"fold1 to fold{folds['k']}",
                        "mend the name, or raise folds.k",
                    )
                )
        return problems
    for fold, splits in folds.items():
        split_of = {}
        for split, chromosomes in splits.items():
            for position, chromosome in enumerate(chromosomes):
                where = f"{path}{line_of(lines, ['folds', fold, split, position])}"
                if split_of.setdefault(chromosome, split) != split:
                    problems.append(
                        problem(
                            where,
                            f"fold `{fold}` has {chromosome} in `{split_of[chromosome]}` and in `{split}`",
                            "each chromosome in one split",
                            "remove it from one of them",
                        )
                    )
                if names is not None and chromosome not in names:
                    near = nearest_chromosome(chromosome, names)
                    shown = ", ".join(names[:25]) + (f", ... ({len(names)} in all)" if len(names) > 25 else "")
                    problems.append(
                        problem(
                            where,
                            f"fold `{fold}`, split `{split}`: the genome has no chromosome {chromosome!r}",
                            f"one of {shown}",
                            f"did you mean `{near}`?" if near else "mend the name",
                        )
                    )
        if names is not None and "train" not in splits and not set(names) - set(split_of):
            problems.append(
                problem(
                    f"{path}{line_of(lines, ['folds', fold])}",
                    f"fold `{fold}` leaves no chromosome to train on",
                    "at least one chromosome of the genome outside `val` and `test`",
                    "hold out fewer chromosomes",
                )
            )
    return problems


# ---------------------------------------------------------------------------------------------------------------------
# All of it


def resolved(source, folders):
    """A path of the configuration as found in one of the folders; as it stands if it is a URL or is not found."""
    return source if is_url(source) else find_file(source, *folders) or source


PLANTED_FILES = ("sequences.tsv", "motifs.meme")
# Columns of the sheets that name files, each with the column of its checksum.
FILE_COLUMNS = {
    "peaks": "sha256",
    "sequences": "sha256",
    "signal": "signal_sha256",
    "weak_peaks": "weak_peaks_sha256",
    "negatives": "negatives_sha256",
}


def planted_files(planted):
    """Files of planted sets that may be named as inputs, though a rule of the run makes them.

    Parameters
    ----------
    planted : dict
        The section of the configuration.

    Returns
    -------
    dict of str -> (str, str)
        Path -> name of the set, name of the file.
    """
    names = planted if isinstance(planted, dict) else ()
    return {f"results/planted/{name}/{file}": (name, file) for name in names for file in PLANTED_FILES}


def databases_of(motifs):
    """Motif databases as a list, and the accepted checksums of each.

    Parameters
    ----------
    motifs : dict
        The section of the configuration: of one database, several checksums are those of equally good copies; of a list
        of databases, there is one for each, or none at all.

    Returns
    -------
    list of str, list of list of str
    """
    sources, checksum = motifs["database"], motifs["database_sha256"]
    if isinstance(sources, str):
        return [sources], [[checksum] if isinstance(checksum, str) else list(checksum or [])]
    given = [checksum] if isinstance(checksum, str) else checksum
    return list(sources), [[one] for one in given] if given else [[] for _ in sources]


def with_planted_motifs(settings, schema):
    """An entry of `planted` with settings of every motif that it plants: the schema's, where it gives none."""
    defaults = with_defaults({}, schema["$defs"]["planted_motif"], schema)
    items = [item for part in settings["classes"].values() for item in part["plant"]]
    names = dict.fromkeys(name for item in items for key in ("motifs", "pair") for name in item.get(key, ()))
    return {**settings, "motifs": dict.fromkeys(names, defaults) | settings["motifs"]}


def read_datasets(path, schema, folders, made=()):
    """The rows of a sheet with their files found (or `made` by a rule of the run), and the problems of both."""
    rows, problems = read_sheet(path, schema)
    for row in rows:
        for column, checksum in FILE_COLUMNS.items():
            if row.get(column) and row[column] not in made:
                row[column] = resolved(row[column], folders)
                accepted = row.get(checksum, row["sha256"])  # the sheet of tracks has but one file a row
                found = file_problem(f"{path}, line {row['line']}, {column}", row[column], accepted, folders)
                problems += [found] if found else []
    return rows, problems


def read_models(path, schema, folders):
    """The entries of models.yaml with their defaults filled in (without them where there are problems)."""
    models, lines, problems = read_yaml(path)
    if models is None:
        return {}, problems
    problems += schema_problems(models, schema, path, lines)
    problems += [
        problem(
            f"{path}{line_of(lines, [name, 'training'])}",
            f"model `{name}` has `training` beside `features`",
            "an estimator, which is fitted in one go",
            "remove `training`",
        )
        for name, model in (models.items() if isinstance(models, dict) else ())
        if isinstance(model, dict) and "features" in model and "training" in model
    ]
    if problems:
        return models if isinstance(models, dict) else {}, problems
    entry = schema["additionalProperties"]
    return {name: with_defaults(model, entry, schema) for name, model in models.items()}, problems


def entry_checker(path):
    """What breaks the schema of models.yaml in one entry.

    Parameters
    ----------
    path : str or Path
        Of the schema.

    Returns
    -------
    callable
        Takes an entry and gives a list of (name of the schema's rule, what is expected, how to mend it).
    """
    schema = yaml.load(Path(path).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    validator = Validator({"$defs": schema["$defs"], **schema["additionalProperties"]})

    def told(error):
        if error.validator != "additionalProperties":
            return error.validator, what_is_expected(error), how_to_mend(error)
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known), key=str)[0]
        return error.validator, f"one of {', '.join(known)}", did_you_mean(unknown, known, "remove it")

    return lambda entry: [told(error) for error in validator.iter_errors(entry)]


def load_configuration(config, config_path, schemas, folders, chromosome_sizes):
    """Check everything that can be checked before a job runs.

    Parameters
    ----------
    config : dict
        The configuration as Snakemake merged it (file and command line).
    config_path : str or None
        The file it came from, for line numbers; None when another workflow passed the configuration on.
    schemas : dict of str -> str
        Paths of the JSON Schemas `config`, `datasets`, `tracks` and `models`.
    folders : sequence of str
        Where relative paths are looked for: the working folder first, then the workflow's own.
    chromosome_sizes : callable
        Takes the path of a FASTA file and gives the sizes of its chromosomes; see `cisflow.fasta_sizes`.

    Returns
    -------
    settings : dict
        The configuration with every default filled in and local paths resolved.
    rows : list of dict
        The rows of the sheet, its files resolved.
    tracks : list of dict
        The rows of the sheet of tracks, likewise; none without such a sheet.
    models : dict
        Entries of models.yaml.
    problems : list of str
        Empty if the run may start.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # every job reads them; the compiled one is far quicker
    schema = {name: yaml.load(Path(path).read_text(encoding="utf-8"), loader) for name, path in schemas.items()}
    lines, problems = {}, []
    if config_path is not None:
        data, lines, problems = read_yaml(config_path)
        if data is None:
            return {}, [], [], {}, problems
    where_from = config_path or "the configuration"
    mistakes = schema_problems(config, schema["config"], where_from, lines)
    problems += mistakes
    if mistakes:
        # What can still be said of the files, if they are named rightly, is said at once.
        named = config if isinstance(config, dict) else {}
        for key in ("datasets", "models"):
            path = named.get(key, schema["config"]["properties"][key].get("default"))
            path = find_file(path, *folders) if isinstance(path, str) else None
            if path is not None:
                made = (planted_files(named.get("planted")),) if key == "datasets" else ()
                read = read_datasets if key == "datasets" else read_models
                problems += read(path, schema[key], folders, *made)[1]
        return {}, [], [], {}, problems
    settings = with_defaults(config, schema["config"])
    made = planted_files(settings["planted"])

    def at(*keys):
        return f"{where_from}{line_of(lines, keys)}, {'.'.join(keys)}"

    genome = settings.get("genome")
    for section, key in (("genome", "fasta"), ("genome", "excluded"), ("genome", "aliases")):
        source = settings.get(section, {}).get(key)
        if source is None or source in made:
            continue
        settings[section][key] = resolved(source, folders)
        checksum = settings[section].get(f"{key}_sha256")
        found = file_problem(at(section, key), settings[section][key], checksum, folders, is_local=key == "aliases")
        problems += [found] if found else []
    motifs, place = settings["motifs"], at("motifs", "database")
    motifs["database"], motifs["database_sha256"] = databases_of(motifs)
    if len(motifs["database"]) != len(motifs["database_sha256"]):
        found = f"{len(motifs['database_sha256'])} checksums for {len(motifs['database'])} databases"
        problems.append(problem(f"{place}_sha256", found, "one for each", "list them in the order of the databases"))
        return {}, [], [], {}, problems
    for number, source in enumerate(motifs["database"]):
        if source not in made:
            motifs["database"][number] = resolved(source, folders)
            found = file_problem(place, motifs["database"][number], motifs["database_sha256"][number], folders)
            problems += [found] if found else []
    if genome and genome["name"].lower() in ("downloads", "motifs.meme"):
        taken = genome["name"]
        problems.append(
            problem(at("genome", "name"), f"`{taken}` is cisflow's own", "another name", "rename the genome")
        )

    for name, part in settings["planted"].items():
        settings["planted"][name] = part = with_planted_motifs(part, schema["config"])
        if part["database"] is not None:
            part["database"] = resolved(part["database"], folders)
            where = at("planted", name, "database")
            found = file_problem(where, part["database"], None, folders, is_local=True)
            problems += [found] if found else []

    rows, found = read_datasets(resolved(settings["datasets"], folders), schema["datasets"], folders, made)
    problems += found
    tracks = []
    if settings["tracks"]["sheet"]:
        tracks, found = read_datasets(resolved(settings["tracks"]["sheet"], folders), schema["tracks"], folders)
        problems += found
    models_path = resolved(settings["models"], folders)
    models, found = read_models(models_path, schema["models"], folders)
    problems += found
    sections = ("train", "learning_curve")
    named = [(section, *pair) for section in sections for pair in enumerate(settings[section]["models"])]
    for section, position, name in named:
        if models and name not in models:
            problems.append(
                problem(
                    f"{where_from}{line_of(lines, [section, 'models', position])}, {section}.models",
                    f"{models_path} has no model {name!r}",
                    f"one of {', '.join(map(str, models))}",
                    did_you_mean(name, models, "mend the name, or add the model to the file"),
                )
            )

    merge_distance, length = settings["windows"]["merge_distance"], settings["windows"]["length"]
    if merge_distance is not None and merge_distance > length // 2:
        problems.append(
            problem(
                at("windows", "merge_distance"),
                f"{merge_distance} bp is more than half of windows.length ({length} bp)",
                f"at most {length // 2}, so that every merged peak lies within its window",
                "lower it, or lengthen the windows",
            )
        )
    names = None
    fasta = genome["fasta"] if genome else None
    if fasta and not is_url(fasta) and file_problem("", fasta, None) is None:
        try:
            names = list(chromosome_sizes(fasta))
        except ValueError as error:
            problems.append(
                problem(at("genome", "fasta"), f"{fasta}: {error}", "FASTA, plain or gzip", "fetch or make it again")
            )
    problems += fold_problems(settings["folds"], names, where_from, lines)
    return settings, rows, tracks, models, problems
