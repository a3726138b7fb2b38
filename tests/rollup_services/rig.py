"""A rollup with its services as real processes, on an Anvil of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.bridge.client import deposit_eth
from toolkit.devnet import Account, Chain, Child, Node, RunFolder, dev_accounts, start_anvil
from toolkit.rollup.client import RollupClient
from toolkit.rollup.deploy import RollupContracts, deploy_rollup
from toolkit.toolchain.folders import home

ETHER = 10**18
WINDOW = 7 * 24 * 3600


def compiled_once() -> dict[str, str]:
    """An environment in which Python keeps its bytecode: these tests start some forty processes."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home() / "pycache")}


@dataclass
class Service:
    """A running service."""

    child: Child
    data: Path
    client: RollupClient

    def kill(self) -> None:
        self.child.kill()
        self.client.close()

    def stop(self) -> None:
        self.child.stop()
        self.client.close()

    def log(self) -> str:
        return self.child.log.read_text()


@dataclass
class Rig:
    """A node, a rollup on it, and the means to run its services."""

    folder: RunFolder
    node: Node
    chain: Chain
    contracts: RollupContracts
    accounts: dict[str, Account]
    running: list[Service] = field(default_factory=list)

    @property
    def machine(self) -> bytes:
        return bytes.fromhex(self.contracts.machine.address[2:])

    def config(self, name: str, **changes: Any) -> Path:
        """Write a service's configuration and return its path."""
        entries = {
            "l1_rpc": self.node.url,
            "chain_id": self.node.chain_id,
            "inbox": self.contracts.inbox.address,
            "machine": self.contracts.machine.address,
            "rollup": self.contracts.rollup.address,
            "bridge": self.contracts.bridge.address,
            "deployed_block": self.contracts.block,
            "data": f"{name}-data",
            "poll_seconds": 0.02,
            "batch_seconds": 0.2,
            "batch_data": "calldata",
            "assert_seconds": 0.0,
            "seal_on_demand": True,
            **changes,
        }
        path = self.folder.path / f"{name}.json"
        path.write_text(json.dumps(entries))
        return path

    def spawn(self, role: str, config: Path, *, key: str | None = None) -> Child:
        """Start a service without waiting for it."""
        env = {"L2KIT_KEY": self.accounts[role].key.hex() if key is None else key, **compiled_once()}
        command = [sys.executable, "-m", "toolkit.rollup.service", role, "--config", str(config)]
        return self.folder.start(config.stem, command, env=env)

    def start(self, role: str, name: str | None = None, **changes: Any) -> Service:
        """Start a service and wait until it answers."""
        config = self.config(name or role, **changes)
        data = self.folder.path / f"{name or role}-data"
        (data / "ready.json").unlink(missing_ok=True)
        child = self.spawn(role, config)
        child.wait_until((data / "ready.json").exists, 20.0, "get ready")
        url = json.loads((data / "ready.json").read_text())["url"]
        client = RollupClient(url, chain_id=self.node.chain_id, machine=self.machine)
        self.running.append(Service(child, data, client))
        return self.running[-1]

    def deposit(self, name: str, amount: int) -> None:
        deposit_eth(self.chain, self.contracts.bridge, self.accounts[name], amount)

    def stop_all(self) -> None:
        while self.running:
            self.running.pop().stop()


@contextmanager
def start_rig(start_node: Callable[[RunFolder], Node] = start_anvil, **parameters: Any) -> Iterator[Rig]:
    with RunFolder() as folder:
        node = start_node(folder)
        chain, accounts = Chain(node.url), dev_accounts()
        contracts = deploy_rollup(
            chain, accounts["deployer"], sequencer=accounts["sequencer"].address, challenge_window=WINDOW, **parameters
        )
        rig = Rig(folder, node, chain, contracts, accounts)
        yield rig
        rig.stop_all()
        chain.rpc.close()
        node.stop()
