from __future__ import annotations

import os
from pathlib import Path

import pytest

from comfy_notebook.atomic import atomic_file, write_file, write_new_file


def test_a_file_is_replaced_only_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_file(path, b"old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"half of ", "text in place of bytes"])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_permissions_are_kept_given_or_the_umasks(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"1")
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o640)
    write_file(path, b"2")
    assert path.stat().st_mode & 0o777 == 0o640
    write_file(path, b"3", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    written = [write_new_file(tmp_path / "out", name, b"x").name for name in ("a.png", "a.png", "a", "a")]
    assert written == ["a.png", "a_1.png", "a", "a_1"]


def test_a_failed_write_leaves_no_claimed_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_new_file(tmp_path, "a.png", b"x")
    assert os.listdir(tmp_path) == []
