"""Names and lengths of the sequences of a FASTA file, in one quick pass that is done once and then remembered.

`rules/common.smk` loads this file by its path, before any job runs, so it imports nothing but the standard library.
"""

import gzip
import json
import os
import re
import zlib
from pathlib import Path

BLOCK = 1 << 24  # bytes that are read at a time
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A header, with the name, or a comment: the lines that are not sequence.
MARKED_LINE = re.compile(rb"^(?:>[ \t]*(\S*)|;)[^\n]*\n?", flags=re.MULTILINE)


def chromosome_sizes(fasta, cache_folder=None):
    """Lengths of the sequences of a local FASTA file (plain, gzip or bgzip).

    Nothing but headers and lengths is looked at: `cisflow.fasta.records` says whether the sequences are sound.

    Parameters
    ----------
    fasta : str
    cache_folder : str, Path or None
        Where the sizes are kept, by path, size and time of change of the FASTA; None reads the file anew.

    Returns
    -------
    dict of str -> int
        Name (first word of the header) -> bases, in the order of the file; of a name that stands twice, the last.

    Raises
    ------
    ValueError
        If the file cannot be unpacked, or has no line that starts with `>`.
    """
    status = os.stat(fasta)
    stamp = [os.path.abspath(fasta), status.st_size, status.st_mtime_ns]
    cache = Path(cache_folder) / "chromosome_sizes.json" if cache_folder else None
    remembered = read_cache(cache)
    if remembered.get("stamp") == stamp:
        return remembered["sizes"]
    try:
        sizes = dict(lengths(fasta))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if not sizes:
        raise ValueError("no line that starts with `>`")
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"stamp": stamp, "sizes": sizes}))
        temporary.replace(cache)
    return sizes


def read_cache(path):
    """What was remembered; nothing if that cannot be read."""
    try:
        remembered = json.loads(path.read_text()) if path else {}
    except (OSError, ValueError):
        return {}
    return remembered if isinstance(remembered, dict) else {}


def lengths(fasta):
    """Yield the name and the length of every sequence."""
    with open(fasta, "rb") as handle:
        opener = gzip.open if handle.read(2) == b"\x1f\x8b" else open
    name, length = None, 0
    with opener(fasta, "rb") as handle:
        carry = handle.read(len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
        while True:
            block = handle.read(BLOCK)
            if block and not carry and not may_be_marked(block):  # most blocks: nothing to copy
                length += count_bases(block)
                continue
            text = carry + block
            # No header and no comment is cut in two: where the last line may be one, it waits for the next block.
            cut = text.rfind(b"\n") + 1
            cut = cut if block and may_be_marked(text[cut:]) else len(text)
            text, carry = text[:cut], text[cut:]
            position = 0
            for line in MARKED_LINE.finditer(text) if may_be_marked(text) else ():
                length += count_bases(text[position : line.start()])
                position = line.end()
                if line[1] is not None:
                    if name is not None:
                        yield name, length
                    name, length = line[1].decode("latin-1"), 0
            length += count_bases(text[position:])
            if not block:
                break
    if name is not None:
        yield name, length


def may_be_marked(text):
    """Whether a header or a comment may stand in a text."""
    return b">" in text or b";" in text


def count_bases(text):
    """Number of characters that are no blanks and no line ends."""
    rare = (blank for blank in (b"\r", b" ", b"\t") if blank in text)  # this look is much quicker than a count
    return len(text) - text.count(b"\n") - sum(text.count(blank) for blank in rare)
