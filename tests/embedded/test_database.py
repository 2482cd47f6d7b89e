"""The data directory across versions of the package, and who may read it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import httpx
import pytest

from comfy_notebook.embedded.database import Database, DatabaseTooNew
from tests.servers import ROOT

from .test_cli import run

OLD = ROOT / "tests" / "data" / "embedded" / "data-0.1"
"""Made by the package before it wrote a version: one job with a picture, and one upload."""


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return found


def test_a_directory_of_an_older_version_opens(tmp_path, embedded_factory):
    data = shutil.copytree(OLD, tmp_path / "data")
    assert version(data / "server.sqlite") == 0
    server = embedded_factory(data, api_key="old-key")
    with httpx.Client(base_url=server.url, headers=server.headers, follow_redirects=True) as http:
        (job,) = http.get("/api/jobs").json()["jobs"]
        assert job["status"] == "completed"
        output = http.get(f"/api/jobs/{job['id']}").json()["outputs"]["2"]["images"][0]
        picture = http.get("/api/view", params={k: output[k] for k in ("filename", "subfolder", "type")})
        assert picture.content.startswith(b"\x89PNG")
    server.stop()
    assert version(data / "server.sqlite") == 1


def test_a_new_directory_has_the_newest_version(tmp_path):
    Database(tmp_path / "server.sqlite").close()
    assert version(tmp_path / "server.sqlite") == 1


def test_a_directory_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "server.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew):
        Database(path)
    shown = run("--data-dir", str(tmp_path))
    assert shown.returncode == 5
    assert "was made by a newer comfy-notebook (its version is 99" in shown.stderr
    assert "Upgrade comfy-notebook, or choose another --data-dir." in shown.stderr
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_only_its_user_may_read_the_directory(tmp_path, embedded_factory):
    data = tmp_path / "data"
    server = embedded_factory(tmp_path / "outer" / "data")
    data = tmp_path / "outer" / "data"
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        http.post("/api/upload/image", files={"image": ("a.txt", b"private")}).raise_for_status()
    made = [path for path in data.rglob("*") if path.name != "data"]
    assert made
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
