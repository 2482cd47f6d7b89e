"""Every node describes itself as ComfyUI's own `object_info` does.

`tests/data/object_info.nodes.json` is what a ComfyUI 0.33 answers for these nodes, its prose and its
lists of files removed. Lists of files, samplers and schedulers hold what is here, and are not compared.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from comfy_notebook.embedded.nodes.base import Input, Node, TooLarge, exception_type, room_for
from comfy_notebook.embedded.nodes.registry import Registry, default_registry, describe
from comfy_notebook.embedded.nodes.testing import ReportedError

from .kit import Folder

FACTS = json.loads((Path(__file__).parents[2] / "data" / "object_info.nodes.json").read_text())
REGISTRY = default_registry()
OURS_ALONE = "testing"
LOCAL_LISTS = {"sampler_name", "scheduler"}


def without_local_lists(node: type[Node], info: dict[str, Any]) -> dict[str, Any]:
    """An entry with the choices of file and sampler lists emptied."""
    for group in info["input"].values():
        for name, spec in group.items():
            declared = node.inputs.get(name)
            if name in LOCAL_LISTS or (declared is not None and callable(declared.choices)):
                if isinstance(spec[0], list):
                    spec[0] = []
                else:
                    spec[1]["options"] = []
    return info


@pytest.mark.parametrize("name", [n for n, node in REGISTRY.items() if node.category != OURS_ALONE])
def test_object_info_is_comfyuis(name: str, tmp_path: Path) -> None:
    node = REGISTRY[name]
    ours = describe(node, Folder(tmp_path))
    assert isinstance(ours.pop("description"), str)
    for unrecorded in ("is_input_list", "has_intermediate_output", "output_matchtypes", "experimental"):
        ours.pop(unrecorded, None)
    theirs = json.loads(json.dumps(FACTS[name]))
    assert without_local_lists(node, ours) == without_local_lists(node, theirs)


def test_every_node_runs_with_the_inputs_it_declares() -> None:
    """`run` has no parameter that is not an input, and `validate` judges only inputs."""
    for name, node in REGISTRY.items():
        code = node.run.__code__
        parameters = set(code.co_varnames[2 : code.co_argcount + code.co_kwonlyargcount])
        assert node.takes_any or parameters <= set(node.inputs), name
        assert node.judges() <= set(node.inputs), name


def test_object_info_lists_the_files_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    info = REGISTRY.object_info(Folder(tmp_path))
    assert info["LoadImage"]["input"]["required"]["image"] == [["a.png"], {"image_upload": True}]
    assert list(info) == list(REGISTRY)


def test_without_pyav_its_nodes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = set(default_registry())
    assert not found & {"LoadAudio", "SaveAudioOpus", "PreviewAudio", "CreateVideo", "SaveVideo", "SaveWEBM"}
    assert {"EmptyAudio", "AudioConcat", "LoadImage"} <= found


def test_one_name_is_one_node() -> None:
    class Twin(Node):
        class_type = "LoadImage"

    with pytest.raises(ValueError, match="two nodes are called LoadImage"):
        Registry([*REGISTRY.values(), Twin])


def test_a_lazy_input_is_wanted_until_it_is_there() -> None:
    class Switch(Node):
        inputs = {"on": Input("BOOLEAN"), "image": Input("IMAGE", lazy=True)}  # noqa: RUF012

    assert Switch().needed(on=True) == ["image"]
    assert Switch().needed(on=True, image=0) == []
    assert describe(Switch, None)["input"]["required"]["image"] == ["IMAGE", {"lazy": True}]  # type: ignore[arg-type]


def test_the_types_of_errors() -> None:
    class Odd(Exception):
        pass

    assert exception_type(ReportedError("ModelDownloadError", "no model")) == "ModelDownloadError"
    assert exception_type(ValueError()) == "ValueError"
    assert exception_type(MemoryError()) == "OOMError"
    assert exception_type(Odd()).endswith("test_the_types_of_errors.<locals>.Odd")
    with pytest.raises(TooLarge, match="GiB refused"):
        room_for(4096, 16384, 16384, 3)
