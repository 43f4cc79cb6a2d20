"""Charts: curves against scikit-learn, and SVG that can stand in a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from cisflow.figures import (
    TOKENS,
    interval_bar,
    precision_recall_chart,
    precision_recall_points,
    roc_chart,
    roc_points,
    thin,
)
from cisflow.figures_data import distribution_chart, heat_map, leak_matrix, outcome_bar, step_line
from cisflow.figures_training import loss_curves, validation_curves


def labels_and_predictions(seed, n=500, digits=2):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n).astype(float)
    return truth, np.round(rng.normal(truth, 1), digits)  # rounding makes ties


def history(epochs=12, kept=8):
    epoch = np.arange(1, epochs + 1)
    return {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "val_loss": 1 / epoch + 0.01 * epoch,
        "val_score": 1 - 0.5 / epoch,
        "kept": (epoch == kept).astype(int),
    }


def chart(truth, predicted, prefix="c"):
    curve = {"label": "network: 0.123", "lines": [roc_points(truth, predicted)], "series": 0}
    return roc_chart([curve], prefix, "ROC, Su(Hw)")


@pytest.mark.parametrize("digits", [0, 2, 8])
def test_roc_points_are_those_of_scikit_learn(digits):
    truth, predicted = labels_and_predictions(1, digits=digits)
    expected = roc_curve(truth, predicted, drop_intermediate=False)
    for found, wanted in zip(roc_points(truth, predicted), expected, strict=False):
        np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("digits", [0, 2, 8])
def test_precision_recall_points_are_those_of_scikit_learn(digits):
    truth, predicted = labels_and_predictions(2, digits=digits)
    precision, recall, _ = precision_recall_curve(truth, predicted)
    found_recall, found_precision = precision_recall_points(truth, predicted)
    # scikit-learn runs from the lowest threshold and ends with a made-up point at recall 0.
    np.testing.assert_allclose(found_recall, recall[:-1][::-1])
    np.testing.assert_allclose(found_precision, precision[:-1][::-1])


def test_unknown_labels_are_left_out():
    truth, predicted = labels_and_predictions(3)
    more_truth, more_predicted = np.append(truth, [np.nan] * 50), np.append(predicted, np.linspace(-3, 3, 50))
    for found, wanted in zip(roc_points(more_truth, more_predicted), roc_points(truth, predicted), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0], [np.nan, 1, 1], []])
def test_one_class_has_no_curve(truth):
    with pytest.raises(ValueError, match="both classes"):
        roc_points(truth, np.arange(len(truth)))


def test_thinning_keeps_ends_and_area():
    truth, predicted = labels_and_predictions(4, n=20_000, digits=9)
    x, y = roc_points(truth, predicted)
    few_x, few_y = thin(x, y, 200)
    assert len(few_x) <= 200
    assert (few_x[0], few_y[0], few_x[-1], few_y[-1]) == (0, 0, 1, 1)
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))
    assert np.trapezoid(few_y, few_x) == pytest.approx(roc_auc_score(truth, predicted), abs=0.002)


def test_short_curves_are_not_thinned():
    x, y = thin([0, 0.5, 1], [0, 0.9, 1])
    assert (list(x), list(y)) == ([0, 0.5, 1], [0, 0.9, 1])


def distributions(seed=9):
    rng, rows = np.random.default_rng(seed), []
    edges = np.linspace(0, 1, 51)
    for split in ("train", "val", "test"):
        for name in ("positive", "flanking"):
            counts, _ = np.histogram(rng.normal(0.45, 0.05, 300), edges)
            rows += [(split, name, edges[i], edges[i + 1], counts[i]) for i in np.flatnonzero(counts)]
    return pd.DataFrame(rows, columns=["split", "class", "bin_start", "bin_end", "count"])


def distribution(prefix, table=None, **options):
    classes = {"positive": "positives", "flanking": "flanking\nKS train 0.123"}
    panels = {split: split for split in ("train", "val", "test")}
    table = distributions() if table is None else table
    return distribution_chart(table, classes, list(classes), panels, prefix, "GC content", "fraction", **options)


def all_charts(prefix=""):
    truth, predicted = labels_and_predictions(5)
    curves = [
        {"label": "seed 0: 0.761", "lines": [precision_recall_points(truth, predicted)], "series": 0},
        {"label": "GC content alone: 0.5", "lines": [precision_recall_points(truth, -predicted)], "series": None},
    ]
    return {
        "loss": loss_curves({0: history(), 1: history(9, 5)}, f"{prefix}loss"),
        "auroc": validation_curves({0: history(), 1: history(9, 5)}, f"{prefix}auroc", "AUROC", "Validation AUROC"),
        "roc": chart(truth, predicted, f"{prefix}roc"),
        "pr": precision_recall_chart(curves, 0.25, f"{prefix}pr", "Precision and recall"),
        "gc": distribution(f"{prefix}gc"),
    }


@pytest.mark.parametrize("name", ["loss", "auroc", "roc", "pr", "gc"])
def test_chart_is_a_closed_fragment(name):
    svg = all_charts()[name]
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert "http" not in svg
    assert "<style" not in svg  # matplotlib's own would address the whole page
    assert "nan" not in svg.lower()


@pytest.mark.parametrize("name", ["loss", "auroc", "roc", "pr", "gc"])
def test_chart_has_no_colours_of_its_own(name):
    svg = all_charts()[name]
    assert not re.search(r"(fill|stroke): ?#|rgb\(", svg)
    assert set(re.findall(r"var\(--figure-([\w-]+)\)", svg)) <= set(TOKENS)
    assert "var(--figure-ink)" in svg


def test_ids_do_not_meet_on_one_page():
    ids = [
        found
        for prefix in ("a-", "b-")
        for svg in all_charts(prefix).values()
        for found in re.findall(r' id="([^"]+)"', svg)
    ]
    assert ids
    assert len(ids) == len(set(ids))
    for prefix in ("a-", "b-"):
        for svg in all_charts(prefix).values():
            used = re.findall(r'(?:href="|url\()#([^")]+)', svg)
            assert set(used) <= set(re.findall(r' id="([^"]+)"', svg))


def test_same_data_same_bytes():
    assert all_charts() == all_charts()


def test_prefix_must_be_an_id():
    with pytest.raises(ValueError, match="prefix"):
        loss_curves({0: history()}, "a b")


@pytest.mark.parametrize("label", ["Su(Hw)", "<b>&", "$x_1$", "100 % \\alpha"])
def test_names_are_drawn_as_they_are(label):
    truth, predicted = labels_and_predictions(6)
    curve = {"label": f"n {label}", "lines": [roc_points(truth, predicted)], "series": 0}
    root = ElementTree.fromstring(roc_chart([curve], "x", label))
    texts = ["".join(element.itertext()) for element in root.iter("text")]
    assert label in texts
    assert f"n {label}" in texts
    assert label in root.get("aria-label")


def test_words_of_the_label_stay_apart():
    # The spaces that the commands of a path do without were taken out of the label too: "AUROCagainst".
    svg = loss_curves({0: history()}, "x", "AUROC against 0.123 of Z C in M L")
    assert ElementTree.fromstring(svg).get("aria-label").startswith("AUROC against 0.123 of Z C in M L: training")


def test_numbers_of_the_legend_keep_their_digits():
    svg = all_charts()["loss"]
    value = history()["val_loss"][7]
    assert f"seed 0: epoch 8 of 12, loss {value:.3f}" in svg


def test_chart_stays_small():
    truth, predicted = labels_and_predictions(7, n=50_000, digits=9)
    assert len(chart(truth, predicted)) < 16_000


def score_curves(histories, prefix):
    return validation_curves(histories, prefix, "Pearson r", "Validation Pearson r")


@pytest.mark.parametrize("draw", [loss_curves, score_curves])
def test_odd_histories_are_drawn(draw):
    one_epoch = history(1, 1)
    nothing_kept = history(5, 99)
    unknown = {**history(4, 2), "val_score": np.full(4, np.nan), "val_loss": np.full(4, np.nan)}
    svg = draw({0: one_epoch, 1: nothing_kept, 2: unknown}, "odd")
    assert "no epoch kept" in svg
    assert "nan" not in svg.lower()


def test_many_seeds_keep_a_legend_of_bounded_length():
    svg = loss_curves({seed: history() for seed in range(40)}, "many")
    assert "more</text>" in svg
    assert svg.count("<text") < 40


def test_prevalence_that_is_unknown_is_not_drawn():
    truth, predicted = labels_and_predictions(8)
    curve = {"label": "n", "lines": [precision_recall_points(truth, predicted)], "series": 0}
    assert "prevalence" not in precision_recall_chart([curve], float("nan"), "p", "title")


def test_interval_bar_places_scores_on_its_scale():
    svg = interval_bar(0.7, 0.55, 0.85, baseline=0.5)
    assert 'cx="50"' in svg  # 0.7 lies half way from 0.4 to 1
    assert "M25 8H75" in svg
    ElementTree.fromstring(svg)
    nothing = interval_bar(float("nan"), float("nan"), float("nan"), None)
    assert "circle" not in nothing
    assert "nan" not in nothing
    assert 'cx="0"' in interval_bar(0.1, 0.0, 0.2)  # held at the edge


# The data stage -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 2), st.floats(0.1, 50)), min_size=1, max_size=20))
def test_steps_enclose_the_histogram(bins):
    starts, ends, heights, position = [], [], [], 1.0
    for gap, width, height in bins:
        starts.append(position + gap)
        position += gap + width
        ends.append(position)
        heights.append(height)
    x, y = step_line(starts, ends, heights)
    assert (np.diff(x) >= 0).all()
    assert (y[0], y[-1]) == (0, 0)
    area = sum((end - start) * height for start, end, height in zip(starts, ends, heights, strict=True))
    assert np.trapezoid(y, x) == pytest.approx(area)
    # Between bins nothing is claimed.
    for end, start in zip(ends[:-1], starts[1:], strict=True):
        if start > end:
            assert 0.0 in y[x == end]
            assert 0.0 in y[x == start]


def test_distributions_print_what_stands_beside_each_kind():
    svg = distribution("d")
    texts = ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter("text")]
    assert {"train", "val", "test", "positives", "flanking"} <= set(texts)
    assert any("KS train 0.123" in text for text in texts)
    assert len(svg) < 20_000


def test_distributions_of_one_class_split_or_bin_are_drawn():
    table = distributions()
    distribution("a", table[table["class"] == "positive"])
    distribution("b", table[table["split"] == "test"])
    svg = distribution("c", table.iloc[:1])
    assert "nan" not in svg.lower()


def test_peak_widths_have_a_logarithmic_axis():
    edges = [0, 1, 200, 400, 20_000]
    rows = [("train", "positive", edges[i], edges[i + 1], 5) for i in range(4)]
    table = pd.DataFrame(rows, columns=["split", "class", "bin_start", "bin_end", "count"])
    svg = distribution("w", table, is_log=True)
    texts = ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter("text")]
    assert {"1", "10", "100", "1,000", "10,000"} <= set(texts)


def shades_of(svg, size):
    """Which cells of a heat map are filled, by opacity, from its paths."""
    found = np.zeros((size, size))
    for opacity, path in re.findall(r'<path class="heat" fill-opacity="([\d.]+)" d="([^"]+)"', svg):
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
            part = found[int(y), int(x) : int(x) + int(width)]
            assert not part.any()
            part[:] = float(opacity)
    return found


@pytest.mark.parametrize("size", [2, 12, 13, 164])
def test_heat_map_shades_every_cell_by_its_share(size):
    rng = np.random.default_rng(size)
    shares = np.where(rng.random((size, size)) < 0.3, 0, rng.random((size, size)))
    shares[0, 1] = np.nan
    svg = heat_map(shares, np.full(size, 1234), [f"T{i}" for i in range(size)], "label")
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "label"
    opacity = shades_of(svg, size)
    expected = np.nan_to_num(shares).copy()
    np.fill_diagonal(expected, 0)
    assert ((opacity > 0) == (expected >= 0.005)).all()
    order = np.argsort(expected, axis=None)
    assert (np.diff(opacity.ravel()[order]) >= 0).all()  # more is never lighter
    assert len(set(opacity.ravel())) <= 11
    names = [text.text for text in root.iter("text")]
    assert names.count("T1") == 2
    assert (f"{100 * shares[1, 0]:.0f} %" in names) == (size <= 12)
    assert ("1,234" in names) == (size <= 12)
    assert len(svg) < 400_000


def test_heat_map_keeps_odd_names():
    svg = heat_map([[1, 0.5], [0.5, 1]], [3, 3], ["<b>&", "a" * 60], "<i>")
    texts = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert "<b>&" in texts
    assert "a" * 21 + "…" in texts


def test_leak_matrix_prints_found_dropped_and_left():
    cases = [("exact", 0, 0), ("overlap", 1240, 1240), ("near_duplicate", 9, 6)]
    rows = [
        {
            "split": "train",
            "other_split": "test",
            "kind": kind,
            "found": found,
            "dropped": dropped,
            "left": found - dropped,
        }
        for kind, found, dropped in cases
    ]
    svg = leak_matrix(rows, "Leakage: <")
    texts = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert texts[-5:] == ["0", "0", "1,240 − 1,240", "3", "9 − 6"]
    assert re.findall(r'<rect class="([\w-]+)"', svg) == ["leak-none", "leak-dropped", "leak-left"]
    assert {"train", "in test", "near", "duplicate"} <= set(texts)


def test_outcome_bar_is_cut_into_shares():
    svg = outcome_bar([("part-kept", 750), ("part-1", 0), ("part-2", 150), ("part-aside", 100)])
    widths = {
        name: float(width) for name, width in re.findall(r'class="([\w-]+)" x="[\d.]+" y="2" width="([\d.]+)"', svg)
    }
    total = sum(widths.values())
    assert {name: width / total for name, width in widths.items()} == pytest.approx(
        {"part-kept": 0.75, "part-2": 0.15, "part-aside": 0.1}
    )
    assert "rect" not in outcome_bar([("part-kept", 0)])
