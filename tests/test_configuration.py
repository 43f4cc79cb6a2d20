"""Every mistake in a configuration is told by file and line, with what was found, what was expected and a cure."""

import gzip
from pathlib import Path

import jsonschema
import pytest
import yaml

from cisflow.configuration import (
    load_configuration,
    nearest_chromosome,
    problem,
    read_sheet,
    read_yaml,
    with_defaults,
)
from cisflow.dataset_rules import dataset_problems
from cisflow.fasta_sizes import chromosome_sizes

SCHEMAS = {
    name: str(Path(__file__).parents[1] / "config" / "schemas" / f"{name}.schema.yaml")
    for name in ("config", "datasets", "tracks", "models")
}
FASTA = b"".join(b">chr%s a description\nACGTACGT\nACG\n" % name for name in (b"A", b"B", b"C"))
CHECKSUM = "0123456789abcdef" * 4
HEADER = "dataset\ttarget\tpeaks\n"
ROW = "tiny\tfactor\tpeaks.bed\n"
FILES = {
    "config.yaml": """\
datasets: datasets.tsv
models: models.yaml
genome: {name: made, fasta: genome.fa}
motifs: {database: motifs.meme}
windows: {length: 60, max_jitter: 4}
folds:
  holdout: {val: [chrB], test: [chrC]}
train: {models: [small], seeds: [1], device: cpu}
""",
    "models.yaml": """\
small:
  layers:
    - {type: conv1d, filters: 4, width: 11, padding: same}
    - {type: batch_norm}
    - {type: global_max_pool}
  training:
    max_epochs: 2
""",
    "datasets.tsv": HEADER + ROW,
    "peaks.bed": "chrA\t0\t5\n",
    "motifs.meme": "MEME version 4\n",
    "genome.fa": FASTA,
    # Named by some of the mistakes below.
    "weak.bed": "chrA\t0\t9\n",
    "signal.bw": "a bigWig",
    "library.tsv": "sequence\tfactor\nACGT\t1.5\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        write(name, content)
    return tmp_path


def write(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


def change(name, old, new):
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new, 1))


def apply(*changes):
    """Make changes, (file, what stands there, what to write); None stands for the whole file."""
    for name, old, new in changes:
        if old is None:
            write(name, new)
        else:
            change(name, old, new)


def load(folders=(".",)):
    """What Snakemake would pass on of config.yaml, loaded and checked, as rules/common.smk does it."""
    try:
        config = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError):
        config = {}
    settings, rows, tracks, models, problems = load_configuration(
        config, "config.yaml", SCHEMAS, folders, chromosome_sizes
    )
    if settings:
        problems += [problem(*parts) for parts in dataset_problems(rows, tracks, settings, settings["datasets"])]
    return settings, rows, tracks, models, problems


def test_motif_databases_are_a_list_with_their_checksums(folder):
    one, other, both = "a" * 64, "b" * 64, ["motifs.meme", "peaks.bed"]
    for text, databases, checksums in (
        ("motifs.meme", ["motifs.meme"], [[]]),
        (f"motifs.meme, database_sha256: {one}", ["motifs.meme"], [[one]]),
        (f"motifs.meme, database_sha256: [{one}, {other}]", ["motifs.meme"], [[one, other]]),
        ("[motifs.meme, peaks.bed]", both, [[], []]),
        (f"[motifs.meme, peaks.bed], database_sha256: [{one}, {other}]", both, [[one], [other]]),
    ):
        write("config.yaml", FILES["config.yaml"].replace("database: motifs.meme", f"database: {text}"))
        settings, *_, problems = load()
        assert problems == []
        assert (settings["motifs"]["database"], settings["motifs"]["database_sha256"]) == (databases, checksums)


def sheet(*rows):
    return ("datasets.tsv", None, HEADER + "".join(rows))


def wide(*rows):
    """A sheet of one row or several, each a dictionary beside dataset and target; peaks unless it has sequences."""
    full = []
    for row in rows:
        door = {} if "sequences" in row or "peaks" in row else {"peaks": "peaks.bed"}
        full.append({"dataset": "tiny", "target": "factor", **door, **row})
    columns = list(dict.fromkeys(name for row in full for name in row))
    lines = [columns, *([row.get(name, "") for name in columns] for row in full)]
    return ("datasets.tsv", None, "".join("\t".join(line) + "\n" for line in lines))


def section(text):
    """A section more in config.yaml, in its fifth line."""
    return (CONFIG, "windows:", f"{text}\nwindows:")


def tracks(*rows, options=""):
    """A sheet of tracks, and the section that names it."""
    lines = "".join("\t".join(row) + "\n" for row in rows)
    return [
        section(f"tracks: {{sheet: tracks.tsv{options}}}"),
        ("tracks.tsv", None, f"dataset\ttrack\tsignal\n{lines}"),
    ]


def folds(text):
    return (CONFIG, "holdout: {val: [chrB], test: [chrC]}", text)


def genome(text):
    return (CONFIG, "genome: {name: made, fasta: genome.fa}\n", text)


