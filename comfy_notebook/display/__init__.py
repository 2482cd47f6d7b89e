"""What a person sees: live runs, results, forms, panels, graphs.

Each name is imported from its module on first use, so that `import comfy_notebook` and plain scripts load
no widgets. No module directly below this package may share its name with a function listed here: importing
the module would replace the function.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "watch": "live.watch",
    "job_view": "live.background",
    "watch_many": "live.many",
    "result_bundle": "results.result",
    "display_result": "results.result",
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
