"""Charts of scores with intervals and of reliability: marks stand where their numbers say."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from cisflow.figures_checks import PLOT, reliability_panel, score_limits, whisker_chart
from cisflow.figures_scores import PANEL

ROWS = [
    {"name": "small", "value": 0.9, "low": 0.85, "high": 0.95, "text": "0.900 (0.850–0.950)", "points": [0.88, 0.92]},
    {
        "name": "k-mers",
        "value": 0.7,
        "low": math.nan,
        "high": math.nan,
        "text": "0.700",
        "kind": "baseline",
        "begins": True,
    },
    {"name": "<b>odd</b>", "value": math.nan, "low": math.nan, "high": math.nan, "text": "no score"},
]


def numbers_in(pattern, svg):
    return [tuple(map(float, found)) for found in re.findall(pattern, svg)]


def test_marks_stand_where_their_numbers_say():
    svg = whisker_chart(ROWS, (0.5, 1.0), 0.5, "AUROC", "a label", whole=0.75)
    ElementTree.fromstring(svg)
    dots = numbers_in(r'<circle class="whisker-dot of-\w+" cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert [x for x, _ in dots] == pytest.approx([0.8 * PLOT, 0.4 * PLOT], abs=0.06)
    [(start, end)] = numbers_in(r'<path class="whisker of-network" d="M([\d.]+) [\d.]+H([\d.]+)"', svg)
    assert (start, end) == pytest.approx((0.7 * PLOT, 0.9 * PLOT), abs=0.06)
    [seeds] = re.findall(r'<path class="whisker-seeds of-network" d="([^"]+)"', svg)
    assert [float(x) for x in re.findall(r"M([\d.]+) ", seeds)] == pytest.approx([0.76 * PLOT, 0.84 * PLOT], abs=0.06)
    assert f'class="panel-diagonal" d="M{0.5 * PLOT:g} 0' in svg
    assert 'class="whisker-guess" d="M0 0' in svg
    assert dots[1][1] - dots[0][1] > 21  # a gap stands above the baselines


def test_names_and_numbers_stand_beside_their_marks():
    svg = whisker_chart(ROWS, (0.5, 1.0), 0.5, "AUROC", 'a "label"')
    tree = ElementTree.fromstring(svg)
    texts = {text.text: float(text.get("y")) for text in tree.iter("text")}
    heights = [float(dot.get("cy")) for dot in tree.iter("circle")]
    assert texts["small"] == texts["0.900 (0.850–0.950)"] == heights[0]
    assert texts["k-mers"] == heights[1]
    assert "no score" in texts
    assert "<b>odd" not in svg
    assert tree.get("aria-label") == 'a "label"'
    assert "AUROC" in texts


def test_long_names_are_shortened_and_kept_in_full():
    name = "an architecture with a very long name indeed"
    svg = whisker_chart([{**ROWS[0], "name": name}], (0.5, 1.0), 0.5, "AUROC", "label")
    assert f"<title>{name}</title>" in svg
    assert f">{name}</text>" not in svg
    assert "…" in svg


def test_limits_hold_every_interval_and_the_guess():
    low, high = score_limits(ROWS, 0.5)
    assert low < 0.5
    assert high > 0.95
    low, high = score_limits([ROWS[2]], 0.5)
    assert low < 0.5 < high


def test_scores_beyond_the_axis_are_drawn_at_its_ends():
    svg = whisker_chart([{**ROWS[0], "low": 0.1, "high": 1.5}], (0.5, 1.0), 0.5, "AUROC", "label")
    [(start, end)] = numbers_in(r'<path class="whisker of-network" d="M([\d.]+) [\d.]+H([\d.]+)"', svg)
    assert (start, end) == (0, PLOT)


def bins(*pairs):
    return [
        {"mean_predicted": x, "observed": y, "ci_low": max(y - 0.1, 0), "ci_high": min(y + 0.1, 1)} for x, y in pairs
    ]


def test_reliability_lies_on_the_diagonal_where_shares_are_as_predicted():
    svg = reliability_panel(bins((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)), "label")
    ElementTree.fromstring(svg)
    [dots] = re.findall(r'class="reliability-dots" d="([^"]+)"', svg)
    points = numbers_in(r"M([\d.]+) ([\d.]+)h0", dots)
    assert [x + y for x, y in points] == pytest.approx([PANEL] * 3, abs=0.1)  # y downwards
    assert points[1] == pytest.approx((0.5 * PANEL, 0.5 * PANEL), abs=0.1)


def test_axes_of_rare_positives_are_cut_at_the_next_tenth():
    svg = reliability_panel(bins((0.05, 0.02), (0.2, 0.1)), "label")
    [dots] = re.findall(r'class="reliability-dots" d="([^"]+)"', svg)
    # the highest value is 0.2, the end of both axes
    assert numbers_in(r"M([\d.]+) ([\d.]+)h0", dots)[1] == pytest.approx((PANEL, PANEL * (1 - 0.1 / 0.2)), abs=0.1)
