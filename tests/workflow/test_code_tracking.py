"""A changed line of code reruns the rules that use it, those after them, and no others; and what that rests on."""

import ast
import os
import re
import subprocess
import sys
import textwrap
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))
LIBRARY = sorted(path for path in (REPOSITORY / "scripts" / "cisflow").glob("*.py") if path.stem != "__init__")
RULE_FILES = sorted((REPOSITORY / "rules").glob("*.smk"))

# Every module of the library by the heaviest thing that it may import, itself or through another module of ours.
LAYERS = {
    "standard library": {
        *("alphabet", "checksums", "chromosome_names", "configuration", "dataset_rules", "downloads", "fasta"),
        *("fasta_sizes", "file_kinds", "folds", "layers", "messages", "peak_formats", "sheet_rows", "text_files"),
        *("model_rules", "overrides", "parents", "planted_rules"),
        *("block_gzip", "filter_procedures", "receptive_fields"),
    },
    "numpy and pandas": {
        *("baselines", "bigwig_files", "evaluation", "feature_estimators", "gc_matching", "genome", "genome_file"),
        *("bootstrap", "ensemble", "input_checks", "intervals", "paired_bootstrap", "reliability", "row_properties"),
        *("base_codes", "comparison", "gkm_svm", "kmer_features", "pwm_scan", "strata", "thresholds", "verdicts"),
        *("leak_audit", "leakage", "logos", "meme", "metrics", "motif_matching", "peak_files", "sequence_fitting"),
        *("sequence_table", "signal_tracks", "similarity", "split_outputs", "split_tables", "splitting"),
        *("target_scaling", "target_signals", "vector_lanes", "window_kernels", "window_table", "windows"),
        *("learning_curve", "planted_truth", "planting", "search", "trials"),
        *("genuine_tomtom", "match_calibration", "motif_databases", "motif_enrichment"),
        *("filter_clusters", "filter_kernels", "filter_pwms", "site_table"),
        *("common_blocks", "dataset_means", "over_datasets"),
    },
    "torch and h5py": {
        *("device", "model", "negatives", "prediction", "sequences", "shuffling", "split_file", "training"),
        *("filter_influence", "filter_scans", "filter_sites"),
        *("best_window", "feature_file", "frozen_features", "motif_filters", "outside_networks", "torch_layers"),
        *("batches", "channels_last", "checkpoints", "fitting", "losses", "optimizers", "packed_fitting"),
        *("packed_training", "stacked_network", "stacked_optimizers", "training_job", "transfer"),
    },
    "plotting": {path.stem for path in LIBRARY if path.stem.startswith(("figures", "report"))},
}
# They import torch in the function that shuffles, so that whoever shuffles nothing does not wait for it.
LATE = {"negatives", "shuffling"}
HEAVY = {"torch", "h5py", "hdf5plugin", "tangermeme"}
PLOTTING = {"matplotlib", "jinja2", "markupsafe", "logomaker"}
FORBIDDEN = {
    "standard library": {"numpy", "pandas"} | HEAVY | PLOTTING,
    "numpy and pandas": HEAVY | PLOTTING,
    "torch and h5py": PLOTTING,
    "plotting": HEAVY,
}
# name in `import` -> name for conda; name for conda -> name for pip
CONDA_NAMES = {"torch": "pytorch", "sklearn": "scikit-learn", "matplotlib": "matplotlib-base", "markupsafe": "jinja2"}
PIP_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
COMMANDS = ["describe_network"]  # scripts that `make` runs, outside the workflow
OTHER_ENVIRONMENT = dict.fromkeys(("prepare_excluded", "check_inputs"), "intervals")  # their work is another stage's


