"""GC-matched negatives: exact number, clear of everything, in their own split, with the GC content of the positives."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cisflow.messages import InputError
from cisflow.negatives import candidate_tiles, gc_counts, gc_matched_negatives, match_counts

WIDTH = 60
COLUMNS = ["chrom", "start", "end"]


def random_windows(rng, genome, chroms, number, width=WIDTH):
    """Windows of one width without unknown bases, one at each chromosome's beginning and end among them."""
    rows = []
    for chrom in chroms:
        length = genome.sizes[chrom]
        starts = [0, length - width, *rng.integers(0, length - width + 1, size=number)]
        rows += [(chrom, s, s + width) for s in starts if set(genome.upper[chrom][s : s + width]) <= set("ACGT")]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"chrom": object})


def peaks_and_regions(rng, genome, number=40):
    rows = []
    for _ in range(number):
        chrom = str(rng.choice(list(genome.sizes)[:5]))
        start = int(rng.integers(0, genome.sizes[chrom] - 300))
        rows.append((chrom, start, start + int(rng.integers(1, 300))))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"chrom": object})


def nuc(bedtools, fasta, bed):
    """Numbers of G or C, and of unknown bases, of each row of a BED3 file."""
    rows = [row for row in bedtools("nuc", "-fi", fasta, "-bed", bed) if not row[0].startswith("#")]
    return [int(r[6]) + int(r[7]) for r in rows], [int(r[9]) + int(r[10]) for r in rows]


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


@pytest.mark.parametrize("seed", range(20))
def test_never_more_than_there_is_and_nothing_lost(seed, pairable):
    rng = np.random.default_rng(seed)
    size, limit = int(rng.integers(2, 60)), int(rng.integers(0, 8))
    wanted, available = rng.integers(0, 9, size=size), rng.integers(0, 9, size=size)
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
    values = np.arange(size)
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


# --- tiles and counts -------------------------------------------------------------------------------------------------


def test_gc_counts_are_those_of_bedtools_in_any_order(genome, bedtools, write_bed):
    rng = np.random.default_rng(3)
    windows = pd.concat(
        [
            pd.DataFrame({"chrom": chrom, "start": rng.integers(0, genome.sizes[chrom] - WIDTH, size=50)})
            for chrom in list(genome.sizes)[:5]
        ]
    ).sample(frac=1, random_state=1)
    windows["end"] = windows["start"] + WIDTH
    expected, _ = nuc(bedtools, genome.fasta, write_bed("w.bed", windows.to_numpy()))
    assert gc_counts(windows, genome.fasta).tolist() == expected


@pytest.mark.parametrize("fraction", [0, 0.05, 1])
def test_tiles_are_every_clear_place_of_one_tiling(fraction, genome, bedtools, write_bed):
    rng = np.random.default_rng(9)
    avoid = peaks_and_regions(rng, genome)
    chroms = ["chr10", "tiny", "NA"]
    tiles = candidate_tiles(chroms, genome.sizes, WIDTH, avoid, genome.fasta, fraction, np.random.default_rng(4))
    clear = set()
    phases = dict(tiles.groupby("chrom")["start"].agg(lambda s: s.iloc[0] % WIDTH))
    assert set(phases) == {"chr10", "NA"}
    for chrom, phase in phases.items():
        near = avoid[avoid["chrom"] == chrom]
        for start in range(phase, genome.sizes[chrom] - WIDTH + 1, WIDTH):
            bases = genome.upper[chrom][start : start + WIDTH]
            unknown = sum(base not in "ACGT" for base in bases)
            if unknown / WIDTH <= fraction and not ((near["start"] < start + WIDTH) & (start < near["end"])).any():
                clear.add((chrom, start, start + WIDTH))
    assert set(tiles[COLUMNS].itertuples(index=False, name=None)) == clear
    assert len(tiles) == len(clear)
    expected, _ = nuc(bedtools, genome.fasta, write_bed("t.bed", tiles[COLUMNS].to_numpy()))
    assert tiles["gc"].tolist() == expected


