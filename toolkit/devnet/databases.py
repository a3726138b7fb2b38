"""The SQLite files in which services keep what they know."""

from __future__ import annotations

import sqlite3

MAIN = (".sqlite", ".db")
"""Endings of databases."""
DATABASES = tuple(kind + end for kind in MAIN for end in ("", "-wal", "-journal", "-shm"))
"""Endings of the files of a database, with those beside one that was not closed."""


def close_database(db: sqlite3.Connection, *, durable: bool = True) -> None:
    """Close a database, with everything in its one file.

    Args:
        durable: whether that outlives a power cut. Where not, it outlives the process all the same, some milliseconds
            sooner: for files that somebody waits to copy or to replace, in a folder that nobody keeps.
    """
    if not durable:
        db.execute("PRAGMA synchronous=OFF")
    db.close()
