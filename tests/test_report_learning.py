"""Learning curves and searches as the report tells and draws them."""

import re
from pathlib import Path

import pandas as pd
import pytest
from report_inputs import TARGETS, make_inputs, make_learning_curves, make_regression, make_trials, write_table
from test_report import Page, doubts_of, render
from test_report_data import page_of

from cisflow.messages import InputError
from cisflow.report_learning import learning_lines, learning_rows, learning_sentence, read_trials, trial_rows
from cisflow.report_numbers import TASKS

CURVE = {10: 0.60, 50: 0.70, 100: 0.75}


def with_curves(tmp_path, scores=None, **options):
    inputs = make_inputs(tmp_path)
    inputs["datasets"][0]["learning_curves"] = make_learning_curves(
        tmp_path, TARGETS, scores or {"small": CURVE}, **options
    )
    return inputs


# Learning curves ----------------------------------------------------------------------------------------------------


def test_rows_are_means_over_seeds(tmp_path):
    entry = {"task": "binary", "learning_curves": make_learning_curves(tmp_path, ["CTCF"], {"small": CURVE}, rows=1000)}
    rows = learning_rows(entry)
    table = pd.read_csv(entry["learning_curves"], sep="\t").query("metric == 'auroc'")
    assert [row["rows"] for row in rows] == [100, 500, 1000]
    for row in rows:
        part = table[table["percent"] == row["percent"]]
        assert row["score"] == pytest.approx(part["value"].mean())
        assert (row["seed_low"], row["seed_high"]) == (part["value"].min(), part["value"].max())
        assert sorted(row["points"]) == sorted(zip(part["rows"], part["value"], strict=True))
    assert learning_rows({"task": "binary", "learning_curves": ""}) == learning_rows({"task": "binary"}) == []


def test_the_mean_of_several_targets_is_drawn(tmp_path):
    entry = {"task": "regression"}
    entry["learning_curves"] = make_learning_curves(tmp_path, ["a", "b"], {"x": CURVE, "y": CURVE}, task="regression")
    lines = learning_lines(learning_rows(entry))
    assert list(lines) == ["x", "y"]
    assert all(row["is_mean"] for line in lines.values() for row in line)


def line_of(*scores, spread):
    sizes = [(10, 100), (50, 500), (100, 1000)][-len(scores) :]
    return [
        {
            "percent": percent,
            "rows": rows,
            "score": score,
            "n_seeds": 2 if spread else 1,
            "seed_low": score - (spread or 0) / 2,
            "seed_high": score + (spread or 0) / 2,
        }
        for (percent, rows), score in zip(sizes, scores, strict=True)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            line_of(0.6, 0.7, 0.75, spread=0.02),
            "AUROC 0.600 with 100 training rows, 0.750 with 1,000; the last step, from 50 % to 100 % of the rows, "
            "brought +0.050, more than the seeds differ (0.020): more rows would probably help.",
        ),
        (
            line_of(0.6, 0.75, 0.74, spread=0.02),
            "AUROC 0.600 with 100 training rows, 0.740 with 1,000; the last step, from 50 % to 100 % of the rows, "
            "brought −0.010, no more than the seeds differ (0.020): more rows alone would probably bring little.",
        ),
        (
            line_of(0.6, 0.7, 0.75, spread=0.1),
            "AUROC 0.600 with 100 training rows, 0.750 with 1,000; the last step, from 50 % to 100 % of the rows, "
            "brought +0.050, no more than the seeds differ (0.100): these seeds cannot tell whether more rows would "
            "help.",
        ),
        (
            line_of(0.6, 0.7, spread=None),
            "AUROC 0.600 with 500 training rows, 0.700 with 1,000; the last step, from 50 % to 100 % of the rows, "
            "brought +0.100.",
        ),
        (line_of(0.6, spread=None), "AUROC 0.600 with 1,000 training rows."),
    ],
)
def test_learning_curve_in_words(line, expected):
    assert learning_sentence(line, TASKS["binary"]) == expected


