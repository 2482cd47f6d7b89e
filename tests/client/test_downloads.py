"""A finished job survives a download answer that passes, and a download resumes what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import comfy_notebook as comfy
from comfy_notebook.client import downloads
from comfy_notebook.config import settings

from .odd import Odd


@pytest.fixture
def odd() -> Iterator[Odd]:
    with Odd() as server:
        yield server


@pytest.fixture
def storage() -> Iterator[Odd]:
    with Odd() as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts."""
    monkeypatch.setattr(downloads, "jitter", lambda spread: 0.0)


def _answers(odd: Odd, *answers: Any) -> list[Request]:
    """What `/api/view` answers, one after another; returns the requests."""
    left, asked = list(answers), []

    def answer(request: Request) -> Any:
        asked.append(request)
        found = left.pop(0)
        return found(request) if callable(found) and not isinstance(found, Response) else found

    odd.answers["GET /api/view"] = answer
    return asked


FILE = Response(b"0123456789", media_type="image/png")


@pytest.mark.parametrize(
    "passing",
    [
        Response("slow down", 429, headers={"Retry-After": "0"}),
        Response("slow down", 429),
        Response("oops", 500),
        Response("<html>", 502),
        Response("<html>", 503),
    ],
    ids=["429 with a wait", "429", "500", "502", "503"],
)
def test_one_passing_answer_is_retried(odd: Odd, passing: Response) -> None:
    asked = _answers(odd, passing, FILE)
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"
    assert len(asked) == 2


def test_a_lasting_one_names_the_host_and_status(odd: Odd) -> None:
    asked = _answers(odd, *[Response("oops", 500)] * downloads._TRIES)
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match=rf"{odd.url} .*HTTP 500"):
        client.download("a.png")
    assert len(asked) == downloads._TRIES


def test_an_expired_url_is_made_anew(odd: Odd, storage: Odd) -> None:
    storage.answers["GET /old"] = Response("<Error>Request has expired</Error>", 403)
    storage.answers["GET /new"] = FILE
    asked = _answers(odd, RedirectResponse(f"{storage.url}/old"), RedirectResponse(f"{storage.url}/new"))
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"
    assert len(asked) == 2


def test_a_url_that_stays_refused_names_its_host(odd: Odd, storage: Odd) -> None:
    storage.answers["GET /old"] = Response("<Error/>", 403)
    _answers(odd, *[RedirectResponse(f"{storage.url}/old?secret=1")] * downloads._TRIES)
    host = storage.url.removeprefix("http://")
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match=f"{host}, which") as failed:
        client.download("a.png")
    assert "secret" not in str(failed.value)


def test_a_refusal_of_the_server_itself_is_final(odd: Odd) -> None:
    asked = _answers(odd, Response("{}", 403))
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match="does not allow"):
        client.download("a.png")
    assert len(asked) == 1


def _cut(request: Request) -> Response:
    """Half of what the length promises."""
    return Response(b"01234", headers={"Content-Length": "10"})


def test_a_break_is_resumed_where_it_was(odd: Odd) -> None:
    def rest(request: Request) -> Response:
        assert request.headers["range"] == "bytes=5-"
        return Response(b"56789", 206, headers={"Content-Range": "bytes 5-9/10"})

    _answers(odd, _cut, rest)
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"


def test_a_full_answer_to_a_range_begins_anew(odd: Odd) -> None:
    """A server that ignores Range sends all of it: nothing of the first attempt may stay."""
    _answers(odd, _cut, FILE)
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"


def test_another_part_than_asked_for_is_not_taken(odd: Odd) -> None:
    wrong = Response(b"0123", 206, headers={"Content-Range": "bytes 0-3/10"})
    asked = _answers(odd, _cut, wrong, FILE)
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"
    assert "range" not in asked[2].headers


def test_a_range_beyond_the_end_begins_anew(odd: Odd) -> None:
    asked = _answers(odd, _cut, Response(status_code=416), FILE)
    with odd.connect() as client:
        assert client.download("a.png") == b"0123456789"
    assert "range" not in asked[2].headers


def test_a_file_past_the_limit_is_refused(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_FILE", 5)
    _answers(odd, FILE)
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match="more than"):
        client.download("a.png")


@pytest.mark.parametrize("most", [1, 2])
def test_only_so_many_at_the_same_time(odd: Odd, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "downloads", most)
    running, seen = 0, []

    async def answer(request: Request) -> Response:
        nonlocal running
        running += 1
        seen.append(running)
        await asyncio.sleep(0.05)
        running -= 1
        return Response(b"x")

    odd.answers["GET /api/view"] = answer

    async def four(client: comfy.AsyncClient) -> None:
        await asyncio.gather(*(client.download(f"{n}.bin") for n in range(4)))

    with odd.connect() as client:
        asyncio.run(four(client._async))
    assert max(seen) == most


def test_a_file_that_is_gone_says_so_at_once(odd: Odd) -> None:
    asked = _answers(odd, Response(status_code=404))
    with odd.connect() as client, pytest.raises(comfy.DownloadFailed, match=r"a\.png is not on the server"):
        client.download("a.png")
    assert len(asked) == 1
