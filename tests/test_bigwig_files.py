"""bigWig files: whole ones of the genome's assembly pass, and everything else is refused, with the reason.

The files are written by pyBigWig, and damaged byte by byte.
"""

import gzip
import os
import re
import struct

import pyBigWig
import pytest

from cisflow.bigwig_files import check_bigwig, check_format
from cisflow.messages import InputError

SIZES = {"chr2": 3000, "chr10": 2000, "chrM": 100}


def written(path, sizes):
    """Write a bigWig with a value of 1.5 on ten bases of every chromosome; gives its path as text."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(sizes.items()))
        for chrom in sizes:
            bigwig.addEntries([chrom], [20], ends=[30], values=[1.5])
    return str(path)


@pytest.fixture
def good(tmp_path):
    """A whole bigWig of the genome `SIZES`."""
    return written(tmp_path / "good.bw", SIZES)


@pytest.fixture
def refused(tmp_path):
    """Write bytes to a file and give the InputError for it."""

    def refuse(content, name="bad.bw"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            check_bigwig(path, SIZES, {})
        assert str(path) in caught.value.what
        return caught.value

    return refuse


def bytes_of(path):
    with open(path, "rb") as handle:
        return handle.read()


# --- whole files ------------------------------------------------------------------------------------------------------


def test_a_whole_file_gives_its_names_in_the_order_of_the_genome(good):
    assert list(check_bigwig(good, SIZES, {}).items()) == [(name, name) for name in SIZES]


def test_what_only_one_of_the_two_has_is_left_out(tmp_path):
    path = written(tmp_path / "a.bw", {"chr10": 2000, "chrUn": 50})
    assert check_bigwig(path, SIZES, {}) == {"chr10": "chr10"}


def test_aliases_stand_for_names_that_the_genome_lacks(tmp_path):
    path = written(tmp_path / "a.bw", {"2": 3000, "chrX": 2000, "chrM": 100})
    assert check_bigwig(path, SIZES, {"2": "chr2", "chrX": "chr10", "chrM": "chr2"}) == {
        "chr2": "2",
        "chr10": "chrX",
        "chrM": "chrM",
    }


def test_the_real_file_passes(shared_data):
    lines = (shared_data / "yeast" / "sacCer3.chrom.sizes").read_text().splitlines()
    sizes = {name: int(length) for name, length in (line.split() for line in lines)}
    path = shared_data / "yeast" / "atac_SRR1822137_500k_fragments.bw"
    assert check_bigwig(path, sizes, {}) == {name: name for name in sizes}


# --- other genomes ----------------------------------------------------------------------------------------------------


def test_every_chromosome_of_another_length_is_told(tmp_path):
    sizes = {f"chr{number}": 1000 + number for number in range(14)}
    path = written(tmp_path / "a.bw", {name: length + (name != "chr3") for name, length in sizes.items()})
    with pytest.raises(InputError, match="another assembly: 13 chromosome") as caught:
        check_bigwig(path, sizes, {})
    assert "chr0: 1,000 bases in the genome, 1,001 in the bigWig" in caught.value.what
    assert caught.value.what.count("in the bigWig") == 10
    assert "and 3 more" in caught.value.what
    assert "1 other chromosome(s)" in caught.value.why


def test_an_alias_of_another_length_is_another_assembly(tmp_path):
    path = written(tmp_path / "a.bw", {"2": 2999, "chrM": 100})
    with pytest.raises(InputError, match="chr2: 3,000 bases in the genome, 2,999 in the bigWig"):
        check_bigwig(path, SIZES, {"2": "chr2"})


def test_no_common_chromosome_names_both_sides_and_the_table_to_write(tmp_path):
    path = written(tmp_path / "a.bw", {"2": 3000, "10": 2000})
    with pytest.raises(InputError, match="none of its chromosomes is in the genome") as caught:
        check_bigwig(path, SIZES, {})
    assert "found 2, 10; the genome has chr2, chr10, chrM" in caught.value.why
    assert "aliases" in caught.value.fix
    assert "2 chr2" in caught.value.fix


def test_one_chromosome_under_two_names_is_refused(tmp_path):
    path = written(tmp_path / "a.bw", {"MT": 100, "chrM": 100})
    with pytest.raises(InputError, match="under two names") as caught:
        check_bigwig(path, SIZES, {"MT": "chrM"})
    assert "MT and chrM for chrM" in caught.value.why


# --- no bigWigs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x26", "is no bigWig"),
        (b"chr2\t20\t30\t1.5\n" * 20, "bedGraphToBigWig"),
        (b"track type=wiggle_0\nfixedStep chrom=chr2 start=21 step=1\n1.5\n", "is no bigWig"),
        (b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>", "HTML"),
        (b"PK\x03\x04" + bytes(80), "a zip archive.*unzip"),
        (b"BAM\x01" + bytes(80), "a BAM file.*bamCoverage"),
        (b"\xeb\xf2\x89\x87" + bytes(80), "a bigBed, which holds intervals"),
        (b"\x87\x89\xf2\xeb" + bytes(80), "a bigBed, which holds intervals"),
        (b"\x88\x8f\xfc\x26" + bytes(80), "of the other byte order"),
        (b"\x26\xfc\x8f\x88", "is cut short"),  # the magic at both ends
        (b"\x26\xfc\x8f\x88" + bytes(59), "is cut short"),
        (b"\x26\xfc\x8f\x88" + bytes(60), "is cut short"),
        (b"\x26\xfc\x8f\x88" + bytes(60) + b"\x26\xfc\x8f\x88", "holds no data"),
        (b"\x26\xfc\x8f\x88" + b"\xff" * 60 + b"\x26\xfc\x8f\x88", "is damaged"),
        (bytes(200), "is no bigWig"),
    ],
)
def test_what_is_no_bigwig_is_named_for_what_it_is(content, message, refused):
    error = refused(content)
    assert re.search(message, f"{error.what}\n{error.why}\n{error.fix}", flags=re.DOTALL), error


def test_a_gzipped_bigwig_is_told_to_be_unpacked(good, refused):
    error = refused(gzip.compress(bytes_of(good)), "good.bw.gz")
    assert "compressed by gzip" in error.why
    assert error.fix.startswith("unpack it: `gunzip -c")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.bw", "http://example.org/a.bw", "ftp://example.org/a.bw", "s3://bucket/a.bw"]
)
def test_an_address_is_refused_before_anything_is_fetched(address):
    with pytest.raises(InputError, match="is an address"):
        check_bigwig(address, SIZES, {})


def test_a_folder_a_pipe_and_nothing_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.bw")  # opening it would wait for ever
    for path, message in [
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.bw", "is a named pipe"),
        (tmp_path / "none.bw", "cannot be opened"),
        (tmp_path / "none.bw" / "a.bw", "cannot be opened"),
    ]:
        with pytest.raises(InputError, match=message):
            check_bigwig(path, SIZES, {})


# --- files that are not whole -----------------------------------------------------------------------------------------


def test_a_header_without_data_is_refused(tmp_path):
    # pyBigWig writes this file, and dies by a signal when it opens it.
    path = tmp_path / "header.bw"
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(SIZES.items()))
    with pytest.raises(InputError, match="holds no data"):
        check_bigwig(path, SIZES, {})


def test_an_index_of_no_blocks_is_no_data(good, refused):
    content = bytearray(bytes_of(good))
    (index,) = struct.unpack_from("<Q", content, 24)
    struct.pack_into("<Q", content, index + 8, 0)
    assert "holds no data" in refused(bytes(content)).what


def test_a_file_cut_short_anywhere_is_refused(good, refused):
    content = bytes_of(good)
    for length in range(len(content)):
        assert re.search("is empty|is no bigWig|is cut short", refused(content[:length]).what), length


def test_bytes_after_the_end_are_refused(good, refused):
    # Two downloads into one file, or a page of a server at its end.
    assert "is cut short" in refused(bytes_of(good) + b"\n").what


@pytest.mark.parametrize("field", [8, 24])  # where the chromosomes and the index stand
@pytest.mark.parametrize("offset", [1, 64, 1 << 20, (1 << 63) + 5, (1 << 64) - 1])
def test_a_header_that_points_elsewhere_is_damage(field, offset, good, refused):
    content = bytearray(bytes_of(good))
    struct.pack_into("<Q", content, field, offset)
    assert "is damaged" in refused(bytes(content)).what


def test_a_tree_of_chromosomes_that_contradicts_itself_is_damage(good, refused):
    content = bytearray(bytes_of(good))
    (chromosomes,) = struct.unpack_from("<Q", content, 8)
    struct.pack_into("<I", content, chromosomes + 8, 1 << 30)  # bytes of a name
    assert "is damaged" in refused(bytes(content)).what


def test_only_the_format_is_asked_of_a_file_of_another_genome(tmp_path):
    check_format(written(tmp_path / "a.bw", {"other": 77}))
