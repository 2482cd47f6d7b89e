"""A graph goes in over HTTP, and comes out as messages, a record and a file."""

from __future__ import annotations

import json
import time

import httpx
import pytest

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 32, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}},
}


@pytest.fixture
def http(embedded):
    with httpx.Client(base_url=embedded.url, headers=embedded.headers) as client:
        yield client


def wait(http, job_id, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = http.get(f"/api/job/{job_id}/status").json()["status"]
        if status not in ("pending", "in_progress"):
            return status
        time.sleep(0.02)
    raise AssertionError(f"{job_id} did not end")


def test_a_graph_runs_and_its_picture_is_read_without_the_key_at_the_second_origin(http, embedded):
    accepted = http.post("/api/prompt", json={"prompt": GRAPH}).json()
    assert wait(http, accepted["prompt_id"]) == "completed"

    record = http.get(f"/api/jobs/{accepted['prompt_id']}").json()
    [image] = record["outputs"]["2"]["images"]
    assert image["type"] == "output"
    assert image["filename"].startswith("blue_")

    redirect = http.get("/api/view", params=image)
    assert redirect.status_code == 302
    location = httpx.URL(redirect.headers["location"])
    assert (location.host, location.port) != (httpx.URL(embedded.url).host, httpx.URL(embedded.url).port)
    stored = httpx.get(location)
    assert stored.headers["content-type"] == "image/png"
    assert stored.content.startswith(b"\x89PNG")


def test_without_the_key_the_contracts_401(embedded):
    refused = httpx.get(f"{embedded.url}/api/queue")
    assert refused.status_code == 401
    assert refused.json().keys() == {"code", "message"}


def test_a_partner_key_is_shown_to_nobody_and_written_nowhere(embedded_factory):
    server = embedded_factory()
    secret = "partner-key-of-the-test"
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        long = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}
        body = {"prompt": long, "extra_data": {"api_key_comfy_org": secret, "extra_pnginfo": {"a": 1}}}
        running, waiting = (http.post("/api/prompt", json=body).json()["prompt_id"] for _ in range(2))
        queue = http.get("/api/queue").json()
        assert queue["queue_pending"][0][4]["extra_data"]["api_key_comfy_org"] == "[REDACTED]"
        http.post("/api/queue", json={"delete": [running, waiting]})
        wait(http, running)
        told = [
            http.get(f"/api/{path}").text for path in ("jobs", f"jobs/{running}", f"history_v2/{running}")
        ]
    server.stop()
    kept = [path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()]
    assert not any(secret in text for text in (*told, json.dumps(queue), server.log.read_text()))
    assert not any(secret.encode() in content for content in kept)
