"""Charts of what stands beside the results as inline SVG: scores with intervals, reliability, confusion matrices.

They are written out by hand with the classes of the page's style sheet for their colours, as there may be many.
"""

import math
from html import escape

from cisflow.figures_scores import PANEL, linear_ticks, panel_svg

NAMES, PLOT, NUMBERS, ROW, ABOVE, BELOW, GAP = 180, 234, 146, 21, 4, 38, 9  # units of the drawing
LONGEST_NAME = 25  # letters beside a row
TICKS = 7
MARGIN = 0.04  # of the range of the scores, on either side
CONFUSED_LEFT, CONFUSED_TOP, CONFUSED_WIDE, CONFUSED_HIGH = 66, 34, 92, 50  # of a confusion matrix
DARKEST = 0.5  # numbers must stay legible on it


def score_limits(rows, guess):
    """Limits of an axis that holds all scores, their intervals, and the score of a guess.

    Parameters
    ----------
    rows : list of dict
        `value`, `low` and `high`, which may be NaN.
    guess : float

    Returns
    -------
    low, high : float
    """
    ends = [row[name] for row in rows for name in ("value", "low", "high") if math.isfinite(row[name])]
    low, high = min([*ends, guess]), max([*ends, guess])
    margin = MARGIN * (high - low) or MARGIN
    return low - margin, high + margin


def whisker_chart(rows, limits, guess, quantity, label, whole=math.nan):
    """Scores with their intervals, one below the other, their numbers beside them.

    Parameters
    ----------
    rows : list of dict
        `name`, `value`, `low`, `high` (what is NaN is not drawn), `text` (the numbers), and perhaps `kind` (`network`,
        `baseline` or `part`, which decides the colour), `points` (scores of single seeds) and `begins` (a gap stands
        above the row).
    limits : (float, float)
        Of the axis.
    guess : float
        Score of a guess, where a dotted upright stands.
    quantity : str
        Name of the axis.
    label : str
        Text for screen readers.
    whole : float
        Score of all rows, where a broken upright stands.

    Returns
    -------
    str
        An `<svg>`.
    """
    low, high = limits

    def place(score):
        return f"{PLOT * (min(max(score, low), high) - low) / (high - low):.1f}".removesuffix(".0")

    parts, y = [], ABOVE - ROW / 2
    for number, row in enumerate(rows):
        y += ROW + (GAP if row.get("begins") and number else 0)
        kind = f"of-{row.get('kind', 'network')}"
        name = escape(shortened(row["name"]))
        full = f"<title>{escape(row['name'])}</title>" if shortened(row["name"]) != row["name"] else ""
        parts.append(f'<text x="-10" y="{y:g}" dy=".35em" text-anchor="end">{full}{name}</text>')
        parts.append(f'<text x="{PLOT + 10}" y="{y:g}" dy=".35em">{escape(row["text"])}</text>')
        if math.isfinite(row["low"]) and math.isfinite(row["high"]):
            parts.append(f'<path class="whisker {kind}" d="M{place(row["low"])} {y:g}H{place(row["high"])}"/>')
        points = [point for point in row.get("points", []) if math.isfinite(point)]
        if points:
            dots = "".join(f"M{place(point)} {y + 7:g}h0" for point in points)
            parts.append(f'<path class="whisker-seeds {kind}" d="{dots}"/>')
        if math.isfinite(row["value"]):
            parts.append(f'<circle class="whisker-dot {kind}" cx="{place(row["value"])}" cy="{y:g}" r="4"/>')
    bottom = y + ROW / 2
    ticks = [(low + at * (high - low), text) for at, text in linear_ticks(low, high, TICKS)]
    grid = "".join(f"M{place(value)} 0V{bottom:g}" for value, _ in ticks)
    numbers = "".join(
        f'<text x="{place(value)}" y="{bottom + 14:g}" text-anchor="middle">{escape(text)}</text>'
        for value, text in ticks
    )
    uprights = f'<path class="whisker-guess" d="M{place(guess)} 0V{bottom:g}"/>'
    if math.isfinite(whole):
        uprights += f'<path class="panel-diagonal" d="M{place(whole)} 0V{bottom:g}"/>'
    axis = f'<text x="{PLOT / 2:g}" y="{bottom + 31:g}" text-anchor="middle">{escape(quantity)}</text>'
    return (
        f'<svg class="whiskers" role="img" aria-label="{escape(label)}" viewBox="{-NAMES} 0 {NAMES + PLOT + NUMBERS} '
        f'{bottom + BELOW:g}"><path class="panel-grid" d="{grid}"/>{uprights}{"".join(parts)}'
        f'<path class="panel-frame" d="M0 {bottom:g}H{PLOT}"/>{numbers}{axis}</svg>'
    )


