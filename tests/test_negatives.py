"""Negatives of every kind: exact number, clear of everything, in their own split, and what each kind promises."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import bases_covered, frame_of, genome_of, rows_of

from cisflow.checksums import sha256_of
from cisflow.genome import open_genome, read_bases
from cisflow.messages import InputError
from cisflow.negatives import (
    KINDS,
    Ground,
    apart,
    beside,
    draw_negatives,
    from_regions,
    read_pools,
    shares,
    what_hinders,
)
from cisflow.window_table import write_peak_table

WIDTH = 60
COLUMNS = ["chrom", "start", "end"]
OPTIONS = {"max_gc_difference": 0.1, "flank_distance": [20, 300]}


def none_refused(windows, bases=None):
    return np.zeros(len(windows), dtype=bool)


def anchors_of(rng, sizes, number, chroms=None):
    """Anchors anywhere on some chromosomes, those too near to an end included."""
    names = rng.choice(chroms or list(sizes), size=number)
    return pd.DataFrame({"chrom": names, "anchor": [int(rng.integers(sizes[name])) for name in names]}).astype(
        {"chrom": object}
    )


def nuc(bedtools, fasta, bed):
    """Numbers of G or C, and of unknown bases, of each row of a BED3 file."""
    rows = [row for row in bedtools("nuc", "-fi", fasta, "-bed", bed) if not row[0].startswith("#")]
    return [int(r[6]) + int(r[7]) for r in rows], [int(r[9]) + int(r[10]) for r in rows]


# --- shares -----------------------------------------------------------------------------------------------------------


def usable(ground, windows):
    hindrance, gc = what_hinders(ground, windows)
    return hindrance == "", gc


@settings(max_examples=150, deadline=None, database=None)
@given(
    kinds=st.dictionaries(st.sampled_from(KINDS), st.integers(1, 1000).map(lambda n: n / 100), min_size=1),
    total=st.integers(0, 5000),
)
def test_shares_add_up_and_lie_within_one_of_the_proportion(kinds, total):
    counts = shares(kinds, total)
    assert list(counts) == list(kinds)
    assert sum(counts.values()) == total
    whole = sum(Fraction(proportion) for proportion in kinds.values())
    for kind, proportion in kinds.items():
        assert abs(counts[kind] - total * Fraction(proportion) / whole) < 1 + Fraction(1, 10**6)


def test_the_rest_goes_to_the_largest_remainders():
    assert shares({"gc_matched": 1, "flanking": 1, "bed": 1}, 11) == {"gc_matched": 4, "flanking": 4, "bed": 3}
    assert shares({"gc_matched": 0.7, "flanking": 0.3}, 9) == {"gc_matched": 6, "flanking": 3}
    assert shares({"gc_matched": 5, "flanking": 2.6, "bed": 2.4}, 10) == {"gc_matched": 5, "flanking": 3, "bed": 2}
    assert shares({"gc_matched": 100, "flanking": 1}, 1) == {"gc_matched": 1, "flanking": 0}


# --- what may serve ---------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, database=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(1, 30),
    margin=st.integers(0, 8),
    fraction=st.sampled_from([0, 0.1, 0.29, 1]),
)
def test_usable_windows_lie_whole_and_clear_on_the_split(seed, width, margin, fraction):
    rng = np.random.default_rng(seed)
    sequences = {name: "".join(rng.choice(list("ACGTN"), size=80, p=[0.24] * 4 + [0.04])) for name in ("a", "b", "c")}
    avoid = frame_of([("a", 20, 30), ("c", 50, 51), ("x", 0, 9)])
    ground = Ground(genome_of(sequences), ["a", "c"], width, margin, avoid, fraction)
    starts = rng.integers(-10, 90, size=40)
    names = rng.choice(["a", "b", "c", "elsewhere"], size=40)
    windows = frame_of([(name, start, start + width) for name, start in zip(names, starts, strict=True)])
    good, gc = usable(ground, windows)
    for (chrom, start, end), is_good, count in zip(rows_of(windows), good, gc, strict=True):
        inside = chrom in ("a", "c") and margin <= start and end <= 80 - margin
        touching = any(row.chrom == chrom and row.start < end and start < row.end for row in avoid.itertuples())
        if not inside or touching:
            assert not is_good
            continue
        text = sequences[chrom][start:end]
        assert is_good == (text.count("N") / width <= fraction)
        assert count == text.count("G") + text.count("C")


def test_exactly_the_fraction_of_unknown_bases_may_serve():
    # 0.29 * 100 is 28.999999999999996, so that 29 of 100 once counted as more than 29 %.
    genome = genome_of({"a": "A" * 71 + "N" * 29})
    for fraction, expected in ((0.29, True), (0.28, False)):
        ground = Ground(genome, ["a"], 100, 0, frame_of([]), fraction)
        assert usable(ground, frame_of([("a", 0, 100)]))[0].tolist() == [expected]


@settings(max_examples=100, deadline=None, database=None)
@given(
    places=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 60)), min_size=1, max_size=15),
    width=st.integers(1, 12),
)
def test_of_overlapping_windows_the_first_is_kept(places, width):
    windows = frame_of([(chrom, start, start + width) for chrom, start in places])
    kept = []
    for chrom, start in places:
        before = itertools.compress(places, kept)
        kept.append(not any(name == chrom and abs(place - start) < width for name, place in before))
    assert apart(windows).tolist() == kept
    assert apart(windows.iloc[:0]).tolist() == []


# --- kinds ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 12), refuse=st.sampled_from([0, 0.4]))
def test_windows_about_given_regions(seed, count, refuse):
    rng = np.random.default_rng(seed)
    sizes = {"a": 300, "b": 300}
    genome = genome_of({name: "".join(rng.choice(list("ACGT"), size=length)) for name, length in sizes.items()})
    regions = anchors_of(rng, sizes, 20)
    ground = Ground(genome, ["a"], 21, 2, frame_of([("a", 100, 120)]), 0)
    asked, refused = set(), set()

    def is_refused(windows):
        answer = rng.random(len(windows)) < refuse
        asked.update(rows_of(windows))
        refused.update(rows_of(windows[answer]))
        return answer

    drawn, fates = from_regions(count, regions, ground, is_refused, rng)
    assert sum(fates.values()) == len(regions)  # nothing leaves silently
    assert fates["drawn"] == len(drawn)
    assert fates["off_split"] == int((regions["chrom"] != "a").sum())
    assert fates["leaking"] == len(refused)
    tried = fates["drawn"] + fates["leaking"] + fates["not_needed"]
    about = {("a", anchor - 10, anchor + 11) for anchor in regions.loc[regions["chrom"] == "a", "anchor"]}
    rows = rows_of(drawn)
    assert set(rows) <= about & (asked - refused)
    assert len(set(rows)) == len(rows)
    assert apart(drawn).all()
    assert usable(ground, drawn)[0].all()
    assert len(rows) <= min(count, tried)
    if not refuse:
        assert len(rows) == min(count, tried)
        # As many as can be had without overlap, if drawn in some order: no region that would serve is left.
        if tried <= count:
            left = [row for row in about if usable(ground, frame_of([row]))[0].all()]
            assert all(any(abs(row[1] - other[1]) < 21 for other in rows) for row in left)


@settings(max_examples=40, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), per_positive=st.integers(1, 3), refuse=st.sampled_from([0, 0.3]))
def test_windows_beside_the_positives(seed, per_positive, refuse):
    rng = np.random.default_rng(seed)
    genome = genome_of({name: "".join(rng.choice(list("ACGT"), size=4_000)) for name in ("a", "b")})
    starts = np.arange(100, 3_900, 400)
    positives = frame_of([(str(rng.choice(["a", "b"])), start, start + 30) for start in starts])
    ground = Ground(genome, ["a", "b"], 30, 0, positives, 0)
    asked, refused = set(), set()

    def is_refused(windows):
        answer = rng.random(len(windows)) < refuse
        asked.update(rows_of(windows))
        refused.update(rows_of(windows[answer]))
        return answer

    count = per_positive * len(positives)
    drawn = beside(count, positives, ground, (15, 170), is_refused, rng)
    assert len(drawn) <= count
    if not refuse:
        assert len(drawn) == count  # there is room for all
    assert apart(drawn).all()
    assert usable(ground, drawn)[0].all()
    assert set(rows_of(drawn)) <= asked - refused
    for chrom, start, end in rows_of(drawn):
        gaps = [
            start - p_end if start >= p_end else p_start - end for c, p_start, p_end in rows_of(positives) if c == chrom
        ]
        assert any(15 <= gap <= 170 for gap in gaps)


def test_every_positive_has_its_own_neighbour_first():
    genome = genome_of({"a": "ACGT" * 2_000})
    positives = frame_of([("a", start, start + 30) for start in range(500, 7_500, 700)])
    ground = Ground(genome, ["a"], 30, 0, positives, 0)
    drawn = beside(2 * len(positives), positives, ground, (0, 200), none_refused, np.random.default_rng(1))
    nearest = [int(np.argmin(np.abs(positives["start"] - start))) for start in drawn["start"]]
    assert set(Counter(nearest).values()) == {2}


def test_where_a_positive_has_no_room_another_stands_in():
    genome = genome_of({"a": "ACGT" * 300})
    positives = frame_of([("a", 0, 30), ("a", 600, 630)])
    avoid = pd.concat([positives, frame_of([("a", 30, 400)])])
    drawn = beside(
        4, positives, Ground(genome, ["a"], 30, 0, avoid, 0), (0, 150), none_refused, np.random.default_rng(1)
    )
    assert len(drawn) == 4
    assert (drawn["start"] >= 400).all()


# --- all of a split ---------------------------------------------------------------------------------------------------


@st.composite
def splits(draw):
    """A genome, a split of it, positives without unknown bases, peaks to avoid, regions, kinds, and how many."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lengths = {"a": 6_000, "b": 3_000, "c": 6_001}
    sequences = {}
    for name, length in lengths.items():
        bases = rng.choice(list("ACGT"), size=length, p=[0.28, 0.22, 0.22, 0.28])
        for start in rng.integers(0, length - 50, size=2):
            bases[start : start + 40] = "N"
        sequences[name] = "".join(bases)
    width, margin = draw(st.sampled_from([20, 33])), draw(st.sampled_from([0, 25]))
    rows = []
    for start in rng.choice(np.arange(40, 5_900, 75), size=draw(st.integers(2, 8)), replace=False):
        chrom = str(rng.choice(["a", "c"]))
        if "N" not in sequences[chrom][start : start + width]:
            rows.append((chrom, int(start), int(start) + width))
    rows = rows or [("a", 3_000, 3_000 + width)]
    positives = frame_of(sorted(rows))
    peaks = [
        (str(rng.choice(["a", "b", "c"])), s, s + int(rng.integers(1, 60))) for s in rng.integers(0, 2_900, size=6)
    ]
    kinds = draw(st.dictionaries(st.sampled_from(KINDS), st.integers(1, 3), min_size=1))
    count = round(draw(st.sampled_from([0, 0.5, 1, 2])) * len(positives))
    fraction = draw(st.sampled_from([0, 0.2]))
    return sequences, positives, frame_of(peaks), kinds, count, width, margin, fraction, rng


