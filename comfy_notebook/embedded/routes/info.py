"""What the server is and has: nodes, models, features, statistics, the user."""

from __future__ import annotations

import os
import platform
import sys

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..http import Refused, account_of, server_of, user_of
from ..options import MAX_UPLOAD
from ..server import MODELS

# What `comfyui_version` promises: the release whose nodes and messages these are.
COMFYUI_VERSION = "0.33.0"
FEATURES = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": MAX_UPLOAD,
    "node_replacements": True,
    "extension": {},
    "assets": False,
}


async def object_info(request: Request) -> Response:
    """Every node, with its inputs and outputs."""
    server = server_of(request)
    registry = await server.nodes.get()
    return JSONResponse(registry.object_info(server.files(user_of(request))))


async def object_info_of(request: Request) -> Response:
    """One node; an unknown class is an empty object, as ComfyUI answers."""
    from ..nodes.registry import describe

    server = server_of(request)
    registry = await server.nodes.get()
    name = request.path_params["class_type"]
    if name not in registry:
        return JSONResponse({})
    return JSONResponse({name: describe(registry[name], server.files(user_of(request)))})


async def features(request: Request) -> Response:
    """What this server can do."""
    return JSONResponse(FEATURES)


async def user(request: Request) -> Response:
    """Who is asking, and whether they may run anything."""
    return JSONResponse({"status": account_of(request).status})


async def model_folders(request: Request) -> Response:
    """The kinds of models there are."""
    return JSONResponse([{"name": name, "folders": [name]} for name in MODELS])


async def models_in(request: Request) -> Response:
    """The models of one kind."""
    folder = request.path_params["folder"]
    if folder not in MODELS:
        raise Refused(404, "There is no such model folder.")
    return JSONResponse([{"name": name, "pathIndex": 0} for name in MODELS[folder]])


async def model_preview(request: Request) -> Response:
    """No model has a preview picture."""
    raise Refused(404, "There is no preview of this model.")


async def system_stats(request: Request) -> Response:
    """The machine, in ComfyUI's words."""
    total, free = _memory()
    system = {
        "os": os.name,
        "ram_total": total,
        "ram_free": free,
        "comfyui_version": COMFYUI_VERSION,
        "comfyui_frontend_version": "",
        "workflow_templates_version": "",
        "cloud_version": "",
        "python_version": sys.version,
        "pytorch_version": "none",
        "embedded_python": False,
        "argv": ["comfy_notebook.embedded"],
    }
    device = {"name": platform.processor() or "cpu", "type": "cpu", "index": None,
              "vram_total": total, "vram_free": free}  # fmt: skip
    return JSONResponse({"system": system, "devices": [device]})


def _memory() -> tuple[int, int]:
    """Bytes of memory in all and free; zeros where the system does not say."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0, 0
