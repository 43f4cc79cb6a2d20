from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cisflow.meme import Motif, read_meme
from cisflow.motif_matching import COLUMNS, match_motifs

JASPAR = Path(__file__).parent.parent / "resources" / "jaspar"
DATABASE = list(read_meme(JASPAR / "JASPAR2026_CORE_insects_nonredundant.meme").values())
SU_HW = next(motif for motif in DATABASE if motif.name == "su(Hw)")


@pytest.fixture(scope="module")
def noisy_matches():
    """Motifs of the database cut, turned and blurred, as queries, and their matches."""
    flank = np.full((3, 4), 0.25)
    queries = {
        "whole": SU_HW.pwm,
        "cut": SU_HW.pwm[4:],
        "turned": SU_HW.pwm[::-1, ::-1],
        "flanked": np.vstack([flank, SU_HW.pwm]),
        "turned_cut": SU_HW.pwm[::-1, ::-1][2:-3],
    }
    motifs = [Motif(name, "", 0.9 * pwm + 0.025, 50.0) for name, pwm in queries.items()]
    return {motif.identifier: motif for motif in motifs}, match_motifs(motifs, DATABASE, 1)


def test_q_values_are_benjamini_hochbergs_within_each_query(noisy_matches):
    # From the definition: the smallest, over all ranks at or below one's own, of p x targets / rank. The matches listed
    # are the first ranks, and the last listed may owe its q to an unlisted one.
    _, table = noisy_matches
    for _, part in table.groupby("Query_ID"):
        p = part["p-value"].to_numpy()
        scaled = p * len(DATABASE) / np.arange(1, len(p) + 1)
        for rank, q in enumerate(part["q-value"]):
            assert q <= min(1, scaled[rank:].min()) * 1.0001
        assert part["q-value"].iloc[0] == pytest.approx(scaled.min(), rel=1e-3)


def test_the_table_has_tomtoms_columns_and_is_sorted(noisy_matches):
    _, table = noisy_matches
    assert list(table.columns) == COLUMNS
    for _, part in table.groupby("Query_ID"):
        assert part["p-value"].is_monotonic_increasing
        assert part["E-value"].to_numpy() == pytest.approx(part["p-value"].to_numpy() * len(DATABASE))


@pytest.mark.parametrize("name", ["whole", "cut", "turned", "flanked", "turned_cut"])
def test_a_blurred_motif_finds_itself_at_its_place(noisy_matches, name):
    queries, table = noisy_matches
    best = table[table["Query_ID"] == name].iloc[0]
    assert best["Target_ID"] == SU_HW.identifier
    assert best["q-value"] < 0.01
    # By the convention of the docstring: query column i stands over column i + offset of the (turned) target.
    target = SU_HW.pwm[::-1, ::-1] if best["Orientation"] == "-" else SU_HW.pwm
    query = queries[name].pwm
    over = [(i, i + best["Optimal_offset"]) for i in range(len(query)) if 0 <= i + best["Optimal_offset"] < len(target)]
    assert len(over) == best["Overlap"]
    distance = np.mean([np.abs(query[i] - target[j]).sum() for i, j in over])
    assert distance < 0.16  # the blur alone; columns one position apart differ by far more


def test_no_queries_give_an_empty_table():
    table = match_motifs([], DATABASE, 1)
    assert list(table.columns) == COLUMNS
    assert table.empty


def test_the_best_match_is_listed_whatever_its_q_value():
    rng = np.random.default_rng(3)
    queries = [Motif(f"q{i}", "", rng.dirichlet(np.ones(4), size=8), 20.0) for i in range(5)]
    table = match_motifs(queries, DATABASE, 1)
    assert set(table["Query_ID"]) == {motif.identifier for motif in queries}
    first = table.groupby("Query_ID").cumcount() == 0
    assert (table.loc[~first, "q-value"] <= 0.5).all()
    assert table["p-value"].between(0, 1, inclusive="right").all()
    assert isinstance(table, pd.DataFrame)
