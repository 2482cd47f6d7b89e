"""What a socket hears of a job, beside what a real ComfyUI sent for the same graphs."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.embedded.listening import kinds

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "embedded" / "cached_rerun.json").read_text())
ENDINGS = ("execution_success", "execution_error", "execution_interrupted")


def here(prompt):
    """A recorded graph, on the checkpoint there is here."""
    return json.loads(json.dumps(prompt).replace("tiny_sd15.safetensors", "analytic-scenes.safetensors"))


def test_reruns_are_told_as_comfyui_tells_them(listen):
    listener = listen()
    first, *reruns = RECORDED
    fresh = listener.run(here(first["prompt"]))
    # The recorded server had some of the first graph cached already; what runs twice here ran once there.
    assert kinds(fresh)[-8:] == first["heard"][-8:]
    for recorded in reruns:
        heard = listener.run(here(recorded["prompt"]))
        assert kinds(heard) == recorded["heard"], recorded["case"]
        [cached] = [
            item for item in heard if not isinstance(item, bytes) and item["type"] == "execution_cached"
        ]
        assert sorted(cached["data"]["nodes"]) == recorded["cached"], recorded["case"]


def test_a_rerun_shows_the_old_output(listen):
    listener = listen()
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "again"}},
    }
    outputs = []
    for _ in range(2):
        outputs += [m["data"]["output"] for m in listener.run(graph) if m["type"] == "executed"]
    assert outputs[0] == outputs[1]


def test_the_first_message_is_the_status_with_the_sockets_id(listen):
    assert listen().first["data"]["sid"]


def test_previews_come_plain_to_a_socket_that_did_not_ask_for_metadata(listen):
    plain, told = listen(flags=False), listen()
    steps = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0.05, "steps": 2}}}
    job_id = told.http.post("/api/prompt", json={"prompt": steps}).json()["prompt_id"]
    # As recorded: with metadata the frame comes before its progress, without it after.
    assert [k for k in kinds(told.follow(job_id)) if k in ("progress", "frame 4", "frame 1")] == [
        "frame 4", "progress", "frame 4", "progress",
    ]  # fmt: skip
    assert [k for k in kinds(plain.follow(job_id)) if k in ("progress", "frame 4", "frame 1")] == [
        "progress", "frame 1", "progress", "frame 1",
    ]  # fmt: skip


def test_text_frames_name_their_node(listen):
    heard = listen().run({"7": {"class_type": "TestingText", "inputs": {"text": "hello"}}})
    [frame] = [item for item in heard if isinstance(item, bytes)]
    assert frame == struct.pack(">II", 3, 1) + b"7hello"


@pytest.mark.parametrize(
    ("raised", "reported"),
    [("OOMError", "OOMError"), ("ValueError", "ValueError")],
)
def test_an_error_says_where_and_what_and_shows_no_path_of_the_machine(listen, embedded, raised, reported):
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 7}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "3": {"class_type": "TestingRaise", "inputs": {"exception_type": raised, "message": "no more"}},
    }
    listener = listen()
    heard = listener.run(graph)
    [error] = [
        item["data"] for item in heard if not isinstance(item, bytes) and item["type"] == "execution_error"
    ]
    assert (error["node_id"], error["node_type"]) == ("3", "TestingRaise")
    assert error["exception_type"] == reported
    assert error["exception_message"].startswith("no more")
    assert error["current_inputs"]["message"] == ["no more"]
    text = json.dumps(error)
    assert str(Path(__file__).parents[2]) not in text
    assert str(embedded.data_dir) not in text
    # What came before the error is kept.
    record = listener.http.get(f"/api/jobs/{error['prompt_id']}").json()
    assert record["status"] == "failed"
    assert list(record["outputs"]) == ["2"]
    assert record["execution_error"]["exception_type"] == reported


def test_cancelling_stops_at_the_next_step_and_the_next_job_runs(listen):
    listener = listen()
    long = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}
    job_id = listener.http.post("/api/prompt", json={"prompt": long}).json()["prompt_id"]
    while True:
        message = listener.socket.recv(timeout=10)
        if isinstance(message, str) and json.loads(message)["type"] == "progress":
            break
    asked = time.monotonic()
    assert listener.http.post(f"/api/jobs/{job_id}/cancel").json() == {"cancelled": True}
    heard = listener.follow(job_id)
    assert [kind for kind in kinds(heard) if kind in ENDINGS] == ["execution_interrupted"]
    assert time.monotonic() - asked < 5
    assert listener.http.get(f"/api/job/{job_id}/status").json()["status"] == "cancelled"
    assert listener.http.post(f"/api/jobs/{job_id}/cancel").json() == {"cancelled": False}
    assert kinds(listener.run({"1": {"class_type": "TestingText", "inputs": {"text": "x"}}}))[-2:] == [
        "execution_success", "executing",
    ]  # fmt: skip


def test_cancelling_a_node_that_takes_no_steps_is_told_within_half_a_second(listen):
    listener = listen()
    graph = {
        "1": {"class_type": "EmptyImage",
              "inputs": {"width": 4096, "height": 4096, "batch_size": 1, "color": 77}},
        "2": {"class_type": "ImageQuantize",
              "inputs": {"image": ["1", 0], "colors": 256, "dither": "floyd-steinberg"}},
        "3": {"class_type": "ImageScaleBy",
              "inputs": {"image": ["2", 0], "upscale_method": "bicubic", "scale_by": 2.0}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }  # fmt: skip
    job_id = listener.http.post("/api/prompt", json={"prompt": graph}).json()["prompt_id"]
    while json.loads(listener.socket.recv(timeout=20)).get("data", {}).get("node") != "2":
        pass
    began = time.monotonic()
    assert listener.http.post(f"/api/jobs/{job_id}/cancel").json() == {"cancelled": True}
    heard = kinds(listener.follow(job_id))
    assert time.monotonic() - began < 2  # 0.3 s on an idle machine
    assert heard[-2:] == ["execution_interrupted", "executing"]
    assert listener.http.get(f"/api/job/{job_id}/status").json()["status"] == "cancelled"
    job = listener.http.get(f"/api/jobs/{job_id}").json()
    assert job["outputs"] == {}


def test_a_socket_without_a_key_is_refused(embedded):
    url = embedded.url.replace("http", "ws", 1) + "/ws?clientId=x&token=wrong"
    with pytest.raises(Exception, match="401"), connect(url):
        pass
