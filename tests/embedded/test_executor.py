"""How a graph is walked, run and remembered: in process, with nodes made for it."""

from __future__ import annotations

import threading
from typing import ClassVar

import numpy as np
import pytest

from comfy_notebook.embedded.assets import Assets
from comfy_notebook.embedded.blobs import Blobs
from comfy_notebook.embedded.cache import Cache
from comfy_notebook.embedded.context import Report, UserFiles
from comfy_notebook.embedded.database import Database
from comfy_notebook.embedded.events import Audience
from comfy_notebook.embedded.executor import Executor, Run
from comfy_notebook.embedded.jobs import Job, Jobs
from comfy_notebook.embedded.nodes.base import Input, Node, Output, Ui
from comfy_notebook.protocol.messages import ExecutionCached, ExecutionError, ExecutionInterrupted
from comfy_notebook.protocol.status import JobStatus

ran: list[str] = []


class Make(Node):
    """An array of so many bytes."""

    inputs: ClassVar = {"value": Input("*"), "size": Input("INT", optional=True)}
    outputs = (Output("*"),)

    def run(self, ctx, *, value, size=8):
        ran.append(f"make {value}")
        return (np.full(size, value, np.uint8) if isinstance(value, int) else value,)


class Split(Node):
    """A list of values, one job for each that follows."""

    inputs: ClassVar = {"count": Input("INT")}
    outputs = (Output("INT", is_list=True),)

    def run(self, ctx, *, count):
        return (list(range(count)),)


class Pair(Node):
    """Called once an item of the longer list; the shorter repeats its last."""

    inputs: ClassVar = {"a": Input("*"), "b": Input("*")}
    outputs = (Output("*"),)

    def run(self, ctx, *, a, b):
        return ((a, b),)


class Gather(Node):
    """Takes whole lists, whatever their lengths."""

    inputs: ClassVar = {"values": Input("*")}
    outputs = (Output("*"),)
    input_is_list = True

    def run(self, ctx, *, values):
        return (values,)


class Switch(Node):
    """Wants only the one of its inputs that it hands on."""

    inputs: ClassVar = {
        "first": Input("BOOLEAN"),
        "yes": Input("*", lazy=True),
        "no": Input("*", lazy=True),
    }
    outputs = (Output("*"),)

    def needed(self, *, first, yes=None, no=None):
        return ["yes" if first else "no"]

    def run(self, ctx, *, first, yes=None, no=None):
        return (yes if first else no,)


class Watch(Node):
    """Depends on more than its inputs."""

    state: ClassVar[list] = [0]
    inputs: ClassVar = {"any": Input("*", optional=True)}
    outputs = (Output("*"),)

    def fingerprint(self, files, **literals):
        if self.state[0] == "broken":
            raise OSError("gone")
        return self.state[0]

    def run(self, ctx, *, any=None):
        ran.append("watch")
        return (self.state[0],)


class Show(Node):
    """Shows what it is given."""

    inputs: ClassVar = {"value": Input("*"), "also": Input("*", optional=True)}
    outputs = (Output("*"),)
    output_node = True

    def run(self, ctx, *, value, also=None):
        ran.append("show")
        return Ui({"text": [str(value)]}, (value,))


class Fail(Node):
    """Raises what it is told to."""

    inputs: ClassVar = {"value": Input("*")}
    output_node = True

    def run(self, ctx, *, value):
        raise {"memory": MemoryError("no room"), "key": KeyError("x")}.get(value, RuntimeError(str(value)))


class Odd(Node):
    """Shows what no message can say."""

    output_node = True

    def run(self, ctx):
        return Ui({"text": [np.zeros(2)]})


class Wait(Node):
    """Reports a step, and is cancelled at the next."""

    output_node = True
    cancel: ClassVar[list] = []

    def run(self, ctx):
        ctx.progress(1, 10)
        self.cancel[0].set()
        ctx.progress(2, 10)
        raise AssertionError("a step was taken after the cancel")


NODES = {node.__name__: node for node in (Make, Split, Pair, Gather, Switch, Watch, Show, Fail, Odd, Wait)}


