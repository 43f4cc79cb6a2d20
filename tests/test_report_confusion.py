"""Confusion matrices on the page, at the thresholds of the tables, against scikit-learn."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from report_check_inputs import with_checks
from report_inputs import MOTIFS, make_dataset, make_regression, make_run, write_motifs
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef
from test_report import Page, render
from test_report_checks import plain
from test_report_data import page_of
from test_report_networks import rows_of

from cisflow.figures_checks import confusion_panel
from cisflow.report_confusion import confusion_row, confusion_sentence
from cisflow.report_tables import read_scores

COUNTS = ("true_positives", "false_negatives", "false_positives", "true_negatives")


def calls(seed, n=400, threshold=0.4):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    return truth, np.clip(0.3 * truth + rng.random(n) * 0.7, 0, 1) >= threshold, threshold


def scored(truth, called, threshold):
    """The metrics of a target as scikit-learn has them; the intervals are made up."""
    (tn, fp), (fn, tp) = confusion_matrix(truth, called, labels=[False, True])
    found = {"threshold": threshold, **dict(zip(COUNTS, (tp, fn, fp, tn), strict=True))}
    scores = {"accuracy": accuracy_score, "f1": f1_score, "mcc": matthews_corrcoef}
    return found, {name: score(truth, called) for name, score in scores.items()}


def with_calls(inputs):
    """Tables of the ensembles with what is called positive, other rows for each network and target."""
    inputs, expected = with_checks(inputs), {}
    for number, record in enumerate(inputs["ensembles"]):
        table, rows = pd.read_csv(record["metrics"], sep="\t"), []
        for place, target in enumerate(inputs["datasets"][0]["targets"]):
            found, scores = scored(*calls(10 * number + place))
            expected[record["model"], target] = {**found, **scores}
            same = {"model": record["model"], "split": "test", "target": target, "n": 400, "n_positive": 120}
            rows += [{**same, "metric": name, "value": value} for name, value in found.items()]
            ends = [{"value": value, "ci_low": value - 0.02, "ci_high": value + 0.02} for value in scores.values()]
            rows += [{**same, "metric": name, **end} for name, end in zip(scores, ends, strict=True)]
        pd.concat([table, pd.DataFrame(rows)]).to_csv(record["metrics"], sep="\t", index=False)
    return inputs, expected


def made(root, targets, models):
    return {
        "runs": [make_run(root, "fly", targets, model=model, seed=seed) for model in models for seed in (0, 1)],
        "datasets": [make_dataset(root, "fly", targets)],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }


def part_of(html):
    return re.search(r"<h4>Called positive, and not.*?</details>", html, flags=re.S).group()


@pytest.mark.parametrize(
    ("n_targets", "n_models", "n_panels"), [(1, 1, 1), (1, 8, 6), (3, 1, 3), (9, 2, 6)], ids=lambda x: str(x)
)
def test_matrices_are_those_of_scikit_learn(n_targets, n_models, n_panels, tmp_path):
    targets, models = [f"t{i}" for i in range(n_targets)], [f"m{i}" for i in range(n_models)]
    inputs, expected = with_calls(made(tmp_path, targets, models))
    page_of(inputs)
    part = part_of(render(inputs))
    panels = re.findall(r"<figcaption><b>(.*?)</b><br>(.*?)</figcaption>(<svg.*?</svg>)", part, flags=re.S)
    assert len(panels) == n_panels
    left = n_targets * n_models - n_panels
    assert (f"{left} more matri" in part) == (left > 0)
    for title, text, svg in panels:
        row = expected[("m0", title) if n_targets > 1 else (title, "t0")]
        cells = [element.text for element in ElementTree.fromstring(svg).iter() if element.get("class") == "strong"]
        assert cells == [str(row[name]) for name in COUNTS]
        positives = row["true_positives"] + row["false_negatives"]
        share = f"{100 * row['true_positives'] / positives:.0f} %"
        assert text.startswith(f"from 0.400 on called positive: {share} of {positives} positives found, ")
        assert f"MCC {row['mcc']:.3f}" in text
    head, *rows = rows_of(part)
    assert len(rows) == n_targets * n_models
    for cells in rows:
        found = dict(zip(head, cells, strict=False))
        row = expected[found["model"], found.get("target", "t0")]
        told = [found[name.replace("_", " ")] for name in COUNTS]
        assert told == [f"{row[name]:,}" for name in COUNTS]
        sensitivity = row["true_positives"] / (row["true_positives"] + row["false_negatives"])
        specificity = row["true_negatives"] / (row["true_negatives"] + row["false_positives"])
        assert found["positives found"] == f"{100 * sensitivity:.0f} %"
        assert found["negatives spared"] == f"{100 * specificity:.0f} %"
        assert [found[name] for name in ("accuracy", "F1", "MCC")] == [
            f"{row[name]:.3f}" for name in ("accuracy", "f1", "mcc")
        ]


def test_the_page_says_how_the_threshold_was_chosen(tmp_path):
    inputs, _ = with_calls(made(tmp_path, ["CTCF"], ["small"]))
    text = plain(Page(part_of(render(inputs))).text)
    assert "the highest Matthews correlation (MCC) on the validation split" in text
    assert "0.400" in text


def test_what_has_no_threshold_has_no_matrix(tmp_path):
    inputs = with_checks(made(tmp_path, ["CTCF"], ["small"]))
    assert confusion_row("small", "CTCF", read_scores(inputs["ensembles"][0]["metrics"])) is None
    assert "Called positive" not in render(inputs)
    assert "Called positive" not in render(make_regression(tmp_path / "values"))


def table_of(**counts):
    values = {"threshold": 0.5, **counts}
    return {("t", name): {"value": float(value), "ci_low": np.nan, "ci_high": np.nan} for name, value in values.items()}


def test_one_class_alone_and_no_calls_are_told():
    row = confusion_row("m", "t", table_of(true_positives=0, false_negatives=0, false_positives=3, true_negatives=9))
    assert np.isnan(row["found"])
    assert row["spared"] == 0.75
    text = "from 0.500 on called positive: – of 0 positives found, 25 % of 12 negatives called positive too; "
    assert confusion_sentence(row) == f"{text}0 % of what is called positive is so"
    row = confusion_row("m", "t", table_of(true_positives=0, false_negatives=4, false_positives=0, true_negatives=9))
    assert confusion_sentence(row).endswith("0 % of 9 negatives called positive too; nothing is called positive")
    nothing = dict.fromkeys(COUNTS, 0)
    assert confusion_row("m", "t", table_of(**nothing)) is None


def test_cells_are_as_dark_as_their_share_of_the_observed_class():
    counts = dict(zip(COUNTS, (90, 10, 1500, 500), strict=True))
    root = ElementTree.fromstring(confusion_panel(counts, "<label>"))
    tints = [(box.get("class"), float(box.get("fill-opacity"))) for box in root.iter("rect") if box.get("fill-opacity")]
    assert tints == [("heat", 0.45), ("heat-wrong", 0.05), ("heat-wrong", 0.38), ("heat", 0.12)]
    texts = [element.text for element in root.iter() if element.get("class") in ("strong", "small")]
    assert texts == ["90", "90 %", "10", "10 %", "1,500", "75 %", "500", "25 %"]
