"""What tests of every layer share: a real embedded server, in a process of its own."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import EmbeddedServer, end_server, start_server


def pytest_configure() -> None:
    """Let Ctrl-C interrupt again where whoever started pytest ignores it (`nohup pytest &`).

    Python installs its handler only when SIGINT is not ignored, and every child inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for the whole session: `.url`, `.api_key`, `.process`. Its jobs are everybody's: look only
    at your own."""
    server = start_server(
        tmp_path_factory.mktemp("embedded") / "data", api_key="test-key-of-the-session", tier="pro"
    )
    yield server
    end_server(server)


@pytest.fixture
def embedded_factory(tmp_path: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    """Starts servers of your own: `embedded_factory(tier="creator", data_dir=…)`; ended with the test."""
    started: list[EmbeddedServer] = []
    numbers = itertools.count(1)

    def start(data_dir: Path | None = None, **options: object) -> EmbeddedServer:
        server = start_server(data_dir or tmp_path / f"data-{next(numbers)}", **options)
        started.append(server)
        return server

    yield start
    for server in started:
        end_server(server)
