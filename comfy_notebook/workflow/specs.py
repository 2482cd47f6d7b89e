"""Inputs and outputs of a node class, typed, as `object_info` declares them.

Parsing never raises: what can be read of a custom node's definition is read, and the rest takes the
loosest meaning (type `"*"`, no options).

Forms read (ComfyUI 0.3.64 to 0.33 and the V3 schema): `["INT", {…}]`, `["IMAGE"]`, a combo as
`[["a", "b"], {…}]` (V1) or `["COMBO", {"options": ["a", "b"]}]` (V3) or with `remote` and no options
at all; hidden inputs as `"UNIQUE_ID"` (V1) or `["UNIQUE_ID"]` (V3). Two V3 types bring further inputs,
whose names start with their own: a dynamic combo (`resize_type` brings `resize_type.width`) those of the
chosen option, an autogrow group (`images`) its template over and over (`images.image0`, `images.image1`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
_MOST_GROWN = 1000


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

    `type` is `"COMBO"` for every form of choice. `choices` is None for inputs that offer none, and when
    the editor fetches them from a `remote` route.
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
    def display_name(self) -> str:
        """What the editor calls the input: its own label, else its name."""
        text = self.options.get("display_name")
        return text if isinstance(text, str) and text else self.name

    @property
    def advanced(self) -> bool:
        """True for an input that the editor folds away at first."""
        return bool(self.options.get("advanced"))

    @property
    def hidden(self) -> bool:
        """True for a widget that the editor does not show."""
        return bool(self.options.get("hidden"))

    @property
    def socketless(self) -> bool:
        """True for a widget that takes no link."""
        return bool(self.options.get("socketless"))

    @property
    def lazy(self) -> bool:
        """True when what is linked here runs only if the node asks for it."""
        return bool(self.options.get("lazy"))

    @property
    def labels(self) -> tuple[str, str]:
        """What the editor calls the two values of a BOOLEAN: off and on (`label_off`, `label_on`)."""
        off, on = self.options.get("label_off"), self.options.get("label_on")
        return off if isinstance(off, str) else "false", on if isinstance(on, str) else "true"

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

    @property
    def dynamic(self) -> bool:
        """True for an input that brings further inputs: a dynamic combo or an autogrow group of V3.

        Also for a choice with `formats`, VideoHelperSuite's way to declare what each format brings.
        """
        return self.type in (DYNAMIC_COMBO, AUTOGROW) or isinstance(self.options.get("formats"), dict)

    def brings(self, choice: Any) -> list[InputSpec]:
        """The inputs that come with one option of a dynamic combo; none for any other input."""
        formats = self.options.get("formats")
        if isinstance(formats, dict):
            listed = formats.get(choice) if isinstance(choice, str) else None
            return [
                InputSpec.parse(entry[0], entry[1:], "optional")
                for entry in (listed if isinstance(listed, list) else ())
                if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[0], str)
            ]
        options = self.options.get("options")
        if self.type != DYNAMIC_COMBO or not isinstance(options, (list, tuple)):
            return []
        for option in options:
            if isinstance(option, dict) and option.get("key") == choice:
                return list(_listed(option.get("inputs"), f"{self.name}.", self.section))
        return []

    @property
    def least(self) -> int:
        """How many inputs of an autogrow group must be given."""
        least = self._template.get("min", 0)
        return least if isinstance(least, int) and not isinstance(least, bool) else 0

    def grown(self) -> Iterator[tuple[int, InputSpec]]:
        """Every input that an autogrow group can have, with its number from 0; none for any other input."""
        template = self._template
        if self.type != AUTOGROW:
            return
        repeated = list(_listed(template.get("input"), "", self.section))
        names, most, prefix = template.get("names"), template.get("max"), template.get("prefix")
        count = len(names) if isinstance(names, list) else most if type(most) is int else 100
        for number in range(min(count, _MOST_GROWN)):
            for spec in repeated:
                if isinstance(names, list):
                    name = str(names[number])
                else:
                    name = (
                        f"{prefix if len(repeated) == 1 and isinstance(prefix, str) else spec.name}{number}"
                    )
                section = spec.section if number < self.least else "optional"
                yield number, replace(spec, name=f"{self.name}.{name}", section=section)

    @property
    def _template(self) -> Mapping[str, Any]:
        template = self.options.get("template")
        return template if isinstance(template, dict) else _EMPTY

    @property
    def link_type(self) -> str:
        """The type of link the input takes: for a match type, those its template allows."""
        if self.type != MATCH_TYPE:
            return self.type
        allowed = self._template.get("allowed_types")
        return allowed if isinstance(allowed, str) else ANY

    def accepts(self, type: str) -> bool:
        """Whether an output of this type may be linked here (unions, `*`, matched template types)."""
        return types_accept(self.link_type, str(type))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One declared output; `is_list` says that the node hands on a list, each item run on its own.

    `template` names the match-type template that decides the type, `tooltip` is the author's help text.
    """

    name: str
    type: str
    is_list: bool
    index: int
    tooltip: str = ""
    template: str = ""


def _listed(inputs: Any, prefix: str, within: str) -> Iterator[InputSpec]:
    """The inputs of `{"required": …, "optional": …}` inside an input; optional in an optional one."""
    for section in ("required", "optional"):
        found = inputs.get(section) if isinstance(inputs, dict) else None
        for name, raw in found.items() if isinstance(found, dict) else ():
            yield InputSpec.parse(f"{prefix}{name}", raw, "optional" if within == "optional" else section)