def test_learning_curve_is_drawn_told_and_tabulated(tmp_path):
    inputs = with_curves(tmp_path, {"small": CURVE, "large": {**CURVE, 100: 0.8}})
    html, page = render(inputs), page_of(inputs)
    assert "Learning curve: would more data help?" in page.text
    assert html.count("Learning curve, mean of the targets: AUROC against the number of training rows") == 1
    assert "small: 0.750 with 12,000 rows" in page.text
    assert "Learning curve (small): AUROC 0.600 with 1,200 training rows, 0.750 with 12,000;" not in page.text
    assert "Learning curve: AUROC 0.600 with 1,200 training rows, 0.750 with 12,000;" in page.text
    [table] = re.findall(r"<summary>The learning curve as a table</summary>.*?</table>", html, flags=re.S)
    assert table.count("<tr") == 1 + 2 * 3 * 3  # two networks, three shares, two targets and their mean
    assert "0.123" not in page.text  # another metric
    assert "Learning curve" not in page_of(make_inputs(tmp_path)).text


def test_learning_curve_of_values(tmp_path):
    inputs = make_regression(tmp_path, targets=["Dev"])
    inputs["datasets"][0]["learning_curves"] = make_learning_curves(
        tmp_path, ["Dev"], {"small": CURVE}, task="regression", seeds=(0,)
    )
    page = page_of(inputs)
    assert "Learning curve: Pearson r 0.600 with 1,200 training rows" in page.text
    assert "AUROC" not in page.text


# Searches -----------------------------------------------------------------------------------------------------------


def search(tmp_path, **options):
    return {"dataset": "fly", "fold": "holdout", "model": "small", "trials": make_trials(tmp_path, **options)}


def test_trials_are_drawn_with_the_chosen_one_marked(tmp_path):
    inputs = {**make_inputs(tmp_path), "searches": [search(tmp_path)]}
    html, page = render(inputs), page_of(inputs)
    part = re.search(r"<h3>Search of settings</h3>.*?<h3>", html, flags=re.S).group()
    assert part.count('<svg class="panel"') == part.count('class="panel-ring"') == 3
    assert part.count("<tr") == 1 + 20
    assert part.count('<tr class="chosen"') == 1
    table = pd.read_csv(inputs["searches"][0]["trials"], sep="\t")
    chosen = table[table["status"] == "chosen"].iloc[0]
    sentence = (
        f"small: 20 trials, 2 of them failed; trial {chosen['trial']} was chosen, with a validation AUROC of "
        f"{chosen['val_auroc']:.3f} (learning_rate {chosen['learning_rate']:g}, dropout {chosen['dropout']:.2f}, "
        f"optimizer {chosen['optimizer']})."
    )
    assert sentence in page.text
    others = table[table["status"] == "done"]["val_auroc"]
    assert f"The others reach {others.min():.3f}–{others.max():.3f}." in page.text


def test_best_trials_come_first_and_failed_ones_last(tmp_path):
    found = trial_rows(search(tmp_path), "binary")
    scores = found["table"]["val_score"].dropna()
    assert (scores.diff().dropna() <= 0).all()
    assert list(found["table"]["status"][-2:]) == ["failed", "failed"]
    assert (found["n"], found["failed"]) == (20, 2)
    assert found["settings"] == ["learning_rate", "dropout", "optimizer"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_trials_are_read_with_the_score_of_their_task(tmp_path, task):
    path = make_trials(tmp_path, task=task)
    table, settings = read_trials(path, task)
    assert "val_score" in table
    assert "val_loss" not in settings
    with pytest.raises(InputError, match="lacks the columns"):
        read_trials(path, "binary" if task == "regression" else "regression")


def test_searches_that_went_wrong_are_doubts(tmp_path):
    inputs = {**make_inputs(tmp_path), "searches": [search(tmp_path, failed=range(8), chosen=None)]}
    text = doubts_of(inputs)
    assert "More than 25 % of the trials of a search failed: small, 8 of 20." in text
    assert "A search chose none of its trials: small." in text
    page_of(inputs)


def test_a_search_of_which_every_trial_failed_has_no_pictures(tmp_path):
    inputs = {**make_inputs(tmp_path), "searches": [search(tmp_path, failed=range(20), chosen=None)]}
    html = render(inputs)
    assert 'aria-label="validation AUROC against' not in html
    assert "20 trials, 20 of them failed; none was chosen." in Page(html).text


def test_a_search_without_settings_is_a_table(tmp_path):
    path = write_table(Path(tmp_path) / "t.tsv", "trial status val_loss val_auroc", [(0, "chosen", 0.5, 0.8)])
    inputs = make_inputs(tmp_path)
    inputs["searches"] = [{"dataset": "fly", "fold": "holdout", "model": "small", "trials": path}]
    assert "1 trial; trial 0 was chosen, with a validation AUROC of 0.800." in page_of(inputs).text
