"""Static MIME bundles, which every viewer of notebooks can show.

Pictures are one `image/png` (several become a contact sheet) with `text/plain`; `text/html` is added for
text, players, files and errors. Under COMFY_NOTEBOOK_LIVE=0 the text holds no ids and no times. A bundle
never has two image types.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ... import images
from ...errors import DownloadFailed, JobFailed, Problem
from ...text import PARAGRAPH, escape, node_label, printable
from .. import wording
from ..frontend import detect
from ..options import Options, options_of
from ..static import style
from . import picture, thumbs
from .media import media_html, plays

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...jobs.result import Output, Result
    from ...jobs.state import JobState

Bundle = dict[str, Any]
_NAMES = {"image": "image", "text": "text", "video": "video", "audio": "audio file", "3d": "3D file",
          "latent": "latent"}  # fmt: skip
# Further pictures are counted, not drawn.
MOST = 64


def result_bundle(
    result: Result, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> Bundle:
    """The static bundle of a result: its pictures in the workflow's order, then the rest.

    Animated pictures play in the HTML; viewers that show only the PNG have their first frames.
    """
    options = options_of(result)
    outputs = list(result.shown)
    data: Bundle = {"text/plain": result_text(result)}
    shown = _wanted(include, exclude)
    if shown("image/png") and (pixels := pictures_png(outputs, options)) is not None:
        data["image/png"] = base64.b64encode(pixels).decode("ascii")
    if shown("text/html"):
        others = [output for output in outputs if output.kind != "image" or plays(output)]
        if others or result.problems:
            stills = any(output.kind == "image" and not plays(output) for output in outputs)
            body = _problems(result.problems) + media_html(others, options)
            data["text/html"] = _page(data.get("image/png") if stills else None, body)
    return _only(data, include, exclude)


def output_bundle(
    output: Output, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> Bundle:
    """The static bundle of one output."""
    options = options_of(output)
    data: Bundle = {"text/plain": _output_text(output)}
    if output.kind == "image":
        image, _ = open_image(output)
        data["image/png"] = _encoded(image, options)
    if output.kind != "image" or plays(output):
        data["text/html"] = _page(None, media_html([output], options))
    return _only(data, include, exclude)


def error_bundle(
    error: BaseException, state: JobState | None = None, job_id: str | None = None, *, hint: bool = True
) -> Bundle:
    """A failed run as a card: the node, the message, what to do, and the server's traceback and log folded.

    `hint` is false when the error is raised as well: the line that IPython prints has the hint.
    """
    where = _where(error, state)
    message = printable(getattr(error, "message", error), PARAGRAPH, lines=True)
    advice = printable(getattr(error, "hint", ""), PARAGRAPH, lines=True) if hint else ""
    title = f"{type(error).__name__}{f' at {where}' if where else ''}"
    lines = [f"{title}: {message}", advice, _job_line(job_id)]
    details = ""
    traceback = getattr(error, "traceback", "") if isinstance(error, JobFailed) else ""
    if traceback:
        details = (
            "<details><summary>Traceback from the server</summary>"
            f"<pre>{escape(traceback, 20_000, lines=True)}</pre></details>"
        )
    if isinstance(error, JobFailed) and error.server_log and not detect().deterministic:
        details += (
            "<details><summary>End of the server's log</summary>"
            f"<pre>{escape(error.server_log, 20_000, lines=True)}</pre></details>"
        )
    body = (
        f'<div class="cnb cnb-card cnb-failed" role="alert"><div class="cnb-head">✗ '
        f"{escape(f'Failed at {where}' if where else 'Failed')}"
        f'<span class="cnb-kind">{escape(_kind(error))}</span></div>'
        f'<div class="cnb-message">{escape(message, PARAGRAPH, lines=True)}</div>'
        + (f'<div class="cnb-hint">{escape(advice, PARAGRAPH, lines=True)}</div>' if advice else "")
        + details
        + (f'<div class="cnb-foot">{escape(_job_line(job_id))}</div>' if _job_line(job_id) else "")
        + "</div>"
    )
    return {"text/plain": "\n".join(line for line in lines if line), "text/html": style() + body}


def ended_bundle(state: JobState, job_id: str | None = None) -> Bundle:
    """What a run that ended without a result leaves: cancelled, timed out, lost."""
    word = {"cancelled": "Cancelled", "lost": "Lost by the server"}.get(state.status.value, "Stopped")
    at = f" at {printable(state.node_title)}" if state.node_title else ""
    step = f", step {wording.step(state)}" if wording.step(state) else ""
    if detect().deterministic:
        at = step = ""
    text = f"{word}{at}{step}."
    return {"text/plain": " ".join(part for part in (text, _job_line(job_id)) if part)}


def result_text(result: Result) -> str:
    """One line on a result, such as `Result(2 images 512×512, seed 7, 8.3 s, job 5d3e…)`, then its texts."""
    parts = [counted(result.shown) or "no outputs"]
    if not detect().deterministic:
        seed = getattr(result, "seed", None)
        parts += [f"seed {seed}"] if seed is not None else []
        seconds = getattr(result, "seconds", None)
        parts += [wording.seconds(seconds)] if seconds else []
        parts += [f"job {printable(result.job_id)}"] if getattr(result, "job_id", None) else []
    failed = [output for output in result.outputs if output.error is not None]
    parts += [f"{len(failed)} not downloaded"] if failed else []
    lines = [f"Result({', '.join(parts)})"]
    lines += [f"  ! {printable(problem, 400)}" for problem in result.problems]
    texts = [text for output in result.outputs if output.kind == "text" and (text := output.text)]
    lines += [printable(text, 1000, lines=True) for text in texts[:8]]
    return "\n".join(lines)


def counted(outputs: Iterable[Output]) -> str:
    """How many outputs of each kind: "2 images, 1 video"."""
    kinds = Counter((output.kind, output.saved) for output in outputs)
    words = []
    for (kind, saved), count in kinds.items():
        name = f"{'' if saved else 'preview '}{_NAMES.get(kind, 'file')}"
        words.append(f"{count} {name}{'s' if count != 1 else ''}")
    return ", ".join(words)


def captions(outputs: Sequence[Output], sizes: Sequence[tuple[int, int] | None]) -> list[str]:
    """A line under each picture: the node's title, a number when it made several, the size."""
    of_node = Counter(output.node_id for output in outputs)
    seen: Counter[str] = Counter()
    lines = []
    for output, size in zip(outputs, sizes, strict=True):
        seen[output.node_id] += 1
        title = output.node_title or output.class_type or output.node_id
        number = f" {seen[output.node_id]}" if of_node[output.node_id] > 1 else ""
        lines.append(f"{printable(title, 60)}{number}" + (f" · {size[0]}×{size[1]}" if size else ""))
    return lines


