import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cisflow.baselines import fit_gc_content, gc_fraction


def test_gc_fraction_is_that_of_the_text():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), 30)) for _ in range(20)] + ["N" * 30]
    one_hot = np.array([[[letter == base for letter in text] for base in "ACGT"] for text in texts], dtype=np.int8)
    for text, value in zip(texts, gc_fraction(one_hot, 20), strict=True):
        core = text[5:25].replace("N", "")
        assert value == (sum(letter in "GC" for letter in core) / len(core) if core else 0.5)


def test_gc_content_is_learned_and_unknown_labels_are_left_out():
    rng = np.random.default_rng(1)
    gc = rng.random(2000)
    rich, middling = gc > 0.6, abs(gc - 0.5) < 0.15
    targets = np.column_stack([rich, middling, rich]).astype(float)
    targets[:500, 2] = 1 - targets[:500, 2]
    targets[:500, 2] = np.nan  # were they not left out, the fit would be spoiled
    score = fit_gc_content(gc[:1500], targets[:1500], gc[1500:])
    assert roc_auc_score(rich[1500:], score[:, 0]) > 0.99
    assert roc_auc_score(middling[1500:], score[:, 1]) > 0.99  # needs the square
    assert roc_auc_score(rich[1500:], score[:, 2]) > 0.99


def test_one_class_alone_is_predicted_as_it_is():
    gc = np.linspace(0, 1, 10)
    score = fit_gc_content(gc, np.column_stack([np.ones(10), np.zeros(10)]), gc)
    assert (score[:, 0] == 1).all()
    assert (score[:, 1] == 0).all()


@pytest.mark.parametrize("n_known", [3, 40, 500])
def test_quantities_are_fitted_by_least_squares_on_gc_and_its_square(n_known):
    rng = np.random.default_rng(2)
    gc, other = rng.uniform(0.2, 0.8, size=(2, 600))
    targets = np.column_stack([3 - 20 * (gc - 0.4) ** 2, 100 + 5 * gc]) + rng.normal(size=(600, 2))
    targets[n_known:, 0] = np.nan
    targets[100:150, 1] = np.nan
    found = fit_gc_content(gc, targets.astype(np.float32), other, "regression")
    for column in range(2):
        known = ~np.isnan(targets[:, column])
        expected = np.polyval(np.polyfit(gc[known], targets[known, column], 2), other)
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-3, atol=1e-3)


def test_a_relation_to_gc_is_found_exactly_and_does_not_hang_on_the_units():
    gc = np.random.default_rng(3).uniform(0.2, 0.8, size=300)
    truth = 1e6 * (gc - 0.5) ** 2 - 7
    np.testing.assert_allclose(fit_gc_content(gc, truth[:, None], gc, "regression")[:, 0], truth, rtol=1e-6)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_where_nothing_can_be_fitted_the_prediction_is_constant_or_unknown(task):
    rng = np.random.default_rng(0)
    targets = np.column_stack([np.full(30, 0.1) if task == "regression" else np.ones(30), np.full(30, np.nan)])
    found = fit_gc_content(rng.random(30), targets, rng.random(20), task)
    assert (found[:, 0] == targets[0, 0]).all()
    assert np.isnan(found[:, 1]).all()
    # All GC contents equal; their standard deviation is a rounding error, and what it is divided by must not be that.
    labels = np.arange(30) % 3 == 0
    found = fit_gc_content(np.full(30, 0.1), labels[:, None].astype(float), np.array([0.1, 0.1, 0.5]), task)
    np.testing.assert_allclose(found[:, 0], 1 / 3, rtol=0.01)
