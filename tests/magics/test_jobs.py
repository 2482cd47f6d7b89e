"""`%comfy jobs | job | queue | cancel | interrupt | download`."""

from __future__ import annotations

from pathlib import Path

import comfy_notebook as comfy

from .conftest import Notebook


def test_jobs_of_before(connected: Notebook) -> None:
    connected("x = %comfy run plain.json;")
    result = connected["x"]
    (shown,) = connected("%comfy jobs --limit 3").displayed
    lines = shown["text/plain"].splitlines()
    assert result.job_id in lines[1]
    assert len(lines) <= 4
    (shown,) = connected("%comfy jobs --status cancelled").displayed
    assert result.job_id not in shown["text/plain"]
    assert connected(f"%comfy job {result.job_id[:6]}").error is None
    assert "Choose from pending" in connected("%comfy jobs --status done").text


def test_a_job_by_its_id_or_its_beginning(connected: Notebook) -> None:
    connected("x = %comfy run plain.json;")
    result = connected["x"]
    for named in (result.job_id, result.job_id[:8], "{x}", "{x.job_id}"):
        ran = connected(f"j = %comfy job {named}")
        assert ran.error is None, ran.text
        assert connected["j"].id == result.job_id
    assert connected["j"].result().image.size == (16, 8)


def test_the_beginning_of_a_job_this_notebook_never_named(connected: Notebook) -> None:
    job = comfy.submit("plain.json")
    job.wait(timeout=30)
    ran = connected(f"j = %comfy job {job.id[:8]}")
    assert ran.error is None, ran.text
    assert connected["j"].id == job.id


def test_queue_cancel_and_cancel_all(connected: Notebook) -> None:
    connected("a = %comfy run slow.json --no-wait;\nb = %comfy run slow.json 1.seconds=61 --no-wait;")
    a, b = connected["a"], connected["b"]
    (shown,) = connected("%comfy queue").displayed
    assert a.id in shown["text/plain"]
    assert b.id in shown["text/plain"]
    ran = connected(f"%comfy cancel {a.id}")
    assert f"Cancelled {a.id}" in ran.out
    assert a.wait(timeout=10) == "cancelled"
    assert not b.status.is_final
    assert f"{a.id} had already ended" in connected(f"%comfy cancel {a.id}").out
    assert f"Cancelled {b.id}" in connected("%comfy cancel --all").out
    assert b.wait(timeout=10) == "cancelled"
    assert "No job is running" in connected("%comfy cancel --all").out


def test_interrupt(connected: Notebook) -> None:
    connected("a = %comfy run slow.json --no-wait;")
    job = connected["a"]
    for event in job.events():
        if isinstance(event, comfy.protocol.messages.Executing):
            break
    ran = connected("%comfy interrupt")
    assert ran.error is None, ran.text
    assert job.wait(timeout=10) == "cancelled"


def test_download(connected: Notebook, folder: Path) -> None:
    connected("x = %comfy run plain.json;")
    result = connected["x"]
    ran = connected(f"paths = %comfy download {result.job_id} there")
    assert ran.error is None, ran.text
    (path,) = connected["paths"]
    assert path.parent == Path("there")
    assert path.read_bytes() == result.outputs[0].bytes


def test_the_beginning_of_an_id_names_that_job_and_not_the_last(connected: Notebook) -> None:
    connected("x = %comfy run plain.json 1.color=5;\ny = %comfy run plain.json 1.color=6;")
    first = connected["x"].job_id
    connected(f"j = %comfy job {first[:12]}")
    assert connected["j"].id == first
