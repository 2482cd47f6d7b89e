"""Runs one job: from its output nodes back to what they need, each node once, in a worker thread.

Events go out in the order recorded from ComfyUI: execution_start, execution_cached, then for each node
progress_state, executing, its own steps, executed (when it shows something), progress_state; at the
end execution_success, execution_error or execution_interrupted. What a node made is kept by content
(`cache`), so an unchanged rerun runs nothing and shows its old outputs.

Walking uses a stack of its own, never Python's: a graph may be ten thousand nodes deep.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..protocol.messages import (
    Event,
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionInterrupted,
    ExecutionStart,
    ExecutionSuccess,
    Notification,
    encode_message,
)
from ..protocol.status import JobStatus
from .assets import Assets, now_ms
from .cache import Cache, Result, keys_of, size_of
from .context import Interrupted, NodeContext, Report, UserFiles
from .failure import Failure, describe_failure
from .jobs import Job, Jobs
from .nodes.base import Node, Ui
from .nodes.dynamic import live_inputs, nested
from .options import Dialect
from .walk import is_link

_KEEP_EVERY = 0.2  # seconds; writing all outputs down with each of them grows with their square


@dataclass(eq=False)
class Run:
    """One job being run: what it has made so far, and the switch that stops it."""

    job: Job
    report: Report
    cancelled: threading.Event = field(default_factory=threading.Event)
    outputs: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    current: str | None = None
    abandoned: bool = False
    kept: float = field(default_factory=time.monotonic)
    status: JobStatus = JobStatus.in_progress
    # Who ends the job: its own thread, or the scheduler that will not wait for it any longer.
    ending: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False

    def tell(self, message: Event) -> None:
        """Send a message that also belongs to the job's record."""
        encoded = encode_message(message)
        self.messages.append([encoded["type"], encoded["data"]])
        self.report.send(message)

    def interruption(self) -> ExecutionInterrupted:
        """How the job ends when it is cancelled now."""
        node_id = self.current or self.job.targets[0]
        return ExecutionInterrupted(
            prompt_id=self.job.id,
            node_id=node_id,
            node_type=self.job.prompt[node_id]["class_type"],
            executed=tuple(self.executed),
            timestamp=now_ms(),
        )


