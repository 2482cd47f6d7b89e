"""Workflows on their way to a real server and back out of the picture it saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comfy_notebook import api
from comfy_notebook.errors import InvalidWorkflow
from comfy_notebook.workflow.workflow import Workflow

from .support import EXAMPLES


@pytest.fixture(scope="module")
def client(embedded: Any) -> Iterator[Any]:
    with api.connect(embedded.url, api_key=embedded.api_key) as client:
        yield client


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_the_notebooks_workflows_fit_the_embedded_server(client: Any, path: Any) -> None:
    assert not Workflow.load(path, nodes=client.nodes).validate().errors


def test_what_the_server_would_refuse_is_not_sent(client: Any) -> None:
    wf = Workflow.load(EXAMPLES / "txt2img.json")
    wf.update({"3.sampler_name": "eular", "3.steps": 0})
    before = client.jobs().total
    with pytest.raises(InvalidWorkflow, match="was not sent") as caught:
        client.submit(wf)
    assert {(p.input_name, p.suggestion) for p in caught.value.problems} == {
        ("sampler_name", "'euler'"),
        ("steps", "1"),
    }
    assert client.jobs().total == before
    with pytest.raises(InvalidWorkflow, match="server refused"):
        client.submit(wf, validate=False)


def test_a_picture_gives_back_the_workflow_that_made_it(client: Any) -> None:
    wf = Workflow.load(EXAMPLES / "txt2img.editor.json", nodes=client.nodes)
    # A graph no other test runs: of the same one the server would give back the picture made before.
    wf.update({"5.width": 64, "5.height": 64, "3.steps": 1, "6.text": "a picture that is loaded again"})
    first = client.submit(wf, seed=7).result(timeout=60)
    again = Workflow.load(first.outputs[0])
    assert again.seed == 7
    second = client.submit(again, seed=8).result(timeout=60)
    last = Workflow.load(second)
    assert (last.seed, last["5"].width) == (8, 64)
    # ComfyUI's editor opens the picture with the same numbers.
    assert last.editor is not None
    assert Workflow.load(last.editor, nodes=client.nodes).seed == 8
