from __future__ import annotations

import copy
import pickle

import pytest

from comfy_notebook import errors
from comfy_notebook.errors import ComfyError, InvalidWorkflow, JobFailed, Problem
from comfy_notebook.text import closest, did_you_mean, redact, register


def test_an_error_says_what_and_what_next_in_one_paragraph() -> None:
    error = ComfyError("No file 'a.json'.", hint="Did you mean 'b.json'?")
    assert str(error) == "No file 'a.json'. Did you mean 'b.json'?"
    assert error._render_traceback_() == ["ComfyError: No file 'a.json'. Did you mean 'b.json'?"]


def test_a_failed_job_composes_node_exception_message_and_hint() -> None:
    error = JobFailed(
        "no latent",
        node_id="3",
        node_title="Second pass",
        class_type="KSampler",
        exception_type="builtins.ValueError",
        hint="Connect latent_image.",
    )
    assert error.message == "no latent"
    assert str(error) == "Second pass (KSampler, node 3) failed: ValueError: no latent. Connect latent_image."
    assert str(JobFailed("the server gave no reason.")) == "The job failed: the server gave no reason."


def test_a_longer_hint_leaves_the_first_error_alone() -> None:
    error = JobFailed("no latent", node_id="3", hint="Try again.")
    longer = error.with_hint("Or not.")
    assert (error.hint, longer.hint, longer.node_id) == ("Try again.", "Try again. Or not.", "3")
    assert type(longer) is JobFailed


def test_every_error_is_in_the_one_tree() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, ComfyError) for e in found)


@pytest.mark.parametrize("move", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_travel_between_processes_whole(move: object) -> None:
    failed = JobFailed("It broke.", node_id="3", traceback="…", hint="Try again.")
    again = move(failed)  # type: ignore[operator]
    assert (str(again), again.node_id, again.traceback) == (str(failed), "3", "…")


def test_problems_are_listed_by_node() -> None:
    problem = Problem(
        "'eular' is not a sampler.", "3", "KSampler", input_name="sampler_name", suggestion="'euler'"
    )
    error = InvalidWorkflow("The workflow has 1 problem.", problems=[problem])
    assert str(error).splitlines()[1].strip() == (
        "KSampler (node 3), sampler_name: 'eular' is not a sampler. Try 'euler'."
    )


def test_a_hundred_problems_are_not_a_wall() -> None:
    error = InvalidWorkflow("Bad.", problems=[Problem(f"problem {n}") for n in range(100)])
    assert "… and 80 more" in str(error)


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
def test_one_that_is_far_nearer_stands_alone(name: str, names: list[str], near: list[str]) -> None:
    assert closest(name, names) == near


def test_an_error_with_no_list_is_one_line() -> None:
    assert str(InvalidWorkflow("'x' is no number.", hint="Such as 42.")) == "'x' is no number. Such as 42."


def test_a_private_class_shows_its_public_name() -> None:
    class _Missing(errors.UnknownInput, AttributeError):
        pass

    assert _Missing("No input.")._render_traceback_() == ["UnknownInput: No input."]


def test_server_text_is_bounded() -> None:
    assert len(str(ComfyError("x" * 10_000_000))) < 3000


def test_an_ellipsis_is_no_key() -> None:
    assert redact("connect(api_key=…) works") == "connect(api_key=…) works"
    assert "abcdef" not in redact("connect(api_key=abcdef) works")


def test_a_key_never_shows() -> None:
    register("comfyui-planted-key")
    error = JobFailed("refused comfyui-planted-key", traceback="with comfyui-planted-key in it")
    assert "planted" not in f"{error} {error!r} {error.traceback} {error.args}"


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
def test_what_stands_where_a_key_does_is_masked(text: str) -> None:
    assert "s3cr3t" not in redact(text)
