"""Reading text files, plain, gzip or bgzip, and telling by its line every mistake of a file.

What a file is, is asked of its first bytes, never of its name. What is no text is named for what it is, with what turns
it into text; what is cut short, damaged or of another encoding is refused with the line where that shows.
"""

import gzip
import os
import re
import stat
import zlib

from cisflow.file_kinds import BYTE_ORDER_MARK, foreign_kind
from cisflow.messages import InputError

MAX_TOLD = 10  # mistakes of one file that are told one by one
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")  # what int64 holds; int() alone would take 1_000 and superscripts
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")  # float() takes 1_0, nan and inf, too
READ_ERRORS = (OSError, EOFError, zlib.error)  # what reading a file, plain or gzip, may raise half way through it
HEAD = 1024  # bytes of a file (of what a gzip file holds, too) by which it is recognised
AT_ONCE = 1 << 20
BGZIP_HEAD = b"\x1f\x8b\x08\x04"
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
STRAY = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ufeff]")  # control characters other than tab and line ends

SPECIAL_FILES = (
    (stat.S_ISDIR, "a folder", "name a file in it"),
    (
        stat.S_ISFIFO,
        "a named pipe",
        "write what comes out of it to a file, and name that file: it is read more than once",
    ),
    (stat.S_ISSOCK, "a socket", "name a file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device", "name a file"),
)


def cannot_read(path, error, number):
    """The InputError for a file whose reading broke off.

    Parameters
    ----------
    path : str or Path
    error : BaseException
        One of `READ_ERRORS`.
    number : int
        Lines read until then.
    """
    found, fix = str(error), f"fetch it again; `gzip -t {path}` tells whether it is whole"
    if isinstance(error, EOFError):
        found = "the end of the file within compressed data: it is cut short"
    elif isinstance(error, gzip.BadGzipFile) and found.startswith("Not a gzipped file"):
        found = "something else behind the compressed data"
        fix = f"fetch it again; `gunzip -c {path} > NEW_FILE` keeps the part that can be read"
    elif isinstance(error, gzip.BadGzipFile):
        found = f"damaged compressed data ({error})"
    elif isinstance(error, zlib.error):
        found = "damaged compressed data"
    return InputError(
        f"{path} cannot be read to its end", f"found {found}, after line {number}; expected text, plain or gzip", fix
    )


def open_binary(path, cures=None):
    """Open a file that should hold text, plain, gzip or bgzip, for reading its bytes.

    Parameters
    ----------
    path : str or Path
    cures : dict of str -> str, optional
        What to do about a kind of `foreign_kind`, where the reader knows better.

    Returns
    -------
    binary file object
        It gives what a compressed file holds. Reading it may raise `READ_ERRORS`: see `cannot_read`.

    Raises
    ------
    InputError
        If there is no such file, or it is a folder, a pipe or a device (which is not opened, so that nothing hangs), or
        what `foreign_kind` recognises, or bgzip without its last block.
    """
    try:
        mode = os.stat(path).st_mode
        for is_kind, kind, cure in SPECIAL_FILES:
            if is_kind(mode):
                raise InputError(f"{path} is {kind}", f"found {kind}, expected a file with text, plain or gzip", cure)
        with open(path, "rb") as handle:
            head = handle.read(HEAD)
            if head.startswith(BGZIP_HEAD) and head[12:14] == b"BC":
                handle.seek(max(0, handle.seek(0, os.SEEK_END) - len(BGZIP_END)))
                if handle.read() != BGZIP_END:
                    raise InputError(
                        f"{path} is cut short",
                        "found bgzip without the empty block that ends it, expected a whole file",
                        f"fetch it again; `gunzip -c {path} | bgzip > NEW_FILE` where it is known to be whole",
                    )
    except OSError as error:
        kind = f"a link to {os.readlink(path)}" if os.path.islink(path) else "a path"
        raise InputError(
            f"{path} cannot be opened",
            f"found {kind}: {error.strerror or error}; expected a file that may be read",
            "correct the path (it counts from the folder in which snakemake runs), or its permissions (`chmod u+r`)",
        ) from error
    zipped = head.startswith(b"\x1f\x8b")
    if zipped:
        try:
            with gzip.open(path) as handle:
                head = handle.read(HEAD)
        except READ_ERRORS as error:
            raise cannot_read(path, error, 0) from error
    found = foreign_kind(head)
    if found:
        kind, cure = found
        raise InputError(
            f"{path} is {kind}",
            f"found {head[:24]!r} at the start{' of what it holds' if zipped else ''}, expected text, plain or gzip",
            (cures or {}).get(kind, cure).replace("FILE", str(path)),
        )
    return gzip.open(path) if zipped else open(path, "rb")


