"""JSON messages ⇄ one frozen dataclass for each kind.

Decoding never raises: a message of an unknown type, or with fields of unexpected types, becomes `Unknown`
and keeps its data. Field names are the wire's.
Sources: the Cloud API reference, "WebSocket Message Types"; the frames recorded from ComfyUI 0.3.64.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from .frames import PreviewImage, TextFrame, Unknown


@dataclass(frozen=True)
class Message:
    """Base of the JSON messages; `prompt_id` is None on those that belong to no job."""

    type: ClassVar[str] = ""


@dataclass(frozen=True)
class Status(Message):
    """Jobs running and pending on the server; `sid` is this socket's clientId, on the first one only."""

    type = "status"
    queue_remaining: int | None = None
    sid: str | None = None
    prompt_id: None = None


@dataclass(frozen=True)
class FeatureFlags(Message):
    """What the server can do; the answer to the flags a client sends as its first JSON message."""

    type = "feature_flags"
    flags: Mapping[str, Any] = field(default_factory=dict)
    prompt_id: None = None


@dataclass(frozen=True)
class Notification(Message):
    """A line to show to the user, such as "Executing workflow…" (Cloud only)."""

    type = "notification"
    value: str = ""
    prompt_id: str | None = None


@dataclass(frozen=True)
class ExecutionStart(Message):
    """The job has started; `timestamp` is in ms since the epoch where the server gives it."""

    type = "execution_start"
    prompt_id: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True)
class ExecutionCached(Message):
    """Nodes that will not run because their results are cached."""

    type = "execution_cached"
    nodes: tuple[str, ...] = ()
    prompt_id: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True)
class Executing(Message):
    """The node now running; `node` None is ComfyUI's last message about a job.

    After a reconnect ComfyUI sends this without a prompt_id (reconnect recording).
    """

    type = "executing"
    node: str | None = None
    display_node: str | None = None
    prompt_id: str | None = None


@dataclass(frozen=True)
class Progress(Message):
    """A step inside a node: `value` of `max`."""

    type = "progress"
    value: float = 0
    max: float = 1
    node: str | None = None
    prompt_id: str | None = None


@dataclass(frozen=True)
class NodeProgress:
    """One node inside a `ProgressState`; `state` is "running" or "finished" on the wire."""

    node_id: str
    value: float = 0.0
    max: float = 1.0
    state: str = "running"
    display_node_id: str | None = None
    parent_node_id: str | None = None
    real_node_id: str | None = None


@dataclass(frozen=True)
class ProgressState(Message):
    """Every node that has run so far in this job, cumulative, by node id."""

    type = "progress_state"
    nodes: Mapping[str, NodeProgress] = field(default_factory=dict)
    prompt_id: str | None = None


@dataclass(frozen=True)
class Executed(Message):
    """A node's output as the editor shows it, such as `{"images": [{filename, subfolder, type}]}`.

    `output` may be None for a cached output node that shows nothing.
    """

    type = "executed"
    node: str | None = None
    display_node: str | None = None
    output: Mapping[str, Any] | None = None
    prompt_id: str | None = None


@dataclass(frozen=True)
class ExecutionSuccess(Message):
    """The job has completed."""

    type = "execution_success"
    prompt_id: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True)
class ExecutionError(Message):
    """A node raised. `exception_type` is any string: an enum in the Cloud's pages, dotted in ComfyUI."""

    type = "execution_error"
    prompt_id: str | None = None
    node_id: str | None = None
    node_type: str | None = None
    exception_message: str = ""
    exception_type: str = ""
    traceback: tuple[str, ...] = ()
    executed: tuple[str, ...] = ()
    current_inputs: Mapping[str, Any] = field(default_factory=dict)
    # A list of node ids from ComfyUI, an object in the Cloud's schema.
    current_outputs: Any = ()
    timestamp: int | None = None


@dataclass(frozen=True)
class ExecutionInterrupted(Message):
    """The job was cancelled while it ran."""

    type = "execution_interrupted"
    prompt_id: str | None = None
    node_id: str | None = None
    node_type: str | None = None
    executed: tuple[str, ...] = ()
    timestamp: int | None = None


Event = (
    Status | FeatureFlags | Notification | ExecutionStart | ExecutionCached | Executing | Progress
    | ProgressState | Executed | ExecutionSuccess | ExecutionError | ExecutionInterrupted
    | PreviewImage | TextFrame | Unknown
)  # fmt: skip
"""Everything a job's events can be."""

_PLAIN: dict[str, type[Message]] = {
    cls.type: cls
    for cls in (
        Notification, ExecutionStart, ExecutionCached, Executing, Progress, Executed,
        ExecutionSuccess, ExecutionError, ExecutionInterrupted,
    )
}  # fmt: skip
_TUPLES = {"nodes", "traceback", "executed"}
_IDS = {"node", "node_id", "display_node", "prompt_id"}
_MAPPINGS = {"current_inputs"}
_NUMBERS = {"value", "max"}


