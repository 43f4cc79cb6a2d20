"""Plans of runs of every size, and runs that give the same files again."""

import re
import shutil
import time

import h5py
import hdf5plugin  # noqa: F401 - registers the compression
import pytest

RESULTS = "results/tiny/holdout"
RULES = {
    "check_inputs": 1,
    "prepare_genome": 1,
    "prepare_motifs": 1,
    "prepare_excluded": 1,
    "make_windows": 1,
    "split_windows": 1,
    "encode_split": 3,
    "describe_test_rows": 1,
    "enrich_motifs": 1,
    "evaluate_baseline": 2,
    "initialise_model": 1,
    "train_model": 1,
    "train_permuted": 1,
    "evaluate_model": 2,
    "average_predictions": 1,
    "judge_models": 1,
    "compare_models": 1,
    "extract_filters": 3,
    "measure_influence": 1,
    "cluster_filters": 1,
    "join_filters": 1,
    "calibrate_matches": 1,
    "match_filters": 1,
    "make_report": 1,
}


@pytest.fixture
def report_time(capsys):
    """Print how long a thing took, also where the test passes."""
    start = time.perf_counter()

    def report(what):
        with capsys.disabled():
            print(f"\n    {what}: {time.perf_counter() - start:.1f} s")

    return report


def test_plan_of_the_embedded_example(workflow_copy, repository, snakemake, planned, tmp_path, report_time):
    shutil.copytree(workflow_copy, tmp_path / "clone")
    (tmp_path / "clone" / "resources" / "fly").symlink_to(repository / "resources" / "fly")
    dry_run = snakemake(tmp_path / "clone", tmp_path / "clone", "-n", config=None)
    report_time("dry run of the embedded example")
    jobs = planned(dry_run)
    assert set(jobs) == set(RULES)
    assert (jobs["make_windows"], jobs["train_model"], jobs["make_report"]) == (1, 3, 1)


def test_plan_of_690_datasets(workflow_copy, project, snakemake, planned, report_time):
    rows = "".join(f"set_{number}\tfactor\tpeaks.bed\n" for number in range(690))
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\n" + rows)
    dry_run = snakemake(workflow_copy, project, "-n")
    report_time("dry run of 690 datasets")
    once = {"check_inputs", "prepare_genome", "prepare_motifs", "prepare_excluded", "make_report"}
    wanted = {rule: count if rule in once else 690 * count for rule, count in RULES.items()}
    assert planned(dry_run) == {**wanted, "compare_over_datasets": 1}


def test_plan_of_164_targets(workflow_copy, project, snakemake, planned, report_time):
    rows = "".join(f"tiny\tfactor {number} (K562)\tpeaks.bed\n" for number in range(164))
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\n" + rows)
    dry_run = snakemake(workflow_copy, project, "-n")
    report_time("dry run of one dataset of 164 targets")
    assert planned(dry_run) == RULES


def test_plan_of_several_folds_models_and_seeds(workflow_copy, project, snakemake, planned):
    text = (project / "config.yaml").read_text()
    text = text.replace("folds:\n", "folds:\n  fold2: {val: [chrA], test: [chrB], train: [chrC]}\n")
    (project / "config.yaml").write_text(
        text.replace("[small]", "[small, wide]").replace("seeds: [1]", "seeds: [1, 2]")
    )
    models = (project / "models.yaml").read_text()
    (project / "models.yaml").write_text(models + models.replace("small", "wide"))
    jobs = planned(snakemake(workflow_copy, project, "-n"))
    assert (jobs["make_windows"], jobs["split_windows"], jobs["encode_split"]) == (1, 2, 6)
    assert (jobs["train_model"], jobs["match_filters"], jobs["evaluate_baseline"]) == (8, 8, 4)
    assert (jobs["train_permuted"], jobs["initialise_model"], jobs["average_predictions"]) == (4, 4, 4)
    assert (jobs["judge_models"], jobs["compare_models"], jobs["calibrate_matches"]) == (2, 1, 8)


