"""Charts: curves against scikit-learn, and SVG that can stand in a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from cisflow.figures import (
    TOKENS,
    interval_bar,
    loss_curves,
    precision_recall_chart,
    precision_recall_points,
    roc_chart,
    roc_points,
    thin,
    validation_curves,
)


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
        "val_auroc": 1 - 0.5 / epoch,
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


def all_charts(prefix=""):
    truth, predicted = labels_and_predictions(5)
    curves = [
        {"label": "seed 0: 0.761", "lines": [precision_recall_points(truth, predicted)], "series": 0},
        {"label": "GC content alone: 0.5", "lines": [precision_recall_points(truth, -predicted)], "series": None},
    ]
    return {
        "loss": loss_curves({0: history(), 1: history(9, 5)}, f"{prefix}loss"),
        "auroc": validation_curves({0: history(), 1: history(9, 5)}, f"{prefix}auroc"),
        "roc": chart(truth, predicted, f"{prefix}roc"),
        "pr": precision_recall_chart(curves, 0.25, f"{prefix}pr", "Precision and recall"),
    }


@pytest.mark.parametrize("name", ["loss", "auroc", "roc", "pr"])
def test_chart_is_a_closed_fragment(name):
    svg = all_charts()[name]
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert "http" not in svg
    assert "<style" not in svg  # matplotlib's own would address the whole page
    assert "nan" not in svg.lower()


@pytest.mark.parametrize("name", ["loss", "auroc", "roc", "pr"])
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


def test_numbers_of_the_legend_keep_their_digits():
    svg = all_charts()["loss"]
    value = history()["val_loss"][7]
    assert f"seed 0: epoch 8 of 12, loss {value:.3f}" in svg


def test_chart_stays_small():
    truth, predicted = labels_and_predictions(7, n=50_000, digits=9)
    assert len(chart(truth, predicted)) < 16_000


@pytest.mark.parametrize("draw", [loss_curves, validation_curves])
def test_odd_histories_are_drawn(draw):
    one_epoch = history(1, 1)
    nothing_kept = history(5, 99)
    unknown = {**history(4, 2), "val_auroc": np.full(4, np.nan), "val_loss": np.full(4, np.nan)}
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
