"""What holds whatever is sent: graphs of any shape, paths of any text, URLs changed anywhere."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.embedded.http import Refused, parse_json
from comfy_notebook.embedded.nodes.registry import default_registry
from comfy_notebook.embedded.signing import Signer
from comfy_notebook.embedded.userdata import BadPath, normal
from comfy_notebook.embedded.validation import Verdict, validate_prompt

NODES = default_registry()


class NoFiles:
    def path(self, name):
        raise FileNotFoundError(name)

    def names(self, folder):
        return []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ids = st.sampled_from(["1", "2", "3", "", "9"])
links = st.tuples(ids, st.integers(-2, 3)).map(list)
names = st.sampled_from(
    ["images", "image", "width", "height", "color", "batch_size", "samples", "value", "source", "model",
     "seed", "steps", "sampler_name", "text", "filename_prefix"]
)  # fmt: skip
classes = st.sampled_from(["EmptyImage", "SaveImage", "LoadImage", "KSampler", "PreviewAny", "PrimitiveInt"])
nodes = st.fixed_dictionaries(
    {"class_type": classes | json_values, "inputs": st.dictionaries(names, links | json_values) | json_values}
)
graphs = st.dictionaries(ids, nodes | json_values, max_size=4)


@settings(max_examples=300, deadline=None)
@given(graphs, st.none() | st.lists(ids))
def test_any_graph_gets_a_verdict_that_can_be_said(graph, targets):
    verdict = validate_prompt(copy.deepcopy(graph), NODES, NoFiles(), targets=targets)
    assert isinstance(verdict, Verdict)
    assert json.dumps(verdict.body)
    assert bool(verdict.outputs) != (verdict.error is not None)
    assert set(verdict.outputs) <= set(graph)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="a.\\/:\x00 ~é", max_size=12) | st.text(max_size=20))
def test_a_normal_path_stays_inside(path):
    try:
        found = normal(path)
    except BadPath:
        return
    assert not found.startswith("/")
    assert "\\" not in found
    assert not {"..", ".", ""} & set(found.split("/")) or found == ""
    assert normal(found) == found


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_json_that_can_be_written_down_or_refused(raw):
    try:
        value = parse_json(raw)
    except Refused:
        return
    json.dumps(value, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def signer():
    with tempfile.TemporaryDirectory() as folder:
        yield Signer(Path(folder), 3600)


@settings(max_examples=200, deadline=None)
@given(
    name=st.text(max_size=20),
    part=st.sampled_from(["name", "type", "expires", "signature", "digest"]),
    change=st.text(min_size=1, max_size=10),
)
def test_a_signature_is_of_every_part_of_its_url(signer, name, part, change):
    digest = "0" * 64
    url = urlsplit(signer.path(digest, name, "image/png"))
    query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
    assert signer.check(digest, query).name == query["name"]
    if part == "digest":
        assert signer.check(change, query) is None or change == digest
    else:
        assert signer.check(digest, query | {part: query[part] + change}) is None


def test_parts_cannot_be_moved_into_each_other(signer):
    url = urlsplit(signer.path("0" * 64, "ab", "c/d"))
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    assert signer.check("0" * 64, query | {"name": "a", "type": "bc/d"}) is None
