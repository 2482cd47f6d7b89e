"""The size of a picture on the page, before it is made and after."""

from __future__ import annotations

import pytest

from comfy_notebook.display.options import Options
from comfy_notebook.display.results.expected import expected_sizes, has_pictures, shown_size
from comfy_notebook.display.results.picture import contact_sheet, sheet_columns, sheet_size
from comfy_notebook.display.results.shown import picture_size

from .graphs import TXT2IMG
from .runs import output, picture, result


def graph(**changes):
    return {**TXT2IMG, "5": {**TXT2IMG["5"], "inputs": {**TXT2IMG["5"]["inputs"], **changes}}}


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [({}, [(512, 512)]), ({"width": 768, "batch_size": 3}, [(768, 512)] * 3), ({"width": ["1", 0]}, [])],
)
def test_the_size_of_the_pictures_is_read_from_the_graph(changes, sizes):
    assert expected_sizes(graph(**changes)) == sizes


@pytest.mark.parametrize("class_type", ["ImageScaleBy", "LoadImage", "ImageUpscaleWithModel"])
def test_a_size_that_another_node_decides_is_not_guessed(class_type):
    changed = {**graph(), "8": {"class_type": class_type, "inputs": {"image": ["3", 0]}}}
    assert expected_sizes(changed) == []
    assert has_pictures(changed)


def test_a_loop_of_links_ends():
    looped = {**graph(), "3": {"class_type": "KSampler", "inputs": {"latent_image": ["8", 0]}}}
    assert expected_sizes(looped) == []


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_place_and_the_picture_have_the_same_size(count):
    expected = shown_size([(1024, 768)] * count, Options())
    made = result([output(value=picture(size=(1024, 768))) for _ in range(count)])
    assert picture_size(made) == expected


@pytest.mark.parametrize("sizes", [[(64, 48), (48, 64)], [(2000, 100)] * 3, [(30, 900)] * 7])
def test_a_sheet_is_as_large_as_foretold(sizes):
    columns, width = sheet_columns(len(sizes), 512)
    images = [picture(size=size) for size in sizes]
    sheet = contact_sheet(images, ["a"] * len(sizes), columns=columns, width=width)
    assert sheet.size == sheet_size(sizes, columns, width)
