"""The extension in a shell: loading, help, mistakes on the line, settings."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from comfy_notebook import config
from comfy_notebook.magics.magic import commands, overview

from .conftest import Notebook

NAMED = [name for name in commands() if name]
DESIGN = {
    *("run", "sweep", "show", "inputs", "validate", "convert", "form", "nodes", "node", "models", "upload"),
    *("jobs", "job", "queue", "cancel", "interrupt", "download", "connect", "login", "logout", "debug"),
    *("asyncio", "server", "free", "log", "workflows"),
}


def test_every_command_of_the_design_is_there() -> None:
    assert set(NAMED) == DESIGN


@pytest.mark.parametrize("name", NAMED)
def test_every_command_has_help(notebook: Notebook, name: str) -> None:
    ran = notebook(f"%comfy {name} --help")
    assert ran.error is None
    assert ran.out.startswith(f"usage: %comfy {name}")
    assert ran.value is None
    assert all(len(line) <= 110 for line in ran.out.splitlines())


@pytest.mark.parametrize("line", ["%comfy --help", "%comfy -h", "%comfy help"])
def test_the_overview_names_every_command(notebook: Notebook, line: str) -> None:
    shown = notebook(line).out
    assert shown == overview() + "\n"
    for name in NAMED:
        assert f"\n    {name} " in shown


def test_the_question_mark_shows_the_overview(shell: InteractiveShell) -> None:
    assert overview() in shell.object_inspect_text("%comfy")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%comfy rnu a.json", "%comfy has no command 'rnu'. Did you mean 'run'"),
        ("%comfy zzz", "%comfy has no command 'zzz'. See %comfy --help"),
        ("%comfy run a.json --sedd 1", "there is no option --sedd. Did you mean --seed"),
        ('%comfy run a.json 6.text="x', "never closed"),
        ("%comfy server restart", "there is no 'restart'. Did you mean 'start'? See"),
        ("%comfy job", "%comfy job: ID is missing"),
        ("%comfy server start --port 70000", "a port from 0 to 65535"),
        ("%comfy run a.json --save {7}", "--save takes a path, not 7"),
        ("%comfy run a.json --no-wait --save out", "excludes --save"),
        ("%comfy run a.json --no-wait --timeout 3", "excludes --timeout"),
        ("%comfy run", "name a workflow"),
        ("%comfy sweep", "name a workflow"),
        ("%comfy sweep a.json", "give the values to vary"),
        ("%%comfy\n6.text: x", "a command is missing"),
        ("%%comfy queue\n6.text: x", "does not take a cell body"),
        (
            "%%comfy run a.json\n6.text = x",
            "is not 'NODE.INPUT: value'; write 6.text: x",
        ),
        ("%comfy cancel", "give the ids of jobs, or --all"),
    ],
)
def test_a_mistake_on_the_line_is_one_line(notebook: Notebook, cell: str, says: str) -> None:
    ran = notebook(cell)
    assert isinstance(ran.error, UsageError)
    assert says in ran.text
    assert "Traceback" not in ran.text
    assert len(ran.text.strip().splitlines()) == 1


def test_settings_are_traitlets(notebook: Notebook) -> None:
    assert "ComfyMagics.previews" in notebook("%config ComfyMagics").out
    notebook("%config ComfyMagics.previews = False\n%config ComfyMagics.fps = 4")
    assert (config.settings.previews, config.settings.fps) == (False, 4.0)
    notebook("%reload_ext comfy_notebook")
    assert notebook("%config ComfyMagics.previews").value is False
    assert config.settings.previews is False


def test_settings_made_in_python_are_the_magics_too(notebook: Notebook) -> None:
    config.settings.embed_px = 300
    notebook("%reload_ext comfy_notebook")
    assert notebook("%config ComfyMagics.embed_px").value == 300


def test_unloading_leaves_nothing_behind(shell: InteractiveShell, notebook: Notebook) -> None:
    for _ in range(3):
        assert notebook("%reload_ext comfy_notebook").error is None
    assert [type(c).__name__ for c in shell.configurables].count("ComfyMagics") == 1
    assert len(shell.Completer.custom_matchers) == 1
    notebook("%unload_ext comfy_notebook")
    assert shell.find_line_magic("comfy") is None
    assert shell.find_cell_magic("comfy") is None
    assert "ComfyMagics" not in [type(c).__name__ for c in shell.configurables]
    assert not shell.Completer.custom_matchers
    notebook("%load_ext comfy_notebook")
    assert notebook("%comfy --help").out


def test_loading_is_light() -> None:
    """`%load_ext` must not cost a notebook that never runs anything."""
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'comfy_notebook')\n"
        "shell.run_line_magic('comfy', '--help')\n"
        "heavy = {'numpy', 'PIL', 'httpx', 'websockets', 'ipywidgets', 'pandas', 'matplotlib', 'starlette'}\n"
        "print('HEAVY', sorted(heavy & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