@settings(max_examples=80, deadline=None, database=None)
@given(case=splits(), refuse=st.sampled_from([0, 0, 0.2]))
def test_what_is_promised_of_the_negatives_of_a_split(case, refuse):
    sequences, positives, peaks, kinds, count, width, margin, fraction, rng = case
    genome = genome_of(sequences)
    pools = {kind: anchors_of(rng, genome.sizes, 400) for kind in ("other_peaks", "bed")}
    avoid = pd.concat([peaks, positives], ignore_index=True)
    ground = Ground(genome, ["a", "c"], width, margin, avoid, fraction)
    options = {"max_gc_difference": 0.2, "flank_distance": [10, 400]}
    positive_bases = read_bases(genome, positives)
    asked, refused = set(), set()

    def is_refused(windows, bases=None):
        # Shuffles are told by their bases, windows of the genome by their place.
        answer = rng.random(len(windows)) < refuse
        shown = rows_of(windows) if bases is None else [row.tobytes().decode() for row in bases]
        asked.update(shown)
        refused.update(itertools.compress(shown, answer))
        return answer

    drawn, bases, accounts = draw_negatives(
        positives, positive_bases, kinds, count, ground, options, pools, is_refused, np.random.default_rng(1)
    )
    # The exact number, in all and of each kind, in one order.
    assert len(drawn) == len(bases) == count
    assert list(drawn.columns) == [*COLUMNS, "kind", "sequence"]
    wanted = {
        kind: number for kind, number in shares({k: kinds[k] for k in KINDS if k in kinds}, count).items() if number
    }
    assert Counter(drawn["kind"]) == wanted
    assert {row["kind"]: row["count"] for row in accounts if row["outcome"] == "wanted"} == wanted
    assert {row["kind"]: row["count"] for row in accounts if row["outcome"] == "drawn"} == wanted
    assert list(dict.fromkeys(drawn["kind"])) == list(wanted)
    for _, own in drawn.groupby("kind"):
        assert rows_of(own) == sorted(rows_of(own))
    # Each has the bases that are said.
    texts = [row.tobytes().decode() for row in bases]
    of_genome = drawn["kind"] != "dinucleotide_shuffle"
    for row, text in zip(drawn.itertuples(), texts, strict=True):
        if row.kind == "dinucleotide_shuffle":
            assert row.sequence == text
            assert row.sequence != sequences[row.chrom][row.start : row.end]
        else:
            assert row.sequence == "."
            assert text == sequences[row.chrom][row.start : row.end]
            assert text.count("N") / width <= fraction
    # Windows of the genome lie in the split, clear of peaks, positives and one another, whatever their kind.
    covered = bases_covered(rows_of(avoid))
    taken = set()
    for chrom, start, end in rows_of(drawn[of_genome]):
        place = bases_covered([(chrom, start, end)])
        assert chrom in ("a", "c")
        assert end - start == width
        assert margin <= start
        assert end <= len(sequences[chrom]) - margin
        assert not place & covered
        assert not place & taken
        taken |= place
    assert {*rows_of(drawn[of_genome]), *drawn.loc[~of_genome, "sequence"]} <= asked - refused
    # Shuffles are of positives, each as often as the others or once more.
    shuffled = Counter(rows_of(drawn[~of_genome]))
    assert set(shuffled) <= set(rows_of(positives))
    if shuffled:
        times = Counter(rows_of(positives))
        each = [shuffled[row] / times[row] for row in times]
        assert max(each) - min(each) <= 1


