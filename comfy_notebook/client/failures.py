"""The error that a refusal of the server means: one HTTP answer ▶ one exception of `errors`.

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
from .exchange import REDIRECTS, Access, Response, retry_after

# By `error.type`: no wait opens these gates, so they are never retried.
_NO_CREDITS = {
    "PAYMENT_REQUIRED", "FREE_TIER_EXHAUSTED", "PARTNER_NODE_PAYMENT_REQUIRED", "MODEL_PAYMENT_REQUIRED",
    "INSUFFICIENT_CREDITS", "INSUFFICIENT_FUNDS",
}  # fmt: skip
_NO_SUBSCRIPTION = {
    "CLOUD_SUBSCRIPTION_REQUIRED", "SUBSCRIPTION_INACTIVE", "INACTIVE_SUBSCRIPTION", "FREE_TIER_UNAVAILABLE",
}  # fmt: skip
_PLANS = "See the plans at comfy.org/cloud/pricing."


def is_billing_gate(response: Response) -> bool:
    """Whether a 402 or 429 means that somebody has to pay, by its `error.type`."""
    return _read(response)[0].upper() in _NO_CREDITS | _NO_SUBSCRIPTION


def error_of(response: Response, *, doing: str, access: Access) -> ComfyError:
    """The error for a status and body; `doing` says what was requested."""
    kind, message, body = _read(response)
    status, url = response.status, access.url
    if status in (401, 403):
        return _refused(response, message, doing, access)
    # The Cloud reference has one 429, {code, message} without error.type: "Subscription inactive".
    documented = status == 429 and "code" in body and "subscription" in message.lower() if body else False
    if (status in (402, 429) and kind.upper() in _NO_SUBSCRIPTION) or documented:
        return SubscriptionInactive(_said("The account's subscription is not active", message), hint=_PLANS)
    if status == 402 or (status == 429 and kind.upper() in _NO_CREDITS):
        return InsufficientCredits(
            _said("The account has too few credits for this", message),
            hint="Add credits at platform.comfy.org.",
        )
    if status == 429:
        return _rate_limited(response, kind, message, url)
    if status in REDIRECTS:
        return _redirect(response, doing, url)
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping) and status == 400:
        return invalid_workflow(body)
    return ServerError(
        _said(f"{url} answered {doing} with HTTP {status}", message),
        status=status,
        body=redact(response.content[:2000].decode("utf-8", "replace")),
        hint="" if status < 500 else "If it happens again, %comfy debug makes a report.",
    )


def _said(what: str, message: str) -> str:
    """A sentence that ends with the server's own words."""
    text = f"{what}: {message}" if message else what
    return text if text.endswith((".", "!", "?")) else text + "."


def _refused(response: Response, message: str, doing: str, access: Access) -> AuthenticationError:
    """401 and 403: what was sent, and what to try. Without a message it may be a proxy that answers."""
    url, is_page = access.url, not isinstance(response.json(), Mapping)
    sent = [f"the API key from {access.key.source}"] if access.key is not None else []
    sent += ["the user and password"] if access.auth is not None else []
    sent += ["the cookies"] if access.cookies else []
    sent += ["the headers"] if access.headers else []
    what = f"{' and '.join(sent)} {'was' if len(sent) == 1 and access.key else 'were'} sent" if sent else ""
    if response.status == 403:
        error = AuthenticationError(
            _said(f"{url} does not allow {doing}", message),
            hint="The account, or the server's own rules, do not permit it.",
        )
    elif access.auth is not None or response.headers.get("www-authenticate", "").lower().startswith("basic"):
        error = AuthenticationError(
            _said(f"{url} requires a user name and a password" + (f"; {what}" if what else ""), message),
            hint="Check auth=(user, password) of connect.",
        )
    elif is_page:
        error = AuthenticationError(
            f"{url} answered with a sign-in page" + (f"; {what}." if what else "."),
            hint="A proxy may stand before the server: pass the headers=, cookies= or auth= it requires.",
        )
    else:
        error = AuthenticationError(
            _said(f"{url} did not accept the API key", message),
            hint="Check the key: %comfy login, the api_key argument or COMFY_CLOUD_API_KEY.",
        )
    error.transient = is_page
    return error


def _rate_limited(response: Response, kind: str, message: str, url: str) -> RateLimited:
    wait = retry_after(response.headers)
    after = f" It asks to wait {wait:g} s." if wait else ""
    hint = "Wait for running jobs to end, then try again."
    if not kind:
        hint += f" The Cloud also answers so when a subscription is not active. {_PLANS}"
    return RateLimited(
        _said(f"{url} takes no more requests at the moment", message) + after, retry_after=wait, hint=hint
    )


def _redirect(response: Response, doing: str, url: str) -> ServerError:
    target = response.headers.get("location", "another address").partition("?")[0]
    hint = "Connect to that address, or pass the headers= or cookies= that a sign-in page wants."
    if url.startswith("http://") and target.startswith("https://"):
        hint = f"The server wants https: connect to https://{url.removeprefix('http://')}."
    return ServerError(f"{url} redirects {doing} to {target}.", status=response.status, hint=hint)


def _read(response: Response) -> tuple[str, str, Any]:
    """(type or code, message, body) of the forms observed: {code, message}, {error: {…}}, {error: text}."""
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
