"""Where this server answers otherwise than the published contract says, each with its reason.

A failure of a check that no line here allows fails the tests; a line that allows nothing any more is
found by `test_every_deviation_is_met` of the long run, so that this table stays true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """One allowed failure: which check, on which operations, with which answer, and why."""

    check: str
    operations: str
    status: int | None
    reason: str

    def allows(self, check: str, operation: str, status: int) -> bool:
        return (
            self.check == check
            and re.fullmatch(self.operations, operation) is not None
            and self.status in (None, status)
        )


DEVIATIONS = (
    Deviation(
        "UndefinedStatusCode",
        r"POST /api/prompt|GET /api/(object_info|queue|view|files/mask-layers)",
        401,
        "The contract asks for a key on these routes and forgot to say what answers without one.",
    ),
    Deviation(
        "UndefinedStatusCode",
        r"GET /api/(jobs|history_v2)",
        400,
        "A query parameter that breaks its own schema; the contract lists no answer to that.",
    ),
    Deviation(
        "JsonSchemaError",
        r"GET /api/object_info",
        200,
        "`display_name` is null on nodes that have none, as in ComfyUI's own object_info.",
    ),
    Deviation(
        "RejectedPositiveData",
        r".*",
        400,
        "The schemas of bodies and queries are wider than what can be meant: an empty graph, a graph of "
        "unknown nodes, a filename that is none, text that should hold JSON.",
    ),
    Deviation(
        "RejectedPositiveData",
        r"GET /api/assets/remote-metadata|POST /api/assets",
        422,
        "The URL of the example does not answer.",
    ),
    Deviation(
        "AcceptedNegativeData",
        r"POST /api/(upload/(image|mask)|assets)",
        200,
        "Multipart fields have no types: a number is the text of it.",
    ),
    Deviation(
        "AcceptedNegativeData",
        r"POST /api/assets",
        201,
        "Multipart fields have no types: a number is the text of it.",
    ),
    Deviation(
        "AcceptedNegativeData",
        r"GET .*",
        200,
        "Text in a query has no type, and a parameter nobody knows is ignored; a key that the case left out "
        "is put back by the test.",
    ),
    Deviation(
        "AcceptedNegativeData",
        r"POST /api/userdata/\{file\}",
        200,
        "A body of no bytes is an empty file.",
    ),
)
"""Not met by schemathesis, and listed for the reader:

* `/api/job/{id}/status`: the words are the seed's five (or the Cloud's internal ones with `--raw-status`);
  the contract's enum matches neither the reference nor what the Cloud sends.
* `/api/jobs`, `/api/jobs/{id}`: a job whose server died says `lost`, a word the enum lacks.
* `POST /api/queue`, `POST /api/interrupt` honour what the newer unified specification adds
  (`prompt_id`); `/api/jobs/{id}/cancel`, `/api/jobs/cancel` and `/api/tasks/{id}` come from there.
* `from-hash` and `HEAD /api/assets/hash/{hash}` know the asking user's contents only.
"""
