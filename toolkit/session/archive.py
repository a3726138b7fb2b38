"""A devnet saved in a file, with L1's history and its clock, and loaded from it, on another machine too."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.devnet import archive
from toolkit.devnet.archive import L1_STATE, MAX_BYTES, Manifest, entry_name, is_archive
from toolkit.devnet.databases import MAIN
from toolkit.devnet.rpc import Rpc
from toolkit.devnet.standstill import standstill
from toolkit.errors import BadInput, L2KitError, NodeError, ServiceError
from toolkit.session.snapshots import check_whole

if TYPE_CHECKING:
    from toolkit.session.client import Session

PLAN = "plan.json"
"""In a devnet's folder: what of an archive's manifest is known when it starts, as `toolkit.world` writes it."""
DUMP_SECONDS = 600.0
"""How long L1's node may take to tell its state."""
_TRIES = 10


@dataclass(frozen=True)
class Saved:
    """A devnet in a file.

    Attributes:
        file: it.
        size: of it (bytes).
        block: L1's latest.
        time: of L1's clock (seconds).
        waiting: transactions that wait at L1's node; they are not in it.
    """

    file: Path
    size: int
    block: int
    time: int
    waiting: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.file),
            "bytes": self.size,
            "block": self.block,
            "time": self.time,
            "waiting": self.waiting,
        }


def save(folder: Path, l1_rpc: str, file: Path) -> Saved:
    """Write a devnet that runs into a file; it stands still for as long as it takes to copy it.

    Args:
        folder: that it runs in.
        l1_rpc: URL of L1's node.
        file: is replaced where it is such a file already.

    Raises:
        BadInput: L1's node cannot tell its state, or nothing can be written there.
        NodeError: it does not answer.
        ServiceError: a service does not stand still.
    """
    _check_target(file)
    with closing(Rpc(l1_rpc, DUMP_SECONDS)) as rpc, tempfile.TemporaryDirectory(dir=folder, prefix="save-") as place:
        kept = Path(place)
        node = _check_node(rpc)
        plan = _plan(folder)
        # Of a node that somebody else has started only it knows.
        plan["hardfork"] = str(rpc.call("anvil_nodeInfo")["hardFork"]).lower()
        parts = {L1_STATE: kept / L1_STATE}
        with standstill(folder) as found:
            check_whole(folder)
            for each in found:
                copies = kept / "services" / each.name
                copies.mkdir(parents=True)
                for file_ in each.files():
                    if not file_.name.endswith("-shm"):
                        shutil.copyfile(file_, copies / file_.name)
            dumped, latest = _dumped(rpc)
            pending = rpc.call("eth_getBlockByNumber", "pending", False)
            waiting = int(rpc.call("txpool_status")["pending"], 16)
        now = max(int(block["timestamp"], 16) for block in (latest, pending))
        parts[L1_STATE].write_bytes(_unpacked(dumped))
        for each in found:
            for copy in sorted((kept / "services" / each.name).iterdir()):
                if copy.name.endswith(MAIN):
                    _fold(copy)
                    parts[entry_name(each.name, copy.name)] = copy
        manifest = Manifest(
            l2kit=version("l2kit"),
            saved=int(time.time()),
            node=node,
            block=int(latest["number"], 16),
            block_hash=str(latest["hash"]),
            time=now,
            **plan,
        )
        size = archive.write(file, manifest, parts)
    return Saved(file, size, manifest.block, manifest.time, waiting)


def load(
    file: Path,
    name: str = "default",
    *,
    port: int | None = None,
    l2_port: int | None = None,
    node_flags: Sequence[str] = (),
) -> Session:
    """Start a devnet from a file, in the background under a session's name, and attach to it.

    Args:
        file: that `save` wrote.
        port, l2_port: of L1's JSON-RPC and the sequencer's; free ones where None.
        node_flags: further flags for L1's node.

    Raises:
        BadInput: the file is none, or is damaged; the name or a port is taken.
        L2KitError: a part does not start.
    """
    from toolkit.session.client import attach

    with archive.Archive(file):  # to say what is wrong with it without starting anything
        pass
    ports = [("--port", port), ("--l2-port", l2_port)]
    options = [word for flag, number in ports if number is not None for word in (flag, str(number))]
    command = [sys.executable, "-m", "toolkit", "load", str(file), "--session", name, "--detach", "--json", *options]
    ran = subprocess.run([*command, "--", *node_flags], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or [f"it ended with code {ran.returncode}"])[-1]
        raise L2KitError(said.removeprefix("l2kit: "))
    return attach(name)


def _check_target(file: Path) -> None:
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise BadInput(f"cannot write {file}: it is a folder, or its folder does not exist")
    if file.exists() and file.stat().st_size and not is_archive(file):
        raise BadInput(f"{file} exists and is not from 'l2kit save'; name another file")


def _check_node(rpc: Rpc) -> str:
    """What L1's node calls itself. Raises BadInput where it cannot tell its state."""
    node = str(rpc.call("web3_clientVersion"))
    if not node.lower().startswith("anvil"):
        raise BadInput(
            f"L1's node is {node}, which gives nobody its state: only a devnet on Anvil can be saved; 'l2kit snapshot' "
            "and 'l2kit revert' work here, too, as long as it runs"
        )
    return node


def _plan(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / PLAN).read_text())
    except (OSError, ValueError) as error:
        raise ServiceError(f"the devnet in {folder} has not told what it consists of: {error}") from error
    if "keyed" in found:
        raise BadInput(
            "the keys of this devnet's accounts come from one of yours, which no archive is to hold: only a devnet "
            "with the development accounts can be saved"
        )
    return found


def _dumped(rpc: Rpc) -> tuple[str, dict[str, Any]]:
    """L1's state, and its latest block in it: others than the services may go on sending, or the node mining."""
    latest = rpc.call("eth_getBlockByNumber", "latest", False)
    for _ in range(_TRIES):
        before, dumped = latest, str(rpc.call("anvil_dumpState", True))
        latest = rpc.call("eth_getBlockByNumber", "latest", False)
        if latest["hash"] == before["hash"]:
            return dumped, latest
    raise NodeError(
        f"L1's node has new blocks faster than it tells its state: block {int(latest['number'], 16)} by now"
    )


def _fold(database: Path) -> None:
    """Have a copied database in its one file, with what SQLite had left beside it of a service that was killed."""
    if all(not database.with_name(database.name + end).exists() for end in ("-wal", "-journal")):
        return
    try:
        with closing(sqlite3.connect(database)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise ServiceError(f"the database {database.name} of {database.parent.name} is damaged: {error}") from error


def _unpacked(dumped: str) -> bytes:
    """Anvil gives its state as gzipped JSON, in 0x-hex."""
    try:
        unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
        state = unpack.decompress(bytes.fromhex(dumped[2:]), MAX_BYTES)
    except (ValueError, zlib.error) as error:
        raise NodeError(f"what L1's node tells of its state cannot be read: {error}") from error
    return state


__all__ = ["PLAN", "Saved", "load", "save"]
