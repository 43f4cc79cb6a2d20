"""bigWig files: what is whole and of the genome's assembly, and what is refused, with the reason.

A file is judged by its own bytes (magic at both ends, offsets within) before a library reads it, and its chromosomes by
the genome's.
"""

import os
import struct

import figwig

from cisflow.chromosome_names import name_hint
from cisflow.file_kinds import foreign_kind
from cisflow.messages import InputError
from cisflow.text_files import MAX_TOLD, SPECIAL_FILES

# The layout is that of Kent et al. 2010 (BigWig and BigBed), numbers little-endian.
MAGIC = b"\x26\xfc\x8f\x88"
BIG_BED_MAGIC = b"\xeb\xf2\x89\x87"
CHROMOSOMES_MAGIC = b"\x91\x8c\xca\x78"
INDEX_MAGIC = b"\xe0\xac\x68\x24"
HEADER_BYTES = 64

FETCH_AGAIN = "fetch it again, and give its sha256 in the sheet so that a bad copy is seen at once"
MAKE_ONE = (
    "name a bigWig; `bedGraphToBigWig IN.bedGraph chrom.sizes OUT.bw` makes one of a bedGraph, "
    "`bamCoverage -b IN.bam -o OUT.bw` of aligned reads"
)


def check_format(path):
    """Refuse what is no bigWig, is cut short or holds no data, by its bytes alone.

    A library is asked only after this: some die by a signal on a file that is a header and nothing more.

    Parameters
    ----------
    path : str or Path
        A local file; it is not opened if it is a folder, a pipe or a device.

    Raises
    ------
    InputError
    """
    if "://" in str(path):
        raise InputError(f"{path} is an address", "found a URL, expected a file on this machine", "download it first")
    try:
        mode = os.stat(path).st_mode
        for is_kind, kind, cure in SPECIAL_FILES:
            if is_kind(mode):
                raise InputError(f"{path} is {kind}", f"found {kind}, expected a bigWig file", cure)
        with open(path, "rb") as handle:
            head = handle.read(1024)
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - len(MAGIC)))
            tail = handle.read()
            if head[: len(MAGIC)] != MAGIC:
                raise no_bigwig(path, head)
            if size < HEADER_BYTES or tail != MAGIC:
                raise InputError(
                    f"{path} is cut short",
                    f"found {size:,} bytes that end in {tail.hex()}, expected a bigWig, which ends in {MAGIC.hex()}",
                    FETCH_AGAIN,
                )
            chromosomes, _, index = struct.unpack_from("<3Q", head, 8)
            start_of_chromosomes, start_of_index = (
                bytes_at(handle, offset, size, length) for offset, length in ((chromosomes, 4), (index, 16))
            )
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened",
            f"found {error.strerror or error}, expected a bigWig file that may be read",
            "correct the path (it counts from the folder in which snakemake runs), or its permissions (`chmod u+r`)",
        ) from error
    # pyBigWig leaves the place of the index 0 where it was given no value; other tools write an index of no blocks.
    if index == 0 or (start_of_index[:4] == INDEX_MAGIC and start_of_index[8:] == bytes(8)):
        raise InputError(
            f"{path} holds no data",
            "found a header without values, expected at least one",
            "look at what made it: it had no values, or ended before it wrote them",
        )
    if start_of_chromosomes != CHROMOSOMES_MAGIC or start_of_index[:4] != INDEX_MAGIC:
        raise damaged(path, f"a header that looks for chromosomes at byte {chromosomes} and for the index at {index}")


def bytes_at(handle, offset, size, length):
    """Bytes of a file of some size from an offset; none where they do not lie within it."""
    if offset + length > size:
        return b""
    handle.seek(offset)
    return handle.read(length)


def no_bigwig(path, head):
    """The InputError for a file that does not start as a bigWig does."""
    if not head:
        return InputError(f"{path} is empty", "found no bytes, expected a bigWig", FETCH_AGAIN)
    kind, cure = foreign_kind(head) or ("something else", MAKE_ONE)
    if head.startswith(MAGIC[::-1]):
        kind, cure = "a bigWig of the other byte order", "write it anew: `bigWigToBedGraph`, then `bedGraphToBigWig`"
    elif head.startswith((BIG_BED_MAGIC, BIG_BED_MAGIC[::-1])):
        kind, cure = "a bigBed, which holds intervals", MAKE_ONE
    elif head.startswith(b"\x1f\x8b"):
        kind, cure = "compressed by gzip", f"unpack it: `gunzip -c {path} > NEW.bw`"
    elif not cure.startswith(("unpack", "fetch", "download")):
        cure = MAKE_ONE
    return InputError(
        f"{path} is no bigWig",
        f"found {kind} (it starts with {head[:24]!r}), expected {MAGIC!r} at its start",
        cure.replace("FILE", str(path)),
    )


def damaged(path, found):
    """The InputError for a bigWig that contradicts itself."""
    return InputError(f"{path} is damaged", f"found {found}, expected a whole bigWig", FETCH_AGAIN)


def check_bigwig(path, sizes, aliases):
    """Check that a file is a whole bigWig of the genome's assembly.

    Parameters
    ----------
    path : str or Path
        A local file.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the file -> names in the genome.

    Returns
    -------
    dict of str -> str
        Name in the genome -> name in the file, of the chromosomes that both have, in the order of the genome.

    Raises
    ------
    InputError
        For what is no bigWig, is cut short, damaged or without data, has no chromosome of the genome or one under two
        names, or has chromosomes of other lengths.
    """
    check_format(path)
    try:
        lengths = figwig.BigWigReader(path).chrom_sizes
    except ValueError as error:
        raise damaged(path, error) from error
    names = {}
    for name in lengths:
        known = name if name in sizes else aliases.get(name, name)
        if known in sizes:
            names.setdefault(known, []).append(name)
    if not names:
        raise InputError(
            f"{path}: none of its chromosomes is in the genome",
            f"found {listed(lengths)}; the genome has {listed(sizes)}",
            name_hint(lengths, sizes)
            or "give genome.aliases, a table of two columns (name in the file, name in the genome), or another genome",
        )
    mistakes = [
        f"{known}: {sizes[known]:,} bases in the genome, {lengths[name]:,} in the bigWig"
        for known, (name, *_) in names.items()
        if lengths[name] != sizes[known]
    ]
    if mistakes:
        more = f"\n... and {len(mistakes) - MAX_TOLD} more" if len(mistakes) > MAX_TOLD else ""
        raise InputError(
            f"{path} is a bigWig of another assembly: {len(mistakes)} chromosome(s) of another length\n"
            + "\n".join(mistakes[:MAX_TOLD])
            + more,
            f"expected the genome's lengths, as {len(names) - len(mistakes)} other chromosome(s) have them",
            "name a bigWig of the genome's own assembly, or the genome that this one was made on",
        )
    twice = [f"{' and '.join(given)} for {known}" for known, given in names.items() if len(given) > 1]
    if twice:
        raise InputError(
            f"{path}: a chromosome of the genome stands in it under two names",
            f"found {listed(twice)}, expected one name for each",
            "take one of the names out of genome.aliases",
        )
    return {known: names[known][0] for known in sizes if known in names}


def listed(names):
    """The first eight names of a collection, in one line."""
    return ", ".join(list(names)[:8]) + (", ..." if len(names) > 8 else "")
