"""Static bundles: one picture, several, none; text, media, files; hostile and failed ones."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from comfy_notebook.display import compare
from comfy_notebook.display.options import Options
from comfy_notebook.display.results import bundle, picture
from comfy_notebook.display.results.bundle import error_bundle
from comfy_notebook.display.results.gallery import _KEYS, show
from comfy_notebook.display.results.result import result_bundle
from comfy_notebook.display.static import text
from comfy_notebook.errors import ComfyError, DownloadFailed, Problem
from comfy_notebook.jobs.follow.verdict import failure
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.messages import ExecutionError
from comfy_notebook.protocol.status import JobStatus
from comfy_notebook.text import escape, printable, safe_link

from .runs import output, result
from .runs import picture as small

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202egnp.exe\x00\x1b[31m"


def noise(size: tuple[int, int] = (1024, 1024), mode: str = "RGB") -> Image.Image:
    """Worse than any photograph: PNG cannot make noise smaller."""
    return Image.merge(mode, [Image.effect_noise(size, 90) for _ in mode])


def scripts(html: str) -> list[str]:
    """What in the page could run, other than the gallery's own handlers, word for word."""
    found = []
    ours = {text("copy.js").strip(), _KEYS}

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend([tag] if tag in ("script", "iframe", "object", "embed") else [])
            found.extend(
                f"{tag}.{name}" for name, value in attrs if name.startswith("on") and value not in ours
            )
            found.extend(value for name, value in attrs if name in ("href", "src") and value[:5] != "data:")

    Reader().feed(html)
    return found


def opened(data: dict) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data["image/png"])))


def test_one_picture_is_a_png_and_a_line():
    data = result_bundle(result([output(value=small(size=(300, 200)))]))
    assert sorted(data) == ["image/png", "text/plain"]
    assert opened(data).size == (300, 200)
    assert "1 image" in data["text/plain"]
    assert "job f84ef51b" in data["text/plain"]


def test_several_pictures_are_one_contact_sheet():
    data = result_bundle(result([output(value=small(color)) for color in ("red", "blue", "lime")]))
    assert sorted(data) == ["image/png", "text/plain"]
    sheet = opened(data).convert("RGBA")
    assert sheet.width > 3 * sheet.height
    centres = [sheet.getpixel((int(sheet.width * (n + 0.5) / 3), 24))[:3] for n in range(3)]
    assert centres == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]


def test_include_and_exclude_are_honoured():
    made = result([output()])
    assert list(bundle.result_bundle(made, include=["text/plain"])) == ["text/plain"]
    assert list(bundle.result_bundle(made, exclude=["image/png"])) == ["text/plain"]


def test_twenty_results_fit_a_notebook_of_ten_megabytes():
    worst = result_bundle(result([output(value=noise())]))
    sheet = result_bundle(result([output(value=noise((512, 512))) for _ in range(4)]))
    assert 20 * len(json.dumps(worst)) < 10_000_000
    assert 20 * len(json.dumps(sheet)) < 10_000_000
    assert max(opened(worst).size) >= 256


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16", "I", "F", "CMYK"])
def test_every_mode_a_server_may_save_is_drawn(mode):
    image = Image.new("L", (40, 30), 128).convert("I" if mode == "I;16" else mode)
    image = image.convert(mode) if mode == "I;16" else image
    found = Image.open(io.BytesIO(picture.fitted(image)))
    assert found.size == (40, 30)
    assert found.mode in ("L", "LA", "RGB", "RGBA")


@given(st.integers(1, 900), st.integers(1, 900), st.integers(16, 600))
def test_scaling_keeps_the_shape_and_never_enlarges(width, height, limit):
    found = picture.scaled(Image.new("L", (width, height)), limit)
    assert max(found.size) <= max(min(max(width, height), limit), 1)
    assert abs(found.width / found.height - width / height) <= max(width, height) / min(found.size)


