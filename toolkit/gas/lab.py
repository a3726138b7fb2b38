"""The gas lab: every technique on one devnet, and single transactions in a steady state."""

from __future__ import annotations

from typing import Any

from toolkit.channel import receipts as channel_receipts
from toolkit.devnet.chain import Chain
from toolkit.devnet.process import RunFolder
from toolkit.gas import baseline
from toolkit.gas.cell import Cell
from toolkit.gas.matrix import builders, carry, prepare
from toolkit.rollup.measure import dispute_receipts
from toolkit.rollup.measure import receipts as rollup_receipts
from toolkit.technique.meter import Meter
from toolkit.technique.protocol import Listener
from toolkit.technique.workload import Workload
from toolkit.toolchain import SOLC_VERSION
from toolkit.world import Devnet


def carried(devnet: Devnet, workload: Workload, listen: Listener, only: str | None = None) -> list[Cell]:
    """Carry the workload on a devnet with services by every technique in turn, or by that of the key ``only``.

    Every balance is checked. What one technique leaves on L1 is there for the next, unlike in the `Matrix`.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: there is not enough money for the workload's stand-ins.
    """
    prepare(devnet, workload)
    cells = []
    for key, build in builders(devnet).items():
        if only in (None, key):
            with RunFolder() as folder:
                technique = build(Meter(devnet.l1), workload, folder)
                cells.append(carry(devnet, key, workload, technique, listen)[1])
    return cells


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


SINGLE = "single transactions in a steady state"
"""What `receipts` measures, in words."""


def versions(devnet: Devnet) -> dict[str, Any]:
    """Of what the figures are: compiler, node, hardfork and chain."""
    node = {"node": devnet.node.version(), "hardfork": devnet.hardfork, "chain_id": devnet.l1.chain_id}
    return {"solc": SOLC_VERSION, **node}
