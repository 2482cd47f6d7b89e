"""Files in and out: uploads, masks, views, assets, userdata."""

from __future__ import annotations

import io
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import blake3
import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo


@pytest.fixture
def http(embedded):
    with httpx.Client(base_url=embedded.url, headers=embedded.headers, timeout=20) as client:
        yield client


def png(colour, size=(4, 3), mode="RGB", **text):
    info, stream = PngInfo(), io.BytesIO()
    for key, value in text.items():
        info.add_text(key, value)
    Image.new(mode, size, colour).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def upload(http, data, name="picture.png", **form):
    return http.post("/api/upload/image", files={"image": (name, data)}, data=form).json()


def view(http, **params):
    answer = http.get("/api/view", params=params)
    return answer.content if answer.status_code == 200 else httpx.get(answer.headers["location"]).content


class TestUpload:
    def test_a_file_is_named_by_its_content(self, http):
        data = png("red")
        digest = blake3.blake3(data).hexdigest()
        answer = upload(http, data, subfolder="mine", type="input")
        assert answer == {"name": f"{digest}.png", "subfolder": "mine", "type": "input"}
        assert upload(http, data, name="other.png", type="input", overwrite="true")["name"] == answer["name"]
        assert upload(http, data)["type"] == "output"

    @pytest.mark.parametrize("named", ["{}.png", "{}", "blake3:{}"])
    def test_a_graph_and_a_view_name_it_by_hash(self, http, named):
        data = png((9, 8, 7))
        name = named.format(blake3.blake3(data).hexdigest())
        upload(http, data, type="input")
        assert view(http, filename=name) == data
        graph = {
            "1": {"class_type": "LoadImage", "inputs": {"image": name}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }
        assert http.post("/api/prompt", json={"prompt": graph}).status_code == 200

    def test_the_name_it_was_uploaded_under_is_understood_as_in_the_references_examples(self, http):
        title = f"{uuid.uuid4().hex}.png"
        upload(http, png((3, 4, 5)), name=title, type="input")
        assert view(http, filename=title, subfolder="", type="input") == png((3, 4, 5))
        reference = json.dumps({"filename": title, "subfolder": "", "type": "input"})
        files = {"image": ("mask.png", png((0, 0, 0, 0), mode="RGBA"))}
        form = {"type": "input", "subfolder": "clipspace", "original_ref": reference}
        masked = http.post("/api/upload/mask", files=files, data=form).json()
        assert masked["subfolder"] == "clipspace"
        # What a client makes of that answer: the subfolder is part of the name, and means nothing.
        assert view(http, filename=f"clipspace/{masked['name']} [input]")
        assert masked["name"] != title

    def test_the_list_of_loadimage_holds_what_there_is(self, http):
        name = upload(http, png((1, 1, 9)), type="input")["name"]
        info = http.get("/api/object_info/LoadImage").json()["LoadImage"]
        assert name in info["input"]["required"]["image"][0]

    def test_any_file_is_taken(self, http):
        name = upload(http, b"hello", name="note.txt")["name"]
        assert view(http, filename=name) == b"hello"


class TestMask:
    def upload(self, http, mask, original, **form):
        reference = json.dumps({"filename": original["name"], "subfolder": "", "type": original["type"]})
        return http.post(
            "/api/upload/mask",
            files={"image": ("mask.png", mask)},
            data={"original_ref": reference, **form},
        )

    def test_the_alpha_of_the_mask_goes_onto_the_original(self, http):
        original = upload(http, png("red", workflow='{"a": 1}'), type="input")
        mask = Image.new("RGBA", (4, 3), (0, 255, 0, 255))
        mask.putpixel((0, 0), (0, 0, 255, 0))
        stream = io.BytesIO()
        mask.save(stream, "PNG")
        answer = self.upload(http, stream.getvalue(), original, type="input").json()
        assert answer["type"] == "input"
        assert answer["metadata"]["is_mask"] is True
        assert answer["metadata"]["original_hash"] == original["name"]
        masked = Image.open(io.BytesIO(view(http, filename=answer["name"], type="input")))
        assert masked.mode == "RGBA"
        assert masked.getpixel((0, 0)) == (255, 0, 0, 0)
        assert masked.getpixel((1, 1)) == (255, 0, 0, 255)
        assert masked.text["workflow"] == '{"a": 1}'
        layers = http.get("/api/files/mask-layers", params={"filename": answer["name"]}).json()
        assert layers["painted_masked"] == answer["name"]

    def test_a_mask_of_another_size_is_refused_with_both_sizes(self, http):
        refused = self.upload(http, png("red", size=(5, 5)), upload(http, png("red"), type="input"))
        assert refused.status_code == 400
        assert "5×5" in refused.json()["message"]
        assert "4×3" in refused.json()["message"]

    def test_the_mask_editors_layers_belong_together_by_their_time(self, http):
        names = {}
        for layer, colour in (("mask", 1), ("paint", 2), ("painted", 3)):
            picture = png((colour, 50, 50))
            names[layer] = upload(http, picture, name=f"clipspace-{layer}-1700000000001.png")["name"]
        layers = http.get("/api/files/mask-layers", params={"filename": names["paint"]}).json()
        assert layers == {**names, "painted_masked": None}


class TestView:
    def test_channels(self, http):
        name = upload(http, png((10, 20, 30, 40), mode="RGBA"))["name"]
        rgb = Image.open(io.BytesIO(view(http, filename=name, channel="rgb")))
        assert (rgb.mode, rgb.getpixel((0, 0))) == ("RGB", (10, 20, 30))
        for channel in ("a", "alpha"):
            alpha = Image.open(io.BytesIO(view(http, filename=name, channel=channel)))
            assert (alpha.mode, alpha.getpixel((0, 0))) == ("L", 40)

    def test_a_thumbnail_is_answered_at_once(self, http):
        name = upload(http, png("blue", size=(300, 200)))["name"]
        answer = http.get("/api/view", params={"filename": name, "res": 64})
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (64, 43)

    def test_the_stored_object_has_its_type_its_tag_and_its_parts(self, http):
        name = upload(http, png("blue"))["name"]
        location = http.get("/api/view", params={"filename": name}).headers["location"]
        whole = httpx.get(location)
        assert whole.headers["content-type"] == "image/png"
        assert int(whole.headers["content-length"]) == len(whole.content)
        tag = whole.headers["etag"]
        assert httpx.get(location, headers={"If-None-Match": tag}).status_code == 304
        part = httpx.get(location, headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, whole.content[2:5])
        assert httpx.head(location).status_code == 200

    @pytest.mark.parametrize(
        ("name", "shown"),
        [("page.html", False), ("drawing.svg", False), ("feed.xml", False), ("code.js", False),
         ("picture.png", True), ("sound.flac", True), ("notes.txt", True)],
    )  # fmt: skip
    def test_what_a_browser_would_run_is_a_download(self, http, name, shown):
        # Padded so that no two names share a content.
        data = b"<svg onload='alert(1)'/>" + name.encode() if name != "picture.png" else png((1, 2, 3))
        stored = upload(http, data, name, type="input")
        headers = http.get("/api/view", params={"filename": stored["name"], "type": "input"}).next_request
        answer = httpx.get(headers.url).headers
        assert answer["content-disposition"].startswith("inline" if shown else "attachment")
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["content-security-policy"].startswith("sandbox")

    def test_an_unknown_file_is_a_404_in_the_contracts_shape(self, http):
        answer = http.get("/api/view", params={"filename": "nope.png"})
        assert (answer.status_code, answer.json().keys()) == (404, {"code", "message"})


class TestAssets:
    def create(self, http, data, name="a.txt", **form):
        return http.post("/api/assets", files={"file": (name, data)}, data=form)

    def test_an_asset_from_its_making_to_its_end(self, http):
        data = uuid.uuid4().bytes
        made = self.create(http, data, tags="input,fresh", name="b.bin", user_metadata='{"k": 1}')
        assert made.status_code == 201
        asset = made.json()
        assert asset["created_new"] is True
        assert re.fullmatch("blake3:[0-9a-f]{64}", asset["asset_hash"])
        assert sorted(asset["tags"]) == ["fresh", "input"]
        again = self.create(http, data)
        assert (again.status_code, again.json()["id"]) == (200, asset["id"])

        url = f"/api/assets/{asset['id']}"
        changed = http.put(url, json={"name": "renamed", "user_metadata": {"k": 2}}).json()
        assert (changed["name"], changed["user_metadata"]) == ("renamed", {"k": 2})
        added = http.post(f"{url}/tags", json={"tags": ["x", "fresh"]}).json()
        assert (added["added"], added["already_present"]) == (["x"], ["fresh"])
        removed = http.request("DELETE", f"{url}/tags", json={"tags": ["x", "y"]}).json()
        assert (removed["removed"], removed["not_present"]) == (["x"], ["y"])
        assert http.head(f"/api/assets/hash/{asset['asset_hash']}").status_code == 200

        second = http.post(
            "/api/assets/from-hash", json={"hash": asset["asset_hash"], "tags": ["output"], "name": "second"}
        )
        assert second.status_code == 201
        assert http.delete(url).status_code == 204
        assert http.get(url).status_code == 404
        # The content stays as long as anything refers to it.
        assert http.head(f"/api/assets/hash/{asset['asset_hash']}").status_code == 200
        assert http.delete(f"/api/assets/{second.json()['id']}").status_code == 204
        assert http.head(f"/api/assets/hash/{asset['asset_hash']}").status_code == 404

    def test_a_name_for_people_does_not_hide_what_the_file_is(self, http):
        files, data = {"file": ("image.png", png((9, 8, 7), (3, 5)))}, {"name": "My Reference Image"}
        asset = http.post("/api/assets", files=files, data=data).json()
        assert (asset["name"], asset["mime_type"]) == ("My Reference Image", "image/png")
        offered = http.get("/api/object_info/LoadImage").json()["LoadImage"]["input"]["required"]["image"]
        assert f"{asset['asset_hash'].removeprefix('blake3:')}.png" in offered[0]
        assert httpx.get(asset["preview_url"]).headers["Content-Type"] == "image/png"

    def test_finding_by_tags_names_and_metadata(self, http):
        mark = uuid.uuid4().hex
        for number in range(5):
            self.create(
                http,
                uuid.uuid4().bytes,
                name=f"{mark}-{number}.bin",
                tags=json.dumps([mark, "even" if number % 2 == 0 else "odd"]),
                user_metadata=json.dumps({"number": number}),
            )

        def names(**params):
            return [a["name"] for a in http.get("/api/assets", params=params).json()["assets"]]

        assert len(names(include_tags=mark)) == 5
        assert len(names(include_tags=f"{mark},even")) == 3
        assert len(names(include_tags=mark, exclude_tags="even")) == 2
        assert names(name_contains=f"{mark.upper()}-3") == [f"{mark}-3.bin"]
        assert names(include_tags=mark, metadata_filter='{"number": 4}') == [f"{mark}-4.bin"]
        by_name = names(include_tags=mark, sort="name", order="asc", limit=2, offset=1)
        assert by_name == [f"{mark}-1.bin", f"{mark}-2.bin"]
        counts = http.get("/api/assets/tags/refine", params={"include_tags": mark}).json()["tag_counts"]
        assert counts == {mark: 5, "even": 3, "odd": 2}
        tags = http.get("/api/tags", params={"prefix": mark}).json()
        assert tags == {"tags": [{"name": mark, "count": 5}], "total": 1, "has_more": False}

    def test_an_output_of_a_job_is_an_asset_that_names_the_job(self, http):
        graph = {
            "1": {
                "class_type": "EmptyImage",
                "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 99},
            },
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "asset"}},
        }
        job_id = http.post("/api/prompt", json={"prompt": graph}).json()["prompt_id"]
        while http.get(f"/api/job/{job_id}/status").json()["status"] in ("pending", "in_progress"):
            pass
        found = http.get("/api/assets", params={"include_tags": "output", "name_contains": "asset_"}).json()
        [asset] = [asset for asset in found["assets"] if asset["prompt_id"] == job_id]
        assert httpx.get(asset["preview_url"]).content.startswith(b"\x89PNG")

    @pytest.fixture
    def source(self):
        class Source(BaseHTTPRequestHandler):
            def do_GET(self):
                status = {"/gone.txt": 404, "/shut.txt": 403, "/moved.txt": 302}.get(self.path, 200)
                self.send_response(status)
                self.send_header("Location", "/file.txt")
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", "7")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(b"fetched")

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Source)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_a_file_fetched_from_a_url(self, http, source):
        made = http.post(
            "/api/assets", json={"url": f"{source}/moved.txt", "name": "from-url.txt", "tags": ["input"]}
        )
        assert made.status_code in (200, 201)
        assert made.json()["size"] == 7
        head = http.get("/api/assets/remote-metadata", params={"url": f"{source}/file.txt"}).json()
        assert (head["content_length"], head["content_type"], head["filename"]) == (
            7,
            "text/plain",
            "file.txt",
        )

    @pytest.mark.parametrize(
        ("path", "status"), [("/gone.txt", 404), ("/shut.txt", 403), ("", 200), ("file:///etc/passwd", 400)]
    )
    def test_a_url_that_gives_nothing(self, http, source, path, status):
        url = path if path.startswith("file") else f"{source}{path}"
        assert http.post("/api/assets", json={"url": url, "name": "x.txt"}).status_code in (
            status,
            status + 1,
        )

    def test_background_downloads_come_from_the_two_hosts_of_the_contract_only(self, http, source):
        for url in (f"{source}/file.txt", "https://huggingface.co.evil.example/x", "http://huggingface.co/x"):
            assert http.post("/api/assets/download", json={"source_url": url}).status_code == 400


