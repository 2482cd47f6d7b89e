"""`Sweep`: one workflow over a grid of values; the results as a table, a labelled picture and an array.

Jobs are submitted a few at a time (`window`); the server decides how many of them run at once. A
combination that fails is a row with its error and does not stop the others. An interrupt cancels every
job of the sweep that has not ended, and no other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, NoOutput, UnknownInput
from ..text import clip, did_you_mean
from ..views import view

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from ..workflow.catalog import NodeCatalog
    from ..workflow.workflow import Workflow
    from .job import Job
    from .planned import Planned, Submit
    from .result import Result

MOST_JOBS = 10_000


def plan(
    wf: Any,
    values: Mapping[str, Iterable[Any]],
    submit: Submit,
    nodes: NodeCatalog,
    *,
    seed: int | str | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Sweep:
    """The sweep, with every row still to run; `submit` submits one workflow."""
    from ..workflow.workflow import Workflow
    from .planned import Planned

    base = Workflow.load(wf, nodes=nodes)
    if inputs:
        base.update(inputs)
    if seed is not None:
        base.set_seed(seed)
    axes = _axes(base, values)
    rows = [dict(zip(axes, combination, strict=True)) for combination in itertools.product(*axes.values())]
    return Sweep(base, axes, [Planned(partial(_set, base, row), submit, row) for row in rows])


def _set(base: Workflow, setting: Mapping[str, Any]) -> Workflow:
    one = base.copy()
    one.update({address: value for address, value in setting.items() if address != "seed"})
    if "seed" in setting:
        one.set_seed(setting["seed"])
    return one


def _axes(wf: Workflow, values: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The values of each input. Raises `UnknownNode` or `UnknownInput` for a wrong address."""
    axes: dict[str, list[Any]] = {}
    places: dict[tuple[str, str], str] = {}
    total = 1
    for address, given in values.items():
        for place in wf.places(address) if address != "seed" else ():
            if place in places:
                raise UnknownInput(f"{address!r} and {places[place]!r} are the same input.")
            places[place] = address
        axes[address] = _listed(address, given)
        total *= len(axes[address])
    if not axes or total == 0:
        raise ComfyError("There is nothing to vary.", hint='Give values, as in {"KSampler.seed": range(4)}.')
    if total > MOST_JOBS:
        raise ComfyError(f"That is {total} jobs; a sweep takes {MOST_JOBS} at most.")
    return axes


def _listed(address: str, given: Any) -> list[Any]:
    """A list of values; a text, a number or one picture is a single value."""
    if isinstance(given, (str, bytes, Path)) or not isinstance(given, Iterable):
        return [given]
    listed = list(itertools.islice(given, MOST_JOBS + 1))
    if len(listed) > MOST_JOBS:
        raise ComfyError(f"{address!r} has more than {MOST_JOBS} values.")
    # JSON cannot hold numpy's scalars.
    return [
        value.item() if type(value).__module__ == "numpy" and not value.shape else value for value in listed
    ]


