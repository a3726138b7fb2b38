"""Withhold: the sequencer goes on promising, and posts nothing any more. Nor does its proposer assert anything."""

from __future__ import annotations

from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.workload import ETHER

PROMISED = 3 * ETHER


def play(stage: Stage) -> None:
    """Alice has a promise made to bob, carol a deposit that nobody consumes; heidi helps them out."""
    story, token = stage.story, stage.token
    alice, bob, carol, heidi = stage.people("alice", "bob", "carol", "heidi")
    story.section("A sequencer that promises and posts nothing")
    stage.start("sequencer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.deposit(alice, 100 * ETHER, token)
    stage.arrive((alice, 10 * ETHER, ETH), (alice, 100 * ETHER, token))
    story.step("alice owns on L2 what she deposited; so far all was well")
    stage.kill("sequencer")
    stage.start("sequencer", cheat="withhold")
    stage.begin(stage.accounts["sequencer"])
    promise = stage.pay(alice, bob, PROMISED)
    stage.ledger.promise(alice.address_bytes, bob.address_bytes, ETH, PROMISED)
    shown = stage.client("sequencer").account(bob.address_bytes).balance
    stage.expect(shown, PROMISED, "what the sequencer says that bob has")
    stage.expect(stage.on_l2(bob), 0, "what bob has by L1's data")
    story.step(f"the sequencer shows bob {stage.amount(shown)}; L1 knows nothing of it")
    stage.deposit(carol, 5 * ETHER)
    stage.force_withdrawal(alice)
    stage.force_withdrawal(alice, token)

    story.section("Others post, assert and confirm")
    for _ in range(2):  # the first takes the snapshot, the second consumes it
        stage.travel(stage.sequencer_window, "nobody has posted: now anybody may")
        stage.post_late(heidi)
    stage.expect(stage.on_l2(carol), 5 * ETHER, "what carol has on L2")
    stage.expect(stage.on_l2(alice), 0, "what alice has on L2")
    story.step("carol's deposit is on L2, and alice's withdrawals are made")
    stage.force_withdrawal(carol)
    for _ in range(2):
        stage.travel(stage.sequencer_window, "nobody has posted")
        batch = stage.post_late(heidi)
    stage.assert_state(heidi)
    stage.travel(stage.devnet.options.challenge_window, "the challenge window is over")
    stage.confirm(heidi)
    stage.claim(alice, carol)

    status = stage.client("sequencer").receipt(promise).status
    stage.expect(status, "dropped", "what the sequencer says of bob's payment in the end")
    stage.expect(stage.on_l2(bob), 0, "what bob has by L1's data")
    stage.expect(batch, stage.replica().confirmed_outbox().batch, "the last batch posted")
    stage.checked("all are out with what L1 knew to be theirs, and the sequencer did nothing")
    stage.because(
        f"bob never had the {stage.amount(PROMISED)}: until the batch is on L1, the sequencer has promised, not paid"
    )
    stage.because("a merchant who delivered for that promise has lost the goods: alice left with all")
