"""The scores of one dataset and their resamples; metrics are scikit-learn's and scipy's."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from cisflow import dataset_means
from cisflow.dataset_means import dataset_means as means_of
from cisflow.dataset_means import metric_and_deviations, seed_score, untested

N, N_BLOCKS, RESAMPLES = 90, 9, 40


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, N_BLOCKS, N)
    draws = rng.multinomial(N_BLOCKS, [1 / N_BLOCKS] * N_BLOCKS, size=RESAMPLES).astype(np.uint16)
    truth = rng.integers(0, 2, N).astype(float)
    return numbers, draws, truth, (truth + rng.normal(size=N)).round(1)  # with ties


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("at_once", [1, 100, 1_000_000])  # blocks of all resamples
def test_deviations_are_those_of_rows_that_stand_there_so_many_times(task, at_once, made, monkeypatch):
    numbers, draws, truth, score = made
    metric = roc_auc_score if task == "binary" else lambda y, x: pearsonr(y, x)[0]
    monkeypatch.setattr(dataset_means, "DRAWS_AT_ONCE", at_once)
    found = metric_and_deviations(truth, score, numbers, draws, task)
    assert found[0] == pytest.approx(metric(truth, score))
    resampled = [metric(np.repeat(truth, draw[numbers]), np.repeat(score, draw[numbers])) for draw in draws]
    np.testing.assert_allclose(found[1:], np.array(resampled) - metric(truth, score), atol=1e-12)


def test_a_score_that_is_no_number_has_no_metric(made):
    numbers, draws, truth, score = made
    score[3] = np.inf
    assert np.isnan(metric_and_deviations(truth, score, numbers, draws, "binary")).all()


def fold_of(made, columns):
    """A fold of several targets; each column is a function of the truth."""
    numbers, _, truth, score = made
    targets, columns = list(columns), np.column_stack([column(truth) for column in columns.values()])
    scores = {"net": np.column_stack([score] * len(targets)), "other": np.column_stack([-score] * len(targets))}
    return {"targets": targets, "truth": columns, "scores": scores, "numbers": numbers}


def test_targets_of_one_label_and_unknown_rows_are_left_out(made):
    _, draws, truth, score = made
    part = np.arange(N) < 60
    one_label, unknown = lambda y: np.ones(N), lambda y: np.where(part, y, np.nan)
    folds = {
        "f": fold_of(made, {"whole": lambda y: y, "part": unknown, "ones": one_label, "late": one_label}),
        "g": fold_of(made, {"whole": lambda y: y, "part": unknown, "ones": one_label, "late": lambda y: y}),
    }
    means, tested = means_of(folds, ["net", "other"], draws, "binary")
    assert tested == {"whole": ["f", "g"], "part": ["f", "g"], "late": ["g"]}
    assert untested("one", folds, tested) == ["one: ones", "one: late in f"]
    assert untested("one", folds, {}) == ["one"]
    whole, of_part = roc_auc_score(truth, score), roc_auc_score(truth[part], score[part])
    assert means[0, 0] == pytest.approx((whole + of_part + whole) / 3)
    assert means[1, 0] == pytest.approx(1 - means[0, 0])
    np.testing.assert_allclose(means[1, 1:], -means[0, 1:])
    of_ones, tested = means_of({"f": fold_of(made, {"ones": one_label})}, ["net"], draws, "binary")
    assert np.isnan(of_ones).all()
    assert tested == {}


def test_a_seed_is_read_from_its_test_metrics(tmp_path):
    header, paths = "model\tsplit\ttarget\tmetric\tvalue\n", {}
    for fold, values in (("f", ("0.5", "0.7")), ("g", ("0.9", ""))):
        rows = "".join(
            f"m\ttest\t{target}\tauroc\t{value}\nm\ttest\t{target}\tauprc\t0.1\nm\tval\t{target}\tauroc\t0.2\n"
            for target, value in zip(("NA", "b"), values, strict=True)
        )
        paths[fold] = str(tmp_path / fold)
        (tmp_path / fold).write_text(header + rows)
    assert seed_score(paths, {"NA": ["f", "g"], "b": ["f"]}, "auroc") == pytest.approx((0.7 + 0.7) / 2)
    assert np.isnan(seed_score(paths, {"NA": ["f"], "b": ["f", "g"]}, "auroc"))