def test_models_are_compared_over_datasets_of_one_task_that_they_share(project, workflow_copy, snakemake, planned):
    sheet = "dataset\ttarget\tpeaks\tvalue\none\ta\tpeaks.bed\t\ntwo\tb\tpeaks.bed\t\n"
    (project / "datasets.tsv").write_text(sheet)
    (project / "peaks.bed").write_text(
        "".join(f"{line}\tp\t7\n" for line in (project / "peaks.bed").read_text().splitlines())
    )
    text = (project / "config.yaml").read_text().replace("seeds: [1]", "seeds: [1, 2]")
    (project / "config.yaml").write_text(text.replace("[small]", "[small, of_one]"))
    of_one = (project / "models.yaml").read_text().replace("small:", "of_one:\n  datasets: [one]")
    (project / "models.yaml").write_text((project / "models.yaml").read_text() + of_one)
    dry_run = snakemake(workflow_copy, project, "-n")
    assert planned(dry_run)["compare_over_datasets"] == 1
    text = re.search(r"^rule compare_over_datasets:\n +input: (.*)\n +output: (.*)$", dry_run.stdout, re.MULTILINE)
    networks = [f"results/{name}" for name in ("one/holdout/small", "one/holdout/of_one", "two/holdout/small")]
    assert text[1].split(", ") == [
        *(f"{network}/ensemble/predictions.tsv" for network in networks),
        *(
            f"results/{dataset}/holdout/baselines/{baseline}/predictions.tsv"
            for dataset in ("one", "two")
            for baseline in ("gc_content", "kmers")
        ),
        *(f"{network}/seed{seed}/metrics.tsv" for network in networks for seed in (1, 2)),
    ]
    names = ("verdicts", "comparison", "model_differences")
    assert text[2] == ", ".join(f"results/over_datasets/{name}.tsv" for name in names)
    (project / "datasets.tsv").write_text(sheet.replace("two\tb\tpeaks.bed\t", "two\tb\tpeaks.bed\tscore"))
    assert "compare_over_datasets" not in planned(snakemake(workflow_copy, project, "-n"))


def test_downloads_are_planned_for_urls(workflow_copy, project, snakemake, planned):
    checksum = "0123456789abcdef" * 4
    config = (project / "config.yaml").read_text()
    url = f"'https://example.org/genome.fa?x=1', fasta_sha256: {checksum}"
    (project / "config.yaml").write_text(config.replace("genome.fa", url))
    sheet = f"dataset\ttarget\tpeaks\tsha256\ntiny\ta\thttps://example.org/one/p.bed\t{checksum}\n"
    sheet += f"tiny\tb\thttps://example.org/two/p.bed\t{checksum}\n"  # two files of one name
    (project / "datasets.tsv").write_text(sheet)
    assert planned(snakemake(workflow_copy, project, "-n")) == {**RULES, "download_file": 3}


MODULE = """
{before}
module cisflow:
    snakefile: "{snakefile}"
    config: {config}

use rule * from cisflow as cisflow_*

rule after:
    input: "results/report.html"
    output: "after.txt"
    shell: "touch {{output}}"
"""


@pytest.mark.parametrize("nested", [False, True])
def test_use_as_a_module_of_another_workflow(nested, workflow_copy, project, snakemake, planned):
    outer = project / "outer"
    outer.mkdir()
    before = 'configfile: "outer.yaml"\n' if nested else ""
    config = 'config["cisflow"]' if nested else "config"
    snakefile = workflow_copy / "Snakefile"
    (outer / "Snakefile").write_text(MODULE.format(before=before, snakefile=snakefile, config=config))
    lines = (project / "config.yaml").read_text().splitlines()
    (project / "outer.yaml").write_text("cisflow:\n" + "".join(f"  {line}\n" for line in lines))
    dry_run = snakemake(outer, project, "-n", "after.txt", config=None if nested else "config.yaml")
    # No rule waits for the look at all inputs: the outer workflow asks for it, or for cisflow's own `all`.
    needed = {f"cisflow_{rule}": count for rule, count in RULES.items() if rule != "check_inputs"}
    assert planned(dry_run) == {**needed, "after": 1}


def test_a_module_finds_the_files_that_cisflow_ships(workflow_copy, project, snakemake, planned):
    # They were looked for beside the outer workflow, so that neither the shipped models nor JASPAR could be named.
    text = (project / "config.yaml").read_text()
    text = text.replace("models: models.yaml\n", "").replace("models: [small]", "models: [deepbind]")
    text = text.replace("database: motifs.meme", "database: resources/jaspar/JASPAR2026_CORE_fungi_nonredundant.meme")
    (project / "config.yaml").write_text(text)
    outer = project / "outer"
    outer.mkdir()
    (outer / "Snakefile").write_text(
        MODULE.format(before="", snakefile=workflow_copy / "Snakefile", config="config"),
    )
    assert planned(snakemake(outer, project, "-n", "after.txt"))["cisflow_train_model"] == 1


