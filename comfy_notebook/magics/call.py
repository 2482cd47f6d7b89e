"""One call of a magic: the notebook's variables, the cell body, and how it gets a client and a workflow.

Heavy modules are imported when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from IPython.core.error import UsageError

from ..errors import WorkflowNotFound
from ..text import clip
from .body import Body
from .line import Expression, Word
from .options import sentence
from .values import resolve

if TYPE_CHECKING:
    from ..clients import Client
    from ..workflow.workflow import Workflow


class Notebook:
    """The shell a magic runs in: its variables, and the clients it has opened with `--on`."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.others: dict[str, Client] = {}

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
        return self.shell.user_ns if self.shell is not None else {}

    @property
    def job_ids(self) -> list[str]:
        """The ids of jobs used in this notebook, newest last; the connected client's come at the end."""
        from .. import api

        clients = [*self.others.values(), *([found] if (found := api.current()) else [])]
        return list(dict.fromkeys(job_id for client in clients for job_id in client.job_ids))

    def client(self, target: Any = None, *, quiet: bool = False) -> Client:
        """The connected client, connecting on first use; with a target or a client, that one."""
        from .. import api

        if target is None:
            return api.client()
        if not isinstance(target, str):
            return cast("Client", target)
        found = self.others.get(target)
        if found is None or found.closed:
            found = self.others[target] = api.connect(target, default=False, quiet=quiet)
        return found


@dataclass
class Call:
    """One call of `%comfy` or `%%comfy`."""

    notebook: Notebook
    names: Mapping[str, Any]
    prog: str = "%comfy"
    quiet: bool = False
    body: Body = field(default_factory=Body)

    def say(self, text: str) -> None:
        """Print, unless the line ended in `;`."""
        if not self.quiet:
            print(text)

    def refuse(self, text: str) -> NoReturn:
        """Raise `UsageError` for a mistake on the line, in one sentence."""
        raise UsageError(f"{self.prog}: {sentence(text)} See {self.prog} --help")

    def client(self, target: Any = None) -> Client:
        """The connected client, connecting on first use; with `--on`, another."""
        if isinstance(target, str) and target in self.names and not isinstance(self.names[target], str):
            target = self.names[target]
        return self.notebook.client(target, quiet=self.quiet)

    def assign(self, name: str, value: Any) -> None:
        """Assign a variable of the notebook."""
        self.notebook.names[name] = value

    def workflow(self, source: Any) -> Workflow:
        """A copy of the workflow given by FILE|VAR, by an expression, or as JSON in the cell."""
        from ..workflow.keywords import reads_like_a_prompt
        from ..workflow.workflow import Workflow

        if self.body.json is not None:
            if source is not None:
                self.refuse(
                    f"the cell already holds a workflow, so {str(source)[:80]!r} cannot be used as well"
                )
            source = self.body.json
        elif source is None:
            self.refuse('name a workflow (a file, a URL, or a variable), or give prompt="…" alone')
        elif isinstance(source, str) and source in self.names:
            source = self.names[source]
        elif isinstance(source, str) and "://" not in source and not source.lstrip().startswith("{"):
            source = Path(source).expanduser()
        try:
            return Workflow.load(source)
        except WorkflowNotFound as error:
            if reads_like_a_prompt(str(source)):
                hint = f'To run a prompt: %comfy run prompt="{clip(str(source), 60)}"'
                raise error.with_hint(hint) from None
            raise

    def has_prompt(self, words: list[Word]) -> bool:
        """Whether the line or the cell's body sets `prompt`, which runs without a workflow."""
        return any(word.key == "prompt" for word in [*self.body.values, *words])

    def set_values(self, wf: Workflow, words: list[Word]) -> None:
        """Set what the line and the cell's body assign; text is read by the input's declared type.

        For an input that takes files, the name of an existing local file means that file; it is
        uploaded when the job is submitted. All addresses are checked before anything is set.
        """
        values = [*self.body.values, *words]
        places = [(place, word) for word in values for place in wf.places(word.key or "")]
        for (node_id, name), word in places:
            if isinstance(word.value, Expression):
                wf.assign(node_id, name, resolve(word.value, self.names))
            elif (path := _local_file(wf, node_id, name, word.value)) is not None:
                self.say(f"{path} will be uploaded for {wf.node(node_id).title}.{name}")
                wf.assign(node_id, name, path)
            else:
                wf.set_text((node_id, name), word.value)


def _local_file(wf: Workflow, node_id: str, name: str, text: str) -> Path | None:
    spec = wf.node(node_id).specs.get(name)
    if spec is None or not spec.upload or not text:
        return None
    try:
        path = Path(text).expanduser()
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None
