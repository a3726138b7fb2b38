"""How the owner of a peer process speaks to it: lines of JSON over the Unix socket in its data folder.

    {"do": "status", "channel": "0x..."}
    {"do": "pay", "channel": "0x...", "amounts": [units, ...]}    answered once all are acknowledged
    {"do": "close", "channel": "0x...", "expiry": unix time}      answered with the other party's signature of the Close

An answer is one line, with "error" where it failed. The socket is the owner's alone (mode 0600), so it needs no
password.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import ServiceError


class Control:
    """A connection to a peer process of ours.

    Args:
        data: the process's data folder.
        seconds: how long an answer may take.

    Raises (every method):
        ServiceError: the process does not answer, or refuses; the message says why.
    """

    def __init__(self, data: Path, seconds: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        try:
            self._socket.connect(str(data / "control.sock"))
        except OSError as error:
            self._socket.close()
            raise ServiceError(f"no channel peer answers in {data}: {error}") from error
        self._lines = self._socket.makefile("rb")

    def status(self, channel: bytes) -> dict[str, Any]:
        """What the peer knows of the channel (32-byte id)."""
        return self._ask({"do": "status", "channel": "0x" + channel.hex()})

    def pay(self, channel: bytes, amounts: Sequence[int]) -> int:
        """Pay ``amounts`` (units) one after the other; returns the last one's nonce once all are acknowledged."""
        return int(self._ask({"do": "pay", "channel": "0x" + channel.hex(), "amounts": list(amounts)})["nonce"])

    def agree_to_close(self, channel: bytes, expiry: int) -> tuple[int, bytes]:
        """Net transfer and the other party's 64-byte signature of a Close that is good until ``expiry`` (Unix time)."""
        answer = self._ask({"do": "close", "channel": "0x" + channel.hex(), "expiry": expiry})
        return int(answer["net"]), bytes.fromhex(answer["signature"][2:])

    def close(self) -> None:
        """End the connection; the process goes on."""
        self._lines.close()
        self._socket.close()

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(command).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise ServiceError(f"the channel peer did not answer {command['do']}: {error}") from error
        if not line:
            raise ServiceError(f"the channel peer ended before it answered {command['do']}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ServiceError(str(answer["error"]))
        return answer
