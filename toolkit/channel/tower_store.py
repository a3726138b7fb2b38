"""Where a watchtower keeps the states that it may have to show: SQLite, on disk before it says that it has them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from toolkit.channel.guard import Stand
from toolkit.channel.guardian import Done
from toolkit.channel.state import Channel, Lock, State, locks_root
from toolkit.crypto import keccak256
from toolkit.devnet.databases import close_database
from toolkit.errors import BadInput

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stand (
    channel BLOB PRIMARY KEY, descriptor BLOB NOT NULL, nonce INTEGER NOT NULL, net INTEGER NOT NULL,
    locks BLOB NOT NULL, by_a BLOB NOT NULL, by_b BLOB NOT NULL, secrets BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (
    channel BLOB NOT NULL, what TEXT NOT NULL, tx BLOB NOT NULL, gas INTEGER NOT NULL, PRIMARY KEY (channel, tx)
);
"""


class TowerStore:
    """What a tower keeps, in SQLite; everything returns after the fsync.

    Args:
        path: the file; created where missing.
        contract: what tells the channels' contract from every other.

    Attributes:
        stands: by channel id.
        done: by channel id, what was done on L1.

    Raises:
        BadInput: another process uses the file, or it is about another contract.
    """

    def __init__(self, path: Path, contract: str) -> None:
        self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            found = self._db.execute("SELECT value FROM meta WHERE key = 'contract'").fetchone()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise BadInput(f"the tower's store {path} cannot be used: {error}") from error
        if found not in (None, (contract,)):
            self._db.close()
            raise BadInput(f"the tower's store {path} is about the channels of {found[0]}, not of {contract}")
        self._contract = contract
        rows = self._db.execute("SELECT descriptor, nonce, net, locks, by_a, by_b, secrets FROM stand")
        self.stands = {stand.channel.id: stand for stand in (_stand(*row) for row in rows)}
        self.done: dict[bytes, list[tuple[str, bytes, int]]] = {}
        for channel, *done in self._db.execute("SELECT channel, what, tx, gas FROM done ORDER BY rowid"):
            self.done.setdefault(channel, []).append(tuple(done))

    def close(self, *, durable: bool = True) -> None:
        """Release the file; see `close_database`."""
        close_database(self._db, durable=durable)

    def keep(self, stand: Stand) -> None:
        """Keep what both signed."""
        state = stand.newest
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('contract', ?)", (self._contract,))
        locks = b"".join(lock.encode() for lock in stand.locks)
        self._db.execute(
            "INSERT OR REPLACE INTO stand VALUES (?,?,?,?,?,?,?,?)",
            (
                stand.channel.id, stand.channel.encode(), state.nonce, state.net, locks, stand.by_a, stand.by_b,
                b"".join(stand.secrets.values()),
            ),
        )  # fmt: skip
        self.stands[stand.channel.id] = stand

    def note(self, done: Done) -> None:
        """Remember what was done on L1."""
        row = (done.channel, done.what, done.transaction, done.gas)
        if self._db.execute("INSERT OR IGNORE INTO done VALUES (?,?,?,?)", row).rowcount:
            self.done.setdefault(done.channel, []).append((done.what, done.transaction, done.gas))

    def forget(self, channel: bytes) -> None:
        """Keep a channel's states no longer; what was done stays known."""
        self._db.execute("DELETE FROM stand WHERE channel = ?", (channel,))
        del self.stands[channel]


def _stand(descriptor: bytes, nonce: int, net: int, locks: bytes, by_a: bytes, by_b: bytes, secrets: bytes) -> Stand:
    pending = tuple(Lock.decode(locks[at : at + 96]) for at in range(0, len(locks), 96))
    known = [secrets[at : at + 32] for at in range(0, len(secrets), 32)]
    state = State(nonce, net, locks_root(pending))
    return Stand(
        Channel.decode(descriptor), None, state, pending, by_a, by_b, {keccak256(secret): secret for secret in known}
    )
