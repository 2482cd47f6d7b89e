"""Make the pictures of the README: a run in JupyterLab, in light and dark.

python docs/screenshots.py          (needs Chromium and the `test` extra)
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image

from tests.browser.lab import ROOT, Lab, Notebook, browser
from tests.servers import end_server, start_server

STATIC = Path(__file__).parent / "_static"
CONNECT = "import comfy_notebook as comfy\ncomfy.connect(quiet=True);"
CELL = """\
%load_ext comfy_notebook
x = %comfy run txt2img.json --seed 7 \\
    6.text="a boat on the sea at sunset" KSampler.steps=150"""
SIZE = (640, 1000)


def shoot(lab: Lab, theme: str) -> None:
    """Run the cell and keep it twice, side by side: while the sampler works, and when it is done."""
    lab.wear(theme)
    shutil.copy(ROOT / "notebooks" / "workflows" / "txt2img.json", lab.root)
    with lab.notebook([CONNECT, CELL], name=f"boat-{theme}.ipynb", size=SIZE) as nb:
        nb.run(0)
        nb.done(0)
        nb.run(1)
        preview = nb.output(1).locator("img.cnb-preview, .cnb-preview img").first
        preview.wait_for(timeout=30_000)
        bar = nb.output(1).locator("[role=progressbar]").last
        while int(bar.get_attribute("aria-valuenow") or 0) < 45:
            nb.page.wait_for_timeout(20)
        running = picture_of(nb)
        nb.done(1)
        nb.page.wait_for_timeout(300)
        done = picture_of(nb)
    both = Image.new("RGB", (running.width + done.width, running.height), running.getpixel((1, 1)))
    both.paste(running, (0, 0))
    both.paste(done, (running.width, 0))
    both.quantize(256).save(STATIC / f"run-{theme}.png", optimize=True)


def picture_of(nb: Notebook) -> Image.Image:
    """The cell as it is on the page now."""
    return Image.open(io.BytesIO(nb.cell(1).screenshot())).convert("RGB")


def main() -> None:
    STATIC.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        # A server of its own for each: the second would answer from its cache, without previews.
        with tempfile.TemporaryDirectory() as directory:
            server = start_server(Path(directory) / "data", tier="pro")
            env = {"COMFY_BASE_URL": server.url, "COMFY_CLOUD_API_KEY": server.api_key}
            try:
                with browser() as chrome, Lab(chrome, env=env) as lab:
                    shoot(lab, theme)
            finally:
                end_server(server)


if __name__ == "__main__":
    main()
