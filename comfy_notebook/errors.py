"""The exceptions of the package. Each says what happened, where, and what to do next.

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

An error carries data: `message` and `hint` are bare sentences, and where it happened stands in
fields such as `node_id` and `node_title`. `str(error)` composes them; IPython prints that as one
paragraph without a traceback.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .text import clip, node_label, redact

if TYPE_CHECKING:
    from typing_extensions import Self

_LONGEST = 2000


class ComfyError(Exception):
    """The base class of every error of this package.

    `message` says what happened and `hint` what to do next. Secrets in them are masked, and each
    is at most 2,000 characters long. `transient` says that the same request may succeed later.
    """

    transient = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = clip(redact(message), _LONGEST)
        self.hint = clip(redact(hint), _LONGEST)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())

    def with_hint(self, more: str) -> Self:
        """A copy of this error whose hint continues with `more`."""
        error = copy.copy(self)
        error.hint = clip(redact(f"{self.hint} {more}".strip()), _LONGEST)
        return error

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        kinds = (kind.__name__ for kind in type(self).__mro__)
        name = next(name for name in kinds if not name.startswith("_"))
        return [f"{name}: {self}"]


def _rebuild(cls: type[ComfyError], args: tuple[Any, ...], state: dict[str, Any]) -> ComfyError:
    error = cls.__new__(cls)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class ConnectionFailed(ComfyError):
    """The server could not be reached, or stopped answering."""

    transient = True


class NotConnected(ComfyError):
    """The call needs a connected client and there is none, or it has been closed."""


class ServerError(ComfyError):
    """The server answered with an error that the user did not cause."""

    transient = True

    def __init__(self, message: str, *, status: int | None = None, body: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.body = clip(redact(body), _LONGEST)


class JobNotFound(ComfyError):
    """The server has no job with that id."""


class NoOutput(ComfyError):
    """The result holds nothing of the kind asked for."""


class WorkflowNotFound(ComfyError):
    """There is no such workflow file, variable or URL."""


class NotAWorkflow(ComfyError):
    """The file or value was read, but does not contain a workflow."""


class AuthenticationError(ComfyError):
    """HTTP 401 or 403: the API key is missing, wrong, or not allowed to do this."""


class InsufficientCredits(ComfyError):
    """HTTP 402: the account has no credits for this submission."""


class SubscriptionInactive(ComfyError):
    """HTTP 429 for an account whose subscription is not active; a retry does not help."""


class RateLimited(ComfyError):
    """HTTP 429 for too many requests or jobs; `retry_after` is in seconds, None when not given."""

    transient = True

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Problem:
    """One mistake in a workflow: the node and input, what is wrong, and the closest valid value.

    `kind` is ComfyUI's own word where it has one (`value_not_in_list`, `required_input_missing`,
    `return_type_mismatch`, `missing_node_type`, …). `severity` is "error" for what a server
    refuses and "warning" for what it accepts but may not be meant.
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
        where = node_label(self.node_id, self.node_title or self.class_type)
        if self.input_name:
            where = f"{where}, {self.input_name}" if where else self.input_name
        text = f"{where}: {self.message}" if where else self.message
        if self.suggestion:
            text = f"{text} Try {self.suggestion}."
        return clip(redact(text), _LONGEST)


class _WithProblems(ComfyError):
    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = list(problems)

    def __str__(self) -> str:
        lines = [f"  {problem}" for problem in self.problems[:20]]
        if len(self.problems) > 20:
            lines.append(f"  … and {len(self.problems) - 20} more")
        if not lines:
            return super().__str__()
        return "\n".join([self.message, *lines, *([self.hint] if self.hint else [])])


class InvalidWorkflow(_WithProblems):
    """The server refused the workflow (HTTP 400) or would; `.problems` lists every reason by node."""


class ConversionError(_WithProblems):
    """An editor-format workflow could not be converted to the API format."""


class UnknownNode(ComfyError):
    """No node, or more than one, has that id, title or class."""


class UnknownInput(ComfyError):
    """The node has no input with that name."""


class UploadRejected(ComfyError):
    """The file cannot be uploaded: it is too large, of an unsupported type, or unreadable."""


class DownloadFailed(ComfyError):
    """An output could not be downloaded completely."""


class JobFailed(ComfyError):
    """A node raised an exception while the job ran.

    `message` is the exception's text alone; the node and the exception's type are fields.
    `traceback` is the server's, as one text, and `inputs` what the node was given, shortened. `server_log` is
    the end of the server's log when the job failed, where the server shows it.
    """

    server_log: str = ""

    def __init__(
        self,
        message: str,
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
        super().__init__(message, hint=hint)
        self.job_id = job_id
        self.node_id = node_id
        self.node_title = node_title
        self.class_type = class_type
        self.exception_type = exception_type
        self.traceback = redact(traceback)
        self.inputs = inputs or {}

    @property
    def where(self) -> str:
        """The failed node, such as `Upscale (ImageScale, node 12)`; "" when the server named none."""
        return node_label(self.node_id, self.node_title, self.class_type)

    def __str__(self) -> str:
        kind = (self.exception_type or "").rpartition(".")[2]
        said = f"{kind}: {self.message}" if kind else self.message
        if self.hint and said[-1:].isalnum():
            said += "."
        return f"{self.where or 'The job'} failed: {said} {self.hint}".strip()


class ValidationFailed(JobFailed):
    """`ValidationError`: the workflow or its inputs were found to be invalid while running."""


class ModelDownloadFailed(JobFailed):
    """`ModelDownloadError`: a model the workflow needs is not available on the server."""


class ImageDownloadFailed(JobFailed):
    """`ImageDownloadError`: the server could not fetch an input image."""


class OutOfMemory(JobFailed):
    """`OOMError`: the server ran out of memory."""


class InsufficientFunds(JobFailed):
    """`InsufficientFundsError`: the balance is too low for a partner node."""


class InactiveSubscription(JobFailed):
    """`InactiveSubscriptionError`: the account's subscription is not active."""


class _AboutJob(ComfyError):
    def __init__(self, message: str, *, job_id: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.job_id = job_id


class JobCancelled(_AboutJob):
    """The job was cancelled, from here or by another client."""


class JobLost(_AboutJob):
    """The server no longer has the job: it restarted or deleted it."""


class JobTimeout(_AboutJob):
    """The job did not end within the given time; it continues unless it was cancelled."""
