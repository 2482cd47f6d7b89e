"""The outputs of one job: downloaded as they are announced, completed from the record at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...client.records import JobRecord
from ...errors import ConnectionFailed, DownloadFailed
from ...protocol.frames import PreviewImage
from ...protocol.graph import node_class, node_order, node_title, visible_node
from ...protocol.messages import Executed
from ...protocol.status import JobStatus
from ..outputs import Output, outputs_of

if TYPE_CHECKING:
    from ...client.downloads import Downloads


class Outputs:
    """The outputs of one job so far. `changed` is called after each download.

    In the end they are in the order of their nodes in the graph, then in the server's: the order of a
    record changes from run to run. Outputs of a node that another one made by expanding belong to that one.
    """

    def __init__(self, graph: Mapping[str, Any], downloads: Downloads, changed: Callable[[], None]) -> None:
        self._names = names_of(graph)
        self._places = {node_id: place for place, node_id in enumerate(self._names)}
        self._downloads = downloads
        self._changed = changed
        self._display: dict[str, str] = {}
        self._fetches: dict[Output, asyncio.Task[None]] = {}
        self.outputs: list[Output] = []

    @property
    def titles(self) -> dict[str, str]:
        """The title of each node of the graph."""
        return {node_id: title for node_id, (title, _) in self._names.items()}

    def produced(self, event: Executed) -> None:
        """Take a node's outputs and start downloading: the files exist when `executed` arrives."""
        node_id = event.node or ""
        if event.display_node is not None:
            self._display[node_id] = event.display_node
        known = {output.key for output in self.outputs}
        for output in self._made(node_id, event.output):
            if output.key not in known:
                self.outputs.append(output)
                task = asyncio.get_running_loop().create_task(self._fetch(output))
                task.add_done_callback(lambda _: self._changed())
                self._fetches[output] = task

    def final(self, event: PreviewImage) -> bool:
        """Take a preview frame that is a final picture; returns whether it was one.

        SaveImageWebsocket sends its pictures as preview frames and saves no file.
        """
        if event.node_id is None or not self._is_websocket(event.node_id):
            return False
        title, class_type = self._names[event.node_id]
        index = sum(output.node_id == event.node_id for output in self.outputs)
        suffix = (event.mime or "image/png").rpartition("/")[2]
        self.outputs.append(
            Output(
                node_id=event.node_id,
                kind="image",
                node_title=title,
                class_type=class_type,
                filename=f"websocket_{event.node_id}_{index:05}_.{suffix}",
                index=index,
                data=event.image,
                mime=event.mime or "",
                on_server=False,
            )
        )
        return True

    async def complete(self, record: JobRecord, announced: Mapping[str, Mapping[str, Any]]) -> None:
        """Everything the record lists, downloaded or with the error that prevented it.

        `announced` holds the outputs that events reported: a failed job's record may lack some of them.
        """
        completed = record.status is JobStatus.completed
        listed = dict(record.outputs)
        if not completed or not listed:
            listed = {**announced, **listed}
        self._display.update(record.display)
        known = {output.key: output for output in self.outputs}
        ordered = [
            known.pop(made.key, made)
            for node_id in sorted(listed, key=self._place)
            for made in self._made(node_id, listed[node_id])
        ]
        ordered += [output for output in known.values() if not output.on_server]
        if completed:
            ordered += self._missed({output.node_id for output in ordered})
        ordered.sort(key=lambda output: self._place(output.node_id)[0])
        self.outputs = ordered
        early = [self._fetches[output] for output in ordered if output in self._fetches]
        await asyncio.gather(*early, return_exceptions=True)
        # Storage may be behind the announcement: downloads that failed early are repeated.
        await asyncio.gather(*(self._fetch(output) for output in ordered if not output.fetched))

    def stop(self) -> None:
        """Cancel the downloads that run."""
        for task in self._fetches.values():
            task.cancel()

    def _made(self, node_id: str, output: Mapping[str, Any] | None) -> list[Output]:
        visible = self._visible(node_id)
        title, class_type = self._names.get(visible, (visible, None))
        return outputs_of(visible, output, title=title, class_type=class_type, fetch=self._fetch)

    def _visible(self, node_id: str) -> str:
        return visible_node(node_id, self._names, self._display.get(node_id))

    def _place(self, node_id: str) -> tuple[int, tuple[tuple[int, int, str], ...]]:
        """A sort key: the place of the visible node in the graph, then the order of ids."""
        return self._places.get(self._visible(node_id), len(self._places)), node_order(node_id)

    async def _fetch(self, output: Output) -> None:
        """Fetch one output's bytes into it, or put the error there."""
        if output.fetched or output.filename is None or not output.on_server:
            return
        try:
            data, mime = await self._downloads.fetch(output.filename, output.subfolder, output.type)
        except (DownloadFailed, ConnectionFailed) as error:
            output._failed(error)
        else:
            output._filled(data, mime)

    def _is_websocket(self, node_id: str) -> bool:
        return "websocket" in (self._names.get(node_id, ("", None))[1] or "").lower()

    def _missed(self, seen: set[str]) -> list[Output]:
        """An output with an error for each websocket node whose pictures were not received."""
        missed = []
        for node_id, (title, class_type) in self._names.items():
            if class_type == "SaveImageWebsocket" and node_id not in seen:
                output = Output(
                    node_id=node_id,
                    kind="image",
                    node_title=title,
                    class_type=class_type,
                    filename=f"websocket_{node_id}_00000_.png",
                    on_server=False,
                )
                output.error = DownloadFailed(
                    f"{title} sent its picture over the socket while that was not connected.",
                    hint="Run it again, or use SaveImage, which keeps a file.",
                )
                missed.append(output)
        return missed


def names_of(graph: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """(title, class) of every node of a graph in the API's format."""
    return {
        str(node_id): (node_title(node) or node_class(node) or str(node_id), node_class(node))
        for node_id, node in graph.items()
        if isinstance(node, Mapping)
    }
