import gzip
from collections import deque
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cisflow.similarity
from cisflow.similarity import components, near_duplicates, similarity_clusters

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


# ----------------------------------------------------------------------------------------------------------------------
# An independent account of what a near-duplicate is, on text and sets


def kmer_set(sequence, k):
    kmers = {sequence[i : i + k] for i in range(len(sequence) - k + 1)}
    return {min(kmer, kmer.translate(COMPLEMENT)[::-1]) for kmer in kmers if set(kmer) <= set("ACGT")}


def are_similar(one, other, k, min_containment):
    """Containment of two sets of k-mers if their windows are near-duplicates, else None."""
    if not one or not other:
        return None
    shared, smaller, larger = len(one & other), min(len(one), len(other)), max(len(one), len(other))
    enough = min(30 - k + 1, ceil(0.9 * larger - 1e-9))
    return shared / smaller if shared / smaller >= min_containment - 1e-9 and shared >= enough else None


def partners_by_sets(bases, reference, k, min_containment):
    queries, others = ([kmer_set(text, k) for text in texts(array)] for array in (bases, reference))
    found = []
    for query in queries:
        containments = [are_similar(query, other, k, min_containment) for other in others]
        rows = [row for row, containment in enumerate(containments) if containment is not None]
        found.append((rows[0], containments[rows[0]]) if rows else (-1, 0))
    return found


def clusters_by_search(bases, k, min_containment, linked):
    """Connected components by breadth-first search over all pairs."""
    sets = [kmer_set(text, k) for text in texts(bases)]
    numbers = [-1] * len(sets)
    pairs = {frozenset(map(int, pair)) for pair in linked}
    for first in range(len(sets)):
        if numbers[first] >= 0:
            continue
        number, queue = max(numbers) + 1, deque([first])
        numbers[first] = number
        while queue:
            row = queue.popleft()
            for other in range(len(sets)):
                if numbers[other] < 0 and (
                    frozenset((row, other)) in pairs
                    or are_similar(sets[row], sets[other], k, min_containment) is not None
                ):
                    numbers[other] = number
                    queue.append(other)
    return numbers


# ----------------------------------------------------------------------------------------------------------------------
# Windows


def texts(array):
    return [row.tobytes().decode() for row in array]


def ascii_rows(*sequences):
    return np.array([list(sequence.encode()) for sequence in sequences], dtype=np.uint8)


def random_windows(rng, n, length, at=0.5):
    return rng.choice(BASES, size=(n, length), p=[at / 2, (1 - at) / 2, (1 - at) / 2, at / 2])


def mutated(rng, windows, probability):
    """Each base replaced with some probability by one of the three others."""
    codes = np.searchsorted(BASES, windows)
    where = rng.random(windows.shape) < probability
    return BASES[(codes + where * rng.integers(1, 4, size=windows.shape)) % 4]


def other_strand(windows):
    return ascii_rows(*(text.translate(COMPLEMENT)[::-1] for text in texts(windows)))


