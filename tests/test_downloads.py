"""Downloads from a server on this machine: the right file, or an error and nothing in its place."""

import ftplib
import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest

from cisflow.downloads import download, mirrored
from cisflow.messages import InputError

CONTENT = np.random.default_rng(1).integers(0, 256, size=300_000, dtype=np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves one file, a redirection to it, a part of it, and errors."""

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.asked.append(self.path)
        if path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/data/genome.fa.gz")
            self.end_headers()
        elif path in ("/data/genome.fa.gz", "/mirror/genome.fa.gz", "/short", "/other"):
            body = CONTENT if path != "/other" else b"<html>Please log in</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if path == "/short" else body)
        else:
            self.send_error(500 if path == "/broken" else 404)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def running_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running_server.asked = []
    running_server.url = f"http://127.0.0.1:{running_server.server_address[1]}"
    return running_server


@pytest.mark.parametrize("path", ["/data/genome.fa.gz", "/moved", "/data/genome.fa.gz?version=2&x=y"])
def test_the_right_file_comes_whole_and_alone(path, server, tmp_path):
    output = tmp_path / "new" / "genome.fa.gz"
    download(server.url + path, [SHA256], output, {})
    assert output.read_bytes() == CONTENT
    assert [entry.name for entry in output.parent.iterdir()] == [output.name]


def test_any_of_the_accepted_checksums_will_do(server, tmp_path, capsys):
    download(f"{server.url}/data/genome.fa.gz", ["0" * 64, SHA256], tmp_path / "x", {})
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert "sha256 as expected" in capsys.readouterr().out


def test_without_a_checksum_none_is_claimed(server, tmp_path, capsys):
    download(f"{server.url}/data/genome.fa.gz", [], tmp_path / "x", {})
    assert "as expected" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "accepted", "message"),
    [
        ("/data/genome.fa.gz", ["0" * 64], "is not the file that the configuration names"),
        ("/other", [SHA256], "is not the file that the configuration names"),
        ("/missing", [SHA256], "could not be downloaded"),
        ("/broken", [SHA256], "could not be downloaded"),
        ("/short", [SHA256], "could not be downloaded"),
    ],
)
def test_anything_else_is_an_error_that_names_the_address_and_leaves_nothing(path, accepted, message, server, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        download(server.url + path, accepted, tmp_path / "genome.fa.gz", {})
    assert f"{server.url}{path}" in caught.value.what
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_the_server_is_told(server, tmp_path):
    with pytest.raises(InputError) as caught:
        download(f"{server.url}/missing", [SHA256], tmp_path / "x", {})
    assert "404" in caught.value.why


def test_no_server_is_an_error_that_speaks_of_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        with pytest.raises(InputError, match="could not be downloaded") as caught:
            download(f"http://127.0.0.1:{taken.getsockname()[1]}/x", [SHA256], tmp_path / "x", {})
    assert "network" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_an_ftp_server_that_refuses_is_an_error_of_the_same_kind(tmp_path, monkeypatch):
    # The errors of ftplib are neither OSError nor URLError and once ended as unexpected ones.
    def refuse(*_, **__):
        raise ftplib.error_perm("530 no anonymous users")

    monkeypatch.setattr(ftplib.FTP, "connect", refuse)
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        download("ftp://127.0.0.1/x", [SHA256], tmp_path / "x", {})
    assert "530" in caught.value.why
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_left_is_not_taken_for_the_file(server, tmp_path):
    # pooch fetches nothing where the file that it is to write exists, so that half a file was once "downloaded".
    (tmp_path / "x.partial").write_bytes(CONTENT[:1000])
    download(f"{server.url}/data/genome.fa.gz", [SHA256], tmp_path / "x", {})
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_a_good_file_stays_where_a_new_download_fails(server, tmp_path):
    (tmp_path / "x").write_bytes(b"the old one")
    with pytest.raises(InputError):
        download(f"{server.url}/other", [SHA256], tmp_path / "x", {})
    assert (tmp_path / "x").read_bytes() == b"the old one"


def test_a_mirror_is_asked_in_place_of_the_address(server, tmp_path):
    mirrors = {"https://example.org/": "http://127.0.0.1:9/", "https://example.org/genomes/": f"{server.url}/mirror/"}
    download("https://example.org/genomes/genome.fa.gz", [SHA256], tmp_path / "x", mirrors)
    assert server.asked == ["/mirror/genome.fa.gz"]
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("mirror", ["/data/mirror/", "file:///data/mirror/", "s3://bucket/"])
def test_a_mirror_without_a_known_protocol_is_refused(mirror, tmp_path):
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        download("https://example.org/x", [SHA256], tmp_path / "x", {"https://example.org/": mirror})
    assert "https://example.org/x" in caught.value.why
    assert "mirrors" in caught.value.fix


def test_the_longest_beginning_of_the_mirrors_counts():
    mirrors = {"http://a/": "1:", "http://a/b/": "2:", "http://a/b/c": "3:"}
    assert mirrored("http://a/x", mirrors) == "1:x"
    assert mirrored("http://a/b/x", mirrors) == "2:x"
    assert mirrored("http://a/b/cx", mirrors) == "3:x"
    assert mirrored("https://a/x", mirrors) == "https://a/x"
    assert mirrored("http://a/x", {}) == "http://a/x"
