"""Settings, and server URLs in one form."""

from __future__ import annotations

import dataclasses

import pytest

from comfy_notebook import config
from comfy_notebook.errors import ComfyError


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("http://localhost:8188/", "http://localhost:8188"),
        ("comfy.example.org", "https://comfy.example.org"),
        ("https://hub.example.org/user/x/proxy/8188/", "https://hub.example.org/user/x/proxy/8188"),
        ("https://me:secret-password@host:1/?token=abcdefgh#x", "https://host:1"),
    ],
)
def test_urls_in_one_form(given: str, url: str) -> None:
    assert config.base_url(given) == url


@pytest.mark.parametrize("given", ["ftp://host", "http://", "http://host:port", "not a url", "https://a b"])
def test_an_invalid_url_is_refused(given: str) -> None:
    with pytest.raises(ComfyError, match="neither a server's URL"):
        config.base_url(given)


def test_a_mistyped_target_is_refused_with_the_closest_name() -> None:
    from comfy_notebook.client.connecting import choose
    from comfy_notebook.sync import IO

    with pytest.raises(ComfyError, match="embedded"):
        IO.run(choose("embeded", None))
    with pytest.raises(ComfyError, match="takes a server, not int 8188"):
        IO.run(choose(8188, None))  # type: ignore[arg-type]


def test_there_is_one_settings_object() -> None:
    from comfy_notebook import api

    assert api.session.settings is config.settings


def test_every_setting_has_a_help_text_and_a_trait_with_its_default() -> None:
    from comfy_notebook.magics.magic import ComfyMagics

    found = ComfyMagics.class_traits(config=True)
    for field in dataclasses.fields(config.Settings):
        assert found[field.name].help == field.metadata["help"]
        assert found[field.name].default_value == field.default
    assert found["preview_method"].values == ("auto", "latent2rgb", "taesd", "default")
    assert (found["embed_px"].min, found["fps"].max) == (16, 60.0)
