"""Peer processes on real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from toolkit.channel.control import Control
from toolkit.channel.state import Channel

from .people import CHAIN_ID, CONTRACT, DEPOSITS


class Process:
    """One peer process and its owner's connection."""

    def __init__(
        self, folder: Path, key: bytes, channel: Channel, *, port: int = 0, peer: str | None = None, **settings: Any
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "ready.json").unlink(missing_ok=True)
        one = {"channel": "0x" + channel.encode().hex(), "deposits": list(DEPOSITS), "peer": peer}
        config = {"chain_id": CHAIN_ID, "contract": "0x" + CONTRACT.hex(), "data": ".", "port": port, "channels": [one]}
        (folder / "config.json").write_text(json.dumps({**config, **settings}))
        self.folder = folder
        self.channel = channel
        self.log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "toolkit.channel.service", "--config", str(folder / "config.json")],
            env={**os.environ, "L2KIT_KEY": key.hex()},
            stdout=self.log,
            stderr=self.log,
        )
        wait_for(lambda: (folder / "ready.json").exists() or self._process.poll() is not None)
        assert self._process.poll() is None, (folder / "log").read_text()
        self.port = int(json.loads((folder / "ready.json").read_text())["port"])
        self.control = Control(folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def status(self) -> dict[str, Any]:
        return self.control.status(self.channel.id)

    def pay(self, *amounts: int) -> int:
        return self.control.pay(self.channel.id, amounts)

    def connected(self) -> None:
        wait_for(lambda: bool(self.status()["connected"]))

    def kill(self) -> None:
        """kill -9"""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        self.control.close()
        if self._process.poll() is None:
            self._process.send_signal(number)
        self.log.close()
        return self._process.wait(10)


def wait_for(condition: Any, seconds: float = 120.0) -> None:
    """Await a condition; a busy Anvil may leave a transaction in its pool until it is replaced, after 30 s."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
