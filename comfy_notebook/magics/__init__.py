"""`%comfy` and `%%comfy`, one file for each group of subcommands.

Loading imports no heavy library. `load` and `unload` may be repeated; `unload` leaves the background
thread of the connection running, and the next `load` uses it again.
"""

from __future__ import annotations

from typing import Any


def load(ip: Any) -> None:
    """Register the magics, their settings and their completion with an IPython shell."""
    from . import complete
    from .magic import ComfyMagics

    unload(ip)
    magics = ComfyMagics(ip)
    ip.register_magics(magics)
    if magics not in ip.configurables:
        ip.configurables.append(magics)
    complete.install(ip, magics)


def unload(ip: Any) -> None:
    """Remove the magics, their settings and their completion."""
    from . import complete

    complete.remove(ip)
    ip.configurables[:] = [c for c in ip.configurables if type(c).__name__ != "ComfyMagics"]
    for kind in ("line", "cell"):
        ip.magics_manager.magics[kind].pop("comfy", None)
    ip.magics_manager.registry.pop("ComfyMagics", None)
