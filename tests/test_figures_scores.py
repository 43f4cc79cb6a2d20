"""Charts of scores: cells against numpy's histogram, axes, and SVG that can stand in a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from cisflow.figures_scores import (
    CELLS,
    PANEL,
    SHADES,
    common_limits,
    density_shades,
    learning_curve_chart,
    linear_ticks,
    prediction_panel,
    setting_axis,
    spread_ticks,
    trials_panel,
)


def cloud(n, seed=0, r=0.7):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, n)
    return truth, r * truth + np.sqrt(1 - r**2) * rng.normal(0, 1, n)


def cells_of(svg):
    """Opacity of the cells of a panel, a row of cells a range of y from below; no cell is drawn twice."""
    found = np.zeros((CELLS, CELLS))
    for opacity, path in re.findall(r'<path fill-opacity="([\d.]+)" d="([^"]+)"', svg):
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
            part = found[int(y), int(x) : int(x) + int(width)]
            assert not part.any()
            part[:] = float(opacity)
    return found


def texts_of(svg):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter("text")]


# Predicted against measured values ----------------------------------------------------------------------------------


def test_cells_are_those_of_a_histogram():
    x, y = np.random.default_rng(1).beta(2, 3, (2, 5000))
    expected = np.histogram2d(y, x, bins=CELLS, range=[[0, 1], [0, 1]])[0]
    shades, fullest = density_shades(x, y)
    assert fullest == expected.max()
    np.testing.assert_array_equal(shades > 0, expected > 0)
    order = np.argsort(expected, axis=None)
    assert (np.diff(shades.ravel()[order]) >= 0).all()  # more rows are never lighter
    assert set(np.unique(shades)) <= set(range(SHADES + 1))
    assert (shades[expected == fullest] == SHADES).all()
    assert (shades[expected == 1] == 1).all()


def test_panel_of_many_rows_draws_every_cell_once():
    truth, predicted = cloud(20_000)
    limits = (-3.0, 3.0)
    svg, fullest = prediction_panel(truth, predicted, limits, "label", as_cells=True)
    inside = np.clip(np.stack([predicted, truth]), *limits)
    expected = np.histogram2d(*inside, bins=CELLS, range=[limits, limits])[0]
    np.testing.assert_array_equal(cells_of(svg) > 0, expected > 0)
    assert fullest == expected.max()
    assert len(svg) < 20_000


def test_panel_of_few_rows_draws_each_where_it_lies():
    svg, fullest = prediction_panel([0, 1, 2, np.nan], [0, 2, 1, 1], (0, 2), "label", as_cells=False)
    dots = re.search(r'class="panel-dots of-network" d="([^"]+)"', svg).group(1)
    assert dots == f"M0 {PANEL}h0M{PANEL // 2} 0h0M{PANEL} {PANEL // 2}h0"
    assert fullest == 0


def test_identity_line_joins_the_corners_of_equal_axes():
    svg, _ = prediction_panel(*cloud(900), (-3, 3), "a <label> & more", as_cells=True, is_baseline=True)
    assert f'class="panel-diagonal" d="M0 {PANEL}L{PANEL} 0"' in svg
    assert "of-baseline" in svg
    assert "of-network" not in svg
    assert ElementTree.fromstring(svg).get("aria-label") == "a <label> & more"
    numbers = texts_of(svg)
    assert numbers.count("−2") == numbers.count("2") == 2
    assert {"measured", "predicted"} <= set(numbers)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [1.5, 1.5, 1.5], [0.0]])
def test_limits_are_never_equal(values):
    low, high = common_limits([np.array(values), np.array(values)])
    assert low < high
    for as_cells in (True, False):
        assert "nan" not in prediction_panel(values, values, (low, high), "label", as_cells)[0]


def test_limits_leave_out_a_few_values_at_most():
    values = np.append(np.random.default_rng(2).normal(0, 1, 10_000), 1e6)
    low, high = common_limits([values])
    assert high < 10
    assert ((values < low) | (values > high)).mean() <= 0.002  # a thousandth at either end
    assert common_limits([np.array([0, 1]), np.array([-1, 5, np.nan])]) == pytest.approx((-1, 5), abs=0.3)


def test_ticks_lie_where_their_numbers_say():
    for low, high in ((-0.03, 1.03), (-2.4, 2.9), (1000, 250_000), (0.001, 0.0013)):
        ticks = linear_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        for position, text in ticks:
            value = float(text.replace("−", "-").replace(",", ""))
            assert position == pytest.approx((value - low) / (high - low), abs=1e-3)


# Learning curves ----------------------------------------------------------------------------------------------------


def line(name, scores, rows=(120, 600, 1200)):
    points = [(row, score + offset) for row, score in zip(rows, scores, strict=True) for offset in (-0.01, 0.01)]
    return {"label": f"{name}: {scores[-1]:.3f}", "rows": list(rows), "score": list(scores), "points": points}


def test_learning_curves_name_their_last_score_and_their_rows():
    lines = [line(f"net{i}", (0.5 + i / 100, 0.6, 0.7)) for i in range(14)]
    svg = learning_curve_chart(lines, "l", "Learning curve", "Pearson r")
    texts = texts_of(svg)
    assert {"120", "600", "1,200", "Pearson r"} <= set(texts)
    assert [f"net{i}: 0.700" in texts for i in range(14)] == [True] * 14
    assert "AUROC" not in svg
    assert svg == learning_curve_chart(lines, "l", "Learning curve", "Pearson r")


def test_a_learning_curve_of_one_point_is_drawn():
    svg = learning_curve_chart([line("net", (0.5,), (800,))], "l", "t", "AUROC")
    assert "800" in texts_of(svg)
    assert "nan" not in svg.lower()


def test_numbers_along_the_axis_keep_their_distance():
    values = [100, 110, 120, 500, 900, 1000]
    kept = spread_ticks(values)
    assert kept[-1] == 1000
    assert set(kept) <= set(values)
    assert (np.diff(np.log(kept)) >= 0.13 * np.log(10)).all()
    assert spread_ticks([7, 7]) == [7]


# Trials of a search -------------------------------------------------------------------------------------------------


def test_trials_stand_where_their_settings_and_scores_say():
    svg = trials_panel(["0", "1", "2"], [0.5, 0.75, np.nan], 1, "dropout", "validation AUROC", (0.5, 1.0))
    assert svg.count("h0") == 2  # the trial without a score is not drawn
    positions, _, _ = setting_axis(["0", "1", "2"])
    assert f'<circle class="panel-ring" cx="{PANEL * positions[1]:.0f}" cy="{PANEL // 2}"' in svg
    assert {"dropout", "validation AUROC"} <= set(texts_of(svg))
    assert "panel-ring" not in trials_panel(["0", "1"], [0.5, np.nan], 1, "x", "y", (0, 1))


def test_a_wide_range_of_numbers_is_logarithmic():
    positions, ticks, is_log = setting_axis(["0.0001", "0.001", "0.01", ""])
    assert is_log
    assert positions[1] - positions[0] == pytest.approx(positions[2] - positions[1])
    assert np.isnan(positions[3])
    assert [text for _, text in ticks] == ["0.0001", "0.001", "0.01"]
    assert [place for place, _ in ticks] == pytest.approx(positions[:3])
    assert not setting_axis(["0", "1000"])[2]
    assert not setting_axis(["1", "3"])[2]


def test_words_have_a_place_each():
    positions, ticks, is_log = setting_axis(["sgd", "adam", "sgd", ""])
    assert positions == pytest.approx([5 / 6, 0.5, 5 / 6, 1 / 6])
    assert [text for _, text in ticks] == ["none", "adam", "sgd"]
    assert not is_log
    assert 0 < setting_axis(["3"])[0][0] < 1
