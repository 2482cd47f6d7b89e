"""The record of every job: what was submitted, its state, and its outcome.

Statuses are `JobStatus` words. A job found running when the server starts was cut off by its death
and is `lost`; one found pending runs. Secrets of `extra_data` are never written: `prepare` takes
them out, and they live only as long as the job waits in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.status import JobStatus
from .assets import now_ms
from .database import Database

SECRETS = ("api_key_comfy_org", "auth_token_comfy_org")
_MEDIA = {"images": "image", "video": "video", "videos": "video", "gifs": "video", "audio": "audio"}
_MOVING = (".mp4", ".webm", ".mov", ".mkv", ".avi")

# What a list shows of a job, without the parts that may be megabytes.
_LIGHT = (
    "id, user, number, status, client_id, priority, workflow_id, created, updated, started, ended, outputs,"
    " error, '{}' AS prompt, '[]' AS targets, '{}' AS extra_data, '[]' AS messages"
)


@dataclass(frozen=True)
class Job:
    """One job as recorded; times in milliseconds since the epoch."""

    id: str
    user: str
    number: int
    prompt: Mapping[str, Any]
    targets: tuple[str, ...]
    status: JobStatus = JobStatus.pending
    client_id: str | None = None
    priority: float | None = None
    front: bool = False
    extra_data: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    workflow_id: str | None = None
    created: int = 0
    updated: int = 0
    started: int | None = None
    ended: int | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Any] = ()
    error: Mapping[str, Any] | None = None

    @property
    def place(self) -> float:
        """Its place in the queue, lower first: its number, unless the request gave one."""
        return self.number if self.priority is None else self.priority

    @property
    def vanished(self) -> bool:
        """Cancelled while it waited: ComfyUI lists such a job nowhere (queue_ops recording)."""
        return self.status is JobStatus.cancelled and self.started is None


def kinds_of(outputs: Mapping[str, Any]) -> set[str]:
    """The media among a job's outputs: image, video, audio."""
    return {media_type(key, item) for _, key, item in files_of(outputs)} & {"image", "video", "audio"}


