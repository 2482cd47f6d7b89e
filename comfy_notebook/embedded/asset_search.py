"""Searching assets: filters, sorting, pages and tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .assets import Asset, asset_of
from .database import Database

SORTS = {
    "name": "lower(name)", "created_at": "created", "updated_at": "updated", "size": "size",
    "last_access_time": "accessed",
}  # fmt: skip


_BORNE = "SELECT count(*) FROM tags WHERE asset_id = id AND tag IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True)
class Filter:
    """Selects a user's assets by tags to have, tags not to have, name and metadata."""

    include_tags: Sequence[str] = ()
    exclude_tags: Sequence[str] = ()
    name_contains: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


class AssetSearch:
    """Queries over the assets of one database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def matching(
        self, user: str, wanted: Filter, sort: str = "created_at", descending: bool = True
    ) -> list[Asset]:
        """Every asset that matches the filter, sorted."""
        where: list[str] = ["user = ?"]
        values: list[Any] = [user]
        included = set(wanted.include_tags)
        for tags, count in ((included, len(included)), (set(wanted.exclude_tags), 0)):
            # One condition however many tags: SQLite bounds the depth of a WHERE.
            if tags:
                where.append(f"({_BORNE}) = ?")
                values += [json.dumps(sorted(tags)), count]
        if wanted.name_contains:
            where.append("instr(lower(name), lower(?)) > 0")
            values.append(wanted.name_contains)
        direction = "DESC" if descending else "ASC"
        rows = self._db.rows(
            f"SELECT * FROM assets WHERE {' AND '.join(where)}"
            f" ORDER BY {SORTS[sort]} {direction}, rowid {direction}",
            values,
        )
        found = [asset_of(row) for row in rows]
        return [
            asset
            for asset in found
            if all(asset.metadata.get(key) == value for key, value in wanted.metadata.items())
        ]

    def tags_of(self, assets: Iterable[Asset]) -> dict[str, list[str]]:
        """The tags of each asset, by asset id, sorted."""
        found: dict[str, list[str]] = {asset.id: [] for asset in assets}
        ids = list(found)
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT asset_id, tag FROM tags WHERE asset_id IN ({marks}) ORDER BY tag"
            for row in self._db.rows(sql, part):
                found[row["asset_id"]].append(row["tag"])
        return found

    def tag_counts(self, user: str, prefix: str = "") -> dict[str, int]:
        """How many of the user's assets have each tag."""
        rows = self._db.rows(
            "SELECT tag, count(*) AS n FROM tags JOIN assets ON id = asset_id"
            " WHERE user = ? AND substr(tag, 1, ?) = ? GROUP BY tag",
            (user, len(prefix), prefix),
        )
        return {row["tag"]: row["n"] for row in rows}

    def histogram(self, assets: Iterable[Asset]) -> dict[str, int]:
        """How many of these assets have each tag, most common first."""
        counts: dict[str, int] = {}
        for tags in self.tags_of(assets).values():
            for tag in tags:
                counts[tag] = counts.get(tag, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
