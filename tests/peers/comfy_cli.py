"""comfy-cli: `comfy run --wait` on a workflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

address = urlsplit(os.environ["COMFY_URL"])
command = [
    str(Path(sys.executable).with_name("comfy")), "--skip-prompt", "--where", "local", "--json", "run",
    "--wait",
    "--workflow", os.environ["COMFY_WORKFLOW"], "--host", str(address.hostname), "--port", str(address.port),
    "--timeout", "120",
]  # fmt: skip
subprocess.run([command[0], "--skip-prompt", "tracking", "disable"], check=False)
ended = subprocess.run(command, capture_output=True, text=True, check=False)
print(ended.stdout, ended.stderr)
assert ended.returncode == 0
assert ".png" in ended.stdout
