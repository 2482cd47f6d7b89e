"""Certificates: trusted by the system, by a CA file, or not checked, with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from starlette.responses import Response

import comfy_notebook as comfy
from comfy_notebook.client import tls
from comfy_notebook.config import settings

from . import graphs
from .odd import JOB, KEY, Odd, record


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def server(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Odd]:
    monkeypatch.setattr(settings, "quiet", 0.1)  # it says nothing of its jobs: the record is asked
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    with Odd(ssl_certfile=tmp_path / "own.pem") as odd:
        odd.answers[f"GET /api/jobs/{JOB}"] = record("completed", outputs={"5": {"text": ["done"]}})
        yield odd


def _run(server: Odd, **options: Any) -> comfy.Client:
    with comfy.connect(server.url, api_key=KEY, default=False, quiet=True, **options) as client:
        assert client.submit(graphs.text("x"), validate=False).result(timeout=10).texts == ["done"]
        assert client._async.connection.live.alive, "the live events have the same certificates"
        return client


def test_a_ca_file(server: Odd, ca_file: Path) -> None:
    _run(server, verify=ca_file)


def test_a_stranger_is_not_believed(server: Odd) -> None:
    with pytest.raises(comfy.ConnectionFailed, match="certificate of https://127"):
        _run(server)
    assert not server.asked, "and is told nothing"


def test_an_unchecked_certificate_warns_every_time(server: Odd, recwarn: pytest.WarningsRecorder) -> None:
    for _ in range(2):
        with pytest.warns(UserWarning, match="not checked") as said:
            client = _run(server, verify=False)
        assert said[0].filename == __file__, "of the line that connects"
        assert "not checked" in client.reason


def test_what_is_no_ca_file(server: Odd, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("this is not a certificate")
    with pytest.raises(comfy.ComfyError, match="cannot be used as a CA file"):
        _run(server, verify=tmp_path / "ca.pem")
    with pytest.raises(comfy.ComfyError, match="no CA file"):
        _run(server, verify=tmp_path / "nowhere.pem")


def test_storage_elsewhere_is_verified_by_this_system_as_well(ca_file: Path) -> None:
    """A CA of one's own is for the server; what it redirects to may have anybody's certificate."""
    own = len(tls.context(str(ca_file)).get_ca_certs())
    assert own == 1
    system = tls.context(True).cert_store_stats()["x509_ca"]
    assert tls.context(str(ca_file), elsewhere=True).cert_store_stats()["x509_ca"] == system + 1
    assert tls.context(False, elsewhere=True).check_hostname


def test_a_redirect_to_plain_http_takes_no_key_along(server: Odd, ca_file: Path) -> None:
    seen = []
    with Odd() as storage:
        storage.answers["GET /signed"] = lambda request: seen.append(request.headers) or Response(b"bytes")
        server.answers["GET /api/view"] = Response(
            status_code=302, headers={"Location": storage.url + "/signed"}
        )
        with comfy.connect(server.url, api_key=KEY, verify=ca_file, default=False, quiet=True) as client:
            assert client.download("a.png") == b"bytes"
    assert KEY not in str(seen)
