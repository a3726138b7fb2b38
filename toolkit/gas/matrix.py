"""The gas lab's matrix: the same payments by every technique, at several sizes, on one devnet.

Each cell begins from one snapshot of L1, taken right after the deployment, so that neither their order nor a stop
changes what they show. The rollup's services are started anew for each of its cells, and so are the channels' peers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

from toolkit.channel.hub import HubTechnique
from toolkit.channel.technique import ChannelTechnique
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain
from toolkit.devnet.process import RunFolder
from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Cell, Timing, Usage
from toolkit.gas.checkpoint import Checkpoint
from toolkit.gas.l1 import L1BatchPay, L1Erc20, L1Eth
from toolkit.rollup.technique import RollupTechnique
from toolkit.technique.meter import Meter
from toolkit.technique.protocol import PHASES, Cost, Listener, Run, Technique, run
from toolkit.technique.workload import ETHER, MARGIN, Workload
from toolkit.world import Devnet

TIMES_NEEDED = 5
"""How often a stand-in gets what it needs, who may carry the payments by one technique after the other."""
FEES = 10 * ETHER
"""What a stand-in gets for its L1 fees (wei)."""
STAND_INS_MOST = 8_000 * ETHER
"""What all stand-ins together may need (wei)."""
ROLLUPS = {"rollup-calldata": "calldata", "rollup-blobs": "blobs"}
"""The techniques that need the rollup's services, and how their batches go to L1."""

Build = Callable[[Meter, Workload, RunFolder], Technique]


def builders(devnet: Devnet) -> dict[str, Build]:
    """What makes each technique that the devnet's node can carry, by its key, in the order of `TECHNIQUES`.

    The folder that it is given is for what it starts. A new technique is made here, and nowhere else in the lab.
    """
    contracts = devnet.contracts
    channels = contracts["PaymentChannels"].address
    found: dict[str, Build] = {
        "l1-eth": lambda meter, workload, _: L1Eth(meter, workload),
        "l1-erc20": lambda meter, workload, _: L1Erc20(meter, workload, contracts["Token"]),
        "channel": lambda meter, workload, folder: ChannelTechnique(meter, workload, channels, folder),
        "hub": lambda meter, workload, folder: HubTechnique(meter, workload, channels, folder, _hub(devnet, workload)),
    }
    if "BatchPay" in contracts:
        found["batch-pay"] = lambda meter, workload, _: L1BatchPay(meter, workload, contracts["BatchPay"])
    for key, batch_data in ROLLUPS.items():
        if batch_data != "blobs" or devnet.l1.gives_blobs():
            found[key] = _rollup(devnet, batch_data)
    return {key: found[key] for key in TECHNIQUES if key in found}


def _hub(devnet: Devnet, workload: Workload) -> Account:
    """The hub's account, with what it must lock and L1's fees."""
    hub = Account("hub", keccak256(b"l2kit hub"))
    devnet.l1.send(devnet.accounts["deployer"], to=hub.address, value=HubTechnique.locked(workload) + FEES)
    return hub


