"""Sequence logos: letter heights, and the alignment of learned and database motif."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from cisflow.logos import (
    COLUMN_UNITS,
    ROW_UNITS,
    UNITS_PER_BIT,
    aligned_starts,
    glyph_symbols,
    letter_heights,
    logo,
    logo_letters,
    motif_symbol,
    stacked_logos,
)
from cisflow.meme import reverse_complement


def one_hot(sequence):
    return np.array([[float(base == letter) for letter in "ACGT"] for base in sequence])


def random_pwm(seed, width):
    return np.random.default_rng(seed).dirichlet([0.5] * 4, width)


def letters(markup):
    """(base, column, upper edge, height) of every letter, in drawing units."""
    found = re.findall(r'#g([ACGT])" x="(\d+)" y="(\d+)" width="\d+" height="(\d+)"', markup)
    return [(base, int(x) // COLUMN_UNITS, int(y), int(height)) for base, x, y, height in found]


def read_off(markup):
    """The sequence spelt by the tallest letters, with its first column."""
    tallest = {}
    for base, column, _, height in letters(markup):
        if height > tallest.get(column, ("", 0))[1]:
            tallest[column] = (base, height)
    return min(tallest), "".join(tallest[column][0] for column in sorted(tallest))


def drawn_start(symbol, markup):
    """The column at which the drawing of a database motif is placed."""
    return int(re.search(rf'href="#{symbol}" x="(\d+)"', markup).group(1)) // COLUMN_UNITS


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 0, 0, 0], [2, 0, 0, 0]),  # one base: log2(4) bits
        ([0.25, 0.25, 0.25, 0.25], [0, 0, 0, 0]),
        ([0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]),  # one bit, shared by two
        ([0.5, 0.25, 0.25, 0], [0.25, 0.125, 0.125, 0]),  # entropy 1.5 bits, so half a bit is left
        (
            [0.7, 0.1, 0.1, 0.1],
            [0.4502542, 0.064322, 0.064322, 0.064322],
        ),  # entropy 0.36020 + 3 * 0.33219 = 1.35678 bits
    ],
)
def test_letter_heights_by_hand(column, expected):
    np.testing.assert_allclose(letter_heights([column])[0], expected, atol=1e-6)


def test_letters_fill_the_stack_and_the_tallest_is_on_top():
    pwm = random_pwm(1, 30)
    drawn = letters(logo_letters(pwm))
    for column, heights in enumerate(letter_heights(pwm)):
        stack = [(y, height) for _, at, y, height in drawn if at == column]
        if heights.max() * UNITS_PER_BIT < 4:  # letters that thin may be left out
            continue
        assert min(y for y, _ in stack) == pytest.approx(ROW_UNITS - heights.sum() * UNITS_PER_BIT, abs=0.51)
        assert all(y >= 0 and y + height <= ROW_UNITS for y, height in stack)
        by_height = sorted(stack)
        for (upper_y, upper_height), (lower_y, lower_height) in pairwise(by_height):
            assert upper_height >= lower_height - 1  # edges are rounded
            assert upper_y + upper_height == lower_y  # no gap, no overlap


def test_reverse_complement():
    np.testing.assert_array_equal(reverse_complement(one_hot("AACGT")), one_hot("ACGTT"))
    pwm = random_pwm(2, 9)
    np.testing.assert_array_equal(reverse_complement(reverse_complement(pwm)), pwm)


@pytest.mark.parametrize(
    ("strand", "offset"),
    # As memelite 0.5.0 gives them for columns 2 to 18 of su(Hw) (MA0533.1, 21 columns) and their reverse complement.
    [("+", 2), ("-", 3)],
)
def test_alignment_is_that_of_tomtom(strand, offset):
    target = one_hot("GACTTGCATACCAAGTCAGTA")
    piece = target[2:18] if strand == "+" else reverse_complement(target[2:18])
    upper_start, upper = read_off(stacked_logos(piece, len(target), "motif-1", offset, "piece"))
    lower_start = drawn_start("motif-1", stacked_logos(piece, len(target), "motif-1", offset, "piece"))
    _, lower = read_off(motif_symbol("motif-1", target, strand))
    assert len(upper) == len(piece)
    assert lower[upper_start - lower_start :][: len(upper)] == upper


@pytest.mark.parametrize("offset", [-5, -1, 0, 1, 6])
def test_query_column_lies_over_target_column_plus_offset(offset):
    query_start, target_start, total = aligned_starts(7, 9, offset)
    assert min(query_start, target_start) == 0
    for column in range(7):
        assert query_start + column == target_start + column + offset
    assert total == max(query_start + 7, target_start + 9)


def test_logo_without_overlap_is_drawn_without_a_band():
    markup = stacked_logos(one_hot("ACG"), 3, "motif-1", 4, "apart")
    assert "logo-overlap" not in markup
    assert read_off(markup) == (4, "ACG")


def test_label_is_escaped_and_readable():
    class Labels(HTMLParser):
        found = ()
        tags = ()

        def handle_starttag(self, tag, attrs):
            self.tags += (tag,)
            self.found += tuple(value for key, value in attrs if key == "aria-label")

    parser = Labels()
    parser.feed(logo(one_hot("A"), 'Su(Hw) <b>"&'))
    assert parser.found == ('Su(Hw) <b>"&',)
    assert "b" not in parser.tags


def test_letters_are_defined_once_each():
    ids = re.findall(r'id="([^"]+)"', glyph_symbols())
    assert ids == ["gA", "gC", "gG", "gT"]


@pytest.mark.parametrize(
    "pwm",
    [np.zeros((0, 4)), np.full((4, 3), 0.25), [[0.5, 0.5, 0.5, 0.5]], [[1.5, -0.5, 0, 0]], [[np.nan, 0, 0, 1]]],
)
def test_what_is_no_pwm_is_refused(pwm):
    with pytest.raises(ValueError, match="PWM"):
        logo(pwm, "bad")


def test_orientation_is_checked():
    with pytest.raises(ValueError, match="Orientation"):
        motif_symbol("motif-1", one_hot("A"), "1")


def test_a_logo_is_small():
    # 192 filters of 19 columns must leave room for the rest of a page below 1 MB.
    sizes = [len(logo(random_pwm(seed, 19), "filter_1: ACGTACGTACGTACGTACG")) for seed in range(20)]
    assert np.mean(sizes) < 3500
