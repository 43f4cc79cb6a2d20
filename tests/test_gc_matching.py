"""Windows with the GC content of others: exact number, clear of everything, each a stand-in within the limit."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import bases_covered, frame_of, genome_of, rows_of

from cisflow.gc_matching import MAX_TILINGS, candidate_tiles, gc_matched, match_counts
from cisflow.genome import open_genome
from cisflow.negatives import Ground

WIDTH = 60
QUICK = settings(max_examples=60, deadline=None, database=None)


def none_refused(windows):
    return np.zeros(len(windows), dtype=bool)


def gc_of(sequences, windows):
    texts = [sequences[row.chrom][row.start : row.end] for row in windows.itertuples()]
    return [text.count("G") + text.count("C") for text in texts]


# --- matching by count ------------------------------------------------------------------------------------------------


def most_that_can_be_matched(wanted, available, limit):
    """Largest number of windows that any choice could match, by trying all of them (small cases)."""
    template = [count for count, number in enumerate(wanted) for _ in range(number)]
    pool = [count for count, number in enumerate(available) for _ in range(number)]
    best = 0
    for order in set(itertools.permutations(pool, min(len(pool), len(template)))):
        for chosen in itertools.combinations(template, len(order)):
            best = max(best, sum(abs(a - b) <= limit for a, b in zip(chosen, order, strict=True)))
    return best


COUNTS = st.integers(2, 40).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 9), min_size=size, max_size=size).map(np.array)] * 2)
)


@QUICK
@given(counts=COUNTS, limit=st.integers(0, 8))
def test_never_more_than_there_is_and_nothing_lost(counts, limit, pairable):
    wanted, available = counts
    before = wanted.copy(), available.copy()
    taken, missing = match_counts(wanted, available, limit)
    np.testing.assert_array_equal(wanted, before[0])
    np.testing.assert_array_equal(available, before[1])
    assert (taken >= 0).all()
    assert (taken <= available).all()
    assert (missing >= 0).all()
    assert (missing <= wanted).all()
    assert taken.sum() + missing.sum() == wanted.sum()
    assert (taken >= np.minimum(wanted, available)).all()  # what matches exactly is never given away
    # What was taken can stand for what was wanted and is not missing, pair by pair within the limit.
    values = np.arange(len(wanted))
    assert pairable(np.repeat(values, wanted - missing), np.repeat(values, taken), limit) == taken.sum()
    # Where something is missing, nothing within the limit is left.
    left = available - taken
    for count in np.flatnonzero(missing):
        assert not left[max(count - limit, 0) : count + limit + 1].any()


@pytest.mark.parametrize("seed", range(15))
def test_no_choice_matches_more_where_wants_lie_further_apart_than_twice_the_limit(seed):
    rng = np.random.default_rng(seed)
    wanted = np.zeros(9, dtype=int)
    wanted[[1, 7]] = rng.integers(0, 3, size=2)
    available = rng.multinomial(5, [1 / 9] * 9)
    taken, _ = match_counts(wanted, available, 2)
    assert taken.sum() == most_that_can_be_matched(wanted, available, 2)


def test_the_nearest_count_is_taken_and_none_beyond_the_limit():
    wanted, available = np.array([0, 0, 0, 2, 0, 0, 0]), np.array([5, 0, 1, 0, 0, 1, 5])
    assert [part.tolist() for part in match_counts(wanted, available, 1)] == [
        [0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
    ]
    assert [part.tolist() for part in match_counts(wanted, available, 2)] == [[0, 0, 1, 0, 0, 1, 0], [0] * 7]
    assert match_counts(wanted, available, 0)[1].sum() == 2
    assert match_counts(wanted, available, 100)[0].sum() == 2


def test_what_is_rich_in_gc_chooses_first_where_there_is_not_enough():
    # Of yeast's windows hardly one has 60 % GC: the nearest ones went to positives with 59 %, and the one with 65 % was
    # left without any, so that one seed in six found too few negatives.
    wanted, available = np.zeros(221, dtype=int), np.zeros(221, dtype=int)
    wanted[[90, 128, 130, 132, 133, 142]] = 1
    available[[80, 88, 90, 92, 124, 126, 127, 131, 133]] = 1
    taken, missing = match_counts(wanted, available, 11)
    assert np.flatnonzero(taken).tolist() == [90, 124, 126, 127, 131, 133]
    assert not missing.any()


# --- tiles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge_margin", [0, 45])
@pytest.mark.parametrize("fraction", [0, 0.05, 1])
def test_tiles_are_every_clear_place_of_one_tiling(fraction, edge_margin, genome):
    rng = np.random.default_rng(9)
    chromosomes = ["chr10", "tiny", "NA"]
    starts = rng.integers(0, 11_000, size=40)
    avoid = frame_of([(chromosomes[2 * (n % 2)], start, start + 1 + 7 * n) for n, start in enumerate(starts)])
    ground = Ground(open_genome(genome.fasta), chromosomes, WIDTH, edge_margin, avoid, fraction)
    chroms, starts, gc = candidate_tiles(ground, avoid, np.random.default_rng(4))
    tiles = frame_of([(chromosomes[chrom], start, start + WIDTH) for chrom, start in zip(chroms, starts, strict=True)])
    assert set(tiles["chrom"]) == {"chr10", "NA"}  # `tiny` is shorter than a window
    for chrom, own in tiles.groupby("chrom"):
        # A tile is clear if its bases are: those of one tiling from the first tile's phase on.
        phase = (own["start"].iloc[0] - edge_margin) % WIDTH + edge_margin
        covered = np.zeros(genome.sizes[chrom], dtype=bool)
        for row in avoid[avoid["chrom"] == chrom].itertuples():
            covered[row.start : row.end] = True
        clear = []
        for start in range(phase, genome.sizes[chrom] - edge_margin - WIDTH + 1, WIDTH):
            bases = genome.upper[chrom][start : start + WIDTH]
            unknown = sum(base not in "ACGT" for base in bases)
            if unknown / WIDTH <= fraction and not covered[start : start + WIDTH].any():
                clear.append(start)
        assert own["start"].tolist() == clear
    assert gc.tolist() == gc_of(genome.upper, tiles)


def test_a_split_without_room_for_a_window_has_no_tiles(genome):
    opened = open_genome(genome.fasta)
    for chromosomes, margin in (["tiny"], 0), ([], 0), (["1"], 6_000):
        ground = Ground(opened, chromosomes, WIDTH, margin, frame_of([]), 0)
        tiles = candidate_tiles(ground, ground.avoid, np.random.default_rng(1))
        assert [len(part) for part in tiles] == [0, 0, 0]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_tiles_reach_the_very_ends(width):
    genome = genome_of({"a": "ACGT" * 15})
    begins, ends = set(), set()
    for seed in range(20):
        for margin in (0, 5):
            ground = Ground(genome, ["a"], width, margin, frame_of([]), 0)
            starts = candidate_tiles(ground, ground.avoid, np.random.default_rng(seed))[1]
            assert np.diff(starts).tolist() == [width] * (len(starts) - 1)
            begins.add((margin, int(starts[0])))
            ends.add((margin, int(starts[-1]) + width))
    assert begins == {(margin, margin + phase) for margin in (0, 5) for phase in range(width)}
    assert ends == {(margin, 60 - margin - phase) for margin in (0, 5) for phase in range(width)}


def test_exactly_the_fraction_of_unknown_bases_is_a_candidate():
    # 0.29 * 100 is 28.999999999999996, so that 29 of 100 once counted as more than 29 %.
    genome = genome_of({"chr1": ("A" * 71 + "N" * 29) * 30})
    for fraction, expected in ((0.29, 29), (0.28, 0)):
        ground = Ground(genome, ["chr1"], 100, 0, frame_of([]), fraction)
        assert len(candidate_tiles(ground, ground.avoid, np.random.default_rng(1))[1]) == expected


# --- drawing ----------------------------------------------------------------------------------------------------------


@st.composite
def draws(draw):
    """Chromosomes of a few hundred bases, what to avoid, and numbers of G or C of windows that lie on one of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    width = draw(st.integers(2, 20))
    sequences = {}
    for name in ("a", "b", "c"):
        length = draw(st.integers(1, 600))
        p = np.array([0.3, 0.2, 0.2, 0.3 - draw(st.sampled_from([0, 0.02]))])
        bases = rng.choice(list("ACGTN"), size=length, p=[*p, 1 - p.sum()])
        sequences[name] = "".join(bases)
    starts = rng.integers(0, 600, size=draw(st.integers(0, 8)))
    avoid = frame_of([(str(rng.choice(["a", "b", "c"])), start, start + int(rng.integers(1, 40))) for start in starts])
    template = rng.binomial(width, 0.4, size=draw(st.integers(1, 15)))
    margin, fraction = draw(st.sampled_from([0, 0, 3])), draw(st.sampled_from([0, 0.1, 1]))
    limit = draw(st.sampled_from([0, 0.05, 0.1, 0.3]))
    return sequences, width, avoid, template, margin, fraction, limit, rng


