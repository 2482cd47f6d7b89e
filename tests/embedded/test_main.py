"""The command's own module."""

from __future__ import annotations

import subprocess
import sys


def test_numpy_is_imported_only_after_its_threads_are_limited() -> None:
    look = "import sys, comfy_notebook.embedded.__main__; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
