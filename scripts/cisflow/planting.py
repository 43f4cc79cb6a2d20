"""Simulated sequences whose motifs, labels and quantities are known, because they were planted.

A set is described by the section `planted` of the configuration (config/README.md says what each setting means). Each
sequence is background, in which the elements of its class stand: instances of motifs, or pairs of them at a set gap.
No two elements overlap, and all arrangements without overlap are equally likely (beside an element in the centre, all
arrangements of one order).

Bases are numbers in the order of the alphabet; the alphabet backwards is its complement, so that `3 - bases[::-1]` is
the reverse complement. Coordinates are 0-based and half-open.
"""

import itertools
import math

import numpy as np

from cisflow.alphabet import ALPHABET
from cisflow.messages import InputError

MAX_DRAWS = 1000  # of the elements of one sequence, before it is given up
# The bases that an IUPAC code stands for.
IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}


# ----------------------------------------------------------------------------------------------------------------------
# Bases


def text_of(bases):
    """Bases as text."""
    return "".join(ALPHABET[base] for base in bases)


def consensus_pwm(consensus):
    """The PWM of a consensus in IUPAC codes, whose bases are equally likely; shape (width, 4)."""
    rows = np.array([[base in IUPAC[code] for base in ALPHABET] for code in consensus], dtype=float)
    return rows / rows.sum(axis=1, keepdims=True)


def planted_pwm(pwm, instances, mutation_rate):
    """What the instances of a motif come of, base by base.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    instances : str
        `drawn`: each base by its probability; `consensus`: always the likeliest, of equals the first in the alphabet.
    mutation_rate : float
        How often a base is replaced by one of the other three.

    Returns
    -------
    numpy.ndarray of float, shape (width, 4)
    """
    if instances == "consensus":
        pwm = np.eye(len(ALPHABET))[pwm.argmax(axis=1)]
    return pwm * (1 - mutation_rate) + (1 - pwm) * mutation_rate / (len(ALPHABET) - 1)


def draw_from(probabilities, rng):
    """One number a row, each drawn by the probabilities of its row; shape (rows, choices) -> (rows,)."""
    below = np.cumsum(probabilities, axis=1)[:, :-1]
    return (rng.random((len(below), 1)) >= below).sum(axis=1)


def stationary(transitions):
    """Frequencies of the bases that an order-1 Markov chain keeps; shape (4,)."""
    # Of x P = x and sum(x) = 1, one equation too many, the least squares solution is exact.
    equations = np.vstack([np.transpose(transitions) - np.eye(len(ALPHABET)), np.ones(len(ALPHABET))])
    return np.linalg.lstsq(equations, np.r_[np.zeros(len(ALPHABET)), 1.0])[0].clip(0)


def draw_background(length, background, rng):
    """Bases without motifs.

    Parameters
    ----------
    length : int
    background : dict
        `frequencies` of A, C, G, T; or `transitions`, a row for each base with the frequencies of the one that follows
        it; without either, all bases are equally frequent.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of int, shape (length,)
    """
    if background.get("transitions") is None:
        frequencies = background.get("frequencies") or [1 / len(ALPHABET)] * len(ALPHABET)
        return rng.choice(len(ALPHABET), size=length, p=np.divide(frequencies, np.sum(frequencies)))
    transitions = np.divide(background["transitions"], np.sum(background["transitions"], axis=1, keepdims=True))
    below = np.cumsum([stationary(transitions), *transitions], axis=1)[:, :-1].tolist()
    bases, row = [], 0
    for drawn in rng.random(length).tolist():
        bases.append(sum(drawn >= limit for limit in below[row]))
        row = bases[-1] + 1
    return np.array(bases)


# ----------------------------------------------------------------------------------------------------------------------
# What is planted, and where


def drawn_number(number, rng):
    """How many elements: a fixed number, or one by the probabilities of 0, 1, 2, ..."""
    return number if isinstance(number, int) else int(rng.choice(len(number), p=np.divide(number, np.sum(number))))


def pair_element(item, widths, rng):
    """Two motifs at a drawn gap and orientation, as instances (motif, offset within the element, strand)."""
    first, second = item["pair"]
    gap = item["gaps"][rng.integers(len(item["gaps"]))]
    orientations = item.get("orientations") or ["++"]
    orientation = orientations[rng.integers(len(orientations))]
    return [(first, 0, orientation[0]), (second, widths[first] + gap, orientation[1])]


def turned(element, widths):
    """An element as it stands on the other strand."""
    total = max(offset + widths[motif] for motif, offset, _ in element)
    return [
        (motif, total - offset - widths[motif], "-" if strand == "+" else "+")
        for motif, offset, strand in reversed(element)
    ]


