"""Tables to look at: the settable inputs of a workflow, and the problems found in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, overload

from ...errors import Problem
from ...text import printable
from ..catalog import NodeCatalog
from ..model import Graph, class_of, specs_of, title_of
from ..needs import ModelFile
from ..values import is_link, summary

_STYLE = "text-align:left;vertical-align:top;white-space:pre-wrap"


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]], widest: int = 48) -> str:
    """Columns aligned with spaces; long cells are clipped."""
    lines = [header, *([printable(cell, widest) for cell in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """The same as HTML, every cell escaped."""
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{_STYLE}">{escape(printable(cell, 500))}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    title = f"<caption style='text-align:left'>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class InputRow:
    """One input that can be set: where, of what type, its value, and what its definition allows."""

    node_id: str
    title: str
    class_type: str
    name: str
    type: str
    value: Any
    default: Any = None
    min: float | int | None = None
    max: float | int | None = None
    step: float | int | None = None
    choices: tuple[Any, ...] | None = None
    help: str = ""
    given: bool = True
    linked: bool = False

    @property
    def address(self) -> str:
        """`ID.INPUT`, as `Workflow.set` takes it."""
        return f"{self.node_id}.{self.name}"

    @property
    def allowed(self) -> str:
        """The range or the choices in a few words."""
        if self.choices is not None:
            first = ", ".join(str(choice) for choice in self.choices[:6])
            return first if len(self.choices) <= 6 else f"{first}, … ({len(self.choices)} in all)"
        if self.min is not None or self.max is not None:
            low = "" if self.min is None else str(self.min)
            high = "" if self.max is None else str(self.max)
            return f"{low} … {high}" + (f", step {self.step}" if self.step is not None else "")
        return ""


class InputTable(Sequence[InputRow]):
    """The rows, drawn as a table."""

    def __init__(self, rows: Iterable[InputRow]) -> None:
        self._rows = list(rows)

    @overload
    def __getitem__(self, n: int) -> InputRow: ...
    @overload
    def __getitem__(self, n: slice) -> InputTable: ...
    def __getitem__(self, n: int | slice) -> InputRow | InputTable:
        return InputTable(self._rows[n]) if isinstance(n, slice) else self._rows[n]

    def __len__(self) -> int:
        return len(self._rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dicts, for `pandas.DataFrame`."""
        return [{"address": row.address, **row.__dict__} for row in self._rows]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        header = ["address", "node", "class", "type", "value", "range or choices", "help"]
        rows = []
        for row in self._rows:
            value = summary(row.value) if row.given else f"(default {summary(row.default)})"
            rows.append([row.address, row.title, row.class_type, row.type, value, row.allowed, row.help])
        while len(header) > 5 and not any(row[-1] for row in rows):  # nothing known: no empty columns
            header.pop()
            rows = [row[:-1] for row in rows]
        return header, rows

    def __repr__(self) -> str:
        return text_table(*self._table()) if self._rows else "No inputs to set."

    def _repr_html_(self) -> str:
        return html_table(*self._table())


def input_table(
    graph: Graph, catalog: NodeCatalog | None, read: Callable[[Any], Any], *, links: bool = False
) -> InputTable:
    """Every literal input of the file, and those its definitions add; with `links`, linked ones as well.

    `read` turns a stored value into the one to show.
    """
    rows = []
    for node_id, node in graph.items():
        data = node["inputs"]
        title, class_type = title_of(graph, catalog, node_id), class_of(graph, node_id)
        specs = specs_of(graph, catalog, node_id)
        for name in [*specs, *(name for name in data if name not in specs)]:
            spec = specs.get(name)
            linked = is_link(data.get(name))
            if (linked and not links) or (name not in data and (spec is None or not spec.is_widget)):
                continue
            value = read(data.get(name))
            rows.append(
                InputRow(
                    node_id=node_id,
                    title=title,
                    class_type=class_type,
                    name=name,
                    type=spec.type if spec is not None else type_name(value),
                    value=value,
                    default=spec.default if spec is not None else None,
                    min=spec.min if spec is not None else None,
                    max=spec.max if spec is not None else None,
                    step=spec.step if spec is not None else None,
                    choices=tuple(spec.choices) if spec is not None and spec.choices is not None else None,
                    help=spec.tooltip if spec is not None else "",
                    given=name in data,
                    linked=linked,
                )
            )
    return InputTable(rows)


def type_name(value: Any) -> str:
    """ComfyUI's word for the type of a value, as far as the value tells."""
    if isinstance(value, bool):
        return "BOOLEAN"
    names = {int: "INT", float: "FLOAT", str: "STRING"}
    return names.get(type(value), type(value).__name__ if value is not None else "?")


class Problems(list[Problem]):
    """A list of problems, drawn as a table; empty means that nothing was found."""

    @property
    def errors(self) -> list[Problem]:
        """Those a server would refuse."""
        return [problem for problem in self if problem.severity == "error"]

    def _cells(self) -> Iterator[list[str]]:
        for p in self:
            node = p.node_title or p.class_type or ""
            yield [p.severity, p.node_id or "", node, p.input_name or "", p.message, p.suggestion or ""]

    _header = ("", "id", "node", "input", "problem", "try")

    def __repr__(self) -> str:
        return text_table(self._header, self._cells(), widest=90) if self else "No problems found."

    def _repr_html_(self) -> str:
        return html_table(self._header, self._cells()) if self else "<p>No problems found.</p>"


class ModelTable(Sequence[ModelFile]):
    """The model files of a workflow, drawn as a table."""

    def __init__(self, files: Iterable[ModelFile]) -> None:
        self._files = list(files)

    @overload
    def __getitem__(self, n: int) -> ModelFile: ...
    @overload
    def __getitem__(self, n: slice) -> ModelTable: ...
    def __getitem__(self, n: int | slice) -> ModelFile | ModelTable:
        return ModelTable(self._files[n]) if isinstance(n, slice) else self._files[n]

    def __len__(self) -> int:
        return len(self._files)

    @property
    def missing(self) -> ModelTable:
        """The files that the server does not have."""
        return ModelTable(file for file in self._files if file.here is False)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dicts, for `pandas.DataFrame`."""
        return [dict(file.__dict__) for file in self._files]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        said = {True: "yes", False: "no", None: "unknown"}
        header = ["folder", "file", "on the server", "url"]
        rows = [[file.folder, file.name, said[file.here], file.url] for file in self._files]
        if not any(row[-1] for row in rows):
            header, rows = header[:-1], [row[:-1] for row in rows]
        return header, rows

    def __repr__(self) -> str:
        return text_table(*self._table(), widest=120) if self._files else "No model files are named."

    def _repr_html_(self) -> str:
        return html_table(*self._table()) if self._files else f"<p>{self!r}</p>"