def test_no_kind_takes_what_another_has_taken():
    genome = genome_of({"a": "ACGT" * 100})
    positives = frame_of([("a", 0, 20)])
    anchors = pd.DataFrame({"chrom": "a", "anchor": range(40, 380, 30)})
    pools = {"bed": anchors, "other_peaks": anchors}
    ground, bases = Ground(genome, ["a"], 20, 0, positives, 0), read_bases(genome, positives)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        kinds = {"bed": 1, "other_peaks": 1}
        drawn, _, _ = draw_negatives(positives, bases, kinds, len(anchors), ground, OPTIONS, pools, none_refused, rng)
        assert sorted(rows_of(drawn)) == [("a", anchor - 10, anchor + 10) for anchor in anchors["anchor"]]


@pytest.mark.parametrize("per_positive", [0, 0.5, 1, 1.3, 3])
@pytest.mark.parametrize("chroms", [["chr2"], ["chr10", "chr1"], ["NA", "1", "tiny"]])
def test_gc_matched_negatives_by_bedtools(per_positive, chroms, genome, bedtools, write_bed, pairable):
    rng = np.random.default_rng([len(chroms), int(10 * per_positive)])
    rows, peaks = [], []
    for chrom in chroms:
        length = genome.sizes[chrom]
        for start in [0, length - WIDTH, *rng.integers(0, max(length - WIDTH, 0) + 1, size=15)]:
            if start >= 0 and set(genome.upper[chrom][start : start + WIDTH]) <= set("ACGT") and chrom != "tiny":
                rows.append((chrom, start, start + WIDTH))
    for _ in range(40):
        chrom = str(rng.choice(list(genome.sizes)[:5]))
        start = int(rng.integers(0, genome.sizes[chrom] - 300))
        peaks.append((chrom, start, start + int(rng.integers(1, 300))))
    positives, avoid = frame_of(rows), frame_of([*rows, *peaks])
    opened = open_genome(genome.fasta)
    ground, count = Ground(opened, chroms, WIDTH, 0, avoid, 0), round(per_positive * len(positives))
    rng = np.random.default_rng(1)
    negatives, _, _ = draw_negatives(
        positives, read_bases(opened, positives), {"gc_matched": 1}, count, ground, OPTIONS, {}, none_refused, rng
    )
    assert len(negatives) == count
    if not count:
        return
    bed, avoid_bed = write_bed("n.bed", rows_of(negatives)), write_bed("a.bed", rows_of(avoid))
    assert bedtools("intersect", "-u", "-a", bed, "-b", avoid_bed) == []
    # No negative touches another one: each overlaps itself alone.
    assert len(bedtools("intersect", "-wa", "-wb", "-a", bed, "-b", bed)) == len(negatives)
    order = [(list(genome.sizes).index(c), s) for c, s in zip(negatives["chrom"], negatives["start"], strict=True)]
    assert order == sorted(order)
    gc, unknown = nuc(bedtools, genome.fasta, bed)
    assert not any(unknown)
    positive_gc, _ = nuc(bedtools, genome.fasta, write_bed("p.bed", rows_of(positives)))
    copies = int(np.ceil(per_positive))  # each positive stands for so many negatives at most
    assert pairable(gc, positive_gc * copies, OPTIONS["max_gc_difference"] * WIDTH) == len(gc)
    if per_positive in (1, 3):
        difference = np.abs(np.subtract(sorted(gc), sorted(positive_gc * copies)))
        np.testing.assert_array_less(difference, OPTIONS["max_gc_difference"] * WIDTH + 1)


