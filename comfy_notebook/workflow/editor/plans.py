"""Per node class: which inputs are widgets, in what order values are saved, which sockets there are.

The rules are the editor's (frontend 1.27.10 and 1.58.1): inputs in definition order, required before
optional; an INT that is randomised after each run saves one value more, a combo two; the first
required image or video choice adds an upload button after everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import NodeCatalog, NodeInfo
from ..specs import AUTOGROW, COMBO, DYNAMIC_COMBO, WIDGET_TYPES, InputSpec
from .javascript import NOTHING

#: Controls that hold a saved value and are never exported.
_BUTTONS = frozenset({"IMAGEUPLOAD", "AUDIOUPLOAD", "FILEUPLOAD"})
_TEXT_AREAS = frozenset({"MARKDOWN", "TEXTAREA"})
#: What the buttons of the 3D viewer are exported as, though no node reads it.
_BUTTON_VALUES = (
    ("upload 3d model", "upload3dmodel"),
    ("upload extra resources", "uploadExtraResources"),
    ("clear", "clear"),
)
_VIEWERS = frozenset({"LOAD_3D", "LOAD_3D_ANIMATION"})
_EMPTY_VALUES = {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "COLOR": "#000000", "IMAGECOMPARE": ["", ""]}
#: Widgets whose value the page makes while exporting.
CAPTURED = _VIEWERS | {"WEBCAM"}
MADE_BY_PAGE = CAPTURED | {"AUDIO_RECORD"}
#: Nodes whose `filename_prefix` has %date:…% and %Node.widget% replaced when it is exported.
PREFIXED = frozenset(
    {
        *("SaveImage", "SaveImageAdvanced", "SaveSVGNode", "SaveAnimatedPNG", "SaveAnimatedWEBP"),
        *("SaveVideo", "SaveWEBM", "SaveAudio", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced"),
        *("SaveGLB", "Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud", "SaveLatent"),
        *("CLIPSave", "VAESave", "ModelSave", "LoraSave"),
    }
)


@dataclass(slots=True)
class Socket:
    """One input of a node: where a link may arrive; `widget` names the widget it stands for."""

    name: str
    type: str
    widget: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One saved value of a node: a widget's, or (`exported` False) a control's beside it."""

    name: str
    exported: bool = True
    spec: InputSpec | None = None
    default: Any = NOTHING
    coerce: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How nodes of one class are laid out before a file changes anything."""

    info: NodeInfo
    slots: tuple[Slot, ...]
    sockets: tuple[Socket, ...]
    index: Mapping[str, int]
    outputs: tuple[str, ...]
    defaults: Mapping[str, Any]
    hooks: Mapping[str, str]
    forced: tuple[tuple[bool, int], ...]
    dynamic: bool
    captured: bool

    def spec_of(self, widget: str | None) -> InputSpec | None:
        """The declaration behind a widget of this class."""
        return next((slot.spec for slot in self.slots if slot.exported and slot.name == widget), None)


class Plans:
    """The plan of each class, made when it is first needed; None for a class the catalog lacks."""

    def __init__(self, catalog: NodeCatalog) -> None:
        self._catalog = catalog
        self._made: dict[str, Plan | None] = {}

    def get(self, class_type: str) -> Plan | None:
        """The plan of a class, or None when the server has no such class."""
        if class_type not in self._made:
            info = self._catalog.get(class_type)
            self._made[class_type] = plan(info) if info else None
        return self._made[class_type]

    def successor(self, class_type: str) -> str | None:
        """The class that the server puts in the place of an old one."""
        return self._catalog.successor(class_type)

    def put(self, class_type: str, made: Plan) -> None:
        """Add a class that the file itself defines (a group node)."""
        self._made[class_type] = made


def is_widget(spec: InputSpec) -> bool:
    """Whether the editor draws a control for this input."""
    return not spec.force_input and (spec.widget_type in WIDGET_TYPES or spec.widget_type == DYNAMIC_COMBO)


def plan(info: NodeInfo) -> Plan:
    """The layout of a class from its declaration alone."""
    slots: list[Slot] = []
    plain: list[Socket] = []
    widgets: list[Socket] = []
    for spec in info.inputs.values():
        if is_widget(spec):
            slots += slots_of(spec)
            widgets.append(Socket(spec.name, spec.type, spec.name))
        elif spec.type != AUTOGROW:
            plain.append(Socket(spec.name, spec.link_type))
    if upload := upload_slot(info):
        slots.append(upload)
        widgets.append(Socket(upload.name, upload.coerce, upload.name))
    sockets = (*plain, *widgets)
    return Plan(
        info=info,
        slots=tuple(slots),
        sockets=sockets,
        index={socket.name: i for i, socket in enumerate(sockets)},
        outputs=tuple(output.type for output in info.outputs),
        defaults={s.name: s.default for s in slots if s.exported and s.default is not NOTHING},
        hooks=_hooks(info),
        forced=_forced(info, bool(upload)),
        dynamic=info.dynamic,
        captured=any(s.spec is not None and s.spec.widget_type in MADE_BY_PAGE for s in slots)
        or info.class_type in ("Preview3D", "Preview3DAnimation"),
    )


def slots_of(spec: InputSpec) -> list[Slot]:
    """The saved values one widget input makes: its own, and those of the controls beside it."""
    kind = spec.widget_type
    if kind in _BUTTONS:
        return [Slot(spec.name, exported=False)]
    if kind == "AUDIO_UI":
        return []
    coerce = ""
    if kind in _TEXT_AREAS or (kind == "STRING" and spec.multiline):
        coerce = "text"
    elif kind == COMBO and spec.upload in ("image", "video") and spec.section == "required":
        coerce = "batch" if spec.options.get("allow_batch") else "upload"
    own = Slot(spec.name, True, spec, default(spec), coerce)
    buttons = [Slot(name, True, None, value) for name, value in _BUTTON_VALUES] if kind in _VIEWERS else []
    slots = [*buttons, own]
    if kind == "AUDIO_RECORD":
        slots.append(Slot(spec.name, False))
    if kind == COMBO and spec.remote:
        remote = spec.options.get("remote")
        slots.append(Slot("auto-refresh", False))
        if isinstance(remote, dict) and remote.get("refresh_button"):
            slots.append(Slot("refresh", False))
    if kind in ("INT", "FLOAT", COMBO):
        said = spec.options.get("control_after_generate")
        if said is None and kind == "INT":
            said = spec.name in ("seed", "noise_seed")
        if said:
            slots.append(Slot(said if isinstance(said, str) else "control_after_generate", False))
            if kind == COMBO:
                slots.append(Slot("control_filter_list", False))
    return slots


def default(spec: InputSpec) -> Any:
    """The value a fresh widget holds in the editor; NOTHING for a choice with nothing to choose."""
    kind = spec.widget_type
    given = spec.options.get("default")
    if kind in (COMBO, DYNAMIC_COMBO):
        if spec.options.get("multi_select") not in (None, False):
            return []
        if given and kind == COMBO:
            return given
        if spec.choices:
            return spec.choices[0]
        return "Loading..." if spec.remote else NOTHING
    if given is not None:
        return given
    if kind in _VIEWERS:
        return {}
    return {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "COLOR": "#000000", "IMAGECOMPARE": ["", ""]}.get(
        kind, ""
    )


def upload_slot(info: NodeInfo) -> Slot | None:
    """The saved value of the upload button, when the class has one that its definition does not list."""
    if "upload" in info.inputs:
        return None
    for spec in info.inputs.values():
        if spec.section == "required" and spec.type == COMBO:
            audio = spec.name == "audio" and spec.options.get("audio_upload") is True
            keys = ("image_upload", "video_upload", "animated_image_upload")
            if audio or any(spec.options.get(key) is True for key in keys):
                return Slot("upload", exported=False, coerce="AUDIOUPLOAD" if audio else "IMAGEUPLOAD")
    return None


def _hooks(info: NodeInfo) -> dict[str, str]:
    hooks = {
        spec.name: "prompt"
        for spec in info.inputs.values()
        if spec.widget_type == "STRING" and spec.options.get("dynamicPrompts") is True
    }
    if info.class_type in PREFIXED and "filename_prefix" in info.inputs:
        hooks["filename_prefix"] = "prefix"
    return hooks


def _forced(info: NodeInfo, upload: bool) -> tuple[tuple[bool, int], ...]:
    """(takes links only, saved values) of every input that was a widget before frontend 1.16.

    Empty when the class has no such input: only then may a file hold a dummy value for one.
    """
    counted: list[tuple[bool, int]] = []
    for section in ("required", "optional"):
        for spec in info.inputs.values():
            if spec.section == section and (spec.force_input or is_widget(spec)):
                counted.append((spec.force_input, 2 if spec.control_after_generate else 1))
        if section == "required" and upload:
            counted.append((False, 1))
    return tuple(counted) if any(forced for forced, _ in counted) else ()
