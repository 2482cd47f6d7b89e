"""Fixtures for all tests: a real embedded server in its own process."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import EmbeddedServer, end_server, start_server


def pytest_configure() -> None:
    """Restore Ctrl-C when pytest was started with SIGINT ignored, as `nohup pytest &` does.

    Python installs its handler only when the signal is not ignored, and child processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for the whole session: `.url`, `.api_key`, `.process`. All tests share its jobs."""
    server = start_server(
        tmp_path_factory.mktemp("embedded") / "data", api_key="test-key-of-the-session", tier="pro"
    )
    yield server
    end_server(server)


@pytest.fixture
def embedded_factory(tmp_path: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    """Starts further servers: `embedded_factory(tier="creator", data_dir=…)`; the test's end stops them."""
    started: list[EmbeddedServer] = []
    numbers = itertools.count(1)

    def start(data_dir: Path | None = None, **options: object) -> EmbeddedServer:
        server = start_server(data_dir or tmp_path / f"data-{next(numbers)}", **options)
        started.append(server)
        return server

    yield start
    for server in started:
        end_server(server)
