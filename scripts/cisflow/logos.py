"""Sequence logos as small SVG fragments for one HTML page.

The four letters are drawn once a page (`glyph_symbols`) and placed by `<use>`, so that a logo costs one or two kB.
Letter heights follow Schneider and Stephens (1990, doi:10.1093/nar/18.20.6097) against a uniform background and without
the small-sample correction: a column of information R bits gives base b the height p(b) * R. All logos share one scale,
0 to 2 bits. Colours are CSS classes (`base-a` ...), so the page decides them.
"""

from html import escape

import numpy as np

from cisflow.alphabet import ALPHABET
from cisflow.meme import information_content, reverse_complement

# Drawn in a 100 x 100 box that each letter fills, because a logo stretches its letters to any height.
GLYPHS = {
    "A": "M0 100 39 0H61L100 100H78L69.5 78H30.5L22 100ZM37 61H63L50 28Z",
    "C": "M98 65C92 88 75 100 52 100C20 100 0 79 0 50S20 0 52 0C75 0 92 12 98 35L77 40C73 26 65 18 52 18"
    "C33 18 22 30 22 50S33 82 52 82C65 82 73 74 77 60Z",
    "G": "M98 34C91 12 75 0 52 0C20 0 0 21 0 50S20 100 52 100C72 100 88 93 98 82V45H52V62H77V73C70 79 62 82 53 82"
    "C34 82 22 70 22 50S34 18 52 18C64 18 73 25 77 39Z",
    "T": "M0 0H100V18H61V100H39V18H0Z",
}

UNITS_PER_BIT = 50  # whole units keep the markup short; one is 0.02 bits
ROW_UNITS = 2 * UNITS_PER_BIT
COLUMN_UNITS = 25
GAP_UNITS = 14  # between the learned motif and the database motif
SMALLEST_UNITS = 3  # letters below 0.06 bits are about a pixel high on the page
PIXELS_PER_UNIT = 0.4


def checked_pwm(pwm):
    """Probabilities as a float array, or an error that says what is wrong with them.

    Parameters
    ----------
    pwm : array_like, shape (width, 4)
        Probabilities of A, C, G, T in each column of the motif.

    Returns
    -------
    numpy.ndarray, shape (width, 4)

    Raises
    ------
    ValueError
        For another shape, for values that are not finite or negative, for columns that do not sum to 1 (within 0.01).
    """
    pwm = np.asarray(pwm, dtype=float)
    if pwm.ndim != 2 or pwm.shape[1] != 4 or pwm.shape[0] == 0:
        raise ValueError(f"a PWM has the shape (width, 4) with width >= 1, found {pwm.shape}")
    if not np.isfinite(pwm).all() or (pwm < 0).any():
        raise ValueError("a PWM holds probabilities, found a negative or missing value")
    sums = pwm.sum(axis=1)
    if np.abs(sums - 1).max() > 0.01:
        raise ValueError(f"each column of a PWM sums to 1, found sums from {sums.min():.3f} to {sums.max():.3f}")
    return pwm


def letter_heights(pwm):
    """Height of every letter of a logo, in bits.

    Parameters
    ----------
    pwm : array_like, shape (width, 4)
        Probabilities of A, C, G, T.

    Returns
    -------
    numpy.ndarray, shape (width, 4)
        Rows sum to the information content of the column.
    """
    pwm = checked_pwm(pwm)
    return pwm * np.clip(information_content(pwm), 0, 2)[:, None]


def aligned_starts(query_width, target_width, offset):
    """Columns where a query and its Tomtom target start when drawn one above the other.

    Tomtom's convention: column i of the query lies over column i + `Optimal_offset` of the target, where the target has
    first been reverse-complemented if `Orientation` is "-". A positive offset thus moves the query to the right, a
    negative one moves the target.

    Parameters
    ----------
    query_width, target_width : int
        Columns of the two motifs.
    offset : int
        `Optimal_offset` of the Tomtom table.

    Returns
    -------
    query_start, target_start, total : int
        0-based columns of the drawing, and how many columns it has.
    """
    query_start, target_start = max(offset, 0), max(-offset, 0)
    return query_start, target_start, max(query_start + query_width, target_start + target_width)


def glyph_symbols(motifs=""):
    """The four letters as hidden SVG symbols; a page with logos holds this once.

    Parameters
    ----------
    motifs : str
        What `motif_symbol` gave for the database motifs that the page draws.

    Returns
    -------
    str
        SVG markup with the ids `gA`, `gC`, `gG`, `gT` (short, as a page names them ten thousand times) and the motifs.
    """
    symbols = "".join(
        f'<symbol id="g{base}" viewBox="0 0 100 100" preserveAspectRatio="none">'
        f'<path class="base-{base.lower()}" fill-rule="evenodd" d="{path}"/></symbol>'
        for base, path in GLYPHS.items()
    )
    return f'<svg class="glyphs" width="0" height="0" aria-hidden="true"><defs>{symbols}{motifs}</defs></svg>'


