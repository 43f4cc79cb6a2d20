import numpy as np
import pytest

from cisflow.meme import Motif
from cisflow.messages import InputError
from cisflow.motif_databases import join_databases


def motifs(*identifiers, seed=0):
    rng = np.random.default_rng(seed)
    return {name: Motif(name, f"of {seed}", rng.dirichlet(np.ones(4), size=6), 20.0) for name in identifiers}


def test_motifs_stand_in_order_with_the_database_they_are_from():
    first, second = motifs("b", "a"), motifs("c", seed=1)
    joined, origin, n_repeated = join_databases({"one": first, "two": second})
    assert list(joined) == ["b", "a", "c"]
    assert n_repeated == 0
    assert joined["c"] is second["c"]
    assert origin == {"b": "one", "a": "one", "c": "two"}


def test_a_motif_of_two_databases_is_kept_once_and_counted():
    first = motifs("a", "b")
    rounded = {"b": Motif("b", "again", np.round(first["b"].pwm, 3), None), **motifs("c", seed=1)}
    joined, origin, n_repeated = join_databases({"one": first, "two": rounded})
    assert (list(joined), n_repeated) == (["a", "b", "c"], 1)
    assert joined["b"] is first["b"]
    assert origin == {"a": "one", "b": "one", "c": "two"}


@pytest.mark.parametrize("other", [motifs("a", seed=1), {"a": Motif("a", "", np.eye(4), None)}])
def test_one_identifier_for_different_motifs_is_refused(other):
    with pytest.raises(InputError, match="a of two is another motif than in one"):
        join_databases({"one": motifs("a"), "two": other})
