"""Downloads that are what they are said to be: a URL, a checksum, and no partial file."""

import ftplib
from pathlib import Path
from urllib.error import URLError

import pooch
import requests

from cisflow.checksums import check_sha256
from cisflow.messages import InputError


def mirrored(url, mirrors):
    """The address to ask: `url` with the longest beginning that `mirrors` names replaced.

    Parameters
    ----------
    url : str
    mirrors : dict of str -> str
        Beginning of a URL -> what to put in its place.

    Returns
    -------
    str
    """
    for beginning in sorted(mirrors, key=len, reverse=True):
        if url.startswith(beginning):
            return mirrors[beginning] + url[len(beginning) :]
    return url


def download(url, accepted, output, mirrors):
    """Download a file, check it, and only then put it in its place.

    Parameters
    ----------
    url : str
    accepted : sequence of str
        SHA-256 checksums of equally good copies.
    output : str or Path
    mirrors : dict of str -> str
        See `mirrored`.

    Raises
    ------
    InputError
        If the address does not answer, or sends another file.
    """
    output = Path(output)
    address = mirrored(url, mirrors)
    if not address.startswith(("http://", "https://", "ftp://")):
        raise InputError(
            f"{address} cannot be downloaded",
            f"it stands for {url} and begins with no protocol that cisflow speaks, expected http://, https:// or ftp://",
            "mend `mirrors`; name a file on this machine by its path where the URL stands",
        )
    partial = output.with_name(output.name + ".partial")
    partial.unlink(missing_ok=True)  # of a killed job; pooch would take it for the download
    print(f"downloading {address}", flush=True)
    try:
        pooch.retrieve(
            address,
            known_hash=None,
            fname=partial.name,
            path=partial.parent,
            downloader=pooch.HTTPDownloader(timeout=60) if address.startswith("http") else None,
        )
        check_sha256(partial, accepted, address)
    except (requests.RequestException, URLError, OSError, EOFError, ftplib.Error) as error:
        raise InputError(
            f"{address} could not be downloaded",
            " ".join(str(error).split()),
            "check the address and the network (is a proxy needed?); or download the file by other means and name its "
            "path in the configuration; or name a mirror under `mirrors`",
        ) from error
    else:
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    print(f"{output}: {output.stat().st_size:,} bytes, sha256 {'as expected' if accepted else 'not checked'}")
