"""`%comfy run` and `%comfy sweep`: run a workflow once, or over a grid of values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import settings
from ..errors import ComfyError
from .call import Call
from .options import TARGET, WORKFLOW, Args, Command, Option, folder, seconds, seed, variable, whole
from .values import resolve, sweep_values

if TYPE_CHECKING:
    from ..clients import Client
    from ..jobs.job import Job
    from ..jobs.result import Result
    from ..workflow.workflow import Workflow


def run(call: Call, args: Args) -> Result | Job | list[Any]:
    """Run a workflow once, or several times with `--repeat`."""
    from .. import api

    if args.no_wait and (args.save is not None or args.timeout is not None):
        call.refuse(
            f"--no-wait returns before the job ends, so it excludes {'--save' if args.save else '--timeout'}"
        )
    wf, client = _workflow_and_client(call, args)
    call.set_values(wf, args.values)
    copies = _seeded(wf, args.seed, args.repeat or 1)
    if args.no_wait:
        jobs = [_submitted(call, args, client, one) for one in copies]
        found = jobs if args.repeat else jobs[0]
        _stored(call, args, found)
        return found
    if args.repeat:
        return _repeated(call, args, client, copies)
    result: Result = api.run(
        copies[0],
        client=client,
        previews=_previews(call, args),
        timeout=_timeout(call, args),
        validate=not args.no_validate,
        quiet=call.quiet,
    )
    _stored(call, args, result)
    _save_all(call, args, [result])
    return result


def _workflow_and_client(call: Call, args: Args) -> tuple[Workflow, Client]:
    """The workflow, converted, and the client. A file that cannot be read is reported before connecting."""
    if args.file is None and call.body.json is None and call.has_prompt(args.values):
        from ..api import default_line
        from ..workflow.default import default_workflow

        client = call.client(args.on)
        wf = default_workflow(client.nodes)
        call.say(default_line(wf))
        return wf, client
    wf = call.workflow(args.file)
    client = call.client(args.on)
    return wf.resolve(client.nodes), client


def _seeded(wf: Workflow, given: int | str | None, count: int) -> list[Workflow]:
    """A copy for each run; several get random seeds, or consecutive ones from the given or present seed."""
    first = given if given is not None or count == 1 else wf.seed
    copies = [wf.copy() for _ in range(count)]
    if first is not None:
        for number, copy in enumerate(copies):
            copy.set_seed(first + number if isinstance(first, int) else first)
    return copies


def _repeated(call: Call, args: Args, client: Client, copies: list[Workflow]) -> list[Result]:
    """Wait for all and return their results; raise the first failure after storing the others."""
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
    _stored(call, args, results)
    _save_all(call, args, results)
    for run in runs:
        if run.error is not None:
            raise run.error
    return results


def _submitted(call: Call, args: Args, client: Client, wf: Workflow) -> Job:
    from .. import api

    job = api.submit(wf, client=client, previews=_previews(call, args), validate=not args.no_validate)
    call.say(f"Submitted job {job.id}.")
    return job


def _stored(call: Call, args: Args, value: Any) -> Any:
    if args.out:
        call.assign(args.out, value)
    return value


def _save_all(call: Call, args: Args, results: list[Result]) -> None:
    if args.save is not None:
        for result in results:
            save(call, result, args.save)


def _previews(call: Call, args: Args) -> bool:
    return settings.previews and not args.no_preview


def _timeout(call: Call, args: Args) -> float | None:
    return args.timeout if args.timeout is not None else settings.timeout


def save(call: Call, result: Result, directory: Path) -> list[Path]:
    """Save the files of a result and print their paths; an error names how to save them elsewhere."""
    try:
        paths = result.save(directory)
    except ComfyError as error:
        again = f"The run has completed; save it elsewhere with %comfy download {result.job_id} DIR."
        raise error.with_hint(again) from error
    for path in paths:
        call.say(f"Saved {path}.")
    return paths


def sweep(call: Call, args: Args) -> Any:
    """Run one job for each combination of values."""
    from .. import api

    if not args.values and (args.file is not None or call.body.json is not None):
        call.refuse("give the values to vary, as in KSampler.seed=0:4")
    wf, client = _workflow_and_client(call, args)
    call.set_values(wf, [])
    axes: dict[str, list[Any]] = {}
    for word in args.values:
        places = wf.places(word.key)
        if isinstance(word.value, str):
            try:
                texts = sweep_values(word.value)
            except ValueError as error:
                call.refuse(str(error))
            axes[word.key] = [wf.copy().set_text(places[0], text) for text in texts]
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
    return _stored(call, args, grid)


_VALUES = """\
Without FILE, prompt="…" runs the default text-to-image workflow with a checkpoint the server has.

Values: the name of one input is enough (steps=5); prompt= and negative= are the texts that reach the
sampler. Else NODE is an id, a title, or a class that only one node has: 6.text=…, KSampler.seed=7,
"Save Image.filename_prefix=out". A value that is exactly {expression} or $name is that Python object;
pictures, arrays and paths are uploaded. Other text is read by the input's type; quote it if it
contains spaces, or to send {braces} as text. For an input that takes files, the name of a local file
uploads that file."""

_SWEEP_VALUES = """\
INPUT=a,b,c takes each value in turn; INPUT=0:8 takes 0 to 7, INPUT=0:1:0.25 takes 0, 0.25, 0.5, 0.75;
INPUT={list} takes the items of a Python list. Several inputs make a grid.

"""

_COMMON = (
    WORKFLOW,
    Option("out", "assign the result to this variable", "NAME", "--out", convert=variable),
    TARGET,
    Option("timeout", "stop waiting after this many seconds", "S", "--timeout", convert=seconds),
    Option("no_preview", "do not show preview frames", flag="--no-preview", takes_value=False, default=False),
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
                "set every seed of the workflow: a number, or random",
                "N",
                "--seed",
                convert=seed,
                completes="seed",
            ),
            Option(
                "save",
                "save the outputs to this folder; files are never overwritten",
                "DIR",
                "--save",
                convert=folder,
                completes="folder",
            ),
            Option(
                "no_validate",
                "send it without checking it first",
                flag="--no-validate",
                takes_value=False,
                default=False,
            ),
            Option("no_wait", "return the Job at once", flag="--no-wait", takes_value=False, default=False),
            Option(
                "repeat",
                "run N times with consecutive seeds; returns a list",
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
