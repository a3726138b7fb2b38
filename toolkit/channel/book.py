"""What a party remembers of payments over several channels, in the same file as its channels."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from toolkit.channel.route import Bill, Failure, Knowledge
from toolkit.channel.state import Channel
from toolkit.channel.store import Store
from toolkit.crypto import keccak256

SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (hash BLOB PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS invoice (
    hash BLOB PRIMARY KEY, units INTEGER NOT NULL, token BLOB NOT NULL, exponent INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accepted (
    channel BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (channel, hash)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forwarded (hash BLOB PRIMARY KEY, channel BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure (hash BLOB PRIMARY KEY, reason INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payment (hash BLOB PRIMARY KEY, units INTEGER NOT NULL, channel BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contact (channel BLOB PRIMARY KEY, host TEXT NOT NULL, port INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opening (
    number INTEGER PRIMARY KEY, block INTEGER NOT NULL, time INTEGER NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS leaving (channel BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listening (port INTEGER PRIMARY KEY);
"""


class Book:
    """Secrets, invoices, payments and where to find the others. Everything returns after the fsync, but `together`.

    Attributes:
        known: what routing needs of it.
        payments: hash -> units and channel (32-byte id) of the payments that start here.
        leaving: ids of the channels that are to be closed alone.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._db = store, store.db
        self._db.executescript(SCHEMA)
        self._secrets: dict[bytes, bytes] = {}
        self._invoices: dict[bytes, Bill] = {}
        self._accepted: set[tuple[bytes, bytes]] = set()
        self._forwarded: dict[bytes, bytes] = {}
        self._failures: dict[bytes, int] = {}
        self.revealed: dict[bytes, int] = {}
        self.known = Knowledge(
            self._secrets, self._invoices, self._forwarded, self._failures, self._accepted, self.revealed
        )
        self.leaving: set[bytes] = set()
        self.payments: dict[bytes, tuple[int, bytes]] = {}
        self._read()

    def _read(self) -> None:
        """What is on disk, and nothing else; nothing is forgotten where that cannot be read."""
        rows = self._db.execute
        secrets = dict(rows("SELECT hash, secret FROM secret"))
        invoices = {hash_: Bill(*bill) for hash_, *bill in rows("SELECT hash, units, token, exponent FROM invoice")}
        accepted = set(rows("SELECT channel, hash FROM accepted"))
        forwarded = dict(rows("SELECT hash, channel FROM forwarded"))
        failures = dict(rows("SELECT hash, reason FROM failure"))
        leaving = {channel for (channel,) in rows("SELECT channel FROM leaving")}
        payments = {
            hash_: (units, channel) for hash_, units, channel in rows("SELECT hash, units, channel FROM payment")
        }
        for each in (
            self._secrets, self._invoices, self._accepted, self._forwarded, self._failures, self.leaving, self.payments,
        ):  # fmt: skip
            each.clear()
        self._secrets.update(secrets)
        self._invoices.update(invoices)
        self._accepted.update(accepted)
        self._forwarded.update(forwarded)
        self._failures.update(failures)
        self.leaving.update(leaving)
        self.payments.update(payments)
        self._in_doubt = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is noted in it is on disk once it ends, all of it or nothing; nobody may be told of it before."""
        if self._in_doubt:
            self._read()
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._in_doubt = True  # what is known here may not be on disk
            self._read()
            raise

    def leave(self, channel: bytes) -> None:
        """Close that channel alone."""
        self._db.execute("INSERT OR IGNORE INTO leaving VALUES (?)", (channel,))
        self.leaving.add(channel)

    def learn(self, secret: bytes) -> None:
        """Keep a 32-byte secret."""
        hash_ = keccak256(secret)
        if hash_ not in self._secrets:
            self._db.execute("INSERT INTO secret VALUES (?,?)", (hash_, secret))
            self._secrets[hash_] = secret

    def invoice(self, secret: bytes, bill: Bill) -> bytes:
        """Wait for a payment; returns the hash that whoever pays must lock."""
        hash_ = keccak256(secret)
        # The invoice first: a secret without one may be shown to anybody.
        self._db.execute("INSERT INTO invoice VALUES (?,?,?,?)", (hash_, *bill))
        self._invoices[hash_] = bill
        self.learn(secret)
        return hash_

    def accept(self, channel: bytes, hash_: bytes) -> None:
        """The secret is shown to the payer of that lock from now on."""
        if (channel, hash_) not in self._accepted:
            self._db.execute("INSERT INTO accepted VALUES (?,?)", (channel, hash_))
            self._accepted.add((channel, hash_))

    def forward(self, hash_: bytes, channel: bytes) -> None:
        """A lock with that hash is about to be offered in ``channel``."""
        self._db.execute("INSERT OR REPLACE INTO forwarded VALUES (?,?)", (hash_, channel))
        self._forwarded[hash_] = channel

    def pay(self, hash_: bytes, units: int, channel: bytes) -> None:
        """A payment of ours is about to be offered in ``channel``."""
        self._db.execute("DELETE FROM failure WHERE hash = ?", (hash_,))
        self._failures.pop(hash_, None)
        self._db.execute("INSERT OR REPLACE INTO payment VALUES (?,?,?)", (hash_, units, channel))
        self.payments[hash_] = (units, channel)

    def fail(self, hash_: bytes, reason: int) -> None:
        """The next hop has cancelled the lock with that hash."""
        reason = reason if reason in {failure.value for failure in Failure} else Failure.NO_CHANNEL
        self._db.execute("INSERT OR REPLACE INTO failure VALUES (?,?)", (hash_, int(reason)))
        self._failures[hash_] = int(reason)

    def forget(self, pending: Collection[bytes]) -> None:
        """Of payments forwarded, remember those only whose hashes are still in a lock: another try is a new one."""
        gone = [hash_ for hash_ in self._forwarded if hash_ not in pending]
        for hash_ in gone:
            self._db.execute("DELETE FROM forwarded WHERE hash = ?", (hash_,))
            del self._forwarded[hash_]
            if hash_ not in self.payments:
                self._db.execute("DELETE FROM failure WHERE hash = ?", (hash_,))
                self._failures.pop(hash_, None)

    def contact(self, channel: Channel, host: str, port: int) -> None:
        """The other party of ``channel`` listens there."""
        self._db.execute("INSERT OR REPLACE INTO contact VALUES (?,?,?)", (channel.id, host, port))

    def opening(self, block: int, time: int, host: str, port: int) -> int:
        """A channel is about to be opened with who listens there, after that block and Unix time; returns a number."""
        row = self._db.execute(
            "INSERT INTO opening (block, time, host, port) VALUES (?,?,?,?)", (block, time, host, port)
        )
        return int(row.lastrowid or 0)

    def openings(self) -> list[tuple[int, int, int, str, int]]:
        """Number, block, time, host and port of what was about to be opened, and may be, or not."""
        return self._db.execute("SELECT number, block, time, host, port FROM opening").fetchall()

    def opened(self, number: int) -> None:
        """What came of an opening is known."""
        self._db.execute("DELETE FROM opening WHERE number = ?", (number,))

    def listens(self, port: int) -> None:
        """Others know that we listen at this port."""
        if self.last_port() != port:
            with self._store.transaction():
                self._db.execute("DELETE FROM listening")
                self._db.execute("INSERT INTO listening VALUES (?)", (port,))

    def last_port(self) -> int:
        """The port at which we listened last, 0 where we never have."""
        row = self._db.execute("SELECT port FROM listening").fetchone()
        return 0 if row is None else int(row[0])

    def contacts(self) -> dict[bytes, tuple[str, int]]:
        """Channel id -> where the other party listens."""
        rows = self._db.execute("SELECT channel, host, port FROM contact")
        return {channel: (host, port) for channel, host, port in rows}