@settings(max_examples=120, deadline=None, database=None)
@given(case=draws(), refuse=st.sampled_from([0, 0, 0.3]))
def test_what_is_promised_of_a_draw(case, refuse, pairable):
    sequences, width, avoid, template, margin, fraction, limit, rng = case
    ground = Ground(genome_of(sequences), ["a", "c"], width, margin, avoid, fraction)
    asked, refused = set(), set()

    def is_refused(windows):
        answer = rng.random(len(windows)) < refuse
        asked.update(rows_of(windows))
        refused.update(rows_of(windows[answer]))
        return answer

    drawn, missing, tried = gc_matched(template, ground, limit, is_refused, rng)
    assert len(drawn) + missing.sum() == len(template)
    rows = rows_of(drawn)
    assert len(drawn) <= tried
    assert set(rows) <= asked - refused
    taken = set()
    covered = bases_covered(rows_of(avoid))
    for chrom, start, end in rows:
        bases = bases_covered([(chrom, start, end)])
        assert chrom in ("a", "c")
        assert end - start == width
        assert margin <= start
        assert end <= len(sequences[chrom]) - margin
        assert not bases & covered
        assert not bases & taken
        taken |= bases
        unknown = sum(base not in "ACGT" for base in sequences[chrom][start:end])
        assert unknown / width <= fraction
    assert drawn["gc"].tolist() == gc_of(sequences, drawn)
    # Every window stands for a wanted one of its own within the limit, those that are missing left out.
    served = np.repeat(np.arange(width + 1), np.bincount(template, minlength=width + 1) - missing)
    assert pairable(served, drawn["gc"], math.floor(limit * width + 1e-9)) == len(drawn)


