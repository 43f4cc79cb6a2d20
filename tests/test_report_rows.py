"""Rows of the report: what sums up runs, seeds and filters."""

import math

import pytest
from report_inputs import make_run

from cisflow.report_rows import network_rows, own_motif_rows, recurrence_rows, training_row
from cisflow.report_scores import verdict


def test_recurrence_counts_seeds_not_filters():
    motif = {"name": "su(Hw)", "filters": 3, "q": 1e-5}
    rows = [
        {"motifs": {"a": motif, "b": {**motif, "q": 1e-9}}},
        {"motifs": {"a": {**motif, "q": 1e-7}}},
        {"motifs": {}},
    ]
    first, second = recurrence_rows(rows)
    assert (first["motif"], first["seeds"], first["of_seeds"], first["filters"], first["q"]) == ("a", 2, 3, 6, 1e-7)
    assert (second["motif"], second["seeds"]) == ("b", 1)


def test_own_motif_is_found_by_name_whatever_the_case():
    class Named:
        def __init__(self, name):
            self.name = name

    database = {"M1": Named("su(Hw)"), "M2": Named("BEAF-32"), "M3": Named("")}
    network = {"dataset": "fly", "fold": "holdout", "model": "small"}
    seeds = [{**network, "motifs": motifs} for motifs in ({"M1": {}}, {"M1": {}, "M3": {}}, {})]
    rows = own_motif_rows(seeds, ["Su(Hw)", "BEAF32", "CP190", "++"], database)
    assert [(row["target"], row["motifs"], row["seeds"], row["of_seeds"]) for row in rows] == [
        ("Su(Hw)", ["M1"], 2, 3),
        ("BEAF32", ["M2"], 0, 3),
    ]


def beside(*verdicts):
    """Baselines with these verdicts; None for one without a score."""
    return [{"score": math.nan if word is None else 0.6, "verdict": word or "not told apart"} for word in verdicts]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"score": 0.9, "beside": beside("better", "better")}, "better"),
        ({"score": 0.9, "beside": beside("better", "not told apart")}, "not told apart"),
        ({"score": 0.9, "beside": beside("not told apart", "worse", "better")}, "worse"),
        ({"score": 0.9, "beside": beside("better", None)}, "better"),
        ({"score": 0.9, "beside": beside(None)}, "alone"),
        ({"score": 0.9, "beside": []}, "alone"),
        ({"score": math.nan, "beside": beside("better")}, ""),
    ],
)
def test_verdict(row, expected):
    assert verdict(row) == expected


def test_training_row_flags(tmp_path):
    run = {**make_run(tmp_path, "fly", ["CTCF"], kept=5), "task": "binary"}
    row = training_row(run, 5)
    assert (row["epochs"], row["kept"], row["unfinished"], row["early"]) == (5, 5, True, False)
    assert training_row(run, 50)["unfinished"] is False
    assert row["val_loss"] == pytest.approx(0.12)


def test_no_network_is_chosen_without_validation_scores(tmp_path):
    runs = [
        {
            **make_run(tmp_path, "fly", ["a"], model=model),
            "task": "binary",
            "training_row": None,
            "validation": math.nan,
        }
        for model in ("one", "two")
    ]
    assert not any(row["is_chosen"] for row in network_rows(runs, []).values())
