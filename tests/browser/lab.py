"""A real JupyterLab (or Notebook 7) driven in headless Chromium through Playwright.

with Lab() as lab, lab.notebook(["1 + 1"]) as nb:
    nb.run(0)
    nb.done(0)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
SHOTS = Path(__file__).parent / "shots"
ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
# The page says "idle" before its kernel is connected, and a Shift+Enter sent then is lost; ask the app.
READY = """async () => {
    const context = window.jupyterapp?.shell?.currentWidget?.context;
    if (!context) return false;
    await context.ready; await context.sessionContext.ready;
    const kernel = context.sessionContext.session?.kernel;
    if (!kernel || kernel.connectionStatus !== 'connected') return false;
    await kernel.info;
    return kernel.status === 'idle';
}"""


def chromium() -> str | None:
    """The browser to drive: $CHROMIUM, or the one on the path."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return found or shutil.which("google-chrome")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """One headless browser; Playwright allows one at a time in a thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        yield chrome
        chrome.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Lab:
    """A server on a free port with a private root, seen in a browser. `app` is "lab" or "notebook"."""

    def __init__(
        self, browser: Any, app: str = "lab", *, theme: str = "light", env: dict[str, str] | None = None
    ) -> None:
        self.browser, self.app, self.theme = browser, app, theme
        self.token = secrets.token_hex(8)
        self.root = Path(tempfile.mkdtemp(prefix="lab-"))
        private = {
            "JUPYTER_CONFIG_DIR": self.root / ".cfg",
            "JUPYTERLAB_SETTINGS_DIR": self.root / ".settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.root / ".workspaces",
            "IPYTHONDIR": self.root / ".ipython",
        }
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.env = {**os.environ, **{key: str(value) for key, value in private.items()}, "PYTHONPATH": path}
        for name in ("COMFY_NOTEBOOK_LIVE", "COMFY_BASE_URL", "COMFY_API_KEY", "COMFY_CLOUD_API_KEY"):
            self.env.pop(name, None)
        self.env.update(env or {})

    def __enter__(self) -> Lab:
        self._write_settings()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (self.root / "server.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter", self.app, "--no-browser", "--allow-root",
                f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={self.root}", "--LabApp.extension_manager=readonly",
                "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
            ],
            stdout=self._log, stderr=subprocess.STDOUT, env=self.env,
        )  # fmt: skip
        try:
            self._answers()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._log.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def wear(self, theme: str) -> None:
        """Have the pages opened from now on be "light" or "dark"."""
        plugin = self.root / ".settings" / "@jupyterlab" / "apputils-extension"
        plugin.mkdir(parents=True, exist_ok=True)
        name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        (plugin / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))

    def _write_settings(self) -> None:
        self.wear(self.theme)
        plugin = self.root / ".settings" / "@jupyterlab" / "apputils-extension"
        # The news toast would lie over the cells.
        (plugin / "notification.jupyterlab-settings").write_text(
            json.dumps({"fetchNews": "false", "checkForUpdates": False})
        )

    def _answers(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                opener.open(f"{self.url}/api?token={self.token}", timeout=1).read()
                return
            time.sleep(0.1)
        raise RuntimeError("JupyterLab did not start: " + (self.root / "server.log").read_text()[-3000:])

    @contextlib.contextmanager
    def notebook(
        self, cells: Sequence[str], name: str = "run.ipynb", size: tuple[int, int] = (1100, 1300)
    ) -> Iterator[Notebook]:
        """Write a notebook, open it, and wait until its kernel can be spoken to."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, self.root / name)
        with self.open(name, size=size) as nb:
            yield nb

    def end_kernels(self) -> None:
        """Shut down every kernel: a notebook opened next has no live widgets."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/api/sessions?token={self.token}", timeout=5) as answer:
            sessions = json.load(answer)
        for session in sessions:
            address = f"{self.url}/api/sessions/{session['id']}?token={self.token}"
            opener.open(urllib.request.Request(address, method="DELETE"), timeout=10).read()

    @contextlib.contextmanager
    def open(
        self, name: str, *, kernel: bool = True, size: tuple[int, int] = (1100, 1300)
    ) -> Iterator[Notebook]:
        """Open a notebook that is there already."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        # /doc/tree is Lab's single-document mode: no side bar, no restored workspace.
        path = f"doc/tree/{name}" if self.app == "lab" else f"notebooks/{name}"
        page.goto(f"{self.url}/{path}?token={self.token}" + ("&reset" if self.app == "lab" else ""))
        nb = Notebook(page, self.root / name)
        if kernel:
            nb.idle()
        else:
            page.locator(".jp-Cell").first.wait_for(timeout=60_000)
        try:
            yield nb
        finally:
            context.close()


class Notebook:
    """One open notebook."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page, self.path = page, path

    def idle(self, timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        # evaluate() awaits; wait_for_function() would take the promise itself for true.
        while not self.page.evaluate(READY):
            if time.monotonic() > deadline:
                raise TimeoutError("the kernel never became idle")
            self.page.wait_for_timeout(100)

    def cell(self, index: int) -> Any:
        return self.page.locator(".jp-CodeCell").nth(index)

    def output(self, index: int) -> Any:
        return self.cell(index).locator(".jp-OutputArea").first

    def run(self, index: int) -> None:
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def done(self, index: int, timeout: float = 60.0) -> None:
        """Wait until the prompt of a cell shows a number and no star."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            prompt = self.cell(index).locator(".jp-InputPrompt").inner_text()
            if re.search(r"\[\d+\]", prompt):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"cell {index} is still running")

    def interrupt(self) -> None:
        """Press the toolbar's stop button."""
        self.page.locator(
            "[data-command='notebook:interrupt-kernel'], jp-button[title*='Interrupt'], "
            "button[title*='Interrupt']"
        ).first.click()

    def save(self) -> Any:
        """Save and read the file back."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        deadline = time.monotonic() + 20
        while self.path.stat().st_mtime_ns == before:
            if time.monotonic() > deadline:
                raise TimeoutError("the notebook was not saved")
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(200)
        return nbformat.read(self.path, as_version=4)

    def shot(self, name: str, index: int | None = None) -> Path:
        """A screenshot of the page or of one cell, kept as an artefact of CI."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        (self.page if index is None else self.cell(index)).screenshot(path=str(path))
        return path
