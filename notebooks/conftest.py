"""The notebooks as tests: nbval runs each in a kernel of this environment and compares the texts.

The kernels see static output only (no widgets, no times, no ids) and a data directory of their own,
independent of what is installed or stored on this machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each notebook starts a kernel and a server: `-m "not slow"` leaves them out."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Set the environment that the kernel inherits: nbval starts it during the setup of the first cell."""
    if _FOLDER not in item.config.stash:
        folder = item.config.stash[_FOLDER] = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        item.config.add_cleanup(folder.cleanup)
    data = item.config.stash[_FOLDER].name
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COMFY_")]:
            patch.delenv(name)
        patch.setenv("COMFY_NOTEBOOK_LIVE", "0")
        patch.setenv("COMFY_NOTEBOOK_DATA", data)
        patch.setenv("COMFY_NOTEBOOK_CACHE", data)
        return (yield)
