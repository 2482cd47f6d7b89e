"""The session: which server is chosen without a target, and the module-level functions."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook import api
from comfy_notebook.client import connecting
from comfy_notebook.client.connecting import choose
from comfy_notebook.sync import IO
from tests.client import graphs
from tests.replay import Replay


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("COMFY_BASE_URL", "COMFY_CLOUD_API_KEY", "COMFY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMFY_NOTEBOOK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COMFY_NOTEBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COMFY_NOTEBOOK_KEYRING", "0")
    monkeypatch.setenv("COMFY_NOTEBOOK_LIVE", "0")
    monkeypatch.setattr(api.session, "client", None)
    monkeypatch.setattr(api.session, "last_job", None)
    yield
    api.session.close()


def test_the_choice_of_a_server_without_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(connecting, "LOCAL_URL", nobody)
    started: list[str] = []

    async def embedded(key: str | None, reason: str) -> connecting.Choice:
        started.append(reason)
        return connecting.Choice("embedded", "http://127.0.0.1:1", reason)

    monkeypatch.setattr(connecting, "_embedded", embedded)
    assert IO.run(choose(None, None)).target == "embedded"
    assert started == ["no API key was found and no ComfyUI answers on 127.0.0.1:8188"]
    with Replay("misc_http") as local:
        monkeypatch.setattr(connecting, "LOCAL_URL", local.url)
        assert IO.run(choose(None, None)).target == "local"
        monkeypatch.setenv("COMFY_API_KEY", "a-key-of-the-environment")
        found = IO.run(choose(None, None))
        assert (found.target, found.url) == ("cloud", "https://cloud.comfy.org")
        assert "COMFY_API_KEY" in found.reason
        monkeypatch.setenv("COMFY_BASE_URL", local.url)
        found = IO.run(choose(None, None))
        assert (found.url, found.key.value) == (local.url, "a-key-of-the-environment")
        assert "COMFY_BASE_URL" in found.reason


def test_the_cloud_asks_for_a_key() -> None:
    with pytest.raises(comfy.AuthenticationError, match="%comfy login"):
        comfy.connect("cloud")


@pytest.mark.parametrize("url", ["ftp://x", "embeded", "http://"])
def test_a_target_that_is_not_a_url(url: str) -> None:
    with pytest.raises(comfy.ComfyError, match="neither a server's URL"):
        comfy.connect(url)


def test_a_server_that_is_not_comfyui() -> None:
    from tests.client.test_http import Scripted

    server = Scripted()
    try:
        server.answers = [(404, {}, b"<html>"), (404, {}, b"<html>")]
        with pytest.raises(comfy.ConnectionFailed, match="not as a ComfyUI or Comfy Cloud"):
            comfy.connect(server.url)
        server.answers = [(302, {"Location": "/login"}, b"")] * 2
        with pytest.raises(comfy.ConnectionFailed, match="sign-in"):
            comfy.connect(server.url)
    finally:
        server.close()


def test_run_submit_and_job(embedded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key)
    assert capsys.readouterr().out == f"Connected to {embedded.url}: as asked.\n"
    assert api.current() is client
    result = comfy.run(graphs.picture(), quiet=True)
    assert result.image.size == (32, 32)
    job = comfy.submit(graphs.picture(color=3))
    assert comfy.job(job.id).result().array[0, 0, 2] == 3
    assert comfy.job(job.id).status is comfy.JobStatus.completed
    assert comfy.job().id == job.id
    client.close()
    assert api.current() is None


def test_another_client_for_one_call(embedded: Any) -> None:
    mine = comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    with Replay("txt2img_meta") as server:
        other = comfy.connect(server.url, default=False, quiet=True)
        wf = comfy.Workflow(server.recording.accepted[0].graph)
        assert comfy.run(wf, client=other, quiet=True).image.size == (128, 128)
        assert api.current() is mine
        other.close()


def test_a_timeout_of_run(embedded: Any) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    with pytest.raises(comfy.JobTimeout):
        comfy.run(graphs.sleep(60), timeout=0.2, quiet=True)
    assert comfy.job().cancel()
    assert comfy.job().wait(timeout=5) is comfy.JobStatus.cancelled
    assert client.queue().find(comfy.job().id) is None


def test_no_job_yet() -> None:
    with pytest.raises(comfy.NotConnected, match="No job was submitted"):
        comfy.job()


def test_a_timeout_that_cancels(embedded: Any) -> None:
    comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    with pytest.raises(comfy.JobTimeout):
        comfy.run(graphs.sleep(60), timeout=0.2, quiet=True, cancel=True)
    assert comfy.job().wait(timeout=5) is comfy.JobStatus.cancelled


def test_an_embedded_server_that_died(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The job that runs when it dies fails at once; the next run starts a new server."""
    from comfy_notebook.client import embedded

    launcher = embedded.Launcher()
    monkeypatch.setattr(embedded, "launcher", launcher)
    try:
        client = comfy.connect("embedded")
        job = comfy.submit(graphs.sleep(60))
        client.server.process.kill()
        client.server.process.wait()
        with pytest.raises(comfy.ConnectionFailed, match="stopped answering"):
            job.result(timeout=10)
        assert comfy.run(graphs.picture(), quiet=True).image.size == (32, 32)
        assert capsys.readouterr().out.count("Connected to the embedded server") == 2
    finally:
        api.session.close()
        launcher.stop()


