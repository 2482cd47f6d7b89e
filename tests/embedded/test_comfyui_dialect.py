"""`--dialect comfyui`: the server as a client written for a local ComfyUI meets it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pytest

from tests.embedded.listening import kinds
from tests.servers import end_server, start_server

PICTURE = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 4, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "local"}},
}
LONG = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory):
    server = start_server(
        tmp_path_factory.mktemp("comfyui") / "data", dialect="comfyui", preview_method="auto"
    )
    yield server
    end_server(server)


@pytest.fixture
def http(comfyui):
    with httpx.Client(base_url=comfyui.url, timeout=20) as client:
        yield client


@pytest.fixture
def local(listen, comfyui):
    return lambda **options: listen(comfyui, api_key="", **options)


def test_every_route_answers_with_and_without_the_prefix_and_without_a_key(http):
    for route in (
        "prompt", "queue", "history", "object_info", "object_info/SaveImage", "features", "system_stats",
        "models", "models/checkpoints", "embeddings", "experiment/models", "users", "settings",
    ):  # fmt: skip
        plain, prefixed = http.get(f"/{route}"), http.get(f"/api/{route}")
        assert plain.status_code == prefixed.status_code == 200, route
        if route != "system_stats":
            assert plain.json() == prefixed.json()


@pytest.mark.parametrize(
    "route", ["user", "jobs", "assets", "tags", "history_v2", "global_subgraphs", "nope"]
)
def test_what_comfyui_has_not_is_an_empty_404(http, route):
    answer = http.get(f"/api/{route}")
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_job_its_history_and_its_bytes(http, local):
    listener = local()
    heard = listener.run(PICTURE, client_id=listener.client_id)
    assert kinds(heard)[:2] == ["execution_start", "execution_cached"]
    assert "notification" not in [item["type"] for item in heard]
    job_id = heard[0]["data"]["prompt_id"]
    entry = http.get(f"/history/{job_id}").json()[job_id]
    _number, id, graph, extra, outputs = entry["prompt"]
    assert (id, graph, outputs) == (job_id, PICTURE, ["2"])
    assert extra == {"client_id": listener.client_id}
    assert entry["status"]["status_str"] == "success"
    assert [name for name, _ in entry["status"]["messages"]] == [
        "execution_start", "execution_cached", "execution_success",
    ]  # fmt: skip
    assert list(http.get("/history", params={"max_items": 1}).json()) == [job_id]
    [image] = entry["outputs"]["2"]["images"]
    stored = http.get("/view", params=image)
    assert stored.status_code == 200
    assert stored.content.startswith(b"\x89PNG")
    assert http.get("/view", params=image, headers={"Range": "bytes=1-3"}).content == b"PNG"
    assert http.get("/view", params=image | {"preview": "webp;90"}).headers["content-type"] == "image/webp"
    assert http.get("/history/nope").json() == {}


def test_the_clients_own_id_is_kept_and_its_place_in_the_queue(http):
    running = http.post("/prompt", json={"prompt": LONG, "prompt_id": "mine"}).json()
    assert running["prompt_id"] == "mine"
    second = http.post("/prompt", json={"prompt": PICTURE}).json()
    front = http.post("/prompt", json={"prompt": PICTURE, "front": True}).json()
    placed = http.post("/prompt", json={"prompt": PICTURE, "number": -3.5}).json()
    assert front["number"] < 0
    assert placed["number"] == -3.5
    queue = http.get("/queue").json()
    assert [item[1] for item in queue["queue_running"]] == ["mine"]
    assert [item[1] for item in queue["queue_pending"]] == [
        job["prompt_id"] for job in sorted((second, front, placed), key=lambda job: job["number"])
    ]
    assert isinstance(queue["queue_pending"][0][3], dict)
    deleted = http.post("/queue", json={"delete": [second["prompt_id"], "unknown"]})
    assert (deleted.status_code, deleted.content) == (200, b"")
    # A job deleted while it waited is in no history.
    assert http.get(f"/history/{second['prompt_id']}").json() == {}
    assert http.post("/interrupt", json={"prompt_id": "another"}).status_code == 200
    assert len(http.get("/queue").json()["queue_running"]) == 1
    http.post("/queue", json={"clear": True})
    http.post("/interrupt")
    while http.get("/prompt").json()["exec_info"]["queue_remaining"]:
        pass
    assert http.get("/history/mine").json()["mine"]["status"]["messages"][-1][0] == "execution_interrupted"


def test_only_the_client_that_submitted_hears_of_a_job(local):
    submitter, other = local(), local()
    submitter.run(PICTURE, client_id=submitter.client_id)
    text = {"1": {"class_type": "TestingText", "inputs": {"text": "other"}}}
    ids = {item["data"]["prompt_id"] for item in other.run(text, client_id=other.client_id, every=True)}
    assert len(ids) == 1


def test_a_job_of_nobody_broadcasts_its_progress_and_plain_previews(local, http):
    listener = local()
    steps = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0, "steps": 2}}}
    http.post("/prompt", json={"prompt": steps})
    heard = []
    while len(heard) < 6:
        message = listener.socket.recv(timeout=10)
        message = message if isinstance(message, bytes) else json.loads(message)
        if isinstance(message, bytes) or message["type"] not in ("status", "feature_flags"):
            heard.append(message)
    assert kinds(heard) == [
        "progress_state", "progress_state", "progress", "frame 1", "progress_state", "progress",
    ]  # fmt: skip


def test_steps_are_shown_as_the_server_was_started_or_the_job_asks(embedded_factory, listen):
    listener = listen(embedded_factory(dialect="comfyui"), api_key="")
    steps = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0, "steps": 1}}}
    silent = listener.run(steps, client_id=listener.client_id)
    assert "frame 4" not in kinds(silent)
    steps["1"]["inputs"]["steps"] = 2
    asked = listener.run(steps, client_id=listener.client_id, extra_data={"preview_method": "auto"})
    assert kinds(asked).count("frame 4") == 2


def test_pictures_saved_to_the_socket_are_no_previews_to_be_switched_off(embedded_factory, listen):
    listener = listen(embedded_factory(dialect="comfyui"), api_key="")
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 2, "color": 9}},
        "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    }
    assert kinds(listener.run(graph, client_id=listener.client_id)).count("frame 4") == 2


def png(colour):
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(stream, "PNG")
    return stream.getvalue()


def test_uploads_keep_their_names(http):
    def upload(data, **form):
        return http.post("/upload/image", files={"image": ("up.png", data)}, data=form).json()

    red, green, blue = png("red"), png("green"), png("blue")
    assert upload(red) == {"name": "up.png", "subfolder": "", "type": "input"}
    assert upload(red)["name"] == "up.png"
    assert upload(green)["name"] == "up (1).png"
    assert upload(green)["name"] == "up (1).png"
    assert upload(blue, overwrite="True")["name"] == "up (2).png"
    assert upload(blue, overwrite="true")["name"] == "up.png"
    assert upload(red, subfolder="a/b") == {"name": "up.png", "subfolder": "a/b", "type": "input"}
    assert upload(red, type="temp")["type"] == "temp"
    assert http.get("/view", params={"filename": "up.png", "type": "input"}).content == blue
    assert (
        http.get("/view", params={"filename": "up.png", "subfolder": "a/b", "type": "input"}).content == red
    )
    names = http.get("/object_info/LoadImage").json()["LoadImage"]["input"]["required"]["image"][0]
    assert {"up.png", "up (1).png", "up (2).png", "a/b/up.png"} <= set(names)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 404),
        ({"filename": "nope.png"}, 404),
        ({"filename": "../server.py"}, 400),
        ({"filename": "/etc/passwd"}, 400),
        ({"filename": "x.png", "subfolder": "../..", "type": "input"}, 403),
        ({"filename": "x.png", "type": "bogus"}, 400),
    ],
)
def test_view_refuses_as_comfyui_does(http, params, status):
    assert http.get("/view", params=params).status_code == status


def test_a_page_of_another_site_is_refused(http, comfyui):
    assert http.get("/queue", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert http.get("/queue", headers={"Origin": comfyui.url}).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8188", None, 200),
        ("localhost:8188", None, 200),
        ("[::1]:8188", "http://[::1]:8188", 200),
        ("", None, 200),
        ("127.0.0.1:8188", "null", 403),
        ("127.0.0.1:8188", "http://127.0.0.1:9999", 403),
        ("evil.example:8188", None, 403),
        ("evil.example:8188", "http://evil.example:8188", 403),
        ("localhost.evil.example", None, 403),
    ],
)
def test_only_pages_of_this_machine_are_heard_without_a_key(http, comfyui, host, origin, status):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    assert http.get("/queue", headers=headers).status_code == status
    assert http.get("/queue", headers=headers | comfyui.headers).status_code == 200


def test_where_others_can_reach_it_a_key_is_asked_for(embedded_factory):
    server = embedded_factory(dialect="comfyui", host="0.0.0.0", api_key="a-key")
    assert httpx.get(f"{server.url}/queue").status_code == 401
    assert httpx.get(f"{server.url}/queue", headers=server.headers).status_code == 200


RECORDED = json.loads((Path(__file__).parents[1] / "data/embedded/validation_errors.json").read_text())


def test_refusals_have_the_recorded_forms(http):
    for case in ("unknown class_type", "no class_type", "cycle", "body without prompt"):
        [record] = [record for record in RECORDED if record["case"] == case]
        graph = json.loads(json.dumps(record["request"]).replace("tiny_sd15", "analytic-scenes"))
        assert http.post("/prompt", json=graph).json() == record["answer"]


def test_an_uploaded_page_is_a_download(http):
    http.post("/upload/image", files={"image": ("page.html", b"<script>alert(1)</script>")})
    answer = http.get("/view", params={"filename": "page.html", "type": "input"})
    assert answer.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDED if record["recording"] == "dynamic_inputs" and record["status"] == 200],
    ids=lambda record: record["case"],
)
def test_dynamic_inputs_run_or_fail_as_recorded(http, local, record):
    listener = local()
    heard = listener.run(record["request"]["prompt"], client_id=listener.client_id)
    errors = [item["data"] for item in heard if isinstance(item, dict) and item["type"] == "execution_error"]
    expected = record.get("execution_error")
    if expected is None:
        assert not errors
    else:
        [error] = errors
        assert error["node_id"] == expected["node_id"]
        assert error["exception_type"] == expected["exception_type"]
        assert error["exception_message"] == expected["exception_message"]
        assert sorted(error["current_inputs"]) == expected["inputs"]