def test_what_stands_for_a_refused_window_is_as_near_to_what_was_wanted():
    # It was matched to the refused window, and so could lie twice the limit from the wanted number.
    sequences = {"a": ("GG" + "A" * 8) * 5 + ("GGG" + "A" * 7) * 5}
    ground = Ground(genome_of(sequences), ["a"], 10, 0, frame_of([]), 0)

    def three_refused(windows):
        return (windows["gc"] >= 2).to_numpy()

    for seed in range(10):
        rng = np.random.default_rng(seed)
        drawn, missing, _ = gc_matched(np.array([1] * 3), ground, 0.1, three_refused, rng)
        assert missing.tolist() == [0, 3 - len(drawn), *[0] * 9]
        assert set(drawn["gc"]) <= {0, 1}


def test_equal_counts_where_there_are_enough(genome):
    ground = Ground(open_genome(genome.fasta), ["chr2", "chr1"], WIDTH, 0, frame_of([]), 0)
    template = np.random.default_rng(3).integers(15, 40, size=60)
    drawn, missing, _ = gc_matched(template, ground, 0, none_refused, np.random.default_rng(1))
    assert not missing.any()
    assert sorted(drawn["gc"]) == sorted(template)


def test_what_one_tiling_cannot_give_comes_from_another(bedtools, write_bed):
    # Clear gaps of 80 bases: a tiling of 60 falls into some of them and misses the others.
    rng = np.random.default_rng(1)
    genome = genome_of({"chr1": "".join(rng.choice(list("ACGT"), size=200 * 203))})
    avoid = pd.DataFrame({"chrom": "chr1", "start": np.arange(0, 200 * 203, 203)})
    avoid["end"] = avoid["start"] + 123
    ground = Ground(genome, ["chr1"], WIDTH, 0, avoid, 0)
    one = candidate_tiles(ground, avoid, np.random.default_rng(1))[1]
    template = np.full(160, WIDTH // 2)
    drawn, missing, tried = gc_matched(template, ground, 1, none_refused, np.random.default_rng(1))
    assert len(one) < len(drawn) == 160 <= tried
    assert not missing.any()
    bed = write_bed("n.bed", rows_of(drawn))
    assert bedtools("intersect", "-u", "-a", bed, "-b", write_bed("a.bed", avoid.to_numpy())) == []
    assert len(bedtools("intersect", "-wa", "-wb", "-a", bed, "-b", bed)) == len(drawn)


def test_a_draw_that_is_always_refused_ends(genome):
    ground, asked = Ground(open_genome(genome.fasta), ["chr1"], WIDTH, 0, frame_of([]), 0), []

    def all_refused(windows):
        asked.append(len(windows))
        return np.ones(len(windows), dtype=bool)

    template = np.full(5, 24)
    drawn, missing, _ = gc_matched(template, ground, 0.05, all_refused, np.random.default_rng(1))
    assert len(drawn) == 0
    assert missing[24] == missing.sum() == 5
    # All are asked for anew each time, until the small chromosome has been refused from end to end.
    assert len(asked) == MAX_TILINGS
    assert asked[:20] == [5] * 20


def test_a_seed_gives_one_draw_and_the_order_of_what_is_avoided_does_not_matter(genome):
    avoid = frame_of([("chr2", start, start + 50) for start in range(0, 30_000, 700)])

    def draw(seed, avoid=avoid):
        ground = Ground(open_genome(genome.fasta), ["chr2", "chr1"], WIDTH, 0, avoid, 0)
        return gc_matched(np.arange(15, 45), ground, 0.1, none_refused, np.random.default_rng(seed))[0]

    pd.testing.assert_frame_equal(draw(1), draw(1))
    assert not draw(1).equals(draw(2))
    pd.testing.assert_frame_equal(draw(1), draw(1, avoid.sample(frac=1, random_state=3)))
