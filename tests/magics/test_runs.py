"""`%comfy run` and `%comfy sweep` against a real embedded server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import comfy_notebook as comfy

from .conftest import PLAIN, WORKFLOWS, Notebook


def test_a_file_becomes_a_picture(connected: Notebook) -> None:
    ran = connected("x = %comfy run plain.json")
    assert ran.error is None, ran.text
    result = connected["x"]
    assert isinstance(result, comfy.Result)
    assert result.image.size == (16, 8)
    assert tuple(result.array[0, 0]) == (0, 0, 255)
    assert [set(data) for data in ran.displayed] == [{"image/png", "text/plain"}]


def test_alone_on_its_line_it_shows_the_picture_once(connected: Notebook) -> None:
    ran = connected("%comfy run plain.json")
    assert isinstance(ran.value, comfy.Result)
    assert sum("image/png" in data for data in ran.displayed) == 1


def test_a_semicolon_quiets_and_still_returns(connected: Notebook) -> None:
    ran = connected("y = %comfy run plain.json 1.color=1;")
    assert connected["y"].array.max() == 1
    assert (ran.displayed, ran.text) == ([], "")
    ran = connected("%comfy run plain.json 1.color=2;")
    assert (ran.displayed, ran.text) == ([], "")


def test_values_are_read_by_the_inputs_type(connected: Notebook) -> None:
    ran = connected(
        "r = %comfy run plain.json EmptyImage.width=24 Blank.height={h * 2} 1.color=0xff0000 "
        '"Save Image.filename_prefix"="a b"',
        h=6,
    )
    assert ran.error is None, ran.text
    result = connected["r"]
    assert result.image.size == (24, 12)
    assert tuple(result.array[0, 0]) == (255, 0, 0)
    assert result.outputs[0].filename == "a b_00001_.png"
    assert result.workflow.get("2.filename_prefix") == "a b"


def test_a_variable_is_not_changed_by_a_run(connected: Notebook) -> None:
    wf = comfy.Workflow.load(PLAIN)
    connected("r = %comfy run wf 1.width=32", wf=wf)
    assert connected["r"].image.size == (32, 8)
    assert wf.get("1.width") == 16


@pytest.mark.parametrize("source", ["graph", "{graph}", "$graph", "path", "{json_text}"])
def test_every_way_to_give_a_workflow(connected: Notebook, folder: Path, source: str) -> None:
    ran = connected(f"r = %comfy run {source}", graph=PLAIN, path="plain.json", json_text=json.dumps(PLAIN))
    assert ran.error is None, ran.text
    assert connected["r"].image.size == (16, 8)


def test_a_picture_made_here_runs_again(connected: Notebook, folder: Path) -> None:
    connected("a = %comfy run plain.json 1.color=4660 --save made")
    (made,) = (folder / "made").iterdir()
    ran = connected(f"b = %comfy run made/{made.name} 1.width=48")
    assert ran.error is None, ran.text
    assert connected["b"].image.size == (48, 8)
    assert tuple(connected["b"].array[0, 0]) == tuple(connected["a"].array[0, 0])


def test_a_cell_of_values(connected: Notebook) -> None:
    ran = connected(
        "%%comfy run plain.json 1.width=20 --out made\n# a comment\n1.height: {h}\n"
        "Save Image.filename_prefix: it's a: {test}\n1.color: |\n    65280\n",
        h=10,
    )
    assert ran.error is None, ran.text
    assert connected["made"] is ran.value
    assert ran.value.image.size == (20, 10)
    assert tuple(ran.value.array[0, 0]) == (0, 255, 0)
    assert ran.value.workflow.get("2.filename_prefix") == "it's a: {test}"


def test_a_cell_with_a_workflow(connected: Notebook) -> None:
    ran = connected(f"%%comfy run 1.width=40\n{json.dumps(PLAIN, indent=2)}")
    assert ran.error is None, ran.text
    assert ran.value.image.size == (40, 8)


def test_pictures_go_in_as_objects_and_as_files(connected: Notebook, folder: Path) -> None:
    pixels = np.zeros((6, 5, 3), np.uint8)
    pixels[:, :, 1] = 200
    Image.fromarray(pixels).save(folder / "green.png")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "in", "images": ["1", 0]}},
    }
    for value in ("{pixels}", "{picture}", "{path}", "green.png"):
        ran = connected(
            f"r = %comfy run graph LoadImage.image={value}", graph=graph, pixels=pixels,
            picture=Image.fromarray(pixels), path=folder / "green.png",
        )  # fmt: skip
        assert ran.error is None, ran.text
        assert np.array_equal(connected["r"].array[..., :3], pixels)
        assert ("green.png will be uploaded for" in ran.out) is (value == "green.png")


def test_seeds(connected: Notebook) -> None:
    small = "5.width=64 5.height=64 KSampler.steps=2"
    file = str(WORKFLOWS / "txt2img.json")
    for name, seed in [("a", "7"), ("b", "{s}"), ("c", "8"), ("d", "random")]:
        ran = connected(f"{name} = %comfy run $file {small} --seed {seed}", file=file, s=7)
        assert ran.error is None, ran.text
    a, b, c, d = (connected[name] for name in "abcd")
    assert np.array_equal(a.array, b.array)
    assert not np.array_equal(a.array, c.array)
    assert (a.seed, c.seed) == (7, 8)
    assert isinstance(d.seed, int)


def test_out_and_save(connected: Notebook, folder: Path) -> None:
    ran = connected("%comfy run plain.json --out made --save pictures")
    assert ran.error is None, ran.text
    connected("%comfy run plain.json 1.color=3 --save pictures;")
    saved = sorted((folder / "pictures").iterdir())
    assert len(saved) == 2
    assert f"Saved {Path('pictures') / saved[0].name}" in ran.out
    assert connected["made"].image.size == (16, 8)


def test_no_wait_gives_the_job(connected: Notebook) -> None:
    ran = connected("j = %comfy run slow.json --no-wait")
    job = connected["j"]
    assert isinstance(job, comfy.Job)
    assert job.id in ran.out
    assert not job.status.is_final
    assert connected(f"%comfy cancel {job.id[:8]}").error is None
    assert job.wait(timeout=10) == "cancelled"


def test_repeat_gives_a_list_with_seeds_counted_up(connected: Notebook) -> None:
    small = "5.width=64 5.height=64 KSampler.steps=1"
    ran = connected(f"r = %comfy run $file {small} --seed 5 --repeat 3", file=str(WORKFLOWS / "txt2img.json"))
    assert ran.error is None, ran.text
    assert [result.seed for result in connected["r"]] == [5, 6, 7]


def test_another_server_for_one_call(connected: Notebook, embedded_factory: Callable[..., Any]) -> None:
    server = embedded_factory(api_key="another-key-for-one-call")
    other = comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True)
    ran = connected("r = %comfy run plain.json --on other", other=other)
    assert ran.error is None, ran.text
    job_id = connected["r"].job_id
    (here,) = connected("%comfy jobs").displayed
    (there,) = connected("%comfy jobs --on {other}").displayed
    assert job_id not in here["text/plain"]
    assert job_id in there["text/plain"]
    other.close()


def test_a_run_that_takes_too_long(connected: Notebook) -> None:
    ran = connected("%comfy run slow.json --timeout 0.5")
    assert isinstance(ran.error, comfy.JobTimeout)
    connected(f"%comfy cancel {ran.error.job_id}")


def test_sweep(connected: Notebook) -> None:
    ran = connected("g = %comfy sweep plain.json 1.width=8:25:8 1.color=0,255 --out grid")
    assert ran.error is None, ran.text
    grid = connected["grid"]
    assert grid is connected["g"]
    assert [s["1.width"] for s in grid.settings] == [8, 8, 16, 16, 24, 24]
    assert {r.image.size for r in grid} == {(8, 8), (16, 8), (24, 8)}
    ran = connected("g = %comfy sweep plain.json 1.width={widths}", widths=[8, 40])
    assert [r.image.size[0] for r in connected["g"]] == [8, 40]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("plain.json", "give the values to vary"),
        ("plain.json 1.width=5:1", "is an empty range"),
        ("plain.json 1.widht=1,2", "Did you mean"),
        ("plain.json 1.width=1,many", "'many' is not a whole number"),
    ],
)
def test_a_mistake_in_a_sweep_is_reported(connected: Notebook, line: str, says: str) -> None:
    ran = connected(f"%comfy sweep {line}")
    assert says in ran.text
    assert "Traceback" not in ran.text


SMALL = "width=64 height=64 steps=1"


def test_short_names_on_the_line(connected: Notebook) -> None:
    file = str(WORKFLOWS / "txt2img.json")
    ran = connected(f'r = %comfy run $file {SMALL} prompt="a boat" negative=fog seed=5', file=file)
    assert ran.error is None, ran.text
    sent = connected["r"].workflow
    assert [sent.get(name) for name in ("6.text", "7.text", "3.steps", "3.seed")] == ["a boat", "fog", 1, 5]
    ran = connected(
        "g = %comfy sweep $file prompt={prompts} steps=1:3 --out g", file=file, prompts=["a", "b"]
    )
    assert ran.error is None, ran.text
    assert [setting["steps"] for setting in connected["g"].settings] == [1, 2, 1, 2]
    assert [run.workflow.get("6.text") for run in connected["g"]] == ["a", "a", "b", "b"]


def test_a_prompt_alone_runs_the_default_workflow(connected: Notebook) -> None:
    ran = connected(f'r = %comfy run prompt="a boat on the sea" {SMALL} --seed 2')
    assert ran.error is None, ran.text
    assert "the checkpoint analytic-scenes.safetensors" in ran.out
    assert connected["r"].workflow.get("prompt") == "a boat on the sea"
    assert connected["r"].image.size == (64, 64)
    ran = connected(
        "%%comfy run --seed 3\nprompt: |\n    a windmill,\n    noon\nwidth: 64\nheight: 64\nsteps: 1\n"
    )
    assert ran.error is None, ran.text
    assert ran.value.workflow.get("6.text") == "a windmill,\nnoon"
    assert (ran.value.seed, ran.value.image.size) == (3, (64, 64))


def test_a_prompt_in_the_place_of_the_file(connected: Notebook) -> None:
    ran = connected('%comfy run "a boat on the sea"')
    assert isinstance(ran.error, comfy.WorkflowNotFound)
    assert '%comfy run prompt="a boat on the sea"' in ran.text


def test_repeat_counts_up_from_the_seed_of_the_file(connected: Notebook) -> None:
    ran = connected(f"r = %comfy run $file {SMALL} --repeat 2 ", file=str(WORKFLOWS / "txt2img.json"))
    assert ran.error is None, ran.text
    first, second = (result.seed for result in connected["r"])
    assert second == first + 1 == 156680208700287


def test_a_text_that_is_the_name_of_a_file_stays_a_text(connected: Notebook) -> None:
    ran = connected("r = %comfy run plain.json 2.filename_prefix=plain.json")
    assert ran.error is None, ran.text
    assert "uploaded" not in ran.out
    assert connected["r"].workflow.get("2.filename_prefix") == "plain.json"