class TestUserdata:
    def test_a_file_from_its_writing_to_its_end(self, http):
        folder = uuid.uuid4().hex
        url = f"/api/userdata/{folder}%2Fsub%2Fa.json"
        assert http.get("/api/userdata", params={"dir": folder}).status_code == 404
        written = http.post(url, content=b'{"a": 1}').json()
        assert (written["path"], written["size"]) == (f"{folder}/sub/a.json", 8)
        assert http.post(url, params={"overwrite": "false"}, content=b"x").status_code == 409
        assert http.get(url).json() == {"a": 1}
        assert http.get("/api/userdata", params={"dir": f"{folder}/"}).json() == []
        [listed] = http.get("/api/userdata", params={"dir": folder, "recurse": "true"}).json()
        assert (listed["path"], listed["size"]) == ("sub/a.json", 8)
        assert http.delete(url).status_code == 204
        assert http.delete(url).status_code == 404
        assert http.get(url).status_code == 404

    def test_refusals_are_plain_text(self, http, embedded):
        assert http.get("/api/userdata/nope").headers["content-type"].startswith("text/plain")
        refused = httpx.get(f"{embedded.url}/api/userdata/nope")
        assert refused.status_code == 401
        assert refused.headers["content-type"].startswith("text/plain")


def test_temp_files_go_first_and_oldest_first_when_the_quota_is_passed(embedded_factory):
    server = embedded_factory(quota=20_000 / 1024**3)
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as http:
        kept = upload(http, b"k" * 8000, name="kept.bin", type="output")["name"]
        temps = [upload(http, bytes([n]) * 5000, name=f"{n}.bin", type="temp")["name"] for n in range(4)]
        status = [http.get("/api/view", params={"filename": name}).status_code for name in (kept, *temps)]
        assert status == [302, 404, 404, 302, 302]
        stored = sum(
            path.stat().st_size for path in (server.data_dir / "objects").rglob("*") if path.is_file()
        )
        assert stored <= 20_000
