"""Ctrl-C at random moments: no job runs on, no lock is left behind, and the next cell runs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.servers import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them"),
]


@pytest.mark.parametrize(
    ("dialect", "how", "rounds"),
    [("comfyui", "run", 80), ("comfyui", "client.run", 80), ("cloud", "run", 40), ("cloud", "sweep", 20)],
)
def test_nothing_runs_on(embedded_factory: Any, dialect: str, how: str, rounds: int) -> None:
    server = embedded_factory(tier="pro", dialect=dialect)
    command = [
        "-W",
        "error",
        "-m",
        "tests.drills.interrupted",
        server.url,
        server.api_key,
        how,
        str(rounds),
        "7",
    ]
    found = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert int(found.stdout.split()[0]) >= 5, "jobs were submitted at all"
    assert found.stdout.split()[1] == "0", "none is followed any more"
