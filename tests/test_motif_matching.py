from pathlib import Path

import memelite
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from cisflow.meme import Motif, read_meme
from cisflow.motif_matching import COLUMNS, best_q_values, compare_motifs, informative_targets, match_motifs

JASPAR = Path(__file__).parent.parent / "resources" / "jaspar"
DATABASE = list(read_meme(JASPAR / "JASPAR2026_CORE_insects_nonredundant.meme").values())
FUNGI = list(read_meme(JASPAR / "JASPAR2026_CORE_fungi_nonredundant.meme").values())
SU_HW = next(motif for motif in DATABASE if motif.name == "su(Hw)")


def random_motifs(n, seed, sharpness=1.0):
    rng = np.random.default_rng(seed)
    pwms = (rng.dirichlet(np.full(4, 1 / sharpness), size=rng.integers(5, 20)) for _ in range(n))
    return [Motif(f"q{number}", "", pwm, 20.0) for number, pwm in enumerate(pwms)]


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


@pytest.mark.parametrize("database", [DATABASE, DATABASE + FUNGI], ids=["one database", "two as one list"])
def test_matches_are_memelites_and_q_values_those_of_statsmodels(database):
    queries = [*random_motifs(12, seed=5, sharpness=2), SU_HW]
    table = match_motifs(queries, database, 1)
    p, _, offsets, overlaps, strands = memelite.tomtom(
        [motif.pwm.T for motif in queries], [motif.pwm.T for motif in database], n_jobs=1
    )
    p = np.clip(p, np.finfo(float).tiny, 1)
    number = {motif.identifier: at for at, motif in enumerate(database)}
    for at, query in enumerate(queries):
        part = table[table["Query_ID"] == query.identifier]
        targets = part["Target_ID"].map(number).to_numpy()
        q = multipletests(p[at], method="fdr_bh")[1]
        assert set(targets) == set(np.flatnonzero(q <= 0.5)) | {p[at].argmin()}
        np.testing.assert_allclose(part["q-value"], q[targets], rtol=1e-12)
        np.testing.assert_array_equal(part["p-value"], p[at, targets])
        np.testing.assert_allclose(part["E-value"], p[at, targets] * len(database))
        np.testing.assert_array_equal(part["Optimal_offset"], offsets[at, targets])
        np.testing.assert_array_equal(part["Overlap"], overlaps[at, targets])
        np.testing.assert_array_equal(part["Orientation"] == "-", strands[at, targets] == 1)
    best = [multipletests(row, method="fdr_bh")[1].min() for row in p]
    np.testing.assert_allclose(best_q_values([q.pwm for q in queries], [t.pwm for t in database], 1), best, rtol=1e-12)


def test_a_query_is_answered_alike_whatever_stands_beside_it():
    queries, targets = [motif.pwm for motif in random_motifs(9, seed=1)], [motif.pwm for motif in FUNGI]
    together = compare_motifs(queries, targets, 2)
    for number in (0, 4, 8):
        for alone, beside in zip(compare_motifs([queries[number]], targets, 1), together, strict=True):
            np.testing.assert_array_equal(alone[0], beside[number])


def test_the_table_has_tomtoms_columns_and_is_sorted(noisy_matches):
    _, table = noisy_matches
    assert list(table.columns) == COLUMNS
    for _, part in table.groupby("Query_ID"):
        assert part["p-value"].is_monotonic_increasing
        assert part["q-value"].is_monotonic_increasing


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
    letters = "".join("ACGT"[base] for base in target.argmax(axis=1))
    assert best["Target_consensus"] == letters


def test_without_queries_or_targets_the_table_is_empty():
    for queries, database in (([], DATABASE), ([SU_HW], [])):
        table = match_motifs(queries, database, 1)
        assert list(table.columns) == COLUMNS
        assert table.empty
    assert len(best_q_values([], [SU_HW.pwm], 1)) == 0


def test_the_best_match_is_listed_whatever_its_q_value():
    table = match_motifs(random_motifs(5, seed=3), DATABASE, 1)
    assert set(table["Query_ID"]) == {f"q{number}" for number in range(5)}
    first = table.groupby("Query_ID").cumcount() == 0
    assert (table.loc[~first, "q-value"] <= 0.5).all()
    assert table["p-value"].between(0, 1, inclusive="right").all()
    assert isinstance(table, pd.DataFrame)


def test_near_uniform_targets_are_set_aside():
    sharp, flat = np.eye(4)[[0, 1, 2, 3]], np.full((1, 4), 0.25)
    motifs = [
        Motif("sharp", "", sharp, None),
        Motif("three informative positions", "", np.vstack([sharp[:3], flat]), None),
        Motif("uniform", "", np.repeat(flat, 8, axis=0), None),
        # Four positions of 2 bits among 16 are 0.5 bits a position.
        Motif("at the bound", "", np.vstack([sharp, *[flat] * 12]), None),
        Motif("below the bound", "", np.vstack([sharp, *[flat] * 13]), None),
    ]
    kept, set_aside = informative_targets(motifs, 0.25, 0.5)
    assert [motif.identifier for motif in kept] == ["sharp", "at the bound"]
    assert len(set_aside) == 3
    assert informative_targets(DATABASE, 0.25, 0.5) == (DATABASE, [])
