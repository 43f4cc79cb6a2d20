"""Genomes: FASTA in, an indexed FASTA of known layout out, and what the bases of an interval are.

Coordinates are 0-based and half-open throughout.
"""

import gzip
import hashlib
import zlib

import numpy as np
import pyfaidx

from cisflow.alphabet import ALPHABET, UNKNOWN_BASES
from cisflow.messages import InputError

LINE_WIDTH = 60  # bases a line in the FASTA that we write
BASES = (ALPHABET + UNKNOWN_BASES + (ALPHABET + UNKNOWN_BASES).lower()).encode()
BASES_AT_ONCE = 1 << 22  # some megabytes: what is worked on at a time, whatever the length of a chromosome
IS_GC = np.isin(np.arange(256), [ord(base) for base in "GC"])
IS_UNKNOWN = ~np.isin(np.arange(256), [ord(base) for base in ALPHABET])


def records(path):
    """Read a FASTA file record by record.

    Parameters
    ----------
    path : str or Path
        Plain, gzip or bgzip.

    Yields
    ------
    name : str
        First word of the header.
    sequence : bytes
        Bases as they stand in the file (lower case is kept), without line ends.

    Raises
    ------
    InputError
        If the file is not FASTA, is cut short, names a sequence twice, or holds what is no base.
    """
    with open(path, "rb") as handle:
        opener = gzip.open if handle.read(2) == b"\x1f\x8b" else open
    name, parts, number, seen = None, [], 0, {}

    def finished(last_line):
        sequence = b"".join(parts).translate(None, b"\r\n \t")
        parts.clear()  # the lines of a chromosome take several times its bases in memory
        strange = sequence.translate(None, BASES)
        if strange:
            raise InputError(
                f"{path}: sequence {name} holds characters that are no bases",
                f"found {sorted({chr(c) for c in strange})[:8]}, expected A, C, G, T, N or another IUPAC code",
                "give the genome as nucleotide FASTA",
            )
        if not sequence:
            raise InputError(
                f"{path}, line {last_line}: sequence {name} is empty",
                "found a header without bases below it, expected at least one line of sequence",
                "remove the header, or fetch the file again (it may be cut short)",
            )
        return name, sequence

    try:
        with opener(path, "rb") as handle:
            for number, line in enumerate(handle, start=1):
                if line.startswith(b">"):
                    if name is not None:
                        yield finished(number - 1)
                    words = line[1:].split()
                    if not words:
                        raise InputError(
                            f"{path}, line {number}: a header without a name",
                            "found `>` alone, expected `>name`",
                            "name the sequence",
                        )
                    name, parts = words[0].decode("latin-1"), []
                    if name in seen:
                        raise InputError(
                            f"{path}, line {number}: sequence {name} stands twice",
                            f"found it first in line {seen[name]}, expected every name once",
                            "remove or rename one of the two",
                        )
                    seen[name] = number
                elif name is None:
                    if line.strip():
                        raise InputError(
                            f"{path}, line {number}: not a FASTA file",
                            f"found {line[:40]!r}, expected a line that starts with `>`",
                            "name a FASTA file (plain, gzip or bgzip) as genome.fasta",
                        )
                else:
                    parts.append(line)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read to its end",
            f"found {error} after line {number}, expected a whole file",
            "fetch it again; `gzip -t FILE` tells whether a gzip file is whole",
        ) from error
    if name is None:
        raise InputError(f"{path} holds no sequence", "found an empty file, expected FASTA", "fetch it again")
    yield finished(number)


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


def chromosome_bases(fasta, chromosome):
    """The bases of one chromosome in upper case.

    Parameters
    ----------
    fasta : str or Path
        Indexed FASTA as written by `write_genome`.
    chromosome : str

    Returns
    -------
    numpy.ndarray of uint8, shape (length,)
        ASCII codes.
    """
    with pyfaidx.Fasta(str(fasta), as_raw=True, sequence_always_upper=True, rebuild=False) as genome:
        return np.frombuffer(genome[chromosome][:].encode("ascii"), dtype=np.uint8)


def base_counts(bases, starts, length):
    """Count G or C, and unknown bases, in windows of one chromosome.

    Parameters
    ----------
    bases : numpy.ndarray of uint8, shape (chromosome length,)
        Upper-case ASCII codes.
    starts : array_like of int, shape (n,)
        0-based starts; every window must lie within the chromosome.
    length : int
        Length of every window in bases.

    Returns
    -------
    gc, unknown : numpy.ndarray of int64, shape (n,)
        Numbers of G or C, and of bases other than A, C, G and T.
    """
    starts = np.asarray(starts, dtype=np.int64)
    gc, unknown = np.zeros(len(starts), dtype=np.int64), np.zeros(len(starts), dtype=np.int64)
    if len(starts) == 0:
        return gc, unknown
    windows = np.lib.stride_tricks.sliding_window_view(bases, length)
    # Some megabytes of windows at a time: counts over the whole chromosome would need four bytes a base.
    step = max(1, BASES_AT_ONCE // length)
    for begin in range(0, len(starts), step):
        part = slice(begin, begin + step)
        inside = windows[starts[part]]
        gc[part] = IS_GC[inside].sum(axis=1)
        unknown[part] = IS_UNKNOWN[inside].sum(axis=1)
    return gc, unknown
