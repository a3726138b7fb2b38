"""The whole devnet, remembered and brought back: L1 with its clock, and every service's databases.

Everybody stands still (`toolkit.devnet.standstill`) while their files are copied or put back and L1's node takes or
reverts to a snapshot of its own; then all go on as after a crash. What a service has only in its memory is not brought
back: nothing that matters is only there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.devnet.rpc import Rpc
from toolkit.devnet.standstill import Place, lock, places, standstill
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError, ServiceError

FOLDER = "snapshots"
"""In the devnet's folder: a folder for each snapshot."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ABOUT = "snapshot.json"
_HOLDER = "holder"
"""In the folder of an anchor's: the process that will return to it. Another may have been killed, or has returned."""
_CUT = "reverting"
"""There while files are put back: who was killed meanwhile has left some as they are now, and some as they were."""
_MOVED = ".before"
_INDEX = "-shm"
"""Ending of a file that SQLite makes anew from the rest."""
L1_SECONDS = 20.0
"""How long L1's node may take to answer: everybody stands still meanwhile."""


@dataclass(frozen=True)
class Snapshot:
    """A state that a devnet can return to, as often as it is wanted.

    Attributes:
        name: given, or its number.
        number: they are counted in the order in which they were taken.
        block: L1's latest block.
        block_hash: 32 bytes, 0x-hex.
        time: of that block, seconds of L1's clock.
        taken: when, Unix time in seconds.
        node: what L1's node calls it; another one after each return to it.
        for_anchor: whether `anchor` made it, for itself.
    """

    name: str
    number: int
    block: int
    block_hash: str
    time: int
    taken: float
    node: str
    for_anchor: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "number": self.number,
            "block": self.block,
            "blockHash": self.block_hash,
            "time": self.time,
            "taken": self.taken,
        }


@dataclass(frozen=True)
class _Head:
    block: int
    block_hash: str
    time: int


class _Gone(NodeError):
    """L1's node does not know the snapshot."""


def known_snapshots(devnet: Path) -> list[Snapshot]:
    """The snapshots of the devnet in a folder, those of anchors included, the oldest first."""
    found = [_read(file) for file in (devnet / FOLDER).glob(f"[0-9]*/{_ABOUT}")]
    return sorted(found, key=lambda each: each.number)


def needed_snapshots(devnet: Path) -> list[Snapshot]:
    """Those that somebody may return to, with those of anchors that are held at the moment."""
    return [each for each in known_snapshots(devnet) if not each.for_anchor or _is_held(_place(devnet, each))]


def check_whole(devnet: Path) -> None:
    """Raise ServiceError where somebody was killed over a revert: what there is then is no state of a devnet."""
    file = devnet / _CUT
    if file.exists():
        raise ServiceError(f"a return to the snapshot {file.read_text()!r} was cut off half-way; revert to it first")


def _hold(place: Path) -> None:
    (place / _HOLDER).write_text(str(os.getpid()))


