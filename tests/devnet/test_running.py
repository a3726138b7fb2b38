"""Devnets that run are found by their folders, and no others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from toolkit.devnet.process import RunFolder, is_held
from toolkit.devnet.running import DESCRIPTION, find_devnet, running_devnets
from toolkit.errors import BadInput


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files with nothing of anybody else's in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def described(folder: RunFolder) -> Path:
    file = folder.path / DESCRIPTION
    file.write_text("{}")
    return file


def test_the_only_one_is_found_while_it_runs() -> None:
    with pytest.raises(BadInput, match="no devnet runs here; start one with 'l2kit up'"):
        find_devnet(None)
    with RunFolder() as folder:
        assert running_devnets() == []  # it is about to start
        file = described(folder)
        assert find_devnet(None) == file
        assert folder.path.stat().st_mode & 0o077 == 0
    assert not is_held(folder.path)
    assert running_devnets() == []


def test_several_are_named_and_one_must_be_chosen(tmp_path: Path) -> None:
    with RunFolder() as first, RunFolder() as second:
        files = sorted([described(first), described(second)])
        with pytest.raises(BadInput, match="2 devnets run here; say which with --devnet") as refused:
            find_devnet(None)
        assert all(str(file) in str(refused.value) for file in files)
        assert find_devnet(tmp_path / "mine.json") == tmp_path / "mine.json"


def test_what_a_dead_one_left_behind_is_not_found(temporary: Path) -> None:
    left = temporary / "l2kit-left"
    left.mkdir()
    (left / DESCRIPTION).write_text("{}")
    assert running_devnets() == []  # without a lock
    (left / "lock").touch()
    assert running_devnets() == []  # which nobody holds


def test_a_folder_of_somebody_else_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    with RunFolder() as folder:
        described(folder)
        (temporary / "l2kit-link").symlink_to(folder.path)
        assert len(running_devnets()) == 1  # the link to it is not another one
        monkeypatch.setattr(os, "getuid", lambda: folder.path.stat().st_uid + 1)
        assert running_devnets() == []
