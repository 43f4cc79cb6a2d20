"""Shuffles: how often each dinucleotide occurs is kept, and nothing but a new order of the bases comes out."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.messages import InputError
from cisflow.shuffling import MAX_SHUFFLES, dinucleotide_shuffles, shuffled, tiled


def bases_of(sequences):
    return np.array([list(sequence.encode()) for sequence in sequences], dtype=np.uint8)


def text_of(bases):
    return [row.tobytes().decode() for row in bases]


def none_refused(windows, bases):
    assert len(windows) == len(bases)
    return np.zeros(len(windows), dtype=bool)


def loci_of(number, width):
    start = np.arange(number) * 1000
    return pd.DataFrame({"chrom": [f"chr{n}" for n in range(number)], "start": start, "end": start + width})


# --- shuffles ---------------------------------------------------------------------------------------------------------

SEQUENCES = st.integers(1, 40).flatmap(
    lambda length: st.lists(st.text("ACGTNR", min_size=length, max_size=length), min_size=1, max_size=5)
)


@settings(max_examples=80, deadline=None, database=None)
@given(sequences=SEQUENCES, seed=st.integers(0, 2**31 - 100))
def test_dinucleotides_and_both_ends_are_kept(sequences, seed):
    seeds = np.arange(seed, seed + len(sequences))
    found = text_of(shuffled(bases_of(sequences), seeds))
    for before, after in zip(sequences, found, strict=True):
        before = re.sub("[^ACGT]", "N", before)  # every unknown base is one letter
        assert Counter(pairwise(after)) == Counter(pairwise(before))
        assert Counter(after) == Counter(before)
        assert (after[0], after[-1]) == (before[0], before[-1])


def test_a_shuffle_hangs_on_its_seed_and_not_on_its_place():
    rng = np.random.default_rng(5)
    bases = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), size=(6, 80))
    seeds = np.arange(6) + 40
    found = shuffled(bases, seeds)
    assert (found != bases).any(axis=1).all()
    np.testing.assert_array_equal(shuffled(bases[::-1], seeds[::-1]), found[::-1])
    np.testing.assert_array_equal(shuffled(bases[3:4], seeds[3:4]), found[3:4])
    assert (shuffled(bases, seeds + 100) != found).any(axis=1).all()


def test_orders_are_drawn_evenly():
    # tangermeme leaves the last step out of each base where it is, so that of the six orders of ACAGATA two are drawn.
    counts = Counter(text_of(shuffled(bases_of(["ACAGATA"] * 400), np.arange(400))))
    assert set(counts) == {"ACAGATA", "AGACATA"}
    assert min(counts.values()) > 150


def test_no_sequences_have_no_shuffles():
    assert shuffled(np.empty((0, 9), dtype=np.uint8), np.empty(0, dtype=np.int64)).shape == (0, 9)


# --- draws ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 12), refuse=st.sampled_from([0, 0.4]))
def test_every_shuffle_is_of_its_positive_and_is_not_the_positive(seed, count, refuse):
    rng = np.random.default_rng(seed)
    bases = rng.choice(np.frombuffer(b"ACGTN", dtype=np.uint8), p=[0.25] * 3 + [0.2, 0.05], size=(4, 50))
    positives, refused = loci_of(4, 50), set()
    template = tiled(np.arange(4), count, rng)

    def is_refused(windows, drawn):
        answer = rng.random(len(windows)) < refuse
        refused.update(text for text, no in zip(text_of(drawn), answer, strict=True) if no)
        return answer

    drawn = dinucleotide_shuffles(positives, bases, template, is_refused, rng)
    assert list(drawn.columns) == ["chrom", "start", "end", "sequence"]
    assert sorted(drawn["chrom"]) == sorted(positives["chrom"].iloc[template])
    assert not refused & set(drawn["sequence"])
    by_chrom = dict(zip(positives["chrom"], zip(positives["start"], text_of(bases), strict=True), strict=True))
    for row in drawn.itertuples():
        start, positive = by_chrom[row.chrom]
        assert (row.start, row.end) == (start, start + 50)
        assert row.sequence != positive
        pairs = (Counter(pairwise(text)) for text in (row.sequence, positive))
        assert next(pairs) == next(pairs)


def test_a_seed_gives_one_draw_and_another_seed_another():
    bases = np.random.default_rng(5).choice(np.frombuffer(b"ACGT", dtype=np.uint8), size=(5, 60))

    def draw(seed):
        rng = np.random.default_rng(seed)
        return dinucleotide_shuffles(loci_of(5, 60), bases, np.arange(5), none_refused, rng)

    pd.testing.assert_frame_equal(draw(1), draw(1))
    assert not draw(1).equals(draw(2))


@pytest.mark.parametrize("sequence", ["A" * 20, "AC" * 10, "N" * 20, "A" * 19 + "C"])
def test_others_stand_in_for_a_sequence_too_simple_to_shuffle(sequence, capsys):
    # One poly-A among thousands of peaks stopped a whole run.
    other = "ACGGTCATTGCATTAGCCAT"
    template = np.array([0, 1, 1])
    drawn = dinucleotide_shuffles(
        loci_of(2, 20), bases_of([other, sequence]), template, none_refused, np.random.default_rng(1)
    )
    assert len(drawn) == 3
    assert all(sorted(text) == sorted(other) and text != other for text in drawn["sequence"])
    assert "2 positives cannot be shuffled" in capsys.readouterr().out


def test_nothing_but_simple_sequences_is_an_error():
    bases = bases_of(["A" * 20, "AC" * 10])
    with pytest.raises(InputError) as caught:
        dinucleotide_shuffles(loci_of(2, 20), bases, np.array([0, 1]), none_refused, np.random.default_rng(1))
    assert caught.value.what.startswith("2 dinucleotide shuffle(s)")
    assert "chr0:0-20" in caught.value.why
    assert f"in {MAX_SHUFFLES} shuffles" in caught.value.why


def test_a_shuffle_that_is_always_refused_ends_as_an_error():
    bases, asked = bases_of(["ACGGTCATTGCATTAGCCAT"]), []

    def all_refused(windows, drawn):
        asked.append(len(windows))
        return np.ones(len(windows), dtype=bool)

    with pytest.raises(InputError, match="copy of a window of another split"):
        dinucleotide_shuffles(loci_of(1, 20), bases, np.array([0]), all_refused, np.random.default_rng(1))
    assert len(asked) == MAX_SHUFFLES


# --- as many as asked for ---------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, database=None)
@given(number=st.integers(1, 9), count=st.integers(0, 40), seed=st.integers(0, 99))
def test_each_value_comes_as_often_as_any_other_or_once_more(number, count, seed):
    found = Counter(tiled(np.arange(number), count, np.random.default_rng(seed)).tolist())
    assert sum(found.values()) == count
    times = [found[value] for value in range(number)]
    assert max(times) - min(times) <= 1


def test_which_values_come_once_more_is_left_to_chance():
    extra = {tuple(tiled(np.arange(5), 7, np.random.default_rng(seed))[5:].tolist()) for seed in range(60)}
    assert {value for pair in extra for value in pair} == set(range(5))


def test_flanks_in_lower_case_stay_in_place():
    # A network would tell positives by the flanks of the construct if the shuffles had lost them.
    sequences = ["ggACGTTGCATCGcc", "gACGTACGATCGATc", "ACGTTGACCATGACG"]
    drawn = text_of(shuffled(bases_of(sequences), np.array([1, 2, 3])))
    for sequence, shuffle in zip(sequences, drawn, strict=True):
        insert, new = re.search("[A-Z]+", sequence), re.search("[A-Z]+", shuffle)
        assert insert.span() == new.span()
        assert sequence.replace(insert[0], "") == shuffle.replace(new[0], "")
        assert Counter(pairwise(insert[0])) == Counter(pairwise(new[0]))
