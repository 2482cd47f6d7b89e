"""Editor format to API format, against what the real editor exported for the same files.

The pairs here were made for the purpose; those of ComfyUI's own templates are not ours to ship and are
read from the folder that COMFY_NOTEBOOK_UI2API names.
"""

from __future__ import annotations

import copy
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from comfy_notebook.errors import ConversionError
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.convert import convert, to_api
from comfy_notebook.workflow.formats import is_api_format, is_editor_format

HERE = Path(__file__).parents[1] / "data" / "ui2api"
GIVEN = os.environ.get("COMFY_NOTEBOOK_UI2API")


def pairs(folder: Path) -> list[Any]:
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))["files"]
    return [pytest.param(folder, name, info, id=name) for name, info in sorted(index.items())]


TEMPLATES = pairs(Path(GIVEN)) if GIVEN and (Path(GIVEN) / "index.json").is_file() else []


def catalogs() -> dict[Path, NodeCatalog]:
    return {
        folder: NodeCatalog.load(folder / "object_info.json.gz")
        for folder in {HERE, *(p.values[0] for p in TEMPLATES)}
    }


@pytest.fixture(scope="module")
def catalog_of() -> dict[Path, NodeCatalog]:
    return catalogs()


@pytest.mark.parametrize(("folder", "name", "info"), pairs(HERE))
def test_our_pairs_convert_as_the_editor_does(folder, name, info, catalog_of):
    check_pair(folder, name, info, catalog_of[folder])


@pytest.mark.skipif(not TEMPLATES, reason="COMFY_NOTEBOOK_UI2API names no folder of template pairs")
@pytest.mark.parametrize(("folder", "name", "info"), TEMPLATES)
def test_templates_convert_as_the_editor_does(folder, name, info, catalog_of):
    check_pair(folder, name, info, catalog_of[folder])


def check_pair(folder: Path, name: str, info: dict[str, Any], catalog: NodeCatalog) -> None:
    ui = read(folder / f"{name}.ui.json")
    before = copy.deepcopy(ui)
    got = json.loads(json.dumps(convert(ui, catalog).api))
    assert ui == before
    answers = [path for path in (folder / f"{name}.api.json", folder / f"{name}.api2.json") if path.exists()]
    if not answers:
        return  # the editor itself could not convert it: running without an error of ours is all we ask
    found = [differences(read(path), got, catalog, info) for path in answers]
    assert min(found, key=len) == []


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def differences(wanted: dict, got: dict, catalog: NodeCatalog, info: dict) -> list[str]:
    """What differs between two graphs, ignoring literals that a class does not declare."""
    found = [f"{key} missing" for key in wanted.keys() - got.keys()]
    found += [f"{key} too much" for key in got.keys() - wanted.keys()]
    for key in wanted.keys() & got.keys():
        known = wanted[key].get("class_type")
        ours, theirs = (inputs_that_count(node, known, catalog) for node in (got[key], wanted[key]))
        if known is not None and got[key]["class_type"] != known:
            found.append(f"{key} is {got[key]['class_type']}, not {known}")
        for name in ours.keys() | theirs.keys():
            late = info.get("late", {}).get(f"{key}.{name}", theirs.get(name))
            drawn = [key, name] in info.get("random", [])
            if drawn and type(ours.get(name)) is type(theirs.get(name)):
                continue
            if not (same(ours.get(name), theirs.get(name)) or same(ours.get(name), late)):
                found.append(f"{key}.{name}: {ours.get(name)!r}, not {theirs.get(name)!r}")
    return found


def inputs_that_count(node: dict, known: str | None, catalog: NodeCatalog) -> dict[str, Any]:
    declared = catalog.get(known) if known else None
    return {
        name: value
        for name, value in node["inputs"].items()
        if is_link(value)
        or (known is not None and (declared is None or name in {**declared.inputs, **declared.hidden}))
    }


def is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def same(a: Any, b: Any) -> bool:
    """Numbers as a browser compares them (5 is 5.0), everything else by value and type."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return float(a) == float(b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def test_the_two_formats_are_told_apart():
    editor, api = {"nodes": [], "links": []}, {"3": {"class_type": "KSampler", "inputs": {}}}
    assert is_editor_format(editor)
    assert not is_editor_format(api)
    assert is_api_format(api)
    assert not is_api_format(editor)
    for neither in (None, [], {}, "text", {"prompt": api}, {"nodes": {}}):
        assert not is_editor_format(neither)
        assert not is_api_format(neither)


@pytest.mark.parametrize(
    "data", [None, [], {}, "text", {"prompt": {}}, {"nodes": 3}, {"nodes": [1, None, "x"]}]
)
def test_data_that_is_not_a_workflow_is_refused(data):
    with pytest.raises(ConversionError):
        convert(data, {})


def test_a_graph_in_api_format_comes_back_as_it_is():
    api = {"3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}, "_meta": {"title": "K"}}}
    got = convert(api, {})
    assert got.api == api
    assert got.api is not api
    assert got.titles == {"3": "K"}


def test_object_info_may_be_given_as_it_came(catalog_of):
    ui = read(HERE / "primitive_feeds_many.ui.json")
    assert to_api(ui, catalog_of[HERE].raw) == to_api(ui, catalog_of[HERE])


def test_the_source_map_says_where_each_value_is_saved(catalog_of):
    ui = read(HERE / "primitive_feeds_many.ui.json")
    done = convert(ui, catalog_of[HERE])
    for (node_id, name), source in done.sources.items():
        value = ui
        for key in source.path:
            value = value[key]
        assert done.api[node_id]["inputs"][name] == value
    primitive = next(n for n, node in enumerate(ui["nodes"]) if node["type"] == "PrimitiveNode")
    fed = [place for place, source in done.sources.items() if source.path[:2] == ("nodes", primitive)]
    assert len(fed) > 1
