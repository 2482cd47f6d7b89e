"""The documents: links lead somewhere, names exist, and Sphinx builds the pages without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import comfy_notebook as comfy

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [*re.findall(r"\]\(([^)#\s]+)", text), *re.findall(r'(?:src|srcset)="([^"]+)"', text)]
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_reference_lists_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    listed = " ".join(re.findall(r"<!-- python: (.*?) -->", page, re.DOTALL)).split()
    assert sorted(listed) == comfy.__all__


@pytest.mark.slow
def test_sphinx_builds_without_a_warning(tmp_path: Path) -> None:
    built = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", ROOT / "docs", built]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    python = (built / "reference" / "python.html").read_text("utf-8")
    assert all(f'id="{name}"' in python for name in comfy.__all__)
    assert "txt2img.json" in (built / "notebooks" / "quickstart.html").read_text("utf-8")
    assert 'id="comfy-run"' in (built / "reference" / "magics.html").read_text("utf-8")
