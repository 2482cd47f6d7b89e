"""Which dialect a server speaks, also when it or a proxy before it answers wrongly for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

import comfy_notebook as comfy
from comfy_notebook.client import http as http_module
from comfy_notebook.client import probe

from .odd import KEY, Odd, raw

STATS = {"system": {"comfyui_version": "0.33.0"}, "devices": []}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between questions."""
    monkeypatch.setattr(probe, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(http_module, "jitter", lambda spread: 0.0)


@pytest.fixture
def odd() -> Iterator[Odd]:
    with Odd() as server:
        yield server


def _dialect(odd: Odd, url: str | None = None) -> str:
    with comfy.connect(url or odd.url, api_key=KEY, default=False, quiet=True) as client:
        return client.dialect


def test_a_server_with_users_is_a_cloud(odd: Odd) -> None:
    odd.answers["GET /api/system_stats"] = STATS
    assert _dialect(odd) == "cloud"


def test_a_server_without_is_a_comfyui(odd: Odd) -> None:
    del odd.answers["GET /api/user"]
    odd.answers["GET /api/system_stats"] = STATS
    assert _dialect(odd) == "comfyui"


@pytest.mark.parametrize(
    "hiccup",
    [raw("<html>busy</html>", status, "text/html") for status in (500, 502, 503, 429, 200)] + [raw("")],
    ids=["500", "502", "503", "429", "page", "nothing"],
)
def test_a_hiccup_never_makes_a_cloud_a_comfyui(odd: Odd, hiccup: Response) -> None:
    left = [hiccup]
    odd.answers["GET /api/user"] = lambda _: left.pop() if left else {"status": "active"}
    odd.answers["GET /api/system_stats"] = STATS
    assert _dialect(odd) == "cloud"


def test_a_lasting_failure_says_how_to_go_on(odd: Odd) -> None:
    odd.answers["GET /api/user"] = Response("oops", 500)
    odd.answers["GET /api/system_stats"] = STATS
    with pytest.raises(comfy.ConnectionFailed, match=r"HTTP 500 for /api/user.*dialect="):
        _dialect(odd)


def test_a_proxy_that_shows_a_page_for_any_route_is_looked_through(odd: Odd) -> None:
    """The page of a ComfyUI's own front end, say: the routes that answer decide."""
    odd.answers["GET /api/user"] = raw("<html>app</html>", 200, "text/html")
    odd.answers["GET /api/system_stats"] = STATS
    assert _dialect(odd) == "comfyui"


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_url_of_the_routes_works(odd: Odd, path: str) -> None:
    del odd.answers["GET /api/user"]
    odd.answers["GET /api/system_stats"] = STATS
    with comfy.connect(odd.url + path, default=False, quiet=True) as client:
        assert client.url == odd.url
        assert len(client.queue()) == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(status_code=404), "HTTP 404 for /api/system_stats"),
        (raw("<html>Sign in</html>", 401, "text/html"), "a sign-in page"),
        (RedirectResponse("https://login.example.com/?next=secret"), "redirects .*login.example.com"),
    ],
    ids=["nothing", "sign-in page", "redirect"],
)
def test_anything_else_says_what_it_is(odd: Odd, answer: Any, said: str) -> None:
    odd.answers = {"GET /api/user": answer, "GET /api/system_stats": answer}
    with pytest.raises(comfy.ComfyError, match=said) as failed:
        _dialect(odd)
    assert "secret" not in str(failed.value)
