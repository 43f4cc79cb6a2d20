# In: the configuration, the sheet of datasets, models.yaml. Out: checked settings, wildcard constraints, input functions,
# code_digest, the message after a failure. No rules. May go wrong: any mistake in those files, told all at once.
import ast
import atexit
import functools
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

# --- code -------------------------------------------------------------------------------------------------------------


def library_module(name):
    """A module of scripts/cisflow that needs nothing but Snakemake's own environment, loaded by its path.

    `import cisflow` would fail when another workflow uses this one as a module.
    """
    path = workflow.source_path(f"../scripts/cisflow/{name}.py")
    spec = importlib.util.spec_from_file_location(f"cisflow_{name}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class WithoutDocstrings(ast.NodeTransformer):
    def visit(self, node):
        self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:]
        return node


def dumped(node):
    """A syntax tree as text, without empty fields: newer Pythons add such, and code must not look changed by them."""
    if isinstance(node, ast.AST):
        fields = [f"{name}={dumped(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({', '.join(fields)})"
    return f"[{', '.join(map(dumped, node))}]" if isinstance(node, list) else repr(node)


@functools.cache
def source_tree(path):
    """The syntax tree of a file of ours as text, without comments and docstrings, and the library modules it imports."""
    tree = WithoutDocstrings().visit(ast.parse(Path(workflow.source_path(path)).read_text(encoding="utf-8")))
    imported = {
        node.module.removeprefix("cisflow.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cisflow.")
    }
    return dumped(tree), imported


def code_digest(script):
    """Digest of a script and of every library module that it reaches, for `params`.

    Snakemake reruns a rule when it changes. It follows `from cisflow.x import y`, the one form of import allowed.
    """
    digest = hashlib.sha256(source_tree(f"../scripts/{script}")[0].encode())
    reached, waiting = set(), set(source_tree(f"../scripts/{script}")[1])
    while waiting:
        name = min(waiting)
        reached.add(name)
        waiting |= source_tree(f"../scripts/cisflow/{name}.py")[1]
        waiting -= reached
    for name in sorted(reached):
        digest.update(f"\n{name}\n{source_tree(f'../scripts/cisflow/{name}.py')[0]}".encode())
    return digest.hexdigest()[:16]


VERSION = re.search(r"^## (\S+)", Path(workflow.source_path("../CHANGELOG.md")).read_text(), flags=re.MULTILINE)[1]

# --- configuration ----------------------------------------------------------------------------------------------------

configuration = library_module("configuration")
dataset_rules = library_module("dataset_rules")
fasta_sizes = library_module("fasta_sizes")
layers = library_module("layers")
model_rules = library_module("model_rules")
overrides = library_module("overrides")
planted_rules = library_module("planted_rules")
# `workflow.basedir` would be that of another workflow that uses this one, and `source_path` may give a cached copy.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
CONFIG_FILE = str(workflow.configfiles[-1]) if workflow.configfiles else None


def refuse(problems):
    """End with every mistake, before any job runs."""
    if problems:
        told = "\n".join(f"{number:3}. {text}" for number, text in enumerate(problems, start=1))
        raise WorkflowError(f"the configuration has {len(problems)} problem(s); nothing was run\n{told}")


SCHEMAS = ("config", "datasets", "tracks", "models")
SETTINGS, ROWS, TRACK_ROWS, MODELS, PROBLEMS = configuration.load_configuration(
    config,
    CONFIG_FILE,
    {name: workflow.source_path(f"../config/schemas/{name}.schema.yaml") for name in SCHEMAS},
    [".", str(ROOT)],
    functools.partial(fasta_sizes.chromosome_sizes, cache_folder=".snakemake/cisflow"),
)


def place_in_configuration(keys):
    """File, line and name of a value of the configuration, for a message."""
    lines = configuration.read_yaml(CONFIG_FILE)[1] if CONFIG_FILE else {}
    where = f"{CONFIG_FILE or 'the configuration'}{configuration.line_of(lines, keys)}"
    return f"{where}, {configuration.dotted(keys)}"


PLANTED_FILES = configuration.planted_files(SETTINGS["planted"]) if SETTINGS else {}
if SETTINGS:
    found = [
        *dataset_rules.dataset_problems(ROWS, TRACK_ROWS, SETTINGS, SETTINGS["datasets"]),
        *planted_rules.sheet_problems(ROWS, SETTINGS, PLANTED_FILES, dataset_rules.task_of, SETTINGS["datasets"]),
    ]
    PROBLEMS += [
        configuration.problem(where if ", line " in where else f"{CONFIG_FILE or 'the configuration'}, {where}", *parts)
        for where, *parts in found
    ]
    PROBLEMS += [
        configuration.problem(place_in_configuration(keys), *parts)
        for keys, *parts in planted_rules.planted_problems(SETTINGS["planted"])
    ]
refuse(PROBLEMS)

GENOME = SETTINGS["genome"]["name"] if "genome" in SETTINGS else "none"
DATASETS = {}
for row in ROWS:
    DATASETS.setdefault(row["dataset"], []).append(row)
OF_PEAKS = [name for name, rows in DATASETS.items() if rows[0]["peaks"]]
OF_SEQUENCES = [name for name in DATASETS if name not in OF_PEAKS]
TRACKS = {
    name: {row["track"]: row for row in TRACK_ROWS if row["dataset"] in (name, "*")} if name in OF_PEAKS else {}
    for name in DATASETS
}
SEEDS = SETTINGS["train"]["seeds"]
WINDOWS = SETTINGS["windows"]
if WINDOWS["merge_distance"] is None:
    WINDOWS["merge_distance"] = WINDOWS["length"] // 2


def folds_of(settings):
    """Every fold of the run with what defines it: lists of chromosomes, a number among k, or a column."""
    if "column" in settings:
        return {"holdout": settings}
    if configuration.are_named(settings):
        return settings
    numbers = {f"fold{number}": number for number in range(1, settings["k"] + 1)}
    chosen = settings.get("only", list(numbers))
    by = settings.get("by", "chromosome")
    return {
        name: {"k": settings["k"], "by": by, "number": number} for name, number in numbers.items() if name in chosen
    }


FOLDS = folds_of(SETTINGS["folds"])
# Of a downloaded genome the names are not known when this is read: the rule that looks at all inputs refuses others.
FOLD_CHROMOSOMES = (
    sorted({name for fold in FOLDS.values() for names in fold.values() for name in names})
    if configuration.are_named(SETTINGS["folds"])
    else []
)


# --- inputs -----------------------------------------------------------------------------------------------------------

DOWNLOADS = {}  # file under results/reference/downloads -> URL and accepted checksums


def checksums(value):
    """The accepted checksums of a file as a list (none, one or several in the configuration)."""
    return [value] if isinstance(value, str) and value else list(value or [])


def local_file(source, sha256=None):
    """Where the rules find a file of the configuration: its path, or the place to which its URL is downloaded."""
    if not configuration.is_url(source):
        return source
    accepted = checksums(sha256)
    base = re.sub(r"[^A-Za-z0-9_.+-]", "_", Path(source.split("?")[0]).name)
    name = f"{hashlib.sha256(source.encode()).hexdigest()[:8]}_{base}"  # two URLs may end alike
    DOWNLOADS[name] = (source, accepted)
    return f"results/reference/downloads/{name}"


def genome_checksums(kind):
    """The accepted checksums of a file of the genome."""
    return checksums(SETTINGS.get("genome", {}).get(f"{kind}_sha256"))


def genome_file(kind):
    """A file of the genome that the configuration names (`fasta`, `excluded` or `aliases`), or no input at all."""
    source = SETTINGS.get("genome", {}).get(kind)
    return local_file(source, genome_checksums(kind)) if source else []


for row in [*ROWS, *TRACK_ROWS]:
    for column, checksum in configuration.FILE_COLUMNS.items():
        if row.get(column):
            accepted = row.get(checksum, row["sha256"])
            row[column], row[f"{column}_accepted"] = local_file(row[column], accepted), checksums(accepted)
MOTIFS = SETTINGS["motifs"]
MOTIF_FILES = [local_file(*pair) for pair in zip(MOTIFS["database"], MOTIFS["database_sha256"])]
MOTIF_DATABASES = [re.sub(r"\.(meme|txt)(\.gz)?$", "", Path(source).name) for source in MOTIFS["database"]]
DATABASE_NAME = " and ".join(MOTIF_DATABASES)
FASTA_FILE, EXCLUDED_FILE, ALIASES_FILE = (genome_file(kind) for kind in ("fasta", "excluded", "aliases"))


def sheet_files(column):
    """An input function: the files in a column of the sheet for the dataset of the wildcards, each once."""

    def files(wildcards):
        return list(dict.fromkeys(row[column] for row in DATASETS[wildcards.dataset] if row[column]))

    return files


def track_files(wildcards):
    return list(dict.fromkeys(row["signal"] for row in TRACKS[wildcards.dataset].values()))


def track_rows(wildcards):
    """The tracks of a dataset, each with the position of its file in the input `signal`."""
    files = track_files(wildcards)
    return [
        {"track": name, "signal": files.index(row["signal"]), "signal_accepted": row["signal_accepted"]}
        for name, row in TRACKS[wildcards.dataset].items()
    ]


def track_aliases(wildcards):
    return ALIASES_FILE if TRACKS[wildcards.dataset] else []


def pool_file(wildcards):
    """Peaks of all datasets, where negatives are drawn from them."""
    return "results/reference/pooled_peaks.bed" if "other_peaks" in negatives_settings(wildcards)["kinds"] else []


def peak_table(wildcards):
    """Peaks of a dataset of peaks under the genome's names, with their strength."""
    return f"results/{wildcards.dataset}/peaks.bed" if wildcards.dataset in OF_PEAKS else []


def genome_result(name):
    """An input function: a file of the prepared genome, for datasets whose sequences are read from it."""

    def file(wildcards):
        return f"results/reference/{GENOME}/{name}" if wildcards.dataset in OF_PEAKS else []

    return file


def without_line(row):
    """A row without its place in the sheet: moving it must not run anything again."""
    return {key: value for key, value in row.items() if key != "line"}


def sheet_rows(*columns):
    """A function for `params`: some columns of a dataset's rows; of files, their position in the input of that name."""

    def rows(wildcards):
        found = []
        for row in DATASETS[wildcards.dataset]:
            part = {name: row[name] for name in ("target", *columns)}
            # In a fixed order: the order of a set changes from run to run, and would run everything again.
            for column in (name for name in columns if name in configuration.FILE_COLUMNS):
                part[column] = sheet_files(column)(wildcards).index(row[column]) if row[column] else None
                part[f"{column}_accepted"] = row.get(f"{column}_accepted", [])
            found.append(part)
        return found

    return rows


NAMED_IN_SHEETS = [
    row[column] for row in [*ROWS, *TRACK_ROWS] for column in configuration.FILE_COLUMNS if row.get(column)
]
ALL_FILES = list(
    dict.fromkeys([path for path in (FASTA_FILE, EXCLUDED_FILE, ALIASES_FILE, *MOTIF_FILES) if path] + NAMED_IN_SHEETS)
)


def position(path):
    """Where a file stands in the input of the rule that looks at all of them; None without one."""
    return ALL_FILES.index(path) if path else None


def positions(row):
    """A row with positions in place of paths."""
    files = {column: position(row[column]) for column in configuration.FILE_COLUMNS if column in row}
    return {**without_line(row), **files}


CHECKED_INPUTS = {
    "genome": (
        {
            "fasta": position(FASTA_FILE),
            "fasta_accepted": genome_checksums("fasta"),
            "excluded": position(EXCLUDED_FILE),
            "excluded_accepted": genome_checksums("excluded"),
            "aliases": position(ALIASES_FILE),
        }
        if FASTA_FILE
        else {}
    ),
    "motifs": [[position(file), accepted] for file, accepted in zip(MOTIF_FILES, MOTIFS["database_sha256"])],
    "datasets": {
        name: [{**positions(row), "task": dataset_rules.task_of(row)} for row in rows]
        for name, rows in DATASETS.items()
    },
    "tracks": [positions(row) for row in TRACK_ROWS],
    "folds": FOLDS,
    "fold_chromosomes": FOLD_CHROMOSOMES,
    "min_positives": SETTINGS["splits"]["min_positives"],
    "sequence_columns": SETTINGS["sequences"],
}


def written(description, folder=Path(".snakemake/cisflow")):
    """The path of a JSON file that holds a description; its name changes with what it holds.

    A job with hundreds of rows among its parameters would print all of them whenever one has changed.
    """
    text = json.dumps(description, sort_keys=True)
    path = folder / f"inputs_{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text)
        temporary.replace(path)
    return str(path)


INPUTS_FILE = written(CHECKED_INPUTS)


def download_url(wildcards):
    return DOWNLOADS[wildcards.download][0]


def download_checksums(wildcards):
    return DOWNLOADS[wildcards.download][1]


def planted_settings(wildcards):
    """A planted set; of its database what is in it counts, not where it lies."""
    return {key: value for key, value in SETTINGS["planted"][wildcards.planted].items() if key != "database"}


def planted_database(wildcards):
    return SETTINGS["planted"][wildcards.planted]["database"] or []


# Datasets of planted sequences, each with its set.
PLANTED_DATASETS = {
    name: PLANTED_FILES[rows[0]["sequences"]][0]
    for name, rows in DATASETS.items()
    if rows[0]["sequences"] in PLANTED_FILES
}


def planted_file(name):
    """An input function: a file of the planted set of a dataset."""

    def file(wildcards):
        return f"results/planted/{PLANTED_DATASETS[wildcards.dataset]}/{name}"

    return file


def targets_of(wildcards):
    return [row["target"] for row in DATASETS[wildcards.dataset]]


def task_of(wildcards):
    return dataset_rules.task_of(DATASETS[wildcards.dataset][0])


def signals_of(wildcards):
    """bigWig of each target that is measured."""
    return {row["target"]: row["signal"] for row in DATASETS[wildcards.dataset] if row["signal"]}


def signal_settings(wildcards):
    """How signals are measured; nothing for datasets without any, which must not run again when that changes."""
    return SETTINGS["signals"] if signals_of(wildcards) else {}


def edge_margin(wildcards):
    """Bases beside a stored window that must lie on the chromosome too: signal tracks, or what is measured, reach there."""
    reaches = [SETTINGS["tracks"]["width"]] if TRACKS[wildcards.dataset] else []
    reaches += [SETTINGS["signals"]["width"] or 0] if signals_of(wildcards) else []
    length, jitter = WINDOWS["length"], WINDOWS["max_jitter"]
    beside = [
        max(width // 2 - length // 2, (width - width // 2) - (length - length // 2)) - jitter for width in reaches
    ]
    return max([0, *beside])


def track_settings(wildcards):
    """How signal tracks are binned; nothing for datasets without any."""
    return {key: SETTINGS["tracks"][key] for key in ("width", "bin", "missing")} if TRACKS[wildcards.dataset] else {}


def windows_settings(wildcards):
    """What shapes the windows of a dataset of peaks."""
    return {**WINDOWS, "edge_margin": edge_margin(wildcards)}


def sequence_settings(wildcards):
    """What shapes the rows of a dataset of sequences."""
    return {
        "columns": SETTINGS["sequences"],
        "split_column": SETTINGS["folds"].get("column"),
        "task": task_of(wildcards),
        "task_is_given": all(row["task"] for row in DATASETS[wildcards.dataset]),
        "stored_length": WINDOWS["length"] + 2 * WINDOWS["max_jitter"],
        "max_jitter": WINDOWS["max_jitter"],
        "max_n_fraction": WINDOWS["max_n_fraction"],
        "kmer_length": SETTINGS["splits"]["kmer_length"],
        "min_containment": SETTINGS["splits"]["min_containment"],
    }


def negatives_settings(wildcards):
    """What shapes the negatives of a dataset, and nothing else: other keys must not run it again."""
    if not dataset_rules.takes_negatives(DATASETS[wildcards.dataset]):
        return {"per_positive": 0, "per_positive_training": 0, "kinds": {}}
    wanted = dataset_rules.negatives_of(SETTINGS, wildcards.dataset)
    of_kind = {"gc_matched": "max_gc_difference", "flanking": "flank_distance"}
    keys = ["per_positive", "per_positive_training", "kinds"]
    keys += [key for kind, key in of_kind.items() if kind in wanted["kinds"]]
    keys += ["avoid_excluded"] if wildcards.dataset in OF_PEAKS else []
    return {key: wanted[key] for key in keys}


def splits_settings(wildcards):
    """What shapes the splits of a dataset."""
    splits = SETTINGS["splits"]
    return {
        "task": task_of(wildcards),
        "length": WINDOWS["length"],
        "max_jitter": WINDOWS["max_jitter"],
        "max_n_fraction": WINDOWS["max_n_fraction"],
        "edge_margin": edge_margin(wildcards),
        "min_positives": splits["min_positives"],
        "transform": SETTINGS["targets"]["transform"] if task_of(wildcards) == "regression" else [],
        "negatives": negatives_settings(wildcards),
        "signals": signal_settings(wildcards),
        "leakage": {
            "policy": splits["leakage"],
            "kmer_length": splits["kmer_length"],
            "min_containment": splits["min_containment"],
        },
    }


def fold_of(wildcards):
    return FOLDS[wildcards.fold]


# Predicting is quick: it takes a GPU that is there, but no job waits for one.
INFERENCE_DEVICE = "cpu" if SETTINGS["train"]["device"] == "cpu" else "auto"


# Bounds of what is informative enough to be matched, a filter or a motif of the database.
INFORMATION_BOUNDS = [SETTINGS["filters"]["trim_information"], SETTINGS["filters"]["min_information"]]
BASELINES = SETTINGS["evaluate"]["baselines"] or [
    "gc_content",
    "dinucleotides",
    "trinucleotides",
    "kmers",
    "gapped_kmers",
    "pwm_scan",
    *(["gkm_svm"] if shutil.which("gkmtrain") else []),
]


def baselines_of(dataset):
    """The baselines that stand beside the networks of a dataset; LS-GKM knows labels alone."""
    return [name for name in BASELINES if name != "gkm_svm" or dataset_rules.task_of(DATASETS[dataset][0]) == "binary"]


def baseline_motifs(wildcards):
    """The motif database, for the baseline that scans with it."""
    return "results/reference/motifs.meme" if wildcards.baseline == "pwm_scan" else []


def baseline_settings(wildcards):
    """The settings that a baseline has."""
    of_baseline = {
        "kmers": ["kmer_length"],
        "gapped_kmers": ["gapped_bases", "gapped_length"],
        "gkm_svm": ["gkm_rows"],
    }
    return {key: SETTINGS["evaluate"][key] for key in of_baseline.get(wildcards.baseline, [])}


# What the making of PWMs depends on; the criteria of a match and of likeness are none of it.
OF_PWMS = (
    *("procedure", "threshold", "activation_fraction", "pseudocount", "weighting", "background", "layer"),
    *("min_sites", "trim_information", "min_information", "max_sites"),
)
PWM_SETTINGS = {key: SETTINGS["filters"][key] for key in OF_PWMS}


def split_attributes(wildcards):
    """What an HDF5 file says of itself."""
    splits = splits_settings(wildcards)
    if wildcards.split != "train":  # the rows of the others do not hang on it
        del splits["negatives"]["per_positive_training"]
    return {
        "task": task_of(wildcards),
        "genome": GENOME,
        "fold": wildcards.fold,
        "split": wildcards.split,
        "seed": SETTINGS["seed"],
        "window_length": WINDOWS["length"],
        "max_jitter": WINDOWS["max_jitter"],
        "settings": {
            "windows": windows_settings(wildcards),
            "splits": splits,
            "sequences": SETTINGS["sequences"],
            "tracks": {
                **track_settings(wildcards),
                "files": [row["signal"] for row in TRACKS[wildcards.dataset].values()],
            },
            "fold": FOLDS[wildcards.fold],
            "seed": SETTINGS["seed"],
            "rows": [without_line(row) for row in DATASETS[wildcards.dataset]],
        },
    }


# --- outputs ----------------------------------------------------------------------------------------------------------

SPLITS = ["train", "val", "test"]
DATA_RUNS = [{"dataset": dataset, "fold": fold} for dataset in DATASETS for fold in FOLDS]


def split_results(pattern):
    """A path under results/ for every dataset and fold (and split, if the pattern names it), each once."""
    paths = (f"results/{pattern}".format(split=split, **run) for run in DATA_RUNS for split in SPLITS)
    return list(dict.fromkeys(paths))


def negatives_text(wanted):
    """How many negatives are drawn, and of what kinds."""
    kinds = wanted["kinds"]
    shares = ", ".join(f"{kind} {share / sum(kinds.values()):.0%}" for kind, share in kinds.items())
    number, in_training = f"{wanted['per_positive']:g}", f"{wanted['per_positive_training']:g}"
    number += f" ({in_training} in training)" if in_training != number else ""
    return f"{number} for each positive window, drawn within each split: {shares}"


def report_settings():
    """What shaped the results, printed in the report beside them."""
    negatives = negatives_text(dataset_rules.negatives_of(SETTINGS))
    for name in SETTINGS["negatives"]["datasets"]:
        negatives += f"; of {name}, {negatives_text(dataset_rules.negatives_of(SETTINGS, name))}"
    return {
        "genome": GENOME,
        # relative, so that a project that was moved has nothing to be done
        "config_file": os.path.relpath(CONFIG_FILE) if CONFIG_FILE else "passed on by another workflow",
        "database_name": DATABASE_NAME,
        "match_q": SETTINGS["filters"]["match_q_value"],
        "window_length": WINDOWS["length"],
        "max_jitter": WINDOWS["max_jitter"],
        "max_datasets_in_detail": SETTINGS["report"]["max_datasets_in_detail"],
        "negatives": negatives,
        **{name: SETTINGS[name] for name in ("splits", "folds", "targets", "signals")},
        "seeds": SEEDS,
        "bootstrap_resamples": SETTINGS["evaluate"]["bootstrap_resamples"],
        "bootstrap_block": SETTINGS["evaluate"]["bootstrap_block"],
        "filters": SETTINGS["filters"],
        "max_epochs": {
            name: MODELS[name]["training"]["max_epochs"]
            for name in SETTINGS["train"]["models"]
            if model_rules.strategy_of(MODELS[name]) != "features"
        },
        "version": VERSION,
    }


def any_of(names):
    """A regular expression for any of these names; without any, one that matches nothing."""
    return "|".join(re.escape(str(name)) for name in sorted(names, key=str)) or "(?!)"


wildcard_constraints:
    genome=re.escape(GENOME),
    dataset=any_of(DATASETS),
    fold=any_of(FOLDS),
    split="|".join(SPLITS),
    model=any_of(MODELS),
    seed=any_of(SEEDS),
    # A trained network, what it was before the first step, what it becomes on permuted labels.
    run=f"seed({any_of(SEEDS)})(_untrained|_permuted)?",
    round="[1-9][0-9]*",
    trial="[1-9][0-9]*",
    percent=r"[0-9]+(\.[0-9]+)?(e-[0-9]+)?",
    baseline=any_of(BASELINES),
    download=any_of(DOWNLOADS),


# --- after a failure --------------------------------------------------------------------------------------------------


STARTED = time.time()


def recent_lines(path):
    """The lines of a job's log; none if it was written before this run, by an earlier job that failed elsewhere."""
    path = Path(path)
    if not path.exists() or path.stat().st_mtime < STARTED - 1:  # clocks of file servers differ a little
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def failure_message(workflow_logs):
    """WHAT, WHY, FIX and LOG of every failed job of a run.

    The failed jobs are those that Snakemake's own logs name and, because `--quiet` keeps these short, those whose log
    ends with such a message.
    """
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in workflow_logs)
    named = re.findall(r"^\s+log: (.+) \(check log file", text, flags=re.MULTILINE)
    unnamed = sorted(map(str, Path("logs").rglob("*.log")))
    messages = []
    for path in dict.fromkeys([*named, *unnamed]):
        lines = recent_lines(path)
        begins = [number for number, line in enumerate(lines) if line.startswith("WHAT ")]
        if begins and lines[-1].startswith("LOG "):
            messages.append("\n".join(lines[begins[-1] :]))
        elif path in named:
            job = Path(path).parts[1]
            job += f"_{Path(path).stem}" if job == "train_pack" else ""  # each pack has a rule of its own
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            messages.append(
                f"WHAT {job} ended before it could say why\n"
                f"WHY  it was stopped from outside (memory, time limit, Ctrl-C) or could not load what it needs;"
                f" {f'the last line of its log is: {last[-200:]}' if last else 'it wrote nothing to its log'}\n"
                f"FIX  read the lines above and run again; if it was memory, run fewer jobs at once (`--cores`), or on a"
                f" cluster add `--set-resources {job}:mem_mb=16000`\nLOG  {path}"
            )
    return "\n\n".join(messages)


def tell_failures(workflow_logs):
    """Print the message when Snakemake is done printing, so that it is the last thing on the terminal."""
    message = failure_message(workflow_logs)
    if message:
        atexit.register(print, f"\n{message}", file=sys.stderr, flush=True)
