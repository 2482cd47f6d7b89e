"""A table shown as aligned text in a terminal and as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Table(Sequence[tuple[Any, ...]]):
    """Rows of cells under their headers; a sequence of tuples. Every cell is escaped."""

    def __init__(self, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.headers = tuple(headers)
        self._rows = [tuple(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)

    def _cells(self) -> Iterator[list[str]]:
        for row in self._rows:
            yield ["" if cell is None else str(cell) for cell in row]

    def __repr__(self) -> str:
        from ..workflow.view.table import text_table

        return text_table(self.headers, self._cells())

    def _repr_html_(self) -> str:
        from ..workflow.view.table import html_table

        return html_table(self.headers, self._cells())
