"""A key planted for the test turns up in nothing a person may see, and at no other host."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.client.server import diagnose
from comfy_notebook.sync import IO

from . import graphs
from .test_reference_cloud import _spy

KEY = "planted-key-0123456789abcdef"
PARTNER = "planted-partner-key-0123456789"


def test_a_planted_key_is_found_nowhere(
    embedded_factory: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("comfy_notebook", "comfy_notebook.websockets", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    server = embedded_factory(api_key=KEY)
    seen: list[Any] = []
    with comfy.connect(server.url, api_key=KEY, default=False) as client:
        sent = _spy(client)
        job = client.submit(graphs.picture(), partner_key=PARTNER)
        result = job.result(timeout=20)
        seen += [client, job, result, job.record, job.state, client.info(), client.queue(), client.jobs()]
        connection = client._async.connection
        seen += [client._async, connection, connection.access, connection.http, job._follower.connection]
        seen += [result.outputs, client.reason, client.nodes, list(job.events())]
        for attempt in (
            lambda: client.run(graphs.fail("RuntimeError", f"the key is {KEY}")),
            lambda: client.submit(graphs.picture(), inputs={"1.width": 0}),
            lambda: client.job("no-such-job"),
            lambda: comfy.connect(server.url, api_key=KEY + "x", quiet=True),
            lambda: comfy.connect(f"http://user:{KEY}@127.0.0.1:1/", api_key=KEY, quiet=True),
        ):
            with pytest.raises(comfy.ComfyError) as failed:
                attempt()
            seen += [failed.value, repr(failed.value), failed.value.__dict__]
            seen += ["".join(traceback.format_exception_only(failed.value))]
        server.kill()
        with pytest.raises(comfy.ConnectionFailed) as gone:
            client.queue()
        seen += [gone.value, IO.run(diagnose(client._async.connection))]
    printed = capsys.readouterr()
    texts = [str(thing) + repr(thing) for thing in seen]
    texts += [record.getMessage() + str(record.__dict__) for record in caplog.records]
    texts += [printed.out, printed.err]
    for text in texts:
        assert KEY not in text
        assert PARTNER not in text
    storage = [(url, headers) for url, headers in sent if not url.startswith(server.url)]
    assert storage
    assert KEY not in str(storage)
    signatures = {part for url, _ in storage for part in re.findall(r"(?:sig|signature)=([^&]+)", url)}
    assert signatures
    assert not [text for text in texts for part in signatures if part in text], "they open the files"


def test_no_key_over_plain_http_to_another_machine() -> None:
    with pytest.raises(comfy.AuthenticationError, match="unencrypted http"):
        comfy.connect("http://comfy.example.org:8188", api_key=KEY, quiet=True)


def test_a_stored_key_is_not_sent_to_any_url(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """COMFY_API_KEY is the Cloud's: another server gets a key only when given one for it."""
    monkeypatch.setenv("COMFY_API_KEY", KEY)
    server, client = replay("txt2img_meta")
    client.system_stats()
    assert all("x-api-key" not in headers for _, _, headers, _ in server.requests)
    assert client._async.connection.access.key is None
