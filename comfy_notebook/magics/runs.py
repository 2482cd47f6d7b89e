"""`%comfy run` and `%comfy sweep`: from a file and some values to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import settings
from ..errors import ComfyError
from .call import Call
from .options import TARGET, WORKFLOW, Args, Command, Option, folder, seconds, seed, variable, whole
from .values import resolve, spread

if TYPE_CHECKING:
    from ..clients import Client
    from ..jobs.job import Job
    from ..jobs.result import Result
    from ..workflow.workflow import Workflow


def run(call: Call, args: Args) -> Result | Job | list[Any]:
    """One run, or several, of one workflow."""
    from .. import api

    if args.no_wait and (args.save is not None or args.timeout is not None):
        call.refuse(f"--no-wait returns at once; {'--save' if args.save else '--timeout'} has to wait")
    wf = call.workflow(args.file)
    client = call.client(args.on)
    wf.resolve(client.nodes)
    call.set_values(wf, args.values)
    copies = _seeded(wf, args.seed, args.repeat or 1)
    if args.no_wait:
        jobs = [_submitted(call, args, client, one) for one in copies]
        return _given(call, args, jobs if args.repeat else jobs[0])
    if args.repeat:
        return _repeated(call, args, client, copies)
    result = api.run(
        copies[0],
        client=client,
        previews=_previews(call, args),
        timeout=_timeout(call, args),
        validate=not args.no_validate,
        quiet=call.quiet,
    )
    _given(call, args, result)
    _saved(call, args, [result])
    return result


def _seeded(wf: Workflow, given: int | str | None, count: int) -> list[Workflow]:
    """A copy for each run; several get random seeds, or seeds counted up from the one given or their own."""
    first = given if given is not None or count == 1 else wf.seed
    copies = [wf.copy() for _ in range(count)]
    if first is not None:
        for number, copy in enumerate(copies):
            copy.set_seed(first + number if isinstance(first, int) else first)
    return copies


def _repeated(call: Call, args: Args, client: Client, copies: list[Workflow]) -> list[Result]:
    """A list of the results, once all have ended; raises the first failure, having kept the rest."""
    from .. import api
    from ..jobs.planned import Planned

    runs = [Planned(one.copy, client._async.submit, {"seed": one.seed}) for one in copies]
    api.run_planned(
        runs,
        labels=[f"seed {run.setting['seed']}" for run in runs],
        previews=_previews(call, args),
        timeout=_timeout(call, args),
        validate=not args.no_validate,
        quiet=call.quiet,
    )
    results = [run.result for run in runs if run.result is not None]
    _given(call, args, results)
    _saved(call, args, results)
    for run in runs:
        if run.error is not None:
            raise run.error
    return results


def _submitted(call: Call, args: Args, client: Client, wf: Workflow) -> Job:
    from .. import api

    job = api.submit(wf, client=client, previews=_previews(call, args), validate=not args.no_validate)
    call.say(f"Job {job.id} is submitted.")
    return job


def _given(call: Call, args: Args, value: Any) -> Any:
    if args.out:
        call.give(args.out, value)
    return value


def _saved(call: Call, args: Args, results: list[Result]) -> None:
    if args.save is not None:
        for result in results:
            save(call, result, args.save)


def _previews(call: Call, args: Args) -> bool:
    return settings.previews and not args.no_preview


def _timeout(call: Call, args: Args) -> float | None:
    return args.timeout if args.timeout is not None else settings.timeout


def save(call: Call, result: Result, directory: Path) -> list[Path]:
    """Save a result's files, saying which; a full disk or a forbidden folder loses nothing."""
    try:
        paths = result.save(directory)
    except ComfyError as error:
        again = f"The run itself is done: %comfy download {result.job_id} DIR saves it elsewhere."
        raise error.with_hint(again) from error
    for path in paths:
        call.say(f"saved {path}")
    return paths


def sweep(call: Call, args: Args) -> Any:
    """One job for each combination of values."""
    from .. import api

    wf = call.workflow(args.file)
    if not args.values:
        call.refuse("say what to vary, as in KSampler.seed=0:4")
    client = call.client(args.on)
    wf.resolve(client.nodes)
    call.set_values(wf, [])
    axes: dict[str, list[Any]] = {}
    for word in args.values:
        wf.split(word.key)
        if isinstance(word.value, str):
            try:
                texts = spread(word.value)
            except ValueError as error:
                call.refuse(str(error))
            axes[word.key] = [wf.copy().set_text(word.key, text) for text in texts]
        else:
            axes[word.key] = resolve(word.value, call.names)
    grid = api.sweep(
        wf,
        axes,
        client=client,
        previews=_previews(call, args),
        timeout=_timeout(call, args),
        quiet=call.quiet,
    )
    return _given(call, args, grid)


_VALUES = """\
Values: NODE is an id, a title, or a class only one node has: 6.text=…, KSampler.seed=7,
"Save Image.filename_prefix=out". A value that is exactly {expression} or $name is that Python object,
and pictures, arrays and paths are uploaded. Other text is read by the input's type; quote it when it
holds spaces, or to send {braces} as text. In an input that takes files the name of a local file
uploads that file."""

_SWEEP_VALUES = """\
INPUT=a,b,c takes each value in turn; INPUT=0:8 counts 0 to 7, INPUT=0:1:0.25 by steps;
INPUT={list} takes the items of a Python list. Several inputs make a grid.

"""

_COMMON = (
    WORKFLOW,
    Option("out", "put the result into this variable", "NAME", "--out", convert=variable),
    TARGET,
    Option("timeout", "give up waiting after so many seconds", "S", "--timeout", convert=seconds),
    Option("no_preview", "draw no preview frames", flag="--no-preview", takes_value=False, default=False),
)

COMMANDS = (
    Command(
        "run",
        "run a workflow and show its pictures",
        run,
        (
            *_COMMON,
            Option(
                "seed",
                "every seed of the workflow: a number, or random",
                "N",
                "--seed",
                convert=seed,
                completes="seed",
            ),
            Option(
                "save",
                "also save the outputs into this folder, never over another file",
                "DIR",
                "--save",
                convert=folder,
                completes="folder",
            ),
            Option(
                "no_validate",
                "let the server alone judge it",
                flag="--no-validate",
                takes_value=False,
                default=False,
            ),
            Option("no_wait", "return the Job at once", flag="--no-wait", takes_value=False, default=False),
            Option(
                "repeat",
                "run N times, each with the next seed; returns a list",
                "N",
                "--repeat",
                convert=whole,
            ),
        ),
        more=_VALUES,
        assigns=True,
        takes_body=True,
    ),
    Command(
        "sweep",
        "run a workflow over a grid of values",
        sweep,
        _COMMON,
        more=_SWEEP_VALUES + _VALUES,
        assigns=True,
        takes_body=True,
    ),
)
