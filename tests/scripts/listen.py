"""Connect, submit a workflow, print what is heard, and end on the right message.

    python listen.py BASE_URL API_KEY WORKFLOW.json

Uses `websockets` alone. Prints one word a message (`status`, `executing 3`, …) or frame (`frame 4`), and
leaves with 0 on execution_success, 1 on execution_error, 2 on execution_interrupted.
"""

import json
import struct
import sys
import threading
import urllib.request
import uuid
from pathlib import Path

from websockets.sync.client import connect

base_url, api_key, workflow = sys.argv[1:4]
endings = {"execution_success": 0, "execution_error": 1, "execution_interrupted": 2}


def submit():
    body = json.dumps({"prompt": json.loads(Path(workflow).read_text())}).encode()
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{base_url}/api/prompt", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["prompt_id"]


url = f"{base_url.replace('http', 'ws', 1)}/ws?clientId={uuid.uuid4()}&token={api_key}"
with connect(url, max_size=None, open_timeout=10) as socket:
    socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
    first = json.loads(socket.recv(timeout=10))
    assert "sid" in first["data"], first
    print("status")
    job_id, code = submit(), None
    watchdog = threading.Timer(60, socket.close)
    watchdog.start()
    while code is None:
        frame = socket.recv()
        if isinstance(frame, bytes):
            print(f"frame {struct.unpack('>I', frame[:4])[0]}")
            continue
        message = json.loads(frame)
        data = message.get("data") or {}
        if data.get("prompt_id") not in (None, job_id):
            continue
        node = data.get("node")
        print(message["type"], node if node is not None else "")
        code = endings.get(message["type"])
    watchdog.cancel()
sys.exit(code)
