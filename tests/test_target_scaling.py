"""Transformed targets: those of scikit-learn and numpy, fitted on training rows alone, and unknown values stay so."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from cisflow.messages import InputError
from cisflow.target_scaling import fit_scaling, scaled

STEPS = [[], ["log1p"], ["z_score"], ["log1p", "z_score"]]
# Thousandths, so that a difference of two values is never lost in rounding.
VALUES = st.lists(st.one_of(st.integers(-900, 10**6).map(lambda n: n / 1000), st.just(np.nan)), min_size=2, max_size=30)


def differ(values):
    return len({value for value in values if not np.isnan(value)}) > 1


@settings(max_examples=150, deadline=None, database=None)
@given(one=VALUES, other=VALUES, steps=st.sampled_from(STEPS))
def test_training_rows_have_mean_0_and_sd_1_and_unknown_values_stay(one, other, steps):
    rows = min(len(one), len(other))
    table = pd.DataFrame({"Dev": one[:rows], "1": other[:rows], "name": "x"})
    assume(differ(table["Dev"]) and differ(table["1"]))
    scaling = fit_scaling(table, ["1", "Dev"], steps)
    found = scaled(table, scaling)
    assert found.shape == (rows, 2)
    assert found.dtype == np.float64
    assert scaling["target"].tolist() == ["1", "Dev"]
    for column, target in enumerate(["1", "Dev"]):
        values = table[target].to_numpy()
        known = ~np.isnan(values)
        np.testing.assert_array_equal(np.isnan(found[:, column]), ~known)
        assert scaling["n"][column] == known.sum()
        expected = np.log(1 + values) if "log1p" in steps else values
        if "z_score" in steps:
            expected = StandardScaler().fit_transform(expected[:, None])[:, 0]  # passes over NaN, too
            assert abs(found[known, column].mean()) < 1e-7
            assert abs(found[known, column].std() - 1) < 1e-7
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=100, deadline=None, database=None)
@given(train=VALUES.filter(differ), test=VALUES, steps=st.sampled_from(STEPS))
def test_other_rows_take_the_fit_of_the_training_rows(train, test, steps):
    scaling = fit_scaling(pd.DataFrame({"x": train}), ["x"], steps)
    found = scaled(pd.DataFrame({"x": test}), scaling)[:, 0]
    one_by_one = [scaled(pd.DataFrame({"x": [value]}), scaling)[0, 0] for value in test]
    np.testing.assert_array_equal(found, one_by_one)  # nothing is fitted to the rows themselves
    known = np.array(train)[~np.isnan(train)]
    before, values = (np.log1p(known), np.log1p(test)) if "log1p" in steps else (known, np.array(test))
    if "z_score" in steps:
        values = (values - before.mean()) / before.std()
    np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-9)


def test_what_is_stored_says_what_was_done():
    table = pd.DataFrame({"x": [0.0, 3.0, np.nan, 9.0]})
    rows = {tuple(steps): fit_scaling(table, ["x"], steps).iloc[0].to_dict() for steps in STEPS}
    assert rows[()] == {"target": "x", "log1p": 0, "mean": 0, "sd": 1, "n": 3}
    assert rows["log1p",] == {"target": "x", "log1p": 1, "mean": 0, "sd": 1, "n": 3}
    assert rows["z_score",] == {"target": "x", "log1p": 0, "mean": 4, "sd": pytest.approx(np.sqrt(14)), "n": 3}
    logarithms = np.log([1, 4, 10])
    both = {"target": "x", "log1p": 1, "mean": pytest.approx(logarithms.mean()), "sd": pytest.approx(logarithms.std())}
    assert rows["log1p", "z_score"] == {**both, "n": 3}


def test_a_fit_that_was_written_and_read_does_the_same():
    table = pd.DataFrame({"NA": np.random.default_rng(1).gamma(1, 5, size=50), "1": np.arange(50) / 3})
    for steps in STEPS:
        scaling = fit_scaling(table, ["NA", "1"], steps)
        text = scaling.to_csv(sep="\t", index=False, float_format="%.17g")
        read = pd.read_csv(io.StringIO(text), sep="\t", dtype={"target": str}, keep_default_na=False)
        np.testing.assert_allclose(scaled(table, read), scaled(table, scaling), rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.25, 1e-300, 3e7])
@pytest.mark.parametrize("number", [1, 2, 3, 7])
def test_values_that_are_all_equal_have_no_z_score(value, number):
    # The standard deviation of 0.1, 0.1 and 0.1 is 1.4e-17: dividing by it made numbers of rounding errors.
    table = pd.DataFrame({"x": [value] * number + [np.nan], "y": np.arange(number + 1.0)})
    with pytest.raises(InputError, match=f"target x: all {number} training rows have the same value") as caught:
        fit_scaling(table, ["y", "x"] if number > 1 else ["x"], ["z_score"])
    assert f"found {value:g} everywhere" in caught.value.why
    assert "z_score" in caught.value.fix
    assert fit_scaling(table, ["x"], [])["sd"].tolist() == [1]


def test_a_target_without_a_known_training_row_is_left_as_it_is():
    scaling = fit_scaling(pd.DataFrame({"x": [np.nan, np.nan]}), ["x"], ["log1p", "z_score"])
    assert scaling["n"].tolist() == [0]
    np.testing.assert_allclose(scaled(pd.DataFrame({"x": [np.nan, 1]}), scaling)[:, 0], [np.nan, np.log(2)])


@pytest.mark.parametrize("low", [-1, -1.5, -1e9])
def test_a_value_without_a_logarithm_is_refused_in_any_split(low):
    good, bad = pd.DataFrame({"x": [0.0, 1, np.nan]}), pd.DataFrame({"x": [0.0, low, -1, np.nan]})
    for steps in ["log1p"], ["log1p", "z_score"]:
        with pytest.raises(InputError, match="target x: 2 values have no logarithm") as caught:
            fit_scaling(bad, ["x"], steps)
        assert f"found {low:g}" in caught.value.why
        with pytest.raises(InputError, match="target x: 2 values have no logarithm"):
            scaled(bad, fit_scaling(good, ["x"], steps))
    assert scaled(bad, fit_scaling(bad, ["x"], [])).shape == (4, 1)


def test_log1p_comes_before_z_score_in_whatever_order_they_are_named():
    table = pd.DataFrame({"x": [0.0, 1, 5]})
    fits = [fit_scaling(table, ["x"], list(steps)) for steps in itertools.permutations(["log1p", "z_score"])]
    pd.testing.assert_frame_equal(*fits)
