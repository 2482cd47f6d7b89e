"""comfy-sdk through comfy-api-proxy: submit, events, outputs, and a cancel that stops the job."""

from __future__ import annotations

import os
import sys
import time

# This file has the package's name: its folder must not be searched.
sys.path.pop(0)
import json
import urllib.request

from comfy_sdk import Comfy

client = Comfy()
workflow = client.workflows.from_file(os.environ["COMFY_WORKFLOW"])
job = client.submit(workflow)
kinds = [type(event).__name__ for event in job.events()]
print(kinds)
assert "Progress" in kinds
assert "OutputReady" in kinds
job.refresh()
assert job.status == "succeeded", job.status
assert job.outputs[0].to_bytes().startswith(b"\x89PNG")

sleep = {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}, "_meta": {"title": "Sleep"}}
long = client.workflows.from_json({"1": sleep})
job = client.submit(long)
while job.refresh().status != "running":
    time.sleep(0.1)
job.cancel()
job.wait(timeout=20)
assert job.status == "canceled", job.status
with urllib.request.urlopen(os.environ["COMFY_URL"] + "/api/queue") as answer:
    assert json.load(answer) == {"queue_running": [], "queue_pending": []}
