"""The leakage audit: counts by brute force over text, no copy left where copies are dropped, and what is said."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import frame_of, rows_of

from cisflow.leak_audit import MOST_NAMED, PAIRS, LeakAudit
from cisflow.leakage import KINDS
from cisflow.messages import InputError

ORDER = ("test", "val", "train")
COLUMNS = ["split", "other_split", "kind", "found", "dropped", "left", "criterion"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SETTINGS = {"kmer_length": 8, "min_containment": 0.5}


def turned(text):
    return text.translate(COMPLEMENT)[::-1]


def bases_of(texts, width):
    return np.array([list(text.encode()) for text in texts], dtype=np.uint8).reshape(-1, width)


def settle(audit, split, loci, texts, width, with_coordinates=True):
    """Put rows into a split, less those that are refused; gives which were kept."""
    bases = bases_of(texts, width)
    kept = ~audit.refused(split, loci, bases, with_coordinates)
    audit.add(split, loci[kept], bases[kept])
    return kept


def counts_of(audit):
    table = audit.table()
    assert list(table.columns) == COLUMNS
    assert list(zip(table["split"], table["other_split"], table["kind"], strict=True)) == [
        (*pair, kind) for pair in PAIRS for kind in KINDS
    ]
    assert (table["found"] == table["dropped"] + table["left"]).all()
    assert table["criterion"].str.len().min() > 0
    return table.set_index(["split", "other_split", "kind"])


@st.composite
def splits_of_rows(draw):
    """Rows of three splits: short windows of few sequences, their other strands, and places that often overlap."""
    width = draw(st.integers(10, 14))
    some = draw(st.lists(st.text("ACGTN", min_size=width, max_size=width), min_size=1, max_size=4))
    texts = st.sampled_from([*some, *map(turned, some), "A" * width, ("AC" * width)[:width]])
    rows = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 400), texts)
    splits = {split: draw(st.lists(rows, max_size=6)) for split in ORDER}
    return width, {
        split: (frame_of([(chrom, start, start + width) for chrom, start, _ in own]), [text for *_, text in own])
        for split, own in splits.items()
    }


def kinds_by_brute_force(place, text, others, with_coordinates):
    chrom, start, end = place
    return {
        "exact": any(text == other for _, other in others),
        "reverse_complement": turned(text) != text and any(turned(text) == other for _, other in others),
        "overlap": with_coordinates and any(c == chrom and s < end and start < e for (c, s, e), _ in others),
    }


@settings(max_examples=120, deadline=None, database=None)
@given(case=splits_of_rows(), policy=st.sampled_from(["drop", "warn", "error"]), with_coordinates=st.booleans())
def test_what_is_found_is_what_brute_force_finds(case, policy, with_coordinates):
    width, splits = case
    audit, settled = LeakAudit(policy, **SETTINGS), {}
    expected = {(*pair, kind): 0 for pair in PAIRS for kind in KINDS}
    for split in ORDER:
        loci, texts = splits[split]
        kept = settle(audit, split, loci, texts, width, with_coordinates)
        for row, (place, text) in enumerate(zip(rows_of(loci), texts, strict=True)):
            found = {
                other: kinds_by_brute_force(place, text, rows, with_coordinates) for other, rows in settled.items()
            }
            for other, kinds in found.items():
                for kind, is_found in kinds.items():
                    expected[split, other, kind] += is_found
            leaks = any(is_found for kinds in found.values() for is_found in kinds.values())
            # Near-duplicates may be refused, too; what leaks otherwise always is.
            assert kept[row] <= (policy != "drop" or not leaks)
        assert policy == "drop" or kept.all()
        settled[split] = list(itertools.compress(zip(rows_of(loci), texts, strict=True), kept))
    table = counts_of(audit)
    for key, number in expected.items():
        if key[2] != "near_duplicate":
            assert table.loc[key, "found"] == number
    assert (table["left"] == (0 if policy == "drop" else table["found"])).all()
    if policy != "drop":
        return
    # Nothing is left: a second look at the rows that were kept, by brute force and by another audit.
    again = LeakAudit("warn", **SETTINGS)
    for split in ORDER:
        for other in ORDER[: ORDER.index(split)]:
            for place, text in settled[split]:
                assert not any(kinds_by_brute_force(place, text, settled[other], with_coordinates).values())
        loci, texts = frame_of([place for place, _ in settled[split]]), [text for _, text in settled[split]]
        settle(again, split, loci, texts, width, with_coordinates)
    assert counts_of(again)["found"].sum() == 0


def test_near_duplicates_are_found_dropped_and_told():
    rng = np.random.default_rng(3)
    text = "".join(rng.choice(list("ACGT"), size=100))
    other = "".join(rng.choice(list("ACGT"), size=100))
    near = text[:50] + ("A" if text[50] != "A" else "C") + text[51:]
    audit = LeakAudit("drop", 11, 0.2)
    settle(audit, "test", frame_of([("a", 0, 100)]), [text], 100)
    loci = frame_of([("b", 0, 100), ("b", 500, 600), ("b", 900, 1000)])
    kept = settle(audit, "train", loci, [near, other, turned(near)], 100)
    assert kept.tolist() == [False, True, False]
    assert counts_of(audit).loc["train", "test", "near_duplicate"][["found", "dropped", "left"]].tolist() == [2, 2, 0]


def test_negatives_that_are_drawn_are_compared_with_what_is_settled():
    # Positives and negatives of a split are settled apart, and later splits are compared with both.
    audit = LeakAudit("drop", **SETTINGS)
    settle(audit, "test", frame_of([("a", 0, 10)]), ["ACGGTCATTG"], 10)
    settle(audit, "test", frame_of([("a", 50, 60)]), ["TTTTGACCCA"], 10)
    # A split is not compared with itself: the same window may be drawn once more for it.
    assert settle(audit, "test", frame_of([("a", 50, 60)]), ["TTTTGACCCA"], 10).tolist() == [True]
    loci = frame_of([("b", 0, 10), ("b", 50, 60), ("a", 59, 69), ("a", 60, 70)])
    texts = ["ACGGTCATTG", turned("TTTTGACCCA"), "GGGGGGCCAC", "CACACCGGTA"]
    assert settle(audit, "val", loci, texts, 10).tolist() == [False, False, False, True]
    # What was refused is not settled: a copy of it may stand in another split.
    loci = frame_of([("c", 0, 10), ("c", 50, 60)])
    assert settle(audit, "train", loci, texts[2:], 10).tolist() == [True, False]
    found = {pair: own["found"].tolist() for pair, own in counts_of(audit).groupby(level=["split", "other_split"])}
    assert found == {("val", "test"): [1, 1, 1, 0], ("train", "val"): [1, 0, 0, 0], ("train", "test"): [0, 0, 0, 0]}


def test_a_row_that_leaks_into_two_splits_counts_for_both():
    audit = LeakAudit("warn", **SETTINGS)
    for split, start in (("test", 0), ("val", 100), ("train", 200)):
        settle(audit, split, frame_of([("a", start, start + 10)]), ["ACGGTCATTG"], 10)
    found = counts_of(audit)
    assert [found.loc[(*pair, "exact"), "left"] for pair in PAIRS] == [1, 1, 1]


def test_empty_splits_leak_nothing():
    audit = LeakAudit("error", **SETTINGS)
    for split in ORDER:
        assert settle(audit, split, frame_of([]), [], 10).tolist() == []
    assert counts_of(audit)["found"].sum() == 0
    settle(audit, "train", frame_of([("a", 0, 10)]), ["ACGGTCATTG"], 10)
    assert counts_of(audit)["found"].sum() == 0


# --- what is written and said -----------------------------------------------------------------------------------------


def leaky(policy, number=1):
    audit = LeakAudit(policy, **SETTINGS)
    settle(audit, "test", frame_of([("chr2", 1_000, 1_010)]), ["ACGGTCATTG"], 10)
    loci = frame_of([("chr1", start, start + 10) for start in range(0, 50 * number, 50)])
    settle(audit, "train", loci, ["ACGGTCATTG"] * number, 10)
    return audit


@pytest.mark.parametrize("policy", ["drop", "warn", "error"])
def test_the_table_is_written_whatever_is_done_about_leaks(policy, tmp_path, capsys):
    path = tmp_path / "leakage.tsv"
    audit = leaky(policy)
    if policy == "error":
        with pytest.raises(InputError):
            audit.finish(path)
    else:
        audit.finish(path)
    read = pd.read_csv(path, sep="\t")
    pd.testing.assert_frame_equal(read, audit.table(), check_dtype=False)
    (row,) = read[read["found"] > 0].itertuples()
    assert (row.split, row.other_split, row.kind, row.found) == ("train", "test", "exact", 1)
    assert (row.dropped, row.left) == ((1, 0) if policy == "drop" else (0, 1))
    said = capsys.readouterr().out
    assert "near_duplicate" in said
    told = "WARNING: rows of one split stand in another and stay (splits.leakage: warn): 1 exact of train in test"
    assert (told in said) == (policy == "warn")


@pytest.mark.parametrize("number", [1, 3, 40])
def test_leaks_that_are_an_error_are_named_with_places_and_a_cure(number, tmp_path):
    with pytest.raises(InputError, match="the splits leak") as caught:
        leaky("error", number).finish(tmp_path / "leakage.tsv")
    told = caught.value.why.splitlines()
    assert told[0] == f"{number} exact of train in test"
    assert told[1] == "exact: train chr1:0-10 and test chr2:1000-1010"
    assert len(told) == 1 + min(number, MOST_NAMED)
    assert "splits.leakage: drop" in caught.value.fix


def test_splits_that_do_not_leak_are_no_error(tmp_path, capsys):
    audit = LeakAudit("error", **SETTINGS)
    settle(audit, "test", frame_of([("a", 0, 10)]), ["ACGGTCATTG"], 10)
    settle(audit, "train", frame_of([("a", 10, 20)]), ["GGGTTTTACA"], 10)
    audit.finish(tmp_path / "leakage.tsv")
    assert "WARNING" not in capsys.readouterr().out
