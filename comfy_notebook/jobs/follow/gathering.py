"""The outputs of one job, on the loop: fetched as announced, in the record's order at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...client.records import JobRecord
from ...errors import ConnectionFailed, DownloadFailed
from ...protocol.frames import PreviewImage
from ...protocol.graph import node_class, node_title
from ...protocol.messages import Executed
from ...protocol.status import JobStatus
from ..outputs import Output, outputs_of

if TYPE_CHECKING:
    from ...client.downloads import Downloads


class Outputs:
    """What a job has put out so far. `changed` is called whenever there is more of it."""

    def __init__(self, graph: Mapping[str, Any], downloads: Downloads, changed: Callable[[], None]) -> None:
        self._names = names_of(graph)
        self._downloads = downloads
        self._changed = changed
        self._fetches: dict[Output, asyncio.Task[None]] = {}
        self.outputs: list[Output] = []

    @property
    def titles(self) -> dict[str, str]:
        """What a person calls each node of the graph."""
        return {node_id: title for node_id, (title, _) in self._names.items()}

    def produced(self, event: Executed) -> None:
        """A node's outputs: the files are on disk when `executed` arrives, so fetching begins at once."""
        known = {output.key for output in self.outputs}
        for output in self._made(event.node or "", event.output):
            if output.key not in known:
                self.outputs.append(output)
                task = asyncio.get_running_loop().create_task(self._fetch(output))
                task.add_done_callback(lambda _: self._changed())
                self._fetches[output] = task

    def final(self, event: PreviewImage) -> bool:
        """Take a preview that is in truth a final picture; whether it was one.

        SaveImageWebsocket sends its pictures as previews and keeps no file: only the node tells.
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
        """Everything the record lists, in its order, fetched or with the reason why not.

        `announced` is what events told: a failed job's record may lack what its earlier nodes made.
        """
        completed = record.status is JobStatus.completed
        listed = dict(record.outputs)
        if not completed or not listed:
            listed = {**announced, **listed}
        known = {output.key: output for output in self.outputs}
        ordered = [
            known.pop(made.key, made) for node_id, out in listed.items() for made in self._made(node_id, out)
        ]
        ordered += [output for output in known.values() if not output.on_server]
        if completed:
            ordered += self._missed({output.node_id for output in ordered})
        self.outputs = ordered
        early = [self._fetches[output] for output in ordered if output in self._fetches]
        await asyncio.gather(*early, return_exceptions=True)
        # Storage may have been a moment behind the announcement: what failed early is asked for again.
        await asyncio.gather(*(self._fetch(output) for output in ordered if not output.fetched))

    def stop(self) -> None:
        """Fetch no more."""
        for task in self._fetches.values():
            task.cancel()

    def _made(self, node_id: str, output: Mapping[str, Any] | None) -> list[Output]:
        title, class_type = self._names.get(node_id, (node_id, None))
        return outputs_of(node_id, output, title=title, class_type=class_type, fetch=self._fetch)

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
        """Pictures that were sent while no socket was connected: gone, and said so."""
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
