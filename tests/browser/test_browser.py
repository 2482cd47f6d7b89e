"""What a person sees and presses, in a real JupyterLab and Notebook 7 in Chromium."""

from __future__ import annotations

import json
import re
import time
import urllib.request

import pytest

from .lab import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SETUP = f"""
import comfy_notebook as comfy
client = comfy.connect(quiet=True)
txt2img = comfy.Workflow.load({str(ROOT / "notebooks" / "workflows" / "txt2img.json")!r}, nodes=client.nodes)
txt2img["KSampler"].steps = 5
def sleeping(seconds, steps):
    return {{"1": {{"class_type": "TestingSleep", "inputs": {{"seconds": seconds, "steps": steps}}}}}}
def plain(color):
    return {{
        "1": {{
            "class_type": "EmptyImage",
            "inputs": {{"width": 320, "height": 200, "batch_size": 2, "color": color}},
        }},
        "2": {{"class_type": "SaveImage", "inputs": {{"images": ["1", 0], "filename_prefix": "browser"}}}},
    }}
"""
PANELS = """
from comfy_notebook.display import jobs_panel, queue_panel
display(jobs_panel(client), queue_panel(client))
"""
STATIC, CAPTION = {"image/png", "text/plain"}, {"text/html", "text/plain"}


def server_says(server, path):
    request = urllib.request.Request(server.url + path, headers=server.headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as answer:
        return json.load(answer)


def ends(server, job_id, within=3.0):
    """The status of a job, once it is final or the time is over."""
    until = time.monotonic() + within
    while True:
        status = server_says(server, f"/api/job/{job_id}/status")["status"]
        if status not in ("in_progress", "pending") or time.monotonic() > until:
            return status
        time.sleep(0.05)


def job_id(locator):
    text = locator.locator(".cnb-note", has_text="Job ").first.inner_text()
    return re.search(r"[0-9a-f-]{36}", text).group()


def watch_a_run(nb, index):
    """Distinct previews and bar positions seen over two seconds of a running cell."""
    view = nb.output(index)
    view.locator("img.cnb-preview, .cnb-preview img").first.wait_for(timeout=20_000)
    previews, positions = set(), set()
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        previews.add(view.locator("img.cnb-preview, .cnb-preview img").first.get_attribute("src"))
        positions.add(view.locator("[role=progressbar]").last.get_attribute("aria-valuenow"))
        nb.page.wait_for_timeout(60)
    return previews, positions


def test_a_run_is_watched_stopped_by_the_toolbar_and_saved_static(lab, embedded):
    cells = [SETUP, "comfy.run(sleeping(60.0, 600))", "result = comfy.run(plain(0x3366CC))", "1 + 1"]
    with lab.notebook(cells, name="stop.ipynb") as nb:
        nb.run(0)
        nb.done(0)
        nb.run(1)
        previews, positions = watch_a_run(nb, 1)
        assert len(previews) >= 5
        assert len(positions) >= 2
        running = job_id(nb.output(1))
        nb.shot("lab-running", 1)
        nb.interrupt()
        nb.output(1).get_by_text("Cancelled at").wait_for(timeout=5000)
        nb.done(1)
        assert ends(embedded, running, within=1.0) == "cancelled"
        for index in (2, 3):
            nb.run(index)
            nb.done(index)
        nb.output(2).locator("img[src^='data:image/png']").wait_for(timeout=5000)
        nb.shot("lab-static")
        saved = nb.save()
    shown = [output for output in saved.cells[1].outputs if output.output_type == "display_data"]
    assert [set(output.data) for output in shown] == [{"text/plain"}] * 2
    assert [set(output.data) for output in saved.cells[2].outputs] == [STATIC, CAPTION]
    assert not saved.metadata.get("widgets")
    with lab.open("stop.ipynb", kernel=False) as again:
        again.output(2).locator("img[src^='data:image/png']").wait_for(timeout=10_000)
        assert "Error displaying widget" not in again.page.content()
        assert again.page.evaluate("() => document.querySelector('.jp-OutputArea img').naturalWidth") > 300


def test_cancel_in_the_background_and_while_a_cell_blocks(lab, embedded):
    cells = [SETUP, "job = comfy.submit(sleeping(60.0, 602)); job", "comfy.run(sleeping(60.0, 603))"]
    with lab.notebook(cells, name="cancel.ipynb") as nb:
        nb.run(0)
        nb.done(0)
        for index in (1, 2):
            nb.run(index)
            previews, _ = watch_a_run(nb, index)
            assert len(previews) >= 5
            running = job_id(nb.output(index))
            nb.output(index).locator("button", has_text="Cancel").click()
            nb.output(index).get_by_text("Cancelled").first.wait_for(timeout=10_000)
            assert ends(embedded, running) == "cancelled"


def test_a_form_runs_with_another_knob_and_an_upload(lab, tmp_path):
    from PIL import Image

    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "mine.png")
    invert = """
invert = comfy.Workflow({
    "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "form"}},
    "4": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1]}},
    "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "mask"}},
}, nodes=client.nodes)
upload = comfy.form(invert); upload
"""
    cells = [
        SETUP,
        "form = comfy.form(txt2img); form",
        invert,
        "[upload.result['3'].image.getpixel((5, 5)), upload.result['5'].image.convert('L').getbbox()]",
    ]
    with lab.notebook(cells, name="form.ipynb", size=(1100, 1900)) as nb:
        nb.run(0)
        nb.done(0)
        nb.run(1)
        nb.done(1)
        form = nb.output(1)
        seed = form.locator("input[type=text]").first
        pictures = []
        for number in ("11", "12"):
            seed.fill(number)
            seed.press("Tab")
            form.locator("button", has_text="Run").first.click()
            thumbnails = form.locator(".cnb-strip img")
            nb.page.wait_for_function(
                "count => document.querySelectorAll('.cnb-form .cnb-strip img').length >= count",
                arg=len(pictures) + 1,
                timeout=40_000,
            )
            form.locator(".cnb-view").wait_for(state="detached", timeout=20_000)
            pictures.append(thumbnails.first.get_attribute("src"))
            assert form.get_by_text(f"seed {number}").count()
        assert pictures[0] != pictures[1]
        nb.shot("lab-form", 1)

        nb.run(2)
        nb.done(2)
        panel = nb.output(2)
        with nb.page.expect_file_chooser() as chooser:
            panel.locator("button", has_text="Upload").click()
        chooser.value.set_files(str(tmp_path / "mine.png"))
        panel.locator("figure img").first.wait_for(timeout=10_000)
        panel.locator("button", has_text="Paint mask").click()
        canvas = panel.locator("canvas")
        canvas.wait_for(timeout=10_000)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        nb.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
        nb.page.mouse.down()
        nb.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5, steps=5)
        nb.page.mouse.up()
        panel.locator("button", has_text="Run").first.click()
        panel.locator(".cnb-form .cnb-strip img").first.wait_for(timeout=20_000)
        nb.shot("lab-upload", 2)
        nb.run(3)
        nb.done(3)
        numbers = [int(part) for part in re.findall(r"\d+", nb.output(3).inner_text().split("[(")[1])]
        assert all(abs(got - wanted) <= 1 for got, wanted in zip(numbers[:3], (55, 225, 225), strict=True))
        left, top, right, bottom = numbers[3:]
        assert 40 < left < 60
        assert 65 < right <= 90
        assert top > 0
        assert bottom < 60


