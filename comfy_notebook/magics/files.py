"""`%comfy workflows | show | inputs | validate | convert | form`: inspect, convert and edit workflows.

Nothing here submits or uploads. Node definitions are requested from a server only where they are needed;
`--nodes FILE` reads a saved `object_info` instead, so that no server is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import Call
from .options import TARGET, WORKFLOW, Args, Command, Option, folder
from .table import Table

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from ..workflow.workflow import Workflow


def _nodes(call: Call, args: Args) -> NodeCatalog:
    if args.nodes is not None:
        from ..workflow.catalog import NodeCatalog

        return NodeCatalog.load(args.nodes)
    return call.client(args.on).nodes


def _needs_nodes(wf: Workflow, args: Args) -> bool:
    return not wf.is_converted or args.nodes is not None or args.on is not None


def show(call: Call, args: Args) -> Workflow:
    """The workflow, drawn as the cell's output."""
    wf = call.workflow(args.file)
    if args.nodes is not None or args.on is not None:
        wf.resolve(_nodes(call, args))
    return wf


def inputs(call: Call, args: Args) -> Any:
    """The table of inputs, with ranges and choices when node definitions are available."""
    from .. import api

    wf = call.workflow(args.file)
    if _needs_nodes(wf, args):
        wf.resolve(_nodes(call, args))
    elif (client := api.current()) is not None:
        wf.resolve(client.nodes)
    return wf.inputs()


def validate(call: Call, args: Args) -> Any:
    """The model files and the problems as tables; when there are no problems, a line says so."""
    wf = call.workflow(args.file)
    problems = wf.validate(_nodes(call, args))
    if models := wf.models():
        call.say(f"Model files of the workflow:\n{models}\n")
    if not problems:
        call.say(f"No problems found in {len(wf)} nodes.")
        return None
    return problems


def workflows(call: Call, args: Args) -> Any:
    """The names of the workflows that the editor saved on the server, or one of them."""
    client = call.client(args.on)
    if args.name is not None:
        return client.workflow(str(args.name))
    names = client.workflows()
    if not names:
        call.say("The editor has saved no workflow on this server.")
        return None
    return Table(["workflow"], [(name,) for name in names])


def convert(call: Call, args: Args) -> Workflow | None:
    """The workflow in the API format: written to a file with `-o`, otherwise returned."""
    wf = call.workflow(args.file)
    if _needs_nodes(wf, args):
        wf.resolve(_nodes(call, args))
    for problem in wf.problems:
        call.say(f"Not converted: {problem}")
    if args.output is None:
        return wf
    path = wf.save(args.output)
    call.say(f"Wrote {path}: {len(wf)} nodes in the API format.")
    return None


def form(call: Call, args: Args) -> Any:
    """A form of widgets; its Run button submits."""
    from .. import api

    wf = call.workflow(args.file)
    client = call.client(args.on)
    wf.resolve(client.nodes)
    call.set_values(wf, [])
    wanted = args.inputs
    if isinstance(wanted, str):
        wanted = [name.strip() for name in wanted.split(",") if name.strip()]
    return api.form(wf, inputs=wanted, client=client)


_DEFINITIONS = (
    WORKFLOW,
    Option("on", "use the node definitions of this server", "TARGET", "--on", completes="target"),
    Option(
        "nodes",
        "use the node definitions in this object_info file",
        "FILE",
        "--nodes",
        convert=folder,
        completes="file",
    ),
)

COMMANDS = (
    Command(
        "workflows",
        "the workflows that the editor saved on the server, or one of them",
        workflows,
        (Option("name", "return this one, as a Workflow", "NAME"), TARGET),
    ),
    Command("show", "a picture of a workflow's nodes and links", show, _DEFINITIONS, takes_body=True),
    Command("inputs", "the inputs of a workflow that can be set", inputs, _DEFINITIONS, takes_body=True),
    Command(
        "validate",
        "the model files it needs, and what a server would refuse",
        validate,
        _DEFINITIONS,
        takes_body=True,
    ),
    Command(
        "convert",
        "convert the editor format to the API format",
        convert,
        (
            *_DEFINITIONS,
            Option(
                "output",
                "write to this file; without it, the workflow is returned",
                "OUT",
                "--output",
                "-o",
                convert=folder,
                completes="file",
            ),
        ),
    ),
    Command(
        "form",
        "widgets for a workflow's inputs, with Run and Cancel",
        form,
        (
            WORKFLOW,
            Option(
                "inputs",
                "only these inputs, as NODE.INPUT, separated by commas; or a {list}",
                "A,B",
                "--inputs",
                completes="inputs",
            ),
            TARGET,
        ),
        takes_body=True,
    ),
)
