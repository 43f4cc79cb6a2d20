"""Every mistake in a configuration is told by file and line, with what was found, what was expected and a cure."""

import gzip
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cisflow.configuration import (
    chromosome_names,
    load_configuration,
    nearest_chromosome,
    read_sheet,
    read_yaml,
    with_defaults,
)

SCHEMAS = {
    name: str(Path(__file__).parents[1] / "config" / "schemas" / f"{name}.schema.yaml")
    for name in ("config", "datasets", "models")
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


def load(folders=(".",)):
    """What Snakemake would pass on of config.yaml, loaded and checked."""
    try:
        config = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError):
        config = {}
    return load_configuration(config, "config.yaml", SCHEMAS, folders, "cache")


def sheet(*rows):
    return ("datasets.tsv", None, HEADER + "".join(rows))


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
        ("config.yaml, line 1", "the file lacks `motifs`", "genome, motifs, folds", "add what is missing"),
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
        ("config.yaml, line 7", "`folds.holdout.val.0` is 2", "text", "in quotes"),
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
        ("dataset.tsv", "there is no such file", "the sheet of datasets", "mend the path"),
    ),
    "missing models": (
        (CONFIG, "models.yaml", "model.yaml"),
        ("model.yaml", "there is no such file", "a YAML file", "mend the path"),
    ),
    "missing peaks": (
        sheet("tiny\tfactor\tpeak.bed\n"),
        ("datasets.tsv, line 2", "there is no file peak.bed", "an existing file", "mend the path"),
    ),
    "empty FASTA": (
        ("genome.fa", None, ""),
        ("config.yaml, line 3, genome.fasta", "genome.fa is empty", "a file with content", "make it again"),
    ),
    "empty peaks": (
        ("peaks.bed", None, ""),
        ("datasets.tsv, line 2", "peaks.bed is empty", "a file with content", "make it again"),
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
        ("datasets.tsv, line 2", "https://example.org/a.bed has no sha256", "checksum", "sha256sum FILE"),
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
        ("datasets.tsv, line 1", "unknown column 'cell'", "the columns dataset, target, peaks", "remove columns"),
    ),
    "missing column": (
        ("datasets.tsv", None, HEADER.replace("peaks", "peak") + ROW),
        ("datasets.tsv, line 1", "unknown column 'peak'; no column 'peaks'", "the columns dataset", "rename"),
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
        ("datasets.tsv, line 2", "peaks is empty", "a path or a URL", "fill it in"),
    ),
    "checksum in the sheet": (
        ("datasets.tsv", None, HEADER.replace("\n", "\tsha256\n") + ROW.replace("\n", "\tABC\n")),
        ("datasets.tsv, line 2", "sha256 is 'ABC'", "64 digits 0-9 a-f", "change the sha256"),
    ),
    "dataset named reference": (
        sheet(ROW.replace("tiny", "reference")),
        ("datasets.tsv, line 2", "dataset is 'reference'", "another name; cisflow itself uses", "change the dataset"),
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
        for name in ("all", "chrom", "mean")
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
        ("models.yaml, line 4", '`small.layers.1.type` is "batchnorm"', "one of conv1d", "did you mean `batch_norm`?"),
    ),
    "unknown setting": (
        (MODELS, "padding: same", "stride: 2"),
        ("models.yaml, line 3", "unknown key `small.layers.0.stride`", "filters, padding, type, width", "remove it"),
    ),
    "setting of a layer that has none": (
        (MODELS, "{type: global_max_pool}", "{type: global_max_pool, width: 1}"),
        ("models.yaml, line 5", "unknown key `small.layers.2.width`", "no settings", "remove it"),
    ),
    "missing setting": (
        (MODELS, ", width: 11", ""),
        ("models.yaml, line 3", "`small.layers.0` lacks `width`", "the keys filters, width", "add what is missing"),
    ),
    "layer without braces": (
        (MODELS, "{type: batch_norm}", "batch_norm"),
        ("models.yaml, line 4", '`small.layers.1` is "batch_norm"', "keys with values", "key: value"),
    ),
    "unknown training": (
        (MODELS, "max_epochs: 2", "optimiser: adam"),
        ("models.yaml, line 7", "unknown key `small.training.optimiser`", "optimizer", "did you mean `optimizer`?"),
    ),
    "network without layers": (
        (MODELS, None, "small: {}\n"),
        ("models.yaml, line 1", "`small` lacks `layers`", "the keys layers", "add what is missing"),
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


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_told_once_with_where_found_expected_and_fix(mistake, folder):
    (name, old, new), (where, found, expected, fix) = MISTAKES[mistake]
    if old is None:
        write(name, new)
    else:
        change(name, old, new)
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
    settings, rows, models, problems = load()
    assert problems == []
    assert rows == [{"dataset": "tiny", "target": "factor", "peaks": "peaks.bed", "sha256": "", "line": 2}]
    assert list(models) == ["small"]
    assert settings["genome"]["name"] == "made"


def test_defaults_are_those_of_the_schemas(folder):
    settings, _, models, _ = load()
    for section, keys in yaml.safe_load(Path(SCHEMAS["config"]).read_text())["properties"].items():
        for key, part in keys.get("properties", {}).items():
            if "default" in part and (section, key) not in [("windows", "length"), ("windows", "max_jitter")]:
                given = yaml.safe_load(FILES["config.yaml"]).get(section, {}).get(key)
                assert settings[section][key] == (given if given is not None else part["default"])
    assert settings["windows"]["length"] == 60
    assert settings["genome"]["fasta_sha256"] is None  # a default behind a `$ref`
    assert models["small"]["training"]["max_epochs"] == 2
    assert models["small"]["training"]["optimizer"] == "adam"


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
        "datasets.tsv, line 2",
        "models.yaml, line 3",
    ]


