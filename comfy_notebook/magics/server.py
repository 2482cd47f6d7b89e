"""`%comfy server start | stop | status | log`: the Comfy Cloud on this machine."""

from __future__ import annotations

from .call import Call
from .options import Args, Command, Option, port, whole


def server(call: Call, args: Args) -> None:
    """Start it, stop it, print its status, or print the end of its log."""
    {"start": _start, "stop": _stop, "status": _status, "log": _log}[args.action](call, args)


def _start(call: Call, args: Args) -> None:
    from ..client.embedded import launcher

    if (running := launcher.running) is not None:
        call.say(f"It is already running on {running.url} (process {running.pid}).")
        return
    options = [("--port", args.port), ("--tier", args.tier)]
    started = launcher.start(*(str(part) for name, value in options if value for part in (name, value)))
    call.say(f"Started on {started.url} (process {started.pid}); %comfy connect embedded uses it.")


def _stop(call: Call, args: Args) -> None:
    from ..client.embedded import launcher

    call.say("Stopped; its jobs are kept for the next start." if launcher.stop() else "It is not running.")


def _status(call: Call, args: Args) -> None:
    from ..client.embedded import launcher

    running = launcher.running
    if running is None:
        call.say("It is not running; %comfy connect embedded starts it.")
    else:
        call.say(
            f"It is running on {running.url} (process {running.pid}); its files are in {running.data_dir}."
        )


def _log(call: Call, args: Args) -> None:
    from ..client.embedded import launcher, tail
    from ..config import data_dir

    running = launcher.running
    path = running.log_file if running is not None else data_dir() / "embedded" / "server.log"
    print(tail(path, args.lines) or f"{path} is empty or does not exist yet.")


COMMANDS = (
    Command(
        "server",
        "the embedded server: start, stop, status, log",
        server,
        (
            Option(
                "action", "the action (status)", choices=("start", "stop", "status", "log"), default="status"
            ),
            Option("port", "start: the port (any free one)", "N", "--port", convert=port),
            Option(
                "tier",
                "start: run 1, 3 or 5 jobs at a time (standard)",
                flag="--tier",
                choices=("standard", "creator", "pro"),
            ),
            Option("lines", "log: how many lines (40)", "N", "--lines", default=40, convert=whole),
        ),
    ),
)
