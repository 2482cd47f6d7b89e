"""What a server's refusal means: one HTTP answer ▶ one error of the tree.

Sources: the Cloud API reference, "HTTP Errors"; the bodies recorded from ComfyUI 0.3.64
(validation_errors); the newer unified contract for `error.type` of 402 and 429.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import (
    AuthenticationError,
    ComfyError,
    InsufficientCredits,
    InvalidWorkflow,
    Problem,
    RateLimited,
    ServerError,
    SubscriptionInactive,
)
from ..protocol.graph import node_class, node_title
from ..text import clip, closest, redact
from .exchange import Response, retry_after

_INACTIVE = {"CLOUD_SUBSCRIPTION_REQUIRED", "SUBSCRIPTION_INACTIVE", "INACTIVE_SUBSCRIPTION"}
_BUSY = {
    "QUEUE_LIMIT", "FREE_TIER_UNAVAILABLE", "BILLING_UNAVAILABLE", "PLATFORM_REFUSED",
    "RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS",
}  # fmt: skip


def error_of(response: Response, *, doing: str, url: str) -> ComfyError:
    """The error a status and body stand for; `doing` is what was being asked, for the message."""
    kind, message, body = _read(response)
    said = f": {message}" if message else ""
    status = response.status
    if status in (401, 403):
        what = "did not accept the API key" if status == 401 else f"does not allow this ({doing})"
        hint = (
            "Check the key: %comfy login, the api_key argument or COMFY_CLOUD_API_KEY."
            if status == 401
            else "The account, or the server's own rules, do not permit it."
        )
        return AuthenticationError(f"{url} {what}{said}", hint=hint)
    if status == 402 and kind not in _INACTIVE:
        return InsufficientCredits(
            f"The account has too few credits for this{said}", hint="Add credits at platform.comfy.org."
        )
    if status == 402 or (status == 429 and _is_subscription(kind, message, response)):
        return SubscriptionInactive(
            f"The account's subscription is not active{said}",
            hint="See the plans at comfy.org/cloud/pricing.",
        )
    if status == 429:
        wait = retry_after(response.headers)
        after = f" It asks to wait {wait:g} s." if wait else ""
        return RateLimited(
            f"{url} takes no more for the moment{said}.{after}".replace("..", "."),
            retry_after=wait,
            hint="Wait for running jobs to end, then try again.",
        )
    if 300 <= status < 400:
        where = response.headers.get("location", "elsewhere").partition("?")[0]
        return ServerError(
            f"{url} redirects {doing} to {where}",
            status=status,
            hint="Connect to that address, or pass the headers= or cookies= a sign-in page wants.",
        )
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping) and status == 400:
        return invalid_workflow(body)
    return ServerError(
        f"{url} answered {doing} with HTTP {status}{said}",
        status=status,
        body=redact(response.content[:2000].decode("utf-8", "replace")),
        hint="" if status < 500 else "If it happens again, %comfy debug makes a report.",
    )


def _is_subscription(kind: str, message: str, response: Response) -> bool:
    if kind in _INACTIVE:
        return True
    if kind in _BUSY or "retry-after" in response.headers:
        return False
    # With no type given, the reference's table decides: 429 is "Subscription inactive".
    words = message.lower()
    return "subscription" in words or not ("limit" in words or "too many" in words or "queue" in words)


def _read(response: Response) -> tuple[str, str, Any]:
    """(type or code, message, body) of every form seen: {code, message}, {error: {…}}, {error: text}."""
    body = response.json()
    if not isinstance(body, Mapping):
        text = response.content[:300].decode("utf-8", "replace").strip()
        return "", "" if text.startswith("<") else clip(text, 300), body
    error = body.get("error")
    if isinstance(error, Mapping):
        return str(error.get("type") or ""), str(error.get("message") or ""), body
    message = body.get("message") or error or body.get("detail") or ""
    return str(body.get("code") or body.get("type") or ""), clip(str(message), 500), body


def invalid_workflow(body: Mapping[str, Any], graph: Mapping[str, Any] | None = None) -> InvalidWorkflow:
    """A 400 of POST /api/prompt: every reason by node, with titles where the graph is at hand."""
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {"message": str(error or "")}
    problems = node_problems(body.get("node_errors"), graph)
    message = str(error.get("message") or "The server refused the workflow").rstrip(". ")
    details = str(error.get("details") or "").strip()
    if not problems:
        problems = [_whole_graph_problem(error, message, details, graph)]
    kind = str(error.get("type") or "")
    hint = "wf.validate(client.nodes) lists the same before sending." if kind != "prompt_no_outputs" else (
        "A workflow needs an output node, such as SaveImage or PreviewImage."
    )  # fmt: skip
    return InvalidWorkflow(f"The server refused the workflow: {message}.", problems=problems, hint=hint)


def _whole_graph_problem(
    error: Mapping[str, Any], message: str, details: str, graph: Mapping[str, Any] | None
) -> Problem:
    extra = error.get("extra_info")
    extra = extra if isinstance(extra, Mapping) else {}
    node_id = extra.get("node_id")
    if node_id is None and details.startswith("Node ID '#"):
        node_id = details[len("Node ID '#") :].rstrip("'")
    title, class_type = names(graph, None if node_id is None else str(node_id))
    return Problem(
        message + (f" ({details})" if details and node_id is None else ""),
        node_id=None if node_id is None else str(node_id),
        node_title=extra.get("node_title") or title,
        class_type=extra.get("class_type") or class_type,
        kind=str(error.get("type") or "invalid"),
    )


def node_problems(
    node_errors: Any, graph: Mapping[str, Any] | None = None, severity: str = "error"
) -> list[Problem]:
    """Every entry of `node_errors`, with the closest value where one of a list was meant."""
    found = []
    for node_id, entry in node_errors.items() if isinstance(node_errors, Mapping) else ():
        entry = entry if isinstance(entry, Mapping) else {}
        title, class_type = names(graph, str(node_id))
        for error in entry.get("errors") or ():
            if isinstance(error, Mapping):
                found.append(
                    _problem(str(node_id), error, title, entry.get("class_type") or class_type, severity)
                )
    return found


_MISSING_FILE = re.compile(r"^(?P<input>\w+) - Invalid \w+ file: (?P<file>.+)$")


def _problem(
    node_id: str, error: Mapping[str, Any], title: str | None, class_type: str | None, severity: str
) -> Problem:
    extra = error.get("extra_info")
    extra = extra if isinstance(extra, Mapping) else {}
    kind, details = str(error.get("type") or "invalid"), str(error.get("details") or "")
    message = str(error.get("message") or kind).rstrip(". ")
    if (missing := _MISSING_FILE.search(details)) is not None:
        return Problem(
            f"The server has no file {clip(missing['file'], 300)!r}.",
            node_id=node_id,
            node_title=title,
            class_type=class_type,
            input_name=missing["input"],
            kind=kind,
            suggestion=f"Path({clip(missing['file'], 300)!r}), which uploads a file of yours",
            severity=severity,
            details={"received": extra.get("received_value"), "details": details},
        )
    # An absent node shows as a Python exception of the server's own; its text alone says nothing.
    text = f"{message}: {clip(details, 300)}" if details and details not in message else message
    return Problem(
        text + ".",
        node_id=node_id,
        node_title=title,
        class_type=class_type,
        input_name=extra.get("input_name"),
        kind=kind,
        suggestion=_nearest(kind, extra),
        severity=severity,
        details={"received": extra.get("received_value"), "details": details},
    )


def _nearest(kind: str, extra: Mapping[str, Any]) -> str | None:
    config, received = extra.get("input_config"), extra.get("received_value")
    if not isinstance(config, list) or not config:
        return None
    options = config[1] if len(config) > 1 and isinstance(config[1], Mapping) else {}
    if kind == "value_not_in_list":
        choices = config[0] if isinstance(config[0], list) else options.get("options")
        near = closest(str(received), choices, n=1) if isinstance(choices, list) else []
        return repr(near[0]) if near else None
    if kind == "value_smaller_than_min" and "min" in options:
        return f"{options['min']} or more"
    if kind == "value_bigger_than_max" and "max" in options:
        return f"{options['max']} or less"
    return None


def names(graph: Mapping[str, Any] | None, node_id: str | None) -> tuple[str | None, str | None]:
    """A node's title and class in a graph, as far as the graph has them."""
    node = graph.get(node_id) if graph is not None and node_id is not None else None
    return node_title(node) or node_class(node), node_class(node)
