"""Where a peer keeps its channels: SQLite, and on disk before anything is said to anybody."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from toolkit.channel.state import Channel, Deposits, Side, SignedState, State
from toolkit.channel.transition import View
from toolkit.errors import BadInput

_SCHEMA = """
CREATE TABLE IF NOT EXISTS channel (
    id BLOB PRIMARY KEY, descriptor BLOB NOT NULL, side TEXT NOT NULL,
    deposit_a INTEGER NOT NULL, deposit_b INTEGER NOT NULL,
    nonce INTEGER NOT NULL, net INTEGER NOT NULL, proof BLOB NOT NULL, frozen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    channel BLOB NOT NULL, nonce INTEGER NOT NULL, net INTEGER NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (channel, nonce)
) WITHOUT ROWID;
"""
_SAVE = """
INSERT INTO channel VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
    deposit_a = excluded.deposit_a, deposit_b = excluded.deposit_b,
    nonce = excluded.nonce, net = excluded.net, proof = excluded.proof, frozen = excluded.frozen
"""


class Store:
    """One file with a peer's channels, one writer. Every method that changes something returns after the fsync.

    Args:
        path: the SQLite file; created where missing.

    Raises:
        BadInput: another process uses the file (two writers would sign two states with one nonce).
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise BadInput(f"the channel store {path} cannot be used: {error}") from error

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def channels(self) -> list[Channel]:
        """The channels in the store."""
        rows = self._db.execute("SELECT descriptor FROM channel ORDER BY id").fetchall()
        return [Channel.decode(row[0]) for row in rows]

    def load(self, channel: Channel) -> View | None:
        """What was last known of a channel, None where it is not in the store."""
        row = self._db.execute(
            "SELECT side, deposit_a, deposit_b, nonce, net, proof, frozen FROM channel WHERE id = ?", (channel.id,)
        ).fetchone()
        if row is None:
            return None
        pending = self._db.execute(
            "SELECT nonce, net, signature FROM pending WHERE channel = ? ORDER BY nonce", (channel.id,)
        ).fetchall()
        return View(
            side=Side(row[0]),
            deposits=Deposits(row[1], row[2]),
            agreed=State(row[3], row[4]),
            proof=row[5],
            pending=tuple(SignedState(State(nonce, net), signature) for nonce, net, signature in pending),
            frozen=bool(row[6]),
        )

    def save(self, channel: Channel, view: View) -> None:
        """Write everything but the pending payments: a new channel, deposits, a payment taken, a freeze."""
        self._db.execute(
            _SAVE,
            (
                channel.id, channel.encode(), view.side.value, view.deposits.a, view.deposits.b,
                view.agreed.nonce, view.agreed.net, view.proof, int(view.frozen),
            ),
        )  # fmt: skip

    def add_pending(self, channel: Channel, signed: Sequence[SignedState]) -> None:
        """Write payments that are about to be sent."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO pending VALUES (?,?,?,?)",
                [(channel.id, each.state.nonce, each.state.net, each.signature) for each in signed],
            )

    def save_acknowledged(self, channel: Channel, view: View) -> None:
        """Write an acknowledgement: the newest agreed state, and that its payments are no longer pending."""
        with self._transaction():
            self.save(channel, view)
            self._db.execute("DELETE FROM pending WHERE channel = ? AND nonce <= ?", (channel.id, view.agreed.nonce))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
