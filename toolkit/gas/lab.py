"""Runs one workload through every technique on one devnet."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.channel import receipts as channel_receipts
from toolkit.channel.technique import ChannelTechnique
from toolkit.devnet.chain import Chain
from toolkit.errors import BadInput
from toolkit.gas import baseline
from toolkit.gas.l1 import L1Erc20, L1Eth
from toolkit.gas.report import Report
from toolkit.rollup.measure import dispute_receipts
from toolkit.rollup.measure import receipts as rollup_receipts
from toolkit.rollup.technique import RollupTechnique
from toolkit.technique.meter import Meter
from toolkit.technique.protocol import Listener, Run, Technique, run
from toolkit.technique.workload import ETHER, Workload
from toolkit.toolchain import SOLC_VERSION
from toolkit.world import Devnet

ETH_TECHNIQUES = 4
"""How often the workload is paid in ETH: by transfers, through channels, and through the rollup in two ways."""
FEES = 10 * ETHER
"""What a stand-in gets for its L1 fees (wei)."""
STAND_INS_MOST = 8_000 * ETHER
"""What all stand-ins together may need (wei)."""


def techniques(devnet: Devnet, workload: Workload) -> list[Technique]:
    """Every technique that the devnet's node can carry, ready to carry the workload."""
    meter = Meter(devnet.l1)
    found: list[Technique] = [
        L1Eth(meter, workload),
        L1Erc20(meter, workload, devnet.contracts["Token"]),
        ChannelTechnique(meter, workload, devnet.contracts["PaymentChannels"].address, devnet.folder),
        RollupTechnique(meter, workload, devnet.access),
    ]
    if devnet.l1.gives_blobs():
        found.append(RollupTechnique(meter, workload, devnet.access, "blobs"))
    return found


def prepare(devnet: Devnet, workload: Workload) -> None:
    """Give stand-ins the money that they will need, and everybody some tokens.

    Raises:
        BadInput: the stand-ins need more than there is.
    """
    deployer, token = devnet.accounts["deployer"], devnet.contracts["Token"]
    needs = {name: workload.need(name) for name in workload.stand_ins}
    money = sum(ETH_TECHNIQUES * need + FEES for need in needs.values())
    if money > STAND_INS_MOST:
        raise BadInput(
            f"the {len(needs)} addresses whose keys are not here need {money / ETHER:,.0f} ETH together, "
            f"more than the {STAND_INS_MOST // ETHER:,} ETH that there are for them"
        )
    for name, need in needs.items():
        address = workload.accounts[name].address
        devnet.l1.send(deployer, to=address, value=ETH_TECHNIQUES * need + FEES)
        spends = sum(each.amount for each in workload.payments if each.payer == name)
        devnet.l1.send(deployer, token.functions.transfer(address, spends + ETHER))  # in whatever order L1 mines them


def carry(devnet: Devnet, workload: Workload, listen: Listener, only: str | None = None) -> list[Run]:
    """Carry the workload by every technique in turn, or by the one named; every balance is checked.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: there is not enough money for the workload's stand-ins.
    """
    prepare(devnet, workload)
    chosen = [each for each in techniques(devnet, workload) if only in (None, each.name)]
    return [run(technique, len(workload.payments), listen) for technique in chosen]


def receipts(devnet: Devnet, chain: Chain | None = None) -> dict[str, int]:
    """Gas of single transactions by their plain name, each in a steady state.

    They go through ``chain`` where it is given, which must be another connection to the devnet's node.
    """
    l1, token, accounts = chain or devnet.l1, devnet.contracts["Token"], devnet.accounts

    def travel(seconds: int) -> int:
        return devnet.travel(seconds=seconds)

    return {
        **baseline.measure(l1, accounts["alice"], accounts["bob"], token),
        **channel_receipts.measure(l1, accounts, devnet.contracts["PaymentChannels"].address, token, travel),
        **rollup_receipts.measure(l1, accounts, token, travel),
        **dispute_receipts.measure(l1, accounts),
    }


def report(devnet: Devnet, workload: Workload, listen: Listener, step: Callable[[str], None]) -> Report:
    """Everything that the gas lab measures.

    Args:
        listen: hears of every phase of every technique.
        step: is told what goes on.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: there is not enough money for the workload's stand-ins.
    """
    runs = carry(devnet, workload, listen)
    step("single transactions in a steady state")
    found = receipts(devnet)
    versions = {"solc": SOLC_VERSION, "node": devnet.node.version(), "hardfork": devnet.options.hardfork}
    return Report(found, runs, {**versions, "chain_id": devnet.l1.chain_id, "payments": len(workload.payments)})
