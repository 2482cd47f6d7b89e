"""When a job's record is asked for: soon after a hint, else at growing intervals. Time is simulated."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from comfy_notebook.config import settings
from comfy_notebook.jobs.follow import pace
from comfy_notebook.jobs.follow.pace import SOON, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.alive = False
        self.slept: list[float] = []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that waiting moves on; the random part of an interval is its mean."""
    clock = Clock()

    async def within(seconds: float, awaitable: object) -> None:
        awaitable.close()  # type: ignore[attr-defined]
        clock.now += seconds
        clock.slept.append(seconds)
        raise asyncio.TimeoutError

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        clock.slept.append(seconds)

    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(pace, "jitter", lambda spread: 1.0)
    monkeypatch.setattr(pace, "within", within)
    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    monkeypatch.setattr(settings, "quiet", 3.0)
    return clock


def waits(clock: Clock, paced: Pace, count: int) -> list[float]:
    clock.slept.clear()

    async def main() -> None:
        for _ in range(count):
            await paced.pause()

    asyncio.run(main())
    return clock.slept


def test_without_events_the_record_is_polled_less_and_less_often(clock: Clock) -> None:
    found = waits(clock, Pace(lambda: False), 8)
    assert found[:3] == [0.25, 0.375, 0.5625]
    assert found[-2:] == [2.0, 2.0]


def test_with_events_only_after_a_silence(clock: Clock) -> None:
    paced = Pace(lambda: True)
    first, second, *_ = waits(clock, paced, 2)
    assert (first, second) == (3.0, pytest.approx(2.25))
    assert max(waits(clock, paced, 30)) == 18.0


def test_events_postpone_the_question(clock: Clock) -> None:
    paced = Pace(lambda: True)
    clock.now += 1.0
    assert paced.quiet == 1.0
    assert waits(clock, paced, 1) == [2.0]
    paced.hear()
    assert (paced.quiet, paced.heard_at) == (0.0, clock.now)
    assert waits(clock, paced, 1) == [3.0]


def test_after_a_hint_the_record_is_asked_for_at_once_and_again_soon(clock: Clock) -> None:
    paced = Pace(lambda: True)
    paced.poll_soon()
    assert paced.polling_soon
    assert waits(clock, paced, len(SOON)) == list(SOON[1:]), "the first without any wait"
    assert paced.polling_soon
    waits(clock, paced, 1)
    assert not paced.polling_soon, "it seems not to have ended"


def test_a_later_step_is_less_eager(clock: Clock) -> None:
    paced = Pace(lambda: True)
    paced.poll_soon(4)
    assert waits(clock, paced, 2) == [SOON[5]], "a hint ends the wait that runs"


def test_events_that_may_have_been_missed(clock: Clock) -> None:
    paced = Pace(lambda: False)
    waits(clock, paced, 5)
    paced.ask()
    assert waits(clock, paced, 2) == [0.375]
    assert not paced.polling_soon


def test_backing_off_holds_every_question(clock: Clock) -> None:
    paced = Pace(lambda: False)
    paced.back_off(10.0)
    paced.ask()
    assert waits(clock, paced, 1) == [10.0]
