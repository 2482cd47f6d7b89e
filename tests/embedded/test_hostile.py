"""Hostile requests: each gets a bounded 4xx, and none reaches outside the data directory."""

from __future__ import annotations

import contextlib
import io
import json
import random
import socket
import struct
import zlib
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

TRICKS = [
    "../x",
    "..\\x",
    "/etc/passwd",
    "C:\\x",
    "a/../../x",
    "..",
    ".",
    "\x00",
    "a\x00b",
    "%2e%2e%2f",
    "x" * 5000,
]


@pytest.fixture
def http(embedded):
    with httpx.Client(base_url=embedded.url, headers=embedded.headers, timeout=30) as client:
        yield client


@pytest.fixture(autouse=True)
def no_crash(embedded):
    before = embedded.log.read_text().count("Traceback")
    yield
    assert embedded.log.read_text().count("Traceback") == before


POSTS = ["/api/prompt", "/api/queue", "/api/history", "/api/interrupt", "/api/assets/from-hash",
         "/api/assets/download", "/api/jobs/cancel"]  # fmt: skip
BODIES = {
    "not json": b"{", "no object": b"[]", "text": b'"x"', "null": b"null", "nan": b'{"prompt": NaN}',
    "infinite": b'{"number": 1e999}',
    "bad utf-8": b"\xff\xfe", "surrogate": b'{"prompt": {"\\ud800": {}}}', "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000, "long number": b'{"number": ' + b"9" * 5000 + b"}",
    "wrong types": b'{"prompt": 5, "delete": 5, "clear": "x", "prompt_id": 5, "hash": 5, "job_ids": 5}',
    "wrong parts": b'{"prompt": {}, "extra_data": [], "number": "x", "delete": [1], "hash": "x", "tags": 3}',
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_cannot_be_meant_is_a_4xx(http, path, body):
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    if path == "/api/interrupt" and body.startswith(b'{"prompt": {}'):
        assert answer.status_code == 200  # it has nothing to say about these fields
    else:
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()


@pytest.mark.parametrize("spelled", ["inf", "-Infinity", "1e999", "nan"])
@pytest.mark.parametrize(("node", "name"), [("PrimitiveFloat", "value"), ("ImageScaleBy", "scale_by")])
def test_what_is_no_finite_number_is_refused_however_it_is_spelled(http, node, name, spelled):
    graph = {
        "1": {"class_type": node, "inputs": {name: spelled, "upscale_method": "bilinear", "image": ["0", 0]}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        "0": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    }
    answer = http.post("/api/prompt", json={"prompt": graph})
    assert answer.status_code == 400
    assert answer.json()["node_errors"].keys() == {"1"}


@pytest.mark.parametrize("link", [["1", 0], ["99", 0]])
def test_a_wrapped_list_that_reads_as_a_link_is_refused(http, link):
    # Unwrapped, a node would wait for itself without end, or for one that is not there.
    graph = {"1": {"class_type": "PreviewAny", "inputs": {"source": {"__value__": link}}}}
    answer = http.post("/api/prompt", json={"prompt": graph})
    assert answer.json()["node_errors"]["1"]["errors"][0]["type"] == "bad_linked_input"


@pytest.mark.parametrize("field", ["include_tags", "exclude_tags"])
def test_any_number_of_tags_can_be_asked_for(http, field):
    tags = ",".join(f"tag{number}" for number in range(3000))
    assert http.get("/api/assets", params={field: tags}).status_code == 200


def test_any_number_of_targets_is_looked_up_at_once(http):
    nodes = {str(number): {"class_type": "PreviewAny", "inputs": {"source": "x"}} for number in range(10_000)}
    targets = [f"t{number}" for number in range(200_000)]
    answer = http.post("/api/prompt", json={"prompt": nodes, "partial_execution_targets": targets})
    assert answer.json()["error"]["type"] == "prompt_no_outputs"


def test_a_large_graph_of_wrong_nodes_is_refused_in_few_words(http):
    nodes = {str(number): {"class_type": "PreviewAny", "inputs": {}} for number in range(30_000)}
    answer = http.post("/api/prompt", json={"prompt": nodes})
    assert answer.status_code == 400
    assert len(answer.content) < 2_000_000


@pytest.mark.parametrize("path", ["/api/prompt", "/api/upload/image", "/api/userdata/x"])
def test_a_client_that_leaves_in_the_middle_is_no_crash(http, embedded, path):
    parts, said = urlsplit(embedded.url), f"POST {path} 400"
    before = embedded.log.read_text().count(said)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as leaving:
        leaving.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {embedded.api_key}\r\nContent-Length: 1000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b".encode()
        )
        assert http.get("/api/user").status_code == 200
    while embedded.log.read_text().count(said) == before:
        assert http.get("/api/user").status_code == 200


