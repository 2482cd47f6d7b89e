"""`%comfy` alone, `connect | login | logout | debug | asyncio`."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from comfy_notebook import api
from comfy_notebook.magics import connection
from tests.client.odd import Odd

from .conftest import Notebook


def test_connect_says_which_and_why_in_one_line(notebook: Notebook, embedded: Any) -> None:
    ran = notebook("%comfy connect {url} --api-key {key}", url=embedded.url, key=embedded.api_key)
    assert ran.error is None, ran.text
    assert len(ran.out.strip().splitlines()) == 1
    assert ran.out.startswith("Connected to ")
    assert embedded.url in ran.out
    assert embedded.api_key not in ran.out
    assert ran.value is None
    quiet = notebook("%comfy connect {url} --api-key {key};", url=embedded.url, key=embedded.api_key)
    assert quiet.text == ""


def test_the_environment_decides(notebook: Notebook, embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFY_BASE_URL", embedded.url)
    monkeypatch.setenv("COMFY_CLOUD_API_KEY", embedded.api_key)
    ran = notebook("%comfy connect")
    assert ran.error is None, ran.text
    assert embedded.url in ran.out
    assert "COMFY_BASE_URL" in ran.out


def test_comfy_alone_says_where_and_what_is_queued(
    connected: Notebook, embedded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMFY_NOTEBOOK_LIVE")
    ran = connected("%comfy")
    assert ran.error is None, ran.text
    (card,) = ran.displayed
    assert embedded.url in card["text/plain"]
    assert "0 waiting" in card["text/plain"]
    assert embedded.api_key not in str(card)
    assert connected("%comfy;").displayed == []


def test_comfy_alone_before_anything(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "current", lambda: None)
    assert "Not connected yet" in notebook("%comfy").out


def test_status_names_the_version_and_the_memory(
    notebook: Notebook, odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMFY_NOTEBOOK_LIVE")
    (shown,) = notebook("%comfy").displayed
    assert "ComfyUI 0.33.0" in shown["text/plain"]
    assert "cuda:0 Card (2.5 of 24.0 GB VRAM free), cpu" in shown["text/plain"]


def test_free(notebook: Notebook, odd: Odd) -> None:
    sent: list[Any] = []

    async def free(request: Request) -> Response:
        sent.append(await request.json())
        return Response()

    odd.answers["POST /api/free"] = free
    assert notebook("%comfy free").out.startswith("The models are unloaded: cuda:0 Card (2.5 of 24.0 GB")
    assert notebook("%comfy free --keep-models").out.startswith("The cached results are dropped")
    assert [body["unload_models"] for body in sent] == [True, False]


def test_log(notebook: Notebook, odd: Odd) -> None:
    odd.answers["GET /internal/logs/raw"] = {"entries": [{"t": "", "m": f"line {n}\n"} for n in range(50)]}
    assert notebook("%comfy log").out.splitlines() == [f"line {n}" for n in range(10, 50)]
    assert notebook("%comfy log --lines 2").out == "line 48\nline 49\n"
    odd.answers["GET /internal/logs/raw"] = {"entries": []}
    assert notebook("%comfy log").out == "The log is empty.\n"
    del odd.answers["GET /internal/logs/raw"]
    assert "does not show its log" in notebook("%comfy log").text


def test_login_and_logout(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFY_NOTEBOOK_KEYRING", "0")
    monkeypatch.setenv("COMFY_NOTEBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("getpass.getpass", lambda prompt: "planted-key-for-login")
    ran = notebook("%comfy login")
    assert ran.error is None, ran.text
    assert "planted-key" not in ran.text
    assert str(tmp_path) in ran.out
    assert "has been deleted" in notebook("%comfy logout").out
    assert "No API key was stored" in notebook("%comfy logout").out


def test_debug_is_safe_to_paste(connected: Notebook, embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFY_API_KEY", "another-planted-key")
    shown = connected("%comfy debug").out
    assert "comfy_notebook " in shown
    assert "Python 3." in shown
    assert f"httpx {httpx.__version__}" in shown
    assert embedded.url in shown
    assert embedded.api_key not in shown
    assert "another-planted-key" not in shown


def test_asyncio_is_left_alone_where_it_works(notebook: Notebook) -> None:
    assert notebook("%comfy asyncio").out.strip() == "asyncio.run() in a cell is off."
    assert "nothing was changed" in notebook("%comfy asyncio on").out
    assert notebook("%comfy asyncio off").out.strip() == "It is off."


@pytest.mark.parametrize(("installed", "used"), [(True, "nest_asyncio2"), (False, "nest_asyncio")])
def test_asyncio_prefers_the_maintained_package(
    monkeypatch: pytest.MonkeyPatch, installed: bool, used: str
) -> None:
    newer = types.ModuleType("nest_asyncio2") if installed else None
    monkeypatch.setitem(sys.modules, "nest_asyncio2", newer)
    monkeypatch.setitem(sys.modules, "nest_asyncio", types.ModuleType("nest_asyncio"))
    assert connection._patcher().__name__ == used


def test_asyncio_on_lets_pasted_code_run_in_a_kernel(embedded: Any, tmp_path: Path) -> None:
    """In a real kernel: refused before, works after, and runs of ours still work."""
    script = tmp_path / "drive.py"
    script.write_text(DRIVE)
    done = subprocess.run(
        [sys.executable, str(script), embedded.url, embedded.api_key],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr


DRIVE = '''
import sys
from jupyter_client.manager import start_new_kernel

PASTED = """
import asyncio
async def main():
    await asyncio.sleep(0.01)
    return 42
print("pasted", asyncio.run(main()))
"""
RUN = """
graph = {"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 1}},
         "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}}}
x = get_ipython().run_line_magic("comfy", "run graph;")
print("ran", x.image.size)
"""
manager, client = start_new_kernel(kernel_name="python3")
try:
    def run(code):
        out = []
        hook = lambda message: out.append(message["content"].get("text", ""))
        reply = client.execute_interactive(code, timeout=60, output_hook=hook)
        return reply["content"]["status"], "".join(out)
    def must(code, text):
        status, out = run(code)
        assert status == "ok" and text in out, (status, out)
    must("%load_ext comfy_notebook\\n%comfy asyncio", "off")
    assert run(PASTED)[0] == "error"
    url, key = sys.argv[1:]
    must(f"url, key = {url!r}, {key!r}\\n%comfy connect {{url}} --api-key {{key}}", "Connected")
    must(RUN, "ran (8, 8)")
    must("%comfy asyncio on", "has patched asyncio")
    must(PASTED, "pasted 42")
    must(RUN.replace('"color": 1', '"color": 2'), "ran (8, 8)")
    must("%comfy asyncio", "on (nest_asyncio")
    must("%comfy asyncio off", "restart the kernel")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
'''
