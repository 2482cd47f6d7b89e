"""The nodes that produce what pictures cannot."""

from __future__ import annotations

import io
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from comfy_notebook.embedded.nodes.base import Ui, exception_type

from .kit import Bench, Cancelled, Folder, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Folder(tmp_path))


def test_sleep_shows_another_picture_each_step_and_hands_on_its_input(bench: Bench) -> None:
    made = run(bench, "TestingSleep", seconds=0.0, steps=12, any="anything")
    assert isinstance(made, Ui)
    assert made.outputs == ("anything",)
    assert bench.steps == [(n, 12) for n in range(1, 13)]
    pictures = [np.asarray(Image.open(io.BytesIO(jpeg))).astype(int) for jpeg in bench.previews]
    for before, after in pairwise(pictures):
        assert np.abs(before - after).mean() > 5


def test_sleep_is_cancelled_within_a_tick(bench: Bench) -> None:
    bench.cancel_after = 1
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(bench, "TestingSleep", seconds=60.0, steps=1)
    assert time.monotonic() - started < 10


def test_sleep_takes_its_time(bench: Bench) -> None:
    started = time.monotonic()
    run(bench, "TestingSleep", seconds=0.12, steps=3)
    assert time.monotonic() - started >= 0.12


@pytest.mark.parametrize("name", ["OOMError", "ModelDownloadError", "RuntimeError"])
def test_raise_is_reported_by_the_name_it_was_given(bench: Bench, name: str) -> None:
    with pytest.raises(Exception, match="no such model") as caught:
        run(bench, "TestingRaise", exception_type=name, message="no such model")
    assert exception_type(caught.value) == name


def test_text_is_shown_while_running_and_at_the_end(bench: Bench) -> None:
    made = run(bench, "TestingText", text="hëllo ✓")
    assert bench.texts == ["hëllo ✓"]
    assert (made.ui, made.outputs) == ({"text": ["hëllo ✓"]}, ("hëllo ✓",))


def test_an_unknown_output_holds_files(bench: Bench) -> None:
    made = run(bench, "TestingUnknownOutput", text="beam")
    assert made.ui["holograms"] == [
        {"filename": "unknown_00001_.xyz", "subfolder": "testing", "type": "output"}
    ]
    assert list(bench.saved.values()) == [b"beam"]