@pytest.mark.parametrize("path", ["/api/prompt", "/api/queue", "/api/assets/from-hash"])
def test_a_hundred_megabytes_of_nothing_are_cut_off(http, path):
    def endless():
        for _ in range(100 * 16):
            yield b" " * 2**16

    with contextlib.suppress(httpx.TransportError):  # the server may hang up before all has been sent
        assert http.post(path, content=endless()).status_code == 413


def test_an_upload_over_the_limit_is_refused_by_its_length_alone(embedded):
    parts = urlsplit(embedded.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as raw:
        raw.sendall(
            f"POST /api/upload/image HTTP/1.1\r\nHost: x\r\nX-API-Key: {embedded.api_key}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 104857600\r\n\r\n".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "body", [b"", b"--b", b"--b\r\n\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"]
)
@pytest.mark.parametrize("path", ["/api/upload/image", "/api/upload/mask", "/api/assets"])
def test_a_broken_form_is_a_4xx(http, path, body):
    answer = http.post(path, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("trick", TRICKS)
def test_no_name_leads_out_of_the_data_directory(http, embedded, trick):
    before = {path for path in embedded.data_dir.parent.rglob("*") if "objects" not in path.parts}
    for name in ("filename", "subfolder", "type", "channel"):
        params = {"filename": "x.png"} | {name: trick}
        assert http.get("/api/view", params=params).status_code in (400, 404)
    path = "/api/userdata/" + "".join(f"%{byte:02x}" for byte in trick.encode())
    assert http.get(path).status_code in (400, 404)
    assert http.delete(path).status_code == 404
    assert http.post(path, content=b"x").status_code in (200, 400)
    assert http.get("/api/userdata", params={"dir": trick}).status_code < 500
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": trick}},
             "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}  # fmt: skip
    assert http.post("/api/prompt", json={"prompt": graph}).status_code == 400
    # A name is a name: it is kept for people, and is no path.
    form = {"subfolder": trick, "type": "input"}
    assert http.post("/api/upload/image", files={"image": (trick, b"data")}, data=form).status_code < 500
    after = {path for path in embedded.data_dir.parent.rglob("*") if "objects" not in path.parts}
    assert after == before


def bomb(width, height):
    """A PNG that says it is enormous, in a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(16385, 1), (1, 16385), (16384, 16384), (2**31 - 1, 2**31 - 1)])
def test_a_picture_beyond_the_limits_is_refused_before_it_is_decoded(http, size):
    files = {"image": ("bomb.png", bomb(*size))}
    for path in ("/api/upload/image", "/api/upload/mask"):
        data = {"original_ref": json.dumps({"filename": "x"})}
        assert http.post(path, files=files, data=data).status_code == 400
    stored = http.post("/api/assets", files={"file": ("bomb.bin", bomb(*size))}, data={"tags": "input"})
    name = stored.json()["asset_hash"]
    assert http.get("/api/view", params={"filename": name, "channel": "rgb"}).status_code == 400


def upload(http, data):
    """Store bytes that say nothing of what they are; answers the name."""
    answer = http.post(
        "/api/upload/image", files={"image": ("picture.bin", data)}, data={"type": "input"}
    ).json()
    return answer["name"]


def test_what_a_decoder_stumbles_over_is_no_crash(http):
    """Pictures of many formats with some of their bytes changed: whatever Pillow raises is a 400."""
    chance, pictures = random.Random(5), []
    for format in ("PNG", "WEBP", "GIF", "JPEG", "TIFF", "BMP", "DDS", "ICO"):
        stream = io.BytesIO()
        Image.radial_gradient("L").resize((24, 24)).convert("RGB").save(stream, format)
        pictures.append(stream.getvalue())
    unknown = bytearray(pictures[6])
    unknown[80] = 3  # a pixel format Pillow has not implemented
    broken = [unknown]
    for number in range(80):
        broken.append(bytearray(pictures[number % len(pictures)]))
        for _ in range(4):
            broken[-1][chance.randrange(min(len(broken[-1]), 150))] = chance.randrange(256)
    for data in broken:
        name = upload(http, bytes(data))
        answer = http.get("/api/view", params={"filename": name, "type": "input", "channel": "rgb"})
        assert answer.status_code in (200, 400)


def test_a_broken_picture_shows_no_path_of_the_machine(http, embedded):
    name = upload(http, b"no picture")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    job_id = http.post("/api/prompt", json={"prompt": graph}).json()["prompt_id"]
    while (job := http.get(f"/api/jobs/{job_id}").json())["status"] in ("pending", "in_progress"):
        pass
    assert "cannot identify image file" in job["execution_error"]["exception_message"]
    assert str(embedded.data_dir) not in json.dumps(job)


def test_a_picture_that_is_none_is_refused(http):
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"not a picture"):
        assert http.post("/api/upload/image", files={"image": ("x.png", data)}).status_code == 400


def picture(size=(4, 4), mode="RGBA", colour=(1, 2, 3, 4)):
    from PIL import Image

    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "reference",
    ["", "x", "[]", "{}", '{"filename": 5}', '{"filename": "nope.png"}', '{"filename": "x", "type": "bogus"}',
     '{"filename": "x", "subfolder": []}', '{"filename": "\\ud800"}'],
)  # fmt: skip
def test_a_mask_needs_an_original_that_is_there(http, reference):
    answer = http.post(
        "/api/upload/mask", files={"image": ("m.png", picture())}, data={"original_ref": reference}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("change", ["signature", "expires", "name", "type", "hash", "none"])
def test_a_signed_url_is_good_for_one_object_as_it_was_given(http, change):
    name = http.post("/api/upload/image", files={"image": ("a.txt", b"object a")}).json()["name"]
    other = http.post("/api/upload/image", files={"image": ("b.txt", b"object b")}).json()["name"]
    url = httpx.URL(http.get("/api/view", params={"filename": name}).headers["location"])
    assert httpx.get(url).content == b"object a"
    assert httpx.get(url, headers={"Range": "bytes=0-5"}).content == b"object"
    if change == "hash":
        url = url.copy_with(path=f"/objects/{other.split('.')[0]}")
    elif change == "none":
        url = url.copy_with(query=None)
    else:
        url = url.copy_merge_params({change: "9" * 10 if change == "expires" else "x" * 64})
    assert httpx.get(url).status_code == 403


def test_an_expired_url_is_refused(embedded_factory):
    server = embedded_factory(url_lifetime=0.001)
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        name = http.post("/api/upload/image", files={"image": ("a.txt", b"a")}).json()["name"]
        url = http.get("/api/view", params={"filename": name}).headers["location"]
        # The moment of expiry is a whole second, so it may be the current one.
        while (status := httpx.get(url).status_code) == 200:
            pass
        assert status == 403


@pytest.mark.parametrize(
    "path", ["/objects/x", "/objects/" + "0" * 64, "/objects/..%2f..%2fserver.sqlite", "/", "/api/jobs"]
)
def test_the_storage_origin_serves_objects_and_nothing_else(http, path):
    name = http.post("/api/upload/image", files={"image": ("a.txt", b"object a")}).json()["name"]
    storage = httpx.URL(http.get("/api/view", params={"filename": name}).headers["location"])
    url = storage.copy_with(raw_path=path.encode())
    assert httpx.get(url, headers=http.headers).status_code in (403, 404)


def test_ten_thousand_nodes_are_checked_run_and_cancelled(http):
    chain = {"0": {"class_type": "PrimitiveInt", "inputs": {"value": 1}}}
    for number in range(1, 10_000):
        chain[str(number)] = {"class_type": "PrimitiveInt", "inputs": {"value": [str(number - 1), 0]}}
    chain["end"] = {"class_type": "PreviewAny", "inputs": {"source": ["9999", 0]}}
    accepted = http.post("/api/prompt", json={"prompt": chain})
    assert accepted.status_code == 200
    job_id = accepted.json()["prompt_id"]
    while http.get(f"/api/job/{job_id}/status").json()["status"] in ("pending", "in_progress"):
        pass
    assert http.get(f"/api/jobs/{job_id}").json()["outputs"] == {"end": {"text": ["1"]}}
    chain["0"]["inputs"]["value"] = ["9999", 0]
    wrong = http.post("/api/prompt", json={"prompt": chain}).json()["node_errors"]["9999"]
    assert [error["type"] for error in wrong["errors"]] == ["dependency_cycle"]


def test_a_peer_that_never_reads_delays_nobody(embedded, listen):
    parts = urlsplit(embedded.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as stuck:
        stuck.sendall(
            f"GET /ws?clientId=stuck&token={embedded.api_key} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        listener = listen()
        heard = listener.run({"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0.5, "steps": 500}}})
        assert sum(isinstance(item, bytes) for item in heard) == 500
