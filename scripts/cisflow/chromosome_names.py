"""Names of chromosomes: those of a file against those of the genome, and tables of aliases.

An alias is a name that a file uses where the genome has another: `1` for `chr1`, `chr10` for `chrX` of yeast, an
accession for either.
"""

import re
import shlex
from collections import Counter

from cisflow.messages import InputError
from cisflow.text_files import raise_all, text_lines

# Words by which the tables of UCSC call the columns of names, and the sources of names.
SCHEMES = {"ucsc", "sequencename", "assembly", "ensembl", "genbank", "refseq", "ncbi", "flybase", "wormbase"}
CHROM_ALIAS = "https://hgdownload.soe.ucsc.edu/goldenPath/ASSEMBLY/bigZips/ASSEMBLY.chromAlias.txt"
ACCESSION = re.compile(r"(?:N[CGTWZ]_|[A-Z]{1,2}|[A-Z]{4,6})[0-9]{5,}(?:\.[0-9]+)?")
MITOCHONDRION = {"m", "mt", "mito", "mitochondrion", "mtdna"}
NUMERALS = {"i": 1, "v": 5, "x": 10}
MAX_SHOWN = 8  # names that a message lists
MAX_IN_COMMAND = 60  # names for which it writes out a table


def read_aliases(path, sizes):
    """Read a table of chromosome names: a dictionary from the name used in a file to the name in the genome.

    Three shapes are read:

    - two tab-separated columns: a name in the files and the name in the genome; lines that begin with `#` are comments;
    - UCSC's chromAlias.txt: a line of naming schemes (`# ucsc<TAB>assembly<TAB>genbank`), then a line a sequence with
      its name in each of them, or an empty field;
    - the table chromAlias of UCSC's database: alias, chrom and source, with or without `#alias<TAB>chrom<TAB>source`.

    In the last two, that name of a sequence which the genome has is the name in the genome, whatever its column.

    Parameters
    ----------
    path : str, Path or None
        Plain or gzip. None gives an empty dictionary.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.

    Returns
    -------
    dict of str -> str

    Raises
    ------
    InputError
        With every bad line: another number of columns, an empty name, a name that stands for two chromosomes, or that
        is a chromosome of the genome and stands for another. Or if the table names no chromosome of the genome.
    """
    if not path:
        return {}
    wanted = "two tab-separated columns, a name in the files and the name in the genome, or UCSC's chromAlias.txt"
    lines = text_lines(path, wanted=wanted)
    headers = [re.sub(r"^#\s*", "", line).lower().split("\t") for line in lines if line.startswith("#")]
    rows = [
        (number, [field.strip(" ") for field in line.split("\t")])
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    of_database = any(header[0] == "alias" and len(header) > 2 for header in headers) or (
        rows and all(len(names) == 3 and set(names[2].lower().split(",")) <= SCHEMES for _, names in rows)
    )
    if of_database or any(header[0] in SCHEMES and len(header) > 1 for header in headers):
        sequences = _rows_together(rows) if of_database else rows
        genome_names = [name for _, names in sequences for name in names if name]
        pairs, mistakes = _of_sequences(sequences, sizes)
        fix = "give the table of this genome, or another genome"
    else:
        pairs = [(number, *names) for number, names in rows if len(names) == 2 and all(names)]
        good = {number for number, *_ in pairs}
        mistakes = [(number, f"found {' | '.join(names)[:60]!r}") for number, names in rows if number not in good]
        genome_names = [genome_name for _, _, genome_name in pairs]
        fix = "give the table of this genome, with the genome's names in the second column"
        if any(name in sizes for _, name, _ in pairs):
            fix = (
                f"the columns are the wrong way round: `awk -F'\\t' -v OFS='\\t' '{{print $2, $1}}' {path} > NEW_FILE`"
            )
    aliases = {}
    for number, name, genome_name in pairs:
        if aliases.setdefault(name, genome_name) != genome_name:
            mistakes.append((number, f"{name!r} stands for {aliases[name]!r} and for {genome_name!r}"))
        elif name != genome_name and name in sizes and genome_name in sizes:
            mistakes.append((number, f"{name!r} stands for {genome_name!r}, and the genome has both"))
    raise_all(path, sorted(mistakes), wanted, "mend the lines; a tab separates the columns")
    if not any(name in sizes for name in genome_names):
        raise InputError(
            f"{path}: none of its names is in the genome",
            f"found {_shown(genome_names) or 'no names'}; the genome has {_shown(sizes)}",
            fix,
        )
    return aliases


def _rows_together(rows):
    """Rows of alias, chrom and source as rows of all names of a sequence, with the number of its first row."""
    sequences = {}
    for number, names in rows:
        if len(names) > 1:
            sequences.setdefault(names[1], (number, [names[1]]))[1].append(names[0])
    return list(sequences.values())


def _of_sequences(rows, sizes):
    """Aliases from rows that hold all names of a sequence: (number, alias, genome's name), and mistakes."""
    pairs, mistakes = [], []
    for number, names in rows:
        in_genome = sorted({name for name in names if name in sizes})
        if len(in_genome) > 1:
            mistakes.append((number, f"the genome has {' and '.join(in_genome)}, which are names of one sequence here"))
        elif in_genome:
            pairs += [(number, name, in_genome[0]) for name in names if name not in ("", in_genome[0])]
    return pairs, mistakes


def _shown(names):
    names = list(dict.fromkeys(map(str, names)))
    return ", ".join(names[:MAX_SHOWN]) + (f", ... ({len(names)} in all)" if len(names) > MAX_SHOWN else "")


# ----------------------------------------------------------------------------------------------------------------------
# Names that differ by a habit


def _core(name):
    """A name without what one habit writes and another does not: `chr`, capitals, zeros in front, UCSC's `Un_`."""
    core = re.sub(r"[\s\u200b\ufeff]+", "", name).lower()
    core = re.sub(r"^(chromosome|chrom|chr)[_.-]?(?=.)", "", core)
    core = re.sub(r"^(?:un|[0-9]+|[xyzw])_(?=[a-z]+_?[0-9]{5,})", "", core)
    core = re.sub(r"(?<=[0-9])v([0-9]+)(?:_(?:random|alt|fix))?$", r".\1", core)
    return "mt" if core in MITOCHONDRION else core.lstrip("0") or core


def _arabic(core):
    """A number in Roman letters as one in digits; anything else as it is."""
    if not re.fullmatch(r"x{0,3}(?:ix|iv|v?i{0,3})", core):
        return core
    values = [NUMERALS[letter] for letter in core]
    return str(sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))) if core else core


