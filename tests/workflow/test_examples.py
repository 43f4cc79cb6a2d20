"""The two examples, whole, as a user runs them.

What they reach is told in the README and varies a little with the processor; the bounds here are those below which
something is broken, not those that were reached.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from published_yeast import served

REPOSITORY = Path(__file__).parents[2]
PROFILE = ["--workflow-profile", str(REPOSITORY / "config/profiles/local")]


def run(folder, config, *arguments):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(REPOSITORY / "Snakefile"),
        "-d",
        str(folder),
        "--cores",
        "2",
    ]
    command += ["--configfile", str(REPOSITORY / config), *PROFILE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def fly(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fly")
    run(folder, "config/config.yaml")
    return folder


@pytest.fixture(scope="module")
def yeast(tmp_path_factory, shared_data):
    folder = tmp_path_factory.mktemp("yeast")
    with served(shared_data, Path(tempfile.mkdtemp()) / "served") as mirrors:
        run(folder, "config/examples/yeast/config.yaml", "--config", "mirrors=" + json.dumps(mirrors))
    return folder


def auroc(folder):
    """Test AUROC of every seed, by target."""
    tables = [pd.read_csv(path, sep="\t") for path in sorted(folder.glob("results/*/*/motif_cnn/seed?/metrics.tsv"))]
    assert len(tables) == 3
    return pd.concat(tables).query("metric == 'auroc'").groupby("target")["value"].apply(list)


def found(folder, motif):
    """In how many seeds a motif is the best match of some filter with q < 0.01."""
    tables = [pd.read_csv(path, sep="\t") for path in sorted(folder.glob("results/*/*/motif_cnn/seed?/filters.tsv"))]
    return sum(((t["best_match_name"] == motif) & (t["best_match_q"] < 0.01)).any() for t in tables)


def touching(bedtools, one, other):
    return bedtools("intersect", "-u", "-a", one, "-b", other)


def check_splits(folder, bedtools):
    """Clean by bedtools' judgement: no window of one split touches another's, no negative touches a peak."""
    (fold,) = folder.glob("results/*/holdout")
    for split, others in (("train", ("val", "test")), ("val", ("test",))):
        for other in others:
            assert touching(bedtools, fold / f"{split}.bed", fold / f"{other}.bed") == []
    for split in ("train", "val", "test"):
        rows = [line for line in (fold / f"{split}.bed").read_text().splitlines() if not line.startswith("#")]
        negatives = fold / f"{split}.negatives.bed"
        negatives.write_text("".join(f"{row}\n" for row in rows if row.split("\t")[3].startswith("gc_matched")))
        assert len(negatives.read_text().splitlines()) == len(rows) / 2
        assert touching(bedtools, negatives, fold.parent / "peaks.bed") == []
        negatives.unlink()
    leakage = pd.read_csv(fold / "leakage.tsv", sep="\t")
    assert (leakage["left"] == 0).all()
    assert leakage["found"].sum() > 0  # real genomes repeat themselves


def check_inputs_were_looked_at(folder, *kinds):
    """Every input was looked at, none of these small ones in part."""
    inputs = pd.read_csv(folder / "results/reference/inputs.tsv", sep="\t")
    assert inputs["kind"].value_counts().to_dict() == dict(kinds)
    assert not inputs["looked_at"].str.startswith("the first").any()


def test_fly_learns_and_finds_su_hw(fly):
    scores = auroc(fly)
    assert min(scores["Su(Hw)"]) > 0.75
    assert min(scores["BEAF-32"]) > 0.7
    assert found(fly, "su(Hw)") >= 2


def test_fly_beats_the_baseline(fly):
    baseline = pd.read_csv(next(fly.glob("results/*/*/baselines/gc_content/metrics.tsv")), sep="\t")
    baseline = baseline.query("metric == 'auroc'").set_index("target")["value"]
    for target, values in auroc(fly).items():
        assert min(values) > baseline[target] + 0.05


def test_fly_splits_are_clean(fly, bedtools):
    check_splits(fly, bedtools)


def test_all_inputs_were_looked_at(fly):
    check_inputs_were_looked_at(fly, ("motif database", 1), ("genome", 1), ("peaks", 4))


def test_fly_again_has_nothing_to_do(fly):
    assert "Nothing to be done" in run(fly, "config/config.yaml")


def test_snakemakes_own_report_works(fly):
    run(fly, "config/config.yaml", "--report", "report.html")
    text = (fly / "report.html").read_text()
    assert "windows_report.tsv" in text
    assert "training history" in text


def test_models_say_what_they_have_seen(fly):
    for path in fly.glob("results/*/*/motif_cnn/seed?/model.pt"):
        record = torch.load(path, weights_only=True)
        assert record["chromosomes"]["test"] == ["chr2R"]
        assert record["chromosomes"]["val"] == ["chr3L"]
        assert not set(record["chromosomes"]["train"]) & {"chr2R", "chr3L"}
        assert record["target_names"] == ["Su(Hw)", "BEAF-32", "CTCF", "CP190"]


def test_yeast_learns_and_finds_its_motifs(yeast):
    scores = auroc(yeast)
    assert min(scores["Reb1"]) > 0.75
    assert min(scores["Abf1"]) > 0.85
    assert min(scores["Rap1"]) > 0.9
    for motif in ("REB1", "ABF1", "RAP1"):
        assert found(yeast, motif) >= 2


def test_yeast_splits_are_clean(yeast, bedtools):
    check_splits(yeast, bedtools)


def test_all_inputs_were_looked_at_after_their_download(yeast):
    kinds = ("motif database", "genome", "excluded regions", "chromosome names")
    check_inputs_were_looked_at(yeast, *((kind, 1) for kind in kinds), ("peaks", 3))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_a_browser_shows_the_report_without_a_complaint(fly, tmp_path):
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync --disable-quic --disable-component-update"
    )
    command = ["chromium", *flags.split(), "--disable-background-networking", f"--user-data-dir={tmp_path}"]
    command += ["--enable-logging=stderr", "--v=0", "--dump-dom", (fly / "results/report.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "CONSOLE" not in done.stderr
    assert "fly_insulators" in done.stdout
