"""Writing BGZF: gzip in blocks, which bgzip, tabix and bedtools can index, and every gzip reader reads.

The format: section 4.1 of https://samtools.github.io/hts-specs/SAMv1.pdf.
"""

import struct
import zlib

BLOCK = 65280  # bytes before compression, as of bgzip: whatever they are, the block then fits into 64 kB
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # an empty block ends a whole file


def compressed_block(data):
    """One block of at most `BLOCK` bytes."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.flush()
    head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<2I", zlib.crc32(data), len(data))


def write_text(path, parts):
    """Write a text in UTF-8, as BGZF if the path ends with `.gz`, else plain.

    Parameters
    ----------
    path : str or Path
    parts : iterable of str
    """
    with open(path, "wb") as out:
        if not str(path).endswith(".gz"):
            out.writelines(part.encode() for part in parts)
            return
        waiting = b""
        for part in parts:
            waiting += part.encode()
            whole = len(waiting) - len(waiting) % BLOCK
            out.writelines(compressed_block(waiting[at : at + BLOCK]) for at in range(0, whole, BLOCK))
            waiting = waiting[whole:]
        out.write((compressed_block(waiting) if waiting else b"") + END)
