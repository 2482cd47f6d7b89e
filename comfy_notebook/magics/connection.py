"""`%comfy` alone, `connect | login | logout | debug | asyncio`: which server, as whom, and what is wrong."""

from __future__ import annotations

import argparse

from ..config import TARGETS
from ..text import did_you_mean
from .command import Call, Command
from .parser import Parser


def commands() -> list[Command]:
    """The commands of this file; the one with no name is `%comfy` alone."""
    return [
        Command("", Parser("", "where am I connected, as whom, what is queued"), status),
        Command("connect", _connect_parser(), connect),
        Command(
            "login",
            Parser("login", "keep a Comfy Cloud API key on this machine; asked for, never shown"),
            login,
        ),
        Command("logout", Parser("logout", "forget the kept API key"), logout),
        Command("debug", Parser("debug", "a report safe to paste: versions, server, last error"), debug),
        Command("asyncio", _asyncio_parser(), asyncio),
    ]


def _connect_parser() -> Parser:
    parser = Parser(
        "connect",
        "choose the server; without a target, the first that holds",
        more="""\
Without TARGET: COMFY_BASE_URL if it is set; Comfy Cloud if there is an API key (COMFY_CLOUD_API_KEY,
COMFY_API_KEY, %comfy login, Colab secrets); a ComfyUI on 127.0.0.1:8188 if one answers; else the
embedded server, which needs no account and no GPU.""",
    )
    parser.option("target", nargs="?", metavar="TARGET", help="cloud, local, embedded, or a URL")
    parser.option(
        "--api-key", metavar="{KEY}", help="a variable holding the key: never type a key into a notebook"
    )
    return parser


def _asyncio_parser() -> Parser:
    parser = Parser(
        "asyncio",
        "let pasted code call asyncio.run() in a cell (nest_asyncio)",
        more="For code pasted from elsewhere: nothing in comfy_notebook needs it. `off` takes a restart.",
    )
    parser.option("state", nargs="?", choices=["on", "off"], help="without it, says which it is")
    return parser


def status(call: Call, args: argparse.Namespace) -> None:
    """Where am I connected, as whom, what is queued: a card, asked for now."""
    from .. import api

    client = api.current()
    if client is None:
        call.say("Not connected yet: the first run, or %comfy connect, chooses a server and says which.")
    elif not call.quiet:
        from IPython.display import display

        from ..display import client_card

        if client.server is not None and not client.server.alive:
            call.say(
                "The embedded server has been stopped: the next run, or %comfy connect, starts it again."
            )
            return
        display(client_card(client.info()), raw=True)


def connect(call: Call, args: argparse.Namespace) -> None:
    """Connect and make that client the default; one line says which server it is, and why."""
    from .. import api

    key = args.api_key
    if key is not None and not isinstance(key, str):
        call.refuse("--api-key takes a text, as in --api-key {my_key}")
    if isinstance(args.target, str) and not set(args.target) & set(".:/") and args.target not in TARGETS:
        # A host of one word is possible, a slip of the fingers far more likely: no time is spent on trying.
        near = did_you_mean(args.target, TARGETS) or f"Targets are {', '.join(TARGETS)}."
        call.refuse(f"{args.target!r} is no target. {near} A host is written http://{args.target}")
    api.connect(args.target, api_key=key, quiet=call.quiet)


def login(call: Call, args: argparse.Namespace) -> None:
    """Ask for the key with no echo and keep it; nothing is sent anywhere."""
    from .. import keys

    call.say(keys.login())


def logout(call: Call, args: argparse.Namespace) -> None:
    """Forget the kept key."""
    from .. import keys

    call.say("the key is forgotten" if keys.logout() else "no key was kept")


def debug(call: Call, args: argparse.Namespace) -> None:
    """Print a report with nothing secret in it."""
    from .report import report

    print(report())


def asyncio(call: Call, args: argparse.Namespace) -> None:
    """Patch the running kernel's loop, on request, and say so; the only use of nest_asyncio."""
    import asyncio as aio
    import sys

    on = hasattr(aio, "_nest_patched")
    if args.state is None:
        call.say(f"asyncio.run() in a cell is {'on (nest_asyncio)' if on else 'off'}")
    elif args.state == "off":
        call.say(
            "nest_asyncio cannot be taken out of a running kernel; restart the kernel" if on else "it is off"
        )
    elif on:
        call.say("it is on already")
    elif sys.version_info >= (3, 14):
        call.refuse("nest_asyncio does not work on Python 3.14; write `await main()` for asyncio.run(main())")
    else:
        try:
            loop = aio.get_running_loop()
        except RuntimeError:
            call.say("no event loop is running here, so asyncio.run() works as it is; nothing was changed")
            return
        import nest_asyncio

        nest_asyncio.apply(loop)
        call.say(
            "nest_asyncio has patched asyncio in this kernel, until it restarts: "
            "asyncio.run(main()) works in a cell"
        )
