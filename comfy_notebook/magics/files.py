"""`%comfy show | inputs | validate | convert | form`: looking at a workflow, and its widgets.

Nothing here submits or uploads. A server's node definitions are asked for only where the answer needs
them; `--nodes FILE` takes a saved `object_info` instead, for work with no server at all.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .command import Call, Command
from .parser import Parser, folder

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from ..workflow.workflow import Workflow


def commands() -> list[Command]:
    """The commands of this file."""
    return [
        Command("show", _parser("show", "a picture of a workflow's nodes and links"), show, takes_body=True),
        Command(
            "inputs", _parser("inputs", "every input of a workflow that can be set"), inputs, takes_body=True
        ),
        Command("validate", _parser("validate", "what a server would refuse"), validate, takes_body=True),
        Command("convert", _convert_parser(), convert),
        Command("form", _form_parser(), form, takes_body=True),
    ]


def _parser(name: str, about: str) -> Parser:
    parser = Parser(name, about)
    parser.option("file", nargs="?", metavar="FILE|VAR", help="a workflow file, a URL, or a variable")
    parser.option("--on", metavar="TARGET", help="take the node definitions of this server")
    parser.option(
        "--nodes", metavar="FILE", convert=folder, help="take the node definitions of this object_info file"
    )
    return parser


def _convert_parser() -> Parser:
    parser = _parser("convert", "turn the editor's format into the API's")
    parser.option(
        "-o", "--output", metavar="OUT", convert=folder, help="write it here; without, it is returned"
    )
    return parser


def _form_parser() -> Parser:
    parser = Parser("form", "widgets for a workflow's inputs, with Run and Cancel")
    parser.option("file", nargs="?", metavar="FILE|VAR", help="a workflow file, a URL, or a variable")
    parser.option(
        "--inputs", metavar="A,B", help="only these inputs, as NODE.INPUT, apart by commas; or a {list}"
    )
    parser.option("--on", metavar="TARGET", help="run on this server")
    return parser


def _nodes(call: Call, args: argparse.Namespace) -> NodeCatalog:
    if args.nodes is not None:
        from ..workflow.catalog import NodeCatalog

        return NodeCatalog.load(args.nodes)
    return call.client(args.on).nodes


def _needs_nodes(wf: Workflow, args: argparse.Namespace) -> bool:
    return not wf.is_converted or args.nodes is not None or args.on is not None


def show(call: Call, args: argparse.Namespace) -> Workflow:
    """The workflow, which draws itself."""
    wf = call.workflow(args.file)
    if args.nodes is not None or args.on is not None:
        wf.resolve(_nodes(call, args))
    return wf


def inputs(call: Call, args: argparse.Namespace) -> Any:
    """The table of inputs; with ranges and choices when node definitions are at hand."""
    from .. import api

    wf = call.workflow(args.file)
    if _needs_nodes(wf, args):
        wf.resolve(_nodes(call, args))
    elif (client := api.current()) is not None:
        wf.resolve(client.nodes)
    return wf.inputs()


def validate(call: Call, args: argparse.Namespace) -> Any:
    """The problems, as a list that shows itself; an empty one is good news."""
    wf = call.workflow(args.file)
    problems = wf.validate(_nodes(call, args))
    if not problems:
        call.say(f"nothing is wrong with it: {len(wf)} nodes")
        return None
    return problems


def convert(call: Call, args: argparse.Namespace) -> Workflow | None:
    """The workflow in the API's format: written with `-o`, returned without."""
    wf = call.workflow(args.file)
    if _needs_nodes(wf, args):
        wf.resolve(_nodes(call, args))
    for problem in wf.problems:
        call.say(f"not converted: {problem}")
    if args.output is None:
        return wf
    path = wf.save(args.output)
    call.say(f"wrote {path}: {len(wf)} nodes in the API's format")
    return None


def form(call: Call, args: argparse.Namespace) -> Any:
    """Widgets, whose Run submits."""
    from .. import display

    wf = call.workflow(args.file)
    client = call.client(args.on)
    wf.resolve(client.nodes)
    call.set_values(wf, [])
    wanted = args.inputs
    if isinstance(wanted, str):
        wanted = [name.strip() for name in wanted.split(",") if name.strip()]
    return display.form(wf, inputs=wanted, client=client)
