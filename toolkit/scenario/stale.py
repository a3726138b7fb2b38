"""Stale: the proposer claims that the last batches changed nothing. So withdrawals made in them would never be paid."""

from __future__ import annotations

from toolkit.scenario.dispute import tell_verdict
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed
from toolkit.technique.workload import ETHER
from toolkit.world import DAY


def play(stage: Stage) -> None:
    """Alice and bob withdraw; the proposer leaves that out, is disputed, and anybody asserts the right state."""
    story, token = stage.story, stage.token
    alice, bob, heidi = stage.people("alice", "bob", "heidi")
    story.section("A proposer that has not seen the last withdrawals")
    stage.start("sequencer", "proposer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((alice, 10 * ETHER, ETH), (bob, 100 * ETHER, token))
    stage.finalise(stage.consumed())
    stage.kill("proposer")
    old = stage.replica().confirmed_outbox()
    stage.begin(stage.accounts["proposer"])
    stage.withdraw(alice, 4 * ETHER)
    batch = stage.posted(stage.withdraw(bob, 40 * ETHER, token))
    stage.start("proposer", cheat=f"stale:{old.batch + 1}", assert_seconds=float(DAY))
    stage.until(lambda: any(not each.agree for each in stage.replica().assertions.values()), "the wrong assertion")
    lie = next(each for each in stage.replica().assertions.values() if not each.agree)
    story.step(f"the proposer asserts of batch {lie.batch} accounts and withdrawals as after batch {old.batch}")

    story.section("The verifier disputes that, and somebody else asserts what is right")
    tell_verdict(stage)
    stage.kill("proposer")
    stage.expect(stage.assert_state(heidi), batch, "the batch asserted")
    stage.travel(stage.devnet.options.challenge_window, "the challenge window is over")
    stage.confirm(heidi)
    if stage.replica().confirmed_outbox().withdrawals != old.withdrawals + 2:
        raise CheckFailed("the withdrawals are not in the confirmed state")
    stage.claim(alice, bob)
    stage.checked("the withdrawals that were to be left out are paid, and to leave them out has cost a bond")
