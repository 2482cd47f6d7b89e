"""A Comfy Cloud on this machine, in its own process: `python -m comfy_notebook.embedded`."""
