"""Sequences that come as they are: reading libraries of MPRA and STARR-seq, as a table or as FASTA.

What a file may look like:

- A table is tab-separated with one header line. Lines that begin with `#` above the header are comments; the header
  itself may begin with `#` if it names the column of sequences. Empty lines and blanks around a field do not count.
- A FASTA file holds `>name key=value key=value`; the keys take the place of columns.
- A value is a decimal number, or one of the words of `MISSING` in any case: unknown, NaN.
- A row whose chromosome, start and end are all missing (a designed control) has no locus: chromosome `.`, from 0.

Rows with the same sequence all stay: barcodes and replicates are different measurements. They must not come apart when
rows are split, which is the splitter's work.

Coordinates are 0-based and half-open.
"""

import difflib
import itertools
import re
import sys

import numpy as np
import pandas as pd

from cisflow.alphabet import ALPHABET, UNKNOWN_BASES
from cisflow.intervals import INTERVAL, NO_LOCUS
from cisflow.messages import InputError
from cisflow.text_files import NUMBER, WHOLE_NUMBER, numbered_lines, raise_all

ROLES = ("sequence", "name", *INTERVAL, "strand", "split")
RESERVED = {"line", "score", *ROLES}  # what no target may be called
MISSING = frozenset({"", ".", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
LARGEST = float(np.finfo(np.float32).max)  # targets are stored as float32
BASES = (ALPHABET + UNKNOWN_BASES).replace("U", "")
BASES_OF_BOTH_CASES = (BASES + BASES.lower()).encode()
SEPARATORS = {",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}


def shown(text):
    """A field of the user's file as messages show it."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def listed(names):
    """Names in a message, the first thirty."""
    names = [shown(name) for name in names]
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def missing_names(wanted, found, others, kind):
    """One line for each name that is wanted and not found, with the nearest of those that are and of the others."""
    by_lower = {name.lower(): name for name in [*found, *others]}
    lines = []
    for role, name in wanted.items():
        if name not in found:
            lower = name.lower()
            near = difflib.get_close_matches(lower, list(by_lower), n=2, cutoff=0.6) or [
                other for other in by_lower if min(len(lower), len(other)) > 2 and (lower in other or other in lower)
            ]
            hint = f"; did you mean {' or '.join(shown(by_lower[other]) for other in near[:2])}?" if near else ""
            lines.append(f"no {kind} {shown(name)} (for {role}){hint}")
    return lines


# ----------------------------------------------------------------------------------------------------------------------
# Text to cells: a dictionary from role or target to the texts of all rows


def check_header(path, number, header, names, wanted):
    """Refuse a header that is quoted, not separated by tabs, holds a name twice, or lacks a column."""
    where = f"{path}, line {number}"
    if any(name.startswith('"') for name in names):
        raise InputError(
            f"{where}: the columns are quoted",
            f"found {shown(header)}, expected names without quotation marks",
            "save it as tab-delimited text without quotes (in R: write.table(quote = FALSE, row.names = FALSE))",
        )
    absent = missing_names(wanted, names, [], "column")
    if absent and len(names) == 1:
        separator = max(SEPARATORS, key=header.count)
        if header.count(separator):
            raise InputError(
                f"{where}: the columns are not separated by tabs",
                f"found {shown(header)}, which looks separated by {SEPARATORS[separator]}",
                "save it as tab-delimited text (`pandas.read_csv(FILE, sep=None, engine='python')"
                ".to_csv(NEW, sep='\\t', index=False)` does it)",
            )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(
            f"{where}: {listed(twice)} is the name of several columns",
            f"found the columns {listed(names)}, expected every name once",
            "rename or remove one of them",
        )
    if absent:
        row_like = any(len(name) > 9 and not name.encode().translate(None, BASES_OF_BOTH_CASES) for name in names)
        raise InputError(
            f"{where}: " + "\n".join(absent),
            f"found the columns {listed(names)}",
            "the first line looks like a row: write a line with the names of the columns above it"
            if row_like
            else "name the columns as the file does: `sequences` in config.yaml, `value` (default: the target) in the "
            "sheet. A header that begins with `#` is a comment unless it names the column of sequences",
        )


def table_cells(path, lines, wanted, mistakes):
    """The wanted columns of a tab-separated table; see `read_sequences`."""
    for header_number, header in lines:
        names = [name.strip() for name in header.split("\t")]
        if names[0] not in wanted.values():
            names[0] = names[0].lstrip("#").strip()
        if not header.startswith("#") or wanted["sequence"] in names:
            check_header(path, header_number, header, names, wanted)
            break
    else:
        raise InputError(
            f"{path} holds no table",
            "found nothing but comments, expected a line with the names of the columns",
            "write the header (without `#`), or name another file",
        )
    places = [names.index(column) for column in wanted.values()]
    numbers, columns = [], [[] for _ in places]  # no list a row: half a million of them are slow to look after
    for number, line in lines:
        fields = line.split("\t")
        quoted = [field for field in fields if field.startswith('"')] if '"' in line else ()
        if quoted:
            text = f"the field {shown(quoted[0])} is quoted"
            mistakes.append((number, text, "save the table without quotes (in R: write.table(quote = FALSE))"))
        elif line.startswith("#"):
            text = f"{shown(line)} begins with `#`: a comment, or a row?"
            mistakes.append((number, text, "keep comments above the header, remove them below it"))
        elif len(fields) != len(names):
            cure = "mend the rows (a tab too many or too few; a file cut short)"
            if len(fields) == len(names) + 1:
                cure += ", or write the table without names of rows (in R: row.names = FALSE)"
            mistakes.append((number, f"found {len(fields)} field(s), the header has {len(names)}", cure))
        else:
            numbers.append(number)
            for column, place in zip(columns, places, strict=True):
                column.append(fields[place].strip())
    return {"line": numbers, **dict(zip(wanted, columns, strict=True))}


def fasta_records(lines):
    """Line of the header, header and sequence of each record."""
    number, header, parts = None, "", []
    for line_number, line in lines:
        if line.startswith(">"):
            if number is not None:
                yield number, header, "".join(parts)
            number, header, parts = line_number, line[1:], []
        else:
            parts += line.split()
    yield number, header, "".join(parts)


def fasta_cells(path, lines, wanted, targets, task, mistakes):
    """The sequences of a FASTA file and the wanted keys of their headers; see `read_sequences`."""
    wanted = {role: key for role, key in wanted.items() if role not in ("sequence", "name")}
    cells = {"line": [], "name": [], "sequence": [], **{role: [] for role in wanted}}
    known = dict.fromkeys(wanted.values(), False)
    others = {}
    for number, header, sequence in fasta_records(lines):
        words = header.split()
        if not words:
            mistakes.append((number, f"header {shown('>' + header)} has no name", "write `>name key=value`"))
            continue
        values = {}
        for position, word in enumerate(words):
            key, equals, value = word.partition("=")
            if position and equals and key in known:
                known[key] = True
                if values.setdefault(key, value) != value:
                    text = f"key {shown(key)} stands twice: {shown(values[key])} and {shown(value)}"
                    mistakes.append((number, text, "give each key once"))
            elif equals:
                others[key] = None
        cells["line"].append(number)
        cells["name"].append(words[0])
        cells["sequence"].append(sequence)
        for role, key in wanted.items():
            cells[role].append(values.get(key, ""))
    # Keys of another name would be values that nobody reads, so only headers without any are a list of positives.
    if task == "binary" and len(targets) == 1 and not others and not known[wanted[targets[0]]]:
        known[wanted[targets[0]]] = True
        cells[targets[0]] = ["1"] * len(cells["line"])
    absent = missing_names(wanted, [key for key, is_there in known.items() if is_there], others, "key")
    found = [*(key for key, is_there in known.items() if is_there), *others]
    if absent:
        raise InputError(
            f"{path}: " + "\n".join(absent),
            f"found {'the keys ' + listed(found) if found else 'no `key=value` in any header'}, "
            "expected headers such as `>name key=value`, blanks between them",
            "name the keys as the file does: `value` in the sheet (default: the target), `sequences` in config.yaml. "
            "For a FASTA of positives alone: task binary, one target, no `=` in the headers",
        )
    return cells


# ----------------------------------------------------------------------------------------------------------------------
# Cells to what they mean; a mistake is a line, a text and a cure


def read_bases(texts, numbers, label, mistakes):
    """Sequences in upper case."""
    for number, text in zip(numbers, texts, strict=True):
        if len(text) < 6 and text.lower() in MISSING:  # NA and NaN are made of IUPAC bases
            found = "empty" if not text else f"{shown(text)}, which is no sequence"
            mistakes.append((number, f"{label} is {found}", "give every row its sequence, or remove the row"))
        # Before upper(), which would make two bases (SS) of a German sharp s.
        elif not text.isascii() or text.encode().translate(None, BASES_OF_BOTH_CASES):
            strange = sorted({character for character in text if character not in BASES + BASES.lower()})
            is_rna = set(strange) <= {"U", "u"}
            mistakes.append(
                (
                    number,
                    f"{label} holds {listed(strange[:8])} in {shown(text)}",
                    "write DNA: T in place of U"
                    if is_rna
                    else "give bases alone: A, C, G, T, N or another IUPAC code, no gaps, blanks or amino acids",
                )
            )
    return [text if text.isupper() else text.upper() for text in texts]  # one copy in memory, not two


def read_names(texts, numbers, label, mistakes):
    """Names, each of them once."""
    first = {}
    for number, text in zip(numbers, texts, strict=True):
        if not text:
            mistakes.append((number, f"{label} is empty", "give every row a name, or set sequences.name to null"))
        elif first.setdefault(text, number) != number:
            twice = f"{label}: {shown(text)} stands in line {first[text]} already"
            mistakes.append((number, twice, "rename one of the two (rows are told apart by their names)"))
    return texts


def read_values(texts, numbers, label, task, mistakes):
    """Values as float64, NaN where unknown."""
    found = np.full(len(texts), np.nan)
    for position, text in enumerate(texts):
        if NUMBER.fullmatch(text):
            value = float(text)
            if abs(value) <= LARGEST and (task != "binary" or value in (0, 1)):
                found[position] = value
                continue
            if abs(value) > LARGEST:
                wrong, cure = "is infinite or beyond what 32 bits hold", "give finite values, or NA for unknown"
            else:
                wrong, cure = "is not 0, 1 or missing", "write 0, 1 or NA, or set the task to regression"
        elif text.lower() in MISSING:
            continue
        elif INFINITE.fullmatch(text):
            wrong, cure = "is infinite", "give finite values, or NA for unknown"
        elif "," in text and NUMBER.fullmatch(text.replace(",", ".", 1)):
            wrong, cure = "has a comma in its number", "write decimal points (1.5, not 1,5) and no thousands separators"
        else:
            wrong = "is no number"
            cure = f"write {'0 or 1' if task == 'binary' else 'numbers such as -1.5e-3'}, or NA for unknown"
        mistakes.append((numbers[position], f"{label}: {shown(text)} {wrong}", cure))
    return found


def read_loci(cells, labels, one_based, mistakes):
    """Chromosomes, starts and ends; see `read_sequences`."""
    chroms, starts, ends = [], np.zeros(len(cells["line"]), dtype=np.int64), []
    label = ", ".join(labels[role] for role in INTERVAL)
    rows = zip(cells["line"], cells["chrom"], cells["start"], cells["end"], cells["sequence"], strict=True)
    for position, (number, chrom, start_text, end_text, sequence) in enumerate(rows):
        chroms.append(sys.intern(chrom))  # one text a chromosome, not one a row
        ends.append(len(sequence))
        if not (WHOLE_NUMBER.fullmatch(start_text) and WHOLE_NUMBER.fullmatch(end_text)):
            if all(text.lower() in MISSING for text in (chrom, start_text, end_text)):
                chroms[-1] = NO_LOCUS
                continue
            text = f"{label}: start {shown(start_text)}, end {shown(end_text)} are no whole numbers from 0"
            cure = "write whole numbers without separators; leave all three empty for a row without locus"
        elif chrom in ("", NO_LOCUS):
            text = f"{label}: no chromosome beside start {start_text}, end {end_text}"
            cure = "write the chromosome; leave all three empty for a row without locus"
        else:
            start, end = int(start_text) - one_based, int(end_text)
            starts[position], ends[-1] = start, end
            if start < 0:
                text = f"{label}: start 0 on {chrom[:40]}, but one_based counts from 1"
                cure = "set sequences.coordinates to bed"
            elif start >= end:
                text = f"{label}: start {start_text} is not below end {end_text}"
                cure = "put the smaller coordinate first on both strands (a 1-based file: sequences.coordinates)"
            elif sequence and end - start != len(sequence):
                text = f"{label}: {chrom[:40]}:{start_text}-{end_text} spans {end - start} bases, its sequence has "
                text += f"{len(sequence)}"
                if len(sequence) - (end - start) == (-1 if one_based else 1):
                    cure = f"set sequences.coordinates to {'bed' if one_based else 'one_based'}"
                else:
                    cure = (
                        "give the coordinates of exactly the bases in the table (cut adapters off and declare them as "
                        "flank_5 and flank_3), or set sequences.chrom, start and end to null"
                    )
            else:
                continue
        mistakes.append((number, text, cure))
    return chroms, starts, np.array(ends, dtype=np.int64)


def read_words(texts, numbers, label, meaning, expected, mistakes):
    """The meaning of words of which only some may stand in a column."""
    found = []
    for number, text in zip(numbers, texts, strict=True):
        found.append(meaning.get(text.lower()))
        if found[-1] is None:
            mistakes.append((number, f"{label}: {shown(text)} is none of {expected}", f"write {expected}"))
    return found


def read_sequences(path, columns, values, task):
    """Read a table or a FASTA file of sequences with one or more values each.

    Parameters
    ----------
    path : str or Path
        Tab-separated with a header, or FASTA; plain, gzip or bgzip. The content tells which, not the name.
    columns : dict
        The section `sequences` of the configuration: names of the columns `sequence`, `name`, `chrom`, `start`, `end`
        and `strand`, None where there is none, and `coordinates`, `bed` (0-based, half-open) or `one_based` (1-based,
        inclusive). `split` may name a column of splits. Other keys are not looked at.
    values : dict of str -> str
        Target -> the column (in FASTA the key) of its values.
    task : str
        `binary`: values are 0, 1 or missing. `regression`: any finite number or missing.

    Returns
    -------
    pandas.DataFrame
        `line` (of the header in FASTA), `name` (`row_<n>`, counted from 1, without a column of names), `sequence` in
        upper case; `chrom`, `start`, `end` if their columns are named; `strand` (`.` where missing) and `split`
        (`train`, `val` or `test`) likewise; then one float64 column a target, NaN = unknown. A FASTA without any
        `key=value` gives label 1 throughout, if the task is binary and there is one target.

    Raises
    ------
    InputError
        With every bad line of the file; if a column is missing; if a target has no known value; if there is no row.
    """
    wanted = {role: columns[role] for role in ROLES if columns.get(role)}
    wanted.setdefault("sequence", "sequence")
    coordinates_absent = [role for role in INTERVAL if role not in wanted]
    if 0 < len(coordinates_absent) < len(INTERVAL):
        raise InputError(
            f"config.yaml, sequences: {', '.join(coordinates_absent)} without a column",
            "found some of chrom, start and end, expected all of them or none",
            "name all three columns, or set all three to null",
        )
    if RESERVED & set(values):
        raise InputError(
            f"a target is called {listed(sorted(RESERVED & set(values)))}",
            f"expected any name but {', '.join(sorted(RESERVED))}, which are columns of this workflow",
            "rename the target in the sheet and give its column as `value`",
        )
    lines = ((number, line) for number, line in numbered_lines(path) if line.strip())
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path} holds no row", "found an empty file, expected a table or FASTA", "fetch it again")
    lines, mistakes = itertools.chain([first], lines), []
    is_fasta = first[1].startswith(">")
    wanted |= values
    if is_fasta:
        cells = fasta_cells(path, lines, wanted, list(values), task, mistakes)
    else:
        cells = table_cells(path, lines, wanted, mistakes)
    labels = {role: f"{'key' if is_fasta else 'column'} {shown(column)}" for role, column in wanted.items()}
    if is_fasta:
        labels |= {"sequence": "the sequence", "name": "the name"}
    numbers = cells["line"]
    if not numbers and not mistakes:
        raise InputError(
            f"{path} holds no row",
            "found a header alone, expected at least one row below it",
            "fetch it again (it may be cut short), or name another file",
        )

    frame = {"line": np.array(numbers, dtype=np.int64)}
    frame["name"] = (
        read_names(cells.pop("name"), numbers, labels["name"], mistakes)
        if "name" in cells
        else [f"row_{number}" for number in range(1, len(numbers) + 1)]
    )
    frame["sequence"] = read_bases(cells["sequence"], numbers, labels["sequence"], mistakes)
    if not coordinates_absent:
        one_based = columns.get("coordinates") == "one_based"
        frame["chrom"], frame["start"], frame["end"] = read_loci(cells, labels, one_based, mistakes)
    if "strand" in wanted:
        meaning = {**dict.fromkeys(MISSING, "."), "+": "+", "-": "-"}
        frame["strand"] = read_words(cells.pop("strand"), numbers, labels["strand"], meaning, "+, - and .", mistakes)
    if "split" in wanted:
        expected = "train, val and test"
        frame["split"] = read_words(cells.pop("split"), numbers, labels["split"], SPLITS, expected, mistakes)
    for target in values:
        frame[target] = read_values(cells.pop(target), numbers, labels[target], task, mistakes)

    mistakes.sort()
    raise_all(
        path,
        [(number, text) for number, text, _ in mistakes],
        "one sequence a row, as the configuration describes the columns",
        "; ".join(list(dict.fromkeys(cure for _, _, cure in mistakes))[:5]),
    )
    unknown = [target for target in values if np.isnan(frame[target]).all()]
    if unknown:
        raise InputError(
            f"{path}: no known value for {', '.join(f'{target} ({labels[target]})' for target in unknown)}",
            f"found {len(numbers)} row(s) in which it is empty or NA, expected at least one number",
            "name another column as `value` in the sheet, or remove the target",
        )
    if "chrom" in frame and set(frame["chrom"]) == {NO_LOCUS}:
        raise InputError(
            f"{path}: no row has coordinates",
            f"found {', '.join(labels[role] for role in INTERVAL)} empty throughout",
            "name other columns, or set sequences.chrom, start and end to null",
        )
    texts = ("name", "sequence", "chrom", "strand", "split")
    return pd.DataFrame(
        {key: pd.Series(column, dtype=object) if key in texts else column for key, column in frame.items()}
    )
