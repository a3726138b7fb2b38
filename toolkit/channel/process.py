"""Peers and towers as processes of a devnet, and a hold on them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from toolkit.channel.control import Control
from toolkit.devnet.accounts import Account
from toolkit.devnet.process import Child, RunFolder

_READY_SECONDS = 60.0


def launch(folder: RunFolder, name: str, module: str, key: bytes, config: Mapping[str, Any]) -> tuple[Child, Path]:
    """Start a process of the channels' protocol; arguments as of `Process`.

    Returns it, and the file that is there once it answers, with what it said then.
    """
    place = folder.path / name
    place.mkdir(exist_ok=True)
    (place / "config.json").write_text(json.dumps({**config, "data": "."}))
    ready = place / "ready.json"
    ready.unlink(missing_ok=True)  # of one that was killed
    command = [sys.executable, "-m", module, "--config", str(place / "config.json")]
    return folder.start(name, command, env={"L2KIT_KEY": key.hex()}), ready


class Process:
    """A process of the channels' protocol, in a folder of its own.

    Args:
        folder: of the devnet.
        name: of its own folder.
        module: what is run, e.g. "toolkit.channel.service".
        key: 32 bytes, of the party, or of who pays the tower's gas.
        config: what it is told; "data" is its own folder.

    Attributes:
        child: the running process.
        ready: what it said when it answered.

    Raises:
        ServiceError: it does not start.
    """

    def __init__(self, folder: RunFolder, name: str, module: str, key: bytes, config: Mapping[str, Any]) -> None:
        self.folder = folder.path / name
        self.child, ready = launch(folder, name, module, key, config)
        self.child.wait_until(ready.exists, _READY_SECONDS, "answer")
        self.ready: dict[str, Any] = json.loads(ready.read_text())

    def stop(self) -> None:
        """End the process."""
        self.child.stop()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.child.kill()
        self.child.stopped = True


class PeerProcess(Process):
    """The peer of one account, in the folder ``place`` (of its own name where None).

    Attributes:
        account: whose it is.
        control: the owner's connection to it.
    """

    def __init__(
        self, folder: RunFolder, account: Account, config: Mapping[str, Any], place: str | None = None
    ) -> None:
        name = place or f"peer-{account.address}"
        super().__init__(folder, name, "toolkit.channel.service", account.key, config)
        self.account = account
        self.control = Control(self.folder)

    @property
    def address(self) -> str:
        """Where it listens ("host:port")."""
        return f"{self.ready['host']}:{self.ready['port']}"

    def connected(self, channel: bytes) -> None:
        """Wait until the other side of a channel (32-byte id) is connected."""
        self.child.wait_until(lambda: bool(self.control.status(channel)["connected"]), _READY_SECONDS, "connect")

    def stop(self) -> None:
        self.control.close()
        super().stop()

    def kill(self) -> None:
        self.control.close()
        super().kill()


def start_peers(folder: RunFolder, told: Sequence[tuple[Account, Mapping[str, Any]]]) -> list[PeerProcess]:
    """Peers, started at the same time, each with its account and configuration, in fresh folders.

    None can be told where another one listens before that one is there: see `Control.connect`.
    """
    # Not in those of peers before: on a chain that has forgotten blocks, another channel may have the same id.
    place = Path(tempfile.mkdtemp(prefix="peers-", dir=folder.path)).name

    def start(number: int, account: Account, config: Mapping[str, Any]) -> PeerProcess:
        return PeerProcess(folder, account, config, f"{place}/{number}-{account.name[:12]}")

    with ThreadPoolExecutor(len(told)) as threads:
        return [each.result() for each in [threads.submit(start, number, *each) for number, each in enumerate(told)]]


def on_l1(chain_id: int, contract: str, l1_rpc: str, poll_seconds: float = 0.2) -> dict[str, Any]:
    """The part of a process's configuration that says which contract it speaks of (its EIP-55 address)."""
    return {"chain_id": chain_id, "contract": contract, "l1_rpc": l1_rpc, "poll_seconds": poll_seconds}