def test_every_bad_row_is_told(folder):
    write("datasets.tsv", HEADER + "".join(f"tiny\tfactor_{n}\tnone_{n}.bed\n" for n in range(5)))
    *_, problems = load()
    assert [problem.split(":")[0] for problem in problems] == [f"datasets.tsv, line {n}" for n in range(2, 7)]


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
    assert expected[3] == []


def test_values_from_elsewhere_are_told_without_a_false_line(folder):
    """A value of the command line or of another workflow stands in no line of the file."""
    config = {**yaml.safe_load(FILES["config.yaml"]), "evaluate": {"bootstrap_resamples": 1}}
    *_, problems = load_configuration(config, "config.yaml", SCHEMAS, ["."], "cache")
    assert [problem.split(": ")[0] for problem in problems] == ["config.yaml"]
    *_, problems = load_configuration(config, None, SCHEMAS, ["."], "cache")
    assert [problem.split(": ")[0] for problem in problems] == ["the configuration"]


def test_relative_paths_are_found_in_the_working_folder_first(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("workflow")
    (other / "peaks.bed").write_text("chrA\t1\t2\n")
    (other / "elsewhere.meme").write_text("MEME version 4\n")
    change("config.yaml", "motifs.meme", "elsewhere.meme")
    settings, rows, _, problems = load([".", str(other)])
    assert problems == []
    assert rows[0]["peaks"] == "peaks.bed"
    assert settings["motifs"]["database"] == str(other / "elsewhere.meme")


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


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_chromosome_names(packed, end, tmp_path):
    text = b";comment\n>chr1 a > b\nAC\n> chr2\nAC\n\n>chr3".replace(b"\n", end)
    fasta = tmp_path / "genome"
    fasta.write_bytes(gzip.compress(text) if packed else text)
    assert chromosome_names(str(fasta), tmp_path / "cache") == ["chr1", "chr2", "chr3"]


def test_chromosome_names_do_not_depend_on_block_borders(tmp_path, monkeypatch):
    names = [f"chromosome_{number}" for number in range(50)]
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name} x\n{'ACGT' * number}\n" for number, name in enumerate(names)))
    real_open = open

    class FewBytes:
        def __init__(self, handle):
            self.handle = handle

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.handle.close()

        def read(self, size):
            return self.handle.read(min(size, 7))

    monkeypatch.setattr("builtins.open", lambda path, mode: FewBytes(real_open(path, mode)))
    assert chromosome_names(str(fasta), tmp_path / "cache") == names


def test_chromosome_names_are_remembered_until_the_file_changes(tmp_path):
    fasta, cache = tmp_path / "genome.fa", tmp_path / "cache"
    fasta.write_text(">a\nA\n")
    assert chromosome_names(str(fasta), cache) == ["a"]
    (remembered,) = cache.glob("*.json")
    noted = json.loads(remembered.read_text())
    remembered.write_text(json.dumps({**noted, "names": ["from the cache"]}))
    assert chromosome_names(str(fasta), cache) == ["from the cache"]
    fasta.write_text(">b\nA\n>c\nA\n")
    assert chromosome_names(str(fasta), cache) == ["b", "c"]
    remembered.write_text("{broken")
    assert chromosome_names(str(fasta), cache) == ["b", "c"]


def test_chromosomes_of_a_gzip_genome_are_checked(folder):
    write("genome.fa", gzip.compress(FASTA))
    assert load()[3] == []
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
def test_shipped_files_are_without_a_mistake(name, repository, monkeypatch, tmp_path):
    monkeypatch.chdir(repository)
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    *_, problems = load_configuration(config, "config/config.yaml", SCHEMAS, ["."], tmp_path)
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
            # a layer is closed by its type, in `then`
            assert part.get("additionalProperties") is False or "allOf" in part, part
