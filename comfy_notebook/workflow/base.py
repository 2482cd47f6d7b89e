"""`BaseWorkflow`: the part of a workflow that loads, converts and saves a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from ..errors import ComfyError, ConversionError, Problem
from . import model
from .catalog import NodeCatalog
from .formats import is_editor_format
from .values import duplicate, same

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from .files import Source
    from .view.table import ModelTable, Problems

Nodes = NodeCatalog | Mapping[str, Any]


class BaseWorkflow:
    """A graph, the file it was read from and the node definitions in use: all but editing and display.

    A file in the editor's own ("save") format stays as it is until a `NodeCatalog` is at hand, because only
    the node definitions tell which saved value belongs to which input; `resolve` converts it.
    """

    def __init__(
        self,
        api: Mapping[str, Any] | None = None,
        *,
        editor: Mapping[str, Any] | None = None,
        source: Source | None = None,
        nodes: Nodes | None = None,
    ) -> None:
        if editor is None and api is not None and is_editor_format(api):
            api, editor = None, api
        self._api: model.MutableGraph | None = None
        self._original: model.MutableGraph | None = None
        self._problems: list[Problem] = []
        self._catalog = None if nodes is None else NodeCatalog.from_object_info(nodes)
        self.editor: dict[str, Any] | None = dict(editor) if editor is not None else None
        """The editor's document that the graph came with, for `extra_pnginfo`; never changed."""
        self.source = source
        """Which file or URL was read; None for a graph made in memory."""
        if api is not None or editor is None:
            self._take(api or {})
        elif nodes is not None:
            self.resolve(nodes)

    def _take(self, api: Mapping[str, Any]) -> None:
        self._api = model.read_graph(api)
        self._original = duplicate(self._api)

    @property
    def is_converted(self) -> bool:
        """Whether the graph is available in the API's format."""
        return self._api is not None

    @property
    def graph(self) -> model.MutableGraph:
        """The nodes in the API's format, by id. Raises `ConversionError` before the file is converted."""
        if self._api is None:
            raise ConversionError(
                "This workflow is in the editor's format and not converted yet.",
                hint="Pass the node definitions: Workflow.load(source, nodes=client.nodes), "
                "or wf.resolve(client.nodes).",
            )
        return self._api

    @property
    def catalog(self) -> NodeCatalog | None:
        """The node definitions in use, or None."""
        return self._catalog

    @property
    def problems(self) -> Problems:
        """What the conversion could not know."""
        from .view.table import Problems

        return Problems(self._problems)

    @property
    def edited(self) -> bool:
        """Whether the graph differs from what was loaded or converted."""
        return self._api is not None and not same(self._api, self._original)

    @property
    def extra_pnginfo(self) -> dict[str, Any]:
        """What a server writes into pictures: the editor's document with the values of this graph.

        Empty when there is no such document, or when it cannot hold what the graph says.
        """
        document = self.editor
        if document is not None and self.edited:
            from .writeback import written_back

            document = written_back(document, self._original or {}, self.graph, self._catalog)
        return {"workflow": document} if document is not None else {}

    def resolve(self, nodes: Nodes) -> Self:
        """Use these node definitions, and convert the editor's format with them if that is still to do.

        `nodes` is a catalog, or what `GET /object_info` answers. Returns the workflow itself. Raises
        `ConversionError` only when nothing could be converted; anything less is in `.problems`.
        """
        catalog = self._catalog = NodeCatalog.from_object_info(nodes)
        if self._api is None:
            from .convert import convert

            done = convert(self.editor or {}, catalog, keep_placeholders=True)
            if not done.api and (done.problems or (self.editor or {}).get("nodes")):
                raise ConversionError("Nothing in this workflow could be converted.", problems=done.problems)
            self._take(done.api)
            self._problems = list(done.problems)
        return self

    def to_api(self, nodes: Nodes | None = None) -> dict[str, Any]:
        """The graph as the API takes it: a new dict of plain JSON values.

        Placeholders in the names of saved files (`%date:yyyy-MM-dd%`, `%KSampler.seed%`) are filled in.
        Raises `ConversionError` when an editor-format workflow has no catalog to convert it, and
        `InvalidWorkflow` naming the input when a picture, array, bytes or path is still in it: the
        client uploads those when the run is submitted.
        """
        if nodes is not None:
            self.resolve(nodes)
        from .file_names import fill_names

        graph = model.as_json(self.graph)
        fill_names(graph, lambda: self.extra_pnginfo.get("workflow"), self._catalog)
        return graph

    def save(self, path: str | Path, *, format: str = "api", overwrite: bool = False) -> Path:
        """Write the workflow as a JSON file and return its path.

        `format` is "api", or "editor" for a file that the ComfyUI editor opens: the document that was
        loaded with the values of this graph, or a new one, which needs node definitions and is laid out in
        columns. An existing file is replaced when it holds a workflow of the same format and nothing else;
        any other only with `overwrite=True`. The file is written whole or not at all.
        """
        from .files import write

        if format not in ("api", "editor"):
            raise ComfyError(f"{format!r} is not a format of workflows.", hint="Use 'api' or 'editor'.")
        document = self.to_api() if format == "api" else self._editor_document()
        return write(path, document, overwrite=overwrite)

    def _editor_document(self) -> dict[str, Any]:
        if kept := self.extra_pnginfo.get("workflow"):
            return dict(kept)
        if self._catalog is None:
            raise ConversionError(
                "The editor's format needs the node definitions.",
                hint="Load the workflow with them: Workflow.load(source, nodes=client.nodes).",
            )
        from .writeback import editor_document

        return editor_document(self.to_api(), self._catalog)

    def models(self, nodes: Nodes | None = None) -> ModelTable:
        """The model files it needs: folder, name, whether the server has it, and url and hash if known.

        Whether the server has a file is known with node definitions alone; nothing is asked or loaded.
        """
        from .needs import model_files
        from .view.table import ModelTable

        catalog = self._catalog if nodes is None else NodeCatalog.from_object_info(nodes)
        return ModelTable(model_files(self._api or {}, self.editor, catalog))

    def to_python(self) -> str:
        """A Python program that rebuilds the graph exactly and runs it. Raises as `to_api` does."""
        from .view.python import program

        return program(self.to_api())

    @overload
    def embed(self, picture: str | Path) -> Path: ...
    @overload
    def embed(self, picture: bytes) -> bytes: ...
    def embed(self, picture: str | Path | bytes) -> Path | bytes:
        """Write the workflow into a PNG, JPEG or WebP, as ComfyUI does; the pixels are not touched.

        A file is changed in place and its path returned; of bytes, new ones are returned. A workflow that
        was in the picture is replaced. Raises `ComfyError` for other files, and as `to_api` does.
        """
        from .embed import embedded
        from .files import changed

        texts = (self.to_api(), self.extra_pnginfo.get("workflow"))
        if isinstance(picture, bytes):
            return embedded(picture, *texts)
        return changed(picture, lambda data: embedded(data, *texts))
