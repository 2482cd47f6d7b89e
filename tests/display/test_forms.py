"""Forms over the definitions of a real ComfyUI: which control an input gets, and what a run takes from it."""

from __future__ import annotations

import asyncio
import json

import ipywidgets as w
import pytest

from comfy_notebook.display.forms import presets
from comfy_notebook.display.forms.files import FileKnob
from comfy_notebook.display.forms.form import Form
from comfy_notebook.display.forms.interact import Interaction
from comfy_notebook.display.forms.knobs import Choice, Colour, Logarithmic, Seed, knob
from comfy_notebook.display.forms.layout import arrange, find_input
from comfy_notebook.display.frontend import Frontend
from comfy_notebook.errors import ComfyError
from comfy_notebook.workflow.specs import InputSpec
from comfy_notebook.workflow.workflow import Workflow

from .graphs import CATALOG, TXT2IMG
from .runs import done, picture, play, png_bytes, recorded


def make(inputs=None, **changes):
    submitted = []

    def submit(workflow):
        submitted.append(workflow.to_api())
        return done()

    workflow = Workflow(TXT2IMG, nodes=CATALOG).with_values(changes)
    return Form(workflow, inputs, submit=submit), submitted


def spec(kind, **options):
    return InputSpec.parse("x", [kind, options], "required")


@pytest.mark.parametrize(
    ("declared", "value", "control"),
    [
        (spec("STRING", multiline=True), "a cat", w.Textarea),
        (spec("STRING"), "a cat", w.Text),
        (spec("BOOLEAN"), True, w.Checkbox),
        (spec("INT", min=1, max=64), 4, w.IntSlider),
        (spec("FLOAT", min=0.0, max=1.0, step=0.01), 0.5, w.FloatSlider),
        (spec(["euler", "heun"]), "euler", w.Dropdown),
        (spec([f"model {n}.safetensors" for n in range(200)]), "model 7.safetensors", w.Combobox),
        (spec("COLOR"), "#ff0000", w.ColorPicker),
        (spec("INT", min=-10, max=10**12), 5, w.IntText),
        (None, 0.25, w.FloatText),
        (None, "x" * 100, w.Textarea),
    ],
)
def test_the_control_follows_the_declaration(declared, value, control):
    made = knob(declared, value)
    assert type(getattr(made, "slider", made.control)) is control
    assert made.value == value


def test_a_wide_range_is_logarithmic_and_exact():
    made = knob(spec("INT", min=16, max=16384, step=8), 512)
    assert isinstance(made, Logarithmic)
    made.slider.value = 700.0
    assert made.value == 704
    made.slider.value = 10**2.8475  # what the browser makes of 704, rounded to its steps
    assert made.value == 704
    made.control.value = 16384
    assert made.slider.value == pytest.approx(16384)


def test_a_seed_keeps_all_64_bits():
    made = knob(spec("INT", min=0, max=2**64 - 1, control_after_generate=True), 2**64 - 1)
    assert isinstance(made, Seed)
    assert made.value == 18446744073709551615
    made.before_run()
    assert made.value == 18446744073709551615
    made.lock.value = False
    made.before_run()
    assert made.value < 2**50
    made.control.value = "many"
    with pytest.raises(ValueError, match="whole number"):
        made.value  # noqa: B018


def test_a_colour_is_a_number_where_the_input_is_one():
    made = knob(spec("INT", min=0, max=0xFFFFFF, display="color"), 0xFF8000)
    assert isinstance(made, Colour)
    made.control.value = "#0000ff"
    assert made.value == 255


def test_a_choice_the_server_does_not_have_is_shown_and_kept():
    made = knob(spec(["a.safetensors"]), "gone.safetensors")
    assert isinstance(made, Choice)
    assert "not on this server" in made.control.value
    assert made.value == "gone.safetensors"


def test_what_people_turn_most_comes_first_and_the_rest_is_folded():
    layout = arrange(Workflow(TXT2IMG, nodes=CATALOG))
    titles = [group.title for group in layout.shown]
    assert titles[:2] == ["Positive", "Negative"]
    assert titles.index("KSampler") < titles.index("Load Checkpoint")
    assert [group.title for group in layout.folded] == ["Save Image"]


def test_only_the_asked_inputs_in_their_order():
    form, _ = make(["KSampler.cfg", "Positive.text", "EmptyLatentImage"])
    assert list(form.values) == ["3.cfg", "6.text", "5.width", "5.height", "5.batch_size"]


def test_a_run_takes_the_values_and_keeps_the_result():
    form, submitted = make()
    form.set({"KSampler.steps": 7, "6.text": "a lighthouse at dusk"})
    asyncio.run(form.play())
    assert submitted[0]["3"]["inputs"]["steps"] == 7
    assert submitted[0]["6"]["inputs"]["text"] == "a lighthouse at dusk"
    assert form.result is form.history[-1]
    assert TXT2IMG["3"]["inputs"]["steps"] != 7


