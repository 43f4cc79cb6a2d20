"""The script that makes the report, as its rule calls it."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from report_check_inputs import with_checks
from report_inputs import (
    TARGETS,
    make_dataset,
    make_learning_curves,
    make_run,
    make_trials,
    write_motifs,
)
from test_report import SETTINGS, TEMPLATE, Page

from make_report import BASELINE_FILES, DATASET_FILES, ENSEMBLE_FILES, RUN_FILES, listed_files, with_files

OF_BASELINE = ("baseline_metrics", "baseline_predictions")  # keys of `make_dataset` that the rule does not know
SCRIPT = Path(__file__).parents[1] / "scripts" / "make_report.py"


class Named(dict):
    """What a script sees of Snakemake's named lists, as far as this one looks."""

    __getattr__ = dict.__getitem__


def test_records_without_a_list_have_every_kind_there_is():
    files = {"metrics": ["a", "b"], "history": ["c", "d"], "filters": []}
    assert with_files([{"seed": 0}, {"seed": 1}], files) == [
        {"seed": 0, "metrics": "a", "history": "c"},
        {"seed": 1, "metrics": "b", "history": "d"},
    ]
    assert with_files([], files | {"metrics": [], "history": []}) == []


def test_each_record_gets_the_files_that_it_names_in_order():
    records = [
        {"seed": 0, "files": ["metrics", "filters"]},
        {"seed": 1, "files": ["metrics"]},
        {"seed": 2, "files": ["filters", "metrics"]},
    ]
    assert with_files(records, {"metrics": ["m0", "m1", "m2"], "filters": ["f0", "f2"]}) == [
        {"seed": 0, "metrics": "m0", "filters": "f0"},
        {"seed": 1, "metrics": "m1"},
        {"seed": 2, "metrics": "m2", "filters": "f2"},
    ]


@pytest.mark.parametrize(
    ("records", "files"),
    [
        ([{"files": ["metrics"]}, {"files": ["metrics"]}], {"metrics": ["a"]}),
        ([{"files": ["metrics"]}], {"metrics": ["a", "b"]}),
        ([{"files": []}], {"metrics": ["a"]}),
        ([{"files": ["metrcis"]}], {"metrics": ["a"]}),
        ([{}, {}], {"metrics": ["a"]}),
    ],
)
def test_files_that_do_not_fit_the_records_are_refused(records, files):
    with pytest.raises(ValueError, match="records of the rule name a file"):
        with_files(records, files)


def test_a_single_path_is_a_list_of_one():
    assert listed_files({"a": "x", "b": ["y", "z"], "c": []}, ["a", "b", "c", "d"]) == {
        "a": ["x"],
        "b": ["y", "z"],
        "c": [],
        "d": [],
    }


def as_rule(tmp_path, runs, datasets, searches=(), names_files=True):
    """What the rule gives the script: lists of files that exist, and records that say which they have."""

    def split(records, kinds):
        found = {kind: [record[kind] for record in records if record.get(kind)] for kind in kinds}
        rest = [
            {key: value for key, value in record.items() if key not in [*kinds, *OF_BASELINE]} for record in records
        ]
        if names_files:
            for record, left in zip(records, rest, strict=True):
                left["files"] = [kind for kind in kinds if record.get(kind)]
        return found, rest

    made = with_checks({"runs": runs, "datasets": datasets})
    of_runs, run_records = split(made["runs"], RUN_FILES)
    of_datasets, dataset_records = split(made["datasets"], DATASET_FILES)
    of_ensembles, ensemble_records = split(made["ensembles"], ENSEMBLE_FILES)
    of_baselines, baseline_records = split(made["baselines"], BASELINE_FILES)
    of_searches, search_records = split(searches, ["trials"])
    database = write_motifs(tmp_path / "motifs.meme", {"MA0533.1": ("su(Hw)", "TGCATACT")})
    inputs = {**of_runs, **of_datasets, **of_searches, "database": database, "template": str(TEMPLATE)}
    inputs |= {ENSEMBLE_FILES[kind]: paths for kind, paths in of_ensembles.items()}
    inputs |= {BASELINE_FILES[kind]: paths for kind, paths in of_baselines.items()}
    params = {
        "runs": run_records,
        "datasets": [
            {key: value for key, value in r.items() if key not in ("task", "targets")} for r in dataset_records
        ],
        "tasks": {entry["dataset"]: entry["task"] for entry in datasets},
        "targets": {entry["dataset"]: entry["targets"] for entry in datasets},
        "settings": {**SETTINGS, "max_epochs": {"small": 30}},
        **({"searches": search_records} if searches else {}),
        "ensembles": ensemble_records,
        "baselines": baseline_records,
    }
    output = tmp_path / "report.html"
    snakemake = SimpleNamespace(
        input=Named(inputs), params=Named(params), output=Named(page=str(output)), log=[str(tmp_path / "log")]
    )
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": snakemake}, run_name="__main__")
    return Page(output.read_text(encoding="utf-8"))


def test_script_makes_the_page_of_today(tmp_path):
    runs = [make_run(tmp_path, "fly", TARGETS, seed=seed) for seed in (0, 1)]
    page = as_rule(tmp_path, runs, [make_dataset(tmp_path, "fly", TARGETS)], names_files=False)
    assert "2 trainings" in page.text


def test_script_makes_a_page_of_networks_that_lack_files(tmp_path):
    runs = [
        make_run(tmp_path, "fly", TARGETS, model="linear", has_filters=False, has_history=False),
        make_run(tmp_path, "fly", TARGETS, warnings=[("memory", "a batch was halved")]),
    ]
    datasets = [make_dataset(tmp_path, "fly", TARGETS), make_dataset(tmp_path, "bee", TARGETS)]
    datasets[1]["learning_curves"] = make_learning_curves(tmp_path, TARGETS, {"small": {50: 0.6, 100: 0.7}})
    runs.append(make_run(tmp_path, "bee", TARGETS))
    searches = [{"dataset": "fly", "fold": "holdout", "model": "small", "trials": make_trials(tmp_path)}]
    page = as_rule(tmp_path, runs, datasets, searches)
    assert "linear: no training curves" in page.text
    assert "A batch did not fit into memory: fly, seed 0 (small): a batch was halved." in page.text
    assert "bee, learning curve (small): AUROC 0.600" in page.text
    assert "20 trials, 2 of them failed" in page.text
