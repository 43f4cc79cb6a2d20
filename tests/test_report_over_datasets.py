"""The mean over datasets on the page: its table, what it means in words, and what is doubtful."""

import re
from pathlib import Path

import pytest
from report_check_inputs import with_checks
from report_inputs import MOTIFS, make_dataset, make_run, write_motifs, write_table
from test_report import Page, doubts_of, render
from test_report_checks import plain
from test_report_data import page_of
from test_report_networks import rows_of, section

from cisflow.over_datasets import COLUMNS
from cisflow.report_over_datasets import over_datasets_sections

FOLDS = ["holdout"]


def tables(folder, models, baselines=("kmers", "pwm_scan"), folds=FOLDS, metric="auroc", told=0.05, lacking=None):
    """`models` and `baselines`: name to the mean score (a baseline may be a name: 0.7, 0.71, ...)."""
    if not isinstance(baselines, dict):
        baselines = {name: 0.7 + 0.01 * number for number, name in enumerate(baselines)}
    lacking = lacking or {}

    def about(model, fold):
        return {
            "model": model, "fold": fold, "metric": metric, "n_datasets": 3 - ("left_out" in lacking.get(model, {})),
            "n_targets": 5, "left_out": "", "no_value": "", **lacking.get(model, {}),
        }  # fmt: skip

    def difference(value, other):
        gap = value - other
        word = "not told apart" if abs(gap) <= told else "better" if gap > 0 else "worse"
        q = 0.4 if abs(gap) <= told else 0.002
        return {"value": value, "difference": gap, "ci_low": gap - told, "ci_high": gap + told, "p": q, "q": q}, word

    rows = {"verdicts": [], "comparison": [], "differences": []}
    names = list(models)
    for fold in folds:
        for number, (model, value) in enumerate(models.items()):
            own = about(model, fold)
            scores = {"ensemble": value, "ci_low": value - 0.03, "ci_high": value + 0.02, "mean_rank": number + 1.5}
            if own["no_value"]:
                scores = dict.fromkeys(scores, "")
            of_seeds = {"seeds": 3, "mean": value - 0.01, "sd": 0.004, "lowest": value - 0.02, "highest": value}
            rows["comparison"].append({**own, **of_seeds, **scores})
            for baseline, other in baselines.items():
                found, word = difference(value, other)
                if own["no_value"]:
                    found, word = dict.fromkeys(found, ""), "not told apart"
                rows["verdicts"].append(
                    {**own, **found, "baseline": baseline, "baseline_value": other, "verdict": word}
                )
            for other in names[number + 1 :]:
                found, _ = difference(value, models[other])
                rows["differences"].append({**own, **found, "other": other, "other_value": models[other]})
    paths = {
        name: write_table(
            folder / f"{name}.tsv", " ".join(columns), [[row[key] for key in columns] for row in rows[name]]
        )
        for name, columns in COLUMNS.items()
    }
    return {"verdicts": paths["verdicts"], "comparison": paths["comparison"], "model_differences": paths["differences"]}


@pytest.fixture
def inputs(tmp_path):
    """Three datasets of one target each."""
    names = ["reb1", "abf1", "rap1"]
    return with_checks(
        {
            "runs": [make_run(tmp_path, name, ["factor"], auroc=0.9) for name in names],
            "datasets": [make_dataset(tmp_path, name, ["factor"]) for name in names],
            "database": write_motifs(tmp_path / "motifs.meme", MOTIFS),
        }
    )


def text_of(html):
    return Page(section(html, "over-datasets")).text


