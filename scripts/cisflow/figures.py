"""Charts of the report page as inline SVG.

Every chart is drawn by matplotlib without pyplot and without global state, in token colours that become CSS variables
(`var(--figure-ink)` ...), so that dark mode and print follow the page. The same data give the same bytes. Ids are
prefixed by the caller's name of the figure, because all charts share one HTML document.
"""

import io
import re
from html import escape

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow.metrics import ranking_curves

# Each stands for the CSS variable --figure-<name>; the values never reach a reader, they only have to differ.
TOKENS = {
    "ink": "#010a01",
    "muted": "#020a02",
    "grid": "#030a03",
    "baseline": "#040a04",
    "series-1": "#110a01",
    "series-2": "#120a02",
    "series-3": "#130a03",
    "series-4": "#140a04",
    "series-5": "#150a05",
    "series-6": "#160a06",
}
SERIES = [TOKENS[f"series-{number}"] for number in range(1, 7)]
DASHES = ["-", (0, (5, 2)), (0, (1, 1.5))]  # after six colours the next six are dashed, then dotted
CURVE_POINTS = 200  # at 300 px across, more points cost kilobytes and show nothing
LEGEND_LINES = 12
ENSEMBLE = "ensemble"  # the series of what is the mean over the others

SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cisflow",
    "text.parse_math": False,  # a target may be called "$x$"
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": TOKENS["muted"],
    "axes.labelcolor": TOKENS["ink"],
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": TOKENS["ink"],
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": TOKENS["grid"],
    "grid.linewidth": 0.7,
    "text.color": TOKENS["ink"],
    "xtick.color": TOKENS["muted"],
    "ytick.color": TOKENS["muted"],
    "xtick.labelcolor": TOKENS["ink"],
    "ytick.labelcolor": TOKENS["ink"],
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
}

WIDTH = 4.7  # inches; 72 units of the drawing each
LEFT, RIGHT, TOP, BOTTOM = 0.74, 0.12, 0.32, 0.56
LEGEND_LINE = 0.19


def roc_points(truth, predicted):
    """Points of the ROC curve, one for each distinct prediction.

    Parameters
    ----------
    truth : array_like, shape (n,)
        0 or 1; NaN where the label is unknown, which leaves the window out.
    predicted : array_like, shape (n,)
        Higher means more likely positive.

    Returns
    -------
    false_positive_rate, true_positive_rate : numpy.ndarray
        From (0, 0) to (1, 1).

    Raises
    ------
    ValueError
        If only one class is left.
    """
    true_positives, false_positives = _cumulative_counts(truth, predicted)
    start = np.zeros(1)
    return (
        np.concatenate([start, false_positives / false_positives[-1]]),
        np.concatenate([start, true_positives / true_positives[-1]]),
    )


def precision_recall_points(truth, predicted):
    """Points of the precision-recall curve, one for each distinct prediction.

    Parameters
    ----------
    truth, predicted : array_like, shape (n,)
        As for `roc_points`.

    Returns
    -------
    recall, precision : numpy.ndarray
        From the highest prediction to recall 1. No point at recall 0 is made up.

    Raises
    ------
    ValueError
        If only one class is left.
    """
    true_positives, false_positives = _cumulative_counts(truth, predicted)
    return true_positives / true_positives[-1], true_positives / (true_positives + false_positives)


def _cumulative_counts(truth, predicted):
    """True and false positives at or above each distinct prediction, highest first."""
    truth, predicted = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    known = np.isfinite(truth) & np.isfinite(predicted)
    truth, predicted = truth[known] > 0.5, predicted[known]
    if truth.all() or not truth.any():
        raise ValueError(f"a curve needs both classes, found {int(truth.sum())} positives of {len(truth)} windows")
    return ranking_curves(truth, predicted)