def _is_held(place: Path) -> bool:
    try:
        os.kill(int((place / _HOLDER).read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _place(devnet: Path, snapshot: Snapshot) -> Path:
    return devnet / FOLDER / f"{snapshot.number:06}"


class Snapshots:
    """The snapshots of one devnet.

    Args:
        folder: that the devnet runs in.
        l1_rpc: URL of L1's node.

    Raises (every method):
        BadInput: L1's node cannot be brought back, or there is no such snapshot.
        NodeError: L1's node does not answer.
        ServiceError: a service does not stand still, or does not go on; the message says what has happened.
    """

    def __init__(self, folder: Path, l1_rpc: str) -> None:
        self._devnet, self._folder = folder, folder / FOLDER
        self._rpc = Rpc(l1_rpc, L1_SECONDS)
        self._is_anvil: bool | None = None
        self._ready: Snapshot | None = None  # an anchor's that was returned to last

    def close(self) -> None:
        """End the connection to L1's node."""
        if self._ready in self._known():
            self._forget(self._ready)
        self._rpc.close()

    def all(self) -> list[Snapshot]:
        """Those that can be returned to, the oldest first."""
        return [each for each in self._known() if not each.for_anchor]

    def take(self, name: str | None = None) -> Snapshot:
        """Remember everything as it is now."""
        if name is not None and not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} is no name of a snapshot: 64 letters, digits, '.', '_' and '-' at most")
        return self._take(name)

    def revert(self, name: str | None = None) -> Snapshot:
        """Return to a snapshot, or to the latest; it can be returned to again, and those taken after it are gone."""
        return self._revert(self._wanted(name), again=True)

    @contextmanager
    def anchor(self) -> Iterator[None]:
        """Whatever happens in the block is undone after it."""
        snapshot = self._take_again() or self._take(None, for_anchor=True)
        try:
            yield
        finally:
            self._revert(snapshot, again=False)
            (self._place(snapshot) / _HOLDER).unlink(missing_ok=True)
            self._ready = snapshot

    def _take(self, name: str | None, *, for_anchor: bool = False) -> Snapshot:
        with standstill(self._devnet) as found:
            check_whole(self._devnet)
            known = self._known()
            if for_anchor:
                known = self._without_the_left(known)
            names = {each.name for each in known}
            number = max((each.number for each in known), default=0) + 1
            while name is None and str(number) in names:
                number += 1
            name = name or (f".{number}" if for_anchor else str(number))
            if name in names:
                raise BadInput(
                    f"there is a snapshot {name!r} already; give this one another name, or revert to that one"
                )
            half = self._folder / f".{number}.new"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(parents=True, mode=0o700)
            try:
                for place in found:
                    _copy(place.files(), half / place.name, number)
                node, head = self._remember()
                where = head.block, head.block_hash, head.time
                snapshot = Snapshot(name, number, *where, time.time(), node, for_anchor)
                _write(half / _ABOUT, snapshot)
                if for_anchor:
                    _hold(half)
                half.rename(self._place(snapshot))
            except BaseException:
                shutil.rmtree(half, ignore_errors=True)
                raise
        return snapshot

    def _without_the_left(self, known: list[Snapshot]) -> list[Snapshot]:
        """Forget those of anchors that nobody is in: of processes that have ended, or take another one next time."""
        left = [each for each in known if each.for_anchor and not _is_held(self._place(each))]
        for each in left:
            self._forget(each)
        return [each for each in known if each not in left]

    def _take_again(self) -> Snapshot | None:
        """The anchor's snapshot that everything is as in, since nobody has done anything after the return to it."""
        snapshot, self._ready = self._ready, None
        if snapshot is None or (locked := lock(self._devnet)) is None:
            return None
        with locked:
            if snapshot not in self._known() or not self._is_as_in(snapshot):
                return None
            node, head = self._remember()
            if head.block_hash != snapshot.block_hash or not self._is_as_in(snapshot):
                return None
            snapshot = replace(snapshot, node=node)
            _write(self._place(snapshot) / _ABOUT, snapshot)
            _hold(self._place(snapshot))
            return snapshot

    def _is_as_in(self, snapshot: Snapshot) -> bool:
        """Whether no service has written anything since the snapshot was taken, or returned to."""
        return not any(
            _changed(place, self._place(snapshot) / place.name, snapshot.number) for place in places(self._devnet)
        )

    def _revert(self, snapshot: Snapshot, *, again: bool) -> Snapshot:
        """Return to a snapshot; returns it as it is known then.

        Args:
            again: whether L1's node is to know it afterwards, too.
        """
        with standstill(self._devnet) as found:
            snapshot = self._still_there(snapshot)
            kept = self._place(snapshot)
            there = {place.name for place in found}
            files = {file.parent for file in kept.rglob("*") if file.is_file()} - {kept}
            gone = {str(file.relative_to(kept)) for file in files} - there
            all_ = [*found, *(Place(self._devnet / name, name) for name in sorted(gone))]
            for place in all_:  # left by who was killed over it
                shutil.rmtree(place.path / _MOVED, ignore_errors=True)
            put = list[Path]()
            cut = self._devnet / _CUT
            cut_before = cut.read_text() if cut.exists() else None
            cut.write_text(snapshot.name)
            try:
                for place in all_:
                    _exchange(place, kept / place.name, snapshot.number, put)
                self._revert_l1(snapshot)
            except BaseException as error:
                for file in put:
                    file.unlink(missing_ok=True)
                for place in all_:
                    _undo(place)
                if cut_before is None or isinstance(error, _Gone):  # else it is as half a state as it was
                    cut.unlink()
                else:
                    cut.write_text(cut_before)
                raise
            try:
                if again:  # before all else: until it is written, whoever is killed loses the snapshot
                    snapshot = replace(snapshot, node=self._remember()[0])
                    _write(kept / _ABOUT, snapshot)
            finally:
                for place in all_:
                    shutil.rmtree(place.path / _MOVED, ignore_errors=True)
                cut.unlink()
                for each in self._known():
                    if each.number > snapshot.number:
                        self._forget(each)
        return snapshot

    def _still_there(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it is known by now; another one may have its number."""
        for each in self._known():
            if (each.number, each.taken) == (snapshot.number, snapshot.taken):
                return each
        what = "the block's beginning" if snapshot.for_anchor else f"the snapshot {snapshot.name!r}"
        raise BadInput(f"{what} is out of reach: meanwhile something from before it was reverted to")

    def _wanted(self, name: str | None) -> Snapshot:
        known = self.all()
        if not known:
            raise BadInput("there is no snapshot to revert to; 'l2kit snapshot' takes one")
        if name is None:
            return known[-1]
        for each in known:
            if each.name == name:
                return each
        raise BadInput(f"there is no snapshot {name!r}; there are {', '.join(each.name for each in known)}")

    def _known(self) -> list[Snapshot]:
        return known_snapshots(self._devnet)

    def _place(self, snapshot: Snapshot) -> Path:
        return _place(self._devnet, snapshot)

    def _forget(self, snapshot: Snapshot) -> None:
        place = self._place(snapshot)
        (place / _ABOUT).unlink(missing_ok=True)  # first: one of which a part is gone is none
        shutil.rmtree(place, ignore_errors=True)

    # --- L1 ---

    def _remember(self) -> tuple[str, _Head]:
        """Have L1's node take a snapshot; returns its name there, and the latest block just after it."""
        method = "evm_snapshot"
        try:
            node, block = self._rpc.batch([(method, []), ("eth_getBlockByNumber", ["latest", False])])
        except RpcError as error:
            if error.no_method:
                raise BadInput(
                    f"the node at {self._rpc.shown} has no {method}: snapshots need a development node such as "
                    "Anvil or Hardhat"
                ) from error
            raise
        return str(node), _Head(int(block["number"], 16), str(block["hash"]), int(block["timestamp"], 16))

    def _revert_l1(self, snapshot: Snapshot) -> None:
        if self._is_anvil is None:
            self._is_anvil = str(self._rpc.call("web3_clientVersion")).lower().startswith("anvil")
        # Anvil would keep the transactions that wait, and mine them then.
        calls: list[tuple[str, list[Any]]] = [("anvil_dropAllTransactions", [])] if self._is_anvil else []
        *_, reverted = self._rpc.batch([*calls, ("evm_revert", [snapshot.node])])
        if reverted is not True:
            raise _Gone(
                f"the node at {self._rpc.shown} has no snapshot {snapshot.node} any more: somebody has reverted it "
                f"to that or an earlier one; nothing has changed, and the snapshot {snapshot.name!r} is of no use"
            )


def _copy(files: list[Path], target: Path, number: int) -> None:
    """Keep copies of databases that nobody uses, and mark them as those of a snapshot."""
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not file.name.endswith(_INDEX):
            shutil.copyfile(file, target / file.name)
            _mark(file, number)


def _changed(place: Place, kept: Path, number: int) -> tuple[list[Path], list[Path]] | None:
    """The files of a place that are not a snapshot's, and those of the snapshot that are to replace them; or None.

    Who writes to a file takes its mark away. An empty log is there whenever a database is open.
    """
    found: dict[str, os.stat_result] = {}
    for file in place.files():
        with suppress(FileNotFoundError):  # a log, whose database was closed just now
            found[file.name] = file.stat()
    names = set(os.listdir(kept)) - {_ABOUT} if kept.is_dir() else set()  # noqa: PTH208 (faster)
    same = {name for name in names & found.keys() if found[name].st_mtime_ns == _mark_of(number)}
    other = [name for name in found.keys() - same if not _is_nothing(name, found[name], names)]
    missing = names - same
    if not other and not missing:
        return None
    return [place.path / name for name in found.keys() - same], [kept / name for name in missing]


def _is_nothing(name: str, stat: os.stat_result, kept: set[str]) -> bool:
    return name not in kept and (name.endswith(_INDEX) or (name.endswith("-wal") and stat.st_size == 0))


def _exchange(place: Place, kept: Path, number: int, put: list[Path]) -> None:
    """Put a snapshot's files where others are by now, which move aside; ``put`` gets each before it is there."""
    place.path.mkdir(parents=True, exist_ok=True)
    changed = _changed(place, kept, number)
    if changed is None:
        return
    aside = place.path / _MOVED
    aside.mkdir()
    for file in changed[0]:
        file.rename(aside / file.name)
    for file in changed[1]:
        target = place.path / file.name
        put.append(target)
        shutil.copyfile(file, target)
        _mark(target, number)


def _mark(file: Path, number: int) -> None:
    os.utime(file, ns=(_mark_of(number), _mark_of(number)))


def _mark_of(number: int) -> int:
    """The time of last change (nanoseconds) by which a file is known as a snapshot's: none that a clock would give."""
    return number * 10**9


def _undo(place: Place) -> None:
    """Put the files back that were moved aside, once what has taken their place is gone."""
    aside = place.path / _MOVED
    if aside.exists():
        for file in aside.iterdir():
            file.rename(place.path / file.name)
        aside.rmdir()


def _write(file: Path, snapshot: Snapshot) -> None:
    half = file.with_name(f"{file.name}.{os.getpid()}")
    half.write_text(json.dumps(asdict(snapshot)))
    half.replace(file)


def _read(file: Path) -> Snapshot:
    try:
        return Snapshot(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise L2KitError(f"{file} is damaged: {error}") from error


__all__ = ["Snapshot", "Snapshots"]
