"""What a running node may use of the server: files, progress, previews, outputs and cancellation."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..protocol.frames import PreviewImage, TextFrame, sniff
from ..protocol.messages import Event, NodeProgress, Progress, ProgressState
from .assets import Asset, Assets
from .events import Audience, Hub
from .nodes.base import Files

_ALWAYS = 64  # up to so many nodes every progress_state is sent
_INTERVAL = 0.1


class Interrupted(Exception):
    """The job was cancelled; raised inside the node at its next step."""


class UserFiles:
    """One user's files, and the models every user has (`nodes.base.Files`)."""

    def __init__(self, assets: Assets, user: str, models: Mapping[str, list[str]]) -> None:
        self._assets = assets
        self._user = user
        self._models = models

    def path(self, annotated_name: str) -> Path:
        """The file behind `name`, `sub/name`, `name [output]` or a hash; FileNotFoundError when none."""
        asset = self._assets.find(self._user, annotated_name, type=None) if annotated_name else None
        if asset is None:
            raise FileNotFoundError(f"no file {annotated_name!r}")
        return self._assets.path(asset)

    def names(self, folder: str) -> list[str]:
        """The names in `input`, `output`, `temp` or a model folder, sorted."""
        if folder in ("input", "output", "temp"):
            return self._assets.names(self._user, folder)
        return sorted(self._models.get(folder, ()))


class Report:
    """One job's progress as it is sent to listeners: cumulative, node by node."""

    def __init__(self, job_id: str, audience: Audience, hub: Hub, previews: bool = True) -> None:
        self.job_id = job_id
        self._previews = previews
        self._audience = audience
        self._hub = hub
        self._nodes: dict[str, NodeProgress] = {}
        self._last = 0.0
        self._closed = False

    def close(self) -> None:
        """Send nothing more: the job has ended, though its thread has not."""
        self._closed = True

    def send(self, *events: Event) -> None:
        """Tell the listeners."""
        if not self._closed:
            self._hub.publish(self._audience, *events)

    def begin(self, node_id: str) -> None:
        """A node starts."""
        self._set(node_id, 0.0, 1.0, "running")
        self._send_state()

    def step(self, node_id: str, value: int, total: int, preview: bytes | None) -> None:
        """A node has reached this step. As recorded: a frame with metadata comes before `progress`, a plain
        one after it. A PNG is the output of SaveImageWebsocket, not a preview: it is always sent.
        """
        self._set(node_id, value, total, "running")
        self._send_state()
        progress = Progress(value=value, max=total, node=node_id, prompt_id=self.job_id)
        if preview is None or not (self._previews or sniff(preview) == "image/png"):
            self.send(progress)
        else:
            self.send(self._preview(preview, node_id, {}), progress, self._preview(preview, node_id, None))

    def _preview(self, image: bytes, node_id: str, metadata: Mapping[str, Any] | None) -> PreviewImage:
        mime = sniff(image) or "image/jpeg"
        return PreviewImage(image, mime, node_id=node_id, prompt_id=self.job_id, metadata=metadata)

    def end(self, node_id: str) -> None:
        """A node is done; one that reported steps keeps its last."""
        known = self._nodes.get(node_id)
        if known is None:
            self._set(node_id, 1, 1, "finished")
        elif known.max == 1.0 and known.value == 0.0:
            self._set(node_id, 1.0, 1.0, "finished")
        else:
            self._set(node_id, known.max, known.max, "finished")
        self._send_state()

    def _set(self, node_id: str, value: float, total: float, state: str) -> None:
        self._nodes[node_id] = NodeProgress(
            node_id=node_id, value=value, max=total, state=state,
            display_node_id=node_id, parent_node_id=None, real_node_id=node_id,
        )  # fmt: skip

    def _send_state(self) -> None:
        # Each message repeats all nodes so far: for a large graph that grows with its square, so
        # there the states are sent at intervals. `executing` and `executed` are never left out.
        if len(self._nodes) > _ALWAYS:
            if time.monotonic() - self._last < _INTERVAL:
                return
            self._last = time.monotonic()
        if self._hub.listens(self._audience):
            self.send(ProgressState(nodes=dict(self._nodes), prompt_id=self.job_id))


class NodeContext:
    """A running node's view of its job (`nodes.base.Context`)."""

    def __init__(
        self,
        node_id: str,
        prompt: Mapping[str, Any],
        extra_data: Mapping[str, Any],
        files: UserFiles,
        report: Report,
        cancelled: threading.Event,
        assets: Assets,
        user: str,
    ) -> None:
        self.node_id = node_id
        self.prompt = prompt
        pnginfo = extra_data.get("extra_pnginfo")
        self.extra_pnginfo: Mapping[str, Any] = pnginfo if isinstance(pnginfo, Mapping) else {}
        self.files: Files = files
        self.saved: list[str] = []
        self._report = report
        self._cancelled = cancelled
        self._assets = assets
        self._user = user

    def progress(self, value: int, total: int, preview: bytes | None = None) -> None:
        """Report a step, with the JPEG or PNG bytes of a preview; raises when the job was cancelled."""
        self.check_cancelled()
        self._report.step(self.node_id, value, total, preview)

    def text(self, text: str) -> None:
        """Show a line of text under this node (binary frame 3)."""
        self._report.send(TextFrame(self.node_id, text, self._report.job_id))

    def check_cancelled(self) -> None:
        """Raise if the job was cancelled."""
        if self._cancelled.is_set():
            raise Interrupted

    def save(
        self, data: bytes, prefix: str, suffix: str, type: str = "output", *, mark: str = "_"
    ) -> dict[str, str]:
        """Store an output as `<prefix>_00001_<suffix>`; folders in the prefix become the subfolder."""
        self.check_cancelled()
        folder, _, stem = prefix.replace("\\", "/").rpartition("/")
        folder = "/".join(part for part in folder.split("/") if part)
        if ".." in folder.split("/"):
            raise ValueError(f"Saving outside the output folder is not allowed: {prefix}")
        number = self._assets.next_number(self._user, type, f"{folder}/{stem}")
        name = f"{stem}_{number:05}{mark}{suffix}"
        asset = self._assets.add(Asset(self._user, name, type, folder, job_id=self._report.job_id), data)
        self.saved.append(asset.id)
        return asset.reference