def test_a_seed_gives_one_draw_and_another_seed_another(genome):
    opened, rng = open_genome(genome.fasta), np.random.default_rng(8)
    starts = rng.integers(2_000, 28_000, size=12)
    positives = frame_of([("chr2", start, start + WIDTH) for start in np.sort(starts)])
    positives = positives[usable(Ground(opened, ["chr2"], WIDTH, 0, frame_of([]), 0), positives)[0]]
    pools = {"bed": anchors_of(rng, genome.sizes, 200), "other_peaks": anchors_of(rng, genome.sizes, 200)}
    kinds = dict.fromkeys(KINDS, 1)

    def draw(seed, kinds=kinds):
        ground = Ground(opened, ["chr2", "chr1"], WIDTH, 0, positives, 0)
        rng = np.random.default_rng(seed)
        bases = read_bases(opened, positives)
        return draw_negatives(positives, bases, kinds, 30, ground, OPTIONS, pools, none_refused, rng)

    first, bases, _ = draw(1)
    pd.testing.assert_frame_equal(draw(1)[0], first)
    np.testing.assert_array_equal(draw(1)[1], bases)
    assert not draw(2)[0].equals(first)
    # The order in which the configuration names the kinds does not matter.
    pd.testing.assert_frame_equal(draw(1, dict(reversed(kinds.items())))[0], first)


