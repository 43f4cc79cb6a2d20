"""Text files: what is no text is named for what it is and never read as something else; what is text is read whole."""

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import threading
import zipfile
import zlib

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.messages import InputError
from cisflow.text_files import MAX_TOLD, READ_ERRORS, numbered_lines, open_binary, raise_all, text_lines

TEXT = "chr1\t1\t5\tone\nchr2\t7\t9\ttwo\n"
PLAIN = TEXT.encode()
LINES = ["chr1\t1\t5\tone", "chr2\t7\t9\ttwo"]
LONG = b"".join(b"chr1\t%d\t%d\n" % (start, start + 7) for start in range(5000))


def zipped(name, content):
    """A zip archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def tarred(content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("peaks.bed")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def bgzipped(folder, content):
    """What bgzip makes of some bytes."""
    (folder / "plain").write_bytes(content)
    pysam.tabix_compress(str(folder / "plain"), str(folder / "plain.gz"), force=True)
    return (folder / "plain.gz").read_bytes()


def damaged(content):
    """Compressed data with one byte changed in its middle."""
    content = bytearray(content)
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def wrong_checksum(content):
    return content[:-8] + bytes(byte ^ 0xFF for byte in content[-8:-4]) + content[-4:]


# Content -> words that the message must hold. Names say nothing of the content.
NO_TEXT = {
    "zip": ("a.bed", zipped("a.bed", TEXT), ["zip archive", "unzip"]),
    "zip called gz": ("a.bed.gz", zipped("a.bed", TEXT), ["zip archive", "unzip"]),
    "empty zip": ("a.zip", b"PK\x05\x06" + bytes(18), ["empty zip archive"]),
    "xlsx": ("a.bed", zipped("[Content_Types].xml", "<Types/>"), ["workbook of a spreadsheet", "tab-separated"]),
    "ods": ("a.tsv", zipped("mimetype", "application/vnd.oasis"), ["workbook of a spreadsheet", "tab-separated"]),
    "xls": ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500), ["Excel workbook", "tab-separated"]),
    "bzip2": ("a.bed.bz2", bz2.compress(PLAIN), ["bzip2", "bunzip2"]),
    "bzip2 called gz": ("a.bed.gz", bz2.compress(PLAIN), ["bzip2", "bunzip2"]),
    "xz": ("a.bed", lzma.compress(PLAIN), ["xz", "unxz"]),
    "zstd": ("a.bed.gz", bytes.fromhex("28b52ffd041059010063") + b"x" * 40, ["zstd", "unzstd"]),
    "gzip twice": ("a.bed.gz", gzip.compress(gzip.compress(PLAIN)), ["twice by gzip", "gunzip"]),
    "zip within gzip": ("a.bed.gz", gzip.compress(zipped("a.bed", TEXT)), ["zip archive", "start of what it holds"]),
    "tar": ("a.bed", tarred(PLAIN), ["tar archive", "tar -xf"]),
    "tar.gz": ("a.tar.gz", gzip.compress(tarred(PLAIN)), ["tar archive", "tar -xf"]),
    "bigWig": ("a.bed", bytes.fromhex("26fc8f880400") + bytes(90), ["bigWig", "call peaks"]),
    "bigBed": ("a.bed", bytes.fromhex("ebf289870400") + bytes(90), ["bigBed", "bigBedToBed"]),
    "bigBed of the other byte order": ("a.bed", bytes.fromhex("8789f2eb0004") + bytes(90), ["bigBed"]),
    "2bit": ("a.fa", bytes.fromhex("4327411a00000000") + bytes(90), ["2bit", "twoBitToFa"]),
    "BAM": ("a.bed", gzip.compress(b"BAM\x01" + bytes(90)), ["BAM", "reads"]),
    "HDF5": ("a.bed", b"\x89HDF\r\n\x1a\n" + bytes(90), ["HDF5"]),
    "HTML": ("a.bed", b"\n<!DOCTYPE html>\n<html><body>404</body></html>\n", ["HTML page", "raw"]),
    "HTML in capitals": ("a.bed", b"<HTML>\n<HEAD>\n", ["HTML page"]),
    "HTML within gzip": ("a.bed.gz", gzip.compress(b"<html lang='en'>\n"), ["HTML page"]),
    "XML": ("a.bed", b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>\n", ["XML"]),
    "JSON": ("a.bed", b'{"message": "Not Found"}\n', ["JSON"]),
    "Git LFS": ("a.bed", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", ["git lfs pull"]),
    "git-annex": ("a.bed", b"/annex/objects/SHA256E-s5--0.bed\n", ["git annex get"]),
    "UTF-16": ("a.bed", TEXT.encode("utf-16"), ["UTF-16", "iconv -f UTF-16"]),
    "UTF-16 without mark": ("a.bed", TEXT.encode("utf-16-le"), ["UTF-16", "iconv -f UTF-16LE"]),
    "UTF-16 of the other byte order": ("a.bed", TEXT.encode("utf-16-be"), ["UTF-16", "iconv -f UTF-16BE"]),
    "UTF-32": ("a.bed", TEXT.encode("utf-32"), ["UTF-32", "iconv -f UTF-32"]),
    "latin-1": ("a.bed", PLAIN + "chr1\t5\t6\tSu\u00e9\n".encode("latin-1"), ["line 3", "UTF-8", "e9", "iconv"]),
    "noise": ("a.bed", bytes(range(128, 256)) * 5, ["line 1", "UTF-8"]),
    "binary": ("a.bed", b"chr1\t1\t5\n\x01\x02\xfe\xff\x80\n", ["line 2", "binary data", "text file"]),
    "a zero byte": ("a.bed", b"chr1\t1\t5\nchr1\t5\t6\x00\n", ["line 2", "zero byte", "fetch it again"]),
    "zero bytes at the end": ("a.bed", PLAIN + bytes(4096), ["line 3", "zero byte", "full disk"]),
    "a control character": ("a.bed", b"chr1\t1\t5\n\nchr1\x07\t5\t6\n", ["line 3", "control character"]),
    "a byte order mark within": ("a.bed", PLAIN + b"\xef\xbb\xbf" + PLAIN, ["line 3", "control character"]),
    "a carriage return within": (
        "a.bed",
        b"chr1\t1\t5\nchr1\t5\t6\rchr1\t8\t9\n",
        ["line 2", "carriage return", "tr "],
    ),
    "gzip cut short": ("a.bed.gz", gzip.compress(LONG)[:-30], ["cannot be read to its end", "cut short", "gzip -t"]),
    "gzip cut at its head": ("a.bed.gz", gzip.compress(LONG)[:9], ["cannot be read to its end", "after line 0"]),
    "no gzip behind its magic": ("a.bed.gz", b"\x1f\x8bnot gzip at all", ["cannot be read to its end", "damaged"]),
    "a wrong checksum": ("a.bed.gz", wrong_checksum(gzip.compress(LONG)), ["cannot be read", "CRC", "line 5000"]),
    "a damaged block": ("a.bed.gz", damaged(gzip.compress(os.urandom(9000).hex().encode())), ["cannot be read"]),
    "garbage behind gzip": ("a.bed.gz", gzip.compress(LONG) + b"<html>sorry", ["something else behind", "line 5000"]),
}


@pytest.mark.parametrize("case", list(NO_TEXT))
def test_what_is_no_text_is_named_with_its_cure(case, tmp_path):
    name, content, words = NO_TEXT[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        text_lines(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert caught.value.why
    assert caught.value.fix
    assert "FILE " not in caught.value.fix.replace("NEW_FILE", "")  # every command names the file
    assert len(str(caught.value).replace(str(path), "")) < 600


def test_bgzip_without_its_last_block_is_cut_short(tmp_path):
    # gunzip reads it without a word: the blocks themselves are whole.
    path = tmp_path / "a.bed.gz"
    whole = bgzipped(tmp_path, LONG)
    path.write_bytes(whole[:-28])
    assert gzip.decompress(path.read_bytes()) == LONG
    with pytest.raises(InputError, match="is cut short"):
        text_lines(path)
    path.write_bytes(whole)
    assert len(text_lines(path)) == 5000


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    path = tmp_path / "peaks.fifo"
    os.mkfifo(path)
    outcome = []

    def read():
        try:
            text_lines(path)
        except InputError as error:
            outcome.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=10)
    assert outcome, "the pipe was opened"
    assert "named pipe" in outcome[0].what
    assert "write what comes out of it to a file" in outcome[0].fix


def test_folders_devices_sockets_and_missing_files_are_refused(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
        listening.bind("s")
        (tmp_path / "broken").symlink_to("nowhere.bed")
        for path, words in (
            (tmp_path, ["is a folder", "name a file in it"]),
            ("/dev/null", ["is a device"]),
            ("s", ["is a socket"]),
            (tmp_path / "none.bed", ["cannot be opened", "No such file", "correct the path"]),
            (tmp_path / "broken", ["a link to nowhere.bed", "No such file"]),
        ):
            with pytest.raises(InputError) as caught:
                text_lines(path)
            for word in [str(path), *words]:
                assert word in str(caught.value)


def test_an_empty_file_is_refused_where_something_is_wanted(tmp_path):
    path = tmp_path / "a.tsv"
    for content, found in ((b"", "no bytes"), (b"\n \r\n", "blank lines"), (gzip.compress(b""), "no bytes")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.tsv is empty[\s\S]*{found}[\s\S]*expected a table"):
            text_lines(path, wanted="a table")
        assert "".join(text_lines(path)).strip() == ""


def test_a_reader_may_know_a_better_cure(tmp_path):
    path = tmp_path / "a.meme"
    path.write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"FIX  name meme\.txt"):
        text_lines(path, cures={"an HTML page": "name meme.txt"})


# --- what is text -----------------------------------------------------------------------------------------------------

SPELLINGS = {
    "plain": PLAIN,
    "no last line end": PLAIN.rstrip(),
    "Windows": PLAIN.replace(b"\n", b"\r\n"),
    "Windows twice": PLAIN.replace(b"\n", b"\r\r\n"),
    "old Mac": PLAIN.replace(b"\n", b"\r"),
    "Windows and Unix": b"chr1\t1\t5\tone\r\nchr2\t7\t9\ttwo\n",
    "Unix and Windows": b"chr1\t1\t5\tone\nchr2\t7\t9\ttwo\r\n",
    "Windows, cut within a line end": b"chr1\t1\t5\tone\r\nchr2\t7\t9\ttwo\r",
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "gzip": gzip.compress(PLAIN),
    "gzip in two parts": gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:]),
    "gzip with zeros behind it": gzip.compress(PLAIN) + bytes(512),  # padding of tapes, which gunzip passes over
    "gzip of Windows with a mark": gzip.compress(b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n")),
}


@pytest.mark.parametrize("name", ["a.bed", "a.bed.gz", "a.zip"])
@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_is_read_whatever_its_name(spelling, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(SPELLINGS[spelling])
    assert text_lines(path) == LINES
    assert text_lines(str(path)) == LINES
    assert list(numbered_lines(path)) == [(1, LINES[0]), (2, LINES[1])]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "a.bed").write_bytes(PLAIN)
    (tmp_path / "link").symlink_to(tmp_path / "a.bed")
    assert text_lines(tmp_path / "link") == LINES


def test_lines_end_at_line_ends_alone(tmp_path):
    # str.splitlines would end lines at these, too.
    text = "a\u2028b\u0085c\nd\u2029e"
    (tmp_path / "a").write_text(text, encoding="utf-8")
    assert text_lines(tmp_path / "a") == text.split("\n")


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.text(st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters="\ufeff"), max_size=9)
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    compressed=st.booleans(),
)
def test_lines_come_back_as_they_were_written(tmp_path_factory, lines, end, compressed):
    path = tmp_path_factory.mktemp("lines") / "x"
    content = ("A\n".replace("\n", end) + "".join(line + end for line in lines)).encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert text_lines(path) == ["A", *lines]


@pytest.mark.parametrize("number", [0, 1, 2, 4999, 5000, 6000])
def test_the_first_lines_alone(number, tmp_path):
    path = tmp_path / "a.bed"
    expected = LONG.decode().splitlines()[:number]
    for content in (LONG, gzip.compress(LONG), LONG.replace(b"\n", b"\r\n"), LONG.replace(b"\n", b"\r")):
        path.write_bytes(content)
        assert text_lines(path, max_lines=number) == expected


def test_the_first_lines_of_a_long_file_are_read_without_the_others(tmp_path):
    # The rest is damaged, which a look at the start does not see; and a character may be cut where reading ends.
    path = tmp_path / "a.bed"
    path.write_bytes("chr1\t1\t5\t\u00e9\u00e9\u00e9\n".encode() * 300_000 + b"\xff\n")
    assert text_lines(path, max_lines=3) == ["chr1\t1\t5\t\u00e9\u00e9\u00e9"] * 3
    with pytest.raises(InputError, match="line 300001"):
        text_lines(path)


def test_bytes_of_a_broken_file_raise_what_is_announced(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(LONG)[:-30])
    with open_binary(path) as handle, pytest.raises(READ_ERRORS):
        handle.read()
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(path.read_bytes())


def test_mistakes_are_counted_and_the_first_told():
    raise_all("a.bed", [], "x", "y")
    with pytest.raises(InputError) as caught:
        raise_all("a.bed", [(number, "bad") for number in range(1, 31)], "x", "y")
    told = caught.value.what.splitlines()
    assert told[0] == "a.bed: 30 bad line(s)"
    assert told[1:-1] == [f"line {number}: bad" for number in range(1, MAX_TOLD + 1)]
    assert told[-1] == f"... and {30 - MAX_TOLD} more"
    assert (caught.value.why, caught.value.fix) == ("expected x", "y")
