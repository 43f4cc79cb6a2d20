"""Which intervals touch which, and their union: by bedtools, and by sets of bases."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_genomes import bases_covered, frame_of, rows_of

from cisflow.intervals import merged, read_regions, touched, touches, union_by_chromosome

CHROMS = ["chr1", "chr10", "NA", "1"]
COLUMNS = ["chrom", "start", "end"]


def random_intervals(rng, number, chroms, length, longest=200):
    start = rng.integers(0, length - longest, size=number)
    return pd.DataFrame(
        {"chrom": rng.choice(chroms, size=number), "start": start, "end": start + rng.integers(1, longest, size=number)}
    )


# Few places, so that intervals lie on, beside and within each other.
INTERVALS = st.lists(
    st.tuples(st.sampled_from(CHROMS), st.integers(0, 30), st.integers(1, 9)).map(lambda row: (*row[:2], sum(row[1:]))),
    max_size=12,
)


# --- touching ---------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, database=None)
@given(windows=INTERVALS, others=INTERVALS)
def test_windows_touch_if_they_share_a_base(windows, others):
    covered = bases_covered(others)
    expected = [bool(bases_covered([row]) & covered) for row in windows]
    assert touches(frame_of(windows), frame_of(others)).tolist() == expected
    shuffled = frame_of(windows).iloc[::-1]  # an index that is no range
    assert touches(shuffled, frame_of(others).iloc[::-1]).tolist() == expected[::-1]


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows=INTERVALS.filter(len), others=INTERVALS)
def test_windows_touch_where_bedtools_says_so(windows, others, write_bed, bedtools):
    a, b = write_bed("a.bed", windows), write_bed("b.bed", others)
    expected = [int(row[3]) > 0 for row in bedtools("intersect", "-c", "-a", a, "-b", b)]
    assert touches(frame_of(windows), frame_of(others)).tolist() == expected


@pytest.mark.parametrize("seed", range(4))
def test_touches_is_bedtools_intersect(seed, write_bed, bedtools):
    rng = np.random.default_rng(seed)
    windows, others = random_intervals(rng, 400, CHROMS, 20_000), random_intervals(rng, 100, CHROMS[:3], 20_000)
    # One base apart, book-ended and one base in common; the same window twice.
    windows = pd.concat(
        [
            windows,
            windows.iloc[:5],
            pd.DataFrame({"chrom": "chr1", "start": [0, 90, 91, 110, 111], "end": [90, 100, 101, 111, 120]}),
        ],
        ignore_index=True,
    )
    others = pd.concat([others, pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [111]})], ignore_index=True)
    a, b = (write_bed(name, frame.to_numpy()) for name, frame in (("a.bed", windows), ("b.bed", others)))
    expected = [int(row[3]) > 0 for row in bedtools("intersect", "-c", "-a", a, "-b", b)]
    assert touches(windows, others).tolist() == expected
    order = rng.permutation(len(windows))
    shuffled = windows.iloc[order]
    assert touches(shuffled, others.iloc[rng.permutation(len(others))]).tolist() == np.array(expected)[order].tolist()


def test_nothing_touches_nothing():
    windows = frame_of([("chr1", 0, 10)])
    assert touches(windows, windows.iloc[:0]).tolist() == [False]
    assert touches(windows.iloc[:0], windows).tolist() == []
    assert touched(np.array([0, 5]), np.array([5, 9]), None).tolist() == [False, False]


def test_places_beyond_32_bits_are_compared_whole():
    # The largest chromosomes (of lungfish, of wheat when joined) are near to what int32 holds.
    far = 2**33
    windows = frame_of([("a", far, far + 10), ("a", far + 10, far + 20), ("a", 0, 10)])
    assert touches(windows, frame_of([("a", far + 9, far + 10)])).tolist() == [True, False, False]


# --- unions -----------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, database=None)
@given(rows=INTERVALS)
def test_a_union_covers_the_same_bases_and_none_of_its_parts_touches_another(rows):
    found = merged(frame_of(rows))
    assert bases_covered(rows_of(found)) == bases_covered(rows)
    for chrom in CHROMS:
        own = sorted((start, end) for name, start, end in rows_of(found) if name == chrom)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(own))
        starts, ends = union_by_chromosome(frame_of(rows)).get(chrom, ([], []))
        assert list(zip(starts, ends, strict=True)) == own
    assert rows_of(merged(found)) == rows_of(found)
    assert rows_of(merged(frame_of(rows[::-1]))) == rows_of(found)


@pytest.mark.parametrize("seed", range(3))
def test_the_union_is_that_of_bedtools_merge(seed, write_bed, bedtools):
    rng = np.random.default_rng(seed)
    intervals = random_intervals(rng, 200, CHROMS, 20_000)
    intervals.loc[0:1] = [["chr1", 100, 200], ["chr1", 200, 300]]  # book-ended
    path = write_bed("sorted.bed", intervals.sort_values(["chrom", "start"]).to_numpy())
    expected = sorted((row[0], int(row[1]), int(row[2])) for row in bedtools("merge", "-i", path))
    found = merged(intervals)
    assert rows_of(found) == expected
    assert merged(intervals.iloc[rng.permutation(len(intervals))]).equals(found)
    assert merged(found).equals(found)


def test_the_union_of_nothing_is_nothing():
    found = merged(pd.DataFrame({"chrom": [], "start": [], "end": [], "x": []}))
    assert found.shape == (0, 3)
    assert list(found.columns) == COLUMNS


# --- files ------------------------------------------------------------------------------------------------------------


def test_regions_are_read_with_names_as_text_and_may_be_none(write_bed):
    found = read_regions(write_bed("a.bed", [("NA", 1, 5, "x"), ("1", 2, 6, "x")]))
    assert found.to_numpy().tolist() == [["NA", 1, 5], ["1", 2, 6]]
    empty = read_regions(write_bed("b.bed", []))
    assert len(empty) == 0
    assert list(empty.columns) == COLUMNS
    assert [str(empty[name].dtype) for name in ("start", "end")] == ["int64"] * 2
