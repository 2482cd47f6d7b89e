"""`Output`: one file or text of a node, and the reading of a node's `output` object into outputs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_new_file
from ..errors import ComfyError, DownloadFailed, NoOutput
from ..images import decode, to_array
from ..protocol.frames import sniff
from ..text import file_name
from ..views import view

if TYPE_CHECKING:
    import numpy
    from PIL import Image

Data = bytes  # the name inside a class that has a property `bytes`
_KEYS = {
    "images": "image", "gifs": "video", "video": "video", "videos": "video",
    "audio": "audio", "3d": "3d", "latents": "latent", "text": "text",
}  # fmt: skip
_SUFFIXES = {
    "image": "png jpg jpeg webp gif bmp tif tiff avif apng svg exr hdr",
    "video": "mp4 webm mov mkv avi m4v",
    "audio": "flac mp3 opus wav ogg m4a aac",
    "3d": "glb gltf obj fbx stl ply usdz splat ksplat spz",
    "latent": "latent",
}
_BY_SUFFIX = {suffix: kind for kind, names in _SUFFIXES.items() for suffix in names.split()}


class Output:
    """One output of a node: a file on the server, or a text.

    `kind` is image, video, audio, text, 3d, latent or file. `type` is the server's folder: "output" for
    saved files, "temp" for previews, or "input". `animated` is true for a picture of several frames that
    the server says to play (WEBP, APNG, GIF), and for videos. `error` says why its download failed, when
    it did; `bytes` then tries again.
    """

    def __init__(
        self,
        *,
        node_id: str,
        kind: str,
        node_title: str = "",
        class_type: str | None = None,
        filename: str | None = None,
        subfolder: str = "",
        type: str = "output",
        index: int = 0,
        text: str | None = None,
        data: bytes | None = None,
        mime: str = "",
        on_server: bool = True,
        animated: bool = False,
        details: Mapping[str, Any] | None = None,
        fetch: Callable[[Output], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.node_id = node_id
        self.node_title = node_title or node_id
        self.class_type = class_type
        self.kind = kind
        self.filename = filename
        self.subfolder = subfolder
        self.type = type
        self.index = index
        self.text = text
        self.error: ComfyError | None = None
        self.on_server = on_server
        self.animated = animated
        self.details = dict(details or {})
        self._mime = mime
        self._data = data
        self._fetch = fetch
        self._image: Image.Image | None = None

    @property
    def saved(self) -> bool:
        """False for previews and pictures of intermediate nodes; texts count as saved."""
        return self.type == "output"

    @property
    def fetched(self) -> bool:
        """Whether the content has been downloaded."""
        return self._data is not None or self.text is not None

    @property
    def mime(self) -> str:
        """The media type: by the content, else as the server says, else by the file's name."""
        if self.text is not None:
            return "text/plain"
        found = sniff(self._data[:16]) if self._data else None
        if found or self._mime:
            return found or self._mime
        import mimetypes

        return mimetypes.guess_type(self.filename or "")[0] or "application/octet-stream"

    @property
    def bytes(self) -> bytes:
        """The file's content, downloaded on first use. Raises `DownloadFailed`."""
        if self.text is not None:
            return self.text.encode()
        if self._data is None:
            if self._fetch is None:
                raise self.error or DownloadFailed(f"{self.filename} was not downloaded and cannot be.")
            from ..sync import IO

            self.error = None
            IO.run(self._fetch(self))
        if self._data is None:
            raise self.error or DownloadFailed(f"{self.filename} could not be downloaded.")
        return self._data

    @property
    def image(self) -> Image.Image:
        """The picture as a PIL image, in the file's own mode. Raises `NoOutput` for other kinds."""
        if self._image is None:
            if self.kind != "image":
                raise NoOutput(f"{self.label} is {_a(self.kind)}, not a picture.")
            self._image = decode(self.bytes, self.label)
        return self._image

    @property
    def array(self) -> numpy.ndarray[Any, Any]:
        """The picture as uint8, (H, W, C)."""
        return to_array(self.image)

    @property
    def label(self) -> str:
        """Its file's name; for a text, the node it came from."""
        return self.filename or f"{self.kind} of {self.node_title}"

    @property
    def safe_name(self) -> str:
        """A file name without folders that is valid on every system."""
        # 200 bytes leave room for the number of a name that is taken.
        name = file_name(self.filename or f"{self.node_title}_{self.index}.txt", 200)
        name = "".join("_" if c in '<>:"|?*' else c for c in name).strip(". ") or "output"
        stem = name.partition(".")[0].upper()
        reserved = stem in {"CON", "PRN", "AUX", "NUL"} or (
            len(stem) == 4 and stem[:3] in ("COM", "LPT") and stem[3].isdigit()
        )
        return "_" + name if reserved else name

    def save(self, directory: str | Path = ".") -> Path:
        """Write the content unchanged into a directory and return the path.

        A name that is taken gets a number. Raises `DownloadFailed`, and `ComfyError` for a full disk.
        """
        data, folder, name = self.bytes, Path(directory).expanduser(), self.safe_name
        try:
            return write_new_file(folder, name, data)
        except OSError as error:
            raise ComfyError(
                f"{name} could not be written to {str(folder)!r}: {error.strerror or error}.",
                hint="No incomplete file was left there.",
            ) from None

    @property
    def key(self) -> tuple[str, str | None, str, str, str | None]:
        """Equal for the same output in an event and in the record."""
        return (self.node_id, self.filename, self.subfolder, self.type, self.text)

    def _filled(self, data: Data, mime: str) -> None:
        self._data, self.error = data, None
        if mime and mime != "application/octet-stream":
            self._mime = mime

    def _failed(self, error: ComfyError) -> None:
        self.error = error

    def __repr__(self) -> str:
        where = f" from {self.node_title}"
        if self.text is not None:
            return f"<Output text{where}: {self.text[:60]!r}>"
        state = "" if self.fetched else " (failed)" if self.error else " (not downloaded)"
        return f"<Output {self.kind} {self.filename}{where}{state}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = view("output_bundle")(self)
        return bundle


