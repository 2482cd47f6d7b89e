"""The picture of a workflow in a real JupyterLab: in its theme, after reopening, and when not trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from comfy_notebook.workflow.workflow import Workflow

from .lab import ROOT, Lab

pytestmark = pytest.mark.browser
WORKFLOW = ROOT / "notebooks" / "workflows" / "txt2img.json"
COLOUR = "(element, name) => getComputedStyle(element).getPropertyValue(name).trim()"


@pytest.fixture(autouse=True)
def _dark(lab: Lab) -> Iterator[None]:
    lab.wear("dark")
    yield
    lab.wear("light")


def test_it_takes_labs_colours_and_survives_reopening(lab: Lab) -> None:
    code = f"from comfy_notebook import Workflow\nWorkflow.load({str(WORKFLOW)!r})"
    with lab.notebook([code], name="graph.ipynb") as nb:
        nb.run(0)
        nb.done(0)
        look(nb)
        nb.page.keyboard.press("Control+s")
        nb.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    with lab.open("graph.ipynb", kernel=False) as nb:
        look(nb)


def look(nb: Any) -> None:
    picture = nb.output(0).locator("svg.cn-graph")
    picture.wait_for()
    assert nb.output(0).locator("text.t").count() == 7
    assert not nb.output(0).locator("pre.cn-graph-outline").is_visible()
    box = nb.output(0).locator("rect.b").first
    # Lab's dark layout colour, resolved by the page itself, is what the boxes are filled with.
    page = nb.page.evaluate(
        """() => { const probe = document.createElement('div');
        probe.style.color = 'var(--jp-layout-color0)'; document.body.append(probe);
        const found = getComputedStyle(probe).color; probe.remove(); return found; }"""
    )
    assert page != "rgb(255, 255, 255)"  # the theme really is dark
    assert box.evaluate(COLOUR, "fill") == page
    assert picture.bounding_box()["width"] > 500


def test_where_it_is_not_trusted_the_outline_stands_in(lab: Lab) -> None:
    bundle = Workflow.load(json.loads(WORKFLOW.read_text(encoding="utf-8")))._repr_mimebundle_()
    cell = nbformat.v4.new_code_cell("wf", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("execute_result", data=bundle, execution_count=1)]
    book = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(book, lab.root / "stranger.ipynb")
    with lab.open("stranger.ipynb", kernel=False) as nb:
        outline = nb.output(0).locator("pre").first
        outline.wait_for()
        assert "Workflow of 7 nodes" in outline.inner_text()
        assert outline.is_visible()
        assert not nb.output(0).get_by_text("CONDITIONING", exact=True).locator("visible=true").count()
