import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.intervals import touches
from cisflow.leakage import KINDS, equal_rows, equal_rows_of_other_strand, find_leaks, leakage_rows, overlapping_rows

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def exact_duplicates(bases, reference):
    return equal_rows(bases, reference) >= 0


def reverse_complement_duplicates(bases, reference):
    return equal_rows_of_other_strand(bases, reference) >= 0


def ascii_rows(sequences, length):
    return np.array([list(sequence.encode()) for sequence in sequences], dtype=np.uint8).reshape(-1, length)


def turned(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


def random_sequences(rng, n, length):
    return ["".join(rng.choice(list("ACGT"), size=length)) for _ in range(n)]


def mutated(rng, sequence, probability):
    bases = [base if rng.random() >= probability else rng.choice(sorted(set("ACGT") - {base})) for base in sequence]
    return "".join(bases)


def regions(rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).astype({"start": np.int64, "end": np.int64})


# ----------------------------------------------------------------------------------------------------------------------
# Copies


@st.composite
def two_lists(draw):
    length = draw(st.integers(1, 5))
    sequence = st.text("ACGTNR", min_size=length, max_size=length)
    return length, draw(st.lists(sequence, max_size=30)), draw(st.lists(sequence, max_size=30))


@settings(max_examples=200, deadline=None)
@given(two_lists())
def test_copies_are_those_of_text(lists):
    length, sequences, reference = lists
    queries, others = ([text.replace("R", "N") for text in texts] for texts in (sequences, reference))
    bases, reference_bases = ascii_rows(sequences, length), ascii_rows(reference, length)
    assert exact_duplicates(bases, reference_bases).tolist() == [text in others for text in queries]
    assert reverse_complement_duplicates(bases, reference_bases).tolist() == [
        turned(text) in others and turned(text) != text for text in queries
    ]
    leaks = find_leaks(bases, None, reference_bases, None, 11, 0.2)
    for row, text in enumerate(queries):
        wanted = text if text in others else turned(text)
        assert leaks["partner"][row] == (others.index(wanted) if wanted in others else -1)


def test_a_palindrome_is_an_exact_copy_only():
    bases = ascii_rows(["GAATTC", "GAATTG", "NACGTN"], 6)
    assert exact_duplicates(bases, bases).tolist() == [True, True, True]
    assert reverse_complement_duplicates(bases, bases).tolist() == [False, False, False]
    assert reverse_complement_duplicates(bases, ascii_rows(["CAATTC"], 6)).tolist() == [False, True, False]


def test_windows_of_different_lengths_are_no_copies():
    assert exact_duplicates(ascii_rows(["ACG"], 3), ascii_rows(["ACGT"], 4)).tolist() == [False]
    assert reverse_complement_duplicates(ascii_rows(["ACG"], 3), ascii_rows(["CGTA"], 4)).tolist() == [False]


# ----------------------------------------------------------------------------------------------------------------------
# Overlaps

interval = st.tuples(st.sampled_from(["chr1", "chr10", "NA"]), st.integers(0, 60), st.integers(1, 25))
intervals = st.lists(interval.map(lambda row: (row[0], row[1], row[1] + row[2])), max_size=20)


@settings(max_examples=200, deadline=None)
@given(intervals, intervals)
def test_the_overlapping_row_overlaps_if_any_does(rows, reference_rows):
    loci, reference_loci = regions(rows), regions(reference_rows)
    partner = overlapping_rows(loci, reference_loci)
    for (chrom, start, end), other in zip(rows, partner, strict=True):
        overlapping = [
            number for number, (c, s, e) in enumerate(reference_rows) if c == chrom and s < end and start < e
        ]
        assert other in overlapping if overlapping else other == -1
    np.testing.assert_array_equal(partner >= 0, touches(loci, reference_loci))


# ----------------------------------------------------------------------------------------------------------------------
# All kinds


@pytest.fixture(scope="module")
def planted():
    """A reference of 300 windows of 200 bp, 100 bp apart, and queries of known kinds: sequences, loci, expectation."""
    rng = np.random.default_rng(20)
    reference = random_sequences(rng, 300, 200)
    reference_loci = regions([("chr1", 300 * row, 300 * row + 200) for row in range(300)])
    # sequence, locus, kinds, partner
    queries = [
        (reference[5], ("chr2", 0, 200), {"exact"}, 5),
        (turned(reference[6]), ("chr2", 300, 500), {"reverse_complement"}, 6),
        (reference[7], ("chr1", 2100, 2300), {"exact", "overlap"}, 7),
        (reference[8][150:] + random_sequences(rng, 1, 150)[0], ("chr1", 2550, 2700), {"overlap"}, 8),
        (random_sequences(rng, 1, 200)[0], ("chr1", 2900, 3000), set(), -1),  # between two windows: it touches both
        (random_sequences(rng, 1, 200)[0], ("chr1", 2899, 3000), {"overlap"}, 9),
        (mutated(rng, reference[10], 0.05), ("chr3", 0, 200), {"near_duplicate"}, 10),
        (turned(mutated(rng, reference[11], 0.05)), ("chr3", 300, 500), {"near_duplicate"}, 11),
        (reference[12][100:] + random_sequences(rng, 1, 100)[0], ("chr3", 600, 800), {"near_duplicate"}, 12),
        (mutated(rng, reference[13], 0.02), ("chr1", 3950, 4150), {"overlap"}, 13),  # near, but of another kind already
        (random_sequences(rng, 1, 200)[0], ("chr10", 2100, 2300), set(), -1),
        ("N" * 200, ("chr3", 900, 1100), set(), -1),
    ]
    return queries, reference, reference_loci


def test_planted_leaks_are_found_by_their_kinds(planted):
    queries, reference, reference_loci = planted
    bases, loci = ascii_rows([row[0] for row in queries], 200), regions([row[1] for row in queries])
    leaks = find_leaks(bases, loci, ascii_rows(reference, 200), reference_loci, 11, 0.2)
    assert list(leaks.columns) == [*KINDS, "partner"]
    assert {str(kind) for kind in leaks[list(KINDS)].dtypes} == {"bool"}
    assert [{kind for kind in KINDS if leaks[kind][row]} for row in range(len(queries))] == [row[2] for row in queries]
    assert leaks["partner"].tolist() == [row[3] for row in queries]
    assert leaks["partner"].dtype == np.int64


def test_leaks_do_not_depend_on_the_order_or_the_labels_of_rows(planted):
    queries, reference, reference_loci = planted
    bases, loci = ascii_rows([row[0] for row in queries], 200), regions([row[1] for row in queries])
    reference_bases = ascii_rows(reference, 200)
    leaks = find_leaks(bases, loci, reference_bases, reference_loci, 11, 0.2)
    rng = np.random.default_rng(21)
    order, others = rng.permutation(len(bases)), rng.permutation(len(reference))
    again = find_leaks(bases[order], loci.iloc[order], reference_bases[others], reference_loci.iloc[others], 11, 0.2)
    for kind in KINDS:
        np.testing.assert_array_equal(again[kind], leaks[kind].to_numpy()[order])
    partner = again["partner"].to_numpy()
    np.testing.assert_array_equal(np.where(partner < 0, -1, others[partner]), leaks["partner"].to_numpy()[order])


def test_without_coordinates_nothing_overlaps(planted):
    queries, reference, reference_loci = planted
    bases, loci = ascii_rows([row[0] for row in queries], 200), regions([row[1] for row in queries])
    for pair in ((None, reference_loci), (loci, None), (None, None)):
        leaks = find_leaks(bases, pair[0], ascii_rows(reference, 200), pair[1], 11, 0.2)
        assert not leaks["overlap"].any()
        assert leaks["near_duplicate"].tolist() == ["near_duplicate" in row[2] or row[3] == 13 or row[3] == 8
                                                    for row in queries]  # fmt: skip
    # The three that overlapped: one has 50 of 200 bases in common, one is a mutated copy, one only a neighbour.


def test_rows_without_a_place_overlap_nothing():
    rng = np.random.default_rng(4)
    bases, others = ascii_rows(random_sequences(rng, 4, 20), 20), ascii_rows(random_sequences(rng, 2, 20), 20)
    loci = regions([(".", 0, 20), ("chr1", 19, 39), (".", 5, 25), ("chr1", 20, 40)])
    leaks = find_leaks(bases, loci, others, regions([(".", 0, 20), ("chr1", 0, 20)]), 11, 0.2)
    assert leaks["overlap"].tolist() == [False, True, False, False]
    assert leaks["partner"].tolist() == [-1, 1, -1, -1]
    # A copy is one wherever it stands.
    copies = find_leaks(others[:1], loci[:1], others, regions([(".", 0, 20)] * 2), 11, 0.2)
    assert (copies["exact"].tolist(), copies["overlap"].tolist()) == ([True], [False])


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_empty_splits_leak_nothing(n, m):
    loci = regions([("chr1", 0, 20)] * 3)
    bases = ascii_rows(["ACGTACGTTGCAACGGTACA"] * 3, 20)
    leaks = find_leaks(bases[:n], loci[:n], bases[:m], loci[:m], 11, 0.2)
    assert len(leaks) == n
    assert not leaks[list(KINDS)].to_numpy().any()
    assert (leaks["partner"] == -1).all()
    assert [row["found"] for row in leakage_rows("train", "val", leaks, np.zeros(n, dtype=bool), 11, 0.2)] == [0] * 4


def test_rows_of_the_table_add_up():
    leaks = pd.DataFrame(
        {
            "exact": [True, True, False, False, False],
            "reverse_complement": [False, True, False, False, False],
            "overlap": [False, False, True, False, False],
            "near_duplicate": [False, False, False, True, False],
            "partner": [0, 1, 2, 3, -1],
        }
    )
    dropped = np.array([True, False, True, False, True])  # the last for another reason
    rows = leakage_rows("train", "test", leaks, dropped, 11, 0.2)
    assert [(row["split"], row["other_split"], row["kind"]) for row in rows] == [("train", "test", k) for k in KINDS]
    assert [(row["found"], row["dropped"], row["left"]) for row in rows] == [(2, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 1)]
    assert list(rows[0]) == ["split", "other_split", "kind", "found", "dropped", "left", "criterion"]
    near = rows[3]["criterion"]
    assert all(number in near for number in ("20 %", "11-mers", "20 or more", "90 %"))
    assert not any("\t" in row["criterion"] or "\n" in row["criterion"] for row in rows)
