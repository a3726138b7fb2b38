"""Peers' stores on another machine, or beside where they came from: where each listens, and finds the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from toolkit.channel.book import SCHEMA
from toolkit.devnet.nodes import check_port, free_port
from toolkit.errors import BadInput

_HERE = "127.0.0.1"


def move(stores: Sequence[Path]) -> None:
    """Give every peer of a devnet a free port, the one that it had if possible, and tell the others.

    Who is none of these peers is not looked for any more.

    Args:
        stores: the files of all its peers; no process uses them.

    Raises:
        BadInput: one is no such file.
    """
    ports: dict[object, int] = {}
    for store in stores:
        with _opened(store) as db:
            for (port,) in db.execute("SELECT port FROM listening").fetchall():
                ports[port] = port if _is_free(port) and port not in ports.values() else free_port()
    for store in stores:
        with _opened(store) as db:
            _move(db, ports)


def _move(db: sqlite3.Connection, ports: Mapping[object, int]) -> None:
    found = db.execute("SELECT port FROM listening").fetchall()
    db.execute("DELETE FROM listening")
    db.executemany("INSERT INTO listening VALUES (?)", [(ports[port],) for (port,) in found])
    contacts = db.execute("SELECT channel, port FROM contact").fetchall()
    db.execute("DELETE FROM contact")
    known = [(channel, _HERE, ports[port]) for channel, port in contacts if port in ports]
    db.executemany("INSERT INTO contact VALUES (?,?,?)", known)
    openings = db.execute("SELECT number, block, time, port FROM opening").fetchall()
    db.execute("DELETE FROM opening")
    under_way = [(*what, _HERE, ports[port]) for *what, port in openings if port in ports]
    db.executemany("INSERT INTO opening VALUES (?,?,?,?,?)", under_way)


@contextmanager
def _opened(store: Path) -> Iterator[sqlite3.Connection]:
    """A store in one transaction."""
    try:
        with closing(sqlite3.connect(store)) as db:
            db.executescript(SCHEMA)
            with db:
                yield db
    except sqlite3.Error as error:
        raise BadInput(f"{store.name} of {store.parent.name} is no store of a channel peer: {error}") from error


def _is_free(port: object) -> bool:
    try:
        check_port(port if isinstance(port, int) else 0)
    except BadInput:
        return False
    return True