def test_a_failed_download_is_a_failed_tile_and_the_rest_is_intact():
    broken = output(filename="b.png", error=DownloadFailed("connection reset"))
    data = result_bundle(result([output(value=small("red")), broken]))
    assert "1 not downloaded" in data["text/plain"]
    assert opened(data).convert("RGBA").getpixel((128, 24))[:3] == (255, 0, 0)
    assert "not downloaded" in bundle.output_bundle(broken)["text/plain"]


def test_bytes_no_decoder_takes_do_not_cost_the_other_pictures():
    assert "image/png" in result_bundle(result([output(data=b"\x89PNG\r\n\x1a\nnope"), output()]))


def test_text_and_files_are_html_that_holds_the_picture_too():
    outputs = [output(), output("text", "a hill"), output("file", b"12", filename="m.glb")]
    data = result_bundle(result(outputs))
    assert sorted(data) == ["image/png", "text/html", "text/plain"]
    assert data["image/png"] in data["text/html"]
    assert "a hill" in data["text/html"]
    assert "a hill" in data["text/plain"]
    assert "http" not in data["text/html"]


def test_players_hold_what_fits_and_name_what_does_not():
    small_one = output("video", b"x" * 1000, filename="v.mp4", mime="video/mp4")
    large = output("audio", b"x" * 3_000_000, filename="a.flac", mime="audio/flac")
    html = result_bundle(result([small_one, large]))["text/html"]
    assert '<video controls preload="metadata"' in html
    assert "<audio" not in html
    assert "a.flac (3.0 MB) is too large for the page" in html
    assert len(html) < Options().embed_bytes


def test_a_media_type_the_server_made_up_is_not_believed():
    made = output("video", b"<script>", filename="x", mime='text/html"><script>alert(1)</script>')
    html = result_bundle(result([made]))["text/html"]
    assert "application/octet-stream" in html
    assert "<script" not in html


def test_hostile_names_and_texts_are_inert_and_cut():
    outputs = [
        output(node_title=HOSTILE, filename=HOSTILE),
        output(node_title=HOSTILE, filename=HOSTILE),
        output("text", HOSTILE + "x" * 2_000_000, node_title=HOSTILE),
        output("file", b"1", filename=HOSTILE, node_title=HOSTILE),
        output("audio", filename=HOSTILE, error=ComfyError(HOSTILE)),
    ]
    made = result(outputs, job_id=HOSTILE)
    for data in (result_bundle(made), show(made)._repr_mimebundle_()):
        html = data["text/html"]
        assert scripts(html) == []
        assert "\u202e" not in html + data["text/plain"]
        assert "\x1b" not in html + data["text/plain"]
        assert len(html) < 1_000_000
        assert len(data["text/plain"]) < 20_000


@given(st.text(max_size=300))
def test_no_text_escapes_its_element(text):
    html = escape(text, 200)
    assert "<" not in html
    assert '"' not in html
    assert len(printable(text, 50)) <= 50


def test_only_web_addresses_are_links():
    assert safe_link("https://example.org/a?b=1&c=2") == "https://example.org/a?b=1&amp;c=2"
    for bad in ("javascript:alert(1)", " JaVaScRiPt:alert(1)", "data:text/html,x", "//host/x", "http://[bad"):
        assert safe_link(bad) is None


def test_gallery_has_a_cell_a_picture_and_one_png_for_plain_viewers():
    data = show(result([output() for _ in range(3)]), columns=3, width=128)._repr_mimebundle_()
    assert data["text/html"].count("<figure") == 3
    assert "repeat(3, minmax(0, 128px))" in data["text/html"]
    assert sorted(data) == ["image/png", "text/html", "text/plain"]
    with pytest.raises(ValueError, match="columns"):
        show(result([]), columns=0)


