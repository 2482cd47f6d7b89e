"""Live views and lists: what is sent, when, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from comfy_notebook.display import _compat
from comfy_notebook.display.frontend import Frontend
from comfy_notebook.display.live import many
from comfy_notebook.display.live import view as live
from comfy_notebook.display.live.background import follow
from comfy_notebook.errors import ComfyError
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.protocol.status import JobStatus

from .runs import done, output, play, recorded

TITLES = {"3": "KSampler", "5": "Empty Latent", "8": "VAE Decode", "9": "Save Image"}


def frame(n: int, node: str = "3") -> PreviewImage:
    return PreviewImage(b"\xff\xd8\xff" + bytes([n]) * 50 + b"\xff\xd9", node_id=node)


class Slots:
    def __init__(self):
        self.bundles = []

    def show(self, shown):
        self.bundles.append(shown.bundle)


@pytest.fixture
def view():
    made = live.LiveView(cancel=lambda: None, clock=lambda: 10.0)
    yield made
    made.close()


def sent(widget, monkeypatch):
    messages = []
    monkeypatch.setattr(type(widget), "send_state", lambda self, key=None: messages.append((self, key)))
    return messages


def test_the_same_state_costs_nothing_and_a_paint_is_one_message_a_widget(view, monkeypatch):
    state = JobState(titles=TITLES, status=JobStatus.in_progress, node="3", started_at=1.0)
    view.paint(state.after(frame(1), 2.0))
    image = view._image
    messages = sent(image, monkeypatch)
    later = state.after(frame(1), 2.0).after(frame(2), 2.1)
    view.paint(later)
    view.paint(later)
    assert len([m for m in messages if m[0] is image]) == 1


def test_frames_are_the_bytes_of_the_wire_and_only_the_newest_is_shown(view):
    state = JobState(titles=TITLES, status=JobStatus.in_progress)
    for n in range(6):
        state = state.after(frame(n, node=str(n)), float(n))
        view.paint(state)
    assert view._image.value == frame(5, "5").image
    assert len(view.stage.children) == 2


def test_the_place_of_the_picture_has_its_size_from_the_start():
    view = live.LiveView(cancel=lambda: None, size=(512, 384))
    assert "width:512px;max-width:100%;aspect-ratio:512/384" in view._place.value
    place = view._place.value
    view.paint(JobState(titles=TITLES, status=JobStatus.in_progress).after(frame(1), 1.0))
    assert view._place.value == place
    view.close()


def test_the_bars_never_come_and_go():
    states = [JobState(titles=TITLES)]
    for at, event in recorded("txt2img"):
        states.append(states[-1].after(event, at))
    assert {live.words_html(state, 1.0).count("progressbar") for state in states} == {2}


def test_words_escape_titles_and_texts_of_the_server():
    state = JobState(
        titles={"3": "<b>KSampler</b>"}, status=JobStatus.in_progress, node="3", texts={"3": "<i>x</i>\u202e"}
    )
    html = live.words_html(state, 1.0)
    assert "<b>" not in html
    assert "<i>x" not in html
    assert "\u202e" not in html
    assert "&lt;b&gt;KSampler" in html


def test_the_bar_moves_through_a_recorded_run():
    state, seen = JobState(titles=TITLES), []
    for at, event in recorded("txt2img"):
        state = state.after(event, at)
        seen.append(live.words_html(state, at))
    values = [html.split('aria-valuenow="')[1].split('"')[0] for html in seen]
    assert len(set(values)) > 10
    assert values[-1] == "100"
    assert any("12/20" in html for html in seen)


def test_queue_position_while_pending():
    assert "Queued, number 3" in live.words_html(JobState(queue_position=3), 1.0)


def test_finished_outputs_appear_while_it_runs(view):
    state = JobState(titles=TITLES, status=JobStatus.in_progress)
    view.paint(state, [output(data=None, filename="a.png")])
    assert "a.png" in view._tiles.value
    assert "<img" not in view._tiles.value
    view.paint(state, [output(), output("text", "done <b>")])
    assert "data:image/jpeg" in view._tiles.value
    assert "<b>" not in view._tiles.value


def test_cancel_asks_once_and_says_when_it_could_not():
    asked = []
    view = live.LiveView(cancel=lambda: asked.append(1))
    view.button.click()
    assert asked == [1]
    assert view.button.disabled

    def refused():
        raise ComfyError("The server cannot be reached.")

    other = live.LiveView(cancel=refused)
    other.button.click()
    assert not other.button.disabled
    assert "cannot be reached" in other.button.tooltip


def test_a_closed_view_paints_nothing(view, monkeypatch):
    view.close()
    monkeypatch.setattr(live, "words_html", lambda *_: pytest.fail("drawn"))
    view.paint(JobState(status=JobStatus.in_progress))


def test_a_button_may_be_answered_while_a_cell_blocks():
    class Comm:
        def _reply_subshell_for(self, data, default):
            return "the blocked shell"

    class Button:
        comm = Comm()

    assert _compat.answer_while_blocked(Button)
    assert Button.comm._reply_subshell_for({}, "the shell it came to") == "the shell it came to"
    Button.comm = object()
    assert not _compat.answer_while_blocked(Button)


def test_a_background_view_ends_as_the_static_bundle():
    slots, view = Slots(), live.LiveView(cancel=lambda: None)
    asyncio.run(follow(done(), view, slots, 0.01))
    assert sorted(slots.bundles[-1]) == ["image/png", "text/plain"]
    assert not view.alive


def test_a_background_view_of_a_failed_job_names_the_node():
    slots, view = Slots(), live.LiveView(cancel=lambda: None)
    job, _ = play(recorded("error"))
    asyncio.run(follow(job, view, slots, 0.01))
    assert f"Failed at {job.state.node_title}" in slots.bundles[-1]["text/html"]


SAMPLING = recorded("txt2img")[:12]


def jobs_that(*names):
    """Jobs that completed, failed, run or wait."""
    plays = {"waiting": [], "running": SAMPLING, "failed": recorded("error")}
    jobs = [done() if name == "completed" else play(plays[name])[0] for name in names]
    for name, job in zip(names, jobs, strict=True):
        if name in ("completed", "failed"):
            job.wait()
    return jobs


def test_a_list_of_jobs_says_how_each_stands():
    jobs = jobs_that("completed", "running", "failed")
    html = many.rows_html(jobs, ["seed 1", "seed <2>"], 1.0)
    assert html.count("cnb-job") == 3
    assert "seed &lt;2&gt;" in html
    assert "2 of 3 jobs" in html
    assert many.summary(jobs) == "3 jobs: 1 in progress, 1 completed, 1 failed"


def test_a_long_list_keeps_what_runs_and_what_failed():
    jobs = jobs_that("completed") * 60 + jobs_that("running", "failed")
    html = many.rows_html(jobs, [], 1.0)
    assert "cnb-in_progress" in html.split("cnb-job", 1)[1]
    assert "cnb-failed" in html
    assert "and 38 more" in html


def test_interrupting_a_list_cancels_what_has_not_ended(monkeypatch):
    monkeypatch.setattr(many, "detect", lambda: Frontend("kernel", "unknown", live=False, text=False))
    jobs, servers = zip(play(recorded("txt2img")), play(SAMPLING), play(), strict=True)
    jobs[0].wait()

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(many.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        many.watch_many(jobs)
    monkeypatch.undo()
    for job in jobs:
        job.wait(5)
    assert [server.cancelled for server in servers] == [0, 1, 1]


def test_an_ended_list_keeps_its_rows_and_pictures():
    bundle = many.ended_bundle(jobs_that("completed", "failed"), ["seed <1>"])
    assert bundle["text/html"].count("cnb-job") == 2 + bundle["text/html"].split("</style>")[0].count(
        "cnb-job"
    )
    assert 'src="data:image/jpeg' in bundle["text/html"]
    assert "seed &lt;1&gt;" in bundle["text/html"]
    assert bundle["text/plain"].splitlines() == [
        "2 jobs: 1 completed, 1 failed",
        "  seed <1>: completed",
        "  Job 2: failed",
    ]


def test_what_an_interrupt_found_waiting_is_called_cancelled():
    jobs = jobs_that("completed", "running", "waiting")
    bundle = many.ended_bundle(jobs, [], interrupted=True)
    assert bundle["text/plain"].splitlines()[0] == "3 jobs: 1 completed, 2 cancelled"
    assert "Queued" not in bundle["text/html"]
    assert many.summary(jobs) == "3 jobs: 1 pending, 1 in progress, 1 completed"


def test_without_previews_no_frame_is_drawn_and_the_words_still_are():
    view = live.LiveView(cancel=lambda: None, previews=False)
    view.paint(JobState(titles=TITLES, status=JobStatus.in_progress, node="3").after(frame(1), 1.0))
    assert view._image is None
    assert "KSampler" in view._words.value
    view.close()


def test_the_clock_moves_once_a_second_while_nothing_happens():
    now = [10.0]
    view = live.LiveView(cancel=lambda: None, clock=lambda: now[0])
    state = JobState(titles=TITLES, status=JobStatus.in_progress, node="3", started_at=5.0)
    seen = []
    for at in (10.0, 10.4, 10.9, 11.1):
        now[0] = at
        view.paint(state)
        seen.append(view._words.value)
    assert seen[0] == seen[1] == seen[2]
    assert "6.1 s" in seen[3]
    view.close()
