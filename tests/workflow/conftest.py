"""A tiny project, a copy of the workflow that tests may edit, and one finished run that they share."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
SITE = "TGCATACTTAG"  # planted in the middle of every peak
CHROMOSOMES = ("chrA", "chrB", "chrC")
CONFIG = """\
datasets: datasets.tsv
models: models.yaml
genome: {name: made, fasta: genome.fa}
motifs: {database: motifs.meme}
windows: {length: 60, max_jitter: 4}
folds:
  holdout: {val: [chrB], test: [chrC]}
train: {models: [small], seeds: [1], device: cpu}
evaluate: {bootstrap_resamples: 100, bootstrap_block: 1000, baselines: [gc_content, kmers]}
"""
MODELS = """\
small:
  layers:
    - {type: conv1d, filters: 4, width: 11, padding: same}
    - {type: batch_norm}
    - {type: activation, function: exp}
    - {type: global_max_pool}
  training:
    max_epochs: 2
    batch_size: 32
"""
SHEET = "dataset\ttarget\tpeaks\ntiny\tfactor\tpeaks.bed\n"


def motif_block(name, sequence):
    rows = [" ".join("0.91" if base == letter else "0.03" for letter in "ACGT") for base in sequence]
    header = f"letter-probability matrix: alength= 4 w= {len(sequence)} nsites= 100"
    return "\n".join([f"MOTIF {name}", header, *rows, "\n"])


def write_project(folder):
    """A configuration, a sheet, a network, three chromosomes of random bases with a planted site, and its peaks."""
    rng = np.random.default_rng(7)
    site = np.frombuffer(SITE.encode(), dtype=np.uint8)
    fasta, peaks = [], []
    for chrom in CHROMOSOMES:
        bases = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), 12000)
        for start in range(200, 11800, 300):
            bases[start : start + len(site)] = site
            peaks.append(f"{chrom}\t{start - 20}\t{start + 32}\n")
        text = bases.tobytes().decode()
        fasta += [f">{chrom} made\n", *(text[at : at + 60] + "\n" for at in range(0, len(text), 60))]
    motifs = [
        motif_block("M1 planted", SITE),
        motif_block("M2 other", "CCGGAATTGG"),
        motif_block("M3 third", "GATAAGGC"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genome.fa").write_text("".join(fasta))
    (folder / "peaks.bed").write_text("".join(peaks))
    (folder / "motifs.meme").write_text("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n" + "".join(motifs))
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "models.yaml").write_text(MODELS)
    (folder / "datasets.tsv").write_text(SHEET)
    return folder


def copy_workflow(folder):
    """The workflow without the embedded example's data, to be edited."""
    for name in ("rules", "scripts", "config", "envs"):
        # What numba compiled for other tests is copied, too (*.nbi, *.nbc): to compile it anew takes a minute.
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copytree(REPOSITORY / "resources", folder / "resources", ignore=shutil.ignore_patterns("fly"))
    for name in ("Snakefile", "CHANGELOG.md"):
        shutil.copy2(REPOSITORY / name, folder / name)
    return folder


def run_snakemake(workflow, folder, *arguments, config="config.yaml"):
    """Run a workflow in a working folder; standard output and standard error come back as text."""
    command = [sys.executable, "-m", "snakemake", "-s", str(workflow / "Snakefile"), "-d", str(folder), *arguments]
    if config is not None:
        command += ["--configfile", str(folder / config)]
    command += ["--rerun-triggers", "mtime", "params", "input", "software-env"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("SNAKEMAKE_PROFILE", None)
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


def planned_rules(dry_run):
    """How many jobs of each rule a dry run (`-n`) plans, without `all`."""
    assert dry_run.returncode == 0, dry_run.stdout + dry_run.stderr
    text = dry_run.stdout + dry_run.stderr
    if "Nothing to be done" in text:
        return {}
    table = re.search(r"^job +count\n-+ +-+\n(.+?)\ntotal", text, flags=re.MULTILINE | re.DOTALL)[1]
    counts = dict(line.split() for line in table.splitlines())
    return {rule: int(count) for rule, count in counts.items() if rule != "all"}


# Tests cannot import from a conftest.py (there are two of that name), so they get the functions as fixtures.


@pytest.fixture(scope="session")
def snakemake():
    return run_snakemake


@pytest.fixture(scope="session")
def planned():
    return planned_rules


@pytest.fixture(scope="session")
def new_project():
    return write_project


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "project")


@pytest.fixture(scope="session")
def workflow_copy(tmp_path_factory):
    """One copy of the workflow for all tests: whoever edits it mends it again."""
    return copy_workflow(tmp_path_factory.mktemp("workflow"))


@pytest.fixture(scope="session")
def finished_run(workflow_copy, tmp_path_factory):
    """The folder of one whole run, never to be changed; `rerun_folder` is a copy."""
    folder = write_project(tmp_path_factory.mktemp("finished"))
    done = run_snakemake(workflow_copy, folder, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def rerun_folder(finished_run, tmp_path):
    """A copy of the finished run, with the times of its files and Snakemake's records."""
    return Path(shutil.copytree(finished_run, tmp_path / "rerun"))
