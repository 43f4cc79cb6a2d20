"""Planted sets within the workflow: the plans of the examples, data made of a small set, and mistakes."""

import pandas as pd
import pytest

EXAMPLES = {"zou_primer": (1, 6), "koo_eddy": (1, 15), "quantitative": (2, 12), "noise": (20, 20)}  # sets, networks
CONFIG = """\
datasets: datasets.tsv
models: models.yaml
planted:
  made:
    n_sequences: 200
    length: 60
    motifs: {own: {consensus: CGACCGAACTCC}}
    classes:
      bound: {share: 0.5, plant: [{motifs: [own]}]}
      unbound: {share: 0.5}
    targets: {label: {classes: [bound]}}
motifs: {database: motifs.meme}
windows: {length: 60}
sequences: {name: name}
folds: {column: split}
train: {models: [], device: cpu}
"""
SHEET = "dataset\ttarget\tsequences\ttask\nsimulated\tlabel\tresults/planted/made/sequences.tsv\tbinary\n"


@pytest.fixture
def planted_project(project):
    (project / "config.yaml").write_text(CONFIG)
    (project / "datasets.tsv").write_text(SHEET)
    return project


@pytest.mark.parametrize("example", EXAMPLES)
def test_plan_of_an_example(example, workflow_copy, snakemake, planned, tmp_path):
    n_sets, n_networks = EXAMPLES[example]
    config = workflow_copy / "config" / "examples" / "planted" / f"{example}.yaml"
    jobs = planned(snakemake(workflow_copy, tmp_path, "-n", "--configfile", str(config), config=None))
    assert jobs["plant_motifs"] == jobs["read_sequences"] == n_sets
    assert jobs["train_model"] == n_networks
    assert jobs["check_inputs"] == 1


def test_sets_are_planted_before_they_are_looked_at_and_read(workflow_copy, planted_project, snakemake, planned):
    assert planned(snakemake(workflow_copy, planted_project, "-n"))["plant_motifs"] == 1
    targets = ["results/reference/inputs.tsv", "results/simulated/holdout/test.bed"]
    done = snakemake(workflow_copy, planted_project, *targets, "--cores", "1")
    assert done.returncode == 0, done.stderr
    inputs = (planted_project / "results/reference/inputs.tsv").read_text()
    assert "results/planted/made/sequences.tsv\tsequences\tall 200 sequences" in inputs
    table = pd.read_csv(planted_project / "results/planted/made/sequences.tsv", sep="\t")
    test = pd.read_csv(planted_project / "results/simulated/holdout/test.bed", sep="\t")
    expected = table[table["split"] == "test"]
    assert set(test["name"]) <= set(expected["name"])  # names are those of the set: the truth can be found by them
    assert len(test) > 0.9 * len(expected)
    # Nothing is planted anew until the set changes, and then all that hangs on it runs again.
    again = planned(snakemake(workflow_copy, planted_project, *targets, "-n"))
    assert again == {}
    config = planted_project / "config.yaml"
    config.write_text(config.read_text().replace("n_sequences: 200", "n_sequences: 220"))
    again = planned(snakemake(workflow_copy, planted_project, *targets, "-n"))
    assert {"plant_motifs", "read_sequences", "split_sequences"} <= set(again)


def test_mistakes_are_told_before_the_first_job_with_their_lines(workflow_copy, planted_project, snakemake):
    config = planted_project / "config.yaml"
    text = config.read_text().replace("share: 0.5, plant: [{motifs: [own]}]", "share: 0.4, plant: [{motifs: [owm]}]")
    config.write_text(text.replace("classes: [bound]", "classes: [bond]"))
    sheet = planted_project / "datasets.tsv"
    sheet.write_text(sheet.read_text() + "other\tstrength\tresults/planted/made/sequences.tsv\t\n")
    ended = snakemake(workflow_copy, planted_project, "--cores", "1")
    assert ended.returncode == 1
    for words in (
        "5 problem(s); nothing was run",
        "datasets.tsv, line 3: planted set made has no target 'strength'",
        "config.yaml, line 8, planted.made.classes: the shares have the sum 0.9",
        "config.yaml, line 7, planted.made.motifs.own: motif 'own' is planted in no class",
        "motif 'owm' has no consensus, and there is no database",
        "config.yaml, line 11, planted.made.targets.label.classes: no class 'bond'",
        "did you mean `bound`?",
    ):
        assert words in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (planted_project / "results").exists()
