"""Options that stand once in a TypedDict look and behave as if they were written out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.client.connecting import ConnectOptions
from comfy_notebook.jobs.submit import DEFAULTS, SubmitOptions

SUBMITTING: list[Callable[..., Any]] = [
    comfy.submit, comfy.run, comfy.sweep,
    comfy.Client.submit, comfy.Client.run, comfy.Client.sweep,
    comfy.AsyncClient.submit, comfy.AsyncClient.run, comfy.AsyncClient.sweep,
]  # fmt: skip


@pytest.mark.parametrize("function", SUBMITTING, ids=lambda f: f.__qualname__)
def test_every_way_to_submit_lists_the_options(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    assert set(SubmitOptions.__annotations__) <= set(parameters)
    assert list(parameters)[-1] == "keywords", "any other keyword is an input and its value"
    for name, default in DEFAULTS.items():
        assert parameters[name].default == default
    assert parameters["seed"].default is None
    assert function.__doc__


def test_connecting_lists_its_options() -> None:
    for function in (comfy.connect, comfy.AsyncClient.connect):
        assert set(ConnectOptions.__annotations__) <= set(inspect.signature(function).parameters)


def test_a_misspelt_option_of_connect_is_refused_before_anything_is_done() -> None:
    with pytest.raises(TypeError, match=r"connect\(\) .*'api_kye'.*api_key"):
        comfy.connect("cloud", api_kye="x")


@pytest.mark.parametrize(
    ("option", "meant"),
    [("tiemout", "timeout"), ("target", "targets"), ("front_", "front"), ("quite", "quiet")],
)
def test_a_misspelt_option_is_refused_as_an_input_that_is_not_there(
    embedded: Any, option: str, meant: str
) -> None:
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as client:
        for call in (client.submit, client.run):
            with pytest.raises(comfy.UnknownInput, match=f"no input '{option}' .*the option {meant}="):
                call({"1": {"class_type": "EmptyImage", "inputs": {"width": 8}}}, **{option: 1})
        assert client.job_ids == []
