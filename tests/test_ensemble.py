"""Means over seeds."""

import numpy as np
import pandas as pd
import pytest

from cisflow.ensemble import mean_and_deviation, read_predicted
from cisflow.messages import InputError

PLACES = pd.DataFrame({"chrom": ["1", "NA"], "start": [5, 6], "end": [9, 10], "name": ["a", "nan"]})


def written(path, **changes):
    table = PLACES.assign(**{"NA": [1, 0], "NA_predicted": [0.25, np.nan], **changes})
    table.to_csv(path, sep="\t", index=False, float_format="%.6g")
    return path


def test_predictions_are_read_whatever_rows_are_called(tmp_path):
    found = read_predicted(written(tmp_path / "p.tsv"), PLACES, ["NA"])
    np.testing.assert_array_equal(found, [[0.25], [np.nan]])


@pytest.mark.parametrize("changes", [{"start": [6, 6]}, {"chrom": ["1", "2"]}, {"name": ["nan", "a"]}])
def test_predictions_of_other_rows_are_refused(changes, tmp_path):
    with pytest.raises(InputError, match="other rows or targets"):
        read_predicted(written(tmp_path / "p.tsv", **changes), PLACES, ["NA"])


def test_predictions_of_other_targets_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected 2 of other"):
        read_predicted(written(tmp_path / "p.tsv"), PLACES, ["other"])


def test_mean_and_deviation_are_those_of_pandas():
    predictions = np.random.default_rng(0).random((4, 6, 2))
    mean, deviation = mean_and_deviation(list(predictions))
    for target in range(2):
        table = pd.DataFrame(predictions[:, :, target])
        assert mean[:, target].tolist() == pytest.approx(table.mean().tolist())
        assert deviation[:, target].tolist() == pytest.approx(table.std().tolist())
    mean, deviation = mean_and_deviation([predictions[0]])
    np.testing.assert_array_equal(mean, predictions[0])
    assert np.isnan(deviation).all()
