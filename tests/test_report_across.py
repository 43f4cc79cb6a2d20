"""Networks of one dataset on the test rows of others: the matrix, what it means in words, and what is doubtful."""

import math
import re

import pytest
from report_check_inputs import with_checks
from report_inputs import MOTIFS, make_dataset, make_run, write_motifs, write_table
from test_report import Page, doubts_of, render
from test_report_checks import plain
from test_report_data import page_of
from test_report_networks import rows_of, section

from cisflow.report_across import AS_WELL, HARDER, LOWER, across_sections, connected, judged, shade_of

HEADER = "trained_on tested_on model split target metric value ci_low ci_high n n_positive"
NAMES = ["matched", "shuffled", "flanking"]
SCORES = {  # a network that only knows its shuffles, and rows that are hard for all
    ("matched", "matched"): 0.95, ("matched", "shuffled"): 0.96, ("matched", "flanking"): 0.85,
    ("shuffled", "matched"): 0.70, ("shuffled", "shuffled"): 0.99, ("shuffled", "flanking"): 0.60,
    ("flanking", "matched"): 0.93, ("flanking", "shuffled"): 0.95, ("flanking", "flanking"): 0.86,
}  # fmt: skip


def across_table(path, trained_on, scores, targets=("Reb1",), width=0.02, model="small"):
    rows = []
    for (own, other), value in scores.items():
        if own == trained_on:
            for number, target in enumerate([*targets, "mean"] if len(targets) > 1 else targets):
                score = value if target == "mean" or len(targets) == 1 else value - 0.01 * number
                ends = ("", "") if math.isnan(score) else (score - width, score + width)
                place = (own, other, model, "test", target)
                rows.append((*place, "auroc", "" if math.isnan(score) else score, *ends, 400, 120))
                rows.append((*place, "auprc", 0.123, "", "", 400, 120))  # must not be printed
    return write_table(path, HEADER, rows)


def made(root, scores=SCORES, targets=("Reb1",), models=("small",), folds=("holdout",), alone=()):
    """Datasets that were tested on one another's rows, and some that were not."""
    names = list(dict.fromkeys(own for own, _ in scores))
    targets = list(targets)
    inputs = with_checks(
        {
            "runs": [
                make_run(root, name, targets, model=model, fold=fold, auroc=0.9)
                for name in [*names, *alone]
                for fold in folds
                for model in models
            ],
            "datasets": [make_dataset(root, name, targets, fold=fold) for name in [*names, *alone] for fold in folds],
            "database": write_motifs(root / "motifs.meme", MOTIFS),
        }
    )
    for record in inputs["ensembles"]:
        if record["dataset"] in names:
            path = root / record["dataset"] / record["fold"] / record["model"] / "ensemble" / "across.tsv"
            record["across"] = across_table(path, record["dataset"], scores, targets, model=record["model"])
    return inputs


def test_the_matrix_holds_the_scores_of_the_tables(tmp_path):
    inputs = made(tmp_path, alone=["other"])
    page, part = page_of(inputs), section(render(inputs), "across")
    head, *rows = rows_of(part)
    assert head == ["AUROC: trained on", *(f"tested on {name}" for name in NAMES)]
    for own, *cells in rows:
        expected = [SCORES[own, other] for other in NAMES]
        assert cells == [f"{value:.3f} {value - 0.02:.3f}–{value + 0.02:.3f}" for value in expected]
    assert [row[0] for row in rows] == NAMES
    # from 0.5, a guess, in ten shades to 1
    shades = re.findall(r'<td class="number shade-(\d+)( own)?">', part)
    assert shades == [
        (str(round(20 * (SCORES[own, other] - 0.5))), " own" if own == other else "")
        for own in NAMES
        for other in NAMES
    ]
    assert "0.123" not in part
    assert "other" not in [cell for row in rows for cell in row]
    assert 'href="#across"' in render(inputs)
    assert "Trained on matched:" in page.text


