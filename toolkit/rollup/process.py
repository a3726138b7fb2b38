"""A service of the rollup as a process, in a folder of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from toolkit.devnet.accounts import Account
from toolkit.devnet.process import RunFolder
from toolkit.rollup.client import RollupClient
from toolkit.rollup.deploy import RollupContracts

_READY_SECONDS = 60.0


class ServiceProcess:
    """The sequencer, the proposer or the verifier of a rollup, started and answering.

    Args:
        folder: of the devnet; the service's own is named after its role.
        role: of `service.ROLES`.
        contracts: of the rollup.
        node: URL of the L1 node.
        chain_id: of L1.
        key: whose key it signs with; None for the verifier, who signs nothing.
        config: beside these, by the names of `Config`.

    Attributes:
        child: the running process.
        client: a connection to it.

    Raises:
        ServiceError: it does not start.
    """

    def __init__(
        self,
        folder: RunFolder,
        role: str,
        contracts: RollupContracts,
        node: str,
        chain_id: int,
        key: Account | None,
        config: Mapping[str, Any],
    ) -> None:
        data = folder.path / role
        data.mkdir()
        addresses = {name: getattr(contracts, name).address for name in ("inbox", "machine", "rollup", "bridge")}
        where = {"l1_rpc": node, "chain_id": chain_id, "deployed_block": contracts.block, "data": "."}
        (data / "config.json").write_text(json.dumps({**where, **addresses, **config}))
        command = [sys.executable, "-m", "toolkit.rollup.service", role, "--config", str(data / "config.json")]
        self.child = folder.start(role, command, env={} if key is None else {"L2KIT_KEY": key.key.hex()})
        ready = data / "ready.json"
        self.child.wait_until(ready.exists, _READY_SECONDS, "answer")
        machine = bytes.fromhex(contracts.machine.address[2:])
        self.client = RollupClient(json.loads(ready.read_text())["url"], chain_id=chain_id, machine=machine)

    def stop(self) -> None:
        """End the process."""
        self.client.close()
        self.child.stop()
