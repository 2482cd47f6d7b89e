"""A graph goes in over HTTP, and comes out as messages, a record and a file."""

from __future__ import annotations

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
