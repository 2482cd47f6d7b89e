"""Answers no server should give: each ends in the right result or the right error, in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

import comfy_notebook as comfy
from comfy_notebook.client import http as http_module
from comfy_notebook.config import settings
from comfy_notebook.errors import DownloadFailed
from comfy_notebook.jobs.follow import record as record_module
from comfy_notebook.protocol import messages

from . import graphs
from .odd import JOB, Odd, raw, record

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in life takes tenths here."""
    monkeypatch.setattr(settings, "quiet", 0.15)
    monkeypatch.setattr(settings, "patience", 1.5)


@pytest.fixture
def odd() -> Iterator[Odd]:
    with Odd() as server:
        yield server


TEXT = {"outputs": {"5": {"text": ["done"]}}}


def _submit(client: Any, **options: Any) -> comfy.Job:
    return client.submit(graphs.text("x"), validate=False, **options)


def _records(odd: Odd, *answers: Any) -> None:
    """Answer requests for the job's record one after another; the last answer repeats."""
    left = list(answers)
    odd.answers[f"GET /api/jobs/{JOB}"] = lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-1e400", "1" + "0" * 400, '"soon"', "{}", '"0001-01-01T00:00:00"', "[1]"]
)
def test_times_that_are_none(odd: Odd, number: str) -> None:
    text = (
        f'{{"id": "{JOB}", "status": "completed", "create_time": {number}, "execution_start_time": {number},'
        f' "execution_end_time": {number}, "outputs": {{"5": {{"text": ["done"]}}}}}}'
    )
    _records(odd, raw(text))
    with odd.connect() as client:
        assert _submit(client).result(timeout=10).texts == ["done"]


HUGE = "1" + "0" * 400
ODD_FRAMES = [
    '{"type": "progress", "data": {"value": NaN, "max": NaN, "node": "5", "prompt_id": "JOB"}}',
    '{"type": "progress", "data": {"value": 1e999, "max": 1e999, "node": "5", "prompt_id": "JOB"}}',
    f'{{"type": "progress", "data": {{"value": {HUGE}, "max": 1, "node": "5", "prompt_id": "JOB"}}}}',
    '{"type": "progress_state", "data": {"nodes": {"5": {"value": NaN, "max": 2}}, "prompt_id": "JOB"}}',
    f'{{"type": "progress_state", "data": {{"nodes": {{"5": {{"max": {HUGE}}}}}, "prompt_id": "JOB"}}}}',
    '{"type": "executed", "data": {"node": {}, "output": [], "prompt_id": "JOB"}}',
    '{"type": "execution_cached", "data": {"nodes": 7, "prompt_id": "JOB"}}',
    '{"type": "status", "data": {"status": {"exec_info": []}}}',
    "[" * 5000,
    "\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
]


@pytest.mark.parametrize("frame", ODD_FRAMES, ids=range(len(ODD_FRAMES)))
def test_no_frame_ends_the_live_events(odd: Odd, frame: str) -> None:
    """What comes after it is still heard, on the same connection, and progress stays a number."""
    accepted, ended = asyncio.Event(), asyncio.Event()
    submitted = odd.answers["POST /api/prompt"]
    odd.answers["POST /api/prompt"] = lambda _: accepted.set() or submitted

    async def talk(socket: WebSocket) -> None:
        await socket.receive_text()
        await accepted.wait()
        await socket.send_json({"type": "execution_start", "data": {"prompt_id": JOB}})
        await socket.send_text(frame.replace('"JOB"', f'"{JOB}"'))
        await socket.send_json({"type": "execution_success", "data": {"prompt_id": JOB}})
        ended.set()
        await socket.receive_text()

    odd.socket = talk
    odd.answers[f"GET /api/jobs/{JOB}"] = lambda _: (
        record("completed", **TEXT) if ended.is_set() else record("in_progress")
    )
    with odd.connect() as client:
        job = _submit(client)
        for state in job.updates(timeout=10):
            assert 0.0 <= state.fraction <= 1.0
        assert job.result().texts == ["done"]
        assert isinstance(list(job.events())[-1], messages.ExecutionSuccess)
        assert odd.connections == 1


def test_a_status_alone_is_no_success(odd: Odd) -> None:
    """The older status route says success and lists no outputs: the record that does is waited for."""
    odd.answers[f"GET /api/job/{JOB}/status"] = {"id": JOB, "status": "success"}
    missing = Response(status_code=404)
    _records(odd, *[missing] * 6, record("completed", **TEXT))
    with odd.connect() as client:
        assert _submit(client).result(timeout=10).texts == ["done"]


