"""Charts of the data stage as inline SVG: what became of peaks, distributions, label overlaps and leakage.

Distributions are drawn by matplotlib as the other charts are; bars and matrices are rectangles and text, written out by
hand, with the classes of the page's style sheet for their colours. Every shape has its number printed beside or in it.
"""

from html import escape

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from cisflow.figures import (
    BOTTOM,
    LEFT,
    LEGEND_LINE,
    RIGHT,
    SERIES,
    SETTINGS,
    WIDTH,
    below_axes,
    figure_svg,
)

DASHES = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1)), (0, (2, 3))]  # a class, colour aside
TITLE, PANEL, GAP = 0.24, 0.74, 0.31  # inches: the title, the axes of one split, and the name of the split above them
BAR_WIDTH = 150
NUMBERED = 12  # targets of a heat map with numbers in its cells
SHADES = 10
LONGEST_LABEL = 22  # letters of a target's name at the border of a heat map


# What became of peaks -----------------------------------------------------------------------------------------------


def outcome_bar(parts):
    """One line cut into shares, for a table cell; the numbers stand beside it.

    Parameters
    ----------
    parts : list of (str, float)
        Class of the style sheet and count of each part, from left to right.

    Returns
    -------
    str
        An `<svg>`; where all counts are 0, an empty line.
    """
    total, position, rectangles = sum(count for _, count in parts), 0.0, []
    for name, count in parts:
        width = BAR_WIDTH * count / total if total else 0
        if width:
            rectangles.append(f'<rect class="{name}" x="{position:.4g}" y="2" width="{width:.4g}" height="10"/>')
        position += width
    return (
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} 14" width="{BAR_WIDTH}" height="14" aria-hidden="true">'
        f'<path class="bar-axis" d="M0 13.5H{BAR_WIDTH}"/>{"".join(rectangles)}</svg>'
    )


# Distributions ------------------------------------------------------------------------------------------------------


def step_line(starts, ends, heights):
    """The outline of a histogram some of whose bins may be missing, which are empty.

    Parameters
    ----------
    starts, ends, heights : array_like of float, shape (n,)
        Bins from left to right.

    Returns
    -------
    x, y : numpy.ndarray
        Corners, from the base before the first bin to the base behind the last one.
    """
    x, y = [starts[0]], [0.0]
    for start, end, height in zip(starts, ends, heights, strict=True):
        if start > x[-1]:
            x += [x[-1], start]
            y += [0.0, 0.0]
        x += [start, end]
        y += [height, height]
    return np.array([*x, x[-1]]), np.array([*y, 0.0])


def class_styles(count):
    """Colour and line style of `count` classes of rows; no two share their dashes up to six.

    Parameters
    ----------
    count : int

    Returns
    -------
    list of (str, matplotlib line style)
    """
    return [(SERIES[i % len(SERIES)], DASHES[i % len(DASHES)]) for i in range(count)]


def distribution_chart(table, classes, shown, panels, prefix, title, x_label, is_log=False):
    """Distributions of one quantity, a panel a split and a line a class of rows, on one common axis.

    Parameters
    ----------
    table : pandas.DataFrame
        `split`, `class`, `bin_start`, `bin_end`, `count`; bins from left to right, empty ones left out. Its rows of all
        classes decide the limits of the axes, so that charts of the same table can be laid beside one another.
    classes : dict of str -> str
        Every class of the dataset to what the legend says of it; they decide the colours.
    shown : list of str
        Classes to draw; the first is filled.
    panels : dict of str -> str
        Split to the title of its panel.
    prefix, title : str
        As for `cisflow.figures_training.loss_curves`.
    x_label : str
    is_log : bool
        Draw the axis logarithmic.

    Returns
    -------
    str
        An `<svg>`.
    """
    styles = dict(zip(classes, class_styles(len(classes)), strict=True))
    entries = [(classes[name], *styles[name], "") for name in shown]
    lines = sum(text.count("\n") + 1 for text, *_ in entries)
    total = TITLE + len(panels) * (PANEL + GAP) + BOTTOM + LEGEND_LINE * lines + 0.05
    # On a logarithmic axis a bin that begins at 0 is drawn from half of its end.
    starts = np.maximum(table["bin_start"], table["bin_end"] / 2) if is_log else table["bin_start"]
    table = table.assign(bin_start=starts)
    low, high = table["bin_start"].min(), table["bin_end"].max()
    highest = max(_shares(part).max() for _, part in table.groupby(["split", "class"]))
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(facecolor="none")
        figure.set_size_inches(WIDTH, total)
        for number, (split, text) in enumerate(panels.items(), start=1):
            bottom = total - TITLE - number * (PANEL + GAP)
            axes = figure.add_axes(
                (LEFT / WIDTH, bottom / total, (WIDTH - LEFT - RIGHT) / WIDTH, PANEL / total), facecolor="none"
            )
            for name in shown:
                part = table[(table["split"] == split) & (table["class"] == name)]
                if len(part):
                    _draw_steps(axes, part, styles[name], is_filled=name == shown[0])
            axes.set(xlim=(low, high), ylim=(0, 1.06 * highest), xscale="log" if is_log else "linear")
            axes.set_title(text, fontsize=9, fontweight="normal", pad=3)
            axes.set_ylabel("%")
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=2, steps=[1, 2, 5, 10]))
            _set_ticks(axes, low, high, is_log, has_labels=number == len(panels))
        axes.set_xlabel(x_label)
        figure.text(LEFT / WIDTH, 1 - 0.04 / total, title, fontsize=10.5, fontweight="bold", va="top")
        below_axes(figure, entries, LEFT / WIDTH, (bottom - BOTTOM + 0.04) / total)
        return figure_svg(figure, prefix, f"{title}: distributions in the splits, in per cent of the rows of a class")


