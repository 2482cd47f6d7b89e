"""What a node of the embedded server is: its inputs declared once, and a `run`.

From the one declaration follow the node's `object_info` entry, the validation of a prompt, the
coercion of its values and the arguments `run` is called with. Values travel between nodes as
ComfyUI's own conventions have them, on numpy in place of torch:

    IMAGE         float32 (B, H, W, C), C = 1, 3 or 4, nominally 0–1
    MASK          float32 (B, H, W), 0–1, 1 = the selected (repainted) area
    LATENT        {"samples": float32 (B, 4, H/8, W/8)}; may hold "noise_mask" (B, 1, H, W), "batch_index"
    CONDITIONING  [(embedding, {"option": value}), …]
    AUDIO         {"waveform": float32 (B, channels, samples), "sample_rate": int}
    SIGMAS        float32 (steps + 1,), descending
    INT FLOAT STRING BOOLEAN COMBO   Python int, float, str, bool, and one of the choices

A node never writes to an array it was given: results are cached and shared.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol


class Files(Protocol):
    """The files a node may see: a user's inputs and outputs, and the models the server has."""

    def path(self, annotated_name: str) -> Path:
        """The file behind `name`, `sub/name` or `name [output]`; FileNotFoundError when there is none."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in `input`, `output` or a model folder such as `checkpoints`, sorted."""
        ...


class Context(Protocol):
    """What a running node may ask of the executor."""

    node_id: str
    prompt: Mapping[str, Any]
    extra_pnginfo: Mapping[str, Any]
    files: Files

    def progress(self, value: int, total: int, preview: bytes | None = None) -> None:
        """Report a step, with the JPEG or PNG bytes of a preview; raises when the job was cancelled."""
        ...

    def text(self, text: str) -> None:
        """Show a line of text under this node (binary frame 3)."""
        ...

    def check_cancelled(self) -> None:
        """Raise if the job was cancelled; to be called inside anything that takes long."""
        ...

    def save(
        self, data: bytes, prefix: str, suffix: str, type: str = "output", *, mark: str = "_"
    ) -> dict[str, str]:
        """Store an output as `<prefix>_00001_<suffix>`; answers {"filename", "subfolder", "type"}.

        `mark` is what stands between the number and the suffix.

        `suffix` holds the extension (".png"). The prefix may hold folders and ComfyUI's
        `%width%`-style fields, already filled in by the caller.
        """
        ...


LARGEST_ARRAY = 4 << 30
"""Bytes one result may have; a node asked for more raises `TooLarge` before it allocates."""

LONGEST_TEXT = 1 << 25
"""Characters one text may have."""
_SMALL = 1 << 26  # bytes below which free memory is not checked


class TooLarge(MemoryError):
    """A result that would not fit into memory; reported as the API's `OOMError`."""