@st.composite
def related_windows(draw, max_rows=14):
    """Windows of one length, many of them mutated, shifted or turned copies of a few, or repeats, some with N."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    length = draw(st.integers(12, 70))
    templates = random_windows(rng, draw(st.integers(1, 4)), 2 * length, draw(st.sampled_from([0.5, 0.9])))
    rows = []
    for _ in range(draw(st.integers(0, max_rows))):
        template = templates[rng.integers(len(templates))]
        row = mutated(rng, template[(start := rng.integers(length)) : start + length], rng.choice([0, 0.01, 0.05, 1]))
        kind = rng.integers(8)
        if kind == 0:
            row = np.resize(BASES[rng.integers(0, 4, size=rng.integers(1, 5))], length)
        elif kind == 1:
            row = other_strand(row[None])[0]
        elif kind == 2:
            row[rng.random(length) < rng.choice([0.01, 0.1, 0.8])] = ord("N")
        rows.append(row)
    return np.array(rows, dtype=np.uint8).reshape(-1, length)


@pytest.fixture
def small_chunks(monkeypatch):
    """Index the reference few rows at a time; gives a function that changes how few."""

    def change(first, growth, at_once):
        monkeypatch.setattr(cisflow.similarity, "FIRST_CHUNK", first)
        monkeypatch.setattr(cisflow.similarity, "CHUNK_GROWTH", growth)
        monkeypatch.setattr(cisflow.similarity, "INDEXED_AT_ONCE", at_once)

    return change


kmer_lengths = st.integers(4, 12)
containments = st.sampled_from([0.05, 0.2, 0.5, 0.9, 1.0])


# ----------------------------------------------------------------------------------------------------------------------
# near_duplicates


@settings(max_examples=150, deadline=None)
@given(related_windows(), related_windows(), kmer_lengths, containments, st.booleans())
def test_partners_are_those_of_sets_of_text(bases, reference, k, min_containment, within):
    reference = bases if within else reference  # windows of one length, or of two
    partner, containment = near_duplicates(bases, reference, k, min_containment)
    expected = partners_by_sets(bases, reference, k, min_containment)
    assert partner.tolist() == [row for row, _ in expected]
    np.testing.assert_allclose(containment, [value for _, value in expected], rtol=1e-6)
    assert (partner.dtype, containment.dtype) == (np.int64, np.float32)


def test_sets_of_text_find_some_and_not_all():
    # Were the windows above all alike, or none, the test above could not fail.
    rng = np.random.default_rng(0)
    template = random_windows(rng, 3, 60)
    bases = np.concatenate([mutated(rng, template, 0.03), random_windows(rng, 3, 60)])
    found = [row for row, _ in partners_by_sets(bases, template, 8, 0.2)]
    assert found == [0, 1, 2, -1, -1, -1]
    assert near_duplicates(bases, template, 8, 0.2)[0].tolist() == found


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 2, 10**9), (3, 3, 2000), (10**6, 1, 1)])
def test_answer_does_not_depend_on_chunks(sizes, small_chunks):
    rng = np.random.default_rng(1)
    reference = random_windows(rng, 60, 120)
    reference[::7] = mutated(rng, np.repeat(reference[:1], 9, axis=0), 0.03)
    bases = np.concatenate([mutated(rng, reference[::3], 0.04), random_windows(rng, 10, 120)])
    expected = near_duplicates(bases, reference)
    assert (expected[0] >= 0).sum() >= 18
    small_chunks(*sizes)
    for got, wanted in zip(near_duplicates(bases, reference), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_what_has_a_partner_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(2)
    reference = random_windows(rng, 400, 200)
    bases = np.concatenate([mutated(rng, reference[:200], 0.1), random_windows(rng, 100, 200)])
    found = near_duplicates(bases, reference)[0] >= 0
    assert 100 < found.sum() < 200
    queries, others = rng.permutation(len(bases)), rng.permutation(len(reference))
    partner, containment = near_duplicates(bases[queries], reference[others])
    np.testing.assert_array_equal(partner >= 0, found[queries])
    # Here every window has one possible partner, so that is the same as well.
    np.testing.assert_array_equal(others[partner[partner >= 0]], queries[partner >= 0])
    assert ((containment >= 0.2) == (partner >= 0)).all()


@pytest.mark.parametrize(("length", "at_least"), [(101, 0.98), (200, 0.998), (249, 0.999), (600, 1.0)])
@pytest.mark.parametrize("at", [0.5, 0.65])
def test_copies_with_one_base_in_twenty_replaced_are_found(length, at_least, at):
    rng = np.random.default_rng(3)
    reference = random_windows(rng, 1500, length, at)
    bases = mutated(rng, reference, 0.05)
    bases[::2] = other_strand(bases[::2])
    partner, _ = near_duplicates(bases, reference)
    assert (partner == np.arange(1500)).mean() >= at_least
    assert ((partner == np.arange(1500)) | (partner == -1)).all()


@pytest.mark.parametrize("length", [101, 200, 249, 600])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_shifted_copies_are_found(length, fraction):
    rng = np.random.default_rng(4)
    shift = int(fraction * length)
    region = random_windows(rng, 300, length + shift)
    left, right = region[:, :length], region[:, shift:]
    for bases in (right, other_strand(right)):
        assert near_duplicates(bases, left)[0].tolist() == list(range(300))


@pytest.mark.parametrize(("length", "at"), [(50, 0.65), (101, 0.65), (200, 0.5), (200, 0.65), (249, 0.8)])
def test_random_windows_are_unrelated(length, at):
    rng = np.random.default_rng(5)
    bases, reference = random_windows(rng, 10_000, length, at), random_windows(rng, 10_000, length, at)
    assert (near_duplicates(bases, reference)[0] == -1).all()


def test_exactly_the_containment_asked_for_is_enough():
    # 0.28 * 100 is 28.000000000000004: rounded up, it asked for 29.
    bases = random_windows(np.random.default_rng(14), 2, 110)
    bases[1, :38] = bases[0, :38]
    one, other = (kmer_set(text, 11) for text in texts(bases))
    assert (len(one), len(other), len(one & other)) == (100, 100, 28)
    for min_containment, partner in ((0.28, 0), (0.2801, -1)):
        assert near_duplicates(bases[1:], bases[:1], 11, min_containment)[0].tolist() == [partner]


def test_repeats_of_few_kmers_match_only_one_another():
    rng = np.random.default_rng(6)
    with_repeat = random_windows(rng, 1, 200)[0]
    with_repeat[50:150] = np.resize(list(b"CA"), 100)
    mostly_repeat = np.resize(list(b"AC"), 200)
    mostly_repeat[180:] = random_windows(rng, 1, 20)[0]
    pure, shifted, turned = (np.resize(list(unit), 200) for unit in (b"CA", b"AC", b"TG"))
    poly_a, poly_t, triplets = (np.resize(list(unit), 200) for unit in (b"A", b"T", b"ATT"))
    reference = np.array([with_repeat, mostly_repeat, poly_t, pure], dtype=np.uint8)
    bases = np.array([pure, shifted, turned, poly_a, triplets, with_repeat], dtype=np.uint8)
    partner, containment = near_duplicates(bases, reference)
    assert partner.tolist() == [3, 3, 3, 2, -1, 0]
    assert containment.tolist() == [1, 1, 1, 1, 0, 1]


def test_windows_that_share_an_adapter_are_no_copies():
    # K-mers that all windows hold are counted last; without them, two of these windows have nothing in common, and with
    # them too little.
    rng = np.random.default_rng(7)
    bases, adapters = random_windows(rng, 2000, 200), random_windows(rng, 1, 32)[0]
    bases[:, :16], bases[:, -16:] = adapters[:16], adapters[16:]
    assert (near_duplicates(bases[:1000], bases[1000:])[0] == -1).all()
    copies = bases[1000:1010].copy()
    copies[:, 16:-16] = mutated(rng, copies[:, 16:-16], 0.05)
    partner, containment = near_duplicates(copies, bases[1000:])
    assert partner.tolist() == list(range(10))
    expected = partners_by_sets(copies, bases[1000:1010], 11, 0.2)
    np.testing.assert_allclose(containment, [value for _, value in expected], rtol=1e-6)


def test_unknown_bases_do_not_count():
    rng = np.random.default_rng(8)
    window = random_windows(rng, 1, 200)
    half_known, hardly_known, unknown, interrupted, other_letter = (window.copy() for _ in range(5))
    half_known[:, :100] = ord("N")
    hardly_known[:, 13:] = ord("N")
    unknown[:] = ord("N")
    interrupted[:, ::11] = ord("N")
    other_letter[:, 100] = ord("R")
    bases = np.concatenate([half_known, hardly_known, unknown, interrupted, other_letter])
    partner, containment = near_duplicates(bases, window)
    assert partner.tolist() == [0, -1, -1, -1, 0]
    assert containment[[0, 4]].tolist() == [1, 1]
    # What is known of both is the same: nothing tells them apart.
    assert near_duplicates(hardly_known, hardly_known)[0].tolist() == [0]
    assert near_duplicates(unknown, unknown)[0].tolist() == [-1]


def test_nothing_is_near_nothing():
    window, nothing = ascii_rows("ACGTACGTTGCAACGGTACA"), np.zeros((0, 20), dtype=np.uint8)
    for bases, reference in ((nothing, window), (window, nothing), (nothing, nothing)):
        partner, containment = near_duplicates(bases, reference)
        assert len(partner) == len(containment) == len(bases)
        assert (partner == -1).all()
    assert similarity_clusters(nothing).tolist() == []
    assert near_duplicates(np.zeros((2, 0), dtype=np.uint8), window)[0].tolist() == [-1, -1]


def test_windows_shorter_than_a_kmer_are_near_nothing():
    short = ascii_rows("ACGTACGTAC", "ACGTACGTAC")
    assert near_duplicates(short, short)[0].tolist() == [-1, -1]
    assert near_duplicates(short, ascii_rows("ACGTACGTACGG"))[0].tolist() == [-1, -1]
    assert near_duplicates(short, short, kmer_length=10)[0].tolist() == [0, 0]
    assert similarity_clusters(short).tolist() == [0, 1]


@pytest.mark.parametrize(("k", "min_containment"), [(0, 0.2), (13, 0.2), (11, 0), (11, 1.1), (11, float("nan"))])
def test_settings_that_compare_nothing_are_refused(k, min_containment):
    window = ascii_rows("ACGTACGTTGCAACGGTACA")
    with pytest.raises(ValueError, match="expected"):
        near_duplicates(window, window, k, min_containment)
    with pytest.raises(ValueError, match="expected"):
        similarity_clusters(window, k, min_containment)


def test_arrays_that_are_views_or_cannot_be_written_give_the_same():
    rng = np.random.default_rng(9)
    wide = random_windows(rng, 40, 300)
    expected = near_duplicates(wide[::2, 50:250].copy(), wide[:, 40:240].copy())[0]
    assert (expected == np.arange(0, 40, 2)).all()
    fixed = wide[:, 40:240].copy()
    fixed.setflags(write=False)
    assert near_duplicates(wide[::2, 50:250], fixed)[0].tolist() == expected.tolist()
    assert similarity_clusters(fixed).tolist() == list(range(40))


def test_yeast_copies_are_found_and_reversed_chromosomes_are_not(shared_data):
    genome, name = {}, None
    with gzip.open(shared_data / "yeast" / "sacCer3.fa.gz", "rt") as handle:
        for line in handle:
            if line.startswith(">"):
                name = line[1:].split()[0]
                genome[name] = []
            else:
                genome[name].append(line.strip().upper())
    tiles = {}
    for name, lines in genome.items():
        bases = np.frombuffer("".join(lines).encode(), dtype=np.uint8)
        tiles[name] = bases[: len(bases) // 200 * 200].reshape(-1, 200)
    others = np.concatenate([part for name, part in tiles.items() if name != "chrIV"])
    found = near_duplicates(tiles["chrIV"], others)[0] >= 0
    assert 0.04 < found.mean() < 0.09
    assert found[:93].all()  # the left end of chrIV stands also on chrX
    assert found[1206600 // 200 : 1212600 // 200].mean() > 0.9  # a Ty element
    assert (near_duplicates(tiles["chrIV"], others[:, ::-1])[0] >= 0).sum() < 10  # related to nothing, as repetitive


# ----------------------------------------------------------------------------------------------------------------------
# similarity_clusters


@settings(max_examples=100, deadline=None)
@given(related_windows(max_rows=20), kmer_lengths, containments, st.data())
def test_clusters_are_those_of_a_search_over_all_pairs(bases, k, min_containment, data):
    row = st.integers(0, max(len(bases) - 1, 0))
    linked = data.draw(st.lists(st.tuples(row, row), max_size=5 if len(bases) else 0))
    first, growth = data.draw(st.sampled_from([(1, 1), (2, 3), (64, 16)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cisflow.similarity, "FIRST_CHUNK", first)
        patch.setattr(cisflow.similarity, "CHUNK_GROWTH", growth)
        clusters = similarity_clusters(bases, k, min_containment, np.array(linked, dtype=np.int64).reshape(-1, 2))
    assert clusters.dtype == np.int64
    assert clusters.tolist() == clusters_by_search(bases, k, min_containment, linked)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 2, 3000), (10**6, 1, 10**9)])
def test_clusters_do_not_depend_on_chunks_or_order(sizes, small_chunks):
    rng = np.random.default_rng(10)
    bases = random_windows(rng, 60, 100)
    bases[10:40] = mutated(rng, np.repeat(bases[:3], 10, axis=0), 0.05)
    bases[45:50] = np.concatenate([bases[44:45, 40:], random_windows(rng, 1, 40)], axis=1)
    expected = similarity_clusters(bases)
    assert expected.tolist() == clusters_by_search(bases, 11, 0.2, [])
    assert 20 < expected.max() < 35
    small_chunks(*sizes)
    assert similarity_clusters(bases).tolist() == expected.tolist()
    order = rng.permutation(len(bases))
    shuffled = similarity_clusters(bases[order])
    together = expected[order][:, None] == expected[order][None]
    np.testing.assert_array_equal(shuffled[:, None] == shuffled[None], together)
    _, first = np.unique(shuffled, return_index=True)
    assert (np.diff(first) > 0).all()  # numbered as they appear


def test_links_join_clusters_in_a_chain():
    bases = random_windows(np.random.default_rng(11), 6, 100)
    assert similarity_clusters(bases).tolist() == [0, 1, 2, 3, 4, 5]
    assert similarity_clusters(bases, linked=np.array([[5, 3], [3, 1], [2, 2]])).tolist() == [0, 1, 2, 1, 3, 1]
    assert similarity_clusters(bases, linked=np.zeros((0, 2), dtype=np.int64)).tolist() == [0, 1, 2, 3, 4, 5]


def test_components_are_named_by_their_first_rows():
    assert components(7, [[6, 4], [4, 2], [0, 5], [3, 3]]).tolist() == [0, 1, 2, 3, 2, 0, 2]
    assert components(2, []).tolist() == [0, 1]
    assert components(0, []).tolist() == []


def test_a_tiled_region_is_one_cluster():
    # Windows a quarter apart: neighbours share three quarters, the ends nothing.
    region = random_windows(np.random.default_rng(12), 1, 2000)[0]
    tiles = np.array([region[start : start + 200] for start in range(0, 1801, 50)])
    assert near_duplicates(tiles[:1], tiles[-1:])[0].tolist() == [-1]
    assert (similarity_clusters(tiles) == 0).all()


def test_many_variants_of_two_sequences_are_two_clusters():
    # With every pair compared this would take minutes.
    rng = np.random.default_rng(13)
    of_which = rng.integers(2, size=24_000)
    of_which[0] = 0
    bases = mutated(rng, random_windows(rng, 2, 150)[of_which], 0.01)
    clusters = similarity_clusters(bases)
    assert clusters.tolist() == (of_which != of_which[0]).astype(int).tolist()
    assert (near_duplicates(bases[:12_000], bases[12_000:])[0] >= 0).all()
