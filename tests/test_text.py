from __future__ import annotations

from pathlib import Path

import pytest

from comfy_notebook.text import (
    clip,
    closest,
    did_you_mean,
    file_name,
    missing_file_hint,
    node_label,
    printable,
    redact,
    register,
)


def test_the_closest_names_come_first() -> None:
    assert closest("KSampeler", ["VAEDecode", "KSampler", "KSamplerAdvanced"])[0] == "KSampler"
    assert did_you_mean("zzz", ["KSampler"]) == ""


@pytest.mark.parametrize(
    ("name", "names", "near"),
    [
        ("Positive prompt", ["Negative Prompt", "Positive Prompt"], ["Positive Prompt"]),
        ("eulr", ["euler", "heun", "euler_ancestral"], ["euler"]),
        ("scale", ["ImageScale", "ImageInvert", "ImageScaleBy"], ["ImageScale", "ImageScaleBy"]),
        ("Nope", ["AddNoise", "ModelMerge"], []),
    ],
)
def test_names_much_further_away_are_left_out(name: str, names: list[str], near: list[str]) -> None:
    assert closest(name, names) == near


def test_an_ellipsis_in_place_of_a_key_is_kept() -> None:
    assert redact("connect(api_key=…) works") == "connect(api_key=…) works"
    assert "abcdef" not in redact("connect(api_key=abcdef) works")


@pytest.mark.parametrize(
    "text",
    [
        "wss://cloud.comfy.org/ws?clientId=a&token=s3cr3t-value",
        "X-API-Key: s3cr3t-value",
        "{'X-API-Key': 's3cr3t-value'}",
        "Authorization: Bearer s3cr3t-value",
        '{"api_key_comfy_org": "s3cr3t-value"}',
        "https://me:s3cr3t-value@host/",
        "https://store/x?sig=s3cr3t-value&e=1",
    ],
)
def test_values_in_places_meant_for_a_key_are_masked(text: str) -> None:
    assert "s3cr3t" not in redact(text)


def test_a_registered_secret_is_masked_anywhere_and_a_short_one_is_not() -> None:
    register("registered-secret-1")
    register("abc")
    assert redact("x registered-secret-1 abc") == "x [redacted] abc"


def test_clipped_text_ends_in_an_ellipsis() -> None:
    assert (clip("abcdef", 6), clip("abcdef", 5)) == ("abcdef", "abcd…")


def test_printable_text_has_no_control_or_bidi_characters() -> None:
    assert printable("a\x1b[31mb\u202ec\n\td\ud800") == "a\ufffd[31mbc d\ufffd"
    assert printable("a\n\tb", lines=True) == "a\n    b"
    assert printable("x" * 200, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("node", "label"),
    [
        (("3", "KSampler", "KSampler"), "KSampler (node 3)"),
        (("3", "Second pass", "KSampler"), "Second pass (KSampler, node 3)"),
        (("3", None, None), "node 3"),
        ((None, "Second pass", "KSampler"), "Second pass (KSampler)"),
        ((None, None, "KSampler"), "KSampler"),
        ((None, None, None), ""),
    ],
)
def test_how_messages_name_a_node(node: tuple[str | None, ...], label: str) -> None:
    assert node_label(*node) == label


def test_a_missing_file_is_looked_for_nearby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "txt2img.json").touch()
    monkeypatch.chdir(tmp_path)
    assert missing_file_hint(Path("txt2img.json")) == "Did you mean 'notebooks/txt2img.json'?"
    assert missing_file_hint(Path("notebooks/txt2imgs.json")) == "Did you mean 'txt2img.json'?"
    assert "no folder 'notebook' either. Did you mean 'notebooks'?" in missing_file_hint(Path("notebook/x"))
    assert missing_file_hint(tmp_path / "zzz.json") == f"Looked in {str(tmp_path)!r}."


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../evil.png", "evil.png"),
        ("a\\b.png", "b.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("a\x1b[31m\x00b.png", "a[31mb.png"),
        (" .. ", ""),
        ("", ""),
        ("ü" * 300 + ".png", "ü" * 125 + ".png"),
        ("x" * 300, "x" * 255),
        ("a." + "y" * 300, "a." + "y" * 253),
        ("lone \ud800 surrogate.png", "lone  surrogate.png"),
    ],
)
def test_a_file_name_is_short_and_shows_what_it_is(given: str, expected: str) -> None:
    assert file_name(given) == expected
    assert len(file_name(given).encode()) <= 255


def test_a_character_is_never_cut_in_two() -> None:
    assert file_name("€" * 100 + ".png", 20) == "€" * 5 + ".png"
