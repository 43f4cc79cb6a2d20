"""Shapes, parameters and costs of a network's layers, worked out without torch: a mistake is told before any job.

Every layer type is a function below, whose arguments are the settings of models.yaml with their defaults; `LAYER_TYPES`
lists them. A shape is (channels, positions); (features,) once flat; (channels, height, width) between two-dimensional
layers.
"""

import inspect
import json
import math
from dataclasses import dataclass, replace

FLAT, POSITIONS, PICTURE = 1, 2, 3  # lengths of shapes
SHAPES = {
    FLAT: "flat ({0} features)",
    POSITIONS: "channels and positions",
    PICTURE: "a picture of channels, height and width",
}


@dataclass(frozen=True)
class Window:
    """What position p sees of the layer before: `width` positions `dilation` apart, from p x `stride` - `before` on."""

    width: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0


ALL = None  # it sees every position


@dataclass(frozen=True)
class Layer:
    """What a layer gives and costs, for one sequence."""

    shape: tuple
    parameters: int = 0  # that are trained
    multiply_adds: int = 0  # of convolutions and matrix products alone
    window: Window | None = Window()


# ---------------------------------------------------------------------------------------------------------------------
# Layer types


def effective_width(spec):
    """Positions from the first to the last that a filter of a conv1d covers."""
    return (spec["width"] - 1) * spec.get("dilation", 1) + 1


def convolution(channels, filters, size, places, bias, frozen=False):
    """Parameters and multiply-adds of a convolution whose filters hold `size` numbers a channel."""
    weights = channels * size * filters
    return {"parameters": 0 if frozen else weights + filters * bias, "multiply_adds": weights * places}


def conv1d(shape, filters, width, padding="valid", stride=1, dilation=1, bias=True, motifs=None, frozen=False):
    if frozen and not motifs:
        raise ValueError("`frozen` without `motifs` would keep random filters: name a MEME file, or remove `frozen`")
    channels, positions = shape
    span = effective_width({"width": width, "dilation": dilation})
    before = (span - 1) // 2 if padding == "same" else 0
    padded = positions + span - 1 if padding == "same" else positions
    if span > padded:
        raise ValueError(f"a filter of width {span} does not fit into {positions} positions")
    positions = (padded - span) // stride + 1
    costs = convolution(channels, filters, width, positions, bias, frozen)
    return Layer((filters, positions), **costs, window=Window(width, stride, dilation, before))


def conv2d(shape, filters, height, width, padding="valid", bias=True):
    channels, rows, columns = shape if len(shape) == PICTURE else (1, *shape)
    before = (width - 1) // 2 if padding == "same" else 0
    if padding == "valid":
        if height > rows or width > columns:
            raise ValueError(f"a filter of {height} x {width} does not fit into {rows} x {columns} places")
        rows, columns = rows - height + 1, columns - width + 1
    costs = convolution(channels, filters, height * width, rows * columns, bias)
    return Layer((filters, rows, columns), **costs, window=Window(width, before=before))


def batch_norm(shape, initial_scale=1):
    return Layer(shape, parameters=2 * shape[0])


def layer_norm(shape):
    return Layer(shape, parameters=2 * shape[0])


def activation(shape, function):
    return Layer(shape)


def dropout(shape, rate):
    return Layer(shape)


def position_encoding(shape):
    return Layer(shape)


