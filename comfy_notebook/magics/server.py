"""`%comfy server start | stop | status | log`: the Comfy Cloud on this machine."""

from __future__ import annotations

import argparse

from .command import Call, Command
from .parser import Parser, port, whole


def commands() -> list[Command]:
    """The commands of this file."""
    parser = Parser("server", "the embedded server: start, stop, status, log")
    parser.option("action", nargs="?", choices=["start", "stop", "status", "log"], default="status")
    parser.option("--port", metavar="N", convert=port, help="start: on this port, not any free one")
    parser.option(
        "--tier", choices=["standard", "creator", "pro"], help="start: 1, 3 or 5 jobs at a time (standard)"
    )
    parser.option("--lines", metavar="N", convert=whole, default=40, help="log: how many lines (40)")
    return [Command("server", parser, server)]


def server(call: Call, args: argparse.Namespace) -> None:
    """Start it, stop it, say how it is, or show the end of its log."""
    {"start": _start, "stop": _stop, "status": _status, "log": _log}[args.action](call, args)


def _start(call: Call, args: argparse.Namespace) -> None:
    from ..client.embedded import launcher

    if (running := launcher.running) is not None:
        call.say(f"It runs already on {running.url} (process {running.pid})")
        return
    options = [("--port", args.port), ("--tier", args.tier)]
    started = launcher.start(*(str(part) for name, value in options if value for part in (name, value)))
    call.say(f"Started on {started.url} (process {started.pid}); %comfy connect embedded uses it")


def _stop(call: Call, args: argparse.Namespace) -> None:
    from ..client.embedded import launcher

    call.say("Stopped; its jobs are kept for the next start" if launcher.stop() else "It does not run")


def _status(call: Call, args: argparse.Namespace) -> None:
    from ..client.embedded import launcher

    running = launcher.running
    if running is None:
        call.say("It does not run; %comfy connect embedded starts it")
    else:
        call.say(f"It runs on {running.url} (process {running.pid}), its files in {running.data_dir}")


def _log(call: Call, args: argparse.Namespace) -> None:
    from ..client.embedded import launcher, tail
    from ..config import data_dir

    running = launcher.running
    path = running.log_file if running is not None else data_dir() / "embedded" / "server.log"
    print(tail(path, args.lines) or f"{path} is empty, or not there yet")
