"""Where the output goes, told from what each host leaves to be seen."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from comfy_notebook.display.frontend import detect


def kernel(metadata=None, username="", allow_stdin=True, user_ns=None, msg_type="execute_request"):
    request = {
        "metadata": metadata or {},
        "header": {"username": username, "msg_type": msg_type},
        "content": {"allow_stdin": allow_stdin},
    }
    return SimpleNamespace(kernel=object(), user_ns=user_ns or {}, get_parent=lambda: request)


@pytest.mark.parametrize(
    ("env", "shell", "live"),
    [
        ({}, kernel({"cellId": "a"}), True),
        ({"JPY_SESSION_NAME": "a.ipynb"}, kernel(), True),
        ({}, kernel(user_ns={"__vsc_ipynb_file__": "a.ipynb"}), True),
        ({}, kernel(msg_type="comm_msg"), True),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, kernel(), True),
        ({}, kernel(username="root", allow_stdin=False), False),
        ({"JPY_SESSION_NAME": "a.ipynb"}, kernel(username="root", allow_stdin=False), False),
        ({"COMFY_NOTEBOOK_LIVE": "1"}, kernel(username="root"), True),
        ({"COMFY_NOTEBOOK_LIVE": "0"}, kernel({"cellId": "a"}), False),
        ({"COMFY_NOTEBOOK_LIVE": "off", "JPY_SESSION_NAME": "a"}, kernel(), False),
    ],
)
def test_live_where_someone_draws_widgets(env, shell, live):
    assert detect(env, shell).live is live


def test_a_console_gets_text_and_an_executor_gets_none():
    assert detect({}, kernel(username="root", allow_stdin=True)).text
    assert not detect({}, kernel(username="root", allow_stdin=False)).text


def test_terminal_and_script(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)  # other tests may have made a shell
    assert detect({}, SimpleNamespace()).kind == "terminal"
    assert detect({}, SimpleNamespace()).text
    assert not detect({"COMFY_NOTEBOOK_LIVE": "0"}, SimpleNamespace()).text
    assert detect({}).kind == "script"


def test_a_shell_that_cannot_say_who_asked_is_not_drawn_for():
    assert not detect({}, SimpleNamespace(kernel=object())).live