def test_nor_is_one_whose_record_never_comes(odd: Odd) -> None:
    odd.answers[f"GET /api/job/{JOB}/status"] = {"id": JOB, "status": "success"}
    with odd.connect() as client, pytest.raises(comfy.ServerError, match="lists no outputs"):
        _submit(client).result(timeout=10)


def test_a_record_that_comes_and_goes(odd: Odd) -> None:
    """A storage that is a moment behind: not found is not lost at once."""
    gone = Response(status_code=404)
    _records(odd, *([gone] * 5 + [record("pending")]) * 3, *[gone] * 5, record("completed", **TEXT))
    with odd.connect() as client:
        assert _submit(client).result(timeout=20).texts == ["done"]


def test_outputs_that_come_after_the_word(odd: Odd) -> None:
    """Completed, and the outputs a moment later: never an empty success."""
    _records(odd, record("completed", outputs={}), record("completed", outputs={}, outputs_count=1),
             record("completed", **TEXT))  # fmt: skip
    with odd.connect() as client:
        assert _submit(client).result(timeout=10).texts == ["done"]


def test_a_server_that_is_too_busy_to_say(odd: Odd) -> None:
    """429 with a time to wait: the job is not given up, and no request is sent before that time."""
    busy = Response('{"error": {"type": "RATE_LIMITED", "message": "slow down"}}', 429,
                    headers={"Retry-After": "31"}, media_type="application/json")  # fmt: skip
    odd.answers[f"GET /api/jobs/{JOB}"] = busy
    with odd.connect() as client:
        job = _submit(client)
        assert job.wait(timeout=settings.patience + 1.5) is not comfy.JobStatus.lost
        assert odd.asked.count(f"GET /api/jobs/{JOB}") == 1


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_an_answer_that_drips(odd: Odd, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps a read from timing out: the whole exchange has its time, too."""
    monkeypatch.setattr(settings, "request_timeout", 0.4)
    monkeypatch.setattr(http_module, "RETRY_FOR", 1.0)

    async def drip() -> Any:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    for path in (f"/api/jobs/{JOB}", "/api/history/x", "/api/queue"):
        odd.answers[f"GET {path}"] = lambda _: StreamingResponse(drip())
    with odd.connect(dialect) as client:
        job = _submit(client)
        began = time.monotonic()
        with pytest.raises(comfy.ConnectionFailed, match="did not answer in time"):
            job.result(timeout=30)
        assert time.monotonic() - began < 12


def test_an_output_that_drips(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "request_timeout", 0.4)

    async def drip() -> Any:
        while True:
            yield b"."
            await asyncio.sleep(0.05)

    odd.answers["GET /api/view"] = lambda _: StreamingResponse(drip())
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match=r"too slowly"):
        client.download("a.png")


@pytest.mark.parametrize(
    "location",
    ["http://host:99999999/x", "http://[x/", "file:///etc/passwd", "http://\x7f/", "//", "gopher://x"],
)
def test_redirects_to_nowhere(odd: Odd, location: str) -> None:
    odd.answers["GET /api/view"] = Response(status_code=302, headers={"Location": location})
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match=r"a\.png"):
        client.download("a.png")


def test_a_body_that_is_not_what_its_encoding_says(odd: Odd) -> None:
    garbled = Response(b"this is not gzip", headers={"Content-Encoding": "gzip"})
    odd.answers["GET /api/queue"] = odd.answers["GET /api/view"] = garbled
    with odd.connect() as client:
        with pytest.raises(comfy.ConnectionFailed, match="broke"):
            client.queue()
        with pytest.raises(comfy.DownloadFailed, match=r"a\.png"):
            client.download("a.png")


@pytest.mark.parametrize("asked", ["nan", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "\xb2"])
def test_times_to_wait_that_are_none(odd: Odd, asked: str) -> None:
    left = [Response("{}", 503, headers={"Retry-After": asked}), {"queue_running": [], "queue_pending": []}]
    odd.answers["GET /api/queue"] = lambda _: left.pop(0)
    with odd.connect() as client:
        assert len(client.queue()) == 0


def test_a_date_to_wait_for() -> None:
    from email.utils import formatdate

    waits = http_module.retry_after({"retry-after": formatdate(time.time() + 20, usegmt=True)})
    assert waits is not None
    assert 15 < waits <= 20


def test_a_socket_that_closes_after_every_frame(odd: Odd) -> None:
    """It is connected again ever more rarely, and the record is not asked at every turn."""

    async def hang_up(socket: WebSocket) -> None:
        await socket.close()

    odd.socket = hang_up
    _records(odd, record("in_progress"))
    with odd.connect() as client:
        job = _submit(client)
        job.wait(timeout=2.5)
        # With the shortest pauses there may be: 0.05, 0.1, 0.2, then 0.25 s. Without growth: 25.
        assert odd.connections <= 13
        assert odd.asked.count(f"GET /api/jobs/{JOB}") <= 30
        _records(odd, record("completed", **TEXT))
        assert job.result(timeout=10).texts == ["done"]


def test_a_socket_that_never_speaks_is_not_counted_on(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connected and mute is as good as not connected: the record is asked as often as without."""
    from comfy_notebook.client import socket

    monkeypatch.setattr(settings, "quiet", 60.0)
    monkeypatch.setattr(socket, "FIRST_STATUS", 0.2)
    odd.greets = False
    _records(odd, record("in_progress"), record("in_progress"), record("completed", **TEXT))
    with odd.connect() as client:
        assert _submit(client).result(timeout=5).texts == ["done"]


def test_a_key_that_cannot_be_sent(odd: Odd) -> None:
    with pytest.raises(comfy.AuthenticationError, match="characters") as refused:
        comfy.connect(odd.url, api_key="clé-secrète\n2", default=False, quiet=True)
    assert "secr" not in str(refused.value)


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_cancelling_what_never_was(odd: Odd, dialect: str) -> None:
    odd.answers["POST /api/queue"] = Response()
    odd.answers["GET /api/history/no-such-job"] = {}
    with odd.connect(dialect) as client, pytest.raises(comfy.JobNotFound, match="no-such-job"):
        client.cancel("no-such-job")


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        '"x"',
        "<html>busy</html>",
        '{"prompt_id": 7}',
        '{"prompt_id": ""}',
        "{",
        "\xff",
        "[" * 9999,
    ],
)
def test_a_submission_answered_with_nonsense(odd: Odd, dialect: str, body: str) -> None:
    odd.answers["POST /api/prompt"] = raw(body)
    with odd.connect(dialect) as client, pytest.raises(comfy.ConnectionFailed, match="may or may not"):
        _submit(client)
    assert odd.asked.count("POST /api/prompt") == 1


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 418, 500, 502, 503, 504])
def test_a_submission_refused_with_a_page(odd: Odd, dialect: str, status: int) -> None:
    """Somebody's proxy answers in HTML: the status is said, the page is not."""
    odd.answers["POST /api/prompt"] = raw("<html><b>nginx</b></html>", status, "text/html")
    with odd.connect(dialect) as client, pytest.raises(comfy.ComfyError) as refused:
        _submit(client)
    assert "nginx" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_entries_of_the_queue_that_are_not_jobs(odd: Odd, dialect: str) -> None:
    odd.answers["GET /api/queue"] = raw(
        '{"queue_running": [[NaN, 7, null], "x", [], [1]], "queue_pending": [[{}, "b", 3, 4, 5]]}'
    )
    with odd.connect(dialect) as client:
        queue = client.queue()
    assert [job.id for job in queue.running] == ["7"]
    assert [job.id for job in queue.pending] == ["b"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HTMLResponse("<!doctype html><title>Log in</title>"), "A web page came in place of a.png"),
        (Response(b"\n<HTML>", media_type="image/png"), "A web page came in place of a.png"),
        (JSONResponse({}), "A JSON answer came in place of a.png"),
        (JSONResponse(None), "A JSON answer came in place of a.png"),
    ],
    ids=["page", "page called PNG", "object", "null"],
)
def test_a_page_or_json_is_never_saved_as_a_picture(odd: Odd, answer: Response, said: str) -> None:
    odd.answers["GET /api/view"] = answer
    with odd.connect() as client, pytest.raises(DownloadFailed, match=said):
        client.download("a.png")
    left = [answer, Response(b"a picture")]
    odd.answers["GET /api/view"] = lambda _: left.pop(0)
    with odd.connect() as client:
        assert client.download("a.png") == b"a picture"


