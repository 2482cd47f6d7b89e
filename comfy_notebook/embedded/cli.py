"""The command: options, start-up, the one line on standard output, and stopping.

Standard output carries `{"url": …, "api_key": …}` once the server answers, and nothing else;
messages for people go to standard error. Exit codes: 0 stopped as asked, 2 wrong usage, 3 the port
is taken, 4 the data directory is in use by another server, 5 it cannot be written.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .logs import KeepRecent
from .options import TIERS, Options, is_loopback, is_sendable

if TYPE_CHECKING:
    from .server import Server

_LARGEST = 1e9  # seconds or gigabytes: as good as no limit
PORT_TAKEN, DATA_DIR_IN_USE, DATA_DIR_UNUSABLE = 3, 4, 5
log = logging.getLogger("comfy_notebook.embedded")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is stopped; returns the exit code."""
    parser = _parser()
    options = _options(parser, parser.parse_args(argv))
    os.umask(0o077)  # what this process writes is readable by its user only
    _set_up_logging()
    sockets = []
    for option, port in (("--port", options.port), ("--storage-port", options.storage_port)):
        try:
            sockets.append(_bind(options.host, port))
        except OSError as error:
            choice = f"{option}; 0 takes a free one" if port else "--host: an address of this machine"
            why = error.strerror or str(error)
            return _complain(
                PORT_TAKEN, f"cannot listen on {options.host}:{port}: {why}. Choose another {choice}."
            )
    from .accounts import BadAccounts
    from .database import DatabaseTooNew, DataDirInUse
    from .server import Server

    try:
        server = Server(options)
    except DataDirInUse:
        return _complain(DATA_DIR_IN_USE, f"another server is using the data directory {options.data_dir}. "
                         "Stop it, or choose another --data-dir.")  # fmt: skip
    except DatabaseTooNew as error:
        newer = f"the data directory {options.data_dir} was made by a newer comfy-notebook ({error})"
        return _complain(DATA_DIR_UNUSABLE, f"{newer}. Upgrade comfy-notebook, or choose another --data-dir.")
    except BadAccounts as error:
        return _complain(2, str(error))
    except (OSError, ValueError, sqlite3.Error) as error:
        return _complain(DATA_DIR_UNUSABLE, f"cannot use the data directory {options.data_dir}: {error}")
    try:
        asyncio.run(_serve(server, options, sockets))
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    log.info("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m comfy_notebook.embedded",
        description="A Comfy Cloud on this machine: the same API, on numpy and Pillow, with one checkpoint "
        "that has learned nothing. Prints one line of JSON, its address and key, when it answers.",
        epilog="Exit codes: 2 wrong usage, 3 port taken, 4 data directory in use, 5 data directory unusable.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=0, help="API port; 0 (default) takes any free one")
    add("--storage-port", type=_port, default=0, help="port stored files are read from; default any free one")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1; others need --api-key)")
    add("--data-dir", type=Path, help="where jobs and files are kept (default: the user's data folder)")
    add("--api-key", default="", help="the key clients must send; default: a new one each start "
        "(or the variable COMFY_EMBEDDED_API_KEY, which other users of the machine cannot see)")  # fmt: skip
    add(
        "--tier", choices=list(TIERS), default="standard", help="jobs at a time: standard 1, creator 3, pro 5"
    )
    add("--accounts", type=Path, help="TOML file with several users, their keys, tiers and limits")
    add(
        "--dialect",
        choices=["cloud", "comfyui"],
        default="cloud",
        help="speak as Comfy Cloud, or as ComfyUI, which asks for no key on loopback",
    )
    add(
        "--preview-method",
        choices=["auto", "none"],
        default="",
        help="show steps as pictures unless a job says otherwise (default: auto; none as ComfyUI)",
    )
    add(
        "--raw-status",
        action="store_true",
        help="answer /api/job/ID/status with the Cloud's internal words (success, error, lost, …), which the "
        "newest published examples wait for; without it: completed, failed, cancelled, …",
    )
    add("--url-lifetime", type=_positive, default=6 * 3600.0, metavar="S", help="seconds a signed URL lasts")
    add(
        "--quota",
        type=_positive,
        default=10.0,
        metavar="GB",
        help="size of stored files; old temp files go first",
    )
    add("--cache", type=_positive, default=1.0, metavar="GB", help="memory for results of nodes (default 1)")
    add("--exit-with-parent", action="store_true", help="stop when standard input closes")
    return parser


