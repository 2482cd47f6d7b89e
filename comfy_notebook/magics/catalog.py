"""`%comfy nodes | node | models | upload`: what a server has, and putting files there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import Call, Command
from .parser import Parser
from .table import Table


def commands() -> list[Command]:
    """The commands of this file."""
    return [
        Command("nodes", _nodes_parser(), nodes),
        Command("node", _node_parser(), node),
        Command("models", _models_parser(), models),
        Command("upload", _upload_parser(), upload),
    ]


def _parser(name: str, about: str) -> Parser:
    parser = Parser(name, about)
    parser.option("--on", metavar="TARGET", help="on this server")
    return parser


def _nodes_parser() -> Parser:
    parser = _parser("nodes", "the node classes, or those that match some words")
    parser.option("pattern", metavar="PATTERN", nargs="*", help="words of the name, category or description")
    return parser


def _node_parser() -> Parser:
    parser = _parser("node", "one node class: its inputs, ranges and outputs")
    parser.option("name", metavar="NAME", help="the class, such as KSampler")
    return parser


def _models_parser() -> Parser:
    parser = _parser("models", "the model folders, or the files in one")
    parser.option("folder", metavar="FOLDER", nargs="?", help="such as checkpoints or loras")
    return parser


def _upload_parser() -> Parser:
    parser = _parser("upload", "put a file or a picture on the server")
    parser.option("what", metavar="FILE|VAR", help="a file, or a variable: PIL image, array, bytes")
    parser.option("--name", metavar="NAME", help="what to call it on the server")
    parser.option("--mask", metavar="ORIGINAL", help="a mask (white: repaint) for this uploaded picture")
    return parser


def nodes(call: Call, args: argparse.Namespace) -> Any:
    """The browser of node classes, or those that match every word."""
    client = call.client(args.on)
    if not args.pattern:
        from .. import display

        return display.nodes_panel(client)
    words = " ".join(str(word) for word in args.pattern)
    found = client.nodes.search(words)
    if not found:
        call.say(f"no node class matches {words!r}")
        return None
    return Table(["class", "name", "category"], [(i.class_type, i.display_name, i.category) for i in found])


def node(call: Call, args: argparse.Namespace) -> Any:
    """One node class, which shows itself."""
    return call.client(args.on).nodes[str(args.name)]


def models(call: Call, args: argparse.Namespace) -> Any:
    """The browser of model files, or the files of one folder."""
    client = call.client(args.on)
    if args.folder is None:
        from .. import display

        return display.models_panel(client)
    return client.models(str(args.folder))


def upload(call: Call, args: argparse.Namespace) -> Any:
    """A reference to the uploaded file; its `.name` goes into a workflow."""
    client = call.client(args.on)
    what = args.what
    if isinstance(what, str):
        what = call.names[what] if what in call.names else Path(what).expanduser()
    if args.mask is not None:
        original = call.names.get(args.mask, args.mask) if isinstance(args.mask, str) else args.mask
        stored = client.upload_mask(what, original)
    elif args.name is not None:
        stored = client.upload(what, name=str(args.name))
    else:
        stored = client.upload(what)
    call.say(f"uploaded as {stored.name}")
    return stored
