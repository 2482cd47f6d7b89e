"""One subcommand's command line: options, assignments, objects, help, and one-line mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from comfy_notebook.magics.line import Expression, Word
from comfy_notebook.magics.magic import commands
from comfy_notebook.magics.options import Command, HelpRequested, Option, seconds, seed, variable, whole
from comfy_notebook.magics.options import parse as parse_words

RUN = Command(
    "run",
    "run a workflow",
    lambda call, args: None,
    (
        Option("file"),
        Option("seed", flag="--seed", convert=seed),
        Option("timeout", flag="--timeout", convert=seconds),
        Option("repeat", flag="--repeat", convert=whole),
        Option("out", flag="--out", convert=variable),
        Option("output", flag="--output", short="-o"),
        Option("no_wait", flag="--no-wait", takes_value=False, default=False),
        Option("tier", flag="--tier", choices=("standard", "pro")),
    ),
    assigns=True,
)
JOB = Command("job", "one job", lambda call, args: None, (Option("id", metavar="ID", count="one"),))


def parse(line: str, **names: Any) -> Any:
    return parse_words(RUN, line, names)


@pytest.mark.parametrize(
    "line",
    [
        "a.json 3.cfg=4 6.text='x y' --seed 7 --no-wait",
        "--seed 7 a.json 3.cfg=4 --no-wait 6.text='x y'",
        "--no-wait --seed=7 3.cfg=4 a.json 6.text='x y'",
    ],
)
def test_options_and_values_in_any_order(line: str) -> None:
    args = parse(line)
    assert (args.file, args.seed, args.no_wait) == ("a.json", 7, True)
    assert args.values == [Word("4", "3.cfg"), Word("x y", "6.text")]


def test_objects_come_through_as_themselves() -> None:
    workflow = object()
    args = parse("$wf 10.image={img} --seed {n + 1} --timeout={t}", wf=workflow, n=6, t=2.5)
    assert args.file is workflow
    assert (args.seed, args.timeout) == (7, 2.5)
    assert args.values == [Word(Expression("img"), "10.image")]


def test_defaults() -> None:
    args = parse("")
    assert (args.file, args.values, args.seed, args.repeat) == (None, [], None, None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.json b.json", "unexpected 'b.json'"),
        ("a.json --sed 7", "no option --sed. Did you mean --seed"),
        ("a.json --seed", "--seed needs a value"),
        ("a.json --seed x", "whole number from 0 to 2\\*\\*64 - 1, or random, not 'x'"),
        ("a.json --seed -1", "--seed"),
        ("a.json --seed 1.5", "not '1.5'"),
        ("a.json --timeout 0", "seconds above zero"),
        ("a.json --timeout soon", "takes a number, not 'soon'"),
        ("a.json --timeout nan", "seconds above zero"),
        ("a.json --repeat 0", "whole number from 1 to 10000"),
        ("a.json --repeat inf", "whole number from 1 to 10000"),
        ("a.json --repeat 1e9", "whole number from 1 to 10000"),
        ("a.json --seed 1 --seed=2", "--seed is given twice"),
        ("a.json --sedd 1", r"Did you mean --seed\? See"),
        ("a.json --out 1x", "variable's name"),
        ("a.json --out class", "variable's name"),
        ("a.json --no-wait=yes", "--no-wait takes no value"),
        ("a.json 6.text='x", "never closed"),
        ("a.json {oops}", "unexpected '{oops}'"),
        ("a.json --seed --no-wait", "--seed needs a value"),
        ("a.json --tier prod", "--tier cannot be 'prod'. Did you mean 'pro'"),
    ],
)
def test_a_mistake_is_one_line(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse(line)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("%comfy run: ")
    assert str(caught.value).endswith("See %comfy run --help")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("a.json --steps 3", "a.json steps=3"),
        ("a.json --step=3 --seed 7", "a.json step=3 --seed 7"),
        ("--sampler-name euler a.json", "sampler_name=euler a.json"),
        ("a.json --prompt 'a boat'", 'a.json prompt="a boat"'),
        ("a.json 6.text = hello", "a.json 6.text=hello"),
        ("a.json 6.text =hello there", 'a.json 6.text="hello there"'),
        ("a.json 6.text= hello there", 'a.json 6.text="hello there"'),
        ("wf 6.text = a 3.steps = 4", "wf 6.text=a 3.steps=4"),
        ("a.json 6.text=a boat at sea", 'a.json 6.text="a boat at sea"'),
        ('a.json 6.text=a "big" boat --seed 3', 'a.json 6.text="a big boat" --seed 3'),
        ("a.json 6.text=it's a boat", 'a.json 6.text="it\'s a boat"'),
        ('a.json 6.text=a 3" nail', "a.json 6.text='a 3\" nail'"),
        ('a.json "Dark side.text"=a boat -o b.json', 'a.json "Dark side.text"="a boat" -o b.json'),
        ("a.json --no-wait 6.text=a boat", 'a.json --no-wait 6.text="a boat"'),
        ("a boat on the sea", 'prompt="a boat on the sea"'),
        ("known boat on the sea", 'known prompt="boat on the sea"'),
        ("a.json a boat", 'a.json prompt="a boat"'),
    ],
)
def test_the_line_to_type_is_printed(line: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line, known=1)
    assert str(caught.value).endswith(f" Type: %comfy run {meant}")
    assert "\n" not in str(caught.value)
    typed = parse(meant, known=1)
    assert typed.values


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("{sed}", "no variable 'sed'. Did you mean 'seed'"),
        ("{sed + 1}", r"no variable 'sed' \(in \{sed \+ 1\}\). Did you mean 'seed'"),
        ("$nothing", "no variable 'nothing'. Text needs quotes here"),
        ("{a red fox}", "not a Python expression"),
        ("{[][1]}", "raised IndexError"),
        ("{1/0}", "raised ZeroDivisionError"),
    ],
)
def test_an_expression_that_fails_is_one_line(expression: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse(f"a.json --seed {expression}", seed=3)
    assert "\n" not in str(caught.value)


def test_help_is_printed_and_nothing_else_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HelpRequested):
        parse("--help")
    shown = capsys.readouterr().out
    assert shown.startswith("usage: %comfy run [file] [NODE.INPUT=VALUE …] [options]\n")
    assert "--seed" in shown


def test_random_and_whole_seeds() -> None:
    assert parse("a --seed random").seed == "random"
    assert parse("a --seed 18446744073709551615").seed == 2**64 - 1
    assert parse("a --seed {s}", s=7.0).seed == 7


def test_a_short_spelling_is_the_same_option() -> None:
    assert parse("a -o b.json").output == "b.json"
    with pytest.raises(UsageError, match=r"-o is given twice|--output is given twice"):
        parse("a -o b.json --output c.json")


def test_an_option_takes_a_word_with_an_equals_sign_as_text() -> None:
    assert parse("a --output x=1").output == "x=1"


def test_an_argument_that_must_be_given() -> None:
    assert parse_words(JOB, "abc", {}).id == "abc"
    with pytest.raises(UsageError, match="%comfy job: ID is missing"):
        parse_words(JOB, "", {})


def test_help_lists_each_option_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(
        "convert",
        "turn the editor's format into the API's",
        lambda call, args: None,
        (Option("output", "write it here " * 12, "OUT", "--output", "-o"), Option("file", "a file", "FILE")),
        more="More about it.",
    )
    with pytest.raises(HelpRequested):
        parse_words(command, "-h", {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "usage: %comfy convert [FILE] [options]"
    assert "  FILE                  a file" in shown
    assert any(line.startswith("  -o, --output OUT") for line in shown)
    assert shown[-1] == "More about it."
    assert max(map(len, shown)) <= 100


def test_numbers_at_their_limits() -> None:
    assert parse("a --repeat 3").repeat == 3
    assert parse("a --repeat 10000").repeat == 10_000
    with pytest.raises(UsageError, match="whole number from 0"):
        parse("a --seed 18446744073709551616")
    server = commands()["server"]
    assert parse_words(server, "start --port 0", {}).port == 0
    assert parse_words(server, "start --port 65535", {}).port == 65535


@pytest.mark.parametrize("command", commands().values(), ids=lambda command: command.name or "status")
def test_switches_are_off_unless_given(command: Command) -> None:
    assert [o.default for o in command.options if not o.takes_value] == [False] * sum(
        not o.takes_value for o in command.options
    )


def test_the_switches_of_run_take_no_value() -> None:
    args = parse_words(commands()["run"], "a --no-preview --no-validate --no-wait", {})
    assert (args.file, args.no_preview, args.no_validate, args.no_wait) == ("a", True, True, True)