def decode_message(raw: str | bytes | Mapping[str, Any]) -> Event:
    """One JSON text frame (or its parsed object) as an event; `Unknown` for other kinds."""
    message: Any = raw
    if isinstance(raw, (str, bytes)):
        try:
            message = json.loads(raw)
        except (ValueError, RecursionError):
            return Unknown(kind="not json", data=raw)
    if not isinstance(message, Mapping) or not isinstance(message.get("type"), str):
        return Unknown(kind="", data=message)
    kind, data = message["type"], message.get("data")
    if not isinstance(data, Mapping):
        data = {}
    try:
        if kind == "status":
            return _status(data)
        if kind == "feature_flags":
            return FeatureFlags(flags=dict(data))
        if kind == "progress_state":
            return _progress_state(data)
        if kind in _PLAIN:
            return _plain(_PLAIN[kind], data)  # type: ignore[return-value]
    except (TypeError, ValueError, AttributeError, OverflowError):
        pass
    prompt_id = data.get("prompt_id")
    return Unknown(
        kind=kind, data=message.get("data"), prompt_id=prompt_id if isinstance(prompt_id, str) else None
    )


def encode_message(event: Event) -> dict[str, Any]:
    """The `{"type", "data"}` object a server sends for this event; fields that are None are left out.

    `Executing.node` and `Executed.output` are kept: servers send null there.
    """
    if isinstance(event, Status):
        data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": event.queue_remaining}}}
        return {"type": "status", "data": data | ({"sid": event.sid} if event.sid else {})}
    if isinstance(event, FeatureFlags):
        return {"type": "feature_flags", "data": dict(event.flags)}
    if isinstance(event, ProgressState):
        nodes = {
            key: {f.name: getattr(node, f.name) for f in fields(node)} | {"prompt_id": event.prompt_id}
            for key, node in event.nodes.items()
        }
        return {"type": "progress_state", "data": {"prompt_id": event.prompt_id, "nodes": nodes}}
    if isinstance(event, Message) and event.type:
        data = {}
        for f in fields(event):
            value = getattr(event, f.name)
            if value is not None or f.name in ("node", "output"):
                data[f.name] = list(value) if isinstance(value, tuple) else value
        return {"type": event.type, "data": data}
    raise TypeError(f"{type(event).__name__} is not a JSON message")


def _status(data: Mapping[str, Any]) -> Status:
    status = data.get("status") or {}
    remaining = (status.get("exec_info") or {}).get("queue_remaining")
    sid = data.get("sid")
    return Status(
        queue_remaining=remaining if isinstance(remaining, int) else None,
        sid=sid if isinstance(sid, str) else None,
    )


def _progress_state(data: Mapping[str, Any]) -> ProgressState:
    nodes = {}
    for key, node in (data.get("nodes") or {}).items():
        # The Cloud's schema has class_type here and none of value, max, state.
        nodes[str(key)] = NodeProgress(
            node_id=str(node.get("node_id", key)),
            value=_number(node.get("value", 0.0)),
            max=_number(node.get("max", 1.0)),
            state=str(node.get("state", "running")),
            display_node_id=_id(node.get("display_node_id")),
            parent_node_id=_id(node.get("parent_node_id")),
            real_node_id=_id(node.get("real_node_id")),
        )
    return ProgressState(nodes=nodes, prompt_id=_id(data.get("prompt_id")))


def _plain(cls: type[Message], data: Mapping[str, Any]) -> Message:
    known: dict[str, Any] = {}
    for f in fields(cls):
        if f.name not in data:
            continue
        value = data[f.name]
        if f.name in _TUPLES:
            # ComfyUI sends a traceback as a list of lines; a single text counts as one line.
            value = (value,) if isinstance(value, str) else tuple(str(item) for item in value or ())
        elif f.name in _IDS:
            value = _id(value)
        elif f.name in _MAPPINGS:
            value = value if isinstance(value, Mapping) else {}
        elif f.name in _NUMBERS and cls is Progress:
            value = _number(value)
        elif f.name == "output":
            value = value if isinstance(value, Mapping) else None
        elif f.name in ("exception_message", "exception_type") or (f.name == "value" and cls is Notification):
            value = str(value)
        known[f.name] = value
    return cls(**known)


def _number(value: Any) -> float:
    """A finite number: Python's JSON reads NaN and Infinity, and integers too large for a float."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _id(value: Any) -> str | None:
    """Node ids are strings on the wire, and numbers in some custom nodes' messages."""
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value)
