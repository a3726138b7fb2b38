"""The gas lab: every technique on one devnet, and single transactions in a steady state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolkit.channel import receipts as channel_receipts
from toolkit.devnet.chain import Chain
from toolkit.devnet.process import RunFolder
from toolkit.gas import baseline
from toolkit.gas.cell import Cell
from toolkit.gas.checkpoint import Checkpoint, digest
from toolkit.gas.matrix import Matrix, Plan, Progress, builders, carry, prepare
from toolkit.gas.report import Report
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


def once(devnet: Devnet, workload: Workload, listen: Listener, step: Callable[[str], None]) -> Report:
    """One workload by every technique on a devnet with services, and single transactions.

    Args:
        listen: hears of every phase of every technique.
        step: is told what goes on.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: there is not enough money for the workload's stand-ins.
    """
    cells = carried(devnet, workload, listen)
    step(_SINGLE)
    return Report(receipts(devnet), cells, devnet.deployment, {**_versions(devnet), "payments": len(workload.payments)})


def report(
    devnet: Devnet,
    plan: Plan,
    about: Mapping[str, Any],
    *,
    fresh: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
    step: Callable[[str], None] = lambda what: None,
) -> Report:
    """Everything that the gas lab measures; a run that was stopped goes on where it was.

    Args:
        devnet: with ``Options(services=False, repeatable=True)``.
        about: what names the workload, sizes excluded (JSON).
        fresh: whether what a stopped run has finished is measured again.
        tell: hears of each cell before it is measured.
        step: is told what goes on.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: a technique cannot be carried here, or there is not enough money for the workload's stand-ins.
    """
    step("deploying")
    versions = _versions(devnet)
    matrix = Matrix(devnet, plan)
    decides = {**versions, "workload": about, "stand_ins": plan.workload.stand_ins}
    decides["challenge_window"] = devnet.options.challenge_window
    with Checkpoint(digest(decides), fresh=fresh) as checkpoint:
        cells = []
        for cell in matrix.cells(checkpoint, tell, lambda run, phase: step(f"{run.name}, {run.payments:,}: {phase}")):
            cells.append(cell)
        if _SINGLE not in checkpoint.kept:
            step(_SINGLE)
            checkpoint.keep(_SINGLE, matrix.alone(lambda: receipts(devnet)))
        checkpoint.complete()
    meta = {**versions, "payments": list(plan.sizes), "workload": dict(about)}
    return Report(checkpoint.kept[_SINGLE], cells, matrix.deployment, meta)


_SINGLE = "single transactions in a steady state"


def _versions(devnet: Devnet) -> dict[str, Any]:
    node = {"node": devnet.node.version(), "hardfork": devnet.options.hardfork, "chain_id": devnet.l1.chain_id}
    return {"solc": SOLC_VERSION, **node}
