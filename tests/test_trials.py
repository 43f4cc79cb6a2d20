"""The best trial is the lowest loss of those that are done, of equals the first; tables keep every digit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.messages import InputError
from cisflow.trials import best_trial, read_trials, score_of, trials_table, write_trial

# Training has the processor flush subnormal numbers to 0, in whatever test it ran before.
FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
PLAIN = st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=8)
SETTINGS = st.dictionaries(st.text("abc.1_", min_size=1), PLAIN | st.lists(PLAIN, max_size=2), max_size=4)


def done(trial, loss, auroc=0.8, **settings):
    return {
        "trial": trial,
        "status": "done",
        "reason": "",
        "val_loss": loss,
        "val_auroc": auroc,
        "kept_epoch": 3,
        "seconds": 1.5,
        "overrides": settings or {"training.learning_rate": 0.1},
    }


def failed(trial, reason="training diverged", overrides=None):
    return {"trial": trial, "status": "failed", "reason": reason, "overrides": overrides}


@pytest.fixture
def again(tmp_path):
    """Trials as they are read after they were written."""

    def pass_through(rows):
        for row in rows:
            write_trial(tmp_path / f"trial{row['trial']}.tsv", row)
        return read_trials(sorted(tmp_path.glob("*.tsv"), reverse=True))

    return pass_through


@given(loss=FLOATS, overrides=SETTINGS)
def test_what_is_read_is_what_was_written(tmp_path_factory, loss, overrides):
    path = tmp_path_factory.mktemp("trials") / "trial1.tsv"
    write_trial(path, {**done(1, loss, 1 / 3), "overrides": overrides})
    (row,) = read_trials([path])
    assert (row["val_loss"], row["val_auroc"], row["overrides"]) == (loss, 1 / 3, overrides)
    assert [type(value) for value in row["overrides"].values()] == [type(value) for value in overrides.values()]
    assert len(path.read_text().splitlines()) == 2


def test_a_reason_of_several_lines_stays_in_its_cell(again):
    (row,) = again([failed(4, "layer 3\tcannot\nbe built")])
    assert (row["reason"], row["status"], row["overrides"]) == ("layer 3 cannot be built", "failed", None)
    assert math.isnan(row["val_loss"])


def test_the_lowest_loss_is_chosen_and_of_equals_the_first(again):
    rows = again([done(1, 0.5), done(2, 0.3), failed(3), done(4, 0.3), done(10, 0.31)])
    assert [row["trial"] for row in rows] == [1, 2, 3, 4, 10]  # by number, not by name of file
    assert best_trial(rows, "loss")["trial"] == 2


def test_digits_that_no_table_prints_decide(again):
    assert best_trial(again([done(1, 0.1 + 0.2), done(2, 0.3)]), "loss")["trial"] == 2


def test_the_highest_metric_is_chosen(again):
    rows = again([done(1, 0.1, 0.7), done(2, 0.9, 0.95), done(3, 0.2, 0.95), done(4, 0.0, math.nan)])
    assert best_trial(rows, "metric")["trial"] == 2
    pearson = [{**row, "val_pearson": row["val_auroc"]} for row in rows]
    for row in pearson:
        del row["val_auroc"]
    assert best_trial(pearson, "metric")["trial"] == 2


def test_lower_scores_are_better_and_failures_have_the_worst():
    assert score_of(done(1, 0.25, 0.75), "loss") == 0.25
    assert score_of(done(1, 0.25, 0.75), "metric") == -0.75
    assert score_of(failed(1), "loss") == score_of(failed(1), "metric") == math.inf
    assert score_of(done(1, math.nan, math.nan), "loss") == math.inf


def test_a_search_that_failed_throughout_tells_why(again):
    rows = again([failed(1), failed(2, "a filter does not fit"), failed(3)])
    with pytest.raises(InputError, match="none of the 3 trial") as error:
        best_trial(rows, "loss")
    assert error.value.why == "training diverged (trials 1, 3); a filter does not fit (trial 2)"
    with pytest.raises(InputError, match="no finite number"):
        best_trial(again([done(trial, 0.5, math.nan) for trial in (1, 2, 3)]), "metric")


def test_all_trials_stand_side_by_side(again):
    overrides = {"training.optimizer": "adam", "training.gradient_clip": None, "layers.1.filters": 16}
    rows = again([failed(1), {**done(2, 0.4), "overrides": overrides}, failed(3, overrides=overrides)])
    table = trials_table(rows, 2)
    assert list(table.columns) == ["trial", "status", "val_loss", "val_auroc", *overrides]
    assert list(table["status"]) == ["failed", "chosen", "failed"]
    assert table["training.optimizer"].tolist() == ["", "adam", "adam"]
    assert table["training.gradient_clip"].tolist() == ["", "null", "null"]
    assert table["layers.1.filters"].tolist() == ["", "16", "16"]