def pool(shape, width, stride=None):
    channels, positions = shape
    if width > positions:
        raise ValueError(f"a pool of width {width} is wider than the {positions} positions that come in")
    stride = stride or width
    return Layer((channels, (positions - width) // stride + 1), window=Window(width, stride))


def pool2d(shape, height, width):
    channels, rows, columns = shape
    if height > rows or width > columns:
        raise ValueError(f"a pool of {height} x {width} is wider than the {rows} x {columns} places that come in")
    return Layer((channels, rows // height, columns // width), window=Window(width, width))


def attention_pool(shape, width):
    projection = shape[0] ** 2
    return replace(pool(shape, width), parameters=projection, multiply_adds=projection * shape[1])


def global_pool(shape):
    return Layer(shape[:1], window=ALL)


def global_attention_pool(shape):
    projection = shape[0] ** 2
    return Layer(shape[:1], projection, projection * math.prod(shape[1:]), ALL)


def squeeze_excite(shape, ratio=16):
    channels = shape[0]
    hidden = max(1, channels // ratio)
    return Layer(shape, 2 * channels * hidden + hidden + channels, 2 * channels * hidden, ALL)


def recurrent(shape, units, bidirectional, gates, biases):
    """A recurrent layer; `biases` is how many trained biases each unit of a gate has."""
    channels, positions = shape
    directions = 2 if bidirectional else 1
    weights = directions * gates * units * (channels + units)
    parameters = weights + directions * gates * units * biases
    return Layer((directions * units, positions), parameters, weights * positions, ALL)


def lstm(shape, units, bidirectional=True):
    return recurrent(shape, units, bidirectional, gates=4, biases=1)


def gru(shape, units, bidirectional=True):
    return recurrent(shape, units, bidirectional, gates=3, biases=2)


def attention(shape, heads, dropout=0):
    channels, positions = shape
    if channels % heads:
        raise ValueError(f"{heads} heads do not divide {channels} channels")
    # Queries, keys, values and the projection that follows; then each position against each, twice.
    multiply_adds = 4 * channels**2 * positions + 2 * channels * positions**2
    return Layer(shape, 4 * channels**2 + 4 * channels, multiply_adds, ALL)


def flatten(shape):
    return Layer((math.prod(shape),), window=ALL)


def dense(shape, units, bias=True):
    return Layer((units,), **convolution(shape[0], units, 1, 1, bias), window=ALL)


ANY = (FLAT, POSITIONS, PICTURE)
# type: its function, and what may come in. `residual`, which holds layers itself, stands apart.
LAYER_TYPES = {
    "conv1d": (conv1d, (POSITIONS,)),
    "conv2d": (conv2d, (POSITIONS, PICTURE)),
    "batch_norm": (batch_norm, ANY),
    "layer_norm": (layer_norm, ANY),
    "activation": (activation, ANY),
    "max_pool": (pool, (POSITIONS,)),
    "avg_pool": (pool, (POSITIONS,)),
    "max_pool2d": (pool2d, (PICTURE,)),
    "attention_pool": (attention_pool, (POSITIONS,)),
    "global_max_pool": (global_pool, (POSITIONS, PICTURE)),
    "global_avg_pool": (global_pool, (POSITIONS, PICTURE)),
    "global_attention_pool": (global_attention_pool, (POSITIONS, PICTURE)),
    "squeeze_excite": (squeeze_excite, (POSITIONS, PICTURE)),
    "lstm": (lstm, (POSITIONS,)),
    "gru": (gru, (POSITIONS,)),
    "attention": (attention, (POSITIONS,)),
    "position_encoding": (position_encoding, (POSITIONS,)),
    "flatten": (flatten, ANY),
    "dense": (dense, (FLAT,)),
    "dropout": (dropout, ANY),
}
# What a layer may not be called: parts of a network beside its layers, and what torch's modules call their own.
OWN_NAMES = {
    *("output", "sequence", "tracks", "layers", "shortcut", "join_strands"),
    *("branches", "reads", "averaged", "standardised", "track_mean", "track_sd"),
}
TORCH_NAMES = {
    *("append", "apply", "bfloat16", "buffers", "children", "compile", "cpu", "cuda", "double", "eval", "extend"),
    *("extra_repr", "float", "forward", "half", "insert", "ipu", "modules", "mtia", "parameters", "pop", "to", "train"),
    *("training", "type", "xpu"),
}
TORCH_BEGINNINGS = (
    *("add_", "call_", "dump_", "get_", "load_", "named_", "register_", "requires_", "set_", "share_", "state_", "to_"),
    "zero_",
)


def layer_of(spec, shape):
    """What one layer, as models.yaml describes it, makes of a shape; ValueError if it cannot follow."""
    kind = spec["type"]
    if kind not in LAYER_TYPES:
        raise ValueError(f"there is no layer type {kind!r}")
    function, taken = LAYER_TYPES[kind]
    if len(shape) not in taken:
        if taken == (FLAT,):
            raise ValueError(f"{kind} needs flat features: put `flatten` or `global_max_pool` before it")
        needed = " or ".join(SHAPES[length] for length in taken)
        raise ValueError(f"{kind} needs {needed}, but what comes in is {SHAPES[len(shape)].format(*shape)}")
    settings = {key: value for key, value in spec.items() if key not in ("type", "name")}
    try:
        inspect.signature(function).bind(shape, **settings)
    except TypeError as error:
        raise ValueError(f"its settings are wrong: {error}") from error
    return function(shape, **settings)


# ---------------------------------------------------------------------------------------------------------------------
# Filters shared between the strands (Shrikumar et al. 2017)

EQUIVARIANT = {"conv1d", "batch_norm", "activation", "max_pool", "avg_pool", "dropout"}


def is_equivariant(spec):
    """Whether a layer can give, for the other strand, the same numbers in reversed order."""
    if spec["type"] == "residual":
        return all(map(is_equivariant, spec["layers"]))
    return spec["type"] in EQUIVARIANT


def remainder(spec, positions):
    """Positions that no window of a conv1d or a pool covers."""
    if spec["type"] == "conv1d":
        covered = 1 if spec.get("padding") == "same" else effective_width(spec)
        return (positions - covered) % spec.get("stride", 1)
    return (positions - spec["width"]) % (spec.get("stride") or spec["width"])


def shared_layer_of(spec, shape):
    """`layer_of` a layer with the channels of both strands, each parameter of which serves both."""
    layer, kind = layer_of(spec, shape), spec["type"]
    if kind == "batch_norm":
        return replace(layer, parameters=layer.parameters // 2)
    if kind not in ("conv1d", "max_pool", "avg_pool"):
        return layer
    if kind == "conv1d":
        if spec.get("padding") == "same" and effective_width(spec) % 2 == 0:
            raise ValueError(
                f"with `same` padding a filter of even width ({effective_width(spec)}) lies off the centre, so that the"
                " strands cannot share it: take an odd width, or `valid`"
            )
        filters, positions = layer.shape
        layer = replace(layer, shape=(2 * filters, positions), multiply_adds=2 * layer.multiply_adds)
    left = remainder(spec, shape[1])
    if left % 2:
        raise ValueError(
            f"its windows leave {left} of {shape[1]} positions uncovered, an odd number, which cannot be cut off evenly"
            " at both ends, as `strands: shared` asks: change the width, or windows.length"
        )
    return replace(layer, window=replace(layer.window, before=layer.window.before - left // 2))


# ---------------------------------------------------------------------------------------------------------------------
# Receptive fields


@dataclass(frozen=True)
class Field:
    """The bases from `starts` to `ends` (half-open) that each position sees."""

    starts: list
    ends: list

    def through(self, window, positions):
        """The field of so many positions that see this one through a window."""
        if window == Window():
            return self
        if window is ALL:
            return Field([min(self.starts)] * positions, [max(self.ends)] * positions)
        starts, ends = [], []
        for p in range(positions):
            first = p * window.stride - window.before
            stop = first + (window.width - 1) * window.dilation + 1
            seen = slice(first if first >= 0 else first % window.dilation, max(stop, 0), window.dilation)
            starts.append(min(self.starts[seen], default=math.inf))
            ends.append(max(self.ends[seen], default=-math.inf))
        return Field(starts, ends)

    def together(self, other):
        """The field of the sum of two."""
        return Field([*map(min, self.starts, other.starts)], [*map(max, self.ends, other.ends)])

    def largest(self):
        """Bases that the position with the widest view sees."""
        return max(0, *(end - start for start, end in zip(self.starts, self.ends, strict=True)))


# ---------------------------------------------------------------------------------------------------------------------
# Networks


@dataclass(frozen=True)
class Stream:
    """What flows from one layer to the next."""

    shape: tuple
    field: Field | None  # bases of the sequence; None behind tracks
    giver: str
    shared: bool = False  # whether it holds the channels of both strands

    def behind(self, layer, giver):
        """What flows on from a layer."""
        positions = layer.shape[-1] if len(layer.shape) > FLAT else 1
        field = self.field and self.field.through(layer.window, positions)
        return replace(self, shape=layer.shape, field=field, giver=giver)


def inputs_of(network):
    """What a network reads.

    Parameters
    ----------
    network : dict
        `layers`, and as needed `input`, `branches` and `strands`, as in models.yaml.

    Returns
    -------
    set of str
        `sequence`, `tracks` or both.
    """
    return set(network["branches"]) if "branches" in network else {network.get("input", "sequence")}


def layer_names(layers):
    """Names of the layers of one list: those given, else the type with its number among its like in the list."""
    counts, names = {}, []
    for spec in layers:
        kind = spec["type"]
        counts[kind] = counts.get(kind, 0) + 1
        names.append(spec.get("name", f"{kind}_{counts[kind]}"))
    return names


def told(number, spec, stream, what):
    """The error of a layer that cannot be built."""
    return ValueError(
        f"layer {number} ({spec['type']}) cannot be built: {what}; it receives {stream.shape} from {stream.giver}"
    )


def settings_text(spec):
    """Settings of a layer as they are given, in short."""
    given = {key: value for key, value in spec.items() if key not in ("type", "name", "layers")}
    # As YAML writes them: true, not True.
    return ", ".join(f"{key} {json.dumps(value).strip(chr(34))}" for key, value in given.items())


def row(number, name, kind, settings, before, after, layer):
    """One row of `network_table`."""
    return {
        "number": number,
        "name": name,
        "type": kind,
        "settings": settings,
        "shape_in": before.shape,
        "shape_out": after.shape,
        "parameters": layer.parameters,
        "multiply_adds": layer.multiply_adds,
        "receptive_field": after.field and after.field.largest(),
    }


def joined_strands(stream, path):
    """Row of the place where the channels of both strands become one, and what flows on from it."""
    after = replace(stream, shape=(stream.shape[0] // 2, *stream.shape[1:]), shared=False)
    return row("", f"{path}join_strands", "join_strands", "", stream, after, Layer(after.shape)), after


def residual_rows(spec, stream, number, path):
    """Rows of a residual, and what flows on: first its own with the way round, then those of its layers."""
    rows, inner = list_rows(spec["layers"], stream, f"{number}.", f"{path}.layers.", inside=True)
    if not rows:
        raise told(number, spec, stream, "it holds no layers")
    if len(inner.shape) != len(stream.shape) or inner.shape[1:] != stream.shape[1:]:
        raise told(number, spec, stream, f"its layers give {inner.shape}, but only the number of channels may change")
    layer = Layer(inner.shape)
    if inner.shape[0] != stream.shape[0]:
        own_filters = inner.shape[0] // 2 if stream.shared else inner.shape[0]
        costs = convolution(stream.shape[0], own_filters, 1, math.prod(inner.shape[1:]), bias=True)
        layer = Layer(inner.shape, costs["parameters"], costs["multiply_adds"] * (2 if stream.shared else 1))
    after = replace(stream, shape=inner.shape, giver=f"layer {number}")
    if stream.field:
        after = replace(after, field=stream.field.together(inner.field))
    return [row(number, path, "residual", settings_text(spec), stream, after, layer), *rows], after


def list_rows(layers, stream, number="", path="", inside=False):
    """Rows of a list of layers, and what flows out of it.

    Parameters
    ----------
    layers : list of dict
    stream : Stream
        What flows in.
    number, path : str
        What stands before the numbers and names of its layers.
    inside : bool
        Whether the list is that of a residual.
    """
    rows, seen = [], {}
    for position, (spec, name) in enumerate(zip(layers, layer_names(layers), strict=True), start=1):
        here = f"{number}{position}"
        if stream.shared and not is_equivariant(spec):
            join, stream = joined_strands(stream, path)
            rows.append(join)
        if name in OWN_NAMES | TORCH_NAMES or name.startswith(TORCH_BEGINNINGS):
            raise told(here, spec, stream, f"the name {name!r} is taken by the network itself")
        if name in seen:
            raise told(here, spec, stream, f"the name {name!r} is that of layer {seen[name]}")
        seen[name] = here
        if spec.get("motifs") and (inside or position > 1 or stream.giver != "the sequence"):
            raise told(here, spec, stream, "only the first layer, which reads the sequence, can start from `motifs`")
        if spec["type"] == "residual":
            made, stream = residual_rows(spec, stream, here, f"{path}{name}")
            rows += made
            continue
        try:
            layer = (shared_layer_of if stream.shared else layer_of)(spec, stream.shape)
        except ValueError as error:
            raise told(here, spec, stream, error) from error
        after = stream.behind(layer, f"layer {here}")
        rows.append(row(here, f"{path}{name}", spec["type"], settings_text(spec), stream, after, layer))
        stream = after
    return rows, stream


def flat_end(layers, stream, what):
    """See to it that a list ends flat."""
    if len(stream.shape) != FLAT:
        last = f"the last layer of {what} ({layers[-1]['type']})" if layers else f"{what} without a layer"
        raise ValueError(
            f"{last} gives {stream.shape}, {SHAPES[len(stream.shape)]}: the list must end flat;"
            " add `flatten` or `global_max_pool`"
        )


def network_table(network, inputs, n_targets):
    """Every layer of a network with its shapes and what it costs.

    Parameters
    ----------
    network : dict
        `layers`, and as needed `input`, `branches` and `strands`, as in models.yaml.
    inputs : dict of str -> tuple of int
        `sequence`: (4, length in bases); `tracks`: (tracks, bins); those that there are.
    n_targets : int
        Units of the output layer.

    Returns
    -------
    list of dict
        In the order of computation, the output layer last. `number` (as text; `5.1` within a residual, `tracks 2` in a
        branch), `name` (of the torch module), `type`, `settings`, `shape_in`, `shape_out`, `parameters` (trained ones),
        `multiply_adds` (for one sequence, of convolutions and matrix products), `receptive_field` (bases of the
        sequence that one position sees; None for tracks). A residual's own row holds what is on its way round. Where
        strands share filters, shapes have the channels of both up to the row `join_strands`.

    Raises
    ------
    ValueError
        With the number of the layer, what is wrong, and the shape that it receives.
    """
    if "branches" in network and "input" in network:
        raise ValueError("both `input` and `branches`: the branches say what is read; remove `input`")
    reads = inputs_of(network)
    for name in sorted(reads - set(inputs)):
        raise ValueError(f"the network reads {'the sequence' if name == 'sequence' else name}, which the data lack")
    strands = network.get("strands", "single")
    if strands == "shared" and reads != {"sequence"}:
        raise ValueError("`strands: shared` is for networks that read the sequence alone; take `averaged`")

    def source(name):
        if name == "tracks":
            return Stream(tuple(inputs[name]), None, "the tracks")
        length = inputs[name][1]
        field = Field(list(range(length)), list(range(1, length + 1)))
        return Stream(tuple(inputs[name]), field, "the sequence", shared=strands == "shared")

    rows = []
    if "branches" in network:
        ends = {}
        for name in sorted(network["branches"]):  # the sequence first
            layers = network["branches"][name]
            made, ends[name] = list_rows(layers, source(name), f"{name} ", f"{name}.")
            flat_end(layers, ends[name], f"the branch {name}")
            rows += made
        field = next((end.field for end in ends.values() if end.field), None)
        stream = Stream((sum(end.shape[0] for end in ends.values()),), field, "the branches")
    else:
        stream = source(*reads)
    layers = network.get("layers", [])
    if stream.shared and layers and layers[0]["type"] != "conv1d":
        raise told(1, layers[0], stream, "with `strands: shared` the first layer is a conv1d, whose filters are shared")
    made, stream = list_rows(layers, stream)
    flat_end(layers, stream, "the network")
    output = dense(stream.shape, n_targets)
    after = stream.behind(output, "")
    rows += [*made, row("", "output", "output", f"units {n_targets}", stream, after, output)]
    if strands == "averaged":  # everything is computed for both
        rows = [{**line, "multiply_adds": 2 * line["multiply_adds"]} for line in rows]
    return rows


def norms_of_single_values(network, inputs, batch_size, frozen=()):
    """Batch norms that find a single value of each channel in a batch, of which no variance can be had.

    Parameters
    ----------
    network, inputs
        As of `network_table`.
    batch_size : int
    frozen : sequence of str
        Layers whose statistics stay as they are, by name, or `all`.

    Returns
    -------
    list of str
        Their names.
    """
    found = []
    for line in network_table(network, inputs, n_targets=1):
        stays = any(name == "all" or f"{line['name']}.".startswith(f"{name}.") for name in frozen)
        if line["type"] == "batch_norm" and not stays:
            channels, *positions = line["shape_in"]
            # Both strands of a sequence stand in one batch, or side by side as channels that share a scale and a shift.
            strands = 2 if network.get("strands") == "averaged" else 2 * channels // line["parameters"]
            if batch_size * math.prod(positions) * strands == 1:
                found.append(line["name"])
    return found