def test_queue_draws_a_seed_for_each_run_when_unlocked_and_use_this_seed_puts_it_back():
    form, submitted = make()
    form.view.knobs["3.seed"].lock.value = False
    asyncio.run(form.play(3))
    seeds = [api["3"]["inputs"]["seed"] for api in submitted]
    assert len(set(seeds)) == 3
    entry = form.view.history.entries[0]
    form.restore(entry.seeds)
    assert form.values["3.seed"] == seeds[0]
    assert form.view.knobs["3.seed"].lock.value


def test_queue_counts_a_locked_seed_up_and_leaves_it_as_it_is():
    form, submitted = make()
    form.set({"KSampler.seed": 41})
    asyncio.run(form.play(3))
    assert [graph["3"]["inputs"]["seed"] for graph in submitted] == [41, 42, 43]
    assert form.values["3.seed"] == 41
    assert [entry.seeds for entry in form.view.history.entries] == [{"3.seed": n} for n in (41, 42, 43)]


def test_a_knob_that_does_not_fit_names_its_input_and_submits_nothing():
    form, submitted = make()
    form.view.knobs["3.seed"].control.value = "abc"
    asyncio.run(form.play())
    assert submitted == []
    assert "KSampler.seed" in form.view._message.value


def test_a_missing_node_is_named_and_its_inputs_still_shown():
    graph = {**TXT2IMG, "20": {"class_type": "NobodyHasThis", "inputs": {"amount": 0.5}}}
    form = Form(Workflow(graph, nodes=CATALOG), submit=lambda _: None)
    assert "20.amount" in form.values
    assert "no node class 'NobodyHasThis'" in repr(form)
    assert form.widget is not None
    endless = {"1": {"class_type": "A" * 1_000_000, "inputs": {"b" * 1_000_000: "c" * 1_000_000}}}
    assert len(repr(Form(Workflow(endless, nodes=CATALOG), submit=lambda _: None))) < 2000


def test_an_upload_replaces_the_choice_and_shows_a_thumbnail():
    made = FileKnob(
        InputSpec.parse("image", [["example.png"], {"image_upload": True}], "required"),
        "example.png",
        variables={"photo": picture("red")}.get,
    )
    assert made.value == "example.png"
    made._uploaded({"new": ({"name": "<b>.png", "content": memoryview(png_bytes(picture()))},)})
    assert isinstance(made.value, bytes)
    assert "data:image" in made.note.value
    assert "<b>" not in made.note.value
    made._named({"new": "photo"})
    assert made.value.size == (64, 48)
    made._named({"new": "nothing"})
    assert "no variable nothing" in made.note.value


def test_an_upload_of_ipywidgets_7_keeps_its_name():
    made = FileKnob(
        InputSpec.parse("image", [["a.png"], {"image_upload": True}], "required"), "a.png", {}.get
    )
    sent = {"mine.png": {"metadata": {"name": "mine.png"}, "content": png_bytes(picture("red"))}}
    made._uploaded({"new": sent})
    assert "mine.png" in made.note.value
    assert made.value == sent["mine.png"]["content"]


def test_presets_keep_values_and_refuse_other_files(tmp_path):
    form, _ = make()
    form.set({"3.cfg": 4.5})
    form.keep("soft")
    form.set({"3.cfg": 9.0})
    form.use("soft")
    assert form.values["3.cfg"] == 4.5
    file = form.save_presets(tmp_path / "presets.json")
    other, _ = make()
    other.load_presets(file)
    other.use("soft")
    assert other.values["3.cfg"] == 4.5
    (tmp_path / "mine.json").write_text('{"a": 1}')
    with pytest.raises(ComfyError, match="holds no presets"):
        form.save_presets(tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == '{"a": 1}'


def test_presets_are_read_back_from_a_saved_notebook(tmp_path):
    saved = {"soft": {"3.cfg": 4.5}}
    output = {"output_type": "display_data", "metadata": {"comfy_notebook": {presets.KEY: saved}}}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [{"outputs": [output]}]}))
    assert presets.load(tmp_path / "a.ipynb") == saved


def test_a_definition_that_contradicts_itself_still_gets_a_control():
    assert knob(spec("INT", min=10, max=1), 5).value == 5
    assert knob(spec("FLOAT", min=0.0, max=1.0, step=0.0), 0.5).value == 0.5