def test_chromosomes_shorter_than_a_window_have_no_tiles(genome):
    rng = np.random.default_rng(1)
    nothing = pd.DataFrame({"chrom": [], "start": [], "end": []})
    tiles = candidate_tiles(["tiny"], genome.sizes, WIDTH, nothing, genome.fasta, 0, rng)
    assert len(tiles) == 0
    assert [str(tiles[column].dtype) for column in ("start", "end", "gc")] == ["int64"] * 3


def test_exactly_the_fraction_of_unknown_bases_is_a_candidate(make_genome):
    genome = make_genome({"chr1": ("A" * 71 + "N" * 29) * 30})
    nothing = pd.DataFrame({"chrom": [], "start": [], "end": []})
    for fraction, expected in ((0.29, 29), (0.28, 0)):
        tiles = candidate_tiles(["chr1"], genome.sizes, 100, nothing, genome.fasta, fraction, np.random.default_rng(1))
        assert len(tiles) == expected


# --- negatives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_positive", [0, 0.5, 1, 1.3, 3])
@pytest.mark.parametrize("chroms", [["chr2"], ["chr10", "chr1"], ["NA", "1", "tiny"]])
def test_what_is_promised_of_negatives(per_positive, chroms, genome, bedtools, write_bed, pairable):
    rng = np.random.default_rng([len(chroms), int(10 * per_positive)])
    positives = random_windows(rng, genome, [c for c in chroms if c != "tiny"], 15)
    avoid = pd.concat([positives, peaks_and_regions(rng, genome)], ignore_index=True)
    limit = 0.1
    negatives = gc_matched_negatives(
        positives, chroms, genome.sizes, avoid, genome.fasta, per_positive, limit, 0, np.random.default_rng(1)
    )
    assert len(negatives) == round(per_positive * len(positives))
    if not len(negatives):
        return
    bed, avoid_bed = write_bed("n.bed", negatives[COLUMNS].to_numpy()), write_bed("a.bed", avoid.to_numpy())
    assert bedtools("intersect", "-u", "-a", bed, "-b", avoid_bed) == []
    # No negative touches another one: each overlaps itself alone.
    assert len(bedtools("intersect", "-wa", "-wb", "-a", bed, "-b", bed)) == len(negatives)
    assert set(negatives["chrom"]) <= set(chroms)
    assert (negatives["end"] - negatives["start"] == WIDTH).all()
    assert (negatives["start"] >= 0).all()
    assert (negatives["end"] <= negatives["chrom"].map(genome.sizes)).all()
    order = [(list(genome.sizes).index(c), s) for c, s in zip(negatives["chrom"], negatives["start"], strict=True)]
    assert order == sorted(order)
    gc, unknown = nuc(bedtools, genome.fasta, bed)
    assert not any(unknown)
    assert negatives["gc"].tolist() == gc
    positive_gc, _ = nuc(bedtools, genome.fasta, write_bed("p.bed", positives.to_numpy()))
    copies = int(np.ceil(per_positive))  # each positive stands for so many negatives at most
    assert pairable(gc, positive_gc * copies, limit * WIDTH) == len(gc)
    if per_positive in (1, 3):
        np.testing.assert_array_less(np.abs(np.subtract(sorted(gc), sorted(positive_gc * copies))), limit * WIDTH + 1)


def test_equal_gc_counts_where_there_are_enough(genome, bedtools, write_bed):
    positives = random_windows(np.random.default_rng(8), genome, ["chr2"], 5)
    negatives = gc_matched_negatives(
        positives, ["chr2", "chr1"], genome.sizes, positives, genome.fasta, 1, 0, 0, np.random.default_rng(1)
    )
    gc, _ = nuc(bedtools, genome.fasta, write_bed("p.bed", positives.to_numpy()))
    assert sorted(negatives["gc"]) == sorted(gc)


