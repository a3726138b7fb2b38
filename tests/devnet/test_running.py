"""Devnets that run are found by their folders, and no others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from toolkit.devnet.process import RunFolder, is_held
from toolkit.devnet.running import DESCRIPTION, claim, find_devnet, find_session, running_devnets, running_sessions
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


def test_a_session_is_found_by_its_name_once_it_is_described() -> None:
    with pytest.raises(BadInput, match="no session runs here"):
        find_session(None)
    with RunFolder() as first, RunFolder() as second, RunFolder() as nameless:
        described(nameless)
        claim(first.path, "first", [])
        claim(second.path, "second", [8545])
        file = described(second)
        assert find_devnet(None, "second") == file
        assert find_session("second").pid == os.getpid()
        with pytest.raises(BadInput, match="the session 'first' is still starting, or ending"):
            find_devnet(None, "first")
        with pytest.raises(BadInput, match="no session 'third' runs here; there are first, second"):
            find_devnet(None, "third")
        with pytest.raises(BadInput, match="2 sessions run here; say which with --session: first, second"):
            find_session(None)
        with pytest.raises(BadInput, match="both say which devnet"):
            find_devnet(file, "second")
    assert running_sessions() == []


def test_neither_name_nor_port_is_had_twice() -> None:
    with RunFolder() as first, RunFolder() as second:
        claim(first.path, "first", [8545])
        (first.path / DESCRIPTION).write_text(
            '{"l1": {"rpc": "http://127.0.0.1:8545"}, "services": {"sequencer": "http://127.0.0.1:8600"}}'
        )
        with pytest.raises(BadInput, match=f"a session 'first' runs already .process {os.getpid()}."):
            claim(second.path, "first", [])
        for port in (8545, 8600):
            with pytest.raises(BadInput, match=f"port {port} is that of the session 'first'"):
                claim(second.path, "second", [8544, port])
        claim(second.path, "second", [8544])


@pytest.mark.parametrize("name", ["", "-x", "a/b", "../x", "a b", "x" * 65])
def test_a_name_that_cannot_be_typed_or_shown_is_refused(name: str) -> None:
    with RunFolder() as folder, pytest.raises(BadInput, match="is no name of a session"):
        claim(folder.path, name, [])
