"""`sweep` against a real embedded server: the grid, its table, picture and array, failures, interrupt."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import comfy_notebook as comfy
from comfy_notebook import api
from comfy_notebook.jobs import planned
from comfy_notebook.jobs import sweep as sweeps
from comfy_notebook.sync import IO

PLAIN = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "grid", "images": ["1", 0]}},
}
SLOW = {
    "1": {"class_type": "TestingSleep", "inputs": {"seconds": 60.0, "steps": 600}},
    "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
}


@pytest.fixture(scope="module")
def client(embedded: Any) -> Iterator[comfy.Client]:
    connected = comfy.connect(embedded.url, api_key=embedded.api_key)
    yield connected
    connected.close()


@pytest.fixture
def grid(client: comfy.Client) -> comfy.Sweep:
    return comfy.sweep(PLAIN, {"1.color": [0x100000, 0x200000], "1.width": [8, 16, 24]}, client=client)


def test_combinations_are_in_the_order_of_nested_loops(grid: comfy.Sweep) -> None:
    assert [tuple(s.values()) for s in grid.settings] == [
        (color, width) for color in (0x100000, 0x200000) for width in (8, 16, 24)
    ]
    assert [result.array[0, 0, 0] for result in grid] == [0x10] * 3 + [0x20] * 3
    assert [result.image.width for result in grid] == [8, 16, 24] * 2
    assert grid[1].image.width == 16
    assert len(grid[:2]) == 2
    assert "6 jobs" in repr(grid)


def test_the_table_has_a_row_for_each_job(grid: comfy.Sweep) -> None:
    table = grid.table()
    assert list(table.columns) == ["1.color", "1.width", "status", "seconds", "files", "error", "job"]
    assert list(table["1.width"]) == [8, 16, 24] * 2
    assert set(table["status"]) == {"completed"}
    assert list(table["job"]) == [job.id for job in grid.jobs]
    assert (table["seconds"] >= 0).all()
    assert all(len(files) == 1 for files in table["files"])


def test_the_array_needs_one_shape(client: comfy.Client, grid: comfy.Sweep) -> None:
    with pytest.raises(comfy.ComfyError, match="different shapes"):
        grid.array()
    same = comfy.sweep(PLAIN, {"1.color": [1, 2, 3]}, client=client).array()
    assert (same.shape, same.dtype) == ((3, 8, 16, 3), np.uint8)
    assert list(same[:, 0, 0, 2]) == [1, 2, 3]


def test_the_plot_is_labelled(grid: comfy.Sweep) -> None:
    figure = grid.plot(x="1.width", y="1.color")
    places = [axes for axes in figure.axes if axes.images]
    assert len(places) == 6
    assert [axes.get_title() for axes in places[:3]] == ["8", "16", "24"]
    assert [axes.get_ylabel() for axes in places[::3]] == [str(0x100000), str(0x200000)]
    assert [axes.get_title() for axes in places[3:]] == [""] * 3
    assert [axes.get_ylabel() for axes in places] == [str(0x100000), "", "", str(0x200000), "", ""]
    assert (figure.get_suptitle(), figure.get_supylabel()) == ("1.width", "1.color")
    turned = grid.plot(x="1.color")
    assert [axes.get_title() for axes in turned.axes[:2]] == [str(0x100000), str(0x200000)]
    with pytest.raises(comfy.UnknownInput, match="did not vary"):
        grid.plot(x="1.height")


def test_it_shows_itself_as_one_picture(grid: comfy.Sweep) -> None:
    bundle = grid._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}


def test_a_failed_combination_is_a_row_with_its_error(client: comfy.Client) -> None:
    grid = comfy.sweep(PLAIN, {"1.width": [8, -1, 24]}, client=client)
    assert [result is not None for result in grid.results] == [True, False, True]
    assert isinstance(grid.errors[1], comfy.InvalidWorkflow)
    assert list(grid.table()["status"]) == ["completed", "failed", "completed"]
    assert "-1" in grid.table()["error"][1]
    assert "2 completed, 1 not (The workflow has 1 problem" in repr(grid)
    with pytest.raises(comfy.InvalidWorkflow):
        grid[1]
    with pytest.raises(comfy.ComfyError, match="different shapes"):
        grid.array()
    assert grid[:2].array().shape == (1, 8, 8, 3), "failed rows are left out"
    figure = grid.plot()
    assert sum(bool(axes.images) for axes in figure.axes) == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5, "0.5"), (1 / 3, "0.333333"), (True, "True"), (None, "None"), ("short", "short"),
        ("x" * 32, "x" * 32), ("x" * 33, "x" * 31 + "…"), (Path("/a/b.png"), "b.png"),
        (Image.new("L", (4, 3)), "image 4×3"), (np.zeros((2, 3)), "array 2×3"), ([1], "list"),
    ],
    ids=str,
)  # fmt: skip
def test_values_in_labels(value: Any, said: str) -> None:
    assert sweeps._brief(value) == said
    kept = value is None or isinstance(value, (bool, int, float, str))
    assert sweeps._cell(value) == (value if kept else said)


def test_a_label_names_the_node_only_when_two_inputs_share_a_name() -> None:
    axes = {"1.seed": [1], "2.seed": [1], "1.cfg": [2]}
    assert [sweeps._short(address, axes) for address in axes] == ["1.seed", "2.seed", "cfg"]


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("a b", ["a b"]), (3, [3]), (b"x", [b"x"]), (Path("p"), [Path("p")]), (range(3), [0, 1, 2]),
        (np.arange(2), [0, 1]), ((x for x in "ab"), ["a", "b"]), ([[1, 2]], [[1, 2]]),
    ],
    ids=str,
)  # fmt: skip
def test_values_of_an_axis(given: Any, listed: list[Any]) -> None:
    found = sweeps._listed("1.x", given)
    assert found == listed
    assert [type(value) for value in found] == [type(value) for value in listed]


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"1.widht": [1]}, comfy.UnknownInput, "width"),
        ({"EmptyImag.width": [1]}, comfy.UnknownNode, "EmptyImage"),
        ({"1.width": [1], "EmptyImage.width": [2]}, comfy.UnknownInput, "same input"),
        ({"1.width": []}, comfy.ComfyError, "nothing to vary"),
        ({}, comfy.ComfyError, "nothing to vary"),
        ({"1.width": range(10**9)}, comfy.ComfyError, "more than"),
        ({"1.width": range(1000), "1.height": range(1000)}, comfy.ComfyError, "1000000 jobs"),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_is_sent(
    client: comfy.Client, values: dict[str, Any], error: type[Exception], says: str
) -> None:
    before = client.jobs(limit=1).total
    with pytest.raises(error, match=says):
        comfy.sweep(PLAIN, values, client=client)
    assert client.jobs(limit=1).total == before


def test_seeds_as_one_axis(client: comfy.Client) -> None:
    path = Path(__file__).parents[2] / "notebooks" / "workflows" / "txt2img.json"
    fixed = {"5.width": 64, "5.height": 64, "KSampler.steps": 1}
    grid = comfy.sweep(path, {"seed": np.arange(3)}, client=client, inputs=fixed)
    assert [result.seed for result in grid] == [0, 1, 2]
    assert len({result.array.tobytes() for result in grid}) == 3


@pytest.fixture
def submitted(client: comfy.Client, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, comfy.Job]]:
    """Each job of a sweep as it is submitted, with how many of those before it had not ended."""
    kept: list[tuple[int, comfy.Job]] = []
    submit = client._async.submit

    async def counted(*args: Any, **options: Any) -> comfy.Job:
        job = await submit(*args, **options)
        kept.append((sum(not other.status.is_final for _, other in kept), job))
        return job

    monkeypatch.setattr(client._async, "submit", counted)
    return kept


def test_no_more_than_the_window_is_submitted(
    client: comfy.Client, submitted: list[tuple[int, comfy.Job]]
) -> None:
    grid = comfy.sweep(PLAIN, {"1.color": range(100, 120)}, client=client, window=3)
    assert all(result is not None for result in grid)
    assert [job for _, job in submitted] == grid.jobs
    assert max(others for others, _ in submitted) <= 2


def test_an_interrupt_cancels_its_own_jobs_and_no_others(
    client: comfy.Client, submitted: list[tuple[int, comfy.Job]]
) -> None:
    other = comfy.submit(SLOW, client=client)
    submitted.clear()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        # As a kernel's interrupt: KeyboardInterrupt in the main thread, while it draws.
        while len(submitted) < 3:
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        comfy.sweep(SLOW, {"1.seconds": [60.0 + n for n in range(8)]}, client=client, window=3)
    assert {job.wait(timeout=10) for _, job in submitted} == {"cancelled"}
    assert len(submitted) == 3
    assert not other.status.is_final
    other.cancel()


def test_a_row_that_takes_too_long_has_a_timeout_error(client: comfy.Client) -> None:
    grid = comfy.sweep(SLOW, {"1.seconds": [0.0, 60.0]}, client=client, timeout=2)
    assert grid.results[0] is not None
    assert isinstance(grid.errors[1], comfy.JobTimeout)
    assert grid.jobs[1] is not None
    grid.jobs[1].cancel()


def test_cancel_all_stops_what_waits_and_what_runs(
    client: comfy.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    submit = client._async.submit

    async def noted(*args: Any, **options: Any) -> comfy.Job:
        job = await submit(*args, **options)
        begun.set()
        return job

    monkeypatch.setattr(client._async, "submit", noted)

    async def sweep() -> comfy.Sweep:
        found = sweeps.plan(SLOW, {"1.seconds": [60.0, 61.0, 62.0]}, client._async.submit, nodes)
        feeding = asyncio.ensure_future(planned.feed(found.runs, window=1))
        await asyncio.wait([feeding, asyncio.ensure_future(begun.wait())], return_when="FIRST_COMPLETED")
        for run in found.runs:
            run.cancel_soon()
        await feeding
        return found

    nodes = client.nodes
    found = IO.run(sweep())
    assert [str(run.status) for run in found.runs] == ["cancelled"] * 3
    assert [job is not None for job in found.jobs] == [True, False, False]


def test_a_coroutine_sweeps_too(embedded: Any) -> None:
    async def main() -> comfy.Sweep:
        async with await comfy.AsyncClient.connect(embedded.url, api_key=embedded.api_key) as client:
            return await client.sweep(PLAIN, {"1.color": [1, 2, 3]})

    assert [int(result.array[0, 0, 2]) for result in asyncio.run(main())] == [1, 2, 3]


def test_an_error_that_every_job_would_get_is_raised(embedded: Any) -> None:
    wrong = comfy.connect(embedded.url, api_key=embedded.api_key, default=False)
    grid = sweeps.plan(PLAIN, {"1.color": [1, 2, 3]}, wrong._async.submit, wrong.nodes)
    wrong.close()
    with pytest.raises((comfy.NotConnected, comfy.ConnectionFailed)):
        api.run_planned(grid.runs, quiet=True)
    assert all(error is not None for error in grid.errors)
