"""A devnet in one file: a zip with ``manifest.json``, L1's state, and the databases of every service.

    manifest.json              what is in it, with the size and the SHA-256 of every other entry
    l1.json                    the state of Anvil: blocks, transactions with their blobs, receipts, historical states
    services/NAME/FILE         the databases of each service, NAME as its folder is called in the devnet's

Whoever opens one trusts nothing in it: names are checked, sizes bounded, and no file is taken that the manifest does
not describe to the byte. A database is its one file: SQLite would obey a journal beside it, and delete what that names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from toolkit.devnet.databases import MAIN
from toolkit.errors import BadInput

FORMAT = 1
"""Of the archives that are written and read here."""
L1_STATE = "l1.json"
MAX_BYTES = 16 << 30
"""Of everything in an archive, unpacked."""
MAX_FILES = 10_000
_MANIFEST = "manifest.json"
_MAX_MANIFEST = 4 << 20
_LONGEST_WORD = 200
_PLACE = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"  # no point: the devnet's own files and sockets have one
_ENTRY = re.compile(rf"services/(?P<place>{_PLACE}(?:/{_PLACE})?)/(?P<file>[A-Za-z0-9][A-Za-z0-9._-]{{0,99}})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_CHUNK = 1 << 20
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How entries are: with the others, some kilobytes unpack to gigabytes before anybody can count them."""
_PLAIN = re.compile(r"CREATE (TABLE|INDEX|UNIQUE INDEX) ")
"""How SQLite writes down what holds data and does nothing."""


@dataclass(frozen=True)
class Entry:
    """A file in an archive: its size in bytes, and its SHA-256 (hex)."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        l2kit: the version that wrote it.
        saved: when, Unix time (seconds).
        node: what L1's node called itself (web3_clientVersion).
        hardfork: whose rules L1 follows.
        chain_id: L1's.
        block, block_hash: L1's latest block, 32 bytes as 0x-hex.
        time: L1's clock (seconds).
        challenge_window: seconds that an assertion can be disputed.
        batch_data: how the rollup's batches go to L1.
        watchtower: whether there was one among the services.
        repeatable: as of `toolkit.world.Options`.
        contracts: addresses by name.
        deployment: gas that each contract's deployment used, by its name.
        deployed_block: the first with anything of the rollup.
        files: every other entry by its name.
        format: `FORMAT`.
    """

    l2kit: str
    saved: int
    node: str
    hardfork: str
    chain_id: int
    block: int
    block_hash: str
    time: int
    challenge_window: int
    batch_data: str
    watchtower: bool
    repeatable: bool
    contracts: dict[str, str]
    deployment: dict[str, int]
    deployed_block: int
    files: dict[str, Entry] = field(default_factory=dict)
    format: int = FORMAT