def test_rows_are_told_in_words_and_what_is_lower_is_a_doubt(tmp_path):
    inputs = made(tmp_path)
    text = plain(Page(section(render(inputs), "across")).text)
    assert (
        "Trained on matched: 0.950 on its own test rows; lower, but no lower than one trained there, on flanking "
        "(0.850); not clearly lower on shuffled (0.960)." in text
    )
    assert (
        "Trained on shuffled: 0.990 on its own test rows; lower on matched (0.700, where one trained there reaches "
        "0.950) and flanking (0.600, where one trained there reaches 0.860)." in text
    )
    assert "Trained on flanking: 0.860 on its own test rows; not clearly lower on matched (0.930) and shuffled" in text
    doubts = doubts_of(inputs)
    assert "than one that was trained on it: shuffled 0.990, but on matched 0.700 and flanking 0.600." in doubts
    assert "matched 0.950, but" not in doubts


def test_without_tables_there_is_no_matrix(tmp_path):
    html = render(made(tmp_path, scores={}, alone=["other"]))
    assert 'id="across"' not in html
    assert "tested on" not in html


def cell(value, width=0.02):
    return {"value": value, "ci_low": value - width, "ci_high": value + width}


@pytest.mark.parametrize(
    ("there", "own", "native", "expected"),
    [
        (0.90, 0.92, 0.99, AS_WELL),  # the intervals share a part
        (0.96, 0.90, 0.99, AS_WELL),
        (0.70, 0.90, 0.72, HARDER),
        (0.70, 0.90, 0.90, LOWER),
        (0.70, 0.90, math.nan, LOWER),  # nobody trained there
        (math.nan, 0.90, 0.90, ""),
        (0.70, math.nan, 0.90, ""),
    ],
)
def test_a_network_is_lower_by_whole_intervals_than_itself_and_than_one_trained_there(there, own, native, expected):
    assert judged(cell(there), cell(own), cell(native)) == expected


def test_datasets_that_hang_together_have_one_matrix(tmp_path):
    assert connected([("a", "b"), ("c", "d"), ("e", "e"), ("d", "b")]) == [["e"], ["a", "b", "c", "d"]]
    scores = {("a", "a"): 0.9, ("a", "b"): 0.8, ("b", "a"): 0.8, ("b", "b"): 0.9, ("c", "c"): 0.7, ("c", "d"): 0.6}
    inputs = made(tmp_path, {**scores, ("d", "c"): 0.7, ("d", "d"): 0.75})
    sections = across_sections(inputs["ensembles"], dict.fromkeys("abcd", "binary"))
    assert [part["tested_on"] for part in sections] == [["a", "b"], ["c", "d"]]
    page_of(inputs)


def test_every_model_and_fold_has_its_matrix_and_every_target_its_row(tmp_path):
    scores = {pair: value for pair, value in SCORES.items() if "flanking" not in pair}
    inputs = made(tmp_path, scores, ["Reb1", "Abf1"], ["small", "large"], ["fold1", "fold2"])
    page_of(inputs)
    part = section(render(inputs), "across")
    titles = ["small, fold1", "large, fold1", "small, fold2", "large, fold2"]
    told = [f"{title}: mean of the targets" for title in titles]
    assert re.findall(r"<h3>(.*?)</h3>", part) == told[:3]
    assert re.findall(r'<details class="network">\n<summary>(.*?)</summary>', part) == told[3:]
    rows = [row for row in rows_of(part) if row[0] == "Abf1"]
    assert len(rows) == 4 * 4
    assert ["Abf1", "shuffled", "matched", "0.690", "0.670–0.710"] in rows


def test_scores_that_are_not_there_are_a_dash(tmp_path):
    inputs = made(tmp_path, {**SCORES, ("shuffled", "matched"): math.nan, ("matched", "matched"): math.nan})
    page_of(inputs)
    rows = {row[0]: row[1:] for row in rows_of(section(render(inputs), "across"))[1:]}
    assert rows["matched"][0] == "– –"
    assert "Trained on matched: – on its own test rows." in plain(render(inputs))


@pytest.mark.parametrize(("value", "guess", "shade"), [(0.5, 0.5, 0), (0.2, 0.5, 0), (1, 0.5, 10), (0.8, 0, 8)])
def test_shades_run_from_a_guess_to_one(value, guess, shade):
    assert shade_of(value, guess) == shade
    assert shade_of(math.nan, guess) == 0