def _rollup(devnet: Devnet, batch_data: str) -> Build:
    return lambda meter, workload, _: RollupTechnique(meter, workload, devnet.access, batch_data)


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        workload: at its greatest size; every other is a prefix.
        sizes: payments of each.
        techniques: keys of `TECHNIQUES`; all that the node can carry where None.

    Raises:
        BadInput: no sizes, one beyond the workload, one twice, or no such technique.
    """

    workload: Workload
    sizes: Sequence[int]
    techniques: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not self.sizes or len(set(self.sizes)) < len(self.sizes):
            raise BadInput(f"the sizes {', '.join(map(str, self.sizes)) or '(none)'} are not one or more, each once")
        for size in self.sizes:
            self.workload.prefix(size)
        for key in self.techniques or ():
            if key not in TECHNIQUES:
                raise BadInput(f"there is no technique {key!r}; there are {', '.join(TECHNIQUES)}")

    def chosen(self, possible: Mapping[str, Build]) -> list[str]:
        """The techniques to measure. Raises BadInput where one is asked for that the node cannot carry."""
        for key in self.techniques or ():
            if key not in possible:
                raise BadInput(f"this node cannot carry {key} ({TECHNIQUES[key]}); it can {', '.join(possible)}")
        return [key for key in possible if self.techniques is None or key in self.techniques]


@dataclass(frozen=True)
class Progress:
    """Where a matrix is.

    Attributes:
        done: cells that are finished, those of an earlier run included.
        of: cells in all.
        technique, payments: the cell that is next; in the end, the last one.
        kept: whether that cell is finished since an earlier run.
    """

    done: int
    of: int
    technique: str
    payments: int
    kept: bool


class Matrix:
    """Measures a plan's cells on a devnet that runs and has no services of its own.

    Attributes:
        deployment: gas that each contract's deployment used, by the contract's name.
        techniques: the keys of those that are measured.
    """

    def __init__(self, devnet: Devnet, plan: Plan) -> None:
        """Deploy what else is needed, and give stand-ins their money.

        Raises:
            BadInput: a technique cannot be carried here, or the stand-ins need more than there is.
        """
        self._devnet, self._plan = devnet, plan
        deployed, receipt = devnet.l1.deploy(devnet.accounts["deployer"], "BatchPay")
        devnet.contracts["BatchPay"] = deployed
        self.deployment = {**devnet.deployment, "BatchPay": receipt["gasUsed"]}
        self._builders = builders(devnet)
        self.techniques = plan.chosen(self._builders)
        prepare(devnet, plan.workload)
        if "rollup-blobs" in self.techniques:
            devnet.l1.prepare_for_blobs()

    def cells(
        self,
        checkpoint: Checkpoint,
        tell: Callable[[Progress], None] = lambda progress: None,
        listen: Listener = lambda run, phase: None,
    ) -> Iterator[Cell]:
        """Every cell, the small workloads first; each is kept before it is given.

        Args:
            checkpoint: has those that are finished already.
            tell: hears of each cell before it is measured.
            listen: hears of every phase of every technique.

        Raises:
            CheckFailed: a balance is not what it must be.
        """
        every = [(key, size) for size in self._plan.sizes for key in self.techniques]
        for done, (key, size) in enumerate(every):
            name = f"{self._devnet.hardfork} {key} {size}"
            kept = checkpoint.kept.get(name)
            tell(Progress(done, len(every), key, size, kept is not None))
            if kept is None:
                kept = self._measure(key, self._plan.workload.prefix(size), listen).as_json()
                checkpoint.keep(name, kept)
            yield Cell.from_json(kept)
        if every:
            tell(Progress(len(every), len(every), *every[-1], kept=True))

    def alone(self, measure: Callable[[], dict[str, int]]) -> dict[str, int]:
        """What ``measure`` gives on L1 as it is at the beginning of each cell; what it does there is undone."""
        snapshot = self._devnet.node.snapshot()
        try:
            return measure()
        finally:
            self._devnet.node.revert(snapshot)

    def _measure(self, key: str, workload: Workload, listen: Listener) -> Cell:
        devnet = self._devnet
        snapshot = devnet.node.snapshot()
        if key in ROLLUPS:
            devnet.start_services()
        with RunFolder() as folder:
            technique = self._builders[key](Meter(devnet.l1), workload, folder)
            cell = carry(devnet, key, workload, technique, listen)[1]
        devnet.forget_services()  # before L1 goes back to what they do not know
        devnet.node.revert(snapshot)
        return cell


def prepare(devnet: Devnet, workload: Workload) -> None:
    """Give stand-ins the money that they will need, and some tokens.

    Raises:
        BadInput: they need more than there is.
    """
    deployer, token = devnet.accounts["deployer"], devnet.contracts["Token"]
    needs = {name: TIMES_NEEDED * _locked(workload, name) + FEES for name in workload.stand_ins}
    if sum(needs.values()) > STAND_INS_MOST:
        raise BadInput(
            f"the {len(needs)} addresses whose keys are not here need {sum(needs.values()) / ETHER:,.0f} ETH together, "
            f"more than the {STAND_INS_MOST // ETHER:,} ETH that there are for them"
        )
    for name, need in needs.items():
        address = workload.accounts[name].address
        devnet.l1.send(deployer, to=address, value=need)
        devnet.l1.send(deployer, token.functions.transfer(address, workload.spent(name) + ETHER))


def _locked(workload: Workload, name: str) -> int:
    """What ``name`` must own, whether it has one purse or one in each channel (wei)."""
    others = {each.payee if each.payer == name else each.payer for each in workload.payments}
    locked = 0
    for other in others - {name}:
        own = tuple(each for each in workload.payments if {each.payer, each.payee} == {name, other})
        if own:
            locked += Workload(own, {}).need(name) + MARGIN
    return max(workload.need(name), locked)


def carry(devnet: Devnet, key: str, workload: Workload, technique: Technique, listen: Listener) -> tuple[Run, Cell]:
    """Carry a workload by one technique, and measure it.

    Args:
        key: of `TECHNIQUES`.

    Raises:
        CheckFailed: a balance is not what it must be.
    """
    chain, first, paid = devnet.l1, devnet.l1.block_number(), 0

    def hear(run: Run, phase: str) -> None:
        nonlocal paid
        if phase == "settle":
            paid = chain.block_number()
        listen(run, phase)

    done = run(technique, len(workload.payments), hear)
    brought = [each["blockNumber"] for phase in ("settle", "exit") for each in _receipts(done.costs[phase])]
    last = max(brought, default=paid)
    blocks = _Blocks(chain)
    return done, Cell(
        technique=key,
        hardfork=devnet.hardfork,
        payments=len(workload.payments),
        parties=len(workload.accounts),
        value=workload.value,
        capital=_capital(devnet, first, done),
        exit_blocks=last - paid,
        exit_seconds=blocks.timestamp(last) - blocks.timestamp(paid),
        phases={phase: blocks.usage(done.costs[phase]) for phase in PHASES},
        timing=Timing(
            round(median(done.confirmations_ms), 3), {phase: round(done.seconds[phase], 3) for phase in PHASES}
        ),
    )


def _receipts(costs: Sequence[Cost]) -> list[Mapping[str, Any]]:
    return [cast(Mapping[str, Any], receipt) for each in costs for receipt in each.receipts]


def _capital(devnet: Devnet, first: int, done: Run) -> int:
    """The most wei that our contracts owned at one time beyond what they owned in block ``first``.

    What they own changes with calls of them alone, and who has called them is in the receipts.
    """
    contracts = [contract.address for contract in devnet.contracts.values()]
    receipts = [each for phase in PHASES for each in _receipts(done.costs[phase])]
    numbers = [first, *sorted({each["blockNumber"] for each in receipts if each["to"] in contracts})]
    asked = [("eth_getBalance", [address, hex(number)]) for number in numbers for address in contracts]
    owned = [int(each, 16) for each in devnet.l1.rpc.batch(asked)]
    sums = [sum(owned[start : start + len(contracts)]) for start in range(0, len(owned), len(contracts))]
    return max(sums) - sums[0]


class _Blocks:
    """Blocks of L1, each asked for once."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def timestamp(self, number: int) -> int:
        """When block ``number`` was made (seconds)."""
        return int(self._chain.rpc.call("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)

    def usage(self, costs: Sequence[Cost]) -> Usage:
        """What the transactions of ``costs`` used, their inputs read off their blocks."""
        receipts = _receipts(costs)
        ours = {bytes(each["transactionHash"]) for each in receipts}
        numbers = sorted({each["blockNumber"] for each in receipts})
        found = self._chain.rpc.batch([("eth_getBlockByNumber", [hex(number), True]) for number in numbers])
        inputs = {
            bytes.fromhex(each["hash"][2:]): bytes.fromhex(each["input"][2:])
            for block in found
            for each in block["transactions"]
        }
        data = [inputs[name] for name in ours]
        return Usage(
            transactions=sum(each.transactions for each in costs),
            gas=sum(each.gas for each in costs),
            blob_gas=sum(each.blob_gas for each in costs),
            calldata_bytes=sum(map(len, data)),
            zero_bytes=sum(each.count(0) for each in data),
        )
