"""Genomes in memory and tables of intervals for property tests, laid out by hand and never by the code under test."""

import numpy as np
import pandas as pd

from cisflow.genome import Genome


def genome_of(sequences):
    """A genome as it is mapped from its file: FASTA with 60 bases a line, and where each chromosome begins."""
    text, sizes, offsets = "", {}, {}
    for name, sequence in sequences.items():
        text += f">{name}\n"
        sizes[name], offsets[name] = len(sequence), len(text)
        text += "".join(sequence[at : at + 60] + "\n" for at in range(0, len(sequence), 60))
    return Genome(np.frombuffer(text.encode(), dtype=np.uint8), sizes, offsets)


def frame_of(rows):
    """A table of intervals from (chrom, start, end)."""
    frame = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    return frame.astype({"chrom": object, "start": np.int64, "end": np.int64})


def rows_of(frame):
    """The intervals of a table as tuples."""
    return list(frame[["chrom", "start", "end"]].itertuples(index=False, name=None))


def bases_covered(rows):
    """Every base of some intervals, as (chrom, position)."""
    return {(chrom, base) for chrom, start, end in rows for base in range(start, end)}
