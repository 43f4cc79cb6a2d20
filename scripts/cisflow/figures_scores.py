"""Charts of scores as inline SVG: predicted against measured values, learning curves, and the trials of a search.

Learning curves are drawn by matplotlib as the other charts are; panels of predictions and of trials, of which there may
be many, are written out by hand with the classes of the page's style sheet for their colours.
"""

import math
from html import escape

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from cisflow.figures import chart, series_styles
from cisflow.figures_data import cells_path

PANEL, BORDER_LEFT, BORDER_TOP, BORDER_BOTTOM, BORDER_RIGHT = 200, 46, 8, 40, 12  # units of a panel's drawing
CELLS = 32  # of a two-dimensional histogram, along each axis
SHADES = 6
MOST_DOTS = 500  # rows that are drawn one by one; more are counted in cells
OUTSIDE = 0.001  # share of the values at either end that the axes may leave out
MOST_LINES = 18  # of the legend of learning curves; as many can be told apart
TICK_DISTANCE = 0.13  # of the axis, between two numbers of training rows
LONGEST_NAME = 26  # letters of a setting's name below an axis
LOG_RANGE = 30  # a setting whose values span more is drawn on a logarithmic axis


# Predicted against measured values ----------------------------------------------------------------------------------


def common_limits(arrays):
    """Limits of both axes of panels that are to be compared.

    Parameters
    ----------
    arrays : list of array_like
        Measured and predicted values; NaN is left out.

    Returns
    -------
    low, high : float
        A few values at either end may lie outside; with a margin, so that they are never equal.
    """
    ends = [
        np.quantile(known, [OUTSIDE, 1 - OUTSIDE])
        for known in (np.asarray(array, dtype=float)[np.isfinite(array)] for array in arrays)
        if len(known)
    ]
    low, high = (min(end[0] for end in ends), max(end[1] for end in ends)) if ends else (0.0, 1.0)
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def prediction_panel(truth, predicted, limits, label, as_cells, is_baseline=False):
    """Predicted against measured values with the identity line.

    Parameters
    ----------
    truth, predicted : array_like, shape (n,)
        Rows with a NaN are left out; what lies outside is drawn at the border.
    limits : (float, float)
        Of both axes.
    label : str
        Text for screen readers.
    as_cells : bool
        Draw a two-dimensional histogram, whose shades stand for numbers of rows on a logarithmic scale; else each row
        (up to `MOST_DOTS` should be).
    is_baseline : bool
        Draw in the colour of baselines.

    Returns
    -------
    svg : str
    fullest : int
        Rows in the fullest cell; 0 without cells.
    """
    truth, predicted = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    known = np.isfinite(truth) & np.isfinite(predicted)
    low, high = limits
    x, y = (((values[known] - low) / (high - low)).clip(0, 1) for values in (truth, predicted))
    colour, fullest = "of-baseline" if is_baseline else "of-network", 0
    if as_cells:
        shades, fullest = density_shades(x, y)
        paths = [
            f'<path fill-opacity="{0.1 + 0.9 * shade / SHADES:.2f}" d="{cells_path(shades == shade)}"/>'
            for shade in range(1, SHADES + 1)
            if (shades == shade).any()
        ]
        turned = f"translate(0 {PANEL}) scale({PANEL / CELLS:.4g} {-PANEL / CELLS:.4g})"
        marks = f'<g class="panel-cells {colour}" transform="{turned}">{"".join(paths)}</g>'
    else:
        dots = "".join(f"M{PANEL * a:.0f} {PANEL * (1 - b):.0f}h0" for a, b in zip(x, y, strict=True))
        marks = f'<path class="panel-dots {colour}" d="{dots}"/>' if dots else ""
    ticks = linear_ticks(low, high)
    diagonal = f'<path class="panel-diagonal" d="M0 {PANEL}L{PANEL} 0"/>'
    return panel_svg(marks + diagonal, (ticks, "measured"), (ticks, "predicted"), label), fullest