def test_shuffles_alone_need_no_window_of_the_genome(make_genome):
    # The bases of no windows had no width, and could not be put beside those of the shuffles.
    genome = open_genome(make_genome({"a": "ACGGTCATTGCATTAGCCATGCCA" * 5}).fasta)
    positives = frame_of([("a", 0, 24), ("a", 30, 54)])
    ground = Ground(genome, ["a"], 24, 0, frame_of([("a", 0, 120)]), 0)
    drawn, bases, _ = draw_negatives(
        positives,
        read_bases(genome, positives),
        {"dinucleotide_shuffle": 1},
        3,
        ground,
        OPTIONS,
        {},
        none_refused,
        np.random.default_rng(1),
    )
    assert [row.tobytes().decode() for row in bases] == drawn["sequence"].tolist()


# --- shortages --------------------------------------------------------------------------------------------------------


def shortage_of(positives, kinds, count, ground, pools=None, options=OPTIONS, is_refused=none_refused):
    """The error of a draw that must fail, with the numbers of missing and wanted negatives in it."""
    bases, rng = read_bases(ground.genome, positives), np.random.default_rng(1)
    with pytest.raises(InputError, match=r"too few negatives of kind \S+ on a.*: \d+ of \d+ are missing") as caught:
        draw_negatives(positives, bases, kinds, count, ground, options, pools or {}, is_refused, rng)
    missing, total = (int(word) for word in caught.value.what.split() if word.isdigit())
    assert "negatives.per_positive" in caught.value.fix
    assert caught.value.why
    return caught.value, missing, total


