"""The cells of the README and of the guide run, one after the other, as printed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook import api
from comfy_notebook.magics.line import split_quiet
from comfy_notebook.magics.magic import commands
from comfy_notebook.magics.options import parse

from .conftest import Notebook

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
LANGUAGES = {"", "python", "ipython3"}
"""What a cell's fence says; the README's magics have no language, which GitHub shows as it is."""


def cells(page: Path) -> list[str]:
    """The cells on a page, in order."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [text for language, text in blocks if language in LANGUAGES]


@pytest.fixture
def copy(folder: Path) -> Path:
    """The folder as a copy of the repository has it, its pictures small to save time."""
    workflows = shutil.copytree(ROOT / "notebooks" / "workflows", folder / "notebooks" / "workflows")
    for name in ("txt2img.json",):
        wf = comfy.Workflow.load(workflows / name)
        wf.update({"5.width": 96, "5.height": 96}).save(workflows / name)
    return folder


@pytest.fixture
def run(connected: Notebook, copy: Path, embedded: Any, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Runs a page's cells; `connect()` finds the session's embedded server."""
    monkeypatch.setenv("COMFY_BASE_URL", embedded.url)
    monkeypatch.setenv("COMFY_CLOUD_API_KEY", embedded.api_key)
    monkeypatch.setattr(comfy, "connect", api.connect)  # the one whose clients the fixture closes
    return connected


def test_the_readme_runs(run: Notebook, copy: Path) -> None:
    assert len(cells(README)) == 2
    _run_all(run, README)
    assert run["x"].image.size == (96, 96)
    assert [path.suffix for path in (copy / "out").iterdir()] == [".png"]
    assert len(run["grid"]) == 8


@pytest.mark.parametrize("page", [page for page in GUIDE if cells(page)], ids=lambda page: page.stem)
def test_the_guide_runs(run: Notebook, page: Path) -> None:
    _run_all(run, page)


def _run_all(run: Notebook, page: Path) -> None:
    for cell in cells(page):
        ran = run(cell)
        assert ran.error is None, f"{cell}\n{ran.text}"


def test_every_line_that_connects_is_one() -> None:
    page = (ROOT / "docs" / "guide" / "servers.md").read_text("utf-8")
    targets = []
    for line in re.findall(r"^\| `%comfy connect(.*?)` \|", page, re.MULTILINE):
        bare, _ = split_quiet(line)
        targets.append(parse(commands()["connect"], bare, {}).target)
    assert targets == [None, "cloud", "local", "https://host:8188", "embedded"]
