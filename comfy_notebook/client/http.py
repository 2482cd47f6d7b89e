"""All HTTP of the package: auth, retries, redirects; the one module that knows httpx.

Contract: the key, custom headers, cookies and basic auth go to the server's own origin and nowhere
else; a redirect to another origin is followed by a second client that has none of them. What may be
sent twice without harm is retried with backoff, honouring `Retry-After`, for at most `RETRY_FOR`
seconds; anything else is retried only while it provably never left. No httpx type leaves here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ..config import is_loopback, settings
from ..errors import ConnectionFailed
from ..sync import within
from .exchange import Access, Response, origin_of, retry_after
from .failures import error_of

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("comfy_notebook.http")

ATTEMPTS = 5
RETRY_FOR = 30.0
_RETRIED = {429, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}


class Http:
    """Requests to one server. `path` starts with a slash and is below the server's base path."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.last_status: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: httpx.AsyncClient | None = None
        self._other: httpx.AsyncClient | None = None
        self._headers = access.own_headers()

    def url(self, path: str) -> str:
        """The full URL of a path below the server's base path."""
        return self.access.url + path

    async def get(self, path: str, *, params: Mapping[str, Any] | None = None, doing: str = "") -> Response:
        """GET, retried; raises for any status that is not 2xx."""
        return await self.request("GET", path, params=params, doing=doing)

    async def post(self, path: str, body: Any, *, idempotent: bool = False, doing: str = "") -> Response:
        """POST JSON; `idempotent` says that sending it twice does no harm."""
        return await self.request("POST", path, body=body, idempotent=idempotent, doing=doing)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        content: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        accept: tuple[int, ...] = (),
        doing: str = "",
        timeout: float | None = None,
    ) -> Response:
        """One exchange with the server.

        `content` makes the body afresh for each attempt. Statuses in `accept` are returned rather
        than raised, as 2xx are. Raises the error of `failures.error_of`, or `ConnectionFailed`.
        """
        safe = method in ("GET", "HEAD") if idempotent is None else idempotent
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"

        async def once() -> Response:
            data = content() if content is not None else None if body is None else json.dumps(body).encode()
            limit = timeout or settings.request_timeout
            asked = self._client().request(
                method,
                self.url(path),
                params=_plain(params),
                content=data,
                headers=sent,
                timeout=limit,
            )
            # httpx's time is for each read: an answer that drips would never be over.
            answer = await within(1.5 * limit, asked)
            return Response(answer.status_code, dict(answer.headers), answer.content, str(answer.url))

        response = await self._retrying(once, safe=safe, what=f"{method} {path}")
        self.last_status = response.status
        if 200 <= response.status < 300 or response.status in accept:
            return response
        raise error_of(response, doing=doing or f"{method} {path}", url=self.access.url)

    async def _retrying(self, once: Callable[[], Awaitable[Response]], *, safe: bool, what: str) -> Response:
        import httpx

        begin, delay = time.monotonic(), 0.2
        for attempt in range(1, ATTEMPTS + 1):
            wait: float | None = delay * (0.5 + random.random())
            try:
                response = await once()
                if response.status not in _RETRIED or (response.status == 429 and not _may_retry(response)):
                    return response
                if not safe and response.status in (502, 504):
                    return response
                asked = retry_after(response.headers)
                wait = asked if asked is not None else wait if safe else None
                failure: Exception | None = None
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                failure = error
            except (httpx.RequestError, asyncio.TimeoutError) as error:
                failure = error
                if not safe:
                    raise ResponseLost(self._words(error)) from None
            except (httpx.InvalidURL, ValueError) as error:
                raise ConnectionFailed(f"{self.access.url} cannot be asked: {error}") from None
            over = wait is None or attempt == ATTEMPTS or time.monotonic() - begin + wait > RETRY_FOR
            # A refused connection on this machine is an answer: nothing listens there.
            if over or (isinstance(failure, httpx.ConnectError) and is_loopback(self.access.url)):
                if failure is None:
                    return response
                raise ConnectionFailed(self._words(failure), hint=self._hint()) from None
            log.debug("%s: trying again in %.1f s", what, wait)
            await asyncio.sleep(wait or 0)
            delay *= 2
        raise AssertionError("unreachable")

    def _words(self, error: Exception) -> str:
        import httpx

        reason = str(error).strip() or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return f"The certificate of {self.access.url} could not be verified ({reason})."
        if isinstance(error, (httpx.TimeoutException, asyncio.TimeoutError)):
            return f"{self.access.url} did not answer in time."
        if isinstance(error, httpx.ConnectError):
            return f"{self.access.url} cannot be reached ({reason})."
        return f"The connection to {self.access.url} broke ({reason})."

    def _hint(self) -> str:
        if is_loopback(self.access.url):
            return "Is the server running, and on this port?"
        return "Check the address and the network."

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """A GET whose body arrives in pieces, redirects followed by hand.

        On the way to another origin the key, cookies and every header of the server's stay behind.
        """
        import httpx

        url, params = self.url(path), _plain(params)
        try:
            for _ in range(6):
                home = self._is_home(url)
                sent = {**(self._headers if home else {}), **(headers or {})}
                client = self._client() if home else self._stranger()
                request = client.build_request(
                    "GET", url, params=params, headers=sent, timeout=settings.request_timeout
                )
                answer = await client.send(request, stream=True)
                try:
                    if answer.status_code not in _REDIRECTS:
                        head = Response(answer.status_code, dict(answer.headers), b"", url)
                        if answer.status_code >= 400:
                            head = Response(head.status, head.headers, await answer.aread(), url)
                        yield head, answer.aiter_bytes()
                        return
                    url, params = self._towards(str(answer.url), answer.headers.get("location", "")), None
                finally:
                    await answer.aclose()
            raise ConnectionFailed(f"{self.access.url} redirects in circles.")
        except httpx.RequestError as error:
            raise Broken(self._words(error)) from None
        except httpx.InvalidURL:
            raise self._nowhere() from None

    def _is_home(self, url: str) -> bool:
        try:
            return origin_of(url) == self.access.origin
        except ValueError:  # a port that is none
            raise self._nowhere() from None

    def _towards(self, url: str, location: str) -> str:
        try:
            return urljoin(url, location)
        except ValueError:
            raise self._nowhere() from None

    def _nowhere(self) -> ConnectionFailed:
        return ConnectionFailed(f"{self.access.url} redirected to something that is no URL.")

    def _fresh(self) -> None:
        """Forget connections of a loop that is gone (another `asyncio.run`, a forked child)."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._own, self._other = loop, None, None

    def _client(self) -> httpx.AsyncClient:
        self._fresh()
        if self._own is None:
            self._own = _new_client(self.access.url, self.access.verify)
        return self._own

    def _stranger(self) -> httpx.AsyncClient:
        """The client for other origins: it knows no secret, and keeps none."""
        self._fresh()
        if self._other is None:
            self._other = _new_client(self.access.url, self.access.verify, elsewhere=True)
        return self._other

    async def close(self) -> None:
        """Close every connection of this loop."""
        mine = self._loop is asyncio.get_running_loop()
        clients, self._own, self._other = (self._own, self._other), None, None
        for client in clients:
            if client is not None and mine:
                await client.aclose()


class Broken(ConnectionFailed):
    """A transfer stopped half-way; the rest may still be had."""


class ResponseLost(ConnectionFailed):
    """The request was sent and the answer lost: the server may or may not have acted on it."""


def _may_retry(response: Response) -> bool:
    # The Cloud's 429 also means an inactive subscription, which no waiting helps (protocol, §2).
    return retry_after(response.headers) is not None


def _plain(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if params is None:
        return None
    return {name: value for name, value in params.items() if value is not None}


def _new_client(url: str, verify: bool | str, elsewhere: bool = False) -> httpx.AsyncClient:
    import httpx

    # Making an SSL context takes 30 to 60 ms, for nothing on plain http.
    context: Any = False
    if elsewhere or urlsplit(url).scheme == "https":
        from . import tls

        context = tls.context(verify, elsewhere=elsewhere)
    return httpx.AsyncClient(
        verify=context,
        trust_env=not is_loopback(url),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30),
    )
