"""`%comfy show | inputs | validate | convert | form`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import comfy_notebook as comfy
from tests.client.odd import Odd

from .conftest import PLAIN, WORKFLOWS, Notebook

OBJECT_INFO = Path(__file__).parents[1] / "data" / "object_info.json"


def test_show_draws_the_workflow(notebook: Notebook, folder: Path) -> None:
    ran = notebook("%comfy show plain.json")
    assert isinstance(ran.value, comfy.Workflow)
    assert "EmptyImage" in ran.out


def test_show_takes_a_cell(notebook: Notebook, folder: Path) -> None:
    ran = notebook(f"%%comfy show\n{json.dumps(PLAIN)}")
    assert ran.error is None, ran.text
    assert len(ran.value) == 2


def test_a_file_beside_a_workflow_in_the_cell_is_refused(notebook: Notebook, folder: Path) -> None:
    ran = notebook(f"%%comfy show plain.json\n{json.dumps(PLAIN)}")
    assert "cannot be used as well" in ran.text


def test_inputs_without_a_server(notebook: Notebook, folder: Path) -> None:
    ran = notebook("t = %comfy inputs plain.json")
    assert ran.error is None, ran.text
    assert [row.address for row in notebook["t"]][:2] == ["1.width", "1.height"]


def test_inputs_with_ranges(connected: Notebook) -> None:
    ran = connected("t = %comfy inputs plain.json")
    assert ran.error is None, ran.text
    (row,) = [row for row in connected["t"] if row.address == "1.width"]
    assert (row.type, row.value, row.min) == ("INT", 16, 1)


def test_workflows_that_the_editor_saved(notebook: Notebook, odd: Odd) -> None:
    odd.answers["GET /api/userdata"] = []
    assert "has saved no workflow" in notebook("%comfy workflows").out
    odd.answers["GET /api/userdata"] = [{"path": "mine.json"}, {"path": "portraits/hers.json"}]
    assert [row[0] for row in notebook("%comfy workflows").value] == ["mine", "portraits/hers"]
    odd.answers["GET /api/userdata/workflows/mine.json"] = PLAIN
    assert notebook("%comfy workflows mine").value.to_api() == PLAIN
    ran = notebook("%comfy workflows mein")
    assert isinstance(ran.error, comfy.WorkflowNotFound)
    assert "Did you mean 'mine'" in ran.text


def test_validate_lists_the_model_files(connected: Notebook) -> None:
    graph = json.loads((WORKFLOWS / "txt2img.json").read_text())
    ran = connected("%comfy validate graph", graph=graph)
    assert "analytic-scenes.safetensors  yes" in ran.out
    assert "No problems found in 7 nodes." in ran.out
    graph["4"]["inputs"]["ckpt_name"] = "other.safetensors"
    ran = connected("%comfy validate graph", graph=graph)
    assert "other.safetensors  no" in ran.out
    assert [problem.node_id for problem in ran.value] == ["4"]


def test_validate(connected: Notebook) -> None:
    assert "No problems found" in connected("%comfy validate plain.json").out
    bad = json.loads(json.dumps(PLAIN))
    bad["1"]["inputs"]["width"] = -3
    bad["2"]["class_type"] = "SaveImag"
    problems = connected("%comfy validate bad", bad=bad).value
    assert {problem.node_id for problem in problems} == {"1", "2"}


@pytest.mark.skipif(not OBJECT_INFO.exists(), reason="needs the recorded node definitions")
def test_with_no_server_at_all(notebook: Notebook, folder: Path) -> None:
    editor = str(WORKFLOWS / "txt2img.editor.json")
    ran = notebook(
        "%comfy convert $editor -o api.json --nodes {nodes}", editor=editor, nodes=str(OBJECT_INFO)
    )
    assert ran.error is None, ran.text
    assert "Wrote api.json" in ran.out
    assert json.loads((folder / "api.json").read_text())["3"]["class_type"] == "KSampler"


def test_convert(connected: Notebook, folder: Path) -> None:
    editor, api = WORKFLOWS / "txt2img.editor.json", WORKFLOWS / "txt2img.json"
    ran = connected("c = %comfy convert $editor", editor=str(editor))
    assert ran.error is None, ran.text
    made = connected["c"].to_api()
    assert {key: node["inputs"] for key, node in made.items()} == {
        key: node["inputs"] for key, node in json.loads(api.read_text()).items()
    }


def test_convert_never_overwrites_a_file_of_another_kind(connected: Notebook, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    ran = connected("%comfy convert plain.json -o notes.txt")
    assert isinstance(ran.error, comfy.ComfyError)
    assert (folder / "notes.txt").read_text() == "mine"


def test_form(connected: Notebook) -> None:
    ran = connected("f = %comfy form plain.json --inputs 1.width,1.color")
    assert ran.error is None, ran.text
    form = connected["f"]
    assert list(form.values) == ["1.width", "1.color"]
    assert form.workflow.get("1.width") == 16


def test_form_with_values_of_a_cell(connected: Notebook) -> None:
    ran = connected("%%comfy form plain.json\n1.width: 64")
    assert ran.error is None, ran.text
    assert ran.value.workflow.get("1.width") == 64


@pytest.mark.parametrize("command", ["inputs", "validate"])
def test_a_workflow_in_the_cell(connected: Notebook, command: str) -> None:
    ran = connected(f"%%comfy {command}\n{json.dumps(PLAIN)}")
    assert ran.error is None, ran.text


def test_definitions_of_another_server_or_a_file(connected: Notebook, folder: Path) -> None:
    ran = connected("t = %comfy inputs plain.json --on client", client=comfy.api.client())
    assert ran.error is None, ran.text
    comfy.api.session.client = None
    ran = connected("t = %comfy inputs plain.json --on client")
    assert ran.error is None, ran.text
    assert [row.min for row in connected["t"] if row.address == "1.width"] == [1]
    ran = connected("s = %comfy show plain.json --nodes {nodes}", nodes=str(OBJECT_INFO))
    assert ran.error is None, ran.text
    assert connected["s"].catalog is not None
    assert connected("%comfy show plain.json").value.catalog is None