def test_a_network_that_is_ahead_over_all_datasets(inputs, tmp_path):
    inputs["over_datasets"] = tables(tmp_path / "over", {"small": 0.923})
    html = render(inputs)
    sentence = (
        "small reaches AUROC 0.923 (0.893–0.943) on the mean over 3 datasets with 5 targets: better than each of 2"
        " baselines; the strongest, best motif, reaches 0.710 (difference +0.213, +0.163 to +0.263)."
    )
    assert f"<li>{sentence}</li>" in html
    assert f"<b>Over all datasets:</b> {sentence}" in section(html, "in-short")
    header, row, *rest = rows_of(section(html, "over-datasets"))
    assert "mean rank" not in header
    assert row[:4] == ["small", "3", "0.923", "0.893–0.943"]
    assert row[5] == "0.913 ± 0.004 0.903–0.923"
    assert row[6].split() == ["better", "0.710", "best", "motif"]
    assert [cells[:5] for cells in rest[1:]] == [
        ["small", "k-mers", "3", "0.923", "0.700"],
        ["small", "best motif", "3", "0.923", "0.710"],
    ]
    assert "Not ahead of a baseline on the mean" not in doubts_of(inputs)
    assert "draw the same blocks of chromosomes for all datasets" in text_of(html)
    page_of(inputs)


def test_networks_beside_each_other_and_a_baseline_that_is_not_beaten(inputs, tmp_path):
    models = {"a": 0.73, "b": 0.85, "c": 0.82}
    inputs["over_datasets"] = tables(tmp_path / "over", models)
    html = render(inputs)
    text = text_of(html)
    assert [row[0] for row in rows_of(section(html, "over-datasets"))[1:4]] == ["b", "c", "a"]
    assert "Of the networks b has the highest mean: better than a (+0.120); not told apart from c (+0.030)." in text
    assert "a reaches AUROC 0.730 (0.700–0.750) on the mean over 3 datasets with 5 targets: not told apart from" in text
    found = doubts_of(inputs)
    assert "Not ahead of a baseline on the mean over datasets: a 0.730, not told apart from best motif (0.710)" in found
    assert "b 0.850" not in found


def test_many_networks_are_summed_up(inputs, tmp_path):
    models = {f"net{number}": 0.72 + 0.02 * number for number in range(9)}
    inputs["over_datasets"] = tables(tmp_path / "over", models)
    text = text_of(render(inputs))
    assert "Of 9 networks 7 are better than each baseline on the mean over datasets: net8; net7; net6;" in text
    assert "Mean test AUROC from net8 0.880 (0.850–0.900) down to net0 0.720 (0.690–0.740)" in text
    assert len(rows_of(section(render(inputs), "over-datasets"))) == 10 + 19 + 37


def test_what_is_lacking_is_told(inputs, tmp_path):
    lacking = {"b": {"left_out": "rap1"}, "c": {"no_value": "abf1"}}
    inputs["over_datasets"] = tables(tmp_path / "over", {"a": 0.9, "b": 0.88, "c": 0.87}, lacking=lacking)
    text = text_of(render(inputs))
    assert "Without rap1: b. No score on abf1, and so no mean: c." in re.sub(r"\s+", " ", text)
    assert "b reaches AUROC 0.880 (0.850–0.900) on the mean over 2 datasets with 5 targets" in text
    assert "c reaches" not in text
    page_of(inputs)


def test_of_several_folds_the_mean_is_shown_first_and_tasks_apart(tmp_path):
    paths = tables(tmp_path / "labels", {"small": 0.9}, folds=["fold1", "fold2", "mean"])
    values = tables(tmp_path / "values", {"small": 0.6}, baselines={"kmers": 0.5}, metric="pearson")
    for name, path in paths.items():
        lines = Path(values[name]).read_text().split("\n", 1)[1]
        Path(path).write_text(Path(path).read_text() + lines)
    labels, quantities = over_datasets_sections(paths)
    assert (labels["fold"], len(labels["rows"]), len(labels["against"])) == ("mean", 1, 6)
    assert labels["several_folds"]
    assert (quantities["fold"], quantities["words"]["score"]) == ("holdout", "pearson")
    assert "Pearson r 0.600 (0.570–0.620)" in quantities["sentences"][0]


def test_of_one_dataset_there_is_no_such_section(inputs, tmp_path):
    assert over_datasets_sections(None) == []
    html = render(inputs)
    assert "over-datasets" not in html
    assert "Over all datasets" not in plain(html)
