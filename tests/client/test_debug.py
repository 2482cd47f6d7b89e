"""The report of `%comfy debug`: what helps, and nothing that is private."""

from __future__ import annotations

import logging
from pathlib import Path

import comfy_notebook as comfy
from comfy_notebook.client import debug
from comfy_notebook.clients import Client
from comfy_notebook.text import register


def test_a_report_says_what_helps(cloud: Client) -> None:
    said = debug.report(cloud)
    assert comfy.__version__ in said
    assert f"{cloud.url}, cloud dialect" in said
    assert "last HTTP status: 200" in said
    assert "API key: the api_key argument" in said


def test_nothing_private_is_in_it(cloud: Client) -> None:
    register("private-key-123456")
    logging.getLogger("comfy_notebook.http").warning("with %s at %s", "private-key-123456", Path.home() / "x")
    said = debug.report(cloud)
    assert "private-key-123456" not in said
    assert str(Path.home()) not in said
    assert "with [redacted] at" in said


def test_without_a_connection() -> None:
    assert "not connected" in debug.report(None)
