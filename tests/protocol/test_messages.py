from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.protocol.messages import (
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionInterrupted,
    FeatureFlags,
    Notification,
    Progress,
    ProgressState,
    Status,
    Unknown,
    decode_message,
    encode_message,
)
from tests.recorded import messages


@pytest.mark.parametrize("message", messages(), ids=lambda message: message["type"])
def test_every_recorded_message_is_known_and_encodes_back(message: dict[str, Any]) -> None:
    event = decode_message(json.dumps(message))
    assert not isinstance(event, Unknown)
    assert encode_message(event) == message


def test_the_first_status_tells_the_client_id() -> None:
    first = decode_message(messages("txt2img_meta")[0])
    assert isinstance(first, Status)
    assert first.queue_remaining == 0
    assert first.sid


def test_the_kinds_of_a_run() -> None:
    """One run, in the words of the wire."""
    kinds = [m["type"] for m in messages("txt2img_meta")]
    assert kinds[:2] == ["status", "feature_flags"]
    assert kinds[-1] == "executing"
    assert {"execution_start", "execution_cached", "progress", "progress_state", "executed"} <= set(kinds)
    last = decode_message(messages("txt2img_meta")[-1])
    assert isinstance(last, Executing)
    assert last.node is None


def test_an_error_carries_what_a_person_needs() -> None:
    error = next(e for e in map(decode_message, messages("exec_error")) if isinstance(e, ExecutionError))
    assert error.node_id
    assert error.node_type
    assert error.exception_type
    assert error.exception_message
    assert error.traceback


def test_executing_without_a_prompt_id_is_what_a_reconnect_brings() -> None:
    assert decode_message(messages("reconnect")[0]) == Executing(node="3")


def test_the_clouds_spellings() -> None:
    said = decode_message({"type": "notification", "data": {"value": "Executing workflow…", "id": "x"}})
    assert said == Notification("Executing workflow…")
    state = decode_message(
        {"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"3": {"class_type": "KSampler"}}}}
    )
    assert isinstance(state, ProgressState)
    assert state.nodes["3"].value == 0
    error = decode_message({"type": "execution_error", "data": {"current_outputs": {"3": []}, "node_id": 3}})
    assert isinstance(error, ExecutionError)
    assert error.node_id == "3"


@pytest.mark.parametrize(
    "raw",
    [
        "not json",
        "[]",
        "null",
        "[" * 100_000,
        '{"type": 3}',
        '{"type": "from_the_future", "data": {"prompt_id": "p"}}',
        '{"type": "progress", "data": {"value": "many"}}',
        '{"type": "progress_state", "data": {"nodes": [1]}}',
        '{"type": "progress_state", "data": {"nodes": {"3": null}}}',
        '{"type": "execution_cached", "data": {"nodes": 7}}',
    ],
)
def test_what_we_do_not_know_is_kept_and_harmless(raw: str) -> None:
    assert isinstance(decode_message(raw), Unknown)


def test_an_unknown_message_still_tells_its_job() -> None:
    event = decode_message({"type": "asset_download", "data": {"prompt_id": "p", "progress": 3}})
    assert event == Unknown(kind="asset_download", data={"prompt_id": "p", "progress": 3}, prompt_id="p")


def test_null_fields_are_tolerated() -> None:
    assert decode_message({"type": "executed", "data": {"node": "9", "output": None}}) == Executed(node="9")
    assert decode_message({"type": "execution_cached", "data": {"nodes": None}}) == ExecutionCached()
    assert decode_message({"type": "status", "data": None}) == Status()
    assert decode_message({"type": "feature_flags"}) == FeatureFlags()
    assert decode_message({"type": "execution_interrupted"}) == ExecutionInterrupted()


def test_progress_counts() -> None:
    event = decode_message({"type": "progress", "data": {"value": 3, "max": 20, "node": 3, "prompt_id": "p"}})
    assert event == Progress(3.0, 20.0, "3", "p")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, '"soon"'])
def test_progress_that_is_no_number(number: str) -> None:
    """JSON as Python reads it has more than numbers: none of it gets as far as a fraction."""
    progress = f'{{"type": "progress", "data": {{"value": {number}, "max": 4, "prompt_id": "p"}}}}'
    assert decode_message(progress) == Unknown("progress", data=ANY, prompt_id="p")
    nodes = f'{{"3": {{"value": 1, "max": {number}}}}}'
    state = decode_message(f'{{"type": "progress_state", "data": {{"nodes": {nodes}}}}}')
    assert state == Unknown("progress_state", data=ANY)


def test_a_traceback_in_one_piece() -> None:
    event = decode_message({"type": "execution_error", "data": {"traceback": "line one\nline two"}})
    assert event == ExecutionError(traceback=("line one\nline two",))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_jobs = ("nodes", "node", "node_id", "value", "max", "output", "prompt_id", "executed", "timestamp")
_fields = st.sampled_from([*_jobs, "status", "sid", "traceback", "current_inputs"])
_kinds = st.sampled_from([*sorted({m["type"] for m in messages()}), "notification", "other"])


@given(st.fixed_dictionaries({"type": _kinds, "data": st.dictionaries(_fields, _json) | _json}))
def test_no_message_raises(message: dict[str, Any]) -> None:
    decode_message(message)