def thin(x, y, points=CURVE_POINTS):
    """At most `points` of a curve, evenly along its length, both ends kept.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        A curve in the unit square.
    points : int
        Upper limit.

    Returns
    -------
    x, y : numpy.ndarray
        Points of the input; nothing is interpolated.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) <= points:
        return x, y
    travelled = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    kept = np.searchsorted(travelled, np.linspace(0, travelled[-1], points))
    kept = np.unique(np.clip(np.append(kept, [0, len(x) - 1]), 0, len(x) - 1))
    if len(kept) > points:
        kept = np.delete(kept, 1)
    return x[kept], y[kept]


def series_styles(count):
    """Colour and line style of `count` series; no two alike up to 18.

    Parameters
    ----------
    count : int

    Returns
    -------
    list of (str, matplotlib line style)
    """
    return [(SERIES[i % len(SERIES)], DASHES[i // len(SERIES) % len(DASHES)]) for i in range(count)]


def roc_chart(curves, prefix, title):
    """ROC curves of one target.

    Parameters
    ----------
    curves : list of dict
        `label` (with its number, from the metrics table), `lines` (list of pairs of arrays x, y), and `series`: the
        index of the colour, `ENSEMBLE` for the mean over the others, or None for a baseline.
    prefix : str
        Unique on the page; letters, digits and hyphens.
    title : str
        Printed over the chart.

    Returns
    -------
    str
        An `<svg>`.
    """

    def draw(axes):
        axes.plot([0, 1], [0, 1], color=TOKENS["muted"], linestyle=(0, (1, 1.5)), linewidth=1)
        _curve_lines(axes, curves)
        axes.set(xlabel="false positive rate", ylabel="true positive rate")

    entries = [*_curve_entries(curves), ("chance: 0.500", TOKENS["muted"], (0, (1, 1.5)), "")]
    return chart(draw, entries, prefix, title, f"ROC curves, {title}", height=3.2, is_unit_square=True)


def precision_recall_chart(curves, prevalence, prefix, title):
    """Precision-recall curves of one target, with the prevalence that a guess would reach.

    Parameters
    ----------
    curves : list of dict
        As for `roc_chart`.
    prevalence : float
        Share of positives among the test windows with a known label; NaN draws no line.
    prefix, title : str
        As for `roc_chart`.

    Returns
    -------
    str
        An `<svg>`.
    """
    has_prevalence = prevalence is not None and np.isfinite(prevalence)

    def draw(axes):
        if has_prevalence:
            axes.plot([0, 1], [prevalence] * 2, color=TOKENS["muted"], linestyle=(0, (1, 1.5)), linewidth=1)
        _curve_lines(axes, curves)
        axes.set(xlabel="recall", ylabel="precision")

    entries = _curve_entries(curves)
    if has_prevalence:
        entries.append((f"prevalence: {prevalence:.3f}", TOKENS["muted"], (0, (1, 1.5)), ""))
    return chart(draw, entries, prefix, title, f"Precision-recall curves, {title}", height=3.2, is_unit_square=True)


def _curve_style(curve):
    if curve["series"] is None:
        return TOKENS["baseline"], (0, (5, 2))
    if curve["series"] == ENSEMBLE:
        return TOKENS["ink"], "-"
    return series_styles(curve["series"] + 1)[-1]


def _curve_lines(axes, curves):
    for curve in curves:
        colour, dash = _curve_style(curve)
        for x, y in curve["lines"]:
            several = len(curve["lines"]) > 1
            axes.plot(*thin(x, y), color=colour, linestyle=dash, linewidth=1.2 if several else 1.6)


def _curve_entries(curves):
    return [(curve["label"], *_curve_style(curve), "") for curve in curves]


def chart(draw, entries, prefix, title, label, height, is_unit_square=False, most_lines=LEGEND_LINES):
    """One pair of axes, its legend below it so that no line is ever covered, as cleaned SVG.

    Parameters
    ----------
    draw : callable
        Draws on the `matplotlib.axes.Axes` that it is given, and may add to `entries`. Where it sets no logarithmic
        x axis, that axis is one of whole numbers.
    entries : list of (str, colour, line style, marker)
        The legend.
    prefix, title : str
        As for `roc_chart`.
    label : str
        Text for screen readers.
    height : float
        Of the axes, in inches.
    is_unit_square : bool
        Both axes run from 0 to 1.
    most_lines : int
        Of the legend; what more there is is counted.

    Returns
    -------
    str
        An `<svg>`.
    """
    with matplotlib.rc_context(SETTINGS):
        # The axes are drawn first: only then is it known what the legend has to say.
        figure = Figure(facecolor="none")
        axes = figure.add_axes((0, 0, 1, 1), facecolor="none")
        draw(axes)
        axes.set_title(title)
        if is_unit_square:
            axes.set(xlim=(0, 1), ylim=(0, 1.005))
        elif axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        if len(entries) > most_lines:
            more = len(entries) - most_lines + 1
            entries = [*entries[: most_lines - 1], (f"and {more} more", TOKENS["muted"], "none", "")]
        total = TOP + height + BOTTOM + LEGEND_LINE * len(entries) + 0.05
        figure.set_size_inches(WIDTH, total)
        bottom = total - TOP - height
        axes.set_position((LEFT / WIDTH, bottom / total, (WIDTH - LEFT - RIGHT) / WIDTH, height / total))
        for line in axes.lines:
            line.set_clip_on(not is_unit_square)  # a curve along the border keeps its full width
        below_axes(figure, entries, LEFT / WIDTH, (bottom - BOTTOM + 0.04) / total)
        return figure_svg(figure, prefix, label)


def below_axes(figure, entries, x, y):
    """Put a legend under the axes of a figure, where it covers nothing.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    entries : list of (str, colour, line style, marker)
    x, y : float
        Upper left corner, in fractions of the figure.
    """
    handles = [
        Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=5) for _, colour, dash, marker in entries
    ]
    figure.legend(
        handles,
        [text for text, *_ in entries],
        loc="upper left",
        bbox_to_anchor=(x, y),
        borderaxespad=0,
        borderpad=0,
        handlelength=2.2,
        labelspacing=0.42,
    )


def figure_svg(figure, prefix, label):
    """A matplotlib figure as cleaned SVG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    prefix, label : str
        As for `inline_svg`.

    Returns
    -------
    str
        An `<svg>`.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    return inline_svg(buffer.getvalue(), prefix, label)