def write(file: Path, manifest: Manifest, parts: Mapping[str, Path]) -> int:
    """Write an archive, all of it at once and for nobody else to read; returns its size (bytes).

    Args:
        manifest: without its ``files``.
        parts: what goes in, by the entry's name.

    Raises:
        BadInput: it cannot be written there.
    """
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(half, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
                for name, part in parts.items():
                    with part.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                        size, digest = _pass_on(source, target)
                    manifest.files[name] = Entry(size, digest)
                archive.writestr(_MANIFEST, json.dumps(asdict(manifest), indent=1))
            out.flush()
            os.fsync(out.fileno())
        half.replace(file)
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        half.unlink(missing_ok=True)
    return file.stat().st_size


class Archive:
    """An archive to be read; a context manager.

    Attributes:
        file: it.
        manifest: what it says of itself, checked.

    Raises:
        BadInput: it is none, it is damaged, or it is of another format.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise BadInput(f"there is no file {file}") from None
        # zipfile raises NotImplementedError for an archive of a later version of the format than it reads.
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise BadInput(f"{file} is no devnet that l2kit has saved, or not all of it: {error}") from error
        try:
            self.manifest = self._read_manifest()
            self._check_entries()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def places(self) -> list[str]:
        """The folders of the services whose databases are in it."""
        found = [_ENTRY.fullmatch(name) for name in self.manifest.files]
        return sorted({each["place"] for each in found if each})

    def lay(self, folder: Path) -> Path:
        """Put the databases into the folders of a devnet that is to be; returns L1's state, in a file there.

        Raises:
            BadInput: what is in the archive is not what its manifest says, or there is no room for it.
        """
        needed = sum(entry.size for entry in self.manifest.files.values())
        if shutil.disk_usage(folder).free < needed:
            raise BadInput(f"{self.file} unpacks to {needed:,} bytes, and there is no room for that in {folder}")
        databases = []
        for name in self.manifest.files:
            found = _ENTRY.fullmatch(name)
            target = folder / L1_STATE if found is None else folder / found["place"] / found["file"]
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._take_out(name, target)
            except OSError as error:
                raise BadInput(f"cannot unpack {name} of {self.file}: {error.strerror or error}") from error
            if found is not None:
                databases.append(target)
        for database in databases:
            self._check_database(database)
        return folder / L1_STATE

    def _read_manifest(self) -> Manifest:
        if strange := [info.filename for info in self._zip.infolist() if info.compress_type not in _PACKED]:
            raise BadInput(f"{self.file} is damaged: {strange[0]!r:.120} is packed as nothing is here")
        try:
            info = self._zip.getinfo(_MANIFEST)
            if info.file_size > _MAX_MANIFEST:
                raise BadInput(f"the manifest of {self.file} is larger than {_MAX_MANIFEST:,} bytes")
            with self._zip.open(info) as entry:
                found = json.loads(entry.read(_MAX_MANIFEST))
            if (version := found["format"]) != FORMAT:
                other = f"{self.file} has format {version!r:.20}, and this l2kit reads {FORMAT}"
                raise BadInput(f"{other}; load it with the l2kit that wrote it ({found.get('l2kit')!r:.40})")
            return _manifest(found)
        except BadInput:
            raise
        except KeyError as error:
            raise BadInput(f"{self.file} is no devnet that l2kit has saved: {error.args[0]} is missing") from error
        except Exception as error:  # whatever zipfile and json make of what somebody else has written
            raise BadInput(f"{self.file} is no devnet that l2kit has saved: {error}") from error

    def _check_entries(self) -> None:
        files, inside = self.manifest.files, self._zip.infolist()
        if len(inside) > MAX_FILES or sum(entry.size for entry in files.values()) > MAX_BYTES:
            raise BadInput(f"{self.file} holds more than {MAX_FILES:,} files, or {MAX_BYTES >> 30} GiB")
        if sorted(each.filename for each in inside) != sorted([*files, _MANIFEST]):
            raise BadInput(f"{self.file} is damaged: it does not hold what its manifest says")
        if L1_STATE not in files:
            raise BadInput(f"{self.file} is damaged: {L1_STATE} is missing")
        for info in inside:
            name = info.filename
            if name in (_MANIFEST, L1_STATE):
                continue
            found = _ENTRY.fullmatch(name)
            if found is None or not found["file"].endswith(MAIN):
                raise BadInput(f"{self.file} holds {name!r:.120}, which no service keeps")
            if info.file_size != files[name].size:
                raise BadInput(f"{self.file} is damaged: {name} has another size than its manifest says")

    def _take_out(self, name: str, target: Path) -> None:
        entry = self.manifest.files[name]
        try:
            with self._zip.open(name) as source, target.open("xb") as out:
                size, digest = _pass_on(source, out, entry.size)
        except OSError:
            raise
        except Exception as error:  # whatever zipfile makes of what somebody else has written
            raise BadInput(f"{self.file} is damaged: {name}: {error}") from error
        if (size, digest) != (entry.size, entry.sha256):
            raise BadInput(f"{self.file} is damaged: {name} is not what its manifest says")

    def _check_database(self, file: Path) -> None:
        """A database holds tables, and nothing that would act by itself when a service writes to it."""
        try:
            with closing(sqlite3.connect(file)) as db:
                db.execute("PRAGMA trusted_schema=OFF")
                found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
                acts = [name for name, sql in found if not _PLAIN.match(str(sql))]
                (state,) = db.execute("PRAGMA quick_check(1)").fetchone() if not acts else ("",)
        except sqlite3.Error as error:
            raise BadInput(f"{self.file} is damaged: {file.name} is no database: {error}") from error
        if acts or state != "ok":
            raise BadInput(f"{self.file} is damaged: {file.name}: {acts[0] if acts else state!r:.120}")


def _manifest(found: Mapping[str, Any]) -> Manifest:
    """Raises KeyError, ValueError or TypeError where something is not what it should be."""
    known: dict[str, Any] = {}
    for each in fields(Manifest):
        value = found[each.name]
        if (each.type == "int" and (isinstance(value, bool) or not isinstance(value, int) or value < 0)) or (
            each.type in ("str", "bool") and type(value).__name__ != each.type
        ):
            raise ValueError(f"{each.name} is {value!r:.40}")
        if isinstance(value, str) and not (value.isprintable() and len(value) <= _LONGEST_WORD):
            raise ValueError(f"{each.name} is {value!r:.40}")  # people's terminals would obey it
        known[each.name] = value
    known["contracts"] = {str(name): str(address) for name, address in known["contracts"].items()}
    if wrong := [address for address in known["contracts"].values() if not _ADDRESS.fullmatch(address)]:
        raise ValueError(f"{wrong[0]!r:.60} is no address")
    known["deployment"] = {str(name): int(gas) for name, gas in known["deployment"].items()}
    files = {str(name): Entry(int(each["size"]), str(each["sha256"])) for name, each in known["files"].items()}
    if any(entry.size < 0 for entry in files.values()):
        raise ValueError("a file has a size below nothing")
    return Manifest(**{**known, "files": files})


def _pass_on(source: IO[bytes], target: IO[bytes], most: int = MAX_BYTES) -> tuple[int, str]:
    """Copy; returns the size and the SHA-256. Raises ValueError where it is larger than ``most``."""
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > most:
            raise ValueError(f"it is larger than {most} bytes")
        digest.update(chunk)
        target.write(chunk)
    return size, digest.hexdigest()


def is_archive(file: Path) -> bool:
    """Whether a file looks like an archive that was written here."""
    with suppress(OSError, zipfile.BadZipFile, ValueError), zipfile.ZipFile(file) as found:
        return _MANIFEST in found.namelist()
    return False


def entry_name(place: str, file: str) -> str:
    """Of a database in an archive; ``place`` as its service's folder is called."""
    return f"services/{place}/{file}"


__all__ = ["FORMAT", "L1_STATE", "Archive", "Entry", "Manifest", "entry_name", "is_archive", "write"]
