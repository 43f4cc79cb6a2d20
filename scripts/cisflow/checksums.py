"""Checksums of the files that a run starts from."""

import hashlib
import os

from cisflow.messages import InputError


def sha256_of(path):
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_sha256(path, accepted, name):
    """Refuse a file that is not one of the accepted copies.

    Parameters
    ----------
    path : str or Path
    accepted : sequence of str
        Checksums of equally good copies; nothing is checked if it is empty.
    name : str
        What to call the file in the message.

    Raises
    ------
    InputError
        If the checksum is none of them.
    """
    if not accepted:
        return
    if os.path.exists(path) and not os.path.isfile(path):  # a named pipe would be waited for without end
        raise InputError(f"{name} is no file", "found a folder, a pipe or a device, expected a file", "mend the path")
    found = sha256_of(path)
    if found not in accepted:
        size = os.path.getsize(path)
        raise InputError(
            f"{name} is not the file that the configuration names",
            f"found sha256 {found} ({size:,} bytes), expected {' or '.join(accepted)}",
            "if the file was changed at its source and you trust the new one, write its sha256 into the configuration; "
            "otherwise fetch it from a better source",
        )
