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
MINE = "0b0b2e5e-6c8e-4f8c-8f2a-3f1d5d0a4c11"
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
        "node_replacements", "global_subgraphs", "i18n", "extensions", "workflow_templates",
        "prompt", "queue", "history", "object_info", "object_info/SaveImage", "features", "system_stats",
        "models", "models/checkpoints", "embeddings", "experiment/models", "users", "settings",
    ):  # fmt: skip
        plain, prefixed = http.get(f"/{route}"), http.get(f"/api/{route}")
        assert plain.status_code == prefixed.status_code == 200, route
        if route != "system_stats":
            assert plain.json() == prefixed.json()


@pytest.mark.parametrize(
    "route", ["user", "job/x/status", "history_v2", "files/mask-layers", "v2/jobs", "nope"]
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
    assert extra.keys() == {"client_id", "create_time"}
    assert extra["client_id"] == listener.client_id
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
    running = http.post("/prompt", json={"prompt": LONG, "prompt_id": MINE}).json()
    assert running["prompt_id"] == MINE
    second = http.post("/prompt", json={"prompt": PICTURE}).json()
    front = http.post("/prompt", json={"prompt": PICTURE, "front": True}).json()
    placed = http.post("/prompt", json={"prompt": PICTURE, "number": -3.5}).json()
    assert front["number"] < 0
    assert placed["number"] == -3.5
    queue = http.get("/queue").json()
    assert [item[1] for item in queue["queue_running"]] == [MINE]
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
    ended = http.get(f"/history/{MINE}").json()[MINE]
    assert ended["status"]["messages"][-1][0] == "execution_interrupted"


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


def finished(http, listener, graph=PICTURE, **more):
    heard = listener.run(graph, client_id=listener.client_id, **more)
    return heard[0]["data"]["prompt_id"]


def test_the_record_of_a_job_has_comfyuis_fields(http, local):
    """Beside GET /api/jobs/{id} of the recording jobs_api."""
    job_id = finished(http, local())
    record = http.get(f"/api/jobs/{job_id}").json()
    assert list(record) == [
        "id", "status", "priority", "create_time", "execution_start_time", "execution_end_time",
        "outputs_count", "previewable_outputs_count", "preview_output", "outputs", "execution_status",
        "workflow",
    ]  # fmt: skip
    assert record["status"] == "completed"
    assert record["create_time"] > 1e12
    assert record["preview_output"]["mediaType"] == "images"
    assert record["preview_output"]["nodeId"] == "2"
    assert record["workflow"]["prompt"] == PICTURE
    [listed] = http.get("/api/jobs", params={"limit": 1}).json()["jobs"]
    assert listed == {key: record[key] for key in listed}
    assert http.get("/api/jobs/nope").json() == {"error": "Job not found"}
    assert http.get("/jobs").status_code == 404


WORDS = "pending, in_progress, completed, failed, cancelled"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"status": "lost"}, f"Invalid status value(s): lost. Valid values: {WORDS}"),
        ({"limit": "0"}, "limit must be a positive integer"),
        ({"sort_by": "x"}, "sort_by must be 'created_at' or 'execution_duration'"),
    ],
)  # fmt: skip
def test_a_wrong_question_for_jobs_is_refused_as_recorded(http, query, error):
    answer = http.get("/api/jobs", params=query)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_jobs_are_cancelled_by_their_ids(http, local):
    listener = local()
    ended = finished(http, listener)
    running, *waiting = (
        http.post("/prompt", json={"prompt": LONG, "client_id": listener.client_id}).json()["prompt_id"]
        for _ in range(4)
    )

    def cancel(job_id):
        return http.post(f"/api/jobs/{job_id}/cancel").json()

    assert cancel(waiting[0]) == {"cancelled": True}
    assert cancel(waiting[0]) == {"cancelled": False}
    assert http.get(f"/api/jobs/{waiting[0]}").status_code == 404
    assert cancel("nope") == {"cancelled": False}
    assert cancel(ended) == {"cancelled": False}
    batch = http.post("/api/jobs/cancel", json={"job_ids": [waiting[1], running, ended]})
    assert batch.json() == {"cancelled": True}
    listener.follow(running)
    assert http.get(f"/api/jobs/{running}").json()["status"] == "cancelled"
    assert [item[1] for item in http.get("/queue").json()["queue_running"]] == [waiting[2]]
    assert http.post("/api/jobs/cancel", json={"job_ids": []}).json() == {"cancelled": False}
    wrong = http.post("/api/jobs/cancel", json={"job_ids": ["nope"]})
    assert wrong.json() == {"error": "job_ids contains invalid id(s)", "invalid_ids": ["nope"]}
    assert http.post("/api/jobs/cancel", json=[]).json() == {"error": "job_ids must be a list"}
    http.post("/interrupt")
    listener.follow(waiting[2])


@pytest.mark.parametrize("prompt_id", ["84CD0762-55CD-4F1C-9E2A-0A1B2C3D4E5F", "my-job", 5])
def test_an_id_of_a_job_must_be_a_canonical_uuid(http, prompt_id):
    answer = http.post("/prompt", json={"prompt": PICTURE, "prompt_id": prompt_id})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_prompt_id"


def test_the_editors_settings_are_kept(http):
    assert http.post("/settings", json={"Comfy.A": 1, "Comfy.B": [2]}).status_code == 200
    assert http.post("/api/settings/Comfy.A", json="changed").status_code == 200
    assert http.get("/settings").json() == {"Comfy.A": "changed", "Comfy.B": [2]}
    assert http.get("/settings/Comfy.A").json() == "changed"
    assert http.get("/settings/Comfy.Never").json() is None


def test_the_log_can_be_read(http):
    http.get("/queue")
    entries = http.get("/internal/logs/raw").json()["entries"]
    assert any("GET /queue 200" in entry["m"] for entry in entries)
    assert "GET /queue 200" in http.get("/internal/logs").json()


def test_assets_are_disabled_as_in_a_comfyui_without_them(http):
    for path in ("/api/assets", "/api/tags"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_DISABLED")


def test_a_workflow_of_the_editor_is_kept_in_userdata(http):
    path = "/api/userdata/workflows%2Fmine.json"
    assert http.post(path, json={"nodes": []}).json() == "workflows/mine.json"
    assert http.get("/api/userdata", params={"dir": "workflows"}).json() == ["mine.json"]
    assert http.get(path).json() == {"nodes": []}
