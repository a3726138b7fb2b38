"""Unix sockets of the owner's alone, wherever they lie: a system takes 104 bytes of a path at most (108 on Linux)."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOST_BYTES = 100
_SHORT = "/tmp"
"""Where no path is long; the folder for temporary files may be anywhere."""


def bound(path: Path) -> socket.socket:
    """A socket at ``path``, in place of what was there, to which nobody else can connect (mode 0600).

    Raises:
        OSError: it cannot be there.
    """
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    old_mask = os.umask(0o177)
    try:
        with _short(path) as name:
            door.bind(name)
    except BaseException:
        door.close()
        raise
    finally:
        os.umask(old_mask)
    return door


def connected(path: Path, seconds: float) -> socket.socket:
    """A connection to who listens at ``path``; nothing on it may take longer than ``seconds``.

    Raises:
        OSError: nobody does.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(seconds)
    try:
        with _short(path) as name:
            line.connect(name)
    except BaseException:
        line.close()
        raise
    return line


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the same place that the system takes."""
    if len(os.fsencode(path)) <= _MOST_BYTES:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="l2s-", dir=_SHORT) as folder:
        there = Path(folder, "d")
        there.symlink_to(path.parent.absolute())
        try:
            yield str(there / path.name)
        finally:
            there.unlink()
