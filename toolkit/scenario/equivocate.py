"""Equivocate: the proposer asserts two states of the same batches, and will say later which one it meant."""

from __future__ import annotations

from toolkit.scenario.dispute import tell_verdict
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.workload import ETHER


def play(stage: Stage) -> None:
    """Alice and bob withdraw; the verifier disputes the wrong one of two states, and anybody confirms the right one."""
    story, token = stage.story, stage.token
    alice, bob, heidi = stage.people("alice", "bob", "heidi")
    story.section("A proposer that asserts two states at once")
    stage.start("sequencer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((alice, 10 * ETHER, ETH), (bob, 100 * ETHER, token))
    stage.begin(stage.accounts["proposer"])
    stage.withdraw(alice, 4 * ETHER)
    batch = stage.posted(stage.withdraw(bob, 40 * ETHER, token))
    story.step(f"both withdrawals are in batch {batch} on L1, or before it")
    stage.start("proposer", cheat="equivocation")
    stage.until(lambda: len(stage.replica().assertions) == 2, "two assertions")
    right, wrong = sorted(stage.replica().assertions.values(), key=lambda each: not each.agree)
    stage.expect((right.parent, right.batch), (wrong.parent, wrong.batch), "what the second assertion is about")
    for each in (right, wrong):
        said = "what L1's data gives" if each.agree else "something else"
        story.step(f"the proposer asserts of batch {each.batch}: 0x{each.machine_hash.hex()[:8]}, {said}")

    story.section("The verifier disputes the wrong one")
    tell_verdict(stage)
    stage.kill("proposer")
    story.step("the proposer is gone now; the right state that it asserted stands without it")
    stage.travel(stage.devnet.options.challenge_window, "the challenge window is over")
    stage.confirm(heidi)
    stage.expect(stage.replica().assertions[right.id].status, "confirmed", "the right assertion")
    stage.expect(stage.replica().assertions[wrong.id].status, "rejected", "the wrong assertion")
    stage.claim(alice, bob)
    stage.checked("of two states the right one is confirmed, and the wrong one has cost its bond")