HABITS = (_core, lambda name: re.sub(r"\.[0-9]+$", "", _core(name)), lambda name: _arabic(_core(name)))


def names_by_habit(names, sizes):
    """Names in the genome that differ from names of a file by a habit alone.

    The habits: `chr` in front or not, capitals, blanks, zeros in front, names of the mitochondrion, versions of
    contigs, Roman numbers (for which either side must have one of at least two letters: X alone is no number).

    Parameters
    ----------
    names : iterable of str
        Names in a file.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.

    Returns
    -------
    dict of str -> str
        For each name that the genome lacks and that is one of its names by a habit, that name.
    """
    unknown = [name for name in dict.fromkeys(names) if name not in sizes]
    cores = {_core(name) for name in [*unknown, *sizes]}
    roman = any(len(core) > 1 and _arabic(core) != core for core in cores)
    found = {}
    for habit in HABITS if roman else HABITS[:2]:
        by_key = {}
        for name in sizes:
            by_key.setdefault(habit(name), []).append(name)
        for name in unknown:
            if name not in found and len(by_key.get(habit(name), [])) == 1:
                found[name] = by_key[habit(name)][0]
    return {name: found[name] for name in unknown if name in found}


def name_hint(found_names, sizes):
    """What to do about names of a file that the genome lacks.

    Parameters
    ----------
    found_names : iterable of str
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.

    Returns
    -------
    str
        A command that writes a table of aliases and the line of the configuration that names it, where the names differ
        by a habit; where to get a table, for accessions; empty where nothing is recognised.
    """
    found_names = list(dict.fromkeys(map(str, found_names)))
    same = names_by_habit(found_names, sizes)
    if same:
        name, genome_name = next(iter(same.items()))
        likewise = f", and {len(same) - 1} more likewise" if len(same) > 1 else ""
        words = [word for pair in list(same.items())[:MAX_IN_COMMAND] for word in pair]
        others = f"(add the other {len(same) - MAX_IN_COMMAND} names) " if len(same) > MAX_IN_COMMAND else ""
        return (
            f"{name!r} in the file seems to be {genome_name!r} of the genome{likewise}: write a table,\n"
            f"  printf '%s\\t%s\\n' {shlex.join(words)} > aliases.tsv\n"
            f"{others}and name it in the configuration:\n"
            "  genome: {aliases: aliases.tsv}"
        )
    unknown = [name for name in found_names if name not in sizes]
    for names, whose in ((unknown, "file"), (list(sizes), "genome")):
        accessions = [name for name in names if ACCESSION.fullmatch(name)]
        if unknown and len(accessions) * 2 > len(names):
            return (
                f"{accessions[0]!r} in the {whose} is an accession: give UCSC's table of names, as it is, as "
                f"genome.aliases, for example {CHROM_ALIAS}"
            )
    return ""


def check_names(path, intervals, sizes):
    """Hold the names of a file's chromosomes against those of the genome, and say how many lines the genome lacks.

    A genome may lack sequences on purpose, so that some unknown names are no mistake. They are where no name is known,
    or where most lines are on chromosomes that the genome has under a name which differs by a habit.

    Parameters
    ----------
    path : str or Path
        For messages.
    intervals : pandas.DataFrame
        With `chrom`, a row a line of the file; none passes.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.

    Returns
    -------
    dict of str -> int
        Number of lines of every name that the genome lacks, most first; it is printed, too.

    Raises
    ------
    InputError
        As above.
    """
    counts = dict(Counter(intervals["chrom"]).most_common())
    unknown = {name: number for name, number in counts.items() if name not in sizes}
    if not unknown:
        return unknown
    hint = name_hint(unknown, sizes)
    by_habit = sum(unknown[name] for name in names_by_habit(unknown, sizes))
    if len(unknown) == len(counts):
        what = "none of its chromosomes is in the genome"
    elif by_habit * 2 > len(intervals):
        what = f"{by_habit} of {len(intervals)} lines are on chromosomes which the genome has under another name"
    else:
        print(
            f"{path}: {sum(unknown.values())} of {len(intervals)} lines are on {len(unknown)} sequence(s) that the "
            f"genome lacks, and are left out: {_shown(f'{name} ({number})' for name, number in unknown.items())}"
        )
        print(hint, end="\n" if hint else "")
        return unknown
    raise InputError(
        f"{path}: {what}",
        f"found {_shown(unknown)}; the genome has {_shown(sizes)}",
        hint or "give genome.aliases, a table of two columns (name in the file, name in the genome), or another genome",
    )