def draw_elements(items, widths, rng):
    """The elements of one sequence.

    Parameters
    ----------
    items : list of dict
        `plant` of a class.
    widths : dict of str -> int
        Of the motifs.
    rng : numpy.random.Generator

    Returns
    -------
    list of (list of (str, int, str), bool)
        Each element's instances (motif, offset, strand), and whether it stands in the centre.
    """
    elements = []
    for item in items:
        if "pair" in item:
            drawn = [pair_element(item, widths, rng) for _ in range(drawn_number(item["number"], rng))]
        elif item["each"]:
            drawn = [[(motif, 0, "+")] for motif in item["motifs"] for _ in range(drawn_number(item["number"], rng))]
        else:
            chosen = rng.integers(len(item["motifs"]), size=drawn_number(item["number"], rng))
            drawn = [[(item["motifs"][number], 0, "+")] for number in chosen]
        for element in drawn:
            turn = item["strands"] == "both" and rng.integers(2)
            elements.append((turned(element, widths) if turn else element, item["position"] == "centre"))
    return elements


def draw_starts(widths, length, rng):
    """Starts of elements of these widths, from left to right: all arrangements without overlap are equally likely."""
    if not widths:
        return []
    slots = length - sum(widths) + len(widths)  # every element shrunk to one position
    chosen = np.sort(rng.choice(slots, size=len(widths), replace=False))
    return (chosen + np.cumsum([0, *widths[:-1]]) - np.arange(len(widths))).tolist()


def place(widths, centred, length, rng):
    """Starts of all elements of a sequence.

    Parameters
    ----------
    widths : list of int
    centred : list of bool
        One of them at most.
    length : int
        Of the sequence.
    rng : numpy.random.Generator

    Returns
    -------
    list of int or None
        In the order of the widths; None if they do not fit.
    """
    order = [int(number) for number in rng.permutation(len(widths)) if not centred[number]]
    starts = [0] * len(widths)
    if not any(centred):
        if sum(widths) > length:
            return None
        for number, start in zip(order, draw_starts([widths[one] for one in order], length, rng), strict=True):
            starts[number] = start
        return starts
    centre = centred.index(True)
    begin = (length - widths[centre]) // 2
    end = begin + widths[centre]
    # How many stand left of the centre, by how many arrangements each number of them has.
    ways = []
    for n_left in range(len(order) + 1):
        sides = ((order[:n_left], begin), (order[n_left:], length - end))
        free = [space - sum(widths[one] for one in side) for side, space in sides]
        fits = begin >= 0 and min(free) >= 0
        ways.append(math.prod(math.comb(free[at] + len(sides[at][0]), free[at]) for at in (0, 1)) if fits else 0)
    if not sum(ways):
        return None
    n_left = int(rng.choice(len(ways), p=[way / sum(ways) for way in ways]))
    starts[centre] = begin
    for side, first, space in ((order[:n_left], 0, begin), (order[n_left:], end, length - end)):
        for number, start in zip(side, draw_starts([widths[one] for one in side], space, rng), strict=True):
            starts[number] = first + start
    return starts


def plant_sequence(items, pwms, length, background, rng):
    """One sequence with its instances.

    Parameters
    ----------
    items : list of dict
        `plant` of its class.
    pwms : dict of str -> numpy.ndarray of float, shape (width, 4)
        See `planted_pwm`.
    length : int
    background : dict
        See `draw_background`.
    rng : numpy.random.Generator

    Returns
    -------
    sequence : str
    sites : list of dict
        From left to right: `motif`, `start`, `end`, `strand` and `instance`, the bases as read on that strand.
    n_draws : int
        Of elements, until some fitted: what does not fit into the sequence is drawn anew.

    Raises
    ------
    InputError
        If nothing fitted.
    """
    widths = {motif: len(pwm) for motif, pwm in pwms.items()}
    for n_draws in itertools.count(1):
        elements = draw_elements(items, widths, rng)
        spans = [max(offset + widths[motif] for motif, offset, _ in element) for element, _ in elements]
        starts = place(spans, [centred for _, centred in elements], length, rng)
        if starts is not None:
            break
        if n_draws == MAX_DRAWS:
            raise InputError(
                f"what is planted does not fit into {length} bases",
                f"{MAX_DRAWS} draws of motifs and pairs were all too wide; the last had {sum(spans)} bases",
                "lengthen the sequences, or plant fewer",
            )
    bases, sites = draw_background(length, background, rng), []
    for (element, _), first in zip(elements, starts, strict=True):
        for motif, offset, strand in element:
            drawn, start = draw_from(pwms[motif], rng), first + offset
            end = start + widths[motif]
            bases[start:end] = drawn if strand == "+" else len(ALPHABET) - 1 - drawn[::-1]
            sites.append({"motif": motif, "start": start, "end": end, "strand": strand, "instance": text_of(drawn)})
    return text_of(bases), sorted(sites, key=lambda site: site["start"]), n_draws


# ----------------------------------------------------------------------------------------------------------------------
# Targets


def is_quantity(target):
    """Whether a target of the configuration is a quantity; the others are labels."""
    return "motifs" not in target and "classes" not in target


def interacts(sites, interaction):
    """Whether two different instances of the motifs of an interaction stand within its gaps."""
    one, other = interaction["motifs"]
    low, high = interaction["gaps"] or (0, math.inf)
    return any(
        (first["motif"], second["motif"]) in ((one, other), (other, one))
        and low <= second["start"] - first["end"] <= high
        for first, second in itertools.combinations(sites, 2)  # from left to right
    )


