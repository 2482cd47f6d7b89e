"""What all routes share: the account of a request, reading its body within bounds, and refusals.

A refusal is `{"code", "message"}`, as the published contract has it. Reading is bounded before it is
parsed, and whatever is wrong with a request is a 4xx that says so: it never reaches a 500.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route

from .accounts import Account
from .admission import Stranger, account_for
from .reserve import is_storage_failure
from .server import Server

log = logging.getLogger(__name__)


class _Anything(Convertor[str]):
    """The rest of a path, whatever is in it: Starlette's own `path` stops at a line break."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", _Anything())
Endpoint = Callable[[Request], Awaitable[Response]]
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CODES = {
    400: "BAD_REQUEST", 401: "UNAUTHORIZED", 402: "PAYMENT_REQUIRED", 403: "FORBIDDEN", 404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED", 409: "CONFLICT", 413: "PAYLOAD_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE", 429: "TOO_MANY_REQUESTS", 500: "INTERNAL_ERROR",
}  # fmt: skip


_NO_KEY = "An API key is needed in the X-API-Key header, and this is not a valid one."


class Refused(Exception):
    """A request that is answered with an error; `message` is for the person who made it."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "ERROR")
        self.headers = headers

    def response(self) -> Response:
        """The answer, in the contract's shape."""
        return JSONResponse(
            {"code": self.code, "message": self.message}, status_code=self.status, headers=self.headers
        )


def server_of(request: Any) -> Server:
    """The server a request or socket came to."""
    server: Server = request.app.state.server
    return server


def account_of(request: Request) -> Account:
    """The account of the request, which the route has checked."""
    account: Account = request.state.account
    return account


def user_of(request: Request) -> str:
    """The user name of the request."""
    return account_of(request).user


def route(
    path: str, endpoint: Endpoint, method: str = "GET", *, public: bool = False, plain: bool = False
) -> Route:
    """A route that requires a key unless the contract makes it public; `plain` ones refuse in text."""

    async def guarded(request: Request) -> Response:
        server = server_of(request)
        try:
            account = account_for(server, request, request.headers.get("X-API-Key"))
        except Stranger:
            return Response(status_code=403)
        try:
            if account is None and not public:
                raise Refused(401, _NO_KEY)
            request.state.account = account
            return await endpoint(request)
        except Refused as error:
            if not plain:
                raise
            return PlainTextResponse(error.message, error.status, error.headers)

    guarded.__name__ = getattr(endpoint, "__name__", "route")
    methods = [method]
    return Route(path, guarded, methods=methods)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, cut off with a 413 as soon as it passes `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise Refused(413, f"The request body is larger than {limit // 1024**2} MB.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Refused(413, f"The request body is larger than {limit // 1024**2} MB.")
        parts.append(part)
    return b"".join(parts)


def parse_json(raw: bytes) -> Any:
    """JSON that can be written down again; a 400 for anything else (NaN, 1e999, lone surrogates)."""
    try:
        value = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, f"The request body is not valid JSON: {said[:200]}", "INVALID_JSON") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


async def read_json(request: Request, *, empty: Any = None) -> dict[str, Any]:
    """The body as a JSON object; `empty` stands for no body at all where one may be left out."""
    raw = await read_body(request, server_of(request).options.max_body)
    if not raw.strip() and empty is not None:
        return dict(empty)
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Refused(400, "The request body must be a JSON object.")
    return value


def query_int(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query string, within bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not low <= int(text) <= high:
        raise Refused(400, f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def query_choice(request: Request, name: str, default: str, choices: tuple[str, ...]) -> str:
    """A word of the query string, one of a few."""
    text = request.query_params.get(name, default)
    if text not in choices:
        raise Refused(400, f"{name} must be one of {', '.join(choices)}.")
    return text


def query_bool(request: Request, name: str, default: bool) -> bool:
    """`true` or `false` of the query string."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "false", "1", "0"):
        raise Refused(400, f"{name} must be true or false.")
    return text.lower() in ("true", "1")


async def refused(request: Request, error: Exception) -> Response:
    """Answer a `Refused`."""
    assert isinstance(error, Refused)
    return error.response()


async def crashed(request: Request, error: Exception) -> Response:
    """Answer that the server failed; the log has the details."""
    return Refused(500, "The server failed; its log says how.").response()


async def gone(request: Request, error: Exception) -> Response:
    """The client disconnected in the middle of its request; nothing can be sent."""
    return Refused(400, "The request ended before its body did.").response()


async def unwritable(request: Request, error: Exception) -> Response:
    """Answer a request whose data cannot be written, usually because the disk is full."""
    if not is_storage_failure(error):
        raise error
    said = getattr(error, "strerror", None) or error
    log.error("cannot write to the data directory: %s", said)
    message = f"The server cannot write to its data directory: {said}."
    return Refused(503, message, "STORAGE_FAILURE").response()


async def not_served(request: Request, error: Exception) -> Response:
    """Answer an unknown route or a wrong method."""
    assert isinstance(error, HTTPException)
    if server_of(request).options.dialect == "comfyui" and error.status_code == 404:
        return Response(status_code=404, media_type="application/octet-stream")
    message = {404: "There is no such route.", 405: "This route has no such method."}
    text = message.get(error.status_code, str(error.detail))
    response = Refused(error.status_code, text).response()
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """Every method the path of this request takes, over all its routes."""
    found: set[str] = set()
    for candidate in request.app.routes:
        if isinstance(candidate, Route) and candidate.matches(request.scope)[0] is not Match.NONE:
            found |= candidate.methods or set()
    return sorted(found)