def density_shades(x, y):
    """A two-dimensional histogram over the unit square in shades.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        0 to 1.

    Returns
    -------
    shades : numpy.ndarray of int, shape (CELLS, CELLS)
        A row of cells a range of y, from below; 0 for empty cells, 1 for one row, `SHADES` for the fullest cell.
    fullest : int
        Rows in the fullest cell.
    """
    columns, rows = (np.minimum((np.asarray(values) * CELLS).astype(int), CELLS - 1) for values in (x, y))
    counts = np.bincount(rows * CELLS + columns, minlength=CELLS**2).reshape(CELLS, CELLS)
    fullest = int(counts.max())
    with np.errstate(divide="ignore"):
        steps = (SHADES - 1) * np.log(counts) / math.log(max(fullest, 2))
    return np.where(counts > 0, 1 + np.round(steps.clip(0, SHADES - 1)), 0).astype(int), fullest


def linear_ticks(low, high, most=5):
    """Positions from 0 to 1 along an axis, with their numbers; at most so many steps between them."""
    values = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [
        ((value - low) / (high - low), _number_text(0.0 if abs(value) < 1e-9 * (high - low) else value))
        for value in values
        if low <= value <= high
    ]


def _number_text(value):
    return f"{value:,.6g}".replace("-", "−")


def panel_svg(marks, x_axis, y_axis, label):
    """Marks in a square frame with ticks, numbers and names of the axes.

    Parameters
    ----------
    marks : str
        Elements in a square of `PANEL` units, y downwards.
    x_axis, y_axis : (list of (float, str), str)
        Ticks as positions from 0 to 1 with their texts, and the name.
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>`.
    """
    grid, texts = [], []
    for position, text in x_axis[0]:
        x = f"{PANEL * position:.0f}"
        grid.append(f"M{x} 0V{PANEL}")
        texts.append(f'<text x="{x}" y="{PANEL + 15}" text-anchor="middle">{escape(text)}</text>')
    for position, text in y_axis[0]:
        y = f"{PANEL * (1 - position):.0f}"
        grid.append(f"M0 {y}H{PANEL}")
        texts.append(f'<text x="-6" y="{y}" dy=".35em" text-anchor="end">{escape(text)}</text>')
    texts.append(f'<text x="{PANEL / 2:.0f}" y="{PANEL + 33}" text-anchor="middle">{escape(x_axis[1])}</text>')
    turned = f"translate({11 - BORDER_LEFT} {PANEL / 2:.0f}) rotate(-90)"
    texts.append(f'<text transform="{turned}" text-anchor="middle">{escape(y_axis[1])}</text>')
    width, height = BORDER_LEFT + PANEL + BORDER_RIGHT, BORDER_TOP + PANEL + BORDER_BOTTOM
    return (
        f'<svg class="panel" role="img" aria-label="{escape(label)}" viewBox="{-BORDER_LEFT} {-BORDER_TOP} {width} '
        f'{height}"><path class="panel-grid" d="{"".join(grid)}"/>{marks}'
        f'<path class="panel-frame" d="M0 0V{PANEL}H{PANEL}"/>{"".join(texts)}</svg>'
    )


# Learning curves ----------------------------------------------------------------------------------------------------


def learning_curve_chart(lines, prefix, title, quantity):
    """Scores against the number of training rows, a colour a model.

    Parameters
    ----------
    lines : list of dict
        `label`, `rows` and `score` (of the mean over seeds, from few rows to many), and `points`: pairs of rows and
        score of each seed.
    prefix, title : str
        As for `cisflow.figures_training.loss_curves`.
    quantity : str
        What the score is called.

    Returns
    -------
    str
        An `<svg>`.
    """
    styles = series_styles(len(lines))
    entries = [(line["label"], colour, dash, "o") for line, (colour, dash) in zip(lines, styles, strict=True)]

    def draw(axes):
        axes.set_xscale("log")
        for line, (colour, dash) in zip(lines, styles, strict=True):
            axes.plot(line["rows"], line["score"], color=colour, linestyle=dash)
            axes.plot(*zip(*line["points"], strict=True), color=colour, linestyle="none", marker="o", markersize=3.2)
        ticks = spread_ticks([rows for line in lines for rows in line["rows"]])
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{tick:,.0f}" for tick in ticks])
        axes.set(xlabel="training rows (logarithmic axis)", ylabel=quantity)

    label = f"{title}: {quantity} against the number of training rows"
    return chart(draw, entries, prefix, title, label, height=2.9, most_lines=MOST_LINES)