class Heard(list):
    """Stands where the sockets' hub does, and keeps everything said."""

    def listens(self, audience):
        return True

    def publish(self, audience, *events):
        self.extend(events)


class Bench:
    def __init__(self, folder, cache_bytes=10**6, dialect="cloud"):
        self.database = Database(folder / "test.sqlite")
        self.jobs = Jobs(self.database)
        self.assets = Assets(self.database, Blobs(folder), 10**9)
        self.cache = Cache(cache_bytes)
        self.executor = Executor(NODES, self.jobs, self.assets, self.cache, dialect)
        self.count = 0

    def run(self, prompt, targets, user="u", cancelled=None):
        ran.clear()
        self.count += 1
        heard = Heard()
        job = self.jobs.add(Job(f"job-{self.count}", user, 0, prompt, tuple(targets)))
        run = Run(job, Report(job.id, Audience(user), heard), cancelled or threading.Event())
        self.executor.execute(run, UserFiles(self.assets, user, {}))
        return self.jobs.get(user, job.id), heard


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.database.close()


def node(class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs}


def shown(job, id="out"):
    return job.outputs[id]["text"]


def test_a_list_runs_what_follows_once_an_item_and_the_shorter_repeats(bench):
    graph = {
        "a": node("Split", count=3),
        "b": node("Split", count=2),
        "p": node("Pair", a=["a", 0], b=["b", 0]),
        "out": node("Show", value=["p", 0]),
    }
    job, _ = bench.run(graph, ["out"])
    assert shown(job) == ["(0, 0)", "(1, 1)", "(2, 1)"]


def test_a_node_that_takes_lists_gets_them_whole(bench):
    graph = {
        "a": node("Split", count=3),
        "g": node("Gather", values=["a", 0]),
        "out": node("Show", value=["g", 0]),
    }
    job, _ = bench.run(graph, ["out"])
    assert shown(job) == ["[0, 1, 2]"]


def test_a_lazy_input_is_evaluated_only_when_asked_for(bench):
    graph = {
        "y": node("Make", value="yes"),
        "n": node("Make", value="no"),
        "s": node("Switch", first=True, yes=["y", 0], no=["n", 0]),
        "out": node("Show", value=["s", 0]),
    }
    job, _ = bench.run(graph, ["out"])
    assert shown(job) == ["yes"]
    assert ran == ["make yes", "show"]


def test_the_same_work_under_other_ids_is_not_done_again(bench):
    graph = {"a": node("Make", value=1), "out": node("Show", value=["a", 0])}
    bench.run(graph, ["out"])
    again = {"x": node("Make", value=1), "y": node("Show", value=["x", 0])}
    job, heard = bench.run(again, ["y"])
    assert ran == []
    [cached] = [event for event in heard if isinstance(event, ExecutionCached)]
    assert set(cached.nodes) == {"x", "y"}
    assert job.status is JobStatus.completed
    assert list(job.outputs) == ["y"]


def test_a_change_runs_what_depends_on_it_and_no_more(bench):
    graph = {
        "a": node("Make", value=1),
        "b": node("Make", value=2),
        "out": node("Show", value=["a", 0], also=["b", 0]),
    }
    bench.run(graph, ["out"])
    graph["b"] = node("Make", value=3)
    bench.run(graph, ["out"])
    assert ran == ["make 3", "show"]


def test_one_users_results_are_not_anothers(bench):
    graph = {"a": node("Make", value=1), "out": node("Show", value=["a", 0])}
    bench.run(graph, ["out"])
    bench.run(graph, ["out"], user="another")
    assert ran == ["make 1", "show"]


def test_a_fingerprint_that_changes_or_fails_runs_the_node_again(bench):
    graph = {"w": node("Watch"), "out": node("Show", value=["w", 0])}
    for state, expected in (
        (1, ["watch", "show"]),
        (1, []),
        (2, ["watch", "show"]),
        ("broken", ["watch", "show"]),
        ("broken", ["watch", "show"]),
    ):
        Watch.state[0] = state
        bench.run(graph, ["out"])
        assert ran == expected, state


