"""Shapes of a network's layers, worked out without torch, so that a list that cannot be built is told before any job.

A shape is (channels, positions), or (features,) once flat.
"""

INPUT_CHANNELS = 4


def output_shape(spec, shape):
    """Shape of what leaves a layer.

    Parameters
    ----------
    spec : dict
        `type` and its settings, as in models.yaml.
    shape : tuple of int
        Of what comes in.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If the layer cannot follow what stands before it.
    """
    kind = spec["type"]
    if kind in ("conv1d", "max_pool", "global_max_pool") and len(shape) != 2:
        raise ValueError(f"{kind} needs channels and positions, but what comes in is flat ({shape[0]} features)")
    if kind == "conv1d":
        length = shape[1] if spec.get("padding", "valid") == "same" else shape[1] - spec["width"] + 1
        if length < 1:
            raise ValueError(f"a filter of width {spec['width']} does not fit into {shape[1]} positions")
        return spec["filters"], length
    if kind == "max_pool":
        if shape[1] < spec["width"]:
            raise ValueError(f"a pool of width {spec['width']} is wider than the {shape[1]} positions that come in")
        return shape[0], shape[1] // spec["width"]
    if kind == "global_max_pool":
        return (shape[0],)
    if kind == "flatten":
        return (shape[0] * shape[1],) if len(shape) == 2 else shape
    if kind == "dense":
        if len(shape) == 2:
            raise ValueError("dense needs flat features: put `flatten` or `global_max_pool` before it")
        return (spec["units"],)
    if kind in ("batch_norm", "activation", "dropout"):
        return shape
    raise ValueError(f"there is no layer type {kind!r}")


def layer_shapes(layers, length):
    """Shapes between the layers of a network.

    Parameters
    ----------
    layers : list of dict
        As in models.yaml; the output layer is not among them.
    length : int
        Of the input in bases.

    Returns
    -------
    list of tuple of int
        The input's shape, then that after each layer; the last is flat.

    Raises
    ------
    ValueError
        With the number of the layer, counted from 1, and the shape that it receives.
    """
    shapes = [(INPUT_CHANNELS, length)]
    for number, spec in enumerate(layers, start=1):
        try:
            shapes.append(output_shape(spec, shapes[-1]))
        except ValueError as error:
            giver = f"layer {number - 1}" if number > 1 else "the input"
            raise ValueError(
                f"layer {number} ({spec['type']}) cannot be built: {error}; it receives {shapes[-1]} from {giver}"
            ) from error
    if len(shapes[-1]) != 1:
        raise ValueError(
            f"the last layer ({layers[-1]['type']}) gives {shapes[-1]}, channels and positions: the list must end flat;"
            " add `flatten` or `global_max_pool`"
        )
    return shapes
