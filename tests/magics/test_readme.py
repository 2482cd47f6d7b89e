"""The README's cells do what they say, as printed."""

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
BLOCKS = re.findall(
    r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
)
CELLS = [text for language, text in BLOCKS if language in ("", "python") and "%comfy connect" not in text]


@pytest.fixture
def copy(folder: Path) -> Path:
    """The folder as a copy of the repository has it, its pictures small to save time."""
    workflows = shutil.copytree(ROOT / "notebooks" / "workflows", folder / "notebooks" / "workflows")
    wf = comfy.Workflow.load(workflows / "txt2img.json")
    wf.update({"5.width": 96, "5.height": 96}).save(workflows / "txt2img.json")
    return folder


def test_the_cells_run_one_after_the_other(
    connected: Notebook, copy: Path, embedded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFY_BASE_URL", embedded.url)
    monkeypatch.setenv("COMFY_CLOUD_API_KEY", embedded.api_key)
    assert len(CELLS) >= 4
    monkeypatch.setattr(comfy, "connect", api.connect)  # the one whose clients the fixture closes
    for cell in CELLS:
        ran = connected(cell)
        assert ran.error is None, f"{cell}\n{ran.text}"
    assert connected["x"].image.size == (96, 96)
    assert [path.suffix for path in (copy / "out").iterdir()] == [".png"]
    assert len(connected["grid"]) == 8


def test_every_line_that_connects_is_one() -> None:
    (block,) = [text for _, text in BLOCKS if "%comfy connect" in text]
    targets = []
    for line in block.splitlines():
        bare, _ = split_quiet(line.removeprefix("%comfy connect"))
        targets.append(parse(commands()["connect"], bare, {}).target)
    assert targets == [None, "cloud", "local", "https://host:8188", "embedded"]


def test_every_command_of_the_table_is_there() -> None:
    rows = re.findall(r"^\| (`%comfy.*?) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    named = {word for row in rows for code in re.findall(r"`([^`]+)`", row) for word in _commands(code)}
    assert named == {name for name in commands() if name}


def _commands(code: str) -> list[str]:
    first = re.sub(r"^%*comfy ?|^%%comfy ?", "", code).split(" ")[0]
    return [first] if first else []
