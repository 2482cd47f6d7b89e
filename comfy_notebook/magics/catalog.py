"""`%comfy nodes | node | models | upload`: the nodes and models of a server, and uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import models
from .call import Call
from .options import TARGET, Args, Command, Option
from .table import Table


def nodes(call: Call, args: Args) -> Any:
    """The browser of node classes, or a table of those that match every word."""
    client = call.client(args.on)
    if not args.pattern:
        from .. import display

        return display.nodes_panel(client)
    words = " ".join(str(word) for word in args.pattern)
    found = client.nodes.search(words)
    if not found:
        call.say(f"No node class matches {words!r}.")
        return None
    return Table(["class", "name", "category"], [(i.class_type, i.display_name, i.category) for i in found])


def node(call: Call, args: Args) -> Any:
    """One node class, drawn as the cell's output."""
    return call.client(args.on).nodes[str(args.name)]


def upload(call: Call, args: Args) -> Any:
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
    call.say(f"Uploaded as {stored.name}.")
    return stored


COMMANDS = (
    Command(
        "nodes",
        "the node classes, or those that match the words",
        nodes,
        (
            Option(
                "pattern",
                "words of the name, category or description",
                "PATTERN",
                count="many",
                completes="class",
            ),
            TARGET,
        ),
    ),
    Command(
        "node",
        "one node class: its inputs, ranges and outputs",
        node,
        (Option("name", "the class, such as KSampler", "NAME", count="one", completes="class"), TARGET),
    ),
    models.COMMAND,
    Command(
        "upload",
        "upload a file or a picture to the server",
        upload,
        (
            Option(
                "what",
                "a file, or a variable: PIL image, array, bytes",
                "FILE|VAR",
                count="one",
                completes="file",
            ),
            Option("name", "its name on the server", "NAME", "--name"),
            Option(
                "mask", "upload it as a mask (white: repaint) for this uploaded picture", "ORIGINAL", "--mask"
            ),
            TARGET,
        ),
    ),
)
