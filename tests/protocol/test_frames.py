from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.protocol.frames import (
    PreviewImage,
    TextFrame,
    Unknown,
    decode_frame,
    encode_preview,
    encode_preview_with_metadata,
    encode_text,
    sniff,
)
from tests.recorded import frames

JPEG = b"\xff\xd8\xff\xe0 a picture"


@pytest.mark.parametrize(
    ("recording", "mime", "with_metadata"),
    [
        ("txt2img_plain", "image/jpeg", False),
        ("txt2img_meta", "image/jpeg", True),
        ("media_images", "image/png", False),
    ],
)
def test_a_recorded_preview_decodes_and_encodes_back(recording: str, mime: str, with_metadata: bool) -> None:
    raw, header = frames(recording)[0]
    frame = decode_frame(raw)
    assert isinstance(frame, PreviewImage)
    assert frame.mime == mime
    assert sniff(frame.image) == mime
    if with_metadata:
        assert frame.metadata == header["metadata"]
        assert (frame.node_id, frame.prompt_id) == ("3", header["metadata"]["prompt_id"])
        again = encode_preview_with_metadata(frame.image, mime, node_id="3", prompt_id=str(frame.prompt_id))
    else:
        assert (frame.node_id, frame.prompt_id, frame.metadata) == (None, None, None)
        again = encode_preview(frame.image, mime)
    assert again == raw


def test_a_recorded_text_decodes_and_encodes_back() -> None:
    raw, header = frames("text_outputs")[0]
    frame = decode_frame(raw)
    assert frame == TextFrame("2", "width: 96, height: 64\n batch size: 2")
    assert header["text"] == frame.text
    assert encode_text("2", frame.text) == raw


def test_metadata_without_image_type_is_told_by_the_image() -> None:
    """The published list of metadata fields has no image_type."""
    head = b'{"node_id": 3, "prompt_id": "p"}'
    frame = decode_frame(struct.pack(">II", 4, len(head)) + head + JPEG)
    assert isinstance(frame, PreviewImage)
    assert (frame.mime, frame.node_id, frame.prompt_id) == ("image/jpeg", "3", "p")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x00\x01",
        struct.pack(">II", 1, 1),
        struct.pack(">II", 1, 9) + b"neither jpeg nor png",
        struct.pack(">II", 3, 99) + b"shorter than it says",
        struct.pack(">II", 4, 4) + b"{[}]" + JPEG,
        struct.pack(">II", 4, 2) + b"[]" + JPEG,
        struct.pack(">II", 4, 2**32 - 1) + b"{}",
        struct.pack(">II", 7, 0) + b"from the future",
    ],
)
def test_damaged_and_future_frames_are_kept_and_harmless(raw: bytes) -> None:
    frame = decode_frame(raw)
    assert isinstance(frame, Unknown)
    assert frame.raw == raw


def test_what_is_really_in_a_frame_wins_over_its_label() -> None:
    frame = decode_frame(struct.pack(">II", 1, 2) + JPEG)
    assert isinstance(frame, PreviewImage)
    assert frame.mime == "image/jpeg"


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    decode_frame(raw)


@given(st.text(), st.text())
def test_any_text_survives(node_id: str, text: str) -> None:
    node_id, text = (s.encode("utf-8", "replace").decode() for s in (node_id, text))
    assert decode_frame(encode_text(node_id, text)) == TextFrame(node_id, text)
