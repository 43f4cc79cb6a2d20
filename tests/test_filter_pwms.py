import numpy as np
import pytest
from scipy.stats import entropy

from cisflow.filter_procedures import procedure_of
from cisflow.filter_pwms import describe_filters, pwm_of, trimmed
from cisflow.meme import consensus

UNIFORM = (0.25, 0.25, 0.25, 0.25)


def described(counts, n_sites, mean=0.1, maximum=2.0, background=UNIFORM, **settings):
    """Rows of filters with these counts."""
    n_filters = len(n_sites)
    sites = {
        "counts": np.asarray(counts, dtype=float),
        "n_sites": np.asarray(n_sites),
        "threshold": np.ones(n_filters),
        "mean": np.broadcast_to(mean, n_filters),
        "maximum": np.broadcast_to(maximum, n_filters),
        "background": background,
    }
    return describe_filters(sites, procedure_of(settings))


def test_every_filter_is_listed_with_its_status():
    counts = [np.eye(4)[[0, 1, 2, 3, 0]] * 50, np.zeros((5, 4)), np.eye(4)[[0] * 5] * 3, np.full((5, 4), 30.0)]
    rows = described(counts, [50, 0, 3, 120], mean=[0.1, 0, 0.1, 0.1], maximum=[2, 0, 2, 2])
    assert [row["filter"] for row in rows] == ["filter_0", "filter_1", "filter_2", "filter_3"]
    assert [row["status"] for row in rows] == ["ok", "dead", "few_sites", "uninformative"]
    assert rows[0]["pwm"][0] == pytest.approx(np.array([51, 1, 1, 1]) / 54)
    assert all(row["pwm"] is None for row in rows[1:])


def test_a_filter_whose_activation_is_no_number_is_dead():
    (row,) = described([np.zeros((5, 4))], [0], mean=np.nan, maximum=np.nan)
    assert row["status"] == "dead"


def test_near_uniform_filters_have_no_pwm():
    # Two weak positions at the ends of 17 uniform ones made a "motif" that matched whatever the database held.
    weak = np.full((19, 4), 100.0)
    weak[[0, -1]] = [340, 20, 20, 20]
    spread = np.full((19, 4), 100.0)
    spread[::3, 0] = 300  # seven positions of 0.3 bits
    sharp = np.full((19, 4), 5.0)
    sharp[:, 2] = 385
    rows = described([weak, spread, sharp], [400] * 3)
    assert [row["status"] for row in rows] == ["uninformative", "uninformative", "ok"]


def test_uninformative_flanks_are_cut_off():
    pwm = np.full((9, 4), 0.25)
    pwm[2:4] = [0.97, 0.01, 0.01, 0.01]
    pwm[6] = [0.01, 0.97, 0.01, 0.01]
    assert trimmed(pwm, 0.25) == (2, 7)
    assert consensus(pwm[2:7])[0] == "A"
    assert trimmed(np.full((5, 4), 0.25), 0.25) == (0, 0)


def test_information_is_measured_against_the_background():
    background = (0.4, 0.1, 0.1, 0.4)
    counts = np.tile([400.0, 100, 100, 400], (9, 1))
    counts[2:7] = np.eye(4)[[1, 2, 1, 2, 1]] * 500
    (row,) = described([counts], [500], background=background, pseudocount=0)
    assert (row["start"], row["end"]) == (2, 7)
    assert row["information_content"] == pytest.approx(5 * entropy([0, 1, 0, 0], background, base=2))
    (row,) = described([counts], [500], pseudocount=0)
    assert (row["start"], row["end"]) == (0, 9)  # against equal frequencies, the flanks tell something


def test_a_pseudocount_is_shared_out_as_the_background():
    assert pwm_of(np.zeros((1, 4)), 1, (0.4, 0.3, 0.2, 0.1)) == pytest.approx(np.array([[0.4, 0.3, 0.2, 0.1]]))
    assert pwm_of(np.array([[8.0, 0, 0, 0]]), 1, UNIFORM) == pytest.approx(np.array([[9, 1, 1, 1]]) / 12)
    assert pwm_of(np.zeros((2, 4)), 0, UNIFORM) == pytest.approx(np.full((2, 4), 0.25))