def spread_ticks(values):
    """Of the values along a logarithmic axis those whose numbers do not run into each other, the largest first.

    Parameters
    ----------
    values : list of float
        Above 0.

    Returns
    -------
    list of float
        In ascending order.
    """
    values = sorted(set(values))
    distance = TICK_DISTANCE * math.log(values[-1] / values[0])
    kept = values[-1:]
    for value in reversed(values[:-1]):
        if math.log(kept[0] / value) >= distance:
            kept.insert(0, value)
    return kept


# Trials of a search -------------------------------------------------------------------------------------------------


def trials_panel(values, scores, chosen, name, quantity, limits):
    """The score of each trial of a search against one setting.

    Parameters
    ----------
    values : list of str
        Of the setting, one a trial. Where all are numbers the axis is one of numbers, else each has a place.
    scores : array_like of float, shape (n,)
        NaN for trials without a score, which are not drawn.
    chosen : int or None
        Number of the trial that was chosen, which gets a ring.
    name : str
        Of the setting.
    quantity : str
        What the score is called.
    limits : (float, float)
        Of the axis of scores.

    Returns
    -------
    str
        An `<svg>`.
    """
    positions, ticks, is_log = setting_axis(values)
    low, high = limits
    places = {
        number: (PANEL * positions[number], PANEL * (1 - (score - low) / (high - low)))
        for number, score in enumerate(scores)
        if math.isfinite(score) and math.isfinite(positions[number])
    }
    dots = "".join(f"M{x:.0f} {y:.0f}h0" for number, (x, y) in places.items() if number != chosen)
    marks = f'<path class="panel-dots of-network" d="{dots}"/>' if dots else ""
    if chosen in places:
        x, y = places[chosen]
        marks += f'<path class="panel-dots of-chosen" d="M{x:.0f} {y:.0f}h0"/>'
        marks += f'<circle class="panel-ring" cx="{x:.0f}" cy="{y:.0f}" r="8"/>'
    x_name = f"{_tail(name)} (logarithmic)" if is_log else _tail(name)
    return panel_svg(marks, (ticks, x_name), (linear_ticks(low, high), quantity), f"{quantity} against {name}")


def setting_axis(values):
    """Where the values of a setting stand along an axis.

    Parameters
    ----------
    values : list of str

    Returns
    -------
    positions : list of float
        0 to 1; NaN for an empty value among numbers.
    ticks : list of (float, str)
    is_log : bool
    """
    try:
        numbers = np.array([float(value) if value else math.nan for value in values])
    except ValueError:
        numbers = np.array([])
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        names = sorted(set(values))
        places = {name: (number + 0.5) / len(names) for number, name in enumerate(names)}
        return [places[value] for value in values], [(place, _short(name)) for name, place in places.items()], False
    is_log = known.min() > 0 and known.max() / known.min() > LOG_RANGE
    if is_log:
        numbers, known = np.log10(numbers), np.log10(known)
    margin = 0.06 * (known.max() - known.min()) or 0.5
    low, high = known.min() - margin, known.max() + margin
    if is_log:
        powers = range(math.ceil(low), math.floor(high) + 1)
        steps = (1,) if len(powers) > 2 else (1, 3)
        exponents = [power + math.log10(step) for power in range(math.floor(low), math.ceil(high)) for step in steps]
        ticks = [((at - low) / (high - low), f"{10**at:.2g}") for at in exponents if low <= at <= high]
    else:
        ticks = linear_ticks(low, high)
    return list((numbers - low) / (high - low)), ticks, is_log


def _tail(name):
    """The end of the name of a setting, which says more than the layers that it lies in."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _short(name):
    """A value of a setting as it stands below an axis."""
    return (name if len(name) <= 9 else f"{name[:8]}…") or "none"