def test_files_that_are_pages_or_json_are_downloaded(odd: Odd) -> None:
    with odd.connect() as client:
        for name, body in (("a.html", b"<html>"), ("a.json", b"{}"), ("a.txt", b"<html>")):
            odd.answers["GET /api/view"] = Response(body)
            assert client.download(name) == body


NOT_THE_ANSWER = [
    ("<html>Sign in</html>", "a web page"),
    ("", "nothing"),
    ("busy", "that is not JSON"),
    ("null", "that is not JSON"),
    ("{}", "JSON of another form"),
    ("[]", "JSON of another form"),
    ('{"queue_running": null, "queue_pending": null, "jobs": null}', "JSON of another form"),
    ('{"queue_running": []', "that is not JSON"),
]


@pytest.mark.parametrize(("body", "said"), NOT_THE_ANSWER, ids=[body for body, _ in NOT_THE_ANSWER])
@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_a_200_that_is_not_the_answer(odd: Odd, body: str, said: str, dialect: str) -> None:
    odd.answers["GET /api/queue"] = odd.answers["GET /api/jobs"] = raw(body)
    with odd.connect(dialect) as client:
        with pytest.raises(comfy.ServerError, match=said):
            client.queue()
        with pytest.raises(comfy.ServerError, match=said):
            client.jobs()