@pytest.mark.parametrize(("count", "limit"), [(1000, 1), (1, 0)])
def test_a_shortage_of_gc_matched_windows_names_the_numbers(count, limit):
    # Positives of 100 % GC in a genome whose other bases are A, or far too many asked for.
    ground_of = genome_of({"a": "GC" * 50 + "A" * 3_000, "b": "GC" * 3_000})
    positives = frame_of([("a", 0, 60)])
    ground = Ground(ground_of, ["a"], WIDTH, 0, positives, 0)
    options = {**OPTIONS, "max_gc_difference": limit}
    error, missing, total = shortage_of(positives, {"gc_matched": 1}, count, ground, options=options)
    assert total == count
    if limit == 0:
        assert missing == 1
        assert "100 to 100 % GC" in error.why
    else:
        assert total - 3_100 // WIDTH <= missing < total
    assert "negatives.max_gc_difference" in error.fix


def test_no_candidate_at_all_is_a_shortage():
    positives = frame_of([("a", 0, 60)])
    ground = Ground(genome_of({"a": "ACGT" * 20 + "N" * 500}), ["a"], WIDTH, 0, positives, 0)
    for kind in ("gc_matched", "flanking"):
        _, missing, total = shortage_of(positives, {kind: 1}, 1, ground)
        assert (missing, total) == (1, 1)


def test_a_shortage_of_flanks_names_the_distances():
    genome = genome_of({"a": "ACGT" * 100})
    positives = frame_of([("a", 150, 170)])
    ground = Ground(genome, ["a"], 20, 0, positives, 0)
    error, missing, total = shortage_of(positives, {"flanking": 1}, 50, ground, options={"flank_distance": [5, 60]})
    # At most (60 - 5 + 20) / 20 windows on either side.
    assert total == 50
    assert missing >= 50 - 6
    assert "5 to 60 bp from a positive" in error.why
    assert "negatives.flank_distance" in error.fix


@pytest.mark.parametrize("kind", ["other_peaks", "bed"])
def test_a_shortage_of_regions_says_how_many_there_are(kind):
    genome = genome_of({"a": "ACGT" * 100, "b": "ACGT" * 100})
    positives = frame_of([("a", 0, 20)])
    pool = pd.DataFrame({"chrom": ["a", "a", "a", "b"], "anchor": [100, 105, 200, 300]})
    ground = Ground(genome, ["a"], 20, 0, positives, 0)
    error, missing, total = shortage_of(positives, {kind: 1}, 5, ground, {kind: pool})
    assert (missing, total) == (3, 5)
    assert "of 3 regions on these chromosomes, 2 give a window" in error.why
    assert "give more regions" in error.fix


