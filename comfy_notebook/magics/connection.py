"""`%comfy` alone, `connect | login | logout | debug | asyncio`: which server, as whom, and what is wrong."""

from __future__ import annotations

from typing import Any

from ..config import TARGETS
from ..text import did_you_mean
from .call import Call
from .options import Args, Command, Option


def status(call: Call, args: Args) -> None:
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


def connect(call: Call, args: Args) -> None:
    """Connect and make that client the default; one line says which server it is, and why."""
    from .. import api

    key = args.api_key
    if key is not None and not isinstance(key, str):
        call.refuse("--api-key takes a text, as in --api-key {my_key}")
    if isinstance(args.target, str) and not set(args.target) & set(".:/") and args.target not in TARGETS:
        # A host of one word is possible, but a typing mistake is far more likely.
        near = did_you_mean(args.target, TARGETS) or f"Targets are {', '.join(TARGETS)}."
        call.refuse(f"{args.target!r} is not a target. {near} A host is written http://{args.target}")
    api.connect(args.target, api_key=key, quiet=call.quiet)


def login(call: Call, args: Args) -> None:
    """Ask for the key with no echo and keep it; nothing is sent anywhere."""
    from .. import keys

    call.say(keys.login())


def logout(call: Call, args: Args) -> None:
    """Forget the kept key."""
    from .. import keys

    call.say("the key is forgotten" if keys.logout() else "no key was kept")


def debug(call: Call, args: Args) -> None:
    """Print a report with nothing secret in it."""
    from .report import report

    print(report())


def asyncio(call: Call, args: Args) -> None:
    """Patch the running kernel's event loop, on request; nest_asyncio is used nowhere else."""
    import asyncio as aio

    patched = getattr(aio, "_nest_patched", False)
    if args.state is None:
        call.say(f"asyncio.run() in a cell is {f'on ({_patcher().__name__})' if patched else 'off'}")
    elif args.state == "off":
        call.say("it cannot be undone in a running kernel; restart the kernel" if patched else "it is off")
    elif patched:
        call.say("it is on already")
    else:
        try:
            loop = aio.get_running_loop()
        except RuntimeError:
            call.say("no event loop is running here, so asyncio.run() works as it is; nothing was changed")
            return
        patcher = _patcher()
        patcher.apply(loop)
        call.say(
            f"{patcher.__name__} has patched asyncio in this kernel, until it restarts: "
            "asyncio.run(main()) works in a cell"
        )


def _patcher() -> Any:
    """nest_asyncio2, which is maintained, else nest_asyncio, which is archived and ends at Python 3.13."""
    try:
        import nest_asyncio2

        return nest_asyncio2
    except ImportError:
        import nest_asyncio

        return nest_asyncio


COMMANDS = (
    Command("", "where am I connected, as whom, what is queued", status),
    Command(
        "connect",
        "choose the server; without a target, the first that is available",
        connect,
        (
            Option("target", "cloud, local, embedded, or a URL", "TARGET", completes="target"),
            Option(
                "api_key",
                "a variable that holds the key: never type a key into a notebook",
                "{KEY}",
                "--api-key",
            ),
        ),
        more="""\
Without TARGET: COMFY_BASE_URL if it is set; Comfy Cloud if there is an API key (COMFY_CLOUD_API_KEY,
COMFY_API_KEY, %comfy login, Colab secrets); a ComfyUI on 127.0.0.1:8188 if one answers; else the
embedded server, which needs no account and no GPU.""",
    ),
    Command("login", "keep a Comfy Cloud API key on this machine; asked for, never shown", login),
    Command("logout", "forget the kept API key", logout),
    Command("debug", "a report safe to paste: versions, server, last error", debug),
    Command(
        "asyncio",
        "let pasted code call asyncio.run() in a cell (nest_asyncio)",
        asyncio,
        (Option("state", "without it, says which it is", choices=("on", "off")),),
        more="For code pasted from elsewhere: nothing in comfy_notebook needs it. `off` takes a restart.",
    ),
)
