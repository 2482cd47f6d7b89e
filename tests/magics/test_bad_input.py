"""Bad input is answered in one short paragraph, and nothing is lost."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comfy_notebook as comfy
from tests.client.odd import JOB, Odd

from .conftest import PLAIN, SLOW, Notebook, Ran


def paragraph(ran: Ran) -> str:
    """The printed error, which is short and has no traceback."""
    assert ran.error is not None
    text = ran.text
    assert "Traceback" not in text
    assert 'File "' not in text
    assert 0 < len(text) < 900
    assert len(text.strip().splitlines()) <= 6
    return text


@pytest.fixture
def graph(folder: Path) -> dict[str, Any]:
    """A workflow with a checkpoint, in the folder as `txt2img.json`."""
    source = Path(__file__).parents[2] / "notebooks" / "workflows" / "txt2img.json"
    (folder / "txt2img.json").write_bytes(source.read_bytes())
    return dict(json.loads(source.read_text()))


def test_an_unknown_file(connected: Notebook) -> None:
    ran = connected("%comfy run plane.json")
    assert isinstance(ran.error, comfy.WorkflowNotFound)
    text = paragraph(ran)
    assert "plane.json" in text
    assert "plain.json" in text


@pytest.mark.parametrize("content", ["[1, 2]", '{"a": 1}', "{", "hello", "", '{"nodes": 3}'])
def test_a_file_that_is_not_a_workflow(connected: Notebook, folder: Path, content: str) -> None:
    (folder / "other.json").write_text(content)
    ran = connected("%comfy run other.json")
    assert isinstance(ran.error, (comfy.NotAWorkflow, comfy.InvalidWorkflow, comfy.ConversionError))
    assert "other.json" in paragraph(ran)


def test_a_variable_that_is_not_a_workflow(connected: Notebook) -> None:
    ran = connected("%comfy run number", number=7)
    assert isinstance(ran.error, comfy.ComfyError)
    paragraph(ran)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        ("KSampeler.seed=1", comfy.UnknownNode, "KSampler"),
        ("99.seed=1", comfy.UnknownNode, "99"),
        ("KSampler.sede=1", comfy.UnknownInput, "seed"),
        ("CLIPTextEncode.text=x", comfy.UnknownNode, "6"),
        ("seed=-1", comfy.InvalidWorkflow, "below the smallest"),
        ("stepz=1", comfy.UnknownInput, "Did you mean 'steps'"),
        ("KSampler=1", comfy.UnknownInput, "is a node, not an input"),
        ("KSampler.model=sd15", comfy.InvalidWorkflow, "takes a MODEL from another node"),
        ("KSampler.steps=many", comfy.InvalidWorkflow, "'many' is not a whole number"),
        ("KSampler.steps=0", comfy.InvalidWorkflow, "below the smallest"),
        ("KSampler.sampler_name=eulr", comfy.InvalidWorkflow, "euler"),
        ("CheckpointLoaderSimple.ckpt_name=sd15.safetensors", comfy.InvalidWorkflow, "analytic-scenes"),
    ],
)
def test_a_value_that_cannot_be_set(
    connected: Notebook, graph: dict[str, Any], value: str, error: type[Exception], says: str
) -> None:
    ran = connected(f"%comfy run txt2img.json {value}")
    assert isinstance(ran.error, error)
    assert says in paragraph(ran)


def test_a_typo_creates_nothing(connected: Notebook, graph: dict[str, Any]) -> None:
    wf = comfy.Workflow.load(graph)
    connected("%comfy run wf KSampler.sede=1", wf=wf)
    assert wf.graph == comfy.Workflow.load(graph).graph


def test_values_of_the_wrong_type_from_python(connected: Notebook, graph: dict[str, Any]) -> None:
    ran = connected("%comfy run txt2img.json KSampler.steps={[1, 2, 3]} KSampler.cfg={text}", text="high")
    assert isinstance(ran.error, comfy.InvalidWorkflow)
    assert {problem.input_name for problem in ran.error.problems} == {"steps", "cfg"}
    paragraph(ran)


def test_a_checkpoint_that_is_not_there(connected: Notebook, graph: dict[str, Any]) -> None:
    graph["4"]["inputs"]["ckpt_name"] = "v1-5-pruned-emaonly.safetensors"
    ran = connected("%comfy run graph", graph=graph)
    assert isinstance(ran.error, comfy.InvalidWorkflow)
    text = paragraph(ran)
    assert "ckpt_name" in text
    assert "analytic-scenes.safetensors" in text


def test_an_unreachable_server(notebook: Notebook, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ran = notebook(f"%comfy connect http://127.0.0.1:{port}")
    assert isinstance(ran.error, comfy.ConnectionFailed)
    assert str(port) in paragraph(ran)


def test_an_unknown_target(notebook: Notebook) -> None:
    assert "Did you mean 'cloud'" in paragraph(notebook("%comfy connect clod"))
    assert "http://gpubox" in paragraph(notebook("%comfy connect gpubox"))
    ran = notebook("%comfy connect ftp://host")
    assert isinstance(ran.error, comfy.ComfyError)
    paragraph(ran)


def test_a_wrong_key(notebook: Notebook, folder: Path, embedded: Any) -> None:
    wrong = "a-key-that-is-quite-wrong"
    ran = notebook(
        "%comfy connect {url} --api-key {wrong}\n%comfy run plain.json", url=embedded.url, wrong=wrong
    )
    assert isinstance(ran.error, comfy.AuthenticationError)
    assert wrong not in paragraph(ran)


def test_a_server_that_dies_in_the_middle(
    notebook: Notebook, folder: Path, embedded_factory: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = embedded_factory(api_key="key-of-a-server-that-dies")
    monkeypatch.setattr(comfy.config.settings, "patience", 1.0)
    notebook("%comfy connect {url} --api-key {key}", url=server.url, key=server.api_key)
    notebook("j = %comfy run slow.json --no-wait;")
    job = notebook["j"]
    server.kill()
    ran = notebook("j.result()")
    assert isinstance(ran.error, (comfy.ConnectionFailed, comfy.JobLost))
    paragraph(ran)
    assert job.id


def test_a_full_disk(connected: Notebook, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("comfy_notebook.jobs.outputs.write_new_file", full)
    ran = connected("%comfy run plain.json --out made --save pictures")
    assert isinstance(ran.error, comfy.ComfyError)
    text = paragraph(ran)
    assert "No space left on device" in text
    made = connected["made"]
    assert made.job_id in text
    monkeypatch.undo()
    assert made.save(folder / "later")


def test_a_folder_that_cannot_be_made(connected: Notebook, folder: Path) -> None:
    (folder / "taken").write_text("a file")
    ran = connected("%comfy run plain.json --save taken")
    assert isinstance(ran.error, comfy.ComfyError)
    assert "taken" in paragraph(ran)
    assert "%comfy download" in ran.text
    assert (folder / "taken").read_text() == "a file"


def test_a_node_that_fails(connected: Notebook) -> None:
    graph = {
        "1": {
            "class_type": "TestingRaise",
            "inputs": {"exception_type": "ValueError", "message": "the moon is not in this phase"},
            "_meta": {"title": "Moon"},
        }
    }
    ran = connected("%comfy run graph", graph=graph)
    assert isinstance(ran.error, comfy.JobFailed)
    text = paragraph(ran)
    assert "the moon is not in this phase" in text
    assert "Moon" in text


def test_the_servers_log_is_folded_under_a_failure(
    notebook: Notebook, odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMFY_NOTEBOOK_LIVE")
    failed = [
        "execution_error",
        {"node_id": "1", "exception_type": "ValueError", "exception_message": "no moon"},
    ]
    record = {"outputs": {}, "status": {"status_str": "error", "completed": False, "messages": [failed]}}
    odd.answers[f"GET /api/history/{JOB}"] = {JOB: {"prompt": [0, JOB, PLAIN, {}, ["2"]], **record}}
    odd.answers["GET /internal/logs/raw"] = {"entries": [{"t": "", "m": "!!! <b>Exception</b>: no moon\n"}]}
    ran = notebook("%comfy run graph --no-validate", graph=PLAIN)
    assert isinstance(ran.error, comfy.JobFailed), ran.text
    assert ran.error.server_log == "!!! <b>Exception</b>: no moon"
    (card,) = [data["text/html"] for data in ran.displayed if "text/html" in data]
    assert "<summary>End of the server's log</summary><pre>!!! &lt;b&gt;Exception" in card
    assert "End of the server's log" not in paragraph(ran)


def test_unknown_job_ids(connected: Notebook) -> None:
    for command in ("job", "download", "cancel"):
        ran = connected(f"%comfy {command} 00000000-0000-4000-8000-000000000000")
        assert isinstance(ran.error, comfy.JobNotFound), command
        paragraph(ran)


def test_a_body_that_is_broken_json(connected: Notebook) -> None:
    ran = connected("%%comfy run\n" + json.dumps(PLAIN)[:-5])
    assert isinstance(ran.error, comfy.NotAWorkflow)
    paragraph(ran)


def test_the_slow_workflow_is_valid(connected: Notebook) -> None:
    """The tests that cancel it would prove nothing if the server refused it."""
    assert comfy.Workflow.load(SLOW).validate(comfy.api.client().nodes) == []
