"""The page does not move while a job runs, and says afterwards what was run."""

from __future__ import annotations

from typing import Any

import pytest

from .lab import Lab
from .test_browser import SETUP

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

OBSERVE = """() => {
    window.shifts = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries())
            if (!entry.hadRecentInput)
                window.shifts.push([entry.value, entry.sources.map(s => s.node?.className)]);
    }).observe({type: 'layout-shift'});
}"""
SHIFT = "() => window.shifts.reduce((sum, [value]) => sum + value, 0)"


def rectangle(nb: Any, selector: str, index: int) -> dict[str, float]:
    """Where the first such element of a cell's output is, in pixels from the output's corner."""
    corner = nb.output(index).bounding_box()
    box = nb.output(index).locator(selector).first.bounding_box()
    return {
        "x": box["x"] - corner["x"],
        "y": box["y"] - corner["y"],
        "width": box["width"],
        "height": box["height"],
    }


def test_a_run_keeps_its_place(lab: Lab) -> None:
    run = "txt2img['KSampler'].steps = 60; result = comfy.run(txt2img, seed=11)"
    cells = [SETUP, run, "1 + 1", "2 + 2"]
    with lab.notebook(cells, name="still.ipynb") as nb:
        nb.run(0)
        nb.done(0)
        nb.page.wait_for_timeout(600)
        nb.run(1)
        nb.output(1).locator(".cnb-run").first.wait_for(timeout=20_000)
        nb.page.evaluate(OBSERVE)
        nb.output(1).locator("img.cnb-preview, .cnb-preview img").first.wait_for(timeout=20_000)
        nb.page.wait_for_timeout(600)
        before = rectangle(nb, "img.cnb-preview, .cnb-preview img", 1)
        nb.shot("still-running", 1)
        nb.done(1)
        nb.output(1).locator("img[src^='data:image/png']").first.wait_for(timeout=5000)
        nb.page.wait_for_timeout(600)
        after = rectangle(nb, "img[src^='data:image/png']", 1)
        nb.shot("still-done", 1)
        shifts = nb.page.evaluate("() => window.shifts")
        moved = nb.page.evaluate(SHIFT)
    print(f"shift of a run {moved:.4f} {shifts}\nbefore {before}\nafter  {after}")
    assert moved < 0.02
    assert after == pytest.approx(before, abs=2)


def test_a_form_keeps_its_place_and_states_its_settings_without_widgets(lab: Lab) -> None:
    cells = [SETUP, "txt2img['KSampler'].steps = 30; form = comfy.form(txt2img); form", "1 + 1"]
    with lab.notebook(cells, name="still-form.ipynb", size=(1100, 1900)) as nb:
        nb.run(0)
        nb.done(0)
        nb.run(1)
        nb.done(1)
        form = nb.output(1)
        form.get_by_role("spinbutton", name="KSampler steps").wait_for(timeout=10_000)
        form.get_by_role("button", name="Run").click()
        done = form.locator(".cnb-caption .cnb-line", has_text="steps")
        done.wait_for(timeout=30_000)
        nb.page.wait_for_timeout(600)
        nb.page.evaluate(OBSERVE)
        form.get_by_role("textbox", name="KSampler seed").fill("77")
        form.get_by_role("button", name="Run").click()
        form.locator(".cnb-run").first.wait_for(timeout=10_000)
        nb.shot("still-form-running", 1)
        form.locator(".cnb-caption .cnb-line", has_text="seed 77").wait_for(timeout=30_000)
        nb.page.wait_for_timeout(600)
        moved, shifts = nb.page.evaluate(SHIFT), nb.page.evaluate("() => window.shifts")
        assert not form.locator(".cnb-settings").is_visible()
        nb.shot("still-form-done", 1)
        saved = nb.save()
    print(f"shift of a form's run {moved:.4f} {shifts}")
    assert moved < 0.02
    assert not saved.metadata.get("widgets")
    lab.end_kernels()
    with lab.open("still-form.ipynb", size=(1100, 1900)) as again:
        again.output(1).locator("img[src^='data:image/png']").wait_for(timeout=10_000)
        again.page.wait_for_timeout(1500)
        again.shot("still-form-reopened", 1)
        table = again.output(1).locator(".cnb-settings")
        assert table.is_visible()
        assert "77" in table.inner_text()
        for text in ("model not found", "Loading widget"):
            assert not again.output(1).get_by_text(text).locator("visible=true").count()
