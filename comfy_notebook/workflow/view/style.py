"""How the picture of a graph looks: colours by type, and one style sheet for light and dark.

The theme of the page decides: JupyterLab's, VS Code's and Colab's own variables first, then the
reader's preference for light or dark.
"""

from __future__ import annotations

import zlib

_GREY = "#9a9a9a"
_TYPES = {
    "MODEL": "#9a82d8",
    "CLIP": "#cfa70c",
    "VAE": "#ec5f5f",
    "CONDITIONING": "#ee8d24",
    "LATENT": "#dd74d6",
    "IMAGE": "#4a9de6",
    "MASK": "#58ab63",
    "CONTROL_NET": "#2fae8f",
    "CLIP_VISION": "#7f9bb3",
    "AUDIO": "#b86fa0",
    "VIDEO": "#3d7fb8",
    "STRING": "#8a9a5b",
    "INT": "#6f8f9f",
    "FLOAT": "#6f8f9f",
    "BOOLEAN": "#6f8f9f",
}
_NAMES = {
    **dict.fromkeys(("positive", "negative", "conditioning"), "CONDITIONING"),
    **dict.fromkeys(("samples", "latent", "latent_image", "latents"), "LATENT"),
    **dict.fromkeys(("image", "images", "image1", "image2", "pixels"), "IMAGE"),
    **{name.lower(): name for name in ("MODEL", "CLIP", "VAE", "MASK", "CONTROL_NET", "AUDIO", "VIDEO")},
}


def guess(name: str) -> str:
    """What an input of this name carries in ComfyUI's own nodes, when no definition is at hand."""
    return _NAMES.get(name.lower(), "")


def colour(kind: str) -> str:
    """The colour of a type; the same for the same name everywhere, grey for anything at all."""
    if not kind or kind == "*":
        return _GREY
    return _TYPES.get(kind.upper()) or f"hsl({zlib.crc32(kind.encode('utf-8', 'replace')) % 360},45%,58%)"


def _theme(bg: str, box: str, text: str, dim: str, out: str) -> str:
    return (
        f"--cn-bg:var(--jp-layout-color1,var(--vscode-editor-background,{bg}));"
        f"--cn-box:var(--jp-layout-color0,var(--vscode-editorWidget-background,{box}));"
        f"--cn-text:var(--jp-ui-font-color1,var(--vscode-foreground,{text}));"
        f"--cn-dim:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,{dim}));"
        f"--cn-out:var(--jp-brand-color1,{out});"
    )


_LIGHT = _theme("var(--colab-primary-surface-color,#fff)", "#fff", "#222", "#6b6b6b", "#1976d2")
_DARK = _theme("var(--colab-primary-surface-color,#1b1d21)", "#24272c", "#e4e4e4", "#a3a3a3", "#64b5f6")
_FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif'
_RULES = {
    "": f"font:12px {_FONT};background:var(--cn-bg)",
    "text": "fill:var(--cn-text)",
    ".b": "fill:var(--cn-box);stroke:var(--cn-line)",
    ".o .b": "stroke:var(--cn-out);stroke-width:1.6",
    ".x .b": "stroke:var(--cn-bad);stroke-width:1.8",
    ".h": "fill:var(--cn-head)",
    ".t": "font-weight:600",
    ".v": "font-size:11px",
    ".d": "fill:var(--cn-dim)",
    ".e": "text-anchor:end",
    ".w": "fill:none;stroke-width:2;opacity:.85",
    ".s": "fill:none;stroke-width:8.4;stroke-linecap:round",
}

CSS = (
    f".cn-graph{{{_LIGHT}--cn-head:var(--jp-layout-color2,rgba(127,127,127,.14));"
    "--cn-line:var(--jp-border-color1,rgba(127,127,127,.45));--cn-bad:var(--jp-error-color1,#d32f2f)}"
    f"@media (prefers-color-scheme:dark){{.cn-graph{{{_DARK}}}}}"
    + "".join(f".cn-graph {rule}{{{body}}}".replace(" {", "{") for rule, body in _RULES.items())
)
"""The style sheet of the picture, without any character that XML would mind."""

FRAME_CSS = (
    ".cn-graph-frame{display:block!important;overflow:auto;max-height:720px}.cn-graph-outline{display:none}"
)
"""Shows the picture and hides the outline; where styles are stripped it is the other way round."""
