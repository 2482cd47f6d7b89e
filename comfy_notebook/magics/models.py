"""`%comfy models`: the model folders of a server, or the model files of a workflow, downloaded with --get."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import web
from ..errors import ComfyError, DownloadFailed
from .call import Call
from .options import TARGET, Args, Command, Option, folder

if TYPE_CHECKING:
    from ..workflow.needs import ModelFile

_SAFE = re.compile(r"[^/\\:]+(?:[/\\][^/\\:]+)*")


def models(call: Call, args: Args) -> Any:
    """The browser of model files, the files of one folder, or those a workflow needs."""
    client = call.client(args.on)
    if args.what is None:
        if args.get is not None:
            call.refuse("--get needs a workflow")
        from .. import display

        return display.models_panel(client)
    if args.get is None and _is_folder(call, args.what):
        return client.models(str(args.what))
    found = call.workflow(args.what).resolve(client.nodes).models()
    if args.get is not None:
        _get(call, found, args.get)
    return found


def _is_folder(call: Call, what: Any) -> bool:
    if not isinstance(what, str) or what in call.names or "://" in what:
        return False
    return not Path(what).suffix and not Path(what).expanduser().is_file()


def _get(call: Call, files: Iterable[ModelFile], directory: Path) -> None:
    """Download the files the server does not have into `directory`/FOLDER/NAME, after listing them."""
    wanted: list[tuple[ModelFile, Path, int | None]] = []
    for file in files:
        path = _place(directory, file)
        if file.here or (path is not None and path.exists()):
            continue
        if path is None or not file.url:
            call.say(
                f"{file.name}: {'its name is not safe' if path is None else 'no URL is known'}; left out"
            )
            continue
        size = file.size if file.size is not None else web.length(file.url)
        call.say(f"{path}  {_megabytes(size)}  {file.url}")
        wanted.append((file, path, size))
    if not wanted:
        call.say("Nothing to download.")
        return
    total = sum(size for _, _, size in wanted if size is not None)
    more = " and what has no known size" if any(size is None for _, _, size in wanted) else ""
    call.say(f"Downloading {_megabytes(total)}{more}.")
    for file, path, _ in wanted:
        sha256 = file.hash.removeprefix("sha256:") if file.hash.startswith("sha256:") else ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ComfyError(f"{str(path.parent)!r} cannot be made: {error.strerror or error}.") from None
        try:
            web.download(file.url, path, sha256=sha256, progress=_Bar(path.name, call.quiet))
        except DownloadFailed as error:
            raise error.with_hint("The same line continues where it stopped.") from None
        call.say(f"saved {path}")


def _place(directory: Path, file: ModelFile) -> Path | None:
    """Where a file belongs; None for a name or folder that leads out of the directory."""
    parts = f"{file.folder or 'other'}/{file.name}"
    if not _SAFE.fullmatch(parts) or ".." in re.split(r"[/\\]", parts):
        return None
    return directory.joinpath(*re.split(r"[/\\]", parts))


def _megabytes(size: int | None) -> str:
    return "size unknown" if size is None else f"{size / 2**20:,.1f} MB"


class _Bar:
    """One line that counts up to 100 %."""

    def __init__(self, name: str, quiet: bool) -> None:
        self._name = name
        self._quiet = quiet or os.environ.get("COMFY_NOTEBOOK_LIVE") == "0"
        self._painted = -1

    def __call__(self, here: int, total: int) -> None:
        percent = 100 * here // total if total else here >> 24
        if self._quiet or percent == self._painted:
            return
        self._painted = percent
        said = f"{percent} % of {_megabytes(total)}" if total else _megabytes(here)
        sys.stdout.write(f"\r{self._name}: {said}" + ("\n" if total and here >= total else ""))
        sys.stdout.flush()


COMMAND = Command(
    "models",
    "the model folders, the files in one, or the files that a workflow needs",
    models,
    (
        Option(
            "what",
            "a folder such as checkpoints, or a workflow: a file or a variable",
            "FOLDER|FILE|VAR",
            completes="workflow",
        ),
        Option(
            "get", "download the workflow's missing files into DIR/FOLDER", "DIR", "--get", convert=folder
        ),
        TARGET,
    ),
)
