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

UPWARD: dict[str, str] = {}
"""Imports that point upward all the same: `lower -> higher`, and the reason."""

CIRCLES: dict[frozenset[str], str] = {}
"""Modules that import each other all the same, and the reason."""

BY_NAME = {
    "": "the public names, each imported on first use",
    "views": "Job, Result, Sweep and Client draw themselves when IPython asks: the one way up, to `display`",
    "display": "the names of its modules, each imported on first use",
    "jobs.sweep": "pandas and matplotlib, or a message that says what to install",
    "workflow.containers": "its modules, one for each kind of file",
    "embedded.nodes.registry": "its modules, which register their nodes",
}
"""Modules that import by a name computed at run time, which the other tests do not see."""

MAX_CLASS_LINES = 250
LONG_CLASSES: dict[str, str] = {}
"""Classes that are longer all the same, and the reason."""


def modules() -> dict[str, Path]:
    """Every module below the package, by its dotted name without `comfy_notebook.`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix("__init__").removesuffix(".")] = path
    return found


MODULES = modules()
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def imports(module: str) -> Iterator[str]:
    """The package's modules that a module imports."""
    parts = module.split(".") if module else []
    package = parts if MODULES[module].name == "__init__.py" else parts[:-1]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[1:] for alias in node.names]
            own = [alias.name.split(".")[0] == PACKAGE.name for alias in node.names]
            yield from (".".join(name) for name, ours in zip(names, own, strict=True) if ours and name)
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
    upward = {
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        if module.split(".")[0] != "embedded"
        for target in targets
        if room(target) > room(module)
    }
    assert sorted(upward) == sorted(UPWARD)


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
    assert [sorted(circle) for circle in circles() if circle not in CIRCLES] == []


def test_few_modules_import_by_name() -> None:
    found = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__")
        and not isinstance(node.args[0], ast.Constant)
    }
    assert found == set(BY_NAME)


def test_classes_fit_on_a_few_screens() -> None:
    long = {
        f"{module}.{node.name}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno > MAX_CLASS_LINES
    }
    assert long == set(LONG_CLASSES)