def test_a_shortage_of_one_kind_is_one_even_where_another_has_plenty():
    genome = genome_of({"a": "ACGT" * 500})
    positives = frame_of([("a", 0, 20)])
    # The one region was once taken by a window of the other kind, which could have lain anywhere.
    pools = {"bed": pd.DataFrame({"chrom": ["a"], "anchor": [1_000]})}
    ground = Ground(genome, ["a"], 20, 0, positives, 0)
    error, missing, total = shortage_of(positives, {"gc_matched": 1, "bed": 1}, 10, ground, pools)
    assert (missing, total) == (4, 5)
    assert "of kind bed" in error.what


def test_none_asked_for_are_none_even_where_there_is_no_candidate():
    genome = genome_of({"a": "ACGT" * 15})
    positives = frame_of([("a", 0, 60)])
    ground = Ground(genome, ["a"], WIDTH, 0, positives, 0)
    for kinds in ({"gc_matched": 1}, dict.fromkeys(KINDS, 1), {}):
        drawn, bases, _ = draw_negatives(
            positives,
            read_bases(genome, positives),
            kinds,
            0,
            ground,
            OPTIONS,
            {},
            none_refused,
            np.random.default_rng(1),
        )
        assert len(drawn) == 0
        assert list(drawn.columns) == [*COLUMNS, "kind", "sequence"]
        assert bases.shape == (0, WIDTH)


# --- regions to draw from ---------------------------------------------------------------------------------------------


def test_pools_are_peaks_of_other_datasets_and_the_files_of_the_sheet(tmp_path, write_bed):
    sizes, aliases = {"chr1": 1_000, "NA": 1_000}, {"1": "chr1"}
    peaks = frame_of([("chr1", 0, 10), ("chr1", 20, 40), ("NA", 7, 9)])
    peaks = peaks.assign(target=["one", "two", "NA"], anchor=[5, 31, 8], fate="kept")
    pooled = tmp_path / "pooled.bed"
    write_peak_table(peaks, pooled)
    first, second = write_bed("a.bed", [("1", 10, 20)]), write_bed("b.bed", [("NA", 5, 6), ("chrUn", 1, 2)])
    rows = [
        {"negatives": first, "negatives_accepted": [sha256_of(first)]},
        {"negatives": "", "negatives_accepted": []},
        {"negatives": second, "negatives_accepted": []},
        {"negatives": first, "negatives_accepted": [sha256_of(first)]},
    ]
    pools = read_pools({"other_peaks": 1, "bed": 2, "flanking": 1}, pooled, "one", rows, sizes, aliases)
    assert set(pools) == {"other_peaks", "bed"}
    assert pools["other_peaks"].to_numpy().tolist() == [["chr1", 31], ["NA", 8]]
    assert pools["bed"].to_numpy().tolist() == [["chr1", 15], ["NA", 5], ["chrUn", 1]]
    assert read_pools({"gc_matched": 1}, None, "one", rows, sizes, aliases) == {}


@pytest.mark.parametrize("mistake", ["checksum", "names", "line"])
def test_a_file_of_negatives_is_checked_as_peaks_are(mistake, write_bed):
    path = write_bed("a.bed", [("chr1", 9, 5) if mistake == "line" else ("chr1", 5, 9)])
    accepted = ["0" * 64] if mistake == "checksum" else []
    sizes = {"NA": 100} if mistake == "names" else {"chr1": 100}
    rows = [{"negatives": path, "negatives_accepted": accepted}]
    with pytest.raises(InputError, match=r"a\.bed"):
        read_pools({"bed": 1}, None, "one", rows, sizes, {})
