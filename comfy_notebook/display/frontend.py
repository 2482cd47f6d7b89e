"""Detect the front end: whether widgets can be drawn, or text printed.

A kernel cannot ask its front end whether it has a widget manager. What can be detected:

    COMFY_NOTEBOOK_LIVE         0, 1: the user's choice
    no IPython kernel           a terminal or a script: text
    the request's `cellId`      JupyterLab, Notebook 7 and VS Code put it into their requests
    JPY_SESSION_NAME            jupyter_server started this kernel for a notebook
    google.colab, __vsc_ipynb_file__, Databricks, Kaggle, Qt   each by its own mark
    none of them                nbclient, nbconvert, papermill, `jupyter console`: no widgets

The last line keeps widget state out of files that `nbconvert --execute` writes.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LIVE_VARIABLE = "COMFY_NOTEBOOK_LIVE"
_NO = {"0", "false", "no", "off"}
_YES = {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class Frontend:
    """The front end of this process. `kind` is "kernel", "terminal" or "script".

    `live`: widgets can be drawn. `text`: progress may be printed. `deterministic`: outputs hold no ids and
    no times, as nbval needs (COMFY_NOTEBOOK_LIVE=0).
    """

    kind: str
    name: str
    live: bool
    text: bool
    deterministic: bool = False


def detect(environ: Mapping[str, str] | None = None, shell: Any = None) -> Frontend:
    """Detect the front end now; cheap enough to call for each run."""
    env = os.environ if environ is None else environ
    choice = env.get(LIVE_VARIABLE, "").strip().lower()
    shell = shell if shell is not None else _shell()
    kernel = getattr(shell, "kernel", None)
    static = choice in _NO
    if kernel is None:
        kind = "script" if shell is None else "terminal"
        return Frontend(kind, kind, live=False, text=not static, deterministic=static)
    name = _name(env, shell)
    if static:
        return Frontend("kernel", name, live=False, text=False, deterministic=True)
    seen = choice in _YES or name not in ("unknown", "qt")
    live = seen and importlib.util.find_spec("ipywidgets") is not None
    return Frontend("kernel", name, live=live, text=not live and _has_person(shell))


def _shell() -> Any:
    # A process that has not imported IPython is a script; do not import it here.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None


def _request(shell: Any) -> Mapping[str, Any]:
    try:
        return shell.get_parent() or {}
    except Exception:  # another kind of shell, without requests
        return {}


def _name(env: Mapping[str, str], shell: Any) -> str:
    if "google.colab" in sys.modules:
        return "colab"
    if "__vsc_ipynb_file__" in getattr(shell, "user_ns", {}):
        return "vscode"
    if env.get("DATABRICKS_RUNTIME_VERSION"):
        return "databricks"
    if env.get("KAGGLE_KERNEL_RUN_TYPE"):
        return "kaggle"
    if "SPYDER_ARGS" in env or any(key.startswith("SPY_") for key in env):
        return "qt"
    request = _request(shell)
    if "cellId" in (request.get("metadata") or {}):
        return "jupyter"
    header = request.get("header") or {}
    if header.get("msg_type") == "comm_msg":  # a click on a widget, so widgets are drawn
        return "jupyter"
    # A request with an explicit user name comes from a Python client, such as nbclient in a shell
    # that inherited the variable; browsers leave the name empty.
    if env.get("JPY_SESSION_NAME") and not header.get("username"):
        return "jupyter"
    return "unknown"


def _has_person(shell: Any) -> bool:
    return bool((_request(shell).get("content") or {}).get("allow_stdin", False))