class Executor:
    """Everything a job needs to run; one for the server, used by many threads."""

    def __init__(
        self,
        nodes: Mapping[str, type[Node]],
        jobs: Jobs,
        assets: Assets,
        cache: Cache,
        dialect: Dialect,
    ) -> None:
        self._nodes = nodes
        self._jobs = jobs
        self._assets = assets
        self._cache = cache
        self._dialect = dialect

    def execute(self, run: Run, files: UserFiles) -> JobStatus:
        """Run a job to its end and record it; blocks, and never raises for what a node did."""
        job = run.job
        ending: Event
        try:
            self._jobs.start(job.id)
            if self._dialect == "cloud":
                run.report.send(Notification(value="Executing workflow…", prompt_id=job.id))
            run.tell(ExecutionStart(prompt_id=job.id, timestamp=now_ms()))
            self._run_outputs(run, files)
            run.status = JobStatus.completed
            ending = ExecutionSuccess(prompt_id=job.id, timestamp=now_ms())
        except Interrupted:
            # The server is stopping; the job was not cancelled by a user.
            run.status = JobStatus.lost if run.abandoned else JobStatus.cancelled
            ending = run.interruption()
        except _NodeFailed as failed:
            run.status = JobStatus.failed
            ending = self._error(run, failed.failure)
        except sqlite3.OperationalError as error:
            ending = self._unwritten(run, error)
        with run.ending:
            if not run.ended:
                self._end(run, ending)
        return run.status

    def _end(self, run: Run, ending: Event) -> None:
        # The record is written first, so that a client told of the end finds it.
        try:
            self._record(run, ending)
        except sqlite3.OperationalError as error:
            run.outputs.clear()
            run.messages.clear()
            ending = self._unwritten(run, error)
            self._record(run, ending)
        run.ended = True
        run.report.send(ending)

    def _record(self, run: Run, ending: Event) -> None:
        encoded = encode_message(ending)
        run.messages.append([encoded["type"], encoded["data"]])
        error = encoded["data"] if run.status is JobStatus.failed else None
        self._jobs.finish(run.job.id, run.status, run.outputs, run.messages, error)

    def _unwritten(self, run: Run, error: sqlite3.OperationalError) -> ExecutionError:
        """The end of a job whose record cannot be written: it failed because the disk is full."""
        run.status = JobStatus.failed
        node_id = run.current or run.job.targets[0]
        message = f"The server cannot write to its data directory: {error}\n"
        class_type = run.job.prompt[node_id]["class_type"]
        return self._error(run, Failure(node_id, class_type, "OSError", message, (), {}))

    def _run_outputs(self, run: Run, files: UserFiles) -> None:
        prompt = run.job.prompt
        order = _order(prompt, run.job.targets, self._nodes)
        keys = keys_of(prompt, order, self._nodes, files)
        cached = {}
        for node_id in order:
            result = self._recall(run.job.user, keys[node_id])
            if result is not None:
                cached[node_id] = result
        run.results.update(cached)
        run.tell(ExecutionCached(nodes=tuple(cached), prompt_id=run.job.id, timestamp=now_ms()))
        for output in run.job.targets:
            if output in cached:
                self._show(run, output, cached[output])
                run.report.end(output)
                run.executed.append(output)
            else:
                self._need(run, files, output, keys)

    def _recall(self, user: str, key: str | None) -> Result | None:
        result = self._cache.get(user, key) if key is not None else None
        if result is None or any(self._assets.get(user, id) is None for id in result.assets):
            return None
        return result

    def _need(self, run: Run, files: UserFiles, target: str, keys: Mapping[str, str | None]) -> None:
        """Run a node and whatever it needs that has no result yet; lazy inputs only when asked for."""
        stack = [target]
        while stack:
            node_id = stack[-1]
            if node_id in run.results:
                stack.pop()
                continue
            wanted = self._missing(run, node_id, files, keys)
            if wanted:
                stack += reversed(wanted)
                continue
            self._run_node(run, files, node_id, keys[node_id])
            stack.pop()

    def _missing(self, run: Run, node_id: str, files: UserFiles, keys: Mapping[str, str | None]) -> list[str]:
        entry = run.job.prompt[node_id]
        node = self._nodes[entry["class_type"]]
        live = live_inputs(node, entry["inputs"])
        lazy = {name for name, spec in live.items() if spec.lazy}
        links = {name: entry["inputs"][name] for name in live if is_link(entry["inputs"].get(name))}
        missing = [link[0] for name, link in links.items() if name not in lazy and link[0] not in run.results]
        if missing or not lazy & links.keys():
            return missing
        present = self._arguments(run, entry, node)
        asked: set[str] = set()
        for values in _calls(present, node.input_is_list):
            asked.update(node().needed(**values))
        return [link[0] for name, link in links.items() if name in asked and link[0] not in run.results]

    def _run_node(self, run: Run, files: UserFiles, node_id: str, key: str | None) -> None:
        job = run.job
        entry = job.prompt[node_id]
        node = self._nodes[entry["class_type"]]
        run.current = node_id
        if run.cancelled.is_set():
            raise Interrupted
        run.report.begin(node_id)
        run.report.send(Executing(node=node_id, display_node=node_id, prompt_id=job.id))
        context = NodeContext(
            node_id, job.prompt, job.extra_data, files, run.report, run.cancelled, self._assets, job.user
        )
        arguments: dict[str, list[Any]] = {}
        try:
            arguments = self._arguments(run, entry, node)
            result = _call(node, context, arguments)
            json.dumps(result.ui, allow_nan=False)  # what it shows must be something a message can say
        except Interrupted:
            raise
        except Exception as error:
            failure = describe_failure(error, node_id, entry["class_type"], arguments)
            # The exception's frames hold the node's arrays; they must not outlive it.
            error.__traceback__ = None
            raise _NodeFailed(failure) from None
        result = Result(result.outputs, result.ui, tuple(context.saved), size_of(result.outputs))
        run.results[node_id] = result
        if key is not None:
            self._cache.put(job.user, key, result)
        if result.ui is not None:
            self._show(run, node_id, result)
        run.report.end(node_id)
        run.executed.append(node_id)

    def _arguments(self, run: Run, entry: Mapping[str, Any], node: type[Node]) -> dict[str, list[Any]]:
        """Each input as the list of its values; an input not evaluated (lazy) is left out."""
        arguments: dict[str, list[Any]] = {}
        for name in live_inputs(node, entry["inputs"]):
            if name not in entry["inputs"]:
                continue
            value = entry["inputs"][name]
            if not is_link(value):
                arguments[name] = [value]
            elif value[0] in run.results:
                arguments[name] = run.results[value[0]].outputs[value[1]]
        return arguments

    def _show(self, run: Run, node_id: str, result: Result) -> None:
        run.report.send(Executed(node=node_id, display_node=node_id, output=result.ui, prompt_id=run.job.id))
        if result.ui is not None:
            run.outputs[node_id] = result.ui
            if time.monotonic() - run.kept > _KEEP_EVERY:
                self._jobs.keep_outputs(run.job.id, run.outputs)
                run.kept = time.monotonic()

    def _error(self, run: Run, failure: Failure) -> ExecutionError:
        # A list of ids on ComfyUI, an object in the Cloud's schema.
        outputs: Any = {} if self._dialect == "cloud" else list(run.outputs)
        return ExecutionError(
            prompt_id=run.job.id,
            node_id=failure.node_id,
            node_type=failure.class_type,
            exception_message=failure.message,
            exception_type=failure.type,
            traceback=failure.traceback,
            executed=tuple(run.executed),
            current_inputs=failure.inputs,
            current_outputs=outputs,
            timestamp=now_ms(),
        )