def text_lines(path, wanted=None, cures=None, max_lines=None):
    """All lines of a text file, without their ends.

    A byte order mark of UTF-8, the line ends of Windows and (where a file has no others) of the old Mac are accepted.

    Parameters
    ----------
    path : str or Path
        Plain, gzip or bgzip.
    wanted : str, optional
        What the file should hold: a file without any text is refused then.
    cures : dict, optional
        See `open_binary`.
    max_lines : int, optional
        Read no more than so many lines, for a look at the start of a file.

    Returns
    -------
    list of str
        The line with index i is line i + 1 of the file.

    Raises
    ------
    InputError
        If the file is no text in UTF-8, cannot be read to its end, or holds what no text has (zero bytes, control
        characters, a carriage return within a line).
    """
    parts, ends = [], 0
    with open_binary(path, cures) as handle:
        try:
            while (max_lines is None or ends <= max_lines) and (part := handle.read1(AT_ONCE)):
                parts.append(part)
                ends += part.count(b"\n") or part.count(b"\r")
        except READ_ERRORS as error:
            raise cannot_read(path, error, ends) from error
        whole = max_lines is None or not handle.read(1)
    content = b"".join(parts).removeprefix(BYTE_ORDER_MARK)
    if not whole:  # the last line may be cut within a character
        content = content[: content.rfind(b"\n" if b"\n" in content else b"\r") + 1]
    if wanted and not content.strip():
        raise InputError(
            f"{path} is empty",
            f"found {'no bytes' if not content else 'blank lines'}, expected {wanted}",
            "fetch it again (a download that failed leaves an empty file), or name another",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        binary = STRAY.search(content[:AT_ONCE].decode("latin-1")) is not None
        raise InputError(
            f"{path}, line {number}: {'binary data' if binary else 'a character that is not UTF-8'}",
            f"found the byte {content[error.start : error.start + 1].hex()} after "
            f"{content[max(0, error.start - 20) : error.start]!r}, expected text in UTF-8, plain or gzip",
            "name a text file"
            if binary
            else f"write it as UTF-8: `iconv -f ISO-8859-1 -t UTF-8 {path} > NEW_FILE`, or mend the character",
        ) from error
    # Carriage returns: at the end of lines, or in place of all line ends; within a line they may hide half of it.
    if "\r" in text:
        text = re.sub(r"\r+(?=\n|\Z)", "", text) if "\n" in text else text.replace("\r", "\n")
        position = text.find("\r")
        if position >= 0:
            raise InputError(
                f"{path}, line {text.count(chr(10), 0, position) + 1}: a carriage return within the line",
                f"found {text[max(0, position - 20) : position + 20]!r}, expected line ends of one kind",
                f"make them line feeds: `tr '\\r' '\\n' < {path} > NEW_FILE`",
            )
    stray = STRAY.search(text)
    if stray:
        number = text.count("\n", 0, stray.start()) + 1
        raise InputError(
            f"{path}, line {number}: {'a zero byte' if stray[0] == chr(0) else 'a control character'}",
            f"found {text[max(0, stray.start() - 20) : stray.start() + 20]!r}, expected text",
            "fetch it again (zero bytes are what a full disk or a crash leaves), or name a text file",
        )
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines if max_lines is None else lines[:max_lines]


def numbered_lines(path):
    """Lines of a text file, plain or gzip, with their numbers from 1, without line ends.

    Raises
    ------
    InputError
        As `text_lines`.
    """
    return enumerate(text_lines(path), start=1)


def raise_all(path, mistakes, expected, fix):
    """Raise one InputError for all mistakes of a file, each a pair of line number and text; nothing without any."""
    if not mistakes:
        return
    told = "\n".join(f"line {number}: {text}" for number, text in mistakes[:MAX_TOLD])
    more = f"\n... and {len(mistakes) - MAX_TOLD} more" if len(mistakes) > MAX_TOLD else ""
    raise InputError(f"{path}: {len(mistakes)} bad line(s)\n{told}{more}", f"expected {expected}", fix)
