"""Every exception of the package: one tree, each saying what happened, where, and what to do.

    ComfyError
    ├── ConnectionFailed · NotConnected · ServerError · JobNotFound · NoOutput
    ├── WorkflowNotFound · NotAWorkflow
    ├── AuthenticationError (401) · InsufficientCredits (402)
    ├── SubscriptionInactive (429) · RateLimited (429)
    ├── InvalidWorkflow (400) · ConversionError · UnknownNode · UnknownInput
    ├── UploadRejected · DownloadFailed
    ├── JobFailed
    │   └── ValidationFailed · ModelDownloadFailed · ImageDownloadFailed · OutOfMemory
    │       InsufficientFunds · InactiveSubscription
    └── JobCancelled · JobLost · JobTimeout

In IPython an error renders as one short paragraph, with no traceback: it is a message to the
person at the keyboard. Programs catch the class and read the attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .text import clip, redact

_LONGEST = 2000


class ComfyError(Exception):
    """Anything that went wrong while using ComfyUI from here.

    `what` is the message, `hint` what to do next. Both are redacted and bounded before they are
    shown, so no message can carry an API key or a megabyte of server text.
    """

    hinted = False
    """Whether the page says what to do already: the error's own line then leaves it out."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        self.what = clip(redact(what), _LONGEST)
        self.hint = clip(redact(hint), _LONGEST)
        super().__init__(self.what)

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        kinds = (kind.__name__ for kind in type(self).__mro__)
        name = next(name for name in kinds if not name.startswith("_"))
        return [f"{name}: {self.what if self.hinted else self}"]


def _rebuild(cls: type[ComfyError], args: tuple[Any, ...], state: dict[str, Any]) -> ComfyError:
    error = cls.__new__(cls)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class ConnectionFailed(ComfyError):
    """The server could not be reached, or stopped answering."""


class NotConnected(ComfyError):
    """The call needs a connected client and there is none, or it has been closed."""


class ServerError(ComfyError):
    """The server answered with a status that means neither success nor a mistake of the user's."""

    def __init__(self, what: str, *, status: int | None = None, body: str = "", hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.body = clip(redact(body), _LONGEST)


class JobNotFound(ComfyError):
    """The server knows no job of that id."""


class NoOutput(ComfyError):
    """The result holds nothing of the kind asked for."""


class WorkflowNotFound(ComfyError):
    """There is no such workflow file, variable or URL."""


class NotAWorkflow(ComfyError):
    """The file or value was read, and no workflow is in it."""


class AuthenticationError(ComfyError):
    """HTTP 401 or 403: the API key is missing, wrong, or not allowed to do this."""


class InsufficientCredits(ComfyError):
    """HTTP 402: the account has no credits for this submission."""


class SubscriptionInactive(ComfyError):
    """HTTP 429 meaning that the account's subscription is not active; trying again will not help."""


class RateLimited(ComfyError):
    """HTTP 429 meaning too many requests or jobs; `retry_after` is in seconds when the server said."""

    def __init__(self, what: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a workflow: which node and input, what, and the closest right value.

    `kind` uses ComfyUI's own words where it has one (`value_not_in_list`, `required_input_missing`,
    `return_type_mismatch`, `missing_node_type`, …). `severity` is "error" for what a server
    refuses and "warning" for what it would accept and a person should know.
    """

    message: str
    node_id: str | None = None
    node_title: str | None = None
    class_type: str | None = None
    input_name: str | None = None
    kind: str = "invalid"
    suggestion: str | None = None
    severity: str = "error"
    details: dict[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        where = self.node_title or self.class_type or ""
        if self.node_id is not None:
            where = f"{where} (node {self.node_id})" if where else f"node {self.node_id}"
        if self.input_name:
            where = f"{where}, {self.input_name}" if where else self.input_name
        text = f"{where}: {self.message}" if where else self.message
        if self.suggestion:
            text = f"{text} Try {self.suggestion}."
        return clip(redact(text), _LONGEST)


class _WithProblems(ComfyError):
    def __init__(self, what: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.problems = list(problems)

    def __str__(self) -> str:
        lines = [f"  {problem}" for problem in self.problems[:20]]
        if len(self.problems) > 20:
            lines.append(f"  … and {len(self.problems) - 20} more")
        if not lines:
            return super().__str__()
        return "\n".join([self.what, *lines, *([self.hint] if self.hint else [])])


class InvalidWorkflow(_WithProblems):
    """The workflow would be refused, or was (HTTP 400); `.problems` lists every reason by node."""


class ConversionError(_WithProblems):
    """An editor-format workflow could not be turned into the API's format."""


class UnknownNode(ComfyError):
    """No node, or more than one, answers to that id, title or class."""


class UnknownInput(ComfyError):
    """The node has no input of that name."""


class UploadRejected(ComfyError):
    """The file is not one the server takes: too large, of a wrong kind, or unreadable."""


class DownloadFailed(ComfyError):
    """An output could not be fetched whole."""


class JobFailed(ComfyError):
    """A node raised while the job ran; `.traceback` is the server's own, as one text."""

    def __init__(
        self,
        what: str,
        *,
        job_id: str | None = None,
        node_id: str | None = None,
        node_title: str | None = None,
        class_type: str | None = None,
        exception_type: str | None = None,
        traceback: str = "",
        inputs: dict[str, Any] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(what, hint=hint)
        self.job_id = job_id
        self.node_id = node_id
        self.node_title = node_title
        self.class_type = class_type
        self.exception_type = exception_type
        self.traceback = redact(traceback)
        self.inputs = inputs or {}


class ValidationFailed(JobFailed):
    """`ValidationError`: the workflow or its inputs turned out to be invalid while running."""


class ModelDownloadFailed(JobFailed):
    """`ModelDownloadError`: a model the workflow needs is not available on the server."""


class ImageDownloadFailed(JobFailed):
    """`ImageDownloadError`: an input image could not be fetched by the server."""


class OutOfMemory(JobFailed):
    """`OOMError`: the server ran out of memory."""


class InsufficientFunds(JobFailed):
    """`InsufficientFundsError`: the balance is too low for a partner node."""


class InactiveSubscription(JobFailed):
    """`InactiveSubscriptionError`: the account's subscription is not active."""


class _AboutJob(ComfyError):
    def __init__(self, what: str, *, job_id: str | None = None, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.job_id = job_id


class JobCancelled(_AboutJob):
    """The job was cancelled, by us or by someone else."""


class JobLost(_AboutJob):
    """The server no longer knows the job: it restarted, or dropped it."""


class JobTimeout(_AboutJob):
    """The job did not end within the time given; it goes on unless it was asked to be cancelled."""