def files_of(outputs: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every file among a job's outputs: (node id, key, {filename, subfolder, type})."""
    return [
        (node_id, key, item)
        for node_id, output in outputs.items()
        if isinstance(output, Mapping)
        for key, items in output.items()
        if isinstance(items, (list, tuple))
        for item in items
        if isinstance(item, Mapping) and "filename" in item
    ]


def media_type(key: str, item: Mapping[str, Any]) -> str:
    """What a file is; SaveVideo reports under `images`, so the name has its say."""
    if str(item["filename"]).lower().endswith(_MOVING):
        return "video"
    return _MEDIA.get(key, key)


class Jobs:
    """Every user's jobs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, job: Job, cost: int = 0) -> Job:
        """Record a new job, giving it its number; `cost` credits are spent in the same transaction.

        Raises OSError when there is no room left to record its end.
        """
        self._db.keep_reserve()
        moment = now_ms()
        extra = {key: value for key, value in job.extra_data.items() if key not in SECRETS}
        secrets = {key: value for key, value in job.extra_data.items() if key in SECRETS}
        with self._db.transaction() as connection:
            row = connection.execute(
                "INSERT INTO jobs (id, user, client_id, priority, status, prompt, extra_data, targets,"
                " workflow_id, created, updated) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT (id) DO UPDATE SET status = excluded.status, prompt = excluded.prompt,"
                " extra_data = excluded.extra_data, targets = excluded.targets, created = excluded.created,"
                " updated = excluded.updated, started = NULL, ended = NULL, outputs = '{}', messages = '[]',"
                " error = NULL, forgotten = 0 WHERE user = excluded.user RETURNING number",
                (job.id, job.user, job.client_id, job.priority, str(JobStatus.pending),
                 json.dumps(job.prompt), json.dumps(extra), json.dumps(job.targets), job.workflow_id,
                 moment, moment),
            ).fetchone()  # fmt: skip
            if row is None:
                raise ValueError("the id belongs to another user's job")
            priority = -row["number"] if job.front else job.priority
            if job.front:
                connection.execute("UPDATE jobs SET priority = ? WHERE id = ?", (priority, job.id))
            if cost:
                connection.execute(
                    "INSERT INTO spending VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET spent = spent + ?",
                    (job.user, cost, cost),
                )
        return replace(
            job, number=row["number"], priority=priority, extra_data=extra, secrets=secrets,
            created=moment, updated=moment,
        )  # fmt: skip

    def start(self, id: str) -> int:
        """Record that the job runs; returns the moment."""
        moment = now_ms()
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, started = ?, updated = ? WHERE id = ?",
                (str(JobStatus.in_progress), moment, moment, id),
            )
        return moment

    def keep_outputs(self, id: str, outputs: Mapping[str, Any]) -> None:
        """Record what a running job has shown so far."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET outputs = ?, updated = ? WHERE id = ? AND status = 'in_progress'",
                (json.dumps(outputs), now_ms(), id),
            )

    def finish(
        self,
        id: str,
        status: JobStatus,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Any] = (),
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Record a job's end. An end is final: a job that has one keeps it."""
        moment = now_ms()
        self._db.insist(
            "UPDATE jobs SET status = ?, ended = ?, updated = ?, outputs = ?, messages = ?, error = ?,"
            " kinds = ? WHERE id = ? AND status IN ('pending', 'in_progress')",
            (str(status), moment, moment, json.dumps(outputs or {}), json.dumps(messages),
             json.dumps(error) if error else None, ",".join(sorted(kinds_of(outputs or {}))), id),
        )  # fmt: skip

    def recover(self) -> list[Job]:
        """After a start: mark the jobs a dead server was running as lost; return those still to run."""
        moment = now_ms()
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'lost', ended = ?, updated = ? WHERE status = 'in_progress'",
                (moment, moment),
            )
        rows = self._db.rows(
            "SELECT * FROM jobs WHERE status = 'pending' ORDER BY coalesce(priority, number), number"
        )
        return [_job(row) for row in rows]

    def get(self, user: str, id: str) -> Job | None:
        """The user's job of this id."""
        row = self._db.row("SELECT * FROM jobs WHERE id = ? AND user = ? AND NOT forgotten", (id, user))
        return _job(row) if row else None

    def standing(self, user: str, id: str) -> sqlite3.Row | None:
        """Only what a status poll needs: status, created, updated and error."""
        return self._db.row(
            "SELECT status, created, updated, error FROM jobs WHERE id = ? AND user = ? AND NOT forgotten",
            (id, user),
        )

    def page(
        self,
        user: str,
        *,
        statuses: Sequence[str] = (),
        workflow_id: str | None = None,
        output_type: str | None = None,
        sort_by: str = "create_time",
        descending: bool = True,
        offset: int = 0,
        limit: int = 100,
        graphs: bool = True,
        vanished: bool = True,
    ) -> tuple[list[Job], int]:
        """One page of a user's jobs, and how many there are in all.

        Without `graphs` these are left empty; without `vanished`, `vanished` jobs are left out.
        """
        where, values = ["user = ?", "NOT forgotten"], [user]
        if not vanished:
            where.append("NOT (status = 'cancelled' AND started IS NULL)")
        if statuses:
            where.append("status IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(statuses)))
        if workflow_id is not None:
            where.append("workflow_id = ?")
            values.append(workflow_id)
        if output_type is not None:
            where.append("',' || kinds || ',' LIKE ?")
            values.append(f"%,{output_type},%")
        condition = " AND ".join(where)
        direction = "DESC" if descending else "ASC"
        # A job that never ran has no execution time; it comes last in either direction.
        order = {
            "create_time": f"created {direction}",
            "execution_time": f"ended IS NULL OR started IS NULL, ended - started {direction}",
        }[sort_by]
        total = self._db.row(f"SELECT count(*) AS n FROM jobs WHERE {condition}", values)
        rows = self._db.rows(
            f"SELECT {'*' if graphs else _LIGHT} FROM jobs WHERE {condition}"
            f" ORDER BY {order}, number {direction} LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return [_job(row) for row in rows], int(total["n"]) if total else 0

    def forget(self, user: str, ids: Sequence[str] | None = None) -> None:
        """Take ended jobs out of the user's history: these, or all."""
        ended = "user = ? AND status NOT IN ('pending', 'in_progress')"
        with self._db.transaction() as connection:
            if ids is None:
                connection.execute(f"UPDATE jobs SET forgotten = 1 WHERE {ended}", (user,))
            else:
                connection.executemany(
                    f"UPDATE jobs SET forgotten = 1 WHERE {ended} AND id = ?", [(user, id) for id in ids]
                )

    def spent(self, user: str) -> int:
        """Credits the user has spent on this server."""
        row = self._db.row("SELECT spent FROM spending WHERE user = ?", (user,))
        return int(row["spent"]) if row else 0


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        user=row["user"],
        number=row["number"],
        prompt=json.loads(row["prompt"]),
        targets=tuple(json.loads(row["targets"])),
        status=JobStatus(row["status"]),
        client_id=row["client_id"],
        priority=row["priority"],
        extra_data=json.loads(row["extra_data"]),
        workflow_id=row["workflow_id"],
        created=row["created"],
        updated=row["updated"],
        started=row["started"],
        ended=row["ended"],
        outputs=json.loads(row["outputs"]),
        messages=json.loads(row["messages"]),
        error=json.loads(row["error"]) if row["error"] else None,
    )
