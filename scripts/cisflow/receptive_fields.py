"""Which bases a unit of a convolution sees, however many layers lie before it; worked out without torch.

Behind pools, strides and padding, position p of a layer sees the bases from `start` + p x `step` on, `width` of them.
Where a layer before added zeros at the ends, the outermost positions see less; they are told apart.
"""

from typing import NamedTuple

from cisflow.layers import Window, is_equivariant, layer_names, layer_of, shared_layer_of


class ReceptiveField(NamedTuple):
    """Position p sees the bases `start` + p x `step` to `start` + p x `step` + `width` (half-open)."""

    start: int
    step: int
    width: int
    first: int  # positions `first` to `last` (half-open) see no padding
    last: int

    def through(self, window, positions):
        """The field of a layer of so many positions that sees this one through a window."""
        last_tap = (window.width - 1) * window.dilation
        # The first position whose window begins within what sees no padding, and the last one whose window ends there.
        first = -(-(self.first + window.before) // window.stride)
        last = (self.last - 1 - last_tap + window.before) // window.stride + 1
        return ReceptiveField(
            self.start - window.before * self.step,
            self.step * window.stride,
            self.width + last_tap * self.step,
            max(first, 0),
            max(min(last, positions), max(first, 0)),
        )

    def together(self, other):
        """The field of the sum of two whose positions stand for each other."""
        start = min(self.start, other.start)
        end = max(self.start + self.width, other.start + other.width)
        first = max(self.first, other.first)
        return ReceptiveField(start, self.step, end - start, first, max(first, min(self.last, other.last)))


def field_behind(layers, name, shape, field, shared=False):
    """Follow a list of layers up to one of them.

    Parameters
    ----------
    layers : list of dict
        As in models.yaml.
    name : str or None
        Within the list, such as `conv1d_2` or `residual_1.layers.conv1d_1`; None for its end.
    shape : tuple of int
        Of what comes in.
    field : ReceptiveField
        Of what comes in.
    shared : bool
        Whether that is the channels of both strands.

    Returns
    -------
    shape : tuple of int
    field : ReceptiveField or None
        None behind a layer that sees all positions.
    shared : bool
    """
    for spec, own_name in zip(layers, layer_names(layers), strict=True):
        if shared and not is_equivariant(spec):
            shape, shared = (shape[0] // 2, *shape[1:]), False
        if spec["type"] == "residual":
            inside = name.removeprefix(f"{own_name}.layers.") if name else None
            if name and inside != name:
                return field_behind(spec["layers"], inside, shape, field, shared)
            inner_shape, inner, shared = field_behind(spec["layers"], None, shape, field, shared)
            shape, field = inner_shape, field and inner and field.together(inner)
        else:
            layer = (shared_layer_of if shared else layer_of)(spec, shape)
            shape = layer.shape
            if layer.window is None:
                field = None
            elif field is not None and layer.window != Window():
                field = field.through(layer.window, shape[-1])
        if own_name == name:
            break
    return shape, field, shared


def receptive_field(network, length, name):
    """The bases that the positions of a layer see.

    Parameters
    ----------
    network : dict
        `layers`, and as needed `branches` and `strands`, as in models.yaml; one that can be built.
    length : int
        Of the window in bases.
    name : str
        Of a layer that reads the sequence, as its weights have it; see `cisflow.model.layer_names`.

    Returns
    -------
    ReceptiveField

    Raises
    ------
    ValueError
        If the layer, or one before it, sees all positions at once, or none sees the window without padding.
    """
    shared = network.get("strands") == "shared"
    layers = network["layers"]
    if "branches" in network:
        if not name.startswith("sequence."):
            raise ValueError("it does not read the sequence alone")
        layers, name = network["branches"]["sequence"], name.removeprefix("sequence.")
    _, field, _ = field_behind(layers, name, (4, length), ReceptiveField(0, 1, 1, 0, length), shared)
    if field is None:
        raise ValueError("it, or a layer before it, sees all positions at once")
    if field.first >= field.last:
        raise ValueError(f"its positions see {field.width} bases, and none lies within {length} without padding")
    return field