def expected_value(target, sites, class_name):
    """A target's value by what is planted, without noise.

    Of labels 0 or 1: 1 with an instance of any of its motifs, or in any of its classes. Of a quantity the sum of its
    effects, one for each instance, and of its interactions, each once however many pairs there are.
    """
    if "classes" in target:
        return int(class_name in target["classes"])
    if "motifs" in target:
        return int(any(site["motif"] in target["motifs"] for site in sites))
    single = sum(target["effects"].get(site["motif"], 0.0) for site in sites)
    return single + sum(part["effect"] for part in target["interactions"] if interacts(sites, part))


def shared_out(names, shares, number):
    """Names in proportion to their shares, `number` in all, equal ones beside each other."""
    ends = (np.cumsum(shares) / np.sum(shares) * number).round()
    return np.array(names)[np.searchsorted(ends, np.arange(number), side="right")]


def plant_set(settings, pwms):
    """All sequences of a set.

    The draw of one sequence does not hang on the others: a larger set begins with the same bases and instances, if it
    has but one class.

    Parameters
    ----------
    settings : dict
        An entry of `planted`, with its defaults.
    pwms : dict of str -> numpy.ndarray of float, shape (width, 4)
        What the instances of each motif come of; see `planted_pwm`.

    Returns
    -------
    sequences : list of dict
        `name`, `sequence`, `split`, `class`, a column a target; of quantities `{target}_expected` too, without noise.
    sites : list of dict
        `sequence` (its name), `motif`, `start`, `end`, `strand`, `instance`; `{target}_effect` for quantities.
    n_redrawn : int
        Sequences whose elements did not fit at first and were drawn anew.
    """
    number, classes, targets = settings["n_sequences"], settings["classes"], settings["targets"]
    seed, quantities = settings["seed"], [name for name, target in targets.items() if is_quantity(target)]
    of_class = shared_out(list(classes), [part["share"] for part in classes.values()], number)
    of_class = of_class[np.random.default_rng(seed).permutation(number)]
    of_split = shared_out(list(settings["splits"]), list(settings["splits"].values()), number)
    sequences, sites, noise, n_redrawn = [], [], [], 0
    for position in range(number):
        rng, class_name = np.random.default_rng([seed, position]), str(of_class[position])
        items = classes[class_name]["plant"]
        sequence, planted, n_draws = plant_sequence(items, pwms, settings["length"], settings["background"], rng)
        n_redrawn += n_draws > 1
        noise.append(rng.standard_normal(len(quantities)))
        row = {"name": f"sequence_{position + 1}", "sequence": sequence, "split": str(of_split[position])}
        row["class"] = class_name
        row |= {name: expected_value(target, planted, class_name) for name, target in targets.items()}
        sequences.append(row)
        for site in planted:
            effects = {f"{name}_effect": targets[name]["effects"].get(site["motif"], 0.0) for name in quantities}
            sites.append({"sequence": row["name"], **site, **effects})
    for column, name in enumerate(quantities):
        spread = noise_sd([row[name] for row in sequences], targets[name]["noise"])
        for row, drawn in zip(sequences, noise, strict=True):
            row[f"{name}_expected"] = row[name]
            row[name] += spread * drawn[column]
    return sequences, sites, n_redrawn


def noise_sd(expected, share):
    """Standard deviation of the noise that is this share of the variance."""
    return float(np.sqrt(np.var(expected) * share / (1 - share)))


def truth_rows(sequences, targets):
    """What is known of each target in each split.

    Parameters
    ----------
    sequences : list of dict
        Of `plant_set`.
    targets : dict
        Of the configuration.

    Returns
    -------
    list of dict
        `target`, `split`, `n`; of labels `n_positive`; of quantities `noise` (its share of the variance), `variance`
        (without noise), `expected_pearson` = sqrt(1 - noise), which no prediction exceeds but by chance, and
        `reached_pearson`, what the values without noise reach in this split. None where it does not apply.
    """
    rows = []
    for name, target in targets.items():
        for split in dict.fromkeys(row["split"] for row in sequences):
            values = np.array([row[name] for row in sequences if row["split"] == split], dtype=float)
            row = {"target": name, "split": split, "n": len(values)}
            if is_quantity(target):
                expected = np.array([one[f"{name}_expected"] for one in sequences if one["split"] == split])
                varies = np.ptp(expected) > 0 and np.ptp(values) > 0
                row |= {"noise": target["noise"], "variance": float(np.var(expected))}
                row["expected_pearson"] = math.sqrt(1 - target["noise"])
                row["reached_pearson"] = float(np.corrcoef(expected, values)[0, 1]) if varies else None
            else:
                row["n_positive"] = int(values.sum())
            rows.append(row)
    columns = dict.fromkeys(key for row in rows for key in row)
    return [{column: row.get(column) for column in columns} for row in rows]
