"""The leakage audit: counts by brute force over text, no copy left where copies are dropped, and what is said."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import frame_of, rows_of

from cisflow.leak_audit import MOST_NAMED, PAIRS, LeakAudit
from cisflow.leakage import KINDS, find_leaks
from cisflow.messages import InputError

ORDER = ("test", "val", "train")
COLUMNS = ["split", "other_split", "kind", "found", "dropped", "left", "redrawn", "criterion"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SETTINGS = {"kmer_length": 8, "min_containment": 0.5}


def turned(text):
    return text.translate(COMPLEMENT)[::-1]


def bases_of(texts, width):
    return np.array([list(text.encode()) for text in texts], dtype=np.uint8).reshape(-1, width)


def settle(audit, split, loci, texts, width):
    """Settle rows of a split; gives which are kept."""
    return audit.settle(split, loci, bases_of(texts, width))


def leaks_elsewhere(audit, split, loci, texts, width):
    """Which windows that are drawn for a split leak."""
    return audit.leaks_elsewhere(split, loci, bases_of(texts, width))


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
    """Rows of three splits: short windows of few sequences, their other strands, and places that often overlap.

    Some rows have no place; their coordinates say nothing, and are often those of another row.
    """
    width = draw(st.integers(10, 14))
    some = draw(st.lists(st.text("ACGTN", min_size=width, max_size=width), min_size=1, max_size=4))
    texts = st.sampled_from([*some, *map(turned, some), "A" * width, ("AC" * width)[:width]])
    rows = st.tuples(st.sampled_from(["a", "b", "."]), st.integers(0, 400), texts)
    splits = {split: draw(st.lists(rows, max_size=6)) for split in ORDER}
    return width, {
        split: (frame_of([(chrom, start, start + width) for chrom, start, _ in own]), [text for *_, text in own])
        for split, own in splits.items()
    }


def kinds_by_brute_force(place, text, others):
    chrom, start, end = place
    return {
        "exact": any(text == other for _, other in others),
        "reverse_complement": turned(text) != text and any(turned(text) == other for _, other in others),
        "overlap": chrom != "." and any(c == chrom and s < end and start < e for (c, s, e), _ in others),
    }


@settings(max_examples=120, deadline=None, database=None)
@given(case=splits_of_rows(), policy=st.sampled_from(["drop", "warn", "error"]))
def test_what_is_found_is_what_brute_force_finds(case, policy):
    width, splits = case
    audit, settled = LeakAudit(policy, **SETTINGS), {}
    expected = {(*pair, kind): 0 for pair in PAIRS for kind in KINDS}
    for split in ORDER:
        loci, texts = splits[split]
        kept = settle(audit, split, loci, texts, width)
        for row, (place, text) in enumerate(zip(rows_of(loci), texts, strict=True)):
            found = {other: kinds_by_brute_force(place, text, rows) for other, rows in settled.items()}
            for other, kinds in found.items():
                for kind, is_found in kinds.items():
                    expected[split, other, kind] += is_found
            leaks = any(is_found for kinds in found.values() for is_found in kinds.values())
            # Near-duplicates may be dropped, too; what leaks otherwise always is.
            assert kept[row] <= (policy != "drop" or not leaks)
        assert policy == "drop" or kept.all()
        settled[split] = list(itertools.compress(zip(rows_of(loci), texts, strict=True), kept))
    table = counts_of(audit)
    for key, number in expected.items():
        if key[2] != "near_duplicate":
            assert table.loc[key, "found"] == number
    assert (table["left"] == (0 if policy == "drop" else table["found"])).all()
    assert (table["redrawn"] == 0).all()
    if policy != "drop":
        return
    # Nothing is left: a second look at the rows that were kept, by brute force and by another audit.
    again = LeakAudit("warn", **SETTINGS)
    for split in ORDER:
        for other in ORDER[: ORDER.index(split)]:
            for place, text in settled[split]:
                assert not any(kinds_by_brute_force(place, text, settled[other]).values())
        loci, texts = frame_of([place for place, _ in settled[split]]), [text for _, text in settled[split]]
        settle(again, split, loci, texts, width)
    assert counts_of(again)["found"].sum() == 0


def test_each_split_is_told_what_stands_in_it_though_most_rows_stand_in_none():
    rng = np.random.default_rng(8)
    families = ["".join(rng.choice(list("ACGT"), size=100)) for _ in range(6)]

    def relative(text):
        letters = list(text)
        for at in rng.choice(100, size=3, replace=False):
            letters[at] = rng.choice(list("ACGT"))
        return turned("".join(letters)) if rng.random() < 0.5 else "".join(letters)

    audit, settled = LeakAudit("warn", 11, 0.2), {}
    for number, split in enumerate(ORDER):
        # Families 0 and 1 stand in every split, the others in one or two; most rows have no relatives.
        own = [families[0], families[1], families[2 + number], families[2 + (number + 1) % 3]]
        texts = [relative(text) for text in own for _ in range(3)]
        texts += ["".join(rng.choice(list("ACGT"), size=100)) for _ in range(30)]
        loci = frame_of([("a", 60 * (3 * row + number), 60 * (3 * row + number) + 100) for row in range(len(texts))])
        loci["chrom"] = rng.choice(["a", "b", "."], size=len(loci)).astype(object)
        bases = bases_of(texts, 100)
        assert audit.settle(split, loci, bases).all()
        table = counts_of(audit)
        for other, (other_loci, other_bases) in settled.items():
            alone = find_leaks(bases, loci, other_bases, other_loci, 11, 0.2)
            found = [table.loc[(split, other, kind), "found"] for kind in KINDS]
            assert found == alone[list(KINDS)].sum().tolist()
            assert found[2] > 0
            assert found[3] > 0
        settled[split] = (loci, bases)


@settings(max_examples=80, deadline=None, database=None)
@given(data=st.data(), policy=st.sampled_from(["drop", "warn", "error"]))
def test_drawn_windows_that_leak_are_drawn_anew_whatever_the_policy(data, policy):
    width, splits = data.draw(splits_of_rows())
    audit, settled = LeakAudit(policy, **SETTINGS), {}
    for split in ORDER:
        kept = settle(audit, split, *splits[split], width)
        settled[split] = list(itertools.compress(zip(rows_of(splits[split][0]), splits[split][1], strict=True), kept))
    before = counts_of(audit)
    redrawn = {(*pair, kind): 0 for pair in PAIRS for kind in KINDS}
    for split in ORDER:
        places = data.draw(st.lists(st.tuples(st.sampled_from(["a", "b", "."]), st.integers(0, 400)), max_size=4))
        loci = frame_of([(chrom, start, start + width) for chrom, start in places])
        some = [text for _, own in splits.values() for text in own] + ["A" * width]
        texts = data.draw(st.lists(st.sampled_from(some), min_size=len(places), max_size=len(places)))
        leaky = leaks_elsewhere(audit, split, loci, texts, width)
        for row, (place, text) in enumerate(zip(rows_of(loci), texts, strict=True)):
            for other in set(ORDER) - {split}:  # those that are settled later, too, but not its own
                kinds = kinds_by_brute_force(place, text, settled[other])
                pair = (split, other) if (split, other) in PAIRS else (other, split)
                for kind, is_found in kinds.items():
                    redrawn[(*pair, kind)] += is_found
                assert leaky[row] or not any(kinds.values())
        fresh = np.flatnonzero(~leaky)
        audit.add(split, loci.iloc[fresh], bases_of([texts[row] for row in fresh], width))
        settled[split] += [(rows_of(loci)[row], texts[row]) for row in fresh]
    table = counts_of(audit)
    for key, number in redrawn.items():
        if key[2] != "near_duplicate":
            assert table.loc[key, "redrawn"] == number
    # What is said of the user's rows stays as it was.
    counted = ["found", "dropped", "left"]
    pd.testing.assert_frame_equal(table[counted], before[counted])


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


def test_rows_without_a_place_stay_beside_rows_with_one():
    # Their coordinates begin at 0 all: once every one of them was an overlap, and dropped.
    audit = LeakAudit("drop", **SETTINGS)
    settle(audit, "test", frame_of([("a", 0, 10), (".", 0, 10)]), ["ACGGTCATTG", "TTTTGACCCA"], 10)
    loci = frame_of([(".", 0, 10), ("a", 9, 19), (".", 0, 10), ("a", 10, 20), (".", 0, 10)])
    texts = ["GGGGGGCCAC", "CACACCGGTA", "TTGTTGCCGC", "CAAAACTATA", "ACGGTCATTG"]
    # The last is a copy: without a place, too, that is a leak.
    assert settle(audit, "train", loci, texts, 10).tolist() == [True, False, True, True, False]
    table = counts_of(audit)
    assert [table.loc[("train", "test", kind), "found"] for kind in KINDS] == [1, 0, 1, 0]


def test_drawn_windows_are_compared_with_the_rows_of_all_other_splits_and_with_what_was_drawn():
    audit = LeakAudit("drop", **SETTINGS)
    settle(audit, "test", frame_of([("a", 0, 10)]), ["ACGGTCATTG"], 10)
    settle(audit, "val", frame_of([("b", 0, 10)]), ["GGGGGGCCAC"], 10)
    settle(audit, "train", frame_of([("c", 0, 10)]), ["CACACCGGTA"], 10)
    # Drawn for test, which was settled first: copies and neighbours of val and train are no less copies.
    loci = frame_of([("d", 0, 10), ("c", 9, 19), ("d", 50, 60), ("a", 5, 15)])
    texts = ["GGGGGGCCAC", "TTGTTGCCGC", "TTTTGACCCA", "ACGGTCATTG"]
    assert leaks_elsewhere(audit, "test", loci, texts, 10).tolist() == [True, True, False, False]
    audit.add("test", loci.iloc[[2]], bases_of(texts[2:3], 10))
    # What was drawn and taken counts from then on; what was not taken does not.
    loci = frame_of([("e", 0, 10), ("d", 59, 69), ("c", 14, 24)])
    texts = [turned("TTTTGACCCA"), "CAAAACTATA", "TTGTTGCCGC"]
    assert leaks_elsewhere(audit, "train", loci, texts, 10).tolist() == [True, True, False]
    found = {pair: own["redrawn"].tolist() for pair, own in counts_of(audit).groupby(level=["split", "other_split"])}
    assert found == {("train", "val"): [0, 0, 0, 0], ("train", "test"): [0, 1, 2, 0], ("val", "test"): [1, 0, 0, 0]}
    assert counts_of(audit)["found"].sum() == 0


def test_near_duplicates_are_drawn_anew():
    rng = np.random.default_rng(3)
    text, other = ("".join(rng.choice(list("ACGT"), size=100)) for _ in range(2))
    near = text[:50] + ("A" if text[50] != "A" else "C") + text[51:]
    audit = LeakAudit("warn", 11, 0.2)
    settle(audit, "train", frame_of([("a", 0, 100)]), [text], 100)
    loci = frame_of([(".", 0, 100), (".", 0, 100)])
    assert leaks_elsewhere(audit, "test", loci, [turned(near), other], 100).tolist() == [True, False]
    assert counts_of(audit).loc[("train", "test", "near_duplicate"), "redrawn"] == 1


@pytest.mark.parametrize("policy", ["drop", "warn", "error"])
def test_drawn_windows_never_push_out_rows_that_were_settled(policy, tmp_path, capsys):
    audit = LeakAudit(policy, **SETTINGS)
    texts = {"test": "ACGGTCATTG", "val": "GGGGGGCCAC", "train": "CACACCGGTA"}
    for number, (split, text) in enumerate(texts.items()):
        place = frame_of([("a", 100 * number, 100 * number + 10)])
        assert settle(audit, split, place, [text], 10).tolist() == [True]
    kept = {split: (rows_of(loci), bases.tobytes()) for split, (loci, bases) in audit.settled.items()}
    # For test and val copies of train are drawn, and windows over it.
    for split in ("test", "val"):
        leaky = leaks_elsewhere(audit, split, frame_of([("b", 0, 10), ("a", 205, 215)]), [texts["train"], "A" * 10], 10)
        assert leaky.tolist() == [True, True]
    assert {split: (rows_of(loci), bases.tobytes()) for split, (loci, bases) in audit.settled.items()} == kept
    # They are no mistake of the user's data: nothing is refused, and nothing is warned of.
    audit.finish(tmp_path / "leakage.tsv")
    assert "WARNING" not in capsys.readouterr().out
    table = counts_of(audit)
    assert table[["found", "dropped", "left"]].to_numpy().sum() == 0
    assert table["redrawn"].sum() == 4


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
    assert leaks_elsewhere(audit, "val", frame_of([]), [], 10).tolist() == []
    assert leaks_elsewhere(audit, "train", frame_of([("a", 0, 10)]), ["ACGGTCATTG"], 10).tolist() == [False]
    assert counts_of(audit)[["found", "redrawn"]].to_numpy().sum() == 0


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
