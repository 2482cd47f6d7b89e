"""The real ComfyUI editor in Chromium, on an embedded server of either dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.servers import ROOT, end_server, start_server

from .editor import editor_files, editor_proxy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

USE_WHAT_THERE_IS = """() => {
  for (const node of app.graph.nodes) for (const widget of node.widgets ?? []) {
    const choices = widget.options?.values
    if (Array.isArray(choices) && String(widget.value).endsWith('.safetensors')) widget.value = choices[0]
  }
}"""
LISTEN = """() => {
  const listening = window.heard !== undefined
  window.heard = {}
  const kinds = ['executed', 'execution_success', 'execution_error', 'b_preview_with_metadata']
  if (!listening) for (const kind of kinds)
    app.api.addEventListener(kind, () => { heard[kind] = (heard[kind] ?? 0) + 1 })
}"""


@pytest.fixture(scope="module", params=["cloud", "comfyui"])
def editor(request, chrome, tmp_path_factory) -> Iterator[Any]:
    """A page with the editor, loaded; `page.faults` has the errors of its scripts."""
    files = editor_files()
    if files is None:
        pytest.skip("the editor (comfyui-frontend-package) is not installed")
    data = tmp_path_factory.mktemp("editor") / "data"
    server = start_server(data, dialect=request.param, preview_method="auto")
    # Without this the editor opens its templates at the first visit.
    seen = {"Comfy.TutorialCompleted": True}
    httpx.post(f"{server.url}/api/settings", json=seen, headers=server.headers).raise_for_status()
    with editor_proxy(server, files) as url:
        page = chrome.new_page(viewport={"width": 1400, "height": 900})
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(url)
        loaded(page)
        yield page
        page.close()
    end_server(server)


def loaded(page: Any) -> None:
    ready = "() => window.app?.extensionManager && app.graph && app.api?.socket"
    page.wait_for_function(ready, timeout=60000)
    page.get_by_text("Run", exact=True).first.wait_for(timeout=60000)


def run(page: Any) -> dict[str, int]:
    """Queue what is loaded and wait for its end; how often each kind of message was heard."""
    page.evaluate(LISTEN)
    assert page.evaluate("() => app.queuePrompt(0, 1)") is True
    page.wait_for_function("() => heard.execution_success || heard.execution_error", timeout=60000)
    heard = page.evaluate("() => heard")
    assert "execution_error" not in heard
    return heard


def test_it_loads_without_an_error(editor) -> None:
    assert editor.faults == []


def test_its_own_default_workflow_runs_with_only_file_names_changed(editor) -> None:
    editor.evaluate("() => app.loadGraphData()")
    editor.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'KSampler')")
    editor.evaluate(USE_WHAT_THERE_IS)
    heard = run(editor)
    assert heard["b_preview_with_metadata"] > 1
    assert heard["executed"] == 1
    editor.wait_for_function(
        "() => app.graph.nodes.some((node) => node.type === 'SaveImage' && app.nodeOutputs[node.id]?.images)"
    )
    assert editor.faults == []


def test_a_workflow_of_ours_runs(editor) -> None:
    graph = json.loads((ROOT / "notebooks" / "workflows" / "txt2img.editor.json").read_text())
    editor.evaluate("(graph) => app.loadGraphData(graph)", graph)
    editor.wait_for_function("(count) => app.graph.nodes.length === count", arg=len(graph["nodes"]))
    assert run(editor)["executed"] == 1
    assert editor.faults == []


def test_the_queue_panel_lists_what_ran(editor) -> None:
    jobs = editor.evaluate("() => app.api.getHistory(10)")
    assert len(jobs) >= 2
    assert all(job["status"] == "completed" for job in jobs)
    queue = editor.evaluate("() => app.api.getQueue()")
    assert queue == {"Running": [], "Pending": []}
    editor.get_by_text("0 active", exact=True).first.click()
    editor.get_by_text("Job Queue", exact=True).first.wait_for()
    # A job is listed under the name of its first saved file, with how long it took.
    editor.get_by_text(jobs[0]["preview_output"]["filename"], exact=True).first.wait_for()


def test_settings_are_kept_over_a_reload(editor) -> None:
    editor.evaluate("() => app.extensionManager.setting.set('Comfy.Sidebar.Location', 'right')")
    editor.reload()
    loaded(editor)
    assert editor.evaluate("() => app.extensionManager.setting.get('Comfy.Sidebar.Location')") == "right"
    assert editor.faults == []
