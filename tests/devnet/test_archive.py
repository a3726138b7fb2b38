"""Archives are read as if somebody who means harm had written them."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from toolkit.devnet import archive
from toolkit.devnet.archive import L1_STATE, Archive, Manifest, entry_name
from toolkit.errors import BadInput

JOURNAL = entry_name("sequencer", "journal.sqlite")
PEER = entry_name("channels/alice", "channels.db")


def manifest(**other: Any) -> Manifest:
    known: dict[str, Any] = {
        "l2kit": "1",
        "saved": 1,
        "node": "anvil/v1",
        "hardfork": "osaka",
        "chain_id": 31337,
        "block": 1,
        "block_hash": "0x00",
        "time": 7,
        "challenge_window": 60,
        "batch_data": "auto",
        "watchtower": True,
        "repeatable": False,
        "contracts": {"Token": "0x" + 40 * "1"},
        "deployment": {"Token": 5},
        "deployed_block": 0,
    }
    return Manifest(**{**known, **other})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.write_text('{"blocks": []}' * 1000)
    parts = {L1_STATE: state}
    for name in (JOURNAL, PEER):
        parts[name] = part = tmp_path / f"{len(parts)}"
        with closing(sqlite3.connect(part)) as db:
            db.execute("CREATE TABLE told (what TEXT)")
            db.execute("INSERT INTO told VALUES (?)", (name,))
            db.commit()
    file = tmp_path / "good.l2kit"
    archive.write(file, manifest(), parts)
    return file


def rewrite(file: Path, change: Callable[[dict[str, bytes], dict[str, Any]], object]) -> Path:
    """The same with something else in it."""
    with zipfile.ZipFile(file) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    found = json.loads(entries.pop("manifest.json"))
    change(entries, found)
    other = file.with_name("other.l2kit")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in entries.items():
            new.writestr(name, content)
        new.writestr("manifest.json", json.dumps(found))
    return other


def test_what_was_written_is_laid_where_the_services_look_for_it(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Archive(good) as found:
        assert found.manifest.files.keys() == {L1_STATE, JOURNAL, PEER}
        assert found.places == ["channels/alice", "sequencer"]
        assert found.lay(folder).read_text().startswith('{"blocks"')
    with closing(sqlite3.connect(folder / "channels/alice/channels.db")) as db:
        assert db.execute("SELECT what FROM told").fetchall() == [(PEER,)]
    assert stat.S_IMODE(good.stat().st_mode) == 0o600


def test_an_archive_is_there_whole_or_not_at_all(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = good.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"cannot write .*good.l2kit: No space left on device"):
        archive.write(good, manifest(), {L1_STATE: tmp_path / "state"})
    assert good.read_bytes() == before
    assert not list(tmp_path.glob(".good*"))


def _rename(old: str, new: str) -> Callable[[dict[str, bytes], dict[str, Any]], object]:
    def change(entries: dict[str, bytes], found: dict[str, Any]) -> None:
        entries[new], found["files"][new] = entries.pop(old), found["files"].pop(old)

    return change


def _with(sql: str) -> Callable[[dict[str, bytes], dict[str, Any]], object]:
    def change(entries: dict[str, bytes], found: dict[str, Any]) -> None:
        with TemporaryDirectory() as place:
            file = Path(place) / "journal.sqlite"
            with closing(sqlite3.connect(file)) as db:
                db.executescript(sql)
            _replace(entries, found, JOURNAL, file.read_bytes())

    return change


def _replace(entries: dict[str, bytes], found: dict[str, Any], name: str, content: bytes) -> None:
    entries[name] = content
    found["files"][name] = {"size": len(content), "sha256": sha256(content).hexdigest()}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda _, found: found.update(format=2), "has format 2, and this l2kit reads 1; load it with the l2kit"),
        (lambda _, found: found.pop("time"), "is no devnet that l2kit has saved: time is missing"),
        (lambda _, found: found.update(time="soon"), "time is 'soon'"),
        (lambda _, found: found.update(node="anvil\x1b[2J"), r"node is 'anvil\\x1b"),
        (lambda _, found: found.update(node="a" * 1000), "node is 'aaa"),
        (lambda _, found: found.update(chain_id=-1), "chain_id is -1"),
        (lambda _, found: found["contracts"].update(Token="--help"), "'--help' is no address"),
        (_rename(JOURNAL, "services/../journal.sqlite"), "which no service keeps"),
        (_rename(JOURNAL, "/etc/journal.sqlite"), "which no service keeps"),
        (_rename(JOURNAL, "services/sequencer/config.json"), "which no service keeps"),
        (_rename(JOURNAL, "services/a/b/c/journal.sqlite"), "which no service keeps"),
        (_rename(JOURNAL, "services/up.sock/journal.sqlite"), "which no service keeps"),
        (_rename(JOURNAL, "services/sequencer/journal.sqlite-journal"), "which no service keeps"),
        (_rename(JOURNAL, "services/sequencer/journal.sqlite-wal"), "which no service keeps"),
        (_rename(L1_STATE, "l2.json"), "l1.json is missing"),
        (lambda entries, _: entries.update(more=b""), "it does not hold what its manifest says"),
        (lambda entries, _: entries.pop(JOURNAL), "it does not hold what its manifest says"),
        (lambda _, found: found["files"][JOURNAL].update(size=1), "has another size than its manifest says"),
        (lambda _, found: found["files"][JOURNAL].update(size=1 << 60), "or 16 GiB"),
        (lambda _, found: found["files"][JOURNAL].update(sha256="00"), "is not what its manifest says"),
        (lambda _, found: found["files"][L1_STATE].update(size=3), "l1.json: it is larger than 3 bytes"),
        (lambda entries, found: _replace(entries, found, JOURNAL, b"no database" * 99), "is no database"),
        (
            _with("CREATE TABLE t (a); CREATE TRIGGER later AFTER INSERT ON t BEGIN DELETE FROM t; END"),
            "journal.sqlite: 'later'",
        ),
        (_with("CREATE VIRTUAL TABLE operations USING fts5(a)"), "journal.sqlite: 'operations'"),
        (_with("CREATE VIEW operations AS SELECT 1 AS a"), "journal.sqlite: 'operations'"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    good: Path, tmp_path: Path, change: Callable[[dict[str, bytes], dict[str, Any]], object], why: str
) -> None:
    other, folder = rewrite(good, change), tmp_path / "run"
    folder.mkdir()
    with pytest.raises(BadInput, match=why), Archive(other) as found:
        found.lay(folder)
    assert not (tmp_path / "journal.sqlite").exists()


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_could_unpack_to_any_size_is_not_unpacked(
    packed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(bomb := tmp_path / "bomb", "w", packed) as new:
        new.writestr("manifest.json", b" " * 10_000)

    def unpack(*_: object) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    with pytest.raises(BadInput, match=r"'manifest.json' is packed as nothing is here"):
        Archive(bomb)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_part_of_an_archive_is_none(good: Path, share: float) -> None:
    whole = good.read_bytes()
    good.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match="is no devnet that l2kit has saved, or not all of it"):
        Archive(good)


def test_what_was_changed_on_its_way_is_refused(good: Path, tmp_path: Path) -> None:
    whole = bytearray(good.read_bytes())
    whole[60] ^= 0xFF  # in the first entry's data
    good.write_bytes(whole)
    (folder := tmp_path / "run").mkdir()
    with pytest.raises(BadInput, match=r"is damaged: l1.json"), Archive(good) as found:
        found.lay(folder)


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file .*nowhere"):
        Archive(tmp_path / "nowhere")
