"""The blocking view, against jobs replayed from recorded events and a shell that captures displays."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace

import pytest
from IPython import get_ipython

from comfy_notebook.display.frontend import Frontend
from comfy_notebook.display.live import watch as watching
from comfy_notebook.display.live.slots import MIMETYPE
from comfy_notebook.display.live.view import LiveView
from comfy_notebook.display.results.result import display_result
from comfy_notebook.errors import JobFailed, JobTimeout, OutOfMemory
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.protocol.messages import ExecutionError

from .runs import done, play, recorded

LIVE = Frontend("kernel", "jupyter", live=True, text=False)
STATIC = Frontend("kernel", "unknown", live=False, text=False, deterministic=True)


class Page:
    """What is displayed: `places` as `(bundle, metadata)`, and `first`, the bundle each began with."""

    def __init__(self):
        self.first, self._places, self._anonymous = [], {}, itertools.count()

    @property
    def places(self):
        return list(self._places.values())

    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        key = (transient or {}).get("display_id") or next(self._anonymous)
        assert update == (key in self._places), "an update of something that is on the page"
        if not update:
            self.first.append(data)
        self._places[key] = (data, metadata or {})

    @property
    def shown(self):
        """The bundle of the first place: a picture, a card or text."""
        return self.places[0][0]


@pytest.fixture
def page(monkeypatch, shell):
    page = Page()
    monkeypatch.setattr(shell.display_pub, "publish", page.publish)
    return page


def widgets_open() -> int:
    import ipywidgets

    return len(ipywidgets.widget._instances)


def show_as(monkeypatch, frontend: Frontend) -> None:
    for module in ("live.watch", "results.bundle", "results.shown"):
        monkeypatch.setattr(f"comfy_notebook.display.{module}.detect", lambda: frontend)


def test_one_slot_live_then_static(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    before = widgets_open()
    job = done()
    result = watching.watch(job)
    assert [MIMETYPE in data for data in page.first] == [True, True]
    assert job.id in page.first[1]["text/plain"]
    (picture, size), (caption, kept) = page.places
    assert sorted(picture) == ["image/png", "text/plain"]
    assert size["image/png"] == {"width": 64, "height": 48}
    assert kept["comfy_notebook"] == {"job_id": job.id}
    assert sorted(caption) == ["text/html", "text/plain"]
    assert result.outputs
    assert widgets_open() == before


def test_the_caption_says_what_was_run(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    result = watching.watch(done())
    lines = page.places[1][0]["text/plain"].splitlines()
    assert lines[0] == "SaveImage · 64×48"
    assert "20 steps" in lines[1]
    assert lines[2] == f"Job {result.job_id}"


def test_a_result_shown_again_has_its_caption(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    display_result(done().result())
    assert ["image/png" in data for data, _ in page.places] == [True, False]
    assert "SaveImage · 64×48" in page.places[1][0]["text/plain"]


def test_static_mode_displays_once_without_ids_or_times(page, monkeypatch):
    show_as(monkeypatch, STATIC)
    watching.watch(done())
    assert [data["text/plain"] for data, _ in page.places] == ["Result(1 image)"]


@pytest.fixture
def interrupted_paint(monkeypatch):
    """An interrupt of the kernel while the view paints the job for the second time."""
    painted = []
    paint = LiveView.paint

    def interrupt(self, *args):
        paint(self, *args)
        painted.append(args)
        if len(painted) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LiveView, "paint", interrupt)


def test_interrupt_cancels_this_job_once_and_leaves_a_line(page, monkeypatch, interrupted_paint):
    show_as(monkeypatch, LIVE)
    before = widgets_open()
    job, server = play(recorded("txt2img")[:12])
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert server.cancelled == 1
    assert [list(data) for data, _ in page.places] == [["text/plain"]] * 2
    assert page.shown["text/plain"].startswith("Cancelled at KSampler")
    assert widgets_open() == before


def test_a_second_interrupt_while_cancelling_still_ends_static(page, monkeypatch, interrupted_paint):
    show_as(monkeypatch, LIVE)
    job, _ = play(recorded("txt2img")[:12])
    monkeypatch.setattr(job, "cancel_soon", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert page.shown["text/plain"].startswith("Cancelled")


@pytest.mark.parametrize(
    ("title", "where"),
    [("KSampler", "KSampler (node 3)"), ("Second pass", "Second pass (KSampler, node 3)")],
)
def test_a_failure_leaves_the_node_the_message_and_a_folded_traceback(page, monkeypatch, title, where):
    """The message is the server's own; the error is composed as it is in a run."""
    show_as(monkeypatch, LIVE)
    job, _ = play(failed(), titles={"3": title})
    with pytest.raises(JobFailed) as raised:
        watching.watch(job)
    shown = page.shown
    html = shown["text/html"]
    assert html.count(f"Failed at {where}") == 1
    assert html.count(title) == 1
    assert shown["text/plain"].count(title) == 1
    assert "expected 4 channels &lt;b&gt;but&lt;/b&gt; got 16" in html
    assert "<b>" not in html
    assert "<details><summary>Traceback" in html
    assert raised.value._render_traceback_()[0].count("expected 4 channels") == 1


