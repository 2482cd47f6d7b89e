"""Run ComfyUI workflows from notebook cells.

`%load_ext comfy_notebook`, then `%comfy run workflow.json`; or, in Python, `comfy.connect()`,
`comfy.run(workflow)`. Importing this module loads nothing heavy: each public name is imported from
its own module on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import connect as connect
    from .api import form as form
    from .api import interact as interact
    from .api import job as job
    from .api import run as run
    from .api import submit as submit
    from .api import sweep as sweep
    from .clients import AsyncClient as AsyncClient
    from .clients import Client as Client
    from .display import compare as compare
    from .errors import AuthenticationError as AuthenticationError
    from .errors import ComfyError as ComfyError
    from .errors import ConnectionFailed as ConnectionFailed
    from .errors import ConversionError as ConversionError
    from .errors import DownloadFailed as DownloadFailed
    from .errors import ImageDownloadFailed as ImageDownloadFailed
    from .errors import InactiveSubscription as InactiveSubscription
    from .errors import InsufficientCredits as InsufficientCredits
    from .errors import InsufficientFunds as InsufficientFunds
    from .errors import InvalidWorkflow as InvalidWorkflow
    from .errors import JobCancelled as JobCancelled
    from .errors import JobFailed as JobFailed
    from .errors import JobLost as JobLost
    from .errors import JobNotFound as JobNotFound
    from .errors import JobTimeout as JobTimeout
    from .errors import ModelDownloadFailed as ModelDownloadFailed
    from .errors import NoOutput as NoOutput
    from .errors import NotAWorkflow as NotAWorkflow
    from .errors import NotConnected as NotConnected
    from .errors import OutOfMemory as OutOfMemory
    from .errors import RateLimited as RateLimited
    from .errors import ServerError as ServerError
    from .errors import SubscriptionInactive as SubscriptionInactive
    from .errors import UnknownInput as UnknownInput
    from .errors import UnknownNode as UnknownNode
    from .errors import UploadRejected as UploadRejected
    from .errors import ValidationFailed as ValidationFailed
    from .errors import WorkflowNotFound as WorkflowNotFound
    from .jobs.job import Job as Job
    from .jobs.result import Output as Output
    from .jobs.result import Result as Result
    from .jobs.state import JobState as JobState
    from .jobs.sweep import Sweep as Sweep
    from .protocol.status import JobStatus as JobStatus
    from .workflow.catalog import NodeCatalog as NodeCatalog
    from .workflow.workflow import Workflow as Workflow

__version__ = "0.1.0"

_HOMES = {
    "api": "connect form interact run submit sweep job",
    "clients": "AsyncClient Client",
    "display": "compare",
    "errors": (
        "AuthenticationError ComfyError ConnectionFailed ConversionError DownloadFailed ImageDownloadFailed "
        "InactiveSubscription InsufficientCredits InsufficientFunds InvalidWorkflow JobCancelled JobFailed "
        "JobLost JobNotFound JobTimeout ModelDownloadFailed NoOutput NotAWorkflow NotConnected OutOfMemory "
        "RateLimited ServerError SubscriptionInactive UnknownInput UnknownNode UploadRejected "
        "ValidationFailed WorkflowNotFound"
    ),
    "jobs.job": "Job",
    "protocol.status": "JobStatus",
    "jobs.result": "Output Result",
    "jobs.state": "JobState",
    "jobs.sweep": "Sweep",
    "workflow.catalog": "NodeCatalog",
    "workflow.workflow": "Workflow",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ip: Any) -> None:
    """Called by `%load_ext comfy_notebook`: registers `%comfy` and `%%comfy`."""
    from .magics import load

    load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Called by `%unload_ext comfy_notebook` and `%reload_ext`: takes everything back out."""
    from .magics import unload

    unload(ip)