def _shares(part):
    """Per cent of the rows of a class in each of its bins."""
    counts = part["count"].to_numpy()
    return 100 * counts / counts.sum()


def _draw_steps(axes, part, style, is_filled):
    colour, dash = style
    x, y = step_line(part["bin_start"].to_numpy(), part["bin_end"].to_numpy(), _shares(part))
    axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.4, solid_joinstyle="miter")
    if is_filled:
        axes.fill(x, y, color=colour, alpha=0.2, linewidth=0)


def _set_ticks(axes, low, high, is_log, has_labels):
    if is_log:
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        ticks = [tick for tick in ticks if low <= tick <= high]
        axes.set_xticks(ticks if len(ticks) <= 7 else [tick for tick in ticks if f"{tick:e}"[0] == "1"])
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.tick_params(labelbottom=has_labels)


# Matrices -----------------------------------------------------------------------------------------------------------


def heat_map(shares, counts, names, label):
    """A square matrix of shares, a row and a column a target.

    Parameters
    ----------
    shares : array_like, shape (T, T)
        0 to 1, or NaN; the diagonal is not drawn.
    counts : array_like, shape (T,)
        Printed on the diagonal where cells carry numbers.
    names : list of str, length T
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>` of its natural size, with a scale; up to `NUMBERED` targets with per cent in each cell. A shade
        stands for a range of 10 %, so that a matrix of 164 targets takes kilobytes and stays vectors.
    """
    shares = np.asarray(shares, dtype=float)
    size = len(names)
    is_numbered = size <= NUMBERED
    cell = 46 if is_numbered else max(1060 / max(size, 50), 6.4)
    font = 12 if is_numbered else min(11, 0.98 * cell)
    shown = [_shortened(name) for name in names]
    border = 0.62 * font * max(map(len, shown)) + 8
    width, height = border + size * cell + 2, border + size * cell + 46
    darkest = 0.55 if is_numbered else 1.0  # numbers must stay legible on it
    parts = [f'<g transform="translate({border:.1f} {border:.1f}) scale({cell:.4g})">']
    self_cells = "".join(f"M{i} {i}h1v1h-1z" for i in range(size))
    parts.append(f'<path class="heat-self" d="{self_cells}"/>')
    for shade in range(1, SHADES + 1):
        path = cells_path(_shade_of(shares) == shade)
        if path:
            parts.append(f'<path class="heat" fill-opacity="{_opacity(shade, darkest)}" d="{path}"/>')
    parts.append(f'<path class="heat-frame" d="M0 0H{size}V{size}H0z"/></g>')
    for i, name in enumerate(shown):
        middle = border + (i + 0.5) * cell
        place = f"{border - 4:.1f} {middle:.1f}"
        parts.append(f'<text transform="translate({place})" dy=".35em" text-anchor="end">{escape(name)}</text>')
        place = f"{middle:.1f} {border - 4:.1f}"
        parts.append(f'<text transform="translate({place}) rotate(-90)" dy=".35em">{escape(name)}</text>')
    if is_numbered:
        parts += _cell_numbers(shares, counts, border, cell)
    parts.append(_scale(border, border + size * cell + 12, darkest))
    return (
        f'<svg class="matrix" role="img" aria-label="{escape(label)}" viewBox="0 0 {max(width, border + 275):.0f} '
        f'{height:.0f}" width="{max(width, border + 275):.0f}" height="{height:.0f}" font-size="{font:.3g}">'
        f"{''.join(parts)}</svg>"
    )


