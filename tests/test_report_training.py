"""Training curves of the page: the accuracy beside loss and score."""

import re
from pathlib import Path

import numpy as np
import pytest
from report_inputs import make_inputs, make_regression
from test_report import Page, render
from test_report_networks import rows_of

from cisflow.report_tables import read_history


def without_accuracy(path):
    """A history.tsv as it was before it told the accuracy."""
    lines = [line.split("\t") for line in Path(path).read_text().splitlines()]
    place = lines[0].index("val_accuracy")
    Path(path).write_text("\n".join("\t".join(line[:place] + line[place + 1 :]) for line in lines) + "\n")


def charts_of(html):
    return re.findall(r'<svg class="chart" role="img" aria-label="([^"]*)"', html)


def test_the_accuracy_is_drawn_and_tabulated(tmp_path):
    inputs = make_inputs(tmp_path)
    history = read_history(inputs["runs"][0]["history"])
    assert history["val_accuracy"] == pytest.approx([0.86, 0.88, 0.9, 0.88, 0.86])
    html = render(inputs)
    assert "Validation accuracy, small per epoch" in charts_of(html)
    assert "seed 0: epoch 3 of 5, accuracy 0.900" in html
    table = html.split("Each seed of small as a table")[1].split("</table>")[0]
    head, *rows = rows_of(table)
    assert [row[head.index("validation accuracy")] for row in rows] == ["0.900", "0.900"]
    assert "the share of the validation labels on the right side of a probability of 0.5" in Page(html).text


def test_networks_that_tell_no_accuracy_are_shown_without(tmp_path):
    inputs = make_inputs(tmp_path)
    for run in inputs["runs"]:
        without_accuracy(run["history"])
    assert np.isnan(read_history(inputs["runs"][0]["history"])["val_accuracy"]).all()
    for html in (render(inputs), render(make_regression(tmp_path / "values"))):
        assert not any("accuracy" in label for label in charts_of(html))
        assert "validation accuracy" not in html
        assert "Accuracy is the share" not in html
