"""The outputs of a job: by kind and by node, as pictures, arrays and files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

import comfy_notebook as comfy
from comfy_notebook.errors import Problem
from comfy_notebook.jobs.outputs import Output, kind_of, outputs_of
from comfy_notebook.jobs.result import Result


def encoded(mode: str = "RGB", size: tuple[int, int] = (4, 3), fill: Any = None, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, fill if fill is not None else 0).save(out, kind)
    return out.getvalue()


def picture(node_id: str = "9", filename: str = "a.png", **more: Any) -> Output:
    data = more.pop("data", encoded())
    return Output(node_id=node_id, kind="image", filename=filename, data=data, **more)


@pytest.mark.parametrize(
    ("mode", "fill", "shape", "first"),
    [
        ("RGB", (1, 2, 3), (3, 4, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 4), (3, 4, 4), [1, 2, 3, 4]),
        ("L", 7, (3, 4, 1), [7]),
        ("LA", (7, 9), (3, 4, 4), [7, 7, 7, 9]),
        ("1", 1, (3, 4, 1), [255]),
        ("P", 0, (3, 4, 3), [0, 0, 0]),
        ("I;16", 65535, (3, 4, 1), [255]),
    ],
)
def test_arrays_are_uint8_height_width_channels(mode: str, fill: Any, shape: Any, first: list[int]) -> None:
    array = picture(data=encoded(mode, fill=fill)).array
    assert (array.shape, array.dtype) == (shape, numpy.uint8)
    assert array[0, 0].tolist() == first
    array[0, 0] = 0  # the array is writable


def test_the_first_and_all_in_order() -> None:
    result = Result("id", [picture(filename=f"{n}.png", data=encoded(size=(n, 1))) for n in (3, 1, 2)])
    assert [image.width for image in result.images] == [3, 1, 2]
    assert result.image is result.images[0]
    assert (len(result), [o.filename for o in result]) == (3, ["3.png", "1.png", "2.png"])


def test_saved_pictures_only_and_previews_where_none_was_saved() -> None:
    saved, temp = picture("9", "a.png"), picture("2", "t.png", type="temp", data=encoded(size=(1, 1)))
    result = Result("id", [temp, saved])
    assert (len(result.images), len(result.arrays), result.image.size) == (1, 1, (4, 3))
    assert result.temps == [temp]
    assert result.shown == [saved]
    assert (list(result), result.files) == ([temp, saved], [temp, saved])
    assert repr(result) == "<Result of id: 1 image (and 1 in temps)>"
    previews = Result("id", [temp])
    assert previews.image.size == (1, 1)
    assert (previews.shown, previews.temps) == ([temp], [temp])
    assert repr(previews) == "<Result of id: 1 preview image>"
    assert result["2"].image.size == (1, 1), "one node's previews, asked for by its id"


def test_an_empty_result_is_true() -> None:
    """`if result:` asks whether there is one, as it does for a row of a sweep."""
    result = Result("id")
    assert result
    assert (len(result), list(result), result.texts, result.errors, result.seed) == (0, [], [], [], None)
    assert repr(result) == "<Result of id: no outputs>"


def test_outputs_by_kind() -> None:
    def file(kind: str, name: str, **more: Any) -> Output:
        return Output(node_id="1", kind=kind, filename=name, data=b"x", **more)

    outputs = [
        file("video", "a.mp4"), file("audio", "a.flac", type="temp"), file("latent", "a.latent"),
        Output(node_id="2", kind="text", text="hello"), file("video", "t.mp4", type="temp"),
    ]  # fmt: skip
    result = Result("id", outputs, seconds=2.0)
    assert [o.filename for o in result.videos] == ["a.mp4"]
    assert [o.filename for o in result.audio] == ["a.flac"], "a preview, where no sound was saved"
    assert [o.filename for o in result.files] == ["a.mp4", "a.flac", "a.latent", "t.mp4"]
    assert [o.filename for o in result.temps] == ["a.flac", "t.mp4"]
    assert (result.texts, result.pictures) == (["hello"], [])
    assert repr(result) == (
        "<Result of id: 1 video, 1 preview audio, 1 latent, 1 text (and 1 in temps), 2.0 s>"
    )
    with pytest.raises(comfy.NoOutput, match=r"no picture: 1 video, .*See result\.outputs"):
        result.image  # noqa: B018


def test_one_nodes_result_has_its_own_problems() -> None:
    problems = [Problem("blocked", node_id=node_id) for node_id in ("2", "9")]
    result = Result("id", [picture("9"), picture("2", type="temp")], problems=problems)
    assert result["9"].problems == problems[1:]
    assert repr(result).endswith(": 1 image (and 1 in temps), 2 problems>")
    assert repr(result["9"]).endswith(": 1 image, 1 problem>")


def test_what_an_output_is_called() -> None:
    text = Output(node_id="1", kind="text", text="hello", node_title="Note")
    assert (picture().label, text.label) == ("a.png", "text of Note")
    assert (repr(text), text.mime, text.bytes) == ("<Output text from Note: 'hello'>", "text/plain", b"hello")
    with pytest.raises(comfy.NoOutput, match="text of Note is a text, not a picture"):
        text.image  # noqa: B018
    assert (picture().fetched, text.fetched, picture(data=None).fetched) == (True, True, False)
    assert repr(picture()) == "<Output image a.png from 9>"
    assert repr(picture(data=None)) == "<Output image a.png from 9 (not downloaded)>"
    failed = picture(data=None)
    failed.error = comfy.DownloadFailed("gone")
    assert repr(failed) == "<Output image a.png from 9 (failed)>"
    with pytest.raises(comfy.DownloadFailed, match="gone"):
        failed.bytes  # noqa: B018
    with pytest.raises(comfy.DownloadFailed, match=r"a\.png was not downloaded"):
        picture(data=None).bytes  # noqa: B018


@pytest.mark.parametrize(
    ("output", "mime"),
    [
        (picture(data=encoded(kind="JPEG")), "image/jpeg"),
        (picture(data=b"?", mime="image/webp"), "image/webp"),
        (picture(data=None), "image/png"),
        (picture(filename="a.unknown", data=None), "application/octet-stream"),
    ],
)
def test_media_types(output: Output, mime: str) -> None:
    assert output.mime == mime


def test_asking_for_a_kind_that_the_result_lacks() -> None:
    text = Output(node_id="1", kind="text", text="hello")
    with pytest.raises(comfy.NoOutput, match="1 text"):
        Result("id", [text]).image  # noqa: B018
    with pytest.raises(comfy.NoOutput, match=r"no outputs.*SaveImage"):
        Result("id").array  # noqa: B018
    with pytest.raises(comfy.NoOutput, match="not a picture that can be decoded"):
        picture(data=b"garbage").image  # noqa: B018


def test_one_nodes_outputs_by_title_id_or_class() -> None:
    outputs = [
        picture("9", "a.png", node_title="Final", class_type="SaveImage"),
        picture("12", "b.png", node_title="Draft", class_type="PreviewImage", type="temp"),
    ]
    result = Result("id", outputs)
    for ref in ("Draft", "12", "PreviewImage"):
        assert [o.filename for o in result[ref]] == ["b.png"]
    assert result[0].filename == "a.png"
    with pytest.raises(comfy.UnknownNode, match="Draft"):
        result["Draff"]
    with pytest.raises(comfy.UnknownNode, match="SaveImage"):
        result["SaveImge"]
    named = Result("id", [picture("9", node_title="A")], titles={"9": "A", "5": "Silent"})
    assert list(named["Silent"]) == list(named["5"]) == []


@pytest.mark.parametrize(
    "output",
    [
        {"result": ["3d/cube.glb", None, None]},
        {"result": [{"filename": "3d/cube.glb", "type": "output", "subfolder": "", "mediaType": "3d"}]},
        {"result": ["3d/cube.glb [output]"]},
        {"3d": [{"filename": "cube.glb", "subfolder": "3d", "type": "output"}]},
    ],
    ids=["event and history", "jobs", "annotated", "saved"],
)
def test_a_previewed_model_is_a_file(output: dict[str, Any]) -> None:
    """As ComfyUI 0.33 gives it; `/api/view` wants the folder apart from the name."""
    (found,) = outputs_of("7", output)
    assert (found.kind, found.filename, found.subfolder, found.type) == ("3d", "cube.glb", "3d", "output")


def test_other_results_are_texts() -> None:
    assert [o.text for o in outputs_of("7", {"result": ["a.b", "plain"]})] == ["a.b", "plain"]
    (temp,) = outputs_of("7", {"result": ["x.glb [temp]"]})
    assert (temp.filename, temp.type, temp.saved) == ("x.glb", "temp", False)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([True], [True, True]), ([False], [False, False]), ([True, False], [True, False]), ([], [False, False]),
     (None, [False, False]), ("yes", [False, False])],
)  # fmt: skip
def test_animated_flags(flags: Any, expected: list[bool]) -> None:
    files = [{"filename": name} for name in ("a.webp", "b.webp")]
    assert [o.animated for o in outputs_of("7", {"images": files, "animated": flags})] == expected
    assert not outputs_of("7", {"audio": [{"filename": "a.flac"}], "animated": [True]})[0].animated


RECORDED = {
    "images": [{"filename": "v.mp4", "subfolder": "video", "type": "output"}],
    "animated": [True],
    "text": ["96", "ok"],
    "holograms": [{"filename": "x.xyz", "type": "output"}],
    "gifs": [{"filename": "g.gif", "type": "temp", "format": "image/gif"}],
}


def test_everything_with_a_filename_and_every_text_is_listed() -> None:
    found = outputs_of("3", RECORDED, title="Save")
    assert [(o.kind, o.filename or o.text, o.type) for o in found] == [
        ("video", "v.mp4", "output"),
        ("text", "96", "output"),
        ("text", "ok", "output"),
        ("file", "x.xyz", "output"),
        ("image", "g.gif", "temp"),
    ]
    assert outputs_of("3", None) == []


@pytest.mark.parametrize(
    ("name", "key", "kind"),
    [("a.PNG", "images", "image"), ("a.glb", "3d", "3d"), ("a.opus", "audio", "audio"),
     ("a", "images", "image"), ("a.latent", "latents", "latent"), ("a.weird", "whatever", "file")],
)  # fmt: skip
def test_kinds(name: str, key: str, kind: str) -> None:
    assert kind_of(name, key) == kind


def test_saving_never_writes_over_a_file(tmp_path: Path) -> None:
    result = Result("id", [picture(), picture(data=encoded(size=(9, 9)))])
    (tmp_path / "a.png").write_text("mine")
    paths = result.save(tmp_path)
    assert [path.name for path in paths] == ["a_1.png", "a_2.png"]
    assert (tmp_path / "a.png").read_text() == "mine"
    assert paths[1].read_bytes() == result[1].bytes
    assert sorted(os.listdir(tmp_path)) == ["a.png", "a_1.png", "a_2.png"], "and nothing is left half-written"


@pytest.mark.parametrize(
    "name",
    ["../../evil.png", "/etc/passwd", "..\\..\\evil.png", "CON.png", "a<b>:c?.png", "...", "x/../y.png"],
)
def test_names_from_the_server_are_not_used_as_paths(tmp_path: Path, name: str) -> None:
    path = picture(filename=name).save(tmp_path / "out")
    assert path.parent == tmp_path / "out"
    assert not set(path.name) & set('<>:"|?*\\/')


def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(comfy.ComfyError, match=r"a\.png could not be written .* No space left"):
        picture().save(tmp_path)
    assert not list(tmp_path.glob("*.part"))


def test_what_could_not_be_fetched_is_said_when_asked_for() -> None:
    lost = Output(node_id="1", kind="image", filename="lost.png")
    lost._failed(comfy.DownloadFailed("lost.png is not on the server (any more)."))
    result = Result("id", [picture(), lost])
    assert result.image.size == (4, 3)
    assert [str(error) for error in result.errors] == ["lost.png is not on the server (any more)."]
    with pytest.raises(comfy.DownloadFailed, match="lost"):
        lost.bytes  # noqa: B018


@pytest.mark.parametrize(
    ("name", "safe"),
    [("COM1.png", "_COM1.png"), ("lpt9.txt", "_lpt9.txt"), ("COMX.png", "COMX.png"), ("ABC1.png", "ABC1.png"),
     ("COM12.png", "COM12.png")],
)  # fmt: skip
def test_names_of_devices_are_changed(name: str, safe: str) -> None:
    assert picture(filename=name).safe_name == safe
