"""`%comfy` alone, `connect | free | log | login | logout | debug | asyncio`: the server, the account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..config import TARGETS
from ..text import did_you_mean
from .call import Call
from .options import TARGET, Args, Command, Option, whole


def status(call: Call, args: Args) -> None:
    """Show a card of the server, the account and the queue, requested now."""
    from .. import api

    client = api.current()
    if client is None:
        call.say("Not connected yet. The first run, or %comfy connect, chooses a server and names it.")
    elif not call.quiet:
        from IPython.display import display

        from ..display import client_card

        if client.server is not None and not client.server.alive:
            call.say(
                "The embedded server has been stopped. The next run, or %comfy connect, starts it again."
            )
            return
        show: Callable[..., Any] = display
        show(client_card(client.info()), raw=True)


def connect(call: Call, args: Args) -> None:
    """Connect and make that client the default; one line names the server and the reason."""
    from .. import api

    key = args.api_key
    if key is not None and not isinstance(key, str):
        call.refuse("--api-key takes a string, as in --api-key {my_key}")
    if isinstance(args.target, str) and not set(args.target) & set(".:/") and args.target not in TARGETS:
        # A host of one word is possible, but a typing mistake is far more likely.
        near = did_you_mean(args.target, TARGETS) or f"Targets are {', '.join(TARGETS)}."
        call.refuse(f"{args.target!r} is not a target. {near} A host is written http://{args.target}")
    api.connect(args.target, api_key=key, quiet=call.quiet)


def login(call: Call, args: Args) -> None:
    """Ask for the key without echo and store it; nothing is sent."""
    from .. import keys

    call.say(keys.login())


def logout(call: Call, args: Args) -> None:
    """Delete the stored key."""
    from .. import keys

    call.say("The stored API key has been deleted." if keys.logout() else "No API key was stored.")


def debug(call: Call, args: Args) -> None:
    """Print a report that contains no secrets."""
    from .report import report

    print(report())


def asyncio(call: Call, args: Args) -> None:
    """Patch the event loop of the running kernel, on request; nothing else here uses nest_asyncio."""
    import asyncio as aio

    patched = getattr(aio, "_nest_patched", False)
    if args.state is None:
        call.say(f"asyncio.run() in a cell is {f'on ({_patcher().__name__})' if patched else 'off'}.")
    elif args.state == "off":
        call.say(
            "The patch cannot be undone in a running kernel; restart the kernel." if patched else "It is off."
        )
    elif patched:
        call.say("It is already on.")
    else:
        try:
            loop = aio.get_running_loop()
        except RuntimeError:
            call.say("No event loop is running here, so asyncio.run() already works; nothing was changed.")
            return
        patcher = _patcher()
        patcher.apply(loop)
        call.say(
            f"{patcher.__name__} has patched asyncio in this kernel until it restarts: "
            "asyncio.run(main()) works in a cell."
        )


def _patcher() -> Any:
    """nest_asyncio2 if installed, else nest_asyncio, which is archived and fails on Python 3.14."""
    try:
        import nest_asyncio2

        return nest_asyncio2
    except ImportError:
        import nest_asyncio

        return nest_asyncio


def free(call: Call, args: Args) -> None:
    """Have the server unload its models and drop its cached results."""
    client = call.client(args.on)
    client.free(unload_models=not args.keep_models)
    devices = client.info().devices
    freed = "The cached results are dropped" if args.keep_models else "The models are unloaded"
    call.say(f"{freed}{': ' + ', '.join(devices) if devices else '.'}")


def log(call: Call, args: Args) -> None:
    """Print the end of the server's own log, with secrets masked."""
    print(call.client(args.on).logs(args.lines) or "The log is empty.")


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
                "a variable that holds the key; do not type a key into a notebook",
                "{KEY}",
                "--api-key",
            ),
        ),
        more="""\
Without TARGET: COMFY_BASE_URL if it is set; Comfy Cloud if there is an API key (COMFY_CLOUD_API_KEY,
COMFY_API_KEY, %comfy login, Colab secrets); a ComfyUI on 127.0.0.1:8188 if one answers; else the
embedded server, which needs no account and no GPU.""",
    ),
    Command(
        "free",
        "have the server unload its models and free their memory",
        free,
        (
            Option(
                "keep_models",
                "drop the cached results only",
                flag="--keep-models",
                takes_value=False,
                default=False,
            ),
            TARGET,
        ),
    ),
    Command(
        "log",
        "the end of the server's own log",
        log,
        (Option("lines", "how many lines (40)", "N", "--lines", default=40, convert=whole), TARGET),
    ),
    Command("login", "store a Comfy Cloud API key on this machine; it is typed without echo", login),
    Command("logout", "delete the stored API key", logout),
    Command("debug", "a report that is safe to paste: versions, server, last error", debug),
    Command(
        "asyncio",
        "let code in a cell call asyncio.run() (nest_asyncio)",
        asyncio,
        (Option("state", "without it, prints the current state", choices=("on", "off")),),
        more="For code written for scripts; comfy_notebook does not need it. `off` needs a kernel restart.",
    ),
)
