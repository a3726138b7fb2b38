"""What the services keep on disk: a copy of L1's logs (all of them), and the sequencer's journal.

The copy is a cache: L1 can give it again, so it may be lost. The journal is what the sequencer has promised and L1
does not know yet, so it is on disk before the promise is given (SQLite WAL, synchronous=FULL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.devnet.blobs import BLOB_SIZE
from toolkit.devnet.databases import close_database
from toolkit.errors import BadInput

MARKS_KEPT = 256
"""Block hashes kept beside those of blocks with logs, to find where a reorganised chain parts from ours."""


@dataclass(frozen=True)
class L1Log:
    """A log of one of the rollup's contracts.

    Attributes:
        block, index: its place on L1 (block number, log index in the block).
        block_hash: 32 bytes.
        timestamp: of the block, seconds.
        transaction: the hash of its transaction.
        sender: who sent that transaction (20 bytes).
        address: the contract.
        topics, data: of the log.
        calldata: of the transaction where the log alone does not tell everything (a batch), else empty.
        blob_hashes: the versioned hashes of the transaction's blobs where they are wanted (a batch in blobs).
        blobs: what these are the hashes of, trailing zeros left out.
    """

    block: int
    index: int
    block_hash: bytes
    timestamp: int
    transaction: bytes
    sender: bytes
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    calldata: bytes = b""
    blob_hashes: tuple[bytes, ...] = ()
    blobs: tuple[bytes, ...] = ()


class L1Copy:
    """The logs of the rollup's contracts up to a block, on disk."""

    def __init__(self, path: Path | str, rollup: str) -> None:
        self._db = open_database(path, rollup, durable=False, schema=_COPY_SCHEMA)

    def keep_of(self, contracts: Collection[bytes]) -> None:
        """Say whose logs are kept here (20-byte addresses); what was kept of others is forgotten, to be read again."""
        wanted = " ".join(sorted(address.hex() for address in contracts))
        row = self._db.execute("SELECT value FROM meta WHERE key = 'contracts'").fetchone()
        if row is None or row[0] != wanted:
            self.rewind(-1, b"")
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('contracts', ?)", (wanted,))

    def head(self) -> tuple[int, bytes] | None:
        """Number and hash of the last block whose logs are here; None at the beginning."""
        row = self._db.execute("SELECT block, block_hash FROM marks ORDER BY block DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else None

    def known_blocks(self) -> list[tuple[int, bytes]]:
        """Number and hash of the blocks we remember, newest first."""
        return self._db.execute(
            "SELECT block, block_hash FROM marks UNION SELECT block, block_hash FROM logs ORDER BY block DESC"
        ).fetchall()

    def logs(self) -> Iterator[L1Log]:
        """Every log in L1's order."""
        for row in self._db.execute("SELECT * FROM logs ORDER BY block, position"):
            (block, index, block_hash, timestamp, txn, sender, address, topics, data, calldata, hashes, blobs) = row
            place = (block, index, block_hash, timestamp, txn, sender, address)
            content = (_words(topics), data, calldata, _words(hashes), _split_blobs(blobs, len(hashes) // 32))
            yield L1Log(*place, *content)

    def extend(self, logs: Iterable[L1Log], block: int, block_hash: bytes) -> None:
        """Add the logs of the blocks after `head` up to ``block``."""
        with transaction(self._db):
            self._db.executemany("INSERT INTO logs VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", map(_log_row, logs))
            self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (block, block_hash))
            self._db.execute(
                "DELETE FROM marks WHERE block <= (SELECT block FROM marks ORDER BY block DESC LIMIT 1 OFFSET ?)",
                (MARKS_KEPT,),
            )

    def rewind(self, block: int, block_hash: bytes) -> None:
        """Forget everything after ``block``; a negative ``block`` forgets everything."""
        with transaction(self._db):
            self._db.execute("DELETE FROM logs WHERE block > ?", (block,))
            self._db.execute("DELETE FROM marks WHERE block > ?", (block,))
            if block >= 0:
                self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (block, block_hash))

    def close(self, *, durable: bool = True) -> None:
        """Close the database; see `close_database`."""
        close_database(self._db, durable=durable)


@dataclass(frozen=True)
class Entry:
    """An operation that the sequencer confirmed.

    Attributes:
        sequence: its place in the sequencer's order.
        hash: its EIP-712 digest, which names it.
        account, token, amount, fee, nonce: as signed; amounts in base units.
        to: the recipient's 20-byte address; None for a withdrawal.
        signature: 64 bytes.
        batch: the number of the batch that holds it, or will.
        dropped: why it was lost again, which only a reorganisation of L1 can do; None while it stands.
    """

    sequence: int
    hash: bytes
    account: int
    to: bytes | None
    token: bytes
    amount: int
    fee: int
    nonce: int
    signature: bytes
    batch: int
    dropped: str | None = None


class Journal:
    """The operations that the sequencer confirmed, in order, and up to which batch it has sealed.

    Every write is on disk when its method returns, and may be called from any thread, one at a time.
    """

    def __init__(self, path: Path | str, rollup: str) -> None:
        self._db = open_database(path, rollup, durable=True, schema=_JOURNAL_SCHEMA)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write new operations."""
        with transaction(self._db):
            self._db.executemany("INSERT INTO operations VALUES (?,?,?,?,?,?,?,?,?,?,?)", map(_row, entries))

    def seal(self, batch: int) -> None:
        """Note that no operation joins ``batch`` or an earlier one any more."""
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('sealed', ?)", (str(batch),))

    def sealed(self) -> int:
        """The last batch that was sealed, 0 if none was."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'sealed'").fetchone()
        return int(row[0]) if row else 0

    def move(self, batches: Iterable[tuple[int, int]], dropped: Iterable[tuple[int, str]]) -> None:
        """Give operations (by sequence) another batch, or the reason why they are lost."""
        with transaction(self._db):
            self._db.executemany(
                "UPDATE operations SET batch = ? WHERE sequence = ?", [(batch, sequence) for sequence, batch in batches]
            )
            self._db.executemany(
                "UPDATE operations SET dropped = ? WHERE sequence = ?",
                [(reason, sequence) for sequence, reason in dropped],
            )

    def standing(self) -> list[Entry]:
        """Every operation that was not dropped, in order."""
        return [
            _entry(row) for row in self._db.execute("SELECT * FROM operations WHERE dropped IS NULL ORDER BY sequence")
        ]

    def find(self, digest: bytes) -> Entry | None:
        """The latest operation of that hash (a dropped one may have been sent again)."""
        row = self._db.execute(
            "SELECT * FROM operations WHERE hash = ? ORDER BY sequence DESC LIMIT 1", (digest,)
        ).fetchone()
        return _entry(row) if row else None

    def next_sequence(self) -> int:
        """The sequence of the next operation."""
        (last,) = self._db.execute("SELECT COALESCE(MAX(sequence), 0) FROM operations").fetchone()
        return int(last) + 1

    def close(self, *, durable: bool = True) -> None:
        """Close the database; see `close_database`."""
        close_database(self._db, durable=durable)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One SQLite transaction: all of it is on disk afterwards, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def open_database(path: Path | str, rollup: str, *, durable: bool, schema: str) -> sqlite3.Connection:
    """Open or create a database that belongs to one rollup.

    Args:
        path: of the file, or ":memory:".
        rollup: names the rollup (chain id and contract), so that no database is used for another one.
        durable: whether a commit waits for the disk.
        schema: SQL that creates what is missing.

    Raises:
        BadInput: the file belongs to another rollup, or cannot be used.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        db.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("INSERT OR IGNORE INTO meta VALUES ('rollup', ?)", (rollup,))
        (owner,) = db.execute("SELECT value FROM meta WHERE key = 'rollup'").fetchone()
        if owner != rollup:
            db.close()
            raise BadInput(f"the database {path} belongs to another rollup ({owner}, not {rollup})")
        db.executescript(schema)
    except sqlite3.Error as error:
        raise BadInput(f"cannot use the database {path}: {error}") from error
    return db


def _log_row(log: L1Log) -> tuple[object, ...]:
    place = (log.block, log.index, log.block_hash, log.timestamp, log.transaction, log.sender)
    content = (log.address, b"".join(log.topics), log.data, log.calldata)
    # Only the last blob goes without its trailing zeros: the others' would be missed.
    blobs = b"".join(blob.ljust(BLOB_SIZE, b"\0") for blob in log.blobs).rstrip(b"\0")
    return (*place, *content, b"".join(log.blob_hashes), blobs)


def _words(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[i : i + 32] for i in range(0, len(data), 32))


def _split_blobs(data: bytes, count: int) -> tuple[bytes, ...]:
    return tuple(data[BLOB_SIZE * i : BLOB_SIZE * (i + 1)].rstrip(b"\0") for i in range(count))


def _row(e: Entry) -> tuple[object, ...]:
    amount, fee = e.amount.to_bytes(16, "big"), e.fee.to_bytes(16, "big")
    return (
        *(e.sequence, e.hash, e.account, e.to, e.token, amount, fee),
        *(e.nonce, e.signature, e.batch, e.dropped),
    )


def _entry(row: tuple[int, bytes, int, bytes | None, bytes, bytes, bytes, int, bytes, int, str | None]) -> Entry:
    amount, fee = int.from_bytes(row[5], "big"), int.from_bytes(row[6], "big")
    return Entry(row[0], row[1], row[2], row[3], row[4], amount, fee, *row[7:])


_COPY_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    block INTEGER, position INTEGER, block_hash BLOB, timestamp INTEGER, txn BLOB, sender BLOB, address BLOB,
    topics BLOB, data BLOB, calldata BLOB, blob_hashes BLOB, blobs BLOB, PRIMARY KEY (block, position));
CREATE TABLE IF NOT EXISTS marks (block INTEGER PRIMARY KEY, block_hash BLOB);
"""

_JOURNAL_SCHEMA = """
CREATE TABLE IF NOT EXISTS operations (
    sequence INTEGER PRIMARY KEY, hash BLOB, account INTEGER, recipient BLOB, token BLOB, amount BLOB, fee BLOB,
    nonce INTEGER, signature BLOB, batch INTEGER, dropped TEXT);
CREATE INDEX IF NOT EXISTS by_hash ON operations (hash);
"""
