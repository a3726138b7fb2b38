"""Censor: the sequencer takes nothing from one owner. It must take what L1 brings, or it could not post at all."""

from __future__ import annotations

from toolkit.rollup.client import OperationRefused
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed
from toolkit.technique.workload import ETHER


def play(stage: Stage) -> None:
    """Alice is refused, and leaves with all she has."""
    story, token = stage.story, stage.token
    alice, bob, carol = stage.people("alice", "bob", "carol")
    story.section("A sequencer that refuses alice")
    stage.start("sequencer", cheat=f"censor:{alice.address}")
    stage.start("proposer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.deposit(alice, 100 * ETHER, token)
    stage.deposit(bob, 5 * ETHER)
    stage.arrive((alice, 10 * ETHER, ETH), (alice, 100 * ETHER, token), (bob, 5 * ETHER, ETH))
    story.step("alice and bob own on L2 what they deposited")
    stage.begin(stage.accounts["sequencer"])
    for asset in (ETH, token):
        _refused(stage, asset)
    paid = stage.pay(bob, carol, ETHER)
    stage.posted(paid)
    stage.ledger.pay(bob.address_bytes, carol.address_bytes, ETH, ETHER)

    story.section("Alice leaves by force")
    for asset in (ETH, token):
        stage.force_withdrawal(alice, asset)
    batch = stage.consumed()
    replica = stage.replica()
    stage.expect([each.owner for each in replica.state.withdrawals], 2 * [alice.address_bytes], "who has withdrawn")
    posters = {each.batch.poster for each in replica.history.posted}
    stage.expect(posters, {stage.accounts["sequencer"].address_bytes}, "who has posted")
    story.step("the sequencer had to post both: the Inbox takes no batch without what waits")
    stage.finalise(batch)
    stage.claim(alice)
    for asset, unit in ((ETH, "ETH"), (token, "DEV")):
        stage.expect(stage.on_l2(alice, asset), 0, f"what alice has on L2 of {unit}")
    stage.checked("alice has all she owned on L1, and the sequencer would not hear her to the end")


def _refused(stage: Stage, token: bytes) -> None:
    alice = stage.accounts["alice"]
    try:
        stage.client("sequencer").withdraw(alice, WHOLE_BALANCE, token)
    except OperationRefused as refused:
        stage.story.step(f"alice asks to withdraw all her {stage.unit(token)}; the sequencer: {refused}")
    else:
        raise CheckFailed("the sequencer has taken an operation of alice's")