def test_deterministic_text_holds_no_ids_and_no_times(monkeypatch):
    monkeypatch.setenv("COMFY_NOTEBOOK_LIVE", "0")
    assert result_bundle(result([output()]))["text/plain"] == "Result(1 image)"
    assert bundle.ended_bundle(JobState(status=JobStatus.cancelled), "some-id")["text/plain"] == "Cancelled."


def test_the_sheet_of_a_long_sweep_keeps_within_a_cell():
    from comfy_notebook.display import sweep_png

    pixels = sweep_png([noise((300, 300))] * 100, [f"seed {n}" for n in range(100)])
    assert len(pixels) < 2_000_000
    with Image.open(io.BytesIO(base64.b64decode(pixels))) as sheet:
        assert max(sheet.size) > 1000


@pytest.mark.parametrize(
    ("titles", "where"),
    [({"3": "KSampler"}, "KSampler (node 3)"), ({"3": "Second pass"}, "Second pass (KSampler, node 3)")],
)
def test_a_card_names_the_failed_node_once(titles, where):
    raised = ExecutionError(
        node_id="3", node_type="KSampler", exception_message="no latent", exception_type="builtins.ValueError"
    )
    error = failure("job", None, JobState(titles=titles, error=raised))
    bundle = error_bundle(error)
    assert bundle["text/plain"] == f"JobFailed at {where}: no latent"
    assert bundle["text/html"].count(where) == 1
    assert bundle["text/html"].count("KSampler") == 1
    assert str(error) == f"{where} failed: ValueError: no latent"


def test_compare_has_the_first_picture_left_and_the_second_right():
    html = compare(small("red"), small("blue"), labels=("cfg 4", "cfg 8")).html()
    ends = html.split('class="cnb-ends">')[1]
    assert ends.index("cfg 4") < ends.index("cfg 8")
    assert "clip-path: inset(0 0 0 var(--cnb-at))" in html, "the second is cut off left of the handle"
    assert 'aria-label="how much of cfg 4"' in html


def animation(kind: str, size: tuple[int, int] = (16, 16)) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", size, color) for color in ("red", "lime", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "mime"), [("WEBP", "image/webp"), ("PNG", "image/png")])
def test_an_animated_picture_plays(kind: str, mime: str) -> None:
    encoded = animation(kind)
    animated = output("image", data=encoded, mime=mime, animated=True, filename=f"a.{kind.lower()}")
    drawn = result_bundle(result([animated]))
    assert f"data:{mime};base64,{base64.b64encode(encoded).decode()}" in drawn["text/html"]
    assert drawn["text/html"].count("<img") == 1, "the still is not shown beside it"
    assert opened(drawn).size == (16, 16), "viewers of pictures alone have the first frame"
    assert "<img" in bundle.output_bundle(animated)["text/html"]
    page = show(result([animated, output()]))._repr_mimebundle_()["text/html"]
    assert f"data:{mime};base64,{base64.b64encode(encoded).decode()}" in page


def test_an_animation_too_large_for_the_page_is_named() -> None:
    animated = output("image", data=animation("WEBP") + bytes(60_000_000), animated=True)
    assert "too large for the page" in result_bundle(result([animated]))["text/html"]


def test_previews_are_not_shown_beside_saved_pictures() -> None:
    temp = output(value=small("red", size=(8, 8)), type="temp", filename="t.png")
    both = result_bundle(result([temp, output(value=small(size=(30, 20)))]))
    assert opened(both).size == (30, 20)
    assert both["text/plain"].startswith("Result(1 image,")
    assert result_bundle(result([temp]))["text/plain"].startswith("Result(1 preview image,")


def test_a_problem_of_a_completed_job_is_shown() -> None:
    problem = Problem("no <mask> connected", node_id="3", node_title="Preview", severity="warning")
    found = result([output()])
    found.problems.append(problem)
    drawn = result_bundle(found)
    assert "no &lt;mask&gt; connected" in drawn["text/html"]
    assert "  ! Preview (node 3): no <mask> connected" in drawn["text/plain"]
