"""The lines of `%comfy debug` about a connection, and what is logged: nothing private is in them."""

from __future__ import annotations

import logging

from comfy_notebook.client.logs import recent
from comfy_notebook.client.server import diagnose
from comfy_notebook.clients import Client
from comfy_notebook.sync import IO
from comfy_notebook.text import register


def test_a_diagnosis_names_server_and_key_source(cloud: Client) -> None:
    said = "\n".join(IO.run(diagnose(cloud._async.connection)))
    assert f"{cloud.url}, cloud dialect" in said
    assert "last HTTP status: 200" in said
    assert "API key: the api_key argument" in said


def test_keys_are_masked_in_logged_lines(cloud: Client) -> None:
    register("private-key-123456")
    logging.getLogger("comfy_notebook.http").warning("with %s", "private-key-123456")
    assert "with [redacted]" in recent.lines[-1]
