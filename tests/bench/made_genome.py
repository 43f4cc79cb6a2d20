"""A genome of 100 Mb and peaks on it, made anew from a seed: what the benchmarks of the data stage run on."""

import numpy as np
import pandas as pd

BLOCK = 50_000  # bases of one GC content, as the isochores of a mammal
CHROMOSOMES = {"chr1": 24, "chr2": 20, "chr3": 16, "chr4": 12, "chr5": 10, "chr6": 8, "chr7": 6, "chr8": 4}  # Mb


def chromosome(length, rng):
    """Bases of one chromosome (ASCII): blocks of 35 to 60 % GC, a tenth in lower case, runs of N."""
    gc = np.repeat(rng.normal(0.42, 0.05, length // BLOCK + 1).clip(0.3, 0.65), BLOCK)[:length]
    is_gc = rng.random(length, dtype=np.float32) < gc
    strand = rng.integers(0, 2, length, dtype=np.uint8)
    bases = np.where(is_gc, np.frombuffer(b"GC", np.uint8)[strand], np.frombuffer(b"AT", np.uint8)[strand])
    for start in rng.integers(0, length - 2000, length // 20_000):
        bases[start : start + rng.integers(200, 2000)] |= 32  # lower case, as repeats are masked
    for start in rng.integers(0, length - 50_000, max(length // 2_000_000, 1)):
        bases[start : start + rng.integers(500, 50_000)] = ord("N")
    return bases


def write_fasta(path, seed=1, chromosomes=CHROMOSOMES):
    """Write the genome with 60 bases a line; a dictionary from chromosome to bases comes back."""
    rng, genome = np.random.default_rng(seed), {}
    with open(path, "wb") as out:
        for name, megabases in chromosomes.items():
            bases = genome[name] = chromosome(megabases * 1_000_000, rng)
            out.write(f">{name}\n".encode())
            whole = len(bases) // 60 * 60
            lines = np.full((whole // 60, 61), ord("\n"), dtype=np.uint8)
            lines[:, :60] = bases[:whole].reshape(-1, 60)
            out.write(lines.tobytes())
            if whole < len(bases):
                out.write(bases[whole:].tobytes() + b"\n")
    return genome


def peaks(genome, count, seed=2, width=200):
    """Peaks that prefer GC-rich places, apart from one another, none with N: `chrom`, `start`, `end`, sorted."""
    rng, parts = np.random.default_rng(seed), []
    total = sum(map(len, genome.values()))
    for name, bases in genome.items():
        wanted = round(count * len(bases) / total)
        # One place in each cell of two widths: peaks as dense as that would otherwise overlap.
        cells = rng.permutation(len(bases) // (2 * width) - 1)
        starts = cells * 2 * width + rng.integers(0, width, len(cells))
        inside = bases[starts[:, None] + np.arange(0, width, 5)]
        gc = np.isin(inside, np.frombuffer(b"GCgc", np.uint8)).mean(axis=1)
        known = ~(bases[starts[:, None] + np.arange(width)] == ord("N")).any(axis=1)
        chosen = starts[known & (rng.random(len(starts)) < gc * 1.6)][:wanted]
        parts.append(pd.DataFrame({"chrom": name, "start": np.sort(chosen), "end": np.sort(chosen) + width}))
    return pd.concat(parts, ignore_index=True)


def tiles(genome, count, seed=3, width=200, step=250):
    """Windows side by side, without N, `count` of them drawn at random: `chrom`, `start`, `end`, sorted."""
    parts = []
    for name, bases in genome.items():
        starts = np.arange(0, len(bases) - width, step)
        known = ~(bases[starts[:, None] + np.arange(width)] == ord("N")).any(axis=1)
        parts.append(pd.DataFrame({"chrom": name, "start": starts[known], "end": starts[known] + width}))
    every = pd.concat(parts, ignore_index=True)
    return every.iloc[np.sort(np.random.default_rng(seed).permutation(len(every))[:count])].reset_index(drop=True)
