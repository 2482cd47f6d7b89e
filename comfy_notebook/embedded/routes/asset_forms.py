"""The fields of an asset that a request may set, and how they are checked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ..assets import KINDS
from ..forms import Form
from ..http import Refused, parse_json

DETAILS: Mapping[str, Any] = {
    "id": uuid.UUID, "name": str, "tags": list, "mime_type": str, "preview_id": uuid.UUID,
    "user_metadata": dict,
}  # fmt: skip
NEW_FROM_URL: Mapping[str, Any] = {**DETAILS, "url": str}
NEW_REFERENCE: Mapping[str, Any] = {**DETAILS, "hash": str}
TAGS: Mapping[str, Any] = {"tags": list}

_HASH = re.compile(r"(blake3|sha256):([a-f0-9]{64})")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(\s*;[\x20-\x7e]{0,100})?")
_LONGEST = 1024


def checked(body: Mapping[str, Any], shapes: Mapping[str, Any], needed: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of `shapes` the body has, each of its shape; a 400 for anything else about them."""
    if missing := [name for name in needed if name not in body]:
        raise Refused(400, f"{missing[0]} is needed.")
    found = {name: body[name] for name in shapes if name in body}
    for name, value in found.items():
        shape = shapes[name]
        if shape is uuid.UUID:
            if not is_uuid_text(value):
                raise Refused(400, f"{name} must be a UUID.")
            found[name] = str(uuid.UUID(value))
        elif not isinstance(value, shape):
            raise Refused(400, f"{name} must be {_WORDS[shape]}.")
    for name in ("name", "url", "source_url"):
        if len(found.get(name, "")) > 4 * _LONGEST:
            raise Refused(400, f"{name} is too long.")
    if found.get("mime_type") and not _MIME.fullmatch(found["mime_type"]):
        raise Refused(400, "mime_type must look like image/png.")
    if "hash" in found and not _HASH.fullmatch(found["hash"]):
        raise Refused(400, "hash must be blake3: or sha256: and 64 hexadecimal digits.")
    if "tags" in found:
        check_tags(found["tags"])
    if "tags" in needed and not found["tags"]:
        raise Refused(400, "tags must not be empty.")
    return found


_WORDS = {str: "text", list: "a list", dict: "an object"}


def check_tags(tags: Sequence[Any]) -> None:
    """Refuse more than 200 tags, and tags that are not short texts."""
    if len(tags) > 200 or not all(isinstance(tag, str) and len(tag) <= _LONGEST for tag in tags):
        raise Refused(400, "tags must be a list of short texts.")


def tags_of_form(form: Form) -> list[str]:
    """The tags of a form: the field several times, or once as a JSON list or separated by commas."""
    given = form.texts("tags")
    if len(given) == 1:
        text = given[0].strip()
        given = parse_json(text.encode("utf-8", "surrogatepass")) if text.startswith("[") else text.split(",")
        check_tags(given)
    return [tag.strip() for tag in given if tag.strip()]


def type_of(tags: Sequence[str]) -> str:
    """The folder a file belongs to by its tags; an input if they do not say."""
    return next((tag for tag in tags if tag in KINDS), "input")


def hash_of(text: str) -> str | None:
    """The digits of a `blake3:` hash; None for what is none, or of the other kind, which is not kept."""
    found = _HASH.fullmatch(text)
    if found is None or found.group(1) != "blake3":
        return None
    return found.group(2)


def is_uuid_text(value: Any) -> bool:
    """Whether this is the text of a UUID."""
    if not isinstance(value, str) or len(value) > 40:
        return False
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
