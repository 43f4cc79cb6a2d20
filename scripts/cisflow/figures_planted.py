"""What networks found of planted motifs as inline SVG: in how many seeds each motif, and how many motifs each seed.

Written out by hand with the classes of the page's style sheet for its colours.
"""

import math
from html import escape

LETTER = 7.2  # width of a letter, at most
LONGEST_NAME = 26  # letters
WIDEST, NARROW = 190, 52  # units of a column; names of models stand upright over those that hold them
FEW_MODELS = 6  # whose names may stand upright
TOP, PLOT, ROW, LEFT = 34, 104, 25, 64  # LEFT: of the axis and its name
DARKEST = 0.55  # numbers must stay legible on it


def planted_chart(motifs, models, unit, label):
    """Rows of planted motifs, columns of models; above the columns the number of motifs that each seed found.

    Parameters
    ----------
    motifs : list of str
        Names of the planted motifs.
    models : list of dict
        `name`; `found`, in how many networks each motif was found; `n`, of how many; `counts`, how many motifs each
        network found; and `mean` of these.
    unit : str
        What a network is called, such as `seed`.
    label : str
        Text for screen readers.

    Returns
    -------
    str
        An `<svg>` of its natural size.
    """
    names, model_names = [[_shortened(name) for name in part] for part in (motifs, [model["name"] for model in models])]
    longest = LETTER * max(map(len, model_names))
    is_turned = len(models) > FEW_MODELS or longest + 16 > WIDEST
    wide = NARROW if is_turned else max(longest + 16, 96)
    border = max(LETTER * max(map(len, names)) + 14, LEFT)
    head = TOP + PLOT
    first_row = head + (longest + 18 if is_turned else 30)
    parts = [_axis(len(motifs), border, wide * len(models), unit)]
    for number, (model, name) in enumerate(zip(models, model_names, strict=True)):
        left, middle = border + number * wide, border + (number + 0.5) * wide
        parts.append(_dots(model, len(motifs), left, wide))
        mean = f"{'' if is_turned else 'mean '}{round(model['mean'], 1):g}"
        parts.append(f'<text class="strong" x="{middle:g}" y="{TOP - 14}" text-anchor="middle">{mean}</text>')
        place = f'x="{middle:g}" y="{head + 20:g}" text-anchor="middle"'
        if is_turned:
            place = f'transform="translate({middle:g} {first_row - 8:g}) rotate(-90)" dy=".35em"'
        parts.append(f"<text {place}>{escape(name)}</text>")
        parts += [
            _cell(found, model["n"], left, first_row + row * ROW, wide, is_turned)
            for row, found in enumerate(model["found"])
        ]
    for row, name in enumerate(names):
        place = f'x="{border - 8:g}" y="{first_row + (row + 0.5) * ROW:g}" dy=".35em" text-anchor="end"'
        parts.append(f"<text {place}>{escape(name)}</text>")
    width, height = border + wide * len(models) + 4, first_row + ROW * len(motifs) + 2
    return (
        f'<svg class="matrix" role="img" aria-label="{escape(label)}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-size="12.5">{"".join(parts)}</svg>'
    )


def _shortened(name):
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _height(count, n_motifs):
    """Where a number of motifs lies in the plot."""
    return TOP + PLOT * (1 - count / n_motifs)


def _axis(n_motifs, left, width, unit):
    """Lines and numbers of the axis, from none to all motifs."""
    step = math.ceil(n_motifs / 4)
    ticks = [tick for tick in range(0, n_motifs, step) if n_motifs - tick > step / 2] + [n_motifs]
    grid = "".join(f"M{left:g} {_height(tick, n_motifs):g}h{width:g}" for tick in ticks)
    numbers = "".join(
        f'<text x="{left - 8:g}" y="{_height(tick, n_motifs):g}" dy=".35em" text-anchor="end">{tick}</text>'
        for tick in ticks
    )
    turned = f"translate({left - 46:g} {TOP + PLOT / 2:g}) rotate(-90)"
    name = "".join(
        f'<tspan x="0" dy="{shift}">{text}</tspan>' for text, shift in (("found by", 0), (f"each {unit}", 15))
    )
    return (
        f'<path class="panel-grid" d="{grid}"/>{numbers}<text transform="{turned}" text-anchor="middle">{name}</text>'
    )


def _dots(model, n_motifs, left, wide):
    """The number of motifs that each network found, side by side, and their mean as a line."""
    distance = min(9, 0.7 * wide / max(len(model["counts"]), 1))
    first = left + wide / 2 - distance * (len(model["counts"]) - 1) / 2
    dots = "".join(
        f"M{first + number * distance:g} {_height(count, n_motifs):g}h0" for number, count in enumerate(model["counts"])
    )
    mean = f"M{left + 0.12 * wide:g} {_height(model['mean'], n_motifs):g}h{0.76 * wide:g}"
    return f'<path class="mean-line" d="{mean}"/><path class="reliability-dots" d="{dots}"/>'


def _cell(found, n, x, y, wide, is_narrow):
    """In how many of n networks one motif was found."""
    box = f'x="{x + 1:g}" y="{y + 1:g}" width="{wide - 2:g}" height="{ROW - 2}" rx="3"'
    text = f"{found}/{n}" if is_narrow else f"{found} of {n}"
    colour = f'<rect class="heat" fill-opacity="{DARKEST * found / n:.2f}" {box}/>' if found else ""
    style = "" if found else ' class="faint"'
    place = f'x="{x + wide / 2:g}" y="{y + ROW / 2:g}" dy=".35em" text-anchor="middle"'
    return f'{colour}<rect class="leak-none" {box}/><text{style} {place}>{text}</text>'
