"""`python -m tests.peers [NAME …] [--venvs DIR]`: each client in an environment of its own, on one server.

Needs a package index. Prints one line a client and exits with the number of those that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.servers import ROOT, end_server, start_server

HERE = Path(__file__).parent
PEERS = {
    "comfy-cli": ("comfy_cli.py", ["comfy-cli"]),
    "comfy-sdk": ("comfy_sdk.py", ["comfy-sdk", "comfy-api-proxy"]),
    "comfy-script": ("comfy_script.py", ["comfy-script[client]", "tqdm", "pillow"]),
    "comfy-api-simplified": ("comfy_api_simplified.py", ["comfy-api-simplified"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)}; default: all")
    parser.add_argument("--venvs", type=Path, help="keep the environments here (default: remove them)")
    given = parser.parse_args()
    if unknown := set(given.names) - PEERS.keys():
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        server = start_server(Path(temporary) / "data", dialect="comfyui")
        try:
            for name in given.names or PEERS:
                script, packages = PEERS[name]
                python = environment((given.venvs or Path(temporary)) / name, packages)
                ended, seconds = run(python, script, server.url, Path(temporary))
                failed += ended.returncode != 0
                print(f"{'ok' if ended.returncode == 0 else 'FAILED':6} {name} ({seconds:.1f} s)", flush=True)
                if ended.returncode:
                    print(ended.stdout[-2000:] + ended.stderr[-3000:])
        finally:
            end_server(server)
    return failed


def environment(directory: Path, packages: list[str]) -> Path:
    """The interpreter of an environment with these packages."""
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return python


def run(
    python: Path, script: str, url: str, directory: Path
) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a client's script with the server's address, in a home of its own."""
    home = directory / f"home-{script}"
    home.mkdir()
    variables = {
        **os.environ, "HOME": str(home), "DO_NOT_TRACK": "1", "PYTHONPATH": "", "COMFY_URL": url,
        "COMFY_WORKFLOW": str(ROOT / "notebooks" / "workflows" / "txt2img.json"),
    }  # fmt: skip
    with proxy(python, url) if script == "comfy_sdk.py" else contextlib.nullcontext(url) as address:
        started = time.monotonic()
        ended = subprocess.run(
            [str(python), str(HERE / script)], env={**variables, "COMFY_BASE_URL": address}, cwd=home,
            capture_output=True, text=True, timeout=240,
        )  # fmt: skip
    return ended, time.monotonic() - started


@contextlib.contextmanager
def proxy(python: Path, url: str) -> Iterator[str]:
    """comfy-api-proxy, which speaks the Comfy API v2 for a ComfyUI."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python.parent / "comfy-api-proxy"), "run", "--comfyui", url, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
