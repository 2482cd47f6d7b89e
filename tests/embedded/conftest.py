"""Sockets to embedded servers, closed with the test."""

from __future__ import annotations

import pytest

from tests.embedded.listening import Listener


@pytest.fixture
def listen(embedded):
    opened = []

    def listen(server=embedded, **options):
        opened.append(Listener(server, **options))
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()