def pictures_png(outputs: Sequence[Output], options: Options) -> bytes | None:
    """PNG bytes of the pictures among the outputs: the picture itself, or a contact sheet of several."""
    images = [output for output in outputs if output.kind == "image"]
    if not images:
        return None
    drawn = images[:MOST]
    pairs = [open_image(output) for output in drawn]
    if len(images) == 1:
        return picture.fitted(pairs[0][0], limit=options.embed_px, at_most=_aim(options))
    names = captions(drawn, [size for _, size in pairs])
    columns, width = picture.sheet_columns(len(drawn), options.embed_px)
    sheet = picture.contact_sheet([image for image, _ in pairs], names, columns=columns, width=width)
    return picture.fitted(sheet, limit=max(sheet.size), at_most=_aim(options))


def sweep_png(images: Sequence[Image], names: Sequence[str]) -> str:
    """The pictures of a sweep on one sheet, as base64 of a PNG within what a cell may hold."""
    options = Options()
    sheet = picture.contact_sheet(images[:MOST], names[:MOST])
    pixels = picture.fitted(sheet, limit=max(sheet.size), at_most=options.embed_bytes // 2)
    return base64.b64encode(pixels).decode("ascii")


def open_image(output: Output) -> tuple[Image, tuple[int, int] | None]:
    """The picture of an output and its size; a failed tile (and None) when it cannot be had."""
    try:
        if output.error is not None:
            raise output.error
        return thumbs.shown(output), images.dimensions(output.bytes)
    except Exception as error:  # the other pictures are still shown
        name = printable(output.filename or "output", 40)
        missing = error is output.error or isinstance(error, DownloadFailed)
        text = "not downloaded" if missing else "cannot be shown here"
        return picture.failed_tile(text=f"{name}: {text}"), None


def _aim(options: Options) -> int:
    return min(picture.AIM, options.embed_bytes)


def _encoded(image: Image, options: Options) -> str:
    data = picture.fitted(image, limit=options.embed_px, at_most=_aim(options))
    return base64.b64encode(data).decode("ascii")


def _page(encoded_png: str | None, body: str) -> str:
    # A viewer that prefers HTML does not show the PNG of the same bundle.
    image = f'<img class="cnb-sheet" alt="results" src="data:image/png;base64,{encoded_png}">'
    return f'{style()}<div class="cnb">{image if encoded_png else ""}{body}</div>'


def _problems(problems: Sequence[Problem]) -> str:
    rows = "".join(f"<li>{escape(problem, 400)}</li>" for problem in problems)
    return f'<ul class="cnb-problems">{rows}</ul>' if rows else ""


def _output_text(output: Output) -> str:
    name = printable(output.filename or output.kind)
    if output.error is not None:
        return f"Output({name}, not downloaded: {printable(output.error, 300)})"
    if output.kind == "text":
        return printable(output.text or "", PARAGRAPH, lines=True)
    return f"Output({name}, {printable(output.node_title or output.node_id)})"


def _where(error: BaseException, state: JobState | None) -> str:
    if not isinstance(error, JobFailed):
        return ""
    if not error.where and state is not None and state.node:
        return printable(node_label(state.node, state.node_title), 200)
    return printable(error.where, 200)


def _kind(error: BaseException) -> str:
    return str(getattr(error, "exception_type", None) or type(error).__name__)


def _job_line(job_id: str | None) -> str:
    return f"Job {printable(job_id)}" if job_id and not detect().deterministic else ""


def _wanted(include: Collection[str] | None, exclude: Collection[str] | None) -> Callable[[str], bool]:
    return lambda mime: (not include or mime in include) and mime not in (exclude or ())


def _only(data: Bundle, include: Collection[str] | None, exclude: Collection[str] | None) -> Bundle:
    wanted = _wanted(include, exclude)
    return {mime: value for mime, value in data.items() if wanted(mime)}
