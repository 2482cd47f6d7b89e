"""Several users of one server: what each may do, and what none sees of another."""

from __future__ import annotations

import time

import httpx
import pytest

from comfy_notebook.embedded.accounts import BadAccounts, read_accounts

TOML = """
[accounts.alice]
api_key = "key-of-alice"
tier = "creator"
[accounts.bob]
api_key = "key-of-bob"
[accounts.poor]
api_key = "key-of-poor"
credits = 1
[accounts.lapsed]
api_key = "key-of-lapsed"
subscription = "inactive"
[accounts.hasty]
api_key = "key-of-hasty"
rate_limit = 2
[accounts.hopeful]
api_key = "key-of-hopeful"
status = "waitlisted"
[accounts.unlucky]
api_key = "key-of-unlucky"
outage = 503
"""
TEXT = {"1": {"class_type": "TestingText", "inputs": {"text": "hello"}}}
LONG = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 60, "steps": 600}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from tests.servers import end_server, start_server

    folder = tmp_path_factory.mktemp("accounts")
    (folder / "accounts.toml").write_text(TOML)
    started = start_server(folder / "data", accounts=folder / "accounts.toml")
    yield started
    end_server(started)


@pytest.fixture
def as_user(server):
    clients = []

    def as_user(name):
        client = httpx.Client(base_url=server.url, headers={"X-API-Key": f"key-of-{name}"}, timeout=20)
        clients.append(client)
        return client

    yield as_user
    for client in clients:
        client.close()


def submit(http, graph=TEXT):
    return http.post("/api/prompt", json={"prompt": graph})


def test_nobody_sees_another_users_job_file_or_message(as_user, server, listen):
    alice, bob = as_user("alice"), as_user("bob")
    bobs_socket = listen(server, api_key="key-of-bob")
    job_id = submit(alice).json()["prompt_id"]
    name = alice.post("/api/upload/image", files={"image": ("secret.txt", b"alice's")}).json()["name"]
    asset = alice.get("/api/assets").json()["assets"][0]

    for path in (
        f"/api/jobs/{job_id}", f"/api/job/{job_id}/status", f"/api/history_v2/{job_id}",
        f"/api/view?filename={name}", f"/api/assets/{asset['id']}", f"/api/files/mask-layers?filename={name}",
    ):  # fmt: skip
        assert bob.get(path).status_code == 404, path
    assert bob.head(f"/api/assets/hash/{asset['asset_hash']}").status_code == 404
    from_hash = {"hash": asset["asset_hash"], "tags": ["input"]}
    assert bob.post("/api/assets/from-hash", json=from_hash).status_code == 404
    assert bob.post(f"/api/jobs/{job_id}/cancel").status_code == 404
    assert bob.delete(f"/api/assets/{asset['id']}").status_code == 404
    load = {"1": {"class_type": "LoadImage", "inputs": {"image": name}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}  # fmt: skip
    assert submit(bob, load).json()["node_errors"]["1"]["errors"][0]["type"] == "custom_validation_failed"
    assert bob.get("/api/jobs").json()["jobs"] == []

    # The first job Bob's socket hears of is Bob's own.
    own = submit(bob).json()["prompt_id"]
    heard = bobs_socket.follow(own)
    assert job_id not in str(heard)


def test_jobs_run_side_by_side_up_to_the_tier(as_user):
    alice, bob = as_user("alice"), as_user("bob")
    for http, limit in ((alice, 3), (bob, 1)):
        for _ in range(limit + 1):
            submit(http, LONG)
        queue = http.get("/api/queue").json()
        assert (len(queue["queue_running"]), len(queue["queue_pending"])) == (limit, 1)
        assert http.post("/api/interrupt", json={"prompt_id": "unknown"}).status_code == 404
        running = queue["queue_running"][0][1]
        assert http.post("/api/queue", json={"delete": [running]}).json()["deleted"] == [running]
        while len(http.get("/api/queue").json()["queue_pending"]) == 1:
            assert http.get(f"/api/job/{running}/status").json()["status"] in ("in_progress", "cancelled")
        submit(http, LONG)
        queue = http.get("/api/queue").json()
        cleared = http.post("/api/queue", json={"clear": True}).json()
        assert cleared == {"deleted": [queue["queue_pending"][0][1]], "cleared": True}
        assert http.post("/api/interrupt").status_code == 200
        deadline = time.monotonic() + 10
        while http.get("/api/prompt").json()["exec_info"]["queue_remaining"]:
            assert time.monotonic() < deadline


def test_credits_run_out(as_user):
    poor = as_user("poor")
    assert submit(poor).status_code == 200
    refused = submit(poor)
    assert refused.status_code == 402
    assert refused.json()["error"]["type"] == "PAYMENT_REQUIRED"


def test_an_inactive_subscription_is_a_429_that_waiting_does_not_help(as_user):
    refused = submit(as_user("lapsed"))
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert refused.json()["error"]["type"] == "CLOUD_SUBSCRIPTION_REQUIRED"


def test_a_rate_limit_is_a_429_that_says_when_to_come_back(as_user):
    hasty = as_user("hasty")
    assert [submit(hasty).status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(submit(hasty).headers["Retry-After"]) <= 60


def test_an_outage_can_be_met_on_purpose(as_user):
    refused = submit(as_user("unlucky"))
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "internal_error"


def test_a_waitlisted_user_is_told_so_and_runs_nothing(as_user):
    hopeful = as_user("hopeful")
    assert hopeful.get("/api/user").json() == {"status": "waitlisted"}
    assert submit(hopeful).status_code == 429
    assert as_user("alice").get("/api/user").json() == {"status": "active"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("", "no \\[accounts"),
        ("[accounts.a]", "no api_key"),
        ("[accounts.a]\napi_key = 5", "must be str"),
        ("[accounts.a]\napi_key = 'k'\ntier = 'gold'", "standard, creator, pro"),
        ("[accounts.a]\napi_key = 'k'\n[accounts.b]\napi_key = 'k'", "a and accounts.b have the same"),
        ("[accounts.a]\napi_key = 'a key'", "printable ASCII"),
        ("[accounts.a]\napi_key = 'k'\nsubscription = 'actve'", "active, inactive"),
        ("[accounts.a]\napi_key = 'k'\nstatus = 'gone'", "active, waitlisted"),
        ("[accounts.a]\napi_key = 'k'\noutage = 404", "500, 503"),
        ("[accounts.a]\napi_key = 'k'\ncredits = -1", "must not be negative"),
        ("[accounts.a]\napi_key = 'k'\nkredits = 5", "kredits is not a setting"),
        ("[accounts.a", "Expected|Unclosed|expected"),
    ],
)
def test_a_bad_accounts_file_is_refused_in_one_line(tmp_path, toml, said):
    path = tmp_path / "accounts.toml"
    path.write_text(toml)
    with pytest.raises(BadAccounts, match=said) as refused:
        read_accounts(path)
    assert "\n" not in str(refused.value)
