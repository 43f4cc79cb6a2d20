"""Genomes: FASTA in; out an indexed FASTA of known layout, and its chromosome sizes."""

import hashlib

import numpy as np

from cisflow.fasta import records

LINE_WIDTH = 60  # bases a line in the FASTA that we write
BASES_AT_ONCE = 1 << 22  # some megabytes: what is worked on at a time, whatever the length of a chromosome


def fasta_pieces(name, sequence):
    """A record as FASTA of `LINE_WIDTH` bases a line, some megabytes at a time.

    Parameters
    ----------
    name : str
    sequence : bytes

    Yields
    ------
    bytes
    """
    yield b">" + name.encode("latin-1") + b"\n"
    step = BASES_AT_ONCE // LINE_WIDTH * LINE_WIDTH
    for begin in range(0, len(sequence), step):
        bases = np.frombuffer(sequence[begin : begin + step], dtype=np.uint8)
        whole = len(bases) // LINE_WIDTH * LINE_WIDTH
        lines = np.full((whole // LINE_WIDTH, LINE_WIDTH + 1), ord("\n"), dtype=np.uint8)
        lines[:, :LINE_WIDTH] = bases[:whole].reshape(-1, LINE_WIDTH)
        yield lines.tobytes()
        if whole < len(bases):
            yield bases[whole:].tobytes() + b"\n"


def write_genome(source, fasta, index, sizes):
    """Write a genome as FASTA of one line width, with its index and its chromosome sizes.

    The index is made from what is written, so it cannot be that of another file.

    Parameters
    ----------
    source : str or Path
        FASTA; plain, gzip or bgzip.
    fasta, index, sizes : str or Path
        Outputs: FASTA with 60 bases a line, samtools' .fai, and names with lengths.

    Returns
    -------
    lengths : dict of str -> int
    sha256 : str
        Of the FASTA written.
    """
    lengths, rows, offset, digest = {}, [], 0, hashlib.sha256()
    with open(fasta, "wb") as out:
        for name, sequence in records(source):
            pieces = 0
            for piece in fasta_pieces(name, sequence):
                out.write(piece)
                digest.update(piece)
                pieces += len(piece)
            header = len(name.encode("latin-1")) + 2
            width = min(len(sequence), LINE_WIDTH)  # as samtools writes it
            rows.append((name, len(sequence), offset + header, width, width + 1))
            offset += pieces
            lengths[name] = len(sequence)
    with open(index, "w", encoding="latin-1") as out:
        out.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    with open(sizes, "w", encoding="latin-1") as out:
        out.writelines(f"{name}\t{length}\n" for name, length in lengths.items())
    return lengths, digest.hexdigest()


def read_sizes(path):
    """Read chromosome sizes: a dictionary from name to length in bases, in the order of the genome."""
    with open(path, encoding="latin-1") as handle:
        return {name: int(length) for name, length in (line.rstrip("\n").split("\t") for line in handle)}
