"""How fast the rollup's off-chain halves are, beside how fast this machine signs and recovers; and what L1 charges."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.bridge.client import deposit_eth
from toolkit.crypto import recover
from toolkit.devnet.accounts import USERS, Account, dev_accounts
from toolkit.devnet.chain import Chain
from toolkit.devnet.nodes import Node, check_blobs, start_anvil, start_hardhat
from toolkit.devnet.process import Child, RunFolder
from toolkit.errors import ProtocolError
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.deploy import RollupContracts, deploy_rollup
from toolkit.rollup.measure.data_cost import KINDS, SIZES, DataCost, data_costs
from toolkit.rollup.measure.step_cost import DEPTHS, StepCost, step_cost
from toolkit.rollup.operations import Transfer, rollup_domain
from toolkit.rollup.process import ServiceProcess

ETHER = 10**18
_DEPOSIT = 10 * ETHER
_PATIENCE_SECONDS = 3600.0
_WINDOW = 7 * 24 * 3600
_FIRST = 1  # transfer that makes everything ready


@dataclass(frozen=True)
class Rates:
    """Speeds, all in transfers a second.

    Attributes:
        transfers_per_second: through the sequencer's HTTP API, each signed by an ordinary wallet (EIP-712), verified,
            and on the sequencer's disk before it counts; they were signed beforehand.
        rederive_per_second: applied by a verifier with an empty database to L1's logs: signatures verified, roots
            compared with an assertion on L1.
        rederive_with_start_per_second: the same from the start of its process on, which loads Python and reads L1.
        sign_per_second, recover_per_second: of this machine, one core, in the same run.
    """

    transfers_per_second: float
    rederive_per_second: float
    rederive_with_start_per_second: float
    sign_per_second: float
    recover_per_second: float


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        transfers: how many were sent.
        batch_data: how their batches went to L1.
        rates: how fast.
        data: what transfers cost as data on L1.
        steps: what one step costs on L1.
    """

    transfers: int
    batch_data: str
    rates: Rates
    data: Sequence[DataCost]
    steps: Sequence[StepCost]

    def as_json(self) -> dict[str, Any]:
        """By name, rounded."""
        return {
            "transfers": self.transfers,
            "batch_data": self.batch_data,
            **{name: round(value, 1) for name, value in vars(self.rates).items()},
            "data": [each.as_json() for each in self.data],
            "step_gas_by_depth": {str(each.depth): each.gas for each in self.steps},
            "step_transaction_gas_by_depth": {str(each.depth): each.transaction_gas for each in self.steps},
        }


def measure(
    transfers: int,
    clients: int,
    batch_data: str = "calldata",
    step: Callable[[str], None] = lambda what: None,
    *,
    node: str = "anvil",
) -> Report:
    """Send transfers through a sequencer to L1, derive them again from there, and see what L1 charges.

    Args:
        transfers: how many; as data, up to as many.
        clients: processes that send them, each of accounts of its own; at most as many as there are users.
        batch_data: "calldata", "blobs" or "auto", as of `Config`.
        step: is told what goes on.
        node: "anvil", or "hardhat", of which no blobs can be had back: they are left out.

    Raises:
        BadInput: the node does not give blobs back, and all shall go in them.
    """
    if batch_data == "blobs":
        check_blobs(node)
    step("signing and recovering")
    signs, recovers = machine()
    with RunFolder() as folder:
        step("starting a node and a sequencer")
        rig = _Rig(folder, batch_data, node)
        try:
            step(f"signing {transfers:,} transfers")
            sent = rig.send(transfers, min(clients, transfers), step)
            step("asserting the state on L1")
            rig.bring_to_l1()
            step(f"deriving {transfers:,} transfers from L1")
            pure, whole = rig.derive(transfers)
            data, steps = rig.costs([size for size in SIZES if size <= transfers], step)
        finally:
            rig.close()
    return Report(transfers, batch_data, Rates(sent, pure, whole, signs, recovers), data, steps)


def machine(count: int = 2_000) -> tuple[float, float]:
    """Transfers signed and signers recovered a second, on one core, digests included."""
    key, domain = b"\x01" * 32, rollup_domain(31337, bytes(20))
    operations = [Transfer(0, bytes(20), ETH, 1, 0, nonce) for nonce in range(count)]
    began = time.perf_counter()
    signatures = [operation.sign(domain, key) for operation in operations]
    signed = time.perf_counter()
    for operation, signature in zip(operations, signatures, strict=True):
        recover(operation.digest(domain), signature)
    recovered = time.perf_counter()
    return count / (signed - began), count / (recovered - signed)