class Sweep(Sequence[Any]):
    """The results of a sweep: one row for each job, in the order of the grid.

    `results` and `errors` have an entry for each row; one of the two is None. Indexing gives a
    row's `Result`, or raises what its job raised.
    """

    def __init__(self, workflow: Workflow, axes: Mapping[str, list[Any]], runs: Sequence[Planned]) -> None:
        self.workflow = workflow
        self.inputs: dict[str, list[Any]] = dict(axes)
        self.runs = list(runs)
        """One `Planned` for each row: `.job`, `.status`, `.result` or `.error`."""

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The values of each row, by address."""
        return [dict(run.setting) for run in self.runs]

    @property
    def labels(self) -> list[str]:
        """The values of each row in words: "seed 1, cfg 4"."""
        return [
            ", ".join(f"{_short(address, self.inputs)} {_brief(value)}" for address, value in setting.items())
            for setting in self.settings
        ]

    @property
    def jobs(self) -> list[Job | None]:
        """The job of each row; None where the submission was refused."""
        return [run.job for run in self.runs]

    @property
    def results(self) -> list[Result | None]:
        """The result of each row; None where it failed."""
        return [run.result for run in self.runs]

    @property
    def errors(self) -> list[ComfyError | None]:
        """Why each row has no result; None where it has one."""
        return [run.error for run in self.runs]

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Sweep(self.workflow, self.inputs, self.runs[index])
        run = self.runs[index]
        if run.result is None:
            raise run.error or NoOutput("This row has no result.")
        return run.result

    def __iter__(self) -> Iterator[Result | None]:
        return iter(self.results)

    def table(self) -> pd.DataFrame:
        """One row for each job: values, `status`, `seconds`, `files` (names), `error`, `job` (its id)."""
        pd = _library("pandas")
        rows = []
        for run in self.runs:
            row = {address: _cell(value) for address, value in run.setting.items()}
            row["status"] = str(run.status)
            row["seconds"] = run.result.seconds if run.result is not None else None
            outputs = run.result.shown if run.result is not None else []
            row["files"] = [output.filename for output in outputs if output.filename]
            row["error"] = str(run.error) if run.error is not None else ""
            row["job"] = run.job.id if run.job is not None else ""
            rows.append(row)
        return pd.DataFrame(rows)

    def array(self) -> np.ndarray[Any, Any]:
        """The first picture of every row: uint8 (n, height, width, channels), failed rows left out.

        Raises `NoOutput` when there is none, and `ComfyError` when their shapes differ.
        """
        import numpy as np

        arrays = [result.array for result in self.results if result is not None and result.pictures]
        if not arrays:
            raise NoOutput("The sweep made no pictures.", hint="sweep.table() shows how each job ended.")
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) > 1:
            raise ComfyError(
                f"The pictures have different shapes: {', '.join(map(str, shapes))}.",
                hint="Take them one by one: [r.array for r in sweep.results if r].",
            )
        return np.stack(arrays)

    def plot(self, x: str | None = None, y: str | None = None, *, width: float = 2.2) -> Figure:
        """The pictures in a labelled grid, `x` across and `y` down; the first where several share a place.

        Without `x` the input varied fastest goes across; without `y`, the next one down. `width` is
        of one picture, in inches. Raises `UnknownInput` when the sweep did not vary such an input.
        """
        pyplot = _library("matplotlib.pyplot")
        across = self._axis(x) if x is not None else list(self.inputs)[-1]
        others = [address for address in self.inputs if address != across]
        down = self._axis(y) if y is not None else (others[-1] if others else None)
        columns, rows = self.inputs[across], self.inputs[down] if down is not None else [None]
        cells = {
            (row, column): next(
                (
                    run
                    for run in self.runs
                    if run.setting[across] is value and (down is None or run.setting[down] is rows[row])
                ),
                None,
            )
            for row in range(len(rows))
            for column, value in enumerate(columns)
        }
        first = next((run.image for run in self.runs if run.image is not None), None)
        height = width * (first.height / first.width if first is not None else 1.0)
        figure: Figure
        figure, axes = pyplot.subplots(
            len(rows), len(columns), squeeze=False, layout="constrained",
            figsize=(width * len(columns) + 0.6, (height + 0.35) * len(rows) + 0.3),
        )  # fmt: skip
        for (row, column), run in cells.items():
            place = axes[row][column]
            place.set_xticks([])
            place.set_yticks([])
            if run is not None and run.image is not None:
                place.imshow(run.image)
            else:
                place.set_facecolor("0.93")
                place.text(0.5, 0.5, str(run.status) if run is not None else "", ha="center", va="center")
            if row == 0:
                place.set_title(_brief(columns[column]), fontsize=9)
            if column == 0 and down is not None:
                place.set_ylabel(_brief(rows[row]), fontsize=9)
        figure.suptitle(across, fontsize=10)
        if down is not None:
            figure.supylabel(down, fontsize=10)
        pyplot.close(figure)  # else the inline backend would show it a second time
        return figure

    def _axis(self, name: str) -> str:
        if name in self.inputs:
            return name
        places = {
            (self.workflow.split(address) if address != "seed" else ("", "seed")): address
            for address in self.inputs
        }
        try:
            return places[self.workflow.split(name)]
        except (KeyError, ComfyError):
            raise UnknownInput(
                f"The sweep did not vary {name!r}.",
                hint=did_you_mean(name, self.inputs) or f"It varied {', '.join(self.inputs)}.",
            ) from None

    def save(self, folder: str | Path) -> list[Path]:
        """Save every file of every row into a folder, never over another; returns the paths."""
        return [path for result in self.results if result is not None for path in result.save(folder)]

    def __repr__(self) -> str:
        done = sum(result is not None for result in self.results)
        grid = " × ".join(f"{address} ({len(values)})" for address, values in self.inputs.items())
        failed = f", {len(self) - done} not" if done < len(self) else ""
        errors = [run.error for run in self.runs if run.error is not None]
        why = f" ({clip(' '.join(str(errors[0]).split()), 200)})" if errors else ""
        jobs = f"{len(self)} job{'s' * (len(self) != 1)}"
        return f"<Sweep of {jobs} over {grid}: {done} completed{failed}{why}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        shown = [run for run in self.runs if run.image is not None]
        if shown:
            varied = [address for address, values in self.inputs.items() if len(values) > 1] or self.inputs
            captions = [
                ", ".join(f"{_short(name, self.inputs)} {_brief(run.setting[name])}" for name in varied)
                for run in shown
            ]
            bundle["image/png"] = view("sweep_png")([run.image for run in shown], captions)
        return bundle


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise ComfyError(
            f"This needs {name.split('.')[0]}.",
            hint='python -m pip install "comfy-notebook[lab]" installs it.',
        ) from None


def _cell(value: Any) -> Any:
    """A value for a table: numbers and texts as they are, other objects in words."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else _brief(value)


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if value is None or isinstance(value, (bool, int, str)):
        text = str(value)
        return text if len(text) <= 32 else text[:31] + "…"
    if isinstance(value, Path):
        return value.name
    size = getattr(value, "size", None)
    if isinstance(size, tuple):
        return f"image {size[0]}×{size[1]}"
    shape = getattr(value, "shape", None)
    return f"array {'×'.join(map(str, shape))}" if shape is not None else type(value).__name__


def _short(address: str, axes: Mapping[str, Any]) -> str:
    """The input's name, with its node only when two inputs share the name."""
    name = address.rpartition(".")[2]
    return name if sum(other.rpartition(".")[2] == name for other in axes) == 1 else address
