"""Sphinx configuration: Markdown pages, the notebooks as committed, and a reference made from the code."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from comfy_notebook import __version__  # noqa: E402

project = "comfy_notebook"
copyright = "the comfy_notebook contributors"
version = release = __version__
maximum_signature_line_length = 88

extensions = ["myst_nb", "reference"]
exclude_patterns = ["_build"]

# The notebooks are shown with the outputs they were committed with; Sphinx reads below its own folder only.
nb_execution_mode = "off"
shutil.copytree(
    DOCS.parent / "notebooks",
    DOCS / "notebooks",
    ignore=lambda folder, names: [name for name in names if not name.endswith(".ipynb")],
    dirs_exist_ok=True,
)

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "comfy_notebook"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_prev_next": True}
