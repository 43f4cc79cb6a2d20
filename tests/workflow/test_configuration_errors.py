"""What a user reads after a mistake: before the first job where it can be seen, else as the last lines of the run."""

import os
import re

import pytest


def nothing_was_run(folder):
    return not any((folder / name).exists() for name in ("results", "logs", "benchmarks"))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


SHEET = "dataset\ttarget\tpeaks\ntiny\tfactor\tpeaks.bed\n"
BEFORE_THE_FIRST_JOB = {
    "misspelt key": (
        ("config.yaml", "max_jitter", "max_jiter"),
        ["config.yaml, line 5", "`windows.max_jiter`", "did you mean `max_jitter`?"],
    ),
    "key twice": (
        ("config.yaml", "motifs:", "windows: {length: 80}\nmotifs:"),
        ["config.yaml, line 6", "`windows` stands twice (first in line 4)", "remove one"],
    ),
    "dataset that leaves the results": (
        ("datasets.tsv", "tiny", "../../x"),
        ["datasets.tsv, line 2", "'../../x'", "letters, digits"],
    ),
    "chromosome": (
        ("config.yaml", "chrB", "B"),
        ["config.yaml, line 7", "'B'", "one of chrA, chrB, chrC", "did you mean `chrB`?"],
    ),
    "too few balanced folds": (
        ("config.yaml", "holdout: {val: [chrB], test: [chrC]}", "k: 2"),
        ["config.yaml, line 7", "`folds.k` is 2", "3 or more"],
    ),
    "both doors": (
        ("datasets.tsv", SHEET, SHEET.replace("\n", "\tsequences\n", 1).replace("bed\n", "bed\tpeaks.bed\n")),
        ["datasets.tsv, line 2", "both `peaks` and `sequences`", "one of them"],
    ),
    "missing sheet of tracks": (
        ("config.yaml", "windows:", "tracks: {sheet: tracks.tsv}\nwindows:"),
        ["tracks.tsv", "there is no such file", "a sheet"],
    ),
    "loss of quantities for labels": (
        ("models.yaml", "batch_size: 32", "loss: mse"),
        ["models.yaml, model small, training.loss", "the targets of tiny are labels", "write `loss: auto`"],
    ),
    "no negatives to train on": (
        ("config.yaml", "windows:", "negatives: {per_positive_training: 0}\nwindows:"),
        ["datasets.tsv, line 2", "negatives.per_positive_training is 0", "rows labelled 0"],
    ),
    "broken models.yaml": (
        ("models.yaml", "same}", "same"),
        ["models.yaml, line 4", "no YAML", "close every bracket"],
    ),
}


@pytest.mark.parametrize("mistake", BEFORE_THE_FIRST_JOB)
def test_mistake_stops_before_the_first_job(mistake, project, repository, snakemake):
    change, expected = BEFORE_THE_FIRST_JOB[mistake]
    edit(project / change[0], *change[1:])
    ended = snakemake(repository, project, "--cores", "1")
    assert ended.returncode == 1
    assert nothing_was_run(project)
    for text in [*expected, "1 problem(s); nothing was run", "expected: ", "fix: "]:
        assert text in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr


def test_mistakes_of_all_files_are_told_together(project, repository, snakemake):
    edit(project / "config.yaml", "chrB", "chrD")
    edit(project / "datasets.tsv", "tiny\tfactor\tpeaks.bed\n", "tiny\tfactor\tpeaks.bed\n" * 2)
    edit(project / "models.yaml", "batch_norm", "batchnorm")
    ended = snakemake(repository, project, "--cores", "1")
    assert ended.returncode == 1
    assert nothing_was_run(project)
    numbered = re.findall(r"^ +(\d)\. (\S+), line (\d)", ended.stderr, flags=re.MULTILINE)
    told = [(number, path.rpartition("/")[2], line) for number, path, line in numbered]
    assert told == [("1", "datasets.tsv", "3"), ("2", "models.yaml", "4"), ("3", "config.yaml", "7")]


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "folds:\n\tholdout: 1\n", "a: [1\n"])
def test_configuration_that_snakemake_itself_refuses(content, project, repository, snakemake):
    """Snakemake reads the file before the workflow does, so the words are its own."""
    (project / "config.yaml").write_text(content)
    ended = snakemake(repository, project, "--cores", "1")
    assert ended.returncode == 1
    assert "Config file" in ended.stderr
    assert "YAML" in ended.stderr
    assert nothing_was_run(project)


def test_byte_order_marks_and_windows_line_ends_are_read(project, repository, snakemake, planned):
    for name in ("config.yaml", "models.yaml", "datasets.tsv"):
        content = (project / name).read_bytes().replace(b"\n", b"\r\n")
        (project / name).write_bytes(b"\xef\xbb\xbf" + content)
    assert planned(snakemake(repository, project, "-n"))["train_model"] == 1


def test_quantities_are_planned_without_networks(project, repository, snakemake, planned):
    edit(project / "datasets.tsv", SHEET, SHEET.replace("\n", "\tvalue\n", 1).replace("bed\n", "bed\t5\n"))
    edit(project / "config.yaml", "models: [small]", "models: []")
    jobs = planned(snakemake(repository, project, "-n"))
    assert jobs["encode_split"] == 3
    assert "train_model" not in jobs


# --- mistakes that only a job can see ---------------------------------------------------------------------------------