def shortened(name):
    """A name that fits beside a row."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def reliability_panel(bins, label):
    """Observed shares against mean predictions, with the line on which perfect probabilities lie.

    Parameters
    ----------
    bins : list of dict
        `mean_predicted`, `observed`, `ci_low`, `ci_high`; from the lowest predictions to the highest.
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>`; both axes run from 0 to the same end, 1 or the tenth above the highest value.
    """
    highest = max(row[name] for row in bins for name in ("mean_predicted", "ci_high"))
    end = min(math.ceil(10 * highest - 1e-9) / 10, 1) or 0.1
    points = [
        tuple(PANEL * value / end for value in (row["mean_predicted"], row["observed"], row["ci_low"], row["ci_high"]))
        for row in bins
    ]
    whiskers = "".join(f"M{x:.0f} {PANEL - low:.1f}V{PANEL - high:.1f}" for x, _, low, high in points)
    line = "L".join(f"{x:.1f} {PANEL - y:.1f}" for x, y, *_ in points)
    dots = "".join(f"M{x:.1f} {PANEL - y:.1f}h0" for x, y, *_ in points)
    marks = (
        f'<path class="panel-diagonal" d="M0 {PANEL}L{PANEL} 0"/><path class="reliability-interval" d="{whiskers}"/>'
        f'<path class="reliability" d="M{line}"/><path class="reliability-dots" d="{dots}"/>'
    )
    ticks = linear_ticks(0.0, end)
    return panel_svg(marks, (ticks, "mean prediction"), (ticks, "observed share"), label)


def confusion_panel(counts, label):
    """Observed classes against what is called, two by two, each cell with its share of the observed class.

    Parameters
    ----------
    counts : dict of str -> float
        `true_positives`, `false_negatives`, `false_positives` and `true_negatives`: numbers of rows.
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>` of its natural size; a cell is the darker the larger its share, wrong ones have another colour.
    """
    rows = [("positive", "true_positives", "false_negatives"), ("negative", "false_positives", "true_negatives")]
    parts = []
    for place, name in enumerate(("positive", "negative")):
        middle = f'x="{CONFUSED_LEFT + (place + 0.5) * CONFUSED_WIDE:g}" text-anchor="middle"'
        parts.append(f'<text class="faint" {middle} y="12">called</text><text {middle} y="27">{name}</text>')
    for number, (name, *cells) in enumerate(rows):
        y, total = CONFUSED_TOP + number * CONFUSED_HIGH, sum(counts[cell] for cell in cells)
        for style, shift, text in (("faint", 20, "observed"), ("", 35, name)):
            parts.append(
                f'<text class="{style}" x="{CONFUSED_LEFT - 8}" y="{y + shift}" text-anchor="end">{text}</text>'
            )
        for place, cell in enumerate(cells):
            x, share = CONFUSED_LEFT + place * CONFUSED_WIDE, counts[cell] / total if total else 0
            colour = "heat" if cell.startswith("true") else "heat-wrong"
            box = f'x="{x + 1}" y="{y + 1}" width="{CONFUSED_WIDE - 2}" height="{CONFUSED_HIGH - 2}" rx="3"'
            parts.append(
                f'<rect class="{colour}" fill-opacity="{DARKEST * share:.2f}" {box}/><rect class="leak-none" {box}/>'
            )
            middle = f'x="{x + CONFUSED_WIDE / 2:g}" text-anchor="middle"'
            parts.append(f'<text class="strong" {middle} y="{y + 23}">{counts[cell]:,.0f}</text>')
            if total:
                parts.append(f'<text class="small" {middle} y="{y + 39}">{100 * share:.0f} %</text>')
    width, height = CONFUSED_LEFT + 2 * CONFUSED_WIDE + 2, CONFUSED_TOP + 2 * CONFUSED_HIGH + 2
    return (
        f'<svg class="matrix" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-size="12.5">{"".join(parts)}</svg>'
    )
