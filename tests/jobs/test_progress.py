"""Progress is weighted by work, and the time left is an estimate or not given."""

from __future__ import annotations

import pytest

from comfy_notebook.jobs.progress import Work
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.messages import (
    Executing,
    ExecutionCached,
    ExecutionStart,
    ExecutionSuccess,
    Progress,
)

CLASSES = {
    "4": "CheckpointLoaderSimple",
    "5": "EmptyLatentImage",
    "3": "KSampler",
    "8": "VAEDecode",
    "9": "SaveImage",
}


def graph(steps=20, width=512, second=None):
    nodes = {node_id: {"class_type": name, "inputs": {}} for node_id, name in CLASSES.items()}
    nodes["3"]["inputs"] = {"steps": steps}
    nodes["5"]["inputs"] = {"width": width, "height": 512}
    if second is not None:
        nodes["10"] = {"class_type": "KSampler", "inputs": {"steps": second}}
    return nodes


def run(graph, *, costs, known=(), cached=(), until=1.0):
    """`(time, state)` of a run. `costs` are seconds of a node, or (of the first step, of each other)."""
    state = JobState(titles=dict.fromkeys(graph, ""), work=Work.of(graph, dict(known)))
    at = 0.0
    seen = []

    def tell(event):
        nonlocal state
        state = state.after(event, at)
        seen.append((at, state))

    tell(ExecutionStart())
    tell(ExecutionCached(nodes=tuple(cached)))
    for node_id in [key for key in ("4", "5", "3", "10", "8", "9") if key in graph and key not in cached]:
        tell(Executing(node=node_id))
        steps = graph[node_id]["inputs"].get("steps")
        cost = costs.get(node_id, 0.01)
        if steps is None:
            at += cost
            continue
        for step in range(1, steps + 1):
            at += cost[0] if step == 1 else cost[1]
            tell(Progress(node=node_id, value=step, max=steps))
    tell(ExecutionSuccess())
    return at, seen


COSTS = {"4": 3.0, "3": (2.0, 0.5), "10": (0.5, 0.5), "8": 1.0, "9": 0.2}


def worst(total, seen):
    """The largest error of the time left from 20 % of the run on, and how often it is given."""
    left = [(at, state.remaining(at)) for at, state in seen if 0.2 * total <= at < 0.98 * total]
    errors = [
        abs(found - (total - at)) / (total - at)
        for at, found in left
        if found is not None and total - at > 0.5
    ]
    return max(errors, default=None), sum(found is not None for _, found in left) / len(left)


@pytest.mark.parametrize(
    ("shape", "costs", "cached"),
    [
        ({"steps": 20}, COSTS, ()),
        ({"steps": 800}, COSTS, ()),
        ({"steps": 20}, COSTS, ("4", "5")),
        ({"steps": 20, "second": 40}, COSTS, ()),
        ({"steps": 20}, {**COSTS, "8": 12.0}, ()),
    ],
    ids=["20 steps", "800 steps", "cached", "two samplers", "slow VAE"],
)
def test_from_20_percent_on_the_time_left_of_a_known_graph_is_right(shape, costs, cached):
    _, first = run(graph(**shape), costs=costs)
    known = first[-1][1].work.learned
    error, given = worst(*run(graph(**shape), costs=costs, known=known, cached=cached))
    assert error < 0.25
    assert given > 0.9


def test_the_time_left_is_not_given_while_it_is_unknown():
    _, seen = run(graph(second=None), costs={**COSTS, "8": 60.0})
    while_decoding = [state.remaining(at + 0.1) for at, state in seen if state.node == "8"]
    assert while_decoding == [None]
    assert all(state.remaining(at) is None for at, state in seen if state.node == "4")


def test_316_seconds_are_not_called_two():
    """Loading takes 3 of 319 s: the share of nodes that are done says nothing about the time left."""
    total, seen = run(graph(steps=632), costs=COSTS)
    assert seen[3][1].fraction < 0.05
    error, _ = worst(total, seen)
    assert error < 0.25


def test_the_bar_never_goes_back_and_ends_full():
    for known in ({}, {"KSampler": (0.1, 5.0, 512.0 * 512.0)}):
        _, seen = run(graph(second=40), costs=COSTS, known=known)
        fractions = [state.fraction for _, state in seen]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


def test_half_the_steps_are_about_half_the_work():
    _, seen = run(graph(steps=20), costs=COSTS)
    half = next(state for _, state in seen if state.step == (10, 20))
    assert half.fraction == pytest.approx(0.5, abs=0.06)


def test_cached_nodes_are_not_work():
    _, seen = run(graph(steps=20), costs=COSTS, cached=("4", "5", "3"))
    decoding = next(state for _, state in seen if state.node == "8")
    assert decoding.fraction == 0.0


def test_the_timing_of_a_sampler_is_scaled_by_steps_and_pixels():
    known = {"KSampler": (10.0, 20.0, 512.0 * 512.0)}
    work = Work.of(graph(steps=40, width=1024), known)
    assert work._known("3") == pytest.approx(40.0)


def test_steps_of_schedulers_count_for_the_node_that_takes_them():
    nodes = {
        "1": {"class_type": "BasicScheduler", "inputs": {"steps": 30}},
        "2": {"class_type": "SamplerCustomAdvanced", "inputs": {"sigmas": ["1", 0]}},
        "3": {
            "class_type": "KSamplerAdvanced",
            "inputs": {"steps": 20, "start_at_step": 5, "end_at_step": 10000},
        },
    }
    assert Work.of(nodes, {}).planned == {"2": 30.0, "3": 15.0}


@pytest.mark.parametrize(
    "broken", [{"1": None}, {"1": {"inputs": []}}, {"1": {"inputs": {"sigmas": [], "steps": True}}}]
)
def test_a_graph_that_makes_no_sense_has_no_plan(broken):
    work = Work.of(broken, {})
    assert work.planned == {}
    assert work.fraction((), (), None) == 0.0


def test_the_pace_of_a_run_counts_all_samplers():
    _, seen = run(graph(steps=20, second=40), costs=COSTS)
    assert seen[-1][1].work.pace == (60, pytest.approx(2.0))
