"""What is fitted to features is scikit-learn's own, chosen on the validation split, and the same when read again."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cisflow import feature_estimators
from cisflow.feature_estimators import fit_estimator, predict_targets, read_estimator, trees_of, write_estimator
from cisflow.messages import InputError

KINDS, TASKS = ("linear", "gradient_boosting"), ("binary", "regression")


def made(task, n=400, seed=0, unknown=0.15):
    """Features of very different scales, one of them constant, and two targets with unknown values."""
    rng = np.random.default_rng(seed)
    features = (rng.normal(size=(n, 6)) * [1, 100, 0.01, 1, 1, 0] + [0, 50, 0, 0, 0, 7]).astype(np.float32)
    standard = features[:, :5] / [1, 100, 0.01, 1, 1]
    signal = np.column_stack([standard[:, 0] - standard[:, 1] / 2, 3 * standard[:, 3] * standard[:, 4]])
    noisy = signal + rng.normal(size=signal.shape)
    targets = (noisy > 0).astype(float) if task == "binary" else noisy
    targets[rng.random(targets.shape) < unknown] = np.nan
    return features, targets.astype(np.float32)


def known(part, column):
    features, targets = part
    rows = ~np.isnan(targets[:, column])
    return features[rows].astype(float), targets[rows, column].astype(float)


@pytest.fixture(scope="module")
def fits():
    """An estimator and the table of its choice, fitted once for each kind and task."""
    found = {}

    def of(kind, task):
        if (kind, task) not in found:
            found[kind, task] = fit_estimator(kind, made(task), made(task, 200, 1), ["a", "b"], task, 0)
        return found[kind, task]

    return of


def judged(task, truth, prediction):
    """Loss by scikit-learn."""
    return log_loss(truth, prediction) if task == "binary" else mean_squared_error(truth, prediction)


# --- linear -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_the_linear_model_is_scikit_learns_own_pipeline(task, fits):
    estimator, choice = fits("linear", task)
    test, _ = made(task, 150, 2)
    found = predict_targets(estimator, test)
    for column, target in enumerate(("a", "b")):
        rows = choice[choice["target"] == target]
        pipelines = [
            make_pipeline(
                StandardScaler(),
                LogisticRegression(C=row.value, max_iter=2000) if task == "binary" else Ridge(alpha=row.value),
            ).fit(*known(made(task), column))
            for row in rows.itertuples()
        ]

        def predict(pipeline, features):
            return pipeline.predict_proba(features)[:, 1] if task == "binary" else pipeline.predict(features)

        val_x, val_y = known(made(task, 200, 1), column)
        losses = [judged(task, val_y, predict(pipeline, val_x)) for pipeline in pipelines]
        np.testing.assert_allclose(rows["val_loss"], losses, rtol=1e-6)
        best = int(np.argmin(losses))
        assert rows["kept"].tolist() == [int(number == best) for number in range(len(losses))]
        np.testing.assert_allclose(found[:, column], predict(pipelines[best], test.astype(float)), rtol=1e-6, atol=1e-9)


def test_the_table_says_what_was_tried(fits):
    for task, setting, metric in (("binary", "C", "val_auroc"), ("regression", "alpha", "val_pearson")):
        _, choice = fits("linear", task)
        assert list(choice) == ["target", "setting", "value", "steps", "train_loss", "val_loss", metric, "kept"]
        assert set(choice["setting"]) == {setting}
        assert choice.groupby("target")["kept"].sum().tolist() == [1, 1]
        ratios = np.diff(np.log10(choice.loc[choice["target"] == "a", "value"]))
        np.testing.assert_allclose(ratios, 1 if task == "binary" else -1)  # a fixed log grid, strongest penalty first
    estimator, choice = fits("linear", "binary")
    kept = choice[(choice["target"] == "a") & (choice["kept"] == 1)]
    x, y = known(made("binary", 200, 1), 0)
    assert kept["val_auroc"].item() == pytest.approx(roc_auc_score(y, predict_targets(estimator, x)[:, 0]))


def test_a_signal_that_is_no_sum_is_found_by_trees_alone(fits):
    """Target b is a product of two features."""
    features, targets = made("binary", 1000, 3, unknown=0)
    linear, trees = (
        roc_auc_score(targets[:, 1], predict_targets(fits(kind, "binary")[0], features)[:, 1]) for kind in KINDS
    )
    assert linear < 0.6
    assert trees > 0.7


# --- gradient boosting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_trees", [0, 1, 13])
def test_trees_as_arrays_predict_what_scikit_learn_predicts(task, n_trees):
    kind = HistGradientBoostingClassifier if task == "binary" else HistGradientBoostingRegressor
    x, y = known(made(task), 1)
    fitted = kind(max_iter=20, max_leaf_nodes=9, random_state=0, early_stopping=False).fit(x, y)
    alone = kind(max_iter=max(n_trees, 1), max_leaf_nodes=9, random_state=0, early_stopping=False).fit(x, y)
    test = made(task, 3000, 5)[0].astype(float)
    found = feature_estimators.predicted(trees_of(fitted, n_trees), test, task)
    if n_trees:
        expected = alone.predict_proba(test)[:, 1] if task == "binary" else alone.predict(test)
    else:
        expected = np.full(len(test), y.mean())  # without a tree, what is said is the mean of the training rows
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_trees_stop_at_the_lowest_loss_of_the_given_validation_rows(task, fits):
    _, choice = fits("gradient_boosting", task)
    x, y = known(made(task), 0)
    val_x, val_y = known(made(task, 200, 1), 0)
    kind = HistGradientBoostingClassifier if task == "binary" else HistGradientBoostingRegressor
    for row in choice[choice["target"] == "a"].itertuples():
        longer = kind(max_iter=row.steps + 15, max_leaf_nodes=row.value, early_stopping=False, random_state=0).fit(x, y)
        staged = longer.staged_predict_proba(val_x) if task == "binary" else longer.staged_predict(val_x)
        losses = [judged(task, val_y, p[:, 1] if task == "binary" else p) for p in staged]
        assert int(np.argmin(losses)) + 1 == row.steps
        assert row.val_loss == pytest.approx(min(losses))
        assert row.setting == "max_leaf_nodes"


def test_validation_rows_of_one_class_do(fits):
    features, targets = made("binary", 200, 1)
    targets[:, 0] = 1
    for kind in KINDS:
        _, choice = fit_estimator(kind, made("binary"), (features, targets), ["a", "b"], "binary", 0)
        assert choice.loc[choice["target"] == "a", "val_auroc"].isna().all()
        assert choice["kept"].sum() == 2


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_rows_of_unknown_targets_do_not_count(kind, task):
    """An estimator of one target among others is that of the rows that know it."""
    train, val = made(task), made(task, 200, 1)
    both, _ = fit_estimator(kind, train, val, ["a", "b"], task, 0)
    rows, val_rows = (~np.isnan(part[1][:, 1]) for part in (train, val))
    alone, _ = fit_estimator(
        kind, (train[0][rows], train[1][rows, 1:]), (val[0][val_rows], val[1][val_rows, 1:]), ["b"], task, 0
    )
    test, _ = made(task, 100, 2)
    np.testing.assert_array_equal(predict_targets(both, test)[:, 1], predict_targets(alone, test)[:, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_validation_split_decides_and_is_not_learned_from(kind):
    """With validation labels that contradict the training rows, the least that was learned is best."""
    features, targets = made("binary", unknown=0)
    estimator, choice = fit_estimator(kind, (features, targets), (features, 1 - targets), ["a", "b"], "binary", 0)
    kept = choice[(choice["kept"] == 1) & (choice["target"] == "a")]
    if kind == "linear":
        assert kept["value"].item() == choice["value"].min()
    else:
        assert kept["steps"].item() == 0
    assert np.ptp(predict_targets(estimator, features)[:, 0]) < 0.2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("task", "split", "value", "told"),
    [
        ("binary", "train", 1, "one label alone in the train split"),
        ("binary", "train", np.nan, "no label in the train split"),
        ("binary", "val", np.nan, "no label in the val split"),
        ("regression", "train", 0.25, "one value alone in the train split"),
        ("regression", "val", np.nan, "no value in the val split"),
    ],
)
def test_targets_without_anything_to_learn_are_told(kind, task, split, value, told):
    parts = {"train": made(task), "val": made(task, 200, 1)}
    parts[split][1][:, 1] = value
    with pytest.raises(InputError, match=f"target b has {told}"):
        fit_estimator(kind, parts["train"], parts["val"], ["a", "b"], task, 0)


@pytest.mark.parametrize(
    ("setting", "steps", "kept", "told"),
    [
        ("C", [9, 9, 9], 1, None),
        ("C", [9, 9, 9], 0, "edge_of_grid"),
        ("alpha", [None, None, None], 2, "edge_of_grid"),
        ("C", [9, feature_estimators.MOST_STEPS, 9], 1, "not_converged"),
        ("max_leaf_nodes", [0, 9, 9], 0, "number_of_trees"),
        ("max_leaf_nodes", [9, 9, 9], 2, None),
        ("max_leaf_nodes", [9, 9, feature_estimators.MOST_TREES], 2, "number_of_trees"),
    ],
)
def test_choices_that_are_no_free_ones_are_told(setting, steps, kept, told):
    first = {"target": "clean", "setting": setting, "steps": [9, 9, 9], "kept": [0, 1, 0]}
    second = {"target": "other", "setting": setting, "steps": steps, "kept": [int(row == kept) for row in range(3)]}
    choice = pd.concat(
        [pd.DataFrame({**part, "value": [1.0, 2.0, 3.0]}) for part in (first, second)], ignore_index=True
    )
    choice = choice.astype({"steps": "Int64"})
    found = feature_estimators.doubts_of(choice, np.arange(6).reshape(3, 2))
    assert [kind for kind, _ in found] == ([told] if told else [])
    assert all("target other" in text for _, text in found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_reading_gives_what_was_written(kind, task, fits, tmp_path):
    estimator, _ = fits(kind, task)
    path = tmp_path / "estimator.npz"
    write_estimator(path, estimator, {"features_digest": "abc", "seed": 3})
    found, provenance = read_estimator(path)
    features, _ = made(task, 300, 4)
    np.testing.assert_array_equal(predict_targets(found, features), predict_targets(estimator, features))
    assert {key: found[key] for key in ("kind", "task", "target_names", "n_features")} == {
        "kind": kind,
        "task": task,
        "target_names": ["a", "b"],
        "n_features": 6,
    }
    assert provenance == {"features_digest": "abc", "seed": "3"}
    with pytest.raises(ValueError, match="found 5 features, expected 6"):
        predict_targets(found, features[:, :5])


def test_bytes_of_the_file_follow_from_the_estimator(fits, tmp_path):
    for name in ("one", "two"):
        write_estimator(tmp_path / name, fits("gradient_boosting", "binary")[0], {"seed": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_altered_bytes_of_the_file_are_an_error(fits, tmp_path):
    path = tmp_path / "estimator.npz"
    write_estimator(path, fits("linear", "binary")[0], {})
    content = bytearray(path.read_bytes())
    for at in range(200, len(content), 50):
        content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(Exception, match=r"(?i)crc|zip|header|invalid|magic"):
        read_estimator(path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_numbers_come_out_of_another_process(kind, tmp_path, fits):
    """Whatever the number of threads."""
    features, targets = made("binary")
    np.savez(tmp_path / "x.npz", f=features, t=targets)
    code = (
        "import numpy as np; from cisflow.feature_estimators import fit_estimator, predict_targets\n"
        f"x = np.load({str(tmp_path / 'x.npz')!r}); f, t = x['f'], x['t']\n"
        f"estimator, _ = fit_estimator({kind!r}, (f[:300], t[:300]), (f[300:], t[300:]), ['a', 'b'], 'binary', 0)\n"
        "print(predict_targets(estimator, f).sum(axis=0).tolist())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1