def room_for(*shape: int, itemsize: int = 4) -> None:
    """Raise `TooLarge` when an array of this shape would pass `LARGEST_ARRAY` or half the free memory."""
    size = itemsize * math.prod(shape)
    if size <= _SMALL:
        return
    limit = min(LARGEST_ARRAY, (_free_memory() or 2 * LARGEST_ARRAY) // 2)
    if size > limit:
        raise TooLarge(
            f"Allocation of {size / 2**30:.1f} GiB refused: one result may now have at most "
            f"{limit / 2**30:.1f} GiB. Use a smaller size or batch."
        )


def _free_memory() -> int | None:
    """Bytes the machine could still give, where it says so (Linux)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = next((line for line in lines if line.startswith("MemAvailable:")), "")
        return int(found.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        return None


def room_for_text(length: int) -> None:
    """Raise `TooLarge` for a text of more than `LONGEST_TEXT` characters."""
    if length > LONGEST_TEXT:
        raise TooLarge(f"A text of {length} characters refused: it may have at most {LONGEST_TEXT}.")


def exception_type(error: BaseException) -> str:
    """What `execution_error` calls this exception.

    An exception may say it itself in an attribute `reported_type`; running out of memory is the API's
    `OOMError`; all else is the class, with its module as ComfyUI writes it ("PIL.UnidentifiedImageError").
    """
    said = getattr(error, "reported_type", None)
    if isinstance(said, str) and said:
        return said
    if isinstance(error, MemoryError):
        return "OOMError"
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


@dataclass(frozen=True)
class Input:
    """One declared input: its type on the wire, where it stands, and its options as in object_info.

    `choices` makes it a combo: a list, or a function of `Files` for lists of files. `v3` spells
    the combo the way ComfyUI's newer schema does (`["COMBO", {"options": […]}]`).
    """

    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    lazy: bool = False
    choices: Sequence[Any] | Callable[[Files], Sequence[Any]] | None = None
    v3: bool = False

    def listed(self, files: Files) -> list[Any]:
        """The choices as they stand now."""
        if self.choices is None:
            return []
        return list(self.choices(files) if callable(self.choices) else self.choices)

    def describe(self, files: Files) -> list[Any]:
        """This input as object_info has it."""
        options = dict(self.options) | ({"lazy": True} if self.lazy else {})
        if self.choices is None:
            return [self.type, options] if options else [self.type]
        if self.v3:
            return ["COMBO", {"multiselect": False, **options, "options": self.listed(files)}]
        return [self.listed(files), options] if options else [self.listed(files)]

    def expand(self, name: str, values: Mapping[str, Any]) -> dict[str, Input]:
        """The inputs this declaration stands for when a node has these values; see `dynamic`."""
        return {name: self}

    def nest(self, name: str, flat: dict[str, Any]) -> Any:
        """Take this input's value out of a node's flat values."""
        return flat.pop(name, None)


@dataclass(frozen=True)
class Output:
    """One output socket."""

    type: str
    name: str = ""
    is_list: bool = False
    template_id: str = ""
    """Of the type that inputs of this `MatchType` template get; `type` is then `*`."""


@dataclass(frozen=True)
class Ui:
    """What an output node shows (`executed.output`), next to what it passes on."""

    ui: Mapping[str, Any]
    outputs: tuple[Any, ...] = ()


class Node:
    """Base of every node class; the class name is its `class_type` unless `class_type` says otherwise.

    So with `display_name`: empty means the class_type again, None means that ComfyUI has none (null).
    """

    class_type: ClassVar[str] = ""
    display_name: ClassVar[str | None] = ""
    category: ClassVar[str] = ""
    python_module: ClassVar[str] = "nodes"
    description: ClassVar[str] = ""
    inputs: ClassVar[Mapping[str, Input]] = {}
    hidden: ClassVar[Mapping[str, Any]] = {}
    outputs: ClassVar[Sequence[Output]] = ()
    output_node: ClassVar[bool] = False
    input_is_list: ClassVar[bool] = False
    deprecated: ClassVar[bool] = False
    experimental: ClassVar[bool] = False
    api_node: ClassVar[bool] = False
    takes_any: ClassVar[bool] = False
    """Inputs that are not declared are passed to `run` too."""
    shows_input: ClassVar[bool] = False
    """Shows something though it is not an output node (`has_intermediate_output`)."""

    def run(self, ctx: Context, *args: Any, **inputs: Any) -> tuple[Any, ...] | Ui:
        """Do the node's work; one value an output. Blocking: the executor calls it off the event loop.

        Inputs come by name (`*args` is there only so that an override may name its own).
        """
        raise NotImplementedError

    def validate(self, files: Files, **literals: Any) -> str | None:
        """A reason to refuse these literal values (ComfyUI's `custom_validation_failed`), or None.

        An override names the inputs it judges as keyword parameters: as in ComfyUI, the executor's
        own check of such an input against its choices is then left out (`judges`).
        """
        return None

    @classmethod
    def judges(cls) -> frozenset[str]:
        """The inputs whose value `validate` checks in place of the list of choices."""
        parameters = inspect.signature(cls.validate).parameters.values()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)

    def fingerprint(self, files: Files, **literals: Any) -> Any:
        """What besides the inputs the result depends on (ComfyUI's IS_CHANGED); None when nothing does."""
        return None

    def needed(self, **inputs: Any) -> list[str]:
        """Names of lazy inputs wanted now; those not yet evaluated are absent or None in `inputs`."""
        return [name for name, spec in self.inputs.items() if spec.lazy and inputs.get(name) is None]