def _shortened(name):
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def _shade_of(shares):
    """1 to 10 for more than 0 up to 10 %, ... more than 90 %; 0 for less than half a per cent and on the diagonal."""
    shades = np.ceil(np.round(SHADES * np.nan_to_num(shares), 9)).clip(0, SHADES).astype(int)
    shades[np.nan_to_num(shares) < 0.005] = 0
    np.fill_diagonal(shades, 0)
    return shades


def _opacity(shade, darkest):
    return f"{darkest * (0.04 + 0.96 * shade / SHADES):.2f}"


def cells_path(mask):
    """An SVG path of the true cells, neighbours within a row as one rectangle.

    Parameters
    ----------
    mask : array_like of bool, shape (rows, columns)

    Returns
    -------
    str
        In units of a cell; empty where none is true.
    """
    commands = []
    for row, cells in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
        commands += [f"M{start} {row}h{end - start}v1h{start - end}z" for start, end in edges.reshape(-1, 2)]
    return "".join(commands)


def _cell_numbers(shares, counts, border, cell):
    texts = []
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row]:,.0f}" if row == column else (f"{100 * share:.0f} %" if np.isfinite(share) else "–")
        x, y = border + (column + 0.5) * cell, border + (row + 0.5) * cell
        shrunk = ' class="small"' if len(text) > 5 else ""
        texts.append(f'<text{shrunk} x="{x:.0f}" y="{y:.0f}" dy=".35em" text-anchor="middle">{text}</text>')
    return texts


def _scale(x, y, darkest):
    """The shades with the numbers between them."""
    parts = [
        f'<g transform="translate({x:.1f} {y:.1f})" font-size="11"><rect class="heat-frame" width="240" height="9"/>'
    ]
    for shade in range(1, SHADES + 1):
        opacity = _opacity(shade, darkest)
        parts.append(f'<rect class="heat" fill-opacity="{opacity}" x="{24 * (shade - 1)}" width="24" height="9"/>')
    for per_cent in (0, 20, 40, 60, 80, 100):
        unit = " %" if per_cent == 100 else ""
        parts.append(f'<text x="{2.4 * per_cent:.0f}" y="22" text-anchor="middle">{per_cent}{unit}</text>')
    return "".join(parts) + "</g>"


def leak_matrix(rows, label):
    """Pairs of splits against kinds of leaks: what was found, less what was dropped, and what is left.

    Parameters
    ----------
    rows : list of dict
        `split`, `other_split`, `kind`, `found`, `dropped`, `left`.
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>` of its natural size.
    """
    pairs = list(dict.fromkeys((row["split"], row["other_split"]) for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    sums = {
        (row["split"], row["other_split"], row["kind"]): (
            f"{row['found']:,.0f} − {row['dropped']:,.0f}" if row["found"] else "",
            f"{row['left']:,.0f}",
            "leak-left" if row["left"] else ("leak-dropped" if row["found"] else "leak-none"),
        )
        for row in rows
    }
    border, head, high = 58, 36, 44
    wide = max(80, 8 + 6 * max(len(small) for small, *_ in sums.values()))
    width, height = border + wide * len(kinds) + 2, head + high * len(pairs) + 2
    parts = []
    for number, kind in enumerate(kinds):
        first, _, second = kind.replace("_", " ").partition(" ")
        for line, y in ((first, 14 if second else 27), (second, 27)):
            if line:
                x = border + (number + 0.5) * wide
                parts.append(f'<text x="{x:.0f}" y="{y}" text-anchor="middle">{escape(line)}</text>')
    for row, (split, other) in enumerate(pairs):
        y = head + row * high
        for line, shift in ((escape(split), 19), (f"in {escape(other)}", 34)):
            parts.append(f'<text x="{border - 8}" y="{y + shift}" text-anchor="end">{line}</text>')
        for number, kind in enumerate(kinds):
            if (split, other, kind) not in sums:
                continue
            small, left, name = sums[split, other, kind]
            x = border + number * wide
            parts.append(
                f'<rect class="{name}" x="{x + 1}" y="{y + 1}" width="{wide - 2}" height="{high - 2}" rx="3"/>'
            )
            parts.append(
                f'<text class="strong" x="{x + wide / 2:.0f}" y="{y + (36 if small else 27)}" '
                f'text-anchor="middle">{left}</text>'
            )
            if small:
                parts.append(
                    f'<text class="small" x="{x + wide / 2:.0f}" y="{y + 18}" text-anchor="middle">{small}</text>'
                )
    return (
        f'<svg class="matrix" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-size="12.5">{"".join(parts)}</svg>'
    )
