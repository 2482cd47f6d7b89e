from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import comfy_notebook as comfy

HEAVY = {"numpy", "PIL", "httpx", "websockets", "ipywidgets", "pandas", "matplotlib", "starlette"}


@pytest.mark.parametrize("name", comfy.__all__)
def test_every_public_name_arrives(name: str) -> None:
    assert getattr(comfy, name).__name__ == name


def test_no_module_hides_a_public_function() -> None:
    """Importing `comfy_notebook.job` would make `comfy.job` the module."""
    modules = {module.name for module in pkgutil.iter_modules(comfy.__path__)}
    assert not modules & set(comfy.__all__)


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        comfy.rum  # noqa: B018


def test_version_is_the_packages() -> None:
    assert importlib.import_module("importlib.metadata").version("comfy-notebook") == comfy.__version__


IMPORT = "import comfy_notebook"
LOAD_EXT = """
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
ip.run_line_magic("load_ext", "comfy_notebook")
assert ip.find_line_magic("comfy")
"""


@pytest.mark.parametrize("code", [IMPORT, LOAD_EXT], ids=["import", "load_ext"])
def test_loading_is_light(code: str) -> None:
    """Nothing heavy is imported until it is used."""
    script = f"import sys\n{code}\nprint(*sorted(m.partition('.')[0] for m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not HEAVY & set(found.stdout.split())