CONFIG, MODELS = "config.yaml", "models.yaml"
NAME = "letters, digits and . _ + -"
# mistake: (file, what stands there, what to write) -> where, found, expected, fix
MISTAKES = {
    # windows: a merged peak could have lain outside the window that it labels
    "merge distance over half the length": (
        (CONFIG, "max_jitter: 4", "max_jitter: 4, merge_distance: 31"),
        ("config.yaml, line 5, windows.merge_distance", "31 bp is more than half", "at most 30", "lower it"),
    ),
    # keys
    "unknown key": (
        (CONFIG, "max_jitter", "max_jiter"),
        ("config.yaml, line 5", "unknown key `windows.max_jiter`", "one of length, max_jitter", "mean `max_jitter`?"),
    ),
    "unknown section": (
        (CONFIG, "windows:", "window:"),
        ("config.yaml, line 5", "unknown key `window`", "one of datasets, evaluate,", "did you mean `windows`?"),
    ),
    "unknown and unlike": (
        (CONFIG, "windows:", "zzz: 1\nwindows:"),
        ("config.yaml, line 5", "unknown key `zzz`", "one of datasets,", "remove it"),
    ),
    "number as a key": ((CONFIG, "windows:", "1: 1\nwindows:"), ("config.yaml, line 5", "key `1`", "one of", "remove")),
    "missing section": (
        (CONFIG, "motifs: {database: motifs.meme}\n", ""),
        ("config.yaml, line 1", "the file lacks `motifs`", "the keys datasets, motifs, folds", "add what is missing"),
    ),
    "one checksum for two databases": (
        (CONFIG, "database: motifs.meme", f"database: [motifs.meme, peaks.bed], database_sha256: {'0a' * 32}"),
        (
            "config.yaml, line 4, motifs.database_sha256",
            "1 checksums for 2 databases",
            "one for each",
            "in the order of the databases",
        ),
    ),
    "a database of several that is not there": (
        (CONFIG, "{database: motifs.meme}", "{database: [motifs.meme, other.meme]}"),
        ("config.yaml, line 4, motifs.database", "there is no file other.meme", "an existing file", "mend the path"),
    ),
    "an unknown baseline": (
        (CONFIG, "windows:", "evaluate: {baselines: [gc_content, gkmsvm]}\nwindows:"),
        ("config.yaml, line 5", "gkmsvm", "gc_content, dinucleotides", "gkm_svm"),
    ),
    "missing key": (
        (CONFIG, "val: [chrB], ", ""),
        ("config.yaml, line 7", "`folds.holdout` lacks `val`", "the keys val, test", "config/README.md"),
    ),
    "two missing keys": (  # was told twice, once a key
        (CONFIG, "{name: made, fasta: genome.fa}", "{}"),
        ("config.yaml, line 3", "`genome` lacks `name`, `fasta`", "the keys name, fasta", "add what is missing"),
    ),
    # values
    "text for a number": (
        (CONFIG, "length: 60", "length: sixty"),
        ("config.yaml, line 5", '`windows.length` is "sixty"', "a whole number", "mend the value"),
    ),
    "fraction for a whole number": (
        (CONFIG, "length: 60", "length: 60.5"),
        ("config.yaml, line 5", "`windows.length` is 60.5", "a whole number", "mend the value"),
    ),
    "60.0 for a whole number": (  # JSON Schema lets it pass, and windows would have had fractional ends
        (CONFIG, "length: 60", "length: 60.0"),
        ("config.yaml, line 5", "`windows.length` is 60.0", "a whole number", "mend the value"),
    ),
    "true for a whole number": (
        (CONFIG, "length: 60", "length: true"),
        ("config.yaml, line 5", "`windows.length` is true", "a whole number", "mend the value"),
    ),
    "too small": (
        (CONFIG, "length: 60", "length: 2"),
        ("config.yaml, line 5", "`windows.length` is 2", "8 or more", "mend the value"),
    ),
    "not within": (
        (CONFIG, "windows:", "filters: {activation_fraction: 1}\nwindows:"),
        ("config.yaml, line 5", "`filters.activation_fraction` is 1", "less than 1", "mend the value"),
    ),
    "value for a section": (
        (CONFIG, "windows: {length: 60, max_jitter: 4}", "windows: 60"),
        ("config.yaml, line 5", "`windows` is 60", "keys with values", "`key: value`"),
    ),
    "section whose keys are commented out": (
        (CONFIG, "windows: {length: 60, max_jitter: 4}", "windows: # {length: 60}"),
        ("config.yaml, line 5", "`windows` is empty", "keys with values", "remove the key"),
    ),
    "number for a list": (
        (CONFIG, "seeds: [1]", "seeds: 1"),
        ("config.yaml, line 8", "`train.seeds` is 1", "a list", "square brackets"),
    ),
    "empty list": (
        (CONFIG, "seeds: [1]", "seeds: []"),
        ("config.yaml, line 8", "`train.seeds` is []", "at least one", "mend the value"),
    ),
    "same seed twice": (
        (CONFIG, "seeds: [1]", "seeds: [1, 1]"),
        ("config.yaml, line 8", "`train.seeds` is [1, 1]", "each value once", "mend the value"),
    ),
    "none of the choices": (
        (CONFIG, "device: cpu", "device: gpu"),
        ("config.yaml, line 8", '`train.device` is "gpu"', "one of auto, cpu, cuda", "choose one"),
    ),
    "number for a name": (
        (CONFIG, "val: [chrB]", "val: [2]"),
        ("config.yaml, line 7", "`folds.holdout.val.1` is 2", "text", "in quotes"),
    ),
    "exponent that YAML takes for text": (
        (MODELS, "max_epochs: 2", "learning_rate: 1e-3"),
        ("models.yaml, line 7", '`small.training.learning_rate` is "1e-3"', "a number", "write 0.001"),
    ),
    "checksum": (
        (CONFIG, "fasta: genome.fa", "fasta: genome.fa, fasta_sha256: abc"),
        ("config.yaml, line 3", '`genome.fasta_sha256` is "abc"', "64 digits 0-9 a-f", "mend the value"),
    ),
    "genome name": (
        (CONFIG, "name: made", "name: a/b"),
        ("config.yaml, line 3", '`genome.name` is "a/b"', NAME, "mend the value"),
    ),
    "genome named as a folder of ours": (
        (CONFIG, "name: made", "name: downloads"),
        ("config.yaml, line 3, genome.name", "`downloads` is cisflow's own", "another name", "rename"),
    ),
    "fold name": (
        (CONFIG, "holdout:", "../x:"),
        ("config.yaml, line 7", '`folds` holds the name "../x"', NAME, "mend the value"),
    ),
    "no fold": (
        (CONFIG, "  holdout: {val: [chrB], test: [chrC]}", "  {}"),
        ("config.yaml, line 6", "`folds` is {}", "at least one", "mend the value"),
    ),
    # files
    "missing FASTA": (
        (CONFIG, "genome.fa", "genomes.fa"),
        ("config.yaml, line 3, genome.fasta", "there is no file genomes.fa", "an existing file", "was looked for in /"),
    ),
    "missing database": (
        (CONFIG, "motifs.meme", "motif.meme"),
        ("config.yaml, line 4, motifs.database", "there is no file motif.meme", "an existing file", "mend the path"),
    ),
    "missing sheet": (
        (CONFIG, "datasets.tsv", "dataset.tsv"),
        ("dataset.tsv", "there is no such file", "a sheet", "mend the path"),
    ),
    "missing models": (
        (CONFIG, "models.yaml", "model.yaml"),
        ("model.yaml", "there is no such file", "a YAML file", "mend the path"),
    ),
    "missing peaks": (
        sheet("tiny\tfactor\tpeak.bed\n"),
        ("datasets.tsv, line 2, peaks", "there is no file peak.bed", "an existing file", "mend the path"),
    ),
    "empty FASTA": (
        ("genome.fa", None, ""),
        ("config.yaml, line 3, genome.fasta", "genome.fa is empty", "a file with content", "make it again"),
    ),
    "empty peaks": (
        ("peaks.bed", None, ""),
        ("datasets.tsv, line 2, peaks", "peaks.bed is empty", "a file with content", "make it again"),
    ),
    "folder": (
        (CONFIG, "fasta: genome.fa", "fasta: ."),
        ("config.yaml, line 3, genome.fasta", ". is a folder", "a file", "name the file in it"),
    ),
    "no FASTA": (
        ("genome.fa", None, "hello\n"),
        ("config.yaml, line 3, genome.fasta", "no line that starts with `>`", "FASTA", "make it again"),
    ),
    "gzip cut short": (
        ("genome.fa", None, gzip.compress(FASTA)[:-20]),
        ("config.yaml, line 3, genome.fasta", "cannot be unpacked", "FASTA", "fetch"),
    ),
    "URL without checksum": (
        (CONFIG, "genome.fa}", '"https://example.org/a.fa"}'),
        ("config.yaml, line 3, genome.fasta", "https://example.org/a.fa has no sha256", "checksum", "sha256sum FILE"),
    ),
    "URL of peaks without checksum": (
        sheet("tiny\tfactor\thttps://example.org/a.bed\n"),
        ("datasets.tsv, line 2, peaks", "https://example.org/a.bed has no sha256", "checksum", "sha256sum FILE"),
    ),
    "URL of aliases": (
        (CONFIG, "genome.fa}", 'genome.fa, aliases: "https://example.org/a"}'),
        ("config.yaml, line 3, genome.aliases", "is a URL", "a local file", "download it first"),
    ),
    "brace in a path": (  # Snakemake took it for a wildcard
        (CONFIG, "genome.fa", "'{x}.fa'"),
        ("config.yaml, line 3, genome.fasta", "{x}.fa holds a brace", "a path without", "rename"),
    ),
    # the sheet
    "empty sheet": (
        ("datasets.tsv", None, "# no rows\n"),
        ("datasets.tsv", "the sheet is empty", "header", "add rows"),
    ),
    "header alone": (sheet(), ("datasets.tsv", "a header without rows", "a row", "add rows")),
    "row twice": (
        sheet(ROW, "# a comment counts as a line\n", ROW),
        ("datasets.tsv, line 4", "'tiny', target 'factor' again (first in line 2)", "once", "remove one"),
    ),
    "unknown column": (
        ("datasets.tsv", None, HEADER.replace("\n", "\tcell\n") + ROW.replace("\n", "\tK562\n")),
        (
            "datasets.tsv, line 1",
            "unknown column 'cell'",
            "dataset, target, and as needed peaks, sequences",
            "remove columns",
        ),
    ),
    "missing column": (
        ("datasets.tsv", None, HEADER.replace("target", "factor") + ROW),
        ("datasets.tsv, line 1", "unknown column 'factor'; no column 'target'", "the columns dataset", "rename"),
    ),
    "column twice": (
        ("datasets.tsv", None, HEADER.replace("\n", "\tpeaks\n") + ROW.replace("\n", "\tpeaks.bed\n")),
        ("datasets.tsv, line 1", "column 'peaks' stands twice", "the columns dataset", "remove columns"),
    ),
    "no header": (
        ("datasets.tsv", None, ROW),
        ("datasets.tsv, line 1", "unknown column 'tiny'", "the columns dataset", "write a header as the first line"),
    ),
    "commas": (
        ("datasets.tsv", None, (HEADER + ROW).replace("\t", ",")),
        ("datasets.tsv, line 1", "no column 'dataset'", "the columns dataset", "by tabs, not by commas"),
    ),
    "commas in a row": (
        sheet(ROW, ROW.replace("\t", ",")),
        (
            "datasets.tsv, line 3",
            "1 field(s), of which the first is 'tiny,factor,peaks.bed'",
            "3 fields",
            "single tabs",
        ),
    ),
    "empty field": (
        sheet("tiny\tfactor\t\n"),
        ("datasets.tsv, line 2", "neither `peaks` nor `sequences`", "one of them", "name a peak file"),
    ),
    "empty name": (
        sheet("tiny\t\tpeaks.bed\n"),
        ("datasets.tsv, line 2", "target is empty", "at most 64 characters", "fill it in"),
    ),
    "checksum in the sheet": (
        ("datasets.tsv", None, HEADER.replace("\n", "\tsha256\n") + ROW.replace("\n", "\tABC\n")),
        ("datasets.tsv, line 2", "sha256 is 'ABC'", "64 digits 0-9 a-f", "change the sha256"),
    ),
    "dataset named reference": (
        sheet(ROW.replace("tiny", "reference")),
        ("datasets.tsv, line 2", "dataset is 'reference'", "another name; cisflow itself uses", "change the dataset"),
    ),
    "dataset named as the folder over datasets": (
        sheet(ROW.replace("tiny", "over_datasets")),
        (
            "datasets.tsv, line 2",
            "dataset is 'over_datasets'",
            "another name; cisflow itself uses",
            "change the dataset",
        ),
    ),
    "dataset named Reference": (
        sheet(ROW.replace("tiny", "Reference")),
        ("datasets.tsv, line 2", "'Reference' differs from 'reference'", "names that differ by more", "rename"),
    ),
    "dataset named as the report": (
        sheet(ROW.replace("tiny", "report.html")),
        ("datasets.tsv, line 2", "dataset is 'report.html'", "another name", "change the dataset"),
    ),
    "datasets that differ by case": (
        sheet(ROW, ROW.replace("tiny", "Tiny")),
        ("datasets.tsv, line 3", "'Tiny' differs from 'tiny' (line 2) by case alone", "differ by more", "rename"),
    ),
    **{
        f"dataset named {name[:10]}": (
            sheet(ROW.replace("tiny", name)),
            ("datasets.tsv, line 2", f"dataset is '{name[:20]}", NAME, "change the dataset"),
        )
        for name in ("../../x", "; touch y", "{fold}", ".hidden", "-n", "a b", "x" * 300)
    },
    **{
        f"target named {name}": (
            sheet(ROW.replace("factor", name)),
            ("datasets.tsv, line 2", f"target is '{name}'", "another name; cisflow itself uses chrom", "change"),
        )
        for name in ("all", "chrom", "mean", "sequence", "split", "cluster", "line", "kind", "gc", "unknown")
    },
    **{
        f"target with {name}": (
            sheet(ROW.replace("factor", name)),
            ("datasets.tsv, line 2", "target is ", "at most 64 characters, none of them a tab, /", "change the target"),
        )
        for name in ("a/b", "<b>", "{x}", "x" * 65)
    },
    "latin-1": (
        ("datasets.tsv", None, (HEADER + "tiny\tfäctor\tpeaks.bed\n").encode("latin-1")),
        ("datasets.tsv", "line 2 holds the byte 0xe4, which is no UTF-8", "UTF-8", "iconv"),
    ),
    "UTF-16": (
        ("datasets.tsv", None, (HEADER + ROW).encode("utf-16")),
        ("datasets.tsv", "the text is UTF-16", "UTF-8", "save it as UTF-8"),
    ),
    # models
    "unknown model": (
        (CONFIG, "[small]", "[smal]"),
        ("config.yaml, line 8, train.models", "has no model 'smal'", "one of small", "did you mean `small`?"),
    ),
    "unknown layer": (
        (MODELS, "batch_norm", "batchnorm"),
        ("models.yaml, line 4", '`small.layers.2.type` is "batchnorm"', "one of conv1d", "did you mean `batch_norm`?"),
    ),
    "unknown setting": (
        (MODELS, "padding: same", "strides: 2"),
        (
            "models.yaml, line 3",
            "unknown key `small.layers.1.strides`",
            "bias, dilation, filters, frozen, motifs, name, padding, stride, type, width",
            "did you mean `stride`?",
        ),
    ),
    "setting of a layer that has none": (
        (MODELS, "{type: global_max_pool}", "{type: global_max_pool, width: 1}"),
        ("models.yaml, line 5", "unknown key `small.layers.3.width`", "no settings but a name", "remove it"),
    ),
    "setting of another layer": (
        (MODELS, "{type: batch_norm}", "{type: gru, heads: 4, units: 8}"),
        (
            "models.yaml, line 4",
            "unknown key `small.layers.2.heads`",
            "one of bidirectional, name, type, units",
            "remove",
        ),
    ),
    "layer without a type": (
        (MODELS, "{type: batch_norm}", "{units: 4}"),
        ("models.yaml, line 4", "`small.layers.2` lacks `type`", "the keys type", "add what is missing"),
    ),
    "unknown function": (
        (MODELS, "{type: batch_norm}", "{type: activation, function: leaky_rely}"),
        (
            "models.yaml, line 4",
            '`small.layers.2.function` is "leaky_rely"',
            "one of relu,",
            "did you mean `leaky_relu`?",
        ),
    ),
    "layer within a residual": (
        (MODELS, "{type: batch_norm}", "{type: residual, layers: [{type: lstm}]}"),
        ("models.yaml, line 4", "`small.layers.2.layers.1` lacks `units`", "the keys units", "add what is missing"),
    ),
    "residual without layers": (
        (MODELS, "{type: batch_norm}", "{type: residual, layers: []}"),
        ("models.yaml, line 4", "`small.layers.2.layers` is []", "at least one", "mend the value"),
    ),
    "name of a layer": (
        (MODELS, "{type: batch_norm}", "{type: batch_norm, name: my norm}"),
        ("models.yaml, line 4", '`small.layers.2.name` is "my norm"', "lower-case letters", "mend the value"),
    ),
    "no strands of this kind": (
        (MODELS, "  training:", "  strands: average\n  training:"),
        ("models.yaml, line 6", '`small.strands` is "average"', "single, shared, averaged", "did you mean `averaged`?"),
    ),
    "one branch": (
        (MODELS, "  training:", "  branches: {tracks: [{type: flatten}]}\n  training:"),
        (
            "models.yaml, line 6",
            "`small.branches` lacks `sequence`",
            "the keys sequence, tracks",
            "add what is missing",
        ),
    ),
    "layer of a branch": (
        (
            MODELS,
            "  training:",
            "  branches:\n    sequence: [{type: flatten}]\n    tracks: [{type: flaten}]\n  training:",
        ),
        ("models.yaml, line 8", '`small.branches.tracks.1.type` is "flaten"', "one of", "did you mean `flatten`?"),
    ),
    "missing setting": (
        (MODELS, ", width: 11", ""),
        ("models.yaml, line 3", "`small.layers.1` lacks `width`", "the keys filters, width", "add what is missing"),
    ),
    "layer without braces": (
        (MODELS, "{type: batch_norm}", "batch_norm"),
        ("models.yaml, line 4", '`small.layers.2` is "batch_norm"', "keys with values", "`{type: batch_norm}`"),
    ),
    "type as another library writes it": (
        (MODELS, "{type: batch_norm}", "{type: BatchNorm}"),
        ("models.yaml, line 4", '`small.layers.2.type` is "BatchNorm"', "one of conv1d", "did you mean `batch_norm`?"),
    ),
    "values of a range without their key": (
        (MODELS, "small:\n", "small:\n  search: {ranges: {training.learning_rate: [0.1, 0.2]}}\n"),
        (
            "models.yaml, line 2",
            "`small.search.ranges.training.learning_rate` is [0.1, 0.2]",
            "keys with values",
            "`{choices: [0.1, 0.2]}`",
        ),
    ),
    "unknown training": (
        (MODELS, "max_epochs: 2", "optimiser: adam"),
        ("models.yaml, line 7", "unknown key `small.training.optimiser`", "optimizer", "did you mean `optimizer`?"),
    ),
    "training beside features": (
        (MODELS, None, "small:\n  features: {file: a.pt}\n  training: {max_epochs: 3}\n"),
        ("models.yaml, line 3", "has `training` beside `features`", "an estimator", "remove `training`"),
    ),
    "models as a list": (
        (MODELS, None, "- small\n"),
        ("models.yaml, line 1", 'the file is ["small"]', "keys with values", "key: value"),
    ),
    "empty models": ((MODELS, None, ""), ("models.yaml", "the file is empty", "a YAML mapping", "fill it")),
    "same network twice": (
        (MODELS, None, FILES["models.yaml"] * 2),
        ("models.yaml, line 8", "the key `small` stands twice (first in line 1)", "each key once", "remove one"),
    ),
    # folds
    "unknown chromosome": (
        (CONFIG, "[chrC]", "[chrC, chrD]"),
        ("config.yaml, line 7", "split `test`: the genome has no chromosome 'chrD'", "one of chrA, chrB, chrC", "mean"),
    ),
    "name of another convention": (
        (CONFIG, "[chrB]", "[B]"),
        ("config.yaml, line 7", "the genome has no chromosome 'B'", "chrB", "did you mean `chrB`?"),
    ),
    "chromosome in two splits": (
        (CONFIG, "[chrB]", "[chrB, chrC]"),
        ("config.yaml, line 7", "chrC in `val` and in `test`", "each chromosome in one split", "remove it"),
    ),
    "chromosome in train too": (
        (CONFIG, "val: [chrB]", "train: [chrA, chrB], val: [chrB]"),
        ("config.yaml, line 7", "chrB in `train` and in `val`", "each chromosome in one split", "remove it"),
    ),
    "nothing to train on": (
        (CONFIG, "[chrB]", "[chrA, chrB]"),
        ("config.yaml, line 7", "leaves no chromosome to train on", "outside `val` and `test`", "hold out fewer"),
    ),
    # YAML
    "key twice": (
        (CONFIG, "motifs:", "windows: {length: 80}\nmotifs:"),
        ("config.yaml, line 6", "the key `windows` stands twice (first in line 4)", "each key once", "remove one"),
    ),
    "bracket left open": (
        (CONFIG, "[small]", "[small"),
        ("config.yaml, line 8", "no YAML", "YAML", "close every bracket"),
    ),
    "colon forgotten": ((CONFIG, "holdout:", "holdout"), ("config.yaml, line 7", "no YAML", "YAML", "indentation")),
    "tab": ((CONFIG, "  holdout", "\tholdout"), ("config.yaml, line 7", r"'\t'", "YAML", "indent by spaces")),
    "list": (
        (CONFIG, None, "- a\n- b\n"),
        ("config.yaml, line 1", 'the file is ["a", "b"]', "keys with", "key: value"),
    ),
    "word": (
        (CONFIG, None, "hello\n"),
        ("config.yaml, line 1", 'the file is "hello"', "keys with values", "key: value"),
    ),
    "empty": ((CONFIG, None, ""), ("config.yaml", "the file is empty", "a YAML mapping", "fill it")),
    "comments alone": ((CONFIG, None, "# a: 1\n"), ("config.yaml", "the file is empty", "a YAML mapping", "fill it")),
    "two documents": (
        (CONFIG, None, "a: 1\n---\nb: 2\n"),
        ("config.yaml, line 2", "expected a single document", "YAML", "mind"),
    ),
    "tag": ((CONFIG, "60", "!!python/name:os.x 60"), ("config.yaml, line 5", "the tag", "YAML", "mind")),
    "list as a key": (
        (CONFIG, "windows:", "? [1]\n: 2\nwindows:"),
        ("config.yaml, line 5", "as a key", "YAML", "mind"),
    ),
}


