"""The look at every input before the first job: all that is wrong is told by one run, and nothing else is written."""

import csv
import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from data_stage import write_bigwig

SIZES = dict.fromkeys(("chrA", "chrB", "chrC"), 12_000)  # of the tiny project
DATA_ALONE = ("train: {models: [small]", "train: {models: []")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def written_files(folder):
    """What a run left beside the project: files of its three folders."""
    return sorted(
        str(path.relative_to(folder))
        for name in ("results", "logs", "benchmarks")
        for path in (folder / name).rglob("*")
        if path.is_file()
    )


def broken_project(folder):
    """Break every input of the tiny project that is no part of the configuration; words of each message."""
    peaks = (folder / "peaks.bed").read_text()
    config = folder / "config.yaml"
    edit(config, *DATA_ALONE)
    edit(config, "fasta: genome.fa", "fasta: genome.fa, aliases: aliases.tsv, excluded: excluded.bed")
    edit(config, "windows:", "tracks: {sheet: tracks.tsv, width: 100, bin: 10}\nwindows:")
    told = []

    def broken(name, content, *words):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        told.append((name, *words))
        return name

    # Windows come of all but the last; what stands in the last column is broken.
    rows = [
        ("a", "backwards", broken("backwards.bed", "chrA\t9\t5\n" + peaks, "line 1: start 9 is not below end 5"), ""),
        ("a", "short", broken("short.bed.gz", gzip.compress(peaks.encode())[:-20], "cut short"), ""),
        ("a", "checksum", broken("other.bed", peaks + "chrA\t5\t9\n", "is not the file that"), "0" * 64),
        ("a", "html", broken("page.bed", "<!DOCTYPE html>\n<html>404</html>\n", "HTML page"), ""),
        ("a", "assembly", broken("names.bed", "2L\t100\t200\n2R\t100\t200\n", "none of its chromosomes"), ""),
    ]
    sheet = ["dataset\ttarget\tpeaks\tsha256\tsignal\tweak_peaks\tsequences\tvalue"]
    sheet += ["\t".join((*row, "", "", "", "")) for row in rows]
    lone = "".join(line + "\n" for line in peaks.splitlines() if line.startswith("chrA"))
    (folder / "lone.bed").write_text(lone)
    sheet.append("b\tlone\tlone.bed\t\t\t\t\t")
    told.append(("dataset b, fold holdout, split val (chrB) has too few peaks", "found 0 of lone"))
    told.append(("dataset b, fold holdout, split test (chrC) has too few peaks", "found 0 of lone"))
    write_bigwig(folder / "shorter.bw", {name: size - 1 for name, size in SIZES.items()})
    told.append(("shorter.bw", "another assembly", "chrA: 12,000 bases in the genome, 11,999 in the bigWig"))
    sheet.append("c\tx\tpeaks.bed\t\tshorter.bw\t\t\t")
    broken("weak.bed", "chrA\t1,000\t2,000\n", "line 1: start '1,000'", "thousands")
    sheet.append("d\tx\tpeaks.bed\t\t\tweak.bed\t\t")
    broken("library.tsv", "sequence\tlog2\nACGT\t1\n", "no column 'activity'")
    sheet.append("e\tx\t\t\t\t\tlibrary.tsv\tactivity")
    broken("track.bw", "chrA\t1\t5\t0.5\n", "is no bigWig", "bedGraphToBigWig")
    (folder / "tracks.tsv").write_text("dataset\ttrack\tsignal\na\tATAC\ttrack.bw\n")
    broken("aliases.tsv", "A chrA\nB\tchrB\n", "line 1: found 'A chrA'")
    broken("excluded.bed", "chrA\t5\n", "line 1: found 2 column(s)")
    broken("motifs.meme", ">MA1 x\nA [1 2]\nC [1 0]\nG [0 0]\nT [0 1]\n", "JASPAR's format", "jaspar2meme")
    (folder / "datasets.tsv").write_text("\n".join(sheet) + "\n")
    pysam.faidx(str(folder / "genome.fa"))
    edit(folder / "genome.fa.fai", "\t60\t61", "\t50\t51")
    told.append(("genome.fa.fai is not the index of genome.fa", "samtools faidx"))
    return told