def syntax(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def modules_reached(script):
    """The modules of the library that Python itself finds behind a script."""
    finder = ModuleFinder(path=[str(REPOSITORY / "scripts")])
    finder.run_script(str(script))
    return {name.removeprefix("cisflow.") for name in finder.modules if name.startswith("cisflow.")}


def outside_imports(path):
    """Top-level names of what a file imports beside our own library."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names - {"cisflow"}


def rules_of(path):
    """Text of every rule of a rules file, by name."""
    # Rules that are made in a loop have names that end with what the loop runs over.
    text = re.sub(
        r'^    rule:\n        name:\n            f"(\w+)_\{\w+\}"\n((?:(?:        .*)?\n)*)',
        lambda made: f"rule {made[1]}:\n" + textwrap.dedent(made[2]).replace('f"', '"').replace("\n", "\n    "),
        path.read_text(),
        flags=re.MULTILINE,
    )
    parts = re.split(r"^rule (\w+):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# Modules that `rules/common.smk` loads by their paths, in Snakemake's own environment.
LOADED = re.findall(r'library_module\("(\w+)"\)', (REPOSITORY / "rules" / "common.smk").read_text())
RULES = [(path, name, text) for path in RULE_FILES for name, text in rules_of(path).items()]


def rules_downstream(rulegraph, rules):
    """Those rules and all that follow from them, by the graph that Snakemake draws."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', rulegraph, flags=re.MULTILINE))
    edges = [(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", rulegraph, flags=re.MULTILINE)]
    assert edges
    reached = set(rules)
    while more := {after for before, after in edges if before in reached} - reached:
        reached |= more
    return reached - {"all"}


# --- what a change reruns ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rulegraph(workflow_copy, finished_run, snakemake):
    return snakemake(workflow_copy, finished_run, "--rulegraph").stdout


@pytest.fixture
def library_file(workflow_copy):
    """Path of a module in the copy of the workflow; its text and times come back after the test."""
    kept = {}

    def path_of(name):
        path = workflow_copy / "scripts" / "cisflow" / f"{name}.py"
        kept.setdefault(path, (path.read_text(), path.stat().st_mtime_ns))
        return path

    yield path_of
    for path, (text, when) in kept.items():
        path.write_text(text)
        os.utime(path, ns=(when, when))


def with_changed_function(text):
    """The module with one more statement, which does nothing, in its last function."""
    function = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)][-1]
    statement = function.body[-1]
    lines = text.splitlines(keepends=True)
    lines.insert(statement.lineno - 1, " " * statement.col_offset + "0\n")
    return "".join(lines)


def with_comment(text):
    return text.replace("\n\n\n", "\n\n\n# a remark\n", 1) + "\n# another\n"


def with_other_docstrings(text):
    changed = re.sub(r'"""(?=\w)', '"""Changed. ', text)
    assert changed.count("Changed. ") > 2
    return changed


@pytest.mark.parametrize("change", [with_comment, with_other_docstrings, str])
def test_comments_docstrings_and_times_rerun_nothing(
    change, library_file, workflow_copy, rerun_folder, snakemake, planned
):
    for name in ("negatives", "messages", "meme"):
        path = library_file(name)
        path.write_text(change(path.read_text()))
        os.utime(path)
    assert planned(snakemake(workflow_copy, rerun_folder, "-n")) == {}


@pytest.mark.parametrize(
    ("module", "users"),
    [
        ("negatives", {"split_windows"}),
        ("gkm_svm", {"evaluate_baseline"}),
        ("alphabet", None),  # reached through other modules
        ("messages", {name for _, name, _ in RULES}),
    ],
)
def test_a_changed_function_reruns_its_users_and_what_follows(
    module, users, rulegraph, library_file, workflow_copy, rerun_folder, snakemake, planned
):
    found = {name for _, name, _ in RULES if module in modules_reached(REPOSITORY / "scripts" / f"{name}.py")}
    assert users is None or found == users
    in_this_run = {path.name for path in (rerun_folder / "logs").iterdir()}
    path = library_file(module)
    if module == "alphabet":
        path.write_text(path.read_text() + "\nMORE = 1\n")
    else:
        path.write_text(with_changed_function(path.read_text()))
    jobs = planned(snakemake(workflow_copy, rerun_folder, "-n"))
    assert set(jobs) == rules_downstream(rulegraph, found) & in_this_run
    if module == "gkm_svm":
        assert set(jobs) == {"evaluate_baseline", "judge_models", "make_report"}
    if module == "messages":
        assert set(jobs) == in_this_run


def test_a_changed_script_reruns_its_rule(workflow_copy, library_file, rerun_folder, snakemake, planned):
    path = library_file("../evaluate_baseline")
    path.write_text(with_changed_function(path.read_text()))
    assert planned(snakemake(workflow_copy, rerun_folder, "-n")) == {
        "evaluate_baseline": 2,
        "judge_models": 1,
        "make_report": 1,
    }


# --- what this rests on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*SCRIPTS, *LIBRARY], ids=lambda path: path.stem)
def test_library_is_imported_in_the_one_form_that_is_followed(path):
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "cisflow" for alias in node.names), node.lineno
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            assert node.module != "cisflow", f"`from cisflow import` in line {node.lineno}"
            if node.module.startswith("cisflow."):
                assert (REPOSITORY / "scripts" / Path(*node.module.split("."))).with_suffix(".py").exists()
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert name not in ("__import__", "import_module"), f"hidden import in line {node.lineno}"


@pytest.mark.parametrize("path", [REPOSITORY / "Snakefile", *RULE_FILES], ids=lambda path: path.name)
def test_workflow_files_do_not_import_the_library(path):
    """It would break use as a module of another workflow."""
    code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
    assert not re.search(r"^\s*(import|from)\s+cisflow", code, flags=re.MULTILINE)
    assert "sys.path" not in code


