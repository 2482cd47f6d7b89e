"""A shell as a notebook has it, and what a cell prints and displays in it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import comfy_notebook as comfy
from comfy_notebook import api, config
from tests.client.odd import Odd


@dataclass
class Ran:
    """The output, value and error of one cell."""

    out: str
    err: str
    value: Any
    displayed: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def text(self) -> str:
        """Everything printed, on either stream."""
        return self.out + self.err


class Notebook:
    """Runs cells in an InteractiveShell and keeps what a front end would have shown."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def __call__(self, cell: str, **names: Any) -> Ran:
        self.shell.user_ns.update(names)
        out, err = io.StringIO(), io.StringIO()
        shown: list[dict[str, Any]] = []
        publish = self.shell.display_pub.publish
        self.shell.display_pub.publish = lambda data, *a, **k: shown.append(data)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                result = self.shell.run_cell(cell, store_history=True)
        finally:
            self.shell.display_pub.publish = publish
        error = result.error_before_exec or result.error_in_exec
        return Ran(out.getvalue(), err.getvalue(), result.result, shown, error)

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]


@pytest.fixture(scope="session")
def _shell() -> Iterator[InteractiveShell]:
    # One for the session: IPython keeps its shell as a singleton, and completion needs it to be that.
    InteractiveShell.clear_instance()
    hook = sys.displayhook
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.user_ns["_own"] = {*shell.user_ns, "_own"}
    yield shell
    InteractiveShell.clear_instance()
    sys.displayhook = hook


@pytest.fixture
def shell(_shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension loaded and no variables; what it connects is closed at the end."""
    # As in a kernel, where pictures are displayed; and as nbval sees it, without widgets.
    monkeypatch.setattr(_shell, "kernel", object(), raising=False)
    monkeypatch.setenv("COMFY_NOTEBOOK_LIVE", "0")
    for name, value in vars(config.Settings()).items():
        monkeypatch.setattr(config.settings, name, value)
    connect, made = comfy.connect, []

    def connecting(*args: Any, **options: Any) -> comfy.Client:
        made.append(connect(*args, **options))
        return made[-1]

    monkeypatch.setattr(api, "connect", connecting)
    _shell.config.pop("ComfyMagics", None)
    for name in set(_shell.user_ns) - _shell.user_ns["_own"]:
        del _shell.user_ns[name]
    _shell.run_line_magic("reload_ext", "comfy_notebook")
    yield _shell
    api.session.client = None
    for client in made:
        client.close()


@pytest.fixture
def notebook(shell: InteractiveShell) -> Notebook:
    """Run cells: `notebook("%comfy --help").out`."""
    return Notebook(shell)


WORKFLOWS = Path(__file__).parents[2] / "notebooks" / "workflows"
PLAIN = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 16, "height": 8, "batch_size": 1, "color": 255},
        "_meta": {"title": "Blank"},
    },
    "2": {
        "class_type": "SaveImage",
        "inputs": {"filename_prefix": "plain", "images": ["1", 0]},
        "_meta": {"title": "Save Image"},
    },
}
SLOW = {
    "1": {"class_type": "TestingSleep", "inputs": {"seconds": 60.0, "steps": 600}},
    "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The notebook's folder: `plain.json` makes a 16×8 blue picture, `slow.json` takes a minute."""
    (tmp_path / "plain.json").write_text(json.dumps(PLAIN))
    (tmp_path / "slow.json").write_text(json.dumps(SLOW))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def odd(notebook: Notebook) -> Iterator[Odd]:
    """A ComfyUI with scripted answers, which the notebook is connected to."""
    with Odd() as server:
        del server.answers["GET /api/user"]
        device = {"name": "cuda:0 Card", "type": "cuda", "vram_total": 24 * 2**30, "vram_free": 5 * 2**29}
        server.answers["GET /api/system_stats"] = {
            "system": {"comfyui_version": "0.33.0"},
            "devices": [device, {"name": "cpu", "type": "cpu", "vram_total": 2**34, "vram_free": 2**33}],
        }
        assert notebook("%comfy connect {url}", url=server.url).error is None
        yield server


@pytest.fixture
def connected(notebook: Notebook, folder: Path, embedded: Any, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook connected to the session's embedded server."""
    monkeypatch.setenv("COMFY_NOTEBOOK_KEYRING", "0")
    ran = notebook("%comfy connect {url} --api-key {key}", url=embedded.url, key=embedded.api_key)
    assert ran.error is None, ran.text
    return notebook