def test_everything_that_is_wrong_is_told_by_one_run(workflow_copy, project, snakemake):
    expected = broken_project(project)
    ended = snakemake(workflow_copy, project, "--cores", "2")
    assert ended.returncode != 0
    message = ended.stderr[ended.stderr.index("\nWHAT ") + 1 :]
    assert message.startswith(f"WHAT {len(expected)} problem(s) in the inputs")
    assert len(expected) >= 14
    _, *parts = re.split(r"^(?:WHY)? +(\d+)\. ", message, flags=re.MULTILINE)
    numbers, problems = parts[0::2], parts[1::2]
    assert numbers == [str(number) for number in range(1, len(expected) + 1)]
    for words in expected:
        own = [problem for problem in problems if words[0] in problem.splitlines()[0]]
        assert len(own) == 1, words
        assert all(word in own[0] for word in words), words
        assert "fix: " in own[0]
    assert "Traceback" not in ended.stderr
    assert written_files(project) == ["logs/check_inputs/inputs.log"]


def test_a_sound_project_passes_within_seconds_and_says_what_was_read(workflow_copy, project, snakemake):
    edit(project / "config.yaml", *DATA_ALONE)
    done = snakemake(workflow_copy, project, "check_inputs", "--force", "--cores", "1")
    assert done.returncode == 0, done.stderr
    with open(project / "results/reference/inputs.tsv", newline="") as handle:
        rows = {row["file"]: (row["kind"], row["looked_at"]) for row in csv.DictReader(handle, delimiter="\t")}
    assert rows == {
        "motifs.meme": ("motif database", "3 motifs"),
        "genome.fa": ("genome", "3 sequences, 36,000 bases"),
        "peaks.bed": ("peaks", "all 117 intervals"),
    }
    with open(project / "benchmarks/check_inputs/inputs.tsv", newline="") as handle:
        (benchmark,) = csv.DictReader(handle, delimiter="\t")
    assert float(benchmark["s"]) < 30  # 2 s where nothing else runs


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_check_looks_at_the_inputs_of_a_configuration(workflow_copy, new_project, repository, tmp_path):
    clone = Path(shutil.copytree(workflow_copy, tmp_path / "clone"))
    shutil.copy(repository / "Makefile", clone)
    new_project(clone)
    edit(clone / "config.yaml", *DATA_ALONE)
    # The packages are there already, in the folder of this Python.
    command = ["make", "-o", ".venv/run.stamp", "check", "CONFIG=config.yaml", f"BIN={Path(sys.executable).parent}"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    def make():
        return subprocess.run(command, cwd=clone, capture_output=True, text=True, env=environment, check=False)

    for _ in range(2):  # the second time, too, though nothing has changed
        done = make()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "all 117 intervals" in done.stdout
    (clone / "peaks.bed").write_text("chrA\t9\t5\n")
    ended = make()
    assert ended.returncode != 0
    assert "line 1: start 9 is not below end 5" in ended.stderr
    assert not (clone / "results/reference/inputs.tsv").exists()


def test_a_bad_line_that_is_not_looked_at_is_caught_by_the_job(workflow_copy, project, snakemake):
    edit(project / "config.yaml", *DATA_ALONE)
    lines = ["chrA\t100\t200"] * 1_300
    lines[1_250] = "chrA\t200\t100"
    (project / "peaks.bed").write_text("\n".join(lines) + "\n")
    # The more files, the fewer lines of each are read before the first job: of a thousand the first thousand each.
    rows = "".join(f"set_{number}\tx\tpeaks.bed\n" for number in range(1_000))
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\n" + rows)
    ended = snakemake(
        workflow_copy, project, "results/reference/inputs.tsv", "results/set_7/windows.tsv", "--cores", "2"
    )
    assert ended.returncode != 0
    inputs = (project / "results/reference/inputs.tsv").read_text()
    assert "peaks.bed\tpeaks\tthe first 1000 intervals" in inputs
    assert "WHAT peaks.bed: 1 bad line(s)\n     line 1251: start 200 is not below end 100" in ended.stderr
    assert "LOG  logs/make_windows/set_7.log" in ended.stderr
    assert not any(name.startswith("results/set_7/") for name in written_files(project))