def test_the_hint_of_a_failure_is_left_to_the_line_below_the_card(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    job, _ = play(failed("OutOfMemoryError"))
    with pytest.raises(OutOfMemory) as raised:
        watching.watch(job)
    assert raised.value.hint
    assert raised.value.hint not in page.shown["text/html"]
    assert raised.value.hint in raised.value._render_traceback_()[0]


def failed(exception_type="RuntimeError"):
    """A recorded failure with another message, which holds markup."""
    for at, event in recorded("error"):
        if isinstance(event, ExecutionError):
            event = replace(
                event,
                node_id="3",
                node_type="KSampler",
                exception_message="expected 4 channels <b>but</b> got 16",
                exception_type=exception_type,
                traceback=["File a.py, line 1"],
            )
        yield at, event


def test_a_corrupt_frame_is_skipped_and_the_rest_drawn(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    good = next(event for _, event in recorded("txt2img") if isinstance(event, PreviewImage))
    view = LiveView(cancel=lambda: None)
    state = JobState(titles={"3": "KSampler"}).after(PreviewImage(b"\xff\xd8\xff broken", node_id="3"), 1.0)
    view.paint(state)
    assert view._image is None
    view.paint(state.after(PreviewImage(good.image, node_id="3"), 2.0))
    assert view._image.value == good.image
    view.paint(state.after(PreviewImage(good.image[:100], node_id="3"), 3.0))
    assert view._image.value == good.image
    view.close()


def test_quiet_draws_nothing(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    assert watching.watch(done(), quiet=True).outputs
    assert page.places == []


def test_the_cell_that_ran_it_shows_its_value_as_one_line(page, monkeypatch):
    from comfy_notebook.display.results.result import result_bundle

    show_as(monkeypatch, LIVE)
    result = watching.watch(done())
    assert list(result_bundle(result)) == ["text/plain"]
    get_ipython().execution_count += 1
    assert sorted(result_bundle(result)) == ["image/png", "text/plain"]


def test_an_interrupt_while_the_widgets_are_made_leaves_none_and_cancels(page, monkeypatch):
    from comfy_notebook.display.live import view as live

    show_as(monkeypatch, LIVE)
    made = live.style
    monkeypatch.setattr(live, "style", lambda *names: (signal.raise_signal(signal.SIGINT), made(*names))[1])
    before = widgets_open()
    job, server = play(recorded("txt2img")[:12])
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert server.cancelled == 1
    assert widgets_open() == before
    assert all(list(data) == ["text/plain"] for data, _ in page.places)


def test_a_timeout_says_that_the_job_continues(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    with pytest.raises(JobTimeout):
        watching.watch(play(recorded("txt2img")[:12])[0], timeout=0.3)
    assert "the job continues" in page.shown["text/plain"]


def test_a_timeout_that_cancels_says_so_and_not_that_the_job_continues(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    job, server = play(recorded("txt2img")[:12])
    with pytest.raises(JobTimeout, match="it was cancelled") as raised:
        watching.watch(job, timeout=0.3, cancel=True)
    job.wait(5)
    assert server.cancelled == 1
    said = page.shown["text/plain"] + str(raised.value) + raised.value.hint
    assert "continues" not in said
