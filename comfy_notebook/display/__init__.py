"""What a person sees: live runs, results, forms, panels, graphs.

Each name arrives from its own module when it is first used, so that `import comfy_notebook` and
a plain script load no widgets. No module here has the name of a function it holds: importing it
would put the module where the function is looked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "watch": "live.watch",
    "job_view": "live.background",
    "watch_many": "live.many",
    "result_bundle": "results.result",
    "output_bundle": "results.bundle",
    "show": "results.gallery",
    "contact_sheet": "results.picture",
    "sweep_png": "results.bundle",
    "compare": "results.compare",
    "form": "forms.form",
    "interact": "forms.interact",
    "queue_panel": "panels.queue",
    "jobs_panel": "panels.jobs",
    "nodes_panel": "panels.browser",
    "models_panel": "panels.browser",
    "client_card": "panels.card",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
