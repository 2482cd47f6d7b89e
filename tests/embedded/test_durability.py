"""What a server answered outlives it: `kill -9` in the middle of much work, then a restart."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import time

import blake3
import httpx
import pytest

from tests.servers import ROOT

JOBS = 500
CLIENTS = 10


def picture(number):
    return {
        "1": {"class_type": "EmptyImage",
              "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": number}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": f"n{number}"}},
    }  # fmt: skip


def jobs_of(server):
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as http:
        return http.get("/api/jobs", params={"limit": 1000}).json()["jobs"]


def wait_until_idle(server):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        jobs = jobs_of(server)
        if all(job["status"] not in ("pending", "in_progress") for job in jobs):
            return jobs
        time.sleep(0.1)
    raise AssertionError("jobs are left")


def test_kill_9_in_the_middle_loses_nothing_that_was_answered(embedded_factory, tmp_path):
    server = embedded_factory(tmp_path / "data", api_key="the-same-key", tier="pro")
    accepted: dict[str, int] = {}

    def submit(numbers):
        with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as http:
            for number in numbers:
                if len(accepted) > JOBS // 2:
                    server.process.kill()
                try:
                    answer = http.post("/api/prompt", json={"prompt": picture(number)}).json()
                except httpx.TransportError:
                    return  # the server is dead; what it did not answer it did not promise
                accepted[answer["prompt_id"]] = number

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(submit, [range(first, JOBS, CLIENTS) for first in range(CLIENTS)]))
    server.kill()
    assert JOBS // 2 < len(accepted) < JOBS

    server = embedded_factory(tmp_path / "data", api_key="the-same-key", tier="pro")
    jobs = {job["id"]: job for job in wait_until_idle(server)}
    assert accepted.keys() <= jobs.keys()
    assert {job["status"] for job in jobs.values()} <= {"completed", "lost"}
    # Five run at a time: no more than these can have been cut off.
    assert sum(job["status"] == "lost" for job in jobs.values()) <= 5
    with httpx.Client(base_url=server.url, headers=server.headers) as http, httpx.Client() as storage:
        for id, number in accepted.items():
            if jobs[id]["status"] == "completed":
                file = jobs[id]["preview_output"]
                assert file["filename"] == f"n{number}_00001_.png"
                answer = http.get("/api/view", params={"filename": file["filename"], "type": file["type"]})
                location = httpx.URL(answer.headers["location"])
                assert blake3.blake3(storage.get(location).content).hexdigest() in location.path


def test_what_ran_is_lost_and_what_waited_runs(embedded_factory, tmp_path):
    server = embedded_factory(tmp_path / "data", tier="standard")
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        long = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}
        ran = http.post("/api/prompt", json={"prompt": long}).json()["prompt_id"]
        waited = http.post("/api/prompt", json={"prompt": picture(1)}).json()["prompt_id"]
        while http.get(f"/api/job/{ran}/status").json()["status"] != "in_progress":
            pass
    server.kill()
    server = embedded_factory(tmp_path / "data", raw_status=True)
    jobs = {job["id"]: job["status"] for job in wait_until_idle(server)}
    assert jobs == {ran: "lost", waited: "completed"}
    status = httpx.get(f"{server.url}/api/job/{ran}/status", headers=server.headers).json()["status"]
    assert status == "lost"


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_disk_that_takes_no_more_is_said_so_and_breaks_nothing(embedded_factory, tmp_path):
    import resource

    server = embedded_factory(tmp_path / "data")

    def limit_files(size):
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, limits[1]))

    with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as http:
        http.post("/api/prompt", json={"prompt": picture(1)})
        wait_until_idle(server)
        sleep = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0.5, "steps": 5}}}
        http.post("/api/prompt", json={"prompt": sleep})
        http.post("/api/prompt", json={"prompt": picture(2)})
        limit_files(4096)
        refused = http.post("/api/prompt", json={"prompt": picture(3)})
        assert refused.status_code == 503
        assert refused.json()["error"]["type"] == "storage_failure"
        upload = http.post("/api/upload/image", files={"image": ("x.bin", b"x" * 10_000)})
        assert (upload.status_code, upload.json()["code"]) == (503, "STORAGE_FAILURE")
        assert http.post("/api/userdata/x", content=b"x" * 10_000).status_code == 503
        waiting = http.get("/api/queue").json()["queue_pending"]
        assert http.post("/api/queue", json={"clear": True}).status_code == 503
        assert http.get("/api/queue").json()["queue_pending"] == waiting
        limit_files(resource.RLIM_INFINITY)
        http.post("/api/prompt", json={"prompt": picture(4)})
        jobs = wait_until_idle(server)
    statuses = [job["status"] for job in reversed(jobs)]
    assert statuses[0] == statuses[-1] == "completed"
    assert set(statuses[1:-1]) <= {"failed", "lost", "completed"}
    assert list((tmp_path / "data" / "incoming").iterdir()) == []


def test_files_userdata_and_signed_urls_survive_a_restart(embedded_factory, tmp_path):
    server = embedded_factory(tmp_path / "data")
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        name = http.post("/api/upload/image", files={"image": ("note.txt", b"kept")}).json()["name"]
        http.post("/api/userdata/workflows%2Fa.json", content=b"{}")
        signed = http.get("/api/view", params={"filename": name}).headers["location"]
    assert server.stop() == 0
    server = embedded_factory(tmp_path / "data")
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        again = httpx.URL(http.get("/api/view", params={"filename": name}).headers["location"])
        assert httpx.get(httpx.URL(signed).copy_with(port=again.port)).content == b"kept"
        assert http.get("/api/userdata/workflows%2Fa.json").content == b"{}"


@pytest.mark.parametrize("stop", ["kill", "stop"])
def test_a_data_directory_belongs_to_one_server_until_that_is_gone(embedded_factory, tmp_path, stop):
    first = embedded_factory(tmp_path / "data")
    command = [sys.executable, "-m", "comfy_notebook.embedded", "--data-dir", str(tmp_path / "data")]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert second.returncode == 4
    assert second.stdout == ""
    assert len(second.stderr.splitlines()) == 1
    getattr(first, stop)()
    embedded_factory(tmp_path / "data")


def test_a_comfyui_says_that_the_server_stopped_while_a_job_ran(embedded_factory, tmp_path):
    """ComfyUI has no word for it: the job has failed, in its history and in its record."""
    server = embedded_factory(tmp_path / "data", dialect="comfyui")
    sleep = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}
    with httpx.Client(base_url=server.url, timeout=20) as http:
        job_id = http.post("/prompt", json={"prompt": sleep}).json()["prompt_id"]
        while http.get(f"/api/jobs/{job_id}").json()["status"] == "pending":
            time.sleep(0.05)
    server.kill()
    server = embedded_factory(tmp_path / "data", dialect="comfyui")
    with httpx.Client(base_url=server.url, timeout=20) as http:
        record = http.get(f"/api/jobs/{job_id}").json()
        assert record["status"] == "failed"
        assert record["execution_error"]["exception_message"] == "The server stopped while this job ran.\n"
        status = http.get(f"/history/{job_id}").json()[job_id]["status"]
        assert status["status_str"] == "error"
        assert status["messages"][-1][0] == "execution_error"
