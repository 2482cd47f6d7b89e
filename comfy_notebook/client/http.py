"""All HTTP of the package: credentials, retries, limits. No other module knows httpx.

What may be sent twice without harm is retried with backoff, honouring `Retry-After`, for at most `RETRY_FOR`
seconds; anything else is retried only when it was certainly not sent. The rule for other origins is that of
`exchange`: they are requested by a second client, which has none of the server's headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..config import is_loopback, settings
from ..errors import ConnectionFailed, ServerError
from ..sync import jitter, within
from . import tls
from .exchange import REDIRECTS, Access, Response, retry_after
from .failures import error_of, is_billing_gate

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("comfy_notebook.http")

ATTEMPTS = 5
RETRY_FOR = 30.0
MAX_ANSWER = 256 * 2**20
"""The most bytes of one answer, decompressed; downloads are not answers in this sense."""
_RETRIED = {429, 502, 503, 504}
_MOST_REDIRECTS = 5
_ENCODINGS = {"", "identity", "gzip", "deflate"}


class Interrupted(ConnectionFailed):
    """A transfer stopped before its end; the rest can still be requested."""


class ResponseLost(ConnectionFailed):
    """The request was sent but its answer was lost: the server may or may not have acted on it.

    `late` says that the server may still be working on it.
    """

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class Http:
    """Requests to one server. `path` starts with a slash and is below the server's base path."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.last_status: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: httpx.AsyncClient | None = None
        self._other: httpx.AsyncClient | None = None
        self._headers = {**access.own_headers(), "Accept-Encoding": "gzip, deflate"}

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
        form: Callable[[], Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        accept: tuple[int, ...] = (),
        doing: str = "",
        timeout: float | None = None,
    ) -> Response:
        """One exchange with the server.

        `body` is sent as JSON. `form` makes the `data` and `files` of a multipart form, for each attempt
        anew. Statuses in `accept` are returned as 2xx are. Raises the error of `failures.error_of`,
        `ConnectionFailed`, or `ResponseLost` for a request that is not idempotent.
        """
        doing = doing or f"{method} {path}"
        safe = method in ("GET", "HEAD") if idempotent is None else idempotent
        limit = timeout or settings.request_timeout
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"

        async def once() -> Response:
            parts: Mapping[str, Any] = form() if form is not None else {}
            client = self._client()
            request = client.build_request(
                method,
                self.url(path),
                params=_given(params),
                content=None if body is None else json.dumps(body).encode(),
                headers=sent,
                timeout=limit,
                **parts,
            )
            # httpx limits each read, so an answer that arrives in drips would never end.
            return await within(1.5 * limit, _read(client, request, doing))

        response = await self._retrying(once, safe=safe, what=f"{method} {path}")
        self.last_status = response.status
        if 200 <= response.status < 300 or response.status in accept:
            return response
        raise error_of(response, doing=doing, access=self.access)

    async def _retrying(self, once: Callable[[], Awaitable[Response]], *, safe: bool, what: str) -> Response:
        import httpx

        begin, delay = time.monotonic(), 0.2
        for attempt in range(1, ATTEMPTS + 1):
            wait: float | None = delay * jitter(0.5)
            failure: Exception | None = None
            try:
                response = await once()
                asked = retry_after(response.headers)
                if response.status not in _RETRIED or (response.status == 429 and not _may_retry(response)):
                    return response
                if asked is not None:
                    wait = asked
                elif not safe:
                    wait = None
                if not safe and response.status in (502, 504):
                    raise ResponseLost(
                        f"{self.access.url} answered with HTTP {response.status}: a proxy got no answer.",
                        late=True,
                    )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                failure = error
            except (httpx.RequestError, asyncio.TimeoutError) as error:
                failure = error
                if not safe:
                    late = isinstance(error, (httpx.TimeoutException, asyncio.TimeoutError))
                    raise ResponseLost(self._message(error), late=late) from None
            except (httpx.InvalidURL, ValueError) as error:
                raise ConnectionFailed(f"{self.access.url} cannot be requested: {error}.") from None
            over = wait is None or attempt == ATTEMPTS or time.monotonic() - begin + wait > RETRY_FOR
            # On this machine a refused connection means that nothing listens there.
            if over or (isinstance(failure, httpx.ConnectError) and is_loopback(self.access.url)):
                if failure is None:
                    return response
                raise ConnectionFailed(self._message(failure), hint=self._hint()) from None
            log.debug("%s: retry in %.1f s", what, wait)
            await asyncio.sleep(wait or 0)
            delay *= 2
        raise AssertionError("unreachable")

    def _message(self, error: Exception) -> str:
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
        """A GET whose body arrives in pieces; redirects are followed, to other origins without secrets.

        Yields the answer, whose `url` is the last one and whose `content` is empty unless it is an error,
        and the pieces.
        """
        import httpx

        url, params = self.url(path), _given(params)
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                own = self.access.is_own(url)
                client = self._client() if own else self._other_client()
                request = client.build_request(
                    "GET",
                    url,
                    params=params,
                    headers={**(self._headers if own else {}), **(headers or {})},
                    timeout=settings.request_timeout,
                )
                answer = await client.send(request, stream=True)
                try:
                    if answer.status_code not in REDIRECTS:
                        head = Response(answer.status_code, dict(answer.headers), b"", url)
                        if answer.status_code >= 400:
                            error = await _body(answer, "the download")
                            head = Response(head.status, head.headers, error, url)
                        yield head, answer.aiter_bytes()
                        return
                    url = self.access.redirected(str(answer.url), answer.headers.get("location", ""))
                    params = None
                finally:
                    await answer.aclose()
            raise ConnectionFailed(f"{self.access.url} redirects more than {_MOST_REDIRECTS} times.")
        except httpx.RequestError as error:
            raise Interrupted(self._message(error)) from None
        except httpx.InvalidURL:
            raise ConnectionFailed(f"{self.access.url} redirects to something that is not a URL.") from None

    def _client(self) -> httpx.AsyncClient:
        self._require_loop()
        if self._own is None:
            self._own = _new_client(self.access)
        return self._own

    def _other_client(self) -> httpx.AsyncClient:
        """The client for other origins, which has no secrets and keeps none."""
        self._require_loop()
        if self._other is None:
            self._other = _new_client(self.access, elsewhere=True)
        return self._other

    def _require_loop(self) -> None:
        """Drop the connections of a loop that is gone (another `asyncio.run`, a forked child)."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._own, self._other = loop, None, None

    async def close(self) -> None:
        """Close every connection of this loop."""
        mine = self._loop is asyncio.get_running_loop()
        clients, self._own, self._other = (self._own, self._other), None, None
        for client in clients:
            if client is not None and mine:
                await client.aclose()


async def _read(client: httpx.AsyncClient, request: httpx.Request, doing: str) -> Response:
    answer = await client.send(request, stream=True)
    try:
        content = await _body(answer, doing)
        return Response(answer.status_code, dict(answer.headers), content, str(answer.url))
    finally:
        await answer.aclose()


async def _body(answer: httpx.Response, doing: str) -> bytes:
    """The whole body, within `MAX_ANSWER`: a few megabytes of gzip can hold gigabytes."""
    encodings = {word.strip().lower() for word in answer.headers.get("content-encoding", "").split(",")}
    if encodings - _ENCODINGS:
        raise ServerError(
            f"{answer.url.host} answered {doing} in an encoding that was not asked for: "
            f"{', '.join(sorted(encodings))}.",
            status=answer.status_code,
        )
    found = bytearray()
    async for piece in answer.aiter_bytes():
        found += piece
        if len(found) > MAX_ANSWER:
            raise ServerError(
                f"{answer.url.host} answered {doing} with more than {MAX_ANSWER // 2**20} MB.",
                status=answer.status_code,
            )
    return bytes(found)


def _may_retry(response: Response) -> bool:
    """Whether the server of a 429 asks to be requested again; a billing gate stays closed."""
    return retry_after(response.headers) is not None and not is_billing_gate(response)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if params is None:
        return None
    return {name: value for name, value in params.items() if value is not None}


def _new_client(access: Access, elsewhere: bool = False) -> httpx.AsyncClient:
    import httpx

    # Making an SSL context takes 30 to 60 ms, and plain http needs none.
    context: Any = False
    if elsewhere or urlsplit(access.url).scheme == "https":
        context = tls.context(access.verify, elsewhere=elsewhere)
    return httpx.AsyncClient(
        verify=context,
        trust_env=not is_loopback(access.url),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30),
    )
