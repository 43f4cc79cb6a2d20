"""Blocks that several datasets share; what is expected follows from the places of the rows."""

import numpy as np
import pandas as pd
import pytest

from cisflow.bootstrap import block_numbers, drawn_blocks
from cisflow.common_blocks import dataset_draws, drawn_places, have_places, places_of

BLOCK, RESAMPLES = 1_000, 300


def table_of(chroms, starts):
    loci = pd.DataFrame({"chrom": chroms, "start": starts})
    return loci.assign(end=loci["start"] + 50, name=[f"row_{number}" for number in range(len(loci))])


@pytest.fixture
def peaks():
    """Two datasets on two chromosomes, which share some of their blocks."""
    one = table_of(["chr1"] * 40 + ["chr2"] * 20, [*range(0, 20_000, 500), *range(0, 10_000, 500)])
    return one, table_of(["chr2", "chr10", "chr2", "chr1"], [9_300, 5, 9_900, 700])


def drawn(tables, seed=1):
    places, draws = drawn_places([places_of(table, BLOCK) for table in tables], RESAMPLES, seed)
    return [dataset_draws(table, BLOCK, places, draws, seed) for table in tables]


def test_a_block_is_drawn_as_often_for_every_dataset(peaks):
    (numbers, draws, names), (others, other_draws, other_names) = drawn(peaks)
    assert (len(names), len(other_names), len(set(names) & set(other_names))) == (30, 3, 2)
    for row, place in enumerate(zip(peaks[1]["chrom"], peaks[1]["start"] // BLOCK, strict=True)):
        in_one = np.flatnonzero((peaks[0]["chrom"] == place[0]) & (peaks[0]["start"] // BLOCK == place[1]))
        of_one = [draws[:, numbers[number]] for number in in_one]
        assert all((column == other_draws[:, others[row]]).all() for column in of_one)
        assert bool(of_one) == (place[0] != "chr10")
    # 31 blocks together; each is drawn once on average, as often as all others together allow.
    assert (draws.sum(axis=1) + other_draws[:, other_names == np.setdiff1d(other_names, names)].sum(axis=1) == 31).all()


def test_of_one_dataset_they_are_the_resamples_of_its_metrics(peaks):
    [(numbers, draws, _)] = drawn(peaks[:1], seed=5)
    np.testing.assert_array_equal(numbers, block_numbers(peaks[0]["chrom"], peaks[0]["start"], BLOCK))
    np.testing.assert_array_equal(draws, np.concatenate([part for _, part in drawn_blocks(30, RESAMPLES, 5)]))


def test_rows_without_a_place_are_drawn_for_their_own_table(peaks):
    clusters = table_of([f"cluster_{number // 3}" for number in range(30)], [0] * 30)
    others = clusters.assign(name="other")  # clusters of another table have the same numbers
    mixed = pd.concat([clusters.assign(name="mixed"), peaks[1], table_of([".", "."], [0, 0])], ignore_index=True)
    assert have_places(mixed).tolist() == [False] * 30 + [True] * 4 + [False] * 2
    found = drawn([clusters, others, clusters, mixed, peaks[0]])
    for numbers, draws, names in found[:3]:
        assert (draws.sum(axis=1) == 10).all()
        assert (names < 0).all()
        assert [set(numbers[first : first + 3]) for first in range(0, 30, 3)] == [{n} for n in numbers[::3]]
    assert abs(np.corrcoef(found[0][1].ravel(), found[1][1].ravel())[0, 1]) < 0.1
    assert not set(found[0][2]) & set(found[1][2])
    for one, again in zip(found[0], found[2], strict=True):  # the same rows under another name
        np.testing.assert_array_equal(one, again)
    numbers, draws, names = found[3]
    assert (draws.shape[1], len(set(names)), (names < 0).sum()) == (15, 15, 12)  # ten clusters, two rows alone
    assert numbers[-1] != numbers[-2]
    shared = [(name, column) for name, column in zip(names, draws.T, strict=True) if name in found[4][2]]
    assert len(shared) == 2
    for name, column in shared:
        assert (column == found[4][1][:, found[4][2] == name][:, 0]).all()


def test_datasets_without_any_place_need_no_genome():
    tables = [table_of(["cluster_0", "cluster_0", "cluster_1"], [0, 0, 0]) for _ in range(2)]
    for numbers, draws, _ in drawn(tables):
        assert (numbers.tolist(), draws.shape) == ([0, 0, 1], (RESAMPLES, 2))
