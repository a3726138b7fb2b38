"""What `l2kit demo` runs, in which order."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.demo import bridge, channel, fraud
from toolkit.gas import lab
from toolkit.gas import run as gas
from toolkit.gas.report import Report
from toolkit.technique.protocol import PHASES, Run
from toolkit.technique.story import Story
from toolkit.technique.workload import ETHER, Workload
from toolkit.world import Devnet


def run(subject: str, devnet: Devnet, workload: Workload, story: Story, step: Callable[[str], None]) -> Report | None:
    """Run one of `toolkit.demo.SUBJECTS`; "all" ends with the gas report.

    Args:
        workload: the payments that are made.
        story: is told everything.
        step: is told what goes on now.

    Raises:
        CheckFailed: a balance is not what it must be.
    """
    story.section("The devnet")
    story.step(f"{devnet.node.version()} at {devnet.node.rpc.shown}, chain {devnet.l1.chain_id}, contracts deployed")
    story.step("sequencer, proposer, verifier and provider run as processes of their own")
    if subject == "all":
        if devnet.l1.gives_blobs():
            devnet.l1.prepare_for_blobs()  # of the last technique
        else:
            story.step("the node does not give blobs back: the rollup's batches go to L1 as calldata alone")
    if subject == "deposit":
        step("deposit")
        bridge.deposit(devnet, story)
    if subject in ("withdraw", "all"):
        step("deposit and withdrawal")
        bridge.withdraw(devnet, story)
    if subject in ("channel", "all"):
        step("payment channels")
        channel.channel(devnet, story)
    if subject in ("fraud", "all"):
        step("a proposer that cheats")
        fraud.fraud(devnet, story)
    teller = _Teller(workload, story, step)
    if subject == "channel":
        lab.carried(devnet, workload, teller.hear, only="channel")
        teller.end()
    if subject != "all":
        return None
    report = gas.once(devnet, workload, teller.hear, step)
    teller.end()
    story.section("Gas")
    return report


class _Teller:
    """Tells each technique's phases when they are over."""

    def __init__(self, workload: Workload, story: Story, step: Callable[[str], None]) -> None:
        self._workload, self._story, self._step = workload, story, step
        self._run: Run | None = None
        self._told = 0

    def hear(self, run: Run, phase: str) -> None:
        self._step(f"{run.name}: {phase}")
        if self._run is None and self._workload.stand_ins:
            count = len(self._workload.stand_ins)
            self._story.section("The payments")
            self._story.step(f"accounts of ours stand in for addresses whose keys are not here: {count}")
        if self._run is not run:
            self.end()
            self._run, self._told = run, 0
            total = sum(payment.amount for payment in self._workload.payments) / ETHER
            self._story.section(f"{len(self._workload.payments):,} payments, {total:,.4f} ETH: {run.name}")
        self._tell()

    def end(self) -> None:
        """The run heard of last is over."""
        if self._run is not None:
            self._tell()
            for fact in self._run.facts:
                self._story.checked(fact)

    def _tell(self) -> None:
        run = self._run
        if run is None:
            return
        done = [phase for phase in PHASES if phase in run.seconds]
        for phase in done[self._told :]:
            if phase == "pay" and not run.costs[phase]:
                self._story.step(f"pay: every payment signed and acknowledged ({run.seconds[phase]:.1f} s)", 0)
            for cost in run.costs[phase]:
                transactions = f"{cost.transactions:,} transaction{'s' if cost.transactions > 1 else ''}"
                self._story.step(f"{phase}: {cost.what} ({transactions}, {run.seconds[phase]:.1f} s)", cost.gas)
        self._told = len(done)