def logo_letters(pwm, first_column=0):
    """The letters of one logo as `<use>` elements.

    Parameters
    ----------
    pwm : array_like, shape (width, 4)
        Probabilities of A, C, G, T.
    first_column : int
        Column of the drawing where the motif starts, 0-based.

    Returns
    -------
    str
        SVG markup; in each column the tallest letter is on top.
    """
    letters = []
    for column, heights in enumerate(letter_heights(pwm), start=first_column):
        order = np.argsort(heights, kind="stable")
        # The edges are rounded, not the heights, so that letters touch and the stack keeps its height.
        edges = np.rint(np.concatenate([[0], np.cumsum(heights[order])]) * UNITS_PER_BIT).astype(int)
        for base, lower, upper in zip(order, edges[:-1], edges[1:], strict=True):
            if upper - lower >= SMALLEST_UNITS:
                letters.append(
                    f'<use href="#g{ALPHABET[base]}" x="{column * COLUMN_UNITS}" y="{ROW_UNITS - upper}" '
                    f'width="{COLUMN_UNITS}" height="{upper - lower}"/>'
                )
    return "".join(letters)


def _axis(width, first_column=0):
    """A line of 2 bits at the left edge and the line of 0 bits under the letters."""
    left = first_column * COLUMN_UNITS
    return f'<path class="logo-axis" d="M{left} 0v{ROW_UNITS}h{width * COLUMN_UNITS}"/>'


def _svg(columns, height, label, content):
    width = columns * COLUMN_UNITS
    label = escape(label)
    return (
        f'<svg class="logo" role="img" aria-label="{label}" viewBox="-1 0 {width + 2} {height + 1}" '
        f'width="{width * PIXELS_PER_UNIT:g}" height="{height * PIXELS_PER_UNIT:g}">'
        f"<title>{label}</title>{content}</svg>"
    )


def logo(pwm, label):
    """One logo on a scale of 0 to 2 bits.

    Parameters
    ----------
    pwm : array_like, shape (width, 4)
        Probabilities of A, C, G, T.
    label : str
        Read by screen readers and shown on hovering; escaped here.

    Returns
    -------
    str
        An `<svg>` that needs `glyph_symbols` on the same page.
    """
    width = len(checked_pwm(pwm))
    return _svg(width, ROW_UNITS, label, _axis(width) + logo_letters(pwm))


def motif_symbol(symbol, pwm, orientation):
    """The logo of a database motif as a drawing that `stacked_logos` places; many filters share one.

    Parameters
    ----------
    symbol : str
        Id of the drawing, unique on the page.
    pwm : array_like, shape (width, 4)
        The motif in the database's orientation; turned here when `orientation` is "-".
    orientation : {"+", "-"}
        `Orientation` of the Tomtom table.

    Returns
    -------
    str
        SVG markup for `glyph_symbols`.
    """
    if orientation not in ("+", "-"):
        raise ValueError(f"Tomtom's Orientation is '+' or '-', found {orientation!r}")
    pwm = checked_pwm(pwm)
    if orientation == "-":
        pwm = reverse_complement(pwm)
    return f'<g id="{escape(symbol)}">{_axis(len(pwm))}{logo_letters(pwm)}</g>'


def stacked_logos(query, target_width, symbol, offset, label):
    """The learned motif above the database motif, column over column as Tomtom aligned them.

    Parameters
    ----------
    query : array_like, shape (query_width, 4)
        The learned motif, drawn as it is.
    target_width : int
        Columns of the database motif.
    symbol : str
        Id of its drawing by `motif_symbol`, which has turned it into the orientation of the match.
    offset : int
        `Optimal_offset`; see `aligned_starts` for the convention.
    label : str
        Read by screen readers and shown on hovering; escaped here.

    Returns
    -------
    str
        An `<svg>` that needs `glyph_symbols` on the same page. A tinted band marks the columns that overlap.
    """
    query = checked_pwm(query)
    query_start, target_start, columns = aligned_starts(len(query), target_width, offset)
    height = 2 * ROW_UNITS + GAP_UNITS
    first = max(query_start, target_start)
    last = min(query_start + len(query), target_start + target_width)
    band = ""
    if last > first:
        left, width = first * COLUMN_UNITS, (last - first) * COLUMN_UNITS
        band = f'<rect class="logo-overlap" x="{left}" y="0" width="{width}" height="{height}"/>'
    content = (
        band
        + _axis(len(query), query_start)
        + logo_letters(query, query_start)
        + f'<use href="#{escape(symbol)}" x="{target_start * COLUMN_UNITS}" y="{ROW_UNITS + GAP_UNITS}"/>'
    )
    return _svg(columns, height, label, content)