def _options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Options:
    api_key = given.api_key or os.environ.get("COMFY_EMBEDDED_API_KEY", "")
    if not is_loopback(given.host) and not (api_key or given.accounts):
        parser.error(
            f"--host {given.host} can be reached from elsewhere; give it an --api-key (or --accounts)"
        )
    if given.accounts and given.api_key:
        parser.error("--accounts has the keys of its users; leave out --api-key")
    if api_key and not is_sendable(api_key):
        parser.error("an API key is sent in a header: it must be printable ASCII without spaces")
    if given.port and given.port == given.storage_port:
        parser.error("--port and --storage-port must differ")
    return Options(
        data_dir=(given.data_dir or _default_data_dir()).expanduser().absolute(), host=given.host,
        port=given.port, storage_port=given.storage_port, api_key=api_key, tier=given.tier,
        accounts=given.accounts, raw_status=given.raw_status, preview_method=given.preview_method,
        dialect=given.dialect,
        exit_with_parent=given.exit_with_parent, url_lifetime=given.url_lifetime,
        quota=int(given.quota * 1024**3), cache_bytes=int(given.cache * 1024**3),
    )  # fmt: skip


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: it must be 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero and below {_LARGEST:g}")
    return number


def _default_data_dir() -> Path:
    from platformdirs import user_data_path

    return user_data_path("comfy_notebook", appauthor=False) / "embedded"


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        # On Windows this option would let two servers share a port.
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(256)
    except OSError:
        bound.close()
        raise
    return bound


async def _serve(server: Server, options: Options, sockets: list[socket.socket]) -> None:
    import uvicorn

    from .app import build_app

    api, stored = sockets
    server.storage_port = stored.getsockname()[1]
    config = uvicorn.Config(
        build_app(server), access_log=False, log_config=None, ws="websockets-sansio", ws_max_size=1024 * 1024,
        ws_per_message_deflate=False,  # pictures do not compress further, and it would block the loop
        timeout_graceful_shutdown=2, server_header=False, lifespan="on", proxy_headers=False,
    )  # fmt: skip

    class Web(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and not self.should_exit:
                _announce(server, options, api.getsockname()[1])

    web = Web(config)
    if options.exit_with_parent:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_watch_parent, args=(web, loop), name="parent", daemon=True).start()
    # uvicorn raises the signal that stopped it once more when it is done; by then that is history.
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    await web.serve(sockets=sockets)


def _announce(server: Server, options: Options, port: int) -> None:
    # The address that means "all interfaces" cannot be connected to everywhere.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{port}"
    spoken = "Comfy Cloud" if options.dialect == "cloud" else "ComfyUI"
    log.info("%s on %s, files on port %d", spoken, url, server.storage_port)
    if options.dialect == "cloud":
        said = (
            "success, error, …"
            if options.raw_status
            else "completed, failed, … (--raw-status: success, error)"
        )
        log.info("/api/job/ID/status answers %s", said)
    log.info("data in %s; stop with Ctrl-C", options.data_dir)
    with contextlib.suppress(OSError, ValueError):  # the reader has gone
        print(json.dumps({"url": url, "api_key": server.api_key}), flush=True)


def _watch_parent(web: object, loop: asyncio.AbstractEventLoop) -> None:
    """Standard input is a pipe from the parent: it ends when the parent does, however it does."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(setattr, web, "should_exit", True)


def _set_up_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("comfy_notebook")
    logger.addHandler(handler)
    logger.addHandler(KeepRecent())
    logger.setLevel(logging.INFO)
    # uvicorn's own lines would show the whole URL of a socket, key and all.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        quiet = logging.getLogger(name)
        quiet.addHandler(handler)
        quiet.setLevel(logging.WARNING)
        quiet.propagate = False
    # What uvicorn says of every socket that is refused with an answer of ours, as it may be.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing handshake" not in record.getMessage()
    )


def _complain(code: int, message: str) -> int:
    print(f"comfy_notebook.embedded: {message}", file=sys.stderr)
    return code