RUBBISH = [
    raw("<html>Sign in</html>", 200, "text/html"),
    raw("{}"),
    raw("null"),
    raw('{"queue_running": ['),
    raw("<html>Sign in</html>", 401, "text/html"),
    raw("<html>no</html>", 403, "text/html"),
    raw("<html>busy</html>", 500, "text/html"),
    raw("busy", 429, "text/plain"),
]


@pytest.mark.parametrize("answer", RUBBISH, ids=range(len(RUBBISH)))
@pytest.mark.parametrize("dialect", ["cloud", "comfyui"])
def test_five_answers_of_a_proxy_lose_no_job(
    odd: Odd, answer: Response, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a proxy puts in place of the record, the job is not given up while it runs."""
    monkeypatch.setattr(settings, "patience", 20.0)
    monkeypatch.setattr(http_module, "jitter", lambda spread: 0.0)
    monkeypatch.setattr(record_module, "BACK_OFF", 0.05)
    history = {JOB: {"outputs": {"5": {"text": ["done"]}}, "status": {"status_str": "success"}}}
    finished = {
        f"/api/jobs/{JOB}": record("completed", **TEXT),
        f"/api/history/{JOB}": history,
        "/api/queue": {"queue_running": [], "queue_pending": []},
    }
    left = [answer] * 5

    def answers(request: Request) -> Any:
        return left.pop() if left else finished.get(request.url.path, Response(status_code=404))

    with odd.connect(dialect) as client:
        job = _submit(client)
        for path in [*finished, f"/api/job/{JOB}/status"]:
            odd.answers[f"GET {path}"] = answers
        assert job.result(timeout=20).texts == ["done"]
    assert left == []


def test_a_typed_refusal_while_following_is_final(odd: Odd) -> None:
    odd.answers[f"GET /api/jobs/{JOB}"] = raw('{"code": "unauthorized", "message": "revoked"}', 401)
    with odd.connect() as client, pytest.raises(comfy.AuthenticationError, match="revoked"):
        _submit(client).result(timeout=10)


@pytest.mark.parametrize("status", [502, 504])
def test_a_submission_a_proxy_lost_is_found_by_its_id(odd: Odd, status: int) -> None:
    """The server took it, and the proxy before it answered first: it is looked for, not sent again."""
    sent: list[str] = []

    async def lose(request: Request) -> Response:
        sent.append((await request.json())["prompt_id"])
        return Response("<html>", status)

    odd.answers["POST /api/prompt"] = lose
    odd.answers["GET /api/queue"] = lambda _: {
        "queue_running": [[1, job_id, {}, {}, []] for job_id in sent],
        "queue_pending": [],
    }
    with odd.connect("comfyui") as client:
        job = _submit(client)
        assert [job.id] == sent


@pytest.mark.parametrize(
    ("running", "interrupted"),
    [([JOB], True), (["anothers"], False), ([JOB, "anothers"], False), (["anothers", JOB], False)],
)
def test_a_cloud_is_interrupted_only_while_ours_runs_alone(
    odd: Odd, running: list[str], interrupted: bool
) -> None:
    """On a Cloud without a cancel route an interrupt may end every running job of the account."""
    odd.answers["POST /api/queue"] = {"deleted": []}
    odd.answers["POST /api/interrupt"] = Response()
    odd.answers[f"GET /api/jobs/{JOB}"] = record("in_progress")
    odd.answers["GET /api/queue"] = {
        "queue_running": [[n, job_id, {}, [], {}] for n, job_id in enumerate(running)],
        "queue_pending": [],
    }
    with odd.connect() as client:
        assert client.cancel(JOB) is interrupted
    assert ("POST /api/interrupt" in odd.asked) is interrupted
