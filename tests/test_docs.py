"""The documents: links lead somewhere, names exist, and Sphinx builds the pages without a warning."""

from __future__ import annotations

import ast
import builtins
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


ARCHITECTURE = ROOT / "docs" / "architecture.md"
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


def _names(path: Path) -> set[str]:
    """What a module defines: `name`, `Class.name`; and the name of every class in it."""
    names: set[str] = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    visit(ast.parse(path.read_text("utf-8")).body, "")
    return names | {name.rpartition(".")[2] for name in names}


def _blocks() -> list[str]:
    """The table rows, list items and paragraphs of the architecture page."""
    text = ARCHITECTURE.read_text("utf-8")
    return [block for block in re.split(r"\n(?=\||- |\d\. )|\n\n", text) if "`" in block]


@pytest.mark.parametrize("block", _blocks(), ids=lambda block: block[:40])
def test_what_the_architecture_names_is_there(block: str) -> None:
    """Files exist, and a name is defined in one of the files that its row, item or paragraph names."""
    spans = [span for span in re.findall(r"`([^`\n]+)`", block) if " " not in span]
    files = [span for span in spans if span.endswith((".py", ".md", "/"))]
    found = {
        name: path
        for name in files
        for path in (ROOT / "comfy_notebook" / name, ROOT / name)
        if path.exists()
    }
    assert sorted(set(files) - set(found)) == []
    names = [span for span in spans if span not in files and IDENTIFIER.match(span)]
    modules = [path for name, path in found.items() if name.endswith(".py")]
    packages = [path for path in found.values() if path.is_dir()]
    modules += [module for package in packages for module in package.rglob("*.py")]
    defined = {name for module in modules for name in _names(module)}
    known = set(vars(builtins)) | {"execution_error", "__str__"}
    assert [name for name in names if modules and name not in defined | known] == []
