"""A client as a card: where it is connected, as whom, and how much is queued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bundle import Bundle
from ..frontend import detect
from ..safe import escape, plain
from ..static import style

if TYPE_CHECKING:
    from ...client.records import ServerInfo

_DIALECTS = {"cloud": "Comfy Cloud", "comfyui": "ComfyUI"}


def client_card(info: Any) -> Bundle:
    """The bundle of a client, from what it knows (`ServerInfo`) or from a client that can say (`info()`).

    Looking at a card costs nothing: given a client it asks the server once, given what the client
    knows it asks nobody. Under COMFY_NOTEBOOK_LIVE=0 the text holds no address and no numbers.
    """
    known: ServerInfo = info.info() if callable(getattr(info, "info", None)) else info
    dialect = _DIALECTS.get(known.dialect, plain(known.dialect))
    if detect().deterministic:
        return {"text/plain": f"Client({dialect})"}
    rows = {
        "Server": known.url,
        "Speaks": f"{dialect} {known.version or ''}".strip(),
        "User": known.user,
        "Queue": _queue(known.running, known.pending),
        "Devices": ", ".join(known.devices) or None,
        "Process": known.pid,
    }
    told = {label: value for label, value in rows.items() if value not in (None, "")}
    lines = [f"Client({dialect})", *(f"  {label.lower():8} {plain(value)}" for label, value in told.items())]
    cells = "".join(f"<dt>{label}</dt><dd>{escape(value)}</dd>" for label, value in told.items())
    reason = f'<div class="cnb-note">{escape(known.reason, 300)}</div>' if known.reason else ""
    card = f'<div class="cnb cnb-card"><dl class="cnb-dl">{cells}</dl>{reason}</div>'
    return {"text/plain": "\n".join(lines), "text/html": style("panel.css") + card}


def _queue(running: int | None, pending: int | None) -> str | None:
    if running is None and pending is None:
        return None
    return f"{running or 0} running, {pending or 0} waiting"
