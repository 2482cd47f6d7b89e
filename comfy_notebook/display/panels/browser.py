"""Browsers for `%comfy nodes` and `%comfy models`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...text import printable
from .panel import Panel

if TYPE_CHECKING:
    from ...clients import Client

_MOST = 200


class NodesPanel(Panel):
    """The node classes of a server; `selected` is the class_type chosen."""

    title = "Nodes"

    def __init__(self, client: Client, query: str = "") -> None:
        super().__init__()
        self._client, self._query = client, query
        self.selected: str | None = None

    def text(self) -> str:
        found = self._client.nodes.search(self._query, 40)
        return "\n".join(f"{printable(node.class_type)}  {printable(node.category)}" for node in found)

    def build(self) -> list[Any]:
        import ipywidgets as w

        hint = "search nodes by name, category, what they do"
        self._search = w.Text(value=self._query, placeholder=hint, layout=w.Layout(width="100%"))
        self._search.continuous_update = True
        self._select = w.Select(options=[], rows=14, layout=w.Layout(width="280px", flex="1 0 240px"))
        self._details = w.HTML(layout=w.Layout(flex="3 1 300px", min_width="0", margin="0 0 0 12px"))
        self._search.observe(lambda _: self.find(), names="value")
        self._select.observe(self._chosen, names="value")
        parts = w.HBox([self._select, self._details], layout=w.Layout(flex_flow="row wrap"))
        return [self._search, parts]

    def shown(self) -> None:
        self.find()

    def find(self) -> None:
        """List what the query finds."""
        words = self._search.value
        self.work(lambda: self._client.nodes.search(words, _MOST), self._list)

    def _list(self, found: Sequence[Any]) -> None:
        names = [(printable(node.display_name, 60), node.class_type) for node in found]
        # Without a query to rank by, they are sorted by name.
        self._select.options = names if self._search.value.strip() else sorted(names, key=_by_name)
        self.say(f"{len(found)} node classes" if len(found) < _MOST else f"the first {_MOST}; type to narrow")

    def _chosen(self, change: Any) -> None:
        self.selected = class_type = change["new"]
        if class_type is not None:
            self.work(lambda: self._client.nodes[class_type]._repr_html_(), self._show)

    def _show(self, html: str) -> None:
        self._details.value = f'<div class="cnb cnb-details">{html}</div>'


class ModelsPanel(Panel):
    """The model files of a server by folder; `selected` is the name chosen."""

    title = "Models"

    def __init__(self, client: Client, folder: str | None = None) -> None:
        super().__init__()
        self._client, self._folder = client, folder
        self._names: list[str] = []
        self.selected: str | None = None

    def text(self) -> str:
        folders = [self._folder] if self._folder else list(self._client.models())
        lines = []
        for folder in folders:
            names = list(self._client.models(folder))
            lines += [f"{printable(folder)} ({len(names)})", *(f"  {printable(name)}" for name in names[:50])]
        return "\n".join(lines)

    def build(self) -> list[Any]:
        import ipywidgets as w

        self._folders = w.Dropdown(options=[], layout=w.Layout(width="220px"))
        self._search = w.Text(placeholder="search models", layout=w.Layout(width="300px", max_width="100%"))
        self._select = w.Select(options=[], rows=12, layout=w.Layout(width="532px", max_width="100%"))
        self._folders.observe(lambda change: self._open(change["new"]), names="value")
        self._search.observe(lambda _: self._narrow(), names="value")
        self._select.observe(lambda change: setattr(self, "selected", change["new"]), names="value")
        return [w.HBox([self._folders, self._search], layout=w.Layout(flex_flow="row wrap")), self._select]

    def shown(self) -> None:
        self.work(lambda: list(self._client.models()), self._fill)

    def _fill(self, folders: list[str]) -> None:
        chosen = self._folder if self._folder in folders else next(iter(folders), None)
        self._folders.options = folders
        self._folders.value = chosen
        self._open(chosen)

    def _open(self, folder: str | None) -> None:
        if folder is not None:
            self.work(lambda: list(self._client.models(folder)), self._filled)

    def _filled(self, names: list[str]) -> None:
        self._names = names
        self._narrow()

    def _narrow(self) -> None:
        found = matching(self._names, self._search.value)
        self._select.options = [(printable(name, 90), name) for name in found[:_MOST]]
        self.say(f"{len(found)} of {len(self._names)}")


def _by_name(option: tuple[str, str]) -> str:
    return option[0].casefold()


def matching(names: Sequence[str], query: str) -> list[str]:
    """The names that hold every word of the query, ignoring case."""
    words = query.lower().split()
    hit: Callable[[str], bool] = lambda name: all(word in name.lower() for word in words)  # noqa: E731
    return [name for name in names if hit(name)]


def nodes_panel(client: Client, query: str = "") -> NodesPanel:
    """A browser over the server's node classes."""
    return NodesPanel(client, query)


def models_panel(client: Client, folder: str | None = None) -> ModelsPanel:
    """A browser over the server's models."""
    return ModelsPanel(client, folder)
