"""Numbers as the report prints them and what scores are called; what is unknown is NaN in the tables and a dash on the
page."""

import math

MISSING = "–"
# What scores are called and how they are drawn: the score by which networks are judged, and a second one beside it.
TASKS = {
    "binary": {
        "task": "binary",
        "score": "auroc",
        "name": "AUROC",
        "second": "auprc",
        "second_name": "AUPRC",
        "guess": 0.5,  # what a network reaches that learned nothing
        "scale": (0.4, 1.0),
        "scale_text": "0.4 to 1",
        "untrained": 0.6,
    },
    "regression": {
        "task": "regression",
        "score": "pearson",
        "name": "Pearson r",
        "second": "spearman",
        "second_name": "Spearman ρ",
        "guess": 0.0,
        "scale": (-0.2, 1.0),
        "scale_text": "−0.2 to 1",
        "untrained": 0.1,
    },
}


def words_of(row):
    """The entry of `TASKS` for a row, a run or an entry of `datasets`."""
    return TASKS[row["task"]]


def is_known(value):
    """Whether a value is a finite number."""
    return math.isfinite(value)


def mean_known(values):
    """Mean of the numbers that are known; NaN if none is."""
    values = [value for value in values if is_known(value)]
    return math.fsum(values) / len(values) if values else math.nan


def fixed(value, digits=3):
    """A number with fixed digits and thousands separators; a dash where there is none."""
    return f"{value:,.{digits}f}".replace("-", "−") if is_known(value) else MISSING


def scientific(value):
    """A p-, E- or q-value: `0.012`, `3.1e-07`; a dash where there is none."""
    if not is_known(value):
        return MISSING
    return f"{value:.1e}" if value < 0.001 else f"{value:.3g}"


def percent(value):
    """A fraction in per cent; a dash where there is none."""
    return f"{100 * value:.0f} %" if is_known(value) else MISSING


def span(low, high):
    """Two numbers as `0.731–0.840`, or `−0.040 to 0.040`; one dash where either is missing."""
    return f"{fixed(low)}{' to ' if low < 0 else '–'}{fixed(high)}" if is_known(low) and is_known(high) else MISSING


def ends_of(values, digits=2, write=None):
    """The lowest and the highest of the numbers that are known: `0.90–0.91`, or one of them if both read alike.

    Parameters
    ----------
    values : iterable of float
    digits : int
        Behind the point.
    write : callable, optional
        Turns a number into text, in place of `fixed`.

    Returns
    -------
    str
        A dash where none is known.
    """
    known = [value for value in values if is_known(value)]
    write = write or (lambda value: fixed(value, digits))
    return "–".join(dict.fromkeys(write(end) for end in (min(known), max(known)))) if known else MISSING


def signed(value, digits=3):
    """A difference with its sign; a dash where there is none."""
    return f"{value:+.{digits}f}".replace("-", "−") if is_known(value) else MISSING


def signed_span(low, high):
    """The ends of an interval of differences: `−0.012 to +0.031`; a dash where either is missing."""
    return f"{signed(low)} to {signed(high)}" if is_known(low) and is_known(high) else MISSING


def all_of(items):
    """Items as `one`, `one and two`, `one, two and three`."""
    items = list(items)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def with_interval(value, low, high):
    """A score and its interval as `0.897 (0.853–0.930)`; without one the score alone."""
    return f"{fixed(value)} ({span(low, high)})" if is_known(low) and is_known(high) else fixed(value)


def count_of(number, noun, plural=""):
    """`1 seed`, `1,200 seeds`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def sentence(text):
    """Text with a capital letter first, the rest as it is."""
    return text[:1].upper() + text[1:]


def listed(items, limit=6):
    """Items separated by semicolons, the first `limit` of them, and how many were left out."""
    items = list(items)
    text = "; ".join(items[:limit])
    return f"{text}; and {len(items) - limit:,} more" if len(items) > limit else text