def last_lines(ended):
    """The message that ends a failed run, by its four words."""
    assert ended.returncode == 1
    assert ended.stderr.count("\nWHAT ") == 1
    lines = ended.stderr[ended.stderr.index("\nWHAT ") + 1 :].rstrip("\n").split("\n")
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert heads == ["WHAT", "WHY", "FIX", "LOG"]  # and nothing of Snakemake's after them
    parts = re.match(r"WHAT (.+)\nWHY  (.+)\nFIX  (.+)\nLOG  (.+)", "\n".join(lines), flags=re.DOTALL)
    return dict(zip(("what", "why", "fix", "log"), parts.groups(), strict=True))


def test_bad_peaks_end_the_run_before_anything_else_with_what_why_fix_and_log(workflow_copy, rerun_folder, snakemake):
    peaks = rerun_folder / "peaks.bed"
    good = peaks.read_text()
    bad = good.splitlines()
    bad[2], bad[4] = "chrA\tten\t20", "chrA\t30\t20"
    peaks.write_text("\n".join(bad) + "\n")
    windows = rerun_folder / "results" / "tiny" / "windows.tsv"
    before = windows.stat().st_mtime_ns
    ended = snakemake(workflow_copy, rerun_folder, "--cores", "1")
    told = last_lines(ended)
    assert told["what"] == "1 problem(s) in the inputs"
    assert "1. peaks.bed: 2 bad line(s)" in told["why"]
    assert "line 3: start 'ten'" in told["why"]
    assert "line 5: start 30 is not below end 20" in told["why"]
    assert "0-based" in told["why"]
    assert "mend or remove the lines" in told["why"]
    assert told["log"] == "logs/check_inputs/inputs.log"
    assert (rerun_folder / told["log"]).read_text().endswith(f"LOG  {told['log']}\n")
    assert "Traceback" not in (rerun_folder / told["log"]).read_text()
    assert windows.stat().st_mtime_ns == before  # finished work is kept
    # --quiet shortens Snakemake's own log, from which the failed jobs were once read: the message was lost
    quiet = snakemake(workflow_copy, rerun_folder, "--cores", "1", "--quiet", "all")
    assert last_lines(quiet) == told

    peaks.write_text(good)
    mended = snakemake(workflow_copy, rerun_folder, "--cores", "1", "--until", "make_windows")
    assert mended.returncode == 0, mended.stderr
    assert "WHAT" not in mended.stderr
    assert windows.stat().st_mtime_ns == before  # the same peaks as before


def test_a_mistake_that_a_later_job_finds_ends_the_run_alike(workflow_copy, rerun_folder, snakemake):
    edit(rerun_folder / "config.yaml", "windows:", "negatives: {per_positive: 100}\nwindows:")
    edit(rerun_folder / "config.yaml", "holdout:", "other:")
    told = last_lines(snakemake(workflow_copy, rerun_folder, "--cores", "1"))
    assert re.fullmatch("too few negatives of kind gc_matched on chrC: [0-9]+ of 3900 are missing", told["what"])
    assert "in 64 tilings" in told["why"]
    assert "lower negatives.per_positive" in told["fix"]
    assert told["log"] == "logs/split_windows/tiny/other.log"
    folder = rerun_folder / "results" / "tiny"
    assert not (folder / "other" / "train.bed").exists()
    assert (folder / "holdout" / "train.bed").exists()


@pytest.mark.parametrize("stale_log", [True, False])
def test_job_killed_by_a_signal(stale_log, workflow_copy, rerun_folder, snakemake):
    """A killed job cannot say why; an old log of another failure must not be shown in its place."""
    script = workflow_copy / "scripts" / "make_windows.py"
    good = script.read_text()
    kill = "import os; os.kill(os.getpid(), 9)\n"
    if stale_log:  # killed before its log is opened
        killed = good.replace("from cisflow.checksums", f"{kill}from cisflow.checksums", 1)
        log = rerun_folder / "logs" / "make_windows" / "tiny.log"
        log.write_text("WHAT an old failure\nWHY  of long ago\nFIX  mended\nLOG  logs/make_windows/tiny.log\n")
        os.utime(log, (1e9, 1e9))
    else:
        opening = "    genome = open_genome"
        killed = good.replace(opening, f"    print('reading the sizes')\n    {kill}{opening}", 1)
    assert killed != good
    try:
        script.write_text(killed)
        told = last_lines(snakemake(workflow_copy, rerun_folder, "--cores", "1"))
    finally:
        script.write_text(good)
    assert told["what"] == "make_windows ended before it could say why"
    assert "stopped from outside (memory, time limit, Ctrl-C)" in told["why"]
    assert ("reading the sizes" in told["why"]) != stale_log
    assert "--set-resources make_windows:mem_mb=" in told["fix"]
    assert told["log"] == "logs/make_windows/tiny.log"
    assert not (rerun_folder / "results" / "tiny" / "windows.tsv").exists()


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("width: 11, padding: same", "width: 100", "a filter of width 100 does not fit into 60 positions"),
        ("{type: global_max_pool}", "{type: max_pool, width: 61}", "a pool of width 61 is wider than the 60 positions"),
        ("{type: global_max_pool}", "{type: dense, units: 3}", "put `flatten` or `global_max_pool` before it"),
        ("{type: global_max_pool}", "{type: max_pool, width: 2}", "the list must end flat"),
    ],
)
def test_a_network_that_cannot_be_used_is_told_before_any_job(old, new, found, workflow_copy, project, snakemake):
    # It was told by the training, after all data had been made, or even by the step after it.
    edit(project / "models.yaml", old, new)
    run = snakemake(workflow_copy, project, "--cores", "1")
    assert run.returncode != 0
    assert found in run.stderr
    assert "models.yaml, model small" in run.stderr
    assert not (project / "results").exists()
