"""What the ComfyUI editor asks of a server besides running workflows: settings, users, its own lists, logs.

Nothing here is needed to run a job. The Cloud's contract lacks these routes; they are served in both
dialects, so that the editor works with either.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ...text import redact
from ..http import Refused, parse_json, read_body, read_json, server_of, user_of
from ..logs import recent

SETTINGS = "comfy.settings.json"


async def get_settings(request: Request) -> Response:
    """All settings of the user's editor."""
    return JSONResponse(_stored(request))


async def get_setting(request: Request) -> Response:
    """One setting; null when it was never set."""
    return JSONResponse(_stored(request).get(request.path_params["id"]))


async def post_settings(request: Request) -> Response:
    """Change several settings."""
    _store(request, await read_json(request))
    return Response()


async def post_setting(request: Request) -> Response:
    """Change one setting; the body is its value."""
    body = await read_body(request, server_of(request).options.max_body)
    _store(request, {request.path_params["id"]: parse_json(body)})
    return Response()


async def users(request: Request) -> Response:
    """One user, whose settings are kept on the server."""
    return JSONResponse({"storage": "server", "migrated": True})


async def empty_list(request: Request) -> Response:
    """There are none: extensions, embeddings, templates."""
    return JSONResponse([])


async def empty_object(request: Request) -> Response:
    """There are none: translations, blueprints, node replacements, templates of node packs."""
    return JSONResponse({})


async def no_subgraph(request: Request) -> Response:
    """The server has no blueprints, so none is found."""
    raise Refused(404, "There is no such subgraph.")


async def logs(request: Request) -> Response:
    """The last lines of the server's log as text."""
    text = "".join(f"{moment} - {line}" for moment, line in recent())
    return JSONResponse(redact(text))


async def raw_logs(request: Request) -> Response:
    """The last lines of the server's log, each with its time."""
    entries = [{"t": moment, "m": redact(line)} for moment, line in recent()]
    return JSONResponse({"entries": entries, "size": {"cols": 80, "rows": 24}})


async def subscribe_logs(request: Request) -> Response:
    """Accepted, though no log lines are sent over the socket."""
    return Response()


async def workflow_template(request: Request) -> Response:
    """No file of a template exists."""
    return PlainTextResponse("Not Found", 404)


def _stored(request: Request) -> dict[str, Any]:
    content = server_of(request).userdata.read(user_of(request), SETTINGS)
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _store(request: Request, changed: dict[str, Any]) -> None:
    content = json.dumps(_stored(request) | changed).encode()
    server_of(request).userdata.write(user_of(request), SETTINGS, content)