URL = "https://example.org/file"
ROW_2 = "datasets.tsv, line 2"
# The data stage: sections, columns and rules that hold columns and sections against one another.
MISTAKES |= {
    # folds
    "too few balanced folds": (
        folds("k: 2"),
        ("config.yaml, line 7", "`folds.k` is 2", "3 or more", "mend the value"),
    ),
    "number of folds as text": (
        folds('k: "5"'),
        ("config.yaml, line 7", '`folds.k` is "5"', "a whole number", "mend the value"),
    ),
    "fold beyond k": (
        folds("{k: 5, only: [fold1, fold6]}"),
        ("config.yaml, line 7, folds.only", "`fold6` is beyond the 5 folds", "fold1 to fold5", "raise folds.k"),
    ),
    "fold without its number": (
        folds("{k: 5, only: [holdout]}"),
        ("config.yaml, line 7", '`folds.only.1` is "holdout"', "fold1, fold2, ...", "mend the value"),
    ),
    "no fold of k": (
        folds("{k: 5, only: []}"),
        ("config.yaml, line 7", "`folds.only` is []", "at least one", "mend the value"),
    ),
    "fold of k twice": (
        folds("{k: 5, only: [fold1, fold1]}"),
        ("config.yaml, line 7", '`folds.only` is ["fold1", "fold1"]', "each value once", "mend the value"),
    ),
    "balanced folds without k": (
        folds("{by: cluster, only: [fold1]}"),
        ("config.yaml, line 6", "`folds` lacks `k`", "the keys k", "add what is missing"),
    ),
    **{
        f"fold named {name}": (
            folds(f"{name}: {{val: [chrB], test: [chrC]}}"),
            ("config.yaml, line 7", f'`folds` holds the name "{name}"', "another name", "mend the value"),
        )
        for name in ("k", "column", "mean")
    },
    "folds by something else": (
        folds("{k: 5, by: chromosomes}"),
        ("config.yaml, line 7", '`folds.by` is "chromosomes"', "one of chromosome, cluster", "mean `chromosome`?"),
    ),
    "balanced folds beside named ones": (
        (CONFIG, "  holdout:", "  k: 5\n  holdout:"),
        ("config.yaml, line 8", "unknown key `folds.holdout`", "one of by, k, only", "remove it"),
    ),
    "folds by a column beside named ones": (
        (CONFIG, "  holdout:", "  column: split\n  holdout:"),
        ("config.yaml, line 8", "unknown key `folds.holdout`", "one of column", "remove it"),
    ),
    "peaks and folds by a column": (
        folds("column: split"),
        (ROW_2, "peaks of tiny, but folds by a column", "folds of chromosomes", "name chromosomes under `folds`"),
    ),
    "peaks and folds by cluster": (
        folds("{k: 3, by: cluster}"),
        (ROW_2, "peaks of tiny, but folds by clusters", "folds of chromosomes", "name chromosomes under `folds`"),
    ),
    # negatives
    "unknown kind": (
        section("negatives: {kinds: {dinucleotide_shufle: 1}}"),
        (
            "config.yaml, line 5",
            "unknown key `negatives.kinds.dinucleotide_shufle`",
            "one of bed, dinucleotide_shuffle, flanking, gc_matched, other_peaks",
            "did you mean `dinucleotide_shuffle`?",
        ),
    ),
    "kinds as a list": (
        section("negatives: {kinds: [flanking]}"),
        ("config.yaml, line 5", '`negatives.kinds` is ["flanking"]', "keys with values", "`key: value`"),
    ),
    "none of a kind": (
        section("negatives: {kinds: {flanking: 0}}"),
        ("config.yaml, line 5", "`negatives.kinds.flanking` is 0", "more than 0", "mend the value"),
    ),
    "no kind": (
        section("negatives: {kinds: {}}"),
        ("config.yaml, line 5", "`negatives.kinds` is {}", "at least one", "mend the value"),
    ),
    "distance with three numbers": (
        section("negatives: {flank_distance: [5, 10, 15]}"),
        ("config.yaml, line 5", "`negatives.flank_distance` is [5, 10, 15]", "at most 2", "mend the value"),
    ),
    "distance with one number": (
        section("negatives: {flank_distance: [500]}"),
        ("config.yaml, line 5", "`negatives.flank_distance` is [500]", "at least 2", "mend the value"),
    ),
    "distance the wrong way round": (
        section("negatives: {flank_distance: [5000, 500]}"),
        ("negatives.flank_distance", "[5000, 500]", "the smaller number first", "swap them"),
    ),
    "negative distance": (
        section("negatives: {flank_distance: [-500, 500]}"),
        ("config.yaml, line 5", "`negatives.flank_distance.1` is -500", "0 or more", "mend the value"),
    ),
    "fewer than no negatives in training": (
        section("negatives: {per_positive_training: -1}"),
        ("config.yaml, line 5", "`negatives.per_positive_training` is -1", "0 or more", "mend the value"),
    ),
    "no negatives in training for one target": (
        section("negatives: {per_positive_training: 0}"),
        (ROW_2, "negatives.per_positive_training is 0", "rows labelled 0", "raise negatives.per_positive_training"),
    ),
    "no negatives in training of one dataset": (
        section("negatives: {datasets: {tiny: {per_positive_training: 0}}}"),
        (ROW_2, "negatives.per_positive_training is 0", "rows labelled 0", "raise negatives.per_positive_training"),
    ),
    "own negatives without a file": (
        section("negatives: {kinds: {bed: 1}}"),
        (ROW_2, "negatives of kind bed, but no file for dataset tiny", "`negatives`", "name one"),
    ),
    "peaks of others without others": (
        section("negatives: {kinds: {gc_matched: 1, other_peaks: 1}}"),
        (ROW_2, "other_peaks with a single dataset", "two or more datasets of peaks", "add a dataset"),
    ),
    "peaks of others where the others are sequences": (
        [
            section("negatives: {kinds: {other_peaks: 1}}"),
            wide({}, {"dataset": "mpra", "sequences": "library.tsv"}),
        ],
        (ROW_2, "other_peaks with a single dataset", "two or more datasets of peaks", "add a dataset"),
    ),
    "shuffles of measured windows": (
        [section("negatives: {kinds: {dinucleotide_shuffle: 1}}"), wide({"signal": "signal.bw"})],
        (ROW_2, "shuffles for dataset tiny, whose signal is measured", "negatives of the genome", "drop that kind"),
    ),
    "shuffles beside tracks": (
        tracks(("*", "ATAC", "signal.bw"), options="}\nnegatives: {kinds: {dinucleotide_shuffle: 1}"),
        (ROW_2, "shuffles beside signal tracks", "negatives of the genome", "drop that kind"),
    ),
    # signals, targets, sequences, splits, genome
    "unknown statistic": (
        section("signals: {statistic: median}"),
        ("config.yaml, line 5", '`signals.statistic` is "median"', "one of mean, max, log_sum", "mean `mean`?"),
    ),
    "signal over nothing": (
        section("signals: {width: 0}"),
        ("config.yaml, line 5", "`signals.width` is 0", "1 or more", "mend the value"),
    ),
    "missing as a number": (
        section("signals: {missing: 0}"),
        ("config.yaml, line 5", "`signals.missing` is 0", "one of nan, zero", "choose one"),
    ),
    "missing as YAML's NaN": (
        section("tracks: {missing: .nan}"),
        ("config.yaml, line 5", "`tracks.missing` is NaN", "one of nan, zero", "did you mean `nan`?"),
    ),
    "unknown transformation": (
        section("targets: {transform: [log2]}"),
        ("config.yaml, line 5", '`targets.transform.1` is "log2"', "one of log1p, z_score", "choose one"),
    ),
    "transformation twice": (
        section("targets: {transform: [log1p, log1p]}"),
        ("config.yaml, line 5", '`targets.transform` is ["log1p", "log1p"]', "each value once", "mend the value"),
    ),
    "transformation without brackets": (
        section("targets: {transform: log1p}"),
        ("config.yaml, line 5", '`targets.transform` is "log1p"', "a list", "square brackets"),
    ),
    "flank with other letters": (
        section("sequences: {flank_5: ACGU}"),
        ("config.yaml, line 5", '`sequences.flank_5` is "ACGU"', "bases A, C, G, T", "mend the value"),
    ),
    "unknown coordinates": (
        section("sequences: {coordinates: vcf}"),
        ("config.yaml, line 5", '`sequences.coordinates` is "vcf"', "one of bed, one_based", "choose one"),
    ),
    "column of the table as a number": (
        section("sequences: {chrom: 1}"),
        ("config.yaml, line 5", "`sequences.chrom` is 1", "text", "in quotes"),
    ),
    "what to do about leaks": (
        section("splits: {leakage: ignore}"),
        ("config.yaml, line 5", '`splits.leakage` is "ignore"', "one of drop, error, warn", "choose one"),
    ),
    "k-mers too long": (
        section("splits: {kmer_length: 40}"),
        ("config.yaml, line 5", "`splits.kmer_length` is 40", "or less", "mend the value"),
    ),
    "similar to nothing": (
        section("splits: {min_containment: 0}"),
        ("config.yaml, line 5", "`splits.min_containment` is 0", "more than 0", "mend the value"),
    ),
    "key twice in a new section": (
        section("splits: {leakage: warn, leakage: drop}"),
        ("config.yaml, line 5", "the key `leakage` stands twice (first in line 5)", "each key once", "remove one"),
    ),
    "new section twice": (
        section("signals: {statistic: max}\nsignals: {width: 5}"),
        ("config.yaml, line 6", "the key `signals` stands twice (first in line 5)", "each key once", "remove one"),
    ),
    "peaks without a genome": (
        genome(""),
        (ROW_2, "peaks of tiny, but no `genome`", "genome.name and genome.fasta", "add them"),
    ),
    "many datasets of peaks without a genome": (  # told once, not for each of them
        [genome(""), wide(*({"dataset": f"set_{number}"} for number in range(700)))],
        (ROW_2, "peaks of set_0, set_1, set_2, set_3, set_4, ... (700 in all)", "genome.name", "add them"),
    ),
    "genome without a name": (
        genome("genome: {fasta: genome.fa}\n"),
        ("config.yaml, line 3", "`genome` lacks `name`", "the keys name, fasta", "add what is missing"),
    ),
    # the sheet
    "both doors": (
        wide({"peaks": "peaks.bed", "sequences": "library.tsv"}),
        (ROW_2, "the row has both `peaks` and `sequences`", "one of them", "name a peak file, or a table"),
    ),
    "neither door": (
        wide({"peaks": "", "task": "regression"}),
        (ROW_2, "the row has neither `peaks` nor `sequences`", "one of them", "name a peak file, or a table"),
    ),
    "two doors in one dataset": (
        wide({}, {"target": "other", "sequences": "library.tsv", "task": "binary"}),
        ("datasets.tsv, line 3", "dataset tiny has rows of peaks and of sequences", "one kind", "make two datasets"),
    ),
    "two tables in one dataset": (
        wide(
            {"sequences": "library.tsv"},
            {"target": "other", "sequences": "weak.bed"},
        ),
        ("datasets.tsv, line 3", "dataset tiny names 2 tables", "one table", "join them into one"),
    ),
    "value and signal": (
        wide({"value": "score", "signal": "signal.bw"}),
        (ROW_2, "both `value` and `signal`", "one source of the target's value", "empty one of the two fields"),
    ),
    "labels and a value": (
        wide({"task": "binary", "value": "score"}),
        (ROW_2, "task binary with `value` or `signal`", "labels alone", "say regression"),
    ),
    "labels and a signal": (
        wide({"task": "binary", "signal": "signal.bw"}),
        (ROW_2, "task binary with `value` or `signal`", "labels alone", "say regression"),
    ),
    "quantity without a value": (
        wide({"task": "regression"}),
        (ROW_2, "task regression without a value", "a column in `value` or a bigWig in `signal`", "fill one"),
    ),
    "two tasks in one dataset": (
        wide({}, {"target": "other", "value": "score"}),
        ("datasets.tsv, line 3", "dataset tiny has targets of tasks binary and regression", "one task", "two datasets"),
    ),
    "unknown task": (
        wide({"task": "classification"}),
        (ROW_2, "task is 'classification'", "one of binary, regression", "change the task"),
    ),
    "value of an unknown column": (
        wide({"value": "signal"}),
        (ROW_2, "value is 'signal'", "one of score, signalValue, pValue, qValue, or the number", "mend the field"),
    ),
    "value of a column of the interval": (
        wide({"value": "3"}),
        (ROW_2, "value is '3'", "the number of a column from 4", "mend the field"),
    ),
    **{
        f"top {top}": (
            wide({"top": top}),
            (ROW_2, f"top is '{top}'", "a whole number from 1", "change the top"),
        )
        for top in ("0", "-3", "1e3", "many", "10.0", "1,000", "1_000")
    },
    **{
        f"least score {score}": (
            wide({"rank_by": "score", "min_score": score}),
            (ROW_2, f"min_score is '{score}'", "a number", "change the min_score"),
        )
        for score in ("high", "1,5", "nan", "inf", "0x10")
    },
    "unknown ranking": (
        wide({"rank_by": "signal", "top": "5"}),
        (ROW_2, "rank_by is 'signal'", "one of rank, score, signalValue", "mend the field"),
    ),
    "ranking that is not used": (
        wide({"rank_by": "qValue"}),
        (ROW_2, "`rank_by` alone", "`top` or `min_score` beside it", "say how many peaks to keep"),
    ),
    "least score of no column": (
        wide({"min_score": "3"}),
        (ROW_2, "`min_score` without a column", "a column in `rank_by`", "say which column"),
    ),
    "least score of a rank": (
        wide({"min_score": "3", "rank_by": "rank"}),
        (ROW_2, "`min_score` without a column", "a column in `rank_by`", "say which column"),
    ),
    **{
        f"{column} of a table": (
            wide({"sequences": "library.tsv", column: value}),
            (ROW_2, f"`{column}` beside `sequences`", "it in rows of peaks alone", f"empty the field {column}"),
        )
        for column, value in (
            ("rank_by", "score"),
            ("top", "5"),
            ("weak_peaks", "weak.bed"),
            ("negatives", "weak.bed"),
            ("signal", "signal.bw"),
        )
    },
    **{
        f"URL of {column} without checksum": (
            wide({column: URL}),
            (f"{ROW_2}, {column}", f"{URL} has no sha256", "the checksum", "sha256sum FILE"),
        )
        for column in ("sequences", "signal", "weak_peaks")
    },
    "URL of a signal with the checksum of its peaks": (
        wide({"signal": URL, "sha256": CHECKSUM}),
        (f"{ROW_2}, signal", f"{URL} has no sha256", "the checksum", "sha256sum FILE"),
    ),
    **{
        f"missing {column}": (
            wide({column: "none.gz"}),
            (f"{ROW_2}, {column}", "there is no file none.gz", "an existing file", "mend the path"),
        )
        for column in ("sequences", "signal", "weak_peaks")
    },
    "checksum of weak peaks": (
        wide({"weak_peaks": "weak.bed", "weak_peaks_sha256": "abc"}),
        (ROW_2, "weak_peaks_sha256 is 'abc'", "64 digits 0-9 a-f", "change the weak_peaks_sha256"),
    ),
    # the sheet of tracks
    "missing sheet of tracks": (
        section("tracks: {sheet: none.tsv}"),
        ("none.tsv", "there is no such file", "a sheet", "mend the path"),
    ),
    "no track": (tracks(), ("tracks.tsv", "a header without rows", "a row a dataset and track", "add rows")),
    "track twice": (
        tracks(("*", "ATAC", "signal.bw"), ("*", "ATAC", "signal.bw")),
        ("tracks.tsv, line 3", "'*', track 'ATAC' again (first in line 2)", "once", "remove one"),
    ),
    "track of all and of one": (
        tracks(("tiny", "ATAC", "signal.bw"), ("*", "ATAC", "signal.bw")),
        ("tracks.tsv, line 2", "track 'ATAC' of dataset tiny, which all datasets have", "once", "rename the track"),
    ),
    "track of an unknown dataset": (
        tracks(("tny", "ATAC", "signal.bw")),
        ("tracks.tsv, line 2", "no dataset 'tny'", "* or one of tiny", "mend the name"),
    ),
    "track without a file": (
        tracks(("tiny", "ATAC", "")),
        ("tracks.tsv, line 2", "signal is empty", "a path or a URL of a bigWig", "fill it in"),
    ),
    "track from a URL without checksum": (
        tracks(("tiny", "ATAC", URL)),
        ("tracks.tsv, line 2, signal", f"{URL} has no sha256", "the checksum", "sha256sum FILE"),
    ),
    "track whose file is missing": (
        tracks(("tiny", "ATAC", "none.bw")),
        ("tracks.tsv, line 2, signal", "there is no file none.bw", "an existing file", "mend the path"),
    ),
    "track with a brace": (
        tracks(("tiny", "{x}", "signal.bw")),
        ("tracks.tsv, line 2", "track is '{x}'", "at most 64 characters", "change the track"),
    ),
    "column that a sheet of tracks lacks": (
        [
            section("tracks: {sheet: tracks.tsv}"),
            ("tracks.tsv", None, "dataset\ttrack\tfile\n*\tATAC\tsignal.bw\n"),
        ],
        ("tracks.tsv, line 1", "unknown column 'file'; no column 'signal'", "dataset, track, signal", "rename"),
    ),
    "bins that do not fill the width": (
        tracks(("*", "ATAC", "signal.bw"), options=", width: 4001, bin: 25"),
        ("tracks", "width 4001 is no multiple of bin 25", "whole bins", "take 4000"),
    ),
    "bins wider than the whole": (  # the cure was a width of 0
        tracks(("*", "ATAC", "signal.bw"), options=", width: 100, bin: 150"),
        ("tracks", "width 100 is no multiple of bin 150", "whole bins", "take 150"),
    ),
    "tracks narrower than the window": (
        tracks(("*", "ATAC", "signal.bw"), options=", width: 50, bin: 10"),
        ("tracks", "width 50 is less than windows.length (60)", "60 or more", "widen it"),
    ),
    "tracks of sequences": (
        [
            *tracks(("*", "ATAC", "signal.bw")),
            wide({"sequences": "library.tsv"}),
        ],
        (ROW_2, "tracks for dataset tiny of sequences", "tracks for peaks alone", "name datasets in the sheet"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_told_once_with_where_found_expected_and_fix(mistake, folder):
    changes, (where, found, expected, fix) = MISTAKES[mistake]
    apply(*(changes if isinstance(changes, list) else [changes]))
    *_, problems = load()
    assert len(problems) == 1, "\n".join(problems)
    first, second, third = problems[0].split("\n")
    assert first.startswith(f"{where}: ")
    assert found in first
    assert second.startswith("     expected: ")
    assert expected in second
    assert third.startswith("     fix: ")
    assert fix in third
    assert len(problems[0]) < 600
    assert not Path("results").exists()


def test_configuration_without_a_mistake(folder):
    settings, rows, tracks, models, problems = load()
    assert problems == []
    columns = yaml.safe_load(Path(SCHEMAS["datasets"]).read_text())["properties"]
    given = {"dataset": "tiny", "target": "factor", "peaks": "peaks.bed", "line": 2}
    assert rows == [{**dict.fromkeys(columns, ""), **given}]
    assert tracks == []
    assert list(models) == ["small"]
    assert settings["genome"]["name"] == "made"


GOOD = {
    "nothing but peaks": [],
    "balanced folds": [folds("{k: 3}")],
    "some of the balanced folds": [folds("{k: 100, by: chromosome, only: [fold100, fold1]}")],
    "folds of any name": [folds("{by: {val: [chrB], test: [chrC]}, fold1: {val: [chrA], test: [chrC]}}")],
    "every kind of negatives": [
        section(
            "negatives: {kinds: {gc_matched: 0.5, dinucleotide_shuffle: 1, flanking: 2, other_peaks: 0.01, bed: 3},"
            " flank_distance: [0, 0], per_positive: 0.5, avoid_excluded: false}"
        ),
        wide({"negatives": "weak.bed"}, {"dataset": "other", "negatives": "weak.bed"}),
    ],
    "another number of negatives in training": [
        section("negatives: {per_positive_training: 3, datasets: {tiny: {per_positive_training: null}}}"),
    ],
    "kinds that are not used": [
        section("negatives: {per_positive: 0, kinds: {bed: 1, other_peaks: 1}}"),
        wide({}, {"target": "b"}),
    ],
    "the strongest by rank": [wide({"top": "500"}, {"target": "b", "top": "9999999999", "rank_by": "rank"})],
    "the strongest by a column": [wide({"top": "1", "rank_by": "7", "min_score": "-1.5e-3"})],
    "scores of every spelling": [
        wide(*({"target": text, "rank_by": "pValue", "min_score": text} for text in ("0", "+1", "2.", ".5", "1E5")))
    ],
    "weak peaks": [wide({"weak_peaks": "weak.bed", "weak_peaks_sha256": CHECKSUM})],
    "values of a column": [wide({"value": "signalValue"}, {"target": "b", "value": "15", "task": "regression"})],
    "a signal": [wide({"signal": "signal.bw"}), section("signals: {statistic: log_sum, width: 7, missing: zero}")],
    "files from URLs": [
        wide(
            {
                **{"peaks": URL, "sha256": CHECKSUM, "signal": URL, "signal_sha256": CHECKSUM, "weak_peaks": URL},
                **{"weak_peaks_sha256": CHECKSUM, "negatives": URL, "negatives_sha256": CHECKSUM},
            }
        ),
        section("negatives: {kinds: {bed: 1}}"),
    ],
    "sequences without a genome": [genome(""), wide({"sequences": "library.tsv"}), folds("{k: 3, by: cluster}")],
    "sequences with their splits": [
        genome(""),
        wide({"sequences": "library.tsv", "value": "activity, log2"}, {"sequences": "library.tsv", "target": "b"}),
        folds("column: set"),
        section(
            "sequences: {sequence: oligo, name: id, chrom: chr, start: from, end: to, strand: s,"
            " coordinates: one_based, flank_5: acgtACGT, flank_3: ''}"
        ),
    ],
    "labelled sequences": [wide({"sequences": "library.tsv", "task": "binary"}), genome(""), folds("column: set")],
    "peaks and sequences": [wide({}, {"dataset": "mpra", "sequences": "library.tsv"})],
    "tracks": tracks(("*", "ATAC", "signal.bw"), ("tiny", "H3 (1)", "weak.bed"), options=", width: 60, bin: 60"),
    "tracks of the datasets of peaks": [
        *tracks(("tiny", "ATAC", "signal.bw")),
        wide({}, {"dataset": "mpra", "sequences": "library.tsv"}),
    ],
    "data alone": [(CONFIG, "models: [small]", "models: []")],
    "layers of every kind": [
        (
            MODELS,
            "    - {type: batch_norm}\n",
            "    - {type: batch_norm, initial_scale: 0.2, name: first_norm}\n    - type: residual\n      layers:\n"
            "        - {type: conv1d, filters: 8, width: 3, padding: same, dilation: 2, stride: 1, bias: false}\n"
            "        - {type: layer_norm}\n        - {type: attention, heads: 2, dropout: 0.1}\n"
            "    - {type: squeeze_excite}\n    - {type: gru, units: 3, bidirectional: false}\n"
            "    - {type: avg_pool, width: 2, stride: 1}\n    - {type: attention_pool, width: 2}\n"
            "    - {type: conv2d, filters: 2, height: 2, width: 2}\n    - {type: max_pool2d, height: 1, width: 2}\n",
        ),
        (MODELS, "padding: same}", "padding: same, motifs: motifs.meme, frozen: true}"),
        (MODELS, "  training:", "  input: sequence\n  strands: averaged\n  training:"),
    ],
    "transformed targets": [section("targets: {transform: [log1p, z_score]}"), wide({"value": "score"})],
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_no_mistake_is_not_told(case, folder):
    apply(*GOOD[case])
    assert load()[4] == []


def test_defaults_are_those_of_the_schemas(folder):
    settings, _, _, models, _ = load()
    given = yaml.safe_load(FILES["config.yaml"])
    expected = {
        "signals": {"statistic": "mean", "width": None, "missing": "nan"},
        "targets": {"transform": []},
        "tracks": {"sheet": None, "width": 4000, "bin": 10, "missing": "nan"},
        "negatives": {
            "per_positive": 1,
            "per_positive_training": None,
            "kinds": {"gc_matched": 1},
            "max_gc_difference": 0.05,
            "flank_distance": [500, 5000],
            "avoid_excluded": True,
            "datasets": {},
        },
        "sequences": {
            **{"sequence": "sequence", "name": None, "chrom": None, "start": None, "end": None, "strand": None},
            **{"coordinates": "bed", "flank_5": "", "flank_3": ""},
        },
        "folds": given["folds"],
        "windows": {"length": 60, "max_jitter": 4, "merge_distance": None, "max_n_fraction": 0},
    }
    assert {section: settings[section] for section in expected} == expected
    for section, keys in yaml.safe_load(Path(SCHEMAS["config"]).read_text())["properties"].items():
        for key, part in keys.get("properties", {}).items():
            if "default" in part:
                assert settings[section][key] == given.get(section, {}).get(key, part["default"])
    assert settings["genome"]["fasta_sha256"] is None  # a default behind a `$ref`
    assert models["small"]["training"]["max_epochs"] == 2
    assert models["small"]["training"]["optimizer"] == "adam"


def test_kinds_that_are_given_are_all_there_are(folder):
    change("config.yaml", "windows:", "negatives: {kinds: {flanking: 2}}\nwindows:")
    assert load()[0]["negatives"]["kinds"] == {"flanking": 2}


def test_a_genome_is_not_made_up_where_none_is_given(folder):
    apply(*GOOD["sequences without a genome"])
    settings, rows, *_ = load()
    assert "genome" not in settings
    assert rows[0]["sequences"] == "library.tsv"


def test_rows_of_tracks_come_with_their_files_and_lines(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("workflow")
    (other / "far.bw").write_text("a bigWig")
    apply(*tracks(("*", "ATAC", "signal.bw"), ("tiny", "H3", "far.bw")))
    *_, rows, _, problems = load([".", str(other)])
    assert problems == []
    assert rows == [
        {"dataset": "*", "track": "ATAC", "signal": "signal.bw", "sha256": "", "line": 2},
        {"dataset": "tiny", "track": "H3", "signal": str(other / "far.bw"), "sha256": "", "line": 3},
    ]


def test_defaults_leave_what_was_given_unchanged():
    schema = {"properties": {"a": {"default": {}, "properties": {"b": {"default": [1]}, "c": {}}}}}
    given = {"a": {"c": 5}}
    assert with_defaults(given, schema) == {"a": {"b": [1], "c": 5}}
    assert with_defaults({}, schema) == {"a": {"b": [1]}}
    assert given == {"a": {"c": 5}}
    assert schema["properties"]["a"]["default"] == {}


def test_mistakes_of_all_files_are_told_together(folder):
    change("config.yaml", "[chrB]", "[chrD]")
    change("datasets.tsv", "tiny", "../x")
    change("models.yaml", "batch_norm", "batchnorm")
    change("config.yaml", "motifs.meme", "none.meme")
    *_, problems = load()
    assert [problem.split(":")[0] for problem in problems] == [
        "config.yaml, line 4, motifs.database",
        "datasets.tsv, line 2",
        "models.yaml, line 4",
        "config.yaml, line 7",
    ]


def test_mistakes_of_the_sheet_are_told_beside_those_of_the_keys(folder):
    """Once, the first wrong key hid what was wrong in the other files."""
    change("config.yaml", "max_jitter: 4", "max_jiter: 4")
    change("config.yaml", "device: cpu", "device: gpu")
    change("datasets.tsv", "peaks.bed", "none.bed")
    change("models.yaml", "width: 11", "width: 0")
    *_, problems = load()
    assert [problem.split(":")[0] for problem in problems] == [
        "config.yaml, line 5",
        "config.yaml, line 8",
        "datasets.tsv, line 2, peaks",
        "models.yaml, line 3",
    ]


def test_every_bad_row_is_told(folder):
    write("datasets.tsv", HEADER + "".join(f"tiny\tfactor_{n}\tnone_{n}.bed\n" for n in range(5)))
    *_, problems = load()
    assert [problem.split(":")[0] for problem in problems] == [f"datasets.tsv, line {n}, peaks" for n in range(2, 7)]


@pytest.mark.parametrize("name", ["config.yaml", "models.yaml", "datasets.tsv"])
@pytest.mark.parametrize("spelling", ["byte order mark", "CRLF", "no last newline"])
def test_spellings_that_are_as_good(spelling, name, folder):
    content = Path(name).read_bytes()
    new = {
        "byte order mark": b"\xef\xbb\xbf" + content,
        "CRLF": content.replace(b"\n", b"\r\n"),
        "no last newline": content.rstrip(b"\n"),
    }
    expected = load()
    write(name, new[spelling])
    assert load() == expected
    assert expected[4] == []


def test_values_from_elsewhere_are_told_without_a_false_line(folder):
    """A value of the command line or of another workflow stands in no line of the file."""
    config = {**yaml.safe_load(FILES["config.yaml"]), "evaluate": {"bootstrap_resamples": 1}}
    *_, problems = load_configuration(config, "config.yaml", SCHEMAS, ["."], chromosome_sizes)
    assert [problem.split(": ")[0] for problem in problems] == ["config.yaml"]
    *_, problems = load_configuration(config, None, SCHEMAS, ["."], chromosome_sizes)
    assert [problem.split(": ")[0] for problem in problems] == ["the configuration"]


def test_relative_paths_are_found_in_the_working_folder_first(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("workflow")
    (other / "peaks.bed").write_text("chrA\t1\t2\n")
    (other / "elsewhere.meme").write_text("MEME version 4\n")
    change("config.yaml", "motifs.meme", "elsewhere.meme")
    settings, rows, *_, problems = load([".", str(other)])
    assert problems == []
    assert rows[0]["peaks"] == "peaks.bed"
    assert settings["motifs"]["database"] == [str(other / "elsewhere.meme")]


def test_anchors_that_hold_one_another_end_at_once(folder):
    """Nine lines can unfold to billions of values, and a mapping can hold itself."""
    levels = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    for text in ("\n".join(levels), "a: &a\n  b: *a\n"):
        write("models.yaml", text)
        data, _, problems = read_yaml("models.yaml")
        assert data is None
        assert "anchors" in problems[0]


def test_plain_anchors_are_read(folder):
    write("models.yaml", "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n")
    data, lines, problems = read_yaml("models.yaml")
    assert data == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    assert (lines["a",], lines["c", "y"], problems) == (1, 3, [])


def test_fold_names_that_yaml_reads_as_numbers_have_their_line(folder):
    change("config.yaml", "  holdout:", "  1:")
    *_, problems = load()
    assert len(problems) == 1
    assert problems[0].startswith("config.yaml, line 7: `folds` holds the name 1\n")
    assert "quotes" in problems[0]


# --- chromosome names -------------------------------------------------------------------------------------------------


def test_chromosomes_of_a_gzip_genome_are_checked(folder):
    write("genome.fa", gzip.compress(FASTA))
    assert load()[4] == []
    change("config.yaml", "chrB", "chrX")
    *_, problems = load()
    assert "the genome has no chromosome 'chrX'" in problems[0]


@pytest.mark.parametrize(
    ("name", "near"),
    [("2", "chr2"), ("CHR2", "chr2"), ("chrx", "chrX"), ("chr_2", "chr2"), ("scaffold", None)],
)
def test_nearest_chromosome(name, near):
    assert nearest_chromosome(name, ["chr1", "chr2", "chrX"]) == near


def test_sheet_keeps_order_and_line_numbers(tmp_path):
    path = tmp_path / "datasets.tsv"
    path.write_text("# a comment\n\ndataset\tpeaks\ttarget\nb\tx.bed\tone\n# between\na\ty.bed\ttwo (3)\n")
    rows, problems = read_sheet(path, yaml.safe_load(Path(SCHEMAS["datasets"]).read_text()))
    assert problems == []
    assert [(row["dataset"], row["target"], row["line"]) for row in rows] == [("b", "one", 4), ("a", "two (3)", 6)]


@pytest.mark.parametrize("name", ["config.yaml", "models.yaml", "datasets.tsv"])
def test_shipped_files_are_without_a_mistake(name, repository, monkeypatch):
    monkeypatch.chdir(repository)
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    *_, problems = load_configuration(config, "config/config.yaml", SCHEMAS, ["."], chromosome_sizes)
    assert [problem for problem in problems if name in problem] == []


def test_every_schema_is_valid_and_closed():
    def objects(part):
        if isinstance(part, dict):
            if part.get("type") == "object" and "properties" in part:
                yield part
            for value in part.values():
                yield from objects(value)

    for path in SCHEMAS.values():
        schema = yaml.safe_load(Path(path).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        for part in objects(schema):
            # a layer is closed by its type
            assert part.get("additionalProperties") is False or "dependentSchemas" in part, part
