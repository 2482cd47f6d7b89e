"""The layout of the package: imports point down, in no circle, and a class fits on a few screens.

Every import counts: at the top of a file, inside a function, and under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "comfy_notebook"

ROOMS = (
    ("text", "errors", "atomic", "config", "signatures"),
    ("keys", "web"),
    ("views",),
    ("protocol",),
    ("sync",),
    ("images",),
    ("workflow",),
    ("client",),
    ("jobs",),
    ("clients",),
    ("display",),
    ("api",),
    ("magics",),
)
"""Low to high. A module imports from rooms below its own, and from its own."""

EMBEDDED_USES = {"text", "errors", "atomic", "config", "protocol", "images"}
"""The embedded server is a program of its own: it shares the wire and the low rooms with the client."""

UPWARD: dict[str, str] = dict.fromkeys(
    [],
    "to be removed",
)
"""Imports that point upward all the same: `lower -> higher`, and the reason."""

CIRCLES: dict[frozenset[str], str] = {}
"""Modules that import each other all the same, and the reason."""

CIRCLES_LEFT = 6
"""How many circles are still to be removed."""

MAX_CLASS_LINES = 250
LONG_CLASSES = {"clients.AsyncClient"}
"""Classes still to be shortened."""


def modules() -> dict[str, Path]:
    """Every module below the package, by its dotted name without `comfy_notebook.`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix("__init__").removesuffix(".")] = path
    return found


MODULES = modules()


def imports(module: str) -> Iterator[str]:
    """The package's modules that a module imports."""
    path = MODULES[module]
    parts = module.split(".") if module else []
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
        elif (node.module or "").split(".")[0] == PACKAGE.name:
            base = (node.module or "").split(".")[1:]
        else:
            continue
        name = ".".join(part for part in base if part)
        for alias in node.names:
            inner = f"{name}.{alias.name}".lstrip(".")
            target = inner if inner in MODULES else name
            if target and target != module:
                yield target


ARROWS = {module: set(imports(module)) for module in MODULES if module}


def room(module: str) -> int:
    """The room of a module, counted from below."""
    top = module.split(".")[0]
    return next(n for n, names in enumerate(ROOMS) if top in names)


def circles() -> Iterator[frozenset[str]]:
    """The strongly connected sets of modules, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[frozenset[str]]:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in sorted(ARROWS[module]):
            if target not in index:
                yield from visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            part = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(part) > 1:
                yield frozenset(part)

    for module in sorted(ARROWS):
        if module not in index:
            yield from visit(module)


def test_imports_point_down() -> None:
    upward = [
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        if module.split(".")[0] != "embedded"
        for target in targets
        if room(target) > room(module)
    ]
    assert sorted(set(upward) - set(UPWARD)) == []


def test_the_embedded_server_shares_only_the_low_rooms() -> None:
    shared = {
        target.split(".")[0]
        for module, targets in ARROWS.items()
        if module.split(".")[0] == "embedded"
        for target in targets
    }
    assert shared <= EMBEDDED_USES | {"embedded"}
    clients = [m for m, targets in ARROWS.items() if "embedded" in {t.split(".")[0] for t in targets}]
    assert [module for module in clients if module.split(".")[0] != "embedded"] == []


def test_no_circles() -> None:
    found = [sorted(circle) for circle in circles() if circle not in CIRCLES]
    assert len(found) <= CIRCLES_LEFT, found


def test_classes_fit_on_a_few_screens() -> None:
    long = {
        f"{module}.{node.name}": lines
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno) > MAX_CLASS_LINES
    }
    assert set(long) - LONG_CLASSES == set()