def test_a_seed_gives_one_draw_and_another_seed_another(genome):
    rng = np.random.default_rng(8)
    positives = random_windows(rng, genome, ["chr2", "chr1"], 10)
    avoid = pd.concat([positives, peaks_and_regions(rng, genome)], ignore_index=True)

    def draw(seed, positives=positives, avoid=avoid):
        return gc_matched_negatives(
            positives, ["chr2", "chr1"], genome.sizes, avoid, genome.fasta, 2, 0.1, 0, np.random.default_rng(seed)
        )

    first = draw(1)
    pd.testing.assert_frame_equal(draw(1), first)
    assert not draw(2).equals(first)
    # The order of positives and of what is avoided does not matter.
    pd.testing.assert_frame_equal(draw(1, positives.sample(frac=1), avoid.sample(frac=1)), first)


def test_negatives_may_hold_unknown_bases_up_to_the_fraction(genome, bedtools, write_bed):
    positives = random_windows(np.random.default_rng(8), genome, ["chr2"], 20)
    negatives = gc_matched_negatives(
        positives, ["chr2"], genome.sizes, positives, genome.fasta, 5, 0.3, 0.2, np.random.default_rng(1)
    )
    _, unknown = nuc(bedtools, genome.fasta, write_bed("n.bed", negatives[COLUMNS].to_numpy()))
    assert 0 < max(unknown) <= 0.2 * WIDTH


@pytest.mark.parametrize(("per_positive", "limit"), [(1000, 1), (1, 0)])
def test_a_shortage_is_an_error_that_names_the_number(per_positive, limit, make_genome):
    # Positives of 100 % GC in a genome whose other bases are A, or far too many asked for.
    genome = make_genome({"chr1": "GC" * 50 + "A" * 3_000, "chr2": "GC" * 3_000})
    positives = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [60]})
    with pytest.raises(InputError, match=r"too few negatives on chr1: (\d+) of (\d+) are missing") as caught:
        gc_matched_negatives(
            positives, ["chr1"], genome.sizes, positives, genome.fasta, per_positive, limit, 0, np.random.default_rng(1)
        )
    missing, total = (int(word) for word in caught.value.what.split() if word.isdigit())
    assert total == per_positive
    if limit == 0:
        assert missing == 1
        assert "100 to 100 % GC" in caught.value.why
    else:
        assert total - 3_100 // WIDTH <= missing < total
    assert "negatives.per_positive" in caught.value.fix


def test_no_candidate_at_all_is_a_shortage(make_genome):
    genome = make_genome({"chr1": "ACGT" * 20 + "N" * 500})
    positives = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [60]})
    with pytest.raises(InputError, match="1 of 1 are missing"):
        gc_matched_negatives(
            positives, ["chr1"], genome.sizes, positives, genome.fasta, 1, 1, 0, np.random.default_rng(1)
        )


def test_none_asked_for_are_none_even_where_there_is_no_candidate(make_genome):
    genome = make_genome({"chr1": "ACGT" * 15})
    positives = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [60]})
    negatives = gc_matched_negatives(
        positives, ["chr1"], genome.sizes, positives, genome.fasta, 0, 0.02, 0, np.random.default_rng(1)
    )
    assert len(negatives) == 0


def test_what_one_tiling_cannot_give_comes_from_another(make_genome, bedtools, write_bed):
    # Clear gaps of 80 bases: a tiling of 60 falls into some of them and misses the others.
    rng = np.random.default_rng(1)
    genome = make_genome({"chr1": "".join(rng.choice(list("ACGT"), size=200 * 203))})
    avoid = pd.DataFrame({"chrom": "chr1", "start": np.arange(0, 200 * 203, 203)})
    avoid["end"] = avoid["start"] + 123
    positives = avoid.assign(end=avoid["start"] + WIDTH)
    one = candidate_tiles(["chr1"], genome.sizes, WIDTH, avoid, genome.fasta, 0, np.random.default_rng(1))
    negatives = gc_matched_negatives(
        positives, ["chr1"], genome.sizes, avoid, genome.fasta, 0.8, 1, 0, np.random.default_rng(1)
    )
    assert len(one) < 0.8 * len(positives) == len(negatives)
    bed = write_bed("n.bed", negatives[COLUMNS].to_numpy())
    assert bedtools("intersect", "-u", "-a", bed, "-b", write_bed("a.bed", avoid.to_numpy())) == []
    assert len(bedtools("intersect", "-wa", "-wb", "-a", bed, "-b", bed)) == len(negatives)
