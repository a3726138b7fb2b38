"""A whole run of the gas lab: matrix, single transactions, later hardforks, operators that vanish; kept as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from toolkit.devnet.nodes import NODE_HARDFORKS, attach, check_blobs
from toolkit.errors import BadInput
from toolkit.gas import hardforks as forks
from toolkit.gas import vanish
from toolkit.gas.cell import Cell
from toolkit.gas.checkpoint import Checkpoint, digest
from toolkit.gas.hardforks import ForkReceipts
from toolkit.gas.lab import SINGLE, carried, receipts, versions
from toolkit.gas.matrix import Matrix, Plan, Progress
from toolkit.gas.report import Report
from toolkit.gas.vanish import Vanish
from toolkit.technique.protocol import Listener
from toolkit.technique.workload import Workload
from toolkit.world import Devnet, Options


@dataclass(frozen=True)
class Order:
    """What is measured.

    Attributes:
        plan: techniques, sizes and the workload.
        about: what names the workload, sizes excluded (JSON).
        options: of the devnets; hardfork and services excluded.
        hardforks: the matrix runs at each of them that the node runs whole, single transactions at all of them.
        vanishing: whether the techniques' operators are killed as well, to see what becomes of their users.

    Raises:
        BadInput: the matrix can run at none of the hardforks, or one cannot be measured.
    """

    plan: Plan
    about: Mapping[str, Any]
    options: Options
    hardforks: Sequence[str] = (forks.BASE,)
    vanishing: bool = True

    def __post_init__(self) -> None:
        if self.options.l1_rpc is not None and tuple(self.hardforks) != (forks.BASE,):
            raise BadInput("a node that already runs has one hardfork: leave --l1-rpc out to choose others")
        if not self.whole:
            raise BadInput(
                f"at {', '.join(self.hardforks)} single transactions alone can be measured: name one of "
                f"{', '.join(self._runs)} beside it, at which {self.options.node} carries the payments"
            )
        if "rollup-blobs" in (self.plan.techniques or ()) and self.options.l1_rpc is None:
            check_blobs(self.options.node)
        for name in self.others:
            forks.node_of(name, self.options.node)

    @property
    def _runs(self) -> list[str]:
        return [name for name in NODE_HARDFORKS.get(self.options.node, ()) if name not in forks.INCOMPLETE]

    @property
    def whole(self) -> list[str]:
        """The hardforks that the matrix runs at."""
        return [name for name in self.hardforks if name in self._runs]

    @property
    def others(self) -> list[str]:
        """Those at which single transactions alone are measured."""
        return [name for name in self.hardforks if name not in self._runs]

    def decides(self) -> dict[str, Any]:
        """Everything beside our own program text that decides the figures, sizes and techniques excluded (JSON)."""
        decides: dict[str, Any] = {
            "workload": dict(self.about),
            "options": asdict(replace(self.options, port=None, l2_port=None)),
        }
        if self.options.l1_rpc is not None:
            node = attach(self.options.l1_rpc)
            try:
                decides["node"] = node.version()
            finally:
                node.stop()
        return decides


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
    step(SINGLE)
    return Report(receipts(devnet), cells, devnet.deployment, {**versions(devnet), "payments": len(workload.payments)})


def run(
    order: Order,
    *,
    fresh: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
    step: Callable[[str], None] = lambda what: None,
) -> Report:
    """Measure what is ordered; a run that was stopped goes on where it was.

    Args:
        fresh: whether what a stopped run has finished is measured again.
        tell: hears of each cell before it is measured.
        step: is told what goes on.

    Raises:
        CheckFailed: a balance is not what it must be.
        BadInput: a technique cannot be carried here, or there is not enough money for the workload's stand-ins.
    """
    cells: list[Cell] = []
    single: list[ForkReceipts] = []
    deployment: dict[str, int] = {}
    known: dict[str, Any] = {}
    techniques: list[str] = []
    with Checkpoint(digest(order.decides()), fresh=fresh) as checkpoint:
        for place, hardfork in enumerate(order.whole):
            step("starting the devnet")
            options = replace(order.options, services=False, repeatable=True, hardfork=hardfork)
            with Devnet(options) as devnet:
                matrix = Matrix(devnet, order.plan)
                deployment, known, techniques = matrix.deployment, versions(devnet), matrix.techniques
                cells += matrix.cells(
                    checkpoint,
                    _counted(tell, place, len(order.whole)),
                    lambda run, phase: step(f"{run.name}, {run.payments:,}: {phase}"),
                )
                name = f"{devnet.hardfork} {SINGLE}"
                if name not in checkpoint.kept:
                    step(SINGLE)
                    checkpoint.keep(name, matrix.alone(partial(receipts, devnet)))
                missing = "" if devnet.l1.gives_blobs() else f"{options.node} takes no blobs"
                single.append(forks.measured_at(devnet, checkpoint.kept[name], missing))
        for hardfork in order.others:
            if hardfork not in checkpoint.kept:
                found = forks.measure([hardfork], order.options, step)
                checkpoint.keep(hardfork, [each.as_json() for each in found])
            single += [ForkReceipts(**each) for each in checkpoint.kept[hardfork]]
        gone = _vanished(order, techniques, checkpoint, step) if order.vanishing else []
        checkpoint.complete()
    base = single[len(order.whole) - 1]
    meta = {
        **known,
        "hardforks": [known["hardfork"]] if order.options.l1_rpc is not None else list(order.hardforks),
        "payments": list(order.plan.sizes),
        "workload": dict(order.about),
    }
    return Report(base.gas, cells, deployment, meta, single, gone)


def _counted(tell: Callable[[Progress], None], place: int, of: int) -> Callable[[Progress], None]:
    """The same, counted over all hardforks."""
    return lambda at: tell(replace(at, done=at.done + place * at.of, of=at.of * of))


def _vanished(
    order: Order, techniques: Sequence[str], checkpoint: Checkpoint, step: Callable[[str], None]
) -> list[Vanish]:
    found = []
    for technique in techniques:
        name = f"vanish {technique}"
        if name not in checkpoint.kept:
            step(f"{technique}: its operator vanishes")
            options = replace(order.options, hardfork=order.whole[-1])
            checkpoint.keep(name, vanish.play(technique, options).as_json())
        found.append(Vanish.from_json(checkpoint.kept[name]))
    return found
