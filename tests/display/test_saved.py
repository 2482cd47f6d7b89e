"""What a notebook holds when it is over: its size, and its pictures in other viewers."""

from __future__ import annotations

import base64
import re

import nbformat
import pytest
from nbconvert import HTMLExporter

from comfy_notebook.display.results.result import result_bundle

from .runs import output, result
from .test_bundle import noise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Twenty results of one to four pictures each, as hard to compress as pictures get."""
    hard = noise((512, 512))
    cells = []
    for number in range(20):
        data = result_bundle(result([output(value=hard.rotate(90 * n)) for n in range(1 + number % 4)]))
        shown = nbformat.v4.new_output("display_data", data=data)
        cells.append(nbformat.v4.new_code_cell("comfy.run(wf)", outputs=[shown]))
    path = tmp_path_factory.mktemp("saved") / "twenty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_twenty_results_are_under_ten_megabytes(saved):
    assert saved.stat().st_size < 10_000_000


def test_nbconvert_to_html_shows_all_of_them(saved):
    html, _ = HTMLExporter(template_name="basic").from_filename(str(saved))
    pictures = re.findall(r'<img[^>]+src="data:image/png;base64,([^"]+)"', html)
    assert len(pictures) == 20
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for data in pictures)
