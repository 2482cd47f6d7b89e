"""The inputs of workflow files this notebook has met, for tab completion.

Reading a file here never converts, connects or raises; it is read again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from ..workflow.graph import Workflow

_MOST_FILES = 20
_LARGEST = 20_000_000


class Memory:
    """The workflows last looked into."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[tuple[int, int], Workflow | None]] = {}

    def addresses(self, source: str, names: Mapping[str, Any], *, by_id: bool = False) -> list[str]:
        """`NODE.INPUT` for every value that is no link: by class where that is enough, else by id."""
        wf = self.workflow(source, names)
        if wf is None or not wf.is_converted:
            return []
        classes = [node.class_type for node in wf.nodes]
        return [
            f"{node.id if by_id or classes.count(node.class_type) > 1 else node.class_type}.{name}"
            for node in wf.nodes
            for name, value in node.inputs.items()
            if type(value).__name__ != "NodeOutput"
        ]

    def choices(
        self, source: str, address: str, names: Mapping[str, Any], nodes: NodeCatalog | None
    ) -> list[str]:
        """The choices of one input, when node definitions are at hand."""
        wf = self.workflow(source, names)
        if wf is None or not wf.is_converted:
            return []
        try:
            node_id, name = wf.split(address)
            catalog = nodes or wf.catalog
            info = catalog.get(wf.node(node_id).class_type) if catalog is not None else None
            spec = info.inputs.get(name) if info is not None else None
            return [str(choice) for choice in (spec.choices or ())] if spec is not None else []
        except ComfyError:
            return []

    def workflow(self, source: str, names: Mapping[str, Any]) -> Workflow | None:
        """The workflow a word of the line means, if it can be had at once."""
        from ..workflow.graph import Workflow

        if isinstance(value := names.get(source), Workflow):
            return value
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
