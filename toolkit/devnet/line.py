"""A connection to a process of ours at a Unix socket, where a line of JSON is answered by a line of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolkit.devnet.sockets import connected


class Line:
    """Open until `close`.

    Args:
        path: of the socket.
        seconds: how long anything may take.

    Raises (every method):
        OSError: nobody listens there, or there is no answer; a TimeoutError where it takes too long.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._socket = connected(path, seconds)
        self._lines = self._socket.makefile("rb")

    def say(self, do: str, **what: Any) -> None:
        """Send a command, {"do": ...}."""
        self._socket.sendall(json.dumps({"do": do, **what}).encode() + b"\n")

    def hear(self, seconds: float | None = None) -> dict[str, Any] | None:
        """The next answer; None where the other side has ended.

        Args:
            seconds: that it may take, where that is not as for the rest.
        """
        if seconds is not None:
            self._socket.settimeout(seconds)
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            return None
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()
