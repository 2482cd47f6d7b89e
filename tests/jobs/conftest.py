"""Clients of the servers the tests talk to."""

from __future__ import annotations

from tests.client.conftest import cloud, nowhere_else, replay

__all__ = ["cloud", "nowhere_else", "replay"]
