"""The rollup restored from L1 alone, by anybody, at once: no service, no database, nobody to ask but a node of L1."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.devnet.l1 import L1, hex_of
from toolkit.errors import BadInput, L2KitError, NodeError
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import Contracts, load_contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.service import READY_FILE
from toolkit.rollup.store import L1Copy, L1Log
from toolkit.rollup.watcher import follow

if TYPE_CHECKING:
    from toolkit.rollup.deploy import RollupContracts

_CONTRACTS = {
    "inbox": "Inbox", "machine": "PaymentsMachine", "rollup": "Rollup", "bridge": "Bridge", "dispute": "Dispute",
}  # fmt: skip
_DATABASES = ("l1.sqlite", "journal.sqlite")
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


class Differs(L2KitError):
    """What was restored is not what L1 says of it."""


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


@dataclass(frozen=True)
class Restored:
    """What came back from L1.

    Attributes:
        replica: the state with its whole history.
        block: of L1, up to which that is.
        reading_seconds, deriving_seconds: that it took.
    """

    replica: Replica
    block: int
    reading_seconds: float
    deriving_seconds: float

    def check(self) -> list[str]:
        """Compare with what L1 says; returns what was found to be so, in sentences.

        Raises:
            Differs: L1 has confirmed another state, or all that is asserted is another.
        """
        replica, facts = self.replica, []
        confirmed = replica.assertions.get(replica.confirmed)
        if confirmed is not None and not confirmed.agree:
            raise Differs(
                f"L1 has confirmed the machine hash {hex_of(confirmed.machine_hash)} after batch {confirmed.batch}, "
                f"but its data gives {hex_of(confirmed.derived)}"
            )
        batch = replica.batch_of(replica.confirmed)
        facts.append(f"the state after batch {batch} is the one that L1 has confirmed")
        pending = list(replica.pending.values())
        right = [each for each in pending if each.agree]
        if pending and not right:
            raise Differs(
                f"L1 holds {len(pending)} assertions that are not confirmed, and its data gives none of them; "
                f"the last says {hex_of(pending[-1].machine_hash)} after batch {pending[-1].batch}"
            )
        if right:
            last = max(right, key=lambda each: each.batch)
            facts.append(f"the state after batch {last.batch} is the one that is asserted")
        facts += [f"an assertion about batch {each.batch} is wrong" for each in pending if not each.agree]
        return facts

    def as_json(self) -> dict[str, Any]:
        """What came back, in numbers. Hashes are 0x-hex, times are seconds."""
        replica = self.replica
        last, posted = replica.derived[-1], replica.history.posted
        return {
            "l1_block": self.block,
            "batches": last.batch,
            "batches_in_blobs": sum(bool(each.batch.blobs) for each in posted),
            "records": replica.records,
            "records_without_effect": replica.refused,
            "messages": sum(len(each.batch.messages) for each in posted),
            "accounts": len(replica.state.accounts),
            "withdrawals": last.withdrawals,
            "assertions": len(replica.assertions),
            "disputes": len(replica.disputes.all),
            "confirmed_batch": replica.batch_of(replica.confirmed),
            "accumulator": hex_of(last.accumulator),
            "outbox_root": hex_of(last.outbox_root),
            "machine_hash": hex_of(last.machine_hash),
            "reading_seconds": round(self.reading_seconds, 3),
            "deriving_seconds": round(self.deriving_seconds, 3),
        }


def restore(source: Source) -> Restored:
    """State and history from L1 alone. Raises as `fetch` and `Fetched.replica`."""
    began = time.perf_counter()
    fetched = fetch(source)
    read = time.perf_counter()
    replica = fetched.replica()
    return Restored(replica, fetched.block, read - began, time.perf_counter() - read)


def read_devnet(file: Path) -> tuple[Source, Path | None]:
    """Where the rollup is that `l2kit up` describes in a file, and the folder of its services, if there is one.

    Raises:
        BadInput: the file is not such a description.
    """
    try:
        found = json.loads(file.read_text())
        contracts = found["contracts"]
        addresses = {name: str(contracts[key]) for name, key in _CONTRACTS.items()}
        for address in addresses.values():
            bytes.fromhex(address[2:])
        l1, folder = found["l1"], found.get("folder")
        source = Source(str(l1["rpc"]), int(l1["chain_id"]), addresses, int(l1.get("deployed_block", 0)))
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} does not describe a devnet as l2kit up does: {error!r}") from error
    return source, None if folder is None else Path(str(folder))


def databases(folder: Path) -> list[Path]:
    """The files of the services' databases under a devnet's folder, and no others that may be there."""
    return sorted(
        file
        for name in _DATABASES
        for ending in ("", "-wal", "-shm")
        for file in folder.glob(f"*/{name}{ending}")
        if file.is_file()
    )


def delete_databases(folder: Path) -> list[Path]:
    """Delete every database of the services under a devnet's folder; returns the files that were there.

    What a sequencer had promised and not posted is lost with it.
    """
    deleted = databases(folder)
    for file in deleted:
        file.unlink()
    return deleted


def find(source: Source) -> None:
    """Look whether the rollup is there at all. Raises as `fetch` where it is not."""

    async def look() -> None:
        l1 = L1(source.l1_rpc)
        try:
            await load_contracts(l1, source.config)
        finally:
            l1.close()

    asyncio.run(look())


def running_services(folder: Path) -> list[str]:
    """The services under a devnet's folder whose processes still run."""
    found = []
    for file in sorted(folder.glob(f"*/{READY_FILE}")):
        try:
            os.kill(int(json.loads(file.read_text())["pid"]), 0)
        except (OSError, ValueError, KeyError):
            continue
        found.append(file.parent.name)
    return found


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