def test_the_cache_is_bounded_and_forgets_the_least_recently_used(tmp_path):
    bench = Bench(tmp_path, cache_bytes=50_000)

    def make(value):
        bench.run({"a": node("Make", value=value, size=10_000), "out": node("Show", value=["a", 0])}, ["out"])
        return list(ran)

    make(1), make(2)
    assert make(1) == []
    make(3)
    assert make(1) == []
    assert make(2) == ["make 2", "show"]
    bench.database.close()


def test_what_failed_is_not_remembered_and_what_came_before_is_kept(bench):
    graph = {
        "a": node("Make", value="x"),
        "out": node("Show", value=["a", 0]),
        "bad": node("Fail", value=["a", 0]),
    }
    for expected in (["make x", "show"], []):
        job, heard = bench.run(graph, ["out", "bad"])
        assert ran == expected
        assert job.status is JobStatus.failed
        assert shown(job) == ["x"]
        [error] = [event for event in heard if isinstance(event, ExecutionError)]
        assert (error.node_id, error.node_type, error.exception_message) == ("bad", "Fail", "x\n")
        assert error.current_inputs == {"value": ["x"]}


@pytest.mark.parametrize(
    ("value", "type"), [("memory", "OOMError"), ("key", "KeyError"), ("x", "RuntimeError")]
)
def test_the_type_of_an_error_is_the_references_word_or_its_own_name(bench, value, type):
    _, heard = bench.run({"bad": node("Fail", value=value)}, ["bad"])
    [error] = [event for event in heard if isinstance(event, ExecutionError)]
    assert error.exception_type == type
    assert all("/" not in line.split('"')[1][:1] for line in error.traceback)


def test_a_node_that_shows_what_cannot_be_said_has_failed(bench):
    job, heard = bench.run({"odd": node("Odd")}, ["odd"])
    assert job.status is JobStatus.failed
    [error] = [event for event in heard if isinstance(event, ExecutionError)]
    assert (error.node_id, error.exception_type) == ("odd", "TypeError")


def test_a_cancel_takes_effect_before_the_next_step(bench):
    cancelled = threading.Event()
    Wait.cancel[:] = [cancelled]
    job, heard = bench.run({"w": node("Wait")}, ["w"], cancelled=cancelled)
    assert job.status is JobStatus.cancelled
    [interrupted] = [event for event in heard if isinstance(event, ExecutionInterrupted)]
    assert (interrupted.node_id, interrupted.node_type) == ("w", "Wait")


def test_what_is_linked_but_not_declared_is_no_dependency(bench):
    job, _ = bench.run({"out": node("Show", value="x", nonsense=["nowhere", 0])}, ["out"])
    assert job.status is JobStatus.completed
    assert shown(job) == ["x"]


def test_an_output_whose_file_is_gone_is_made_again(bench):
    class Save(Show):
        def run(self, ctx, *, value, also=None):
            ran.append("save")
            return Ui({"images": [ctx.save(b"data", "a/b", ".txt", "temp")]})

    NODES["Save"] = Save
    graph = {"out": node("Save", value="x")}
    job, _ = bench.run(graph, ["out"])
    [file] = job.outputs["out"]["images"]
    assert file == {"filename": "b_00001_.txt", "subfolder": "a", "type": "temp"}
    bench.run(graph, ["out"])
    assert ran == []
    asset = bench.assets.find("u", "b_00001_.txt", "a", "temp")
    assert bench.assets.read(asset) == b"data"
    bench.assets.remove("u", asset.id)
    job, _ = bench.run(graph, ["out"])
    assert ran == ["save"]
    assert job.outputs["out"]["images"][0]["filename"] == "b_00002_.txt"
    del NODES["Save"]


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "..\\x"])
def test_a_prefix_leads_to_no_other_folder(bench, prefix):
    class Save(Show):
        def run(self, ctx, *, value, also=None):
            return Ui({"images": [ctx.save(b"data", value, ".txt")]})

    NODES["Save"] = Save
    job, _ = bench.run({"out": node("Save", value=prefix)}, ["out"])
    assert job.status is JobStatus.failed
    del NODES["Save"]