class _Rig:
    """A node, a rollup on it, and its sequencer, with money on every user's account."""

    def __init__(self, folder: RunFolder, batch_data: str, node: str) -> None:
        self._folder, self._last = folder, list[bytes]()
        self._accounts = dev_accounts()
        self._node: Node = start_anvil(folder) if node == "anvil" else start_hardhat(folder)
        self._chain = Chain(self._node.url)
        self._contracts: RollupContracts = deploy_rollup(
            self._chain,
            self._accounts["deployer"],
            sequencer=self._accounts["sequencer"].address,
            challenge_window=_WINDOW,
        )
        self._sequencer = self._start("sequencer", self._accounts["sequencer"], {"batch_data": batch_data})
        for name in USERS:
            deposit_eth(self._chain, self._contracts.bridge, self._accounts[name], _DEPOSIT)
        client = self._sequencer.client
        for name in USERS:
            client.wait_for_balance(self._accounts[name].address_bytes, _DEPOSIT)
        # The first batch of its kind takes seconds: the sequencer and the node load what they need for blobs.
        first = client.transfer(self._accounts[USERS[0]], self._accounts[USERS[1]].address_bytes, 10**9)
        client.wait_for_post(first.hash, seconds=_PATIENCE_SECONDS)

    def send(self, transfers: int, clients: int, step: Callable[[str], None]) -> float:
        """Send transfers; how many were confirmed a second."""
        counts = [transfers // clients + (number < transfers % clients) for number in range(clients)]
        loads = [_Load(self._folder, number, self._job(number, clients, count)) for number, count in enumerate(counts)]
        for load in loads:
            load.wait("signed", _PATIENCE_SECONDS)
        step(f"{transfers:,} transfers through the sequencer")
        for load in loads:
            load.go()
        found = [load.result() for load in loads]
        confirmed = sum(each["confirmed"] for each in found)
        if confirmed != transfers:
            raise ProtocolError(f"of {transfers} transfers the sequencer confirmed {confirmed}")
        self._last = [bytes.fromhex(each["last"][2:]) for each in found]
        seconds: float = max(each["ended"] for each in found) - min(each["began"] for each in found)
        return transfers / seconds

    def bring_to_l1(self) -> None:
        """Wait until the last transfer is on L1, and the state after it asserted there."""
        client = self._sequencer.client
        batch = max(client.wait_for_post(last, seconds=_PATIENCE_SECONDS).batch or 0 for last in self._last)
        self._sequencer.stop()
        proposer = self._start("proposer", self._accounts["proposer"], {})
        _wait(proposer.client, lambda status: status["assertedBatch"] >= batch)
        proposer.stop()

    def derive(self, transfers: int) -> tuple[float, float]:
        """Transfers derived again a second: while deriving, and from the start of the verifier's process."""
        began = time.monotonic()
        verifier = self._start("verifier", None, {})
        status = _wait(verifier.client, lambda status: status["assertedBatch"] == status["batches"] > 0)
        seconds = time.monotonic() - began
        verifier.stop()
        if status["disagreed"] or not status["agreed"] or status["records"] != transfers + _FIRST:
            raise ProtocolError(f"the verifier does not derive what was sent and asserted: {status}")
        return transfers / status["secondsDeriving"], transfers / seconds

    def costs(self, sizes: Sequence[int], step: Callable[[str], None]) -> tuple[list[DataCost], list[StepCost]]:
        """What transfers cost as data, and what a step costs."""
        data, steps = list[DataCost](), list[StepCost]()
        for kind in KINDS if self._chain.gives_blobs() else ["calldata"]:
            step(f"transfers as {kind} on L1")
            data += data_costs(self._chain, self._accounts, [kind], sizes)
        for depth in DEPTHS:
            step(f"a step in a tree of depth {depth} on L1")
            steps.append(step_cost(self._chain, self._accounts, depth))
        return data, steps

    def close(self) -> None:
        """End what the folder does not."""
        self._chain.rpc.close()
        self._node.stop()

    def _start(self, role: str, account: Account | None, config: dict[str, Any]) -> _Service:
        process = ServiceProcess(
            self._folder, role, self._contracts, self._node.url, self._chain.chain_id, account, config
        )
        machine_address = bytes.fromhex(self._contracts.machine.address[2:])
        return _Service(process, RollupClient(process.wait(), chain_id=self._chain.chain_id, machine=machine_address))

    def _job(self, number: int, clients: int, transfers: int) -> dict[str, Any]:
        users = [self._accounts[name] for name in USERS]
        return {
            "url": self._sequencer.client.url,
            "chain_id": self._chain.chain_id,
            "machine": self._contracts.machine.address,
            "transfers": transfers,
            "payers": [user.key.hex() for user in users[number::clients]],
            "payees": [user.address for user in reversed(users)],
        }


@dataclass(frozen=True)
class _Service:
    """A running service, and a connection to it."""

    process: ServiceProcess
    client: RollupClient

    def stop(self) -> None:
        self.client.close()
        self.process.child.stop()


class _Load:
    """A process that sends transfers (``load.py``)."""

    def __init__(self, folder: RunFolder, number: int, job: dict[str, Any]) -> None:
        self._job: Path = folder.path / f"load-{number}.json"
        self._job.touch(0o600)
        self._job.write_text(json.dumps(job))
        command = [sys.executable, "-m", "toolkit.rollup.measure.load", str(self._job)]
        self._child: Child = folder.start(f"load-{number}", command)

    def wait(self, what: str, seconds: float) -> None:
        self._child.wait_until(self._job.with_suffix(f".{what}").exists, seconds, "finish")

    def go(self) -> None:
        self._job.with_suffix(".go").touch()

    def result(self) -> dict[str, Any]:
        self.wait("done", _PATIENCE_SECONDS)
        found: dict[str, Any] = json.loads(self._job.with_suffix(".done").read_text())
        self._child.stop()
        return found


def _wait(client: RollupClient, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    status = client.status()

    def there() -> bool:
        nonlocal status
        status = client.status()
        return ready(status)

    client.wait_until(there, "the batches to be derived and asserted", _PATIENCE_SECONDS)
    return status
