"""Tab on a `%comfy` line: what the shell offers, with no server at all."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from comfy_notebook import sync
from comfy_notebook.client.connection import Connection
from comfy_notebook.client.exchange import Access
from comfy_notebook.client.http import Http
from comfy_notebook.client.probe import kinds
from comfy_notebook.clients import AsyncClient
from comfy_notebook.magics.complete import _hooked, complete
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.workflow import Workflow

ROOT = Path(__file__).parents[2]

GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "x", "clip": ["4", 1]}},
    "7": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "y", "clip": ["4", 1]},
        "_meta": {"title": "Dark side"},
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workflow, something else, and a folder in it; and no network at all."""
    (tmp_path / "txt2img.json").write_text(json.dumps(GRAPH))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "temp.json").write_text("{")
    (tmp_path / "my own.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.json").write_text("{}")
    monkeypatch.chdir(tmp_path)

    def forbidden(*args: object) -> None:
        raise AssertionError("completion must not use the network")

    monkeypatch.setattr(sync.BackgroundLoop, "_start", forbidden)
    return tmp_path


def offered(shell: InteractiveShell, text: str) -> list[str]:
    """What Tab at the end of the text gives: the last line as it would become."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: c.start] + c.text for c in found]


@pytest.mark.parametrize("start", ["%comfy ", "x = %comfy ", "a, b = %comfy ", "  %comfy ", "%%comfy "])
def test_subcommands_alone_are_offered(shell: InteractiveShell, folder: Path, start: str) -> None:
    assert offered(shell, start + "in") == [start + "inputs", start + "interrupt"]


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("%comfy run t", ["txt2img.json", "temp.json"]),
        ("%comfy run su", ["sub/"]),
        ("%comfy run sub/", ["sub/deep.json"]),
        ("%comfy upload n", ["notes.txt"]),
        ("%comfy run txt2img.json --s", ["--seed", "--save"]),
        ("%comfy run txt2img.json --on c", ["cloud"]),
        ("%comfy run txt2img.json --save s", ["sub/"]),
        ("%comfy connect em", ["embedded"]),
        ("%comfy server st", ["start", "stop", "status"]),
        ("%comfy jobs --status c", ["completed", "cancelled"]),
        ("%comfy run txt2img.json KS", ["KSampler.seed=", "KSampler.steps="]),
        ("%comfy run txt2img.json --seed 7 6", ["6.text="]),
        ("%comfy run txt2img.json 3.st", ["3.steps="]),
        ("%comfy sweep txt2img.json Check", ["CheckpointLoaderSimple.ckpt_name="]),
        ("%comfy run txt2img.json Dark", ['"Dark side.text"=']),
        ("%comfy run txt2img.json --on=em", ["--on=embedded"]),
        ("%comfy run txt2img.json --seed ", ["random"]),
        ("%comfy run txt2img.json KSampler.steps=", ["KSampler.steps=20"]),
        (
            "%comfy run txt2img.json CheckpointLoaderSimple.ckpt_name=a",
            ["CheckpointLoaderSimple.ckpt_name=a.safetensors"],
        ),
        ("%comfy form txt2img.json --inputs KSampler.st", ["KSampler.steps"]),
        ("%comfy form txt2img.json --inputs 6.text,KSampler.st", ["6.text,KSampler.steps"]),
        ("%comfy job ", ["--help", "--on"]),
        ("%comfy run my", ['"my own.json"']),
    ],
)
def test_what_comes_next(shell: InteractiveShell, folder: Path, line: str, ends: list[str]) -> None:
    start = line[: line.rindex(" ") + 1]
    assert sorted(offered(shell, line)) == sorted(start + end for end in ends)


@pytest.mark.parametrize("line", ["%comfy run n", "%comfy zzz a", "%comfy run txt2img.json --seed 7"])
def test_nothing_to_offer(shell: InteractiveShell, folder: Path, line: str) -> None:
    (magics,) = [c for c in shell.configurables if type(c).__name__ == "ComfyMagics"]
    assert complete(magics, line, None) == (line[line.rindex(" ") + 1 :], [])


def test_variables_that_hold_workflows(shell: InteractiveShell, folder: Path) -> None:
    shell.user_ns.update(portrait=Workflow(GRAPH), number=7)
    assert offered(shell, "%comfy run port") == ["%comfy run portrait"]
    assert "%comfy run portrait 7.text=" in offered(shell, "%comfy run portrait 7.")


def test_the_body_of_a_cell(shell: InteractiveShell, folder: Path) -> None:
    start = "%%comfy run txt2img.json\nKSampler.seed: 1\n"
    assert offered(shell, start + "KSampler.st") == [start + "KSampler.steps: "]


def test_a_line_that_is_not_the_first_of_its_cell(shell: InteractiveShell, folder: Path) -> None:
    for start in ("%load_ext comfy_notebook\n", "for n in range(3):\n    x = "):
        assert offered(shell, start + "%comfy run txt2img.json KSampler.st") == [
            start + "%comfy run txt2img.json KSampler.steps="
        ]


def test_an_open_quote_may_hold_spaces(shell: InteractiveShell, folder: Path) -> None:
    start = "%comfy run txt2img.json "
    assert offered(shell, start + '"Dark si') == [start + '"Dark side.text"=']
    assert offered(shell, '%comfy run "my o') == ['%comfy run "my own.json"']


def test_titles_and_choices_in_the_body_of_a_cell(shell: InteractiveShell, folder: Path) -> None:
    start = "%%comfy run txt2img.json\n"
    assert offered(shell, start + "Dark s") == [start + "Dark side.text: "]
    assert offered(shell, start + "KSampler.steps: ") == [start + "KSampler.steps: 20"]


def test_choices_and_the_editors_format_once_definitions_are_known(
    shell: InteractiveShell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = NodeCatalog.load(ROOT / "tests" / "data" / "object_info.json")
    monkeypatch.setattr("comfy_notebook.magics.complete._catalog", lambda: known)
    editor = ROOT / "notebooks" / "workflows" / "txt2img.editor.json"
    (folder / "editor.json").write_bytes(editor.read_bytes())
    start = "%comfy run editor.json KSampler."
    assert offered(shell, start + "sc") == [start + "scheduler="]
    assert start + "sampler_name=euler_ancestral" in offered(shell, start + "sampler_name=euler_a")
    swept = "%comfy sweep editor.json KSampler.scheduler=karras,"
    assert offered(shell, swept + "simp") == [swept + "simple"]
    # A local file is offered where one would be uploaded, and nowhere else.
    assert not [text for text in offered(shell, start + "sampler_name=") if "notes" in text]


def test_job_ids_met_by_the_clients(shell: InteractiveShell, folder: Path) -> None:
    (magics,) = [c for c in shell.configurables if type(c).__name__ == "ComfyMagics"]
    client = AsyncClient(Connection.to(Http(Access("http://127.0.0.1:9")), kinds()["cloud"]())).plain
    client._async.connection.live.remember("0a1b2c3d-aaaa")
    client._async.connection.live.remember("0a9f2c3d-bbbb")
    magics.notebook.others["http://127.0.0.1:9"] = client
    assert offered(shell, "%comfy job 0a") == ["%comfy job 0a9f2c3d-bbbb", "%comfy job 0a1b2c3d-aaaa"]
    assert offered(shell, "%comfy cancel 0a1") == ["%comfy cancel 0a1b2c3d-aaaa"]


def test_other_lines_keep_their_own_completion(shell: InteractiveShell, folder: Path) -> None:
    assert any(text.endswith("print") for text in offered(shell, "prin"))
    assert offered(shell, "comfy_thing = 3") == []


def test_a_changed_file_is_read_again(shell: InteractiveShell, folder: Path) -> None:
    assert not [text for text in offered(shell, "%comfy run temp.json 9") if "9." in text]
    (folder / "temp.json").write_text(json.dumps({"9": {"class_type": "Save", "inputs": {"prefix": "x"}}}))
    assert offered(shell, "%comfy run temp.json 9") == ["%comfy run temp.json 9.prefix="]
    assert offered(shell, "%comfy run temp.json S") == ["%comfy run temp.json Save.prefix="]


def test_the_hook_of_old_ipython_gives_the_same(shell: InteractiveShell, folder: Path) -> None:
    (magics,) = [c for c in shell.configurables if type(c).__name__ == "ComfyMagics"]
    event = SimpleNamespace(text_until_cursor="%comfy run sub/d", symbol="sub/d")
    assert _hooked(magics, event) == ["sub/deep.json"]
    event = SimpleNamespace(text_until_cursor="%comfy run txt2img.json KSampler.st", symbol="KSampler.st")
    assert _hooked(magics, event) == ["KSampler.steps="]


@pytest.mark.parametrize("name", ["wf", "$wf", "{wf}"])
def test_a_workflow_in_a_variable_offers_its_inputs(shell: InteractiveShell, folder: Path, name: str) -> None:
    from comfy_notebook.workflow.workflow import Workflow

    shell.user_ns["wf"] = Workflow.load("txt2img.json")
    line = f"%comfy run {name} KSampler.se"
    assert offered(shell, line) == [f"%comfy run {name} KSampler.seed="]


def test_hidden_files_are_offered_only_when_asked_for(shell: InteractiveShell, folder: Path) -> None:
    (folder / ".hidden.json").write_text("{}")
    assert offered(shell, "%comfy run .hi") == ["%comfy run .hidden.json"]
    assert not [text for text in offered(shell, "%comfy run ") if "hidden" in text]


def test_node_classes_and_booleans_of_known_definitions(
    shell: InteractiveShell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = {"required": {"shown": ["BOOLEAN", {"default": True}], "size": ["INT", {}]}}
    known = NodeCatalog.from_object_info({"Switch": {"input": inputs, "output": []}})
    monkeypatch.setattr("comfy_notebook.magics.complete._catalog", lambda: known)
    assert offered(shell, "%comfy node Sw") == ["%comfy node Switch"]
    assert offered(shell, "%comfy connect Sw") != ["%comfy connect Switch"]
    shell.user_ns["wf"] = Workflow({"1": {"class_type": "Switch", "inputs": {"shown": True, "size": 3}}})
    start = "%comfy run wf Switch."
    assert offered(shell, start + "shown=") == [start + "shown=true", start + "shown=false"]
    assert offered(shell, start + "size=") == [start + "size=3"]
