"""Words are those that Python's own slicing of the text finds."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.base_codes import central_codes
from cisflow.kmer_features import (
    contiguous_pattern,
    count_words,
    gapped_patterns,
    merged_words,
    n_words,
    word_frequencies,
)

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def codes_of(texts):
    return np.array([["ACGTN".index(letter) for letter in text] for text in texts], dtype=np.uint8)


def reverse_complement(text):
    return text.translate(COMPLEMENT)[::-1]


def words_of(text, pattern):
    """Words of a text as strings, of each and its reverse complement the first in the alphabet."""
    found = Counter()
    for begin in range(len(text) - pattern[-1]):
        word = "".join(text[begin + place] for place in pattern)
        if "N" not in word:
            found[min(word, reverse_complement(word))] += 1
    return found


def columns_of(k):
    """Strings in the order of the columns: first forms in the order of the alphabet."""
    words = [""]
    for _ in range(k):
        words = [word + letter for word in words for letter in "ACGT"]
    return [word for word in words if word <= reverse_complement(word)]


@pytest.mark.parametrize(("stored", "length"), [(12, 12), (14, 12), (15, 10)])
def test_codes_are_those_of_the_text(stored, length):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), stored)) for _ in range(20)]
    one_hot = np.array([[[letter == base for letter in text] for base in "ACGT"] for text in texts], dtype=np.int8)
    begin = (stored - length) // 2
    np.testing.assert_array_equal(
        central_codes(one_hot, length), codes_of([text[begin : begin + length] for text in texts])
    )


@pytest.mark.parametrize(("k", "number"), [(1, 2), (2, 10), (3, 32), (4, 136), (5, 512), (6, 2080)])
def test_numbers_of_words_of_both_strands(k, number):
    """(4^k + palindromes) / 2; odd words have no palindromes."""
    assert merged_words(k).max() + 1 == n_words(contiguous_pattern(k)) == number == len(columns_of(k))


def test_patterns_have_one_gap_in_their_middle():
    assert gapped_patterns(4, 6) == [(0, 1, 2, 3), (0, 1, 3, 4), (0, 1, 4, 5)]
    assert n_words(gapped_patterns(6, 16)) == 11 * 2080
    for k, length in ((5, 8), (6, 4), (0, 4)):
        with pytest.raises(ValueError, match="even number"):
            gapped_patterns(k, length)


@given(
    texts=st.integers(0, 40).flatmap(
        lambda length: st.lists(st.text("ACGTN", min_size=length, max_size=length), min_size=1, max_size=4)
    ),
    patterns=st.sampled_from(
        [contiguous_pattern(1), contiguous_pattern(3), contiguous_pattern(6), gapped_patterns(4, 9)]
    ),
)
def test_counts_are_those_of_a_loop_over_the_text(texts, patterns):
    counts = count_words(codes_of(texts).reshape(len(texts), -1), patterns)
    names = columns_of(len(patterns[0]))
    for row, text in zip(counts.toarray(), texts, strict=True):
        for number, pattern in enumerate(patterns):
            of_pattern = row[number * len(names) : (number + 1) * len(names)]
            assert {names[i]: of_pattern[i] for i in np.flatnonzero(of_pattern)} == words_of(text, pattern)


@pytest.mark.parametrize("patterns", [contiguous_pattern(6), gapped_patterns(6, 16)])
def test_both_strands_and_any_number_of_rows_have_the_same_counts(patterns):
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACGTN"), 60, p=[0.3, 0.2, 0.2, 0.28, 0.02])) for _ in range(2500)]
    counts = count_words(codes_of(texts), patterns)
    other = count_words(codes_of([text.translate(COMPLEMENT)[::-1] for text in texts]), patterns)
    assert (counts != other).nnz == 0
    one = count_words(codes_of(texts[1500:1501]), patterns)
    np.testing.assert_array_equal(counts[1500].toarray(), one.toarray())
    assert counts.dtype == np.float32


def test_frequencies_sum_to_one_and_no_words_have_none():
    found = word_frequencies(codes_of(["AACGT", "NANCN"]), 2)
    names = columns_of(2)
    assert {names[i]: found[0, i] for i in np.flatnonzero(found[0])} == {"AA": 0.25, "AC": 0.5, "CG": 0.25}
    assert not found[1].any()
    assert found.dtype == np.float32
