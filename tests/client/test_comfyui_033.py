"""ComfyUI 0.33's own routes, answered with what a real one answered (data/http).

Where the server has `/api/jobs/{id}`, a job is looked up and cancelled there; an older server is asked
for its queue and history as before.
"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import comfy_notebook as comfy
from comfy_notebook.client.probe import kinds
from comfy_notebook.clients import Client
from comfy_notebook.sync import IO
from comfy_notebook.text import register
from comfy_notebook.workflow.workflow import Workflow

from . import graphs
from .odd import JOB, Odd

RECORDED = Path(__file__).parents[1] / "data" / "http" / "comfyui-0.33.jsonl.gz"
COMPLETED = "829c3d95-1fc2-4e9a-9a68-7b915b9f47cd"
RUNNING = "b264c1a9-5352-4396-9e89-dbf298f1a391"
PENDING = "0050164c-9a8c-4b39-a061-7e331c913279"
UNKNOWN = "304faca0-08a5-47fd-be50-814a3fca1be2"


def exchanges() -> Iterator[tuple[str, list[Any]]]:
    """(request, its answers in the order they came), as a server plays them back."""
    found: dict[str, list[Any]] = {}
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            body = line["body"]
            empty = line["content_type"] in (None, "application/octet-stream")
            answer = Response(status_code=line["status"]) if empty else JSONResponse(body, line["status"])
            found.setdefault(f"{line['method']} {line['path'].partition('?')[0]}", []).append(answer)
    yield from found.items()


@pytest.fixture
def odd() -> Iterator[Odd]:
    with Odd() as server:
        for key, answers in exchanges():
            left = list(answers)
            server.answers[key] = lambda _, left=left: left.pop(0) if len(left) > 1 else left[0]
        yield server


@pytest.fixture
def client(odd: Odd) -> Iterator[Client]:
    with odd.connect("comfyui") as client:
        yield client


def record(client: Client, job_id: str, *, ended: bool = False) -> Any:
    connection = client._async.connection
    return IO.run(connection.dialect.record(connection.http, job_id, ended=ended))


def test_it_is_probed_as_a_comfyui(odd: Odd) -> None:
    with comfy.connect(odd.url, default=False, quiet=True) as client:
        assert client.dialect == "comfyui"
        assert client.info().version == "0.33.0"


@pytest.mark.parametrize("ended", [True, False])
def test_a_record_is_one_request(odd: Odd, client: Client, ended: bool) -> None:
    found = record(client, COMPLETED, ended=ended)
    assert odd.asked == [f"GET /api/jobs/{COMPLETED}"]
    assert found.status is comfy.JobStatus.completed
    assert found.outputs["2"]["images"][0]["filename"] == "rec_00016_.png"
    assert found.seconds == pytest.approx(0.006, abs=1e-5)
    assert found.workflow["1"]["class_type"] == "EmptyImage"


def test_a_waiting_jobs_record_has_its_place_in_the_queue(odd: Odd, client: Client) -> None:
    odd.answers["GET /api/queue"] = {
        "queue_running": [[1, RUNNING, {}, {}, []]],
        "queue_pending": [[3, PENDING, {}, {}, []], [2, UNKNOWN, {}, {}, []]],
    }
    found = record(client, PENDING)
    assert (found.status, found.position) == (comfy.JobStatus.pending, 2)
    odd.answers["GET /api/queue"] = {"queue_running": [], "queue_pending": []}
    odd.answers[f"GET /api/jobs/{UNKNOWN}"] = {"id": UNKNOWN, "status": "pending"}
    began_meanwhile = record(client, UNKNOWN)
    assert (began_meanwhile.status, began_meanwhile.position) == (comfy.JobStatus.pending, None)


def test_an_unknown_job_has_no_record(odd: Odd, client: Client) -> None:
    assert record(client, "x") is None
    with pytest.raises(comfy.JobNotFound):
        client.job("x")
    assert set(odd.asked) == {"GET /api/jobs/x"}, "neither the queue nor the history is asked as well"


def test_cancelling_is_one_request(odd: Odd, client: Client) -> None:
    cancel = client._async.connection.dialect.cancel
    http = client._async.connection.http
    outcomes = [IO.run(cancel(http, job)) for job in (PENDING, PENDING, RUNNING, UNKNOWN)]
    assert outcomes == [True, False, True, False], "the second time there is nothing left to cancel"
    assert all(asked.endswith("/cancel") for asked in odd.asked)
    assert record(client, RUNNING).status is comfy.JobStatus.in_progress
    assert record(client, RUNNING).status is comfy.JobStatus.cancelled


def test_a_server_without_the_routes_is_asked_once_for_them(odd: Odd) -> None:
    odd.answers = {
        key: answer
        for key, answer in odd.answers.items()
        if not key.partition(" ")[2].startswith("/api/jobs")
    }
    odd.answers["POST /api/queue"] = Response()
    odd.answers["GET /api/queue"] = {"queue_running": [[1, RUNNING, {}, {}, []]], "queue_pending": []}
    odd.answers["POST /api/interrupt"] = Response()
    with odd.connect("comfyui") as client:
        cancel, http = client._async.connection.dialect.cancel, client._async.connection.http
        assert record(client, RUNNING).status is comfy.JobStatus.in_progress
        assert record(client, RUNNING).status is comfy.JobStatus.in_progress
        assert IO.run(cancel(http, RUNNING)) is True
        assert IO.run(cancel(http, RUNNING)) is True
    assert odd.asked.count(f"GET /api/jobs/{RUNNING}") == 1
    assert odd.asked.count(f"POST /api/jobs/{RUNNING}/cancel") == 1
    assert odd.asked.count("POST /api/interrupt") == 2


@pytest.mark.parametrize(
    ("waits", "history", "cancelled"),
    [(True, {}, False), (False, {RUNNING: {}}, False), (False, {}, True)],
    ids=["it still waits", "it has ended", "it was deleted"],
)
def test_an_old_server_is_never_interrupted_while_anothers_job_runs(
    odd: Odd, waits: bool, history: Any, cancelled: bool
) -> None:
    """Old servers ignore the id in an interrupt: it would end whatever runs."""
    for key in (f"POST /api/jobs/{RUNNING}/cancel", f"GET /api/jobs/{RUNNING}"):
        odd.answers.pop(key, None)
    odd.answers["POST /api/queue"] = odd.answers["POST /api/interrupt"] = Response()
    odd.answers["GET /api/queue"] = {
        "queue_running": [[1, "anothers", {}, {}, []]],
        "queue_pending": [[2, RUNNING, {}, {}, []]] if waits else [],
    }
    odd.answers[f"GET /api/history/{RUNNING}"] = history
    with odd.connect("comfyui") as client:
        connection = client._async.connection
        assert IO.run(connection.dialect.cancel(connection.http, RUNNING)) is cancelled
    assert "POST /api/queue" in odd.asked
    assert "POST /api/interrupt" not in odd.asked


def test_what_is_submitted(odd: Odd, client: Client) -> None:
    """Canonical ids, `_meta` on every node, and the place in the queue."""
    sent: list[Any] = []

    async def accept(request: Request) -> Any:
        sent.append(await request.json())
        return {"prompt_id": sent[-1]["prompt_id"], "number": 1, "node_errors": {}}

    odd.answers["POST /api/prompt"] = accept
    graph = graphs.text("x").to_api()
    titled = next(iter(graph))
    graph[titled]["_meta"] = {"title": "Mine"}
    first = client.submit(graph, validate=False, front=True)
    client.submit(graph, validate=False, number=-3.5)
    assert first.id == sent[0]["prompt_id"]
    for body in sent:
        assert str(uuid.UUID(body["prompt_id"])) == body["prompt_id"]
        assert str(uuid.UUID(body["client_id"])) == body["client_id"]
        assert {node["_meta"]["title"] for key, node in body["prompt"].items() if key == titled} == {"Mine"}
        assert all(node["_meta"]["title"] for node in body["prompt"].values())
    assert (sent[0].get("front"), sent[0].get("number")) == (True, None)
    assert (sent[1].get("front"), sent[1].get("number")) == (None, -3.5)


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        (104857600, 104857600),
        (1048576.5, 1048576),
        (float("nan"), None),
        (-1, None),
        ("x", None),
        (True, None),
    ],
)
def test_an_upload_limit_is_any_number(told: Any, limit: int | None) -> None:
    assert kinds()["comfyui"]().upload_limits({"max_upload_size": told}).bytes == limit


def test_a_413_says_sizes(odd: Odd, client: Client) -> None:
    odd.answers["POST /api/upload/image"] = Response("<html>413 Request Entity Too Large</html>", 413)
    with pytest.raises(comfy.UploadRejected, match=r"a\.bin with its 2\.0 MB is too large"):
        client.upload(b"x" * 2**21, "a.bin")


def test_freeing_memory(odd: Odd, client: Client) -> None:
    sent: list[Any] = []

    async def free(request: Request) -> Response:
        sent.append(await request.json())
        return Response()

    odd.answers["POST /api/free"] = free
    client.free()
    client.free(unload_models=False)
    assert sent == [
        {"unload_models": True, "free_memory": True},
        {"unload_models": False, "free_memory": True},
    ]
    del odd.answers["POST /api/free"]
    with pytest.raises(comfy.ComfyError, match="no way to free memory"):
        client.free()


def test_the_servers_log_comes_without_colours_and_secrets(odd: Odd, client: Client) -> None:
    register("a-secret-in-the-log")
    lines = ["first\n", "\x1b[32m[INFO]\x1b[0m got prompt\n", "\r50%\r100%\n", "key a-secret-in-the-log\n"]
    odd.answers["GET /internal/logs/raw"] = {"entries": [{"t": "", "m": line} for line in lines], "size": {}}
    assert client.logs(4) == "[INFO] got prompt\n50%\n100%\nkey [redacted]"
    assert client.logs().startswith("first\n")
    del odd.answers["GET /internal/logs/raw"]
    with pytest.raises(comfy.ComfyError, match="does not show its log"):
        client.logs()


def test_workflows_that_the_editor_saved(odd: Odd, client: Client) -> None:
    kept: dict[str, Any] = {}

    async def save(request: Request) -> Response:
        if "mine.json" in kept and request.query_params["overwrite"] == "false":
            return Response(status_code=409)
        kept["mine.json"] = await request.json()
        return JSONResponse("workflows/mine.json")

    odd.answers["GET /api/userdata"] = lambda request: (
        [{"path": f"{name}"} for name in (*kept, "notes.txt")]
        if request.query_params["dir"] == "workflows"
        else Response(status_code=404)
    )
    odd.answers["POST /api/userdata/workflows/mine.json"] = save
    odd.answers["GET /api/userdata/workflows/mine.json"] = lambda _: kept["mine.json"]
    assert client.workflows() == []
    client.save_workflow(Workflow.load(graphs.text("x")), "mine")
    assert client.workflows() == ["mine"]
    assert client.workflow("mine").to_api() == Workflow.load(graphs.text("x")).to_api()
    with pytest.raises(comfy.ComfyError, match=r"'mine' already\. overwrite=True"):
        client.save_workflow(graphs.text("y"), "mine")
    client.save_workflow(graphs.text("y"), "mine.json", overwrite=True)
    with pytest.raises(comfy.WorkflowNotFound, match=r"'mien'\. Did you mean 'mine'"):
        client.workflow("mien")


def test_a_job_from_submission_to_result(odd: Odd, client: Client) -> None:
    """The whole way over the recorded routes: one submission, one record."""
    body = json.loads(bytes(next(a[0] for key, a in exchanges() if key == f"GET /api/jobs/{COMPLETED}").body))
    odd.answers[f"GET /api/jobs/{JOB}"] = {**body, "id": JOB}
    odd.answers["GET /api/view"] = Response(b"a picture", media_type="image/png")
    result = client.submit(graphs.text("x"), validate=False).result(timeout=10)
    assert [output.filename for output in result.files] == ["rec_00016_.png"]
    assert not [asked for asked in odd.asked if "history" in asked]


def test_the_jobs_list_as_the_server_sends_it(odd: Odd, client: Client) -> None:
    page = client.jobs()
    statuses = {job.id: job.status for job in page}
    assert statuses[RUNNING] is comfy.JobStatus.in_progress
    assert statuses[PENDING] is comfy.JobStatus.pending
    assert page.total >= len(page) > 3
    assert "history" not in " ".join(odd.asked)
