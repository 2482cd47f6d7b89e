"""Run ComfyUI workflows from notebook cells.

`%load_ext comfy_notebook`, then `%comfy run workflow.json`; or, in Python, `comfy.connect()`,
`comfy.run(workflow)`. Importing this module loads nothing heavy: every public name arrives from
its own module when it is first used.
"""

from __future__ import annotations

__version__ = "0.1.0"
