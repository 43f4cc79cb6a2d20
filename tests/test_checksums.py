"""Checksums against coreutils and hashlib."""

import hashlib
import shutil
import subprocess

import pytest

from cisflow.checksums import check_sha256, sha256_of
from cisflow.messages import InputError


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "example.bin"
    path.write_bytes(bytes(range(256)) * 9_000)
    return path


def test_the_published_checksum_of_nothing_and_of_abc(tmp_path):
    # FIPS 180-2, appendix B.1.
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "nothing").write_bytes(b"")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "nothing") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum of GNU coreutils")
def test_the_checksum_is_that_of_sha256sum(example):
    done = subprocess.run(["sha256sum", str(example)], capture_output=True, text=True, check=True)
    assert sha256_of(example) == done.stdout.split()[0]


def test_any_of_the_accepted_copies_passes(example):
    right = hashlib.sha256(example.read_bytes()).hexdigest()
    check_sha256(example, [right], "x")
    check_sha256(example, ["0" * 64, right], "x")
    check_sha256(example, [], "x")


def test_another_file_is_refused_with_both_checksums_and_the_size(example):
    right = hashlib.sha256(example.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="the genome is not the file") as caught:
        check_sha256(example, ["0" * 64, "1" * 64], "the genome")
    for told in (right, f"{256 * 9_000:,} bytes", "0" * 64, "1" * 64):
        assert told in caught.value.why
    assert right not in caught.value.fix


def test_one_changed_byte_is_another_file(example):
    right = hashlib.sha256(example.read_bytes()).hexdigest()
    content = bytearray(example.read_bytes())
    content[1234] ^= 1
    example.write_bytes(bytes(content))
    with pytest.raises(InputError):
        check_sha256(example, [right], "x")
