from __future__ import annotations

import copy
import pickle

import pytest

from comfy_notebook import errors
from comfy_notebook.errors import ComfyError, InvalidWorkflow, JobFailed, Problem
from comfy_notebook.text import register


def test_an_error_is_its_message_and_hint_in_one_paragraph() -> None:
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


def test_every_error_is_a_comfy_error() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, ComfyError) for e in found)


@pytest.mark.parametrize("move", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_survive_copying_and_pickling(move: object) -> None:
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


def test_a_long_list_of_problems_is_shortened() -> None:
    error = InvalidWorkflow("Bad.", problems=[Problem(f"problem {n}") for n in range(100)])
    assert "… and 80 more" in str(error)


def test_an_error_without_problems_is_one_line() -> None:
    assert (
        str(InvalidWorkflow("'x' is not a number.", hint="Such as 42.")) == "'x' is not a number. Such as 42."
    )


def test_a_private_class_shows_its_public_name() -> None:
    class _Missing(errors.UnknownInput, AttributeError):
        pass

    assert _Missing("No input.")._render_traceback_() == ["UnknownInput: No input."]


def test_a_long_message_is_clipped() -> None:
    assert len(str(ComfyError("x" * 10_000_000))) < 3000


def test_secrets_are_masked_in_every_field() -> None:
    register("comfyui-planted-key")
    error = JobFailed("refused comfyui-planted-key", traceback="with comfyui-planted-key in it")
    assert "planted" not in f"{error} {error!r} {error.traceback} {error.args}"
