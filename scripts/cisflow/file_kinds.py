"""What a file is that is not text as this workflow reads it, told by its first bytes, and what to do about it."""

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SHEET_CURE = "save the sheet as tab-separated text and name that file"
DATA_CURE = "name the file with the data themselves"
DOWNLOAD_CURE = (
    "download the file itself (on GitHub from its `raw` address; `curl -fL` keeps a failure from being a file)"
)
UTF_16 = "UTF-16 text, as spreadsheets write it"
UTF_16_CURE = "write it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8`"
BIG_WIG = "a bigWig file, a signal"
BIG_BED = "a bigBed file"
TWO_BIT = "a 2bit genome"

# First bytes, what such a file is, and what to do; `FILE` stands for its path. UCSC's formats come in two byte orders.
MAGIC = (
    (b"PK\x03\x04", "a zip archive", "unpack it: `unzip FILE`"),
    (b"PK\x05\x06", "an empty zip archive", "fetch the file again"),
    (b"BZh", "compressed by bzip2", "unpack it: `bunzip2 -k FILE`"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unpack it: `unxz -k FILE`"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: `unzstd FILE`"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "unpack it: `unlz4 FILE`"),
    (b"\x1f\x9d", "compressed by `compress`", "unpack it: `uncompress FILE`"),
    (b"\x1f\x8b", "compressed twice by gzip", "unpack it once: `gunzip -c FILE > FILE.once.gz`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: `7z x FILE`"),
    (b"Rar!\x1a\x07", "a rar archive", "unpack it: `unrar x FILE`"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", SHEET_CURE),
    (b"%PDF", "a PDF", DATA_CURE),
    (b"\x89PNG", "a picture", DATA_CURE),
    (b"\x89HDF", "an HDF5 file", "name the text file that it was made from"),
    (b"\x26\xfc\x8f\x88", BIG_WIG, "for intervals name a BED file, or call peaks on the signal"),
    (b"\x88\x8f\xfc\x26", BIG_WIG, "for intervals name a BED file, or call peaks on the signal"),
    (b"\xeb\xf2\x89\x87", BIG_BED, "turn it into text: `bigBedToBed FILE FILE.bed`"),
    (b"\x87\x89\xf2\xeb", BIG_BED, "turn it into text: `bigBedToBed FILE FILE.bed`"),
    (b"\x43\x27\x41\x1a", TWO_BIT, "turn it into FASTA: `twoBitToFa FILE FILE.fa`"),
    (b"\x1a\x41\x27\x43", TWO_BIT, "turn it into FASTA: `twoBitToFa FILE FILE.fa`"),
    (b"BAM\x01", "a BAM file, aligned reads", "name the peaks called from them (`macs3 callpeak -t FILE ...`)"),
    (b"CRAM", "a CRAM file, aligned reads", "name the peaks called from them"),
    (b"BCF\x02", "a BCF file, variants", "turn it into text: `bcftools view FILE`"),
    (b"TBI\x01", "a tabix index", "name the file beside it, without .tbi"),
    (b"BAI\x01", "an index of a BAM file", DATA_CURE),
    (b"SQLite format 3", "an SQLite database", "name a text file"),
    (b"\x93NUMPY", "a numpy array", "name a text file"),
    (b"PAR1", "a Parquet table", "write it as tab-separated text and name that file"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "write it as UTF-8: `iconv -f UTF-32 -t UTF-8 FILE > FILE.utf8`"),
    (b"\xff\xfe", UTF_16, UTF_16_CURE),
    (b"\xfe\xff", UTF_16, UTF_16_CURE),
)
# The same for text that is none of ours; blanks before it and capitals do not matter.
WORDS = (
    (rb"<!doctype html|<html|<head", "an HTML page", DOWNLOAD_CURE),
    (rb"<\?xml|<error>", "XML", DOWNLOAD_CURE),
    (rb"\{\s*\"(message|error|status|detail)", "a server's answer in JSON", DOWNLOAD_CURE),
    (rb"version https://git-lfs\.github\.com", "a pointer of Git LFS", "fetch what it stands for: `git lfs pull`"),
    (
        rb"(\.\./)*\.git/annex/|/annex/objects/",
        "a pointer of git-annex",
        "fetch what it stands for: `git annex get FILE`",
    ),
)


def foreign_kind(head):
    """What a file is that is not what this workflow reads, by its first bytes.

    Parameters
    ----------
    head : bytes
        The first kilobyte.

    Returns
    -------
    tuple of (str, str) or None
        What it is, and what to do about it; None for what may be text.
    """
    for magic, kind, cure in MAGIC:
        if head.startswith(magic):
            if kind == "a zip archive" and re.search(rb"\[Content_Types\]|_rels/|mimetypeapplication/vnd", head):
                return "a workbook of a spreadsheet", SHEET_CURE
            return kind, cure
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it: `tar -xf FILE`"
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    for pattern, kind, cure in WORDS:
        if re.match(pattern, start):
            return kind, cure
    zeros = [head[first::2].count(0) for first in (0, 1)]
    if sum(zeros) * 4 > len(head) and min(zeros) == 0:  # a zero beside every letter, and no byte order mark
        byte_order = "LE" if zeros[1] else "BE"
        return UTF_16, UTF_16_CURE.replace("UTF-16", f"UTF-16{byte_order}")
    return None
