"""Training curves of one network, a colour a seed, as inline SVG: losses and validation scores epoch by epoch."""

import numpy as np

from cisflow.figures import TOKENS, chart, series_styles


def loss_curves(histories, prefix, title="Loss"):
    """Training and validation loss per epoch, a colour a seed, the kept epoch marked.

    Parameters
    ----------
    histories : dict[str, pandas.DataFrame or dict of arrays]
        Seed to the columns `epoch`, `train_loss`, `val_loss`, `kept` of its history.
    prefix : str
        Unique on the page; letters, digits and hyphens.
    title : str
        Printed over the chart.

    Returns
    -------
    str
        An `<svg>`.
    """
    entries = [
        ("train", TOKENS["muted"], (0, (2, 1.5)), ""),
        ("validation (dot: kept epoch)", TOKENS["muted"], "-", "o"),
    ]

    def draw(axes):
        for (seed, history), (colour, dash) in zip(histories.items(), series_styles(len(histories)), strict=True):
            axes.plot(history["epoch"], history["train_loss"], color=colour, linestyle=(0, (2, 1.5)), linewidth=1.1)
            _validation_line(axes, history, "val_loss", colour, dash)
            entries.append((f"seed {seed}: " + _kept_text(history, "val_loss", "loss"), colour, dash, ""))
        axes.set(xlabel="epoch", ylabel="loss")

    return chart(draw, entries, prefix, title, f"{title}: training and validation loss per epoch", height=2.5)


def validation_curves(histories, prefix, quantity, title, column="val_score"):
    """Validation score per epoch, a colour a seed, the kept epoch marked.

    Parameters
    ----------
    histories : dict[str, pandas.DataFrame or dict of arrays]
        Seed to the columns `epoch`, `kept` and that of the score of its history.
    prefix : str
        As for `loss_curves`.
    quantity : str
        What the score is called.
    title : str
    column : str
        Of the score.

    Returns
    -------
    str
        An `<svg>`.
    """
    entries = [("kept epoch", TOKENS["muted"], "none", "o")]

    def draw(axes):
        for (seed, history), (colour, dash) in zip(histories.items(), series_styles(len(histories)), strict=True):
            _validation_line(axes, history, column, colour, dash)
            entries.append((f"seed {seed}: " + _kept_text(history, column, quantity), colour, dash, ""))
        axes.set(xlabel="epoch", ylabel=f"{quantity}, mean over targets")

    return chart(draw, entries, prefix, title, f"{title} per epoch", height=2.5)


def _validation_line(axes, history, column, colour, dash):
    epochs, values = np.asarray(history["epoch"], dtype=float), np.asarray(history[column], dtype=float)
    # A run of one epoch has no line: the dots keep it visible.
    axes.plot(epochs, values, color=colour, linestyle=dash, marker="." if len(epochs) == 1 else "")
    kept = np.asarray(history["kept"], dtype=float) == 1
    axes.plot(epochs[kept], values[kept], color=colour, linestyle="none", marker="o", markersize=5)


def _kept_text(history, column, quantity):
    epochs, values = np.asarray(history["epoch"], dtype=float), np.asarray(history[column], dtype=float)
    kept = np.flatnonzero(np.asarray(history["kept"], dtype=float) == 1)
    if not len(kept):
        return "no epoch kept"
    value = values[kept[-1]]
    text = f"epoch {epochs[kept[-1]]:g} of {epochs.max():g}"
    return f"{text}, {quantity} {value:.3f}" if np.isfinite(value) else text