def test_the_dark_theme_and_a_narrow_window(lab):
    cells = [
        SETUP,
        "comfy.run(txt2img, seed=5)",
        "comfy.form(txt2img)",
        "comfy.compare(*comfy.run(plain(9)).images)",
    ]
    lab.wear("dark")
    try:
        with lab.notebook(cells, name="dark.ipynb", size=(620, 1500)) as nb:
            for index in range(4):
                nb.run(index)
                nb.done(index)
            nb.output(3).locator(".cnb-compare").wait_for(timeout=10_000)
            assert nb.page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
            nb.shot("lab-dark-form", 2)
            nb.shot("lab-dark-compare", 3)
            color = nb.page.evaluate("() => getComputedStyle(document.querySelector('.cnb-group')).color")
            color = [int(part) for part in re.findall(r"\d+", color)]
            assert min(color[:3]) > 150, "text is light on dark"
            wide = nb.page.evaluate("() => document.querySelector('.cnb-form').scrollWidth - innerWidth")
            assert wide <= 0
    finally:
        lab.wear("light")


def test_notebook_7(notebook7, embedded):
    cells = [SETUP, "comfy.run(sleeping(60.0, 604))", "result = comfy.run(plain(0x22AA44))"]
    with notebook7.notebook(cells, name="seven.ipynb") as nb:
        nb.run(0)
        nb.done(0)
        nb.run(1)
        previews, positions = watch_a_run(nb, 1)
        assert len(previews) >= 5
        assert len(positions) >= 2
        running = job_id(nb.output(1))
        nb.shot("notebook7-running")
        nb.interrupt()
        nb.output(1).get_by_text("Cancelled at").wait_for(timeout=5000)
        nb.done(1)
        assert ends(embedded, running, within=1.0) == "cancelled"
        nb.run(2)
        nb.done(2)
        nb.output(2).locator("img[src^='data:image/png']").wait_for(timeout=5000)
        saved = nb.save()
    assert [set(output.data) for output in saved.cells[2].outputs] == [STATIC, CAPTION]


@pytest.mark.parametrize("width", [480, 1100])
def test_by_keyboard_and_screen_reader_with_nothing_wider_than_the_page(lab, width):
    cells = [SETUP, "comfy.form(txt2img)", "comfy.run(plain(7), quiet=True).show()", PANELS]
    with lab.notebook(cells, name=f"keys-{width}.ipynb", size=(width, 1500)) as nb:
        for index in range(4):
            nb.run(index)
            nb.done(index)
        form = nb.output(1)
        for role, name in (
            ("textbox", "KSampler seed"),
            ("textbox", "Positive Prompt text"),
            ("spinbutton", "KSampler steps"),
            ("combobox", "KSampler sampler name"),
            ("button", "Run"),
        ):
            form.get_by_role(role, name=name).wait_for(timeout=5000)
        picture = nb.output(2).get_by_role("checkbox").first
        picture.focus()
        for key, enlarged in (("Enter", True), ("Escape", False), ("Space", True), ("Escape", False)):
            nb.page.keyboard.press(key)
            assert picture.is_checked() == enlarged, key
        nb.output(3).get_by_role("button", name="Load workflow").first.wait_for(timeout=10_000)
        nb.shot(f"lab-keys-{width}")
        wider = nb.page.evaluate(
            """() => [...document.querySelectorAll('.cnb-form, .cnb-panel, .cnb-form *, .cnb-panel *')]
                .filter(e => !e.closest('.cnb-named > label, select') && e.getClientRects().length)
                .filter(e => e.getBoundingClientRect().right >
                    e.closest('.jp-OutputArea').getBoundingClientRect().right + 1)
                .map(e => e.className)"""
        )
        assert wider == []
        cut = nb.page.evaluate(
            """() => [...document.querySelectorAll('.cnb-form button, .cnb-panel button')]
                .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
        )
        assert cut == []
