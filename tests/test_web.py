"""Files from URLs: bounded, never a web page, and from private addresses only when asked."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy_notebook import web
from comfy_notebook.client import packing
from comfy_notebook.config import settings
from comfy_notebook.errors import DownloadFailed, UploadRejected

_file = io.BytesIO()
Image.new("RGB", (4, 2), "white").save(_file, "PNG")
PNG = _file.getvalue()


class Site(BaseHTTPRequestHandler):
    answers = {  # noqa: RUF012
        "/a%20cat.png": (200, "image/png", PNG),
        "/download": (200, "image/png; q=1", PNG),
        "/page.png": (200, "image/png", b"\n <!DOCTYPE html><html>Log in</html>"),
        "/model": (200, "application/octet-stream", bytes(range(200))),
        "/cut": (200, "application/octet-stream", b"half"),
        "/gone": (404, "text/plain", b"no"),
    }

    asked: list[int] = []  # noqa: RUF012

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/moved", "/loop", "/away"):
            self.send_response(302)
            to = {"/moved": "/a%20cat.png", "/loop": "/loop", "/away": "file:///etc/passwd"}[path]
            self.send_header("Location", to)
            self.end_headers()
            return
        status, mime, body = self.answers[path]
        given = self.headers.get("Range", "")
        if path == "/model" and given:
            begin = int(given.removeprefix("bytes=").rstrip("-"))
            self.asked.append(begin)
            status, body = (206, body[begin:]) if begin < len(body) else (416, b"")
        if path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + 5))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", mime)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "private_urls", True)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(
    ("path", "name"),
    [("/a%20cat.png", "a cat.png"), ("/a%20cat.png?token=abc", "a cat.png"), ("/download", "download.png"),
     ("/moved", "a cat.png")],
)  # fmt: skip
def test_a_url_gives_the_file_and_its_name(site: str, path: str, name: str) -> None:
    assert web.fetch(site + path) == web.Fetched(name, PNG)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/gone?token=abc", r"/gone could not be read \(HTTP 404\)"),
        ("/page.png", "web page, not a file.*download link"),
        ("/loop", "redirects more than 5 times"),
        ("/away", "not an http or https URL"),
    ],
)
def test_what_cannot_be_read_is_said(site: str, path: str, said: str) -> None:
    with pytest.raises(DownloadFailed, match=said) as refused:
        web.fetch(site + path)
    assert "abc" not in str(refused.value)


@pytest.mark.usefixtures("private")
def test_a_file_has_a_largest_size(site: str) -> None:
    with pytest.raises(DownloadFailed, match="larger than 0 MB"):
        web.fetch(f"{site}/download", limit=10)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"],
)
def test_private_addresses_are_refused_unless_asked_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(DownloadFailed, match=r"private address.*private_urls = True"):
        web.fetch("http://innocent.example.org/a.png")


def test_the_address_that_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(web, "getproxies", dict)
    request = web._request("https://pictures.example.org/a.png")
    assert str(request["url"]) == "https://93.184.216.34/a.png"
    assert request["headers"]["Host"] == "pictures.example.org"
    assert request["extensions"] == {"sni_hostname": "pictures.example.org"}


def test_data_urls() -> None:
    encoded = base64.b64encode(PNG).decode()
    assert web.fetch(f"data:image/png;base64,{encoded}") == web.Fetched("image.png", PNG)
    assert web.fetch(f"DATA:image/png;base64,{encoded.rstrip('=')}").data == PNG
    assert web.fetch("data:,a%20b") == web.Fetched("file.txt", b"a b")
    for bad in ("data:image/png;base64", "data:image/png;base64,x", "data:,"):
        with pytest.raises(DownloadFailed, match="The data URL"):
            web.fetch(bad)


@pytest.mark.usefixtures("private")
def test_a_url_is_uploaded_as_its_file_and_can_be_a_mask(site: str) -> None:
    packed = packing.pack(f"{site}/a%20cat.png")
    assert (packed.name, packed.data) == ("a cat.png", PNG)
    assert packing.as_mask(f"{site}/a%20cat.png").getextrema() == (255, 255)
    with pytest.raises(UploadRejected, match="The mask is not a picture"):
        packing.as_mask("data:,words")


MODEL = bytes(range(200))


@pytest.mark.usefixtures("private")
def test_a_download_is_resumed_checked_and_named_when_whole(site: str, tmp_path: Path) -> None:
    path, part = tmp_path / "a.safetensors", tmp_path / "a.safetensors.part"
    assert web.length(f"{site}/model") == 200
    seen: list[tuple[int, int]] = []
    web.download(f"{site}/model", path, sha256=hashlib.sha256(MODEL).hexdigest().upper(),
                 progress=lambda *at: seen.append(at))  # fmt: skip
    assert (path.read_bytes(), seen[-1]) == (MODEL, (200, 200))
    for begun in (MODEL[:70], MODEL):
        path.unlink()
        part.write_bytes(begun)
        web.download(f"{site}/model", path, sha256=hashlib.sha256(MODEL).hexdigest())
        assert path.read_bytes() == MODEL
        assert Site.asked[-1] == len(begun)
    assert not part.exists()


@pytest.mark.usefixtures("private")
def test_what_arrives_incomplete_is_kept_and_what_is_wrong_is_not(site: str, tmp_path: Path) -> None:
    path, part = tmp_path / "a.safetensors", tmp_path / "a.safetensors.part"
    with pytest.raises(DownloadFailed):
        web.download(f"{site}/cut", path)
    assert part.read_bytes() == b"half"
    part.unlink()
    with pytest.raises(DownloadFailed, match=r"has the hash .* and was deleted"):
        web.download(f"{site}/model", path, sha256="0" * 64)
    with pytest.raises(DownloadFailed, match="web page"):
        web.download(f"{site}/page.png", path)
    with pytest.raises(DownloadFailed, match="HTTP 404"):
        web.download(f"{site}/gone", path)
    assert not path.exists()
