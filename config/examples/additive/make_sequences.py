"""Simulated enhancers with a known answer: sequences whose activity is the sum of the effects of planted motifs.

    python config/examples/additive/make_sequences.py [FOLDER]

writes `sequences.tsv` and `truth.tsv` into FOLDER (as a rule the one of this file), the same numbers each time.

Each of 20,000 sequences is 249 random bases, all four equally frequent. Of every motif in `EFFECTS` it holds none to
three instances (`COUNTS`), each drawn base by base from the motif's PWM, on either strand, at random places where none
overlaps another. An activity is the sum of the instances' effects, and Gaussian noise. `NOISE` is the noise's share of
the variance, so that no prediction correlates better with the activities than sqrt(1 - NOISE) = 0.975 (up to what is
chance in a finite test set), not even that of one who knows every instance. A sequence alone tells a little less,
since instances may come out unlike their motif, and random bases form some that were not planted: who knows the PWMs
and expects instances by Bayes's rule, place by place, reaches about 0.945 on either target.

`truth.tsv` has a row for every instance: the sequence's name, the motif, the place (0-based, half-open), the strand,
the bases as read on that strand, and the effects.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from cisflow.alphabet import ALPHABET
from cisflow.meme import read_meme

JASPAR = "resources/jaspar/JASPAR2026_CORE_insects_nonredundant.meme"
DATABASE = Path(__file__).resolve().parents[3] / JASPAR
TARGETS = ("Dev", "Hk")
# Effect of one instance on each target. Some motifs act on one target, some on both, one represses. All of them hold 14
# bits or more, enough to stand out from the 480 places at which random bases might form them.
EFFECTS = {
    "MA2248.1": (2.0, 0.0),  # kay, AP-1
    "MA2229.1": (1.5, 0.0),  # Ets96B
    "MA2200.1": (1.5, 0.0),  # bs, SRF
    "MA0197.3": (1.0, 0.0),  # nub, a POU factor
    "MA1459.2": (0.0, 2.0),  # M1BP
    "MA2261.1": (0.0, 1.5),  # phol
    "MA2266.1": (0.0, 1.0),  # Rfx
    "MA2282.1": (1.0, 1.0),  # SREBP
    "MA0085.2": (0.5, 1.5),  # Su(H)
    "MA2270.1": (-1.5, -0.5),  # scrt
}
COUNTS = (0.60, 0.25, 0.10, 0.05)  # probabilities of 0, 1, 2 and 3 instances of a motif
NOISE = 0.05
LENGTH = 249
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}


def noise_sd():
    """Standard deviation of each target's noise, from the variance that the motifs' numbers of instances give it."""
    number = np.arange(len(COUNTS))
    variance = np.dot(COUNTS, number**2) - np.dot(COUNTS, number) ** 2
    return np.sqrt(variance * np.square(list(EFFECTS.values())).sum(axis=0) * NOISE / (1 - NOISE))


def draw_instance(pwm, rng):
    """Bases of one instance as numbers in the order of the alphabet, each drawn by its probability."""
    return (rng.random((len(pwm), 1)) > np.cumsum(pwm, axis=1)[:, :-1]).sum(axis=1)


def draw_places(widths, rng):
    """Starts of instances of these widths, from left to right: all arrangements without overlap are equally likely."""
    slots = LENGTH - sum(widths) + len(widths)  # every instance shrunk to one position
    chosen = np.sort(rng.choice(slots, size=len(widths), replace=False))
    return chosen + np.concatenate([[0], np.cumsum(widths)[:-1] - np.arange(1, len(widths))]).astype(int)


def make_sequence(pwms, rng):
    """One sequence and its instances.

    Parameters
    ----------
    pwms : dict of str -> numpy.ndarray of float, shape (width, 4)
    rng : numpy.random.Generator

    Returns
    -------
    sequence : str
    instances : list of dict
        From left to right: `motif`, `start`, `end`, `strand`, `instance`.
    """
    while True:
        numbers = rng.choice(len(COUNTS), size=len(pwms), p=COUNTS)
        motifs = rng.permutation(np.repeat(list(pwms), numbers))
        widths = [len(pwms[motif]) for motif in motifs]
        if sum(widths) <= LENGTH:
            break
    bases = rng.integers(len(ALPHABET), size=LENGTH)
    instances = []
    for motif, start, width in zip(motifs, draw_places(widths, rng) if widths else (), widths, strict=True):
        drawn, strand = draw_instance(pwms[motif], rng), "+-"[rng.integers(2)]
        # The alphabet backwards is its complement.
        bases[start : start + width] = drawn if strand == "+" else len(ALPHABET) - 1 - drawn[::-1]
        text = "".join(ALPHABET[base] for base in drawn)
        place = {"start": int(start), "end": int(start + width), "strand": strand}
        instances.append({"motif": str(motif), **place, "instance": text})
    return "".join(ALPHABET[base] for base in bases), instances


def by_target(values):
    return dict(zip(TARGETS, values, strict=True))


def make_tables(number=20_000, seed=1):
    """Sequences with their activities, and where their instances are.

    Parameters
    ----------
    number : int
        Of sequences; the first `SPLITS["train"]` of them are for training, and so on.
    seed : int

    Returns
    -------
    sequences : pandas.DataFrame
        `name`, `split`, `sequence` and a column for each target.
    truth : pandas.DataFrame
        A row for each instance: `name`, `motif`, `motif_name`, `start`, `end`, `strand`, `instance`, and its effect on
        each target.
    """
    rng = np.random.default_rng(seed)
    motifs = read_meme(DATABASE)
    pwms = {identifier: motifs[identifier].pwm for identifier in EFFECTS}
    ends = (np.cumsum(list(SPLITS.values())) * number).round()
    splits = np.array(list(SPLITS))[np.searchsorted(ends, np.arange(number), side="right")]
    rows, truth = [], []
    for position in range(number):
        sequence, instances = make_sequence(pwms, rng)
        effects = np.array([EFFECTS[one["motif"]] for one in instances]).reshape(-1, len(TARGETS))
        values = effects.sum(axis=0) + rng.normal(scale=noise_sd())
        name = f"enhancer{position + 1}"
        rows.append({"name": name, "split": splits[position], "sequence": sequence} | by_target(values))
        for one, of_targets in zip(instances, effects, strict=True):
            motif = {"motif": one["motif"], "motif_name": motifs[one["motif"]].name}
            truth.append({"name": name} | motif | one | by_target(of_targets))
    return pd.DataFrame(rows), pd.DataFrame(truth)


def main(folder):
    """Write both tables."""
    sequences, truth = make_tables()
    for name, table in (("sequences", sequences), ("truth", truth)):
        table.to_csv(Path(folder) / f"{name}.tsv", sep="\t", index=False, float_format="%.6g")
    print(f"{len(sequences):,} sequences with {len(truth):,} instances: {folder}/sequences.tsv, {folder}/truth.tsv")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
