"""A client as a card: its server, account and queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...text import escape, printable
from ..frontend import detect
from ..results.bundle import Bundle
from ..static import style

if TYPE_CHECKING:
    from ...client.records import ServerInfo
    from ...clients import Client

_DIALECTS = {"cloud": "Comfy Cloud", "comfyui": "ComfyUI"}


def client_card(known: ServerInfo | Client) -> Bundle:
    """The bundle of a `ServerInfo`, or of a client without asking its server.

    Under COMFY_NOTEBOOK_LIVE=0 the text holds no address and no numbers.
    """
    dialect = _DIALECTS.get(known.dialect, printable(known.dialect))
    if detect().deterministic:
        return {"text/plain": f"Client({dialect})"}
    rows = {
        "Server": known.url,
        "Speaks": f"{dialect} {getattr(known, 'version', None) or ''}".strip(),
        "Account": _said(known, "user"),
        "Queue": _queue(getattr(known, "running", None), getattr(known, "pending", None)),
        "Devices": ", ".join(getattr(known, "devices", ())) or None,
        "Process": getattr(known, "pid", None),
        "State": "closed" if getattr(known, "closed", False) else None,
        "Why": known.reason,
    }
    told = {label: value for label, value in rows.items() if value not in (None, "")}
    lines = [
        f"Client({dialect})",
        *(f"  {label.lower():8} {printable(value)}" for label, value in told.items()),
    ]
    cells = "".join(f"<dt>{label}</dt><dd>{escape(value, 300)}</dd>" for label, value in told.items())
    card = f'<div class="cnb cnb-card"><dl class="cnb-dl">{cells}</dl></div>'
    return {"text/plain": "\n".join(lines), "text/html": style("panel.css") + card}


def _said(known: ServerInfo | Client, name: str) -> str | None:
    # A client has methods of these names, which ask the server.
    value = getattr(known, name, None)
    return value if isinstance(value, str) else None


def _queue(running: int | None, pending: int | None) -> str | None:
    if running is None and pending is None:
        return None
    return f"{running or 0} running, {pending or 0} waiting"