@pytest.mark.parametrize("path", [*SCRIPTS, *LIBRARY], ids=lambda path: path.stem)
def test_scripts_do_not_read_the_whole_configuration(path):
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "snakemake":
            assert node.attr in {"input", "output", "params", "wildcards", "threads", "resources", "log"}, node.lineno
    if path in LIBRARY and path.stem not in ("messages", "training_job"):
        assert "snakemake" not in {node.id for node in ast.walk(syntax(path)) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_a_main_and_a_block_that_unpacks(path):
    tree = syntax(path)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    last = tree.body[-1]
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    before = {node.id for part in tree.body[:-1] for node in ast.walk(part) if isinstance(node, ast.Name)}
    assert "snakemake" not in before  # a global that tests would have to fake


def test_every_module_has_a_layer():
    listed = [name for names in LAYERS.values() for name in names]
    assert sorted(listed) == [path.stem for path in LIBRARY]


@pytest.mark.parametrize("layer", LAYERS)
def test_no_module_imports_a_heavier_one(layer):
    for name in LAYERS[layer]:
        path = REPOSITORY / "scripts" / "cisflow" / f"{name}.py"
        behind = {name, *modules_reached(path)}
        imported = set().union(*(outside_imports(path.with_name(f"{module}.py")) for module in behind))
        assert not imported & FORBIDDEN[layer], name


def test_light_modules_load_without_torch():
    names = sorted(LAYERS["standard library"] | LAYERS["numpy and pandas"] | LATE)
    code = f"import sys\n{''.join(f'import cisflow.{name}{chr(10)}' for name in names)}"
    code += "print(sorted({'torch', 'h5py', 'tangermeme'} & set(sys.modules)))"
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    loaded = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


@pytest.mark.parametrize("module", LOADED)
def test_what_is_loaded_by_its_path_needs_nothing_that_snakemake_does_not_bring(module):
    path = REPOSITORY / "scripts" / "cisflow" / f"{module}.py"
    assert outside_imports(path) - set(sys.stdlib_module_names) <= {"yaml", "jsonschema"}
    assert modules_reached(path) == set()


def test_every_module_is_reached_by_a_script_or_loaded_by_its_path():
    reached = set().union(*map(modules_reached, SCRIPTS))
    assert "configuration" in LOADED
    assert {path.stem for path in LIBRARY} - reached <= set(LOADED)


def test_every_script_has_a_rule_and_every_rule_a_script():
    assert sorted([*(name for _, name, _ in RULES), *COMMANDS]) == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize(("path", "name", "text"), RULES, ids=[name for _, name, _ in RULES])
def test_rule_script_log_and_benchmark_share_one_name(path, name, text):
    for line in (
        f'script:\n        "../scripts/{name}.py"',
        f'conda:\n        "../envs/{OTHER_ENVIRONMENT.get(name, path.stem)}.yaml"',
        f'log:\n        "logs/{name}/',
        f'benchmark:\n        "benchmarks/{name}/',
        f'code=code_digest("{name}.py")',
    ):
        assert line in text, line


def pins():
    """Packages and versions of the pip list."""
    lines = (REPOSITORY / "envs" / "pip" / "run.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environment_has_the_pins_of_pip(path):
    environment = yaml.safe_load(path.read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    for line in environment["dependencies"]:
        package, version = re.fullmatch(r"([a-z0-9-]+) =([0-9.]+)", line).groups()
        if package == "python":
            assert re.fullmatch(r"3\.\d+", version)
        else:
            assert version == pins()[PIP_NAMES.get(package, package)], package


@pytest.mark.parametrize(("path", "name"), [rule[:2] for rule in RULES], ids=[name for _, name, _ in RULES])
def test_conda_environment_holds_what_its_script_imports(path, name):
    environment = REPOSITORY / "envs" / f"{OTHER_ENVIRONMENT.get(name, path.stem)}.yaml"
    held = {line.split(" =")[0] for line in yaml.safe_load(environment.read_text())["dependencies"]}
    script = REPOSITORY / "scripts" / f"{name}.py"
    library = (REPOSITORY / "scripts" / "cisflow" / f"{module}.py" for module in modules_reached(script))
    imported = set().union(*map(outside_imports, [script, *library])) - set(sys.stdlib_module_names)
    assert {CONDA_NAMES.get(package, package) for package in imported} <= held


def test_every_rules_file_has_an_environment_and_is_included():
    stems = sorted(path.stem for path in RULE_FILES)
    included = re.findall(r'^include: "rules/(\w+)\.smk"', (REPOSITORY / "Snakefile").read_text(), flags=re.MULTILINE)
    assert sorted(included) == stems
    with_rules = [path.stem for path in RULE_FILES if rules_of(path)]
    assert sorted(path.stem for path in ENVIRONMENTS) == sorted(with_rules)
    assert set(stems) - set(with_rules) == {"common", "models", "reported"}
