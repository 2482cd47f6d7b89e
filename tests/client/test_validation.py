"""Mistakes are reported before anything is sent, and never because of an outdated cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comfy_notebook as comfy
from comfy_notebook.workflow.catalog import NodeCatalog
from tests.servers import EmbeddedServer

TXT2IMG = Path(__file__).parent.parent.parent / "notebooks/workflows/txt2img.json"


@pytest.fixture
def client(embedded: EmbeddedServer) -> Iterator[comfy.Client]:
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as client:
        yield client


def test_every_problem_at_once_and_nothing_sent(client: comfy.Client) -> None:
    before = client.jobs().total
    wrong = {
        "KSampler.sampler_name": "eular",
        "KSampler.steps": 0,
        "Load Checkpoint.ckpt_name": "sd.safetensors",
    }
    with pytest.raises(comfy.InvalidWorkflow, match="3 problems and was not sent") as caught:
        client.submit(TXT2IMG, inputs=wrong)
    assert {p.input_name for p in caught.value.problems} == {"sampler_name", "steps", "ckpt_name"}
    assert "'euler'" in str(caught.value)
    assert client.jobs().total == before


def test_sent_as_it_is_when_asked_the_server_says_the_same(client: comfy.Client) -> None:
    with pytest.raises(comfy.InvalidWorkflow, match="The server refused") as caught:
        client.submit(TXT2IMG, inputs={"KSampler.sampler_name": "eular"}, validate=False)
    assert [p.kind for p in caught.value.problems] == ["value_not_in_list"]


def test_a_refusal_is_never_from_memory(client: comfy.Client) -> None:
    """Definitions kept from before a model was added would call it unknown."""
    import copy

    outdated = copy.deepcopy(dict(client.nodes.raw))
    outdated["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"] = [["older.safetensors"]]
    client._async.connection.nodes.catalog = NodeCatalog.from_object_info(outdated)
    assert client.submit(TXT2IMG).wait() == "completed"
