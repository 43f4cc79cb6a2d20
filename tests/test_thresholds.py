"""Thresholds by the highest Matthews correlation, against a search through all of them with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, matthews_corrcoef

from cisflow.thresholds import UNDECIDED, confusion_counts, mcc_of_counts, mcc_threshold

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=25)


@given(ROWS, st.integers(0, 13))
def test_counts_and_correlation_are_scikit_learns(rows, threshold):
    truth, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    counts = confusion_counts(truth, score, threshold)
    (tn, fp), (fn, tp) = confusion_matrix(truth, score >= threshold, labels=[0, 1])
    assert list(counts.values()) == [tp, fp, tn, fn]
    assert mcc_of_counts(*counts.values()) == pytest.approx(matthews_corrcoef(truth, score >= threshold), abs=1e-12)


@given(ROWS)
def test_no_threshold_has_a_higher_correlation(rows):
    truth, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    every = [matthews_corrcoef(truth, score >= cut) for cut in np.arange(-0.5, 14)]
    threshold = mcc_threshold(truth, score)
    if max(every) > 1e-12:
        assert matthews_corrcoef(truth, score >= threshold) == pytest.approx(max(every), abs=1e-12)
        # It lies in the middle between two scores.
        assert (2 * threshold) % 1 == 0
        assert score.min() < threshold < score.max()
    else:
        assert threshold == UNDECIDED


def test_of_equals_the_middle_of_the_widest_gap():
    # A perfect separation, and two thresholds of one correlation: between 8 and 6, and between 5 and 1.
    assert mcc_threshold([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == pytest.approx(0.5)
    truth, score = np.array([1, 0, 1, 0]), np.array([8.0, 6, 5, 1])
    equal = [matthews_corrcoef(truth, score >= cut) for cut in (7, 3)]
    assert equal[0] == pytest.approx(equal[1])
    assert mcc_threshold(truth, score) == 3


def test_unknown_labels_do_not_count():
    truth = np.array([0, np.nan, 1, np.nan, 0, 1])
    score = np.array([0.1, 0.95, 0.8, np.nan, 0.3, 0.7])
    assert mcc_threshold(truth, score) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("truth", "score"),
    [
        ([], []),
        ([np.nan, np.nan], [0.1, 0.2]),
        ([1, 1, 1], [0.1, 0.2, 0.3]),
        ([0, 1, 0], [0.2, 0.2, 0.2]),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4]),
        ([0, 1], [0.2, np.nan]),
    ],
)
def test_where_validation_cannot_tell_either_class_is_as_likely(truth, score):
    assert mcc_threshold(np.array(truth), np.array(score)) == UNDECIDED


def test_a_threshold_between_neighbouring_numbers_still_parts_them():
    low = 0.7
    high = np.nextafter(low, 1)
    threshold = mcc_threshold([0, 1], [low, high])
    assert low < threshold <= high
