"""One node class of a server, typed: its inputs and outputs as `object_info` declares them.

Contract: parsing never raises. Whatever a custom node puts into its definition, what can be read is
read and the rest takes the loosest meaning (type `"*"`, no options). Nothing here does I/O.

The forms read (ComfyUI server 0.3.64 and its V3 schema): `["INT", {…}]`, `["IMAGE"]`, a combo as
`[["a", "b"], {…}]` (V1) or `["COMBO", {"options": ["a", "b"]}]` (V3) or with `remote` and no options
at all; hidden inputs as `"UNIQUE_ID"` (V1) or `["UNIQUE_ID"]` (V3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

COMBO = "COMBO"
ANY = "*"
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
AUTOGROW = "COMFY_AUTOGROW_V3"
MATCH_TYPE = "COMFY_MATCHTYPE_V3"
DYNAMIC_SLOT = "COMFY_DYNAMICSLOT_V3"

#: Types the editor draws as a control holding a value; everything else is a socket only.
WIDGET_TYPES = frozenset(
    {
        *("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "MARKDOWN", "COLOR", "TEXTAREA", "MULTISELECT"),
        *("SELECTBUTTON", "TREESELECT", "FILEUPLOAD", "IMAGEUPLOAD", "CHART", "GALLERIA", "IMAGECOMPARE"),
        *("WEBCAM", "AUDIO_UI", "AUDIOUPLOAD", "AUDIO_RECORD"),
        *("LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D", "PREVIEW_3D_ANIMATION"),
        *("BOUNDING_BOX", "BOUNDING_BOXES", "COLORS", "COMPOSITOR", "CURVE", "PAINTER", "RANGE"),
        *("RESOLUTION_PREVIEW", "VIDEO_EDIT"),
    }
)
_UPLOADS = (
    ("image_upload", "image"),
    ("animated_image_upload", "image"),
    ("video_upload", "video"),
    ("audio_upload", "audio"),
    ("file_upload", "file"),
)
_ANYTHING = ("", ANY, MATCH_TYPE.lower())
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def types_accept(wanted: str, given: str) -> bool:
    """Whether a link of type `given` fits a socket of type `wanted`, as the editor and the server decide.

    Equal ignoring case; either side empty or `*` (or typed by its links, V3's match type); or any member of
    two comma-separated unions equal.
    """
    wanted, given = wanted.lower(), given.lower()
    if wanted == given or wanted in _ANYTHING or given in _ANYTHING:
        return True
    if "," not in wanted and "," not in given:
        return False
    return not {t.strip() for t in wanted.split(",")}.isdisjoint(t.strip() for t in given.split(","))


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One declared input: its type, where it stands, and its options as the server sent them.

    `type` is `"COMBO"` for every form of choice; `choices` is None when they are not known here (fetched
    by the editor from a `remote` route) and for everything that is no choice.
    """

    name: str
    type: str
    section: str = "required"
    options: Mapping[str, Any] = field(default_factory=lambda: _EMPTY, hash=False)
    choices: tuple[Any, ...] | None = field(default=None, hash=False)

    @classmethod
    def parse(cls, name: str, raw: Any, section: str) -> InputSpec:
        """Read one entry of `object_info[class]["input"][section]`, in any form."""
        kind: Any = raw
        options: Mapping[str, Any] = _EMPTY
        if isinstance(raw, (list, tuple)):
            kind = raw[0] if raw else ANY
            if len(raw) > 1 and isinstance(raw[1], dict):
                options = MappingProxyType(raw[1])
        choices: tuple[Any, ...] | None = None
        if isinstance(kind, (list, tuple)):
            choices, kind = tuple(kind), COMBO
        elif not isinstance(kind, str):
            kind = ANY
        elif kind in (COMBO, DYNAMIC_COMBO):
            listed = options.get("options")
            if isinstance(listed, (list, tuple)):
                choices = tuple(listed)
        if choices is not None and kind == DYNAMIC_COMBO:
            choices = tuple(c.get("key") if isinstance(c, dict) else c for c in choices)
        if not choices and options.get("remote"):
            choices = None
        return cls(name, kind, section, options, choices)

    @property
    def required(self) -> bool:
        """True for an input the server refuses to run without."""
        return self.section == "required"

    @property
    def default(self) -> Any:
        """The value the editor starts with; None for a socket, or a choice with nothing to choose from."""
        given = self.options.get("default")
        if self.type in (COMBO, DYNAMIC_COMBO):
            if given or (given is not None and self.choices is not None and given in self.choices):
                return given
            return self.choices[0] if self.choices else None
        if given is not None:
            return given
        return {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}.get(self.type)

    def _number(self, key: str) -> float | int | None:
        value = self.options.get(key)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def min(self) -> float | int | None:
        """The least value allowed, inclusive."""
        return self._number("min")

    @property
    def max(self) -> float | int | None:
        """The greatest value allowed, inclusive."""
        return self._number("max")

    @property
    def step(self) -> float | int | None:
        """The distance between two values the editor offers; the server does not enforce it."""
        return self._number("step")

    @property
    def round(self) -> float | int | None:
        """What the editor rounds a FLOAT to (0.01: two decimals); None when it does not."""
        return self._number("round")

    @property
    def multiline(self) -> bool:
        """True for a STRING meant for several lines."""
        return bool(self.options.get("multiline"))

    @property
    def tooltip(self) -> str:
        """The author's help text, empty when there is none."""
        text = self.options.get("tooltip")
        return text if isinstance(text, str) else ""

    @property
    def force_input(self) -> bool:
        """True when the input takes links only; `defaultInput` means that for optional inputs alone."""
        return bool(
            self.options.get("forceInput")
            or (self.section == "optional" and self.options.get("defaultInput"))
        )

    @property
    def widget_type(self) -> str:
        """The kind of control the editor would use: the `widgetType` option, else the type."""
        kind = self.options.get("widgetType")
        return kind if isinstance(kind, str) and kind else self.type

    @property
    def is_widget(self) -> bool:
        """True when a value can be written into the input; False for a socket, which only takes a link."""
        if self.section == "hidden" or self.force_input:
            return False
        return self.widget_type in WIDGET_TYPES or self.widget_type == DYNAMIC_COMBO

    @property
    def dynamic_prompts(self) -> bool:
        """True when the editor expands `{a|b}` in the text before sending it."""
        return bool(self.options.get("dynamicPrompts"))

    @property
    def upload(self) -> str | None:
        """What kind of file this input takes: `image`, `video`, `audio`, `file`, or None."""
        return next((kind for key, kind in _UPLOADS if self.options.get(key)), None)

    @property
    def control_after_generate(self) -> bool:
        """True when the editor keeps a "randomize after each run" control beside the value."""
        said = self.options.get("control_after_generate")
        if said is not None:
            return bool(said)
        return self.widget_type == "INT" and self.name in ("seed", "noise_seed")

    @property
    def multiselect(self) -> bool:
        """True for a choice that takes several values, as a list."""
        return bool(self.options.get("multiselect")) or self.options.get("multi_select") not in (None, False)

    @property
    def remote(self) -> bool:
        """True when the choices are fetched from a route of the server and are not listed here."""
        return bool(self.options.get("remote"))

    def accepts(self, type: str) -> bool:
        """Whether an output of this type may be linked here (unions, `*`, matched template types)."""
        if self.type == MATCH_TYPE:
            template = self.options.get("template")
            allowed = template.get("allowed_types") if isinstance(template, dict) else None
            return types_accept(allowed if isinstance(allowed, str) else ANY, str(type))
        return types_accept(self.type, str(type))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One declared output; `is_list` says that the node hands on a list, each item run on its own."""

    name: str
    type: str
    is_list: bool
    index: int


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node class: what it takes, what it gives, where it comes from."""

    class_type: str
    display_name: str
    category: str
    description: str
    inputs: Mapping[str, InputSpec] = field(hash=False)
    hidden: Mapping[str, InputSpec] = field(hash=False)
    outputs: tuple[OutputSpec, ...]
    output_node: bool = False
    deprecated: bool = False
    experimental: bool = False
    api_node: bool = False
    python_module: str = ""
    search_aliases: tuple[str, ...] = ()

    @classmethod
    def parse(cls, class_type: str, raw: Mapping[str, Any]) -> NodeInfo:
        """Read one entry of `object_info`; what is malformed in it is left out, never fatal."""
        sections = raw.get("input")
        order = raw.get("input_order")
        inputs = {
            name: InputSpec.parse(name, spec, section)
            for section in ("required", "optional")
            for name, spec in _ordered(sections, order, section)
        }
        hidden = {
            name: InputSpec.parse(name, spec, "hidden") for name, spec in _ordered(sections, order, "hidden")
        }
        aliases = raw.get("search_aliases")
        return cls(
            class_type=class_type,
            display_name=_text(raw.get("display_name")) or class_type,
            category=_text(raw.get("category")),
            description=_text(raw.get("description")),
            inputs=MappingProxyType(inputs),
            hidden=MappingProxyType(hidden),
            outputs=tuple(_outputs(raw)),
            output_node=bool(raw.get("output_node")),
            deprecated=bool(raw.get("deprecated")),
            experimental=bool(raw.get("experimental")),
            api_node=bool(raw.get("api_node")),
            python_module=_text(raw.get("python_module")),
            search_aliases=tuple(a for a in aliases if isinstance(a, str))
            if isinstance(aliases, list)
            else (),
        )

    def __repr__(self) -> str:
        takes = ", ".join(f"{spec.name}: {spec.type}" for spec in self.inputs.values())
        gives = ", ".join(output.type for output in self.outputs) or "nothing"
        return f"<{self.class_type}({takes}) -> {gives}>"

    def __str__(self) -> str:
        from .view.specs import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from .view.specs import as_html

        return as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else str(self))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _ordered(sections: Any, order: Any, section: str) -> Iterator[tuple[str, Any]]:
    """The inputs of one section, those named in `input_order` first, then the rest as they stand."""
    found = sections.get(section) if isinstance(sections, dict) else None
    if not isinstance(found, dict):
        return
    first = order.get(section) if isinstance(order, dict) else None
    names: dict[str, None] = {}
    if isinstance(first, list):
        names = {name: None for name in first if isinstance(name, str) and name in found}
    for name in found:
        if isinstance(name, str):
            names.setdefault(name)
    for name in names:
        yield name, found[name]


def _outputs(raw: Mapping[str, Any]) -> Iterator[OutputSpec]:
    types, names, lists = (raw.get(key) for key in ("output", "output_name", "output_is_list"))
    if not isinstance(types, (list, tuple)):
        return
    for index, kind in enumerate(types):
        # An output declared as a list of choices feeds a combo.
        kind = COMBO if isinstance(kind, (list, tuple)) else kind if isinstance(kind, str) else ANY
        name = names[index] if isinstance(names, list) and index < len(names) else None
        is_list = lists[index] if isinstance(lists, list) and index < len(lists) else False
        yield OutputSpec(_text(name) or kind, kind, bool(is_list), index)
