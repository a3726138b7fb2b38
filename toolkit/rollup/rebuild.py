"""The rollup restored from L1 alone, by anybody, at once: no service, no database, nobody to ask but a node of L1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.devnet.l1 import L1
from toolkit.errors import NodeError
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import Contracts, load_contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.store import L1Copy, L1Log
from toolkit.rollup.watcher import follow

if TYPE_CHECKING:
    from toolkit.rollup.deploy import RollupContracts

LOOKS = 5
"""How often L1 is looked at again where it changes meanwhile."""


@dataclass(frozen=True)
class Source:
    """Where a rollup is on L1.

    Attributes:
        l1_rpc: URL of a node.
        chain_id: of L1.
        addresses: of the contracts by the names of `Config`: inbox, machine, rollup, bridge, dispute (EIP-55 text).
        block: the first with anything of it.
    """

    l1_rpc: str
    chain_id: int
    addresses: dict[str, str]
    block: int = 0

    @staticmethod
    def of(contracts: RollupContracts, l1_rpc: str, chain_id: int) -> Source:
        """Where a rollup is that was deployed from here."""
        names = ("inbox", "machine", "rollup", "bridge", "dispute")
        addresses = {name: getattr(contracts, name).address for name in names}
        return Source(l1_rpc, chain_id, addresses, contracts.block)

    @property
    def config(self) -> Config:
        """The same, as services are told it."""
        inbox, machine, rollup, bridge, dispute = (
            bytes.fromhex(self.addresses[name][2:]) for name in ("inbox", "machine", "rollup", "bridge", "dispute")
        )
        return Config(self.l1_rpc, self.chain_id, inbox, machine, rollup, bridge, dispute, Path(), self.block)


@dataclass(frozen=True)
class Fetched:
    """Everything that L1 holds of a rollup.

    Attributes:
        contracts: the rollup.
        logs: of its contracts in L1's order, with the calldata and the blobs of its batches.
        block: up to which that is.
    """

    contracts: Contracts
    logs: Sequence[L1Log]
    block: int

    def replica(self, derive: Callable[[Contracts], Replica] = Replica) -> Replica:
        """The rollup derived from it; ``derive`` is another one for who wants to know what somebody else makes of it.

        Raises:
            ProtocolError: the logs contradict each other, so something is wrong with the node.
        """
        replica = derive(self.contracts)
        replica.add_all(self.logs)
        return replica


def fetch(source: Source) -> Fetched:
    """Read everything that L1 holds of a rollup.

    Raises:
        BadInput: there is no such rollup.
        NodeError, RpcError: the node does not answer, or changes its mind again and again.
        ProtocolError: what the node says contradicts itself.
    """
    return asyncio.run(_fetch(source))


async def _fetch(source: Source) -> Fetched:
    config = source.config
    l1 = L1(config.l1_rpc)
    try:
        contracts = await load_contracts(l1, config)
        copy = L1Copy(":memory:", contracts.name)
        follower = follow(l1, copy, contracts, config.deployed_block)
        for _ in range(LOOKS):
            await follower.step()
            if (head := copy.head()) is not None:
                fetched = Fetched(contracts, list(copy.logs()), head[0])
                copy.close()
                return fetched
        raise NodeError(f"L1 at {l1.shown} changed while it was read, {LOOKS} times")
    finally:
        l1.close()
