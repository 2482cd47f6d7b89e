"""`Result`: the outputs of a job, by kind and by node, in the order of their nodes in the workflow.

Pictures are decoded on first use. Arrays are uint8, (H, W, C), with C as in the file: 3 RGB, 4 RGBA,
1 greyscale; 16-bit greyscale is scaled to 8 bits (`.bytes` has the file itself), palettes and
greyscale with alpha become RGB or RGBA.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, DownloadFailed, NoOutput, Problem, UnknownNode
from ..protocol.status import JobStatus
from ..text import did_you_mean, same_name
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
    """The outputs of a job that completed, in the order of their nodes in the workflow.

    `result[0]` is an output; `result["Save Image"]` is the result of that one node (by title, id or
    class). `.image` and `.array` are the first of `.images` and `.arrays`, which are the saved pictures;
    `.temps` holds previews and the pictures of intermediate nodes. Where no output of a kind was saved,
    its previews stand in, and the repr says so. `.problems` lists what went wrong without failing the job.
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
        problems: Sequence[Problem] = (),
        pace: tuple[int, float] | None = None,
    ) -> None:
        self.job_id = job_id
        self.status = status
        self.outputs = list(outputs)
        self.workflow = workflow
        self.record = record
        self.seconds = seconds
        self.problems = list(problems)
        self.steps = pace[0] if pace is not None else None
        """The steps that sampling nodes counted; None when they were cached or not seen."""
        self.rate = pace[1] if pace is not None else None
        """Steps a second."""
        self._titles = dict(titles or {})

    @property
    def shown(self) -> list[Output]:
        """The outputs that displays draw: those saved, and previews of kinds of which nothing was saved."""
        saved = {output.kind for output in self.outputs if output.saved}
        return [output for output in self.outputs if output.saved or output.kind not in saved]

    @property
    def temps(self) -> list[Output]:
        """The files that were not saved: previews, and pictures of intermediate nodes."""
        return [output for output in self.outputs if not output.saved]

    def _kind(self, kind: str) -> list[Output]:
        return [output for output in self.shown if output.kind == kind]

    @property
    def pictures(self) -> list[Output]:
        """The outputs of `images`, not decoded."""
        return self._kind("image")

    @property
    def images(self) -> list[Image.Image]:
        """Every saved picture, or every preview when no picture was saved."""
        return [output.image for output in self.pictures]

    @property
    def image(self) -> Image.Image:
        """The first of `images`. Raises `NoOutput`, naming the outputs there are, when there is none."""
        return self._first("image", "picture").image

    @property
    def arrays(self) -> list[numpy.ndarray[Any, Any]]:
        """`images` as uint8 arrays, (H, W, C)."""
        return [output.array for output in self.pictures]

    @property
    def array(self) -> numpy.ndarray[Any, Any]:
        """The first of `arrays`. Raises `NoOutput` when there is none."""
        return self._first("image", "picture").array

    @property
    def texts(self) -> list[str]:
        """Every text."""
        return [output.text for output in self.outputs if output.text is not None]

    @property
    def videos(self) -> list[Output]:
        """Every saved video, or every preview when none was saved."""
        return self._kind("video")

    @property
    def audio(self) -> list[Output]:
        """Every saved sound, or every preview when none was saved."""
        return self._kind("audio")

    @property
    def files(self) -> list[Output]:
        """Every file of any kind, previews included."""
        return [output for output in self.outputs if output.filename is not None]

    @property
    def errors(self) -> list[ComfyError]:
        """The errors of outputs that could not be downloaded."""
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
        """Write every file and text, previews included, into a directory, unchanged; returns the paths.

        Makes the directory. A name that is taken gets a number. Raises `DownloadFailed` after writing
        what could be downloaded.
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
        names = [(output.kind, "" if output.saved else "preview ") for output in self.shown]
        words = (
            f"{n} {prefix}{kind}{'s' if n > 1 and kind in _COUNTED else ''}"
            for (kind, prefix), n in Counter(names).items()
        )
        return ", ".join(words) or "no outputs"

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
            problems=[problem for problem in self.problems if problem.node_id in node_ids],
            pace=(self.steps, self.rate) if self.steps is not None and self.rate is not None else None,
        )

    def _find(self, ref: Any) -> set[str]:
        name = str(getattr(ref, "id", ref))
        known = {output.node_id: output for output in self.outputs}
        if name in known or name in self._titles:
            return {name}
        titles = {**self._titles, **{node_id: output.node_title for node_id, output in known.items()}}
        by_title = {node_id for node_id, title in titles.items() if same_name(title, name)}
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
        hidden = len(self.outputs) - len(self.shown)
        temps = f" (and {hidden} in temps)" if hidden else ""
        failed = f", {len(self.errors)} not downloaded" if self.errors else ""
        problems = f", {len(self.problems)} problem{'s' * (len(self.problems) != 1)}" if self.problems else ""
        return f"<Result of {self.job_id}: {self._contents()}{temps}{failed}{problems}{took}>"

    def show(self, columns: int | None = None, width: int | None = None) -> Any:
        """Show the pictures side by side in `columns`, each `width` pixels wide."""
        return view("show")(self, columns=columns, width=width)

    def _ipython_display_(self) -> None:
        view("display_result")(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = view("result_bundle")(self)
        return bundle