def test_lint(workflow_copy, project, snakemake):
    lint = snakemake(workflow_copy, project, "--lint")
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_no_rule_needs_a_number_of_cores(workflow_copy, project, snakemake):
    # The first job asked for `workflow.cores`, which is an error on a cluster, where a number of jobs is given instead.
    graph = snakemake(workflow_copy, project, "--rulegraph")
    assert graph.returncode == 0, graph.stderr
    assert '"check_inputs"' in graph.stdout


# --- the same again ---------------------------------------------------------------------------------------------------


def test_nothing_is_to_be_done_after_a_run(workflow_copy, finished_run, rerun_folder, snakemake, planned):
    assert planned(snakemake(workflow_copy, rerun_folder, "-n")) == {}
    for folder in ("logs", "benchmarks"):
        assert {path.name for path in (finished_run / folder).iterdir()} == set(RULES)


@pytest.mark.parametrize(
    ("name", "old", "new", "first"),
    [
        (
            "config.yaml",
            "bootstrap_resamples: 100",
            "bootstrap_resamples: 101",
            {"evaluate_model", "evaluate_baseline"},
        ),
        ("config.yaml", "evaluate:", "negatives: {per_positive: 2}\nevaluate:", {"split_windows"}),
        ("config.yaml", "evaluate:", "negatives: {per_positive_training: 2}\nevaluate:", {"split_windows"}),
    ],
)
def test_a_changed_setting_reruns_what_reads_it(name, old, new, first, workflow_copy, rerun_folder, snakemake, planned):
    text = (rerun_folder / name).read_text()
    assert old in text
    (rerun_folder / name).write_text(text.replace(old, new))
    jobs = set(planned(snakemake(workflow_copy, rerun_folder, "-n")))
    order = list(RULES)
    assert first <= jobs
    assert min(map(order.index, jobs)) == min(map(order.index, first))
    assert "make_report" in jobs


def test_another_folder_and_another_number_of_cores_give_the_same_files(
    workflow_copy, finished_run, new_project, snakemake, tmp_path
):
    """The first run had two cores, this one has one; both start from nothing."""
    again = new_project(tmp_path / "again" / "in another folder")
    done = snakemake(workflow_copy, again, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [f"{RESULTS}/{split}.{kind}" for split in ("train", "val", "test") for kind in ("bed", "h5")]
    tables = ("metrics.tsv", "predictions.tsv", "filters.meme", "filters.tsv", "motif_matches.tsv", "model.pt")
    names += [f"{RESULTS}/small/seed1/{name}" for name in tables]
    names += [f"{RESULTS}/baselines/gc_content/metrics.tsv", "results/report.html", "results/reference/inputs.tsv"]
    names += [f"{RESULTS}/small/{name}" for name in ("ensemble/metrics.tsv", "seed1_permuted/model.pt")]
    names += [f"{RESULTS}/small/seed1/calibration.tsv", f"{RESULTS}/verdicts.tsv", f"{RESULTS}/motif_enrichment.tsv"]
    names += [f"{RESULTS}/small/seed1/{name}" for name in ("sites.bed.gz", "filter_influence.tsv")]
    of_dataset = ("small/consensus_motifs", "comparison", "model_differences")
    names += [f"results/tiny/{name}.tsv" for name in of_dataset]
    of_split = ("split_report", "groups", "leakage", "distributions", "balance", "target_scaling")
    names += [f"{RESULTS}/{name}.tsv" for name in of_split]
    names += [f"results/tiny/{name}.tsv" for name in ("windows", "windows_report", "label_overlaps")]
    different = [name for name in names if (finished_run / name).read_bytes() != (again / name).read_bytes()]
    assert different == []


def test_results_say_what_they_are(finished_run):
    with h5py.File(finished_run / RESULTS / "test.h5") as split:
        assert split["one_hot"].shape[1:] == (4, 68)  # 60 bp and twice 4 bp of jitter
        assert set(split["chrom"].asstr()) == {"chrC"}
        assert list(split.attrs["target_names"]) == ["factor"]
