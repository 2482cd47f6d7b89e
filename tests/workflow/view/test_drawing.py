"""The picture of a workflow: well-formed, inert, self-contained, always the same, laid out sensibly."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.workflow.view.layout import GAP_Y, Box, Wire, columns, place
from comfy_notebook.workflow.view.style import CSS, colour, guess
from comfy_notebook.workflow.workflow import Workflow
from tests.workflow.support import catalog, example


def svg(wf: Workflow) -> str:
    return wf.to_svg()


def html(wf: Workflow) -> str:
    return wf._repr_mimebundle_()["text/html"]


NS = "{http://www.w3.org/2000/svg}"


def boxes(picture: str) -> dict[str, tuple[float, float, float]]:
    """Title to (x, y, height) of each node drawn."""
    root = ET.fromstring(picture)
    found = {}
    for group in root.iter(f"{NS}g"):
        rect = group.find(f"{NS}rect")
        title = group.find(f"{NS}text")
        assert rect is not None
        assert title is not None
        x, y = re.findall(r"[-\d.]+", group.attrib["transform"])
        found[title.text or ""] = float(x), float(y), float(rect.attrib["height"])
    return found


@pytest.mark.parametrize("nodes", [None, catalog()], ids=["alone", "with definitions"])
def test_nodes_stand_from_left_to_right(nodes: Any) -> None:
    at = boxes(svg(Workflow.load(example("txt2img"), nodes=nodes)))
    x = {name: place[0] for name, place in at.items()}
    assert x["Load Checkpoint"] < x["Positive Prompt"] < x["KSampler"] < x["VAE Decode"] < x["Save Image"]
    assert x["Positive Prompt"] == x["Negative Prompt"] == x["Empty Latent Image"]


def test_titles_values_and_every_link_are_drawn() -> None:
    picture = svg(Workflow.load(example("txt2img"), nodes=catalog()))
    root = ET.fromstring(picture)
    texts = {text.text for text in root.iter(f"{NS}text")}
    assert {"KSampler", "156680208700286", "euler", "CONDITIONING", "latent_image"} <= texts
    links = [path for path in root.iter(f"{NS}path") if path.get("class") == "w"]
    assert len(links) == 9
    assert sorted(link.attrib["stroke"] for link in links).count(colour("CLIP")) == 2


def test_the_editors_format_is_drawn_before_it_is_converted() -> None:
    wf = Workflow.load(example("txt2img.editor"))
    assert not wf.is_converted
    root = ET.fromstring(svg(wf))
    assert len([path for path in root.iter(f"{NS}path") if path.get("class") == "w"]) == 9
    assert "CONDITIONING" in {text.text for text in root.iter(f"{NS}text")}


def test_output_nodes_and_nodes_with_problems_stand_out() -> None:
    root = ET.fromstring(svg(Workflow.load(example("txt2img"), nodes=catalog())))
    marked = [group.find(f"{NS}text").text for group in root.iter(f"{NS}g") if group.get("class") == "n o"]  # type: ignore[union-attr]
    assert marked == ["Save Image"]
    document = example("txt2img.editor")
    document["nodes"][5]["type"] = "NobodyHasThis"
    wf = Workflow.load(document, nodes=catalog())
    assert [p.kind for p in wf.problems] == ["missing_node_type"]
    assert 'class="n x"' in svg(wf)
    wf = Workflow.load(example("txt2img"), nodes=catalog())
    wf["3"].sampler_name = "eular"
    assert svg(wf).count('class="n x"') == 1
    assert "Try &#x27;euler&#x27;." in svg(wf)


def test_the_notebook_gets_a_themed_picture_and_an_outline() -> None:
    wf = Workflow.load(example("txt2img"))
    bundle = wf._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == repr(wf)
    page = bundle["text/html"]
    assert "--jp-layout-color1" in page
    assert "prefers-color-scheme:dark" in page
    assert "overflow:auto" in page
    # Where styles and pictures are stripped, the frame stays hidden and the outline shows. The value
    # matters: the sanitizer of JupyterLab drops a bare `hidden`, and the words of the picture stood about.
    assert re.search(r'<div class="cn-graph-frame" hidden="hidden">', page)
    assert re.search(r'<pre class="cn-graph-outline">Workflow of 7 nodes', page)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    page = html(Workflow.load(example("txt2img"), nodes=catalog()))
    assert not re.search(r"https?://|<script|<foreignObject|\bon\w+=|url\(|@import", page)
    assert not set("<&") & set(CSS)


NASTY = '</text></svg><script>alert(1)</script><img src=x onerror="alert(1)">&amp;\'"\x1b[31m\u202e\ud800'


def test_hostile_names_stay_text() -> None:
    graph = {
        "1" + NASTY: {"class_type": NASTY, "inputs": {NASTY: NASTY, "n": 1}, "_meta": {"title": NASTY}},
        "2": {"class_type": "B", "inputs": {NASTY: ["1" + NASTY, 0]}},
    }
    wf = Workflow(graph)
    root = ET.fromstring(svg(wf))
    assert {element.tag.removeprefix(NS) for element in root.iter()} <= {
        *("svg", "style", "rect", "g", "title", "path", "text", "circle"),
    }
    pages = [html(wf), svg(wf), wf.inputs()._repr_html_(), wf.diff(Workflow())._repr_html_()]
    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
    for text in [*pages, repr(wf), repr(wf["2"]), repr(wf.inputs())]:
        assert not {"\x1b", "\u202e", "\ud800"} & set(text)


def test_secrets_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfy_notebook.text._registered", {"comfyui-0123456789abcdef"})
    wf = Workflow({"1": {"class_type": "A", "inputs": {"key": "comfyui-0123456789abcdef"}}})
    for text in (html(wf), svg(wf), repr(wf), repr(wf["1"]), repr(wf.inputs()), wf.inputs()._repr_html_()):
        assert "0123456789" not in text


def test_a_hundred_nodes_do_not_overlap() -> None:
    graph: dict[str, Any] = {"0": {"class_type": "Load", "inputs": {}}}
    for n in range(1, 100):
        links = {f"in{k}": [str((n * 7 + k * 13) % n), k % 2] for k in range(n % 4)}
        graph[str(n)] = {
            "class_type": f"Class{n}",
            "inputs": {**links, "value": n, "text": "long " * (n % 30)},
        }
    placed = list(boxes(svg(Workflow(graph))).values())
    assert len(placed) == 100
    for n, (x, y, height) in enumerate(placed):
        for other_x, other_y, other_height in placed[:n]:
            if x == other_x:
                assert y >= other_y + other_height or other_y >= y + height


def test_enormous_graphs_are_cut_and_say_so() -> None:
    picture = svg(Workflow({str(n): {"class_type": "A", "inputs": {}} for n in range(1000)}))
    assert "and 600 more nodes" in picture
    assert picture.count('<g class="n') == 400


def test_loops_and_links_to_nowhere_are_drawn_too() -> None:
    graph = {
        "1": {
            "class_type": "A",
            "inputs": {"x": ["2", 0], "self": ["1", 0], "gone": ["9", 0], "far": ["2", 10**9]},
        },
        "2": {"class_type": "B", "inputs": {"x": ["1", -1], "y": ["1", 0]}},
    }
    assert "stroke-dasharray" in svg(Workflow(graph))
    assert "no nodes" in svg(Workflow({}))


def test_the_picture_is_the_same_every_time() -> None:
    one, two = (Workflow.load(example("inpaint"), nodes=catalog()) for _ in range(2))
    assert svg(one) == svg(two)
    assert html(one) == html(two)


def test_colours_are_told_by_type_or_by_name() -> None:
    assert colour("LATENT") == colour("latent") != colour("IMAGE")
    assert colour("MY_TYPE") == colour("MY_TYPE") != colour("MY_OTHER_TYPE")
    assert (guess("positive"), guess("Model"), guess("whatever")) == ("CONDITIONING", "MODEL", "")


# -- the layout itself -----------------------------------------------------------------------------


def test_a_node_without_inputs_stands_next_to_its_reader() -> None:
    before = {"a": [], "b": ["a"], "c": ["b", "late"], "late": []}
    assert columns(before, {"a": 0, "b": 1, "c": 2, "late": 0}) == {"a": 0, "b": 1, "c": 2, "late": 1}


def test_a_chain_of_equal_boxes_is_straight() -> None:
    chain = [Box(str(n), n, 50) for n in range(5)]
    placed = place(chain, [Wire(str(n), 20, str(n + 1), 20) for n in range(4)])
    assert len({round(box.y, 3) for box in placed.boxes.values()}) == 1


def test_avoidable_crossings_are_avoided() -> None:
    left = [Box("a", 0, 40), Box("b", 0, 40)]
    right = [Box("x", 1, 40), Box("y", 1, 40)]
    placed = place([*left, *right], [Wire("a", 20, "y", 20), Wire("b", 20, "x", 20)])
    at = {name: box.y for name, box in placed.boxes.items()}
    assert (at["a"] < at["b"]) == (at["y"] < at["x"])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(30, 200)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30),
)
def test_boxes_never_overlap(sizes: list[Any], pairs: list[Any]) -> None:
    made = [Box(str(n), column, height) for n, (column, height) in enumerate(sizes)]
    wires = [Wire(str(a), 10, str(b), 10) for a, b in pairs if a < len(made) and b < len(made)]
    placed = place(made, wires)
    assert min(box.y for box in placed.boxes.values()) >= 0
    for column in range(6):
        stack = sorted((box for box in placed.boxes.values() if box.column == column), key=lambda box: box.y)
        for above, below in pairwise(stack):
            assert below.y >= above.y + above.height + GAP_Y / 2 - 1e-6


def test_a_large_graph_makes_a_small_picture() -> None:
    graph = {
        str(n): {
            "class_type": "KSampler",
            "inputs": {"model": [str(n - 1), 0], "seed": n, "text": "a lighthouse at dusk " * 20},
            "_meta": {"title": f"A node of a long workflow {n}"},
        }
        for n in range(352)
    }
    assert len(Workflow(graph).to_svg()) <= 200_000
