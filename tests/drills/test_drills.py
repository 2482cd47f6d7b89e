"""Fault drills: many jobs, a bad network, fixed seeds."""

from __future__ import annotations

import random
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.config import settings
from tests.client import graphs

from .proxy import CuttingProxy

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_200_jobs_while_the_socket_is_cut(
    embedded_factory: Any, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    """Half the jobs on each dialect: every one ends, with its own picture."""
    monkeypatch.setattr(settings, "quiet", 0.5)
    server = embedded_factory(tier="pro", dialect=dialect)
    with (
        CuttingProxy(server.url, seed=20) as proxy,
        comfy.connect(proxy.url, api_key=server.api_key, default=False, quiet=True) as client,
    ):
        waiting: dict[int, comfy.Job] = {}
        for n in range(100):
            waiting[n] = client.submit(graphs.sleep(0.01, steps=3, color=n))
            if len(waiting) == 20:
                _check(*waiting.popitem())
        while waiting:
            _check(*waiting.popitem())
        assert proxy.cuts >= 10, "or the drill drilled nothing"


def _check(n: int, job: comfy.Job) -> None:
    result = job.result(timeout=30)
    assert [output.filename is not None for output in result.files] == [True]
    assert tuple(result.array[0, 0]) == (0, 0, n)


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_50_cancelled_among_50(embedded_factory: Any, dialect: str) -> None:
    """Exactly those, pending or running, on the server's own account."""
    server = embedded_factory(tier="pro", dialect=dialect)
    draw = random.Random(50)
    doomed = set(draw.sample(range(100), 50))
    with comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True) as client:
        jobs = [
            client.submit(graphs.sleep(60 if n in doomed else 0.02, steps=2, color=n)) for n in range(100)
        ]
        for n in draw.sample(sorted(doomed), 50):
            assert jobs[n].cancel()
        found = {n for n, job in enumerate(jobs) if job.wait(timeout=30) is comfy.JobStatus.cancelled}
        assert found == doomed
        assert all(job.status is comfy.JobStatus.completed for n, job in enumerate(jobs) if n not in doomed)
        completed = {record.id for record in client.jobs(status="completed", limit=200)}
        assert completed == {job.id for n, job in enumerate(jobs) if n not in doomed}
        assert not len(client.queue())
