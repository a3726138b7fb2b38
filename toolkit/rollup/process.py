"""A service of the rollup as a process, in a folder of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.devnet.accounts import Account
from toolkit.devnet.process import Child, RunFolder
from toolkit.rollup.deploy import RollupContracts

_READY_SECONDS = 30.0


class ServiceProcess:
    """The sequencer, the proposer, the verifier or a liquidity provider, started; it answers once `wait` returns.

    Args:
        folder: of the devnet; the service has one of its own in it.
        role: of `service.ROLES`.
        contracts: of the rollup.
        node: URL of the L1 node.
        chain_id: of L1.
        account: whose key it signs with; None for who signs nothing.
        config: what it is told beside these, by the names of `Config`.
        name: of the process, its folder and its log, where it is not the role.

    Attributes:
        child: the process, with its log.
        ready: the file that is there once it answers, with its "url" and "pid".
    """

    def __init__(
        self,
        folder: RunFolder,
        role: str,
        contracts: RollupContracts,
        node: str,
        chain_id: int,
        account: Account | None,
        config: Mapping[str, Any],
        *,
        name: str | None = None,
    ) -> None:
        data: Path = folder.path / (name or role)
        data.mkdir(exist_ok=True)
        known = {
            "l1_rpc": node,
            "chain_id": chain_id,
            "deployed_block": contracts.block,
            "inbox": contracts.inbox.address,
            "machine": contracts.machine.address,
            "rollup": contracts.rollup.address,
            "bridge": contracts.bridge.address,
            "dispute": contracts.dispute.address,
            "data": ".",
        }
        (data / "config.json").write_text(json.dumps({**known, **config}))
        command = [sys.executable, "-m", "toolkit.rollup.service", role, "--config", str(data / "config.json")]
        key = {} if account is None else {"L2KIT_KEY": account.key.hex()}
        self.ready = data / "ready.json"
        self.ready.unlink(missing_ok=True)  # of one before it that was killed
        self.child: Child = folder.start(name or role, command, env=key)

    def wait(self) -> str:
        """Wait until it answers; returns its JSON-RPC URL. Raises ServiceError where it does not."""
        self.child.wait_until(self.ready.exists, _READY_SECONDS, "answer")
        url: str = json.loads(self.ready.read_text())["url"]
        return url
