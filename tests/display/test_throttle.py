"""The coalescer, with a clock of the test's own."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.display.throttle import Throttle


def test_the_first_is_drawn_at_once_and_the_next_waits():
    throttle: Throttle[str] = Throttle(0.1)
    assert throttle.offer("a", 0.0) == "a"
    assert throttle.offer("b", 0.05) is None
    assert throttle.offer("c", 0.06) is None
    assert throttle.dropped == 1
    assert throttle.take(0.09) is None
    assert throttle.take(0.1) == "c"


def test_the_last_is_always_flushed():
    throttle: Throttle[str] = Throttle(10.0)
    throttle.offer("a", 0.0)
    throttle.offer("b", 0.1)
    assert throttle.flush(0.2) == "b"
    assert throttle.flush(0.3) is None


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_never_faster_than_the_interval_and_never_out_of_order(gaps):
    throttle: Throttle[int] = Throttle(0.1)
    now, drawn, times = 0.0, [], []
    for number, gap in enumerate(gaps):
        now += gap
        value = throttle.offer(number, now)
        if value is not None:
            drawn.append(value)
            times.append(now)
    if (last := throttle.flush(now)) is not None:
        drawn.append(last)
    assert drawn == sorted(drawn)
    assert drawn[-1] == len(gaps) - 1
    assert all(later - sooner >= 0.1 - 1e-9 for sooner, later in itertools.pairwise(times))
