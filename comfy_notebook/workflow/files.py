"""Reads a workflow from any source that holds one; the only module here that uses files or the network.

Sources are paths, http(s) URLs, JSON text, bytes, dicts, open files, PIL images, and objects with
`.bytes` such as an output of a run. Files are recognised by their content, never by their name, and
read in parts with bounds: a file of gigabytes costs no more than its metadata. Whatever the input,
only a `ComfyError` comes out.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from ..atomic import write_file
from ..errors import (
    ComfyError,
    ConnectionFailed,
    DownloadFailed,
    InvalidWorkflow,
    NotAWorkflow,
    Problem,
    WorkflowNotFound,
)
from ..text import clip, missing_file_hint
from . import documents, parameters, recipe
from .containers import Damaged, Reader, kind_of, pil, texts
from .formats import is_editor_format
from .json_text import decode, looks_like_json, may_hold_json

LARGEST_JSON = 32 * 1024 * 1024
LARGEST_DOWNLOAD = 256 * 1024 * 1024
LONGEST_DOWNLOAD = 300.0
_TIMEOUT = 30.0
_HINT = "A workflow is API-format or editor-format JSON, or a picture, video or sound that ComfyUI saved."
_UNNAMED = {"a dict": "The dict", "a text": "The text", "bytes": "The data", "an image": "The image"}
_OTHERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"GIF8", "a GIF picture, which carries no workflow"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BM", "a bitmap, which carries no workflow"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x02", "a pickle"),
)

_PROGRAMS = {
    "invokeai_metadata": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "invokeai_workflow": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "fooocus_scheme": "Fooocus",
    "parameters": "A1111, Forge or a similar program",
}
"""The keys of texts in which other programs save their settings."""


@dataclass(frozen=True)
class Source:
    """Where a workflow was read: a file's or host's name, and which part of it."""

    name: str
    part: str

    def __str__(self) -> str:
        return f"from {self.name} ({self.part})"


@dataclass(frozen=True)
class Found:
    """What was read: a graph in the API's format, the editor's document, or both."""

    api: dict[str, Any] | None
    editor: dict[str, Any] | None
    source: Source
    problems: tuple[Problem, ...] = ()
    """What could not be read as it was meant."""


def read(source: Any) -> Found:
    """The workflow in a source of any kind; see `Workflow.load`."""
    if isinstance(source, Mapping):
        return _from_document(source, "a dict")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(bytes(source)), "bytes")
    if isinstance(source, os.PathLike):
        return _from_path(Path(source))
    if isinstance(source, str):
        if "{" in source and (looks_like_json(source[:512]) or may_hold_json(source[:65536])):
            return _from_text(source.lstrip("\ufeff"), "a text")
        if source[:8].lower().startswith(("http://", "https://")):
            return _from_url(source)
        if "\n" in source and parameters.is_parameters(source):
            return _from_settings({"parameters": source}, "a text") or _refuse("str")
        if not source.strip():
            raise WorkflowNotFound(
                "The name of the workflow is empty.", hint="Give a file, a URL, or JSON text."
            )
        return _from_path(Path(source))
    return _from_object(source)


def _from_object(source: Any) -> Found:
    name = type(source).__name__
    if hasattr(source, "getexif") and isinstance(getattr(source, "info", None), dict):
        return _from_image(source)
    data = getattr(source, "bytes", None)
    data = data() if callable(data) else data
    if isinstance(data, (bytes, bytearray)):
        return _from_file(io.BytesIO(data), str(getattr(source, "filename", None) or name))
    outputs = getattr(source, "outputs", None)
    if isinstance(outputs, (list, tuple)):
        for output in outputs:
            try:
                return read(output)
            except NotAWorkflow:
                continue
        raise NotAWorkflow(f"None of the {len(outputs)} outputs of this {name} holds a workflow.", hint=_HINT)
    if callable(getattr(source, "read", None)):
        data = source.read(LARGEST_DOWNLOAD + 1)
        if isinstance(data, str):
            return _from_text(data, "a text")
        return read(data) if isinstance(data, bytes) else _refuse(name)
    return _refuse(name)


def _from_image(image: Any) -> Found:
    """The workflow in a PIL image: in its file as long as that is there, else in what PIL kept of it."""
    for file in _files_of(image):
        at = file.tell()
        try:
            file.seek(0)
            return _from_file(file, "an image")
        except (ComfyError, OSError, ValueError):
            continue
        finally:
            with contextlib.suppress(OSError, ValueError):
                file.seek(at)
    return _from_texts(pil.texts(image), "an image", "image")


def _files_of(image: Any) -> Iterator[BinaryIO]:
    file = getattr(image, "fp", None) or getattr(image, "_fp", None)  # the second after reading a frame
    if file is not None and not getattr(file, "closed", True) and callable(getattr(file, "seek", None)):
        yield file
    path = getattr(image, "filename", None)
    if isinstance(path, (str, os.PathLike)) and os.fspath(path) and os.path.isfile(path):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            yield file


def _the(name: str) -> str:
    return _UNNAMED.get(name, name)


def _refuse(name: str) -> Found:
    raise NotAWorkflow(f"A workflow cannot be read from a value of type {name}.", hint=_HINT)


def _from_path(path: Path) -> Found:
    try:
        path = path.expanduser()
        mode = os.stat(path).st_mode
    except (OSError, ValueError, RuntimeError):  # a zero byte in it; no such user
        raise WorkflowNotFound(
            f"There is no file {clip(str(path), 300)!r}.", hint=missing_file_hint(path)
        ) from None
    if stat.S_ISDIR(mode):
        raise WorkflowNotFound(f"{str(path)!r} is a folder.", hint=_inside(path))
    if not stat.S_ISREG(mode):
        raise NotAWorkflow(f"{str(path)!r} is not an ordinary file.", hint=_HINT)
    try:
        with path.open("rb") as file:
            return _from_file(file, path.name)
    except OSError as error:
        raise WorkflowNotFound(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None


def _inside(path: Path) -> str:
    try:
        names = sorted(entry.name for entry in os.scandir(path) if entry.name.endswith((".json", ".png")))
    except OSError:
        return ""
    return f"In it: {', '.join(names[:5])}." if names else ""


def _from_file(file: BinaryIO, name: str) -> Found:
    head = file.read(4096)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = kind_of(head)
    if kind is not None:
        try:
            reader = Reader(file)
            return _from_texts(texts(reader, kind), name, kind)
        except OSError as error:
            raise NotAWorkflow(f"{_the(name)} cannot be read: {error.strerror or error}.") from None
    opening, _ = decode(head)
    if looks_like_json(opening):
        return _from_text_file(file, name)
    if may_hold_json(opening):
        with contextlib.suppress(NotAWorkflow):
            return _from_text_file(file, name)
    raise NotAWorkflow(f"{_the(name)} is {_what(start)}.", hint=_HINT)


def _from_text_file(file: BinaryIO, name: str) -> Found:
    size = file.seek(0, 2)
    if size > LARGEST_JSON:
        raise NotAWorkflow(f"{_the(name)} is {size >> 20} MB of text, larger than any workflow.")
    file.seek(0)
    text, note = decode(file.read())
    return _from_text(text, name, note)


def _what(start: bytes) -> str:
    if not start:
        return "empty"
    if start[:9].lower() == b"<!doctype" or start[:5].lower() == b"<html":
        return "a web page, not the file itself; look for its raw or download link"
    for magic, what in _OTHERS:
        if start.startswith(magic):
            return what
    return "not a workflow, nor a kind of file ComfyUI writes"


def _from_text(text: str, name: str, note: str = "") -> Found:
    try:
        document, repaired = documents.parse(text, name)
    except documents.NotJSON as error:
        raise NotAWorkflow(f"{_the(name)} looks like JSON but is broken: {error}.") from None
    notes = [note] if note else []
    if repaired:
        notes.append(f"without {' and '.join(dict.fromkeys(repaired))}")
    return _from_document(document, name, notes)


def _from_document(document: Any, name: str, notes: Sequence[str] = ()) -> Found:
    documents.check_depth(document, name)
    place = documents.find(document, _the(name))
    if place is None:
        if isinstance(document, Mapping) and not document:
            raise NotAWorkflow(f"{_the(name)} holds no nodes.", hint=_HINT)
        if isinstance(document, Mapping) and isinstance(document.get("nodes"), list):
            raise NotAWorkflow(
                f"{_the(name)} is a graph of another program, such as InvokeAI: it has nodes and edges.",
                hint=_HINT,
            )
        keys = "a list"
        if isinstance(document, Mapping):
            keys = f"only {', '.join(clip(repr(str(key)), 60) for key in list(document)[:5])}"
        raise NotAWorkflow(f"{_the(name)} is not a workflow: it holds {keys}.", hint=_HINT)
    part = _part("JSON", place.api, place.editor)
    if place.path:
        part += f", at {'.'.join(str(key) for key in place.path)}"
    return Found(place.api, place.editor, Source(name, "; ".join([part, *notes])))


def _part(kind: str, api: Any, editor: Any) -> str:
    if api is not None:
        return f"{kind}, API format" + (" with the editor's workflow" if editor is not None else "")
    return f"{kind}, editor format"


def _from_texts(pairs: Iterator[tuple[str, str]], name: str, kind: str) -> Found:
    api: dict[str, Any] | None = None
    editor: dict[str, Any] | None = None
    damage = ""
    seen: dict[str, str] = {}
    try:
        for key, text in pairs:
            key = key.strip().lower()
            seen.setdefault(key, text)
            if not looks_like_json(text[:512]):
                continue
            try:
                document, _ = documents.parse(text.strip("\ufeff\0 \t\r\n"), f"{key} of {name}")
            except documents.NotJSON as error:
                damage = damage or f"its {key} text is broken JSON: {error}"
                continue
            place = documents.find(document, f"The {key} text of {name}")
            if place is None:
                continue
            api = api if api is not None else place.api
            editor = editor if editor is not None else place.editor
            if api is not None and editor is not None:
                break
    except Damaged as error:
        damage = str(error)
    if api is None and editor is None:
        if (settings := _from_settings(seen, name)) is not None:
            return settings
        if damage:
            raise NotAWorkflow(f"{_the(name)} is damaged ({kind}): {damage}.")
        if program := next((_PROGRAMS[key] for key in _PROGRAMS if key in seen), None):
            raise NotAWorkflow(
                f"{_the(name)} has generation parameters of {program} in it, not a ComfyUI workflow.",
                hint=_HINT,
            )
        what = "" if kind == "image" else f", a {kind} file,"
        raise NotAWorkflow(
            f"{_the(name)}{what} has no workflow in it.",
            hint="It was saved without metadata, or an editor or a web site has stripped it.",
        )
    return Found(api, editor, Source(name, _part(kind, api, editor)))


def _from_settings(found: Mapping[str, str], name: str) -> Found | None:
    """A graph made from the settings that another program saved, when they can be read."""
    made = parameters.read(found)
    if made is None:
        return None
    graph, problems = recipe.graph_of(made)
    return Found(graph, None, Source(name, f"settings of {made.program}"), tuple(problems))


def _from_url(url: str) -> Found:
    import httpx

    parts = urlsplit(url)
    name = unquote(parts.path.rpartition("/")[2]) or parts.hostname or "the URL"
    where = f"{_the(name)} on {parts.hostname}"
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=_TIMEOUT, max_redirects=5) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code in (404, 410):
                raise WorkflowNotFound(f"There is no {where} (HTTP {answer.status_code}).")
            if answer.status_code >= 400:
                raise DownloadFailed(f"{where} could not be fetched (HTTP {answer.status_code}).")
            with tempfile.TemporaryFile() as file:
                size, until = 0, time.monotonic() + LONGEST_DOWNLOAD
                for chunk in answer.iter_bytes():
                    size += len(chunk)
                    if size > LARGEST_DOWNLOAD:
                        raise DownloadFailed(f"{where} is larger than {LARGEST_DOWNLOAD >> 20} MB.")
                    if time.monotonic() > until:
                        raise DownloadFailed(f"{where} took longer than {LONGEST_DOWNLOAD:g} s.")
                    file.write(chunk)
                file.seek(0)
                return _from_file(file, where)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise ConnectionFailed(f"{where} could not be fetched: {error or type(error).__name__}.") from None


def write(path: str | Path, document: dict[str, Any], *, overwrite: bool = False) -> Path:
    """Write a workflow as JSON; an existing file of another kind or format only when told to."""
    path = Path(path).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        wrong = f"{str(path)!r} is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}"
        raise ComfyError(
            f"The workflow could not be written: {wrong}.", hint="Name a file in a folder that exists."
        )
    text = json.dumps(document, indent=2, ensure_ascii=False)
    editor = is_editor_format(document)
    if path.exists() and not overwrite and not _replaceable(path, editor=editor):
        kind = "editor-format" if editor else "API-format"
        raise ComfyError(
            f"{str(path)!r} exists and is not an {kind} workflow; it was left as it is.",
            hint="Choose another name, or call wf.save(path, overwrite=True).",
        )
    try:
        write_file(path, text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise ComfyError(f"{str(path)!r} could not be written: {error.strerror or error}.") from None
    return path


def changed(path: str | Path, change: Callable[[bytes], bytes]) -> Path:
    """Replace the content of a file by what `change` makes of it, in one step."""
    try:
        path = Path(path).expanduser()
        data = path.read_bytes()
    except FileNotFoundError:
        raise ComfyError(f"There is no file {str(path)!r}.", hint=missing_file_hint(Path(path))) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ComfyError(f"{str(path)!r} cannot be read: {reason}.") from None
    new = change(data)
    try:
        write_file(path, new)
    except OSError as error:
        raise ComfyError(f"{str(path)!r} could not be written: {error.strerror or error}.") from None
    return path


def _replaceable(path: Path, *, editor: bool) -> bool:
    try:
        found = _from_path(path)
        return found.source.part == _part("JSON", None if editor else {}, {} if editor else None)
    except (NotAWorkflow, InvalidWorkflow, WorkflowNotFound):
        return path.is_file() and path.stat().st_size == 0