def outputs_of(
    node_id: str,
    output: Mapping[str, Any] | None,
    *,
    title: str = "",
    class_type: str | None = None,
    fetch: Callable[[Output], Coroutine[Any, Any, None]] | None = None,
) -> list[Output]:
    """A node's `output` object as outputs: every entry with a `filename`, under any key, and every text.

    An entry of `result` that names a 3D file is that file: ComfyUI's Preview3D gives
    `{"result": ["3d/cube.glb", null, null]}`, and its `/api/jobs` the same name with its folder as a
    `filename` (measured on 0.33).
    """
    found: list[Output] = []
    common: dict[str, Any] = {"node_id": node_id, "node_title": title, "class_type": class_type}
    flags = (output or {}).get("animated")
    flags = flags if isinstance(flags, (list, tuple)) else [flags]
    for key, entries in (output or {}).items():
        for number, entry in enumerate(entries if isinstance(entries, (list, tuple)) else [entries]):
            index = len(found)
            file = _file(key, entry)
            if file is not None:
                name, folder, type = _place(file)
                form = str(file.get("format") or "")
                kind = kind_of(name, key)
                # One flag stands for all pictures of a batch (ImageCropV2, measured on 0.33).
                flag = flags[min(number, len(flags) - 1)] if flags and key != "audio" else False
                found.append(
                    Output(
                        **common,
                        kind=kind,
                        filename=name,
                        subfolder=folder,
                        type=type,
                        mime=form if "/" in form else "",
                        index=index,
                        animated=flag is True and kind in ("image", "video"),
                        details=file,
                        fetch=fetch,
                    )
                )
            elif isinstance(entry, str) and key != "animated":
                found.append(Output(**common, kind="text", text=entry, index=index, details={"key": key}))
    return found


def _file(key: str, entry: Any) -> Mapping[str, Any] | None:
    """The entry of a file, whose name may stand alone under `result`; None for anything else."""
    if isinstance(entry, Mapping):
        name = entry.get("filename")
        return entry if isinstance(name, str) and name else None
    if isinstance(entry, str) and key == "result" and _BY_SUFFIX.get(_suffix(_annotated(entry)[0])) == "3d":
        return {"filename": entry}
    return None


def _place(file: Mapping[str, Any]) -> tuple[str, str, str]:
    """(name, subfolder, type) of a file's entry; a folder may stand in its name."""
    path, type = _annotated(str(file["filename"]))
    folder = str(file.get("subfolder") or "")
    if not folder and not path.startswith("/"):
        folder, _, path = path.rpartition("/")
    return path, folder, type or str(file.get("type") or "output")


def _annotated(path: str) -> tuple[str, str]:
    """A name as ComfyUI annotates it, `cube.glb [temp]`, as (name, type); the type is empty without one."""
    for type in ("output", "input", "temp"):
        if path.endswith(f" [{type}]"):
            return path.removesuffix(f" [{type}]"), type
    return path, ""


def _suffix(filename: str) -> str:
    return filename.rpartition(".")[2].lower()


def kind_of(filename: str, key: str = "") -> str:
    """The kind of a file by its suffix, else by its key: servers list videos under `images` too."""
    found = _BY_SUFFIX.get(_suffix(filename)) or _KEYS.get(key, "file")
    return "file" if found == "text" else found


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