TXT2IMG = Path(__file__).parents[1] / "notebooks" / "workflows" / "txt2img.json"


def test_keywords_set_the_inputs_they_name(embedded: Any) -> None:
    comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    wf = comfy.Workflow.load(TXT2IMG)
    small = {"width": 64, "height": 64}
    result = comfy.run(wf, steps=2, prompt="a boat", negative="fog", seed=3, quiet=True, **small)
    sent = result.workflow
    assert sent is not None
    assert (sent.get("3.steps"), sent.get("6.text"), sent.get("7.text")) == (2, "a boat", "fog")
    assert result.image.size == (64, 64)
    assert wf.get("3.steps") == 20
    grid = comfy.sweep(wf, {"prompt": ["a boat", "a ship"]}, steps=1, quiet=True, **small)
    assert [run.workflow.get("6.text") for run in grid] == ["a boat", "a ship"]
    assert {run.workflow.get("3.steps") for run in grid} == {1}


def test_a_misspelt_keyword_is_refused_before_anything_is_sent(embedded: Any) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    before = len(client.job_ids)
    with pytest.raises(comfy.UnknownInput, match=r"no input 'stepz' that can be set.*'steps'"):
        comfy.run(TXT2IMG, stepz=5)
    assert len(client.job_ids) == before


def test_a_prompt_alone_runs_the_default_workflow(embedded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    result = comfy.run(prompt="a boat on the sea", steps=1, width=64, height=64)
    assert (
        "default text-to-image workflow with the checkpoint analytic-scenes.safetensors"
        in capsys.readouterr().out
    )
    assert result.workflow is not None
    assert result.workflow.get("prompt") == "a boat on the sea"
    assert result.image.size == (64, 64)
    job = client.submit(prompt="a boat on the sea", steps=1, width=64, height=64, seed=result.seed)
    assert job.result().workflow.get("prompt") == "a boat on the sea"


def test_no_workflow_and_no_prompt(embedded: Any) -> None:
    comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    with pytest.raises(comfy.ComfyError, match=r"There is no workflow to run\..*comfy.run\(prompt="):
        comfy.run(steps=5)


def test_a_prompt_in_the_place_of_a_file_is_told_what_to_write(embedded: Any) -> None:
    comfy.connect(embedded.url, api_key=embedded.api_key, quiet=True)
    with pytest.raises(comfy.WorkflowNotFound) as caught:
        comfy.run("a boat on the sea")
    assert "comfy.run(prompt='a boat on the sea')" in str(caught.value)
    with pytest.raises(comfy.WorkflowNotFound) as caught:
        comfy.run("my first file.json")
    assert "prompt=" not in str(caught.value)