def inline_svg(document, prefix, label):
    """A matplotlib SVG document as a fragment that can stand in an HTML page.

    Parameters
    ----------
    document : str
        What matplotlib's SVG backend writes.
    prefix : str
        Put before every id.
    label : str
        Text for screen readers; escaped here.

    Returns
    -------
    str
        No XML header, namespaces, style sheet or unused ids; token colours are CSS variables; the font is the page's.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", prefix):
        raise ValueError(f"the prefix of a figure is made of letters, digits and hyphens, found {prefix!r}")
    fragment = document[document.index("<svg") :]
    # matplotlib's own sheet addresses every element of the document it lands in.
    fragment = re.sub(r"<style.*?</style>", "", fragment, flags=re.S)
    view_box = re.search(r'viewBox="([^"]+)"', fragment).group(1)
    opening = f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="{view_box}">'
    fragment = opening + fragment[fragment.index(">") + 1 :]
    fragment = re.sub(r"<[^>]*>", lambda tag: _clean_tag(tag.group(), prefix), fragment)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', fragment))
    fragment = re.sub(r' id="([^"]+)"', lambda found: found.group() if found.group(1) in used else "", fragment)
    fragment = re.sub(r">\s+<", "><", fragment)
    fragment = re.sub(r"<defs></defs>|<g></g>", "", fragment)
    return fragment.strip()


def _clean_tag(tag, prefix):
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}-", tag)
    tag = re.sub(r"font: (?:\w+ )?([\d.]+px) [^;\"]+", r"font-size: \1", tag)
    tag = re.sub(r" ?font-family: [^;\"]+;?", "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"\s+", " ", tag)
    if not tag.startswith("<svg"):  # the label keeps its digits, and its words their spaces
        tag = re.sub(r"-?\d+\.\d{2,}", _one_decimal, tag)
        tag = re.sub(r' (?=[MLCQz]\b)|(?<=[MLCQ]) |(?<=z) (?=")', "", tag)
    for name, colour in TOKENS.items():
        tag = tag.replace(colour, f"var(--figure-{name})")
    return tag


def _one_decimal(number):
    text = f"{float(number.group()):.1f}"
    return "0" if text in ("0.0", "-0.0") else text.removesuffix(".0")


def interval_bar(value, low, high, baseline=None, scale=(0.4, 1.0), guess=0.5, seeds=(), length=100):
    """A score with its interval on one short line, for a table cell; the number stands beside it.

    Parameters
    ----------
    value, low, high : float
        The score and its interval; what is NaN is not drawn.
    baseline : float or None
        Drawn as a tick.
    scale : (float, float)
        Scores at the two ends of the line; what lies beyond is drawn at the end.
    guess : float
        Score of a guess, where an upright stands.
    seeds : list of float
        Scores of the single seeds, drawn as small dots below the line.
    length : int
        Of the line.

    Returns
    -------
    str
        An `<svg>`.
    """
    start, end = scale

    def position(score):
        return f"{length * (min(max(score, start), end) - start) / (end - start):.0f}"

    def known(score):
        return score is not None and np.isfinite(score)

    parts = [f'<path class="bar-axis" d="M0 8H{length}M{position(guess)} 1V15"/>']
    if known(low) and known(high):
        parts.append(f'<path class="bar-interval" d="M{position(low)} 8H{position(high)}"/>')
    if known(baseline):
        parts.append(f'<path class="bar-baseline" d="M{position(baseline)} 2V14"/>')
    if known(value):
        parts.append(f'<circle class="bar-value" cx="{position(value)}" cy="8" r="3.5"/>')
    parts += [f'<circle class="bar-seed" cx="{position(seed)}" cy="14" r="1.7"/>' for seed in seeds if known(seed)]
    size = f'viewBox="-4 0 {length + 8} 16" width="{length + 8}" height="16"'
    return f'<svg class="bar" {size} aria-hidden="true">{"".join(parts)}</svg>'
