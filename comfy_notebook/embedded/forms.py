"""Multipart bodies, read within bounds: a file of at most 50 MB, fields of at most 1 MB."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from .http import Refused
from .options import MAX_UPLOAD

_SLACK = 2 * 1024 * 1024  # the other fields, and the multipart's own lines


class Form:
    """The fields of a multipart body."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def get(self, name: str) -> UploadFile | str | None:
        """A field, whichever it is."""
        return self._data.get(name)

    def text(self, name: str) -> str:
        """A text field; empty when it is missing."""
        value = self._data.get(name)
        if isinstance(value, UploadFile):
            raise Refused(400, f"{name} must be a text field, not a file.")
        return value or ""

    def texts(self, name: str) -> list[str]:
        """A text field that may be there several times."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]


class _TooLarge(Exception):
    pass


async def read_form(request: Request, *, status: int = 400) -> Form:
    """The form of a request; a file too large is refused with `status` (400 by the contract's upload
    routes, 413 by its assets)."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(400 if status == 400 else 415, "The request must be multipart/form-data.")
    limit = MAX_UPLOAD + _SLACK
    too_large = Refused(status, f"The file is larger than {MAX_UPLOAD // 1024**2} MB.", "FILE_TOO_LARGE")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    receive, received = request.receive, 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _TooLarge
        return message

    try:
        data = await Request(request.scope, counted).form(max_files=8, max_fields=100)
    except _TooLarge:
        raise too_large from None
    except HTTPException as error:  # how Starlette tells of a broken form inside an app
        raise Refused(400, f"The form cannot be read: {error.detail}") from None
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refused(400, f"The form cannot be read: {str(error)[:200]}") from None
    for value in data.values():
        if isinstance(value, UploadFile) and (value.size or 0) > MAX_UPLOAD:
            raise too_large
    return Form(data)
