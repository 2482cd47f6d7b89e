"""A cache of the workflow files named in this notebook, for tab completion.

Reading a file here never connects and never raises; a file is read again only when it has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from ..workflow.specs import InputSpec
    from ..workflow.workflow import Workflow

_MOST_FILES = 20
_LARGEST = 20_000_000


class WorkflowCache:
    """The workflows read last."""

    def __init__(self) -> None:
        self._converted: tuple[Workflow | None, NodeCatalog | None, Workflow | None] = None, None, None
        self._files: dict[Path, tuple[tuple[int, int], Workflow | None]] = {}

    def addresses(
        self, source: str, names: Mapping[str, Any], nodes: NodeCatalog | None, *, by_id: bool = False
    ) -> list[str]:
        """`NODE.INPUT` for every input that is not a link: by class if one node has it, else by id.

        The same inputs by title follow, for titles that only one node has.
        """
        wf = self.workflow(source, names, nodes)
        if wf is None or not wf.is_converted:
            return []
        classes = Counter(node.class_type for node in wf.nodes)
        titles = Counter(node.title for node in wf.nodes)
        found: list[str] = []
        also: list[str] = []
        for node in wf.nodes:
            own = [name for name, value in node.inputs.items() if type(value).__name__ != "NodeOutput"]
            plain = node.id if by_id or classes[node.class_type] > 1 else node.class_type
            found += [f"{plain}.{name}" for name in own]
            if not by_id and titles[node.title] == 1 and node.title not in classes:
                also += [f"{node.title}.{name}" for name in own]
        return found + also

    def choices(
        self, source: str, address: str, names: Mapping[str, Any], nodes: NodeCatalog | None
    ) -> list[str]:
        """The choices of one input if its definition is known, else its present number or word."""
        value, spec = self._input(source, address, names, nodes)
        if spec is not None and spec.choices:
            return [str(choice) for choice in spec.choices]
        if spec is not None and spec.type == "BOOLEAN":
            return ["true", "false"]
        text = str(value) if isinstance(value, (int, float, str)) else ""
        return [text] if text and len(text) <= 60 and not any(char.isspace() for char in text) else []

    def takes_files(
        self, source: str, address: str, names: Mapping[str, Any], nodes: NodeCatalog | None
    ) -> bool:
        """Whether an input takes files; without definitions, whether its value looks like a file name."""
        value, spec = self._input(source, address, names, nodes)
        return bool(spec.upload) if spec is not None else isinstance(value, str) and bool(Path(value).suffix)

    def _input(
        self, source: str, address: str, names: Mapping[str, Any], nodes: NodeCatalog | None
    ) -> tuple[Any, InputSpec | None]:
        """The value of an input and its definition, each None if unknown."""
        wf = self.workflow(source, names, nodes)
        if wf is None or not wf.is_converted:
            return None, None
        try:
            node_id, name = wf.split(address)
            catalog = nodes or wf.catalog
            info = catalog.get(wf.node(node_id).class_type) if catalog is not None else None
            given = wf.node(node_id).inputs
            return given.get(name), info.spec_of(name, given) if info is not None else None
        except ComfyError:
            return None, None

    def workflow(
        self, source: str, names: Mapping[str, Any], nodes: NodeCatalog | None = None
    ) -> Workflow | None:
        """The workflow that a word of the line names, converted if possible; None if there is none."""
        wf = self._found(source, names)
        if wf is None or wf.is_converted or nodes is None:
            return wf
        if wf is not self._converted[0] or nodes is not self._converted[1]:
            try:
                self._converted = wf, nodes, wf.copy().resolve(nodes)
            except ComfyError:
                return wf
        return self._converted[2]

    def _found(self, source: str, names: Mapping[str, Any]) -> Workflow | None:
        from ..workflow.workflow import Workflow

        value = names.get(source)
        if isinstance(value, Workflow):
            return value
        if isinstance(value, (str, Path)):
            source = str(value)
        try:
            path = Path(source).expanduser()
            found = path.stat()
        except (OSError, ValueError, RuntimeError):
            return None
        stamp = (found.st_mtime_ns, found.st_size)
        if path in self._files and self._files[path][0] == stamp:
            return self._files[path][1]
        wf: Workflow | None = None
        if found.st_size <= _LARGEST and path.is_file():
            try:
                wf = Workflow.load(path)
            except ComfyError:
                wf = None
        self._files[path] = (stamp, wf)
        if len(self._files) > _MOST_FILES:
            del self._files[next(iter(self._files))]
        return wf
