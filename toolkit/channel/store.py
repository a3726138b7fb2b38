"""Where a party keeps its channels and payments: SQLite, and on disk before anything is said to anybody."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from toolkit.channel import change as changes
from toolkit.channel.change import Cancel, Offer, Settle
from toolkit.channel.state import Channel, Deposits, Side, State, Withdrawal, locks_root
from toolkit.channel.transition import Tip, Update, View
from toolkit.devnet.databases import close_database
from toolkit.errors import BadInput

_SCHEMA = """
CREATE TABLE IF NOT EXISTS channel (
    id BLOB PRIMARY KEY, descriptor BLOB NOT NULL, side TEXT NOT NULL,
    deposit_a INTEGER NOT NULL, deposit_b INTEGER NOT NULL,
    nonce INTEGER NOT NULL, net INTEGER NOT NULL, proof BLOB NOT NULL, frozen INTEGER NOT NULL,
    leaving_number INTEGER, leaving_a INTEGER, leaving_b INTEGER, leaving_expiry INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lock (
    channel BLOB NOT NULL, place INTEGER NOT NULL, offer BLOB NOT NULL, PRIMARY KEY (channel, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    channel BLOB NOT NULL, nonce INTEGER NOT NULL, net INTEGER NOT NULL, change BLOB NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (channel, nonce)
) WITHOUT ROWID;
"""
_SAVE = """
INSERT INTO channel VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
    deposit_a = excluded.deposit_a, deposit_b = excluded.deposit_b,
    nonce = excluded.nonce, net = excluded.net, proof = excluded.proof, frozen = excluded.frozen,
    leaving_number = excluded.leaving_number, leaving_a = excluded.leaving_a, leaving_b = excluded.leaving_b,
    leaving_expiry = excluded.leaving_expiry
"""


class Store:
    """One file with a party's channels, one writer. What changes something returns after the fsync, but for one thing.

    Args:
        path: the SQLite file; created where missing.

    Attributes:
        db: the connection, for whoever keeps more in the same file.

    Raises:
        BadInput: another process uses the file (two writers would sign two states with one nonce).
    """

    def __init__(self, path: Path) -> None:
        # Used by one thread at a time, not always the same one.
        self.db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise BadInput(f"the channel store {path} cannot be used: {error}") from error

    def close(self, *, durable: bool = True) -> None:
        """Release the file; see `close_database`."""
        close_database(self.db, durable=durable)

    def channels(self) -> list[Channel]:
        """The channels in the store."""
        rows = self.db.execute("SELECT descriptor FROM channel ORDER BY id").fetchall()
        return [Channel.decode(row[0]) for row in rows]

    def load(self, channel: Channel) -> View | None:
        """What was last known of a channel, None where it is not in the store."""
        row = self.db.execute(
            "SELECT side, deposit_a, deposit_b, nonce, net, proof, frozen,"
            " leaving_number, leaving_a, leaving_b, leaving_expiry FROM channel WHERE id = ?",
            (channel.id,),
        ).fetchone()
        if row is None:
            return None
        locks = tuple(
            _offer(offer)
            for (offer,) in self.db.execute("SELECT offer FROM lock WHERE channel = ? ORDER BY place", (channel.id,))
        )
        agreed = State(row[3], row[4], locks_root([offer.lock for offer in locks]))
        return View(
            side=Side(row[0]),
            deposits=Deposits(row[1], row[2]),
            agreed=agreed,
            proof=row[5],
            locks=locks,
            pending=tuple(self._pending(channel, locks)),
            frozen=bool(row[6]),
            leaving=None if row[7] is None else Withdrawal(*row[7:11]),
        )

    def _pending(self, channel: Channel, locks: tuple[Offer, ...]) -> Iterator[Update]:
        rows = self.db.execute(
            "SELECT nonce, net, change, signature FROM pending WHERE channel = ? ORDER BY nonce", (channel.id,)
        )
        for nonce, net, data, signature in rows.fetchall():
            change = changes.decode(data)
            if isinstance(change, Offer):
                locks = (*locks, change)
            elif isinstance(change, Settle | Cancel):
                locks = tuple(offer for offer in locks if offer.lock.hash != change.hash)
            yield Update(Tip(State(nonce, net, locks_root([offer.lock for offer in locks])), locks), change, signature)

    def save(self, channel: Channel, view: View) -> None:
        """Write everything but the pending changes: a new channel, deposits, changes taken, a freeze."""
        with self.transaction():
            self._save(channel, view)

    def add_pending(self, channel: Channel, updates: Sequence[Update]) -> None:
        """Write changes that are about to be sent."""
        with self.transaction():
            self.db.executemany(
                "INSERT INTO pending VALUES (?,?,?,?,?)",
                [
                    (channel.id, tip.state.nonce, tip.state.net, changes.encode(change), signature)
                    for tip, change, signature in updates
                ],
            )

    def save_acknowledged(self, channel: Channel, view: View) -> None:
        """Write an acknowledgement: the newest agreed state, and that its changes are no longer pending.

        Returns before the fsync, alone of all: where the power fails first, the other party says it again.
        """
        self.db.execute("PRAGMA synchronous=NORMAL")
        try:
            with self.transaction():
                self._save(channel, view)
                self.db.execute("DELETE FROM pending WHERE channel = ? AND nonce <= ?", (channel.id, view.agreed.nonce))
        finally:
            self.db.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is on disk afterwards, or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # else it was undone with the error: a full disk, say
                self.db.execute("ROLLBACK")
            raise

    def _save(self, channel: Channel, view: View) -> None:
        self.db.execute(
            _SAVE,
            (
                channel.id, channel.encode(), view.side.value, view.deposits.a, view.deposits.b,
                view.agreed.nonce, view.agreed.net, view.proof, int(view.frozen), *(view.leaving or (None,) * 4),
            ),
        )  # fmt: skip
        self.db.execute("DELETE FROM lock WHERE channel = ?", (channel.id,))
        for place, offer in enumerate(view.locks):
            self.db.execute("INSERT INTO lock VALUES (?,?,?)", (channel.id, place, changes.encode(offer)))


def _offer(data: bytes) -> Offer:
    offer = changes.decode(data)
    if not isinstance(offer, Offer):
        raise BadInput(f"the channel store is damaged: 0x{data.hex()} is no lock")
    return offer