def test_interact_takes_the_abbreviations_and_runs_the_newest_change():
    workflow = Workflow(TXT2IMG, nodes=CATALOG)
    submitted = []

    def submit(ready):
        submitted.append(ready.to_api()["3"]["inputs"])
        return done()

    form = Interaction(
        workflow,
        {"3.steps": (5, 50), "3.cfg": (1.0, 15.0), "3.sampler_name": ["euler", "heun"]},
        submit=submit,
    )
    steps = form.view.knobs["3.steps"].control
    assert (steps.min, steps.max, steps.continuous_update) == (5, 50, False)
    assert form.view.knobs["3.cfg"].control.step == 0.1

    async def two_changes():
        form.set({"3.steps": 8})
        first = asyncio.ensure_future(form.rerun())
        await asyncio.sleep(0)
        form.set({"3.steps": 9})
        await asyncio.gather(first, form.rerun())

    asyncio.run(two_changes())
    assert [inputs["steps"] for inputs in submitted] == [9]


def test_a_name_several_nodes_have_is_refused_with_the_list():
    workflow = Workflow(TXT2IMG, nodes=CATALOG)
    assert find_input(workflow, "steps") == "3.steps"
    assert find_input(workflow, "KSampler__cfg") == "3.cfg"
    with pytest.raises(ComfyError, match="2 nodes have an input 'text'"):
        find_input(workflow, "text")
    with pytest.raises(ComfyError):
        find_input(workflow, "stepz")


def test_cancel_ends_what_the_form_started_and_nothing_else():
    form, _ = make()
    (mine, server), (_, others) = play(recorded("txt2img")[:12]), play(recorded("txt2img")[:12])
    form._jobs.append(mine)
    form.view.cancel.disabled = False
    form.view.cancel.click()
    assert (server.cancelled, others.cancelled) == (1, 0)


def test_a_slider_and_its_box_follow_each_other_and_keep_what_was_typed():
    made = knob(spec("FLOAT", min=0.0, max=100.0, step=0.1), 8.0)
    made.slider.value = 12.3
    assert made.value == 12.3
    made.control.value = 7.53
    assert made.slider.value == 7.53
    made.slider.value = 7.5  # the browser, rounding to its steps
    assert made.value == 7.53


def test_a_locked_seed_counts_up_to_its_end_and_begins_again():
    made = knob(spec("INT", min=0, max=10, control_after_generate=True), 9)
    assert [made.counted(number) for number in range(4)] == [9, 10, 0, 1]


def test_every_control_says_what_it_is_for():
    form, _ = make()
    for address, control in form.view.knobs.items():
        named = control.control.description or control.control.tooltip
        assert address.partition(".")[2].replace("_", " ") in named


@pytest.fixture
def kept(monkeypatch, shell):
    """What a saved notebook would keep of each place on the page: `(bundle, metadata)`."""
    places = {}

    def publish(data, metadata=None, *, transient=None, **_):
        places[(transient or {}).get("display_id") or len(places)] = (data, metadata or {})

    monkeypatch.setattr(shell.display_pub, "publish", publish)
    live = Frontend("kernel", "jupyter", live=True, text=False)
    for module in ("forms.form", "results.shown", "results.bundle"):
        monkeypatch.setattr(f"comfy_notebook.display.{module}.detect", lambda: live)
    return lambda: list(places.values())


def test_a_form_leaves_its_picture_and_the_settings_that_made_it(kept):
    form, _ = make(["KSampler.steps", "Positive.text"])
    form._ipython_display_()
    assert "<td>20</td>" in kept()[2][0]["text/html"], "before the first run too"
    form.set({"KSampler.steps": 7, "Positive.text": "<b>"})
    asyncio.run(form.play())
    form.set({"KSampler.steps": 9})
    picture, caption = kept()[1][0], kept()[2][0]
    assert "image/png" in picture
    assert "<td>KSampler.steps</td><td>7</td>" in caption["text/html"]
    assert "<td>&lt;b&gt;</td>" in caption["text/html"]


def test_presets_kept_after_a_run_are_saved_with_its_picture(kept):
    form, _ = make()
    form._ipython_display_()
    asyncio.run(form.play())
    form.keep("soft")
    bundle, metadata = kept()[1]
    assert "image/png" in bundle
    assert list(metadata["comfy_notebook"][presets.KEY]) == ["soft"]


def test_a_second_run_at_the_same_time_is_drawn_in_the_form(kept):
    form, _ = make()
    form._ipython_display_()
    results = asyncio.run(form.play(3))
    assert len(results) == 3
    assert form._place._running is None
    assert form.view._live.children == ()


def test_run_fills_the_result_of_the_form():
    form, _ = make()

    async def one_run():
        job = form.run()
        while form.result is None:
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0.01))])
        return job

    assert asyncio.run(asyncio.wait_for(one_run(), 10)).id == form.result.job_id
