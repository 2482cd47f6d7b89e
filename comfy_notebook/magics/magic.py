"""`%comfy` and `%%comfy`: the class that IPython registers, its settings, and the table of subcommands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import observe

from ..config import settings
from ..text import did_you_mean
from . import catalog, connection, files, jobs, runs, server
from .body import Body, parse_body
from .cache import WorkflowCache
from .call import Call, Notebook
from .line import LineError, split_quiet
from .options import Command, HelpRequested, parse
from .traits import traits

GROUPS = {
    "Running": runs,
    "Workflow files": files,
    "Nodes, models and files of the server": catalog,
    "Jobs": jobs,
    "Connection": connection,
    "The embedded server": server,
}


_ENDS_QUIET = re.compile(
    r"run_(line|cell)_magic\((['\"])comfy\2, (['\"])[^\n]*;\s*(?:#[^\n]*)?\3[^\n]*\)\s*\Z"
)


def commands() -> dict[str, Command]:
    """Every subcommand by name, in the order of the help."""
    return {command.name: command for group in GROUPS.values() for command in group.COMMANDS}


def overview() -> str:
    """What `%comfy --help` and `%comfy?` show, made from the commands."""
    lines = [
        "Run ComfyUI workflows from notebook cells.",
        "",
        "    %comfy                     where am I connected, as whom, what is queued",
        "    %comfy COMMAND …           one of the commands below",
        "    x = %comfy run FILE        a magic returns its result; `;` at the end only hides the output",
        "    %%comfy run FILE           the cell's body sets inputs, one `NODE.INPUT: value` a line,",
        "                               or is the workflow itself, as JSON",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"    {c.name:<12}{c.about}" for c in group.COMMANDS if c.name]
    lines += [
        "",
        "`%comfy COMMAND --help` explains a command. A value that is exactly {expression} or $name is that",
        "Python object; other text is read by the input's type. Settings: `%config ComfyMagics`.",
    ]
    return "\n".join(lines)


def _quiet_value(shell: Any) -> None:
    """Hide the cell's value when the cell ends in this magic and its `;`.

    IPython hides a value when the cell's translated source ends in a semicolon; that of a magic line is
    inside quotes there. (`output_can_be_silenced` would also turn `x = %comfy run …;` into None.)
    """
    history = getattr(getattr(shell, "history_manager", None), "input_hist_parsed", None)
    if history and _ENDS_QUIET.search(history[-1]):
        history[-1] = history[-1].rstrip() + ";"


@magics_class
class ComfyMagics(Magics):
    """The settings of `%comfy`, and the magics themselves."""

    vars().update(traits())  # one trait for each setting

    def __init__(self, shell: Any, **more: Any) -> None:
        super().__init__(shell=shell, **more)
        self.commands = commands()
        self.cache = WorkflowCache()
        self.notebook = Notebook(shell)
        for name in traits():
            # IPython's configuration takes precedence over the session's settings.
            if name in self.config.get("ComfyMagics", {}):
                setattr(settings, name, getattr(self, name))
            else:
                self.set_trait(name, getattr(settings, name))

    @observe(*traits())
    def _changed(self, change: Mapping[str, Any]) -> None:
        setattr(settings, change["name"], change["new"])

    @line_cell_magic
    @no_var_expand
    @needs_local_scope
    def comfy(
        self, line: str = "", cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        bare, quiet = split_quiet(line)
        name, _, rest = bare.strip().partition(" ")
        if name in ("-h", "--help", "help"):
            print(overview())
            return None
        command = self._command(name, cell is not None)
        prog = f"{'%%' if cell is not None else '%'}comfy {name}".strip()
        try:
            body = parse_body(cell) if cell is not None else Body()
        except LineError as error:
            raise UsageError(f"{prog}: {error}") from None
        call = Call(self.notebook, {**self.notebook.names, **(local_ns or {})}, prog, quiet, body)
        try:
            args = parse(command, rest, call.names)
        except HelpRequested:
            return None
        value = command.run(call, args)
        if quiet:
            _quiet_value(self.shell)
        return value

    comfy.__doc__ = overview()

    def _command(self, name: str, has_cell: bool) -> Command:
        if not name and has_cell:
            raise UsageError("%%comfy: a command is missing, as in %%comfy run FILE")
        command = self.commands.get(name)
        if command is None:
            near = did_you_mean(name, filter(None, self.commands))
            raise UsageError(f"%comfy has no command {name!r}. {near or 'See %comfy --help'}")
        if has_cell and not command.takes_body:
            raise UsageError(f"%%comfy {name}: this command does not take a cell body; use %comfy {name}")
        return command
