"""What is known of rows, against counting words and peaks one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow import row_properties
from cisflow.row_properties import gc_of, largest_containment, letters_of, strongest_peaks

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def as_bases(texts):
    return np.array([list(text.encode()) for text in texts], dtype=np.uint8)


def words(text, k):
    found = {text[at : at + k] for at in range(len(text) - k + 1)}
    return {min(word, word.translate(COMPLEMENT)[::-1]) for word in found if "N" not in word}


def expected_containment(texts, reference, k):
    held = [words(text, k) for text in reference]
    own = [words(text, k) for text in texts]
    return [max((len(one & other) / len(one) for other in held), default=0) if one else np.nan for one in own]


SEQUENCES = st.lists(st.text("ACGTN", min_size=12, max_size=12), min_size=1, max_size=6)


@given(SEQUENCES, SEQUENCES, st.integers(1, 5))
def test_containment_is_that_of_sets_of_words(texts, reference, k):
    found = largest_containment(as_bases(texts), as_bases(reference), k)
    assert found.tolist() == pytest.approx(expected_containment(texts, reference, k), nan_ok=True)


def test_chunks_of_the_reference_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    texts, reference = (["".join(rng.choice(list("ACGT"), 40)) for _ in range(50)] for _ in range(2))
    reference[33] = texts[7][:30] + reference[33][:10]
    whole = largest_containment(as_bases(texts), as_bases(reference), 6)
    assert whole.tolist() == pytest.approx(expected_containment(texts, reference, 6))
    assert whole[7] > 0.6
    monkeypatch.setattr(row_properties, "INDEXED_AT_ONCE", 40 * 8)
    assert largest_containment(as_bases(texts), as_bases(reference), 6).tolist() == whole.tolist()


def test_the_other_strand_is_as_similar():
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("ACGT"), 60))
    assert largest_containment(as_bases([text]), as_bases([text.translate(COMPLEMENT)[::-1]])).tolist() == [1]


@given(SEQUENCES)
def test_letters_and_gc(texts):
    one_hot = np.array([[[letter == base for letter in text] for base in "ACGT"] for text in texts], dtype=np.int8)
    assert ["".join(map(chr, row)) for row in letters_of(one_hot)] == texts
    known = [text.replace("N", "") for text in texts]
    expected = [(text.count("G") + text.count("C")) / len(text) if text else np.nan for text in known]
    assert gc_of(as_bases(texts)).tolist() == pytest.approx(expected, nan_ok=True)


@given(
    st.lists(st.tuples(st.sampled_from(["chr1", "chr10"]), st.integers(0, 40), st.integers(1, 20)), max_size=8),
    st.lists(
        st.tuples(st.sampled_from(["chr1", "chr10"]), st.integers(0, 60), st.integers(0, 9) | st.just(np.nan)),
        max_size=8,
    ),
)
def test_the_strongest_peak_with_its_anchor_in_the_window(windows, peaks):
    chrom, start, length = zip(*windows, strict=True) if windows else ((), (), ())
    end = np.array(start, dtype=int) + np.array(length, dtype=int)
    table = pd.DataFrame(peaks, columns=["chrom", "anchor", "strength"]).astype({"strength": float})
    found = strongest_peaks(np.array(chrom, dtype=object), np.array(start, dtype=int), end, table)
    expected = [
        max((s for c, a, s in peaks if c == name and begin <= a < stop and s == s), default=np.nan)
        for name, begin, stop in zip(chrom, start, end, strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, nan_ok=True)