class _NodeFailed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _order(prompt: Mapping[str, Any], targets: Sequence[str], nodes: Mapping[str, type[Node]]) -> list[str]:
    """Every node the targets depend on, what is linked to before what links to it."""
    order: list[str] = []
    seen: set[str] = set()
    for target in targets:
        if target in seen:
            continue
        stack = [(target, _sources(prompt[target], nodes))]
        seen.add(target)
        while stack:
            node_id, sources = stack[-1]
            source = next((source for source in sources if source not in seen), None)
            if source is None:
                order.append(node_id)
                stack.pop()
            else:
                seen.add(source)
                stack.append((source, _sources(prompt[source], nodes)))
    return order


def _sources(entry: Mapping[str, Any], nodes: Mapping[str, type[Node]]) -> Iterator[str]:
    inputs = entry["inputs"]
    values = (inputs.get(name) for name in live_inputs(nodes[entry["class_type"]], inputs))
    return iter([value[0] for value in values if is_link(value)])


def _calls(arguments: Mapping[str, list[Any]], input_is_list: bool) -> Iterator[dict[str, Any]]:
    """The keyword arguments of each call: one, or one an item of the longest list, shorter ones repeating
    their last."""
    if input_is_list:
        yield dict(arguments)
        return
    longest = max((len(values) for values in arguments.values()), default=1)
    for index in range(longest):
        yield {name: values[min(index, len(values) - 1)] for name, values in arguments.items()}


def _call(node: type[Node], context: NodeContext, arguments: Mapping[str, list[Any]]) -> Result:
    outputs: tuple[list[Any], ...] = tuple([] for _ in node.outputs)
    shown: dict[str, list[Any]] = {}
    shows = False
    for values in _calls(arguments, node.input_is_list):
        made = node().run(context, **nested(node, values))
        if isinstance(made, Ui):
            shows = True
            for key, items in made.ui.items():
                shown.setdefault(key, []).extend(items)
            made = made.outputs
        for spec, collected, value in zip(node.outputs, outputs, made, strict=False):
            if spec.is_list:
                collected.extend(value)
            else:
                collected.append(value)
    return Result(outputs, shown if shows else None)
