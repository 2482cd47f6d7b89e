"""`Result`: what a job put out, by kind, by node, in the order the server gave it.

Pictures are decoded when asked for. Arrays are uint8, (H, W, C), with C as the file has it: 3 RGB,
4 RGBA, 1 greyscale; 16-bit greyscale is scaled to 8 (the file itself is in `.bytes`), palettes and
greyscale with alpha become RGB or RGBA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, DownloadFailed, NoOutput, UnknownNode
from ..protocol.status import JobStatus
from ..text import did_you_mean
from ..views import view
from .outputs import Output

if TYPE_CHECKING:
    import numpy
    from PIL import Image

    from ..client.records import JobRecord
    from ..workflow.workflow import Workflow

__all__ = ["Output", "Result"]
_COUNTED = ("image", "video", "text", "file", "latent")


class Result(Sequence[Output]):
    """The outputs of a job that completed, in the order the server gave them.

    `result[0]` is an output; `result["Save Image"]` is the result of that one node (by title, id or
    class). `.image` and `.array` are the first of `.images` and `.arrays`.
    """

    def __init__(
        self,
        job_id: str,
        outputs: Sequence[Output] = (),
        *,
        status: JobStatus = JobStatus.completed,
        workflow: Workflow | None = None,
        record: JobRecord | None = None,
        seconds: float | None = None,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        self.job_id = job_id
        self.status = status
        self.outputs = list(outputs)
        self.workflow = workflow
        self.record = record
        self.seconds = seconds
        self._titles = dict(titles or {})

    def _kind(self, kind: str) -> list[Output]:
        return [output for output in self.outputs if output.kind == kind]

    @property
    def images(self) -> list[Image.Image]:
        """Every picture, previews (`type` "temp") included."""
        return [output.image for output in self._kind("image")]

    @property
    def image(self) -> Image.Image:
        """The first picture. Raises `NoOutput`, naming what there is, when there is none."""
        return self._first("image", "picture").image

    @property
    def arrays(self) -> list[numpy.ndarray[Any, Any]]:
        """Every picture as uint8, (H, W, C)."""
        return [output.array for output in self._kind("image")]

    @property
    def array(self) -> numpy.ndarray[Any, Any]:
        """The first picture as uint8, (H, W, C). Raises `NoOutput` when there is none."""
        return self._first("image", "picture").array

    @property
    def texts(self) -> list[str]:
        """Every text a node put out."""
        return [output.text for output in self.outputs if output.text is not None]

    @property
    def videos(self) -> list[Output]:
        """Every video file."""
        return self._kind("video")

    @property
    def audio(self) -> list[Output]:
        """Every sound file."""
        return self._kind("audio")

    @property
    def files(self) -> list[Output]:
        """Everything that is a file, of whatever kind."""
        return [output for output in self.outputs if output.filename is not None]

    @property
    def errors(self) -> list[ComfyError]:
        """Why outputs could not be fetched; empty when all are here."""
        return [output.error for output in self.outputs if output.error is not None]

    @property
    def seed(self) -> int | None:
        """The seed of the run, when its seed inputs agree on one."""
        found = set(self.seeds.values())
        return found.pop() if len(found) == 1 else None

    @property
    def seeds(self) -> dict[str, int]:
        """Every seed of the run, by `NODE.INPUT`."""
        if self.workflow is None or not self.workflow.is_converted:
            return {}
        graph = self.workflow.graph
        return {f"{node}.{name}": graph[node]["inputs"][name] for node, name in self.workflow.seed_inputs()}

    def save(self, directory: str | Path = ".") -> list[Path]:
        """Write every file and text into a directory (made if need be), unchanged; returns the paths.

        Nothing is overwritten: a number is added to a name that is taken. Raises `DownloadFailed`
        after writing what is here.
        """
        paths, failed = [], None
        for output in self.outputs:
            try:
                paths.append(output.save(directory))
            except DownloadFailed as error:
                failed = error
        if failed is not None:
            raise failed
        return paths

    def _first(self, kind: str, word: str) -> Output:
        found = self._kind(kind)
        if found:
            return found[0]
        raise NoOutput(f"The result holds no {word}: {self._contents()}.", hint=self._advice())

    def _contents(self) -> str:
        kinds: dict[str, int] = {}
        for output in self.outputs:
            kinds[output.kind] = kinds.get(output.kind, 0) + 1
        words = (f"{n} {kind}{'s' if n > 1 and kind in _COUNTED else ''}" for kind, n in kinds.items())
        return ", ".join(words) or "nothing at all"

    def _advice(self) -> str:
        if self.outputs:
            return "See result.outputs."
        return "An output node such as SaveImage or PreviewImage puts pictures out."

    def __getitem__(self, ref: Any) -> Any:
        if isinstance(ref, (int, slice)):
            return self.outputs[ref]
        node_ids = self._find(ref)
        chosen = [output for output in self.outputs if output.node_id in node_ids]
        return Result(
            self.job_id,
            chosen,
            status=self.status,
            workflow=self.workflow,
            record=self.record,
            seconds=self.seconds,
            titles=self._titles,
        )

    def _find(self, ref: Any) -> set[str]:
        name = str(getattr(ref, "id", ref))
        known = {output.node_id: output for output in self.outputs}
        if name in known or name in self._titles:
            return {name}
        titles = {**self._titles, **{node_id: output.node_title for node_id, output in known.items()}}
        by_title = {node_id for node_id, title in titles.items() if title == name}
        by_class = {node_id for node_id, output in known.items() if output.class_type == name}
        if found := by_title or by_class:
            return found
        if self.workflow is not None and self.workflow.is_converted:
            return {self.workflow[ref].id}
        everything = [*titles.values(), *titles, *(o.class_type or "" for o in self.outputs)]
        raise UnknownNode(f"No node of this result is called {name!r}.", hint=did_you_mean(name, everything))

    def _ipython_key_completions_(self) -> list[str]:
        return list(dict.fromkeys(output.node_title for output in self.outputs))

    def __len__(self) -> int:
        return len(self.outputs)

    def __iter__(self) -> Iterator[Output]:
        return iter(self.outputs)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        took = f", {self.seconds:.1f} s" if self.seconds is not None else ""
        failed = f", {len(self.errors)} not fetched" if self.errors else ""
        return f"<Result of {self.job_id}: {self._contents()}{failed}{took}>"

    def show(self, columns: int | None = None, width: int | None = None) -> Any:
        """Show the pictures side by side: so many columns, each so many pixels wide."""
        return view("show")(self, columns=columns, width=width)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = view("result_bundle")(self)
        return bundle
