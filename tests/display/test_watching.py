"""The blocking view, against jobs replayed from recorded events and a shell that captures displays."""

from __future__ import annotations

import pytest
from IPython import get_ipython

from comfy_notebook.display.frontend import Frontend
from comfy_notebook.display.live import watch as watching
from comfy_notebook.errors import JobFailed

from .fakes import FakeJob, FakeOutput, recorded

LIVE = Frontend("kernel", "jupyter", live=True, text=False)
STATIC = Frontend("kernel", "unknown", live=False, text=False, deterministic=True)


@pytest.fixture
def page(monkeypatch, shell):
    """Everything displayed, as `(bundle, transient, is_update)`."""
    published = []

    def publish(data, metadata=None, *, transient=None, update=False, **_):
        published.append((data, transient or {}, update))

    monkeypatch.setattr(shell.display_pub, "publish", publish)
    return published


def widgets_open() -> int:
    import ipywidgets

    return len(ipywidgets.widget._instances)


def show_as(monkeypatch, frontend: Frontend) -> None:
    for module in ("live.watch", "results.bundle"):
        monkeypatch.setattr(f"comfy_notebook.display.{module}.detect", lambda: frontend)


def test_one_slot_live_then_static(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    before = widgets_open()
    job = FakeJob(recorded("txt2img"), outputs=[FakeOutput()])
    result = watching.watch(job)
    first, last = page[0], page[-1]
    assert len(page) == 2
    assert "application/vnd.jupyter.widget-view+json" in first[0]
    assert job.id in first[0]["text/plain"]
    assert last[2]
    assert last[1]["display_id"] == first[1]["display_id"]
    assert sorted(last[0]) == ["image/png", "text/plain"]
    assert result.outputs
    assert widgets_open() == before


def test_static_mode_displays_once_without_ids_or_times(page, monkeypatch):
    show_as(monkeypatch, STATIC)
    watching.watch(FakeJob(recorded("txt2img"), outputs=[FakeOutput()]))
    (bundle, transient, update) = page[0]
    assert len(page) == 1
    assert not update
    assert not transient
    assert bundle["text/plain"] == "Result(1 image)"


def test_interrupt_cancels_this_job_once_and_leaves_a_line(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    before = widgets_open()
    job = FakeJob(recorded("txt2img"), interrupt_after=12)
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert job.cancelled == 1
    assert list(page[-1][0]) == ["text/plain"]
    assert page[-1][0]["text/plain"].startswith("Cancelled at KSampler")
    assert widgets_open() == before


def test_a_second_interrupt_while_cancelling_still_ends_static(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    job = FakeJob(recorded("txt2img"), interrupt_after=12)

    def interrupted() -> None:
        raise KeyboardInterrupt

    job.cancel_soon = interrupted
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert page[-1][0]["text/plain"].startswith("Cancelled")


def test_a_failure_leaves_the_node_the_message_and_a_folded_traceback(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    error = JobFailed(
        "expected 4 channels <b>but</b> got 16",
        node_id="3",
        node_title="VAE Decode",
        exception_type="RuntimeError",
        traceback="File a.py, line 1",
        hint="Use a latent of the model's own kind.",
    )
    with pytest.raises(JobFailed) as raised:
        watching.watch(FakeJob(recorded("error"), fail=error))
    html = page[-1][0]["text/html"]
    assert "Failed at VAE Decode (node 3)" in html
    assert "&lt;b&gt;but&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<details><summary>Traceback" in html
    assert "Use a latent" not in html, "IPython prints the hint below the card"
    assert raised.value._render_traceback_()[0].endswith("Use a latent of the model's own kind.")


def test_a_corrupt_frame_is_skipped_and_the_rest_drawn(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    from comfy_notebook.display.live.view import LiveView
    from comfy_notebook.protocol.frames import PreviewImage

    good = next(event for _, event in recorded("txt2img") if isinstance(event, PreviewImage))
    job = FakeJob(titles={"3": "KSampler"})
    view = LiveView(cancel=job.cancel)
    state = job.state.after(PreviewImage(b"\xff\xd8\xff broken", node_id="3"), 1.0)
    view.paint(state)
    assert view._images == {}
    view.paint(state.after(PreviewImage(good.image, node_id="3"), 2.0))
    assert view._images["3"].value == good.image
    view.paint(state.after(PreviewImage(good.image[:100], node_id="3"), 3.0))
    assert view._images["3"].value == good.image
    view.close()


def test_quiet_draws_nothing(page, monkeypatch):
    show_as(monkeypatch, LIVE)
    assert watching.watch(FakeJob(recorded("txt2img"), outputs=[FakeOutput()]), quiet=True).outputs
    assert page == []


def test_the_cell_that_ran_it_shows_its_value_as_one_line(page, monkeypatch):
    from comfy_notebook.display.results.result import result_bundle

    show_as(monkeypatch, LIVE)
    result = watching.watch(FakeJob(recorded("txt2img"), outputs=[FakeOutput()]))
    assert list(result_bundle(result)) == ["text/plain"]
    get_ipython().execution_count += 1
    assert sorted(result_bundle(result)) == ["image/png", "text/plain"]


def test_an_interrupt_while_the_widgets_are_made_leaves_none_and_cancels(page, monkeypatch):
    import signal

    from comfy_notebook.display.live import view as live

    show_as(monkeypatch, LIVE)
    made = live.style
    monkeypatch.setattr(live, "style", lambda *names: (signal.raise_signal(signal.SIGINT), made(*names))[1])
    before = widgets_open()
    job = FakeJob(recorded("txt2img"))
    with pytest.raises(KeyboardInterrupt):
        watching.watch(job)
    assert job.cancelled == 1
    assert widgets_open() == before
    assert list(page[-1][0]) == ["text/plain"]


def test_a_time_out_says_that_the_job_goes_on(page, monkeypatch):
    from comfy_notebook.errors import JobTimeout

    show_as(monkeypatch, LIVE)
    with pytest.raises(JobTimeout):
        watching.watch(FakeJob(recorded("txt2img")[:12], fail=JobTimeout("not within 1 s")))
    assert "goes on" in page[-1][0]["text/plain"]
